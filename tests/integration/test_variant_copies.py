# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""As many copies as variants and codings, whoever asks; and an arm that anybody can compute."""

import collections
import concurrent.futures
import hashlib
import json
import pathlib
import random

import brotli
import pytest
import zstandard

import edgeauth
import http1
import select_arm
import servers

CLIENTS = 1000
AT_ONCE = 16
CODINGS = ("identity", "br", "zstd")
SLICE = 64 << 10

TABLE = pathlib.Path(__file__).parents[1] / "fixtures/devices.tsv"

# one for each step of the ladder of classes, the best that its triangles let it have
TRIANGLES = {"n18k": 18000, "n45k": 45000, "n90k": 90000, "n180k": 180000, "n400k": 400000,
             "n1500k": 1500000}


def text(seed):
    rand = random.Random(seed)
    return json.dumps([{"box": [rand.random(), rand.random()], "id": i}
                       for i in range(2000)]).encode()


def encode(body, coding):
    if coding == "br":
        return brotli.compress(body, quality=5)
    return zstandard.compress(body) if coding == "zstd" else body


BODIES = {(name, coding): encode(text(name), coding)
          for name in TRIANGLES for coding in CODINGS}


def path_of(name):
    return hashlib.sha256(BODIES[name, "identity"]).hexdigest() + ".gltf"


MANIFEST = json.dumps({"v": 1, "variants": [
    {"id": name, "path": path_of(name), "bytes": len(BODIES[name, "identity"]),
     "sha256": path_of(name).removesuffix(".gltf"), "type": "model/gltf+json", "q": q,
     "tris": tris, "enc": {c: len(BODIES[name, c]) for c in CODINGS[1:]}}
    for q, (name, tris) in enumerate(TRIANGLES.items(), 1)]}).encode()


def publish(stack, name):
    stack.put(b"{}", name)
    for (variant, coding), body in BODIES.items():
        extension = {"identity": "", "br": ".br", "zstd": ".zst"}[coding]
        stack.put(body, f"{name}.xr/{path_of(variant)}{extension}")
    stack.put(MANIFEST, f"{name}.xr/manifest.json")


def user_agents():
    return sorted({field[3:] for line in TABLE.read_text().splitlines() if line[:1] != "#"
                   for field in line.split("\t")[3:] if field.startswith("ua=")})


def client(rng, number, agents):
    """The query and the headers of a client that is like no other."""

    classes = [*(f"{kind}{n}" for kind in "hpd" for n in range(4)), "x"]
    fields, query = {"User-Agent": f"{rng.choice(agents)} x/{number}"}, ""

    if rng.random() < 0.3:
        query = (f"?xr={rng.choice(classes)}-{rng.choice(['a', 'ae', 'b', 'e'])}-"
                 f"{rng.randrange(9, 14)}-{rng.choice(['m', 'd', 'dm'])}"
                 f"{rng.choice(['', '', '-n2', '-n3s'])}")
    if rng.random() < 0.4:
        fields["XR-Hints"] = ", ".join(rng.sample(
            ['v=1', f'c="{rng.choice(classes)}"', f"dim={2 ** rng.randrange(8, 14)}",
             "tex=(astc etc2)", f"mem={2 ** rng.randrange(5)}", 'gpu="Adreno (TM) 740"',
             "xr=vr", "sd=?0"], rng.randint(1, 4)))
    if rng.random() < 0.4:
        fields["Sec-CH-UA-Platform"] = rng.choice(['"Android"', '"Windows"', '"macOS"', '"Linux"'])
        fields["Sec-CH-UA-Mobile"] = rng.choice(["?0", "?1"])
    if rng.random() < 0.2:
        fields["Sec-CH-UA-Model"] = rng.choice(['"Quest 3"', '"Pixel 8"', '"SM-I610"', '""'])
    if rng.random() < 0.2:
        fields["Sec-CH-UA-Form-Factors"] = rng.choice(['"Desktop", "XR"', '"Mobile"'])
    if rng.random() < 0.2:
        fields["Device-Memory"] = rng.choice(["0.25", "2", "4", "8"])
        fields["DPR"] = str(rng.randint(1, 4))
    if rng.random() < 0.2:
        fields["ECT"] = rng.choice(["slow-2g", "3g", "4g"])
        fields["RTT"] = str(25 * rng.randrange(40))
    if rng.random() < 0.1:
        fields["Save-Data"] = "on"
    if rng.random() < 0.2:
        fields["CloudFront-Is-Mobile-Viewer"] = "true"
    coding = rng.choice([None, "br", "zstd", "gzip", "identity", "gzip, br", "br;q=0.5, zstd",
                         "zstd;q=0, br", "*", "br, zstd;q=0.1"])
    if coding is not None:
        fields["Accept-Encoding"] = coding

    return query, fields


def clients():
    rng = random.Random(11)
    agents = user_agents()
    return [client(rng, n, agents) for n in range(CLIENTS)]


def parts(body, slices):
    return [body[i:i + SLICE] for i in range(0, len(body), SLICE)] if slices else [body]


def copies(edge, slices):
    """What is in the cache of each body: how often each of its parts."""

    known = [(part, key + (i,)) for key, body in BODIES.items()
             for i, part in enumerate(parts(body, slices))]
    known.sort(key=lambda p: -len(p[0]))
    found = collections.Counter()

    for file in (edge.folder / "cache").rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            found[next((key for part, key in known if data.endswith(part)), file)] += 1

    return found


@pytest.mark.parametrize("slices", [False, True], ids=["whole", "slices"])
def test_a_thousand_clients_and_six_variants(stack, edges, slices):
    name = f"copies/{next(stack.names)}.gltf"
    publish(stack, name)
    location = f"xr_auth public; {servers.CACHE} xr_variants on;" + " xr_slice 64k;" * slices
    edge = edges({"acme": ""}, location=location, workers=2)

    asked = clients()
    assert len({(query, *sorted(fields.items())) for query, fields in asked}) == CLIENTS

    def get(which):
        query, fields = which
        return http1.request(edge.port, f"/acme/{name}{query}", headers=fields)

    # twice, as a thousand strangers and then as a thousand that come again
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(get, asked))
        random.Random(12).shuffle(asked)
        answers += pool.map(get, asked)

    sent = collections.Counter()
    for answer in answers:
        key = (answer["xr-variant"].split(";")[0], answer["content-encoding"] or "identity")
        assert answer.status == 200 and answer.body == BODIES[key]
        sent[key] += 1
    assert set(sent) == set(BODIES), "not everything was asked for"

    found = copies(edge, slices)
    manifest = [key for key in found if isinstance(key, pathlib.Path)]
    assert len(manifest) <= 1 and all(file.read_bytes().endswith(MANIFEST) for file in manifest)
    assert max(found.values()) == 1, found
    for coding in CODINGS:
        assert len({key[0] for key in found if key not in manifest and key[1] == coding}) <= 6

    reads = collections.Counter((entry["path"], entry["headers"].get("range"))
                                for entry in stack.faults.log(name))
    assert max(reads.values()) == 1, reads
    wanted = sum(len(parts(body, slices)) for body in BODIES.values())
    assert len(reads) <= wanted + 1


# Arms


SPLIT = {"salt": "2026-11", "arms": [{"name": "a", "weight": 3, "variants": ["n18k"]},
                                     {"name": "none", "weight": 0},
                                     {"name": "b", "weight": 1, "variants": ["n45k"]}]}


def test_the_arm_of_a_subject_can_be_computed(stack, edges):
    name = f"copies/é {next(stack.names)}.gltf"
    publish(stack, name)
    stack.put(json.dumps({**json.loads(MANIFEST), "split": SPLIT}).encode(),
              f"{name}.xr/manifest.json")
    edge = edges({"acme": ""}, location=f"{servers.CACHE} xr_variants on;", workers=2)
    arms = collections.Counter()

    for n in range(200):
        subject = f"shopper-{n}"
        path = edgeauth.path_of(f"/acme/{name}")
        token = edgeauth.token(servers.key_of("acme"), acl="/acme/*", id=subject)
        answer = edge.get(edgeauth.in_query(path, token))
        arm = select_arm.arm(SPLIT, select_arm.seed("acme", name, subject))
        variant = arm["variants"][0]
        assert answer["xr-variant"].split(";arm=")[1] == arm["name"]
        assert answer["xr-variant"].startswith(f"{variant};")
        assert answer.body == BODIES[variant, "identity"]
        arms[arm["name"]] += 1

    # a quarter is 50; what the hash says of these names does not change
    assert 30 <= arms["b"] <= 70 and arms["none"] == 0


def test_the_arm_of_an_address_can_be_computed(stack, edges):
    name = f"copies/{next(stack.names)}.gltf"
    publish(stack, name)
    stack.put(json.dumps({**json.loads(MANIFEST), "split": SPLIT}).encode(),
              f"{name}.xr/manifest.json")
    edge = edges({"acme": ""}, location=f"xr_auth public; {servers.CACHE} xr_variants on;")

    for n in range(1, 21):
        address = f"127.0.0.{n}"
        answer = edge.get(f"/acme/{name}", source=address)
        arm = select_arm.arm(SPLIT, select_arm.seed("acme", name, address))
        assert answer["xr-variant"].endswith(f";arm={arm['name']}")
