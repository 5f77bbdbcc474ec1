# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""The servers of the benchmark, their objects, and the requests for them."""

import hashlib
import hmac
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

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD") or ROOT / "build").resolve()
NGINX = BUILD / "nginx/sbin/nginx"
MODULE = BUILD / "modules/ngx_http_xr_module.so"

TENANT = "acme"
BUCKET = "models"

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
        self.key = secrets.token_hex(32)
        self.targets = {}
        self.paths = {}

        # workers that root starts run as another user
        self.path.chmod(0o755)
        self.objects.mkdir()

        self._secret("keys", f"bench {self.key}\n")
        self._secret("credentials", "[default]\n"
                     "aws_access_key_id = BENCH\n"
                     f"aws_secret_access_key = {secrets.token_hex(20)}\n")

        self.headers = self.path / "headers"
        self.headers.write_bytes(
            (HERE / "headers.txt").read_bytes().replace(b"\n", b"\r\n"))

        for size in sizes:
            self._prepare(size)

    def _secret(self, name, text):
        path = self.path / name
        path.touch(mode=0o600)
        path.write_text(text)

    def _prepare(self, size):
        length, count = SIZES[size]
        self.paths[size] = []
        lines = []

        for i in range(count):
            name = f"{size}-{i:04}.glb"
            (self.objects / name).write_bytes(os.urandom(length))
            path = f"/{TENANT}/{name}"
            self.paths[size].append(path)
            lines.append(f"{path}?xr_token={self.token(path, i)}\n")

        self.targets[size] = self.path / f"targets-{size}"
        self.targets[size].write_text("".join(lines))

    def token(self, path, number):
        signed = f"exp={int(time.time()) + 86400}~acl={path}~id=viewer-{number:04}"
        mac = hmac.new(bytes.fromhex(self.key), signed.encode(), hashlib.sha256)
        return f"{signed}~hmac={mac.hexdigest()}"


class Server:
    """
    One NGINX with a prefix of its own; "with" runs it, and may do so again
    with the cache that it has filled before.  "tool" is put in front of its command
    line; then there is one process only, the one that answers.
    """

    def __init__(self, space, template, name, cpu, origin=None, tool=()):
        self.space = space
        self.name = name
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
        }
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        (self.prefix / "nginx.conf").write_text(text)

        mode = "daemon off;" + (" master_process off;" if tool else "")
        self.command = [*map(str, tool), str(NGINX), "-p", str(self.prefix),
                        "-c", "nginx.conf", "-e", "error.log", "-g", mode]
        self.cpu = cpu
        self.tool = bool(tool)

    def __enter__(self):
        with open(self.prefix / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, {self.cpu}))
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_it_answers(self):
        end = time.monotonic() + (60 if self.tool else 10)

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

        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                title = (path / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid and b"worker process" in title:
                return int(path.name)

        raise BenchError(f"{self.name} has no worker process")

    def fill(self, sizes):
        """Gets every object once, and compares it byte by byte."""

        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=30)
        for size in sizes:
            for target in self.space.targets[size].read_text().split():
                connection.request("GET", target)
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
