# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The virtual board does what a board does, as the real mpremote sees it."""

import hashlib
import os
import time

CAUSE = "import machine; print(machine.reset_cause())"
TICKER = "import asyncio\nasync def run():\n    while True:\n        await asyncio.sleep(0.01)\nasyncio.run(run())\n"


def wait_for(condition, seconds=10.0):
    """True as soon as condition() is, False after the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_runs_code_and_reports_errors(desk):
    assert desk.mpremote("eval", "6*7")[1].strip() == "42"
    assert desk.exec("import sys; print(sys.implementation.name)") == "micropython"
    code, out, err = desk.mpremote("exec", "1/0")
    assert code == 1 and "ZeroDivisionError" in out + err
    code, out, err = desk.mpremote("exec", "x = bytearray(10**8)")
    assert code == 1 and "MemoryError" in out + err
    desk.mpremote("exec", "import sys; sys.exit(9)")
    assert desk.mpremote("eval", "3")[1].strip() == "3"


def test_files_survive_unchanged(desk):
    tree = desk.folder / "tree"
    (tree / "sub").mkdir(parents=True)
    blob = bytes(range(256)) * 40 + b"\x03" * 300
    (tree / "sub" / "blob.bin").write_bytes(blob)
    (tree / "one.py").write_text("X = 5\n", encoding="utf-8")
    assert desk.mpremote("fs", "cp", "-r", str(tree), ":")[0] == 0
    digest = hashlib.sha256(blob).hexdigest()
    assert digest in desk.mpremote("fs", "sha256sum", ":tree/sub/blob.bin")[1]
    assert desk.exec("import sys; sys.path.insert(0, '/tree'); import one; print(one.X)") == "5"
    back = desk.folder / "back.bin"
    assert desk.mpremote("fs", "cp", ":tree/sub/blob.bin", str(back))[0] == 0
    assert back.read_bytes() == blob


def test_soft_reset_clears_ram_and_resume_keeps_it(desk):
    desk.exec("kept = 5")
    assert desk.mpremote("resume", "eval", "kept")[1].strip() == "5"
    assert desk.mpremote("eval", "'kept' in globals()")[1].strip() == "False"


def test_hard_reset_runs_main_and_ctrl_c_stops_it(desk):
    desk.put("boot.py", "print('booting')\n")
    desk.put("main.py", "open('/ran', 'w').close()\n" + TICKER)
    desk.hard_reset()
    assert desk.exec(CAUSE, "resume") == "2"
    assert "ran" in desk.mpremote("fs", "ls")[1]
    desk.mpremote("fs", "rm", ":main.py", ":boot.py", ":ran")


def test_watchdog_resets(desk):
    fed = "import machine, time\nif machine.reset_cause() != 3:\n    dog = machine.WDT(timeout=200)\n"
    fed += "    for _ in range(5):\n        time.sleep(0.1)\n        dog.feed()\n"
    fed += "    open('/fed', 'w').close()\n    while True:\n        pass\nopen('/bitten', 'w').close()\n"
    desk.put("main.py", fed)
    desk.hard_reset("1.5")
    listed = desk.mpremote("fs", "ls")[1]
    assert "fed" in listed and "bitten" in listed
    desk.mpremote("fs", "rm", ":main.py", ":fed", ":bitten")


def test_console_over_tcp(desk):
    assert desk.mpremote("eval", "6*9", port=desk.board.tcp)[1].strip() == "54"


def test_uart_both_ways(desk):
    line = os.open(desk.board.uarts[1], os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(line, b"ask")
        script = "import machine\nu = machine.UART(1, 19200)\nwhile not u.any():\n    pass\nprint(u.read())\n"
        assert desk.exec(script + "u.write(b'reply')") == "b'ask'"
        assert os.read(line, 100) == b"reply"
        waiter = "import asyncio, machine\nu = machine.UART(1)\nasync def run():\n    r = asyncio.StreamReader(u)\n"
        os.write(line, b"\x01\x03\x0a")
        assert desk.exec(waiter + "    print(await r.readexactly(3))\nasyncio.run(run())") == "b'\\x01\\x03\\n'"
    finally:
        os.close(line)


def test_a_program_does_not_wait_for_a_reader_of_its_output(desk):
    talk = "n = 0\nfor n in range(3000):\n    print('a line that nobody reads', n)\nopen('/said', 'w').close()\n"
    desk.put("main.py", talk)
    desk.hard_reset("3")
    assert "said" in desk.mpremote("fs", "ls")[1]
    desk.mpremote("fs", "rm", ":main.py", ":said")


def test_power_cuts_leave_the_old_or_the_new_file(desk):
    main = "import os\nn = 0\nwhile True:\n    n += 1\n    f = open('/new', 'w')\n    f.write('%d ' % n * 200)\n"
    desk.put("main.py", main + "    f.close()\n    os.rename('/new', '/state')\n")
    desk.hard_reset()
    for cut in range(6):
        time.sleep(0.05 + 0.037 * cut)
        desk.board.power_cut()
    assert desk.exec(CAUSE) in ("1", "5")
    words = desk.exec("print(open('/state').read())").split()
    assert len(words) == 200 and len(set(words)) == 1
    desk.mpremote("fs", "rm", ":main.py", ":state")


def test_ends_with_the_process_that_started_it(micropython, tmp_path):
    from simulator.vboard import VirtualBoard

    board = VirtualBoard(tmp_path / "flash.img")
    pid = board.process.pid
    board.close()
    assert board.process.returncode == 0

    def gone():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    assert wait_for(gone)
