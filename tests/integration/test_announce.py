# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What is announced in Redis shows at once; what is not announced, or by nobody, does not."""

import itertools
import json
import signal
import subprocess

import pytest

import http1
import purging
import servers
from redis_server import redis_server
from test_variants import BODIES, VARIANTS, Store, manifest

CHANNEL = "xr:announce"
LOW = "?xr=p0-e-9-m"

# plenty: the machine may be busy
PATIENT = "timeout=2s"

COUNTERS = ('location = /announce { return 200 '
            '"$xr_announce_received $xr_announce_bad $xr_announce_connected"; }')

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def web():
    with Store({}) as origin:
        yield origin


@pytest.fixture(scope="module")
def redis():
    with redis_server() as server:
        yield server


def start(web, web_edges, redis, purge, line="xr_announce on;", options="", **more):
    files = {"acme.purge": f"k1 {purging.key_of('acme')}\n", **more.pop("files", {})}
    blocks = {name: text + (" purge_keys acme.purge;" if purge else "")
              for name, text in web.tenants("acme").items()}
    edge = web_edges(blocks, origin=web.url, files=files,
                     http=f"xr_redis 127.0.0.1:{redis.port} {PATIENT} {options}; {line}",
                     location=f"xr_auth public; {servers.CACHE} xr_variants on; "
                              "xr_manifest_valid 1h;",
                     server=(purging.LOCATION if purge else "") + COUNTERS, **more)
    return edge


@pytest.fixture(scope="module", params=["purge", "no purge"])
def purge(request):
    return request.param == "purge"


@pytest.fixture(scope="module")
def edge(purge, web, web_edges, redis):
    edge = start(web, web_edges, redis, purge, workers=2)
    wait_connected(edge)
    return edge


def counters(edge):
    return [int(n) for n in edge.get("/announce").body.split()]


def wait_connected(edge, wanted=1):
    servers.wait_for("the subscription", lambda: counters(edge)[2] == wanted, 20)


def wait_heard(edge, received, seconds=1):
    servers.wait_for("the message", lambda: counters(edge)[0] >= received, seconds)


def get(edge, name, query=LOW):
    response = http1.request(edge.port, f"/acme/{name}{query}")
    assert response.status == 200
    return response.body


def say(redis, name, tenant="acme", channel=CHANNEL):
    return redis("PUBLISH", channel, json.dumps({"v": 1, "tenant": tenant, "object": name}))


def announce(edge, redis, name):
    """Says it, and waits a second at most for the edge to hear it."""

    received = counters(edge)[0]
    assert say(redis, name).strip() != "0"
    wait_heard(edge, received + 1)


def new_name(web):
    name = f"m/{next(numbers)}.glb"
    web.publish(name, manifest())
    return name


def fetched(web, name):
    return len(web.fetched(f"{name}.xr/manifest.json"))


# ---- what is announced

def test_a_new_manifest(edge, web, redis):
    name = new_name(web)
    assert get(edge, name) == BODIES["low"]

    for n in range(3):
        web.publish(name, manifest(VARIANTS[:2]))
        assert get(edge, name) == BODIES["low"]         # nobody has said so
        announce(edge, redis, name)
        assert get(edge, name) == BODIES["mid"]

        web.publish(name, manifest())
        announce(edge, redis, name)
        assert get(edge, name) == BODIES["low"]

    before = fetched(web, name)
    assert [get(edge, name) for _ in range(5)] == [BODIES["low"]] * 5
    assert fetched(web, name) == before


def test_a_first_manifest(edge, web, redis):
    """There was none, which is known, too."""

    name = f"m/{next(numbers)}.glb"
    web.publish(name, manifest())
    text = web.objects.pop(f"{name}.xr/manifest.json")
    source = get(edge, name)
    web.objects[f"{name}.xr/manifest.json"] = text
    announce(edge, redis, name)
    assert source not in BODIES.values() and get(edge, name) == BODIES["low"]


def test_a_manifest_that_goes(edge, web, redis):
    name = new_name(web)
    assert get(edge, name) == BODIES["low"]
    del web.objects[f"{name}.xr/manifest.json"]
    announce(edge, redis, name)
    assert get(edge, name) not in BODIES.values()


def test_the_origin_fails_just_then(purge, edge, web, redis):
    """What is old does for a while, but the cache is not believed later."""

    name = new_name(web)
    assert get(edge, name) == BODIES["low"]
    web.objects[f"{name}.xr/manifest.json"] = 500
    announce(edge, redis, name)
    body = get(edge, name)
    assert purge or body == BODIES["low"]
    web.publish(name, manifest(VARIANTS[:2]))
    servers.wait_for("the new one", lambda: get(edge, name) == BODIES["mid"], 20)
    assert get(edge, name) == BODIES["mid"]


def test_an_object_without_a_manifest(purge, edge, web, redis):
    name = f"m/{next(numbers)}.bin"
    web.put(name, b"old")
    assert get(edge, name, "") == b"old"
    web.put(name, b"new")
    assert get(edge, name, "") == b"old"
    announce(edge, redis, name)
    assert get(edge, name, "") == (b"new" if purge else b"old")


def test_unsigned_ones_keep_bytes(web, web_edges, redis):
    """Where that is asked for: the manifest is new, the object's bytes stay."""

    edge = start(web, web_edges, redis, True, "xr_announce channel=strict signed;")
    wait_connected(edge)
    name, plain = new_name(web), f"m/{next(numbers)}.bin"
    web.put(plain, b"old")
    assert (get(edge, name), get(edge, plain, "")) == (BODIES["low"], b"old")
    web.publish(name, manifest(VARIANTS[:2]))
    web.put(plain, b"new")

    for n in (name, plain):
        received = counters(edge)[0]
        say(redis, n, channel="strict")
        wait_heard(edge, received + 1)
    assert (get(edge, name), get(edge, plain, "")) == (BODIES["mid"], b"old")

    received = counters(edge)[0]
    redis("PUBLISH", "strict", json.dumps({"v": 1, "order": purging.order(objects=[plain])}))
    wait_heard(edge, received + 1)
    assert get(edge, plain, "") == b"new"


def test_only_that_one(edge, web, redis):
    names = [new_name(web) for _ in range(3)]
    for name in names:
        get(edge, name)
    before = [fetched(web, name) for name in names]
    announce(edge, redis, names[1])
    for name in names:
        get(edge, name)
    assert [fetched(web, name) for name in names] == [before[0], before[1] + 1, before[2]]


def test_after_a_reload(purge, web, web_edges, redis):
    """The store is empty then, the cache is not; and nobody listens twice."""

    channel = f"reloads:{purge}"
    edge = start(web, web_edges, redis, purge, f"xr_announce channel={channel};", workers=2)
    edge.reloads = True
    wait_connected(edge)
    name = new_name(web)
    assert get(edge, name) == BODIES["low"]

    for _ in range(3):
        edge.reload()
        wait_connected(edge)
        servers.wait_for("one subscriber",
                         lambda: redis("PUBSUB", "NUMSUB", channel).split()[1] == "1", 20)

    web.publish(name, manifest(VARIANTS[:2]))
    received = counters(edge)[0]
    say(redis, name, channel=channel)
    wait_heard(edge, received + 1)
    assert get(edge, name) == BODIES["mid"]


def test_a_reload_while_a_client_stays(web, web_edges, redis):
    """The old worker stays for its client, and listens no more."""

    edge = start(web, web_edges, redis, False, "xr_announce channel=stays;")
    edge.reloads = True
    wait_connected(edge)
    web.put("large.bin", b"x" * 30_000_000)

    with http1.Connection(edge.port) as slow:
        slow.send("/acme/large.bin")
        assert b"200" in slow.file.readline()
        edge.reload()
        servers.wait_for("the new worker", lambda: redis("PUBSUB", "NUMSUB", "stays").split()[1]
                         == "1" and counters(edge)[2] == 1
                         and edge.error_log().count('listens to announcements in "stays"') == 2, 20)
        assert len(servers.workers_of(edge.process.pid)) == 2


# ---- Redis goes, and comes back

def test_redis_is_killed(purge, web, web_edges):
    with redis_server() as redis:
        edge = start(web, web_edges, redis, purge)
        wait_connected(edge)
        name = new_name(web)
        assert get(edge, name) == BODIES["low"]

        redis.stop()
        wait_connected(edge, 0)
        web.publish(name, manifest(VARIANTS[:2]))
        assert get(edge, name) == BODIES["low"]

        redis.start()
        wait_connected(edge)
        assert get(edge, name) == BODIES["mid"]

        web.publish(name, manifest())
        announce(edge, redis, name)
        assert get(edge, name) == BODIES["low"]


def test_redis_hangs(web, web_edges):
    """A connection that is silent is noticed."""

    with redis_server() as redis:
        edge = start(web, web_edges, redis, False)
        wait_connected(edge)
        redis.kill(signal.SIGSTOP)
        try:
            wait_connected(edge, 0)
        finally:
            redis.kill(signal.SIGCONT)
        wait_connected(edge)


def test_the_worker_dies(web, web_edges, redis):
    edge = start(web, web_edges, redis, False, "xr_announce channel=dies;", workers=2)
    wait_connected(edge)
    edge.reloads = True

    for pid in servers.workers_of(edge.process.pid):
        subprocess.run(["kill", "-TERM", str(pid)], check=True)

    servers.wait_for("a new one", lambda: edge.error_log().count(
        'listens to announcements in "dies"') >= 2, 20)
    servers.wait_for("one subscriber", lambda: redis("PUBSUB", "NUMSUB", "dies").split()[1] == "1")


# ---- who may, and what may be said

def test_a_user_with_few_rights(web, web_edges, redis):
    redis("ACL", "SETUSER", "hears", "on", ">sesame", "resetkeys", "resetchannels", f"&{CHANNEL}",
          "-@all", "+subscribe")
    edge = start(web, web_edges, redis, False, options="user=hears password_file=password db=0",
                 files={"password": "sesame\n"})
    wait_connected(edge)
    name = new_name(web)
    assert get(edge, name) == BODIES["low"]
    web.publish(name, manifest(VARIANTS[:2]))
    announce(edge, redis, name)
    assert get(edge, name) == BODIES["mid"]
    assert "sesame" not in edge.error_log()


def test_a_user_of_another_channel(web, web_edges, redis):
    redis("ACL", "SETUSER", "other", "on", ">sesame", "resetkeys", "resetchannels", "&others",
          "-@all", "+subscribe", "+ping")
    edge = start(web, web_edges, redis, False, options="user=other password_file=password",
                 files={"password": "sesame\n"})
    servers.wait_for("it is said", lambda: "does not let us subscribe" in edge.error_log())
    assert counters(edge)[2] == 0


GARBAGE = [
    "", "x", "{", "[]", "null", "{}", "\0" * 100, "\xff" * 50, "[" * 4000,
    '{"v":1}', '{"v":2,"tenant":"acme","object":"%s"}', '{"v":"1","tenant":"acme","object":"%s"}',
    '{"v":1.0,"tenant":"acme","object":"%s"}', '{"v":1,"tenant":["acme"],"object":"%s"}',
    '{"v":1,"tenant":"acme","object":["%s"]}', '{"v":1,"tenant":"acme","object":7}',
    '{"v":1,"tenant":"nobody","object":"%s"}', '{"v":1,"tenant":"ACME","object":"%s"}',
    '{"v":1,"tenant":"","object":"%s"}', '{"v":1,"tenant":"acme\\u0000","object":"%s"}',
    '{"v":1,"tenant":"acme","object":"m/../%s"}', '{"v":1,"tenant":"acme","object":"../%s"}',
    '{"v":1,"tenant":"acme","object":"//%s"}', '{"v":1,"tenant":"acme","object":"%s/"}',
    '{"v":1,"tenant":"acme","object":"%s\\n"}', '{"v":1,"tenant":"acme","object":"."}',
    '{"v":1,"tenant":"acme","object":"%s"} x', '{"v":1,"v":1,"tenant":"acme","object":"%s"}',
    '{"v":1,"tenant":"acme","object":"%s"}' + " " * 5000,
    '{"v":1,"tenant":"acme","object":"%s"}' + " " * 9000,
    '{"v":1,"tenant":"acme","object":"%s"}' + " " * 20000, "a" * 1000000,
]


def test_garbage(edge, web, redis):
    name = new_name(web)
    get(edge, name)
    before, (received, bad, _) = fetched(web, name), counters(edge)
    subscribed = edge.error_log().count("listens to announcements")

    for text in GARBAGE:
        text = text.replace("%s", name).encode("latin-1")
        subprocess.run(["redis-cli", "-p", str(redis.port), "-x", "PUBLISH", CHANNEL], input=text,
                       check=True, capture_output=True, timeout=20)

    wait_heard(edge, received + len(GARBAGE), 10)
    assert counters(edge) == [received + len(GARBAGE), bad + len(GARBAGE), 1]
    get(edge, name)
    assert fetched(web, name) == before
    assert edge.error_log().count("listens to announcements") == subscribed


def test_more_than_can_be_read(purge, web, web_edges, redis):
    """The connection ends, and is made again."""

    edge = start(web, web_edges, redis, purge, "xr_announce channel=large;")
    wait_connected(edge)
    subprocess.run(["redis-cli", "-p", str(redis.port), "-x", "PUBLISH", "large"],
                   input=b"a" * 20_000_000, check=True, capture_output=True, timeout=20)
    servers.wait_for("it subscribes again", lambda: edge.error_log().count(
        'listens to announcements in "large"') == 2)
    wait_connected(edge)


def test_many(edge, web, redis):
    name = new_name(web)
    get(edge, name)
    received = counters(edge)[0]
    text = json.dumps({"v": 1, "tenant": "acme", "object": name})
    redis(text="".join(f"PUBLISH {CHANNEL} '{text}'\n" for _ in range(5000)))
    web.publish(name, manifest(VARIANTS[:2]))
    say(redis, name)
    wait_heard(edge, received + 5001, 20)
    assert get(edge, name) == BODIES["mid"]


# ---- configuration

@pytest.mark.parametrize("line, reason", [
    ("xr_announce;", "invalid number of arguments"),
    ("xr_announce maybe;", 'invalid parameter "maybe"'),
    ("xr_announce on on;", 'invalid parameter "on"'),
    ("xr_announce off signed;", 'invalid parameter "signed"'),
    ("xr_announce on signed signed;", "invalid number of arguments"),
    ("xr_announce channel=;", 'invalid channel ""'),
    ("xr_announce 'channel=a\tb';", "invalid channel"),
    (f"xr_announce channel={'a' * 257};", "invalid channel"),
    ("xr_announce on; xr_announce off;", '"xr_announce" directive is duplicate'),
])
def test_bad_configuration(web, redis, tmp_path, line, reason):
    code, said = configured(web, tmp_path, f"xr_redis 127.0.0.1:{redis.port}; {line}")
    assert code == 1 and reason in said and "nginx.conf:" in said


def test_no_redis(web, tmp_path):
    code, said = configured(web, tmp_path, "xr_announce on;")
    assert code == 1 and '"xr_announce" needs an "xr_redis"' in said and "nginx.conf:" in said


@pytest.mark.parametrize("line", ["xr_announce off;", "xr_announce channel=a:b;", "xr_announce on;",
                                  "xr_announce on signed;"])
def test_good_configuration(web, redis, tmp_path, line):
    assert configured(web, tmp_path, f"{line} xr_redis 127.0.0.1:{redis.port};")[0] == 0


def configured(web, tmp_path, http):
    return servers.Edge(tmp_path, web.tenants("acme"), http=http, origin=web.url,
                        location="xr_auth public;").test()
