# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""4.39: another pack behind the same wire. Its BMS says another serial number; everything else is as it was."""

from bms_bridge.compile_texts import say_serial
from simulator.faults import WIRE, Scenario

READ_MS = 300000  # a number is read so often while nothing was silent
SURE_MS = 8000  # and from its first other reading so long: three readings, 4 s apart
STEP_MS = 2000


def names(stage, text):
    """From now on the first BMS says that number; "" is none."""
    table = stage.world.tables[0]
    stage.world.bytes_of[0] = lambda index, data: say_serial(table, index, data, text)


def swapped(stage):
    """The line is cut for six seconds and another pack answers: locked within seconds, and it stays so."""
    stage.settle()
    stage.fault(lambda world: world.silent.add(0))
    stage.run(6000)
    stage.heal(lambda world: world.silent.clear())
    names(stage, "OTHER-0001")
    stage.expect("identity", SURE_MS + STEP_MS + 1000)
    stage.stays_zero(5000)
    names(stage, "SIM0000")
    stage.stays_zero(READ_MS + 20000, tick_ms=1000)


def swapped_unseen(stage):
    """No silence was seen (a gateway kept on answering): the next reading of the number finds it."""
    stage.settle()
    stage.run(10000, 1000)
    stage.fault()
    names(stage, "OTHER-0001")
    stage.run(READ_MS - 20000, 1000)
    stage.zero_within(READ_MS + SURE_MS + STEP_MS)
    stage.expect("identity", READ_MS + SURE_MS + STEP_MS)
    stage.stays_zero(5000)


def odd_once(stage):
    """One or two odd readings, or none at all, are no other pack."""
    stage.settle()
    stage.run(10000, 1000)
    stage.fault()
    names(stage, "")
    stage.stays_up(READ_MS + 20000)
    stage.expect_not("identity")


SEPLOS = ("seplos",)
WAYS = ("seplos", "seplos_tcp", "sunspec_tcp")
COMPARED = ("edge/core/identity.py", "return PROVED if said == self._is else OTHER", "return PROVED")
NONE_IS_NONE = (
    "edge/core/identity.py",
    "        if said is None:\n            return UNPROVED\n",
    "        if said is None:\n            return OTHER\n",
)

_ROWS: tuple = (
    ("another_serial", "a pack with another serial number answers", swapped, (COMPARED,), WAYS),
    ("another_serial_unseen", "the same, and no silence was seen", swapped_unseen, (COMPARED,), SEPLOS),
    ("serial_gone", "the BMS tells no serial number any more", odd_once, (NONE_IS_NONE,), SEPLOS),
)
SCENARIOS = tuple(
    Scenario(name, ("4.39",), text, WIRE, play, rules, sites, True) for name, text, play, rules, sites in _ROWS
)
