# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
One request to the origin for several slices: each is stored alone all the same,
and what fails, stalls or is wanted by others concerns the one that is under way.
"""

import fcntl
import itertools
import os
import socket
import struct

import pytest

import http1
import scripted
import servers
from object_origin import ObjectOrigin
from range_model import Object

SLICE = 1 << 16
SLICES = 24
SIZE = (SLICES - 1) * SLICE + 12345
LARGE = 512 * SLICE

LOCATION = f"xr_auth public; {servers.CACHE} xr_slice {SLICE >> 10}k;"

names = itertools.count(1)


class Origin(ObjectOrigin):
    """Ends a response at a byte of the object, once, or sends no more than so many slices."""

    at, how, most = None, scripted.CLOSE, None

    def _answer(self, request):
        found = request.headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")
        first, last = int(found[0]), int(found[1] or SIZE)

        if self.most is not None:
            last = min(last, first + self.most * SLICE - 1)
            request.headers["range"] = f"bytes={first}-{last}"

        message = super()._answer(request)

        if self.at is None or not first <= self.at <= last:
            return message

        head, _, body = message.partition(b"\r\n\r\n")
        body, self.at = body[:self.at - first], None
        return [head + b"\r\n\r\n" + body, self.how]


@pytest.fixture(scope="module")
def web():
    with Origin({}) as origin:
        yield origin


@pytest.fixture(scope="module")
def edge(web, web_edges):
    return web_edges(web.tenants("acme"), location=f"{LOCATION} xr_slice_run 64m;")


@pytest.fixture(autouse=True)
def well(web):
    web.at, web.how, web.most = None, scripted.CLOSE, None


def fresh(web, size=SIZE):
    name = f"{next(names)}.glb"
    web.objects[name] = Object(os.urandom(size), f'"{name}"', 1700000000)
    return f"/acme/{name}", web.objects[name].data


def ranged(edge, path, first, last):
    return edge.get(path, headers={"Range": f"bytes={first}-{last}"})


def numbers(web, path, size=SIZE):
    """Of the slices that were read, request by request."""

    reads = web.reads(path)
    assert all(first % SLICE == 0 and (last + 1) % SLICE == 0 for first, last in reads), reads
    return [list(range(first // SLICE, min(last, size - 1) // SLICE + 1)) for first, last in reads]


def stored_slices(edge, key):
    """The numbers of those in the cache, by the key in each file; all of them complete."""

    found = []
    for file in (edge.folder / "cache").rglob("?" * 32):
        data = file.read_bytes()
        head = data[:4096]
        if key.encode() + b"\n" in head and b"KEY: " in head:
            found.append(int(head.partition(f"@{SLICE}:".encode())[2].partition(b":")[0]))
    return sorted(found)


def test_a_whole_object_is_one_request(web, edge):
    path, data = fresh(web)

    assert edge.get(path).body == data
    assert numbers(web, path) == [list(range(SLICES))]

    # the client may have the last byte before its file has its name
    servers.wait_for("every slice is stored", lambda: stored_slices(
        edge, path.rpartition("/")[2]) == list(range(SLICES)))

    connections = web.connections
    assert edge.get(path).body == data
    for first in range(5, SIZE, SLICE - 77):
        last = min(first + SLICE, SIZE - 1)
        assert ranged(edge, path, first, last).body == data[first:last + 1]
    assert len(web.reads(path)) == 1

    # the connection is kept after the last slice
    path, data = fresh(web)
    assert edge.get(path).body == data
    assert web.connections == connections


def test_as_if_each_were_asked_for_alone(web, edge, web_edges):
    """The same header, whatever a slice has come by."""

    single = web_edges(web.tenants("acme"), location=f"{LOCATION} xr_slice_run off;")
    path, data = fresh(web)

    assert edge.get(path).body == data and single.get(path).body == data
    assert len(web.reads(path)) == 1 + SLICES

    for number in range(SLICES):
        first, last = number * SLICE + 1, min((number + 1) * SLICE, SIZE) - 1
        one, other = ranged(edge, path, first, last), ranged(single, path, first, last)
        assert one.body == other.body == data[first:last + 1]
        for name in ("etag", "content-range", "content-type", "last-modified", "cache-control"):
            assert one[name] == other[name]


def test_small_ranges_cost_what_they_touch(web, edge):
    for first, last, wanted in ((0, 0, [[0]]), (5, SLICE, [[0, 1]]),
                                (0, 4 * SLICE - 1, [[0, 1, 2, 3]]),
                                (7 * SLICE, 9 * SLICE, [[0], [7, 8, 9]])):
        path, data = fresh(web)
        assert ranged(edge, path, first, last).body == data[first:last + 1]
        assert numbers(web, path) == wanted

    path, data = fresh(web)
    assert edge.get(path, method="HEAD")["content-length"] == str(SIZE)
    assert numbers(web, path) in ([], [[0]])


def test_what_is_stored_is_not_asked_for(web, edge):
    path, data = fresh(web)

    for number in (5, 6, 11):
        assert ranged(edge, path, number * SLICE, number * SLICE).body == data[number * SLICE:][:1]

    assert edge.get(path).body == data
    assert numbers(web, path) == [[0], [5], [6], [11], [1, 2, 3, 4], [7, 8, 9, 10],
                                  list(range(12, SLICES))]


def test_no_more_than_configured(web, web_edges):
    edge = web_edges(web.tenants("acme"), location=f"{LOCATION} xr_slice_run {5 * SLICE >> 10}k;")
    path, data = fresh(web)

    assert edge.get(path).body == data
    assert [len(each) for each in numbers(web, path)] == [5, 5, 5, 5, 4]


def test_an_origin_that_sends_less(web, edge):
    web.most = 3
    path, data = fresh(web)

    assert edge.get(path).body == data
    assert len(web.reads(path)) == SLICES // 3


@pytest.mark.parametrize("how", [scripted.CLOSE, scripted.RESET])
@pytest.mark.parametrize("number", [1, 2, 12, SLICES - 1])
def test_the_end_between_two_slices(web, edge, number, how):
    """Nothing is missing of a slice: the client does not learn of it."""

    path, data = fresh(web)
    web.at, web.how = number * SLICE, how

    response = edge.fetch(path)

    if how == scripted.CLOSE:
        assert (response.complete, response.body) == (True, data)
        assert [each[0] for each in numbers(web, path)] == [0, number]

    # a reset may take with it what was sent before
    assert data.startswith(response.body)
    assert edge.get(path).body == data


@pytest.mark.parametrize("how", [scripted.CLOSE, scripted.RESET])
@pytest.mark.parametrize("number", [0, 12, SLICES - 1])
def test_the_end_within_a_slice(web, edge, number, how):
    path, data = fresh(web)
    web.at, web.how = number * SLICE + 5000, how

    response = edge.fetch(path)
    assert data.startswith(response.body)

    if how == scripted.CLOSE:
        assert not response.complete
        assert stored_slices(edge, path.rpartition("/")[2]) == list(range(number))

    # a reset may take with it what was sent before, down to the end of a slice
    assert not response.complete or response.body == data

    for _ in range(2):
        assert edge.get(path).body == data

    first, second = numbers(web, path)
    assert first == list(range(SLICES)) and second == list(range(second[0], SLICES))


def test_a_client_that_leaves(web, edge):
    path, data = fresh(web, LARGE)

    with http1.Connection(edge.port) as client:
        client.send(path)
        client.file.read(3 * SLICE)

    stored = stored_at_rest(web, edge, path)
    assert stored == list(range(len(stored)))

    assert edge.get(path).body == data
    assert numbers(web, path, LARGE)[1:] == [list(range(len(stored), LARGE // SLICE))]


def served_by(web):
    """Connections on which the origin is in the middle of a response."""

    return sum(sock.fileno() >= 0 and unsent(sock) > 0 for sock in list(web._open))


def stored_at_rest(web, edge, path):
    """What is stored when the origin is in no response and two looks see the same."""

    key = path.rpartition("/")[2]
    looks = [None]

    def at_rest():
        looks.append(stored_slices(edge, key))
        return served_by(web) == 0 and looks[-1] == looks[-2]

    servers.wait_for("the connection is given up", at_rest)
    return looks[-1]


def unsent(sock):
    return struct.unpack("i", fcntl.ioctl(sock.fileno(), 0x5411, b"\0" * 4))[0]


def test_a_client_that_stalls(web, edge):
    """It holds no connection of the origin, and is right in the end."""

    path, data = fresh(web, LARGE)

    with http1.Connection(edge.port) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.send(path, headers={"Connection": "close"})
        servers.wait_for("it is served", lambda: web.reads(path))
        stored = stored_at_rest(web, edge, path)
        assert stored == list(range(len(stored))) and len(stored) < LARGE // SLICE

        assert client.receive().body == data


def test_others_do_not_wait_for_who_stalls(web, edge):
    """They have it read on, and it is not read twice."""

    path, data = fresh(web, LARGE)

    with http1.Connection(edge.port) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.send(path, headers={"Connection": "close"})
        servers.wait_for("it is served", lambda: web.reads(path))

        assert edge.get(path).body == data
        assert client.receive().body == data

    assert len(numbers(web, path, LARGE)) <= 4


def test_a_range_meanwhile(web, edge):
    path, data = fresh(web)
    web.at, web.how = 3 * SLICE + 100, 1            # seconds: then it is cut

    first = 15 * SLICE + 7
    with http1.Connection(edge.port) as client:
        client.send(path)
        servers.wait_for("it is served", lambda: web.reads(path))
        assert ranged(edge, path, first, first + 99).body == data[first:first + 100]
        assert numbers(web, path)[1:] == [[15]]

    assert edge.get(path).body == data


def test_over_tls(web_edges, tmp_path):
    """What has been decrypted beyond a slice's end waits for the next one, too."""

    cert, key = scripted.certificate(tmp_path, "origin", "localhost")

    with ObjectOrigin({}, cert=cert, key=key) as web:
        edge = web_edges(web.tenants("acme"), location=f"{LOCATION} xr_slice_run 64m;",
                         http=f"xr_origin_ssl_trusted_certificate {cert};")
        path, data = fresh(web, LARGE)

        assert edge.get(path).body == data
        assert edge.get(path).body == data
        assert numbers(web, path, LARGE) == [list(range(LARGE // SLICE))]
        assert stored_slices(edge, path.rpartition("/")[2]) == list(range(LARGE // SLICE))


@pytest.mark.parametrize("text", ["1k", "2g", "0", "many", "-1", "1m 2m"])
def test_refused(web_edges, web, tmp_path, text):
    edge = servers.Edge(tmp_path, web.tenants("acme"), location=f"{LOCATION} xr_slice_run {text};")
    code, said = edge.test()
    assert code != 0
    assert "xr_slice_run" in said or "it is \"off\", or from 4k to 1g" in said
    assert "nginx.conf:" in said
