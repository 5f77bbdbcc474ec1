# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""EdgeAuth 2.0 tokens, written from their description alone, and signed URLs."""

import base64
import hashlib
import hmac
import time
import urllib.parse


def sign(key, message):
    return hmac.new(bytes.fromhex(key), message.encode(), hashlib.sha256).hexdigest()


def token(key, *, acl=None, url=None, exp=None, st=None, ip=None, id=None, data=None):
    """A token for the patterns in "acl", or for the one path "url"."""

    fields = {"ip": ip, "st": st, "exp": exp or int(time.time()) + 3600,
              "acl": acl, "id": id, "data": data}
    message = "~".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    signed = message if acl is not None else f"{message}~url={url}"

    return f"{message}~hmac={sign(key, signed)}"


def path_of(key):
    """The path of an S3 key: everything is escaped but what needs no escape."""

    return urllib.parse.quote(key, safe="/")


def in_query(path, token):
    return f"{path}?xr_token={token}"


def in_path(path, token):
    return f"/~{base64.urlsafe_b64encode(token.encode()).decode().rstrip('=')}{path}"
