# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The rule of selection, written from its text, slowly: docs/formats.md."""

CLASSES = "x h0 h1 h2 h3 p0 p1 p2 p3 d0 d1 d2 d3 sv ql".split()
USES = "view ar-sv ar-ql native".split()
TEX = "astc astchdr bc etc2 pvrtc basis webp avif jpeg".split()
SESSIONS = {"none", "ar", "vr"}
GEO = "meshopt khrmeshopt draco quant splat".split()

# triangles, texture edge, MB of textures, MB of transfer
BUDGETS = {
    "h0": (50000, 1024, 24, 4), "h1": (100000, 1024, 32, 6), "h2": (200000, 2048, 64, 10),
    "h3": (500000, 4096, 128, 20), "p0": (20000, 512, 12, 2), "p1": (50000, 1024, 24, 4),
    "p2": (100000, 2048, 48, 8), "p3": (200000, 2048, 96, 12), "d0": (30000, 1024, 24, 4),
    "d1": (150000, 2048, 96, 10), "d2": (500000, 4096, 256, 25), "d3": (2000000, 4096, 512, 60),
    "sv": (100000, 2048, 48, 10), "ql": (100000, 2048, 48, 10), "x": (50000, 1024, 24, 4),
}


def lower(name):
    if name[0] in "hpd" and name[1] != "0":
        return name[0] + str(int(name[1]) - 1)
    return name


def budgets(device, wish):
    name = device["class"]
    net = device["net"]
    if net is None:
        net = 2 if name[0] == "p" else 3
    result = {key: device[key] for key in ("tris", "dim", "gpu_kib", "bytes_kib")}
    if device["save_data"]:
        net = min(net, 1)
        name = lower(name)
        tris, dim, gpu, size = BUDGETS[name]
        for key, value in (("tris", tris), ("dim", min(dim, 1024)), ("gpu_kib", gpu * 1024), ("bytes_kib", size * 1024)):
            result[key] = min(result[key], value)
    size = result["bytes_kib"] * 1024 // {0: 8, 1: 4, 2: 2, 3: 1}[net]
    return name, {
        "bytes": min(size, wish["maxbytes"]),
        "tris": result["tris"],
        "dim": min(result["dim"], wish["maxdim"]),
        "gpu": result["gpu_kib"] * 1024,
        "q": wish["maxq"],
    }


def uses(variant):
    return variant.get("for", {}).get("use", ["view", "native"])


def gpu_cost(variant, device):
    gpu = variant.get("gpu", {})
    order = ["rgba8"]
    if "basis" in variant.get("need", {}).get("tex", []) and set(device["tex"]) & {"astc", "bc", "etc2"}:
        order.insert(0, "bpp8")
        if variant.get("etc1s") and "etc2" in device["tex"]:
            order.insert(0, "bpp4")
    return next((gpu[key] for key in order if gpu.get(key)), 0) * 1000


def decodes(variant, device):
    need = variant.get("need", {})
    return set(need.get("tex", [])) <= set(device["tex"]) and set(need.get("geo", [])) <= set(device["geo"])


def takes(variant, device, wish, arm):
    need = variant.get("need", {})
    return (
        decodes(variant, device)
        and need.get("dim", 0) <= device["dim_max"]
        and need.get("mem", 0) <= device["mem_gib"]
        and set(need.get("xr", [])) <= {device["session"]}
        and device["use"] in uses(variant)
        and variant.get("q", 0) <= wish["ceiling"]
        and (arm is None or variant["id"] in arm)
    )


def broken(variant, device, limits):
    return sum(
        (
            variant["bytes"] > limits["bytes"],
            variant.get("tris", 0) > limits["tris"],
            variant.get("maxdim", 0) > limits["dim"],
            gpu_cost(variant, device) > limits["gpu"],
            variant.get("q", 0) > limits["q"],
        )
    )


def rule(manifest, device, wish, arm, name, limits, missing):
    """Steps 2 to 7: an id and a reason."""
    left = [v for v in manifest["variants"] if v["id"] not in missing and takes(v, device, wish, arm)]
    kept = [v for v in left if broken(v, device, limits) == 0]
    if kept:
        best = min(
            kept,
            key=lambda v: (
                name not in v.get("for", {}).get("classes", []),
                -v.get("q", 0),
                v["bytes"],
                v["id"],
            ),
        )
        return best["id"], "fit"
    if left:
        return min(left, key=lambda v: (broken(v, device, limits), v["bytes"], v["id"]))["id"], "over"
    for variant in manifest["variants"]:
        if (
            variant["id"] == manifest.get("fallback")
            and variant["id"] not in missing
            and device["use"] in uses(variant)
            and variant.get("q", 0) <= wish["ceiling"]
            and decodes(variant, device)
            and set(variant.get("need", {}).get("xr", [])) <= SESSIONS
        ):
            return variant["id"], "fallback"
    return None, "none"


def choose(manifest, device, wish, arm):
    """An id or None, a reason, and the class that counted; "arm": ids, or None for all."""
    name, limits = budgets(device, wish)
    by_id = {v["id"]: v for v in manifest["variants"]}

    if wish["variant"] is not None:
        named = by_id.get(wish["variant"])
        if named is None or device["use"] not in uses(named) or named.get("q", 0) > wish["ceiling"]:
            return None, "unknown", name
        chosen, reason = named["id"], "explicit"
    else:
        chosen, reason = rule(manifest, device, wish, arm, name, limits, set())

    if chosen not in wish["missing"]:
        return chosen, reason, name

    seen, waiting = {chosen}, [chosen]
    while waiting:
        for alt in by_id[waiting.pop(0)].get("alts", []):
            if alt in seen:
                continue
            if alt not in wish["missing"] and takes(by_id[alt], device, wish, arm):
                return alt, "alt", name
            seen.add(alt)
            waiting.append(alt)

    if wish["variant"] is not None:
        return None, "none", name
    return *rule(manifest, device, wish, arm, name, limits, wish["missing"]), name
