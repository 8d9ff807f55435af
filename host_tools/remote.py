# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A MicroPython board reached through the real mpremote, and the scripts that run on it."""

import json
import subprocess
import sys
import threading

from host_tools import bundle, ports
from host_tools.console import real_port

CALL_S = 60.0
SERVE_S = 15.0
MAIN = "main.py"
# After a reset mpremote has to wait, or its next Ctrl-C stops the board before it has reset.
RESET = ("reset", "sleep", "0.4")

# Runs on the board: one line of JSON about it, the digests of what is on it, and its slots.
IDENTIFY = """
import gc, hashlib, json, os, sys, binascii
gc.collect()
ram = gc.mem_free()
def look(path):
    try:
        size = os.stat(path)[6]
        if os.stat(path)[0] & 0x4000:
            for name in os.listdir(path):
                look(path + "/" + name)
            return
    except OSError:
        return
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        data = file.read(512)
        while data:
            digest.update(data)
            data = file.read(512)
    print("file", size, binascii.hexlify(digest.digest()).decode(), path)
for path in %s:
    look(path)
space = os.statvfs("/")
about = sys.implementation
slots = Slots()
print("\\n" + json.dumps({"names": os.listdir("/"), "free": space[0] * space[3], "ram": ram,
    "slots": {name: getattr(slots, name) for name in FIELDS}, "whole": [n for n in "ab" if damage("/" + n) is None],
    "version": [n for n in about[1] if isinstance(n, int)], "mpy": getattr(about, "_mpy", 0),
    "unique": machine_id(), "board": getattr(about, "_machine", sys.platform)}))
"""
# Before IDENTIFY: the board's own number, or "".
MACHINE = """
def machine_id():
    try:
        import machine, binascii
        return binascii.hexlify(machine.unique_id()).decode()
    except (ImportError, AttributeError):
        return ""
"""
# Runs on the board: set its clock to UTC (year, month, day, hour, minute, second, weekday): it is no floor any more.
CLOCK = """
import machine, os
year, month, day, hour, minute, second, weekday = %r
machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
try:
    os.remove("clock.floor")
except OSError:
    pass
"""
# Runs on the board: remove files, then empty folders below them.
REMOVE = """
import os
for path in %r:
    try:
        os.remove(path)
    except OSError:
        pass
"""
# Runs on the board: make folders.
FOLDERS = """
import os
for path in %r:
    try:
        os.mkdir(path)
    except OSError:
        pass
"""
# Runs on the board: copy files of one slot into the other one, each with another name until it is whole.
COPY = """
import os
for old, new in %r:
    with open(old, "rb") as one, open(new + ".part", "wb") as two:
        data = one.read(1024)
        while data:
            two.write(data)
            data = one.read(1024)
    os.rename(new + ".part", new)
"""
# Runs on the board: give a file its name.
RENAME = """
import os
os.rename(%r, %r)
"""
# Runs on the board: ask the loader to wait for us, and come back without the watchdog of what ran.
SERVICE = """
import machine
try:
    open("/service", "w").close()
except OSError:
    pass
machine.reset()
"""
# Runs on the board: when nobody comes again for so long (ms), it starts what it has.
DEAD_MAN = """
try:
    import machine
    if "_dead_man" not in globals():
        _dead_man = machine.Timer(-1)
    _dead_man.init(period=%d, mode=machine.Timer.ONE_SHOT, callback=lambda _: machine.reset())
except (ImportError, AttributeError, ValueError):
    pass
"""
DEAD_MAN_MS = 120000


GONE = "plug it in and run the same command again: it goes on where this one ended, and what ran before runs on"


class FlashError(Exception):
    """A step failed: place, what is wrong, what to do; with the exit code."""

    def __init__(self, text, exit_code):
        super().__init__(text)
        self.exit_code = exit_code


# Runs on the board: the keys that its software trusts.
TRUSTED = """
import json
with open("/%s/settings.json") as file:
    print(json.dumps(json.load(file).get("trust")))
"""
# Only a board with our loader has something that waits.
SERVICE_IF = """
import os
if "main.py" in os.listdir("/"):
    %s
"""
SLOTS = ("a", "b")


def slots_text():
    """The text of edge/shell/slots.py, to run on a board that may not have it."""
    return bundle.text_of(("edge.shell.slots",))


class Board:
    """A board at the other end of mpremote. port: device path or socket://HOST:PORT. met: it has answered."""

    def __init__(self, port):
        self.port = real_port(port)
        self.met = False

    def call(self, *words, line=None, limit_s=None):
        """Run one mpremote command; its output. line(text) is called for each line as it comes.

        limit_s: it is ended after this time (None: CALL_S and two seconds for each word). Raises FlashError(3) when the
        board does not do it.
        """
        command = [sys.executable, "-m", "mpremote", "connect", self.port, *words]
        shown = []
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            killer = threading.Timer(limit_s or CALL_S + 2 * len(words), process.kill)
            killer.start()
            try:
                for text in process.stdout:
                    shown.append(text)
                    if line:
                        line(text.rstrip())
                process.wait(CALL_S)
            except BaseException:
                process.kill()
                raise
            finally:
                killer.cancel()
        output = "".join(shown)
        if process.returncode:
            last = (output.strip().splitlines() or ["no output"])[-1]
            raise self.failed("mpremote %s: %s" % (words[0], last))
        self.met = True
        return output

    def failed(self, what, gone=GONE):
        """The FlashError(3) where mpremote says `what`, by what can be seen of the port. gone: what to do when a board
        that has answered is not there any more."""
        found = ports.trouble(self.port, "failed to access" in what or "://" in self.port)
        if found is not None and self.met:
            found = "it has gone away (%s)" % found[0], gone
        elif found is None:
            found = what, "press its reset button, then run the same command again"
        return FlashError("%s: %s\n  → %s" % (self.port, *found), 3)

    def run(self, script, resume=True):
        """Run a script on the board; its output. resume False: after a soft reset, so that RAM is fresh.

        From then on the board starts by itself when nobody comes again for DEAD_MAN_MS.
        """
        return self.call(*(("resume",) if resume else ()), "exec", DEAD_MAN % DEAD_MAN_MS + script)

    def serve(self):
        """Bring a board whose controller runs to rest: reset, and taken over before its watchdog is started."""
        words = ("exec", "--no-follow", SERVICE_IF % SERVICE.replace("\n", "\n    "), "sleep", "1")
        try:
            self.call(*words, limit_s=SERVE_S)
        except FlashError:  # it was just starting: Ctrl-C came too early
            self.call(*words, limit_s=SERVE_S)

    def trusted(self, about):
        """Rows of the keys that the running slot trusts to sign software."""
        output = self.run(TRUSTED % about["slots"]["active"])
        rows = json.loads(output.strip().splitlines()[-1]) or []
        return [row for row in rows if row.get("kind") != "hmac" and row.get("role") in ("release", "commission")]

    def switch(self, slot, why, highest=None):
        """Let a slot start next, on trial."""
        self.run(slots_text() + "\nSlots().switch(%r, %r, %r)\n" % (slot, why, highest))

    def fall(self, why):
        """Leave a slot on trial for the one before."""
        self.run(slots_text() + "\nSlots().fall(%r)\n" % why)

    def identify(self):
        """What the board is and has: files, free space (bytes), ram, version, mpy, board."""
        places = [*SLOTS, *bundle.OUTSIDE]
        output = self.run(slots_text() + MACHINE + IDENTIFY % json.dumps(places), resume=False)
        try:
            lines = output.strip().splitlines()
            rows = [line.split(" ", 3) for line in lines if line.startswith("file ")]
            return {**json.loads(lines[-1]), "files": {row[3]: (int(row[1]), row[2]) for row in rows}}
        except (ValueError, IndexError):
            raise FlashError(
                "%s: the board's answer makes no sense\n  → reset it and try again" % self.port, 3
            ) from None

    def reset(self):
        """Hard reset."""
        self.call(*RESET)
