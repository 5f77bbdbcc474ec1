# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The signing recipes of docs/formats.md: each prints a URL that the edge serves."""

import os
import re
import subprocess

import pytest

import credentials
import scripted
import servers

RECIPE = re.compile(r"^```\w+ recipe=(\S+)\n(.*?)^```$", re.M | re.S)
RECIPES = dict(RECIPE.findall((servers.TOP / "docs" / "formats.md").read_text()))

PROGRAMS = {"cjs": "node", "mjs": "node", "py": "/usr/bin/python3", "php": "php", "sh": "sh"}
KINDS = ("edgeauth", "jwt", "cloudfront")

HOST = "assets.acme.test"
BODY = b"a model" * 100


def test_every_kind_has_every_language():
    found = {tuple(name.split(".")) for name in RECIPES}
    found = {(kind, language[-2:]) for kind, language in found}

    assert found == {(kind, language) for kind in KINDS for language in ("js", "py", "hp", "sh")}


@pytest.fixture(scope="module")
def edge(web_edges, web):
    web.put_at("/acme/robots/r2.glb", scripted.message(200, BODY))

    return web_edges(
        web.tenants("acme", acme=f"host {HOST}; jwks jwks; cloudfront_key K1 cloudfront.pem;"),
        files={"jwks": credentials.jwks(credentials.jwk(credentials.rsa_key(), kid="r1")),
               "cloudfront.pem": credentials.pem(credentials.rsa_key("cloudfront"))})


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipe(edge, npm, tmp_path, name):
    # not under its own name, which may be that of what it imports
    language = name.split(".")[1]
    program = f"sign.{language}"
    files = {program: RECIPES[name], "jwt.key": credentials.private_pem(credentials.rsa_key()),
             "cloudfront.key": credentials.private_pem(credentials.rsa_key("cloudfront"))}
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    (tmp_path / "node_modules").symlink_to(npm / "node_modules")

    env = dict(os.environ, XR_URL=f"https://{HOST}/robots/r2.glb",
               XR_KEY_HEX=servers.key_of("acme"), XR_JWT_KEY="jwt.key", XR_KID="r1",
               XR_CLOUDFRONT_KEY="cloudfront.key", XR_KEY_PAIR_ID="K1")
    done = subprocess.run([PROGRAMS[language], program], cwd=tmp_path, env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

    url = done.stdout.strip()
    assert url.startswith(f"https://{HOST}/robots/r2.glb?")

    response = edge.get(url.removeprefix(f"https://{HOST}"), host=HOST)
    assert (response.status, response.body) == (200, BODY)
    assert edge.logged(response)["kind"] == name.split(".")[0]
