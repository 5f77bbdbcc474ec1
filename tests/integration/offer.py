# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""tests/tools/offer: load that comes at its own rate, whatever becomes of it."""

import json
import pathlib
import subprocess
import tempfile
import time

import servers

TOOL = servers.BUILD / "tools" / "offer"


class Answers:
    """What one of the targets files got, times in seconds from when requests were due."""

    def __init__(self, said):
        self.statuses = {int(status): n for status, n in said["statuses"].items()}
        self.failed = said["failed"]
        self.p50, self.p99, self.longest = (said[f"{name}_us"] / 1e6
                                            for name in ("p50", "p99", "longest"))

    def __repr__(self):
        return (f"<{self.statuses}, {self.failed} failed, p50 {self.p50 * 1000:.2f} ms,"
                f" p99 {self.p99 * 1000:.1f} ms, longest {self.longest * 1000:.1f} ms>")


class Offer:
    """
    Runs while a test does something else.  "loads" maps names to a port and the
    request targets for it, each with a header line behind a tab if it has one;
    they are asked in turn.
    """

    def __init__(self, rate, seconds, loads, connections=16):
        subprocess.run(["make", "-s", f"BUILD={servers.BUILD}", TOOL], cwd=servers.TOP,
                       check=True, capture_output=True, timeout=120)

        self.names = list(loads)
        self.folder = tempfile.TemporaryDirectory(prefix="xr-offer-")
        specs = []

        for n, (port, targets) in enumerate(loads.values()):
            path = pathlib.Path(self.folder.name) / str(n)
            path.write_text("".join(f"{target}\n" for target in targets))
            specs.append(f"{port}:{path}")

        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [TOOL, "-r", str(rate), "-d", str(int(seconds * 1000)), "-c", str(connections),
             *specs], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def wait(self):
        """The answers by the names of the loads, and how long it took in all."""

        said = json.loads(self.process.stdout.read())
        assert self.process.wait() == 0

        self.answers = {name: Answers(each) for name, each in zip(self.names, said["servers"])}
        self.seconds = time.monotonic() - self.began

        return self.answers


def offer(rate, seconds, loads, **options):
    with Offer(rate, seconds, loads, **options) as load:
        load.wait()

    return load
