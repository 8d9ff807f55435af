# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The power conversion system: a polled device that also takes limits. Device port and Actuator port.

Limits are written when they change and refreshed three times per watchdog period. They live as long as
the command that brought them: after its valid_until_ms this class writes zero by itself, and when it
cannot (the line is down, the controller is dead), the PCS's own watchdog brings them to zero.

Nothing above zero is written before the PCS's own registers say that the watchdog is the site's and that every
fixed register holds what it must, nor while what it says of its limits is looser than what it acknowledged.

A power that somebody asks for (edge.core.requests) goes to the PCS when its profile knows how: as both ends of the
window of its limits, as a mode with limits, or as a register of its own. It is clipped to the limits of every moment;
when the request is over, the PCS's own logic runs inside the limits again.
"""

from bms_bridge.modbus import REFUSED
from bms_bridge.poll import Request
from bms_bridge.readback import MODES, Readback, get_raw, is_end, put_raw
from bms_bridge.reader import Reader
from edge.core.records import G_READBACK, SENTINEL
from edge.core.records import OK as GOOD
from edge.core.tx_gate import (
    CHARGE_MA,
    CHARGE_MW,
    CONSTANT,
    CONTROL,
    DISCHARGE_MA,
    DISCHARGE_MW,
    SETPOINT_MW,
    WATCHDOG_MS,
)

# What apply answers.
OK = 0
FAULT_REFUSED = 1  # the gate did not take the command
FAULT_RATING = 2  # the device's own rating is not (or not yet) the site's: only zero is written
FAULT_WRITE = 3  # the last write did not succeed
FAULT_WATCHDOG = 4  # its watchdog is not (or not yet) read back as the site's: only zero is written
FAULT_APPLIED = 5  # it acknowledged a limit and holds a looser one: only zero is written

WATCHDOG = 7  # place of watchdog_ms in a PcsSample
MARGIN_PERCENT = 98  # of the permitted power, for the PCS's own inaccuracy
RAISE_MS = 500  # a limit is raised at most this often; lowering never waits
RETRY_MS = 200  # before a failed write is repeated; twice as long each time, up to a third of the watchdog
DIFFERS_READS = 2  # a write must be found missing so often: the first read may have been on its way
AGAIN_MS = 50  # after the gate refused one (the command expired on the way: zero follows)

_CHARGE = (CHARGE_MW, CHARGE_MA)
_POWER = (CHARGE_MW, DISCHARGE_MW)
_LIMITS = (CHARGE_MW, DISCHARGE_MW, CHARGE_MA, DISCHARGE_MA)


class Pcs:
    """Device and Actuator over a profile table of kind pcs. settings: the site's "pcs" dict ("id",
    "power_w", "watchdog_ms"). clock: Clock port.

    gate: the TxGate of its line, set by the start-up file; without one, or below CONTROL, nothing is
    ever written.
    """

    def __init__(self, table, unit, settings, clock):
        self.table = table
        self.unit = unit
        self.name = settings["id"]
        self.power_w = settings["power_w"]
        self.watchdog_ms = settings["watchdog_ms"]
        self.gate = None
        self.clock = clock
        self.writes = 0
        rated = None
        if table.RATED is not None:
            slot, step = table.RATED
            rated = (slot, self.power_w, step - 1, 1)
        if getattr(table, "SCALES", None):
            from bms_bridge.scale import Scaled

            self._state = Readback(Scaled(table), rated, self._was_read)
        else:
            self._state = Readback(table, rated, self._was_read)
        self.reader = Reader(table, unit, self._state, settings)
        self.plan = self.reader.plan
        self.last_failure = 0
        self._want_mw = (0, 0)  # charge, discharge
        self._want_ma = (0, 0)
        self._until_ms = None
        self._made = [None] * len(table.WRITES)  # (bytes, what they were made of) of the newest write data
        self._held = [None] * len(table.WRITES)  # data last acknowledged, per write
        self._sent_ms = [None] * len(table.WRITES)
        self._again_ms = [None] * len(table.WRITES)  # when it is refreshed
        self._retry_ms = [None] * len(table.WRITES)
        self._pause_ms = [0] * len(table.WRITES)
        self._raise_ms = None  # from when a limit may be raised again
        self._differs = [0] * len(table.WRITES)  # reads in a row that did not show what was acknowledged
        self._looser = [False] * len(table.WRITES)
        fields = sum([row[2] for row in table.WRITES], ())
        self._has_window = True in [is_end(field) for field in fields]
        self._has_modes = MODES in [field[1] for field in fields]
        self._asked = None  # (mW, until ms) of the request in force
        self._owes_zero = False  # an order was written to a register of its own, and no zero was acknowledged since
        self.unapplied = 0  # acknowledged writes that were found not applied

    # ---- Device ------------------------------------------------------------------------------

    def read(self, now_ms):
        """The newest PcsSample, None before the first answer. Never blocks."""
        return self._state.record()

    # ---- Actuator ----------------------------------------------------------------------------

    def apply(self, command):
        """Take command (edge.core.records.Command) as what may flow from now on. Never raises.

        Power limit = current limit x battery voltage, rounded toward zero, less 2 %; a limit or voltage
        that is None is zero. Returns OK or a FAULT code; whatever it returns, no more than the command
        allows is ever written.
        """
        now_ms = self.clock.now_ms()
        if self.gate is None or not self.gate.permit(now_ms, command):
            self.zero()
            return FAULT_REFUSED
        self._want_ma = (_magnitude(command.charge_ma), _magnitude(command.discharge_ma))
        pack_mv = _magnitude(command.pack_mv)
        self._want_mw = (_safe_mw(self._want_ma[0], pack_mv), _safe_mw(self._want_ma[1], pack_mv))
        if not pack_mv:
            self._want_ma = (0, 0)
        self._until_ms = command.valid_until_ms
        if not self._rating_agrees():
            return FAULT_RATING
        if not self._watchdog_agrees():
            return FAULT_WATCHDOG
        if True in self._looser:
            return FAULT_APPLIED
        return OK if self._retry_ms.count(None) == len(self._retry_ms) else FAULT_WRITE

    def zero(self):
        """Nothing may flow, from now on."""
        self._want_mw = (0, 0)
        self._want_ma = (0, 0)
        self._until_ms = None

    def told(self, site, outcome):
        """After each step: what power is asked for; a current beyond the permit is answered by saying every limit once
        more."""
        self._asked = None
        if site.requests is not None and site.requests.now is not None:
            self._asked = (1000 * site.requests.now[1], site.requests.now[4])
        if site.obey.again:
            for index, row in enumerate(self.table.WRITES):
                if len(row) < 5 or not row[4]:  # what is written once stays written
                    self._held[index] = None

    # ---- requests -----------------------------------------------------------------------------

    def due_ms(self, now_ms):
        """When the next request is due; a write that is waiting is due before any read."""
        if self._next_write(now_ms) is not None:
            return now_ms - self.watchdog_ms
        return self.reader.due_ms(now_ms)

    def next_request(self, now_ms):
        """The Request that is due now, or None: writes first, then reads."""
        index = self._next_write(now_ms)
        if index is not None:
            row = self.table.WRITES[index]
            function = row[3] if len(row) > 3 else 16
            data = self._write_data(now_ms, index)
            if row[2][0][1] == SETPOINT_MW:
                self._owes_zero = True
            return Request(self.unit, function, row[0], row[1], data, -1 - index)
        return self.reader.next_request(now_ms)

    def reply(self, now_ms, request, data):
        """Take the answer to request. False (and counted as a failure) when its length is wrong."""
        if request.index < 0:
            index = -1 - request.index
            if self._rises(index, request.data):
                self._raise_ms = now_ms + RAISE_MS
            self._held[index] = request.data
            if self.table.WRITES[index][2][0][1] == SETPOINT_MW:
                self._owes_zero = any(request.data)
            self._sent_ms[index] = now_ms
            self._again_ms[index] = now_ms + self.watchdog_ms // 3
            self._differs[index] = 0
            self._retry_ms[index] = None
            self._pause_ms[index] = 0
            self.writes += 1
            return True
        good = self.reader.reply(now_ms, request, data)
        self.last_failure = self.reader.last_failure
        return good

    def failed(self, now_ms, request, reason):
        """request was not answered; reason: a code of bms_bridge.modbus."""
        self.last_failure = reason
        if request.index < 0:
            self._write_failed(now_ms, -1 - request.index, reason)
        else:
            self.reader.failed(now_ms, request, reason)

    def gate_rules(self):
        """What the gate may let out for this device: (reads, writes) as TxGate wants them."""
        writes = []
        for row in self.table.WRITES:
            rules = []
            for field in row[2]:
                offset, what, num, den, rated = field[:5]
                if what == WATCHDOG_MS:
                    steps = self.watchdog_ms * den // num
                    rules.append((offset, what, steps, steps))
                    continue
                if is_end(field):
                    what, num = SETPOINT_MW, num if what == CHARGE_MW else -num
                elif what == MODES:
                    what, rated = CONSTANT, 0
                rules.append((offset, what, num * self.power_w if rated & 1 else num, den) + field[5:])
            start = (self.unit, row[3] if len(row) > 3 else 16, row[0], row[1])
            writes.append(start + (tuple(rules),))
            if row[2][0][1] == MODES:
                writes += [start + (((0, CONSTANT, mode, 1),),) for mode in row[2][0][3:5]]
        return self.reader.rules(), tuple(writes)

    # ---- writes ---------------------------------------------------------------------------------

    def _write_failed(self, now_ms, index, reason):
        self._held[index] = None
        pause_ms = AGAIN_MS
        if reason != REFUSED:
            pause_ms = min(max(2 * self._pause_ms[index], RETRY_MS), self.watchdog_ms // 3)
            self._pause_ms[index] = pause_ms
        self._retry_ms[index] = now_ms + pause_ms

    def _next_write(self, now_ms):
        """Index of the write that is due now: a change, a refresh, or the repeat of a failed one."""
        if self.gate is None or self.gate.mode != CONTROL:
            return None
        for index in range(len(self._held)):
            if self._retry_ms[index] is not None and now_ms < self._retry_ms[index]:
                continue
            held = self._held[index]
            row = self.table.WRITES[index]
            if row[2][0][1] == SETPOINT_MW and self._setpoint(now_ms) is None and not self._owes_zero:
                continue  # nobody asks, and it holds nothing of ours
            if held is None:
                return index
            if (len(row) < 5 or not row[4]) and now_ms >= self._again_ms[index]:
                return index
            if self._write_data(now_ms, index) != held:
                return index
        return None

    def _rises(self, index, data):
        """True when data loosens any limit against what the PCS holds."""
        held = self._held[index]
        if held is None:
            return False
        return _looser(self.table.WRITES[index][2], data, held)

    def _was_read(self, now_ms, block, data):
        """Block number block came (data: bytes): compare what it shows with what was acknowledged before."""
        place = self.table.BLOCKS[block]
        for index in range(len(self.table.WRITES)):
            row = self.table.WRITES[index]
            at = 2 * (row[0] - place[1])
            held = self._held[index]
            if place[0] != 3 or at < 0 or at + 2 * row[1] > 2 * place[2] or held is None:
                continue
            if now_ms <= self._sent_ms[index]:
                continue
            if data.find(held, at, at + 2 * row[1]) == at:
                self._differs[index] = 0
                self._looser[index] = False
                continue
            self._differs[index] += 1
            if self._differs[index] == DIFFERS_READS:
                self.unapplied += 1
                found = data[at : at + 2 * row[1]]
                self._looser[index] = _looser(row[2], found, held)
                self._held[index] = None  # say it again

    def _watchdog_agrees(self):
        """True when the PCS was read to hold this site's watchdog, and every fixed register what it must."""
        if self._state.value(WATCHDOG) != self.watchdog_ms:
            return False
        return self._state.quality(G_READBACK) in (GOOD, SENTINEL)

    def _rating_agrees(self):
        if self.table.RATED is None:
            return True
        found = self._state.slots[self.table.RATED[0]]
        return found is not None and abs(found - self.power_w) < self.table.RATED[1]

    def _write_data(self, now_ms, index):
        """Register bytes of write index for this moment. Zero after the command has expired; no limit
        above the held one for RAISE_MS after the last rise."""
        held = self._held[index]
        if self._raise_ms is None or now_ms >= self._raise_ms:
            held = None
        live = self._until_ms is not None and now_ms <= self._until_ms and self._rating_agrees()
        live = live and self._watchdog_agrees() and True not in self._looser
        setpoint = self._setpoint(now_ms) if live else None
        made = self._made[index]
        if made is None or made[1] != live or made[2] != held or made[5] != setpoint or not self._wants(made):
            data = self._encode(index, live, held, setpoint)
            made = self._made[index] = (data, live, held, self._want_mw, self._want_ma, setpoint)
        return made[0]

    def _wants(self, made):
        """True when made (see _made) holds what is wanted now."""
        return made[3] == self._want_mw and made[4] == self._want_ma

    def _setpoint(self, now_ms):
        """The power that is asked for now, inside the wanted limits, in mW (+ charges); None: nobody asks."""
        if self._asked is None or now_ms >= self._asked[1]:
            return None
        return max(-self._want_mw[1], min(self._asked[0], self._want_mw[0]))

    def _encode(self, index, live, held, setpoint):
        """Register bytes of write index: the wanted limits when live, none above those in held (bytes or None); all
        for the power setpoint (mW or None)."""
        data = bytearray(2 * self.table.WRITES[index][1])
        want_mw = self._want_mw if live else (0, 0)
        if setpoint is not None and (self._has_window or self._has_modes):
            want_mw = (setpoint, -setpoint)
            held = None  # what is ordered is told whole: its ends belong together
            if not self._has_window:
                want_mw = (_magnitude(setpoint), _magnitude(-setpoint))
        for field in self.table.WRITES[index][2]:
            what, num, den = field[1], field[2], field[3]
            if what == WATCHDOG_MS:
                raw = self.watchdog_ms * den // num
            elif what == MODES:
                raw = field[2 if not setpoint else 3 if setpoint > 0 else 4]
            elif what == SETPOINT_MW:
                raw = self._raw(setpoint or 0, field)
            elif what in _LIMITS:
                want = want_mw if what in _POWER else self._want_ma if live else (0, 0)
                raw = self._raw(want[0 if what in _CHARGE else 1], field)
                if held is not None:
                    raw = min(raw, _magnitude(get_raw(held, field)))
            else:
                raw = num
            put_raw(data, field, raw)
        return bytes(data)

    def _raw(self, value, field):
        """value (mW or mA, signed) as the raw value of field, rounded toward zero, at most the rating."""
        num, den, rated = field[2], field[3], field[4]
        step = abs(num) * (self.power_w if rated & 1 else 1)
        raw = min(abs(value) * den // step, 0x7FFFFF if len(field) > 5 else 0x7FFF)
        if rated & 1:
            raw = min(raw, 1000 * den // abs(num))  # 100 % of the rating, in mW
        return raw if (value < 0) == (num < 0) else -raw


def _safe_mw(ma, mv):
    """ma * mv // 1000 less the margin, in steps that need no large integers on a board."""
    mw = mv // 1000 * ma + mv % 1000 * ma // 1000
    return mw // 100 * MARGIN_PERCENT + mw % 100 * MARGIN_PERCENT // 100


def _looser(fields, data, held):
    """True when data (bytes of a write) allows more than held in any limit, or has another fixed register."""
    for field in fields:
        found, said = get_raw(data, field), get_raw(held, field)
        if found is None:
            return True
        if is_end(field) or field[1] == SETPOINT_MW:  # none, or a part of what was ordered
            if not min(said, 0) <= found <= max(said, 0):
                return True
        elif found > said if field[1] in _LIMITS else found != said:
            return True
    return False


def _magnitude(value):
    """value when it is positive, else 0: unknown and negative limits allow nothing."""
    return value if value is not None and value > 0 else 0
