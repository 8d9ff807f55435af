# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The compiler of CAN profiles: what it refuses and how it says so; the parts no shipped profile uses."""

import pytest

from bms_bridge.can import CanBms
from bms_bridge.can_encode import encode_frames, encode_message
from bms_bridge.compile import ProfileError, compile_file, load_profile

SMALL = """\
name: acme
bus: can
kind: bms
title: Acme BMS
licence: Apache-2.0
source: ["a data sheet"]
order: little
cells: 4
temps: 0
cell_lsb_mv: 1
protection: self_opening
opens_by: none
blocks:
  main: {id: 0x100, length: 8, period_ms: 10, counter: {at: 6, type: uint4}, check: {name: crc8_2f, at: 7, over: [0, 6], init: 0xFF, xor: 0xFF, magic: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]}}
  low: {id: 0x18FF0101, extended: true, length: 8, period_ms: 100, mux: {at: 0, type: uint8, value: 0}}
  high: {id: 0x18FF0101, extended: true, length: 8, period_ms: 100, mux: {at: 0, type: uint8, value: 1}}
fields:
  pack_mv: {block: main, at: 0, type: uint16, unit: 0.1 V, range: [1000, 600000]}
  current_ma: {block: main, at: 2, bit: 4, type: uint12, unit: 0.5 A, offset: -2048, sign: discharge, range: [-1024000, 1024000], unknown: [4095]}
  cell_mv: {type: uint16, unit: 1 mV, range: [500, 5000], parts: [{block: low, at: 2, count: 2}, {block: high, at: 2, count: 2}]}
alarms:
  block: main
  bits: {4.0: over_volt_alarm, 5.1: ignored}
  clear: {4.1: contactor_error}
  whole: [4, 5]
send:
  alive: {id: 0x200, period_ms: 10, data: "01 02 00 00", counter: {at: 2, bit: 4, type: uint4}, check: {name: sum8, at: 3, over: [0, 2]}}
examples:
  - {proof: synthesised, origin: by hand, block: main, data: "100E 0080 02 00 03 4F", expect: {pack_mv: 360000, current_ma: 0, alarms: []}}
"""

# (text that is replaced, by what, key, part of the reason, part of the mend)
MISTAKES = (
    ("bus: can", "bus: cam", "bus", "'cam' is not known here", "did you mean can?"),
    ("kind: bms", "kind: meter", "kind", "'meter' is not known here", "one of: bms"),
    ("order: little\n", "", "fields.pack_mv.at", "byte order is not known", "little or big"),
    ("id: 0x100", "id: 0x800", "blocks.main.id", "2048 is outside 0 to 2047", "correct"),
    ("length: 8, period_ms: 10,", "length: [8, 6], period_ms: 10,", "blocks.main.length", "two ends", "[6, 8]"),
    ("at: 7, over: [0, 6]", "at: 8, over: [0, 6]", "blocks.main.check", "outside the frame", "over"),
    ("at: 7, over: [0, 6]", "at: 6, over: [0, 6]", "blocks.main.check", "does not cover itself", "without it"),
    ("name: crc8_2f", "name: crc8_2e", "blocks.main.check.name", "'crc8_2e'", "crc8_2f"),
    ("15, 16]}", "15]}", "blocks.main.check.magic", "one byte for each value", "counter"),
    ("type: uint12", "type: uint40", "fields.current_ma.type", "is not a type", "uint32"),
    ("at: 2, bit: 4", "at: 7, bit: 4", "fields.current_ma.at", "byte 8 is outside block main", "the last one is 7"),
    ("at: 2, bit: 4", "at: 1, bit: 4", "fields.current_ma.at", "bit 1.4 is read by pack_mv already", "one field"),
    (", sign: discharge", "", "fields.current_ma", "current_ma has no sign", "sign: charge"),
    (", unknown: [4095]", "", "fields.current_ma", "4095 lies inside the range", "add unknown"),
    ("unit: 0.1 V", "unit: 0.1 kV", "fields.pack_mv.unit", "unknown unit", "as in 0.01 V"),
    ("[1000, 600000]", "[600000, 1000]", "fields.pack_mv.range", "range is empty", "[low, high]"),
    ("parts: [{block: low, at: 2, count: 2}", "parts: [{block: low, at: 6, count: 2}", "at", "byte 9 is outside", "7"),
    ("unit: 1 mV, range: [500, 5000], parts", "unit: 1 mV, range: [500, 5000], prats", "prats", "unknown key", "parts"),
    ("4.0: over_volt_alarm", "9.0: over_volt_alarm", "alarms.bits.9.0", "byte 9 is outside", "it has 8"),
    ("4.0: over_volt_alarm", "4: over_volt_alarm", "alarms.bits.4", "is not a bit", "byte.bit"),
    ("over_volt_alarm", "over_voltage", "alarms.bits.4.0", "'over_voltage'", "did you mean over_volt"),
    ("cells: 4", "cells: 5", "cells", "the fields hold 4 cells", "agree"),
    ("03 4F", "03 5F", "examples[0]", "the checksum is wrong", "as they were captured"),
    ("100E 0080 02 00 03 4F", "100E", "examples[0]", "wrong length", "captured"),
    ("pack_mv: 360000", "pack_mv: 360100", "examples[0]", "pack_mv decodes to 360000", "correct"),
    ("pack_mv: 360000, ", "", "examples[0].expect", "pack_mv is missing", "null"),
    ("proof: synthesised, ", "", "examples[0]", "does not say where it comes from", "captured"),
    ('data: "100E', 'answer: "100E', "examples[0].answer", "block main is a frame", "data"),
    ("main: {id: 0x100", "main: {ask: 0x1, id: 0x100", "blocks.main.id", "unknown key", "known"),
    ("main: {id: 0x100,", "main: {id: 0x100, event: true,", "blocks.main", "alarms and nothing else", "event"),
    ("order:", "address: {first: 1, last: 1, step: 1}\norder:", "address.last", "1 is outside 2", "correct"),
    ("order:", "address: {first: 0, last: 8, step: 0x100}\norder:", "address.last", "100 leaves", "lower"),
    ("order:", "address: {first: 0, last: 7, step: 0}\norder:", "address", "two addresses share", "step"),
)


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case[3][:30].replace(" ", "_"))
def test_mistake_is_told_with_place_and_mend(tmp_path, case):
    old, new, key, reason, mend = case
    assert old in SMALL
    path = tmp_path / "acme.yaml"
    path.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        compile_file(path)
    first, second = str(caught.value).split("\n")
    assert key in first.split(": ", 1)[1] and reason in first, first
    assert second.startswith("  → ") and mend in second, second


@pytest.mark.parametrize("request_", ["10 03", "2F F0 32 00", "22 01", "21 01 02", "3E 00", "31 01 B0 09", ""])
def test_only_questions_can_be_asked(tmp_path, request_):
    """Start a session, drive a contactor, run a routine: no profile can say that."""
    path = tmp_path / "acme.yaml"
    ask = 'main: {ask: 0x7E4, answer: 0x7EC, request: "%s", length: 8, period_ms: 10}\n  x: ' % request_
    path.write_text(SMALL.replace("main: ", ask, 1), encoding="utf-8")
    with pytest.raises(ProfileError, match="not a question"):
        compile_file(path)


def test_multiplexer_counter_magic_and_cycles(tmp_path):
    path = tmp_path / "acme.yaml"
    path.write_text(SMALL, encoding="utf-8")
    table = load_profile(path)
    device = CanBms(table, {"id": "p"})
    sample = [None] * 15
    sample[1], sample[2], sample[7], sample[14] = 350000, -12500, (3301, 3302, 3303, 3304), 0
    for counter in range(20):
        for frame in encode_frames(table, sample, counter & 15):
            assert device.take(counter, *frame)
    record = device.read(20)
    assert record.cell_mv == (3301, 3302, 3303, 3304) and record.current_ma == -12500 and record.pack_mv == 350000
    assert record.groups[1].count == 20 and device.broken == 0 and device.repeated == 0 and record.alarms == 0
    frame = encode_frames(table, sample, 3)[0]
    assert device.take(21, *frame) is False and device.repeated == 1
    stale_magic = frame[2][:6] + bytes((4,)) + frame[2][7:]
    assert device.take(22, 0x100, False, stale_magic) is False and device.broken == 1
    sent = [device.next_frame(100 + 10 * k)[2] for k in range(17)]
    assert sent[0].hex() == "01020003" and sent[1].hex() == "01021013" and sent[16] == sent[0]
    assert device.gate_rules()[1] == ((0x200, b"\x01\x02\x00\x00", b"\xff\xff\x0f\x00"),)


def test_an_absent_bit_can_be_the_alarm(tmp_path):
    path = tmp_path / "acme.yaml"
    path.write_text(SMALL, encoding="utf-8")
    table = load_profile(path)
    sample = [None] * 15
    sample[7] = (None,) * 4
    for alarms, byte in ((0, 0x02), (1 << 9, 0x03), (1 << 20, 0x00), (1 << 9 | 1 << 20, 0x01)):
        sample[14] = alarms
        assert encode_message(table, 0, sample)[4] == byte, alarms
