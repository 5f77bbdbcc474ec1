# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
When every place that has an object has failed, it is asked for again after a
pause: bounded in number, in time and by the budget of retries, and with the
client goes the pause.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import re
import time

import pytest

import http1
import scripted
import servers
from scripted import CLOSE, RESET, message

BODY = b"an object" * 1000
PATH = "/acme/x.glb"
SLICE = 64 * 1024

# the least pause is so long that a machine under load is not taken for one
PAUSE = 0.2
RETRY = "xr_origin_retry tries=2 pause=200ms max=400ms;"
UNCACHED = "xr_cache off;"


@pytest.fixture
def origin():
    with scripted.Origin() as origin:
        yield origin


@pytest.fixture
def start(web_edges, origin):
    def start(location=servers.CACHE, http=RETRY, **options):
        return web_edges(origin.tenants("acme"), location=location, http=http, **options)
    return start


class Timed:
    """Answers, and when each was asked for."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.times = []

    def __call__(self, request):
        self.times.append(time.monotonic())
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def pauses(self):
        return [later - earlier for earlier, later in zip(self.times, self.times[1:])]


FAILURES = {
    "503": message(503), "429": message(429), "500": message(500), "502": message(502),
    "504": message(504), "closed": [CLOSE], "reset": [RESET],
    "garbage": [b"\x00\x01 no HTTP\r\n\r\n", CLOSE],
}


@pytest.mark.parametrize("cache", [servers.CACHE, UNCACHED], ids=["cached", "uncached"])
@pytest.mark.parametrize("name", FAILURES)
def test_twice_in_vain(start, origin, name, cache):
    edge = start(cache)
    failure = FAILURES[name]

    for method in ("GET", "HEAD"):
        # no connection is kept: one that is closed then would be no failure
        good = message(200, BODY, "Connection: close")
        path = origin.put(timed := Timed(failure, failure, good))
        response = edge.fetch(path, method=method)

        assert (response.status, response.complete) == (200, True)
        assert response.body == (BODY if method == "GET" else b"")
        assert edge.logged(response)["reason"] == ""

        first, second = timed.pauses()
        assert PAUSE <= first + 0.01 and PAUSE <= second + 0.01
        assert len(origin.seen(path)) == 3

    if cache == servers.CACHE:
        assert edge.fetch(path).body == BODY
        assert len(origin.seen(path)) == 3


def test_no_more_than_said(start, origin):
    edge = start()
    path = origin.put(timed := Timed(message(503)))
    response = edge.fetch(path)

    assert response.status == 503
    assert edge.logged(response)["reason"] == "origin_throttled"
    assert len(timed.times) == 3
    assert edge.error_log().count("asking again in") == 2


def test_pauses_are_spread(start, origin):
    edge = start(http="xr_origin_retry tries=3 pause=1ms max=8ms;")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = [origin.put(message(500)) for _ in range(10)]
        assert {response.status for response in pool.map(edge.fetch, paths)} == {502}

    pauses = [int(ms) for ms in re.findall(r"asking again in (\d+) ms", edge.error_log())]
    assert len(set(pauses)) > 2
    assert min(pauses) >= 1 and max(pauses) <= 8


def test_switched_off(start, origin):
    for options in ({"http": "xr_origin_retry off;"},
                    {"location": servers.CACHE + "xr_origin_next_upstream off;"}):
        path = origin.put(message(500))
        assert start(**options).fetch(path).status == 502
        assert len(origin.seen(path)) == 1


def test_only_what_is_to_be_tried_again(start, origin):
    edge = start(servers.CACHE + "xr_origin_next_upstream error timeout;")
    path, other = origin.put(message(503)), origin.put([CLOSE], message(200, BODY))

    assert edge.fetch(path).status == 503
    assert len(origin.seen(path)) == 1
    assert edge.fetch(other).body == BODY


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 410])
def test_what_would_be_the_same_answer(start, origin, status):
    path = origin.put(message(status))
    assert start().fetch(path).status >= 400
    assert len(origin.seen(path)) == 1


def test_within_the_time_of_all_tries(start, origin):
    edge = start(servers.CACHE + "xr_origin_next_upstream_timeout 300ms;",
                 http="xr_origin_retry tries=5 pause=200ms max=200ms;")
    path = origin.put(message(503))

    assert edge.fetch(path).status == 503
    assert len(origin.seen(path)) == 2


def test_a_pause_beyond_the_time_to_connect(start, origin):
    edge = start(servers.CACHE + "xr_origin_connect_timeout 50ms;")
    path = origin.put(message(503), message(200, BODY))

    assert edge.fetch(path).body == BODY
    assert "timed out" not in edge.error_log()


def test_the_budget(start, origin):
    """Ten a second: a storm of failures is not made a larger one."""

    edge = start(UNCACHED, http="xr_origin_retry tries=3 pause=1ms max=1ms;"
                                "xr_origin_health budget=0;")
    path = origin.put(message(503))

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {r.status for r in pool.map(edge.fetch, [path] * 100)} == {503}
    seconds = int(time.monotonic() - began) + 2

    assert len(origin.seen(path)) <= 100 + 10 * seconds
    assert "used up its share" in edge.error_log()


def test_others_wait_with_the_first(start, origin):
    """Who fetches for all keeps the lock of the entry while it pauses."""

    edge = start()
    path = origin.put(message(503), message(503), message(200, BODY))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {r.body for r in pool.map(edge.fetch, [path] * 8)} == {BODY}
    assert len(origin.seen(path)) == 3


def test_all_places_and_then_again(web_edges, origin):
    with scripted.Origin() as other:
        edge = web_edges({"acme": f"origin {origin.url}/acme; replica {other.url}/copy;"},
                         location=servers.CACHE, http=RETRY)
        origin.put_at(PATH, first := Timed(message(503), message(200, BODY)))
        other.put_at("/copy/x.glb", second := Timed(message(503)))

        assert edge.fetch(PATH).body == BODY
        assert (len(first.times), len(second.times)) == (2, 1)
        assert second.times[0] - first.times[0] < PAUSE <= first.times[1] - second.times[0] + 0.01


def test_what_is_stored_is_sent_at_once(start, origin):
    edge = start(servers.CACHE + "xr_cache_use_stale error timeout http_500 http_502 http_503;"
                 "xr_cache_background_update off;")
    path = origin.put(message(200, BODY, "Cache-Control: max-age=1"), message(503))
    assert edge.fetch(path).body == BODY
    servers.wait_for("it is old", lambda: edge.fetch(path).body == BODY
                     and len(origin.seen(path)) > 1)

    assert "asking again" not in edge.error_log()


def open_sockets(worker):
    links = []
    for fd in os.listdir(f"/proc/{worker}/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/{worker}/fd/{fd}"))
    return sum(link.startswith("socket:") for link in links)


@pytest.mark.parametrize("cache", [servers.CACHE, UNCACHED], ids=["cached", "uncached"])
def test_the_client_leaves_in_a_pause(start, origin, cache):
    edge = start(cache + "xr_auth public;", http="xr_origin_retry tries=1 pause=1s max=1s;")
    worker, = edge.pids

    assert edge.get(origin.put(message(200, BODY, "Connection: close"))).body == BODY
    before = open_sockets(worker)

    path = origin.put(message(503, b"", "Connection: close"), message(200, BODY))
    with http1.Connection(edge.port) as connection:
        connection.send(path)
        servers.wait_for("a pause", lambda: "asking again" in edge.error_log())

    servers.wait_for("nothing is left", lambda: open_sockets(worker) <= before)
    assert len(origin.seen(path)) == 1
    assert edge.get(path).body == BODY


def sliced(body, failures):
    """Answers ranges; each of these slices is refused so many times."""

    times = {}
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    def answer(request):
        first, last = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        last = min(last, len(body) - 1)
        times.setdefault(first // SLICE, []).append(time.monotonic())

        if len(times[first // SLICE]) <= failures.get(first // SLICE, 0):
            return message(503)

        return message(206, body[first:last + 1], f"ETag: {etag}",
                       f"Content-Range: bytes {first}-{last}/{len(body)}")

    answer.times = times
    return answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("number", [0, 2, 4], ids=["first", "middle", "last"])
def test_a_slice(start, origin, number, method):
    body = bytes(range(256)) * (5 * SLICE // 256 - 1)
    edge = start(servers.CACHE + "xr_slice 64k; xr_slice_run off;")
    path = origin.put(answer := sliced(body, {number: 2}))

    if method == "HEAD":
        response = edge.fetch(path, method="HEAD")
        assert (response.status, response["content-length"]) == (200, str(len(body)))

    response = edge.fetch(path)
    assert (response.status, response.body, response.complete) == (200, body, True)

    times = answer.times[number]
    assert len(times) == 3
    assert min(times[1] - times[0], times[2] - times[1]) + 0.01 >= PAUSE

    assert edge.fetch(path).body == body
    assert all(len(t) == (3 if n == number else 1) for n, t in answer.times.items())


def test_a_slice_that_does_not_come(start, origin):
    body = bytes(range(256)) * (3 * SLICE // 256)
    edge = start(servers.CACHE + "xr_slice 64k; xr_slice_run off;")
    path = origin.put(answer := sliced(body, {1: 100}))

    response = edge.fetch(path)
    assert not response.complete and body.startswith(response.body)
    assert len(answer.times[1]) == 3


@pytest.mark.parametrize("text, words", [
    ("tries=0", "invalid parameter"), ("tries=11", "invalid parameter"),
    ("tries=", "invalid parameter"), ("tries=x", "invalid parameter"),
    ("pause=0", "invalid parameter"), ("pause=2m", "invalid parameter"),
    ("max=x", "invalid parameter"), ("often=1", "invalid parameter"),
    ("off tries=1", "invalid parameter"), ("pause=2s max=1s", 'below its "pause="'),
    ("", "invalid number of arguments"), ("off; xr_origin_retry off", "duplicate"),
])
def test_bad_configuration(tmp_path, text, words):
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:1/;"},
                        http=f"xr_origin_retry {text};")
    code, output = edge.test()
    assert code != 0 and words in output and "nginx.conf:" in output
