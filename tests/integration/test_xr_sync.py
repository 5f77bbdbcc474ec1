# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""xr worker sync and xr revoke: a set in Redis, and the file that NGINX reads."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import edgeauth
import live
import scripted
import servers
from redis_server import redis_server

XR = servers.BUILD / "xr"

SET = "xr:revoked"


class Sync:
    """xr worker sync, and the file that it keeps."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "revoked"
        self.process = None

    def start(self, url, *options, heartbeat="60s"):
        self.log = open(self.folder / "sync.err", "w+b")
        self.process = subprocess.Popen(
            [XR, "worker", "sync", "--redis", url, "--revocations", self.file,
             "--heartbeat", heartbeat, *options],
            env=servers.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.log)

    def said(self):
        return (self.folder / "sync.err").read_text()

    def lines(self):
        return self.file.read_text().splitlines()

    def has(self, *lines, seconds=10):
        servers.wait_for(f"{lines} in the file", seconds=seconds,
                         condition=lambda: self.file.exists() and self.lines() == list(lines))

    def says(self, text):
        servers.wait_for(f'"{text}" on standard error', lambda: text in self.said())

    def touched(self):
        return self.file.stat().st_mtime_ns

    def end(self, number=signal.SIGTERM):
        process, self.process = self.process, None
        assert process.poll() is None, self.said()
        process.send_signal(number)
        assert process.wait(10) == 0, self.said()
        self.log.close()
        assert servers.trouble_in(self.folder) == []
        assert sorted(path.name for path in self.folder.glob("revoked*")) in ([], ["revoked"])


@pytest.fixture
def own():
    """A Redis that the test may kill."""

    with redis_server() as server:
        yield server


@pytest.fixture
def sync(tmp_path):
    worker = Sync(tmp_path)
    yield worker
    if worker.process:
        worker.end()


def revoke(server, *args, status=0, env=None):
    done = subprocess.run([XR, "revoke", "--redis", server.url, *args], capture_output=True,
                          env={**servers.environment(), **(env or {})}, timeout=60)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == status, out + err
    assert "Sanitizer" not in err and "runtime error" not in err

    return out, err


# ---- the way of a revocation


def test_what_is_revoked_is_in_the_file_within_a_second(redis, sync):
    sync.start(redis.url)
    sync.has()
    assert sync.file.stat().st_mode & 0o777 == 0o640

    # the next look would be a minute away: a push did it
    out, err = revoke(redis, "acme", "sub", "alice@example.com")
    sync.has("acme sub alice@example.com", seconds=1)
    assert (out, err) == ("", "")

    for _ in range(2):
        revoke(redis, "*", "kid", "2026-10", "--until", "1900000000")
    sync.has("* kid 2026-10 until=1900000000", "acme sub alice@example.com", seconds=1)

    revoke(redis, "--remove", "acme", "sub", "alice@example.com")
    sync.has("* kid 2026-10 until=1900000000", seconds=1)
    revoke(redis, "--remove", "*", "kid", "2026-10")
    sync.has(seconds=1)


def test_a_storm_of_revocations(redis, sync):
    sync.start(redis.url)
    sync.has()

    redis(text="".join(f"SADD {SET} 'acme jti {i:05}'\nPUBLISH {SET} x\n" for i in range(3000)))
    sync.has(*[f"acme jti {i:05}" for i in range(3000)])
    assert sync.said().count("\n") < 100


def test_odd_values(redis, sync):
    sync.start(redis.url)
    odd = ["a b", "100%", "käse", "new\nline", "tab\t", "%20", "#", "until=5", "\x7f", "x" * 1024]

    for value in odd:
        revoke(redis, "acme", "jti", value)

    wanted = ["a%20b", "100%25", "käse", "new%0aline", "tab%09", "%2520", "#", "until=5", "%7f",
              "x" * 1024]
    sync.has(*sorted((f"acme jti {value}" for value in wanted), key=str.encode))

    for value in odd:
        revoke(redis, "--remove", "acme", "jti", value)
    sync.has()


def test_it_looks_without_being_told(redis, sync):
    sync.start(redis.url, heartbeat="1s")
    sync.has()
    redis("SADD", SET, "acme sub bob")
    sync.has("acme sub bob", seconds=3)

    before = sync.touched()
    servers.wait_for("the file's time moves", lambda: sync.touched() > before, 3)
    inode = sync.file.stat().st_ino
    before = sync.touched()
    servers.wait_for("the file's time moves", lambda: sync.touched() > before, 3)
    assert sync.file.stat().st_ino == inode, "it was written for nothing"


def test_a_large_set(redis, sync):
    n = 200000
    redis("EVAL", f"for i = 1, {n} do redis.call('SADD', KEYS[1], 'acme jti ' .. i) end", 1, SET)
    sync.start(redis.url)
    sync.has(*sorted(f"acme jti {i}" for i in range(1, n + 1)), seconds=60)


# ---- members


def test_bad_members_are_left_out_and_said_once(redis, sync):
    bad = ["", "acme", "acme sub", "acme who x", "Acme sub x", "acme sub x until=soon", "# acme",
           "acme sub %zz", "acme sub x\nzenith sub y", "acme\nsub x", "acme sub x\n",
           "acme sub " + "x" * 1025, "acme sub x y"]

    for member in bad:
        redis("SADD", SET, member)
    redis("SADD", SET, "acme sub good", "acme  sub   good", " acme sub good", "acme sub go%6fd")

    sync.start(redis.url, heartbeat="1s")
    sync.has("acme sub good")
    before = sync.touched()
    servers.wait_for("another look", lambda: sync.touched() > before, 3)

    said = sync.said()
    assert len(re.findall(r'member "[^\n]*" left out: .+\n', said)) == 10
    assert "3 more members left out" in said
    assert said.count("left out") == 11

    redis("SREM", SET, *bad)
    redis("SADD", SET, "worse\nline")
    sync.says('member "worse\\x0aline" left out: a control character')


def test_the_set_is_one_and_has_an_end(redis, sync):
    sync.start(redis.url, heartbeat="1s")
    redis("SADD", SET, "acme sub alice")
    sync.has("acme sub alice")

    redis("SET", SET, "x")
    sync.says("WRONGTYPE")
    before = sync.touched()
    time.sleep(2.5)
    assert sync.touched() == before and sync.lines() == ["acme sub alice"]

    redis("DEL", SET)
    sync.has()


# ---- faults


def test_redis_goes_and_comes_back(own, sync):
    sync.start(own.url, heartbeat="1s")
    revoke(own, "acme", "sub", "alice")
    sync.has("acme sub alice")

    own.stop()
    sync.says("; the list stays as it is")
    before = sync.touched()
    time.sleep(3)
    assert sync.touched() == before and sync.lines() == ["acme sub alice"]
    assert sync.said().count("stays as it is") <= 2

    own.start()
    own("SADD", SET, "acme sub alice", "acme sub bob")
    sync.has("acme sub alice", "acme sub bob")

    revoke(own, "acme", "sub", "carol")
    sync.has("acme sub alice", "acme sub bob", "acme sub carol", seconds=2)


def test_redis_stands_still(own, sync):
    sync.start(own.url, heartbeat="1s")
    revoke(own, "acme", "sub", "alice")
    sync.has("acme sub alice")

    own.process.send_signal(signal.SIGSTOP)
    sync.says("does not answer; the list stays as it is")
    before = sync.touched()
    time.sleep(3)
    assert sync.touched() == before and sync.lines() == ["acme sub alice"]

    own.process.send_signal(signal.SIGCONT)
    servers.wait_for("it goes on", lambda: sync.touched() > before, 15)


def test_a_link_that_went_silent_is_made_anew(redis, sync):
    """The channel's connection alone is lost, and comes back at once."""

    sync.start(redis.url)
    sync.has()
    redis("CLIENT", "KILL", "TYPE", "pubsub")
    servers.wait_for("a listener", lambda: redis("PUBSUB", "NUMSUB", SET).split()[-1] == "1", 5)
    revoke(redis, "acme", "sub", "alice")
    sync.has("acme sub alice", seconds=2)


def test_it_starts_without_redis(own, sync):
    own.stop()
    sync.file.write_text("acme sub before\n")
    sync.start(own.url)
    sync.says("stays as it is")
    assert sync.lines() == ["acme sub before"]

    own.start()
    own("SADD", SET, "acme sub after")
    own("PUBLISH", SET, "")                 # it may have looked already
    sync.has("acme sub after")


def test_a_reader_sees_one_list_or_the_next(redis, sync):
    sync.start(redis.url)
    sync.has()
    seen, done = [], threading.Event()

    def read():
        while not done.is_set():
            seen.append(sync.file.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()

    for i in range(20):
        redis("EVAL", "for i = 1, 500 do redis.call('SADD', KEYS[1], 'acme jti ' .. ARGV[1] .. i)"
              " end redis.call('PUBLISH', KEYS[1], '')", 1, SET, f"{i:02}-")
        time.sleep(0.05)

    servers.wait_for("all of them", lambda: len(sync.lines()) == 10000)
    done.set()
    reader.join()

    counts = [text.count(b"\n") for text in seen]
    assert all(text.endswith(b"\n") for text in seen if text)
    assert all(re.fullmatch(rb"acme jti \d\d-\d+", line)
               for line in max(seen, key=len).splitlines())
    assert counts == sorted(counts) and len(set(counts)) > 3


def test_the_file_is_mended(redis, sync):
    redis("SADD", SET, "acme sub alice")
    sync.start(redis.url, heartbeat="1s")
    sync.has("acme sub alice")

    sync.file.unlink()
    sync.has("acme sub alice", seconds=5)
    sync.file.write_text("acme sub mallory\n")
    sync.has("acme sub alice", seconds=5)


def test_a_file_that_cannot_be_written(redis, sync):
    folder = sync.folder / "later"
    sync.file = folder / "revoked"
    redis("SADD", SET, "acme sub alice")
    sync.start(redis.url, heartbeat="1s")
    sync.says("No such file or directory; the list stays as it is")

    folder.mkdir()
    sync.has("acme sub alice")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another group")
def test_the_group_of_the_file_stays(redis, sync):
    sync.file.write_text("")
    os.chown(sync.file, -1, 12345)
    redis("SADD", SET, "acme sub alice")
    sync.start(redis.url)
    sync.has("acme sub alice")
    assert sync.file.stat().st_gid == 12345


# ---- ways to Redis


def test_socket_database_and_names(redis, sync):
    sync.start(f"unix://{redis.socket}?db=3", "--set", "other", "--channel", "news")
    sync.has()
    where = ["--set", "other", "--channel", "news"]
    revoke(redis, *where, "acme", "sub", "x", env={"XR_REDIS": "redis://nowhere:1"}, status=0)
    time.sleep(0.3)
    assert sync.lines() == [], "that was another database"

    done = subprocess.run([XR, "revoke", *where, "acme", "sub", "y"], timeout=20,
                          env={**servers.environment(), "XR_REDIS": f"{redis.url}/3"})
    assert done.returncode == 0
    sync.has("acme sub y", seconds=1)


def test_passwords(tmp_path, sync):
    with redis_server() as server:
        server("ACL", "SETUSER", "xr", "on", ">p%w", "~xr:*", "&xr:*", "+@all")
        server("CONFIG", "SET", "requirepass", "s3cret word")
        secret = tmp_path / "secret"
        secret.write_text("s3cret word\n")
        secret.chmod(0o600)

        sync.start(server.url, "--redis-auth-file", secret)
        sync.has()
        _, err = revoke(server, "acme", "sub", "x", status=1)
        assert "NOAUTH" in err

        for url in (f"redis://:s3cret%20word@127.0.0.1:{server.port}",
                    f"redis://xr:p%25w@127.0.0.1:{server.port}"):
            revoke(server, "--redis", url, "acme", "sub", "alice")
        sync.has("acme sub alice", seconds=2)

        secret.write_text("wrong-one\n")
        _, err = revoke(server, "--redis-auth-file", str(secret), "acme", "sub", "x", status=1)
        assert "WRONGPASS" in err and "wrong-one" not in err

        secret.chmod(0o644)
        _, err = revoke(server, "--redis-auth-file", str(secret), "acme", "sub", "x", status=1)
        assert "open to every user" in err


@pytest.mark.parametrize("url", [
    "", "127.0.0.1", "http://127.0.0.1", "rediss://127.0.0.1", "redis:127.0.0.1", "redis://",
    "redis://:6379", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x",
    "redis://h/99999", "redis://[::1", "redis://[::1]x", "redis://u%zz@h", "redis://u:%00@h",
    "redis://user@h", "unix://relative", "unix:///s?x=1", "unix:///s?db=x",
])
def test_urls_that_are_none(url):
    done = subprocess.run([XR, "revoke", "--redis", url, "--list"], capture_output=True,
                          env=servers.environment(), timeout=20)
    assert done.returncode == 2 and done.stdout == b"" and done.stderr != b""


# ---- the program


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it(redis, sync, number):
    sync.start(redis.url)
    sync.has()
    sync.end(number)


def test_a_signal_ends_it_without_redis(sync):
    sync.start(f"redis://127.0.0.1:{servers.free_port()}")
    sync.says("stays as it is")
    sync.end()


def test_list_remove_and_prune(redis):
    members = ["acme sub b", "acme sub b until=1900000000", "acme  sub  %62", "acme sub bb",
               "zenith sub b", "acme jti b", "acme jti old until=5", "acme jti older until=4"]
    for member in members:
        redis("SADD", SET, member)

    _, err = revoke(redis, "--remove", "acme", "sub", "b")
    assert "nobody listens" in err

    out, _ = revoke(redis, "--list")
    assert out.splitlines() == ["acme jti b", "acme jti old until=5", "acme jti older until=4",
                                "acme sub bb", "zenith sub b"]

    assert revoke(redis, "--prune")[0] == "2 removed\n"
    assert revoke(redis, "--prune")[0] == "0 removed\n"
    assert "is not revoked" in revoke(redis, "--remove", "acme", "sub", "b", status=1)[1]

    redis("SADD", SET, "nonsense\x1b")
    out, err = revoke(redis, "--list")
    assert out.splitlines() == ["acme jti b", "acme sub bb", "zenith sub b"]
    assert '"nonsense\\x1b"' in err


@pytest.mark.parametrize("command, args", [
    ("revoke", []), ("revoke", ["acme", "sub"]), ("revoke", ["acme", "sub", "x", "y"]),
    ("revoke", ["Acme", "sub", "x"]), ("revoke", ["acme", "who", "x"]),
    ("revoke", ["acme", "sub", ""]), ("revoke", ["acme", "sub", "x" * 1025]),
    ("revoke", ["--until", "now", "acme", "sub", "x"]),
    ("revoke", ["--until", "soon", "acme", "sub", "x"]),
    ("revoke", ["--list", "acme", "sub", "x"]), ("revoke", ["--list", "--prune"]),
    ("revoke", ["--remove"]), ("revoke", ["--remove", "--until", "+1h", "acme", "sub", "x"]),
    ("worker sync", []), ("worker sync", ["--revocations", "/tmp/x", "x"]),
    ("worker sync", ["--revocations", "/tmp/x", "--heartbeat", "0"]),
    ("worker sync", ["--revocations", "/tmp/x", "--heartbeat", "2h"]),
])
def test_wrong_calls_end_with_2(command, args):
    done = subprocess.run([XR, *command.split(), "--redis", "redis://127.0.0.1:1", *args],
                          capture_output=True, env=servers.environment(), timeout=20)
    assert done.returncode == 2 and done.stdout == b"" and done.stderr != b""


# ---- all the way into NGINX


def test_what_is_pushed_through_redis_is_refused_by_nginx(own, sync, web_edges, web):
    path = web.put(scripted.message(200, b"a model"))
    target = edgeauth.in_query(path, edgeauth.token(servers.key_of("acme"), acl="/*", id="alice"))

    sync.start(own.url, heartbeat="1s")
    sync.has()
    edge = web_edges(web.tenants("acme"), workers=2, server=live.PID,
                     http=f"xr_revocation_file {sync.file} max_age=4s;")

    with live.Workers(edge) as workers:
        workers.wait(200, target)

        started = time.monotonic()
        revoke(own, "acme", "sub", "alice")
        workers.wait(403, target)
        assert time.monotonic() - started < live.SOON

        revoke(own, "--remove", "acme", "sub", "alice")
        workers.wait(200, target)

        # without Redis the file is not touched, and nobody is let in on old news
        own.stop()
        servers.wait_for("the list is too old", seconds=20,
                         condition=lambda: edge.get(target).status == 503)
        own.start()
        servers.wait_for("the list is young", seconds=20,
                         condition=lambda: edge.get(target).status == 200)


# ---- the frame


def test_once(redis, sync):
    revoke(redis, "acme", "sub", "alice")
    sync.start(redis.url, "--once")
    assert sync.process.wait(10) == 0, sync.said()
    sync.process = None
    assert sync.lines() == ["acme sub alice"]

    sync.start("redis://127.0.0.1:1", "--once")
    assert sync.process.wait(10) == 1
    sync.process = None
    assert sync.lines() == ["acme sub alice"]


def test_pid_and_status(own, sync, tmp_path):
    pid, status = tmp_path / "pid", tmp_path / "status"
    sync.start(own.url, "--pid", pid, "--status", status)
    sync.has()
    assert pid.read_text() == f"{sync.process.pid}\n"

    def healthz():
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(status))
            link.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            return link.recv(4096).split()[1]

    assert healthz() == b"200"
    own.stop()
    servers.wait_for("ill health", lambda: healthz() == b"503", 20)
    sync.end()
    assert not pid.exists() and not status.exists()
