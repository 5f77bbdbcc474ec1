# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Textures of fewer pixels, and the heads of models: prefixes of objects."""

import concurrent.futures
import os
import random
import struct
import subprocess

import pytest

import ktx2
import purging
import servers
from object_origin import ObjectOrigin
from range_model import Object

LOCATION = f"xr_auth public; {servers.CACHE} add_header X-Cut $xr_cut; add_header X-C $xr_cache_status;"
SIZES = [60000, 15000, 4000, 1000, 300, 80, 21, 7, 3, 2]


@pytest.fixture(scope="module")
def origin():
    with ObjectOrigin({}, {}) as origin:
        yield origin


@pytest.fixture(scope="module", params=["cached", "uncached", "slices"])
def edge(request, origin, web_edges):
    location = {"cached": LOCATION, "uncached": LOCATION.replace(servers.CACHE, ""),
                "slices": f"{LOCATION} xr_slice 8k;"}[request.param]
    edge = web_edges(origin.tenants("acme"), origin=origin.url, location=location)
    edge.cached = request.param != "uncached"
    return edge


@pytest.fixture(scope="module")
def cached(origin, web_edges):
    return web_edges(origin.tenants("acme"), origin=origin.url, location=LOCATION)


@pytest.fixture(scope="module")
def tools():
    for what in ([], ["tests"]):
        subprocess.run([servers.TOP / "scripts" / "build-viewer", *what], check=True, timeout=300)
    return servers.BUILD / "npm" / "tests", servers.BUILD / "viewer"


def store(origin, data, suffix="ktx2", etag=None, **quirks):
    name = f"{random.getrandbits(60):x}.{suffix}"
    origin.objects[name] = Object(data, etag or f'"{random.getrandbits(60):x}"', 1_700_000_000)
    origin.quirks[name] = quirks.get("quirks", ())
    return f"/acme/{name}", name


@pytest.mark.parametrize("scheme, images, more", [
    (2, 1, {}), (3, 1, {"values": b"\x08\0\0\0key\0abc\0"}), (0, 1, {}), (1, 1, {}),
    (1, 6, {"faces": 6}), (1, 3, {"layers": 3, "values": b"\x04\0\0\0k\0v\0"}),
    (2, 6, {"faces": 6}), (2, 1, {"layers": 1})])
@pytest.mark.parametrize("maxdim, first", [(512, 1), (300, 2), (256, 2), (1, 10), (1023, 1)])
def test_levels_that_stay_are_the_same(origin, edge, scheme, images, more, maxdim, first):
    sizes = [size if scheme else size * 16 for size in [*SIZES, 1]]
    data, levels = ktx2.texture(1024, 1024, sizes, scheme, images, **more)
    path, _ = store(origin, data)

    response = edge.get(f"{path}?maxdim={maxdim}")

    assert (response.status, response["x-cut"]) == (200, "cut")
    assert int(response["content-length"]) == len(response.body)
    assert ktx2.levels_of(response.body) == (1024 >> first, 1024 >> first, levels[first:])
    assert response["content-type"] == "image/ktx2"

    if scheme == 0:
        assert struct.unpack_from("<Q", response.body, 80)[0] % 16 == 0
    if scheme == 1:
        at, size = struct.unpack_from("<2Q", response.body, 64)
        was, old = struct.unpack_from("<2Q", data, 64)
        assert (at % 8, old - size) == (0, 20 * images * first)
        assert response.body[at:at + 20] == data[was:was + 20]
        assert response.body[at + 20:at + size] == data[was + 20 + old - size:was + old]


def test_what_is_cut_is_a_representation_of_its_own(origin, edge):
    data, levels = ktx2.texture(512, 512, SIZES)
    path, _ = store(origin, data, etag='"one"')

    whole = edge.get(path)
    cut = edge.get(f"{path}?maxdim=200")
    size = len(cut.body)

    assert whole["etag"] == '"one"' and cut["etag"] == '"one-xr.k2"'
    assert whole.body == data and whole["x-cut"] is None

    for headers, status, body in [
            ({"Range": "bytes=0-99"}, 206, cut.body[:100]),
            ({"Range": f"bytes={size - 10}-"}, 206, cut.body[-10:]),
            ({"Range": "bytes=-5"}, 206, cut.body[-5:]),
            ({"Range": f"bytes={size}-"}, 416, None),
            ({"Range": "bytes=3-9", "If-Range": '"one-xr.k2"'}, 206, cut.body[3:10]),
            ({"Range": "bytes=3-9", "If-Range": '"one"'}, 200, cut.body),
            ({"If-None-Match": '"one-xr.k2"'}, 304, b""),
            ({"If-None-Match": '"one"'}, 200, cut.body),
            ({"If-Match": '"one"'}, 412, None)]:
        response = edge.get(f"{path}?maxdim=200", headers=headers)
        assert response.status == status, headers
        assert body is None or response.body == body, headers

    response = edge.get(f"{path}?maxdim=200", headers={"Range": "bytes=0-9"})
    assert response["content-range"] == f"bytes 0-9/{size}"

    head = edge.get(f"{path}?maxdim=200", "HEAD")
    assert (head.status, head["content-length"], head["etag"]) == (200, str(size), '"one-xr.k2"')


def test_one_body_per_level_and_one_read_of_the_origin(origin, cached):
    data, levels = ktx2.texture(512, 512, SIZES)
    path, _ = store(origin, data)
    bodies = {cached.get(f"{path}?maxdim={n}").body for n in range(64, 128)}

    assert len(bodies) == 1
    assert origin.reads(path) == [(0, 1023), (0, len(data) - sum(SIZES[:3]) - 1)]

    again = cached.get(f"{path}?maxdim=100")
    assert again["x-c"] == "HIT"


@pytest.mark.parametrize("query", ["maxdim=", "maxdim=x", "maxdim=-1", "maxdim=0", "maxdim=1e3",
                                   "maxdim=99999999999999999999", "maxdim=64&maxdim=32", "part=head",
                                   "Maxdim=64", "xmaxdim=64"])
def test_what_is_malformed_is_not_there(origin, cached, query):
    data, _ = ktx2.texture(512, 512, SIZES)
    path, _ = store(origin, data)
    response = cached.get(f"{path}?{query}")

    assert (response.status, response.body, response["x-cut"]) == (200, data, None)


def changed(data, offset, form, *values):
    data = bytearray(data)
    struct.pack_into("<" + form, data, offset, *values)
    return bytes(data)


def refusals():
    data, _ = ktx2.texture(512, 512, SIZES)
    two, _ = ktx2.texture(512, 512, SIZES[:2])
    a, b = (struct.unpack_from("<3Q", data, 80 + 24 * i) for i in (0, 1))

    return {
        "full": (data, 512), "full-more": (data, 5000), "levels": (two, 64),
        "volume": (changed(data, 28, "I", 4), 64), "scheme": (changed(data, 44, "I", 9), 64),
        "order": (changed(data, 80, "6Q", *b, *a), 64),
        "format": (b"not a texture at all", 64), "format-count": (changed(data, 40, "I", 2**31), 64),
        "format-beyond": (changed(data, 80, "Q", 2**63 + 5), 64)}


@pytest.mark.parametrize("case", refusals())
def test_what_cannot_be_cut_is_served_as_it_is(origin, edge, case):
    data, maxdim = refusals()[case]
    path, _ = store(origin, data)
    word = case.partition("-")[0]

    for _ in range(2):
        response = edge.get(f"{path}?maxdim={maxdim}")
        assert (response.status, response.body) == (200, data)
        assert response["x-cut"] == (word if word == "full" else f"refused:{word}")


@pytest.mark.parametrize("quirks, etag, word", [
    (["no ranges"], '"strong"', "ranges"), ([], 'W/"weak"', "validator"),
    (["no ranges", "chunked"], '"chunked"', "ranges")])
def test_an_origin_that_cannot_be_relied_on(origin, edge, quirks, etag, word):
    data, _ = ktx2.texture(512, 512, SIZES)
    path, _ = store(origin, data, etag=etag, quirks=quirks)
    response = edge.get(f"{path}?maxdim=64")

    assert (response.status, response.body) == (200, data)
    assert response["x-cut"] == f"refused:{word}"


def test_an_object_that_is_not_there(origin, edge):
    response = edge.get("/acme/none.ktx2?maxdim=64")
    assert (response.status, response["cache-control"]) == (404, "no-store")


def test_no_mixture_of_two_versions(origin, edge):
    old, _ = ktx2.texture(512, 512, SIZES)
    new, levels = ktx2.texture(512, 512, [size + 1 for size in SIZES])
    path, name = store(origin, old)

    assert edge.get(f"{path}?maxdim=256").status == 200
    origin.objects[name] = Object(new, '"new"', 1_700_000_500)

    # its beginning is known from before, this level is not stored
    response = edge.get(f"{path}?maxdim=64")
    assert (response.status, response["x-cut"]) == (200, "cut")
    assert ktx2.levels_of(response.body) == (64, 64, levels[3:])
    assert response["etag"] == '"new-xr.k3"'


def test_it_is_renewed_by_its_entity_tag(origin, web_edges):
    location = LOCATION.replace("xr_cache_valid 200 1d", "xr_cache_valid 200 1s")
    edge = web_edges(origin.tenants("acme"), origin=origin.url, location=location)
    data, _ = ktx2.texture(512, 512, SIZES)
    path, name = store(origin, data)
    first = edge.get(f"{path}?maxdim=64")
    last = len(data) - sum(SIZES[:3]) - 1

    def renewed():
        response = edge.get(f"{path}?maxdim=64")
        assert (response.status, response.body) == (200, first.body)
        return (0, last) in origin.reads(path)[2:]

    servers.wait_for("a renewal", renewed)

    for request in origin.seen(path)[2:]:
        assert request.headers["if-none-match"] == origin.objects[name].etag


def test_off(origin, web_edges):
    edge = web_edges(origin.tenants("acme"), origin=origin.url, location=LOCATION + "xr_cut off;")
    data, _ = ktx2.texture(512, 512, SIZES)
    path, _ = store(origin, data)

    assert edge.get(f"{path}?maxdim=64").body == data


def test_the_head_of_a_model(origin, edge):
    data, head = ktx2.model(os.urandom(5000), os.urandom(90000))
    path, _ = store(origin, data, "glb")
    response = edge.get(f"{path}?part=head")

    assert (response.status, response["x-cut"], response.body) == (200, "cut", data[:head])
    assert response["etag"].endswith(f'-xr.h{head}"')
    assert response["content-type"] == "model/gltf-binary"
    assert edge.get(f"{path}?part=head", headers={"Range": "bytes=-7"}).body == data[head - 7:head]
    assert edge.get(path).body == data


def test_the_head_of_a_model_with_much_to_say(origin, edge):
    data, head = ktx2.model(os.urandom(5000), os.urandom(9000), extras=["x" * 50] * 900)
    path, _ = store(origin, data, "glb")

    assert edge.get(f"{path}?part=head").body == data[:head]


@pytest.mark.parametrize("case, word", [("images first", "refused:layout"), ("no image", "full"),
                                        ("json", "refused:json"), ("short", "refused:length")])
def test_models_without_a_head(origin, edge, case, word):
    data = {"images first": ktx2.model(os.urandom(500), os.urandom(900), "images")[0],
            "no image": ktx2.model(os.urandom(500))[0],
            "json": ktx2.model(b"geometry")[0].replace(b"{", b"[", 1),
            "short": ktx2.model(os.urandom(500), os.urandom(900))[0] + b"more"}[case]
    path, _ = store(origin, data, "glb")
    response = edge.get(f"{path}?part=head")

    assert (response.status, response.body, response["x-cut"]) == (200, data, word)


def mutations(data, seed, count):
    """Files that differ from a good one where it matters."""

    rng = random.Random(seed)
    odd = [0, 1, 2, 0x7fffffff, 0xffffffff, 2**32, 2**63, 2**64 - 1]

    for _ in range(count):
        new = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(0, min(len(new), 420) // 4) * 4
            value = rng.choice([*odd, rng.getrandbits(32), len(data), len(data) - 1])
            if rng.random() < 0.3 and at + 8 <= len(new):
                struct.pack_into("<Q", new, at, value)
            else:
                struct.pack_into("<I", new, at, value & 0xffffffff)
        if rng.random() < 0.2:
            del new[rng.randrange(1, len(new)):]
        yield bytes(new)


@pytest.mark.parametrize("kind", ["zstd", "basis", "none", "model"])
def test_hostile_files(origin, cached, kind):
    if kind == "model":
        good, query = ktx2.model(os.urandom(50), os.urandom(900))[0], "part=head"
    else:
        scheme = {"none": 0, "basis": 1, "zstd": 2}[kind]
        sizes = [16 * size for size in (400, 100, 30, 9, 3)]
        good, query = ktx2.texture(16, 16, sizes, scheme)[0], "maxdim=4"

    for data in mutations(good, kind, 100):
        path, _ = store(origin, data, "glb" if kind == "model" else "ktx2")
        response = cached.get(f"{path}?{query}")

        assert response.status == 200
        assert response["x-cut"] == "cut" or response.body == data
        assert len(response.body) <= len(data)
        assert int(response["content-length"]) == len(response.body)


FILES = [(256, 256, "etc1s"), (512, 256, "etc1s", "2d", 1, "alpha"), (2048, 2048, "etc1s"),
         (256, 256, "uastc"), (1000, 600, "uastc"), (2048, 2048, "uastc"),
         (256, 256, "etc1s", "cube", 6), (256, 256, "etc1s", "array", 3, "alpha"),
         (128, 128, "uastc", "cube", 6), (128, 128, "uastc", "array", 3)]


@pytest.mark.parametrize("words", FILES, ids=lambda words: "-".join(map(str, words)))
def test_every_level_transcodes_to_the_same_pixels(stack, edges, tools, tmp_path, words):
    npm, viewer = tools
    data = ktx2.made(npm, *words)
    key, _ = stack.put(data, suffix=".ktx2")
    edge = edges({"acme": ""}, location=LOCATION)
    whole = tmp_path / "whole"
    whole.write_bytes(data)
    wanted = ktx2.pixels(viewer, whole)[1:]
    images = len([line for line in wanted if line.startswith(f"{words[0]}x{words[1]} ")])
    edge_size = max(words[:2])
    count = len(wanted) // images

    for level in range(1, count, 1 if edge_size < 2048 else 2):
        response = edge.get(f"/acme/{key}?maxdim={edge_size >> level}")
        assert (response.status, response["x-cut"]) == (200, "cut")

        part = tmp_path / "part"
        part.write_bytes(response.body)
        size, *rest = ktx2.pixels(viewer, part)
        assert size == (f"{max(1, words[0] >> level)}x{max(1, words[1] >> level)} "
                        f"levels {count - level}")
        assert rest == wanted[level * images:]


def test_a_cut_reads_little_of_the_origin(stack, edges, tools):
    data = ktx2.made(tools[0], 2048, 2048, "uastc")
    key, _ = stack.put(data, suffix=".ktx2")
    edge = edges({"acme": ""}, location=LOCATION)

    for _ in range(2):
        assert edge.get(f"/acme/{key}?maxdim=512")["x-cut"] == "cut"

    ranges = [dict((name.lower(), value) for name, value in entry["headers"].items())["range"]
              if isinstance(entry["headers"], dict) else entry for entry in stack.faults.log(key)]
    read = sum(int(text.rpartition("-")[2]) + 1 for text in ranges)

    assert len(ranges) == 2
    assert read <= 0.12 * len(data)


@pytest.mark.parametrize("codec", ["etc1s", "uastc"])
def test_a_cut_reads_up_to_its_last_level_and_no_further(origin, cached, tools, codec):
    data = ktx2.made(tools[0], 2048, 2048, codec)
    path, _ = store(origin, data)
    start, size = struct.unpack_from("<2Q", data, 80 + 24 * 2)

    assert cached.get(f"{path}?maxdim=512")["x-cut"] == "cut"
    assert origin.reads(path) == [(0, 1023), (0, start + size - 1)]


@pytest.fixture(scope="module")
def tagged():
    with purging.TaggedOrigin({}) as origin:
        yield origin


@pytest.mark.parametrize("order", [{"objects": True}, {"tags": ["rock"]}, {"all": True},
                                   {"tags": ["rock"], "soft": True}],
                         ids=["object", "tag", "all", "soft"])
def test_a_purge_is_one_of_all_cuts(tagged, web_edges, order):
    edge = web_edges({"acme": f"origin {tagged.url}/acme; purge_keys acme.purge;"}, origin=tagged.url,
                     files={"acme.purge": f"k1 {purging.key_of('acme')}\n"}, location=LOCATION,
                     server=purging.LOCATION)
    old, levels = ktx2.texture(512, 512, SIZES)
    new, others = ktx2.texture(512, 512, SIZES)
    path, name = store(tagged, old, etag='"same"')
    tagged.quirks = {}
    tagged.fields[name] = ["Cache-Tag: rock"]

    for maxdim in (256, 64):
        assert ktx2.levels_of(edge.get(f"{path}?maxdim={maxdim}").body)[2] == \
            levels[1 if maxdim == 256 else 3:]

    # an origin that does not tell one from the other
    tagged.objects[name] = Object(new, '"same"' if "soft" not in order else '"new"', 1_700_000_500)
    if "objects" in order:
        order = {"objects": [name]}
    purging.purge(edge, **order)

    def purged(maxdim, wanted):
        return ktx2.levels_of(edge.get(f"{path}?maxdim={maxdim}").body)[2] == wanted

    for maxdim, first in ((256, 1), (64, 3)):
        if "soft" in order:
            servers.wait_for("the new one", lambda: purged(maxdim, others[first:]))
        assert purged(maxdim, others[first:])


def test_a_crowd_reads_the_origin_once(origin, cached):
    data, levels = ktx2.texture(512, 512, SIZES)
    path, _ = store(origin, data)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: cached.get(f"{path}?maxdim=128"), range(32)))

    assert {response.status for response in found} == {200}
    assert {response.body for response in found} == {found[0].body}
    assert len(origin.reads(path)) == 2
