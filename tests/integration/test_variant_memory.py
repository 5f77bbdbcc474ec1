# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
What is remembered: the ceiling of quality that a token sets, in all worker processes, and variants
whose objects are missing.
"""

import itertools
import time

import pytest

import credentials
import live
import servers
from credentials import jwk, make_jwt
from test_variants import BODIES, Store, get, manifest, sha, start

SECRET = credentials.secret()
RSA = credentials.rsa_key()
FILES = {"jwks": credentials.jwks(jwk(SECRET, kid="hs", alg="HS256"),
                                  jwk(RSA, kid="rs", alg="RS256"))}
NUMBERS = itertools.count()

CEILINGS = {"high": "full", "medium": "mid", "low": "low", "60": "mid", "100": "full", "25": "low",
            "19": None, "0": None, "nobody-knows": None}


@pytest.fixture(scope="module")
def web():
    with Store({}) as origin:
        yield origin


def published(web, bodies=tuple(BODIES.values()), **members):
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest(**members), bodies)
    return name


# Ceilings

@pytest.fixture(scope="module", params=["", "xr_auth_memory off;"])
def guarded(request, web, web_edges):
    return web_edges(web.tenants("acme", acme="jwks jwks;"), origin=web.url, files=FILES,
                     workers=2, http=f"xr_auth_fail_limit off; {request.param}",
                     server=live.PID + "add_header X-Quality $xr_quality always;",
                     location=f"{servers.CACHE} xr_variants on;")


@pytest.fixture
def workers(guarded):
    with live.Workers(guarded) as workers:
        yield workers


def token(quality=None, alg="HS256", **claims):
    key, kid = (SECRET, "hs") if alg == "HS256" else (RSA, "rs")
    return make_jwt(alg, key, kid, xr_quality=quality, **claims)


def asked(workers, name, credential, query="xr=d3-b-13-m"):
    return list(workers.ask(f"/acme/{name}?{query}",
                            headers={"Authorization": f"Bearer {credential}"}).values())


def assert_gets(workers, name, credential, wanted, **options):
    """Three times in each worker process: the first of all is not remembered yet."""

    for _ in range(3):
        for response in asked(workers, name, credential, **options):
            if wanted is None:
                assert response.status == 404
            else:
                assert response.status == 200 and response.body == BODIES[wanted]


@pytest.mark.parametrize("alg", ["HS256", "RS256"])
@pytest.mark.parametrize("quality", CEILINGS)
def test_a_ceiling_holds(workers, web, quality, alg):
    name = published(web)
    assert_gets(workers, name, token(quality, alg), CEILINGS[quality])
    assert {r["x-quality"] for r in asked(workers, name, token(quality, alg))} == {quality}


def test_nobody_gets_anothers_ceiling(workers, web):
    """The same URL, in turns, with credentials that differ in nothing else."""

    name, exp = published(web), int(time.time()) + 3600
    tokens = {quality: token(quality, exp=exp) for quality in (None, "low", "medium", "high")}
    for _ in range(3):
        for quality, credential in tokens.items():
            for response in asked(workers, name, credential):
                assert response.body == BODIES[CEILINGS.get(quality, "full")]


def test_what_is_asked_for_by_name(workers, web):
    name = published(web)
    assert_gets(workers, name, token("low"), None, query="variant=full")
    assert_gets(workers, name, token("low"), "low", query="variant=low")
    assert_gets(workers, name, token("high"), "full", query="variant=full")


def test_a_ceiling_for_some_pages_only(workers, web):
    """What has to be judged for each request still is."""

    name = published(web)
    credential = token("low", xr_origin="shop.example")
    for _ in range(3):
        for page, status in (("https://shop.example", 200), ("https://evil.example", 403)):
            answers = workers.ask(f"/acme/{name}?xr=d3-b-13-m", headers={
                "Authorization": f"Bearer {credential}", "Origin": page})
            assert {r.status for r in answers.values()} == {status}
            assert status == 403 or {r.body for r in answers.values()} == {BODIES["low"]}


def test_a_range_of_it(workers, web):
    name, credential = published(web), token("medium")
    for _ in range(3):
        answers = workers.ask(f"/acme/{name}?xr=d3-b-13-m", headers={
            "Authorization": f"Bearer {credential}", "Range": "bytes=5-9"})
        assert {r.body for r in answers.values()} == {BODIES["mid"][5:10]}


# Objects that are missing

@pytest.fixture(scope="module", params=["whole", "slices"])
def edge(request, web, web_edges):
    return start(web, web_edges, "xr_slice 64k;" if request.param == "slices" else "",
                 workers=2, server=live.PID)


WITHOUT_FULL = (BODIES["mid"], BODIES["low"])


def path_of(name, body):
    return f"{name}.xr/{sha(BODIES[body])}.glb"


def test_what_is_sent_instead(edge, web):
    """It says what it is, and that it should not be kept for long; it is not asked for again."""

    name = published(web, WITHOUT_FULL)
    with live.Workers(edge) as workers:
        for _ in range(4):
            for response in workers.ask(f"/acme/{name}?xr=d3-b-13-m").values():
                assert response.status == 200 and response.body == BODIES["mid"]
                assert response["xr-variant"] == "mid;reason=alt;class=d3"
                assert response["content-location"] == path_of(name, "mid").split("/")[1] \
                    + f"/{sha(BODIES['mid'])}.glb"
                assert response["cache-control"] == "private, max-age=10"
                itself = get(edge, path_of(name, "mid"))
                assert response["etag"] == itself["etag"]
                assert itself["cache-control"] == "public, max-age=31536000, immutable"
    assert len(web.fetched(path_of(name, "full"))) == 1


def test_who_gets_the_right_one_may_keep_it(edge, web):
    name = published(web, WITHOUT_FULL)
    assert get(edge, name, "?xr=d3-b-13-m")["cache-control"] == "private, max-age=10"
    for query, body in (("?xr=p0-e-9-m", "low"), ("?variant=mid", "mid")):
        response = get(edge, name, query)
        assert response.body == BODIES[body] and "public" in response["cache-control"]
    assert get(edge, name, "?variant=full")["cache-control"] == "private, max-age=10"


def test_down_the_chain(edge, web):
    """No alternative is there: the rule is applied to what is."""

    name = published(web, (BODIES["low"],))
    for _ in range(3):
        response = get(edge, name, "?xr=d3-b-13-m")
        assert response.body == BODIES["low"] and response["xr-variant"].startswith("low;reason=")
        assert response["cache-control"] == "private, max-age=10"
        assert response["content-location"].endswith(f"{sha(BODIES['low'])}.glb")
    for body in ("full", "mid"):
        assert len(web.fetched(path_of(name, body))) == 1
    whole = get(edge, name, "?xr=d3-b-13-m")
    part = get(edge, name, "?xr=d3-b-13-m", range="bytes=7-20", if_range=whole["etag"])
    assert part.status == 206 and part.body == BODIES["low"][7:21]
    assert get(edge, name, "?xr=d3-b-13-m", if_none_match=whole["etag"]).status == 304


def test_it_comes_back(web, web_edges):
    """It is passed over until the manifest is read anew, and no longer."""

    edge = start(web, web_edges, "xr_manifest_valid 2s; xr_cache_valid 404 1s;")
    name = published(web, WITHOUT_FULL)
    before = time.time()
    assert get(edge, name, "?xr=d3-b-13-m").body == BODIES["mid"]
    web.put(path_of(name, "full"), BODIES["full"])
    for _ in range(5):
        body = get(edge, name, "?xr=d3-b-13-m").body
        assert body == BODIES["mid"] or time.time() - before > 1
    assert len(web.fetched(path_of(name, "full"))) == 1 or time.time() - before > 1

    def is_back():
        response = get(edge, name, "?xr=d3-b-13-m")
        return response.body == BODIES["full"] and "public" in response["cache-control"]

    servers.wait_for("the variant", is_back, 20)


def test_how_often_it_is_asked_for(web, web_edges):
    """Once for each time that the manifest is read, at most, whoever asks and how often."""

    edge = start(web, web_edges, "xr_manifest_valid 1s; xr_cache_valid 404 1s;")
    name = published(web, WITHOUT_FULL)
    ended, asked_for = time.time() + 3.5, 0
    while time.time() < ended:
        assert get(edge, name, "?xr=d3-b-13-m").body == BODIES["mid"]
        asked_for += 1
    assert asked_for > 20
    manifests = len(web.fetched(f"{name}.xr/manifest.json"))
    assert 1 <= len(web.fetched(path_of(name, "full"))) <= manifests <= 6


@pytest.mark.parametrize("slices", ["", "xr_slice 64k;"])
def test_redirects_to_what_is_not_there(web, web_edges, slices):
    """Whoever followed one in vain was the last."""

    edge = web_edges(
        web.tenants("acme"), origin=web.url, workers=2, server=live.PID,
        location=f"xr_auth public; {servers.CACHE} xr_variants redirect; {slices}")
    name = published(web, WITHOUT_FULL)
    full, mid = (f"{sha(BODIES[body])}.glb" for body in ("full", "mid"))
    assert get(edge, name, "?xr=d3-b-13-m")["location"].endswith(full)
    assert get(edge, path_of(name, "full")).status == 404
    with live.Workers(edge) as workers:
        for _ in range(3):
            for response in workers.ask(f"/acme/{name}?xr=d3-b-13-m").values():
                assert response.status == 307 and response["location"].endswith(mid)
                assert response["xr-variant"] == "mid;reason=alt;class=d3"
                assert response["cache-control"] == "private, max-age=10"
    assert get(edge, path_of(name, "mid")).body == BODIES["mid"]
    assert len(web.fetched(path_of(name, "full"))) == 1


def test_what_is_no_variant_is_not_missing(web, web_edges):
    """Made-up names, and those of other objects, change nothing."""

    edge = web_edges(web.tenants("acme"), origin=web.url,
                     location=f"xr_auth public; {servers.CACHE} xr_variants redirect;")
    name = published(web)
    for _ in range(2):
        location = get(edge, name, "?xr=d3-b-13-m")["location"]
        assert location.endswith(f"{sha(BODIES['full'])}.glb")
        for path in (f"{name}.xr/{'0' * 64}.glb", f"other.glb.xr/{sha(BODIES['full'])}.glb",
                     f"{name}.xr/{sha(BODIES['full'])}.bin"):
            assert get(edge, path).status == 404
