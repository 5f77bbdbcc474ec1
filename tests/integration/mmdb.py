# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Writes MaxMind DB files (version 2.0 of the format), good ones and bad ones, so
that tests need no database of anybody's.
"""

import ipaddress
import struct
import time

MARKER = b"\xab\xcd\xefMaxMind.com"


class Pointer(int):
    """To an offset of the data section."""


class Uint16(int):
    pass


class Uint64(int):
    pass


def _control(kind, size):
    first = kind << 5 if kind <= 7 else 0
    extended = b"" if kind <= 7 else bytes([kind - 7])

    if size < 29:
        return bytes([first | size]) + extended
    if size < 285:
        return bytes([first | 29]) + extended + bytes([size - 29])
    if size < 65821:
        return bytes([first | 30]) + extended + struct.pack(">H", size - 285)
    return bytes([first | 31]) + extended + struct.pack(">I", size - 65821)[1:]


def encode(value):
    if isinstance(value, Pointer):
        return bytes([1 << 5 | 3 << 3]) + struct.pack(">I", value)
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, int):
        kind, size = {Uint16: (5, 2), Uint64: (9, 8)}.get(type(value), (6, 4))
        raw = int(value).to_bytes(size, "big").lstrip(b"\0")
        return _control(kind, len(raw)) + raw
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encode, value))
    return value                            # bytes, as they are


def country(code, continent=None, **more):
    """A record of a database of countries."""

    record = {"country": {"geoname_id": 1, "iso_code": code, "names": {"en": code}}, **more}
    if continent:
        record["continent"] = {"code": continent, "names": {"en": continent}}
    return record


def metadata(nodes, record_size, version, built=None, kind="Test-Country", **more):
    return {"binary_format_major_version": Uint16(2), "binary_format_minor_version": Uint16(0),
            "build_epoch": Uint64(int(time.time()) if built is None else built),
            "database_type": kind, "description": {"en": "a test"}, "ip_version": Uint16(version),
            "languages": ["en"], "node_count": nodes, "record_size": Uint16(record_size), **more}


def _tree(networks, version):
    """Nodes as pairs of None, the number of a node, or a record in a tuple."""

    nodes = [[None, None]]

    for network, record in networks.items():
        net = ipaddress.ip_network(network)
        number, bits = int(net.network_address), net.max_prefixlen
        prefix = net.prefixlen

        if version == 6 and net.version == 4:
            bits, prefix = 128, prefix + 96

        node = 0
        for depth in range(prefix):
            side = number >> (bits - 1 - depth) & 1
            if depth == prefix - 1:
                nodes[node][side] = (record,)
                break
            below = nodes[node][side]
            if not isinstance(below, int):
                nodes.append([below, below])
                below = nodes[node][side] = len(nodes) - 1
            node = below

    return nodes


def _node(pair, size):
    left, right = pair

    if size == 24:
        return struct.pack(">I", left)[1:] + struct.pack(">I", right)[1:]
    if size == 28:
        return (struct.pack(">I", left)[1:]
                + bytes([(left >> 24) << 4 | right >> 24]) + struct.pack(">I", right)[1:])
    return struct.pack(">II", left, right)


def database(networks, version=6, size=28, aliases=False, data=None, **meta):
    """
    The bytes of a database: "networks" maps them to records, longer prefixes
    last.  "data" is put in front of the records, for pointers.
    """

    nodes = _tree(networks, version)
    section = bytearray(data or b"")
    offsets = {}
    pairs = []

    if aliases:                             # 6to4: 2002::/16 is the tree of IPv4
        four = 0
        for _ in range(96):
            four = nodes[four][0]
        nodes = _alias(nodes, 0x2002, 16, four)

    for pair in nodes:
        values = []
        for side in pair:
            if side is None:
                values.append(len(nodes))
            elif isinstance(side, int):
                values.append(side)
            else:
                raw = encode(side[0])
                if raw not in offsets:
                    offsets[raw] = len(section)
                    section += raw
                values.append(len(nodes) + 16 + offsets[raw])
        pairs.append(_node(values, size))

    return (b"".join(pairs) + bytes(16) + section + MARKER
            + encode(metadata(len(nodes), size, version, **meta)))


def _alias(nodes, prefix, bits, target):
    node = 0
    for depth in range(bits):
        side = prefix >> (bits - 1 - depth) & 1
        if depth == bits - 1:
            nodes[node][side] = target
            break
        if not isinstance(nodes[node][side], int):
            nodes.append([None, None])
            nodes[node][side] = len(nodes) - 1
        node = nodes[node][side]
    return nodes
