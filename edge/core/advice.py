# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""When sigma is too wide: the one manoeuvre that would tell most, by what it is expected to leave of sigma.

A rest reads the SoC where the battery is, but the error of the curve there does not average out: it leaves no less
than error over slope. A visit of the upper knee reads where an LFP curve is steep. A swing reads at two places that
are 40 % apart: that tells the capacity too.
"""

from math import sqrt

from edge.core.cell import at

ADVICE = ("nothing", "rest of 30 min", "visit of the upper knee", "swing of 40 % or more")
A_NONE, A_REST, A_KNEE, A_SWING = range(len(ADVICE))

SOC_STD = 0.02  # above this, SoC ...
CAPACITY_STD = 0.03  # ... or capacity (relative) is too wide
KEEP = 0.9  # an advice stays until sigma is below this share of it
KNEE_Z = 0.9  # and where the knee lies on the curve
KNEE_MS = 604800000  # seven days
SWING = 0.4
LEAST_GAIN = 1.05  # less is no reason to prefer a dearer one
STAY = 1.5  # and another one must tell so much more than the one advised


def advise(z, soc_std, capacity_std, curve, lfp, knee_ms, before=A_NONE):
    """Index into ADVICE. z: SoC 0..1. soc_std, capacity_std: shares. curve: (OCV table, its error in V). knee_ms: since
    the last visit of the upper knee, on LFP. before: what was advised last."""
    share = KEEP if before else 1.0
    soc = soc_std > SOC_STD * share
    capacity = capacity_std > CAPACITY_STD * share
    if lfp and knee_ms > KNEE_MS:
        return A_KNEE
    if not soc and not capacity:
        return A_NONE
    here = _left(curve, z)
    ways = [(A_REST, here, capacity_std)]
    if lfp:
        top = min([_left(curve, KNEE_Z + 0.01 * k) for k in range(11)])
        ways.append((A_KNEE, top, sqrt(here * here + top * top) / max(1.0 - z, 0.01)))
    end = min([_left(curve, place) for place in (z - SWING, z + SWING) if -0.1 <= place <= 1.1])
    ways.append((A_SWING, min(here, end), sqrt(here * here + end * end) / SWING))
    best, most = A_NONE, 1.0
    for way, soc_left, capacity_left in ways:
        told = STAY if way == before else 1.0
        told *= max(soc_std / soc_left, 1.0) if soc else 1.0
        told *= max(capacity_std / capacity_left, 1.0) if capacity else 1.0
        if told > LEAST_GAIN * most:
            best, most = way, told
    if best == A_NONE:  # nothing tells much from here: what was said, or what usually does
        best = before or (A_SWING if capacity else A_KNEE if lfp else A_REST)
    return best


def _left(curve, z):
    """Sigma of the SoC that a relaxed voltage at z leaves."""
    return curve[1] / max(at(curve[0], min(max(z, 0.0), 1.0))[1], 0.01)
