# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""
The places that only this machine knows: package registries and mirrors, the
folders around the tree.  They are asked for, not listed, so that the check
holds wherever it runs.
"""

import glob
import os
import re
import shutil

URL = re.compile(r"\bhttps?://(?:[^/@\s\"']*@)?([A-Za-z0-9.-]+)")

CONFIGS = ["/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/apt/apt.conf",
           "/etc/apt/apt.conf.d/*", "/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf",
           "~/.npmrc", "/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc"]

# npm's own default stands in its code, because no configuration file needs it
NPM_DEFINITIONS = "node_modules/@npmcli/config/lib/definitions/definitions.js"
NPM_DEFAULT = re.compile(r"\bregistry\b[^{]*\{\s*default: [`'\"]([^`'\"]+)")

ENVIRONMENT = re.compile(r"(pip|npm_config|uv|cargo|goproxy)\w*|(https?|all)_proxy", re.I)


def _read(path):
    """A configuration file without its comments."""

    try:
        with open(path, errors="replace") as f:
            return re.sub(r"^\s*(#|//|;).*", "", f.read(), flags=re.M)
    except OSError:
        return ""


def registries():
    """Host names of the registries and proxies that this machine uses."""

    texts = [_read(p) for pattern in CONFIGS for p in glob.glob(os.path.expanduser(pattern))]
    texts += [v for k, v in os.environ.items() if ENVIRONMENT.fullmatch(k)]

    npm = shutil.which("npm")
    if npm:
        home = os.path.dirname(os.path.dirname(os.path.realpath(npm)))
        texts += NPM_DEFAULT.findall(_read(os.path.join(home, NPM_DEFINITIONS)))

    hosts = {h.lower().rstrip(".") for text in texts for h in URL.findall(text)}

    return {h for h in hosts if "." in h and not re.fullmatch(r"[\d.]+", h)}


class Places:
    def __init__(self, top):
        # a folder around the tree names this machine only where something of
        # that name really is there: "/data/a.glb" is a fair example elsewhere
        folders = {os.path.dirname(top), os.path.expanduser("~")} - {"/"}
        shared = {"/tmp", "/var", "/usr", "/srv", "/opt", "/home", "/etc", "/mnt", "/media"}
        names = "|".join(re.escape(f) for f in sorted(folders - shared))
        self.path = re.compile(rf"(?<![\w.~}})*/-])(?:{names})/[\w.-]+") if names else None

        hosts = "|".join(re.escape(h) for h in sorted(registries()))
        self.host = re.compile(rf"(?<![\w.-])(?:{hosts})(?![\w-])", re.I) if hosts else None

    def search(self, line):
        """The first such place in "line", or None."""

        host = self.host.search(line) if self.host else None
        if host:
            return host.group()

        for path in self.path.finditer(line) if self.path else ():
            if os.path.exists(path.group().rstrip(".")):
                return path.group()

        return None
