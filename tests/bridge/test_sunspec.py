# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""SunSpec's own client (pysunspec2) reads what encode_block serves: an independent decoder agrees."""

import pytest

from bms_bridge.bms import Bms
from bms_bridge.pcs import Pcs
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports import board_modbus, gateway_modbus
from edge.core.records import ALARMS, MeterSample, PcsSample, Sample
from edge.core.tx_gate import READ, TxGate
from tests.bridge.rig import Clock, Peer, drive

client = pytest.importorskip("sunspec2.modbus.client")

CELLS = tuple(3600 + k for k in range(96))
TEMPS = tuple(20000 + 300 * k for k in range(8))


def scanned(port, unit):
    """The device as pysunspec2 sees it after a scan."""
    device = client.SunSpecModbusClientDeviceTCP(slave_id=unit, ipaddr="127.0.0.1", ipport=port, timeout=10)
    try:
        device.scan()
        for models in device.models.values():
            for model in models:
                if hasattr(model, "read"):
                    model.read()
    finally:
        device.close()
    return device


@pytest.mark.parametrize("current_ma", [12500, -12500, 0])
def test_battery(current_ma):
    alarms = 1 << ALARMS.index("over_temp_warning") | 1 << ALARMS.index("ground_fault")
    sample = Sample(
        0, 350200, current_ma, 3695, 3600, 22100, -5000, CELLS, TEMPS, 615000, 872000, 80000, 90000, 400000, alarms, ()
    )
    with Peer({1: (load("sunspec_802_805"), sample, 0)}) as peer:
        device = scanned(peer.port, 1)
    bank, module = device.models[802][0], device.models[805][0]
    assert bank.A.cvalue == pytest.approx(-current_ma / 1000)  # SunSpec: positive discharges
    assert bank.V.cvalue == pytest.approx(350.2)
    assert bank.SoC.cvalue == pytest.approx(61.5) and bank.SoH.cvalue == pytest.approx(87.2)
    assert bank.AChaMax.cvalue == pytest.approx(80) and bank.ADisChaMax.cvalue == pytest.approx(90)
    assert bank.VMax.cvalue == pytest.approx(400) and bank.Evt1.value == alarms
    assert module.NCell.value == 96 and len(module.groups["lithium-ion-module-cell"]) == 96
    for k, cell in enumerate(module.groups["lithium-ion-module-cell"]):
        assert cell.CellV.cvalue == pytest.approx(CELLS[k] / 1000)
        assert cell.CellTmp.cvalue == (pytest.approx(TEMPS[k // 12] / 1000) if k % 12 == 0 else None)
    assert module.CellVMax.cvalue == pytest.approx(3.695) and module.CellVMin.cvalue == pytest.approx(3.6)
    assert module.CellTmpMax.cvalue == pytest.approx(22.1) and module.CellTmpMin.cvalue == pytest.approx(-5)


@pytest.mark.parametrize("dc_w", [3150, -3150])
def test_pcs(dc_w):
    sample = PcsSample(0, 52400, 60100 if dc_w > 0 else -60100, dc_w, 2, 2500, 4050, 6000, ())
    with Peer({1: (load("sunspec_pcs"), sample, 10000)}) as peer:
        device = scanned(peer.port, 1)
    inverter, storage = device.models[103][0], device.models[124][0]
    assert inverter.DCA.cvalue == pytest.approx(60.1) and inverter.DCV.cvalue == pytest.approx(52.4)
    assert inverter.DCW.cvalue == pytest.approx(-dc_w) and inverter.St.value == 4
    assert storage.WChaMax.cvalue == 10000 and storage.StorCtl_Mod.value == 3
    assert storage.InWRte.cvalue == pytest.approx(25.0) and storage.OutWRte.cvalue == pytest.approx(40.5)
    assert storage.InOutWRte_RvrtTms.value == 6 and storage.InOutWRte_WinTms.value == 0


def test_meter():
    with Peer({1: (load("sunspec_meter"), MeterSample(0, 4000000000, 123456, -1250, ()), 0)}) as peer:
        device = scanned(peer.port, 1)
    meter = device.models[203][0]
    assert meter.TotWhImp.cvalue == 4000000000 and meter.TotWhExp.cvalue == 123456
    assert meter.W.cvalue == -1250


def test_identification():
    sample = PcsSample(0, 52400, 0, 0, 1, 0, 0, 6000, ())
    with Peer({1: (load("sunspec_pcs"), sample, 10000)}) as peer:
        device = scanned(peer.port, 1)
    assert device.common[0].Mn.value == "reuse-edge" and device.common[0].SN.value == "0002"


def image(blocks):
    """65536 registers, from {address: [registers]}."""
    words = [0] * 65536
    for address, registers in blocks.items():
        words[address : address + len(registers)] = [value & 0xFFFF for value in registers]
    return words


# Registers by hand, n for not implemented (int16), - for not implemented (uint16).
BATTERY = """802 62 - - - - - - - - - 61 - - 0 0 - 0 0 0 0 4 3 - - - 0 0 0 0 0 0 0 0 52 56 - - - - - - - - 30 80 90
    n - n 1 3 0 1 1 n 0 n n 0 -3 -1 0 n"""
BANK = """803 90 2 2 25 1 1 20 1 1 n - - - - - n - n - n - -4 0 -2 0 0 -1"""
BANK_STRING = "1 0 0 - 50 -" + " 0" * 26
STRING = """804 62 {string} 1 0 0 - 0 615 - 0 0 870 {ampere} {volt} {high} 1 {low} 1 {low} 31 1 24 1 27 n 0 0 0 {alarm}
    0 0 0 0 0 0 1 1 -1 -1 n -2 -2 -4 0 0 0 0 16 - - {high} - {low} - {low} 31 - 24 - 27 n n n"""
MODULE = "805 106 {string} 1 16 - - - 0 0 {volt} {high} 16 {low} 1 {low} 25 1 20 1 22 0" + " 0" * 16 + " n n n -2 -4 0"


def registers(text, **values):
    """The registers that text names."""
    marks = {"n": 0x8000, "-": 0xFFFF}
    return [marks[word] if word in marks else int(word) for word in text.format(**values).split()]


def bank_without_strings(base):
    """The same bank without models 804 and 805: the strings are in model 803 only. {address: registers}."""
    words = bank_of_two(base)
    bank = words[base + 2 + 68 + 64 + 6]
    for string, (soc, soh, ampere, low) in enumerate(((61, 95, 1250, 32700), (58, 0xFFFF, -777, 32500))):
        row = [
            1,
            0,
            0,
            0xFFFF,
            soc,
            soh,
            ampere,
            low + 150,
            16,
            low,
            1,
            low,
            31,
            1,
            24,
            1,
            27,
            0xFFFF,
            0,
            0,
            0,
            2 << string,
        ]
        at = 28 + 32 * string
        bank[at : at + 22] = row
    bank[25:27] = [0, 0]  # factors of SoH and SoC
    kept = {at: block for at, block in words.items() if block[0] not in (804, 805, 0xFFFF)}
    end = max(kept)
    return {**kept, end + len(kept[end]): [0xFFFF, 0]}


def bank_of_two(base):
    """A bank as another maker may build it: its own scale factors, a vendor's model in front of 803, two strings
    of one module of 16 cells. {address: registers}."""
    blocks = [[1, 66] + [0x4141] * 64 + [1, 0], registers(BATTERY), [64123, 4, 1, 2, 3, 4]]
    blocks.append(registers(BANK) + 2 * registers(BANK_STRING))
    for string, (volt, ampere, low) in enumerate(((5234, 1250, 32700), (5198, -777, 32500)), 1):
        values = {"string": string, "volt": volt, "ampere": ampere, "low": low, "high": low + 150, "alarm": 1 << string}
        cells = [word for k in range(16) for word in (low + 10 * k, 20 + k, 0, 0)]
        blocks += [registers(STRING, **values), registers(MODULE, **values) + cells]
    words = {base: [0x5375, 0x6E53]}
    at = base + 2
    for block in blocks:
        assert block[1] + 2 == len(block) or block[0] == 1, (block[:2], len(block))
        words[at] = block
        at += len(block)
    words[at] = [0xFFFF, 0]
    return words


@pytest.mark.parametrize(("transport", "base"), [(board_modbus, 0), (gateway_modbus, 40000), (gateway_modbus, 50000)])
def test_both_strings_of_a_foreign_bank_agree_with_sunspecs_client(transport, base):
    table = load("sunspec_string")
    packs = [Bms(table, 1, {"id": "p%d" % k, "cells": 16, "temps": 2, "string": k}) for k in (1, 2)]
    with Peer({}, {1: image(bank_of_two(base))}) as peer:
        link = {"kind": "tcp", "host": "127.0.0.1", "port": peer.port}
        gate = TxGate("tcp", READ, line_rules(packs))
        drive(
            transport.run_link,
            link,
            packs,
            gate,
            lambda: all(p.read(0) and p.read(0).cell_mv[0] and p.read(0).pack_mv for p in packs),
        )
        device = scanned(peer.port, 1)
    assert gate.refused == 0
    for number, pack in enumerate(packs):
        sample = pack.read(0)
        string, module = device.models[804][number], device.models[805][number]
        assert string.Idx.value == number + 1 == module.StrIdx.value
        assert sample.current_ma == pytest.approx(-1000 * string.A.cvalue)
        assert sample.pack_mv == pytest.approx(1000 * string.V.cvalue)
        assert sample.bms_soc_ppm == pytest.approx(10000 * string.SoC.cvalue)
        assert sample.bms_soh_ppm == pytest.approx(10000 * string.SoH.cvalue)
        # our steps are whole millivolts
        assert sample.cell_max_mv == pytest.approx(1000 * string.CellVMax.cvalue, abs=1)
        assert sample.cell_min_mv == pytest.approx(1000 * string.CellVMin.cvalue, abs=1)
        assert sample.temp_max_mc == pytest.approx(1000 * string.ModTmpMax.cvalue)
        assert sample.temp_min_mc == pytest.approx(1000 * string.ModTmpMin.cvalue)
        assert sample.alarms == string.Evt1.value
        cells = module.groups["lithium-ion-module-cell"]
        assert len(cells) == len(sample.cell_mv) == module.NCell.value == 16
        for mine, theirs in zip(sample.cell_mv, cells, strict=True):
            assert mine == pytest.approx(1000 * theirs.CellV.cvalue, abs=1)
        assert sample.temp_mc == pytest.approx([1000 * cells[k].CellTmp.cvalue for k in (0, 12)])
        assert sample.bms_charge_ma is None and device.models[803][0].NStr.value == 2


def test_both_strings_of_a_bank_without_string_models():
    """Model 803 alone: the second string lies 32 registers behind the first, with the bank's factors."""
    packs = [Bms(load("sunspec_803"), 1, {"id": "p%d" % k, "cells": 16, "string": k}) for k in (1, 2, 3)]
    with Peer({}, {1: image(bank_without_strings(40000))}) as peer:
        link = {"kind": "tcp", "host": "127.0.0.1", "port": peer.port}
        gate = TxGate("tcp", READ, line_rules(packs))
        drive(board_modbus.run_link, link, packs, gate, lambda: all(p.read(0) and p.read(0).pack_mv for p in packs))
        drive(board_modbus.run_link, link, packs[:2], gate, lambda: all(map(whole, packs[:2])))
        device = scanned(peer.port, 1)
    assert gate.refused == 0
    bank, base = device.models[803][0], device.models[802][0]
    assert 804 not in device.models and bank.NStr.value == 2
    for pack, string in zip(packs[:2], bank.groups["string"], strict=True):
        sample = pack.read(0)
        assert sample.pack_mv == pytest.approx(1000 * base.V.cvalue)
        assert sample.current_ma == pytest.approx(-1000 * string.StrA.cvalue)
        assert sample.bms_soc_ppm == pytest.approx(10000 * string.StrSoC.cvalue)
        soh = string.StrSoH.cvalue
        assert sample.bms_soh_ppm == (None if soh is None else pytest.approx(10000 * soh))
        assert sample.cell_max_mv == pytest.approx(1000 * string.StrCellVMax.cvalue, abs=1)
        assert sample.cell_min_mv == pytest.approx(1000 * string.StrCellVMin.cvalue, abs=1)
        assert sample.temp_max_mc == pytest.approx(1000 * string.StrModTmpMax.cvalue)
        assert sample.temp_min_mc == pytest.approx(1000 * string.StrModTmpMin.cvalue)
        assert sample.alarms == string.StrEvt1.value
        assert sample.bms_charge_ma is None and sample.cell_mv == ()  # two strings: whose limit?
    beyond = packs[2].read(0)  # there is no third string: its own values never come
    assert beyond.current_ma is None and beyond.alarms is None and beyond.groups[1].count == 0


def test_a_pymodbus_server_serves_every_modbus_profile():
    """One server, one line: every profile that ships is read whole, through its gate, by both transports."""
    sample = Sample(
        0, 52400, -12500, 3400, 3300, 30000, 15000, CELLS, (20000,) * 8, 550000, 910000, 60000, 80000, 56000, 0, ()
    )
    samples = {
        "pcs": PcsSample(0, 52400, 60100, 3150, 2, 2500, 4050, 6000, ()),
        "meter": MeterSample(0, 4000, 3000, -1250, ()),
    }
    units = {}
    for unit, name in enumerate(sorted(MODBUS), 1):
        table = load(name)
        mine = samples.get(table.KIND) or sample._replace(cell_mv=(3350,) * table.CELLS, temp_mc=(20000,) * table.TEMPS)
        units[unit] = (table, mine, 10000)
    with Peer(units) as peer:
        link = {"kind": "tcp", "host": "127.0.0.1", "port": peer.port}
        for transport in (board_modbus, gateway_modbus):
            devices = []
            for unit, (table, _, _) in units.items():
                settings = {"id": table.NAME, "power_w": 10000, "watchdog_ms": 6000}
                devices.append(
                    Pcs(table, unit, settings, Clock()) if table.KIND == "pcs" else Bms(table, unit, settings)
                )
            gate = TxGate("tcp", READ, line_rules(devices))
            drive(transport.run_link, link, devices, gate, lambda found=devices: all(map(whole, found)))
            assert gate.refused == 0
            for device, (table, mine, _) in zip(devices, units.values(), strict=True):
                for slot in [slot for rows in table.SLOTS_OF for slot, _ in rows]:
                    assert device.read(0)[slot] == mine[slot], (table.NAME, slot)


MODBUS = (
    "seplos_v3",
    "sunspec_802_805",
    "sunspec_string",
    "sunspec_803",
    "sunspec_pcs",
    "sunspec_meter",
    "jk_pb",
    "daly_d2",
    "daly_p81",
    "sdm630",
)


def whole(device):
    """True when every group that the profile provides has come."""
    record = device.read(0)
    provided = [group for group, rows in enumerate(device.table.SLOTS_OF) if rows]
    return record is not None and all(record.groups[group].count for group in provided)
