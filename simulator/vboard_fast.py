# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A virtual board under a clock that only moves when the board waits: a day in minutes, the same every time.

The board is the one of simulator.vboard: a VM with a littlefs image, boot.py and main.py, watchdog, UARTs. Its modules
`time`, `select` and `_asyncio` are those of vboard_shim/fast_*.py: when its event loop would sleep, or something
blocks, it asks here, and is told the time at which the next thing happens: an answer on a line, the end of its sleep.
Lines and backend answer within that time. What the VM computes takes no time, unless slow says otherwise.
"""

import heapq
import os
import select
import socket
import subprocess
from argparse import Namespace
from struct import pack, unpack

from simulator.lockstep import find_vm
from simulator.vboard_outside import Outside
from simulator.vboard_vm import BLOCK_BYTES, HARD, POWER_ON, ROM_BLOCKS, SHIM, WATCHDOG, Vm

SLEEP, BLOCK, HEAP = 0, 1, 2  # as vboard_shim/fast_time.py has them
WORLD_MS = 500  # the plant moves in such steps
FOREVER_MS = 3600000
HOUR_MS = 3600000
ANSWER_S = 20.0  # the VM must ask within that time of the wall's


class Stuck(Exception):
    """The VM has ended or computes for ever; what it said last."""


def fill(image, folder, blocks=256):
    """Put the files of a folder onto a flash image (made when it is missing)."""
    words = [find_vm(), "-X", "heapsize=4M", os.path.join(SHIM, "fill.py"), str(image), str(blocks), str(folder)]
    subprocess.run(words, check=True, env=dict(os.environ, MICROPYPATH=SHIM + ":.frozen"))


class Line:
    """A UART of the board and what hangs on it. wire: simulator.wire.Wire of kind rtu, or anything with split() and
    exchange(); baud: of the line; think_ms: what a device takes for its answer."""

    def __init__(self, wire, baud, think_ms=5):
        self.wire = wire
        self.baud = baud
        self.think_ms = think_ms
        self.board, self.far = socket.socketpair()
        self.board.setblocking(False)
        self.far.setblocking(False)
        self.buffer = b""
        self.written_ms = None  # when the last write (Modbus function 5, 6, 15, 16) came

    def pair(self):
        """(descriptor for the VM, ours) as Vm wants it."""
        return self.board.fileno(), self.far.fileno()

    def turn(self, now_ms):
        """Take what has come; [(time at which it is there, bytes), ...] that comes back."""
        try:
            self.buffer += self.far.recv(65536)
        except BlockingIOError:
            return []
        found = []
        while True:
            request, self.buffer = self.wire.split(self.buffer)
            if request is None:
                return found
            if request[1:2] in (b"\x05", b"\x06", b"\x0f", b"\x10"):
                self.written_ms = now_ms
            at_ms = now_ms + self._ms(request) + self.think_ms
            for data in self.wire.exchange(request):
                at_ms += self._ms(data)
                found.append((at_ms, data))

    def _ms(self, data):
        return len(data) * 11000 // self.baud + 1

    def close(self):
        """Close both ends."""
        self.board.close()
        self.far.close()


class TalkingLine(Line):
    """A UART on which the far end says something by itself: an slcan adapter (simulator.can_serve.SlcanLine)."""

    def turn(self, now_ms):
        """See Line."""
        found = super().turn(now_ms)
        data = self.wire.due(now_ms)
        return [*found, (now_ms + 1, data)] if data else found


class FastBoard:
    """image: of the flash, filled. world: simulator.world.World under the lines ({UART number: Line}). backend:
    simulator.backend.Backend or None. heap: of the VM as -X heapsize= takes it. start: ticks_ms at power-on. slow: how
    many milliseconds of the board's time one of the VM's is, 0: computing takes no time. shake_ms: for so long the
    board stands still in each TLS handshake. each(board): called whenever the world has moved.
    rom: blocks of 4 KiB of its ROMFS partition, 0: its firmware has none.
    radio: the backend hears nothing while the board's radio has not joined the air.

    outside: its simulator.vboard_outside.Outside. now_ms: of the board. heaps: [(now_ms, free, allocated)] after a
    collection, one per hour. worst_us: longest the VM has computed between two waits. resets: [(now_ms, cause)]. said:
    the last lines of its console.
    """

    def __init__(
        self,
        image,
        world,
        lines,
        backend=None,
        heap="384k",
        start=0,
        slow=0,
        each=None,
        blocks=256,
        shake_ms=0,
        radio=False,
        rom=ROM_BLOCKS,
    ):
        self.world = world
        self.lines = lines
        self.backend = backend
        self.slow = slow
        self.each = each
        self.shake_ms = shake_ms
        self.radio = radio
        self.outside = Outside()
        self.now_ms = 0
        self.heaps = []
        self.worst_us = self.waits = 0
        self.resets = []
        self.said = b""
        self.statuses = []
        self._due = []
        self._count = 0
        self._next_heap_ms = self._until_ms = 0
        self._start = start
        self._options = Namespace(
            image=str(image),
            blocks=blocks,
            rom=rom,
            heap=heap,
            micropython=find_vm(),
            outside=self.outside,
            radio=radio,
        )
        self._boot(POWER_ON)

    def _boot(self, cause):
        self._line, theirs = socket.socketpair()
        utc_s = self.world.start_utc_s + self.now_ms // 1000
        self._options.time = "%d %d 0 %d" % (theirs.fileno(), self._start, utc_s)
        self._options.inherit = (theirs.fileno(),)
        self._born_ms = self.now_ms
        uarts = {number: line.pair() for number, line in self.lines.items()}
        self._vm = Vm(self._options, uarts, cause, False)
        self._dog_ms = self._dog_at_ms = None
        self._due.clear()
        self._start = 0
        theirs.close()

    def run(self, until_ms):
        """Let the board live until then."""
        self._until_ms = until_ms
        while self.now_ms < until_ms:
            self._turn(until_ms)

    def _turn(self, until_ms):
        request = self._request()
        if request is None:
            return
        vm = self._vm
        kind, wait_ms, there_ms, spent_us = request
        self._pass(max(self.now_ms, self._born_ms + there_ms))  # it was free to go so far alone
        if vm is not self._vm:
            return
        self.waits += 1
        if self.waits > 1:
            self.worst_us = max(self.worst_us, spent_us)
        if self.slow:
            self._pass(self.now_ms + spent_us * self.slow // 1000)
        end_ms = self.now_ms + (FOREVER_MS if wait_ms < 0 else wait_ms)
        if kind == BLOCK:
            self._pass(end_ms)
        else:
            self._wait(min(end_ms, until_ms) if until_ms > self.now_ms else end_ms)
        if vm is self._vm:
            self._grant()

    def _wait(self, end_ms):
        """Until the first thing that wakes the board, end_ms at most."""
        if self._exchange():
            return
        while self.now_ms < end_ms:
            next_ms = min(end_ms, self._due[0][0] if self._due else end_ms, self.world.now_ms + WORLD_MS)
            self._pass(next_ms)
            if self._deliver() | self._exchange():
                return

    def _pass(self, to_ms):
        """Time passes; the watchdog may bite."""
        while self.now_ms < to_ms:
            step_ms = min(to_ms, self.world.now_ms + WORLD_MS)
            self.now_ms = max(self.now_ms, step_ms)
            if self.now_ms >= self.world.now_ms + WORLD_MS:
                self.world.advance(self.now_ms)
                if self.each is not None:
                    self.each(self)
        if self._dog_at_ms is not None and self.now_ms >= self._dog_at_ms:
            self._reset(WATCHDOG)

    def _exchange(self):
        """Lines and backend take what the board has sent; True when something is there for it at once."""
        for number, line in self.lines.items():
            for at_ms, data in line.turn(self.now_ms):
                self._count += 1
                heapq.heappush(self._due, (at_ms, self._count, number, data))
        if self.radio:
            self.backend.hears = self.outside.online
            if not self.outside.online:
                self.backend.refuse()
        woken = self.backend is not None and self.backend.turn(self.now_ms)
        if woken and self.backend.greeted:
            self.backend.greeted = False
            self._pass(self.now_ms + self.shake_ms)
        return woken

    def _deliver(self):
        """Write what is due onto the lines; True when anything was."""
        any_due = False
        while self._due and self._due[0][0] <= self.now_ms:
            _, _, number, data = heapq.heappop(self._due)
            self.lines[number].far.send(data)
            any_due = True
        return any_due

    def _grant(self):
        """Tell the VM the time; once an hour it says first what is free of its heap."""
        now_ms = self.now_ms - self._born_ms
        free_ms = min(self._due[0][0] if self._due else self._until_ms, self.world.now_ms + WORLD_MS, self._until_ms)
        free_ms = now_ms if self.slow else free_ms - self._born_ms
        try:
            if self.now_ms >= self._next_heap_ms:
                self._line.sendall(pack("<qqq", now_ms, now_ms, HEAP))
                _, free, held, _ = unpack("<qqqq", self._line.recv(32, socket.MSG_WAITALL))
                self.heaps.append((self.now_ms, free, held - BLOCK_BYTES * self._options.rom))
                self._next_heap_ms += HOUR_MS
            self._line.sendall(pack("<qqq", now_ms, free_ms, 0))
        except OSError:
            pass  # it has just been reset, or ended: the next look tells

    def _request(self):
        """(kind, milliseconds, its time, longest computing in us) that the VM asks for; None when it has been reset."""
        vm = self._vm
        while True:
            files: list = [self._line, vm.pipe, vm.console]
            ready = select.select(files, [], [], ANSWER_S)[0]
            if not ready:
                raise Stuck("the VM has computed for %d s: %s" % (ANSWER_S, self.said.decode("utf-8", "replace")))
            if vm.console in ready:
                self._listen()
            if vm.pipe in ready and self._obey():
                return None
            if self._line in ready:
                data = self._line.recv(32, socket.MSG_WAITALL)
                if len(data) == 32:
                    self._obey()
                    return None if vm is not self._vm else unpack("<qqqq", data)
                self._reset(HARD)
                return None

    def _listen(self):
        """What the console says; its lines of status are kept apart, the last one of each look."""
        if not select.select([self._vm.console], [], [], 0)[0]:
            return
        try:
            data = os.read(self._vm.console, 65536)
        except OSError:
            return
        lines = (self.said + data).split(b"\n")
        told = [line for line in lines[:-1] if line.startswith(b"~")]
        if told:
            self.statuses.append((self.now_ms, told[-1][1:]))
            del self.statuses[:-50]
        self.said = b"\n".join([line for line in lines if not line.startswith(b"~") or line is lines[-1]])[-8000:]

    def _obey(self):
        """Messages of the shim (see simulator.vboard); True after a reset."""
        try:
            words = os.read(self._vm.pipe, 65536).decode().split("\n")
        except BlockingIOError:
            return False
        for word, _, value in [line.partition(" ") for line in words]:
            if word == "wdt":
                self._dog_ms = int(value)
            if word in ("wdt", "feed") and self._dog_ms:
                self._dog_at_ms = self.now_ms + self._dog_ms
            elif word in ("reset", "soft"):
                self._reset(HARD)
                return True
            elif word == "done" and self._dog_at_ms is not None:
                self._pass(self._dog_at_ms)
                return True
            elif word == "done":
                raise Stuck("main.py has ended: %s" % self.said.decode("utf-8", "replace"))
            else:
                self.outside.heard(word, value)
        return False

    def _reset(self, cause):
        """The VM ends and starts afresh; its connections break."""
        self.resets.append((self.now_ms, cause))
        self._listen()
        self._vm.end()
        self._line.close()
        self.outside.restarted()
        self._boot(cause)

    def power_cut(self):
        """The power is cut at this moment and comes back."""
        self._reset(POWER_ON)

    def close(self):
        """Switch off."""
        self._vm.end()
        self._line.close()
        self.outside.close()
        for line in self.lines.values():
            line.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
