# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What is purged is not served any more: all of it, and nothing else."""

import itertools
import json
import os
import re
import subprocess
import threading
import time

import jwt
import pytest

import http1
import purging
import scripted
import servers
from purging import order, purge, send
from range_model import Object

SLICE = 1 << 16
STORES = {"whole": "", "sliced": f"xr_slice {SLICE >> 10}k;"}

names = itertools.count(1)


@pytest.fixture
def configuration(web, tmp_path):
    """An edge that is not started, but can be tested."""

    def make(http="", server="", **files):
        return servers.Edge(tmp_path, {name: f"{text} purge_keys {name}.purge;"
                                       for name, text in web.tenants("acme", "other").items()},
                            http=http, server=server, location="", files={
                                **{f"{name}.purge": f"k1 {purging.key_of(name)}\n"
                                   for name in ("acme", "other")}, **files})

    return make


@pytest.fixture(scope="module")
def web():
    with purging.TaggedOrigin({}) as origin:
        yield origin


def start(web, web_edges, location="", http="", tenants=("acme", "other"), server="", **options):
    files = {f"{name}.purge": f"k1 {purging.key_of(name)}\n" for name in tenants}
    blocks = {name: f"{text} purge_keys {name}.purge;"
              for name, text in web.tenants(*tenants).items()}
    return web_edges(blocks, origin=web.url, files=files, http=http,
                     location=f"xr_auth public; {servers.CACHE} {location}",
                     server=purging.LOCATION + server, **options)


@pytest.fixture(scope="module", params=STORES)
def edge(request, web, web_edges):
    return start(web, web_edges, STORES[request.param], workers=2)


class Thing:
    """An object that another version takes the place of, for the origin at least."""

    def __init__(self, web, folder="", *fields, size=3 * SLICE + 100):
        self.web, self.size = web, size
        self.name = f"o{next(names)}.glb"
        self.path = f"/acme/{folder}{self.name}"
        self.key = f"{folder}{self.name}"
        self.versions = itertools.count(1)
        web.fields[self.name] = fields
        self.write()

    def write(self, keep_tag=False):
        version = next(self.versions)
        self.data = b"%08d" % version * (self.size // 8)
        etag = '"same"' if keep_tag else f'"{self.name}-{version}"'
        self.web.objects[self.name] = Object(self.data, etag, 1700000000)

    def reads(self, path=None):
        return len(self.web.reads(path or self.path))


def whole_and_part(edge, path):
    """An object as it is served: both ways say the same."""

    whole = edge.get(path)
    part = edge.get(path, headers={"Range": f"bytes={2 * SLICE + 5}-{2 * SLICE + 14}"})
    assert (whole.status, part.status) == (200, 206)
    assert part.body == whole.body[2 * SLICE + 5:2 * SLICE + 15]
    return whole.body


def warm(edge, thing, path=None):
    """All of it is stored, and the origin has another one."""

    path = path or thing.path
    for _ in range(2):
        assert whole_and_part(edge, path) == thing.data
    old = thing.data
    thing.write()
    assert whole_and_part(edge, path) == old
    return old


SCOPES = {
    "object": lambda thing: {"objects": [thing.key]},
    "slash": lambda thing: {"objects": ["/" + thing.key]},
    "prefix": lambda thing: {"prefixes": ["a/b/"]},
    "outer prefix": lambda thing: {"prefixes": ["a/"]},
    "tag": lambda thing: {"tags": ["blue"]},
    "everything": lambda thing: {"all": True},
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_scopes(web, edge, scope, soft):
    things = [Thing(web, "a/b/", "Cache-Tag: red blue") for _ in range(2)]
    others = [Thing(web, "a/bc/", "Cache-Tag: bluer"), Thing(web, "", "Cache-Tag: red")]
    strange = Thing(web, "a/b/", "Cache-Tag: red blue")
    strange_path = strange.path.replace("acme", "other")

    for thing in (*things, *others):
        warm(edge, thing)
    kept = [(strange_path, warm(edge, strange, strange_path))]

    if scope not in ("outer prefix", "everything"):
        kept.append((others[0].path, edge.get(others[0].path).body))
    if scope != "everything":
        kept.append((others[1].path, edge.get(others[1].path).body))
    if scope in ("object", "slash"):
        kept.append((things[1].path, edge.get(things[1].path).body))

    claims = SCOPES[scope](things[0])
    assert purge(edge, **claims, soft=soft)["purged"] == 1

    gone = things[:1] if scope in ("object", "slash") else things
    for thing in gone:
        # of what is stale the old one may be served once, while the new one is fetched
        servers.wait_for("the new version", lambda thing=thing: soft is False or
                         edge.get(thing.path).body == thing.data)
        assert whole_and_part(edge, thing.path) == thing.data
        reads = thing.reads()
        assert whole_and_part(edge, thing.path) == thing.data
        assert thing.reads() == reads, "is not stored"
    for path, body in kept:
        assert whole_and_part(edge, path) == body, path


def test_headers_of_tags_go_nowhere(web, edge):
    thing = Thing(web, "", "Surrogate-Key: one two", "x-amz-meta-cache-tag: three,four")

    for _ in range(2):
        response = edge.get(thing.path)
        assert response["xr"] is None
        for name in ("surrogate-key", "cache-tag", "x-amz-meta-cache-tag"):
            assert response[name] is None

    for tag in ("one", "two", "three", "four"):
        warm(edge, thing)
        purge(edge, tags=[tag])
        assert whole_and_part(edge, thing.path) == thing.data


def test_too_many_tags_are_all_tags(web, edge):
    thing = Thing(web, "", "Cache-Tag: " + ",".join(f"t{n}" for n in range(40)))
    warm(edge, thing)
    purge(edge, tags=["any"])
    assert whole_and_part(edge, thing.path) == thing.data


def test_variants_go_with_their_object(web, edge):
    base = Thing(web, "v/")
    variant = Thing(web, f"v/{base.name}.xr/")
    warm(edge, base)
    warm(edge, variant)

    purge(edge, objects=[base.key])
    for thing in (base, variant):
        assert whole_and_part(edge, thing.path) == thing.data


def test_the_same_entity_tag_does_not_bring_it_back(web, edge):
    """Slices are of a version, but what was purged is not of that one any more."""

    thing = Thing(web, "", "Cache-Tag: fixed")
    thing.write(keep_tag=True)
    for claims in ({"objects": [thing.key]}, {"tags": ["fixed"]}):
        old = thing.data
        assert whole_and_part(edge, thing.path) == old
        thing.write(keep_tag=True)
        assert whole_and_part(edge, thing.path) == old
        purge(edge, **claims)
        assert whole_and_part(edge, thing.path) == thing.data


@pytest.mark.parametrize("store", STORES)
def test_a_304_does_not_bring_it_back(web, web_edges, store):
    """It was stale already when its tag was purged, so the origin is asked about it."""

    edge = start(web, web_edges, f"{STORES[store]} xr_cache_use_stale off;")
    thing = Thing(web, "", "Cache-Tag: fixed", "Cache-Control: max-age=1")
    thing.write(keep_tag=True)
    old = thing.data
    assert edge.get(thing.path).body == old
    thing.write(keep_tag=True)
    stale = int(time.time()) + 2
    servers.wait_for("it to be stale", lambda: time.time() >= stale, 5)
    purge(edge, tags=["fixed"])
    assert edge.get(thing.path).body == thing.data
    assert edge.get(thing.path).body == thing.data


def test_missing_objects_are_purged(web, web_edges):
    edge = start(web, web_edges, "xr_cache_valid 404 1d;")
    path = f"/acme/late/o{next(names)}.glb"
    assert edge.get(path).status == 404
    thing = Thing(web)
    web.objects[path.rpartition("/")[2]] = web.objects[thing.name]
    assert edge.get(path).status == 404
    purge(edge, prefixes=["late/"])
    assert edge.get(path).body == thing.data


def test_stale_is_revalidated(web, web_edges):
    """A soft purge of what has not changed costs a 304, and once only."""

    edge = start(web, web_edges, "xr_cache_background_update off; xr_cache_use_stale off;")
    thing = Thing(web, "", "Cache-Tag: soft")
    assert edge.get(thing.path).body == thing.data

    for claims in ({"objects": [thing.key]}, {"tags": ["soft"]}):
        seen = len(web.requests)
        purge(edge, **claims, soft=True)
        for wanted in ("REVALIDATED", "HIT", "HIT"):
            response = edge.get(thing.path)
            assert response.body == thing.data
            assert edge.logged(response)["cache"] == wanted
        (request,) = web.requests[seen:]
        assert request.headers["if-none-match"] == web.objects[thing.name].etag


def test_stale_serves_when_the_origin_fails(web, web_edges):
    edge = start(web, web_edges, "xr_cache_background_update off; xr_cache_use_stale http_500;")
    thing = Thing(web, "")
    assert edge.get(thing.path).body == thing.data
    held = web.objects.pop(thing.name)
    web.fields[thing.name] = ()
    answer, web._answer = web._answer, lambda request: scripted.message(500)
    try:
        purge(edge, objects=[thing.key], soft=True)
        response = edge.get(thing.path)
        assert (response.status, response.body) == (200, held.data)
        assert edge.logged(response)["cache"] == "STALE"
        purge(edge, objects=[thing.key])
        assert edge.get(thing.path).status == 502
    finally:
        web._answer = answer


@pytest.mark.parametrize("claims", [{"all": True}, {"tags": ["slow"]}], ids=["all", "tag"])
def test_what_was_under_way_does_not_count(web, edge, claims):
    """The origin has begun to answer with what is purged before it is done."""

    thing = Thing(web, "", "Cache-Tag: slow", size=SLICE // 2)
    asked, go, answer = threading.Event(), threading.Event(), web._answer

    def slow(request):
        sent = answer(request)
        if request.path == thing.path and not asked.is_set():
            asked.set()
            assert go.wait(20)
        return sent

    got = []
    web._answer = slow
    try:
        client = threading.Thread(target=lambda: got.append(edge.get(thing.path)))
        client.start()
        assert asked.wait(20)
        old = thing.data
        thing.write()
        purge(edge, **claims)
        go.set()
        client.join(20)
    finally:
        go.set()
        web._answer = answer

    assert got[0].body == old
    assert edge.get(thing.path).body == thing.data
    assert edge.get(thing.path).body == thing.data


def test_requests_collapse(web, web_edges):
    """The misses that follow a purge are one request to the origin."""

    edge = start(web, web_edges)
    thing = Thing(web, "", "Cache-Tag: herd")
    warm(edge, thing)
    purge(edge, tags=["herd"])
    reads, answer = thing.reads(), web._answer
    web._answer = lambda request: [0.2, answer(request)]
    try:
        got = []
        clients = [threading.Thread(target=lambda: got.append(edge.get(thing.path).body))
                   for _ in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(20)
    finally:
        web._answer = answer
    assert got == [thing.data] * 8
    assert thing.reads() == reads + 1


# What is no order

def refused(edge, text, status, why):
    before = edge.error_log().count("purge order")
    response = send(edge, text)
    assert response.status == status, response
    assert response["cache-control"] == "no-store"
    assert response.body in (b'{"error":"refused"}\n', b'{"error":"malformed"}\n')
    line = servers.wait_for("the audit", lambda: [
        line for line in edge.error_log().splitlines() if "purge order" in line][before:])[0]
    assert "purged=0 generation=0" in line and f"status={status}" in line
    assert why in line, line


def tampered(text):
    head, claims, signature = text.split(".")
    return ".".join([head, claims, ("B" if signature[0] == "A" else "A") + signature[1:]])


NOW = 4000000000
REFUSED = {
    "another tenant's key": (lambda: order(key=purging.key_of("other"), all=True), 401, "no purge"),
    "a key of viewers": (lambda: order(key=servers.key_of("acme"), all=True), 401, "no purge"),
    "no such tenant": (lambda: order("nobody", all=True), 401, "no such tenant"),
    "no tenant": (lambda: order(iss=None, all=True), 401, "no such tenant"),
    "tampered": (lambda: tampered(order(all=True)), 401, "no purge key"),
    "none": (lambda: "eyJhbGciOiJub25lIn0." + order(all=True).split(".")[1] + ".", 401, ""),
    "another algorithm": (lambda: order(alg="HS512", all=True), 401, ""),
    "expired": (lambda: order(iat=1700000000, exp=1700000060, all=True), 401, "its time"),
    "early": (lambda: order(iat=NOW, exp=NOW + 60, all=True), 401, "its time"),
    "long": (lambda: order(iat=NOW, exp=NOW + 301, all=True), 403, "five minutes"),
    "no exp": (lambda: order(exp=None, all=True), 400, "no times"),
    "no iat": (lambda: order(iat=None, all=True), 400, "no times"),
    "no jti": (lambda: order(jti=None, all=True), 400, "jti"),
    "a jti for the log": (lambda: order(jti='x" y', all=True), 400, "jti"),
    "nothing": (lambda: order(), 400, "nothing to purge"),
    "only soft": (lambda: order(soft=True), 400, "nothing to purge"),
    "not all": (lambda: order(all=False), 400, "nothing to purge"),
    "all in words": (lambda: order(all="yes"), 400, "neither true"),
    "an unknown claim": (lambda: order(all=True, urls=["x"]), 400, "no order has"),
    "no list": (lambda: order(objects="a.glb"), 400, "array"),
    "no text": (lambda: order(objects=[1]), 400, "not text"),
    "dots": (lambda: order(objects=["a/../b.glb"]), 400, ""),
    "an empty segment": (lambda: order(prefixes=["a//"]), 400, ""),
    "an object that is none": (lambda: order(objects=["a/"]), 400, "an object ends"),
    "a prefix that is none": (lambda: order(prefixes=["a"]), 400, "a prefix does not"),
    "the root": (lambda: order(prefixes=["/"]), 400, "empty"),
    "a long name": (lambda: order(objects=["a" * 1025]), 400, "too long"),
    "a long tag": (lambda: order(tags=["a" * 65]), 400, "a tag"),
    "many": (lambda: order(tags=[f"t{n}" for n in range(129)]), 400, "128"),
    "no token": (lambda: "hello", 400, "three parts"),
    "bytes": (lambda: bytes(range(256)), 400, ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(web, edge, case):
    text, status, why = REFUSED[case]
    thing = Thing(web)
    old = warm(edge, thing)
    refused(edge, text(), status, why)
    assert whole_and_part(edge, thing.path) == old


def test_other_requests(edge):
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        response = edge.get("/xr/purge", method)
        assert response.status == 405
        assert response["allow"] == "POST"
    assert send(edge, order(all=True), kind="text/plain").status == 415
    assert send(edge, "").status == 400
    assert send(edge, "a" * 8193).status == 413

    # of unknown length
    with http1.Connection(edge.port) as client:
        client.sock.sendall(b"POST /xr/purge HTTP/1.1\r\nHost: x\r\nContent-Type: application/jwt"
                            b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sock.sendall(b"3000\r\n" + b"a" * 0x3000 + b"\r\n0\r\n\r\n")
        assert client.receive("POST").status == 413


def test_a_body_in_a_file(web, web_edges):
    edge = start(web, web_edges, http="client_body_in_file_only on;")
    assert purge(edge, all=True)["purged"] == 1


def test_an_order_counts_once(web, edge):
    thing = Thing(web)
    warm(edge, thing)
    text = order(objects=[thing.key], jti="once")
    first = send(edge, text)
    assert first.status == 200
    assert whole_and_part(edge, thing.path) == thing.data

    old = thing.data
    thing.write()
    again = send(edge, text)
    assert (again.status, again.body) == (200, first.body)
    assert whole_and_part(edge, thing.path) == old

    # an order of another tenant may have the same name, but no other one of this tenant
    assert send(edge, order(objects=[thing.key, "b"], jti="once")).status == 409
    assert send(edge, order("other", all=True, jti="once")).status == 200
    assert whole_and_part(edge, thing.path) == old


def test_audit_and_counters(web, web_edges):
    edge = start(web, web_edges, http="log_format p '$xr_purge_orders $xr_purge_refused "
                 "$xr_purge_folded $xr_purge_generation'; access_log p.log p;")
    answer = purge(edge, objects=["a", "b"], prefixes=["c/"], tags=["d"], jti="audited")
    assert answer["purged"] == 4
    assert (f'purge order: tenant="acme" verified=1 key="k1" jti="audited" address=127.0.0.1 '
            f'objects=2 prefixes=1 tags=1 all=0 soft=0 purged=4 '
            f'generation={answer["generation"]} status=200 outcome="purged"') in edge.error_log()
    assert send(edge, order(key=purging.key_of("other"), all=True)).status == 401
    assert edge.get("/acme/c/x").status == 404
    servers.wait_for("the counters", lambda: (edge.folder / "p.log").read_text()
                     .endswith(f"1 1 0 {answer['generation']}\n"))


# What stays

def restart(edge):
    edge.stop()
    edge.start()


def test_a_restart_forgets_nothing(web, web_edges):
    edge = start(web, web_edges, STORES["sliced"])
    things = [Thing(web, "r/", "Cache-Tag: tag") for _ in range(4)]
    kept = Thing(web, "k/")
    for thing in things:
        warm(edge, thing)
    old = warm(edge, kept)

    generations = [purge(edge, **claims)["generation"] for claims in (
        {"objects": [things[0].key]}, {"prefixes": ["r/"], "soft": True}, {"tags": ["tag"]})]
    assert generations == sorted(set(generations))
    restart(edge)

    for thing in things:
        assert whole_and_part(edge, thing.path) == thing.data
    assert whole_and_part(edge, kept.path) == old
    for thing in things:
        thing.write()
    restart(edge)
    purge(edge, all=True)
    restart(edge)
    for thing in (*things, kept):
        assert whole_and_part(edge, thing.path) == thing.data
    assert purge(edge, all=True)["generation"] > generations[-1]


def test_a_reload_forgets_nothing(web, web_edges):
    edge = start(web, web_edges)
    thing, kept = Thing(web, "r/"), Thing(web, "k/")
    warm(edge, thing)
    old = warm(edge, kept)
    text = order(prefixes=["r/"])
    first = send(edge, text)
    edge.reload()
    assert whole_and_part(edge, thing.path) == thing.data
    assert send(edge, text).body == first.body
    assert whole_and_part(edge, kept.path) == old
    purge(edge, objects=[kept.key])
    assert whole_and_part(edge, kept.path) == kept.data
    edge.reload()
    restart(edge)
    assert whole_and_part(edge, kept.path) == kept.data


@pytest.mark.parametrize("size", ["256k", "3m"])
def test_another_size_counts_from_the_next_start_on(web, web_edges, size):
    """The zone that there is stays over a reload, with what was purged and which orders came."""

    edge = start(web, web_edges)
    thing, kept = Thing(web, "r/"), Thing(web, "k/")
    warm(edge, thing)
    old = warm(edge, kept)
    text = order(prefixes=["r/"])
    first = send(edge, text)
    warning = '"xr_purge_zone" is %d from the next start on, and 1048576 until then'
    said = warning % (int(size[:-1]) << (10 if size[-1] == "k" else 20))

    def sized(zone):
        conf = (edge.folder / "nginx.conf").read_text()
        conf = re.sub(r" *xr_purge_zone [^;]*;", "", conf)
        edge.write("nginx.conf", conf.replace("http {", f"http {{ {zone}", 1), 0o644)

    sized(f"xr_purge_zone {size};")
    edge.reload()
    assert edge.error_log().count(said) == 1
    assert whole_and_part(edge, thing.path) == thing.data
    assert send(edge, text).body == first.body, "it was carried out twice"
    assert whole_and_part(edge, kept.path) == old

    purge(edge, objects=[kept.key])
    assert whole_and_part(edge, kept.path) == kept.data
    edge.reload()
    assert edge.error_log().count(said) == 2
    assert whole_and_part(edge, kept.path) == kept.data

    # as it was, and then for good
    sized("")
    edge.reload()
    assert edge.error_log().count("from the next start on") == 2
    sized(f"xr_purge_zone {size};")
    assert edge.test()[0] == 0
    restart(edge)
    assert edge.error_log().count("from the next start on") == 2
    for one in (thing, kept):
        assert whole_and_part(edge, one.path) == one.data
    purge(edge, all=True)


def journal(edge):
    return edge.folder / "xr_state" / "purge.journal"


@pytest.mark.parametrize("damage, wanted, kept", [
    (lambda text: text + b"0123", "has no end", True),
    (lambda text: text.replace(b" ph ", b" oh "), "is damaged", False),
    (lambda text: b"x" + text, "is damaged", False),
    (lambda text: b"\0" * 100, "is damaged", False),
    (lambda text: text.replace(b"\n", b"\n\n"), "is damaged", False)],
    ids=["torn", "a line", "the first line", "zeros", "empty lines"])
def test_a_damaged_journal_purges_more(web, web_edges, damage, wanted, kept):
    edge = start(web, web_edges)
    purged, other = Thing(web, "p/"), Thing(web, "o/")
    warm(edge, purged)
    old = warm(edge, other)
    purge(edge, prefixes=["p/"])
    edge.stop()
    text = journal(edge).read_bytes()
    assert len(text.splitlines()) == 2
    journal(edge).write_bytes(damage(text))
    edge.start()

    assert whole_and_part(edge, purged.path) == purged.data
    assert whole_and_part(edge, other.path) == (old if kept else other.data)
    assert wanted in edge.error_log()

    # it has been repaired
    other.write()
    purge(edge, objects=[other.key])
    restart(edge)
    assert whole_and_part(edge, other.path) == other.data
    assert edge.error_log().count(wanted) == 1


def test_a_full_table_purges_more(web, web_edges):
    edge = start(web, web_edges, http="xr_purge_zone 256k;")
    thing, kept = Thing(web, "t/"), Thing(web, "t/")
    warm(edge, thing)
    old = warm(edge, kept, kept.path.replace("acme", "other"))
    purge(edge, objects=[thing.key])

    for n in range(60):
        purge(edge, prefixes=[f"{n}-{m:03}/" for m in range(100)])
    assert '"xr_purge_zone" is full' in edge.error_log()
    assert whole_and_part(edge, thing.path) == thing.data
    assert whole_and_part(edge, kept.path.replace("acme", "other")) == old
    restart(edge)
    assert whole_and_part(edge, thing.path) == thing.data


def test_keys_are_as_they_were_until_something_is_purged(web, web_edges):
    edge = start(web, web_edges)
    thing = Thing(web)
    edge.get(thing.path)
    files = [path.read_bytes() for path in (edge.folder / "cache").rglob("*") if path.is_file()]
    assert any(b"\nKEY: acme\n" in data for data in files)


# Configuration

@pytest.mark.parametrize("server, http, why", [
    ("location = /p { xr on; xr_purge on; }", "", 'cannot stand beside "xr"'),
    ("location = /p { xr_purge maybe; }", "", "neither"),
    ("", "xr_purge_zone 1k;", "at least 256k"),
    ("", "xr_purge_zone 1m; xr_purge_zone 1m;", "is duplicate"),
    ("", "xr_purge_journal a; xr_purge_journal b;", "is duplicate")])
def test_configuration(configuration, server, http, why):
    code, said = configuration(http, server).test()
    assert code != 0 and why in said
    assert "nginx.conf:" in said


def test_a_journal_that_cannot_be_read(configuration):
    edge = configuration("xr_purge_journal .;", purging.LOCATION)
    code, said = edge.test()
    assert code != 0 and "is not a file" in said


def test_a_test_changes_nothing(configuration):
    edge = configuration("xr_purge_journal journal;", purging.LOCATION)
    assert edge.test()[0] == 0
    assert not (edge.folder / "journal").exists()
    edge.write("journal", "damaged\n")
    assert edge.test()[0] == 0
    assert (edge.folder / "journal").read_text() == "damaged\n"


@pytest.mark.parametrize("text, why", [
    ("k1 " + "ab" * 31, "64 to 128"), ("k1 " + "zz" * 32, "digits"), ("", "no key"),
    (f"k1 {servers.KEY}", "stands twice"), (f"k1 {purging.key_of('other')}", "key")])
def test_bad_keys(configuration, text, why):
    code, said = configuration("", purging.LOCATION, **{"acme.purge": text + "\n"}).test()
    assert code != 0 and why in said, said


# The command

def xr(*args, **env):
    return subprocess.run([servers.BUILD / "xr", "purge", *args], capture_output=True, text=True,
                          env={**os.environ, **env}, timeout=60)


@pytest.fixture(scope="module")
def two(web, web_edges):
    return [start(web, web_edges) for _ in range(2)]


def urls(edges):
    return [f"http://127.0.0.1:{edge.port}" for edge in edges]


@pytest.mark.parametrize("scope", SCOPES)
def test_command(web, two, scope):
    thing = Thing(web, "a/b/", "Cache-Tag: red blue")
    for edge in two:
        assert edge.get(thing.path).body == thing.data
    thing.write()

    options = {"objects": "--object", "prefixes": "--prefix", "tags": "--tag"}
    args = []
    for name, items in SCOPES[scope](thing).items():
        args += ["--all"] if name == "all" else [options[name], *items]
    edges = [arg for url in urls(two) for arg in ("--edge", url)]
    done = xr("--tenant", "acme", *args, *edges, "--key", str(two[0].folder / "acme.purge"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{url}/xr/purge" for url in urls(two)]
    assert all("purged 1, generation " in line for line in lines)
    for edge in two:
        assert edge.get(thing.path).body == thing.data


def test_command_configuration(web, two):
    config = two[0].folder / "xr.json"
    config.write_text(json.dumps({"tenants": {"acme": {
        "purge_keys": "acme.purge", "edges": [f"{urls(two)[0]}/xr/purge"]}}}))
    done = xr("--tenant", "acme", "--all", "--soft", "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    assert "soft=1" in two[0].error_log()


def test_command_prints(two):
    done = xr("--tenant", "acme", "--object", "a.glb", "--print", XR_PURGE_KEY=purging.key_of("acme"))
    assert done.returncode == 0
    claims = jwt.decode(done.stdout.strip(), bytes.fromhex(purging.key_of("acme")), ["HS256"])
    assert (claims["iss"], claims["objects"]) == ("acme", ["a.glb"])
    assert 0 < claims["exp"] - claims["iat"] <= 300 and len(claims["jti"]) == 32
    assert send(two[0], done.stdout.strip()).status == 200


def test_command_fails(two):
    good, key = urls(two)[0], {"XR_PURGE_KEY": purging.key_of("acme")}
    dead = f"http://127.0.0.1:{servers.free_port()}"
    done = xr("--tenant", "acme", "--all", "--edge", dead, "--edge", good, **key)
    assert done.returncode == 1
    assert f"{good}/xr/purge: purged 1" in done.stdout and dead in done.stderr

    done = xr("--tenant", "acme", "--all", "--edge", good, XR_PURGE_KEY=purging.key_of("other"))
    assert done.returncode == 1 and "refused with 401" in done.stderr
    done = xr("--tenant", "acme", "--all", "--edge", f"{good}/acme/x", **key)
    assert done.returncode == 1 and "refused with 405" in done.stderr


@pytest.mark.parametrize("args, why", [
    (["--tenant", "acme"], "what?"), (["--all"], "--tenant NAME"),
    (["--tenant", "acme", "--prefix", "a"], "does not end"),
    (["--tenant", "acme", "--object", "a/../b"], "a/../b"),
    (["--tenant", "acme", "--tag", "a b"], "a tag"),
    (["--tenant", "acme", "--all", "--edge", "ftp://x"], "not http"),
    (["--tenant", "acme", "--all", "--timeout", "0"], "--timeout"),
    (["--tenant", "acme", "--all", "x"], "--tenant NAME")])
def test_command_usage(args, why):
    done = xr("--edge", "http://127.0.0.1:1", *args, XR_PURGE_KEY=purging.key_of("acme"))
    assert done.returncode == 2 and why in done.stderr, done.stderr


@pytest.mark.parametrize("key, why", [("ab", "32 to 128"), ("ab" * 31, "64 to 128")])
def test_command_keys(key, why):
    done = xr("--tenant", "acme", "--all", "--print", XR_PURGE_KEY=key)
    assert done.returncode == 1 and why in done.stderr
