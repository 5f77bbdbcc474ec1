# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""The table of 100,000 tenants by itself: tenants.c, compiled and run."""

import json
import subprocess

import arms
import measure

PROGRAM = arms.BUILD / "bench/tenants"
LIBRARY = arms.BUILD / "libxr.a"

# what it prints, as what, with which factor, and what we promise
FIGURES = (
    ("tenants_load_ms", "load_seconds", 1000, "at most", 2000),
    ("tenants_load_cpu_ms", "load_cpu_seconds", 1000, None, None),
    ("tenants_bytes_each", "overhead_per_tenant", 1, "at most", 200),
    ("tenants_lookups_per_s", "lookups", 1, "at least", 1000000),
)


def measure_all(cpu):
    if not LIBRARY.exists():
        raise arms.BenchError(f"{LIBRARY} is missing: make xr")

    measure.build(PROGRAM, f"-I{arms.ROOT / 'libxr'}", LIBRARY, "-lcrypto",
                  "-ljwt")

    done = subprocess.run(["taskset", "-c", str(cpu), PROGRAM],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise arms.BenchError(f"tenants: {done.stderr.strip()}")

    result = json.loads(done.stdout)
    result["lookups"] = min(result["names_per_second"],
                            result["hosts_per_second"])
    counts = {}

    print(f"\nA table of {result['tenants']:,} tenants, bytes beyond strings"
          " and keys:")
    for name, field, factor, goal, bound in FIGURES:
        value = round(result[field] * factor, 1)
        counts[name] = value
        note = ""
        if goal:
            met = value <= bound if goal == "at most" else value >= bound
            note = f"   {'meets' if met else 'MISSES'} {goal} {bound}"
        print(f"    {name:24} {value:12.1f}{note}", flush=True)

    return counts
