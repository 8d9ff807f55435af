# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge sniff`: what a CAN bus says, live or from a log, read-only.

reuse-edge sniff my.log                       find the profile, show what it decodes
reuse-edge sniff my.log --profile nissan_leaf
reuse-edge sniff my.log --identify            rank all profiles, with reasons
reuse-edge sniff my.log --new my_bms          begin a profile of your own
reuse-edge sniff socketcan:can0 --seconds 30  live; the frames are saved as a log
candump -L can0 | reuse-edge sniff -          from a pipe
"""

import argparse
import collections
import json
import os
import sys
import time

from host_tools import can_live, candump, identify, skeleton
from host_tools.listen import Listener
from host_tools.sniff_text import overview, signals_text

PROFILES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bms_bridge", "tables")
TOLD = 5  # bad lines that are told one by one
REDRAW_S = 1.0
KEPT = 200000  # newest frames of a live bus that the result is made of; the log holds all


class SniffError(Exception):
    """Wrong use: one message with what to do."""

    exit_code = 2


def can_tables():
    """Every table of a CAN profile that ships."""
    from bms_bridge.tables import load

    names = sorted(name[:-3] for name in os.listdir(PROFILES) if name.endswith(".py") and name[0] != "_")
    return [table for table in map(load, names) if getattr(table, "BUS", "modbus") == "can" and table.KIND == "bms"]


def table_of(name):
    """The CAN table of a profile's name or of a profile file. Raises SniffError, ProfileError."""
    if name.endswith((".yaml", ".yml")):
        from bms_bridge.compile import load_profile

        table = load_profile(name)
        if getattr(table, "BUS", "modbus") != "can":
            raise SniffError("%s: speaks %s, not CAN" % (name, getattr(table, "BUS", "modbus")))
        return table
    tables = {table.NAME: table for table in can_tables()}
    if name not in tables:
        raise SniffError(
            "--profile %s: no such CAN profile\n  → one of: %s, or the path of a profile file"
            % (name, ", ".join(tables) or "none ships")
        )
    return tables[name]


def talk(text, quiet=False):
    """One line for a person, on stderr."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


# ---- where frames come from ------------------------------------------------------------------


def read_log(options):
    """(frames, was interrupted) of the log or pipe that options name."""
    name = options.source
    if name == "-":
        return _read_lines(sys.stdin, "stdin", options)
    if can_live.is_other(name):
        frames = can_live.read_other(name)
        if not frames:
            raise SniffError("%s: no frame in it\n  → was anything on the bus?" % os.path.basename(name))
        return frames, False
    return _read_lines(candump.open_log(name), os.path.basename(name), options)


def _read_lines(lines, name, options):
    log = candump.Log(lines, name, options.strict)
    frames, interrupted = [], False
    try:
        for frame in log:
            frames.append(frame)
    except KeyboardInterrupt:
        interrupted = True  # the way to end `candump -L can0 | reuse-edge sniff -`
    for error in log.bad[:TOLD]:
        talk(error, options.quiet)
    if len(log.bad) > TOLD:
        talk("%s: and %d more lines that are no frames" % (name, len(log.bad) - TOLD), options.quiet)
    if not frames:
        raise SniffError("%s: no frame in it\n  → lines look like (0.010000) can0 123#DEADBEEF" % name)
    if not log.has_times:
        talk("%s: no time stamps, so no ages and no periods\n  → record with candump -L" % name, options.quiet)
    return frames, interrupted


def hear(options, source, listener):
    """(frames, was interrupted) of a live interface; they are saved as a log while they come."""
    path = options.save or time.strftime("sniff-%Y%m%d-%H%M%S.log")
    if os.path.exists(path):
        raise SniffError("--save %s: is there already\n  → take another name" % path)
    bus = can_live.open_bus(source)
    talk("listening to %s, sending nothing; log: %s; Ctrl-C ends" % (options.source, path), options.quiet)
    frames, interrupted, count = collections.deque(maxlen=KEPT), False, 0
    started = drawn = time.monotonic()
    try:
        with open(path, "w", encoding="utf-8") as log:
            while options.seconds is None or time.monotonic() - started < options.seconds:
                frame = can_live.listen(bus, 0.1)
                if frame is not None:
                    frames.append(frame)
                    count += 1
                    log.write(candump.line_of(frame) + "\n")
                    if listener is not None:
                        listener.take(frame)
                if time.monotonic() - drawn >= REDRAW_S:
                    drawn = time.monotonic()
                    _progress(options, listener, frames, drawn - started)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        bus.shutdown()
    talk("%d frames saved in %s" % (count, path), options.quiet)
    return list(frames), interrupted


def _progress(options, listener, frames, passed_s):
    if listener is not None and sys.stdout.isatty() and not options.json:
        print("\x1b[H\x1b[2J" + signals_text(listener, frames), flush=True)
    else:
        left = "" if options.seconds is None else ", %d s left" % max(options.seconds - passed_s, 0)
        talk("%d s, %d frames%s" % (passed_s, len(frames), left), options.quiet)


# ---- what is said about them -----------------------------------------------------------------


def show_signals(options, table, frames):
    """Print what table makes of the frames; 1 when it knows none of them."""
    listener = Listener(identify.as_heard(frames, table))
    known = sum(listener.take(frame) for frame in frames)
    if options.json:
        print(json.dumps(signals_json(listener, frames, known), ensure_ascii=False))
    else:
        print(signals_text(listener, frames))
        for text in getattr(table, "CAVEATS", ()) or _caveats(table):
            talk("note: " + text, options.quiet)
    if not known:
        talk(
            "no frame of profile %s in it\n  → --identify ranks the profiles, --new NAME begins one" % table.NAME,
            options.quiet,
        )
    return 0 if known else 1


def _caveats(table):
    from bms_bridge.encode import inverse

    return getattr(inverse(table), "CAVEATS", ())


def signals_json(listener, frames, known):
    """The result of --profile as a dict. Currents: + charges. Names end in their unit."""
    table = listener.table
    messages = []
    for index, heard in enumerate(listener.heard):
        messages.append({
            "id": identify.text_of(table, index), "count": heard.count, "wrong_length": heard.short,
            "wrong_checksum": heard.unsummed, "period_ms": heard.period_ms(), "declared_ms": table.BLOCKS[index][3],
        })  # fmt: skip
    return {
        "profile": table.NAME, "title": table.INFO["title"], "proof": table.INFO["proof"], "sign": "+ charges",
        "frames": len(frames), "known": known, "duration_ms": _span_us(frames) // 1000, "signals": listener.signals(),
        "messages": messages,
    }  # fmt: skip


def _span_us(frames):
    return max(frame.ts_us for frame in frames) - min(frame.ts_us for frame in frames) if frames else 0


def show_ranking(options, frames, fits):
    """Print the ranking; 1 when nothing fits."""
    if options.json:
        print(json.dumps([fit.row() for fit in fits], ensure_ascii=False))
    else:
        for fit in fits:
            print("%3d  %-16s %s (%s)" % (fit.points, fit.name, fit.title, fit.proof))
            for reason in fit.reasons:
                print("       %s" % reason)
    fitting = [fit for fit in fits if fit.points >= identify.FITS]
    if not fitting:
        talk(
            "no profile fits (%d points needed)\n  → --new NAME begins one from this log" % identify.FITS, options.quiet
        )
    return 0 if fitting else 1


def write_new(options, frames):
    """Write the profile skeleton; refuses to overwrite."""
    name = options.new
    if not (name.replace("_", "a").isalnum() and name.islower() and name.isascii()):
        raise SniffError("--new %s: not a profile name\n  → small letters, digits and _" % name)
    path = name + ".yaml"
    if os.path.exists(path):
        raise SniffError("%s: is there already\n  → take another name, or move it away" % path)
    origin = "a CAN interface" if can_live.parse_source(options.source) else os.path.basename(options.source)
    text = skeleton.text(name, origin.replace('"', "'"), frames)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if options.json:
        print(json.dumps({"profile": path, "identifiers": len(skeleton.survey(frames))}))
    else:
        print(path)
    talk("next: fill in fields, then python -m bms_bridge.compile %s (docs/ADD_A_BMS.md)" % path, options.quiet)
    return 0


def show_any(options, frames):
    """No wish was told: the best profile if one fits, else what passes on the bus."""
    fits = identify.rank(frames, can_tables())
    if fits and fits[0].points >= identify.FITS:
        talk(
            "profile %s fits (%d of 100 points): %s" % (fits[0].name, fits[0].points, "; ".join(fits[0].reasons)),
            options.quiet,
        )
        return show_signals(options, table_of(fits[0].name), frames)
    if options.json:
        print(json.dumps({"frames": len(frames), "identifiers": skeleton.survey_json(frames)}))
    else:
        print(overview(frames))
    talk(
        "no profile fits\n  → --identify says why, --new NAME begins one; or open an issue `my BMS` with the log",
        options.quiet,
    )
    return 1


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge sniff",
        description="What a CAN bus says, decoded. Read-only: nothing is sent. Currents: + charges the battery.",
        epilog="exit codes: 0 done, 1 no profile fits or nothing of the profile was heard, 2 wrong use or not a log, "
        "3 cannot open the file or the interface, 130 interrupted (the result is printed all the same)",
    )
    parser.add_argument(
        "source", metavar="LOG|-|INTERFACE:CHANNEL[@BITRATE][+fd]",
        help="a candump log (or .gz .asc .blf .csv .db .trc), a pipe, or an interface: slcan:/dev/ttyACM0@500000",
    )  # fmt: skip
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument("--profile", help="decode by this profile: a name, or the path of a profile file")
    wish.add_argument("--identify", action="store_true", help="rank the profiles, with reasons")
    wish.add_argument("--new", metavar="NAME", help="begin a profile NAME.yaml with the captured bytes as examples")
    parser.add_argument("--seconds", type=float, help="live: listen so long (default: until Ctrl-C)")
    parser.add_argument("--save", metavar="FILE", help="live: the log to write (default: sniff-DATE-TIME.log)")
    parser.add_argument("--strict", action="store_true", help="end at the first bad line of a log")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr but errors")
    return parser.parse_args(argv)


def main(argv=None):
    """Entry point of the verb. Returns the exit code: 0, 1, 2, 3 or 130."""
    options = parse(argv)
    table = table_of(options.profile) if options.profile else None
    source = None if os.path.exists(options.source) else can_live.parse_source(options.source)
    interrupted = False
    if source is None:
        frames, interrupted = read_log(options)
    else:
        frames, interrupted = hear(options, source, None if table is None else Listener(table))
        if not frames:
            talk("%s: nothing heard\n  → another bitrate? CAN-H and CAN-L swapped? is the BMS awake?" % options.source)
            return 130 if interrupted else 3
    if table is not None:
        code = show_signals(options, table, frames)
    elif options.identify:
        code = show_ranking(options, frames, identify.rank(frames, can_tables()))
    elif options.new:
        code = write_new(options, frames)
    else:
        code = show_any(options, frames)
    return 130 if interrupted else code


if __name__ == "__main__":
    sys.exit(main())
