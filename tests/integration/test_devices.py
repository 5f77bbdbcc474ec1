# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What an edge makes of a device: the variables, by all that a request may say, and the table."""

import json
import re
import tempfile

import pytest

import servers

SECRET = "the-secret-of-the-tier"
QUEST_3 = ("Mozilla/5.0 (X11; Linux x86_64; Quest 3) AppleWebKit/537.36 (KHTML, like Gecko) "
           "OculusBrowser/31.4.0.6.51.566757996 Chrome/120.0.6099.283 VR Safari/537.36")
PHONE = ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Mobile Safari/537.36")
NAMES = ("class", "source", "rule", "use", "textures", "geometry", "max_dim", "net", "save_data",
         "token")
TELLS = "".join(f"add_header X-D-{name.replace('_', '-')} $xr_device_{name} always;"
                for name in NAMES)
OWN_RULE = {"name": "kiosk", "ua": ["Kiosk/"], "class": "d3", "tex": ["bc"]}


def start(web_edges, web, http="", files=None):
    return web_edges(web.tenants("acme"), server=TELLS,
                     http=f"xr_trusted_secret X-Origin-Verify secrets; {http}",
                     files={"secrets": f"{SECRET}\n", **(files or {})})


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return start(web_edges, web)


def ask(edge, query="", **fields):
    """The record of a request, of which "xr_hints" is the field XR-Hints."""

    headers = {"User-Agent": ""}
    headers.update((name.replace("_", "-"), value) for name, value in fields.items()
                   if name != "user_agent")
    headers["User-Agent"] = fields.get("user_agent", "")
    response = edge.get(f"/acme/none.glb{query}", headers=headers)

    return {name: response[f"x-d-{name.replace('_', '-')}"] for name in NAMES}


def decided(edge, query="", **fields):
    record = ask(edge, query, **fields)
    return record["class"], record["source"]


def test_nothing_said(edge):
    assert ask(edge) == {
        "class": "x", "source": "default", "rule": None, "use": "view", "textures": "jpeg",
        "geometry": None, "max_dim": "4096", "net": None, "save_data": "0", "token": "x-0-12-0"}


def test_user_agent(edge):
    record = ask(edge, user_agent=QUEST_3)
    assert record["class"] == "h2" and record["source"] == "user_agent"
    assert record["rule"] == "quest-3" and record["token"] == "h2-aen-12-0"
    assert record["textures"] == "astc etc2 jpeg"


def test_all_of_a_token(edge):
    record = ask(edge, "?xr=p1-ae-11-dm-n2s", user_agent=QUEST_3)
    assert record["class"] == "p1" and record["source"] == "query"
    assert record["max_dim"] == "2048" and record["net"] == "2" and record["save_data"] == "1"
    assert record["geometry"] == "meshopt draco" and record["token"] == "p1-ae-11-dm-n2s"


@pytest.mark.parametrize("query", ["?xr=", "?xr=h9", "?xr=h2-", "?xr=%00", "?xr=" + "a" * 900,
                                   "?xr=h2-ae-12-dm-n9"])
def test_no_token(edge, query):
    assert decided(edge, query, user_agent=QUEST_3) == ("h2", "user_agent")


def test_order_of_what_is_said(edge):
    said = {"user_agent": PHONE}
    assert decided(edge, **said) == ("p1", "user_agent")

    said["sec_ch_ua_model"] = '"SM-I610"'
    assert decided(edge, **said) == ("h2", "client_hints")

    said["accept"] = "model/gltf-binary;xr=d2-b-13, */*;q=0.1"
    assert decided(edge, **said) == ("d2", "accept")

    said["xr_hints"] = 'v=1, c="h1"'
    assert decided(edge, **said) == ("h1", "hints")
    assert decided(edge, "?xr=p0", **said) == ("p0", "query")


def test_client_hints(edge):
    assert decided(edge, sec_ch_ua_form_factors='"Mobile", "XR"',
                   sec_ch_ua_platform='"Android"', user_agent=PHONE) == ("h1", "client_hints")

    for name in ("device_memory", "sec_ch_device_memory"):
        assert decided(edge, sec_ch_ua_platform='"Android"', user_agent=PHONE,
                       **{name: "2"})[0] == "p0"

    assert ask(edge, save_data="on", ect="2g")["token"] == "x-0-12-0-n0s"


@pytest.mark.parametrize("fields", [
    {"xr_hints": "v=1, c="}, {"xr_hints": "(" * 300},
    {"xr_hints": 'c="h2"' + "".join(f", k{i}" for i in range(20))}, {"sec_ch_ua_form_factors": '"'},
    {"device_memory": "-1"}, {"accept": "*/*;xr=" + "z" * 3000}, {"user_agent": "+" * 4000},
    {"ect": "6g", "rtt": "x", "downlink": "1.2.3"}, {"xr_hints": "\xff\xfe"}])
def test_what_cannot_be_read(edge, fields):
    for _ in range(2):
        assert decided(edge, **fields) == ("x", "default")


def test_tier_with_proof(edge):
    proof = {"x_origin_verify": SECRET}
    agent = {"user_agent": "Amazon CloudFront"}
    tablet = {"cloudfront_is_tablet_viewer": "true"}

    assert decided(edge, **agent, **tablet, **proof) == ("p1", "cloudfront")
    assert decided(edge, **agent, **proof, x_xr_class="h1-ae-12-m") == ("h1", "cloudfront")

    # asked before with proof, and the other way round: nothing is mixed up

    for _ in range(3):
        assert decided(edge, **agent, **tablet) == ("x", "default")
        assert decided(edge, **agent, **tablet, **proof)[0] == "p1"


@pytest.mark.parametrize("proof", [{}, {"x_origin_verify": "a-secret-that-is-made-up"}])
def test_forged(edge, proof):
    assert decided(edge, user_agent=PHONE, x_xr_class="d3-b-13",
                   cloudfront_is_desktop_viewer="true", **proof) == ("p1", "user_agent")


def test_records_are_those_of_the_request(edge):
    """More sets than a worker keeps, twice and in turns."""

    for _ in range(2):
        for n in range(700):
            record = ask(edge, user_agent=f"{QUEST_3 if n % 2 else PHONE} {n}",
                         save_data="on" if n % 3 == 0 else "")
            assert record["class"] == ("h2" if n % 2 else "p1")
            assert record["save_data"] == ("1" if n % 3 == 0 else "0")


def test_values_do_not_run_together(edge):
    """The same bytes in other fields are another set."""

    assert ask(edge, device_memory="2", rtt="")["net"] is None
    assert ask(edge, device_memory="", rtt="2000")["net"] == "2"
    assert ask(edge, ect="2g", save_data="")["save_data"] == "0"
    assert ask(edge, ect="", save_data="2g")["net"] is None


def test_own_rules_before_the_built_in(web_edges, web):
    table = json.dumps({"version": 1, "base": "default", "rules": [
        OWN_RULE, {"name": "mine", "ua": ["Quest 3"], "class": "h3", "session": "vr"}]})
    edge = start(web_edges, web, "xr_devices devices.json;", {"devices.json": table})

    assert decided(edge, user_agent="Kiosk/1.0") == ("d3", "user_agent")
    assert ask(edge, user_agent=QUEST_3)["rule"] == "mine"
    assert decided(edge, user_agent=PHONE) == ("p1", "user_agent")


@pytest.fixture
def tested():
    """A function: "nginx -t" with this table."""

    folders = []

    def test(text, http="xr_devices devices.json;"):
        folders.append(tempfile.mkdtemp(prefix="xr-conf-"))
        files = {} if text is None else {"devices.json": text}
        return servers.Edge(folders[-1], {"acme": "origin http://127.0.0.1:9;"}, http=http,
                            files=files).test()

    yield test

    for folder in folders:
        servers.remove(folder)


BAD_TABLES = {
    "empty": ("", 1),
    "no JSON": ("rules", 1),
    "a list": ("[]", 1),
    "member": ('{"version": 1,\n"base": "default",\n"other": 1, "rules": []}', 3),
    "version": ('{"version": 2, "rules": []}', 1),
    "class": ('{"version": 1, "base": "default", "rules": [\n\n'
              '{"name": "a", "ua": ["b"], "class": "h9"}]}', 3),
    "no condition": ('{"version": 1, "base": "default", "rules": [\n'
                     '{"name": "a", "class": "h1"}]}', 2),
    "pattern": ('{"version": 1, "base": "default", "rules": [\n'
                '{"name": "a", "class": "h1", "ua": ["' + "b" * 49 + '"]}]}', 2),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_table(tested, name):
    text, line = BAD_TABLES[name]
    code, said = tested(text)
    assert code != 0
    assert re.search(rf"\[emerg\].*devices\.json:{line}: .", said), said


def test_bad_directive(tested):
    for text, http, reason in [
            (None, "xr_devices devices.json;", r'open\(\) ".*devices\.json" failed'),
            (json.dumps({"version": 1, "base": "default", "rules": [OWN_RULE]}),
             "xr_devices devices.json; xr_devices devices.json;", "is duplicate"),
            ("{}" + " " * 262144, "xr_devices devices.json;",
             r"devices\.json\" is not a regular file of at most 262144 bytes")]:
        code, said = tested(text, http)
        assert code != 0 and re.search(reason, said), said
        assert "nginx.conf:" in said
