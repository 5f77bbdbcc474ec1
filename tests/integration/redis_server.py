# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""A real Redis for tests, which they may stop, kill and start again."""

import contextlib
import re
import subprocess
import tempfile

import servers


class Redis:
    """A redis-server in a folder of its own, on a port and on a socket."""

    def __init__(self, folder, *options):
        self.folder = folder
        self.options = options
        self.port = servers.free_port()
        self.socket = f"{folder}/redis.sock"
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--dir", self.folder, "--unixsocket", self.socket, *self.options],
            stdout=subprocess.DEVNULL)
        servers.wait_for("Redis answers", lambda: "PONG" in self("PING", check=False))

    def __call__(self, *args, check=True, text=None):
        return subprocess.run(["redis-cli", "-p", str(self.port), *map(str, args)],
                              check=check, capture_output=True, text=True, timeout=20,
                              input=text, stdin=None if text else subprocess.DEVNULL).stdout

    def info(self, section, field):
        """A number or word that INFO has."""

        return re.search(rf"^{field}:(.*?)\r?$", self("INFO", section), re.M).group(1)

    def calls(self, *commands):
        """How often these commands were called."""

        stats = self("INFO", "commandstats")
        return sum(int(n) for c in commands for n in re.findall(rf"cmdstat_{c}:calls=(\d+)", stats))

    def kill(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def redis_server(*options):
    with tempfile.TemporaryDirectory(prefix="xr-redis-") as folder:
        server = Redis(folder, *options)
        try:
            server.start()
            yield server
        finally:
            server.stop()
