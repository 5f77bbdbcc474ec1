# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Paths that can be read in two ways are refused; odd but honest ones work."""

import subprocess
import urllib.parse

import pytest

import edgeauth
import servers

# what follows "/acme/DIR/" or stands for the whole target; DIR/a.glb exists
TRICKS = {
    "dot dot": "/acme/{d}/x/../a.glb",
    "dot dot out of the tenant": "/acme/../acme/{d}/a.glb",
    "dot dot above the root": "/../../etc/passwd",
    "dot dot at the end": "/acme/{d}/a.glb/..",
    "dot": "/acme/./{d}/a.glb",
    "dot at the end": "/acme/{d}/a.glb/.",
    "two slashes": "/acme//{d}/a.glb",
    "two slashes inside": "/acme/{d}//a.glb",
    "two slashes in front": "//acme/{d}/a.glb",
    "two slashes at the end": "/acme/{d}//",
    "encoded slash": "/acme/{d}%2fa.glb",
    "encoded slash, upper case": "/acme/{d}%2Fa.glb",
    "encoded slash after the tenant": "/acme%2f{d}/a.glb",
    "encoded dot dot": "/acme/x/%2e%2e/{d}/a.glb",
    "encoded dot dot, upper case": "/acme/x/%2E%2E/{d}/a.glb",
    "half encoded dot dot": "/acme/x/.%2e/{d}/a.glb",
    "encoded dot dot and slash": "/acme/x/%2e%2e%2f{d}/a.glb",
    "encoded dot": "/acme/%2e/{d}/a.glb",
    "encoded dot dot to the root": "/%2e%2e/%2e%2e/etc/passwd",
    "backslash": "/acme/{d}\\a.glb",
    "dot dot with backslash": "/acme/x/..\\{d}/a.glb",
    "encoded backslash": "/acme/{d}%5ca.glb",
    "encoded backslash, upper case": "/acme/{d}%5Ca.glb",
    "NUL": "/acme/{d}/a.glb%00",
    "NUL and another extension": "/acme/{d}/a.glb%00.png",
    "doubly encoded dot": "/acme/x/%252e%252e/{d}/a.glb",
    "doubly encoded slash": "/acme/{d}%252fa.glb",
    "doubly encoded slash, upper case": "/acme/{d}%252Fa.glb",
    "doubly encoded backslash": "/acme/{d}%255ca.glb",
    "doubly encoded NUL": "/acme/{d}/a.glb%2500",
    "triply encoded slash": "/acme/{d}%25252fa.glb",
    "encoded line feed": "/acme/{d}/a.glb%0a",
    "encoded carriage return": "/acme/{d}/a.glb%0d%0aX:1",
    "encoded tab": "/acme/{d}/a%09.glb",
    "encoded delete": "/acme/{d}/a%7f.glb",
    "control character": "/acme/{d}/a\x01.glb",
    "percent at the end": "/acme/{d}/a.glb%",
    "percent and one digit": "/acme/{d}/a.glb%2",
    "percent and no digits": "/acme/{d}/a%zz.glb",
    "percent and u": "/acme/{d}/a%u002e.glb",
    "overlong UTF-8": "/acme/{d}/%c0%ae%c0%ae/a.glb",
    "no UTF-8": "/acme/{d}/a%ff.glb",
    "a surrogate in UTF-8": "/acme/{d}/a%ed%a0%80.glb",
    "fragment": "/acme/{d}/a.glb#x",
    "space": "/acme/{d}/a .glb",
    "no slash in front": "acme/{d}/a.glb",
}

PASSABLE_IN_HTTP2 = [name for name, path in TRICKS.items()
                     if path.isprintable() and path[0] == "/" and "#" not in path
                     and " " not in path]


@pytest.fixture(scope="module")
def edge(edges):
    return edges({"acme": ""}, server="http2 on;",
                 location=servers.CACHE)


@pytest.fixture(scope="module")
def public(edges):
    """Without tokens in the way, only the path can be the reason."""

    return edges({"acme": ""}, server="http2 on;", location="xr_auth public;" + servers.CACHE)


@pytest.fixture(scope="module")
def asset(stack, public, edge):
    folder = f"d{next(stack.names)}"
    key, body = stack.put(key=f"{folder}/a.glb")
    stack.put(b"at the root of the bucket", key="a.glb")

    # warm, so that a wrong reading would find something
    assert public.get(f"/acme/{key}").body == body
    assert edge.fetch(f"/acme/{key}").body == body

    return folder, body


@pytest.mark.parametrize("name", TRICKS)
def test_trick_is_refused(public, asset, name):
    folder, _ = asset
    response = public.get(TRICKS[name].format(d=folder))

    assert response.status == 400
    assert b"<?xml" not in response.body


@pytest.mark.parametrize("carrier", [edgeauth.in_query, edgeauth.in_path])
@pytest.mark.parametrize("name", [n for n in TRICKS if "#" not in TRICKS[n] and " " not in n])
def test_trick_is_refused_with_a_token_for_everything(edge, asset, name, carrier):
    folder, _ = asset
    path = TRICKS[name].format(d=folder)
    response = edge.get(carrier(path, edgeauth.token(servers.KEY, acl="/*")))

    assert response.status == 400


@pytest.mark.parametrize("name", PASSABLE_IN_HTTP2)
def test_trick_is_refused_over_http2(public, asset, name):
    folder, _ = asset
    url = f"http://127.0.0.1:{public.port}{TRICKS[name].format(d=folder)}"
    done = subprocess.run(["curl", "-sS", "--path-as-is", "--globoff", "--http2-prior-knowledge",
                           "-w", "%{http_version} %{http_code}", "-o", "/dev/null", url],
                          capture_output=True, text=True, timeout=60)

    assert done.stdout == "2 400"


def test_a_token_scope_cannot_be_left_by_a_trick(stack, edge):
    """A scope of one folder, and ways to name what lies beside it."""

    inside, outside = f"in{next(stack.names)}", f"out{next(stack.names)}"
    _, secret = stack.put(key=f"{outside}/s.glb")
    made = edgeauth.token(servers.KEY, acl=f"/acme/{inside}/*")

    for trick in ("..", "%2e%2e", ".%2e", "%252e%252e", "..%2f", "%2e%2e%5c", "..;", "...",
                  "%c0%ae%c0%ae", "%uff0e%uff0e"):
        for carrier in (edgeauth.in_query, edgeauth.in_path):
            response = edge.get(carrier(f"/acme/{inside}/{trick}/{outside}/s.glb", made))
            assert response.status in (400, 403, 404), trick
            assert secret not in response.body


def test_overlong(public):
    """S3 has no keys above 1024 bytes; NGINX takes no line above its buffers."""

    assert public.get("/acme/" + "a" * 1500).status in (400, 404, 414)
    assert public.get("/acme/" + "a" * 40000).status == 414
    assert public.get("/acme/" + "a/" * 3000 + "b.glb").status in (400, 404, 414)
    assert public.get("/" + "a" * 5000 + "/b.glb").status == 404


def test_absolute_form(public, asset):
    """RFC 9112 section 3.2.2: the same resource, by the authority of the target."""

    folder, body = asset
    response = public.get(f"http://edge.test/acme/{folder}/a.glb", host="other.test")
    assert (response.status, response.body) == (200, body)

    for trick in ("/acme/x/../{d}/a.glb", "//acme/{d}/a.glb", "/acme/{d}%2fa.glb"):
        assert public.get("http://edge.test" + trick.format(d=folder)).status == 400


def test_a_second_question_mark_is_of_the_query(public, asset):
    """Some viewers append "?..." blindly."""

    folder, body = asset

    for query in ("?a=1?b=2", "??", "?/../x", "?%2f%2e%2e", "?%zz"):
        assert public.get(f"/acme/{folder}/a.glb{query}").body == body


@pytest.mark.parametrize("suffix", [";v=1", ";.png", ";/x.png", "/x.png", ".", "%20", "/"])
def test_a_suffix_names_another_object(public, asset, suffix):
    folder, body = asset
    response = public.get(f"/acme/{folder}/a.glb{suffix}")

    assert response.status in (400, 404)
    assert body not in response.body


def test_tenant_without_an_object(public):
    for path in ("/acme", "/acme/", "/"):
        response = public.get(path)
        assert response.status == 404
        assert response["cache-control"] == "no-store"


NAMES = ["a b", "a+b", "100%", "it's", "(1)", "k=v", "a&b", "~home", "é 漢", "!", "*", "a,b",
         "@2x", "$1", "a;b", "a:b", "a#b", "a?b", 'a"b', "<a>", "[a]", "{a}", "a^b", "a`b", "a|b",
         "😀", "a%20b", "%41", "a..b", "...", ".hidden", "-", "_"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_name_round_trips(stack, edge, name):
    key, body = stack.put(key=f"odd-{next(stack.names)}/{name}/{name}.glb")
    path = edgeauth.path_of(f"/acme/{key}")
    made = edgeauth.token(servers.KEY, acl="/acme/*")

    for carrier in (edgeauth.in_query, edgeauth.in_path):
        response = edge.get(carrier(path, made))
        assert (response.status, response.body == body) == (200, True), carrier

    # the object alone is the key: both forms were one fetch
    [seen] = stack.faults.log(key.split("/")[0])
    assert urllib.parse.unquote(seen["path"]).endswith(key)


@pytest.mark.parametrize("name", ["it's", "(1)", "k=v", "a&b", "~home", "a+b", "!", "*", "a,b",
                                  "@2x", "$1", "a;b", "a:b", "a..b"])
def test_odd_name_as_browsers_write_it(stack, edge, name):
    """Browsers leave these characters as they are; it is the same object."""

    key, body = stack.put(key=f"odd-{next(stack.names)}/{name}.glb")
    bare, escaped = f"/acme/{key}", edgeauth.path_of(f"/acme/{key}")

    assert edge.fetch(bare).body == body
    assert edge.fetch(escaped).body == body
    assert edge.fetch(bare.replace(".glb", "%2Eglb")).body == body
    assert len(stack.faults.log(key.split("/")[0])) == 1


def test_utf8_may_be_sent_raw(stack, edge):
    key, body = stack.put(key=f"odd-{next(stack.names)}/é漢.glb")
    made = edgeauth.token(servers.KEY, acl="/acme/*")

    assert edge.get(edgeauth.in_query(f"/acme/{key}", made)).body == body


@pytest.mark.parametrize("name", ["a b+c.glb", "é(1).glb", "it's 100%.glb"])
def test_scope_by_decoded_or_raw_path(stack, edge, name):
    key, body = stack.put(key=f"odd-{next(stack.names)}/{name}")
    raw, decoded = edgeauth.path_of(f"/acme/{key}"), f"/acme/{key}"

    tokens = [edgeauth.token(servers.KEY, url=raw), edgeauth.token(servers.KEY, url=decoded),
              edgeauth.token(servers.KEY, acl=raw)]
    assert [edge.get(edgeauth.in_query(raw, made)).body == body for made in tokens] == [True] * 3
