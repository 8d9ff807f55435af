# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge blackbox`: lists, exports, marks what is whole, and finds every flipped byte."""

from edge.shell.boxes import Boxes, box_name
from edge.shell.gateway import sync
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from host_tools import blackbox, cli
from tests.both import core_help as h


def tripped(folder, seconds=75):
    """Folder of boxes of a bench that locks after 80 s and goes on."""
    journal = Journal(Folder(str(folder / "journal"), sync), "dev", 1, 1, 1 << 20)
    journal.boxes = Boxes(Folder(str(folder / "boxes"), sync))
    bench = h.Bench(h.site_settings(black_box="cells"))
    for number in range(80 + seconds):
        if number == 80:
            bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=1800)
        bench.step()
        for record in bench.outcome.records:
            journal.append(record, number + 1)
        journal.after_step(bench.now_ms)
    journal.close()
    return folder / "boxes"


def test_list_and_export(tmp_path, capsys):
    folder = tripped(tmp_path)
    out = tmp_path / "out"
    assert cli.main(["blackbox", str(folder), "--export", str(out)]) == 0
    said = capsys.readouterr().out
    assert "deep_discharge" in said and "whole" in said
    lines = (out / "x00000001.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 120 and lines[0].startswith("ms,current_ma") and lines[0].endswith("temp_4_mc")
    assert len(lines[1].split(",")) == 10 + 16 + 4
    assert (folder / box_name(1, True)).exists()
    assert cli.main(["blackbox", str(folder)]) == 0
    assert "exported" in capsys.readouterr().out


def test_a_box_that_the_power_cut_off_is_said_to_be(tmp_path, capsys):
    folder = tripped(tmp_path, seconds=5)
    assert cli.main(["blackbox", str(folder)]) == 0
    assert "cut off" in capsys.readouterr().out


def test_a_flipped_byte_is_found_and_nothing_is_marked(tmp_path, capsys):
    folder = tripped(tmp_path)
    path = folder / "x00000001"
    data = path.read_bytes()
    for at in range(0, len(data) // 2, 97):
        box = blackbox.read_box(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], 1)
        assert not box.whole, at
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    assert cli.main(["blackbox", str(folder), "--export", str(tmp_path / "out")]) == 1
    assert "DAMAGED" in capsys.readouterr().out and not (folder / box_name(1, True)).exists()


def test_wrong_use(tmp_path, capsys):
    assert cli.main(["blackbox", str(tmp_path / "none")]) == 2
    assert cli.main(["blackbox", str(tmp_path)]) == 0
    assert "no black box" in capsys.readouterr().out
