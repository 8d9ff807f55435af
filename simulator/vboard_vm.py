# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The processor of a virtual board: one life of the MicroPython VM, from reset to reset (see simulator.vboard)."""

import os
import signal

SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vboard_shim")
POWER_ON, HARD, WATCHDOG, SOFT = 1, 2, 3, 5
CTRL_C = b"\x03"
BLOCK_BYTES = 4096
# The heap of the VM is made larger by what takes none on a board: its ROMFS partition, with a fortieth for the tables
# of the collector, and modules that are C there.
ROM_BLOCKS = 96
SHIM_BYTES = 28 * 1024  # 34 KB are held under asyncio.sleep(), 5 KB of them are asyncio's and the VM's own


def bytes_of(heap):
    """Bytes of a size as -X heapsize= takes it."""
    number = heap.rstrip("kKmM")
    return int(number) * {"": 1, "k": 1 << 10, "m": 1 << 20}[heap[len(number) :].lower()]


def rom_blocks(options):
    """How many blocks of 4 KiB the ROMFS partition of a board has; 0: its firmware knows none."""
    return getattr(options, "rom", ROM_BLOCKS)


def prepare_console():
    """In the VM's process: its terminal passes bytes unchanged, and Ctrl-C interrupts."""
    import termios

    off = os.fpathconf(0, "PC_VDISABLE")
    mode = termios.tcgetattr(0)
    mode[0] = mode[1] = 0
    mode[3] = termios.ISIG | termios.NOFLSH
    for control in (termios.VQUIT, termios.VSUSP):
        mode[6][control] = off
    mode[6][termios.VINTR] = CTRL_C
    termios.tcsetattr(0, termios.TCSANOW, mode)


class Vm:
    """One life of the board's processor, from reset to reset."""

    def __init__(self, options, uarts, cause, raw):
        import pty

        self.pipe, pipe = os.pipe()
        os.set_blocking(self.pipe, False)
        self.pid, self.console = pty.fork()
        if self.pid == 0:
            prepare_console()
            outside = options.outside.fileno()
            for fd in [pipe, outside, *getattr(options, "inherit", ()), *[line[0] for line in uarts.values()]]:
                os.set_inheritable(fd, True)
            start = os.path.join(SHIM, "start.py")
            rom_bytes = BLOCK_BYTES * rom_blocks(options)
            heap = "heapsize=%d" % (bytes_of(options.heap) + SHIM_BYTES + rom_bytes + rom_bytes // 40)
            command = [options.micropython, "-X", heap, "-i", start]
            os.execve(command[0], command, vm_environment(options, uarts, pipe, cause, raw))
        os.close(pipe)
        self.phase = "boot"  # boot -> run (boot.py, main.py) -> done -> repl
        self.raw = raw
        self.hidden = b"" if raw else None
        self.busy_until = self.watchdog_s = self.watchdog_at = self.timer_at = None

    def reads(self):
        """True while the REPL waits for input; False while a program runs."""
        import termios

        try:
            return not termios.tcgetattr(self.console)[3] & termios.ISIG
        except termios.error:
            return False

    def end(self):
        """Kill the process and take its exit code (negative: the signal)."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.gone()

    def gone(self):
        """Take the exit code of a process that has ended and close its files."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.console)
        os.close(self.pipe)
        return code


def vm_environment(options, uarts, pipe, cause, raw):
    """What vboard_shim/start.py reads."""
    return {
        "VBOARD_TIME": getattr(options, "time", ""),
        "MICROPYPATH": SHIM + ":.frozen",
        "VBOARD_IMAGE": os.path.abspath(options.image),
        "VBOARD_BLOCKS": str(options.blocks),
        "VBOARD_ROM": str(rom_blocks(options)),
        "VBOARD_PIPE": str(pipe),
        "VBOARD_RADIO": "1" if getattr(options, "radio", True) else "0",
        "VBOARD_OUTSIDE": str(options.outside.fileno()),
        "VBOARD_CAUSE": str(cause),
        "VBOARD_RAW": "1" if raw else "0",
        "VBOARD_UARTS": " ".join("%d=%d" % (number, line[0]) for number, line in uarts.items()),
    }
