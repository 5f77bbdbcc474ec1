# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""What it takes to know a device that was not seen before."""

import os
import re
import statistics
import subprocess

import arms
import measure

PROGRAM = arms.BUILD / "bench/devices"
TABLE = arms.ROOT / "tests/fixtures/devices.tsv"

ROUNDS = 50
GOAL_NS = 2000

HEADERS = {"ua": "user-agent", "hints": "xr-hints", "accept": "accept", "xr": "xr",
           "form": "sec-ch-ua-form-factors", "model": "sec-ch-ua-model",
           "platform": "sec-ch-ua-platform", "mobile": "sec-ch-ua-mobile",
           "memory": "device-memory", "save": "save-data", "class": "x-xr-class",
           "cf-mobile": "cloudfront-is-mobile-viewer",
           "cf-tablet": "cloudfront-is-tablet-viewer",
           "cf-desktop": "cloudfront-is-desktop-viewer",
           "cf-smarttv": "cloudfront-is-smarttv-viewer"}


def real():
    """The requests of the table, each once."""

    lines = []
    for line in TABLE.read_text().splitlines():
        if line[:1] != "#":
            fields = (field.partition("=") for field in line.split("\t")[3:])
            lines.append("\t".join(f"{HEADERS.get(name, name)}={value}"
                                   for name, _, value in fields))
    return list(dict.fromkeys(lines))


def hostile():
    """Requests that were made to take long: all fields at once, and full."""

    words = ["Adreno (TM) ", "Windows NT 10.0; ", "PICO 4 Ultrx ", "a ", "iPhone OS ", "Mobile ",
             "+", "u ", "Quest 2 ", "PicoBrowser/", "Version/13 ", "Windows NT 10.0) ",
             "FBDV/iPhone", " iPad", "Raspberry P ", "Android "]
    hints = ["v=1, " + ", ".join(f"k{i}=1" for i in range(35)),
             "v=1, tex=(" + "astc " * 40 + "bc), xr=vr",
             'v=1, gpu="' + "Adreno " * 32 + '"', "(" * 250, 'v=1, x="' + "\\\\" * 110 + '"',
             "v=1" + ", tex=(astc etc2 bc);a;b;c" * 8]
    lines = []
    for i, word in enumerate(words):
        fields = {"user-agent": (word * 400)[:4000], "xr-hints": hints[i % len(hints)][:256],
                  "accept": "model/gltf-binary;q=0.1, " * 40 + "*/*;xr=zz",
                  "sec-ch-ua-form-factors": '"Desktop", ' * 20 + '"XR"',
                  "sec-ch-ua-model": '"' + "Quest " * 20 + '"', "sec-ch-ua-platform": '"Android"',
                  "sec-ch-ua-mobile": "?1", "device-memory": "8" * 16, "dpr": "1." + "9" * 14,
                  "ect": "slow-2g", "downlink": "9999999999.999", "rtt": "99999999",
                  "save-data": "on", "xr": "h2-ae-99-" + "d" * 200}
        lines.append("\t".join(f"{name}={value}" for name, value in fields.items()))
    return lines


def instructions(lines, path):
    """Of one match, on average: the difference of two runs."""

    totals = []
    path.write_text("\n".join(lines))
    for rounds in (1, 2):
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                               PROGRAM, path, str(rounds)], capture_output=True, text=True)
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or found is None:
            raise arms.BenchError(f"callgrind: {done.stderr.strip()[-200:]}")
        totals.append(int(found[1]))
    return round((totals[1] - totals[0]) / 100 / len(lines))


def measure_all(space, cpu):
    counts = {}

    measure.build(PROGRAM, f"-I{arms.ROOT / 'libxr'}", arms.BUILD / "libxr.a")

    print("\nTo know a device that was not seen before; nanoseconds of CPU time"
          " of a match, and\ninstructions (callgrind), by requests:\n\n"
          "             requests    median     worst    instructions, mean and worst")

    for name, lines in (("real", real()), ("hostile", hostile())):
        path = space.path / f"devices-{name}"
        path.write_text("\n".join(lines))
        done = subprocess.run([PROGRAM, path, str(ROUNDS)], capture_output=True, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        if done.returncode != 0:
            raise arms.BenchError(done.stderr.strip())
        ns = [float(word) for word in done.stdout.split()]
        slowest = sorted(zip(ns, lines))[-3:]
        mean = instructions(lines, path)
        worst = max(instructions([line], path) for _, line in slowest)
        counts[f"devices_{name}_ns"] = statistics.median(ns)
        counts[f"devices_{name}_worst_ns"] = max(ns)
        counts[f"devices_{name}_instructions"] = mean
        counts[f"devices_{name}_worst_instructions"] = worst
        note = ""
        if name == "real":
            note = f"   {'meets' if max(ns) <= GOAL_NS else 'ABOVE'} {GOAL_NS} ns"
        print(f"    {name:8} {len(lines):8} {statistics.median(ns):9.0f} {max(ns):9.0f}"
              f"    {mean:8} {worst:8}{note}", flush=True)

    return counts
