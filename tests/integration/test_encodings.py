# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Content codings, decoded by the public decoders: exact, cached, and never mixed."""

import concurrent.futures
import gzip
import itertools
import json
import os
import random
import subprocess

import brotli
import pytest
import zstandard

import http1
import http2
import purging
import scripted
import servers
from object_origin import ObjectOrigin
from range_model import Object

CODINGS = ("zstd", "br", "gzip")


def text(size, seed=1):
    """JSON of about that many bytes, which neither repeats itself nor is noise."""

    rand = random.Random(seed)
    nodes = []
    while sum(map(len, nodes[-1:])) and len(nodes) * 60 < size or not nodes:
        nodes.append(json.dumps({"box": [rand.random(), rand.random()], "id": len(nodes)}))
    return ("[" + ",\n".join(nodes) + "]").encode()


SOURCE = Object(text(200000), '"v1"')
LARGE = Object(text(8 << 20, 2), '"large"')
OBJECTS = {
    "tileset.json": SOURCE, "scene.gltf": SOURCE, "large.json": LARGE,
    "model.glb": SOURCE, "small.json": Object(b'{"a":1}', '"small"'),
    "weak.json": Object(SOURCE.data, 'W/"weak"'), "bare.json": Object(SOURCE.data, None),
    "stream.json": SOURCE, "app.wasm.br": Object(brotli.compress(SOURCE.data), '"br"'),
}


def decoded(response):
    coding, body = response["content-encoding"], response.body

    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    if coding == "br":
        return brotli.decompress(body)
    return gzip.decompress(body) if coding == "gzip" else body


@pytest.fixture(scope="module")
def web():
    with ObjectOrigin(OBJECTS, {"stream.json": ["chunked"]}) as origin:
        yield origin


COMPRESS = "xr_compress zstd br gzip;"


def start(web, web_edges, location="", **options):
    return web_edges(web.tenants("acme"), origin=web.url,
                     location=f"xr_auth public; {servers.CACHE} {COMPRESS} {location}", **options)


@pytest.fixture(scope="module", params=["whole", "slices"])
def edge(request, web, web_edges):
    return start(web, web_edges, "xr_slice 64k;" if request.param == "slices" else "",
                 server="http2 on;")


@pytest.fixture
def path():
    return f"/acme/{next(NAMES)}/"


NAMES = (f"n{os.getpid()}-{n}" for n in itertools.count(1))


def fetch(edge, path, accept, method="GET", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if accept is not None:
        fields["Accept-Encoding"] = accept
    response = edge.get(path, method, headers=fields)
    assert response.complete
    return response


@pytest.mark.parametrize("name", ["tileset.json", "scene.gltf", "large.json"])
@pytest.mark.parametrize("coding", CODINGS)
def test_each_coding_is_exact_and_cached(web, edge, path, name, coding):
    source = OBJECTS[name]
    first = fetch(edge, path + name, coding)
    again = fetch(edge, path + name, coding)

    for response in (first, again):
        assert response.status == 200
        assert response["content-encoding"] == coding
        assert response["vary"] == "Accept-Encoding"
        assert response["x-file-size"] == str(len(source.data))
        assert response["etag"] == source.etag[:-1] + f'-{coding}"'
        assert response["last-modified"] is None
        assert response["accept-ranges"] is None
        assert len(response.body) < len(source.data) * 0.7
        assert decoded(response) == source.data

    assert first.body == again.body
    assert again["content-length"] == str(len(again.body))
    assert len(web.reads(path + name)) == 1

    head = fetch(edge, path + name, coding, "HEAD")
    assert [head[name] for name in ("etag", "content-encoding", "content-length", "vary")] == \
        [again[name] for name in ("etag", "content-encoding", "content-length", "vary")]


def test_codings_stay_apart(web, edge, path):
    """Each of them and identity is an entry, with an entity tag and conditions of its own."""

    path += "tileset.json"
    seen = {}

    for accept in (*CODINGS, None):
        response = fetch(edge, path, accept)
        assert response["content-encoding"] == accept
        assert decoded(response) == SOURCE.data
        seen[accept] = response["etag"]

    assert len(set(seen.values())) == 4
    asked = len(web.reads(path))

    for accept, etag in seen.items():
        for other, tag in seen.items():
            response = fetch(edge, path, accept, If_None_Match=tag)
            assert response.status == (304 if other == accept else 200)
            assert response["etag"] == etag
            assert response["vary"] == "Accept-Encoding"

    assert fetch(edge, path, "br", If_Match=seen["zstd"]).status == 412
    assert fetch(edge, path, "br", If_Match=seen["br"]).status == 200
    assert len(web.reads(path)) == asked


def test_ranges_are_of_identity(web, edge, path):
    path += "tileset.json"
    encoded = fetch(edge, path, "zstd")

    response = fetch(edge, path, "zstd", Range="bytes=100-70000")
    assert (response.status, response["content-encoding"]) == (206, None)
    assert response.body == SOURCE.data[100:70001]
    assert response["vary"] == "Accept-Encoding"

    # what was taken of another coding is not continued
    response = fetch(edge, path, "zstd", Range="bytes=100-", If_Range=encoded["etag"])
    assert (response.status, response.body) == (200, SOURCE.data)

    response = fetch(edge, path, "zstd", Range="bytes=100-", If_Range=SOURCE.etag)
    assert (response.status, response.body) == (206, SOURCE.data[100:])

    assert fetch(edge, path, "identity;q=0, zstd", Range="bytes=0-1").status == 406


@pytest.mark.parametrize("accept, coding", [
    ("gzip, deflate, br, zstd", "zstd"), ("br;q=1, zstd;q=0.5", "br"), ("gzip", "gzip"),
    ("*", "zstd"), ("*;q=0, br", "br"), ("", None), ("identity", None), ("deflate", None),
    ("gzip;q=0", None), ("zstd;q=2", None), ("GZIP", "gzip"), ("x-gzip", "gzip"),
    ("identity;q=1, br;q=0.9", None), ("identity;q=0, gzip;q=0.1", "gzip"),
    ("zstd;q=0, *", "br"), ("br, br;q=0", None)])
def test_what_a_client_gets(edge, path, accept, coding):
    response = fetch(edge, path + "tileset.json", accept)
    assert (response.status, response["content-encoding"]) == (200, coding)
    assert decoded(response) == SOURCE.data


@pytest.mark.parametrize("name", ["tileset.json", "model.glb"])
@pytest.mark.parametrize("accept", ["identity;q=0", "*;q=0", "gzip;q=0, *;q=0"])
def test_nothing_is_acceptable(edge, path, name, accept):
    response = fetch(edge, path + name, accept)
    assert response.status == 406
    assert response["cache-control"] == "no-store"
    assert edge.logged(response)["reason"] == "encoding"


@pytest.mark.parametrize("name", ["model.glb", "small.json", "weak.json", "bare.json",
                                  "stream.json"])
def test_what_is_not_encoded(web, edge, path, name):
    for _ in range(2):
        response = fetch(edge, path + name, "zstd, br, gzip")
        assert (response.status, response["content-encoding"]) == (200, None)
        assert response.body == OBJECTS[name].data
        assert response["etag"] == OBJECTS[name].etag
        assert response["vary"] == (None if name == "model.glb" else "Accept-Encoding")


def test_a_stampede_asks_once(web, edge, path):
    path += "large.json"

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for response in pool.map(lambda _: fetch(edge, path, "br"), range(12)):
            assert decoded(response) == LARGE.data

    assert len(web.reads(path)) == 1


def test_http2_and_curl(web, edge, path):
    with http2.Connection(edge.port) as client:
        for _ in range(2):
            response = client.request(path + "tileset.json",
                                      headers={"Accept-Encoding": "br"})
            assert response.complete and response["content-encoding"] == "br"
            assert decoded(response) == SOURCE.data

    for _ in range(2):
        done = subprocess.run(["curl", "-sS", "--compressed", "-f",
                               f"http://127.0.0.1:{edge.port}{path}scene.gltf"],
                              capture_output=True, check=True, timeout=60)
        assert done.stdout == SOURCE.data


def answer(body, *fields, length=None):
    head = scripted.message(200, b"", *fields, f"Content-Length: {length or len(body)}",
                            length=False)
    return head + body


@pytest.fixture(scope="module")
def scripts(web_edges):
    with scripted.Origin() as origin:
        yield origin, start(origin, web_edges)


def test_a_cut_body_is_not_stored(scripts, path):
    origin, edge = scripts
    path += "cut.json"
    origin.put_at(path, [answer(SOURCE.data[:150000], 'ETag: "a"', length=len(SOURCE.data)),
                      scripted.CLOSE], answer(SOURCE.data, 'ETag: "a"'))

    first = edge.get(path, headers={"Accept-Encoding": "gzip"})
    assert first["content-encoding"] == "gzip" and not first.complete

    response = fetch(edge, path, "gzip")
    assert decoded(response) == SOURCE.data
    assert edge.logged(response)["cache"] == "MISS"


@pytest.mark.parametrize("field", ["Cache-Control: no-store", "Cache-Control: private",
                                   "Set-Cookie: a=b", "Vary: *", "Content-Encoding: gzip"])
def test_what_is_for_one_client_is_not_encoded(scripts, path, field):
    origin, edge = scripts
    path += "own.json"
    origin.put_at(path, answer(SOURCE.data, 'ETag: "a"', field))

    response = fetch(edge, path, "zstd, gzip;q=0.5")
    assert response.body == SOURCE.data
    assert response["etag"] == '"a"'
    assert response["x-file-size"] is None


def test_an_object_that_changes(scripts, path):
    """The origin is asked by its own entity tag, and what it says is what is sent."""

    origin, edge = scripts
    path += "new.json"
    second = text(90000, 3)
    origin.put_at(path, answer(SOURCE.data, 'ETag: "a"', "Cache-Control: max-age=0"),
               scripted.message(304, b"", 'ETag: "a"', "Cache-Control: max-age=0", length=False),
               answer(second, 'ETag: "b"', "Cache-Control: max-age=60"))

    assert fetch(edge, path, "br")["etag"] == '"a-br"'

    response = fetch(edge, path, "br")
    assert (response["etag"], decoded(response)) == ('"a-br"', SOURCE.data)

    servers.wait_for("the new one", lambda: fetch(edge, path, "br")["etag"] == '"b-br"')
    response = fetch(edge, path, "br")
    assert (response["content-encoding"], decoded(response)) == ("br", second)

    asked = [request.headers.get("if-none-match") for request in origin.requests
             if request.path == path]
    assert asked == [None, '"a"', '"a"']


def test_a_client_that_leaves(scripts, path):
    """What it began is finished for others."""

    origin, edge = scripts
    path += "left.json"
    half = len(LARGE.data) // 2
    head = answer(LARGE.data, 'ETag: "a"')[:-half]
    origin.put_at(path, [head, 0.3, LARGE.data[-half:]])

    with http1.Connection(edge.port) as client:
        client.send(path, headers={"Accept-Encoding": "zstd"})
        assert b"200" in client.file.readline()

    response = fetch(edge, path, "zstd")
    assert decoded(response) == LARGE.data
    assert len([request for request in origin.requests if request.path == path]) == 1


def test_too_many_at_a_time(web_edges, path):
    """Beyond the number that is allowed, objects come as they are, and are stored as such."""

    with scripted.Origin() as origin:
        edge = start(origin, web_edges, "xr_compress_concurrency 1;")
        slow = [answer(SOURCE.data, 'ETag: "a"')[:-1000], 1.5, SOURCE.data[-1000:]]
        origin.put_at(path + "slow.json", slow)
        origin.put_at(path + "other.json", answer(SOURCE.data, 'ETag: "b"'))

        with http1.Connection(edge.port) as client:
            tag = client.send(path + "slow.json", headers={"Accept-Encoding": "zstd"})
            client.sock.recv(1, 2)          # its header is there

            response = fetch(edge, path + "other.json", "zstd")
            assert (response["content-encoding"], response.body) == (None, SOURCE.data)
            assert decoded(client.receive(tag=tag)) == SOURCE.data

        response = fetch(edge, path + "other.json", "zstd")
        assert (response["content-encoding"], decoded(response)) == ("zstd", SOURCE.data)


def test_a_purge_is_of_all_codings(web_edges, path):
    with purging.TaggedOrigin(dict(OBJECTS)) as origin:
        edge = web_edges({"acme": f"origin {origin.url}; purge_keys acme.purge;"},
                         files={"acme.purge": f"main {purging.key_of('acme')}\n"},
                         origin=origin.url, server=purging.LOCATION,
                         location=f"xr_auth public; {servers.CACHE} {COMPRESS}")
        path += "tileset.json"

        for accept in (*CODINGS, None):
            fetch(edge, path, accept)

        changed = Object(text(50000, 7), '"v2"')
        origin.objects["tileset.json"] = changed
        purging.purge(edge, objects=[path.removeprefix("/acme/")])

        for accept in (*CODINGS, None):
            response = fetch(edge, path, accept)
            assert decoded(response) == changed.data
            assert response["content-encoding"] == accept


def test_names_that_tell_a_coding(web, web_edges, path):
    edge = start(web, web_edges, "xr_encoded_names on;")
    path += "app.wasm.br"

    response = fetch(edge, path, "br")
    assert response["content-encoding"] == "br"
    assert response["content-type"] == "application/wasm"
    assert decoded(response) == SOURCE.data

    # ranges are of the encoded bytes
    part = fetch(edge, path, "br", Range="bytes=10-99")
    assert (part.status, part["content-encoding"]) == (206, "br")
    assert part.body == response.body[10:100]

    response = fetch(edge, path, "gzip")
    assert (response["content-encoding"], response["vary"]) == (None, "Accept-Encoding")
    assert response.body == OBJECTS["app.wasm.br"].data


def test_others_have_their_turn(web, edge, path, tmp_path):
    """While large objects are encoded, small requests do not wait for their end."""

    fetch(edge, path + "small.json", None)

    # clients of their own, as this process could not read them all and ask, too
    files = [tmp_path / str(n) for n in range(4)]
    large = [subprocess.Popen(["curl", "-sf", "-H", "Accept-Encoding: br", "-o", file,
                               f"http://127.0.0.1:{edge.port}{path}{file.name}/large.json"])
             for file in files]
    answered = 0

    while not any(job.poll() is not None for job in large):
        fetch(edge, path + "small.json", None)
        answered += 1

    for job, file in zip(large, files):
        assert job.wait(60) == 0
        assert brotli.decompress(file.read_bytes()) == LARGE.data
    assert answered > 5


@pytest.mark.parametrize("location, reason", [
    ("xr_compress deflate;", 'invalid coding "deflate"'),
    ("xr_compress br br;", 'coding "br" is given twice'),
    ("xr_compress br off;", 'invalid coding "off"'),
    ("xr_compress_level 7;", '"xr_compress_level" must be from 1 to 6'),
    ("xr_compress_concurrency 0;", '"xr_compress_concurrency" must not be 0'),
    ("xr_compress_min_length 2k; xr_compress_max_length 1k;", "must not exceed"),
    ("xr_compress_types json;", 'invalid type "json"'),
    ("xr_compress_types text/*;", 'invalid type "text/*"')])
def test_refused(tmp_path, location, reason):
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:1;"},
                        location=f"{servers.CACHE} {location}")
    code, said = edge.test()
    assert code != 0 and reason in said and "nginx.conf:" in said


def test_types_that_do_not_gain(tmp_path):
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:1;"},
                        location=f"{servers.CACHE} xr_compress_types model/gltf-binary;")
    code, said = edge.test()
    assert code == 0 and '"model/gltf-binary" is not compressed' in said
