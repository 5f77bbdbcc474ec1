# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Orders to purge, made by PyJWT, and an origin whose objects have tags."""

import hashlib
import itertools
import json
import time

import jwt

from object_origin import ObjectOrigin

_ids = itertools.count(1)

LOCATION = "location = /xr/purge { xr_purge on; }"


def key_of(tenant):
    """The key by which orders for a tenant are signed, in hexadecimal."""

    return hashlib.sha256(b"purge " + tenant.encode()).hexdigest()


def order(tenant="acme", key=None, alg="HS256", headers=None, **claims):
    """A signed order; a claim that is None is left out."""

    now = int(time.time())
    claims = {"iss": tenant, "iat": now, "exp": now + 60, "jti": f"order-{next(_ids)}", **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, bytes.fromhex(key or key_of(tenant)), alg, headers=headers)


def send(edge, text, method="POST", kind="application/jwt"):
    text = text.encode() if isinstance(text, str) else text
    return edge.get("/xr/purge", method, body=text, headers={"Content-Type": kind})


def purge(edge, tenant="acme", **claims):
    """What an order was answered, which has to be carried out."""

    response = send(edge, order(tenant, **claims))
    assert response.status == 200, response
    assert response["content-type"] == "application/json"
    return json.loads(response.body)


class TaggedOrigin(ObjectOrigin):
    """"fields" are further headers of the objects, by name."""

    def __init__(self, objects):
        super().__init__(objects)
        self.fields = {}

    def _answer(self, request):
        answer = super()._answer(request)
        fields = self.fields.get(request.path.rpartition("/")[2], ())
        line, rest = answer.split(b"\r\n", 1)
        return b"\r\n".join([line, *(field.encode() for field in fields), rest])
