# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Companion files and redirects: a client is told of no URL that its credential does not cover, and
whatever it is told of it can fetch in the same way.
"""

import itertools
import json
import re
import urllib.parse

import pytest

import credentials
import edgeauth
import http1
import servers
from credentials import jwk, make_jwt
from test_jwt import uri
from test_variants import BODIES, QUEST_2, Store, manifest, sha, variant
from test_xr_explain import explain, run

KEY = servers.key_of("acme")
SECRET = credentials.secret()
RSA = credentials.rsa_key("cloudfront")

OPTIONS = "jwks jwks; cloudfront_key K1 rsa.pem;"
FILES = {"jwks": credentials.jwks(jwk(SECRET, kid="one", alg="HS256")),
         "rsa.pem": credentials.pem(RSA)}

NUMBERS = itertools.count()
BIN, TEXTURE = b"geometry" * 100, b"texture" * 100
LINKS = [{"path": "parts/a.bin", "as": "fetch", "type": "application/gltf-buffer"},
         {"path": "t.png", "as": "image", "later": 1}]


@pytest.fixture(scope="module")
def web():
    with Store({}) as origin:
        yield origin


def start(web, web_edges, location, **options):
    return web_edges(web.tenants("acme", acme=OPTIONS), origin=web.url, files=FILES,
                     http="xr_auth_fail_limit off;", location=f"{servers.CACHE} {location}",
                     **options)


@pytest.fixture(scope="module", params=["on", "redirect"])
def edge(request, web, web_edges):
    edge = start(web, web_edges, f"xr_variants {request.param};")
    edge.redirects = request.param == "redirect"
    return edge


@pytest.fixture(scope="module")
def redirects(web, web_edges):
    return start(web, web_edges, "xr_variants redirect;")


@pytest.fixture
def name(web):
    name = f"m/{next(NUMBERS)}.glb"
    publish(web, name, LINKS)
    return name


def publish(web, name, links):
    variants = [variant("mid", BODIES["mid"], q=60, links=links)]
    web.publish(name, manifest(variants))
    web.put(f"{name}.xr/parts/a.bin", BIN)
    web.put(f"{name}.xr/t.png", TEXTURE)


def links_of(response):
    """A parser of RFC 8288 that knows what is said here."""

    found = re.findall(r'<([^>]*)>((?:; [a-z]+(?:=(?:"[^"]*"|[a-z-]+))?)*)(?:, |$)',
                       response["link"] or "")
    return [(target, dict((part.split("=", 1) + [""])[:2] for part in rest.split("; ")[1:]))
            for target, rest in found]


def ask(edge, target, headers=None):
    return http1.request(edge.port, target, headers={"User-Agent": QUEST_2, **(headers or {})})


def resolved(target, reference):
    return urllib.parse.urljoin(f"http://edge.test{target}", reference) \
        .removeprefix("http://edge.test")


# How a credential for what is below "path" travels: a target, headers

def edge_token(path):
    return edgeauth.token(KEY, acl=f"/acme/{path}*")


def jwt_token(path):
    return make_jwt("HS256", SECRET, "one", path=f"/acme/{path}*")


def cloudfront(path):
    return credentials.custom(credentials.policy(f"http*://edge.test/acme/{path}*"), RSA, "K1")


CARRIED = {
    "edgeauth-path": lambda path: (edgeauth.in_path(f"/acme/{path}", edge_token(path)), {}),
    "edgeauth-query": lambda path: (edgeauth.in_query(f"/acme/{path}", edge_token(path)), {}),
    "edgeauth-cookie": lambda path: (f"/acme/{path}", {"Cookie": f"xr_token={edge_token(path)}"}),
    "jwt-path": lambda path: (f"/~{jwt_token(path)}/acme/{path}", {}),
    "jwt-query": lambda path: (f"/acme/{path}?xr_token={jwt_token(path)}", {}),
    "jwt-bearer": lambda path: (f"/acme/{path}",
                                {"Authorization": f"Bearer {jwt_token(path)}"}),
    "jwt-cookie": lambda path: (f"/acme/{path}", {"Cookie": f"xr_token={jwt_token(path)}"}),
    "cloudfront-query": lambda path: (credentials.with_query(f"/acme/{path}", cloudfront(path)),
                                      {}),
    "cloudfront-cookie": lambda path: (f"/acme/{path}",
                                       {"Cookie": credentials.cookies(cloudfront(path))}),
}


# The same for the object alone

NARROW = {
    "edgeauth-acl": lambda path: edgeauth.in_path(
        f"/acme/{path}", edgeauth.token(KEY, acl=f"/acme/{path}")),
    "edgeauth-acls": lambda path: edgeauth.in_path(
        f"/acme/{path}", edgeauth.token(KEY, acl=f"/acme/{path}!/acme/other/*")),
    "edgeauth-url": lambda path: edgeauth.in_query(
        f"/acme/{path}", edgeauth.token(KEY, url=f"/acme/{path}")),
    "jwt-path": lambda path: edgeauth.in_query(
        f"/acme/{path}", make_jwt("HS256", SECRET, "one", path=f"/acme/{path}")),
    "jwt-cdniuc": lambda path: edgeauth.in_query(
        f"/acme/{path}", make_jwt("HS256", SECRET, "one",
                                  cdniuc=uri("https://edge.test{path}")(f"/acme/{path}"))),
    "cloudfront-custom": lambda path: credentials.with_query(
        f"/acme/{path}", credentials.custom(
            credentials.policy(f"http*://edge.test/acme/{path}"), RSA, "K1")),
    "cloudfront-canned": lambda path: credentials.with_query(
        f"/acme/{path}", credentials.canned(f"https://edge.test/acme/{path}", RSA, "K1")),
}


@pytest.mark.parametrize("how", CARRIED)
def test_a_redirect_can_be_followed(redirects, name, how):
    target, headers = CARRIED[how](name)
    for _ in range(2):
        response = ask(redirects, target, headers)
        assert response.status == 307, redirects.error_log()
        assert response["cache-control"].startswith("private")
        then = ask(redirects, resolved(target, response["location"]), headers)
        assert then.status == 200 and then.body == BODIES["mid"]


@pytest.mark.parametrize("how", NARROW)
def test_no_redirect_leads_nowhere(redirects, name, how):
    """It is for the object alone: the variant comes in its place."""

    target = NARROW[how](name)
    for _ in range(2):
        response = ask(redirects, target)
        assert response.status == 200 and response.body == BODIES["mid"], redirects.error_log()
        assert response["location"] is None and response["link"] is None
        assert response["xr-variant"].startswith("mid;")
    head, _, query = target.partition("?")
    query = f"?{query}" if query else ""
    assert ask(redirects, f"{head}.xr/{sha(BODIES['mid'])}.glb{query}").status == 403


def test_the_query_is_part_of_what_is_covered(redirects, name):
    """A signature for a query is asked whether it is for what is left of it, too."""

    whole = f"/acme/{name}?xr=p0-e-9-m&a=1"

    container = uri("https://edge.test{path}")(whole)
    target = f"{whole}&xr_token={make_jwt('HS256', SECRET, 'one', cdniuc=container)}"
    assert ask(redirects, target).body == BODIES["mid"]

    for resource, status in ((f"/acme/{name}*?xr=p0-e-9-m&a=1", 200), (f"/acme/{name}*?*a=1", 307),
                             (f"/acme/{name}*?a=1", 403)):
        policy = credentials.policy(f"http*://edge.test{resource}")
        target = credentials.with_query(whole, credentials.custom(policy, RSA, "K1"))
        for _ in range(2):
            response = ask(redirects, target)
            assert response.status == status, resource
            if status == 307:
                then = ask(redirects, resolved(target, response["location"]))
                assert then.body == BODIES["mid"]


def test_a_redirect_may_be_kept_where_it_shows_nothing(web, web_edges, name):
    edge = start(web, web_edges, "xr_auth public; xr_variants redirect;")
    response = ask(edge, f"/acme/{name}?xr=p0-e-9-m")
    assert response.status == 307
    assert response["cache-control"] == "max-age=60, stale-while-revalidate=600"
    assert ask(edge, f"/acme/{name}")["cache-control"].startswith("private")
    assert ask(edge, f"/acme/{name}?xr=p0-e-9-m&a=1")["cache-control"].startswith("private")


@pytest.mark.parametrize("how", CARRIED)
def test_links_can_be_followed(edge, name, how):
    target, headers = CARRIED[how](name)
    for _ in range(2):
        response = ask(edge, target, headers)
        assert response.status == (307 if edge.redirects else 200)
        found = links_of(response)

        if how == "jwt-bearer":             # nobody would send it
            assert found == []
            continue

        assert [parameters for _, parameters in found] == [
            {"rel": "preload", "as": "fetch", "type": '"application/gltf-buffer"',
             "crossorigin": ""},
            {"rel": "preload", "as": "image", "type": '"image/png"', "crossorigin": ""}]

        for (reference, _), body in zip(found, (BIN, TEXTURE)):
            then = ask(edge, resolved(target, reference), headers)
            assert then.status == 200 and then.body == body
        assert "Link" in response["access-control-expose-headers"]


@pytest.mark.parametrize("how", ["edgeauth-query", "jwt-query", "cloudfront-query"])
def test_nobodys_credential_is_kept_for_others(edge, name, how):
    """With xr= a cache that does not key on the credential may keep the answer."""

    target, headers = CARRIED[how](name)
    response = ask(edge, f"{target}&xr=p0-e-9-m", headers)
    assert response["link"] is None
    if not edge.redirects:
        assert not response["cache-control"].startswith("private")
    target, headers = CARRIED["edgeauth-path"](name)
    assert len(links_of(ask(edge, f"{target}?xr=p0-e-9-m"))) == 2


def test_cookies_for_another_site(edge, name):
    target, headers = CARRIED["edgeauth-cookie"](name)
    found = links_of(ask(edge, target, {**headers, "Origin": "https://shop.example"}))
    assert [p["crossorigin"] for _, p in found] == ["use-credentials"] * 2
    target, headers = CARRIED["edgeauth-path"](name)
    found = links_of(ask(edge, target, {**headers, "Origin": "https://shop.example"}))
    assert [p["crossorigin"] for _, p in found] == ["", ""]


def test_only_what_the_credential_covers(edge, name):
    token = edgeauth.token(KEY, acl=f"/acme/{name}!/acme/{name}.xr/parts/*")
    target = edgeauth.in_path(f"/acme/{name}", token)
    found = links_of(ask(edge, target))
    assert [reference for reference, _ in found] == [f"{name.split('/')[1]}.xr/parts/a.bin"]
    assert ask(edge, resolved(target, found[0][0])).body == BIN


def test_which_answers_have_them(web, web_edges, name):
    edge = start(web, web_edges, "xr_auth public; xr_variants on;")
    whole = ask(edge, f"/acme/{name}")
    assert len(links_of(whole)) == 2
    assert ask(edge, f"/acme/{name}", {"Range": "bytes=0-9"})["link"] is None
    assert ask(edge, f"/acme/{name}", {"If-None-Match": whole["etag"]})["link"] is None
    assert ask(edge, f"/acme/{name}?variant=none")["link"] is None
    assert ask(edge, f"/acme/{name}?xr_manifest")["link"] is None
    assert ask(edge, f"/acme/{name}.xr/{sha(BODIES['mid'])}.glb")["link"] is None


def test_it_is_bounded(web, web_edges):
    edge = start(web, web_edges, "xr_auth public; xr_variants on;")
    name = f"m/{next(NUMBERS)}.glb"
    publish(web, name, [{"path": f"{n}/" + "a" * 250} for n in range(8)])
    response = ask(edge, f"/acme/{name}")
    found = links_of(response)
    assert response.status == 200 and len(response["link"]) <= 2048
    assert 2 <= len(found) < 8
    assert [reference.split("/")[1] for reference, _ in found] \
        == [str(n) for n in range(len(found))]


def test_names_that_need_care(web, web_edges):
    edge = start(web, web_edges, "xr_auth public; xr_variants on;")
    for raw, name in (("a%3E,%3Cb.glb", "a>,<b.glb"), ("a:b.glb", "a:b.glb"),
                      ('c>;"d.glb', 'c>;"d.glb')):
        name = f"m/{next(NUMBERS)}{name}"
        publish(web, urllib.parse.quote(name), LINKS)
        target = f"/acme/m/{name.split('/')[1][:-len(urllib.parse.unquote(raw))]}{raw}"
        response = ask(edge, target)
        assert response.status == 200, edge.error_log()
        found = links_of(response)
        assert len(found) == 2
        assert ask(edge, resolved(target, found[0][0])).body == BIN


@pytest.mark.parametrize("links", [
    "x", [1], [{}], [{"path": "../a.bin"}], [{"path": "/a.bin"}], [{"path": "https://a/b"}],
    [{"path": "a>b"}], [{"path": "a\r\nb"}], [{"path": "a", "as": "document"}],
    [{"path": "a", "type": 'a/b"'}], [{"path": "a"}] * 9])
def test_hostile_manifests(web, web_edges, tmp_path, links):
    text = manifest([variant("mid", BODIES["mid"], links=links)])
    (tmp_path / "m.json").write_bytes(text)
    done = run("manifest", "check", tmp_path / "m.json")
    assert done.returncode == 1 and "m.json:1: " in done.stderr


def test_the_tool_knows_them(tmp_path):
    (tmp_path / "m.json").write_bytes(manifest([variant("mid", BODIES["mid"], links=LINKS)]))
    assert "1 variant, 2 links" in run("manifest", "check", tmp_path / "m.json").stdout
    said = explain(tmp_path, "/acme/1.glb")["headers"]["Link"]
    assert said == ('<1.glb.xr/parts/a.bin>; rel=preload; as=fetch; '
                    'type="application/gltf-buffer"; crossorigin, '
                    '<1.glb.xr/t.png>; rel=preload; as=image; type="image/png"; crossorigin')
    token = edgeauth.token(KEY, acl="/acme/*")
    out = explain(tmp_path, f"/acme/1.glb?xr_token={token}")
    assert "?xr_token=*>" in out["headers"]["Link"] and token not in json.dumps(out)
    assert "Link" not in explain(tmp_path, f"/acme/1.glb?xr=p0-e-9-m&xr_token={token}")["headers"]


def test_the_tool_and_the_edge_agree(web, web_edges, tmp_path, name):
    edge = start(web, web_edges, "xr_auth public; xr_variants on;")
    (tmp_path / "m.json").write_bytes(web.objects[f"{name}.xr/manifest.json"].data)
    said = explain(tmp_path, f"/acme/{name}")["headers"]["Link"]
    assert ask(edge, f"/acme/{name}")["link"] == said
