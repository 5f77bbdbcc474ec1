# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
How exact limits are: several edges with one Redis, and bytes.  XR_ACCURACY_SECONDS says for how
long they are measured, XR_ACCURACY_RATE at which rate.
"""

import os
import re
import socket
import struct
import subprocess

import pytest

import http1
import servers
from edgeauth import in_query, token
from offer import offer
from redis_server import redis_server
from scripted import message
from servers import CACHE, KEY

SECONDS = float(os.environ.get("XR_ACCURACY_SECONDS", "4"))
RATE = int(os.environ.get("XR_ACCURACY_RATE", "0"))

MODES = ["leased", "exact"]
EDGES = 4

# too little is let in, too, when this machine is too busy to ask for it
TRIES = 3

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def start(web_edges, web, redis):
    """
    A function that starts edges with a limit, and with an object in their caches.  They have no
    deadline for a busy machine.
    """

    def start(path, limit, n=1, mode="leased", location="", http="", **more):
        if mode != "alone":
            http += f"xr_redis 127.0.0.1:{redis.port} timeout=2s;"
            limit += f" mode={mode}"
        edges = [web_edges(web.tenants("acme"), http=http, **more,
                           location=f"{CACHE} xr_limit {limit} class=counted failure=closed;"
                           f" {location}")
                 for _ in range(n)]
        for edge in edges:
            assert edge.get(in_query(path, token(KEY, acl="/*"))).status == 200
        return edges

    return start


def target_of(path, subject="anna"):
    return in_query(path, token(KEY, acl="/*", id=subject, data="rate:counted"))


# ---- requests, at several edges

# five times as much is offered, of which each costs a call of Redis if it is exact
@pytest.mark.parametrize("mode, rate", [("leased", RATE or 1000), ("exact", RATE or 400)])
def test_one_limit_for_all_edges(start, web, redis, mode, rate, record_property):
    burst = 100
    path = web.put(message(200, b"a model" * 100))
    edges = start(path, f"key=subject rate={rate}r/s burst={burst}", EDGES, mode)

    # docs/operations.md, "What holds where": the lease and the credit of an edge
    ahead = burst // 2 + rate // 50
    within = {"leased": 0.05, "exact": 0.02}[mode]

    for n in range(TRIES):
        calls = redis.calls("evalsha", "eval")
        load = offer(5 * rate, SECONDS,
                     {edge: (edge.port, [target_of(path, f"anna{n}")]) for edge in edges})
        answers = list(load.answers.values())
        admitted = sum(each.statuses.get(200, 0) for each in answers)
        calls = redis.calls("evalsha", "eval") - calls
        record_property("admitted", f"{admitted}, {admitted / (rate * SECONDS + burst):.4f} of the"
                        f" limit in {load.seconds:.3f} s, {calls} calls, {answers}")

        for each in answers:
            assert set(each.statuses) <= {200, 429} and each.failed == 0, answers

        # the load is over when the last answer has come
        most = rate * load.seconds + burst
        assert admitted <= (1 + within) * most
        assert admitted <= most + EDGES * ahead or mode == "exact"

        good = (admitted >= (1 - within) * (rate * SECONDS + burst)
                and (calls <= admitted / 32 or mode == "exact"))
        if good:
            break

    assert good, (admitted, calls)


@pytest.mark.parametrize("mode", MODES)
def test_a_burst_after_idleness(start, web, redis, mode):
    """What may come at once is the burst, no matter at which edges."""

    path = web.put(message(200, b"a model"))
    edges = start(path, "key=subject rate=1r/m burst=200", EDGES, mode)

    def admitted(subject, n=400):
        answers = offer(800, n / 800, {edge: (edge.port, [target_of(path, subject)])
                                       for edge in edges}).answers.values()
        assert all(set(each.statuses) <= {200, 429} and each.failed == 0 for each in answers)
        return sum(each.statuses.get(200, 0) for each in answers)

    assert admitted("anna") == 200
    assert admitted("anna") == 0
    assert admitted("ben") == 200

    # hours later, which Redis can be told to be over
    redis("FLUSHALL")
    counted = 0
    for edge in edges:
        servers.wait_for("tokens", lambda edge=edge: edge.get(target_of(path)).status == 200)
        counted += 1
    assert counted + admitted("anna") == 200


# ---- bytes, at one

BYTES_MODES = [*MODES, "alone"]             # "alone": an edge without Redis

SENT = "log_format sent '$bytes_sent $status';"
OBJECT = os.urandom(8 * MIB)


@pytest.mark.parametrize("mode", BYTES_MODES)
def test_a_rate_of_bytes(start, web, mode, record_property):
    """Of whoever asks for ten times as much as he may have."""

    path = web.put(message(200, OBJECT))
    [edge] = start(path, "key=subject rate=1m/s burst=1m", 1, mode)

    part, rate = 64 * KIB, 160

    # what an edge keeps for later, as docs/operations.md has it, it may still have at the end
    lease = 48 * 8000 if mode == "leased" else 0

    for n in range(TRIES):
        target = f"{target_of(path, f'anna{n}')}\tRange: bytes=0-{part - 1}"
        load = offer(rate, SECONDS, {"all": (edge.port, [target])})
        answers = load.answers["all"]
        taken = answers.statuses[206] * part
        record_property("taken", f"{taken / MIB:.3f} MiB, {taken / ((SECONDS + 1) * MIB):.4f} of"
                        f" the limit in {load.seconds:.3f} s, {answers}")

        assert set(answers.statuses) == {206, 429} and answers.failed == 0
        assert taken <= 1.05 * (load.seconds + 1) * MIB

        good = taken >= 0.95 * (SECONDS + 1) * MIB - lease
        if good:
            break

    assert good, taken


class Http2:
    """As much of HTTP/2 as it takes to begin a response and to cancel it (RFC 9113)."""

    DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8

    def __init__(self, port, window):
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.file = self.sock.makefile("rb")
        self.stream = -1
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self._send(self.SETTINGS, 0, 0, struct.pack(">HI", 4, window))
        self._send(self.WINDOW_UPDATE, 0, 0, struct.pack(">I", 100 * MIB))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.sock.close()

    def cancel_after(self, target, size):
        """Asks for it, and is through with it when so many bytes have come."""

        self.stream += 2
        fields = {":method": "GET", ":scheme": "http", ":path": target, ":authority": "edge.test"}
        block = b"".join(b"\0" + self._string(name) + self._string(value)
                         for name, value in fields.items())
        self._send(self.HEADERS, 0x5, self.stream, block)

        while size > 0:
            head = self.file.read(9)
            payload = self.file.read(int.from_bytes(head[:3], "big"))
            if head[3] == self.DATA and int.from_bytes(head[5:], "big") == self.stream:
                size -= len(payload)

        self._send(self.RST_STREAM, 0, self.stream, struct.pack(">I", 8))

    def _send(self, kind, flags, stream, payload):
        self.sock.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
                          + struct.pack(">I", stream) + payload)

    @staticmethod
    def _string(text):
        """RFC 7541, section 5: a length below 127 + 128 * 128, and no Huffman coding."""

        n = len(text)
        length = [n] if n < 127 else [127, (n - 127) % 128 | 128, (n - 127) // 128]
        return bytes(length) + text.encode()


READ = 64 * KIB                             # by clients that do not want the rest


def leave(edge, target, linger):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ)
        if linger is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger))
        sock.settimeout(20)
        sock.connect(("127.0.0.1", edge.port))
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode())
        left = READ
        while left > 0:
            left -= len(sock.recv(left))


# Ways to leave, each as often as is told; what clients have got at least of all they asked for

def closed(edge, target, n):
    for _ in range(n):
        leave(edge, target, None)
    return n * READ


def reset(edge, target, n):
    for _ in range(n):
        leave(edge, target, 0)
    return n * READ


def cancelled(edge, target, n):
    with Http2(edge.port, READ) as client:
        for _ in range(n):
            client.cancel_after(target, READ)
    return n * READ


def curl_times_out(edge, target, n):
    """HTTP/2, too, but the connection ends, with whatever the system has taken to send."""

    command = ["curl", "-s", "--http2-prior-knowledge", "--limit-rate", "64k", "--max-time", "0.5",
               "-o", os.devnull, "-w", "%{size_download}",
               f"http://127.0.0.1:{edge.port}{target}"]
    return sum(int(subprocess.run(command, capture_output=True, timeout=20).stdout)
               for _ in range(n))


@pytest.mark.parametrize("mode", BYTES_MODES)
@pytest.mark.parametrize("abort", [closed, reset, cancelled, curl_times_out])
def test_what_was_sent_is_paid_for_not_what_was_asked(start, web, mode, abort, record_property):
    n, burst = (4, 64 * MIB) if abort == curl_times_out else (10, 40 * MIB)
    path = web.put(message(200, OBJECT))
    [edge] = start(path, f"key=subject rate=1k/m burst={burst // MIB}m", 1, mode, http=SENT,
                   server="http2 on;", location="access_log sent.log sent; xr_limit_headers on;")
    target = target_of(path)

    def left():
        answer = edge.get(target, "HEAD")
        return int(re.search(r";r=(\d+);", answer["ratelimit"]).group(1))

    def sent():
        """What the access log says; the warm-up and the HEADs are not meant."""

        lines = (edge.folder / "sent.log").read_text().split("\n")[1:-1]
        sizes = [int(line.split()[0]) for line in lines]
        return [size for size in sizes if size > READ]

    assert left() > burst - 4 * KIB
    got = abort(edge, target, n)
    servers.wait_for("the ends of all", lambda: len(sent()) == n)
    paid = burst - left()
    record_property("paid", f"{paid / n / KIB:.1f} KiB each, got {got / n / KIB:.1f}, written"
                    f" {sum(sent()) / n / KIB:.1f}")

    # heads, frames and HEADs are in it, and what the system has sent before the client was gone
    most = sum(sent()) if abort == curl_times_out else n * (READ + 256 * KIB)
    assert got <= paid <= most + 16 * KIB
