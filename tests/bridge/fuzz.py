# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Bad bytes for every profile: devices on the three buses that are asked, answered and lied to, and what
must hold whatever comes. tests/bridge/test_fuzz.py runs it; every case is repeated by profile and seed."""

import pathlib
import random
from struct import pack

import yaml

from bms_bridge.bms import Bms
from bms_bridge.encode import encode_all
from bms_bridge.modbus import TIMEOUT, reply_data, rtu_frame, rtu_parse
from bms_bridge.pcs import Pcs
from bms_bridge.serial_bms import SerialBms, reply_payload
from bms_bridge.serial_encode import payload_frame
from bms_bridge.serial_frames import fold
from bms_bridge.tables import load
from edge.core.records import IMPLAUSIBLE, MeterSample, PcsSample, Sample

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent / "bms_bridge"
PROFILES = sorted(path.stem for path in (ROOT / "tables").glob("[!_]*.py"))
MAKES = {"bms": Sample, "pcs": PcsSample, "meter": MeterSample}
LISTS = ("cell_mv", "temp_mc")
SIGNED = ("current_ma", "dc_ma", "dc_w", "power_w")
STEP_MS = 20000  # longer than every period and every back-off

# Bounds of a value whose profile gives no range in the value's own unit.
WIDEST = {
    "pack_mv": (0, 2000000), "current_ma": (-5000000, 5000000), "cell_max_mv": (0, 10000), "cell_min_mv": (0, 10000),
    "temp_max_mc": (-300000, 400000), "temp_min_mc": (-300000, 400000), "cell_mv": (0, 10000),
    "temp_mc": (-300000, 400000), "bms_soc_ppm": (0, 1200000), "bms_soh_ppm": (0, 1200000),
    "bms_charge_ma": (0, 20000000), "bms_discharge_ma": (0, 20000000), "bms_charge_mv": (0, 2000000),
    "alarms": (0, (1 << 30) - 1), "state": (0, 3), "dc_mv": (0, 2000000), "dc_ma": (-5000000, 5000000),
    "dc_w": (-5000000, 5000000), "charge_w": (0, 5000000), "discharge_w": (0, 5000000), "watchdog_ms": (0, 1 << 32),
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


class Modbus:
    """A device on a serial line, each request one whole block."""

    keep = 0

    def __init__(self, table, sample):
        self.table = table
        if table.KIND == "pcs":
            self.device = Pcs(table, 1, {"id": "pcs", "power_w": 10000, "watchdog_ms": 5000}, None)
        else:
            self.device = Bms(table, 1, {"id": "pack", "cells": table.CELLS, "temps": table.TEMPS})
        reader = getattr(self.device, "reader", None)
        if reader is not None:
            reader.one_block_each()
        self._blocks = encode_all(table, sample, 10000)
        self._now_ms = 0

    def ask(self):
        """Payload of the good answer to the next request."""
        self._now_ms += STEP_MS
        self.request = self.device.next_request(self._now_ms)
        if self.request.data is not None:
            return b""
        return self._blocks[self.request.index]

    def frame(self, payload):
        """payload as the unit would send it."""
        request = self.request
        if request.data is not None:
            return rtu_frame(self.sender, pack(">BHH", 16, request.address, request.count) + payload)
        return rtu_frame(self.sender, bytes((request.function, len(payload) & 0xFF)) + payload)

    @property
    def sender(self):
        """Unit id of the answer."""
        return self.request.unit >> 8 or self.request.unit

    def give(self, wire):
        """wire arrives; True when it was taken as the answer."""
        found = rtu_parse(wire, self.sender, self.request.function)
        data, reason = (None, TIMEOUT) if found is None else reply_data(self.request, found[0])
        if reason:
            self.device.failed(self._now_ms, self.request, reason)
            return False
        return bool(self.device.reply(self._now_ms, self.request, data))


class Serial:
    """A device with a framing of its own."""

    def __init__(self, table, sample):
        self.table = table
        self.device = SerialBms(table, 2, {"id": "pack", "cells": table.CELLS, "temps": table.TEMPS})
        self.keep = 5 if table.FRAMING == "jk" else 0  # a frame without its head is no frame
        self._blocks = encode_all(table, sample)
        self._now_ms = 0

    def ask(self):
        """Payload of the good answer to the next question."""
        self._now_ms += STEP_MS
        self.request = self.device.next_request(self._now_ms)
        return fold(self.table.ANSWERS[self.request.index], self._blocks[self.request.index])

    def frame(self, payload):
        """payload as the device would send it."""
        return payload_frame(self.table, self.request.index, 2, payload)

    def give(self, wire):
        """wire arrives; True when it was taken as the answer."""
        payload, reason = reply_payload(self.request, wire) or (None, TIMEOUT)
        if reason:
            self.device.failed(self._now_ms, self.request, reason)
            return False
        return self.device.reply(self._now_ms, self.request, payload)


class Can:
    """A device on a CAN bus: what it sends by itself, and the answers to diagnostic questions."""

    keep = 0

    def __init__(self, table, sample):
        from bms_bridge.can import CanBms
        from bms_bridge.can_encode import encode_message

        self.table = table
        self.device = CanBms(table, {"id": "pack", "cells": table.CELLS, "temps": table.TEMPS})
        self._blocks = [encode_message(table, index, sample) for index in range(len(table.BLOCKS))]
        self._turn = -1
        self._now_ms = 0
        self._count = 0

    def ask(self):
        """Data of the next message."""
        self._now_ms += 20
        self._count += 1
        self._turn = (self._turn + 1) % len(self._blocks)
        self._row = None
        if self.table.BLOCKS[self._turn][1] == 0:
            return self._blocks[self._turn]
        for _ in range(400):  # until a question is out; what is sent in cycles comes between
            if self.device._open is not None:
                break
            self._now_ms += 100
            self.device.next_frame(self._now_ms)
        ask = self.device._open
        self._row = next(row for row in self.table.ASKS if row[1] == ask.answer and row[6] == ask.index)
        return self._blocks[ask.index]

    def frame(self, payload):
        """payload with a good checksum and the next counter; of an answer: with its header."""
        from bms_bridge.can import with_sum

        if self._row is not None:
            return self._row[3] + payload
        row = self.table.SUMS[self._turn]
        counter = self.table.COUNTERS[self._turn]
        least = max([place[1] for place in (counter, row and row[1]) if place] or [0])
        return payload if len(payload) < least else with_sum(payload, counter, self._count, row)

    def give(self, wire):
        """wire arrives; True when it was decoded."""
        from bms_bridge.isotp import segments

        before = self.device.taken
        if self._row is None:
            key = self.table.BLOCKS[self._turn][0]
            self.device.take(self._now_ms, key & 0x1FFFFFFF, key >= 1 << 31, wire)
            return self.device.taken != before
        key = self._row[1]
        for part in segments(wire, self._row[5], 8) if wire else [b""]:
            self.device.take(self._now_ms, key & 0x1FFFFFFF, key >= 1 << 31, part)
            self.device.next_frame(self._now_ms)
        if self.device._open is not None:
            self.device.failed(self._now_ms, TIMEOUT)
        return self.device.taken != before


BUSES = {"modbus": Modbus, "serial": Serial, "can": Can}


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

    def look(self, record, accepted):
        """Compare record with the one before. AssertionError says what does not hold."""
        before, self.last = self.last, record
        if record is None:
            assert not accepted
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
            line = BUSES[getattr(table, "BUS", "modbus")](table, good_sample(table, bounds, rng))
            watch = Watch(table, bounds)
            other = b""
        try:
            payload = line.ask()
            checked = rng.random() < 0.5
            wire = line.frame(spoil(rng, payload, line.keep)) if checked else damage(rng, line.frame(payload), other)
            other = line.frame(payload)
            taken = line.give(wire)
            watch.look(line.device.read(0), taken)
        except Exception as error:
            raise AssertionError("%s, seed %d, case %d: %r" % (name, seed, number, error)) from error
        kept += checked
        accepted += checked and taken
    recovers(line)
    return kept, accepted


def recovers(line):
    """After all that, good answers are taken and every group that the profile provides becomes fresh."""
    before = line.device.read(0)
    counts = [0] * 8 if before is None else [row.count for row in before.groups]
    provided = [group for group, period_ms in enumerate(line.table.PERIODS_MS) if period_ms is not None]
    for _ in range(20 * len(line.table.BLOCKS)):
        line.give(line.frame(line.ask()))
        after = line.device.read(0)
        if after is not None and all(after.groups[group].count > counts[group] for group in provided):
            return
    raise AssertionError("%s does not recover" % line.table.NAME)
