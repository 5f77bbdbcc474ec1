# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What "nginx -t" refuses: with the place, and the reason in words."""

import os
import re
import subprocess
import tempfile
import time

import pytest

import servers
from credentials import ec_key, jwk, jwks, pem, private_pem, rsa_key
from servers import KEY, OTHER_KEY

CREDENTIALS = "[default]\naws_access_key_id = A\naws_secret_access_key = S\n"
S3 = "origin s3://models endpoint=http://127.0.0.1:9; credentials credentials;"
WEB = "origin http://127.0.0.1:9;"


EC_KEY = ec_key("config")
GOOD_KEYS = {"good.jwks": jwks(jwk(EC_KEY, kid="k")), "good.pem": pem(EC_KEY)}


@pytest.fixture
def edge():
    """A function: an edge with these tenants, which is not started."""

    folders = []

    def make(tenants, **options):
        folders.append(tempfile.mkdtemp(prefix="xr-conf-"))
        options.setdefault("credentials", CREDENTIALS)
        return servers.Edge(folders[-1], tenants, origin="s3://models", **options)

    yield make

    for folder in folders:
        servers.remove(folder)


def assert_refused(edge, reason, place=r"nginx\.conf:\d+"):
    """One [emerg] with reason and place; no secret in it."""

    code, said = edge.test()
    emerg = [line for line in said.splitlines() if "[emerg]" in line]

    assert code != 0, said
    assert len(emerg) == 1, said
    assert re.search(reason, emerg[0]), said
    assert place is None or re.search(place, emerg[0]), said
    assert KEY not in said and OTHER_KEY not in said
    assert "signal" not in said and "anitizer" not in said


def test_a_good_configuration_passes_quietly(edge):
    code, said = edge({
        "acme": f"host acme.test www.acme.test; {S3}",
        "prefix": "origin s3://models/a/b%20c region=eu-central-1 style=path"
                  " endpoint=https://127.0.0.1:9; credentials credentials profile=second;",
        "web": "origin https://127.0.0.1/files; cors https://shop.example;",
        "free": f"{WEB} keys none; cors off; cache_control 'public, max-age=60';"
                " leeway 10s; max_lifetime 7d;",
        "group": "origin http://assets.example upstream=servers;",
    }, credentials=f"# two\n{CREDENTIALS}\n[second]\naws_access_key_id=B\n"
        "aws_secret_access_key=T\naws_session_token = U\nregion = nowhere\n",
        http="upstream servers { server 127.0.0.1:9; keepalive 4; } xr_origin_keepalive 8;"
    ).test()

    assert code == 0, said
    assert "[" not in said.replace("[notice]", "")
    assert "test is successful" in said


# all options of tenant "acme", and the reason
INCOMPLETE = {
    "no origin": ("keys good;", 'tenant "acme" has no "origin"'),
    "no keys": (WEB, 'tenant "acme" has no "keys"'),
    "s3 without credentials": ("origin s3://models; keys good;",
                               'tenant "acme" has an s3 origin but no "credentials"'),
    "credentials without s3": (f"{WEB} credentials credentials; keys good;",
                               '"credentials" that only an s3 origin can use'),
    "origin twice": (f"{WEB} {WEB} keys good;", '"origin" is duplicate'),
    "keys twice": (f"{WEB} keys good; keys none;", '"keys" is duplicate'),
    "credentials twice": (f"{S3} credentials credentials; keys good;",
                          '"credentials" is duplicate'),
}

# one option too many in a tenant that is good without it, and the reason
BAD_OPTIONS = {
    "colour red;": '"colour" is not an option of a tenant',
    "proxy_pass http://x;": '"proxy_pass" is not an option of a tenant',
    "cors;": '"cors" has the wrong number of arguments',
    "leeway 1s 2s;": '"leeway" has the wrong number of arguments',
    "cors *; cors off;": '"cors" is duplicate',
    "leeway 1s; leeway 2s;": '"leeway" is duplicate',
    "max_lifetime 1d; max_lifetime 1d;": '"max_lifetime" is duplicate',
    "cache_control a; cache_control b;": '"cache_control" is duplicate',
    "host a.test:80;": '"host" has an invalid argument "a.test:80": not a host name',
    "host A.test;": '"host" has an invalid argument "A.test": not a host name',
    "host *.test;": '"host" has an invalid argument "*.test": not a host name',
    "host a.test b.test a.test;": 'tenant "acme" has a duplicate host',
    "cors https://a.test/;": '"cors" has an invalid argument "https://a.test/"',
    "cors * https://a.test;": '"cors" has an invalid argument "*"',
    "leeway 61s;": '"leeway" has an invalid argument "61s": is not a time of at most 60s',
    "leeway soon;": '"leeway" has an invalid argument "soon": is not a time',
    "max_lifetime 0;": '"max_lifetime" has an invalid argument "0": is not a time above 0',
    "cache_control '';": '"cache_control" has an invalid argument "": is empty',

    "jwks good.jwks; jwks good.jwks;": '"jwks" is duplicate',
    "jwks a b;": '"jwks" has the wrong number of arguments',
    "jwks '';": '"jwks" has an invalid argument "": is empty',
    "issuer;": '"issuer" has the wrong number of arguments',
    "jwks good.jwks; issuer '';": '"issuer" has an invalid argument "": is empty',
    "jwks good.jwks; issuer a b c d e f g h i;": 'invalid argument "i": is one more than 8',
    "jwks good.jwks; audience a b c d; audience e f g h i;": 'argument "i": is one more than 8',
    "issuer a;": 'tenant "acme" has "issuer" or "audience", which only a "jwks" can use',
    "audience a;": 'tenant "acme" has "issuer" or "audience", which only a "jwks" can use',
    "cloudfront_key K1;": '"cloudfront_key" has the wrong number of arguments',
    "cloudfront_key K1 '';": '"cloudfront_key" has an invalid argument "": is empty',
    "cloudfront_hosts a.test;": 'which only a "cloudfront_key" can use',
    "cloudfront_sha1 on;": 'which only a "cloudfront_key" can use',
    "cloudfront_key K1 good.pem; cloudfront_hosts A.test;":
        '"cloudfront_hosts" has an invalid argument "A.test": not a host name',
    "cloudfront_key K1 good.pem; cloudfront_hosts https://a.test;": "not a host name",
    "cloudfront_key K1 good.pem; cloudfront_sha1 maybe;":
        '"cloudfront_sha1" has an invalid argument "maybe": is neither "on" nor "off"',
    "cloudfront_key K1 good.pem; cloudfront_sha1 on; cloudfront_sha1 on;":
        '"cloudfront_sha1" is duplicate',
    "cors_credentials maybe;": '"cors_credentials" has an invalid argument "maybe"',
    "cors_credentials on;": 'has "cors_credentials on" without a list of web origins',
    "cors *; cors_credentials on;": 'has "cors_credentials on" without a list of web origins',
    "cors off; cors_credentials on;": 'has "cors_credentials on" without a list of web origins',
    "cors_credentials off; cors_credentials off;": '"cors_credentials" is duplicate',
    "cors_max_age soon;": '"cors_max_age" has an invalid argument "soon": is not a time',
    "cors_max_age 8d;": '"cors_max_age" has an invalid argument "8d": is not a time of at most 7d',
    "cors_max_age -1;": '"cors_max_age" has an invalid argument "-1": is not a time',
    "cors_max_age 1d; cors_max_age 1d;": '"cors_max_age" is duplicate',
    "cors https://A.test;": '"cors" has an invalid argument "https://A.test"',
    "cors https://a.test:443;": '"cors" has an invalid argument "https://a.test:443"',
    "cors null;": '"cors" has an invalid argument "null"',
    "cors https://*.test;": '"cors" has an invalid argument "https://*.test"',
    "cors " + " ".join(f"https://{n}.test" for n in range(33)) + ";": "more than 32 web origins",
    "host " + " ".join(f"{n}.test" for n in range(33)) + ";": "more than 32 host names",
}

# arguments of "origin", the one that is at fault, and the reason
BAD_ORIGINS = {
    "s3://models colour=red": ("colour=red", "is none of region="),
    "s3://models region=a region=b": ("region=b", "each once"),
    "s3://models region=": ("region=", "is none of region="),
    "http://a.test region=eu-west-1": ("region=eu-west-1", "for s3 origins only"),
    "ftp://a.test": ("ftp://a.test", "does not start with s3://"),
    "a.test": ("a.test", "does not start with s3://"),
    "s3://Models": ("s3://Models", "a bucket's name consists of"),
    "s3://ab": ("s3://ab", "a bucket's name is 3 to 63"),
    "s3:///a": ("s3:///a", "a bucket's name is 3 to 63"),
    "s3://a..b": ("s3://a..b", "no two dots in a row"),
    f"s3://{'a' * 64}": ("s3://a", "a bucket's name is 3 to 63"),
    "s3://models/a/../b": ("s3://models/a/../b", '".." segment'),
    "http://a.test/?a=1": ("http://a.test/?a=1", "a query or a fragment"),
    "http://u:p@a.test/": ("http://u:p@a.test/", "user information"),
    "http://a.test:0/": ("http://a.test:0/", "the port is not a number from 1 to 65535"),
    "http://a.test:65536/": ("http://a.test:65536/", "the port is not a number"),
    "s3://models endpoint=s3.test": ("endpoint=s3.test", "does not start with http://"),
    "s3://models endpoint=http://s3.test/a": ("endpoint=http://s3.test/a", "is not a URL of"),
    "s3://models style=fancy": ("style=fancy", 'is neither "path" nor "virtual"'),
}

# what the file of "keys" holds, the line that is at fault, and the reason
BAD_KEYS = {
    "no hex": (f"# a comment\nmain {KEY[:-1]}g\n", 2, "hexadecimal digits"),
    "odd number of digits": (f"{KEY[:-1]}\n", 1, "hexadecimal digits"),
    "too short": ("main 00112233\n", 1, "32 to 128"),
    "too long": (f"main {'00' * 65}\n", 1, "32 to 128"),
    "empty": ("", 1, "no key"),
    "only comments": ("# nothing\n\n", 3, "no key"),
    "three words": (f"main {KEY} x\n", 1, "hexadecimal digits"),
    "the same key twice": (f"a {KEY}\nb {KEY.upper()}\n", 2, "key stands twice"),
    "the same id twice": (f"a {KEY}\na {OTHER_KEY}\n", 2, "id stands twice"),
    "too many": ("".join(f"{n:064x}\n" for n in range(33)), 33, "more than 32"),
    "binary": ("\x01\x02\n", 1, "hexadecimal digits"),
    "id with a slash": (f"a/b {KEY}\n", 1, "key id"),
}

BAD_CREDENTIALS = {
    "empty": ("", 1, "no such profile"),
    "no such profile": (CREDENTIALS.replace("default", "other"), 4, "no such profile"),
    "no secret": ("[default]\naws_access_key_id = A\n", 1, "no aws_secret_access_key"),
    "no access key": ("[default]\naws_secret_access_key = S\n", 1, "no aws_access_key_id"),
    "key twice": (CREDENTIALS + "aws_secret_access_key = T\n", 4, "stands twice"),
    "no assignment": ("[default]\nnonsense\n", 2, "key = value"),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_incomplete(edge, name):
    options, reason = INCOMPLETE[name]
    assert_refused(edge({"acme": options}, files={"good": f"main {KEY}\n"}, defaults=False), reason)


@pytest.mark.parametrize("option", BAD_OPTIONS)
def test_bad_option(edge, option):
    assert_refused(edge({"acme": f"{WEB} {option}"}, files=GOOD_KEYS),
                   re.escape(BAD_OPTIONS[option]))


@pytest.mark.parametrize("arguments", BAD_ORIGINS)
def test_bad_origin(edge, arguments):
    fault, reason = BAD_ORIGINS[arguments]
    assert_refused(edge({"acme": f"origin {arguments};"}),
                   f'"origin" has an invalid argument "{re.escape(fault)}.*{re.escape(reason)}')


@pytest.mark.parametrize("name", BAD_KEYS)
def test_bad_keys(edge, name):
    text, line, reason = BAD_KEYS[name]
    assert_refused(edge({"acme": f"{WEB} keys bad;"}, files={"bad": text}),
                   f"/bad:{line}: .*{reason}")


@pytest.mark.parametrize("name", BAD_CREDENTIALS)
def test_bad_credentials(edge, name):
    text, line, reason = BAD_CREDENTIALS[name]
    assert_refused(edge({"acme": S3}, credentials=text), f"/credentials:{line}: .*{reason}")


@pytest.mark.parametrize("option", ["keys missing;", "credentials missing;"])
def test_missing_file(edge, option):
    tenant = f"{WEB} {option}" if "keys" in option else f"origin s3://models; {option}"
    assert_refused(edge({"acme": tenant}), r'open\(\) ".*/missing" failed \(2: No such file')


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o602, 0o601])
@pytest.mark.parametrize("name", ["acme.keys", "credentials"])
def test_secret_open_to_everybody(edge, name, mode):
    configured = edge({"acme": S3})
    (configured.folder / name).chmod(mode)

    assert_refused(configured, f'/{name}" holds secrets but is open to everybody .mode 0{mode:o}')


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o660])
def test_secret_of_owner_and_group(edge, mode):
    configured = edge({"acme": S3})
    (configured.folder / "acme.keys").chmod(mode)
    (configured.folder / "credentials").chmod(mode)

    code, said = configured.test()
    assert code == 0, said


def test_secret_that_is_no_file(edge):
    assert_refused(edge({"acme": f"{WEB} keys tmp;"}), "not a regular file")


@pytest.mark.parametrize("name", ["acme.keys", "credentials"])
def test_secret_that_is_a_pipe(edge, name):
    """Nobody writes to it: who opens it and waits, waits for ever."""

    configured = edge({"acme": S3})
    (configured.folder / name).unlink()
    os.mkfifo(configured.folder / name, 0o600)
    started = time.monotonic()

    assert_refused(configured, f'/{name}".* not a regular file')
    assert time.monotonic() - started < 5


def test_secret_that_is_huge(edge):
    assert_refused(edge({"acme": f"{WEB} keys big;"}, files={"big": "#" * (4 << 20)}), "at most")


@pytest.mark.parametrize("name", ["Acme", "ac_me", "-acme", "a" * 64, "a.b", "ä", '""', "'a b'"])
def test_tenant_name(edge, name):
    configured = edge({"acme": WEB})
    conf = configured.folder / "nginx.conf"
    conf.write_text(conf.read_text().replace("xr_tenant acme", f"xr_tenant {name}"))

    assert_refused(configured, "invalid tenant name")


def test_tenant_twice(edge):
    configured = edge({"acme": WEB})
    conf = configured.folder / "nginx.conf"
    conf.write_text(conf.read_text().replace(
        "server {", f"xr_tenant acme {{ {WEB} keys none; }}\nserver {{", 1))

    assert_refused(configured, 'tenant "acme"')


def test_host_of_two_tenants(edge):
    assert_refused(edge({"one": f"{WEB} host a.test;", "two": f"{WEB} host b.test a.test;"}),
                   'tenant "two".*host')


def test_one_key_for_two_tenants(edge):
    """The one could sign for the other."""

    assert_refused(edge({"one": f"{WEB} keys a;", "two": f"{WEB} keys b;"},
                        files={"a": f"x {KEY}\n", "b": f"{OTHER_KEY}\ny {KEY.upper()}\n"}),
                   'tenant "two".*key')


def test_xr_without_a_tenant(edge):
    assert_refused(edge({}), '"xr on" needs at least one "xr_tenant"')


# Directives of locations

LOCATIONS = {
    "unknown zone": ("xr_cache nothing;", 'zone "nothing" is unknown'),
    "cache twice": ("xr_cache objects; xr_cache off;", '"xr_cache" directive is duplicate'),
    "xr twice": ("xr on;", '"xr" directive is duplicate'),
    "xr maybe": ("location /x { xr maybe; }", '"xr" directive, it must be "on" or "off"'),
    "unknown auth": ("xr_auth magic;", 'invalid value "magic"'),
    "public and more": ("xr_auth public edgeauth;", "cannot stand beside another kind"),
    "off and more": ("xr_auth jwt off;", "cannot stand beside a kind"),
    "auth of nothing": ("xr_auth;", 'invalid number of arguments in "xr_auth"'),
    "unknown carrier": ("xr_token_from body;", 'invalid value "body"'),
    "secret in a location": ("xr_trusted_secret X-A secrets;", "directive is not allowed here"),
    "proxy in a location": ("xr_trusted_proxy 10.0.0.0/8;", "directive is not allowed here"),
    "country in a location": ("xr_trusted_country X-A;", "directive is not allowed here"),
    "tenants file in a location": ("xr_tenants_file t.json;", "directive is not allowed here"),
    "revocation in a location": ("xr_revocation_file r;", "directive is not allowed here"),
    "memory in a location": ("xr_auth_memory 1m;", "directive is not allowed here"),
    "fail limit in a location": ("xr_auth_fail_limit off;", "directive is not allowed here"),
    "endpoint in a location": ("xr_endpoint http://a.test;", "directive is not allowed here"),
    "state in a location": ("xr_state_path s;", "directive is not allowed here"),
    "unknown source": ("xr_tenant_from cookie;", 'invalid value "cookie"'),
    "lock twice": ("xr_cache_lock on; xr_cache_lock off;", "duplicate"),
    "time of words": ("xr_origin_read_timeout soon;", "invalid value"),
    "stale on nonsense": ("xr_cache_use_stale sometimes;", 'invalid value "sometimes"'),
    "unknown directive": ("xr_colour red;", 'unknown directive "xr_colour"'),
    "tenant in a location": ("xr_tenant acme { }", '"xr_tenant" directive is not allowed here'),
    "cache_control twice": ("xr_cache_control a; xr_cache_control b;", "duplicate"),
    "line feed in cache_control": (r'xr_cache_control "a\nX: b";', "control character"),
    "line end in cache_control": (r'xr_cache_control "a\r\nX: b";', "control character"),
    "control in cache_control": ('xr_cache_control "a\x01";', "control character"),
    "delete in cache_control": ('xr_cache_control "a\x7f";', "control character"),
    "ssl_verify in a location": ("xr_origin_ssl_verify off;",
                                 '"xr_origin_ssl_verify" directive is not allowed here'),
    "trusted_certificate in a location": ("xr_origin_ssl_trusted_certificate /x;",
                                          "directive is not allowed here"),
    "one buffer": ("xr_origin_buffers 1 4k;", "at least 2"),
}


@pytest.mark.parametrize("name", LOCATIONS)
def test_location(edge, name):
    text, reason = LOCATIONS[name]
    assert_refused(edge({"acme": WEB}, location=text), reason)


@pytest.mark.parametrize("url", [
    "http://169.254.169.254/", "https://169.254.169.254", "http://169.254.1.2:8080/a",
    "s3://models endpoint=http://169.254.169.254", "http://[fe80::1]/", "http://[febf::1]:80/",
    "http://[fd00:ec2::254]/", "http://[::ffff:169.254.169.254]/"])
def test_origin_where_clouds_keep_credentials(edge, url):
    assert_refused(edge({"acme": f"origin {url};"}),
                   "link-local|neither a host name nor an address")


@pytest.mark.parametrize("directive, reason", {
    "xr_origin_ssl_trusted_certificate /none.pem;": "none.pem",
    "xr_origin_ssl_ciphers NONSENSE;": "NONSENSE",
    "xr_origin_ssl_protocols TLSv1.1;": 'invalid value "TLSv1.1"',
    "xr_origin_ssl_verify maybe;": 'it must be "on" or "off"',
    "xr_origin_ssl_verify_depth x;": "invalid number",
    "xr_origin_ssl_verify on; xr_origin_ssl_verify off;": "duplicate",
}.items())
def test_tls_of_origins(edge, directive, reason):
    assert_refused(edge({"acme": "origin https://127.0.0.1:9;"}, http=directive), reason, None)


# Directives of "http", and the reason

HTTP = {
    "xr_tenants_file;": "invalid number of arguments",
    "xr_tenants_file t.json; xr_tenants_file t.json;": '"xr_tenants_file" directive is duplicate',
    "xr_tenants_file missing.json;": r'open\(\) ".*/missing.json" failed',
    "xr_tenants_file tmp;": "is not a regular file",
    "xr_state_path;": "invalid number of arguments",
    "xr_state_path a; xr_state_path b;": '"xr_state_path" directive is duplicate',
    "xr_endpoint ftp://a.test;": 'invalid endpoint "ftp://a.test"',
    "xr_endpoint a.test;": 'invalid endpoint "a.test"',
    "xr_endpoint s3://models;": 'invalid endpoint "s3://models"',
    "xr_endpoint http://a.test/models;": 'invalid endpoint "http://a.test/models"',
    "xr_endpoint http://a.test:0;": 'invalid endpoint "http://a.test:0"',
    "xr_endpoint http://169.254.169.254;": "169.254.169.254",
    "xr_endpoint http://a.test http://b.test;": "invalid number of arguments",
    "xr_revocation_file;": "invalid number of arguments",
    "xr_revocation_file r max_age=;": 'invalid parameter "max_age="',
    "xr_revocation_file r max_age=0;": 'invalid parameter "max_age=0"',
    "xr_revocation_file r max_age=soon;": 'invalid parameter "max_age=soon"',
    "xr_revocation_file r fail=maybe;": 'invalid parameter "fail=maybe"',
    "xr_revocation_file r open;": 'invalid parameter "open"',
    "xr_revocation_file r; xr_revocation_file r;": '"xr_revocation_file" directive is duplicate',
    "xr_revocation_file missing;": r'open\(\) ".*/missing" failed',
    "xr_open_slices 0;": 'invalid number "0": it is "off", or from 1 to',
    "xr_open_slices -1;": 'invalid number "-1"',
    "xr_open_slices 65537;": 'invalid number "65537"',
    "xr_open_slices 8; xr_open_slices off;": '"xr_open_slices" directive is duplicate',
    "xr_auth_memory;": "invalid number of arguments",
    "xr_auth_memory 1k;": 'invalid size "1k": it is "off" or at least',
    "xr_auth_memory much;": 'invalid size "much"',
    "xr_auth_memory -1m;": 'invalid size "-1m"',
    "xr_auth_memory 1m; xr_auth_memory 1m;": '"xr_auth_memory" directive is duplicate',
    "xr_auth_fail_limit;": "invalid number of arguments",
    "xr_auth_fail_limit on;": 'invalid parameter "on"',
    "xr_auth_fail_limit off share=10%;": 'invalid parameter "off"',
    "xr_auth_fail_limit share=0%;": 'invalid parameter "share=0%"',
    "xr_auth_fail_limit share=101%;": 'invalid parameter "share=101%"',
    "xr_auth_fail_limit share=20;": 'invalid parameter "share=20"',
    "xr_auth_fail_limit share=;": 'invalid parameter "share="',
    "xr_auth_fail_limit share=%;": 'invalid parameter "share=%"',
    "xr_auth_fail_limit rate=0r/s;": 'invalid parameter "rate=0r/s"',
    "xr_auth_fail_limit rate=10r/m;": 'invalid parameter "rate=10r/m"',
    "xr_auth_fail_limit rate=10;": 'invalid parameter "rate=10"',
    "xr_auth_fail_limit rate=r/s;": 'invalid parameter "rate=r/s"',
    "xr_auth_fail_limit rate=-1r/s;": 'invalid parameter "rate=-1r/s"',
    "xr_auth_fail_limit burst=0;": 'invalid parameter "burst=0"',
    "xr_auth_fail_limit burst=;": 'invalid parameter "burst="',
    "xr_auth_fail_limit burst=9999999;": 'invalid parameter "burst=9999999"',
    "xr_auth_fail_limit off; xr_auth_fail_limit off;": "directive is duplicate",
    "xr_trusted_secret X-Secret;": "invalid number of arguments",
    "xr_trusted_secret '' secrets;": 'invalid header name ""',
    "xr_trusted_secret 'X Secret' secrets;": 'invalid header name "X Secret"',
    "xr_trusted_secret X_Secret secrets;": 'invalid header name "X_Secret"',
    "xr_trusted_secret X-Secret: secrets;": 'invalid header name "X-Secret:"',
    "xr_trusted_secret X-A secrets; xr_trusted_secret X-B secrets;": "directive is duplicate",
    "xr_trusted_secret X-Secret missing;": r'open\(\) ".*/missing" failed',
    "xr_trusted_proxy;": "invalid number of arguments",
    "xr_trusted_proxy localhost;": 'invalid network "localhost"',
    "xr_trusted_proxy unix:;": 'invalid network "unix:"',
    "xr_trusted_proxy 10.0.0.1/8;": 'invalid network "10.0.0.1/8": .* bits behind',
    "xr_trusted_proxy 10.0.0.0/33;": 'invalid network "10.0.0.0/33"',
    "xr_trusted_proxy 10.0.0.0/;": 'invalid network "10.0.0.0/"',
    "xr_trusted_proxy 10.0.0;": 'invalid network "10.0.0"',
    "xr_trusted_proxy 2001:db8::1/32;": 'invalid network "2001:db8::1/32"',
    "xr_trusted_proxy 2001:db8::/129;": 'invalid network "2001:db8::/129"',
    "xr_trusted_proxy 10.0.0.0/8 nowhere;": 'invalid network "nowhere"',
    "xr_trusted_country;": "invalid number of arguments",
    "xr_trusted_country 'A B';": 'invalid header name "A B"',
    "xr_trusted_country X_Country;": 'invalid header name "X_Country"',
    "xr_trusted_country A; xr_trusted_country B;": "directive is duplicate",
}

FILES = {"t.json": '{"tenants": {}}\n', "r": "# nobody\n",
         "secrets": "a-secret-of-some-length\n"}


@pytest.mark.parametrize("text", HTTP)
def test_http(edge, text):
    assert_refused(edge({"acme": WEB}, http=text, files=FILES), HTTP[text])


@pytest.mark.parametrize("text", [
    "xr_tenants_file t.json;", "xr_state_path state;", "xr_endpoint https://a.test:8443;",
    "xr_revocation_file r max_age=1h fail=open;", "xr_revocation_file r fail=closed max_age=90s;",
    "xr_open_slices off;", "xr_open_slices 65536;", "xr_auth_memory off;", "xr_auth_memory 64k;", "xr_auth_fail_limit off;",
    "xr_auth_fail_limit share=100% rate=1r/s burst=1000000;", "xr_auth_fail_limit burst=1;",
    "xr_trusted_secret X-Origin-Verify secrets;", "xr_trusted_country CF-IPCountry;",
    "xr_trusted_proxy 10.0.0.0/8 192.0.2.1 2001:db8::/32 ::1; xr_trusted_proxy 192.0.2.2;",
    "xr_auth jwt; xr_token_from header;", "xr_auth edgeauth jwt cloudfront;", "xr_auth off;",
])
def test_good_http(edge, text):
    endpoint = "origin http://127.0.0.1:9;"
    text = text.replace("https://a.test", "https://127.0.0.1")
    code, said = edge({"acme": endpoint}, http=text, files=FILES).test()
    assert code == 0, said


# a file, the directive that names it, what it holds, the line at fault, and the reason
BAD_TEXTS = {
    "tenants": ("t.json", "xr_tenants_file t.json;", '{"tenants":\n{"x": 1}}', 2,
                "is not an object"),
    "tenants that are none": ("t.json", "xr_tenants_file t.json;", "\nhello", 2, ""),
    "revoked": ("r", "xr_revocation_file r;", "# x\nacme sub\n", 2, "no value"),
    "a short secret": ("secrets", "xr_trusted_secret X-A secrets;", "# x\n\nshort\n", 3,
                       "shorter than 16 characters"),
    "no secret": ("secrets", "xr_trusted_secret X-A secrets;", "# x\n", 1, "has no secret"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_text(edge, name):
    file, directive, text, line, reason = BAD_TEXTS[name]

    assert_refused(edge({"acme": WEB}, http=directive, files={**FILES, file: text}),
                   f"/{file}:{line}: .*{reason}")


def test_a_tenant_of_both(edge):
    """Of the configuration and of a tenants file: whichever comes second is refused."""

    text = '{"tenants": {\n"acme": {"origin": "http://127.0.0.1:9", "keys": "none"}}}'
    assert_refused(edge({"acme": WEB}, http="xr_tenants_file t.json;", files={"t.json": text}),
                   'tenant "acme" is a duplicate tenant')


@pytest.mark.parametrize("name, directive", {
    "t.json": "xr_tenants_file t.json;", "r": "xr_revocation_file r;",
    "secrets": "xr_trusted_secret X-A secrets;"}.items())
def test_open_to_everybody(edge, name, directive):
    configured = edge({"acme": WEB}, http=directive, files=FILES)
    (configured.folder / name).chmod(0o644)

    assert_refused(configured, f'/{name}" holds secrets but is open to everybody .mode 0644')


# what the files of "jwks" and "cloudfront_key" hold, the line at fault, and the reason
BAD_JWKS = {
    "empty": ("", 1, ""),
    "no set": ("[]", 1, "not a JWK set"),
    "no keys": ('{\n"key": []}', 1, "not a JWK set"),
    "none that is of use": ('{"keys": [\n]}', None, "without a key that can be used"),
    "half": (jwks(jwk(EC_KEY))[:40], None, ""),
    "private": (jwks(jwk(EC_KEY, d="AAAA")), None, "a private key where public ones belong"),
    "id twice": (jwks(jwk(EC_KEY, kid="a"), jwk(ec_key("config 2"), kid="a")), None, "twice"),
    "key twice": (jwks(jwk(EC_KEY, kid="a"), jwk(EC_KEY, kid="b")), None, "twice"),
    "PEM": (pem(EC_KEY), 1, ""),
}

BAD_PEM = {
    "empty": ("", "not PEM"),
    "json": ("{}", "not PEM"),
    "private": (private_pem(EC_KEY), ""),
    "two": (pem(EC_KEY) * 2, "more than one PEM block"),
    "half": (pem(EC_KEY)[:60], ""),
    "weak": (pem(rsa_key("weak", 1024)), ""),
    "another curve": (pem(ec_key(curve="P-384")), "RSA and P-256 keys only"),
}


@pytest.mark.parametrize("name", BAD_JWKS)
def test_bad_jwks(edge, name):
    text, line, reason = BAD_JWKS[name]
    assert_refused(edge({"acme": f"{WEB} jwks set;"}, files={"set": text}),
                   f"/set:{line or '[0-9]+'}: .*{reason}")


@pytest.mark.parametrize("name", BAD_PEM)
def test_bad_pem(edge, name):
    text, reason = BAD_PEM[name]
    assert_refused(edge({"acme": f"{WEB} cloudfront_key K1 pem;"}, files={"pem": text}),
                   f"/pem:[0-9]+: .*{reason}")


@pytest.mark.parametrize("id", ["''", "K-1", "K_1", "K" * 65, "'K 1'", "K1/.."])
def test_bad_key_pair_id(edge, id):
    assert_refused(edge({"acme": f"{WEB} cloudfront_key {id} good.pem;"}, files=GOOD_KEYS),
                   "the key pair id is not 1 to 64 of")


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a&b", "a/b", "a%20"])
def test_token_name(edge, name):
    assert_refused(edge({"acme": WEB}, server=f'xr_token_name "{name}";'),
                   f'invalid token name "{name}"')


def test_zone_of_another_module(edge):
    """A zone of proxy_cache_path is not one of ours."""

    assert_refused(edge({"acme": WEB}, location="xr_cache other;",
                        http="proxy_cache_path other keys_zone=other:1m;"),
                   '"other" is already declared for a different use')


# The module in other NGINXes

@pytest.mark.skipif(not servers.SYSTEM_MODULE.exists() or servers.ASAN,
                    reason="make module NGINX=system has not been run")
def test_system_nginx(stack, edges):
    key, body = stack.put()
    system = edges({"acme": ""}, nginx=servers.SYSTEM_NGINX, module=servers.SYSTEM_MODULE,
                   location=servers.CACHE + "xr_cache_revalidate on; xr_cache_lock on;")

    version = subprocess.run([servers.SYSTEM_NGINX, "-v"], capture_output=True, text=True).stderr
    assert version != subprocess.run([servers.NGINX, "-v"], capture_output=True, text=True).stderr

    code, said = system.test()
    assert code == 0, said

    first, second = system.fetch(f"/acme/{key}"), system.fetch(f"/acme/{key}")
    assert first.body == second.body == body
    assert system.logged(second)["cache"] == "HIT"
    assert system.fetch(f"/acme/{key}", headers={"Range": "bytes=5-9"}).body == body[5:10]
    assert system.get(f"/acme/{key}").status == 403
    assert system.fetch(f"/acme/{key}.none").status == 404
    assert second["cache-control"] is not None


def test_module_off_leaves_no_trace(stack, edges):
    """A server without "xr on" is as it was; ours beside it works."""

    key, body = stack.put()
    port = servers.free_port()
    edge = edges({"acme": ""}, http=f"""
        server {{ listen 127.0.0.1:{port}; location / {{ return 200 "$request_uri $xr_tenant"; }} }}
    """)
    response = servers.http1.request(port, "/acme/a//b?xr_token=x")

    assert response.body == b"/acme/a//b?xr_token=x "
    assert response["cross-origin-resource-policy"] is None
    assert edge.fetch(f"/acme/{key}").body == body


def test_xr_without_a_location_of_its_own(stack, edges):
    """Settings are inherited from http and server blocks; "off" undoes them."""

    key, body = stack.put()
    edge = edges({"acme": ""}, http="xr_auth public; xr_cache objects; xr_cache_valid 200 1d;",
                 location="", server="""
        location /off/ { xr off; return 200 off; }
        location /token/ { xr on; xr_auth edgeauth; }""")

    responses = [edge.get(f"/acme/{key}") for _ in range(2)]
    assert [r.body == body for r in responses] == [True, True]
    assert edge.logged(responses[1])["cache"] == "HIT"
    assert edge.get("/off/x").body == b"off"
    assert edge.get("/token/x").status == 404


def test_dump_shows_no_secret(edge):
    configured = edge({"acme": S3})
    dump = subprocess.run(configured.command("-T"), capture_output=True, text=True,
                          env=servers.environment(), timeout=60)

    assert dump.returncode == 0
    assert KEY not in dump.stdout + dump.stderr
    assert "aws_secret_access_key" not in dump.stdout
