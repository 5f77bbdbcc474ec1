# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Tenants whose objects lie in several places: one that fails is passed over within
the request, each with a signature of its own, and what a replica says never
makes a wrong answer of a missing one.
"""

import concurrent.futures
import json
import os
import socket
import time

import pytest

import scripted
import servers
from scripted import CLOSE, RESET, message

BODY = b"an object" * 1000
QUICK = "xr_origin_connect_timeout 1s; xr_origin_read_timeout 300ms;"
KEYS = "[default]\naws_access_key_id = KEY\naws_secret_access_key = secret\n"


@pytest.fixture
def places():
    with scripted.Origin() as a, scripted.Origin() as b, scripted.Origin() as c:
        yield a, b, c


def tenant(origin, *replicas):
    text = f"origin {origin.url}/acme;"
    return text + "".join(f"replica {replica.url}/copy{n};" for n, replica in enumerate(replicas))


@pytest.fixture
def start(web_edges, places):
    def start(*replicas, location=servers.CACHE + QUICK, **options):
        return web_edges({"acme": tenant(places[0], *(replicas or places[1:2]))},
                         location=location, **options)
    return start


def counts(*places):
    return [len(place.requests) for place in places]


# At the real server: a second bucket, which is asked for past the fault proxy

@pytest.fixture(scope="module")
def two_buckets(stack):
    other = f"{stack.bucket}-copy"
    stack.s3.create_bucket(Bucket=other)
    return other


@pytest.fixture(scope="module")
def replicated(stack, edges, two_buckets):
    return edges({"acme": f"origin {stack.origin};"
                          f"replica s3://{two_buckets}/copies region=us-east-1 style=path "
                          f"endpoint={stack['s3']};"}, location="xr_cache off;" + QUICK,
                 http="xr_origin_health fails=0;")


FAULTS = {
    "closed": {"close": True},
    "reset": {"reset": True},
    "silence": {"delay": 2},
    "garbage": {"raw": "\x00\x01 no HTTP"},
    "500": {"status": 500}, "502": {"status": 502}, "503": {"status": 503},
    "504": {"status": 504}, "429": {"status": 429},
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_replica_serves(stack, replicated, two_buckets, faults, name):
    key, body = stack.put()
    stack.s3.put_object(Bucket=two_buckets, Key=f"copies/{key}", Body=body)

    with faults.active({"path": key, "times": 0, **FAULTS[name]}):
        response = replicated.fetch(f"/acme/{key}")
        assert (response.status, response.body) == (200, body)
        # a kept connection that is closed is asked for anew
        assert len(faults.log(key)) in (1, 1 + (name in ("closed", "reset")))
        assert replicated.logged(response)["reason"] == ""

    assert replicated.fetch(f"/acme/{key}").body == body


def test_the_origin_is_asked_first(stack, replicated, two_buckets):
    key, body = stack.put()
    stack.s3.put_object(Bucket=two_buckets, Key=f"copies/{key}", Body=b"another")

    assert replicated.fetch(f"/acme/{key}").body == body


FAILS_AFTER_TWO = pytest.mark.parametrize("run, fails", [
    ("off", [{"skip": 2, "times": 0, "reset": True}]),
    ("64m", [{"truncate": 2 << 16}, {"times": 0, "reset": True}])], ids=["each alone", "in a run"])


@FAILS_AFTER_TWO
def test_slices_of_one_version_from_two_places(stack, edges, two_buckets, faults, run, fails):
    """The bytes of both are the same: they may lie side by side."""

    key, body = stack.put(os.urandom(300000))
    stack.s3.put_object(Bucket=two_buckets, Key=f"copies/{key}", Body=body)

    edge = edges({"acme": f"origin {stack.origin}; replica s3://{two_buckets}/copies "
                          f"style=path endpoint={stack['s3']};"},
                 location=f"{servers.CACHE} {QUICK} xr_slice 64k; xr_slice_run {run};")

    with faults.active(*({"path": key, **fault} for fault in fails)):
        response = edge.fetch(f"/acme/{key}")
        assert (response.status, response.body, response.complete) == (200, body, True)
        assert len(faults.log(key)) >= len(fails)

    assert edge.fetch(f"/acme/{key}").body == body


@FAILS_AFTER_TWO
def test_slices_of_two_versions_are_never_mixed(stack, edges, two_buckets, faults, run, fails):
    """The origin fails after two slices: see test_run_versions.py for more of it."""

    key, body = stack.put(os.urandom(300000))
    old = os.urandom(300000)
    stack.s3.put_object(Bucket=two_buckets, Key=f"copies/{key}", Body=old)

    edge = edges({"acme": f"origin {stack.origin}; replica s3://{two_buckets}/copies "
                          f"style=path endpoint={stack['s3']};"},
                 location=f"{servers.CACHE} {QUICK} xr_slice 64k; xr_slice_run {run};")

    with faults.active(*({"path": key, **fault} for fault in fails)):
        response = edge.fetch(f"/acme/{key}")
        got = response.body

        # of the new one, cut off, or all of the old one
        assert got == old or (not response.complete and body.startswith(got)) \
            or response.status >= 500


# Scripted: what is sent where

def test_each_place_has_its_own_signature(web_edges, places):
    a, b, _ = places
    a.put_at("/one/x.glb", [RESET])
    b.put_at("/two/below/x.glb", message(200, BODY))
    edge = web_edges({"acme": f"origin s3://one region=eu-west-1 endpoint={a.url};"
                              f"replica s3://two/below region=us-west-2 endpoint={b.url};"},
                     credentials=KEYS)

    assert edge.fetch("/acme/x.glb").body == BODY

    for place, region in ((a, "eu-west-1"), (b, "us-west-2")):
        request, = place.requests
        assert request.headers["host"] == place.address
        assert f"/{region}/s3/aws4_request" in request.headers["authorization"]


def test_bounded_tries(start, places):
    a, b, c = places
    for place, path in ((a, "/acme/x.glb"), (b, "/copy0/x.glb"), (c, "/copy1/x.glb")):
        place.put_at(path, message(503))

    edge = start(b, c, http="xr_origin_retry off;")
    assert edge.fetch("/acme/x.glb").status == 503
    assert counts(a, b, c) == [1, 1, 0]

    edge = start(b, c, location=servers.CACHE + "xr_origin_next_upstream_tries 0;",
                 http="xr_origin_retry off;")
    assert edge.fetch("/acme/x.glb").status == 503
    assert counts(a, b, c) == [2, 2, 1]


def test_no_further_try_after_a_time(start, places):
    a, b, _ = places
    a.put_at("/acme/x.glb", [0.4, CLOSE])
    b.put_at("/copy0/x.glb", message(200, BODY))
    edge = start(location=servers.CACHE + "xr_origin_next_upstream_timeout 200ms;")

    assert edge.fetch("/acme/x.glb").status == 502
    assert counts(a, b) == [1, 0]


def test_switched_off(start, places):
    a, b, _ = places
    a.put_at("/acme/x.glb", message(500))
    b.put_at("/copy0/x.glb", message(200, BODY))

    assert start(location="xr_origin_next_upstream off;").fetch("/acme/x.glb").status == 502
    assert counts(a, b) == [1, 0]


def test_nothing_follows_what_was_sent(start, places):
    a, b, _ = places
    a.put_at("/acme/x.glb", [message(200, BODY)[:5000], RESET])
    b.put_at("/copy0/x.glb", message(200, BODY))
    response = start().fetch("/acme/x.glb")

    assert not response.complete and BODY.startswith(response.body)
    assert counts(a, b) == [1, 0]


def test_a_closed_connection_is_no_failure(start, places):
    """It is asked for anew where it was, and counts for nothing."""

    a, b, _ = places
    a.put_at("/acme/x.glb", [message(200, BODY)])
    # closed when the next request comes
    edge = start(location="xr_cache off;", http="xr_origin_health fails=1;")

    for _ in range(4):
        a.put_at("/acme/x.glb", [message(200, BODY), scripted.NEXT, CLOSE], message(200, BODY))
        assert edge.fetch("/acme/x.glb").body == BODY
        assert edge.fetch("/acme/x.glb").body == BODY

    assert len(b.requests) == 0
    assert "in a row" not in edge.error_log()


# A replica that lags behind

def test_missing_at_the_replica_only(start, places):
    """The origin is down: 404 it is, but nobody remembers."""

    a, b, _ = places
    a.put_at("/acme/x.glb", [RESET], message(200, BODY))
    edge = start(location=servers.CACHE + "xr_cache_valid 404 1h;")

    response = edge.fetch("/acme/x.glb")
    assert response.status == 404
    assert edge.logged(response)["reason"] == "origin_not_found"
    assert counts(a, b) == [1, 1]

    assert edge.fetch("/acme/x.glb").body == BODY


def eject(edge, place, other):
    """Has the first place passed over."""

    place.put_at("/acme/bad.glb", [RESET])
    other.put_at("/copy0/bad.glb", message(200, b"x"))
    assert edge.fetch("/acme/bad.glb").status == 200
    assert "in a row" in edge.error_log()


def test_missing_at_the_replica_while_the_origin_is_passed_over(start, places):
    a, b, _ = places
    edge = start(location="xr_cache off;", http="xr_origin_health fails=1 eject=1h max=1h;")
    eject(edge, a, b)

    a.put_at("/acme/x.glb", message(200, BODY))
    assert edge.fetch("/acme/x.glb").body == BODY
    assert len(b.seen("/copy0/x.glb")) == 1


def test_missing_at_the_replica_and_the_origin_is_still_down(start, places):
    a, b, _ = places
    edge = start(location="xr_cache off;", http="xr_origin_health fails=1 eject=1h max=1h;")
    eject(edge, a, b)

    a.put_at("/acme/x.glb", [RESET])
    assert edge.fetch("/acme/x.glb").status == 404
    assert (len(a.seen("/acme/x.glb")), len(b.seen("/copy0/x.glb"))) == (1, 2)


def test_missing_at_both(start, places):
    a, b, _ = places
    edge = start(location=servers.CACHE + "xr_cache_valid 404 1h;")

    assert edge.fetch("/acme/x.glb").status == 404
    assert edge.fetch("/acme/x.glb").status == 404
    assert counts(a, b) == [1, 0]           # remembered, as the origin has said so


# Health

def test_passed_over_and_back(start, places):
    a, b, _ = places
    edge = start(location="xr_cache off;", http="xr_origin_health fails=3 eject=1s max=1s;",
                 workers=2)
    a.put_at("/acme/x.glb", message(500))
    b.put_at("/copy0/x.glb", message(200, BODY))

    for _ in range(20):
        assert edge.fetch("/acme/x.glb").body == BODY
    assert counts(a, b)[0] == 3             # of all workers
    assert edge.error_log().count("3 times in a row") == 1

    # half open: one request at a time, and each puts it off for longer
    a.put_at("/acme/x.glb", [0.5, RESET])
    servers.wait_for("a probe", lambda: edge.fetch("/acme/x.glb").body == BODY
                     and len(a.requests) == 4)
    assert edge.error_log().count("times in a row") == 2

    a.put_at("/acme/x.glb", message(200, BODY))
    servers.wait_for("the origin is back", lambda: edge.fetch("/acme/x.glb").body == BODY
                     and "back in service" in edge.error_log())
    before = len(b.requests)
    for _ in range(5):
        assert edge.fetch("/acme/x.glb").body == BODY
    assert len(b.requests) == before


def test_all_fail(start, places):
    """The first one is asked even so, and serves again as soon as it can."""

    a, b, _ = places
    edge = start(location="xr_cache off;", http="xr_origin_health fails=1 eject=1h max=1h;")
    a.put_at("/acme/x.glb", message(500))
    b.put_at("/copy0/x.glb", message(500))
    for _ in range(3):
        assert edge.fetch("/acme/x.glb").status == 502

    a.put_at("/acme/x.glb", message(200, BODY))
    assert edge.fetch("/acme/x.glb").body == BODY


def test_refusals_are_no_failures(start, places):
    """What concerns one object, or one tenant's keys, takes nothing from others."""

    a, b, _ = places
    edge = start(location="xr_cache off;", http="xr_origin_health fails=1 eject=1h max=1h;")

    for status in (400, 401, 403, 404, 405, 412, 416, 301):
        a.put_at("/acme/x.glb", message(status, b""))
        assert edge.fetch("/acme/x.glb").status >= 400
    assert "in a row" not in edge.error_log()
    assert len(b.requests) == 0


def test_slow_answers(start, places):
    a, b, _ = places
    edge = start(location="xr_cache off;",
                 http="xr_origin_health fails=2 eject=1h max=1h slow=100ms;")
    a.put_at("/acme/x.glb", [0.2, message(200, BODY)])
    b.put_at("/copy0/x.glb", message(200, BODY))

    for _ in range(4):
        assert edge.fetch("/acme/x.glb").body == BODY
    assert counts(a, b) == [2, 2]


def test_the_budget_of_retries(start, places):
    """Ten a second and a share: an outage is not made twice as large by us."""

    a, b, _ = places
    edge = start(location="xr_cache off;", http="xr_origin_health fails=0 budget=0;")
    a.put_at("/acme/x.glb", message(500))
    b.put_at("/copy0/x.glb", message(200, BODY))

    began = time.monotonic()
    statuses = [edge.fetch("/acme/x.glb").status for _ in range(60)]
    seconds = int(time.monotonic() - began) + 2

    assert statuses[:5] == [200] * 5
    assert statuses.count(200) <= 10 * seconds and 502 in statuses
    assert "used up its share" in edge.error_log()


def test_a_crowd_goes_to_what_is_in_service(web_edges, places):
    """All find out at the same time that the origin is silent: the replica has the object."""
    _, b, _ = places
    b.put_at("/copy/x.glb", message(200, BODY))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        edge = web_edges({"acme": f"origin http://127.0.0.1:{silent.getsockname()[1]}/acme;"
                                  f"replica {b.url}/copy;"}, location="xr_cache off;" + QUICK)
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: edge.fetch("/acme/x.glb"), range(50)))
    assert [answer.status for answer in answers] == [200] * 50


def test_the_report(start, places):
    a, b, _ = places
    edge = start(location="xr_cache off;", http="xr_origin_health fails=2 eject=1h max=1h;",
                 server="location = /origins { xr_origin_report; }")
    a.put_at("/acme/x.glb", message(500))
    b.put_at("/copy0/x.glb", message(200, BODY))
    for _ in range(4):
        assert edge.fetch("/acme/x.glb").body == BODY

    endpoints = json.loads(edge.get("/origins").body)["endpoints"]
    assert endpoints[a.url] == {"in_service": 0, "requests": 2, "failures": 2, "ejections": 1,
                                "retries_refused": 0, "clock": 0}
    assert endpoints[b.url]["in_service"] == 1 and endpoints[b.url]["requests"] == 2
    assert edge.get("/origins", method="POST").status == 405


# Configuration

@pytest.mark.parametrize("text, words", [
    ("fails=1001", "invalid parameter"), ("fails=x", "invalid parameter"),
    ("eject=0", "invalid parameter"), ("budget=101", "invalid parameter"),
    ("max=2d", "invalid parameter"), ("eject=10m max=5m", "max="), ("x=1", "invalid parameter"),
    ("fails=", "invalid parameter"), ("fails=1; xr_origin_health fails=1", "duplicate"),
])
def test_bad_health(web_edges, web, tmp_path, text, words):
    edge = servers.Edge(tmp_path, {"acme": f"origin {web.url}/acme;"},
                        http=f"xr_origin_health {text};")
    code, said = edge.test()
    assert code == 1 and words in said and "nginx.conf:" in said


@pytest.mark.parametrize("text, words", [
    ("replica http://127.0.0.1:1/x region=y;", "region="),
    ("replica x;", "does not start with"),
    ("replica s3://bucket;", "signed"),
    ("replica http://169.254.169.254/;", "link-local"),
    ("replica http://127.0.0.1:1/ x=y;", "none of region="),
    ("replica;", "number of arguments"),
    ("replica http://127.0.0.1:1/;" * 5, "one more than 4"),
])
def test_bad_replicas(web, tmp_path, text, words):
    edge = servers.Edge(tmp_path, {"acme": f"origin {web.url}/acme; keys none; {text}"},
                        defaults=False)
    code, said = edge.test()
    assert code == 1 and words in said and "nginx.conf:" in said


def test_replicas_from_a_tenants_file(web_edges, places):
    a, b, _ = places
    b.put_at("/copy/x.glb", message(200, BODY))
    text = ('{"tenants": {"acme": {"origin": "%s/acme", "keys": ["%s"], "replicas": '
            '["http://127.0.0.1:1/none", {"origin": "%s/copy"}]}}}')
    edge = web_edges({}, http="xr_tenants_file tenants.json;",
                     location="xr_cache off; xr_origin_next_upstream_tries 3;",
                     files={"tenants.json": text % (a.url, servers.KEY, b.url)})

    a.put_at("/acme/x.glb", message(500))
    assert edge.fetch("/acme/x.glb").body == BODY

    # replaced without a reload: the order is another
    edge.replace("tenants.json", text.replace('"http://127.0.0.1:1/none", ', "")
                 % (b.url, servers.KEY, a.url))
    servers.wait_for("the new table", lambda: "tenants changed" in edge.error_log(), 5)
    b.put_at("/acme/x.glb", message(200, b"first"))
    assert edge.fetch("/acme/x.glb").body == b"first"
