# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""SunSpec's own client reads our server; every point that it finds is held against the status."""

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest

from bms_bridge.modbus import tcp_frame, tcp_parse, write_pdu
from edge.core import faults as f
from edge.core.records import ALARMS
from edge.core.settings import with_defaults
from edge.shell.gateway_sunspec import SunSpecServer
from edge.shell.status import status
from simulator.requester import SunSpecManager
from simulator.rigs import Local
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World

client = pytest.importorskip("sunspec2.modbus.client")


class Running:
    """A simulated site, stepped by hand, and its SunSpec server in a thread."""

    def __init__(self, kind="lfp16", packs=1, mode="control"):
        self.site = settings(kind, packs)
        self.site["mode"] = mode
        self.world = World(self.site, 5, **{**DEMO_TRUTH, "plants": packs * DEMO_TRUTH["plants"]})
        self.rig = Local(self.world, self.site)
        self.lag_ms = 0
        self.guarded = SimpleNamespace(site=None, runtime="cpython", details=None)
        self.server = SunSpecServer(self.guarded, self, with_defaults(self.site))
        self.port = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def now_ms(self):
        return self.world.now_ms + self.lag_ms

    def utc_s(self):
        return self.world.utc_s(), 3

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def __enter__(self):
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self.server.start("127.0.0.1", 0), self._loop).result(10)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _finish(self):
        self.server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait(tasks, timeout=5) if tasks else None

    def run(self, seconds):
        """Let the site control for so long."""
        end_ms = self.world.now_ms + 1000 * seconds
        while self.world.now_ms < end_ms:
            turn = self.turn = self.rig.turn()
            self.guarded.site = self.rig.rig.site
            self.world.advance(turn.wake_ms)

    def status(self):
        return status(self.guarded, self, None)

    def scan(self):
        """The models as pysunspec2 reads them."""
        device = client.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=self.port, timeout=10)
        try:
            device.scan()
            for models in device.models.values():
                for model in models:
                    if hasattr(model, "read"):
                        model.read()
        finally:
            device.close()
        return device

    def ask(self, pdu):
        """Answer PDU to a raw request."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as wire:
            wire.sendall(tcp_frame(7, 1, pdu))
            answer = b""
            while tcp_parse(answer) is None:
                answer += wire.recv(1024)
        transaction, unit, pdu, _ = tcp_parse(answer)
        assert (transaction, unit) == (7, 1)
        return pdu


def near(value, scale, digits):
    """A status value as the wire tells it: cut off toward zero after so many digits."""
    if value is None:
        return None
    return pytest.approx(value / scale, abs=1.01 * 10**-digits)


def check_pack(device, index, row):
    """Models 803, 804 and 805 of one pack against its status."""
    string, module, part = device.models[804][index], device.models[805][index], device.models[803][0]
    part = part.groups["string"][index]
    assert string.Idx.value == index + 1 == module.StrIdx.value and module.NCell.value == row["cells"]
    soh = None if row["capacity_mah"] is None else 100 * row["capacity_mah"] / row["rated_mah"]
    for point, value, scale, digits in (
        (part.StrSoC, row["soc_ppm"], 10000, 2),
        (string.SoC, row["soc_ppm"], 10000, 2),
        (module.SoC, row["soc_ppm"], 10000, 2),
        (part.StrSoH, soh, 1, 2),
        (string.SoH, soh, 1, 2),
        (module.SoH, soh, 1, 2),
        (part.StrA, row["current_ma"], -1000, 1),
        (string.A, row["current_ma"], -1000, 1),
        (string.V, row["pack_mv"], 1000, 1),
        (module.V, row["pack_mv"], 1000, 1),
        (part.StrCellVMax, row["cell_max_mv"], 1000, 3),
        (string.CellVMax, row["cell_max_mv"], 1000, 3),
        (module.CellVMax, row["cell_max_mv"], 1000, 3),
        (part.StrCellVMin, row["cell_min_mv"], 1000, 3),
        (string.CellVMin, row["cell_min_mv"], 1000, 3),
        (module.CellVMin, row["cell_min_mv"], 1000, 3),
        (part.StrModTmpMax, row["temp_max_mc"], 1000, 1),
        (string.ModTmpMax, row["temp_max_mc"], 1000, 1),
        (module.CellTmpMax, row["temp_max_mc"], 1000, 1),
        (part.StrModTmpMin, row["temp_min_mc"], 1000, 1),
        (string.ModTmpMin, row["temp_min_mc"], 1000, 1),
        (module.CellTmpMin, row["temp_min_mc"], 1000, 1),
    ):
        assert point.cvalue == near(value, scale, digits), point.pdef["name"]
    cells = module.groups["lithium-ion-module-cell"]
    assert [cell.CellV.cvalue for cell in cells] == [near(mv, 1000, 3) for mv in row["cell_mv"]]
    assert all(cell.CellTmp.cvalue is None for cell in cells)


def check_bank(device, found, packs):
    """Model 802 against the status of the site."""
    bank = device.models[802][0]
    current = [row["current_ma"] for row in packs]
    volts = [row["pack_mv"] for row in packs]
    assert bank.A.cvalue == near(sum(current), -1000, 1)
    assert bank.V.cvalue == near(sum(volts) / len(volts), 1000, 1)
    assert bank.W.cvalue == near(sum(volts) / len(volts) * sum(current) / 1e6, -1, -2)
    rated = sum(row["rated_mah"] for row in packs)
    assert bank.SoC.cvalue == near(sum(row["soc_ppm"] * row["rated_mah"] for row in packs) / rated, 10000, 2)
    assert bank.AHRtg.cvalue == near(rated, 1000, 0)
    assert bank.CellVMax.cvalue == near(max(row["cell_max_mv"] for row in packs), 1000, 3)
    assert bank.CellVMin.cvalue == near(min(row["cell_min_mv"] for row in packs), 1000, 3)
    assert bank.State.value == {"running": 3, "stopped": 4, "starting": 2, "open": 99}[found["state"]]
    assert bank.LocRemCtl.value == 0 and bank.Typ.value == 4 and bank.WHRtg.cvalue is None


@pytest.mark.parametrize(("kind", "packs"), [("lfp16", 1), ("nmc96", 1), ("lfp16", 3)])
def test_every_point_is_the_status(kind, packs):
    with Running(kind, packs) as site:
        site.run(120)
        device = site.scan()
        found = site.status()
        limits = site.guarded.site.site_limits
    assert list(device.models)[:1] == [1] or "common" in device.models
    assert len(device.models[804]) == len(device.models[805]) == packs == device.models[803][0].NStr.value
    assert device.common[0].Mn.value == "reuse-edge" and device.common[0].SN.value == found["device"]
    for index, row in enumerate(found["packs"]):
        check_pack(device, index, row)
    check_bank(device, found, found["packs"])
    bank = device.models[802][0]
    assert bank.AChaMax.cvalue == near(limits[0], 1000, 1) and bank.AChaMax.cvalue <= limits[0] / 1000
    assert bank.ADisChaMax.cvalue == near(limits[2], 1000, 1) and bank.ADisChaMax.cvalue <= limits[2] / 1000
    if packs == 1:
        assert limits[0] > 0 and limits[2] > 0 and bank.Evt1.value == 0
    raised = sum(1 << f.NAMES.index(name) for name, _ in found["faults"])
    assert bank.EvtVnd1.value == raised and bool(bank.Evt1.value) == bool(raised)


def beat(site):
    return site.scan().models[802][0].Hb.value


def test_the_heartbeat_is_that_of_the_data():
    with Running() as site:
        site.run(30)
        first = beat(site)
        assert beat(site) == first  # nothing new
        site.run(3)
        assert beat(site) == first + 1


@pytest.mark.parametrize("mishap", ["bms_silent", "page_frozen", "transport_hangs"])
def test_a_bms_that_is_gone_or_frozen_shows(mishap):
    with Running() as site:
        site.run(60)
        before = site.scan().models[802][0]
        assert before.A.cvalue is not None and before.SoC.cvalue is not None
        site.world.mishaps.start(mishap, site.world.now_ms)
        site.run(150)
        device = site.scan()
        bank, string, module = device.models[802][0], device.models[804][0], device.models[805][0]
        if mishap != "page_frozen":  # a frozen page still arrives, but is not believed
            still = beat(site)
            site.run(5)
            assert beat(site) == still
    assert bank.AChaMax.cvalue == 0 and bank.ADisChaMax.cvalue == 0
    assert bank.SoC.cvalue is None and string.SoC.cvalue is None and string.SoH.cvalue is None
    assert bank.Evt1.value & 1 << ALARMS.index("comm_error")
    assert bank.EvtVnd1.value & 1 << f.F_INPUT_INVALID
    if mishap != "page_frozen":
        assert bank.A.cvalue is None and bank.V.cvalue is None and bank.W.cvalue is None
        cells = module.groups["lithium-ion-module-cell"]
        assert all(cell.CellV.cvalue is None for cell in cells)


def test_alarms_of_the_bms():
    with Running() as site:
        site.run(30)
        site.world.mishaps.start("alarm", site.world.now_ms)
        site.run(10)
        want = site.guarded.site.packs[0].believed.alarms
        device = site.scan()
    assert want and device.models[802][0].Evt1.value & want == want
    assert device.models[804][0].Evt1.value & want == want


def test_before_the_first_step_and_after_the_last_nothing_is_live():
    with Running() as site:
        for _ in range(2):
            device = site.scan()
            bank = device.models[802][0]
            assert bank.A.cvalue is None and bank.SoC.cvalue is None and bank.AChaMax.cvalue == 0
            assert bank.State.cvalue is None and bank.Evt1.value == 1
            site.lag_ms = 0
            site.run(30)
            assert site.scan().models[802][0].A.cvalue is not None
            site.lag_ms = 5000  # the loop hangs


def test_in_observe_it_only_answers_reads():
    with Running(mode="observe") as site:
        site.run(3)
        assert site.scan().models[802][0].LocRemCtl.value == 1
        assert site.ask(write_pdu(power_at(site) + 22, b"\x00\x01")) == b"\x90\x01"
        assert site.guarded.site.requests is None
        site.guarded.site = None
        assert site.ask(write_pdu(40086, b"\x00\x01")) == b"\x90\x01"
        for function in (1, 2, 4, 5, 6, 15, 22, 23, 43):
            assert site.ask(bytes((function, 0x9C, 0x40, 0, 1))) == bytes((function | 0x80, 1))
        assert site.server.refused == 11
        assert site.ask(bytes((3, 0x9C, 0x40, 0, 2))) == b"\x03\x04SunS"
        assert site.ask(bytes((3, 0x9C, 0x3F, 0, 2))) == b"\x83\x02"
        assert site.ask(bytes((3, 0xFF, 0xFF, 0, 2))) == b"\x83\x02"
        assert site.ask(bytes((3, 0x9C, 0x40, 0, 126))) == b"\x83\x03"
        assert site.ask(bytes((3, 0x9C, 0x40, 0, 0))) == b"\x83\x03"
        assert site.ask(bytes((3, 0x9C, 0x40, 0))) == b"\x83\x03"
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert wire.recv(100) == b""  # not Modbus: the connection is closed


# ---- model 704: an energy manager asks for power ------------------------------------------------------


def power_at(site):
    return site.server.models.power_at


class Manager:
    """SunSpec's own client that writes: an energy manager."""

    def __init__(self, site):
        self.device = client.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=site.port, timeout=10)
        self.device.scan()
        self.model = self.device.models[704][0]
        self.model.read()

    def write(self, **points):
        """Write points, each by itself, in the order given."""
        for name, value in points.items():
            point = getattr(self.model, name)
            point.cvalue = value
            point.write()

    def read(self):
        """What the model says: (enabled, W or None, seconds that remain)."""
        self.model.read()
        model = self.model
        return model.WSetEna.value, model.WSet.cvalue, model.WSetRvrtRem.value


def asked_of(site):
    now = site.guarded.site.requests.now
    return None if now is None else (now[0], now[3])


def test_an_energy_manager_asks_and_the_pcs_obeys():
    with Running() as site:
        site.run(120)
        manager = Manager(site)
        try:
            assert manager.read() == (0, 0, 0)
            manager.write(WSetRvrtTms=20, WSet=-2000, WSetMod=1, WSetEna=1)
            assert manager.read() == (1, -2000, 20)
            site.run(10)
            assert asked_of(site) == (2000, 2)
            assert site.guarded.site.requests.now[1] == 2000
            assert site.world.pcs.now_w == pytest.approx(2000, abs=2)
            assert manager.read()[:2] == (1, -2000) and manager.read()[2] in (10, 11)
            manager.write(WSet=1500)  # discharge; the time starts anew
            assert manager.read() == (1, 1500, 20)
            site.run(5)
            assert site.world.pcs.now_w == pytest.approx(-1500, abs=2)
            manager.write(WSetPct=-10, WSetMod=0)  # 10 % of the rating into the battery
            site.run(5)
            assert asked_of(site) == (site.site["pcs"]["power_w"] // 10, 2)
            site.run(20)
            assert asked_of(site) is None and manager.read()[0] == 0  # over in time
            registers = site.world.pcs.registers
            assert registers[40134] < 0x8000 and registers[40135] < 0x8000  # limits again, no order
            manager.write(WSetEna=1)
            site.run(2)
            assert asked_of(site) is not None
            manager.write(WSetEna=0)
            site.run(2)
            assert asked_of(site) is None and manager.read()[2] == 0
        finally:
            manager.device.close()


def test_what_is_asked_is_clipped_to_the_permit():
    with Running() as site:
        site.run(120)
        manager = Manager(site)
        try:
            for watts in (-5000000, 5000000):
                manager.write(WSetMod=1, WSet=watts, WSetRvrtTms=60, WSetEna=1)
                site.run(10)
                asked, permitted, _, _, _ = site.guarded.site.requests.now
                command = site.turn.commands[0]
                most_ma = command.charge_ma if watts < 0 else command.discharge_ma
                assert asked == -watts and abs(permitted) == most_ma * command.pack_mv // 1000000 > 0
                assert 0 < abs(site.world.pcs.now_w) <= abs(permitted)
                assert (site.world.pcs.now_w > 0) == (watts < 0)
            site.world.mishaps.start("bms_silent", site.world.now_ms)
            site.run(10)
            assert site.guarded.site.requests.now[1] == 0 and site.world.pcs.now_w == 0
        finally:
            manager.device.close()


def test_the_simulated_energy_manager_drives_the_site():
    with Running() as site:
        site.run(60)
        manager = SunSpecManager(site.world, "127.0.0.1", site.port)
        for _ in range(60):
            manager.step()
            site.run(1)
        asked, permitted, obeyed, source, _ = site.guarded.site.requests.now
        manager.close()
        assert manager.asked == 12 and manager.refused == 0 and source == 2
        assert 1000 < permitted <= asked and obeyed == pytest.approx(permitted, rel=0.05)
        signed = [word - 0x10000 if word & 0x8000 else word for word in (site.world.pcs.registers[40135],)]
        assert signed[0] > 0 and site.world.pcs.registers[40134] == 0x10000 - signed[0]  # an order, not a limit
        site.run(45)
        assert asked_of(site) is None and site.world.pcs.registers[40134] < 0x8000


def test_writes_that_are_refused_change_nothing():
    with Running() as site:
        site.run(30)
        site.ask(bytes((3, 0x9C, 0x40, 0, 2)))
        at = power_at(site)
        one, two = b"\x00\x01", b"\x00\x00\x00\x01"
        for address, data, code in (
            (40086, one, 2),  # another model
            (at, one, 2),
            (at + 21, one, 2),
            (at + 26, two, 2),  # WSetRvrt
            (at + 24, one, 2),  # half a point
            (at + 25, one, 2),
            (at + 31, two + two, 2),  # and WSetRvrtRem
            (at + 22, b"\x00\x02", 3),
            (at + 23, b"\x00\x02", 3),
            (at + 28, b"\x27\x11", 3),  # 100.01 %
            (at + 28, b"\xd8\xef", 3),
            (at + 31, b"\x00\x00\x00\x00", 3),  # for ever
            (at + 31, b"\x00\x01\x51\x81", 3),  # a day and a second
            (at + 22, one + one + b"\x00\x4c\x4b\x41", 3),  # 5 000 001 W
        ):
            assert site.ask(write_pdu(address, data)) == bytes((0x90, code)), (address - at, data)
        assert site.ask(bytes((6,)) + (at + 24).to_bytes(2, "big") + one) == b"\x86\x02"
        assert site.ask(bytes((6,)) + (at + 22).to_bytes(2, "big")) == b"\x86\x03"
        assert site.ask(write_pdu(at + 22, one)[:-1]) == b"\x90\x03"
        assert site.ask(write_pdu(at + 22, one) + one) == b"\x90\x03"
        assert site.ask(bytes((16,)) + (at + 22).to_bytes(2, "big") + b"\0\0\0") == b"\x90\x03"
        site.run(2)
        assert site.guarded.site.requests is None or site.guarded.site.requests.now is None
        assert site.server.models.power.changes == 0
        pdu = bytes((6,)) + (at + 22).to_bytes(2, "big") + one
        assert site.ask(pdu) == pdu  # 0 W
        pdu = write_pdu(at + 22, one + one + b"\xff\xff\xff\x9c")
        assert site.ask(pdu) == pdu[:5]  # 100 W into the battery
        site.run(2)
        assert asked_of(site) == (100, 2)
        site.lag_ms = 5000  # the loop hangs: nobody would clip it
        assert site.ask(pdu) == b"\x90\x04"
