# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Ranges and conditions as RFC 9110 has them, of objects that are cached or not,
in slices or whole, by HTTP/1.1 and HTTP/2: see range_model.py.

XR_RANGE_COUNT is how many generated requests there are in all, and another
XR_RANGE_SEED makes them others.
"""

import itertools
import os
import random
import re
import time

import h2.exceptions
import pytest

import http1
import http2
from object_origin import ObjectOrigin
from range_model import Answer, Object, Request, Requests, answers, http_date, problem

COUNT = int(os.environ.get("XR_RANGE_COUNT", 4000))
SEED = os.environ.get("XR_RANGE_SEED", "1")

SLICE = 65536
MAX_RANGES = 8
MODIFIED = 1700000000
NOW = int(time.time())                      # the origin's Date

KINDS = {"sliced": f"xr_slice {SLICE // 1024}k;", "whole": ""}
TEMPERATURES = {"cold": 1, "partly": 4, "warm": None}   # requests for one path
PROTOCOLS = ("HTTP/1.1", "HTTP/2")

AT_ONCE = 8                                 # requests on one connection of HTTP/2
SHOWN = 5                                   # wrong answers that a failure shows

HTTP = "xr_cache_path many keys_zone=many:16m max_size=1g use_temp_path=off;"
SERVER = "http2 on; keepalive_requests 1000000;"
LOCATION = f"xr_auth public; xr_cache many; xr_cache_valid 200 1d; xr_max_ranges {MAX_RANGES};"


def _object(size, etag='"5bD-a"', modified=MODIFIED):
    return Object(random.Random(size).randbytes(size), etag, modified, NOW)


LARGE = 5 * SLICE + 123

# name: object, how often it is asked for, quirks of its origin
OBJECTS = {
    "empty.glb": (_object(0), 1, ()),
    "one.glb": (_object(1), 1, ()),
    "under.glb": (_object(SLICE - 1), 2, ()),
    "slice.glb": (_object(SLICE), 3, ()),
    "over.glb": (_object(SLICE + 1), 4, ()),
    "even.glb": (_object(3 * SLICE), 3, ()),
    "large.glb": (_object(LARGE), 8, ()),
    "weak.glb": (_object(LARGE + 1, 'W/"5bD-a"'), 1, ()),
    "dated.glb": (_object(LARGE + 2, None), 1, ()),
    "bare.glb": (_object(LARGE + 3, None, None), 1, ()),
    "stubborn.glb": (_object(LARGE + 4), 1, ("no ranges",)),
    "chunked.glb": (_object(LARGE + 5), 0, ("no ranges", "chunked")),
}

# one was written in the second of the origin's Date, and may change again within it
FRESH = {"fresh.glb": _object(2 * SLICE, None, NOW),
         "settled.glb": _object(2 * SLICE, None, NOW - 60)}


@pytest.fixture(scope="module")
def web():
    with ObjectOrigin({**{name: obj for name, (obj, _, _) in OBJECTS.items()}, **FRESH},
                      {name: quirks for name, (_, _, quirks) in OBJECTS.items()}) as origin:
        yield origin


@pytest.fixture(scope="module")
def start(web, web_edges):
    """The edge of a kind, which all tests of a module share."""

    edges = {}

    def edge(kind):
        if kind not in edges:
            edges[kind] = web_edges(web.tenants("acme"), http=HTTP, server=SERVER,
                                    location=LOCATION + KINDS[kind])
        return edges[kind]

    return edge


_folders = (f"{os.getpid()}-{n}" for n in itertools.count(1))


def fresh(name):
    """A path that nobody asked for before."""

    return f"/acme/{next(_folders)}/{name}"


class Client:
    """Connections of one protocol to an edge; a new one when the last has ended."""

    def __init__(self, port, protocol):
        self.port, self.protocol = port, protocol
        self.connection = None
        self.broken = []                    # what ended connections of several requests

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.connection:
            self.connection.__exit__()
        self.connection = None

    def requests(self, wanted):
        """The responses to (path, request), or errors; of HTTP/2 all are under way at once."""

        if self.protocol == "HTTP/1.1":
            return [self._try(self._http1, path, request) for path, request in wanted]

        found = self._try(self._http2, wanted)
        if isinstance(found, Exception):
            # all are asked again, to learn which of them are wrong alone
            self.broken.append(f"{len(wanted)} requests at once: {found!r}")
            found = [self._try(self._http2, [one]) for one in wanted]
            found = [f if isinstance(f, Exception) else f[0] for f in found]
        return found

    def _try(self, function, *args):
        try:
            return function(*args)
        except (OSError, h2.exceptions.H2Error) as error:
            self.__exit__()
            return error

    def _http1(self, path, request):
        self.connection = self.connection or http1.Connection(self.port)
        response = self.connection.request(path, request.method, headers=request.headers)
        if not response.complete or response["connection"] == "close":
            self.__exit__()
        return response

    def _http2(self, wanted):
        self.connection = self.connection or http2.Connection(self.port)
        responses = self.connection.requests(
            [(path, request.method, request.headers) for path, request in wanted])
        if not self.connection.open:
            self.__exit__()
        return responses

    def request(self, path, request):
        return self.requests([(path, request)])[0]


def warm(client, path, obj):
    response = client.request(path, Request("GET", {}))
    assert (response.status, response.body, response.complete) == (200, obj.data, True), path


def wanted(requests, names, weights, temperature, web):
    """Endlessly: path, object, request."""

    while True:
        [name] = requests.random.choices(names, weights)
        path = f"/acme/warm/{name}" if temperature == "warm" else fresh(name)

        for _ in range(TEMPERATURES[temperature] or 1):
            yield path, web.objects[name], requests.next(web.objects[name])


def show(path, request, found):
    headers = "; ".join(f"{name}: {value}" for name, value in request.headers.items())
    if len(headers) > 300:
        headers = headers[:300] + "…"
    return f"{request.method} {path} {{{headers}}}: {found}"


def hold(client, asked, count):
    """Asks "count" times; whatever is wrong fails the test, with examples."""

    wrong = []
    asked = itertools.islice(asked, count)

    while batch := list(itertools.islice(asked, AT_ONCE)):
        responses = client.requests([(path, request) for path, _, request in batch])

        for (path, obj, request), response in zip(batch, responses):
            found = repr(response) if isinstance(response, Exception) \
                else problem(obj, request, response, MAX_RANGES)
            if found:
                wrong.append(show(path, request, found))

    wrong += client.broken
    assert not wrong, "\n".join([f"{len(wrong)} of {count} wrong, such as", *wrong[:SHOWN]])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("kind", KINDS)
def test_generated_requests(web, start, kind, temperature, protocol):
    names = list(OBJECTS)
    weights = [weight for _, weight, _ in OBJECTS.values()]
    requests = Requests(f"{SEED}/{kind}/{temperature}/{protocol}", SLICE, MAX_RANGES)

    with Client(start(kind).port, protocol) as client:
        if temperature == "warm":
            for name in names:
                warm(client, f"/acme/warm/{name}", web.objects[name])

        hold(client, wanted(requests, names, weights, temperature, web),
             COUNT // (len(KINDS) * len(TEMPERATURES) * len(PROTOCOLS)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("kind", KINDS)
def test_several_ranges(web, start, kind, temperature, protocol):
    name = "large.glb"
    obj = web.objects[name]
    requests = Requests(f"{SEED}/several/{kind}/{temperature}/{protocol}", SLICE, MAX_RANGES)

    def asked():
        while True:
            path = f"/acme/warm/{name}" if temperature == "warm" else fresh(name)
            for _ in range(TEMPERATURES[temperature] or 1):
                yield path, obj, requests.several(obj)

    with Client(start(kind).port, protocol) as client:
        if temperature == "warm":
            warm(client, f"/acme/warm/{name}", obj)
        hold(client, asked(), COUNT // 120)


# The model itself, by what the RFC and our choices say of 10,000 bytes

TEN = Object(bytes(10000), '"a"', MODIFIED, MODIFIED + 1000)
THEN, BEFORE, AFTER = (http_date(MODIFIED + n) for n in (0, -1, 1))
R = {"Range": "bytes=0-0"}
PART = Answer(206, ((0, 0),))
WHOLE = Answer(200)

MODEL = [
    ({}, WHOLE),
    ({"Range": "bytes=0-499"}, Answer(206, ((0, 499),))),
    ({"Range": "bytes=500-999"}, Answer(206, ((500, 999),))),
    ({"Range": "bytes=-500"}, Answer(206, ((9500, 9999),))),
    ({"Range": "bytes=9500-"}, Answer(206, ((9500, 9999),))),
    ({"Range": "bytes=0-0,-1"}, Answer(206, ((0, 0), (9999, 9999)))),
    ({"Range": "bytes= 0-999, 4500-5499, -1000"},
     Answer(206, ((0, 999), (4500, 5499), (9000, 9999)))),
    ({"Range": "bytes=500-600,601-999"}, Answer(206, ((500, 999),))),
    ({"Range": "bytes=500-700,601-999"}, Answer(206, ((500, 999),))),
    ({"Range": "bytes=601-999,500-599"}, Answer(206, ((500, 599), (601, 999)))),
    ({"Range": "bytes=0-"}, Answer(206, ((0, 9999),))),
    ({"Range": "bytes=0-9999"}, Answer(206, ((0, 9999),))),
    ({"Range": "bytes=0-10000"}, Answer(206, ((0, 9999),))),
    ({"Range": "bytes=9999-"}, Answer(206, ((9999, 9999),))),
    ({"Range": "bytes=10000-"}, Answer(416)),
    ({"Range": "bytes=-0"}, Answer(416)),
    ({"Range": "bytes=-10001"}, Answer(206, ((0, 9999),))),
    ({"Range": f"bytes=0-{1 << 64}"}, Answer(206, ((0, 9999),))),
    ({"Range": f"bytes={1 << 64}-"}, Answer(416)),
    ({"Range": f"bytes=-{1 << 64}"}, Answer(206, ((0, 9999),))),
    ({"Range": "bytes=10000-,0-0"}, PART),
    ({"Range": "bytes=10000-,-0"}, Answer(416)),
    ({"Range": "bytes=1-0"}, WHOLE),
    ({"Range": "bytes=0-0,2-1"}, WHOLE),
    ({"Range": "bytes=0-,0-0"}, WHOLE),
    ({"Range": "bytes=0-4999,5000-9999"}, Answer(206, ((0, 9999),))),
    ({"Range": "BYTES=0-0"}, PART),
    ({"Range": "lines=0-0"}, WHOLE),
    ({"Range": "bytes=,0-0, ,"}, PART),
    ({"Range": "bytes=,"}, WHOLE),
    ({"Range": " bytes=0-0\t"}, PART),
    ({"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 16, 2))},
     Answer(206, tuple((n, n) for n in range(0, 16, 2)))),
    ({"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 18, 2))}, WHOLE),

    ({**R, "If-Range": '"a"'}, PART),
    ({**R, "If-Range": '"b"'}, WHOLE),
    ({**R, "If-Range": 'W/"a"'}, WHOLE),
    ({**R, "If-Range": "a"}, WHOLE),
    ({**R, "If-Range": THEN}, PART),
    ({**R, "If-Range": http_date(MODIFIED, 1)}, PART),
    ({**R, "If-Range": http_date(MODIFIED, 2)}, PART),
    ({**R, "If-Range": BEFORE}, WHOLE),
    ({**R, "If-Range": AFTER}, WHOLE),

    ({**R, "If-Match": '"b"'}, Answer(412)),
    ({**R, "If-Match": '"b", "a"'}, PART),
    ({**R, "If-Match": 'W/"a"'}, Answer(412)),
    ({**R, "If-Match": "*"}, PART),
    ({**R, "If-Match": '"a"', "If-Unmodified-Since": BEFORE}, PART),
    ({**R, "If-Unmodified-Since": BEFORE}, Answer(412)),
    ({**R, "If-Unmodified-Since": THEN}, PART),
    ({**R, "If-Unmodified-Since": "yesterday"}, PART),
    ({**R, "If-None-Match": '"a"'}, Answer(304)),
    ({**R, "If-None-Match": 'W/"a"'}, Answer(304)),
    ({**R, "If-None-Match": '"b",W/"a"'}, Answer(304)),
    ({**R, "If-None-Match": "*"}, Answer(304)),
    ({**R, "If-None-Match": '"b"', "If-Modified-Since": THEN}, PART),
    ({**R, "If-None-Match": '"a"', "If-Modified-Since": BEFORE}, Answer(304)),
    ({**R, "If-Modified-Since": BEFORE}, PART),
    ({**R, "If-Modified-Since": THEN}, Answer(304)),
    ({**R, "If-Modified-Since": AFTER}, Answer(304)),
    ({**R, "If-Modified-Since": "0"}, PART),
    ({**R, "If-Match": '"b"', "If-None-Match": '"a"'}, Answer(412)),
    ({"Range": "bytes=10000-", "If-None-Match": '"a"'}, Answer(304)),
    ({"Range": "bytes=10000-", "If-Range": '"b"'}, WHOLE),
]


@pytest.mark.parametrize("headers, answer", MODEL, ids=lambda value: str(value)[:60])
def test_the_model(headers, answer):
    assert answers(TEN, Request("GET", headers), MAX_RANGES) == [answer]

    whole = WHOLE if answer.status in (206, 416) else answer
    assert answers(TEN, Request("HEAD", headers), MAX_RANGES) == [whole]


def test_the_model_of_what_is_empty():
    empty = Object(b"", '"a"', MODIFIED, MODIFIED + 1000)

    def of(text):
        return answers(empty, Request("GET", {"Range": text}), MAX_RANGES)

    assert of("bytes=0-") == of("bytes=0-0") == of("bytes=-0") == [Answer(416), WHOLE]
    assert of("bytes=-1") == of("bytes=1") == [WHOLE]


def test_the_model_by_counting_bytes():
    """Ranges of small objects as sets of bytes, which need no thought."""

    requests = Requests(SEED, 3, MAX_RANGES)

    for _ in range(5000):
        size = requests.random.randint(1, 12)
        obj = Object(bytes(size))
        members = [requests.spec(obj) for _ in range(requests.random.randint(1, 5))]
        [answer] = answers(obj, Request("GET", {"Range": "bytes=" + ",".join(members)}), 5)

        sets = []
        for first, last in (member.split("-") for member in members):
            if not first:
                sets.append(set(range(size)[-int(last):] if int(last) else ()))
            elif last and int(last) < int(first):
                sets = None
                break
            else:
                sets.append({n for n in range(size)
                             if n >= int(first) and (not last or n <= int(last))})

        if sets is None or sum(map(len, sets)) > size:
            assert answer == WHOLE, members
        elif not any(sets):
            assert answer == Answer(416), members
        else:
            found = [n for first, last in answer.ranges for n in range(first, last + 1)]
            assert answer.status == 206
            assert found == sorted(set.union(*sets)), members
            assert all(b[0] > a[1] + 1 for a, b in zip(answer.ranges, answer.ranges[1:]))


# What the requests above do not tell

def ask(edge, path, method="GET", **headers):
    """"if_range" is If-Range."""

    headers = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return edge.get(path, method, headers=headers)


@pytest.mark.parametrize("kind", KINDS)
def test_the_cap_is_exact(web, start, kind):
    edge, path = start(kind), fresh("large.glb")

    for count, status in ((MAX_RANGES, 206), (MAX_RANGES + 1, 200)):
        members = [f"{n * SLICE // 2}-{n * SLICE // 2 + 9}" for n in range(count)]
        assert ask(edge, path, range="bytes=" + ",".join(members)).status == status


@pytest.mark.parametrize("kind", KINDS)
def test_a_date_that_is_no_strong_validator(web, start, kind):
    """RFC 9110, 8.8.2.2: of one second there may be two objects."""

    for name, status in (("fresh.glb", 200), ("settled.glb", 206)):
        path = fresh(name)
        for _ in ("cold", "warm"):
            response = ask(start(kind), path, range="bytes=0-9",
                           if_range=http_date(FRESH[name].modified))
            assert response.status == status, name


@pytest.mark.parametrize("kind", KINDS)
def test_ranges_are_offered(web, start, kind):
    path = fresh("large.glb")

    for method in ("HEAD", "GET", "GET"):
        assert ask(start(kind), path, method)["accept-ranges"] == "bytes"


@pytest.mark.parametrize("kind", KINDS)
def test_an_origin_that_does_not_say_how_long_the_object_is(web, start, kind):
    """Nobody knows what a range of it is while it comes; once it is stored, everybody does."""

    edge, name = start(kind), "chunked.glb"
    obj = web.objects[name]
    path = fresh(name)

    for text in ("bytes=0-0", f"bytes={SLICE}-", "bytes=-1", "bytes=5-6,1-1"):
        request = Request("GET", {"Range": text})
        first = edge.get(fresh(name), headers=request.headers)
        if first.status == 200:
            assert (first.body, first.complete) == (obj.data, True)
        else:
            assert problem(obj, request, first, MAX_RANGES) is None

    warm(Client(edge.port, "HTTP/1.1"), path, obj)
    for text in ("bytes=0-0", f"bytes={SLICE}-", "bytes=-1", "bytes=5-6,1-1", f"bytes={LARGE}9-"):
        request = Request("GET", {"Range": text})
        assert problem(obj, request, edge.get(path, headers=request.headers), MAX_RANGES) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_that_has_to_wait_is_no_more_than_that(web, start, kind):
    """While the connection's window is used up, nothing of the object may follow a 412."""

    edge, path = start(kind), fresh("large.glb")
    warm(Client(edge.port, "HTTP/1.1"), path, web.objects["large.glb"])

    for headers, status in (({"If-Match": '"x"'}, 412), ({"Range": f"bytes={LARGE}-"}, 416),
                            ({"If-None-Match": "*"}, 304)):
        with http2.Connection(edge.port) as connection:
            whole, refused = connection.requests([(path, "GET", {}), (path, "GET", headers)])

        assert (whole.status, whole.body) == (200, web.objects["large.glb"].data)
        assert (refused.status, refused.complete) == (status, True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_keeps_the_connection(start, kind):
    edge = start(kind)

    for headers, status in (({"If-Match": '"x"'}, 412), ({"Range": f"bytes={LARGE}-"}, 416),
                            ({"If-None-Match": "*"}, 304)):
        with http1.Connection(edge.port) as connection:
            path = fresh("large.glb")
            for _ in ("cold", "warm"):
                refused = connection.request(path, headers=headers)
                assert (refused.status, refused["connection"]) == (status, "keep-alive")


# What slices cost the origin

def read_slices(web, path):
    """The slices that were read of a path, each the whole of one and none twice."""

    reads = web.reads(path)
    assert None not in reads, reads
    assert all(first % SLICE == 0 for first, _ in reads)
    assert all((last + 1) % SLICE == 0 or last == LARGE - 1 for _, last in reads)
    numbers = [n for first, last in reads for n in range(first // SLICE, last // SLICE + 1)
               if n * SLICE < LARGE]
    assert len(set(numbers)) == len(numbers), numbers
    return sorted(numbers)


def test_a_byte_costs_a_slice(web, start):
    edge, path = start("sliced"), fresh("large.glb")

    assert ask(edge, path, range=f"bytes={3 * SLICE + 5}-{3 * SLICE + 5}").status == 206
    assert read_slices(web, path) in ([3], [0, 3])


def test_a_head_costs_a_slice(web, start):
    edge, path = start("sliced"), fresh("large.glb")

    assert ask(edge, path, "HEAD")["content-length"] == str(LARGE)
    assert len(read_slices(web, path)) <= 1


def test_a_range_that_is_not_there_costs_a_slice(web, start):
    edge, path = start("sliced"), fresh("large.glb")

    assert ask(edge, path, range=f"bytes={LARGE}-").status == 416
    assert len(web.reads(path)) <= 2


def test_one_store_for_parts_and_the_whole(web, start):
    edge, path = start("sliced"), fresh("large.glb")
    data = web.objects["large.glb"].data

    assert ask(edge, path, range=f"bytes={2 * SLICE - 1}-{2 * SLICE}").body \
        == data[2 * SLICE - 1:2 * SLICE + 1]
    assert ask(edge, path, range="bytes=-1").body == data[-1:]
    assert ask(edge, path).body == data
    assert read_slices(web, path) == [0, 1, 2, 3, 4, 5]

    assert ask(edge, path, range="bytes=5-300000").body == data[5:300001]
    assert ask(edge, path, range="bytes=-1,0-0").status == 206
    assert read_slices(web, path) == [0, 1, 2, 3, 4, 5]


def test_slices_are_asked_for_by_the_version_of_the_first(web, start):
    edge, path = start("sliced"), fresh("large.glb")

    assert ask(edge, path, range=f"bytes={SLICE}-{2 * SLICE}").status == 206
    assert ask(edge, path).status == 200

    _, *later = web.seen(path)
    assert later
    assert {request.headers.get("if-match") for request in later} == {web.objects["large.glb"].etag}


def test_the_origin_sees_no_range_of_a_client(web, start):
    """Servers differ on what is odd, and If-Range is ignored by many."""

    edge = start("sliced")

    for text in (" bytes=0-1,5-6", "bytes=-1", "bytes=9-1", "items=0-1", "bytes=7-,2-3",
                 "bytes=,1-1", f"bytes={1 << 65}-"):
        path = fresh("large.glb")
        ask(edge, path, range=text, if_range='"other"', if_none_match='"x"', if_match="*")

        for request in web.seen(path):
            assert re.fullmatch(r"bytes=\d+-\d+", request.headers["range"])
            assert "if-range" not in request.headers
            assert "if-none-match" not in request.headers
            assert request.headers.get("if-match") in (None, web.objects["large.glb"].etag)


def test_small_objects_stay_whole(web, start):
    """One request, and one entry, for what is not longer than a slice."""

    for name in ("empty.glb", "one.glb", "under.glb", "slice.glb"):
        path = fresh(name)
        obj = web.objects[name]

        for _ in range(2):
            response = ask(start("sliced"), path)
            assert (response.status, response.body) == (200, obj.data)
            assert response["content-length"] == str(obj.size)

        # an origin of ranges refuses any of an empty object
        assert len(web.seen(path)) <= (2 if obj.size == 0 else 1), name


@pytest.mark.parametrize("name", ["weak.glb", "dated.glb", "bare.glb"])
def test_without_a_strong_validator_nothing_is_put_together(web, start, name):
    """Slices of what may have changed in between are not one object."""

    path = fresh(name)

    for _ in range(2):
        response = ask(start("sliced"), path)
        assert (response.status, response.body) == (200, web.objects[name].data)

    sent = [request for request in web.seen(path) if request.method == "GET"]
    assert len(sent) <= 2, sent             # the second time without a range
