# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Real models, published with the real packer: each class of devices gets a variant within its
budgets from an edge, and the same bytes again do nothing.

One model without KTX2, which is quick; XR_PACK_MODELS=10 publishes that many with all of it, has
them drawn, and takes minutes.
"""

import json
import os
import time

import pytest

import servers
from publishing import publisher, sha256
from redis_server import redis_server
from test_xr_pack import PROFILES, npm  # noqa: F401
from test_xr_variants import Page

MODELS = int(os.environ.get("XR_PACK_MODELS", 0))

# of one object: triangles, longest edge of a texture, MiB of texture memory and of the file
BUDGETS = {
    "h0": (50_000, 1024, 24, 4), "h1": (100_000, 2048, 32, 6), "h2": (200_000, 2048, 64, 10),
    "h3": (500_000, 4096, 128, 20), "p0": (20_000, 512, 12, 2), "p1": (50_000, 1024, 24, 4),
    "p2": (100_000, 2048, 48, 8), "p3": (200_000, 2048, 96, 12), "d0": (30_000, 1024, 24, 4),
    "d1": (150_000, 2048, 96, 10), "d2": (500_000, 4096, 256, 25), "d3": (2_000_000, 4096, 512, 60),
    "sv": (100_000, 2048, 48, 10), "x": (50_000, 1024, 24, 4),
}
MIB = 1024 * 1024


def models():
    """The largest of the package: of a small source the smallest variant is a larger part."""

    found = {}
    for path in sorted(PROFILES.glob("*/*.glb"), key=lambda path: (-path.stat().st_size, str(path))):
        found.setdefault(path.parent.name, path)
    return list(found.values())[:MODELS or 1]


@pytest.fixture(scope="module")
def packer(tmp_path_factory):
    path = tmp_path_factory.mktemp("packer") / "packer"
    path.write_text(f'#!/bin/sh\nexec {servers.BUILD}/xr pack --tools {servers.BUILD}/pack "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def xr(stack, packer):
    with redis_server() as redis, publisher(
            stack, redis, packer=packer, timeout="30m", cpu="30m",
            presets={"default": [], "fast": ["--preset", "fast"]}) as made:
        made.worker.start()
        yield made


def within(variant, name):
    """Which of its class's budgets a variant breaks."""

    tris, dim, gpu, size = BUDGETS[name]
    basis = "basis" in variant.get("need", {}).get("tex", [])
    found = {"tris": variant["tris"] > tris, "dim": variant["maxdim"] > dim,
             "gpu": variant["gpu"]["bpp8" if basis else "rgba8"] * 1000 > gpu * MIB,
             "bytes": variant["bytes"] > size * MIB}
    return [what for what, broken in found.items() if broken]


def served(edge, key, name, manifest):
    """What an edge sends to a device of the class."""

    query = {"x": "", "sv": "?xr=sv"}.get(name, f"?xr={name}-ae-13-mq")
    response = edge.get(f"/acme/{key}{query}")
    assert response.status == 200, (key, name)
    field = response["xr-variant"]
    assert field.split(";")[1] == "reason=fit" or name == "x", (key, field)
    variant = next(v for v in manifest["variants"] if v["id"] == field.split(";")[0])
    assert sha256(response.body) == variant["sha256"]
    return variant


def test_real_models(npm, stack, edges, xr, tmp_path):  # noqa: F811
    edge = edges({"acme": ""}, location=f"xr_auth public; {servers.CACHE} xr_variants on;")
    preset = [] if MODELS else ["--preset", "fast"]
    folder = f"models/{time.time_ns()}"
    sources = {f"{folder}/{path.parent.name}/{path.name}": path for path in models()}
    shares, pictures = [], 0

    for key, path in sources.items():
        xr("publish", "--no-wait", *preset, "--as", key, path)

    for key, path in sources.items():
        said = xr.json("publish", "--wait", "1h", *preset, "--as", key, path, timeout=3600)[0]
        assert said["pack"]["state"] in ("done", "unchanged"), said["pack"]
        assert said["pack"]["sha256"] == sha256(path.read_bytes())
        reasons = {name: c["reason"] for name, c in said["pack"]["classes"].items()}
        assert reasons.pop("ql") == "none" and set(reasons.values()) == {"fit"}, key

        manifest = xr.manifest(key)
        variants = {v["id"]: v for v in manifest["variants"]}

        for name in BUDGETS:
            chosen = variants[said["pack"]["classes"][name]["variant"]]
            assert within(chosen, name) == [], (key, name)
            assert within(served(edge, key, name, manifest), name) == [], (key, name)

        least = variants[said["pack"]["classes"]["p0"]["variant"]]["bytes"]
        shares.append(least / path.stat().st_size)

    stored = xr.listed(folder)

    for key, path in sources.items():
        began = time.monotonic()
        assert xr.json("publish", *preset, "--as", key, path)[0]["pack"]["state"] == "unchanged"
        assert time.monotonic() - began < (30 if servers.ASAN else 10)

    assert xr.listed(folder) == stored
    assert len(xr.jobs.list()) == len(sources)

    print(f"{len(sources)} models: the smallest class gets {100 * sum(shares) / len(shares):.2f} % of the "
          f"source on average, {json.dumps([round(100 * s, 2) for s in shares])}")
    assert sum(shares) / len(shares) <= 0.05

    for key in sources if MODELS else ():
        page = tmp_path / "page.html"
        _, err = xr("variants", "--html", page, key, timeout=1900)
        assert err == "" and len(Page(page.read_text()).sources) == len(xr.manifest(key)["variants"])
        pictures += len(xr.manifest(key)["variants"])

    print(f"{pictures} pictures")
