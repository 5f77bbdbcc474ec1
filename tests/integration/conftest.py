# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
The fixtures.  "stack" is the development stack as "make run" starts it; one per
worker process of pytest, since its S3 server takes seconds to start.  "edges"
starts further NGINXes that share its S3 server and fault proxy, each with the
configuration that a test needs.  What either leaves in a log is checked when
it ends.
"""

import tempfile

import pytest

# their assertions are to explain themselves as those of tests do
pytest.register_assert_rewrite("servers", "http1")

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


@pytest.fixture(scope="module")
def edges(stack):
    """A function that starts an edge, which lives as long as the module's tests."""

    started = []

    def start(tenants, **options):
        folder = tempfile.mkdtemp(prefix="xr-edge-")
        options.setdefault("origin", stack.origin)
        options.setdefault("credentials",
                           f"[default]\naws_access_key_id = {stack['s3_access_key']}\n"
                           f"aws_secret_access_key = {stack['s3_secret_key']}\n")
        edge = servers.Edge(folder, tenants, **options)
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


@pytest.fixture
def faults(stack):
    """The fault proxy, which forgets its rules after the test."""

    yield stack.faults
    stack.faults.rules([])
