# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""What a credential costs that nothing is remembered of."""

import os
import statistics
import subprocess

import arms
import measure

SIZE = "4k"
ROUNDS = (9, 800)

# microseconds at most, and what "openssl speed" calls the verification
KINDS = {"rs256": (25, "rsa2048"), "es256": (70, "ecdsap256")}


def bare(algorithm, cpu):
    """Microseconds of CPU time that OpenSSL alone takes to verify."""

    done = subprocess.run(
        ["openssl", "speed", "-seconds", "1", algorithm],
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        capture_output=True, text=True)
    try:
        return 1e6 / float(done.stdout.split()[-1])
    except (IndexError, ValueError, ZeroDivisionError):
        raise arms.BenchError(f"openssl speed {algorithm}: "
                              f"{done.stderr.strip()}") from None


def measure_kind(space, origin, cpus, kind, rounds, milliseconds):
    goal, algorithm = KINDS[kind]
    warm = arms.Server(space, "xr", f"{kind}-warm", cpus[0], origin, kind=kind)
    cold = arms.Server(space, "xr", f"{kind}-cold", cpus[0], origin, kind=kind,
                       options="xr_auth_memory  off;")
    added, alone = [], []

    for server in (warm, cold):
        with server:
            server.fill([SIZE])

    for _ in range(rounds):
        [[pair]] = measure.ratios(space, origin, warm, (cold,), SIZE, cpus, 1,
                                  milliseconds)
        added.append(pair.cpu[1] - pair.cpu[0])
        alone.append(bare(algorithm, cpus[0]))

    cost, verify = statistics.median(added), statistics.median(alone)
    factor = statistics.median(a / b for a, b in zip(added, alone))

    print(f"    {kind}  {cost:8.1f} us  {verify:8.1f} us  {factor:8.2f}"
          f"   {'meets' if cost <= goal else 'ABOVE'} {goal} us", flush=True)

    return {f"cold_{kind}_us": round(cost, 2),
            f"verify_{kind}_us": round(verify, 2),
            f"cold_{kind}_vs_verify": round(factor, 3)}


def measure_all(space, origin, cpus, rounds, milliseconds):
    counts = {}

    print("\nWhat a cold token adds to the CPU time of a hit, beside the bare"
          " verification by\nOpenSSL on the same processor a moment later:\n\n"
          "            cold token  openssl speed  factor")

    for kind in KINDS:
        counts.update(measure_kind(space, origin, cpus, kind, rounds,
                                   milliseconds))

    return counts
