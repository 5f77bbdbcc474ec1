# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The servers that tests run: the development stack, and edges beside it."""

import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import boto3
import botocore.config

import edgeauth
import http1

TOP = pathlib.Path(__file__).resolve().parents[2]
ASAN = os.environ.get("XR_STACK_ASAN") == "1"
BUILD = TOP / os.environ.get("BUILD", "build")
FLAVOUR = BUILD / "asan" if ASAN else BUILD
NGINX = FLAVOUR / "nginx" / "sbin" / "nginx"
MODULE = FLAVOUR / "modules" / "ngx_http_xr_module.so"
SYSTEM_NGINX = pathlib.Path("/usr/sbin/nginx")
SYSTEM_MODULE = BUILD / "system" / "ngx_http_xr_module.so"

# what must not appear in any log, whatever the test did
TROUBLE = re.compile(r"\[(alert|emerg)\]|exited on signal|(Address|Leak)Sanitizer|runtime error:")


def key_of(tenant):
    """The signing key of a tenant of an edge: no two have the same."""

    return hashlib.sha256(tenant.encode()).hexdigest()


KEY = key_of("acme")                        # the tenant of most tests
OTHER_KEY = "a3d1" * 16                     # nobody's


def wait_for(what, condition, seconds=10):
    """The first true value of "condition", which is asked again and again."""

    deadline = time.monotonic() + seconds

    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def environment():
    env = dict(os.environ)
    if ASAN:
        env.setdefault("ASAN_OPTIONS", "detect_odr_violation=0:detect_leaks=0")
    return env


def trouble_in(folder):
    """The lines of trouble in the logs of a folder."""

    found = []

    for log in pathlib.Path(folder).rglob("*"):
        if log.is_file() and re.search(r"\.(log|err)$|^(a|ub)san\.", log.name):
            text = log.read_text(errors="replace")
            found += [f"{log.name}: {line}" for line in text.splitlines() if TROUBLE.search(line)]

    return found


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def workers_of(pid):
    """The pids of the worker processes below a master."""

    found = set()

    with contextlib.suppress(OSError):
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"worker process" in command_of(child):
                found.add(int(child))

    return found


def alive(pid):
    """Whether a process runs; one that has ended and waits for its parent does not."""

    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def serves(worker):
    """
    Whether a worker process takes connections: neither gone nor about to go.  One that ends has
    no name any more.
    """

    command = command_of(worker)
    return alive(worker) and b"worker process" in command and b"shutting down" not in command


class Faults:
    """The fault proxy in front of the S3 server; see origin/dev/faultproxy.py."""

    def __init__(self, control):
        self.control = control.rstrip("/")

    def _call(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        call = urllib.request.Request(self.control + path, data=body, method=method)
        with urllib.request.urlopen(call, timeout=20) as answer:
            return json.load(answer)

    def rules(self, rules):
        self._call("PUT", "/rules", rules)

    def log(self, path=""):
        """The requests that the origin saw for targets with "path" in them."""

        return self._call("GET", "/log?path=" + urllib.parse.quote(path, safe=""))

    @contextlib.contextmanager
    def active(self, *rules):
        self.rules(rules)
        try:
            yield
        finally:
            self.rules([])


def stack(command, folder, *options):
    return subprocess.run([TOP / "scripts" / "stack", command, "--dir", folder, *options],
                          capture_output=True, text=True, cwd=TOP, env=environment(), timeout=180)


class Stack:
    """scripts/stack, shared by the tests of one worker process of pytest."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.names = (f"{os.getpid()}-{n}" for n in itertools.count(1))

        up = stack("up", folder, "--faults", *["--asan"] * ASAN)
        assert up.returncode == 0, up.stdout + up.stderr

        self.values = dict(line.split("=", 1) for line in up.stdout.splitlines() if "=" in line)
        self.tenant = self["tenant"]
        self.key = self["edgeauth_key"]
        self.bucket = self["bucket"]
        self.port = urllib.parse.urlsplit(self["http"]).port
        self.tls_port = urllib.parse.urlsplit(self["https"]).port
        self.nginx_pid = int(self["nginx_pid"])
        self.workers = workers_of(self.nginx_pid)
        self.faults = Faults(self["faults"])
        self.s3 = boto3.client(
            "s3", endpoint_url=self["s3"], region_name="us-east-1",
            aws_access_key_id=self["s3_access_key"],
            aws_secret_access_key=self["s3_secret_key"],
            config=botocore.config.Config(s3={"addressing_style": "path"}))

    def __getitem__(self, name):
        return self.values[name]

    @property
    def origin(self):
        """The origin of edges: the S3 server, through the fault proxy."""

        return f"s3://{self.bucket} region=us-east-1 style=path endpoint={self['origin']}"

    def put(self, body=None, key=None, suffix=".glb", **extra):
        """Stores an object, with a key of its own, and returns key and bytes."""

        body = os.urandom(20000) if body is None else body
        key = key or f"t/{next(self.names)}{suffix}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **extra)

        return key, body

    def get(self, target, method="GET", **options):
        return http1.request(self.port, target, method, **options)

    def down(self):
        workers = workers_of(self.nginx_pid)
        down = stack("down", self.folder)

        assert down.returncode == 0, down.stdout + down.stderr
        assert trouble_in(self.folder) == []
        assert workers == self.workers, "a worker process was replaced"


CONF = """
load_module {module};
{user}
worker_processes {workers};
{main}
daemon off;
pid nginx.pid;
error_log error.log info;
events {{ worker_connections 512; }}

http {{
    log_format test escape=json '{{"tag":"$http_user_agent","status":"$status",'
        '"request":"$request","tenant":"$xr_tenant","object":"$xr_object",'
        '"subject":"$xr_subject","kind":"$xr_auth_kind","auth":"$xr_auth_status",'
        '"reason":"$xr_deny_reason","expires":"$xr_expires","cache":"$xr_cache_status",'
        '"key":"$xr_key_id","token":"$xr_token_id","quality":"$xr_quality",'
        '"rate":"$xr_rate_class","client":"$xr_client_addr","country":"$xr_country",'
        '"scheme":"$xr_scheme","explain":"$xr_explain","authorization":"$http_authorization",'
        '"cookie":"$http_cookie","header":"$http_x_xr_tenant"}}';
    access_log access.log test;

    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;

    xr_cache_path cache keys_zone=objects:1m use_temp_path=off;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
        location / {{
            xr on;
            {location}
        }}
    }}
}}
"""

CACHE = "xr_cache objects; xr_cache_valid 200 1d;"


class Edge:
    """
    An NGINX with the module, in a folder of its own.  "tenants" maps names to
    the options of their blocks; "keys" and "credentials" are added where they
    are not given, unless "defaults" is false.  "files" are written beside the configuration.
    """

    def __init__(self, folder, tenants, location=CACHE, http="", server="", main="", origin="",
                 files=None, workers=1, credentials="", defaults=True, user=None, nginx=NGINX,
                 module=MODULE):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.nginx, self.module = nginx, module
        self.origin, self.credentials, self.workers = origin, credentials, workers
        self.parts = {"location": location, "server": server, "http": http, "main": main}
        self.defaults = defaults
        self.user = user or ("root" if os.geteuid() == 0 else None)
        self.reloads = False                # tests that reload say so
        self.process = None

        (self.folder / "tmp").mkdir()
        if user:
            self.folder.chmod(0o755)
        self.write("credentials", credentials)
        for name, text in (files or {}).items():
            self.write(name, text)
        self.configure(tenants)

    def write(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)

    def replace(self, name, text, mode=0o600):
        """As whoever changes a file that is in use should: nobody sees half of it."""

        self.write(f"{name}.new", text, mode)
        (self.folder / f"{name}.new").rename(self.folder / name)

    def configure(self, tenants, **parts):
        self.parts.update(parts)
        blocks = "\n".join(self._tenant(name, text) for name, text in tenants.items())
        conf = CONF.format(module=self.module, port=self.port, workers=self.workers,
                           user=f"user {self.user};" if self.user else "",
                           server=self.parts["server"], location=self.parts["location"],
                           main=self.parts["main"],
                           http=f"{self.parts['http']}\n{blocks}")
        self.write("nginx.conf", conf, 0o644)

    def _tenant(self, name, text):
        words = text.replace(";", " ; ").split()
        if not self.defaults:
            return f"xr_tenant {name} {{ {text} }}"
        if "origin" not in words:
            text += f" origin {self.origin};"
        if "credentials" not in words and "s3://" in text:
            text += " credentials credentials;"
        if "keys" not in words:
            self.write(f"{name}.keys", f"main {key_of(name)}\n")
            text += f" keys {name}.keys;"
        return f"xr_tenant {name} {{ {text} }}"

    def command(self, *extra):
        return [str(self.nginx), "-p", f"{self.folder}/", "-c", "nginx.conf",
                "-e", f"{self.folder}/error.log", *extra]

    def test(self):
        """nginx -t: exit code and what it says."""

        done = subprocess.run(self.command("-t"), capture_output=True, text=True,
                              env=environment(), timeout=60)
        assert done.returncode >= 0, f"nginx -t died of signal {-done.returncode}"
        return done.returncode, done.stderr

    def start(self):
        with open(self.folder / "stderr.err", "wb") as err:
            self.process = subprocess.Popen(self.command(), stderr=err, env=environment())
        wait_for("the edge serves", self._up, 30)
        self.pids = workers_of(self.process.pid)

    def _up(self):
        error = self.folder / "stderr.err"
        assert self.process.poll() is None, error.read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return len(workers_of(self.process.pid)) == self.workers

    def stop(self):
        """Ends NGINX; it must have lived, in one piece, until now."""

        if self.process is None:
            return

        process, self.process = self.process, None
        alive = process.poll() is None
        pids = workers_of(process.pid) if alive else None
        process.terminate()

        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

        assert trouble_in(self.folder) == []
        assert alive, "NGINX ended before its time"
        assert self.reloads or pids == self.pids, "a worker process was replaced"

    def kill(self, number):
        self.process.send_signal(number)

    def reload(self):
        """As "nginx -s reload": returns when only new workers take connections."""

        self.reloads = True
        old = workers_of(self.process.pid)
        self.kill(signal.SIGHUP)
        wait_for("new workers", lambda: len(workers_of(self.process.pid) - old)
                 == self.workers, 20)
        wait_for("the old workers' end", lambda: not any(map(serves, old)), 20)

    def get(self, target, method="GET", **options):
        return http1.request(self.port, target, method, **options)

    def fetch(self, path, key=None, **options):
        """A request with a good token for this very path, "/tenant/object"."""

        key = key or key_of(path.split("/")[1])
        return self.get(edgeauth.in_query(path, edgeauth.token(key, url=path)), **options)

    def logged(self, response):
        """The access log's line of a response."""

        tag = f'"tag":"{response.tag}"'

        def line():
            # the last one may not be all there yet
            for text in self.access_log().split("\n")[:-1]:
                if tag in text:
                    return json.loads(text)

        return wait_for(f"{response} in the access log", line)

    def assert_refused(self, response, reason, status=403):
        """Nothing to learn from it, nothing to keep; the log knows why."""

        entry = self.logged(response)
        assert (response.status, entry["reason"]) == (status, reason), response
        assert entry["auth"] == "DENIED"
        assert response["cache-control"] == "no-store"
        assert f"denied, {reason}" in self.error_log()

        said = str(response).lower()
        for word in ("token", "signature", "expire", "hmac", "scope", "address", "xr_", "reason"):
            assert word not in said

    def access_log(self):
        return (self.folder / "access.log").read_text()

    def error_log(self):
        return (self.folder / "error.log").read_text(errors="replace")

    def files_with(self, text):
        """The names of the files, logs and cache alike, that hold "text"."""

        found = []

        for path in self.folder.rglob("*"):
            # what is being stored gets another name in between
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and text.encode() in path.read_bytes():
                    found.append(path.name)

        return found


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
