# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An HTTP/2 client, without TLS and by prior knowledge: several requests at a
time on one connection, and responses like those of http1.py.
"""

import itertools
import os
import socket

import h2.config
import h2.connection
import h2.events
import h2.settings

import http1

# no generator, which two threads at once would break
_tags = map(f"test2/{os.getpid()}-{{}}".format, itertools.count(1))

WINDOW = (1 << 31) - 1
READ = 1 << 18

CONFIG = h2.config.H2Configuration(
    client_side=True, header_encoding="latin-1", normalize_outbound_headers=False,
    validate_outbound_headers=False)


class Connection:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), http1.TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(CONFIG)
        self.open = True
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                                 h2.settings.SettingCodes.ENABLE_PUSH: 0})
        self._flush()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def request(self, target, method="GET", headers=None, **options):
        return self.requests([(target, method, headers or {})], **options)[0]

    def requests(self, wanted, host="edge.test"):
        """The responses to (target, method, headers), which are under way together."""

        responses = {}

        for target, method, headers in wanted:
            stream = self.h2.get_next_available_stream_id()
            tag = next(_tags)
            fields = [(":method", method), (":scheme", "http"), (":path", target),
                      (":authority", host), ("user-agent", tag)]
            fields += [(name.lower(), value.encode()) for name, value in headers.items()]
            responses[stream] = http1.Response(None, [], tag)
            responses[stream].complete = None
            self.h2.send_headers(stream, fields, end_stream=True)

        self._flush()
        bodies = {stream: [] for stream in responses}

        while self.open and any(r.complete is None for r in responses.values()):
            self._read(responses, bodies)

        for stream, response in responses.items():
            response.body = b"".join(bodies[stream])
            response.complete = bool(response.complete)

        return list(responses.values())

    def _flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def _read(self, responses, bodies):
        try:
            data = self.sock.recv(READ)
        except ConnectionError:
            data = b""

        if not data:
            self.open = False
            return

        taken = 0

        # which says so itself if a body is not as long as its Content-Length
        for event in self.h2.receive_data(data):
            stream = getattr(event, "stream_id", None)

            if isinstance(event, h2.events.ConnectionTerminated):
                self.open = False
            elif isinstance(event, h2.events.ResponseReceived):
                (_, status), *responses[stream].headers = event.headers
                responses[stream].status = int(status)
            elif isinstance(event, h2.events.DataReceived):
                bodies[stream].append(event.data)
                taken += event.flow_controlled_length
            elif isinstance(event, h2.events.StreamEnded):
                responses[stream].complete = True
            elif isinstance(event, h2.events.StreamReset):
                responses[stream].complete = False

        if self.open:
            if taken:
                self.h2.increment_flow_control_window(taken)
            self._flush()
