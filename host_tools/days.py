# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What arrived of each pack and day, counted from the receiver's rows alone.

Numbers: received + declared + missing = expected. A lost number has no pack and no time: it counts for every pack of
its device, and its time is spread evenly between the records around it. Minutes: those of a day with operating data
(class M), of those that a day has; a minute whose record came late counts as delivered. A record's time is its own
wall time; without a clock worth the name it is worked out from the monotonic time and a record of the same start that
had one. Sums of several days are sums of these.
"""

from collections import namedtuple
from datetime import datetime, timedelta

from edge.core import registry
from edge.shell import cbor
from host_tools import ledger

MINUTE_MS = 60000
LATE_MS = 90000  # so long after its end a minute may still be on its way
NEAR_MS = 90000  # two records of a start not further apart leave no minute out
HALF_MS = MINUTE_MS // 2  # a minute counts when so much of it is told
MONTH_DAYS = 30
BAR_PPM = 900000  # of the last month: what the on-line inspection asks for
WHOLE_PPM = 1000000
SAMPLES = registry.key("samples")

# Times in ms since 1970, until_ms not included.
Window = namedtuple("Window", ("name", "since_ms", "until_ms"))
# Sequence numbers: those of records that are there, that were declared lost, and that nobody told of.
Numbers = namedtuple("Numbers", ("received", "declared", "missing"))
# Minutes; blank: those in which a record came that holds no reading. Not delivered.
Minutes = namedtuple("Minutes", ("expected", "delivered", "blank"))
# One epoch: its last number with a row, and the last one that is known of. offset_ms: wall less monotonic time,
# until_ms: time of its newest record; None when never known.
_Start = namedtuple("_Start", ("epoch", "last", "end", "offset_ms", "until_ms"))
# Numbers without a row, from `low` to `high`, between two times (None: not known); declared: [(first, last), ...].
_Hole = namedtuple("_Hole", ("low", "high", "since_ms", "until_ms", "declared"))


def windows(now_ms, zone):
    """(yesterday, today up to now, the last 30 days up to now) as Windows of local days. zone: tzinfo or None."""
    now = datetime.fromtimestamp(now_ms / 1000, zone).astimezone(zone)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)

    def at(days):
        when = midnight - timedelta(days=days)
        return round((when.astimezone() if zone is None else when.replace(tzinfo=zone)).timestamp() * 1000)

    return (
        Window("yesterday", at(1), at(0)),
        Window("today", at(0), now_ms),
        Window("month", at(MONTH_DAYS - 1), now_ms),
    )


# ---- numbers ----------------------------------------------------------------------------------------


def numbers(connection, device, spans):
    """({window name: {pack: Numbers}}, undated): of every pack that has rows.

    undated: numbers without a time; of the rows only those that came since the windows begin.
    """
    counts = {window.name: {} for window in spans}
    packs = packs_of(connection, device)
    holes, undated = [], 0
    for start in _starts(connection, device):
        undated += _received(connection, device, start, spans, counts)
        if start.until_ms is None or start.until_ms >= min(window.since_ms for window in spans):
            holes += _holes(connection, device, start)
    lost = {window.name: [0, 0] for window in spans}
    for hole in holes:
        if hole.since_ms is None:
            undated += hole.high - hole.low + 1
            continue
        for window in spans:
            declared, missing = _share(hole, window)
            lost[window.name][0] += declared
            lost[window.name][1] += missing
    result = {
        window.name: {pack: Numbers(counts[window.name].get(pack, 0), *lost[window.name]) for pack in sorted(packs)}
        for window in spans
    }
    return result, undated


def packs_of(connection, device):
    """Indices of the packs of a device that ever sent a minute or told who they are; -1 for the site is none."""
    rows = connection.execute(
        "SELECT DISTINCT pack FROM records WHERE device = ?1 AND cls = 'M' AND pack >= 0 UNION"
        " SELECT DISTINCT pack FROM records WHERE device = ?1 AND cls = 'I' AND pack >= 0",
        (device,),
    )
    return {row[0] for row in rows}


def _starts(connection, device):
    """[_Start, ...] of all epochs of a device that have rows, are declared, or are told by the start after them."""
    query = "SELECT epoch, MAX(seq) FROM records WHERE device = ? GROUP BY epoch"
    rows = dict(connection.execute(query, (device,)).fetchall())
    known = set(rows)
    gaps = {epoch: ranges for (_, epoch), ranges in ledger.declared_ranges(connection, device).items()}
    ends = {epoch: last for (_, epoch), last in ledger.ends_told(connection, device, known | set(gaps)).items()}
    found = []
    for epoch in sorted(known | set(gaps) | set(ends)):
        last = rows.get(epoch, 0)
        end = max(last, ends.get(epoch, 0), *[high for _, high in gaps.get(epoch, ((0, 0),))])
        found.append(_Start(epoch, last, end, *_clock(connection, device, epoch)))
    return found


def _clock(connection, device, epoch):
    """(wall less monotonic time, wall time) of a start's newest record with a trusted clock; None when it has none."""
    row = connection.execute(
        "SELECT wall_ms - mono_ms, wall_ms FROM records WHERE device = ? AND epoch = ? AND clkq >= 2"
        " AND wall_ms IS NOT NULL ORDER BY wall_ms DESC LIMIT 1",
        (device, epoch),
    ).fetchone()
    return row or (None, None)


def _received(connection, device, start, spans, counts):
    """Add the rows of one start to counts; returns how many have no time."""
    own = _own_gaps(connection, device, start)
    for window in spans:
        told = counts[window.name]
        rows = connection.execute(
            "SELECT pack, COUNT(*) FROM records WHERE device = ? AND epoch = ? AND clkq >= 2"
            " AND wall_ms >= ? AND wall_ms < ? GROUP BY pack",
            (device, start.epoch, window.since_ms, window.until_ms),
        ).fetchall()
        if start.offset_ms is not None:
            rows += connection.execute(
                "SELECT pack, COUNT(*) FROM records WHERE device = ? AND epoch = ? AND clkq < 2"
                " AND mono_ms >= ? AND mono_ms < ? GROUP BY pack",
                (device, start.epoch, window.since_ms - start.offset_ms, window.until_ms - start.offset_ms),
            ).fetchall()
        rows += [(pack, -1) for _, pack, at_ms in own if at_ms is not None and _inside(at_ms, window)]
        for pack, count in rows:
            told[pack] = told.get(pack, 0) + count
    if start.offset_ms is not None:
        return 0
    return connection.execute(
        "SELECT COUNT(*) FROM records WHERE device = ? AND epoch = ? AND received_ms >= ?",
        (device, start.epoch, min(window.since_ms for window in spans)),
    ).fetchone()[0]


def _inside(at_ms, window):
    return window.since_ms <= at_ms < window.until_ms


def _own_gaps(connection, device, start):
    """[(number, pack, time), ...] of records that stand for their own number, which was lost."""
    rows = connection.execute(
        "SELECT r.seq, r.pack, r.mono_ms, r.wall_ms, r.clkq FROM records r JOIN gaps g ON g.device = r.device AND"
        " g.epoch = r.epoch AND r.seq BETWEEN g.first AND g.last WHERE r.device = ? AND r.epoch = ? AND"
        " r.gap_from <= r.seq GROUP BY r.seq",
        (device, start.epoch),
    )
    return [(seq, pack, _at(start, *rest)) for seq, pack, *rest in rows]


def _at(start, mono_ms, wall_ms, clkq):
    """Time of a record, None when not known."""
    if clkq >= ledger.TRUSTED_CLOCK and wall_ms is not None:
        return wall_ms
    return None if start.offset_ms is None else mono_ms + start.offset_ms


def _holes(connection, device, start):
    """[_Hole, ...] of one start: every number from 1 to its end that has no row, or a row that stands for its loss."""
    of = (device, start.epoch)
    pairs = connection.execute(
        "SELECT before + 1, seq - 1 FROM (SELECT seq, LAG(seq, 1, 0) OVER (ORDER BY seq) AS before FROM records"
        " WHERE device = ? AND epoch = ?) WHERE seq > before + 1",
        of,
    ).fetchall()
    if start.end > start.last:
        pairs.append((start.last + 1, start.end))
    gaps = ledger.declared_ranges(connection, device).get(of, [])
    holes = []
    for low, high in pairs:
        declared = [(max(low, first), min(high, last)) for first, last in gaps if first <= high and last >= low]
        since_ms, until_ms = _around(connection, device, start, low, high)
        holes.append(_Hole(low, high, since_ms, until_ms, declared))
    holes += [_Hole(seq, seq, at_ms, at_ms, [(seq, seq)]) for seq, _, at_ms in _own_gaps(connection, device, start)]
    return holes


def _around(connection, device, start, low, high):
    """Times between which the numbers low to high were made."""
    times = []
    for seq in (low - 1, high + 1):
        row = connection.execute(
            "SELECT mono_ms, wall_ms, clkq FROM records WHERE device = ? AND epoch = ? AND seq = ?",
            (device, start.epoch, seq),
        ).fetchone()
        times.append(row and _at(start, *row))
    since_ms, until_ms = times
    if since_ms is None and low == 1:
        since_ms = start.offset_ms  # the monotonic clock begins with the start
    if until_ms is None and since_ms is None:  # nothing of it arrived: only the start after it tells of it
        rows = ledger.starts_told(connection, device)
        told = [(mono, wall) for _, _, mono, wall, before, _ in rows if before == start.epoch and wall is not None]
        since_ms = told[0][1] - told[0][0] if told else None
    return (until_ms, until_ms) if since_ms is None else (since_ms, since_ms if until_ms is None else until_ms)


def _share(hole, window):
    """(declared, missing): how many of the numbers of a hole belong to a window."""
    low = hole.low + _below(hole, window.since_ms)
    high = hole.low + _below(hole, window.until_ms) - 1
    if high < low:
        return 0, 0
    declared = sum(max(0, min(high, last) - max(low, first) + 1) for first, last in hole.declared)
    return declared, high - low + 1 - declared


def _below(hole, at_ms):
    """How many numbers of a hole were made before a time: they lie evenly between its ends."""
    count = hole.high - hole.low + 1
    length_ms = hole.until_ms - hole.since_ms
    if length_ms <= 0:
        return count if hole.since_ms < at_ms else 0
    return max(0, min(count, -(-(at_ms - hole.since_ms) * (count + 1) // length_ms) - 1))


# ---- minutes ----------------------------------------------------------------------------------------


def minutes(connection, device, pack, spans):
    """{window name: Minutes} of one pack. Expected from its first minute on that the database knows."""
    since_ms, until_ms = min(w.since_ms for w in spans), max(w.until_ms for w in spans)
    rows, first_ms = _minute_rows(connection, device, pack, since_ms - MINUTE_MS, until_ms + NEAR_MS)
    base = since_ms // MINUTE_MS
    told, blank = (bytearray_of(rows, base, until_ms // MINUTE_MS + 1, kind) for kind in (False, True))
    result = {}
    for window in spans:
        begin_ms = window.since_ms if first_ms is None else max(window.since_ms, first_ms - MINUTE_MS)
        low = -(-begin_ms // MINUTE_MS) - base
        until_ms = window.until_ms - (0 if window.name == "yesterday" else LATE_MS)
        high = max(low, until_ms // MINUTE_MS - base)
        if first_ms is None:
            high = low
        delivered = sum(told[low:high])
        both = sum(1 for a, b in zip(told[low:high], blank[low:high], strict=True) if b and not a)
        result[window.name] = Minutes(high - low, delivered, both)
    return result


def bytearray_of(rows, base, end, blank):
    """One byte per minute from `base` to `end`: 1 when at least half of it is told by rows that are (not) blank.

    rows: [(time, epoch, blank), ...] by time; each tells of the minute before it, a little more when the one before
    it is near: a step that comes late must not open a hole.
    """
    covered = [0] * (end - base)
    before_ms = before_epoch = None
    for at_ms, epoch, is_blank in rows:
        low_ms = at_ms - MINUTE_MS
        if before_ms is not None and (before_ms > low_ms or (epoch == before_epoch and at_ms - before_ms <= NEAR_MS)):
            low_ms = before_ms
        before_ms, before_epoch = at_ms, epoch
        if is_blank != blank:
            continue
        for minute in range(low_ms // MINUTE_MS, at_ms // MINUTE_MS + 1):
            if base <= minute < end:
                begin_ms = minute * MINUTE_MS
                covered[minute - base] += min(at_ms, begin_ms + MINUTE_MS) - max(low_ms, begin_ms)
    return bytearray(part >= HALF_MS for part in covered)


def _minute_rows(connection, device, pack, since_ms, until_ms):
    """([(time, epoch, blank), ...] by time, time of the very first): the minute records of a pack."""
    empty = cbor.encode(SAMPLES) + b"\0"  # no reading in that minute, perhaps: the key's bytes may be part of a value
    rows = connection.execute(
        "SELECT wall_ms, epoch, CASE WHEN instr(body, ?) THEN body END FROM records WHERE device = ? AND pack = ?"
        " AND cls = 'M' AND wall_ms >= ? AND wall_ms < ? AND clkq >= 2",
        (empty, device, pack, since_ms, until_ms),
    ).fetchall()
    first = connection.execute(
        "SELECT wall_ms FROM records WHERE device = ? AND pack = ? AND cls = 'M' AND wall_ms IS NOT NULL AND clkq >= 2"
        " ORDER BY wall_ms LIMIT 1",
        (device, pack),
    ).fetchone()
    first_ms = first and first[0]
    for (epoch,) in connection.execute(
        "SELECT DISTINCT epoch FROM records WHERE device = ? AND clkq < 2", (device,)
    ).fetchall():
        offset_ms, _ = _clock(connection, device, epoch)
        if offset_ms is None:
            continue
        late = connection.execute(
            "SELECT mono_ms + ?, epoch, CASE WHEN instr(body, ?) THEN body END FROM records WHERE device = ? AND"
            " epoch = ? AND clkq < 2 AND pack = ? AND cls = 'M' ORDER BY mono_ms",
            (offset_ms, empty, device, epoch, pack),
        ).fetchall()
        if late:
            first_ms = late[0][0] if first_ms is None else min(first_ms, late[0][0])
        rows += [row for row in late if since_ms <= row[0] < until_ms]
    rows.sort(key=lambda row: row[:2])
    return [(at_ms, epoch, body is not None and _is_blank(body)) for at_ms, epoch, body in rows], first_ms


def _is_blank(body):
    return cbor.decode(body).get(SAMPLES) == 0


def ppm(part, whole):
    """part of whole in millionths, rounded down; None when whole is 0."""
    return part * WHOLE_PPM // whole if whole else None
