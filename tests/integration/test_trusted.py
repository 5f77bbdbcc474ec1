# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
What tiers in front tell of the client: believed when they have proved
themselves, and seen by nobody when they have not.
"""

import itertools

import pytest

import http1
import live
import servers
from edgeauth import in_query, token
from scripted import message
from servers import KEY

# the loopback network is all ours to come from
PROXY, STRANGER = "127.0.0.9", "127.0.0.1"

# 203.0.113.0/24 and 2001:db8::/32 are examples of the Internet's
CLIENT = "203.0.113.7"

SECRET, NEXT_SECRET = "the-first-secret-of-all", "the-second-one-after-it"

# what every response tells of what was made of the request
TELLS = """
    add_header X-Client $xr_client_addr always;
    add_header X-Country $xr_country always;
    add_header X-Scheme $xr_scheme always;
    add_header X-Pid $pid always;
"""

ECHO = "|".join(["$http_x_forwarded_for", "$http_x_real_ip", "$http_forwarded",
                 "$http_cloudfront_viewer_address", "$http_cloudfront_viewer_country",
                 "$http_x_origin_verify"])

names = (f"n{n}" for n in itertools.count(1))


def server(port, body, options=""):
    return f"""
        server {{
            listen 127.0.0.1:{port};
            underscores_in_headers on;
            {options}
            {TELLS}
            {body}
        }}"""


def start(web_edges, web, http, server="", **options):
    """An edge whose main server has further locations, which are not ours."""

    return web_edges(web.tenants("acme"), http=http, server=f"""
        underscores_in_headers on;
        {TELLS}
        {server}
        location /pass/ {{ proxy_pass {web.url}; }}
        location /forward/ {{
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_pass {web.url};
        }}
        location /echo/ {{ return 200 "[{ECHO}]"; }}""", **options)


@pytest.fixture(scope="module")
def path(web):
    return web.put(message(200, b"a model"))


@pytest.fixture(scope="module")
def by_address(web_edges, web):
    return start(web_edges, web, f"xr_trusted_proxy {PROXY} 198.51.100.0/24 2001:db8:1::/48;")


@pytest.fixture(scope="module")
def by_secret(web_edges, web):
    return start(web_edges, web, "xr_trusted_secret X-Origin-Verify secrets;",
                 files={"secrets": f"{SECRET}\n"}, workers=2)


@pytest.fixture(scope="module")
def by_both(web_edges, web):
    return start(web_edges, web, f"xr_trusted_secret X-Origin-Verify secrets;"
                                 f"xr_trusted_proxy {PROXY};", files={"secrets": f"{SECRET}\n"})


def ask(edge, headers, source=PROXY, path="/acme/none.glb"):
    return edge.get(path, source=source, headers=headers)


def client_of(edge, headers, source=PROXY):
    return ask(edge, headers, source)["x-client"]


def proved(headers):
    """As from a tier in front that knows the secret."""

    return {**headers, "X-Origin-Verify": SECRET}


# X-Forwarded-For

WALKS = {
    # the peer is trusted, who it names is the client
    CLIENT: CLIENT,
    f" {CLIENT} ": CLIENT,
    f"{CLIENT}:4711": CLIENT,
    "2001:db8::1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:db8::1]:443": "2001:db8::1",
    f"::ffff:{CLIENT}": CLIENT,

    # what stands to the left of the client is the client's own invention
    f"192.0.2.1, {CLIENT}": CLIENT,
    f"10.0.0.1, nonsense, {CLIENT}": CLIENT,

    # trusted proxies are passed over, from right to left
    f"{CLIENT}, 198.51.100.1": CLIENT,
    f"{CLIENT},198.51.100.1,2001:db8:1::5, 198.51.100.2": CLIENT,
    f"192.0.2.1, {CLIENT}, 198.51.100.1": CLIENT,
    "198.51.100.1, 198.51.100.2": "198.51.100.1",

    # a private hop, or one that is no address, ends the walk
    f"{CLIENT}, 10.0.0.1": PROXY,
    f"{CLIENT}, 10.0.0.1, 198.51.100.1": "198.51.100.1",
    f"{CLIENT}, unknown": PROXY,
    f"{CLIENT}, nonsense, 198.51.100.1": "198.51.100.1",
    f"{CLIENT}, 127.0.0.1": PROXY,
    f"{CLIENT}, 169.254.169.254": PROXY,
    f"{CLIENT}, 100.64.0.1": PROXY,
    f"{CLIENT}, ::1": PROXY,
    f"{CLIENT}, fe80::1": PROXY,
    f"{CLIENT}, fc00::1": PROXY,
    "999.1.1.1": PROXY,
    "0177.0.0.1": PROXY,
    f"{CLIENT}:99999": PROXY,
    f"[{CLIENT}]": PROXY,
    "[2001:db8::1": PROXY,
    "": PROXY,
    " , ,": PROXY,
    ", 198.51.100.1": "198.51.100.1",
}


@pytest.mark.parametrize("value", WALKS)
def test_walk(by_address, value):
    assert client_of(by_address, {"X-Forwarded-For": value}) == WALKS[value]


def test_walk_over_several_lines(by_address):
    """They are one list, in the order they came in."""

    assert client_of(by_address, {"X-Forwarded-For": f"192.0.2.1, {CLIENT}",
                                  "x-forwarded-for": "198.51.100.1"}) == CLIENT
    assert client_of(by_address, {"X-Forwarded-For": "192.0.2.1",
                                  "x-forwarded-for": CLIENT,
                                  "X-FORWARDED-FOR": "198.51.100.1, 198.51.100.2"}) == CLIENT
    assert client_of(by_address, {"X-Forwarded-For": CLIENT,
                                  "x-forwarded-for": "10.0.0.1"}) == PROXY


def test_a_long_walk(by_address):
    hops = ", ".join(f"198.51.100.{n}" for n in range(200))
    assert client_of(by_address, {"X-Forwarded-For": f"192.0.2.1, {CLIENT}, {hops}"}) == CLIENT


def test_nobody_says_anything(by_address):
    assert client_of(by_address, {}) == PROXY
    assert client_of(by_address, {}, STRANGER) == STRANGER


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.8", "127.0.0.10", "127.0.9.9"])
def test_strangers(by_address, source):
    response = ask(by_address, {
        "X-Forwarded-For": CLIENT, "CloudFront-Viewer-Address": f"{CLIENT}:1",
        "CloudFront-Viewer-Country": "DE", "X-Forwarded-Proto": "https",
        "CloudFront-Forwarded-Proto": "https", "X-Real-IP": CLIENT,
        "Forwarded": f"for={CLIENT};proto=https"}, source)

    assert (response["x-client"], response["x-country"], response["x-scheme"]) \
        == (source, None, "http")


# CloudFront's headers, which count from who knows the secret

VIEWERS = {
    f"{CLIENT}:4711": CLIENT,
    "2001:db8::1:4711": "2001:db8::1",
    "2001:db8:0:0:0:0:0:1:4711": "2001:db8::1",
}


@pytest.mark.parametrize("value", VIEWERS)
def test_viewer_address(by_both, value):
    """It wins over X-Forwarded-For."""

    headers = {"CloudFront-Viewer-Address": value, "X-Forwarded-For": "192.0.2.1"}
    assert client_of(by_both, proved(headers)) == VIEWERS[value]


@pytest.mark.parametrize("value", [CLIENT, "nonsense", "", f"{CLIENT}:", f"{CLIENT}:0x50",
                                   f"{CLIENT}, 192.0.2.9:1", ":80"])
def test_viewer_address_that_is_none(by_both, value):
    headers = {"CloudFront-Viewer-Address": value, "X-Forwarded-For": "192.0.2.1"}
    assert client_of(by_both, proved(headers)) == "192.0.2.1"


@pytest.mark.parametrize("value, country", [
    ("DE", "DE"), ("de", "DE"), ("US", "US"), ("XX", None), ("ZZ", None), ("T1", None),
    ("", None), ("D", None), ("DEU", None), ("D1", None), ("DE,FR", None), ("--", None)])
def test_country(by_both, value, country):
    headers = proved({"CloudFront-Viewer-Country": value})
    assert ask(by_both, headers)["x-country"] == country


def test_country_of_another_tier(web_edges, web):
    edge = start(web_edges, web,
                 f"xr_trusted_proxy {PROXY}; xr_trusted_country CF-IPCountry;")

    assert ask(edge, {"CF-IPCountry": "FR"})["x-country"] == "FR"
    assert ask(edge, {"cf-ipcountry": "FR"})["x-country"] == "FR"
    assert ask(edge, {"CloudFront-Viewer-Country": "FR"})["x-country"] is None
    assert ask(edge, {"CF-IPCountry": "FR"}, STRANGER)["x-country"] is None


@pytest.mark.parametrize("headers, scheme", [
    ({"X-Forwarded-Proto": "https"}, "https"), ({"X-Forwarded-Proto": "HTTPS"}, "https"),
    ({"X-Forwarded-Proto": "http"}, "http"), ({"X-Forwarded-Proto": "wss"}, "http"),
    ({"CloudFront-Forwarded-Proto": "https"}, "https"),
    ({"CloudFront-Forwarded-Proto": "http", "X-Forwarded-Proto": "https"}, "http"), ({}, "http")])
def test_scheme(by_both, headers, scheme):
    assert ask(by_both, proved(headers))["x-scheme"] == scheme


FORGED_VIEWER = {"CloudFront-Viewer-Address": "192.0.2.66:4711", "CloudFront-Viewer-Country": "DE",
                 "CloudFront-Forwarded-Proto": "https"}


def test_cloudfront_needs_the_secret(by_address, by_both, path):
    """A load balancer passes on what clients send under these names."""

    def told(edge, headers):
        response = ask(edge, headers)
        return response["x-client"], response["x-country"], response["x-scheme"]

    forwarded = {"X-Forwarded-For": CLIENT}
    bound = [in_query(path, token(KEY, acl="/*", ip="192.0.2.66")),
             in_query(path, token(KEY, acl="/*", data="country:DE"))]

    def statuses(edge, headers):
        return [edge.get(target, source=PROXY, headers=headers).status for target in bound]

    assert told(by_address, FORGED_VIEWER) == (PROXY, None, "http")
    assert told(by_address, {**FORGED_VIEWER, **forwarded}) == (CLIENT, None, "http")
    assert statuses(by_address, {**FORGED_VIEWER, **forwarded}) == [403, 403]

    assert told(by_both, {**FORGED_VIEWER, **forwarded}) == (PROXY, None, "http")
    assert statuses(by_both, FORGED_VIEWER) == [403, 403]

    assert told(by_both, proved(FORGED_VIEWER)) == ("192.0.2.66", "DE", "https")
    assert statuses(by_both, proved(FORGED_VIEWER)) == [200, 200]


def test_a_country_by_address_is_asked_for(web_edges, web):
    """Naming the header says that the tier sets it; that says nothing of the others."""

    edge = start(web_edges, web, f"xr_trusted_proxy {PROXY};"
                                 "xr_trusted_country CloudFront-Viewer-Country;")
    response = ask(edge, FORGED_VIEWER)

    assert (response["x-client"], response["x-country"], response["x-scheme"]) \
        == (PROXY, "DE", "http")
    assert ask(edge, FORGED_VIEWER, PROXY, "/echo/").body == b"[||||DE|]"
    assert ask(edge, FORGED_VIEWER, STRANGER, "/echo/").body == b"[|||||]"
    assert ask(edge, FORGED_VIEWER, STRANGER)["x-country"] is None


# Secrets

def test_secret(by_secret):
    headers = {"X-Forwarded-For": CLIENT}

    assert client_of(by_secret, {**headers, "X-Origin-Verify": SECRET}, STRANGER) == CLIENT
    assert client_of(by_secret, {**headers, "x-origin-verify": SECRET}, STRANGER) == CLIENT


@pytest.mark.parametrize("values", [
    {}, {"X-Origin-Verify": ""}, {"X-Origin-Verify": SECRET[:-1]},
    {"X-Origin-Verify": SECRET + "x"}, {"X-Origin-Verify": SECRET.upper()},
    {"X-Origin-Verify": f"{SECRET}, {SECRET}"}, {"X-Origin-Verify": f'"{SECRET}"'},
    {"X-Origin-Verify": SECRET, "x-origin-verify": SECRET},
    {"X-Origin-Verify": SECRET, "x-origin-verify": "x"},
    {"X_Origin_Verify": SECRET}, {"X-Origin_Verify": SECRET}, {"X-Origin-Verify2": SECRET}])
def test_no_secret(by_secret, values):
    assert client_of(by_secret, {"X-Forwarded-For": CLIENT, **values}, PROXY) == PROXY


def test_both(by_both):
    """Neither is enough."""

    headers = {"X-Forwarded-For": CLIENT}

    assert client_of(by_both, proved(headers), PROXY) == CLIENT
    assert client_of(by_both, headers, PROXY) == PROXY
    assert client_of(by_both, {**headers, "X-Origin-Verify": "x" * 20}, PROXY) == PROXY
    assert client_of(by_both, proved(headers), STRANGER) == STRANGER


def test_secrets_are_rotated(by_secret):
    """The new one is added, the tier changes over, the old one goes: all of it live."""

    def clients(secret):
        return {r["x-client"] for r in workers.ask("/acme/none.glb", headers={
            "X-Forwarded-For": CLIENT, "X-Origin-Verify": secret}).values()}

    def wait(secret, client):
        servers.wait_for(f"{secret}: {client}", lambda: clients(secret) == {client}, live.SOON)

    with live.Workers(by_secret) as workers:
        by_secret.replace("secrets", f"# two\n{SECRET}\n\n  {NEXT_SECRET}  \n")
        wait(NEXT_SECRET, CLIENT)
        assert clients(SECRET) == {CLIENT}

        by_secret.replace("secrets", f"{NEXT_SECRET}\n")
        wait(SECRET, STRANGER)
        assert clients(NEXT_SECRET) == {CLIENT}

        # what is no good changes nothing
        for text, reason in (("short\n", "secrets:1: the secret is shorter than 16"),
                             ("# none\n", "secrets:1: the file has no secret")):
            by_secret.replace("secrets", text)
            live.logs(by_secret, reason)
            assert clients(NEXT_SECRET) == {CLIENT}

        by_secret.replace("secrets", f"{SECRET}\n")
        wait(SECRET, CLIENT)
        wait(NEXT_SECRET, STRANGER)


def test_the_secret_is_kept(by_secret, web, path):
    """Out of logs, variables, caches and requests to others."""

    marker = next(names)
    headers = {"X-Origin-Verify": SECRET, "X_Origin_Verify": SECRET, "X-Other": "kept"}
    by_secret.replace("secrets", f"{SECRET}\n")
    servers.wait_for("the secret", lambda: client_of(
        by_secret, {"X-Origin-Verify": SECRET, "X-Forwarded-For": CLIENT}) == CLIENT)

    for target in (f"/pass/{marker}", f"/forward/{marker}", "/acme/none.glb"):
        by_secret.get(target, headers=headers)
    by_secret.fetch(path, headers=headers)
    assert SECRET.encode() not in by_secret.get("/echo/", headers=headers).body

    assert by_secret.files_with(SECRET) == ["secrets"]
    assert len(web.seen(f"/pass/{marker}")) == 1
    for request in web.requests:
        assert SECRET not in str(request), request
        if marker in request.path:
            assert request.headers["x-other"] == "kept"


# Headers that nobody may believe

FORGED = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
          "Forwarded", "X-Real-IP", "CloudFront-Viewer-Address", "CloudFront-Viewer-Country",
          "CloudFront-Viewer-City", "CloudFront-Forwarded-Proto"]


def spellings(name):
    return {name, name.lower(), name.replace("-", "_"), name.replace("-", "_", 1)}


@pytest.mark.parametrize("name", FORGED)
def test_headers_of_strangers_are_dropped(by_address, web, name):
    """In all spellings that somebody behind us could take for the header."""

    for spelling in spellings(name):
        marker = next(names)
        headers = {spelling: "198.51.100.99", "X-Other": "kept"}

        for folder in ("pass", "forward"):
            ask(by_address, headers, STRANGER, f"/{folder}/{marker}")
            [seen] = web.seen(f"/{folder}/{marker}")
            assert seen.headers["x-other"] == "kept"
            assert "198.51.100.99" not in str(seen), spelling

        assert ask(by_address, headers, STRANGER, "/echo/").body == b"[|||||]", spelling


@pytest.mark.parametrize("name", FORGED)
def test_headers_of_proxies_are_passed_on(by_address, by_both, web, name):
    """CloudFront's are by who has the secret; others may be anybody's who is behind a proxy."""

    for edge, headers in ((by_both, proved({})), (by_address, {})):
        for spelling in spellings(name):
            marker = next(names)
            ask(edge, {spelling: "198.51.100.99", **headers}, PROXY, f"/pass/{marker}")
            [seen] = web.seen(f"/pass/{marker}")

            if edge is by_address and name.startswith("CloudFront-"):
                assert "198.51.100.99" not in str(seen)
            else:
                assert seen.headers[spelling.lower()] == "198.51.100.99"


def test_the_country_of_strangers_is_dropped(web_edges, web):
    edge = start(web_edges, web, f"xr_trusted_proxy {PROXY}; xr_trusted_country CF-IPCountry;")

    for spelling in spellings("CF-IPCountry"):
        marker = next(names)
        ask(edge, {spelling: "FRANCE"}, STRANGER, f"/pass/{marker}")
        [seen] = web.seen(f"/pass/{marker}")
        assert "FRANCE" not in str(seen)


def test_headers_for_the_log(web_edges, web):
    edge = start(web_edges, web, f"""
        xr_trusted_proxy {PROXY};
        xr_trusted_secret X-Origin-Verify secrets;
        log_format seen '$http_x_forwarded_for|$http_cloudfront_viewer_country|$http_x_real_ip';
        """, server="access_log seen.log seen;", files={"secrets": f"{SECRET}\n"})
    headers = {"X-Forwarded-For": "198.51.100.99", "CloudFront-Viewer-Country": "DE",
               "X-Real-IP": "198.51.100.99"}

    ask(edge, proved(headers), STRANGER)
    ask(edge, proved(headers), PROXY)

    def lines():
        return (edge.folder / "seen.log").read_text().splitlines()

    servers.wait_for("the log", lambda: len(lines()) == 2)
    assert [line.replace("-|", "|").rstrip("-") for line in lines()] \
        == ["||", "198.51.100.99|DE|198.51.100.99"]


def test_our_own_origin_is_told_nothing(by_address, web):
    path = web.put(message(200, b"x"))
    response = by_address.fetch(path, source=PROXY, headers={
        "X-Forwarded-For": CLIENT, "CloudFront-Viewer-Country": "DE"})

    assert response.status == 200
    [seen] = web.seen(path)
    assert CLIENT not in str(seen) and "cloudfront-viewer-country" not in seen.headers


# What follows from it

def test_tokens_bound_to_an_address(by_address, path):
    bound = in_query(path, token(KEY, acl="/*", ip=CLIENT))

    def status(source, client):
        return by_address.get(bound, source=source,
                              headers={"X-Forwarded-For": client}).status

    assert status(PROXY, CLIENT) == 200
    assert status(PROXY, f"192.0.2.1, {CLIENT}") == 200
    assert status(PROXY, f"{CLIENT}, 192.0.2.1") == 403
    assert status(STRANGER, CLIENT) == 403

    to_proxy = in_query(path, token(KEY, acl="/*", ip=PROXY))
    assert by_address.get(to_proxy, source=PROXY).status == 200
    assert by_address.get(to_proxy, source=PROXY, headers={"X-Forwarded-For": CLIENT}).status == 403


def test_tokens_bound_to_a_country(by_both, path):
    bound = in_query(path, token(KEY, acl="/*", data="country:DE|FR"))

    def status(source, country):
        return by_both.get(bound, source=source,
                           headers=proved({"CloudFront-Viewer-Country": country})).status

    assert [status(PROXY, country) for country in ("DE", "fr", "US", "XX", "")] \
        == [200, 200, 403, 403, 403]
    assert status(STRANGER, "DE") == 403


def test_one_connection_of_several_clients(by_address, path):
    """A proxy's connections carry requests of many."""

    bound = in_query(path, token(KEY, acl="/*", ip=CLIENT))

    with http1.Connection(by_address.port, PROXY) as connection:
        for client, status in ((CLIENT, 200), ("192.0.2.1", 403), (CLIENT, 200)):
            response = connection.request(bound, headers={"X-Forwarded-For": client})
            assert (response.status, response["x-client"]) == (status, client)
        assert connection.request(bound).status == 403


def test_servers_of_their_own(web_edges, web):
    """A server's list stands in the place of http's; one without "xr on" is as it was."""

    ours, plain = servers.free_port(), servers.free_port()
    edge = start(web_edges, web, f"xr_trusted_proxy {PROXY};"
                 + server(ours, "location / { xr on; }", "xr_trusted_proxy 127.0.0.8;")
                 + server(plain, 'location / { return 200 "[$http_x_forwarded_for]"; }'))
    headers = {"X-Forwarded-For": CLIENT}

    def client(port, source):
        return http1.request(port, "/acme/none.glb", source=source, headers=headers)["x-client"]

    assert client(edge.port, PROXY) == CLIENT
    assert client(edge.port, "127.0.0.8") == "127.0.0.8"
    assert client(ours, "127.0.0.8") == CLIENT
    assert client(ours, PROXY) == PROXY
    assert http1.request(plain, "/", headers=headers).body == f"[{CLIENT}]".encode()


def test_realip(web_edges, web, path):
    """Where nothing is trusted by us, what NGINX makes of the peer counts."""

    edge = start(web_edges, web, "", server=f"""
        set_real_ip_from {PROXY};
        real_ip_header X-Forwarded-For;""")
    bound = in_query(path, token(KEY, acl="/*", ip=CLIENT))
    headers = {"X-Forwarded-For": CLIENT}

    assert client_of(edge, headers) == CLIENT
    assert client_of(edge, headers, STRANGER) == STRANGER
    assert edge.get(bound, source=PROXY, headers=headers).status == 200
    assert edge.get(bound, source=STRANGER, headers=headers).status == 403
    assert ask(edge, headers, PROXY, "/echo/").body.startswith(b"[203.0.113.7|")


def test_realip_beside_it(web_edges, web):
    """It goes on for others, after the headers of strangers are gone."""

    edge = start(web_edges, web, f"xr_trusted_proxy {PROXY};", server=f"""
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Forwarded-For;
        add_header X-Remote $remote_addr always;""")
    headers = {"X-Forwarded-For": CLIENT}

    known, stranger = ask(edge, headers), ask(edge, headers, STRANGER)
    assert (known["x-client"], known["x-remote"]) == (CLIENT, CLIENT)
    assert (stranger["x-client"], stranger["x-remote"]) == (STRANGER, STRANGER)


def test_no_tier(web_edges, web):
    """Without any of it the peer is the client, and headers are as they were."""

    edge = start(web_edges, web, "")
    headers = {"X-Forwarded-For": CLIENT, "CloudFront-Viewer-Country": "DE",
               "X-Forwarded-Proto": "https"}
    response = ask(edge, headers, STRANGER)

    assert (response["x-client"], response["x-country"], response["x-scheme"]) \
        == (STRANGER, None, "http")
    assert f"[{CLIENT}|".encode() in ask(edge, headers, STRANGER, "/echo/").body


def test_subrequests_know_the_client(web_edges, web, path):
    """auth_request asks another location, which is told who the client is."""

    edge = start(web_edges, web, f"xr_trusted_proxy {PROXY};", server="""
        location /guarded/ {
            auth_request /acme/1.glb;
            return 200 "$xr_client_addr";
        }""")
    bound = token(KEY, acl="/*", ip=CLIENT)

    for client in (CLIENT, "192.0.2.1"):
        response = edge.get(in_query("/guarded/x", bound), source=PROXY,
                            headers={"X-Forwarded-For": client})
        assert response["x-client"] == client
