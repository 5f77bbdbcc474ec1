# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
What hands out credentials of AWS, as strict as the real ones: IMDSv2, the
endpoint of containers, and STS.  botocore is a client of the same.
"""

import contextlib
import datetime
import http.server
import json
import secrets
import subprocess
import sys
import threading
import urllib.parse

import syncing

ROLE = "edge-role"
ARN = "arn:aws:iam::123456789012:role/edge"

BOTOCORE = """
import json, botocore.session
c = botocore.session.Session().get_credentials()
c = c and c.get_frozen_credentials()
print(json.dumps(c and list(c)))
"""


def stamp(seconds):
    """RFC 3339, so many seconds from now."""

    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Keys:
    """A set of credentials."""

    def __init__(self, access="ASIAEXAMPLE00000001", secret=None, token=None, seconds=6 * 3600):
        self.access = access
        self.secret = secret or secrets.token_urlsafe(30)
        self.token = token or secrets.token_urlsafe(200) + "+/=="
        self.expires = stamp(seconds)

    def json(self, **more):
        return {"AccessKeyId": self.access, "SecretAccessKey": self.secret, "Token": self.token,
                "Expiration": self.expires, **more}

    def ini(self, profile="default"):
        return (f"[{profile}]\naws_access_key_id = {self.access}\n"
                f"aws_secret_access_key = {self.secret}\naws_session_token = {self.token}\n")

    def __iter__(self):
        return iter([self.access, self.secret, self.token])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body="", kind="text/plain"):
        if isinstance(body, dict):
            body, kind = json.dumps(body), "application/json"
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.server.fake.requests.append((self.command, self.path, dict(self.headers.items())))
        fault = self.server.fake.fault
        if fault:
            fault(self)
        else:
            self.server.fake.answer(self)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one


class Fake:
    def __init__(self, keys=None, tls=None):
        self.keys = keys or Keys()
        self.requests = []
        self.fault = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.fake = self
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


class Imds(Fake):
    """Version 2: no answer without a token, no token without its time to live."""

    role = ROLE
    PREFIX = "/latest/meta-data/iam/security-credentials/"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tokens = set()

    def env(self):
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}

    def answer(self, h):
        if h.path == "/latest/api/token":
            ttl = h.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if h.command != "PUT":
                return h.say(405)
            if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
                return h.say(400)
            if h.headers.get("X-Forwarded-For"):
                return h.say(403)
            token = secrets.token_urlsafe(40) + "=="
            self.tokens.add(token)
            return h.say(200, token)

        if h.command != "GET":
            return h.say(405)
        if h.headers.get("X-aws-ec2-metadata-token") not in self.tokens:
            return h.say(401)
        if h.path == self.PREFIX:
            return h.say(200, self.role) if self.role else h.say(404)
        if h.path == self.PREFIX + str(self.role):
            return h.say(200, self.keys.json(Code="Success", Type="AWS-HMAC",
                                             LastUpdated=stamp(-60)))
        h.say(404)


class Container(Fake):
    """ECS, and the agent of EKS pod identity."""

    authorization = "token-of-this-pod"

    def env(self):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + "/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.authorization}

    def answer(self, h):
        if h.command != "GET" or h.path != "/v1/credentials":
            return h.say(404)
        if h.headers.get("Authorization") != self.authorization:
            return h.say(401, {"code": "AccessDenied"})
        h.say(200, self.keys.json(RoleArn=ARN))


class Sts(Fake):
    """AssumeRoleWithWebIdentity and nothing else."""

    identity = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwb2QifQ.c2lnbmF0dXJl"

    def env(self, folder):
        return {"AWS_WEB_IDENTITY_TOKEN_FILE":
                syncing.write(folder / "identity", self.identity + "\n", 0o644),
                "AWS_ROLE_ARN": ARN, "AWS_ROLE_SESSION_NAME": "edge+1@x"}

    def error(self, h, status, code):
        h.say(status, '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>'
              f"<Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
              "<RequestId>1</RequestId></ErrorResponse>", "text/xml")

    def answer(self, h):
        form = dict(urllib.parse.parse_qsl(h.body.decode(), strict_parsing=True))
        if h.command != "POST" or h.path != "/":
            return self.error(h, 404, "NotFound")
        if not h.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return self.error(h, 400, "InvalidRequest")
        if "Authorization" in h.headers:
            return self.error(h, 400, "Signed")
        if (form.pop("Action"), form.pop("Version")) != ("AssumeRoleWithWebIdentity",
                                                         "2011-06-15"):
            return self.error(h, 400, "InvalidAction")
        if form.pop("WebIdentityToken") != self.identity:
            return self.error(h, 400, "InvalidIdentityToken")
        if form != {"RoleArn": ARN, "RoleSessionName": "edge+1@x"}:
            return self.error(h, 400, "ValidationError")
        k = self.keys
        h.say(200, f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>pod</SubjectFromWebIdentityToken>
    <AssumedRoleUser><Arn>{ARN}</Arn><AssumedRoleId>AROA:edge</AssumedRoleId></AssumedRoleUser>
    <Credentials><SessionToken>{k.token}</SessionToken><SecretAccessKey>{k.secret}</SecretAccessKey>
      <Expiration>{k.expires}</Expiration><AccessKeyId>{k.access}</AccessKeyId></Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>""", "text/xml")


def botocore_has(env):
    """The credentials that botocore gets in this environment."""

    done = subprocess.run([sys.executable, "-c", BOTOCORE], env=syncing.environment(**env),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
