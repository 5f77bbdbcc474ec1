# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
The origin on the wire: what is read of it, segment by segment, how often it is
asked, and that one answer on a kept connection never becomes another's.
"""

import contextlib
import datetime
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import scripted
import servers
from scripted import CLOSE, NEXT, PAUSE, RESET, chunk, message

TIMEOUTS = ("xr_origin_connect_timeout 2s; xr_origin_send_timeout 2s;"
            "xr_origin_read_timeout 2s;")
CREDENTIALS = "[default]\naws_access_key_id = A\naws_secret_access_key = S\n"


@pytest.fixture(scope="module")
def origin():
    with scripted.Origin() as origin:
        yield origin


@pytest.fixture(scope="module")
def edge(edges, origin):
    return edges(origin.tenants("acme", "beta"), location=servers.CACHE + TIMEOUTS)


@pytest.fixture(scope="module")
def uncached(edges, origin):
    s3 = f"origin s3://bucket style=path endpoint={origin.url}; credentials credentials;"
    return edges({**origin.tenants("acme", "beta"), "bucket": s3}, credentials=CREDENTIALS,
                 location="xr_cache off;" + TIMEOUTS)


@pytest.fixture(params=["cached", "uncached"])
def server(request, edge, uncached):
    return edge if request.param == "cached" else uncached


def whole(body, *fields):
    return message(200, body, 'ETag: "e"', *fields)


# TLS

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {name: scripted.certificate(folder, name, host)
            for name, host in (("good", "localhost"), ("wrong-name", "other.test"),
                               ("untrusted", "localhost"))}


@pytest.fixture
def tls_origin(certificates):
    """A function: an origin with the certificate of this name."""

    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(scripted.Origin(*certificates[name]))


@pytest.fixture(scope="module")
def expired(tmp_path_factory):
    """A certificate for the right name, of an authority of its own, of yesterday."""

    folder = tmp_path_factory.mktemp("expired")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(now - datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.BasicConstraints(True, None), True)
            .sign(key, hashes.SHA256()))

    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def trust(certificates, name):
    return f"xr_origin_ssl_trusted_certificate {certificates[name][0]};"


BIG = bytes(range(256)) * 2000

OVER_TLS = {
    "in one piece": (whole(b"hello"), 200, b"hello"),
    "head and body apart": ([message(200, b"", 'ETag: "e"', "Content-Length: 5", length=False),
                             PAUSE, b"hello"], 200, b"hello"),
    "many records": (whole(BIG), 200, BIG),
    "chunks": (message(200, chunk(b"hello") + chunk(BIG) + chunk(b""),
                       "Transfer-Encoding: chunked", length=False), 200, b"hello" + BIG),
    "empty": (whole(b""), 200, b""),
    "error": (message(404, scripted.s3_error("NoSuchKey")), 404, None),
    "error without a body": (message(404), 404, None),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("cache", ["cached", "uncached"])
def test_tls(edges, certificates, tls_origin, cache, method):
    """Nothing waits for a time limit, and the connection is kept."""

    origin = tls_origin("good")
    edge = edges(origin.tenants("acme", "beta"), http=trust(certificates, "good"),
                 location=servers.CACHE if cache == "cached" else "xr_cache off;",
                 server="location = /status { xr off; stub_status; }")

    for name, (answer, status, body) in OVER_TLS.items():
        if method == "HEAD" and cache == "uncached":
            head = answer if isinstance(answer, bytes) else answer[0]
            answer = head[:head.index(b"\r\n\r\n") + 4]

        for tenant in ("acme", "beta"):
            started = time.monotonic()
            response = edge.fetch(origin.put(answer, tenant=tenant), method=method)

            # a HEAD ends before the object is stored, for which there is a request as long

            servers.wait_for("it is over", lambda: edge.get("/status").body.startswith(
                b"Active connections: 1 "))

            assert response.status == status, name
            assert time.monotonic() - started < 5, name
            if status == 200:
                assert response.body == (b"" if method == "HEAD" else body), name

    assert len(origin.requests) == 2 * len(OVER_TLS)
    assert origin.connections == 1


@pytest.mark.parametrize("name", ["wrong-name", "untrusted"])
def test_tls_certificate_is_verified(edges, certificates, tls_origin, name):
    origin = tls_origin(name)
    trusted = "wrong-name" if name == "wrong-name" else "good"
    edge = edges(origin.tenants("acme"), http=trust(certificates, trusted))
    started = time.monotonic()
    response = edge.fetch(origin.put(whole(b"hello")))

    assert response.status == 502
    assert edge.logged(response)["reason"] == "origin_unreachable"
    assert time.monotonic() - started < 5
    assert origin.requests == []

    lax = edges(origin.tenants("acme"), http="xr_origin_ssl_verify off;")
    assert lax.fetch(origin.put(whole(b"hello"))).body == b"hello"


def test_tls_certificate_has_expired(edges, expired):
    with scripted.Origin(*expired) as origin:
        edge = edges(origin.tenants("acme"), http=trust({"expired": expired}, "expired"))
        response = edge.fetch(origin.put(whole(b"hello")))

        assert response.status == 502
        assert edge.logged(response)["reason"] == "origin_unreachable"
        assert origin.requests == []
        assert "certificate has expired" in edge.error_log()


def test_each_place_is_verified_by_its_own_name(edges, certificates, tls_origin):
    """A replica whose certificate is another's is not asked; one that is good is."""

    bad, good = tls_origin("wrong-name"), tls_origin("good")
    edge = edges({"acme": f"origin http://127.0.0.1:{servers.free_port()}/acme;"
                          f"replica {bad.url}/acme; replica {good.url}/acme;"},
                 location="xr_cache off; xr_origin_next_upstream_tries 3;",
                 http=trust(certificates, "good"))
    path = good.put(whole(b"hello"))

    for _ in range(3):
        assert edge.fetch(path).body == b"hello"
    assert bad.requests == [] and len(good.requests) == 3


def test_tls_is_not_trusted_by_default(edges, tls_origin):
    """The system's authorities do not know the certificate."""

    origin = tls_origin("good")
    assert edges(origin.tenants("acme")).fetch(origin.put(whole(b"hello"))).status == 502
    assert origin.requests == []


def test_tls_settings(edges, certificates, tls_origin):
    origin = tls_origin("good")
    edge = edges(origin.tenants("acme"), http=trust(certificates, "good") + """
        xr_origin_ssl_protocols TLSv1.2; xr_origin_ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384;
        xr_origin_ssl_session_reuse off; xr_origin_ssl_verify_depth 1;""")

    assert edge.fetch(origin.put(whole(b"hello"))).body == b"hello"


def test_plain_connections_are_kept(edges, origin):
    before = origin.connections
    edge = edges(origin.tenants("acme", "beta"))

    for n in range(6):
        answer = [whole(b"hello"), message(404, scripted.s3_error("NoSuchKey")),
                  message(404)][n % 3]
        path = origin.put(answer, tenant=("acme", "beta")[n % 2])
        assert edge.fetch(path).status == (404 if n % 3 else 200)

    assert origin.connections == before + 1


# One answer is not the beginning of the next one, which may be another tenant's

EVIL = message(200, b"POISON!", 'ETag: "evil"')


def big_chunk(tail):
    """The head of a 404 whose only chunk ends a segment as a body ends, and the rest."""

    first = b"A" * 100 + b"0\r\n\r\n"
    head = message(404, b"", "Transfer-Encoding: chunked", length=False)
    return head + b"%x\r\n" % (len(first) + len(tail)) + first, tail + b"\r\n" + chunk(b"")


FIRST, REST = big_chunk(EVIL)
ERROR_HEAD = message(404, b"", f"Content-Length: {len(EVIL)}", length=False)

DESYNC = {
    "chunk ends like a body": [FIRST, NEXT, REST],
    "chunk ends like a body, rest comes late": [FIRST, PAUSE, REST],
    "chunk with a fake": FIRST + REST,
    "length shorter than the body": message(404, b"", "Content-Length: 0", length=False) + EVIL,
    "length shorter than the body, rest comes late": [message(404), PAUSE, EVIL],
    "204": message(204, b"", length=False) + EVIL,
    "204, rest comes late": [message(204, b"", length=False), PAUSE, EVIL],
    "404 after its chunks": message(404, chunk(b"x") + chunk(b"") + EVIL,
                                    "Transfer-Encoding: chunked", length=False),
    "404 in parts": [ERROR_HEAD, PAUSE, EVIL],
    "404 in parts, the second asked for": [ERROR_HEAD, NEXT, EVIL],
    "403 in parts, the second asked for": [ERROR_HEAD.replace(b"404", b"403"), NEXT, EVIL],
    "500 in parts, the second asked for": [ERROR_HEAD.replace(b"404", b"500"), NEXT, EVIL],
    "301 in parts, the second asked for": [ERROR_HEAD.replace(b"404", b"301"), NEXT, EVIL],
    "object longer than its length": message(200, b"hello", 'ETag: "e"') + EVIL,
    "object longer than its chunks": message(200, chunk(b"hello") + chunk(b"") + EVIL,
                                             "Transfer-Encoding: chunked", length=False),
    "empty object with a body": whole(b"") + EVIL,
}


def assert_not_poisoned(server, origin):
    for tenant in ("beta", "acme"):
        own = f"own of {tenant}".encode()
        path = origin.put(whole(own), tenant=tenant)
        responses = [server.fetch(path) for _ in range(2)]
        assert [r.body for r in responses] == [own, own]
        assert b"POISON" not in str(responses).encode()


@pytest.mark.parametrize("name", DESYNC)
def test_no_bytes_for_another(server, origin, name):
    # not for ever: what comes "next" would come as often as it is tried again
    attack = origin.put(DESYNC[name], message(404))
    response = server.fetch(attack)

    assert b"POISON" not in response.body
    time.sleep(3 * PAUSE)
    assert_not_poisoned(server, origin)


HEADS = {
    "in one piece": ERROR_HEAD + EVIL,
    "body comes late": [ERROR_HEAD, PAUSE, EVIL],
    "length of none": message(404) + EVIL,
    "chunks": [message(404, b"", "Transfer-Encoding: chunked", length=False), PAUSE,
               chunk(EVIL) + chunk(b"")],
    "object": [message(200, b"", 'ETag: "e"', "Content-Length: 5", length=False), PAUSE, EVIL],
    "object in one piece": message(200, b"", 'ETag: "e"', f"Content-Length: {len(EVIL)}",
                                   length=False) + EVIL,
}


@pytest.mark.parametrize("name", HEADS)
def test_no_bytes_for_another_after_head(uncached, origin, name):
    """HEAD has no body, whatever the origin believes."""

    path = origin.put(HEADS[name])
    response = uncached.fetch(path, method="HEAD")

    assert response.status == (200 if name.startswith("object") else 404)
    assert origin.seen(path)[0].method == "HEAD"
    time.sleep(3 * PAUSE)
    assert_not_poisoned(uncached, origin)


@pytest.mark.parametrize("late", [False, True])
def test_no_bytes_for_another_after_a_304(edges, origin, late):
    edge = edges(origin.tenants("acme", "beta"), location=TIMEOUTS + """
        xr_cache objects; xr_cache_revalidate on; xr_cache_background_update off;""")
    head = message(304, b"", 'ETag: "e"', length=False)
    path = origin.put(whole(b"hello", "Cache-Control: max-age=1"),
                      [head, PAUSE, EVIL] if late else head + EVIL)

    def again():
        assert edge.fetch(path).body == b"hello"
        return len(origin.seen(path)) > 1

    servers.wait_for("the entry is asked about", again)
    assert "if-none-match" in origin.seen(path)[1].headers
    time.sleep(3 * PAUSE)
    assert_not_poisoned(edge, origin)


# Tries

@pytest.mark.parametrize("fault", [message(500), [RESET], [CLOSE], message(502)],
                         ids=["500", "reset", "closed", "502"])
def test_a_failed_try_decides_nothing(edge, origin, fault):
    path = origin.put(fault, whole(b"hello"))
    first, second = edge.fetch(path), edge.fetch(path)

    assert [(r.status, r.body) for r in (first, second)] == [(200, b"hello")] * 2
    assert [edge.logged(r)["cache"] for r in (first, second)] == ["MISS", "HIT"]
    assert [edge.logged(r)["reason"] for r in (first, second)] == ["", ""]
    assert first["cache-control"] == second["cache-control"] != "no-store"
    assert len(origin.seen(path)) == 2


def test_a_failed_try_leaves_no_header(edge, origin):
    path = origin.put(message(500, b"error", 'ETag: "of the error"', "Cache-Control: private",
                              "Set-Cookie: id=1", "Content-Encoding: gzip", "Vary: *",
                              "Expires: Thu, 01 Jan 1970 00:00:00 GMT", "Connection: close"),
                      message(200, chunk(b"hello") + chunk(b""), 'ETag: "e"',
                              "Transfer-Encoding: chunked", length=False))
    first, second = edge.fetch(path), edge.fetch(path)

    for response in (first, second):
        assert (response.status, response.body, response["etag"]) == (200, b"hello", '"e"')
        assert "of the error" not in str(response)
        assert response["content-encoding"] is response["set-cookie"] is response["expires"] is None

    assert edge.logged(second)["cache"] == "HIT"


# the origin's status: the client's, the reason, and the least and most requests
STATUSES = {
    301: (502, "origin_redirect", 1, 1),
    302: (502, "origin_redirect", 1, 1),
    400: (502, "origin_error", 1, 1),
    401: (502, "origin_credentials", 1, 1),
    403: (404, "origin_forbidden", 1, 1),
    404: (404, "origin_not_found", 1, 1),
    405: (502, "origin_error", 1, 1),
    410: (404, "origin_not_found", 1, 1),
    429: (503, "origin_throttled", 2, 2),
    500: (502, "origin_error", 2, 2),
    501: (502, "origin_error", 1, 2),
    502: (502, "origin_error", 2, 2),
    503: (503, "origin_throttled", 2, 2),
    504: (504, "origin_error", 2, 2),
}


@pytest.mark.parametrize("status", STATUSES)
def test_how_often_the_origin_is_asked(server, origin, status):
    mapped, reason, least, most = STATUSES[status]

    for answer in (message(status), message(status, scripted.s3_error("Whatever"))):
        path = origin.put(answer)
        response = server.fetch(path)

        assert response.status == mapped
        assert least <= len(origin.seen(path)) <= most
        assert server.logged(response)["reason"] == reason
        assert response["cache-control"] == "no-store"


def test_tries_as_configured(edges, origin):
    once = edges(origin.tenants("acme"), location="xr_origin_next_upstream off;")
    path = origin.put(message(500))

    assert once.fetch(path).status == 502
    assert len(origin.seen(path)) == 1


# The body of an error

DENIED = scripted.s3_error("SignatureDoesNotMatch")
PARTS = {
    "in one piece": [DENIED],
    "after the head": [b"", PAUSE, DENIED],
    "code is split": [DENIED[:45], PAUSE, DENIED[45:]],
    "byte by byte": [step for n in range(len(DENIED)) for step in (DENIED[n:n + 1], 0.002)],
}


@pytest.mark.parametrize("name", PARTS)
def test_refused_credentials(server, origin, name):
    head = message(403, b"", f"Content-Length: {len(DENIED)}", length=False)
    path = origin.put([head, *PARTS[name]])
    response = server.fetch(path)

    assert response.status == 502
    assert server.logged(response)["reason"] == "origin_credentials"
    assert len(origin.seen(path)) == 1


@pytest.mark.parametrize("name", PARTS)
def test_refused_credentials_are_not_remembered(edge, origin, name):
    """Not as a missing object, even where the end of the body is that of the connection."""

    head = message(403, b"", "Connection: close", length=False)
    path = origin.put([head, *PARTS[name], CLOSE], whole(b"hello"))

    assert edge.fetch(path).status in (404, 502)
    assert len(origin.seen(path)) == 1

    again = edge.fetch(path)
    assert (again.status, again.body) == (200, b"hello")


@pytest.mark.parametrize("end", [[CLOSE], [RESET], [PAUSE, CLOSE]])
def test_a_missing_object_with_a_cut_body(server, origin, end):
    head = message(404, b"abc", "Content-Length: 100", length=False)
    path = origin.put([head, *end])
    response = server.fetch(path)

    assert response.status == 404
    assert server.logged(response)["reason"] == "origin_not_found"
    assert len(origin.seen(path)) == 1
    assert_not_poisoned(server, origin)


# Interim responses

HINTS = message(103, b"", "Link: </a.css>; rel=preload", 'ETag: "hint"', length=False)
CONTINUE = message(100, b"", length=False)

INTERIM = {
    "103": [HINTS + whole(b"hello")],
    "103, then a pause": [HINTS, PAUSE, whole(b"hello")],
    "103 is cut": [HINTS[:20], PAUSE, HINTS[20:-2], PAUSE, HINTS[-2:] + whole(b"hello")],
    "100": [CONTINUE + whole(b"hello")],
    "100, then 103 twice": [CONTINUE, PAUSE, HINTS, PAUSE, HINTS + whole(b"hello")],
}


@pytest.mark.parametrize("name", INTERIM)
def test_interim_responses(edge, uncached, origin, name):
    path = origin.put(INTERIM[name])
    responses = [edge.fetch(path), edge.fetch(path), uncached.fetch(path)]

    for response in responses:
        assert (response.status, response.body) == (200, b"hello")
        assert response["etag"] == '"e"'
        assert response["link"] is None

    assert edge.logged(responses[1])["cache"] == "HIT"
    assert len(origin.seen(path)) == 2


def test_an_interim_response_is_no_end(server, origin):
    path = origin.put([HINTS, CLOSE])
    assert server.fetch(path).status == 502


# Conditions and ranges of clients, without a cache in between

OBJECT = b"0123456789" * 10


def versioned(request):
    """An origin with If-Match and Range, of version "new"."""

    match, range_ = request.headers.get("if-match"), request.headers.get("range")

    if match not in (None, "*", '"new"'):
        return message(412, scripted.s3_error("PreconditionFailed"))
    if range_ is None:
        return message(200, OBJECT, 'ETag: "new"')

    first, last = map(int, range_.removeprefix("bytes=").split("-"))
    return message(206, OBJECT[first:last + 1], 'ETag: "new"',
                   f"Content-Range: bytes {first}-{last}/{len(OBJECT)}")


@pytest.mark.parametrize("tenant", ["acme", "bucket"])
@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=2-4"}])
def test_if_match(uncached, origin, tenant, fields):
    path = origin.put(versioned, tenant=tenant)

    old = uncached.fetch(path, headers={"If-Match": '"old"', **fields})
    assert old.status == 412
    assert b"PreconditionFailed" not in old.body
    assert old["cache-control"] == "no-store"

    for value in ('"new"', "*"):
        response = uncached.fetch(path, headers={"If-Match": value, **fields})
        wanted = (206, OBJECT[2:5]) if fields else (200, OBJECT)
        assert (response.status, response.body, response["etag"]) == (*wanted, '"new"')


@pytest.mark.parametrize("answer", [message(412), message(304, b"", 'ETag: "e"', length=False),
                                    message(206, b"abc", "Content-Range: bytes 0-2/9")])
def test_an_answer_to_what_nobody_asked(edge, origin, answer):
    path = origin.put(answer)

    for fields in ({}, {"If-Match": '"x"', "If-None-Match": '"y"'}, {"Range": "bytes=0-2"}):
        response = edge.fetch(path, headers=fields)
        assert response.status == 502
        assert response.body != b"abc"


@pytest.mark.parametrize("body", [b"", scripted.s3_error("InvalidRange")])
def test_range_beyond_the_end(uncached, origin, body):
    path = origin.put(message(416, body, "Content-Range: bytes */1000"))
    response = uncached.fetch(path, headers={"Range": "bytes=5000-"})

    assert response.status == 416
    assert response["content-range"] == "bytes */1000"
    assert b"InvalidRange" not in response.body
    assert response["cache-control"] == "no-store"
    assert len(origin.seen(path)) == 1


CONTROL = ['\x01"x"', '"a\x1bb"', '"a\tb"', '"a\x7fb"', '\x01"é', '"x"\x02']


@pytest.mark.parametrize("field", ["If-None-Match", "If-Modified-Since", "If-Match",
                                   "If-Unmodified-Since", "If-Range", "Range"])
@pytest.mark.parametrize("tenant", ["acme", "bucket"])
def test_control_bytes_do_not_reach_the_origin(uncached, origin, tenant, field):
    for value in CONTROL:
        path = origin.put(whole(b"hello"), tenant=tenant)
        response = uncached.fetch(path, headers={field: value})

        assert response.status < 500, value
        assert response.status == 200 or field in ("If-Match", "Range"), value
        for request in origin.seen(path):
            assert all(c >= " " and c != "\x7f" for c in "".join(request.headers.values()))


# what is not stored, not stored yet, or no longer there

def test_below_min_uses_only_what_was_asked_for_is_read(edges, origin):
    edge = edges(origin.tenants("acme"), location=servers.CACHE + "xr_cache_min_uses 2;")
    path = origin.put(lambda request: whole(BIG))

    edge.fetch(path, headers={"Range": "bytes=0-9", "If-None-Match": '"x"'})
    [seen] = origin.seen(path)
    assert (seen.headers["range"], seen.headers["if-none-match"]) == ("bytes=0-9", '"x"')

    assert edge.fetch(path).body == BIG
    assert edge.fetch(path).body == BIG
    assert len(origin.seen(path)) == 2


def test_a_416_of_what_is_not_stored_says_how_long_it_is(edges, origin):
    edge = edges(origin.tenants("acme"), location=servers.CACHE + "xr_cache_min_uses 5;")
    path = origin.put(message(416, b"", "Content-Range: bytes */4"))

    refused = edge.fetch(path, headers={"Range": "bytes=4-"})
    assert (refused.status, refused.all("content-range")) == (416, ["bytes */4"])


def test_old_bytes_do_not_outlive_a_404(edges, origin):
    """Revalidation tells that an object is gone; its file goes with it."""

    edge = edges(origin.tenants("acme"), location="xr_cache objects; xr_cache_valid 200 404 1s;"
                 "xr_cache_background_update on;")
    path = origin.put(whole(b"old"), message(404), message(404), whole(b"new"))
    assert edge.fetch(path).body == b"old"

    bodies = []

    def gone():
        bodies.append(edge.fetch(path).body)
        return b"404" in bodies[-1] or bodies[-1] == b"new"

    servers.wait_for("the end of the old object", gone)
    servers.wait_for("the new object", lambda: bodies.append(edge.fetch(path).body)
                     or bodies[-1] == b"new")
    first = next(i for i, body in enumerate(bodies) if body != b"old")
    assert b"old" not in bodies[first:]


def test_a_failed_try_leaves_no_freshness(edges, origin):
    edge = edges(origin.tenants("acme"), location="xr_cache objects; xr_cache_valid 200 1s;"
                 "xr_cache_background_update off;")
    path = origin.put([message(200, b"x", "Cache-Control: max-age=3600", length=False)
                       .replace(b"\r\n\r\n", b"\r\nContent-Length: abc\r\n\r\n"), CLOSE],
                      whole(b"good"), whole(b"newer"))

    assert edge.fetch(path).body == b"good"
    servers.wait_for("the end of a second", lambda: edge.fetch(path).body == b"newer")


def test_a_stored_etag_that_cannot_be_sent(edges, origin):
    s3 = f"origin s3://bucket style=path endpoint={origin.url}; credentials credentials;"
    edge = edges({"acme": s3}, credentials=CREDENTIALS, location="xr_cache objects;"
                 "xr_cache_valid 200 1s; xr_cache_background_update off;")
    origin.put_at("/bucket/odd.glb", message(200, b"one", 'ETag: "a\x01b"'),
                  message(200, b"two", 'ETag: "b"'))

    assert edge.fetch("/acme/odd.glb").body == b"one"
    servers.wait_for("the next version", lambda: edge.fetch("/acme/odd.glb").body == b"two")


@pytest.mark.parametrize("size, status", [(1024, 200), (1026, 404), (7000, 404)])
def test_keys_beyond_s3s_limit(edges, origin, size, status):
    s3 = f"origin s3://bucket style=path endpoint={origin.url}; credentials credentials;"
    edge = edges({"acme": s3}, credentials=CREDENTIALS)
    key = "é" * (size // 2)
    path = "/" + "".join(f"%{byte:02X}" for byte in key.encode())
    origin.put_at(f"/bucket{path}", whole(b"long"))

    response = edge.fetch(f"/acme/{key}" if size > 2000 else f"/acme{path}")
    assert response.status == status
    assert len(origin.seen(f"/bucket{path}")) == (status == 200)
