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
from servers import KEY, OTHER_KEY

CREDENTIALS = "[default]\naws_access_key_id = A\naws_secret_access_key = S\n"
S3 = "origin s3://models endpoint=http://127.0.0.1:9; credentials credentials;"
WEB = "origin http://127.0.0.1:9;"


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
    "too many": ("".join(f"{n:064x}\n" for n in range(17)), 17, "more than 16"),
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
    assert_refused(edge({"acme": f"{WEB} {option}"}), re.escape(BAD_OPTIONS[option]))


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
