# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a board says: status lines on its console, read without stopping the program.

A running controller prints one line `~{json}` every two seconds (edge/shell/board.py).
"""

import argparse
import json
import os
import sys
import time

from host_tools import ports, texts
from host_tools.screen import Screen
from host_tools.top import show_once

BAUD = 115200
POLL_S = 0.2
SILENT_S = 10.0
MARK = b"~{"


class ConsoleError(Exception):
    """The board cannot be reached: place, what is wrong, what to do."""

    exit_code = 3


def real_port(port):
    """The device a symbolic link points to: on the link itself mpremote is ten times slower."""
    return os.path.realpath(port) if os.path.islink(port) else port


class Console:
    """The serial console of a board (device path or socket://HOST:PORT); use it in a `with`.

    patient_s: how long to wait for the port, which goes away for a moment when a board with USB resets.
    """

    def __init__(self, port, patient_s=0.0):
        self.port = real_port(port)
        self.heard = 0
        self._rest = b""
        self._line = self._open(patient_s)

    def _open(self, patient_s):
        import serial

        end = time.monotonic() + patient_s
        while True:
            try:
                line = serial.serial_for_url(self.port, BAUD, timeout=POLL_S, exclusive=True)
                line.reset_input_buffer()
                return line
            except (OSError, ValueError) as error:
                if time.monotonic() >= end:
                    reason = "cannot open: %s" % (getattr(error, "strerror", None) or error)
                    found = ports.trouble(self.port) or (reason, "check the cable, then run it again")
                    raise ConsoleError("%s: %s\n  → %s" % (self.port, *found)) from None
            time.sleep(POLL_S)

    def lines(self):
        """Whole lines that arrived, as bytes without line end; waits POLL_S at most for the first."""
        try:
            data = self._line.read(1)
            data += self._line.read(self._line.in_waiting)
        except OSError:
            mend = "plug it in and run the same command again; a board with power of its own has gone on working"
            raise ConsoleError("%s: the port has gone away\n  → %s" % (self.port, mend)) from None
        self.heard += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.rstrip(b"\r") for line in whole]

    def statuses(self):
        """Status dicts among the lines that arrived."""
        found = [status_of(line) for line in self.lines()]
        return [status for status in found if status]

    def wait_status(self, within_s, until=None, tell=None):
        """The first status for which until(status) holds, or the last one seen, or None after within_s.

        tell(status): called with each status on the way.
        """
        end = time.monotonic() + within_s
        last = None
        while time.monotonic() < end:
            for status in self.statuses():
                last = status
                if tell:
                    tell(status)
                if until is None or until(status):
                    return status
        return last

    def silence(self, within_s):
        """The ConsoleError for a board without a status line, by what was heard of it."""
        if self.heard:
            what = "no status line in %g s, but the board talks" % within_s
            mend = "the controller does not run on it: `reuse-edge board logs %s` shows what it says" % self.port
        else:
            what, mend = (
                "nothing heard in %g s" % within_s,
                "is there a controller on it? reuse-edge flash %s site.yaml puts it there" % self.port,
            )
        return ConsoleError("%s: %s\n  → %s" % (self.port, what, mend))

    def close(self):
        """Give the port back."""
        self._line.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def status_of(line):
    """The Status dict of one console line, or None when it is something else."""
    if not line.startswith(MARK):
        return None
    try:
        status = json.loads(line[1:])
    except ValueError:
        return None
    return status if isinstance(status, dict) else None


def board_status(options):
    """`board status`: the live view of a board, or one status with --once."""
    with Console(options.port) as console:
        if not options.json and not options.once and sys.stdout.isatty():
            return watch(console, options.lang)
        while True:
            status = console.wait_status(SILENT_S)
            if status is None:
                raise console.silence(SILENT_S)
            show_once(status, options.json, options.lang)
            if options.once or not options.json:
                return 0


def watch(console, lang):
    """The full-screen view of a board until q."""
    status, heard = None, time.monotonic()
    with Screen(lang) as screen:
        footer = [texts.word(screen.lang, "quit")]
        while "q" not in screen.keys().lower():
            arrived = console.statuses()
            if arrived:
                status, heard = arrived[-1], time.monotonic()
            silent_s = time.monotonic() - heard
            notice = None
            if silent_s > SILENT_S / 2:
                notice = "%s (%s)" % (texts.word(screen.lang, "no_answer") % ("%d s" % silent_s), console.port)
            screen.update(status, footer, notice)
    return 0


def board_logs(options):
    """`board logs`: every line the board prints except its status lines, until Ctrl-C."""
    with Console(options.port) as console:
        while True:
            for line in console.lines():
                if not line.startswith(MARK):
                    print(line.decode("utf-8", "replace"), flush=True)


def board_ls(options):
    """`board ls`: the serial ports of this machine; boards with USB have a vendor id."""
    rows = [{"port": row.device, "serial": row.serial_number, "text": row.description} for row in ports.known()]
    if options.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print("%-24s %-20s %s" % (row["port"], row["serial"] or "–", row["text"]))
    if not rows:
        print("no serial port on this machine\n  → plug the board in", file=sys.stderr)
    return 0


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge board",
        description="What a board says, without stopping its program; and what lies on it.",
        epilog="exit codes: 0 done, 1 not done whole, 2 wrong use, 3 no answer, 130 interrupted",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("ls", help="the serial ports of this machine")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb = verbs.add_parser("status", help="live view from the status lines of a board")
    verb.add_argument("port", help="serial port or socket://HOST:PORT")
    verb.add_argument("--once", action="store_true", help="print one view and end")
    verb.add_argument("--json", action="store_true", help="print the status as JSON lines")
    verb.add_argument("--lang", choices=texts.LANGUAGES, help="language of the words (default: from LANG)")
    verb = verbs.add_parser("logs", help="what the board prints besides its status")
    verb.add_argument("port", help="serial port or socket://HOST:PORT")
    from host_tools.board_files import add_verbs

    add_verbs(verbs)
    return parser.parse_args(argv)


def board_main(argv=None):
    """Entry point of the verb `board`. Returns the exit code: 0, 1, 2, 3 or 130."""
    from host_tools.board_files import VERBS
    from host_tools.remote import FlashError

    options = parse(argv)
    try:
        return {"ls": board_ls, "status": board_status, "logs": board_logs, **VERBS}[options.verb](options)
    except (ConsoleError, FlashError) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
