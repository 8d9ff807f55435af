# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Several packs behind one PCS: who carries how much, and what they allow together."""

from edge.core import limits as lim
from edge.core.records import G_CURRENT, OK, Command

# Parallel reused packs share unequally: until measured, one pack may have half the resistance of the others (declared
# range 1 : 2, or what their grades say when that is wider), so it may carry 2/(N+1) of the site's current.
SHARE_WORST_RATIO = 2
SHARE_MARGIN_PPM = 50000
SHARE_FLOW_PPM = 50000
SHARE_READS = 60  # one look may catch packs at different moments: this many before the worst case ends


class Sharing:
    """packs: the Controllers of the site. lease_ms: life of a command.

    allowed: (charge_ma, discharge_ma) of the last command; limits: the same with the sources that bind.
    """

    def __init__(self, packs, lease_ms):
        self.packs = packs
        self.lease_ms = lease_ms
        self.peak_share_ppm = [0] * len(packs)
        self.share_reads = 0
        self.allowed = (0, 0)
        self.limits = (0, lim.S_MODE, 0, lim.S_MODE)
        self.binds = [None, None]  # index of the pack that binds charging, discharging
        ohms = [pack.pack["grade"].get("resistance_uohm") for pack in packs]
        self._ratio = SHARE_WORST_RATIO
        if None not in ohms:
            self._ratio = max(self._ratio, -(-max(ohms) // min(ohms)))
        self._members = None
        self._allowed_ms = None

    def shares(self, now_ms, reads, pcs_ma):
        """Each pack's current as the PCS sees it: the whole for one pack; for several the PCS's current
        less what the other packs report, None when one of them does not report now."""
        if pcs_ma is None:
            return (None,) * len(self.packs)
        if len(self.packs) == 1:
            return (pcs_ma,)
        return self._apart(now_ms, reads, pcs_ma)

    def _apart(self, now_ms, reads, pcs_ma):
        """shares() of several packs."""
        currents = [self._reported(now_ms, i, reads[i]) for i in range(len(self.packs))]
        if None in currents:
            return (None,) * len(self.packs)
        total = sum(currents)
        self._learn_shares(currents, total)
        return tuple([pcs_ma - (total - ma) for ma in currents])

    def _reported(self, now_ms, i, read):
        """Current of pack i in mA when it is fresh and good, else None. A pack that is off the bus carries none."""
        if self.packs[i].is_away():
            return 0
        if read is None:
            return None
        group = read.groups[G_CURRENT]
        if group.quality != OK or group.at_ms is None:
            return None
        return read.current_ma if 0 <= now_ms - group.at_ms <= self.packs[i].current_stale_ms else None

    def _learn_shares(self, currents, total_ma):
        capacity_mah = sum([p.pack["capacity_mah"] for p in self.packs])
        if abs(total_ma) * lim.PPM < capacity_mah * SHARE_FLOW_PPM:
            return
        self.share_reads += 1
        for i in range(len(currents)):
            share = max(0, currents[i] * lim.PPM // total_ma) + SHARE_MARGIN_PPM
            if share > self.peak_share_ppm[i]:
                self.peak_share_ppm[i] = share

    def _share_ppm(self, i, count):
        """Largest share of the site's current that pack i may carry: the measured peak with margin, never
        less than 1/N of count packs; never less than the worst of the declared resistance range until measured."""
        if count == 1:
            return lim.PPM
        peak = self.peak_share_ppm[i] * len(self._members) // count
        if self.share_reads < SHARE_READS:
            peak = max(peak, self._ratio * lim.PPM // (self._ratio + count - 1) + 1)
        return min(max(peak, -(-lim.PPM // count)), lim.PPM)

    def together(self, now_ms, guarded, spare):
        """The PCS's Command: min over the packs on the bus of limit / share, never above N times the smallest.

        guarded: the packs' Commands. spare: the PCS does not follow in time, so one of them must be able to leave
        before it does: what the others could take then."""
        members = self._connected()
        count = len(members)
        if spare and count > 1:
            count -= 1
        charge = discharge = None
        charge_why = discharge_why = lim.S_MODE
        self.binds[0] = self.binds[1] = None
        for i in members:
            share = self._share_ppm(i, count)
            c = _together(guarded[i].charge_ma, share, count)
            d = _together(guarded[i].discharge_ma, share, count)
            if charge is None or c < charge:
                charge, charge_why, self.binds[0] = c, self.packs[i].limits.charge_why, i
            if discharge is None or d < discharge:
                discharge, discharge_why, self.binds[1] = d, self.packs[i].limits.discharge_why, i
        charge, discharge = self._ramped(now_ms, members, charge or 0, discharge or 0)
        self.limits = (charge, charge_why, discharge, discharge_why)
        pack_mv = guarded[members[0]].pack_mv if members else None
        for i in members:
            own_mv = guarded[i].pack_mv
            pack_mv = None if pack_mv is None or own_mv is None else min(pack_mv, own_mv)
        charge_mv = None
        decision = guarded[0].decision
        for command in guarded:
            if command.charge_mv is not None:
                charge_mv = command.charge_mv if charge_mv is None else min(charge_mv, command.charge_mv)
            if command.decision != decision:
                decision = None
        return Command(
            -1,
            charge,
            discharge,
            charge_mv,
            pack_mv,
            None,
            None,
            now_ms + self.lease_ms,
            decision,
        )

    def _connected(self):
        """Indexes of the packs that are on the bus; when that changes, how they share is not known any more."""
        for i in range(len(self.packs)):
            if self._members is None or self.packs[i].is_away() == (i in self._members):
                self._members = self._on_bus()
                self.peak_share_ppm = [0] * len(self.packs)
                self.share_reads = 0
                break
        return self._members

    def _on_bus(self):
        return [i for i in range(len(self.packs)) if not self.packs[i].is_away()]

    def _ramped(self, now_ms, members, charge_ma, discharge_ma):
        """The site's limits, which rise no faster than the packs on the bus together may: when a pack has left,
        the rest does not take over in one step."""
        span_ms = 0 if self._allowed_ms is None else max(0, now_ms - self._allowed_ms)
        charge_rate = discharge_rate = 0
        for i in members:
            rates = self.packs[i].ramp.rates
            charge_rate += rates[0]
            discharge_rate += rates[1]
        before = self.allowed
        self.allowed = (
            min(charge_ma, before[0] + charge_rate * span_ms // 1000),
            min(discharge_ma, before[1] + discharge_rate * span_ms // 1000),
        )
        self._allowed_ms = now_ms
        return self.allowed


def _together(ma, share, count):
    """The site's current when a pack that carries share (ppm) of it may take ma, never above count times that."""
    return ma if count == 1 else min(ma * lim.PPM // share, count * ma)
