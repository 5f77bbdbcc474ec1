# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
A cache that fails: its disk is full or read-only, its memory is full, its files
are gone, damaged or somebody else's.  Requests get their bytes all the same,
counters and one line of the log tell, and it goes on by itself when it can.
"""

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import threading
import time

import pytest

import edgeauth
import http1
import http2
import servers
from object_origin import ObjectOrigin
from range_model import Object
from servers import wait_for

SLICE = 65536
SIZES = {"small": 3000, "large": 5 * SLICE + 40000}

COUNTERS = ("unstored", "unread", "damaged", "failing")

SERVER = "http2 on; location = /counters { xr off; return 200 \"%s\"; }" % " ".join(
    f"$xr_cache_{name}" for name in COUNTERS)

names = itertools.count(1)

KINDS = {"whole": "", "sliced": f"xr_slice {SLICE // 1024}k;"}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_SIZE = pytest.mark.parametrize("size", SIZES)
EACH_WORKERS = pytest.mark.parametrize("workers", [1, 2])


class HeldOrigin(ObjectOrigin):
    """What has "held" in its path comes to its end when that is over."""

    def __init__(self):
        super().__init__({})
        self.over = threading.Event()

    def _answer(self, request):
        answer = super()._answer(request)
        return self._hold(answer) if "/held/" in request.path else answer

    def _hold(self, answer):
        yield answer[:-100]
        self.over.wait(60)
        yield answer[-100:]


@pytest.fixture(scope="module")
def web():
    with HeldOrigin() as origin:
        yield origin


@contextlib.contextmanager
def tmpfs(size):
    """A disk of its own, as root has it."""

    folder = pathlib.Path(tempfile.mkdtemp(prefix="xr-disk-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "xr", folder],
                          capture_output=True, text=True)
    if done.returncode != 0:
        folder.rmdir()
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


@pytest.fixture
def web_edges(web):
    """As the one of all tests, but an edge ends with its test."""

    with contextlib.ExitStack() as stack:
        def start(tenants, **options):
            folder = tempfile.mkdtemp(prefix="xr-edge-")
            stack.callback(servers.remove, folder)
            edge = servers.Edge(folder, tenants, **options)
            stack.callback(edge.stop)
            edge.start()
            return edge

        yield start


@pytest.fixture
def disk():
    with contextlib.ExitStack() as stack:
        yield lambda size: stack.enter_context(tmpfs(size))


class Site:
    """An edge whose cache is where a test wants it."""

    def __init__(self, edges, web, kind, cache="cache2", zone="faulty:1m", workers=1, location="",
                 valid="1d", **options):
        http = (f"xr_cache_path {cache} keys_zone={zone} use_temp_path=off;"
                + options.pop("http", ""))
        self.web = web
        self.edge = edges(web.tenants("acme", "other"), http=http, server=SERVER, workers=workers,
                          location=f"xr_cache faulty; xr_cache_valid 200 {valid}; {KINDS[kind]} "
                                   f"{location}", **options)
        self.cache = self.edge.folder / cache

    def put(self, size, tenant="acme", **quirks):
        name = f"{next(names)}.glb"
        self.web.objects[name] = Object(os.urandom(SIZES.get(size, size)), '"a"', 1700000000)
        if quirks:
            self.web.quirks[name] = quirks["quirks"]
        return f"/{tenant}/{name}"

    def body(self, path):
        return self.web.objects[path.rpartition("/")[2]].data

    def check(self, path, tag=None, **headers):
        """A right answer; what it was served from."""

        body = self.body(path)
        response = self.edge.fetch(path, headers=headers, tag=tag)
        assert response.complete, response
        if "Range" in headers:
            first, last = map(int, headers["Range"].removeprefix("bytes=").split("-"))
            assert (response.status, response.body) == (206, body[first:last + 1])
        else:
            assert response.status == 200, response
            assert response.body == body
        assert int(response["content-length"]) == len(response.body)
        return self.edge.logged(response)["cache"]

    def crowd(self, path, act, clients=20, each=8):
        """Many read while something happens; "act" is called in between."""

        errors = []

        def read(number):
            last = len(self.body(path)) - 1
            for turn in range(each):
                tag = f"crowd/{number}-{turn}{path}"
                try:
                    if (number + turn) % 3 == 0:
                        self.check(path, tag, Range=f"bytes={last // 2}-{last}")
                    else:
                        self.check(path, tag)
                except Exception as error:      # all of them, to be shown together
                    errors.append(error)

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            done = [pool.submit(read, number) for number in range(clients)]
            while not all(future.done() for future in done):
                act()
                time.sleep(0.005)

        assert errors == []

    def counters(self):
        values = self.edge.get("/counters").body.decode().split()
        return dict(zip(COUNTERS, map(int, values), strict=True))

    def files(self):
        return [path for path in self.cache.rglob("*")
                if path.is_file() and len(path.name) == 32]

    def lines(self, text):
        return self.edge.error_log().count(text)

    def forgive(self, *words):
        """NGINX's own alerts that a fault leads to."""

        log = self.edge.folder / "error.log"
        lines = log.read_text(errors="replace").splitlines(keepends=True)
        kept = [line for line in lines
                if not ("[alert]" in line and any(word in line for word in words))]
        log.write_text("".join(kept))


def fill(folder):
    """Not a byte is left."""

    with open(folder / "filler", "wb", buffering=0) as file:
        for size in (1 << 16, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    assert os.statvfs(folder).f_bavail == 0


def over_http2(site, path):
    target = edgeauth.in_query(path, edgeauth.token(servers.key_of(path.split("/")[1]), url=path))
    with http2.Connection(site.edge.port) as connection:
        response = connection.request(target)
    assert (response.status, response.complete) == (200, True)
    assert response.body == site.body(path)


@EACH_WORKERS
@EACH_SIZE
@EACH_KIND
def test_disk_is_full(web_edges, web, disk, kind, size, workers):
    cache = disk("2m")
    site = Site(web_edges, web, kind, cache, workers=workers)
    warm = site.put(size)
    site.check(warm)
    wait_for("it is stored", lambda: site.check(warm) == "HIT")

    fill(cache)
    for _ in range(5):
        cold = site.put(size)
        for _ in range(2):
            assert site.check(cold) != "HIT"
            site.check(cold, Range=f"bytes=10-{len(site.body(cold)) - 10}")
        over_http2(site, cold)
        head = site.edge.fetch(cold, method="HEAD")
        assert (head.status, head["content-length"]) == (200, str(len(site.body(cold))))
        assert site.check(warm) == "HIT"

    counters = site.counters()
    assert counters["unstored"] >= 15
    assert counters["failing"] == 1
    assert site.lines("xr: cannot write to") == 1
    assert not list(cache.rglob("*.0*")), "what was begun is still there"

    # and back
    (cache / "filler").unlink()
    wait_for("it is stored again", lambda: site.check(cold) == "HIT")


@EACH_KIND
def test_disk_becomes_full_in_the_middle(web_edges, web, disk, kind):
    cache = disk("9m")
    site = Site(web_edges, web, kind, cache)
    large = site.put(20 << 20)

    for _ in range(2):
        site.check(large)
    assert site.counters()["unstored"] > 0
    site.check(large, Range=f"bytes=100-{(12 << 20) + 3}")
    assert site.check(site.put("small")) == "MISS"


@EACH_KIND
def test_disk_becomes_full_at_an_unknown_length(web_edges, web, disk, kind):
    cache = disk("3m")
    site = Site(web_edges, web, kind, cache)
    large = site.put(8 << 20, quirks={"chunked", "no ranges"})

    for _ in range(2):
        response = site.edge.fetch(large)
        assert (response.status, response.complete) == (200, True)
        assert response.body == site.body(large)
    assert site.counters()["unstored"] > 0


def test_room_that_was_not_needed_is_given_back(web_edges, web, disk):
    cache = disk("20m")
    site = Site(web_edges, web, "whole", cache)

    for _ in range(5):
        path = site.put(30000, quirks={"chunked", "no ranges"})
        assert site.edge.fetch(path).body == site.body(path)
        wait_for("it is stored", lambda path=path: site.check(path) == "HIT")

    used = sum(path.stat().st_blocks * 512 for path in site.files())
    assert len(site.files()) == 5
    assert used < 5 * 50000


@EACH_KIND
def test_crowd_at_a_full_disk(web_edges, web, disk, kind):
    cache = disk("1m")
    site = Site(web_edges, web, kind, cache, workers=2)
    fill(cache)
    site.crowd(site.put("large"), lambda: None, each=3)
    assert site.lines("xr: cannot write to") == 1


def slowly(site, path, pause=0.02):
    """A client that is slower than the origin."""

    target = edgeauth.in_query(path, edgeauth.token(servers.key_of("acme"), url=path))
    with http1.Connection(site.edge.port) as connection:
        connection.send(target)
        file = connection.file
        assert b" 200 " in file.readline()
        while file.readline() != b"\r\n":
            pass
        body = b""
        while len(body) < len(site.body(path)):
            data = file.read(256 * 1024)
            if not data:
                break
            body += data
            time.sleep(pause)
    return body


@pytest.mark.parametrize("size", ["0", "300k", "4m"])
def test_temp_path_is_full(web_edges, web, disk, size):
    """The origin waits for a client that is slow: nothing is to be written for it."""

    temp = disk(size if size != "0" else "64k")
    if size == "0":
        fill(temp)
    site = Site(web_edges, web, "whole", location=f"xr_no_cache 1; xr_origin_temp_path {temp};")
    path = site.put(24 << 20)
    assert slowly(site, path) == site.body(path)


@EACH_WORKERS
@EACH_KIND
def test_disk_is_read_only(web_edges, web, disk, kind, workers):
    cache = disk("8m")
    site = Site(web_edges, web, kind, cache, workers=workers)
    warm = site.put("large")
    site.check(warm)
    wait_for("it is stored", lambda: site.check(warm) == "HIT")

    subprocess.run(["mount", "-o", "remount,ro", cache], check=True)
    try:
        cold = site.put("large")
        for _ in range(3):
            assert site.check(cold) != "HIT"
            assert site.check(warm) == "HIT"
            site.check(cold, Range="bytes=70000-140000")
            over_http2(site, cold)
        assert site.lines("xr: cannot write to") == 1
    finally:
        subprocess.run(["mount", "-o", "remount,rw", cache], check=True)

    wait_for("it is stored again", lambda: site.check(cold) == "HIT")


@EACH_KIND
def test_folder_is_not_for_the_worker(web_edges, web, kind):
    if os.geteuid() != 0:
        pytest.skip("only root can have workers that are somebody else")

    site = Site(web_edges, web, kind, user="nobody nogroup",
                http="xr_origin_temp_path tmp/temp; xr_open_slices off;")
    warm, cold = site.put("large"), site.put("large")
    site.check(warm)
    wait_for("it is stored", lambda: site.check(warm) == "HIT")

    os.chown(site.cache, 0, 0)
    site.cache.chmod(0o755)
    assert site.check(cold) != "HIT"
    assert site.check(warm) == "HIT"
    assert site.counters()["unstored"] > 0

    # it cannot even be looked into
    site.cache.chmod(0o700)
    for path in (warm, cold, site.put("small")):
        assert site.check(path) != "HIT"
        site.check(path, Range="bytes=10-2000")
        over_http2(site, path)
    assert site.counters()["unread"] > 0

    site.cache.chmod(0o777)
    assert site.check(warm) == "HIT"
    wait_for("it is stored", lambda: site.check(cold) == "HIT")


@EACH_KIND
def test_what_is_out_of_date_gives_way(web_edges, web, disk, kind):
    """New bytes that cannot be stored are not hidden behind the old ones."""

    cache = disk("1m")
    site = Site(web_edges, web, kind, cache, valid="1s")
    path = site.put("large")
    site.check(path)
    fill(cache)

    name = path.rpartition("/")[2]
    web.objects[name] = Object(os.urandom(SIZES["large"]), '"b"', 1700009999)

    def renewed():
        response = site.edge.fetch(path)
        return response.complete and response.body == site.body(path)

    wait_for("the new bytes", renewed, 20)
    for _ in range(5):
        site.check(path)


# what happens to a file of the cache

def gone(path, other):
    path.unlink()


def empty(path, other):
    path.write_bytes(b"")


def cut(path, other):
    with open(path, "r+b") as file:
        file.truncate(max(path.stat().st_size - 1000, 0))


def short(path, other):
    with open(path, "r+b") as file:
        file.truncate(200)


def longer(path, other):
    with open(path, "ab") as file:
        file.write(b"more")


def another(path, other):
    shutil.copyfile(other, path)


def _overwrite(path, first, data):
    with open(path, "r+b") as file:
        file.seek(first)
        file.write(data)


def garbage_header(path, other):
    _overwrite(path, 0, os.urandom(300))


def garbage_response(path, other):
    _overwrite(path, max(path.read_bytes().find(b"HTTP/1.1"), 0), b"\0\xff" * 20)


def _flip(path, where):
    data = bytearray(path.read_bytes())

    if b"rXR2" not in data:
        return                          # it was hit before, and nobody has read it since

    data[where(data)] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def flipped_key(path, other):
    _flip(path, lambda data: random.randrange(data.index(b"\nKEY: ") + 6, data.index(b"rXR2") - 1))


def flipped_header(path, other):
    """Any bit of what is stored of the response's header."""

    def where(data):
        at = data.index(b"rXR2")
        size = struct.unpack_from("@I", data, at + 4)[0]    # it may be flipped by now
        return random.randrange(at, min(at + max(size, 1), len(data)))

    _flip(path, where)


def folder(path, other):
    path.unlink()
    path.mkdir()


def loop(path, other):
    path.unlink()
    path.symlink_to(path.name)


DAMAGES = {f.__name__: f for f in (gone, empty, cut, short, longer, another, garbage_header,
                                   garbage_response, flipped_key, flipped_header, folder, loop)}


def replaced(damage):
    """As a file that is put in the place of another: no client reads what is being changed."""

    def act(path, other):
        spare = path.with_name("spare")
        shutil.copyfile(path, spare)
        damage(spare, other)
        if damage in (folder, loop):
            path.unlink()
            if damage is loop:
                spare.unlink()
                spare.symlink_to(path.name)
        if damage is gone:
            path.unlink()
        else:
            spare.rename(path)
    return act


@EACH_WORKERS
@EACH_KIND
@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_files(web_edges, web, name, kind, workers):
    """Each file of an object, one after the other; another tenant's is among the others."""

    site = Site(web_edges, web, kind, workers=workers)
    other = site.put("large", tenant="other")
    site.check(other)
    wait_for("it is stored", lambda: site.check(other) == "HIT")
    others = site.files()

    path = site.put("large")
    site.check(path)
    wait_for("it is stored", lambda: site.check(path) == "HIT")
    before = site.counters()

    for turn in range(3):
        for file in set(site.files()) - set(others):
            replaced(DAMAGES[name])(file, others[0])
        if turn == 1:
            site.check(path, Range=f"bytes=10-{SLICE * 3 + 5}")
        assert turn == 1 or site.check(path) != "HIT"
        over_http2(site, path)

    after = site.counters()
    if name in ("folder", "loop"):
        assert after["unread"] > before["unread"]
        assert site.lines("xr: the cache failed, the origin is asked") > 0
    else:
        damaged = after["damaged"] - before["damaged"]
        assert (damaged > 0) == (name != "gone")
        assert site.lines("is damaged, it is fetched anew") == damaged
        wait_for("it is stored", lambda: site.check(path) == "HIT")
    assert site.check(other) == "HIT"


@EACH_KIND
def test_each_byte_of_a_header(web_edges, web, kind):
    """Nobody gets another header or other bytes, whichever one of a file's header is wrong."""

    site = Site(web_edges, web, kind, http="xr_open_slices off;")
    path = site.put("small")
    site.check(path)
    wait_for("it is stored", lambda: site.check(path) == "HIT")
    file, = site.files()
    data = file.read_bytes()
    spare = file.with_name("spare")
    lines = ("content-type", "content-length", "etag", "last-modified", "accept-ranges")
    right = [site.edge.fetch(path)[name] for name in lines]
    begin = data.index(b"rXR2")
    size = struct.unpack_from("@I", data, begin + 4)[0]
    unnoticed = []

    # behind "begin" there is room for a header twice: the other one is not read
    for at in range(begin + size):
        spare.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:])
        spare.rename(file)
        damaged = site.counters()["damaged"]
        response = site.edge.fetch(path)
        assert (response.status, response.body) == (200, site.body(path)), at
        assert [response[name] for name in lines] == right, at
        if site.counters()["damaged"] == damaged:
            unnoticed.append(at)

    # but for times, and what NGINX has no use for
    key = data.index(b"\nKEY: ") + 6
    assert [at for at in unnoticed if at >= key and at != begin - 1] == []


@EACH_KIND
@pytest.mark.parametrize("name", DAMAGES)
def test_files_are_damaged_while_many_read(web_edges, web, name, kind):
    site = Site(web_edges, web, kind, workers=2)
    other = site.put("large", tenant="other")
    site.check(other)
    wait_for("it is stored", lambda: site.check(other) == "HIT")
    others = site.files()
    path = site.put("large")
    site.check(path)

    def act():
        for file in set(site.files()) - set(others):
            with contextlib.suppress(OSError):
                replaced(DAMAGES[name])(file, others[0])

    site.crowd(path, act)
    assert site.check(other) == "HIT"


@EACH_KIND
def test_everything_is_deleted_while_many_read(web_edges, web, kind):
    site = Site(web_edges, web, kind, workers=2, zone="faulty:1m levels=1:2")
    path = site.put("large")

    def act():
        for entry in site.cache.iterdir():
            shutil.rmtree(entry, ignore_errors=True)

    site.crowd(path, act)
    wait_for("it is stored", lambda: site.check(path) == "HIT")


def test_unreadable_files(web_edges, web):
    if os.geteuid() != 0:
        pytest.skip("only root can have workers that are somebody else")

    for kind in KINDS:
        site = Site(web_edges, web, kind, user="nobody nogroup",
                    http="xr_origin_temp_path tmp/temp; xr_open_slices off;",
                    location="xr_cache_lock on;")
        path = site.put("large")
        site.check(path)
        wait_for("it is stored", lambda site=site, path=path: site.check(path) == "HIT")

        for file in site.files():
            file.chmod(0)
            os.chown(file, 0, 0)

        for _ in range(3):
            assert site.check(path) != "HIT"
            site.check(path, Range="bytes=10-200000")
            over_http2(site, path)
        assert site.counters()["unread"] > 0


@pytest.mark.parametrize("page", ["", "error_page 500 502 503 504 /50x.html;"])
def test_the_client_notices_nothing(web_edges, web, page):
    """The connection lives, HEAD has no body, and an error page is for errors."""

    more = " location = /50x.html { xr off; root pages; }"
    site = Site(web_edges, web, "whole", location=page)
    (site.edge.folder / "pages").mkdir()
    (site.edge.folder / "pages" / "50x.html").write_text("sorry")
    site.edge.configure(web.tenants("acme", "other"), server=SERVER + more)
    site.edge.reload()

    path = site.put("large")
    site.check(path)
    wait_for("it is stored", lambda: site.check(path) == "HIT")
    for file in site.files():
        replaced(folder)(file, None)

    target = edgeauth.in_query(path, edgeauth.token(servers.key_of("acme"), url=path))
    with http1.Connection(site.edge.port) as connection:
        for method in ("GET", "HEAD", "GET", "HEAD"):
            response = connection.request(target, method)
            assert response.status == 200
            assert response["content-length"] == str(len(site.body(path)))
            assert response["connection"] == "keep-alive"
            assert response["etag"] == '"a"'
            assert response["content-type"] == "model/gltf-binary"
            assert response["cross-origin-resource-policy"] == "cross-origin"
            assert method == "HEAD" or response.body == site.body(path)
    assert site.counters()["unread"] == 4


# entries that fit into the least that there may be of "keys_zone", and some more
HELD = 230


@EACH_WORKERS
@EACH_KIND
def test_keys_zone_is_full(web_edges, web, kind, workers):
    """More entries than there is memory for are in use at the same time."""

    site = Site(web_edges, web, kind, zone="faulty:32k", workers=workers)

    with contextlib.ExitStack() as stack:
        web.over.clear()
        stack.callback(web.over.set)
        readers = []

        for _ in range(HELD):
            path = site.put("small").replace("/acme/", "/acme/held/")
            target = edgeauth.in_query(path, edgeauth.token(servers.key_of("acme"), url=path))
            connection = stack.enter_context(http1.Connection(site.edge.port))
            connection.send(target)
            readers.append((connection, path))

        for _ in range(5):
            path = site.put("large")
            for _ in range(2):
                site.check(path)
                site.check(path, Range="bytes=10-200000")
            over_http2(site, path)

        assert site.counters()["unread"] > 0
        assert site.lines("xr: the cache failed, the origin is asked") > 0
        web.over.set()

        for connection, path in readers:
            response = connection.receive()
            assert (response.status, response.complete) == (200, True)
            assert response.body == site.body(path)

    wait_for("there is room again", lambda: site.check(site.put("small")) == "MISS")
    site.forgive("could not allocate node", "ignore long locked inactive cache entry")


NO_FALLOCATE = """
#include <errno.h>
int fallocate64(int fd, int mode, long offset, long length) { errno = EOPNOTSUPP; return -1; }
int fallocate(int fd, int mode, long offset, long length) { errno = EOPNOTSUPP; return -1; }
"""


@EACH_KIND
def test_file_system_without_reservations(web_edges, web, disk, kind, tmp_path, monkeypatch):
    """A slice is asked for again from where it ended; what is whole is cut, once."""

    if servers.ASAN:
        pytest.skip("a sanitizer has to be loaded first")
    source, library = tmp_path / "none.c", tmp_path / "none.so"
    source.write_text(NO_FALLOCATE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)

    cache = disk("1m")
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        site = Site(web_edges, web, kind, cache)

    warm, large = site.put("small"), site.put(3 << 20)
    site.check(warm)
    wait_for("it is stored", lambda: site.check(warm) == "HIT")

    first = site.edge.fetch(large)
    assert site.body(large).startswith(first.body)
    assert first.complete == (len(first.body) == 3 << 20)
    assert first.complete or kind == "whole"
    assert site.lines("xr: cannot write to") == 1

    for _ in range(3):
        site.check(large)
        site.check(large, Range=f"bytes=100-{2 << 20}")
    assert site.check(warm) == "HIT"
