# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The module `machine` of the virtual board: what a board has and the unix port lacks.

Resets and the watchdog are messages to the supervisor (simulator/vboard.py), one text line each on a pipe.
A UART is a pseudo-terminal whose other end the supervisor publishes. What drives input pins stands in a small file
(simulator/vboard_outside.py); levels of output pins are messages.
"""

import io
import select
import time

from umachine import PinBase, Signal, idle, time_pulse_us  # noqa: F401

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

_POLL = 3
_FILENO = 10
_board = {"pipe": None, "cause": PWRON_RESET, "uarts": {}, "pins": {}, "sent": False, "outside": None}
_PINS = 64


def tell(line):
    """Send one line to the supervisor. (No flush: it would be an fsync of a pipe.)"""
    _board["pipe"].write(line + "\n")


def attach(pipe_fd, cause, uart_fds, outside_fd):
    """Wire the module to the supervisor: its pipe, the reset cause, {uart id: file descriptor}, what lies outside."""
    _board["outside"] = open(outside_fd, "rb")  # noqa: SIM115
    _board["pipe"] = open(pipe_fd, "w", encoding="utf-8")
    _board["cause"] = cause
    for number in uart_fds:
        _board["uarts"][number] = open(uart_fds[number], "r+b")  # noqa: SIM115


def _outside():
    file = _board["outside"]
    file.seek(0)
    return file.read()


def air():
    """(generation, ssid, password) of the access point that is there; no ssid: there is none."""
    generation, ssid, password, _ = _outside()[_PINS:].decode().split("\n")
    return int(generation), ssid, password


def sent():
    """Was anything written to a UART since the last call?"""
    was, _board["sent"] = _board["sent"], False
    return was


def _wait_for_the_end():
    while True:
        time.sleep_ms(1000)


def reset():
    """Hard reset; does not return."""
    tell("reset")
    _wait_for_the_end()


def soft_reset():
    """Soft reset; does not return."""
    tell("soft")
    _wait_for_the_end()


def reset_cause():
    """Why the board started: one of the *_RESET numbers."""
    return _board["cause"]


def unique_id():
    """A locally administered number, the same for every virtual board."""
    return b"\x02VB\x00\x00\x01"


def freq(*_):
    """Clock of the board this one pretends to be, Hz."""
    return 240000000


class WDT:
    """Watchdog: cannot be stopped; without feed() in time the supervisor resets the board."""

    def __init__(self, id=0, timeout=5000):
        tell("wdt %d" % timeout)

    def feed(self):
        """Start the time-out again."""
        tell("feed")


class Timer:
    """A one-shot timer, of which this board knows one use: to reset it, whatever its callback is."""

    ONE_SHOT = 0

    def __init__(self, id=-1):
        if id not in (-1, 0):
            raise ValueError("this board has one timer")

    def init(self, period=-1, mode=ONE_SHOT, callback=None):
        """Reset the board after period (ms)."""
        tell("timer %d" % period)

    def deinit(self):
        """No reset."""
        tell("timer 0")


class _NoMemory:
    """Stands where mem8, mem16 and mem32 are: on the host they would be the real memory."""

    def __getitem__(self, address):
        raise OSError(1)

    def __setitem__(self, address, value):
        raise OSError(1)


mem8 = mem16 = mem32 = _NoMemory()


class Pin(PinBase):
    """A pin. An input has the level that drives it from outside, else that of its pull; an output is told."""

    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2

    def __init__(self, id, mode=-1, pull=-1, value=None):
        self.id = id
        self._mode = mode
        self._pull = pull
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Read the level, or set it."""
        if level is None:
            return self._driven() if self._mode == self.IN else _board["pins"].get(self.id, 0)
        level = 1 if level else 0
        if _board["pins"].get(self.id) != level:
            _board["pins"][self.id] = level
            if isinstance(self.id, int):
                tell("pin %d %d" % (self.id, level))

    def _driven(self):
        level = _outside()[self.id : self.id + 1]
        if level in (b"0", b"1"):
            return int(level)
        return 1 if self._pull == self.PULL_UP else 0

    def __call__(self, level=None):
        return self.value(level)

    def on(self):
        """Set high."""
        self.value(1)

    def off(self):
        """Set low."""
        self.value(0)


class RTC:
    """The host's clock in the form of a board's: (year, month, day, weekday, hour, minute, second, 0)."""

    def datetime(self, *_):
        """UTC now; setting is ignored."""
        now = time.gmtime()
        return (now[0], now[1], now[2], now[6], now[3], now[4], now[5], 0)


class UART(io.IOBase):
    """A serial line that never blocks. Speed and parity are noted, not enforced."""

    def __init__(self, id, baudrate=9600, bits=8, parity=None, stop=1, **_):
        if id not in _board["uarts"]:
            raise ValueError("UART(%s) doesn't exist" % id)
        self._line = _board["uarts"][id]
        self._ready = select.poll()
        self._ready.register(self._line, select.POLLIN)
        self.init(baudrate, bits, parity, stop)

    def init(self, baudrate=9600, bits=8, parity=None, stop=1, **_):
        """Set the line's parameters."""
        self.baudrate = baudrate

    def any(self):
        """1 when at least one byte waits, else 0."""
        return 1 if self._ready.poll(0) else 0

    def read(self, n=256):
        """Up to n bytes that have arrived, or None."""
        return self._line.read(n) if self.any() else None

    def readinto(self, buffer, n=-1):
        """Fill `buffer` with what has arrived; the number of bytes, or None."""
        data = self.read(len(buffer) if n < 0 else n)
        if not data:
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        """Send; a line nobody listens to loses the bytes, as a wire does."""
        self._line.write(data)
        _board["sent"] = True
        return len(data)

    def flush(self):
        """Nothing is kept back."""

    def txdone(self):
        """True: the virtual line has no transmit time."""
        return True

    def deinit(self):
        """The line stays with the board."""

    def ioctl(self, request, argument):
        """Poll through the real file descriptor."""
        if request == _FILENO:
            return self._line.fileno()
        if request == _POLL:
            return (argument & 1 and self.any()) | (argument & 4)
        return -1
