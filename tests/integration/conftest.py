# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
The fixtures.  "stack" is the development stack as "make run" starts it; one per
worker process of pytest, since its S3 server takes seconds to start.  "edges"
starts further NGINXes that share its S3 server and fault proxy, each with the
configuration that a test needs.  What either leaves in a log is checked when
it ends.
"""

import subprocess
import tempfile

import pytest

# their assertions are to explain themselves as those of tests do
pytest.register_assert_rewrite("servers", "http1")

import redis_server                         # noqa: E402
import scripted                             # noqa: E402
import servers                              # noqa: E402


@pytest.fixture(scope="session")
def stack():
    # not below pytest's folder: the paths of sockets must be short
    folder = tempfile.mkdtemp(prefix="xr-stack-")

    try:
        stack = servers.Stack(folder)
    except BaseException:
        servers.stack("down", folder)
        raise

    yield stack
    stack.down()
    servers.remove(folder)


def _edges(**defaults):
    """What a fixture yields, and does afterwards: a function that starts an edge."""

    started = []

    def start(tenants, **options):
        folder = tempfile.mkdtemp(prefix="xr-edge-")
        edge = servers.Edge(folder, tenants, **{**defaults, **options})
        started.append(edge)
        edge.start()
        return edge

    yield start

    problems = []

    for edge in started:
        try:
            edge.stop()
            servers.remove(edge.folder)
        except Exception as error:          # the others have to stop, too
            problems.append(f"{edge.folder}: {error}")

    assert problems == []


@pytest.fixture(scope="module")
def edges(stack):
    """Edges for a module's tests, in front of the stack's S3 server."""

    credentials = (f"[default]\naws_access_key_id = {stack['s3_access_key']}\n"
                   f"aws_secret_access_key = {stack['s3_secret_key']}\n")

    yield from _edges(origin=stack.origin, credentials=credentials)


@pytest.fixture(scope="module")
def web():
    """An origin without a stack: see scripted.py."""

    with scripted.Origin() as origin:
        yield origin


@pytest.fixture(scope="module")
def web_edges(web):
    """Edges for a module's tests, in front of that origin."""

    yield from _edges(origin=web.url)


@pytest.fixture(scope="session")
def npm():
    """The folder of the public signers, which are installed when they are not."""

    subprocess.run([servers.TOP / "scripts" / "build-viewer", "recipes"], check=True, timeout=300)
    return servers.BUILD / "recipes"


@pytest.fixture(scope="module")
def shared_redis():
    with redis_server.redis_server() as server:
        yield server


@pytest.fixture
def redis(shared_redis):
    """With nothing in it."""

    shared_redis("FLUSHALL")
    return shared_redis


@pytest.fixture
def faults(stack):
    """The fault proxy, which forgets its rules after the test."""

    yield stack.faults
    stack.faults.rules([])
