# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What lies outside of a virtual board, beside its lines: levels on its input pins and an access point in the air. The
shim reads them from a small file; what the board does with its output pins and its radio comes back as messages."""

import os
import tempfile

PINS = 64
SIZE = 256  # of the file: a sign for each pin, then generation, SSID and password of the access point
OPEN = "-"  # nothing drives the pin: its pull decides


class Outside:
    """outputs: {pin: level} that the program has set since its start. online: the radio has joined the air."""

    def __init__(self):
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._levels = [OPEN] * PINS
        self._air = ("", "")
        self._generation = 0
        self.outputs = {}
        self.online = False
        self._write()

    def fileno(self):
        """Descriptor that the VM inherits."""
        return self._file.fileno()

    def _write(self):
        text = "%s%d\n%s\n%s\n" % ("".join(self._levels), self._generation, *self._air)
        os.pwrite(self.fileno(), text.encode().ljust(SIZE, b"\0"), 0)

    def drive(self, pin, level):
        """Put 0 or 1 on an input pin from outside; None: nothing drives it."""
        self._levels[pin] = OPEN if level is None else "%d" % level
        self._write()

    def air(self, ssid="", password=""):
        """There is an access point with that name and password now; without a name there is none. Whoever had joined
        has lost it."""
        self._air = (ssid, password)
        self._generation += 1
        self.online = False
        self._write()

    def heard(self, word, value):
        """A message of the shim: `pin N LEVEL` or `net 0|1`."""
        if word == "pin":
            number, _, level = value.partition(" ")
            self.outputs[int(number)] = int(level)
        elif word == "net":
            self.online = value == "1"

    def restarted(self):
        """The board was reset: its outputs fall, its radio is off."""
        self.outputs.clear()
        self.online = False

    def obey(self, words):
        """A command of a person: `pin N 0|1|-`, `out N`, `air [SSID [PASSWORD]]`; its answer, None: it is none."""
        words = list(words)
        try:
            if words[:1] == ["pin"] and len(words) == 3 and words[2] in ("0", "1", OPEN):
                self.drive(int(words[1]), None if words[2] == OPEN else int(words[2]))
                return "pin %s is %s" % (words[1], words[2])
            if words[:1] == ["out"] and len(words) == 2:
                return "out %s is %s" % (words[1], self.outputs.get(int(words[1]), 0))
            if words[:1] == ["air"] and len(words) <= 3:
                self.air(*words[1:])
                return "air %s" % (words[1] if len(words) > 1 else OPEN)
        except (ValueError, IndexError):
            pass
        return None

    def close(self):
        """Give the file back."""
        self._file.close()
