# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
"xr pack": what it makes of models is valid, the same each time, and within the budgets of
devices; what it must not take it refuses, by a reason, and lives.

XR_PACK_MODELS=10 packs that many real models, which takes minutes.
"""

import concurrent.futures
import hashlib
import itertools
import json
import os
import resource
import socket
import struct
import subprocess
import time

import brotli
import pytest
import zstandard

import hostile
import ktx2
import servers
from test_variants import Store, start

XR = servers.BUILD / "xr"
PROFILES = servers.BUILD / "npm/node_modules/@webxr-input-profiles/assets/dist/profiles"
VALIDATOR = servers.TOP / "tests" / "integration" / "validate.mjs"
HOSTILE = 200

SMALL = {"presets": {"small": {"sets": ["webp", "ktx2", "plain"], "levels": [
    {"name": "l0", "edge": 64, "q": 80, "webp": ["p2", "p3", "d1", "d2", "d3"], "ktx2": ["h2", "h3"],
     "plain": ["sv"]},
    {"name": "l1", "ratio": 0.5, "error": 0.01, "edge": 64, "q": 55, "webp": ["p1", "x"],
     "ktx2": ["h0", "h1"]},
    {"name": "l2", "ratio": 0.15, "error": 0.05, "edge": 64, "q": 25, "webp": ["p0", "d0"]}]}}}
SMALL["presets"]["quick"] = {**SMALL["presets"]["small"], "sets": ["webp", "plain"]}


def run(*arguments, timeout=120):
    return subprocess.run([XR, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=servers.environment())


def pack(source, out, *options, timeout=120):
    done = run("pack", "--json", "--out", out, *options, source, timeout=timeout)
    assert done.returncode in (0, 1), (source.name, done.returncode, done.stderr)
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0)
    return report


@pytest.fixture(scope="module")
def npm():
    for what in ("tests", "pack"):
        subprocess.run([servers.TOP / "scripts" / "build-viewer", what], check=True, timeout=300)
    return servers.BUILD / "npm" / "tests"


@pytest.fixture
def presets(tmp_path):
    path = tmp_path / "presets.json"
    path.write_text(json.dumps(SMALL))
    return ["--presets", path, "--preset", "small", "--tools", servers.BUILD / "pack"]


@pytest.fixture
def quick(presets):
    """Without KTX2, whose encoder takes seconds to start."""
    return ["quick" if option == "small" else option for option in presets]


def chunks(data):
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20:20 + size]), 28 + size


def check_folder(out, source):
    """The manifest says what the files are; they are all there, and nothing else is."""
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["rev"] == hashlib.sha256(source).hexdigest()
    assert run("manifest", "check", out / "manifest.json").returncode == 0
    names = {"manifest.json"}

    for variant in manifest["variants"]:
        data = (out / variant["path"]).read_bytes()
        names.add(variant["path"])
        assert variant["path"].split(".")[0] == variant["sha256"] == hashlib.sha256(data).hexdigest()
        assert variant["bytes"] == len(data)

        for coding, suffix, decode in (
                ("br", ".br", brotli.decompress),
                ("zstd", ".zst", lambda b: zstandard.ZstdDecompressor().decompress(b))):
            if coding in variant.get("enc", {}):
                sibling = (out / (variant["path"] + suffix)).read_bytes()
                names.add(variant["path"] + suffix)
                assert decode(sibling) == data and len(sibling) == variant["enc"][coding]
                assert len(sibling) <= len(data) - 2048 and len(sibling) <= 0.95 * len(data) + 1

    assert {path.name for path in out.iterdir()} == names
    return manifest


def check_segments(variant, data):
    """The head is all but images, and nothing lies between the parts."""
    document, start = chunks(data)
    images = {image["bufferView"] for image in document.get("images", [])}
    ends = [start]

    for n, view in enumerate(document["bufferViews"]):
        packed = view.get("extensions", {}).get("EXT_meshopt_compression", view)
        at = start + packed["byteOffset"]
        assert at % 4 == start % 4
        if n in images:
            assert at >= variant["seg"][0][2]
        else:
            ends.append(at + packed["byteLength"])

    assert variant["seg"][0][:2] == ["head", 0]
    assert max(ends) <= variant["seg"][0][2] < max(ends) + 4 or not images
    assert [name for name, *_ in variant["seg"][1:]] == [f"img{n}" for n in range(len(images))]
    for one, other in itertools.pairwise(variant["seg"]):
        assert one[1] + one[2] == other[1]
    assert variant["seg"][-1][1] + variant["seg"][-1][2] == len(data)


def validate(npm, out):
    done = subprocess.run(["node", VALIDATOR, npm, *sorted(out.glob("*.glb"))], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model(npm, presets, tmp_path):
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model().file())
    report = pack(source, tmp_path / "out", *presets)
    manifest = check_folder(tmp_path / "out", source.read_bytes())
    variants = {variant["id"]: variant for variant in manifest["variants"]}

    assert list(variants) == [f"{level}-{kind}" for level in ("l0", "l1", "l2")
                              for kind in ("webp", "ktx2", "plain")]
    assert (manifest["id"], manifest["fallback"]) == ("ball", "l0-plain")
    assert report["warnings"] == []
    assert {"limits", "syscalls"} <= set(report["sandbox"])

    # fewer triangles, but not for nothing
    tris = [variants[f"{level}-plain"]["tris"] for level in ("l0", "l1", "l2")]
    assert tris[0] == 1152 and 500 < tris[1] <= 576 and 150 < tris[2] < 400

    assert variants["l0-webp"]["need"] == {"tex": ["webp"], "geo": ["meshopt", "quant"], "dim": 32}
    assert variants["l0-ktx2"]["need"]["tex"] == ["basis"]
    assert variants["l0-plain"]["need"] == {"dim": 32}
    assert variants["l0-plain"]["for"]["use"] == ["view", "ar-sv", "native"]
    assert "etc1s" not in variants["l0-ktx2"]           # its normal map is UASTC

    for variant in variants.values():
        check_segments(variant, (tmp_path / "out" / variant["path"]).read_bytes())

    reasons = {name: found["reason"] for name, found in report["classes"].items()}
    assert reasons.pop("ql") == "none"
    assert set(reasons.values()) == {"fit"}
    assert report["classes"]["h2"]["variant"] == "l0-ktx2"
    assert report["classes"]["p0"]["variant"] == "l2-webp"
    assert report["classes"]["sv"]["variant"] == "l0-plain"

    for name, problems in validate(npm, tmp_path / "out").items():
        assert problems["errors"] == [], (name, problems)


def test_the_same_bytes_each_time(npm, presets, tmp_path):
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(8, 16).file())
    for out in ("one", "two"):
        pack(source, tmp_path / out, *presets)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_without_the_texture_tool(npm, tmp_path):
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model().file())
    report = pack(source, tmp_path / "out", "--tools", tmp_path)
    manifest = check_folder(tmp_path / "out", source.read_bytes())

    assert [variant["id"] for variant in manifest["variants"]] == [
        "l0-webp", "l0-plain", "l1-webp", "l1-plain", "l2-webp", "l2-plain"]
    assert "tex" not in manifest["variants"][0]["need"]
    assert any("texture tool" in warning for warning in manifest["warnings"])
    assert report["warnings"] == manifest["warnings"]
    assert all(not found["errors"] for found in validate(npm, tmp_path / "out").values())


def test_without_textures_one_set_is_enough(tmp_path):
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(images=0).file())
    pack(source, tmp_path / "out")
    manifest = check_folder(tmp_path / "out", source.read_bytes())
    ids = [variant["id"] for variant in manifest["variants"]]
    assert ids == ["l0-webp", "l0-plain", "l1-webp", "l1-plain", "l2-webp", "l2-plain"]
    assert {"h2", "h3", "p3"} <= set(manifest["variants"][0]["for"]["classes"])


def attribute(data, name):
    """The values of an attribute of the first primitive, which are floats."""
    document, start = chunks(data)
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"][name]]
    view = document["bufferViews"][accessor["bufferView"]]
    size = {"VEC2": 2, "VEC3": 3}[accessor["type"]]
    assert accessor["componentType"] == 5126 and view["byteStride"] == 4 * size
    return list(struct.iter_unpack(f"<{size}f", data[start + view["byteOffset"]:][
        :accessor["count"] * 4 * size]))


def test_what_was_packed_is_what_was_there(npm, presets, quick, tmp_path):
    """Packed again, a compressed variant becomes a plain one: of the same places."""
    model = hostile.Model()
    source = tmp_path / "ball.glb"
    source.write_bytes(model.file())
    first = pack(source, tmp_path / "out", *presets)
    plain = (tmp_path / "out" / first["variants"][2]["path"]).read_bytes()

    def rows(data):
        return zip(*(attribute(data, name) for name in ("POSITION", "NORMAL", "TEXCOORD_0")))

    wanted = {uv: (position, normal) for position, normal, uv in rows(plain)}
    assert len(wanted) == 25 * 25

    for variant in first["variants"][:2]:
        out = tmp_path / variant["id"]
        report = pack(tmp_path / "out" / variant["path"], out, *quick)
        assert report["ok"], (variant["id"], report)
        assert report["variants"][0]["tris"] == 1152
        assert all(not found["errors"] for found in validate(npm, out).values()), variant["id"]

    again = next(v["path"] for v in json.loads((tmp_path / "l0-webp" / "manifest.json").read_text())
                 ["variants"] if v["id"] == "l0-plain")

    for position, normal, uv in rows((tmp_path / "l0-webp" / again).read_bytes()):
        near = min(wanted, key=lambda other: max(abs(a - b) for a, b in zip(uv, other)))
        assert max(abs(a - b) for a, b in zip(uv, near)) <= 2 ** -9
        assert max(abs(a - b) for a, b in zip(position, wanted[near][0])) <= 2 ** -13
        assert max(abs(a - b) for a, b in zip(normal, wanted[near][1])) <= 0.02


def test_gltf_with_its_files(tmp_path):
    model = hostile.Model(8)
    document = json.loads(json.dumps(model.document))
    document["buffers"][0]["uri"] = "parts/the%20ball.bin"
    start = document["bufferViews"][document["images"][1]["bufferView"]]["byteOffset"]
    document["images"][1] = {"uri": "b.png"}

    folder = tmp_path / "source"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "the ball.bin").write_bytes(model.binary)
    (folder / "b.png").write_bytes(model.binary[start:])
    (folder / "ball.gltf").write_text(json.dumps(document))
    (tmp_path / "ball.glb").write_bytes(model.file())

    for source in (folder / "ball.gltf", tmp_path / "ball.glb"):
        assert pack(source, tmp_path / source.suffix, "--tools", tmp_path)["ok"]

    of = [{v["id"]: v["sha256"] for v in json.loads(
        (tmp_path / suffix / "manifest.json").read_text())["variants"]} for suffix in (".gltf", ".glb")]
    assert of[0] == of[1]


@pytest.mark.parametrize("uri", ["../b.bin", "/etc/passwd", "%2e%2e/b.bin", "file:b.bin", "a/../b.bin",
                                 "b.bin%00.png", "%zz", "", "https://192.0.2.1/b.bin",
                                 "data:application/octet-stream;base64,AAAA", "link.bin", "missing.bin",
                                 "folder"])
def test_gltf_without_its_files(tmp_path, uri):
    model = hostile.Model(4, images=0)
    (tmp_path / "b.bin").write_bytes(model.binary)
    folder = tmp_path / "source"
    (folder / "folder").mkdir(parents=True)
    (folder / "link.bin").symlink_to("/etc/passwd")
    model.document["buffers"][0]["uri"] = uri
    (folder / "ball.gltf").write_text(json.dumps(model.document))
    report = pack(folder / "ball.gltf", tmp_path / "out")
    assert report["code"] == "gltf.external" and not report["retry"]


def change_morph(document):
    document["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 1}]


def change_lines(document):
    document["meshes"][0]["primitives"][0]["mode"] = 1


@pytest.mark.parametrize("change, tris", [(change_morph, 1152), (change_lines, 0)])
def test_what_does_not_suit_stays(npm, quick, tmp_path, change, tris):
    model = hostile.Model()
    model.accessors[1].update(min=model.accessors[0]["min"], max=model.accessors[0]["max"])
    source = tmp_path / "ball.glb"
    source.write_bytes(model.file(change))
    report = pack(source, tmp_path / "out", *quick)
    assert {variant["tris"] for variant in report["variants"]} == {tris}
    assert all(not found["errors"] for found in validate(npm, tmp_path / "out").values())


def test_extensions_that_are_not_known_are_left_out(tmp_path):
    def change(document):
        document["extensionsUsed"] = ["ACME_sound", "KHR_materials_unlit"]
        document["extensions"] = {"ACME_sound": {"bufferView": 0}}
        document["materials"][0]["extensions"] = {"KHR_materials_unlit": {}, "ACME_sound": {}}

    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(8).file(change))
    report = pack(source, tmp_path / "out", "--tools", tmp_path)
    assert any("ACME_sound" in warning for warning in report["warnings"])

    document, _ = chunks((tmp_path / "out" / report["variants"][0]["path"]).read_bytes())
    assert "ACME_sound" not in json.dumps(document)
    assert document["materials"][0]["extensions"] == {"KHR_materials_unlit": {}}


def test_a_texture(tmp_path):
    data, _ = ktx2.texture(1024, 1024, [60000, 15000, 4000, 1000, 300, 80, 21, 7, 3, 2, 1], 2, 1)
    source = tmp_path / "wood.ktx2"
    source.write_bytes(data)
    report = pack(source, tmp_path / "out")
    check_folder(tmp_path / "out", data)
    assert [variant["maxdim"] for variant in report["variants"]] == [1024, 512]
    assert report["variants"][0]["bytes"] == len(data)


def test_an_archive(tmp_path):
    source = tmp_path / "ball.usdz"
    source.write_bytes(hostile.usdz([("a.usda", hostile.SCENE), ("t/b.png", hostile.png(8, 4))]))
    report = pack(source, tmp_path / "out")
    manifest = check_folder(tmp_path / "out", source.read_bytes())
    assert manifest["variants"][0]["for"] == {"use": ["ar-ql", "native"], "classes": ["ql"]}
    assert report["classes"]["ql"]["reason"] == "fit"


def refused(tmp_path, number, kind, data, must):
    source = tmp_path / f"{number}.{kind}"
    source.write_bytes(data)
    out = tmp_path / f"{number}.out"
    report = pack(source, out, "--tools", tmp_path, "--preset", "fast", timeout=300)

    if report["ok"]:
        assert not must, number
        check_folder(out, data)
        return "packed"

    assert report["reason"] and not report["retry"], (number, report)
    assert not out.exists() or not list(out.iterdir()), number
    return report["code"]


def test_hostile_sources(tmp_path):
    model = hostile.Model(10, 8)
    cases = [(name, "glb", model.file(change), True) for name, change in hostile.crafted()]
    cases += [(*case, True) for case in hostile.bombs()]
    cases += [(name, "glb", model.file(change), False) for name, change in hostile.heavy()]
    texture, _ = ktx2.texture(64, 64, [600, 150, 40, 10, 3, 2, 1], 2, 1)
    cases += [(*case, False) for case in itertools.islice(hostile.mutations(7, texture),
                                                          HOSTILE - len(cases))]
    assert len(cases) == HOSTILE

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda n: refused(tmp_path, f"{n}-{cases[n][0].replace(' ', '-')}",
                                                *cases[n][1:]), range(HOSTILE)))

    # many reasons, not one that hides the others
    assert len(set(codes)) >= 20, sorted(set(codes))
    assert codes.count("packed") < HOSTILE / 3


def test_an_image_that_is_damaged(npm, quick, tmp_path):
    """Its header is right, so that only who decodes it finds out."""
    model = hostile.Model(4)
    start = model.binary.find(b"IDAT")
    model.binary = model.binary[:start + 8] + b"\0" * 40 + model.binary[start + 48:]
    source = tmp_path / "ball.glb"
    source.write_bytes(model.file())
    report = pack(source, tmp_path / "out", *quick)
    assert (report["code"], report["retry"]) == ("gltf.image", False)
    assert not list((tmp_path / "out").iterdir())


ESCAPE = """
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";

const tried = {};

function attempt(name, work) {
    try { work(); tried[name] = "done"; } catch (error) { tried[name] = error.code; }
}

attempt("read", () => readFileSync("SECRET"));
attempt("write", () => writeFileSync("SECRET", "ours"));
attempt("signal", () => process.kill(PARENT, 0));
attempt("inside", () => writeFileSync("../inside", "ours"));

const socket = connect(PORT, "127.0.0.1");
socket.on("connect", () => done("done"));
socket.on("error", (error) => done(error.code));

function done(code) {
    tried.connect = code;
    writeFileSync("../tried.json", JSON.stringify(tried));
    process.exit(1);
}
"""


def test_the_sandbox_holds(tmp_path):
    """A texture tool that does what one could be made to do by an image."""
    (tmp_path / "secret").write_text("theirs")
    tools = tmp_path / "tools"
    for package in ("sharp", "ktx2-encoder"):
        (tools / "node_modules" / package).mkdir(parents=True)

    with socket.create_server(("127.0.0.1", 0)) as server:
        (tools / "textures.mjs").write_text(
            ESCAPE.replace("SECRET", str(tmp_path / "secret")).replace("PARENT", str(os.getpid()))
            .replace("PORT", str(server.getsockname()[1])))
        source = tmp_path / "ball.glb"
        source.write_bytes(hostile.Model(4).file())
        report = pack(source, tmp_path / "out", "--tools", tools)

    assert (report["code"], report["retry"]) == ("texture.tool", True)
    tried = json.loads((tmp_path / "out" / "tried.json").read_text())
    assert tried.pop("inside") == "done"
    assert tried["connect"] == "EPERM" and tried["signal"] == "EPERM"

    if "files" in landlock(tmp_path):
        assert tried["read"] == tried["write"] == "EACCES"
        assert (tmp_path / "secret").read_text() == "theirs"


def landlock(tmp_path):
    """What holds here, which depends on the kernel."""
    source = tmp_path / "none.glb"
    source.write_bytes(hostile.Model(4, images=0).file())
    return pack(source, tmp_path / "none")["sandbox"]


def test_a_limit_of_time(npm, tmp_path):
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(8, 512).file())
    began = time.monotonic()
    done = run("pack", "--timeout", "1s", "--out", tmp_path / "out", "--tools", servers.BUILD / "pack",
               source)
    assert done.returncode == 1 and "limit.time" in done.stderr
    assert time.monotonic() - began < 30
    assert not (tmp_path / "out" / "manifest.json").exists()

    source.write_bytes(hostile.Model(8, images=0).file())
    done = run("pack", "--timeout", "2m", "--out", tmp_path / "again", source)
    assert done.returncode == 0 and json.loads(done.stdout)["ok"]


def test_a_full_disk(tmp_path):
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(40, images=0).file())
    done = subprocess.run(
        [XR, "pack", "--json", "--out", tmp_path / "out", source], capture_output=True, text=True,
        timeout=60, env=servers.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert done.returncode != 0
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("arguments, wrong", [
    ([], "--out"), (["--out", "{}/o", "--preset", "none"], "no preset"),
    (["--out", "{}/o", "--presets", "{}/missing.json"], "missing.json"),
    (["--out", "{}/ball.glb"], "--out"), (["--out", "{}/o", "--timeout", "x"], "--timeout"),
])
def test_wrong_calls(tmp_path, arguments, wrong):
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(4, images=0).file())
    done = run("pack", *[argument.format(tmp_path) for argument in arguments], source)
    assert done.returncode in (1, 2) and wrong in done.stderr


@pytest.mark.parametrize("change, wrong", [
    ({"levels": []}, "levels"), ({"levels": [{"name": "L"}]}, "name"),
    ({"levels": [{"name": "a", "ratio": 2}]}, "ratio"), ({"sets": ["avif"]}, "sets"),
    ({"levels": [{"name": "a", "edge": 64}, {"name": "b", "edge": 128}]}, "larger"),
    ({"levels": [{"name": "a", "webp": ["z9"]}]}, "class"), ({"normals": "bc5"}, "normals"),
    ({"etc1s": 0}, "etc1s")])
def test_presets_that_are_wrong(tmp_path, change, wrong):
    (tmp_path / "presets.json").write_text(json.dumps({"presets": {"mine": change}}))
    done = run("pack", "--presets", tmp_path / "presets.json", "--preset", "mine", "--out",
               tmp_path / "out", tmp_path / "ball.glb")
    assert done.returncode == 1 and wrong in done.stderr


def test_the_sample_of_presets(tmp_path):
    """config/presets.json has the built-in ones: the same source gives the same bytes."""
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(8).file())
    for preset in ("default", "fast"):
        pack(source, tmp_path / preset, "--preset", preset, "--tools", tmp_path)
        pack(source, tmp_path / "file", "--preset", preset, "--tools", tmp_path,
             "--presets", servers.TOP / "config" / "presets.json")
        assert (tmp_path / preset / "manifest.json").read_bytes() \
            == (tmp_path / "file" / "manifest.json").read_bytes()


def test_an_edge_serves_it(web_edges, tmp_path):
    """What a folder has belongs below "<object>.xr/" of an origin: nothing else is needed."""
    source = tmp_path / "ball.glb"
    source.write_bytes(hostile.Model(16).file())
    report = pack(source, tmp_path / "out", "--tools", tmp_path)
    variants = {v["id"]: v for v in json.loads((tmp_path / "out" / "manifest.json").read_text())
                ["variants"]}

    with Store({}) as web:
        web.put("ball.glb", source.read_bytes())
        for path in (tmp_path / "out").iterdir():
            web.put(f"ball.glb.xr/{path.name}", path.read_bytes())

        edge = start(web, web_edges, "xr_cut on;")

        for token, wanted in (("h2-ae-12-m", "plain"), ("h2-ae-12-mq", "webp"), ("sv", "plain"),
                              ("p0-ae-11-mq", "webp")):
            response = edge.get(f"/acme/ball.glb?xr={token}")
            chosen = response["xr-variant"].split(";")[0]
            assert response.status == 200 and chosen.endswith(wanted), token
            assert hashlib.sha256(response.body).hexdigest() == variants[chosen]["sha256"]

        for variant in variants.values():
            name, at, size = variant["seg"][0]
            response = edge.get(f"/acme/ball.glb.xr/{variant['path']}?part=head")
            whole = (tmp_path / "out" / variant["path"]).read_bytes()
            assert response.status == 200 and (name, at) == ("head", 0)
            assert size - 4 < len(response.body) <= size < len(whole)
            assert response.body == whole[:len(response.body)]

    assert report["classes"]["h2"]["variant"] == "l0-webp"


@pytest.mark.skipif("XR_PACK_MODELS" not in os.environ, reason="takes minutes: XR_PACK_MODELS")
def test_real_models(npm, tmp_path):
    shares = []

    for source in sorted(PROFILES.glob("*/*.glb"), key=lambda path: hashlib.md5(
            str(path.relative_to(PROFILES)).encode()).digest())[:int(os.environ["XR_PACK_MODELS"])]:
        out = tmp_path / source.parent.name
        report = pack(source, out, "--tools", servers.BUILD / "pack", timeout=1200)
        check_folder(out, source.read_bytes())
        reasons = {name: found["reason"] for name, found in report["classes"].items()}
        assert reasons.pop("ql") == "none" and set(reasons.values()) == {"fit"}, source
        assert all(not found["errors"] for found in validate(npm, out).values()), source
        least = report["classes"]["p0"]["variant"]
        shares.append(next(v["bytes"] for v in report["variants"] if v["id"] == least)
                      / source.stat().st_size)

    assert sum(shares) / len(shares) <= 0.05, shares
