# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""reuse-edge sniff: candump logs in, signals out. The logs come from simulated BMSs of every CAN profile."""

import io
import json
import pathlib
import threading
import time

import can
import pytest

from bms_bridge.compile import load_profile
from bms_bridge.tables import load
from edge.core.records import Sample
from host_tools import candump, cli, sniff
from host_tools.can_live import parse_source
from host_tools.candump import Frame, Log, LogError, line_of, parse_line
from host_tools.identify import FITS, as_heard, rank
from host_tools.listen import Listener
from host_tools.skeleton import checksum_of, counter_of, questions, survey
from host_tools.sniff_text import signals_text
from simulator.can_wire import CanWire, dialogue
from simulator.wire_serve import world_for

ACME = str(pathlib.Path(__file__).with_name("acme_can.yaml"))
START_US = 1795014000 * 1000000
TABLES = {"acme_can": load_profile(ACME), **{table.NAME: table for table in sniff.can_tables()}}


def traffic(table, seconds=1.2, mishaps=(), asked=True):
    """(Frames of a simulated BMS and its tester, the samples that it said)."""
    world, _ = world_for(table)
    wire = CanWire(table, lambda: world.samples[0])
    for name, parameters in mishaps:
        wire.start(name, **parameters)
    said = []

    def each(now_ms):
        world.advance(now_ms)
        said.append(world.samples[0])

    end_ms = world.now_ms + int(1000 * seconds)
    rows = dialogue(wire, world.now_ms, end_ms, 10, each)
    testers = {row[0] & 0x1FFFFFFF for row in table.ASKS} | {row[1] & 0x1FFFFFFF for row in table.ASKS}
    return [
        Frame(START_US + now_ms * 1000, "can0", can_id, extended, data, len(data) > 8, 0)
        for now_ms, can_id, extended, data in rows
        if asked or can_id not in testers
    ], said


@pytest.fixture(scope="module")
def recorded():
    """{profile: (frames, samples said)}; each is made once."""
    return {name: traffic(table) for name, table in TABLES.items()}


@pytest.fixture
def log(recorded, tmp_path):
    path = tmp_path / "내 log.log"
    path.write_text("\n".join(map(line_of, recorded["acme_can"][0])) + "\n", encoding="utf-8")
    return str(path)


# ---- lines -----------------------------------------------------------------------------------

LINES = [
    # text, (µs, identifier, is 29 bits, data, CAN FD)
    ("(1436509052.249713) can0 123#DEADBEEF", (1436509052249713, 0x123, False, "deadbeef", False)),
    ("(0.5) vcan-1 12345678#", (500000, 0x12345678, True, "", False)),
    ("(1.000001) can0 7EC##1" + "ab" * 12 + " R", (1000001, 0x7EC, False, "ab" * 12, True)),
    (
        "(001.000001)  can0  1DB   [8]  00 04 C2 62 00 00 00 BC   '...b....'",
        (1000001, 0x1DB, False, "0004c262000000bc", False),
    ),
    (" can0  18F128F4   [2]  01 02", (7, 0x18F128F4, True, "0102", False)),
    (" (2.0) can1  RX - -  321  [01]  FF", (2000000, 0x321, False, "ff", True)),
    (" can0 123 [0]", (7, 0x123, False, "", False)),
]
NO_FRAMES = [
    "",
    "# comment",
    "(1.0) can0 123#R",
    "(1.0) can0 123#R4",
    " can0 123 [4] remote request",
    "(1.0) can0 20000004#0000",
]
BAD = [
    ("hello", "not a frame"),
    ("(1.0) can0 12#00", "not a frame"),
    ("(1.0) can0 123#ABC", "no whole bytes"),
    ("(1.0) can0 123#" + "00" * 9, "classic"),
    ("(1.0) can0 123##0" + "00" * 13, "no CAN frame"),
    ("(1.0) can0 8FF#00", "no CAN identifier"),
    (" can0 123 [4] 01 02", "announces 4"),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_a_line_is_a_frame(text, expected):
    frame = parse_line(text, before_us=7)
    assert (frame.ts_us, frame.can_id, frame.extended, frame.data.hex(), frame.fd) == expected
    assert parse_line(line_of(frame))._replace(line=frame.line) == frame


@pytest.mark.parametrize("text", NO_FRAMES)
def test_a_line_without_data_is_passed_over(text):
    assert parse_line(text) is None


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_a_bad_line_names_its_place_and_the_mend(text, reason):
    with pytest.raises(LogError, match=reason) as caught:
        parse_line(text, "my.log", 14)
    assert str(caught.value).startswith("my.log:14: ") and "→" in str(caught.value)


def test_a_log_goes_on_after_a_bad_line_and_ends_at_it_when_strict():
    lines = ["(1.0) can0 123#00", "", "oops", "(2.0) can0 123#01"]
    log = Log(lines, "x.log")
    assert [frame.data[0] for frame in log] == [0, 1]
    assert [error.line for error in log.bad] == [3] and log.passed == 1 and log.has_times
    with pytest.raises(LogError):
        list(Log(lines, "x.log", strict=True))


# ---- decoding --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_what_was_said_is_what_is_heard(name, recorded):
    """Each scalar is one of the values said, within one step of the wire; cells are all there."""
    frames, said = recorded[name]
    listener = Listener(TABLES[name])
    assert sum(map(listener.take, frames)) > 0
    for row in listener.signals():
        if row["quality"] == "missing":
            continue
        place = Sample._fields.index(row["name"])
        truths = [sample[place] for sample in said]
        if row["name"] == "alarms":
            continue
        near = {"mv": 600, "ma": 2000, "mc": 1000, "ppm": 10000}[row["name"].rsplit("_", 1)[1]]
        values = row["value"] if isinstance(row["value"], list) else [row["value"]]
        for number, value in enumerate(values):
            told = [truth[number] if isinstance(truth, tuple) and number < len(truth) else truth for truth in truths]
            assert value is None or isinstance(told[0], tuple) or min(abs(value - one) for one in told) <= near
    assert "pack_mv" in signals_text(listener, frames)


def test_everything_of_a_complete_recording_is_ok(recorded):
    listener = Listener(TABLES["acme_can"])
    for frame in recorded["acme_can"][0]:
        listener.take(frame)
    rows = {row["name"]: row for row in listener.signals()}
    assert {row["quality"] for row in rows.values()} == {"ok"}
    assert len(rows["cell_mv"]["value"]) == 12 and rows["cell_mv"]["age_ms"] > 100 > rows["pack_mv"]["age_ms"]
    assert all(heard.short == heard.unsummed == 0 for heard in listener.heard)


def test_quality_of_each_signal_by_itself(recorded):
    """One identifier falls silent, one checksum is wrong, one value is the mark for unknown."""
    table = TABLES["acme_can"]
    frames = recorded["acme_can"][0]
    last_us = frames[-1].ts_us
    listener = Listener(table)
    for frame in frames:
        if frame.can_id != 0x1A3 and frame.data[:1] != b"\x02":
            listener.take(frame)
    limits = Frame(last_us - 1100000, "can0", 0x1A3, False, bytes(5), False, 0)
    listener.take(limits)
    for data in (b"\xff\xff\0\0\0\0\0\x01", bytes(7)):
        listener.take(Frame(last_us, "can0", 0x1A1, False, data, False, 0))
    listener.take(Frame(last_us, "can0", 0x1A2, False, b"\x01\xff\xff\x14", False, 0))
    rows = {row["name"]: row["quality"] for row in listener.signals()}
    assert rows["bms_charge_ma"] == rows["alarms"] == "stale"
    assert rows["cell_min_mv"] == "missing" and rows["cell_max_mv"] == "implausible"
    assert listener.heard[0].short == 1 and listener.heard[0].unsummed == 1


# ---- which profile ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_the_right_profile_comes_first(name, recorded):
    fits = rank(recorded[name][0], TABLES.values())
    assert fits[0].name == name and fits[0].points >= FITS
    assert all(fit.points < FITS for fit in fits[1:] if not same_frames(fit.name, name))
    assert all(fit.reasons for fit in fits)


def test_a_device_at_another_address_is_found():
    table = load("jk_can")
    world, _ = world_for(table)
    sample = world.samples[0]._replace(current_ma=-12300, alarms=0)
    wire = CanWire(table, lambda: sample, unit=3)
    frames = [
        Frame(1000 * now_ms, "can0", *frame, False, 0) for now_ms in range(0, 3000, 20) for frame in wire.due(now_ms)
    ]
    assert not [frame for frame in frames if frame.can_id == 0x7F7]  # no alarm, no message
    fits = rank(frames, [load(name) for name in ("jk_can", "pylontech_hv_can", "nissan_leaf")])
    assert fits[0].name == "jk_can" and fits[0].points >= FITS and "device 3" in fits[0].reasons
    assert all(fit.points < FITS for fit in fits[1:])
    listener = Listener(as_heard(frames, table))
    assert all(listener.take(frame) for frame in frames) and listener.state.record().current_ma == -12300


def same_frames(one, other):
    """True for profiles that read the same identifiers (a standard and its extension)."""
    keys = [{row[0] for row in TABLES[name].BLOCKS} for name in (one, other)]
    return bool(keys[0] & keys[1])


def test_random_frames_fit_nothing():
    frames = [
        Frame(
            1000 * k,
            "can0",
            key & 0x1FFFFFFF,
            key >= 1 << 31,
            bytes((k * 37 + at * 11) & 255 for at in range(8)),
            False,
            0,
        )
        for k in range(400)
        for key in [0x123 + k % 7]
    ]
    assert all(fit.points < FITS for fit in rank(frames, TABLES.values()))


def test_wrong_checksums_rule_a_profile_out(recorded):
    frames = [
        frame._replace(data=frame.data[:-1] + bytes((frame.data[-1] ^ 0x55,))) if frame.can_id == 0x1A1 else frame
        for frame in recorded["acme_can"][0]
    ]
    fit = rank(frames, [TABLES["acme_can"]])[0]
    assert fit.points < FITS and any("0 of" in reason for reason in fit.reasons)


# ---- a profile of one's own ------------------------------------------------------------------


def test_checksums_and_counters_are_found(recorded):
    seen = survey(recorded["acme_can"][0])[0x1A1, False]
    assert checksum_of(seen.samples) == ("crc8_85", 0)
    assert counter_of(seen.words) == (6, "low nibble")
    assert seen.moving()[-2:] == [6, 7] and seen.period_ms() == pytest.approx(10)
    assert checksum_of([bytes((k, 3 * k, 7, 9)) for k in range(9)]) is None


def test_questions_find_their_answers(recorded):
    pairs = questions(survey(recorded["acme_can"][0]))
    ((key, request), (answer, words, size)) = next(iter(pairs.items()))
    assert (key, answer) == ((0x7A0, False), (0x7A8, False)) and request == b"\x22\x01\x02" and size == 27
    assert len(words) == 4 and words[0][:2] == b"\x10\x1b"


@pytest.mark.parametrize("name", TABLES)
def test_a_new_profile_compiles_as_it_is(name, recorded, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("rec.log").write_text("\n".join(map(line_of, recorded[name][0])), encoding="utf-8")
    assert sniff.main(["rec.log", "--new", "mine"]) == 0
    assert capsys.readouterr().out == "mine.yaml\n"
    table = load_profile("mine.yaml")
    known = {row[0] for row in TABLES[name].BLOCKS + TABLES[name].ASKS + TABLES[name].POLLS}
    assert {row[0] for row in table.BLOCKS} <= known | {row[0] for row in TABLES[name].SENDS}
    own = {row[0] for row in TABLES[name].BLOCKS if row[1] == 0}  # events are silent here: there is no alarm
    assert len(table.BLOCKS) >= len(own) - len(TABLES[name].EVENTS)
    with pytest.raises(sniff.SniffError, match="there already"):
        sniff.main(["rec.log", "--new", "mine"])


# ---- the command -----------------------------------------------------------------------------


def test_signals_on_stdout_and_talk_on_stderr(log, capsys):
    assert sniff.main([log, "--profile", ACME]) == 0
    said = capsys.readouterr()
    assert "cell_mv" in said.out and "#9 " in said.out and "+ current charges" in said.out
    assert "note: Nobody makes it." in said.err and "note" not in said.out


def test_json_is_one_object(log, capsys):
    assert sniff.main([log, "--profile", ACME, "--json", "-q"]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert result["profile"] == "acme_can" and result["sign"] == "+ charges" and said.err == ""
    assert {row["name"] for row in result["signals"]} >= {"pack_mv", "current_ma", "cell_mv", "alarms"}
    assert result["messages"][0]["id"] == "1A1" and result["messages"][0]["period_ms"] == pytest.approx(10)


def test_without_a_wish_the_bus_is_shown(log, capsys):
    assert sniff.main([log]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[1].startswith("1A1") and "no profile fits" in said.err
    assert sniff.main([log, "--identify", "--json"]) == 1
    assert all(not row["fits"] for row in json.loads(capsys.readouterr().out))


def test_a_log_through_a_pipe(log, capsys, monkeypatch):
    with open(log, encoding="utf-8") as file:
        monkeypatch.setattr(sniff.sys, "stdin", io.StringIO(file.read()))
    assert sniff.main(["-", "--profile", ACME, "-q"]) == 0


def test_ctrl_c_ends_a_pipe_with_its_result(recorded, capsys, monkeypatch):
    def lines():
        yield from map(line_of, recorded["acme_can"][0])
        raise KeyboardInterrupt

    monkeypatch.setattr(sniff.sys, "stdin", lines())
    assert sniff.main(["-", "--profile", ACME, "-q"]) == 130
    assert "pack_mv" in capsys.readouterr().out


WRONG = [
    # arguments after the log, exit code, what stderr says
    (["--profile", "nosuch"], 2, "no such CAN profile"),
    (["--profile", "nosuch.yaml"], 3, "No such file"),
    (["--new", "No Name"], 2, "not a profile name"),
]


@pytest.mark.parametrize(("words", "code", "text"), WRONG)
def test_wrong_use(log, words, code, text, capsys):
    assert cli.main(["sniff", log, *words]) == code
    assert text in capsys.readouterr().err


def test_what_cannot_be_read(tmp_path, capsys):
    assert cli.main(["sniff", str(tmp_path / "none.log")]) == 3
    empty = tmp_path / "empty.log"
    empty.write_text("hello\n", encoding="utf-8")
    assert cli.main(["sniff", str(empty)]) == 2
    assert "empty.log:1: not a frame" in capsys.readouterr().err
    assert cli.main(["sniff", "nosuch:can0"]) == 2
    assert "socketcan" in capsys.readouterr().err


SOURCES = [
    ("socketcan:can0", ("socketcan", "can0", 500000, False)),
    ("slcan:/dev/ttyACM0@250000", ("slcan", "/dev/ttyACM0", 250000, False)),
    ("socketcan:can1@500000+fd", ("socketcan", "can1", 500000, True)),
    ("my.log", None),
    ("C:\\logs\\my.log", None),
    ("slcan:", None),
]


@pytest.mark.parametrize(("text", "expected"), SOURCES)
def test_an_interface_is_named(text, expected):
    found = parse_source(text)
    assert (found and tuple(found.values())) == expected


def test_a_live_bus_is_heard_and_saved_and_nothing_is_sent(recorded, tmp_path, capsys):
    path = tmp_path / "live.log"
    frames = recorded["acme_can"][0][:200]
    other = can.Bus(interface="virtual", channel="sniff-test")
    ended = threading.Event()

    def speak():
        while not ended.is_set():
            for frame in frames:
                other.send(can.Message(arbitration_id=frame.can_id, data=frame.data, is_extended_id=frame.extended))
            time.sleep(0.02)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        code = sniff.main(["virtual:sniff-test", "--seconds", "0.4", "--save", str(path), "--profile", ACME])
    finally:
        ended.set()
        speaker.join(10)
    heard_back = other.recv(0)
    other.shutdown()
    assert code == 0 and heard_back is None
    assert "pack_mv" in capsys.readouterr().out
    with open(path, encoding="utf-8") as file:
        assert len(list(candump.Log(file))) >= 100
    with pytest.raises(sniff.SniffError, match="there already"):
        sniff.main(["virtual:sniff-test", "--seconds", "0.1", "--save", str(path)])
