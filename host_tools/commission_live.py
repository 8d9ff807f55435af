# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The controller that is being commissioned: one that this tool starts on the gateway, one that runs already, a board.

Live.status() gives what it says. Only a controller that we started can be killed, and with it dead, Eyes read the
devices: nothing but reads, through the same gate as in observe.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

from edge.core.records import OK
from edge.shell import gateway
from edge.shell.wiring import Wiring
from host_tools import top
from host_tools.commission_job import StepError
from host_tools.console import SILENT_S, Console
from host_tools.site import is_path

LOOK_S = 0.1
START_S = 20.0
END_S = 10.0
AGAIN_S = 10.0  # for the port of a board that was reset to be there again
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Live:
    """What is the same for every controller that tells its status."""

    kind = ""
    ours = False  # it can be started, killed and started again
    status: Callable[[], dict]  # its newest status; OSError when there is none

    def wait(self, seen, within_s):
        """The first status for which seen(status) holds, within within_s; else None."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            try:
                status = self.status()
            except OSError:
                status = {}
            if status and seen(status):
                return status
            if self.has_ended():
                return None
            time.sleep(LOOK_S)
        return None

    def has_ended(self):
        """True when it cannot tell anything any more."""
        return False

    def end(self):
        """Leave it."""

    def again(self):
        """Take it up again after end()."""


class Attached(Live):
    """A gateway that runs already, by its status port."""

    kind = "gateway"

    def __init__(self, target):
        self.address = top.find_address(target)
        top.first_answer(self.address, target)

    def status(self):
        """Its newest status."""
        return top.ask(self.address)


class OnBoard(Live):
    """A board, by the status lines of its console."""

    kind = "board"

    def __init__(self, port):
        self.port = port
        self.console = Console(port)

    def again(self):
        """Listen again, after end(): the board was reset."""
        self.console = Console(self.port, AGAIN_S)

    def status(self):
        """Its next status line."""
        status = self.console.wait_status(SILENT_S)
        if status is None:
            raise self.console.silence(SILENT_S)
        return status

    def end(self):
        """Give the port back."""
        self.console.close()


class Own(Live):
    """The controller as a process of this tool; it ends with the tool. settings: of the site; folder: its files."""

    kind = "here"
    ours = True

    def __init__(self, settings, folder):
        self.settings = settings
        self.base = folder
        self.folder = None  # of what runs now: a trial has a state of its own
        self.process = None

    def start(self, trial_ma=None, fresh=True):
        """Start it: in observe, or (trial_ma) in control with limits of at most so much in mA per pack. fresh: it
        knows nothing of an earlier trial."""
        refuse_service()
        self.end()
        self.folder = os.path.join(self.base, "observe" if trial_ma is None else "trial")
        if trial_ma is not None and fresh:
            shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, "settings.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self._settings(trial_ma), file)
        port = os.path.join(self.folder, "status.port")
        if os.path.exists(port):
            os.remove(port)
        words = [sys.executable, "-m", "host_tools.run", path, "--state", self.folder, "--attended"]
        environ = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        environ["PYTHONPATH"] = ROOT
        with open(os.path.join(self.folder, "controller.log"), "ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environ, start_new_session=True
            )
        if self.wait(lambda status: True, START_S) is None:
            said = self.last_line()
            self.end()
            raise StepError("trial_start", said)

    def _settings(self, trial_ma):
        made = dict(self.settings, mode="observe" if trial_ma is None else "control", uplink=None, sunspec_port=0)
        if trial_ma is not None:
            made["packs"] = [dict(pack, contract=narrowed(pack, trial_ma)) for pack in made["packs"]]
        return made

    def last_line(self):
        """The last line that it said."""
        path = os.path.join(self.folder, "controller.log")
        with open(path, encoding="utf-8", errors="replace") as file:
            return (file.read().strip().splitlines() or ["nothing said"])[-1]

    def status(self):
        """Its newest status; it is started in observe when nothing runs."""
        if self.process is None:
            self.start()
        try:
            return top.ask(top.find_address(self.folder))
        except top.TopError as error:
            raise OSError(str(error)) from None

    def has_ended(self):
        """True when the process has ended by itself."""
        return self.process is not None and self.process.poll() is not None

    def kill(self):
        """End it as a power cut does; the time (monotonic s) at which it was dead."""
        self.process.kill()
        self.process.wait()
        self.process = None
        return time.monotonic()

    def end(self):
        """End it in peace: it writes zero and opens what is its own."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def make_safe(self):
        """After a device went on without us: another controller writes zero, then ends in peace. It finds a contactor
        that it closed and whose story it does not know, and leaves it open."""
        self.start(0, fresh=False)
        self.wait(lambda status: status["up_ms"] > 3 * self.settings["period_ms"], START_S)
        self.end()


def narrowed(pack, most_ma):
    """The contract of a pack with at most most_ma per direction; no source above it is exceeded."""
    sources = [pack["maker"], pack["grade"], *([pack["contract"]] if pack.get("contract") else [])]
    return {key: min(most_ma, *[source[key] for source in sources]) for key in ("charge_ma", "discharge_ma")}


def refuse_service():
    """Raise StepError while the service runs: two controllers on one line disturb each other."""
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return
    for user in ([], ["--user"]):
        words = [systemctl, *user, "is-active", "--quiet", "reuse-edge"]
        if subprocess.call(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            raise StepError("service_runs")


class Eyes:
    """Looks at the devices while no controller lives. settings: of the site; load(profile): gives its table.

    It does not speak to the relay module: to some of them a read is a sign of life.
    """

    def __init__(self, settings, load):
        self.settings = dict(settings, mode="observe", outputs=None)
        self.load = load

    def watch(self, seen, from_s, within_s):
        """Seconds from from_s (monotonic) until seen(devices, from_ms) holds, or None after within_s. devices: as in
        edge.loop; what they told before from_ms says nothing."""
        return asyncio.run(self._watch(seen, from_s, within_s))

    async def _watch(self, seen, from_s, within_s):
        clock = gateway.GatewayClock()
        wiring = Wiring(self.settings, self.load, clock)
        lines = [
            asyncio.create_task(gateway.serve_line(link)(link, devices, clock, gate))
            for link, devices, gate in wiring.lines
        ]
        try:
            while time.monotonic() - from_s < within_s:
                await asyncio.sleep(LOOK_S)
                if seen(wiring.devices, int(from_s * 1000)):
                    return time.monotonic() - from_s
            return None
        finally:
            await gateway.end(lines)


def is_new(group, from_ms):
    """True when a group of a sample is good and came after from_ms."""
    return group.quality == OK and group.at_ms is not None and group.at_ms > from_ms


def absolute(settings, base):
    """settings whose profiles that are files are named from anywhere."""
    made = dict(settings, packs=[_absolute(pack, base) for pack in settings["packs"]])
    for name in ("pcs", "meter", "inputs", "outputs"):
        if made.get(name):
            made[name] = _absolute(made[name], base)
    return made


def _absolute(device, base):
    if not device.get("profile") or not is_path(device["profile"]):
        return device
    return dict(device, profile=os.path.join(base, os.path.expanduser(device["profile"])))


def open_target(target, settings, folder):
    """The Live of a target: "here", a serial port or socket://, else the status port of a gateway that runs."""
    if target == "here":
        return Own(settings, folder)
    if "://" in target or target.startswith("/dev/") or target.upper().startswith("COM"):
        return OnBoard(target)
    return Attached(target)
