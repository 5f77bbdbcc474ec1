# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What lies between an edge and its Redis, and does to answers what a test tells it to."""

import asyncio
import itertools
import threading

CUT = None                                  # in place of an answer's second half


class Proxy:
    """
    "target" is the port that new connections go to.  Answers come "delay"
    seconds late, and as what "mangle" makes of them: bytes, after which the
    connection ends if CUT comes with them.
    """

    def __init__(self, target):
        self.target = target
        self.delay = 0
        self.mangle = None                  # from the number of the connection, and its answers'
        self.connections = 0                # that Redis has accepted so far
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(20)
        return self

    def __exit__(self, *exc):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(20)

    async def _run(self):
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()

        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._started.set()
            await self._ended.wait()

    async def _serve(self, reader, writer):
        try:
            from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return

        try:
            ways = [asyncio.ensure_future(way) for way in
                    (self._ask(reader, to_redis), self._answer(from_redis, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            writer.transport.abort()
            to_redis.transport.abort()

    async def _ask(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)

    async def _answer(self, reader, writer):
        self.connections += 1
        connection = self.connections

        for n in itertools.count():
            data = await reader.read(65536)
            if not data:
                return

            data, *cut = self.mangle(connection, n, data) if self.mangle else [data]

            if self.delay:
                self._loop.call_later(self.delay, self._late, writer, data)
            else:
                writer.write(data)

            if cut:
                await writer.drain()
                return

    def _late(self, writer, data):
        if not writer.is_closing():
            writer.write(data)
