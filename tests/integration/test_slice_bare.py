# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An answer that is a header only, about an object that nobody has asked for yet:
it is complete, and its connection free, when the header of the first slice is
known.  The slice comes to the cache all the same, for others.
"""

import contextlib
import itertools
import os
import re
import select
import socket
import ssl
import subprocess
import threading

import pytest

import http1
import http2
import http3
import scripted
import servers
from object_origin import ObjectOrigin
from range_model import Object
from servers import wait_for

SLICE = 1 << 16
SIZE = 5 * SLICE + 123
SOME = SLICE // 2                           # of a slice: enough to be read by others
OTHER = Object(os.urandom(1000), '"other"', 1700000000)
MOST = 64                                   # that a worker lets its clients not wait for

LOCATION = f"xr_auth public; {servers.CACHE}"
SLICED = f"xr_slice {SLICE >> 10}k;"
STATUS = "location = /status { xr off; stub_status; }"

names = itertools.count(1)

CASES = {
    "HEAD": (200, "HEAD", {}),
    "HEAD on conditions": (304, "HEAD", {"If-None-Match": "*"}),
    "304": (304, "GET", {"If-None-Match": "*"}),
    "304 of a range": (304, "GET", {"If-None-Match": "*", "Range": "bytes=5-9"}),
    "304 by date": (304, "GET", {"If-Modified-Since": "Thu, 01 Jan 2037 00:00:00 GMT"}),
    "412": (412, "GET", {"If-Match": '"x"'}),
    "412 of a range": (412, "GET", {"If-Match": '"x"', "Range": "bytes=0-9"}),
    "416": (416, "GET", {"Range": f"bytes={SIZE}-"}),
    "416 of several": (416, "GET", {"Range": f"bytes={SIZE}-,{SIZE + 5}-"}),
}

EACH_CASE = pytest.mark.parametrize("case", CASES)


class Slow(ObjectOrigin):
    """Says no more of what it is asked for than how it begins, until it is let."""

    def __init__(self):
        super().__init__({"other.glb": OTHER})
        self.gates = {}
        self.ends = {}                      # what it does instead of the rest

    def _answer(self, request):
        message = super()._answer(request)
        gate = self.gates.get(request.path)
        return message if gate is None or gate.is_set() else \
            self._steps(message, gate, self.ends.pop(request.path, None))

    def _steps(self, message, gate, end):
        head = message.index(b"\r\n\r\n") + 4
        some = min(head + SOME, len(message) - 1)
        yield message[:some]
        gate.wait(60)
        yield end or message[some:]


class Client(http1.Connection):
    """With something between the socket and what is asked: TLS, or a line of a proxy."""

    def __init__(self, port, cert=None, proxy=None):
        super().__init__(port)
        if proxy:
            self.sock.sendall(proxy)
        if cert:
            context = ssl.create_default_context(cafile=cert)
            self.sock = context.wrap_socket(self.sock, server_hostname="edge.test")
            self.file.close()
            self.file = self.sock.makefile("rb")

    def waits(self):
        return not select.select([self.sock], [], [], 0)[0]


@pytest.fixture(scope="module")
def web():
    with Slow() as origin:
        yield origin


@pytest.fixture(scope="module")
def start(web, web_edges):
    def edge(location="", server="", kind=SLICED, **options):
        return web_edges(web.tenants("acme"), location=LOCATION + kind + location,
                         server=f"http2 on; {STATUS} {server}", **options)

    return edge


@pytest.fixture(scope="module")
def edge(start):
    return start()


@pytest.fixture
def put(web):
    """Puts an object that takes its time: its path, its bytes, and what lets it go on."""

    gates = []

    def one(size=SIZE):
        name = f"{next(names)}.glb"
        path = f"/acme/{name}"
        web.objects[name] = Object(os.urandom(size), f'"{name}"', 1700000000)
        gate = web.gates[path] = threading.Event()
        gates.append(gate)
        return path, web.objects[name].data, gate

    yield one

    for gate in gates:
        gate.set()


@pytest.fixture
def slow(put):
    return put()


def hold(response, status, body=None):
    assert (response.status, response.complete) == (status, True), response
    assert body is None or response.body == body
    return response


def other(connection, **options):
    return hold(connection.request("/acme/other.glb", **options), 200, OTHER.data)


def first_reads(web, path):
    return sum(span is None or span[0] == 0 for span in web.reads(path))


def is_stored(edge, path, body):
    """It comes from the cache by now."""

    def hit():
        response = edge.get(path, headers={"Range": "bytes=0-9"})
        hold(response, 206, body[:10])
        return edge.logged(response)["cache"] == "HIT"

    wait_for("it is stored", hit)


def active(edge):
    """Connections that the edge has, but for the one that asks."""

    return int(re.match(r"Active connections: (\d+)", edge.get("/status").body.decode())[1]) - 1


def lines(edge, response):
    return edge.access_log().count(f'"tag":"{response.tag}"')


@EACH_CASE
def test_the_next_request_of_the_connection(web, edge, slow, case):
    status, method, headers = CASES[case]
    path, body, gate = slow

    with Client(edge.port) as connection:
        first = hold(connection.request(path, method, headers=headers), status)
        assert edge.logged(first)["status"] == str(status)
        other(connection)
        second = hold(connection.request(path, method, headers=headers), status)
        other(connection)

        assert first_reads(web, path) == 1
        gate.set()
        is_stored(edge, path, body)
        hold(connection.request(path), 200, body)

    assert first_reads(web, path) == 1
    assert lines(edge, first) == lines(edge, second) == 1
    wait_for("nothing is left", lambda: active(edge) == 0)


@EACH_CASE
def test_others_get_the_slice(web, edge, slow, case):
    """Who wants it while it comes, and when the one that has asked is gone."""

    status, method, headers = CASES[case]
    path, body, gate = slow

    with Client(edge.port) as follower:
        with Client(edge.port) as leader:
            hold(leader.request(path, method, headers=headers), status)
            other(leader)
        follower.send(path)
        gate.set()
        hold(follower.receive(), 200, body)

    assert first_reads(web, path) == 1
    is_stored(edge, path, body)


def test_what_is_sent_at_once(web, edge, slow):
    path, body, gate = slow

    with Client(edge.port) as connection:
        methods = ("HEAD", "GET") * 3
        tags = [connection.send(path if method == "HEAD" else "/acme/other.glb", method)
                for method in methods]
        for tag, method in zip(tags, methods, strict=True):
            hold(connection.receive(method, tag), 200, b"" if method == "HEAD" else OTHER.data)

    gate.set()
    hold(edge.get(path), 200, body)
    assert first_reads(web, path) == 1


def test_a_next_request_in_pieces(edge, slow):
    """Larger than the first buffer for it, and not there at once."""

    path, _, gate = slow

    with Client(edge.port) as connection:
        head = f"HEAD {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode()
        fields = "".join(f"X-{n}: {'x' * 900}\r\n" for n in range(6))
        text = f"GET /acme/other.glb HTTP/1.1\r\nHost: edge.test\r\n{fields}\r\n".encode()
        connection.sock.sendall(head + text[:3000])
        hold(connection.receive("HEAD"), 200)
        connection.sock.sendall(text[3000:])
        hold(connection.receive(), 200, OTHER.data)
        hold(connection.request(path, "HEAD"), 200)
        gate.set()


@pytest.mark.parametrize("case", ["HEAD", "304", "416"])
def test_no_connection_to_keep(edge, slow, case):
    """It is closed at once, then, and not with the slice."""

    status, method, headers = CASES[case]
    path, body, gate = slow

    with Client(edge.port) as connection:
        hold(connection.request(path, method, headers={**headers, "Connection": "close"}), status)
        assert connection.file.read() == b""

    gate.set()
    is_stored(edge, path, body)


def test_an_object_without_bytes(web, edge, put):
    path, _, gate = put(0)
    gate.set()

    for headers in ({}, {"Range": "bytes=0-"}, {"Range": "bytes=0-0"}, {"Range": "bytes=-5"}):
        with Client(edge.port) as connection:
            response = connection.request(path, headers=headers)
            assert response.status in (200, 416) and response.complete
            hold(connection.request(path, "HEAD"), 200)
            other(connection)


def test_objects_that_are_not_sliced(web, start, put):
    edge = start(kind="")

    for status, method, headers in CASES.values():
        path, body, gate = put()

        with Client(edge.port) as connection:
            hold(connection.request(path, method, headers=headers), status)
            other(connection)

        gate.set()
        is_stored(edge, path, body)
        assert first_reads(web, path) == 1


@pytest.mark.parametrize("end", [scripted.CLOSE, scripted.RESET])
@EACH_CASE
def test_an_origin_that_breaks_off(web, edge, slow, case, end):
    status, method, headers = CASES[case]
    path, body, gate = slow
    web.ends[path] = end

    with Client(edge.port) as connection:
        hold(connection.request(path, method, headers=headers), status)
        other(connection)
        gate.set()
        wait_for("it is noticed", lambda: active(edge) == 1)
        other(connection)
        hold(connection.request(path), 200, body)

    is_stored(edge, path, body)


@pytest.mark.parametrize("stays", [True, False], ids=["who stays", "who goes"])
def test_many(web, start, put, stays):
    """As many as a worker may have; then a client waits, as NGINX has it."""

    edge = start()
    objects = [put(1000 + n) for n in range(MOST + 1)]

    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Client(edge.port))
        for path, body, _ in objects:
            head = hold(connection.request(path, "HEAD"), 200)
            assert head["content-length"] == str(len(body))
        connection.send("/acme/other.glb")
        other(stack.enter_context(Client(edge.port)))
        assert connection.waits(), "more than were to be"
        if stays:
            for _, _, gate in objects:
                gate.set()
            hold(connection.receive(), 200, OTHER.data)

    for path, body, gate in objects:
        gate.set()
        hold(edge.get(path), 200, body)

    wait_for("nothing is left", lambda: active(edge) == 0)
    for path, _, _ in objects:
        assert first_reads(web, path) == 1


def test_responses_at_a_time(start, put):
    """One that is over does not count, although its slice is not."""

    edge = start("xr_limit_conn key=address max=1;", http="xr_limit_zone 1m;")

    with Client(edge.port) as connection:
        for _ in range(3):
            hold(connection.request(put()[0], "HEAD"), 200)
        other(connection)

        path, _, gate = put()
        with Client(edge.port) as busy:
            busy.send(path)
            assert busy.sock.recv(1, socket.MSG_PEEK)
            assert connection.request("/acme/other.glb").status == 429
        gate.set()
        wait_for("it is over", lambda: connection.request("/acme/other.glb").status == 200)


def test_http2(web, edge, put):
    with http2.Connection(edge.port) as connection:
        paths = []
        for case in CASES.values():
            status, method, headers = case
            path, body, gate = put()
            paths.append((path, body, gate))
            response = hold(connection.request(path, method, headers), status)
            assert edge.logged(response)["status"] == str(status)
            hold(connection.request("/acme/other.glb"), 200, OTHER.data)

        for path, body, gate in paths:
            gate.set()
            is_stored(edge, path, body)
            hold(connection.request(path), 200, body)
            assert first_reads(web, path) == 1

    wait_for("nothing is left", lambda: active(edge) == 0)


def test_http2_client_that_leaves(web, edge, slow):
    path, body, gate = slow

    with http2.Connection(edge.port) as connection:
        hold(connection.request(path, "HEAD"), 200)

    gate.set()
    is_stored(edge, path, body)
    assert first_reads(web, path) == 1
    wait_for("nothing is left", lambda: active(edge) == 0)


def test_http3(web, start, put, tmp_path):
    """A stream has its end, too."""

    subprocess.run([servers.TOP / "scripts" / "build-viewer", "tests"], check=True, timeout=300)
    port, cert, server = http3.listen(tmp_path)
    edge = start(server=server)

    with http3.Connection(port, cert, tmp_path / "profile") as browser:
        for status, method, headers in CASES.values():
            if "If-None-Match" not in headers or method == "HEAD":
                path, body, gate = put()
                response = hold(browser.request(path, method, headers), status)
                hold(browser.request("/acme/other.glb"), 200, OTHER.data)
                assert first_reads(web, path) == 1
                gate.set()
                is_stored(edge, path, body)
                hold(browser.request(path), 200, body)
                assert first_reads(web, path) == 1
                assert response["content-length"] != "0"


@pytest.fixture(scope="module")
def tls(start, tmp_path_factory):
    """An edge with TLS, its port and the certificate."""

    port = servers.free_port()
    cert, key = scripted.certificate(tmp_path_factory.mktemp("tls"), "edge", "edge.test")
    edge = start(server=f"listen 127.0.0.1:{port} ssl; server_name edge.test;"
                        f"ssl_certificate {cert}; ssl_certificate_key {key};")
    return edge, port, cert


@EACH_CASE
def test_tls(web, tls, slow, case):
    status, method, headers = CASES[case]
    path, body, gate = slow
    edge, port, cert = tls

    with Client(port, cert) as connection:
        for _ in range(3):
            hold(connection.request(path, method, headers=headers), status)
            assert edge.logged(other(connection))["scheme"] == "https"
        gate.set()
        hold(connection.request(path), 200, body)

    is_stored(edge, path, body)
    assert first_reads(web, path) == 1
    wait_for("nothing is left", lambda: active(edge) == 0)


@pytest.mark.parametrize("size", [1000, SLICE, SIZE])
def test_tls_to_the_last_byte(web, tls, put, size):
    """Nothing of a response stays behind: not until the client sends something, either."""

    path, body, gate = put(size)
    gate.set()
    _, port, cert = tls

    with Client(port, cert) as connection:
        for _ in range(2):
            hold(connection.request(path), 200, body)
            hold(connection.request(path, headers={"Range": f"bytes=10-{size - 20}"}), 206,
                 body[10:-19])


def test_tls_client_that_leaves(web, tls, put):
    edge, port, cert = tls
    objects = [put() for _ in range(3)]

    for (path, _, _), close in zip(objects, (True, False, False), strict=True):
        with Client(port, cert) as connection:
            hold(connection.request(path, "HEAD",
                                    headers={"Connection": "close"} if close else {}), 200)
            if close:
                assert connection.file.read() == b""

    for path, body, gate in objects:
        gate.set()
        is_stored(edge, path, body)
    wait_for("nothing is left", lambda: active(edge) == 0)


def test_an_address_is_of_its_request(start, put):
    """One that a proxy has told of is not the next one's, and what the listener was told is."""

    port = servers.free_port()
    edge = start(server=f"""
        listen 127.0.0.1:{port} proxy_protocol;
        set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;""")

    def seen(connection, path, method, **headers):
        response = hold(connection.request(path, method, headers=headers), 200)
        return edge.logged(response)["client"]

    for start_of in (None, b"PROXY TCP4 198.51.100.7 127.0.0.1 1000 80\r\n"):
        with Client(port if start_of else edge.port, proxy=start_of) as connection:
            told = {"X-Forwarded-For": "203.0.113.5"}
            assert seen(connection, put()[0], "HEAD", **told) == "203.0.113.5"
            assert seen(connection, "/acme/other.glb", "GET") == "127.0.0.1"
            assert seen(connection, put()[0], "HEAD") == "127.0.0.1"
            assert seen(connection, "/acme/other.glb", "GET", **told) == "203.0.113.5"


def test_what_a_proxy_has_told(start, put):
    port = servers.free_port()
    edge = start(server=f"""
        listen 127.0.0.1:{port} proxy_protocol;
        set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;""")

    with Client(port, proxy=b"PROXY TCP4 198.51.100.7 127.0.0.1 1000 80\r\n") as connection:
        for _ in range(2):
            head = hold(connection.request(put()[0], "HEAD"), 200)
            for response in (head, other(connection)):
                assert edge.logged(response)["client"] == "198.51.100.7"


def test_an_error_page_of_ones_own(web, start, slow):
    path, body, gate = slow
    edge = start("error_page 412 416 /sorry.html;",
                 server='location = /sorry.html { xr off; return 200 "sorry"; }')

    with Client(edge.port) as connection:
        for headers, status in (({"If-Match": '"x"'}, 412), ({"Range": f"bytes={SIZE}-"}, 416)):
            hold(connection.request(path, headers=headers), status)
            other(connection)

    gate.set()
    is_stored(edge, path, body)
    assert first_reads(web, path) == 1


def test_a_worker_that_ends(start, slow):
    """It has answered, and stays for the slice."""

    path, body, gate = slow
    edge = start()

    with Client(edge.port) as connection:
        hold(connection.request(path, "HEAD"), 200)
        edge.reload()
        assert connection.file.read() == b""

    gate.set()
    is_stored(edge, path, body)
