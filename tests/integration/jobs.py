# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Workers and their queue, for tests."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess

import servers

XR = servers.BUILD / "xr"
PACKER = pathlib.Path(__file__).with_name("packer.py")
STREAM = "xr:{jobs}:pack"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def xr(*args, env=None, status=0, timeout=60):
    """Standard output and standard error."""

    done = subprocess.run([XR, *map(str, args)], capture_output=True, timeout=timeout,
                          stdin=subprocess.DEVNULL,
                          env={**servers.environment(), **(env or {})})
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == status, out + err
    assert "Sanitizer" not in err and "runtime error" not in err
    return out, err


class Jobs:
    """xr jobs, for one Redis."""

    def __init__(self, url):
        self.env = {"XR_REDIS": url}

    def __call__(self, command, *args, **options):
        return xr("jobs", command, *args, env=self.env, **options)

    def add(self, key, digest, *args, tenant="acme"):
        out, _ = self("add", "--tenant", tenant, "--sha256", digest, *args, key)
        return out.split()

    def list(self, *args):
        return [json.loads(line) for line in self("list", "--json", *args)[0].splitlines()]

    def states(self):
        found = {}
        for job in self.list("--limit", "1000"):
            found.setdefault(job["state"], []).append(job["id"])
        return found

    def show(self, job):
        return json.loads(self("show", "--json", job)[0])


class Worker:
    """xr worker pack in a folder, as often as it is started."""

    def __init__(self, folder, url, origin=None, credentials=None, packer=PACKER, **worker):
        self.folder = pathlib.Path(folder)
        self.redis = url
        self.jobs = Jobs(url)
        self.processes = []
        self.logs = []
        self.dir = self.folder / "jobs"
        self.dir.mkdir()
        self.journal = self.folder / "journal"
        self.config = self.folder / "xr.json"
        self.packer = packer
        self.origin, self.credentials = origin, credentials
        self.worker = worker
        self.configure()

    def configure(self, **more):
        worker = {"redis": self.redis, "packer": str(self.packer), "dir": "jobs",
                  "journal": "journal", "lease": "2s", "backoff": "0s", **self.worker, **more}
        tenants = {}
        if self.origin:
            tenants["acme"] = {**self.origin, "credentials": "aws"}
        if self.credentials:
            self.write_credentials(self.credentials)
        self.config.write_text(json.dumps({"tenants": tenants, "worker": worker}, indent=1))

    def write_credentials(self, text):
        new = self.folder / "aws.new"
        new.touch(mode=0o600)
        new.write_text(text)
        new.rename(self.folder / "aws")

    def start(self, *args, env=None):
        log = open(self.folder / f"worker{len(self.logs)}.err", "w+b")
        process = subprocess.Popen([XR, "worker", "pack", "--config", self.config, *args],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                   env={**servers.environment(), **(env or {})})
        process.log = len(self.logs)
        self.logs.append(log)
        self.processes.append(process)
        return process

    def once(self):
        process = self.start("--once")
        assert process.wait(60) == 0, self.text(process)
        self.processes.remove(process)
        return self.events(process)

    def text(self, process):
        return (self.folder / f"worker{process.log}.err").read_text()

    def events(self, process):
        """What it has logged; a line may be under way."""

        lines = self.text(process).split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def wait(self, process, event, seconds=20, **fields):
        def there():
            for line in self.events(process):
                if line["event"] == event and fields.items() <= line.items():
                    return line
            assert process.poll() is None, self.text(process)
            return None
        return servers.wait_for(f"{event} {fields} of the worker", there, seconds)

    def kill(self, process, number=signal.SIGKILL):
        process.send_signal(number)
        process.wait(20)
        self.processes.remove(process)
        return process.returncode

    def stop(self):
        for process in list(self.processes):
            self.kill(process)
        for log in self.logs:
            log.close()
        assert servers.trouble_in(self.folder) == []


def children(pid):
    """The pids of all that a process has started, and they."""

    found = []
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return found
    for child in map(int, text.split()):
        found += [child, *children(child)]
    return found


def gone(pids):
    return not any(os.path.exists(f"/proc/{pid}") and servers.alive(pid) for pid in pids)
