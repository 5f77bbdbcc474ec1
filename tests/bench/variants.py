# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
"""What variants cost: a hit by way of a manifest, and a manifest that is new."""

import concurrent.futures
import hashlib
import http.client
import http.server
import json
import statistics
import threading
import time

import arms
import kinds
import measure

SIZE = "4k"
ROUNDS = (15, 800)

GOAL = 0.95

# one that is old while it is measured would be asked for again
OPTIONS = "xr_variants        on;\n    xr_manifest_valid  1h;"

# a ladder, of which the third step is what the client of headers.txt gets
LADDER = (("d3", 90, 1500000, 4096), ("h3", 80, 400000, 4096),
          ("h2", 70, 180000, 2048), ("h1", 60, 90000, 1024),
          ("h0", 40, 45000, 1024), ("p0", 20, 18000, 512))
CHOSEN = 2

# how many ask for an object that no manifest is known of, at once; and how
# long the origin takes to answer, so that a round trip stands out
CROWDS = (1, 8, 64)
ROUND_TRIP_S = 0.05
REPEATS = 5


def manifest(bodies):
    return json.dumps({"v": 1, "variants": [
        {"id": f"m{i}-{name}", "path": f"{hashlib.sha256(body).hexdigest()}.glb",
         "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(),
         "type": "model/gltf-binary", "q": q, "tris": tris, "maxdim": dim,
         "gpu": {"rgba8": 8 * i}, "for": {"classes": [name]},
         "alts": [f"m{i + 1}-{LADDER[i + 1][0]}"] if i + 1 < len(LADDER) else []}
        for i, ((name, q, tris, dim), body) in enumerate(zip(LADDER, bodies))]})


def publish(space):
    """A manifest for each object; what is chosen has the object's own bytes."""

    for path in space.paths[SIZE]:
        source = space.objects / path.rpartition("/")[2]
        bodies = [source.read_bytes() if i == CHOSEN else bytes([i]) + source.read_bytes()
                  for i in range(len(LADDER))]
        folder = source.with_name(f"{source.name}.xr")
        folder.mkdir(exist_ok=True)
        chosen = hashlib.sha256(bodies[CHOSEN]).hexdigest()
        (folder / f"{chosen}.glb").write_bytes(bodies[CHOSEN])
        (folder / "manifest.json").write_text(manifest(bodies))


def get(server, target, headers, gate=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port,
                                            timeout=30)
    connection.connect()
    if gate is not None:
        gate.wait()
    start = time.monotonic()
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    answer.read()
    answer.seconds = time.monotonic() - start
    connection.close()
    if answer.status != 200:
        raise arms.BenchError(f"{server.name}: {answer.status} for {target}")
    return answer


def check(space, server):
    """That it is a variant what the load generator gets."""

    target = server.targets(SIZE).read_text().split()[0]
    answer = get(server, target, space.fields)
    said = answer.headers.get("XR-Variant") or ""
    if not said.startswith(f"m{CHOSEN}-"):
        raise arms.BenchError(f"{server.name}: not the variant meant: {said}")


def measure_ratios(space, origin, cpus, rounds, milliseconds):
    servers = [arms.Server(space, "xr", f"variants-{name}", cpus[0], origin,
                           options=options)
               for name, options in (("none", ""), ("none-again", ""),
                                     ("on", OPTIONS))]
    for server in servers:
        with server:
            server.fill([SIZE])
    with servers[2]:
        check(space, servers[2])

    print(f"\nCPU time of the worker per {SIZE} hit with a manifest of"
          f" {len(LADDER)} variants, the same object\nwithout any is the"
          " reference; ratio: the reference's time divided by the\nother's,"
          " as above.\n\n"
          "                          reference       other   ratio\n"
          "                                 us          us")

    names = ("control_variants", "variants_vs_none")
    pairs = dict(zip(names, measure.ratios(
        space, origin, servers[0], servers[1:], SIZE, cpus, rounds,
        milliseconds)))
    ratios = {name: measure.summary([p.ratio for p in pairs[name]])
              for name in names}

    kinds.show(names[1], pairs[names[1]], ratios[names[1]],
               measure.verdict(ratios[names[1]], ratios[names[0]], GOAL))
    kinds.show(names[0], pairs[names[0]], ratios[names[0]])

    return ratios


def measure_counts(space, origin, cpus, requests, show_profile):
    """Instructions and system calls that are more than those without."""

    total, calls, by_function = {}, {}, {}

    for name, options in (("none", ""), ("on", OPTIONS)):
        total[name], by_function[name] = measure.instructions(
            space, "xr", origin, SIZE, requests, cpus, "edgeauth",
            f"variants-{name}", options)

        with arms.Server(space, "xr", f"variants-strace-{name}", cpus[0],
                         origin, options=options) as server:
            calls[name] = sum(measure.system_calls(
                space, origin, server, SIZE, 200, cpus[1]).values())

    added = {"variants_instructions": round(total["on"] - total["none"]),
             "variants_syscalls": round(calls["on"] - calls["none"], 3)}

    print(f"\nWhat a manifest adds to the {total['none']:.0f} instructions"
          f" (callgrind) and {calls['none']:.1f} system\ncalls (strace) of a"
          " hit:\n\n"
          f"    instructions  {added['variants_instructions']:8}\n"
          f"    system calls  {added['variants_syscalls']:8}", flush=True)

    if show_profile:
        show_profile(by_function["none"], by_function["on"],
                     ("none", "variants"))

    return added


class SlowOrigin(http.server.ThreadingHTTPServer):
    """An origin as far away as a round trip is long; it counts by kind."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, objects):
        super().__init__(("127.0.0.1", 0), SlowHandler)
        self.objects = objects
        self.seen = []
        self.port = self.server_port


class SlowHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.server.seen.append(self.path)
        time.sleep(ROUND_TRIP_S)
        path = self.server.objects / self.path.partition("/")[2].partition("/")[2]
        body = path.read_bytes() if path.is_file() else b""
        self.send_response(200 if body else 404)
        self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def crowd(server, target, headers, size):
    """All ask at once; the seconds until the last has its answer."""

    gate = threading.Barrier(size)

    with concurrent.futures.ThreadPoolExecutor(size) as pool:
        asked = [pool.submit(get, server, target, headers, gate)
                 for _ in range(size)]
        return max(f.result().seconds for f in asked)


def one_miss(space, server, slow, path, target, size):
    """Round trips and requests of a manifest that nobody asked for before."""

    name = path.rpartition("/")[2]
    [chosen] = (space.objects / f"{name}.xr").glob("*.glb")

    # the variant's bytes are in the cache, by their own URL
    own = f"{path}.xr/{chosen.name}"
    get(server, f"{own}?{space.credentials.query(server.kind, own, 0)}",
        space.fields)

    before = len(slow.seen)
    cold = crowd(server, target, space.fields, size)
    requests = len(slow.seen) - before
    warm = crowd(server, target, space.fields, size)
    if len(slow.seen) != before + requests:
        raise arms.BenchError(f"{target} was asked for again")

    return (cold - warm) / ROUND_TRIP_S, requests


def measure_misses(space, cpus):
    slow = SlowOrigin(space.objects)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    server = arms.Server(space, "xr", "variants-miss", cpus[0], slow,
                         options=OPTIONS)
    counts, at = {}, 0
    targets = server.targets(SIZE).read_text().split()

    print("\nWhat is waited for a manifest that is not known, the variant"
          " being in the\ncache, by how many ask at once; in round trips of"
          f" {ROUND_TRIP_S * 1000:.0f} ms to the origin; and requests\nthat"
          " the origin sees:\n\n"
          "                round trips   requests")

    try:
        with server:
            for size in CROWDS:
                results = []
                for _ in range(REPEATS):
                    results.append(one_miss(space, server, slow,
                                            space.paths[SIZE][at], targets[at],
                                            size))
                    at += 1
                trips = statistics.median(r[0] for r in results)
                requests = max(r[1] for r in results)
                counts[f"variants_miss_{size}_round_trips"] = round(trips, 2)
                counts[f"variants_miss_{size}_requests"] = requests
                print(f"    {size:4} at once {trips:10.2f} {requests:10}",
                      flush=True)
    finally:
        slow.shutdown()
        slow.server_close()
    server.check_log()

    return counts


def measure_all(space, origin, cpus, rounds, milliseconds, requests,
                show_profile=None):
    """The ratios and the counts."""

    publish(space)

    ratios = measure_ratios(space, origin, cpus, rounds, milliseconds)
    counts = measure_counts(space, origin, cpus, requests, show_profile)
    counts.update(measure_misses(space, cpus))

    return ratios, counts
