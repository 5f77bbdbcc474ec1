# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Whose request it is, and that nothing of one tenant is another's."""

import urllib.parse

import pytest

import servers
from edgeauth import in_path, in_query, token
from servers import key_of


@pytest.fixture(scope="module")
def edge(stack, edges):
    """Two tenants with folders of their own, two that share one folder."""

    def origin(prefix):
        return stack.origin.replace(stack.bucket, f"{stack.bucket}/{prefix}")

    return edges({
        "alpha": f"host alpha.test www.alpha.test; origin {origin('alpha')};",
        "beta": f"host beta.test; origin {origin('beta')};",
        "gamma": "", "delta": "",
    })


@pytest.fixture(scope="module")
def models(stack, edge):
    """One name, another content for each tenant."""

    name = f"{next(stack.names)}.glb"
    return name, *(stack.put(key=f"{tenant}/{name}")[1] for tenant in ("alpha", "beta"))


def test_by_first_segment(edge, models):
    name, alpha, beta = models
    assert edge.fetch(f"/alpha/{name}").body == alpha
    assert edge.fetch(f"/beta/{name}").body == beta


@pytest.mark.parametrize("host", ["alpha.test", "www.alpha.test", "ALPHA.test", "alpha.test:80",
                                  "Alpha.Test:8443", "alpha.test."])
def test_by_host(edge, models, host):
    name, alpha, _ = models
    response = edge.fetch(f"/{name}", key_of("alpha"), host=host)

    assert (response.status, response.body == alpha) == (200, True)
    assert edge.logged(response)["tenant"] == "alpha"


@pytest.mark.parametrize("host", ["alpha.test.evil.test", "xalpha.test", "evil.test", "alpha",
                                  "alpha.test@evil.test", "127.0.0.1"])
def test_a_host_is_matched_as_a_whole(edge, models, host):
    name, *_ = models
    assert edge.fetch(f"/{name}", key_of("alpha"), host=host).status in (400, 404)


def test_a_host_decides_before_the_path(stack, edge, models):
    """On alpha's host "/beta/..." is an object of alpha's."""

    name, alpha, beta = models
    response = edge.fetch(f"/beta/{name}", key_of("alpha"), host="alpha.test")
    assert response.status == 404
    assert edge.logged(response)["tenant"] == "alpha"

    assert edge.fetch(f"/beta/{name}", key_of("beta"), host="alpha.test").status == 403


def test_a_target_with_a_host_wins_over_the_header(edge, models):
    name, alpha, beta = models
    target = in_query(f"http://beta.test/{name}", token(key_of("beta"), url=f"/{name}"))
    assert edge.get(target, host="alpha.test").body == beta

    target = in_query(f"http://beta.test/{name}", token(key_of("alpha"), url=f"/{name}"))
    assert edge.get(target, host="alpha.test").status == 403


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL",
                                    "X-Rewrite-URL", "X-XR-Tenant", "X-Forwarded-Server"])
def test_no_header_but_host_names_a_tenant(edge, models, header):
    name, alpha, _ = models
    value = {"Forwarded": "host=beta.test", "X-Original-URL": f"/beta/{name}",
             "X-Rewrite-URL": f"/beta/{name}", "X-XR-Tenant": "beta"}.get(header, "beta.test")
    response = edge.fetch(f"/{name}", key_of("alpha"), host="alpha.test", headers={header: value})

    assert response.body == alpha


@pytest.mark.parametrize("path", ["/nobody/a.glb", "/nobody", "/alph/a.glb", "/alphaa/a.glb",
                                  "/ALPHA/a.glb", "/.alpha/a.glb", "/alpha./a.glb",
                                  "/%20alpha/a.glb", "/a.glb"])
def test_unknown_tenant(edge, path):
    response = edge.get(path)

    assert response.status == 404
    assert response["cache-control"] == "no-store"
    assert b"tenant" not in response.body


def test_unknown_tenant_is_logged(edge):
    response = edge.fetch("/nobody/a.glb")
    assert response.status == 404
    assert edge.logged(response)["reason"] == "tenant"


def test_a_token_of_one_tenant_is_none_of_another(edge, models):
    name, *_ = models
    assert edge.fetch(f"/alpha/{name}").status == 200

    for fields in ({"acl": "/*"}, {"acl": f"/alpha/{name}"}, {"url": f"/alpha/{name}"}):
        made = token(key_of("beta"), **fields)
        for carrier in (in_query, in_path):
            response = edge.get(carrier(f"/alpha/{name}", made))
            assert response.status == 403
            assert edge.logged(response)["reason"] == "token_signature"

    made = token(key_of("alpha"), acl="/*")
    assert edge.get(in_query(f"/{name}", made), host="alpha.test").status == 200
    assert edge.get(in_query(f"/{name}", made), host="beta.test").status == 403
    assert edge.get(in_query(f"/{name}", made), host="BETA.test").status == 403


def test_equal_names_are_two_entries(stack, edge):
    """Even where two tenants have one and the same origin."""

    key, body = stack.put()
    responses = [edge.fetch(f"/{tenant}/{key}") for tenant in ("gamma", "delta", "gamma", "delta")]

    assert all(r.body == body for r in responses)
    assert [edge.logged(r)["cache"] for r in responses] == ["MISS", "MISS", "HIT", "HIT"]
    assert len(stack.faults.log(key)) == 2


def test_host_and_path_are_one_entry(stack, edge, models):
    name = f"{next(stack.names)}.glb"
    _, body = stack.put(key=f"alpha/{name}")

    responses = [edge.fetch(f"/alpha/{name}"),
                 edge.fetch(f"/{name}", key_of("alpha"), host="alpha.test"),
                 edge.fetch(f"/{name}", key_of("alpha"), host="WWW.alpha.test:81")]

    assert all(r.body == body for r in responses)
    assert len(stack.faults.log(name)) == 1


def test_names_do_not_run_together(stack, edges):
    """"a" + "b/c" and "a/b" + "c": a key of the cache has borders."""

    folder = f"n{next(stack.names)}"
    stack.put(b"one", key=f"{folder}/b/c.glb")
    stack.put(b"two", key=f"{folder}b/c.glb")
    origin = stack.origin.replace(stack.bucket, f"{stack.bucket}/{folder}")
    both = edges({"one": f"origin {origin};",
                  "two": f"origin {origin.replace(folder, folder + 'b')};",
                  "three": f"origin {origin.replace(folder, folder + '/b')};"})

    assert both.fetch("/one/b/c.glb").body == b"one"
    assert both.fetch("/two/c.glb").body == b"two"
    assert both.fetch("/three/c.glb").body == b"one"
    assert both.fetch("/two/b/c.glb").status == 404


def test_public(stack, edges):
    key, body = stack.put()
    open_edge = edges({"acme": "keys none; cors off;"}, location="xr_auth public;" + servers.CACHE)

    response = open_edge.get(f"/acme/{key}")
    assert (response.status, response.body) == (200, body)
    assert open_edge.logged(response)["auth"] == "PUBLIC"
    assert open_edge.get(f"/nobody/{key}").status == 404

    # a token is not needed, and does no harm
    assert open_edge.fetch(f"/acme/{key}").body == body


def test_keys_none_opens_nothing(stack, edges):
    """A tenant without keys, in a location that asks for a token."""

    key, _ = stack.put()
    edge = edges({"acme": "keys none;"})

    assert edge.get(f"/acme/{key}").status == 403
    assert edge.get(in_query(f"/acme/{key}", token("00" * 32, acl="/*"))).status == 403


def test_tenant_from_path_only(stack, edges):
    key, body = stack.put()
    edge = edges({"alpha": "host alpha.test;", "beta": ""},
                 location="xr_tenant_from path;" + servers.CACHE)

    assert edge.fetch(f"/beta/{key}", host="alpha.test").body == body
    assert edge.fetch(f"/{key}", key_of("alpha"), host="alpha.test").status == 404


def test_tenant_from_host_only(stack, edges):
    key, body = stack.put()
    edge = edges({"alpha": "host alpha.test;", "beta": ""},
                 location="xr_tenant_from host;" + servers.CACHE)

    assert edge.fetch(f"/{key}", key_of("alpha"), host="alpha.test").body == body
    assert edge.fetch(f"/beta/{key}", host="edge.test").status == 404


def test_keys_are_rotated_with_an_overlap(stack, edges):
    key, body = stack.put()
    new, old = "11" * 32, "22" * 32
    edge = edges({"acme": "keys two.keys;"}, files={
        "two.keys": f"# rotated in November\n\nnew {new}\n{old}   \n"})

    assert edge.fetch(f"/acme/{key}", new).body == body
    assert edge.fetch(f"/acme/{key}", old).body == body
    assert edge.fetch(f"/acme/{key}", "33" * 32).status == 403


def test_virtual_style_and_an_upstream_of_ones_own(stack, edges):
    """Host and signature name the bucket; the connection goes where the group says."""

    address = stack["origin"].split("//")[1]
    port = address.rsplit(":", 1)[1]
    edge = edges({"acme": f"origin s3://{stack['bucket']} style=virtual upstream=swift "
                          f"endpoint=http://s3.test:{port};"},
                 http=f"upstream swift {{ server {address}; keepalive 4; }}")

    for name in ("a b+c.glb", "plain.glb"):
        key, body = stack.put(key=f"virtual/{next(stack.names)} {name}")
        response = edge.fetch("/acme/" + urllib.parse.quote(key))

        assert (response.status, response.body) == (200, body)
        [seen] = stack.faults.log(f"{urllib.parse.quote(key.rsplit('/', 1)[1])}")
        assert seen["headers"]["host"] == f"{stack['bucket']}.s3.test:{port}"
