# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr gc and xr status: what nothing refers to goes, in time, and never under a publisher's feet."""

import itertools
import json
import re
import threading

import pytest

import servers
from publishing import model, publisher, sha256

numbers = itertools.count(1)


@pytest.fixture
def xr(stack, redis):
    with publisher(stack, redis) as made:
        made.worker.start()
        yield made


@pytest.fixture
def key():
    return f"gc/{next(numbers)}/r 2é.glb"


def published(xr, key, versions=3):
    """The manifests, in the order in which they were published."""

    found = []
    for n in range(versions):
        xr.publish(key, model(f"{key}{n}"))
        found.append(xr.manifest(key))
    return found


def files(key, *manifests):
    names = set()
    for manifest in manifests:
        for variant in manifest["variants"]:
            names.add(f"{key}.xr/{variant['path']}")
            names.update(f"{key}.xr/{variant['path']}.br" for _ in variant.get("enc", {}))
    return names


def variants(xr, key):
    return {n for n in xr.listed(f"{key}.xr/") if "/history/" not in n and "manifest" not in n}


def test_what_versions_refer_to_stays(xr, key):
    manifests = published(xr, key)
    before = xr.listed(f"{key}.xr/")
    assert xr.json("gc", "--grace", "0s", key) == []
    assert xr.listed(f"{key}.xr/") == before
    assert variants(xr, key) == files(key, *manifests)


def test_versions_beyond_those_that_are_kept(xr, key):
    manifests = published(xr, key)
    gone = files(key, manifests[0])
    sizes = {name: size for name, size in xr.listed(f"{key}.xr/").items()
             if name in gone or name == xr.history(key)[0]}
    said = xr.json("gc", "--grace", "0s", "--keep", 1, key)
    assert {s["key"]: s["size"] for s in said} == sizes and all(s["removed"] for s in said)
    assert variants(xr, key) == files(key, *manifests[1:]) and len(xr.history(key)) == 1

    # what is left is whole: it can be rolled back to
    xr("rollback", key)
    assert xr.manifest(key) == manifests[1]
    out, err = xr("gc", "--grace", "0s", "--keep", 0, key)
    assert variants(xr, key) == files(key, manifests[1]) and xr.history(key) == []
    assert out.count("removed ") == err.count("objects") + len(files(key, manifests[2])) + 1
    assert xr.redis("KEYS", "xr:{jobs}:lock:*").strip() == ""


def test_back_and_forth_pushes_nothing_out(xr, key):
    """Versions that are the same count once."""

    manifests = published(xr, key)
    for _ in range(4):
        xr("rollback", key)
    assert len(xr.history(key)) == 6
    xr("gc", "--grace", "0s", "--keep", 3, key)
    assert [name.rpartition("/")[2][:8] for name in xr.history(key)] == ["00000001", "00000005", "00000006"]
    assert variants(xr, key) == files(key, *manifests)
    xr("rollback", "--to", 1, key)
    assert xr.manifest(key) == manifests[0]


def test_the_grace(xr, key):
    manifests = published(xr, key, 2)
    before = xr.listed(f"{key}.xr/")
    for grace in ((), ("--grace", "1h")):
        assert xr.json("gc", "--keep", 0, *grace, key) == []
    assert xr.listed(f"{key}.xr/") == before
    assert variants(xr, key) == files(key, *manifests)


def test_dry_run(xr, key):
    published(xr, key)
    before = xr.listed(f"{key}.xr/")
    out, err = xr("gc", "--grace", "0s", "--keep", 0, "--dry-run", key)
    assert out.count("would remove ") == int(err.split()[0]) == 8
    assert xr.listed(f"{key}.xr/") == before


def test_what_is_no_variant_stays(xr, key, stack):
    manifests = published(xr, key, 1)
    hashed = sha256(b"x")
    for name in ("notes.txt", "v/1.glb", f"{hashed[:63]}.glb", f"history/{hashed}.glb", f"deep/{hashed}"):
        stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/{name}", Body=b"x")
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/{hashed}.glb", Body=b"x")
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/{hashed}.glb.zst", Body=b"x")
    said = xr.json("gc", "--grace", "0s", key)
    assert [s["key"] for s in said] == [f"{key}.xr/{hashed}.glb", f"{key}.xr/{hashed}.glb.zst"]
    assert files(key, *manifests) < variants(xr, key)


def test_companions_stay(xr, key, stack):
    manifest = published(xr, key, 1)[0]
    name = sha256(b"c") + ".ktx2"
    manifest["variants"][0]["links"] = [{"path": name}]
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/manifest.json",
                        Body=json.dumps(manifest).encode())
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/{name}", Body=b"c")
    assert xr.json("gc", "--grace", "0s", key) == []


@pytest.mark.parametrize("body", [b"{", b""])
@pytest.mark.parametrize("which", ["manifest.json", "history"])
def test_a_manifest_that_cannot_be_read(xr, key, stack, which, body):
    """Then nobody knows what is referred to."""

    published(xr, key)
    name = f"{key}.xr/manifest.json" if which == "manifest.json" else xr.history(key)[-1]
    stack.s3.put_object(Bucket=stack.bucket, Key=name, Body=body)
    before = xr.listed(f"{key}.xr/")
    _, err = xr("gc", "--grace", "0s", "--keep", 1, key, status=1)
    assert "nothing was removed" in err and xr.listed(f"{key}.xr/") == before


def test_a_prefix_and_other_objects(xr, key):
    other = key.replace(".glb", "b.glb")
    published(xr, key, 2)
    published(xr, other, 2)
    before = xr.listed(f"{other}.xr/")
    assert xr.json("gc", "--grace", "0s", "--keep", 0, key + ".xr/")
    assert xr.listed(f"{other}.xr/") == before


def test_a_job_under_way(stack, redis, key, tmp_path):
    """Hands off, whatever its variants are like."""

    gate = tmp_path / "gate"
    with publisher(stack, redis, presets={"default": [], "held": ["--wait", str(gate)]}) as xr:
        process = xr.worker.start()
        published(xr, key, 2)
        before = xr.listed(f"{key}.xr/")
        job = xr.publish(key, model(f"{key}0"), "--no-wait", "--preset", "held")["pack"]["job"]
        xr.worker.wait(process, "pack", job=job)
        _, err = xr("gc", "--grace", "0s", "--keep", 0, key)
        assert "0 objects, 0 B; 1 under way left alone" in err
        assert xr.listed(f"{key}.xr/") == before

        # it finds its variants where they were
        gate.touch()
        xr.worker.wait(process, "done", job=job)
        assert xr.jobs.show(job)["result"]["uploaded"] == 0
        assert files(key, xr.manifest(key)) <= variants(xr, key)

    # queued is under way, too
    with publisher(stack, redis) as xr:
        xr.publish(key, model("new"), "--no-wait")
        assert "1 under way" in xr("gc", "--grace", "0s", "--keep", 0, key)[1]


def test_a_publisher_at_the_same_time(xr, key, stack):
    """
    Back and forth between two versions whose variants gc would take away in between: whatever is
    published is whole.
    """

    ended = threading.Event()
    wrong = []

    def collect():
        while not ended.is_set():
            xr("gc", "--grace", "0s", "--keep", 0, key.rpartition("/")[0])

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        for n in range(6 if servers.ASAN else 12):
            pack = xr.publish(key, model(f"{key}{n % 2}"))["pack"]
            manifest = xr.manifest(key)
            missing = files(key, manifest) - variants(xr, key)
            if pack["state"] not in ("done", "unchanged") or missing:
                wrong.append((n, pack, missing))
    finally:
        ended.set()
        thread.join(60)

    assert wrong == []
    xr("gc", "--grace", "0s", "--keep", 0, key)
    assert variants(xr, key) == files(key, xr.manifest(key))


def test_whoever_changes_it_has_the_lock(xr, key):
    published(xr, key, 2)
    before = xr.listed(f"{key}.xr/")
    xr.redis("SET", f"xr:{{jobs}}:lock:acme/{key}", "somebody", "PX", "60000")
    assert "1 under way left alone" in xr("gc", "--grace", "0s", "--keep", 0, key)[1]
    assert xr.listed(f"{key}.xr/") == before
    assert "somebody else is changing it" in xr("rollback", key, status=1)[1]


@pytest.mark.parametrize("args, reason", [
    (["--grace", "x"], "--grace x"), (["--keep", "-1"], "--keep -1"), (["--keep", "1x"], "--keep"),
    (["a", "b"], "one PREFIX")])
def test_wrong_calls(xr, args, reason):
    assert reason in xr("gc", *args, status=2)[1]


def test_without_redis(xr, key):
    xr.worker.config.write_text(xr.worker.config.read_text().replace(f'"redis": "{xr.redis.url}",', ""))
    assert "say --redis" in xr("gc", key, status=2)[1]


def test_the_rights_that_are_documented_are_enough(xr, key):
    """Of whoever publishes, and cleans up."""

    text = (servers.TOP / "docs" / "operations.md").read_text()
    rule = re.search(r"ACL SETUSER packer on >PASSWORD (.*)$", text, re.M).group(1)
    xr.redis("ACL", "SETUSER", "packer", "on", ">secret", *rule.split())
    user = xr.redis.url.replace("//", "//packer:secret@")
    texts = []
    for n in range(2):
        xr.publish(key, model(f"{key}{n}"), "--redis", user)
        texts.append(xr.manifest(key))
    assert xr.json("status", "--redis", user, key)[0]["jobs"] == []
    assert xr("rollback", "--redis", user, key)[1] == ""
    assert xr.manifest(key) == texts[0]
    assert xr.json("gc", "--redis", user, "--grace", "0s", "--keep", 0, key)
    assert variants(xr, key) == files(key, texts[0])
    xr.redis("ACL", "DELUSER", "packer")


# ---- status

def test_status(xr, key):
    manifests = published(xr, key, 2)
    one, = xr.json("status", key)
    text = xr.read(f"{key}.xr/manifest.json")
    assert one == {"object": key, "hash": sha256(text)[:16], "rev": manifests[1]["rev"],
                   "published": one["published"], "variants": 2, "before": 1, "jobs": [],
                   "bytes": sum(v["bytes"] for v in manifests[1]["variants"])}
    assert one["published"].startswith("20")

    out, _ = xr("status", key)
    assert out.startswith(f"{key}  2 variants, ") and sha256(text)[:16] in out and "1 before" in out


def test_status_of_all_and_of_folders(xr, key):
    folder = key.rpartition("/")[0]
    for n in range(3):
        xr.publish(f"{folder}/m{n}.glb", model(n))
    names = [f"{folder}/m{n}.glb" for n in range(3)]
    assert [s["object"] for s in xr.json("status", f"{folder}/")] == names
    assert set(names) <= {s["object"] for s in xr.json("status")}


def test_status_of_jobs(stack, redis, key, tmp_path):
    with publisher(stack, redis) as xr:
        job = xr.publish(key, model(key), "--no-wait")["pack"]["job"]
        one, = xr.json("status", key)
        assert "hash" not in one
        assert [(j["id"], j["state"]) for j in one["jobs"]] == [(job, "queued")]
        out, _ = xr("status", key)
        assert out == f"{key}  no variants\n  job {job}  queued, attempt 0\n"
        assert [s["object"] for s in xr.json("status", key.rpartition("/")[0] + "/")] == [key]

        # one that was given up says why
        xr.write("r.glb", model("other"))
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"REFUSE x")
        dead, _ = xr.jobs.add(key, sha256(b"REFUSE x"))
        xr.worker.once()
        reasons = {j["id"]: j["reason"] for j in xr.json("status", key)[0]["jobs"]}
        assert reasons[dead] == "accessor 3 is out of bounds"


def test_many_jobs_are_seen(xr, key):
    """They come in pages."""

    xr.worker.kill(xr.worker.processes[0])
    text = "".join(f"EVAL \"for i = 1, 700 do local id = string.format('%032x', {n} * 1000 + i) "
                   "local x = redis.call('XADD', KEYS[1], '*', 'i', id) "
                   "redis.call('SET', KEYS[2] .. id, cjson.encode({s = 'q', t = i % 2 == 0 and 'acme' or "
                   f"'zenith', k = 'many/' .. {n} .. '/' .. i .. '.glb', p = 'default', n = 0, x = x}})) "
                   "end\" 2 xr:{jobs}:pack xr:{jobs}:job:\n" for n in range(3))
    xr.redis(text=text)
    assert xr.redis("XLEN", "xr:{jobs}:pack").strip() == "2100"
    assert len(xr.json("status", "many/")) == 1050


def test_status_of_nothing(xr, key, stack):
    assert "no such object" in xr("status", key, status=1)[1]
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"x")
    assert xr("status", key)[0] == f"{key}  no variants\n"


def test_status_without_redis(xr, key):
    published(xr, key, 1)
    xr.worker.config.write_text(xr.worker.config.read_text().replace(f'"redis": "{xr.redis.url}",', ""))
    one, = xr.json("status", key)
    assert one["variants"] == 2 and "jobs" not in one
