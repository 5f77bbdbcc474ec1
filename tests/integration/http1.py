# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An HTTP/1.1 client on a bare socket: the request target goes out as it is
given, and a response tells whether it was complete.
"""

import itertools
import os
import socket

TIMEOUT = 20

# no generator, which two threads at once would break
_tags = map(f"test/{os.getpid()}-{{}}".format, itertools.count(1))


class Response:
    def __init__(self, status, headers, tag):
        self.status = status
        self.headers = headers              # (lower case name, value), as sent
        self.tag = tag                      # the User-Agent, to find it in the log
        self.body = b""
        self.complete = True

    def __getitem__(self, name):
        """The value of a header that may be there once; None if it is not."""

        values = self.all(name)
        assert len(values) < 2, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else None

    def all(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def __repr__(self):
        end = "" if self.complete else ", cut short"
        return f"<{self.status}, {self.headers}, {len(self.body)} bytes{end}: {self.body[:200]}>"


class Connection:
    def __init__(self, port, source=None):
        address = source and (source, 0)
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT, address)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.sock.close()

    def send(self, target, method="GET", host="edge.test", headers=None, body=b"", tag=None):
        if isinstance(target, str):
            target = target.encode()

        fields = {"Host": host, "User-Agent": tag or next(_tags)}
        if body:
            fields["Content-Length"] = str(len(body))
        fields.update(headers or {})

        lines = [f"{name}: {value}" for name, value in fields.items()]
        head = "\r\n".join(["", *lines, "", ""]).encode()
        self.sock.sendall(method.encode() + b" " + target + b" HTTP/1.1" + head + body)

        return fields["User-Agent"]

    def receive(self, method="GET", tag=None):
        line = self.file.readline()
        if not line:
            raise ConnectionError("closed without a response")

        headers = []
        while True:
            field = self.file.readline().rstrip(b"\r\n").decode("latin-1")
            if not field:
                break
            name, _, value = field.partition(":")
            headers.append((name.lower(), value.strip()))

        response = Response(int(line.split()[1]), headers, tag)
        if method != "HEAD" and response.status not in (204, 304):
            self._body(response)

        return response

    def request(self, target, method="GET", **options):
        tag = self.send(target, method, **options)
        return self.receive(method, tag)

    def _body(self, response):
        try:
            if "chunked" in (response["transfer-encoding"] or ""):
                self._chunks(response)
            elif response["content-length"] is not None:
                length = int(response["content-length"])
                response.body = self.file.read(length)
                response.complete = len(response.body) == length
            else:
                response.body = self.file.read()
        except ConnectionError:
            response.complete = False

    def _chunks(self, response):
        while True:
            line = self.file.readline()
            size = int(line.split(b";")[0], 16) if line else -1
            data = self.file.read(size + 2) if size >= 0 else b""
            response.body += data[:-2] if size > 0 else b""

            if size <= 0 or len(data) < size + 2:
                response.complete = size == 0
                return


def request(port, target, method="GET", source=None, **options):
    """"source" is the address to come from: all of 127.0.0.0/8 is ours."""

    with Connection(port, source) as connection:
        return connection.request(target, method, **options)
