# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The two slots of software on a board, /a and /b: which one starts, and what happens when it does not.

The text of this module is in the loader too (edge/shell/board_loader.py): it imports nothing of ours.

A slot holds a manifest with the size and SHA-256 of each of its files; without a whole one it is empty. Which slot is
active stands in two files, /slots.1 and /slots.2: each change writes the older one, the newest whose CRC holds counts.
The active slot is on trial until it is the good one too: a start on trial is counted on flash before it is made, and
after BOOTS of them without confirm() the other slot starts, if it is whole. The same when the active slot is damaged
or cannot be imported. With nothing else to start, the active slot goes on.
"""

import binascii
import hashlib
import json

BOOTS = 3
MANIFEST = "/manifest"
FIELDS = ("number", "active", "good", "boots", "bad", "highest", "why")


def digest_of(path):
    """SHA-256 of a file, in hex text. Raises OSError."""
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            data = file.read(512)
            if not data:
                return binascii.hexlify(sha.digest()).decode()
            sha.update(data)


def lines_of(path):
    """The lines of a manifest as lists of words, the last one only when it fits those before; a generator.

    Raises ValueError for a manifest that is not whole, OSError for none.
    """
    crc = 0
    with open(path, "rb") as file:
        while True:
            line = file.readline()
            if line == b"end %08x\n" % crc:
                return
            if not line:
                raise ValueError("the manifest is not whole")
            crc = binascii.crc32(line, crc)
            yield line.decode().strip().split(" ", 3)


def word_of(folder, name, default=None):
    """The first word of the line `name` in the manifest of a slot; default when there is none."""
    lines = lines_of(folder + MANIFEST)
    try:
        for words in lines:
            if words[0] == name:
                return words[1]
    except (OSError, ValueError):
        pass
    finally:
        lines.close()  # and its file
    return default


def damage(folder, ending=""):
    """What is wrong with the slot in folder as text, or None: each file is what its manifest says. ending: of the
    names of the files that are looked at."""
    lines = lines_of(folder + MANIFEST)
    try:
        for words in lines:
            if words[0] == "file" and words[3].endswith(ending):
                if digest_of(folder + "/" + words[3]) != words[2]:
                    return "%s is damaged" % words[3]
    except (OSError, ValueError, IndexError) as error:
        return "not whole (%s)" % error
    finally:
        lines.close()
    return None


def other_than(name):
    """The other slot."""
    return "b" if name == "a" else "a"


class Slots:
    """What is known of the slots of the board whose files are below root ("" on a board).

    active: the slot that starts, "a" or "b". good: the last one confirmed, "" before. boots: starts of the active one
    that were not confirmed. bad: the slot that was left last, or "". highest: highest roll-back number ever confirmed;
    an update below it is refused. why: reason of the last change, as text.
    """

    def __init__(self, root=""):
        self.root = root
        self.number, self.active, self.good, self.boots, self.bad, self.highest, self.why = 0, "a", "", 0, "", 0, ""
        found = [self._read(number) for number in (1, 2)]
        found = [row for row in found if row is not None]
        if found:
            row = max(found, key=lambda each: each["number"])
            for name in FIELDS:
                setattr(self, name, row[name])
        else:
            self._guess()

    def _guess(self):
        """Nothing is known: of whole slots the newer one, and nothing below it."""
        for name in "ab":
            number = int(word_of(self.folder(name), "rollback", "-1"))
            if number >= self.highest and damage(self.folder(name)) is None:
                self.active, self.highest = name, number

    def folder(self, name):
        """The folder of a slot."""
        return "%s/%s" % (self.root, name)

    def on_trial(self):
        """True until the active slot was confirmed."""
        return self.active != self.good

    def has_other(self):
        """True when there is a slot to fall back to."""
        other = other_than(self.active)
        return other != self.bad and damage(self.folder(other)) is None

    def _read(self, number):
        try:
            with open("%s/slots.%d" % (self.root, number), "rb") as file:
                crc, text = file.read(640).split(b" ", 1)
            row = json.loads(text) if int(crc, 16) == binascii.crc32(text) else None
            return row if row and row["active"] in ("a", "b") and row["number"] > 0 else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _save(self):
        """Make the state durable: the older of the two files is written. Raises OSError."""
        self.number += 1
        text = json.dumps({name: getattr(self, name) for name in FIELDS}).encode()
        with open("%s/slots.%d" % (self.root, 2 - self.number % 2), "wb") as file:
            file.write(b"%08x " % binascii.crc32(text) + text)
            file.flush()

    def choose(self):
        """Name of the slot to start now, or None: none can. A start on trial is durable before this returns."""
        wrong = damage(self.folder(self.active))
        if wrong is None:
            if not self.on_trial():
                return self.active
            if self.boots < BOOTS:
                self.boots += 1
                self._save()
                return self.active
        if self.fall(wrong or "%d starts without a healthy decision" % self.boots):
            return self.active
        return None if wrong else self.active

    def fall(self, why):
        """Leave the active slot for the other one, for good; False when the other one is not whole, or was left before.
        Raises OSError."""
        if not self.has_other():
            return False
        self.bad, self.active, self.why = self.active, other_than(self.active), "%s: %s" % (self.active, why[:80])
        self.boots = 1 if self.on_trial() else 0
        self._save()
        return True

    def confirm(self):
        """The active slot is well: it is the good one now, and nothing older may follow it. Raises OSError."""
        if self.on_trial():
            self.highest = max(self.highest, int(word_of(self.folder(self.active), "rollback", "0")))
            self.good, self.boots, self.bad = self.active, 0, ""
            self._save()

    def switch(self, name, why, highest=None):
        """Let the slot `name` start next, on trial. highest: lowers that number, by a signed exception.
        Raises OSError."""
        self.active, self.boots, self.bad, self.why = name, 0, "", why[:80]
        self.good = "" if self.good == name else self.good
        self.highest = self.highest if highest is None else min(self.highest, highest)
        self._save()
