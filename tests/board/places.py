# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the tests of boards share: a simulated site on free ports, and the site.yaml that controls it."""

import contextlib
import json
import pathlib
import select
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@contextlib.contextmanager
def served_site():
    """The text of examples/site.yaml in control of a simulated site that is served on free ports."""
    command = [sys.executable, "-m", "simulator.serve", "--seconds", "900"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            ready = select.select([server.stdout], [], [], 60)[0]
            assert ready, "the simulated site did not start"
            ports = json.loads(server.stdout.readline())["ports"]
            text = (ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
            for number in range(3):
                there, here = "192.0.2.%d:502" % (10 + number), "127.0.0.1:%d" % ports[str(number)]
                text = text.replace(there, here)
            text = text.replace("mode: observe", "mode: control").replace("unit: 0\n", "unit: 1\n")
            yield text.replace("KTR-26-0231", "SIM0000")  # what the simulated BMS says it is
        finally:
            server.terminate()
