# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge audit`: whatever is done to a chain, the first bad frame is named."""

import shutil
import struct

import pytest

from edge.core import faults as f
from edge.core.boxrows import unpacked
from edge.shell.frames import CHAIN_BYTES, HEAD_BYTES, KEPT, frame
from edge.shell.gateway import sync
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from host_tools import audit, audit_read
from tests.both.journal_disk import record
from tests.host_tools.audit_site import eventful


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    eventful(folder)
    return folder


def small(folder, plan="EEIXBE", boots=2):
    for boot in range(1, boots + 1):
        journal = Journal(Folder(str(folder / "j"), sync), "dev", boot, boot, 1 << 20)
        for number, cls in enumerate(plan):
            journal.append(record(cls, number, 3), number + 1)
        journal.close()
    return folder / "j"


def frames_of(data):
    """[(start, end), ...] of all frames."""
    found, at = [], 0
    while at < len(data):
        kind, size = struct.unpack_from(">BH", data, at)
        end = at + HEAD_BYTES + (CHAIN_BYTES if kind == KEPT else 0) + size
        found.append((at, end))
        at = end
    return found


def verdict(path, head=None):
    found, end = audit_read.segments(path)
    return audit.check(found, end, head)


def test_a_whole_chain_over_two_starts(site, capsys):
    for name in ("gateway", "board"):
        assert audit.main(["verify", str(site / name)]) == 0
        assert "whole: frames 0 to " in capsys.readouterr().out
    assert audit.main(["verify", str(site / "gateway"), "--against", str(site / "records.db")]) == 0


def test_every_flipped_byte_of_a_frame_is_found(tmp_path):
    folder = small(tmp_path)
    name = folder / "k00000001"
    data = name.read_bytes()
    spans = frames_of(data)
    for start, end in (spans[0], spans[2], spans[-1]):
        for at in range(start, end):
            for bits in (0x01, 0x80):
                name.write_bytes(data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :])
                assert "k0000000" in verdict(folder).bad, at
    name.write_bytes(data)
    assert verdict(folder).bad is None


def test_the_last_frame_of_the_newest_segment_is_judged_against_a_noted_head(tmp_path):
    folder = small(tmp_path)
    head = verdict(folder).chain
    name = folder / "k00000002"
    data = name.read_bytes()
    start, end = frames_of(data)[-1]
    for at in range(start, end):
        name.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert verdict(folder, head).bad, at


def test_deleted_swapped_added_and_moved_frames_are_found(tmp_path):
    folder = small(tmp_path)
    name = folder / "k00000001"
    data = name.read_bytes()
    parts = [data[start:end] for start, end in frames_of(data)]
    for spoiled in (
        parts[:2] + parts[3:],
        [parts[0], parts[2], parts[1], *parts[3:]],
        [*parts[:3], parts[2], *parts[3:]],
        parts[:-1],
        parts[1:],
        [*parts[:2], frame(1, KEPT, 1, b"\xa1\x09\xa0", b"x" * 16), *parts[3:]],
    ):
        name.write_bytes(b"".join(spoiled))
        assert verdict(folder).bad
    name.write_bytes(data)
    other = folder / "k00000002"
    whole = other.read_bytes()
    other.write_bytes(data)
    name.write_bytes(whole)
    assert verdict(folder).bad
    name.unlink()
    other.write_bytes(whole)
    assert "begins at frame 6" in verdict(folder).bad


def test_a_torn_end_is_a_note_and_a_cut_one_shows_against_a_head(tmp_path, capsys):
    folder = small(tmp_path)
    head = verdict(folder).chain
    name = folder / "k00000002"
    data = name.read_bytes()
    name.write_bytes(data[:-5])
    assert audit.main(["verify", str(folder)]) == 0
    assert "torn frame" in capsys.readouterr().out
    assert audit.main(["verify", str(folder), "--head", head.hex()]) == 1
    name.write_bytes(data[: frames_of(data)[-1][0]])
    assert verdict(folder).bad is None and verdict(folder, head).bad


def test_an_export_tells_every_change_of_itself(tmp_path, capsys):
    folder = small(tmp_path)
    out = tmp_path / "chain.audit"
    assert audit.main(["export", str(folder), str(out)]) == 0
    assert audit.main(["verify", str(out)]) == 0
    data = out.read_bytes()
    for at in range(len(data)):
        out.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        assert is_refused(out), at
    for cut in range(0, len(data), 3):
        out.write_bytes(data[:cut])
        assert is_refused(out), cut
    with pytest.raises(audit_read.SourceError):
        audit.main(["export", str(folder), str(out)])
    capsys.readouterr()


def is_refused(path):
    try:
        return verdict(path).bad is not None
    except audit_read.SourceError:
        return True


def test_what_the_budget_dropped_is_declared_and_allowed(tmp_path, capsys):
    journal = Journal(Folder(str(tmp_path / "j"), sync), "dev", 1, 1, 8 * 2048)
    for number in range(400):
        journal.append(record("E" if number % 4 else "T", number), number + 1)
        journal.flush()
    journal.close()
    assert audit.main(["verify", str(tmp_path / "j")]) == 0
    assert "dropped by the budget, declared" in capsys.readouterr().out


def test_a_rewritten_journal_shows_against_the_receiver(site, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(site / "gateway", copy)
    names = sorted(copy.glob("k*"))
    data = names[-1].read_bytes()
    names[-1].write_bytes(data[: frames_of(data)[-1][0]])
    assert verdict(copy).bad is None
    assert "is not in the journal" in audit.compare(copy, site / "records.db")


def test_the_samples_before_a_trip_are_in_the_journal(site):
    for name in ("gateway", "board", "records.db"):
        book = audit_read.read(site / name)
        frames = [e.body for e in book.entries if e.body.get("event") == f.E_FRAME]
        assert f.F_TEMP_OVER in {body["fault"] for body in frames}
        trip = next(body for body in frames if body["fault"] == f.F_TEMP_OVER)
        box = [e.body for e in book.entries if e.cls == "X" and e.body["box"] == trip["box"] and e.boot == 1]
        rows = [row for part in box for row in unpacked(part["frame"])]
        rows = [row for row in rows if row[0] <= trip["frame_at"]]
        assert rows[-1][0] - rows[0][0] >= 60000 and rows[-1][0] == trip["frame_at"]
        assert rows[-1][5] > rows[0][5] > 0  # it became hotter
        assert trip["charge_limit"] == trip["discharge_limit"] == 0


def test_wrong_use(tmp_path):
    for path in (tmp_path, tmp_path / "none", __file__):
        with pytest.raises(audit_read.SourceError):
            audit_read.segments(path)


def test_a_chain_without_a_frame_is_empty_and_not_whole(tmp_path, capsys):
    (tmp_path / "k00000001").write_bytes(b"")
    assert audit.main(["verify", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "EMPTY: %s" % tmp_path in said and "→" in said and "whole: frames" not in said
    assert audit.main(["export", str(tmp_path), str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()
