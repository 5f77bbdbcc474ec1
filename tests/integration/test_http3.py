# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Ranges and conditions as a browser asks for them over HTTP/3: each response is
compared with what the RFC allows (range_model.py), as in test_ranges.py.
"""

import itertools
import os
import random
import subprocess
import time

import pytest

import http3
import servers
from object_origin import ObjectOrigin
from range_model import Object, Request, Requests, http_date, problem
from servers import wait_for

COUNT = int(os.environ.get("XR_HTTP3_COUNT", 160))
SEED = os.environ.get("XR_RANGE_SEED", "1")

SLICE = 1 << 16
SIZE = 5 * SLICE + 123
MAX_RANGES = 8
AT_ONCE = 8
MODIFIED = 1700000000
NOW = int(time.time())                      # the origin's Date

OBJECTS = {
    "object.glb": Object(random.Random(1).randbytes(SIZE), '"object"', MODIFIED, NOW),
    "small.glb": Object(random.Random(2).randbytes(100), '"small"', MODIFIED, NOW),
    "empty.glb": Object(b"", '"empty"', MODIFIED, NOW),
    "large.glb": Object(random.Random(3).randbytes(SLICE) * 256, '"large"', MODIFIED, NOW),
}

KINDS = {"whole": "", "sliced": f"xr_slice {SLICE >> 10}k; xr_prefetch 2;"}
LOCATION = f"xr_auth public; {servers.CACHE} xr_max_ranges {MAX_RANGES};"

folders = (f"{os.getpid()}-{n}" for n in itertools.count(1))


@pytest.fixture(scope="module")
def web():
    with ObjectOrigin(OBJECTS) as origin:
        yield origin


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def both(web, web_edges, kind, tmp_path_factory):
    """An edge, and the browser that is connected with it."""

    subprocess.run([servers.TOP / "scripts" / "build-viewer", "tests"], check=True, timeout=300)

    folder = tmp_path_factory.mktemp("http3")
    port, cert, server = http3.listen(folder)
    edge = web_edges(web.tenants("acme"), server=server, location=LOCATION + KINDS[kind])

    with http3.Connection(port, cert, folder / "profile") as browser:
        yield edge, browser


@pytest.fixture
def edge(both):
    return both[0]


@pytest.fixture
def browser(both):
    return both[1]


def fresh(name):
    return f"/acme/{next(folders)}/{name}"


def right(browser, path, method="GET", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    response = browser.request(path, method, headers)
    wrong = problem(OBJECTS[path.rpartition("/")[2]], Request(method, headers), response,
                    MAX_RANGES)
    assert wrong is None, (path, method, headers, wrong)
    return response


CASES = {
    "the whole": (200, {}),
    "one byte": (206, {"Range": "bytes=0-0"}),
    "across an edge": (206, {"Range": f"bytes={SLICE - 1}-{SLICE}"}),
    "a slice in the middle": (206, {"Range": f"bytes={2 * SLICE}-{3 * SLICE - 1}"}),
    "open": (206, {"Range": f"bytes={SLICE + 5}-"}),
    "open from the start": (206, {"Range": "bytes=0-"}),
    "a suffix": (206, {"Range": "bytes=-70000"}),
    "a suffix beyond": (206, {"Range": f"bytes=-{SIZE + 1}"}),
    "beyond the end": (206, {"Range": f"bytes={SIZE - 1}-{SIZE + 9}"}),
    "behind the end": (416, {"Range": f"bytes={SIZE}-"}),
    "an empty suffix": (416, {"Range": "bytes=-0"}),
    "backwards": (200, {"Range": "bytes=9-5"}),
    "several": (206, {"Range": f"bytes=0-9,{SLICE - 5}-{2 * SLICE + 5},-20"}),
    "several of which one": (206, {"Range": f"bytes={SIZE}-,5-9"}),
    "if it is this": (206, {"Range": "bytes=5-9", "If-Range": '"object"'}),
    "if it was another": (200, {"Range": "bytes=5-9", "If-Range": '"other"'}),
    "if it is that old": (206, {"Range": "bytes=5-9", "If-Range": http_date(MODIFIED)}),
    "if it was older": (200, {"Range": "bytes=5-9", "If-Range": http_date(MODIFIED - 1)}),
    "if not this": (304, {"If-None-Match": '"object"'}),
    "a range if not this": (304, {"If-None-Match": '"object"', "Range": "bytes=5-9"}),
    "if not another": (200, {"If-None-Match": '"other"'}),
    "if not since": (304, {"If-Modified-Since": http_date(MODIFIED)}),
    "if this": (206, {"If-Match": '"object"', "Range": "bytes=-5"}),
    "if another": (412, {"If-Match": '"other"', "Range": "bytes=-5"}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_request_cold_and_warm(browser, case):
    status, headers = CASES[case]
    names = {name.replace("-", "_"): value for name, value in headers.items()}
    path, head = fresh("object.glb"), fresh("object.glb")

    # of HEAD there is no range (RFC 9110, section 14.2)
    bare = 200 if status in (206, 416) else status

    for _ in range(2):
        assert right(browser, path, **names).status == status
        assert right(browser, head, "HEAD", **names).status == bare


@pytest.mark.parametrize("name", ["small.glb", "empty.glb"])
def test_small_objects(browser, name):
    path = fresh(name)

    for _ in range(2):
        right(browser, path)
        right(browser, path, "HEAD")
        right(browser, path, Range="bytes=0-0")
        right(browser, path, Range="bytes=-1")
        right(browser, path, Range="bytes=200-")


def plain(request):
    """Whether a browser sends the headers as they are."""

    return all(value.isascii() and value.replace("\t", " ").isprintable()
               for value in request.headers.values())


@pytest.mark.parametrize("temperature", ["cold", "warm"])
def test_generated_requests(browser, kind, temperature):
    requests = Requests(f"{SEED}/{kind}/{temperature}/HTTP/3", SLICE, MAX_RANGES)
    obj = OBJECTS["object.glb"]
    warm = fresh("object.glb")
    wrong = []

    if temperature == "warm":
        right(browser, warm)

    generated = filter(plain, (requests.next(obj) for _ in range(COUNT)))

    while batch := list(itertools.islice(generated, AT_ONCE)):
        asked = [(warm if temperature == "warm" else fresh("object.glb"), request)
                 for request in batch]
        responses = browser.requests([(path, request.method, request.headers)
                                      for path, request in asked])

        for (path, request), response in zip(asked, responses, strict=True):
            found = problem(obj, request, response, MAX_RANGES)
            if found:
                wrong.append((path, request.method, request.headers, found))

    assert not wrong


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=70000-"}],
                         ids=["whole", "range"])
@pytest.mark.parametrize("temperature", ["cold", "warm"])
def test_a_stream_that_is_reset(edge, browser, headers, temperature):
    """The others of its connection go on, and what comes next is right."""

    path, body = fresh("large.glb"), OBJECTS["large.glb"].data
    first = 70000 if headers else 0

    if temperature == "warm":
        assert edge.get(path).body == body

    for take in (1, SLICE, 5 * SLICE + 1):
        broken = browser.request(path, headers=headers, take=take)
        assert broken.status == (206 if headers else 200)
        assert broken.body == body[first:first + len(broken.body)]
        assert take <= len(broken.body) < len(body) - first

        other = right(browser, fresh("object.glb"), Range="bytes=5-70000")
        assert other.status == 206

    assert right(browser, path).status == 200
    assert right(browser, path, **headers).body == body[first:]


def test_it_was_http3(edge, browser):
    """Of all that this browser got nothing came by another protocol."""

    path = fresh("object.glb")
    right(browser, path)
    wait_for("it is in the access log", lambda: path in edge.access_log())

    lines = [line for line in edge.access_log().splitlines() if "Chrome/" in line]
    assert lines and all("HTTP/3.0" in line for line in lines)
