# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Names of origins are looked up again while NGINX runs: new addresses are used,
connections to those that stay are kept, and a name server that fails, or lies,
changes nothing.
"""

import socket
import threading

import pytest
from dns_server import NameServer

import scripted
import servers
from scripted import message

NAME = "origin.xr-test"
UNCACHED = "xr_cache off; xr_origin_connect_timeout 1s;"


class At(scripted.Origin):
    """An origin at another address with the port of a first one."""

    def __init__(self, address, port=0):
        super().__init__()
        self._listener.close()
        self._listener = socket.create_server((address, port), backlog=64)
        self.port = self._listener.getsockname()[1]


@pytest.fixture
def dns():
    with NameServer() as dns:
        yield dns


@pytest.fixture
def two():
    first = At("127.0.0.1")
    with first, At("127.0.0.2", first.port) as second:
        for n, origin in enumerate((first, second), 1):
            origin.put_at("/x.glb", message(200, b"from %d" % n))
        yield first, second


@pytest.fixture
def start(web_edges, dns, two):
    def start(scheme="http", **options):
        return web_edges({"acme": f"origin {scheme}://{NAME}:{two[0].port};"},
                         **{"location": UNCACHED, "http": f"resolver {dns.address} ipv6=off;"
                            "xr_resolve min=100ms;", **options})
    return start


def serves(edge, body):
    response = edge.fetch("/acme/x.glb")
    return response.status == 200 and response.body == body


def test_addresses_change(start, dns, two):
    dns.names[NAME] = ["127.0.0.1"]
    edge = start(workers=2)
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))

    dns.names[NAME] = ["127.0.0.2"]
    servers.wait_for("the other address", lambda: all(serves(edge, b"from 2")
                                                      for _ in range(8)))
    assert f'"{NAME}" has 1 addresses now, 0 of them as before' in edge.error_log()
    assert two[1].requests[-1].headers["host"] == f"{NAME}:{two[0].port}"


def test_a_name_that_does_not_exist_when_nginx_starts(start, dns):
    edge = start()
    assert edge.fetch("/acme/x.glb").status == 502
    assert "host not found in origin endpoint" in (edge.folder / "stderr.err").read_text() \
        + edge.error_log()

    dns.names[NAME] = ["127.0.0.1"]
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))


def test_connections_to_what_stays_are_kept(start, dns, two):
    first, second = two
    dns.names[NAME] = ["127.0.0.1"]
    edge = start()
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))
    assert serves(edge, b"from 1")

    dns.names[NAME] = ["127.0.0.2", "127.0.0.1"]
    servers.wait_for("both addresses", lambda: "has 2 addresses now, 1 of them as before"
                     in edge.error_log())
    for _ in range(10):
        assert edge.fetch("/acme/x.glb").status == 200

    assert first.connections == 1 and second.connections == 1
    assert len(second.requests) == 5


def test_one_of_several_addresses_is_dead(start, dns, two):
    dns.names[NAME] = ["127.0.0.3", "127.0.0.1"]
    edge = start()
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))

    for _ in range(6):
        assert serves(edge, b"from 1")


@pytest.mark.parametrize("fault", ["no such name", "no addresses", "silence"])
def test_a_failure_changes_nothing(start, dns, fault):
    dns.names[NAME] = ["127.0.0.1"]
    edge = start(http=f"resolver {dns.address} ipv6=off; resolver_timeout 300ms;"
                 "xr_resolve min=100ms;")
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))

    if fault == "silence":
        dns.silent = True
    elif fault == "no addresses":
        dns.names[NAME] = []
    else:
        del dns.names[NAME]

    servers.wait_for("it is noticed", lambda: "could not be resolved" in edge.error_log()
                     and "2 times in a row, its 1 addresses stay" in edge.error_log(), 20)
    assert serves(edge, b"from 1")

    dns.silent = False
    dns.names[NAME] = ["127.0.0.2"]
    servers.wait_for("it is over", lambda: serves(edge, b"from 2"), 20)


@pytest.mark.skipif(servers.ASAN, reason="UBSan knows better how NGINX should read 169.0.0.0/8")
def test_rebinding(start, dns):
    """Whoever owns the name cannot have us ask where clouds keep credentials."""

    dns.names[NAME] = ["127.0.0.1"]
    edge = start()
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))

    dns.names[NAME] = ["169.254.169.254"]
    servers.wait_for("it is refused", lambda: "link-local address 169.254.169.254"
                     in edge.error_log())
    assert serves(edge, b"from 1")

    dns.names[NAME] = ["169.254.169.254", "127.0.0.2"]
    servers.wait_for("the good one of them", lambda: serves(edge, b"from 2"))
    for _ in range(4):
        assert serves(edge, b"from 2")


def test_not_more_often_than_said(start, dns):
    dns.ttl = 600
    dns.names[NAME] = ["127.0.0.1"]
    edge = start()
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))
    for _ in range(5):
        assert serves(edge, b"from 1")

    assert dns.queries.count(NAME) == 1


def test_in_an_upstream_block(web_edges, dns, two):
    """NGINX itself looks such a name up once, so it has to exist: "localhost" does."""

    dns.names["localhost"] = ["127.0.0.2"]
    edge = web_edges({"acme": f"origin http://{NAME} upstream=mine;"}, location=UNCACHED,
                     http=f"resolver {dns.address} ipv6=off;"
                          f"upstream mine {{ xr_resolve min=100ms;"
                          f" server localhost:{two[0].port}; keepalive 4; }}")
    servers.wait_for("the other address", lambda: serves(edge, b"from 2"))

    dns.names["localhost"] = ["127.0.0.1"]
    servers.wait_for("the first address", lambda: serves(edge, b"from 1"))


def test_requests_under_way_outlive_a_change(start, dns, two):
    dns.names[NAME] = ["127.0.0.1"]
    edge = start()
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))

    slow = message(200, b"slow" * 10)
    two[0].put_at("/slow.glb", [slow[:-20], 1, slow[-20:]])
    got = []
    client = threading.Thread(target=lambda: got.append(edge.fetch("/acme/slow.glb")))
    client.start()
    servers.wait_for("it is under way", lambda: two[0].seen("/slow.glb"))
    dns.names[NAME] = ["127.0.0.2"]
    servers.wait_for("the other address", lambda: serves(edge, b"from 2"))
    client.join(20)
    assert got[0].body == b"slow" * 10


def test_reload(start, dns):
    dns.names[NAME] = ["127.0.0.1"]
    edge = start()
    servers.wait_for("the name is known", lambda: serves(edge, b"from 1"))
    edge.reload()
    dns.names[NAME] = ["127.0.0.2"]
    servers.wait_for("the other address", lambda: serves(edge, b"from 2"))


@pytest.mark.parametrize("http, words", [
    ("xr_resolve;", 'needs a "resolver"'),
    ("resolver 127.0.0.1; xr_resolve min=10ms;", "invalid parameter"),
    ("resolver 127.0.0.1; xr_resolve x;", "invalid parameter"),
    ("resolver 127.0.0.1; xr_resolve; xr_resolve;", "duplicate"),
    ("resolver 127.0.0.1; upstream m { xr_resolve; server 127.0.0.1:1; }", "with a host name"),
    ("resolver 127.0.0.1; upstream m { xr_resolve; server localhost; server localhost:1; }",
     "one server"),
    ("resolver 127.0.0.1; upstream m { server localhost backup; xr_resolve; }",
     "none of its parameters"),
    ("resolver 127.0.0.1; upstream m { keepalive 1; xr_resolve; server localhost; }", "before"),
    ("resolver 127.0.0.1; upstream m { xr_resolve; server localhost weight=2; }", "weight"),
    ("upstream m { xr_resolve; server localhost; }", 'needs a "resolver"'),
    ("resolver 127.0.0.1; xr_endpoint http://127.0.0.1:1; xr_resolve;", "first"),
])
def test_bad_configuration(tmp_path, http, words):
    edge = servers.Edge(tmp_path, {"acme": "origin http://localhost;"}, http=http)
    code, said = edge.test()
    assert code == 1 and words in said and "nginx.conf:" in said
