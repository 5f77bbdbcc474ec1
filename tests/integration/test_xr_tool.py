# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The program xr: tokens, publishing, listing, removing."""

import http.server
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import threading
import time
import urllib.parse
import zlib

import botocore.exceptions
import pytest

import edgeauth
import http1
import servers

XR = servers.BUILD / "xr"

MIB = 1024 * 1024

# what a key may have in it, one by one and together
ODD = ["space name", "plus+", "100%", "it's", "(par)", "a=b", "c&d", "~tilde", "semi;colon",
       "käse", "漢字", "😀", "all ~ +%'(=&é", "sub dir/deep~er/x"]


def glb(text='{"asset": {"version": "2.0"}}', binary=b""):
    """A GLB file."""

    chunk = text.encode()
    chunk += b" " * (-len(chunk) % 4)
    body = struct.pack("<I4s", len(chunk), b"JSON") + chunk
    if binary:
        body += struct.pack("<I4s", len(binary), b"BIN\0") + binary

    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def ktx2():
    head = b"\xabKTX 20\xbb\r\n\x1a\n" + struct.pack("<9I", 37, 1, 4, 4, 0, 0, 1, 1, 0)
    head += struct.pack("<4I2Q", 104, 44, 0, 0, 0, 0) + struct.pack("<3Q", 160, 64, 64)

    return head.ljust(224, b"\0")


def usdz(method=0):
    name, data = b"m.usdc", b"PXR-USDC"
    extra = struct.pack("<HH", 0x1986, 24) + bytes(24)

    return struct.pack("<4s5H3I2H", b"PK\3\4", 10, 0, method, 0, 0, zlib.crc32(data),
                       len(data), len(data), len(name), len(extra)) + name + extra + data


class Program:
    """xr with a folder of its own, for the tenant of the stack."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, pathlib.Path(folder)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder),
                    "XDG_CACHE_HOME": str(self.folder / "cache"),
                    "XR_CONFIG": stack["xr_config"]}
        self.env.update({k: v for k, v in servers.environment().items() if "SAN_" in k})

    def start(self, *args, env=None, **options):
        return subprocess.Popen([XR, *map(str, args)], env={**self.env, **(env or {})},
                                cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def __call__(self, *args, status=0, env=None):
        """Standard output and standard error of a run that has to end with "status"."""

        process = self.start(*args, env=env)
        out, err = (text.decode() for text in process.communicate(timeout=120))
        assert process.returncode == status, out + err
        assert "Sanitizer" not in err and "runtime error" not in err

        return out, err

    def tenant(self, command, *args, **options):
        return self(command, "--tenant", self.stack.tenant, *args, **options)

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def fetch(self, url):
        """The body of a signed URL, from the edge."""

        parts = urllib.parse.urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = http1.request(self.stack.port, target)
        assert answer.status == 200, (url, answer.status)
        return answer.body

    def uploads(self):
        return list((self.folder / "cache").rglob("*.json"))


@pytest.fixture
def xr(stack, tmp_path):
    return Program(stack, tmp_path)


@pytest.fixture
def key(stack):
    """A name below which no other test has keys."""

    return f"xr/{next(stack.names)}k"


def published(stack, name):
    return stack.s3.get_object(Bucket=stack.bucket, Key=name)


# ---- the program


def test_it_explains_itself(xr):
    out, _ = xr("help")
    names = re.findall(r"^  (\w+(?: \w+)?)   ", out, re.M)
    assert {"token make", "publish", "ls", "rm"} <= set(names)

    for name in names:
        assert f"usage: xr {name}" in xr(*name.split(), "--help")[0]
        assert f"usage: xr {name}" in xr("help", *name.split())[0]


@pytest.mark.parametrize("args", [
    [], ["frobnicate"], ["token"], ["ls", "--frobnicate"], ["ls", "--tenant"], ["ls", "a", "b"],
    ["ls"], ["publish"], ["publish", "--as", "k", "a", "b"], ["rm"], ["rm", ""],
    ["rm", "--recursive", "a"], ["token", "make"], ["token", "make", "--acl", "/*"],
    ["token", "make", "--key-hex", "00" * 16],
    ["token", "make", "--key-hex", "00" * 16, "--expires", "soon", "/a"],
    ["token", "make", "--key-hex", "00" * 16, "--expires", "+1h", "--start", "+2h", "/a"],
    ["token", "make", "--key-hex", "00" * 16, "--base", "edge.example", "/a"],
    ["token", "make", "--key-hex", "00" * 16, "--form", "query", "/a"],
    ["token", "show"], ["token", "check", "x"], ["ls", "--timeout", "never", "--origin", "s3://abc"],
])
def test_wrong_calls_end_with_2(xr, args):
    out, err = xr(*args, status=2)
    assert out == "" and err != ""


# ---- tokens


@pytest.mark.parametrize("form", ["query", "path"])
@pytest.mark.parametrize("scope", ["url", "acl"])
def test_the_edge_takes_its_tokens(xr, stack, form, scope):
    name, body = stack.put()
    acl = ["--acl", f"/{stack.tenant}/t/*"] if scope == "acl" else []
    out, _ = xr("token", "make", "--tenant", stack.tenant, "--form", form, *acl, name)

    assert xr.fetch(out.strip()) == body
    assert xr("token", "check", "--tenant", stack.tenant, out.strip())[0].startswith("ok")


def test_a_token_is_what_other_signers_make(xr):
    out, _ = xr("token", "make", "--acl", "/a/*", "--acl", "/b/?.glb", "--expires", "1900000000",
                "--start", "2026-01-02T04:04:05+01:00", "--id", "u~1",
                env={"XR_EDGEAUTH_KEY": servers.KEY})
    assert out.strip() == edgeauth.token(servers.KEY, acl="/a/*!/b/?.glb", exp=1900000000,
                                         st=1767323045, id="u%7e1")

    out, _ = xr("token", "make", "--expires", "1900000000", "/a/b.glb",
                env={"XR_EDGEAUTH_KEY": servers.KEY})
    assert out.strip() == edgeauth.token(servers.KEY, url="%2fa%2fb.glb", exp=1900000000)


def test_times_are_relative_to_now(xr):
    out, _ = xr("token", "make", "--key-hex", servers.KEY, "--expires", "+1h30m", "/a")
    expires = int(re.match(r"exp=(\d+)~", out).group(1))
    assert abs(expires - time.time() - 5400) < 10


def test_show_explains_every_field(xr):
    token = edgeauth.token(servers.KEY, acl="/a/*!/b%21", exp=1900000000, st=1800000000,
                           ip="192.0.2.1", id="u%7e1", data="k:v")

    for arg in (token, "https://edge.test" + edgeauth.in_query("/a/x%20y", token),
                "https://edge.test" + edgeauth.in_path("/a/x%20y", token),
                "https://edge.test/a?xr_token=" + urllib.parse.quote(token, safe="")):
        out, _ = xr("token", "show", arg)
        fields = [line.split(None, 1) for line in out.splitlines()]

        assert [value for name, value in fields if name == "opens"] == ["/a/*", "/b!"]
        values = dict(fields)
        assert values["ip"] == "192.0.2.1"
        assert values["id"] == "u~1"
        assert values["data"] == "k:v"
        assert values["starts"].startswith("1800000000  2027-01-15T08:00:00Z  in ")
        assert values["expires"].startswith("1900000000  2030-03-17T17:46:40Z  in ")
        assert values["hmac"] == token[-64:]
        assert values.get("path") in (None, "/a/x y", "/a")

    for arg in ("nonsense", "https://edge.test/a", "/~%%/a", f"/a?xr_token={token}&xr_token=1"):
        xr("token", "show", arg, status=1)


@pytest.mark.parametrize("reason, args", [
    ("ok", []),
    ("ok", ["--ip", "::ffff:192.0.2.1", "--at", "1899999999"]),
    ("token_expired", ["--at", "1900000030"]),
    ("ok", ["--at", "1900000029"]),
    ("token_expired", ["--at", "1900000000", "--leeway", "0"]),
    ("token_early", ["--at", "1799999969"]),
    ("token_lifetime", ["--max-lifetime", "7d"]),
    ("token_address", ["--ip", "192.0.2.2"]),
    ("token_scope", ["--path", "/b/x"]),
    ("path", ["--path", "/a/../b"]),
    ("token_signature", ["--key-hex", servers.OTHER_KEY]),
])
def test_check_says_what_an_edge_would(xr, reason, args):
    token = edgeauth.token(servers.KEY, acl="/a/*", exp=1900000000, st=1800000000, ip="192.0.2.1")
    defaults = {"--key-hex": servers.KEY, "--ip": "192.0.2.1", "--at": "1850000000"}
    defaults.update(zip(args[::2], args[1::2]))

    out, _ = xr("token", "check", *[x for pair in defaults.items() for x in pair],
                edgeauth.in_query("/a/x", token), status=0 if reason == "ok" else 1)
    assert out.strip() == reason


@pytest.mark.parametrize("reason, target", [
    ("token_missing", "/a"), ("token_malformed", "/a?xr_token=x"), ("token_malformed", "/~x/a"),
    ("token_duplicate", "/a?xr_token=x&xr_token=x"), ("token_duplicate", "/~eA/a?XR_TOKEN=x"),
    ("path", "/a//b"), ("path", "/%2e%2e/b"),
])
def test_check_of_urls_without_a_good_token(xr, reason, target):
    out, _ = xr("token", "check", "--key-hex", servers.KEY, "https://edge.test" + target, status=1)
    assert out.strip() == reason


# ---- publish


def test_odd_keys_round_trip_through_origin_and_edge(xr, stack, key):
    bodies = {f"{name}.glb": glb(binary=name.encode().ljust(64)) for name in ODD}
    for name, body in bodies.items():
        xr.write(f"in/{name}", body)

    out, _ = xr.tenant("publish", "--prefix", key, "--json", "in")
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["key"] for line in lines} == {f"{key}/{name}" for name in bodies}

    for line in lines:
        name = line["key"].removeprefix(f"{key}/")
        assert line["type"] == "model/gltf-binary"
        assert line["size"] == len(bodies[name])
        assert published(stack, line["key"])["Body"].read() == bodies[name]
        assert xr.fetch(line["url"]) == bodies[name]

    listed, _ = xr.tenant("ls", "--json", f"{key}/")
    listed = [json.loads(line) for line in listed.splitlines()]
    assert [line["key"] for line in listed] == sorted((line["key"] for line in lines),
                                                      key=str.encode)
    assert {line["etag"] for line in listed} == {line["etag"] for line in lines}

    xr.tenant("rm", "--yes", *[line["key"] for line in lines])
    assert xr.tenant("ls", f"{key}/")[0] == ""


def test_headers_are_kept(xr, stack, key):
    xr.write("a.gltf", b'{"asset": {"version": "2.0"}}')
    xr.tenant("publish", "--as", f"{key}/b.gltf", "--cache-control", "max-age=60", "a.gltf")

    answer = published(stack, f"{key}/b.gltf")
    assert answer["ContentType"] == "model/gltf+json"
    assert answer["CacheControl"] == "max-age=60"


def test_an_empty_file(xr, stack, key):
    xr.write("a.bin", b"")
    xr.tenant("publish", "--prefix", key, "a.bin")
    assert published(stack, f"{key}/a.bin")["Body"].read() == b""


@pytest.mark.parametrize("name, data, reason", [
    ("a.glb", glb()[:-1], "the length in the GLB header is not the file's (at byte 8)"),
    ("a.glb", glb() + b" ", "the length in the GLB header is not the file's"),
    ("a.glb", b"", "no GLB magic"),
    ("a.glb", glb('{"asset": {"version": "1.0"}}'), "no asset.version 2.x"),
    ("a.glb", glb('{"asset": {"version": 2}}'), "no asset.version 2.x"),
    ("a.glb", glb('{"asset": '), "its JSON is broken: line 1"),
    ("a.gltf", b'{"asset": {"version": "3.0"}}', "no asset.version 2.x"),
    ("a.gltf", b"[" * 100000, "the JSON text is not an object"),
    ("a.gltf", b'{"a":' + b"[" * 100000, "its JSON is broken"),
    ("a.ktx2", ktx2()[:-1], "a mip level is outside of the file"),
    ("a.KTX2", b"\xabKTX 11\xbb\r\n\x1a\n", "no KTX2 identifier"),
    ("a.usdz", usdz(method=8), "the first entry is compressed"),
    ("a.usdz", usdz()[:-1], "the first entry is cut off"),
    ("a.xyz", b"?", '".xyz" is no type that viewers are known to load'),
    ("Makefile", b"all:", '"Makefile" is no type that viewers are known to load'),
])
def test_what_is_not_valid_needs_force(xr, stack, key, name, data, reason):
    xr.write(name, data)
    _, err = xr.tenant("publish", "--prefix", key, name, status=1)
    assert reason in err and err.count("\n") == 1

    with pytest.raises(botocore.exceptions.ClientError):
        published(stack, f"{key}/{name}")

    _, err = xr.tenant("publish", "--prefix", key, "--force", name)
    assert reason in err
    assert published(stack, f"{key}/{name}")["Body"].read() == data


def test_what_is_valid_is_taken(xr, key):
    files = {"a.glb": glb(), "b.glb": glb('{"asset":{"version":"2.1"}, "n": 99999999999999999999}'),
             "c.gltf": b' {"asset": {"version": "2.0"}}\n', "d.ktx2": ktx2(), "e.usdz": usdz(),
             "f.png": b"not looked at"}
    for name, data in files.items():
        xr.write(name, data)

    out, _ = xr.tenant("publish", "--prefix", key, *files)
    assert re.findall(r"^\S+?(\w\.\w+)  ", out, re.M) == list(files)


def test_one_bad_file_does_not_stop_the_others(xr, stack, key):
    xr.write("d/a.glb", b"?")
    xr.write("d/b.glb", glb())
    xr.write("d/.hidden.glb", glb())
    xr.write("outside.glb", glb())
    (xr.folder / "d/c.glb").symlink_to("../outside.glb")

    out, err = xr.tenant("publish", "--prefix", key, "d", "missing.glb", status=1)
    assert len(re.findall(r"^xr/", out, re.M)) == 1
    assert "d/a.glb: no GLB magic" in err
    assert "d/c.glb: is a symbolic link, not followed" in err
    assert "missing.glb: No such file" in err
    assert [json.loads(line)["key"] for line in
            xr.tenant("ls", "--json", key)[0].splitlines()] == [f"{key}/b.glb"]


@pytest.mark.parametrize("name", ["a//b.glb", "../b.glb", "a/./b.glb", "a\\b.glb", "a%2fb.glb",
                                  "a\nb.glb", "x" * 1021 + ".glb", "a/"])
def test_keys_that_no_edge_serves_are_refused(xr, name):
    xr.write("a.glb", glb())
    _, err = xr.tenant("publish", "--force", "--as", name, "a.glb", status=1)
    assert "key" in err


@pytest.fixture
def large(xr):
    """65 MiB, no two parts alike."""

    data = glb(binary=b"".join(os.urandom(16).ljust(MIB) for _ in range(65)))
    return xr.write("large.glb", data), data


def requests(stack, name):
    """The requests of an upload: "create", part numbers, "complete", "list", "abort"."""

    kinds = []
    for entry in stack.faults.log(name):
        query = dict(urllib.parse.parse_qsl(entry["path"].partition("?")[2],
                                            keep_blank_values=True))
        if "partNumber" in query:
            kinds.append(int(query["partNumber"]))
        elif "uploads" in query or "uploadId" in query:
            kinds.append({"POST": "create" if "uploads" in query else "complete",
                          "GET": "list", "DELETE": "abort"}[entry["method"]])
    return kinds


def through_proxy(stack):
    return ["--endpoint", stack["origin"]]


def test_a_large_file_goes_up_in_parts(xr, stack, faults, key, large):
    out, err = xr.tenant("publish", *through_proxy(stack), "--as", f"{key}.glb", large[0])
    assert requests(stack, key) == ["create", 1, 2, 3, 4, 5, "complete"]
    assert re.search(r'"[0-9a-f]{32}-5"', out)
    assert "\r" not in err                      # no bar without a terminal
    assert xr.uploads() == []

    answer = published(stack, f"{key}.glb")
    assert answer["ContentType"] == "model/gltf-binary"
    assert answer["Body"].read() == large[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_upload_that_was_cut_short_goes_on(xr, stack, faults, key, large, number):
    args = ["publish", "--tenant", stack.tenant, *through_proxy(stack), "--as", f"{key}.glb",
            large[0]]

    faults.rules([{"path": "partNumber=3&", "delay": 30}])
    process = xr.start(*args)
    servers.wait_for("part 3", lambda: 3 in requests(stack, key), 30)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == -number
    assert number == signal.SIGKILL or b"interrupted" in err
    assert len(xr.uploads()) == 1

    # a byte of a part that is there already is another now
    changed = bytearray(large[1])
    changed[20 * MIB] ^= 1
    large[0].write_bytes(changed)

    faults.rules([])
    before = len(requests(stack, key))
    xr(*args)
    assert requests(stack, key)[before:] == ["list", 2, 3, 4, 5, "complete"]
    assert xr.uploads() == []
    assert published(stack, f"{key}.glb")["Body"].read() == changed


def interrupted(xr, stack, key, path):
    """An upload that has sent its first two parts."""

    with stack.faults.active({"path": "partNumber=3&", "status": 403, "times": 0}):
        xr.tenant("publish", *through_proxy(stack), "--as", f"{key}.glb", path, status=1)

    assert len(xr.uploads()) == 1
    return len(requests(stack, key))


def test_another_file_aborts_the_old_upload(xr, stack, faults, key, large):
    before = interrupted(xr, stack, key, large[0])
    xr.write("large.glb", glb(binary=bytes(70 * MIB)))

    xr.tenant("publish", *through_proxy(stack), "--as", f"{key}.glb", large[0])
    assert requests(stack, key)[before:] == ["abort", "create", 1, 2, 3, 4, 5, "complete"]


def test_an_upload_that_the_origin_forgot_begins_anew(xr, stack, faults, key, large):
    before = interrupted(xr, stack, key, large[0])
    id = json.loads(xr.uploads()[0].read_text())["id"]
    stack.s3.abort_multipart_upload(Bucket=stack.bucket, Key=f"{key}.glb", UploadId=id)

    xr.tenant("publish", *through_proxy(stack), "--as", f"{key}.glb", large[0])
    assert requests(stack, key)[before:] == ["list", "create", 1, 2, 3, 4, 5, "complete"]
    assert published(stack, f"{key}.glb")["Body"].read() == large[1]


def test_a_completion_whose_answer_was_lost(xr, stack, faults, key, large):
    """The origin has put the parts together; the repeated call finds no upload."""

    faults.rules([{"path": f"{key}.glb?uploadId=", "method": "POST", "delay": 3}])
    process = xr.start("publish", "--tenant", stack.tenant, *through_proxy(stack),
                       "--as", f"{key}.glb", large[0])
    servers.wait_for("completion", lambda: "complete" in requests(stack, key), 30)

    which = {"Bucket": stack.bucket, "Key": f"{key}.glb",
             "UploadId": json.loads(xr.uploads()[0].read_text())["id"]}
    parts = [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]}
             for p in stack.s3.list_parts(**which)["Parts"]]
    stack.s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts})

    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert requests(stack, key) == ["create", 1, 2, 3, 4, 5, "complete"]
    assert b'-5"' in out
    assert xr.uploads() == []


def test_faults_are_repeated(xr, stack, faults, key):
    xr.write("a.glb", glb())
    faults.rules([{"path": key, "reset": True}, {"path": key, "close": True},
                  {"path": key, "status": 503, "headers": {"Retry-After": "1"}}])

    started = time.monotonic()
    xr.tenant("publish", *through_proxy(stack), "--prefix", key, "a.glb")
    assert time.monotonic() - started >= 1
    assert len(stack.faults.log(key)) == 4
    assert published(stack, f"{key}/a.glb")["Body"].read() == glb()


def test_repeating_ends(xr, stack, faults, key):
    xr.write("a.glb", glb())
    faults.rules([{"path": key, "status": 503, "times": 0,
                   "body": "<Error><Code>SlowDown</Code><Message>Reduce\nyour rate.</Message></Error>"}])

    _, err = xr.tenant("publish", *through_proxy(stack), "--prefix", key, "a.glb", status=1)
    assert err == "xr: a.glb: 503 SlowDown: Reduce your rate. (tried 5 times)\n"


def test_a_stalled_origin_is_given_up(xr, stack, faults, key):
    faults.rules([{"path": "list-type=2", "delay": 30, "times": 0}])
    started = time.monotonic()
    _, err = xr.tenant("ls", *through_proxy(stack), "--timeout", "1s", key, status=1)
    assert "no answer" in err and time.monotonic() - started < 29


def test_refusals_are_not_repeated(xr, stack, faults, key, tmp_path):
    xr.write("a.glb", glb())
    file = xr.write("wrong", b"[default]\naws_access_key_id = EDGEDEV0000000000001\n"
                             b"aws_secret_access_key = wrong\n")
    file.chmod(0o600)
    _, err = xr.tenant("publish", *through_proxy(stack), "--credentials", file,
                       "--prefix", key, "a.glb", status=1)
    assert "403 SignatureDoesNotMatch: " in err
    assert len(stack.faults.log(key)) == 1


def test_the_bar_is_for_terminals(xr, stack, key, large):
    master, slave = pty.openpty()
    process = subprocess.Popen([XR, "publish", "--tenant", stack.tenant, "--as", f"{key}.glb",
                                large[0]], env=xr.env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)

    seen = b""
    try:
        while chunk := os.read(master, 65536):
            seen += chunk
    except OSError:                             # the other end is closed
        pass
    os.close(master)

    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"MiB/s" in seen and b"[#" in seen
    assert b"\r" not in out


# ---- ls and rm


class Listing(http.server.BaseHTTPRequestHandler):
    """An S3 server that answers every GET with the next of "pages"."""

    pages = []
    seen = []

    def do_GET(self):
        self.seen.append(self.path)
        body = self.pages[len(self.seen) - 1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def listing():
    Listing.seen, Listing.pages = [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Listing, ["--origin", "s3://bucket/pre%20fix", "--endpoint",
                    f"http://127.0.0.1:{server.server_port}"]
    server.shutdown()
    server.server_close()


KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


def page(*keys, more="", encoding="url"):
    contents = "".join(f"<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z"
                       f"</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size></Contents>"
                       for key in keys)
    return ('<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{contents}"
            + (f"<NextContinuationToken>{more}</NextContinuationToken>" if more else "")
            + (f"<EncodingType>{encoding}</EncodingType>" if encoding else "")
            + "</ListBucketResult>")


def test_pages_follow_one_another(xr, listing):
    server, origin = listing
    server.pages = [page("pre+fix/x%26ya%2Bb", "pre%20fix/x%26yc%26+d", more="t/1+="),
                    page("pre fix/x&amp;ye+f", "pre fix/x&amp;yg%26h", encoding=None)]

    out, _ = xr("ls", *origin, "--json", "x&y", env=KEYS)
    assert [json.loads(line)["key"] for line in out.splitlines()] \
        == ["x&ya+b", "x&yc& d", "x&ye+f", "x&yg%26h"]
    assert [urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)["prefix"]
            for path in server.seen] == [["pre fix/x&y"]] * 2
    assert "continuation-token=t%2F1%2B%3D&" in server.seen[1]


@pytest.mark.parametrize("answer", [
    "", "not XML", page("pre+fix/a")[:-5], page("other/a"), page("pre+fix/%zz"),
    page("pre+fix/a", more="x").replace("<NextContinuationToken>x</NextContinuationToken>", ""),
    page("pre+fix/a").replace("<Size>7", "<Size>-7"),
    '<!DOCTYPE a [<!ENTITY e "pre+fix/x">]>' + page("&e;").partition("\n")[2],
    "<a>" * 100 + "</a>" * 100,
], ids=["empty", "text", "cut", "prefix", "escape", "token", "size", "doctype", "deep"])
def test_listings_that_make_no_sense(xr, listing, answer):
    server, origin = listing
    server.pages = [answer]
    out, err = xr("ls", *origin, env=KEYS, status=1)
    assert out == "" and "the listing " in err


def test_a_listing_of_what_was_not_asked_for(xr, listing):
    """Whoever takes away the prefix must not find less than that."""

    server, origin = listing
    server.pages = [page("pre+fix/models/a", "pre+fix/b")]
    out, err = xr("ls", *origin, "models/", env=KEYS, status=1)
    assert "models/a" in out and "a key that was not asked for" in err


def test_keys_cannot_drive_the_terminal(xr, listing):
    server, origin = listing
    server.pages = [page("pre+fix/%1B%5B2J%0Aa")] * 2
    out, _ = xr("ls", *origin, env=KEYS)
    assert out.endswith("  \\x1b[2J\\x0aa\n") and out.count("\n") == 1


def test_sizes_are_for_people(xr, stack, key):
    for size in (0, 1023, 1024, 1536 * 1024):
        stack.put(bytes(size), f"{key}/{size:08}.bin")

    out, err = xr.tenant("ls", f"{key}/")
    assert re.findall(r"^ *(\S+ \w+)  ", out, re.M) == ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]
    assert err == "4 objects, 1.5 MiB\n"


def test_rm_takes_folders_not_prefixes(xr, stack, key):
    for name in ("a/1.glb", "a/b/2.glb", "a2/3.glb", "a.glb"):
        stack.put(glb(), f"{key}/{name}")

    xr.tenant("rm", "--recursive", f"{key}/a", status=2)
    out, _ = xr.tenant("rm", "--recursive", "--yes", f"{key}/a")
    assert out.splitlines() == [f"removed {key}/a/1.glb", f"removed {key}/a/b/2.glb"]

    left = [json.loads(line)["key"] for line in xr.tenant("ls", "--json", key)[0].splitlines()]
    assert left == [f"{key}/a.glb", f"{key}/a2/3.glb"]

    out, err = xr.tenant("rm", f"{key}/a.glb", f"{key}/missing", status=1)
    assert out == f"removed {key}/a.glb\n"
    assert err == f"xr: {key}/missing: no such key\n"


@pytest.mark.parametrize("answer, gone", [("y", True), ("n", False), ("", False)])
def test_rm_asks_on_a_terminal(xr, stack, key, answer, gone):
    stack.put(glb(), f"{key}/a.glb")
    master, slave = pty.openpty()
    process = subprocess.Popen([XR, "rm", "--tenant", stack.tenant, f"{key}/a.glb"], env=xr.env,
                               stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(slave)
    os.write(master, answer.encode() + b"\n")
    _, err = process.communicate(timeout=20)
    os.close(master)

    assert b"Remove 1 object, " in err
    assert process.returncode == (0 if gone else 1)
    assert (xr.tenant("ls", key)[0] == "") == gone


# ---- which tenant


@pytest.mark.parametrize("text, reason", [
    ('{"tenants": {', ":1: "),
    ("[]", ":1: has to be an object"),
    ('{\n"tenant": {}}', ':2: "tenant" is not known'),
    ('{"tenants": {\n"a": {"profile": "orgin"},\n"b": {"profile": "orgin",\n"orgin": "x"}}}',
     ':4: "orgin" is not an option of a tenant'),
    ('{"tenants": {\n"a": {"origin": 5}}}', ':2: "origin" has to be a string'),
    ('{"tenants": {"a":\n[]}}', ':1: "a" has to be an object'),
    ('{"tenants": {"a": {}, "a": {}}}', ":1: duplicate"),
    ('{"tenants": {"c": {}}}', 'no tenant "b" in '),
    ('{"tenants": {"b": {}}}', "no origin"),
    ('{"tenants": {"b": {"origin": "http://x/"}}}', "only an s3:// origin"),
    ('{"tenants": {"b": {"origin": "s3://B"}}}', "a bucket's name"),
    ('{"tenants": {"b": {"origin": "s3://buc", "credentials": "no"}}}', "No such file"),
])
def test_wrong_configurations(xr, text, reason):
    config = xr.write("c.json", text.encode())
    status = 2 if reason == "no origin" else 1
    _, err = xr("ls", "--config", config, "--tenant", "b", status=status)
    assert reason in err


def test_secrets_that_others_can_read(xr, stack):
    config = json.loads(pathlib.Path(stack["xr_config"]).read_text())
    tenant = config["tenants"][stack.tenant]
    folder = pathlib.Path(stack["xr_config"]).parent
    xr.write("a.glb", glb())

    for name in ("credentials", "keys"):
        copy = xr.write(name, (folder / tenant[name]).read_bytes())
        copy.chmod(0o604)
        changed = xr.write("c.json", json.dumps(
            {"tenants": {"x": {**tenant, **{n: str(folder / tenant[n]) for n in
                                            ("credentials", "keys")}, name: name}}}).encode())
        _, err = xr("publish", "--config", changed, "--tenant", "x", "a.glb", status=1)
        assert str(copy) in err and "is open to every user" in err


def test_the_environment_is_enough(xr, stack, key):
    env = {"XR_CONFIG": "/nonexistent", "XR_ORIGIN": f"s3://{stack.bucket}/{key}",
           "XR_ENDPOINT": stack["s3"], "AWS_ACCESS_KEY_ID": stack["s3_access_key"],
           "AWS_SECRET_ACCESS_KEY": stack["s3_secret_key"]}
    xr.write("a.glb", glb())
    out, _ = xr("publish", "--prefix", "p", "a.glb", env=env)
    assert out.startswith("p/a.glb  ")
    assert published(stack, f"{key}/p/a.glb")["Body"].read() == glb()
    assert "  p/a.glb\n" in xr("ls", env=env)[0]


def test_a_named_tenant_is_not_moved_by_the_environment(xr, stack, key):
    stack.put(glb(), f"{key}/a.glb")
    out, _ = xr.tenant("ls", key, env={"XR_ORIGIN": "s3://elsewhere", "AWS_ACCESS_KEY_ID": "x",
                                       "AWS_SECRET_ACCESS_KEY": "y", "AWS_PROFILE": "z"})
    assert f"{key}/a.glb" in out


# ---- what it says, and what it is told


def test_messages_cannot_drive_the_terminal(xr):
    _, err = xr.tenant("publish", "no\x1b[31m\u009bsuch\nfile.glb", status=1)

    assert "no\\x1b[31m\\xc2\\x9bsuch\\x0afile.glb" in err
    assert "\x1b" not in err and "\u009b" not in err and err.count("\n") == 1


def test_a_configuration_that_is_named_has_to_be_there(xr):
    _, err = xr("ls", "--tenant", "acme", "--config", "none.json", status=1)
    assert "none.json: No such file" in err


@pytest.mark.parametrize("address", ["1.2.3", "here", "10.0.0.0/8", "::1%lo"])
def test_an_address_that_is_none_makes_no_token(xr, address):
    _, err = xr("token", "make", "--key-hex", "00" * 16, "--ip", address, "/a", status=2)
    assert f"--ip {address}: not an address" in err


@pytest.mark.parametrize("size, status", [(1024, 0), (1025, 1)])
def test_a_key_is_as_long_as_the_origin_counts_it(xr, stack, size, status):
    xr.write("a.glb", glb())
    key = f"xr/{next(stack.names)}/".ljust(size - 4, "k") + ".glb"

    out, err = xr.tenant("publish", "--as", key, "a.glb", status=status)
    assert key in out if status == 0 else "too long" in err
