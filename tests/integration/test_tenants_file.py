# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Tenants that come, change and go while NGINX runs."""

import itertools
import os
import re
import shutil
import signal
import stat
import threading
import time

import pytest

import live
import servers
from credentials import custom, ec_key, jwk, jwks, make_jwt, pem, policy, with_query
from edgeauth import in_query, token
from scripted import message
from servers import key_of

names = (f"t{n}" for n in itertools.count(1))

STATE = "xr_state"


def member(web, name, **members):
    """A tenant of a tenants file, with an EdgeAuth key unless there are others."""

    if not {"keys", "jwks", "cloudfront_keys"} & set(members):
        members["keys"] = [key_of(name)]
    return {"origin": f"{web.url}/{name}", **members}


def start(web_edges, text, tenants=None, http="", files=None, **options):
    options = {"workers": 2, "server": live.PID, **options}
    return web_edges(tenants or {}, http=f"xr_tenants_file tenants.json; {http}",
                      files={"tenants.json": text, **(files or {})}, **options)


@pytest.fixture(scope="module")
def edge(web_edges, web):
    """An edge of two worker processes, whose tenants are as the last test left them."""

    return start(web_edges, live.tenants(first=member(web, "first")))


@pytest.fixture
def workers(edge):
    with live.Workers(edge) as workers:
        yield workers


def put(web, name, body=None):
    """An object of a tenant's; path and body."""

    body = body or f"{name}'s".encode()
    return web.put(message(200, body, 'ETag: "1"'), tenant=name), body


def signed(path, key=None):
    return in_query(path, token(key or key_of(path.split("/")[1]), acl="/*"))


def test_tenants_come_and_go(edge, workers, web):
    one, two = next(names), next(names)
    (first, _), (second, body) = put(web, one), put(web, two)

    edge.replace("tenants.json", live.tenants(**{one: member(web, one)}))
    workers.wait(200, signed(first))
    assert workers.statuses(signed(second)) == {404}

    edge.replace("tenants.json", live.tenants(**{name: member(web, name) for name in (one, two)}))
    workers.wait(200, signed(second))
    assert {r.body for r in workers.ask(signed(second)).values()} == {body}
    assert workers.statuses(signed(first)) == {200}

    edge.replace("tenants.json", live.tenants(**{two: member(web, two)}))
    workers.wait(404, signed(first))
    assert workers.statuses(signed(second)) == {200}


def test_all_tenants_go(edge, workers, web):
    name = next(names)
    path, _ = put(web, name)

    edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
    workers.wait(200, signed(path))
    edge.replace("tenants.json", live.tenants())
    workers.wait(404, signed(path))


def test_a_tenant_changes(edge, workers, web):
    """Origin, host and what clients are told."""

    name, other = next(names), next(names)
    path, _ = put(web, name)
    moved = path.replace(name, other, 1)
    web.put_at(moved, message(200, b"moved"))
    host = f"{name}.test"
    target = path.removeprefix(f"/{name}")

    edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
    workers.wait(200, signed(path))
    assert workers.statuses(in_query(target, token(key_of(name), acl="/*")), host=host) == {404}

    edge.replace("tenants.json", live.tenants(**{name: {
        **member(web, other, keys=[key_of(name)]), "hosts": [host],
        "cache_control": "max-age=7", "cors": ["https://shop.example"], "cors_max_age": 60}}))
    workers.wait(200, in_query(target, token(key_of(name), acl="/*")), host=host)

    for response in workers.ask(signed(path), headers={"Origin": "https://shop.example"}).values():
        assert response.body == b"moved"
        assert response["cache-control"] == "max-age=7"
        assert response["access-control-allow-origin"] == "https://shop.example"


def test_changes_in_a_row(edge, workers, web):
    """Faster than anybody looks: the last one counts."""

    some = [next(names) for _ in range(10)]
    paths = [put(web, name)[0] for name in some]

    for name in some:
        edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
        time.sleep(0.03)

    workers.wait(200, signed(paths[-1]))
    assert [workers.statuses(signed(path)) for path in paths[:-1]] == [{404}] * 9


def test_a_link(edge, workers, web):
    """To a file in a folder that is another one by and by, as orchestrators do it."""

    name = next(names)
    path, _ = put(web, name)

    for folder, key in (("one", key_of(name)), ("two", servers.OTHER_KEY)):
        (edge.folder / folder).mkdir()
        edge.write(f"{folder}/tenants.json",
                   live.tenants(**{name: member(web, name, keys=[key])}))

    (edge.folder / "current").symlink_to("one")
    (edge.folder / "link").symlink_to("current/tenants.json")
    (edge.folder / "link").rename(edge.folder / "tenants.json")
    workers.wait(200, signed(path))

    (edge.folder / "next").symlink_to("two")
    (edge.folder / "next").rename(edge.folder / "current")
    workers.wait(200, signed(path, servers.OTHER_KEY))
    assert workers.statuses(signed(path)) == {403}

    (edge.folder / "tenants.json").unlink()


def test_written_in_place(edge, workers, web):
    """No rename: the same file with other bytes, of the same length."""

    one = next(names)
    two = f"u{one[1:]}"
    path, _ = put(web, one)

    edge.replace("tenants.json", live.tenants(**{one: member(web, one)}))
    workers.wait(200, signed(path))

    other = path.replace(one, two, 1)
    web.put_at(other, message(200, b"x"))
    edge.write("tenants.json", live.tenants(**{two: member(web, two)}))
    workers.wait(404, signed(path))
    workers.wait(200, signed(other))


# Keys

def new_ec_key():
    return ec_key(next(names))


def jwt_members(alg):
    return lambda *keys: {"jwks": {"keys": [jwk(key, kid=f"k{n}", alg=alg)
                                            for n, key in enumerate(keys)]}}


def by_jwt(alg):
    return lambda path, key, n: in_query(path, make_jwt(alg, key, f"k{n}"))


# how a key is made, what a tenant of some keys has, how the n-th of them signs
KINDS = {
    "edgeauth": (lambda: os.urandom(32),
                 lambda *keys: {"keys": [key.hex() for key in keys]},
                 lambda path, key, n: in_query(path, token(key.hex(), acl="/*"))),
    "HS256": (lambda: os.urandom(32), jwt_members("HS256"), by_jwt("HS256")),
    "ES256": (new_ec_key, jwt_members("ES256"), by_jwt("ES256")),
    "cloudfront": (new_ec_key,
                   lambda *keys: {"cloudfront_keys": {f"k{n}": pem(key)
                                                      for n, key in enumerate(keys)}},
                   lambda path, key, n: with_query(path, custom(policy("*"), key, f"k{n}"))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_keys_come_and_go(edge, workers, web, kind):
    """A removed key stops everywhere, also where its signature is remembered."""

    make, members, sign = KINDS[kind]
    name = next(names)
    path, _ = put(web, name)
    old, new = make(), make()
    by_old, by_new = sign(path, old, 0), sign(path, new, 1)
    unused = sign(path, old, 0) + "&unused=1"

    def tenant(*keys):
        return live.tenants(**{name: member(web, name, **members(*keys))})

    edge.replace("tenants.json", tenant(old))
    workers.wait(200, by_old)
    assert workers.statuses(by_new) == {403}

    edge.replace("tenants.json", tenant(old, new))
    workers.wait(200, by_new)
    assert workers.statuses(by_old) == {200}

    # the new key takes the old one's place and keeps its id
    text = tenant(make(), new)
    edge.replace("tenants.json", text)
    workers.wait(403, by_old)
    assert workers.statuses(unused) == {403}
    assert workers.statuses(by_new) == {200}

    edge.replace("tenants.json", tenant(old, new))
    workers.wait(200, by_old)


def test_a_policy_changes(edge, workers, web):
    """What a tenant demands of tokens holds for those that are remembered, too."""

    name = next(names)
    path, _ = put(web, name)
    key = ec_key(next(names))
    target = in_query(path, make_jwt("ES256", key, "k", iss="here", aud=["models", name]))

    def tenant(**more):
        return live.tenants(**{name: member(web, name, **more, jwks={
            "keys": [jwk(key, kid="k")]})})

    edge.replace("tenants.json", tenant(issuer="here", audience="models"))
    workers.wait(200, target)

    for more in ({"issuer": "there"}, {"audience": "scenes"}, {"max_lifetime": "10m"}):
        edge.replace("tenants.json", tenant(**more))
        workers.wait(403, target)
        edge.replace("tenants.json", tenant())
        workers.wait(200, target)


FILES = {
    "keys": ("keys", lambda key: f"main {key.hex()}\n", KINDS["edgeauth"]),
    "jwks": ("jwks", lambda key: jwks(jwk(key, kid="k0")), KINDS["ES256"]),
    "cloudfront": ("cloudfront_keys", pem, KINDS["cloudfront"]),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_a_tenant_names(edge, workers, web, kind):
    option, text, (make, _, sign) = FILES[kind]
    name = next(names)
    path, _ = put(web, name)
    old, new = make(), make()
    named = f"{name}.{kind}"

    edge.write(named, text(old))
    edge.replace("tenants.json", live.tenants(**{name: member(
        web, name, **{option: {"k0": named} if kind == "cloudfront" else named})}))
    workers.wait(200, sign(path, old, 0))

    edge.replace(named, text(new))
    workers.wait(200, sign(path, new, 0))
    assert workers.statuses(sign(path, old, 0)) == {403}

    # one that is no good, and one that is away, change nothing
    edge.replace(named, "nonsense\n")
    assert "[error]" in live.logs(edge, f"/{named}:1: ")
    assert workers.statuses(sign(path, new, 0)) == {200}

    (edge.folder / named).unlink()
    live.logs(edge, f'open() "{edge.folder}/{named}" failed')
    assert workers.statuses(sign(path, new, 0)) == {200}

    edge.replace(named, text(old))
    workers.wait(200, sign(path, old, 0))


def test_files_of_tenants_in_the_configuration(web_edges, web):
    """They are watched, too, without any tenants file."""

    path, _ = put(web, "acme")
    key = ec_key(next(names))
    edge = web_edges({"acme": f"origin {web.url}/acme; keys acme.keys; jwks acme.jwks;"},
                      files={"acme.keys": f"{key_of('acme')}\n",
                             "acme.jwks": jwks(jwk(ec_key(), kid="k"))},
                      workers=2, server=live.PID)

    with live.Workers(edge) as workers:
        assert workers.statuses(signed(path)) == {200}
        assert workers.statuses(in_query(path, make_jwt("ES256", key, "k"))) == {403}

        edge.replace("acme.jwks", jwks(jwk(key, kid="k")))
        workers.wait(200, in_query(path, make_jwt("ES256", key, "k")))

        edge.replace("acme.keys", f"{servers.OTHER_KEY}\n")
        workers.wait(403, signed(path))
        workers.wait(200, signed(path, servers.OTHER_KEY))


def test_credentials_of_the_origin(edge, workers, web):
    """The next request to the origin is signed with what the file says by then."""

    name = next(names)

    def text(access_key):
        return (f"[default]\naws_access_key_id = {access_key}\n"
                f"aws_secret_access_key = {access_key.lower()}\n")

    def signer():
        path = f"/{next(names)}.glb"
        web.put_at(f"/models{path}", message(200, b"x"))
        assert edge.get(signed(f"/{name}{path}")).status == 200
        [seen] = web.seen(f"/models{path}")
        return seen.headers["authorization"].split("Credential=")[1].split("/")[0]

    edge.write(f"{name}.credentials", text("AKIAOLD"))
    edge.replace("tenants.json", live.tenants(**{name: {
        "origin": "s3://models", "endpoint": web.url, "style": "path",
        "credentials": f"{name}.credentials", "keys": [key_of(name)]}}))
    workers.wait(404, signed(f"/{name}/none.glb"))
    servers.wait_for("the tenant", lambda: edge.get(signed(f"/{name}/none.glb")).status == 404)
    path = f"/{next(names)}.glb"
    web.put_at(f"/models{path}", message(200, b"x"))
    workers.wait(200, signed(f"/{name}{path}"))
    assert signer() == "AKIAOLD"

    edge.replace(f"{name}.credentials", text("AKIANEW"))
    servers.wait_for("the new credentials", lambda: signer() == "AKIANEW", live.SOON)
    assert [signer() for _ in range(4)] == ["AKIANEW"] * 4


# What is refused

def good(web):
    return member(web, "good")


BAD_FILES = {
    "empty": (lambda o: "", 1, "empty|value"),
    "half": (lambda o: live.tenants(good=good(o), more=good(o))[:150], None, ""),
    "no object": (lambda o: "[1]", 1, "is not an object"),
    "no tenants": (lambda o: "{}", 1, 'has no "tenants"'),
    "another member": (lambda o: '{"tenants": {},\n"colour": 1}', 2, "no member that is known"),
    "unknown option": (lambda o: live.tenants(good={**good(o), "colour": "red"}), 8,
                       "no member that is known"),
    "bad origin": (lambda o: live.tenants(good={**good(o), "origin": "ftp://x"}), 4,
                   "does not start with s3://"),
    "bad host": (lambda o: live.tenants(good={**good(o), "hosts": ["A.test"]}), 9,
                 "not a host name in lower case"),
    "bad key": (lambda o: live.tenants(good={**good(o), "keys": ["00"]}), 6, "32 to 128"),
    "bad name": (lambda o: live.tenants(Good=good(o)), 3, "a-z"),
    "no keys": (lambda o: live.tenants(good={"origin": o.url}), 3, 'tenant "good" has no "keys"'),
    "tenant twice": (lambda o: '{"tenants": {"good": %s,\n"good": %s}}' % (
        (f'{{"origin": "{o.url}", "keys": "none"}}',) * 2), 2, "duplicate"),
    "option twice": (lambda o: '{"tenants": {"good": {"origin": "http://a.test",\n'
                               '"origin": "http://b.test"}}}', 2, "duplicate"),
    "host of two": (lambda o: live.tenants(good={**good(o), "hosts": ["a.test"]},
                                           other={**member(o, "other"), "hosts": ["a.test"]}),
                    12, 'tenant "other" has a host that another tenant has'),
    "EdgeAuth key of two": (lambda o: live.tenants(good=good(o), other=good(o)), 9,
                            'tenant "other" has a key that another tenant has'),
    "HMAC key of two": (lambda o: live.tenants(
        good={**good(o), "jwks": {"keys": [jwk(b"x" * 32, kid="a", alg="HS256")]}, "audience": "a"},
        other={**member(o, "other"), "jwks": {"keys": [jwk(b"x" * 32, kid="b", alg="HS256")]},
               "audience": "b"}), None, 'tenant "other" has a key that another tenant has'),
    "CloudFront key of two": (lambda o: live.tenants(
        good={**good(o), "cloudfront_keys": {"a": pem(SHARED)}},
        other={**member(o, "other"), "cloudfront_keys": {"b": pem(SHARED)}}),
        None, 'tenant "other" has a key that another tenant has'),
    "JWT key of two without audiences": (lambda o: live.tenants(
        good={**good(o), "jwks": {"keys": [jwk(SHARED, kid="a")]}, "audience": "a"},
        other={**member(o, "other"), "jwks": {"keys": [jwk(SHARED, kid="a")]}}),
        None, 'tenant "other" has a key that another tenant has'),
    "JWT key and audience of two": (lambda o: live.tenants(
        good={**good(o), "jwks": {"keys": [jwk(SHARED, kid="a")]}, "audience": ["a", "b"]},
        other={**member(o, "other"), "jwks": {"keys": [jwk(SHARED, kid="c")]},
               "audience": ["c", "b"]}),
        None, 'tenant "other" has a JWT key and an audience that another tenant has'),
    "private key": (lambda o: live.tenants(good={**good(o), "jwks": {
        "keys": [{**jwk(SHARED, kid="a"), "d": "AAAA"}]}}), None, "private"),
}

SHARED = ec_key("shared")


def refusals(said, text):
    return [line for line in said.splitlines() if text in line]


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(edge, workers, web, name):
    """They are refused alike by "nginx -t" and while NGINX runs, which goes on as it was."""

    make, line, reason = BAD_FILES[name]
    tenant = next(names)
    path, _ = put(web, tenant)

    edge.replace("tenants.json", live.tenants(**{tenant: member(web, tenant)}))
    workers.wait(200, signed(path))

    before = len(refusals(edge.error_log(), "the tenants are those of before"))
    edge.replace("tenants.json", make(web))
    servers.wait_for("the refusal", lambda: len(refusals(
        edge.error_log(), "the tenants are those of before")) > before, live.SOON)

    place = rf"tenants\.json:{line or '[0-9]+'}: " if "failed" not in reason else ""
    told = edge.error_log().splitlines()
    at = max(n for n, text in enumerate(told) if "the tenants are those of before" in text)
    assert "[error]" in told[at - 1]
    assert_says(told[at - 1], place, reason)

    code, said = edge.test()
    [emerg] = refusals(said, "[emerg]")
    assert code != 0
    assert_says(emerg, place, reason)
    live.expected_trouble(edge, "[emerg]")

    assert workers.statuses(signed(path)) == {200}

    # it is not tried again and again
    time.sleep(0.7)
    assert len(refusals(edge.error_log(), "the tenants are those of before")) == before + 1


def test_a_bad_file_of_one_tenant_holds_up_nobody_else(edge, workers, web):
    """Who names it stays as it was, or is left out if it is new; the others change."""

    one, two, new = next(names), next(names), next(names)
    paths = {name: put(web, name)[0] for name in (one, two, new)}
    key = key_of(one)

    edge.replace("one.keys", f"k {key}\n")
    edge.replace("tenants.json", live.tenants(**{
        one: {**member(web, one), "keys": "one.keys"}, two: member(web, two)}))
    for name in (one, two):
        workers.wait(200, signed(paths[name]))

    # the key of the other is removed at the same time
    edge.replace("one.keys", "k not-a-key\n")
    other = {**member(web, two), "keys": [servers.OTHER_KEY]}
    edge.replace("tenants.json", live.tenants(**{
        one: {**member(web, one), "keys": "one.keys"}, two: other,
        new: {**member(web, new), "keys": "missing.keys"}}))
    workers.wait(403, signed(paths[two]))

    assert workers.statuses(signed(paths[one])) == {200}
    assert workers.statuses(signed(paths[new])) == {404}
    log = edge.error_log()
    assert f'tenant "{one}" stays as it was' in log and "one.keys:1: " in log
    assert f'tenant "{new}", which is new, is left out' in log and 'missing.keys" failed' in log

    edge.replace("one.keys", f"k {key}\n")
    edge.replace("missing.keys", f"k {key_of(new)}\n")
    workers.wait(200, signed(paths[new]))
    assert workers.statuses(signed(paths[one])) == {200}


def assert_says(line, place, reason):
    assert re.search(place, line), line
    assert re.search(reason, line), line
    assert not [key for key in ("good", "other") if key_of(key) in line]


def test_half_written_in_place(edge, workers, web):
    """Who writes slowly: the first half is refused, the whole is taken."""

    name = next(names)
    path, _ = put(web, name)
    text = live.tenants(**{name: member(web, name, comment="x" * 5000)})

    with open(edge.folder / "tenants.json", "w") as file:
        file.write(text[:3000])
        file.flush()
        live.logs(edge, "tenants.json:5: ")
        file.write(text[3000:])

    workers.wait(200, signed(path))


def test_the_file_is_away(edge, workers, web):
    name = next(names)
    path, _ = put(web, name)
    text = live.tenants(**{name: member(web, name)})

    edge.replace("tenants.json", text)
    workers.wait(200, signed(path))

    (edge.folder / "tenants.json").unlink()
    live.logs(edge, f'open() "{edge.folder}/tenants.json" failed')
    assert workers.statuses(signed(path)) == {200}

    text = live.tenants(**{name: member(web, name, keys=[servers.OTHER_KEY])})
    edge.replace("tenants.json", text)
    workers.wait(403, signed(path))


def test_what_is_no_file(edge, workers, web):
    """A pipe that nobody writes to, a folder: nobody waits for them."""

    name = next(names)
    path, _ = put(web, name)
    file = edge.folder / "tenants.json"

    for make, remove in ((os.mkfifo, os.unlink), (os.mkdir, os.rmdir)):
        before = edge.error_log().count("is not a regular file")
        file.unlink(missing_ok=True)
        make(file)
        servers.wait_for("the refusal", lambda: edge.error_log().count(
            "is not a regular file") > before, live.SOON)
        remove(file)

    edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
    workers.wait(200, signed(path))


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o601])
def test_open_to_everybody(edge, workers, web, mode):
    name = next(names)
    path, _ = put(web, name)
    text = live.tenants(**{name: member(web, name)})

    edge.replace("tenants.json", live.tenants(first=member(web, "first")))
    workers.wait(404, signed(path))
    edge.replace("tenants.json", text, mode)
    assert '[error]' in live.logs(edge, f"is open to everybody (mode 0{mode:o})")
    assert workers.statuses(signed(path)) == {404}

    code, said = edge.test()
    assert code != 0 and "open to everybody" in said
    live.expected_trouble(edge, "[emerg]")

    # closing it is a change, too
    (edge.folder / "tenants.json").chmod(0o640)
    workers.wait(200, signed(path))


def test_a_shared_public_key(edge, workers, web):
    """By tenants of disjoint audiences: each takes the tokens that name its own."""

    one, two = next(names), next(names)
    (first, _), (second, _) = put(web, one), put(web, two)
    jwks = {"keys": [jwk(SHARED, kid="k")]}

    edge.replace("tenants.json", live.tenants(**{
        one: member(web, one, jwks=jwks, audience=["a", "b"]),
        two: member(web, two, jwks=jwks, audience="c")}))

    workers.wait(200, in_query(first, make_jwt("ES256", SHARED, "k", aud="a")))
    assert workers.statuses(in_query(second, make_jwt("ES256", SHARED, "k", aud="c"))) == {200}

    for path, audience in ((first, "c"), (second, "a"), (second, ["a", "b"]), (first, None),
                           (second, "d")):
        target = in_query(path, make_jwt("ES256", SHARED, "k", aud=audience))
        assert workers.statuses(target) == {403}


# Endpoints

def test_an_unknown_endpoint(edge, workers, web):
    """NGINX has no connections for it before the next reload."""

    name = next(names)
    path, _ = put(web, name)

    edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
    workers.wait(200, signed(path))

    edge.replace("tenants.json", live.tenants(**{
        name: {**member(web, name), "origin": f"http://localhost:{servers.free_port()}"}}))
    line = live.logs(edge, "has an endpoint that this NGINX has no connections for")
    assert f'tenant "{name}"' in line and "xr_endpoint" in line and "tenants.json:3:" in line
    assert workers.statuses(signed(path)) == {200}


def test_a_declared_endpoint(web_edges, web):
    edge = start(web_edges, live.tenants(), http=f"xr_endpoint {web.url};")
    path, body = put(web, "acme")

    edge.replace("tenants.json", live.tenants(acme=member(web, "acme")))
    with live.Workers(edge) as workers:
        workers.wait(200, signed(path))
        assert {r.body for r in workers.ask(signed(path)).values()} == {body}


def test_a_reload_makes_endpoints(web_edges, web):
    edge = start(web_edges, live.tenants())
    path, _ = put(web, "acme")

    edge.replace("tenants.json", live.tenants(acme=member(web, "acme")))
    live.logs(edge, "has no connections for")
    assert edge.get(signed(path)).status == 404

    edge.reload()
    assert edge.get(signed(path)).status == 200


# Processes

def test_requests_in_flight(edge, workers, web):
    """A download goes on to its end while its tenant goes away."""

    name = next(names)
    body = b"0123456789" * 3000
    head, *parts = [body[n:n + 10000] for n in range(0, len(body), 10000)]
    whole = message(200, body)
    steps = [whole[:-20000]] + [step for part in parts for step in (1.2, part)]
    path = web.put(steps, tenant=name)
    quick, _ = put(web, name)
    answers = []

    edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
    workers.wait(200, signed(quick))

    client = threading.Thread(target=lambda: answers.append(edge.get(signed(path))))
    client.start()
    servers.wait_for("the origin is asked", lambda: web.seen(path))
    edge.replace("tenants.json", live.tenants(first=member(web, "first")))
    workers.wait(404, signed(quick))
    assert client.is_alive()
    client.join(30)

    assert (answers[0].status, answers[0].body, answers[0].complete) == (200, body, True)
    assert edge.get(signed(path)).status == 404


def test_swaps_under_load(edge, workers, web):
    """Many of them, with requests all the time: no answer is wrong."""

    name = next(names)
    path, body = put(web, name)

    edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
    workers.wait(200, signed(path))

    with live.Load(edge, [(signed(path), body)], clients=2) as load:
        for n in range(6):
            edge.replace("tenants.json", live.tenants(**{
                name: member(web, name, comment=str(n)),
                **{f"{name}-{m}": member(web, f"{name}-{m}") for m in range(n)}}))
            time.sleep(0.6)
            load.more()

    assert load.wrong == []


def test_a_reload_after_swaps(web_edges, web):
    edge = start(web_edges, live.tenants(one=member(web, "one")))
    paths = {name: put(web, name)[0] for name in ("one", "two", "three")}

    with live.Workers(edge) as workers:
        for name in ("two", "three", "two"):
            edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
            workers.wait(200, signed(paths[name]))

    edge.reload()

    with live.Workers(edge) as workers:
        assert [workers.statuses(signed(path)) for path in paths.values()] == [{404}, {200}, {404}]
        edge.replace("tenants.json", live.tenants(one=member(web, "one")))
        workers.wait(200, signed(paths["one"]))
        assert workers.statuses(signed(paths["two"])) == {404}


def test_a_worker_that_crashes(web_edges, web):
    """Its successor has the newest tenants, not those of the configuration."""

    edge = start(web_edges, live.tenants(one=member(web, "one")))
    edge.reloads = True                     # worker processes are replaced
    paths = {name: put(web, name)[0] for name in ("one", "two", "three")}

    with live.Workers(edge) as workers:
        edge.replace("tenants.json", live.tenants(two=member(web, "two")))
        workers.wait(200, signed(paths["two"]))

    before = servers.workers_of(edge.process.pid)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    servers.wait_for("new workers", lambda: len(
        servers.workers_of(edge.process.pid) - before) == 2)

    with live.Workers(edge) as workers:
        assert [workers.statuses(signed(path)) for path in paths.values()] == [{404}, {200}, {404}]
        edge.replace("tenants.json", live.tenants(three=member(web, "three")))
        workers.wait(200, signed(paths["three"]))

    live.expected_trouble(edge, "exited on signal 9")


def test_a_manager_that_crashes(web_edges, web):
    """The process that looks at files is started again, and goes on from there."""

    edge = start(web_edges, live.tenants(one=member(web, "one")))
    one, two, three = (put(web, name)[0] for name in ("one", "two", "three"))

    with live.Workers(edge) as workers:
        edge.replace("tenants.json", live.tenants(two=member(web, "two")))
        workers.wait(200, signed(two))

        [manager] = live.managers_of(edge)
        os.kill(manager, signal.SIGKILL)
        servers.wait_for("a new manager", lambda: live.managers_of(edge) not in ([], [manager]))
        edge.replace("tenants.json", live.tenants(three=member(web, "three")))
        workers.wait(200, signed(three), 5)
        assert workers.statuses(signed(two)) == {404}

    live.expected_trouble(edge, "exited on signal 9")


def test_all_but_the_master_crash(web_edges, web):
    """While the file is no good: nobody goes back to what the configuration said."""

    edge = start(web_edges, live.tenants(one=member(web, "one")))
    edge.reloads = True                     # worker processes are replaced
    one, two = (put(web, name)[0] for name in ("one", "two"))

    with live.Workers(edge) as workers:
        edge.replace("tenants.json", live.tenants(two=member(web, "two")))
        workers.wait(200, signed(two))

    edge.replace("tenants.json", "nonsense")
    live.logs(edge, "tenants.json:1: ")

    managers, before = live.managers_of(edge), servers.workers_of(edge.process.pid)
    for pid in managers:
        os.kill(pid, signal.SIGKILL)
    servers.wait_for("the new manager's look at the file", lambda: edge.error_log().count(
        "the tenants are those of before") == 2)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    servers.wait_for("new workers", lambda: len(
        servers.workers_of(edge.process.pid) - before) == 2)
    live.expected_trouble(edge, "exited on signal 9")

    with live.Workers(edge) as workers:
        assert workers.statuses(signed(one)) == {404}
        assert workers.statuses(signed(two)) == {200}


def state_of(edge):
    return sorted(path.name for path in (edge.folder / STATE).iterdir())


def test_state(web_edges, web):
    """One file, for nobody's eyes, while NGINX runs; none once it has ended."""

    edge = start(web_edges, live.tenants(one=member(web, "one")))
    paths = {name: put(web, name)[0] for name in ("one", "two")}

    with live.Workers(edge) as workers:
        for name in ("two", "one", "two"):
            edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
            workers.wait(200, signed(paths[name]))

    folder = edge.folder / STATE
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [name] = state_of(edge)
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o400

    edge.stop()
    assert state_of(edge) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have workers of another user")
def test_workers_of_another_user(web_edges, web):
    """Who serves cannot read root's files, and need not: a group may."""

    edge = start(web_edges, live.tenants(one=member(web, "one")), user="nobody nogroup")
    paths = {name: put(web, name)[0] for name in ("one", "two")}

    with live.Workers(edge) as workers:
        assert workers.statuses(signed(paths["one"])) == {200}

        edge.replace("tenants.json", live.tenants(two=member(web, "two")), 0o600)
        assert "Permission denied" in live.logs(edge, 'tenants.json" failed')
        assert workers.statuses(signed(paths["one"])) == {200}

        shutil.chown(edge.folder / "tenants.json", group="nogroup")
        (edge.folder / "tenants.json").chmod(0o640)
        workers.wait(200, signed(paths["two"]))
        assert workers.statuses(signed(paths["one"])) == {404}

    [name] = state_of(edge)
    assert (edge.folder / STATE / name).owner() == "nobody"
    assert stat.S_IMODE((edge.folder / STATE).stat().st_mode) == 0o700

    edge.stop()
    assert state_of(edge) == []


def test_state_path(web_edges, web):
    edge = start(web_edges, live.tenants(), http=f"xr_state_path other; xr_endpoint {web.url};")
    path, _ = put(web, "one")

    edge.replace("tenants.json", live.tenants(one=member(web, "one")))
    with live.Workers(edge) as workers:
        workers.wait(200, signed(path))

    assert len(list((edge.folder / "other").iterdir())) == 1
    assert not (edge.folder / STATE).exists()


def test_leftovers_of_a_killed_nginx(web_edges, web):
    """Nobody cleaned up after it: the next one does."""

    edge = start(web_edges, live.tenants(one=member(web, "one")))
    (edge.folder / STATE / "tenants.999999999.1").write_text("keys")
    (edge.folder / STATE / "readme").write_text("somebody's own")
    edge.reload()

    servers.wait_for("the cleaning", lambda: state_of(edge) == ["readme"], 5)
    (edge.folder / STATE / "readme").unlink()


def test_a_single_process(web_edges, web):
    """"master_process off": it looks at the files itself."""

    edge = start(web_edges, live.tenants(one=member(web, "one")), workers=0,
                 main="master_process off;")
    one, two = (put(web, name)[0] for name in ("one", "two"))
    assert edge.get(signed(one)).status == 200

    edge.replace("tenants.json", live.tenants(two=member(web, "two")))
    servers.wait_for("the tenant", lambda: edge.get(signed(two)).status == 200, live.SOON)
    assert edge.get(signed(one)).status == 404

    edge.stop()
    assert state_of(edge) == []


def test_beside_tenants_of_the_configuration(web_edges, web):
    """Both are one table: a name, host or key of one is not the other's."""

    edge = start(web_edges, live.tenants(two=member(web, "two")),
                 tenants={"one": f"origin {web.url}/one; host one.test;"})
    paths = {name: put(web, name)[0] for name in ("one", "two", "three")}

    with live.Workers(edge) as workers:
        assert [workers.statuses(signed(path)) for path in paths.values()] == [{200}, {200}, {404}]

        edge.replace("tenants.json", live.tenants(three=member(web, "three")))
        workers.wait(200, signed(paths["three"]))
        assert [workers.statuses(signed(path)) for path in paths.values()] == [{200}, {404}, {200}]

        for bad, reason in (({"one": member(web, "one", keys=[servers.OTHER_KEY])},
                             'tenant "one" is a duplicate'),
                            ({"two": member(web, "two", hosts=["one.test"])},
                             "has a host that another tenant has"),
                            ({"two": member(web, "two", keys=[key_of("one")])},
                             "has a key that another tenant has")):
            edge.replace("tenants.json", live.tenants(**bad))
            live.logs(edge, reason)
            assert workers.statuses(signed(paths["three"])) == {200}


def test_no_secret_in_logs(edge, workers, web):
    name = next(names)
    path, _ = put(web, name)
    edge.replace("tenants.json", live.tenants(**{name: member(web, name)}))
    workers.wait(200, signed(path))

    files = edge.files_with(key_of(name))
    assert files == ["tenants.json"], files
