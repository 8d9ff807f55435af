# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Lines of serial protocols over pseudo-terminals: pyserial on the gateway, the board's line in the
MicroPython VM. The device answers from the inverse table; what it received is what the gate approved."""

import json
import os
import pathlib
import pty
import select
import subprocess
import threading
import tty

import pytest

from bms_bridge.encode import encode_all
from bms_bridge.serial_bms import SerialBms
from bms_bridge.serial_encode import answer_frame
from bms_bridge.tables import load
from bms_bridge.transports import gateway_serial
from edge.core.records import Sample
from edge.core.tx_gate import LISTEN, READ, TxGate, approved_sum
from tests.bridge.rig import drive

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DRIVER = pathlib.Path(__file__).with_name("serial_driver.py")
# profile, unit, cells, temps
PACKS = (("jbd", 0, 16, 3), ("pylontech_rs485", 2, 15, 5), ("jk_pb_frames", 3, 16, 4))


def said(cells, temps):
    return Sample(
        0, 52340, -7200, None, None, None, None, tuple(3270 + k for k in range(cells)), tuple(20000 + 100 * k for k in range(temps)),
        470000, 990000, 180000, 150000, 56000, 0, (),
    )  # fmt: skip


class Device:
    """One pack on a pseudo-terminal. echo: it returns each question before the answer, as RS485 adapters
    do. noise: bytes before an answer. bad: numbers of questions that get a broken answer; lost: none."""

    def __init__(self, profile, unit, cells, temps, echo=False, noise=b"", bad=(), lost=()):
        table = load(profile)
        twin = SerialBms(table, unit, {"id": "twin", "cells": cells, "temps": temps})
        blocks = encode_all(table, said(cells, temps))
        self._answers = {
            question: answer_frame(table, index, unit, blocks[index])
            for index, question in enumerate(twin.gate_rules()[0])
        }
        self._echo, self._noise, self._bad, self._lost = echo, noise, bad, lost
        self.received = b""
        self.questions = 0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join(30)
        os.close(self._master)
        os.close(self._slave)

    def _serve(self):
        buffer = b""
        while not self._stopping:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            chunk = os.read(self._master, 256)
            self.received += chunk
            buffer += chunk
            for question, answer in self._answers.items():
                if buffer.startswith(question):
                    buffer = buffer[len(question) :]
                    self._answer(question, answer)

    def _answer(self, question, answer):
        self.questions += 1
        if self._echo:
            os.write(self._master, question)
        if self.questions in self._bad:
            answer = answer[:9] + bytes((answer[9] ^ 1,)) + answer[10:]
        if self.questions not in self._lost:
            os.write(self._master, self._noise + answer)


def whole(pack):
    """Every group that the profile provides has come."""
    sample = pack.read(0)
    return sample is not None and all(
        sample.groups[group].count for group in range(8) if pack.table.PERIODS_MS[group] is not None
    )


def expected(profile, cells, temps):
    """Values of the record by place, where the profile provides them."""
    table = load(profile)
    return {
        slot: said(cells, temps)[slot]
        for group in range(8)
        for slot, _ in table.SLOTS_OF[group]
        if slot < 15 and table.PERIODS_MS[group] is not None
    }


@pytest.mark.parametrize("extra", [{}, {"echo": True, "noise": b"\x00"}], ids=["clean", "echo"])
@pytest.mark.parametrize(("profile", "unit", "cells", "temps"), PACKS, ids=[row[0] for row in PACKS])
def test_gateway_reads_every_profile(profile, unit, cells, temps, extra):
    with Device(profile, unit, cells, temps, **extra) as device:
        pack = SerialBms(load(profile), unit, {"id": "pack", "cells": cells, "temps": temps})
        gate = TxGate("serial", READ, pack.gate_rules())
        link = {"kind": "serial", "path": device.path, "baud": 115200, "parity": "N"}
        drive(gateway_serial.run_link, link, [pack], gate, lambda: whole(pack))
        for slot, value in expected(profile, cells, temps).items():
            assert pack.read(0)[slot] == value, slot
        assert approved_sum(1, device.received) == gate.approved_sum and gate.refused == 0


def test_gateway_goes_on_after_broken_and_lost_answers():
    with Device("jbd", 0, 16, 3, bad=(1,), lost=(2,)) as device:
        pack = SerialBms(load("jbd"), 0, {"id": "pack", "cells": 16, "temps": 3})
        gate = TxGate("serial", READ, pack.gate_rules())
        link = {"kind": "serial", "path": device.path, "baud": 115200, "parity": "N"}
        drive(gateway_serial.run_link, link, [pack], gate, lambda: whole(pack))
        assert device.questions >= 4 and pack.read(0).cell_mv == said(16, 3).cell_mv


def test_a_line_that_only_listens_sends_nothing():
    with Device("jbd", 0, 16, 3) as device:
        pack = SerialBms(load("jbd"), 0, {"id": "pack", "cells": 16, "temps": 3})
        gate = TxGate("serial", LISTEN, pack.gate_rules())
        link = {"kind": "serial", "path": device.path, "baud": 115200, "parity": "N"}
        drive(gateway_serial.run_link, link, [pack], gate, lambda: gate.refused >= 2)
        assert device.received == b"" and pack.read(0) is None


@pytest.mark.parametrize(("profile", "unit", "cells", "temps"), PACKS, ids=[row[0] for row in PACKS])
def test_board_reads_every_profile_in_the_vm(micropython, profile, unit, cells, temps):
    with Device(profile, unit, cells, temps, noise=b"\x00") as device:
        done = subprocess.run(
            [micropython, "-X", "heapsize=384k", str(DRIVER), profile, device.path, str(unit), str(cells), str(temps), "1"],
            capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
            env={**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        assert result["refused"] == 0 and approved_sum(1, device.received) == result["approved_sum"]
        for slot, value in expected(profile, cells, temps).items():
            value = list(value) if isinstance(value, tuple) else value
            assert result["values"][slot - 1] == value, slot
