# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An origin that fails at one slice of an object: before the first byte the client
gets the object after all or an error, after it the object or a cut that it can
see; nothing of it is stored, so that the next request is right.
"""

import itertools
import os

import pytest

import http2
import servers
from edgeauth import in_query, token
from object_origin import ObjectOrigin
from range_model import Object

SLICE = 65536
SIZE = 5 * SLICE + 40000
PLACES = {"first": 0, "middle": 2, "last": 5}

AT = 30000                                  # of a slice's body, where it fails

LOCATION = ("xr_cache objects; xr_cache_valid 200 1d; xr_cache_valid 404 0;"
            f"xr_slice {SLICE // 1024}k; xr_slice_run off;")
TIMEOUTS = ("xr_origin_connect_timeout 1s; xr_origin_send_timeout 1s;"
            "xr_origin_read_timeout 1s;")
SILENT = 3                                  # seconds: longer than that

ERRORS = (502, 503, 504)


names = itertools.count(1)


def raw(*head, body=""):
    return {"raw": "\r\n".join(head) + "\r\n\r\n" + body}


def status(code):
    return {"status": code, "headers": {"ETag": '"of the error"', "Cache-Control": "max-age=99"}}


FAULTS = {
    "slow head": {"head_delay": 0.001},
    "small pieces": {"split": 97},
    "silence": {"delay": SILENT},
    "stall": {"stall_at": AT, "stall": SILENT},
    "stall at once": {"stall_at": 0, "stall": SILENT},
    "reset in the body": {"reset_at": AT},
    "reset at once": {"reset": True},
    "closed": {"close": True},
    "truncated": {"truncate": AT},
    "truncated after a byte": {"truncate": 1},
    "truncated before a byte": {"truncate": 0},

    "longer length": {"set": {"Content-Length": str(SLICE + 1000)}},
    "shorter length": {"set": {"Content-Length": "1000"}},
    "no length": {"drop": ["Content-Length"]},
    "another place": {"set": {"Content-Range": f"bytes 7-{SLICE + 6}/{SIZE}"}},
    "another size": {"set": {"Content-Range": f"bytes 0-{SLICE - 1}/{10 * SIZE}"}},
    "no place": {"drop": ["Content-Range"]},
    "no numbers": {"set": {"Content-Range": "bytes a-b/c"}},
    "size unknown": {"set": {"Content-Range": f"bytes 0-{SLICE - 1}/*"}},
    "Range ignored": {"ignore_range": True},

    "other ETag": {"set": {"ETag": '"other"'}},
    "weak ETag": {"set": {"ETag": 'W/"other"'}},
    "no ETag": {"drop": ["ETag"]},

    "garbage": raw("\0\1\2 no HTTP at all"),
    "garbage after the status": raw("HTTP/1.1 206 Partial Content", "Content-Length: abc"),
    "204": raw("HTTP/1.1 204 No Content"),
    "304": raw("HTTP/1.1 304 Not Modified", 'ETag: "x"'),
    "several parts": raw("HTTP/1.1 206 Partial Content", "Content-Length: 20",
                         "Content-Type: multipart/byteranges; boundary=x", body="x" * 20),
    "encoded": {"set": {"Content-Encoding": "gzip"}},
    "404": status(404),
    "403": status(403),
    "412": status(412),
    "416": status(416),
    "429": status(429),
    "500": status(500),
    "503": status(503),
}

# nothing is wrong with these
HARMLESS = ("slow head", "small pieces")

# somebody has to lose patience; of the others none depends on how busy the machine is
TIMED = ("silence", "stall", "stall at once", "longer length")

# once: nothing has come yet, and the next connection may be better
RETRIED = ("reset at once", "closed")

# what the origin says of itself at the first slice is believed, until another contradicts
BELIEVED = ("another size", "other ETag", "weak ETag", "no ETag", "encoded")

# what is said of the object is not about the way to it
GONE = {"404": 404, "403": 404}


def assert_acted(faults):
    """The origin did fail: otherwise a test shows nothing."""

    assert all(rule.get("matched") for rule in faults._call("GET", "/rules"))


@pytest.fixture(scope="module")
def edge(edges):
    return edges({"acme": ""}, location=LOCATION + TIMEOUTS, server="http2 on;")


@pytest.fixture(scope="module")
def patient(edges):
    return edges({"acme": ""}, location=LOCATION)


class Victim:
    """A cold one, its true ETag, and what a fault at one of its slices may lead to."""

    def __init__(self, stack, edge, name, place):
        self.key, self.body = stack.put(os.urandom(SIZE))
        self.etag = stack.s3.head_object(Bucket=stack.bucket, Key=self.key)["ETag"]
        self.edge = edge
        self.path = f"/acme/{self.key}"
        self.fault, self.name, self.place = FAULTS[name], name, place

    def rule(self, times):
        return {"path": self.key, "range": f"={PLACES[self.place] * SLICE}-", "times": times,
                **self.fault}

    def _fetch(self, headers):
        try:
            return self.edge.fetch(self.path, headers=headers)
        except ConnectionError:
            pytest.fail("a cut before the first byte, which could have been an error")

    def whole(self):
        return self._fetch({}), self.body

    def part(self):
        """A range within the slice."""

        first = PLACES[self.place] * SLICE + 10
        last = first + AT + 5000
        return self._fetch({"Range": f"bytes={first}-{last}"}), self.body[first:last + 1]

    def hold(self, response, wanted, retried=False, ranged=False):
        """While the origin fails."""

        if not response.complete:
            assert response.status in (200, 206)
            assert wanted.startswith(response.body), "wrong bytes, and then a cut"
            assert response["content-length"] is not None
            assert self.name not in HARMLESS
            assert not retried

        elif response.status in (200, 206):
            assert response["content-length"] == str(len(response.body))
            assert response.body == wanted
            if response.status == 200 or self.name not in BELIEVED:
                assert response["etag"] == self.etag
        else:
            assert response.status in (*ERRORS, GONE.get(self.name)) \
                or (self.name == "416" and ranged and response.status == 416), response
            assert response["cache-control"] == "no-store"
            assert self.name not in HARMLESS
            assert not retried

    def hold_after(self):
        """The origin is well again: at most a wrong word of it had to be found out."""

        response, body = self.whole()
        if self.name in BELIEVED and self.place == "first" \
                and (not response.complete or response.status in ERRORS):
            response, body = self.whole()

        for _ in ("as it comes", "as it is stored"):
            assert (response.status, response.body, response.complete) == (200, body, True)
            assert response["etag"] == self.etag
            response, body = self.whole()

        response, body = self.part()
        assert (response.status, response.body, response.complete) == (206, body, True)
        assert response["etag"] == self.etag
        assert response["content-range"].endswith(f"/{SIZE}")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FAULTS)
def test_fault(stack, edge, patient, faults, name, place):
    edge = edge if name in TIMED else patient

    for times in (1, 0):                    # once, and always
        for ask in (Victim.whole, Victim.part):
            obj = Victim(stack, edge, name, place)

            with faults.active(obj.rule(times)):
                response, wanted = ask(obj)
                obj.hold(response, wanted, retried=times == 1 and name in RETRIED,
                         ranged=ask is Victim.part)
                assert_acted(faults)

            obj.hold_after()


@pytest.fixture(scope="module")
def runs(edges):
    """They are read with one request."""

    location = LOCATION.replace("xr_slice_run off;", "xr_slice_run 64m;")
    return {True: edges({"acme": ""}, location=location + TIMEOUTS),
            False: edges({"acme": ""}, location=location)}


def within(fault, place):
    """One of a body, in a response that begins with the first slice."""

    at = PLACES[place] * SLICE
    moved = {name: fault[name] + at for name in ("stall_at", "reset_at", "truncate")
             if name in fault}
    return {**fault, **moved}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FAULTS)
def test_fault_in_a_run(stack, runs, faults, name, place):
    """One that begins with the slice, as what is before it is stored, or that comes to it."""

    edge = runs[name in TIMED]

    for times, begins in ((1, True), (0, True), (1, False)):
        obj = Victim(stack, edge, name, place)
        rule = obj.rule(times)

        if begins and place != "first":
            before = PLACES[place] * SLICE
            response = edge.fetch(obj.path, headers={"Range": f"bytes=0-{before - 1}"})
            assert (response.status, response.body) == (206, obj.body[:before])
        elif not begins:
            rule.update(within(obj.fault, place), range="=0-")

        with faults.active(rule):
            if name == "other ETag" and not (begins and place != "first"):

                # nothing contradicts what one answer says of all of it

                response, body = obj.whole()
                assert (response.status, response.body) == (200, body)
                assert response.complete and response["etag"] == '"other"'
                continue

            obj.hold(*obj.whole(), retried=times == 1 and name in RETRIED)
            assert_acted(faults)

        obj.hold_after()


# what is sent instead of the bytes from "first" on, and said of it truly
TRICKS = {
    "whole": lambda first: None,
    "other bytes": lambda first: f"bytes={first + 7}-{first + SLICE + 6}",
    "fewer bytes": lambda first: f"bytes={first}-{first + 999}",
    "more bytes": lambda first: f"bytes={max(first - SLICE, 0)}-{first + 2 * SLICE - 1}",
    "all from there on": lambda first: f"bytes={first}-",
}


class Stubborn(ObjectOrigin):
    """Sends something else where "first" is the first byte that is asked for."""

    first, times, trick = None, 0, None

    def _answer(self, request):
        if self.times > 0 and request.headers.get("range", "").startswith(f"bytes={self.first}-"):
            self.times -= 1
            request.headers["range"] = self.trick(self.first) or ""

        return super()._answer(request)


@pytest.fixture(scope="module")
def web():
    """It looks at no signature, which may be of the range, too."""

    with Stubborn({}) as origin:
        yield origin


@pytest.fixture(scope="module")
def web_edge(web, web_edges):
    return web_edges(web.tenants("acme"), location=LOCATION)


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("trick", TRICKS)
def test_another_range_than_asked_for(web, web_edge, trick, place, times):
    first = PLACES[place] * SLICE
    part = {"Range": f"bytes={first + 1}-{first + 9}"}
    web.first, web.trick = first, TRICKS[trick]

    for headers in ({}, part):
        body = os.urandom(SIZE)
        name = f"{next(names)}.glb"
        web.objects[name] = Object(body, '"a"', 1700000000)
        wanted = body[first + 1:first + 10] if headers else body

        web.times = times
        response = web_edge.fetch(f"/acme/{name}", headers=headers)
        assert web.times < times

        if not response.complete:
            assert wanted.startswith(response.body)
        elif response.status not in ERRORS:
            assert response.status == (206 if headers else 200)
            assert response.body == wanted

        web.times = 0
        for _ in ("as it comes", "as it is stored"):
            response = web_edge.fetch(f"/acme/{name}")
            assert (response.status, response.body, response.complete) == (200, body, True)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["truncated", "reset in the body", "stall", "other ETag", "500"])
def test_fault_over_http2(stack, edge, faults, name, place):
    """A stream that fails is reset, and its connection lives."""

    obj = Victim(stack, edge, name, place)
    good, body = stack.put()

    def target(path):
        return in_query(path, token(servers.key_of("acme"), url=path))

    with http2.Connection(edge.port) as connection:
        with faults.active(obj.rule(0)):
            response = connection.request(target(obj.path))
            obj.hold(response, obj.body)
            assert name in ("other ETag", "500") or place == "first" or not response.complete
            assert_acted(faults)

        assert connection.request(target(f"/acme/{good}")).body == body

    obj.hold_after()


@pytest.mark.parametrize("name", ["truncated", "reset in the body", "closed", "500"])
def test_a_fault_in_one_of_several_parts(stack, edge, faults, name):
    obj = Victim(stack, edge, name, "middle")
    headers = {"Range": f"bytes=0-9,{2 * SLICE}-{2 * SLICE + AT + 9},{SIZE - 9}-"}

    with faults.active(obj.rule(0)):
        response = obj.edge.fetch(obj.path, headers=headers)
        assert not response.complete or response.status in ERRORS
        assert obj.body[SIZE - 9:] not in response.body

    response = obj.edge.fetch(obj.path, headers=headers)
    assert (response.status, response.complete) == (206, True)
    for first, last in ((0, 9), (2 * SLICE, 2 * SLICE + AT + 9), (SIZE - 9, SIZE - 1)):
        assert f"bytes {first}-{last}/{SIZE}".encode() in response.body
        assert obj.body[first:last + 1] in response.body

    obj.hold_after()


@pytest.mark.parametrize("name", ["truncated", "closed", "500", "silence"])
def test_slices_that_are_stored_outlive_a_fault(stack, edge, faults, name):
    """What is there is served, and what is not is all that is asked for."""

    obj = Victim(stack, edge, name, "middle")

    with faults.active(obj.rule(0)):
        obj.hold(*obj.whole())
        response = obj.edge.fetch(obj.path, headers={"Range": f"bytes=5-{2 * SLICE - 1}"})
        assert (response.status, response.body) == (206, obj.body[5:2 * SLICE])

    before = len(faults.log(obj.key))
    assert obj.whole()[0].body == obj.body
    asked = [entry["headers"].get("range", "bytes=0-") for entry in faults.log(obj.key)[before:]]
    assert asked
    assert not any(text.startswith(("bytes=0-", f"bytes={SLICE}-")) for text in asked), asked


def test_two_faults_in_a_row(stack, edge, faults):
    """Another slice fails at the second try."""

    obj = Victim(stack, edge, "truncated", "middle")

    with faults.active(obj.rule(1), {**obj.rule(1), "range": f"={4 * SLICE}-", "reset": True}):
        for _ in range(3):
            obj.hold(*obj.whole())
        assert_acted(faults)

    obj.hold_after()
