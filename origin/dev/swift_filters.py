# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""Paste filters that bring Swift's S3 interface closer to S3.

outer    stands before s3api: refuses anonymous requests with 403, knows
         If-Range, Accept-Ranges, the rank of If-None-Match, and answers
         several ranges with the whole object
inner    stands behind the check of the signature, and takes away the headers
         that "outer" found to have no effect: the signature covers them; and
         writes objects only if they are what If-Match and If-None-Match say
auth     tempauth with access keys of any name: akid_<KEY> = account:user
"""

import collections
from email.utils import parsedate_to_datetime

from eventlet.semaphore import Semaphore
from swift.common.middleware.s3api.s3request import S3Request
from swift.common.middleware.tempauth import TempAuth

IGNORED = "xr.ignored_headers"
CONDITIONS = {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}

DENIED = (b"<?xml version='1.0' encoding='UTF-8'?>\n"
          b"<Error><Code>AccessDenied</Code>"
          b"<Message>Access Denied</Message></Error>")


class Auth(TempAuth):
    def __init__(self, app, conf):
        super().__init__(app, conf)
        self.owners = {name[5:].upper(): user.strip()
                      for name, user in conf.items()
                      if name.startswith("akid_")}

    def get_groups(self, env, token):
        details = env.get("s3api.auth_details")

        if details and details["access_key"] in self.owners:
            key = details["access_key"]
            user = self.owners[key]

            # s3api takes the access key for the name of the account
            env["PATH_INFO"] = env["PATH_INFO"].replace(key, user, 1)
            env["s3api.auth_details"] = dict(details, access_key=user)

        return super().get_groups(env, token)


class Response:
    """What an application answered, before its body is passed on."""

    def __init__(self, app, env):
        self.body = iter(app(env, self.start))

        # an application may answer as late as with its first bytes
        self.first = next(self.body, b"")

    def start(self, status, headers, exc_info=None):
        self.status = status
        self.headers = headers
        return lambda data: None

    def header(self, wanted):
        for name, value in self.headers:
            if name.lower() == wanted:
                return value
        return None

    def __iter__(self):
        if self.first:
            yield self.first
        yield from self.body

    def close(self):
        if hasattr(self.body, "close"):
            self.body.close()


class Outer:
    def __init__(self, app):
        self.app = app

    def __call__(self, env, start_response):
        if self.is_anonymous(env):
            return self.deny(env, start_response)

        if not self.reads_object(env):
            return self.app(env, start_response)

        response = self.read(env)

        if response.status[:3] in ("200", "206"):
            response.headers.append(("Accept-Ranges", "bytes"))

        start_response(response.status, response.headers)
        return response

    @staticmethod
    def is_anonymous(env):
        query = env.get("QUERY_STRING", "")
        return ("HTTP_AUTHORIZATION" not in env
                and "X-Amz-Algorithm=" not in query
                and "AWSAccessKeyId=" not in query
                and env["REQUEST_METHOD"] != "OPTIONS"
                # Swift's own interface, with its own tokens
                and not env["PATH_INFO"].startswith(("/v1/", "/auth/")))

    @staticmethod
    def reads_object(env):
        return (env["REQUEST_METHOD"] in ("GET", "HEAD")
                and "/" in env["PATH_INFO"].strip("/"))

    @staticmethod
    def deny(env, start_response):
        start_response("403 Forbidden", [
            ("Content-Type", "application/xml"),
            ("Content-Length", str(len(DENIED)))])
        return [b"" if env["REQUEST_METHOD"] == "HEAD" else DENIED]

    def read(self, env):
        ignored = set()
        if "," in env.get("HTTP_RANGE", ""):
            ignored.add("HTTP_RANGE")
        if "HTTP_IF_NONE_MATCH" in env:
            ignored.add("HTTP_IF_MODIFIED_SINCE")

        again = dict(env)           # the application changes its copy
        env[IGNORED] = ignored
        response = Response(self.app, env)

        if (response.status.startswith("206") and "HTTP_IF_RANGE" in env
                and not self.is_current(env["HTTP_IF_RANGE"], response)):
            response.close()
            again[IGNORED] = ignored | {"HTTP_RANGE"}
            response = Response(self.app, again)

        return response

    @staticmethod
    def is_current(validator, response):
        validator = validator.strip()
        if validator.startswith(('"', "W/")):
            return validator == response.header("etag")

        try:
            return (parsedate_to_datetime(validator)
                    == parsedate_to_datetime(response.header("last-modified")))
        except (TypeError, ValueError):
            return False


def without_conditions(validate):
    """s3api refuses them with 501; here "inner" sees to them."""

    def wrapped(request):
        env = request.environ
        held = {}

        if env["REQUEST_METHOD"] == "PUT":
            held = {name: env.pop(name) for name in CONDITIONS if name in env}

        try:
            validate(request)
        finally:
            env.update(held)

    return wrapped


S3Request._validate_headers = without_conditions(S3Request._validate_headers)


class Inner:
    def __init__(self, app):
        self.app = app

        # one process serves: between the look and the write nobody else does
        self.locks = collections.defaultdict(Semaphore)

    def __call__(self, env, start_response):
        for name in env.get(IGNORED, ()):
            env.pop(name, None)

        if env["REQUEST_METHOD"] == "PUT" and not CONDITIONS.isdisjoint(env):
            with self.locks[env["PATH_INFO"]]:
                return self.write(env, start_response)

        return self.app(env, start_response)

    def write(self, env, start_response):
        match, none_match = (env.pop(name, None) for name in
                             ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"))
        head = dict(env, REQUEST_METHOD="HEAD", CONTENT_LENGTH="0")
        response = Response(self.app, head)
        there = response.status.startswith("2")
        etag = response.header("etag") if there else None
        response.close()

        if ((match is not None and etag != match.strip().strip('"'))
                or (none_match is not None and there)):
            start_response("412 Precondition Failed",
                           [("Content-Length", "0")])
            return [b""]

        response = Response(self.app, env)
        start_response(response.status, response.headers)
        return list(response)


def auth(global_conf, **local_conf):
    conf = dict(global_conf, **local_conf)
    return lambda app: Auth(app, conf)


def outer(global_conf, **local_conf):
    return Outer


def inner(global_conf, **local_conf):
    return Inner
