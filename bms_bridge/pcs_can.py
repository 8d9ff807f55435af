# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""An inverter on a CAN bus that takes this controller for its battery. Device port and Actuator port.

The limits go out in cycles, as a battery tells them (Pylontech, SMA). They live as long as the command that brought
them. After its valid_until_ms the frames say zero for ZERO_MS, without a state of charge; then nothing is sent any
more, and the inverter's own supervision of its battery ends what still flows. A loop that hangs therefore stops the
inverter at once, a controller that is dead after the inverter's own time-out: that one can neither be set nor read.
"""

from edge.core.records import ALARMS, NEVER, OK, Group, PcsSample
from edge.core.tx_gate import BETWEEN, CHARGE_MA, CHARGE_ON, CONTROL, DISCHARGE_MA, DISCHARGE_ON

FAULT_REFUSED = 1  # what apply answers when the gate did not take the command
FAULT_UNKNOWN = 2  # the state of charge is not known: nothing may flow over this protocol
FAULT_WRITE = 3  # the gate refused a frame since the last command

EXTENDED = 0x80000000  # marks the key of an identifier of 29 bits
ZERO_MS = 10000  # how long zero is said after a command has expired
GAP_MS = 200  # a frame is repeated at most this often (SMA's protocol), whatever changes
IDLE_MS = 1000
OTHER_ALARM = 1 << ALARMS.index("other_alarm")

# What a frame can say, by place in the values that encode gets.
VALUES = (
    "charge_mv",
    "charge_ma",
    "discharge_ma",
    "discharge_mv",
    "soc_ppm",
    "soh_ppm",
    "pack_mv",
    "current_ma",
    "temp_mc",
    "capacity_mah",
    "packs",
)
V_CHARGE_MV, V_CHARGE_MA, V_DISCHARGE_MA, V_DISCHARGE_MV = range(4)
FLOOR, CEILING, NEAREST = range(3)
_LIMITS = {V_CHARGE_MA: (CHARGE_MA, CHARGE_ON), V_DISCHARGE_MA: (DISCHARGE_MA, DISCHARGE_ON)}


def encode(row, values, alarms):
    """Data of the frame of row (one of a table's TOLD) that says values (in the order of VALUES, None = not known) and
    alarms (bits of Evt1); None when it would have to say something that is not known."""
    data = bytearray(row[2])
    for value, first, end, num, den, rounding, low, high, mark in row[3]:
        raw = _raw(values[value], num, den, rounding, low, high)
        if raw is None:
            raw = mark
        if raw is None:
            return None
        for at in range(first, end):
            data[at] = raw >> 8 * (at - first) & 0xFF
    for at, bits, value, least in row[4]:
        if (values[value] or 0) >= least:
            data[at] |= bits
    for at, raised, quiet, mask in row[5]:
        data[at] |= raised if alarms & mask else quiet
    return bytes(data)


def _raw(value, num, den, rounding, low, high):
    """value in steps of num / den, inside low..high; None stays None."""
    if value is None:
        return None
    if rounding == NEAREST:
        raw = (2 * value * den + num) // (2 * num)
    elif rounding == CEILING:
        raw = -(-value * den // num)
    else:
        raw = value * den // num
    return min(max(raw, low), high)


class PcsCan:
    """Device and Actuator over a table of kind pcs and bus can. settings: the site's "pcs" dict. volts: (charge_mv,
    discharge_mv) that the battery may not leave, whatever anybody wishes. clock: Clock port.

    gate: the TxGate of its bus, set by the start-up file; without one, or below CONTROL, nothing is ever sent.
    say() has to be called after each step: without what it brings, the state of charge is unknown.
    """

    def __init__(self, table, settings, volts, clock):
        self.table = table
        self.name = settings["id"]
        self.clock = clock
        self.gate = None
        self.sent = 0
        self.refusals = 0
        self._volts = volts
        self._want = (0, 0, None)  # charge_ma, discharge_ma, charge_mv
        self._until_ms = None
        self._silent_ms = None  # from then on nothing is said
        self._known = None
        self._known_until_ms = None
        self._heard_ms = None
        self._heard = 0
        self._sample = None
        self._refused = False
        self._due_ms = [None] * len(table.TOLD)
        self._last = [None] * len(table.TOLD)  # when it was sent, and the limits then
        self._urgent = [bool([part for part in row[3] if part[0] in _LIMITS] or row[4]) for row in table.TOLD]

    # ---- Device ------------------------------------------------------------------------------

    def take(self, now_ms, can_id, extended, data):
        """Enter a frame (data: bytes) that arrived at now_ms. True when the inverter told with it that it lives."""
        if (can_id | EXTENDED if extended else can_id) != self.table.ALIVE[0]:
            return False
        self._heard_ms = now_ms
        self._heard += 1
        group = Group(OK, now_ms, self._heard)
        self._sample = PcsSample(now_ms, None, None, None, None, None, None, None, (group, NEVER))
        return True

    def read(self, now_ms):
        """The newest PcsSample, None before the inverter was first heard. It measures nothing: every value is None."""
        return self._sample

    def wanted(self):
        """Keys of the frames that take can use."""
        return [self.table.ALIVE[0]]

    # ---- Actuator ----------------------------------------------------------------------------

    def apply(self, command):
        """Take command (edge.core.records.Command) as what may flow from now on. Never raises. 0, or a FAULT code."""
        now_ms = self.clock.now_ms()
        if self.gate is None or not self.gate.permit(now_ms, command):
            self.zero()
            return FAULT_REFUSED
        known = command.pack_mv is not None
        charge_ma = max(command.charge_ma or 0, 0) if known else 0
        discharge_ma = max(command.discharge_ma or 0, 0) if known else 0
        self._want = (charge_ma, discharge_ma, command.charge_mv)
        self._until_ms = command.valid_until_ms
        self._silent_ms = command.valid_until_ms + ZERO_MS
        refused, self._refused = self._refused, False
        if self._known is None or self._known.soc_ppm is None:
            return FAULT_UNKNOWN
        return FAULT_WRITE if refused else 0

    def zero(self):
        """Nothing may flow, from now on."""
        self._until_ms = None
        if self._silent_ms is not None:
            self._silent_ms = self.clock.now_ms() + ZERO_MS

    def say(self, known, until_ms):
        """Take what the site knows (edge.shell.presented.Presented or the like); it is known until until_ms."""
        self._known = known
        self._known_until_ms = until_ms

    # ---- frames --------------------------------------------------------------------------------

    def due_ms(self, now_ms):
        """When next_frame has something to say, monotonic ms."""
        soonest = now_ms + IDLE_MS
        if self._speaks(now_ms):
            limits = self._limits(now_ms)[0]
            for index in range(len(self._due_ms)):
                soonest = min(soonest, self._when(now_ms, index, limits))
        return soonest

    def next_frame(self, now_ms):
        """(can_id, extended, data) that is due now, or None."""
        if not self._speaks(now_ms):
            return None
        limits, known = self._limits(now_ms)
        for index in range(len(self._due_ms)):
            if self._when(now_ms, index, limits) > now_ms:
                continue
            row = self.table.TOLD[index]
            due_ms = self._due_ms[index]
            on_time = due_ms is not None and due_ms <= now_ms < due_ms + row[1]
            self._due_ms[index] = (due_ms if on_time else now_ms) + row[1]
            self._last[index] = (now_ms, limits)
            data = encode(row, _values(limits, known), OTHER_ALARM if known is None else known.alarms)
            if data is not None:
                self.sent += 1
                return row[0] & 0x1FFFFFFF, row[0] >= EXTENDED, data
        return None

    def refused(self, now_ms):
        """The gate refused the frame that next_frame gave last. It is due again with its next change or period."""
        self.sent -= 1
        self.refusals += 1
        self._refused = True

    def _speaks(self, now_ms):
        if self.gate is None or self.gate.mode != CONTROL:
            return False
        return self._silent_ms is not None and now_ms <= self._silent_ms

    def _when(self, now_ms, index, limits):
        """When frame index is due: in its period, and at once when it carries limits and they changed, but not sooner
        than GAP_MS after the last one."""
        due_ms = self._due_ms[index]
        if due_ms is None:
            return now_ms
        sent_ms, said = self._last[index]
        return min(due_ms, sent_ms + GAP_MS) if self._urgent[index] and said != limits else due_ms

    def _limits(self, now_ms):
        """((charge_mv, charge_ma, discharge_ma, discharge_mv), Presented or None) that hold at now_ms. Without a living
        command and a known state of charge both currents are 0."""
        charge_mv, discharge_mv = self._volts
        live = self._until_ms is not None and now_ms <= self._until_ms
        known = self._known if live and self._known is not None and now_ms <= self._known_until_ms else None
        if known is None or known.soc_ppm is None:
            return (charge_mv, 0, 0, discharge_mv), known
        charge_ma, discharge_ma, wish_mv = self._want
        if wish_mv is not None:
            charge_mv = min(charge_mv, wish_mv)
        return (charge_mv, charge_ma, discharge_ma, discharge_mv), known

    def gate_rules(self):
        """What the gate may let out for this device: (reads, writes) as TxGate of kind "can" wants them."""
        return (), tuple([_rule(row, self._volts) for row in self.table.TOLD])


def _values(limits, known):
    """What encode gets, in the order of VALUES."""
    if known is None:
        return limits + (None,) * (len(VALUES) - len(limits))
    return limits + (
        known.soc_ppm,
        known.soh_ppm,
        known.pack_mv,
        known.current_ma,
        known.temp_mc,
        known.capacity_mah,
        known.packs,
    )


def _rule(row, volts):
    """The gate's rule of one frame: what never changes, and what a limit, an enable bit or a voltage may be."""
    data = bytearray(row[2])
    mask = bytearray([0xFF] * len(data))
    fields = []
    for part in row[3]:
        value, first, end, num, den = part[:5]
        for at in range(first, end):
            mask[at] = 0
        if value in _LIMITS:
            fields.append((first, end, _LIMITS[value][0], num, den))
        elif value == V_CHARGE_MV:
            fields.append((first, end, BETWEEN, 0, volts[0] * den // num))
        elif value == V_DISCHARGE_MV:
            fields.append((first, end, BETWEEN, -(-volts[1] * den // num), (1 << 8 * (end - first)) - 1))
    for at, bits, value, _ in row[4]:
        mask[at] &= ~bits & 0xFF
        fields.append((at, at + 1, _LIMITS[value][1], bits, 0))
    for at, raised, quiet, _ in row[5]:
        mask[at] &= ~(raised | quiet) & 0xFF
    for at in range(len(data)):
        data[at] &= mask[at]
    rule = (row[0], bytes(data), bytes(mask))
    return rule + (tuple(fields),) if fields else rule
