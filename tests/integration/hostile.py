# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Models, textures and archives as somebody would upload them who means no good, and small ones
that are good. The same seed makes the same ones.
"""

import copy
import io
import json
import math
import random
import struct
import zipfile
import zlib


def png(width, height, shade=0, claim=None):
    """Stripes; "claim": what the header says in place of its size."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    rows = b"".join(b"\0" + bytes((x * 8 + shade & 255, y * 8 & 255, 128)[c]
                                  for x in range(width) for c in range(3)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">2I5B", *(claim or (width, height)), 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def glb(document, binary=b""):
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    return (struct.pack("<4s2I", b"glTF", 2, 28 + len(text) + len(binary))
            + struct.pack("<I4s", len(text), b"JSON") + text
            + struct.pack("<I4s", len(binary), b"BIN\0") + binary)


class Model:
    """A sphere with a seam, two images and an animation."""

    def __init__(self, rings=24, edge=32, images=2):
        self.binary = b""
        self.views, self.accessors = [], []
        points = [(math.sin(math.pi * r / rings) * math.cos(2 * math.pi * s / rings),
                   math.cos(math.pi * r / rings),
                   math.sin(math.pi * r / rings) * math.sin(2 * math.pi * s / rings))
                  for r in range(rings + 1) for s in range(rings + 1)]
        texture = [(s / rings, r / rings) for r in range(rings + 1) for s in range(rings + 1)]
        corners = [corner for r in range(rings) for s in range(rings)
                   for at in [r * (rings + 1) + s]
                   for corner in (at, at + 1, at + rings + 1,
                                  at + 1, at + rings + 2, at + rings + 1)]

        bounds = list(zip(*self.f32(points)))
        position = self.accessor("<3f", points, 5126, "VEC3", min=[min(c) for c in bounds],
                                 max=[max(c) for c in bounds])
        normal = self.accessor("<3f", points, 5126, "VEC3")
        coordinate = self.accessor("<2f", texture, 5126, "VEC2")
        indices = self.accessor("<H", [(c,) for c in corners], 5123, "SCALAR")
        times = self.accessor("<f", [(0.0,), (1.0,)], 5126, "SCALAR", min=[0.0], max=[1.0])
        places = self.accessor("<3f", [(0, 0, 0), (0, 1, 0)], 5126, "VEC3")

        self.document = {
            "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}],
            "nodes": [{"children": [1], "name": "top"},
                      {"mesh": 0, "translation": [0.1, 0.2, 0.3]}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": position, "NORMAL": normal,
                                                       "TEXCOORD_0": coordinate},
                                        "indices": indices, "material": 0}]}],
            "materials": [{"pbrMetallicRoughness": {}}],
            "animations": [{"samplers": [{"input": times, "output": places}],
                            "channels": [{"sampler": 0, "target": {"node": 0,
                                                                   "path": "translation"}}]}],
            "bufferViews": self.views, "accessors": self.accessors,
        }

        if images:
            self.document["images"] = [{"bufferView": self.view(png(edge, edge, n * 40)),
                                        "mimeType": "image/png"} for n in range(images)]
            self.document["textures"] = [{"source": n} for n in range(images)]
            self.document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
            if images > 1:
                self.document["materials"][0]["normalTexture"] = {"index": 1}

        self.document["buffers"] = [{"byteLength": len(self.binary)}]

    @staticmethod
    def f32(points):
        return [struct.unpack("<3f", struct.pack("<3f", *p)) for p in points]

    def view(self, data):
        self.binary += b"\0" * (-len(self.binary) % 4)
        self.views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)})
        self.binary += data
        return len(self.views) - 1

    def accessor(self, form, rows, component, kind, **more):
        data = b"".join(struct.pack(form, *row) for row in rows)
        self.accessors.append({"bufferView": self.view(data), "componentType": component,
                               "count": len(rows), "type": kind, **more})
        return len(self.accessors) - 1

    def file(self, change=None):
        document = copy.deepcopy(self.document)
        if change:
            change(document)
        return glb(document, self.binary)


def usdz(entries, compression=zipfile.ZIP_STORED, align=64):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            extra = -(out.tell() + 30 + len(name)) % align
            extra += align if 0 < extra < 4 else 0
            info.extra = struct.pack("<2H", 0x1986, extra - 4) + bytes(extra - 4) if extra else b""
            archive.writestr(info, data)
    return out.getvalue()


SCENE = b"#usda 1.0\n" + b" " * 100


def fields(value):
    """Every integer in a document: the container and the key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, int) and not isinstance(item, bool):
            yield value, key
        yield from fields(item)


LIES = [-1, 0, 1, 3, 255, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53,
        2 ** 64, 10 ** 30, 1.5, 1e300, None, "7", [], {}, True]


def crafted():
    """What is wrong on purpose, and has to be refused: (name, change of the document)."""
    def put(path, value):
        def change(document):
            *way, last = path
            for step in way:
                document = document[step]
            document[last] = value
        return change

    deep = {}
    for _ in range(40):
        deep = {"extras": deep}

    return [
        ("a node that is its own child", put(["nodes", 1, "children"], [0])),
        ("a ring of itself", put(["nodes", 0, "children"], [0])),
        ("two parents", put(["nodes"], [{"children": [2]}, {"children": [2]}, {"mesh": 0}])),
        ("an index of no node", put(["scenes", 0, "nodes"], [99])),
        ("a view beyond the buffer", put(["bufferViews", 0, "byteLength"], 2 ** 31)),
        ("a view that wraps around", put(["bufferViews", 0, "byteOffset"], 2 ** 32 - 4)),
        ("four thousand million vertices", put(["accessors", 0, "count"], 2 ** 32 - 1)),
        ("an accessor beyond its view", put(["accessors", 0, "byteOffset"], 4)),
        ("zeros without end", put(["accessors", 0], {"componentType": 5126, "count": 2 ** 31,
                                                     "type": "MAT4"})),
        ("indices of other vertices", put(["accessors", 3, "bufferView"], 0)),
        ("no such type", put(["accessors", 0, "type"], "VEC5")),
        ("an image elsewhere", put(["images", 0], {"uri": "https://192.0.2.1/a.png"})),
        ("an image in the URI", put(["images", 0], {"uri": "data:image/png;base64,AAAA"})),
        ("a buffer elsewhere", put(["buffers", 0, "uri"], "../../etc/passwd")),
        ("an image that is geometry", put(["images", 0, "bufferView"], 0)),
        ("Draco", put(["extensionsRequired"], ["KHR_draco_mesh_compression"])),
        ("an extension of nobody", put(["extensionsRequired"], ["ACME_script"])),
        ("nested without end", put(["nodes", 0, "extras"], deep)),
        ("glTF 3", put(["asset", "version"], "3.0")),
        ("a sampler of no accessor", put(["animations", 0, "samplers", 0, "input"], 77)),
        ("damaged compression", lambda d: d["bufferViews"][0].update(
            byteLength=d["accessors"][0]["count"] * 12,
            extensions={"EXT_meshopt_compression": {
                "buffer": 0, "byteOffset": 0, "byteLength": 999, "byteStride": 12,
                "count": d["accessors"][0]["count"], "mode": "ATTRIBUTES"}})),
        ("compression that unfolds without end", lambda d: d["bufferViews"][0].update(
            byteLength=4 * 10 ** 9,
            extensions={"EXT_meshopt_compression": {
                "buffer": 0, "byteOffset": 0, "byteLength": 999, "byteStride": 4,
                "count": 10 ** 9, "mode": "ATTRIBUTES"}})),
    ]


def heavy():
    """Small files that could become much work: they may be refused or not, but within limits."""
    def primitives(document):
        mesh = document["meshes"][0]
        mesh["primitives"] = mesh["primitives"] * 5000

    def overlapping(document):
        view = {"buffer": 0, "byteLength": document["buffers"][0]["byteLength"]}
        document["bufferViews"] += [view] * 2000
        for n in range(2000):
            document["accessors"].append({"bufferView": len(document["bufferViews"]) - 1 - n,
                                          "componentType": 5121, "type": "SCALAR",
                                          "count": document["buffers"][0]["byteLength"]})

    def instances(document):
        document["nodes"] = [{"mesh": 0} for _ in range(5000)]

    def chain(document):
        document["nodes"] = [{"children": [n + 1]} for n in range(5000)] + [{"mesh": 0}]

    return [("five thousand primitives", primitives), ("overlapping accessors", overlapping),
            ("five thousand nodes", instances), ("a chain of nodes", chain)]


def bombs():
    """Whole files that have to be refused."""
    huge = Model(4)
    start = huge.binary.find(b"\x89PNG")
    picture = png(4, 4, claim=(100000, 100000))
    huge.binary = huge.binary[:start] + picture + huge.binary[start + len(picture):]
    yield "a picture of ten thousand million pixels", "glb", huge.file()

    twice = json.dumps(Model(4).document).encode()[:-1] + b',"scene":0}'
    yield "a member twice", "glb", glb(twice, Model(4).binary)
    yield "JSON of nothing", "glb", glb(b"")
    yield "brackets", "glb", glb(b"[" * 100000)
    yield "no chunk", "glb", struct.pack("<4s2I", b"glTF", 2, 12)
    yield "empty", "glb", b""
    yield "an archive", "glb", usdz([("a.usda", SCENE)])

    yield "a bomb", "usdz", usdz([("a.usda", b"\0" * 10 ** 7)], zipfile.ZIP_DEFLATED)
    yield "not aligned", "usdz", usdz([("a.usda", SCENE), ("b.usda", SCENE)], align=16)[:-1] + b"\0"
    yield "a way out", "usdz", usdz([("a.usda", SCENE), ("../../b.png", png(2, 2))])
    yield "a program", "usdz", usdz([("a.usda", SCENE), ("run.sh", b"#!/bin/sh\n")])
    yield "no picture", "usdz", usdz([("a.usda", SCENE), ("b.png", b"nothing")])
    yield "a huge picture", "usdz", usdz([("a.usda", SCENE), ("b.png", png(2, 2, claim=(9000, 2)))])
    yield "no scene", "usdz", usdz([("b.png", png(2, 2))])
    yield "with a comment", "usdz", usdz([("a.usda", SCENE)])[:-2] + b"\2\0hi"
    yield "KTX2 of nothing", "ktx2", b"\xabKTX 20\xbb\r\n\x1a\n" + b"\xff" * 200
    yield "another type", "exe", b"MZ"


def mutations(seed, texture):
    """(name, extension, bytes): cut, changed and lying ones, without end."""
    chance = random.Random(seed)
    model = Model(10, 8)
    sources = {"glb": model.file(), "usdz": usdz([("a.usda", SCENE), ("t/b.png", png(4, 4))]),
               "ktx2": texture}

    while True:
        kind = chance.choice(["glb", "glb", "usdz", "ktx2"])
        data = bytearray(sources[kind])
        way = chance.choice(["cut", "flip", "header", "lie", "lie"] if kind == "glb"
                            else ["cut", "flip", "header"])

        if way == "cut":
            data = data[:chance.randrange(len(data))]

        elif way == "flip":
            for _ in range(chance.randint(1, 20)):
                data[chance.randrange(len(data))] = chance.randrange(256)

        elif way == "header":
            at = chance.randrange(0, min(len(data), 200) - 4)
            struct.pack_into("<I", data, at, chance.choice([0, 1, 2 ** 31, 2 ** 32 - 1,
                                                            chance.getrandbits(32)]))

        else:
            document = copy.deepcopy(model.document)
            for _ in range(chance.randint(1, 3)):
                holder, key = chance.choice(list(fields(document)))
                holder[key] = chance.choice(LIES)
            data = glb(document, model.binary)

        yield way, kind, bytes(data)
