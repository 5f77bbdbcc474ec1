# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""A signed X-XR-Explain: what an edge says of a request in place of its answer."""

import gzip
import json
import random
import subprocess
import threading
import time

import pytest

import credentials
import edgeauth
import http1
import http2
import ktx2
import servers
from explaining import FILES, HTTP, KEY, ask, header, send
from object_origin import ObjectOrigin
from range_model import Object
from redis_server import redis_server
from scripted import message
from servers import CACHE, key_of
from test_variants import QUEST_2, Store, manifest, variant, BODIES
from test_xr_explain import random_request

XR = servers.BUILD / "xr"
BODY = b"a model" * 3000

RSA = credentials.rsa_key("cloudfront")
SECRET = credentials.secret()
CDN = "http://cdn.acme.test"
OPTIONS = "cloudfront_key K1RSA rsa.pem; cloudfront_hosts cdn.acme.test; jwks jwks;"


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return web_edges(
        web.tenants("acme", "other", acme=OPTIONS, other="host other.test;"),
        http=HTTP + "xr_auth_fail_limit off;", location=CACHE,
        files={**FILES, "rsa.pem": credentials.pem(RSA),
               "jwks": credentials.jwks(credentials.jwk(SECRET, kid="hs", alg="HS256"))},
        server="""location /acme/post/ { xr on; error_page 403 404 /page; }
                  location = /page { return 200 "sorry"; }
                  location /acme/other/ { xr on; limit_except GET { deny all; } deny all; }
                  location /plain/ { return 200 "plain"; }
                  location /echo/ { xr on; xr_auth public; return 200 "$http_x_xr_explain"; }""")


@pytest.fixture
def path(web):
    return web.put(message(200, BODY, 'ETag: "e"'))


def edgeauth_token(path, **options):
    return edgeauth.token(key_of("acme"), url=path, id="anna", **options)


def jwt(path, **claims):
    return credentials.make_jwt("HS256", SECRET, "hs", sub="anna", jti="t1", **claims)


CARRIERS = {
    "query": lambda path, token: (edgeauth.in_query(path, token), {}),
    "path": lambda path, token: (edgeauth.in_path(path, token), {}),
    "header": lambda path, token: (path, {"Authorization": f"Bearer {token}"}),
    "cookie": lambda path, token: (path, {"Cookie": f"a=b; xr_token={token}"}),
}


def mac_of(token):
    return token.rsplit("." if token.count(".") == 2 else "=", 1)[1]


def assert_silent(edge, text, *secrets):
    """None of them is in what was said, nor in a log."""

    for secret in secrets:
        assert secret not in text
        assert edge.files_with(secret) in ([], ["acme.keys"], ["explain.keys"])


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("kind, make", [("edgeauth", edgeauth_token), ("jwt", jwt)])
def test_credentials(edge, path, kind, make, carrier):
    token = make(path)
    target, fields = CARRIERS[carrier](path, token)
    response = send(edge, target, fields)
    out = json.loads(response.body)
    told = out["credential"]
    assert out["answer"]["status"] == 200 and "denied" not in out["answer"]
    assert (told["kind"], told["in"], told["verified"]) == (kind, carrier, True)
    assert (told["key_id"], told["subject"]) == ("main" if kind == "edgeauth" else "hs", "anna")
    assert abs(told["expires"] - time.time() - 3600) < 10
    assert out["url"]["tenant"] == "acme" and out["url"]["tenant_by"] == "path"
    assert f"/acme/{out['url']['object']}" == path
    assert edge.logged(response)["explain"] == "ops"
    assert_silent(edge, response.body.decode(), token, mac_of(token), key_of("acme"), KEY,
                  header(target), mac_of(header(target)))


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("kind, make", [("edgeauth", edgeauth_token), ("jwt", jwt)])
def test_credentials_that_are_refused(edge, path, kind, make, carrier):
    over = int(time.time()) - 500
    token = make(path, exp=over)
    target, fields = CARRIERS[carrier](path, token)
    response = send(edge, target, fields)
    out = json.loads(response.body)
    assert response.status == 200 and out["answer"] == {
        "status": 403, "is": "refused", "denied": "token_expired"}
    told = out["credential"]
    assert (told["kind"], told["in"], told["verified"]) == (kind, carrier, False)
    assert (told["denied"], told["expires"]) == ("token_expired", over)
    assert told["subject"] == "anna"
    assert out["origin"] == [] and out["cache"] == {"how": "not asked"}
    entry = edge.logged(response)
    assert (entry["reason"], entry["explain"]) == ("token_expired", "ops")
    assert_silent(edge, response.body.decode(), token, mac_of(token))


def test_cloudfront(edge, path):
    good = credentials.canned(CDN + path, RSA, "K1RSA")
    target = credentials.with_query(path, good)
    response = send(edge, target, host="cdn.acme.test")
    out = json.loads(response.body)
    assert out["credential"]["kind"] == "cloudfront" and out["credential"]["verified"]
    assert out["credential"]["key_id"] == "K1RSA" and out["credential"]["in"] == "query"
    assert_silent(edge, response.body.decode(), good["Signature"])

    bad = {**good, "Expires": str(int(good["Expires"]) + 1)}
    out = ask(edge, credentials.with_query(path, bad), host="cdn.acme.test")
    assert out["answer"]["denied"] == "token_signature"
    assert out["credential"]["expires"] == int(bad["Expires"])
    out = ask(edge, path, {"Cookie": credentials.cookies(good)}, host="cdn.acme.test")
    assert out["credential"]["in"] == "cookie" and out["credential"]["verified"]


@pytest.mark.parametrize("target, status, denied", [
    ("/nobody/1.glb", 404, "tenant"),
    ("/acme/1.glb", 403, "token_missing"),
    ("/acme/a//b.glb", 400, "path"),
    ("/acme/1.glb?xr_token=x&xr_token=y", 400, "token_duplicate"),
    ("/acme/1.glb?xr_token=nonsense", 403, "token_malformed"),
    (f"/~{'A' * 80}", 400, "path"),
    ("/acme/post/1.glb", 403, "token_missing"),
    ("/acme/other/1.glb", 403, None),
])
def test_what_is_refused(edge, target, status, denied):
    if target.startswith("/acme/other"):
        target = edgeauth.in_query(target, edgeauth_token(target))
    response = send(edge, target)
    out = json.loads(response.body)
    assert response.status == 200 and out["answer"]["status"] == status
    assert out["answer"].get("denied") == denied
    assert edge.logged(response)["reason"] == (denied or "")
    assert out["timings"]["total_us"] >= 0


def test_the_origin_refuses(edge, web):
    for status, answered, denied in ((404, 404, "origin_not_found"),
                                     (403, 404, "origin_forbidden"),
                                     (500, 502, "origin_error")):
        path = web.put(message(status))
        out = ask(edge, edgeauth.in_query(path, edgeauth_token(path)))
        assert out["answer"]["denied"] == denied, out["answer"]
        assert out["answer"]["status"] == answered
        assert out["origin"][0]["status"] in (status, answered)
        assert out["origin"][0]["address"] == web.url.split("//")[1].split("/")[0]


def test_the_origin_is_down(web_edges, web):
    port = servers.free_port()
    edge = web_edges({"acme": f"origin http://127.0.0.1:{port}/acme;"}, http=HTTP, files=FILES,
                     location=f"{CACHE} xr_auth public;")
    out = ask(edge, "/acme/1.glb")
    assert out["answer"]["denied"] == "origin_unreachable"
    assert out["answer"]["status"] in (502, 504)
    assert out["origin"] and all(t["address"] == f"127.0.0.1:{port}" for t in out["origin"])


# What is not signed as it should be is not there

def variations(target):
    now = int(time.time())
    good = header(target)
    return {
        "none": good[:-1] + ("A" if good[-1] != "A" else "E"), "empty": "", "word": "yes",
        "old": header(target, at=now - 62), "early": header(target, at=now + 64),
        "method": header(target, method="HEAD"), "host": header(target, host="other.test"),
        "target": header(target + "&x"), "another": header("/acme/other.glb"),
        "key": header(target, key="ab" * 32), "version": header(target, version=2),
        "long": "1." + "9" * 4000,
    }


def told(response):
    """All of an answer but what differs from one request to the next."""

    return (response.status, [h for h in response.headers if h[0] not in ("date", "age")],
            response.body)


def test_without_a_good_signature_nothing_differs(edge, path):
    for target in (path, edgeauth.in_query(path, edgeauth_token(path)), "/nobody/1.glb",
                   edgeauth.in_path(path, edgeauth_token(path)), "/plain/"):
        edge.get(target)
        plain = told(edge.get(target))
        for name, value in variations(target).items():
            response = edge.get(target, headers={"X-XR-Explain": value})
            assert told(response) == plain, name
            assert edge.logged(response)["explain"] == ""
        response = edge.get(target, "POST", headers={"X-XR-Explain": header(target, "POST")})
        assert told(response) == told(edge.get(target, "POST"))


def test_only_the_first_line_counts(edge, path):
    signed = header(path)
    for first, second, explained in ((signed, "x", True), ("x", signed, False)):
        with http1.Connection(edge.port) as c:
            c.send(path, headers={"X-XR-Explain": f"{first}\r\nX-XR-Explain: {second}"})
            assert (c.receive().status == 200) == explained


def test_no_key_no_explanation(web_edges, web, path):
    edge = web_edges(web.tenants("acme"), location=CACHE)
    for target in (path, edgeauth.in_query(path, edgeauth_token(path))):
        edge.get(target)
        assert told(send(edge, target)) == told(edge.get(target))


def test_it_is_seen_nowhere(edge, web, path):
    signed = edgeauth.in_query(path, edgeauth_token(path))
    ask(edge, signed)
    assert all("explain" not in str(request.headers).lower() for request in web.seen(path))
    assert edge.get("/echo/x", headers={"X-XR-Explain": "secret"}).body == b""
    assert edge.files_with(header(signed)) == []
    edge.get(signed, headers={"X-XR-Explain": "1.1.wrong-and-secret"})
    assert edge.files_with("wrong-and-secret") == []


def test_a_replay_asks_the_same_once_more(edge, path):
    target = edgeauth.in_query(path, edgeauth_token(path))
    fields = {"X-XR-Explain": header(target)}
    first, second = (json.loads(edge.get(target, headers=fields).body) for _ in range(2))
    for part in ("url", "credential", "device", "answer"):
        assert first[part] == second[part]
    assert (first["cache"]["status"], second["cache"]["status"]) == ("MISS", "HIT")
    for other in ("/acme/2.glb", path, f"{target}&n=1"):
        assert edge.get(other, headers=fields).status in (403, 200)
        assert edge.get(other, headers=fields)["content-type"] != "application/json"


def test_head_and_http2(edge, path):
    target = edgeauth.in_query(path, edgeauth_token(path))
    with http1.Connection(edge.port) as c:
        for _ in range(3):
            c.send(target, "HEAD", headers={"X-XR-Explain": header(target, "HEAD")})
            response = c.receive("HEAD")
            assert (response.status, response.body) == (200, b"")
            assert int(response["content-length"]) > 500
            c.send(target, headers={"X-XR-Explain": header(target)})
            assert json.loads(c.receive().body)["answer"]["status"] == 200
            c.send(target)
            assert c.receive().body == BODY


@pytest.fixture(scope="module")
def h2_edge(web_edges, web):
    return web_edges(web.tenants("acme"), http=f"http2 on; {HTTP}", files=FILES,
                     location=f"{CACHE} xr_slice 64k;")


def test_http2(h2_edge, path):
    target = edgeauth.in_query(path, edgeauth_token(path))
    with http2.Connection(h2_edge.port) as c:
        for _ in range(3):
            response, plain, refused = c.requests([
                (target, "GET", {"X-XR-Explain": header(target)}), (target, "GET", {}),
                (path, "GET", {"X-XR-Explain": header(path)})])
            assert json.loads(response.body)["answer"]["status"] == 200
            assert plain.body == BODY
            assert json.loads(refused.body)["answer"]["denied"] == "token_missing"


# Slices, and what is stored

SLICE = 65536
LARGE = Object(random.Random(5).randbytes(10 * SLICE + 99), '"large"')


@pytest.fixture(scope="module")
def objects():
    with ObjectOrigin({"large.glb": LARGE, "other.glb": LARGE}) as origin:
        yield origin


@pytest.fixture
def sliced(web_edges, objects):
    return web_edges(objects.tenants("acme"), origin=objects.url, http=HTTP, files=FILES,
                     location=f"xr_auth public; {CACHE} xr_slice 64k;")


def states(out):
    return [part["state"] for part in out["slices"]]


def test_slices(sliced, objects):
    target = "/acme/large.glb"
    out = ask(sliced, target)
    assert out["answer"]["status"] == 200
    assert out["cache"]["how"] == "slices" and out["cache"]["status"] == "MISS"
    assert out["cache"]["length"] == len(LARGE.data) and out["cache"]["slice"] == SLICE
    assert out["slices"][0]["bytes"] == f"0-{SLICE - 1}"
    assert out["slices"][-1]["bytes"] == f"{10 * SLICE}-{10 * SLICE + 98}"
    assert states(out) == ["miss"] * 11
    assert out["origin"][0]["status"] in (200, 206)

    # what was fetched to know all that is stored, as it is for anybody
    assert states(ask(sliced, target)) == ["hit"] + ["miss"] * 10

    fields = {"Range": f"bytes={3 * SLICE + 5}-{5 * SLICE - 1}"}
    assert http1.request(sliced.port, target, headers=fields).status == 206
    servers.wait_for("slices are stored", lambda: states(ask(sliced, target))
                     == ["hit", "miss", "miss", "hit", "hit"] + ["miss"] * 6)
    before = len(objects.requests)
    out = ask(sliced, target, {"Range": f"bytes={2 * SLICE}-{4 * SLICE - 1}"})
    assert out["answer"]["status"] == 206 and states(out) == ["miss", "hit"]
    assert out["headers"]["Content-Range"].startswith(f"bytes {2 * SLICE}-")
    assert out["cache"]["status"] == "HIT" and out["origin"] == []
    assert "age" in out["slices"][1] and len(objects.requests) == before

    out = ask(sliced, target, {"Range": "bytes=0-1,70000-70001,327680-327681"})
    assert states(out) == ["hit", "miss", "miss"]
    out = ask(sliced, target, {"Range": "bytes=99999999-"})
    assert out["answer"]["status"] == 416 and "slices" not in out
    out = ask(sliced, target, {"If-None-Match": '"large"'})
    assert out["answer"]["status"] == 304


def test_slices_of_many_are_the_first_ones(web_edges, objects):
    edge = web_edges(objects.tenants("acme"), origin=objects.url, http=HTTP, files=FILES,
                     location=f"xr_auth public; {CACHE} xr_slice 4k;")
    out = ask(edge, "/acme/large.glb")
    assert len(out["slices"]) == 65 and out["slices"][-1] == {"bytes": "more"}


def test_whole_objects(web_edges, web):
    path = web.put(message(200, BODY, 'ETag: "e"'))
    edge = web_edges(web.tenants("acme"), http=HTTP, files=FILES,
                     location="xr_auth public; xr_cache objects; xr_cache_valid 200 1s;")
    assert ask(edge, path)["cache"]["status"] == "MISS"
    out = ask(edge, path)
    assert (out["cache"]["how"], out["cache"]["status"]) == ("whole", "HIT")
    assert out["origin"] == []
    servers.wait_for("it is old", lambda: ask(edge, path)["cache"]["status"] != "HIT")
    assert http1.request(edge.port, path).body == BODY


def test_without_a_cache(web_edges, web):
    path = web.put(message(200, BODY, 'ETag: "e"'), message(200, BODY, 'ETag: "e"'))
    edge = web_edges(web.tenants("acme"), http=HTTP, files=FILES, location="xr_auth public;")
    out = ask(edge, path)
    assert out["cache"] == {"how": "not stored"} and out["origin"][0]["status"] == 200
    assert out["answer"]["status"] == 200
    assert http1.request(edge.port, path).body == BODY


def test_it_does_not_wait_for_bytes(web_edges, web):
    """An origin that stalls behind its header, and a client that does not take what it gets."""

    go_on = threading.Event()

    def answer():
        whole = message(200, BODY, 'ETag: "e"')
        yield whole[:-len(BODY) // 2]
        assert go_on.wait(60)
        yield whole[-len(BODY) // 2:]

    edge = web_edges(web.tenants("acme"), http=HTTP, files=FILES, workers=2,
                     location=f"xr_auth public; {CACHE} xr_limit_min_rate 1k after=1s;")
    path = web.put(lambda request: answer())
    try:
        with http1.Connection(edge.port) as c:
            c.send(path, headers={"X-XR-Explain": header(path)})
            out = json.loads(c.receive().body)
            assert out["answer"]["status"] == 200 and out["cache"]["status"] == "MISS"
    finally:
        go_on.set()
    assert http1.request(edge.port, path).body == BODY


def test_other_answers(web_edges, store, web):
    """Redirects, error pages wherever they come from, filters behind us."""

    page = web.put(message(200, b"page"))
    edge = web_edges(
        store.tenants("acme"), origin=store.url, files={**FILES, "page.html": "static"},
        http=HTTP + "gzip on; gzip_types application/json; gzip_min_length 1; add_header X-A b;",
        location=f"xr_auth public; {CACHE} xr_variants redirect;",
        server=f"""location /acme/static/ {{ xr on; xr_auth public; error_page 404 /page.html; }}
            location = /page.html {{ root .; }}
            location /acme/proxied/ {{ xr on; error_page 403 {page}; }}
            location = {page} {{ internal; proxy_pass {web.url}; }}
            location /acme/named/ {{ xr on; error_page 403 = @named; }}
            location @named {{ xr on; xr_auth public; }}
            """)
    store.publish("re.glb", TEXTS["plain"])
    out = ask(edge, "/acme/re.glb?xr=d3-b-13-m")
    assert out["answer"]["status"] == 307 and out["answer"]["variant"] == "full"
    assert "Location" not in out["headers"]

    out = ask(edge, "/acme/static/none.glb")
    assert out["answer"]["status"] == 404 and out["origin"][0]["status"] == 404
    out = ask(edge, "/acme/proxied/1.glb")
    assert out["answer"] == {"status": 403, "is": "refused", "denied": "token_missing"}

    store.put("named/1.glb", b"named")
    out = ask(edge, "/acme/named/1.glb")
    assert out["answer"]["status"] == 200 and out["credential"]["kind"] == "public"
    assert http1.request(edge.port, "/acme/named/1.glb").body == b"named"

    response = send(edge, "/acme/re.glb", {"Accept-Encoding": "gzip"})
    assert response["content-encoding"] == "gzip" and response["x-a"] == "b"
    assert json.loads(gzip.decompress(response.body))["answer"]["status"] == 307


@pytest.mark.parametrize("slices", ["", "xr_slice 64k;"])
def test_textures_that_are_cut(web_edges, slices):
    texture, _ = ktx2.texture(1024, 1024, [4096 >> n or 1 for n in range(11)], 2)
    with ObjectOrigin({"t.ktx2": Object(texture, '"t"', 1_700_000_000)}) as origin:
        edge = web_edges(origin.tenants("acme"), origin=origin.url, http=HTTP, files=FILES,
                         location=f"xr_auth public; {CACHE} xr_variants on; {slices}")
        out = ask(edge, "/acme/t.ktx2?maxdim=256", {"Range": "bytes=0-9"})
        assert out["answer"]["status"] == 206 and out["cache"]["cut"]
        plain = http1.request(edge.port, "/acme/t.ktx2?maxdim=256")
        again = ask(edge, "/acme/t.ktx2?maxdim=256")
        assert again["headers"]["Content-Length"] == len(plain.body) < len(texture)
        assert again["headers"]["ETag"] == plain["etag"]


# Limits

@pytest.fixture(scope="module")
def redis():
    with redis_server() as server:
        yield server


@pytest.mark.parametrize("mode", ["leased", "exact", "alone"])
def test_limits(web_edges, web, redis, path, mode):
    redis("FLUSHALL")
    exact = " mode=exact" if mode == "exact" else ""
    edge = web_edges(
        web.tenants("acme"), files=FILES,
        http=HTTP + ("" if mode == "alone" else f"xr_redis 127.0.0.1:{redis.port};"),
        location=f"{CACHE} xr_limit key=subject rate=1r/m burst=3 name=few{exact};"
                 f" xr_limit key=tenant rate=1m/s burst=1m name=much{exact}; xr_limit_conn key=subject max=9;")
    target = edgeauth.in_query(path, edgeauth_token(path))

    # as often as one likes: it costs nothing
    for _ in range(8):
        out = ask(edge, target)
        few, much = (next(x for x in out["limits"] if x["name"] == n) for n in ("few", "much"))
        assert (few["state"], few["key"], few["unit"]) == ("passed", "subject", "requests")
        assert few["mode"] == ("exact" if mode == "exact" else "leased")
        assert few["burst"] == 3 and few["took"] == 1
        assert (much["state"], much["key"], much["unit"]) == ("passed", "tenant", "bytes")
        assert out["limited"]["outcome"] in ("PASSED", "DEGRADED")
        assert out["streams"][0]["max"] == 9

    assert [edge.get(target).status for _ in range(4)] == [200, 200, 200, 429]

    response = send(edge, target)
    out = json.loads(response.body)
    few = next(x for x in out["limits"] if x["name"] == "few")
    assert out["answer"] == {"status": 429, "is": "refused", "denied": "limit"}
    assert few["state"] == "rejected" and few["left"] == 0 and few["retry_ms"] > 0
    assert out["limited"] == {"outcome": "REJECTED", "nearest": "few", "delayed": False,
                              "waited_ms": out["limited"]["waited_ms"]}
    assert 1 <= int(out["headers"]["Retry-After"]) <= 61
    assert edge.logged(response)["reason"] == "limit"


def test_limits_without_redis_and_dry(web_edges, web, path):
    dead = f"xr_redis 127.0.0.1:{servers.free_port()};"
    target = edgeauth.in_query(path, edgeauth_token(path))
    edge = web_edges(web.tenants("acme"), files=FILES, http=HTTP + dead,
                     location=f"{CACHE} xr_limit rate=9r/s name=a failure=closed;")
    out = ask(edge, target)
    assert (out["answer"]["status"], out["answer"]["denied"]) == (503, "limit_unknown")
    assert out["limits"][0]["degraded"] and out["limits"][0]["state"] == "rejected"

    edge = web_edges(web.tenants("acme"), files=FILES, http=HTTP + dead,
                     location=f"{CACHE} xr_limit rate=1r/m burst=1 name=a;")
    servers.wait_for("it goes without", lambda: ask(edge, target)["limits"][0]["degraded"])
    assert ask(edge, target)["limited"]["outcome"] == "DEGRADED"

    edge = web_edges(web.tenants("acme"), files=FILES, http=HTTP,
                     location=f"{CACHE} xr_limit rate=1r/m burst=1 name=a; xr_limit_dry_run on;"
                              " xr_limit_conn key=subject max=9;")
    edge.get(target)
    out = ask(edge, target)
    assert out["answer"]["status"] == 200 and out["limits"][0]["state"] == "would reject"
    assert out["limited"]["outcome"] == "REJECTED_DRY_RUN"

    edge = web_edges(web.tenants("acme"), files=FILES, http=HTTP,
                     location=f"{CACHE} xr_limit rate=20r/s burst=1 delay=2s name=a;")
    edge.get(target)
    out = ask(edge, target)
    assert out["answer"]["status"] == 200
    assert out["limited"]["outcome"] == ("DELAYED" if out["limited"]["delayed"] else "PASSED")


# Variants, and the program

@pytest.fixture(scope="module")
def store():
    with Store({}) as origin:
        yield origin


TEXTS = {
    "plain": manifest(),
    "split": manifest(split={"salt": "s", "arms": [
        {"name": "a", "weight": 1, "variants": ["mid", "low"]},
        {"name": "b", "weight": 1, "variants": ["full", "low"]}]}),
    "needs": manifest([variant("rich", BODIES["full"], q=90, need={"tex": ["basis"]}),
                       variant("low", BODIES["low"], q=10)], fallback="low"),
    "coded": manifest([variant("low", BODIES["low"], q=10, enc={"br": 900, "gzip": 1000})]),
}


@pytest.fixture(scope="module")
def variants(web_edges, store):
    edge = web_edges(store.tenants("acme"), origin=store.url, http=HTTP, files=FILES,
                     location=f"xr_auth public; {CACHE} xr_variants on; xr_slice 64k;")
    for name, text in TEXTS.items():
        store.publish(f"{name}.glb", text)
        for suffix in (".br", ".gz"):
            store.put(f"{name}.glb.xr/{variant('low', BODIES['low'])['path']}{suffix}", b"coded")
        (edge.folder / name).write_bytes(text)
    return edge


def run(edge, *options, key=KEY):
    return subprocess.run([XR, "explain", *map(str, options)], capture_output=True, text=True,
                          timeout=60, env={**servers.environment(), "XR_EXPLAIN_KEY": key})


def lines(fields):
    return [part for key, value in fields.items()
            for part in ("-H", f"{key.replace('_', '-')}: {value}")]


def test_live_and_offline_agree(variants):
    rng = random.Random(17)
    seen = set()
    for _ in range(100):
        name = rng.choice(list(TEXTS))
        query, fields = random_request(rng)
        fields.setdefault("user_agent", "x")
        fields["host"] = "edge.test"
        url = f"http://127.0.0.1:{variants.port}/acme/{name}.glb{query}"
        offline, live = (
            json.loads(run(variants, "--json", *lines(fields), *options, url).stdout)
            for options in (("--manifest", variants.folder / name), ("--live",)))
        case = (name, query, fields)
        for part in ("inputs", "device", "budgets", "variants"):
            assert live[part] == offline[part], (part, case)
        for part in ("split", "encoding", "answer", "headers"):
            for member, value in offline.get(part, {}).items():
                if member not in ("subject", "subject_by"):
                    assert live[part].get(member) == value, (part, member, case)
        for member in ("arguments", "ignored", "object", "tenant", "tenant_by"):
            assert live["url"][member] == offline["url"][member], (member, case)
        seen.add(live["headers"].get("XR-Variant"))
        plain = http1.request(variants.port, f"/acme/{name}.glb{query}", headers={
            key.replace("_", "-").title(): value for key, value in fields.items()
            if key != "host"})
        assert live["answer"]["status"] == plain.status
        assert live["headers"].get("XR-Variant") == plain["xr-variant"]
    assert len(seen) > 10


def test_a_variant_is_missing(variants, store):
    store.publish("gone.glb", TEXTS["plain"])
    target = "/acme/gone.glb?xr=d3-b-13-m"
    del store.objects[f"gone.glb.xr/{variant('full', BODIES['full'])['path']}"]
    out = ask(variants, target, {"User-Agent": QUEST_2})
    assert out["answer"]["status"] == 200 and out["answer"]["reason"] == "alt"
    assert out["variants"][0]["dropped"] == ["missing"] and out["variants"][1]["chosen"]
    assert out["url"]["served"].startswith("gone.glb.xr/")
    assert {t["status"] for t in out["origin"]} >= {404}


def test_the_program(variants, edge, path):
    url = f"http://127.0.0.1:{variants.port}/acme/plain.glb"
    done = run(variants, "--live", "-H", f"User-Agent: {QUEST_2}", url)
    assert done.returncode == 0, done.stderr
    for line in ("  key              ops", "  class            h1", "  variant          mid"):
        assert line in done.stdout.splitlines()
    assert "total_us" in done.stdout and KEY not in done.stdout

    # the key in a file, a refused request, another edge than the URL's
    (edge.folder / "k").write_text(f"ops {KEY}\n")
    (edge.folder / "k").chmod(0o600)
    token = edgeauth_token(path, exp=int(time.time()) - 99)
    done = subprocess.run(
        [XR, "explain", "--live", "--key", edge.folder / "k", "--edge", f"127.0.0.1:{edge.port}",
         edgeauth.in_query(f"http://edge.example{path}", token)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "denied           token_expired" in done.stdout
    assert mac_of(token) not in done.stdout

    done = run(variants, "--live", url, key="ab" * 32)
    assert done.returncode == 1 and "explains nothing" in done.stderr
    done = run(variants, "--live", f"http://127.0.0.1:{servers.free_port()}/acme/plain.glb")
    assert done.returncode == 1 and done.stdout == ""
    assert run(variants, "--live", "/acme/1.glb").returncode == 2
    assert run(variants, "--live", url, key="").returncode == 2
    assert run(variants, "--live", "--manifest", "m", url).returncode == 2
    assert run(variants, "--manifest", "m", "--edge", "x", url).returncode == 2
    assert run(variants, url).returncode == 2


@pytest.mark.parametrize("text, mode, reason", [
    ("ops abcd\n", 0o600, "explain.keys:1"), ("", 0o600, "explain.keys"),
    (f"ops {KEY}\n", 0o604, "holds secrets"), (None, 0o600, "failed"),
])
def test_a_bad_key_file(web_edges, web, tmp_path, text, mode, reason):
    edge = servers.Edge(tmp_path, {"acme": ""}, http=HTTP, origin=web.url)
    if text is not None:
        edge.write("explain.keys", text, mode)
    code, said = edge.test()
    assert code != 0 and reason in said and "nginx.conf:" in said


def test_the_directive_stands_once(web, tmp_path):
    edge = servers.Edge(tmp_path, {"acme": ""}, http=HTTP + HTTP, origin=web.url, files=FILES)
    code, said = edge.test()
    assert code != 0 and "is duplicate" in said


def test_hostile_values(edge):
    rng = random.Random(3)
    target = "/acme/1.glb"
    for _ in range(300):
        value = "".join(rng.choice("1.0aA-_~\x80\xff=; \t") for _ in range(rng.randrange(90)))
        assert edge.get(target, headers={"X-XR-Explain": value}).status == 403
    for query in ("?xr=%00%ff", "?%22=%5c", "?maxq=1&maxq=x&" + "a" * 3000, "?variant=%7f%c3"):
        out = ask(edge, target + query, {"User-Agent": 'a"\\\xff\x80', "Accept": "\xc3\x28"})
        assert out["answer"]["denied"] == "token_missing"
