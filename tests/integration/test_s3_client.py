# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""origin/s3.c as the worker uses it: parts at once, retries, conditions, checksums, credentials."""

import base64
import hashlib
import itertools
import re

import pytest

import servers
from jobs import Worker, sha256

MIB = 1 << 20
PAD = 24 * MIB                              # five parts of 5 MiB

numbers = itertools.count(1)


class Client:
    """A worker with one job, whose upload of a large variant goes through the fault proxy."""

    def __init__(self, stack, redis, folder, pad=PAD, **options):
        self.stack = stack
        self.gate = folder / "gate"
        self.gate.touch()
        self.credentials = (f"[default]\naws_access_key_id = {stack['s3_access_key']}\n"
                            f"aws_secret_access_key = {stack['s3_secret_key']}\n")
        self.worker = Worker(
            folder, redis.url, credentials=self.credentials, backoff="1h", backoff_max="1h",
            multipart="5m", presets={"default": ["--wait", str(self.gate), "--pad", str(pad)]},
            origin={"origin": f"s3://{stack.bucket}", "endpoint": stack["origin"],
                    "region": "us-east-1", "style": "path"}, **options)
        self.key = f"client/{next(numbers)}.glb"
        self.body = b"OK " + self.key.encode()
        stack.s3.put_object(Bucket=stack.bucket, Key=self.key, Body=self.body)
        data = b"pad\n" + b"p" * pad
        self.large = f"{self.key}.xr/{sha256(data)}.glb"
        self.data = data
        self.job, _ = self.worker.jobs.add(self.key, sha256(self.body))

    def run(self):
        self.worker.once()
        return self.worker.jobs.show(self.job)

    def stored(self):
        return self.stack.s3.get_object(Bucket=self.stack.bucket, Key=self.large)

    def parts(self, faults):
        """Numbers of the parts that were sent, in order of their arrival."""

        found = (re.search(r"partNumber=(\d+)", e["path"]) for e in faults.log(self.large)
                 if e["method"] == "PUT")
        return [int(match.group(1)) for match in found if match]

    def left(self):
        """Uploads that nobody has completed or given up."""

        answer = self.stack.s3.list_multipart_uploads(Bucket=self.stack.bucket)
        return [u for u in answer.get("Uploads", []) if u["Key"] == self.large]


@pytest.fixture
def client(stack, redis, faults, tmp_path):
    made = []

    def make(**options):
        made.append(Client(stack, redis, tmp_path, **options))
        return made[-1]

    yield make

    for one in made:
        one.worker.stop()


def test_parts_are_sent_at_once(client, faults):
    one = client()

    with faults.active({"path": "partNumber=1&", "method": "PUT", "delay": 3}):
        process = one.worker.start("--once")
        servers.wait_for("others while the first one is held", seconds=30,
                         condition=lambda: len(set(one.parts(faults))) == 5)
        assert one.left() != []
        assert process.wait(60) == 0

    one.worker.processes.remove(process)
    assert one.worker.jobs.show(one.job)["state"] == "done"
    stored = one.stored()
    assert stored["Body"].read() == one.data and stored["ETag"].endswith('-5"')
    assert sorted(one.parts(faults)) == [1, 2, 3, 4, 5]
    assert one.left() == []


def test_a_part_that_fails_is_sent_again(client, faults):
    one = client()

    with faults.active({"path": "partNumber=2&", "method": "PUT", "status": 503},
                       {"path": "partNumber=4&", "method": "PUT", "reset": True}):
        assert one.run()["state"] == "done"

    assert sorted(one.parts(faults)) == [1, 2, 2, 3, 4, 4, 5]
    assert one.stored()["Body"].read() == one.data


def test_an_upload_that_fails_is_given_up(client, faults):
    one = client()

    with faults.active({"path": "partNumber=3&", "method": "PUT", "status": 400, "times": 0}):
        shown = one.run()

    assert shown["state"] == "waiting" and "400" in shown["reason"]
    assert any(e["method"] == "DELETE" and "uploadId" in e["path"] for e in faults.log(one.large))
    assert one.left() == []

    # and the next attempt is a new one
    one.worker.jobs("retry", one.job)
    assert one.run()["state"] == "done"
    assert one.stored()["Body"].read() == one.data


def expired(part):
    return {"path": f"partNumber={part}&", "method": "PUT", "status": 400,
            "headers": {"Content-Type": "application/xml"},
            "body": "<Error><Code>ExpiredToken</Code><Message>too old</Message></Error>"}


def test_credentials_that_expire_are_read_anew(client, faults):
    one = client()
    one.gate.unlink()
    process = one.worker.start("--once")
    one.worker.wait(process, "pack")

    # all four clients meet it, and go on with what is in the file by now
    one.worker.write_credentials(one.credentials + "aws_session_token = fresh\n")

    with faults.active(expired(1), expired(2), expired(4)):
        one.gate.touch()
        assert process.wait(60) == 0

    one.worker.processes.remove(process)
    assert one.worker.jobs.show(one.job)["state"] == "done"
    assert sorted(one.parts(faults)) == [1, 1, 2, 2, 3, 4, 4, 5]
    tokens = [e["headers"].get("x-amz-security-token") for e in faults.log(one.large)]
    assert tokens[-1] == "fresh" and None in tokens
    assert one.stored()["Body"].read() == one.data


def test_credentials_that_are_no_others_are_not_tried_again(client, faults):
    one = client()

    with faults.active({**expired(1), "times": 0}):
        shown = one.run()

    assert "ExpiredToken" in shown["reason"]
    assert one.parts(faults).count(1) == 1
    assert one.left() == []


def test_checksums(client, faults):
    one = client(pad=1000, checksum=True)
    assert one.run()["state"] == "done"

    puts = [e for e in faults.log(one.key) if e["method"] == "PUT"]
    assert len(puts) == 4
    for put in puts:
        digest = bytes.fromhex(put["headers"]["x-amz-content-sha256"])
        assert put["headers"]["x-amz-checksum-sha256"] == base64.b64encode(digest).decode()

    digest = hashlib.sha256(one.data).hexdigest()
    assert digest in [put["headers"]["x-amz-content-sha256"] for put in puts]


def test_what_is_there_is_not_sent(client, faults, stack):
    one = client(pad=1000)
    stack.s3.put_object(Bucket=stack.bucket, Key=one.large, Body=one.data)
    assert one.run()["result"]["skipped"] == 1
    assert [e["method"] for e in faults.log(one.large)] == ["HEAD"]


def test_a_source_that_is_cut_short_is_read_again(client, faults):
    one = client(pad=1000)

    with faults.active({"path": one.key, "method": "GET", "truncate": 3},
                       {"path": one.key, "method": "GET", "skip": 1, "reset_at": 5}):
        assert one.run()["state"] == "done"


def test_a_source_that_is_too_large_is_refused(client, faults, stack):
    one = client(pad=1000, source_size="1k")
    body = b"x" * 1025
    stack.s3.put_object(Bucket=stack.bucket, Key=f"{one.key}.big.glb", Body=body)
    job, _ = one.worker.jobs.add(f"{one.key}.big.glb", sha256(body))
    one.run()
    shown = one.worker.jobs.show(job)
    assert (shown["state"], shown["reason"]) == ("dead", "the source is larger than source_size")
    assert one.worker.jobs.show(one.job)["state"] == "done"


def test_retries_end(client, faults):
    one = client(pad=1000)

    with faults.active({"path": one.key, "method": "GET", "status": 503, "times": 0}):
        shown = one.run()

    assert "503" in shown["reason"] and "(tried 5 times)" in shown["reason"]
    assert len(faults.log(one.key)) == 5


def test_a_server_without_conditions_is_said(client, faults):
    one = client(pad=1000)

    with faults.active({"path": "manifest.json", "method": "PUT", "status": 501, "times": 0}):
        shown = one.run()

    assert "501" in shown["reason"]
    assert [e["method"] for e in faults.log(f"{one.key}.xr/manifest.json")].count("PUT") == 1


def test_two_that_write_at_once_do_not_overwrite_each_other_unseen(client, faults, stack):
    one = client(pad=1000)
    manifest = f"{one.key}.xr/manifest.json"

    # the answer is no good, the write was: the next attempt finds its own work
    with faults.active({"path": "manifest.json", "method": "PUT", "drop": ["ETag"]}):
        shown = one.run()

    assert shown["state"] == "waiting" and "no ETag" in shown["reason"]
    puts = [e for e in faults.log(manifest) if e["method"] == "PUT"]
    assert puts[0]["headers"]["if-none-match"] == "*"
    one.worker.jobs("retry", one.job)
    assert one.run()["result"]["changed"] is False
    assert len([e for e in faults.log(manifest) if e["method"] == "PUT"]) == 1

    # likewise within one attempt: 412 says that something is there, and it is ours
    first = stack.s3.get_object(Bucket=stack.bucket, Key=manifest)["Body"].read()
    stack.s3.delete_object(Bucket=stack.bucket, Key=manifest)
    one.gate.unlink()
    one.worker.jobs("retry", one.job)
    with faults.active({"path": "manifest.json", "method": "PUT", "delay": 2}):
        process = one.worker.start("--once")
        one.worker.wait(process, "pack")
        one.gate.touch()
        servers.wait_for("its write", lambda: len(
            [e for e in faults.log(manifest) if e["method"] == "PUT"]) == 2, 30)
        stack.s3.put_object(Bucket=stack.bucket, Key=manifest, Body=first)
        assert process.wait(60) == 0
    one.worker.processes.remove(process)
    assert one.worker.jobs.show(one.job)["result"]["changed"] is False
    assert [e["status"] for e in faults.log(manifest) if e["method"] == "PUT"] == [200, 412]

    # a manifest that is there is replaced only as the one that it is
    etag = stack.s3.head_object(Bucket=stack.bucket, Key=manifest)["ETag"]
    body = b"OK other"
    stack.s3.put_object(Bucket=stack.bucket, Key=one.key, Body=body)
    job, _ = one.worker.jobs.add(one.key, sha256(body))
    one.run()
    assert one.worker.jobs.show(job)["state"] == "done"
    puts = [e for e in faults.log(manifest) if e["method"] == "PUT"]
    assert puts[-1]["headers"]["if-match"] == etag
