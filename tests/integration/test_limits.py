# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Token buckets: whose they are, what they let pass, what is booked in the end."""

import contextlib
import json
import os
import signal
import time

import pytest

import http1
import servers
from edgeauth import in_query, token
from redis_server import redis_server
from scripted import message
from servers import CACHE, key_of

MODES = ["leased", "exact", "alone"]        # "alone": an edge without Redis

BODY = b"a model" * 100

# refills too slowly to matter in a test
SLOW = "rate=1r/m"


@pytest.fixture(scope="module")
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def path(web):
    return web.put(message(200, BODY))


@pytest.fixture
def start(web_edges, web, redis):
    """A function that starts an edge with limits."""

    def start(*limits, mode="leased", location="", http="", redis_options="", tenants=None, **more):
        redis("FLUSHALL")
        lines = "".join(f"xr_limit {limit}{' mode=exact' if mode == 'exact' else ''};"
                        for limit in limits)
        if mode != "alone":
            http += f"xr_redis 127.0.0.1:{redis.port} {redis_options};"
        more.setdefault("server", "location = /limits { xr_limit_report; }")
        return web_edges(tenants or web.tenants("acme", "other"), http=http,
                         location=f"{CACHE} {lines} {location}", **more)

    return start


def get(edge, path, subject="anna", headers=None, **more):
    signed = token(key_of(path.split("/")[1]), acl="/*", id=subject)
    return edge.get(in_query(path, signed), headers=headers, **more)


def statuses(edge, path, n, **more):
    return [get(edge, path, **more).status for _ in range(n)]


def counts(edge, name):
    return json.loads(edge.get("/limits").body)["limits"][name]


def assert_limited(edge, response, reason):
    """Nobody keeps it, and the log knows why; who it was is known all the same."""

    entry = edge.logged(response)
    assert (response.status, entry["reason"], entry["auth"]) == (429, reason, "GRANTED")
    assert response["cache-control"] == "no-store"
    assert f"denied, {reason}" in edge.error_log()


def wait_status(edge, path, status, **more):
    servers.wait_for(f"{status} for {path}",
                     lambda: get(edge, path, **more).status == status)


@pytest.mark.parametrize("mode", MODES)
def test_a_burst_and_no_more(start, path, mode):
    edge = start(f"{SLOW} burst=5 name=few", mode=mode)

    assert statuses(edge, path, 8) == [200] * 5 + [429] * 3

    refused = get(edge, path)
    assert_limited(edge, refused, "limit")
    assert 1 <= int(refused["retry-after"]) <= 60
    assert refused["ratelimit-policy"] == '"few";q=5;w=300'
    assert refused["ratelimit"].startswith('"few";r=0;t=')
    assert counts(edge, "few")["passed"] == 5
    assert counts(edge, "few")["rejected"] == 4


@pytest.mark.parametrize("mode", MODES)
def test_tokens_come_back(start, path, mode):
    edge = start("rate=20r/s burst=2", mode=mode)

    assert statuses(edge, path, 2) == [200, 200]
    wait_status(edge, path, 429)
    wait_status(edge, path, 200)


@pytest.mark.parametrize("mode", ["leased", "exact"])
def test_edges_share_a_bucket(start, web_edges, path, redis, mode):
    one = start(f"{SLOW} burst=20", mode=mode)
    two = web_edges({"acme": one.parts["http"] and f"origin {one.origin}/acme;"},
                    http=one.parts["http"], location=one.parts["location"])

    passed = 0
    for edge in [one, two] * 20:
        passed += get(edge, path).status == 200

    assert passed == 20


@pytest.mark.parametrize("mode", MODES)
def test_whose_bucket_it_is(start, web, path, mode):
    other = web.put(message(200, BODY), tenant="other")
    edge = start(f"key=subject {SLOW} burst=2", mode=mode)

    assert statuses(edge, path, 3, subject="anna") == [200, 200, 429]
    assert statuses(edge, path, 3, subject="ben") == [200, 200, 429]
    assert statuses(edge, other, 3, subject="anna") == [200, 200, 429]

    # without a subject it is the address, not everybody's bucket and not nobody's
    assert statuses(edge, path, 3, subject=None) == [200, 200, 429]
    assert statuses(edge, path, 1, subject="") != [200]


@pytest.mark.parametrize("mode", MODES)
def test_addresses(start, path, mode):
    edge = start(f"key=address {SLOW} burst=1", mode=mode, http="xr_trusted_proxy 127.0.0.1;")

    def from_(address):
        return get(edge, path, headers={"X-Forwarded-For": address}).status

    assert [from_("192.0.2.1"), from_("192.0.2.1"), from_("192.0.2.2")] == [200, 429, 200]

    # whoever has one address of IPv6 has the /64
    assert [from_("2001:db8::1"), from_("2001:db8::2"), from_("2001:db8:0:1::1")] == [200, 429, 200]


def test_an_address_cannot_be_made_up(start, path):
    edge = start(f"key=address {SLOW} burst=1")

    assert statuses(edge, path, 1) == [200]
    assert statuses(edge, path, 1, headers={"X-Forwarded-For": "192.0.2.9"}) == [429]


@pytest.mark.parametrize("mode", MODES)
def test_what_one_refuses_costs_nothing_at_the_others(start, path, mode):
    edge = start(f"key=tenant {SLOW} burst=3 name=all", f"key=subject {SLOW} burst=1 name=each",
                 mode=mode)

    assert statuses(edge, path, 4, subject="anna") == [200, 429, 429, 429]
    assert statuses(edge, path, 1, subject="ben") == [200]
    assert statuses(edge, path, 1, subject="clara") == [200]
    assert statuses(edge, path, 1, subject="dora") == [429]


@pytest.mark.parametrize("mode", MODES)
def test_a_rate_class(start, path, mode):
    edge = start(f"key=subject {SLOW} burst=1 class=free", mode=mode)

    def ask(rate_class):
        signed = token(servers.KEY, acl="/*", id="anna", data=rate_class and f"rate:{rate_class}")
        return edge.get(in_query(path, signed)).status

    assert [ask("free"), ask("free")] == [200, 429]
    assert [ask("gold"), ask("gold"), ask(None)] == [200] * 3


@pytest.mark.parametrize("mode", MODES)
def test_costs(start, path, mode):
    edge = start(f"{SLOW} burst=10 cost=4", mode=mode)

    assert statuses(edge, path, 4) == [200, 200, 429, 429]


@pytest.mark.parametrize("mode", MODES)
def test_a_tenants_own_limits(start, web, path, mode):
    exact = " mode=exact" if mode == "exact" else ""
    other = web.put(message(200, BODY), tenant="other")
    tenants = web.tenants("acme", "other",
                          acme=f"limit key=tenant {SLOW} burst=3 name=plan{exact};")
    edge = start(mode=mode, tenants=tenants)

    assert statuses(edge, path, 5) == [200] * 3 + [429] * 2
    assert statuses(edge, other, 5) == [200] * 5
    assert counts(edge, "plan")["rejected"] == 2


@pytest.mark.parametrize("mode", MODES)
def test_one_bucket_met_twice(start, web, path, mode):
    """At the tenant and in the location: it is paid into once."""

    line = f"key=tenant {SLOW} burst=3 name=same"
    exact = " mode=exact" if mode == "exact" else ""
    edge = start(line, mode=mode, tenants=web.tenants("acme", acme=f"limit {line}{exact};"))

    assert statuses(edge, path, 4) == [200] * 3 + [429]


def test_levels(start, web, path):
    """Lines are inherited where a level has none of its own, and can be cancelled."""

    server = """location /acme/own/ { xr on; xr_limit rate=1r/m burst=2; }
                location /acme/off/ { xr on; xr_limit off; }"""
    edge = start(http=f"xr_limit {SLOW} burst=4 name=wide;", server=server)
    own = web.put(message(200, BODY), folder="own/")
    off = web.put(message(200, BODY), folder="off/")

    assert statuses(edge, path, 6) == [200] * 4 + [429] * 2
    assert statuses(edge, own, 4) == [200] * 2 + [429] * 2
    assert statuses(edge, off, 6) == [200] * 6


@pytest.mark.parametrize("mode", MODES)
def test_dry_run(start, path, mode):
    edge = start(f"{SLOW} burst=2 name=dry", mode=mode, location="xr_limit_dry_run on; "
                 "add_header X-Limit $xr_limit_status always;")

    answers = [get(edge, path) for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    assert [answer["x-limit"] for answer in answers] \
        == ["PASSED"] * 2 + ["REJECTED_DRY_RUN"] * 2
    assert counts(edge, "dry")["dry_run"] == 2
    assert counts(edge, "dry")["rejected"] == 0
    assert 'would be limited by "dry", tenant acme' in edge.error_log()


@pytest.mark.parametrize("mode", MODES)
def test_status_and_variables(start, path, mode):
    edge = start(f"{SLOW} burst=2 name=a", mode=mode,
                 location="xr_limit_status 503; xr_limit_log_level error; add_header X-Limit "
                 "'$xr_limit_status $xr_limit_name $xr_limit_near' always;")

    assert get(edge, path)["x-limit"] == "PASSED a"
    assert get(edge, path)["x-limit"] == "PASSED a 1"
    refused = get(edge, path)
    assert (refused.status, refused["x-limit"]) == (503, "REJECTED a")
    assert '[error]' in edge.error_log() and 'limited by "a", tenant acme' in edge.error_log()


@pytest.mark.parametrize("mode", MODES)
def test_fields_on_success(start, path, mode):
    edge = start("rate=10r/s burst=100 name=wide", "key=subject rate=1r/m burst=3 name=narrow",
                 mode=mode, location="xr_limit_headers on;")

    answer = get(edge, path)
    assert answer["ratelimit-policy"] == '"narrow";q=3;w=180'
    assert answer["ratelimit"] in ('"narrow";r=2;t=60', '"narrow";r=2;t=61')
    assert answer["retry-after"] is None


def test_fields_of_an_origin(start, web):
    fields = ['RateLimit: "mine";r=1;t=1', 'RateLimit-Policy: "mine";q=1;w=1', "Retry-After: 9"]
    theirs = web.put(message(200, BODY, *fields))
    edge = start("rate=10r/s burst=100 name=ours", location="xr_limit_headers on;")

    for answer in (get(edge, theirs), get(edge, theirs)):
        assert answer.all("ratelimit-policy") == ['"ours";q=100;w=10']
        assert len(answer.all("ratelimit")) == 1
        assert answer["retry-after"] is None


def test_a_user_of_its_own(start, path, redis, tmp_path):
    """Allowed no more than docs/operations.md says."""

    redis("ACL", "SETUSER", "edge", "on", ">sesame", "resetkeys", "~xr:*", "resetchannels",
          "-@all", "+eval", "+evalsha", "+get", "+set", "+time", "+ping")
    for mode in ("leased", "exact"):
        edge = start(f"{SLOW} burst=2 name=mine", mode=mode, files={"password": "sesame\n"},
                     redis_options="user=edge password_file=password")

        assert statuses(edge, path, 3) == [200, 200, 429]
        assert counts(edge, "mine")["degraded"] == 0
        assert "sesame" not in edge.error_log()


@pytest.mark.parametrize("mode", MODES)
def test_waiting(start, path, mode):
    """Requests that may wait come in at the rate, and others are refused at once."""

    edge = start("rate=20r/s burst=1 delay=1s name=patient", mode=mode)
    began = time.monotonic()

    # one comes at once; of a leased limit an edge may have another, and one on credit
    ahead = 3 if mode == "leased" else 1

    assert statuses(edge, path, 8) == [200] * 8
    assert time.monotonic() - began > (7 - ahead) / 20 * 0.9
    assert counts(edge, "patient")["delayed"] >= 7 - ahead

    edge = start("rate=1r/s burst=1 delay=200ms name=hasty", mode=mode)
    began = time.monotonic()
    assert statuses(edge, path, 2) == [200, 429]
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_leaves_while_it_waits(start, path, mode):
    edge = start("rate=1r/s burst=1 delay=30s", mode=mode)
    signed = in_query(path, token(servers.KEY, acl="/*"))

    assert statuses(edge, path, 1) == [200]
    for _ in range(20):
        with http1.Connection(edge.port) as client:
            client.send(signed)

    wait_status(edge, path, 200)


@pytest.mark.parametrize("mode", MODES)
def test_once_for_a_request(start, web, path, mode):
    """Whatever NGINX does with it inside, and once only."""

    server = f"""location = /limits {{ xr_limit_report; }}
                 error_page 404 = @fallback;
                 location @fallback {{ xr on; {CACHE} rewrite ^ {path} break; }}
                 recursive_error_pages on;"""
    edge = start(f"{SLOW} burst=3 name=once", mode=mode, server=server)

    assert [get(edge, "/acme/missing.glb").status for _ in range(4)] == [200] * 3 + [429]
    assert counts(edge, "once")["passed"] == 3


def test_a_preflight_is_free(start, path):
    edge = start(f"{SLOW} burst=1")
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}

    for _ in range(3):
        assert edge.get(path, "OPTIONS", headers=headers).status == 204
    assert statuses(edge, path, 2) == [200, 429]


@pytest.mark.parametrize("mode", MODES)
def test_who_is_refused_before_costs_nothing(start, path, mode):
    edge = start(f"{SLOW} burst=1", mode=mode)

    for _ in range(3):
        assert edge.get(path).status == 403
    assert statuses(edge, path, 2) == [200, 429]


@pytest.mark.parametrize("mode", ["leased", "alone"])
def test_a_reload_gives_nobody_a_second_burst(start, path, mode):
    edge = start(f"{SLOW} burst=3", mode=mode)

    assert statuses(edge, path, 4) == [200] * 3 + [429]
    edge.reload()
    assert statuses(edge, path, 2) == [429] * 2


# ---- in bytes

OBJECT = os.urandom(256 * 1024)


@pytest.fixture(scope="module")
def object_(web):
    return web.put(message(200, OBJECT))


@pytest.mark.parametrize("mode", MODES)
def test_bytes(start, object_, mode):
    """As long as there is anything an object comes, whole; then it has to be paid for."""

    edge = start("rate=1m/m burst=400k name=bytes", mode=mode)

    assert [len(get(edge, object_).body) for _ in range(2)] == [len(OBJECT)] * 2
    wait_status(edge, object_, 429)
    refused = get(edge, object_)
    assert_limited(edge, refused, "limit")
    assert 1 <= int(refused["retry-after"]) <= 30


@pytest.mark.parametrize("mode", MODES)
def test_ranges_cost_what_they_are(start, object_, mode):
    edge = start("rate=1k/m burst=200k", mode=mode)

    for _ in range(20):
        answer = get(edge, object_, headers={"Range": "bytes=0-4095"})
        assert (answer.status, len(answer.body)) == (206, 4096)


@pytest.mark.parametrize("mode", MODES)
def test_head_and_not_modified_cost_their_heads(start, object_, mode):
    edge = start("rate=1k/m burst=600k", mode=mode)

    etag = get(edge, object_)["etag"]
    for _ in range(20):
        assert get(edge, object_, method="HEAD").status == 200
        assert not etag or get(edge, object_, headers={"If-None-Match": etag}).status == 304


# ---- streams

BIG = os.urandom(8 * 1024 * 1024)


@contextlib.contextmanager
def streams(edge, path, n, subject="anna"):
    """Clients that have asked and do not read; the statuses they got."""

    with contextlib.ExitStack() as open_:
        found = []
        for _ in range(n):
            client = open_.enter_context(http1.Connection(edge.port))
            client.sock.setsockopt(http1.socket.SOL_SOCKET, http1.socket.SO_RCVBUF, 4096)
            client.send(in_query(path, token(servers.KEY, acl="/*", id=subject)))
            found.append(int(client.file.readline().split()[1]))
        yield found


def test_streams_at_a_time(start, web):
    big = web.put(message(200, BIG))
    edge = start(location="xr_limit_conn key=subject max=3; sendfile_max_chunk 64k;")

    with streams(edge, big, 5) as found:
        assert found == [200] * 3 + [429] * 2
        with streams(edge, big, 1, subject="ben") as others:
            assert others == [200]
        refused = get(edge, big)
        assert_limited(edge, refused, "limit_streams")
        assert refused["retry-after"] == "1"

    wait_status(edge, big, 200)


def test_streams_of_a_worker_that_was_killed(start, web):
    big = web.put(message(200, BIG))
    edge = start(location="xr_limit_conn key=tenant max=2;")

    with streams(edge, big, 3) as found:
        assert found == [200, 200, 429]
        [worker] = servers.workers_of(edge.process.pid)
        os.kill(worker, signal.SIGKILL)
        servers.wait_for("another worker",
                         lambda: servers.workers_of(edge.process.pid) - {worker})
    edge.pids = servers.workers_of(edge.process.pid)

    with streams(edge, big, 3) as found:
        assert found == [200, 200, 429]

    # that one is the test's doing
    log = edge.folder / "error.log"
    log.write_text(log.read_text().replace(f"[alert] {edge.process.pid}", "[notice]")
                   .replace("exited on signal 9", "was killed"))


def test_a_client_that_does_not_read(start, web):
    big = web.put(message(200, BIG))
    edge = start(location="xr_limit_min_rate 64k after=1s;")

    with streams(edge, big, 1) as found:
        assert found == [200]
        servers.wait_for("the end of a slow client",
                         lambda: 'less than "xr_limit_min_rate"' in edge.error_log(), 20)

    assert len(get(edge, big).body) == len(BIG)


# ---- what is no good

BAD = {
    "xr_limit;": 'invalid number of arguments in "xr_limit" directive',
    "xr_limit burst=5;": "rate",
    "xr_limit rate=0r/s;": 'invalid parameter "rate=0r/s"',
    "xr_limit rate=5;": 'invalid parameter "rate=5"',
    "xr_limit rate=5r/s mood=good;": 'invalid parameter "mood=good"',
    "xr_limit rate=5r/s rate=6r/s;": 'invalid parameter "rate=6r/s"',
    "xr_limit rate=5r/s; xr_limit off;": '"xr_limit" directive says "off" beside others',
    "xr_limit off; xr_limit rate=5r/s;": '"xr_limit" directive stands beside "off"',
    "xr_limit rate=5r/s cost=9 burst=5;": "cost",
    "xr_limit rate=5r/s; xr_limit rate=5r/s;": "of this key stands here already",
    "xr_limit rate=5r/s name=a; xr_limit rate=6r/s name=a;": "stands here already",
    "xr_limit_conn key=subject max=0;": 'invalid parameter "max=0"',
    "xr_limit_conn key=nobody max=1;": 'invalid parameter "key=nobody"',
    "xr_limit_conn max=1;": "key= and max=",
    "xr_limit_status 200;": "value must be between 400 and 599",
    "xr_limit_min_rate fast;": 'invalid rate "fast"',
    "xr_limit_min_rate 1k after=0s;": 'invalid parameter "after=0s"',
    "xr_limit_log_level loud;": 'invalid value "loud"',
}


@pytest.mark.parametrize("line", BAD)
def test_bad_lines(tmp_path, line):
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:9;"}, location=line)
    code, said = edge.test()

    assert code != 0 and BAD[line] in said and "nginx.conf:" in said, said


@pytest.mark.parametrize("line", ["xr_limit_zone 100k;", "xr_limit_zone 2m; xr_limit_zone 2m;",
                                  "xr_limit_zone big;"])
def test_bad_zones(tmp_path, line):
    edge = servers.Edge(tmp_path, {"acme": "origin http://127.0.0.1:9;"}, http=line)
    code, said = edge.test()

    assert code != 0 and "nginx.conf:" in said, said
