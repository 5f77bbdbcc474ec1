# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Tokens: which are accepted, which are not, and that they leave no trace."""

import itertools
import json
import subprocess
import time

import pytest

import edgeauth
import servers
from edgeauth import in_path, in_query, token
from servers import KEY, OTHER_KEY

NOW = int(time.time())


@pytest.fixture(scope="module")
def edge(edges):
    return edges({"acme": "", "strict": "leeway 0s; max_lifetime 1d;"})


@pytest.fixture(scope="module")
def asset(stack, edge):
    """An object that is in the edge's cache: refusals must not depend on it."""

    key, body = stack.put()
    path = f"/acme/{key}"
    assert edge.fetch(path).body == body

    return path, body


# The public signer

SIGNER = """
const EdgeAuth = require('akamai-edgeauth')
for (const [options, how, path] of JSON.parse(process.argv[1]))
    console.log(new EdgeAuth(options)[how](path))
"""


@pytest.fixture(scope="module")
def npm_signer(npm):
    """A function that has npm's akamai-edgeauth make tokens: (options, how, path) each."""

    def make(wishes):
        out = subprocess.run(["node", "-e", SIGNER, json.dumps(wishes)], cwd=npm, text=True,
                             capture_output=True, timeout=60, check=True).stdout
        return out.split()

    return make


OPTIONS = {
    "plain": {},
    "start": {"startTime": NOW - 5},
    "session": {"sessionId": "visitor-1"},
    "payload": {"payload": "colour:blue"},
    "address": {"ip": "127.0.0.1"},
    "all": {"startTime": NOW - 5, "sessionId": "visitor 1/é", "payload": "a:b,c=d&e",
            "ip": "127.0.0.1"},
}


@pytest.mark.parametrize("early", [False, True])
def test_public_signer_is_understood(edge, asset, npm_signer, early):
    path, body = asset
    wishes = [({"key": KEY, "windowSeconds": 600, "escapeEarly": early, **options}, how, what)
              for options in OPTIONS.values()
              for how, what in (("generateURLToken", path), ("generateACLToken", path),
                                ("generateACLToken", "/acme/*"),
                                ("generateACLToken", ["/other/*", path]))]

    # a space must not be bare in a request line, whoever made the token
    tokens = [made.replace(" ", "%20") for made in npm_signer(
        [w for w in wishes if early or " " not in w[0].get("sessionId", "")])]
    assert len(tokens) >= 20

    for made in tokens:
        for target in (in_query(path, made), in_path(path, made)):
            response = edge.get(target)
            assert (response.status, response.body == body) == (200, True), target


def test_public_signer_each_field_changed_is_refused(edge, asset, npm_signer):
    path, _ = asset
    [made] = npm_signer([({"key": KEY, "windowSeconds": 600, **OPTIONS["all"],
                           "escapeEarly": True}, "generateACLToken", path)])
    assert edge.get(in_query(path, made)).status == 200

    fields = made.split("~")
    assert [f.split("=")[0] for f in fields] == ["ip", "st", "exp", "acl", "id", "data", "hmac"]

    for n, field in enumerate(fields):
        # one more or less at the end keeps addresses, numbers and patterns well-formed
        last = {"1": "2", "0": "1"}.get(field[-1], "1")
        changed = [*fields[:n], field[:-1] + last, *fields[n + 1:]]
        edge.assert_refused(edge.get(in_query(path, "~".join(changed))), "token_signature")


def test_public_signer_for_a_name_that_needs_escapes(stack, edge, npm_signer):
    key, body = stack.put(key=f"t/{next(stack.names)} (a+b).glb")
    path = edgeauth.path_of(f"/acme/{key}")

    for made in npm_signer([({"key": KEY, "windowSeconds": 600, "escapeEarly": early},
                             "generateURLToken", path) for early in (False, True)]):
        assert edge.get(in_query(path, made)).body == body


# Our own tokens, made from the description alone

def fields_for(path, fields):
    """Fields of a token: times count from now, "{path}" is the asset's path."""

    now = int(time.time())

    return {name: value + now if name in ("st", "exp")
            else value.format(path=path, stem=path.removesuffix(".glb"))
            for name, value in fields.items()}


ACCEPTED = {
    "url": dict(url="{path}"),
    "acl": dict(acl="{path}"),
    "acl with a star": dict(acl="/acme/*"),
    "acl of everything": dict(acl="/*"),
    "acl with two patterns": dict(acl="/x/*!{path}"),
    "question mark is one byte": dict(acl="/acme/?/*"),
    "subject and data": dict(acl="/*", id="visitor", data="quality:high"),
    "started": dict(acl="/*", st=-10),
    "start within leeway": dict(acl="/*", st=15),
    "end within leeway": dict(acl="/*", exp=-2),
    "own address": dict(acl="/*", ip="127.0.0.1"),
    "own address as IPv6": dict(acl="/*", ip="::ffff:127.0.0.1"),
}


@pytest.mark.parametrize("carrier", [in_query, in_path])
@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(edge, asset, name, carrier):
    path, body = asset
    made = token(KEY, **fields_for(path, ACCEPTED[name]))
    response = edge.get(carrier(path, made))

    assert (response.status, response.body == body) == (200, True)


REFUSED = {
    "expired": ("token_expired", dict(acl="/*", exp=-100)),
    "not yet valid": ("token_early", dict(acl="/*", st=1000, exp=2000)),
    "wrong key": ("token_signature", dict(acl="/*", key=OTHER_KEY)),
    "wrong acl": ("token_scope", dict(acl="/acme/other.glb")),
    "acl is no prefix": ("token_scope", dict(acl="{stem}")),
    "acl is a folder": ("token_scope", dict(acl="/acme/")),
    "neighbour with the same beginning": ("token_scope", dict(acl="/acm/*")),
    "acl of a longer name": ("token_scope", dict(acl="{path}x")),
    "question mark is no slash": ("token_scope", dict(acl="/acme?t/*")),
    "acl in another case": ("token_scope", dict(acl="/ACME/*")),
    "wrong url": ("token_signature", dict(url="/acme/other.glb")),
    "other address": ("token_address", dict(acl="/*", ip="10.1.2.3")),
    "other address as IPv6": ("token_address", dict(acl="/*", ip="::ffff:10.1.2.3")),
}


@pytest.mark.parametrize("carrier", [in_query, in_path])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(edge, asset, name, carrier):
    path, _ = asset
    reason, fields = REFUSED[name]
    fields = fields_for(path, fields)
    made = token(fields.pop("key", KEY), **fields)

    edge.assert_refused(edge.get(carrier(path, made)), reason)
    edge.assert_refused(edge.get(carrier(path, made), "HEAD"), reason)


def test_prefix_of_one_folder_does_not_cover_another(stack, edge):
    near, _ = stack.put(key=f"{next(stack.names)}0/a.glb")
    folder = near.split("/")[0]

    response = edge.get(in_query(f"/acme/{near}", token(KEY, acl=f"/acme/{folder[:-1]}/*")))
    edge.assert_refused(response, "token_scope")
    assert edge.get(in_query(f"/acme/{near}", token(KEY, acl=f"/acme/{folder}/*"))).status == 200


GOOD = f"exp={NOW + 1000}~acl=/*"
MAC = edgeauth.sign(KEY, GOOD)


def signed(message):
    return f"{message}~hmac={edgeauth.sign(KEY, message)}"


MALFORMED = {
    "empty": "",
    "no mac": GOOD,
    "empty mac": f"{GOOD}~hmac=",
    "short mac": f"{GOOD}~hmac={MAC[:-2]}",
    "long mac": f"{GOOD}~hmac={MAC}00",
    "mac with a letter that is no digit": f"{GOOD}~hmac={MAC[:-1]}g",
    "mac is not last": f"hmac={MAC}~{GOOD}",
    "something after the mac": f"{GOOD}~hmac={MAC}~id=1",
    "no expiry": signed("acl=/*"),
    "expiry is no number": signed("exp=soon~acl=/*"),
    "expiry is negative": signed("exp=-1~acl=/*"),
    "expiry is beyond a number": signed("exp=99999999999999999999999~acl=/*"),
    "expiry with a fraction": signed(f"exp={NOW + 100}.5~acl=/*"),
    "field twice": signed(f"{GOOD}~acl=/*"),
    "expiry twice": signed(f"exp={NOW - 100}~{GOOD}"),
    "unknown field": signed(f"{GOOD}~admin=1"),
    "empty acl": signed(f"exp={NOW + 100}~acl="),
    "only separators": "~~~",
    "longer than allowed": signed(f"{GOOD}~data={'x' * 2100}"),
}


@pytest.mark.parametrize("carrier", [in_query, in_path])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(edge, asset, name, carrier):
    path, _ = asset
    response = edge.get(carrier(path, MALFORMED[name]))

    if name == "empty":
        # "?xr_token=" is a token without content; "/~/" likewise
        assert response.status == 403
        assert edge.logged(response)["reason"] in ("token_malformed", "token_missing")
    else:
        edge.assert_refused(response, "token_malformed")


@pytest.mark.parametrize("segment", ["~!!!!", "~====", "~ZXhw*", "~a"])
def test_path_token_that_is_no_base64url(edge, asset, segment):
    path, _ = asset
    edge.assert_refused(edge.get(f"/{segment}{path}"), "token_malformed")


def test_missing(edge, asset):
    path, _ = asset

    for target in (path, f"{path}?", f"{path}?token={token(KEY, acl='/*')}", f"{path}?xr_token"):
        edge.assert_refused(edge.get(target), "token_missing")


@pytest.mark.parametrize("header,value", [
    ("Authorization", "Bearer {}"), ("Authorization", "bearer {}"), ("Cookie", "xr_token={}"),
    ("Cookie", "a=b; xr_token={}; c=d")])
def test_a_token_in_a_header(edge, asset, header, value):
    path, body = asset
    made = token(KEY, acl="/*")

    assert edge.get(path, headers={header: value.format(made)}).body == body
    refused = edge.get(path, headers={header: value.format(token(OTHER_KEY, acl="/*"))})
    edge.assert_refused(refused, "token_signature")


@pytest.mark.parametrize("header,value", [
    ("Authorization", "{}"), ("Authorization", "Basic {}"), ("Cookie", "token={}"),
    ("X-XR-Token", "{}"), ("Referer", "http://edge.test/?xr_token={}")])
def test_a_token_in_another_header_is_none(edge, asset, header, value):
    path, _ = asset
    response = edge.get(path, headers={header: value.format(token(KEY, acl="/*"))})

    edge.assert_refused(response, "token_missing")


def test_duplicated(edge, asset):
    path, _ = asset
    good, bad = token(KEY, acl="/*"), token(OTHER_KEY, acl="/*")

    for a, b in itertools.product((good, bad), repeat=2):
        for target in (f"{path}?xr_token={a}&xr_token={b}",
                       f"{path}?xr_token={a}&v=1&XR_TOKEN={b}",
                       f"{path}?xr_token={a}?xr_token={b}",
                       f"{in_path(path, a)}?xr_token={b}"):
            edge.assert_refused(edge.get(target), "token_duplicate", 400)


def test_two_path_tokens_are_not_taken(edge, asset):
    path, _ = asset
    good = token(KEY, acl="/*")
    response = edge.get(in_path(in_path(path, good), good))

    # the second one is part of the path, where no tenant has such a name
    assert response.status in (400, 403, 404)


def test_limits_of_a_tenant(stack, edge):
    key, body = stack.put()
    path = f"/strict/{key}"
    now = int(time.time())

    own = servers.key_of("strict")

    assert edge.get(in_query(path, token(own, acl="/*", exp=now + 3600))).body == body

    late = edge.get(in_query(path, token(own, acl="/*", exp=now - 2)))
    edge.assert_refused(late, "token_expired")

    long = edge.get(in_query(path, token(own, acl="/*", exp=now + 2 * 86400)))
    edge.assert_refused(long, "token_lifetime")


def test_children_resolve_below_a_path_token(stack, edge):
    folder = f"scene-{next(stack.names)}"
    files = {name: stack.put(key=f"{folder}/{name}")[1]
             for name in ("scene.gltf", "scene.bin", "textures/base.ktx2", "a/b/c.png")}
    start = in_path(f"/acme/{folder}/", token(KEY, acl=f"/acme/{folder}/*"))

    for name, body in files.items():
        assert edge.get(start + name).body == body

    outside = start.replace(f"/{folder}/", "/") + "t/other.glb"
    edge.assert_refused(edge.get(outside), "token_scope")


def test_a_token_escaped_by_a_url_library(edge, asset):
    path, body = asset
    escaped = edgeauth.urllib.parse.quote(token(KEY, acl="/*"), safe="")

    assert "=" not in escaped
    assert edge.get(in_query(path, escaped)).body == body


def test_other_parameters_do_not_matter(stack, edge):
    key, body = stack.put()
    path = f"/acme/{key}"
    made = token(KEY, acl="/*")

    targets = [f"{path}?xr_token={made}", f"{path}?v=2&xr_token={made}&title=a",
               f"{path}?xr_token={made}?v=3", f"{path}?v=1?xr_token={made}",
               in_path(path, made) + "?versionId=1&acl&uploads"]
    assert [edge.get(target).body == body for target in targets] == [True] * len(targets)

    # one entry of the cache, and nothing of the query reaches the origin
    [seen] = stack.faults.log(key)
    assert seen["path"].endswith(key)


def test_one_object_two_tokens_one_entry(stack, edge):
    key, body = stack.put()
    path = f"/acme/{key}"

    first = edge.get(in_query(path, token(KEY, acl="/*", id="one")))
    second = edge.get(in_path(path, token(KEY, url=path, id="two")))

    assert first.body == second.body == body
    assert [edge.logged(r)["cache"] for r in (first, second)] == ["MISS", "HIT"]
    assert [edge.logged(r)["subject"] for r in (first, second)] == ["one", "two"]
    assert len(stack.faults.log(key)) == 1


def test_a_refusal_is_not_cached_for_others(stack, edge):
    key, body = stack.put()
    path = f"/acme/{key}"

    assert edge.get(path).status == 403
    assert edge.fetch(path).body == body
    assert edge.get(path).status == 403
    assert edge.get(path, headers={"If-None-Match": "*"}).status == 403


@pytest.mark.parametrize("carrier", [in_query, in_path])
def test_a_token_leaves_no_trace(stack, edge, carrier):
    key, body = stack.put()
    path = f"/acme/{key}"
    good = token(KEY, acl="/*", id=f"trace-{key}")
    bad = token(OTHER_KEY, acl="/*", id=f"trace-{key}")

    served = edge.get(carrier(path, good))
    refused = edge.get(carrier(path, bad))
    missing = edge.get(carrier(f"{path}.none", good))
    twice = edge.get(f"{in_path(path, good)}?xr_token={bad}")
    assert [r.status for r in (served, refused, missing, twice)] == [200, 403, 404, 400]
    assert served.body == body

    for response in (served, refused, missing, twice):
        edge.logged(response)

        for made in (good, bad):
            assert made[-64:] not in str(response)
            assert in_path("", made)[2:] not in str(response)

    # neither logs nor cache hold it, nor did the origin see it
    for made in (good, bad):
        assert edge.files_with(made[-64:]) == []
        assert edge.files_with(in_path("", made)[2:]) == []
        assert made[-64:] not in json.dumps(stack.faults.log(key))

    # links in what was served do not carry it on
    assert served["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("carrier", [in_query, in_path])
def test_a_token_leaves_no_trace_over_http2_and_http3(stack, edges, carrier, tmp_path):
    """There the request line of the log is made up by NGINX, from copies of the target."""

    key, body = stack.put()
    port = servers.free_port()
    edge = edges({"acme": ""}, server=f"""
        listen 127.0.0.1:{port} ssl; listen 127.0.0.1:{port} quic; http2 on;
        ssl_certificate {stack['cert']}; ssl_certificate_key {stack['dir']}/tls/key.pem;
    """)
    made = token(KEY, acl="/*", id=f"trace-{key}")
    url = f"https://127.0.0.1:{port}{carrier(f'/acme/{key}', made)}"

    h2 = subprocess.run(["curl", "-sS", "--http2", "--cacert", stack["cert"], "-A", "h2", url],
                        capture_output=True, timeout=60)
    assert h2.stdout == body
    subprocess.run(["gtlsclient", "-q", "--exit-on-all-streams-close", f"--download={tmp_path}",
                    "127.0.0.1", str(port), url], capture_output=True, timeout=60, check=True)
    [h3] = tmp_path.iterdir()
    assert h3.read_bytes() == body

    servers.wait_for("both in the access log", lambda: edge.access_log().count(key) >= 2)
    assert "HTTP/2.0" in edge.access_log() and "HTTP/3.0" in edge.access_log()
    assert edge.files_with(made[-64:]) == []
    assert edge.files_with(in_path("", made)[2:]) == []


def test_the_parameter_may_have_another_name(stack, edges):
    key, body = stack.put()
    path = f"/acme/{key}"
    edge = edges({"acme": ""}, server="xr_token_name hdnts;")
    made = token(KEY, acl="/*")

    assert edge.get(f"{path}?hdnts={made}").body == body
    edge.assert_refused(edge.get(in_query(path, made)), "token_missing")


def test_the_address_behind_a_trusted_proxy(stack, edge, edges):
    """NGINX's realip says who is trusted; without it the header is a mere claim."""

    key, body = stack.put()
    target = in_query(f"/acme/{key}", token(KEY, acl="/*", ip="192.0.2.7"))
    behind = edges({"acme": ""}, server="""
        set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;""")

    assert behind.get(target, headers={"X-Forwarded-For": "192.0.2.7"}).body == body
    for server, address in ((behind, "192.0.2.8"), (edge, "192.0.2.7")):
        response = server.get(target, headers={"X-Forwarded-For": address})
        server.assert_refused(response, "token_address")


# Ways to an object around its own URL

@pytest.fixture(scope="module")
def detours(stack, edges):
    secret, body = stack.put(b"the secret", key=f"secret/{next(stack.names)}.txt")
    edge = edges({"acme": ""}, server=f"""
        root .;
        location /rewrite/ {{ rewrite ^ /acme/{secret} last; }}
        location /try/ {{ try_files /none /acme/{secret}; }}
        location /error/ {{ error_page 418 = /acme/{secret}; return 418; }}
        location /ssi/ {{ ssi on; ssi_types *; }}
        location /acme/secret/ {{ xr on; satisfy any; allow all; }}
    """)
    (edge.folder / "ssi").mkdir()
    edge.write("ssi/page", f'<!--# include virtual="/acme/{secret}" -->', 0o644)

    return edge, f"/acme/{secret}", body


@pytest.mark.parametrize("way", ["/rewrite/x", "/try/x", "/error/x", "/ssi/page"])
def test_internal_ways_need_the_token_of_the_object(detours, way):
    edge, path, body = detours

    for made in (None, token(KEY, url=way), token(KEY, acl=way), token(OTHER_KEY, acl="/*")):
        response = edge.get(in_query(way, made) if made else way)
        assert body not in response.body, response

    # the one that covers the object itself
    assert body in edge.get(in_query(way, token(KEY, acl=path))).body


def test_satisfy_any_is_no_way_around(detours):
    edge, path, body = detours

    edge.assert_refused(edge.get(path), "token_missing")
    assert edge.get(in_query(path, token(KEY, acl=path))).body == body


def test_variables(stack, edge):
    key, _ = stack.put()
    path = f"/acme/{key}"
    end = int(time.time()) + 500
    response = edge.get(in_query(path, token(KEY, acl="/*", id="visitor", exp=end)))
    entry = edge.logged(response)

    assert entry["tenant"] == "acme"
    assert entry["object"] == key
    assert entry["subject"] == "visitor"
    assert entry["kind"] == "edgeauth"
    assert entry["auth"] == "GRANTED"
    assert entry["expires"] == str(end)
    assert entry["reason"] == ""
