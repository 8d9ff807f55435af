# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a machine may lack (the MicroPython VM, mosquitto), and one last line that sums up what was skipped.

With REUSE_EDGE_CI=1 a skipped test fails the run: CI has everything.
"""

import os
import shutil
import signal
import sys

import pytest

# Started in the background by a shell, a process ignores Ctrl-C and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

STRICT = os.environ.get("REUSE_EDGE_CI") == "1"
SBIN = os.pathsep + os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"))


@pytest.fixture(scope="session")
def micropython():
    """Path of the MicroPython VM, or a skip."""
    from simulator.lockstep import find_vm

    path = find_vm()
    if not path:
        pytest.skip("no MicroPython VM (set MICROPYTHON=/path/to/micropython)")
    return path


@pytest.fixture(scope="session")
def mosquitto():
    """Path of the mosquitto broker, or a skip."""
    path = shutil.which("mosquitto", path=os.environ.get("PATH", "") + SBIN)
    if not path:
        pytest.skip("no mosquitto (apt install mosquitto)")
    return path


def reason_of(report):
    """The reason of one skipped report, without 'Skipped: '."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def skipped_by_reason(config):
    """{reason: number of tests} of this run."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    counts = {}
    for report in reporter.stats.get("skipped", ()) if reporter else ():
        reason = reason_of(report)
        counts[reason] = counts.get(reason, 0) + 1
    return counts


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """In CI a skip is a failure."""
    on_worker = hasattr(session.config, "workerinput")
    if STRICT and not on_worker and exitstatus == 0 and skipped_by_reason(session.config):
        session.exitstatus = 1


def pytest_unconfigure(config):
    """The one last line: what this machine lacks."""
    if hasattr(config, "workerinput"):
        return
    counts = skipped_by_reason(config)
    if counts:
        text = "; ".join("%d: %s" % (number, reason) for reason, number in sorted(counts.items()))
        sys.stderr.write("skipped %s%s\n" % (text, " (not allowed with REUSE_EDGE_CI=1)" if STRICT else ""))
