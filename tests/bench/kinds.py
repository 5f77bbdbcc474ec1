# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""Warm hits with one kind of credential beside the same with another."""

import arms
import measure

SIZE = "4k"
ROUNDS = (15, 800)

# by reference: the ratios, what each compares, and the least that we promise
GROUPS = {
    "jwt": ("hs256", {
        "jwt_rs256_vs_hmac": ("rs256", 0.97),
        "jwt_es256_vs_hmac": ("es256", 0.97)}),
    "edgeauth": ("edgeauth", {
        "jwt_rs256_vs_edgeauth": ("rs256", None),
        "cloudfront_vs_edgeauth": ("cloudfront", None)}),
}


def show(name, pairs, ratio, note=""):
    cpu = [measure.median_of(pairs, "cpu", side) for side in (0, 1)]
    print(f"{name:24} {cpu[0]:10.2f}  {cpu[1]:10.2f}   {ratio['median']:6.3f}"
          f" [{ratio['q1']:.3f} - {ratio['q3']:.3f}]{note}", flush=True)


def measure_group(space, origin, cpus, group, rounds, milliseconds):
    """The ratios of a group, all taken in the same rounds."""

    kind, compared = GROUPS[group]
    control_name = f"control_{group}"
    names = [*compared, control_name]

    reference = arms.Server(space, "xr", group, cpus[0], origin, kind=kind)
    others = [arms.Server(space, "xr", name, cpus[0], origin, kind=other)
              for name, other in [*((n, k) for n, (k, _) in compared.items()),
                                  (control_name, kind)]]

    for server in (reference, *others):
        with server:
            server.fill([SIZE])

    print(f"\nCPU time of the worker per {SIZE} hit by kind of credential,"
          f" {kind} is the\nreference; ratio: the reference's time divided by"
          " the other's, as above.\n\n"
          "                          reference       other   ratio\n"
          "                                 us          us")

    pairs = dict(zip(names, measure.ratios(
        space, origin, reference, others, SIZE, cpus, rounds, milliseconds)))
    ratios = {name: measure.summary([p.ratio for p in pairs[name]])
              for name in names}

    for name, (_, goal) in compared.items():
        show(name, pairs[name], ratios[name],
             measure.verdict(ratios[name], ratios[control_name], goal))
    show(control_name, pairs[control_name], ratios[control_name])

    return ratios
