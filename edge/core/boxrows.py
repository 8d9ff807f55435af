# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Reads the samples of a black box (edge.core.blackbox). For whoever receives them: no board has it."""

from struct import unpack_from

from edge.core.blackbox import FORM, NO_CELL, NO_MA, NO_MV, NO_TEMP, SAMPLE_BYTES


def unpacked(data, cells=0, temps=0):
    """The samples of a part: [(ms modulo 2^32, mA, pack mV, highest mV, lowest mV, hottest m°C, coldest m°C, quality,
    mode, contactor bits, cells mV, sensors m°C), ...], None where not known. cells, temps: as the record says."""
    rows = []
    size = SAMPLE_BYTES + 2 * (cells + temps)
    for at in range(0, len(data) - size + 1, size):
        v = unpack_from(FORM, data, at)
        at += SAMPLE_BYTES
        rows.append(
            (
                v[0],
                None if v[1] == NO_MA else v[1],
                None if v[2] == NO_MV else v[2],
                _known(v[3], NO_CELL, 1),
                _known(v[4], NO_CELL, 1),
                _known(v[5], NO_TEMP, 10),
                _known(v[6], NO_TEMP, 10),
                v[7],
                v[8] & 15,
                v[8] >> 4,
                tuple([_known(mv, NO_CELL, 1) for mv in unpack_from(">%dH" % cells, data, at)]),
                tuple([_known(mc, NO_TEMP, 10) for mc in unpack_from(">%dh" % temps, data, at + 2 * cells)]),
            )
        )
    return rows


def _known(value, unknown, factor):
    return None if value == unknown else value * factor
