# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How long the PCS takes to obey: from the first current beyond the permit to the first inside it again."""

KEEP = 20  # excursions that the worst is taken of


class Obey:
    """Statistics of one PCS. obey_ms: the time to obey that was commissioned."""

    def __init__(self, obey_ms):
        self.obey_ms = obey_ms
        self.count = 0
        self.again = False  # say the limits once more: the first step of the closed loop
        self._took_ms = []
        self._since_ms = None

    def step(self, now_ms, flow_ma, allowed, slack_ma):
        """flow_ma: by the PCS, None = not known. allowed: (charge_ma, discharge_ma) of the step before."""
        self.again = False
        if flow_ma is None:
            self._since_ms = None
        elif -allowed[1] - slack_ma <= flow_ma <= allowed[0] + slack_ma:
            if self._since_ms is not None:
                self.count += 1
                self._took_ms = self._took_ms[1 - KEEP :] + [now_ms - self._since_ms]
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms
            self.again = True

    def last_ms(self):
        """Time that the newest excursion took, None before the first."""
        return self._took_ms[-1] if self._took_ms else None

    def worst_ms(self):
        """The longest of the last KEEP excursions, None before the first."""
        return max(self._took_ms) if self._took_ms else None

    def is_slow(self, now_ms):
        """True when it took longer than commissioned lately, or does so now."""
        running_ms = 0 if self._since_ms is None else now_ms - self._since_ms
        return running_ms > self.obey_ms or (bool(self._took_ms) and max(self._took_ms) > self.obey_ms)
