# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Configuration changes and ends of NGINX, with clients in the middle of it."""

import signal
import threading

import pytest

import servers
from edgeauth import in_query, token
from live import Load
from servers import KEY, OTHER_KEY


def targets(objects, key=KEY, carrier=in_query):
    return [(carrier(f"/acme/{name}", token(key, acl="/*")), body) for name, body in objects]


@pytest.fixture
def edge(edges):
    return edges({"acme": "keys one;"}, workers=2, files={"one": f"{KEY}\n"})


def test_reload_under_load_drops_nothing(stack, edge):
    objects = [stack.put(size) for size in (b"a" * 100, b"b" * 70000, b"c" * 300000)]

    with Load(edge, targets(objects)) as load:
        for n in range(4):
            # each time another configuration: a key more or less
            edge.write("one", f"{KEY}\n" + (f"{OTHER_KEY}\n" if n % 2 else ""))
            edge.reload()
            load.more()

    assert load.wrong == []


def test_reload_with_slow_cold_requests(stack, edge, faults):
    """A request that waits for the origin while NGINX is told to reload."""

    key, body = stack.put(b"0123456789" * 10000)
    faults.rules([{"path": key, "delay": 0.5, "rate": 200000}])
    answers = []
    client = threading.Thread(target=lambda: answers.append(edge.fetch(f"/acme/{key}")))
    client.start()

    servers.wait_for("the origin is asked", lambda: faults.log(key))
    edge.reload()
    client.join(30)

    assert (answers[0].status, answers[0].body, answers[0].complete) == (200, body, True)
    assert edge.fetch(f"/acme/{key}").body == body
    assert len(faults.log(key)) == 1


def test_a_changed_key(stack, edge):
    key, body = stack.put()
    path = f"/acme/{key}"
    old, new = token(KEY, acl="/*"), token(OTHER_KEY, acl="/*")

    assert edge.get(in_query(path, old)).body == body
    assert edge.get(in_query(path, new)).status == 403

    edge.write("one", f"{OTHER_KEY}\n")
    edge.reload()

    assert edge.get(in_query(path, new)).body == body
    assert edge.get(in_query(path, old)).status == 403

    # the cache has outlived it
    assert len(stack.faults.log(key)) == 1


def test_a_bad_configuration_changes_nothing(stack, edge):
    """A key file that is broken, and a tenant that is: the old ones go on."""

    key, body = stack.put()
    before = servers.workers_of(edge.process.pid)

    edge.write("one", "no hex\n")
    edge.kill(signal.SIGHUP)
    servers.wait_for("the refusal", lambda: "[emerg]" in edge.error_log())

    assert edge.fetch(f"/acme/{key}").body == body
    assert servers.workers_of(edge.process.pid) == before

    # it was expected: the check at the end is for others
    log = edge.folder / "error.log"
    log.write_text("\n".join(l for l in edge.error_log().splitlines() if "[emerg]" not in l))


def test_a_tenant_comes_and_goes(stack, edge):
    key, body = stack.put()
    assert edge.fetch(f"/other/{key}").status == 404

    edge.configure({"acme": "keys one;", "other": "host other.test;"})
    edge.reload()
    assert edge.fetch(f"/other/{key}").body == body
    assert edge.fetch(f"/acme/{key}").body == body

    edge.configure({"acme": "keys one;"})
    edge.reload()
    assert edge.fetch(f"/other/{key}").status == 404
    assert edge.fetch(f"/{key}", servers.key_of("other"), host="other.test").status == 404


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_end(stack, edges, faults, number):
    """QUIT lets requests finish, TERM does not wait; both end cleanly."""

    edge = edges({"acme": ""}, workers=2)
    key, body = stack.put(b"0123456789" * 10000)
    faults.rules([{"path": key, "rate": 200000}])
    answers = []
    client = threading.Thread(target=lambda: answers.append(fetch()))

    def fetch():
        try:
            return edge.fetch(f"/acme/{key}")
        except ConnectionError:
            return None

    client.start()
    servers.wait_for("the origin is asked", lambda: faults.log(key))
    pids = servers.workers_of(edge.process.pid)
    process, edge.process = edge.process, None
    process.send_signal(number)

    assert process.wait(20) == 0
    client.join(30)
    assert servers.trouble_in(edge.folder) == []
    assert not any(servers.alive(pid) for pid in pids)

    if number == signal.SIGQUIT:
        assert (answers[0].body, answers[0].complete) == (body, True)
    else:
        assert answers[0] is None or not answers[0].complete
