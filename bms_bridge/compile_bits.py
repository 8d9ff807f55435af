# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Alarm bits of a profile, and the registers that a simulated device answers where no field reads."""

from bms_bridge.compile_texts import served_text
from edge.core.records import ALARMS, G_ALARMS

_ALARM_SLOT = 14
WORDS = {"bitfield16": 1, "bitfield32": 2, "bitfield64": 4}
_STRAY = 1 << ALARMS.index("other_alarm")
_WORDS = tuple(name for name in ALARMS if not name.startswith("reserved")) + ("ignored",)


def compile_alarms(layout, spot):
    """(block index, row for BITS) of the alarms section."""
    cells = spot.table(("block", "bits"), ("at", "type", "unknown", "unmapped"))
    index = layout.block(cells["block"])
    stray = _STRAY
    if "unmapped" in cells:
        stray = 1 << ALARMS.index(cells["unmapped"].word(_WORDS[:-1]))
    coils = layout.blocks[index][1] <= 2
    unknown = None
    whole = ()
    if coils:
        places = _coil_bits(layout, index, cells["bits"])
    else:
        first, size = _word(layout, index, cells, spot)
        places = _register_bits(cells["bits"], first, size)
        whole = range(first, first + size)
        if "unknown" in cells:
            code = cells["unknown"].integer(0, 256**size - 1)
            unknown = (first, first + size, code.to_bytes(size, "big"))
    layout.masks[index] |= 1 << G_ALARMS
    layout.slots_of.setdefault(G_ALARMS, []).append((_ALARM_SLOT, ()))
    return index, (_ALARM_SLOT, G_ALARMS, unknown, stray, _rows(places, whole))


def _word(layout, index, cells, spot):
    """(first byte, number of bytes) of the register or registers that hold the alarm bits."""
    for key in ("at", "type"):
        if key not in cells:
            raise spot.wrong(f"{key} is missing", f"add {key}: (alarm bits in registers need at and type)")
    words = WORDS[cells["type"].word(tuple(WORDS))]
    at = cells["at"].integer(0, 65535)
    layout.registers(index, cells["at"], at, at + words - 1)
    layout.claim(index, cells["at"], at, words, "alarms")
    return 2 * at, 2 * words


def _coil_bits(layout, index, spot):
    """[(byte, mask, alarm bit or 0)] from addresses or ranges of addresses, in the order given."""
    name, _, address, count, _, _ = layout.blocks[index]
    places = []
    for key, word in spot.table(free=True).items():
        alarm = _alarm(word)
        first, last = _addresses(key, word)
        if first < address or last >= address + count or last < first:
            mend = f"it has 0x{address:04X} to 0x{address + count - 1:04X}"
            raise word.wrong(f"coil {key} is outside block {name}", mend)
        for coil in range(first - address, last - address + 1):
            places.append((coil >> 3, 1 << (coil & 7), alarm))
    return places


def _addresses(key, word):
    try:
        if isinstance(key, int):
            return key, key
        ends = [int(part, 0) for part in str(key).split("-")]
        return ends[0], ends[-1]
    except ValueError:
        raise word.wrong(f"{key!r} is not an address", "write 0x1248 or 0x1200-0x120F") from None


def _register_bits(spot, first, size):
    if spot.value == "evt1":
        table = {bit: 1 << bit for bit, name in enumerate(ALARMS) if not name.startswith("reserved")}
        found = list(table.items())
    else:
        found = []
        for bit, word in spot.table(free=True).items():
            if not isinstance(bit, int) or not 0 <= bit < 8 * size:
                raise word.wrong(f"bit {bit!r} is outside 0 to {8 * size - 1}", "bits count from the lowest, 0")
            found.append((bit, _alarm(word)))
    return [(first + size - 1 - bit // 8, 1 << (bit & 7), alarm) for bit, alarm in found]


def _alarm(word):
    name = word.word(_WORDS)
    return 0 if name == "ignored" else 1 << ALARMS.index(name)


def _rows(places, whole):
    """((byte, known bits, ((mask, alarm), ...)), ...) in the order of the profile: encode takes the
    first bit that stands for an alarm. whole: bytes that are alarm bytes even when no bit is named."""
    order = list(whole)
    known = {byte: 0 for byte in whole}
    pairs = {byte: [] for byte in whole}
    for byte, mask, alarm in places:
        if byte not in known:
            order.append(byte)
            known[byte] = 0
            pairs[byte] = []
        known[byte] |= mask
        if alarm:
            pairs[byte].append((mask, alarm))
    return tuple((byte, known[byte], tuple(pairs[byte])) for byte in order)


def templates(layout, serve):
    """One template per block: registers (tuple) or coil bytes, with everything that is fixed."""
    result = []
    rows = serve.table(optional=tuple(row[0] for row in layout.blocks)) if serve is not None else {}
    for index, (name, function, address, count, _, _) in enumerate(layout.blocks):
        spot = rows.get(name)
        if function <= 2:
            result.append(_coil_template(spot, address, count))
            continue
        registers = [0xFFFF] * count
        cells = spot.table(free=True) if spot is not None else {}
        if "fill" in cells:
            pattern = [item.integer(-0x8000, 0xFFFF) for item in cells["fill"].items()]
            registers = [pattern[k % len(pattern)] & 0xFFFF for k in range(count)]
        for key, cell in cells.items():
            if key == "fill":
                continue
            if not isinstance(key, int) or not 0 <= key < count:
                raise cell.wrong(f"register {key!r} is outside the block", f"0 to {count - 1}")
            registers[key] = cell.integer(-0x8000, 0xFFFF) & 0xFFFF
        for offset, _, value, _ in layout.checks[index]:
            registers[offset // 2] = value & 0xFFFF
        for (block, at), (like, _) in layout.scales.items():
            if block == index:
                registers[at] = like & 0xFFFF
        result.append(tuple(served_text(layout, index, registers)))
    return tuple(result)


def _coil_template(spot, address, count):
    data = bytearray((count + 7) // 8)
    if spot is not None:
        for key, cell in spot.table(free=True).items():
            if not isinstance(key, int) or not address <= key < address + count:
                raise cell.wrong(f"coil {key!r} is outside the block", "give its address")
            if cell.integer(0, 1):
                data[(key - address) >> 3] |= 1 << ((key - address) & 7)
    return bytes(data)


def also_served(spot):
    """Rows of SERVED: ((function, address, registers), ...)."""
    rows = []
    for item in spot.items() if spot is not None else ():
        cells = item.table(("function", "address"), ("registers", "text", "length"))
        function = cells["function"].integer(3, 4)
        address = cells["address"].integer(0, 65535)
        if "registers" in cells:
            registers = tuple(cell.integer(-0x8000, 0xFFFF) & 0xFFFF for cell in cells["registers"].items())
        elif "text" in cells and "length" in cells:
            raw = str(cells["text"].value).encode("ascii").ljust(2 * cells["length"].integer(1, 64), b"\0")
            registers = tuple(raw[k] << 8 | raw[k + 1] for k in range(0, len(raw), 2))
        else:
            raise item.wrong("nothing to serve", "give registers: [...], or text: and length:")
        rows.append((function, address, registers))
    return tuple(rows)
