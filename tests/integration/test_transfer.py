# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
How bytes get to clients: by whatever NGINX is told to send files with, over
each HTTP, with a length that is exact; and what clients cost that do not read.
"""

import os
import pathlib
import re
import socket
import struct
import subprocess

import h2.connection
import h2.settings
import pytest

import http1
import http2
import scripted
import servers
from object_origin import ObjectOrigin
from range_model import Object
from servers import wait_for

SLICE = 1 << 16
SIZE = 6 * SLICE + 12345
SMALLEST = 4096
THOUSANDS = 3000

# a socket's buffers take some of an object from a worker that nobody reads from
BUFFERS = 8 << 20

OBJECTS = {
    "object.glb": Object(os.urandom(SIZE), '"object"', 1700000000),
    "small.glb": Object(os.urandom(100), '"small"', 1700000000),
    "empty.glb": Object(b"", '"empty"', 1700000000),
    "large.glb": Object(os.urandom(SLICE) * 512, '"large"', 1700000000),
    "mixed.glb": Object(os.urandom(SLICE * 32), '"mixed"', 1700000000),
    "many.glb": Object(os.urandom(SMALLEST * THOUSANDS + 1), '"many"', 1700000000),
}

MODES = {
    "as it comes": "sendfile off;",
    "sendfile": "sendfile on; tcp_nopush on;",
    "sendfile in pieces": "sendfile on; sendfile_max_chunk 24k;",
    "threads": "aio threads; sendfile off;",
    "threads and sendfile": "aio threads; aio_write on; sendfile on;",
    "direct": "aio threads; directio 4k; output_buffers 2 48k;",
    "direct without threads": "directio 4k; output_buffers 1 16k;",
}

KINDS = {"whole": "", "sliced": f"xr_slice {SLICE >> 10}k; xr_prefetch 2;"}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_MODE = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(scope="module")
def web():
    with ObjectOrigin(OBJECTS) as origin:
        yield origin


def location(kind):
    return f"xr_auth public; {servers.CACHE} {KINDS[kind]}"


RANGES = ("0-0", f"{SLICE - 1}-{SLICE}", f"5-{SIZE - 5}", f"{2 * SLICE}-{3 * SLICE - 1}", "100-",
          "-70000", f"{SIZE - 1}-{SIZE + 9}")


def cut(body, text):
    first, last = text.split("-")
    if not first:
        return body[-int(last):]
    return body[int(first):int(last) + 1 if last else None]


def hold(response, status, body):
    assert (response.status, response.complete) == (status, True), response
    assert response["content-length"] == str(len(body))
    assert response["transfer-encoding"] is None
    assert response.body == body


def ask_everything(ask, path):
    """"ask" is a client of some HTTP; each answer has a length, which is exact."""

    body = OBJECTS[path.rpartition("/")[2]].data

    hold(ask(path), 200, body)
    hold(ask(path, headers={"If-None-Match": '"other"'}), 200, body)

    head = ask(path, method="HEAD")
    assert (head.status, head["content-length"], head.body) == (200, str(len(body)), b"")

    same = ask(path, headers={"If-None-Match": '"object"'})
    assert (same.status, same.body) == (304, b"")

    for text in RANGES:
        hold(ask(path, headers={"Range": f"bytes={text}"}), 206, cut(body, text))

    beyond = ask(path, headers={"Range": f"bytes={SIZE}-"})
    assert (beyond.status, beyond["content-range"]) == (416, f"bytes */{SIZE}")
    assert beyond["content-length"] == str(len(beyond.body))

    several = ask(path, headers={"Range": f"bytes=0-9,{SLICE - 5}-{2 * SLICE + 5},-20"})
    assert (several.status, several.complete) == (206, True)
    assert several["content-length"] == str(len(several.body))
    for text in ("0-9", f"{SLICE - 5}-{2 * SLICE + 5}", "-20"):
        assert cut(body, text) in several.body


@EACH_MODE
@EACH_KIND
def test_each_way_to_send_a_file(web, web_edges, kind, mode):
    edge = web_edges(web.tenants("acme"), location=location(kind), http=MODES[mode],
                     server="http2 on;")
    path = f"/acme/{kind}-{mode}/object.glb".replace(" ", "-")

    for temperature in ("cold", "warm"):
        ask_everything(edge.get, path.replace("/acme/", f"/acme/{temperature}-"))
        with http2.Connection(edge.port) as connection:
            ask_everything(connection.request, path.replace("/acme/", f"/acme/{temperature}-"))
            ask_everything(connection.request, path.replace("/acme/", f"/acme/{temperature}-2-"))

    # streams of one connection at a time
    with http2.Connection(edge.port) as connection:
        wanted = [(path, "GET", {"Range": f"bytes={text}"}) for text in RANGES]
        for response, text in zip(connection.requests(wanted), RANGES, strict=True):
            hold(response, 206, cut(OBJECTS["object.glb"].data, text))

    for name, length in (("small.glb", 100), ("empty.glb", 0)):
        for _ in range(2):
            hold(edge.get(f"/acme/{kind}-{mode}/{name}".replace(" ", "-")), 200,
                 OBJECTS[name].data)
        head = edge.get(f"/acme/{kind}-{mode}/{name}".replace(" ", "-"), method="HEAD")
        assert (head.status, head["content-length"]) == (200, str(length))


@pytest.mark.parametrize("mode", ["as it comes", "threads and sendfile", "direct"])
@EACH_KIND
def test_http3(web, web_edges, kind, mode, tmp_path):
    cert, key = scripted.certificate(tmp_path, "edge", "edge.test")
    port = servers.free_port()
    edge = web_edges(web.tenants("acme"), location=location(kind), http=MODES[mode], server=f"""
        listen 127.0.0.1:{port} quic; ssl_certificate {cert}; ssl_certificate_key {key};""")

    for name in ("object.glb", "large.glb", "small.glb"):
        for method in ("GET", "GET", "HEAD"):
            folder = tmp_path / "got"
            folder.mkdir(exist_ok=True)
            url = f"https://127.0.0.1:{port}/acme/{kind}-{mode}/{name}".replace(" ", "-")
            done = subprocess.run(
                ["gtlsclient", "--exit-on-all-streams-close", f"--download={folder}", "-m", method,
                 "--no-quic-dump", "--no-http-dump", "127.0.0.1", str(port), url],
                capture_output=True, text=True, timeout=60, check=True)
            said = done.stdout + done.stderr
            body = OBJECTS[name].data
            assert re.findall(r"\[:status: (\d+)\]", said) == ["200"]
            assert re.findall(r"\[content-length: (\d+)\]", said) == [str(len(body))]
            assert (folder / name).read_bytes() == (body if method == "GET" else b"")
            (folder / name).unlink()

    assert "HTTP/3.0" in edge.access_log()


def test_thousands_of_slices(web, web_edges):
    """NGINX's limits on subrequests are for those that are nested, or at one time."""

    edge = web_edges(web.tenants("acme"), server="http2 on;",
                     location=f"xr_auth public; {servers.CACHE} xr_slice 4k; xr_prefetch 4;")
    path, body = "/acme/thousands/many.glb", OBJECTS["many.glb"].data

    hold(edge.get(path), 200, body)
    hold(edge.get(path, headers={"Range": "bytes=1-"}), 206, body[1:])
    with http2.Connection(edge.port) as connection:
        hold(connection.request(path), 200, body)
    assert "subrequests cycle" not in edge.error_log()


class Reader:
    """Takes the header and then no more than it is told to."""

    def __init__(self, edge, path):
        self.client = http1.Connection(edge.port)
        self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.tag = self.client.send(path)
        assert self.client.file.readline().startswith(b"HTTP/1.1 200 ")
        while self.client.file.readline() != b"\r\n":
            pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.client.__exit__()

    def take(self, size):
        data = b""
        while size > len(data):
            piece = self.client.file.read(min(size - len(data), 1 << 18))
            assert piece, "cut"
            data += piece
        return data


@pytest.mark.parametrize("kind, opened", [("whole", 0), ("sliced", 0), ("run", 1)])
def test_a_reader_that_stalls_holds_no_origin_connection(web, web_edges, kind, opened):
    """Of what is read at once there is more than it takes: that connection is closed."""

    edge = web_edges(web.tenants("acme"), location="xr_auth public; " + servers.CACHE + {
        "whole": "", "sliced": f"xr_slice {SLICE >> 10}k; xr_slice_run off;",
        "run": f"xr_slice {SLICE >> 10}k; xr_slice_run 64m;"}[kind])
    path = f"/acme/stalls-{kind}/large.glb"

    with Reader(edge, path) as reader:
        last = []

        def idle():
            """Nothing more is asked of the origin."""

            last.append((len(web.under(path)), web.connections))
            return len(last) > 25 and last[-1] == last[-25]

        wait_for("it stalls", idle)

        # the connection carries the requests of others
        before = web.connections
        for n in range(5):
            hold(edge.get(f"/acme/stalls-{kind}-{n}/object.glb"), 200, OBJECTS["object.glb"].data)
        assert web.connections == before + opened

        assert reader.take(len(OBJECTS["large.glb"].data)) == OBJECTS["large.glb"].data


@EACH_KIND
@pytest.mark.parametrize("temperature", ["cold", "warm"])
def test_a_reader_that_stalls_is_ended(web, web_edges, kind, temperature):
    edge = web_edges(web.tenants("acme"), location=location(kind) + "send_timeout 1s;")
    path = f"/acme/ended-{kind}-{temperature}/large.glb"

    if temperature == "warm":
        hold(edge.get(path), 200, OBJECTS["large.glb"].data)

    with Reader(edge, path) as reader:
        wait_for("it is in the access log", lambda: reader.tag in edge.access_log())
    assert "client timed out" in edge.error_log()


def dirty(pid):
    """Kilobytes that only this process has."""

    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty: +(\d+) kB", text)[1])


@pytest.mark.skipif(servers.ASAN, reason="a sanitizer has memory of its own")
@pytest.mark.parametrize("temperature", ["cold", "warm"])
def test_memory_does_not_grow_with_slices(web, web_edges, temperature):
    """Less than 1 KB for each: a request with thousands of them is one like others."""

    edge = web_edges(web.tenants("acme"),
                     location=f"xr_auth public; {servers.CACHE} xr_slice 4k;")
    [pid] = edge.pids
    path, size = f"/acme/memory-{temperature}/many.glb", SMALLEST * THOUSANDS

    if temperature == "warm":
        hold(edge.get(path), 200, OBJECTS["many.glb"].data)

    with Reader(edge, path) as reader:
        reader.take(size // 8)
        before = dirty(pid)
        reader.take(size * 3 // 4)
        grown = (dirty(pid) - before) * 1024
        assert grown < THOUSANDS * 3 // 4 * 1024


class Window:
    """A stream of HTTP/2 whose window is what is taken."""

    def __init__(self, edge, path, *fields):
        self.sock = socket.create_connection(("127.0.0.1", edge.port), http1.TIMEOUT)
        self.file = self.sock.makefile("rb")
        client = h2.connection.H2Connection(http2.CONFIG)
        client.initiate_connection()
        client.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        client.increment_flow_control_window(1 << 30)
        client.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":path", path),
                                (":authority", "edge.test"), *fields], end_stream=True)
        self.sock.sendall(client.data_to_send())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.sock.close()

    def take(self, size, times=1):
        """In frames of no more than "size"; all of them are there then."""

        update = struct.pack(">IBII", 4 << 8 | 8, 0, 1, size)
        self.sock.sendall(update * times)
        size *= times
        while size:
            head = self.file.read(9)
            assert len(head) == 9, "cut"
            length = int.from_bytes(head[:3], "big")
            assert len(self.file.read(length)) == length
            if head[3] == 0:
                size -= length


@pytest.mark.parametrize("temperature", ["cold", "warm"])
@pytest.mark.parametrize("packed", [False, True])
def test_frames_of_all_sizes(web, web_edges, packed, temperature):
    """What HTTP/2, or a filter in front of it, keeps of a slice outlives that."""

    edge = web_edges(web.tenants("acme"), location=location("sliced"), server="http2 on;",
                     http="xr_open_slices off; gzip on; gzip_types *; gzip_buffers 32 4k;")
    path = f"/acme/frames-{packed}-{temperature}/mixed.glb"
    if temperature == "warm":
        edge.get(path)

    with Window(edge, path, *[("accept-encoding", "gzip")] * packed) as window:
        for _ in range(8):
            for _ in range(8):
                window.take(SLICE // 16)
            window.take(SLICE // 2)
            for _ in range(30):
                window.take(1)
            window.take(SLICE - 30)


@pytest.mark.skipif(servers.ASAN, reason="a sanitizer has memory of its own")
def test_memory_does_not_grow_with_frames(web, web_edges):
    """A client may take a few bytes at a time, for as long as it likes."""

    edge = web_edges(web.tenants("acme"), location=location("sliced"), server="http2 on;")
    [pid] = edge.pids
    path = "/acme/small-frames/mixed.glb"
    edge.get(path)

    with Window(edge, path) as window:
        window.take(50, 1000)
        before = dirty(pid)
        window.take(50, 20000)
        assert dirty(pid) - before < 600
