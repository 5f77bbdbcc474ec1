# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
What RFC 9110 says about a request for an object, written from its text alone,
and requests to ask about: mostly where one more byte makes a difference.

Where the RFC leaves a choice, this is ours: a Range that is malformed, of an
unknown unit, of more members than allowed or longer in sum than the object is
ignored; parts are sorted, and joined where they touch; of a date, If-Range
believes only one that is older than the response by a second (8.8.2.2).  Of
what is empty a Range may be ignored or refused.
"""

import calendar
import dataclasses
import random
import re
import time
import typing

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SPEC = re.compile(r"(\d+)-(\d*)|-(\d+)", re.ASCII)
COMMA = re.compile(r"[ \t]*,[ \t]*")
TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"(?:{TAG})?(?:[ \t]*,[ \t]*(?:{TAG})?)*")

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
DATES = [re.compile(pattern, re.ASCII) for pattern in (
    rf"(?:{'|'.join(DAYS)}), (?P<day>\d\d) (?P<month>\w{{3}}) (?P<year>\d{{4}}) {CLOCK} GMT",
    rf"(?:{'|'.join(LONG_DAYS)}), (?P<day>\d\d)-(?P<month>\w{{3}})-(?P<year>\d\d) {CLOCK} GMT",
    rf"(?:{'|'.join(DAYS)}) (?P<month>\w{{3}}) (?P<day>[ \d]\d) {CLOCK} (?P<year>\d{{4}})")]


@dataclasses.dataclass(frozen=True)
class Object:
    data: bytes = dataclasses.field(repr=False)
    etag: typing.Optional[str] = None
    modified: typing.Optional[int] = None
    date: typing.Optional[int] = None       # of the response that brought it
    type: str = "model/gltf-binary"

    @property
    def size(self):
        return len(self.data)


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    headers: dict


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    ranges: tuple = ()                      # of a 206: (first, last), as in Content-Range


# Dates

def http_date(when, form=0):
    """A time in one of the three forms of section 5.6.7."""

    t = time.gmtime(when)
    month = MONTHS[t.tm_mon - 1]
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"

    if form == 0:
        return f"{DAYS[t.tm_wday]}, {t.tm_mday:02} {month} {t.tm_year} {clock} GMT"
    if form == 1:
        return f"{LONG_DAYS[t.tm_wday]}, {t.tm_mday:02}-{month}-{t.tm_year % 100:02} {clock} GMT"
    return f"{DAYS[t.tm_wday]} {month} {t.tm_mday:2} {clock} {t.tm_year}"


def parse_date(text):
    """Seconds since 1970, or None for what is no date."""

    for form in DATES:
        found = form.fullmatch(text)
        if not found or found["month"] not in MONTHS:
            continue

        year = int(found["year"])
        if len(found["year"]) == 2:
            year += 1900 if year >= 70 else 2000

        month = MONTHS.index(found["month"]) + 1
        day, hour, minute, second = (int(found[name])
                                     for name in ("day", "hour", "minute", "second"))

        if 1 <= day <= calendar.monthrange(year, month)[1] and hour < 24 and minute < 60:
            return calendar.timegm((year, month, day, hour, minute, second))

    return None


# Conditions, section 13

def weak(tag):
    return tag.startswith("W/")


def tags_of(text):
    """The entity tags of a list; none of what is not one."""

    return re.findall(TAG, text) if TAGS.fullmatch(text) else []


def if_match(obj, text):
    if text == "*":
        return True
    return any(tag == obj.etag and not weak(tag) for tag in tags_of(text))


def if_none_match(obj, text):
    if text == "*":
        return False
    return obj.etag is None or all(tag.removeprefix("W/") != obj.etag.removeprefix("W/")
                                   for tag in tags_of(text))


def unmodified_since(obj, text):
    """Whether the object is not younger than a date; None if that says nothing."""

    when = parse_date(text)
    return None if when is None or obj.modified is None else obj.modified <= when


def if_range(obj, text):
    if '"' in text[:3]:
        return not weak(text) and text == obj.etag

    return (obj.modified is not None and obj.date is not None
            and parse_date(text) == obj.modified and obj.date - obj.modified >= 1)


def refused(obj, headers):
    """304, 412 or None, in the order of section 13.2.2."""

    if "If-Match" in headers:
        if not if_match(obj, headers["If-Match"]):
            return 412

    elif unmodified_since(obj, headers.get("If-Unmodified-Since", "")) is False:
        return 412

    if "If-None-Match" in headers:
        if not if_none_match(obj, headers["If-None-Match"]):
            return 304

    elif unmodified_since(obj, headers.get("If-Modified-Since", "")) is True:
        return 304

    return None


# Ranges, section 14

def parse_range(text):
    """The members of a Range: (first, last), last or first None; None if it is to be ignored."""

    unit, equals, members = text.partition("=")
    if not equals or not TOKEN.fullmatch(unit) or unit.lower() != "bytes":
        return None

    # white space before the first member is in no rule, but in the RFC's own example
    found = []
    for member in COMMA.split(members.strip(" \t")):
        if not member:
            continue                        # section 5.6.1.2

        spec = SPEC.fullmatch(member)
        if not spec:
            return None

        first, last, suffix = spec.groups()
        if suffix is not None:
            found.append((None, int(suffix)))
        elif not last:
            found.append((int(first), None))
        elif int(last) < int(first):
            return None
        else:
            found.append((int(first), int(last)))

    return found or None


def satisfied(spec, size):
    """The bytes that a member asks for, or None."""

    first, last = spec

    if first is None:
        return (max(size - last, 0), size - 1) if last > 0 and size > 0 else None
    if first >= size:
        return None
    return first, size - 1 if last is None else min(last, size - 1)


def joined(ranges):
    out = []

    for first, last in sorted(ranges):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))

    return out


def answers(obj, request, max_ranges):
    """What may be answered, the best first."""

    headers = {name: text.strip(" \t") for name, text in request.headers.items()}

    status = refused(obj, headers)
    if status:
        return [Answer(status)]

    whole = Answer(200)

    # GET is the only method that has ranges
    if request.method != "GET" or "Range" not in headers \
            or ("If-Range" in headers and not if_range(obj, headers["If-Range"])):
        return [whole]

    specs = parse_range(headers["Range"])
    if specs is None or len(specs) > max_ranges:
        return [whole]

    found = [part for spec in specs if (part := satisfied(spec, obj.size))]

    if obj.size == 0:
        # a suffix is satisfiable there, but no Content-Range can say so, and
        # of what is empty any Range may be ignored
        suffix = any(first is None and last > 0 for first, last in specs)
        return [whole] if suffix else [Answer(416), whole]

    if not found:
        return [Answer(416)]
    if sum(last - first + 1 for first, last in found) > obj.size:
        return [whole]
    return [Answer(206, tuple(joined(found)))]


# Responses, of any client that gives status, [name], body and complete

def parts_of(response):
    """The parts of a multipart body: headers and bytes of each; or what is wrong with it."""

    kind = re.fullmatch(r'multipart/byteranges; *boundary=(?:"([^"]{1,70})"|([^"; ]{1,70}))',
                        response["content-type"] or "", re.I)
    if not kind:
        return f"type {response['content-type']}"

    delimiter = b"\r\n--" + (kind[1] or kind[2]).encode()
    pieces = (b"\r\n" + response.body).split(delimiter)
    parts = []

    if len(pieces) < 3 or pieces[0].strip() or pieces[-1] not in (b"--", b"--\r\n"):
        return f"multipart body begins or ends wrongly: {pieces[0][:80]}, {pieces[-1][:80]}"

    for piece in pieces[1:-1]:
        head, end, data = piece.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        if lines[0].strip(" \t") or not end:
            return f"part without a head: {piece[:80]}"

        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        parts.append((fields, data))

    return parts


def _part_problem(obj, ranges, response):
    parts = parts_of(response)

    if isinstance(parts, str):
        return parts
    if len(parts) != len(ranges):
        return f"{len(parts)} parts, not {len(ranges)}"

    for (first, last), (fields, data) in zip(ranges, parts):
        if fields.get("content-range") != f"bytes {first}-{last}/{obj.size}":
            return f"part {first}-{last} has Content-Range {fields.get('content-range')}"
        if fields.get("content-type") != obj.type:
            return f"part {first}-{last} has type {fields.get('content-type')}"
        if data != obj.data[first:last + 1]:
            return f"part {first}-{last}: {difference(data, obj.data[first:last + 1])}"

    return None


def difference(got, wanted):
    if len(got) != len(wanted):
        return f"{len(got)} bytes, not {len(wanted)}"

    at = next(i for i, (a, b) in enumerate(zip(got, wanted)) if a != b)
    return f"byte {at} is {got[at]}, not {wanted[at]}"


def _body_problem(obj, request, answer, response):
    """What is wrong with the body, its length, type and place."""

    single = answer.ranges[0] if len(answer.ranges) == 1 else None
    first, last = single or (0, obj.size - 1)
    place = f"bytes {first}-{last}/{obj.size}" if single else None
    length = response["content-length"]

    if response["content-range"] != place:
        return f"Content-Range {response['content-range']}, not {place}"

    if len(answer.ranges) > 1:
        if length != str(len(response.body)):
            return f"Content-Length {length} of {len(response.body)} bytes"
        return _part_problem(obj, answer.ranges, response)

    wanted = obj.data if single is None else obj.data[first:last + 1]

    if length != str(len(wanted)):
        return f"Content-Length {length}, not {len(wanted)}"
    if response["content-type"] != obj.type:
        return f"type {response['content-type']}"
    if request.method == "HEAD":
        return f"{len(response.body)} bytes of body" if response.body else None
    if response.body != wanted:
        return difference(response.body, wanted)
    return None


def _problem(obj, request, answer, response):
    if response.status != answer.status:
        return f"status {response.status}, not {answer.status}"

    if answer.status in (412, 416):
        place = f"bytes */{obj.size}" if answer.status == 416 else None
        if response["content-range"] != place:
            return f"Content-Range {response['content-range']}, not {place}"
        return None

    if response["etag"] != obj.etag:
        return f"ETag {response['etag']}, not {obj.etag}"

    if answer.status == 304:
        if response["content-range"] or response.body:
            return "304 has a part of the object"
        return None

    # who sends If-Range has it already
    modified = None if obj.modified is None else http_date(obj.modified)
    if response["last-modified"] != modified \
            and not (answer.ranges and "If-Range" in request.headers):
        return f"Last-Modified {response['last-modified']}, not {modified}"

    return _body_problem(obj, request, answer, response)


def problem(obj, request, response, max_ranges):
    """What is wrong with a response; None if nothing is."""

    if not response.complete:
        return "cut short"

    found = [_problem(obj, request, answer, response)
             for answer in answers(obj, request, max_ranges)]

    return None if None in found else found[0]


# Requests to ask about

HUGE = [n + d for n in (1 << 31, 1 << 32, 1 << 63, 1 << 64) for d in (-1, 0, 1)]
HUGE += [1 << 128, 10 ** 60]

MALFORMED = [
    "bytes", "bytes=", "bytes=-", "bytes=--1", "bytes=1", "bytes=0-1-2", "bytes=a-b", "bytes=0-a",
    "bytes=0x0-1", "bytes=+0-1", "bytes=0-+1", "bytes=-+1", "bytes=1-0", "bytes=0-0,2-1",
    "bytes=0-0,x", "bytes=0-0;1-1", "bytes=0 -1", "bytes=0- 1", "bytes =0-1",
    "bytes= =0-1", "bytes==0-1", "bytes:0-1", "bytes 0-1", "bytes 0-1/2", "bytes=0-1/2", "=0-1",
    "0-1", "-1", "bytes=0.0-1", "bytes=0-1e1", "bytes=- 1", "bytes=,", "bytes=, ,\t,",
    "bytes=0-0 1-1", "bytes=*", "bytes=\"0-1\"", "bytes=0-1\v", "bytes=\u0660-\u0661",
    "bytes=18446744073709551616-1", "bytes=18446744073709551616-0,0-0",
    "bytes=5-18446744073709551616x",
]

UNITS = ["items=0-1", "byte=0-1", "bytess=0-1", "x-bytes=0-1", "none", "none=0-1", "lines=1-"]

NO_DATES = ["yesterday", "0", "-1", "1700000000", "Mon, 99 Jan 2024 00:00:00 GMT",
            "Mon, 01 Xyz 2024 00:00:00 GMT", "2024-01-01T00:00:00Z"]


class Requests:
    """An endless supply, the same for the same seed."""

    def __init__(self, seed, slice_size, max_ranges):
        self.random = random.Random(seed)
        self.slice = slice_size
        self.max_ranges = max_ranges

    def next(self, obj):
        chance = self.random.random
        headers = {}

        if chance() < 0.85:
            headers["Range"] = self.range(obj)
        if chance() < 0.2:
            headers["If-Range"] = self.tag(obj) if chance() < 0.6 else self.date(obj)
        if chance() < 0.15:
            headers["If-Match"] = self.tags(obj)
        if chance() < 0.15:
            headers["If-None-Match"] = self.tags(obj)
        if chance() < 0.15:
            headers["If-Modified-Since"] = self.date(obj)
        if chance() < 0.15:
            headers["If-Unmodified-Since"] = self.date(obj)

        items = list(headers.items())
        self.random.shuffle(items)

        return Request("HEAD" if chance() < 0.1 else "GET", dict(items))

    def several(self, obj):
        """A good request for several parts."""

        return Request("GET", {"Range": "bytes=" + self._list(self._apart(obj))})

    def range(self, obj):
        kind = self.random.choices(
            ("one", "apart", "many", "malformed", "unit", "crowd"), (50, 22, 15, 8, 4, 1))[0]

        if kind == "malformed":
            return self.random.choice(MALFORMED)
        if kind == "unit":
            return self.random.choice(UNITS)
        if kind == "crowd":
            return "bytes=" + ",".join(["0-0"] * self.random.choice((100, 1000)))

        if kind == "apart":
            members = self._apart(obj)
        else:
            count = 1 if kind == "one" else self.random.randint(2, self.max_ranges + 2)
            members = [self.spec(obj) for _ in range(count)]

        unit = self.random.choice(("bytes", "bytes", "bytes", "Bytes", "BYTES"))
        return f"{unit}={self._list(members)}"

    def _list(self, members):
        """Members as they may be written: empty ones and white space between them."""

        if self.random.random() < 0.7:
            return ",".join(members)

        text = self.random.choice(("", " ", ",", " ,", ",,\t"))
        for i, member in enumerate(members):
            text += member
            if i < len(members) - 1:
                text += self.random.choice((",", ", ", " ,", "\t,\t", ",,", ", , ,"))

        return text + self.random.choice(("", "", ",", ", ,"))

    def _position(self, obj):
        """A byte of an object, or one beyond; mostly one next to an edge."""

        kind = self.random.choices(("slice", "start", "end", "inside", "huge"),
                                   (35, 15, 25, 20, 5))[0]

        if kind == "huge":
            return self.random.choice(HUGE)
        if kind == "start":
            return self.random.randint(0, 2)
        if kind == "end":
            return max(obj.size + self.random.randint(-2, 1), 0)
        if kind == "slice":
            edges = obj.size // self.slice + 1
            return max(self.random.randint(0, edges) * self.slice + self.random.randint(-1, 1), 0)
        return self.random.randint(0, max(obj.size - 1, 0))

    def _number(self, n):
        return str(n) if self.random.random() < 0.97 else f"{n:030}"

    def spec(self, obj):
        kind = self.random.choices(("closed", "open", "suffix", "short", "backwards"),
                                   (45, 15, 15, 20, 1))[0]
        first, last = self._position(obj), self._position(obj)

        if kind == "suffix":
            if self.random.random() < 0.3:
                return f"-{self._number(abs(obj.size - last))}"
            return f"-{self._number(last)}"
        if kind == "open":
            return f"{self._number(first)}-"
        if kind == "short":
            last = first + self.random.randint(0, 3)
        elif (kind == "backwards") != (first > last):
            first, last = last, first
        return f"{self._number(first)}-{self._number(last)}"

    def _apart(self, obj):
        """Members that do not overlap, if the object has room for them, in any order."""

        count = self.random.randint(2, self.max_ranges + 1)
        marks = sorted({min(self._position(obj), obj.size) for _ in range(2 * count)})
        members = [f"{first}-{last}" for first, last in zip(marks[::2], marks[1::2])]

        if self.random.random() < 0.3:
            members.append(f"-{self.random.randint(1, 5)}")
        self.random.shuffle(members)

        return members or ["0-0"]

    def tag(self, obj):
        etag = obj.etag or '"none"'
        strong = etag.removeprefix("W/")
        return self.random.choice((etag, etag, strong, f"W/{strong}", '"other"', f'{strong[:-1]}x"',
                                   f'{strong[:-2]}"', strong.strip('"'), strong.swapcase()))

    def tags(self, obj):
        kind = self.random.random()

        if kind < 0.1:
            return "*"
        if kind < 0.6:
            return self.tag(obj)

        etag = obj.etag or '"none"'
        tags = [self.random.choice(('"other"', 'W/"other"', '"a,b"', '""', "", etag,
                                    f"W/{etag.removeprefix('W/')}"))
                for _ in range(self.random.randint(1, 4))]
        return self.random.choice((",", ", ", " , ", "\t,")).join(['"first"', *tags])

    def date(self, obj):
        if self.random.random() < 0.1:
            return self.random.choice(NO_DATES)

        # an hour and a day are where forms and zones would show
        when = (obj.modified or 1700000000) + self.random.choice(
            (0, 0, 0, -1, 1, -3600, 3600, 86400, -86400, 1 << 28))
        return http_date(when, self.random.choice((0, 0, 0, 1, 2)))
