# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr publish: what was uploaded is packed by workers, once, and the publisher sees what came out."""

import itertools
import os
import pty
import signal
import time

import pytest

import jobs
import servers
from publishing import model, publisher, sha256
from redis_server import redis_server
from test_xr_tool import glb, ktx2, usdz

numbers = itertools.count(1)


@pytest.fixture
def xr(stack, redis):
    with publisher(stack, redis) as made:
        yield made


@pytest.fixture
def working(xr):
    """With a worker that runs."""

    xr.process = xr.worker.start()
    xr.worker.wait(xr.process, "start")
    yield xr


@pytest.fixture
def key():
    return f"publish/{next(numbers)}/r 2é.glb"




def test_a_model_is_uploaded_and_packed(working, key):
    data = model(key)
    path = working.write("r2.glb", data)
    out, err = working("publish", "--as", key, path)
    lines = out.splitlines()
    assert err == "" and lines[0].startswith(f"{key}  ") and "model/gltf-binary" in lines[0]
    assert lines[1] == f"{key}  packed, 2 variants"
    assert lines[2].split()[0] == "full" and lines[3].split()[0] == "half"
    assert "%" in lines[2] and "h2" in out
    assert working.read(key) == data and working.manifest(key)["rev"] == sha256(data)
    assert working.jobs.list()[0]["sha256"] == sha256(data)


def test_json_tells_all_of_it(working, key):
    data = model(key)
    said = working.publish(key, data)
    assert (said["key"], said["size"], said["type"]) == (key, len(data), "model/gltf-binary")
    pack = said["pack"]
    assert (pack["state"], pack["sha256"]) == ("done", sha256(data))
    assert [v["id"] for v in pack["variants"]] == ["full", "half"]
    assert pack["variants"][0]["bytes"] == len(data) + 5
    assert pack["classes"]["h2"]["variant"] == "half"
    assert working.jobs.show(pack["job"])["state"] == "done"


def test_the_same_bytes_again_do_nothing(working, key, stack):
    data = model(key)
    working.publish(key, data)
    stored = working.listed(key)
    before = stack.s3.head_object(Bucket=stack.bucket, Key=key)["LastModified"]
    working.redis("FLUSHALL")           # nobody remembers the job

    began = time.monotonic()
    said = working.publish(key, data)
    assert time.monotonic() - began < (20 if servers.ASAN else 3)
    assert said["pack"]["state"] == "unchanged" and "job" not in said["pack"]
    assert len(said["pack"]["variants"]) == 2
    assert working.jobs.list() == [] and working.listed(key) == stored
    assert stack.s3.head_object(Bucket=stack.bucket, Key=key)["LastModified"] == before

    out, _ = working("publish", "--as", key, working.folder / "sourcer 2é.glb")
    assert f"{key}  unchanged, 2 variants" in out

    # and asked for, it is done again
    assert working.publish(key, data, "--again")["pack"]["state"] == "done"
    assert working.history(key) == []


def test_other_bytes_keep_the_manifest_before(working, key):
    texts = []
    for n in range(3):
        assert working.publish(key, model(f"{key}{n}"))["pack"]["state"] == "done"
        texts.append(working.read(f"{key}.xr/manifest.json"))
    names = working.history(key)
    assert [working.read(name) for name in names] == texts[:2]
    assert [name.rpartition("/")[2] for name in names] == [
        f"0000000{n}-{sha256(text)[:16]}.json" for n, text in zip((1, 2), texts)]


def test_a_large_file_again(working, key):
    """It went up in parts, which its ETag shows."""

    data = model(key, 17 * 1024 * 1024)
    assert len(data) > 64 * 1024 * 1024
    said = working.publish(key, data)
    assert said["pack"]["state"] == "done" and "-" in said["etag"]
    again = working.publish(key, data)
    assert (again["pack"]["state"], again["etag"]) == ("unchanged", said["etag"])


def test_a_source_that_was_replaced_by_hand(working, key, stack):
    """
    The manifest is of the old bytes, the object is not; as a job of what is there may be under
    way, one of these bytes comes after it.
    """

    data = model(key)
    working.publish(key, data)
    manifest = working.manifest(key)
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"else")
    assert working.publish(key, data)["pack"]["state"] == "done"
    assert working.read(key) == data and working.manifest(key) == manifest


def test_a_manifest_that_was_removed_is_made_again(working, key, stack):
    data = model(key)
    job = working.publish(key, data)["pack"]["job"]
    stack.s3.delete_object(Bucket=stack.bucket, Key=f"{key}.xr/manifest.json")
    assert working.jobs.show(job)["state"] == "done"
    pack = working.publish(key, data)["pack"]
    assert (pack["state"], pack["job"]) == ("done", job)
    assert working.manifest(key)["rev"] == sha256(data)


def test_several_at_a_time(working, key):
    folder = key.rpartition("/")[0]
    for n in range(4):
        working.write(f"models/m{n}.glb", model(f"{key}{n}"))
    working.write("models/deep/t.ktx2", ktx2())
    working.write("models/q.usdz", usdz())
    working.write("models/page.css", b"p {}")
    said = {s["key"].removeprefix(f"{folder}/"): s
            for s in working.json("publish", "--prefix", folder, working.folder / "models")}
    assert set(said) == {*(f"m{n}.glb" for n in range(4)), "deep/t.ktx2", "q.usdz", "page.css"}
    assert "pack" not in said.pop("page.css")
    assert {s["pack"]["state"] for s in said.values()} == {"done"}


def test_patterns(xr, key):
    folder = key.rpartition("/")[0]
    for name in ("a1.glb", "a2.glb", "b1.glb", "b1.ktx2", "[x].glb"):
        xr.write(f"g/{name}", ktx2() if name.endswith("2") else glb())

    def names(*patterns, status=0):
        said = xr.json("publish", "--no-pack", "--prefix", folder,
                       *(f"{xr.folder}/g/{p}" for p in patterns), status=status)
        return [s["key"].rpartition("/")[2] for s in said]

    assert names("a?.glb") == ["a1.glb", "a2.glb"]
    assert names("{b,a}1.*") == ["b1.glb", "b1.ktx2", "a1.glb"]
    assert names("[ab]1.glb") == ["a1.glb", "b1.glb"]
    assert names("[x].glb") == ["[x].glb"]          # a name as it is
    assert names("z*", "a1.glb", status=1) == ["a1.glb"]


def test_what_is_not_packed(xr, key, stack):
    """Plain files, what a tool has packed, what is too much, and whoever says so."""

    folder = key.rpartition("/")[0]
    data = glb()
    for name, args in ((f"{folder}/a.css", []), (f"{folder}/b.glb", ["--no-pack"]),
                       (f"{folder}/s.gltf", []), (f"{folder}/r.glb.xr/{sha256(data)}.glb", [])):
        body = data if name.endswith("glb") else b'{"asset": {"version": "2.0"}}'
        assert "pack" not in xr.publish(name, body, *args)
    assert xr.jobs.list() == []

    # without a Redis in the configuration nothing changes
    xr.worker.config.write_text(xr.worker.config.read_text().replace(f'"redis": "{xr.redis.url}",', ""))
    assert "pack" not in xr.publish(f"{folder}/c.glb", data)
    assert "say --redis" in xr("publish", "--pack", xr.folder / "sourcec.glb", status=2)[1]
    pack = xr.publish(f"{folder}/c.glb", data, "--no-wait", "--redis", xr.redis.url)["pack"]
    assert pack["state"] == "queued"


def test_the_redis_of_a_tenant(xr, key):
    """It comes before that of workers."""

    with redis_server() as other:
        other("ACL", "SETUSER", "shop", "on", ">sesame", "~*", "&*", "+@all")
        xr.write("password", b"sesame\n").chmod(0o600)
        xr.worker.config.write_text(xr.worker.config.read_text().replace(
            '"origin":', f'"redis": "{other.url.replace("//", "//shop@")}", "redis_auth_file": "password", "origin":'))
        assert xr.publish(key, model(key), "--no-wait")["pack"]["state"] == "queued"
    assert xr.jobs.list() == []


def test_no_wait(xr, key):
    out, _ = xr("publish", "--no-wait", "--as", key, xr.write("r2.glb", model(key)))
    job = xr.jobs.list()[0]["id"]
    assert out.splitlines()[-1] == f"{key}  queued, job {job}"
    xr.worker.once()
    assert xr.publish(key, model(key))["pack"]["state"] == "unchanged"


def test_a_wait_that_ends(xr, key):
    process = xr.start("publish", "--wait", "1s", "--as", key, xr.write("r2.glb", model(key)))
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and "longer than --wait" in err and "queued, job" in out
    assert xr.jobs.states().keys() == {"queued"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_waiting_leaves_the_job(xr, key, number):
    process = xr.start("publish", "--as", key, xr.write("r2.glb", model(key)))
    servers.wait_for("the job", xr.jobs.list)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -number and "the jobs go on" in err
    assert xr.jobs.states().keys() == {"queued"}
    xr.worker.once()
    assert xr.manifest(key)["rev"] == sha256(model(key))


def test_a_job_that_is_under_way_is_waited_for(xr, key):
    data = model(key)
    first = xr.publish(key, data, "--no-wait")["pack"]["job"]
    process = xr.start("publish", "--json", "--as", key, xr.folder / "sourcer 2é.glb")
    xr.worker.once()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and first in out and '"done"' in out
    assert len(xr.jobs.list()) == 1


def test_a_job_that_was_given_up(stack, redis, key, tmp_path):
    refuses = tmp_path / "refuses"
    refuses.write_text(f'#!/bin/sh\nf=$1; shift\nprintf "REFUSE x" > $f\nexec {jobs.PACKER} $f "$@"\n')
    refuses.chmod(0o755)
    with publisher(stack, redis, packer=refuses) as xr:
        process = xr.worker.start()
        path = xr.write("r2.glb", model(key))
        out, err = xr("publish", "--as", key, path, status=1)
        job = xr.jobs.list("--state", "dead")[0]["id"]
        assert f"given up: accessor 3 is out of bounds (job {job})" in err
        pack = xr.publish(key, model(key), status=1)["pack"]
        assert (pack["state"], pack["reason"]) == ("dead", "accessor 3 is out of bounds")
        assert xr.manifest(key) is None and xr.read(key) == model(key)

        # one that is good goes its way beside it
        xr.worker.packer = jobs.PACKER
        xr.worker.configure()
        process.send_signal(signal.SIGHUP)
        xr.worker.wait(process, "reloaded")
        assert xr.publish(key, model(key))["pack"]["state"] == "done"


def test_a_job_that_is_dropped(xr, key):
    process = xr.start("publish", "--as", key, xr.write("r2.glb", model(key)))
    job = servers.wait_for("the job", xr.jobs.list)[0]["id"]
    xr.jobs("drop", job)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and "its job was dropped" in err


def test_redis_is_not_there(xr, key):
    with redis_server() as other:
        url = other.url
    path = xr.write("r2.glb", model(key))
    _, err = xr("publish", "--redis", url, "--as", key, path, status=1)
    assert "it was uploaded, but no worker can be told" in err
    assert xr.read(key) == model(key)


def test_redis_goes_and_comes_back(xr, key, stack):
    with redis_server("--appendonly", "yes") as own:
        process = xr.start("publish", "--redis", own.url, "--as", key, xr.write("r2.glb", model(key)))
        servers.wait_for("the job", lambda: own("XLEN", "xr:{jobs}:pack").strip() == "1")
        own.stop()
        own.start()
        xr.worker.redis = own.url
        xr.worker.configure()
        xr.worker.once()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and "packed, 2 variants" in out, err


def test_of_two_presets_the_one_that_is_asked_for(stack, redis, key):
    with publisher(stack, redis, presets={"default": [], "padded": ["--pad", "9"]}) as xr:
        xr.worker.start()
        data = model(key)
        for preset, variants in (("default", 2), ("padded", 3), ("padded", 3)):
            said = xr.publish(key, data, "--preset", preset)["pack"]
            assert len(said["variants"]) == variants
        assert said["state"] == "unchanged"


def test_the_bar_is_for_terminals(xr, key):
    main, end = pty.openpty()
    path = xr.write("r2.glb", model(key))
    process = servers.subprocess.Popen(
        [servers.BUILD / "xr", "publish", *xr.options, "--as", key, path],
        stdin=servers.subprocess.DEVNULL, stdout=servers.subprocess.PIPE, stderr=end,
        env=servers.environment())
    os.close(end)
    servers.wait_for("the job", xr.jobs.list)
    said = b""
    while b"queued" not in said:
        said += os.read(main, 4096)
    assert b"1 to be packed, job " in said
    xr.worker.once()
    assert process.wait(30) == 0
    os.close(main)


@pytest.mark.parametrize("args, reason", [
    (["--pack", "--no-pack"], "either"), (["--wait", "soon"], "--wait soon"), (["--wait", "0"], "--wait"),
    (["--preset", "No!"], "preset")])
def test_wrong_calls(xr, key, args, reason):
    _, err = xr("publish", *args, "--as", key, xr.write("r2.glb", glb()),
                status=1 if "preset" in reason else 2)
    assert reason in err
