# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Which profile fits what passes on a bus? Passive: identifiers, lengths, checksums, plausible values, periods.

A profile gets points out of 100, and the reasons for them in words. Names of products are no evidence.
"""

from bms_bridge.can_decode import at_address
from host_tools.candump import id_text
from host_tools.listen import Listener

# Points: messages heard, good lengths, good checksums, plausible values, periods as declared.
POINTS = {"ids": 40, "lengths": 15, "sums": 20, "values": 15, "periods": 10}
FITS = 70
EXTENDED = 0x80000000


class Fit:
    """How well one profile fits: points (0 to 100), reasons (sentences)."""

    def __init__(self, listener):
        self.name = listener.table.NAME
        self.title = listener.table.INFO["title"]
        self.proof = listener.table.INFO["proof"]
        self.reasons = []
        self.points = round(self._judge(listener))

    def _judge(self, listener):
        table = listener.table
        steady = [index for index in range(len(table.BLOCKS)) if index not in [row[0] for row in table.EVENTS]]
        waited = [index for index in steady if table.BLOCKS[index][1] == 0 or self._answered(listener, index)]
        asked = len(steady) - len(waited)
        if not waited:
            self.reasons.append("it only answers questions (%d), and nobody asked them here" % asked)
            return 0
        shares = {
            "ids": self._ids(listener, waited),
            "lengths": self._lengths(listener, waited),
            "sums": self._sums(listener, waited),
            "values": self._values(listener, waited),
            "periods": self._periods(listener, waited),
        }
        if not shares["ids"]:
            return 0
        points = sum(POINTS[key] * share for key, share in shares.items() if share is not None)
        possible = sum(POINTS[key] for key, share in shares.items() if share is not None)
        if shares["sums"] is None:
            possible += POINTS["sums"] / 2  # identifiers alone never prove a battery
            self.reasons.append("its frames carry no checksums")
        if asked:
            self.reasons.append("%d of its messages are answers to questions that nobody asked here" % asked)
        for key in ("lengths", "sums"):
            if shares[key] is not None and shares[key] < 0.5:
                points /= 4
        return 100.0 * points / possible

    def _answered(self, listener, index):
        heard = listener.heard[index]
        return heard.count + heard.short > 0

    def _ids(self, listener, waited):
        heard = [index for index in waited if _arrivals(listener.heard[index])]
        missing = sorted({text_of(listener.table, index) for index in waited if index not in heard})
        self.reasons.append("%d of %d messages heard" % (len(heard), len(waited)) + _but(missing))
        return len(heard) / len(waited)

    def _lengths(self, listener, waited):
        rows = [listener.heard[index] for index in waited]
        total = sum(_arrivals(row) for row in rows)
        if not total:
            return None
        short = sum(row.short for row in rows)
        wrong = sorted({text_of(listener.table, index) for index in waited if listener.heard[index].short})
        if short:
            self.reasons.append("%d of %d frames have another length: %s" % (short, total, " ".join(wrong)))
        return 1.0 - short / total

    def _sums(self, listener, waited):
        rows = [listener.heard[index] for index in waited if listener.table.SUMS[index] is not None]
        total = sum(row.count + row.unsummed for row in rows)
        if not total:
            return None
        good = sum(row.count for row in rows)
        self.reasons.append("%d of %d checksums are right" % (good, total))
        return good / total

    def _values(self, listener, waited):
        total = sum(listener.heard[index].count for index in waited)
        if not total:
            return None
        odd = sum(listener.implausible[index] for index in waited)
        self.reasons.append("values plausible in %d of %d messages" % (total - odd, total))
        return 1.0 - odd / total

    def _periods(self, listener, waited):
        judged = near = 0
        for index in waited:
            period_ms = listener.heard[index].period_ms()
            if listener.table.BLOCKS[index][1] or period_ms is None or period_ms <= 0:
                continue
            judged += 1
            near += 0.4 <= period_ms / listener.table.BLOCKS[index][3] <= 2.5
        if not judged:
            return None
        self.reasons.append("%d of %d periods as declared" % (near, judged))
        return near / judged

    def row(self):
        """As a dict for JSON."""
        return {
            "profile": self.name, "title": self.title, "points": self.points, "fits": self.points >= FITS,
            "proof": self.proof, "reasons": self.reasons,
        }  # fmt: skip


def _arrivals(heard):
    return heard.count + heard.short + heard.unsummed


def _but(missing):
    if not missing:
        return ""
    return ", not " + " ".join(missing[:6]) + (" ..." if len(missing) > 6 else "")


def text_of(table, index):
    """Identifier of message index of a CAN table, as candump writes it."""
    key = table.BLOCKS[index][0]
    return id_text(key & 0x1FFFFFFF, key >= EXTENDED)


def addresses(frames, table):
    """Device addresses of the profile that are heard in the frames, the one with most identifiers first; [] for a
    profile without addresses."""
    row = getattr(table, "ADDRESS", None)
    if row is None:
        return []
    heard = {frame.can_id | EXTENDED if frame.extended else frame.can_id for frame in frames}
    counts = {}
    for unit in range(row[0], row[1] + 1):
        counts[unit] = len(heard & {block[0] for block in at_address(table, unit).BLOCKS})
    return sorted([unit for unit in counts if counts[unit]], key=lambda unit: (-counts[unit], unit))


def as_heard(frames, table):
    """table at the device address that fits the frames best."""
    return at_address(table, (addresses(frames, table) or [None])[0])


def rank(frames, tables):
    """[Fit] of every table over the frames (a list), the best first. A profile with device addresses counts at the
    one that is heard best."""
    fits = []
    for table in tables:
        units = addresses(frames, table)
        listener = Listener(at_address(table, units[0] if units else None))
        for frame in frames:
            listener.take(frame)
        fits.append(Fit(listener))
        if units:
            fits[-1].reasons.append("device %d" % units[0] + (", also %s" % units[1:] if units[1:] else ""))
    return sorted(fits, key=lambda fit: (-fit.points, fit.name))
