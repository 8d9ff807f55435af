# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a line can do between a good BMS and its reader: faults 18 to 24, and what peers got wrong with the same.

The lines are real: the tasks of bms_bridge.transports with bytes from simulator.wire, in virtual time; CAN frames by
simulator.can_wire. Nothing of this runs in the VM's pipe, which carries whole blocks.
"""

import sys
from random import Random
from types import ModuleType

from bms_bridge.tables import load
from simulator.faults import WIRE, Scenario
from simulator.scenarios_bms import GUARD_AGE, OLD_IS_STALE, OLD_MS, PERIOD_MS, STALE_MS, as_it_is

COUNTED = "leaf_counted"
LEAF_LIMITS_ID = 0x1DC
FAR_MV = 12  # a delivered cell may differ by so much from what is said at rest


def wire_of(stage):
    """The Wire or CanWire of the packs' line."""
    return stage.rig.rig.wire


def truthful(stage):
    """From now on: every cell that is delivered is what its place says (at rest), or nothing."""

    def look():
        device = stage.rig.rig.devices[0]
        sample = device.read(stage.world.now_ms)
        said = stage.world.samples[0]
        for place, (found, mv) in enumerate(zip(sample.cell_mv, said.cell_mv)):
            stage.need(found is None or abs(found - mv) <= FAR_MV, "cell %d: %s, said %d mV" % (place, found, mv))
        if sample.pack_mv is not None:
            apart = abs(sample.pack_mv - said.pack_mv)
            stage.need(apart <= 3000, "pack %d, said %d mV" % (sample.pack_mv, said.pack_mv))

    stage.each = look


def terraced(world):
    """Each quarter of the cells lies 25 mV above the one before: a block taken for another shows."""

    def say(sample):
        cells = tuple(mv + 25 * (place * 4 // len(sample.cell_mv)) for place, mv in enumerate(sample.cell_mv))
        return sample._replace(cell_mv=cells, pack_mv=sum(cells), cell_max_mv=max(cells), cell_min_mv=min(cells))

    world.says[0] = say
    world.samples[0] = say(world.samples[0])


# ---- CAN --------------------------------------------------------------------------------------------------


def counter_stuck(stage):
    """18: frames with a counter that stands still: repeated frames are no fresh frames; lost ones cost nothing."""
    leaf = load("nissan_leaf")
    table = ModuleType("bms_bridge.tables." + COUNTED)
    table.__dict__.update({key: value for key, value in vars(leaf).items() if key.isupper()})
    table.__dict__["COUNTERS"] = (
        (6, 7, 0, 0, 3, 0),
        *vars(leaf)["COUNTERS"][1:],
    )  # two bits of 0x1DB that the profile does not use
    sys.modules[table.__name__] = table
    stage.settings["packs"][0]["profile"] = COUNTED
    stage.settle()
    wire_of(stage).start("lost", percent=30)
    stage.run(9000)
    wire_of(stage).stop("lost")
    stage.settle(ms=400000)
    stage.fault(lambda world: wire_of(stage).start("counter_stuck"))
    stage.zero_within(OLD_MS, stale_ms=STALE_MS)
    stage.expect("input_invalid", OLD_MS)
    stage.run(PERIOD_MS)
    stage.expect_quality("current", "stale")
    stage.heal(lambda world: wire_of(stage).stop("counter_stuck"))
    stage.recovers(10)


def one_id_silent(stage):
    """B1: one identifier is not heard any more, all others are: the limits in it age by themselves."""
    stage.settle()
    stage.fault(lambda world: wire_of(stage).start("silent_id", id=LEAF_LIMITS_ID))
    stage.zero_within(OLD_MS, stale_ms=STALE_MS)
    stage.expect("input_invalid", OLD_MS)
    stage.run(PERIOD_MS)
    stage.expect_quality("limits", "stale")
    stage.expect_quality("current", "ok")
    stage.stays_zero(5000)
    stage.heal(lambda world: wire_of(stage).stop("silent_id"))
    stage.recovers(10)


# ---- Modbus -----------------------------------------------------------------------------------------------


def crc_bad(stage):
    """19: three in ten answers with a flipped bit: what is taken is true, or nothing."""
    stage.settle(0)
    truthful(stage)
    stage.fault(lambda world: wire_of(stage).start("crc_bad", percent=30))
    stage.run(120000)
    stage.heal(lambda world: wire_of(stage).stop("crc_bad"))
    stage.recovers(330)


def late_reply(stage):
    """20: every answer comes one transaction late."""
    stage.fault(terraced)
    stage.settle(0)
    truthful(stage)
    stage.fault(lambda world: wire_of(stage).start("late"))
    stage.zero_within(OLD_MS + PERIOD_MS)
    stage.run(20000)
    stage.heal(lambda world: wire_of(stage).stop("late"))
    stage.recovers(330)


def hole_in_block(stage):
    """21: exception 2 inside a joined read: the parts are read apart from then on, nobody notices."""
    stage.settle()
    stage.fault(lambda world: wire_of(stage).start("joined"))
    stage.stays_up(20000)


def sixteen_registers(stage):
    """22: the device answers at most 16 registers: smaller reads, found by themselves."""
    stage.settle()
    stage.fault(lambda world: wire_of(stage).start("max16"))
    stage.stays_up(20000)


def dead_neighbour(stage):
    """23: one unit of a shared line is dead: its neighbour's values stay younger than two periods."""
    stage.settle(0)
    stage.fault(lambda world: wire_of(stage).start("dead_unit", unit=2))
    stage.run(1000)
    oldest = [0]

    def look():
        sample = stage.rig.rig.devices[0].read(stage.world.now_ms)
        ages = [stage.world.now_ms - group.at_ms for group in sample.groups if group.at_ms is not None]
        oldest[0] = max(oldest[0], *ages)

    stage.each = look
    stage.run(30000)
    stage.need(oldest[0] < 2 * PERIOD_MS, "the neighbour's values were %d ms old" % oldest[0])
    stage.need(stage.permit() == (0, 0), "%s mA with a dead pack" % (stage.permit(),))


def gateway_answers(stage):
    """24: a gateway in between answers for a dead device: exception 4, then 11; an exception is no value."""
    for code in (4, 11):
        stage.settle(ms=400000)
        stage.fault(lambda world, code=code: wire_of(stage).start("exception", code=code))
        stage.zero_within(OLD_MS, stale_ms=STALE_MS)
        stage.stays_zero(3000)
        stage.heal(lambda world: wire_of(stage).stop("exception"))
        stage.recovers(15)


def gateway_caches(stage):
    """24: a gateway in between answers from its cache: the same page for ever, while current flows."""
    stage.settle()
    stage.fault(lambda world: wire_of(stage).start("page_frozen"))
    stage.zero_within(30000 + 4 * PERIOD_MS + 100)
    stage.expect("input_invalid", 30000 + 4 * PERIOD_MS + 100)
    stage.heal(lambda world: wire_of(stage).stop("page_frozen"))
    stage.recovers(10)


def short_answers(stage):
    """B20: answers that are too short, too long, or noise: no error, nothing taken in part."""
    random = Random(20)

    def maul(index, data):
        size = random.choice((0, 1, 2, len(data) - 2, len(data) - 1, len(data) + 1, len(data) + 2, 250))
        return bytes(random.randrange(256) for _ in range(size))

    stage.settle(0)
    before = stage.delivered()[0] if stage.runtime == "cpython" else None
    stage.fault(lambda world: world.bytes_of.update({0: maul}))
    stage.zero_within(OLD_MS, stale_ms=STALE_MS)
    stage.run(4000)
    stage.need(before is None or stage.delivered()[0] == before, "a part of a broken answer was taken")
    stage.heal(as_it_is)
    stage.recovers(330)


_VALIDATE, _POLL = "edge/core/validate.py", "bms_bridge/poll.py"
_FROZEN = (
    (_VALIDATE, "return self._same_reads >= FROZEN_READS and self._same_ms >= FROZEN_MS", "return False"),
    (_VALIDATE, "if self._same_ms >= FROZEN_MOST_MS:", "if False:"),
)
_ROWS = (
    (
        "counter_stuck",
        "4.18",
        "the counter of the frames stands still; frames get lost",
        counter_stuck,
        (("bms_bridge/can.py", "self.repeated += 1\n            return False", "self.repeated += 1"),),
        "leaf",
    ),
    (
        "one_id_silent",
        "B1",
        "one CAN identifier is not heard any more",
        one_id_silent,
        (OLD_IS_STALE, GUARD_AGE),
        "leaf",
    ),
    (
        "crc_bad",
        "4.19",
        "three in ten answers have a flipped bit",
        crc_bad,
        (
            (
                "bms_bridge/modbus.py",
                "if buffer[end - 2] == crc & 0xFF and buffer[end - 1] == crc >> 8:",
                "if True:",
            ),
        ),
        "seplos_rtu",
    ),
    (
        "late_reply",
        "4.20",
        "every answer comes one transaction late",
        late_reply,
        (
            (
                "bms_bridge/transports/board_modbus.py",
                "if transaction == self._transaction and unit in",
                "if unit in",
            ),
        ),
        "sunspec_tcp",
    ),
    (
        "hole_in_block",
        "4.21",
        "exception 2 inside a joined read",
        hole_in_block,
        ((_POLL, "            self._separate(span)\n            return True", "            return True"),),
        "sunspec_tcp",
    ),
    (
        "sixteen_registers",
        "4.22",
        "the device answers at most 16 registers",
        sixteen_registers,
        ((_POLL, "if span.count > PART_MIN:", "if False:"),),
        "seplos_tcp",
    ),
    (
        "dead_neighbour",
        "4.23",
        "one unit of a shared line is dead",
        dead_neighbour,
        ((_POLL, "self._until_ms = now_ms + self._pause_ms", "self._until_ms = None"),),
        "seplos_pair",
    ),
    (
        "gateway_answers",
        "4.24",
        "a gateway answers exception 4, 11 for a dead device",
        gateway_answers,
        (OLD_IS_STALE, GUARD_AGE),
        "seplos_tcp",
    ),
    ("gateway_caches", "4.24", "a gateway answers from its cache", gateway_caches, _FROZEN, "seplos_tcp"),
)
SCENARIOS = (
    *[
        Scenario(name, (nums,), text, WIRE, play, rules, (site,), False)
        for name, nums, text, play, rules, site in _ROWS
    ],
    Scenario(
        "short_answers",
        ("B20",),
        "answers too short, too long, or noise",
        WIRE,
        short_answers,
        (
            (
                "bms_bridge/decode.py",
                "        if len(data) != self.table.SIZES[index]:\n            return False",
                "        data = (bytes(data) + bytes(260))[: self.table.SIZES[index]]",
            ),
        ),
        ("seplos",),
        True,
    ),
)
