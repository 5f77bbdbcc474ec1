# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Ways inside NGINX: named locations, rewrites, subrequests, error pages, other
handlers and other servers.  Each decides by its own rules, and only on its own.
"""

import re
import subprocess
import time

import pytest

import edgeauth
import http1
import scripted
import servers
from edgeauth import in_path, in_query, token
from scripted import message
from servers import KEY

BASE64 = edgeauth.base64.urlsafe_b64encode(b"no token, but as long as one is, " * 4).decode()


@pytest.fixture(scope="module")
def origin():
    with scripted.Origin() as origin:
        yield origin


def whole(body, *fields):
    return message(200, body, 'ETag: "e"', *fields)


def assert_denied(edge, response, reason, status=403):
    assert response.status == status
    assert response["cache-control"] == "no-store"
    assert edge.logged(response)["reason"] == reason


# Named locations: the URI stays, the rules do not

@pytest.fixture(scope="module")
def named(edges, origin):
    return edges(origin.tenants("acme", "beta", beta="host beta.test;"), server="""
        xr on;
        location /acme/pub/ { xr_auth public; try_files /none @private; }
        location /acme/error/ { xr_auth public; error_page 404 = @private; }
        location /acme/kept/ { xr_auth public; xr_cache objects; error_page 404 = @private; }
        location /acme/code/ { xr_auth public; error_page 418 = @private; return 418; }
        location /acme/open/ { xr_auth edgeauth; error_page 403 404 = @public; }
        location /acme/moved/ { xr_auth public; xr_tenant_from path; error_page 404 = @host; }
        location /acme/secret/ { xr_tenant_from path; error_page 404 = @secret; }
        location @private { xr_auth edgeauth; }
        location @public { xr_auth public; }
        location @host { xr_auth public; xr_tenant_from host; }
        location @secret { xr_tenant_from host; }
    """)


@pytest.mark.parametrize("way", ["pub", "code"])
def test_a_named_location_asks_for_its_token(named, origin, way):
    path = origin.put(whole(b"secret"), folder=f"{way}/")

    for target in (path, in_query(path, token(servers.OTHER_KEY, acl="/*")),
                   in_query(path, token(KEY, acl="/acme/other.glb"))):
        response = named.get(target)
        assert response.status == 403
        assert b"secret" not in response.body
        assert named.logged(response)["auth"] == "DENIED"

    assert_denied(named, named.get(path), "token_missing")
    assert origin.seen(path) == []

    for carrier in (in_query, in_path):
        response = named.get(carrier(path, token(KEY, acl="/acme/*")))
        assert (response.status, response.body) == (200, b"secret")
        assert named.logged(response)["auth"] == "GRANTED"


@pytest.mark.parametrize("way", ["error", "kept"])
def test_an_error_page_asks_for_its_token(named, origin, way):
    """The public location did not find the object; the private one might."""

    for query, status, requests in (("", 403, 1), (in_query("", token(KEY, acl="/*")), 200, 2)):
        path = origin.put(message(404), whole(b"secret"), folder=f"{way}/")
        response = named.get(path + query)

        assert response.status == status
        assert (b"secret" in response.body) == (status == 200)
        assert len(origin.seen(path)) == requests


def test_a_named_location_may_be_public(named, origin):
    path = origin.put(whole(b"hello"), folder="open/")
    response = named.get(path)

    assert (response.status, response.body) == (200, b"hello")
    assert named.logged(response)["auth"] == "PUBLIC"
    assert named.logged(response)["reason"] == ""


def test_a_named_location_finds_its_own_tenant(named, origin):
    """By its host name, although the path was another's."""

    path = origin.put(message(404), folder="moved/")
    origin.put_at(f"/beta{path}", whole(b"of beta"))
    response = named.get(path, host="beta.test")

    assert (response.status, response.body) == (200, b"of beta")
    assert named.logged(response)["tenant"] == "beta"
    assert named.logged(response)["object"] == path[1:]

    # where no tenant has the host there is none
    assert named.get(path, host="edge.test").status == 404
    assert len(origin.seen(f"/beta{path}")) == 1


def test_a_named_location_asks_for_the_key_of_its_tenant(named, origin):
    path = origin.put(message(404), folder="secret/")
    origin.put_at(f"/beta{path}", whole(b"of beta"))
    response = named.get(in_query(path, token(KEY, acl="/*")), host="beta.test")

    assert response.status == 403
    assert origin.seen(f"/beta{path}") == []


# Rewrites

@pytest.fixture(scope="module")
def rewriting(edges, origin):
    return edges(origin.tenants("acme", "beta"), server="""
        root .;
        xr on;
        location = /rewrite { set $f $arg_f; rewrite ^ /acme/pre/$f last; }
        location = /break { set $f $arg_f; rewrite ^ /acme/pre/$f break; xr_auth public; }
        location = /try { xr off; try_files /none /acme/pre/$arg_f; }
        location = /error { error_page 418 = /acme/pre/$arg_f; return 418; }
        location /acme/pre/ { xr_auth public; }
    """)


@pytest.mark.parametrize("way", ["rewrite", "break", "try", "error"])
@pytest.mark.parametrize("name", ["../../beta/private.glb", "../private.glb", "a/../b.glb",
                                  "./b.glb", "a/./b.glb", "a/..", "..", ".", "a//b.glb",
                                  "/b.glb", "a\\b.glb"])
def test_a_rewrite_makes_no_trick(rewriting, origin, way, name):
    before = len(origin.requests)
    response = rewriting.get(f"/{way}?f={name}")

    assert response.status == 400
    assert rewriting.logged(response)["reason"] == "path"
    assert response["cache-control"] == "no-store"
    assert len(origin.requests) == before


@pytest.mark.parametrize("way", ["rewrite", "break", "try", "error"])
def test_a_rewrite_leads_to_an_object(rewriting, origin, way):
    path = origin.put(whole(b"hello"), folder="pre/a/")
    response = rewriting.get(f"/{way}?f={path.removeprefix('/acme/pre/')}")

    assert (response.status, response.body) == (200, b"hello")
    assert len(origin.seen(path)) == 1


# Subrequests

def test_a_stale_subrequest_is_renewed(edges, origin):
    """A page elsewhere that includes an object, which is renewed in the background."""

    edge = edges(origin.tenants("acme"), server="location /ssi/ { ssi on; ssi_types *; root .; }",
                 location=servers.CACHE)
    fields = ["Cache-Control: max-age=1, stale-while-revalidate=600"]
    path = origin.put(message(200, b"first", 'ETag: "1"', *fields),
                      message(200, b"second", 'ETag: "2"', "Cache-Control: max-age=600"))
    target = in_query("/ssi/page", token(KEY, acl="/acme/*"))
    (edge.folder / "ssi").mkdir()
    edge.write("ssi/page", f'[<!--# include virtual="{path}" -->]', 0o644)

    assert b"first" not in edge.get("/ssi/page").body
    assert origin.seen(path) == []
    assert edge.get(target).body == b"[first]"

    stale = []

    def renewed():
        response = edge.get(target)
        stale.append(response.body)
        return response.body == b"[second]"

    servers.wait_for("the object is renewed", renewed)

    # it was never waited for, and asked for once
    assert set(stale) == {b"[first]", b"[second]"}
    assert len(origin.seen(path)) == 2
    assert origin.seen(path)[1].headers["if-none-match"] == '"1"'
    assert edge.fetch(path).body == b"second"
    assert servers.trouble_in(edge.folder) == []


def test_two_stale_subrequests_of_one_page(edges, origin):
    """Each is renewed as itself, not as the page or as the other."""

    edge = edges(origin.tenants("acme", "beta"), location=servers.CACHE,
                 server="location /ssi/ { ssi on; ssi_types *; root .; }"
                        "location /acme/page/ { xr on; xr_cache objects; ssi on; ssi_types *; }"
                        "location /acme/in/ { xr on; xr_auth public; xr_cache objects; }")
    paths = [origin.put(*(message(200, b"%s%d" % (name, n), f'ETag: "{n}"', "Cache-Control: "
                                  f"max-age={1 if n == 1 else 600}, stale-while-revalidate=600")
                          for n in (1, 2)), folder="in/") for name in (b"a", b"b")]
    include = "".join(f'<!--# include virtual="{path}" -->' for path in paths)
    page = origin.put(whole(f"[{include}]".encode(), "Cache-Control: max-age=600"), folder="page/")

    assert edge.fetch(page).body == b"[a1b1]"
    servers.wait_for("both are renewed", lambda: edge.fetch(page).body == b"[a2b2]")
    time.sleep(0.2)
    assert [len(origin.seen(path)) for path in (*paths, page)] == [2, 2, 1]
    assert servers.trouble_in(edge.folder) == []


# Other handlers behind our checks

def test_a_backend_states_its_own_headers(edges, origin):
    edge = edges(origin.tenants("acme", acme='cache_control "public, max-age=86400";'),
                 server=f"location /acme/api/ {{ xr on; proxy_pass {origin.url}; }}")
    plain = origin.put(message(200, b"{}", "Content-Type: application/json",
                               "Cache-Control: private, max-age=5",
                               "Expires: Thu, 01 Jan 2037 00:00:00 GMT"), folder="api/")
    bare = origin.put(message(200, b"{}"), folder="api/")

    for answer, path in (("full", plain), ("bare", bare)):
        response = edge.get(in_path(path, token(KEY, acl="/*")))

        assert (response.status, response.body) == (200, b"{}")
        if answer == "full":
            assert response.all("cache-control") == ["private, max-age=5"]
            assert response.all("content-type") == ["application/json"]
            assert response["expires"] == "Thu, 01 Jan 2037 00:00:00 GMT"
        else:
            assert response.all("cache-control") == response.all("content-type") == []

        # but it is checked, and open to pages as an object is
        assert response["access-control-allow-origin"] == "*"
        assert_denied(edge, edge.get(path), "token_missing")
        assert len(origin.seen(path)) == 1

    # the backend learns nothing of a token in the query either
    made = token(KEY, acl="/*")
    edge.get(in_query(plain, made))
    assert origin.requests[-1].path.startswith(f"{plain}?xr_token=*")
    assert made not in str(origin.requests)


def test_an_error_page_elsewhere_is_still_a_refusal(edges, origin):
    edge = edges(origin.tenants("acme"), server="""
        error_page 400 403 404 405 502 /errors/page.html;
        location /errors/ { xr off; root .; }
        location = /errors/other.html { xr off; root .; expires 1h; }
        location /acme/x/ { xr on; error_page 403 =403 /errors/other.html; }
    """)
    (edge.folder / "errors").mkdir()
    edge.write("errors/page.html", "our page", 0o644)
    edge.write("errors/other.html", "our page", 0o644)
    gone, broken = origin.put(message(404)), origin.put(message(500))

    for response, status in ((edge.get("/acme/a.glb"), 403), (edge.get("/acme/x/a.glb"), 403),
                             (edge.get("/acme/../a.glb"), 400), (edge.get("/nobody/a.glb"), 404),
                             (edge.get("/acme/a.glb", "PUT"), 405),
                             (edge.fetch(gone), 404), (edge.fetch(gone), 404),
                             (edge.fetch(broken), 502)):
        assert (response.status, response.body) == (status, b"our page")
        assert response.all("cache-control") == ["no-store"]
        assert response["expires"] is None
        assert response["x-content-type-options"] == "nosniff"
        assert response["cross-origin-resource-policy"] == "cross-origin"
        if edge.logged(response)["tenant"]:
            assert response["access-control-allow-origin"] == "*"

    # the page as such is not about an object
    page = edge.get("/errors/page.html")
    assert (page.status, page["cache-control"]) == (200, None)
    assert page["cross-origin-resource-policy"] is None


# Tokens in paths and queries

@pytest.fixture(scope="module")
def edge(edges, origin):
    return edges(origin.tenants("acme"), server="""
        http2 on;
        location /~bob/ { xr off; return 200 "$uri $request_uri"; }
        location = /~bob { xr off; return 200 "$uri $request_uri"; }
        location /other/ { xr off; return 200 "$uri"; }
        location = /refused { xr off; return 403; }
    """)


def assert_no_trace(edge, made):
    assert edge.files_with(made[-64:]) == []
    assert edge.files_with(in_path("", made)[2:]) == []


@pytest.mark.parametrize("tail", ["", "?", "?a=1", "?a=/b", "/", "%2f", "%2facme/a.glb", "//a"])
@pytest.mark.parametrize("tilde", ["~", "%7E", "%7e"])
def test_a_path_token_without_a_path(edge, origin, tail, tilde):
    before = len(origin.requests)
    made = token(KEY, acl="/*", id=edgeauth.path_of(f"tail{tail}{tilde[1:]}"))
    response = edge.get(in_path("", made).replace("~", tilde, 1) + tail)

    assert 400 <= response.status < 500
    assert in_path("", made)[2:] not in str(response)
    edge.logged(response)
    assert_no_trace(edge, made)
    assert len(origin.requests) == before


@pytest.mark.parametrize("tilde", ["%7E", "%7e"])
def test_an_escaped_tilde(edge, origin, tilde):
    path = origin.put(whole(b"hello"))
    good, bad = (token(key, url=path, id=f"escaped-{tilde[1:]}")
                 for key in (KEY, servers.OTHER_KEY))

    def target(made, path=path):
        return in_path(path, made).replace("~", tilde, 1)

    served = edge.get(target(good))
    assert (served.status, served.body) == (200, b"hello")
    assert edge.logged(served)["kind"] == "edgeauth"
    assert re.search(r"/\*{64,}" + path, edge.logged(served)["request"].replace(tilde, ""))

    assert_denied(edge, edge.get(target(bad)), "token_signature")
    assert_denied(edge, edge.get(target(good) + f"?xr_token={good}"), "token_duplicate", 400)
    assert_denied(edge, edge.get(target(good, path + ".none")), "token_signature")
    odd = edge.get(target(good, path.replace(".glb", "%2eglb")))
    assert odd.status in (200, 403)

    for made in (good, bad):
        assert_no_trace(edge, made)


def test_an_escaped_path_token_is_masked(edge, origin):
    """A token with an escape in its middle is none, but a secret still."""

    made = token(KEY, acl="/*", id="escape-inside")
    segment = in_path("", made)[2:]
    response = edge.get(f"/~{segment[:-1]}%{ord(segment[-1]):02x}/acme/a.glb")

    assert 400 <= response.status < 500
    edge.logged(response)
    assert edge.files_with(segment[:-1]) == []


@pytest.mark.parametrize("target", ["/~bob/a.glb", "/~bob/", "/~bob", "/~bob/a?b=/c"])
def test_a_short_segment_is_no_token(edge, target):
    response = edge.get(target)
    assert (response.status, response.body.decode()) == (200, f"{target.split('?')[0]} {target}")
    assert target in edge.logged(response)["request"]


def test_a_path_token_in_front_of_another_location(edge):
    """What has the form of a token is taken off in all of the server, as it is in logs."""

    made = token(KEY, acl="/*", id="other")
    assert edge.get(in_path("/other/x", made)).body == b"/other/x"
    assert edge.get(in_path("/refused", made)).status == 403
    assert_no_trace(edge, made)


def curl(edge, target):
    tag = next(http1._tags)
    done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--path-as-is", "--globoff",
                           "-A", tag, "-w", "\n%{http_version} %{http_code}",
                           f"http://127.0.0.1:{edge.port}{target}"],
                          capture_output=True, timeout=60)
    *body, version = done.stdout.split(b"\n")
    assert version.startswith(b"2 "), done

    response = http1.Response(int(version[2:]), [], tag)
    response.body = b"\n".join(body)
    return response


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2.0"])
def test_only_the_token_is_masked(edge, origin, protocol):
    """Also if its bytes stand elsewhere in the line, too."""

    get = curl if protocol == "HTTP/2.0" else lambda edge, target: edge.get(target)

    for value in ("a", "e", "GET", "HTTP", "/acme/x.glb", "glb", "~", "*", "a" * 70):
        response = get(edge, f"/acme/x.glb?v={value}&xr_token={value}&w={value}")
        assert response.status == 403
        assert edge.logged(response)["request"] == \
            f"GET /acme/x.glb?v={value}&xr_token={'*' * len(value)}&w={value} {protocol}"

    path = origin.put(whole(b"hello"))
    made = token(KEY, acl="/*", id=f"only-{protocol}")
    response = get(edge, f"{path}?v=1&xr_token={made}&w=2")
    assert response.body == b"hello"
    assert edge.logged(response)["request"] == \
        f"GET {path}?v=1&xr_token={'*' * len(made)}&w=2 {protocol}"

    response = get(edge, in_path(path, made) + "?v=1")
    assert response.body == b"hello"
    assert re.fullmatch(rf"GET /~\*+{path}\?v=1 {protocol}", edge.logged(response)["request"])
    assert_no_trace(edge, made)


@pytest.mark.parametrize("tilde", ["~", "%7E"])
def test_path_tokens_over_http2_leave_no_trace(edge, origin, tilde):
    path = origin.put(whole(b"hello"))
    made = token(KEY, acl="/*", id=f"http2-{len(tilde)}")
    start = in_path("", made).replace("~", tilde, 1)

    assert curl(edge, start + path).body == b"hello"
    for response in (curl(edge, start), curl(edge, start + "?a=/b"), curl(edge, start + "%2f")):
        assert 400 <= response.status < 500
        edge.logged(response)
    assert_no_trace(edge, made)


# Servers that have nothing to do with us

def test_a_server_that_is_off_is_untouched(edges, origin):
    """Even if the level above says "on"."""

    port = servers.free_port()
    edge = edges(origin.tenants("acme"), http=f"""
        xr on;
        server {{
            listen 127.0.0.1:{port};
            xr off;
            location / {{ return 200 "$uri $request_uri $http_x_xr_tenant"; }}
        }}""")
    made = token(KEY, acl="/*")
    path = origin.put(whole(b"hello"))

    for segment in ("bob", BASE64, in_path("", made)[2:]):
        for target in (f"/~{segment}/a.glb", f"/~{segment}", f"/~{segment}/a.glb?xr_token=abc"):
            response = http1.request(port, target, headers={"X-XR-Tenant": "mine"})
            assert response.body.decode() == f"{target.split('?')[0]} {target} mine"
            assert response["cross-origin-resource-policy"] is None

    assert edge.get(in_path(path, made)).body == b"hello"


@pytest.mark.parametrize("target", ["/acme/x.glb#f?xr_token={}", "/acme/x.glb?a#&xr_token={}"])
def test_a_token_in_a_fragment_is_masked(edges, origin, target):
    edge = edges(origin.tenants("acme"), http="log_format raw '$request $request_uri $xr_uri';",
                 server="access_log raw.log raw;")
    good = token(servers.key_of("acme"), acl="/*")

    assert edge.get(target.format(good)).status in (400, 403)
    assert edge.files_with(good.rsplit("=", 1)[1]) == []
