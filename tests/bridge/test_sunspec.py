# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""SunSpec's own client (pysunspec2) reads what encode_block serves: an independent decoder agrees."""

import pytest

from bms_bridge.tables import load
from edge.core.records import ALARMS, MeterSample, PcsSample, Sample
from tests.bridge.rig import Peer

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
