# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""What a flood of worthless ES256 tokens takes from a worker."""

import collections
import contextlib
import statistics

import arms
import measure

SIZE = "4k"
ROUNDS = (5, 2000)
ADDRESSES = 10000

# xr_auth_fail_limit's default: of a worker's time
GOAL = 0.20

# the budget saves up some 50 ms, which is used up first
LEAD_IN_MS = 500

OPTIONS = "xr_trusted_proxy  127.0.0.1;"

Run = collections.namedtuple("Run", "busy cost good throttled")


def flood_targets(space, malformed):
    """Clients, so it seems, of the network that RFC 2544 has for benchmarks."""

    lines = []
    for i in range(ADDRESSES):
        path = space.paths[SIZE][i % len(space.paths[SIZE])]
        query = space.credentials.worthless(path, i, malformed)
        lines.append(f"{path}?{query}\t"
                     f"X-Forwarded-For: 198.18.{i >> 8}.{i & 255}")

    name = "malformed" if malformed else "worthless"

    return space.write_targets(name, lines)


def run(space, server, targets, cpu, milliseconds):
    """The flood and good requests beside it, in one closed loop."""

    worker = server.worker()
    parts = [(server.port, targets, 0),
             (server.port, server.targets(SIZE), arms.SIZES[SIZE][0])]

    measure.run_load(space, parts, cpu, measure.CONNECTIONS[SIZE],
                     milliseconds=LEAD_IN_MS)
    before = measure.cpu_ns(worker)
    report = measure.run_load(space, parts, cpu, measure.CONNECTIONS[SIZE],
                              milliseconds=milliseconds)
    spent = (measure.cpu_ns(worker) - before) / 1e9

    flood, good = report["servers"]
    requests = flood["requests"] + good["requests"]

    return Run(spent / report["seconds"], spent / requests,
               good["requests"] / report["seconds"],
               flood["throttled"] / flood["requests"])


def show(name, runs, share, good):
    median = [statistics.median(r) for r in zip(*runs)]
    print(f"    {name:24} {median[1] * 1e6:8.2f} {100 * median[3]:8.1f}%"
          f" {median[2]:9.0f} {good:8.3f} {share:8.3f}", flush=True)


def measure_all(space, origin, cpus, rounds, milliseconds):
    with contextlib.ExitStack() as running:
        limited, unlimited = (
            running.enter_context(arms.Server(
                space, "xr", name, cpus[0], origin, kind="es256",
                options=OPTIONS + more))
            for name, more in (("flood", ""),
                               ("flood-off", "  xr_auth_fail_limit  off;")))
        malformed, worthless = (flood_targets(space, m) for m in (True, False))
        arrangements = {
            "malformed": (limited, malformed),
            "worthless": (limited, worthless),
            "worthless, limit off": (unlimited, worthless),
        }
        runs = {name: [] for name in arrangements}

        for server in (limited, unlimited):
            server.fill([SIZE])

        for _ in range(rounds):
            with measure.no_misses(origin):
                for name, (server, targets) in arrangements.items():
                    runs[name].append(run(space, server, targets, cpus[1],
                                          milliseconds))

        for server in (limited, unlimited):
            server.check_log()

    print("\nA flood of ES256 tokens that nobody signed, from"
          f" {ADDRESSES:,} addresses, beside as many good\nrequests, as fast as"
          " one client can; malformed ones of the same length are the\nbase,"
          " share is what more they take of the worker:\n\n"
          "                             us/req      429    good/s"
          "  of base    share")

    counts = {}
    base = runs["malformed"]
    for name, result in runs.items():
        share = statistics.median(
            r.busy * (1 - b.cost / r.cost) for b, r in zip(base, result))
        good = statistics.median(r.good / b.good for b, r in zip(base, result))
        show(name, result, share, good)
        if name == "worthless":
            counts = {"flood_es256_share": round(share, 3),
                      "flood_es256_good_of_base": round(good, 3)}

    print(f"    share at most {GOAL:.2f}, as xr_auth_fail_limit has it:"
          f" {'met' if counts['flood_es256_share'] <= GOAL else 'ABOVE'}",
          flush=True)

    return counts
