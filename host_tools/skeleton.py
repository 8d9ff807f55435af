# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The beginning of a profile out of captured frames: every identifier with its length, its period, what
moves in it, and two captured frames as examples. It compiles as it is; fields are added one by one.
"""

from bms_bridge import crc
from bms_bridge.isotp import DONE, Receiver
from host_tools.candump import id_text

MOST_BLOCKS = 120
_ENOUGH = 6  # different frames before a checksum is believed

HEAD = """# SPDX-License-Identifier: Apache-2.0
# Begun by `reuse-edge sniff --new {name}` from {origin}. docs/ADD_A_BMS.md says how to go on.
name: {name}
bus: can
kind: bms
title: {name} (what it is, how many cells)
licence: Apache-2.0 (this file); the bytes are facts
source:
  - "own recording: {origin}"
line: {{kind: can, bitrate: 500000}}  # say the true one
cell_lsb_mv: 1  # smallest step of a cell voltage
protection: external_contactor  # or self_opening
opens_by: none  # what makes the BMS open its contactor on demand: none, relay, silence, command
caveats:
  - "Begun from a recording: nothing in it is known yet."

blocks:
"""
FIELDS_HINT = """
# One line per signal, as in docs/PROFILES.md. Compare with what a display says, under charge and discharge:
#   pack_mv: {block: FRAME, at: BYTE, type: uint16, order: big, unit: 0.1 V, range: [200000, 500000]}
#   current_ma: {block: FRAME, at: BYTE, type: int16, order: big, unit: 0.1 A, sign: charge,
#     range: [-400000, 400000]}
fields: {}

examples:
"""


class Seen:
    """The frames of one identifier."""

    def __init__(self, frame):
        self.can_id = frame.can_id
        self.extended = frame.extended
        self.count = 0
        self.first_us = frame.ts_us
        self.last_us = frame.ts_us
        self.sizes = set()
        self.first = frame.data
        self.other = None
        self.samples = []  # different data, at most 64
        self.words = []  # first frames as they came, for questions and answers
        self._kept = set()

    def add(self, frame):
        """One more frame."""
        self.count += 1
        self.last_us = frame.ts_us
        self.sizes.add(len(frame.data))
        if len(self.words) < 4000:
            self.words.append(frame.data)
        if frame.data not in self._kept and len(self.samples) < 64:
            self._kept.add(frame.data)
            self.samples.append(frame.data)
        if _distance(frame.data, self.first) > (0 if self.other is None else _distance(self.other, self.first)):
            self.other = frame.data

    def period_ms(self):
        """Mean time between two frames, ms; None before the second."""
        return None if self.count < 2 else (self.last_us - self.first_us) / 1000.0 / (self.count - 1)

    def moving(self):
        """Bytes whose value changes."""
        size = min(self.sizes)
        return [at for at in range(size) if len({data[at] for data in self.samples}) > 1]


def _distance(one, other):
    return sum(a != b for a, b in zip(one, other)) + abs(len(one) - len(other))


def survey(frames):
    """{(identifier, is 29 bits): Seen} of the frames, by growing identifier."""
    found = {}
    for frame in frames:
        key = (frame.can_id, frame.extended)
        if key not in found:
            found[key] = Seen(frame)
        found[key].add(frame)
    return dict(sorted(found.items()))


def checksum_of(samples):
    """(name, init) of the checksum that the last byte is of all bytes before it, or None.

    samples: different data of one identifier and length.
    """
    if len(samples) < _ENOUGH or len({data[-1] for data in samples}) < 3 or len(samples[0]) < 3:
        return None
    for name, (_, size) in crc.NAMES.items():
        if size != 1:
            continue
        for init in range(256 if name != "sum8" else 1):
            if all(crc.check(name, data[:-1], init) == data[-1] for data in samples):
                return name, init
    return None


def counter_of(words):
    """(byte, "low" or "high" nibble or "byte") that counts up by one with every frame, or None."""
    if len(words) < 8 or len({len(data) for data in words}) > 1:
        return None
    for at in range(len(words[0])):
        for part, shift, mask in (("low nibble", 0, 15), ("high nibble", 4, 15), ("byte", 0, 255)):
            values = [data[at] >> shift & mask for data in words[:200]]
            steps = [(b - a) & mask for a, b in zip(values, values[1:])]
            if steps.count(1) >= 0.9 * len(steps) and len(set(values)) > 3:
                return at, part
    return None


def questions(found):
    """{(question key, request bytes): (answer key, [frames of one whole answer], payload length)} of
    reads (21, 22) that somebody asked on the bus."""
    answers = {}
    for key, seen in found.items():
        receiver, words = Receiver(b"\x30\x00\x00"), []
        for data in seen.words:
            kind = data[0] >> 4 if data else 15
            words = [data] if kind in (0, 1) else [*words, data]
            if receiver.take(0, data) == DONE and receiver.payload[:1] in (b"\x61", b"\x62"):
                answers.setdefault((key, receiver.payload[: 2 if receiver.payload[0] == 0x61 else 3]), []).append(
                    (words, len(receiver.payload))
                )
    pairs = {}
    for key, seen in found.items():
        for data in seen.samples:
            size = {0x21: 2, 0x22: 3}.get(data[1]) if len(data) > 3 else None
            if size is None or data[0] != size:
                continue
            request = data[1 : 1 + size]
            prefix = bytes((request[0] | 0x40,)) + request[1:]
            for (answer, head), rows in answers.items():
                if head == prefix and answer != key:
                    pairs[key, request] = (answer, *rows[0])
    return pairs


def text(name, origin, frames):
    """The text of profile `name` (a table's name) from frames (a list), recorded in origin (words)."""
    found = survey(frames)
    pairs = questions(found)
    spoken = {key for key, _ in pairs} | {row[0] for row in pairs.values()}
    blocks, examples = [], []
    for (key, request), (answer, words, size) in sorted(pairs.items()):
        block = "ask_%s" % request.hex()
        blocks += _ask_lines(block, key, answer, request, size - len(request))
        examples += _example(block, origin, "frames", " ".join(data.hex() for data in words))
    for key, seen in list(found.items())[:MOST_BLOCKS]:
        if key in spoken or not min(seen.sizes):
            continue
        block = "f_%s" % id_text(*key).lower()
        blocks += _frame_lines(block, seen)
        for data in (seen.first, seen.other):
            if data:
                examples += _example(block, origin, "data", data.hex())
    return HEAD.format(name=name, origin=origin) + "".join(blocks) + FIELDS_HINT + "".join(examples)


def _frame_lines(block, seen):
    sizes = sorted(seen.sizes)
    length = str(sizes[0]) if len(sizes) == 1 else "[%d, %d]" % (sizes[0], sizes[-1])
    period_ms = seen.period_ms()
    parts = ["id: 0x%s" % id_text(seen.can_id, seen.extended)] + (["extended: true"] if seen.extended else [])
    parts += ["length: %s" % length, "period_ms: %d" % min(max(round(period_ms or 1000), 5), 600000)]
    found = checksum_of(seen.samples) if len(sizes) == 1 else None
    if found:
        last = sizes[0] - 1
        init = ", init: %d" % found[1] if found[1] else ""
        parts.append("check: {name: %s, at: %d, over: [0, %d]%s}" % (found[0], last, last - 1, init))
    return ["  # %s\n" % _remark(seen), "  %s: {%s}\n" % (block, ", ".join(parts))]


def _remark(seen):
    moving = seen.moving()
    words = ["%d frames" % seen.count]
    words.append("bytes %s move" % " ".join(str(at) for at in moving) if moving else "always the same")
    counter = counter_of(seen.words)
    if counter:
        words.append("byte %d (%s) counts" % counter)
    letters = "".join(chr(byte) if 32 <= byte < 127 else "" for byte in seen.first)
    if len(letters) >= 4 and len(letters) == len(seen.first.rstrip(b"\0")):
        words.append("text %r" % letters)
    return "; ".join(words)


def _ask_lines(block, key, answer, request, size):
    parts = ["ask: 0x%s" % id_text(*key), "answer: 0x%s" % id_text(*answer)] + (["extended: true"] if key[1] else [])
    parts += ['request: "%s"' % request.hex(" "), "length: %d" % size, "period_ms: 1000"]
    return ["  # an answer that a tester on the bus got\n", "  %s: {%s}\n" % (block, ", ".join(parts))]


def _example(block, origin, key, words):
    return [
        "  - proof: captured\n",
        '    origin: "own recording: %s"\n' % origin,
        "    block: %s\n" % block,
        '    %s: "%s"\n' % (key, words),
        "    expect: {}\n",
    ]


def survey_json(frames):
    """What passes on the bus as a list of dicts."""
    return [
        {"id": id_text(*key), "count": seen.count, "bytes": sorted(seen.sizes), "period_ms": seen.period_ms(),
         "moving": seen.moving()}
        for key, seen in survey(frames).items()
    ]  # fmt: skip
