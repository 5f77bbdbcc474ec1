# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Slices are fetched ahead of clients that keep up, within bounds."""

import contextlib
import itertools
import os
import threading

import pytest

import http1
import servers
from object_origin import ObjectOrigin
from range_model import Object

SLICE = 1 << 14
SLICES = 24
SIZE = SLICES * SLICE
AHEAD = 64                                  # of a worker

LOCATION = f"xr_auth public; {servers.CACHE} xr_slice {SLICE >> 10}k; xr_slice_run off;"

names = itertools.count(1)


class Held(ObjectOrigin):
    """Answers what is behind a place when it is let."""

    def __init__(self):
        super().__init__({})
        self.place, self.gate = SLICES, threading.Event()

    def _answer(self, request):
        message = super()._answer(request)
        first = request.headers["range"].removeprefix("bytes=").partition("-")[0]
        if int(first) >= self.place * SLICE:
            self.gate.wait(60)
        return message

    def slices(self, path):
        return sorted(first // SLICE for first, _ in self.reads(path))


@pytest.fixture(scope="module")
def web():
    with Held() as origin:
        yield origin


@pytest.fixture
def start(web, web_edges):
    def edge(ahead, place=SLICES):
        web.place, web.gate = place, threading.Event()
        return web_edges(web.tenants("acme"), location=f"{LOCATION} xr_prefetch {ahead};")

    yield edge
    web.gate.set()


def put(web):
    name = f"{next(names)}.glb"
    web.objects[name] = Object(os.urandom(SIZE), '"a"', 1700000000)
    return f"/acme/{name}", web.objects[name].data


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_as_many_as_said(web, start, ahead):
    """While the client waits for a slice, that many behind it are on their way."""

    edge = start(ahead, place=2)
    path, body = put(web)

    with http1.Connection(edge.port) as client:
        client.send(path)
        servers.wait_for("they are asked for", lambda: len(web.slices(path)) >= 3 + ahead)
        other, data = put(web)
        web.place = SLICES
        assert edge.get(other).body == data     # what was to be asked for has been
        assert web.slices(path) == list(range(3 + ahead))
        web.gate.set()
        assert client.receive().body == body

    assert web.slices(path) == list(range(SLICES))


def test_nothing_behind_a_range(web, start):
    edge = start(8)
    path, body = put(web)

    for first, last in ((10, 20), (3 * SLICE + 5, 5 * SLICE + 5)):
        response = edge.get(path, headers={"Range": f"bytes={first}-{last}"})
        assert response.body == body[first:last + 1]

    assert web.slices(path) == [0, 3, 4, 5]


def test_a_worker_has_a_bound(web, start):
    """Of all its clients together; each gets its own slices all the same."""

    edge = start(16, place=2)
    objects = [put(web) for _ in range(6)]

    def asked():
        return sum(len(web.slices(path)) for path, _ in objects)

    with contextlib.ExitStack() as stack_of:
        clients = []
        for path, _ in objects:
            clients.append(stack_of.enter_context(http1.Connection(edge.port)))
            clients[-1].send(path)

        servers.wait_for("as many as there may be", lambda: asked() >= 3 * 6 + AHEAD)
        web.place = SLICES
        other, data = put(web)
        assert edge.get(other).body == data
        assert asked() == 3 * 6 + AHEAD

        web.gate.set()
        for client, (_, body) in zip(clients, objects, strict=True):
            assert client.receive().body == body
