# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Selection agrees with an independent model of its rule."""

import json
import random
import subprocess
from pathlib import Path

import select_arm
import select_model as model

SELECT = Path(__file__).parents[2] / "build/tools/select"
CASES = 10000
ANY = 2**32 - 1
SESSIONS = [None, "none", "ar", "vr"]

# who asks by these classes is one of these applications, and nobody else is
HANDED_OVER = {"sv": "ar-sv", "ql": "ar-ql"}


def some(rng, items, most):
    return rng.sample(items, rng.randint(0, min(most, len(items))))


def random_variant(rng, name, ids):
    variant = {
        "id": name,
        "path": f"v/{name}.glb",
        "bytes": rng.choice([rng.randint(0, 2**16), rng.randint(0, 2**26), 4096]),
        "sha256": f"{rng.getrandbits(256):064x}",
    }
    optional = {
        "q": rng.choice([0, 20, 50, 80, 100]),
        "tris": rng.randint(0, 600000),
        "maxdim": rng.choice([256, 512, 1024, 2048, 4096, 8192]),
        "gpu": {key: rng.randint(0, 200000) for key in some(rng, ["rgba8", "bpp8", "bpp4"], 3)},
        "etc1s": rng.random() < 0.5,
        "need": {
            key: value
            for key, value in {
                "tex": some(rng, model.TEX[:8] + ["basis", "later"], 2),
                "geo": some(rng, model.GEO, 1),
                "dim": rng.choice([0, 1024, 4096]),
                "mem": rng.choice([0, 4, 8]),
                "xr": some(rng, ["vr", "ar", "none", "later"], 1),
            }.items()
            if rng.random() < 0.4
        },
        "for": {
            key: value
            for key, value in {
                "use": some(rng, model.USES + ["later"], 4),
                "classes": some(rng, model.CLASSES + ["later"], 8),
            }.items()
            if rng.random() < 0.6
        },
        "alts": some(rng, ids, 3),
    }
    variant.update({key: value for key, value in optional.items() if rng.random() < 0.7})
    return variant


def random_manifest(rng):
    ids = [f"m{i}" for i in range(rng.choice([1, 2, 4, 8, 8, 64]))]
    rng.shuffle(ids)
    manifest = {"v": 1, "variants": [random_variant(rng, name, ids) for name in ids]}
    if rng.random() < 0.7:
        manifest["fallback"] = rng.choice(ids)
    if rng.random() < 0.3:
        manifest["split"] = {
            "salt": rng.choice(["s", "2026-11", "é" * 32]),
            "arms": [
                {
                    "name": f"arm-{i}",
                    "weight": rng.randint(0 if i else 1, 50),
                    **({"variants": rng.sample(ids, rng.randint(1, len(ids)))} if rng.random() < 0.8 else {}),
                }
                for i in range(rng.randint(1, 8))
            ],
        }
    return manifest


def random_device(rng):
    name = rng.choice(model.CLASSES)
    tris, dim, gpu, size = model.BUDGETS[name]
    return {
        "class": name,
        "use": HANDED_OVER.get(name) or rng.choice(["view", "view", "native"]),
        "session": rng.choice(SESSIONS),
        "tex": sorted(set(some(rng, model.TEX, 9)) | {"jpeg"}),
        "geo": some(rng, model.GEO, 5),
        "dim_max": rng.choice([1024, 2048, 4096, 8192]),
        "mem_gib": rng.choice([0, 2, 4, 8, 16]),
        "dim": rng.choice([dim, dim // 2]),
        "tris": rng.choice([tris, tris // 3]),
        "bytes_kib": rng.choice([size * 1024, 100]),
        "gpu_kib": gpu * 1024,
        "net": rng.choice([None, 0, 1, 2, 3]),
        "save_data": rng.random() < 0.3,
    }


def random_wish(rng, manifest):
    ids = [v["id"] for v in manifest["variants"]]
    return {
        "variant": rng.choice([*ids, "nosuch"]) if rng.random() < 0.15 else None,
        "maxq": rng.choice([ANY, ANY, 20, 50]),
        "maxdim": rng.choice([ANY, ANY, 512, 2048]),
        "maxbytes": rng.choice([2**64 - 1, 2**64 - 1, 4096, 100000]),
        "ceiling": rng.choice([ANY, ANY, 50, 80]),
        "seed": rng.getrandbits(64),
        "missing": set(some(rng, ids, len(ids))) if rng.random() < 0.3 else set(),
    }


def bits(names, values):
    return sum(1 << names.index(value) for value in values)


def line(manifest, device, wish):
    missing = sum(1 << i for i, v in enumerate(manifest["variants"]) if v["id"] in wish["missing"])
    return " ".join(
        str(value)
        for value in (
            model.CLASSES.index(device["class"]),
            model.USES.index(device["use"]),
            SESSIONS.index(device["session"]),
            bits(model.TEX, device["tex"]),
            bits(model.GEO, device["geo"]),
            *(device[key] for key in ("dim_max", "mem_gib", "dim", "tris", "bytes_kib", "gpu_kib")),
            4 if device["net"] is None else device["net"],
            int(device["save_data"]),
            wish["variant"] or "-",
            *(wish[key] for key in ("maxq", "maxdim", "maxbytes", "ceiling", "seed")),
            missing,
        )
    )


def wanted(manifest, device, wish):
    arm = select_arm.arm(manifest["split"], wish["seed"]) if "split" in manifest else {}
    variant, reason, name = model.choose(manifest, device, wish, arm.get("variants"))
    return f"{variant or 'none'};reason={reason};class={name}" + (f";arm={arm['name']}" if arm else "")


def test_the_hash_is_that_of_the_paper():
    key = bytes(range(16))
    assert select_arm.siphash_128(key, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    assert select_arm.siphash_128(key, b"\0").hex() == "da87c1d86b99af44347659119b22fc45"


def test_random_manifests_and_devices_agree_with_the_model():
    rng = random.Random(7)
    cases = []
    for _ in range(CASES):
        manifest = random_manifest(rng)
        cases.append((manifest, random_device(rng), random_wish(rng, manifest)))

    text = "".join(f"{json.dumps(case[0])}\n{line(*case)}\n" for case in cases)
    answers = subprocess.run([SELECT], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(answers) == CASES

    reasons = set()
    for case, answer in zip(cases, answers, strict=True):
        assert answer == wanted(*case), case
        reasons.add(answer.split(";")[1])

    assert reasons == {f"reason={name}" for name in "none unknown explicit fit over fallback alt".split()}
