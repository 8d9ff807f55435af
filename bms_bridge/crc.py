# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Checksums by name, as profiles call them. Every function takes bytes and gives an integer.

CRC-8 by polynomial, highest bit first: 85 (Nissan), 1d (SAE J1850), 2f (AUTOSAR). init is the start
value, xor is applied to the result; both come from the profile.
"""

from bms_bridge.modbus import crc16

_tables = {}


def sum8(data, init=0, xor=0):
    """Sum of all bytes and init, modulo 256, then xor."""
    total = init
    for byte in data:
        total += byte
    return total & 0xFF ^ xor


def crc8(poly, data, init=0, xor=0):
    """CRC-8 with polynomial poly (without its leading bit), highest bit first."""
    table = _tables.get(poly)
    if table is None:
        table = _tables[poly] = _table(poly)
    crc = init
    for byte in data:
        crc = table[crc ^ byte]
    return crc ^ xor


def _table(poly):
    rows = bytearray(256)
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc << 1 ^ poly) & 0xFF if crc & 0x80 else crc << 1
        rows[value] = crc
    return bytes(rows)


# name in a profile -> (polynomial or None, bytes of the result)
NAMES = {"sum8": (None, 1), "crc8_85": (0x85, 1), "crc8_1d": (0x1D, 1), "crc8_2f": (0x2F, 1), "modbus_crc": (None, 2)}


def check(name, data, init=0, xor=0):
    """Checksum called name over data. modbus_crc has no init and no xor. Raises KeyError for other names."""
    if name == "sum8":
        return sum8(data, init, xor)
    if name == "modbus_crc":
        return crc16(data)
    return crc8(NAMES[name][0], data, init, xor)
