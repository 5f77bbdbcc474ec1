# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker sync keeps MaxMind databases: of their vendor, of a web server, of S3."""

import base64
import gzip
import hashlib
import io
import tarfile

import pytest

import live
import scripted
import servers
import syncing
from mmdb import country, database
from scripted import message

GERMAN = database({"203.0.113.0/24": country("DE", "EU")})
FRENCH = database({"203.0.113.0/24": country("FR", "EU")})
MODIFIED = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
LOGIN = "12345:a-license-key"


def archive(*files, form=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            if data is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def tar_of(data, name="GeoLite2-City_20260101/GeoLite2-City.mmdb", **options):
    return archive(("GeoLite2-City_20260101", None), ("GeoLite2-City_20260101/COPYRIGHT.txt", b"c"),
                   (name, data), **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vendor")


@pytest.fixture(scope="module")
def authority(folder):
    return scripted.certificate(folder, "vendor", "localhost")


@pytest.fixture(scope="module")
def vendor(authority):
    with scripted.Origin(*authority) as origin:
        origin.ca = authority[0]
        yield origin


@pytest.fixture(scope="module")
def storage(authority):
    """What the vendor redirects to: another port of the same machine."""

    with scripted.Origin(*authority) as origin:
        yield origin


@pytest.fixture
def sync(tmp_path):
    syncing.write(tmp_path / "login", LOGIN + "\n")
    with syncing.worker(tmp_path) as worker:
        yield worker


def source(vendor, *answers, **options):
    path = vendor.put(*answers, tenant="geo")
    return path, {"kind": "geo", "url": vendor.url + path, "ca": str(vendor.ca),
                  "file": "geo.mmdb", "min": "1s", "every": "1s", "retry": "1s", **options}


def has(sync, data):
    path = sync.folder / "geo.mmdb"
    return path.exists() and path.read_bytes() == data


def test_a_database_is_replaced_without_a_reload(web_edges, web, vendor, sync):
    edge = web_edges(web.tenants("acme"), http="xr_geo geo.mmdb; xr_trusted_proxy 127.0.0.9;",
                     server="add_header X-Country $xr_geo_country always;",
                     files={"geo.mmdb": GERMAN})
    path, conf = source(vendor, message(200, gzip.compress(tar_of(FRENCH))),
                        file=str(edge.folder / "geo.mmdb"))

    def where():
        return edge.get("/acme/x.glb", source="127.0.0.9",
                        headers={"X-Forwarded-For": "203.0.113.7"})["x-country"]

    assert where() == "DE"
    sync.start(geo=conf)
    servers.wait_for("the new one", lambda: where() == "FR", 10 + live.SOON)
    servers.wait_for("health", sync.healthy)


FORMS = {
    "bare": FRENCH, "gzip": gzip.compress(FRENCH), "tar": tar_of(FRENCH),
    "tar.gz": gzip.compress(tar_of(FRENCH)),
    "ustar": tar_of(FRENCH, form=tarfile.USTAR_FORMAT),
    "pax": gzip.compress(tar_of(FRENCH, form=tarfile.PAX_FORMAT)),
    "a name that leads elsewhere": tar_of(FRENCH, "../../../../tmp/x.mmdb"),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_it_comes_in(vendor, sync, name):
    path, conf = source(vendor, message(200, FORMS[name]))
    sync.once(geo=conf)
    assert has(sync, FRENCH)
    assert (sync.folder / "geo.mmdb").stat().st_mode & 0o777 == 0o644


HALF = len(FRENCH) // 2
BAD = {
    "empty": (b"", "the database"),
    "html": (b"<html>", "the database"),
    "half a database": (FRENCH[:HALF], "the database"),
    "half of gzip": (gzip.compress(FRENCH)[:-20], "damaged, or cut off"),
    "damaged gzip": (b"\x1f\x8b" + b"\xff" * 100, "damaged, or cut off"),
    "a bomb": (gzip.compress(b"\0" * (40 << 20)), "too large when it is unpacked"),
    "no database in it": (tar_of(b"x", "x/y.txt"), "no such file"),
    "two of them": (archive(("a.mmdb", FRENCH), ("b.mmdb", GERMAN)), "two such files"),
    "half an archive": (tar_of(FRENCH)[:2300], "cut off"),
    "a damaged header": (tar_of(FRENCH)[:512] + b"x" + tar_of(FRENCH)[513:], "damaged"),
    "nothing that is known": (database({"203.0.113.0/24": {"x": "y"}}), "tells neither"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_last_good_one_stays(vendor, sync, name):
    data, reason = BAD[name]
    path, conf = source(vendor, message(200, GERMAN))
    sync.once(geo=conf)
    vendor.put_at(path, message(200, data))
    said = sync.once(1, geo={**conf, "size": "32m"})
    assert reason in said, said
    assert has(sync, GERMAN)


def test_too_large(vendor, sync):
    path, conf = source(vendor, message(200, b"x" * 70000), size="64k")
    assert "the answer is too large" in sync.once(1, geo=conf)


def test_not_modified(vendor, sync):
    def answer(request):
        if request.headers.get("if-modified-since"):
            return message(304, b"", length=False)
        return message(200, GERMAN, MODIFIED)

    path, conf = source(vendor, answer)
    sync.start(geo=conf)
    sync.looks("geo", 2)
    assert has(sync, GERMAN) and sync.metric("xr_sync_source_failures_total", "geo") == 0
    assert "if-modified-since" in vendor.seen(path)[-1].headers


# The vendor's way: basic authentication, and a redirect to a storage

def test_login_and_redirect(vendor, storage, sync):
    target = storage.put(lambda r: message(304, b"", length=False) if "if-modified-since"
                         in r.headers else message(200, gzip.compress(tar_of(FRENCH)), MODIFIED),
                         tenant="bucket")

    def answer(request):
        want = "Basic " + base64.b64encode(LOGIN.encode()).decode()
        if request.headers.get("authorization") != want:
            return message(401)
        return message(302, b"", f"Location: {storage.url}{target}")

    path, conf = source(vendor, answer)
    assert "status 401" in sync.once(1, geo=conf)
    conf["login"] = "login"
    assert "is not followed" in sync.once(1, geo=conf)
    assert storage.seen(target) == []
    assert "is not followed" in sync.once(1, geo={**conf, "redirect": ["*.localhost", "x.test"]})

    sync.start(geo={**conf, "redirect": ["localhost"]})
    sync.looks("geo", 2)
    assert has(sync, FRENCH)
    seen = storage.seen(target)
    assert all("authorization" not in request.headers for request in seen)
    assert "if-modified-since" in seen[-1].headers
    assert LOGIN not in sync.said()


@pytest.mark.parametrize("to, reason", [("http://localhost:1/x", "to http of localhost"),
                                        ("ftp://localhost/x", "to nowhere"),
                                        ("https://user:x@localhost/x", "to nowhere"), ("", "")])
def test_redirects_that_are_not_followed(vendor, sync, to, reason):
    path, conf = source(vendor, message(302, b"", f"Location: {to}"), redirect=["localhost"])
    said = sync.once(1, geo=conf)
    assert reason in said, said


def test_a_loop(vendor, sync):
    path, conf = source(vendor, lambda r: message(302, b"", f"Location: {vendor.url}{r.path}"),
                        redirect=["localhost"])
    assert "more than 3 redirects" in sync.once(1, geo=conf)
    assert len(vendor.seen(path)) == 4


@pytest.mark.parametrize("text, mode, reason", [("x", 0o600, "no \"ACCOUNT:LICENSE\""),
                                                ("a:b\nc", 0o600, "no \"ACCOUNT:LICENSE\""),
                                                (LOGIN, 0o644, "every user")])
def test_a_login_that_is_none(vendor, sync, text, mode, reason):
    path, conf = source(vendor, message(200, FRENCH), login="login")
    syncing.write(sync.folder / "login", text, mode)
    assert reason in sync.once(1, geo=conf)
    assert vendor.seen(path) == []


# Digests

@pytest.mark.parametrize("text, reason", [
    ("{} *GeoLite2-City.tar.gz\n", None), ("{}", None), ("", "is no digest"),
    ("{0}{0}", "is no digest"), ("00" * 32, "another digest")])
def test_digest(vendor, sync, text, reason):
    data = gzip.compress(tar_of(FRENCH))
    path, conf = source(vendor, message(200, data))
    text = text.format(hashlib.sha256(data).hexdigest())
    conf["sha256"] = vendor.url + vendor.put(message(200, text.encode()), tenant="geo")

    if reason is None:
        sync.once(geo=conf)
        assert has(sync, FRENCH)
    else:
        assert reason in sync.once(1, geo=conf)
        assert not (sync.folder / "geo.mmdb").exists()


def test_from_s3(stack, sync):
    stack.put(gzip.compress(GERMAN), "geo/city.mmdb.gz")
    syncing.write(sync.folder / "s3.ini", f"[edge]\naws_access_key_id = "
                  f"{stack['s3_access_key']}\naws_secret_access_key = {stack['s3_secret_key']}\n")
    conf = {"kind": "geo", "url": f"s3://{stack.bucket}/geo/city.mmdb.gz", "file": "geo.mmdb",
            "endpoint": stack["s3"], "style": "path", "http": True, "credentials": "s3.ini",
            "profile": "edge", "min": "1s", "every": "1s"}

    sync.start(geo=conf)
    sync.looks("geo", 2)
    assert has(sync, GERMAN)
    assert sync.metric("xr_sync_source_replaced_total", "geo") == 1

    stack.put(gzip.compress(FRENCH), "geo/city.mmdb.gz")
    servers.wait_for("the new one", lambda: has(sync, FRENCH))
