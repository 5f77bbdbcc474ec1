# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What all kinds of credentials have in common, wherever a request carries them."""

import itertools
import json
import re
import subprocess
import time

import pytest

import credentials
import edgeauth
import live
import scripted
import servers
from credentials import b64, custom, policy, with_query
from servers import KEY, OTHER_KEY

BODY = b"a model" * 1000

EC, OTHER = credentials.ec_key(), credentials.ec_key("other")
CLOUDFRONT = credentials.rsa_key()

OPTIONS = "host acme.test; jwks acme.jwks; cloudfront_key K1 cloudfront.pem;"
FILES = {"acme.jwks": credentials.jwks(credentials.jwk(EC, kid="main")),
         "cloudfront.pem": credentials.pem(CLOUDFRONT)}


# A credential is a token, or parameters of CloudFront; a carrier adds it to a request.
# No two are the same, so that a trace is known to be the one's or the other's.

ends = itertools.count(int(time.time()) + 3600)


def token(good=True, **fields):
    return edgeauth.token(KEY if good else OTHER_KEY, acl="/*", exp=next(ends), **fields)


def jwt(good=True, **claims):
    return credentials.make_jwt("ES256", EC if good else OTHER, "main",
                                **{"exp": next(ends), **claims})


def cloudfront(good=True):
    return custom(policy("*", next(ends)), CLOUDFRONT if good else credentials.rsa_key("other"),
                  "K1")


def add_cookie(headers, pair):
    return {**headers, "Cookie": f"{headers['Cookie']}; {pair}" if "Cookie" in headers else pair}


def query(target, headers, made):
    glue = "&" if "?" in target else "?"
    return f"{target}{glue}xr_token={made}", headers


def path(target, headers, made):
    return f"/~{b64(made)}{target}", headers


def header(target, headers, made):
    return target, {**headers, "Authorization": f"Bearer {made}"}


def cookie(target, headers, made):
    return target, add_cookie(headers, f"xr_token={made}")


def signed_url(target, headers, made):
    return with_query(target, made), headers


def signed_cookies(target, headers, made):
    return target, add_cookie(headers, credentials.cookies(made))


WAYS = [(make, carrier) for make in (token, jwt) for carrier in (query, path, header, cookie)]
WAYS += [(cloudfront, signed_url), (cloudfront, signed_cookies)]
NAMES = [f"{make.__name__}-{carrier.__name__}" for make, carrier in WAYS]
KINDS = {token: "edgeauth", jwt: "jwt", cloudfront: "cloudfront"}


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return web_edges(web.tenants("acme", "empty", acme=OPTIONS, empty="host empty.test;"),
                     files=FILES, http="xr_auth_fail_limit off;")


@pytest.fixture(scope="module")
def name(edge, web):
    web.put_at("/acme/a.glb", scripted.message(200, BODY))
    assert ask(edge, *query("/a.glb", {}, token())).body == BODY
    return "/a.glb"


def ask(edge, target, headers=None, host="acme.test", **options):
    return edge.get(target, host=host, headers=headers, **options)


# Exactly one

@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_one_is_enough(edge, name, way):
    make, carrier = way
    served = ask(edge, *carrier(name, {}, make()))
    entry = edge.logged(served)

    assert (served.status, served.body == BODY) == (200, True)
    assert (entry["kind"], entry["auth"], entry["reason"]) == (KINDS[make], "GRANTED", "")

    edge.assert_refused(ask(edge, *carrier(name, {}, make(False))), "token_signature")


@pytest.mark.parametrize("one,two", itertools.combinations(range(len(WAYS)), 2))
def test_two_are_one_too_many(edge, name, one, two):
    """Whether they are good, whether they agree: a request says once who asks."""

    (make, carrier), (make_other, other) = WAYS[one], WAYS[two]

    for good, good_other in itertools.product((True, False), repeat=2):
        if carrier == other == header:
            continue                        # one header cannot be sent twice: see below

        request = other(*carrier(name, {}, make(good)), make_other(good_other))
        if carrier == other == path:        # the second one is the path of the first
            assert ask(edge, *request).status in (400, 403, 404)
        elif {carrier, other} == {signed_url, signed_cookies}:
            assert ask(edge, *request).status == (200 if good else 403)
        else:
            edge.assert_refused(ask(edge, *request), "token_duplicate", 400)


@pytest.mark.parametrize("make", [token, jwt])
def test_the_same_carrier_twice(edge, name, make):
    good, bad = make(), make(False)

    for a, b in itertools.product((good, bad), repeat=2):
        for target, headers in (
                (f"{name}?xr_token={a}&xr_token={b}", {}),
                (f"{name}?xr_token={a}&v=1&XR_TOKEN={b}", {}),
                (name, {"Cookie": f"xr_token={a}; xr_token={b}"}),
                (name, {"Cookie": f"xr_token={a}\r\nCookie: a=b; xr_token={b}"})):
            edge.assert_refused(ask(edge, target, headers), "token_duplicate", 400)

        # NGINX itself takes no two of these
        headers = {"Authorization": f"Bearer {a}\r\nAuthorization: Bearer {b}"}
        response = ask(edge, name, headers)
        assert response.status == 400 and response.body != BODY


def test_several_lines_of_cookies(edge, name):
    for headers in ({"Cookie": f"a=b\r\nCookie: xr_token={jwt()}; c=d"},
                    {"Cookie": f"xr_token={token()}\r\nCookie: c=d"},
                    {"Cookie": credentials.cookies(cloudfront()).replace("; ", "\r\nCookie: ")}):
        assert ask(edge, name, headers).body == BODY


@pytest.mark.parametrize("pair", ["XR_TOKEN={}", "xr_token2={}", "x_xr_token={}", "xr_token:{}",
                                  "a=xr_token={}", "a=b, xr_token={}"])
def test_cookies_that_are_not_ours(edge, name, pair):
    edge.assert_refused(ask(edge, name, {"Cookie": pair.format(jwt())}), "token_missing")


@pytest.mark.parametrize("value", ["", '"{}"', "{}x y", "x", "{}%"])
def test_cookies_that_are_no_token(edge, name, value):
    response = ask(edge, name, {"Cookie": f"xr_token={value.format(jwt())}"})
    edge.assert_refused(response, "token_malformed")


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Digest a=b", "Bearer", "bearer",
                                   "Bearerx {}", "Token {}", "AWS4-HMAC-SHA256 {}", "{}", ""])
def test_other_schemes_are_not_ours(edge, name, value):
    """They may be somebody else's, and say nothing here."""

    headers = {"Authorization": value.format(jwt())}
    edge.assert_refused(ask(edge, name, headers), "token_missing")

    served = ask(edge, *query(name, headers, token()))
    assert served.body == BODY
    assert edge.logged(served)["authorization"] == headers["Authorization"]


@pytest.mark.parametrize("value", ["Bearer ", "Bearer  ", "Bearer a b", "Bearer xr", "Bearer {},x",
                                   "Bearer {} "])
def test_what_is_no_bearer_token(edge, name, value):
    response = ask(edge, name, {"Authorization": value.format(jwt())})
    assert response.status == (200 if value == "Bearer {} " else 403)


@pytest.mark.parametrize("make", [token, jwt, cloudfront])
def test_a_tenant_takes_kinds_that_it_has_keys_for(edge, web, make):
    web.put_at("/empty/a.glb", scripted.message(200, BODY))
    carrier = signed_url if make is cloudfront else query
    made = edgeauth.token(servers.key_of("empty"), acl="/*") if make is token else make()
    response = ask(edge, *carrier("/a.glb", {}, made), host="empty.test")

    if make is token:
        assert response.body == BODY
    else:
        edge.assert_refused(response, "token_missing" if make is cloudfront else "token_key")


# Which kinds a location takes

@pytest.fixture(scope="module")
def places(web_edges, web):
    edge = web_edges(
        {"acme": f"origin {web.url}; {OPTIONS}"}, files=FILES,
        location="xr_auth jwt;",
        server="""
            location /any/ { xr on; xr_auth any; }
            location /default/ { xr on; }
            location /edgeauth/ { xr on; xr_auth edgeauth; }
            location /jwt/ { xr on; xr_auth jwt; }
            location /cloudfront/ { xr on; xr_auth cloudfront; }
            location /two/ { xr on; xr_auth edgeauth cloudfront; }
            location /public/ {
                xr on; xr_auth public;
                location /public/in/ { xr_tenant_from host; }
                location /public/off/ { xr_auth off; }
                location /public/jwt/ { xr_auth jwt; }
            }
        """)

    for place in PLACES:
        web.put_at(f"{place}a.glb", scripted.message(200, BODY))

    return edge


ALL = {"edgeauth", "jwt", "cloudfront"}
PLACES = {
    "/any/": ALL, "/default/": ALL, "/edgeauth/": {"edgeauth"}, "/jwt/": {"jwt"},
    "/cloudfront/": {"cloudfront"}, "/two/": {"edgeauth", "cloudfront"},
    "/public/off/": ALL, "/public/jwt/": {"jwt"}, "/": {"jwt"},
}


@pytest.mark.parametrize("place", PLACES)
def test_kinds_of_a_location(places, place):
    name = f"{place}a.glb"

    for make, carrier in WAYS:
        response = ask(places, *carrier(name, {}, make()))

        if KINDS[make] in PLACES[place]:
            assert response.body == BODY
        else:
            places.assert_refused(response, "token_kind")

    places.assert_refused(ask(places, name), "token_missing")


@pytest.mark.parametrize("place", ["/public/", "/public/in/"])
def test_public(places, web, place):
    """A credential is not needed, does no harm, and tells nothing."""

    name = f"{place}a.glb"
    web.put_at(name, scripted.message(200, BODY))

    for target, headers in [(name, {}), *(carrier(name, {}, make(good)) for make, carrier in WAYS
                                          for good in (True, False))]:
        response = ask(places, target, headers)
        entry = places.logged(response)

        assert response.body == BODY
        assert (entry["auth"], entry["kind"], entry["subject"]) == ("PUBLIC", "", "")


@pytest.mark.parametrize("line,reason", {
    "xr_auth public jwt;": "asks for no credential",
    "xr_auth off jwt;": "forgets what was said before",
    "xr_auth basic;": 'invalid value "basic"',
    "xr_auth;": "invalid number of arguments",
    "xr_token_from nowhere;": 'invalid value "nowhere"',
    "xr_token_from;": "invalid number of arguments",
    "xr_auth_fail_limit share=0%;": "not allowed here|invalid parameter",
}.items())
def test_bad_directives(tmp_path, line, reason):
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:9;"}, location=line)
    code, said = edge.test()

    assert code != 0
    assert re.search(reason, said), said


# No trace

def secrets_of(made):
    """What must not be found anywhere: the part of a credential that proves something."""

    if isinstance(made, dict):
        return [made["Signature"][20:80], made["Policy"][-36:]]

    return [made[-60:], b64(made)[-60:]]


def assert_no_trace(edge, web, responses, made):
    for response in responses:
        edge.logged(response)

    for secret in secrets_of(made):
        assert edge.files_with(secret) == []
        assert secret not in str(responses)
        assert secret not in repr(web.requests)


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_a_credential_leaves_no_trace(edge, web, name, way, good):
    make, carrier = way
    made = make(good)
    target, headers = carrier(name, {}, made)
    missing, _ = carrier(f"{name}.none", {}, made)

    responses = [ask(edge, target, headers), ask(edge, target, headers, method="HEAD"),
                 ask(edge, missing, headers),
                 ask(edge, *cookie(*query(target, headers, token()), token()))]

    assert [r.status for r in responses] == ([200, 200, 404, 400] if good
                                             else [403, 403, 403, 400])
    assert_no_trace(edge, web, responses, made)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_what_is_refused_early_leaves_no_trace(edge, web, name, way):
    """It may be good for another method, host or path."""

    make, carrier = way
    made = make()
    responses = []

    for target, options in ((name, {"method": "POST"}), (name, {"host": "nobody.test"}),
                            ("/a//b.glb", {}), ("/a%2fb.glb", {}), (name, {"method": "OPTIONS"})):
        target, headers = carrier(target, {}, made)
        if options.get("method") == "OPTIONS":
            headers = {**headers, "Origin": "https://shop.example",
                       "Access-Control-Request-Method": "GET"}
        responses.append(ask(edge, target, headers, **options))

    assert [r.status for r in responses] == [405, 404, 400, 400, 204]
    assert_no_trace(edge, web, responses, made)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_a_public_location_leaves_no_trace(places, web, way):
    make, carrier = way
    made = make()
    web.put_at("/public/a.glb", scripted.message(200, BODY))
    responses = [ask(places, *carrier("/public/a.glb", {}, made))]

    assert responses[0].body == BODY
    assert_no_trace(places, web, responses, made)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_no_trace_over_http2_and_http3(secure, web, way):
    """There NGINX makes up the request line and the cookies from copies of what was sent."""

    edge, port, cert = secure
    seen = edge.access_log().count("\n")
    make, carrier = way
    made = make()
    target, headers = carrier("/a.glb", {}, made)
    url = f"https://localhost:{port}{target}"

    lines = [option for name, value in headers.items() for option in ("-H", f"{name}: {value}")]
    h2 = subprocess.run(["curl", "-sS", "--http2", "--cacert", cert, "--path-as-is", *lines, url],
                        capture_output=True, timeout=60)
    assert h2.stdout == BODY, h2.stderr

    if not headers:
        subprocess.run(["gtlsclient", "-q", "--exit-on-all-streams-close", "127.0.0.1", str(port),
                        url], capture_output=True, timeout=60, check=True)

    seen += 1 if headers else 2
    servers.wait_for("all in the access log",
                     lambda: edge.access_log().count("\n") >= seen)
    entries = [json.loads(line) for line in edge.access_log().splitlines()]
    assert {entry["status"] for entry in entries} == {"200"}
    assert_no_trace(edge, web, [], made)


@pytest.fixture(scope="module")
def secure(web_edges, web, tmp_path_factory):
    cert, key = scripted.certificate(tmp_path_factory.mktemp("tls"), "edge", "localhost")
    port = servers.free_port()
    edge = web_edges(
        {"acme": f"origin {web.url}/acme; host localhost; {OPTIONS}"}, files=FILES,
        server=f"""
            listen 127.0.0.1:{port} ssl; listen 127.0.0.1:{port} quic; http2 on;
            ssl_certificate {cert}; ssl_certificate_key {key};
        """)
    web.put_at("/acme/a.glb", scripted.message(200, BODY))

    return edge, port, cert


def test_other_cookies_stay_as_they_are(edge, name):
    """Only credentials are masked: the rest is the application's, and may be logged."""

    made = jwt()
    served = ask(edge, name, {"Cookie": f"lang=de; xr_token={made}; theme=dark"})

    assert edge.logged(served)["cookie"] == f"lang=de; xr_token={'*' * len(made)}; theme=dark"


# Names of the parameter and the cookie

def test_another_name(web_edges, web):
    edge = web_edges(web.tenants("acme", acme=OPTIONS), files=FILES, server="xr_token_name hdnts;")
    web.put_at("/acme/a.glb", scripted.message(200, BODY))

    for made in (token(), jwt()):
        for served in (ask(edge, f"/a.glb?hdnts={made}"),
                       ask(edge, "/a.glb", {"Cookie": f"hdnts={made}; xr_token=x"})):
            assert served.body == BODY
        for refused in (ask(edge, f"/a.glb?xr_token={made}"),
                        ask(edge, "/a.glb", {"Cookie": f"xr_token={made}"})):
            edge.assert_refused(refused, "token_missing")


# What narrows a grant

@pytest.fixture(scope="module")
def behind(web_edges, web):
    """An edge that trusts 127.0.0.1 to say who asks, and nobody else."""

    edge = web_edges(web.tenants("acme", acme=OPTIONS), files=FILES,
                     server="xr_trusted_proxy 127.0.0.1/32;"
                            " xr_trusted_country CloudFront-Viewer-Country;")
    web.put_at("/acme/a.glb", scripted.message(200, BODY))
    return edge


SHOP = {"Origin": "https://shop.example"}

# data, headers, reason
NARROWED = [
    ("origin:shop.example", SHOP, ""),
    ("origin:shop.example", {"Origin": "http://shop.example:8080"}, ""),
    ("origin:shop.example", {"Origin": "https://SHOP.example"}, ""),
    ("origin:shop.example", {"Referer": "https://shop.example/a/b?c=d"}, ""),
    ("origin:x.example|shop.example", SHOP, ""),
    ("origin:*.example", SHOP, ""),
    ("origin:*.shop.example", {"Origin": "https://a.b.shop.example"}, ""),
    ("origin:*.shop.example", SHOP, "token_embed"),
    ("origin:shop.example", {}, "token_embed"),
    ("origin:shop.example", {"Origin": "null"}, "token_embed"),
    ("origin:shop.example", {"Origin": "https://shop.example.evil.example"}, "token_embed"),
    ("origin:shop.example", {"Origin": "https://evilshop.example"}, "token_embed"),
    ("origin:shop.example", {"Origin": "https://shop.example@evil.example"}, "token_embed"),
    ("origin:shop.example", {"Origin": "https://evil.example/shop.example"}, "token_embed"),
    ("origin:shop.example", {"Referer": "https://evil.example/?https://shop.example"},
     "token_embed"),
    # a script's page is what counts, whatever page had it
    ("origin:shop.example", {"Origin": "https://evil.example",
                             "Referer": "https://shop.example/"}, "token_embed"),

    ("country:DE", {"CloudFront-Viewer-Country": "DE"}, ""),
    ("country:DE|FR", {"CloudFront-Viewer-Country": "fr"}, ""),
    ("country:DE", {"CloudFront-Viewer-Country": "US"}, "token_country"),
    ("country:DE", {"CloudFront-Viewer-Country": "XX"}, "token_country"),
    ("country:DE", {"CloudFront-Viewer-Country": "DE, US"}, "token_country"),
    ("country:DE", {}, "token_country"),

    ("country:DE,origin:shop.example", {**SHOP, "CloudFront-Viewer-Country": "DE"}, ""),
    ("country:DE,origin:shop.example", {**SHOP, "CloudFront-Viewer-Country": "US"},
     "token_country"),
    ("country:DE,origin:shop.example", {"CloudFront-Viewer-Country": "DE"}, "token_embed"),

    # the application's own
    ("", {}, ""), ("payload", {}, ""), ("user:1,plan:gold", {}, ""), ("a b", {}, ""),
    # nearly ours
    ("quality:high,quality:low", {}, "token_claim"),
    ("quality:", {}, "token_claim"),
    ("Origin:shop.example", SHOP, "token_claim"),
    ("origin :shop.example", SHOP, "token_claim"),
    ("country:Germany", {"CloudFront-Viewer-Country": "DE"}, "token_claim"),
    ("country:de", {"CloudFront-Viewer-Country": "DE"}, "token_claim"),
    ("origin:https://shop.example", SHOP, "token_claim"),
    ("origin:*", SHOP, "token_claim"),
]


@pytest.mark.parametrize("data,headers,reason", NARROWED)
def test_narrowed(behind, data, headers, reason):
    for escape in (False, True):
        if not data:
            made = token()
        elif escape:
            made = token(data="".join(c if c.isalnum() else f"%{ord(c):02x}" for c in data))
        elif " " in data:
            continue                        # a request line cannot have it
        else:
            made = token(data=data)

        for carrier in (query, cookie):
            response = ask(behind, *carrier("/a.glb", headers, made))
            if reason:
                behind.assert_refused(response, reason)
            else:
                assert response.body == BODY


def test_a_ceiling_and_a_class(behind):
    for served in (ask(behind, *query("/a.glb", {}, token(data="quality:high,rate:gold,x:y"))),
                   ask(behind, *header("/a.glb", {}, jwt(xr_quality="high", xr_rate="gold")))):
        entry = behind.logged(served)
        assert (served.status, entry["quality"], entry["rate"]) == (200, "high", "gold")


def test_only_a_trusted_proxy_says_who_asks(behind):
    headers = {"CloudFront-Viewer-Country": "DE", "X-Forwarded-For": "192.0.2.7",
               "X-Forwarded-Proto": "https"}
    made = token(data="country:DE", ip="192.0.2.7")

    served = ask(behind, *query("/a.glb", headers, made))
    entry = behind.logged(served)
    assert served.body == BODY
    assert (entry["client"], entry["country"], entry["scheme"]) == ("192.0.2.7", "DE", "https")

    refused = ask(behind, *query("/a.glb", headers, made), source="127.0.0.2")
    entry = behind.logged(refused)
    assert refused.status == 403
    assert (entry["client"], entry["country"], entry["scheme"]) == ("127.0.0.2", "", "http")

    # an address that stands in front of a trusted one is a mere claim of the client
    refused = ask(behind, *query("/a.glb", {**headers, "X-Forwarded-For": "192.0.2.7, 192.0.2.8"},
                                 made))
    behind.assert_refused(refused, "token_address")


# Keys

def test_keys_are_rotated_live_with_an_overlap(web_edges, web):
    location = f"{servers.CACHE} {live.PID}"
    edge = web_edges(web.tenants("acme", acme=OPTIONS), files=FILES, workers=2, location=location)
    web.put_at("/acme/a.glb", scripted.message(200, BODY))

    def target(key):
        return query("/a.glb", {}, edgeauth.token(key, acl="/*"))[0]

    def lines(*keys):
        return "".join(f"{key[:4]} {key}\n" for key in keys)

    old, new = KEY, "77" * 32

    with live.Workers(edge) as workers:
        assert workers.statuses(target(old), host="acme.test") == {200}
        assert workers.statuses(target(new), host="acme.test") == {403}

        edge.replace("acme.keys", lines(new, old))
        workers.wait(200, target(new), host="acme.test")
        assert workers.statuses(target(old), host="acme.test") == {200}

        edge.replace("acme.keys", lines(new))
        workers.wait(403, target(old), host="acme.test")
        assert workers.statuses(target(new), host="acme.test") == {200}

    # another kind's keys are as they were
    assert ask(edge, *header("/a.glb", {}, jwt())).body == BODY


def test_a_key_says_who_used_it(edge, name):
    served = ask(edge, *query(name, {}, token(id="visitor")))
    entry = edge.logged(served)
    assert (entry["key"], entry["subject"]) == ("main", "visitor")

    served = ask(edge, *signed_url(name, {}, cloudfront()))
    entry = edge.logged(served)
    assert (entry["key"], entry["subject"]) == ("K1", "")


# Ways to an object around its own URL

def test_a_redirect_inside_needs_a_credential_for_where_it_leads(web_edges, web):
    edge = web_edges(web.tenants("acme", acme=OPTIONS), files=FILES, server="""
        location /rewrite/ { rewrite ^ /secret/b.glb last; }
        location /error/ { error_page 418 = /secret/b.glb; return 418; }
    """)
    web.put_at("/acme/secret/b.glb", scripted.message(200, BODY))

    for way in ("/rewrite/x", "/error/x"):
        for carrier in (query, path, header, cookie):
            assert ask(edge, *carrier(way, {}, jwt(path="/secret/*"))).body == BODY
            for patterns in (way, "/rewrite/*", "/error/*"):
                response = ask(edge, *carrier(way, {}, jwt(path=patterns)))
                assert (response.status, BODY in response.body) == (403, False)
        assert ask(edge, way).status == 403


def test_remembered_until_it_expires(web_edges, web):
    """Not a second longer than a token that is not remembered."""

    edge = web_edges(web.tenants("acme", acme=f"{OPTIONS} leeway 0s;"), files=FILES)
    web.put_at("/acme/a.glb", scripted.message(200, BODY))
    end = int(time.time()) + 2
    made = jwt(exp=end)

    assert ask(edge, *header("/a.glb", {}, made)).status == 200
    servers.wait_for("its end", lambda: time.time() > end - 1.2)
    while ask(edge, *header("/a.glb", {}, made)).status == 200:
        assert time.time() < end + 1.1
    edge.assert_refused(ask(edge, *header("/a.glb", {}, made)), "token_expired")


@pytest.mark.parametrize("made", [token, jwt, cloudfront])
def test_who_asked_is_logged_after_the_end(web_edges, web, made):
    """A download may outlast its credential, and a log is written when it is over."""

    edge = web_edges(
        web.tenants("acme", acme=f"{OPTIONS} leeway 0s;"), files=FILES,
        http="map $http_x_slow $rate { default 0; yes 20k; }",
        location=f"{servers.CACHE} limit_rate $rate;")
    body = b"m" * 90000
    web.put_at("/acme/a.glb", scripted.message(200, body))

    end = int(time.time()) + 3
    carrier, expected = {
        token: (lambda: query("/a.glb", {}, edgeauth.token(KEY, acl="/*", exp=end, id="alice")),
                ("main", "alice", "")),
        jwt: (lambda: header("/a.glb", {}, credentials.make_jwt(
            "ES256", EC, exp=end, sub="alice", jti="one")), ("main", "alice", "one")),
        cloudfront: (lambda: signed_url("/a.glb", {}, custom(
            policy("*", end), CLOUDFRONT, "K1")), ("K1", "", "")),
    }[made]
    target, headers = carrier()

    assert ask(edge, target, headers).body == body
    served = ask(edge, target, {**headers, "X-Slow": "yes"})
    assert (served.status, served.body == body, served.complete) == (200, True, True)
    assert time.time() > end + 1
    edge.assert_refused(ask(edge, target, headers), "token_expired")

    entry = edge.logged(served)
    assert (entry["auth"], entry["cache"], entry["expires"]) == ("GRANTED", "HIT", str(end))
    assert (entry["key"], entry["subject"], entry["token"]) == expected
