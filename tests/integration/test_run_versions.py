# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Places that have different versions of an object, and an origin that fails or
changes while slices come: whichever slices one request brings, no response and
nothing that is stored is of two versions.
"""

import contextlib
import itertools
import os
import re
import struct
import threading

import pytest

import http1
import purging
import scripted
import servers
from object_origin import ObjectOrigin
from range_model import Object

SLICE = 1 << 16
SLICES = 6
SIZE = (SLICES - 1) * SLICE + 12345
CLIENTS = 8

LOCATION = (f"xr_auth public; {servers.CACHE} xr_slice {SLICE >> 10}k;"
            "xr_origin_read_timeout 2s;")
RUNS = {"each alone": "xr_slice_run off;", "in a run": "xr_slice_run 64m;",
        "two at a time": f"xr_slice_run {2 * SLICE >> 10}k;", "ahead": "xr_slice_run off;"
        "xr_prefetch 2;"}
EACH_RUN = pytest.mark.parametrize("run", RUNS)

BODY_START = 56                             # where a file of the cache says it
FIELD = re.compile(rb'\r\nETag: ("[^"]*")\r\n')
KEY = re.compile(rb"\nKEY: .*@%d:(\d+):([0-9a-f]+)\n" % SLICE)

names = itertools.count(1)


class Place(ObjectOrigin):
    """
    Once it is told to fail it ends the response that has the byte "at", and answers
    nothing any more.
    """

    at, how, down = None, scripted.CLOSE, False
    gate = None                             # before the byte "at", instead of an end
    fields = None                           # more of the header

    def _answer(self, request):
        if self.down:
            return [scripted.RESET]

        message = super()._answer(request)
        if self.fields:
            message = message.replace(b"\r\n", f"\r\n{self.fields}\r\n".encode(), 1)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))

        if self.at is None or found is None or not int(found[1]) <= self.at <= int(found[2]):
            return message

        head, _, body = message.partition(b"\r\n\r\n")
        cut = self.at - int(found[1])

        if self.gate:
            return self._gated(head + b"\r\n\r\n" + body[:cut], body[cut:])

        self.down = True
        return [head + b"\r\n\r\n" + body[:cut], self.how]

    def _gated(self, before, after):
        gate, self.gate, self.at = self.gate, None, None
        yield before
        gate.wait(20)
        yield after


@pytest.fixture
def places():
    with Place({}) as origin, Place({}) as replica:
        yield origin, replica


class Versions:
    """Those that there are of all objects, by their entity tags."""

    def __init__(self):
        self.by_etag = {}

    def add(self, size=SIZE):
        etag = f'"{len(self.by_etag)}"'
        self.by_etag[etag] = Object(os.urandom(size), etag, 1700000000)
        return self.by_etag[etag]

    def judge(self, response, first=0):
        """Which one it is of; None, if it is an error or not complete."""

        if response.status >= 500:
            return None

        found = self.by_etag[response["etag"]]
        wanted = found.data[first:]

        assert wanted.startswith(response.body), "two versions in one response"
        assert not response.complete or response.body == wanted
        return found if response.complete else None

    def stored(self, edge):
        """How many slices are in the cache; each is of the version that it says it is of."""

        etags, count = {}, 0

        for file in (edge.folder / "cache").rglob("?" * 32):
            text = file.read_bytes()
            start, = struct.unpack_from("H", text, BODY_START)
            head, body = text[:start], text[start:]
            number, tag = KEY.search(head).groups()
            etag, = FIELD.search(head).groups()
            first = int(number) * SLICE

            assert body == self.by_etag[etag.decode()].data[first:first + SLICE]
            assert int(number) == 0 or etags.setdefault(tag, etag) == etag
            count += 1

        return count


@EACH_RUN
@pytest.mark.parametrize("more", [0, 99], ids=["same size", "other size"])
@pytest.mark.parametrize("quirks", [(), ("no if-match",)], ids=["If-Match", "no If-Match"])
@pytest.mark.parametrize("how", [scripted.CLOSE, scripted.RESET])
def test_a_replica_of_another_version(places, web_edges, run, more, quirks, how):
    """The origin fails at some byte and stays away: the replica has what was there before."""

    origin, replica = places
    edge = web_edges({"acme": f"origin {origin.url}/acme; replica {replica.url}/copy;"},
                     location=LOCATION + RUNS[run], http="xr_origin_health fails=0 budget=100;")
    versions = Versions()

    for at in (0, 5000, SLICE - 1, SLICE, 2 * SLICE, 3 * SLICE + 1, (SLICES - 1) * SLICE,
               SIZE - 1):
        name = f"{next(names)}.glb"
        path = f"/acme/{name}"
        origin.objects[name], replica.objects[name] = versions.add(), versions.add(SIZE + more)
        replica.quirks[name] = quirks
        origin.at, origin.how, origin.down = at, how, False

        for _ in range(3):
            versions.judge(edge.get(path))
        assert origin.down

        # at last all is there of the one or of the other
        assert versions.judge(edge.get(path)) is not None

        origin.at, origin.down = None, False
        servers.wait_for("it is whole", lambda path=path: versions.judge(edge.get(path)))

    assert versions.stored(edge) > 0


@EACH_RUN
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("quirks", [(), ("no if-match",)], ids=["If-Match", "no If-Match"])
def test_written_while_it_comes(places, web_edges, run, workers, number, quirks):
    """Who reads what came before is beside those who read, and wait for, what comes after."""

    origin, _ = places
    edge = web_edges(origin.tenants("acme"), location=LOCATION + RUNS[run], workers=workers)
    name, versions = f"{next(names)}.glb", Versions()
    path = f"/acme/{name}"
    old = origin.objects[name] = versions.add()
    origin.quirks[name] = quirks
    origin.at, origin.gate = number * SLICE + 777, (gate := threading.Event())

    with contextlib.ExitStack() as stack:
        def ask(count, first=0):
            clients = []
            for _ in range(count):
                client = stack.enter_context(http1.Connection(edge.port))
                client.send(path, headers={"Range": f"bytes={first}-"} if first else {})
                clients.append((client, first))
            return clients

        clients = ask(1)
        servers.wait_for("the slice comes", lambda: origin.gate is None)
        clients += ask(CLIENTS)
        new = origin.objects[name] = versions.add(SIZE)
        clients += ask(CLIENTS)
        for later in range(SLICES):
            clients += ask(2, later * SLICE + 5)
        gate.set()

        found = [versions.judge(client.receive(), first) for client, first in clients]

    # one request has brought all of it to who was first
    if run == "in a run":
        assert found[0] == old

    servers.wait_for("it is whole", lambda: versions.judge(edge.get(path)))
    assert {each.etag for each in found if each} <= {old.etag, new.etag}
    assert versions.stored(edge) > 0


@EACH_RUN
@pytest.mark.parametrize("claims", [{"objects": True}, {"tags": ["t"]}, {"all": True}],
                         ids=["object", "tag", "all"])
def test_purged_while_it_comes(places, web_edges, run, claims):
    """What was asked for before counts for nothing, even if its entity tag is the new one's."""

    origin, _ = places
    tenants = {"acme": f"origin {origin.url}/acme; purge_keys acme.purge;"}
    edge = web_edges(tenants, location=LOCATION + RUNS[run], server=purging.LOCATION, workers=2,
                     files={"acme.purge": f"k1 {purging.key_of('acme')}\n"})
    name = f"{next(names)}.glb"
    origin.fields = "Cache-Tag: t"
    old = origin.objects[name] = Object(os.urandom(SIZE), '"same"', 1700000000)
    origin.at, origin.gate = 2 * SLICE + 777, (gate := threading.Event())

    with http1.Connection(edge.port) as client:
        client.send(f"/acme/{name}")
        servers.wait_for("the slice comes", lambda: origin.gate is None)
        new = origin.objects[name] = Object(os.urandom(SIZE), '"same"', 1700000000)
        purging.purge(edge, **{**claims, **({"objects": [name]} if "objects" in claims else {})})
        gate.set()
        first = client.receive()

    # with a tag that does not change the origin itself mixes what is asked for one by one
    if run == "in a run":
        assert first.body == old.data

    for _ in range(2):
        assert edge.get(f"/acme/{name}").body == new.data
        for number in range(SLICES):
            part = edge.get(f"/acme/{name}", headers={"Range": f"bytes={number * SLICE}-"})
            assert part.body == new.data[number * SLICE:]
