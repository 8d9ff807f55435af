# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The text that a device tells of itself: its serial number. Read after a connection, then every few minutes.

A text that was not told SURE times in a row yet is asked for again soon, so that another device behind the same
wire is known within seconds of its first answer, and a single odd answer changes nothing.
"""

SURE = 3
SOON_MS = 4000  # until then the next reading comes after this


def text_of(data):
    """The text in data (bytes, ASCII) up to its first zero, without blanks around it; None when there is none:
    empty, filled with one mark (00, FF, 0, -, *), or not printable."""
    end = data.find(b"\x00")
    text = (data if end < 0 else data[:end]).strip(b" \xff")
    for byte in text:
        if not 32 <= byte < 127:
            return None
    return None if not text.strip(b"0-*.? ") else text.decode()


class Serial:
    """What a device says its serial number is. row: SERIAL of its table, (block, slot). slots: where it is decoded.

    text: newest, None when it tells none. count: readings so far. index: the block.
    """

    def __init__(self, row, slots):
        self.index, self._slot = row
        self._slots = slots
        self.text = None
        self.count = 0
        self._same = 0

    def take(self):
        """The block came and is decoded. After how many ms it should be read again already; 0: in its period."""
        text = self._slots[self._slot]
        self._same = self._same + 1 if text == self.text else 1
        self.text = text
        self.count += 1
        return SOON_MS if self._same < SURE else 0
