# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
A small CloudFront API 2020-05-31: invalidations alone.  Signatures are checked with AWS's own
signer, bodies by the shapes of AWS's own model of the service, so that it is not what our client
happens to send that it takes.
"""

import http.server
import itertools
import re
import socket
import struct
import threading
import time
import xml.etree.ElementTree as etree
from xml.sax.saxutils import escape

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

NS = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
MODEL = botocore.session.get_session().get_service_model("cloudfront", "2020-05-31")
BATCH = MODEL.operation_model("CreateInvalidation").input_shape.members["InvalidationBatch"]

FILES, WILDCARDS = 3000, 15

TARGET = re.compile(r"/2020-05-31/distribution/([A-Z0-9]+)/invalidation(?:/([A-Z0-9]+))?")
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/us-east-1/cloudfront/"
                           r"aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})")
PATH = re.compile(r"/(?:[A-Za-z0-9!$&'()+,;=:@._/*-]|%[0-9A-Fa-f]{2})*")


class Refused(Exception):
    def __init__(self, status, code, message="no"):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def parse(element, shape):
    """The value of an element, which has to be as the shape is, and nothing else."""

    if shape.type_name == "structure":
        value = {}
        for child in element:
            name = child.tag.removeprefix(f"{{{NS}}}")
            if name == child.tag or name not in shape.members or name in value:
                raise Refused(400, "MalformedXML", name)
            value[name] = parse(child, shape.members[name])
        if missing := set(shape.required_members) - set(value):
            raise Refused(400, "MalformedXML", f"without {missing}")
        return value

    if shape.type_name == "list":
        wanted = f"{{{NS}}}{shape.member.serialization['name']}"
        if any(child.tag != wanted for child in element):
            raise Refused(400, "MalformedXML", "another name in a list")
        return [parse(child, shape.member) for child in element]

    if len(element):
        raise Refused(400, "MalformedXML", "elements in a text")
    text = element.text or ""
    if shape.type_name == "integer":
        if not re.fullmatch(r"\d+", text):
            raise Refused(400, "MalformedXML", "no number")
        return int(text)
    return text


class Api:
    """
    "distributions" maps their ids to the access keys that may change them.  "faults" are taken
    one by one, each by a request: "throttle", "500", "503", "cut", "cut after", "garbage", "slow".
    """

    def __init__(self, keys, distributions):
        self.keys, self.distributions = keys, distributions
        self.lock = threading.Lock()
        self.ids = itertools.count(1)
        self.faults = []
        self.requests = []              # (method, distribution, outcome)
        self.refused = []               # why
        self.made = []                  # {"id", "distribution", "reference", "paths", "done"}
        self.auto = True                # they are completed at once
        self.slow = 3
        self.token = None               # that has to come, of temporary credentials

        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                api._serve(self)

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    # ---- what tests ask

    def paths(self):
        return [made["paths"] for made in self.made]

    def complete(self):
        for made in self.made:
            made["done"] = True

    # ---- a request

    def _serve(self, handler):
        length = int(handler.headers.get("content-length", 0))
        body = handler.rfile.read(length)

        with self.lock:
            fault = self.faults.pop(0) if self.faults else None

        if fault == "cut":
            self.requests.append((handler.command, None, fault))
            return self._cut(handler)

        if fault == "slow":
            time.sleep(self.slow)

        try:
            match = TARGET.fullmatch(handler.path)
            if not match:
                raise Refused(404, "NoSuchResource", handler.path)
            distribution, which = match.groups()
            if fault == "throttle":
                raise Refused(400, "Throttling", "Rate exceeded")
            if fault in ("500", "503"):
                raise Refused(int(fault), "InternalError" if fault == "500" else "ServiceUnavailable")
            access = self._signature(handler, body)
            allowed = self.distributions.get(distribution)
            if allowed is None:
                raise Refused(404, "NoSuchDistribution", distribution)
            if access not in allowed:
                raise Refused(403, "AccessDenied", "not yours")
            with self.lock:
                if handler.command == "POST" and not which:
                    status, made = self._create(distribution, body)
                elif handler.command == "GET" and which:
                    status, made = self._look(distribution, which)
                else:
                    raise Refused(405, "MethodNotAllowed")
            text = self._answer(made)
            outcome = "ok"
        except Refused as refusal:
            status, outcome = refusal.status, refusal.code
            self.refused.append(f"{refusal.code}: {refusal.message}")
            text = (f'<ErrorResponse xmlns="{NS}"><Error><Type>Sender</Type><Code>{refusal.code}'
                    f"</Code><Message>{escape(refusal.message)}</Message></Error>"
                    "<RequestId>r-1</RequestId></ErrorResponse>")

        self.requests.append((handler.command, match and match.group(1), outcome))

        if fault == "cut after":
            return self._cut(handler)
        if fault == "garbage":
            text = "<Invalidation><Id>"

        data = text.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    @staticmethod
    def _cut(handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    def _signature(self, handler, body):
        """By botocore's signer, from what was received."""

        match = AUTHORIZATION.fullmatch(handler.headers.get("authorization", ""))
        if not match:
            raise Refused(403, "MissingAuthenticationToken", "Authorization is none")

        access, day, names, signature = match.groups()
        names = names.split(";")
        date = handler.headers.get("x-amz-date", "")

        if access not in self.keys:
            raise Refused(403, "InvalidClientTokenId", access)
        if not {"host", "x-amz-date"} <= set(names) or names != sorted(names):
            raise Refused(403, "SignatureDoesNotMatch", "headers")
        if self.token is not None and (handler.headers.get("x-amz-security-token") != self.token
                                       or "x-amz-security-token" not in names):
            raise Refused(403, "ExpiredToken", "token")
        now = time.time()
        then = time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.timezone
        if not date.startswith(day) or abs(now - then) > 300:
            raise Refused(403, "RequestExpired", date)

        request = botocore.awsrequest.AWSRequest(handler.command, f"http://x{handler.path}",
                                                 {name: handler.headers[name] for name in names
                                                  if name != "x-amz-content-sha256"}, body)
        request.context["timestamp"] = date
        signer = botocore.auth.SigV4Auth(
            botocore.credentials.Credentials(access, self.keys[access]), "cloudfront", "us-east-1")
        given = handler.headers.get("x-amz-content-sha256")
        if given is not None and given != signer.payload(request):
            raise Refused(400, "XAmzContentSHA256Mismatch")
        if "x-amz-content-sha256" in names:
            request.headers["x-amz-content-sha256"] = given
        # what is not signed stands in no canonical request
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if signer.signature(text, request) != signature:
            raise Refused(403, "SignatureDoesNotMatch", signer.canonical_request(request))
        return access

    def _create(self, distribution, body):
        if not body:
            raise Refused(400, "MissingBody")
        try:
            root = etree.fromstring(body)
        except etree.ParseError as error:
            raise Refused(400, "MalformedXML", str(error)) from error
        if root.tag != f"{{{NS}}}InvalidationBatch":
            raise Refused(400, "MalformedXML", root.tag)

        batch = parse(root, BATCH)
        paths, reference = batch["Paths"].get("Items", []), batch["CallerReference"]

        if batch["Paths"]["Quantity"] != len(paths):
            raise Refused(400, "InconsistentQuantities")
        if not reference or not paths:
            raise Refused(400, "InvalidArgument", "nothing")
        if len(paths) > FILES:
            raise Refused(413, "BatchTooLarge")
        for path in paths:
            if len(path) > 4000 or not PATH.fullmatch(path) or "*" in path[:-1]:
                raise Refused(400, "InvalidArgument", f"Your request contains a invalid path: {path}")

        for made in self.made:
            if (made["distribution"], made["reference"]) == (distribution, reference):
                if sorted(made["paths"]) != sorted(paths):
                    raise Refused(400, "InvalidationBatchAlreadyExists", reference)
                return 201, made

        busy = [path for made in self.made if made["distribution"] == distribution
                and not made["done"] for path in made["paths"]] + paths
        wild = sum(path.endswith("*") for path in busy)
        if wild > WILDCARDS or len(busy) - wild > FILES:
            raise Refused(400, "TooManyInvalidationsInProgress",
                          "Processing your request will cause you to exceed the maximum")

        self.made.append({"id": f"I{next(self.ids):013d}", "distribution": distribution,
                          "reference": reference, "paths": paths, "done": self.auto})
        return 201, self.made[-1]

    def _look(self, distribution, which):
        for made in self.made:
            if (made["distribution"], made["id"]) == (distribution, which):
                return 200, made
        raise Refused(404, "NoSuchInvalidation", which)

    @staticmethod
    def _answer(made):
        items = "".join(f"<Path>{escape(path)}</Path>" for path in made["paths"])
        return (f'<?xml version="1.0"?>\n<Invalidation xmlns="{NS}"><Id>{made["id"]}</Id><Status>'
                f'{"Completed" if made["done"] else "InProgress"}</Status>'
                "<CreateTime>2026-01-01T00:00:00.000Z</CreateTime><InvalidationBatch><Paths><Quantity>"
                f'{len(made["paths"])}</Quantity><Items>{items}</Items></Paths><CallerReference>'
                f'{made["reference"]}</CallerReference></InvalidationBatch></Invalidation>')
