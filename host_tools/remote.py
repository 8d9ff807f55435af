# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A MicroPython board reached through the real mpremote, and the scripts that run on it."""

import json
import subprocess
import sys

from host_tools import bundle
from host_tools.console import real_port

CALL_S = 60.0
MAIN = "main.py"
# After a reset mpremote has to wait, or its next Ctrl-C stops the board before it has reset.
RESET = ("reset", "sleep", "0.4")

# Runs on the board: one line of JSON about it, and the digests of what is on it.
IDENTIFY = """
import gc, hashlib, json, os, sys, binascii
gc.collect()
ram = gc.mem_free()
files = {}
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
    files[path] = (size, binascii.hexlify(digest.digest()).decode())
for path in %s:
    look(path)
space = os.statvfs("/")
about = sys.implementation
print("\\n" + json.dumps({"files": files, "names": os.listdir("/"), "free": space[0] * space[3], "ram": ram,
    "version": [n for n in about[1] if isinstance(n, int)], "mpy": getattr(about, "_mpy", 0),
    "board": getattr(about, "_machine", sys.platform)}))
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
# Runs on the board: remove files, make folders.
REMOVE = """
import os
for path in %r:
    try:
        os.remove(path)
    except OSError:
        pass
"""
FOLDERS = """
import os
for path in %r:
    try:
        os.mkdir(path)
    except OSError:
        pass
"""


class FlashError(Exception):
    """A step failed: place, what is wrong, what to do; with the exit code."""

    def __init__(self, text, exit_code):
        super().__init__(text)
        self.exit_code = exit_code


class Board:
    """A board at the other end of mpremote. port: device path or socket://HOST:PORT."""

    def __init__(self, port):
        self.port = real_port(port)

    def call(self, *words, line=None):
        """Run one mpremote command; its output. line(text) is called for each line as it comes.

        Raises FlashError(3) when the board does not do it.
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
            try:
                for text in process.stdout:
                    shown.append(text)
                    if line:
                        line(text.rstrip())
                process.wait(CALL_S)
            except BaseException:
                process.kill()
                raise
        output = "".join(shown)
        if process.returncode:
            last = (output.strip().splitlines() or ["no output"])[-1]
            mend = "check cable and port (`reuse-edge board ls`); a second try after a reset often helps"
            raise FlashError("%s: mpremote %s: %s\n  → %s" % (self.port, words[0], last, mend), 3)
        return output

    def run(self, script, resume=True):
        """Run a script on the board; its output. resume False: after a soft reset, so that RAM is fresh."""
        return self.call(*(("resume",) if resume else ()), "exec", script)

    def identify(self):
        """What the board is and has: files, free space (bytes), ram, version, mpy, board."""
        places = [*bundle.FOLDERS, "boot.py", MAIN, "settings.json"]
        output = self.run(IDENTIFY % json.dumps(places), resume=False)
        try:
            return json.loads(output.strip().splitlines()[-1])
        except (ValueError, IndexError):
            raise FlashError(
                "%s: the board's answer makes no sense\n  → reset it and try again" % self.port, 3
            ) from None

    def reset(self):
        """Hard reset."""
        self.call(*RESET)
