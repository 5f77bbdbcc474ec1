# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
The arms of a split: who is in which, by a calculation of its own, which is what docs/formats.md
says and no more; the same in all worker processes, after a reload, in the log.
"""

import collections
import itertools
import math

import pytest

import edgeauth
import live
import servers
from test_variants import BODIES, Store, get, manifest, variant

KEY = servers.key_of("acme")
SUBJECTS = 10000
MASK = (1 << 64) - 1

ARMS = [{"name": "mostly", "weight": 70, "variants": ["mid"]},
        {"name": "some", "weight": 25, "variants": ["low"]},
        {"name": "few", "weight": 5}]
VARIANTS = [variant("mid", BODIES["mid"], q=60), variant("low", BODIES["low"], q=20)]

NUMBERS = itertools.count()


def rotated(x, n):
    return (x << n | x >> (64 - n)) & MASK


def siphash(key, data):
    """SipHash-2-4 with 128 bits of output, of which the first 64 are a number."""

    k0, k1 = (int.from_bytes(key[i:i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee,
         k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & MASK
            v[2] = (v[2] + v[3]) & MASK
            v[1] = rotated(v[1], 13) ^ v[0]
            v[3] = rotated(v[3], 16) ^ v[2]
            v[0] = rotated(v[0], 32)
            v[2] = (v[2] + v[1]) & MASK
            v[0] = (v[0] + v[3]) & MASK
            v[1] = rotated(v[1], 17) ^ v[2]
            v[3] = rotated(v[3], 21) ^ v[0]
            v[2] = rotated(v[2], 32)

    end = len(data) // 8 * 8
    blocks = [data[i:i + 8] for i in range(0, end, 8)]
    blocks.append(data[end:].ljust(7, b"\0") + bytes([len(data) & 0xff]))

    for block in blocks:
        word = int.from_bytes(block, "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word

    v[2] ^= 0xee
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def arm_of(tenant, name, subject, salt, arms):
    """The arm by docs/formats.md."""

    n = 0
    for text in (tenant, name, subject, salt):
        n = siphash(b"xr-select-split\0", n.to_bytes(8, "little") + text.encode())

    place = n % sum(arm["weight"] for arm in arms)
    for arm in arms:
        if place < arm["weight"]:
            return arm["name"]
        place -= arm["weight"]


@pytest.fixture(scope="module")
def web():
    with Store({}) as origin:
        yield origin


@pytest.fixture(scope="module")
def edge(web, web_edges):
    return web_edges(web.tenants("acme"), origin=web.url, workers=2,
                     location=f"{servers.CACHE} xr_variants redirect;",
                     server=live.PID + "add_header X-Arm $xr_variant_arm always;"
                                       " keepalive_requests 20000;",
                     http="log_format arms '$xr_subject $xr_variant_arm'; access_log arms.log arms;")


def publish(web, salt="2026-11", arms=ARMS):
    name = f"m/{next(NUMBERS)}.glb"
    web.publish(name, manifest(VARIANTS, split={"salt": salt, "arms": arms}))
    return name


def target(name, subject, query="xr=d3-b-13-m"):
    token = edgeauth.token(KEY, acl="/acme/*", id=subject)
    return f"{edgeauth.in_path(f'/acme/{name}', token)}?{query}"


def test_the_hash_is_known():
    """The first of the vectors for 128 bits that the authors of SipHash publish."""

    key = bytes(range(16))
    assert siphash(key, b"").to_bytes(8, "little").hex() == "a3817f04ba25a8e6"
    assert siphash(key, b"\0").to_bytes(8, "little").hex() == "da87c1d86b99af44"


def test_shares_and_members(edge, web):
    """Every one of them is where it should be, and the shares are those of the weights."""

    name = publish(web)
    wanted = {f"user-{n}": None for n in range(SUBJECTS)}
    for subject in wanted:
        wanted[subject] = arm_of("acme", name, subject, "2026-11", ARMS)

    counts = collections.Counter(wanted.values())
    for arm in ARMS:
        share = arm["weight"] / 100
        assert abs(counts[arm["name"]] - SUBJECTS * share) \
            < 4 * math.sqrt(SUBJECTS * share * (1 - share)), counts

    wrong = []
    with live.Workers(edge) as workers:
        workers.ask("/-")
        connections = list(workers.connections.values())
        assert len(connections) == 2
        for n, (subject, arm) in enumerate(wanted.items()):
            response = connections[n % 2].request(target(name, subject), method="HEAD")
            if (response.status, response["x-arm"]) != (307, arm):
                wrong.append((subject, arm, response))
    assert wrong == []


def test_all_workers_and_a_reload(web, web_edges):
    edge = web_edges(web.tenants("acme"), origin=web.url, workers=2,
                     location=f"{servers.CACHE} xr_variants redirect;",
                     server=live.PID + "add_header X-Arm $xr_variant_arm always;")
    name = publish(web)
    subjects = [f"someone-{n}" for n in range(100)]
    wanted = [{arm_of("acme", name, subject, "2026-11", ARMS)} for subject in subjects]

    def seen():
        with live.Workers(edge) as workers:
            return [{answer["x-arm"] for answer in workers.ask(target(name, subject)).values()}
                    for subject in subjects]

    assert seen() == wanted
    edge.reload()
    assert seen() == wanted


def test_another_salt_another_object(edge, web):
    first, second, third = publish(web), publish(web), publish(web, salt="2026-12")
    seen = []
    for name, salt in ((first, "2026-11"), (second, "2026-11"), (third, "2026-12")):
        arms = [edge.get(target(name, f"u{n}"))["x-arm"] for n in range(60)]
        assert arms == [arm_of("acme", name, f"u{n}", salt, ARMS) for n in range(60)]
        seen.append(arms)
    assert seen[0] != seen[1] != seen[2]


def test_arms_have_their_variants(edge, web):
    name = publish(web)
    for n in range(40):
        response = edge.get(target(name, f"u{n}"))
        chosen = response["xr-variant"].split(";")[0]
        assert response["xr-variant"].endswith(f";arm={response['x-arm']}")
        assert chosen == {"mostly": "mid", "some": "low", "few": "mid"}[response["x-arm"]]
        assert response["cache-control"].startswith("private")


def test_arms_are_logged(edge, web):
    name = publish(web)
    for n in range(20):
        edge.get(target(name, f"logged-{n}"))
    log = edge.folder / "arms.log"
    for n in range(20):
        arm = arm_of("acme", name, f"logged-{n}", "2026-11", ARMS)
        servers.wait_for("the log", lambda: f"logged-{n} {arm}\n" in log.read_text())


def test_by_address(web, web_edges):
    """Without a subject it is the address that counts."""

    edge = web_edges(web.tenants("acme"), origin=web.url,
                     location=f"xr_auth public; {servers.CACHE} xr_variants on;")
    for _ in range(8):
        name = publish(web)
        arm = arm_of("acme", name, "127.0.0.1", "2026-11", ARMS)
        assert get(edge, name)["xr-variant"].endswith(f";arm={arm}")
