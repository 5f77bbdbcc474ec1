# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An object that is overwritten ten times a second while 50 clients read it, whole
and in parts: no response is of two versions, and none ends early as if it were
complete.  XR_FLIP_SECONDS is how long, for each kind of origin.
"""

import itertools
import os
import time

import pytest

import servers
import version_flip
from object_origin import ObjectOrigin
from range_model import Object, Request

SECONDS = float(os.environ.get("XR_FLIP_SECONDS", 2))

# one object, but so many entries of the cache, most of which are cold or old
TENANTS = [f"t{n}" for n in range(60)]

LOCATION = ("xr_auth public; xr_cache flips; xr_cache_valid 200 1s; xr_cache_valid 404 0;"
            f"xr_slice {version_flip.SLICE // 1024}k; xr_max_ranges {version_flip.MAX_RANGES};"
            "xr_prefetch 2;")
# versions are many, and NGINX complains when its memory of them is full
HTTP = "xr_cache_path flips keys_zone=flips:32m use_temp_path=off;"
SERVER = "keepalive_requests 1000000;"

LATE = 0.002                                # of an answer, so that versions come in between
# of the requests: the others are cut, as the object is gone before all of it was read
GOOD = 0.05
BAD = 0.25                                  # that may end as an error before the first byte


names = itertools.count(1)


class SlowOrigin(ObjectOrigin):
    """The version is that of the moment a request came in, whenever its bytes go out."""

    def _answer(self, request):
        sent = super()._answer(request)
        half = len(sent) // 2

        return [LATE, sent[:half], LATE, sent[half:]]

    def write(self, tags):
        def write(data, etag):
            now = int(time.time())
            self.objects["flip.glb"] = Object(data, etag if tags else None, now)

        return write


def hold(edge, key, flips):
    paths = [f"/{tenant}/{key}" for tenant in TENANTS]

    flips.flip()
    flips.run(edge.port, paths, SECONDS)
    assert flips.wrong == []

    count = flips.outcomes
    total = sum(count.values())
    good = count["whole"] + count["part"] + count["not there"]
    errors = sum(n for outcome, n in count.items() if outcome.startswith("error"))

    # what is cut before its first byte could have begun anew, or be an error
    assert count["nothing"] == 0, count
    assert good >= GOOD * total, count
    assert errors <= BAD * total, count
    assert len(flips.seen) > flips.version / 10, flips.seen

    settle(edge, paths, flips)


def settle(edge, paths, flips):
    """Once nothing changes, at most one more answer for a path is cut."""

    cuts = dict.fromkeys(paths, 0)

    def settled(path):
        response = edge.get(path)
        if not response.complete:
            cuts[path] += 1
            assert cuts[path] == 1, path
            return False

        outcome, version = flips.judge(Request("GET", {}), response)
        assert outcome == "whole", response
        return version == flips.version

    for path in paths:
        servers.wait_for(f"{path} has version {flips.version}", lambda path=path: settled(path))


def test_s3(stack, edges):
    edge = edges({tenant: "" for tenant in TENANTS}, location=LOCATION, server=SERVER,
                 http=HTTP)
    key = f"{next(stack.names)}-flip.glb"
    hold(edge, key, version_flip.Flips(lambda data, _: stack.put(data, key), writers=4))


@pytest.mark.parametrize("quirks, tags", [((), True), (("no if-match",), True), ((), False)],
                         ids=["If-Match", "no If-Match", "no ETag"])
def test_scripted(web_edges, quirks, tags):
    with SlowOrigin({}, {"flip.glb": quirks}) as origin:
        edge = web_edges(origin.tenants(*TENANTS), location=LOCATION, server=SERVER,
                         http=HTTP)
        hold(edge, "flip.glb", version_flip.Flips(origin.write(tags), tags))


class FickleOrigin(ObjectOrigin):
    """Has a new version for each request."""

    flips = None

    def _answer(self, request):
        self.flips.flip()
        return super()._answer(request)


@pytest.mark.parametrize("headers", [
    {}, {"Range": "bytes=0-99"}, {"Range": f"bytes={version_flip.SLICE - 50}-300000"},
    {"Range": "bytes=-100"}, {"Range": "bytes=0-99,100000-100099,-100"}], ids=str)
@pytest.mark.parametrize("quirks, tags", [((), True), (("no if-match",), True), ((), False),
                                          (("no ranges",), False), (("no ranges",), True)],
                         ids=["If-Match", "no If-Match", "no ETag", "nothing", "no ranges"])
@pytest.mark.parametrize("step", [1, len(version_flip.SIZES)], ids=["other size", "same size"])
def test_another_version_for_each_request(fickle, step, quirks, tags, headers):
    """What needs one request is right, and what needs two is no mixture."""

    origin, edge = fickle
    name = f"{next(names)}.glb"

    def write(data, etag):
        origin.objects[name] = Object(data, etag if tags else None, 1700000000)

    origin.quirks[name] = quirks
    origin.flips = flips = version_flip.Flips(write, tags, step)

    for _ in ("cold", "warm", "warm"):
        response = edge.get(f"/t0/{name}", headers=headers)
        outcome, _ = flips.judge(Request("GET", headers), response)
        if not tags or "no ranges" in quirks:
            assert outcome in ("whole", "part")


@pytest.fixture(scope="module")
def fickle(web_edges):
    with FickleOrigin({}) as origin:
        yield origin, web_edges(origin.tenants("t0"), location=LOCATION, server=SERVER,
                                http=HTTP)
