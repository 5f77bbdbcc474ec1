# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An HTTP/3 client, which is Chromium: several requests at a time on one
connection, and responses like those of http1.py.
"""

import base64
import json
import os
import subprocess

import http1
import scripted
import servers

HERE = servers.TOP / "tests" / "integration"


def listen(folder):
    """The port, the certificate, and what a server has to say to be asked there."""

    port = servers.free_port()
    cert, key = scripted.certificate(folder, "edge", "edge.test")

    return port, cert, f"""
        listen 127.0.0.1:{port} quic; ssl_certificate {cert}; ssl_certificate_key {key};
        location = /page {{ default_type text/html; return 200 "a page"; }}"""


class Connection:
    def __init__(self, port, cert, profile):
        self.process = subprocess.Popen(
            ["node", "--no-deprecation", HERE / "http3.mjs", f"https://127.0.0.1:{port}", cert,
             profile], env=dict(os.environ, XR_BUILD=str(servers.BUILD)), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._line() == "ready"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def _line(self):
        line = self.process.stdout.readline()
        assert line, "the browser has ended"
        return line.rstrip("\n")

    def request(self, target, method="GET", headers=None, take=None):
        """"take": so many bytes of it are enough, and the stream is reset."""

        return self.requests([(target, method, headers or {})], take)[0]

    def requests(self, wanted, take=None):
        wishes = [{"path": target, "method": method, "headers": headers, "take": take}
                  for target, method, headers in wanted]
        self.process.stdin.write(json.dumps(wishes) + "\n")
        self.process.stdin.flush()

        return [self._response(answer, take) for answer in json.loads(self._line())]

    def _response(self, answer, take):
        assert take or "error" in answer or answer["protocol"] == "h3", answer

        response = http1.Response(answer.get("status"), answer.get("headers", []),
                                  answer.get("error"))
        response.body = base64.b64decode(answer.get("body", ""))
        response.complete = "error" not in answer and not take
        return response
