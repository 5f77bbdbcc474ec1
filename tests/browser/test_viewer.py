# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""The viewer page of a running stack in Chromium; the cases are in viewer.mjs."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"


@pytest.mark.parametrize("case", ["renders", "cross-origin", "errors", "decoders", "http3"])
def test_viewer(stack, npm, case):
    env = dict(os.environ,
               XR_BUILD=str(BUILD),
               XR_HTTP=stack["http"],
               XR_HTTPS=stack["https"],
               XR_TENANT=stack.tenant,
               XR_KEY=stack.key,
               XR_SAMPLE_URL=stack["sample_url"],
               XR_SAMPLE_FILE=stack["sample_file"])

    run = subprocess.run(["node", "--no-deprecation", HERE / "viewer.mjs", case], env=env,
                         capture_output=True, text=True, timeout=300)

    assert run.returncode == 0, run.stdout + run.stderr
