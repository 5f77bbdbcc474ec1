# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""A real model, from an S3 server, through the edge, over a signed URL."""

import concurrent.futures
import pathlib
import re
import subprocess

import pytest

import edgeauth
import http1
import servers


@pytest.fixture(scope="module")
def model(stack):
    return pathlib.Path(stack["sample_file"]).read_bytes()


@pytest.fixture
def cold(stack, model):
    """The path of a copy of the model that nobody has asked for yet."""

    prefix = re.search(r"origin\s+s3://[^/\s;]+/?(\S*)", open(stack["conf"]).read()).group(1)
    name = f"{next(stack.names)}.glb"
    stack.put(model, "/".join(filter(None, (prefix, name))))

    return f"/{stack.tenant}/{name}"


@pytest.fixture(scope="module")
def edge(edges):
    return edges({"acme": ""}, location=servers.CACHE + "xr_cache_lock on;")


def signed(stack, path, form):
    token = edgeauth.token(stack.key, acl=path)
    return {"query": edgeauth.in_query, "path": edgeauth.in_path}[form](path, token)


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--path-as-is", "--max-time", "30", *arguments],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def origin_gets(stack, path):
    """Those for the object; whether it has a manifest is asked for, too."""

    return [entry["method"] for entry in stack.faults.log(path.rsplit("/", 1)[1])
            if not entry["path"].endswith("manifest.json")]


def test_the_sample_url_gives_the_sample_file(stack, model):
    assert curl(stack["sample_url"]) == model
    assert model[:4] == b"glTF"


@pytest.mark.parametrize("form", ["query", "path"])
def test_http1_gives_the_bytes_of_the_source(stack, model, cold, form):
    response = stack.get(signed(stack, cold, form))

    assert response.status == 200
    assert response.body == model
    assert response["content-length"] == str(len(model))
    assert response["content-type"] == "model/gltf-binary"


@pytest.mark.parametrize("form", ["query", "path"])
def test_https_gives_the_bytes_of_the_source(stack, model, cold, form):
    url = stack["https"] + signed(stack, cold, form)
    assert curl("--http1.1", "--cacert", stack["cert"], url) == model


@pytest.mark.parametrize("form", ["query", "path"])
def test_http2_gives_the_bytes_of_the_source(stack, model, cold, form, tmp_path):
    url = stack["https"] + signed(stack, cold, form)
    version = curl("--http2", "--cacert", stack["cert"], "-w", "%{http_version} %{http_code}",
                   "-o", tmp_path / "out", url)

    assert version == b"2 200"
    assert (tmp_path / "out").read_bytes() == model


@pytest.mark.parametrize("form", ["query", "path"])
def test_http3_gives_the_bytes_of_the_source(stack, model, cold, form, tmp_path):
    url = stack["https"] + signed(stack, cold, form)
    subprocess.run(["gtlsclient", "-q", "--exit-on-all-streams-close", f"--download={tmp_path}",
                    "127.0.0.1", str(stack.tls_port), url],
                   capture_output=True, timeout=60, check=True)

    # the client names the file by what follows the last "/"
    [out] = tmp_path.iterdir()
    assert out.read_bytes() == model


def test_h2load_sees_no_failure(stack, cold):
    url = stack["https"] + signed(stack, cold, "query")
    out = subprocess.run(["h2load", "-n", "40", "-c", "2", "-m", "5", url],
                         capture_output=True, text=True, timeout=60, check=True).stdout

    assert "Application protocol: h2" in out
    assert re.search(r"requests: 40 total, .* 40 succeeded, 0 failed, 0 errored", out)
    assert "status codes: 40 2xx, 0 3xx, 0 4xx, 0 5xx" in out


def test_one_get_at_the_origin_serves_every_protocol(stack, model, cold):
    for form in ("query", "path"):
        assert stack.get(signed(stack, cold, form)).body == model
        assert curl("--http2", "--cacert", stack["cert"],
                    stack["https"] + signed(stack, cold, form)) == model

    assert origin_gets(stack, cold) == ["GET"]


def test_second_fetch_is_a_hit(stack, edge):
    key, body = stack.put()
    first, second = edge.fetch(f"/acme/{key}"), edge.fetch(f"/acme/{key}")

    assert first.body == second.body == body
    assert edge.logged(first)["cache"] == "MISS"
    assert edge.logged(second)["cache"] == "HIT"
    assert origin_gets(stack, key) == ["GET"]


def test_zero_length_object(stack, edge):
    key, _ = stack.put(b"")

    for _ in range(2):
        response = edge.fetch(f"/acme/{key}")
        assert (response.status, response.body) == (200, b"")
        assert response["content-length"] == "0"


def test_head_equals_the_headers_of_get(stack, edge):
    key, body = stack.put()
    head = edge.fetch(f"/acme/{key}", method="HEAD")
    get = edge.fetch(f"/acme/{key}")

    def lasting(response):
        return sorted((n, v) for n, v in response.headers if n not in ("date", "age"))

    assert head.status == get.status == 200
    assert lasting(head) == lasting(get)
    assert get["content-length"] == str(len(body))
    assert origin_gets(stack, key) == ["GET"]


@pytest.mark.parametrize("temperature", ["cold", "warm"])
def test_conditional_requests(stack, edge, temperature):
    key, body = stack.put()
    known = stack.s3.head_object(Bucket=stack.bucket, Key=key)
    modified = known["LastModified"].strftime("%a, %d %b %Y %H:%M:%S GMT")

    if temperature == "warm":
        edge.fetch(f"/acme/{key}")

    def ask(**headers):
        return edge.fetch(f"/acme/{key}", headers={n.replace("_", "-"): v
                                                   for n, v in headers.items()})

    same = ask(If_None_Match=known["ETag"])
    assert (same.status, same["etag"]) == (304, known["ETag"])
    assert ask(If_None_Match=f'"other", {known["ETag"]}').status == 304
    assert ask(If_Modified_Since=modified).status == 304

    changed = ask(If_None_Match='"other"')
    assert (changed.status, changed.body) == (200, body)


RANGES = [("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=150-", 150, 1000),
          ("bytes=-50", 950, 1000), ("bytes=900-5000", 900, 1000), ("bytes=-5000", 0, 1000)]


@pytest.mark.parametrize("cache", ["cold", "warm", "off"])
@pytest.mark.parametrize("value,first,end", RANGES)
def test_single_range(stack, edge, uncached, cache, value, first, end):
    key, body = stack.put(bytes(range(250)) * 4)
    server = uncached if cache == "off" else edge

    if cache == "warm":
        server.fetch(f"/acme/{key}")

    part = server.fetch(f"/acme/{key}", headers={"Range": value})

    assert part.status == 206
    assert part.body == body[first:end]
    assert part["content-range"] == f"bytes {first}-{end - 1}/1000"
    assert part["content-length"] == str(end - first)

    # a part that was fetched first does not stand for the whole
    whole = server.fetch(f"/acme/{key}")
    assert (whole.status, whole.body) == (200, body)


@pytest.fixture(scope="module")
def uncached(edges):
    return edges({"acme": ""}, location="xr_cache off;")


@pytest.mark.parametrize("cache", ["cold", "warm"])
def test_range_beyond_the_end(stack, edge, cache):
    key, body = stack.put()

    if cache == "warm":
        edge.fetch(f"/acme/{key}")

    response = edge.fetch(f"/acme/{key}", headers={"Range": f"bytes={len(body)}-"})
    assert response.status == 416
    assert response["content-range"] == f"bytes */{len(body)}"


def test_range_beyond_the_end_without_cache(stack, uncached):
    key, body = stack.put()
    assert uncached.fetch(f"/acme/{key}", headers={"Range": f"bytes={len(body)}-"}).status == 416


@pytest.mark.parametrize("cache", ["warm", "off"])
def test_if_range(stack, edge, uncached, cache):
    key, body = stack.put()
    server = uncached if cache == "off" else edge
    etag = server.fetch(f"/acme/{key}")["etag"]

    other = server.fetch(f"/acme/{key}", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status, other.body) == (200, body)

    same = server.fetch(f"/acme/{key}", headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (same.status, same.body) == (206, body[:10])


@pytest.mark.parametrize("cache", ["warm", "off"])
@pytest.mark.parametrize("value", ["bytes=0-9223372036854775807", "bytes=9223372036854775807-",
                                   "bytes=-9223372036854775808", "bytes=0-18446744073709551616",
                                   "bytes=18446744073709551616-", "bytes=5-18446744073709551620"])
def test_numbers_beyond_numbers(stack, edge, uncached, cache, value):
    key, body = stack.put()
    server = uncached if cache == "off" else edge
    server.fetch(f"/acme/{key}")
    response = server.fetch(f"/acme/{key}", headers={"Range": value})

    assert response.status in (200, 206, 416)
    if response.status != 416:
        assert response.body in (body, body[5:])


def test_a_condition_comes_before_a_range(stack, edge):
    key, _ = stack.put()
    etag = edge.fetch(f"/acme/{key}")["etag"]
    response = edge.fetch(f"/acme/{key}", headers={"If-None-Match": etag, "Range": "bytes=0-9"})

    assert response.status == 304


def test_ranges_do_not_add_up_to_more_than_the_object(stack, edge):
    key, body = stack.put()
    edge.fetch(f"/acme/{key}")
    response = edge.fetch(f"/acme/{key}", headers={"Range": "bytes=" + ",".join(["0-"] * 200)})

    assert response.status in (200, 206, 416)
    assert len(response.body) < 2 * len(body)


def test_several_ranges_are_the_right_bytes(stack, edge):
    key, body = stack.put()
    edge.fetch(f"/acme/{key}")
    response = edge.fetch(f"/acme/{key}", headers={"Range": "bytes=0-9,100-109"})

    assert response.status in (200, 206)
    assert body[:10] in response.body and body[100:110] in response.body


def test_a_connection_serves_many_requests(stack, edge):
    objects = [stack.put() for _ in range(4)]

    with http1.Connection(edge.port) as connection:
        for key, body in objects + objects:
            path = f"/acme/{key}"
            token = edgeauth.token(servers.KEY, url=path)
            assert connection.request(edgeauth.in_query(path, token)).body == body


def test_twenty_cold_clients_cause_one_get(stack, edge, faults):
    key, body = stack.put()

    with faults.active({"path": key, "delay": 0.3}), \
            concurrent.futures.ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: edge.fetch(f"/acme/{key}"), range(20)))

    assert [r.status for r in responses] == [200] * 20
    assert all(r.body == body for r in responses)
    assert origin_gets(stack, key) == ["GET"]


def test_a_client_that_leaves_spoils_nothing(stack, edge, faults):
    key, body = stack.put(b"abcdefgh" * 50000)
    target = edgeauth.in_query(f"/acme/{key}", edgeauth.token(servers.KEY, url=f"/acme/{key}"))

    with faults.active({"path": key, "rate": 2000000}):
        with http1.Connection(edge.port) as connection:
            connection.send(target)
            assert connection.file.read(2000).startswith(b"HTTP/1.1 200")

        assert edge.get(target).body == body
