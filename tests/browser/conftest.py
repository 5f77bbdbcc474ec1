# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The fixtures: the development stack, and what the tests take from npm."""

import pathlib
import subprocess
import sys
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]

sys.path.insert(0, str(TOP / "tests" / "integration"))

import servers  # noqa: E402

MODELS = ["pico-4/left.glb", "valve-index/right.glb", "meta-quest-touch-plus/right.glb",
          "samsung-galaxyxr/right.glb", "hp-mixed-reality/left.glb", "generic-hand/left.glb"]


@pytest.fixture(scope="session")
def stack():
    folder = tempfile.mkdtemp(prefix="xr-stack-")
    stack = servers.Stack(folder)
    subprocess.run([TOP / "scripts" / "stack", "models", "--dir", folder, *MODELS],
                   check=True, stdout=subprocess.DEVNULL, timeout=120)
    yield stack
    stack.down()
    servers.remove(folder)


@pytest.fixture(scope="session")
def npm():
    """The folder of the npm packages, which are installed when they are not."""

    subprocess.run([TOP / "scripts" / "build-viewer", "tests"], check=True)
    return TOP / "build" / "npm" / "tests"
