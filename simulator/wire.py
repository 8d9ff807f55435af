# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What goes wrong between a device and its reader: a Modbus server as bytes in, bytes out.

    wire = Wire("rtu", source)          # or "tcp"
    wire.start("crc_bad", percent=30)
    for data in wire.exchange(request): send(data)

Pure: sockets and pseudo-terminals lie in simulator.wire_serve. source tells what the devices say, see
WorldSource. Randomness comes from one seed.
"""

from collections import namedtuple
from random import Random
from struct import pack, unpack_from

from bms_bridge.encode import encode_block, served
from bms_bridge.modbus import crc16, rtu_frame, tcp_frame, tcp_parse
from simulator.world import SILENT

# kinds: the buses it can happen on. defaults: ((parameter, value), ...). text: for the reader.
Row = namedtuple("Row", ("name", "kinds", "defaults", "text"))

ROWS = (
    Row("lost", ("tcp", "rtu", "serial", "can"), (("percent", 30),), "answers (on CAN: frames) get lost"),
    Row("late", ("tcp", "rtu", "serial"), (), "each answer comes one transaction late: when the next request arrives"),
    Row("crc_bad", ("rtu", "serial"), (("percent", 30),), "answers arrive with a flipped bit"),
    Row("hole", ("tcp", "rtu"), (("address", -1),), "a read that touches a register in no block is exception 2"),
    Row("max16", ("tcp", "rtu"), (("registers", 16),), "a read of more registers than that is exception 3"),
    Row("joined", ("tcp", "rtu"), (), "a read that spans two blocks is exception 2"),
    Row("exception", ("tcp", "rtu"), (("code", 11),), "every read is answered by that exception"),
    Row("dead_unit", ("tcp", "rtu", "serial"), (("unit", 1),), "one unit of a shared line never answers"),
    Row("page_frozen", ("tcp", "rtu", "serial", "can"), (), "the link lives, the same page comes for ever"),
    Row(
        "frozen_at_rest",
        ("tcp", "rtu", "serial", "can"),
        (("ma", 1000),),
        "the page freezes when the current is next at rest",
    ),
    Row("echo", ("rtu", "serial"), (), "the line gives every request back before the answer"),
    Row("silent_id", ("can",), (("id", 0),), "one identifier is not heard any more; all others are"),
    Row("counter_stuck", ("can",), (), "the counters of its frames stand still"),
    Row("bus_off", ("can",), (), "the interface has left the bus: nothing arrives, nothing leaves"),
)
BY_NAME = {row.name: row for row in ROWS}

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
_REGISTERS_MAX = 125
_COILS_MAX = 2000


class Troubles:
    """The wire mishaps of one line that are on. kind: "tcp", "rtu", "serial" or "can"."""

    def __init__(self, kind, seed=1):
        self.kind = kind
        self.random = Random(seed)
        self.active = {}

    def start(self, name, **parameters):
        """Switch mishap `name` on. KeyError for one that this kind of line does not have, TypeError for a
        parameter that it does not have."""
        row = BY_NAME[name]
        if self.kind not in row.kinds:
            raise KeyError(name)
        values = dict(row.defaults)
        for key, value in parameters.items():
            if key not in values:
                raise TypeError("mishap %s has no parameter %s" % (name, key))
            values[key] = value
        self.active[name] = values

    def stop(self, name):
        """Switch mishap `name` off; nothing happens if it is not on."""
        self.active.pop(name, None)

    def strikes(self, name):
        """True when mishap `name` is on and, if it has a percentage, hits this time."""
        row = self.active.get(name)
        return row is not None and self.random.randrange(100) < row.get("percent", 100)


class WorldSource:
    """The devices of a simulator.world.World on one line. devices: {unit: number of the device}."""

    def __init__(self, world, devices):
        self.world = world
        self.devices = devices

    def image(self, unit):
        """Everything unit answers now: ((function, address, count, data), ...), data as on the wire."""
        device = self.devices[unit]
        table = self.world.tables[device]
        rows = [row[:3] + (self.world.block(device, index),) for index, row in enumerate(table.BLOCKS)]
        for function, address, registers in served(table):
            rows.append((function, address, len(registers), pack(">%dH" % len(registers), *registers)))
        return tuple(rows)

    def polling(self, unit):
        """(address step from one register to the next, unit id of its answers) of unit."""
        return polling_of(self.world.tables[self.devices[unit]], unit)

    def current_ma(self, unit):
        """Current that unit reports, + charges; None for a device without one."""
        sample = self.world.samples[self.devices[unit]]
        return getattr(sample, "current_ma", getattr(sample, "dc_ma", None))

    def is_silent(self, unit):
        """True when nobody answers for unit."""
        return unit not in self.devices or self.world.status(self.devices[unit]) == SILENT

    def write(self, unit, address, data):
        """An FC16 write of data (bytes); True when the device takes it."""
        return self.world.write(self.devices[unit], address, data)


class SampleSource:
    """Devices that say a record: {unit: (table, sample, power_w)}; sample may be replaced at any time."""

    def __init__(self, units):
        self.units = units

    def image(self, unit):
        """See WorldSource."""
        table, sample, power_w = self.units[unit]
        return tuple(row[:3] + (encode_block(table, index, sample, power_w),) for index, row in enumerate(table.BLOCKS))

    def polling(self, unit):
        """See WorldSource."""
        return polling_of(self.units[unit][0], unit)

    def current_ma(self, unit):
        """See WorldSource."""
        return getattr(self.units[unit][1], "current_ma", None)

    def is_silent(self, unit):
        """See WorldSource."""
        return unit not in self.units

    def write(self, unit, address, data):
        """Nothing is taken."""
        return False


class Wire(Troubles):
    """A Modbus line with devices at its far end. kind: "tcp" or "rtu". source: WorldSource or the like.
    requests: how many whole requests came; asked: {unit: how many}."""

    def __init__(self, kind, source, seed=1):
        super().__init__(kind, seed)
        self.source = source
        self.requests = 0
        self.asked = {}
        self._frozen = {}
        self._held = b""

    def stop(self, name):
        """Switch mishap `name` off; a frozen page thaws, an answer held back is gone."""
        super().stop(name)
        if name in ("page_frozen", "frozen_at_rest"):
            self._frozen.clear()
        if name == "late":
            self._held = b""

    def split(self, buffer):
        """(whole request frame, rest of buffer), or (None, rest) when more bytes are needed."""
        if self.kind == "tcp":
            found = tcp_parse(buffer)
            if found is None:
                return None, buffer
            return (buffer[: found[3]], buffer[found[3] :]) if found[3] else (None, b"")
        for start in range(len(buffer)):
            size = _rtu_size(buffer[start:])
            if size is None:
                return None, buffer[start:]
            frame = buffer[start : start + size]
            if size and crc16(frame[:-2]) == frame[-2] | frame[-1] << 8:
                return frame, buffer[start + size :]
        return None, b""

    def exchange(self, frame):
        """What the line carries back for one whole request frame: a list of byte strings, maybe empty."""
        self.requests += 1
        back = [frame] if "echo" in self.active else []
        if self.kind == "tcp":
            transaction, unit, pdu, _ = tcp_parse(frame)
        else:
            transaction, unit, pdu = 0, frame[0], frame[1:-2]
        self.asked[unit] = self.asked.get(unit, 0) + 1
        answer = self._answer(unit, pdu)
        if answer is None:
            return back
        unit = self.source.polling(unit)[1]
        reply = tcp_frame(transaction, unit, answer) if self.kind == "tcp" else rtu_frame(unit, answer)
        if self.strikes("crc_bad"):
            place = self.random.randrange(len(reply))
            reply = reply[:place] + bytes((reply[place] ^ 1 << self.random.randrange(8),)) + reply[place + 1 :]
        if "late" in self.active:
            reply, self._held = self._held, reply
        if not reply or self.strikes("lost"):
            return back
        return [*back, reply]

    def _answer(self, unit, pdu):
        """The device's answer PDU, None for silence."""
        if self.source.is_silent(unit) or self.active.get("dead_unit", {}).get("unit") == unit:
            return None
        function = pdu[0]
        if function == 16 and len(pdu) >= 8:
            _, address, count, size = unpack_from(">BHHB", pdu)
            if size == 2 * count == len(pdu) - 6 and self.source.write(unit, address, pdu[6:]):
                return pdu[:5]
            return _refusal(function, ILLEGAL_ADDRESS)
        if not 1 <= function <= 4 or len(pdu) != 5:
            return _refusal(function, ILLEGAL_FUNCTION)
        _, address, count = unpack_from(">BHH", pdu)
        most = _COILS_MAX if function <= 2 else _REGISTERS_MAX
        if "max16" in self.active and function >= 3:
            most = self.active["max16"]["registers"]
        if not 1 <= count <= most:
            return _refusal(function, ILLEGAL_VALUE)
        if "exception" in self.active:
            return _refusal(function, self.active["exception"]["code"])
        rows = [row for row in self._image(unit) if row[0] == function]
        whole = [row for row in rows if row[1] <= address and address + count <= row[1] + row[2]]
        if "joined" in self.active and not whole:
            return _refusal(function, ILLEGAL_ADDRESS)
        hole = self.active.get("hole", {}).get("address")
        data = read_image(rows, address, count, function <= 2, hole, self.source.polling(unit)[0])
        return _refusal(function, ILLEGAL_ADDRESS) if data is None else bytes((function, len(data))) + data

    def _image(self, unit):
        """What unit says, or said when its page froze."""
        if unit not in self._frozen:
            if "page_frozen" in self.active or self._rests(unit):
                self._frozen[unit] = self.source.image(unit)
            else:
                return self.source.image(unit)
        return self._frozen[unit]

    def _rests(self, unit):
        row = self.active.get("frozen_at_rest")
        current_ma = self.source.current_ma(unit)
        return row is not None and current_ma is not None and abs(current_ma) < row["ma"]


def polling_of(table, unit):
    """(address step, unit id of the answers) of a device with that table at unit."""
    row = getattr(table, "POLLING", (0, 0, 0, 1, 0))
    return row[3], row[4] or unit


def read_image(rows, address, count, coils, hole=None, step=1):
    """Data of a read of count places from address out of rows ((function, address, count, data), ...).

    Places that no row covers read as 0, as most devices have it. None (exception 2) when no row covers
    any place. hole: None; or a register that must not be touched, -1 for every place that no row covers.
    step: by how much the address grows from one place to the next.
    """
    values = [None] * count
    for _, first, size, data in rows:
        for number in range(count):
            at, odd = divmod(address + step * number - first, step)
            if odd or not 0 <= at < size:
                continue
            values[number] = data[at >> 3] >> (at & 7) & 1 if coils else data[2 * at] << 8 | data[2 * at + 1]
    if all(value is None for value in values):
        return None
    if (hole == -1 and None in values) or (hole is not None and address <= hole < address + step * count):
        return None
    known = [value or 0 for value in values]
    if not coils:
        return pack(">%dH" % count, *known)
    packed = bytearray((count + 7) // 8)
    for place, bit in enumerate(known):
        packed[place >> 3] |= bit << (place & 7)
    return bytes(packed)


def _refusal(function, code):
    return bytes((function | 0x80, code))


def _rtu_size(buffer):
    """Length of the serial request at the start of buffer; None when more bytes are needed, 0 when none
    starts here."""
    if len(buffer) < 8:
        return None
    if buffer[1] not in (15, 16):
        return 8 if 1 <= buffer[1] <= 6 else 0
    size = 9 + buffer[6]
    return size if len(buffer) >= size else None


def parse_mishap(text):
    """("lost", {"percent": 20}) from "lost:percent=20". Raises ValueError for a value that is no integer."""
    name, _, rest = text.partition(":")
    parameters = {}
    for part in rest.split(",") if rest else ():
        key, _, value = part.partition("=")
        parameters[key] = int(value, 0)
    return name, parameters
