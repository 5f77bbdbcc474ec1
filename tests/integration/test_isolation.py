# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Nothing of one tenant is another's: two hundred tenants, each with credentials
of every kind, against the objects of all the others.
"""

import hashlib
import itertools
import re
import socket
import urllib.parse

import pytest

import live
from credentials import (canned, custom, ec_key, jwk, make_jwt, pem, policy, rsa_key, secret,
                         with_query)
from edgeauth import in_query, token
from scripted import message

TENANTS = [f"tenant-{n}" for n in range(200)]
KINDS = ["edgeauth", "jwt", "cloudfront"]

# the same for all of them: names are no secrets, and tell nobody apart
KEY_ID = "main"
OBJECT = "/models/chair.glb"
ETAG = '"4711"'


def edgeauth_key(tenant):
    return hashlib.sha256(f"isolation {tenant}".encode()).hexdigest()


def jwt_key(tenant):
    """HMAC for most, RSA and ECDSA for some."""

    n = TENANTS.index(tenant)
    if n % 40 == 0:
        return "RS256", rsa_key(tenant)
    if n % 10 == 1:
        return "ES256", ec_key(f"jwt {tenant}")
    return "HS256", secret(tenant)


def credential(kind, tenant):
    """What makes a target of a path, with the widest credential that the tenant can give."""

    if kind == "edgeauth":
        made = token(edgeauth_key(tenant), acl="/*")
        return lambda path: in_query(path, made)

    if kind == "jwt":
        alg, key = jwt_key(tenant)
        made = make_jwt(alg, key, KEY_ID, sub="alice")
        return lambda path: in_query(path, made)

    made = custom(policy("*"), ec_key(f"cloudfront {tenant}"), KEY_ID)
    return lambda path: with_query(path, made)


def body_of(tenant):
    """Two neighbours have one origin, and there one and the same object."""

    return f"the chair of {TENANTS.index(tenant) // 2:04}".encode()


def member(web, tenant):
    alg, key = jwt_key(tenant)
    return {
        "hosts": [f"{tenant}.test"],
        "origin": f"{web.url}/{TENANTS.index(tenant) // 2}",
        "keys": [{"id": KEY_ID, "key": edgeauth_key(tenant)}],
        "jwks": {"keys": [jwk(key, kid=KEY_ID, alg=alg)]},
        "cloudfront_keys": {KEY_ID: pem(ec_key(f"cloudfront {tenant}"))},
    }


@pytest.fixture(scope="module")
def edge(web_edges, web):
    """Its cache holds everybody's object, as everybody has fetched their own."""

    for tenant in TENANTS[::2]:
        web.put_at(f"/{TENANTS.index(tenant) // 2}{OBJECT}",
                   message(200, body_of(tenant), f"ETag: {ETAG}"))

    edge = web_edges(
        {}, workers=2,
        files={"tenants.json": live.tenants(**{name: member(web, name) for name in TENANTS})},
        http="xr_tenants_file tenants.json; xr_auth_fail_limit off; keepalive_requests 1000000;",
        server="access_log off; error_log error.log notice;")

    for tenant in TENANTS:
        response = edge.get(credential("edgeauth", tenant)(f"/{tenant}{OBJECT}"))
        assert (response.status, response.body) == (200, body_of(tenant))

    return edge


def heads(targets):
    return "".join(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"
                   for target, host in targets).encode()


class Pipe:
    """Requests that go out without a wait for the answers before; only statuses come back."""

    LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 60)
        self.file = self.sock.makefile("rb", 1 << 16)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.sock.close()

    def statuses(self, targets, size=50):
        """The targets' statuses, in their order; so many are on their way at once."""

        found = []
        targets = iter(targets)

        while some := list(itertools.islice(targets, size)):
            self.sock.sendall(heads(some))
            found += [self._status() for _ in some]

        return found

    def _status(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            assert line, "the connection was closed"
            head += line

        self.file.read(int(self.LENGTH.search(head)[1]))
        return int(head[9:12])


def by_path(tenant):
    return f"/{tenant}{OBJECT}", "edge.test"


def by_host(tenant):
    return OBJECT, f"{tenant}.test"


PLACES = [by_path, by_host]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_everybody_has_their_own(edge, kind, place):
    for tenant in TENANTS:
        path, host = place(tenant)
        response = edge.get(credential(kind, tenant)(path), host=host)

        assert (response.status, response.body) == (200, body_of(tenant))
        assert response["etag"] == ETAG


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_has_anything_of_others(edge, kind):
    """Every credential against every other tenant's object, which lies in the cache."""

    leaks, asked = [], 0

    with Pipe(edge.port) as pipe:
        for n, tenant in enumerate(TENANTS):
            sign = credential(kind, tenant)
            others = [other for other in TENANTS if other != tenant]

            if kind == "cloudfront":        # takes long to check: a part of all pairs
                others = others[n % 5::5]

            places = [place(other) for other in others for place in PLACES]
            statuses = pipe.statuses([(sign(path), host) for path, host in places])

            asked += len(statuses)
            assert len(statuses) == len(places)
            leaks += [(tenant, place, status) for place, status in zip(places, statuses)
                      if status != 403]

    assert leaks == []
    assert asked > (15000 if kind == "cloudfront" else 79000)


def test_equal_objects_are_two_entries(edge, web):
    """One origin, one key, one ETag: read once for each tenant, kept once for each."""

    for tenant in TENANTS[::2]:
        assert len(web.seen(f"/{TENANTS.index(tenant) // 2}{OBJECT}")) == 2

    entries = [path for path in (edge.folder / "cache").rglob("*") if path.is_file()]
    assert len(entries) == len(TENANTS)


def test_a_host_and_a_path_of_two_tenants(edge):
    """On one tenant's host another one's name in the path is but a folder."""

    for kind in KINDS:
        for one, two in (TENANTS[:2], TENANTS[40:42], TENANTS[2:4]):
            path = f"/{two}{OBJECT}"
            assert edge.get(credential(kind, two)(path), host=f"{one}.test").status == 403
            assert edge.get(credential(kind, one)(path), host=f"{one}.test").status == 404


def test_canned_urls_of_others(edge):
    """CloudFront's that name the very URL, signed by somebody else."""

    one, two = TENANTS[:2]
    url = f"http://{one}.test{OBJECT}"
    path = urllib.parse.urlsplit(url).path

    for tenant, status in ((one, 200), (two, 403)):
        target = with_query(path, canned(url, ec_key(f"cloudfront {tenant}"), KEY_ID))
        assert edge.get(target, host=f"{one}.test").status == status


def test_a_key_in_another_place(edge):
    """One tenant's JWT secret as its own EdgeAuth key, and the like, opens nothing."""

    tenant = TENANTS[2]
    path, host = by_path(tenant)
    raw = secret(tenant).hex()

    assert edge.get(in_query(path, token(raw, acl="/*"))).status == 403
    assert edge.get(in_query(path, make_jwt(
        "HS256", bytes.fromhex(edgeauth_key(tenant)), KEY_ID))).status == 403
    assert edge.get(in_query(path, make_jwt(
        "ES256", ec_key(f"cloudfront {tenant}"), KEY_ID))).status == 403
