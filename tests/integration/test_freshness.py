# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
For how long an object is fresh, and what becomes of it then.  Nothing waits:
an origin that says how old an answer is makes it as stale as a test wants.
"""

import re
import struct
import threading
import time

import pytest

import http1
import servers
from range_model import http_date
from scripted import CLOSE, chunk, message, s3_error

BODY, NEXT = b"glTF one", b"glTF two"

DAY = 86400

NONE = "stale_while_revalidate=0 stale_if_error=0 jitter=0%"

# what stands in NGINX's header of a file: version, valid_sec, updating_sec, error_sec
TIMES = struct.Struct("@Qqqq")


def full(*fields, body=BODY, etag='"1"'):
    return message(200, body, *fields, *([f"ETag: {etag}"] if etag else []))


def unchanged(*fields):
    return message(304, b"", *fields, length=False)


def origin(*fields, body=BODY, renewed=None):
    """An origin that is asked again: 304 for what it has, with its fields or other ones."""

    def answer(request):
        if request.headers.get("if-none-match") == '"1"':
            return unchanged(*(fields if renewed is None else renewed))
        return full(*fields, body=body)

    return answer


@pytest.fixture(scope="module")
def edge_for(web, web_edges):
    """An edge for each location; tests of one location share it."""

    known = {}

    def start(policy=None, extra="", tenant="", **options):
        parts = f"xr_auth public; xr_cache objects; {extra}"
        if policy is not None:
            parts += f" xr_cache_policy {policy};"
        key = (parts, tenant, *options.items())
        if key not in known:
            known[key] = web_edges(web.tenants("acme", acme=tenant), location=parts, **options)
        return known[key]

    return start


def cached(edge, *responses):
    return [edge.logged(response)["cache"] for response in responses]


def files(edge, n=1):
    """The cache's files, when there are so many; one that is being stored has another name."""

    def found():
        names = [path for path in (edge.folder / "cache").rglob("*")
                 if re.fullmatch("[0-9a-f]{32}", path.name)]
        return names if len(names) == n else None

    return servers.wait_for(f"{n} files", found)


def times(path):
    """Until when it is fresh, and for how long after that it may be sent."""

    _, valid, updating, error = TIMES.unpack(path.read_bytes()[:TIMES.size])
    return valid, updating, error


# What the origin says, what the policy says; the state of the cache at each of three requests

AGAIN = ["MISS", "REVALIDATED", "REVALIDATED"]
FRESH = ["MISS", "HIT", "HIT"]
NEVER = ["MISS", "MISS", "MISS"]

RESPONSES = {
    "nothing": ("", [], FRESH),
    "nothing, and a policy without a time": ("ttl=0", [], NEVER),
    "max-age": ("ttl=0", ["Cache-Control: max-age=60"], FRESH),
    "max-age, quoted": ("ttl=0", ['Cache-Control: max-age="60"'], FRESH),
    "max-age=0": ("", ["Cache-Control: max-age=0"], AGAIN),
    "max-age that is none": ("", ["Cache-Control: max-age=x"], AGAIN),
    "max-age has passed": ("", ["Cache-Control: max-age=60", "Age: 60"], AGAIN),
    "max-age has not passed": ("", ["Cache-Control: max-age=61", "Age: 1"], FRESH),
    "s-maxage before max-age": ("", ["Cache-Control: max-age=0, s-maxage=60"], FRESH),
    "s-maxage=0 before max-age": ("", ["Cache-Control: s-maxage=0, max-age=60"], AGAIN),
    "two lines": ("", ["Cache-Control: public", "Cache-Control: max-age=0"], AGAIN),
    "Expires": ("ttl=0", [f"Expires: {http_date(int(time.time()) + DAY)}"], FRESH),
    "Expires of the past": ("", ["Expires: Thu, 01 Jan 1970 00:00:00 GMT"], AGAIN),
    "Expires that is none": ("", ["Expires: 0"], AGAIN),
    "max-age before Expires": ("", ["Expires: 0", "Cache-Control: max-age=60"], FRESH),
    "Expires against Date": ("", [f"Expires: {http_date(10 ** 9 + 60)}",
                                  f"Date: {http_date(10 ** 9)}"], FRESH),
    "Expires against Date, and Age": ("", [f"Expires: {http_date(10 ** 9 + 60)}",
                                           f"Date: {http_date(10 ** 9)}", "Age: 60"], AGAIN),
    "no-cache": ("", ["Cache-Control: no-cache, max-age=60"], AGAIN),
    "no-store": ("", ["Cache-Control: no-store, max-age=60"], NEVER),
    "private": ("", ["Cache-Control: private, max-age=60"], NEVER),
    "private of a field": ("", ['Cache-Control: private="x", max-age=60'], NEVER),
    "private in a quote without an end": ("", ['Cache-Control: x="private, max-age=60'], NEVER),
    "Set-Cookie": ("", ["Set-Cookie: a=b", "Cache-Control: public, max-age=60"], NEVER),
    "Vary: *": ("", ["Vary: Origin, *", "Cache-Control: max-age=60"], NEVER),
    "Vary: what no client's request tells the origin":
        ("", ["Vary: Accept-Encoding, Origin, User-Agent", "Cache-Control: max-age=60"], FRESH),
    "CDN-Cache-Control before Cache-Control":
        ("", ["CDN-Cache-Control: max-age=60", "Cache-Control: no-store"], FRESH),
    "CDN-Cache-Control: no-store":
        ("", ["CDN-Cache-Control: no-store", "Cache-Control: max-age=60"], NEVER),
    "CDN-Cache-Control that is none":
        ("", ["CDN-Cache-Control: max-age=60, &&", "Cache-Control: no-store"], NEVER),
    "X-Accel-Expires is not ours": ("", ["X-Accel-Expires: 60", "Cache-Control: max-age=0"], AGAIN),
    "override: max-age=0": ("origin=override", ["Cache-Control: max-age=0, no-cache"], FRESH),
    "override: private": ("origin=override", ["Cache-Control: private"], NEVER),
    "override: Set-Cookie": ("origin=override", ["Set-Cookie: a=b"], NEVER),
    "min": ("min=1m", ["Cache-Control: max-age=0"], FRESH),
    "max": ("max=0", ["Cache-Control: max-age=60"], AGAIN),
}


@pytest.mark.parametrize("how", ["whole", "slices"])
@pytest.mark.parametrize("name", RESPONSES)
def test_fresh(web, edge_for, name, how):
    policy, fields, expected = RESPONSES[name]
    edge = edge_for(f"{NONE} {policy}", "xr_slice 4k;" * (how == "slices"))
    path = web.put(origin(*fields))

    responses = [edge.get(path) for _ in range(3)]

    assert [r.body for r in responses] == [BODY] * 3
    assert cached(edge, *responses) == expected
    assert len(web.seen(path)) == 3 - expected.count("HIT")
    assert [r.all("set-cookie") for r in responses] == [[]] * 3


# The windows: what the origin answers in place of a renewed object makes no difference

WINDOWS = {
    "the origin's": (NONE, "max-age=60, stale-if-error=30", 60, True),
    "the origin's, at its end": (NONE, "max-age=60, stale-if-error=30", 89, True),
    "the origin's has passed": (NONE, "max-age=60, stale-if-error=30", 90, False),
    "the origin's beside s-maxage": (NONE, "s-maxage=60, stale-if-error=30", 60, True),
    "the origin's says none": ("jitter=0%", "max-age=60, stale-if-error=0", 60, False),
    "the policy's": ("stale_if_error=30s jitter=0%", "max-age=60", 60, True),
    "the policy's has passed": ("stale_if_error=30s jitter=0%", "max-age=60", 90, False),
    "the policy's beside s-maxage": ("jitter=0%", "s-maxage=60", 60, False),
    "must-revalidate": ("jitter=0%", "max-age=60, must-revalidate, stale-if-error=30", 60, False),
    "proxy-revalidate": ("jitter=0%", "max-age=60, proxy-revalidate", 60, False),
    "no-cache": ("jitter=0%", "no-cache", 0, False),
    "max-age=0": ("jitter=0%", "max-age=0", 0, False),
    "without a policy": (None, "max-age=60", 60 + 365 * DAY, True),
    "without a policy: must-revalidate": (None, "max-age=60, must-revalidate", 60, False),
    "without a policy: the origin's": (None, "max-age=60, stale-if-error=30", 90, False),
}

FAULTS = {
    "closed": ([CLOSE], 502),
    "500": (message(500), 502),
    "503": (message(503), 503),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", WINDOWS)
def test_stale_if_error(web, edge_for, name, fault):
    policy, says, age, sent = WINDOWS[name]
    answer, status = FAULTS[fault]

    # so that a stale object is not sent while it is renewed
    edge = edge_for(policy, "xr_cache_use_stale error timeout http_500 http_503;")
    path = web.put(full(f"Cache-Control: {says}", f"Age: {age}"), answer)

    assert edge.get(path).body == BODY
    response = edge.get(path)

    if sent:
        assert (response.status, response.body) == (200, BODY)
        assert cached(edge, response) == ["STALE"]
        assert int(response["age"]) >= age
    else:
        assert (response.status, response["cache-control"]) == (status, "no-store")


def test_stale_is_the_operators_decision(web, edge_for):
    """Whatever the origin allows, the location may not."""

    off = edge_for(None, "xr_cache_use_stale off;")
    some = edge_for(None, "xr_cache_use_stale http_503;")
    says = "Cache-Control: max-age=60, stale-if-error=60, stale-while-revalidate=60"

    for edge, answer, status in [(off, message(503), 503), (off, [CLOSE], 502),
                                 (some, message(503), 200), (some, [CLOSE], 502)]:
        path = web.put(full(says, "Age: 60"), answer)
        assert edge.get(path).status == 200
        assert edge.get(path).status == status


WHILE = {
    "the origin's": (NONE, "max-age=60, stale-while-revalidate=30", 60, True),
    "the origin's, at its end": (NONE, "max-age=60, stale-while-revalidate=30", 85, True),
    "the origin's has passed": (NONE, "max-age=60, stale-while-revalidate=30", 90, False),
    "the origin's beside s-maxage": (NONE, "s-maxage=60, stale-while-revalidate=30", 60, True),
    "the policy's": ("stale_while_revalidate=30s", "max-age=60", 60, True),
    "the policy's has passed": ("stale_while_revalidate=30s", "max-age=60", 90, False),
    "must-revalidate":
        ("ttl=1h", "max-age=60, must-revalidate, stale-while-revalidate=30", 60, False),
    "without a policy": (None, "max-age=60", 60 + 365 * DAY, True),
    "without a policy: no-cache": (None, "no-cache", 0, False),
}


@pytest.mark.parametrize("how", ["whole", "slices"])
@pytest.mark.parametrize("name", WHILE)
def test_stale_while_revalidate(web, edge_for, name, how):
    policy, says, age, sent = WHILE[name]
    edge = edge_for(policy, "xr_slice 4k;" * (how == "slices"))
    path = web.put(full(f"Cache-Control: {says}", f"Age: {age}"),
                   full("Cache-Control: max-age=60", body=NEXT, etag='"2"'))

    assert edge.get(path).body == BODY
    response = edge.get(path)

    assert response.body == (BODY if sent else NEXT)
    assert cached(edge, response) == (["STALE"] if sent else ["EXPIRED"])

    servers.wait_for("the new one", lambda: edge.get(path).body == NEXT)
    assert len(web.seen(path)) == 2


# Absence

MISSING = {
    "404": message(404),
    "404 of S3": message(404, s3_error("NoSuchKey")),
    "403 of S3 where nobody may list": message(403, s3_error("AccessDenied")),
    "410": message(410),
}

BROKEN = {
    "401": message(401),
    "bad credentials": message(403, s3_error("SignatureDoesNotMatch")),
    "429": message(429),
    "500": message(500),
    "503": message(503),
    "404, private": message(404, b"", "Cache-Control: private"),
    "404, no-store": message(404, b"", "Cache-Control: no-store"),
    "404, max-age=0": message(404, b"", "Cache-Control: max-age=0"),
    "404, Set-Cookie": message(404, b"", "Set-Cookie: a=b"),
}


@pytest.mark.parametrize("how", ["whole", "slices"])
@pytest.mark.parametrize("name", [*MISSING, *BROKEN])
def test_negative(web, edge_for, name, how):
    """What is missing is remembered, and what fails is not."""

    edge = edge_for(f"negative=1h {NONE}", "xr_slice 4k;" * (how == "slices"))
    answer = MISSING.get(name) or BROKEN[name]
    again = name in ("429", "500", "503")                       # they are tried again
    path = web.put(*[answer] * (2 if again else 1), full())

    first, second = edge.get(path), edge.get(path)

    if name in MISSING:
        assert (first.status, second.status) == (404, 404)
        assert edge.get(path, headers={"Range": "bytes=0-3"}).status == 404
        assert len(web.seen(path)) == 1
    else:
        assert first.status >= 400 and second.body == BODY

    assert first["cache-control"] == "no-store" and first["age"] is None


@pytest.mark.parametrize("how", ["whole", "slices"])
def test_negative_is_over(web, edge_for, how):
    """A later object takes over, and what there was before does not come back."""

    extra = "xr_slice 4k;" * (how == "slices")
    never, brief = edge_for(f"negative=0 {NONE}", extra), edge_for(f"negative=1 {NONE}", extra)

    path = web.put(message(404), full())
    assert [never.get(path).status for _ in range(2)] == [404, 200]

    path = web.put(full("Cache-Control: max-age=0"), message(404),
                   full(body=NEXT, etag='"2"'))
    assert [brief.get(path).status for _ in range(2)] == [200, 404]
    servers.wait_for("the new one", lambda: brief.get(path).status == 200, 5)
    assert brief.get(path).body == NEXT
    assert len(web.seen(path)) == 3


# What a 304 renews

@pytest.mark.parametrize("how", ["whole", "slices"])
def test_headers_are_renewed(web, edge_for, how):
    edge = edge_for(NONE, "xr_slice 4k;" * (how == "slices"))
    says = [f"max-age={60 + n}" for n in range(6)]
    path = web.put(
        full(f"Cache-Control: {says[0]}", "Age: 60", "Content-Language: en", "Content-Type: a/b"),
        *(unchanged(f"Cache-Control: {cc}", f"Age: {60 + n}", f"Content-Language: l{n}",
                    "Content-Type: evil/type", "Set-Cookie: a=b" * (n == 9), 'ETag: "1"')
          for n, cc in enumerate(says[1:-1], 1)),
        unchanged(f"Cache-Control: {says[-1]}", "Content-Language: last"))

    for n, cc in enumerate(says[:-1]):
        response = edge.get(path)
        assert (response.body, response["cache-control"]) == (BODY, cc)
        assert response["content-language"] == ("en" if n == 0 else f"l{n}")
        assert 60 + n <= int(response["age"]) < 70

    for _ in range(8):
        response = edge.get(path)
        assert (response.body, response["cache-control"]) == (BODY, says[-1])
        assert (response["content-language"], response["content-type"]) == \
            ("last", "model/gltf-binary")
        assert int(response["age"]) < 5

    assert len(web.seen(path)) == len(says)


@pytest.mark.parametrize("how", ["whole", "slices"])
def test_headers_are_renewed_in_the_background(web, edge_for, how):
    edge = edge_for(NONE, "xr_slice 4k;" * (how == "slices"))
    path = web.put(full("Cache-Control: max-age=60, stale-while-revalidate=30", "Age: 60"),
                   unchanged("Cache-Control: max-age=90", "Age: 7"))

    assert [edge.get(path)["cache-control"] for _ in range(2)] == \
        ["max-age=60, stale-while-revalidate=30"] * 2

    def renewed():
        response = edge.get(path)
        return response if response["cache-control"] == "max-age=90" else None

    response = servers.wait_for("the new one", renewed)
    assert response.body == BODY and 7 <= int(response["age"]) < 17
    assert cached(edge, edge.get(path)) == ["HIT"]
    assert len(web.seen(path)) == 2


@pytest.mark.parametrize("how", ["whole", "slices"])
def test_one_renews_in_the_background(web, edge_for, how):
    """However many want it while the origin takes its time; and what it says is kept."""

    edge = edge_for(NONE, "xr_slice 4k;" * (how == "slices"))
    asked, go = threading.Event(), threading.Event()

    def slow(request):
        asked.set()
        assert go.wait(20)
        return unchanged("Cache-Control: max-age=90")

    path = web.put(full("Cache-Control: max-age=60, stale-while-revalidate=30", "Age: 60"), slow)
    edge.get(path)

    def close():
        return edge.get(path, headers={"Connection": "close"})

    clients = [threading.Thread(target=close) for _ in range(6)]
    try:
        clients[0].start()
        assert asked.wait(20)
        stale = [edge.get(path, headers={"Range": "bytes=0-0"}).body for _ in range(3)]
        for client in clients[1:]:
            client.start()
    finally:
        go.set()
        for client in clients:
            client.join(20)

    assert stale == [BODY[:1]] * 3
    assert len(web.seen(path)) == 2

    servers.wait_for("the new one", lambda: edge.get(path)["cache-control"] == "max-age=90")
    assert len(web.seen(path)) == 2


def test_a_304_for_a_damaged_file(web, edge_for):
    """It helps nobody; the object is fetched anew."""

    edge = edge_for(NONE, server="# of its own: damaged and stale")
    path = web.put(origin("Cache-Control: max-age=60", "Age: 60"))
    edge.get(path)

    swap(files(edge)[0], lambda data, at: data[:at + 4] + b"\xff" * 4 + data[at + 8:])

    edge.get(path)
    assert edge.get(path).body == BODY
    assert edge.get(path)["cache-control"] == "max-age=60"


def test_a_304_that_says_less(web, edge_for):
    """What it does not say is as it was: also for how long it is fresh."""

    edge = edge_for(NONE)
    path = web.put(full("Cache-Control: max-age=61", "Age: 61", "Content-Language: en"),
                   unchanged())

    responses = [edge.get(path) for _ in range(3)]
    assert cached(edge, *responses) == ["MISS", "REVALIDATED", "HIT"]
    assert [(r["cache-control"], r["content-language"]) for r in responses] == \
        [("max-age=61", "en")] * 3
    assert responses[0]["age"] == "61" and int(responses[2]["age"]) < 5


@pytest.mark.parametrize("fields", [
    ["Cache-Control: no-store"], ["Cache-Control: private"], ["Set-Cookie: a=b"], ["Vary: *"],
    ['ETag: "other"'],
])
def test_a_304_ends_it(web, edge_for, fields):
    """The object may not be kept any longer, or the 304 is about another one."""

    edge = edge_for(NONE)
    path = web.put(full("Cache-Control: max-age=0"), unchanged(*fields),
                   full(body=NEXT, etag='"2"'))

    assert [edge.get(path).body for _ in range(3)] == [BODY, BODY, NEXT]
    assert "if-none-match" in web.seen(path)[1].headers
    assert "if-none-match" not in web.seen(path)[2].headers


def test_a_200_ends_it(web, edge_for):
    """What is private by now is not sent to others when the origin fails."""

    edge = edge_for("stale_if_error=1d", "xr_cache_use_stale error http_503;")
    path = web.put(full("Cache-Control: max-age=60", "Age: 60"),
                   full("Cache-Control: private", body=NEXT, etag='"2"'), message(503))

    assert [edge.get(path).status for _ in range(3)] == [200, 200, 503]


def test_a_header_longer_than_a_file_can_tell(web, edge_for):
    """Where a body begins is 16 bits there: such a header is not stored twice, or not at all."""

    edge = edge_for(NONE, "xr_origin_buffer_size 256k; xr_origin_buffers 8 256k;")

    for size, states in [(30000, ["MISS", "HIT"]), (40000, ["MISS", "HIT"]),
                         (100000, ["MISS", "MISS"])]:
        path = web.put(message(200, chunk(BODY) + chunk(b""), "Transfer-Encoding: chunked",
                               "Cache-Control: max-age=60", "Content-Disposition: " + size * "x",
                               length=False))
        responses = [edge.get(path) for _ in range(2)]
        assert [response.body[-300:] for response in responses] == [BODY] * 2, size
        assert cached(edge, *responses) == states, size


def test_more_than_there_is_room_for(web, edge_for):
    """Lines that have grown too much stay as they were; how long it is fresh does not."""

    edge = edge_for(NONE)
    long = "max-age=60, x=" + "y" * 1000
    path = web.put(full("Cache-Control: max-age=60", "Age: 60"),
                   unchanged(f"Cache-Control: {long}"))

    responses = [edge.get(path) for _ in range(3)]
    assert cached(edge, *responses) == ["MISS", "REVALIDATED", "HIT"]
    assert [r["cache-control"] for r in responses] == ["max-age=60"] * 3


def test_a_header_with_no_room_beside_it(web, edge_for):
    edge = edge_for(NONE)
    long = "Content-Disposition: " + "y" * 5000
    path = web.put(full("Cache-Control: max-age=60", "Age: 60", long),
                   unchanged("Cache-Control: max-age=90"))

    responses = [edge.get(path) for _ in range(3)]
    assert cached(edge, *responses) == ["MISS", "REVALIDATED", "HIT"]
    assert [len(r["content-disposition"]) for r in responses] == [5000] * 3
    assert responses[1]["cache-control"] == "max-age=90"


def test_renewed_while_it_is_read(web, edge_for):
    """Two workers renew and read one file all the time; nobody sees half a header."""

    edge = edge_for(NONE, workers=2)
    count = iter(range(10 ** 6))

    def answer(request):
        n = next(count)
        fields = [f"Cache-Control: max-age=0, a={n}", f"Content-Language: l{n}"]
        return unchanged(*fields) if "if-none-match" in request.headers else full(*fields)

    path = web.put(answer)

    connections = [http1.Connection(edge.port) for _ in range(8)]
    for _ in range(100):
        tags = [connection.send(path) for connection in connections]
        for connection, tag in zip(connections, tags):
            response = connection.receive(tag=tag)
            says = re.fullmatch(r"max-age=0, a=(\d+)", response["cache-control"])
            assert (response.status, response.body) == (200, BODY)
            assert response["content-language"] == f"l{says[1]}"

    for connection in connections:
        connection.sock.close()


# Age

LARGE = bytes(range(256)) * 64              # four slices of 4k


def ranged(*fields):
    """An origin with ranges."""

    def answer(request):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if not found:
            return message(200, LARGE, 'ETag: "1"', *fields)
        first, last = int(found[1]), min(int(found[2]), len(LARGE) - 1)
        return message(206, LARGE[first:last + 1], 'ETag: "1"', *fields,
                       f"Content-Range: bytes {first}-{last}/{len(LARGE)}")

    return answer


REQUESTS = {
    "GET": ("GET", {}, 200),
    "HEAD": ("HEAD", {}, 200),
    "a range": ("GET", {"Range": "bytes=0-9"}, 206),
    "a range behind the root": ("GET", {"Range": "bytes=9000-9009"}, 206),
    "ranges": ("GET", {"Range": "bytes=0-9,5000-5009"}, 206),
    "a condition": ("GET", {"If-None-Match": '"1"'}, 304),
}


@pytest.mark.parametrize("how", ["whole", "slices"])
@pytest.mark.parametrize("name", REQUESTS)
def test_age(web, edge_for, name, how):
    method, headers, status = REQUESTS[name]
    edge = edge_for("ttl=1h", "xr_slice 4k;" * (how == "slices"))

    for age in [0, 100]:
        path = web.put(ranged("Cache-Control: max-age=1000", *[f"Age: {age}"] * (age != 0)))
        first, *others = [edge.get(path, method, headers=headers) for _ in range(3)]

        assert {r.status for r in (first, *others)} == {status}
        assert [age <= int(r["age"]) < age + 10 for r in others] == [True, True]
        assert {r["cache-control"] for r in (first, *others)} == {"max-age=1000"}

        if age == 0:
            assert first["age"] in (None, "0", "1")
        else:
            assert age <= int(first["age"]) < age + 10


def test_age_without_a_cache(web, web_edges):
    edge = web_edges(web.tenants("acme"), location="xr_auth public;")

    old, new = web.put(full("Age: 100")), web.put(full())
    assert (edge.get(old)["age"], edge.get(new)["age"]) == ("100", None)


@pytest.mark.parametrize("age", ["-1", "x", "1.5", "99999999999999999999", "5, 7"])
def test_any_age(web, edge_for, age):
    edge = edge_for("ttl=1h min=1h")
    path = web.put(full(f"Age: {age}"))

    expected = {"99999999999999999999": 2 ** 31, "5, 7": 5}.get(age, 0)
    edge.get(path)
    assert expected <= int(edge.get(path)["age"]) < expected + 10


# Slices

def test_slices_are_as_fresh_as_the_root(web, edge_for):
    edge = edge_for(NONE, "xr_slice 4k;")

    def answer(request):
        fields = ["Cache-Control: max-age=60", "Age: 60"]
        return unchanged(*fields) if "if-none-match" in request.headers \
            else ranged(*fields)(request)

    path = web.put(answer)

    for _ in range(3):
        assert edge.get(path).body == LARGE

    # the root is asked for each time, what is behind it never again
    ranges = [request.headers.get("range") for request in web.seen(path)]
    conditions = ["if-none-match" in request.headers for request in web.seen(path)]
    assert ranges == ["bytes=0-4095", "bytes=4096-8191", "bytes=8192-12287", "bytes=12288-16383",
                      "bytes=0-4095", "bytes=0-4095"]
    assert conditions == [False] * 4 + [True] * 2


def test_the_roots_word_counts_for_all_slices(web, edge_for):
    """A range is told what the root says by now, not what was said when it was stored."""

    edge = edge_for(NONE, "xr_slice 4k;")
    late = {"Range": "bytes=9000-9009"}
    says = {"now": ["Cache-Control: max-age=60, public", "CDN-Cache-Control: max-age=90",
                    "Age: 90"]}

    def answer(request):
        return unchanged(*says["now"]) if "if-none-match" in request.headers \
            else ranged(*says["now"])(request)

    path = web.put(answer)
    assert edge.get(path).body == LARGE

    says["now"] = ["Cache-Control: max-age=3600", "CDN-Cache-Control: max-age=120"]

    for _ in range(3):
        response = edge.get(path, headers=late)
        assert (response.status, response.body) == (206, LARGE[9000:9010])
        assert response["cache-control"] == "max-age=3600"
        assert response["cdn-cache-control"] == "max-age=120"
        assert int(response["age"]) < 5
        assert edge.get(path).body == LARGE

    assert len(web.seen(path)) == 5


# Expiry in crowds

def test_jitter(web, edge_for):
    """What came together does not expire together, and not much too soon."""

    edge = edge_for("ttl=1h jitter=50%", tenant="", server="# of its own")
    paths = [web.put(full()) for _ in range(100)]

    before = int(time.time())
    for path in paths:
        edge.get(path)
    after = int(time.time())

    valid = [times(path)[0] for path in files(edge, 100)]
    assert all(before + 1800 - 1 <= v < after + 3600 for v in valid)
    assert len(set(valid)) > 80
    assert max(valid) - min(valid) > 1200


def test_default_jitter(web, edge_for):
    edge = edge_for(None, "xr_cache_valid 200 1000s;", server="# of its own")

    before = int(time.time())
    for path in [web.put(full()) for _ in range(20)]:
        edge.get(path)

    valid = [times(path)[0] for path in files(edge, 20)]
    assert all(before + 949 <= v < time.time() + 1000 for v in valid)
    assert len(set(valid)) > 5


# Whose policy

@pytest.mark.parametrize("how", ["block", "file"])
def test_the_tenants_policy_counts(web, web_edges, how):
    location = "xr_auth public; xr_cache objects; xr_cache_policy ttl=1h negative=1h;"
    own = "ttl=0 negative=0"

    if how == "block":
        tenants = web.tenants("acme", "other", acme=f"cache_policy {own};")
        edge = web_edges(tenants, location=location)
    else:
        text = ('{"tenants": {"acme": {"origin": "%s/acme", "keys": "none", "cache_policy": '
                '"ttl=0  negative=0"}, "other": {"origin": "%s/other", "keys": "none"}}}'
                % (web.url, web.url))
        edge = web_edges({}, location=location, files={"tenants.json": text},
                         http="xr_tenants_file tenants.json;")

    for tenant, expected in [("acme", NEVER), ("other", FRESH)]:
        path, missing = web.put(full(), tenant=tenant), web.put(message(404), tenant=tenant)
        responses = [edge.get(path) for _ in range(3)]
        for _ in range(3):
            assert edge.get(missing).status == 404
        assert cached(edge, *responses) == expected
        assert len(web.seen(missing)) == expected.count("MISS")


def test_levels(web, web_edges):
    """The nearest policy counts; "off" goes back to xr_cache_valid."""

    edge = web_edges(web.tenants("acme"), http="xr_cache objects; xr_cache_policy ttl=0;",
                     location="""xr_auth public; xr_cache_valid 200 1h; xr_cache_valid 404 1h;
                     location /acme/own/ { xr_cache_policy ttl=1h; }
                     location /acme/off/ { xr_cache_policy off; }""")

    for folder, expected in [("", NEVER), ("own/", FRESH), ("off/", FRESH)]:
        path = web.put(full(), folder=folder)
        assert cached(edge, *[edge.get(path) for _ in range(3)]) == expected


BAD = {
    "xr_cache_policy;": 'invalid number of arguments in "xr_cache_policy"',
    "xr_cache_policy ttl=x;": '"ttl=x" is not a time of up to 68 years',
    "xr_cache_policy ttl=1m swr=3;": '"swr=3" is none of ttl=',
    "xr_cache_policy ttl=1m ttl=1m;": '"ttl=1m" is duplicate',
    "xr_cache_policy ttl=1m off;": '"off" is none of ttl=',
    "xr_cache_policy jitter=60%;": '"jitter=60%" is not a percentage',
    "xr_cache_policy min=2m max=1m;": '"min=2m" is more than max=',
    "xr_cache_policy ttl=1m; xr_cache_policy ttl=1m;": '"xr_cache_policy" directive is duplicate',
}


@pytest.mark.parametrize("line", BAD)
def test_bad_policies(web, tmp_path, line):
    edge = servers.Edge(tmp_path, web.tenants("acme"), location=line)
    code, said = edge.test()

    assert code != 0
    assert re.search(re.escape(BAD[line]) + r".* in \S+nginx\.conf:\d+", said), said


@pytest.mark.parametrize("option, what", [
    ("cache_policy;", "has the wrong number of arguments"),
    ("cache_policy ttl=x;", "is not a time"),
    ("cache_policy ttl=1m; cache_policy ttl=1m;", "is duplicate"),
])
def test_bad_policies_of_tenants(web, tmp_path, option, what):
    edge = servers.Edge(tmp_path, web.tenants("acme", acme=option))
    code, said = edge.test()

    assert code != 0
    assert re.search(re.escape(what) + r".* in \S+nginx\.conf:\d+", said), said


# What clients are told

def test_what_clients_are_told(web, edge_for):
    fields = ["Cache-Control: max-age=60", "CDN-Cache-Control: max-age=90",
              f"Expires: {http_date(int(time.time()) + 60)}"]

    plain, own = edge_for("ttl=1h"), edge_for("ttl=1h", tenant='cache_control "max-age=5";')

    path = web.put(full(*fields))
    for _ in range(2):
        response = plain.get(path)
        assert response["cache-control"] == "max-age=60"
        assert response["cdn-cache-control"] == "max-age=90"
        assert response["expires"] is not None

    path = web.put(full(*fields))
    for _ in range(2):
        response = own.get(path)
        assert response["cache-control"] == "max-age=5"
        assert response["cdn-cache-control"] is response["expires"] is None


# Files

def swap(path, change):
    data = path.read_bytes()
    at = data.index(b"rXR2")
    path.write_bytes(change(data, at))


def test_a_file_of_an_earlier_version(web, edge_for):
    """Its header has lines alone."""

    edge = edge_for("ttl=1h", server="# of its own: old files")
    path = web.put(full())
    edge.get(path)

    def change(data, at):
        size = struct.unpack_from("@I", data, at + 4)[0]
        text = data[at + 20:at + size].rstrip(b"\0")
        return data[:at] + text + b"x" * (2 * size - len(text)) + data[at + 2 * size:]

    swap(files(edge)[0], change)

    for _ in range(2):
        response = edge.get(path)
        assert (response.status, response.body) == (200, BODY)
        assert cached(edge, response) == ["HIT"]
        assert int(response["age"]) < 10


def test_a_file_without_a_checksum(web, edge_for):
    """As earlier versions wrote them; it is renewed as it is."""

    edge = edge_for(NONE, server="# of its own: files without a checksum")
    says = ["Cache-Control: max-age=60", "Age: 60"]
    path = web.put(full(*says, "Content-Language: l0"), unchanged(*says, "Content-Language: l1"),
                   unchanged(*says, "Content-Language: l2"),
                   unchanged("Cache-Control: max-age=60", "Content-Language: l3"))
    edge.get(path)

    def change(data, at):
        size = struct.unpack_from("@I", data, at + 4)[0]
        return (data[:at] + b"rXR1" + data[at + 4:at + 16] + data[at + 20:at + size] + bytes(4)
                + data[at + size:])

    swap(files(edge)[0], change)

    for n in (1, 2, 3, 3):
        response = edge.get(path)
        assert (response.status, response.body) == (200, BODY)
        assert response["content-language"] == f"l{n}"
    assert len(web.seen(path)) == 4
    assert b"rXR1" in files(edge)[0].read_bytes()


@pytest.mark.parametrize("size", [0, 15, 100, 4096, 2 ** 32 - 1])
@pytest.mark.parametrize("second", [0, 16, 1000, 65535])
def test_a_file_that_is_damaged(web, edge_for, size, second):
    edge = edge_for("ttl=1h", server=f"# of its own: {size} {second}")
    path = web.put(full())
    edge.get(path)

    def change(data, at):
        data = bytearray(data)
        struct.pack_into("@I", data, at + 4, size)
        # valid_msec, behind version, four times, date and checksum
        struct.pack_into("@H", data, 8 * 6 + 4, second)
        return bytes(data)

    swap(files(edge)[0], change)

    for _ in range(2):
        response = edge.get(path)
        assert (response.status, response.body) == (200, BODY)


# The real thing

def test_an_object_of_s3(stack, edges):
    """What the publisher says of an object, and says anew without a change of its bytes."""

    edge = edges({"acme": ""}, location="xr_cache objects; xr_cache_policy jitter=0% ttl=1h;")
    key, body = stack.put(CacheControl="max-age=60, stale-while-revalidate=0, stale-if-error=0")
    path = f"/acme/{key}"

    responses = [edge.fetch(path) for _ in range(2)]
    assert cached(edge, *responses) == ["MISS", "HIT"]
    assert responses[1]["age"] is not None
    assert responses[1]["cache-control"].startswith("max-age=60")

    valid, updating, error = times(files(edge)[0])
    assert (updating, error) == (0, 0)
    assert 50 < valid - time.time() < 60

    key, body = stack.put(CacheControl="no-cache")
    path = f"/acme/{key}"
    assert edge.fetch(path).body == body

    stack.s3.copy_object(Bucket=stack.bucket, Key=key, CacheControl="max-age=90",
                         MetadataDirective="REPLACE",
                         CopySource={"Bucket": stack.bucket, "Key": key})

    response = edge.fetch(path)
    assert (response.body, response["cache-control"]) == (body, "max-age=90")
    response = edge.fetch(path)
    assert (response.body, response["cache-control"]) == (body, "max-age=90")
    assert cached(edge, response) == ["HIT"]
