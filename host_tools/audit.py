# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge audit verify PATH` and `reuse-edge audit export PATH FILE`: is the chain of kept records whole?

What can be known without a key: that no byte of a frame changed, that no frame in between is missing, added or in
another place. A chain that was cut off at its end, or written anew as a whole, shows only against a value noted
elsewhere: the end of an export, --head, or the records that a receiver committed (--against).
"""

import argparse
import io
import sys
from collections import namedtuple
from datetime import UTC, datetime

from edge.shell import cbor
from edge.shell.frames import HEAD, KEPT, PLAIN, STREAMS, first, link, name_of, walk
from edge.shell.journal import BUDGET
from host_tools import audit_read
from host_tools.audit_read import SourceError, is_torn

# bad: text that names the first bad frame, or None. notes: what is unusual and allowed. start, count: number of the
# first frame and of all up to the end. chain: the last value. frames: frames that were checked, telemetry included.
Verdict = namedtuple("Verdict", ("bad", "notes", "start", "count", "chain", "frames"))


EMPTY = "name the folder of a controller that has run, or look whether its files were emptied"


class _Bad(Exception):
    pass


class _Check:
    """Walks the segments of one stream in order."""

    def __init__(self, stream):
        self.stream = stream
        self.number = None
        self.chain = b""
        self.start = 0
        self.frames = 0
        self.notes = []
        self.declared = False
        self._chains = {}  # number -> chain after it, of this segment and the one before

    def segment(self, each):
        """Check one segment; raises _Bad with the text."""
        place = name_of(each.stream, each.generation)
        file = io.BytesIO(each.data)
        fields = first(file, each.generation)
        if fields is None:
            whole = [1 for row in walk(file, each.generation, len(each.data)) if row[0]]
            if whole or not is_torn(each.data, 0):
                raise _Bad("%s: its first frame is damaged" % place)
            self.notes.append("%s: torn in its first write, holds nothing" % place)
            return
        self._head(place, fields)
        for kind, number, chain, body, offset in walk(file, each.generation, len(each.data)):
            if kind == 0:
                self._no_frame(place, each.data, number, offset)
            elif kind == HEAD:
                if offset:
                    raise _Bad("%s, byte %d: a second header" % (place, offset))
            else:
                self._frame("%s, byte %d" % (place, offset), kind, number, chain, body)

    def _head(self, place, fields):
        number, chain = fields[6], fields[7]
        if self.number is None:
            self.number = self.start = number
            self.chain = chain
        elif number > self.number:
            raise _Bad("%s: frames %d to %d before it are missing" % (place, self.number, number - 1))
        elif number < self.number:
            if self.stream == "k" and self._chains.get(number - 1, self.chain) != chain:
                raise _Bad("%s: does not continue the chain before it" % place)
            self.notes.append("%s: %d frames before it were never synced" % (place, self.number - number))
            self.number, self.chain = number, chain
        elif chain != self.chain:
            raise _Bad("%s: does not continue the chain before it" % place)
        self._chains = {self.number - 1: self.chain}

    def _no_frame(self, place, data, following, offset):
        where = "%s, byte %d (frame %d)" % (place, offset, self.number)
        if following is not None:
            raise _Bad("%s: damaged; whole frames follow at byte %d" % (where, following))
        if not is_torn(data, offset):
            raise _Bad("%s: damaged" % where)
        self.notes.append(
            "%s: ends in a torn frame of %d bytes, as a power cut leaves it" % (place, len(data) - offset)
        )

    def _frame(self, where, kind, number, chain, body):
        if kind != (KEPT if self.stream == "k" else PLAIN):
            raise _Bad("%s: a frame of another stream" % where)
        if number != self.number:
            raise _Bad("%s: frame %d stands where frame %d belongs%s" % (where, number, self.number, _when(body)))
        if kind == KEPT:
            if link(self.chain, body) != chain:
                raise _Bad("%s: frame %d does not continue the chain%s" % (where, number, _when(body)))
            self.chain = chain
            self._chains[number] = chain
            self._declares(body)
        self.number += 1
        self.frames += 1

    def _declares(self, body):
        metrics = cbor.decode(body)[9]
        if metrics.get(73) == BUDGET and metrics.get(72) == ord("E"):
            self.declared = True


def _when(body):
    """The time of a record, for a message."""
    try:
        wall_ms = cbor.decode(body).get(5)
    except cbor.CborError:
        return ""
    if wall_ms is None:
        return ""
    return ", record of " + datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def check(found, end=None, head=None):
    """The Verdict on segments. end: (frames, chain) of an export. head: chain (bytes) that must be the last one."""
    checks = {stream: _Check(stream) for stream in STREAMS}
    bad = None
    try:
        for each in found:
            checks[each.stream].segment(each)
        _ends(checks["k"], end, head)
    except _Bad as error:
        bad = str(error)
    kept = checks["k"]
    count = kept.number or 0
    notes = [note for stream in STREAMS for note in checks[stream].notes]
    return Verdict(bad, notes, kept.start, count, kept.chain, sum(each.frames for each in checks.values()))


def _ends(kept, end, head):
    if kept.start and not kept.declared:
        raise _Bad("the chain begins at frame %d and nothing declares what was before" % kept.start)
    if kept.start:
        kept.notes.append("the chain begins at frame %d: older ones were dropped by the budget, declared" % kept.start)
    if end is not None and (kept.number or 0, kept.chain) != end:
        raise _Bad("the chain ends at frame %d, the export says %d: cut short" % ((kept.number or 0) - 1, end[0] - 1))
    if head is not None and kept.chain != head:
        raise _Bad("the chain ends in %s, not in %s" % (kept.chain.hex(), head.hex()))


def compare(path, database, device=None):
    """Text of the first kept record that a receiver committed and the journal has otherwise or not at all, or None.

    Only starts that the journal knows, from its first record on, are compared.
    """
    here = {(e.epoch, e.seq): e for e in audit_read.read(path).entries}
    firsts = {}
    for epoch, seq in here:
        firsts[epoch] = min(seq, firsts.get(epoch, seq))
    for entry in audit_read.read(database, device).entries:
        if entry.cls in "TM" or entry.epoch not in firsts or entry.seq < firsts[entry.epoch]:
            continue
        own = here.get((entry.epoch, entry.seq))
        if own is None or (own.body, own.cls, own.pack, own.mono_ms) != (
            entry.body,
            entry.cls,
            entry.pack,
            entry.mono_ms,
        ):
            what = "is not in the journal" if own is None else "differs"
            return "record %d of start %d: the receiver has it, it %s" % (entry.seq, entry.boot, what)
    return None


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="reuse-edge audit",
        description="Check the hash chain of kept records offline, or copy it into one file.",
        epilog="exit codes: 0 whole, 1 the first bad frame is named or there is none, 2 wrong use or no journal",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verify = verbs.add_parser("verify", help="check a journal folder, a board's backup or an export")
    verify.add_argument("path", metavar="PATH")
    verify.add_argument("--head", help="hex of the chain's last value, as noted earlier", type=_hex)
    verify.add_argument("--against", metavar="DB", help="a receiver's database: every kept record in it must be here")
    verify.add_argument("--device", help="name of the device in that database")
    export = verbs.add_parser("export", help="copy the chain into one file that says where it ends")
    export.add_argument("path", metavar="PATH")
    export.add_argument("out", metavar="FILE")
    export.add_argument("--all", action="store_true", help="telemetry and minutes too")
    return parser.parse_args(argv)


def _hex(text):
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise argparse.ArgumentTypeError("'%s' is no hex text" % text) from None


def main(argv=None):
    """`reuse-edge audit ...`; returns the exit code: see --help."""
    options = _arguments(argv)
    found, end = audit_read.segments(options.path)
    if options.verb == "export":
        return _export(options, found, end)
    verdict = check(found, end, options.head)
    for note in verdict.notes:
        print("note: %s" % note)
    bad = verdict.bad
    if bad is None and options.against:
        bad = compare(options.path, options.against, options.device)
    if bad is not None:
        print("NOT WHOLE: %s" % bad)
        return 1
    if verdict.count == verdict.start:
        print("EMPTY: %s holds no kept record, so there is nothing to prove\n  → %s" % (options.path, EMPTY))
        return 1
    print("whole: frames %d to %d of the chain, %d frames in all" % (verdict.start, verdict.count - 1, verdict.frames))
    print("head: %s" % verdict.chain.hex())
    return 0


def _export(options, found, end):
    """Write the export; refuses a chain that is not whole, because its end could not be told."""
    verdict = check(found, end)
    if verdict.bad is not None:
        print("NOT WHOLE: %s\n  → copy the folder as it is" % verdict.bad)
        return 1
    if verdict.count == verdict.start:
        print("EMPTY: %s holds no kept record\n  → %s" % (options.path, EMPTY))
        return 1
    if not options.all:
        found = [each for each in found if each.stream == "k"]
    try:
        audit_read.write_export(options.out, found, verdict.count, verdict.chain)
    except FileExistsError:
        raise SourceError("%s: is there already\n  → choose another name" % options.out) from None
    print("%s: %d frames, head %s" % (options.out, verdict.count - verdict.start, verdict.chain.hex()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
