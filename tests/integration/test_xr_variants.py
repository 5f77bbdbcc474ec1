# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr variants: what a manifest has, as a table and as a page with pictures."""

import base64
import html.parser
import itertools
import json
import shutil
import subprocess
import zlib

import pytest

import hostile
import jobs
import servers
from publishing import model, publisher, sha256

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    """A model that was packed, without its textures being touched."""

    folder = tmp_path_factory.mktemp("ball")
    (folder / "ball.glb").write_bytes(hostile.Model(12).file())
    jobs.xr("pack", "--out", folder / "out", "--tools", folder, folder / "ball.glb")
    return folder / "out"


class Page(html.parser.HTMLParser):
    """What a page shows, and what it asks for."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.cells, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.cells.append(data)


def test_a_table(ball):
    manifest = json.loads((ball / "manifest.json").read_text())
    for name in (ball, ball / "manifest.json"):
        out, err = jobs.xr("variants", name)
        assert err == ""
        for line, variant in zip(out.splitlines(), manifest["variants"], strict=True):
            assert line.split()[0] == variant["id"] and variant["sha256"][:12] in line
            assert f" {variant['tris']} " in line and f"{variant['maxdim']} px" in line
    assert "ql" not in out and " h2 h3" in out


def test_json(ball):
    manifest = json.loads((ball / "manifest.json").read_text())
    found = [json.loads(line) for line in jobs.xr("variants", "--json", ball)[0].splitlines()]
    for one, variant in zip(found, manifest["variants"], strict=True):
        same = ("id", "path", "bytes", "tris", "draws", "maxdim", "q", "sha256")
        assert {name: one[name] for name in same} == {name: variant[name] for name in same}
        assert one["enc"] == variant.get("enc", {})
    served = [name for one in found for name in one["classes"]]
    assert len(served) == len(set(served)) and {"x", "h0", "h3", "d3", "sv"} <= set(served)


def test_a_page_without_pictures(ball, tmp_path):
    """Where nothing draws, it says so."""

    page = tmp_path / "page.html"
    _, err = jobs.xr("variants", "--html", page, ball, env={"PATH": "/nowhere"})
    assert "no pictures: node is not there" in err
    shown = Page(page.read_text())
    assert shown.sources == [] and "img" not in shown.tags
    assert {v["id"] for v in json.loads((ball / "manifest.json").read_text())["variants"]} \
        <= set(shown.cells)


def test_names_cannot_be_markup(stack, redis, tmp_path):
    key = f"variants/<script>&\"{next(numbers)}.glb"
    with publisher(stack, redis) as xr:
        xr.worker.start()
        xr.publish(key, model(key))
        page = tmp_path / "page.html"
        xr("variants", "--html", page, key, env={"PATH": "/nowhere"})
    shown = Page(page.read_text())
    assert "script" not in shown.tags and key in "".join(shown.cells)


def pixels_of(png):
    """How many colours a picture has, a filter byte or more beside them."""

    data, at = b"", 8
    while at < len(png):
        size = int.from_bytes(png[at:at + 4])
        if png[at + 4:at + 8] == b"IDAT":
            data += png[at + 8:at + 8 + size]
        at += size + 12
    return len(set(zlib.decompress(data)))


@pytest.mark.skipif(not shutil.which("node") or not shutil.which("chromium"), reason="no Chromium")
def test_a_page_with_pictures(ball, tmp_path):
    subprocess.run([servers.TOP / "scripts" / "build-viewer"], check=True, timeout=300)
    page = tmp_path / "page.html"
    _, err = jobs.xr("variants", "--html", page, ball, timeout=400)
    assert err == ""
    shown = Page(page.read_text())
    manifest = json.loads((ball / "manifest.json").read_text())
    assert len(shown.sources) == len(manifest["variants"])
    for source in shown.sources:
        kind, _, text = source.partition(",")
        assert kind == "data:image/png;base64"
        assert pixels_of(base64.b64decode(text)) > 50


@pytest.mark.skipif(not shutil.which("node") or not shutil.which("chromium"), reason="no Chromium")
def test_what_cannot_be_drawn(stack, redis, tmp_path):
    """Variants of an origin, which are no models but by name."""

    subprocess.run([servers.TOP / "scripts" / "build-viewer"], check=True, timeout=300)
    key = f"variants/{next(numbers)}.glb"
    with publisher(stack, redis) as xr:
        xr.worker.start()
        xr.publish(key, model(key))
        page = tmp_path / "page.html"
        jobs.xr("variants", *xr.options, "--html", page, key, timeout=400)
    shown = Page(page.read_text())
    assert shown.sources == [] and sha256(model(key)) in shown.cells


def test_wrong_calls(ball, tmp_path):
    assert "one FILE" in jobs.xr("variants", status=2)[1]
    assert "missing" in jobs.xr("variants", tmp_path / "missing", status=1)[1]
    (tmp_path / "manifest.json").write_text("{")
    assert "manifest.json:1:" in jobs.xr("variants", tmp_path, status=1)[1]
    assert "page.html" in jobs.xr("variants", "--html", tmp_path / "no" / "page.html", ball,
                                  env={"PATH": "/nowhere"}, status=1)[1]


def test_an_object_without(stack, redis):
    with publisher(stack, redis) as xr:
        assert "it has no variants" in xr("variants", "nothing.glb", status=1)[1]
