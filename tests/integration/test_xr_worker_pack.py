# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker pack: jobs are done once, whatever ends, and nothing is half there."""

import hashlib
import itertools
import json
import re
import signal
import socket
import threading
import urllib.parse

import botocore.exceptions
import pytest

import jobs
import servers
from jobs import Worker, sha256
from redis_server import redis_server

numbers = itertools.count(1)


@pytest.fixture
def worker(stack, redis, tmp_path):
    """A worker that may be started, for the stack's S3 server without and with faults."""

    made = []

    def make(origin=stack["s3"], url=redis.url, **options):
        folder = tmp_path / f"w{len(made)}"
        folder.mkdir()
        made.append(Worker(folder, url, credentials=credentials(stack), origin={
            "origin": f"s3://{stack.bucket}", "endpoint": origin, "region": "us-east-1",
            "style": "path"}, **options))
        return made[-1]

    yield make

    for one in made:
        one.stop()


def credentials(stack, secret=None):
    return (f"[default]\naws_access_key_id = {stack['s3_access_key']}\n"
            f"aws_secret_access_key = {secret or stack['s3_secret_key']}\n")


def put(stack, body=None):
    """A source and its key."""

    key = f"pack/{next(numbers)}/r 2é.glb"
    body = body if body is not None else b"OK " + hashlib.sha256(key.encode()).digest() * 8
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body)
    return key, body


def read(stack, key):
    try:
        return stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read()
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey"
        return None


def quoted(key):
    """As it stands in a request's target."""

    return urllib.parse.quote(key)


def listed(stack, key):
    answer = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix=f"{key}.xr/")
    return {item["Key"]: item["Size"] for item in answer.get("Contents", [])}


def check(stack, key, body):
    """All that the manifest names is there, and nothing else."""

    manifest = json.loads(read(stack, f"{key}.xr/manifest.json"))
    names = {f"{key}.xr/manifest.json"}

    for variant in manifest["variants"]:
        name = f"{key}.xr/{variant['path']}"
        names.add(name)
        data = read(stack, name)
        assert sha256(data) == variant["sha256"]
        if "enc" in variant:
            names.add(f"{name}.br")

    assert manifest["id"] == sha256(body)[:16]
    assert {n for n in listed(stack, key) if not n.startswith(f"{key}.xr/history/")} == names
    return manifest


def done(one, job, seconds=30):
    servers.wait_for("the job is done", lambda: one.jobs.show(job)["state"] == "done", seconds)
    return one.jobs.show(job)


def test_a_source_becomes_variants(stack, worker, redis):
    one = worker()
    key, body = put(stack)
    heard = subscribe(redis)

    job, state = one.jobs.add(key, sha256(body))
    assert state == "added"
    events = one.once()

    assert [e["event"] for e in events] == ["start", "taken", "fetch", "pack", "upload", "manifest",
                                            "done", "end"]
    assert all(e["worker"] == "pack" and e["level"] == "info" and e["ts"] for e in events)
    last = events[-2]
    assert (last["job"], last["attempt"], last["tenant"], last["key"]) == (job, 1, "acme", key)
    assert 0 <= last["ms"] < 30000

    check(stack, key, body)
    meta = stack.s3.head_object(Bucket=stack.bucket, Key=f"{key}.xr/manifest.json")
    shown = one.jobs.show(job)
    assert shown["result"] == {"variants": 2, "uploaded": 3, "skipped": 0, "changed": True,
                               "bytes": shown["result"]["bytes"], "manifest": meta["ETag"].strip('"')}
    assert meta["ContentType"] == "application/json"
    assert json.loads(heard()) == {"v": 1, "tenant": "acme", "object": key}

    line, = map(json.loads, one.journal.read_text().splitlines())
    assert (line["tenant"], line["key"], line["sha256"], line["job"]) == ("acme", key, sha256(body), job)
    assert list(one.dir.iterdir()) == []
    assert redis("XLEN", jobs.STREAM).strip() == "0"
    assert redis("XINFO", "CONSUMERS", jobs.STREAM, "pack").strip() == ""


def subscribe(redis):
    """A function that waits for the next announcement."""

    link = socket.create_connection(("127.0.0.1", redis.port), 10)
    lines = link.makefile("rb")
    link.sendall(b"SUBSCRIBE xr:announce\r\n")
    for _ in range(6):
        lines.readline()

    def heard():
        for _ in range(6):
            lines.readline()
        text = lines.readline()
        link.close()
        return text

    return heard


def test_the_same_source_again_does_nothing(stack, worker):
    one = worker()
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    assert one.jobs.add(key, sha256(body)) == [job, "queued"]
    one.once()
    before = listed(stack, key)

    assert one.jobs.add(key, sha256(body)) == [job, "done"]
    assert [e["event"] for e in one.once()] == ["start", "end"]

    # and asked for, it is safe to do it again: everything is there
    assert one.jobs.add(key, sha256(body), "--again") == [job, "added"]
    one.once()
    result = one.jobs.show(job)["result"]
    assert (result["uploaded"], result["skipped"], result["changed"]) == (0, 3, False)
    assert listed(stack, key) == before


def test_back_to_what_was_before_is_a_job(stack, worker):
    one = worker()
    key, old = put(stack, b"OK first version")
    jobs_done = []

    for body in (old, b"OK second version", old):
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body)
        job, state = one.jobs.add(key, sha256(body))
        assert state == "added"
        jobs_done.append(job)
        one.once()
        assert json.loads(read(stack, f"{key}.xr/manifest.json"))["id"] == sha256(body)[:16]

    assert jobs_done[0] == jobs_done[2] != jobs_done[1]


def test_of_two_presets_the_last_one_counts(stack, worker):
    one = worker(presets={"default": [], "padded": ["--pad", "9"]})
    key, body = put(stack)

    # an object has one manifest
    for preset, variants in (("default", 2), ("padded", 3), ("default", 2)):
        assert one.jobs.add(key, sha256(body), "--preset", preset)[1] == "added"
        one.once()
        assert len(json.loads(read(stack, f"{key}.xr/manifest.json"))["variants"]) == variants
        assert one.jobs.add(key, sha256(body), "--preset", preset)[1] == "done"


def test_by_the_etag_that_the_origin_has(stack, worker):
    one = worker()
    key, body = put(stack)
    options = ("--config", one.config, "--tenant", "acme", key)

    job, state = one.jobs("add", *options)[0].split()
    assert state == "added"
    one.once()
    check(stack, key, body)
    assert one.jobs("add", *options)[0].split() == [job, "done"]

    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body + b"!")
    other, state = one.jobs("add", *options)[0].split()
    assert state == "added" and other != job


@pytest.mark.parametrize("change", ["sha256", "etag", "gone"])
def test_a_source_that_was_replaced_is_left_alone(stack, worker, change):
    one = worker()
    key, body = put(stack)

    if change == "etag":
        job = one.jobs("add", "--config", one.config, "--tenant", "acme", key)[0].split()[0]
    else:
        job, _ = one.jobs.add(key, sha256(body))

    if change == "gone":
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    else:
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"other")

    one.once()
    shown = one.jobs.show(job)
    assert (shown["state"], shown["attempts"]) == ("dead", 1)
    assert ("gone" if change == "gone" else "another one by now") in shown["reason"]
    assert listed(stack, key) == {}


def test_a_source_that_is_replaced_during_the_work(stack, worker, tmp_path):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]})
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    process = one.start()
    one.wait(process, "pack")
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"OK newer")
    gate.touch()

    one.wait(process, "buried")
    assert "replaced" in one.jobs.show(job)["reason"]
    assert read(stack, f"{key}.xr/manifest.json") is None


def test_a_manifest_of_somebody_else_is_seen(stack, worker, tmp_path):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]})
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    process = one.start()
    one.wait(process, "pack")

    # the condition fails, ours is still of the source: it is written on top
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{key}.xr/manifest.json", Body=b"{}")
    stack.faults._call("DELETE", "/log")
    gate.touch()
    done(one, job)
    check(stack, key, body)


@pytest.mark.parametrize("word, reason", [
    (b"REFUSE x", "accessor 3 is out of bounds"),
    (b"NEVER x", "it is no GLB"),
    (b"ENV x", "r_2__.glb [] ['0', '1', '2']"),
])
def test_what_the_packer_refuses_is_not_repeated(stack, worker, word, reason):
    one = worker()
    key, body = put(stack, word)
    job, _ = one.jobs.add(key, sha256(body))
    events = one.once()

    shown = one.jobs.show(job)
    assert (shown["state"], shown["attempts"], shown["reason"]) == ("dead", 1, reason)
    assert [e["reason"] for e in events if e["event"] == "buried"] == [reason]
    assert listed(stack, key) == {}


@pytest.mark.parametrize("word, reason", [
    (b"FAIL x", "status 1: the encoder is not there"),
    (b"CRASH x", "signal 11"),
    (b"MEMORY x", "status 1"),
    (b"LIE x", "is not there or has another size"),
    (b"WRONG x", "has not the SHA-256"),
    (b"LINK x", "is not there or has another size"),
])
def test_a_poison_job_is_given_up_after_five_attempts(stack, worker, word, reason):
    one = worker(memory="256m")
    key, body = put(stack, word)
    job, _ = one.jobs.add(key, sha256(body))
    good, other = put(stack)
    process = one.start()
    one.wait(process, "buried", 30)
    one.jobs.add(good, sha256(other))
    one.wait(process, "done")

    shown = one.jobs.show(job)
    assert (shown["state"], shown["attempts"]) == ("dead", 5)
    assert reason in shown["reason"]
    assert [e["attempt"] for e in one.events(process) if e["event"] == "failed"] == [1, 2, 3, 4]
    assert listed(stack, key) == {}
    assert [j["id"] for j in one.jobs.list("--state", "dead")] == [job]

    # mended, it is tried again, from the first attempt
    one.packer = one.folder / "good"
    one.packer.write_text(f"#!/bin/sh\nf=$1; shift\necho OK good > $f\nexec {jobs.PACKER} $f \"$@\"\n")
    one.packer.chmod(0o755)
    one.configure()
    process.send_signal(signal.SIGHUP)
    one.wait(process, "reloaded")
    assert one.jobs("retry", job)[0].split() == [job, "queued"]
    assert done(one, job)["attempts"] == 1
    assert one.jobs.list("--state", "dead") == []


def test_time_and_size_are_limited(stack, worker):
    one = worker(timeout="3s", file_size="1m")
    hang, body = put(stack, b"HANG x")
    job, _ = one.jobs.add(hang, sha256(body))
    process = one.start()
    one.wait(process, "pack")
    servers.wait_for("the packer's child", lambda: len(jobs.children(process.pid)) >= 3)
    mine = jobs.children(process.pid)
    line = one.wait(process, "failed")
    assert line["reason"] == "the packer took longer than 3 s"
    servers.wait_for("they are gone", lambda: jobs.gone(mine))
    one.jobs("drop", job)

    big, body = put(stack, b"BIG x")
    one.jobs.add(big, sha256(body))
    servers.wait_for("the size limit", lambda: any(
        "signal 25" in e.get("reason", "") or "status 1" in e.get("reason", "")
        for e in one.events(process) if e["event"] == "failed"))


# ---- what ends in the middle


def killed_and_done(stack, one, job, key, body, process):
    """It is killed; the folder, the lease and all else belong to somebody else then."""

    mine = jobs.children(process.pid)
    one.kill(process)
    servers.wait_for("its children are gone", lambda: jobs.gone(mine))

    other = one.start()
    shown = done(one, job)
    assert shown["attempts"] == 2
    check(stack, key, body)
    servers.wait_for("no folder is left", lambda: list(one.dir.iterdir()) == [])
    assert one.jobs.states() == {"done": [job]}
    assert one.kill(other, signal.SIGTERM) == 0
    return shown


def test_killed_during_the_fetch(stack, worker, faults):
    one = worker(origin=stack["origin"])
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))

    with faults.active({"path": stack.bucket, "method": "GET", "delay": 20}):
        process = one.start()
        one.wait(process, "fetch")
        servers.wait_for("the request", lambda: faults.log(quoted(key)))
    killed_and_done(stack, one, job, key, body, process)


def test_killed_while_it_packs(stack, worker, tmp_path):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]})
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    process = one.start()
    one.wait(process, "pack")
    servers.wait_for("the packer waits", lambda: list(tmp_path.glob("gate.*")))
    assert listed(stack, key) == {}
    gate.touch()
    gate.unlink()
    mine = jobs.children(process.pid)
    assert len(mine) == 2
    one.kill(process)
    servers.wait_for("its children are gone", lambda: jobs.gone(mine))
    gate.touch()

    other = one.start()
    assert done(one, job)["attempts"] == 2
    check(stack, key, body)
    servers.wait_for("no folder is left", lambda: list(one.dir.iterdir()) == [])
    assert one.kill(other, signal.SIGTERM) == 0


def test_killed_between_two_uploads(stack, worker, faults):
    one = worker(origin=stack["origin"])
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))

    with faults.active({"path": ".xr/", "method": "PUT", "skip": 1, "times": 1, "delay": 20}):
        process = one.start()
        servers.wait_for("one is uploaded", lambda: len(listed(stack, key)) == 1, 20)
        assert read(stack, f"{key}.xr/manifest.json") is None
        mine = jobs.children(process.pid)
        one.kill(process)
        servers.wait_for("its children are gone", lambda: jobs.gone(mine))

    other = one.start()
    shown = done(one, job)
    assert (shown["attempts"], shown["result"]["skipped"]) == (2, 1)
    check(stack, key, body)
    assert one.kill(other, signal.SIGTERM) == 0


def test_killed_before_the_manifest(stack, worker, faults):
    one = worker(origin=stack["origin"])
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))

    with faults.active({"path": "manifest.json", "method": "PUT", "delay": 20}):
        process = one.start()
        one.wait(process, "manifest")
        servers.wait_for("variants", lambda: len(listed(stack, key)) == 3)
        assert read(stack, f"{key}.xr/manifest.json") is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        one.processes.remove(process)

    other = one.start()
    shown = done(one, job)
    assert (shown["attempts"], shown["result"]["uploaded"]) == (2, 0)
    check(stack, key, body)
    assert one.kill(other, signal.SIGTERM) == 0


def test_killed_before_the_acknowledgement(stack, worker, faults, redis):
    one = worker(origin=stack["origin"])
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))

    # the manifest is written, its answer takes its time
    with faults.active({"path": "manifest.json", "method": "PUT", "head_delay": 0.2}):
        process = one.start()
        servers.wait_for("the manifest", lambda: read(stack, f"{key}.xr/manifest.json"), 20)
        assert one.jobs.show(job)["state"] == "running"
        one.kill(process)

    manifest = read(stack, f"{key}.xr/manifest.json")
    heard = subscribe(redis)
    other = one.start()
    shown = done(one, job)
    assert (shown["attempts"], shown["result"]["changed"]) == (2, False)
    assert read(stack, f"{key}.xr/manifest.json") == manifest
    assert json.loads(heard())["object"] == key
    assert one.kill(other, signal.SIGTERM) == 0


def test_a_job_that_ends_every_worker_is_given_up(stack, worker, tmp_path):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]}, lease="2s")
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))

    for attempt in range(1, 6):
        process = one.start()
        one.wait(process, "pack", attempt=attempt)
        one.kill(process)

    process = one.start()
    one.wait(process, "buried")
    shown = one.jobs.show(job)
    assert (shown["state"], shown["attempts"]) == ("dead", 5)
    assert shown["reason"] == "the worker ended during attempt 5"


def test_the_child_is_killed(stack, worker, tmp_path):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]})
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    process = one.start()
    one.wait(process, "pack")
    jobs.os.kill(jobs.children(process.pid)[0], signal.SIGKILL)
    line = one.wait(process, "failed")
    assert line["reason"] == "the job's process was ended by signal 9"
    gate.touch()
    done(one, job)


# ---- the frame


def test_sigterm_finishes_the_job(stack, worker, tmp_path):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]})
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    late, other = put(stack)
    process = one.start()
    one.wait(process, "pack")
    later, _ = one.jobs.add(late, sha256(other))
    process.send_signal(signal.SIGTERM)
    one.wait(process, "drain")
    gate.touch()
    assert process.wait(20) == 0
    one.processes.remove(process)
    assert one.jobs.show(job)["state"] == "done"
    assert one.jobs.show(later)["state"] == "queued"


@pytest.mark.parametrize("how", ["bound", "second"])
def test_a_drain_ends(stack, worker, tmp_path, how):
    one = worker(presets={"default": ["--wait", str(tmp_path / "gate")]},
                 drain="1s" if how == "bound" else "1h")
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    process = one.start()
    one.wait(process, "pack")
    mine = jobs.children(process.pid)
    process.send_signal(signal.SIGTERM)
    one.wait(process, "drain")
    if how == "second":
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    one.processes.remove(process)
    servers.wait_for("its children are gone", lambda: jobs.gone(mine))

    # it is given back, and the attempt was none
    shown = one.jobs.show(job)
    assert (shown["state"], shown["attempts"]) == ("queued", 0)


def test_a_lease_is_renewed_and_can_be_lost(stack, worker, tmp_path):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]}, lease="2s")
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    first = one.start()
    one.wait(first, "pack")
    name = one.jobs.show(job)["worker"]
    second = one.start()

    # stopped, it cannot renew: the other one has the job, and the first one finds out
    servers.wait_for("renewals", lambda: redis_idle(one, name) is not None)
    first.send_signal(signal.SIGSTOP)
    one.wait(second, "pack", attempt=2)
    first.send_signal(signal.SIGCONT)
    one.wait(first, "lost")
    gate.touch()
    assert done(one, job)["attempts"] == 2
    check(stack, key, body)
    assert [e["event"] for e in one.events(first)].count("done") == 0


def redis_idle(one, name):
    return name


def test_a_long_job_stays_with_its_worker(stack, worker, tmp_path, redis):
    gate = tmp_path / "gate"
    one = worker(presets={"default": ["--wait", str(gate)]}, lease="2s")
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    first = one.start()
    one.wait(first, "pack")
    second = one.start()
    one.wait(second, "start")

    # longer than the lease by far, seen by renewals
    servers.wait_for("renewals", lambda: redis.calls("xclaim") >= 6, 20)
    gate.touch()
    assert done(one, job)["attempts"] == 1
    assert all(e["event"] != "taken" for e in one.events(second))


def test_hup_reloads_and_a_bad_configuration_is_refused(stack, worker):
    one = worker()
    process = one.start("--status", str(one.folder / "s"))
    servers.wait_for("health", lambda: ask(one.folder / "s", "/healthz")[0] == 200)

    good = one.config.read_text()
    one.config.write_text(good.replace('"lease": "2s"', '"lease": "1y"'))
    process.send_signal(signal.SIGHUP)
    line = one.wait(process, "error")
    number = good[:good.index('"lease"')].count("\n") + 1
    assert line["msg"].startswith(f'{one.config}:{number}: "lease" ')
    one.wait(process, "reload_refused")
    assert "xr_worker_configuration_bad 1\n" in ask(one.folder / "s", "/metrics")[1]

    # the old one is in force
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    done(one, job)

    one.config.write_text(good)
    process.send_signal(signal.SIGHUP)
    one.wait(process, "reloaded")
    assert "xr_worker_configuration_bad 0\n" in ask(one.folder / "s", "/metrics")[1]


def ask(path, target, method="GET"):
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        try:
            link.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return 0, ""
        link.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        text = b""
        while chunk := link.recv(65536):
            text += chunk
    head, _, body = text.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("worker_part, wanted", [
    ({"lease": "1s"}, '"lease" is a time that is too short or too long'),
    ({"lease": 60}, '"lease" has to be a time'),
    ({"memory": "2x"}, '"memory" has to be a size'),
    ({"memory": "1k"}, '"memory" is a size that is too small'),
    ({"status_port": 0}, '"status_port" has to be a number'),
    ({"status_port": "80"}, '"status_port" has to be a number'),
    ({"packer": "xr"}, '"packer" has to begin with an absolute path'),
    ({"packer": "/no/such"}, '"packer" names a program that cannot be run'),
    ({"presets": []}, '"presets" has to be an object'),
    ({"presets": {"a": 1}}, '"presets" has a preset that is no array'),
    ({"checksum": 1}, '"checksum" has to be true or false'),
    ({"typo": 1}, '"typo" is not an option of workers'),
    ({"packer": None}, None),
    ({"dir": "none"}, None),
    ({"redis": "http://x"}, None),
])
def test_bad_configurations(tmp_path, worker_part, wanted):
    one = Worker(tmp_path, "redis://127.0.0.1:1", **worker_part)
    if worker_part.get("packer", 1) is None:
        one.config.write_text('{"worker": {"redis": "redis://127.0.0.1:1"}}')
    process = one.start()
    assert process.wait(20) == 1
    assert [e["level"] for e in one.events(process)] == ["error"]
    one.processes.remove(process)

    if wanted:
        text = one.config.read_text()
        number = text[:text.index(f'"{next(iter(worker_part))}"')].count("\n") + 1
        assert f"{one.config}:{number}: {wanted}" in one.events(process)[0]["msg"]
    one.stop()


def test_a_pid_file_keeps_a_second_one_away(worker):
    one = worker()
    pid = one.folder / "pid"
    first = one.start("--pid", str(pid))
    servers.wait_for("the pid", lambda: pid.exists() and pid.read_text() == f"{first.pid}\n")

    second = one.start("--pid", str(pid))
    assert second.wait(20) == 1
    one.processes.remove(second)
    assert f"the worker with the process id {first.pid} has it" in one.text(second)
    assert pid.read_text() == f"{first.pid}\n"

    # a stale one is taken over
    one.kill(first)
    assert pid.exists()
    third = one.start("--pid", str(pid))
    servers.wait_for("the pid", lambda: pid.read_text() == f"{third.pid}\n")
    assert one.kill(third, signal.SIGTERM) == 0
    assert not pid.exists()


def test_systemd_is_told(worker, tmp_path):
    one = worker()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        link.settimeout(20)
        process = one.start(env={"NOTIFY_SOCKET": str(tmp_path / "notify"),
                                 "WATCHDOG_USEC": "200000"})
        heard = [link.recv(4096).decode()]
        assert heard == ["READY=1"]
        while heard.count("WATCHDOG=1") < 3:
            heard.append(link.recv(4096).decode())

        process.send_signal(signal.SIGHUP)
        while heard[-1] != "READY=1":
            heard.append(link.recv(4096).decode())
        assert any(text.startswith("RELOADING=1\nMONOTONIC_USEC=") for text in heard)

        process.send_signal(signal.SIGTERM)
        while heard[-1] != "STOPPING=1":
            heard.append(link.recv(4096).decode())
        assert process.wait(20) == 0
        one.processes.remove(process)


def test_health_and_metrics(stack, worker, redis):
    port = servers.free_port()
    one = worker(status="status", status_port=port)
    path = one.folder / "status"
    process = one.start()
    servers.wait_for("health", lambda: ask(path, "/healthz") == (200, "ok\n"))
    assert path.stat().st_mode & 0o777 == 0o660

    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    done(one, job)
    servers.wait_for("the counter", lambda: "\nxr_pack_jobs_done_total 1\n"
                     in ask(path, "/metrics")[1])
    for line in ask(path, "/metrics")[1].splitlines():
        assert line.startswith("# TYPE xr_") or float(line.split()[1]) >= 0

    assert ask(path, "/", "GET")[0] == 404
    assert ask(path, "/healthz", "POST")[0] == 405
    assert ask(path, "/healthz", "HEAD") == (200, "")
    assert ask(path, "/" + "x" * 3000)[0] == 431

    # those who hold connections open keep nobody away for long, and the worker works
    links = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    done(one, job)
    servers.wait_for("health", lambda: ask_soon(path), 20)
    for link in links:
        link.close()

    # what is left of a killed one is no obstacle
    one.kill(process)
    assert path.exists()
    process = one.start()
    servers.wait_for("health", lambda: ask(path, "/healthz") == (200, "ok\n"))
    assert one.kill(process, signal.SIGTERM) == 0
    assert not path.exists()


def ask_soon(path):
    try:
        return ask(path, "/healthz") == (200, "ok\n")
    except (ConnectionError, IndexError):
        return False


def test_nothing_secret_is_logged(stack, tmp_path):
    one = Worker(tmp_path, "redis://user:hush-hush@127.0.0.1:1", credentials=credentials(stack),
                 origin={"origin": "s3://x"})
    process = one.start()
    one.wait(process, "redis_away")
    one.kill(process, signal.SIGTERM)
    assert "hush" not in one.text(process) and stack["s3_secret_key"] not in one.text(process)
    one.stop()


# ---- many


def how_many(redis, state):
    return int(redis("ZCARD", f"{jobs.STREAM}:{state}"))


def test_four_workers_share_a_hundred_jobs(stack, worker, redis):
    one = worker()
    sources = {}

    for _ in range(100):
        key, body = put(stack)
        sources[key] = body
        one.jobs.add(key, sha256(body))

    for _ in range(4):
        one.start()

    servers.wait_for("all are done", lambda: how_many(redis, "done") == 100, 240)

    taken = [e["key"] for p in one.processes for e in one.events(p) if e["event"] == "done"]
    assert sorted(taken) == sorted(sources)
    assert all(any(e["event"] == "done" for e in one.events(p)) for p in one.processes)

    for key, body in sources.items():
        check(stack, key, body)


def test_chaos(stack, worker, faults, tmp_path):
    """Workers killed, Redis restarted, S3 failing: every job is done, as if nothing had been."""

    with redis_server("--appendonly", "yes", "--appendfsync", "always") as own:
        one = worker(origin=stack["origin"], url=own.url, backoff_max="1s")
        sources = dict(put(stack) for _ in range(40))
        ids = {one.jobs.add(key, sha256(body))[0]: key for key, body in sources.items()}

        rules = [{"path": "/pack/", "skip": 10 * n + n % 3, "times": 1, "status": 503}
                 for n in range(1, 60)]
        with faults.active(*rules):
            for _ in range(4):
                one.start()

            victims = threading.Event()
            for round_ in range(6):
                victims.wait(1.0)
                one.kill(one.processes[0])
                one.start()
                if round_ == 2:
                    own.stop()
                    own.start()

            servers.wait_for("all are done", lambda: how_many(own, "done") == len(sources), 240)

        for key, body in sources.items():
            check(stack, key, body)

        assert sorted(one.jobs.states()["done"]) == sorted(ids)


def test_the_rights_that_are_documented_are_enough(stack, worker, redis):
    text = (servers.TOP / "docs" / "operations.md").read_text()
    rule = re.search(r"ACL SETUSER packer on >PASSWORD (.*)$", text, re.M).group(1)
    redis("ACL", "SETUSER", "packer", "on", ">secret", *rule.split())
    one = worker(url=f"redis://packer:secret@127.0.0.1:{redis.port}")
    key, body = put(stack)
    job, _ = one.jobs.add(key, sha256(body))
    bad, other = put(stack, b"FAIL x")
    second, _ = one.jobs.add(bad, sha256(other))
    process = one.start()
    done(one, job)
    one.wait(process, "buried")
    assert one.jobs.show(second)["state"] == "dead"
    assert one.kill(process, signal.SIGTERM) == 0
    redis("ACL", "DELUSER", "packer")


def test_redis_comes_and_goes(stack, worker):
    with redis_server("--appendonly", "yes") as own:
        one = worker(url=own.url)
        process = one.start("--status", str(one.folder / "s"))
        path = one.folder / "s"
        servers.wait_for("health", lambda: ask(path, "/healthz")[0] == 200)
        own.stop()
        servers.wait_for("ill health", lambda: ask(path, "/healthz")[0] == 503)
        one.wait(process, "redis_away")
        own.start()
        one.wait(process, "redis_back")
        key, body = put(stack)
        job, _ = one.jobs.add(key, sha256(body))
        done(one, job)

        # even one that forgot everything, the group as well
        own("FLUSHALL")
        key, body = put(stack)
        job, _ = one.jobs.add(key, sha256(body))
        done(one, job)
