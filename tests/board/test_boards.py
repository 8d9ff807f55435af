# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Boards as data: what a site needs against what a board has. The bytes of RAM are compared with a measurement."""

import json
import pathlib

import pytest

from edge.core.settings import SETTINGS, with_defaults
from host_tools import boards, cli
from simulator.sites import settings

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SITE = ROOT / "examples" / "site.yaml"
PICO = boards.board("pico2w")


def places(board, site):
    """Places of what does not fit."""
    return [row[0] for row in boards.fits(board, site)]


def test_the_table_of_the_readme_names_every_board_and_claims_no_hardware():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for board in boards.BOARDS:
        row = [line for line in text.splitlines() if line.startswith("| `%s`" % board.name)]
        assert len(row) == 1 and ("never run on hardware" in row[0]) == (board.tested is None)


@pytest.mark.parametrize("name", boards.names())
def test_the_example_fits_every_board_and_check_says_what_is_left(name, capsys):
    assert cli.main(["check", "--board", name, "--json", str(SITE)]) == 0
    row = json.loads(capsys.readouterr().out)["board"]
    assert row["board"] == name and 0 < row["needed_bytes"] < row["heap_bytes"] and row["cells_left"] > 0


def test_a_site_that_does_not_fit_is_refused_with_place_and_mend(tmp_path, capsys):
    path = tmp_path / "site.yaml"
    path.write_text("journal_kb: 60000\n" + SITE.read_text(encoding="utf-8"), encoding="utf-8")
    assert cli.main(["check", "--board", "pico2w", str(path)]) == 2
    said = capsys.readouterr().err
    assert "journal_kb: 60000 KB do not fit" in said and "pico2w has room for 1680 KB" in said and "→ write" in said


def test_ram_grows_with_cells_packs_tls_and_journal():
    site = settings("lfp16")
    one = boards.needed_bytes(PICO, site)
    assert boards.needed_bytes(PICO, settings("nmc96")) - one == 80 * boards.CELL_BYTES
    assert boards.needed_bytes(PICO, settings("lfp16", packs=2)) - one == boards.PACK_BYTES + 16 * boards.CELL_BYTES
    assert boards.needed_bytes(PICO, dict(site, journal_kb=64)) - one == boards.JOURNAL_BYTES
    assert boards.needed_bytes(PICO, dict(site, uplink={"ca": "ca.pem"})) - one == boards.TLS_BYTES
    most = boards.most_packs(PICO, 96)
    full = dict(settings("nmc96", packs=most), journal_kb=64, uplink={"ca": "ca.pem"})
    assert most >= 1 and places(PICO, dict(full, uplink=None, journal_kb=None)) == []
    with_one_more = dict(settings("nmc96", packs=most + 1), journal_kb=64)
    with_one_more["uplink"] = {"ca": "ca.pem", "host": "h", "gather_s": 60, "ack_key": "", "format": "cbor"}
    assert places(PICO, with_one_more) == ["packs"]


def test_lines_and_pins_of_the_board():
    site = settings("lfp16")
    rtu = {"kind": "rtu", "uart": 7, "baud": 9600, "parity": "N"}
    assert places(PICO, dict(site, links=[rtu, *site["links"][1:]])) == ["links[0]"]
    can = {"kind": "can", "interface": "machine", "controller": 1, "bitrate": 500000}
    assert places(PICO, dict(site, links=[can, *site["links"][1:]])) == ["links[0]"]
    pack = dict(site["packs"][0], contactor={"main_pin": 4, "precharge_pin": 23, "break_ma": 1000})
    on_uart = dict(site, packs=[pack], links=[dict(rtu, uart=1), *site["links"][1:]])
    assert sorted(places(PICO, on_uart)) == ["packs[0].contactor.main_pin", "packs[0].contactor.precharge_pin"]
    assert places(PICO, dict(site, packs=[dict(pack, contactor={"main_pin": 6, "precharge_pin": 6})])) == [
        "packs[0].contactor.precharge_pin"
    ]
    made = boards.adapted(PICO, on_uart)
    assert made["links"][0]["tx"] == 4 and made["links"][0]["rx"] == 5 and "tx" not in made["links"][1]
    assert made["late_ms"] == 500 and made["lease_ms"] == 3000
    assert places(PICO, dict(site, late_ms=1000)) == ["late_ms"]


def test_every_board_keeps_its_own_bounds():
    high = {row[1]: row[4] for row in SETTINGS if row[0] == ""}
    for board in boards.BOARDS:
        assert 500 <= board.late_ms <= 1000 and board.watchdog_max_ms >= 8000
        assert boards.LEASE_MS <= high["lease_ms"] and boards.journal_kb_most(board) >= boards.FIRST_KB
        assert board.tested is None or board.tested == "virtual"  # nobody has run it on hardware and told us
    assert boards.by_machine("Raspberry Pi Pico 2 W with RP2350") is PICO
    assert boards.by_machine("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3").name == "esp32s3"
    assert boards.by_machine("linux [GCC 14.2.1] version").name == "virtual"
    assert boards.by_machine("PYBv1.1 with STM32F405RG") is None


def test_offline_days_are_the_journal_over_what_a_day_makes():
    uplink = {"host": "h", "port": 1883}
    site = with_defaults(dict(settings("lfp16"), uplink=uplink, journal_kb=1024))
    days = boards.offline_days(site)
    assert days == pytest.approx(1024 * 1024 / boards.day_bytes(site))
    assert 0.5 < days < 3
    assert boards.offline_days(dict(site, journal_kb=None)) is None


@pytest.mark.long
def test_the_bytes_are_those_that_are_measured(micropython, tmp_path):
    from benchmarks.memory import measure

    for kind, cells in (("lfp16", 16), ("nmc96", 96)):
        folder = tmp_path / kind
        folder.mkdir()
        running = measure(kind, folder)["running"] // 2
        declared = boards.BASE_BYTES + boards.PACK_BYTES + cells * boards.CELL_BYTES
        assert 0.6 * declared < running < declared, (kind, running, declared)
