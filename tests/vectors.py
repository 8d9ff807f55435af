# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Random steps of limits, guard and faults as one checksum, the same on every runtime.

python -m tests.vectors COUNT SEED, or under the VM: micropython tests/vectors.py COUNT SEED with the root on its path.
"""

import sys
from binascii import crc32

from edge.core import faults as f
from edge.core import limits as lim
from edge.core.guard import guard, stale_limits
from edge.core.records import Command, Est, Group
from edge.core.validate import Believed, Validator
from tests.both import core_help as h

MV = (0, 500, 2499, 2500, 2501, 2700, 3000, 3299, 3400, 3570, 3649, 3650, 3651, 4120, 4200, 5000, 5001, 65535)
MC = (-40001, -40000, -20000, -10000, 0, 1, 5000, 25000, 40000, 45000, 54999, 55000, 55001, 100000, 100001)
MA = (-5, 0, 1, 56000, 80000, 90000, 120000, 140000, 3000000)
MS = (0, 1, 999, 1000, 3000, 3001, 60000)
HEALTHY = Validator(h.pack(), 1000).step(0, h.sample(), None)
CHEMISTRIES = ("lfp", "nmc", "lmo")


class Pick:
    """xorshift of 32 bits (Marsaglia 2003): the same numbers on every runtime."""

    def __init__(self, seed):
        self.x = seed & 0xFFFFFFFF or 1

    def below(self, n):
        """0..n-1."""
        x = self.x
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.x = x
        return x % n

    def of(self, values, spread, usual=None):
        """usual, where there is one, in 7 of 8; else one of values, mostly moved by up to spread, seldom None."""
        if usual is not None and self.below(8):
            return usual
        if self.below(40) == 0:
            return None
        value = values[self.below(len(values))]
        return value + self.below(2 * spread + 1) - spread if self.below(3) else value


def sample_of(pick, now_ms):
    """A sample with values at and around every border."""
    level = pick.of(MV, 3, 3200 + pick.below(350)) or 3300
    cells = tuple([level + pick.below(7) for _ in range(15)] + [pick.of(MV, 3, level)])
    temps = tuple([25000, 25000, 25000] + [pick.of(MC, 2, 1000 * pick.below(50))])
    quality = [Group(int(pick.below(60) == 0), now_ms - MS[pick.below(5)] * (pick.below(9) == 0), 1) for _ in range(8)]
    return h.sample(
        now_ms,
        cell_mv=cells,
        temp_mc=temps,
        pack_mv=pick.of((999, 1000, 52800, 2000000), 2, 52800),
        current_ma=pick.of((-3000001, 0, 50000, 3000000), 1, 0),
        bms_charge_ma=pick.of(MA, 2, 120000),
        bms_discharge_ma=pick.of(MA, 2, 120000),
        alarms=pick.of((0, 1), 0, 0),
        cell_max_mv=None,
        groups=tuple(quality),
    )


def believed_of(pick, sample):
    """What limits see: high, low, hot and cold of the sample, or a gap."""
    cells = [mv for mv in sample.cell_mv if mv is not None]
    temps = [mc for mc in sample.temp_mc if mc is not None]
    values = [sample.pack_mv, sample.current_ma, max(cells), min(cells), max(temps), min(temps)]
    for place in range(len(values)):
        if pick.below(50) == 0:
            values[place] = None
    values.extend([sample.cell_mv, sample.bms_charge_ma, sample.bms_discharge_ma, 56000, sample.alarms])
    return Believed(*(values + list(HEALTHY[len(values) :])))


def papers_of(pick):
    """What leases, narrowings and stops say, for one direction."""
    rows = []
    for _ in range(pick.below(4)):
        source = (lim.S_CONTRACT, lim.S_ENGINEER, lim.S_ORDER)[pick.below(3)]
        until_ms = None if pick.below(3) == 0 else MS[pick.below(7)]
        rows.append((source, pick.of(MA, 2), until_ms, pick.of(MA, 2)))
    return tuple(rows)


class Steps:
    """Steps of one site whose every value is picked."""

    def __init__(self, seed):
        self.pick = Pick(seed)
        self.packs = [h.pack(chemistry=kind) for kind in CHEMISTRIES]
        self.held = [lim.Held(pack) for pack in self.packs]
        self.faults = f.Faults()
        self.now_ms = 0
        self.sum = 0

    def step(self, number):
        """One vector through limits, guard and faults, into the sum."""
        pick = self.pick
        self.now_ms += MS[pick.below(len(MS))]
        kind = pick.below(3)
        pack = self.packs[kind]
        sample = sample_of(pick, self.now_ms)
        believed = believed_of(pick, sample)
        soc = Est(pick.of((0, 50000, 500000, 950000, 1000000), 2), pick.of((1000, 200000), 1), 0, 2)
        capacity = Est(pick.of((84000, 140000, 196000, 238000), 2), 1000, 0, 2)
        view = self.held[kind].step(lim.readings(pack, believed, soc, capacity))
        papers = (papers_of(pick), papers_of(pick))
        ramp = (pick.below(200000), pick.below(200000))
        limits = lim.combine(self.now_ms % 4000, pack, believed, view, soc, (None, None), ramp, papers)
        wanted = Command(0, limits.charge_ma, limits.discharge_ma, None, None, None, None, self.now_ms + 3000, None)
        now_ms = self.now_ms % 4000
        made, reason = guard(self.now_ms, pack, stale_limits(pack, 1000), sample, wanted, number, papers)
        conditions = [pick.below(30) == 0 for _ in f.FAULTS]
        changes = self.faults.step(self.now_ms, number, number // 2, conditions)
        row = [now_ms, limits.charge_ma, limits.charge_why, limits.discharge_ma, limits.discharge_why, reason]
        row.extend([made.charge_ma, made.discharge_ma, self.faults.level(), self.faults.blocking(f.CHARGE)])
        row.extend([each for change in changes for each in change])
        row.extend([each for source in limits.sources for each in source])
        self.sum = crc32(str(row).encode(), self.sum)
        return limits, made


def main(count, seed):
    """Print the sum of count vectors, and how many of them let something flow."""
    steps = Steps(seed)
    flowing = 0
    for number in range(count):
        limits, made = steps.step(number)
        assert made.charge_ma <= limits.charge_ma and made.discharge_ma <= limits.discharge_ma
        flowing += made.charge_ma + made.discharge_ma > 0
    print("%d vectors, seed %d, %d flowing, sum %08x" % (count, seed, flowing, steps.sum))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
