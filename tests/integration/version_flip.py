# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
An object that is overwritten all the time, and clients that read it: every 16
bytes of it say which version they are of and where they belong, so that a
response of two versions cannot pass for one.
"""

import array
import collections
import functools
import hashlib
import random
import re
import threading
import time
import traceback

import http1
import range_model
from range_model import Object, Request

SLICE = 65536
SIZE = 8 * SLICE + 123
MAX_RANGES = 8

PERIOD = 0.1                                # from one version to the next
CLIENTS = 50
THINKING = 0.08                             # of a client between requests, at most
WINDOW = 10                                 # paths that are read at a time: others get old
ENOUGH = 5                                  # wrong responses, to stop after

# of the versions, in turn: most are of one size
SIZES = (SIZE, SIZE, SIZE, SIZE - 1, SIZE, SIZE + SLICE, SIZE, 2 * SLICE, SIZE, SIZE // 2)

WORD = 8
PLACES = array.array("Q", range(0, SIZE + SLICE + 2 * WORD, 2 * WORD))


def size_of(version):
    return SIZES[version % len(SIZES)]


@functools.lru_cache(256)
def content(version):
    blocks = -(-size_of(version) // (2 * WORD))
    words = array.array("Q", bytes(2 * WORD * blocks))
    words[0::2] = array.array("Q", [version]) * blocks
    words[1::2] = PLACES[:blocks]
    return words.tobytes()[:size_of(version)]


@functools.lru_cache(256)
def etag_of(version):
    """As S3 makes one."""

    return f'"{hashlib.md5(content(version)).hexdigest()}"'


def version_in(data, first):
    """The version that bytes say they are of, if they begin at "first" of the object."""

    at = -first % (2 * WORD)
    return int.from_bytes(data[at:at + WORD], "little") if len(data) >= at + WORD else None


class Wrong(Exception):
    pass


class Flips:
    """Overwrites an object by "write(data, etag)", and judges what comes of it."""

    def __init__(self, write, tags=True, step=1, writers=1):
        self.write = write
        self.writers = writers              # more, where writing takes longer than PERIOD
        self.tags = tags                    # whether the origin sends an ETag
        self.step = step                    # len(SIZES): all versions are of one size
        self.version = 0                    # the newest that anybody may see
        self.named = {}                     # version by ETag
        self.outcomes = collections.Counter()
        self.seen = set()
        self.wrong = []
        self.lock = threading.Lock()
        self.local = threading.local()      # of a client: what it could resume

    def flip(self):
        with self.lock:
            version = self.version + self.step
            self.named[etag_of(version)] = version
            self.version = version

        self.write(content(version), etag_of(version))

    def _versions(self, response):
        """Those that a response may be of: one, unless it is too short to say which."""

        if self.tags:
            version = self.named.get(response["etag"])
            return [] if version is None else [version]

        data, place = response.body, response["content-range"]
        if response.status == 206 and place is None:
            parts = range_model.parts_of(response)
            if isinstance(parts, str):
                raise Wrong(parts)
            fields, data = max(parts, key=lambda part: len(part[1]))
            place = fields.get("content-range")

        place = place or f"bytes 0-/{len(data)}"
        version = version_in(data, int(re.match(r"bytes (\d+)-", place)[1]))
        if version is None:
            return self._of_size(place)
        return [version] if 0 < version <= self.version else []

    def _of_size(self, place):
        """The versions that a Content-Range may be of, the newest first."""

        size = int((place or "/-1").rpartition("/")[2])
        return [version for version in range(self.version, 0, -1) if size_of(version) == size]

    def judge(self, request, response):
        """What a response is, which must be right if it is complete; and its version."""

        # S3 servers may have neither version for a moment
        if response.status >= 500 or response.status == 404:
            return f"error {response.status}", None

        if response.status == 416:
            self._hold(self._of_size(response["content-range"]), request, response)
            return "not there", None

        if response.status not in (200, 206):
            raise Wrong(f"status {response.status}")

        if not response.complete:
            self._hold_cut(response)
            return "cut", None

        version = self._hold(self._versions(response), request, response)
        self.seen.add(version)
        return {200: "whole", 206: "part"}[response.status], version

    def _hold(self, versions, request, response):
        """The version that a response is right for."""

        found = f"of no version: {response}"
        modified = response["last-modified"]
        modified = modified and range_model.parse_date(modified)

        for version in versions:
            obj = Object(content(version), etag_of(version) if self.tags else None, modified)
            found = range_model.problem(obj, request, response, MAX_RANGES)
            if found is None:
                return version

        raise Wrong(found)

    def _hold_cut(self, response):
        """What came before a cut is of one version, too."""

        place = response["content-range"]
        if response.status == 206 and place is None:
            return                          # parts that nobody can tell apart

        first = int(re.match(r"bytes (\d+)-", place or "bytes 0-")[1])
        version = version_in(response.body, first)
        if version is None:
            return

        if not 0 < version <= self.version or \
                content(version)[first:first + len(response.body)] != response.body:
            raise Wrong(f"{len(response.body)} bytes of more than version {version}, then a cut")

    # Clients

    def run(self, port, paths, seconds):
        """Overwrites and reads for some time."""

        self.start = time.monotonic()
        self.end = self.start + seconds
        threads = [threading.Thread(target=self._guard, args=(self._client, port, paths, n))
                   for n in range(CLIENTS)]
        threads += [threading.Thread(target=self._guard, args=(self._writer, n))
                    for n in range(self.writers)]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.flip()                         # which of several writers was the last?
        print(f"{self.version} versions, {len(self.seen)} of them seen:", dict(self.outcomes))

    def _guard(self, function, *args):
        try:
            function(*args)
        except Exception:                   # of a thread: the test has to know
            self.wrong.append(traceback.format_exc())

    def _goes_on(self):
        return time.monotonic() < self.end and len(self.wrong) < ENOUGH

    def _writer(self, number):
        due = self.start + number * PERIOD

        while self._goes_on():
            time.sleep(max(due - time.monotonic(), 0))
            self.flip()
            due = max(due + self.writers * PERIOD, time.monotonic())

    def _client(self, port, paths, number):
        rand = random.Random(number)
        requests = range_model.Requests(number, SLICE, MAX_RANGES)
        connection = None

        while self._goes_on():
            turn = int((time.monotonic() - self.start) / PERIOD) + rand.randrange(WINDOW)
            path = paths[turn % len(paths)]
            connection = connection or http1.Connection(port)

            for request, earlier in self._asked(requests, rand):
                time.sleep(rand.uniform(0, THINKING))
                response = self._response(connection, path, request)
                if response:
                    self._count(path, request, earlier, response)

                if not response or not response.complete or response["connection"] == "close":
                    connection.__exit__()
                    connection = None
                    break

        if connection:
            connection.__exit__()

    def _response(self, connection, path, request):
        try:
            return connection.request(path, headers=request.headers)
        except ConnectionError:
            self.outcomes["nothing"] += 1

    def _asked(self, requests, rand):
        """Requests of one visit, each with the one whose rest it is for, if any."""

        obj = Object(content(rand.randint(1, max(self.version, 1))))
        kind = rand.choice(("whole", "one", "several", "rest"))

        if kind == "whole":
            yield Request("GET", {}), None
        elif kind == "one":
            yield Request("GET", {"Range": f"bytes={requests.spec(obj)}"}), None
        elif kind == "several":
            yield requests.several(obj), None
        else:
            yield from self._rest(rand)

    def _rest(self, rand):
        """A download that is resumed."""

        at = rand.randint(1, SIZE // 2)
        self.local.last = None
        yield Request("GET", {"Range": f"bytes=0-{at - 1}"}), None

        if self.local.last:
            version, validator = self.local.last
            yield Request("GET", {"Range": f"bytes={at}-", "If-Range": validator}), version

    def _count(self, path, request, earlier, response):
        plain = {name: value for name, value in request.headers.items() if name != "If-Range"}
        if earlier and response.status == 200:
            plain = {}

        try:
            outcome, version = self.judge(Request("GET", plain), response)
            if earlier and response.status == 206 and response.complete and version != earlier:
                raise Wrong(f"the rest of version {earlier} is of version {version}")
        except Wrong as error:
            self.wrong.append(f"{path} {request.headers}: {error}, at version {self.version}")
            return

        validator = response["etag"] or response["last-modified"]
        self.local.last = (version, validator) if version and validator else None
        self.outcomes[outcome] += 1
