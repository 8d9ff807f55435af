# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The last door before a wire: nothing leaves this product except through TxGate.send.

Every transport is built with a gate and hands it each whole frame. The gate trusts nobody: it takes
the frame apart itself, looks it up in a whitelist, turns written registers back into watts or amperes
with its own numbers, and compares them with the permit that the guard gave. A permit expires; after
that only zero passes. What it let out is counted and summed, so that bytes captured at the peer can
be compared with what was approved.
"""

from struct import unpack_from

LISTEN = 0  # nothing leaves
READ = 1  # read requests only
CONTROL = 2  # reads, and writes inside the permit

SENT = 0
REFUSED_MODE = 1
REFUSED_FRAME = 2  # not a well-formed request
REFUSED_ADDRESS = 3  # not in the whitelist
REFUSED_VALUE = 4  # above the permit, negative, or a constant that differs
REFUSED_RATE = 5
VERDICTS = ("sent", "mode", "frame", "address", "value", "rate")

# What a written register means; num and den of its rule turn the raw value into that unit.
CONSTANT = 0  # must equal num
CHARGE_MW = 1
DISCHARGE_MW = 2
CHARGE_MA = 3
DISCHARGE_MA = 4
WATCHDOG_MS = 5  # raw must lie in num..den
CHARGE_ON = 6  # of a CAN frame: the bits num of the raw value may be set only while the permit is above zero
DISCHARGE_ON = 7
BETWEEN = 8  # of a CAN frame: raw must lie in num..den
SETPOINT_MW = 9  # an ordered power with its sign: num above zero + charges, below zero + discharges

# How a written value of two registers is told.
FLOAT = 1  # float32, high word first
FLOAT_SWAPPED = 2  # float32, low word first

# Rate: at most this many frames in any one window. A line at 115 200 baud carries fewer; a fault in
# our own scheduling must not flood a bus that others share. Writes have their own count: however wrong
# the polling goes, a zero still leaves.
RATE_WINDOW_MS = 1000
RATE_FRAMES = 100
RATE_WRITES = 20
RATE_CYCLES = 1000  # a CAN bus: frames that keep a device awake, several of them every 10 ms

# No command may live longer than the longest control period (10 s) and a second.
LIFE_MAX_MS = 11000

_READ_FUNCTIONS = (1, 2, 3, 4)


def _crc16(data):
    """Modbus CRC-16 of data (Modbus over Serial Line V1.02, 6.2.2), bit by bit: the gate shares no
    code with the transport that it watches."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class TxGate:
    """One gate guards one line. kind: "tcp", "rtu", "serial" or "can". mode: LISTEN, READ or CONTROL.

    rules: (reads, writes). reads: ((unit, function, first, end, max_count), ...), end exclusive; a sixth
    number is how many addresses one register takes (JK: 2, an address is a byte offset).
    writes: ((unit, 16 or 6, address, count, fields), ...) with fields ((offset, what, num, den), ...); every
    register of a write must be named by a field. A fifth number in a field: the value is a float32 of two
    registers, FLOAT or FLOAT_SWAPPED. A write that has several rules must obey one of them. Kind "serial": reads
    are whole questions, byte for byte; writes: ((whole frame, on), ...), byte for byte, in CONTROL; one with on set
    only while the permit is above zero.

    Kind "can": a frame is its identifier in four bytes (highest bit: 29 bits), its length in one, and its
    data. reads: ((identifier, start), ...): a diagnostic question (length, 21 or 22, what) or a flow control
    (30, two bytes); behind start only filling bytes, all the same. A third element is the byte that stands in
    front of all that (extended addressing). start None: a frame that asks by its identifier alone, eight
    zeroes. Whatever the rules say, no other service passes. writes: ((identifier, data, mask), ...): frames
    sent in cycles, the same in every bit of mask; only in CONTROL. A fourth element holds the fields of a frame
    that carries limits: ((first byte, end, what, num, den), ...), lowest byte first.
    """

    def __init__(self, kind, mode, rules):
        self.kind = kind
        self.mode = mode
        self.reads, self.writes = rules
        self.approved = 0
        self._low, self._high = 1, 0  # of approved_sum: as one number it is an object on a board
        self.refused = 0
        self.last_refusal = SENT
        self.sink = None
        self._permit = None  # decision, charge_ma, discharge_ma, pack_mv, until_ms
        self._window = [None, None, None]  # its start in ms; reads, and writes or cycles, since then

    @property
    def approved_sum(self):
        """approved_sum() over all that was let out."""
        return self._high << 16 | self._low

    def permit(self, now_ms, command):
        """Take command (edge.core.records.Command) as what may be written from now on; True if taken.

        Refused, and nothing changes: a command without the guard's next decision number (a replayed or
        unguarded one), without an expiry, already expired, or living longer than LIFE_MAX_MS. None as a
        limit or voltage means zero.
        """
        decision = command.decision
        if decision is None or command.valid_until_ms is None:
            return False
        if not now_ms <= command.valid_until_ms <= now_ms + LIFE_MAX_MS:
            return False
        if self._permit is not None and decision <= self._permit[0]:
            return False
        charge_ma, discharge_ma = _magnitude(command.charge_ma), _magnitude(command.discharge_ma)
        self._permit = (decision, charge_ma, discharge_ma, command.pack_mv, command.valid_until_ms)
        return True

    def send(self, now_ms, frame, write):
        """Let frame (bytes, complete with header and checksum) out through write(frame), or refuse.

        Returns SENT or the reason of refusal; a refused frame is counted and never written.
        """
        verdict = self._judge(now_ms, frame)
        if verdict != SENT:
            self.refused += 1
            self.last_refusal = verdict
            return verdict
        self.approved += 1
        self._low, self._high = _summed(self._low, self._high, frame)
        if self.sink is not None:
            self.sink(frame)
        write(frame)
        return SENT

    def _judge(self, now_ms, frame):
        if self.mode not in (READ, CONTROL):
            return REFUSED_MODE
        if self.kind == "can":
            return self._judge_can(now_ms, frame)
        if self.kind == "serial":
            return self._judge_serial(now_ms, bytes(frame))
        start = self._pdu_start(frame)
        if start is None:
            return REFUSED_FRAME
        end = len(frame) if self.kind == "tcp" else len(frame) - 2
        unit = frame[start - 1]
        function = frame[start]
        if function in _READ_FUNCTIONS:
            verdict = self._judge_read(unit, function, frame, start, end)
        elif function in (6, 16):
            verdict = self._judge_write(now_ms, unit, frame, start, end)
        else:
            verdict = REFUSED_ADDRESS
        if verdict != SENT:
            return verdict
        return self._rate(now_ms, function in (6, 16))

    def _judge_serial(self, now_ms, frame):
        """A question of the whitelist; in CONTROL a write of it, one that switches on inside a live permit."""
        if frame in self.reads:
            return self._rate(now_ms, False)
        for want, on in self.writes:
            if frame != want:
                continue
            if self.mode != CONTROL:
                return REFUSED_MODE
            if on and not self._allowed(now_ms, CHARGE_MA) and not self._allowed(now_ms, DISCHARGE_MA):
                return REFUSED_VALUE
            return self._rate(now_ms, True)
        return REFUSED_ADDRESS

    def _judge_can(self, now_ms, frame):
        if len(frame) < 6 or len(frame) != 5 + frame[4] or frame[4] > 64:
            return REFUSED_FRAME
        (key,) = unpack_from(">I", frame, 0)
        if key > 0x9FFFFFFF or 0x7FF < key < 0x80000000:
            return REFUSED_FRAME
        data = bytes(frame[5:])
        for rule in self.reads:
            if key == rule[0] and _is_question(data, rule[1], rule[2] if len(rule) > 2 else b""):
                return self._rate(now_ms, False)
        verdict = self._judge_cycle(now_ms, key, data)
        return self._rate_cycles(now_ms) if verdict == SENT else verdict

    def _judge_cycle(self, now_ms, key, data):
        """A frame that is sent in cycles: known, and inside the permit if it carries limits."""
        verdict = REFUSED_ADDRESS
        for rule in self.writes:
            if key != rule[0] or not _is_same(data, rule[1], rule[2]):
                continue
            if self.mode != CONTROL:
                return REFUSED_MODE
            if len(rule) < 4:
                return SENT
            if self._fits(now_ms, data, rule[3]):
                return SENT
            verdict = REFUSED_VALUE
        return verdict

    def _fits(self, now_ms, data, fields):
        """True when every field of data (bytes of a CAN frame) stays inside the permit or its bounds."""
        for first, end, what, num, den in fields:
            raw = int.from_bytes(data[first:end], "little")
            if what == BETWEEN:
                good = num <= raw <= den
            elif what in (CHARGE_ON, DISCHARGE_ON):
                good = not raw & num or self._allowed(now_ms, CHARGE_MA if what == CHARGE_ON else DISCHARGE_MA) > 0
            else:
                sign = 1 << 8 * (end - first) - 1
                good = raw < sign and -(-raw * num // den) <= self._allowed(now_ms, what)
            if not good:
                return False
        return True

    def _pdu_start(self, frame):
        """Index of the function code, or None when the frame is not well formed."""
        if self.kind == "tcp":
            if len(frame) < 12 or frame[2] or frame[3] or frame[4]:  # no frame is longer than 260 bytes
                return None
            return 7 if frame[5] == len(frame) - 6 else None
        if len(frame) < 8 or _crc16(frame[:-2]) != (frame[-1] << 8 | frame[-2]):
            return None
        return 1

    def _judge_read(self, unit, function, frame, start, end):
        if end - start != 5:
            return REFUSED_FRAME
        address, count = _word(frame, start + 1), _word(frame, start + 3)
        for rule in self.reads:
            if unit == rule[0] and function == rule[1] and rule[2] <= address and 0 < count <= rule[4]:
                step = rule[5] if len(rule) > 5 else 1
                if address + step * count <= rule[3] and (address - rule[2]) % step == 0:
                    return SENT
        return REFUSED_ADDRESS

    def _judge_write(self, now_ms, unit, frame, start, end):
        if self.mode != CONTROL:
            return REFUSED_MODE
        function = frame[start]
        if function == 6:
            if end - start != 5:
                return REFUSED_FRAME
            count, data = 1, start + 3
        else:
            if end - start < 6:
                return REFUSED_FRAME
            count, size = _word(frame, start + 3), frame[start + 5]
            if size != 2 * count or end - start != 6 + size:
                return REFUSED_FRAME
            data = start + 6
        address = _word(frame, start + 1)
        verdict = REFUSED_ADDRESS
        for rule in self.writes:  # one register may have several rules: what one of them lets out may go
            if rule[0] == unit and rule[1] == function and rule[2] == address and rule[3] == count:
                verdict = self._judge_fields(now_ms, frame, data, count, rule[4])
                if verdict == SENT:
                    break
        return verdict

    def _judge_fields(self, now_ms, frame, data, count, fields):
        named = 0
        for field in fields:
            what, num, den = field[1], field[2], field[3]
            raw = _word(frame, data + 2 * field[0])
            if len(field) > 4:
                word = _word(frame, data + 2 * field[0] + 2)
                bits = raw << 16 | word if field[4] == FLOAT else word << 16 | raw
                raw = signed_float(bits) if what == SETPOINT_MW else whole_float(bits)
                named += 2
            else:
                named += 1
                if what == SETPOINT_MW:
                    raw -= raw >> 15 << 16
                elif what not in (CONSTANT, WATCHDOG_MS) and raw >= 0x8000:
                    raw = None
            if raw is None:
                good = False
            elif what == CONSTANT:
                good = raw == num
            elif what == WATCHDOG_MS:
                good = num <= raw <= den
            elif what == SETPOINT_MW:
                most, least = self._allowed(now_ms, CHARGE_MW), -self._allowed(now_ms, DISCHARGE_MW)
                good = least * den <= raw * num <= most * den
            else:
                # ceiling: a limit is compared with the largest current that the register can mean
                good = -(-raw * num // den) <= self._allowed(now_ms, what)
            if not good:
                return REFUSED_VALUE
        return SENT if named == count else REFUSED_ADDRESS

    def _allowed(self, now_ms, what):
        """What the permit allows now, in the unit of what; 0 once it has expired."""
        if self._permit is None:
            return 0
        _, charge_ma, discharge_ma, pack_mv, until_ms = self._permit
        if now_ms > until_ms or pack_mv is None:
            return 0
        if what == CHARGE_MA:
            return charge_ma
        if what == DISCHARGE_MA:
            return discharge_ma
        if what == CHARGE_MW:
            return _milliwatts(charge_ma, pack_mv)
        if what == DISCHARGE_MW:
            return _milliwatts(discharge_ma, pack_mv)
        return 0

    def _rate(self, now_ms, is_write):
        return self._count(now_ms, 2, RATE_WRITES) if is_write else self._count(now_ms, 1, RATE_FRAMES)

    def _rate_cycles(self, now_ms):
        return self._count(now_ms, 2, RATE_CYCLES)

    def _count(self, now_ms, kind, most):
        window = self._window
        if window[0] is None or now_ms - window[0] >= RATE_WINDOW_MS:
            window[0] = now_ms
            window[1] = window[2] = 0
        window[kind] += 1
        return SENT if window[kind] <= most else REFUSED_RATE


def _word(frame, at):
    """The register whose high byte is frame[at]; no tuple is made for it."""
    return frame[at] << 8 | frame[at + 1]


def _milliwatts(ma, mv):
    """ma * mv // 1000, in steps without large integers."""
    return mv // 1000 * ma + mv % 1000 * ma // 1000


def _magnitude(ma):
    """Never below zero: a write of zero must always fit."""
    return 0 if ma is None else max(ma, 0)


def _is_question(data, start, to):
    """True when data (bytes of a CAN frame) is to, start and filling bytes, and start asks and does not change:
    21 xx (KWP), 22 xx xx (UDS), or a flow control. start None: data is eight zeroes. to: one byte or none."""
    if start is None:
        return data == bytes(8)
    size = len(start)
    if start[:1] == b"\x30":
        good = size == 3
    else:
        good = (start[1:2], size) in ((b"\x21", 3), (b"\x22", 4)) and start[0] == size - 1
    if not good or len(data) != 8 or len(to) > 1 or data[: len(to)] != to:
        return False
    data = data[len(to) :]
    return data[:size] == start and data[size:] == data[-1:] * (len(data) - size)


def _is_same(data, want, mask):
    """True when data and want have one length and agree in every bit of mask."""
    if len(data) != len(want):
        return False
    for byte, wanted, bits in zip(data, want, mask):
        if (byte ^ wanted) & bits:
            return False
    return True


def whole_float(bits):
    """The whole number that the IEEE 754 single precision bits stand for; None for everything that is not a
    whole number from 0 to 2^23 - 1: a sign (minus zero too), a fraction, infinite, not a number."""
    if bits == 0:
        return 0
    shift = 150 - (bits >> 23)
    if shift <= 0:
        return None
    mantissa = bits & 0x7FFFFF | 0x800000
    return None if mantissa & (1 << shift) - 1 else mantissa >> shift


def signed_float(bits):
    """whole_float of bits without its sign, below zero when that is set."""
    value = whole_float(bits & 0x7FFFFFFF)
    return -value if value and bits >> 31 else value


def approved_sum(total, frame):
    """Running sum over approved frames: Adler-32 (RFC 1950) continued from total (start: 1). Applied to bytes captured
    at the peer it must give the gate's approved_sum."""
    low, high = _summed(total & 0xFFFF, total >> 16, frame)
    return high << 16 | low


def _summed(low, high, frame):
    """The two halves of approved_sum, continued."""
    for byte in frame:
        low = (low + byte) % 65521
        high = (high + low) % 65521
    return low, high
