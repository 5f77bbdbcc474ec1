# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
How NGINX reaches Redis: addresses, passwords, TLS, clusters, and servers that
do not behave.  Each request asks Redis once, and is refused with 503 if there
is no answer.  Faults under load are in test_limit_faults.py.
"""

import contextlib
import json
import re
import socket

import pytest

import scripted
import servers
from edgeauth import in_query, token
from redis_proxy import CUT, Proxy
from redis_server import redis_server
from scripted import message
from servers import CACHE, key_of

LIMIT = "xr_limit rate=1000r/s burst=1000 mode=exact failure=closed;"

# what the script needs; a user need not be allowed to PING
RIGHTS = ("resetkeys", "~xr:*", "resetchannels", "-@all", "+eval", "+evalsha", "+get", "+set",
          "+time")

# plenty, where a test is not about time: the machine may be busy
PATIENT = "timeout=2s"


@pytest.fixture(scope="module")
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def start(web_edges, web):
    """A function that starts an edge with an "xr_redis", and the tenants' objects."""

    def start(line, *tenants, **more):
        tenants = tenants or ("acme",)
        edge = web_edges(web.tenants(*tenants), http=f"xr_redis {line};",
                         location=f"{CACHE} {LIMIT}",
                         server="location = /limits { xr_limit_report; }", **more)
        edge.paths = {name: web.put(message(200, b"a model"), tenant=name) for name in tenants}
        return edge

    return start


def status(edge, tenant="acme"):
    path = edge.paths[tenant]
    return edge.get(in_query(path, token(key_of(tenant), acl="/*"))).status


def stats(edge):
    return json.loads(edge.get("/limits").body)["redis"]


def wait_status(edge, wanted, tenant="acme"):
    servers.wait_for(f"{wanted} for {tenant}", lambda: status(edge, tenant) == wanted)


def wait_said(edge, text):
    servers.wait_for(text, lambda: text in edge.error_log())


# ---- where it is, and who we are

def test_a_socket(start, redis):
    edge = start(f"unix:{redis.socket} {PATIENT}")
    calls = redis.calls("evalsha", "eval")

    assert [status(edge) for _ in range(3)] == [200] * 3
    assert redis.calls("evalsha", "eval") >= calls + 3


def test_a_name(start, redis):
    """It may have addresses at which nobody answers; all of them are tried."""

    edge = start(f"localhost:{redis.port} {PATIENT}")

    wait_status(edge, 200)


def test_a_database(start, redis):
    redis("FLUSHALL")
    edge = start(f"127.0.0.1:{redis.port} db=3 {PATIENT}")

    assert status(edge) == 200
    assert redis("-n", 3, "DBSIZE").strip() == "1"
    assert redis("DBSIZE").strip() == "0"


def test_a_user_with_few_rights(start, redis):
    redis("ACL", "SETUSER", "few", "on", ">sesame", *RIGHTS)
    edge = start(f"127.0.0.1:{redis.port} user=few password_file=password {PATIENT}",
                 files={"password": "sesame\n"})

    assert status(edge) == 200
    assert "user=few" in redis("CLIENT", "LIST")


def test_a_password_alone(start, redis):
    """It is of the user "default"; the file needs no newline at its end."""

    redis("ACL", "SETUSER", "default", "resetpass", ">hush hush")
    try:
        edge = start(f"127.0.0.1:{redis.port} password_file=password {PATIENT}",
                     files={"password": "hush hush"})
        assert status(edge) == 200
    finally:
        redis("-a", "hush hush", "ACL", "SETUSER", "default", "nopass")


def test_a_wrong_password(start, redis):
    """It is in no log, and service begins when it has become right."""

    redis("ACL", "SETUSER", "late", "on", ">something else", *RIGHTS)
    edge = start(f"127.0.0.1:{redis.port} user=late password_file=password {PATIENT}",
                 files={"password": "open-sesame\n"})

    assert status(edge) == 503
    wait_said(edge, "refused us: WRONGPASS")

    redis("ACL", "SETUSER", "late", ">open-sesame")
    wait_status(edge, 200)
    assert "open-sesame" not in edge.error_log() + edge.access_log()


def test_no_right_to_a_command(start, redis):
    redis("ACL", "SETUSER", "none", "on", ">sesame", *RIGHTS, "-evalsha")
    edge = start(f"127.0.0.1:{redis.port} user=none password_file=password {PATIENT}",
                 files={"password": "sesame\n"})

    assert {status(edge) for _ in range(20)} == {503}
    assert 'refused a call: "NOPERM' in edge.error_log()


# ---- TLS

@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A Redis with a certificate for "redis.test", and its port for TLS."""

    folder = tmp_path_factory.mktemp("tls")
    cert, key = scripted.certificate(folder, "redis", "redis.test")
    port = servers.free_port()

    with redis_server("--tls-port", str(port), "--tls-cert-file", str(cert), "--tls-key-file",
                      str(key), "--tls-ca-cert-file", str(cert), "--tls-auth-clients", "no") as redis:
        redis.tls_port, redis.cert = port, cert.read_text()
        yield redis


def test_tls(start, tls):
    edge = start(f"127.0.0.1:{tls.tls_port} tls tls_ca=ca.pem tls_name=redis.test {PATIENT}",
                 files={"ca.pem": tls.cert})

    assert [status(edge) for _ in range(20)] == [200] * 20

    tls("CLIENT", "KILL", "TYPE", "normal")
    wait_status(edge, 200)


@pytest.mark.parametrize("options, said", {
    "tls tls_ca=ca.pem tls_name=other.test": "certificate is for another name",
    "tls tls_ca=other.pem tls_name=redis.test": "certificate",
    "": "connection",
}.items())
def test_who_is_not_trusted(start, tls, tmp_path, options, said):
    other, _ = scripted.certificate(tmp_path, "other", "redis.test")
    edge = start(f"127.0.0.1:{tls.tls_port} {options}",
                 files={"ca.pem": tls.cert, "other.pem": other.read_text()})

    wait_said(edge, f"xr: Redis 127.0.0.1:{tls.tls_port}: ")
    assert said in edge.error_log()
    assert {status(edge) for _ in range(5)} == {503}


# ---- connections

def test_one_connection(start, redis):
    """It is there before the first request, and stays."""

    def clients():
        return int(redis.info("clients", "connected_clients"))

    before = clients()
    edge = start(f"127.0.0.1:{redis.port} {PATIENT}")

    servers.wait_for("one client more", lambda: clients() == before + 1)
    assert [status(edge) for _ in range(10)] == [200] * 10
    assert clients() == before + 1
    assert stats(edge)["reconnects"] == 0


def test_an_idle_connection_that_is_closed(start, redis):
    """Redis does that after its "timeout"; nobody has to ask for a new one."""

    edge = start(f"127.0.0.1:{redis.port} {PATIENT}")
    wait_status(edge, 200)

    redis("CLIENT", "KILL", "TYPE", "normal")
    servers.wait_for("a new connection", lambda: stats(edge)["reconnects"] >= 1)
    assert status(edge) == 200


def test_nobody_there(start):
    """At start, and then it comes."""

    with redis_server() as redis:
        redis.stop()
        edge = start(f"127.0.0.1:{redis.port} {PATIENT}")
        assert {status(edge) for _ in range(5)} == {503}

        redis.start()
        wait_status(edge, 200)


def test_a_server_that_says_nothing(start):
    """It is given up, and left alone but for a probe now and then."""

    with socket.create_server(("127.0.0.1", 0)) as silent:
        edge = start(f"127.0.0.1:{silent.getsockname()[1]}")

        servers.wait_for("the breaker to open", lambda: not stats(edge)["usable"])
        calls = stats(edge)["calls"]
        assert {status(edge) for _ in range(20)} == {503}
        assert stats(edge)["calls"] == calls


def test_a_late_answer_is_nobodys(start, redis):
    """Answers that come when nobody waits any more are not taken for others'."""

    with Proxy(redis.port) as proxy:
        edge = start(f"127.0.0.1:{proxy.port} timeout=100ms")
        wait_status(edge, 200)

        for _ in range(3):
            proxy.delay = 0.25
            assert status(edge) == 503
            proxy.delay = 0
            wait_status(edge, 200)

        # nothing was lost, so the connection is still the first
        assert stats(edge)["timeouts"] >= 3
        assert stats(edge)["reconnects"] == 0


@pytest.mark.parametrize("more", [b"+OK\r\n", b":1\r\n", b"*0\r\n"])
def test_an_answer_to_nothing(start, redis, more):
    """The connection ends, and no worker."""

    with Proxy(redis.port) as proxy:
        edge = start(f"127.0.0.1:{proxy.port} {PATIENT}")
        wait_status(edge, 200)

        proxy.mangle = lambda connection, n, data: [data + more]
        assert status(edge) in (200, 503)
        wait_said(edge, "says what it was not asked")

        proxy.mangle = None
        wait_status(edge, 200)


def test_an_answer_that_ends_in_the_middle(start, redis):
    with Proxy(redis.port) as proxy:
        edge = start(f"127.0.0.1:{proxy.port} {PATIENT}")
        wait_status(edge, 200)

        proxy.mangle = lambda connection, n, data: [data[:len(data) // 2], CUT]
        assert status(edge) == 503

        proxy.mangle = None
        wait_status(edge, 200)


# ---- clusters

TENANTS = [f"tenant{n}" for n in range(12)]


class Cluster:
    def __init__(self, nodes):
        self.nodes = nodes

        nodes[0]("--cluster", "create", *[f"127.0.0.1:{n.port}" for n in nodes], "--cluster-yes")
        for node in nodes:
            servers.wait_for("the cluster", lambda node=node:
                             "cluster_state:ok" in node("CLUSTER", "INFO"), 20)

    def errors(self, name):
        """How often nodes have answered with such an error."""

        said = "".join(node("INFO", "errorstats") for node in self.nodes)
        return sum(map(int, re.findall(rf"errorstat_{name}:count=(\d+)", said)))


@pytest.fixture
def cluster():
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
               "--cluster-require-full-coverage", "no")

    with contextlib.ExitStack() as stack:
        yield Cluster([stack.enter_context(redis_server(
            *options, "--cluster-port", str(servers.free_port()))) for _ in range(3)])


def test_a_cluster(start, cluster):
    """Who has a slot is asked once."""

    edge = start(f"127.0.0.1:{cluster.nodes[0].port} {PATIENT}", *TENANTS)

    assert {status(edge, tenant) for tenant in TENANTS} == {200}
    moved = cluster.errors("MOVED")
    assert 0 < moved <= len(TENANTS)

    assert {status(edge, tenant) for tenant in TENANTS} == {200}
    assert cluster.errors("MOVED") == moved

    # and the script is taken to whoever does not know it
    for node in cluster.nodes:
        node("SCRIPT", "FLUSH")
    assert {status(edge, tenant) for tenant in TENANTS} == {200}
    assert cluster.errors("MOVED") == moved


def test_a_slot_that_moves(start, cluster):
    edge = start(f"127.0.0.1:{cluster.nodes[0].port} {PATIENT}")
    assert status(edge) == 200

    source = next(n for n in cluster.nodes if n("KEYS", "*").strip())
    target = next(n for n in cluster.nodes if n is not source)
    ids = {node: node("CLUSTER", "MYID").strip() for node in (source, target)}
    key = source("KEYS", "*").strip()
    slot = source("CLUSTER", "KEYSLOT", key).strip()

    target("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    source("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    source("DEL", key)

    # neither the script nor the key is there yet
    assert [status(edge) for _ in range(3)] == [200] * 3
    assert cluster.errors("ASK") >= 3
    assert source("KEYS", "*").strip() == ""

    for node in cluster.nodes:
        node("CLUSTER", "SETSLOT", slot, "NODE", ids[target])

    moved = cluster.errors("MOVED")
    assert [status(edge) for _ in range(3)] == [200] * 3
    assert cluster.errors("MOVED") == moved + 1


def test_a_node_that_is_lost(start, cluster):
    """Others serve theirs, also when it is the one that was configured."""

    edge = start(f"127.0.0.1:{cluster.nodes[0].port} {PATIENT}", *TENANTS)
    assert {status(edge, tenant) for tenant in TENANTS} == {200}

    for node in cluster.nodes[0], cluster.nodes[2]:
        node.stop()
        servers.wait_for("the loss to show", lambda:
                         {status(edge, tenant) for tenant in TENANTS} == {200, 503})
        assert stats(edge)["usable"]

        node.start()
        for tenant in TENANTS:
            wait_status(edge, 200, tenant)


def test_a_cluster_that_names_hosts(start, cluster):
    """Looking up a name would block."""

    for node in cluster.nodes:
        node("CONFIG", "SET", "cluster-announce-hostname", "redis.test")
        node("CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname")

    edge = start(f"127.0.0.1:{cluster.nodes[0].port} {PATIENT}", *TENANTS)

    def statuses():
        return {status(edge, tenant) for tenant in TENANTS}

    servers.wait_for("names to be known", lambda: statuses() == {200, 503})
    assert "does not name a server by its address" in edge.error_log()


# ---- the directive

GOOD = ["[::1]:6379", "unix:/run/redis.sock", "127.0.0.1:1 db=15 timeout=5ms queue=1 edges=4",
        "127.0.0.1:1 user=edge password_file=password", "localhost:1 tls tls_ca=ca.pem"]

BAD = {
    "127.0.0.1": "no port",
    "127.0.0.1:0": "invalid port",
    "127.0.0.1:redis": "invalid port",
    "127.0.0.1:1/0": "invalid host",
    "nowhere.invalid:1": "host not found",
    "unix:": "no path",
    "127.0.0.1:1 user=edge": '"user" needs "password_file"',
    "127.0.0.1:1 user= password_file=password": '"user=" has no value',
    "127.0.0.1:1 password_file=missing": "failed (2: No such file",
    "127.0.0.1:1 password_file=open": "is open to everybody",
    "127.0.0.1:1 password_file=empty": "is not one line",
    "127.0.0.1:1 password_file=two": "is not one line",
    "127.0.0.1:1 password_file=large": "at most 1024 bytes",
    "127.0.0.1:1 db=-1": 'invalid parameter "db=-1"',
    "127.0.0.1:1 db=1 db=1": '"db=" is duplicate',
    "127.0.0.1:1 timeout=0": 'invalid parameter "timeout=0"',
    "127.0.0.1:1 timeout=61s": 'invalid parameter "timeout=61s"',
    "127.0.0.1:1 timeout=soon": 'invalid parameter "timeout=soon"',
    "127.0.0.1:1 queue=0": 'invalid parameter "queue=0"',
    "127.0.0.1:1 queue=65537": 'invalid parameter "queue=65537"',
    "127.0.0.1:1 edges=0": 'invalid parameter "edges=0"',
    "127.0.0.1:1 mood=good": 'unknown parameter "mood=good"',
    "127.0.0.1:1 tls_ca=ca.pem": 'need "tls"',
    "127.0.0.1:1 tls tls_ca=ca.pem": '"tls_name" says it',
    "127.0.0.1:1 tls tls_name=127.0.0.1": '"tls_name" says it',
    "unix:/run/redis.sock tls": '"tls_name" says it',
    "localhost:1 tls tls_ca=password": "has no certificates",
    "127.0.0.1:1; xr_redis 127.0.0.1:2": "is duplicate",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A function that tells what "nginx -t" says of an "xr_redis"."""

    folder = tmp_path_factory.mktemp("conf")
    scripted.certificate(folder, "ca", "ca.test")
    edge = servers.Edge(folder, {"acme": "origin http://127.0.0.1:9;"}, files={
        "password": "sesame\n", "empty": "\n", "two": "one\ntwo\n", "large": "x" * 1025})
    edge.write("open", "sesame\n", 0o644)

    def said(line):
        edge.configure({"acme": "origin http://127.0.0.1:9;"}, http=f"xr_redis {line};")
        return edge.test()

    return said


@pytest.mark.parametrize("line", GOOD)
def test_good_lines(said, line):
    code, text = said(line)

    assert code == 0, text


@pytest.mark.parametrize("line", BAD)
def test_bad_lines(said, line):
    code, text = said(line)

    assert code == 1 and BAD[line] in text, text
    assert "nginx.conf:" in text and "sesame" not in text, text
