# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""connection: texts, and the way from a profile's bus to the device, its gate and its bundle."""

import pathlib

import pytest

from bms_bridge.bms import Bms
from bms_bridge.can import CanBms
from bms_bridge.serial_bms import SerialBms
from bms_bridge.tables import load
from edge.shell.wiring import Wiring
from host_tools import bundle, check
from host_tools.connections import Links, link_of
from host_tools.places import SiteError
from host_tools.site import load_site
from host_tools.stage import demo_settings

GOOD = (
    ("tcp:10.0.0.5:502", {"kind": "tcp", "host": "10.0.0.5", "port": 502}),
    ("rtu:/dev/serial/by-id/usb-FTDI_1:19200", {"kind": "rtu", "path": "/dev/serial/by-id/usb-FTDI_1", "baud": 19200}),
    ("rtu:uart1:9600:E", {"kind": "rtu", "uart": 1, "baud": 9600, "parity": "E"}),
    ("serial:/dev/serial/by-id/a:9600", {"kind": "serial", "path": "/dev/serial/by-id/a", "baud": 9600}),
    ("can:socketcan:can0:500000", {"kind": "can", "interface": "socketcan", "channel": "can0", "bitrate": 500000}),
    ("can:slcan:/dev/ttyACM0:500000:fd", {"kind": "can", "channel": "/dev/ttyACM0", "fd": True}),
    ("can:slcan:uart1:250000", {"kind": "can", "uart": 1, "bitrate": 250000, "fd": False}),
    ("can:machine:can2:250000", {"kind": "can", "interface": "machine", "controller": 2, "bitrate": 250000}),
)
BAD = (
    "",
    "tcp:host",
    "tcp:host:70000",
    "rtu:/dev/x",
    "rtu:/dev/x:fast",
    "serial::9600",
    "can:can0",
    "can:socketcan:can0:1",
    "can:machine:1:500000",
    "can:machine:can1:500000:fd",
)


class Spot:
    """Stands for the place in site.yaml."""

    def wrong(self, problem, mend):
        return ValueError("%s -> %s" % (problem, mend))


@pytest.mark.parametrize(("text", "parts"), GOOD, ids=[row[0] for row in GOOD])
def test_good_connection(text, parts):
    link = link_of(Spot(), text)
    assert {key: link[key] for key in parts} == parts


@pytest.mark.parametrize("text", BAD)
def test_bad_connection_names_the_mend(text):
    with pytest.raises(ValueError, match="is not a connection -> write tcp:HOST:PORT"):
        link_of(Spot(), text)


def test_a_profile_of_another_bus_is_refused():
    with pytest.raises(ValueError, match="bus can cannot be read over tcp"):
        Links().index(Spot(), "tcp:host:502", "can")


def test_one_port_has_one_speed():
    links = Links()
    assert links.index(Spot(), "rtu:/dev/a:9600") == links.index(Spot(), "rtu:/dev/a:9600") == 0
    with pytest.raises(ValueError, match="one port one speed"):
        links.index(Spot(), "rtu:/dev/a:19200")


def site_with(profile, connection):
    """Settings whose pack is read by profile over connection."""
    site = demo_settings()
    table = load(profile)
    site["links"][0] = link_of(Spot(), connection)
    pack = site["packs"][0]
    pack.update(profile=profile, unit=1, cells=table.CELLS, temps=max(table.TEMPS, 1))
    pack["facts"]["periods_ms"] = list(table.PERIODS_MS)
    return site


ROWS = (
    ("seplos_v3", "tcp:127.0.0.1:502", Bms, "tcp"),
    ("nissan_leaf", "can:socketcan:can0:500000", CanBms, "can"),
    ("jbd", "serial:/dev/serial/by-id/a:9600", SerialBms, "serial"),
)


@pytest.mark.parametrize(("profile", "connection", "kind", "gate"), ROWS, ids=[row[0] for row in ROWS])
def test_the_profile_chooses_device_and_gate(profile, connection, kind, gate):
    wiring = Wiring(site_with(profile, connection), load, None)
    assert type(wiring.devices[0]) is kind
    assert wiring.lines[0][2].kind == gate


LISTLESS = [("pylontech_hv_can", 500000), ("pylontech_lv_can", 500000), ("sunspec_803", 0)]


@pytest.mark.parametrize(("profile", "speed"), LISTLESS, ids=[row[0] for row in LISTLESS])
def test_a_bms_that_tells_only_extremes_can_be_observed(tmp_path, profile, speed):
    text = (pathlib.Path(__file__).resolve().parents[2] / "examples" / "site.yaml").read_text(encoding="utf-8")
    text = text.replace("bms: seplos_v3 ", "bms: %s " % profile).replace("temps: 4", "temps: 1")
    if speed:
        text = text.replace("connection: tcp:192.0.2.10:502 ", "connection: can:socketcan:can0:%d " % speed)
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_site(str(path))["packs"][0]["cells"] == 16
    told = [row["problem"] for row in check.examine(str(path))["warnings"]]
    assert [row for row in told if "only the extremes of its cells" in row]
    path.write_text(text.replace("mode: observe", "mode: control"), encoding="utf-8")
    with pytest.raises(SiteError, match="mode control is refused: the BMS of %s tells only the extremes" % profile):
        load_site(str(path))


def test_only_a_site_in_control_keeps_a_can_bms_awake():
    for mode in ("control", "observe"):
        site = dict(site_with("nissan_leaf", "can:socketcan:can0:500000"), mode=mode)
        assert Wiring(site, load, None).devices[0].sending is (mode == "control")


@pytest.mark.long
def test_a_board_gets_only_the_buses_of_its_site(tmp_path):
    for profile, connection, has in (
        ("seplos_v3", "tcp:127.0.0.1:502", ()),
        ("nissan_leaf", "can:slcan:uart1:500000", ("bms_bridge/can.mpy", "bms_bridge/transports/board_can.mpy")),
        ("jk_can", "can:machine:can1:250000", ("bms_bridge/transports/board_can_machine.mpy",)),
        ("jbd", "serial:uart1:9600", ("bms_bridge/serial_bms.mpy",)),
    ):
        files = bundle.build(tmp_path / profile, site_with(profile, connection)).files
        found = {name for name in files if "can" in name or "serial" in name}
        assert set(has) <= found if has else not found
