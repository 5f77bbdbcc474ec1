# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""JWK sets: bad ones are refused, bad keys in good ones left out, at start and live."""

import re
import tempfile

import pytest

import credentials
import live
import scripted
import servers
from credentials import b64, jwk, jwks, make_jwt, secret

BODY = b"a model" * 1000

RSA, EC = credentials.rsa_key(), credentials.ec_key()
WEAK = credentials.rsa_key("weak", 1024)
PRIVATE = {**jwk(EC, kid="p"), "d": b64(b"\1" * 32)}
GOOD = jwk(EC, kid="good")


@pytest.fixture
def tested():
    """A function: "nginx -t" where a tenant has this set of keys."""

    folders = []

    def test(text):
        folders.append(tempfile.mkdtemp(prefix="xr-conf-"))
        return servers.Edge(folders[-1], {"acme": "origin http://127.0.0.1:9; jwks acme.jwks;"},
                            files={"acme.jwks": text}).test()

    yield test

    for folder in folders:
        servers.remove(folder)


# refused as a whole: the line that is at fault, and the reason
BAD_SETS = {
    "no JSON": ("-----BEGIN PUBLIC KEY-----", 1, ""),
    "empty": ("", 1, ""),
    "a list": ("[]", 1, "no object"),
    "no keys": ('{\n"key": []}', 1, 'no array "keys"'),
    "keys are no list": ('{"keys": {}}', 1, 'no array "keys"'),
    "without a key": ('{"keys": []}', 1, "without a key that can be used"),
    "a key that is no object": ('{"keys":\n[1]}', 2, "not an object"),
    "private key": (jwks(GOOD, PRIVATE), None, "a private key where public ones belong"),
    "private RSA key": (jwks({**jwk(RSA), "p": "AQAB"}), None, "a private key"),
    "the same key twice": (jwks(GOOD, jwk(EC, kid="again")), None, "key stands twice"),
    "the same id twice": (jwks(GOOD, jwk(RSA, kid="good")), None, "id stands twice"),
    "a member twice": ('{"keys": [{"kty":"oct",\n"kty":"RSA"}]}', 2, "stands twice"),
    "only a weak one": (jwks(jwk(WEAK)), None, "without a key that can be used"),
    "huge": (jwks(GOOD, {"kty": "x", "x": "y" * 65536}), None, "64 KiB|at most 65536 bytes"),
    "too many": (jwks(*(jwk(secret(str(n)), alg="HS256", kid=str(n)) for n in range(33))), None,
                 "more than 32"),
    "deep": ('{"keys": [{"x": [[[[[[[[1]]]]]]]]}]}', 1, "deep"),
}


@pytest.mark.parametrize("name", BAD_SETS)
def test_a_set_that_is_refused(tested, name):
    text, line, reason = BAD_SETS[name]
    code, said = tested(text)

    assert code != 0
    assert re.search(f"acme.jwks\"?(:{line or '[0-9]+'})?[: ].*({reason})", said), said
    for key in (PRIVATE["d"], jwk(secret("1"))["k"]):
        assert key not in said


# left out of a set that has a good one beside it, and why
LEFT_OUT = {
    "RSA of 1024 bits": (jwk(WEAK, kid="x"), "2048"),
    "RSA with a small exponent": ({**jwk(RSA, kid="x"), "e": "AQ"}, "exponent"),
    "RSA with an even exponent": ({**jwk(RSA, kid="x"), "e": "AQAA"}, "even"),
    "a point that is not on the curve": ({**jwk(credentials.ec_key("x"), kid="x"),
                                          "y": b64(b"\1" * 32)}, "curve"),
    "a short coordinate": ({**jwk(credentials.ec_key("x"), kid="x"), "y": "AQ"}, "too short"),
    "an unknown curve": ({"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ"},
                         'a "crv" that is not known'),
    "an unknown type": ({"kty": "AKP"}, 'a "kty" that is not known'),
    "no type": ({"kid": "x"}, 'no "kty"'),
    "for encryption": (jwk(RSA, kid="x", use="enc"), '"use" is not "sig"'),
    "to sign with": (jwk(RSA, kid="x", key_ops=["sign"]), '"key_ops" is without "verify"'),
    "an algorithm that does not fit": (jwk(RSA, alg="ES256"), 'does not go with "kty"'),
    "an unknown algorithm": (jwk(RSA, alg="RS1"), 'an "alg" that is not known'),
    "none": (jwk(secret("x"), alg="none"), 'an "alg" that is not known'),
    "a secret without algorithm": (jwk(secret("x"), kid="x"), 'names no "alg"'),
    "a short secret": (jwk(b"s" * 31, alg="HS256"), "shorter than its algorithm's digest"),
    "a short secret for HS512": (jwk(b"s" * 63, alg="HS512"), "shorter than"),
    "not base64url": ({**jwk(RSA), "n": "++//"}, "not base64url"),
    "no modulus": ({"kty": "RSA", "e": "AQAB"}, "a number is missing"),
    "a kid that is no string": (jwk(RSA, kid=1), '"kid" that is not a string'),
    "PS256": (jwk(RSA, alg="PS256"), "an algorithm that the installed libjwt does not have"),
    "EdDSA": ({"kty": "OKP", "crv": "Ed25519", "x": b64(b"\1" * 32)},
              "an algorithm that the installed libjwt does not have"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_key_that_is_left_out(tested, name):
    key, reason = LEFT_OUT[name]
    code, said = tested(jwks(key, GOOD))

    assert code == 0, said
    assert re.search(rf"acme\.jwks:\d+: key left out: .*{reason}", said), said


def reason_of(edge, path, token):
    """The reason why a token is refused, "" if it is not; for waiting."""

    return edge.logged(edge.get(path, headers={"Authorization": f"Bearer {token}"}))["reason"]


def test_keys_change_live(web_edges, web):
    edge = web_edges(web.tenants("acme", acme="jwks acme.jwks;"), workers=2,
                     files={"acme.jwks": jwks(jwk(EC, kid="old"))})
    path = web.put(scripted.message(200, BODY))
    new_key = credentials.ec_key("new")
    old, new = make_jwt("ES256", EC, "old"), make_jwt("ES256", new_key, "new")

    assert (reason_of(edge, path, old), reason_of(edge, path, new)) == ("", "token_key")

    # an overlap, then the end of the old one, which was remembered
    edge.replace("acme.jwks", jwks(jwk(EC, kid="old"), jwk(new_key, kid="new")))
    servers.wait_for("the new key", lambda: reason_of(edge, path, new) == "", live.SOON)
    assert reason_of(edge, path, old) == ""

    edge.replace("acme.jwks", jwks(jwk(new_key, kid="new")))
    servers.wait_for("the old key's end", lambda: reason_of(edge, path, old) == "token_key",
                     live.SOON)
    for _ in range(10):
        assert (reason_of(edge, path, old), reason_of(edge, path, new)) == ("token_key", "")

    # the id of the old key with another key: nothing is remembered by name
    edge.replace("acme.jwks", jwks(jwk(credentials.ec_key("third"), kid="old"),
                                   jwk(new_key, kid="new")))
    servers.wait_for("the third key", lambda: reason_of(edge, path, old) == "token_signature",
                     live.SOON)
    assert reason_of(edge, path, new) == ""


@pytest.mark.parametrize("name", ["private key", "the same key twice", "without a key", "huge",
                                  "no JSON"])
def test_a_bad_set_changes_nothing_live(live_edge, name):
    edge, path = live_edge
    text, line, reason = BAD_SETS[name]
    token = make_jwt("ES256", EC, "good")
    before = len(edge.error_log())

    assert reason_of(edge, path, token) == ""
    edge.replace("acme.jwks", text)
    servers.wait_for("a word of it", lambda: 'tenant "acme" stays as it was'
                     in edge.error_log()[before:], live.SOON)

    said = edge.error_log()[before:]
    assert re.search(rf"acme\.jwks.*({reason})", said), said
    assert PRIVATE["d"] not in said
    assert reason_of(edge, path, token) == ""

    edge.replace("acme.jwks", jwks(GOOD, jwk(WEAK, kid="weak")))
    servers.wait_for("the good set", lambda: "key left out" in edge.error_log()[before:],
                     live.SOON)
    assert reason_of(edge, path, token) == ""
    assert reason_of(edge, path, make_jwt("RS256", WEAK, "weak")) == "token_key"


@pytest.fixture(scope="module")
def live_edge(web_edges, web):
    edge = web_edges(web.tenants("acme", acme="jwks acme.jwks;"),
                     files={"acme.jwks": jwks(GOOD)})
    return edge, web.put(scripted.message(200, BODY))
