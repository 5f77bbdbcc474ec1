# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""KTX2 and GLB files: real ones by npm's encoder, kept in build/, and synthetic ones."""

import json
import os
import struct
import subprocess

import servers

SCRIPT = servers.TOP / "tests" / "integration" / "ktx2.mjs"
KEPT = servers.BUILD / "test" / "ktx2"

IDENTIFIER = b"\xabKTX 20\xbb\r\n\x1a\n"
FORMAT = struct.pack("<I", 44) + b"\0" * 16 + b"\x10" + b"\0" * 23


def made(npm, width, height, codec, kind="2d", slices=1, alpha="opaque"):
    """A texture that the Basis encoder made, now or before."""

    KEPT.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in (width, height, codec, kind, slices, alpha)]
    path = KEPT / ("-".join(words) + ".ktx2")

    if not path.exists():
        new = path.with_suffix(f".{os.getpid()}")
        subprocess.run(["node", SCRIPT, "make", npm, new, *words], check=True, timeout=300,
                       stdout=subprocess.DEVNULL)
        new.rename(path)

    return path.read_bytes()


def pixels(viewer, path):
    """Of each image of a file, its size and place, and a hash of what it transcodes to."""

    done = subprocess.run(["node", SCRIPT, "hash", viewer / "basis" / "basis_transcoder.js", path],
                          check=True, timeout=120, capture_output=True, text=True)
    return done.stdout.splitlines()


def texture(width, height, sizes, scheme=2, images=1, values=b"", faces=1, layers=0):
    """A KTX2 file with levels of so many random bytes, the largest first."""

    levels = [os.urandom(size) for size in sizes]
    at = 80 + 24 * len(levels)
    head_end = at + len(FORMAT) + len(values)
    glob = b""

    if scheme == 1:
        head_end += -head_end % 8
        glob = struct.pack("<HHIIII", 1, 1, 8, 8, 8, 0)
        glob += os.urandom(20 * images * len(levels)) + os.urandom(24)

    index, data = [], b""
    start = head_end + len(glob)
    if scheme == 0:
        start += -start % 16

    for level in reversed(levels):
        if scheme == 0:
            data += b"\0" * (-len(data) % 16)
        index.insert(0, struct.pack("<QQQ", start + len(data), len(level), len(level)))
        data += level

    head = IDENTIFIER + struct.pack("<9I", 0, 1, width, height, 0, layers, faces, len(levels),
                                    scheme)
    head += struct.pack("<4I2Q", at, len(FORMAT), at + len(FORMAT) if values else 0, len(values),
                        head_end if glob else 0, len(glob))
    head += b"".join(index) + FORMAT + values
    head += b"\0" * (head_end - len(head)) + glob

    return head + b"\0" * (start - len(head)) + data, levels


def levels_of(data):
    """What a file says of itself: width, height, and its levels, the largest first."""

    width, height = struct.unpack_from("<2I", data, 20)
    count = struct.unpack_from("<I", data, 40)[0]
    levels = []

    for i in range(count):
        offset, length, _ = struct.unpack_from("<3Q", data, 80 + 24 * i)
        levels.append(data[offset:offset + length])
        assert offset + length <= len(data)

    return width, height, levels


def model(geometry, images=b"", first="geometry", **more):
    """A GLB file with a buffer view for geometry, and one for an image."""

    geometry += b"\0" * (-len(geometry) % 4)
    parts = [geometry, images] if first == "geometry" else [images, geometry]
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": len(parts[0])},
             {"buffer": 0, "byteOffset": len(parts[0]), "byteLength": len(parts[1])}]
    image = 1 if first == "geometry" else 0
    text = {"asset": {"version": "2.0"}, "buffers": [{"byteLength": len(b"".join(parts))}],
            "bufferViews": views if images else views[:1], **more}
    if images:
        text["images"] = [{"bufferView": image, "mimeType": "image/png"}]

    raw = json.dumps(text).encode()
    raw += b" " * (-len(raw) % 4)
    binary = b"".join(parts)
    binary += b"\0" * (-len(binary) % 4)
    head = 12 + 8 + len(raw) + 8 + len(geometry)

    return (struct.pack("<4sII", b"glTF", 2, 28 + len(raw) + len(binary))
            + struct.pack("<II", len(raw), 0x4e4f534a) + raw
            + struct.pack("<II", len(binary), 0x004e4942) + binary), head
