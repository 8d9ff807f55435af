# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge top`: attach read-only to a running controller and show the live view.

The controller answers each TCP connection with one line of JSON and closes it; nothing is ever sent to it.
"""

import argparse
import json
import os
import socket
import sys
import time

from host_tools import texts
from host_tools.screen import Screen, ascii_wanted, local_zone
from host_tools.view import render, text_of

REDRAW_S = 0.5
ANSWER_S = 2.0
MOST_BYTES = 1 << 20
PORT_FILE = "status.port"


class TopError(Exception):
    """Wrong use or no answer: one message, the exit code beside it."""

    def __init__(self, text, exit_code):
        super().__init__(text)
        self.exit_code = exit_code


def find_address(target):
    """(host, port) of HOST:PORT, PORT or the folder of a running controller.

    Raises TopError: 2 for what is none of these, 3 for a folder without a running controller.
    """
    if os.path.isdir(target):
        path = os.path.join(target, PORT_FILE)
        try:
            with open(path, encoding="utf-8") as file:
                return "127.0.0.1", int(file.read())
        except (OSError, ValueError):
            raise TopError(
                "%s: no controller runs here (no readable %s)\n  → reuse-edge run ..., or name its port"
                % (target, PORT_FILE),
                3,
            ) from None
    if target.startswith(("/dev/", "socket://")) or target.upper().startswith("COM"):
        raise TopError("%s: is a board, not a gateway\n  → reuse-edge board status %s" % (target, target), 2)
    host, _, port = target.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise TopError(
            "%s: not HOST:PORT, a port or a folder\n  → for example: reuse-edge top 127.0.0.1:4321" % target, 2
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def ask(address):
    """The Status dict of the controller at address. Raises OSError when there is no whole answer."""
    with socket.create_connection(address, ANSWER_S) as line:
        line.settimeout(ANSWER_S)
        data = b""
        while not data.endswith(b"\n") and len(data) < MOST_BYTES:
            piece = line.recv(65536)
            if not piece:
                break
            data += piece
    try:
        status = json.loads(data)
    except ValueError:
        raise OSError("the answer is not a status line") from None
    if not isinstance(status, dict):
        raise OSError("the answer is not a status line")
    return status


def show_once(status, as_json, lang, size=None):
    """Print one status: JSON, or the view as plain text as wide as the terminal."""
    if as_json:
        print(json.dumps(status, ensure_ascii=False), flush=True)
        return
    width, height = size or os.get_terminal_size() if sys.stdout.isatty() else (100, 30)
    lines = render(status, width, max(height, 24), ascii_wanted(), texts.language(lang), local_zone())
    print(text_of(lines), flush=True)


def first_answer(address, target):
    """The first status, tried for ANSWER_S. Raises TopError(3) when there is none."""
    end = time.monotonic() + ANSWER_S
    while True:
        try:
            return ask(address)
        except OSError as error:
            if time.monotonic() >= end:
                raise TopError(
                    "%s: no answer from a controller (%s)\n  → is it running? `reuse-edge run` prints its port"
                    % (target, error.strerror or error),
                    3,
                ) from None
        time.sleep(0.1)


def watch(source, lang, address_text):
    """The full-screen view until q; source() gives a status or raises OSError. Returns the exit code."""
    status, heard = None, time.monotonic()
    with Screen(lang) as screen:
        while True:
            notice = None
            try:
                status = source()
                heard = time.monotonic()
            except (OSError, TopError):
                silent = "%d s" % (time.monotonic() - heard)
                notice = "%s (%s)" % (texts.word(screen.lang, "no_answer") % silent, address_text)
            screen.update(status, [texts.word(screen.lang, "quit")], notice)
            until = time.monotonic() + REDRAW_S
            while time.monotonic() < until:
                if "q" in screen.keys().lower():
                    return 0
                time.sleep(0.05)


def stream(source):
    """One JSON line per answer, for pipes, until interrupted or the controller is gone (3)."""
    while True:
        try:
            print(json.dumps(source(), ensure_ascii=False), flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise TopError("no answer any more (%s)" % error, 3) from None
        time.sleep(REDRAW_S)


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge top",
        description="Attach read-only to a running controller. q quits, 1-9 chooses the pack.",
        epilog="exit codes: 0 done, 2 wrong use, 3 no answer, 130 interrupted",
    )
    parser.add_argument("target", nargs="?", default=".", metavar="HOST:PORT|PORT|DIR", help="default: this folder")
    parser.add_argument("--once", action="store_true", help="print one view and end")
    parser.add_argument("--json", action="store_true", help="print the status as JSON lines")
    parser.add_argument("--lang", choices=texts.LANGUAGES, help="language of the words (default: from LANG)")
    return parser.parse_args(argv)


def main(argv=None):
    """Entry point of the verb. Returns the exit code: 0, 2, 3 or 130."""
    options = parse(argv)
    try:
        address = find_address(options.target)
        status = first_answer(address, options.target)
        if options.once or not (options.json or sys.stdout.isatty()):
            show_once(status, options.json, options.lang)
            return 0
        if options.json:
            return stream(lambda: ask(address))
        # The address is found anew each time: a controller that restarts may serve another port.
        return watch(lambda: ask(find_address(options.target)), options.lang, "%s:%d" % address)
    except TopError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
