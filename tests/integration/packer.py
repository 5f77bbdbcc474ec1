#!/usr/bin/python3
# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""packer.py FILE --out DIR --json [--wait FILE] [--pad BYTES]

A packer for tests of the worker: quick, deterministic, and as good or bad as
the source's first word says.  --wait: it goes on once that file is there.
"""

import argparse
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("file", type=pathlib.Path)
parser.add_argument("--out", type=pathlib.Path)
parser.add_argument("--json", action="store_true")
parser.add_argument("--wait", type=pathlib.Path)
parser.add_argument("--pad", type=int, default=0)
args = parser.parse_args()

source = args.file.read_bytes()
word = source.split()[0] if source.split() else b""

if args.wait:
    pathlib.Path(f"{args.wait}.{os.getpid()}").touch()

while args.wait and not args.wait.exists():
    time.sleep(0.01)

if word == b"REFUSE":
    print("checking")
    print(json.dumps({"status": "refused", "error": "accessor 3 is out of bounds"}))
    sys.exit(65)

if word == b"NEVER":
    print(json.dumps({"ok": False, "code": "glb", "reason": "it is no GLB", "retry": False}))
    sys.exit(1)

if word == b"FAIL":
    print(json.dumps({"error": "the encoder is not there"}))
    sys.exit(1)

if word == b"CRASH":
    os.kill(os.getpid(), signal.SIGSEGV)

if word == b"MEMORY":
    hog = bytearray(1 << 30)
    sys.exit(1)

if word == b"HANG":
    # its child holds the pipe and would outlive it
    subprocess.Popen(["sleep", "1000"])
    time.sleep(1000)

if word == b"BIG":
    (args.out / "big").write_bytes(b"x" * (2 << 20))

if word == b"ENV":
    known = {"PATH", "LC_ALL", "HOME", "TMPDIR", "LC_CTYPE"}
    fds = {n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")}
    print(json.dumps({"error": f"{args.file.name} {sorted(set(os.environ) - known)} {sorted(fds)}"}))
    sys.exit(65)

variants = []

for name, data in (("full", source), ("half", source[::2]), ("pad", b"p" * args.pad)):
    if not data:
        continue

    data = name.encode() + b"\n" + data
    digest = hashlib.sha256(data).hexdigest()
    (args.out / f"{digest}.glb").write_bytes(data)
    variant = {"id": name, "path": f"{digest}.glb", "bytes": len(data), "sha256": digest, "q": 50}

    if name == "full" and len(data) > 64:
        (args.out / f"{digest}.glb.br").write_bytes(data[:32])
        variant["enc"] = {"br": 32}

    variants.append(variant)

if word == b"LIE":
    variants[0]["bytes"] += 1

if word == b"WRONG":
    variants[0]["sha256"] = "0" * 64

if word == b"LINK":
    path = args.out / variants[0]["path"]
    path.unlink()
    path.symlink_to("/etc/passwd")
    variants[0]["bytes"] = os.path.getsize("/etc/passwd")

rev = hashlib.sha256(source).hexdigest()
manifest = {"v": 1, "id": rev[:16], "rev": rev, "default": "full", "variants": variants}
(args.out / "manifest.json").write_text(json.dumps(manifest))
print(json.dumps({"status": "ok", "variants": len(variants)}))
