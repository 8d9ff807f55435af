# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Two edges with one name: a copied card, a restored image. Their records never mix (every start has its own epoch),
but somebody must know.

Two signs. Live together: records of two starts of one device, each made and received at nearly the same time, whose
times overlap; one edge that sends the rest of an earlier start cannot do that, because that start made nothing more.
Fork: two starts say that the same start was before them, and both went on long enough to have noted themselves.
"""

from collections import namedtuple

from host_tools import ledger

LIVE_MS = 30000  # between making and receiving, by trusted clocks
TOGETHER_MS = 60000  # a clock that was wrong before a restart must not look like two edges
FORK_MS = 600000  # a start that was cut short may have left no trace for the next one
MOST_STARTS = 8  # of one device that are remembered
MOST_SHOWN = 20

# epochs: the two starts. since_ms, until_ms: when they were live together; None for a fork.
Twin = namedtuple("Twin", ("device", "epochs", "since_ms", "until_ms"))


def _is_live(row):
    return (
        row.clkq >= ledger.TRUSTED_CLOCK and row.wall_ms is not None and abs(row.received_ms - row.wall_ms) <= LIVE_MS
    )


class Twins:
    """Watches the stream of records. together_ms: for so long two starts must be live together."""

    def __init__(self, together_ms=TOGETHER_MS):
        self._together_ms = together_ms
        self._live = {}  # device -> {epoch: [first, last wall time of a live record]}
        self._told = set()

    def take(self, row):
        """The Twin that this row (ledger.Row) proves for the first time, or None."""
        if not _is_live(row):
            return None
        starts = self._live.setdefault(row.device, {})
        own = starts.setdefault(row.epoch, [row.wall_ms, row.wall_ms])
        own[0], own[1] = min(own[0], row.wall_ms), max(own[1], row.wall_ms)
        if len(starts) > MOST_STARTS:
            del starts[min(starts, key=lambda epoch: starts[epoch][1])]
        for twin in overlaps(row.device, starts, self._together_ms):
            if (twin.device, twin.epochs) not in self._told:
                self._told.add((twin.device, twin.epochs))
                return twin
        return None


def overlaps(device, starts, together_ms=TOGETHER_MS):
    """[Twin, ...] of {epoch: (first, last)} of live records."""
    found = []
    order = sorted(starts)
    for index, one in enumerate(order):
        for other in order[index + 1 :]:
            since_ms = max(starts[one][0], starts[other][0])
            until_ms = min(starts[one][1], starts[other][1])
            if until_ms - since_ms >= together_ms:
                found.append(Twin(device, (one, other), since_ms, until_ms))
    return found


def twins(connection, device, since_ms, together_ms=TOGETHER_MS):
    """[Twin, ...] of a device that were live together after since_ms, and all forks."""
    rows = connection.execute(
        "SELECT epoch, MIN(wall_ms), MAX(wall_ms) FROM records WHERE device = ?1 AND clkq >= 2 AND wall_ms >= ?2"
        " AND epoch IN (SELECT epoch FROM streams WHERE device = ?1) AND ABS(received_ms - wall_ms) <= ?3"
        " GROUP BY epoch",
        (device, since_ms, LIVE_MS),
    )
    found = overlaps(device, {epoch: (first, last) for epoch, first, last in rows}, together_ms)
    known = {twin.epochs for twin in found}
    forks = {}
    for epoch, _, _, _, before, _ in ledger.starts_told(connection, device):
        forks.setdefault(before, set()).add(epoch)
    for each in forks.values():
        pair = tuple(sorted(epoch for epoch in each if _lasted_ms(connection, device, epoch) >= FORK_MS)[:2])
        if len(pair) == 2 and pair not in known:
            found.append(Twin(device, pair, None, None))
    return found


def _lasted_ms(connection, device, epoch):
    """Monotonic time of the last record of a start, as it is known."""
    return connection.execute(
        "SELECT mono_ms FROM records WHERE device = ? AND epoch = ? ORDER BY seq DESC LIMIT 1", (device, epoch)
    ).fetchone()[0]


def conflicts(connection, device=None):
    """(how many, the newest [(device, epoch, seq, class, received_ms), ...]) keys that came with two contents."""
    where, of = ("", ()) if device is None else (" WHERE device = ?", (device,))
    count = connection.execute("SELECT COUNT(*) FROM conflicts" + where, of).fetchone()[0]
    rows = connection.execute(
        f"SELECT device, epoch, seq, cls, received_ms FROM conflicts{where} ORDER BY rowid DESC LIMIT {MOST_SHOWN}", of
    )
    return count, rows.fetchall()
