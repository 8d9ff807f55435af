# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Start of the virtual board, before its REPL: mount the flash image, then boot.py and main.py.

Settings arrive in the environment (see `vm_environment` in simulator/vboard.py). A soft reset out of
the raw REPL runs boot.py only, as a real board does.
"""

import os
import sys

import machine
import rom_partition
from flash_image import mounted


def _mount(path, count, rom_count):
    flash = mounted(path, count, "/")
    if "fast_time" in sys.modules:
        sys.modules["fast_time"].chip(flash)
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    if rom_count:
        rom_partition.install(flash.chip, count, rom_count)
    sys.modules.pop("flash_image", None)


def _attach():
    uarts = {}
    for pair in os.getenv("VBOARD_UARTS").split():
        number, fd = pair.split("=")
        uarts[int(number)] = int(fd)
    machine.attach(
        int(os.getenv("VBOARD_PIPE")), int(os.getenv("VBOARD_CAUSE")), uarts, int(os.getenv("VBOARD_OUTSIDE"))
    )


def _run(name):
    """Run one file of the board; False when a Ctrl-C asks for the REPL."""
    try:
        os.stat(name)
    except OSError:
        return True
    try:
        execfile(name)  # noqa: F821
    except SystemExit:
        machine.soft_reset()
    except KeyboardInterrupt as stop:
        sys.print_exception(stop)
        return False
    except BaseException as error:
        sys.print_exception(error)
    return True


def _slow_down():
    """With VBOARD_TIME the world grants the time: descriptor, ticks at the start, milliseconds since, wall clock."""
    given = os.getenv("VBOARD_TIME")
    if given:
        import fast_time

        fast_time.install(*[int(word) for word in given.split()])


def _start():
    _attach()
    _slow_down()
    if os.getenv("VBOARD_RADIO") == "1":
        import network  # noqa: F401  # this folder is not looked into later
    _mount(os.getenv("VBOARD_IMAGE"), int(os.getenv("VBOARD_BLOCKS")), int(os.getenv("VBOARD_ROM")))
    machine.tell("run")
    if _run("boot.py") and os.getenv("VBOARD_RAW") != "1":
        _run("main.py")
    machine.tell("done")


try:
    _start()
except KeyboardInterrupt:
    machine.tell("done")
