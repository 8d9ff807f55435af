# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Charge and energy by exact integers: no float, no drift, no lost remainder.

A reading of the current holds from its arrival until the next fresh one. When the next one does not
come within the stale time, what flowed meanwhile is not known: that time is counted as unknown and
nothing is integrated. The BMS's energy and the meter's energy are kept apart.
"""

_MA_MS_PER_MAH = 3600000
_UW_MS_PER_MWH = 3600000000  # mV x mA = µW

# Names of the saved accumulators, in order.
FIELDS = ("in_ma_ms", "out_ma_ms", "in_uw_ms", "out_uw_ms", "known_ms", "unknown_ms")


class Metering:
    """Registers of one pack. state: list of integers as state() gave it, or None for a new pack."""

    def __init__(self, stale_ms, state=None):
        self.stale_ms = stale_ms
        self.totals = list(state) if state else [0] * len(FIELDS)
        self._at_ms = None
        self._current_ma = None
        self._pack_mv = None

    def step(self, at_ms, current_ma, pack_mv):
        """Take a fresh reading that arrived at at_ms; current_ma or pack_mv None = not known.

        Returns (charge_ma_ms, known_ms, unknown_ms) since the reading before: charge signed, + into the
        battery. Charge needs only the current; energy is left out while the voltage is not known.
        """
        last_ms = self._at_ms
        held_ma = self._current_ma
        held_mv = self._pack_mv
        self._at_ms = at_ms
        self._current_ma = current_ma
        self._pack_mv = pack_mv
        if last_ms is None or at_ms <= last_ms:
            return (0, 0, 0)
        span_ms = at_ms - last_ms
        totals = self.totals
        if held_ma is None or span_ms > self.stale_ms:
            totals[5] += span_ms
            return (0, 0, span_ms)
        charge = held_ma * span_ms
        side = 0 if held_ma >= 0 else 1
        totals[side] += abs(charge)
        if held_mv is not None:
            totals[2 + side] += abs(charge) * held_mv
        totals[4] += span_ms
        return (charge, span_ms, 0)

    def registers(self):
        """(in_mah, out_mah, in_mwh, out_mwh, known_ms, unknown_ms), rounded down; the remainder stays."""
        t = self.totals
        return (
            t[0] // _MA_MS_PER_MAH,
            t[1] // _MA_MS_PER_MAH,
            t[2] // _UW_MS_PER_MWH,
            t[3] // _UW_MS_PER_MWH,
            t[4],
            t[5],
        )

    def state(self):
        """List of integers for the store."""
        return list(self.totals)
