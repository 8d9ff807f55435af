# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Profiles of serial protocols: examples, signs, alarm bits, borders, numbers of cells; the device that
asks. On both runtimes."""

from struct import calcsize, pack_into

from bms_bridge.decode import Assembler, decode_block
from bms_bridge.encode import encode_all, encode_block, inverse
from bms_bridge.modbus import BAD_REPLY, EXCEPTION, TIMEOUT
from bms_bridge.serial_bms import Fitted, SerialBms, reply_payload
from bms_bridge.serial_encode import answer_frame
from bms_bridge.serial_frames import fold, parse_reply, unfold
from bms_bridge.tables import load
from edge.core.records import (
    ALARMS,
    G_ALARMS,
    G_CELLS,
    G_CURRENT,
    G_LIMITS,
    G_PACK,
    G_TEMPS,
    IMPLAUSIBLE,
    NEVER,
    OK,
    SENTINEL,
    Sample,
)
from tests.both.serial_vectors import VECTORS

NAMES = ("jbd", "pylontech_rs485", "jk_pb_frames")
FULL = {"jbd": (32, 8), "pylontech_rs485": (16, 8), "jk_pb_frames": (32, 4)}


def sample(cells, temps, **changes):
    values = {"current_ma": -12300, "charge": 60000, "discharge": 70000, "alarms": 0, "pack_mv": 50000}
    values.update(changes)
    return Sample(
        0, values["pack_mv"], values["current_ma"], None, None, None, None,
        values.get("cell_mv", tuple([3300 + k for k in range(cells)])), tuple([20000 + 100 * k for k in range(temps)]),
        550000, 990000, values["charge"], values["discharge"], 55000, values["alarms"], (),
    )  # fmt: skip


def full(name, **changes):
    return sample(*FULL[name], **changes)


def decoded(table, index, data, cells=None, temps=None):
    """(slots with void groups None, quality, void) of one block."""
    fitted = Fitted(table, cells or table.CELLS, temps or table.TEMPS)
    slots = [None] * table.SLOTS
    quality, void = decode_block(fitted, index, data, slots)
    for group in range(8):
        if void & (1 << group):
            for slot, _ in table.SLOTS_OF[group]:
                slots[slot] = None
    return slots, quality, void


def test_every_example_decodes_from_its_bytes():
    for name, index, data, values, unit, frame, payload, record, cells, temps in VECTORS:
        table = load(name)
        if frame:
            command, _, frames, _, _ = table.BLOCKS[index]
            found = parse_reply(table.FRAMING, b"\x00" + frame, unit, command, frames)
            assert found == (payload, 0, len(frame) + 1), (name, index)
        assert unfold(table.ANSWERS[index], payload, record) == data
        slots, _, _ = decoded(table, index, data, cells, temps)
        for slot, value in values:
            assert slots[slot] == value, (name, index, slot, slots[slot], value)
    captured = [row for row in VECTORS if row[5]]
    assert len(VECTORS) >= 15 and len(captured) >= 11


def test_plus_charges_whatever_the_wire_says():
    """The recorded packs under load discharge: all three say so with a negative number."""
    cases = (("jbd", 2, ">h", 10), ("pylontech_rs485", 52, ">h", 100), ("jk_pb_frames", 158, "<i", 1))
    for name, place, form, step in cases:
        table = load(name)
        for current_ma in (10000, -10000):
            data = bytearray(encode_block(table, 0, full(name, current_ma=current_ma)))
            wire = bytearray(len(data))
            wire[:] = data
            pack_into(form, wire, place, current_ma // step)
            assert wire == data, name
            assert decoded(table, 0, bytes(data))[0][2] == current_ma


def test_encode_frame_parse_decode_gives_the_record():
    for name in NAMES:
        table = load(name)
        for cells, temps in (FULL[name], (8, 2), (1, 1)):
            said = sample(cells, temps)
            state = Assembler(Fitted(table, cells, temps))
            for index, data in enumerate(encode_all(table, said)):
                frame = answer_frame(table, index, 3, data)
                command, _, frames, _, _ = table.BLOCKS[index]
                payload, code, used = parse_reply(table.FRAMING, frame, 3, command, frames)
                assert code == 0 and used == len(frame)
                assert state.take(1000, index, unfold(table.ANSWERS[index], payload)), (name, index)
            back = state.record()
            for group, row in enumerate(back.groups):
                if table.PERIODS_MS[group] is None:
                    assert row == NEVER
                    continue
                assert row == (OK, 1000, 1), (name, group)
                for slot, _ in table.SLOTS_OF[group]:
                    if slot < 15:
                        assert back[slot] == said[slot], (name, slot)


def scalar_rows(table):
    for index in range(len(table.BLOCKS)):
        if table.FIELDS[index] is not None:
            for row, back in zip(table.FIELDS[index][1], inverse(table).FIELDS[index]):
                yield index, row, back


def with_raw(data, back, raw):
    data = bytearray(data)
    pack_into(back[4], data, back[5], raw)
    return bytes(data)


def test_borders_of_every_field():
    for name in NAMES:
        table = load(name)
        blocks = encode_all(table, full(name))
        for index, row, back in scalar_rows(table):
            slot, mul, div, add, low, high, unknown, group = row
            bits = 8 * calcsize(back[4])
            least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if back[4][1] in "bhi" else (0, (1 << bits) - 1)
            for raw in (low, high):
                slots, _, _ = decoded(table, index, with_raw(blocks[index], back, raw))
                assert slots[slot] == raw * mul // div + add, (name, slot, raw)
            for raw in (low - 1, high + 1):
                if least <= raw <= most:
                    slots, quality, _ = decoded(table, index, with_raw(blocks[index], back, raw))
                    assert slots[slot] is None and quality[group] == IMPLAUSIBLE, (name, slot, raw)
            for k in range(41):
                raw = low + (high - low) * k // 40
                value = raw * mul // div + add
                num, den = ((value - add) * div, mul) if mul > 0 else (-(value - add) * div, -mul)
                assert (2 * num + den) // (2 * den) == raw, (name, slot, raw)


def test_none_comes_back_as_none():
    for name in NAMES:
        table = load(name)
        cells, temps = FULL[name]
        nothing = Sample(*([0] + [None] * 6 + [(None,) * cells, (None,) * temps] + [None] * 6 + [()]))
        state = Assembler(Fitted(table, cells, temps))
        for index, data in enumerate(encode_all(table, nothing)):
            assert state.take(1, index, data)
        back = state.record()
        assert tuple(back)[1:7] == (None,) * 6 and back.cell_mv == (None,) * cells and back.temp_mc == (None,) * temps
        assert tuple(back)[9:14] == (None,) * 5
        assert back.alarms == 1 << ALARMS.index("other_alarm")  # no mark for unknown: never "no alarm"
        for group in (G_PACK, G_CURRENT, G_CELLS, G_TEMPS):
            assert back.groups[group].quality in (IMPLAUSIBLE, SENTINEL), (name, group)


def test_every_alarm_bit_gives_its_alarm_and_comes_back():
    for name in NAMES:
        table = load(name)
        sayable = 0
        for index, bits in enumerate(table.BITS):
            if bits is None:
                continue
            slot, _, _, stray, rows = bits
            clean = bytearray(encode_block(table, index, full(name)))
            for place, known, pairs in rows:
                meaning = dict(pairs)
                for shift in range(8):
                    data = bytearray(clean)
                    data[place] |= 1 << shift
                    want = meaning.get(1 << shift, 0 if known & 1 << shift else stray)
                    sayable |= want
                    assert decoded(table, index, bytes(data))[0][slot] == want, (name, place, shift)
            for bit in range(len(ALARMS)):
                said = 1 << bit
                data = encode_block(table, index, full(name, alarms=said))
                want = said if sayable & said else stray
                assert decoded(table, index, data)[0][slot] == want, (name, ALARMS[bit])


def test_another_number_of_cells_is_a_fault_of_the_list():
    for name, said_cells, said_temps in (("jbd", 15, 3), ("pylontech_rs485", 15, 5), ("jk_pb_frames", 15, 4)):
        table = load(name)
        blocks = encode_all(table, sample(said_cells, said_temps))
        for cells, temps, good_cells, good_temps in (
            (said_cells, said_temps, True, True),
            (said_cells + 1, said_temps, False, True),
            (said_cells - 1, said_temps, False, True),
            (said_cells, said_temps - 1, True, name == "jk_pb_frames"),  # does not state its sensors
        ):
            state = Assembler(Fitted(table, cells, temps))
            for index, data in enumerate(blocks):
                state.take(1, index, data)
            back = state.record()
            assert (back.groups[G_CELLS].quality == OK) == good_cells, (name, cells)
            assert (back.groups[G_TEMPS].quality == OK) == good_temps, (name, temps)
            assert back.groups[G_CURRENT].quality == OK and len(back.cell_mv) == cells
            if not good_cells:
                assert back.cell_mv == (None,) * cells


def test_a_switch_that_is_off_makes_the_limit_zero():
    for name, switches in (("pylontech_rs485", ((2, 16), (2, 15))), ("jk_pb_frames", ((0, 198), (0, 199)))):
        table = load(name)
        for charge, discharge in ((60000, 70000), (0, 70000), (60000, 0), (0, 0)):
            blocks = encode_all(table, full(name, charge=charge, discharge=discharge))
            state = Assembler(Fitted(table, *FULL[name]))
            for index, data in enumerate(blocks):
                assert state.take(1, index, fits(table, index, data))
            back = state.record()
            assert (back.bms_charge_ma, back.bms_discharge_ma) == (charge, discharge), name
            assert back.groups[G_LIMITS].quality == OK
        for which, (index, place) in enumerate(switches):
            blocks = encode_all(table, full(name))
            for value, limit in ((0, 0), (2, None)):
                data = bytearray(blocks[index])
                data[place] = value
                state = Assembler(Fitted(table, *FULL[name]))
                for k, block in enumerate(blocks):
                    state.take(1, k, bytes(data) if k == index else block)
                back = state.record()
                assert (back.bms_charge_ma, back.bms_discharge_ma)[which] == limit, (name, which, value)


def fits(table, index, data):
    """data after it went over the wire and back."""
    return unfold(table.ANSWERS[index], fold(table.ANSWERS[index], data))


def ask_all(device, table, said, now_ms):
    """Answer everything that is due; how many questions that were."""
    asked = 0
    while True:
        question = device.next_request(now_ms)
        if question is None:
            return asked
        frame = answer_frame(table, question.index, device.unit, encode_block(table, question.index, said))
        payload, reason = reply_payload(question, frame)
        assert reason == 0 and device.reply(now_ms, question, payload)
        asked += 1


def test_a_device_asks_in_its_periods():
    for name in NAMES:
        table = load(name)
        device = SerialBms(table, 2, {"id": "p", "cells": 8, "temps": 2})
        assert device.read(0) is None and device.due_ms(1000) == 1000
        blocks = len(table.BLOCKS)
        assert ask_all(device, table, sample(8, 2), 1000) == blocks
        assert device.next_request(1999) is None and device.due_ms(1500) == 2000
        assert device.read(1000).cell_mv == sample(8, 2).cell_mv
        total = sum([ask_all(device, table, sample(8, 2), now) for now in range(2000, 12000, 100)])
        # a text is asked for three times, then every few minutes
        assert total == sum([10000 // row[3] or 2 for row in table.BLOCKS]), name


def test_a_slow_line_starves_no_question():
    """One answer every 5 s, five times slower than the periods: the questions take turns."""
    for name in NAMES:
        table = load(name)
        device = SerialBms(table, 2, {"id": "p", "cells": 8, "temps": 2})
        asked = []
        for now in range(1000, 1000 + 5000 * 12, 5000):
            question = device.next_request(now)
            asked.append(question.index)
            data = encode_block(table, question.index, sample(8, 2))
            assert device.reply(now, question, fold(table.ANSWERS[question.index], data))
        often = [index for index, row in enumerate(table.BLOCKS) if row[3] < 60000]  # a text waits for them
        assert all([asked.count(index) >= 3 for index in often]), (name, asked)


def test_a_question_that_is_ignored_starves_no_other():
    for name in NAMES:
        table = load(name)
        for ignored in range(len(table.BLOCKS)):
            device = SerialBms(table, 2, {"id": "p", "cells": 8, "temps": 2})
            answered = [0] * len(table.BLOCKS)
            now = 0
            while now < 60000:
                question = device.next_request(now)
                if question is None:
                    now += 50
                elif question.index == ignored:
                    now += 800
                    device.failed(now, question, TIMEOUT)
                else:
                    data = encode_block(table, question.index, sample(8, 2))
                    assert device.reply(now, question, fold(table.ANSWERS[question.index], data))
                    answered[question.index] += 1
                    now += 20
            for index, row in enumerate(table.BLOCKS):
                if index != ignored:
                    assert answered[index] >= 60000 // (2 * row[3]), (name, ignored, answered)


def test_the_gate_gets_exactly_the_questions():
    for name in NAMES:
        table = load(name)
        device = SerialBms(table, 2, {"id": "p", "cells": 8, "temps": 2})
        reads, writes = device.gate_rules()
        seen = [device._questions[k].data for k in range(len(table.BLOCKS))]
        assert list(reads) == seen and writes == () and len(set(reads)) == len(reads)
    assert SerialBms(load("pylontech_rs485"), 2, {"id": "p"}).gate_rules()[0][0] == b"~20024642E00202FD33\r"


def test_a_silent_device_is_asked_less_and_less():
    device = SerialBms(load("jbd"), 0, {"id": "p"})
    now, times = 0, []
    while now < 60000:
        question = device.next_request(now)
        if question is not None:
            times.append(now)
            device.failed(now, question, TIMEOUT)
        now += 50
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[0] == 200 and max(gaps) <= 10000 and len(times) < 25


def test_a_refused_or_malformed_answer_costs_only_its_question():
    for reason in (EXCEPTION + 4, BAD_REPLY):
        device = SerialBms(load("jbd"), 0, {"id": "p"})
        first = device.next_request(0)
        device.failed(0, first, reason)
        assert device.last_failure == reason
        second = device.next_request(0)
        assert second.index != first.index
    assert not device.reply(0, second, b"\x00" * 7)
    assert device.last_failure == BAD_REPLY and device.read(0) is None


def test_refusals_have_a_reason():
    device = SerialBms(load("pylontech_rs485"), 2, {"id": "p"})
    question = device.next_request(0)
    assert reply_payload(question, b"~200246040000FDAB\r"[:5]) is None
    from bms_bridge.serial_frames import pylontech_frame

    assert reply_payload(question, pylontech_frame(2, 4, b"")) == (None, EXCEPTION + 4)


def test_wrong_length_changes_nothing():
    for name in NAMES:
        table = load(name)
        state = Assembler(Fitted(table, 8, 2))
        for index, size in enumerate(table.SIZES):
            for length in (0, 1, size - 1, size + 1, 2 * size):
                assert not state.take(5, index, bytes(length))
        assert state.record() is None and state.slots == [None] * table.SLOTS
        assert table.BLOCKS_OF[G_ALARMS] != ()


def test_any_payload_is_taken_or_refused_without_an_exception():
    seed = 20261122
    for name in NAMES:
        table = load(name)
        device = SerialBms(table, 2, {"id": "p", "cells": 8, "temps": 2})
        blocks = encode_all(table, sample(8, 2))
        for now in range(0, 20000 * 150, 20000):
            question = device.next_request(now)
            payload = bytearray(fold(table.ANSWERS[question.index], blocks[question.index]))
            for _ in range(3):
                seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
                payload[(seed >> 8) % len(payload)] = seed >> 20 & 0xFF
            before = device.read(now)
            if not device.reply(now, question, bytes(payload)):
                assert device.read(now) is before
        assert len(device.read(0).cell_mv) == 8 and len(device.read(0).temp_mc) == 2
