# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A controller in the real MicroPython VM, step by step with the world in this process.

The VM runs edge/shell/pipe.py: the same rooms, unchanged. The host sends the time and what every device
would answer; the VM polls, steps, and returns its commands, its trace and the frames that left.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from struct import iter_unpack, pack, unpack, unpack_from

from edge.core.records import Command
from edge.core.settings import with_defaults
from edge.shell.pipe import ANSWERS, INIT, NONE, STEP
from simulator.rigs import NTP, Turn, fold, soc_of

_ROOT = Path(__file__).resolve().parent.parent


class VmError(Exception):
    """The VM ended or said something that is not a frame; the text holds what it wrote to stderr."""


def find_vm():
    """Path of the MicroPython VM: $MICROPYTHON, `micropython` beside this Python, or on PATH; else None."""
    named = os.environ.get("MICROPYTHON")
    if named:
        return named
    beside = Path(sys.executable).with_name("micropython")
    if beside.exists():
        return str(beside)
    return shutil.which("micropython")


def step_payload(world):
    """The frame of one step at the world's present time, as edge.shell.pipe reads it."""
    parts = [pack(">BqqB", STEP, world.now_ms, world.utc_s(), NTP)]
    for device, table in enumerate(world.tables):
        status = world.status(device)
        parts.append(bytes([status]))
        if status == ANSWERS:
            for index in range(len(table.BLOCKS)):
                data = world.block(device, index)
                parts.append(pack(">H", len(data)))
                parts.append(data)
    return b"".join(parts)


class Lockstep:
    """Like simulator.rigs.Local, but the controller runs in a VM. heap: its heap size as `-X heapsize=`
    takes it. code: folder of a bundle with edge.shell.pipe in it (default: the sources). FileNotFoundError when
    there is no VM. Use close(), or it stays until this process ends."""

    def __init__(self, world, settings, state=None, heap="2M", vm=None, code=_ROOT):
        path = vm or find_vm()
        if path is None:
            raise FileNotFoundError("no MicroPython VM: set MICROPYTHON=/path/to/micropython")
        self.world = world
        self.packs = len(settings["packs"])
        self.digest = 0
        environment = dict(os.environ, MICROPYPATH="%s:.frozen" % code)
        self.process = subprocess.Popen(
            [path, "-X", "heapsize=%s" % heap, "-m", "edge.shell.pipe"],
            cwd=code,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        first = {"settings": with_defaults(settings), "state": state}
        try:
            self._exchange(bytes([INIT]) + json.dumps(first).encode())
        except VmError:
            self.close()
            raise

    def _exchange(self, payload):
        stdin, stdout = self.process.stdin, self.process.stdout
        try:
            stdin.write(pack(">I", len(payload)) + payload)
            stdin.flush()
        except BrokenPipeError:
            raise VmError(self._last_words(b"")) from None
        head = stdout.read(4)
        size = unpack(">I", head)[0] if len(head) == 4 else 0
        body = stdout.read(size)
        # an uncaught error of the VM is text on stdout where a frame should be
        if len(head) < 4 or len(body) < size:
            raise VmError(self._last_words(head + body))
        return body

    def _last_words(self, text):
        self.process.kill()
        self.process.wait()
        text += self.process.stdout.read() + self.process.stderr.read()
        return text.decode("utf-8", "replace").strip() or "the VM ended"

    def turn(self):
        """One step at the world's present time."""
        body = self._exchange(step_payload(self.world))
        wake_ms, seq = unpack_from(">qI", body, 0)
        at = self._written(body, 12)
        trace, at = _row(body, at)
        self.digest = fold(self.digest, trace)
        commands = []
        count = body[at]
        at += 1
        for _ in range(count):
            row, at = _row(body, at)
            commands.append(Command(*row))
        self.world.contact(commands)
        nothing = [None] * self.packs
        return Turn(wake_ms, tuple(commands), soc_of(trace, self.packs), None, nothing, nothing, None, seq)

    def _written(self, body, at):
        """Do the writes that body tells of from position at; the position behind them."""
        writes = unpack_from(">H", body, at)[0]
        at += 2
        for _ in range(writes):
            device, address, size = unpack_from(">BHH", body, at)
            self.world.write(device, address, body[at + 5 : at + 5 + size])
            at += 5 + size
        return at

    def close(self):
        """End the VM."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def _row(body, at):
    count = unpack_from(">H", body, at)[0]
    end = at + 2 + 8 * count
    return tuple(None if v == NONE else v for (v,) in iter_unpack(">q", body[at + 2 : end])), end
