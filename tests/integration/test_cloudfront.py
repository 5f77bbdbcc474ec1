# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""CloudFront's signed URLs and cookies, as its signers make them."""

import datetime
import json
import random
import re
import subprocess
import time
import urllib.parse

import botocore.signers
import pytest
from cryptography.hazmat.primitives import hashes

import credentials
import live
import scripted
import servers
from credentials import canned, cookies, custom, policy, target_of, with_query

BODY = b"a model" * 1000

CDN = "https://cdn.acme.test"
RSA, EC = credentials.rsa_key("cloudfront"), credentials.ec_key("cloudfront")
KEYS = {"K1RSA": RSA, "K2EC": EC}
OLD_RSA, OLD_EC = credentials.rsa_key("old"), credentials.ec_key("old")

OPTIONS = ("host acme.test; cloudfront_key K1RSA rsa.pem; cloudfront_key K2EC ec.pem;"
           " cloudfront_hosts cdn.acme.test d1.cloudfront.net; jwks jwks;")
FILES = {"rsa.pem": credentials.pem(RSA), "ec.pem": credentials.pem(EC),
         "jwks": credentials.jwks(credentials.jwk(credentials.secret(), alg="HS256"))}


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return web_edges(
        web.tenants("acme", "old", acme=OPTIONS,
                    old="host old.test; cloudfront_key K1RSA old-rsa.pem;"
                        " cloudfront_key K2EC old-ec.pem; cloudfront_sha1 on;"),
        files={**FILES, "old-rsa.pem": credentials.pem(OLD_RSA),
               "old-ec.pem": credentials.pem(OLD_EC)},
        http="xr_auth_fail_limit off;",
        server="location /cookies/ { xr on; xr_token_from cookie; }"
               " location /urls/ { xr on; xr_token_from query; }")


@pytest.fixture(scope="module")
def names(edge, web):
    """Objects that are in the edge's cache: refusals must not depend on it."""

    names = ["/models/a.glb", "/models/a%20b+c.glb", "/models/deep/er/b.glb", "/secret.json"]

    for name in names:
        for tenant in ("acme", "old"):
            web.put_at(f"/{tenant}{name.replace('+', '%2B')}", scripted.message(200, BODY))
        response = ask(edge, with_query(name, canned(CDN + name, RSA, "K1RSA")))
        assert response.body == BODY

    return names


def ask(edge, target, host="acme.test", **options):
    return edge.get(target, host=host, **options)


def assert_served(edge, response):
    entry = edge.logged(response)
    assert (response.status, response.body == BODY) == (200, True), entry
    assert (entry["kind"], entry["auth"]) == ("cloudfront", "GRANTED")


def in_an_hour():
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)


# The public signers

@pytest.mark.parametrize("key_id", KEYS)
def test_boto_is_understood(edge, names, key_id):
    signer = botocore.signers.CloudFrontSigner(
        key_id, lambda message: credentials.cloudfront_sign(KEYS[key_id], message))

    for name in names:
        for query in ("", "?size=1&lang=de"):
            signed = [signer.generate_presigned_url(CDN + name + query, in_an_hour())]

            for resource in (CDN + name + query, f"{CDN}/*", "http*://*.acme.test/*"):
                text = signer.build_policy(
                    resource, in_an_hour(), date_greater_than=in_an_hour()
                    - datetime.timedelta(hours=2), ip_address="127.0.0.0/8")
                signed.append(signer.generate_presigned_url(CDN + name + query, policy=text))

            for url in signed:
                target = target_of(url) + "&Hash-Algorithm=SHA256"
                assert_served(edge, ask(edge, target))
                assert_served(edge, ask(edge, target))


SIGN_WITH_NPM = """
const { getSignedUrl, getSignedCookies } = require('@aws-sdk/cloudfront-signer')

console.log(JSON.stringify(JSON.parse(process.argv[1]).map((options) =>
    [getSignedUrl(options), getSignedCookies(options)])))
"""


def test_npm_is_understood(edge, names, npm):
    base = {"dateLessThan": in_an_hour().isoformat(), "algorithm": "SHA256"}
    variants = [{}, {"dateGreaterThan": "2020-01-01"}, {"ipAddress": "127.0.0.1"},
                {"ipAddress": "127.0.0.1/8", "dateGreaterThan": "2020-01-01"}]
    wishes = [{**base, **variant, "url": CDN + name + query, "keyPairId": key_id,
               "privateKey": credentials.private_pem(key)}
              for key_id, key in KEYS.items() for name in (names[0], names[2])
              for query in ("", "?size=1") for variant in variants]
    wishes += [{"algorithm": "SHA256", "url": f"{CDN}{names[1].replace('+', '%2B')}",
                "keyPairId": "K1RSA", "privateKey": credentials.private_pem(RSA),
                "policy": policy(f"{CDN}/models/*")}]

    out = subprocess.run(["node", "-e", SIGN_WITH_NPM, json.dumps(wishes)], cwd=npm,
                         capture_output=True, text=True, check=True, timeout=60).stdout

    for wish, (url, jar) in zip(wishes, json.loads(out)):
        assert_served(edge, ask(edge, target_of(url))), wish
        header = "; ".join(f"{name}={value}" for name, value in jar.items())
        assert_served(edge, ask(edge, target_of(wish["url"]), headers={"Cookie": header}))


def test_npm_with_sha1(edge, names, npm):
    """Where it is said nothing of the hash, it is SHA-1: for tenants that allow it."""

    wishes = [{"dateLessThan": in_an_hour().isoformat(), "url": f"https://{host}{names[0]}",
               "keyPairId": "K1RSA", "privateKey": credentials.private_pem(key)}
              for host, key in (("old.test", OLD_RSA), ("acme.test", RSA))]
    out = subprocess.run(["node", "-e", SIGN_WITH_NPM, json.dumps(wishes)], cwd=npm,
                         capture_output=True, text=True, check=True, timeout=60).stdout
    (allowed, _), (refused, _) = json.loads(out)

    assert_served(edge, ask(edge, target_of(allowed), "old.test"))
    edge.assert_refused(ask(edge, target_of(refused)), "token_algorithm")


# Our own, made from the description alone

@pytest.mark.parametrize("key_id", KEYS)
@pytest.mark.parametrize("origin", [CDN, "http://cdn.acme.test", "https://acme.test",
                                    "http://acme.test", "https://d1.cloudfront.net"])
def test_canned(edge, names, origin, key_id):
    """Signed for the name of the CDN, or for our own, of either scheme."""

    for name in names:
        signed = canned(origin + name, KEYS[key_id], key_id)

        assert_served(edge, ask(edge, with_query(name, signed)))
        assert_served(edge, ask(edge, name, headers={"Cookie": cookies(signed)}))

        entry = edge.logged(ask(edge, with_query(name, signed), "ACME.test:8443"))
        assert (entry["key"], entry["expires"]) == (key_id, signed["Expires"])


@pytest.mark.parametrize("origin", ["https://acme.test:8443", "https://evil.test",
                                    "https://ACME.test", "ftp://acme.test", "https://acme.test.",
                                    "", "*://acme.test"])
def test_canned_for_another_host(edge, names, origin):
    signed = canned(origin + names[0], RSA, "K1RSA")
    edge.assert_refused(ask(edge, with_query(names[0], signed)), "token_signature")


def test_canned_is_for_one_url(edge, names):
    name, other = names[0], names[2]
    signed = canned(CDN + name, RSA, "K1RSA")

    for target in (other, f"{name}x", name.upper(), "/", f"{name}?size=1", f"{name}?x",
                   f"{name}?Size=1&size=2"):
        edge.assert_refused(ask(edge, with_query(target, signed)), "token_signature")
    assert_served(edge, ask(edge, with_query(name, signed)))


# resource, target, whether it covers it
RESOURCES = [
    (f"{CDN}/models/*", "/models/a.glb", True),
    (f"{CDN}/models/*", "/models/deep/er/b.glb", True),
    (f"{CDN}/*", "/models/a%20b+c.glb", True),
    (f"{CDN}/models/a%20b+c.glb", "/models/a%20b+c.glb", True),
    (f"{CDN}/*.glb", "/models/a.glb", True),
    (f"{CDN}/models/?.glb", "/models/a.glb", True),
    (f"{CDN}/m*/a.*", "/models/a.glb", True),
    ("http://acme.test/models/*", "/models/a.glb", True),
    ("http*://acme.test/models/*", "/models/a.glb", True),
    ("*://d1.cloudfront.net/*", "/models/a.glb", True),
    ("https://*.test/*", "/models/a.glb", True),
    ("*", "/models/a.glb", True),
    ("/models/*", "/models/a.glb", True),
    ("/*", "/models/a.glb", True),
    (f"{CDN}/models/*", "/models/a.glb?size=1", True),
    (f"{CDN}/models/a.glb?size=1", "/models/a.glb?size=1", True),
    (f"{CDN}/models/a.glb?size=*", "/models/a.glb?size=1", True),
    (f"{CDN}/models/a.glb*", "/models/a.glb?size=1", True),

    (f"{CDN}/models/a.glb", "/models/a.glb?size=1", False),
    (f"{CDN}/models/a.glb?size=1", "/models/a.glb?size=2", False),
    (f"{CDN}/models/a.glb?size=1", "/models/a.glb", False),
    (f"{CDN}/*.glb", "/secret.json?.glb", False),
    (f"{CDN}/*/a.glb", "/secret.json?/a.glb", False),
    (f"{CDN}/models/", "/models/a.glb", False),
    (f"{CDN}/models", "/models/a.glb", False),
    (f"{CDN}/model/*", "/models/a.glb", False),
    (f"{CDN}/MODELS/*", "/models/a.glb", False),
    (f"{CDN}/models/?", "/models/a.glb", False),
    ("https://evil.test/*", "/models/a.glb", False),
    ("https://cdn.acme.test.evil.test/*", "/models/a.glb", False),
    ("https://cdn.acme.test:8443/*", "/models/a.glb", False),
    ("ftp://cdn.acme.test/*", "/models/a.glb", False),
    ("cdn.acme.test/*", "/models/a.glb", False),
    ("/secret/*", "/models/a.glb", False),
    ("models/*", "/models/a.glb", False),
]


@pytest.mark.parametrize("resource,target,covers", RESOURCES)
def test_custom(edge, names, resource, target, covers):
    for key_id, key in KEYS.items():
        signed = custom(policy(resource), key, key_id)

        for response in (ask(edge, with_query(target, signed)),
                         ask(edge, target, headers={"Cookie": cookies(signed)})):
            if covers:
                assert_served(edge, response)
            else:
                edge.assert_refused(response, "token_scope")


def test_a_pattern_that_takes_long_covers_nothing(edge, names):
    signed = custom(policy(CDN + "/" + "*a" * 1200 + "b"), RSA, "K1RSA")
    target = "/" + "a" * 1000

    started = time.monotonic()
    edge.assert_refused(ask(edge, with_query(target, signed)), "token_scope")
    assert time.monotonic() - started < 1


def conditions(seconds=3600, **more):
    return policy("*", int(time.time()) + seconds, **more)


def after(seconds):
    return {"DateGreaterThan": {"AWS:EpochTime": int(time.time()) + seconds}}


def source(network):
    return {"IpAddress": {"AWS:SourceIp": network}}


def all_conditions():
    """By the reason why they are refused; times count from now."""

    return {
        "": [conditions(), conditions(-2), conditions(**after(-100)), conditions(**after(15)),
             conditions(**source("127.0.0.1")), conditions(**source("127.0.0.1/32")),
             conditions(**source("127.9.9.9/8")), conditions(**source("0.0.0.0/0")),
             conditions(**source("::ffff:127.0.0.1"))],
        "token_expired": [conditions(-100), policy("*", 1)],
        "token_early": [conditions(**after(100)), conditions(-100, **after(100))],
        "token_address": [conditions(**source("192.0.2.1")), conditions(**source("127.0.0.2/32")),
                          conditions(**source("10.0.0.0/8")), conditions(**source("::1"))],
    }


@pytest.mark.parametrize("reason", all_conditions())
def test_conditions(edge, names, reason):
    for text in all_conditions()[reason]:
        response = ask(edge, with_query(names[0], custom(text, EC, "K2EC")))

        if reason:
            edge.assert_refused(response, reason)
        else:
            assert_served(edge, response)


def test_canned_that_is_expired(edge, names):
    signed = canned(CDN + names[0], EC, "K2EC", int(time.time()) - 100)
    edge.assert_refused(ask(edge, with_query(names[0], signed)), "token_expired")


def test_what_is_good_for_centuries(edge, names):
    """Nothing is where it is not said how long it may be: ten years, then."""

    name = names[0]

    for end, reason in ((9999999999, "token_lifetime"),
                        (int(time.time()) + 3651 * 86400, "token_lifetime"),
                        (int(time.time()) + 3649 * 86400, "")):
        for signed in (canned(CDN + name, EC, "K2EC", end),
                       custom(policy("*", end), EC, "K2EC")):
            response = ask(edge, with_query(name, signed))

            if reason:
                edge.assert_refused(response, reason)
            else:
                assert_served(edge, response)


# Hashes and keys

def test_sha1_only_where_it_is_allowed(edge, names):
    """One is refused by what it says, before anything is computed."""

    name = names[0]

    for key_id, new, old in (("K1RSA", RSA, OLD_RSA), ("K2EC", EC, OLD_EC)):
        for make in (lambda key, host, digest: canned(f"https://{host}{name}", key, key_id,
                                                      digest=digest),
                     lambda key, host, digest: custom(policy("*"), key, key_id, digest)):
            sha1 = make(new, "acme.test", hashes.SHA1)
            edge.assert_refused(ask(edge, with_query(name, sha1)), "token_algorithm")
            edge.assert_refused(ask(edge, with_query(name, {**sha1, "Hash-Algorithm": "SHA1"})),
                                "token_algorithm")
            edge.assert_refused(ask(edge, with_query(name, {**sha1, "Hash-Algorithm": "SHA256"})),
                                "token_signature")

            for digest in (hashes.SHA1, hashes.SHA256):
                signed = make(old, "old.test", digest)
                assert_served(edge, ask(edge, with_query(name, signed), "old.test"))

    signed = canned(f"https://old.test{name}", OLD_RSA, "K1RSA", digest=hashes.SHA1)
    target = with_query(name, {**signed, "Hash-Algorithm": "SHA1"})
    assert_served(edge, ask(edge, target, "old.test"))


def test_keys_are_known_by_id(edge, names):
    name = names[0]
    signed = canned(CDN + name, RSA, "K1RSA")

    for key_id, reason in (("K9", "token_key"), ("k1rsa", "token_key"), ("K2EC", "token_signature"),
                           ("K" * 64, "token_key"), ("K" * 65, "token_malformed"),
                           ("", "token_malformed"), ("../x", "token_malformed"),
                           ("K1RSA%00", "token_malformed"), ("K1-RSA", "token_malformed")):
        target = with_query(name, {**signed, "Key-Pair-Id": key_id})
        edge.assert_refused(ask(edge, target), reason)

    # the other tenant has keys of the same ids
    other = canned(f"https://old.test{name}", RSA, "K1RSA")
    edge.assert_refused(ask(edge, with_query(name, other), "old.test"), "token_signature")


def test_keys_are_rotated_live(web_edges, web):
    edge = web_edges(web.tenants("acme", acme="host acme.test; cloudfront_key K1 one.pem;"
                                              " cloudfront_key K2 two.pem;"),
                     files={"one.pem": credentials.pem(RSA), "two.pem": credentials.pem(EC)},
                     workers=2)
    web.put_at("/acme/a.glb", scripted.message(200, BODY))
    new = credentials.rsa_key("new")

    def reason(key, key_id):
        signed = custom(text, key, key_id) if text else canned("https://acme.test/a.glb", key,
                                                               key_id)
        return edge.logged(ask(edge, with_query("/a.glb", signed)))["reason"]

    text = policy("*")
    assert (reason(RSA, "K1"), reason(EC, "K2"), reason(new, "K1")) == ("", "", "token_signature")

    edge.replace("one.pem", credentials.pem(new))
    servers.wait_for("the new key", lambda: reason(new, "K1") == "", live.SOON)

    for text in (text, None):
        for _ in range(5):
            assert (reason(RSA, "K1"), reason(EC, "K2")) == ("token_signature", "")

    # a private key is none, and changes nothing
    before = len(edge.error_log())
    edge.replace("one.pem", credentials.private_pem(RSA))
    servers.wait_for("a word of it", lambda: 'tenant "acme" stays as it was'
                     in edge.error_log()[before:], live.SOON)
    assert "one.pem:1: a private key where a public one belongs" in edge.error_log()[before:]
    assert (reason(new, "K1"), reason(EC, "K2")) == ("", "")


BAD_PEMS = {
    "private": (credentials.private_pem(RSA), "a private key where a public one belongs"),
    "weak": (credentials.pem(credentials.rsa_key("weak", 1024)), "2048"),
    "P-384": (credentials.pem(credentials.ec_key(curve="P-384")), "P-256"),
    "empty": ("", "not PEM"),
    "cut short": (credentials.pem(RSA)[:200], "does not end as it should"),
    "two": (credentials.pem(RSA) + credentials.pem(EC), "more than one PEM block"),
    "a JWK": (json.dumps(credentials.jwk(RSA)), "not PEM"),
}


@pytest.mark.parametrize("name", BAD_PEMS)
def test_a_bad_key_file(tmp_path, name):
    text, reason = BAD_PEMS[name]
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:9; cloudfront_key K1 k.pem;"},
                        files={"k.pem": text})
    code, said = edge.test()

    assert code != 0
    assert re.search(rf"/k\.pem:\d+: .*{reason}", said), said
    for line in text.splitlines()[1:4]:
        assert line not in said


# What is sent wrongly

def change(name, value):
    """Parameters of which one has another value, or none."""

    def changed(signed):
        return {key: old if key != name else value for key, old in signed.items()
                if key != name or value is not None}

    return changed


def test_mangled(edge, names):
    name = names[0]
    one, many = canned(CDN + name, RSA, "K1RSA"), custom(policy("/*"), RSA, "K1RSA")
    signature, text = one["Signature"], many["Policy"]
    assert signature.endswith("_") and text.endswith("_")

    for signed, reason, how in (
            (one, "token_malformed", change("Expires", "soon")),
            (one, "token_malformed", change("Expires", "")),
            (one, "token_malformed", change("Expires", "0")),
            (one, "token_malformed", change("Expires", "-1")),
            (one, "token_malformed", change("Expires", "0" + one["Expires"])),
            (one, "token_malformed", change("Expires", one["Expires"] + ".0")),
            (one, "token_malformed", change("Expires", "9" * 20)),
            (one, "token_malformed", change("Expires", None)),
            (one, "token_signature", change("Expires", str(int(one["Expires"]) + 1))),
            (one, "token_malformed", lambda s: {**s, "Policy": text}),
            (one, "token_malformed", change("Signature", None)),
            (one, "token_malformed", change("Signature", "")),
            (one, "token_malformed", change("Signature", signature[:-3])),
            (one, "token_signature", change("Signature", signature[:-4])),
            (one, "token_malformed", change("Signature", signature.replace("_", "="))),
            (one, "token_malformed", change("Signature", "A" * 688)),
            (one, "token_malformed", change("Signature", "%" + signature[1:])),
            (one, "token_signature", change("Signature", "A" * 343 + "_")),
            (one, "token_malformed", change("Key-Pair-Id", None)),
            (one, "token_malformed", change("Hash-Algorithm", "MD5")),
            (one, "token_malformed", change("Hash-Algorithm", "")),
            (one, "token_malformed", change("Hash-Algorithm", "sha256")),
            (one, "token_algorithm", change("Hash-Algorithm", None)),
            (many, "token_malformed", change("Policy", "")),
            (many, "token_malformed", change("Policy", text[:-4])),
            (many, "token_malformed", change("Policy", "A" * 4100)),
            (many, "token_malformed", change("Policy", text.replace("_", "="))),
            (many, "token_signature", change("Policy", credentials.cloudfront_encode(
                policy("*", 9999999999))))):
        response = ask(edge, with_query(name, how(signed)))
        assert response.status == 403, how(signed)
        edge.assert_refused(response, reason)


BAD_POLICIES = [
    "", "[]", "null", "{}", '{"Statement":[]}', '{"Statement":{}}',
    '{"Statement":[{"Resource":"*","Condition":{}}]}',
    '{"Statement":[{"Resource":"*"}]}',
    '{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":"9999999999"}}}]}',
    '{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":9999999999}}},'
    '{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":9999999999}}}]}',
    '{"Statement":[{"Resource":"*","Effect":"Deny","Condition":{"DateLessThan":'
    '{"AWS:EpochTime":9999999999}}}]}',
    '{"Statement":[{"Resource":"*","Resource":"/x","Condition":{"DateLessThan":'
    '{"AWS:EpochTime":9999999999}}}]}',
    '{"Statement":[{"Resource":["*"],"Condition":{"DateLessThan":{"AWS:EpochTime":9999999999}}}]}',
    '{"Statement":[{"Resource":"","Condition":{"DateLessThan":{"AWS:EpochTime":9999999999}}}]}',
    '{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1e10}}}]}',
    '{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":-1}}}]}',
    '{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":9999999999},'
    '"StringLike":{"a":"b"}}}]}',
    '{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":9999999999},'
    '"IpAddress":{"AWS:SourceIp":"localhost"}}}]}',
    '{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":9999999999},'
    '"IpAddress":{"AWS:SourceIp":"127.0.0.1/33"}}}]}',
    '{"Version":"2012","Statement":[{"Resource":"*","Condition":{"DateLessThan":'
    '{"AWS:EpochTime":9999999999}}}]}',
    policy("*", 9999999999) + "x", policy("*", 9999999999)[:-1],
]


@pytest.mark.parametrize("text", BAD_POLICIES)
def test_a_policy_that_is_none(edge, names, text):
    signed = custom(text, EC, "K2EC")
    edge.assert_refused(ask(edge, with_query(names[0], signed)), "token_malformed")


def test_a_policy_in_another_form(edge, names):
    """What was signed is what counts, however it was written."""

    for text in (json.dumps(json.loads(policy("*")), indent=2), policy("*").replace("/", "\\/"),
                 '{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}'
                 % (time.time() + 60)):
        assert_served(edge, ask(edge, with_query(names[0], custom(text, EC, "K2EC"))))


@pytest.mark.parametrize("carrier", ["query", "cookie"])
def test_a_parameter_twice(edge, names, carrier):
    """Two are not chosen from, nor is one whose name is in another case."""

    name = names[0]

    for signed in (canned(CDN + name, RSA, "K1RSA"), custom(policy("*"), RSA, "K1RSA")):
        for parameter, value in signed.items():
            for other in (parameter, parameter.lower(), parameter.upper()):
                for second in (value, "", "x"):
                    if carrier == "query":
                        response = ask(edge, f"{with_query(name, signed)}&{other}={second}")
                    else:
                        response = ask(edge, name, headers={
                            "Cookie": f"{cookies(signed)}; CloudFront-{other}={second}"})
                    edge.assert_refused(response, "token_duplicate", 400)

            # alone, but misspelled
            renamed = {key.lower() if key == parameter else key: v for key, v in signed.items()}
            edge.assert_refused(ask(edge, with_query(name, renamed)), "token_duplicate", 400)


def test_expires_alone_is_no_credential(edge, names):
    for target in (f"{names[0]}?Expires=1", f"{names[0]}?Hash-Algorithm=x", f"{names[0]}?a=1"):
        edge.assert_refused(ask(edge, target), "token_missing")


def test_a_url_wins_over_cookies(edge, names):
    """As at CloudFront: cookies of an earlier visit do no harm, and do not help."""

    name = names[0]
    good = {"Cookie": cookies(custom(policy("*"), EC, "K2EC"))}
    bad = {"Cookie": cookies(custom(policy("/x"), EC, "K2EC"))}
    signed = canned(CDN + name, RSA, "K1RSA")
    expired = canned(CDN + name, RSA, "K1RSA", 1000)

    for headers in (good, bad):
        response = ask(edge, with_query(name, signed), headers=headers)
        assert_served(edge, response)
        assert edge.logged(response)["key"] == "K1RSA"
        edge.assert_refused(ask(edge, with_query(name, expired), headers=headers), "token_expired")


def test_either_may_be_switched_off(edge, names, web):
    for folder, by_url, by_cookie in (("/cookies", False, True), ("/urls", True, False)):
        name = f"{folder}/a.glb"
        web.put_at(f"/acme{name}", scripted.message(200, BODY))
        signed = canned(CDN + name, RSA, "K1RSA")

        for response, served in ((ask(edge, with_query(name, signed)), by_url),
                                 (ask(edge, name, headers={"Cookie": cookies(signed)}), by_cookie)):
            if served:
                assert_served(edge, response)
            else:
                edge.assert_refused(response, "token_missing")


# What is left of the query

def test_the_applications_query_stays_signed(edge, names):
    """Reserved parameters stand anywhere between the others, which keep their order."""

    name = names[0]
    own = ["size=1", "lang=de%20AT", "size=2", "flag", "x="]
    signed = canned(f"{CDN}{name}?{'&'.join(own)}", RSA, "K1RSA")
    reserved = [f"{key}={value}" for key, value in signed.items()]
    rng = random.Random(7)

    for _ in range(20):
        parts, mine, theirs = [], list(own), rng.sample(reserved, len(reserved))
        while mine or theirs:
            parts.append((mine if mine and (not theirs or rng.random() < .5) else theirs).pop(0))
        assert_served(edge, ask(edge, f"{name}?{'&'.join(parts)}"))

    for other in (own[:-1], own[::-1], [*own, "y=1"], [p.upper() for p in own],
                  ["size=1", "lang=de+AT", *own[2:]]):
        target = f"{name}?{'&'.join([*other, *reserved])}"
        edge.assert_refused(ask(edge, target), "token_signature")


def test_one_cache_entry_and_nothing_at_the_origin(edge, web):
    web.put_at("/acme/models/once.glb", scripted.message(200, BODY))
    name = "/models/once.glb"
    urls = [with_query(f"{name}{query}", canned(f"{CDN}{name}{query}", key, key_id))
            for key_id, key in KEYS.items() for query in ("", "?v=1", "?v=2&lang=de")]
    urls += [with_query(name, custom(policy("*"), RSA, "K1RSA"))]

    responses = [ask(edge, url) for url in urls]
    responses += [ask(edge, name, headers={"Cookie": "lang=de; " + cookies(
        canned(CDN + name, EC, "K2EC"))})]

    assert [edge.logged(r)["cache"] for r in responses] == ["MISS"] + ["HIT"] * 7
    [seen] = [request for request in web.requests if "once" in request.path]
    assert seen.path == f"/acme{name}"
    assert not {"cookie", "authorization"} & set(seen.headers)

    # a cookie that is not in the cache either
    web.put_at("/acme/models/twice.glb", scripted.message(200, BODY))
    signed = canned(f"{CDN}/models/twice.glb", EC, "K2EC")
    assert_served(edge, ask(edge, "/models/twice.glb", headers={"Cookie": cookies(signed)}))
    [seen] = [request for request in web.requests if "twice" in request.path]
    assert not {"cookie", "authorization"} & set(seen.headers)


def test_signatures_leave_no_trace(edge, names):
    name = names[0]

    for signed in (canned(CDN + name, RSA, "K1RSA"), custom(policy("/x/trace/*"), EC, "K2EC"),
                   canned(CDN + name, RSA, "K9")):
        target = with_query(name + "?a=1", signed)
        responses = [ask(edge, target), ask(edge, target + "&Signature=x"),
                     ask(edge, name, headers={"Cookie": cookies(signed)}),
                     ask(edge, target, headers={"Cookie": cookies(signed)})]

        for response in responses:
            edge.logged(response)
        for secret in (signed["Signature"], signed.get("Policy", signed["Signature"])):
            assert edge.files_with(secret[20:60]) == []


def test_signatures_are_masked_before_a_rewrite(web_edges, web):
    """Whatever copies the query has a masked one; what was signed is known all the same."""

    edge = web_edges(
        web.tenants("acme", "plain", acme=OPTIONS), files=FILES,
        http="log_format seen escape=json '$args $request_uri $request $uri';",
        location=f"{servers.CACHE} rewrite ^/r/(.*)$ /acme/$1?y=1 last;",
        server="""
            access_log access.log test;
            access_log seen.log seen;
            rewrite ^/early/(.*)$ /acme/$1?y=2;
            location /back/ { xr on; return 200 "$args|$request_uri|$request"; }
            location /named/ { xr on; xr_auth public; return 302 /other?$args; }
        """)
    web.put_at("/acme/a.glb", scripted.message(200, BODY))
    web.put_at("/plain/a.glb", scripted.message(200, BODY))
    responses = []

    for target in ("/r/a.glb", "/early/a.glb", "/acme/a.glb"):
        signed = custom(policy("http://edge.test/*"), EC, "K2EC")
        served = edge.get(with_query(f"{target}?own=1", signed))
        assert (served.status, served.body) == (200, BODY), target
        responses.append((served, signed))

    for target, status in (("/back/a", 200), ("/named/a", 302), ("/r/none.glb", 404)):
        for signed in (custom(policy("*"), RSA, "K1RSA"),
                       canned(f"http://edge.test{target}", RSA, "K1RSA"),
                       canned("http://edge.test/x", RSA, "K9")):
            answer = edge.get(with_query(target, signed))
            assert answer.status in (status, 403), target
            responses.append((answer, signed))

    def lines():
        return (edge.folder / "seen.log").read_text()

    servers.wait_for("all in the log", lambda: lines().count("\n") >= len(responses))
    assert "y=1&own=1&Policy=*" in lines() and "y=2&own=1&Policy=*" in lines()

    for response, signed in responses:
        for name in {"Signature", "Policy"} & set(signed):
            assert edge.files_with(signed[name][20:60]) == []
            assert signed[name][20:60] not in str(response)

    # one parameter alone signs nothing: it is the application's
    token = servers.edgeauth.token(servers.key_of("plain"), acl="/*")
    served = edge.get(f"/plain/a.glb?xr_token={token}&Signature=app&own=1")
    assert served.body == BODY
    servers.wait_for("its query", lambda: f"xr_token={'*' * len(token)}&Signature=app&own=1 "
                     in lines())
    assert edge.get("/back/a?Signature=app").body.startswith(b"Signature=app|")
    assert edge.get("/named/a?Policy=app&x")["location"].endswith("/other?Policy=app&x")


def test_escaped_by_a_url_library(edge, names):
    """"~" and "_" may be escaped by who thinks that they must be."""

    name = names[0]

    for signed in (canned(CDN + name, RSA, "K1RSA"), custom(policy("*"), EC, "K2EC")):
        escaped = {key: "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in value)
                   for key, value in signed.items()}
        assert_served(edge, ask(edge, with_query(name, escaped)))
        assert_served(edge, ask(edge, name, headers={"Cookie": cookies(escaped)}))
        twice = {key: urllib.parse.quote(value) for key, value in escaped.items()}
        # a signature has nothing to escape, by chance
        assert twice == escaped or ask(edge, with_query(name, twice)).status == 403


def test_a_tenant_without_such_keys_has_no_reserved_names(web_edges, web):
    """To it they are the application's own, and no credential."""

    edge = web_edges(web.tenants("acme", acme="host acme.test;"))
    web.put_at("/acme/own.glb", scripted.message(200, BODY))
    made = servers.edgeauth.token(servers.KEY, acl="/*")
    signed = canned("https://acme.test/own.glb", RSA, "K1RSA")

    assert ask(edge, with_query(f"/own.glb?xr_token={made}", signed)).body == BODY
    edge.assert_refused(ask(edge, with_query("/own.glb", signed)), "token_missing")
