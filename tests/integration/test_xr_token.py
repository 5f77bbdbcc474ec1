# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
"xr token" and others' signers: what it makes is what they verify, what they make it takes, and
whatever would refuse a token is told.  No server runs.
"""

import base64
import datetime
import json
import os
import re
import subprocess
import time
import urllib.parse

import jwt
import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

import edgeauth
import servers

XR = servers.BUILD / "xr"

SECRET = bytes(range(64))

PAIRS = {"rsa": rsa.generate_private_key(65537, 2048),
         "other": rsa.generate_private_key(65537, 2048),
         "weak": rsa.generate_private_key(65537, 1024),
         "p256": ec.generate_private_key(ec.SECP256R1()),
         "p384": ec.generate_private_key(ec.SECP384R1()),
         "p521": ec.generate_private_key(ec.SECP521R1()),
         "k256": ec.generate_private_key(ec.SECP256K1()),
         "ed25519": ed25519.Ed25519PrivateKey.generate()}

ALGS = {"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "ES256": "p256", "ES384": "p384",
        "ES512": "p521", "HS256": None, "HS384": None, "HS512": None}

ID = "K2JCJMDEHXQW5F"
SITE = "https://edge.example"


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwk(alg, kid="k1", name=None):
    """The public key of a pair, or the secret, as an edge has it."""

    key = {"alg": alg, "kid": kid}

    if ALGS[alg] is None:
        return {"kty": "oct", "k": base64url(SECRET), **key}

    numbers = PAIRS[name or ALGS[alg]].public_key().public_numbers()

    if alg.startswith("RS"):
        return {"kty": "RSA", "n": base64url(numbers.n.to_bytes(256, "big")), "e": "AQAB", **key}

    size = (numbers.curve.key_size + 7) // 8
    return {"kty": "EC", "crv": f"P-{numbers.curve.key_size}",
            "x": base64url(numbers.x.to_bytes(size, "big")),
            "y": base64url(numbers.y.to_bytes(size, "big")), **key}


def private(name, encryption=serialization.NoEncryption()):
    return PAIRS[name].private_bytes(serialization.Encoding.PEM,
                                     serialization.PrivateFormat.PKCS8, encryption)


def public(name):
    return PAIRS[name].public_key().public_bytes(serialization.Encoding.PEM,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)


class Program:
    def __init__(self, folder):
        self.folder = folder
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self.env.update({k: v for k, v in servers.environment().items() if "SAN_" in k})

    def __call__(self, *args, status=0, env=None):
        """Standard output and standard error of a run that has to end with "status"."""

        run = subprocess.run([XR, "token", *map(str, args)], env={**self.env, **(env or {})},
                             cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=60)
        out, err = run.stdout.decode(), run.stderr.decode()
        assert run.returncode == status, out + err
        assert "Sanitizer" not in err and "runtime error" not in err

        return out, err

    def file(self, name, data, mode=0o600):
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        path.chmod(mode)
        return path

    def key(self, name):
        return self.file(f"{name}.pem", private(name))

    def cloudfront(self, name):
        return f"{ID}={self.file(f'{name}.pub', public(name))}"

    def jwks(self, *keys):
        return self.file("jwks.json", {"keys": keys})

    def make(self, kind, *args):
        return self("make", "--kind", kind, *args)[0].strip()

    def check(self, reason, *args):
        """What an edge would decide has to be "reason"."""

        out, _ = self("check", *args, status=0 if reason.startswith("ok") else 1)
        assert out.strip() == reason

    def refusals(self, *args):
        """The reasons that "show" tells, and what it does not know."""

        out, _ = self("show", *args)
        return (set(re.findall(r"^refused  (\w+)", out, re.M)),
                set(re.findall(r"^unknown  ([\w ]+)", out, re.M)), out)


@pytest.fixture
def xr(tmp_path):
    return Program(tmp_path)


def signing(xr, alg):
    """The options that make a token of this algorithm."""

    if ALGS[alg] is None:
        return ["--alg", alg, "--key-hex", SECRET.hex()]

    return ["--alg", alg, "--key", xr.key(ALGS[alg])]


# ---- JWT


@pytest.mark.parametrize("alg", ALGS)
def test_others_take_our_jwt(xr, alg):
    token = xr.make("jwt", *signing(xr, alg), "--kid", "k1", "--iss", "https://id.example",
                    "--aud", "acme", "--aud", "other", "--subject", "u1", "--id", "j1",
                    "--path", "/a/*", "--path", "/b?", "--ip", "2001:db8::/32",
                    "--not-before", "now", "--expires", "+2h", "--data", "country:DE|FR,rate:gold",
                    "--claim", "role=admin", "--claim", "n=5", "--claim", 'x={"y": [1, null]}',
                    "--claim", 'text="5"')

    assert jwt.get_unverified_header(token) == {"alg": alg, "kid": "k1", "typ": "JWT"}

    key = SECRET if ALGS[alg] is None else PAIRS[ALGS[alg]].public_key()
    claims = jwt.decode(token, key, algorithms=[alg], audience="acme", issuer="https://id.example")
    now = time.time()

    assert abs(claims.pop("exp") - now - 7200) < 10
    assert abs(claims.pop("nbf") - now) < 10
    assert claims == {"iss": "https://id.example", "aud": ["acme", "other"], "sub": "u1",
                      "jti": "j1", "path": ["/a/*", "/b?"], "cdniip": "2001:db8::/32",
                      "xr_country": "DE|FR", "xr_rate": "gold", "role": "admin", "n": 5,
                      "x": {"y": [1, None]}, "text": "5"}

    xr.check("ok, key k1", "--jwks", xr.jwks(jwk(alg)), "--audience", "acme", "--path", "/a/x",
             "--ip", "2001:db8::1", "--country", "FR", token)


@pytest.mark.parametrize("alg", ALGS)
def test_we_take_the_jwt_of_others(xr, alg):
    key = SECRET if ALGS[alg] is None else PAIRS[ALGS[alg]]
    token = jwt.encode({"exp": int(time.time()) + 60, "sub": "u1"}, key, algorithm=alg,
                       headers={"kid": "k1"})

    for url in (f"{SITE}/a/x?xr_token={token}", f"{SITE}/~{token}/a/x",
                f"{SITE}/~{base64url(token.encode())}/a/x"):
        xr.check("ok, key k1", "--jwks", xr.jwks(jwk(alg)), url)

    for line in (f"Authorization: Bearer {token}", f"bearer {token}"):
        xr.check("ok, key k1", "--jwks", xr.jwks(jwk(alg)), "--path", "/a", line)


def test_forms_of_a_jwt(xr):
    key = ["--key", xr.key("p256"), "--expires", "1900000000"]
    base = ["--base", f"{SITE}/acme"]
    token = r"[\w-]+\.[\w-]+\.[\w-]+"

    for args, wanted in (
            (["/a"], token),
            ([*base, "a b.glb"], f"{SITE}/acme/a%20b.glb[?]xr_token={token}"),
            ([*base, "--name", "t", "a"], f"{SITE}/acme/a[?]t={token}"),
            ([*base, "--form", "token", "a"], token),
            ([*base, "--form", "path", "a/b"], f"{SITE}/~{token}/acme/a/b"),
            (["--form", "header", "/a"], f"Authorization: Bearer {token}"),
            (["--form", "cookie", "/a b/c"], f"Set-Cookie: xr_token={token}; Path=/a%20b/; Secure; "
                                             "HttpOnly; SameSite=None; Partitioned")):
        assert re.fullmatch(wanted, xr.make("jwt", *key, *args)), args


def test_a_path_with_wildcards_in_it_is_no_pattern(xr):
    token = xr.make("jwt", "--key", xr.key("p256"), "/a*b?")
    jwks = xr.jwks(jwk("ES256"))

    xr.check("ok, key k1", "--jwks", jwks, f"/a%2Ab%3F?xr_token={token}")
    xr.check("token_scope", "--jwks", jwks, f"/axxbx?xr_token={token}")


@pytest.mark.parametrize("name, alg", [("rsa", "RS256"), ("p256", "ES256"), ("p384", "ES384"),
                                       ("p521", "ES512")])
def test_the_key_says_the_algorithm(xr, name, alg):
    token = xr.make("jwt", "--key", xr.key(name), "/a")
    assert jwt.get_unverified_header(token) == {"alg": alg, "typ": "JWT"}


def test_secrets_come_from_hex_or_a_key_set(xr):
    jwks = xr.jwks(jwk("RS256", "k0"), jwk("HS384", "k1"), jwk("HS512", "k2"))
    hex = xr.file("secret", SECRET[:32].hex().encode() + b"\n")

    assert jwt.get_unverified_header(xr.make("jwt", "--key", hex, "/a")) == {"alg": "HS256",
                                                                             "typ": "JWT"}

    for args, alg, kid in (([], "HS384", "k1"), (["--kid", "k2"], "HS512", "k2"),
                           (["--alg", "HS512"], "HS512", "k2")):
        token = xr.make("jwt", "--key", jwks, *args, "/a")
        header = jwt.get_unverified_header(token)
        assert (header["alg"], header["kid"]) == (alg, kid)
        other = xr.file("other.json", {"keys": [jwk(alg, kid)]})
        xr.check(f"ok, key {kid}", "--jwks", other, "--path", "/a", token)


CLAIMS = {"iss": "https://id.example", "aud": "acme", "exp": 1900000000, "nbf": 1800000000,
          "cdniip": "192.0.2.0/24", "path": "/a/*", "xr_origin": "*.shop.example",
          "xr_country": "DE"}

RIGHT = {"--path": "/a/x", "--at": "1850000000", "--ip": "192.0.2.1", "--country": "DE",
         "--origin-page": "https://www.shop.example/page?x", "--issuer": "https://id.example",
         "--audience": "acme"}


def right(*args):
    options = {**RIGHT, **dict(zip(args[::2], args[1::2]))}
    return [text for pair in options.items() if pair[1] is not None for text in pair]


@pytest.mark.parametrize("reason, args", [
    ("ok, key k1", []),
    ("token_expired", ["--at", "1900000030"]),
    ("token_early", ["--at", "1799999969"]),
    ("ok, key k1", ["--at", "1799999970"]),
    ("token_early", ["--at", "1799999970", "--leeway", "29s"]),
    ("token_lifetime", ["--max-lifetime", "52w"]),
    ("token_issuer", ["--issuer", "https://other.example"]),
    ("ok, key k1", ["--issuer", None]),
    ("token_audience", ["--audience", "other"]),
    ("token_audience", ["--audience", None]),
    ("token_address", ["--ip", "192.0.3.1"]),
    ("token_address", ["--ip", None]),
    ("token_embed", ["--origin-page", "https://shop.example/"]),
    ("token_embed", ["--origin-page", None]),
    ("token_country", ["--country", "FR"]),
    ("token_scope", ["--path", "/b/x"]),
    ("path", ["--path", "/a/../b"]),
])
def test_check_of_a_jwt(xr, reason, args):
    token = jwt.encode(CLAIMS, PAIRS["rsa"], algorithm="RS256", headers={"kid": "k1"})
    xr.check(reason, "--jwks", xr.jwks(jwk("RS256")), *right(*args), token)


@pytest.mark.parametrize("reason, key", [
    ("token_key", jwk("RS256", "k2")),
    ("token_algorithm", jwk("RS384")),
    ("token_signature", jwk("RS256", name="other")),
])
def test_check_of_a_jwt_with_another_key(xr, reason, key):
    token = jwt.encode(CLAIMS, PAIRS["rsa"], algorithm="RS256", headers={"kid": "k1"})
    jwks = xr.jwks(key)

    xr.check(reason, "--jwks", jwks, *right(), token)
    assert xr.refusals("--jwks", jwks, *right(), token)[:2] == ({reason}, set())


def test_show_explains_a_jwt(xr):
    token = jwt.encode({**CLAIMS, "path": ["/a/*", "/b"], "role": ["x", "\x1b[31m"],
                        "sub": "käse"}, PAIRS["rsa"], algorithm="RS256",
                       headers={"kid": "k1", "jku": "https://evil.example/"})
    out, _ = xr("show", token)
    lines = [re.sub(" +", " ", line) for line in out.splitlines()]

    for line in ("format JSON Web Token, RS256", "key k1", "opens /a/*", "opens /b",
                 "issuer https://id.example", "audience acme", "ip 192.0.2.0/24",
                 "pages *.shop.example", "country DE", "subject käse",
                 "header jku = https://evil.example/ (ignored)"):
        assert line in lines

    assert any(line.startswith("expires 1900000000 2030-03-17T17:46:40Z in ") for line in lines)
    assert any(line.startswith("starts 1800000000 2027-01-15T08:00:00Z ") for line in lines)
    assert "\x1b" not in out


def test_show_tells_all_that_refuses_a_jwt(xr):
    token = jwt.encode(CLAIMS, PAIRS["rsa"], algorithm="RS256", headers={"kid": "k1"})
    jwks = xr.jwks(jwk("RS256", name="other"))

    assert xr.refusals("--jwks", jwks, *right(
        "--path", "/b", "--at", "1950000000", "--ip", "192.0.3.1", "--country", "FR",
        "--origin-page", "https://evil.example/", "--issuer", "i", "--audience", "a"),
        token)[:2] == ({"token_signature", "token_expired", "token_issuer", "token_audience",
                        "token_address", "token_scope", "token_embed", "token_country"}, set())

    jwks = xr.jwks(jwk("RS256"))
    refused, unknown, out = xr.refusals("--jwks", jwks, *right(), token)
    assert (refused, unknown) == (set(), set())
    assert "verdict  granted\n" in out and "made by  k1\n" in out

    refused, unknown, out = xr.refusals("--at", "1850000000", token)
    assert refused == set()
    assert unknown == {"signature", "path", "client address", "page that asks", "country",
                       "audience"}
    assert "verdict  nothing that is known refuses it\n" in out

    # early and too long at once
    assert xr.refusals("--jwks", jwks, *right("--at", "1700000000", "--max-lifetime", "1d"),
                       token)[0] == {"token_early", "token_lifetime"}


@pytest.mark.parametrize("claims, about", [
    ({"exp": "soon"}, "exp"), ({}, "exp"), ({"nbf": "x"}, "nbf"), ({"iat": -1}, "iat"),
    ({"sub": 5}, "sub"), ({"aud": 5}, "aud"), ({"iss": ["x"]}, "iss"), ({"path": ""}, "path"),
    ({"cdniv": 2}, "cdniv"), ({"cdniip": "home"}, "cdniip"), ({"cdniuc": "regex:.*"}, "cdniuc"),
    ({"cdnistt": 1}, "renewal"), ({"cdnicrit": "x"}, "cdnicrit"), ({"xr_country": "de"},
                                                                  "xr_country"),
])
def test_show_says_which_claim_cannot_be_honoured(xr, claims, about):
    if about != "exp":
        claims = {"exp": 1900000000, **claims}

    token = jwt.encode(claims, PAIRS["rsa"], algorithm="RS256")
    args = ["--jwks", xr.jwks(jwk("RS256")), "--tenant", "acme", "--tenants",
            xr.file("t.json", {"tenants": {"acme": {}}}), "--at", "1850000000", "--path", "/a",
            "--ip", "::1", token]

    refused, _, out = xr.refusals(*args)
    assert refused == {"token_claim"}
    assert f"refused  token_claim  {about}: " in out
    xr.check("token_claim", *args)


# ---- CloudFront


def signer(name, hash):
    def sign(message):
        if name == "p256":
            return PAIRS[name].sign(message, ec.ECDSA(hash))
        return PAIRS[name].sign(message, padding.PKCS1v15(), hash)

    return CloudFrontSigner(ID, sign)


END = datetime.datetime.fromtimestamp(1900000000, datetime.timezone.utc)


def test_our_cloudfront_urls_are_botocores(xr):
    """PKCS #1 signatures are the same whoever makes them."""

    make = ["--key", xr.key("rsa"), "--key-pair-id", ID, "--expires", "1900000000"]
    sha1 = signer("rsa", hashes.SHA1())
    sha256 = signer("rsa", hashes.SHA256())

    for url in (f"{SITE}/acme/a.glb", f"{SITE}/acme/a%20b.glb?v=2&w=%2f"):
        wanted = sha1.generate_presigned_url(url, date_less_than=END)
        assert xr.make("cloudfront", *make, "--hash", "sha1", url) == wanted

        wanted = sha256.generate_presigned_url(url, date_less_than=END) + "&Hash-Algorithm=SHA256"
        assert xr.make("cloudfront", *make, url) == wanted

    policy = sha256.build_policy("http*://edge.example/acme/*", END, ip_address="192.0.2.1")
    wanted = sha256.generate_presigned_url(f"{SITE}/acme/a", policy=policy)
    assert xr.make("cloudfront", *make, "--ip", "192.0.2.1", "--policy-resource",
                   "http*://edge.example/acme/*", "--base", f"{SITE}/acme", "a") \
        == wanted + "&Hash-Algorithm=SHA256"


@pytest.mark.parametrize("name", ["rsa", "p256"])
def test_we_take_the_cloudfront_urls_of_others(xr, name):
    url = f"{SITE}/acme/a.glb?v=2"
    key = ["--cloudfront-key", xr.cloudfront(name)]
    s = signer(name, hashes.SHA1())

    canned = s.generate_presigned_url(url, date_less_than=END)
    custom = s.generate_presigned_url(url, policy=s.build_policy(
        f"{SITE}/acme/*", END, date_greater_than=datetime.datetime(2026, 1, 1),
        ip_address="192.0.2.0/24"))

    for signed in (canned, custom):
        args = ["--ip", "192.0.2.9", "--at", "1850000000", signed]
        xr.check(f"ok, key {ID}", *key, "--cloudfront-sha1", *args)
        xr.check("token_algorithm", *key, *args)
        assert xr.refusals(*key, *args)[0] == {"token_algorithm"}

    s = signer(name, hashes.SHA256())
    signed = s.generate_presigned_url(url, date_less_than=END) + "&Hash-Algorithm=SHA256"
    xr.check(f"ok, key {ID}", *key, signed)
    xr.check("token_expired", *key, "--at", "1900000030", signed)
    xr.check("token_signature", *key, signed.replace("a.glb", "b.glb"))
    xr.check("token_signature", *key, signed.replace("v=2", "v=3"))
    xr.check("token_key", *key, signed.replace(ID, "KOTHER"))
    xr.check("token_duplicate", *key, signed + "&Expires=1")
    xr.check("token_malformed", *key, signed.replace("Expires=1", "Expires=x1"))

    # the name that was signed is the CDN's
    at_edge = signed.replace("edge.example", "origin.example")
    xr.check("token_signature", *key, at_edge)
    xr.check(f"ok, key {ID}", *key, "--cloudfront-host", "edge.example", at_edge)


@pytest.mark.parametrize("name", ["rsa", "p256"])
@pytest.mark.parametrize("policy", [[], ["--policy-resource", f"{SITE}/acme/*/b*"]])
def test_cloudfront_cookies(xr, name, policy):
    out = xr.make("cloudfront", "--key", xr.key(name), "--key-pair-id", ID, "--cookies", *policy,
                  f"{SITE}/acme/a/b.glb")
    lines = out.splitlines()
    cookies = [line.split(": ", 1)[1].split(";")[0] for line in lines]

    assert [cookie.split("=")[0] for cookie in cookies] == [
        f"CloudFront-{name}" for name in ("Policy" if policy else "Expires", "Signature",
                                          "Key-Pair-Id", "Hash-Algorithm")]
    assert all(line.endswith(f"; Path=/acme/{'' if policy else 'a/'}; Secure; HttpOnly; "
                             "SameSite=None; Partitioned") for line in lines)

    key = ["--cloudfront-key", xr.cloudfront(name)]
    xr.check(f"ok, key {ID}", *key, "--cookie", "; ".join(cookies), f"{SITE}/acme/a/b.glb")
    xr.check(f"ok, key {ID}", *key, *[arg for line in lines for arg in ("--cookie", line)],
             f"{SITE}/acme/a/b.glb")
    xr.check("token_scope" if policy else "token_signature", *key, "--cookie", "; ".join(cookies),
             f"{SITE}/acme/x/c.glb")


def test_cookies_need_no_url(xr):
    out = xr.make("cloudfront", "--key", xr.key("rsa"), "--key-pair-id", ID, "--cookies",
                  "--policy-resource", "*")
    assert out.count("Path=/;") == 4


def test_show_explains_a_policy(xr):
    url = xr.make("cloudfront", "--key", xr.key("rsa"), "--key-pair-id", ID, "--expires",
                  "1900000000", "--start", "1800000000", "--ip", "192.0.2.0/24",
                  "--policy-resource", f"{SITE}/acme/*", f"{SITE}/acme/a")
    key = ["--cloudfront-key", xr.cloudfront("rsa")]
    _, unknown, out = xr.refusals(*key, "--at", "1850000000", url)

    assert unknown == {"client address"}
    assert "format   CloudFront, custom policy, SHA-256\n" in out
    assert f"opens    {SITE}/acme/*\n" in out
    assert "ip       192.0.2.0/24\n" in out
    assert "expires  1900000000  2030-03-17T17:46:40Z  in " in out
    assert ('policy   {"Statement":[{"Resource":"https://edge.example/acme/*","Condition":{'
            '"DateLessThan":{"AWS:EpochTime":1900000000},"DateGreaterThan":{"AWS:EpochTime":'
            '1800000000},"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}}}]}\n') in out

    assert xr.refusals(*key, "--at", "1700000000", "--ip", "::1", "--max-lifetime", "1d", "--url",
                       f"{SITE}/other/a", url)[0] == {"token_early", "token_lifetime",
                                                      "token_address", "token_scope"}


def test_without_keys_cloudfronts_parameters_are_the_applications(xr):
    """An edge reads them for tenants with such keys only."""

    url = xr.make("cloudfront", "--key", xr.key("rsa"), "--key-pair-id", ID, f"{SITE}/acme/a")
    xr.check("token_missing", "--key-hex", servers.KEY, url)
    assert "CloudFront, canned policy" in xr("show", url)[0]


# ---- EdgeAuth


def test_show_tells_all_that_refuses_an_edgeauth_token(xr):
    token = edgeauth.token(servers.KEY, acl="/a/*", exp=1900000000, st=1800000000, ip="192.0.2.1",
                           data="origin:shop.example,country:DE|FR,quality:high,x:y")
    args = ["--key-hex", servers.KEY, "--path", "/b", "--ip", "::1", "--country", "US",
            "--origin-page", "https://evil.example", "--at", "1950000000", token]

    refused, unknown, out = xr.refusals(*args)
    assert unknown == set()
    assert refused == {"token_scope", "token_address", "token_country", "token_embed",
                       "token_expired"}
    assert "pages    shop.example\n" in out and "quality  high\n" in out

    args[1] = servers.OTHER_KEY
    assert xr.refusals(*args)[0] == refused | {"token_signature"}


def test_show_of_a_url_token_needs_its_path(xr):
    token = edgeauth.token(servers.KEY, url="/a", exp=1900000000)
    key = ["--key-hex", servers.KEY]

    assert xr.refusals(*key, token)[:2] == (set(), {"path that was signed"})
    assert xr.refusals(*key, "--path", "/b", token)[0] == {"token_signature"}
    assert "verdict  granted" in xr.refusals(*key, "--path", "/a", token)[2]


def test_tokens_are_found_where_an_edge_finds_them(xr):
    """A "?" in a pattern belongs to the token, one that a viewer has appended does not."""

    token = edgeauth.token(servers.KEY, acl="/a/?*")

    for query in (f"xr_token={token}", f"xr_token={token}?v=1", f"v=1?xr_token={token}",
                  f"v=1&XR_Token={token}&w=2", f"xr_token={urllib.parse.quote(token)}?v=1"):
        xr.check("ok", "--key-hex", servers.KEY, f"/a/x?{query}")

    xr.check("token_duplicate", "--key-hex", servers.KEY, f"/a/x?xr_token={token}?xr_token=x")
    xr.check("token_missing", "--key-hex", servers.KEY, "/a/x?xr_token")


def test_an_edgeauth_cookie(xr):
    line = xr.make("edgeauth", "--key-hex", servers.KEY, "--form", "cookie", "--acl", "/a/*",
                   "--id", "x;y", "--no-escape", "/a/x")
    cookie = line.split(": ", 1)[1].split(";")[0]

    assert urllib.parse.unquote(cookie).startswith("xr_token=exp=")
    xr.check("ok", "--key-hex", servers.KEY, "--cookie", cookie, "/a/x")
    xr.check("token_duplicate", "--key-hex", servers.KEY, "--cookie", cookie,
             f"/a/x?{cookie}")


# ---- whose keys


def test_a_tenants_file(xr):
    xr.file("acme.keys", servers.KEY.encode())
    xr.file("acme.pub", public("rsa"))
    tenants = xr.file("tenants.json", {"tenants": {
        "acme": {"origin": "s3://acme-models", "credentials": "not-read", "keys": "acme.keys",
                 "hosts": ["assets.acme.example"], "jwks": {"keys": [jwk("ES256")]},
                 "issuer": "https://id.acme.example", "cloudfront_keys": {ID: "acme.pub"},
                 "cloudfront_hosts": ["cdn.example"], "leeway": "5s", "max_lifetime": "1d"},
        "other": {"keys": ["00" * 32], "jwks": "missing.json"}}})
    tenant = ["--tenants", tenants, "--tenant", "acme"]
    now = int(time.time())

    def token(**claims):
        return jwt.encode({"iss": "https://id.acme.example", "exp": now + 60, **claims},
                          PAIRS["p256"], algorithm="ES256", headers={"kid": "k1"})

    for reason, text in (
            ("ok, key k1", token()), ("ok, key k1", token(aud="acme")),
            ("ok, key k1", token(aud=["x", "assets.acme.example"])),
            ("token_audience", token(aud="edge.example")), ("token_issuer", token(iss="x")),
            ("token_expired", token(exp=now - 6)), ("token_lifetime", token(exp=now + 90000)),
            ("ok", edgeauth.token(servers.KEY, acl="/*")),
            ("token_signature", edgeauth.token("00" * 32, acl="/*"))):
        xr.check(reason, *tenant, "--path", "/a", text)

    # options come first
    xr.check("ok, key k1", *tenant, "--path", "/a", "--issuer", "x", "--max-lifetime", "2d",
             token(iss="x", exp=now + 90000))
    xr.check("token_signature", *tenant, "--key-hex", servers.OTHER_KEY, "--path", "/a",
             edgeauth.token(servers.KEY, acl="/*"))

    url = xr.make("cloudfront", "--key", xr.key("rsa"), "--key-pair-id", ID,
                  "https://cdn.example/acme/a")
    xr.check(f"ok, key {ID}", *tenant, url.replace("cdn.example", "edge.example"))

    _, err = xr("check", *tenant[:2], "--tenant", "nobody", "--path", "/a", token(), status=1)
    assert f'no tenant "nobody" in {tenants}' in err
    xr("check", "--tenants", tenants, "--path", "/a", token(), status=2)


def test_the_configuration(xr):
    xr.jwks(jwk("ES256"))
    xr.file("acme.pub", public("rsa"))
    xr.file("tenants.json", {"tenants": {"edge": {"jwks": "jwks.json", "issuer": "x"}}})
    config = xr.file("xr.json", {"tenants": {
        "acme": {"url": f"{SITE}/acme", "jwks": "jwks.json", "issuer": ["a", "b"],
                 "audience": "acme", "cloudfront_keys": {ID: "acme.pub"},
                 "cloudfront_hosts": ["cdn.example"], "cloudfront_sha1": True, "leeway": "1s",
                 "max_lifetime": "1d", "hosts": "assets.acme.example"},
        "edge": {"tenants": "tenants.json"}}}, 0o644)
    env = {"XR_CONFIG": str(config)}
    pem = xr.key("p256")

    url = xr("make", "--kind", "jwt", "--key", pem, "--tenant", "acme", "--aud", "acme", "--iss",
             "b", "a", env=env)[0].strip()
    assert url.startswith(f"{SITE}/acme/a?xr_token=")
    assert xr("check", "--tenant", "acme", url, env=env)[0] == "ok, key k1\n"
    assert xr("check", "--tenant", "edge", url, env=env, status=1)[0] == "token_issuer\n"
    assert xr("check", "--tenant", "acme", "--at", "+59m58s", url, env=env)[0] == "ok, key k1\n"
    assert xr("check", "--tenant", "acme", "--at", "+60m2s", url, env=env,
              status=1)[0] == "token_expired\n"

    url = xr.make("cloudfront", "--hash", "sha1", "--key", xr.key("rsa"), "--key-pair-id", ID,
                  "https://cdn.example/acme/a")
    assert xr("check", "--tenant", "acme", url.replace("cdn", "edge"), env=env)[0] \
        == f"ok, key {ID}\n"


@pytest.mark.parametrize("options, reason", [
    ({"issuer": []}, '"issuer" has to be a string, or an array of 1 to 16 strings'),
    ({"issuer": [5]}, '"issuer" has to be a string that is not empty'),
    ({"cloudfront_keys": "x"}, '"cloudfront_keys" has to be an object of at most 16 files'),
    ({"cloudfront_sha1": "yes"}, '"cloudfront_sha1" has to be true or false'),
    ({"jwks": "missing"}, "missing: No such file"),
    ({"leeway": "soon"}, "soon: not a time"),
])
def test_wrong_configurations(xr, options, reason):
    config = xr.file("xr.json", {"tenants": {"acme": options}})
    _, err = xr("check", "--config", config, "--tenant", "acme", "--path", "/a", "x",
                status=2 if "leeway" in options else 1)
    assert reason in err


# ---- what is refused


@pytest.mark.parametrize("args", [
    ["--key", "rsa.pem", "--kind", "jwt", "/a"],
    ["--key", "rsa.pem", "--kind", "cloudfront", "--key-pair-id", ID, f"{SITE}/a"],
])
def test_private_keys_that_others_can_read(xr, args):
    xr.key("rsa").chmod(0o644)
    out, err = xr("make", *args, status=1)
    assert out == "" and "rsa.pem: is open to every user of this machine" in err


@pytest.mark.parametrize("option", ["jwks", "cloudfront-key", "key"])
def test_key_files_that_others_can_read(xr, option):
    path = xr.file("k", b"", 0o644)
    _, err = xr("check", f"--{option}", f"{ID}={path}" if "front" in option else path, "--path",
                "/a", "x", status=1)
    assert "is open to every user of this machine" in err


@pytest.mark.parametrize("kind, name, args, reason", [
    ("jwt", "encrypted", [], "the private key is encrypted"),
    ("jwt", "public", [], "not a private key in PEM"),
    ("jwt", "weak", [], "RSA with less than 2048"),
    ("jwt", "k256", [], "a curve that is none of P-256, P-384 and P-521"),
    ("jwt", "rsa", ["--alg", "ES256"], "--alg ES256 does not go with the key"),
    ("jwt", "rsa", ["--alg", "HS256"], "--alg HS256 does not go with the key"),
    ("jwt", "p256", ["--alg", "ES384"], "--alg ES384 does not go with the key"),
    ("jwt", "text", [], "neither a private key in PEM, a JWK set nor a secret"),
    ("jwt", "short", [], "the secret has 31 bytes: HS256 takes 32 to 128"),
    ("jwt", "secret", ["--alg", "HS384"], "the secret has 32 bytes: HS384 takes 48 to 128"),
    ("jwt", "jwks", [], "it has no such key of type oct"),
    ("cloudfront", "p384", [], "CloudFront has RSA and P-256 keys only"),
    ("cloudfront", "ed25519", [], "CloudFront has RSA and P-256 keys only"),
    ("cloudfront", "weak", [], "RSA with less than 2048"),
    ("cloudfront", "text", [], "not a private key in PEM"),
])
def test_keys_that_sign_nothing(xr, kind, name, args, reason):
    data = {"encrypted": private("rsa", serialization.BestAvailableEncryption(b"x")),
            "public": public("rsa"), "text": b"secret", "short": b"00" * 31,
            "secret": b"00" * 32, "jwks": json.dumps({"keys": [jwk("RS256")]}).encode()}
    path = xr.file("key", data[name] if name in data else private(name))

    if kind == "cloudfront":
        args = [*args, "--key-pair-id", ID]

    out, err = xr("make", "--kind", kind, "--key", path, *args, f"{SITE}/a", status=1)
    assert out == "" and reason in err and err.count("\n") == 1


@pytest.mark.parametrize("alg, name", [("PS256", "rsa"), ("EdDSA", "ed25519")])
def test_what_libjwt_does_not_have_is_said(xr, alg, name):
    run = subprocess.run([XR, "token", "make", "--kind", "jwt", "--alg", alg, "--key",
                          xr.key(name), "/a"], env=xr.env, capture_output=True, text=True)

    if run.returncode == 0:
        assert jwt.get_unverified_header(run.stdout.strip())["alg"] == alg
    else:
        assert f"libjwt of this machine does not know {alg}\n" in run.stderr


HEX = ["--key-hex", SECRET.hex()]
CLOUDFRONT = ["--kind", "cloudfront", "--key", "rsa.pem", "--key-pair-id", ID]


@pytest.mark.parametrize("args", [
    ["make", "--kind", "paseto", *HEX, "/a"],
    ["make", "--kind", "jwt", *HEX],
    ["make", "--kind", "jwt", "/a"],
    ["make", "--kind", "jwt", *HEX, "--alg", "none", "/a"],
    ["make", "--kind", "jwt", *HEX, "--alg", "hs256", "/a"],
    ["make", "--kind", "jwt", *HEX, "--acl", "/*"],
    ["make", "--kind", "jwt", *HEX, "--ip", "192.0.2.1/24", "/a"],
    ["make", "--kind", "jwt", *HEX, "--claim", "x", "/a"],
    ["make", "--kind", "jwt", *HEX, "--claim", "exp=5", "/a"],
    ["make", "--kind", "jwt", *HEX, "--data", "colour:red", "/a"],
    ["make", "--kind", "jwt", *HEX, "--data", "country:de", "/a"],
    ["make", "--kind", "jwt", *HEX, "--not-before", "+2h", "/a"],
    ["make", "--kind", "jwt", *HEX, "--form", "query", "/a"],
    ["make", "--kind", "jwt", *HEX, "--form", "cloud", "/a"],
    ["make", *HEX, "--kid", "x", "/a"],
    ["make", *HEX, "--cookies", "/a"],
    ["make", *HEX, "--ip", "192.0.2.0/24", "/a"],
    ["make", *CLOUDFRONT, "/a"],
    ["make", *CLOUDFRONT],
    ["make", *CLOUDFRONT, "--policy-resource", "*"],
    ["make", *CLOUDFRONT, "--hash", "md5", f"{SITE}/a"],
    ["make", *CLOUDFRONT, "--form", "path", f"{SITE}/a"],
    ["make", *CLOUDFRONT, "--data", "x", f"{SITE}/a"],
    ["make", *CLOUDFRONT, f"{SITE}/a#b"],
    ["make", *CLOUDFRONT[:4], f"{SITE}/a"],
    ["make", *CLOUDFRONT[:2], *CLOUDFRONT[4:], f"{SITE}/a"],
    ["check", "--path", "/a", "x"],
    ["check", "--url", "x", *HEX, "x"],
    ["check", "--country", "Germany", *HEX, "/a"],
    ["check", "--origin-page", "shop.example", *HEX, "/a"],
    ["show", "--at", "soon", "x"],
    ["show", "--tenants", "x", "x"],
])
def test_wrong_calls_end_with_2(xr, args):
    xr.key("rsa")
    out, err = xr(*args, status=2)
    assert out == "" and err != ""


@pytest.mark.parametrize("text, reason", [
    ("eyJhbGciOiJub25lIn0.eyJleHAiOjF9.", "an algorithm that is not known"),
    ("eyJhbGciOiJIUzI1NiIsImNyaXQiOltdfQ.eyJleHAiOjF9.AAAA", "crit, b64, zip or enc in the header"),
    (f"/a?Expires=x&Signature=AAAA&Key-Pair-Id={ID}", "Expires is not a number of seconds"),
    (f"/a?Policy=e30_&Signature=AAAA&Key-Pair-Id={ID}", 'not {"Statement": []}'),
    (f"/a?Expires=5&Signature=AAAA&Key-Pair-Id={ID}&xr_token=x", "there is more than one token"),
])
def test_show_says_why_it_is_no_token(xr, text, reason):
    out, err = xr("show", text, status=1)
    assert out == "" and reason in err
