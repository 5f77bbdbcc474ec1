# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
Tens of thousands of credentials that are nearly right: none lets anybody in,
and none breaks anything.  They are mutations of good ones, of their fields and
claims as much as of their bytes, and the same ones in each run.
"""

import collections
import hashlib
import itertools
import json
import random
import re
import socket
import string
import threading
import time

import pytest

import credentials
import edgeauth
import scripted
import servers
from credentials import b64, canned, compact, es256, hs256, policy, rs256, unb64, with_query

COUNT = 2000 if servers.ASAN else 10000     # of each kind
BATCH = 250
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

BODY = b"a model"
PATH = "/acme/models/a.glb"

HMAC, RSA, EC = credentials.secret(), credentials.rsa_key(), credentials.ec_key()
CLOUDFRONT = credentials.rsa_key("cloudfront")
KEYS = {"HS256": (HMAC, hs256), "RS256": (RSA, rs256), "ES256": (EC, es256)}
YEAR = 365 * 86400
END = (int(time.time()) // YEAR + 2) * YEAR # the same one in each run of a year

NUMBERS = ["0", "-1", "1", "2147483648", "9223372036854775807", "9223372036854775808", "1e3",
           "99999999999999999999", "0x10", "+1", "%201", "1.5", "NaN", "", "01", "null"]

# none that ends a parameter or a cookie: what stands behind it is another one
CHARACTERS = string.ascii_letters + string.digits + "-_.~!*'():,/+@=%"


@pytest.fixture(scope="module")
def edge(web_edges, web):
    edge = web_edges(
        web.tenants("acme", acme="host acme.test; jwks jwks; cloudfront_key K1 pem;"),
        files={"pem": credentials.pem(CLOUDFRONT), "jwks": credentials.jwks(
            *(credentials.jwk(key, kid=alg, alg=alg) for alg, (key, _) in KEYS.items()))},
        http="xr_auth_fail_limit off;",
        server="keepalive_requests 1000000; access_log off; error_log error.log error;")
    web.put_at(PATH, scripted.message(200, BODY))
    return edge


# Requests

def request(target, headers=""):
    return (f"GET {target} HTTP/1.1\r\nHost: edge.test\r\n{headers}\r\n").encode("latin-1")


def statuses(port, requests):
    """What is answered; pipelined, over one connection after the other that is closed."""

    found = []

    while len(found) < len(requests):
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            before = len(found)
            while len(found) < len(requests):
                batch = requests[len(found):len(found) + BATCH]
                got = _answers(sock, batch)
                found += got
                if len(got) < len(batch):
                    break
        assert len(found) > before, requests[before]

    return found


def _answers(sock, batch):
    """May be fewer than were asked for: the last one has closed the connection."""

    sock.sendall(b"".join(batch))
    data, got = b"", []

    while len(got) < len(batch):
        more = sock.recv(1 << 18)
        if not more:
            break
        data += more
        got = STATUS.findall(data)

    return [int(status) for status in got]


def assert_all_refused(edge, requests):
    wrong = [(status, ask) for ask, status in zip(requests, statuses(edge.port, requests))
             if status not in (400, 403, 404, 414, 431)]
    assert wrong == [], wrong[:5]


# Mutations

def text(rng, old, characters=CHARACTERS):
    """Another text than "old"."""

    while True:
        at = rng.randrange(len(old) + 1)
        to = min(len(old), at + rng.choice((1, 1, 2, 5, 20)))
        some = "".join(rng.choices(characters, k=rng.choice((1, 1, 2, 4))))
        new = rng.choice((
            lambda: old[:at] + some + old[to:],             # replaced
            lambda: old[:at] + some + old[at:],             # inserted
            lambda: old[:at] + old[to:],                    # left out
            lambda: old[:to] + old[at:],                    # repeated
            lambda: old[:at],                               # cut short
            lambda: old[at:] + old[:at],                    # turned
            lambda: old + some * 50,
            lambda: old.swapcase(),
            lambda: rng.choice(NUMBERS),
        ))()
        if new != old:
            return new


def data(rng, old):
    """Other bytes than "old"."""

    while True:
        new = bytearray(old)
        for _ in range(rng.choice((1, 1, 1, 3))):
            if new:
                new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)
        new = rng.choice((bytes(new), bytes(new), bytes(len(old)), old[:-1], old + b"\0",
                          old[::-1], rng.randbytes(len(old)), b"\xff" * len(old), b""))
        if new != old:
            return new


def fields(rng, names, values):
    """A list of pairs of which something is wrong."""

    pairs = list(zip(names, values))
    at = rng.randrange(len(pairs))
    name, value = pairs[at]

    pairs[at:at + 1] = rng.choice((
        [(name, text(rng, value))], [(name, text(rng, value))], [(name, text(rng, value))],
        [(name, rng.choice(NUMBERS))], [(text(rng, name), value)], [], [(name, "")],
        [(name, value), (name, text(rng, value))],
        [(name, value), (rng.choice(("x", "admin", "exp", "acl", "ip")), "1")]))

    if rng.random() < .1:
        rng.shuffle(pairs)

    return pairs


def claims(rng, old):
    """JSON of an object of which something is another."""

    new = dict(old)
    name = rng.choice([*new, "nbf", "iat", "aud", "path", "alg", "crit", "x"])
    new[name] = rng.choice((
        None, True, [], {}, "", -1, 0, 2 ** 53, 2 ** 64, 1.5, "x" * 300, "\0", "é\ud800", [[[1]]],
        new.get(name, 1), [new.get(name)], {"a": new.get(name)}, text(rng, str(new.get(name)))))
    if rng.random() < .2:
        del new[rng.choice(list(new))]

    out = json.dumps(new)
    return text(rng, out, CHARACTERS + '{}[]",\\') if rng.random() < .5 else out


# Kinds: each makes requests, and knows what is no mutation at all

def edgeauth_tokens(rng):
    message = {"ip": "127.0.0.1", "st": "1700000000", "exp": str(END), "acl": "/acme/*!/x/?",
               "id": "visitor", "data": "country:DE|FR,quality:high"}
    good = "~".join(f"{name}={value}" for name, value in message.items() if name != "data")
    mac = edgeauth.sign(servers.KEY, good)
    yield f"{good}~hmac={mac}"

    names, values = list(message), list(message.values())

    while True:
        made = "~".join(f"{name}={value}" for name, value in fields(rng, names, values))
        made = rng.choice((
            lambda: f"{made}~hmac={mac}",
            lambda: f"{made}~hmac={edgeauth.sign(servers.OTHER_KEY, made)}",
            lambda: f"{good}~hmac={text(rng, mac, '0123456789abcdefg')}",
            lambda: f"hmac={mac}~{good}",
            lambda: text(rng, f"{good}~hmac={mac}", CHARACTERS.replace("=", "")),
        ))()

        if made.lower() != f"{good}~hmac={mac}":        # digits may be capitals
            yield made


def jwt_tokens(alg):
    key, signer = KEYS[alg]
    header = {"alg": alg, "kid": alg, "typ": "JWT"}
    payload = {"exp": END, "sub": "visitor", "iss": "https://id.test", "path": "/acme/*",
               "cdniip": "127.0.0.1"}
    good = compact(header, payload, signer(key))

    def tokens(rng):
        yield good
        parts = good.split(".")

        while True:
            made = list(parts)
            at = rng.randrange(3)

            if rng.random() < .3:
                made[at] = text(rng, parts[at], string.ascii_letters + string.digits + "-_=.")
            elif at == 2:
                made[at] = b64(data(rng, unb64(parts[2])))
            else:
                made[at] = b64(claims(rng, (header, payload)[at]))
            if rng.random() < .02:
                rng.shuffle(made)
            if rng.random() < .05:
                made[0] = b64(json.dumps({"alg": rng.choice(("none", "NONE", "HS256", "RS256",
                                                             "ES256", "PS256", "EdDSA"))}))
            if made != parts:
                yield ".".join(made)

    return tokens


def cloudfront_parameters(make):
    def parameters(rng):
        good = make()
        yield good

        while True:
            made = dict(good)
            name = rng.choice(list(made))
            value = made[name]

            if name in ("Signature", "Policy") and rng.random() < .5:
                decoded = unb64(value.translate(str.maketrans("-~", "+/")).rstrip("_")
                                .translate(str.maketrans("+/", "-_")))
                made[name] = credentials.cloudfront_encode(data(rng, decoded))
            elif rng.random() < .1:
                del made[name]
            elif rng.random() < .1:
                made[text(rng, name, string.ascii_letters)] = made.pop(name)
            else:
                made[name] = text(rng, value, CHARACTERS.replace("%", ""))

            yield made

    return parameters


def carried(number, token):
    """Tokens go by each carrier in turn, as far as they can."""

    how = number % 4

    if how == 0:
        return request(f"{PATH}?xr_token={token}")
    if how == 1:
        return request(PATH, f"Authorization: Bearer {token}\r\n")
    if how == 2:
        return request(PATH, f"Cookie: a=b; xr_token={token}\r\n")

    return request(f"/~{b64(token)}{PATH}")


def signed(number, made):
    if number % 2:
        return request(PATH, f"Cookie: {credentials.cookies(made)}\r\n")

    return request(with_query(PATH, made))


KINDS = {
    "edgeauth": (edgeauth_tokens, carried),
    "HS256": (jwt_tokens("HS256"), carried),
    "RS256": (jwt_tokens("RS256"), carried),
    "ES256": (jwt_tokens("ES256"), carried),
    "canned": (cloudfront_parameters(lambda: canned(
        f"https://edge.test{PATH}", CLOUDFRONT, "K1")), signed),
    "custom": (cloudfront_parameters(lambda: credentials.custom(
        policy("http*://edge.test/acme/*", IpAddress={"AWS:SourceIp": "127.0.0.1"}), CLOUDFRONT,
        "K1")), signed),
}


@pytest.mark.parametrize("kind", KINDS)
def test_mutations_are_refused(edge, kind):
    make, carry = KINDS[kind]
    made = make(random.Random(kind))
    good = next(made)

    for number in range(4):
        assert statuses(edge.port, [carry(number, good)]) == [200]

    requests = [carry(number, mutant) for number, mutant in
                enumerate(itertools.islice(made, COUNT))]
    assert_all_refused(edge, requests)

    # it still serves who may ask
    assert statuses(edge.port, [carry(0, good)]) == [200]


def test_what_is_signed_breaks_nothing(edge):
    """Behind a good signature anything may stand: it is judged, or refused, but no more."""

    rng = random.Random("signed")
    header = {"alg": "HS256", "kid": "HS256"}
    payload = {"exp": END, "sub": "visitor", "path": ["/acme/*"], "cdniip": "127.0.0.1",
               "xr_origin": "a|*.b", "aud": ["acme"], "nbf": 1, "cdnicrit": "path"}
    requests = []

    for number in range(COUNT // 2):
        requests.append(carried(number, compact(header, claims(rng, payload), hs256(HMAC))))

    names = ["exp", "st", "acl", "id", "data"]
    values = [str(END), "1", "/acme/*", "visitor", "origin:a|*.b,country:DE,quality:x"]

    for number in range(COUNT // 2):
        message = "~".join(f"{name}={value}" for name, value in fields(rng, names, values))
        requests.append(carried(number, f"{message}~hmac={edgeauth.sign(servers.KEY, message)}"))

    found = collections.Counter(statuses(edge.port, requests))
    assert set(found) <= {200, 400, 403, 404, 414}, found
    assert found[200] > 0 and found[403] > 0


# Floods

GARBAGE = f"{b64(json.dumps({'alg': 'ES256', 'kid': 'ES256'}))}.{b64(json.dumps({'exp': END}))}"


def garbage(rng, address):
    """A token whose signature has to be checked before it is known to be none."""

    return request(PATH, f"X-Forwarded-For: {address}\r\n"
                         f"Authorization: Bearer {GARBAGE}.{b64(rng.randbytes(64))}\r\n")


def good(address, **claims):
    made = compact({"alg": "ES256", "kid": "ES256"}, {"exp": END, **claims}, es256(EC))
    return request(PATH, f"X-Forwarded-For: {address}\r\nAuthorization: Bearer {made}\r\n")


MANY_PATH = "/many/models/a.glb"
MANY = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(32)]


@pytest.fixture
def flooded(web_edges, web):
    """A function: an edge that believes 127.0.0.1 whom it asks for, with these limits."""

    def start(limit):
        edge = web_edges(
            web.tenants("acme", "many", acme="jwks jwks; cloudfront_key K1 pem;",
                        many="keys many.keys;"),
            files={"jwks": credentials.jwks(credentials.jwk(EC, kid="ES256")),
                   "pem": credentials.pem(CLOUDFRONT),
                   "many.keys": "".join(f"k{n} {key}\n" for n, key in enumerate(MANY))},
            http=f"xr_auth_fail_limit {limit}; xr_trusted_proxy 127.0.0.1;",
            server="keepalive_requests 1000000; access_log off; error_log error.log error;")
        for path in (PATH, MANY_PATH):
            web.put_at(path, scripted.message(200, BODY))
        return edge

    return start


def test_a_flood_from_one_address(flooded):
    edge = flooded("share=100% rate=1r/s burst=20")
    rng = random.Random(1)
    warm = good("192.0.2.1")
    assert statuses(edge.port, [warm]) == [200]

    started = time.monotonic()
    found = collections.Counter(statuses(edge.port, [garbage(rng, "192.0.2.1")
                                                     for _ in range(1000)]))
    took = time.monotonic() - started

    assert set(found) == {403, 429}
    assert 20 <= found[403] <= 21 + took

    # from there what is known is served, and what is not has to wait; others need not
    assert statuses(edge.port, [*[garbage(rng, "192.0.2.1")] * 9, warm, good("192.0.2.1", n=1),
                                good("192.0.2.2", n=2)])[9:] == [200, 429, 200]
    assert statuses(edge.port, [garbage(rng, "192.0.2.3")] * 3) == [403] * 3

    # IPv6 counts by the /64
    found = collections.Counter(statuses(edge.port, [
        garbage(rng, f"2001:db8:0:1:{n:x}::1") for n in range(1, 200)]))
    assert found[429] > 100
    assert statuses(edge.port, [garbage(rng, "2001:db8:0:2::1")]) == [403]

    with servers.http1.Connection(edge.port) as connection:
        connection.sock.sendall(garbage(rng, "192.0.2.1"))
        refused = connection.receive()
        assert (refused.status, refused["retry-after"]) == (429, "1")
        assert refused["cache-control"] == "no-store"


def test_a_flood_from_everywhere(flooded):
    """It takes its share of a worker and no more, while who is known is served at once."""

    edge = flooded("share=1%")
    rng = random.Random(2)
    warm = good("192.0.2.1")
    assert statuses(edge.port, [warm]) == [200]

    flood = [garbage(rng, f"203.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")
             for n in range(2 * COUNT)]
    found = collections.Counter()
    thread = threading.Thread(target=lambda: found.update(statuses(edge.port, flood)))
    times = []

    thread.start()
    while thread.is_alive():
        started = time.monotonic()
        assert statuses(edge.port, [warm]) == [200]
        times.append(time.monotonic() - started)
        time.sleep(0.005)
    thread.join()

    assert set(found) == {403, 429}
    assert found[429] > len(flood) // 2, found
    assert len(times) > 5 and sorted(times)[len(times) // 2] < (1 if servers.ASAN else 0.1), times

    # those limits are not for who is known, nor for MACs, which cost nothing
    assert statuses(edge.port, [warm]) == [200]
    made = edgeauth.token(servers.OTHER_KEY, acl="/*")
    assert statuses(edge.port, [request(f"{PATH}?xr_token={made}")] * 3) == [403] * 3

    # and end with the flood
    servers.wait_for("an end of it", lambda: statuses(
        edge.port, [good("198.51.100.1", n=time.time())]) == [200], 10)


def test_a_flood_of_one_canned_url(flooded):
    """
    Its signature is checked once, whoever sends it: an address that may not
    have a signature checked is answered all the same.
    """

    edge = flooded("share=100% rate=1r/s burst=1")
    rng = random.Random(3)

    def url(n, expires):
        signed = canned(f"https://edge.test{PATH}?n={n}", CLOUDFRONT, "K1", expires)
        return with_query(f"{PATH}?n={n}", signed)

    def ask(target, address):
        return request(target, f"X-Forwarded-For: {address}\r\n")

    expired, valid = url(1, int(time.time()) - 100), url(2, END)
    assert statuses(edge.port, [ask(expired, "192.0.2.1"), ask(valid, "192.0.2.1")]) == [403, 200]

    for n in range(2, 30):
        address = f"192.0.2.{n}"
        found = statuses(edge.port, [
            *(garbage(rng, address) for _ in range(5)), ask(expired, address),
            ask(valid, address), ask(url(100 + n, END), address)])
        assert found[:1] + found[4:] == [403, 429, 403, 200, 429]


def test_a_flood_of_macs(flooded):
    """One is made in no time; one for each of many keys is not."""

    edge = flooded("share=100% rate=1r/s burst=20")

    def ask(path, key, address, **fields):
        made = edgeauth.token(key, **fields)
        return request(f"{path}?xr_token={made}", f"X-Forwarded-For: {address}\r\n")

    def flood(path, **fields):
        started = time.monotonic()
        found = collections.Counter(statuses(
            edge.port, [ask(path, servers.OTHER_KEY, "192.0.2.1", **fields)] * 500))
        return found, time.monotonic() - started

    for fields in ({"acl": "/*"}, {"url": PATH}):
        assert flood(PATH, **fields)[0] == {403: 500}
    assert statuses(edge.port, [ask(PATH, servers.KEY, "192.0.2.1", acl="/*")]) == [200]

    found, took = flood(MANY_PATH, acl="/*")
    assert set(found) == {403, 429}
    assert 20 <= found[403] <= 21 + took

    # the others of the address that came have to wait, those elsewhere need not
    assert statuses(edge.port, [
        *[ask(MANY_PATH, servers.OTHER_KEY, "192.0.2.1", acl="/*")] * 9,
        ask(MANY_PATH, MANY[31], "192.0.2.1", acl="/*"),
        ask(PATH, servers.KEY, "192.0.2.1", acl="/*"),
        ask(MANY_PATH, MANY[31], "192.0.2.2", acl="/*")])[9:] == [429, 200, 200]
