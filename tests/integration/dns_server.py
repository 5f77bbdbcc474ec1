# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""A name server whose answers a test changes while it runs."""

import socket
import struct
import threading


class NameServer:
    """"names" maps a name to its IPv4 addresses; what it has not does not exist."""

    def __init__(self, ttl=0):
        self.names = {}
        self.ttl = ttl
        self.silent = False
        self.queries = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]

    def __enter__(self):
        self._socket.settimeout(0.2)
        self._open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._open = False
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while self._open:
            try:
                query, client = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            answer = self._answer(query)
            if not self.silent:
                self._socket.sendto(answer, client)

    def _answer(self, query):
        end, labels = 12, []
        while query[end]:
            labels.append(query[end + 1:end + 1 + query[end]].decode())
            end += 1 + query[end]
        question = query[12:end + 5]
        name = ".".join(labels)
        self.queries.append(name)

        addresses = self.names.get(name)
        flags = 0x8180 if addresses is not None else 0x8183
        records = b"".join(struct.pack("!HHHIH", 0xC00C, 1, 1, self.ttl, 4)
                           + socket.inet_aton(address) for address in addresses or [])
        return (query[:2] + struct.pack("!HHHHH", flags, 1, len(addresses or []), 0, 0)
                + question + records)
