# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""
Random ranges of large objects that are cached in slices, beside NGINX's own
slice module; whole ones beside proxy_cache, which stores them in one file; and
what a slice costs in system calls.
"""

import random

import arms
import kinds
import measure

WHOLE = "64m"
RANGE = "range"

ROUNDS = {RANGE: (15, 800), WHOLE: (7, 1600)}

# of ours, in an http block
OPTIONS = "xr_slice  1m;"
SLICES = arms.SIZES[WHOLE][0] >> 20

# the least that we promise, and the most system calls for a slice
GOALS = {"range_64k_vs_slice": 1.10, "hit_64m_vs_proxy_cache": 0.97}
CALLS = 3


class Ranged(arms.Server):
    """It is asked for ranges, the same ones as all others."""

    def targets(self, size):
        if size != RANGE:
            return super().targets(size)

        length, count = measure.LENGTHS[RANGE]
        whole = arms.SIZES[WHOLE][0]
        seeded = random.Random(4711)
        query = self.space.credentials.query
        lines = []

        for n in range(count):
            path = self.space.paths[WHOLE][n % len(self.space.paths[WHOLE])]
            first = seeded.randrange(whole - length)
            lines.append(f"{path}?{query(self.kind, path, 0)}\t"
                         f"Range: bytes={first}-{first + length - 1}")

        return self.space.write_targets("ranges", lines)


def measure_pair(space, origin, cpus, size, reference, rounds, milliseconds):
    """Ours beside a reference, and the reference beside itself."""

    servers = [Ranged(space, reference, f"{size}-{reference}", cpus[0], origin),
               Ranged(space, "xr", f"{size}-ours", cpus[0], origin,
                      options=OPTIONS),
               Ranged(space, reference, f"{size}-again", cpus[0], origin)]

    for server in servers:
        with server:
            server.fill([WHOLE])

    return measure.ratios(space, origin, servers[0], servers[1:], size, cpus,
                          rounds, milliseconds)


def calls_of_slices(space, origin, cpus):
    """System calls of a whole object for each of its slices."""

    with Ranged(space, "xr", "slice-calls", cpus[0], origin,
                options=OPTIONS) as server:
        server.fill([WHOLE])
        calls = measure.system_calls(space, origin, server, WHOLE, 20, cpus[1])

    for call in calls:
        calls[call] /= SLICES

    return calls


def measure_all(space, origin, cpus, effort):
    ratios = {}

    print("\nSlices of 1 MiB; CPU time of the worker per request, ratios as"
          " above.\n\n"
          "                          reference       other   ratio\n"
          "                                 us          us")

    for name, size, reference in (
            ("range_64k_vs_slice", RANGE, "slice"),
            ("hit_64m_vs_proxy_cache", WHOLE, "reference")):
        pairs, controls = measure_pair(space, origin, cpus, size, reference,
                                       *effort(*ROUNDS[size]))
        ratio = measure.summary([p.ratio for p in pairs])
        control = measure.summary([p.ratio for p in controls])
        ratios[name] = ratio
        ratios[f"control_{name}"] = control
        kinds.show(name, pairs, ratio,
                   measure.verdict(ratio, control, GOALS[name]))
        kinds.show("control", controls, control)

    calls = calls_of_slices(space, origin, cpus)
    total = sum(calls.values())
    print(f"\nSystem calls for each slice of a whole object: {total:.2f}"
          f"   {'meets' if total <= CALLS else 'ABOVE'} {CALLS}\n    "
          + ", ".join(f"{call} {n:.2f}" for call, n in sorted(calls.items())),
          flush=True)

    return ratios, {"syscalls_slice": round(total, 2)}
