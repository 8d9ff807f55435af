# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The live view on a terminal: full screen, redrawn on update, with a key reader that never blocks.

Without a terminal nothing is printed, so the same program runs in a pipe or in CI.
"""

import os
import sys
from datetime import datetime

from host_tools import texts
from host_tools.view import render

STYLES = {"": "", "ok": "green", "warn": "yellow", "bad": "bold red", "dim": "dim", "head": "bold"}
INTERRUPT = "\x03"


def ascii_wanted(stream=None):
    """True when signs outside ASCII would not be readable: not UTF-8, TERM=dumb or NO_COLOR."""
    encoding = (getattr(stream or sys.stdout, "encoding", None) or "").lower().replace("-", "")
    return encoding != "utf8" or os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))


def local_zone():
    """The time zone of this machine."""
    return datetime.now().astimezone().tzinfo


class Screen:
    """A full-screen live view; use it in a `with`.

    lang: "en", "ko" or None (from LANG). ascii_only: None finds out from the terminal.
    """

    def __init__(self, lang=None, ascii_only=None):
        self.lang = texts.language(lang)
        self.ascii = ascii_wanted() if ascii_only is None else ascii_only
        self.live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.pack = 0
        self._keys = Keys() if self.live and sys.stdin.isatty() else None
        self._rich = None

    def __enter__(self):
        if self.live:
            from rich.console import Console
            from rich.live import Live

            self._rich = Live(console=Console(highlight=False), screen=True, auto_refresh=False)
            self._rich.start()
        if self._keys:
            self._keys.start()
        return self

    def __exit__(self, *_):
        if self._keys:
            self._keys.stop()
        if self._rich:
            self._rich.stop()
            self._rich = None

    def update(self, status, footer_lines=(), notice=None):
        """Draw the status; footer_lines: texts at the bottom. notice takes the place of the verdict."""
        if not self._rich:
            return
        from rich.text import Text

        console = self._rich.console
        width, height = console.size
        footer = [[(str(line), "dim")] for line in footer_lines]
        body = max(1, height - len(footer) - (1 if footer else 0))
        lines = render(status, width, body, self.ascii, self.lang, local_zone(), notice, self.pack)
        if footer:
            lines += [[]] * (height - len(footer) - len(lines)) + footer
        text = Text(no_wrap=True, overflow="crop", end="")
        for number, line in enumerate(lines):
            text.append("\n" if number else "")
            for part, style in line:
                text.append(part, STYLES[style])
        self._rich.update(text, refresh=True)

    def keys(self):
        """Keys pressed since the last call, "" when none; digits choose the pack shown in full."""
        pressed = self._keys.read() if self._keys else ""
        for key in pressed:
            if key in "123456789":
                self.pack = int(key) - 1
        return pressed


class Keys:
    """Reads single keys from the terminal without waiting; POSIX and Windows."""

    def __init__(self):
        self._saved = None

    def start(self):
        """Take the terminal out of line mode; Ctrl-C still interrupts."""
        if os.name == "nt":
            return
        import termios
        import tty

        self._saved = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)

    def stop(self):
        """Give the terminal back as it was."""
        if self._saved is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)
            self._saved = None

    def read(self):
        """What was typed since the last call."""
        if sys.platform == "win32":
            import msvcrt

            pressed = ""
            while msvcrt.kbhit():
                pressed += msvcrt.getwch()
            if INTERRUPT in pressed:
                raise KeyboardInterrupt
            return pressed
        import select

        if not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return os.read(sys.stdin.fileno(), 64).decode("utf-8", "ignore")
