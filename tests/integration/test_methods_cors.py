# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Methods, and the headers that viewers on other sites need."""

import pytest

import http1
import servers
from edgeauth import in_query, token

SHOP = "https://shop.example"

EXPOSED = ["content-length", "content-range", "accept-ranges", "etag", "x-file-size",
           "xr-variant", "content-encoding", "age"]


@pytest.fixture(scope="module")
def edge(edges):
    return edges({
        "acme": "",
        "listed": f"cors {SHOP} https://other.example:8443; ",
        "closed": "cors off;",
        "personal": f"cors {SHOP} https://other.example:8443; cors_credentials on;"
                    " cors_max_age 10m;",
        "quick": "cors_max_age 0;",
        "plain": f"cors {SHOP}; cors_credentials off; cors_max_age 7d;",
        "policy": 'cache_control "public, max-age=60";',
    }, location=servers.CACHE + "xr_cache_control 'public, max-age=5';")


@pytest.fixture(scope="module")
def asset(stack, edge):
    return stack.put()


def preflight(edge, path, **headers):
    headers = {"Origin": SHOP, "Access-Control-Request-Method": "GET", **headers}
    return edge.get(path, "OPTIONS", headers=headers)


def words(value):
    return {word.strip().lower() for word in value.split(",")}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "MKCOL", "PROPFIND",
                                    "BREW", "GETX"])
def test_other_methods(edge, asset, method):
    key, _ = asset
    target = in_query(f"/acme/{key}", token(servers.KEY, acl="/*"))
    response = edge.get(target, method, body=b"x=1")

    assert response.status == 405
    assert words(response["allow"]) == {"get", "head", "options"}
    assert response["cache-control"] == "no-store"
    assert edge.logged(response)["reason"] == "method"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get"])
def test_methods_that_nginx_refuses(edge, asset, method):
    key, _ = asset
    assert edge.get(f"/acme/{key}", method).status in (400, 405)


def test_a_method_cannot_be_overridden(stack, edge):
    key, body = stack.put()
    response = edge.fetch(f"/acme/{key}", headers={"X-HTTP-Method-Override": "DELETE",
                                                   "X-HTTP-Method": "PUT"})

    assert response.body == body
    assert [entry["method"] for entry in stack.faults.log(key)] == ["GET"]
    assert edge.fetch(f"/acme/{key}").body == body


def test_a_get_with_a_body(stack, edge):
    key, body = stack.put()
    response = edge.fetch(f"/acme/{key}", body=b"a=1" * 1000)

    assert response.body == body
    [seen] = stack.faults.log(key)
    assert not {"content-length", "transfer-encoding"} & set(seen["headers"])


def test_preflight(edge, asset):
    key, _ = asset
    response = preflight(edge, f"/acme/{key}",
                         **{"Access-Control-Request-Headers": "range,if-range,xr-hints"})

    assert (response.status, response.body) == (204, b"")
    assert response["access-control-allow-origin"] == "*"
    assert {"get", "head"} <= words(response["access-control-allow-methods"])
    assert {"range", "if-range", "if-none-match", "xr-hints"} \
        <= words(response["access-control-allow-headers"])
    assert int(response["access-control-max-age"]) >= 7200
    assert response["access-control-allow-credentials"] is None


def test_preflight_tells_nothing_about_objects(edge, asset):
    """It is answered without a token, thus alike whether the object is there or not."""

    key, _ = asset

    def lasting(response):
        return [h for h in response.headers if h[0] != "date"]

    assert lasting(preflight(edge, f"/acme/{key}")) == lasting(preflight(edge, "/acme/none.glb"))
    assert preflight(edge, "/nobody/a.glb").status == 404


def test_options_without_a_preflight(edge, asset):
    key, _ = asset
    assert edge.get(f"/acme/{key}", "OPTIONS").status == 405
    assert edge.get(f"/acme/{key}", "OPTIONS", headers={"Origin": SHOP}).status == 405


def statuses(edge, tenant, key, headers):
    """Responses of each kind, warm and in this order: 200, 206, 304, 403, 404, 416."""

    path = f"/{tenant}/{key}"
    etag = edge.fetch(path)["etag"]

    return [
        edge.fetch(path, headers=headers),
        edge.fetch(path, headers={**headers, "Range": "bytes=0-9"}),
        edge.fetch(path, headers={**headers, "If-None-Match": etag}),
        edge.get(path, headers=headers),
        edge.fetch(f"{path}.none", headers=headers),
        edge.fetch(path, headers={**headers, "Range": "bytes=999999-"}),
    ]


STATUSES = [200, 206, 304, 403, 404, 416]


@pytest.mark.parametrize("headers", [{}, {"Origin": SHOP}])
def test_headers_of_every_status(edge, asset, headers):
    key, _ = asset
    responses = statuses(edge, "acme", key, headers)
    assert [r.status for r in responses] == STATUSES

    for r in responses:
        assert r["access-control-allow-origin"] == "*", r
        assert set(EXPOSED) <= words(r["access-control-expose-headers"]), r
        assert r["cross-origin-resource-policy"] == "cross-origin", r
        assert r["timing-allow-origin"] == "*", r
        assert r["x-content-type-options"] == "nosniff", r
        assert r["access-control-allow-credentials"] is None, r
        assert r["cache-control"] is not None, r
        assert "origin" not in words(r["vary"] or ""), r

    # NGINX announces ranges with whole objects; a 206 needs no announcement
    assert responses[0]["accept-ranges"] == "bytes"

    for r in responses[:2]:
        assert r["content-type"] == "model/gltf-binary"
        assert r["content-length"] == str(len(r.body))

    for r in responses[:3]:
        assert r["etag"][0] == r["etag"][-1] == '"'
        assert r["last-modified"] is not None

    for r in responses[3:]:
        assert r["cache-control"] == "no-store"
        assert r["etag"] is r["last-modified"] is None


def test_cors_list(edge, asset):
    key, _ = asset

    for origin in (SHOP, "https://other.example:8443"):
        for r in statuses(edge, "listed", key, {"Origin": origin}):
            assert r["access-control-allow-origin"] == origin, r
            assert "origin" in words(r["vary"]), r

    # who is not listed, and caches that nobody has told the origin
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Origin": f"{SHOP}.evil.example"}, {"Origin": "http://shop.example"},
                    {"Origin": f"{SHOP}:443"}, {"Origin": f"x{SHOP}"}):
        for r in statuses(edge, "listed", key, headers):
            assert r["access-control-allow-origin"] is None, r
            assert "origin" in words(r["vary"]), r


def test_cors_list_preflight(edge, asset):
    key, _ = asset
    yes = preflight(edge, f"/listed/{key}")
    no = preflight(edge, f"/listed/{key}", Origin="https://evil.example")

    assert (yes.status, yes["access-control-allow-origin"]) == (204, SHOP)
    assert no["access-control-allow-origin"] is None
    assert "origin" in words(yes["vary"]) and "origin" in words(no["vary"])


@pytest.mark.parametrize("tenant, age", [("acme", "86400"), ("listed", "86400"),
                                         ("personal", "600"), ("quick", "0"), ("plain", "604800")])
def test_cors_max_age(edge, asset, tenant, age):
    """With preflights only: other answers are not asked for it."""

    key, _ = asset
    assert preflight(edge, f"/{tenant}/{key}")["access-control-max-age"] == age
    for r in statuses(edge, tenant, key, {"Origin": SHOP}):
        assert r["access-control-max-age"] is None, r


def test_cors_credentials(edge, asset):
    """For scripts of listed origins: cookies go along, and answers to them may be read."""

    key, _ = asset

    for origin in (SHOP, "https://other.example:8443"):
        answers = [preflight(edge, f"/personal/{key}", Origin=origin),
                   *statuses(edge, "personal", key, {"Origin": origin})]
        assert [r.status for r in answers] == [204, *STATUSES]

        for r in answers:
            assert r["access-control-allow-origin"] == origin, r
            assert r["access-control-allow-credentials"] == "true", r
            assert "origin" in words(r["vary"]), r

    # browsers do not take "*" for a list when credentials are sent
    allowed = preflight(edge, f"/personal/{key}")
    assert "*" not in words(allowed["access-control-allow-headers"])
    assert "*" not in words(allowed["access-control-allow-methods"])
    assert "authorization" in words(allowed["access-control-allow-headers"])


def test_cors_credentials_are_for_listed_origins(edge, asset):
    key, _ = asset

    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Origin": f"{SHOP}.evil.example"}, {"Origin": f"{SHOP}, {SHOP}"},
                    {"Origin": ""}, {"Origin": "*"}):
        for r in statuses(edge, "personal", key, headers):
            assert r["access-control-allow-credentials"] is None, r
            assert r["access-control-allow-origin"] is None, r
            assert "origin" in words(r["vary"]), r

    r = preflight(edge, f"/personal/{key}", Origin="https://evil.example")
    assert r["access-control-allow-credentials"] is r["access-control-allow-origin"] is None


@pytest.mark.parametrize("tenant", ["acme", "listed", "closed", "quick", "plain"])
def test_no_cors_credentials(edge, asset, tenant):
    key, _ = asset
    for r in [preflight(edge, f"/{tenant}/{key}"), *statuses(edge, tenant, key, {"Origin": SHOP})]:
        assert r["access-control-allow-credentials"] is None, r


@pytest.mark.parametrize("tenant, varies", [("acme", False), ("listed", True), ("personal", True),
                                            ("plain", True), ("closed", False), ("quick", False)])
def test_vary(edge, asset, tenant, varies):
    """Where the answer depends on who asks, and only there: caches keep one each otherwise."""

    key, _ = asset
    for headers in ({}, {"Origin": SHOP}, {"Origin": "https://evil.example"}):
        for r in [preflight(edge, f"/{tenant}/{key}"), *statuses(edge, tenant, key, headers)]:
            assert ("origin" in words(r["vary"] or "")) == varies, r


@pytest.mark.parametrize("tenant", ["acme", "listed", "personal"])
def test_preflights_need_no_credential(edge, tenant):
    """Browsers send none; one that is there is not looked at, and not let in either."""

    path = f"/{tenant}/none.glb"

    for sent in ("nonsense", token(servers.OTHER_KEY, acl="/*"), token(servers.KEY, acl="/*")):
        target = in_query(path, sent)
        r = preflight(edge, target, Authorization="Bearer a.b.c", Cookie="xr_token=x")
        assert (r.status, r.body) == (204, b"")
        assert edge.logged(r)["auth"] != "GRANTED"

    # and no object comes with it
    for method, headers in (("GET", {"Access-Control-Request-Method": "GET"}),
                            ("HEAD", {"Access-Control-Request-Method": "GET"})):
        r = edge.get(path, method, headers={"Origin": SHOP, **headers})
        assert r.status == 403


def test_cors_off(edge, asset):
    key, _ = asset

    for r in statuses(edge, "closed", key, {"Origin": SHOP}):
        assert [n for n, _ in r.headers if n.startswith("access-control-")] == []
        assert r["x-content-type-options"] == "nosniff"

    assert preflight(edge, f"/closed/{key}").status == 405


@pytest.mark.parametrize("first,second", [("https://a.example", SHOP), (SHOP, None)])
def test_cors_is_not_cached(stack, edge, first, second):
    """Each client gets its own answer to one stored object."""

    key, _ = stack.put()

    for origin in (first, second):
        r = edge.fetch(f"/listed/{key}", headers={"Origin": origin} if origin else {})
        assert r["access-control-allow-origin"] == (SHOP if origin == SHOP else None)

    assert len(stack.faults.log(key)) == 1


TYPES = {
    ".glb": "model/gltf-binary", ".vrm": "model/gltf-binary", ".gltf": "model/gltf+json",
    ".bin": "application/gltf-buffer", ".ktx2": "image/ktx2", ".usdz": "model/vnd.usdz+zip",
    ".json": "application/json", ".wasm": "application/wasm", ".webp": "image/webp",
    ".hdr": "image/vnd.radiance", ".drc": "application/octet-stream",
    ".3tz": "application/vnd.maxar.archive.3tz+zip", ".GLB": "model/gltf-binary",
    ".obj": "model/obj", ".step": "model/step", ".ply": "application/octet-stream",
}


@pytest.mark.parametrize("suffix", TYPES)
def test_type_by_extension(stack, edge, suffix):
    key, _ = stack.put(suffix=suffix, ContentType="text/html")

    for _ in range(2):
        r = edge.fetch(f"/acme/{key}")
        assert (r.status, r["content-type"]) == (200, TYPES[suffix])


def test_type_of_an_unknown_extension(stack, edge):
    key, _ = stack.put(suffix=".thing", ContentType="application/x-thing")

    for _ in range(2):
        assert edge.fetch(f"/acme/{key}")["content-type"] == "application/x-thing"


def test_content_encoding_is_kept(stack, edge):
    key, body = stack.put(suffix=".js", ContentEncoding="br")

    for _ in range(2):
        r = edge.fetch(f"/acme/{key}")
        assert (r["content-encoding"], r["content-type"]) == ("br", "text/javascript")
        assert r.body == body


@pytest.mark.parametrize("tenant,stored,expected", [
    ("policy", "max-age=77", "public, max-age=60"),
    ("policy", None, "public, max-age=60"),
    ("acme", "max-age=77", "max-age=77"),
    ("acme", None, "public, max-age=5"),
])
def test_cache_control(stack, edge, tenant, stored, expected):
    key, _ = stack.put(**({"CacheControl": stored} if stored else {}))

    for _ in range(2):
        r = edge.fetch(f"/{tenant}/{key}")
        assert (r.status, r["cache-control"]) == (200, expected)
        assert r["expires"] is None


def test_the_policy_covers_parts_and_conditions(stack, edge):
    key, _ = stack.put(CacheControl="max-age=77")

    for r in statuses(edge, "policy", key, {})[:3]:
        assert r["cache-control"] == "public, max-age=60"


LEAKS = {
    "Server": "secret-origin/1.0", "X-Powered-By": "secret-origin", "Set-Cookie": "id=1",
    "x-amz-request-id": "REQ1", "x-amz-id-2": "ID2", "x-amz-version-id": "V1",
    "x-amz-meta-owner": "bob", "x-amz-server-side-encryption": "aws:kms",
    "Access-Control-Allow-Origin": "https://evil.example",
    "Access-Control-Allow-Credentials": "true", "Location": "/elsewhere", "Refresh": "0; /x",
    "Link": "</x>; rel=preload", "X-Trans-Id": "tx1", "X-Openstack-Request-Id": "tx1",
    "Via": "1.1 secret", "Alt-Svc": 'h3=":1"', "Strict-Transport-Security": "max-age=1",
    "Content-Security-Policy": "none", "X-Cache": "HIT from secret", "P3P": "x",
    "Clear-Site-Data": '"*"', "X-XR-Tenant": "evil", "WWW-Authenticate": "Basic",
    "Timing-Allow-Origin": "https://evil.example", "X-Accel-Redirect": "/acme/other.glb",
    "X-Accel-Limit-Rate": "1", "X-Accel-Charset": "koi8-r", "X-Accel-Buffering": "no",
}


def test_headers_of_the_origin_stay_there(stack, edge, faults):
    key, body = stack.put()

    with faults.active({"path": key, "set": LEAKS, "times": 0}):
        responses = [edge.fetch(f"/acme/{key}") for _ in range(2)]
        responses.append(edge.fetch(f"/acme/{key}", headers={"Range": "bytes=0-9"}))
        responses.append(edge.fetch(f"/acme/{key}.none"))

    assert [r.status for r in responses] == [200, 200, 206, 404]
    assert responses[0].body == body

    ours = {"server", "access-control-allow-origin", "timing-allow-origin"}
    for r in responses:
        assert r["server"].startswith("nginx")
        assert r["access-control-allow-origin"] == r["timing-allow-origin"] == "*"
        for name in LEAKS:
            assert name.lower() in ours or r.all(name) == [], r


def test_server_header_of_head_and_keepalive(stack, edge):
    """Our headers are there once, also on the second request of a connection."""

    key, _ = stack.put()
    target = in_query(f"/acme/{key}", token(servers.KEY, acl="/*"))

    with http1.Connection(edge.port) as connection:
        for method in ("GET", "HEAD", "GET"):
            r = connection.request(target, method)
            names = [name for name, _ in r.headers]
            assert len(names) == len(set(names)), names
