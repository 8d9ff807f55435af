# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""site.yaml: the example becomes the settings the core accepts; everything wrong is one clear line."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from bms_bridge.tables import load
from edge.core import settings as core
from edge.core.soc import Soc
from host_tools import cautions, check, site
from host_tools.places import SiteError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "site.yaml"
# The example names no cell; check warns of that alone (test_check_warns_of_a_cell_that_stands_in).
TEXT = EXAMPLE.read_text(encoding="utf-8").replace("    chemistry: lfp\n", "    chemistry: lfp\n    cell: lfp\n")


def write(folder, text):
    """Path of a site.yaml in folder."""
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def changed(old, new, text=TEXT):
    """The example with one text replaced; it must be there."""
    assert old in text, old
    return text.replace(old, new, 1)


def line_of(part, text):
    """Number of the first line that holds part."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_example_becomes_settings():
    settings = site.load_site(str(EXAMPLE))
    core.check(settings)
    pack = settings["packs"][0]
    assert settings["mode"] == "observe"
    assert settings["period_ms"] == 1000
    assert settings["device"] == "gumi-014"
    assert pack["maker"]["charge_ma"] == 140000
    assert pack["maker"]["cell_max_mv"] == 3650
    assert pack["maker"]["temp_min_mc"] == -20000
    assert pack["grade"]["capacity_mah"] == 238000
    assert pack["grade"]["date"] == "2026-03-02"
    assert [link["host"] for link in settings["links"]] == ["192.0.2.10", "192.0.2.11", "192.0.2.12"]
    assert (pack["link"], settings["pcs"]["link"], settings["meter"]["link"]) == (0, 1, 2)
    assert settings["pcs"]["watchdog_ms"] == 5000
    assert settings["uplink"]["keepalive_s"] == 20
    assert len(pack["facts"]["periods_ms"]) == 8


def test_settings_are_plain_data_for_json():
    settings = site.load_site(str(EXAMPLE))
    assert json.loads(json.dumps(settings)) == settings


def test_same_connection_is_one_line(tmp_path):
    text = changed("tcp:192.0.2.12:502", "tcp:192.0.2.11:502")
    settings = site.load_site(write(tmp_path, text))
    assert len(settings["links"]) == 2
    assert settings["meter"]["link"] == settings["pcs"]["link"] == 1


def test_twenty_packs_on_lines_of_their_own(tmp_path):
    head, rest = TEXT.split("packs:\n")
    pack, tail = rest.split("\npcs:")
    packs = [pack.replace("pack-1", "pack-%d" % k).replace("192.0.2.10", "192.0.2.%d" % (100 + k)) for k in range(20)]
    settings = site.load_site(write(tmp_path, head + "packs:\n" + "\n".join(packs) + "\npcs:" + tail))
    assert [row["link"] for row in settings["packs"]] == list(range(20))
    assert (settings["pcs"]["link"], settings["meter"]["link"], len(settings["links"])) == (20, 21, 22)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("tcp:bms.local:502", {"kind": "tcp", "host": "bms.local", "port": 502}),
        ("tcp:[::1]:502", {"kind": "tcp", "host": "::1", "port": 502}),
        ("rtu:/dev/serial/by-id/usb-1:19200", {"path": "/dev/serial/by-id/usb-1", "baud": 19200, "parity": "N"}),
        (
            "rtu:/dev/serial/by-path/pci-0:14.0-usb:9600:E",
            {"path": "/dev/serial/by-path/pci-0:14.0-usb", "parity": "E"},
        ),
        ("rtu:COM3:9600", {"path": "COM3", "baud": 9600}),
        ("rtu:uart2:115200", {"uart": 2, "baud": 115200}),
    ],
)
def test_connection(text, want, tmp_path):
    link = site.load_site(write(tmp_path, changed("tcp:192.0.2.10:502", text)))["links"][0]
    assert {key: link[key] for key in want} == want


# (text to replace, replacement, text that marks the line of the error, parts of the message)
WRONG = (
    (
        "charge_a: 80",
        "charge_a: 220",
        "charge_a: 220",
        "packs[0].contract.charge_a: 220 is above the test centre's 90 A",
    ),
    ("charge_a: 80", "charge_a: 220", "charge_a: 220", "  The smallest source always wins; a looser value is refused"),
    ("charge_a: 80", "charge_a: 95", "charge_a: 95", "95 is above the test centre's 90 A"),
    (
        "charge_a: 90",
        "charge_a: 150",
        "charge_a: 150",
        "packs[0].grade.charge_a: 150 is above the manufacturer's 140 A",
    ),
    ("charge_a: 140", "charge_a: 14000", "charge_a: 14000", "14000 is outside 0 A to 2000 A"),
    ("charge_a: 140", "charge_a: -5", "charge_a: -5", "-5 is outside 0 A"),
    ("charge_a: 140", "charge_a: .inf", "charge_a: .inf", "is not"),
    ("charge_a: 140", "charge_a: .nan", "charge_a: .nan", "is not"),
    ("charge_a: 140", 'charge_a: "140"', 'charge_a: "140"', "'140' is not a number"),
    ("charge_a: 140", "charge_a: much", "charge_a: much", "'much' is not a number"),
    ("charge_a: 140", "charge_a: 140.00001", "140.00001", "is finer than 0.001 A"),
    ("charge_a: 140", "charge_a: 2:20", "charge_a: 2:20", "'2:20' is not a number"),
    ("charge_a: 140", "charge_a:", "charge_a:", "is empty"),
    ("charge_a: 140", "charge_ma: 140000", "charge_ma", "did you mean charge_a?"),
    ("charge_a: 140", "chrage_a: 140", "chrage_a", "packs[0].maker.chrage_a: unknown key"),
    ("mode: observe", "mode: obsevre", "obsevre", "use one of: observe, control"),
    ("mode: observe", "", "site: gumi", "mode is missing"),
    ("cells: 16", "cells: 17", "cells: 17", "17 is above the 16 of profile seplos_v3"),
    ("cells: 16", "cells: 16.5", "cells: 16.5", "16.5"),
    ("bms: seplos_v3", "bms: seplos_v33", "seplos_v33", "did you mean seplos_v3?"),
    ("bms: seplos_v3", "profile: seplos_v3", "profile: seplos_v3", "did you mean bms?"),
    ("bms: seplos_v3", "bms: sunspec_pcs", "bms: sunspec_pcs", "is a profile of a pcs"),
    ("bms: seplos_v3", "bms: ./private/acme.yaml", "acme.yaml", "there is no file ./private/acme.yaml"),
    ("tcp:192.0.2.10:502", "tcp:192.0.2.10", "tcp:192.0.2.10 ", "is not a connection"),
    ("tcp:192.0.2.10:502", "tcp:192.0.2.10:99999", "99999", "is not a connection"),
    ("watchdog_s: 5", "watchdog_s: 0", "watchdog_s: 0", "0 is outside 2 s to 60 s"),
    ("date: 2026-03-02", "date: 2026-13-02", "date: 2026-13-02", "is not a date"),
    ("    grade:  ", "    grading:", "grading:", "packs[0].grading: unknown key"),
    ("unit: 0", "unit: 0\n    unit: 1", "unit: 1", "is given twice"),
    ("cells: 16", "cells: [16]", "cells: [16]", "needs one value"),
    ("cells: 16", "cells 16", "temps: 4", "not valid YAML"),
    ("cells: 16", "\tcells: 16", "\tcells: 16", "indent with spaces, not tabs"),
    ("site: gumi-014", "site: gumi: 014", "site: gumi: 014", "needs quotes"),
    ("cell_min_v: 2.5", "cell_min_v: 3.6", "packs:", "is not below cell_max"),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[1][:30].strip())
def test_wrong_site_is_one_clear_message(case, tmp_path):
    old, new, mark, part = case
    text = changed(old, new)
    with pytest.raises(SiteError) as caught:
        check.examine(write(tmp_path, text))
    message = str(caught.value)
    first = message.splitlines()[0]
    assert part in message
    assert first.startswith("site.yaml:"), message
    assert message.splitlines()[-1].startswith("  → "), message
    if mark:
        assert caught.value.line in (line_of(mark, text), line_of(mark, text) - 1), message
    assert len(message.splitlines()) <= 3


def test_message_is_written_as_documented(tmp_path):
    text = changed("charge_a: 80", "charge_a: 220")
    with pytest.raises(SiteError) as caught:
        site.load_site(write(tmp_path, text))
    wide = line_of("charge_a: 90", text)
    assert str(caught.value).splitlines() == [
        "site.yaml:%d: packs[0].contract.charge_a: 220 is above the test centre's 90 A (line %d)"
        % (line_of("charge_a: 220", text), wide),
        "  The smallest source always wins; a looser value is refused, not clamped.",
        "  → set it to 90 or less, or remove it.",
    ]


def test_two_packs_at_one_address_are_refused(tmp_path):
    start = TEXT.index("  - id: pack-1")
    pack = TEXT[start : TEXT.index("\npcs:")]
    twin = changed("id: pack-1", "id: pack-2", pack)
    with pytest.raises(SiteError, match="has the connection and unit of pack-1"):
        site.load_site(write(tmp_path, TEXT.replace(pack, pack + "\n" + twin)))
    with pytest.raises(SiteError, match="there are two packs 'pack-1'"):
        site.load_site(write(tmp_path, TEXT.replace(pack, pack + "\n" + changed("unit: 0", "unit: 1", pack))))


def can_site(*packs):
    """The example with packs on CAN instead: (id, profile, connection, unit) each."""
    start, end = TEXT.index("  - id: pack-1"), TEXT.index("\npcs:")
    pack = TEXT[start:end]
    made = []
    for name, profile, connection, unit in packs:
        text = changed("id: pack-1", "id: " + name, pack)
        text = changed("bms: seplos_v3 ", "bms: %s " % profile, text)
        text = changed("connection: tcp:192.0.2.10:502 ", "connection: %s " % connection, text)
        text = changed("unit: 0", "unit: %d" % unit, text)
        text = changed("cells: 16", "cells: 6", text) if profile == "jk_can" else text
        made.append(changed("temps: 4", "temps: 4", text))
    return TEXT[:start] + "\n".join(made) + TEXT[end:]


BUS = "can:socketcan:can0:%d"
MIXED = (
    ((("a", "nissan_leaf", 500, 0), ("b", "nissan_leaf", 500, 1)), "packs[1].connection", "a and b both send identifier 1DB", "its own bus"),
    ((("a", "jk_can", 250, 3), ("b", "nissan_leaf", 250, 3)), "packs[1]", "connection and unit of a", "unit id"),
    ((("a", "jk_can", 250, 0), ("b", "jk_can", 250, 12)), "packs[1].unit", "jk_can knows no device 12", "0 to 11"),
)  # fmt: skip


@pytest.mark.parametrize("mode", ["observe", "control"])
@pytest.mark.parametrize("case", MIXED, ids=["twins", "same_unit", "no_such_device"])
def test_packs_that_a_can_bus_cannot_tell_apart_are_refused(tmp_path, case, mode):
    packs, place, problem, mend = case
    text = can_site(*[(name, profile, BUS % (1000 * speed), unit) for name, profile, speed, unit in packs])
    path = write(tmp_path, text.replace("mode: observe", "mode: " + mode).replace("temps: 4", "temps: 3"))
    for read in (site.load_site, check.examine):
        with pytest.raises(SiteError) as caught:
            read(path)
        lines = str(caught.value).splitlines()
        assert lines[0].startswith("site.yaml:") and place in lines[0] and problem in lines[0], lines
        assert mend in lines[-1], lines


def test_packs_with_addresses_share_a_bus_and_a_wrong_speed_is_told(tmp_path):
    rows = [("a", "jk_can", BUS % 250000, 0), ("b", "jk_can", BUS % 250000, 1), ("c", "nissan_leaf", BUS % 250000, 9)]
    path = write(tmp_path, can_site(*rows).replace("temps: 4", "temps: 3"))
    settings = site.load_site(path)
    assert [pack["link"] for pack in settings["packs"]] == [0, 0, 0] and len(settings["links"]) == 3
    found = [row for row in check.examine(path)["warnings"] if "speaks at" in row["problem"]]
    assert [row["place"] for row in found] == ["packs[2].connection"] and found[0]["mend"] == "write :500000 at its end"


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_missing_file_is_one_line(name, tmp_path):
    with pytest.raises(SiteError) as caught:
        site.load_site(str(tmp_path / name))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("data", "part"), [(b"", "is empty"), (b"site: \xff\n", "is not UTF-8"), (b"- a\n", "needs `key")]
)
def test_unreadable_content(data, part, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_bytes(data)
    with pytest.raises(SiteError, match=part):
        site.load_site(str(path))


def test_profile_outside_the_checkout(tmp_path):
    private = tmp_path / "개인 profiles"
    private.mkdir()
    shutil.copy(ROOT / "bms_bridge" / "profiles" / "seplos_v3.yaml", private / "acme.yaml")
    path = write(tmp_path, changed("bms: seplos_v3", "bms: ./개인 profiles/acme.yaml"))
    settings = site.load_site(path)
    assert settings["packs"][0]["facts"] == site.load_site(str(EXAMPLE))["packs"][0]["facts"]
    assert set(site.tables_of(settings, path)) == {"./개인 profiles/acme.yaml", "sunspec_pcs", "sunspec_meter"}


def test_every_key_of_the_core_can_be_written():
    written = [(row[0], site.written_key(row[0], row[1])) for row in core.SETTINGS]
    assert len(set(written)) == len(written)
    assert not [key for _, key in written if key.rpartition("_")[2] in ("ma", "mv", "mc", "mah", "ms")]


def test_check_names_the_source_that_binds():
    answer = check.examine(str(EXAMPLE))
    rows = {row["name"]: row for row in answer["packs"][0]["limits"]}
    assert (rows["charge_ma"]["value"], rows["charge_ma"]["source"]) == (80000, "contract")
    assert rows["charge_ma"]["sources"] == {"maker": 140000, "grade": 90000, "contract": 80000}
    assert (rows["cell_max_mv"]["value"], rows["cell_max_mv"]["source"]) == (3650, "maker")


def test_check_without_contract_falls_back_to_the_grade(tmp_path):
    text = TEXT[: TEXT.index("    contract:")] + TEXT[TEXT.index("\npcs:") :]
    answer = check.examine(write(tmp_path, text))
    rows = {row["name"]: row for row in answer["packs"][0]["limits"]}
    assert (rows["discharge_ma"]["value"], rows["discharge_ma"]["source"]) == (100000, "grade")


def test_check_warns_of_a_name_that_changes(tmp_path):
    text = changed("tcp:192.0.2.10:502", "rtu:/dev/ttyUSB0:19200")
    (warning,) = check.examine(write(tmp_path, text))["warnings"]
    assert warning["place"] == "packs[0].connection"
    assert warning["line"] == line_of("ttyUSB0", text)
    assert "/dev/serial/by-id" in warning["mend"]


@pytest.mark.parametrize(("chemistry", "percent"), [("lfp", 9), ("nmc", 5)])
def test_check_warns_of_a_cell_that_stands_in(chemistry, percent, tmp_path):
    text = changed("    chemistry: lfp\n    cell: lfp\n", "    chemistry: %s\n" % chemistry)
    (warning,) = check.examine(write(tmp_path, text))["warnings"]
    assert warning["place"] == "packs[0].chemistry" and warning["line"] == line_of("chemistry:", text)
    assert "SoC is known to ±%d %% only" % percent in warning["problem"]
    assert "cell: FILE of reuse-edge fit" in warning["mend"]
    pack = site.load_site(write(tmp_path, text))["packs"][0]
    soc = Soc(pack)
    soc._steep = 50.0  # after the steepest place that there is
    soc.joint.p[0] = 0.0
    assert round(soc.std() * 100) == percent


CONTROL = changed("mode: observe", "mode: control")


def altered(monkeypatch, **values):
    """tables_of and facts as if the Seplos profile said something else."""
    real = check.read_site

    def read(path):
        settings, entries = real(path)
        settings["packs"][0]["facts"].update(values)
        return settings, entries

    monkeypatch.setattr(check, "read_site", read)


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"protection": "requests_only"}, "does not open by itself (requests_only)"),
        ({"periods_ms": [1000, 1000, 1000, 1000, 1000, 1000, None, 1000]}, "does not tell its limits"),
        ({"periods_ms": [1000, 5000, 1000, 1000, 1000, 1000, 1000, 1000]}, "tells its current only every 5 s"),
    ],
)
def test_control_is_refused_and_observe_warned(facts, part, tmp_path, monkeypatch):
    altered(monkeypatch, **facts)
    (warning,) = check.examine(write(tmp_path, TEXT))["warnings"]
    assert part in warning["problem"]
    with pytest.raises(SiteError, match="mode control is refused"):
        check.examine(write(tmp_path, CONTROL))


@pytest.mark.parametrize(
    ("profile", "watchdog_s", "problem"),
    [
        ("kostal_g3", 10, "takes a watchdog of 30"),
        ("kostal_g3", 30, "needs a dead-man contactor"),
        ("sunspec_pcs", 20, "needs a dead-man contactor"),
    ],
)
def test_control_needs_a_watchdog_that_the_pcs_takes(tmp_path, profile, watchdog_s, problem):
    text = changed("profile: sunspec_pcs", "profile: " + profile)
    text = changed("watchdog_s: 5", "watchdog_s: %d" % watchdog_s, text)
    with pytest.raises(SiteError, match=problem):
        check.examine(write(tmp_path, changed("mode: observe", "mode: control", text)))
    found = check.examine(write(tmp_path, text))["warnings"]
    assert [row for row in found if problem in row["problem"]]


def test_a_pcs_that_goes_on_without_limits_may_not_be_controlled(tmp_path, monkeypatch):
    table = load("sunspec_pcs")
    monkeypatch.setitem(table.INFO, "fallback", "no limit")
    with pytest.raises(SiteError, match="goes on without limits"):
        check.examine(write(tmp_path, CONTROL))


def test_control_needs_a_watchdog_that_can_be_read_back(tmp_path, monkeypatch):
    assert check.examine(write(tmp_path, CONTROL))["warnings"] == []
    monkeypatch.setattr(cautions, "has_watchdog", lambda table: False)
    for read in (check.examine, site.load_site):
        with pytest.raises(SiteError, match="no watchdog that can be read back"):
            read(write(tmp_path, CONTROL))


def test_a_named_opening_path_satisfies_control(tmp_path, monkeypatch):
    altered(monkeypatch, protection="none")
    text = changed("    cells: 16", "    opening_path: fuse F1 and dead-man contactor K1\n    cells: 16", CONTROL)
    assert check.examine(write(tmp_path, text))["warnings"] == []


@pytest.mark.parametrize("nothing", ["", ' ""', " none", " false", ' "-"', " N/A"])
def test_an_opening_path_that_names_nothing_does_not(tmp_path, monkeypatch, nothing):
    altered(monkeypatch, protection="requests_only")
    text = changed("    cells: 16", "    opening_path:%s\n    cells: 16" % nothing, CONTROL)
    with pytest.raises(SiteError, match="does not open by itself"):
        check.examine(write(tmp_path, text))


def test_a_slow_step_is_for_observing(tmp_path):
    slow = {text: changed("period_s: 1\n", "period_s: 2.5\n", text) for text in (TEXT, CONTROL)}
    slow = {text: changed("watchdog_s: 5", "watchdog_s: 9", made) for text, made in slow.items()}
    with pytest.raises(SiteError, match=r"period_s: mode control is refused: commands would live 3\.5"):
        check.examine(write(tmp_path, slow[CONTROL]))
    (warning,) = check.examine(write(tmp_path, slow[TEXT]))["warnings"]
    assert warning["place"] == "period_s"


def run(*arguments):
    """The finished run of the command line."""
    command = [sys.executable, "-m", "host_tools.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, timeout=60, check=False)


def test_check_from_the_command_line():
    done = run("check", EXAMPLE)
    assert done.returncode == 0, done.stderr
    assert "80 A ◂ contract: the smallest of manufacturer 140 A, test centre 90 A, contract 80 A" in done.stdout
    assert done.stderr == ""


def test_check_as_json():
    done = run("check", "--json", EXAMPLE)
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    assert answer["packs"][0]["limits"][0]["name"] == "charge_ma"


def test_wrong_site_exits_2_without_traceback(tmp_path):
    path = write(tmp_path, changed("charge_a: 80", "charge_a: 220"))
    done = run("check", "--json", path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["place"] == "packs[0].contract.charge_a"
    assert done.stderr.startswith("site.yaml:")
    assert "Traceback" not in done.stderr
    assert "Traceback" in run("--debug", "check", path).stderr
