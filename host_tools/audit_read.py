# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Records out of a journal's folder, an exported chain or a receiver's database, all in one form."""

import io
import sqlite3
import struct
from collections import namedtuple
from pathlib import Path

from edge.core import registry
from edge.shell import cbor
from edge.shell.frames import CHAIN_BYTES, HEAD, HEAD_BYTES, KEPT, PLAIN, STREAMS, first, name_of, parts_of, walk
from host_tools import audit_numbers, ledger

MAGIC = b"reuse-edge audit 1\n"
_SQLITE = b"SQLite format 3\0"
_ENTRY = struct.Struct(">9sI")
_END = struct.Struct(">9sI16s")
END_NAME = b"endofaudi"
HOUR_MS = 3600000
NEWEST = 1 << 62  # near_ms of the newest record
NAMES = {number: name for name, number in registry.KEYS.items()}

QUERY = (
    "SELECT epoch, seq, boot, mono_ms, wall_ms, cls, pack, body, gap_from FROM records WHERE device = ? AND"
    " (cls NOT IN ('T', 'M') OR wall_ms IS NULL OR wall_ms BETWEEN ? AND ? OR wall_ms IN (?, ?))"
    " ORDER BY boot, epoch, seq"
)

# One file of a journal. stream: its letter in edge.shell.frames.STREAMS; data: its bytes.
Segment = namedtuple("Segment", ("stream", "generation", "data"))
# One record. body: {metric name: value}; at_ms: wall time in ms, worked out from the start's others when the record has
# none, None when no record of its start has one.
Entry = namedtuple("Entry", ("device", "epoch", "seq", "boot", "mono_ms", "wall_ms", "cls", "pack", "body", "at_ms"))
# Records that are not there. cls: the most valuable class among them; since_ms, until_ms: wall times or None.
Gap = namedtuple("Gap", ("reason", "cls", "boot", "since_ms", "until_ms", "count"))


class SourceError(Exception):
    """The source cannot be read; the text says why."""

    exit_code = 2


def kind_of(path):
    """What a path is: "journal" (a folder), "export" or "database"; SourceError when it is none of them."""
    path = Path(path)
    if path.is_dir():
        return "journal"
    if not path.exists():
        raise SourceError(
            "%s: there is no such file or folder\n  → give a journal folder, an export or a database" % path
        )
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    if head == MAGIC:
        return "export"
    if head.startswith(_SQLITE):
        return "database"
    raise SourceError("%s: is no journal folder, no exported chain and no database of a receiver" % path)


def segments(path):
    """(segments by growing generation, end): the files of a journal folder (or of the `journal` folder in it) or of
    an export. end: (frames, chain) as the export says it, None for a folder."""
    if kind_of(path) == "export":
        return _exported(Path(path).read_bytes(), path)
    found = []
    for folder in (Path(path), Path(path) / "journal"):
        for file in folder.iterdir() if folder.is_dir() else ():
            parts = parts_of(file.name)
            if parts and file.is_file():
                found.append(Segment(parts[0], parts[1], file.read_bytes()))
        if found:
            return sorted(found, key=lambda each: each.generation), None
    raise SourceError(
        "%s: there is no journal in it\n  → give the folder with the files k00000001, m00000002, t00000003 ..." % path
    )


def _exported(data, path):
    found, at = [], len(MAGIC)
    while at + _ENTRY.size <= len(data):
        name, size = _ENTRY.unpack_from(data, at)
        if name == END_NAME:
            if len(data) < at + _END.size:
                break
            _, count, chain = _END.unpack_from(data, at)
            return found, (count, chain)
        parts = parts_of(name.decode("latin-1"))
        if parts is None or at + _ENTRY.size + size > len(data):
            break
        at += _ENTRY.size
        found.append(Segment(parts[0], parts[1], data[at : at + size]))
        at += size
    raise SourceError("%s: the export is cut short or damaged at byte %d" % (path, at))


def write_export(path, found, count, chain):
    """Write segments as one file that ends with the number of frames and the chain's last value."""
    with open(path, "xb") as file:
        file.write(MAGIC)
        for each in found:
            file.write(_ENTRY.pack(name_of(each.stream, each.generation).encode(), len(each.data)) + each.data)
        file.write(_END.pack(END_NAME, count, chain))


class Book:
    """All records of one device that matter for a moment. entries: in the order in which they were made.
    numbers: which numbers the source accounts for (host_tools.audit_numbers)."""

    def __init__(self, device, entries, gaps, numbers=None):
        self.device = device
        self.numbers = audit_numbers.OfEntries(entries) if numbers is None else numbers
        offsets = {}
        for entry in entries:
            if entry.wall_ms is not None:
                offsets[(entry.boot, entry.epoch)] = entry.wall_ms - entry.mono_ms
        self.entries = []
        for entry in sorted(entries, key=lambda each: (each.boot, each.epoch, each.seq)):
            offset = offsets.get((entry.boot, entry.epoch))
            at_ms = entry.wall_ms if entry.wall_ms is not None or offset is None else entry.mono_ms + offset
            self.entries.append(entry._replace(at_ms=at_ms))
        self.gaps = gaps

    def newest_ms(self):
        """Time of the newest record, or None when no record has one."""
        return max((entry.at_ms for entry in self.entries if entry.at_ms is not None), default=None)


def read(path, device=None, near_ms=None):
    """The Book of a source. device: needed when a database holds several. near_ms: telemetry further than an hour
    from it is left out (None: nothing is)."""
    if kind_of(path) == "database":
        return _database(path, device, near_ms)
    found, _ = segments(path)
    rows, gaps, ranges, spots, names, seen = [], [], [], [], set(), set()
    chosen = wanted(found, near_ms)
    for each in chosen:
        names.add(owner(each))
        for entry in inside(each, spots=spots):
            if entry.seq == 0:
                gaps.append(gap_of(entry))
                ranges.append([entry.body.get(key, 0) for key in ("gap_boot", "gap_from", "gap_to")])
            elif (entry.epoch, entry.seq) not in seen:
                seen.add((entry.epoch, entry.seq))
                rows.append(entry)
    names.discard(None)
    again = None if len(chosen) == len(found) else lambda: read(path).numbers
    numbers = audit_numbers.OfEntries(rows, ranges, spots, again)
    return Book(" ".join(sorted(names)), _near(rows, near_ms), gaps, numbers)


def owner(segment):
    """Name of the device that wrote a Segment, or None when its header is not whole."""
    fields = first(io.BytesIO(segment.data), segment.generation)
    return fields[2] if fields else None


def inside(segment, damage=None, spots=None):
    """Yield every whole record of a Segment as an Entry without at_ms; number 0: it declares a gap (gap_of).

    damage: list that takes the offset of every place that is not readable, with whole records behind it. spots: list
    that takes an audit_numbers.Spot of every such place, and of an end that no power cut leaves so.
    SourceError when a record has no form that this version knows.
    """
    device = owner(segment) or ""
    name, before, place = name_of(segment.stream, segment.generation), None, None
    for kind, number, _, payload, offset in walk(io.BytesIO(segment.data), segment.generation, len(segment.data)):
        if kind == 0 and number is not None and damage is not None:
            damage.append(offset)
        if kind == 0 and (number is not None or not is_torn(segment.data, offset)):
            place = place or "%s, byte %d" % (name, offset)
        if kind in (KEPT, PLAIN):
            try:
                entry = _entry(device, cbor.decode(payload))
            except (KeyError, TypeError, ValueError, AttributeError):
                raise SourceError("%s: record %d has a form that this version does not know" % (name, number)) from None
            yield entry
            if entry.seq == 0:
                continue
            if place is not None and spots is not None:
                spots.append(_spot(place, before, entry))
            before, place = entry, None
    if place is not None and spots is not None and before is not None:
        spots.append(audit_numbers.Spot(place, before.epoch, before.seq, None))


def _spot(place, before, after):
    """The Spot between two records of a file; before: None when it is at the file's beginning."""
    same = before is not None and before.epoch == after.epoch
    return audit_numbers.Spot(place, after.epoch, before.seq if same else 0, after.seq)


def is_torn(data, offset):
    """True when the bytes from `offset` on can be the beginning of a frame whose rest was never written."""
    rest = data[offset:]
    if not rest.strip(b"\0") or len(rest) < HEAD_BYTES:
        return True
    chain = CHAIN_BYTES if rest[0] == KEPT else 0
    return rest[0] in (HEAD, KEPT, PLAIN) and HEAD_BYTES + chain + (rest[1] << 8 | rest[2]) > len(rest)


def _near(rows, near_ms):
    """The rows without telemetry further than an hour from near_ms, as a database gives them."""
    plain = [row.wall_ms for row in rows if row.cls in "TM" and row.wall_ms is not None]
    if near_ms is None or not plain:
        return rows
    near_ms = min(near_ms, max(row.wall_ms for row in rows if row.wall_ms is not None))
    ends = (max((t for t in plain if t <= near_ms), default=None), min((t for t in plain if t > near_ms), default=None))
    return [
        row
        for row in rows
        if row.cls not in "TM" or row.wall_ms is None or row.wall_ms in ends or abs(row.wall_ms - near_ms) <= HOUR_MS
    ]


def wanted(found, near_ms):
    """The segments that may hold what matters: all kept ones, and those with minutes or telemetry near near_ms."""
    rows = [each for each in found if each.stream == "k"]
    for stream in STREAMS[1:]:
        rows += _near_segments([each for each in found if each.stream == stream], near_ms)
    return rows


def _near_segments(plain, near_ms):
    starts = [(first(io.BytesIO(each.data), each.generation) or {}).get(5) for each in plain]
    keep = []
    later = False  # the first that begins after the moment is always wanted
    for index, each in enumerate(plain):
        start_ms, end_ms = starts[index], starts[index + 1] if index + 1 < len(plain) else None
        if near_ms is not None and start_ms is not None and start_ms > near_ms + HOUR_MS and later:
            continue
        later = later or (start_ms is not None and near_ms is not None and start_ms > near_ms)
        if near_ms is not None and end_ms is not None and end_ms < near_ms - HOUR_MS:
            continue
        keep.append(each)
    return keep


def _entry(device, envelope):
    body = {NAMES[key]: value for key, value in envelope[9].items() if key in NAMES}
    e = envelope
    return Entry(device, e[1], e[2], e[3], e[4], e.get(5), chr(e[7]), e[8], body, None)


def gap_of(entry):
    """The Gap that a record of a journal declares."""
    b = entry.body
    count = b.get("gap_count", 1)
    return Gap(b["gap_reason"], chr(b["gap_class"]), b.get("gap_boot"), b.get("gap_since"), b.get("gap_until"), count)


def _database(path, device, near_ms):
    try:
        connection = ledger.open_read_only(path)
        with connection:
            names = [row[0] for row in connection.execute("SELECT DISTINCT device FROM records ORDER BY device")]
            device = _chosen(path, names, device)
            rows = connection.execute(QUERY, _bounds(connection, device, near_ms)).fetchall()
        connection.close()
    except sqlite3.Error as error:
        raise SourceError("%s: %s" % (path, error)) from None
    entries, gaps = [], []
    for epoch, seq, boot, mono_ms, wall_ms, cls, pack, body, gap_from in rows:
        body = {NAMES[key]: value for key, value in cbor.decode(body).items() if key in NAMES}
        if gap_from is None:
            entries.append(Entry(device, epoch, seq, boot, mono_ms, wall_ms, cls, pack, body, None))
        else:
            gaps.append((epoch, gap_from, seq, body, boot))
    numbers = audit_numbers.OfDatabase(path, device)
    return Book(device, entries, [_between(entries, gap) for gap in gaps], numbers)


def _bounds(connection, device, near_ms):
    """Arguments of QUERY: telemetry within an hour, and the last before and the first after the moment."""
    if near_ms is None:
        return (device, -NEWEST, NEWEST, None, None)
    newest_ms = connection.execute("SELECT max(wall_ms) FROM records WHERE device = ?", (device,)).fetchone()[0]
    near_ms = min(near_ms, newest_ms or 0)
    sides = ["SELECT max(wall_ms) FROM records WHERE %s <= ?", "SELECT min(wall_ms) FROM records WHERE %s > ?"]
    plain = "device = ? AND cls IN ('T', 'M') AND wall_ms"
    ends = [connection.execute(side % plain, (device, near_ms)).fetchone()[0] for side in sides]
    return (device, near_ms - HOUR_MS, near_ms + HOUR_MS, ends[0], ends[1])


def _between(entries, gap):
    """The Gap of numbers that never reached the receiver: from the record before them to the one after."""
    epoch, old, new, body, boot = gap
    before = [e.wall_ms for e in entries if e.epoch == epoch and e.seq < old and e.wall_ms is not None]
    after = [e.wall_ms for e in entries if e.epoch == epoch and e.seq > new and e.wall_ms is not None]
    ends = (max(before, default=None), min(after, default=None))
    return Gap(body["gap_reason"], chr(body["gap_class"]), boot, ends[0], ends[1], new - old + 1)


def _chosen(path, names, device):
    if device is None and len(names) == 1:
        return names[0]
    if device in names:
        return device
    raise SourceError("%s: holds %s\n  → choose one with --device" % (path, ", ".join(names) or "no record"))
