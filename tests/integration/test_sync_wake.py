# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""A token names a key that nobody knows: NGINX asks for it, xr worker sync looks, not too often."""

import contextlib
import re
import socket
import time

import pytest

import credentials
import live
import scripted
import servers
import syncing
from credentials import jwk, jwks, make_jwt
from scripted import message
from test_sync_jwks import issuer           # noqa: F401

OLD, NEW, THIRD = (credentials.ec_key(f"wake-{name}") for name in ("old", "new", "third"))
ONE, TWO = jwks(jwk(OLD, kid="old")), jwks(jwk(NEW, kid="new"))
BODY = b"a model" * 100


@pytest.fixture
def sync(tmp_path):
    with syncing.worker(tmp_path) as worker:
        yield worker


def good(text):
    return message(200, text.encode(), "Cache-Control: max-age=86400")


def bearer(edge, path, token):
    return edge.get(path, headers={"Authorization": f"Bearer {token}"})


def source(issuer, path, edge, **options):  # noqa: F811
    return {"kind": "jwks", "url": issuer.url + path, "ca": str(issuer.ca), "wake": "1s",
            "file": str(edge.folder / "acme.jwks"), **options}


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return web_edges(web.tenants("acme", "zenith", acme="jwks acme.jwks;",
                                 zenith="jwks zenith.jwks;"),
                     http="xr_keys_socket wake; xr_auth_fail_limit off;", workers=2,
                     files={"acme.jwks": ONE, "zenith.jwks": jwks(jwk(THIRD, kid="zenith"))})


@pytest.fixture
def path(edge, web):
    edge.replace("acme.jwks", ONE)
    path = web.put(message(200, BODY))
    servers.wait_for("the old key", lambda: bearer(edge, path, make_jwt("ES256", OLD, "old"))
                     .status == 200, live.SOON)
    return path


def start(sync, edge, **sources):
    sync.start("--wake", edge.folder / "wake", **sources)
    for name in sources:
        servers.wait_for("a first look",
                         lambda: sync.metric("xr_sync_source_looks_total", name) == 1)


def test_a_new_key_is_known_at_once(edge, path, sync, issuer):  # noqa: F811
    """The set is fresh for a day; a token by a key that came since makes us look."""

    keys = issuer.put(good(ONE), tenant="wake")
    start(sync, edge, acme=source(issuer, keys, edge))
    new = make_jwt("ES256", NEW, "new")

    issuer.put_at(keys, good(TWO))
    edge.assert_refused(bearer(edge, path, new), "token_key")
    servers.wait_for("the new key", lambda: bearer(edge, path, new).status == 200,
                     5 + live.SOON)
    assert sync.metric("xr_sync_source_wakes_total", "acme") >= 1
    assert issuer.seen(keys)[-1].headers.get("cache-control") == "no-cache"
    assert "cache-control" not in issuer.seen(keys)[0].headers


def test_the_tenant_that_is_meant(edge, path, sync, issuer, web):  # noqa: F811
    one, two = (issuer.put(good(ONE), tenant="wake") for _ in range(2))
    start(sync, edge, keys=source(issuer, one, edge, tenants=["zenith", "other"],
                                  file=str(sync.folder / "e")),
          acme=source(issuer, two, edge, file=str(sync.folder / "f")))

    theirs = web.put(message(200, BODY), tenant="zenith")
    edge.assert_refused(bearer(edge, theirs, make_jwt("ES256", NEW, "new")), "token_key")
    servers.wait_for("a look", lambda: len(issuer.seen(one)) == 2)
    assert len(issuer.seen(two)) == 1


@pytest.mark.parametrize("token", [
    make_jwt("ES256", OLD, "old", exp=1), make_jwt("ES256", NEW, "old"), make_jwt("ES256", NEW),
    "a.b.c", "exp=1~hmac=00"], ids=["expired", "forged", "no kid", "malformed", "edgeauth"])
def test_other_refusals_ask_nobody(edge, path, sync, issuer, token):  # noqa: F811
    keys = issuer.put(good(ONE), tenant="wake")
    start(sync, edge, acme=source(issuer, keys, edge))
    assert bearer(edge, path, token).status in (400, 401, 403)
    sync.reload()                           # what was sent has been read by then
    servers.wait_for("a look", lambda: len(issuer.seen(keys)) == 2)
    assert sync.metric("xr_sync_source_wakes_total", "acme") == 0


def test_a_flood_costs_the_issuer_little(edge, path, sync, issuer):  # noqa: F811
    keys = issuer.put(good(ONE), tenant="wake")
    start(sync, edge, acme=source(issuer, keys, edge))

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        begun = time.monotonic()
        while time.monotonic() - begun < 4:
            with contextlib.suppress(BlockingIOError):
                sock.sendto(b"acme", str(edge.folder / "wake"))
            time.sleep(0.001)

    assert 2 <= len(issuer.seen(keys)) - 1 <= 5     # one in a second
    assert (edge.folder / "acme.jwks").read_text() == ONE


def test_the_budget_ends(edge, path, sync, issuer):  # noqa: F811
    keys = issuer.put(good(ONE), tenant="wake")
    start(sync, edge, acme=source(issuer, keys, edge))

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        def ask():
            sock.sendto(b"acme", str(edge.folder / "wake"))
            time.sleep(0.05)
            return sync.metric("xr_sync_source_wakes_refused_total", "acme") > 0
        servers.wait_for("the end of the budget", ask, 30)

    assert len(issuer.seen(keys)) - 1 <= 10


def test_each_worker_asks_once_a_second(edge, path):
    """However many requests there are; here the test itself is asked."""

    name = edge.folder / "wake"
    with contextlib.suppress(FileNotFoundError):
        name.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(name))
        sock.setblocking(False)
        name.chmod(0o666)
        got = []
        begun = time.monotonic()
        for n in range(200):
            bearer(edge, path, make_jwt("ES256", NEW, f"k{n}"))
        seconds = time.monotonic() - begun
        with contextlib.suppress(BlockingIOError):
            while True:
                got.append(sock.recv(100))
    name.unlink()
    assert set(got) == {b"acme"} and 1 <= len(got) <= 2 * (seconds + 2)


def test_nobody_to_ask(edge, path):
    """No socket, one that nobody reads, a file: requests are refused as before."""

    name = edge.folder / "wake"
    with contextlib.suppress(FileNotFoundError):
        name.unlink()
    new = make_jwt("ES256", NEW, "new")
    edge.assert_refused(bearer(edge, path, new), "token_key")

    name.write_text("x")
    edge.assert_refused(bearer(edge, path, new), "token_key")
    name.unlink()

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(name))
        name.chmod(0o666)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
            full.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    full.sendto(b"x" * 1000, str(name))
            begun = time.monotonic()
            edge.assert_refused(bearer(edge, path, new), "token_key")
            assert time.monotonic() - begun < 5
    name.unlink()
    assert bearer(edge, path, make_jwt("ES256", OLD, "old")).status == 200


def test_the_socket(sync, edge, issuer):    # noqa: F811
    keys = issuer.put(good(ONE), tenant="wake")
    start(sync, edge, acme=source(issuer, keys, edge))
    wake = edge.folder / "wake"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        for text in (b"", b"x" * 10000, b"\0" * 63, b"acme\n", b"acme" * 16, b"../acme"):
            sock.sendto(text, str(wake))
    sync.reload()
    servers.wait_for("a look", lambda: len(issuer.seen(keys)) == 2)
    assert sync.metric("xr_sync_source_wakes_total", "acme") == 0
    sync.end()
    assert not wake.exists()

    # what is no socket stays
    wake.write_text("mine")
    sync.start("--wake", wake)
    sync.says("wake: Address already in use")
    assert syncing.ask(sync.socket, "/healthz")[0] == 503
    sync.end()
    assert wake.read_text() == "mine"
    wake.unlink()


@pytest.mark.parametrize("line, reason", [
    ("xr_keys_socket a; xr_keys_socket b;", '"xr_keys_socket" directive is duplicate'),
    ("xr_keys_socket;", "invalid number of arguments"),
    (f"xr_keys_socket /{'x' * 108};", "is too long for the path of a socket")])
def test_bad_configuration(tmp_path, line, reason):
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:9;"}, http=line)
    code, said = edge.test()
    assert code != 0 and re.search(rf"{reason}.* in .*nginx\.conf:\d+", said), said
