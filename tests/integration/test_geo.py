# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Where clients are: databases that come, go and are no good, what tenants and
tokens make of a country, and whose word for it counts.
"""

import itertools
import json
import subprocess
import time

import pytest

import live
import mmdb
import scripted
import servers
from credentials import ec_key, jwk, jwks, make_jwt
from edgeauth import in_query, token
from mmdb import Pointer, country, database, encode
from scripted import message
from servers import KEY

PROXY, STRANGER = "127.0.0.9", "127.0.0.1"
EC = ec_key("geo")

# of the networks that are examples of the Internet's
GERMAN, FRENCH, AMERICAN, NOBODY = "203.0.113.7", "203.0.113.200", "2001:db8::1", "198.51.100.1"

NETWORKS = {
    "203.0.113.0/24": {**country("DE", "EU"), "city": {"names": {"en": "K\u00f6ln", "de": "x"}},
                       "subdivisions": [{"iso_code": "NW"}, {"iso_code": "X"}],
                       "autonomous_system_number": 64500},
    "203.0.113.128/25": country("FR", "EU"),
    "192.0.2.0/24": {"continent": {"code": "EU"}, "registered_country": {"iso_code": "DE"}},
    "2001:db8::/32": country("US", "NA"),
}

TELLS = "".join(f"add_header X-{name.title()} $xr_geo_{name} always;" for name in (
    "country", "continent", "region", "city", "asn", "source", "age", "generation", "loads",
    "failures", "failed")) + "add_header X-Reason $xr_deny_reason always;" + live.PID

names = (f"n{n}" for n in itertools.count(1))


def start(web_edges, web, geo=database(NETWORKS), options="", http="", policies=None, **more):
    files = {"edge.jwks": jwks(jwk(EC, kid="es")), **more.pop("files", {})}
    if geo is not None:
        files["geo.mmdb"] = geo
    policies = {"acme": "", **(policies or {})}
    policies["acme"] += "jwks edge.jwks; keys acme.keys;"

    return web_edges(web.tenants(*policies, **policies), files={"acme.keys": f"main {KEY}\n", **files},
                     http=f"xr_geo geo.mmdb {options}; xr_trusted_proxy {PROXY}; {http}",
                     server=TELLS, **more)


def ask(edge, address, target="/acme/none.glb", **headers):
    return edge.get(target, source=PROXY, headers={"X-Forwarded-For": address, **headers})


def told(edge, address, **headers):
    response = ask(edge, address, **headers)
    return response["x-country"], response["x-source"]


def wait_for_country(edge, address, wanted):
    servers.wait_for(f"{address} is in {wanted}", lambda: told(edge, address)[0] == wanted,
                     live.SOON)


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return start(web_edges, web)


@pytest.fixture(scope="module")
def path(web):
    return web.put(message(200, b"a model"))


# What is known of an address

def test_a_place(edge):
    response = ask(edge, GERMAN)
    names = ("country", "continent", "region", "city", "asn", "source", "failed")
    assert [response[f"x-{name}"] for name in names] \
        == ["DE", "EU", "NW", "K\u00f6ln".encode().decode("latin1"), "64500", "mmdb", "0"]
    assert 0 <= int(response["x-age"]) < 600

    response = ask(edge, FRENCH)
    assert [response[f"x-{name}"] for name in names[:5]] == ["FR", "EU", None, None, None]


@pytest.mark.parametrize("address, wanted", [
    (GERMAN, "DE"), ("203.0.113.127", "DE"), ("203.0.113.128", "FR"), ("203.0.113.255", "FR"),
    ("203.0.114.0", None), ("203.0.112.255", None), (NOBODY, None),
    ("::ffff:203.0.113.7", "DE"), (AMERICAN, "US"), ("2001:db9::1", None),
    # a continent is no country, and neither is where a network is registered
    ("192.0.2.1", None)])
def test_addresses(edge, address, wanted):
    assert told(edge, address) == (wanted, "mmdb" if wanted else "unknown")


@pytest.mark.parametrize("version, size", itertools.product((4, 6), (24, 28, 32)))
def test_formats(web_edges, web, version, size):
    """IPv4 addresses in trees of both kinds, and all sizes of nodes."""

    networks = {name: record for name, record in NETWORKS.items() if version == 6 or ":" not in name}
    edge = start(web_edges, web, database(networks, version, size, aliases=version == 6))

    assert told(edge, GERMAN)[0] == "DE" and told(edge, FRENCH)[0] == "FR"
    assert told(edge, AMERICAN)[0] == ("US" if version == 6 else None)
    assert told(edge, "2002:cb00:7107::1")[0] == ("DE" if version == 6 else None)
    assert told(edge, NOBODY) == (None, "unknown")


def test_private_addresses_are_nowhere(web_edges, web):
    """Whatever a database says of them."""

    edge = start(web_edges, web, database({"0.0.0.0/0": country("DE"), "::/1": country("DE")}))

    assert told(edge, NOBODY)[0] == "DE"
    assert edge.get("/acme/x.glb", source="127.0.0.5")["x-country"] is None
    assert edge.get("/acme/x.glb", source=PROXY)["x-country"] is None


def test_other_makers(web_edges, web):
    flat = {"country_code": "BR", "country": "Brazil", "continent_code": "SA", "asn": "AS64501",
            "region_code": "SP", "city": "S\u00e3o Paulo"}
    strange = {"country": {"iso_code": "EU"}, "continent": {"code": "XY"}}
    evil = {**country("DE"), "city": {"names": {"en": "a\r\nSet-Cookie: x=y"}},
            "subdivisions": [{"iso_code": "\x1b[0m"}]}
    networks = {"203.0.113.0/24": flat, "203.0.113.128/25": strange, "198.51.100.0/24": evil}
    edge = start(web_edges, web, database(networks))

    response = ask(edge, GERMAN)
    assert [response[f"x-{name}"] for name in ("country", "continent", "region", "asn")] \
        == ["BR", "SA", "SP", "64501"]
    assert told(edge, FRENCH) == (None, "unknown")

    response = ask(edge, NOBODY)
    assert (response["x-country"], response["x-city"], response["x-region"], response["set-cookie"]) \
        == ("DE", None, None, None)


# Whose word counts

def test_forged_headers(web_edges, web):
    edge = start(web_edges, web, http="xr_trusted_country X-Land;",
                 policies={"acme": "geo allow=DE;"})

    for headers in ({"X-Forwarded-For": GERMAN}, {"X-Land": "DE"}, {"X_Land": "DE"},
                    {"X-Real-IP": GERMAN}, {"Forwarded": f"for={GERMAN}"},
                    {"CloudFront-Viewer-Country": "DE"}):
        response = edge.get("/acme/x.glb", source=STRANGER, headers=headers)
        assert (response["x-country"], response["x-source"]) == (None, "unknown")

    # behind the proxy, who is named further to the left is the client's invention
    assert told(edge, f"{GERMAN}, {FRENCH}")[0] == "FR"
    assert told(edge, f"{GERMAN}, 10.0.0.1")[0] is None


def test_the_tier_in_front_knows_best(web_edges, web):
    edge = start(web_edges, web, http="xr_trusted_country X-Land;")

    response = ask(edge, GERMAN, **{"X-Land": "jp"})
    assert [response[f"x-{name}"] for name in ("country", "continent", "region", "city", "source")] \
        == ["JP", "AS", None, None, "trusted"]

    response = ask(edge, GERMAN, **{"X-Land": "DE"})
    assert (response["x-country"], response["x-region"], response["x-source"]) \
        == ("DE", "NW", "trusted")

    # what it does not know is looked up
    assert told(edge, GERMAN, **{"X-Land": "XX"}) == ("DE", "mmdb")
    assert told(edge, NOBODY, **{"X-Land": "FR"}) == ("FR", "trusted")


def test_without_a_database(web_edges, web, path):
    edge = web_edges(web.tenants("acme", acme="geo allow=DE;"), server=TELLS,
                     http=f"xr_trusted_proxy {PROXY}; xr_trusted_country X-Land;")
    target = in_query(path, token(KEY, acl="/*"))

    assert ask(edge, GERMAN, target, **{"X-Land": "DE"}).status == 200
    assert ask(edge, GERMAN, target)["x-reason"] == "geo_unknown"
    assert ask(edge, GERMAN)["x-age"] is None


# Policies of tenants

POLICIES = {
    # what it says: of German, French, American, unknown, and one of whom the continent is known
    "allow=DE": ("", "geo", "geo", "geo_unknown", "geo_unknown"),
    "allow=DE,US": ("", "geo", "", "geo_unknown", "geo_unknown"),
    "allow=DE unknown=allow": ("", "geo", "geo", "", ""),
    "unknown=deny allow=DE": ("", "geo", "geo", "geo_unknown", "geo_unknown"),
    "allow=continent:EU": ("", "", "geo", "geo_unknown", ""),
    "allow=continent:NA,FR": ("geo", "", "", "geo_unknown", "geo_unknown"),
    "deny=DE": ("geo", "", "", "", ""),
    "deny=DE,FR unknown=deny": ("geo", "geo", "", "geo_unknown", "geo_unknown"),
    "deny=continent:EU": ("geo", "geo", "", "", "geo"),
}

CLIENTS = (GERMAN, FRENCH, AMERICAN, NOBODY, "192.0.2.1")


@pytest.fixture(scope="module")
def policies(web_edges, web):
    """The same in blocks and in a tenants file."""

    blocks = {f"block{n}": f"geo {text};" for n, text in enumerate(POLICIES)}
    keys = [servers.key_of(f"file{n}") for n in range(len(POLICIES))]
    file = {f"file{n}": {"origin": f"{web.url}/file{n}", "keys": f"file{n}.keys", "geo": text}
            for n, text in enumerate(POLICIES)}

    return start(web_edges, web, policies=blocks, http="xr_tenants_file tenants.json;", files={
        "tenants.json": live.tenants(**file),
        **{f"file{n}.keys": f"main {key}\n" for n, key in enumerate(keys)}})


@pytest.mark.parametrize("text", POLICIES)
@pytest.mark.parametrize("kind", ["block", "file"])
def test_policy(policies, web, kind, text):
    name = f"{kind}{list(POLICIES).index(text)}"
    target = web.put(message(200, b"a model"), tenant=name)
    target = in_query(target, token(servers.key_of(name), acl="/*"))

    for client, reason in zip(CLIENTS, POLICIES[text]):
        for _ in range(2):                  # a miss or a hit, it is the same
            response = ask(policies, client, target)
            assert (response.status, response["x-reason"] or "") == (403 if reason else 200, reason)
            if reason:
                assert response["cache-control"] == "no-store"
                assert b"a model" not in response.body
                assert policies.logged(response)["reason"] == reason


def test_denied_before_and_after_a_hit(policies, web):
    """What is stored is everybody's, the decision is each request's own."""

    name = f"block{list(POLICIES).index('allow=DE')}"
    target = web.put(message(200, b"a model"), tenant=name)
    url = in_query(target, token(servers.key_of(name), acl="/*"))

    statuses = [ask(policies, client, url).status
                for client in (FRENCH, GERMAN, FRENCH, NOBODY, GERMAN)]
    assert statuses == [403, 200, 403, 403, 200]
    assert len(web.seen(target)) == 1


def test_451(web_edges, web, path):
    edge = start(web_edges, web, policies={"acme": "geo deny=DE;"}, http="xr_geo_status 451;")
    target = in_query(path, token(KEY, acl="/*"))
    response = ask(edge, GERMAN, target)

    assert (response.status, response["cache-control"], response["x-reason"]) \
        == (451, "no-store", "geo")
    assert ask(edge, FRENCH, target).status == 200

    # a credential that is no good is the first thing that is wrong
    response = ask(edge, GERMAN, path)
    assert (response.status, response["x-reason"]) == (403, "token_missing")


def test_public_objects_too(web_edges, web, path):
    edge = start(web_edges, web, policies={"acme": "geo allow=DE;"},
                 location=servers.CACHE + "xr_auth public;")

    assert [ask(edge, client, path).status for client in (GERMAN, FRENCH, GERMAN)] \
        == [200, 403, 200]


def test_what_is_denied_costs_no_limit(web_edges, web, path):
    edge = start(web_edges, web, policies={"acme": "geo deny=FR;"},
                 http="xr_limit_zone 1m;",
                 location=servers.CACHE + "xr_limit key=tenant rate=1r/m burst=2;")
    target = in_query(path, token(KEY, acl="/*"))

    assert [ask(edge, FRENCH, target).status for _ in range(9)] == [403] * 9
    assert ask(edge, GERMAN, target).status == 200


def test_slices(web_edges, web):
    edge = start(web_edges, web, policies={"acme": "geo deny=FR;"},
                 location=servers.CACHE + "xr_slice 4k;")
    target = web.put(message(200, b"x" * 9000))
    url = in_query(target, token(KEY, acl="/*"))

    assert [ask(edge, client, url).status for client in (GERMAN, FRENCH, GERMAN)] \
        == [200, 403, 200]


def test_a_policy_changes_live(web_edges, web):
    def file(policy):
        return live.tenants(acme={"origin": f"{web.url}/acme", "keys": "acme.keys", "geo": policy})

    path = web.put(message(200, b"a model"))
    edge = web_edges({}, server=TELLS, files={
        "tenants.json": file("allow=DE"), "geo.mmdb": database(NETWORKS),
        "acme.keys": f"main {KEY}\n"},
        http=f"xr_geo geo.mmdb; xr_trusted_proxy {PROXY}; xr_tenants_file tenants.json;")
    target = in_query(path, token(KEY, acl="/*"))

    assert ask(edge, GERMAN, target).status == 200
    edge.replace("tenants.json", file("allow=FR"))
    servers.wait_for("another policy", lambda: ask(edge, GERMAN, target).status == 403, live.SOON)
    assert ask(edge, FRENCH, target).status == 200

    # a policy that is none: the tenants stay as they were
    edge.replace("tenants.json", file("allow=XX"))
    live.logs(edge, "names a country that is no code of ISO 3166-1")
    assert ask(edge, FRENCH, target).status == 200


# Tokens

SIGNERS = {
    "edgeauth": lambda path: in_query(path, token(KEY, acl="/*", data="country:DE|US")),
    "jwt": lambda path: in_query(path, make_jwt("ES256", EC, "es", xr_country="DE|US")),
}


@pytest.mark.parametrize("kind", SIGNERS)
def test_tokens_bound_to_a_country(edge, path, kind):
    """Of each request, though the signature is known by then; unknown is not allowed."""

    target = SIGNERS[kind](path)

    for _ in range(2):
        for client, status in ((GERMAN, 200), (FRENCH, 403), (AMERICAN, 200), (NOBODY, 403),
                               (GERMAN, 200)):
            response = ask(edge, client, target)
            assert response.status == status
            assert response["x-reason"] == (None if status == 200 else "token_country")

    assert edge.get(target, source=STRANGER, headers={"X-Forwarded-For": GERMAN}).status == 403


def test_the_peer_itself_is_looked_up(web_edges, web, path):
    """By realip, too, which says another address than the one that was asked for first."""

    edge = start(web_edges, web, location=servers.CACHE + f"""
        set_real_ip_from {STRANGER}; real_ip_header X-Me;
        set $before "$xr_geo_country";""")
    edge.configure(web.tenants("acme"), http=edge.parts["http"].replace(
        f"xr_trusted_proxy {PROXY};", ""))
    edge.reload()

    target = in_query(path, token(KEY, acl="/*"))
    response = edge.get(target, source=STRANGER, headers={"X-Me": GERMAN})
    assert (response.status, response["x-country"]) == (200, "DE")
    assert edge.get(target, source=STRANGER)["x-country"] is None


# Databases that come and go

def test_replaced_under_load(web_edges, web):
    """All workers use another one within two seconds, and no request fails."""

    path = web.put(message(200, b"a model"))
    edge = start(web_edges, web, workers=2, http=f"xr_trusted_proxy {STRANGER};")
    target = in_query(path, token(KEY, acl="/*"))
    other = database({"203.0.113.0/24": country("JP", "AS")})

    with live.Workers(edge) as workers, live.Load(edge, [(target, b"a model")]) as load:

        def countries():
            return {response["x-country"] for response in workers.ask(
                "/acme/x.glb", headers={"X-Forwarded-For": GERMAN}).values()}

        assert countries() == {"DE"}

        for n in range(4):
            edge.replace("geo.mmdb", [other, database(NETWORKS)][n % 2])
            wanted = {["JP", "DE"][n % 2]}
            servers.wait_for(f"{wanted} everywhere", lambda: countries() == wanted, live.SOON)
            load.more(50)

    assert load.wrong == []
    response = ask(edge, GERMAN)
    assert (response["x-generation"], response["x-loads"], response["x-failures"]) \
        == ("4", "4", "0")

    state = [file.name for file in (edge.folder / "xr_state").iterdir()
             if file.name.startswith("geo.")]
    assert len(state) == 1


GOOD = database(NETWORKS)


def deep(n):
    """Arrays in arrays: libmaxminddb passes over them by recursion."""

    return b"\x01\x04" * n + b"\x00\x04"


def spread(levels):
    """Arrays of pointers to arrays of pointers: as many values as there are ways."""

    text = encode("x")
    section, at = text, 0
    for _ in range(levels):
        array = encode([encode(Pointer(at))] * 16)
        at = len(section)
        section += array
    return section, at


def bad_metadata(**more):
    body = GOOD[:GOOD.rindex(mmdb.MARKER)] + mmdb.MARKER
    return body + encode({**mmdb.metadata(10, 28, 6), **more})


SECTION, LAST = spread(12)

BAD = {
    "empty": b"",
    "garbage": bytes(range(256)) * 64,
    "text": b"<html>404 Not Found</html>\n",
    "half": GOOD[:len(GOOD) // 2],
    "no end": GOOD[:-1],
    "no metadata": GOOD[:GOOD.rindex(mmdb.MARKER)],
    "marker only": mmdb.MARKER,
    "nodes beyond the file": bad_metadata(node_count=4_000_000_000),
    "no nodes": bad_metadata(node_count=0),
    "size of nodes": bad_metadata(record_size=mmdb.Uint16(20)),
    "another version": bad_metadata(binary_format_major_version=mmdb.Uint16(3)),
    "no such IP": bad_metadata(ip_version=mmdb.Uint16(5)),
    "nested metadata": bad_metadata(more=deep(100000)),
    "metadata without end": GOOD[:GOOD.rindex(mmdb.MARKER)] + mmdb.MARKER + SECTION[LAST:],
    "languages without end": GOOD[:GOOD.rindex(mmdb.MARKER)] + mmdb.MARKER
    + encode({**mmdb.metadata(10, 28, 6), "languages": encode(Pointer(0))}),
    "nested record": database({"203.0.113.0/24": {"a": deep(3_000_000), **country("DE")}}),
    "a record that points out": database({"203.0.113.0/24": {"country": encode(Pointer(10**6))}}),
    "a record that points to itself": database({"203.0.113.0/24": encode(Pointer(0))}),
    "a key that is none": database({"203.0.113.0/24": b"\xe1" + encode(7) + encode("x")}),
    "nothing that counts": database({"203.0.113.0/24": {"connection_type": "Cable"}}),
}


def tree_of(value):
    """One node whose records lead to "value"."""

    return mmdb._node((value, value), 28) + bytes(16) + encode(country("DE")) + mmdb.MARKER \
        + encode(mmdb.metadata(1, 28, 6))


BAD |= {"a tree that leads to its root": tree_of(0), "into the separator": tree_of(9),
        "out of the data": tree_of(2_000_000)}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_changes_nothing(edge, name):
    """The one before stays, with a reason in the log."""

    before = int(ask(edge, GERMAN)["x-failures"])
    edge.replace("geo.mmdb", BAD[name])
    servers.wait_for("it is refused", lambda: int(ask(edge, GERMAN)["x-failures"]) > before)

    assert told(edge, GERMAN) == ("DE", "mmdb")
    assert ask(edge, GERMAN)["x-failed"] == "1"
    assert "the database of countries is that of before" in edge.error_log()

    edge.replace("geo.mmdb", database({**NETWORKS, "198.51.100.0/24": country("JP")}))
    wait_for_country(edge, NOBODY, "JP")
    assert ask(edge, GERMAN)["x-failed"] == "0"
    edge.replace("geo.mmdb", GOOD)
    wait_for_country(edge, NOBODY, None)


def test_start_and_reload_with_bad_ones(web_edges, web, path):
    """NGINX starts without one, and a reload keeps the one that it has."""

    edge = start(web_edges, web, None, policies={"acme": "geo allow=DE;"})
    target = in_query(path, token(KEY, acl="/*"))

    def reason():
        return ask(edge, GERMAN, target)["x-reason"]

    assert edge.test()[0] == 0
    assert reason() == "geo_unknown"
    assert ask(edge, GERMAN)["x-failed"] == "1" and ask(edge, GERMAN)["x-age"] is None
    assert "geo.mmdb\" failed (2: No such file or directory)" in edge.error_log()
    assert "no country is known by an address" in edge.error_log()

    for name in BAD:
        edge.replace("geo.mmdb", BAD[name])
        status, said = edge.test()
        assert status == 0 and "there is no database of countries" in said, name

    edge.reload()
    assert reason() == "geo_unknown"

    edge.replace("geo.mmdb", GOOD)
    servers.wait_for("it is known", lambda: reason() is None, live.SOON)

    # as the new workers have it from those before
    edge.replace("geo.mmdb", BAD["half"])
    edge.reload()
    assert reason() is None
    edge.reload()
    assert reason() is None and ask(edge, GERMAN)["x-failed"] == "1"

    (edge.folder / "geo.mmdb").unlink()
    edge.reload()
    assert reason() is None

    edge.replace("geo.mmdb", database({"203.0.113.0/24": country("FR")}))
    servers.wait_for("it is another", lambda: reason() == "geo", live.SOON)
    edge.reload()
    assert reason() == "geo" and ask(edge, GERMAN)["x-failed"] == "0"


@pytest.mark.parametrize("name", ["empty", "nested record", "nested metadata"])
def test_start_with_a_bad_one(web_edges, web, name):
    edge = start(web_edges, web, BAD[name])
    assert told(edge, GERMAN) == (None, "unknown")


def test_a_file_that_is_shortened_in_place(web_edges, web):
    """It is never mapped: whoever does that harms nobody."""

    networks = {f"203.0.{n}.0/24": country("DE", "EU", note=f"{n}" * 900) for n in range(200)}
    edge = start(web_edges, web, database(networks))
    file = edge.folder / "geo.mmdb"

    for size in (1 << 16, 1 << 10, 0):
        with open(file, "r+b") as raw:
            raw.truncate(size)
        assert [told(edge, f"203.0.{n}.7")[0] for n in range(0, 200, 9)] == ["DE"] * 23

    servers.wait_for("it is refused", lambda: ask(edge, GERMAN)["x-failed"] == "1")

    # written in place, bit by bit: what is half there is not used
    whole = database({**networks, "203.0.113.0/24": country("JP", "AS")})
    with open(file, "r+b", buffering=0) as raw:
        for at in range(0, len(whole), 4096):
            raw.write(whole[at:at + 4096])
            assert told(edge, "203.0.113.7")[0] in ("DE", "JP")
    wait_for_country(edge, "203.0.113.7", "JP")


def test_too_old(web_edges, web, path):
    """By its own date; beyond max_age nothing is known."""

    old = database(NETWORKS, built=int(time.time()) - 8 * 86400)
    edge = start(web_edges, web, old, "max_age=7d",
                 policies={"acme": "geo allow=DE;", "open": "geo deny=DE;"})
    target = in_query(path, token(KEY, acl="/*"))
    response = ask(edge, GERMAN, target)

    assert (response.status, response["x-reason"], response["x-source"]) \
        == (403, "geo_unknown", "unknown")
    assert int(response["x-age"]) >= 8 * 86400
    live.logs(edge, "seconds old, more than max_age")

    edge.replace("geo.mmdb", database(NETWORKS, built=int(time.time()) - 6 * 86400))
    servers.wait_for("a newer one", lambda: ask(edge, GERMAN, target).status == 200, live.SOON)

    edge.replace("geo.mmdb", old)
    servers.wait_for("an old one again", lambda: ask(edge, GERMAN, target).status == 403,
                     live.SOON)
    servers.wait_for("it is said again, once", lambda: edge.error_log().count(
        "seconds old, more than max_age") == 2, live.SOON)


# xr geo lookup

def test_lookup(tmp_path):
    db = tmp_path / "geo.mmdb"
    db.write_bytes(database(NETWORKS, built=1767225600))

    def run(*args):
        done = subprocess.run([servers.FLAVOUR / "xr", "geo", "lookup", *args],
                              capture_output=True, text=True, env=servers.environment(), timeout=60)
        return done.returncode, done.stdout, done.stderr

    status, out, _ = run("--db", str(db), "--policy", "allow=DE unknown=allow", GERMAN, NOBODY)
    assert status == 0 and out.splitlines()[:8] == [
        "database  Test-Country, 2026-01-01, IPv6, 4 places", f"address   {GERMAN}",
        "country   DE", "continent EU", "region    NW", "city      K\u00f6ln", "asn       64500",
        "verdict   allowed"]
    assert out.splitlines()[-1] == "verdict   allowed"

    status, out, _ = run("--db", str(db), "--policy", "allow=DE", FRENCH, NOBODY)
    assert status == 1 and "verdict   denied, geo\n" in out
    assert out.endswith("verdict   denied, geo_unknown\n")

    assert run("--db", str(db))[0] == 0
    assert run(GERMAN)[0] == run("--db", str(db), "--policy", "allow=UK", GERMAN)[0] == 2
    status, _, err = run("--db", str(db), "nowhere")
    assert status == 1 and "nowhere: not an address" in err

    for name, raw in BAD.items():
        db.write_bytes(raw)
        status, out, err = run("--db", str(db), GERMAN)
        assert (status, out) == (1, "") and str(db) in err, name
    assert run("--db", str(tmp_path))[0] == 1


# The nearest place

@pytest.mark.parametrize("at, wanted", [
    ("", "eu"), ("xr_geo_edge 50.11,8.68;", "eu"), ("xr_geo_edge us-west-1;", "us"),
    ("xr_geo_edge -33.9,151.2;", "jp"), ("xr_geo_edge 35.68,139.7;", "jp"),
    ("xr_geo_edge sa-east-1;", "us")])
def test_the_nearest_bucket(stack, edges, at, wanted):
    """Three buckets of a real S3 server, with regions of their own."""

    key = f"t/{next(names)}.glb"
    for name in ("eu", "us", "jp"):
        bucket = f"near-{name}"
        try:
            stack.s3.create_bucket(Bucket=bucket)
        except stack.s3.exceptions.ClientError:
            pass
        stack.s3.put_object(Bucket=bucket, Key=key, Body=name.encode())

    place = "region=us-east-1 style=path endpoint=" + stack["s3"]
    edge = edges({"acme": f"origin s3://near-eu {place} location=eu-central-1;"
                          f"replica s3://near-us {place} location=us-east-2;"
                          f"replica s3://near-jp {place} location=35.7,139.7;"},
                 location="xr_cache off;", http=at)

    assert edge.fetch(f"/acme/{key}").body == wanted.encode()


@pytest.fixture
def places():
    with scripted.Origin() as a, scripted.Origin() as b, scripted.Origin() as c:
        yield a, b, c


KEYS = "[default]\naws_access_key_id = KEY\naws_secret_access_key = secret\n"


def near(web_edges, places, edge="eu-west-2", location=servers.CACHE, **more):
    """An origin in the United States, one copy in Ireland and one who knows where."""

    a, b, c = places
    return web_edges({"acme": f"origin s3://aaa region=us-east-1 endpoint={a.url};"
                              f"replica s3://ccc region=moon-1 endpoint={c.url};"
                              f"replica s3://bbb region=eu-west-1 endpoint={b.url};"},
                     credentials=KEYS, location=location, http=f"xr_geo_edge {edge};", **more)


def put(places, *answers):
    for place, name, answer in zip(places, ("aaa", "bbb", "ccc"), answers):
        place.put_at(f"/{name}/x.glb", answer)


def counts(places):
    return [len(place.requests) for place in places]


def test_the_region_says_where(web_edges, places):
    put(places, *[message(200, b"object")] * 3)

    assert near(web_edges, places).fetch("/acme/x.glb").body == b"object"
    assert counts(places) == [0, 1, 0]
    assert near(web_edges, places, "us-east-2").fetch("/acme/x.glb").body == b"object"
    assert counts(places) == [1, 1, 0]


def test_health_wins(web_edges, places):
    """Who fails is passed over, the next is the one that is next in distance."""

    put(places, message(200, b"object"), [scripted.RESET], message(200, b"far"))
    edge = near(web_edges, places, location="xr_cache off;")

    assert edge.fetch("/acme/x.glb").body == b"object"
    assert counts(places) == [1, 1, 0]


def test_an_endpoint_that_is_out_is_not_asked(web_edges, places):
    put(places, message(200, b"object"), [scripted.RESET], message(200, b"far"))
    a, b, c = places
    edge = web_edges({"acme": f"origin {a.url}/aaa location=us-east-1;"
                              f"replica {b.url}/bbb location=eu-west-1;"},
                     location="xr_cache off;",
                     http="xr_geo_edge eu-west-2; xr_origin_health fails=1 eject=1h max=1h;")

    assert [edge.fetch("/acme/x.glb").body for _ in range(3)] == [b"object"] * 3
    assert counts(places) == [3, 1, 0]


def test_a_copy_that_lags_behind(web_edges, places):
    """The nearest does not have it yet: the origin is asked before anybody is told so."""

    put(places, message(200, b"new"), message(404), message(404))
    edge = near(web_edges, places)

    assert edge.fetch("/acme/x.glb").body == b"new"
    assert counts(places) == [1, 1, 0]


def test_config(web_edges, web):
    edge = web_edges(web.tenants("acme"))
    parts = dict(edge.parts)
    base = f"origin {web.url}/acme; keys acme.keys;"

    def said(tenant=base, http="", location=servers.CACHE):
        edge.configure({"acme": tenant}, http=http, location=location)
        status, text = edge.test()
        return text if status else "fine"

    for http, reason in {
        "xr_geo;": "invalid number of arguments",
        "xr_geo '';": "has an empty file name",
        "xr_geo a.mmdb max_age=0;": 'invalid parameter "max_age=0": it is max_age=TIME',
        "xr_geo a.mmdb maxage=1d;": 'invalid parameter "maxage=1d"',
        "xr_geo a.mmdb; xr_geo b.mmdb;": "is duplicate",
        "xr_geo_edge moon-1;": 'invalid location "moon-1"',
        "xr_geo_edge 91,0;": "invalid location", "xr_geo_edge 50.1;": "invalid location",
        "xr_geo_edge 0,180.01;": "invalid location", "xr_geo_edge eu-west-1; xr_geo_edge 1,1;":
        "is duplicate", "xr_geo_status 404;": "invalid value",
    }.items():
        text = said(http=http)
        assert reason in text and "nginx.conf:" in text, (http, text)

    for option, reason in {
        "geo;": "has the wrong number of arguments",
        "geo unknown=deny;": "stands without allow= or deny=",
        "geo allow=DE deny=FR;": "is a second list",
        "geo allow=DE allow=FR;": "is a second list",
        "geo allow=DE unknown=no;": "is neither unknown=allow nor unknown=deny",
        "geo allow=DE unknown=deny unknown=deny;": "each once",
        "geo only=DE;": "is none of allow=, deny= and unknown=",
        "geo allow=;": "empty name", "geo allow=DE,;": "empty name", "geo allow=DE,,FR;": "no code",
        "geo allow=de;": "no code", "geo allow=UK;": "no code", "geo allow=DEU;": "no code",
        "geo allow=continent:XY;": "names a continent that is none of",
        "geo allow=DE; geo deny=FR;": "is duplicate",
        f"replica {web.url} location=moon;": "location= is neither",
        f"replica {web.url} location=;": "is none of region=",
    }.items():
        text = said(base + option)
        assert reason in text and "nginx.conf:" in text, (option, text)

    assert said(base + "geo allow=DE;", "xr_geo none.mmdb; xr_geo_edge -12.5,100;",
                servers.CACHE + "xr_geo_status 451;") == "fine"
    edge.configure(web.tenants("acme"), **parts)
    live.expected_trouble(edge, "[emerg]")


def test_a_tenants_file_says_where_it_is_wrong(web_edges, web):
    edge = web_edges({}, files={"t.json": live.tenants(acme={"origin": f"{web.url}/acme",
                                                              "keys": "none"})},
                     http="xr_tenants_file t.json;")

    for more, line, reason in (({"geo": "allow=ZZ"}, 6, "no code"),
                               ({"geo": ["allow=DE"]}, 6, "is not a string"),
                               ({"location": "91,0"}, 6, "location= is neither")):
        edge.write("t.json", json.dumps({"tenants": {"acme": {
            "origin": f"{web.url}/acme", "keys": "none", **more}}}, indent=1))
        status, text = edge.test()
        assert status != 0 and reason in text and f"t.json:{line}" in text, text

    live.expected_trouble(edge, "[emerg]")
