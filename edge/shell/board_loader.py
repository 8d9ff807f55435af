# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The loader of a board: chooses a slot and imports its controller; falls back when that fails.

host_tools/bundle.py makes /loader.mpy of this text, edge/shell/slots.py and edge/shell/board_rom.py; /main.py imports
it. It stands outside the slots and has to start every version in them: what it needs of one is main(folder) of
edge.shell.board.
"""

import os
import sys
import time

from edge.shell.board_rom import in_rom
from edge.shell.slots import Slots, word_of

SERVICE = "/service"  # asks to wait once, without a watchdog, for an engineer
SERVICE_S = 15


def serve(root):
    """Wait once for an engineer who asked for it: Ctrl-C takes over."""
    try:
        os.remove(root + SERVICE)
    except OSError:
        return
    print("service: %d s for Ctrl-C, then the controller starts" % SERVICE_S)
    for _ in range(SERVICE_S * 10):
        time.sleep(0.1)


def ready(root=""):
    """(main function of the slot that is to start, its folder, True when it is on trial and there is another slot: what
    goes wrong is worth a reset); None when nothing can be started."""
    serve(root)
    slots = Slots(root)
    name = slots.choose()
    if name is None:
        print("no slot on this board is whole: nothing is started\n  -> reuse-edge flash PORT site.yaml")
        return None
    folder = slots.folder(name)
    trial = ", start %d on trial" % slots.boots if slots.on_trial() else ""
    print("slot %s: reuse-edge %s%s" % (name, word_of(folder, "version", "?"), trial))
    sys.path[:] = [in_rom(folder), folder] + sys.path
    try:
        from edge.shell.board import main

        return main, folder, slots.on_trial() and slots.has_other()
    except Exception as error:
        sys.print_exception(error)  # type: ignore[attr-defined]  # MicroPython
        if slots.fall("cannot be imported: %s" % error):
            import machine

            machine.reset()
        print("slot %s cannot start and there is no other\n  -> reuse-edge flash PORT site.yaml" % name)
        return None
