# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""What the checks share: the files of the tree, C sources taken apart, findings."""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

TOKEN = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.M)


def files():
    """Every file of the tree that is, or would be, committed."""

    if os.path.exists(os.path.join(TOP, ".git")):
        git = subprocess.run(["git", "-C", TOP, "ls-files", "-coz", "--exclude-standard"],
                             capture_output=True)
        if git.returncode == 0:
            names = os.fsdecode(git.stdout).split("\0")
            return sorted({n for n in names if n and os.path.isfile(os.path.join(TOP, n))})

    found = []                              # a tarball, or a git that refuses

    for folder, dirs, names in os.walk(TOP):
        skip = {".git", "__pycache__", "node_modules", ".pytest_cache"}
        if folder == TOP:
            skip.add("build")
        dirs[:] = [d for d in dirs if d not in skip]
        found += [os.path.relpath(os.path.join(folder, n), TOP) for n in names]

    return sorted(found)


def read(name):
    """The text of a file, or None when it is not text."""

    with open(os.path.join(TOP, name), "rb") as f:
        data = f.read()

    if b"\0" in data:
        return None

    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def line_of(text, pos):
    return text.count("\n", 0, pos) + 1


class Function:
    """A function body: from its "{" to its "}", both in column 0; lines from 1."""

    def __init__(self, name, static, head, first, last):
        self.name, self.static = name, static
        self.head, self.first, self.last = head, first, last


class Source:
    """A C file.  "code" has comments and the insides of literals blanked."""

    def __init__(self, name, text):
        self.name, self.text = name, text
        self.base = os.path.basename(name)
        self.folder = name.split("/")[0]
        self.lines = text.split("\n")
        self.comments = []                  # (line, text)
        self.code = TOKEN.sub(self._blank, text)
        self.code_lines = self.code.split("\n")
        self.includes = [(line_of(text, m.start()), m.group(1) == "<", m.group(2))
                         for m in INCLUDE.finditer(text)]
        self.functions = self._functions()

    def _blank(self, match):
        token = match.group()

        if token[0] == "/":
            self.comments.append((line_of(self.text, match.start()), token))
            return re.sub(r"[^\n]", " ", token)

        return token[0] + " " * (len(token) - 2) + token[0]

    def _functions(self):
        found = []
        lines = self.code_lines

        for i, line in enumerate(lines):
            if line.rstrip() != "{":
                continue

            n = i - 1
            while n >= 0 and lines[n].strip() and not re.match(r"\w+\(", lines[n]):
                n -= 1

            name = re.match(r"\w+", lines[n]) if n >= 0 else None
            if name is None:
                continue

            head = n
            while head > 0 and re.match(r"[A-Za-z_]", lines[head - 1]):
                head -= 1

            last = i + 1
            while last < len(lines) - 1 and not lines[last].startswith("}"):
                last += 1

            static = any("static" in t.split() for t in lines[head:n])
            found.append(Function(name.group(), static, head + 1, i + 1, last + 1))

        return found


def sources(names):
    """The C sources and headers among "names"."""

    found = []

    for name in names:
        if name.endswith((".c", ".h")):
            text = read(name)
            if text is not None:
                found.append(Source(name, text))

    return found


class Findings:
    """Prints one line per finding; a warning does not fail the check."""

    def __init__(self):
        self.failed = False
        self.said = set()

    def add(self, name, line, text):
        self.failed = True
        self._say(f"{name}:{line}: {text}")

    def warn(self, name, line, text):
        self._say(f"{name}:{line}: warning: {text}")

    def _say(self, text):
        if text not in self.said:
            self.said.add(text)
            print(text)

    def exit(self):
        sys.exit(1 if self.failed else 0)
