# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Requests that an operator's key signs, so that an edge explains them: docs/formats.md."""

import base64
import hashlib
import hmac
import json
import time

import http1

KEY = hashlib.sha256(b"operator").hexdigest()
FILES = {"explain.keys": f"# operators\nops {KEY}\n"}
HTTP = "xr_explain_key explain.keys;"


def header(target, method="GET", host="edge.test", key=KEY, at=None, version=1):
    at = int(time.time()) if at is None else at
    text = f"xr-explain-1\n{at}\n{method}\n{host}\n{target}".encode()
    mac = hmac.new(bytes.fromhex(key), text, hashlib.sha256).digest()
    return f"{version}.{at}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def send(edge, target, headers=None, host="edge.test", **options):
    signed = header(target, host=host)
    return http1.request(edge.port, target, host=host,
                         headers={**(headers or {}), "X-XR-Explain": signed}, **options)


def ask(edge, target, headers=None, **options):
    """What an edge says, which has to explain the request."""

    response = send(edge, target, headers, **options)
    assert response.status == 200 and response.complete, response
    assert response["content-type"] == "application/json"
    assert response["cache-control"] == "no-store"
    return json.loads(response.body)
