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

# the least of the origin's own speed, cold
SPEED = 0.90

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


def cold_speed(space, origin, cpus, rounds):
    """In turns; the server's cache is emptied between them."""

    path = space.paths[SIZE][0]
    direct = path.replace(arms.TENANT, arms.BUCKET, 1)
    target = f"{path}?{space.credentials.query('edgeauth', path, 0)}"
    shares = []

    server = arms.Server(space, "xr", "cold-slices", cpus[0], origin,
                         options=f"{ranges.OPTIONS} xr_prefetch 2;")

    for _ in range(rounds):
        server.empty()
        with server:
            times = {}
            for turn in random.sample((0, 1), 2):
                times[turn] = (seconds(server.port, target) if turn
                               else seconds(origin.port, direct))
            shares.append(times[0] / times[1])
        server.check_log()

    return measure.summary(shares)


def memory(pid):
    """What is its own, in KiB."""

    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines()
               if line.startswith(("Private_Dirty:", "Private_Clean:")))


def memory_of_streams(space, origin, cpus):
    """KiB of a stream that waits for its client; and how it grows."""

    path = space.paths[SIZE][0]
    target = f"{path}?{space.credentials.query('edgeauth', path, 0)}"

    with arms.Server(space, "xr", "stream-memory", cpus[0], origin,
                     options=ranges.OPTIONS) as server:
        server.fill([SIZE])
        worker = server.worker()

        def requests(count):
            measure.load(space, [server], ranges.RANGE, cpus[1], 8,
                         requests=count)

        server.targets = lambda size: ranges.Ranged.targets(server, size)
        requests(REQUESTS)
        before = memory(worker)

        with contextlib.ExitStack() as open_streams:
            for _ in range(STREAMS):
                sock = open_streams.enter_context(connect(server.port, target))
                take(sock, TAKEN)
            active = memory(worker)

        requests(REQUESTS)
        after = memory(worker)

    server.check_log()

    return (active - before) / STREAMS, after - before


def measure_all(space, origin, cpus, quick):
    speed = cold_speed(space, origin, cpus, (ROUNDS + 1) // 2 if quick
                       else ROUNDS)
    each, more = memory_of_streams(space, origin, cpus)

    print(f"\nA cold object of {SIZE} through slices: {speed['median']:.3f}"
          f" [{speed['q1']:.3f} - {speed['q3']:.3f}] of its origin's speed"
          f"   {'meets' if speed['median'] >= SPEED else 'BELOW'} {SPEED:.2f}\n"
          f"Memory of a stream of which {TAKEN >> 20} MiB are taken:"
          f" {each:.1f} KiB; {REQUESTS} ranges and {STREAMS}\nstreams later the"
          f" worker has {more} KiB more", flush=True)

    return {"cold_64m_vs_origin": speed}, {
        "stream_kib": round(each, 1), "streams_kib_more": more}
