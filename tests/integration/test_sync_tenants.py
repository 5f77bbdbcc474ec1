# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker sync keeps a tenants file: signed, never older than what is there."""

import base64
import hashlib
import re
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

import live
import scripted
import servers
import syncing
from edgeauth import in_query, token
from scripted import message
from servers import key_of

KEY = ed25519.Ed25519PrivateKey.generate()
STRANGER = ed25519.Ed25519PrivateKey.generate()


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def public(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def head(text, serial):
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"xr-tenants-signature 1\nserial {serial}\nsha256 {digest}\n"


def sealed(signed, key=KEY):
    signature = base64.urlsafe_b64encode(key.sign(signed.encode())).decode().rstrip("=")
    return f"{signed}ed25519 {signature}\n"


def seal(text, serial, key=KEY):
    return sealed(head(text, serial), key)


@pytest.fixture(scope="module")
def publisher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publisher")
    cert, key = scripted.certificate(folder, "publisher", "localhost")
    with scripted.Origin(cert, key) as origin:
        origin.ca = cert
        yield origin


@pytest.fixture
def sync(tmp_path):
    syncing.write(tmp_path / "public.pem", public(KEY))
    with syncing.worker(tmp_path) as worker:
        yield worker


class Published:
    """A tenants file that somebody publishes, and the source of it."""

    def __init__(self, publisher, sync, file="tenants.json"):
        self.publisher, self.sync = publisher, sync
        self.path = publisher.put(message(404), tenant="tenants").replace(".glb", ".json")
        self.file = sync.folder / file
        self.conf = {"kind": "tenants", "url": publisher.url + self.path, "file": str(self.file),
                     "ca": str(publisher.ca), "key": "public.pem", "min": "1s", "max": "1s",
                     "retry": "1s"}

    def put(self, text, serial, signature=None, key=KEY):
        signature = seal(text, serial, key) if signature is None else signature
        self.publisher.put_at(self.path, message(200, text.encode()))
        self.publisher.put_at(self.path + ".sig", message(200, signature.encode()))

    def once(self, status=0):
        return self.sync.once(status, tenants=self.conf)

    def has(self, text):
        return self.file.exists() and self.file.read_text() == text


@pytest.fixture
def published(publisher, sync):
    return Published(publisher, sync)


def tenants(web, *names):
    return live.tenants(**{name: {"origin": f"{web.url}/{name}", "keys": [key_of(name)]}
                           for name in names})


def test_a_tenant_comes_without_a_reload(web_edges, web, publisher, sync):
    one, two = tenants(web, "one"), tenants(web, "one", "two")
    edge = web_edges({}, http="xr_tenants_file tenants.json;", files={"tenants.json": one},
                     workers=2)
    published = Published(publisher, sync, edge.folder / "tenants.json")
    published.put(one, 1)
    path = web.put(message(200, b"two's"), tenant="two")
    signed = in_query(path, token(key_of("two"), acl="/*"))

    sync.start(tenants=published.conf)
    sync.looks("tenants")
    assert edge.get(signed).status == 404

    published.put(two, 2)
    servers.wait_for("the tenant", lambda: edge.get(signed).body == b"two's", 10 + live.SOON)
    servers.wait_for("health", sync.healthy)

    # one that is older does not take it away again
    published.put(one, 1)
    sync.says("serial 1 is not newer than 2, which we have")
    assert edge.get(signed).status == 200 and published.has(two)


def test_only_what_is_newer(published, web):
    one, two, three = (tenants(web, *names) for names in (["a"], ["b"], ["c"]))
    published.put(one, 5)
    published.once()
    assert published.has(one)
    published.once()

    published.put(two, 4)
    assert "serial 4 is not newer than 5" in published.once(1)
    published.put(two, 5)
    assert "serial 5 is not newer than 5" in published.once(1)
    assert published.has(one)
    published.put(two, 6)
    published.once()
    assert published.has(two)

    # whoever touches our file does not change what is the newest
    published.file.write_text(three)
    published.once()
    assert published.has(two)
    published.file.unlink()
    published.put(one, 5)
    assert "serial 5 is not newer than 6" in published.once(1)


ONE = live.tenants(a={"origin": "http://127.0.0.1:9/", "keys": ["00" * 32]})
TWO = ONE.replace("127.0.0.1", "127.0.0.2")

SEALS = {
    "by a stranger": lambda: seal(TWO, 2, STRANGER),
    "of another file": lambda: seal(ONE, 2),
    "of another serial": lambda: seal(TWO, 2).replace("serial 2", "serial 3"),
    "empty": lambda: "",
    "cut off": lambda: seal(TWO, 2)[:-1],
    "too long": lambda: seal(TWO, 2) + "\n" * 300,
    "with more behind it": lambda: seal(TWO, 2) + "\n",
    "another version": lambda: sealed(head(TWO, 2).replace("signature 1", "signature 2")),
    "with CR LF": lambda: sealed(head(TWO, 2).replace("\n", "\r\n")),
    "serial 0": lambda: seal(TWO, 0),
    "serial 02": lambda: seal(TWO, "02"),
    "serial -2": lambda: seal(TWO, "-2"),
    "a huge serial": lambda: seal(TWO, 2**53 + 1),
    "upper case": lambda: sealed(head(TWO, 2).replace(hashlib.sha256(TWO.encode()).hexdigest(),
                                                      hashlib.sha256(TWO.encode()).hexdigest()
                                                      .upper())),
    "two signatures": lambda: seal(TWO, 2) + seal(TWO, 2).splitlines()[-1] + "\n",
    "padded": lambda: seal(TWO, 2).rstrip("\n") + "==\n",
}


@pytest.mark.parametrize("name", SEALS)
def test_a_signature_that_is_refused(published, name):
    published.put(ONE, 1)
    published.once()
    before = published.file.with_name("tenants.json.sig").read_text()

    published.put(TWO, 2, SEALS[name]())
    said = published.once(1)
    assert "stays as it is" in said
    assert published.has(ONE)
    assert published.file.with_name("tenants.json.sig").read_text() == before

    published.put(TWO, 2)
    published.once()
    assert published.has(TWO)


@pytest.mark.parametrize("text, reason", [
    ("", "tenants.json"), ("{", "tenants.json"), ('{"tenants": {"a": {}}}', "tenants.json"),
    ('{"tenants": {"a": {"origin": "http://127.0.0.1:9/", "keys": "none.keys"}}}', "none.keys")])
def test_a_file_that_nginx_would_not_take(published, text, reason):
    published.put(ONE, 1)
    published.once()
    published.put(text, 2)
    said = published.once(1)
    assert "NGINX would not take what was fetched" in said and reason in said
    assert published.has(ONE)

    # the serial was not used up
    published.put(TWO, 2)
    published.once()
    assert published.has(TWO)


def test_faults(published, publisher):
    published.put(ONE, 1)
    published.once()

    for answer in (message(500), message(404), [message(200, TWO.encode())[:-9], scripted.CLOSE],
                   message(302, b"", "Location: https://localhost/")):
        published.put(TWO, 2)
        publisher.put_at(published.path, answer)
        published.once(1)
        published.put(TWO, 2)
        publisher.put_at(published.path + ".sig", answer)
        published.once(1)
        assert published.has(ONE)

    published.put(TWO, 2)
    assert "too large" in published.sync.once(1, tenants={**published.conf, "size": "16"})
    published.once()
    assert published.has(TWO)


def test_nothing_is_fetched_twice(published, publisher):
    published.put(ONE, 1)
    published.sync.start(tenants=published.conf)
    published.sync.looks("tenants", 3)
    assert len(publisher.seen(published.path)) == 1
    assert len(publisher.seen(published.path + ".sig")) >= 3


@pytest.mark.parametrize("key, reason", [
    (b"", "public.pem"), (pem(KEY), "public.pem"),
    (public(ec.generate_private_key(ec.SECP256R1())), "not a key of Ed25519")],
    ids=["empty", "private", "of another kind"])
def test_a_key_that_is_none(published, sync, key, reason):
    published.put(ONE, 1)
    syncing.write(sync.folder / "public.pem", key)
    assert reason in published.once(1)
    (sync.folder / "public.pem").unlink()
    assert "public.pem" in published.once(1)


# S3

def test_from_s3(stack, sync, web):
    text = tenants(web, "s3")
    stack.put(text.encode(), "edge/tenants.json")
    stack.put(seal(text, 7).encode(), "edge/tenants.json.sig")
    conf = {"kind": "tenants", "url": f"s3://{stack.bucket}/edge/tenants.json",
            "endpoint": stack["s3"], "style": "path", "http": True, "file": "tenants.json",
            "credentials": "s3.ini", "key": "public.pem"}
    syncing.write(sync.folder / "s3.ini", f"[default]\naws_access_key_id = "
                  f"{stack['s3_access_key']}\naws_secret_access_key = {stack['s3_secret_key']}\n")

    sync.once(tenants=conf)
    assert (sync.folder / "tenants.json").read_text() == text

    stack.put(b"x", "edge/tenants.json")
    assert "is as it should be" in sync.once(tenants=conf)
    assert (sync.folder / "tenants.json").read_text() == text

    stack.put(seal("y", 8).encode(), "edge/tenants.json.sig")
    assert "is not the one that was signed" in sync.once(1, tenants=conf)
    assert "is not of https" in sync.once(1, tenants={**conf, "http": False})
    assert "NoSuchKey" in sync.once(1, tenants={**conf, "url": conf["url"] + "x"})


# xr tenants sign

def sign(*args, status=0):
    done = subprocess.run([syncing.XR, "tenants", "sign", *args], capture_output=True, text=True,
                          env=syncing.environment(), timeout=60)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_sign(published, publisher, sync, tmp_path):
    file = syncing.write(tmp_path / "t.json", ONE)
    key = syncing.write(tmp_path / "private.pem", pem(KEY))

    assert sign("--key", key, "--serial", "9", file) == "serial 9\n"
    made = (tmp_path / "t.json.sig").read_text()
    assert made == seal(ONE, 9)             # RFC 8032: there is one signature

    assert "has serial 9 already" in sign("--key", key, "--serial", "9", file, status=1)
    now = int(re.fullmatch(r"serial (\d+)\n", sign("--key", key, file))[1])
    assert abs(now - time.time()) < 60

    published.put(ONE, None, (tmp_path / "t.json.sig").read_text())
    published.once()
    assert published.has(ONE)


def test_openssl_makes_the_same_keys(published, tmp_path):
    private, made = tmp_path / "k.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    private.chmod(0o600)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", made], check=True)
    file = syncing.write(tmp_path / "t.json", ONE)
    sign("--key", private, "--out", tmp_path / "o.sig", file)

    published.put(ONE, None, (tmp_path / "o.sig").read_text())
    published.once()
    assert published.has(ONE)


@pytest.mark.parametrize("args, status, reason", [
    ([], 2, "say --key"), (["--key", "KEY", "--serial", "x", "FILE"], 2, "not a number"),
    (["--key", "KEY", "--serial", "0", "FILE"], 1, "not from 1"),
    (["--key", "KEY", "FILE", "FILE"], 2, "one FILE"), (["--key", "none", "FILE"], 1, "No such"),
    (["--key", "EC", "FILE"], 1, "not a key of Ed25519"), (["--key", "FILE", "FILE"], 1, "PEM"),
    (["--key", "KEY", "none"], 1, "No such file")])
def test_bad_calls(tmp_path, args, status, reason):
    files = {"KEY": pem(KEY), "FILE": ONE.encode(), "EC": pem(ec.generate_private_key(
        ec.SECP256R1()))}
    for name, text in files.items():
        syncing.write(tmp_path / name, text)
    assert reason in sign(*[tmp_path / a if a in files else a for a in args], status=status)
