# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker sync with a configuration, and what tests ask it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess

import servers

XR = servers.BUILD / "xr"

# of the environment of whoever runs the tests, which is no matter of theirs
FOREIGN = ("AWS_", "XR_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


def ask(path, target):
    connection = Unix(path)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def environment(**env):
    kept = {name: value for name, value in servers.environment().items()
            if not name.startswith(FOREIGN) or name == "XR_STACK_ASAN"}
    return {**kept, "NO_PROXY": "*", **{name: str(value) for name, value in env.items()}}


class Sync:
    """The worker, its configuration and its log, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "s"
        self.process = None
        self.env = {"HOME": folder}

    def configure(self, **sources):
        (self.folder / "xr.json.new").write_text(json.dumps({"sync": sources}, indent=1))
        (self.folder / "xr.json.new").rename(self.folder / "xr.json")

    def command(self, *options):
        return [XR, "worker", "sync", "--config", self.folder / "xr.json", *options]

    def start(self, *options, **sources):
        if sources:
            self.configure(**sources)
        with open(self.folder / "sync.err", "ab") as err:
            self.process = subprocess.Popen(
                self.command("--status", self.socket, *options), env=environment(**self.env),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        servers.wait_for("the worker is up", self.answers)

    def answers(self):
        with contextlib.suppress(OSError):
            return ask(self.socket, "/healthz")

    def once(self, status=0, **sources):
        """One look; what was said."""

        if sources:
            self.configure(**sources)
        done = subprocess.run(self.command("--once"), env=environment(**self.env),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == status, (done.returncode, done.stderr)
        assert not servers.TROUBLE.search(done.stderr), done.stderr
        return done.stderr

    def said(self):
        return (self.folder / "sync.err").read_text()

    def says(self, text, seconds=10):
        servers.wait_for(f'"{text}" in {self.said()!r}', lambda: text in self.said(), seconds)

    def healthy(self):
        return ask(self.socket, "/healthz")[0] == 200

    def metric(self, name, source):
        """A metric's value, or None."""

        for line in ask(self.socket, "/metrics")[1].splitlines():
            if line.startswith(f'{name}{{source="{source}",'):
                return int(line.rsplit(" ", 1)[1])

    def looks(self, source, more=1, seconds=10):
        """Waits until it has looked again, this often."""

        goal = (self.metric("xr_sync_source_looks_total", source) or 0) + more
        servers.wait_for(f"{source} is looked at {goal} times", seconds=seconds, condition=lambda:
                         (self.metric("xr_sync_source_looks_total", source) or 0) >= goal)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self, number=signal.SIGTERM):
        process, self.process = self.process, None
        assert process.poll() is None, self.said()
        process.send_signal(number)
        assert process.wait(15) == 0, self.said()
        assert servers.trouble_in(self.folder) == []


@contextlib.contextmanager
def worker(folder):
    sync = Sync(folder)
    try:
        yield sync
    finally:
        if sync.process:
            sync.end()
        left = [path.name for path in folder.rglob("*") if path.suffix[1:].isdigit()]
        assert left == [], "what was not to be kept was left behind"


def write(path, text, mode=0o600):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)
    return path
