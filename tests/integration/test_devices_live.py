# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""A table of devices that changes while NGINX runs."""

import json
import os
import shutil
import signal
import time

import pytest

import http1
import live
import servers
from object_origin import ObjectOrigin
from range_model import Object
from test_devices import BAD_TABLES, QUEST_3, TELLS
from test_tenants_file import refusals, state_of

KEPT = "the table of devices is that of before"
COUNTS = "".join(f"add_header X-N-{name} $xr_devices_{name} always;"
                 for name in ("generation", "loads", "failures", "failed"))


def table(rule, agent="Kiosk/", **members):
    """One in which "agent" is a device by the name of "rule"."""

    return json.dumps({"version": 1, "base": "default", "rules": [
        {"name": rule, "ua": [agent], "class": "d3", "tex": ["bc"], **members}]})


def start(web_edges, web, text, log="", **options):
    options = {"workers": 2, **options}
    options.setdefault("origin", web.url)
    return web_edges(web.tenants("acme"), http=f"xr_devices devices.json; {log}",
                     server=live.PID + TELLS + COUNTS, files={"devices.json": text}, **options)


@pytest.fixture(scope="module")
def edge(web_edges, web):
    return start(web_edges, web, table("first"))


@pytest.fixture
def workers(edge):
    with live.Workers(edge) as workers:
        yield workers


def rules(workers, agent="Kiosk/1"):
    answers = workers.ask("/acme/none.glb", headers={"User-Agent": agent})
    return {answer["x-d-rule"] for answer in answers.values()}


def wait(workers, rule, agent="Kiosk/1"):
    """Until all worker processes know it by that; they say nothing else from then on."""

    servers.wait_for(f"{rule} everywhere", lambda: rules(workers, agent) == {rule}, live.SOON)
    assert [rules(workers, agent) for _ in range(3)] == [{rule}] * 3


def count(workers, name):
    [n] = {int(answer[f"x-n-{name}"]) for answer in workers.ask("/acme/none.glb").values()}
    return n


def replace(edge, text):
    edge.replace("devices.json", text, 0o644)


def test_it_changes(edge, workers):
    """Everywhere and soon, what was remembered of a device included."""

    for rule in ("second", "third", None, "fourth"):
        before = count(workers, "generation")
        replace(edge, table(rule) if rule else table("other", "Other/"))
        wait(workers, rule)
        assert count(workers, "generation") == before + 1
        assert rules(workers, QUEST_3) == {"quest-3"}
    assert "devices changed: generation" in edge.error_log()


def test_a_class_is_another_one(edge, workers):
    replace(edge, table("kiosk"))
    wait(workers, "kiosk")

    def classes():
        answers = workers.ask("/acme/none.glb", headers={"User-Agent": "Kiosk/1"})
        return {answer["x-d-class"] for answer in answers.values()}

    assert classes() == {"d3"}
    replace(edge, table("kiosk", **{"class": "p0"}))
    servers.wait_for("the class", lambda: classes() == {"p0"}, live.SOON)


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables(edge, workers, name):
    """As "nginx -t" refuses them; the old one stays, and it is tried once."""

    text, line = BAD_TABLES[name]
    replace(edge, table("good"))
    wait(workers, "good")

    failures, said = count(workers, "failures"), len(refusals(edge.error_log(), KEPT))
    replace(edge, text)
    servers.wait_for("the refusal", lambda: len(refusals(edge.error_log(), KEPT)) > said,
                     live.SOON)
    log = edge.error_log().splitlines()
    at = max(n for n, text in enumerate(log) if KEPT in text)
    assert "[error]" in log[at - 1] and f"devices.json:{line}: " in log[at - 1]
    assert rules(workers) == {"good"}
    assert (count(workers, "failures"), count(workers, "failed")) == (failures + 1, 1)

    time.sleep(0.7)
    assert len(refusals(edge.error_log(), KEPT)) == said + 1

    loads = count(workers, "loads")
    replace(edge, table("better"))
    wait(workers, "better")
    assert (count(workers, "loads"), count(workers, "failed")) == (loads + 1, 0)


def test_the_file_is_away(edge, workers):
    replace(edge, table("here"))
    wait(workers, "here")
    (edge.folder / "devices.json").unlink()
    live.logs(edge, f'open() "{edge.folder}/devices.json" failed')
    assert rules(workers) == {"here"}
    replace(edge, table("again"))
    wait(workers, "again")


def test_what_is_no_file(edge, workers):
    """A pipe that nobody writes to, a folder, what is too large: nobody waits for them."""

    file = edge.folder / "devices.json"
    for make, remove in ((os.mkfifo, os.unlink), (os.mkdir, os.rmdir),
                         (lambda path: path.write_bytes(b" " * 262145), os.unlink)):
        before = edge.error_log().count("is not a regular file")
        file.unlink(missing_ok=True)
        make(file)
        servers.wait_for("the refusal", lambda: edge.error_log().count(
            "is not a regular file") > before, live.SOON)
        remove(file)

    replace(edge, table("back"))
    wait(workers, "back")


def test_swaps_under_load(web_edges):
    """Requests that are on their way hold on to the table that they began with."""

    with ObjectOrigin({}) as origin:
        path, body = "/acme/a.glb", b"body" * 50000
        origin.objects["a.glb"] = Object(body, '"1"')
        edge = start(web_edges, origin, table("r0"),
                     location=f"xr_auth public; {servers.CACHE} xr_variants on;")
        with live.Load(edge, [(path, body)], clients=3) as load:
            for n in range(1, 7):
                replace(edge, table(f"r{n}"))
                with live.Workers(edge) as workers:
                    wait(workers, f"r{n}")
                load.more()
        assert load.wrong == []


def test_the_name_of_a_rule_outlives_its_table(web_edges):
    """It is logged when a slow request ends, after its table was replaced twice."""

    with ObjectOrigin({}) as origin:
        path, body = "/acme/slow.glb", b"slow" * 4000000
        origin.objects["slow.glb"] = Object(body, '"1"')
        edge = start(web_edges, origin, table("the-first-of-all"), workers=1,
                     log="log_format rule '$uri $xr_device_rule'; access_log rules.log rule;",
                     location=f"xr_auth public; {servers.CACHE}")

        with http1.Connection(edge.port) as slow:
            slow.send(path, headers={"User-Agent": "Kiosk/1"})
            servers.wait_for("the answer", lambda: slow.file.peek(1))
            with live.Workers(edge) as workers:
                for rule in ("second", "third"):
                    replace(edge, table(rule))
                    wait(workers, rule)
            response = slow.receive()

        assert response["x-d-rule"] == "the-first-of-all" and response.body == body
        log = edge.folder / "rules.log"
        servers.wait_for("the log", lambda: f"{path} the-first-of-all\n" in log.read_text())


def test_a_reload_and_a_crash(web_edges, web):
    """Whoever comes later has the newest table, not that of the configuration."""

    edge = start(web_edges, web, table("one"))
    with live.Workers(edge) as workers:
        replace(edge, table("two"))
        wait(workers, "two")

    edge.reload()
    with live.Workers(edge) as workers:
        wait(workers, "two")
        replace(edge, table("three"))
        wait(workers, "three")

    before = servers.workers_of(edge.process.pid)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    servers.wait_for("new workers", lambda: len(
        servers.workers_of(edge.process.pid) - before) == 2)
    with live.Workers(edge) as workers:
        assert rules(workers) == {"three"}

    live.expected_trouble(edge, "exited on signal 9")
    assert {name.split(".")[0] for name in state_of(edge)} == {"devices"}
    edge.stop()
    assert state_of(edge) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have workers of another user")
def test_workers_of_another_user(web_edges, web):
    """It is no secret, but somebody has to be able to read it."""

    edge = start(web_edges, web, table("one"), user="nobody nogroup")
    with live.Workers(edge) as workers:
        assert rules(workers) == {"one"}
        edge.replace("devices.json", table("two"), 0o600)
        assert "Permission denied" in live.logs(edge, 'devices.json" failed')
        assert rules(workers) == {"one"}
        shutil.chown(edge.folder / "devices.json", group="nogroup")
        (edge.folder / "devices.json").chmod(0o640)
        wait(workers, "two")


def test_a_single_process(web_edges, web):
    edge = start(web_edges, web, table("one"), workers=0, main="master_process off;")

    def rule():
        return edge.get("/acme/none.glb", headers={"User-Agent": "Kiosk/1"})["x-d-rule"]

    assert rule() == "one"
    replace(edge, table("two"))
    servers.wait_for("the table", lambda: rule() == "two", live.SOON)
