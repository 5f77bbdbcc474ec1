# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr rollback: what was published before is published again, whole or not at all."""

import itertools
import json
import signal

import pytest

import servers
from publishing import model, publisher, sha256
from redis_server import redis_server
from test_xr_worker_pack import quoted, subscribe

numbers = itertools.count(1)


@pytest.fixture
def xr(stack, redis):
    with publisher(stack, redis) as made:
        made.worker.start()
        yield made


@pytest.fixture
def key():
    return f"rollback/{next(numbers)}/r 2é.glb"


def published(xr, key, versions=3):
    """The texts of manifests, in the order in which they were published."""

    texts = []
    for n in range(versions):
        xr.publish(key, model(f"{key}{n}"))
        texts.append(xr.read(f"{key}.xr/manifest.json"))
    return texts


def current(xr, key):
    return xr.read(f"{key}.xr/manifest.json")


def test_the_one_before_comes_back(xr, key):
    texts = published(xr, key)
    heard = subscribe(xr.redis)
    out, err = xr("rollback", key)
    assert err == "" and out == f"{key}  version 2, {sha256(texts[1])[:16]}, is published again\n"
    assert current(xr, key) == texts[1]
    assert json.loads(heard()) == {"v": 1, "tenant": "acme", "object": key}

    # and forward again
    xr("rollback", key)
    assert current(xr, key) == texts[2]


def test_to_a_version(xr, key):
    texts = published(xr, key)
    assert xr.json("rollback", "--to", 1, key)[0]["hash"] == sha256(texts[0])[:16]
    assert current(xr, key) == texts[0]
    xr("rollback", "--to", sha256(texts[1])[:6], key)
    assert current(xr, key) == texts[1]
    names = xr.history(key)
    _, err = xr("rollback", "--to", sha256(texts[1])[:16], key)
    assert "what is published" in err and xr.history(key) == names

    for to in ("9", "abc", "0" * 16, ""):
        _, err = xr("rollback", "--to", to, key, status=1)
        assert "there is no version" in err
    assert current(xr, key) == texts[1]


def test_the_list(xr, key):
    texts = published(xr, key)
    hashes = [sha256(text)[:16] for text in texts]
    found = xr.json("rollback", "--list", key)
    assert [v["hash"] for v in found] == hashes[::-1]
    assert [v.get("version") for v in found] == [None, 2, 1] and found[0]["published"]
    assert found[1]["until"].startswith("20")

    # each version is listed once, however often it came and went
    xr("rollback", key)
    xr("rollback", key)
    assert [v["hash"] for v in xr.json("rollback", "--list", key)] == hashes[::-1]
    out, _ = xr("rollback", "--list", key)
    assert out.splitlines()[0].split() == [hashes[2], "published"]
    assert "until" in out.splitlines()[1]


def test_published_again_after_a_rollback(xr, key):
    """The job was done, but what it did was undone."""

    texts = published(xr, key, 2)
    xr("rollback", key)
    pack = xr.publish(key, model(f"{key}1"))["pack"]
    assert pack["state"] == "done" and current(xr, key) == texts[1]


@pytest.mark.parametrize("what", ["variant", "sibling", "size"])
def test_a_version_that_is_not_whole(xr, key, stack, what):
    texts = published(xr, key, 2)
    full = json.loads(texts[0])["variants"][0]
    name = f"{key}.xr/{full['path']}" + (".br" if what == "sibling" else "")
    assert xr.read(name)
    if what == "size":
        stack.s3.put_object(Bucket=stack.bucket, Key=name, Body=b"cut")
    else:
        stack.s3.delete_object(Bucket=stack.bucket, Key=name)
    _, err = xr("rollback", key, status=1)
    assert f"not whole any more: {name} is missing" in err
    assert current(xr, key) == texts[1] and len(xr.history(key)) == 1


@pytest.mark.parametrize("body, reason", [(b"{}", "not what its name says"), (b"", "not what")])
def test_a_history_that_was_changed(xr, key, stack, body, reason):
    texts = published(xr, key, 2)
    stack.s3.put_object(Bucket=stack.bucket, Key=xr.history(key)[0], Body=body)
    _, err = xr("rollback", key, status=1)
    assert reason in err and current(xr, key) == texts[1]


def test_a_version_that_goes_meanwhile(stack, redis, faults, key):
    with publisher(stack, redis, origin=stack["origin"]) as xr:
        xr.worker.start()
        texts = published(xr, key, 2)
        with faults.active({"path": "/history/00000001", "method": "GET", "status": 404}):
            _, err = xr("rollback", key, status=1)
        assert "it is gone" in err and current(xr, key) == texts[1]


def test_a_manifest_that_no_edge_reads(xr, key, stack):
    texts = published(xr, key, 1)
    text = b'{"v": 7}'
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/history/00000001-{sha256(text)[:16]}.json",
                        Body=text)
    _, err = xr("rollback", key, status=1)
    assert "line 1" in err and current(xr, key) == texts[0]


@pytest.mark.parametrize("name", ["1-{}", "000000001-{}", "0000000x-{}", "-0000001-{}", "99999999{}",
                                  "00000001-{}x", "00000001-{}.json", "x/00000001-{}"])
def test_names_that_are_none(xr, key, stack, name):
    texts = published(xr, key, 1)
    stack.s3.put_object(Bucket=stack.bucket, Body=texts[0] + b" ",
                        Key=f"{key}.xr/history/{name.format(sha256(texts[0] + b' ')[:16])}.json")
    assert "no version before" in xr("rollback", key, status=1)[1]


def test_there_is_none_before(xr, key):
    _, err = xr("rollback", key, status=1)
    assert "has no variants" in err
    published(xr, key, 1)
    assert "no version before" in xr("rollback", key, status=1)[1]
    assert xr.json("rollback", "--list", key)[0]["published"]


def test_a_manifest_that_was_removed(xr, key, stack):
    texts = published(xr, key, 2)
    stack.s3.delete_object(Bucket=stack.bucket, Key=f"{key}.xr/manifest.json")
    xr("rollback", key)
    assert current(xr, key) == texts[0]


def test_somebody_publishes_at_the_same_time(xr, key, stack, faults):
    """The one that comes second sees it."""

    texts = published(xr, key, 2)
    text = xr.worker.config.read_text().replace(stack["s3"], stack["origin"])
    slow = xr.write("slow.json", text.encode())
    xr.write("aws", (xr.folder / "aws").read_bytes()).chmod(0o600)
    xr.options[1] = slow
    faults._call("DELETE", "/log")

    with faults.active({"path": "manifest.json", "method": "PUT", "delay": 2}):
        process = xr.start("rollback", key)
        servers.wait_for("its write", lambda: [e for e in faults.log(quoted(key))
                                               if e["method"] == "PUT" and "manifest" in e["path"]])
        stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/manifest.json", Body=texts[0] + b" ")
        _, err = process.communicate(timeout=30)

    assert process.returncode == 1 and "published meanwhile, nothing was changed" in err
    assert current(xr, key) == texts[0] + b" "


def test_a_job_under_way(stack, redis, key, tmp_path):
    gate = tmp_path / "gate"
    with publisher(stack, redis, presets={"default": [], "held": ["--wait", str(gate)]}) as xr:
        process = xr.worker.start()
        texts = published(xr, key, 2)
        job = xr.publish(key, model("new"), "--no-wait", "--preset", "held")["pack"]["job"]
        xr.worker.wait(process, "pack", job=job)
        _, err = xr("rollback", key, status=1)
        assert f"its job {job} is running" in err and current(xr, key) == texts[1]
        xr("rollback", "--force", key)
        assert current(xr, key) == texts[0]

        # it publishes on top, as was said
        gate.touch()
        xr.worker.wait(process, "done", job=job)
        assert json.loads(current(xr, key))["rev"] == sha256(model("new"))
        assert len(xr.history(key)) == 3


def test_workers_wait_for_whoever_has_the_lock(xr, key):
    """As "xr rollback" and "xr gc" have it while they change something."""

    lock = f"xr:{{jobs}}:lock:acme/{key}"
    xr.redis("SET", lock, "somebody", "PX", "60000")
    job = xr.publish(key, model(key), "--no-wait")["pack"]["job"]
    servers.wait_for("it waits", lambda: xr.jobs.show(job)["state"] == "waiting")
    assert xr.jobs.show(job)["attempts"] == 0
    xr.redis("DEL", lock)
    servers.wait_for("it is done", lambda: xr.jobs.show(job)["state"] == "done", 20)
    assert xr.jobs.show(job)["attempts"] == 1


def test_a_job_that_was_dropped(stack, redis, key, tmp_path):
    """Its worker may still write what it has made, until it learns of it."""

    gate = tmp_path / "gate"
    with publisher(stack, redis, presets={"default": [], "held": ["--wait", str(gate)]},
                   lease="3s") as xr:
        process = xr.worker.start()
        texts = published(xr, key, 2)
        job = xr.publish(key, model("new"), "--no-wait", "--preset", "held")["pack"]["job"]
        xr.worker.wait(process, "pack", job=job)
        process.send_signal(signal.SIGSTOP)
        try:
            xr.jobs("drop", job)
            for force in ([], ["--force"]):
                _, err = xr("rollback", *force, key, status=1)
                assert "somebody else is changing it" in err and current(xr, key) == texts[1]
        finally:
            process.send_signal(signal.SIGCONT)

        xr.worker.wait(process, "lost", job=job)
        servers.wait_for("its lock is gone", lambda: not xr.redis("KEYS", "*:lock:*").strip())
        xr("rollback", key)
        assert current(xr, key) == texts[0]


def test_force_is_not_for_whoever_has_the_lock(xr, key):
    texts = published(xr, key, 2)
    xr.redis("SET", f"xr:{{jobs}}:lock:acme/{key}", "somebody", "PX", "60000")
    _, err = xr("rollback", "--force", key, status=1)
    assert "somebody else is changing it" in err and current(xr, key) == texts[1]


def test_redis_is_away(xr, key):
    """That is when it may be needed most."""

    texts = published(xr, key, 2)
    with redis_server() as other:
        url = other.url
    _, err = xr("rollback", "--redis", url, key, status=1)
    assert "127.0.0.1" in err and current(xr, key) == texts[1]
    _, err = xr("rollback", "--force", "--redis", url, key, status=1)
    assert "rolled back, but edges were not told" in err and current(xr, key) == texts[0]


def test_without_redis(xr, key):
    texts = published(xr, key, 2)
    xr.worker.config.write_text(xr.worker.config.read_text().replace(f'"redis": "{xr.redis.url}",', ""))
    _, err = xr("rollback", key)
    assert "no Redis is known" in err and current(xr, key) == texts[0]


@pytest.mark.parametrize("args, reason", [([], "one OBJECT"), (["a", "b"], "one OBJECT"), ([""], "one OBJECT")])
def test_wrong_calls(xr, args, reason):
    assert reason in xr("rollback", *args, status=2)[1]
