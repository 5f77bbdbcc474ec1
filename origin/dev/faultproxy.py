#!/usr/bin/python3
# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""faultproxy.py LISTEN_PORT ORIGIN_PORT CONTROL_PORT

An HTTP/1.1 proxy that misbehaves on demand.  Requests go to the origin byte
for byte, Host included, so the origin still checks every signature.

Control, on CONTROL_PORT:
  PUT /rules     a JSON list of rules; replaces the old ones and their counts
  DELETE /rules  behave again
  GET /rules     the rules, each with how often it has "matched"
  GET /log       the requests seen, oldest first; ?path=PART filters
  DELETE /log    forget them

A rule applies to the requests that fit all of "path" (part of the target),
"method" and "range" (part of the Range header); it lets the first "skip" of
them pass and then acts "times" times (1; 0: always).  The first rule that
fits acts.  What it can do:

  instead of asking the origin
    delay: s           wait first
    status: n          answer this, with "headers" {} and "body"
    close, reset: true drop the connection, by FIN or by RST
    raw: text          send this as it is, and close
  to the request
    ignore_range: true take the Range header away
  to the head of the response
    set: {name: value}, drop: [name], etag_seq: [etag, ...] (in turn)
    head_delay: s      send it byte by byte, with this pause
  to the body (unless chunked), offsets counted from its start
    truncate: n, reset_at: n, corrupt_at: n, stall_at: n (for "stall" s)
    rate: bytes/s      split: bytes per write
"""

import asyncio
import dataclasses
import json
import socket
import struct
import sys
import time
import typing
import urllib.parse

LIMIT = 1 << 20


@dataclasses.dataclass
class Rule:
    path: str = ""
    method: str = ""
    range: str = ""
    skip: int = 0
    times: int = 1
    matched: int = 0

    delay: float = 0
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: str = ""
    close: bool = False
    reset: bool = False
    raw: typing.Optional[str] = None

    ignore_range: bool = False

    set: dict = dataclasses.field(default_factory=dict)
    drop: list = dataclasses.field(default_factory=list)
    etag_seq: list = dataclasses.field(default_factory=list)
    head_delay: float = 0

    truncate: typing.Optional[int] = None
    reset_at: typing.Optional[int] = None
    corrupt_at: typing.Optional[int] = None
    stall_at: typing.Optional[int] = None
    stall: float = 5
    rate: float = 0
    split: int = 65536

    def fits(self, head):
        return (self.path in head.target
                and self.method in ("", head.method)
                and self.range in head.headers.get("range", ""))

    def acts(self):
        """Counts a request that fits; says whether it is to be disturbed."""
        self.matched += 1
        turn = self.matched - self.skip
        return turn >= 1 and (self.times == 0 or turn <= self.times)

    def edits(self):
        """The headers to set, with the ETag whose turn it is."""
        headers = dict(self.set)
        if self.etag_seq:
            turn = self.matched - self.skip - 1
            headers["ETag"] = self.etag_seq[turn % len(self.etag_seq)]
        return headers

    def shown(self):
        """What was given, without the defaults."""
        blank = dataclasses.asdict(Rule())
        return {name: value for name, value
                in dataclasses.asdict(self).items() if value != blank[name]}


CALM = Rule()


class Head:
    """The head of a message: its bytes, and a view of them."""

    def __init__(self, raw):
        self.raw = raw
        self.lines = raw[:-4].split(b"\r\n")
        self.headers = {}
        for line in self.lines[1:]:
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()

        self.start = self.lines[0].decode("latin-1").split(" ")

    @classmethod
    async def read(cls, reader):
        return cls(await reader.readuntil(b"\r\n\r\n"))

    @property
    def method(self):
        return self.start[0]

    @property
    def target(self):
        return self.start[1]

    @property
    def status(self):
        return int(self.start[1])

    @property
    def chunked(self):
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    def edited(self, headers, drop):
        """The same head with headers replaced or taken away."""
        gone = {name.lower() for name in (*headers, *drop)}
        kept = [line for line in self.lines[1:]
                if line.split(b":")[0].strip().lower().decode() not in gone]
        added = [f"{name}: {value}".encode("latin-1")
                 for name, value in headers.items()]
        return Head(b"\r\n".join([self.lines[0], *kept, *added])
                    + b"\r\n\r\n")


class Broken(Exception):
    """The connection ends here, by intention."""


def reset(writer):
    linger = struct.pack("ii", 1, 0)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def disturb(data, sent, writer, rule):
    """The next piece of a body, spoilt where the rule says so."""

    def here(offset):
        return offset is not None and sent <= offset < sent + len(data)

    if here(rule.corrupt_at):
        at = rule.corrupt_at - sent
        data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1:]

    if here(rule.stall_at):
        at = rule.stall_at - sent
        writer.write(data[:at])
        await writer.drain()
        await asyncio.sleep(rule.stall)
        data, sent = data[at:], sent + at

    if here(rule.truncate):
        writer.write(data[:rule.truncate - sent])
        await writer.drain()
        raise Broken("close")

    if here(rule.reset_at):
        writer.write(data[:rule.reset_at - sent])
        await writer.drain()

        # a reset overtakes what the peer has not read yet
        await asyncio.sleep(0.05)
        raise Broken("reset")

    return data


async def relay_chunked(reader, writer):
    while True:
        line = await reader.readline()
        size = int(line.split(b";")[0], 16)
        writer.write(line + await reader.readexactly(size + 2))
        await writer.drain()
        if size == 0:
            return


async def relay(reader, writer, length, rule):
    """Passes "length" bytes on, or everything up to the end if it is None."""
    sent = 0
    step = rule.split
    if rule.rate:
        step = max(1, min(step, int(rule.rate / 20)))

    while length is None or sent < length:
        left = step if length is None else min(step, length - sent)
        data = await reader.read(left)
        if not data:
            return

        out = await disturb(data, sent, writer, rule)
        writer.write(out)
        await writer.drain()
        sent += len(data)

        if rule.rate:
            await asyncio.sleep(len(data) / rule.rate)


async def relay_request_body(head, reader, writer):
    try:
        if head.chunked:
            await relay_chunked(reader, writer)
        else:
            length = int(head.headers.get("content-length", 0))
            await relay(reader, writer, length, CALM)
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        pass                    # the response tells how it ends


async def read_response(head, reader, writer):
    """The final response head; interim ones are passed on at once."""
    while True:
        answer = await Head.read(reader)
        if answer.status != 100:
            return answer
        writer.write(answer.raw)
        await writer.drain()


async def send_head(raw, writer, rule):
    if not rule.head_delay:
        writer.write(raw)
        return

    for i in range(len(raw)):
        writer.write(raw[i:i + 1])
        await writer.drain()
        await asyncio.sleep(rule.head_delay)


async def send_response(head, answer, origin, writer, rule):
    """Returns whether the client's connection can be used again."""
    empty = head.method == "HEAD" or answer.status in (204, 304)
    length = answer.headers.get("content-length")

    edited = answer.edited(rule.edits(), rule.drop) \
        if rule.edits() or rule.drop else answer
    await send_head(edited.raw, writer, rule)

    if not empty:
        if answer.chunked:
            await relay_chunked(origin, writer)
        else:
            await relay(origin, writer,
                        None if length is None else int(length), rule)

    await writer.drain()

    delimited = answer.chunked or "content-length" in edited.headers
    return ((empty or delimited)
            and answer.headers.get("connection", "").lower() != "close")


class Proxy:
    def __init__(self, origin_port):
        self.origin_port = origin_port
        self.rules = []
        self.log = []

    def rule_for(self, head):
        for rule in self.rules:
            if rule.fits(head) and rule.acts():
                return rule
        return CALM

    async def serve(self, reader, writer):
        try:
            while await self.exchange(reader, writer):
                pass
        except Broken as end:
            if str(end) == "reset":
                reset(writer)
        except (ConnectionError, asyncio.IncompleteReadError,
                asyncio.LimitOverrunError, ValueError, IndexError):
            pass                # a peer went away, or does not speak HTTP
        finally:
            writer.close()

    async def exchange(self, reader, writer):
        head = await Head.read(reader)
        rule = self.rule_for(head)
        entry = {"time": time.time(), "method": head.method,
                 "path": head.target, "headers": head.headers,
                 "fault": rule.shown(), "status": 0}
        self.log.append(entry)

        if rule.delay:
            await asyncio.sleep(rule.delay)
        if rule.close:
            raise Broken("close")
        if rule.reset:
            raise Broken("reset")
        if rule.raw is not None:
            writer.write(rule.raw.encode("latin-1"))
            await writer.drain()
            raise Broken("close")
        if rule.status:
            return await self.answer(head, reader, writer, rule)

        return await self.ask_origin(head, reader, writer, rule, entry)

    async def answer(self, head, reader, writer, rule):
        """Speaks for the origin."""
        length = int(head.headers.get("content-length", 0))
        await reader.readexactly(length)

        body = rule.body.encode()
        headers = {"Content-Length": len(body), **rule.headers}
        lines = [f"HTTP/1.1 {rule.status} Fault"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

        if head.method != "HEAD":
            writer.write(body)

        await writer.drain()
        return True

    async def ask_origin(self, head, reader, writer, rule, entry):
        if rule.ignore_range:
            head = head.edited({}, ["Range"])

        origin, out = await asyncio.open_connection(
            "127.0.0.1", self.origin_port, limit=LIMIT)
        out.write(head.raw)
        await out.drain()

        # the origin may answer before it has read everything
        upload = asyncio.ensure_future(relay_request_body(head, reader, out))
        try:
            answer = await read_response(head, origin, writer)
            entry["status"] = answer.status
            again = await send_response(head, answer, origin, writer, rule)
            return again and upload.done()
        finally:
            upload.cancel()
            out.close()

    async def control(self, reader, writer):
        try:
            head = await Head.read(reader)
            length = int(head.headers.get("content-length", 0))
            body = await reader.readexactly(length)
            status, value = self.command(head, body)
            out = json.dumps(value).encode() + b"\n"
            writer.write(b"HTTP/1.1 %d Control\r\nContent-Length: %d\r\n"
                         b"Content-Type: application/json\r\n"
                         b"Connection: close\r\n\r\n" % (status, len(out))
                         + out)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def command(self, head, body):
        target = urllib.parse.urlsplit(head.target)
        request = (head.method, target.path)

        if request == ("PUT", "/rules"):
            try:
                self.rules = [Rule(**rule) for rule in json.loads(body)]
            except (ValueError, TypeError) as error:
                return 400, {"error": str(error)}
            return 200, []

        if request == ("GET", "/rules"):
            return 200, [rule.shown() for rule in self.rules]

        if request == ("DELETE", "/rules"):
            self.rules = []
            return 200, []

        if request == ("GET", "/log"):
            part = urllib.parse.parse_qs(target.query).get("path", [""])[0]
            return 200, [e for e in self.log if part in e["path"]]

        if request == ("DELETE", "/log"):
            self.log.clear()
            return 200, []

        return 404, {"error": "no such command"}


async def main(listen_port, origin_port, control_port):
    proxy = Proxy(origin_port)
    servers = [
        await asyncio.start_server(proxy.serve, "127.0.0.1", listen_port,
                                   limit=LIMIT),
        await asyncio.start_server(proxy.control, "127.0.0.1", control_port,
                                   limit=LIMIT),
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    asyncio.run(main(*map(int, sys.argv[1:])))
