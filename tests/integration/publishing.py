# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Those who publish, for tests: a worker, a queue and a tenant of the stack's S3 server."""

import contextlib
import hashlib
import json
import subprocess
import tempfile

import botocore.exceptions

import jobs
import servers
from test_xr_tool import glb


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def model(n, size=300):
    """A GLB of so many words, another one for each number."""

    seed = str(n).encode()
    return glb(binary=(hashlib.sha256(seed).digest() * (size // 8 + 1))[:size * 4])


class Publisher:
    def __init__(self, stack, redis, folder, origin=None, **worker):
        self.stack, self.redis, self.folder = stack, redis, folder
        credentials = (f"[default]\naws_access_key_id = {stack['s3_access_key']}\n"
                       f"aws_secret_access_key = {stack['s3_secret_key']}\n")
        self.worker = jobs.Worker(folder, redis.url, credentials=credentials, origin={
            "origin": f"s3://{stack.bucket}", "endpoint": origin or stack["s3"],
            "region": "us-east-1", "style": "path"}, **worker)
        self.jobs = self.worker.jobs
        self.options = ["--config", self.worker.config, "--tenant", "acme"]

    def __call__(self, command, *args, **options):
        """Standard output and standard error."""

        return jobs.xr(*command.split(), *self.options, *args, **options)

    def json(self, command, *args, **options):
        out, _ = self(command, "--json", *args, **options)
        return [json.loads(line) for line in out.splitlines()]

    def start(self, command, *args):
        return subprocess.Popen([jobs.XR, *command.split(), *map(str, [*self.options, *args])],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=servers.environment())

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def publish(self, key, data, *args, **options):
        """What is said of one file; a worker has to run."""

        path = self.write("source" + key.rpartition("/")[2], data)
        return self.json("publish", "--as", key, *args, path, **options)[0]

    def read(self, key):
        try:
            return self.stack.s3.get_object(Bucket=self.stack.bucket, Key=key)["Body"].read()
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchKey"
            return None

    def manifest(self, key):
        text = self.read(f"{key}.xr/manifest.json")
        return text and json.loads(text)

    def listed(self, prefix):
        found = {}
        for page in self.stack.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.stack.bucket, Prefix=prefix):
            found.update({item["Key"]: item["Size"] for item in page.get("Contents", [])})
        return found

    def history(self, key):
        return sorted(self.listed(f"{key}.xr/history/"))


@contextlib.contextmanager
def publisher(stack, redis, **options):
    folder = tempfile.mkdtemp(prefix="xr-publish-")
    made = Publisher(stack, redis, servers.pathlib.Path(folder), **options)
    try:
        yield made
    finally:
        made.worker.stop()
        servers.remove(folder)
