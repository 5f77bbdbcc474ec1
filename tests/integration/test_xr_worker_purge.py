# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker purge: orders reach edges at once, CloudFront once, and nobody else's objects."""

import itertools
import json
import re
import signal
import subprocess
import time
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions
import jwt
import pytest

import edgeauth
import http1
import jobs
import purging
import servers
from cloudfront_api import Api
from redis_server import redis_server

KEYS = {"AKIAACME": "acme/secret+1", "AKIAOTHER": "other/secret"}
DISTRIBUTIONS = {"EACME1": {"AKIAACME"}, "EOTHER1": {"AKIAOTHER"}}
QUEUE = "xr:{purge}:orders"

numbers = itertools.count(1)


@pytest.fixture
def api():
    with Api(KEYS, DISTRIBUTIONS) as server:
        yield server


class Purger(jobs.Worker):
    """xr worker purge, as often as it is started."""

    def __init__(self, folder, url, api=None, edges=(), tenants=("acme",), more=None, **purge):
        self.api, self.edges, self.tenants, self.more = api, list(edges), tenants, more or {}
        self.purge = {"journal": "purged", "quota": "1s", **purge}
        super().__init__(folder, url)
        self.purged = self.folder / "purged"

    def configure(self, **more):
        tenants = {}
        for name in self.tenants:
            self.write(f"{name}.purge", f"k1 {purging.key_of(name)}\n")
            self.write(f"{name}.keys", f"main {servers.key_of(name)}\n")
            self.write(f"{name}.aws", "[default]\n"
                       f"aws_access_key_id = AKIA{name.upper()}\n"
                       f"aws_secret_access_key = {KEYS[f'AKIA{name.upper()}']}\n")
            tenants[name] = {"purge_keys": f"{name}.purge", "keys": f"{name}.keys",
                             "url": f"http://edge.example/{name}"}
            if self.edges:
                tenants[name]["edges"] = self.edges
            if self.api:
                tenants[name]["cloudfront"] = {
                    "distribution": f"E{name.upper()}1", "endpoint": self.api.url,
                    "prefix": f"/{name}/", "credentials": f"{name}.aws"}
            tenants[name].update(self.more)
        worker = {"redis": self.redis, "lease": "2s", "backoff": "0s", "purge": self.purge, **more}
        self.config.write_text(json.dumps({"tenants": tenants, "worker": worker}, indent=1))

    def write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)

    def start(self, *args, env=None):
        log = open(self.folder / f"worker{len(self.logs)}.err", "w+b")
        process = subprocess.Popen([jobs.XR, "worker", "purge", "--config", self.config, *args],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                   env={**servers.environment(), **(env or {})})
        process.log = len(self.logs)
        self.logs.append(log)
        self.processes.append(process)
        return process

    def order(self, *what, tenant="acme", status=0):
        """What "xr purge --queue" says: the id of the order as a job."""

        out, err = jobs.xr("purge", "--tenant", tenant, "--config", self.config, "--queue", *what,
                           env={"XR_REDIS": self.redis}, status=status)
        return out.split()[0] if out else err

    def show(self, job):
        return json.loads(self.jobs("show", "--queue", "purge", "--json", job)[0])

    def state(self, job, wanted, seconds=20):
        servers.wait_for(f"{job} is {wanted}", lambda: self.show(job)["state"] == wanted, seconds)
        return self.show(job)

    def lines(self, event=None):
        lines = [json.loads(line) for line in self.purged.read_text().splitlines()]
        return [line for line in lines if event in (None, line["event"])]


@pytest.fixture
def purger(redis, tmp_path):
    made = []

    def make(api=None, url=redis.url, **options):
        folder = tmp_path / f"w{len(made)}"
        folder.mkdir()
        made.append(Purger(folder, url, api, **options))
        return made[-1]

    yield make

    for one in made:
        one.stop()


# ---- the fake is no fake of our client

def client(api, **more):
    return boto3.client("cloudfront", endpoint_url=api.url, region_name="us-east-1",
                        aws_access_key_id="AKIAACME", aws_secret_access_key=KEYS["AKIAACME"],
                        config=botocore.config.Config(retries={"total_max_attempts": 1}), **more)


def invalidate(api, reference, *paths, distribution="EACME1", **more):
    return client(api, **more).create_invalidation(DistributionId=distribution, InvalidationBatch={
        "Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference})


def refused(code, call, *args, **more):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **more)
    assert caught.value.response["Error"]["Code"] == code


def test_the_fake_takes_what_aws_sends(api):
    first = invalidate(api, "r1", "/acme/a&b.glb", "/acme/c/*")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert first["Invalidation"]["InvalidationBatch"]["Paths"]["Items"] == ["/acme/a&b.glb",
                                                                           "/acme/c/*"]
    again = invalidate(api, "r1", "/acme/c/*", "/acme/a&b.glb")
    assert again["Invalidation"]["Id"] == first["Invalidation"]["Id"]
    assert len(api.made) == 1

    looked = client(api).get_invalidation(DistributionId="EACME1", Id=first["Invalidation"]["Id"])
    assert looked["Invalidation"]["Status"] == "Completed"

    refused("InvalidationBatchAlreadyExists", invalidate, api, "r1", "/acme/other")
    refused("InvalidArgument", invalidate, api, "r2", "acme/a")
    refused("InvalidArgument", invalidate, api, "r2", "/acme/é")
    refused("NoSuchDistribution", invalidate, api, "r2", "/a", distribution="ENONE")
    refused("AccessDenied", invalidate, api, "r2", "/a", distribution="EOTHER1")

    api.auto = False
    invalidate(api, "r3", *[f"/acme/{n}/*" for n in range(15)])
    refused("TooManyInvalidationsInProgress", invalidate, api, "r4", "/acme/x/*")
    invalidate(api, "r5", *[f"/acme/{n}" for n in range(3000)])
    refused("TooManyInvalidationsInProgress", invalidate, api, "r6", "/acme/x")
    refused("BatchTooLarge", invalidate, api, "r7", *[f"/acme/{n}" for n in range(3001)])
    api.complete()
    invalidate(api, "r8", "/acme/x", "/acme/x/*")


def test_the_fake_takes_temporary_credentials_and_no_wrong_ones(api):
    api.token = "tok/en=="
    refused("ExpiredToken", invalidate, api, "r1", "/a")
    invalidate(api, "r1", "/a", aws_session_token="tok/en==")
    api.keys = {"AKIAACME": "another"}
    refused("SignatureDoesNotMatch", invalidate, api, "r2", "/a", aws_session_token="tok/en==")


# ---- CloudFront

def test_orders_become_one_invalidation(purger, api):
    one = purger(api)
    ids = [one.order("--object", f"robots/{n} é&~.glb") for n in range(3)]
    ids.append(one.order("--prefix", "cars/", "--object", "cars/old.glb"))

    events = one.once()

    assert api.refused == []
    assert [made["distribution"] for made in api.made] == ["EACME1"]
    assert sorted(api.made[0]["paths"]) == sorted(
        [f"/acme/robots/{n}%20%C3%A9&%7E.glb{end}" for n in range(3)
         for end in ("", ".xr/manifest.json")] + ["/acme/cars/*"])

    for job in ids:
        shown = one.show(job)
        assert (shown["state"], shown["attempts"], shown["tenant"]) == ("done", 1, "acme")
        assert shown["result"]["invalidation"] == api.made[0]["id"]
        assert shown["by"].count("@") == 1 and shown["batch"] == api.made[0]["reference"]

    assert [e["event"] for e in events].count("done") == 4
    told, = [e for e in events if e["event"] == "invalidated"]
    assert (told["paths"], told["orders"]) == (7, 4)


@pytest.mark.parametrize("what, paths", [
    (["--all"], ["/acme/*"]),
    (["--tag", "red"], ["/acme/*"]),
    (["--prefix", "a/", "--prefix", "a/b/", "--object", "a/b/c"], ["/acme/a/*"]),
    ([x for n in range(8) for x in ("--prefix", f"d{n}/")] +
     [x for n in range(8) for x in ("--prefix", f"d0/{n}/")], [f"/acme/d{n}/*" for n in range(8)]),
    ([x for n in range(16) for x in ("--prefix", f"d/{n}/")], ["/acme/d/*"]),
    ([x for n in range(16) for x in ("--prefix", f"d{n}/")], ["/acme/*"]),
    ([x for n in range(6) for x in ("--object", f"d/{n}")] + ["--object", "e/1"],
     ["/acme/d/*", "/acme/e/1", "/acme/e/1.xr/manifest.json"]),
])
def test_folding(purger, api, what, paths):
    one = purger(api, fold=5)
    one.order(*what)
    one.once()
    assert sorted(api.made[0]["paths"]) == sorted(paths)
    assert all(path.startswith("/acme/") for path in api.made[0]["paths"])


def test_variants_as_well(purger, api):
    one = purger(api)
    conf = json.loads(one.config.read_text())
    conf["tenants"]["acme"]["cloudfront"]["variants"] = True
    one.config.write_text(json.dumps(conf))
    one.order("--object", "a/b.glb")
    one.once()
    assert api.paths() == [["/acme/a/b.glb*"]]


def test_the_quota_is_waited_for(purger, api):
    one = purger(api)
    api.auto = False
    invalidate(api, "busy", *[f"/acme/{n}/*" for n in range(15)])

    process = one.start()
    job = one.order("--prefix", "a/")
    one.wait(process, "deferred")
    shown = one.state(job, "waiting")
    assert "TooManyInvalidationsInProgress" in shown["reason"] and shown["attempts"] == 0

    for _ in range(6):
        one.wait(process, "deferred")           # more often than there are attempts
        servers.wait_for("another try", lambda n=len(api.requests): len(api.requests) > n)
    assert len(api.made) == 1

    api.complete()
    assert one.state(job, "done")["attempts"] == 1
    assert api.paths()[1] == ["/acme/a/*"]


@pytest.mark.parametrize("faults", [["throttle"] * 4, ["500", "503"], ["cut"] * 4,
                                    ["garbage", "500", "cut after", "garbage"], ["slow"]])
def test_faults_of_the_api(purger, api, faults):
    one = purger(api, timeout="1s")
    api.faults = list(faults)
    process = one.start()
    job = one.order("--object", "a.glb")
    one.state(job, "done", 40)
    assert api.faults == [] and len(api.made) == 1
    assert one.show(job)["result"]["invalidation"] == api.made[0]["id"]
    assert len(one.lines("invalidated")) == 1
    one.kill(process, signal.SIGTERM)


def test_an_order_is_given_up(purger, api):
    one = purger(api)
    api.faults = ["500"] * 100
    process = one.start()
    job = one.order("--object", "a.glb")
    shown = one.state(job, "dead", 60)
    assert shown["attempts"] == 5 and "500 InternalError" in shown["reason"]
    assert [line["event"] for line in one.lines()] == ["announced", *["failed", "announced"] * 4,
                                                       "buried"]
    api.faults = []
    one.jobs("retry", "--queue", "purge", job)
    one.state(job, "done")
    assert len(api.made) == 1
    one.kill(process, signal.SIGTERM)


def test_a_distribution_that_is_gone(purger, api):
    one = purger(api)
    del api.distributions["EACME1"]
    job = one.order("--object", "a.glb")
    one.once()
    assert one.show(job)["state"] == "dead"
    assert "NoSuchDistribution" in one.show(job)["reason"]
    api.distributions["EACME1"] = {"AKIAACME"}


def test_new_credentials_are_read(purger, api):
    one = purger(api)
    one.write("acme.aws", "[default]\naws_access_key_id = AKIAACME\naws_secret_access_key = old\n")
    process = one.start()
    job = one.order("--object", "a.glb")
    servers.wait_for("it is refused", lambda: api.refused)
    assert api.refused[0].startswith("SignatureDoesNotMatch")
    api.token = "fresh"
    (one.folder / "new").write_text(
        "[default]\naws_access_key_id = AKIAACME\n"
        f"aws_secret_access_key = {KEYS['AKIAACME']}\naws_session_token = fresh\n")
    (one.folder / "new").chmod(0o600)
    (one.folder / "new").rename(one.folder / "acme.aws")
    servers.wait_for("it ends", lambda: one.show(job)["state"] in ("done", "dead"), 20)
    if one.show(job)["state"] == "dead":        # all attempts were over before
        one.jobs("retry", "--queue", "purge", job)
    one.state(job, "done")
    assert len(api.made) == 1
    one.kill(process, signal.SIGTERM)


def test_its_completion_can_be_waited_for(purger, api):
    api.auto = False
    one = purger(api, wait="30s")
    process = one.start()
    job = one.order("--object", "a.glb")
    servers.wait_for("it looks", lambda: ("GET", "EACME1", "ok") in api.requests)
    assert one.show(job)["state"] == "running"
    api.complete()
    one.state(job, "done")
    one.kill(process, signal.SIGTERM)


# ---- ends

STAGES = ["before the call", "during the call", "after the call", "answered"]


@pytest.mark.parametrize("stage", STAGES)
def test_killed(purger, api, stage):
    """kill -9 at each stage: the order is carried out, by one invalidation."""

    one = purger(api)
    api.slow = 1
    api.faults = {"before the call": ["500"] * 3, "during the call": ["slow"],
                  "after the call": ["cut after"] * 3, "answered": []}[stage]
    process = one.start()
    job = one.order("--object", "a.glb", "--prefix", "b/")

    if stage == "before the call":
        servers.wait_for("a try", lambda: api.requests)
    elif stage == "during the call":
        servers.wait_for("it is under way", lambda: not api.faults)
    elif stage == "after the call":
        servers.wait_for("it was made", lambda: api.made)
    else:
        servers.wait_for("it was answered", lambda: ("POST", "EACME1", "ok") in api.requests)

    one.kill(process)
    api.faults = []

    process = one.start()
    one.state(job, "done")
    assert len(api.made) == 1, api.made
    assert one.show(job)["result"]["invalidation"] == api.made[0]["id"]
    assert len({made["reference"] for made in api.made}) == 1
    one.kill(process, signal.SIGTERM)


def test_killed_again_and_again(purger, api):
    """Two workers, one of which is always being killed: no order is lost, and none told twice."""

    one = purger(api)
    workers = [one.start(), one.start()]
    ids = []

    for n in range(24):
        ids.append(one.order("--object", f"a/{n}.glb"))
        if n % 4 == 3:
            api.faults += ["cut after", "slow", "500"]
            api.slow = 0.3
            one.kill(workers[n // 4 % 2])
            workers[n // 4 % 2] = one.start()

    for job in ids:
        servers.wait_for("it ends", lambda job=job: one.show(job)["state"] in ("done", "dead"), 60)
    assert [one.show(job)["state"] for job in ids] == ["done"] * 24

    told = [path for paths in api.paths() for path in paths if not path.endswith(".json")]
    assert sorted(told) == sorted(f"/acme/a/{n}.glb" for n in range(24))
    assert "InvalidationBatchAlreadyExists" not in str(api.refused)


def test_a_drain_ends_what_is_under_way(purger, api):
    one = purger(api)
    api.faults, api.slow = ["slow"], 1
    process = one.start()
    job = one.order("--object", "a.glb")
    servers.wait_for("it is under way", lambda: not api.faults)
    assert one.kill(process, signal.SIGTERM) == 0
    assert one.show(job)["state"] == "done" and len(api.made) == 1


def test_redis_goes_and_comes_back(purger, api, tmp_path):
    with redis_server("--appendonly", "yes") as redis:
        one = purger(api, url=redis.url)
        process = one.start()
        one.state(one.order("--object", "a.glb"), "done")
        redis.stop()
        one.wait(process, "redis_away")
        redis.start()
        one.wait(process, "redis_back")
        one.state(one.order("--object", "b.glb"), "done")
        assert len(api.made) == 2
        one.kill(process, signal.SIGTERM)


# ---- who may

def queue(redis, tenant, order, key="x", **more):
    """As somebody who may write to Redis: a record, and its entry in the stream."""

    job = f"{next(numbers):032x}"
    entry = redis("XADD", QUEUE, "*", "i", job).strip()
    redis("SET", f"xr:{{purge}}:order:{job}",
          json.dumps({"t": tenant, "k": key, "o": order, "s": "q", "n": 0, "x": entry, **more}))
    return job


HOSTILE = {
    "another tenant's key": lambda: purging.order("acme", key=purging.key_of("other"),
                                                  objects=["a"]),
    "no key": lambda: purging.order("acme", key="00" * 32, objects=["a"]),
    "another tenant": lambda: purging.order("other", objects=["a"]),
    "no tenant": lambda: purging.order("nobody", objects=["a"]),
    "nothing": lambda: "",
    "garbage": lambda: "a.b.c",
    "alg none": lambda: purging.order("acme", objects=["a"]).split(".")[1].join(
        ["eyJhbGciOiJub25lIn0.", "."]),
    "too old": lambda: purging.order("acme", objects=["a"], iat=int(time.time()) - 200000,
                                     exp=int(time.time()) - 199900),
    "too early": lambda: purging.order("acme", objects=["a"], iat=int(time.time()) + 5000,
                                       exp=int(time.time()) + 5100),
    "too long": lambda: purging.order("acme", objects=["a"], exp=int(time.time()) + 5000),
    "a path": lambda: purging.order("acme", objects=["../other/a"]),
    "a prefix": lambda: purging.order("acme", prefixes=["../"]),
    "an unknown claim": lambda: purging.order("acme", objects=["a"], paths=["/*"]),
    "nothing to purge": lambda: purging.order("acme"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_orders(purger, api, redis, name):
    one = purger(api, tenants=("acme", "other"))
    heard = subscribe(redis)
    job = queue(redis, "acme", HOSTILE[name](), b="xr-1")
    redis("SET", "xr:{purge}:batch:xr-1", json.dumps(
        {"id": "xr-1", "tenant": "acme", "distribution": "EACME1", "paths": ["/acme/*"]}))
    events = one.once()
    assert one.show(job)["state"] == "dead" and api.requests == []
    line, = [e for e in events if e["event"] == "refused"]
    assert line["reason"] and line["job"] == job
    assert [line["event"] for line in one.lines()] == ["buried"]
    assert heard() == []


def subscribe(redis):
    """A function that ends it, and says what was announced."""

    process = subprocess.Popen(["redis-cli", "-p", str(redis.port), "SUBSCRIBE", "xr:announce"],
                               stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    servers.wait_for("it listens", lambda: "1" in redis("PUBSUB", "NUMSUB", "xr:announce"))

    def end():
        redis("PUBLISH", "xr:announce", "last")
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if lines[-1] == "last":
                break
        process.kill()
        process.wait()
        process.stdout.close()
        return [line for line in lines if line.startswith("{")]

    return end


@pytest.mark.parametrize("batch", [
    {"paths": ["/other/*"]}, {"paths": ["/*"]}, {"paths": ["/acme/../other"], "tenant": "other"},
    {"distribution": "EOTHER1"}, {"tenant": "other"}, {"paths": []}, {"paths": [7]}, {"paths": 7}])
def test_a_batch_of_somebody_elses(purger, api, redis, batch):
    """What somebody wrote into Redis goes no further than the tenant that signed."""

    one = purger(api, tenants=("acme", "other"))
    job = queue(redis, "acme", purging.order("acme", objects=["a"]), b="xr-1")
    redis("SET", "xr:{purge}:batch:xr-1", json.dumps(
        {"id": "xr-1", "tenant": "acme", "distribution": "EACME1", "paths": ["/acme/x"], **batch}))
    one.once()
    assert one.show(job)["state"] == "done"
    assert [(made["distribution"], made["paths"]) for made in api.made] == [
        ("EACME1", ["/acme/a", "/acme/a.xr/manifest.json"])]


def test_two_tenants(purger, api):
    one = purger(api, tenants=("acme", "other"))
    one.order("--all", tenant="other")
    one.order("--object", "a", tenant="acme")
    one.once()
    assert {made["distribution"]: made["paths"] for made in api.made} == {
        "EOTHER1": ["/other/*"], "EACME1": ["/acme/a", "/acme/a.xr/manifest.json"]}


def test_an_old_order_is_signed_anew(purger, api, redis):
    """It waited longer than edges take it for; what they get is good."""

    one = purger(api)
    heard = subscribe(redis)
    then = int(time.time()) - 3600
    job = queue(redis, "acme", purging.order("acme", objects=["a b"], soft=True, iat=then,
                                             exp=then + 60, jti="old"))
    one.once()
    assert one.show(job)["state"] == "done"
    message, = map(json.loads, heard())
    claims = jwt.decode(message["order"], bytes.fromhex(purging.key_of("acme")), ["HS256"])
    assert (claims["objects"], claims["soft"], claims["iss"]) == (["a b"], True, "acme")
    assert claims["jti"] != "old" and claims["exp"] > time.time() + 200


def test_the_same_order_counts_once(purger, api, redis):
    one = purger(api)
    job = one.order("--object", "a")
    one.once()
    record = json.loads(redis("GET", f"xr:{{purge}}:order:{job}"))
    assert record["s"] == "d"
    out, _ = one.jobs("list", "--queue", "purge", "--json")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [job]
    one.once()
    assert len(api.made) == 1


def test_the_rights_that_are_documented_are_enough(purger, api, redis):
    text = (servers.TOP / "docs" / "operations.md").read_text()
    for user in ("purger", "orders"):
        rule = re.search(rf"ACL SETUSER {user} on >PASSWORD (.*)$", text, re.M).group(1)
        redis("ACL", "SETUSER", user, "on", ">secret", *rule.split())

    one = purger(api, url=f"redis://purger:secret@127.0.0.1:{redis.port}", more={"warm": 3})
    api.faults = ["throttle"] * 3
    process = one.start()
    out, _ = jobs.xr("purge", "--tenant", "acme", "--config", one.config, "--queue", "--object", "a",
                     "--redis", f"redis://orders:secret@127.0.0.1:{redis.port}")
    one.state(out.split()[0], "done")
    assert one.kill(process, signal.SIGTERM) == 0
    assert redis("ACL", "LOG").strip() == ""
    redis("ACL", "DELUSER", "purger", "orders")


def test_options_of_the_queue(purger, api):
    one = purger(api)
    for args, why in (["--queue", "--print"], "tells edges"), (
            ["--queue", "--edge", "http://x"], "tells edges"):
        _, err = jobs.xr("purge", "--tenant", "acme", "--config", one.config, "--object", "a", *args,
                         env={"XR_REDIS": one.redis}, status=2)
        assert why in err
    assert '"../a"' in one.order("--object", "../a", status=2)
    assert "neither pack nor purge" in one.jobs("list", "--queue", "x", status=2)[1]
    _, err = jobs.xr("jobs", "add", "--queue", "purge", "--tenant", "acme", "--sha256", "0" * 64, "a",
                     env={"XR_REDIS": one.redis}, status=2)
    assert "xr purge --queue" in err


def test_the_example(tmp_path):
    """config/purge.json is a good configuration."""

    text = (servers.TOP / "config" / "purge.json").read_text()
    (tmp_path / "xr.json").write_text(text)
    _, err = jobs.xr("worker", "purge", "--once", "--config", tmp_path / "xr.json", status=1)
    assert "redis.password" in err and "xr.json:" not in err


# ---- the journal

def test_the_journal(purger, api):
    one = purger(api)
    job = one.order("--object", "a b.glb", "--tag", "red", "--soft")
    one.once()

    announced, told, done = one.lines()
    assert [line["event"] for line in (announced, told, done)] == ["announced", "invalidated",
                                                                   "done"]
    for line in (announced, done):
        assert (line["job"], line["tenant"], line["key"]) == (job, "acme", "k1")
        assert (line["objects"], line["tags"], line["soft"]) == (["a b.glb"], ["red"], True)
        assert "@" in line["by"] and abs(line["at"] - time.time()) < 60
    assert told["jobs"] == [job] and told["orders"] == [announced["order"]]
    assert (told["invalidation"], told["paths"]) == (api.made[0]["id"], ["/acme/*"])
    assert done["result"]["invalidation"] == api.made[0]["id"]
    assert one.purged.stat().st_mode & 0o777 == 0o600

    out, _ = jobs.xr("purges", "list", "--config", one.config)
    assert out.count("\n") == 3 and "a b.glb" in out and api.made[0]["id"] in out
    out, _ = jobs.xr("purges", "list", "--config", one.config, "--order", job, "--json")
    assert [json.loads(line) for line in out.splitlines()] == [announced, told, done]
    assert jobs.xr("purges", "list", "--journal", one.purged, "--tenant", "other")[0] == ""


def test_the_journal_is_rotated(purger, api):
    one = purger(api)
    process = one.start()
    one.state(one.order("--object", "a"), "done")
    one.purged.rename(one.folder / "purged.1")
    process.send_signal(signal.SIGHUP)
    one.wait(process, "reloaded")
    one.state(one.order("--object", "b"), "done")
    assert [line["objects"] for line in one.lines("done")] == [["b"]]
    old = (one.folder / "purged.1").read_text().splitlines()
    assert [json.loads(line)["event"] for line in old] == ["announced", "invalidated", "done"]
    one.kill(process, signal.SIGTERM)


# ---- the configuration

@pytest.mark.parametrize("change, why", [
    ({"distribution": "../x"}, "distribution"), ({"distribution": None}, "distribution"),
    ({"prefix": "acme"}, "prefix"), ({"prefix": "/a*/"}, "prefix"), ({"prefix": None}, "prefix"),
    ({"endpoint": "cloudfront.amazonaws.com"}, "endpoint"), ({"what": "x"}, "not known"),
    ({"endpoint": "http://127.0.0.1/x"}, "endpoint")])
def test_bad_configurations(purger, api, change, why):
    one = purger(api)
    conf = json.loads(one.config.read_text())
    tier = {**conf["tenants"]["acme"]["cloudfront"], **change}
    conf["tenants"]["acme"]["cloudfront"] = {k: v for k, v in tier.items() if v is not None}
    one.config.write_text(json.dumps(conf, indent=1))
    _, err = jobs.xr("worker", "purge", "--once", "--config", one.config, status=1)
    assert f"{one.config}:" in err and why in err and "cloudfront" in err


@pytest.mark.parametrize("purge", [{"fold": 0}, {"fold": "x"}, {"age": 7}, {"quota": "0s"},
                                   {"warm_size": "1"}, {"what": 1}])
def test_bad_options_of_the_worker(purger, api, purge):
    one = purger(api, **purge)
    _, err = jobs.xr("worker", "purge", "--once", "--config", one.config, status=1)
    assert f"{one.config}:" in err and next(iter(purge)) in err


def test_metrics(purger, api):
    one = purger(api)
    socket = one.folder / "s"
    process = one.start("--status", str(socket))
    one.state(one.order("--object", "a"), "done")

    def metrics():
        done = subprocess.run(["curl", "-s", "--unix-socket", socket, "http://x/metrics"],
                              capture_output=True, text=True, timeout=20, check=True)
        return dict(line.split() for line in done.stdout.splitlines() if line[0] != "#")

    found = metrics()
    assert found["xr_purge_orders_done_total"] == "1"
    assert found["xr_purge_invalidations_total"] == "1"
    assert found["xr_purge_invalidated_paths_total"] == "2"
    one.kill(process, signal.SIGTERM)


# ---- edges

TIER = ("xr_auth public; xr_cache objects; xr_cache_valid 200 1d; xr_variants on; "
        "xr_manifest_valid 1h;")


def edge_of(edges, redis, tenants=("acme",), purge=True, location=TIER):
    blocks = {name: f"purge_keys {name}.purge;" for name in tenants}
    files = {f"{name}.purge": f"k1 {purging.key_of(name)}\n" for name in tenants}
    edge = edges(blocks, files=files, location=location,
                 http=f"xr_redis 127.0.0.1:{redis.port} timeout=2s; xr_announce on;",
                 server=(purging.LOCATION if purge else "") + "location = /announce { return 200 "
                 '"$xr_announce_received $xr_announce_bad $xr_announce_connected"; }')
    servers.wait_for("it listens", lambda: counters(edge)[2] == 1, 20)
    return edge


def counters(edge):
    return [int(n) for n in edge.get("/announce").body.split()]


def url(edge):
    return f"http://127.0.0.1:{edge.port}"


def get(edge, name, tenant="acme"):
    response = http1.request(edge.port, f"/{tenant}/{name}")
    assert response.status == 200, response
    return response.body


def put(stack, name, body):
    stack.s3.put_object(Bucket=stack.bucket, Key=name, Body=body)


@pytest.fixture(scope="module")
def four(edges, shared_redis):
    shared_redis("FLUSHALL")
    return [edge_of(edges, shared_redis, ("acme", "other")) for _ in range(4)]


def test_four_edges_within_a_second(stack, four, redis, purger, api, capsys):
    """From "xr purge --queue" on, with CloudFront told afterwards."""

    one = purger(api, edges=[url(edge) for edge in four])
    process = one.start()
    one.state(one.order("--object", "warm/up"), "done")     # it is up
    slowest = 0

    for n in range(5):
        name = f"purge/{next(numbers)}.bin"
        put(stack, name, b"old")
        assert [get(edge, name) for edge in four] == [b"old"] * 4
        put(stack, name, b"new")
        assert [get(edge, name) for edge in four] == [b"old"] * 4

        asked = time.monotonic()
        job = one.order("--object", name)
        began = time.monotonic()
        left = list(four)
        while left:
            left = [edge for edge in left if get(edge, name) != b"new"]
            assert time.monotonic() - began < 1, f"{len(left)} edges have the old one after 1 s"
        slowest = max(slowest, time.monotonic() - asked)
        one.state(job, "done")

    with capsys.disabled():
        print(f"\nfour edges dropped it {slowest * 1000:.0f} ms after the command was called")
    assert len(api.made) == 6
    one.kill(process, signal.SIGTERM)


def test_a_prefix_and_all(stack, four, redis, purger):
    one = purger(edges=[url(edge) for edge in four])
    names = [f"purge/p{next(numbers)}/{x}" for x in ("a", "b/c")]
    for what in (["--prefix", "purge/"], ["--all"]):
        for name in names:
            put(stack, name, b"old")
        one.order("--all")
        one.once()
        assert {get(edge, name) for edge in four for name in names} == {b"old"}
        for name in names:
            put(stack, name, b"new")
        job = one.order(*what)
        one.once()
        assert {get(edge, name) for edge in four for name in names} == {b"new"}
        assert all(n > 0 for n in one.show(job)["result"]["edges"].values())


def test_nobody_elses_objects(stack, four, redis, purger):
    """All of a tenant's is purged, and the other tenant's object of the same name stays."""

    name = f"purge/{next(numbers)}.bin"
    put(stack, name, b"old")
    assert {get(edge, name, tenant) for edge in four for tenant in ("acme", "other")} == {b"old"}
    put(stack, name, b"new")
    one = purger(edges=[url(edge) for edge in four], tenants=("acme", "other"))
    one.order("--all", "--object", name, "--prefix", "purge/")
    one.once()
    assert {get(edge, name) for edge in four} == {b"new"}
    assert {get(edge, name, "other") for edge in four} == {b"old"}


def announce(redis, text):
    redis("PUBLISH", "xr:announce", text if isinstance(text, str) else json.dumps(text))


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "another tenant"])
def test_hostile_announcements(stack, four, redis, name):
    """Announced by whoever may publish: bytes stay, and the log says why."""

    obj = f"purge/{next(numbers)}.bin"
    put(stack, obj, b"old")
    assert {get(edge, obj, tenant) for edge in four for tenant in ("acme", "other")} == {b"old"}
    put(stack, obj, b"new")
    before = [counters(edge) for edge in four]
    order = HOSTILE[name]()

    # an order that is none purges nothing, and neither does what stands beside it
    announce(redis, {"v": 1, "tenant": "acme", "object": obj, "order": order})
    for edge, (received, bad, _) in zip(four, before):
        servers.wait_for("it was heard", lambda e=edge, n=received: counters(e)[0] > n)
        assert counters(edge)[1] == bad + 1
        if order:
            assert 'address=announced' in edge.error_log() and "status=4" in edge.error_log()
    assert {get(edge, obj, tenant) for edge in four for tenant in ("acme", "other")} == {b"old"}


def test_an_announced_order(stack, four, redis):
    """It counts once, announced or sent."""

    name = f"purge/{next(numbers)}.bin"
    put(stack, name, b"old")
    assert {get(edge, name) for edge in four} == {b"old"}
    put(stack, name, b"new")
    order = purging.order("acme", objects=[name])
    announce(redis, {"v": 1, "order": order})
    for edge in four:
        servers.wait_for("it is new", lambda e=edge: get(e, name) == b"new", 1)
    first = [json.loads(purging.send(edge, order).body) for edge in four]
    put(stack, name, b"newer")
    announce(redis, {"v": 1, "order": order})
    assert [json.loads(purging.send(edge, order).body) for edge in four] == first
    assert {get(edge, name) for edge in four} == {b"new"}


def test_an_edge_that_hears_nothing(stack, edges, redis, purger, api):
    """It is told over HTTP as well, and CloudFront not before it knows."""

    edge = edge_of(edges, redis)
    quiet = edges({"acme": "purge_keys acme.purge;"}, location=TIER, server=purging.LOCATION,
                  files={"acme.purge": f"k1 {purging.key_of('acme')}\n"})
    name = f"purge/{next(numbers)}.bin"
    put(stack, name, b"old")
    assert {get(e, name) for e in (edge, quiet)} == {b"old"}
    put(stack, name, b"new")
    one = purger(api, edges=[url(edge), url(quiet)])
    one.order("--object", name)
    one.once()
    assert {get(e, name) for e in (edge, quiet)} == {b"new"}
    assert len(api.made) == 1


def test_an_edge_that_is_down(purger, api):
    """The tier waits for it, but not for ever; the order is where somebody sees it."""

    port = servers.free_port()
    one = purger(api, edges=[f"http://127.0.0.1:{port}"])
    process = one.start()
    job = one.order("--object", "a")
    one.state(job, "dead", 40)
    assert f"127.0.0.1:{port}" in one.show(job)["reason"] and len(api.made) == 1
    posts = [outcome for method, _, outcome in api.requests if method == "POST"]
    assert posts == ["ok"]                      # at the last attempt
    one.kill(process, signal.SIGTERM)


# ---- what is hot

HOT = "xr:{purge}:hot:acme"


def test_what_is_hot_is_warm_again(stack, edges, redis, purger):
    """With the tokens of clients, on each edge, hottest first, and nothing that was not purged."""

    location = TIER.replace("xr_auth public;", "") + " add_header X-State $xr_cache_status;"
    two = [edge_of(edges, redis, location=location) for _ in range(2)]
    names = [f"hot/{n}é .bin" for n in range(6)] + ["cold/1.bin"]
    for n, name in enumerate(names):
        put(stack, name, bytes([n]) * 3_000_000)
        redis("ZADD", HOT, 100 - n, f"{'-' if n % 2 else 'p0-e-9-m'} {name}")
    redis("ZADD", HOT, 1000, "bad&x=1 hot/0.bin", 999, "p0", 998, "- hot/none.bin", 997, "")

    one = purger(edges=[url(edge) for edge in two], more={"warm": 5})
    job = one.order("--prefix", "hot/")
    one.once()
    warmed = one.show(job)["result"]["warmed"]

    # of the five hottest one has no token, and one is not there
    assert warmed == {"requests": 8, "failed": 2, "bytes": warmed["bytes"]}
    assert 2 * 3 * 3_000_000 <= warmed["bytes"] < 2 * 3 * 3_000_000 + 10_000

    states = [[state(edge, name) for name in names] for edge in two]
    assert states == [["HIT"] * 3 + ["MISS"] * 4] * 2


def state(edge, name):
    target = edgeauth.in_query(urllib.parse.quote(f"/acme/{name}"),
                               edgeauth.token(servers.key_of("acme"), acl="/*"))
    response = http1.request(edge.port, target, headers={"Range": "bytes=0-9"})
    assert response.status == 206, response
    return response["x-state"]


def test_warming_has_a_limit(stack, edges, redis, purger):
    edge = edge_of(edges, redis)
    for n in range(8):
        put(stack, f"hot/l{n}.bin", b"x" * 1_000_000)
        redis("ZADD", HOT, n, f"- hot/l{n}.bin")
    one = purger(edges=[url(edge)], more={"warm": 8}, warm_parallel=1, warm_size="2500k")
    job = one.order("--prefix", "hot/")
    one.once()
    warmed = one.show(job)["result"]["warmed"]
    assert 2_500_000 <= warmed["bytes"] < 3_000_000 and warmed["requests"] == 3
