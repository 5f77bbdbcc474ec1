# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Variants: which one a client gets, how it learns that, and what is asked of the origin for it."""

import concurrent.futures
import hashlib
import itertools
import json
import random
import threading
import urllib.parse

import brotli
import pytest

import edgeauth
import http1
import ktx2
import scripted
import servers
from object_origin import ObjectOrigin, answer
from range_model import Object

QUEST_2 = ("Mozilla/5.0 (X11; Linux x86_64; Quest 2) AppleWebKit/537.36 (KHTML, like Gecko) "
           "OculusBrowser/33.0 Chrome/126.0.6478.122 VR Safari/537.36")
PHONE = ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Mobile Safari/537.36")
DESKTOP = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
           "Chrome/126.0.0.0 Safari/537.36")


def data(size, seed):
    return random.Random(seed).randbytes(size)


SOURCE = data(300000, 0)
BODIES = {"full": data(200000, 1), "mid": data(120000, 2), "low": data(50000, 3),
          "text": json.dumps([list(range(9000))]).encode()}


def sha(body):
    return hashlib.sha256(body).hexdigest()


def variant(name, body, extension=".glb", **members):
    return {"id": name, "path": sha(body) + extension, "bytes": len(body), "sha256": sha(body),
            "type": "model/gltf-binary", **members}


BASE = "/acme/"

VARIANTS = [
    variant("full", BODIES["full"], q=90, tris=400000, maxdim=4096, alts=["mid"],
            gpu={"rgba8": 90000}),
    variant("mid", BODIES["mid"], q=60, tris=90000, maxdim=1024, gpu={"rgba8": 20000}),
    variant("low", BODIES["low"], q=20, tris=10000, maxdim=512, gpu={"rgba8": 2000}),
]


def manifest(variants=None, **members):
    return json.dumps({"v": 1, "variants": VARIANTS if variants is None else variants,
                       **members}).encode()


class Store(ObjectOrigin):
    """An origin whose objects go by their whole name; "held" are events that answers wait for."""

    def __init__(self, objects):
        super().__init__(objects)
        self.held = {}

    def _answer(self, request):
        event = self.held.get(request.path)
        if event is not None:
            event.wait(20)
        obj = self.objects.get(request.path.removeprefix(BASE))
        if isinstance(obj, int):
            return scripted.message(obj, b"")
        if obj is None:
            return scripted.message(404, scripted.s3_error("NoSuchKey"))
        return answer(obj, request)

    def put(self, name, body):
        self.objects[name] = Object(body, f'"{hashlib.md5(body).hexdigest()}"')

    def publish(self, name, text, bodies=tuple(BODIES.values())):
        self.put(name, SOURCE)
        for body in bodies:
            for extension in (".glb", ".gltf"):
                self.put(f"{name}.xr/{sha(body)}{extension}", body)
        self.put(f"{name}.xr/manifest.json", text)

    def fetched(self, name):
        return [r for r in self.requests if r.path == BASE + name]


@pytest.fixture(scope="module")
def web():
    with Store({}) as origin:
        yield origin


NUMBERS = itertools.count()


def start(web, web_edges, location="", **options):
    return web_edges(web.tenants("acme"), origin=web.url,
                     location=f"xr_auth public; {servers.CACHE} xr_variants on; {location}",
                     **options)


@pytest.fixture(scope="module", params=["whole", "slices"])
def edge(request, web, web_edges):
    return start(web, web_edges, "xr_slice 64k;" if request.param == "slices" else "")


@pytest.fixture
def name(web):
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest())
    return name


def get(edge, name, query="", method="GET", **headers):
    headers.setdefault("user_agent", DESKTOP)
    fields = {key.replace("_", "-").title(): value for key, value in headers.items()}
    return http1.request(edge.port, f"/acme/{name}{query}", method=method, headers=fields)


def test_each_device_gets_its_own(edge, name):
    seen = {}
    for agent in (QUEST_2, PHONE, DESKTOP):
        response = get(edge, name, user_agent=agent)
        assert response.status == 200
        seen[agent] = response["xr-variant"].split(";")[0]
        assert response.body == BODIES[seen[agent]]
    assert seen[QUEST_2] == "mid"
    assert get(edge, name, "?xr=d3-b-13-m").body == BODIES["full"]
    assert get(edge, name, "?xr=p0-e-9-m").body == BODIES["low"]


def test_what_the_answer_says(edge, name):
    response = get(edge, name, user_agent=QUEST_2)
    assert response["xr-variant"] == "mid;reason=fit;class=h1"
    assert response["content-location"] == f"{name.split('/')[1]}.xr/{sha(BODIES['mid'])}.glb"
    assert "User-Agent" in response["vary"] and "XR-Hints" in response["vary"]
    assert "Sec-CH-UA-Form-Factors" in response["accept-ch"]
    assert "Sec-CH-UA-Model" in response["critical-ch"]
    assert response["cache-control"].startswith("private")
    assert response["content-type"] == "model/gltf-binary"
    assert "public" in get(edge, name, "?xr=p0-e-9-m")["cache-control"]


def test_the_url_that_never_changes(edge, name):
    response = get(edge, f"{name}.xr/{sha(BODIES['low'])}.glb", user_agent=QUEST_2)
    assert response.status == 200 and response.body == BODIES["low"]
    assert response["cache-control"] == "public, max-age=31536000, immutable"
    assert response["vary"] is None and response["xr-variant"] is None
    assert response["accept-ch"] is None


def test_overrides(edge, name):
    assert get(edge, name, "?variant=low").body == BODIES["low"]
    assert get(edge, name, "?variant=low")["xr-variant"].startswith("low;reason=explicit")
    assert get(edge, name, "?xr=d3-b-13-m&maxq=60").body == BODIES["mid"]
    assert get(edge, name, "?xr=d3-b-13-m&maxbytes=60000").body == BODIES["low"]
    assert get(edge, name, "?xr=d3-b-13-m&maxdim=1024").body == BODIES["mid"]
    assert get(edge, name, "?xr=d3-b-13-m&maxdim=banana").body == BODIES["full"]

    response = get(edge, name, "?variant=none")
    assert response.status == 404
    assert response["content-type"] == "application/problem+json"
    assert json.loads(response.body)["status"] == 404
    assert response["cache-control"] == "no-store"


def test_no_hint_is_an_error(edge, name):
    for headers in ({"xr_hints": "v=1, ((("}, {"xr_hints": "x" * 5000}, {"accept": ";;;xr=;"},
                    {"sec_ch_ua_form_factors": '"'}, {"device_memory": "-1"},
                    {"dpr": "nan"}, {"user_agent": "\t\x80\xff"}):
        assert get(edge, name, **headers).status == 200
    for query in ("?xr=", "?xr=zz", "?xr=" + "a" * 1000, "?xr=h2&xr=p0", "?maxq=-1&maxdim=1e9"):
        assert get(edge, name, query).status == 200


def test_ranges_and_conditions(edge, name):
    whole = get(edge, name, user_agent=QUEST_2)
    part = get(edge, name, user_agent=QUEST_2, range="bytes=1000-70999")
    assert part.status == 206 and part.body == BODIES["mid"][1000:71000]
    assert part["etag"] == whole["etag"]
    other = get(edge, name, user_agent=QUEST_2, range="bytes=10-19", if_range='"other"')
    assert other.status == 200 and other.body == BODIES["mid"]
    assert get(edge, name, user_agent=QUEST_2, if_none_match=whole["etag"]).status == 304
    head = get(edge, name, method="HEAD", user_agent=QUEST_2)
    assert head["content-length"] == str(len(BODIES["mid"])) and head["xr-variant"]


def test_the_manifest_itself(edge, web, name):
    response = get(edge, name, "?xr_manifest")
    assert response.status == 200
    assert json.loads(response.body)["variants"][0]["id"] == "full"
    assert response["content-type"] == "application/json"
    web.put("plain.glb", SOURCE)
    assert get(edge, "plain.glb", "?xr_manifest").status == 404


def test_an_object_without_a_manifest(edge, web):
    name = f"m/{next(NUMBERS)}.glb"
    web.put(name, SOURCE)
    for _ in range(3):
        response = get(edge, name)
        assert response.status == 200 and response.body == SOURCE
        assert response["xr-variant"] is None
    assert len(web.fetched(f"{name}.xr/manifest.json")) == 1


def test_other_types_have_none(edge, web):
    web.put("page.html", b"<p>")
    assert get(edge, "page.html").status == 200
    assert not web.fetched("page.html.xr/manifest.json")


def test_one_fetch_for_all(edge, web, name):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: get(edge, name, f"?xr=p0-e-9-m&n={n}"), range(40)))
    assert all(r.status == 200 and r.body == BODIES["low"] for r in answers)
    assert len(web.fetched(f"{name}.xr/manifest.json")) == 1


def test_as_many_bodies_as_variants(edge, web, name):
    rand = random.Random(7)
    for n in range(300):
        token = f"{rand.choice('hpd')}{rand.randrange(4)}-{rand.choice(['a', 'ae', 'b', 'n'])}-" \
                f"{rand.randrange(9, 14)}-{rand.choice(['m', 'd', 'dm'])}"
        agent = f"{rand.choice([QUEST_2, PHONE, DESKTOP])} x/{n}"
        assert get(edge, name, f"?xr={token}" if n % 2 else "", user_agent=agent,
                   xr_hints=f"v=1, dim={2 ** rand.randrange(8, 14)}").status == 200
    bodies = {r.path for r in web.requests if r.path.startswith(f"{BASE}{name}.xr/")
              and not r.path.endswith("manifest.json")}
    assert len(bodies) <= 3
    for path in bodies:
        reads = web.reads(path)
        assert len(set(reads)) == len(reads)


def test_a_missing_variant(edge, web):
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest(), [BODIES["mid"], BODIES["low"]])
    for n in range(3):
        response = get(edge, name, "?xr=d3-b-13-m")
        assert response.status == 200 and response.body == BODIES["mid"]
        assert response["xr-variant"].startswith("mid;reason=alt")
    assert len(web.fetched(f"{name}.xr/{sha(BODIES['full'])}.glb")) == 1


def test_a_manifest_that_is_new_when_a_variant_turns_out_to_be_missing(web, web_edges):
    edge = start(web, web_edges, "xr_manifest_valid 1s;")
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest(), [BODIES["low"]])

    path = f"{BASE}{name}.xr/{sha(BODIES['full'])}.glb"
    web.held[path] = threading.Event()

    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waits = pool.submit(get, edge, name, "?xr=d3-b-13-m")
            servers.wait_for("the variant to be asked for",
                             lambda: web.fetched(path.removeprefix(BASE)))

            # another first variant, and those of before are gone
            new = [variant("new", BODIES["text"], q=95, maxdim=4096), variant("small", BODIES["low"], q=20, tris=9)]
            web.publish(name, manifest(new), [BODIES["text"], BODIES["low"]])
            servers.wait_for("the new manifest", lambda: get(edge, name, "?xr=p0-e-9-m")
                             ["xr-variant"].startswith("small;"))

            web.held[path].set()
            response = waits.result()
    finally:
        web.held.pop(path).set()

    for answer_ in (response, get(edge, name, "?xr=d3-b-13-m")):
        assert answer_["xr-variant"] == "new;reason=fit;class=d3"
        assert answer_.body == BODIES["text"]


def test_a_texture_without_a_manifest_is_cut_to_what_its_class_has(edge, web):
    sizes = [60000, 15000, 4000, 1000, 300, 80, 21, 7, 3, 2]
    data_, levels = ktx2.texture(1024, 1024, [*sizes, 1])
    name = f"m/{next(NUMBERS)}.ktx2"
    web.put(name, data_)

    for query, headers, edge_size in (("?xr=p0-e-13-m", {}, 512), ("?xr=h0-a-13-m", {}, 1024),
                                      ("?xr=h2-a-8-m", {}, 256), ("", {"user_agent": QUEST_2}, 1024),
                                      ("?xr=d3-b-13-m", {}, 1024), ("?xr=p0-e-13-m&maxdim=128", {}, 128),
                                      ("?xr=p1-e-13-m", {"save_data": "on"}, 512),
                                      ("", {"xr_hints": 'v=1, c="h2", dim=256'}, 256),
                                      # no edge that counts: what headers say is not for everybody
                                      ("?maxdim=99999999", {"xr_hints": 'v=1, c="h2", dim=256'}, 256),
                                      ("?maxdim=512&maxdim=512", {"xr_hints": 'v=1, c="h2", dim=256'}, 256)):
        response = get(edge, name, query, **headers)
        drop = (1024 // edge_size).bit_length() - 1
        assert response.status == 200
        assert ktx2.levels_of(response.body) == (edge_size, edge_size, levels[drop:])
        assert "XR-Hints" in response["vary"]

        by_url = "maxdim=128" in query or (query and not headers)
        assert ("private" in (response["cache-control"] or "")) != by_url

    # a variant that is named is the same for all, and none is
    response = get(edge, name, "?variant=x", xr_hints='v=1, c="h2", dim=256')
    assert response.body == data_ and "private" not in (response["cache-control"] or "")


def test_headers_that_change_what_the_url_says_are_not_for_caches_that_key_on_urls(edge, web, name):
    def public(*ask_):
        return "private" not in (get(edge, *ask_[:2], **(ask_[2] if len(ask_) > 2 else {}))
                                 ["cache-control"] or "")

    for _ in range(2):
        assert public(name, "?xr=d3-b-13-m") and public(name, "?xr=h1-a-13-m", {"user_agent": QUEST_2})
        assert not public(name, "?xr=d3-b-13-m", {"save_data": "on"})
        assert not public(name, "?xr=d3-b-13-m", {"xr_hints": "v=1, tri=20000"})
        assert public(name, "?xr=d3-b-13-m", {"ect": "2g"})
        assert not public(name, "", {"user_agent": QUEST_2})

        # it is none of the choice
        assert public(name, "?variant=low", {"save_data": "on"})
        assert public(name, "?xr=p0-e-9-m", {"xr_hints": "v=1, hz=90"})


def test_a_texture_that_is_asked_for_by_its_name_is_whole(edge, web):
    data_, levels = ktx2.texture(1024, 1024, [60000, 15000, 4000, 1000, 300, 80, 21, 7, 3, 2, 1])
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest([variant("tex", data_, ".ktx2", q=50, type="image/ktx2")]))
    web.put(f"{name}.xr/{sha(data_)}.ktx2", data_)

    whole = get(edge, name, "?variant=tex", xr_hints="v=1, dim=256")
    assert ktx2.levels_of(whole.body) == (1024, 1024, levels)
    assert "XR-Hints" not in (whole["vary"] or "") and "private" not in (whole["cache-control"] or "")

    cut = get(edge, name, "", xr_hints="v=1, dim=256")
    assert ktx2.levels_of(cut.body) == (256, 256, levels[2:])
    assert "XR-Hints" in cut["vary"] and "private" in cut["cache-control"]
    assert "private" in get(edge, name, "?xr=d3", xr_hints="v=1, dim=256")["cache-control"]


def test_all_are_missing(edge, web):
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest(), [])
    for n in range(2):
        assert get(edge, name, "?xr=d3-b-13-m").status == 404


def test_a_bad_manifest(edge, web):
    for text in (b"{", b"[]", b'{"v":1,"variants":[]}', b"x" * 300000, b""):
        name = f"m/{next(NUMBERS)}.glb"
        web.publish(name, text)
        response = get(edge, name)
        assert response.status == 200 and response.body == SOURCE
    assert "manifest" in edge.error_log()


def test_siblings(edge, web):
    name = f"m/{next(NUMBERS)}.gltf"
    body = BODIES["text"]
    packed = brotli.compress(body)
    web.publish(name, manifest([variant("one", body, ".gltf", type="model/gltf+json", q=50,
                                        enc={"br": len(packed)})]))
    web.put(f"{name}.xr/{sha(body)}.gltf.br", packed)

    response = get(edge, name, accept_encoding="gzip, br")
    assert response["content-encoding"] == "br"
    assert brotli.decompress(response.body) == body
    assert response["x-file-size"] == str(len(body))
    assert "Accept-Encoding" in response["vary"]
    part = get(edge, name, accept_encoding="br", range="bytes=10-99")
    assert part.status == 206 and part.body == packed[10:100]
    plain = get(edge, name)
    assert plain["content-encoding"] is None and plain.body == body
    assert plain["etag"] != response["etag"]


def test_a_redirect_keeps_the_rest_of_the_query(web, web_edges):
    edge = web_edges(web.tenants("acme"), origin=web.url,
                     location=f"xr_auth public; {servers.CACHE} xr_variants redirect;")
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest())
    response = get(edge, name, "?a=1&xr=p0-e-9-m&b=%20&maxq=90")
    assert response.status == 307
    last = name.split("/")[1]
    assert response["location"] == f"{last}.xr/{sha(BODIES['low'])}.glb?a=1&b=%20"
    assert response["xr-variant"].startswith("low;")
    assert get(edge, f"{name}.xr/{sha(BODIES['low'])}.glb").body == BODIES["low"]


KEY = servers.key_of("acme")


def guarded(web, web_edges, location=""):
    return web_edges(web.tenants("acme"), origin=web.url,
                     location=f"{servers.CACHE} xr_variants on; {location}")


def test_a_ceiling_of_quality(web, web_edges):
    edge = guarded(web, web_edges)
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest())

    def best(data, query="xr=d3-b-13-m"):
        token = edgeauth.token(KEY, acl="/acme/*", data=data)
        return [get(edge, name, f"?{query}&xr_token={token}") for _ in range(2)][1]

    assert best(None).body == BODIES["full"]
    assert best("quality:high").body == BODIES["full"]
    assert best("quality:medium").body == BODIES["mid"]
    assert best("quality:low").body == BODIES["low"]
    assert best("quality:25").body == BODIES["low"]
    assert best("quality:low", "variant=full").status == 404
    assert best("quality:nobody-knows").status == 404


@pytest.mark.parametrize("place", [edgeauth.in_query, edgeauth.in_path])
def test_a_redirect_keeps_the_credential(web, web_edges, place):
    edge = web_edges(web.tenants("acme"), origin=web.url,
                     location=f"{servers.CACHE} xr_variants redirect;")
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest())

    first = place(f"/acme/{name}", edgeauth.token(KEY, acl="/acme/*"))
    response = http1.request(edge.port, first, headers={"User-Agent": QUEST_2})
    assert response.status == 307 and response.body == b""
    then = urllib.parse.urljoin(f"http://edge.test{first}", response["location"])
    target = then.removeprefix("http://edge.test")
    assert http1.request(edge.port, target).body == BODIES["mid"]


def test_it_is_renewed(web, web_edges):
    edge = start(web, web_edges, "xr_manifest_valid 1s absent=1s;")
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest())
    assert get(edge, name, "?xr=p0-e-9-m").body == BODIES["low"]
    web.publish(name, manifest(VARIANTS[:2]))
    servers.wait_for("the new manifest",
                     lambda: get(edge, name, "?xr=p0-e-9-m").body == BODIES["mid"])


def test_the_origin_is_down(web, web_edges):
    edge = start(web, web_edges, "xr_manifest_valid 1s; xr_origin_next_upstream off;")
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest())
    assert get(edge, name, "?xr=p0-e-9-m").body == BODIES["low"]
    web.objects[f"{name}.xr/manifest.json"] = 500
    before = len(web.fetched(f"{name}.xr/manifest.json"))
    def asked_in_vain():
        assert get(edge, name, "?xr=p0-e-9-m").body == BODIES["low"]
        return len(web.fetched(f"{name}.xr/manifest.json")) > before + 1

    servers.wait_for("two requests for the manifest", asked_in_vain, 20)


def test_splits(edge, web):
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest(split={"salt": "s", "arms": [
        {"name": "a", "weight": 1, "variants": ["mid"]}, {"name": "b", "weight": 0 + 1,
                                                          "variants": ["low"]}]}))
    first = get(edge, name)
    assert first["xr-variant"].endswith(("arm=a", "arm=b"))
    assert first["cache-control"].startswith("private")
    assert all(get(edge, name)["xr-variant"] == first["xr-variant"] for _ in range(3))


@pytest.mark.parametrize("line, reason", [
    ("xr_variants maybe;", 'invalid value "maybe"'),
    ("xr_variants on; xr_variants off;", "is duplicate"),
    ("xr_manifest_valid never;", 'invalid parameter "never"'),
    ("xr_manifest_valid 1m absent=x;", 'invalid parameter "absent=x"'),
    ("xr_manifest_valid 1m stale=1s stale=2s;", 'invalid parameter "stale=2s"'),
])
def test_bad_configuration(web, tmp_path, line, reason):
    edge = servers.Edge(tmp_path, web.tenants("acme"), origin=web.url,
                        location=f"xr_auth public; {line}")
    code, said = edge.test()
    assert code != 0 and reason in said and "nginx.conf:" in said
