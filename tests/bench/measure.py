# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""The three ways to measure: CPU time side by side, instructions, calls."""

import collections
import contextlib
import json
import pathlib
import random
import re
import signal
import statistics
import subprocess
import time

from arms import BUILD, HERE, SIZES, BenchError, Server

LOAD = BUILD / "bench/load"

# where a copy of the reference is not, nothing beside it is to be believed
CONTROL_BAND = (0.97, 1.03)

CONNECTIONS = {"4k": 16, "64k": 8, "1m": 4, "64m": 2, "range": 8}

# how long answers are, and how many targets there are
LENGTHS = {**SIZES, "range": (64 << 10, 1000)}

Pair = collections.namedtuple("Pair", "ratio cpu rate")


def build(program, *rest):
    """Compiles a program of this folder, if what it is made of is newer."""

    source = HERE / f"{program.name}.c"
    made_of = [source, *(r for r in rest if isinstance(r, pathlib.Path))]

    if program.exists() and all(program.stat().st_mtime > m.stat().st_mtime
                                for m in made_of):
        return

    program.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall",
                           "-Wextra", "-Wshadow", "-Wconversion", "-Wvla",
                           "-Werror", "-o", program, source, *rest])
    if done.returncode != 0:
        raise BenchError(f"{source.name} does not compile")


def load(space, servers, size, cpu, connections=1, **limit):
    """One server or two; how often and how fast they answered."""

    parts = [(s.port, s.targets(size), LENGTHS[size][0]) for s in servers]

    return run_load(space, parts, cpu, connections, **limit)


def run_load(space, parts, cpu, connections=1, **limit):
    """
    The load generator, on ports with targets and the length of an answer.
    limit: milliseconds=N or requests=N (on each)
    """

    command = [str(LOAD), "-c", str(connections), "-p", str(cpu)]
    if "requests" in limit:
        command += ["-n", str(limit["requests"])]
    else:
        command += ["-d", str(limit["milliseconds"])]
    command.append(str(space.headers))
    command += [":".join(map(str, part)) for part in parts]

    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{done.stderr.strip()}, asked for {parts[-1][1]}")

    return json.loads(done.stdout)


def warm(space, server, size, cpu):
    """Every object once: from then on all are hits."""

    load(space, [server], size, cpu, requests=LENGTHS[size][1])


@contextlib.contextmanager
def no_misses(origin):
    """What is measured as a hit must not have touched the origin."""

    before = origin.requests_logged()
    yield
    missed = origin.requests_logged() - before
    if missed:
        raise BenchError(f"{missed} requests reached the origin: no hits")


def cpu_ns(pid):
    """
    Time on the processor, to the nanosecond.  The kernel brings it up to date
    when the process stops running, so ask while it is idle.
    """

    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def side_by_side(space, origin, servers, size, cpu, milliseconds):
    """
    Two servers on one processor at the same time, the same closed-loop load on
    both: whatever disturbs the machine disturbs both.  The first is the
    reference.
    """

    # whoever has rested would start with colder caches
    for server in servers:
        warm(space, server, size, cpu)

    workers = [s.worker() for s in servers]
    before = [cpu_ns(w) for w in workers]

    # who is served first in each turn of the load generator is chance
    order = random.sample((0, 1), 2)
    with no_misses(origin):
        report = load(space, [servers[i] for i in order], size, cpu,
                      CONNECTIONS[size], milliseconds=milliseconds)
    time.sleep(0.05)                            # they close their connections

    results = [report["servers"][order.index(i)] for i in (0, 1)]
    spent = [(cpu_ns(w) - b) / r["requests"] / 1000
             for w, b, r in zip(workers, before, results)]

    return Pair(spent[0] / spent[1], spent,
                [r["requests"] / report["seconds"] for r in results])


def ratios(space, origin, reference, others, size, cpus, rounds, milliseconds):
    """
    The reference beside each of the others, in turns.  Every round has new
    processes and new caches: where their memory lies is worth a few percent,
    is chance, and would otherwise be the same in all rounds.
    """

    pairs = [[] for _ in others]

    for _ in range(rounds):
        with contextlib.ExitStack() as running:
            servers = [reference, *others]
            for server in random.sample(servers, len(servers)):
                server.empty()
                running.enter_context(server)
                warm(space, server, size, cpus[1])

            for i in random.sample(range(len(others)), len(others)):
                pairs[i].append(side_by_side(
                    space, origin, (reference, others[i]), size, cpus[1],
                    milliseconds))

        for server in servers:
            server.check_log()

    return pairs


def summary(values):
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": round(median, 4), "q1": round(q1, 4), "q3": round(q3, 4)}


def median_of(pairs, field, side):
    return statistics.median(getattr(p, field)[side] for p in pairs)


def verdict(ratio, control, goal=None):
    """What there is to say of a ratio and its control."""

    note = ""
    if goal is not None:
        met = ratio["median"] >= goal
        note = f"  {'meets' if met else 'BELOW'} {goal:.2f}"
    if not CONTROL_BAND[0] <= control["median"] <= CONTROL_BAND[1]:
        note += "  control off: repeat on a quieter machine"
    return note


def read_callgrind(path):
    """Instructions by function, what the functions call not included."""

    names = {}
    cost = collections.Counter()
    function = None
    skip = False

    for line in path.read_text().splitlines():
        if line.startswith("fn="):
            number, _, name = line[3:].partition(" ")
            function = names.setdefault(number, name)
        elif line.startswith("cfn="):
            number, _, name = line[4:].partition(" ")
            names.setdefault(number, name)
        elif line.startswith("calls="):
            skip = True                         # the next line is the callee's
        elif line[:1] in "0123456789+-*" and line and function is not None:
            if not skip:
                cost[function.partition("'")[0]] += int(line.split()[1])
            skip = False

    return cost


def instructions(space, template, origin, size, requests, cpus, kind,
                 label="", options=""):
    """
    Instructions per request in user space, in all and by function: what N more
    requests add to a run of N.  The cache is filled beforehand, without the
    tool, because misses do not repeat to the instruction.
    """

    name = f"callgrind-{label or template}-{kind}-{size}"
    with Server(space, template, name, cpus[0], origin, kind=kind,
                options=options) as server:
        server.fill([size])

    runs = []
    for n in (requests, 2 * requests):
        out = space.path / f"{name}.out"
        tool = ["valgrind", "-q", "--tool=callgrind",
                f"--callgrind-out-file={out}"]
        with Server(space, template, name, cpus[0], origin, kind=kind,
                    options=options, tool=tool) as server:
            warm(space, server, size, cpus[1])
            with no_misses(origin):
                load(space, [server], size, cpus[1], requests=n)
        server.check_log()
        runs.append(read_callgrind(out))

    by_function = {f: (runs[1][f] - runs[0][f]) / requests
                   for f in runs[1] | runs[0]}

    return sum(by_function.values()), by_function


def trace(space, server, size, requests, cpu):
    """The system calls of a worker while it answers so many requests."""

    out = space.path / "strace.out"
    strace = subprocess.Popen(
        ["strace", "-c", "-f", "-o", str(out), "-p", str(server.worker())],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        first = strace.stderr.readline()        # "Process N attached"
        if "attached" not in first:
            raise BenchError(f"strace: {first.strip()}")
        load(space, [server], size, cpu, requests=requests)
        time.sleep(0.1)
    finally:
        if strace.poll() is None:
            strace.send_signal(signal.SIGINT)
        strace.communicate()

    calls = collections.Counter()
    for line in out.read_text().splitlines():
        fields = line.split()
        if len(fields) > 4 and re.fullmatch(r"[\d.]+", fields[0]) \
                and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])

    return calls


def system_calls(space, origin, server, size, requests, cpu):
    """System calls per request, by name: again the difference of two runs."""

    warm(space, server, size, cpu)
    with no_misses(origin):
        runs = [trace(space, server, size, n, cpu)
                for n in (requests, 2 * requests)]

    calls = {c: (runs[1][c] - runs[0][c]) / requests for c in runs[1]}
    calls = {c: n for c, n in calls.items() if abs(n) >= 0.01}
    if not calls:
        raise BenchError(f"{server.name}: strace saw no system call")

    return calls
