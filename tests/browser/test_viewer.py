# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The viewer page of a running stack in Chromium; the cases are in viewer.mjs."""

import hashlib
import json
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"


# What a headset, a phone and a desktop say that they are, and what each of them is to get.

DEVICES = [
    ("headset", "valve-index/right.glb", {"q": 60, "tris": 90000, "maxdim": 1024},
     "Mozilla/5.0 (X11; Linux x86_64; Quest 2) AppleWebKit/537.36 (KHTML, like Gecko) "
     "OculusBrowser/33.0 Chrome/126.0.6478.122 VR Safari/537.36"),
    ("phone", "generic-hand/left.glb", {"q": 20, "tris": 10000, "maxdim": 512},
     "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/126.0.0.0 Mobile Safari/537.36"),
    ("desktop", "meta-quest-touch-plus/right.glb", {"q": 90, "tris": 140000, "maxdim": 2048},
     "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/126.0.0.0 Safari/537.36"),
]

PROFILES = BUILD / "npm" / "node_modules" / "@webxr-input-profiles" / "assets" / "dist" / "profiles"


def publish(stack):
    """One object with a model for each of these; returns its key and what is wanted."""

    key, variants, wanted = "variants/robot.glb", [], []

    for name, model, facts, agent in DEVICES:
        body = (PROFILES / model).read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        classes = {"headset": ["h1"], "phone": ["p0", "p1", "p2", "p3"],
                   "desktop": ["d0", "d1", "d2", "d3"]}[name]
        stack.put(body, f"{key}.xr/{digest}.glb")
        variants.append({"id": name, "path": f"{digest}.glb", "bytes": len(body),
                         "sha256": digest, "for": {"classes": classes}, **facts})
        wanted.append({"id": name, "sha256": digest, "agent": agent})

    stack.put(body, key)
    stack.put(json.dumps({"v": 1, "variants": variants}).encode(), f"{key}.xr/manifest.json")

    return key, wanted


@pytest.mark.parametrize("case", ["renders", "cross-origin", "errors", "decoders", "http3",
                                  "variants"])
def test_viewer(stack, npm, case):
    key, wanted = publish(stack) if case == "variants" else ("", [])

    env = dict(os.environ,
               XR_OBJECT=key,
               XR_VARIANTS=json.dumps(wanted),
               XR_BUILD=str(BUILD),
               XR_HTTP=stack["http"],
               XR_HTTPS=stack["https"],
               XR_TENANT=stack.tenant,
               XR_KEY=stack.key,
               XR_SAMPLE_URL=stack["sample_url"],
               XR_SAMPLE_FILE=stack["sample_file"])

    run = subprocess.run(["node", "--no-deprecation", HERE / "viewer.mjs", case], env=env,
                         capture_output=True, text=True, timeout=300)

    assert run.returncode == 0, run.stdout + run.stderr
