# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
On Linux "tcp_nopush on" with "sendfile on" leaves TCP_NODELAY off for plain
HTTP/1: the last, short segment of a response waits for a delayed ACK, 40 ms.
64 KiB are a full segment and a short one on the loopback interface.
"""

import os
import pathlib
import re
import statistics
import time

import edgeauth
import http1
import servers

SIZE = 64 << 10
STALL = 0.020                               # half of the shortest delayed ACK


def median_latency(port, target):
    """Seconds for a hit, as a client sees it that keeps its connection."""

    times = []

    with http1.Connection(port) as connection:

        # at first Linux acknowledges at once; only then does it delay
        for _ in range(40):
            start = time.monotonic()
            response = connection.request(target)
            times.append(time.monotonic() - start)
            assert response.status == 200 and len(response.body) == SIZE

    return statistics.median(times[20:])


def test_hit_on_the_development_stack(stack):
    key, _ = stack.put(os.urandom(SIZE))
    path = f"/{stack.tenant}/{key}"
    target = edgeauth.in_query(path, edgeauth.token(stack.key, url=path))

    assert median_latency(stack.port, target) < STALL


def test_the_measurement_sees_a_stall(stack, edges):
    """The same hit through a configuration that has it."""

    edge = edges({"acme": ""}, http="sendfile on; tcp_nopush on;")
    key, _ = stack.put(os.urandom(SIZE))
    path = f"/acme/{key}"
    target = edgeauth.in_query(path, edgeauth.token(servers.KEY, url=path))

    assert median_latency(edge.port, target) > STALL


def test_shipped_configurations_leave_tcp_nopush_off():
    files = [path for path in pathlib.Path(servers.TOP, "config").rglob("*")
             if path.is_file() and ".conf" in path.name]
    assert files

    for path in files:
        text = re.sub(r"#.*", "", path.read_text())
        assert not re.search(r"\btcp_nopush\s+on\b", text), path
