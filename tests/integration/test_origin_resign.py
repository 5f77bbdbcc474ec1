# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
A signature that the origin refuses is made again, once, by the origin's clock or
with credentials that another process has put in place of the old ones.
"""

import calendar
import threading
import time

import pytest
from range_model import http_date

import scripted
import servers

BODY = b"an object" * 100


def credentials(access, secret="secret", token=None):
    more = f"aws_session_token = {token}\n" if token else ""
    return f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n{more}"


def refusal(code, *fields, status=403):
    return scripted.message(status, scripted.s3_error(code), *fields)


def access_key(request):
    return request.headers["authorization"].split("Credential=")[1].split("/")[0]


def signed_at(request):
    return calendar.timegm(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))


@pytest.fixture
def origin():
    with scripted.Origin() as origin:
        yield origin


@pytest.fixture
def start(web_edges, origin):
    def start(text=credentials("OLD"), **options):
        return web_edges({"acme": ""}, origin=f"s3://bucket endpoint={origin.url}",
                         credentials=text, **options)
    return start


def rotate(edge, text):
    """As another process does it: renamed over the old file, and nobody is told."""

    before = edge.error_log().count("tenants changed")
    edge.replace("credentials", text)
    servers.wait_for("new credentials are in use",
                     lambda: edge.error_log().count("tenants changed") > before, 5)


def test_a_replaced_file_is_used_without_a_reload(start, origin):
    origin.put_at("/bucket/a.glb", scripted.message(200, BODY))
    edge = start(location="xr_cache off;")
    assert edge.fetch("/acme/a.glb").body == BODY

    began = time.monotonic()
    rotate(edge, credentials("NEW", token="session"))
    assert time.monotonic() - began < 2
    assert edge.fetch("/acme/a.glb").body == BODY

    old, new = origin.seen("/bucket/a.glb")
    assert (access_key(old), access_key(new)) == ("OLD", "NEW")
    assert new.headers["x-amz-security-token"] == "session"


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "InvalidToken",
                                  "SignatureDoesNotMatch", "TokenRefreshRequired"])
@pytest.mark.parametrize("status", [400, 403])
def test_signed_again_with_newer_credentials(start, origin, code, status):
    edge = start()

    def first(request):
        rotate(edge, credentials("NEW"))
        return refusal(code, status=status)

    origin.put_at("/bucket/a.glb", first, scripted.message(200, BODY))
    response = edge.fetch("/acme/a.glb")

    assert (response.status, response.body) == (200, BODY)
    assert list(map(access_key, origin.seen("/bucket/a.glb"))) == ["OLD", "NEW"]
    assert edge.logged(response)["reason"] == ""
    assert "other credentials now" in edge.error_log()
    assert edge.fetch("/acme/a.glb").body == BODY


def test_signed_again_for_a_head(start, origin):
    edge = start(location="xr_cache off;")

    def first(request):
        rotate(edge, credentials("NEW"))
        return scripted.message(403, b"", "Content-Length: 10", length=False)

    origin.put_at("/bucket/a.glb", first,
                  scripted.message(200, b"", "Content-Length: 900", length=False))
    response = edge.fetch("/acme/a.glb", method="HEAD")

    assert response.status == 200
    assert [(r.method, access_key(r)) for r in origin.seen("/bucket/a.glb")] \
        == [("HEAD", "OLD"), ("HEAD", "NEW")]


def test_once_a_request(start, origin):
    edge = start()
    names = iter(["B", "C", "D"])

    def refuse(request):
        rotate(edge, credentials(next(names)))
        return refusal("ExpiredToken")

    origin.put_at("/bucket/a.glb", refuse)
    response = edge.fetch("/acme/a.glb")

    assert response.status == 502
    assert edge.logged(response)["reason"] == "origin_credentials"
    assert list(map(access_key, origin.seen("/bucket/a.glb"))) == ["OLD", "B"]


def test_not_again_with_the_same(start, origin):
    edge = start()
    origin.put_at("/bucket/a.glb", refusal("ExpiredToken"))

    assert edge.fetch("/acme/a.glb").status == 502
    assert len(origin.seen("/bucket/a.glb")) == 1


def test_credentials_of_one_tenant_only(web_edges, origin):
    """A rotation of one tenant's changes nothing for another."""

    edge = web_edges({"acme": "", "other": "credentials theirs;"},
                     origin=f"s3://bucket endpoint={origin.url}",
                     credentials=credentials("OLD"), files={"theirs": credentials("THEIRS")})

    def first(request):
        rotate(edge, credentials("NEW"))
        return refusal("ExpiredToken")

    origin.put_at("/bucket/a.glb", first, scripted.message(200, BODY))

    assert edge.fetch("/other/a.glb").status == 502
    assert list(map(access_key, origin.seen("/bucket/a.glb"))) == ["THEIRS"]


def test_even_where_nothing_is_tried_again(start, origin):
    edge = start(location=servers.CACHE + "xr_origin_next_upstream off;"
                 "xr_origin_next_upstream_tries 1;")

    def first(request):
        rotate(edge, credentials("NEW"))
        return refusal("ExpiredToken")

    origin.put_at("/bucket/a.glb", first, scripted.message(200, BODY))
    assert edge.fetch("/acme/a.glb").body == BODY


def test_a_slice_is_signed_again(start, origin):
    edge = start(location=servers.CACHE + "xr_slice 64k;")
    body = bytes(range(256)) * 1024

    def part(request):
        first, last = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        if first >= 131072 and access_key(request) == "OLD":
            if "other credentials" not in edge.error_log():
                rotate(edge, credentials("NEW"))
            return refusal("ExpiredToken")
        last = min(last, len(body) - 1)
        return scripted.message(206, body[first:last + 1], 'ETag: "one"',
                                f"Content-Range: bytes {first}-{last}/{len(body)}")

    origin.put_at("/bucket/a.glb", part)
    response = edge.fetch("/acme/a.glb")

    assert (response.status, response.body, response.complete) == (200, body, True)


class Clock:
    """An S3 server's idea of time, and what it does with signatures of another."""

    def __init__(self, ahead, date=True):
        self.ahead, self.date = ahead, date

    def __call__(self, request):
        now = int(time.time()) + self.ahead
        fields = [f"Date: {http_date(now)}"] if self.date else []
        if abs(signed_at(request) - now) > 900:
            return refusal("RequestTimeTooSkewed", *fields)
        return scripted.message(200, BODY, *fields)


@pytest.mark.parametrize("ahead", [3600, -3600, 80000])
def test_signed_by_the_clock_of_the_origin(start, origin, ahead):
    edge = start(location="xr_cache off;")
    clock = Clock(ahead)
    origin.put_at("/bucket/a.glb", clock)

    response = edge.fetch("/acme/a.glb")
    assert (response.status, response.body) == (200, BODY)
    assert len(origin.seen("/bucket/a.glb")) == 2
    assert "s from ours" in edge.error_log()

    # it is remembered, for as long as it is right
    assert edge.fetch("/acme/a.glb").body == BODY
    assert len(origin.seen("/bucket/a.glb")) == 3

    clock.ahead = 0
    assert edge.fetch("/acme/a.glb").body == BODY
    assert edge.fetch("/acme/a.glb").body == BODY
    assert len(origin.seen("/bucket/a.glb")) == 6


def test_the_clock_is_shared_by_workers(start, origin):
    edge = start(location="xr_cache off;", workers=3)
    origin.put_at("/bucket/a.glb", Clock(3600))

    for _ in range(12):
        assert edge.fetch("/acme/a.glb").body == BODY
    assert len(origin.seen("/bucket/a.glb")) == 13


def test_the_clock_for_a_head(start, origin):
    edge = start(location="xr_cache off;")

    def answer(request):
        now = int(time.time()) + 3600
        status = 403 if abs(signed_at(request) - now) > 900 else 200
        return scripted.message(status, b"", f"Date: {http_date(now)}", "Content-Length: 9",
                                length=False)

    origin.put_at("/bucket/a.glb", answer)
    assert edge.fetch("/acme/a.glb", method="HEAD").status == 200
    assert len(origin.seen("/bucket/a.glb")) == 2


@pytest.mark.parametrize("clock", [Clock(90000), Clock(-90000), Clock(10**10), Clock(3600, False)],
                         ids=["far", "far behind", "year 2300", "no Date"])
def test_a_clock_that_is_not_believed(start, origin, clock):
    edge = start()
    origin.put_at("/bucket/a.glb", clock)
    response = edge.fetch("/acme/a.glb")

    assert response.status == 502
    assert edge.logged(response)["reason"] == "origin_credentials"
    assert len(origin.seen("/bucket/a.glb")) == 1


@pytest.mark.parametrize("code", ["AllAccessDisabled", "AccountProblem"])
def test_a_bucket_that_is_closed_is_no_missing_object(start, origin, code):
    edge = start()
    origin.put_at("/bucket/a.glb", refusal(code), scripted.message(200, BODY))
    response = edge.fetch("/acme/a.glb")

    assert response.status == 502
    assert edge.logged(response)["reason"] == "origin_disabled"
    assert edge.fetch("/acme/a.glb").body == BODY


def test_the_real_server_takes_the_second_signature(stack, edges, faults):
    """What it refuses is known to it as wrong; what it takes is right."""

    key, body = stack.put()
    good = credentials(stack["s3_access_key"], stack["s3_secret_key"])
    edge = edges({"acme": ""}, credentials=credentials(stack["s3_access_key"], "wrong"))

    with faults.active({"path": key, "delay": 2.5}):
        result = []
        client = threading.Thread(target=lambda: result.append(edge.fetch(f"/acme/{key}")))
        client.start()
        servers.wait_for("the request is under way", lambda: faults.log(key))
        rotate(edge, good)
        client.join(20)

    assert (result[0].status, result[0].body) == (200, body)
    assert "SignatureDoesNotMatch" in edge.error_log()
