# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Many clients that want the same cold object at once: the origin is asked once
for each slice, and who follows is served as what it waits for comes in.

XR_STAMPEDE_CLIENTS and XR_STAMPEDE_MIB are how many and how large; with
XR_STAMPEDE_STRICT=1 the time to the first byte has to be as promised.
"""

import collections
import contextlib
import os
import resource
import selectors
import socket
import statistics
import tempfile
import time

import pytest

import servers

CLIENTS = int(os.environ.get("XR_STAMPEDE_CLIENTS", 100))
MIB = int(os.environ.get("XR_STAMPEDE_MIB", 16))

# of followers, to the leader's: on a busy machine the median says little
RATIO = 1.5 if os.environ.get("XR_STAMPEDE_STRICT") == "1" else 4

SLICE = 1 << 20
LATENCY = 0.2                               # of the origin, for the first slice
READ = 1 << 18
PATIENCE = 300

LOCATION = "xr_auth public; xr_cache objects; xr_cache_valid 200 1d; xr_slice 1m;"
EACH_RUN = pytest.mark.parametrize("run", ["off", "64m"])
CONNECTIONS = 4096
FILES = min(4 * CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


class Crowd:
    """Clients that ask at once and read as fast as they can, in one thread."""

    def __init__(self, port, target, body, count):
        self.body = body
        self.buffer = bytearray(READ)
        self.selector = selectors.DefaultSelector()
        self.first = {}                     # when the first byte came, by number
        self.got = [0] * count
        self.heads = [b""] * count
        self.wrong = []
        self.left = set(range(count))
        self.socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        self.asked = []

        request = f"GET {target} HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n".encode()
        for number, sock in enumerate(self.socks):
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, number)

        for sock in self.socks:
            sock.send(request)
            self.asked.append(time.monotonic())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.selector.close()
        for sock in self.socks:
            sock.close()

    def run(self, until=None):
        """Reads until all have everything, or until "until()"."""

        end = time.monotonic() + PATIENCE

        while self.left and not (until and until()):
            assert time.monotonic() < end, f"{len(self.left)} clients wait for ever"
            for key, _ in self.selector.select(1):
                self._read(key.data, key.fileobj)

    def leave(self, number):
        self.left.discard(number)
        self.selector.unregister(self.socks[number])
        self.socks[number].close()

    def _read(self, number, sock):
        try:
            size = sock.recv_into(self.buffer)
        except ConnectionError:
            size = 0

        if size == 0:
            if self.got[number] != len(self.body):
                self.wrong.append(f"client {number} has {self.got[number]} bytes")
            self.leave(number)
            return

        data = memoryview(self.buffer)[:size]
        if number not in self.first:
            data = self._head(number, data)
        if not data:
            return

        at = self.got[number]
        self.got[number] += len(data)
        if not self.body.startswith(data, at):
            self.wrong.append(f"client {number}: wrong bytes from {at} on")
            self.leave(number)

    def _head(self, number, data):
        """What is there of the body, after the head."""

        head, end, rest = (self.heads[number] + bytes(data)).partition(b"\r\n\r\n")
        if not end:
            self.heads[number] = head
            return b""

        length = f"\r\ncontent-length: {len(self.body)}\r\n".encode()
        if not head.startswith(b"HTTP/1.1 200 ") or length not in head.lower() + b"\r\n":
            self.wrong.append(f"client {number}: {head[:300]}")
        if rest:
            self.first[number] = time.monotonic()
        self.heads[number] = b"" if rest else head + end
        return rest

    def waited(self):
        """The times to the first byte: the leader's, and those of the others."""

        times = sorted(self.first[n] - self.asked[n] for n in self.first)
        return times[0], times[1:]


@pytest.fixture(scope="module")
def crowded(stack):
    """Starts edges that have room for a crowd."""

    def start(workers, run="64m"):
        folder = tempfile.mkdtemp(prefix="xr-edge-")
        credentials = (f"[default]\naws_access_key_id = {stack['s3_access_key']}\n"
                       f"aws_secret_access_key = {stack['s3_secret_key']}\n")
        edge = servers.Edge(folder, {"acme": ""}, origin=stack.origin, credentials=credentials,
                            location=f"{LOCATION} xr_slice_run {run};", workers=workers,
                            main=f"worker_rlimit_nofile {FILES};")
        ends.callback(finish, edge)

        conf = edge.folder / "nginx.conf"
        few = "worker_connections 512;"
        assert few in conf.read_text()
        conf.write_text(conf.read_text().replace(few, f"worker_connections {CONNECTIONS};"))
        edge.start()
        return edge

    def finish(edge):
        edge.stop()
        servers.remove(edge.folder)

    with contextlib.ExitStack() as ends:
        yield start


def reads(faults, key):
    """How often each slice was asked for; a retry or a second reader would show."""

    log = [entry for entry in faults.log(key) if entry["method"] == "GET"]
    count = collections.Counter()

    for entry in log:
        first, last = map(int, entry["headers"]["range"].removeprefix("bytes=").split("-"))
        assert first % SLICE == 0 and (last + 1) % SLICE == 0
        count.update(range(first // SLICE, min((last + 1) // SLICE, MIB)))

    assert set(count) == set(range(MIB))
    return count, len(log)


@EACH_RUN
@pytest.mark.parametrize("workers", [1, 2])
def test_one_read_for_all(stack, crowded, faults, workers, run):
    edge = crowded(workers, run)
    key, body = stack.put(os.urandom(MIB * SLICE))

    with faults.active({"path": key, "range": "=0-", "times": 0, "delay": LATENCY}), \
            Crowd(edge.port, f"/acme/{key}", body, CLIENTS) as crowd:
        started = time.monotonic()
        crowd.run()
        took = time.monotonic() - started

    count, requests = reads(faults, key)
    leader, followers = crowd.waited()
    ratio = statistics.median(followers) / leader

    print(f"{CLIENTS} clients, {MIB} MiB, {workers} workers: {requests} reads; "
          f"first byte after {leader:.3f} s, median of followers {ratio:.2f} times that, last "
          f"{followers[-1]:.3f} s; all in {took:.1f} s, {CLIENTS * MIB / took:.0f} MiB/s")

    assert crowd.wrong == []
    assert sum(count.values()) == MIB
    assert requests == (MIB if run == "off" else 1)
    assert ratio <= RATIO


@EACH_RUN
def test_a_leader_that_leaves(stack, crowded, faults, run):
    """Who waited for its slices gets them all the same."""

    edge = crowded(1, run)
    key, body = stack.put(os.urandom(MIB * SLICE))

    with faults.active({"path": key, "times": 0, "rate": 4 * SLICE}), \
            Crowd(edge.port, f"/acme/{key}", body, 1) as leader:
        leader.run(lambda: leader.first)

        with Crowd(edge.port, f"/acme/{key}", body, CLIENTS // 2) as crowd:
            crowd.run(lambda: crowd.first)
            leader.leave(0)
            faults.rules([])
            crowd.run()

    assert crowd.wrong == []

    # a slice that was under way then may have been begun anew, once
    count, requests = reads(faults, key)
    assert requests <= (MIB + 1 if run == "off" else 2), count
    assert max(count.values()) <= 2
    assert edge.get(f"/acme/{key}").body == body


def test_all_leave(stack, crowded, faults):
    """Nobody is left to wait, and nothing that is half there is taken for whole."""

    edge = crowded(1)
    key, body = stack.put(os.urandom(MIB * SLICE))

    with faults.active({"path": key, "times": 0, "rate": 4 * SLICE}), \
            Crowd(edge.port, f"/acme/{key}", body, 10) as crowd:
        crowd.run(lambda: crowd.first)

    response = edge.get(f"/acme/{key}")
    assert (response.status, response.complete, response.body) == (200, True, body)


def test_ranges_of_a_crowd_are_read_once(stack, crowded, faults):
    """Each wants another part of the same slice."""

    edge = crowded(1)
    key, body = stack.put(os.urandom(MIB * SLICE))
    step = SLICE // CLIENTS
    crowds = []

    with faults.active({"path": key, "times": 0, "delay": LATENCY}):
        for n in range(CLIENTS):
            connection = servers.http1.Connection(edge.port)
            first = SLICE + n * step
            connection.send(f"/acme/{key}", headers={"Range": f"bytes={first}-{first + step - 1}"})
            crowds.append((connection, body[first:first + step]))

        for connection, wanted in crowds:
            with connection:
                response = connection.receive()
                assert (response.status, response.body) == (206, wanted)

    log = [entry["headers"]["range"] for entry in faults.log(key)]
    assert log.count(f"bytes={SLICE}-{2 * SLICE - 1}") == 1
    assert len(log) <= 2, log
