# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Subjects, tokens and keys that are revoked while NGINX runs, and lists that are no good."""

import itertools
import os
import signal
import time

import pytest

import live
import servers
from credentials import (custom, ec_key, jwk, jwks, make_jwt, pem, policy, rsa_key, secret,
                         with_query)
from edgeauth import in_query, token
from scripted import message
from servers import KEY

EC, HMAC, CLOUDFRONT = ec_key("revocation"), secret("revocation"), ec_key("revocation cf")

names = (f"n{n}" for n in itertools.count(1))


def by_edgeauth(path, subject, _):
    return in_query(path, token(KEY, acl="/*", id=subject))


def by_hs256(path, subject, jti):
    return in_query(path, make_jwt("HS256", HMAC, "hs", sub=subject, jti=jti))


def by_es256(path, subject, jti):
    return in_query(path, make_jwt("ES256", EC, "es", sub=subject, jti=jti))


def by_cloudfront(path, *_):
    return with_query(path, custom(policy("*"), CLOUDFRONT, "CF"))


# how it is signed, and the id of the key
KINDS = {"edgeauth": (by_edgeauth, "main"), "HS256": (by_hs256, "hs"),
         "ES256": (by_es256, "es"), "cloudfront": (by_cloudfront, "CF")}

# which of them tell what can be revoked
SUBJECTS = [kind for kind in KINDS if kind != "cloudfront"]
TOKENS = ["HS256", "ES256"]


def start(web_edges, web, text="# nobody\n", options="", **more):
    options = {"workers": 2, "server": live.PID,
               "http": f"xr_revocation_file revoked {options};", **more}
    keys = "jwks jwks; cloudfront_key CF cf.pem; keys acme.keys;"
    edge = web_edges(web.tenants("acme", "other", acme=keys, other="jwks other.jwks;"), files={
        "revoked": text, "cf.pem": pem(CLOUDFRONT), "acme.keys": f"main {KEY}\n",
        "jwks": jwks(jwk(EC, kid="es"), jwk(HMAC, kid="hs", alg="HS256")),
        "other.jwks": jwks(jwk(ec_key("other"), kid="es"))}, **options)
    return edge


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return start(web_edges, web)


@pytest.fixture
def workers(edge):
    edge.replace("revoked", "# nobody\n")
    with live.Workers(edge) as workers:
        yield workers


@pytest.fixture(scope="module")
def path(web):
    return web.put(message(200, b"a model"))


def warm(workers, target):
    """Let in, and remembered by now, on each worker."""

    workers.wait(200, target)


def assert_revoked(edge, workers, target):
    workers.wait(403, target)
    response = edge.get(target)
    edge.assert_refused(response, "token_revoked")


@pytest.mark.parametrize("kind", SUBJECTS)
def test_a_subject(edge, workers, path, kind):
    sign, _ = KINDS[kind]
    subject = next(names)
    target, fresh = sign(path, subject, "1"), sign(path, subject, "2")
    other = sign(path, f"{subject}2", "1")
    warm(workers, target)
    warm(workers, other)

    edge.replace("revoked", f"acme sub {subject}\n")
    assert_revoked(edge, workers, target)
    assert workers.statuses(fresh) == {403}
    assert workers.statuses(other) == {200}

    edge.replace("revoked", "")
    workers.wait(200, target)
    assert workers.statuses(fresh) == {200}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token(edge, workers, path, kind):
    sign, _ = KINDS[kind]
    jti = next(names)
    target, other = sign(path, "alice", jti), sign(path, "alice", f"{jti}2")
    warm(workers, target)
    warm(workers, other)

    edge.replace("revoked", f"acme jti {jti}\n")
    assert_revoked(edge, workers, target)
    assert workers.statuses(other) == {200}

    edge.replace("revoked", "# again\n")
    workers.wait(200, target)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key(edge, workers, path, kind):
    sign, kid = KINDS[kind]
    target = sign(path, "alice", "1")
    others = [KINDS[other][0](path, "alice", "1") for other in KINDS if other != kind]
    for each in [target, *others]:
        warm(workers, each)

    edge.replace("revoked", f"acme kid {kid}\n")
    assert_revoked(edge, workers, target)
    assert [workers.statuses(other) for other in others] == [{200}] * 3

    edge.replace("revoked", "# again\n")
    workers.wait(200, target)


# Tokens that do not say whose they are: their key is found by trying each of its kind

NAMELESS = {
    "RS256": {"r1": rsa_key("nameless 1"), "r2": rsa_key("nameless 2")},
    "ES256": {"e1": ec_key("nameless 1"), "e2": ec_key("nameless 2")},
    "HS256": {"h1": secret("nameless 1"), "h2": secret("nameless 2")},
}


@pytest.fixture(scope="module")
def nameless(web_edges, web):
    keys = jwks(*(jwk(key, kid=kid, alg=alg) for alg, some in NAMELESS.items()
                  for kid, key in some.items()))
    return web_edges(web.tenants("acme", acme="jwks jwks;"),
                     files={"jwks": keys, "revoked": "# nobody\n"}, workers=2, server=live.PID,
                     http="xr_revocation_file revoked;")


@pytest.mark.parametrize("alg, kid", [(alg, kid) for alg in NAMELESS for kid in NAMELESS[alg]])
def test_the_key_of_a_token_without_kid(nameless, web, alg, kid):
    """Its id is known whether the token is new, remembered, or its signature is."""

    paths = [web.put(message(200, b"a model")) for _ in range(2)]
    others = {name: key for name, key in NAMELESS[alg].items() if name != kid}
    made = [make_jwt(alg, NAMELESS[alg][kid], sub=next(names)) for _ in range(2)]
    [other] = [make_jwt(alg, key) for key in others.values()]

    nameless.replace("revoked", "# nobody\n")

    with live.Workers(nameless) as workers:
        workers.wait(200, in_query(paths[0], made[0]))
        workers.wait(200, in_query(paths[0], other))

        # the first request with it, one for the same, one for another object
        fresh = make_jwt(alg, NAMELESS[alg][kid], sub=next(names))
        for path in (paths[0], paths[0], paths[1]):
            response = nameless.get(in_query(path, fresh))
            assert nameless.logged(response)["key"] == kid

        nameless.replace("revoked", f"acme kid {kid}\n")
        workers.wait(403, in_query(paths[0], made[0]))

        for target in (in_query(paths[0], made[0]), in_query(paths[1], made[0]),
                       in_query(paths[0], made[1]), in_query(paths[0], made[1]),
                       in_query(paths[1], fresh)):
            assert workers.statuses(target) == {403}
            nameless.assert_refused(nameless.get(target), "token_revoked")
        assert workers.statuses(in_query(paths[0], other)) == {200}

        nameless.replace("revoked", "# nobody\n")
        workers.wait(200, in_query(paths[0], made[0]))


def test_all_at_once(edge, workers, path):
    """Lines add up, with comments, white space and other tenants between them."""

    one, two, three = (by_es256(path, name, f"{name}-id") for name in ("one", "two", "three"))
    for each in (one, two, three):
        warm(workers, each)

    edge.replace("revoked", "# head\n\n  acme sub one  \r\nother sub three\n"
                            "\tacme\tjti\ttwo-id\n# acme sub three")
    workers.wait(403, one)
    assert workers.statuses(two) == {403}
    assert workers.statuses(three) == {200}


@pytest.mark.parametrize("line", ["other sub {}", "acme jti {}", "acme kid {}", "acme sub {}x",
                                  "acme sub *", "ACME sub {}"])
def test_lines_about_others(edge, workers, path, line):
    subject, guard = next(names), next(names)
    target = by_es256(path, subject, "1")
    warm(workers, target)
    warm(workers, by_es256(path, guard, "1"))

    if line.startswith("ACME"):
        edge.replace("revoked", line.format(subject) + "\n")
        live.logs(edge, "revoked:1: ")
        edge.replace("revoked", "# good again\n")
    else:
        edge.replace("revoked", f"{line.format(subject)}\nacme sub {guard}\n")
        workers.wait(403, by_es256(path, guard, "1"))

    workers.wait(200, target)


def test_every_tenant(edge, workers, web, path):
    """"*" stands for all of them."""

    other = in_query(web.put(message(200, b"x"), tenant="other"),
                     make_jwt("ES256", ec_key("other"), "es", sub="mallory"))
    target = by_es256(path, "mallory", "1")
    warm(workers, target)
    warm(workers, other)

    edge.replace("revoked", "* sub mallory\n")
    workers.wait(403, target)
    workers.wait(403, other)


@pytest.mark.parametrize("subject, written", [
    ("a b", "a%20b"), ("100%", "100%25"), ("jürgen", "jürgen"), ("a=b&c", "a=b&c"), ("*", "*"),
    ("#1", "#1"), ("x" * 256, "x" * 256)])
def test_values_with_other_characters(edge, workers, path, subject, written):
    target = by_es256(path, subject, "1")
    warm(workers, target)

    edge.replace("revoked", f"acme sub {written}\n")
    workers.wait(403, target)


def test_until(edge, workers, path):
    """A line that has ended does not matter; one that ends later does until then."""

    target, other = by_es256(path, "soon", "1"), by_es256(path, "past", "1")
    warm(workers, target)
    warm(workers, other)
    now = int(time.time())

    edge.replace("revoked", f"acme sub soon until={now + 4}\nacme sub past until={now - 1}\n")
    workers.wait(403, target)
    assert workers.statuses(other) == {200}

    # nothing changes in the file
    time.sleep(max(0, now + 3 - time.time()))
    assert workers.statuses(target) == {403} or time.time() > now + 4
    workers.wait(200, target, 4)


def test_revoked_before_the_start(web_edges, web, path):
    edge = start(web_edges, web, "acme sub alice\nacme kid hs\n")

    for kind, status in (("ES256", 403), ("edgeauth", 403), ("HS256", 403), ("cloudfront", 200)):
        assert edge.get(KINDS[kind][0](path, "alice", "1")).status == status
    assert edge.get(by_es256(path, "bob", "1")).status == 200

    edge.reload()
    assert edge.get(by_es256(path, "alice", "1")).status == 403


def test_after_a_reload(web_edges, web, path):
    edge = start(web_edges, web)

    with live.Workers(edge) as workers:
        edge.replace("revoked", "acme sub alice\n")
        workers.wait(403, by_es256(path, "alice", "1"))

    edge.reload()

    with live.Workers(edge) as workers:
        assert workers.statuses(by_es256(path, "alice", "1")) == {403}
        edge.replace("revoked", "acme sub bob\n")
        workers.wait(403, by_es256(path, "bob", "1"))
        assert workers.statuses(by_es256(path, "alice", "1")) == {200}


def test_head_and_public_objects(web_edges, web, path):
    """A method changes nothing; where no credential is asked for nobody is revoked."""

    edge = start(web_edges, web, "acme sub alice\n", location=servers.CACHE, server=live.PID + """
        location /acme/public/ { xr on; xr_auth public; }""")
    web.put_at("/acme/public/a.glb", message(200, b"x"))

    assert edge.get(by_es256(path, "alice", "1"), "HEAD").status == 403
    assert edge.get("/acme/public/a.glb").status == 200


# Lists that are no good

BAD_LISTS = {
    "too few words": ("acme sub\n", 1, "no value"),
    "unknown kind": ("# x\nacme user alice\n", 2, ""),
    "bad tenant": ("Acme sub alice\n", 1, ""),
    "bad until": ("acme sub alice until=soon\n", 1, ""),
    "more words": ("acme sub alice until=1 x\n", 1, ""),
    "two values": ("acme sub alice bob\n", 1, ""),
    "bad escape": ("acme sub a%2\n", 1, ""),
    "too long": (f"acme sub {'x' * 1025}\n", 1, ""),
    "control character": ("acme sub a\x01b\n", 1, ""),
    "json": ('{"revoked": []}\n', 1, ""),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_bad_lists_are_refused(edge, workers, path, name):
    """By "nginx -t", and while NGINX runs, which lets nobody in until there is a good one."""

    text, line, reason = BAD_LISTS[name]
    target = by_es256(path, "alice", "1")
    workers.wait(200, target)

    edge.replace("revoked", text)
    workers.wait(503, target)

    said = [line for line in edge.error_log().splitlines() if "/revoked:" in line][-1]
    assert "[error]" in said and f"/revoked:{line}: {reason}" in said

    code, said = edge.test()
    [emerg] = [line for line in said.splitlines() if "[emerg]" in line]
    assert code != 0 and f"/revoked:{line}: {reason}" in emerg
    live.expected_trouble(edge, "[emerg]")

    edge.replace("revoked", "# good again\n")
    workers.wait(200, target)


BREAKS = {
    "missing": lambda edge: (edge.folder / "revoked").unlink(),
    "invalid": lambda edge: edge.replace("revoked", "nonsense\n"),
    "open to others": lambda edge: (edge.folder / "revoked").chmod(0o644),
    "a folder": lambda edge: ((edge.folder / "revoked").unlink(),
                              (edge.folder / "revoked").mkdir()),
}


def mend(edge, text):
    if (edge.folder / "revoked").is_dir():
        (edge.folder / "revoked").rmdir()
    edge.replace("revoked", text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", BREAKS)
def test_fail_closed(edge, workers, path, what, kind):
    """Nobody can tell who is revoked: 503, which says when to come back."""

    target = KINDS[kind][0](path, "alice", "1")
    warm(workers, target)

    BREAKS[what](edge)
    workers.wait(503, target)
    response = edge.get(target)
    edge.assert_refused(response, "revocation", 503)
    assert int(response["retry-after"]) > 0

    mend(edge, "# good again\n")
    workers.wait(200, target)


@pytest.fixture(scope="module")
def open_edge(web_edges, web):
    return start(web_edges, web, "acme sub mallory\n", "fail=open max_age=1h")


@pytest.mark.parametrize("what", BREAKS)
def test_fail_open(open_edge, path, what):
    """The list that was good goes on."""

    mend(open_edge, "acme sub mallory\n")

    with live.Workers(open_edge) as workers:
        workers.wait(200, by_es256(path, "alice", "1"))
        workers.wait(403, by_es256(path, "mallory", "1"))

        BREAKS[what](open_edge)
        before = open_edge.error_log().count("that of before")
        servers.wait_for("the refusal", lambda: open_edge.error_log().count(
            "is that of before") > before or what == "open to others", live.SOON)
        time.sleep(0.7)
        assert workers.statuses(by_es256(path, "alice", "1")) == {200}
        assert workers.statuses(by_es256(path, "mallory", "1")) == {403}

        mend(open_edge, "acme sub bob\n")
        workers.wait(403, by_es256(path, "bob", "1"))
        assert workers.statuses(by_es256(path, "mallory", "1")) == {200}


def set_age(edge, seconds):
    then = time.time() - seconds
    os.utime(edge.folder / "revoked", (then, then))


def test_max_age(web_edges, web, path):
    """Who writes the list does so now and then; if not, it is not known what is revoked."""

    edge = start(web_edges, web, options="max_age=1m")

    with live.Workers(edge) as workers:
        target = by_es256(path, "alice", "1")
        warm(workers, target)

        set_age(edge, 90)
        workers.wait(503, target)
        set_age(edge, 30)
        workers.wait(200, target)

        # one that is old comes, with what is new in it
        edge.write("revoked.new", "acme sub alice\n")
        set_age(edge, 0)
        os.utime(edge.folder / "revoked.new", (1, 1))
        (edge.folder / "revoked.new").rename(edge.folder / "revoked")
        workers.wait(503, target)
        set_age(edge, 0)
        workers.wait(403, target)


def test_max_age_passes(web_edges, web, path):
    """Without a change of the file."""

    edge = start(web_edges, web, options="max_age=3s")

    with live.Workers(edge) as workers:
        target = by_es256(path, "alice", "1")
        edge.replace("revoked", "# fresh\n")
        workers.wait(200, target)
        workers.wait(503, target, 6)
        os.utime(edge.folder / "revoked")
        workers.wait(200, target)


def test_max_age_fail_open(open_edge, path):
    mend(open_edge, "acme sub mallory\n")

    with live.Workers(open_edge) as workers:
        set_age(open_edge, 7200)
        time.sleep(1)
        assert workers.statuses(by_es256(path, "alice", "1")) == {200}
        workers.wait(403, by_es256(path, "mallory", "1"))


def test_an_old_list_at_the_start(web_edges, web, path):
    edge = start(web_edges, web, options="max_age=1m")
    set_age(edge, 90)
    edge.reload()

    assert edge.get(by_es256(path, "alice", "1")).status == 503


def test_without_a_manager(web_edges, web, path):
    """The process that looks at the list hangs: nobody is let in on old knowledge."""

    edge = start(web_edges, web)
    target = by_es256(path, "alice", "1")
    assert edge.get(target).status == 200

    [manager] = live.managers_of(edge)
    os.kill(manager, signal.SIGSTOP)
    try:
        servers.wait_for("a refusal", lambda: edge.get(target).status == 503, 25)
    finally:
        os.kill(manager, signal.SIGCONT)
    servers.wait_for("an answer", lambda: edge.get(target).status == 200, live.SOON)


@pytest.mark.parametrize("fail, status", [("closed", 503), ("open", 200)])
def test_a_list_that_cannot_be_mapped(web_edges, web, path, fail, status):
    """A worker that knows of a newer list, and cannot have it, does not go by the old one."""

    edge = start(web_edges, web, options=f"fail={fail}", workers=1)
    target = by_es256(path, "alice", "1")
    [worker] = servers.workers_of(edge.process.pid)

    def published():
        return list((edge.folder / "xr_state").glob("revoked.*"))

    # the first one that is published is mapped, so that there is one before
    edge.replace("revoked", "acme sub mallory\n")
    servers.wait_for("the first list", lambda: edge.get(
        by_es256(path, "mallory", "1")).status == 403)
    assert edge.get(target).status == 200
    [before] = published()

    os.kill(worker, signal.SIGSTOP)
    try:
        edge.replace("revoked", "acme sub alice\n")
        [after] = servers.wait_for("the next list", lambda: before not in published()
                                   and published())
        after.unlink()
    finally:
        os.kill(worker, signal.SIGCONT)

    for _ in range(2):
        response = edge.get(target)
        assert response.status == status
        assert status == 200 or edge.logged(response)["reason"] == "revocation"
    live.logs(edge, 'of "revoked" cannot be mapped')

    # and the one after that is there again
    edge.replace("revoked", "acme sub bob\n")
    servers.wait_for("the last list", lambda: edge.get(
        by_es256(path, "bob", "1")).status == 403)
    assert edge.get(target).status == 200


def test_a_large_list(edge, workers, path):
    """A hundred thousand lines: in use as soon as a small one."""

    target = by_es256(path, "alice", "1")
    warm(workers, target)

    lines = [f"acme jti {n:032x} until={int(time.time()) + 3600}" for n in range(100000)]
    edge.replace("revoked", "\n".join([*lines[:50000], "acme sub alice", *lines[50000:], ""]))
    workers.wait(403, target)
    assert workers.statuses(by_es256(path, "bob", f"{99999:032x}")) == {403}
    assert workers.statuses(by_es256(path, "bob", f"{100000:032x}")) == {200}


def test_no_memory(web_edges, web, path):
    """"xr_auth_memory off" changes nothing about it."""

    edge = start(web_edges, web, http="xr_revocation_file revoked; xr_auth_memory off;")

    with live.Workers(edge) as workers:
        for kind in SUBJECTS:
            workers.wait(200, KINDS[kind][0](path, "alice", "1"))
        edge.replace("revoked", "acme sub alice\n")
        for kind in SUBJECTS:
            workers.wait(403, KINDS[kind][0](path, "alice", "1"))
