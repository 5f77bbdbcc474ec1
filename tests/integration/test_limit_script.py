# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
The script of libxr/xr_limit_script.c in a real Redis, against a model in whole numbers.

Redis's clock cannot be set, but what a bucket was like when can be: a test writes the value that
a key has, and what the script leaves there says at which microsecond it ran.
"""

import codecs
import contextlib
import random
import re
import socket
import struct
import threading

import pytest

import redis_server
import servers

MAX = 9 * 10**15
TOKEN = 10**6
SECOND = 10**6
DAY = 86400 * SECOND
KEEP = 365 * 86400 * 1000


class Error(Exception):
    """An error reply."""


class Client:
    """RESP, as much of it as is needed here; arguments are bytes, or what str() makes of them."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def __call__(self, *args):
        self.send(*args)
        return self.reply()

    def send(self, *args):
        args = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
        self.socket.sendall(b"*%d\r\n" % len(args)
                            + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args))

    def reply(self):
        line = self.file.readline()
        kind, text = line[:1], line[1:-2]

        if kind == b"-":
            raise Error(text.decode())
        if kind == b"+":
            return text.decode()
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self.file.read(int(text) + 2)[:-2]

        assert kind == b"*", line
        return [self.reply() for _ in range(int(text))]

    def close(self):
        self.file.close()
        self.socket.close()


def packed(*numbers):
    return struct.pack(f"<{len(numbers)}d", *numbers)


def unpacked(text):
    """As whole numbers, which they have to be."""

    numbers = struct.unpack(f"<{len(text) // 8}d", text)
    assert all(number.is_integer() for number in numbers), numbers
    return list(map(int, numbers))


def value(balance, time, fraction=0, till=0):
    """What a key holds."""

    return packed(balance, time, fraction, till)


def script():
    """The text of the script, out of its C strings."""

    source = (servers.TOP / "libxr" / "xr_limit_script.c").read_text()
    lines = re.findall(r'^    "(.*)"', source, re.M)
    return "".join(codecs.decode(line, "unicode_escape") for line in lines)


class Buckets:
    """The script in a Redis."""

    def __init__(self, server):
        self.path = server.socket
        self.clients = []
        self.ask = self.client()
        self.sha = self.ask("SCRIPT", "LOAD", script())

    def client(self):
        client = Client(self.path)
        self.clients.append(client)
        return client

    def run(self, mode, *buckets, client=None):
        """Buckets are (key, rate, burst, want, due); the answer is a tuple for each."""

        return self.tuples((client or self.ask)(*self.call(mode, buckets)))

    def call(self, mode, buckets):
        keys = [bucket[0] for bucket in buckets]
        numbers = [number for bucket in buckets for number in bucket[1:]]
        return "EVALSHA", self.sha, len(keys), *keys, mode, packed(*numbers)

    @staticmethod
    def tuples(answer):
        assert len(answer) % 24 == 0
        return [tuple(unpacked(answer[i:i + 24])) for i in range(0, len(answer), 24)]

    def run_and_look(self, mode, *buckets):
        """The answers, and what the keys hold and how long they live right afterwards."""

        calls = [("MULTI",), self.call(mode, buckets)]
        for key, *_ in buckets:
            calls += [("GET", key), ("PTTL", key)]
        calls.append(("EXEC",))

        for call in calls:
            self.ask.send(*call)
        answer, *rest = [self.ask.reply() for _ in calls][-1]
        return self.tuples(answer), [self.parsed(held) for held in rest[::2]], rest[1::2]

    def one(self, mode, key, rate, burst, want, due=0):
        return self.run(mode, (key, rate, burst, want, due))[0]

    def now(self):
        seconds, microseconds = self.ask("TIME")
        return int(seconds) * SECOND + int(microseconds)

    def state(self, key):
        return self.parsed(self.ask("GET", key))

    @staticmethod
    def parsed(held):
        """Balance, time, fraction; and until when the key lives is no news."""

        balance, time, fraction, till = unpacked(held)
        assert till > time
        return balance, time, fraction


@contextlib.contextmanager
def loaded(*options):
    with redis_server.redis_server(*options) as server:
        buckets = Buckets(server)
        try:
            yield buckets
        finally:
            for client in buckets.clients:
                client.close()


@pytest.fixture(scope="module")
def shared():
    with loaded() as buckets:
        yield buckets


@pytest.fixture
def redis(shared):
    shared.ask("FLUSHALL")
    return shared


# ---- the model: numbers without limits


def written(held):
    """What a value says, or None."""

    if held is None or len(held) != 32:
        return None
    parts = struct.unpack("<dddd", held)[:3]
    if not all(part.is_integer() for part in parts):    # infinity and what is no number are none
        return None
    balance, time, fraction = map(int, parts)
    if abs(balance) > MAX or not 0 <= time <= MAX or not 0 <= fraction < TOKEN:
        return None
    return balance, time, fraction


def charged(state, burst, amount, now):
    balance, time, fraction = state
    balance = max(balance - amount, -MAX)
    return (burst, now, 0) if balance >= burst else (balance, time, fraction)


def filled(state, rate, burst, now):
    balance, time, fraction = state
    elapsed = max(now - time, 0)
    time = now - elapsed

    if elapsed // SECOND >= MAX // rate:    # it has not to be all at once
        elapsed = MAX // rate * SECOND
        now = time + elapsed

    credit = rate * elapsed + fraction
    return balance + credit // SECOND, now, credit % SECOND


def least(want, burst):
    """What has to be there for it."""

    return min(want, burst) if want >= 0 else 1


def model(mode, buckets, values, now):
    """The answers and the states afterwards."""

    states = []
    enough = True

    for (_, rate, burst, want, due), held in zip(buckets, values):
        state = written(held)
        state = (burst, now, 0) if state is None else filled(state, rate, burst, now)
        state = charged(charged(state, burst, 0, now), burst, due, now)
        enough = enough and (want == 0 or state[0] >= least(want, burst))
        states.append(state)

    answers = []

    for i, (_, rate, burst, wanted, _) in enumerate(buckets):
        want = abs(wanted)

        if mode == "take":
            granted = want if enough else 0
        else:
            granted = min(want, max(states[i][0], 0))
            if granted < want and granted < burst:
                granted -= granted % TOKEN

        states[i] = charged(states[i], burst, granted, now)
        balance, _, fraction = states[i]
        missing = least(wanted if mode == "take" else want - granted, burst) - balance
        wait = 0
        if granted < want and missing > 0:
            wait = min(-((fraction - missing * SECOND) // rate), MAX)
        answers.append((granted, balance, wait))

    return answers, states


def life(held, now):
    """Options of SET for a value that says when its key ends, if it says so truly."""

    till = struct.unpack("<dddd", held)[3] if held and len(held) == 32 else 0
    return ("PXAT", int(till) // 1000 + 1) if now < till <= MAX else ()


def check(redis, mode, *buckets, values):
    """Runs the script over keys that have these values, and the model beside it."""

    for bucket, held in zip(buckets, values):
        if held is None:
            redis.ask("DEL", bucket[0])
        else:
            redis.ask("SET", bucket[0], held, *life(held, redis.now()))

    before = redis.now()
    answers, states, ttls = redis.run_and_look(mode, *buckets)
    after = redis.now()

    now = max([state[1] for state in states if state[1] >= before], default=after)
    assert before <= now <= after

    wanted, wanted_states = model(mode, buckets, values, now)
    what = f"{mode} {buckets} of {values} at {now}"

    assert states == wanted_states, what
    assert [answer[:2] for answer in answers] == [answer[:2] for answer in wanted], what

    for bucket, held, state, ttl, answer, model_answer in zip(buckets, values, states, ttls,
                                                              answers, wanted):
        _, rate, burst = bucket[:3]

        # the time alone is not exact where numbers are beyond what doubles are
        off = abs(answer[2] - model_answer[2])
        exact = rate < 2**53 // SECOND and burst - state[0] < 2**53
        assert off == 0 or (not exact and off <= 1 + model_answer[2] // 10**15), what

        least = min(-(-(burst - state[0]) * 1000 // rate) + 1001, KEEP)
        most = min(2 * least + 4002, KEEP)
        for at in life(held, before)[1:]:
            most = max(most, at - before // 1000)
        assert least - 900 < ttl <= most, what

    return answers, states


def number(rand, high):
    """From 0 to "high": of any size, and often one where something might happen."""

    kind = rand.randrange(4)

    if kind == 0:
        return rand.choice([0, 1, high, high - 1, TOKEN, TOKEN - 1, TOKEN + 1]) % (high + 1)
    if kind == 1:
        return rand.randrange(high + 1)
    return min(rand.randrange(10 ** rand.randint(1, 16)), high)


NAN, INF = float("nan"), float("inf")

FOREIGN = [b"", b"full", b"1:5", b"\0\xff\r\n", bytes(range(256)), b"x" * 100000, b"x" * 32,
           b"\0" * 31, b"\0" * 33, b"\xff" * 32, value(0, 5)[:-1], value(0, 5) + b"\0",
           packed(0, 5, 0), packed(0, 5, 0, 0, 0),
           value(NAN, 5), value(0, NAN), value(0, 5, NAN), value(INF, 5), value(-INF, 5),
           value(0, INF), value(0, 5, INF), value(0, 5, -INF), value(0.5, 5), value(-0.5, 5),
           value(0, 5.5), value(0, 5, 0.5), value(1e-300, 5), value(1e300, 5), value(-1e300, 5),
           value(0, 1e300), value(MAX + 1, 5), value(-MAX - 1, 5), value(0, MAX + 1), value(0, -1),
           value(0, 5, TOKEN), value(0, 5, -1), struct.pack(">dddd", 1, 5, 0, 0)]


def some_value(rand, now):
    kind = rand.randrange(12)

    if kind == 0:
        return None
    if kind == 1:
        return rand.choice(FOREIGN)

    balance = number(rand, MAX) * rand.choice([1, 1, -1])
    age = rand.choice([0, 1, 999999, SECOND, number(rand, 10 * SECOND), number(rand, DAY),
                       number(rand, 400 * DAY), now, -1, -number(rand, DAY), now - MAX])
    fraction = rand.choice([0, 0, rand.choice([1, 999999, rand.randrange(1, TOKEN)])])

    # not so soon that it ends before it is looked at
    till = rand.choice([0, 0, NAN, INF, -INF, -5, 1e300, now - 1, now + 60 * SECOND,
                        now + 60 * SECOND + number(rand, DAY)])

    return value(balance, now - age, fraction, till)


RATES = (1, 16, 83333, 10**6, 1666666, 20 * 10**6, 10**9, 5 * 1024**2 * 1000, MAX, MAX - 1,
         MAX // 2, MAX // 2 + 1, MAX // 3)


@pytest.mark.parametrize("seed", range(4))
def test_against_the_model(redis, seed):
    rand = random.Random(seed)

    for _ in range(1500):
        n = rand.choice([1, 1, 1, 2, 3, 8])
        now = redis.now()
        buckets = [(b"xr:{t}:%d" % i,
                    rand.choice([*RATES, max(number(rand, MAX), 1)]),
                    rand.choice([*RATES, max(number(rand, MAX), 1)]),
                    rand.choice([1, 1, -1]) * number(rand, MAX),
                    rand.choice([0, 1, -1]) * number(rand, MAX))
                   for i in range(n)]
        check(redis, rand.choice(["take", "lease"]), *buckets,
              values=[some_value(rand, now) for _ in buckets])


@pytest.mark.parametrize("seed", range(2))
def test_against_the_model_of_the_usual(redis, seed):
    """Small numbers that are near each other, so that most is granted."""

    rand = random.Random(seed)

    for _ in range(1000):
        now = redis.now()
        buckets, values = [], []

        for i in range(rand.choice([1, 2, 3])):
            rate = rand.choice([83333, 1666666, 20 * TOKEN, 10**9])
            burst = rand.randint(1, 50) * TOKEN
            buckets.append((b"xr:{t}:%d" % i, rate, burst, rand.randint(-20, 60) * TOKEN,
                            rand.choice([0, 0, rand.randint(-5, 5) * TOKEN])))
            values.append(rand.choice([None, value(rand.randint(-TOKEN, burst),
                                                   now - rand.randrange(3 * SECOND))]))

        check(redis, rand.choice(["take", "lease"]), *buckets, values=values)


# ---- what was promised, one by one


def test_a_new_key_is_full(redis):
    assert redis.one("take", "a", TOKEN, 3 * TOKEN, TOKEN) == (TOKEN, 2 * TOKEN, 0)
    assert redis.one("lease", "b", TOKEN, 3 * TOKEN, 5 * TOKEN)[:2] == (3 * TOKEN, 0)
    assert redis.one("take", "c", TOKEN, 3 * TOKEN, 0) == (0, 3 * TOKEN, 0)
    assert redis.one("take", "d", TOKEN, 3 * TOKEN, 0, due=TOKEN) == (0, 2 * TOKEN, 0)


def test_take_is_all_or_nothing(redis):
    slow = 1                                # millionths a second: nothing comes in a test
    plenty = ("a", slow, 5 * TOKEN, TOKEN, 0)
    answers, _ = check(redis, "take", plenty, ("b", slow, TOKEN, TOKEN, 0),
                       values=[None, value(0, redis.now())])
    assert answers[0] == (0, 5 * TOKEN, 0)
    assert answers[1][0] == 0 and answers[1][2] > 0

    # what is due is charged all the same
    answers, _ = check(redis, "take", (*plenty[:4], 2 * TOKEN), ("b", slow, TOKEN, TOKEN, TOKEN),
                       values=[None, value(0, redis.now())])
    assert [answer[:2] for answer in answers] == [(0, 3 * TOKEN), (0, -TOKEN)]

    # who wants nothing of a bucket in debt does not mind
    answers, _ = check(redis, "take", plenty, ("b", slow, TOKEN, 0, 0),
                       values=[None, value(-5 * TOKEN, redis.now())])
    assert [answer[0] for answer in answers] == [TOKEN, 0]
    assert [answer[2] for answer in answers] == [0, 0]


def test_what_is_due_comes_first(redis):
    now = redis.now()
    assert check(redis, "take", ("a", 1, TOKEN, TOKEN, 1),
                 values=[value(TOKEN, now)])[0][0][:2] == (0, TOKEN - 1)

    # and what is returned can be had again at once, up to what the bucket holds
    assert check(redis, "take", ("a", 1, TOKEN, TOKEN, -TOKEN),
                 values=[value(0, now)])[0] == [(TOKEN, 0, 0)]
    assert check(redis, "take", ("a", 1, TOKEN, 0, -MAX),
                 values=[value(0, now)])[0] == [(0, TOKEN, 0)]


def test_a_lease_is_of_whole_tokens(redis):
    now = redis.now()

    for balance, burst, want, granted in (
            (2500000, 9 * TOKEN, 5 * TOKEN, 2 * TOKEN), (999999, 9 * TOKEN, TOKEN, 0),
            (999999, 9 * TOKEN, 500000, 500000), (2500000, 9 * TOKEN, 1200000, 1200000),
            (-1, 9 * TOKEN, TOKEN, 0), (0, 9 * TOKEN, TOKEN, 0),
            # a full bucket of an odd size is not kept from being used up
            (1500000, 1500000, 5 * TOKEN, 1500000), (400, 400, TOKEN, 400)):
        (answer,), _ = check(redis, "lease", ("a", 1, burst, want, 0),
                             values=[value(balance, now)])
        assert answer[0] == granted and answer[1] == balance - granted
        assert (answer[2] == 0) == (granted == want)

    # each bucket by itself
    answers, _ = check(redis, "lease", ("a", 1, TOKEN, TOKEN, 0), ("b", 1, TOKEN, TOKEN, 0),
                       values=[value(0, now), None])
    assert [answer[0] for answer in answers] == [0, TOKEN]


def test_more_than_a_bucket_holds(redis):
    """A full one grants it to "take" and is in debt; one that is not full does not."""

    assert redis.one("take", "a", TOKEN, 3 * TOKEN, 10 * TOKEN) == (10 * TOKEN, -7 * TOKEN, 0)
    granted, balance, wait = redis.one("take", "a", TOKEN, 3 * TOKEN, 10 * TOKEN)
    assert granted == 0 and 5 * SECOND < wait <= 10 * SECOND
    assert redis.one("lease", "b", TOKEN, 3 * TOKEN, 10 * TOKEN)[0] == 3 * TOKEN
    assert redis.one("take", "c", TOKEN, 3 * TOKEN, MAX)[:2] == (MAX, 3 * TOKEN - MAX)

    # no debt is deeper than the deepest
    assert redis.one("take", "c", 1, 3 * TOKEN, 0, due=MAX)[:2] == (0, -MAX)


def test_as_soon_as_there_is_anything(redis):
    """What is wanted with a minus in front is had from a bucket that is not empty."""

    now = redis.now()

    for balance, granted in ((1, 5 * TOKEN), (3 * TOKEN, 5 * TOKEN), (0, 0), (-TOKEN, 0)):
        (answer,), _ = check(redis, "take", ("a", 1, 3 * TOKEN, -5 * TOKEN, 0),
                             values=[value(balance, now)])
        assert answer[:2] == (granted, balance - granted)
        assert (answer[2] > 0) == (granted == 0)

    # until there is the least of it, not all
    assert check(redis, "take", ("a", TOKEN, 3 * TOKEN, -5 * TOKEN, 0),
                 values=[value(-TOKEN, redis.now())])[0][0][2] <= SECOND + 1

    # it waits for the others as they do for it, and to a lease it is what it would be without
    answers, _ = check(redis, "take", ("a", 1, TOKEN, -TOKEN, 0), ("b", 1, TOKEN, TOKEN, 0),
                       values=[None, value(1, now)])
    assert [answer[0] for answer in answers] == [0, 0]
    assert check(redis, "lease", ("a", 1, 3 * TOKEN, -5 * TOKEN, 0),
                 values=[value(1500000, now)])[0][0][:2] == (TOKEN, 500000)


def test_a_burst_that_was_made_smaller(redis):
    redis.ask("SET", "a", value(50 * TOKEN, redis.now()))
    assert redis.one("take", "a", 1, 3 * TOKEN, 4 * TOKEN)[:2] == (4 * TOKEN, -TOKEN)


@pytest.mark.parametrize("rate", [16, 83333, 999999, 1666666, 123456789, 83333 * 10**6 + 1])
def test_nothing_is_lost_by_asking_often(redis, rate):
    """However often it is asked: what came is what the time was worth, to the millionth."""

    start = redis.now()
    redis.ask("SET", "a", value(-MAX, start))

    for _ in range(2000):
        redis.ask.send(*redis.call("take", [("a", rate, MAX, TOKEN, 0)]))
    for _ in range(2000):
        redis.ask.reply()

    balance, now, fraction = redis.state("a")
    assert now > start
    assert (balance + MAX) * SECOND + fraction == rate * (now - start)


def test_a_clock_that_steps_back(redis):
    ahead = redis.now() + DAY
    redis.ask("SET", "a", value(2 * TOKEN, ahead))

    # it gives nothing for that, and takes nothing away
    assert redis.one("take", "a", TOKEN, 5 * TOKEN, TOKEN) == (TOKEN, TOKEN, 0)
    balance, now, _ = redis.state("a")
    assert ahead - DAY <= now < ahead - DAY + 60 * SECOND

    # and goes on from there
    servers.wait_for("more comes", lambda: redis.one("take", "a", TOKEN, 5 * TOKEN, 0)[1] > TOKEN)


@pytest.mark.parametrize("held", FOREIGN)
def test_a_foreign_value_is_a_full_bucket(redis, held):
    redis.ask("SET", "a", held)
    assert redis.one("take", "a", 1, 5 * TOKEN, TOKEN) == (TOKEN, 4 * TOKEN, 0)
    assert redis.ask("PTTL", "a") > 0


def test_a_foreign_type_is_a_full_bucket(redis):
    redis.ask("RPUSH", "a", "1:2")
    redis.ask("HSET", "b", "1", "2")
    assert redis.run("take", ("a", 1, 5 * TOKEN, TOKEN, 0), ("b", 1, TOKEN, TOKEN, 0)) \
        == [(TOKEN, 4 * TOKEN, 0), (TOKEN, 0, 0)]
    assert redis.ask("TYPE", "a") == "string"


def test_every_key_ends(redis):
    """
    Not before it would be full, which is what an absent key is, nor much later; a second at
    least, a year at most.
    """

    for rate, burst, due, low, high in (
            (TOKEN, TOKEN, 0, 1000, 1000), (TOKEN, TOKEN, TOKEN, 2000, 2000),
            (TOKEN, 60 * TOKEN, 60 * TOKEN, 61000, 61000), (MAX, MAX, MAX, 2000, 2000),
            (MAX, MAX, 1, 1001, 1001), (TOKEN, TOKEN, 100 * TOKEN, 101000, 101000),
            (1, 1, MAX, KEEP, KEEP), (1, MAX, MAX, KEEP, KEEP)):
        redis.ask("DEL", "a")
        _, _, (ttl,) = redis.run_and_look("take", ("a", rate, burst, 0, due))
        assert low - 900 < ttl <= min(2 * high + 4002, KEEP), (rate, burst, due)

    # one that had none gets one, granted or not
    for held in (value(0, 5), value(-5 * TOKEN, redis.now())):
        redis.ask("SET", "a", held)
        redis.one("take", "a", 1, TOKEN, TOKEN)
        assert redis.ask("PTTL", "a") > 0


def test_when_a_key_ends_is_not_said_each_time(redis):
    """It is what takes longest; what is there lives on for as long as it has to."""

    ask = ("a", TOKEN, 60 * TOKEN, TOKEN, 0)
    redis.run("take", ask)
    first = redis.ask("PEXPIRETIME", "a")
    till = unpacked(redis.ask("GET", "a"))[3]
    assert abs(till // 1000 - first) < 100

    redis.run("take", ask)
    assert redis.ask("PEXPIRETIME", "a") == first

    # until it would end too soon
    redis.run("take", (*ask[:3], 50 * TOKEN, 0))
    assert redis.ask("PTTL", "a") > 52000

    # nothing that is written there lets a key live for ever
    for till in (redis.now() + DAY, MAX, NAN, INF, -INF, 1e300):
        redis.ask("SET", "a", value(TOKEN, redis.now(), 0, till), "PX", 5000)
        redis.run("take", ask)
        assert redis.ask("PTTL", "a") > 0


def test_keys_are_bytes(redis):
    keys = [b"", b"\0", b"a\r\nb", bytes(range(256)), b"xr:{a}:b", b"{", b" ", b"%s", b"'\"\\"]
    answers = redis.run("take", *[(key, 1, 5 * TOKEN, TOKEN, 0) for key in keys])
    assert answers == [(TOKEN, 4 * TOKEN, 0)] * len(keys)
    assert sorted(redis.ask("KEYS", "*")) == sorted(keys)


GOOD = packed(1, 1, 1, 0)

WRONG = [
    ((1, "a"), "neither take nor lease"),
    ((1, "a", "Take", GOOD), "neither take nor lease"),
    ((1, "a", "", GOOD), "neither take nor lease"),
    ((0, "take"), "not four numbers"),
    ((0, "take", ""), "not four numbers"),
    ((0, "take", GOOD), "not four numbers"),
    ((1, "a", "take"), "not four numbers"),
    ((1, "a", "take", ""), "not four numbers"),
    ((1, "a", "take", GOOD[:-1]), "not four numbers"),
    ((1, "a", "take", GOOD + b"\0"), "not four numbers"),
    ((1, "a", "take", GOOD + GOOD), "not four numbers"),
    ((1, "a", "take", GOOD, ""), "not four numbers"),
    ((2, "a", "b", "lease", GOOD), "not four numbers"),
    ((1, "a", "take", 1, 1, 1, 0), "not four numbers"),
    ((2, "a", "a", "take", GOOD + GOOD), "stands twice"),
    ((2, "a", "b", "take", GOOD + packed(1, 1, 1, NAN)), "out of range"),
] + [((1, "a", mode, packed(*(number if i == at else 1 for i in range(4)))), "out of range")
     for mode in ("take", "lease") for at in range(4)
     for number in (NAN, INF, -INF, 0.5, -0.5, 1e300, 2.0**53, MAX + 1, -MAX - 1,
                    *((0, -1, -MAX) if at < 2 else ()))]


@pytest.mark.parametrize("args, what", WRONG)
def test_nonsense_is_an_error_and_changes_nothing(redis, args, what):
    with pytest.raises(Error, match=what):
        redis.ask("EVALSHA", redis.sha, *args)
    assert redis.ask("DBSIZE") == 0


def test_two_commands_for_each_key(redis):
    redis.ask("CONFIG", "RESETSTAT")
    for mode in ("take", "lease"):
        redis.run(mode, *[(f"{i}", 1, TOKEN, TOKEN, 0) for i in range(5)])

    stats = dict(re.findall(r"cmdstat_(\w+):calls=(\d+)",
                            redis.ask("INFO", "commandstats").decode()))
    stats.pop("config|resetstat", None)
    stats.pop("info", None)
    assert {name: stats.get(name) for name in ("get", "set", "time", "evalsha")} \
        == {"get": "10", "set": "10", "time": "2", "evalsha": "2"}


def test_eval_does_the_same(redis):
    """Where the script was flushed, it is sent along."""

    redis.ask("SCRIPT", "FLUSH")
    with pytest.raises(Error, match="NOSCRIPT"):
        redis.one("take", "a", 1, TOKEN, TOKEN)
    assert unpacked(redis.ask("EVAL", script(), 1, "a", "take", packed(1, TOKEN, TOKEN, 0))) \
        == [TOKEN, 0, 0]
    assert redis.one("take", "a", 1, TOKEN, TOKEN)[:2] == (0, 0)


@pytest.mark.parametrize("rate, burst", [(100000 * TOKEN, 500 * TOKEN), (1000 * TOKEN, MAX)])
def test_many_at_once(redis, rate, burst):
    """Clients that ask at the same time get together what one would have got, and no more."""

    granted = [0] * 8
    start = redis.now()
    redis.ask("SET", "a", value(0, start))

    def work(i, client):
        for _ in range(400):
            (answer,) = redis.run("take" if i % 2 else "lease",
                                  ("a", rate, burst, 3 * TOKEN, 0), client=client)
            granted[i] += answer[0]

    threads = [threading.Thread(target=work, args=(i, redis.client()))
               for i in range(len(granted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    balance, now, _ = redis.state("a")
    came = rate * (now - start) // SECOND
    assert 0 < sum(granted) <= came - balance

    # one that never was full lost nothing
    if burst == MAX:
        assert sum(granted) == came - balance


def test_what_a_user_must_be_allowed(redis):
    """These commands, on these keys, and no others."""

    redis.ask("ACL", "SETUSER", "edge", "on", ">secret", "~xr:*", "+evalsha", "+eval", "+get",
              "+set", "+time")
    client = redis.client()
    client("AUTH", "edge", "secret")
    assert redis.run("take", ("xr:{t}:a", 1, TOKEN, TOKEN, 0), client=client) == [(TOKEN, 0, 0)]

    with pytest.raises(Error, match="NOPERM"):
        redis.run("take", ("other", 1, TOKEN, TOKEN, 0), client=client)
    assert redis.ask("EXISTS", "other") == 0


def test_a_full_redis_says_so(redis):
    redis.ask("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(Error, match="OOM"):
            redis.one("take", "a", 1, TOKEN, TOKEN)
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", 0)
    assert redis.ask("DBSIZE") == 0


def test_in_a_cluster():
    """All keys of a tenant share a slot; those of two need not."""

    with loaded("--cluster-enabled", "yes", "--cluster-port", str(servers.free_port())) as redis:
        redis.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        servers.wait_for("the cluster is up", lambda:
                         b"cluster_state:ok" in redis.ask("CLUSTER", "INFO"))

        keys = [b"xr:{822b33ad87c148a0}:%d" % i for i in range(4)]
        assert redis.run("take", *[(key, 1, TOKEN, TOKEN, 0) for key in keys]) \
            == [(TOKEN, 0, 0)] * 4

        with pytest.raises(Error, match="CROSSSLOT"):
            redis.run("take", (keys[0], 1, TOKEN, TOKEN, 0),
                      (b"xr:{0000000000000000}:0", 1, TOKEN, TOKEN, 0))
