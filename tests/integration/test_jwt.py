# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""JSON Web Tokens: those that good signers make, and those that none should."""

import hashlib
import json
import subprocess
import time

import pytest

import credentials
import scripted
import servers
from credentials import b64, compact, es256, hs256, jwk, jwks, make_jwt, rs256, secret

BODY = b"a model" * 1000

RSA = credentials.rsa_key()
EC = credentials.ec_key()
STRICT_KEY = credentials.ec_key("strict")

KEYS = {
    "HS256": secret(), "HS384": secret("384"), "HS512": secret("512"),
    "RS256": RSA, "RS384": credentials.rsa_key("384"), "RS512": credentials.rsa_key("512"),
    "ES256": EC, "ES384": credentials.ec_key(curve="P-384"),
    "ES512": credentials.ec_key(curve="P-521"),
}

SET = jwks(*(jwk(key, kid=alg.lower(), alg=alg) for alg, key in KEYS.items()))


def good(alg="ES256", **claims):
    """A token that is valid at tenant "acme"."""

    return make_jwt(alg, KEYS[alg], alg.lower(), **claims)


def bearer(path, token):
    return path, {"Authorization": f"Bearer {token}"}


def query(path, token):
    return f"{path}?xr_token={token}", {}


def path_raw(path, token):
    return f"/~{token}{path}", {}


def path_encoded(path, token):
    return f"/~{b64(token)}{path}", {}


def cookie(path, token):
    return path, {"Cookie": f"lang=de; xr_token={token}; theme=dark"}


CARRIERS = [bearer, query, path_raw, path_encoded, cookie]


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return web_edges(
        web.tenants(
            "acme", "strict", "other",
            acme="host acme.test www.acme.test; jwks acme.jwks;",
            strict="jwks strict.jwks; leeway 0s; max_lifetime 1d;"
                   " issuer https://id.test https://id2.test; audience assets models;",
            other="jwks other.jwks;"),
        files={"acme.jwks": SET,
               "strict.jwks": jwks(jwk(STRICT_KEY, kid="strict")),
               "other.jwks": jwks(jwk(credentials.ec_key("other"), kid="es256"))},
        http="xr_auth_fail_limit off;",
        location=servers.CACHE + "add_header X-Claims '$xr_claim_plan/$xr_claim_seats/$xr_claim_vip"
        "/$xr_claim_list/$xr_claim_none' always;")


@pytest.fixture(scope="module")
def path(edge, web):
    """An object that is in the edge's cache: refusals must not depend on it."""

    path = web.put(scripted.message(200, BODY))
    assert edge.fetch(path).body == BODY
    return path


def get(edge, carrier, path, token, **options):
    target, headers = carrier(path, token)
    return edge.get(target, headers=headers, **options)


# What is accepted

@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("alg", KEYS)
def test_every_algorithm_by_every_carrier(edge, path, alg, carrier):
    token = good(alg, sub=f"someone with {alg}", jti="one")

    # the second time it is remembered
    for _ in range(2):
        response = get(edge, carrier, path, token)
        entry = edge.logged(response)

        assert (response.status, response.body == BODY) == (200, True), entry
        assert (entry["kind"], entry["auth"], entry["key"]) == ("jwt", "GRANTED", alg.lower())
        assert (entry["subject"], entry["token"]) == (f"someone with {alg}", "one")


@pytest.mark.parametrize("alg", KEYS)
def test_without_a_kid(edge, path, alg):
    assert get(edge, bearer, path, make_jwt(alg, KEYS[alg])).status == 200


@pytest.mark.parametrize("value", ["bearer {}", "BEARER {}", "Bearer  {}"])
def test_the_scheme_is_in_any_case(edge, path, value):
    response = edge.get(path, headers={"Authorization": value.format(good())})
    assert response.status == 200


def test_head_and_host(edge, web):
    path = web.put(scripted.message(200, BODY))
    token = good(path=path.removeprefix("/acme"))

    for host in ("acme.test", "www.acme.test:8080"):
        for method in ("HEAD", "GET"):
            response = get(edge, bearer, path.removeprefix("/acme"), token, host=host,
                           method=method)
            assert response.status == 200

    assert get(edge, bearer, path, token).status == 403


SIGN_WITH_JOSE = """
const { SignJWT, importPKCS8 } = require('jose')
const { createSecretKey } = require('node:crypto')

async function main() {
    for (const [alg, key, claims] of JSON.parse(process.argv[1])) {
        const imported = alg.startsWith('HS') ? createSecretKey(Buffer.from(key, 'hex'))
                                              : await importPKCS8(key, alg)
        const jwt = new SignJWT(claims).setProtectedHeader({ alg, kid: alg.toLowerCase() })
        console.log(await jwt.setIssuedAt().setSubject('é "ü"').setExpirationTime('1h')
                             .setAudience(['x', 'acme']).sign(imported))
    }
}

main()
"""


def test_jose_is_understood(edge, path, npm):
    wishes = [(alg, key.hex() if isinstance(key, bytes) else credentials.private_pem(key),
               {"path": [path, "/nothing/*"], "plan": "gold\u00e9"}) for alg, key in KEYS.items()]
    out = subprocess.run(["node", "-e", SIGN_WITH_JOSE, json.dumps(wishes)], cwd=npm,
                         capture_output=True, text=True, check=True, timeout=60).stdout
    tokens = out.split()
    assert len(tokens) == len(KEYS)

    for token in tokens:
        for carrier in CARRIERS:
            response = get(edge, carrier, path, token)
            assert response.status == 200
        assert edge.logged(response)["subject"] == 'é "ü"'


# Carriers

SWITCHES = {"query": [query], "path": [path_raw, path_encoded], "header": [bearer],
            "cookie": [cookie]}


@pytest.fixture(scope="module")
def switched(web_edges, web):
    """One location for each carrier that is left out, and one for each alone."""

    locations = [(f"without-{name}", [n for n in SWITCHES if n != name]) for name in SWITCHES]
    locations += [(f"only-{name}", [name]) for name in SWITCHES]

    return web_edges(
        {"acme": f"origin {web.url}/acme; host acme.test; jwks acme.jwks;"},
        files={"acme.jwks": SET},
        server="".join(f"location /{name}/ {{ xr on; xr_token_from {' '.join(taken)};"
                       f" {servers.CACHE} }}\n" for name, taken in locations)), dict(locations)


@pytest.mark.parametrize("place", [f"{how}-{name}" for how in ("without", "only")
                                   for name in SWITCHES])
def test_carriers_are_switched(switched, web, place):
    edge, locations = switched
    path = web.put(scripted.message(200, BODY), folder=f"{place}/").removeprefix("/acme")
    token = good()

    for name, carriers in SWITCHES.items():
        for carrier in carriers:
            response = get(edge, carrier, path, token, host="acme.test")

            if name in locations[place]:
                assert response.body == BODY
            else:
                edge.assert_refused(response, "token_missing")

    assert edge.files_with(token[-40:]) == []


# Claims: values that are functions depend on the path, or on when the test runs

def later(seconds):
    return lambda path: int(time.time()) + seconds


def uri(url, algorithm="sha256"):
    """What URI signing has instead of a path: a digest of all of it."""

    def container(path):
        digest = hashlib.new(algorithm, url.format(path=path).encode()).digest()
        return f"hash:sha-{algorithm[3:]};{b64(digest)}"

    return container


ACCEPTED = {
    "no claim but exp": {},
    "times of 0 are not stated": {"nbf": 0, "iat": 0},
    "times within the leeway": {"nbf": later(15), "iat": later(15), "exp": later(-2)},
    "exp far away": {"exp": later(9 * 365 * 86400)},
    "any issuer": {"iss": "https://anybody.test"},
    "audience is the tenant": {"aud": "acme"},
    "audience is a host": {"aud": ["www.acme.test"]},
    "audience among others": {"aud": ["x", "acme.test", "y"]},
    "path": {"path": str},
    "path with a star": {"path": "/acme/*"},
    "one of the paths": {"path": ["/x/*", "/acme/*.glb"]},
    "version of URI signing": {"cdniv": 1},
    "own address": {"cdniip": "127.0.0.1"},
    "own network": {"cdniip": "127.0.0.0/8"},
    "own network as IPv6": {"cdniip": "::ffff:127.0.0.0/104"},
    "critical claim that is there": {"path": "/acme/*", "cdnicrit": "path"},
    "two critical claims": {"path": "/acme/*", "xr_quality": "low",
                            "cdnicrit": "path,xr_quality"},
    "URI by https": {"cdniuc": uri("https://edge.test{path}")},
    "URI by http": {"cdniuc": uri("http://edge.test{path}")},
    "URI by a host of the tenant": {"cdniuc": uri("https://www.acme.test{path}")},
    "URI with SHA-512": {"cdniuc": uri("https://edge.test{path}", "sha512")},
    "no renewal": {"cdnistt": 0, "cdniets": 30},
    "unknown claims": {"roles": {"a": [1, 2, {"b": None}]}, "admin": True},
    "unused constraints": {"xr_quality": "high", "xr_rate": "gold"},
}

# reason, claims
REFUSED = {
    "expired": ("token_expired", {"exp": later(-100)}),
    "exp is centuries away": ("token_lifetime", {"exp": 10 ** 10}),
    "exp of 0": ("token_claim", {"exp": 0}),
    "no exp": ("token_claim", {"exp": None}),
    "exp is text": ("token_claim", {"exp": "soon"}),
    "exp is a list": ("token_claim", {"exp": [10 ** 10]}),
    "exp is true": ("token_claim", {"exp": True}),
    "exp as text": ("token_claim", {"exp": "9999999999"}),
    "exp is negative": ("token_claim", {"exp": -10 ** 10}),
    "exp is beyond a number": ("token_claim", {"exp": 10 ** 30}),
    "not yet": ("token_early", {"nbf": later(1000)}),
    "nbf is text": ("token_claim", {"nbf": "now"}),
    "issued in the future": ("token_early", {"iat": later(1000)}),
    "iat is text": ("token_claim", {"iat": "now"}),
    "iss is a number": ("token_claim", {"iss": 7}),
    "sub is a number": ("token_claim", {"sub": 7}),
    "sub is too long": ("token_claim", {"sub": "s" * 257}),
    "sub with a control character": ("token_claim", {"sub": "a\r\nX-Admin: 1"}),
    "jti with a control character": ("token_claim", {"jti": "\u0000"}),
    "another audience": ("token_audience", {"aud": "shop"}),
    "no audience at all": ("token_audience", {"aud": []}),
    "audience of another tenant": ("token_audience", {"aud": ["other", "strict"]}),
    "audience is like the tenant": ("token_audience", {"aud": "ACME"}),
    "audience is a number": ("token_claim", {"aud": 1}),
    "audience has a number": ("token_claim", {"aud": ["acme", 1]}),
    "another path": ("token_scope", {"path": "/acme/other.glb"}),
    "path is no prefix": ("token_scope", {"path": "/acme/"}),
    "none of the paths": ("token_scope", {"path": ["/x/*", "/y/*"]}),
    "no path at all": ("token_scope", {"path": []}),
    "empty path": ("token_claim", {"path": ""}),
    "path is a number": ("token_claim", {"path": 1}),
    "paths have a number": ("token_claim", {"path": ["/acme/*", 1]}),
    "too many paths": ("token_claim", {"path": ["/acme/*"] * 17}),
    "version of URI signing": ("token_claim", {"cdniv": 2}),
    "version as text": ("token_claim", {"cdniv": "1"}),
    "another address": ("token_address", {"cdniip": "192.0.2.1"}),
    "another network": ("token_address", {"cdniip": "10.0.0.0/8"}),
    "encrypted address": ("token_claim", {"cdniip": "eyJhbGciOiJkaXIifQ..a.b.c"}),
    "unknown critical claim": ("token_claim", {"cdnicrit": "admin", "admin": 1}),
    "critical claim that is not there": ("token_claim", {"cdnicrit": "path"}),
    "one critical claim of two": ("token_claim", {"cdnicrit": "path,x", "path": "/*"}),
    "critical claims as a list": ("token_claim", {"cdnicrit": ["path"], "path": "/*"}),
    "another URI": ("token_scope", {"cdniuc": uri("https://edge.test/acme/x.glb")}),
    "URI of another host": ("token_scope", {"cdniuc": uri("https://evil.test{path}")}),
    "URI by a pattern": ("token_claim", {"cdniuc": "regex:.*"}),
    "URI by an unknown hash": ("token_claim", {"cdniuc": "hash:md5;AAAA"}),
    "URI with a short digest": ("token_claim", {"cdniuc": "hash:sha-256;AAAA"}),
    "renewal": ("token_claim", {"cdnistt": 1, "cdniets": 30}),
    "unclear renewal": ("token_claim", {"cdniets": 30}),
    "page that is not known": ("token_embed", {"xr_origin": "shop.example"}),
    "country that is not known": ("token_country", {"xr_country": "DE"}),
    "constraint of a wrong type": ("token_claim", {"xr_quality": 1}),
    "empty constraint": ("token_claim", {"xr_origin": ""}),
    "country in another case": ("token_claim", {"xr_country": "de"}),
}


def claims_for(path, claims):
    return {name: value(path) if callable(value) else value for name, value in claims.items()}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(edge, path, name):
    response = get(edge, bearer, path, good(**claims_for(path, ACCEPTED[name])))
    assert response.status == 200, edge.logged(response)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(edge, path, name):
    reason, claims = REFUSED[name]
    token = good(**claims_for(path, claims))

    # the signature is remembered, the refusal is not
    for method in ("GET", "HEAD", "GET"):
        edge.assert_refused(get(edge, bearer, path, token, method=method), reason)


def test_a_page_and_a_country(web_edges, web):
    """Constraints have the same meaning as those of an EdgeAuth token's data."""

    edge = web_edges(web.tenants("acme", acme="jwks acme.jwks;"), files={"acme.jwks": SET},
                     server="xr_trusted_proxy 127.0.0.1;"
                            " xr_trusted_country CloudFront-Viewer-Country;")
    path = web.put(scripted.message(200, BODY))
    token = good(xr_origin="shop.example|*.acme.example", xr_country="DE|FR", xr_quality="high",
                 xr_rate="gold")

    def ask(country, **headers):
        return get(edge, query, path, token) if country is None else edge.get(
            query(path, token)[0], headers={"CloudFront-Viewer-Country": country, **headers})

    served = ask("FR", Origin="https://www.acme.example")
    entry = edge.logged(served)
    assert (served.status, entry["quality"], entry["rate"]) == (200, "high", "gold")
    assert ask("DE", Referer="https://shop.example/a?b").status == 200

    # and not because it was remembered
    edge.assert_refused(ask("US", Origin="https://shop.example"), "token_country")
    edge.assert_refused(ask("DE", Origin="https://evil.example"), "token_embed")
    edge.assert_refused(ask("DE"), "token_embed")


QUERY_KEYS = {"plain": credentials.ec_key("plain"), "signed": credentials.ec_key("signed")}


@pytest.fixture(scope="module")
def queried(web_edges, web):
    """A tenant to which names of CloudFront's are its own, and one to which they are not."""

    return web_edges(
        web.tenants("plain", "signed", plain="jwks plain.jwks;",
                    signed="jwks signed.jwks; cloudfront_key K1 cloudfront.pem;"),
        files={"cloudfront.pem": credentials.pem(credentials.rsa_key("cloudfront")),
               **{f"{name}.jwks": jwks(jwk(key)) for name, key in QUERY_KEYS.items()}})


@pytest.mark.parametrize("tenant", QUERY_KEYS)
def test_a_uri_covers_its_query(queried, web, tenant):
    """All of it but the token, in the order that it was sent in."""

    path = web.put(scripted.message(200, BODY), tenant=tenant)

    def made(query):
        url = f"http://edge.test{path}{query}"
        return make_jwt("ES256", QUERY_KEYS[tenant], cdniuc=uri(url)(path))

    def ask(query, token):
        """By the header, and by the query in front of the rest, and behind it."""

        last = f"{query}&" if query else "?"
        first = f"?xr_token={token}" + (f"&{query[1:]}" if query else "")

        return [queried.get(f"{path}{query}", headers={"Authorization": f"Bearer {token}"}),
                queried.get(f"{path}{last}xr_token={token}"), queried.get(f"{path}{first}")]

    queries = ["", "?v=1", "?v=2", "?v=1&w=2", "?w=2&v=1", "?V=1", "?v=1&v=1", "?v=%32", "?v"]

    for signed in ("", "?v=1", "?v=1&w=2"):
        token = made(signed)

        # once more: nothing of it may be remembered for another query
        for query in queries * 2:
            for response in ask(query, token):
                if query == signed:
                    assert (response.status, response.body == BODY) == (200, True), query
                else:
                    queried.assert_refused(response, "token_scope")

    # RFC 9246 has URIs compared in their normal form
    assert {response.status for response in ask("?v=%31&w=2", token)} == {200}


def test_claims_are_variables(edge, path):
    token = good(plan="gold", seats=3, vip=True, list=[1])
    assert get(edge, bearer, path, token)["x-claims"] == "gold/3/true//"
    assert get(edge, bearer, path, token)["x-claims"] == "gold/3/true//"

    # a claim cannot start a header
    for plan in ("a\r\nX-Evil: 1", "a\nb", "\u0000", "p" * 1025, None, {"a": 1}):
        response = get(edge, bearer, path, good(plan=plan, n=1))
        assert (response.status, response["x-claims"]) == (200, "////")

    # and nobody has any before the signature is known to be good
    refused = get(edge, bearer, path, make_jwt("ES256", credentials.ec_key("x"), "es256",
                                               plan="gold"))
    assert (refused.status, refused["x-claims"]) == (403, "////")


def test_the_same_token_at_other_places(edge, path):
    """Each judgement is remembered for what it was about, not for the token."""

    token = good(path=path, cdniip="127.0.0.1")

    assert get(edge, bearer, path, token).status == 200
    for other in (f"{path}x", path.replace(".glb", ".bin"), f"{path}/", "/acme/"):
        edge.assert_refused(get(edge, bearer, other, token), "token_scope")
    edge.assert_refused(get(edge, bearer, path, token, source="127.0.0.2"), "token_address")
    assert get(edge, bearer, path, token).status == 200


# Tenants that ask for more

STRICT = {
    "all that is asked for": (None, {}),
    "the other names": (None, {"iss": "https://id2.test", "aud": ["x", "models"]}),
    "no issuer": ("token_issuer", {"iss": None}),
    "another issuer": ("token_issuer", {"iss": "https://id.test.evil"}),
    "issuer with a slash": ("token_issuer", {"iss": "https://id.test/"}),
    "no audience": ("token_audience", {"aud": None}),
    "the tenant as audience": ("token_audience", {"aud": "strict"}),
    "too long": ("token_lifetime", {"exp": later(2 * 86400)}),
    "no leeway": ("token_expired", {"exp": later(-2)}),
}


@pytest.mark.parametrize("name", STRICT)
def test_strict_tenant(edge, web, name):
    path = web.put(scripted.message(200, BODY), tenant="strict")
    reason, claims = STRICT[name]
    claims = {"iss": "https://id.test", "aud": "assets", **claims_for(path, claims)}
    response = get(edge, bearer, path, make_jwt("ES256", STRICT_KEY, "strict", **claims))

    if reason:
        edge.assert_refused(response, reason)
    else:
        assert response.status == 200


def test_another_tenant_with_the_same_kid(edge, web):
    path = web.put(scripted.message(200, BODY), tenant="other")
    own = make_jwt("ES256", credentials.ec_key("other"), "es256")

    assert get(edge, bearer, path, own).body == BODY
    edge.assert_refused(get(edge, bearer, path, good()), "token_signature")
    edge.assert_refused(get(edge, bearer, path.replace("other", "acme", 1), own),
                        "token_signature")


# What no signer makes

FAR = {"exp": int(time.time()) + 3600}
PUBLIC_PEM = credentials.pem(RSA).encode()


def nothing(message):
    return b""


def header(**members):
    return {"alg": "ES256", "kid": "es256", **members}


HOSTILE = {
    # algorithm confusion: the public key as the secret of a MAC
    "confused RS256": ("token_algorithm", compact(
        {"alg": "HS256", "kid": "rs256"}, FAR, hs256(PUBLIC_PEM))),
    "confused ES256": ("token_algorithm", compact(
        {"alg": "HS256", "kid": "es256"}, FAR, hs256(credentials.pem(EC).encode()))),
    "confused without kid": ("token_signature", compact({"alg": "HS256"}, FAR,
                                                        hs256(PUBLIC_PEM))),
    "a key of another algorithm": ("token_algorithm", compact(
        {"alg": "RS256", "kid": "rs384"}, FAR, rs256(KEYS["RS384"]))),
    "a key of another type": ("token_algorithm", compact(
        {"alg": "ES256", "kid": "hs256"}, FAR, es256(EC))),

    "none": ("token_algorithm", compact({"alg": "none"}, FAR, nothing)),
    "none with a kid": ("token_algorithm", compact({"alg": "none", "kid": "hs256"}, FAR, nothing)),
    "nOnE": ("token_algorithm", compact({"alg": "nOnE"}, FAR, nothing)),
    "none with a signature": ("token_algorithm", compact({"alg": "none"}, FAR, hs256(secret()))),
    "empty algorithm": ("token_algorithm", compact({"alg": ""}, FAR, es256(EC))),
    "algorithm in another case": ("token_algorithm", compact(header(alg="es256"), FAR,
                                                             es256(EC))),
    "algorithm with a space": ("token_algorithm", compact(header(alg="ES256 "), FAR, es256(EC))),
    "unknown algorithm": ("token_algorithm", compact(header(alg="XX999"), FAR, es256(EC))),
    "PS256, which libjwt 1.10 has not": ("token_algorithm", compact(
        {"alg": "PS256", "kid": "rs256"}, FAR, rs256(RSA))),
    "no algorithm": ("token_malformed", compact({"kid": "es256"}, FAR, es256(EC))),
    "algorithm is a number": ("token_malformed", compact(header(alg=1), FAR, es256(EC))),
    "algorithm twice": ("token_malformed", compact(
        '{"alg":"none","alg":"ES256","kid":"es256"}', FAR, es256(EC))),
    "algorithm twice, once escaped": ("token_malformed", compact(
        '{"alg":"ES256","\\u0061lg":"none","kid":"es256"}', FAR, es256(EC))),

    "unknown kid": ("token_key", compact(header(kid="nobody"), FAR, es256(EC))),
    "kid in another case": ("token_key", compact(header(kid="ES256"), FAR, es256(EC))),
    "empty kid": ("token_key", compact(header(kid=""), FAR, es256(EC))),
    "kid with a NUL": ("token_malformed", compact(header(kid="es256\0"), FAR, es256(EC))),
    "kid is a path": ("token_key", compact(header(kid="../../../../dev/null"), FAR, es256(EC))),
    "kid is SQL": ("token_key", compact(header(kid="' OR '1'='1"), FAR, es256(EC))),
    "kid is a line of a log": ("token_malformed", compact(header(kid="a\nb"), FAR, es256(EC))),
    "kid is long": ("token_malformed", compact(header(kid="k" * 257), FAR, es256(EC))),
    "kid is a number": ("token_malformed", compact(header(kid=1), FAR, es256(EC))),

    "crit": ("token_malformed", compact(header(crit=["exp"], exp=1), FAR, es256(EC))),
    "empty crit": ("token_malformed", compact(header(crit=[]), FAR, es256(EC))),
    "b64": ("token_malformed", compact(header(b64=False, crit=["b64"]), FAR, es256(EC))),
    "zip": ("token_malformed", compact(header(zip="DEF"), FAR, es256(EC))),
    "enc": ("token_malformed", compact(header(enc="A256GCM"), FAR, es256(EC))),
    "nested": ("token_malformed", compact(header(cty="JWT"), FAR, es256(EC))),
    "long header": ("token_malformed", compact(header(x="x" * 1100), FAR, es256(EC))),
    "deep header": ("token_malformed", compact(
        '{"alg":"ES256","x":%s}' % ("[" * 9 + "]" * 9), FAR, es256(EC))),

    # whose key would that be?
    "jwk": ("token_signature", compact(
        header(jwk=jwk(credentials.ec_key("evil"))), FAR, es256(credentials.ec_key("evil")))),
    "jku": ("token_key", compact(
        {"alg": "ES256", "kid": "evil", "jku": "http://127.0.0.1:9/"}, FAR,
        es256(credentials.ec_key("evil")))),

    "payload is a list": ("token_malformed", compact(header(), [1], es256(EC))),
    "payload is no JSON": ("token_malformed", compact(header(), "exp=1", es256(EC))),
    "payload is empty": ("token_malformed", compact(header(), {}, es256(EC)).replace(
        b64("{}"), "")),
    "a claim twice": ("token_malformed", compact(
        header(), '{"exp":1,"exp":9999999999}', es256(EC))),
    "a claim twice, once escaped": ("token_malformed", compact(
        header(), '{"exp":1,"e\\u0078p":9999999999}', es256(EC))),
    "exp of another name": ("token_claim", compact(header(), {"EXP": 9999999999}, es256(EC))),
    "exp with an exponent": ("token_claim", compact(header(), '{"exp":1e99}', es256(EC))),
    "exp is no number": ("token_malformed", compact(header(), '{"exp":NaN}', es256(EC))),
    "too many claims": ("token_malformed", compact(
        header(), {**FAR, **{f"c{n}": n for n in range(70)}}, es256(EC))),
    "deep payload": ("token_malformed", compact(
        header(), '{"exp":9999999999,"x":%s}' % ("[" * 99 + "]" * 99), es256(EC))),
    "text that is no UTF-8": ("token_malformed", compact(
        header(), b'{"exp":9999999999,"sub":"\xff"}', es256(EC))),
    "half of a surrogate": ("token_malformed", compact(
        header(), '{"exp":9999999999,"sub":"\\ud800"}', es256(EC))),

    "no signature": ("token_malformed", compact(header(), FAR, nothing)),
    "short signature": ("token_signature", compact(header(), FAR, lambda m: es256(EC)(m)[:63])),
    "long signature": ("token_signature", compact(header(), FAR, lambda m: es256(EC)(m) + b"\0")),
    "signature of zeros": ("token_signature", compact(header(), FAR, lambda m: bytes(64))),
    "short MAC": ("token_signature", compact(
        {"alg": "HS256", "kid": "hs256"}, FAR, lambda m: hs256(secret())(m)[:31])),
    "signature in DER": ("token_signature", compact(
        header(), FAR, lambda m: credentials.cloudfront_sign(EC, m))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(edge, path, name):
    reason, token = HOSTILE[name]

    for _ in range(2):
        edge.assert_refused(get(edge, bearer, path, token), reason)
        assert edge.files_with(token[-40:]) == []


def test_the_helper_makes_good_tokens(edge, path):
    """Otherwise the hostile ones would be refused for the wrong reason."""

    assert get(edge, bearer, path, compact(header(), FAR, es256(EC))).status == 200
    assert get(edge, bearer, path, compact(header(jwk={}, jku="x", x5u="x", x5c=[], typ="x"),
                                           FAR, es256(EC))).status == 200
    assert get(edge, bearer, path, compact({"alg": "HS256"}, FAR, hs256(secret()))).status == 200


@pytest.mark.parametrize("carrier", CARRIERS)
def test_encoded_otherwise(edge, path, carrier):
    """A token has one spelling: RFC 7515 knows neither padding nor spare bits."""

    token = good("HS256")
    head, payload, signature = token.split(".")
    spare = signature[:-1] + chr(ord(signature[-1]) + 1)

    for other in (f"{head}.{payload}.{signature}=", f"{head}.{payload}.{spare}",
                  f"{head}.{payload}={signature}", f"{head}.{payload}", f"{token}.{signature}",
                  f"{head}..{signature}", f".{payload}.{signature}", token.replace(".", "..")):
        response = get(edge, carrier, path, other)
        assert response.status in (400, 403), other


def test_a_token_of_each_length(edge, path):
    token = good(x="y" * 6000)
    assert get(edge, bearer, path, token, ).status in (200, 400)

    for size in (8193, 9000, 30000):
        response = get(edge, bearer, path, good() + "A" * size)
        assert response.status in (400, 403, 414)


# With NGINX's own limits

def test_limits_count_by_subject(web_edges, web):
    """The variables are there when limit_req runs: each subject has its own share."""

    edge = web_edges(
        web.tenants("acme", acme="jwks acme.jwks;"), files={"acme.jwks": SET},
        http="limit_req_zone $xr_tenant:$xr_subject zone=by_subject:1m rate=1r/m;",
        location=servers.CACHE + "limit_req zone=by_subject burst=2 nodelay;"
        " limit_req_status 429;")
    path = web.put(scripted.message(200, BODY))

    for subject in ("alice", "bob"):
        # tokens differ, and carriers: it is the same subject
        statuses = [get(edge, carrier, path, good(alg, sub=subject)).status
                    for alg, carrier in (("HS256", bearer), ("ES256", query), ("RS256", cookie),
                                         ("HS256", path_raw), ("ES256", bearer))]
        assert statuses == [200, 200, 200, 429, 429]

    # what is refused has no share of anybody's
    refused = [get(edge, bearer, path, make_jwt("HS256", secret("x"), "hs256", sub="carol")).status
               for _ in range(5)]
    assert refused == [403] * 5
    assert get(edge, bearer, path, good(sub="carol")).status == 200
