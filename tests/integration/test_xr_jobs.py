# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr jobs, and what the queue costs Redis."""

import hashlib
import json
import re
import subprocess

import pytest

import jobs
import servers
from jobs import STREAM, Jobs, sha256
from redis_server import redis_server

DIGEST = sha256(b"a")


@pytest.fixture
def queue(redis):
    return Jobs(redis.url)


def script():
    """The script that xr sends, as it has sent it."""

    text = (servers.TOP / "edge_workers" / "queue_script.c").read_text()
    body = re.sub(r"/\*.*?\*/", "", text[text.index("xrw_queue_script[] ="):], flags=re.S)
    return "".join(json.loads(piece) for piece in re.findall(r'"(?:[^"\\]|\\.)*"', body))


def call(redis, *args):
    """An operation on the queue."""

    keys = [STREAM, f"{STREAM}:later", f"{STREAM}:dead", f"{STREAM}:done", "xr:{jobs}:job:",
            "xr:{jobs}:of:", "xr:{jobs}:lock:"]
    return redis("EVAL", script(), "7", *keys, *args).splitlines()


def take(redis, consumer="w1"):
    """A job, as a worker gets it: its id, and what it has to say to change it."""

    words = redis("XREADGROUP", "GROUP", "pack", consumer, "COUNT", "1", "STREAMS", STREAM,
                  ">").split()
    entry, job = words[1], words[3]
    attempt = json.loads(call(redis, "take", job, consumer, entry, "5")[1])["n"]
    return job, consumer, entry, attempt


def test_add_list_show_drop(redis, queue):
    job, state = queue.add("robots/r2.glb", DIGEST)
    assert state == "added" and re.fullmatch(r"[0-9a-f]{32}", job)
    assert queue.add("robots/r2.glb", DIGEST) == [job, "queued"]
    assert queue.add("robots/r2.glb", DIGEST, "--preset", "mobile")[1] == "added"
    assert queue.add("robots/r2.glb", DIGEST, tenant="other")[1] == "added"
    assert queue.add("robots/r3.glb", DIGEST)[1] == "added"
    assert redis("XLEN", STREAM).strip() == "4"

    shown = queue.show(job)
    assert shown == {"id": job, "state": "queued", "tenant": "acme", "key": "robots/r2.glb",
                     "sha256": DIGEST, "preset": "default", "attempts": 0,
                     "queued": shown["queued"], "updated": shown["updated"]}
    assert abs(shown["queued"] / 1000 - float(redis("TIME").split()[0])) < 60
    assert queue.list()[0] == shown

    text, _ = queue("show", job)
    assert "robots/r2.glb" in text and re.search(r"queued +20\d\d-", text)
    text, _ = queue("list")
    assert f"{job}  queued   0  acme robots/r2.glb\n" in text
    assert len(queue.list("--limit", "2")) == 2

    assert queue("drop", job)[0].split() == [job, "dropped"]
    assert redis("XLEN", STREAM).strip() == "3"
    assert redis("EXISTS", f"xr:{{jobs}}:job:{job}").strip() == "0"
    _, err = queue("drop", job, status=1)
    assert "no such job" in err
    assert queue.add("robots/r2.glb", DIGEST) == [job, "added"]


@pytest.mark.parametrize("command", ["add", "list", "show", "retry", "drop"])
def test_help(command):
    out, _ = jobs.xr("jobs", command, "--help")
    assert out.startswith(f"usage: xr jobs {command} ") and "--json" in out and "--redis" in out


@pytest.mark.parametrize("args, wanted", [
    (["list", "--state", "asleep"], "no job is ever in it"),
    (["list", "--limit", "0"], "1 to 1000"),
    (["list", "--limit", "1001"], "1 to 1000"),
    (["list", "x"], "no arguments"),
    (["show"], "which ID"),
    (["show", "abc"], "no ID of a job"),
    (["drop", "../" + "a" * 29], "no ID of a job"),
    (["retry", "A" * 32], "no ID of a job"),
    (["add", "k"], "say --tenant"),
    (["add", "--tenant", "acme"], "which KEY"),
    (["add", "--tenant", "acme", "--sha256", DIGEST, "a", "b"], "of one KEY"),
])
def test_called_wrongly(queue, args, wanted):
    _, err = queue(*args, status=2)
    assert wanted in err


@pytest.mark.parametrize("tenant, key, args", [
    ("../acme", "a", []), ("acme", "a/../b", []), ("acme", "/a", []), ("acme", "a.xr/b", []),
    ("acme", "a", ["--preset", "X"]), ("acme", "a", ["--sha256", "xyz"]),
])
def test_bad_jobs_are_refused(redis, queue, tenant, key, args):
    _, err = queue("add", "--tenant", tenant, "--sha256", DIGEST, *args, key, status=1)
    assert err.startswith("xr: ")
    assert redis("DBSIZE").strip() == "0"


def test_odd_keys(redis, queue):
    for key in ("käse 100%.glb", "a'b\"c", "{x}", "漢字/😀.glb", "k" * 1024):
        job, state = queue.add(key, DIGEST)
        assert state == "added" and queue.show(job)["key"] == key
        assert queue.add(key, DIGEST) == [job, "queued"]


def test_no_redis(redis):
    _, err = jobs.xr("jobs", "list", "--redis", "redis://127.0.0.1:1", status=1)
    assert "Connection refused" in err
    _, err = jobs.xr("jobs", "list", status=2, env={"XR_REDIS": ""})
    assert "say --redis" in err


def test_states_of_a_job(redis, queue):
    job, _ = queue.add("a.glb", DIGEST)
    call(redis, "begin", "")
    lease = take(redis)
    assert lease[0] == job and queue.show(job)["worker"] == "w1"
    assert queue.add("a.glb", DIGEST) == [job, "running"]
    assert queue("retry", job)[0].split() == [job, "running"]
    assert queue.states() == {"running": [job]}

    # it fails, and waits
    assert call(redis, "fail", *lease, "no luck", "0", "3600000", "5") == ["done"]
    assert queue.add("a.glb", DIGEST) == [job, "waiting"]
    shown = queue.show(job)
    assert (shown["state"], shown["reason"], shown["attempts"]) == ("waiting", "no luck", 1)
    assert shown["due"] > shown["updated"]
    assert redis("XLEN", STREAM).strip() == "0"
    assert 3590000 < int(call(redis, "promote", "")[0]) <= 3600000

    # it need not wait
    assert queue("retry", job)[0].split() == [job, "queued"]
    lease = take(redis)
    assert lease[3] == 1

    # and is done
    result = json.dumps({"variants": 2})
    assert call(redis, "done", *lease, result, "0" * 32) == ["done"]
    assert queue.show(job)["result"] == {"variants": 2}
    assert queue.states() == {"done": [job]}
    assert int(redis("TTL", f"xr:{{jobs}}:job:{job}")) > 86400
    assert redis("XLEN", STREAM).strip() == "0"


def test_who_has_lost_a_lease_changes_nothing(redis, queue):
    job, _ = queue.add("a.glb", DIGEST)
    call(redis, "begin", "")
    lease = take(redis)
    for op in ("renew", "done", "fail", "release"):
        for i, other in ((1, "w2"), (2, "1-1"), (3, lease[3] + 1)):
            said = [*lease[:i], other, *lease[i + 1:]]
            assert call(redis, op, *said, "{}", "0", "0", "5") == ["lost"]
    assert queue.show(job)["state"] == "running"
    assert call(redis, "renew", *lease) == ["done"]

    # dropped, it is nobody's
    queue("drop", job)
    assert call(redis, "renew", *lease) == ["lost"]
    assert redis("XPENDING", STREAM, "pack").split()[0] == "0"


def test_a_job_is_given_up_after_five_attempts(redis, queue):
    job, _ = queue.add("a.glb", DIGEST)
    call(redis, "begin", "")

    for attempt in range(1, 6):
        lease = take(redis)
        assert lease[3] == attempt
        said = call(redis, "fail", *lease, f"reason {attempt}", "0", "0", "5")
        assert said == (["buried"] if attempt == 5 else ["done"])
        call(redis, "promote", "")

    assert queue.states() == {"dead": [job]}
    assert queue.show(job)["reason"] == "reason 5"
    text, _ = queue("list", "--state", "dead")
    assert "reason 5" in text

    # whoever publishes the same again wants it tried again
    assert queue.add("a.glb", DIGEST) == [job, "added"]
    assert queue.show(job)["attempts"] == 0
    assert queue.states() == {"queued": [job]}


def test_dead_letters_are_bounded(redis, queue):
    call(redis, "begin", "")
    record = json.dumps({"t": "acme", "k": "k", "p": "default"})
    text = []
    for i in range(1100):
        digest = sha256(b"%d" % i)
        text.append((digest[:32], digest[32:]))
    load(redis, [("add", job, record, "0", "1000000", source) for job, source in text])
    for _ in range(30):
        lease = take(redis)
        call(redis, "fail", *lease, "why", "1", "0", "5")
    assert redis("ZCARD", f"{STREAM}:dead").strip() == "30"
    redis("EVAL", "for i = 1, 1000 do redis.call('ZADD', KEYS[1], i, 'old' .. i) end", "1",
          f"{STREAM}:dead")
    lease = take(redis)
    call(redis, "fail", *lease, "why", "1", "0", "5")
    assert redis("ZCARD", f"{STREAM}:dead").strip() == "1000"
    assert lease[0] in redis("ZRANGE", f"{STREAM}:dead", "-1", "-1")


def test_a_full_queue_says_so(redis):
    call(redis, "begin", "")
    record = json.dumps({"t": "acme", "k": "k", "p": "default"})
    for i in range(3):
        assert call(redis, "add", f"{i:032}", record, "0", "3", "x")[1] == "1"
    assert call(redis, "add", "a" * 32, record, "0", "3", "x") == ["full", "0"]


def resp(*words):
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word.encode()
        out.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(out)


def load(redis, operations):
    """Many operations at once."""

    sha = redis("SCRIPT", "LOAD", script()).strip()
    keys = [STREAM, f"{STREAM}:later", f"{STREAM}:dead", f"{STREAM}:done", "xr:{jobs}:job:",
            "xr:{jobs}:of:"]
    text = b"".join(resp("EVALSHA", sha, "6", *keys, *op) for op in operations)
    done = subprocess.run(["redis-cli", "-p", str(redis.port), "--pipe"], input=text,
                          capture_output=True, check=True, timeout=120)
    assert b"errors: 0" in done.stdout, done.stdout


def test_a_hundred_thousand_jobs_cost_less_than_64_mib(redis, queue):
    before = int(redis.info("memory", "used_memory"))
    operations = []

    for i in range(100000):
        digest = hashlib.sha256(b"%d" % i).hexdigest()
        record = json.dumps({"t": "acme-models", "k": f"catalogue/2026/chairs/chair-{i:06}/model.glb",
                             "h": digest, "p": "default"}, separators=(",", ":"))
        operations.append(("add", digest[:32], record, "0", "1000000", digest[32:]))

    load(redis, operations)
    cost = int(redis.info("memory", "used_memory")) - before
    assert redis("XLEN", STREAM).strip() == "100000"
    print(f"100,000 jobs: {cost / 2**20:.1f} MiB")
    assert cost < 64 * 2**20

    # and it is quick to say what is there
    assert len(queue.list("--limit", "1000", "--state", "queued")) == 1000


def test_redis_is_killed_and_comes_back():
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as own:
        queue = Jobs(own.url)
        job, _ = queue.add("a.glb", DIGEST)
        other, _ = queue.add("b.glb", DIGEST)
        call(own, "begin", "")
        lease = take(own)
        own.stop()
        own.start()
        assert queue.states() == {"running": [job], "queued": [other]}
        assert call(own, "renew", *lease) == ["done"]
        assert call(own, "release", *lease) == ["done"]
        assert queue.show(job)["attempts"] == 0
        assert len(queue.states()["queued"]) == 2


def test_names_are_of_one_node_and_of_ours(redis, queue):
    queue.add("a.glb", DIGEST)
    call(redis, "begin", "")
    lease = take(redis)
    call(redis, "done", *lease, "{}", "0" * 32)
    queue.add("b.glb", DIGEST)
    assert all(name.startswith("xr:{jobs}:") for name in redis("KEYS", "*").split())


def test_the_rights_that_are_documented_are_enough(redis, queue):
    text = (servers.TOP / "docs" / "operations.md").read_text()
    rule = re.search(r"ACL SETUSER packer on >PASSWORD (.*)$", text, re.M).group(1)
    redis("ACL", "SETUSER", "packer", "on", ">secret", *rule.split())
    queue.add("a.glb", DIGEST)

    one = f"redis://packer:secret@127.0.0.1:{redis.port}"
    for command in (("list",), ("add", "--tenant", "acme", "--sha256", DIGEST, "b.glb")):
        jobs.xr("jobs", *command, "--redis", one)
