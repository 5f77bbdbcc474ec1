# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
JSON Web Tokens and CloudFront's signatures, and the keys that they are made
with: by PyJWT and by hand, since no library makes what an attacker does.
"""

import base64
import functools
import hashlib
import hmac
import json
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


# Keys: the same name is the same key, for as long as the tests run

@functools.cache
def rsa_key(name="main", bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ec_key(name="main", curve="P-256"):
    return ec.generate_private_key(CURVES[curve])


def secret(name="main", size=64):
    return hashlib.sha512(name.encode()).digest()[:size]


def pem(key):
    """The public half."""

    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


# JWTs

def b64(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


def jwk(key, **members):
    """A JWK of a public half, or of a secret."""

    if isinstance(key, bytes):
        return {"kty": "oct", "k": b64(key), **members}

    numbers = key.public_key().public_numbers()

    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **members}

    size = (key.key_size + 7) // 8
    curve = f"P-{key.key_size}"

    return {"kty": "EC", "crv": curve, "x": _number(numbers.x, size),
            "y": _number(numbers.y, size), **members}


def jwks(*keys):
    return json.dumps({"keys": keys}, indent=1)


def make_jwt(alg, key, kid=None, header=None, **claims):
    """By PyJWT; claims that are None are left out, and "exp" is an hour from now."""

    claims = {"exp": int(time.time()) + 3600, **claims}
    header = {**({} if kid is None else {"kid": kid}), **(header or {})}

    return jwt.encode({name: value for name, value in claims.items() if value is not None},
                      key, alg, headers=header)


def compact(header, payload, sign):
    """By hand: "header" and "payload" are text or values, "sign" makes bytes of bytes."""

    parts = [b64(part if isinstance(part, (str, bytes)) else json.dumps(part))
             for part in (header, payload)]
    signed = ".".join(parts)

    return f"{signed}.{b64(sign(signed.encode()))}"


def hs256(key):
    return lambda message: hmac.new(key, message, hashlib.sha256).digest()


def es256(key):
    def sign(message):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def rs256(key):
    return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())


# CloudFront

def cloudfront_encode(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.b64encode(data).decode().translate(str.maketrans("+=/", "-_~"))


def cloudfront_sign(key, message, digest=hashes.SHA256):
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), digest())

    return key.sign(message, ec.ECDSA(digest()))


def policy(resource, expires=None, **conditions):
    """A policy in the order and without the space that CloudFront asks for."""

    expires = expires or int(time.time()) + 3600
    condition = {"DateLessThan": {"AWS:EpochTime": expires}, **conditions}

    return json.dumps({"Statement": [{"Resource": resource, "Condition": condition}]},
                      separators=(",", ":"))


def canned(url, key, key_id, expires=None, digest=hashes.SHA256):
    """The parameters that are added to "url", a dict."""

    expires = expires or int(time.time()) + 3600
    signature = cloudfront_sign(key, policy(url, expires).encode(), digest)

    return _parameters({"Expires": str(expires)}, signature, key_id, digest)


def custom(text, key, key_id, digest=hashes.SHA256):
    """The same for a policy, which is text."""

    signature = cloudfront_sign(key, text.encode(), digest)

    return _parameters({"Policy": cloudfront_encode(text)}, signature, key_id, digest)


def _parameters(first, signature, key_id, digest):
    hashed = {"Hash-Algorithm": "SHA256"} if digest is hashes.SHA256 else {}

    return {**first, "Signature": cloudfront_encode(signature), "Key-Pair-Id": key_id, **hashed}


def with_query(target, parameters):
    """A target with parameters behind those that it has."""

    glue = "&" if "?" in target else "?"
    return target + glue + "&".join(f"{name}={value}" for name, value in parameters.items())


def cookies(parameters, prefix="CloudFront-"):
    return "; ".join(f"{prefix}{name}={value}" for name, value in parameters.items())


def target_of(url):
    """What a client sends to the edge that stands for the URL's host."""

    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
