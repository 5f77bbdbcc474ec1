# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An origin as S3 is one: it has objects, single ranges of them and conditions.
The last segment of a path names the object, so that one object is behind as
many paths as a test wants to be cold.
"""

import re
import time

import scripted
from range_model import http_date

RANGE = re.compile(r"bytes=(\d+)-(\d*)", re.ASCII)


class ObjectOrigin(scripted.Origin):
    """"quirks" holds, per name, some of: "no ranges", "no if-match", "chunked"."""

    def __init__(self, objects, quirks=None, **tls):
        super().__init__(**tls)
        self.objects = objects
        self.quirks = quirks or {}

    def under(self, path):
        """The requests for the paths that begin so."""

        return [request for request in self.requests if request.path.startswith(path)]

    def reads(self, path):
        """What was read of a path: first and last byte, or None for the whole."""

        return [_range(request) for request in self.requests
                if request.path == path and request.method == "GET"]

    def _answer(self, request):
        name = request.path.rpartition("/")[2]
        obj = self.objects.get(name)
        quirks = self.quirks.get(name, ())

        if obj is None:
            return scripted.message(404, scripted.s3_error("NoSuchKey"))
        return answer(obj, request, quirks)


def _range(request):
    found = RANGE.fullmatch(request.headers.get("range", ""))
    return found and (int(found[1]), int(found[2]) if found[2] else None)


def answer(obj, request, quirks=()):
    """The bytes of a response to a request for an object."""

    wanted = None if "no ranges" in quirks else _range(request)
    fields = [f"Date: {http_date(int(time.time()) if obj.date is None else obj.date)}",
              f"Content-Type: {obj.type}", "Accept-Ranges: bytes"]
    if obj.etag is not None:
        fields.append(f"ETag: {obj.etag}")
    if obj.modified is not None:
        fields.append(f"Last-Modified: {http_date(obj.modified)}")

    if request.headers.get("if-match", obj.etag) != obj.etag and "no if-match" not in quirks:
        return scripted.message(412, scripted.s3_error("PreconditionFailed"))
    if obj.etag is not None and request.headers.get("if-none-match") == obj.etag:
        return scripted.message(304, b"", *fields, length=False)

    status, body = 200, obj.data

    if wanted is not None:
        first, last = wanted
        last = obj.size - 1 if last is None else min(last, obj.size - 1)

        # S3 does not say how long the object is
        if first >= obj.size:
            return scripted.message(416, scripted.s3_error("InvalidRange"))
        if first <= last:
            status, body = 206, obj.data[first:last + 1]
            fields.append(f"Content-Range: bytes {first}-{last}/{obj.size}")

    if request.method == "HEAD":
        return scripted.message(status, b"", *fields, f"Content-Length: {len(body)}", length=False)
    if "chunked" in quirks and status == 200:
        return (scripted.message(status, b"", *fields, "Transfer-Encoding: chunked", length=False)
                + (scripted.chunk(body) if body else b"") + b"0\r\n\r\n")
    return scripted.message(status, body, *fields)
