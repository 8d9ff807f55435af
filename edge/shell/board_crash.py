# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Why a board starts: the cause of its reset, and what the program before died of.

An exception that nobody expected leaves its last lines in /crash.log, bounded; the next start tells them upstream in
its first record. Messages of exceptions that may carry a value of ours are left out: a key must not get into a log.
"""

import gc
import io
import os
import sys

from edge.core.registry import KEYS

LOG = "/crash.log"
MOST_BYTES = 480
TOLD = ("MemoryError", "OSError", "RuntimeError", "Late")  # their messages are ours, or a number
# Codes of the metric reset_cause, by the name of machine's constant.
CAUSES = ("", "PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET")


def text_of(error):
    """The last lines of the traceback of error, and its name; the message only where it can be no secret."""
    out = io.StringIO()
    sys.print_exception(error, out)  # type: ignore[attr-defined]  # MicroPython
    lines = out.getvalue().strip().split("\n")
    name = type(error).__name__
    if name not in TOLD:
        while lines and not lines[-1].startswith("  File"):
            lines.pop()
        lines.append(name)
    return "\n".join([line.strip() for line in lines[1:]])[-MOST_BYTES:]


def note(error):
    """Keep what the program dies of: error, bounded and without its message where that may be a secret."""
    gc.collect()
    try:
        text = text_of(error)
    except MemoryError:
        text = "MemoryError"
    keep(text)


def untold(loop, context):
    """Handler of the event loop for a task that has ended with an exception which nobody awaits."""
    note(context["exception"])


def keep(text, path=LOG):
    """Keep text for the next start, behind what is kept already, and say it on the console. A disk or a memory that is
    full costs the note and nothing else."""
    print(text)
    try:
        with open(path, "a", encoding="utf-8") as file:
            if file.seek(0, 2) < MOST_BYTES:
                file.write(text + "\n")
    except (OSError, MemoryError):
        pass


def before(machine, path=LOG):
    """((metric key, value), ...) of the first record: the reset's cause, and the note, which goes then."""
    cause = machine.reset_cause()
    code = [getattr(machine, name, None) if name else None for name in CAUSES]
    pairs = ((KEYS["reset_cause"], code.index(cause) if cause in code else 0),)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MOST_BYTES).strip()
        os.remove(path)
    except (OSError, ValueError):
        return pairs
    return pairs + ((KEYS["crash"], text),)
