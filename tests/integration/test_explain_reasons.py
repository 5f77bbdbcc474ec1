# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What an edge refuses, and why, is what a signed X-XR-Explain is told; over HTTP/3, too."""

import json
import subprocess
import time

import pytest

import credentials
import edgeauth
import http3
import mmdb
import servers
from explaining import FILES, HTTP, ask, header, send
from scripted import message, s3_error
from servers import CACHE, key_of
from test_variants import BODIES, Store, manifest, variant

PROXY = "127.0.0.9"
GERMAN, FRENCH, NOBODY = "203.0.113.7", "203.0.113.200", "198.51.100.1"
SECRET = credentials.secret()
OPTIONS = ("issuer https://id.test; audience cdn; max_lifetime 30d; jwks jwks;"
           " geo deny=FR unknown=deny;")


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return web_edges(
        web.tenants("acme", acme=OPTIONS),
        http=f"{HTTP} xr_auth_fail_limit off; xr_geo geo.mmdb; xr_trusted_proxy {PROXY};",
        location=CACHE, server="location /acme/only/ { xr on; xr_auth edgeauth; }",
        files={**FILES, "jwks": credentials.jwks(credentials.jwk(SECRET, kid="hs", alg="HS256")),
               "geo.mmdb": mmdb.database({"203.0.113.0/25": mmdb.country("DE", "EU"),
                                          "203.0.113.128/25": mmdb.country("FR", "EU")})})


def jwt(alg="HS256", kid="hs", key=SECRET, **claims):
    claims = {"iss": "https://id.test", "aud": "cdn", "exp": int(time.time()) + 3600, **claims}
    return credentials.make_jwt(alg, key, kid, **claims)


def signed(path, **options):
    return edgeauth.token(key_of("acme"), **{"url": path, **options})


def later(seconds):
    return int(time.time()) + seconds


# by reason: the token for a path, what else the request has, and the status
REFUSED = {
    "token_kind": (lambda path: jwt(), {"below": "only/"}, 403),
    "token_algorithm": (lambda path: jwt(alg="HS512"), {}, 403),
    "token_key": (lambda path: jwt(kid="other"), {}, 403),
    "token_signature": (lambda path: signed(path)[:-4] + "0123", {}, 403),
    "token_claim": (lambda path: jwt(exp="soon"), {}, 403),
    "token_issuer": (lambda path: jwt(iss="https://id.test.evil"), {}, 403),
    "token_audience": (lambda path: jwt(aud="shop"), {}, 403),
    "token_expired": (lambda path: jwt(exp=later(-500)), {}, 403),
    "token_early": (lambda path: signed(path, st=later(500)), {}, 403),
    "token_lifetime": (lambda path: signed(path, exp=later(40 * 86400)), {}, 403),
    "token_scope": (lambda path: signed(path, url=None, acl="/acme/x/*"), {}, 403),
    "token_address": (lambda path: signed(path, ip="192.0.2.1"), {}, 403),
    "token_embed": (lambda path: signed(path, data="origin:shop.example"), {}, 403),
    "token_country": (lambda path: signed(path, data="country:FR"), {}, 403),
    "geo": (signed, {"client": FRENCH}, 403),
    "geo_unknown": (signed, {"client": NOBODY}, 403),
    "encoding": (signed, {"Accept-Encoding": "identity;q=0"}, 406),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_who_is_refused(edge, web, reason):
    make, options, status = REFUSED[reason]
    options = dict(options)
    path = web.put(message(200, b"a model"))
    path = path.replace("/acme/", f"/acme/{options.pop('below', '')}")
    fields = {"X-Forwarded-For": options.pop("client", GERMAN), **options}
    response = send(edge, edgeauth.in_query(path, make(path)), fields, source=PROXY)

    assert response.status == 200, response
    out = json.loads(response.body)["answer"]
    assert (out["denied"], out["status"]) == (reason, status)
    assert edge.logged(response)["reason"] == reason


@pytest.mark.parametrize("answers, status, reason", [
    (message(403, s3_error("SignatureDoesNotMatch")), 502, "origin_credentials"),
    (message(403, s3_error("AllAccessDisabled")), 502, "origin_disabled"),
    (message(301, b"", "Location: /elsewhere/x.glb"), 502, "origin_redirect"),
    (message(503, s3_error("SlowDown")), 503, "origin_throttled"),
])
def test_what_the_origin_refuses(edge, web, answers, status, reason):
    path = web.put(*[answers] * 8)
    out = ask(edge, edgeauth.in_query(path, signed(path)), {"X-Forwarded-For": GERMAN},
              source=PROXY)
    assert (out["answer"]["denied"], out["answer"]["status"]) == (reason, status)


@pytest.fixture(scope="module")
def store():
    with Store({}) as origin:
        origin.publish("m/1.glb", manifest([variant("one", BODIES["low"], q=50,
                                                    need={"tex": ["avif"]})]))
        yield origin


@pytest.fixture(scope="module")
def open_edge(store, web_edges, tmp_path_factory):
    folder = tmp_path_factory.mktemp("http3")
    port, cert, server = http3.listen(folder)
    edge = web_edges(store.tenants("acme"), http=HTTP, files=FILES, server=server,
                     location=f"xr_auth public; {CACHE} xr_variants on;")
    edge.http3 = port, cert, folder / "profile"
    return edge


def test_no_variant(open_edge):
    out = ask(open_edge, "/acme/m/1.glb?xr=h2-a-12-m")
    assert (out["answer"]["denied"], out["answer"]["status"]) == ("variant", 404)


def test_over_http3(open_edge):
    subprocess.run([servers.TOP / "scripts" / "build-viewer", "tests"], check=True, timeout=300)

    with http3.Connection(*open_edge.http3) as browser:
        for target, status, denied in (("/acme/m/1.glb?xr=h2-a-12-m", 404, "variant"),
                                       ("/nobody/1.glb", 404, "tenant")):
            value = header(target, host="127.0.0.1")
            response = browser.request(target, headers={"X-XR-Explain": value})
            out = json.loads(response.body)
            assert response.status == 200 and response["cache-control"] == "no-store"
            assert (out["answer"]["status"], out["answer"]["denied"]) == (status, denied)

        response = browser.request(target, headers={"X-XR-Explain": value[:-2]})
        assert response.status == 404 and b"answer" not in response.body
