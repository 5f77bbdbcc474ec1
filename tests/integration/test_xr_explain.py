# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
"xr explain" says what an edge does: a table of requests, and a running edge that answers the
same.  "xr manifest check": what is wrong with manifests, and where.
"""

import json
import random
import subprocess

import pytest

import servers
from test_variants import (BODIES, DESKTOP, PHONE, QUEST_2, VARIANTS, Store, get, manifest, sha,
                           variant)

XR = servers.BUILD / "xr"
SECRET = "ab" * 32


def run(*arguments, **environment):
    return subprocess.run([XR, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env={**servers.environment(), **environment})


@pytest.fixture(scope="module")
def web():
    with Store({}) as origin:
        yield origin


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "m.json").write_bytes(manifest())
    return tmp_path


def explain(folder, url, *options, headers=(), manifest="m.json"):
    fields = [part for field in headers for part in ("-H", field)]
    done = run("explain", "--manifest", folder / manifest, "--json", *fields, *options, url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def token(*options):
    done = run("token", "make", "--acl", "/acme/*", *options, XR_EDGEAUTH_KEY=SECRET)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


NEEDS = [
    variant("rich", BODIES["full"], q=90, need={"tex": ["basis"], "geo": ["meshopt"]}),
    variant("huge", BODIES["mid"], q=95, maxdim=8192, tris=9000000),
    variant("poor", BODIES["low"], q=10, **{"for": {"classes": ["p0"]}}),
]


@pytest.mark.parametrize("query, headers, wanted, source", [
    ("", [], "low;reason=fit;class=x", "default"),
    ("", [f"User-Agent: {QUEST_2}"], "mid;reason=fit;class=h1", "user_agent"),
    ("?xr=d3-b-13-m", [f"User-Agent: {QUEST_2}"], "full;reason=fit;class=d3", "query"),
    ("?xr=p0-e-9-m", [], "low;reason=fit;class=p0", "query"),
    ("?xr=nonsense", [f"User-Agent: {QUEST_2}"], "mid;reason=fit;class=h1", "user_agent"),
    ("", ["XR-Hints: v=1, c=h3"], "full;reason=fit;class=h3", "hints"),
    ("", ["xr-hints: v=1, c=h3", "XR-Hints: v=1, c=p0"], "full;reason=fit;class=h3",
     "hints"),
    ("", ["XR-Hints: v=1, ((("], "low;reason=fit;class=x", "default"),
    ("", ["Accept: model/gltf-binary;xr=p0-e-9-m"], "low;reason=fit;class=p0", "accept"),
    ("?xr=d3-b-13-m", ["Save-Data: on"], "mid;reason=fit;class=d2", "query"),
    ("?xr=d3-b-13-m&maxq=60", [], "mid;reason=fit;class=d3", "query"),
    ("?xr=d3-b-13-m&maxbytes=60000", [], "low;reason=fit;class=d3", "query"),
    ("?xr=d3-b-13-m&maxdim=banana", [], "full;reason=fit;class=d3", "query"),
    ("?variant=low&xr=d3-b-13-m", [], "low;reason=explicit;class=d3", "query"),
    ("?xr=p0-e-9-m&maxbytes=1", [], "low;reason=over;class=p0", "query"),
])
def test_a_table_of_requests(folder, query, headers, wanted, source):
    out = explain(folder, f"https://edge.example/acme/m/1.glb{query}", headers=headers)
    assert out["headers"]["XR-Variant"] == wanted
    assert out["device"]["source"] == source
    assert [i["input"] for i in out["inputs"] if i.get("decides")] \
        == ([] if source == "default" else [source])
    assert out["url"]["tenant"] == "acme" and out["url"]["object"] == "m/1.glb"
    name = wanted.split(";")[0]
    assert out["headers"]["Content-Location"] == f"1.glb.xr/{sha(BODIES[name])}.glb"
    assert [v["id"] for v in out["variants"] if v["chosen"]] == [name]
    private = out["headers"].get("Cache-Control", "").startswith("private")

    # headers that make another class of the one in the URL have a say, too
    by_url = source == "query" and "xr=" + wanted.rpartition("=")[2] in query
    assert private == (not by_url and "variant=" not in query)


def test_every_variant_has_its_verdict(folder):
    (folder / "m.json").write_bytes(manifest(NEEDS))
    out = explain(folder, "/acme/1.glb?xr=p0-en-9-0")
    verdicts = {v["id"]: v for v in out["variants"]}
    assert verdicts["rich"]["dropped"] == ["tex", "geo"]
    assert verdicts["huge"]["over"] == ["tris", "dim"]
    assert verdicts["poor"]["preferred"] and verdicts["poor"]["chosen"]
    assert out["budgets"]["class"] == "p0" and out["budgets"]["dim"] == 512
    assert out["budgets"]["bytes"] == 2 * 1024 * 1024 // 2     # phones: network 2
    slow = explain(folder, "/acme/1.glb?xr=p0-e-9-0-n0&maxdim=64&maxq=7&maxbytes=9")["budgets"]
    assert (slow["net"], slow["dim"], slow["q"], slow["bytes"]) == (0, 64, 7, 9)


def test_nothing_fits(folder):
    (folder / "m.json").write_bytes(manifest(NEEDS[:1]))
    out = explain(folder, "/acme/1.glb?xr=p0-e-9-0")
    assert out["answer"]["status"] == 404 and out["answer"]["reason"] == "none"
    assert out["headers"]["Cache-Control"] == "no-store" and "XR-Variant" not in out["headers"]
    assert explain(folder, "/acme/1.glb?variant=x")["answer"]["reason"] == "unknown"


def test_what_is_missing(folder):
    out = explain(folder, "/acme/1.glb?xr=d3-b-13-m", "--missing", "full")
    assert out["headers"]["XR-Variant"] == "mid;reason=alt;class=d3"
    assert out["variants"][0]["dropped"] == ["missing"]
    done = run("explain", "--manifest", folder / "m.json", "--missing", "no", "/acme/1.glb")
    assert done.returncode == 2 and "no such variant" in done.stderr


def test_what_has_no_variants(folder):
    out = explain(folder, f"/acme/1.glb.xr/{'0' * 64}.glb")
    assert out["headers"] == {"Cache-Control": "public, max-age=31536000, immutable"}
    assert "no variants" in explain(folder, "/acme/page.html")["answer"]["is"]
    assert explain(folder, "/acme/1.glb?xr_manifest")["answer"]["is"] == "the manifest"


def test_encodings(folder):
    body = BODIES["text"]
    (folder / "m.json").write_bytes(manifest([
        variant("one", body, ".gltf", type="model/gltf+json", enc={"br": 900, "gzip": 1000})]))
    for fields, coding in (([], "identity"), (["Accept-Encoding: gzip"], "gzip"),
                           (["Accept-Encoding: gzip", "accept-encoding: br"], "br"),
                           (["Accept-Encoding: br;q=0, gzip;q=0.5"], "gzip"),
                           (["Accept-Encoding: identity;q=0"], "identity")):
        out = explain(folder, "/acme/1.gltf", headers=fields)
        assert out["encoding"]["coding"] == coding, fields
        assert out["headers"]["Vary"].startswith("Accept-Encoding, ")
    assert out["encoding"]["siblings"] == {"gzip": 1000, "br": 900}
    out = explain(folder, "/acme/1.gltf?variant=one", headers=["Accept-Encoding: br"])
    assert out["headers"]["Vary"] == "Accept-Encoding"
    assert out["encoding"]["object"] == f"1.gltf.xr/{sha(body)}.gltf.br"
    assert explain(folder, "/acme/1.gltf?part=head")["encoding"]["coding"] == "identity"


def test_credentials_are_named_and_not_shown(folder):
    secret = token("--id", "shop-17", "--data", "quality:medium")
    mac = secret.rsplit("=", 1)[1]
    path = run("token", "make", "--acl", "/acme/*", "--id", "shop-17", "--data", "quality:medium",
               "--form", "path", "--base", "https://e.example", "acme/1.glb",
               XR_EDGEAUTH_KEY=SECRET).stdout.strip()
    segment = path.split("~")[1].split("/")[0]
    for url, headers, place in (
            (f"/acme/1.glb?xr=d3-b-13-m&xr_token={secret}", [], "query"),
            (f"{path}?xr=d3-b-13-m", [], "path"),
            ("/acme/1.glb?xr=d3-b-13-m", [f"Authorization: Bearer {secret}"], "header"),
            ("/acme/1.glb?xr=d3-b-13-m", [f"Cookie: a=b; xr_token={secret}"], "cookie")):
        out = explain(folder, url, headers=headers)
        credential = out["credential"]
        assert credential.pop("expires") > 0
        assert credential == {"kind": "edgeauth", "in": place, "verified": False,
                              "subject": "shop-17", "quality": "medium"}
        assert out["budgets"]["ceiling"] == 60
        assert out["headers"]["XR-Variant"].startswith("mid;reason=fit")
        fields = [part for field in headers for part in ("-H", field)]
        for options in ([], ["--json"]):
            done = run("explain", "--manifest", folder / "m.json", *options, *fields, url)
            assert done.returncode == 0
            assert mac not in done.stdout and segment not in done.stdout
            assert "hmac" not in done.stdout

    out = explain(folder, f"/acme/1.glb?xr_token={secret}",
                  headers=[f"Authorization: Bearer {secret}"])
    assert "more than one" in out["credential"]["wrong"]
    assert "wrong" in explain(folder, "/acme/1.glb?xr_token=exp=1")["credential"]
    out = explain(folder, "/acme/1.glb?secret=s3cr3t")
    assert out["url"]["ignored"] == ["secret"] and "s3cr3t" not in json.dumps(out)


def test_the_tenant_by_host(folder):
    out = explain(folder, "https://Acme.example:8443/m/1.glb", "--tenant-path", "no",
                  "--tenant", "acme")
    assert out["url"] == {"host": "acme.example", "tenant": "acme", "tenant_by": "host",
                          "object": "m/1.glb", "arguments": {}, "ignored": []}


def test_devices_and_tiers(folder):
    (folder / "d.json").write_text('{"base": "default", "version": "1", "rules": []}')
    done = run("explain", "--manifest", folder / "m.json", "--devices", folder / "d.json", "/a/1.glb")
    if done.returncode:                     # the table's own reason, with its line
        assert done.stderr.startswith(f"xr: {folder}/d.json:1: ")
    (folder / "d.json").write_text("{\n\nx")
    done = run("explain", "--manifest", folder / "m.json", "--devices", folder / "d.json", "/a/1.glb")
    assert done.returncode == 1 and f"{folder}/d.json:3: " in done.stderr

    tier = ["CloudFront-Is-Mobile-Viewer: true", "CloudFront-Is-Android-Viewer: true"]
    assert explain(folder, "/acme/1.glb", headers=tier)["device"]["source"] == "default"
    assert explain(folder, "/acme/1.glb", "--trusted",
                   headers=tier)["device"]["source"] == "cloudfront"


def test_text_and_a_file_of_headers(folder):
    (folder / "h").write_text(f"GET /acme/1.glb HTTP/1.1\r\nHost: e\r\nUser-Agent: {QUEST_2}\r\n\r\n")
    done = run("explain", "--manifest", folder / "m.json", "--headers", folder / "h", "/acme/1.glb")
    assert done.returncode == 0
    for part in ("  XR-Variant       mid;reason=fit;class=h1\n", "  tenant           acme\n",
                 "  full             q 90, bytes 200000, gpu_bytes 90000000, over tris dim gpu\n"):
        assert part in done.stdout
    (folder / "h").write_text("a: b\nnonsense\n")
    done = run("explain", "--manifest", folder / "m.json", "--headers", folder / "h", "/acme/1.glb")
    assert done.returncode == 1 and f"{folder}/h:2: " in done.stderr


def test_hostile_input(folder):
    out = explain(folder, "/acme/1.glb", headers=["XR-Hints: " + "x" * 100000,
                                                  "User-Agent: \x1b[2J" + "\x80é" * 20000,
                                                  "Sec-CH-UA-Model: \"" + "\\" * 1000])
    assert out["device"]["class"] == "x"
    assert len(json.dumps(out)) < 20000
    done = run("explain", "--manifest", folder / "m.json", "-H", "User-Agent: \x1b[2J", "/acme/1.glb")
    assert "\x1b" not in done.stdout and "\\x1b[2J" in done.stdout

    for arguments in ([], ["/a/1.glb", "/b"], ["no-path"], ["-H", "nocolon", "/a/1.glb"],
                      ["-H", "a b: c", "/a/1.glb"], ["--tenant-path", "x", "/a/1.glb"]):
        assert run("explain", "--manifest", folder / "m.json", *arguments).returncode == 2
    assert run("explain", "/a/1.glb").returncode == 2
    for url in ("/acme/../1.glb", "/acme/%2e%2e/x", "/acme//x", "/acme/%zz", "/%00"):
        done = run("explain", "--manifest", folder / "m.json", url)
        assert done.returncode == 1 and "400" in done.stderr
    for url in ("/", "/~", "/~x", "/acme", "/acme/", "/acme/.xr/", "/?&&=&xr", "/acme/a?" + "&" * 5000):
        assert run("explain", "--manifest", folder / "m.json", url).returncode in (0, 1)
    fields = [part for n in range(17) for part in ("-H", f"a{n}: b")]
    assert run("explain", "--manifest", folder / "m.json", *fields, "/a/1.glb").returncode == 2


BAD = [
    (b"{", 1), (b"", 1), (b'{"v": 1,\n "variants": []}', 2), (b'{"v": 2,\n"variants": [{}]}', 1),
    (b"\xff", 1), (b"[" * 10000, 1),
    (json.dumps({"v": 1, "variants": [VARIANTS[0], VARIANTS[0]]}, indent=1).encode(), None),
    (json.dumps({"v": 1, "variants": [{**VARIANTS[0], "path": "../x"}]}, indent=1).encode(), 6),
    (b" " * 300000, 1),
]


@pytest.mark.parametrize("text, line", BAD, ids=range(len(BAD)))
def test_bad_manifests(folder, text, line):
    (folder / "bad.json").write_bytes(text)
    for command in (["manifest", "check", folder / "bad.json", folder / "m.json"],
                    ["explain", "--manifest", folder / "bad.json", "/acme/1.glb"]):
        done = run(*command)
        assert done.returncode == 1
        assert done.stderr.startswith(f"xr: {folder}/bad.json:{line or ''}")
        if "explain" in command:
            assert done.stdout == ""
        else:
            assert done.stdout == f"{folder}/m.json: 3 variants\n"


def test_manifest_check(folder):
    (folder / "s.json").write_bytes(manifest(rev="r1", split={"salt": "s", "arms": [
        {"name": "a", "weight": 1}]}))
    done = run("manifest", "check", folder / "m.json", folder / "s.json")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines()[1] == f"{folder}/s.json: 3 variants, 1 arm, rev r1"
    for path in (folder, folder / "none"):
        done = run("manifest", "check", path)
        assert done.returncode == 1 and str(path) in done.stderr
    assert run("manifest", "check").returncode == 2


def random_request(rng):
    fields = {}
    if rng.random() < 0.8:
        fields["user_agent"] = rng.choice([QUEST_2, PHONE, DESKTOP, "x"])
    if rng.random() < 0.4:
        fields["xr_hints"] = f"v=1, {rng.choice(['c=h2', 'c=d1', 'dim=2048', 'net=0'])}"
    if rng.random() < 0.3:
        fields["accept"] = f"*/*, model/gltf-binary;xr={rng.choice(['h1-ae-11-m', 'd2-b-12-d'])}"
    if rng.random() < 0.3:
        fields["save_data"] = rng.choice(["on", "?1", "off"])
    if rng.random() < 0.3:
        fields["sec_ch_ua_form_factors"] = '"XR"'
        fields["device_memory"] = rng.choice(["0.5", "4", "8"])
    if rng.random() < 0.3:
        fields["accept_encoding"] = rng.choice(["br", "gzip, br;q=0.5", "*", "identity"])
    if rng.random() < 0.2:
        fields["cloudfront_is_mobile_viewer"] = "true"
    query = [f"xr={rng.choice('hpd')}{rng.randrange(4)}-{rng.choice(['a', 'b', 'n'])}-12-m"
             if rng.random() < 0.4 else "n=1"]
    for name, values in (("maxq", [20, 70, "x"]), ("maxdim", [600, 5000]),
                         ("maxbytes", [60000, 150000]), ("variant", ["low", "mid", "none"])):
        if rng.random() < 0.2:
            query.append(f"{name}={rng.choice(values)}")
    rng.shuffle(query)
    return "?" + "&".join(query), fields


def test_an_edge_answers_the_same(folder, web, web_edges):
    edge = web_edges(web.tenants("acme"), origin=web.url,
                     location=f"xr_auth public; {servers.CACHE} xr_variants on;")
    texts = {
        "plain": manifest(),
        "split": manifest(split={"salt": "s", "arms": [
            {"name": "a", "weight": 1, "variants": ["mid", "low"]},
            {"name": "b", "weight": 1, "variants": ["full", "low"]}]}),
        "needs": manifest([*NEEDS[:2], {**NEEDS[2], "id": "low"}], fallback="low"),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text)
        for n in range(4):
            web.publish(f"{n}/{name}.glb", text)

    rng = random.Random(11)
    seen = set()
    for _ in range(60):
        name, n = rng.choice(list(texts)), rng.randrange(4)
        query, fields = random_request(rng)
        fields.setdefault("user_agent", "x")
        answer = get(edge, f"{n}/{name}.glb", query, **fields)
        out = explain(folder, f"http://127.0.0.1/acme/{n}/{name}.glb{query}", manifest=name,
                      headers=[f"{key.replace('_', '-')}: {value}"
                               for key, value in fields.items()])
        case = (name, query, fields)
        assert answer.status == out["answer"]["status"], case
        for field in ("XR-Variant", "Content-Location", "Vary", "Accept-CH", "Critical-CH"):
            assert answer[field.lower()] == out["headers"].get(field), (field, case)
        if "Cache-Control" in out["headers"]:
            assert answer["cache-control"] == out["headers"]["Cache-Control"], case
        else:
            assert "private" not in answer["cache-control"], case
        seen.add(answer["xr-variant"])
    assert len(seen) > 10
