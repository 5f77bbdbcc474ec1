# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What "nginx -t" refuses: with the place, and the reason in words."""

import re
import subprocess
import tempfile

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


KEYS = f"main {KEY}\n"

# name: options of tenant "acme", the reason, and the file that it is in
REFUSED = {
    "no origin": ("keys good;", None, 'tenant "acme" has no "origin"'),
    "no keys": (WEB, "", 'tenant "acme" has no "keys"'),
    "s3 without credentials": ("origin s3://models; keys good; ", None,
                               'tenant "acme" has an s3 origin but no "credentials"'),
    "credentials without s3": (f"{WEB} credentials credentials; keys good;", None,
                               '"credentials" that only an s3 origin can use'),
    "unknown option": (f"{WEB} keys good; colour red;", None, '"colour" is not an option'),
    "directive of NGINX inside": (f"{WEB} keys good; proxy_pass http://x;", None,
                                  '"proxy_pass" is not an option'),
    "option without arguments": (f"{WEB} keys;", None, '"keys" has the wrong number of arg'),
    "option with too many": (f"{WEB} keys a b;", None, '"keys" has the wrong number of arg'),
    "origin twice": (f"{WEB} {WEB} keys good;", None, '"origin" is duplicate'),
    "keys twice": (f"{WEB} keys good; keys none;", None, '"keys" is duplicate'),
    "credentials twice": (f"{S3} credentials credentials; keys good;", None,
                          '"credentials" is duplicate'),
    "cors twice": (f"{WEB} keys good; cors *; cors off;", None, '"cors" is duplicate'),
    "leeway twice": (f"{WEB} keys good; leeway 1s; leeway 2s;", None, '"leeway" is duplicate'),

    "unknown parameter": ("origin s3://models colour=red; keys good;", None,
                          '"origin" has an invalid argument "colour=red"'),
    "parameter twice": ("origin s3://models region=a region=b; keys good;", None,
                        '"origin" has an invalid argument "region=b"'),
    "parameter without a value": ("origin s3://models region=; keys good;", None,
                                  '"origin" has an invalid argument "region="'),
    "region of a web origin": ("origin http://a.test region=eu-west-1; keys good;", None,
                               '"origin" has an invalid argument'),
    "unknown scheme": ("origin ftp://a.test; keys good;", None, '"origin" has an invalid arg'),
    "no scheme": ("origin a.test; keys good;", None, '"origin" has an invalid argument'),
    "bucket in capitals": ("origin s3://Models; keys good;", None, '"origin" has an invalid arg'),
    "bucket of two letters": ("origin s3://ab; keys good;", None, '"origin" has an invalid arg'),
    "bucket with a slash only": ("origin s3:///a; keys good;", None, '"origin" has an invalid'),
    "bucket with two dots": ("origin s3://a..b; keys good;", None, '"origin" has an invalid arg'),
    "bucket too long": (f"origin s3://{'a' * 64}; keys good;", None, '"origin" has an invalid'),
    "prefix with dots": ("origin s3://models/a/../b; keys good;", None, '"origin" has an invalid'),
    "origin with a query": ("origin http://a.test/?a=1; keys good;", None, '"origin" has an inv'),
    "origin with a user": ("origin http://u:p@a.test/; keys good;", None, '"origin" has an inv'),
    "port of nothing": ("origin http://a.test:0/; keys good;", None, '"origin" has an invalid'),
    "port beyond": ("origin http://a.test:65536/; keys good;", None, '"origin" has an invalid'),
    "endpoint without a scheme": ("origin s3://models endpoint=s3.test; keys good;", None,
                                  '"origin" has an invalid argument'),
    "endpoint with a path": ("origin s3://models endpoint=http://s3.test/a; keys good;", None,
                             '"origin" has an invalid argument'),
    "unknown style": ("origin s3://models style=fancy; keys good;", None, '"origin" has an inv'),

    "host with a port": (f"{WEB} keys good; host a.test:80;", None,
                         '"host" has an invalid argument "a.test:80"'),
    "host in capitals": (f"{WEB} keys good; host A.test;", None, '"host" has an invalid argument'),
    "host with a star": (f"{WEB} keys good; host *.test;", None, '"host" has an invalid argument'),
    "host twice": (f"{WEB} keys good; host a.test b.test a.test;", None, "host"),
    "cors with a path": (f"{WEB} keys good; cors https://a.test/;", None,
                         '"cors" has an invalid argument'),
    "cors with star and more": (f"{WEB} keys good; cors * https://a.test;", None,
                                '"cors" has an invalid argument'),
    "leeway too long": (f"{WEB} keys good; leeway 61s;", None, '"leeway" has an invalid argument'),
    "leeway of words": (f"{WEB} keys good; leeway soon;", None, '"leeway" has an invalid'),
    "lifetime of nothing": (f"{WEB} keys good; max_lifetime 0;", None, '"max_lifetime" has an inv'),
    "empty cache_control": (f"{WEB} keys good; cache_control '';", None, '"cache_control" has an'),
}

# what "keys" may hold instead, the reason, and the line of the file
BAD_KEYS = {
    "no hex": (f"# a comment\nmain {KEY[:-1]}g\n", r":2: .*hex"),
    "odd number of digits": (f"{KEY[:-1]}\n", r":1: "),
    "too short": ("main 00112233\n", r":1: "),
    "too long": (f"main {'00' * 65}\n", r":1: "),
    "empty": ("", ""),
    "only comments": ("# nothing\n\n", ""),
    "three words": (f"main {KEY} x\n", r":1: "),
    "the same key twice": (f"a {KEY}\nb {KEY.upper()}\n", r":2: "),
    "the same id twice": (f"a {KEY}\na {OTHER_KEY}\n", r":2: "),
    "too many": ("".join(f"{n:064x}\n" for n in range(17)), r":17: "),
    "binary": ("\x01\x02\n", r":1: "),
    "id with a slash": (f"a/b {KEY}\n", r":1: "),
}

BAD_CREDENTIALS = {
    "empty": ("", "profile"),
    "no such profile": ("[other]\naws_access_key_id = A\naws_secret_access_key = S\n", "profile"),
    "no secret": ("[default]\naws_access_key_id = A\n", "secret"),
    "no access key": ("[default]\naws_secret_access_key = S\n", "access"),
    "key twice": (CREDENTIALS + "aws_secret_access_key = T\n", r":4: "),
    "no assignment": ("[default]\nnonsense\n", r":2: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(edge, name):
    options, _, reason = REFUSED[name]
    configured = edge({"acme": options}, files={"good": KEYS})

    # exactly what is written above, with nothing added
    options = options if "keys" in options else f"{options} "
    conf = configured.folder / "nginx.conf"
    conf.write_text(re.sub(r"xr_tenant acme \{.*\}", lambda _: f"xr_tenant acme {{ {options} }}",
                           conf.read_text()))
    assert_refused(configured, reason)


@pytest.mark.parametrize("name", BAD_KEYS)
def test_bad_keys(edge, name):
    text, reason = BAD_KEYS[name]
    assert_refused(edge({"acme": f"{WEB} keys bad;"}, files={"bad": text}),
                   rf"/bad{reason}|/bad:\d+: ")


@pytest.mark.parametrize("name", BAD_CREDENTIALS)
def test_bad_credentials(edge, name):
    text, reason = BAD_CREDENTIALS[name]
    assert_refused(edge({"acme": S3}, credentials=text), rf"/credentials.*{reason}")


@pytest.mark.parametrize("option", ["keys missing;", "credentials missing;"])
def test_missing_file(edge, option):
    tenant = f"{WEB} {option}" if "keys" in option else f"origin s3://models; {option}"
    assert_refused(edge({"acme": tenant}), r'open\(\) ".*/missing" failed \(2: No such file')


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o602, 0o601])
@pytest.mark.parametrize("name", ["acme.keys", "credentials"])
def test_secret_open_to_everybody(edge, name, mode):
    configured = edge({"acme": S3})
    (configured.folder / name).chmod(mode)

    assert_refused(configured, rf'"/.*/{name}" holds secrets but is open to everybody \(mode 0{mode:o}')


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o660])
def test_secret_of_owner_and_group(edge, mode):
    configured = edge({"acme": S3})
    (configured.folder / "acme.keys").chmod(mode)
    (configured.folder / "credentials").chmod(mode)

    code, said = configured.test()
    assert code == 0, said


def test_secret_that_is_no_file(edge):
    assert_refused(edge({"acme": f"{WEB} keys tmp;"}), "not a regular file")


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
    assert_refused(edge({}), '"xr on" needs at least one "xr_tenant"', None)


# Directives of locations

LOCATIONS = {
    "unknown zone": ("xr_cache nothing;", 'zone "nothing" is unknown'),
    "cache twice": ("xr_cache objects; xr_cache off;", '"xr_cache" directive is duplicate'),
    "xr twice": ("xr on;", '"xr" directive is duplicate'),
    "xr maybe": ("location /x { xr maybe; }", '"xr" directive, it must be "on" or "off"'),
    "unknown auth": ("xr_auth magic;", 'invalid value "magic"'),
    "public and more": ("xr_auth public edgeauth;", "public"),
    "unknown source": ("xr_tenant_from cookie;", 'invalid value "cookie"'),
    "lock twice": ("xr_cache_lock on; xr_cache_lock off;", "duplicate"),
    "time of words": ("xr_origin_read_timeout soon;", "invalid value"),
    "stale on nonsense": ("xr_cache_use_stale sometimes;", 'invalid value "sometimes"'),
    "unknown directive": ("xr_colour red;", 'unknown directive "xr_colour"'),
    "tenant in a location": ("xr_tenant acme { }", '"xr_tenant" directive is not allowed here'),
    "cache_control twice": ("xr_cache_control a; xr_cache_control b;", "duplicate"),
    "one buffer": ("xr_origin_buffers 1 4k;", "at least 2"),
}


@pytest.mark.parametrize("name", LOCATIONS)
def test_location(edge, name):
    text, reason = LOCATIONS[name]
    assert_refused(edge({"acme": WEB}, location=text), reason)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a&b", "a/b", "a%20"])
def test_token_name(edge, name):
    assert_refused(edge({"acme": WEB}, server=f'xr_token_name "{name}";'), "xr_token_name|name")


def test_zone_of_another_module(edge):
    """A zone of proxy_cache_path is not one of ours."""

    assert_refused(edge({"acme": WEB}, location="xr_cache other;",
                        http="proxy_cache_path other keys_zone=other:1m;"), "other", None)


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
