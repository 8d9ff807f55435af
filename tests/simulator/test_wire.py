# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every mishap of the wire against the real transports: what is accepted is what was said, or nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from bms_bridge import poll, turns
from bms_bridge.modbus import rtu_frame, tcp_frame
from bms_bridge.tables import load
from bms_bridge.transports import board_modbus, gateway_modbus
from edge.core.records import FROZEN, OK
from edge.core.validate import Validator
from simulator.sites import settings
from simulator.wire import BY_NAME, ROWS, SampleSource, Troubles, Wire, parse_mishap, read_image
from simulator.wire_serve import ServeError, address_of, load_any, profiles, world_for
from tests.simulator.wire_rig import REPLY_MS, Clock, Counting, Line, number_of, numbered, quick

LINES = [("board", "tcp"), ("gateway", "tcp"), ("board", "rtu"), ("gateway", "rtu")]
SERIAL = LINES[2:]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(board_modbus, "REPLY_MS", REPLY_MS)
    monkeypatch.setattr(gateway_modbus, "REPLY_MS", REPLY_MS)
    monkeypatch.setattr(poll, "BACKOFF_MIN_MS", 20)
    monkeypatch.setattr(poll, "BACKOFF_MAX_MS", 200)
    monkeypatch.setattr(turns, "FRESH_MS", RATE * turns.FRESH_MS)


def on(lines):
    return pytest.mark.parametrize(("runtime", "kind"), lines, ids=["-".join(row) for row in lines])


class Watch:
    """Checks every record: its values are of one number per block (apart: or so near), which never goes back."""

    def __init__(self, line, apart=0):
        self.line = line
        self.apart = apart
        self.last = [-1, -1]

    def __call__(self, record):
        for place, number in enumerate(number_of(record, self.apart)):
            if number is None:
                continue
            assert self.last[place] <= number <= self.line.source.number
            self.last[place] = number


@on(LINES)
def test_lost_answers_cost_time_and_nothing_else(runtime, kind):
    async def script(line):
        line.wire.start("lost", percent=30)
        await line.until(lambda: line.rounds() >= 3, Watch(line))

    line = Line(runtime, kind)
    line.play(script)
    assert line.wire.requests > 9


@on(LINES)
def test_answers_that_come_one_transaction_late(runtime, kind):
    """TCP: the transaction number tells, nothing is accepted. A serial line has no such number: what is
    accepted was said for the same block, one request before."""

    async def script(line):
        watch = Watch(line)
        await line.until(lambda: line.rounds() >= 1, watch)
        line.wire.start("late")
        before = line.wire.requests
        numbers = list(watch.last)
        await line.until(lambda: line.wire.requests >= before + 5, watch)
        if kind == "tcp":
            assert watch.last == numbers
        line.wire.stop("late")
        rounds = line.rounds()
        await line.until(lambda: line.rounds() >= rounds + 2, watch)

    Line(runtime, kind).play(script)


@on(SERIAL)
def test_flipped_bits_are_never_values(runtime, kind):
    async def script(line):
        line.wire.start("crc_bad", percent=30)
        await line.until(lambda: line.rounds() >= 3, Watch(line))

    line = Line(runtime, kind)
    line.play(script)
    assert line.wire.requests > 9


@on(LINES)
def test_a_refused_block_leaves_the_others_fresh(runtime, kind):
    """Exception 2 for the register of cell 4: limits, current and alarms go on, the cells are not known."""

    async def script(line):
        line.wire.start("hole", address=0x1103)
        await line.until(lambda: line.pack.read(0) and line.pack.read(0).groups[7].count >= 6)
        record = line.pack.read(0)
        assert record.groups[0].quality == OK and record.groups[0].count >= 5
        assert record.cell_mv == (None,) * 16
        line.wire.stop("hole")

    Line(runtime, kind).play(script)


@on(LINES)
def test_a_device_that_refuses_joined_reads_is_asked_block_by_block(runtime, kind):
    async def script(line):
        line.wire.start("joined")
        await line.until(lambda: line.rounds() >= 3, Watch(line, apart=8))

    Line(runtime, kind).play(script)


@on(LINES)
def test_a_gateway_that_answers_with_an_exception_gives_nothing_fresh(runtime, kind):
    async def script(line):
        await line.until(lambda: line.rounds() >= 2)
        line.wire.start("exception", code=11)
        count = line.pack.read(0).groups[1].count
        asked = line.wire.requests
        await line.until(lambda: line.wire.requests >= asked + 4)
        assert line.pack.read(0).groups[1].count <= count + 1  # one may have been on its way
        line.wire.stop("exception")
        await line.until(lambda: line.pack.read(0).groups[1].count >= count + 2)

    Line(runtime, kind).play(script)


@on(LINES)
def test_a_device_that_answers_16_registers_at_most(runtime, kind):
    async def script(line):
        line.wire.start("max16")
        await line.until(lambda: line.rounds() >= 3, Watch(line, apart=8))

    line = Line(runtime, kind)
    line.play(script)
    assert line.wire.requests <= 40


@on(LINES)
def test_a_dead_unit_on_a_shared_line(runtime, kind):
    async def script(line):
        line.wire.start("dead_unit", unit=2)
        await line.until(lambda: line.rounds() >= 12, Watch(line))
        assert line.packs[1].read(0) is None
        line.wire.stop("dead_unit")

    line = Line(runtime, kind, units=(1, 2))
    line.play(script)
    assert 1 <= line.wire.asked[2] <= line.wire.asked[1] // 3


@on(SERIAL)
def test_an_echo_is_not_an_answer(runtime, kind):
    async def script(line):
        line.wire.start("echo")
        await line.until(lambda: line.rounds() >= 3, Watch(line))
        line.wire.start("dead_unit", unit=1)
        rounds = [row.count for row in line.pack.read(0).groups]
        before = line.wire.requests
        await line.until(lambda: line.wire.requests >= before + 2)
        assert [row.count for row in line.pack.read(0).groups] == rounds

    Line(runtime, kind).play(script)


RATE = 50


class Still(SampleSource):
    """A pack under current or at rest whose cells and current move a little with every answer."""

    def __init__(self, current_ma):
        super().__init__({1: (load("seplos_v3"), numbered(0), 0)})
        self.flowing_ma = current_ma
        self.count = 0

    def image(self, unit):
        """The next sample."""
        self.count += 1
        move = self.count % 20
        cells = tuple(3270 + move + k for k in range(16))
        sample = numbered(0)._replace(
            pack_mv=sum(cells) // 10 * 10, current_ma=self.flowing_ma + 10 * move, cell_mv=cells, cell_max_mv=cells[-1],
            cell_min_mv=cells[0], alarms=0, bms_charge_ma=90000, bms_discharge_ma=90000,
        )  # fmt: skip
        self.units[unit] = (self.units[unit][0], sample, 0)
        return super().image(unit)

    def current_ma(self, unit):
        """What flows."""
        return self.flowing_ma


def judged(line, other_ma):
    """(quality of the current, current believed) from now on, as the core sees this line."""
    pack = settings()["packs"][0]
    validator = Validator(pack, 1000)

    def look():
        believed = validator.step(line.clock.now_ms(), line.pack.read(0), other_ma())
        return believed.quality[1], believed.current_ma

    return look


@on([LINES[1], LINES[2]])
def test_a_page_that_freezes_under_load_is_found(runtime, kind):
    """The link lives and counts up; the content does not. Time runs 50 times faster: 30 s are 0.6 s."""

    async def script(line):
        look = judged(line, lambda: line.source.flowing_ma)
        await line.until(lambda: line.rounds() >= 3)
        assert look()[0] == OK
        line.wire.start("page_frozen")
        count = line.rounds()
        await line.until(lambda: look()[0] == FROZEN)
        assert line.rounds() >= count + 10 and look()[1] is None

    Line(runtime, kind, Still(-30000), quick("seplos_v3", 1000), Clock(RATE)).play(script)


@on([LINES[0], LINES[3]])
def test_a_page_that_froze_at_rest_is_found_when_current_flows(runtime, kind):
    """At rest it cannot be seen; then the PCS draws 30 A, of which the BMS does not know."""

    async def script(line):
        pcs_ma = [0]
        look = judged(line, lambda: pcs_ma[0])
        line.wire.start("frozen_at_rest")
        await line.until(lambda: line.rounds() >= 5)
        look()
        line.source.flowing_ma = pcs_ma[0] = -30000
        await line.until(lambda: look()[0] != OK)
        assert look()[1] is None

    Line(runtime, kind, Still(0), quick("seplos_v3", 1000), Clock(RATE)).play(script)


# ---- the wire itself -------------------------------------------------------------------------


def test_every_mishap_of_a_modbus_line_is_met_by_a_transport():
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    for row in ROWS:
        if "tcp" in row.kinds or "rtu" in row.kinds:
            assert 'wire.start("%s"' % row.name in text


ROWS_OF = ((4, 100, 3, bytes.fromhex("000100020003")), (4, 105, 1, b"\x00\x09"))
READS = [
    # address, count, hole -> data or None
    (100, 3, None, "000100020003"),
    (101, 1, None, "0002"),
    (102, 4, None, "0003000000000009"),
    (102, 4, -1, None),
    (100, 3, -1, "000100020003"),
    (100, 3, 102, None),
    (103, 2, None, None),
    (99, 2, None, "00000001"),
]


@pytest.mark.parametrize(("address", "count", "hole", "expected"), READS)
def test_a_read_of_the_image(address, count, hole, expected):
    data = read_image(ROWS_OF, address, count, False, hole)
    assert (data and data.hex()) == expected


def test_coils_are_packed_lowest_bit_first():
    rows = ((1, 0x1200, 16, b"\x01\x80"),)
    assert read_image(rows, 0x1200, 16, True) == b"\x01\x80"
    assert read_image(rows, 0x120F, 2, True) == b"\x01"


ASKED = [
    # request PDU -> answer PDU
    ("0410000001", "0402%04x" % 4001),
    ("0499990001", "8402"),
    ("0410000000", "8403"),
    ("041000007e", "8403"),
    ("0500010000", "8501"),
    ("10100000010200ff", "9002"),
]


@pytest.mark.parametrize(("asked", "answered"), ASKED)
@pytest.mark.parametrize("kind", ["tcp", "rtu"])
def test_dialogue(kind, asked, answered):
    wire = Wire(kind, Counting())
    pdu = bytes.fromhex(asked)
    frame = tcp_frame(5, 1, pdu) if kind == "tcp" else rtu_frame(1, pdu)
    assert wire.split(frame[:-1])[0] is None
    assert wire.split(frame + b"\x01") == (frame, b"\x01")
    reply = bytes.fromhex(answered)
    assert wire.exchange(frame) == [tcp_frame(5, 1, reply) if kind == "tcp" else rtu_frame(1, reply)]
    assert wire.exchange(frame[:6] + b"\x09" + frame[7:] if kind == "tcp" else rtu_frame(9, pdu)) == []


def test_a_serial_wire_finds_requests_in_noise():
    wire = Wire("rtu", Counting())
    frame = rtu_frame(1, bytes.fromhex("0410000001"))
    assert wire.split(b"\x00\xff" + frame) == (frame, b"")


def test_mishaps_are_named_and_typed():
    assert parse_mishap("lost:percent=20") == ("lost", {"percent": 20})
    assert parse_mishap("echo") == ("echo", {})
    with pytest.raises(KeyError):
        Troubles("tcp").start("crc_bad")
    with pytest.raises(TypeError):
        Troubles("tcp").start("lost", share=3)
    assert BY_NAME["max16"].defaults == (("registers", 16),)


# ---- the command -----------------------------------------------------------------------------


def test_every_modbus_profile_can_be_served():
    for name in profiles():
        table = load_any(name)
        if getattr(table, "BUS", "modbus") != "modbus":
            continue
        world, device = world_for(table)
        world.advance(200)
        assert all(len(world.block(device, index)) == size for index, size in enumerate(table.SIZES))


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1:", "99999"])
def test_an_address_that_is_none(text):
    with pytest.raises(ServeError, match="→"):
        address_of(text)
    assert address_of("15020") == ("127.0.0.1", 15020)


def test_the_command_serves_a_profile_on_a_pseudo_terminal(tmp_path):
    path = tmp_path / "선 line"
    words = ["sim", "serve", "--profile", "seplos_v3", "--modbus-rtu", str(path), "--unit", "3"]
    served = subprocess.Popen(
        [sys.executable, "-m", "host_tools.cli", *words, "--mishap", "echo"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        said = json.loads(served.stdout.readline())
        assert said == {"profile": "seplos_v3", "unit": 3, "modbus_rtu": str(path)}
        handle = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            request = rtu_frame(3, bytes.fromhex("0410000001"))
            os.write(handle, request)
            got = b""
            while len(got) < 15:
                got += os.read(handle, 64)
        finally:
            os.close(handle)
        assert got[:8] == request and got[8:11] == b"\x03\x04\x02"
        served.send_signal(signal.SIGINT)
        assert served.wait(20) == 130
        assert not os.path.lexists(path)
    finally:
        served.kill()
        served.communicate()


def test_time_passes_on_a_served_line():
    from simulator.wire_serve import pass_time

    async def main():
        world, _ = world_for(load("seplos_v3"))
        task = asyncio.ensure_future(pass_time(world))
        while world.now_ms < 200:
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 20))
