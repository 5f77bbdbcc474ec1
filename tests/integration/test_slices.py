# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What slices cost: the origin, files and memory, while a client takes its time."""

import os
import pathlib
import socket

import pytest

import http1
import servers
from object_origin import ObjectOrigin
from range_model import Object

SLICE = 1 << 16
SLICES = 512
LARGE = Object(os.urandom(SLICES * SLICE), '"large"')

# the system's buffers take some of an object from a worker that nobody reads from
BUFFERS = 8 << 20


@pytest.fixture(scope="module")
def web():
    with ObjectOrigin({"large.glb": LARGE}) as origin:
        yield origin


@pytest.fixture
def edge(web, web_edges):
    location = f"xr_auth public; {servers.CACHE} xr_slice {SLICE >> 10}k; xr_prefetch 2;"
    return web_edges(web.tenants("acme"), origin=web.url, location=location)


def files_in_cache(edge):
    """How many files of its cache the worker has open."""

    cache, count = str(edge.folder / "cache"), 0

    for fd in pathlib.Path(f"/proc/{min(edge.pids)}/fd").iterdir():
        try:
            count += os.readlink(fd).startswith(cache)
        except FileNotFoundError:
            pass                            # closed meanwhile

    return count


def read(stream, size):
    while size > 0:
        data = stream.read(min(size, SLICE))
        assert data, "cut"
        size -= len(data)


@pytest.mark.parametrize("temperature", ["cold", "warm"])
def test_a_large_object_holds_few_files(web, edge, temperature):
    path = f"/acme/{temperature}-files/large.glb"

    if temperature == "warm":
        assert edge.get(path).body == LARGE.data

    with http1.Connection(edge.port) as client:
        client.send(path)
        while client.file.readline() != b"\r\n":
            pass

        read(client.file, len(LARGE.data) - BUFFERS)
        assert files_in_cache(edge) < 2 * BUFFERS // SLICE
        read(client.file, BUFFERS)


def test_nothing_is_read_for_a_client_that_stalls(web, edge):
    stalled, other = "/acme/stalled/large.glb", "/acme/other/large.glb"

    with http1.Connection(edge.port) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.send(stalled)
        assert client.file.readline().startswith(b"HTTP/1.1 200 ")

        # as much as another client gets meanwhile would be enough for all of it
        for _ in range(3):
            assert edge.get(other).body == LARGE.data

        assert len(web.reads(stalled)) < SLICES // 2
