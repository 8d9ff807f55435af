# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The systemd service of a gateway: its unit as systemd itself judges it, and what it is told on a real socket."""

import asyncio
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from edge.shell import gateway, gateway_uplink
from edge.shell.gateway_notify import Notify
from host_tools import service
from host_tools.site import load_site
from tests.host_tools import commission_rig as rig
from tests.host_tools.test_site import TEXT, changed, write

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SERIAL = changed("connection: tcp:192.0.2.10:502", "connection: rtu:/dev/serial/by-id/usb-not-there:19200")


@pytest.fixture
def analyze():
    """Path of systemd-analyze, or a skip; None where there is no systemd at all."""
    path = shutil.which("systemd-analyze")
    if not path and sys.platform == "linux":
        pytest.skip("no systemd (apt install systemd)")
    return path


def rows(text):
    """{key: [values]} of a unit."""
    found: dict = {}
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("user", [False, True])
def test_systemd_takes_the_unit_of_a_path_with_spaces(tmp_path, analyze, user):
    if analyze is None:
        return
    folder = tmp_path / "구미 site $x 100%"
    folder.mkdir()
    path = write(folder, SERIAL)
    text = service.unit_of(str(path), load_site(str(path)), user)
    unit = tmp_path / "reuse-edge.service"
    unit.write_text(text, encoding="utf-8")
    words = [analyze, "verify", *(["--user"] if user else []), unit]
    environ = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path))
    result = subprocess.run(words, capture_output=True, encoding="utf-8", env=environ)
    assert result.returncode == 0 and "reuse-edge" not in result.stderr, result.stderr
    assert shlex.split(rows(text)["ExecStart"][0])[-3] == str(path).replace("$", "$$").replace("%", "%%")


def test_the_unit_gives_no_more_than_the_site_needs(tmp_path):
    path = write(tmp_path, TEXT)
    unit = rows(service.unit_of(str(path), load_site(str(path))))
    assert unit["Type"] == ["notify"] and unit["WatchdogSec"] == ["5"] and unit["Restart"] == ["always"]
    for key in ("NoNewPrivileges", "PrivateTmp"):
        assert unit[key] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"] and unit["User"] == ["reuse-edge"] and "DeviceAllow" not in unit
    assert unit["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6 AF_CAN"] and unit["DevicePolicy"] == ["closed"]
    path = write(tmp_path, SERIAL.replace("period_s: 1", "period_s: 2").replace("watchdog_s: 5", "watchdog_s: 8"))
    unit = rows(service.unit_of(str(path), load_site(str(path))))
    assert unit["DeviceAllow"] == ["char-ttyACM rw", "char-ttyUSB rw"] and len(unit["SupplementaryGroups"]) == 1
    assert unit["WatchdogSec"] == ["6"]


def test_a_watchdog_is_fed_by_good_steps_alone(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "n"))
        systemd.setblocking(False)
        works = [True, True]
        said = []
        notify = Notify(str(tmp_path / "n"), [("one", lambda: works[0]), ("two", lambda: works[1])], said.append)
        notify.fed()
        assert b"READY=1" in systemd.recv(100).split(b"\n")
        notify.fed()
        assert systemd.recv(100) == b"WATCHDOG=1"
        works[1] = False
        for _ in range(3):
            notify.fed()
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        assert said == ["two has ended or hangs: the watchdog is not fed"]
        notify.stopping()
        assert systemd.recv(100) == b"STOPPING=1"
    notify.fed()  # systemd is gone: nobody minds
    Notify(None).fed()


def test_an_abstract_address():
    if sys.platform != "linux":
        return  # there are none elsewhere, and no systemd
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0reuse-edge-%d" % os.getpid())
        Notify("@reuse-edge-%d" % os.getpid()).fed()
        assert systemd.recv(100).startswith(b"READY=1")


def test_what_it_says_where_it_cannot(tmp_path, capsys, monkeypatch):
    path = str(write(tmp_path, TEXT))
    monkeypatch.setattr(service, "RUNNING", str(tmp_path / "none"))
    with pytest.raises(service.ServiceError, match="not run by systemd") as caught:
        service.main(["install", path])
    assert caught.value.exit_code == 2
    assert service.main(["install", path, "--dry-run"]) == 0 and "[Service]" in capsys.readouterr().out
    monkeypatch.setattr(service, "RUNNING", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(service.ServiceError, match="root") as caught:
        service.main(["install", path])
    assert "sudo " in str(caught.value) and path in str(caught.value)


@pytest.mark.long
def test_a_gateway_tells_systemd_and_ends_with_whom_it_attends(tmp_path):
    with rig.Rack() as rack, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "n"))
        systemd.settimeout(30)
        words = [sys.executable, "-m", "host_tools.run", str(rig.site_yaml(rack, tmp_path)), "--attended"]
        environ = dict(os.environ, NOTIFY_SOCKET=str(tmp_path / "n"), PYTHONPATH=str(ROOT))
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ, cwd=tmp_path
        ) as run:
            said = [systemd.recv(100) for _ in range(3)]
            assert said[0].startswith(b"READY=1\n") and said[1:] == [b"WATCHDOG=1"] * 2
            run.stdin.close()
            while (last := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert last == b"STOPPING=1" and run.wait(30) == 0


class Clock:
    """Stands still until somebody moves it."""

    at_ms = 5000

    def now_ms(self):
        return self.at_ms


def test_a_line_that_hangs_is_not_at_work(monkeypatch):
    """One whose device is not there is."""
    clock, parts = Clock(), []
    link = {"kind": "tcp", "host": "127.0.0.1", "port": 9}
    wiring = SimpleNamespace(lines=[(link, [], None)])
    monkeypatch.setattr("bms_bridge.transports.board_modbus.RECONNECT_MAX_MS", 20)

    async def hang(_):
        await asyncio.Event().wait()

    async def life():
        lines = gateway.polling(wiring, clock, parts)
        name, at_work = parts[0]
        for _ in range(3):
            clock.at_ms += 15000
            for _ in range(400):
                await asyncio.sleep(0.005)
                if at_work():
                    break
            assert at_work() and name == "links[0]"
        monkeypatch.setattr("bms_bridge.transports.gateway_modbus.PymodbusLine.open", hang)
        await asyncio.sleep(0.5)
        clock.at_ms += gateway.ALIVE_MS + 1
        await asyncio.sleep(0.05)
        assert not at_work()
        await gateway.end(lines)
        clock.at_ms = 0
        assert not at_work()  # it has ended

    asyncio.run(life())


def test_an_uplink_that_hangs_is_not_at_work(monkeypatch):
    clock, goes, came = Clock(), threading.Event(), threading.Event()
    settings = {"device": "d", "org": "o", "site": "s", "uplink": {"host": "127.0.0.1", "port": 9, "keepalive_s": 20}}
    uplink = gateway_uplink.GatewayUplink(settings, 1, 1, clock)
    assert not uplink.is_alive()
    monkeypatch.setattr(uplink, "_session", lambda: (came.set(), goes.wait(20)))
    uplink.start()
    try:
        assert came.wait(10) and uplink.is_alive()
        clock.at_ms += gateway_uplink.ALIVE_MS
        assert uplink.is_alive()
        clock.at_ms += 1
        assert not uplink.is_alive()
        came.clear()
        goes.set()
        assert came.wait(10) and uplink.is_alive()
    finally:
        uplink.stop()
