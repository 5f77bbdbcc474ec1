# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An origin that says exactly what a test tells it to, byte by byte and segment by
segment, and remembers who asked for what on which connection.
"""

import contextlib
import itertools
import socket
import ssl
import struct
import subprocess
import threading
import time

# steps of an answer, beside bytes to send and seconds to wait
CLOSE, RESET = "close", "reset"
NEXT = "next"                               # wait for another request on this connection

PAUSE = 0.05                                # so that two segments are two reads


def message(status, body=b"", *fields, length=True):
    """A response; with a length unless that is told otherwise."""

    fields = [*fields, f"Content-Length: {len(body)}"] if length else fields
    return "\r\n".join([f"HTTP/1.1 {status} X", *fields, "", ""]).encode() + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def s3_error(code):
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code></Error>'.encode()


def certificate(folder, name, host):
    """A certificate of its own authority, and its key; the paths of both."""

    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-days", "30", "-subj", f"/CN={host}",
                    "-addext", f"subjectAltName=DNS:{host}", "-keyout", key, "-out", cert],
                   capture_output=True, check=True, timeout=60)
    return cert, key


class Request:
    def __init__(self, head, connection):
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = line.split(" ")
        self.headers = {name.lower(): value.strip()
                        for name, _, value in (field.partition(":") for field in fields)}
        self.connection = connection        # its number, from 1

    def __repr__(self):
        return f"<{self.method} {self.path} on {self.connection}: {self.headers}>"


class Origin:
    """
    "put" gives a new path its answers: one after the other, and the last one
    again and again.  An answer is bytes, a list of steps, or a function from
    the request to either.  What has no answer is 404.
    """

    def __init__(self, cert=None, key=None):
        self.tls = None
        if cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(cert, key)

        self.requests = []
        self.connections = 0
        self._answers = {}
        self._names = itertools.count(1)
        self._lock = threading.Lock()
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        host = self.address.replace("127.0.0.1", "localhost") if cert else self.address
        self.url = f"{'https' if cert else 'http'}://{host}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        # only a shutdown wakes who waits in accept() or recv()
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def tenants(self, *names, **options):
        """For edges: each tenant has its objects where the edge shows them."""

        return {name: f"origin {self.url}/{name}; {options.get(name, '')}" for name in names}

    def put(self, *answers, tenant="acme", folder=""):
        path = f"/{tenant}/{folder}{next(self._names)}.glb"
        self.put_at(path, *answers)
        return path

    def put_at(self, path, *answers):
        self._answers[path] = list(answers)

    def seen(self, path):
        """The requests for a path, in the order they came."""

        return [request for request in self.requests if request.path == path]

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._serve, args=(sock, self.connections),
                                 daemon=True).start()

    def _serve(self, sock, number):
        self._open.add(sock)

        with contextlib.suppress(OSError, ValueError):
            if self.tls:
                self._open.remove(sock)
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._open.add(sock)

            file = sock.makefile("rb")
            while (request := self._receive(file, number)) and \
                    self._send(sock, file, self._answer(request), number):
                pass

        self._open.discard(sock)
        sock.close()

    def _receive(self, file, number):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = file.readline()
            if not line:
                return None
            head += line

        request = Request(head.removesuffix(b"\r\n\r\n"), number)
        self.requests.append(request)
        return request

    def _answer(self, request):
        with self._lock:
            answers = self._answers.get(request.path, [message(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]

        return answer(request) if callable(answer) else answer

    def _send(self, sock, file, answer, number):
        """Whether the connection lives on."""

        for step in [answer] if isinstance(answer, bytes) else answer:
            if isinstance(step, bytes):
                sock.sendall(step)
            elif step == NEXT:
                if self._receive(file, number) is None:
                    return False
            elif step == CLOSE:
                return False
            elif step == RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            else:
                time.sleep(step)

        return True
