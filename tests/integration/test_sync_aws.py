# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker sync keeps a file of credentials: where they come from, in which order, until when."""

import os
import re
import socket
import ssl
import stat
import threading
import time

import boto3
import botocore
import botocore.config
import pytest

import aws
import live
import scripted
import servers
import syncing

CONF = {"kind": "aws", "file": "aws.ini", "min": "1s", "retry": "1s"}
OFF = {"AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def sync(tmp_path):
    with syncing.worker(tmp_path) as worker:
        worker.env.update(OFF)
        yield worker


@pytest.fixture
def imds(sync):
    with aws.Imds() as imds:
        sync.env.pop("AWS_EC2_METADATA_DISABLED")
        sync.env.update(imds.env())
        yield imds


@pytest.fixture
def container(sync):
    with aws.Container() as container:
        sync.env.update(container.env())
        yield container


@pytest.fixture
def sts(sync):
    with aws.Sts() as sts:
        sync.env.update(sts.env(sync.folder))
        yield sts


def kept(sync):
    return (sync.folder / "aws.ini").read_text()


def next_look(said):
    return int(re.search(r"next look in (\d+) s", said)[1])


# Each provider, as botocore sees it, too

def test_imds(sync, imds):
    said = sync.once(aws=CONF)
    assert kept(sync) == imds.keys.ini() and "from imds" in said

    assert [(method, path) for method, path, _ in imds.requests] == [
        ("PUT", "/latest/api/token"), ("GET", imds.PREFIX), ("GET", imds.PREFIX + aws.ROLE)]
    assert aws.botocore_has(sync.env) == list(imds.keys)


def test_container(sync, container):
    said = sync.once(aws=CONF)
    assert kept(sync) == container.keys.ini() and "from container" in said
    assert aws.botocore_has(sync.env) == list(container.keys)


def test_a_container_with_a_file_of_a_token(sync, container):
    sync.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "another"
    sync.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = syncing.write(
        sync.folder / "pod", container.authorization + "\n", 0o644)
    sync.once(aws=CONF)
    assert kept(sync) == container.keys.ini()

    syncing.write(sync.folder / "pod", "x\r\nX-Other: y")
    assert "has no token in it" in sync.once(1, aws=CONF)
    (sync.folder / "pod").unlink()
    assert "cannot be read" in sync.once(1, aws=CONF)
    assert len(container.requests) == 1


def test_web_identity(sync, sts):
    said = sync.once(aws={**CONF, "sts": sts.url + "/", "http": True})
    assert kept(sync) == sts.keys.ini() and "from web_identity" in said

    client = boto3.client("sts", endpoint_url=sts.url, region_name="eu-west-1",
                          config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    got = client.assume_role_with_web_identity(
        RoleArn=aws.ARN, RoleSessionName="edge+1@x", WebIdentityToken=sts.identity)["Credentials"]
    assert [got[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")] \
        == list(sts.keys)


def test_web_identity_over_tls(sync, tmp_path):
    cert, key = scripted.certificate(tmp_path, "sts", "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)

    with aws.Sts(tls=tls) as sts:
        sync.env.update(sts.env(tmp_path), AWS_ENDPOINT_URL_STS=sts.url)
        assert "certificate" in sync.once(1, aws=CONF)
        assert sts.requests == []
        sync.once(aws={**CONF, "ca": str(cert)})
        assert kept(sync) == sts.keys.ini()


def test_the_token_is_read_anew(sync, sts):
    conf = {**CONF, "sts": sts.url + "/", "http": True, "max": "1s"}
    sync.start(aws=conf)
    sync.looks("aws")
    sts.identity = sts.identity[::-1]
    sts.keys = aws.Keys()
    sync.says("InvalidIdentityToken")
    syncing.write(sync.folder / "identity.new", sts.identity, 0o644).rename(
        sync.folder / "identity")
    servers.wait_for("new ones", lambda: kept(sync) == sts.keys.ini())


def test_the_endpoint_of_a_region(sync, sts):
    """Nothing answers there, but the log says who was asked."""

    sync.env.update(AWS_REGION="xx-nowhere-9", HTTPS_PROXY="")
    said = sync.once(1, aws={**CONF, "timeout": "2s"})
    assert "web_identity: " in said and sts.requests == []
    assert re.search(r"sts\.xx-nowhere-9\.amazonaws\.com|resolve|time", said), said


def test_environment(sync):
    sync.env.update(AWS_ACCESS_KEY_ID="AKIA1", AWS_SECRET_ACCESS_KEY="s3cret/+")
    said = sync.once(aws={**CONF, "profile": "edge"})
    assert kept(sync) == ("[edge]\naws_access_key_id = AKIA1\n"
                          "aws_secret_access_key = s3cret/+\n")
    assert "from environment" in said and 53 <= next_look(said) <= 60

    sync.env["AWS_SESSION_TOKEN"] = "a b"
    assert "token: the value holds a space" in sync.once(1, aws=CONF)
    del sync.env["AWS_SECRET_ACCESS_KEY"]
    assert "only one of" in sync.once(1, aws=CONF)


def test_profiles(sync):
    one, two = aws.Keys("AKIAONE"), aws.Keys("AKIATWO")
    (sync.folder / ".aws").mkdir()
    syncing.write(sync.folder / ".aws" / "credentials", one.ini() + two.ini("two"))

    sync.once(aws=CONF)
    assert kept(sync) == one.ini()
    assert aws.botocore_has(sync.env) == list(one)

    sync.once(aws={**CONF, "from": "two", "profile": "edge"})
    assert kept(sync) == two.ini("edge")
    sync.env["AWS_PROFILE"] = "two"
    sync.once(aws=CONF)
    assert kept(sync) == two.ini()
    assert aws.botocore_has(sync.env) == list(two)

    sync.env["AWS_PROFILE"] = "three"
    assert 'profile "three": no such profile' in sync.once(1, aws=CONF)

    # a file that is kept is no source of itself
    sync.env.update(AWS_PROFILE="", AWS_SHARED_CREDENTIALS_FILE=sync.folder / "aws.ini")
    assert "is the file that is kept" in sync.once(1, aws=CONF)


def test_nothing_anywhere(sync):
    assert "no credentials anywhere" in sync.once(1, aws=CONF)
    assert not (sync.folder / "aws.ini").exists()


# The order, and that it ends where something is wrong

def test_the_order(sync, imds, container, sts):
    conf = {**CONF, "sts": sts.url + "/", "http": True}
    profile, env = aws.Keys("AKIAPROFILE"), aws.Keys("AKIAENV")
    (sync.folder / ".aws").mkdir()
    syncing.write(sync.folder / ".aws" / "credentials", profile.ini())
    sync.env.update(AWS_ACCESS_KEY_ID=env.access, AWS_SECRET_ACCESS_KEY=env.secret,
                    AWS_SESSION_TOKEN=env.token)

    def has(keys, **options):
        sync.once(aws={**conf, **options})
        assert kept(sync) == keys.ini()

    has(env)
    for name, keys in [("imds", imds.keys), ("container", container.keys),
                       ("profile", profile), ("web_identity", sts.keys)]:
        has(keys, providers=name)
    has(container.keys, providers=["imds", "container"])

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        del sync.env[name]
    has(sts.keys)
    del sync.env["AWS_WEB_IDENTITY_TOKEN_FILE"]
    has(profile)
    assert aws.botocore_has(sync.env) == list(profile)
    (sync.folder / ".aws" / "credentials").unlink()
    has(container.keys)
    assert aws.botocore_has(sync.env) == list(container.keys)
    del sync.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    has(imds.keys)
    assert aws.botocore_has(sync.env) == list(imds.keys)


def test_who_is_asked_does_not_depend_on_faults(sync, imds, container):
    container.fault = lambda h: h.say(500)
    assert "container: status 500" in sync.once(1, aws=CONF)
    assert imds.requests == [] and not (sync.folder / "aws.ini").exists()


# What is not asked

@pytest.mark.parametrize("url", ["http://example.com/c", "http://10.0.0.1/c", "http://localhost/c",
                                 "http://169.254.169.254/c", "http://169.254.170.2.example/c",
                                 "http://169.254.170.2@example.com/c", "ftp://127.0.0.1/c", "/c"])
def test_where_containers_do_not_get_credentials(sync, url):
    sync.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url
    said = sync.once(1, aws=CONF)
    assert re.search("is not of https|is no URL|user's name", said), said


def test_a_relative_uri_is_a_path(sync, container):
    sync.env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "@example.com/x"
    assert 'has to begin with "/"' in sync.once(1, aws=CONF)


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1", "http://169.254.170.2"])
def test_where_imds_is_not(sync, url):
    sync.env.pop("AWS_EC2_METADATA_DISABLED")
    sync.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = url
    assert "is not of https" in sync.once(1, aws=CONF)


def test_the_first_version_of_imds_is_never_asked(sync, imds):
    """A machine whose metadata service knows no tokens, or a proxy in the way."""

    def fault(h):
        if h.command == "PUT":
            return h.say(status)
        if "X-aws-ec2-metadata-token" not in h.headers:
            raise AssertionError("asked without a token")
        imds.answer(h)

    imds.fault = fault
    for status in (403, 404, 405, 500):
        assert f"imds: status {status}" in sync.once(1, aws=CONF)
    assert {method for method, _, _ in imds.requests} == {"PUT"}


# Faults: the last good ones stay

def drop(h):
    h.connection.shutdown(socket.SHUT_RDWR)


def cut(h):
    h.wfile.write(b"HTTP/1.1 200 X\r\nContent-Length: 4000\r\n\r\n{")
    h.wfile.flush()
    drop(h)


def redirect(h):
    h.send_response(302)
    h.send_header("Location", "http://127.0.0.1:1/")
    h.send_header("Content-Length", "0")
    h.end_headers()


def stall(h):
    time.sleep(3)


def answers(**members):
    return lambda h: h.say(200, {**aws.Keys().json(Code="Success"), **members})


FAULTS = {
    "500": (lambda h: h.say(500), "status 500"),
    "401": (lambda h: h.say(401), "status 401"),
    "dropped": (drop, ""),
    "cut off": (cut, ""),
    "redirect": (redirect, "is not followed"),
    "slow": (stall, "timed out"),
    "large": (lambda h: h.say(200, "x" * 70000), "too large"),
    "no JSON": (lambda h: h.say(200, "<html>"), "no JSON object"),
    "a list": (lambda h: h.say(200, "[]"), "no JSON object"),
    "twice": (lambda h: h.say(200, '{"Token":"a","Token":"b"}'), "no JSON object"),
    "no key": (answers(AccessKeyId=""), "access key"),
    "no secret": (answers(SecretAccessKey=None), "secret key"),
    "no token": (answers(Token=7), 'no "Token"'),
    "no end": (answers(Expiration=None), 'no "Expiration"'),
    "a relative end": (answers(Expiration="+2h"), 'no "Expiration"'),
    "expired": (answers(Expiration=aws.stamp(-1)), "expired already"),
    "a line": (answers(SecretAccessKey="x\n[other]"), "secret key: the value holds"),
    "a space": (answers(Token="a b"), "token: the value holds"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_last_good_ones_stay(sync, container, name):
    container.fault, reason = None, FAULTS[name][1]
    sync.start(aws={**CONF, "max": "1s", "timeout": "1s"})
    sync.looks("aws")
    good = kept(sync)
    assert good == container.keys.ini()

    container.keys = aws.Keys("ASIASECOND")
    container.fault = FAULTS[name][0]
    servers.wait_for("failures", lambda: sync.metric("xr_sync_source_failures_total", "aws"))
    sync.says("stays as it is")
    assert reason in sync.said(), sync.said()
    assert kept(sync) == good

    container.fault = None
    servers.wait_for("new ones", lambda: kept(sync) == container.keys.ini())
    assert not any(secret in sync.said() for secret in container.keys)


@pytest.mark.parametrize("name, answer", [
    ("no role", lambda h: h.say(200, "")), ("a path", lambda h: h.say(200, "../x")),
    ("a long one", lambda h: h.say(200, "r" * 65))])
def test_a_role_that_is_none(sync, imds, name, answer):
    imds.fault = lambda h: (answer if h.path == imds.PREFIX else imds.answer)(h)
    assert "imds: the answer has no name of a role" in sync.once(1, aws=CONF)


@pytest.mark.parametrize("token", ["", "a\r\nb", "x" * 2000])
def test_a_token_that_is_none(sync, imds, token):
    imds.fault = lambda h: h.say(200, token) if h.command == "PUT" else imds.answer(h)
    assert "imds: the answer has no token" in sync.once(1, aws=CONF)


@pytest.mark.parametrize("body", ["", "<a>", "<a/>", "x", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                                  "<Credentials><AccessKeyId>A</AccessKeyId></Credentials>"])
def test_what_sts_does_not_say(sync, sts, body):
    sts.fault = lambda h: h.say(200, body)
    assert "web_identity: " in sync.once(1, aws={**CONF, "sts": sts.url, "http": True})


def test_sts_only_by_https(sync, sts):
    assert "is not of https" in sync.once(1, aws={**CONF, "sts": sts.url})
    assert sts.requests == []


# Time

@pytest.mark.parametrize("seconds, low, high", [
    (6 * 3600, 6 * 3600 * 0.8, 20700), (3600, 2429, 2700), (1800, 806, 900), (600, 269, 300),
    (100, 43, 50), (5, 1, 2)])
def test_how_early_others_are_wanted(sync, container, seconds, low, high):
    container.keys = aws.Keys(seconds=seconds)
    said = sync.once(aws={**CONF, "max": "1d"})
    assert low - 2 <= next_look(said) <= high, said

    assert next_look(sync.once(aws={**CONF, "max": "20s"})) <= 20
    conf = {key: value for key, value in CONF.items() if key != "min"}
    assert next_look(sync.once(aws=conf)) >= 60


def test_those_that_expired_are_no_good_health(sync, container):
    container.keys = aws.Keys(seconds=8)
    sync.start(aws=CONF)
    servers.wait_for("health", sync.healthy)
    assert 0 < sync.metric("xr_sync_source_expires_timestamp_seconds", "aws") - time.time() <= 8
    container.fault = lambda h: h.say(500)
    servers.wait_for("trouble", lambda: not sync.healthy())
    servers.wait_for("it is said", lambda: "they expired" in syncing.ask(sync.socket,
                                                                         "/healthz")[1])


# The file

@pytest.mark.parametrize("mode, wanted", [(None, 0o600), (0o600, 0o600), (0o640, 0o640),
                                          (0o666, 0o640)])
def test_who_may_read_it(sync, container, mode, wanted):
    if mode:
        syncing.write(sync.folder / "aws.ini", "", mode)
        (sync.folder / "aws.ini").chmod(mode)
    sync.once(aws=CONF)
    assert stat.S_IMODE(os.stat(sync.folder / "aws.ini").st_mode) == wanted


# The real module, the real S3 server

def test_requests_go_on_when_credentials_rotate(edges, stack, sync, imds):
    """S3 takes the new ones and refuses the old ones; NGINX is not reloaded."""

    revoked = aws.Keys(stack["s3_access_key"], "revoked")
    imds.keys = revoked
    edge = edges({"acme": "credentials aws.ini;"}, files={"aws.ini": revoked.ini()}, workers=2)
    sync.start(aws={**CONF, "file": str(edge.folder / "aws.ini"), "max": "1s"})
    sync.looks("aws")

    def status():
        key, _ = stack.put()
        return edge.fetch(f"/acme/{key}").status

    assert status() == 502
    assert edge.error_log().count("SignatureDoesNotMatch") >= 1

    imds.keys = aws.Keys(stack["s3_access_key"], stack["s3_secret_key"])
    servers.wait_for("new ones", lambda: status() == 200, 10 + live.SOON)

    # and once more, while clients ask
    imds.keys = aws.Keys(stack["s3_access_key"], stack["s3_secret_key"])
    wrong = []
    ended = threading.Event()

    def ask():
        while not ended.is_set():
            wrong.extend([code for code in [status()] if code != 200])

    thread = threading.Thread(target=ask)
    thread.start()
    servers.wait_for("the file", lambda: (edge.folder / "aws.ini").read_text()
                     == imds.keys.ini())
    sync.looks("aws", 2)
    ended.set()
    thread.join()
    assert wrong == []
    assert imds.keys.token not in edge.error_log() + sync.said()
