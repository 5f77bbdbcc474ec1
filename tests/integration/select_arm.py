# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The arm of a split, written from docs/formats.md and the paper of SipHash."""

MASK = 2**64 - 1
KEY = b"xr-select-split\0"


def _rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def _rounds(v, n):
    a, b, c, d = v
    for _ in range(n):
        a = (a + b) & MASK
        c = (c + d) & MASK
        b = _rotate(b, 13) ^ a
        d = _rotate(d, 16) ^ c
        a = _rotate(a, 32)
        c = (c + b) & MASK
        a = (a + d) & MASK
        b = _rotate(b, 17) ^ c
        d = _rotate(d, 21) ^ a
        c = _rotate(c, 32)
    return [a, b, c, d]


def siphash_128(key, message):
    """SipHash-2-4 of 128 bits."""
    k0, k1 = (int.from_bytes(key[i:i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) % 256])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i:i + 8], "little")
        v[3] ^= word
        v = _rounds(v, 2)
        v[0] ^= word
    out = b""
    for at, mark in ((2, 0xEE), (1, 0xDD)):
        v[at] ^= mark
        v = _rounds(v, 4)
        out += (v[0] ^ v[1] ^ v[2] ^ v[3]).to_bytes(8, "little")
    return out


def step(before, text):
    message = before.to_bytes(8, "little") + text.encode()
    return int.from_bytes(siphash_128(KEY, message)[:8], "little")


def seed(tenant, name, subject):
    """Who asks for what, as a number."""
    return step(step(step(0, tenant), name), subject)


def arm(split, number):
    """The arm that a seed is in."""
    at = step(number, split["salt"]) % sum(a["weight"] for a in split["arms"])
    for candidate in split["arms"]:
        at -= candidate["weight"]
        if at < 0:
            return candidate
    return None
