# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge explain` on evidence with holes: it says what is missing, and never answers from what is older."""

import io
import shutil
import sqlite3

import pytest

from edge.core import faults as f
from edge.shell import cbor
from edge.shell.frames import KEPT, PLAIN, walk
from host_tools import audit_numbers, audit_read
from tests.host_tools.audit_site import eventful
from tests.host_tools.test_explain import ask, iso, may


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return eventful(tmp_path_factory.mktemp("missing"))


def frames(folder):
    """[(file, offset, number of the record), ...] of all whole frames of a journal."""
    found = []
    for path in sorted(folder.glob("[kmt]????????")):
        data = path.read_bytes()
        for kind, _, _, body, offset in walk(io.BytesIO(data), int(path.name[1:], 16), len(data)):
            if kind in (KEPT, PLAIN):
                envelope = cbor.decode(body)
                found.append((path, offset, (envelope[1], envelope[2])))
    return found


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset + 30] ^= 1
    path.write_bytes(bytes(data))


def copied(site, path):
    """A copy of the receiver's database, with what its log holds."""
    with sqlite3.connect(site.sources()[2]) as source, sqlite3.connect(path) as copy:
        source.backup(copy)
    return path


def changes(site):
    """Records of a change of limits, of both starts, with nothing newer a second later and something before."""
    rows = [e for e in audit_read.read(site.sources()[2]).entries if e.pack == 0 and "sources" in e.body]
    return [
        entry
        for entry, after in zip(rows, rows[1:], strict=False)
        if entry.body.get("event") == f.E_LIMITS and after.at_ms > entry.at_ms + 1000 and entry is not rows[0]
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_a_flipped_byte_of_a_journal_never_gives_an_older_answer(site, tmp_path, which):
    numbers = {(e.epoch, e.seq): e.at_ms for e in changes(site)}
    places = [row for row in frames(site.folder / ("gateway", "board")[which]) if row[2] in numbers]
    assert len(places) > 3
    for count, (path, offset, number) in enumerate(places):
        copy = tmp_path / str(count)
        shutil.copytree(path.parent, copy)
        flip(copy / path.name, offset)
        for at_ms in (numbers[number], numbers[number] + 2000, numbers[number] + 70000):
            lines, code = ask(copy, iso(at_ms))
            truth = ask(site.sources()[2], iso(at_ms))
            assert code == 1 or may(lines) == may(truth[0]), (path.name, offset, at_ms)
        lines, code = ask(copy, iso(numbers[number] + 1000))
        named = "damaged on the disk: %s, byte %d): number %d of start" % (path.name, offset, number[1])
        assert code == 1 and named in lines[1], lines


def test_rows_that_were_deleted_from_a_database_are_missed(site, tmp_path):
    for count, entry in enumerate(changes(site)):
        path = copied(site, tmp_path / ("%d.db" % count))
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM records WHERE epoch = ? AND seq = ?", (entry.epoch, entry.seq))
        lines, code = ask(path, iso(entry.at_ms + 1000))
        assert code == 1, entry
        named = "number %d of start %d" % (entry.seq, entry.boot)
        assert "missing (removed, or never stored): " + named in lines[1], lines
        assert "what was kept still says" in lines[2]
        assert "필요한 기록이 없음" in ask(path, iso(entry.at_ms + 1000), "ko")[0][1]


def test_the_end_of_a_database_that_was_cut_off_is_missed(site, tmp_path):
    path = copied(site, tmp_path / "records.db")
    last = audit_read.read(path).entries[-1]
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM records WHERE epoch = ? AND seq > ?", (last.epoch, last.seq - 4))
    lines, code = ask(path, iso(last.at_ms))
    assert code == 1 and "number %d-%d of start 2" % (last.seq - 3, last.seq) in lines[1], lines


def test_damage_at_the_end_of_a_journal_is_told(site, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(site.sources()[0], copy)
    for path in copy.glob("[mt]*"):
        path.unlink()
    path, offset, number = frames(copy)[-1]
    flip(path, offset)
    newest_ms = audit_read.read(copy).newest_ms()
    lines, code = ask(copy, iso(newest_ms + 3000))
    assert code == 1 and "%s, byte %d" % (path.name, offset) in lines[1], lines


def test_records_that_are_all_there_or_declared_are_not_missed(site, tmp_path):
    entries = audit_read.read(site.sources()[2]).entries
    for source in site.sources():
        for at_ms in range(entries[0].at_ms, entries[-1].at_ms, 23000):
            assert "missing" not in ask(source, iso(at_ms))[0][1]
    small = eventful(tmp_path, gateway_kb=24, board_kb=24)
    for source in small.sources():
        for at_ms in range(entries[0].at_ms, entries[-1].at_ms, 47000):
            assert "are missing" not in ask(source, iso(at_ms))[0][1]


def test_numbers_that_nobody_accounts_for():
    def entry(seq):
        return audit_read.Entry("d", 7, seq, 1, seq, seq, "E", 0, {}, seq)

    numbers = audit_numbers.OfEntries([entry(seq) for seq in (1, 2, 5, 9)], [(1, 3, 3)])
    assert audit_numbers.missing(numbers, 7, 1, 9) == [(4, 4), (6, 8)]
    assert audit_numbers.missing(numbers, 7, 3, 7) == [(4, 4), (6, 7)]
    assert audit_numbers.missing(numbers, 7, 9, 9) == [] and audit_numbers.missing(numbers, 8, 1, 2) == [(1, 2)]
