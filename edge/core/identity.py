# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Is this the pack that was graded? What the BMS says its serial number is, against the site's, or against the first
one that was seen. A BMS that tells none proves nothing and is no fault.

Letters and digits count, capital or not: "sp05-b231" and "SP05B231" are one number.
"""

# What is known of the identity, told upstream by number: append only.
PROOFS = ("unproved", "proved", "other", "commissioned")
UNPROVED, PROVED, OTHER, COMMISSIONED = range(4)
SURE = 3  # equal readings in a row: the first number that is seen, and another pack's for the estimates


def plain(text):
    """text without what people write in different ways; None for None and for nothing."""
    if text is None:
        return None
    return "".join([char for char in text.upper() if "A" <= char <= "Z" or "0" <= char <= "9"]) or None


class Identity:
    """Identity of one pack. pack: its settings; saved: state() of before or None.

    told: newest number, None when the BMS tells none. count: readings. first: the number that the site was
    commissioned as, when the settings have none. owner: whose the estimates are.
    """

    def __init__(self, pack, saved=None):
        self.given = pack.get("bms_serial") or pack.get("serial")
        self._is = plain(self.given)
        good = isinstance(saved, (list, tuple)) and len(saved) == 2
        self.first, self.owner = [each if isinstance(each, str) else None for each in (saved if good else (None, None))]
        self.told = None
        self._said = None  # plain(told)
        self.count = 0
        self._same = 0

    def take(self, text):
        """Take one reading. True when the estimates are of another pack and have to start afresh."""
        self.count += 1
        said = plain(text)
        self._same = self._same + 1 if said == self._said else 1
        self.told, self._said = text, said
        if said is None or self._same < SURE:
            return False
        if self.given is None and self.first is None:
            self.first = text
        other = self.owner is not None and plain(self.owner) != said
        self.owner = text
        return other

    def proof(self):
        """One of the codes of PROOFS, by the newest reading."""
        said = self._said
        if said is None:
            return UNPROVED
        if self.given is not None:
            return PROVED if said == self._is else OTHER
        if self.first is None:
            return UNPROVED
        return COMMISSIONED if said == plain(self.first) else OTHER

    def is_other(self):
        """True when the newest reading names another pack."""
        return self.proof() == OTHER

    def acknowledge(self):
        """A person accepted the pack that is there: without a number in the settings it is the one from now on."""
        if self.first is not None and self.told is not None:
            self.first = self.told

    def state(self):
        """List for the store."""
        return [self.first, self.owner]
