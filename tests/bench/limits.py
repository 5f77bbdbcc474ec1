# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""What token buckets cost: leased ones, and exact ones that ask Redis."""

import contextlib
import os
import random
import re
import socket
import statistics
import subprocess
import time

import arms
import kinds
import measure

SIZE = "4k"
ROUNDS = (15, 800)

# three limits of so much that nothing is refused
KEYS = ("tenant", "subject", "address")
PLENTY = "rate=1000000r/s"

# far less than a worker can do; what is refused waits for its turn
SCARCE = "rate=1000r/s burst=1000 delay=10s"

# by mode: the least ratio, and microseconds that one connection waits longer
MODES = {"leased": (0.97, 3), "exact": (0.65, 100)}

# calls to Redis by request
CALLS = 1 / 100
CALLS_SCARCE = 1 / 32

INSTRUCTIONS = 1200
SYSTEM_CALLS = 0.1
TRACED = 1000

# of each server in a round, where they are asked one after the other
TURNS = 6

# what to wait for until a server asks for as much as it spends
LEAD_IN_MS = 500


class Redis:
    """It keeps nothing on disk, and runs on the load's processor."""

    def __init__(self, space, cpu):
        self.folder = space.path / "redis"
        self.folder.mkdir()
        self.port = arms.free_port()
        self.cpu = cpu
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port),
             "--save", "", "--appendonly", "no", "--dir", str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {self.cpu}))
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_it_answers(self):
        end = time.monotonic() + arms.START_SECONDS

        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.calls()
                return
            time.sleep(0.01)

        raise arms.BenchError("redis-server does not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def calls(self):
        """How often limits have called it since it started."""

        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            s.sendall(b"INFO commandstats\r\nQUIT\r\n")
            with s.makefile() as answer:
                text = answer.read()

        return sum(map(int, re.findall(r"cmdstat_eval(?:sha)?:calls=(\d+)",
                                       text)))


class OneViewer(arms.Server):
    """All its objects are asked for by the same subject."""

    def targets(self, size):
        query = self.space.credentials.query
        return self.space.write_targets(
            f"one-viewer-{size}", [f"{path}?{query(self.kind, path, 0)}"
                                   for path in self.space.paths[size]])


def options(redis, *limits):
    """A machine that stops for a moment must not look like a lost Redis."""

    return "\n    ".join([f"xr_redis  127.0.0.1:{redis.port} timeout=1s;",
                          *(f"xr_limit  {limit};" for limit in limits)])


def three(redis, mode="leased", more=""):
    return options(redis, *(f"key={key} {PLENTY} mode={mode} {more}"
                            for key in KEYS))


def met(value, goal):
    return f"   {'meets' if value <= goal else 'ABOVE'} {goal:.4g}"


def arrangements(space, origin, redis, cpu):
    """The same server without limits, again, and with limits."""

    servers = [arms.Server(space, "xr", f"limits-{name}", cpu, origin)
               for name in ("none", "none-again")]
    servers += [arms.Server(space, "xr", f"limits-{mode}", cpu, origin,
                            options=three(redis, mode)) for mode in MODES]

    for server in servers:
        with server:
            server.fill([SIZE])

    return servers


def measure_ratios(space, origin, servers, cpus, rounds, milliseconds):
    control = "control_limits"
    names = [control, *(f"limits_{mode}_vs_none" for mode in MODES)]

    print(f"\nCPU time of the worker per {SIZE} hit with three limits (key="
          f"{', '.join(KEYS)}),\nwithout any is the reference; ratio: the"
          " reference's time divided by the other's,\nas above.\n\n"
          "                          reference       other   ratio\n"
          "                                 us          us")

    pairs = dict(zip(names, measure.ratios(
        space, origin, servers[0], servers[1:], SIZE, cpus, rounds,
        milliseconds)))
    ratios = {name: measure.summary([p.ratio for p in pairs[name]])
              for name in names}
    counts = {}

    for mode, (goal, _) in MODES.items():
        name = f"limits_{mode}_vs_none"
        kinds.show(name, pairs[name], ratios[name],
                   measure.verdict(ratios[name], ratios[control], goal))
        counts[f"limits_{mode}_cpu_us"] = round(
            statistics.median(p.cpu[1] - p.cpu[0] for p in pairs[name]), 2)
    kinds.show(control, pairs[control], ratios[control])

    return ratios, counts


def turn(space, origin, servers, cpu, milliseconds):
    """The median time of a request by one connection, of each server."""

    results = {}

    for server in random.sample(servers, len(servers)):
        measure.warm(space, server, SIZE, cpu)
        with measure.no_misses(origin):
            report = measure.load(space, [server], SIZE, cpu,
                                  milliseconds=milliseconds)
        results[server] = report["servers"][0]["p50_us"]

    return [results[server] for server in servers]


def measure_latency(space, origin, servers, cpu, rounds, milliseconds):
    """One after the other, in short turns; new processes in each round."""

    turns, counts = [], {}

    for _ in range(rounds):
        with contextlib.ExitStack() as running:
            for server in random.sample(servers, len(servers)):
                server.empty()
                running.enter_context(server)
                measure.warm(space, server, SIZE, cpu)

            turns += [turn(space, origin, servers, cpu, milliseconds // TURNS)
                      for _ in range(TURNS)]

        for server in servers:
            server.check_log()

    print("\nWhat they add to the median time of a hit, one connection that"
          " otherwise waits\n"
          f"{statistics.median(t[0] for t in turns):.1f} us; microseconds,"
          " medians [quartiles] of all turns:\n")

    for i, name in enumerate(("control", *MODES), 1):
        us = measure.summary([t[i] - t[0] for t in turns])
        note = ""
        if name in MODES:
            counts[f"limits_{name}_p50_us"] = round(us["median"], 2)
            note = met(us["median"], MODES[name][1])
        print(f"    {name:10} {us['median']:8.2f} [{us['q1']:.2f} -"
              f" {us['q3']:.2f}]{note}", flush=True)

    return counts


def calls_of(space, origin, redis, server, cpu, milliseconds, connections):
    """Calls to Redis by request, and requests a second."""

    with server:
        server.fill([SIZE])
        measure.load(space, [server], SIZE, cpu, connections,
                     milliseconds=LEAD_IN_MS)
        before = redis.calls()
        with measure.no_misses(origin):
            report = measure.load(space, [server], SIZE, cpu, connections,
                                  milliseconds=milliseconds)
        calls = redis.calls() - before
    server.check_log()

    requests = report["servers"][0]["requests"]

    return calls / requests, requests / report["seconds"]


def measure_calls(space, origin, redis, cpus, milliseconds):
    """One bucket, once with plenty in it, and once with less than is asked."""

    rows = (("limits_redis_calls", "plenty", PLENTY, 1, CALLS),
            ("limits_redis_calls_scarce", "scarce", SCARCE,
             measure.CONNECTIONS[SIZE], CALLS_SCARCE))
    counts = {}

    print("\nCalls to Redis per request that is let through, of one leased"
          " bucket that all\nrequests share; scarce: it is empty, and requests"
          " wait for its tokens:\n\n"
          "                  calls      req/s")

    for count, name, limit, connections, goal in rows:
        server = arms.Server(space, "xr", f"limits-{name}", cpus[0], origin,
                             options=options(redis, f"key=tenant {limit}"))
        calls, rate = calls_of(space, origin, redis, server, cpus[1],
                               milliseconds, connections)
        counts[count] = round(calls, 5)
        print(f"    {name:8} {calls:10.5f} {rate:10.0f}{met(calls, goal)}",
              flush=True)

    return counts


def measure_system_calls(space, origin, redis, cpus):
    """Of one viewer: strace makes buckets of many so cold that all ask."""

    totals = []

    for name, text in (("none", ""), ("leased", three(redis))):
        with OneViewer(space, "xr", f"limits-strace-{name}", cpus[0], origin,
                       options=text) as server:
            server.fill([SIZE])
            calls = measure.system_calls(space, origin, server, SIZE, TRACED,
                                         cpus[1])
        totals.append(sum(calls.values()))

    added = totals[1] - totals[0]
    print(f"\nSystem calls that three leased limits add to the"
          f" {totals[0]:.1f} of a hit (strace):\n\n"
          f"    {added:8.3f}{met(added, SYSTEM_CALLS)}", flush=True)

    return {"limits_leased_syscalls": round(added, 3)}


def instructions(space, origin, redis, name, text, cpus, requests):
    """
    As measure.instructions(), and the calls to Redis per request.  Timers do
    not count: in slow motion there are many more of them for each request.
    """

    def server(tool=()):
        return OneViewer(space, "xr", f"limits-callgrind-{name}", cpus[0],
                         origin, options=text, tool=tool)

    with server() as once:
        once.fill([SIZE])

    out = space.path / f"limits-callgrind-{name}.out"
    # in this order: whatever toggles is taken to begin with nothing collected
    tool = ["valgrind", "-q", "--tool=callgrind",
            f"--callgrind-out-file={out}",
            "--toggle-collect=ngx_event_expire_timers",
            "--collect-atstart=yes"]
    runs, calls = [], []

    for n in (requests, 2 * requests):
        before = redis.calls()
        with server(tool) as slow:
            measure.warm(space, slow, SIZE, cpus[1])
            with measure.no_misses(origin):
                measure.load(space, [slow], SIZE, cpus[1], requests=n)
        slow.check_log()
        calls.append(redis.calls() - before)
        runs.append(measure.read_callgrind(out))

    by_function = {f: (runs[1][f] - runs[0][f]) / requests
                   for f in runs[1] | runs[0]}

    return by_function, (calls[1] - calls[0]) / requests


def measure_instructions(space, origin, redis, cpus, requests, show_profile):
    """
    Small buckets ask so often that it shows what a call to Redis takes.  What
    a hit takes without any follows from that.
    """

    texts = {"none": "", "leased": three(redis),
             "small": three(redis, more="burst=16 delay=10s")}
    by_function, total, calls = {}, {}, {}

    for name, text in texts.items():
        by_function[name], calls[name] = instructions(
            space, origin, redis, name, text, cpus, requests)
        total[name] = sum(by_function[name].values())

    often = calls["small"] - calls["leased"]
    if often <= 0:
        raise arms.BenchError("small buckets do not ask Redis more often")

    call = (total["small"] - total["leased"]) / often
    added = total["leased"] - total["none"] - calls["leased"] * call

    print("\nInstructions that three leased limits add to the"
          f" {total['none']:.0f} of a hit, and those\nof a call to Redis,"
          " which are not among them (callgrind):\n\n"
          f"    hit   {added:8.0f}{met(added, INSTRUCTIONS)}\n"
          f"    call  {call:8.0f}", flush=True)

    if show_profile:
        show_profile(by_function["none"], by_function["leased"],
                     ("none", "leased"))
        print(f"    with {calls['leased']:.4f} calls to Redis per request")

    return {"limits_leased_instructions": round(added),
            "limits_redis_call_instructions": round(call)}


def measure_all(space, origin, cpus, rounds, milliseconds, requests,
                show_profile=None):
    """The ratios and the counts."""

    with Redis(space, cpus[1]) as redis:
        servers = arrangements(space, origin, redis, cpus[0])
        ratios, counts = measure_ratios(space, origin, servers, cpus, rounds,
                                        milliseconds)
        counts.update(measure_latency(space, origin, servers, cpus[1], rounds,
                                      milliseconds))
        counts.update(measure_calls(space, origin, redis, cpus,
                                    2 * milliseconds))
        counts.update(measure_system_calls(space, origin, redis, cpus))
        counts.update(measure_instructions(space, origin, redis, cpus,
                                           requests, show_profile))

    return ratios, counts
