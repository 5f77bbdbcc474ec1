# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""The servers of the benchmark, their objects, and the requests for them."""

import http.client
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time

from credentials import Credentials, write_secret

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD") or ROOT / "build").resolve()
NGINX = BUILD / "nginx/sbin/nginx"
MODULE = BUILD / "modules/ngx_http_xr_module.so"

TENANT = "acme"
BUCKET = "models"

# a table of many tenants, or valgrind, takes its time
START_SECONDS = 60

# distinct objects: many where a request is short, so that neither a token nor
# a cache node stays in the processor's cache; few where the bytes dominate
SIZES = {
    "4k": (4 << 10, 1000),
    "64k": (64 << 10, 200),
    "1m": (1 << 20, 20),
    "64m": (64 << 20, 2),
}


class BenchError(Exception):
    """Something could not be measured, or an answer was wrong."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Workspace:
    """Objects, keys and request targets, in one temporary directory."""

    def __init__(self, path, sizes):
        self.path = pathlib.Path(path)
        self.objects = self.path / "objects"
        self.paths = {}
        self._targets = {}

        # workers that root starts run as another user
        self.path.chmod(0o755)
        self.objects.mkdir()

        self.credentials = Credentials(self.path)
        write_secret(self.path / "credentials", "[default]\n"
                     "aws_access_key_id = BENCH\n"
                     f"aws_secret_access_key = {secrets.token_hex(20)}\n")

        text = (HERE / "headers.txt").read_text()
        self.fields = dict(line.split(": ", 1) for line in text.splitlines())
        self.headers = self.path / "headers"
        self.headers.write_bytes(text.encode().replace(b"\n", b"\r\n"))

        for size in sizes:
            self._prepare(size)

    def _prepare(self, size):
        length, count = SIZES[size]
        self.paths[size] = []

        for i in range(count):
            name = f"{size}-{i:04}.glb"
            (self.objects / name).write_bytes(os.urandom(length))
            self.paths[size].append(f"/{TENANT}/{name}")

    def targets(self, kind, size):
        """The file of all request targets with credentials of one kind."""

        if (kind, size) not in self._targets:
            self._targets[kind, size] = self.write_targets(
                f"{kind}-{size}",
                [f"{path}?{self.credentials.query(kind, path, i)}"
                 for i, path in enumerate(self.paths[size])])

        return self._targets[kind, size]

    def write_targets(self, name, lines):
        path = self.path / f"targets-{name}"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path


class Server:
    """
    One NGINX with a prefix of its own; "with" runs it, and may do so again
    with the cache that it has filled before.  It is asked with credentials of
    one kind, and "options" stand in its http block.  "tool" is put in front
    of its command line; then there is one process only, the one that answers.
    All its processes run on one processor; if it roams, only its worker does.
    """

    def __init__(self, space, template, name, cpu, origin=None, *,
                 kind="edgeauth", options="", tool=(), roams=False):
        self.space = space
        self.name = name
        self.kind = kind
        self.prefix = space.path / name
        self.port = free_port()
        self.process = None

        self.prefix.mkdir(exist_ok=True)
        text = (HERE / f"{template}.conf").read_text()
        values = {
            "HERE": HERE, "STATE": space.path, "PREFIX": self.prefix,
            "PORT": self.port, "ORIGIN_PORT": origin.port if origin else "",
            "OBJECTS": space.objects, "MODULE": MODULE,
            "TENANT": TENANT, "BUCKET": BUCKET,
            "KEYS": space.credentials.options(kind), "OPTIONS": options,
        }
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        (self.prefix / "nginx.conf").write_text(text)

        mode = "daemon off;" + (" master_process off;" if tool else "")
        self.command = [*map(str, tool), str(NGINX), "-p", str(self.prefix),
                        "-c", "nginx.conf", "-e", "error.log", "-g", mode]
        self.cpu = cpu
        self.tool = bool(tool)
        self.roams = roams

    def targets(self, size):
        return self.space.targets(self.kind, size)

    def __enter__(self):
        cpus = os.sched_getaffinity(0) if self.roams else {self.cpu}
        with open(self.prefix / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        try:
            self._wait_until_it_answers()
            if self.roams:
                os.sched_setaffinity(self.worker(), {self.cpu})
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS

        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)

        raise BenchError(f"{self.name} does not start:\n"
                         + (self.prefix / "stderr").read_text())

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def worker(self):
        """The process that answers requests."""

        end = time.monotonic() + 5
        while time.monotonic() < end:
            for path in pathlib.Path("/proc").glob("[0-9]*"):
                if self._is_worker(path):
                    return int(path.name)
            time.sleep(0.01)                    # the port is open before

        raise BenchError(f"{self.name} has no worker process")

    def _is_worker(self, path):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            title = (path / "cmdline").read_bytes()
        except OSError:
            return False

        return int(fields[1]) == self.process.pid and b"worker process" in title

    def fill(self, sizes):
        """Gets every object once, and compares it byte by byte."""

        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=30)
        for size in sizes:
            for target in self.targets(size).read_text().split():
                connection.request("GET", target, headers=self.space.fields)
                answer = connection.getresponse()
                body = answer.read()
                name = target.partition("?")[0].rpartition("/")[2]
                if answer.status != 200:
                    raise BenchError(f"{self.name}: {answer.status} for {name}")
                if body != (self.space.objects / name).read_bytes():
                    raise BenchError(f"{self.name}: wrong bytes for {name}")
        connection.close()

    def empty(self):
        """Forgets the cache; the server must not be running."""

        shutil.rmtree(self.prefix / "cache", ignore_errors=True)

    def check_log(self):
        """No server may complain while it is measured."""

        log = self.prefix / "error.log"
        text = log.read_text() if log.exists() else ""
        bad = re.search(r".*\[(alert|emerg|crit|error)\].*", text)
        if bad:
            raise BenchError(f"{self.name}: {bad.group()}")

    def requests_logged(self):
        return (self.prefix / "access.log").read_bytes().count(b"\n")
