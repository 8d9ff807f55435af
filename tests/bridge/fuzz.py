# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Bad bytes for every profile: devices on the three buses that are asked, answered and lied to, and what
must hold whatever comes. tests/bridge/test_fuzz.py runs it; every case is repeated by profile and seed."""

import pathlib
import random

import yaml

from bms_bridge.tables import load
from edge.core.records import IMPLAUSIBLE, MeterSample, PcsSample, Sample
from tests.bridge.fuzz_lines import Can, Joined, Modbus, Serial

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent / "bms_bridge"
TELL_ONLY = ("pylontech_pcs", "sma_pcs")  # inverters that are told and say nothing that is decoded
PROFILES = sorted(path.stem for path in (ROOT / "tables").glob("[!_]*.py") if path.stem not in TELL_ONLY)
MAKES = {"bms": Sample, "pcs": PcsSample, "meter": MeterSample}
LISTS = ("cell_mv", "temp_mc")
SIGNED = ("current_ma", "dc_ma", "dc_w", "power_w")

# Bounds of a value whose profile gives no range in the value's own unit.
WIDEST = {
    "pack_mv": (0, 2000000), "current_ma": (-5000000, 5000000), "cell_max_mv": (0, 10000), "cell_min_mv": (0, 10000),
    "temp_max_mc": (-300000, 400000), "temp_min_mc": (-300000, 400000), "cell_mv": (0, 10000),
    "temp_mc": (-300000, 400000), "bms_soc_ppm": (0, 1200000), "bms_soh_ppm": (0, 1200000),
    "bms_charge_ma": (0, 20000000), "bms_discharge_ma": (0, 20000000), "bms_charge_mv": (0, 2000000),
    "alarms": (0, (1 << 30) - 1), "state": (0, 3), "dc_mv": (0, 2000000), "dc_ma": (-5000000, 5000000),
    "dc_w": (-5000000, 5000000), "charge_w": (-5000000, 5000000), "discharge_w": (-5000000, 5000000), "watchdog_ms": (0, 1 << 32),
    "in_wh": (0, 1 << 64), "out_wh": (0, 1 << 64), "power_w": (-5000000, 5000000),
}  # fmt: skip


def ranges(node):
    """Every range below a node of a profile, and whether one of them is in another unit."""
    found, other = [], False
    if isinstance(node, dict):
        other = "over" in node or "of" in node
        if "range" in node:
            found.append(node["range"])
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            more, odd = ranges(item)
            found += more
            other = other or odd
    return found, other


def bounds_of(name):
    """{field: (lowest, highest)} that the profile called name promises, in the record's units."""
    with open(ROOT / "profiles" / (name + ".yaml"), encoding="utf-8") as file:
        fields = yaml.safe_load(file)["fields"]
    bounds = dict(WIDEST)
    for field, node in fields.items():
        found, other = ranges(node)
        if field in bounds and found and not other:
            low, high = min(row[0] for row in found), max(row[1] for row in found)
            if field in SIGNED:
                low, high = min(low, -high), max(high, -low)
            bounds[field] = (low - 1, high)  # a step finer than the unit is rounded down
    return bounds


def good_sample(table, bounds, rng):
    """A record in the middle of every range."""
    values = []
    for field in MAKES[table.KIND]._fields:
        if field == "at_ms":
            values.append(0)
        elif field == "groups":
            values.append(())
        elif field == "alarms":
            values.append(0)
        elif field == "state":
            values.append(2)
        else:
            low, high = bounds[field]
            count = {"cell_mv": table.CELLS, "temp_mc": table.TEMPS}.get(field)
            some = [low + (high - low) * rng.randint(40, 60) // 100 for _ in range(count or 1)]
            values.append(some[0] if count is None else tuple(some))
    if table.KIND == "pcs":
        sample = PcsSample(*values)
        return PcsSample(0, sample.dc_mv, sample.dc_ma, sample.dc_w, 2, 3000, 4000, 5000, ())
    return MAKES[table.KIND](*values)


BUSES = {"modbus": Modbus, "serial": Serial, "can": Can}


def kind_of(table, life):
    """The line for one life; every second one of a Modbus device is asked for all it can have at once."""
    bus = getattr(table, "BUS", "modbus")
    return Joined if bus == "modbus" and life % 2 else BUSES[bus]


def spoil(rng, payload, keep):
    """payload with something changed: single bytes, bits, all of it, or its length. keep: bytes in front
    that stay."""
    data = bytearray(payload)
    kind = rng.randrange(6)
    if len(data) <= keep:
        return bytes(data)
    if kind == 0:
        data[keep:] = rng.randbytes(len(data) - keep)
    elif kind == 1:
        place = rng.randrange(keep, len(data))
        data[place:] = data[place:][: rng.randrange(len(data) - place + 1)]
    elif kind == 2:
        data += rng.randbytes(rng.randint(1, 4))
    else:
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(keep, len(data))
            data[place] = rng.choice((rng.randrange(256), 0, 0xFF, 0x80, data[place] ^ 1 << rng.randrange(8)))
    return bytes(data)


def damage(rng, wire, other):
    """wire as a bad line gives it: truncated, bits flipped, parts in another order, random, or other."""
    kind = rng.randrange(5)
    if kind == 0:
        return wire[: rng.randrange(len(wire) + 1)]
    if kind == 1:
        data = bytearray(wire)
        for _ in range(rng.randint(1, 8)):
            if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)
    if kind == 2:
        cuts = sorted(rng.randrange(len(wire) + 1) for _ in range(3))
        return wire[: cuts[0]] + wire[cuts[1] : cuts[2]] + wire[cuts[0] : cuts[1]] + wire[cuts[2] :]
    if kind == 3:
        return rng.randbytes(rng.randrange(80))
    return other


class Watch:
    """What must hold after every case."""

    def __init__(self, table, bounds):
        self._table = table
        self._make = MAKES[table.KIND]
        self._bounds = bounds
        self._lists = dict(table.LISTS)
        self.last = None

    def look(self, record, accepted, whole=True):
        """Compare record with the one before. AssertionError says what does not hold. whole: what was accepted
        makes a record."""
        before, self.last = self.last, record
        if record is None:
            assert not (accepted and whole)
            return
        if before is not None:
            if not accepted:
                assert record == before, "something changed without a good answer"
            self._unchanged(before, record)
        for slot, field in enumerate(self._make._fields[1:-1], 1):
            values = record[slot]
            if field in LISTS:
                assert len(values) == self._lists.get(slot, 0), field
            else:
                values = (values,)
            low, high = self._bounds[field]
            for value in values:
                assert value is None or (type(value) is int and low <= value <= high), (field, value)

    def _unchanged(self, before, record):
        """A group without a fresh read is what it was, or withdrawn as a whole (its scale has changed)."""
        for group, row in enumerate(record.groups):
            assert row.count >= before.groups[group].count
            if row.count > before.groups[group].count:
                continue
            places = [slot for slot, _ in self._table.SLOTS_OF[group] if slot < len(record)]
            if row.quality == IMPLAUSIBLE and all(_unknown(record[slot]) for slot in places):
                continue
            for slot in places:
                assert record[slot] == before[slot], "group %d changed without a fresh read" % group


def _unknown(value):
    return value is None or (type(value) is tuple and set(value) <= {None})


def run(name, seed, cases, life=60):
    """Fuzz the profile called name with cases cases; (mutated frames with a good check, those accepted).
    life: cases after which the device must still take good answers, and a new one begins."""
    table = load(name)
    bounds = bounds_of(name)
    kept = accepted = 0
    line = None
    for number in range(cases):
        rng = random.Random("%s/%d/%d" % (name, seed, number))
        if number % life == 0:
            if line is not None:
                recovers(line)
            line = kind_of(table, number // life)(table, good_sample(table, bounds, rng))
            watch = Watch(table, bounds)
            other = b""
        try:
            payload = line.ask()
            checked = rng.random() < 0.5
            if isinstance(line, Joined) and rng.random() < 0.5:
                other = line.refusal(rng)
            wire = line.frame(spoil(rng, payload, line.keep)) if checked else damage(rng, line.frame(payload), other)
            other = line.frame(payload)
            taken = line.give(wire)
            watch.look(line.device.read(0), taken, line.whole)
        except Exception as error:
            raise AssertionError("%s, seed %d, case %d: %r" % (name, seed, number, error)) from error
        kept += checked
        accepted += checked and taken
    recovers(line)
    return kept, accepted


def recovers(line):
    """After all that, good answers are taken and every group that the profile provides becomes fresh; where
    blocks come together or in parts, with the values that the device has (the first rounds may still hold a
    part or a block from before)."""
    before = line.device.read(0)
    rounds = 5 if isinstance(line, Joined) else 1
    counts = [0] * 8 if before is None else [row.count for row in before.groups]
    provided = [group for group, period_ms in enumerate(line.table.PERIODS_MS) if period_ms is not None]
    for _ in range(20 * rounds * len(line.table.BLOCKS)):
        line.give(line.frame(line.ask()))
        after = line.device.read(0)
        if after is not None and all(after.groups[group].count >= counts[group] + rounds for group in provided):
            if isinstance(line, Joined):
                assert after[1:-1] == line.straight(), "%s: not what the device says" % line.table.NAME
            return
    raise AssertionError("%s does not recover" % line.table.NAME)
