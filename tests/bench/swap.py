# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""Requests while a file of 100,000 tenants is replaced under them."""

import collections
import concurrent.futures
import json
import os
import secrets
import statistics
import subprocess
import sys
import time

import arms
import measure
from credentials import write_secret

SIZE = "4k"
TENANTS = 100000
SWAPS = 3

# what we promise: no request takes longer, no change takes longer
STALL_MS = 20
SWAP_SECONDS = 2

SWAP_TIMEOUT = 60

Window = collections.namedtuple("Window", "rate cpu p99 longest")


class File:
    """A tenants file, and the next one beside it."""

    def __init__(self, space, origin):
        self.path = space.path / "tenants.json"
        self.new = space.path / "tenants.new"
        self.tenants = {
            f"team-{i:06}": {
                "hosts": [f"team-{i:06}.assets.example"],
                "origin": f"s3://xr-assets/team-{i:06}",
                "region": "eu-central-1",
                "endpoint": f"http://127.0.0.1:{origin.port}",
                "credentials": {"access_key_id": f"AKIA{i:016}",
                                "secret_access_key": secrets.token_hex(20)},
                "keys": [{"id": "2026-11", "key": secrets.token_hex(32)}],
            } for i in range(TENANTS)}

        self.prepare()
        self.replace()

    def prepare(self):
        key = self.tenants["team-000000"]["keys"][0]
        key["key"] = secrets.token_hex(32)
        write_secret(self.new, json.dumps({"tenants": self.tenants}, indent=1))

    def replace(self):
        """As whoever changes such a file should: at once."""

        os.rename(self.new, self.path)


def generation(server):
    """Of the table that workers are to use; 0: the one they began with."""

    files = (server.prefix / "xr_state").glob("tenants.*.*")
    return max((int(f.suffix[1:]) for f in files), default=0)


def swap(server, file):
    """Seconds from the file's change to the table's."""

    wanted = generation(server) + 1
    started = time.monotonic()

    file.replace()
    while generation(server) < wanted:
        if time.monotonic() > started + SWAP_TIMEOUT:
            raise arms.BenchError("the tenants file is not taken over: "
                                  + (server.prefix / "error.log").read_text())
        time.sleep(0.01)

    return time.monotonic() - started


def window(space, server, cpu, milliseconds):
    """How requests fared for so long."""

    worker = server.worker()
    before = measure.cpu_ns(worker)
    report = measure.load(space, [server], SIZE, cpu,
                          measure.CONNECTIONS[SIZE], milliseconds=milliseconds)
    time.sleep(0.05)
    result = report["servers"][0]

    return Window(result["requests"] / report["seconds"],
                  (measure.cpu_ns(worker) - before) / result["requests"] / 1e3,
                  result["p99_us"] / 1e3, result["longest_us"] / 1e3)


def window_with_work(space, server, cpu, milliseconds, seconds):
    """Beside a process that has nothing to do with us but computes as long."""

    other = subprocess.Popen([sys.executable, "-c", "import time\n"
                              f"end = time.monotonic() + {seconds}\n"
                              "while time.monotonic() < end: pass"])
    try:
        return window(space, server, cpu, milliseconds)
    finally:
        other.kill()
        other.wait()


def window_with_swap(space, server, file, cpu, milliseconds):
    file.prepare()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        swapped = pool.submit(swap, server, file)
        result = window(space, server, cpu, milliseconds)
        in_time = swapped.done()
        seconds = swapped.result()

    if not in_time:
        raise arms.BenchError(f"a swap took {seconds:.1f} s, longer than it"
                              " was looked at")

    return result, seconds


def longest_of(windows):
    return round(max(w.longest for w in windows), 1)


def show(name, windows):
    rate, cpu, p99, _ = (statistics.median(w) for w in zip(*windows))
    longest = "  ".join(f"{w.longest:6.1f}" for w in windows)
    print(f"    {name:12} {rate:9.0f} {cpu:8.2f} {p99:8.2f}   {longest}",
          flush=True)


def measure_all(space, origin, cpus):
    file = File(space, origin)
    server = arms.Server(space, "xr", "swap", cpus[0], origin, roams=True,
                         options=f"xr_tenants_file  {file.path};")
    quiet, busy, disturbed, took = [], [], [], []

    with server:
        server.fill([SIZE])
        file.prepare()
        idle = swap(server, file)
        milliseconds = int(3000 * idle) + 1000

        with measure.no_misses(origin):
            for _ in range(SWAPS):
                quiet.append(window(space, server, cpus[1], milliseconds))
                busy.append(window_with_work(space, server, cpus[1],
                                             milliseconds, idle))
                result, seconds = window_with_swap(space, server, file,
                                                   cpus[1], milliseconds)
                disturbed.append(result)
                took.append(seconds)
    server.check_log()

    longest = longest_of(disturbed)
    rate = (statistics.median(w.rate for w in disturbed)
            / statistics.median(w.rate for w in quiet))

    print(f"\nHits while a file of {TENANTS:,} tenants is replaced, and while"
          " it is not,\nmedians and the longest of each window of"
          f" {milliseconds / 1000:.1f} s; other work is a process that"
          " computes for as long;\na change took"
          f" {max(took):.2f} s at most, and {idle:.2f} s without requests:\n\n"
          "                     req/s   us/req   p99 ms   longest ms")
    show("undisturbed", quiet)
    show("other work", busy)
    show("swap", disturbed)
    print(f"    {'meets' if longest <= STALL_MS else 'ABOVE'} {STALL_MS} ms;"
          f" {'meets' if max(took) <= SWAP_SECONDS else 'ABOVE'}"
          f" {SWAP_SECONDS} s", flush=True)

    return {"swap_longest_ms": longest,
            "swap_other_work_longest_ms": longest_of(busy),
            "swap_undisturbed_longest_ms": longest_of(quiet),
            "swap_rate_of_undisturbed": round(rate, 3),
            "swap_seconds": round(max(took), 2),
            "swap_idle_seconds": round(idle, 2)}
