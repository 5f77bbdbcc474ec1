# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""The credentials of the benchmark: keys, a tenant's options, tokens."""

import base64
import hashlib
import hmac
import json
import os
import pwd
import secrets
import time

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

LIFETIME = 86400

# JWTs differ in nothing but how they are signed
JWT = {"hs256": "HS256", "rs256": "RS256", "es256": "ES256"}

CDN_HOST = "cdn.shop.example"
CDN_KEY = "K2JCJMDEHXQW5F"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def write_secret(path, text):
    """
    For NGINX only.  Its manager process reads such files again, and workers
    that root starts run as another user, whom NGINX calls nobody.
    """

    path.touch(mode=0o600)
    path.write_text(text)

    if os.geteuid() == 0:
        os.chown(path, -1, pwd.getpwnam("nobody").pw_gid)
        path.chmod(0o640)


def number(n, size):
    return base64url(n.to_bytes(size, "big"))


def ec_jwk(public, kid):
    n = public.public_numbers()
    return {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid,
            "x": number(n.x, 32), "y": number(n.y, 32)}


def rsa_jwk(public, kid):
    n = public.public_numbers()
    return {"kty": "RSA", "alg": "RS256", "kid": kid,
            "n": number(n.n, 256), "e": number(n.e, 3)}


class Credentials:
    """The keys of one tenant, for all the formats."""

    def __init__(self, folder):
        self.folder = folder
        self.now = int(time.time())
        self.mac = secrets.token_bytes(32)
        self.cdn = rsa.generate_private_key(65537, 2048)
        self.keys = {
            "hs256": secrets.token_bytes(32),
            "rs256": rsa.generate_private_key(65537, 2048),
            "es256": ec.generate_private_key(ec.SECP256R1()),
        }

        write_secret(folder / "keys", f"bench {self.mac.hex()}\n")
        write_secret(folder / "jwks.json", json.dumps({"keys": [
            {"kty": "oct", "alg": "HS256", "kid": "hs256",
             "k": base64url(self.keys["hs256"])},
            rsa_jwk(self.keys["rs256"].public_key(), "rs256"),
            ec_jwk(self.keys["es256"].public_key(), "es256"),
        ]}))
        write_secret(folder / "cdn.pem", self.cdn.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo).decode())

    def options(self, kind):
        """What a tenant has to say in the configuration."""

        if kind in JWT:
            return f"jwks {self.folder}/jwks.json;"
        if kind == "cloudfront":
            return (f"cloudfront_key {CDN_KEY} {self.folder}/cdn.pem;"
                    f" cloudfront_hosts {CDN_HOST};")
        return f"keys {self.folder}/keys;"

    def query(self, kind, path, viewer):
        """What gives one viewer one object."""

        if kind in JWT:
            token = jwt.encode(self._claims(path, viewer), self.keys[kind],
                               JWT[kind], headers={"kid": kind})
            return f"xr_token={token}"
        if kind == "cloudfront":
            return self._cloudfront(path)
        return f"xr_token={self._edgeauth(path, viewer)}"

    def _claims(self, path, viewer):
        return {"sub": f"viewer-{viewer:04}", "iat": self.now,
                "exp": self.now + LIFETIME, "path": path}

    def _edgeauth(self, path, viewer):
        signed = (f"exp={self.now + LIFETIME}~acl={path}"
                  f"~id=viewer-{viewer:04}")
        mac = hmac.new(self.mac, signed.encode(), hashlib.sha256)
        return f"{signed}~hmac={mac.hexdigest()}"

    def _cloudfront(self, path):
        policy = json.dumps({"Statement": [{
            "Resource": f"https://{CDN_HOST}{path}",
            "Condition": {"DateLessThan":
                          {"AWS:EpochTime": self.now + LIFETIME}}}]},
            separators=(",", ":")).encode()
        signature = self.cdn.sign(policy, padding.PKCS1v15(), hashes.SHA256())

        def encode(data):
            return base64.b64encode(data).decode().translate(
                str.maketrans("+=/", "-_~"))

        return (f"Policy={encode(policy)}&Signature={encode(signature)}"
                f"&Key-Pair-Id={CDN_KEY}&Hash-Algorithm=SHA256")

    def worthless(self, path, viewer, malformed):
        """
        An ES256 token that nobody signed.  Malformed, of the same length, it
        is refused for the last bits of its signature, as the last step before
        that is checked.
        """

        header = json.dumps({"alg": "ES256", "typ": "JWT", "kid": "es256"})
        claims = json.dumps(self._claims(path, viewer))
        signature = base64url(secrets.token_bytes(64))
        if malformed:
            signature = signature[:-1] + chr(ord(signature[-1]) + 1)
        return ".".join(("xr_token=" + base64url(header.encode()),
                         base64url(claims.encode()), signature))
