# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What to ask a device next. Pure planning: no clock, no wire; now_ms comes in, deadlines go out.

Each block of a table is due once per period; the one whose period ends first is asked first, and what
lies beside it and is due as well comes with it in one request, over holes of a few registers. When a
device rejects such a request, the holes in it are remembered and never bridged again; when it rejects
a whole block, smaller parts are tried, and what works is remembered as the most it answers at once.

Lists that need not come every cycle (max_age_ms in the profile) take turns between the others, each
list twice per maximum age. A device that does not answer is asked less and less often (so that it does
not eat the time of the others on its line), at the latest every BACKOFF_MAX_MS.
"""

from collections import namedtuple

from bms_bridge.modbus import EXCEPTION, TIMEOUT

# unit: the Modbus unit id; a device that answers under another one has that in the next higher byte.
# data: bytes of the registers of a write (function 16), None for a read. index: block of the table that
# the request reads as a whole, SPAN for several blocks or a part of one, WALK for a search of models,
# negative for a write.
Request = namedtuple("Request", ("unit", "function", "address", "count", "data", "index"))
# indexes: blocks that one request reads, by growing address. offset: first register of a part of a block.
Span = namedtuple("Span", ("indexes", "offset", "address", "count"))

SPAN = 10000
WALK = 10001

BACKOFF_MIN_MS = 200
BACKOFF_MAX_MS = 10000  # the protected BMS is asked at least every 10 s
# A silence of 10 s trips the pack, and its restart costs minutes: until then a device that comes back is met soon.
EARLY_MS = 10000
EARLY_MOST_MS = 800
WINDOW_MS = 1000
WINDOW_MOST = 50  # requests to one device in a window
GONE_MS = 3000  # after such a silence it may be another device: its text is asked for at once
RARE_MOST_MS = 3600000
PART_MIN = 8  # registers: a device that rejects so few does not have them
ILLEGAL = (EXCEPTION + 2, EXCEPTION + 3)  # illegal address, illegal value (too many registers)
SILENT_JOINS = 2  # time-outs after which a device that never answered a joined request is asked block by block

# most registers per request, widest hole to read over, pause between requests in ms, address step per register
POLLING = (125, 8, 0, 1)


class Plan:
    """When each block of one device is due, and in which requests. table: its profile table. most: most
    registers per request when the device takes fewer than the profile says, else None."""

    def __init__(self, table, most=None):
        profile_most, self.hole, self._gap_ms, self.step = getattr(table, "POLLING", POLLING)[:4]
        self.most = profile_most if most is None else min(most, profile_most)
        self.merges = True
        self.failures = 0
        self.functions = [row[0] for row in table.BLOCKS]
        self.addresses = [row[1] for row in table.BLOCKS]
        unused = getattr(table, "UNUSED", ())
        self.counts = [0 if index in unused else row[2] for index, row in enumerate(table.BLOCKS)]
        self._periods = [row[3] for row in table.BLOCKS]
        self._turns = getattr(table, "TURNS", ())
        self._cuts = [wide_values(table, index) for index in range(len(table.BLOCKS))]
        self._due_ms = [None] * len(self._periods)
        self._first_ms = [None] * len(self._periods)  # since when a block waits that was never asked
        self._pause_ms = 0
        self._until_ms = None  # back-off
        self._silent_ms = None  # since the first failure in a row
        self._free_ms = None  # end of the pause between requests
        self._window_ms = None  # end of the window in which requests are counted
        self._asked = 0
        self._part = None  # (index, offset) of a block that is being read in parts
        self._trial = None  # (index, former most): smaller parts are being tried
        self._refused = []  # blocks that the device does not have, whatever the size
        self._joined = 0  # joined requests that came back; below zero: time-outs of the first ones
        self._apart = []  # blocks that are never joined to the one behind them
        self._rare = getattr(table, "SERIAL", (None,))[0]  # the block with a text: asked when nothing else is due
        self._deaf_ms = 0  # how long it waits after it was not answered
        self.locate(self.addresses, self.counts)

    def locate(self, addresses, counts):
        """The blocks lie at these addresses (counts: registers; 0: the device does not have the block)."""
        self.addresses = list(addresses)
        self.counts = list(counts)
        keys = [(self.functions[i], self.addresses[i], i) for i in range(len(self.counts)) if self.counts[i]]
        self._order = [key[2] for key in sorted(keys)]
        self._spans = [None] * len(self._order)  # newest span by the place of its first block: mostly the next one too

    # ---- when --------------------------------------------------------------------------------------

    def due_ms(self, now_ms):
        """Time at which the next request is due (may lie in the past)."""
        soonest = None
        for index in self._order:
            due = self._due_ms[index]
            if due is None:
                due = now_ms
            elif index == self._rare:  # it has not waited, or other devices of the line would wait for it
                due = max(due, min(now_ms, due + self._periods[index]))
            if soonest is None or due < soonest:
                soonest = due
        if soonest is None:
            soonest = now_ms + BACKOFF_MAX_MS
        return max(soonest, self.free_ms(soonest))

    def free_ms(self, now_ms):
        """Earliest time at which anything may be asked, by back-off, pause and rate; now_ms if at once."""
        free = now_ms
        if self._until_ms is not None:
            free = max(free, self._until_ms)
        if self._free_ms is not None:
            free = max(free, self._free_ms)
        if self._window_ms is not None and self._asked >= WINDOW_MOST:
            free = max(free, self._window_ms)
        return free

    def next_span(self, now_ms):
        """The Span to ask now, None when nothing is due. Asking it counts against the rate."""
        if self.free_ms(now_ms) > now_ms:
            return None
        span = self._next_part() if self._part is not None else self._next_due(now_ms)
        if span is not None:
            self.count(now_ms)
        return span

    def count(self, now_ms):
        """One request goes out."""
        if self._window_ms is None or now_ms >= self._window_ms:
            self._window_ms = now_ms + WINDOW_MS
            self._asked = 0
        self._asked += 1

    def _next_due(self, now_ms):
        best = None
        best_ms = 0
        for index in range(len(self._due_ms)):
            due = self._due_ms[index]
            if due is None:
                if self._first_ms[index] is None:
                    self._first_ms[index] = now_ms
                due = self._first_ms[index]
            if self.counts[index] and due <= now_ms:
                if best is None or self._ends_first(index, due, best, best_ms):
                    best, best_ms = index, due
        if best is None:
            return None
        if self.functions[best] > 2 and self.counts[best] > self.most:
            self._part = (best, 0)
            return self._next_part()
        return self._joined_span(best, now_ms)

    def _ends_first(self, index, due, other, other_due):
        """True when the period of block index, due then, ends before that of the other."""
        period, other_period = self._periods[index], self._periods[other]
        return due < other_due if period == other_period else due + period < other_due + other_period

    # ---- which registers ---------------------------------------------------------------------------

    def _next_part(self):
        index, offset = self._part
        end = min(offset + self.most, self.counts[index])
        while end < self.counts[index] and end in self._cuts[index] and end > offset + 1:
            end -= 1  # a value of two registers is never read in two requests
        return Span((index,), offset, self.addresses[index] + self.step * offset, end - offset)

    def _joined_span(self, best, now_ms):
        """best and the neighbours that are due as well, as far as one request goes."""
        order = self._order
        first = last = order.index(best)
        if self.merges and self.functions[best] > 2:
            while last + 1 < len(order) and self._joins(last, order[last + 1], now_ms, first, last + 1):
                last += 1
            while first > 0 and self._joins(first - 1, order[first - 1], now_ms, first - 1, last):
                first -= 1
        span = self._spans[first]
        if span is None or len(span.indexes) != last + 1 - first:
            indexes = tuple(order[first : last + 1])
            span = self._spans[first] = Span(indexes, 0, self.addresses[order[first]], self._width(first, last))
        return span

    def _width(self, first, last):
        """Registers from the start of block order[first] to the end of block order[last]."""
        start, end = self._order[first], self._order[last]
        return (self.addresses[end] - self.addresses[start]) // self.step + self.counts[end]

    def _joins(self, left, new, now_ms, first, last):
        """True when block new may come along: order[left] and the one behind it lie close enough."""
        hole = self.hole_after(left)
        if hole is None or hole > self.hole or self._order[left] in self._apart or self._width(first, last) > self.most:
            return False
        due = self._due_ms[new]
        return due is None or due <= now_ms + self._periods[new] // 4

    def hole_after(self, place):
        """Registers between block order[place] and the one behind it; None when they cannot be joined."""
        left, right = self._order[place], self._order[place + 1]
        if self.functions[left] != self.functions[right] or self._rare in (left, right):
            return None
        distance = self.addresses[right] - self.addresses[left]
        if distance % self.step or distance // self.step < self.counts[left]:
            return None
        return distance // self.step - self.counts[left]

    # ---- what became of it -------------------------------------------------------------------------

    def answered(self, now_ms, index):
        """Block index has arrived whole: its next turn is one period after its last (no catching up)."""
        self._lives(now_ms)
        self.failures = 0
        if index in self._refused:
            self._refused.remove(index)
        if self._trial is not None and self._trial[0] == index:
            self._trial = None  # so many registers at once is what this device answers
        self._schedule(now_ms, index)

    def span_answered(self, now_ms, span):
        """The answer to span has come; True when a block in parts is now whole."""
        self._lives(now_ms)
        if len(span.indexes) > 1:
            self._joined = 1
        elif self._part is not None:
            end = span.offset + span.count
            self._part = (span.indexes[0], end) if end < self.counts[span.indexes[0]] else None
            return self._part is None
        return True

    def failed(self, now_ms, span, reason):
        """span did not come. An exception: the device lives, its blocks wait their period, or smaller
        requests are tried. Anything else: the whole device waits, 200 ms at first, twice as long each time."""
        self._part = None
        if span.indexes[0] == self._rare:
            self._rare_failed(now_ms, reason)
            return
        self.failures += 1
        if reason in ILLEGAL:
            self._lives(now_ms)
            if not self._try_smaller(span):
                self._schedule(now_ms, span.indexes[0])
            return
        if reason >= EXCEPTION:
            self._lives(now_ms)
            for index in span.indexes:
                self._schedule(now_ms, index)
            return
        if reason == TIMEOUT and len(span.indexes) > 1 and self._joined <= 0:
            self._joined -= 1
            if self._joined <= -SILENT_JOINS:
                self._joined = 0
                self._separate(span)
        self.wait(now_ms)

    def _rare_failed(self, now_ms, reason):
        """No text: it is asked for more and more rarely."""
        if reason >= EXCEPTION:
            self._lives(now_ms)
        else:
            self.wait(now_ms)
        self._deaf_ms = min(max(2 * self._deaf_ms, self._periods[self._rare]), RARE_MOST_MS)
        self._due_ms[self._rare] = now_ms + self._deaf_ms

    def soon(self, now_ms, ms):
        """The text came; it is asked for again in ms, 0: in its period."""
        self._deaf_ms = 0
        self._due_ms[self._rare] = now_ms + (ms or self._periods[self._rare])

    def wait(self, now_ms):
        """The device waits a while, longer each time; in its first EARLY_MS of silence at most EARLY_MOST_MS."""
        if self._silent_ms is None:
            self._silent_ms = now_ms
        most_ms = EARLY_MOST_MS if now_ms - self._silent_ms < EARLY_MS else BACKOFF_MAX_MS
        self._pause_ms = min(max(2 * self._pause_ms, BACKOFF_MIN_MS), most_ms)
        self._until_ms = now_ms + self._pause_ms

    def _lives(self, now_ms):
        if self._silent_ms is not None and now_ms - self._silent_ms >= GONE_MS and self._rare is not None:
            self._due_ms[self._rare] = now_ms
        self._silent_ms = None
        self._until_ms = None
        self._pause_ms = 0
        if self._gap_ms:
            self._free_ms = now_ms + self._gap_ms

    def _separate(self, span):
        """Remember the hole nearest to the middle of span; without any, the middle itself. What is left of a
        rejected request is rejected again until the hole at fault is the one that was given up."""
        places = [self._order.index(index) for index in span.indexes[:-1]]
        holes = [self._order[place] for place in places if self.hole_after(place)] or span.indexes[:-1]
        self._apart.append(holes[(len(holes) - 1) // 2])

    def _try_smaller(self, span):
        """Prepare smaller requests after an exception to span; False when there is nothing left to try."""
        if len(span.indexes) > 1:
            self._separate(span)
            return True
        index = span.indexes[0]
        if index in self._refused or self.functions[index] <= 2:
            return False
        if span.count > PART_MIN:
            if self._trial is None or self._trial[0] != index:
                self._trial = (index, self.most)
            self.most = max(PART_MIN, span.count // 4 * 2)
            return True
        if self._trial is not None and self._trial[0] == index:
            self.most = self._trial[1]  # the size was not the reason
            self._trial = None
        self._refused.append(index)
        return False

    def _schedule(self, now_ms, index):
        period_ms = self._periods[index]
        due = self._due_ms[index]
        next_ms = now_ms if due is None else due + period_ms
        if next_ms > now_ms:
            self._due_ms[index] = next_ms
        elif index in self._turns:  # spread over half a period: the oldest of a list is never old
            turn = self._turns.index(index)
            self._due_ms[index] = now_ms + (period_ms + period_ms * turn // len(self._turns)) // 2
        else:
            self._due_ms[index] = now_ms + period_ms

    # ---- the gate ----------------------------------------------------------------------------------

    def rules(self, unit):
        """Read rules for TxGate: what may ever be asked of these blocks, joined or in parts, and nothing else."""
        rows = []
        start = 0
        for place in range(len(self._order)):
            hole = self.hole_after(place) if place + 1 < len(self._order) else None
            index = self._order[place]
            if self.functions[index] > 2 and hole is not None and hole <= self.hole:
                continue
            width = self._width(start, place)
            first = self.addresses[self._order[start]]
            most = min(width, self.most) if self.functions[index] > 2 else width
            row = (unit & 0xFF, self.functions[index], first, first + self.step * width, most)
            rows.append(row if self.step == 1 else row + (self.step,))
            start = place + 1
        return tuple(rows)


def wide_values(table, index):
    """Registers (offsets in block index) that are the second half of a value of 32 bits."""
    forms = [row[1] for row in table.ARRAYS[index]]
    if table.FIELDS[index] is not None:
        forms.append(table.FIELDS[index][0])
    found = []
    for form in forms:
        at = number = 0
        for char in form[1:]:
            if "0" <= char <= "9":
                number = 10 * number + ord(char) - 48
                continue
            width = 4 if char in "Iif" else 1 if char in "xBb" else 2
            for _ in range(number or 1):
                if width == 4:
                    found.append(at // 2 + 1)
                at += width
            number = 0
    return found


def pick(devices, now_ms):
    """The device of a line whose request has waited longest: (device, due_ms).

    devices: a list of Bms and Pcs. due_ms in the future: nobody is due before. (None, None) for an
    empty line.
    """
    chosen = None
    soonest = None
    for device in devices:
        due = device.due_ms(now_ms)
        if chosen is None or due < soonest:
            chosen = device
            soonest = due
    return chosen, soonest


def line_rules(devices):
    """What the gate of a line may let out for these devices: (reads, writes) for TxGate."""
    reads = ()
    writes = ()
    for device in devices:
        more_reads, more_writes = device.gate_rules()
        reads += tuple(more_reads)
        writes += tuple(more_writes)
    return reads, writes
