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


# files that a worker keeps open for whoever comes next
OPEN = 64


@pytest.fixture
def edge(web, web_edges):
    location = f"xr_auth public; {servers.CACHE} xr_slice {SLICE >> 10}k; xr_prefetch 2;"
    return web_edges(web.tenants("acme"), origin=web.url, location=location,
                     http=f"xr_open_slices {OPEN};")


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
        assert files_in_cache(edge) < 2 * BUFFERS // SLICE + OPEN
        read(client.file, BUFFERS)


def ranged(edge, path, first, last):
    response = edge.get(path, headers={"Range": f"bytes={first}-{last}"})
    assert response.status == 206
    assert response["content-range"] == f"bytes {first}-{last}/{len(LARGE.data)}"
    return response


def test_what_is_open_is_what_is_stored(web, edge):
    """The same bytes and the same header; files that have gone are not read any more."""

    path = "/acme/open/large.glb"
    first, last = 3 * SLICE + 5, 6 * SLICE + 4
    wanted = LARGE.data[first:last + 1]

    for _ in range(2):
        before = ranged(edge, path, first, last)
        assert before.body == wanted
    asked = len(web.reads(path))
    assert 0 < files_in_cache(edge) <= OPEN

    after = ranged(edge, path, first, last)
    assert (after.body, len(web.reads(path))) == (wanted, asked)

    for name in ("etag", "last-modified", "content-type", "cache-control"):
        assert after[name] == before[name]
        assert name != "etag" or after[name] == LARGE.etag

    # what is judged on conditions takes the usual way
    response = edge.get(path, headers={"Range": f"bytes={first}-{last}", "If-Match": LARGE.etag})
    assert (response.status, response.body) == (206, wanted)

    for file in (edge.folder / "cache").rglob("?" * 32):
        file.unlink()

    assert ranged(edge, path, first, last).body == wanted
    assert len(web.reads(path)) > asked


def test_what_is_open_is_looked_at(web, edge):
    """A file that somebody writes to is not sent, although it is open."""

    path = "/acme/written/large.glb"

    for _ in range(2):
        assert ranged(edge, path, 0, SLICE - 1).body == LARGE.data[:SLICE]

    for file in (edge.folder / "cache").rglob("?" * 32):
        with open(file, "r+b") as out:
            out.truncate(100)

    assert ranged(edge, path, 0, SLICE - 1).body == LARGE.data[:SLICE]


def test_files_yield_to_others(web, edge):
    """More slices than may be open."""

    path = "/acme/many/large.glb"

    for _ in range(3):
        assert edge.get(path).body == LARGE.data
    assert files_in_cache(edge) <= OPEN


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
