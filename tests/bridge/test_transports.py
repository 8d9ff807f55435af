# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Both transports against a real pymodbus server and against peers that misbehave; the board's one also
inside the MicroPython VM."""

import asyncio
import json
import os
import pathlib
import socket
import subprocess

import pytest

from bms_bridge.bms import Bms
from bms_bridge.modbus import tcp_frame, tcp_parse
from bms_bridge.pcs import Pcs
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports import board_modbus, gateway_modbus
from edge.core.records import Command, MeterSample, PcsSample, Sample
from edge.core.tx_gate import CONTROL, READ, TxGate, approved_sum
from tests.bridge.rig import Clock, Peer, Script, drive, until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DRIVER = pathlib.Path(__file__).with_name("board_driver.py")
TRANSPORTS = {"board": board_modbus.run_link, "gateway": gateway_modbus.run_link}
CELLS = tuple(3270 + k for k in range(16))
PACK = Sample(
    0, 52340, -7200, 3285, 3270, 25000, 23800, CELLS, (25000, 23800, 24000, 24500), 479000, 999000, 180000, 150000,
    None, 0, (),
)  # fmt: skip
BIG = Sample(
    0, 350200, 12500, 3695, 3600, 31500, 24000, tuple(3600 + k for k in range(96)), (25000,) * 8, 615000, 872000,
    80000, 90000, 400000, 0, (),
)  # fmt: skip
INVERTER = PcsSample(0, 52400, -60100, -3150, 2, 0, 0, 6000, ())
METER = MeterSample(0, 234567, 123456, 1250, ())

pytestmark = pytest.mark.parametrize("run_link", TRANSPORTS.values(), ids=TRANSPORTS)


def link_to(port):
    return {"kind": "tcp", "host": "127.0.0.1", "port": port, "baud": 0, "parity": "N", "path": ""}


def pack_at(unit):
    return Bms(load("seplos_v3"), unit, {"id": "pack-%d" % unit, "cells": 16, "temps": 4})


def gate_for(devices, mode=READ):
    return TxGate("tcp", mode, line_rules(devices))


def rounds(device):
    """Complete rounds of all groups that the profile provides."""
    record = device.read(0)
    if record is None:
        return 0
    return min(row.count for row, period in zip(record.groups, device.table.PERIODS_MS) if period is not None)


def test_reads_every_device_of_a_line(run_link):
    units = {
        3: (load("seplos_v3"), PACK, 0),
        4: (load("sunspec_802_805"), BIG, 0),
        5: (load("sunspec_meter"), METER, 0),
        6: (load("sunspec_pcs"), INVERTER, 10000),
    }
    with Peer(units) as peer:
        pack = pack_at(3)
        big = Bms(load("sunspec_802_805"), 4, {"id": "big"})
        meter = Bms(load("sunspec_meter"), 5, {"id": "meter"})
        pcs = Pcs(load("sunspec_pcs"), 6, {"id": "pcs", "power_w": 10000, "watchdog_ms": 6000}, Clock())
        devices = [pack, big, meter, pcs]
        gate = gate_for(devices)
        pcs.gate = gate
        drive(run_link, link_to(peer.port), devices, gate, lambda: min(map(rounds, devices)) >= 2)
        assert tuple(pack.read(0))[1:15] == tuple(PACK)[1:15]
        assert tuple(big.read(0))[1:15] == tuple(BIG)[1:15]
        assert tuple(meter.read(0))[1:4] == tuple(METER)[1:4]
        assert tuple(pcs.read(0))[1:8] == tuple(INVERTER)[1:8]
        assert peer.writes == [] and gate.refused == 0
        assert approved_sum(1, peer.received) == gate.approved_sum


def test_limits_reach_the_device_and_only_as_permitted(run_link):
    with Peer({1: (load("sunspec_pcs"), INVERTER, 10000)}) as peer:
        clock = Clock()
        pcs = Pcs(load("sunspec_pcs"), 1, {"id": "pcs", "power_w": 10000, "watchdog_ms": 6000}, clock)
        gate = gate_for([pcs], CONTROL)
        pcs.gate = gate
        wanted = [2940, 3920, 0, 6]
        decision = [0]

        def obeyed():
            decision[0] += 1
            pcs.apply(Command(-1, 80000, 60000, None, 50000, None, None, clock.now_ms() + 1000, decision[0]))
            return (1, 40134, wanted) in peer.writes and (1, 40127, [3]) in peer.writes

        drive(run_link, link_to(peer.port), [pcs], gate, obeyed)
        assert peer.writes[0] == (1, 40134, [0, 0, 0, 6])
        assert all(registers[:2] in ([0, 0], wanted[:2]) for _, address, registers in peer.writes if address == 40134)
        drive(run_link, link_to(peer.port), [pcs], gate, lambda: peer.writes[-1] == (1, 40134, [0, 0, 0, 6]))
        assert approved_sum(1, peer.received) == gate.approved_sum


def test_observing_writes_nothing(run_link):
    with Peer({1: (load("sunspec_pcs"), INVERTER, 10000)}) as peer:
        clock = Clock()
        pcs = Pcs(load("sunspec_pcs"), 1, {"id": "pcs", "power_w": 10000, "watchdog_ms": 3000}, clock)
        pcs.gate = gate_for([pcs], READ)
        pcs.apply(Command(-1, 80000, 60000, None, 50000, None, None, clock.now_ms() + 60000, 1))
        drive(run_link, link_to(peer.port), [pcs], pcs.gate, lambda: rounds(pcs) >= 2)
        assert peer.writes == []


def answer(frame, data):
    """The good answer with data to a read frame."""
    transaction, unit, pdu, _ = tcp_parse(frame)
    return tcp_frame(transaction, unit, bytes((pdu[0], len(data))) + data)


def blocks_of_pack():
    from bms_bridge.encode import encode_all

    table = load("seplos_v3")
    return {row[1]: data for row, data in zip(table.BLOCKS, encode_all(table, PACK))}


def address_of(frame):
    return frame[8] << 8 | frame[9]


def test_dead_unit_does_not_starve_the_others(run_link):
    """Unit 9 never answers: unit 3 keeps its period within one time-out (1.8 s of 1 s) and 9 is asked rarely."""
    good = blocks_of_pack()
    asked = {3: 0, 9: 0}

    def act(connection, number, frame):
        asked[frame[6]] += 1
        return answer(frame, good[address_of(frame)]) if frame[6] == 3 else b""

    with Script(act) as peer:
        alive, dead = pack_at(3), pack_at(9)
        drive(run_link, link_to(peer.port), [dead, alive], gate_for([alive, dead]), lambda: rounds(alive) >= 6)
        assert dead.read(0) is None and asked[9] <= 5 < asked[3]


def test_late_answer_is_not_taken_for_another(run_link):
    """Each first answer comes one request late: with the old transaction number and other bytes."""
    good = blocks_of_pack()
    stale = []

    def act(connection, number, frame):
        if number == 1:
            stale.append(answer(frame, bytes(len(good[address_of(frame)]))))
            return b""
        late = stale.pop() if stale else b""
        return late + answer(frame, good[address_of(frame)])

    with Script(act) as peer:
        pack = pack_at(3)
        drive(run_link, link_to(peer.port), [pack], gate_for([pack]), lambda: rounds(pack) >= 2)
        assert tuple(pack.read(0))[1:15] == tuple(PACK)[1:15]


def test_answer_with_a_wrong_transaction_number_is_never_data(run_link):
    good = blocks_of_pack()

    def act(connection, number, frame):
        reply = answer(frame, good[address_of(frame)])
        return bytes(((reply[0] + 1) & 0xFF,)) + reply[1:]

    with Script(act) as peer:
        pack = pack_at(3)
        drive(run_link, link_to(peer.port), [pack], gate_for([pack]), lambda: peer.requests >= 3)
        assert pack.read(0) is None


def test_answer_in_single_bytes_is_put_together(run_link):
    good = blocks_of_pack()

    class Slow(Script):
        def _serve(self, peer, number):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            send = peer.sendall
            whole = type("Whole", (), {"recv": peer.recv, "sendall": lambda _, data: [send(bytes((b,))) for b in data]})
            super()._serve(whole(), number)

    with Slow(lambda connection, number, frame: answer(frame, good[address_of(frame)])) as peer:
        pack = pack_at(3)
        drive(run_link, link_to(peer.port), [pack], gate_for([pack]), lambda: rounds(pack) >= 1)
        assert tuple(pack.read(0))[1:15] == tuple(PACK)[1:15]


@pytest.mark.parametrize("mischief", ["close", "garbage", "short", "exception"])
def test_comes_back_after_mischief(run_link, mischief):
    good = blocks_of_pack()

    def act(connection, number, frame):
        if number > 3:
            return answer(frame, good[address_of(frame)])
        if mischief == "close":
            return None
        if mischief == "garbage":
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"
        if mischief == "short":
            return answer(frame, good[address_of(frame)][:-2])
        return tcp_frame(frame[0] << 8 | frame[1], frame[6], bytes((frame[7] | 0x80, 6)))

    with Script(act) as peer:
        pack = pack_at(3)
        drive(run_link, link_to(peer.port), [pack], gate_for([pack]), lambda: rounds(pack) >= 1)
        assert tuple(pack.read(0))[1:15] == tuple(PACK)[1:15]


def test_waits_for_a_server_that_is_not_there_yet(run_link):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pack = pack_at(3)

    async def main():
        task = asyncio.create_task(run_link(link_to(port), [pack], Clock(), gate_for([pack])))
        await asyncio.sleep(0.3)  # some refused connections
        assert not task.done() and pack.read(0) is None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_server_that_dies_and_returns(run_link):
    good = blocks_of_pack()

    def act(connection, number, frame):
        return None if number in (5, 6) else answer(frame, good[address_of(frame)])

    with Script(act) as peer:
        pack = pack_at(3)
        drive(run_link, link_to(peer.port), [pack], gate_for([pack]), lambda: rounds(pack) >= 3)
        assert peer.connections >= 2


def test_frames_that_the_gate_refuses_never_leave(run_link):
    seen = []

    def act(connection, number, frame):
        seen.append(frame)
        return b""

    with Script(act) as peer:
        pack = pack_at(3)
        gate = TxGate("tcp", READ, ((), ()))
        drive(run_link, link_to(peer.port), [pack], gate, lambda: gate.refused >= 2)
        assert seen == [] and gate.approved == 0 and pack.read(0) is None


def test_same_line_in_the_micropython_vm(run_link, micropython):
    if run_link is not board_modbus.run_link:
        return  # the gateway's transport is for CPython only
    units = {3: (load("seplos_v3"), PACK, 0), 1: (load("sunspec_pcs"), INVERTER, 10000)}
    with Peer(units) as peer:
        done = subprocess.run(
            [micropython, "-X", "heapsize=384k", str(DRIVER), str(peer.port), "3"],
            capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
            env={**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        assert result["cell_mv"] == list(CELLS) and result["current_ma"] == -7200 and result["fault"] == 0
        assert result["watchdog_ms"] == 6000 and result["refused"] == 0
        assert (1, 40134, [2940, 3920, 0, 6]) in peer.writes
        assert approved_sum(1, peer.received) == result["approved_sum"]


def test_nothing_but_cancellation_comes_out(run_link):
    """A host name that does not resolve, an empty line: the task goes on."""

    async def main():
        pack = pack_at(3)
        for link, devices in (
            ({"kind": "tcp", "host": "no-such-host.invalid", "port": 502}, [pack]),
            (link_to(1), []),
        ):
            task = asyncio.create_task(run_link(link, devices, Clock(), gate_for(devices)))
            await asyncio.sleep(0.2)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await until(lambda: True)

    asyncio.run(main())
