# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""NGINX that changes while it runs: asked on every worker process, and all the time."""

import json
import threading

import http1
import servers

# what has changed is in use by then
SOON = 10 if servers.ASAN else 2

# for edges whose worker processes are to be told apart
PID = "add_header X-Pid $pid always;"


class Workers:
    """A connection to each worker process of an edge, whose responses tell X-Pid."""

    def __init__(self, edge):
        self.edge = edge
        self.connections = {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for pid in list(self.connections):
            self._close(pid)

    def ask(self, target, **options):
        """What each of them answers, by their pids."""

        return {pid: self._ask(pid, target, options)
                for pid in servers.workers_of(self.edge.process.pid) if servers.serves(pid)}

    def statuses(self, target, **options):
        return {response.status for response in self.ask(target, **options).values()}

    def wait(self, status, target, seconds=SOON, **options):
        """Until all of them answer so; each of them says nothing else from then on."""

        servers.wait_for(f"{status} for {target} everywhere",
                         lambda: self.statuses(target, **options) == {status}, seconds)
        assert [self.statuses(target, **options) for _ in range(3)] == [{status}] * 3

    def _ask(self, pid, target, options):
        if pid not in self.connections:
            servers.wait_for(f"a connection to worker {pid}", lambda: self._find(pid))

        response = self.connections[pid].request(target, **options)
        if response["connection"] == "close":
            self._close(pid)
        return response

    def _find(self, wanted):
        """Some connections at once, as one after the other could all be one worker's."""

        some = [http1.Connection(self.edge.port) for _ in range(8)]
        for connection in some:
            connection.send("/-")

        for connection in some:
            pid = int(connection.receive()["x-pid"])
            if pid in self.connections:
                connection.__exit__()
            else:
                self.connections[pid] = connection

        return wanted in self.connections

    def _close(self, pid):
        self.connections.pop(pid).__exit__()


class Load:
    """Keepalive clients that ask until they are told to stop, and what went wrong for them."""

    def __init__(self, edge, targets, clients=4):
        self.edge, self.targets = edge, targets
        self.ended = threading.Event()
        self.done, self.wrong = 0, []
        self.threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        servers.wait_for("the load runs", lambda: self.done > 50)
        return self

    def __exit__(self, *exc):
        self.ended.set()
        for thread in self.threads:
            thread.join(30)

    def more(self, n=100):
        """Waits for so many further answers."""

        goal = self.done + n
        servers.wait_for(f"{n} answers", lambda: self.done >= goal or self.wrong, 30)

    def _run(self):
        connection, fresh = None, True

        while not self.ended.is_set():
            for target, body in self.targets:
                try:
                    fresh = connection is None
                    connection = connection or http1.Connection(self.edge.port)
                    response = connection.request(target)
                except ConnectionError as error:
                    # an idle connection may be closed before the request is
                    # there (RFC 9112, section 9.3.1): sent again, once
                    connection = None
                    if fresh:
                        self.wrong.append(repr(error))
                    continue

                if (response.status, response.body) != (200, body) or not response.complete:
                    self.wrong.append(repr(response))

                if response["connection"] == "close":
                    connection = None
                self.done += 1


def managers_of(edge):
    """The processes that look at files, one unless it has just ended."""

    children = f"/proc/{edge.process.pid}/task/{edge.process.pid}/children"
    with open(children) as pids:
        return [int(pid) for pid in pids.read().split()
                if b"cache manager" in servers.command_of(pid)]


def tenants(**tenants):
    """A tenants file."""

    return json.dumps({"tenants": tenants}, indent=1)


def logs(edge, text, seconds=SOON):
    """Waits for a line of the error log with "text" in it, and returns it."""

    def line():
        return next((line for line in edge.error_log().splitlines() if text in line), None)

    return servers.wait_for(f"\"{text}\" in the error log", line, seconds)


def expected_trouble(edge, text):
    """Takes lines with "text" out of the log, so that the check at the end passes them."""

    log = edge.folder / "error.log"
    log.write_text("".join(line for line in edge.error_log().splitlines(True)
                           if text not in line))
