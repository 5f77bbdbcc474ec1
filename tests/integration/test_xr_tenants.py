# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr tenants: a file of tenants, checked, listed, shown."""

import base64
import json
import re
import subprocess

import pytest

import servers

XR = servers.BUILD / "xr"

KEY = servers.key_of("acme")


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def oct_key(kid, size=32, **more):
    return {"kty": "oct", "kid": kid, "alg": "HS256",
            "k": encoded(kid.encode().ljust(size, b"k")[:size]), **more}


def tenant(name, **options):
    """A tenant with a key of its own, and what else it is given."""

    return {"origin": "http://127.0.0.1:9000/" + name, "keys": [servers.key_of(name)], **options}


class Folder:
    def __init__(self, path):
        self.path = path

    def write(self, name, text, mode=0o600):
        path = self.path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent=1))
        path.chmod(mode)
        return path

    def tenants(self, tenants, mode=0o600):
        return self.write("tenants.json", {"tenants": tenants}, mode)

    def __call__(self, *args, status=0, env=None):
        done = subprocess.run([XR, *map(str, args)], capture_output=True, cwd=self.path,
                              timeout=60, stdin=subprocess.DEVNULL,
                              env={**servers.environment(), "HOME": str(self.path), **(env or {})})
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == status, out + err
        assert "Sanitizer" not in err and "runtime error" not in err

        return out, err

    def check(self, status=0):
        return self("tenants", "check", self.path / "tenants.json", status=status)

    def show(self, name, *args, **options):
        return self("tenants", "show", "--file", self.path / "tenants.json", *args, name,
                    **options)


@pytest.fixture
def xr(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(scope="module")
def public_key():
    """An RSA key of 2048 bits, as PEM."""

    private = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-pubout"], check=True, capture_output=True,
                            input=private.stdout)
    return public.stdout.decode()


# ---- check


def test_check_counts_what_is_there(xr, public_key):
    xr.write("acme.keys", f"main {KEY}\n")
    xr.write("acme.jwks", {"keys": [oct_key("one"), oct_key("two")]})
    xr.write("k1.pem", public_key)
    xr.tenants({"acme": tenant("acme", keys="acme.keys", jwks="acme.jwks",
                               cloudfront_keys={"K1": "k1.pem"}),
                "zenith": tenant("zenith", limits=["rate=20r/s", "key=subject rate=5m/s"]),
                "public": tenant("public", keys="none", limits=["rate=1r/s"])})

    out, err = xr.check()
    values = dict(line.split(None, 1) for line in out.splitlines())
    assert err == ""
    assert values["tenants"] == "3"
    assert values["keys"] == "edgeauth 2, jwt 2, cloudfront 1, purge 0"
    assert values["limits"] == "3"
    assert int(values["table"].split()[0]) > 500
    assert re.fullmatch(r"in +\d+\.\d{3} s", values["read"])


BAD = [
    # what the file says, the line at fault, and why
    ('{"tenants": {\n"acme": {"origin": "http://a"}}}', 2, 'has no "keys"'),
    ('{"tenants": {"acme":\n{"keys": "none"}}}', 1, 'has no "origin"'),
    ('{"tenants": {"acme": {\n"colour": "red"}}}', 2, ""),
    ('{"tenants": {"acme": {"origin": "http://a", "keys": [\n"zz"]}}}', 2, ""),
    ('{"tenants": {"Acme": {}}}', 1, "name"),
    ('{"tenants": {\n}', 2, ""),
    ('{}', 1, "tenants"),
    ("", 1, ""),
    ('{"tenants": {"a": {"origin": "http://a", "keys": ["' + "00" * 16 + '"]},\n'
     '"b": {"origin": "http://a", "keys": ["' + "00" * 16 + '"]}}}', 2, ""),
    ('{"tenants": {"a": {"origin": "http://a", "keys": "none", "hosts": ["h.example"]},\n'
     '"b": {"origin": "http://a", "keys": "none", "hosts": ["h.example"]}}}', 2, ""),
    ('{"tenants": {"a": {"origin": "http://a", "keys": "none"},\n\n'
     '"a": {"origin": "http://a", "keys": "none"}}}', 3, ""),
    ('{"tenants": {"a": {"origin": "http://a", "keys": "none", "limits": [\n'
     '"rate=1r/s",\n"key=subject rate=20r/h"]}}}', 3, "is not a rate such as 20r/s"),
    ('{"tenants": {"a": {"origin": "http://a", "keys": "none", "limits":\n'
     '["key=subject"]}}}', 2, "has no rate="),
]


@pytest.mark.parametrize("text, line, why", BAD)
def test_check_names_line_and_reason(xr, text, line, why):
    path = xr.write("tenants.json", text)
    out, err = xr.check(status=1)
    assert out == ""
    assert err.startswith(f"xr: {path}:{line}: ") and why in err and err.count("\n") == 1


@pytest.mark.parametrize("option, name, text", [
    ("keys", "acme.keys", f"\n\nmain {KEY[:8]}\n"),
    ("jwks", "acme.jwks", "\n\n{]"),
])
def test_check_names_the_line_in_files_that_are_named(xr, option, name, text):
    path = xr.write(name, text)
    xr.tenants({"acme": {"origin": "http://a", option: name}})
    _, err = xr.check(status=1)
    assert err.startswith(f"xr: {path}:3: ")


def test_files_are_closed_to_others(xr):
    xr.tenants({"acme": tenant("acme")}, mode=0o644)
    assert "is open to every user" in xr.check(status=1)[1]

    path = xr.write("acme.keys", f"main {KEY}\n", 0o604)
    xr.tenants({"acme": tenant("acme", keys="acme.keys")})
    assert xr.check(status=1)[1].startswith(f"xr: {path}: is open to every user")

    path.chmod(0o640)
    xr.check()
    path.unlink()
    assert f"xr: {path}: No such file" in xr.check(status=1)[1]


def test_there_is_a_file_to_check(xr):
    assert "no such file" in xr.check(status=1)[1]
    assert "/etc/ngx_xr/" in xr("tenants", "check", status=1, env={"XR_TENANTS": ""})[1]

    path = xr.tenants({"acme": tenant("acme")})
    xr("tenants", "check", env={"XR_TENANTS": str(path)})


def test_keys_that_are_left_out_are_warnings(xr):
    weak = oct_key("weak", 16)
    xr.write("acme.jwks", {"keys": [oct_key("good"), weak]})
    path = xr.tenants({"acme": tenant("acme", jwks="acme.jwks"),
                       "zenith": tenant("zenith", jwks={"keys": [oct_key("good2"), weak]})})

    out, err = xr.check()
    assert "jwt 2," in out
    assert re.search(r"acme\.jwks:\d+: warning: key left out: ", err)
    assert re.search(re.escape(str(path)) + r":\d+: warning: key left out: ", err)
    assert err.count("\n") == 2

    # those of others do not matter to who looks at one
    assert "acme.jwks" not in xr.show("zenith")[1]


def test_100000_tenants_are_checked_in_seconds(xr):
    tenants = {f"t{i}": {"origin": f"s3://bucket/{i}", "keys": [{"id": "a", "key": f"{i:064x}"}],
                         "credentials": {"access_key_id": "A", "secret_access_key": "S"}}
               for i in range(100000)}
    (xr.path / "tenants.json").write_text(json.dumps({"tenants": tenants}))
    (xr.path / "tenants.json").chmod(0o600)

    out, _ = xr.check()
    assert "tenants     100000\n" in out and "edgeauth 100000," in out
    assert "s3://bucket/99999\n" in xr("tenants", "list", "--file", "tenants.json")[0]


# ---- list


def test_list_needs_no_other_file(xr):
    path = xr.tenants({"zenith": tenant("zenith", keys="not/there", hosts=["z.example", "y.example"]),
                       "acme": {"origin": "s3://models/live%20x", "endpoint": "http://127.0.0.1:1",
                                "credentials": "nor/there", "jwks": "nor/this"}})

    out, _ = xr("tenants", "list", "--file", path)
    assert out == ("zenith  http://127.0.0.1:9000/zenith z.example y.example\n"
                   "acme  s3://models/live%20x\n")

    out, _ = xr("tenants", "list", "--json", env={"XR_TENANTS": str(path)})
    assert [json.loads(line) for line in out.splitlines()] == [
        {"name": "zenith", "hosts": ["z.example", "y.example"],
         "origin": "http://127.0.0.1:9000/zenith"},
        {"name": "acme", "hosts": [], "origin": "s3://models/live%20x"}]


# ---- show


def test_show_tells_all_but_secrets(xr, public_key):
    secret = oct_key("jwt-1")
    xr.write("acme.aws", "[cdn]\naws_access_key_id = AKIDACME\n"
                         "aws_secret_access_key = wJalrSecret\naws_session_token = Tok3n\n")
    path = xr.tenants({
        "acme": tenant("acme", origin="s3://models/live", region="eu-west-1", hosts=["a.example"],
                       credentials="acme.aws", profile="cdn",
                       keys=[{"id": "2026-11", "key": KEY}, servers.OTHER_KEY],
                       jwks={"keys": [secret]}, issuer="https://id.example",
                       audience=["one", "two"], cloudfront_keys={"K1ABC": public_key},
                       cloudfront_hosts=["d1.cloudfront.net"], cloudfront_sha1=True,
                       cors=["https://shop.example"], cors_credentials=True, cors_max_age=60,
                       cache_control="public, max-age=60",
                       cache_policy="ttl=1h jitter=2.5%", leeway=5, max_lifetime="1d",
                       limits=["rate=1200r/m", "key=subject rate=512k/s class=gold name=bytes"],
                       comment="ours", url="https://edge.example/acme"),
        "zenith": tenant("zenith", keys="none")})

    out, err = xr.show("acme", "--json")
    value = json.loads(out)
    fingerprints = [key.pop("fingerprint") for key in value["keys"]]
    assert err == ""
    assert value == {
        "name": "acme", "hosts": ["a.example"], "origin": "s3://models/live",
        "region": "eu-west-1", "style": "virtual", "access_key_id": "AKIDACME",
        "endpoint": "https://s3.eu-west-1.amazonaws.com:443", "location": "53.35,-6.26",
        "keys": [{"kind": "edgeauth", "id": "2026-11", "type": "HMAC"},
                 {"kind": "edgeauth", "type": "HMAC"},
                 {"kind": "jwt", "id": "jwt-1", "alg": "HS256", "type": "HMAC"},
                 {"kind": "cloudfront", "id": "K1ABC", "type": "RSA 2048"}],
        "issuer": ["https://id.example"], "audience": ["one", "two"],
        "cloudfront_hosts": ["d1.cloudfront.net"], "cloudfront_sha1": True,
        "cors": ["https://shop.example"], "cors_credentials": True, "cors_max_age": 60,
        "cache_control": "public, max-age=60",
        "cache_policy": "ttl=3600s negative=10s min=0s max=2147483648s "
                        "stale_while_revalidate=30s stale_if_error=86400s jitter=2.5% "
                        "origin=honour",
        "leeway": 5, "max_lifetime": 86400,
        "limits": ["key=tenant rate=20r/s burst=20 mode=leased failure=local name=tenant-20r-s-20",
                   "key=subject rate=512k/s burst=512k mode=leased failure=local class=gold "
                   "name=bytes"]}
    assert len(set(fingerprints)) == 4 and all(re.fullmatch("[0-9a-f]{16}", f)
                                               for f in fingerprints)

    text, _ = xr.show("acme")
    lines = dict(line.split(None, 1) for line in text.splitlines() if line[0] != " ")
    assert lines["keys"] == f"edgeauth  id 2026-11  HMAC  {fingerprints[0]}"
    assert f"jwt  id jwt-1  HS256  HMAC  {fingerprints[2]}\n" in text
    assert f"cloudfront  id K1ABC  RSA 2048  {fingerprints[3]}\n" in text
    assert lines["max_lifetime"] == "86400 s" and lines["cors_credentials"] == "on"
    assert lines["limits"] == value["limits"][0]

    for said in (out, text):
        for word in ("wJalrSecret", "Tok3n", KEY, servers.OTHER_KEY, secret["k"]):
            assert word not in said

    out, _ = xr.show("zenith", env={"XR_TENANTS": str(path)})
    assert out.startswith("name              zenith\n") and "keys" not in out


def test_show_replicas(xr):
    xr.write("a.aws", "[default]\naws_access_key_id = A\naws_secret_access_key = S\n")
    xr.tenants({"acme": tenant("acme", origin="s3://one", credentials="a.aws", replicas=[
                    "s3://two/below", {"origin": "s3://three", "region": "eu-west-1",
                                       "endpoint": "http://s3.test:9000", "upstream": "mine"}]),
                "zenith": tenant("zenith", replicas=["http://r.example/x"])})

    xr.check()
    assert json.loads(xr.show("acme", "--json")[0])["replicas"] == [
        "s3://two/below region=us-east-1 endpoint=https://s3.us-east-1.amazonaws.com:443"
        " style=virtual location=39.04,-77.49",
        "s3://three region=eu-west-1 endpoint=http://s3.test:9000 style=path"
        " location=53.35,-6.26 upstream=mine"]
    assert json.loads(xr.show("zenith", "--json")[0])["replicas"] == ["http://r.example/x"]


def test_show_says_what_is_wrong_with_one(xr):
    xr.tenants({"acme": {"origin": "http://a"}, "zenith": tenant("zenith", keys="not/there"),
                "good": tenant("good")})

    xr.show("good")
    assert 'tenants.json:3: has no "keys"' in xr.show("acme", status=1)[1]
    assert "not/there: No such file" in xr.show("zenith", status=1)[1]
    assert 'no tenant "nobody"' in xr.show("nobody", status=1)[1]

    xr.write("tenants.json", '{"tenants": {"a": {"origin": "http://a", "keys": "none"},\n'
                             '"a": {"origin": "http://a", "keys": "none"}}}')
    out, err = xr.show("a", status=1)
    assert out == "" and "tenants.json:2: is there twice" in err


@pytest.mark.parametrize("args", [
    ["check", "a", "b"], ["show"], ["show", "a", "b"], ["list", "a"], ["check", "--frobnicate"],
])
def test_wrong_calls_end_with_2(xr, args):
    out, err = xr("tenants", *args, status=2)
    assert out == "" and err != ""
