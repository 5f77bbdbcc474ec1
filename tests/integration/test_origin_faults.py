# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An origin that fails in every way we know: the client gets the right status,
never the origin's words, nothing wrong is stored, and the worker lives.
"""

import contextlib
import time

import pytest

import servers
from edgeauth import in_query, token

TIMEOUTS = ("xr_origin_connect_timeout 1s; xr_origin_send_timeout 1s;"
            "xr_origin_read_timeout 500ms;")


@pytest.fixture(scope="module")
def edge(edges):
    return edges({"acme": ""}, location=servers.CACHE + TIMEOUTS)


@pytest.fixture(scope="module")
def uncached(edges):
    return edges({"acme": ""}, location="xr_cache off;" + TIMEOUTS)


def s3_error(code):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>about {code}</Message><Resource>/secret-bucket/key</Resource>"
            f"<RequestId>REQ1</RequestId><AWSAccessKeyId>EDGEDEV</AWSAccessKeyId></Error>")


def s3_answer(status, code=None):
    return {"status": status, "body": s3_error(code) if code else "",
            "headers": {"Content-Type": "application/xml", "x-amz-request-id": "REQ1",
                        "Server": "AmazonS3", "ETag": '"of the error"',
                        "Cache-Control": "max-age=1000"}}


def raw(head, body=""):
    return {"raw": "\r\n".join(head) + "\r\n\r\n" + body}


def assert_bare(stack, response):
    """A status, and no word of the origin's."""

    said = str(response).lower()
    for word in ("<?xml", "<code>", "amz", "requestid", "secret-bucket", stack.bucket,
                 "edgedev", "amazon", "of the error", "swift", "openstack", "signature"):
        assert word not in said, response

    assert response["cache-control"] == "no-store"
    assert response["access-control-allow-origin"] == "*"
    assert response.complete


# name: what the origin does, what the client gets, and the reason in the log
ANSWERS = {
    "400": (s3_answer(400, "InvalidRequest"), 502, "origin_error"),
    "400 expired token": (s3_answer(400, "ExpiredToken"), 502, "origin_credentials"),
    "401": (s3_answer(401), 502, "origin_credentials"),
    "403": (s3_answer(403), 404, "origin_forbidden"),
    "403 access denied": (s3_answer(403, "AccessDenied"), 404, "origin_forbidden"),
    "403 signature": (s3_answer(403, "SignatureDoesNotMatch"), 502, "origin_credentials"),
    "403 access key": (s3_answer(403, "InvalidAccessKeyId"), 502, "origin_credentials"),
    "403 expired token": (s3_answer(403, "ExpiredToken"), 502, "origin_credentials"),
    "403 clock": (s3_answer(403, "RequestTimeTooSkewed"), 502, "origin_credentials"),
    "404": (s3_answer(404), 404, "origin_not_found"),
    "404 no such key": (s3_answer(404, "NoSuchKey"), 404, "origin_not_found"),
    "405": (s3_answer(405, "MethodNotAllowed"), 502, "origin_error"),
    "409": (s3_answer(409), 502, "origin_error"),
    "412": (s3_answer(412, "PreconditionFailed"), 502, "origin_error"),
    "429": (s3_answer(429, "SlowDown"), 503, "origin_throttled"),
    "500": (s3_answer(500, "InternalError"), 502, "origin_error"),
    "501": (s3_answer(501, "NotImplemented"), 502, "origin_error"),
    "503": (s3_answer(503, "SlowDown"), 503, "origin_throttled"),
    "504": (s3_answer(504), 504, "origin_error"),
    "599": (s3_answer(599), 502, "origin_error"),

    "301": ({"status": 301, "headers": {"Location": "/elsewhere/x.glb"}}, 502,
            "origin_redirect"),
    "301 with an error": ({**s3_answer(301, "PermanentRedirect")}, 502, "origin_redirect"),
    "302": ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, 502,
            "origin_redirect"),
    "307": ({"status": 307, "headers": {"Location": "/elsewhere/x.glb"}}, 502,
            "origin_redirect"),
    "304 that nobody asked for": (raw(["HTTP/1.1 304 Not Modified", 'ETag: "x"']), 502, None),
    "206 that nobody asked for": (raw(["HTTP/1.1 206 Partial Content", "Content-Length: 5",
                                       "Content-Range: bytes 0-4/10"], "hello"), 502, None),
    "201": (s3_answer(201), 502, None),
    "204": (raw(["HTTP/1.1 204 No Content"]), 502, None),

    "closed": ({"close": True}, 502, "origin_unreachable"),
    "reset": ({"reset": True}, 502, "origin_unreachable"),
    "garbage": (raw(["\x00\x01\x02 no HTTP at all"]), 502, "origin_unreachable"),
    "HTTP/0.9": (raw(["<html>no head"]), 502, "origin_unreachable"),
    "nothing but a status": ({"raw": "HTTP/1.1 200 OK\r\n"}, 502, "origin_unreachable"),
    "head is cut": ({"raw": "HTTP/1.1 200 OK\r\nContent-Le"}, 502, "origin_unreachable"),
    "header without a name": (raw(["HTTP/1.1 200 OK", ": x", "Content-Length: 1"], "x"), 502,
                              "origin_unreachable"),
    "NUL in a header": (raw(["HTTP/1.1 200 OK", "ETag: \"a\x00b\"", "Content-Length: 1"], "x"),
                        502, "origin_unreachable"),
    "length is no number": (raw(["HTTP/1.1 200 OK", "Content-Length: abc"], "x"), 502,
                            "origin_unreachable"),
    "length is negative": (raw(["HTTP/1.1 200 OK", "Content-Length: -1"], "x"), 502,
                           "origin_unreachable"),
    "two lengths": (raw(["HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2"], "xy"),
                    502, "origin_unreachable"),
    "length and chunks": (raw(["HTTP/1.1 200 OK", "Content-Length: 5",
                               "Transfer-Encoding: chunked"], "0\r\n\r\n"), 502,
                          "origin_unreachable"),
    "unknown transfer encoding": (raw(["HTTP/1.1 200 OK", "Transfer-Encoding: gzip"], "x"), 502,
                                  "origin_unreachable"),
    "huge head": (raw(["HTTP/1.1 200 OK", "X-Long: " + "x" * 100000, "Content-Length: 1"], "x"),
                  502, "origin_unreachable"),
    "huge status line": ({"raw": "HTTP/1.1 200 " + "x" * 100000}, 502, "origin_unreachable"),
    "silence": ({"delay": 3}, 504, "origin_unreachable"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_without_an_object(stack, edge, faults, name):
    fault, status, reason = ANSWERS[name]
    key, body = stack.put()
    path = f"/acme/{key}"

    with faults.active({"path": key, "times": 0, **fault}):
        response = edge.fetch(path)

        assert response.status == status
        assert_bare(stack, response)
        assert len(faults.log("elsewhere")) == 0

        entry = edge.logged(response)
        assert entry["reason"] == reason if reason else entry["reason"].startswith("origin_")

    # nothing of it was kept, once the origin is well
    again = edge.fetch(path)
    assert (again.status, again.body) == (200, body)
    assert edge.logged(again)["cache"] != "HIT"
    assert edge.fetch(path).body == body


@pytest.mark.parametrize("name", ["403 signature", "404", "500", "503", "301", "closed"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answer_without_an_object_and_without_a_cache(stack, uncached, faults, name, method):
    fault, status, _ = ANSWERS[name]
    key, body = stack.put()

    # the code of an error is in its body, which HEAD does not have
    if (name, method) == ("403 signature", "HEAD"):
        status = 404

    with faults.active({"path": key, "times": 0, **fault}):
        response = uncached.fetch(f"/acme/{key}", method=method)
        assert response.status == status
        assert_bare(stack, response)

    assert uncached.fetch(f"/acme/{key}").body == body


def test_a_missing_object_at_the_real_server(stack, edge):
    response = edge.fetch(f"/acme/none-{next(stack.names)}.glb")

    assert response.status == 404
    assert_bare(stack, response)
    assert edge.logged(response)["reason"] == "origin_not_found"


def test_wrong_credentials_at_the_real_server(stack, edges):
    key, _ = stack.put()
    wrong = edges({"acme": ""}, credentials=f"[default]\naws_access_key_id = "
                  f"{stack['s3_access_key']}\naws_secret_access_key = wrong\n")
    response = wrong.fetch(f"/acme/{key}")

    assert response.status == 502
    assert_bare(stack, response)
    assert wrong.logged(response)["reason"] == "origin_credentials"
    assert "SignatureDoesNotMatch" in wrong.error_log()


def test_wrong_region_at_the_real_server(stack, edges):
    key, _ = stack.put()
    wrong = edges({"acme": ""}, origin=stack.origin.replace("us-east-1", "eu-west-1"))
    response = wrong.fetch(f"/acme/{key}")

    assert response.status == 502
    assert_bare(stack, response)


def test_no_such_bucket_at_the_real_server(stack, edges):
    wrong = edges({"acme": ""}, origin=stack.origin.replace(stack.bucket, "no-such-bucket"))
    response = wrong.fetch("/acme/a.glb")

    assert response.status == 404
    assert_bare(stack, response)


def test_origin_is_down(stack, edges):
    down = edges({"acme": ""}, location=servers.CACHE + TIMEOUTS,
                 origin=f"s3://{stack.bucket} endpoint=http://127.0.0.1:{servers.free_port()}")
    started = time.monotonic()

    for _ in range(3):
        response = down.fetch("/acme/a.glb")
        assert response.status == 502
        assert_bare(stack, response)
        assert down.logged(response)["reason"] == "origin_unreachable"

    assert time.monotonic() - started < 5


# A body that does not end as it should

CUT = {
    "closed early": {"truncate": 30000},
    "closed after the first byte": {"truncate": 1},
    "reset": {"reset_at": 30000},
    "stalls": {"stall_at": 30000, "stall": 3},
    "longer length": {"set": {"Content-Length": "100100"}},
    "chunks are cut": raw(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], "5\r\nhello\r\n"),
    "chunk is cut": raw(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], "10\r\nhello"),
    "chunk has no size": raw(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"],
                             "5\r\nhello\r\nzz\r\n"),
    "chunk beyond a number": raw(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"],
                                 "5\r\nhello\r\nfffffffffffffffff\r\nx"),
}


@pytest.mark.parametrize("cache", ["cached", "uncached"])
@pytest.mark.parametrize("name", CUT)
def test_body_that_is_cut(stack, edge, uncached, faults, name, cache):
    server = edge if cache == "cached" else uncached
    key, body = stack.put(b"0123456789" * 10000)

    with faults.active({"path": key, "times": 0, **CUT[name]}), \
            contextlib.suppress(ConnectionError):
        response = server.fetch(f"/acme/{key}")

        # with the head gone, all that is left is not to end the body cleanly
        assert not response.complete or response.status in (502, 504)
        assert response.body != body

    again = server.fetch(f"/acme/{key}")
    assert (again.status, again.body, again.complete) == (200, body, True)


# An origin that is odd, but whose object is whole

ODD = {
    "slow head": {"head_delay": 0.001},
    "slow body": {"rate": 200000},
    "late": {"delay": 0.3},
    "body in small pieces": {"split": 97},
    "short stall": {"stall_at": 10, "stall": 0.2},
    "no length": {"drop": ["Content-Length"]},
    "no type": {"drop": ["Content-Type"]},
    "no date": {"drop": ["Last-Modified", "Date"]},
    "Vary": {"set": {"Vary": "Accept-Encoding"}},
    "unknown header": {"set": {"X-Whatever": "x" * 2000}},
}


@pytest.fixture(scope="module")
def patient(edges):
    """NGINX's timeout for the head is one for the whole of it."""

    return edges({"acme": ""})


@pytest.mark.parametrize("name", ODD)
def test_odd_but_whole(stack, patient, faults, name):
    key, body = stack.put()

    with faults.active({"path": key, "times": 0, **ODD[name]}):
        for _ in range(2):
            response = patient.fetch(f"/acme/{key}")
            assert (response.status, response.body, response.complete) == (200, body, True)


def test_chunked_object(stack, edge, faults):
    """S3 sends none, other origins do; from the cache it has a length."""

    key = f"{next(stack.names)}.glb"
    fault = raw(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", 'ETag: "c"'],
                "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: x\r\n\r\n")

    with faults.active({"path": key, "times": 1, **fault}):
        first = edge.fetch(f"/acme/{key}")
        second = edge.fetch(f"/acme/{key}")

    assert first.body == second.body == b"hello, world"
    assert second["content-length"] == "12"
    assert second["transfer-encoding"] is None


def test_a_body_beyond_its_length_poisons_no_other(stack, edge, faults):
    """What follows the object on a kept connection is not the next one's answer."""

    key, _ = stack.put()
    other, body = stack.put()
    smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    with faults.active({"path": key, **raw(["HTTP/1.1 200 OK", "Content-Length: 5"],
                                           "hello" + smuggled)},
                       {"path": key, "skip": 1, **s3_answer(404, "NoSuchKey" + "x" * 50)}):
        assert edge.fetch(f"/acme/{key}").body == b"hello"
        assert edge.fetch(f"/acme/{other}").body == body


def test_kept_connections_after_errors(stack, edge, faults):
    """An error's body is not the beginning of the next answer."""

    objects = [stack.put() for _ in range(8)]

    for n, (key, body) in enumerate(objects):
        fault = [s3_answer(404, "NoSuchKey"), s3_answer(403, "AccessDenied"),
                 s3_answer(500, "InternalError"), s3_answer(301, "PermanentRedirect")][n % 4]
        with faults.active({"path": f"{key}.none", "times": 0, **fault}):
            assert edge.fetch(f"/acme/{key}.none").status in (404, 502)
        assert edge.fetch(f"/acme/{key}").body == body


# What may not be stored

@pytest.mark.parametrize("headers", [
    {"Set-Cookie": "id=1"}, {"Vary": "*"}, {"Vary": "Origin, *"}, {"Cache-Control": "private"},
    {"Cache-Control": "no-store"},
])
def test_not_stored(stack, edge, faults, headers):
    key, body = stack.put()

    with faults.active({"path": key, "times": 0, "set": headers}):
        responses = [edge.fetch(f"/acme/{key}") for _ in range(2)]

    assert [r.body == body for r in responses] == [True, True]
    assert [edge.logged(r)["cache"] for r in responses] == ["MISS", "MISS"]
    assert len(faults.log(key)) == 2
    assert [r.all("set-cookie") for r in responses] == [[], []]


@pytest.mark.parametrize("headers", [
    {"Cache-Control": "public, no-cache"}, {"Cache-Control": "max-age=0"},
    {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"},
])
def test_stored_and_asked_for_each_time(stack, edge, faults, headers):
    key, body = stack.put()

    with faults.active({"path": key, "times": 0, "set": headers}):
        responses = [edge.fetch(f"/acme/{key}") for _ in range(3)]

    assert [r.body == body for r in responses] == [True] * 3
    assert [edge.logged(r)["cache"] for r in responses] == ["MISS", "REVALIDATED", "REVALIDATED"]


def test_stored_without_a_policy(stack, edge):
    """S3 objects mostly have none."""

    key, _ = stack.put()
    responses = [edge.fetch(f"/acme/{key}") for _ in range(2)]
    assert [edge.logged(r)["cache"] for r in responses] == ["MISS", "HIT"]


# Stale on error

@pytest.fixture(scope="module")
def expiring(stack, edges):
    """An edge whose entries are fresh for a second, and objects that were so."""

    edge = edges({"acme": ""}, location=TIMEOUTS + """
        xr_cache objects; xr_cache_valid 200 1s; xr_cache_valid 404 0;
        xr_cache_use_stale error timeout invalid_header http_500 http_502 http_503 http_504;
        xr_cache_background_update off; xr_cache_revalidate on;""")
    objects = [stack.put() for _ in range(20)]

    for key, body in objects:
        assert edge.fetch(f"/acme/{key}").body == body

    def expired():
        """The newest entry is no longer a hit; asking while the origin is off keeps it old."""

        with stack.faults.active({"path": objects[-1][0], "times": 0, "close": True}):
            return edge.logged(edge.fetch(f"/acme/{objects[-1][0]}"))["cache"] != "HIT"

    servers.wait_for("the entries are old", expired)
    return edge, iter(objects[:-1])


@pytest.mark.parametrize("fault", [
    {"close": True}, {"reset": True}, {"delay": 3}, s3_answer(500), s3_answer(503, "SlowDown"),
    s3_answer(504), raw(["no HTTP at all"])], ids=lambda f: next(iter(f)))
def test_stale_when_the_origin_fails(stack, expiring, faults, fault):
    edge, objects = expiring
    key, body = next(objects)

    with faults.active({"path": key, "times": 0, **fault}):
        response = edge.fetch(f"/acme/{key}")

    assert (response.status, response.body) == (200, body)
    assert edge.logged(response)["cache"] == "STALE"
    assert edge.logged(response)["reason"] == ""

    # and fresh again as soon as the origin is
    again = edge.fetch(f"/acme/{key}")
    assert again.body == body
    assert edge.logged(again)["cache"] in ("REVALIDATED", "EXPIRED")


def test_revalidated(stack, expiring, faults):
    edge, objects = expiring
    key, body = next(objects)
    response = edge.fetch(f"/acme/{key}")

    assert (response.status, response.body) == (200, body)
    assert edge.logged(response)["cache"] == "REVALIDATED"
    assert [e["status"] for e in faults.log(key)] == [200, 304]


def test_a_changed_object_is_seen(stack, expiring):
    edge, objects = expiring
    key, old = next(objects)
    _, new = stack.put(key=key)
    response = edge.fetch(f"/acme/{key}")

    assert new != old
    assert (response.status, response.body) == (200, new)


def test_a_deleted_object_is_gone(stack, expiring):
    edge, objects = expiring
    key, _ = next(objects)
    stack.s3.delete_object(Bucket=stack.bucket, Key=key)

    assert edge.fetch(f"/acme/{key}").status == 404


def test_a_cut_refresh_keeps_the_old_entry(stack, expiring, faults):
    edge, objects = expiring
    key, old = next(objects)
    _, new = stack.put(key=key)

    with faults.active({"path": key, "times": 0, "truncate": 5000}):
        response = edge.fetch(f"/acme/{key}")
        assert not response.complete or response.body == old

    assert edge.fetch(f"/acme/{key}").body == new


# Retries

@pytest.mark.parametrize("fault", [{"close": True}, {"reset": True}], ids=["closed", "reset"])
@pytest.mark.parametrize("connection", ["new", "kept"])
def test_one_broken_connection_is_tried_again(stack, edges, edge, faults, fault, connection):
    key, body = stack.put()
    server = edge

    if connection == "new":
        server = edges({"acme": ""}, location=servers.CACHE + TIMEOUTS)
    else:
        edge.fetch(f"/acme/{stack.put()[0]}")

    with faults.active({"path": key, "times": 1, **fault}):
        response = server.fetch(f"/acme/{key}")

    assert (response.status, response.body) == (200, body)
    assert len(faults.log(key)) == 2


def test_tries_are_bounded(stack, edge, faults):
    key, _ = stack.put()

    with faults.active({"path": key, "times": 0, "close": True}):
        assert edge.fetch(f"/acme/{key}").status == 502

    assert len(faults.log(key)) <= 4


# What the origin is told

ALLOWED = {"host", "user-agent", "accept-encoding", "authorization", "x-amz-date",
           "x-amz-content-sha256", "connection"}

# and, where there is no cache to answer them
CONDITIONS = {"if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "range"}


def test_only_listed_headers_reach_the_origin(stack, edge, uncached, faults):
    forged = {
        "Cookie": "id=1", "Authorization": "AWS4-HMAC-SHA256 Credential=evil",
        "Referer": "http://r", "Origin": "https://shop.example", "X-Amz-Date": "20200101T000000Z",
        "X-Amz-Security-Token": "evil", "x-amz-meta-x": "1", "X-Amz-Content-Sha256": "evil",
        "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https",
        "Forwarded": "for=1.2.3.4", "Connection": "x-amz-date", "TE": "trailers",
        "Accept-Encoding": "gzip, br", "Accept": "text/html", "Accept-Language": "de",
        "X-Original-URL": "/other", "X-HTTP-Method-Override": "PUT", "X-XR-Tenant": "evil",
        "Proxy": "http://evil", "Cache-Control": "no-cache", "Pragma": "no-cache",
        "If-Match": '"x"', "Expect": "", "Upgrade": "websocket", "Sec-WebSocket-Key": "x",
        "Range": "bytes=0-9,20-29",
    }

    for server, allowed in ((edge, ALLOWED), (uncached, ALLOWED | CONDITIONS)):
        key, body = stack.put()
        response = server.fetch(f"/acme/{key}", headers=forged)
        assert response.status in (200, 206, 412)

        [seen] = faults.log(key)
        assert seen["method"] == "GET"
        assert set(seen["headers"]) <= allowed
        assert seen["headers"]["host"] == stack["origin"].split("//")[1]
        assert seen["headers"]["accept-encoding"] == "identity"
        assert "test/" not in seen["headers"]["user-agent"]
        assert seen["headers"]["authorization"].startswith(
            f"AWS4-HMAC-SHA256 Credential={stack['s3_access_key']}/")
        assert "evil" not in str(seen["headers"])


@pytest.mark.parametrize("value", ["bytes=0-9,20-29", "bytes=9-5", "bytes=x-y", "bytes=-0",
                                   "items=0-9", "bytes=0-99999999999999999999999", "bytes=",
                                   "bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0"])
def test_odd_ranges_do_not_reach_the_origin(stack, uncached, faults, value):
    """Servers differ on these; the client gets the right bytes all the same."""

    key, body = stack.put()
    response = uncached.fetch(f"/acme/{key}", headers={"Range": value})

    assert "range" not in faults.log(key)[0]["headers"]
    assert response.status in (200, 206, 416)
    if response.status == 200:
        assert response.body == body


def test_plain_ranges_are_signed_without_a_cache(stack, uncached, faults):
    key, body = stack.put()
    response = uncached.fetch(f"/acme/{key}", headers={"Range": "bytes=5-9"})

    assert (response.status, response.body) == (206, body[5:10])
    [seen] = faults.log(key)
    assert seen["headers"]["range"] == "bytes=5-9"
    assert "range" in seen["headers"]["authorization"]


def test_an_origin_that_ignores_ranges(stack, uncached, faults):
    key, body = stack.put()
    rule = {"path": key, **raw(["HTTP/1.1 200 OK", "Content-Length: 10"], "0123456789")}

    with faults.active(rule):
        response = uncached.fetch(f"/acme/{key}", headers={"Range": "bytes=2-4"})

    assert (response.status, response.body) in ((206, b"234"), (200, b"0123456789"))


def test_an_origin_that_sends_another_range(stack, uncached, faults):
    """Bytes other than those that were asked for are not passed on as such."""

    key, _ = stack.put()
    rule = {"path": key, "times": 0, **raw(["HTTP/1.1 206 Partial Content", "Content-Length: 3",
                               "Content-Range: bytes 7-9/10"], "789")}

    with faults.active(rule):
        response = uncached.fetch(f"/acme/{key}", headers={"Range": "bytes=2-4"})

    assert response.status == 502 or response["content-range"] == "bytes 7-9/10"


def test_plain_http_origin(stack, edges, faults):
    """Nothing is signed, nothing of the client's credential is passed on."""

    name = f"{next(stack.names)}.glb"
    plain = edges({"acme": f"origin {stack['origin']}/files/v1;"})

    with faults.active({"path": name, "status": 200, "body": "hello",
                        "headers": {"ETag": '"e"'}, "times": 0}):
        response = plain.get(in_query(f"/acme/a b/{name}".replace(" ", "%20"),
                                      token(servers.KEY, acl="/*")))

    assert (response.status, response.body) == (200, b"hello")
    [seen] = faults.log(name)
    assert seen["path"] == f"/files/v1/a%20b/{name}"
    assert set(seen["headers"]) <= ALLOWED - {"authorization", "x-amz-date",
                                              "x-amz-content-sha256"}
