# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""
How fast a cold object comes through slices beside its own origin, and the
memory that a client which is sent one takes.
"""

import contextlib
import pathlib
import random
import socket
import time

import arms
import measure
import ranges

SIZE = "64m"
ROUNDS = 9

# of the origin, and the least share of it that we promise
PACE = 100
GOAL = 0.90

STREAMS = 200
REQUESTS = 10000

# what a client has taken before it stops; more than the system buffers
TAKEN = 24 << 20
READ = 1 << 18


def connect(port, target, headers=""):
    sock = socket.create_connection(("127.0.0.1", port), 20)
    sock.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 f"{headers}\r\n".encode())
    return sock


def take(sock, size):
    """Throws away so many bytes, without a copy of them."""

    while size > 0:
        n = sock.recv_into(take.buffer, min(size, READ), socket.MSG_TRUNC)
        if n == 0:
            raise arms.BenchError("an answer was cut short")
        size -= n


take.buffer = bytearray(READ)


def seconds(port, target):
    """Until the last byte of a whole object has come."""

    begun = time.monotonic()
    with connect(port, target) as sock:
        take(sock, arms.SIZES[SIZE][0])
    return time.monotonic() - begun


def cold_speed(space, origin, name, cpus, rounds):
    """
    In turns: the origin itself, and servers with empty caches, as shares of
    the origin's speed.  On one machine it is all of them that share the
    processors, so proxy_cache stands beside ours.
    """

    path = space.paths[SIZE][0]
    target = f"{path}?{space.credentials.query('edgeauth', path, 0)}"
    direct = path.replace(arms.TENANT, arms.BUCKET, 1)
    servers = {
        "proxy_cache": arms.Server(space, "reference", f"{name}-reference",
                                   cpus[0], origin),
        "ours, whole": arms.Server(space, "xr", f"{name}-whole", cpus[0],
                                   origin),
        "ours, slices of 1m": arms.Server(
            space, "xr", f"{name}-slices", cpus[0], origin,
            options=ranges.OPTIONS),
        "ours, slices of 16m": arms.Server(
            space, "xr", f"{name}-large", cpus[0], origin,
            options="xr_slice 16m;"),
    }
    shares = {name: [] for name in servers}

    for _ in range(rounds):
        for name in random.sample(list(servers), len(servers)):
            server = servers[name]
            server.empty()
            with server:
                took = seconds(server.port, target)
            shares[name].append(seconds(origin.port, direct) / took)
            server.check_log()

    return {name: measure.summary(shares[name]) for name in servers}


def memory(pid):
    """What is its own, in KiB."""

    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines()
               if line.startswith(("Private_Dirty:", "Private_Clean:")))


def memory_of_streams(space, origin, cpus):
    """KiB of a stream that waits for its client, and of so many requests."""

    path = space.paths[SIZE][0]
    target = f"{path}?{space.credentials.query('edgeauth', path, 0)}"

    with ranges.Ranged(space, "xr", "stream-memory", cpus[0], origin,
                       options=ranges.OPTIONS) as server:
        server.fill([SIZE])
        worker = server.worker()
        sizes = []

        for _ in range(3):
            measure.load(space, [server], ranges.RANGE, cpus[1], 8,
                         requests=REQUESTS)
            sizes.append(memory(worker))

        with contextlib.ExitStack() as open_streams:
            for _ in range(STREAMS):
                sock = open_streams.enter_context(connect(server.port, target))
                take(sock, TAKEN)
            active = memory(worker)

    server.check_log()

    return (active - sizes[2]) / STREAMS, sizes[2] - sizes[1]


def measure_cold(space, origin, cpus, quick):
    rounds = (ROUNDS + 1) // 2 if quick else ROUNDS
    counts = {}

    with arms.Server(space, "origin", "origin-paced", cpus[1],
                     options=f"limit_rate {PACE}m;") as paced:
        shares = {"paced": cold_speed(space, paced, "paced", cpus, rounds),
                  "cold": cold_speed(space, origin, "cold", cpus, rounds)}

    paced.check_log()

    for kind, speed in (("paced", f"{PACE} MiB/s"), ("cold", "all it can")):
        print(f"\nA cold object of {SIZE}, as a share of its origin's own"
              f" speed, {speed}:\n")

        for name, share in shares[kind].items():
            goal = ""
            if kind == "paced" and name != "proxy_cache":
                met = share["median"] >= GOAL
                goal = f"   {'meets' if met else 'BELOW'} {GOAL:.2f}"

            print(f"    {name:20} {share['median']:.3f} [{share['q1']:.3f} -"
                  f" {share['q3']:.3f}]{goal}", flush=True)

            count = name.replace("ours, ", "").replace(" ", "_")
            counts[f"{kind}_share_{count}"] = share["median"]

    return counts


def measure_all(space, origin, cpus, quick):
    counts = measure_cold(space, origin, cpus, quick)
    each, more = memory_of_streams(space, origin, cpus)

    print(f"\nMemory of a stream of which {TAKEN >> 20} MiB are taken:"
          f" {each:.1f} KiB; {REQUESTS} ranges more, the worker\nhas {more}"
          " KiB more", flush=True)

    return {}, {**counts, "stream_kib": round(each, 1),
                "ranges_kib_more": more}
