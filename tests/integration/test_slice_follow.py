# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
A slice that one request fetches is passed on to others as it comes in; when it
does not come after all, they get the rest of it by another way.
"""

import contextlib
import os
import select
import signal
import threading

import pytest

import http1
import servers
from object_origin import ObjectOrigin
from range_model import Object

SLICE = 1 << 20
SIZE = 3 * SLICE + 4321
STALL = 300000                              # where in a slice the origin falls silent
ENOUGH = 2                                  # seconds that it does, when nobody waits for more

LOCATION = "xr_auth public; xr_cache objects; xr_cache_valid 200 1d; xr_slice 1m;"


@pytest.fixture(scope="module")
def edge(edges):
    return edges({"acme": ""}, location=LOCATION)


@pytest.fixture(scope="module")
def impatient(edges):
    return edges({"acme": ""}, location=LOCATION + "xr_cache_lock_timeout 300ms;")


@pytest.fixture(scope="module")
def pair(edges):
    return edges({"acme": ""}, location=LOCATION, workers=2)


class Client(http1.Connection):
    """One that reads no further than it is told to."""

    def __init__(self, edge, key, headers=None):
        super().__init__(edge.port)
        self.head = None
        self.got = b""
        self.send(f"/acme/{key}", headers={"Connection": "close", **(headers or {})})

    def read(self, count):
        """Until there are so many bytes of the body, or the end."""

        while self.head is None or len(self.got) < count:
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionError:
                return False
            if not data:
                return False
            self.got += data
            if self.head is None and b"\r\n\r\n" in self.got:
                head, _, self.got = self.got.partition(b"\r\n\r\n")
                self.head = head.decode().lower()
        return True

    def has_more(self):
        return bool(select.select([self.sock], [], [], 0)[0])


def stalled(key, number=0, **more):
    return {"path": key, "range": f"={number * SLICE}-", "stall_at": STALL, "stall": ENOUGH, **more}


def reads(faults, key, number=0):
    return sum(entry["headers"].get("range", "").startswith(f"bytes={number * SLICE}-")
               for entry in faults.log(key))


@contextlib.contextmanager
def leading(edge, faults, key, **more):
    """A client whose slice has begun to come in, and stays away then."""

    with faults.active(stalled(key, **more)), Client(edge, key) as leader:
        assert leader.read(1)
        yield leader


def test_the_first_bytes_come_before_the_last(stack, edge, faults):
    key, body = stack.put(os.urandom(SIZE))

    with leading(edge, faults, key) as leader, Client(edge, key) as follower:
        assert follower.read(1)

        while leader.has_more():
            leader.read(len(leader.got) + 1)
        assert len(leader.got) <= STALL, "the slice was complete"

        follower.read(SIZE)
        leader.read(SIZE)

    assert follower.got == body and leader.got == body
    assert reads(faults, key) == 1


def test_of_a_slice_behind_the_first(stack, edge, faults):
    key, body = stack.put(os.urandom(SIZE))
    assert edge.get(f"/acme/{key}", headers={"Range": "bytes=0-0"}).body == body[:1]

    first = SLICE + 1000
    ranged = {"Range": f"bytes={first}-"}

    with faults.active(stalled(key, 1)), Client(edge, key, ranged) as leader:
        assert leader.read(1)
        with Client(edge, key, {"Range": f"bytes={first + 5}-{first + 1004}"}) as follower:
            assert follower.read(1000)
            assert follower.got == body[first + 5:first + 1005]
        leader.read(SIZE)

    assert leader.got == body[first:]
    assert reads(faults, key, 1) == 1


class Steps(ObjectOrigin):
    """Sends no more than up to each place before it is let."""

    def __init__(self, *places):
        super().__init__({})
        self.places, self.gates = places, [threading.Event() for _ in places]

    def _answer(self, request):
        message = super()._answer(request)
        sent, head = 0, message.index(b"\r\n\r\n") + 4
        for place, gate in zip(self.places, self.gates, strict=True):
            yield message[sent:head + place]
            sent = head + place
            gate.wait(60)
        yield message[sent:]


@pytest.mark.parametrize("joins", ["before", "after"])
def test_a_range_comes_when_it_is_there(web_edges, joins):
    """It waits for no more of the slice, whether its bytes were there already or not."""

    first, last = 150000, 159999

    with Steps(50000, 200000) as web:
        body = os.urandom(SIZE)
        web.objects["steps.glb"] = Object(body, '"a"', 1700000000)
        edge = web_edges(web.tenants("acme"), location=LOCATION + "xr_slice_run 64m;",
                         server="location = /status { xr off; stub_status; }")
        ranged = {"Range": f"bytes={first}-{last}"}

        with Client(edge, "steps.glb") as leader, contextlib.ExitStack() as stack_of:
            assert leader.read(1)
            if joins == "after":
                web.gates[0].set()
                assert leader.read(last + 10000)
            follower = stack_of.enter_context(Client(edge, "steps.glb", ranged))
            if joins == "before":
                servers.wait_for("both are there, and who asks",
                                 lambda: b"Writing: 3 " in edge.get("/status").body)
                web.gates[0].set()
            assert follower.read(last + 1 - first)
            assert follower.got == body[first:last + 1]

            web.gates[1].set()
            leader.read(SIZE)
            assert leader.got == body
        assert len(web.reads("/acme/steps.glb")) == 1


@pytest.mark.parametrize("end", [{"reset_at": 600000}, {"truncate": 600000}, {"reset_at": STALL}])
def test_the_origin_breaks_off(stack, edge, faults, end):
    """Once the client has something: the rest is read anew, and what it has stays right."""

    key, body = stack.put(os.urandom(SIZE))

    with leading(edge, faults, key, **{**end, "stall": 1}) as leader:
        with Client(edge, key) as follower:
            assert follower.read(1)
            follower.read(SIZE)
        leader.read(SIZE)

    assert follower.got == body
    assert body.startswith(leader.got) and len(leader.got) < SIZE
    assert reads(faults, key) == 2
    assert edge.get(f"/acme/{key}").body == body


def test_several_ranges(stack, edge, faults):
    """What stands between the parts is sent once, although one is read in two pieces."""

    key, body = stack.put(os.urandom(SIZE))
    spans = [(10, 19), (1000, 899999), (SLICE, SLICE + 99)]
    text = ",".join(f"{first}-{last}" for first, last in spans)

    with leading(edge, faults, key, stall=1, reset_at=600000):
        with Client(edge, key, {"Range": f"bytes={text}"}) as follower:
            assert follower.read(1)
            follower.read(SIZE)

    assert follower.head.startswith("http/1.1 206 ")
    boundary = follower.head.partition("boundary=")[2].partition("\r\n")[0]
    parts = follower.got.split(f"--{boundary}".encode())
    assert parts[-1] == b"--\r\n"
    assert [part.partition(b"\r\n\r\n")[2][:-2] for part in parts[1:-1]] == \
        [body[first:last + 1] for first, last in spans]


def test_who_waits_too_long_goes_alone(stack, impatient, faults):
    key, body = stack.put(os.urandom(SIZE))

    with leading(impatient, faults, key) as leader, Client(impatient, key) as follower:
        follower.read(SIZE)

        while leader.has_more():
            leader.read(len(leader.got) + 1)
        assert len(leader.got) <= STALL, "it did not go alone"

    assert follower.got == body
    assert reads(faults, key) == 2


def test_a_follower_that_leaves(stack, edge, faults):
    key, body = stack.put(os.urandom(SIZE))

    with leading(edge, faults, key, stall=1) as leader:
        with Client(edge, key) as follower:
            assert follower.read(1)
        leader.read(SIZE)

    assert leader.got == body
    assert reads(faults, key) == 1


def test_a_head_does_not_wait_for_the_body(stack, edge, faults):
    key, _ = stack.put(os.urandom(SIZE))

    with leading(edge, faults, key) as leader:
        head = edge.get(f"/acme/{key}", method="HEAD")
        while leader.has_more():
            leader.read(len(leader.got) + 1)
        assert len(leader.got) <= STALL, "it waited"

    assert (head.status, head["content-length"]) == (200, str(SIZE))


def test_a_worker_that_dies(stack, pair, faults):
    """Its slices are not waited for by those of the other one."""

    pair.reloads = True                     # a worker is replaced
    key, body = stack.put(os.urandom(SIZE))
    before = servers.workers_of(pair.process.pid)

    with leading(pair, faults, key, stall=20) as leader, contextlib.ExitStack() as stack_of:
        victim = worker_with(before, leader.sock.getsockname()[1])
        crowd = [stack_of.enter_context(Client(pair, key)) for _ in range(8)]
        others = [c for c in crowd if worker_with(before, c.sock.getsockname()[1]) != victim]
        for client in others:
            assert client.read(1)

        os.kill(victim, signal.SIGKILL)
        for client in others:
            client.read(SIZE)
            assert client.got == body

    assert pair.get(f"/acme/{key}").body == body

    # it is the log of this one test: the master says that a worker was killed
    log = pair.folder / "error.log"
    text = log.read_text()
    assert f"{victim} exited on signal 9" in text
    log.write_text("".join(line for line in text.splitlines(True) if "on signal 9" not in line))


def worker_with(pids, port):
    """The worker that serves the client on this port."""

    def find():
        wanted = f"{port:04X}"
        inodes = {f"socket:[{fields[9]}]"
                  for fields in map(str.split, open("/proc/net/tcp", encoding="ascii"))
                  if fields[2].endswith(f":{wanted}")}
        for pid in pids:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{fd}") in inodes:
                        return pid
        return None

    return servers.wait_for("a worker takes the connection", find)


# A bound of followers

@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_followers_than_said(stack, edges, faults, workers):
    edge = edges({"acme": ""}, location=LOCATION + "xr_slice_followers 2;", workers=workers)
    key, body = stack.put(os.urandom(SIZE))

    with leading(edge, faults, key) as leader, Client(edge, key) as one, Client(edge, key) as two:
        assert one.read(1) and two.read(1)

        refused = edge.get(f"/acme/{key}")
        assert refused.status == 503 and int(refused["retry-after"]) >= 1
        assert refused["cache-control"] == "no-store"
        assert edge.logged(refused)["reason"] == "slice_followers"

        for client in (leader, one, two):
            client.read(SIZE)
            assert client.got == body

    assert reads(faults, key) == 1
    assert edge.get(f"/acme/{key}").body == body


def test_a_follower_that_leaves_makes_room(stack, edges, faults):
    edge = edges({"acme": ""}, location=LOCATION + "xr_slice_followers 1;")
    key, body = stack.put(os.urandom(SIZE))

    with leading(edge, faults, key) as leader:
        with Client(edge, key) as one:
            assert one.read(1)
            assert edge.get(f"/acme/{key}").status == 503

        def admitted():
            with Client(edge, key) as client:
                return client.read(1) and client.head.startswith("http/1.1 200")

        servers.wait_for("there is room", admitted)
        leader.read(SIZE)
        assert leader.got == body
