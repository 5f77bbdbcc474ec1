# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker sync keeps key sets of issuers: fetched, checked, replaced, never made worse."""

import email.utils
import json
import os
import re
import stat
import subprocess
import time

import pytest

import credentials
import live
import scripted
import servers
import syncing
from credentials import jwk, jwks, make_jwt
from scripted import message

OLD, NEW = credentials.ec_key("sync-old"), credentials.ec_key("sync-new")
ONE, TWO = jwks(jwk(OLD, kid="old")), jwks(jwk(NEW, kid="new"))
BODY = b"a model" * 100


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """A server of https that our CA vouches for."""

    folder = tmp_path_factory.mktemp("issuer")
    cert, key = scripted.certificate(folder, "issuer", "localhost")
    with scripted.Origin(cert, key) as origin:
        origin.ca = cert
        yield origin


@pytest.fixture
def sync(tmp_path):
    with syncing.worker(tmp_path) as worker:
        yield worker


def good(text, *fields):
    return message(200, text.encode(), *fields)


def source(sync, issuer, *answers, **options):
    """A source of a path of its own."""

    path = issuer.put(*answers, tenant="jwks")
    return path, {"kind": "jwks", "url": issuer.url + path, "ca": str(issuer.ca),
                  "file": "acme.jwks", "min": "1s", "retry": "1s", **options}


def has(sync, text, name="acme.jwks"):
    path = sync.folder / name
    servers.wait_for(f"{text[:60]} in {name}; {sync.said() if sync.process else ''}",
                     lambda: path.exists() and path.read_text() == text)


def waits(sync):
    """What was said of when the next look is, in seconds."""

    return [int(n) for n in re.findall(r"next look in (\d+) s", sync.said())]


# The way of a key

def test_a_rotated_key_lets_in_without_a_reload(web_edges, web, issuer, sync):
    path, conf = source(sync, issuer, good(ONE, "Cache-Control: max-age=1"))
    edge = web_edges(web.tenants("acme", acme="jwks acme.jwks;"), workers=2,
                     files={"acme.jwks": ONE})
    conf["file"] = str(edge.folder / "acme.jwks")
    model = web.put(scripted.message(200, BODY))
    old, new = make_jwt("ES256", OLD, "old"), make_jwt("ES256", NEW, "new")

    def status(token):
        return edge.get(model, headers={"Authorization": f"Bearer {token}"}).status

    sync.start(acme=conf)
    sync.looks("acme")
    assert (status(old), status(new)) == (200, 403)

    issuer.put_at(path, good(TWO, "Cache-Control: max-age=1"))
    servers.wait_for("the new key", lambda: status(new) == 200, 10 + live.SOON)
    servers.wait_for("the old key's end", lambda: status(old) == 403, live.SOON)
    assert [status(new) for _ in range(5)] == [200] * 5
    sync.says("replaced")
    servers.wait_for("health", sync.healthy)


# What the answer says about time

@pytest.mark.parametrize("fields, options, low, high", [
    (["Cache-Control: max-age=600"], {}, 539, 600),
    (["Cache-Control: private, max-age=600"], {}, 539, 600),
    (["Cache-Control: max-age=600", "Age: 300"], {}, 269, 300),
    (["Cache-Control: max-age=5"], {"min": "60s"}, 60, 60),
    (["Cache-Control: no-store"], {"min": "60s"}, 60, 60),
    (["Cache-Control: no-cache, max-age=900"], {"min": "60s"}, 60, 60),
    (["Cache-Control: max-age=99999999"], {"max": "2h"}, 6479, 7200),
    (["Cache-Control: public"], {"every": "100s"}, 89, 100),
    ([], {"every": "100s"}, 89, 100),
    (["Expires: 0"], {"min": "60s"}, 60, 60),
    (["Expires: @500"], {}, 440, 500),
    (["Expires: @500", "Cache-Control: max-age=1000"], {}, 899, 1000),
])
def test_when_the_next_look_is(sync, issuer, fields, options, low, high):
    fields = [re.sub(r"@(\d+)", lambda m: email.utils.formatdate(time.time() + int(m[1]),
                                                                 usegmt=True), field)
              for field in fields]
    path, conf = source(sync, issuer, good(ONE, *fields), **options)

    said = sync.once(acme=conf)
    assert low <= int(re.search(r"next look in (\d+) s", said)[1]) <= high, said


def test_the_defaults(sync, issuer):
    path, conf = source(sync, issuer, good(ONE, "Cache-Control: max-age=1"))
    del conf["min"]
    assert "next look in 60 s" in sync.once(acme=conf)

    path, conf = source(sync, issuer, good(ONE, "Cache-Control: max-age=31536000"))
    assert 77759 <= int(re.search(r"in (\d+) s", sync.once(acme=conf))[1]) <= 86400


def test_not_modified(sync, issuer):
    def answer(request):
        if request.headers.get("if-none-match") == '"1"':
            assert request.headers["if-modified-since"] == "Thu, 01 Jan 2026 00:00:00 GMT"
            return message(304, b"", 'ETag: "1"', length=False)
        return good(ONE, 'ETag: "1"', "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
                    "Cache-Control: max-age=1")

    path, conf = source(sync, issuer, answer, every="1s")
    sync.start(acme=conf)
    has(sync, ONE)
    before = (sync.folder / "acme.jwks").stat()
    sync.looks("acme", 2)

    assert [r.headers.get("if-none-match") for r in issuer.seen(path)][:2] == [None, '"1"']
    assert (sync.folder / "acme.jwks").stat().st_mtime_ns == before.st_mtime_ns
    assert sync.metric("xr_sync_source_replaced_total", "acme") == 1
    assert sync.metric("xr_sync_source_failures_total", "acme") == 0

    # somebody else's file is not what "not modified" is about
    syncing.write(sync.folder / "other", TWO, 0o640).rename(sync.folder / "acme.jwks")
    has(sync, ONE)


def test_a_304_that_nobody_asked_for(sync, issuer):
    path, conf = source(sync, issuer, message(304, b"", length=False))
    assert "status 304" in sync.once(1, acme=conf)
    assert not (sync.folder / "acme.jwks").exists()


# What must not replace anything

PRIVATE = jwks({**jwk(OLD, kid="p"), "d": credentials.b64(b"\1" * 32)})

BAD = {
    "500": (message(500, b"sorry"), "status 500"),
    "404": (message(404), "status 404"),
    "206": (message(206, ONE.encode()), "status 206"),
    "empty": (good(""), "line 1 of the key set"),
    "html": (good("<html>"), "line 1 of the key set"),
    "no keys": (good('{"keys": []}'), "without a key that can be used"),
    "a private key": (good(PRIVATE), "private key"),
    "a weak key": (good(jwks(jwk(credentials.rsa_key("weak", 1024)))),
                   "without a key that can be used"),
    "too large": (good(jwks(jwk(NEW), {"kty": "x", "x": "y" * 65536})), "too large"),
    "too large, no length": ([b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n", b" " * 65537,
                              scripted.CLOSE], "too large"),
    "cut off": ([message(200, TWO.encode())[:-20], scripted.CLOSE], "remaining"),
    "reset": ([b"HTTP/1.1 200 X\r\n", scripted.RESET], ""),
    "headers without end": ([b"HTTP/1.1 200 X\r\n" + b"X: y\r\n" * 20000, scripted.CLOSE],
                            "headers are too large"),
    "slow": ([b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n", 4, scripted.CLOSE], "timed out"),
    "no HTTP": ([b"SSH-2.0-x\r\n", scripted.CLOSE], ""),
}


@pytest.mark.parametrize("name", BAD)
def test_the_last_good_one_stays(sync, issuer, name):
    answer, reason = BAD[name]
    path, conf = source(sync, issuer, good(ONE, "Cache-Control: max-age=1"), answer, timeout="1s")

    sync.start(acme=conf)
    has(sync, ONE)
    servers.wait_for("failures", lambda: sync.metric("xr_sync_source_failures_total", "acme") > 0)
    sync.says("stays as it is")
    assert reason in sync.said(), sync.said()
    assert (sync.folder / "acme.jwks").read_text() == ONE

    # it comes back by itself
    issuer.put_at(path, good(TWO))
    has(sync, TWO)
    servers.wait_for("health", sync.healthy)


@pytest.mark.parametrize("where", ["same", "other", "plain"])
def test_redirects_are_not_followed(sync, issuer, web, where):
    target = issuer.put(good(TWO), tenant="jwks")
    to = {"same": issuer.url + target, "other": f"https://example.invalid{target}",
          "plain": web.url + "/x"}[where]
    path, conf = source(sync, issuer, message(302, b"", f"Location: {to}"))

    assert "is not followed" in sync.once(1, acme=conf)
    assert issuer.seen(target) == [] and not (sync.folder / "acme.jwks").exists()


def test_a_certificate_that_nobody_vouches_for(sync, issuer, tmp_path):
    path, conf = source(sync, issuer, good(ONE))
    other, _ = scripted.certificate(tmp_path, "other", "localhost")

    assert "certificate" in sync.once(1, acme={**conf, "ca": str(other)})
    del conf["ca"]
    assert "certificate" in sync.once(1, acme=conf)

    # and a name that is not in it
    conf["url"] = conf["url"].replace("localhost", "127.0.0.1")
    assert re.search("certificate|subject", sync.once(1, acme={**conf, "ca": str(issuer.ca)}))
    assert issuer.seen(path) == []


@pytest.mark.parametrize("url", ["http://example.com/", "http://localhost/", "http://127.0.0.1/",
                                 "ftp://127.0.0.1/", "file:///etc/passwd", "x",
                                 "https://user:secret@example.com/"])
def test_urls_that_are_not_asked(sync, url):
    said = sync.once(1, acme={"kind": "jwks", "url": url, "file": "acme.jwks"})
    assert re.search("is not of https|is no URL|has a user's name", said), said


def test_plain_to_a_loopback_address_where_that_is_wanted(sync, web):
    path = web.put(good(ONE), tenant="jwks")
    conf = {"kind": "jwks", "url": web.url + path, "file": "acme.jwks", "http": True}

    sync.once(acme=conf)
    assert (sync.folder / "acme.jwks").read_text() == ONE
    for host in ("localhost", "127.0.0.1.example.com", "10.0.0.1"):
        assert "not of https" in sync.once(1, acme={**conf, "url": f"http://{host}/"})


# The file

@pytest.mark.parametrize("mode, wanted", [(None, 0o640), (0o600, 0o600), (0o640, 0o640),
                                          (0o666, 0o640)])
def test_mode_and_owner(sync, issuer, mode, wanted):
    path, conf = source(sync, issuer, good(ONE))
    file = sync.folder / "acme.jwks"
    root = os.geteuid() == 0

    if mode is not None:
        syncing.write(file, "", mode)
        file.chmod(mode)
        if root:
            os.chown(file, 1234, 2345)

    sync.once(acme=conf)
    st = file.stat()
    assert stat.S_IMODE(st.st_mode) == wanted
    if mode is not None and root:
        assert (st.st_uid, st.st_gid) == (1234, 2345)


def test_a_folder_that_is_not_there(sync, issuer):
    path, conf = source(sync, issuer, good(ONE), file="none/acme.jwks")
    assert "No such file" in sync.once(1, acme=conf)


# The worker

def test_sources_do_not_wait_for_each_other(sync, issuer):
    slow, one = source(sync, issuer, [30, scripted.CLOSE], file="slow.jwks")
    quick, two = source(sync, issuer, good(ONE), file="quick.jwks")

    sync.start(slow=one, quick=two)
    has(sync, ONE, "quick.jwks")
    assert sync.metric("xr_sync_source_looks_total", "slow") == 0
    status, why = syncing.ask(sync.socket, "/healthz")
    assert (status, why) == (503, "slow: not looked at yet\n")

    # and the end does not wait for an answer
    begun = time.monotonic()
    sync.end()
    assert time.monotonic() - begun < 5


def test_health_and_metrics(sync, issuer):
    path, conf = source(sync, issuer, good(ONE, "Cache-Control: max-age=1"), message(500))
    sync.start(acme=conf)
    has(sync, ONE)
    servers.wait_for("health", sync.healthy)
    assert sync.metric("xr_sync_source_age_seconds", "acme") < 5
    assert sync.metric("xr_sync_source_good", "acme") == 1

    servers.wait_for("trouble", lambda: not sync.healthy(), 20)
    assert syncing.ask(sync.socket, "/healthz")[1] == "acme: status 500\n"
    assert sync.metric("xr_sync_source_failures_total", "acme") >= 3
    assert sync.metric("xr_sync_source_good", "acme") == 0
    assert sync.said().count("status 500") == 1


def test_retry_after(sync, issuer):
    path, conf = source(sync, issuer, message(503, b"", "Retry-After: 3600"), good(ONE))
    _, other = source(sync, issuer, good(ONE, "Cache-Control: max-age=1"), file="other")
    sync.start(acme=conf, other=other)
    servers.wait_for("a failure", lambda: sync.metric("xr_sync_source_failures_total", "acme"))
    sync.looks("other", 3)
    assert len(issuer.seen(path)) == 1


def test_reload(sync, issuer):
    one, first = source(sync, issuer, good(ONE))
    two, second = source(sync, issuer, good(TWO))
    sync.start(acme=first)
    has(sync, ONE)

    sync.configure(other=second)
    sync.reload()
    has(sync, TWO)
    assert sync.metric("xr_sync_source_good", "acme") is None

    # what cannot be used changes nothing
    (sync.folder / "xr.json").write_text('{"sync": {\n"a": {"kind": "x"}}}')
    sync.reload()
    sync.says("xr.json:2: \"a\" has no \"kind\"")
    servers.wait_for("it is counted", lambda: "xr_worker_configuration_bad 1"
                     in syncing.ask(sync.socket, "/metrics")[1])
    assert sync.metric("xr_sync_source_good", "other") == 1


GOOD = {"kind": "jwks", "url": "https://example.com/", "file": "f"}
BAD_CONF = {
    "no kind": ({"a": {"url": "https://x/", "file": "f"}}, 'has no "kind"'),
    "no object": ({"a": "x"}, 'has no "kind"'),
    "no file": ({"a": {"kind": "jwks", "url": "https://x/"}}, 'has no "file"'),
    "no url": ({"a": {"kind": "jwks", "file": "f"}}, 'has no "url"'),
    "an unknown option": ({"a": {**GOOD, "x": 1}}, '"x" is not an option of a source'),
    "a bad time": ({"a": {**GOOD, "min": "x"}}, '"min" has to be a time'),
    "min over max": ({"a": {**GOOD, "min": "2h", "max": "1h"}}, "longer than"),
    "a bad name": ({"a b": GOOD}, "is no name"),
    "one file twice": ({"a": GOOD, "b": GOOD}, 'has the "file" of another one'),
    "keys of S3": ({"a": {**GOOD, "url": "s3://b/k"}}, "not fetched by https"),
    "tenants without a key": ({"a": {**GOOD, "kind": "tenants"}}, 'has no "key"'),
    "a key of no use": ({"a": {**GOOD, "key": "k"}}, 'has no "key"'),
    "aws with an url": ({"a": {**GOOD, "kind": "aws"}}, 'has no "url"'),
    "providers of no use": ({"a": {**GOOD, "providers": "imds"}}, 'has no "providers"'),
    "a login of no use": ({"a": {**GOOD, "login": "l"}}, 'has no "login"'),
}


@pytest.mark.parametrize("name", BAD_CONF)
def test_a_configuration_that_is_refused(sync, name):
    sources, reason = BAD_CONF[name]
    sync.configure(**sources)
    said = sync.once(1)
    assert reason in said and re.search(r"xr\.json:\d+: ", said), said


def test_no_sources(sync):
    (sync.folder / "xr.json").write_text("{}")
    assert 'there is no "sync"' in sync.once(1)
    assert "No such file" in subprocess.run(
        [syncing.XR, "worker", "sync", "--config", sync.folder / "none"], capture_output=True,
        text=True, timeout=30).stderr


def test_the_example_is_good(sync):
    """Each source is looked at, and fails at its own address."""

    text = (servers.TOP / "config" / "sync.json").read_text()
    conf = {name: {**source, "file": name, "timeout": "1s"}
            for name, source in json.loads(text)["sync"].items()}
    sync.env["AWS_EC2_METADATA_DISABLED"] = "true"
    for source in conf.values():
        if "url" in source:
            source["url"] = "https://127.0.0.1:1/"
    said = sync.once(1, **conf)
    assert all(f"xr: {name}: " in said for name in conf), said
