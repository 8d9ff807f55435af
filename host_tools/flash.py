# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge flash PORT site.yaml|BUNDLE`: put the controller onto a MicroPython board, and see it run.

Steps: identify, show what would change, ask once, write what differs into the slot that does not run, read back every
digest, switch the slots, reset, wait for the first healthy decision of the new software. Until the switch a board that
loses power or its cable starts what it had; a second flash goes on where the first one ended. main.py, without which
nothing starts, comes last. All work on the board is done by the real mpremote.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

from edge.core.report import VERSION_TEXT
from edge.shell.slots import other_than
from host_tools import boards, firmware, ports
from host_tools import bundle as bundles
from host_tools.build import ANY_BOARD, built, head_of, is_bundle, manifest_of, rollback_of, unpack
from host_tools.console import Console, ConsoleError, board_main
from host_tools.display import duration, limit_amps
from host_tools.flash_plan import Made, dotted, make_plan, refuse_older, refuse_unfit, show_plan, talk
from host_tools.remote import CLOCK, COPY, FOLDERS, MAIN, REMOVE, RENAME, Board, FlashError
from host_tools.site import load_site
from host_tools.tls_site import BUILT

__all__ = ["board_main", "main"]

HEALTHY_S = 60.0
COPIES = 16  # files that one script copies on the board


def agreed(options):
    """Ask once; True to go on. Without a terminal --yes is needed."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise FlashError("flash: there is nobody to ask\n  → add --yes, or --dry-run to look only", 2)
    talk("The program on the board has stopped; the PCS falls to zero by its watchdog.")
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes", "j", "ㅛ", "예")


def write(board, made, plan, older=None):
    """Fill the slot, prove it, switch to it; then what lies beside the slots, the loader last."""
    bundle = made.bundle
    if BUILT in bundle.files:  # certificates are judged by the clock
        board.run(CLOCK % (time.gmtime()[:7],))
    if plan.slot:
        fill(board, made, plan)
    before = [path for path in plan.outside if path != MAIN]
    replace(board, bundle, before)
    if plan.slot:
        highest = int(made.head["rollback"]) if older else None
        board.switch(plan.slot, "flash %s%s" % (made.head["version"], older and ", older by %s" % older or ""), highest)
    replace(board, bundle, [MAIN] if MAIN in plan.outside else [])
    verify(board, bundle, board.identify()["files"], plan.outside, "")


def fill(board, made, plan):
    """Make the slot of plan whole: its manifest goes first and comes back last."""
    bundle, slot = made.bundle, plan.slot
    board.run(REMOVE % (("%s/manifest" % slot, *plan.stale),))
    paths = plan.send + plan.copy
    folders = {parent.as_posix() for path in paths for parent in Path("%s/%s" % (slot, path)).parents}
    board.run(FOLDERS % (sorted(folders | {slot}),))
    for at in range(0, len(plan.copy), COPIES):
        rows = [("%s/%s" % (other_than(slot), path), "%s/%s" % (slot, path)) for path in plan.copy[at : at + COPIES]]
        board.run(COPY % (rows,))
        progress("keep", min(at + COPIES, len(plan.copy)), len(plan.copy))
    copy(board, bundle, [(path, "%s/%s" % (slot, path)) for path in plan.send])
    talk("verify  reading back %d digests" % len(bundle.files))
    inside = [path for path in bundle.files if not bundles.is_outside(path)]
    verify(board, bundle, board.identify()["files"], inside, slot)
    copy(board, bundle, [("manifest", "%s/manifest" % slot)])
    if board.identify()["files"].get("%s/manifest" % slot, (0, ""))[1] != made.digest:
        raise wrong_file(board, "%s/manifest" % slot, 1)


def replace(board, bundle, paths):
    """Put files beside the slots; each has its old content or its new one, whatever is cut."""
    if not paths:
        return
    board.run(FOLDERS % (sorted({Path(path).parent.as_posix() for path in paths} - {"."}),))
    copy(board, bundle, [(path, path + ".new") for path in paths])
    board.run("".join(RENAME % (path + ".new", path) for path in paths))


def copy(board, bundle, pairs):
    """Copy files of the bundle, [(its path, path on the board)], in one mpremote call; a line of progress for each."""
    if not pairs:
        return
    words = ["resume"]
    for source, target in pairs:
        words += ["+"] * (len(words) > 1) + ["fs", "cp", str(bundle.folder / source), ":" + target]
    done = []

    def line(text):
        if text.startswith("cp ") and len(pairs) > 1:
            done.append(text)
            progress("send", len(done), len(pairs))

    board.call(*words, line=line)


def progress(name, done, total):
    """Progress on stderr: one line drawn over on a terminal, every tenth step elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        sys.stderr.write("\r%-7s %d of %d%s" % (name, done, total, end))
        sys.stderr.flush()
    elif done == total or done % 10 == 0:
        talk("%-7s %d of %d" % (name, done, total))


def verify(board, bundle, files, paths, slot):
    """Raise FlashError(1) for a path of the bundle that is not on the board (files) as it was sent."""
    place = slot + "/" if slot else ""
    wrong = [path for path in paths if files.get(place + path, (0, ""))[1] != bundle.files[path]]
    if wrong:
        raise wrong_file(board, place + wrong[0], len(wrong))


def wrong_file(board, path, count):
    """The FlashError of a file that reads back wrong."""
    return FlashError(
        "%s: %s is not on the board as it was sent (%d files)\n  → run flash again; if it stays, the flash "
        "memory is worn. What ran before runs on" % (board.port, path, count),
        1,
    )


def is_healthy(status):
    """True for a running controller whose packs are all measured and whose faults are none."""
    packs = status.get("packs") or []
    fresh = packs and all(pack.get("quality") == "ok" and pack.get("charge_ma") is not None for pack in packs)
    return bool(status.get("state") == "running" and fresh and not status.get("faults"))


def see_it_run(board, digest, seconds):
    """Reset, then wait for the first healthy decision of the software with that manifest. Returns (status or None,
    seconds it took)."""
    board.reset()
    begin = time.monotonic()
    said = []

    def tell(status):
        names = ", ".join(fault[0] for fault in status.get("faults") or []) or "no fault"
        text = "%s, %s" % (status.get("state"), names)
        if said[-1:] != [text]:
            said.append(text)
            talk("run     %4.1f s: %s" % (time.monotonic() - begin, text))

    def done(status):
        return is_healthy(status) and is_ours(status, digest)

    with Console(board.port, patient_s=10.0) as console:
        status = console.wait_status(seconds, done, tell)
        if status is None:
            raise console.silence(seconds)
    return status, time.monotonic() - begin


def is_ours(status, digest):
    """True when the software that speaks is that with this manifest."""
    return status.get("software") == digest[:16]


def report(board, about, made, plan, status, took_s):
    """The one-page result as a dict."""
    packs = [
        {
            key: pack.get(key)
            for key in ("id", "quality", "soc_ppm", "charge_ma", "charge_why", "discharge_ma", "discharge_why")
        }
        for pack in (status or {}).get("packs") or []
    ]
    ours = bool(status and is_ours(status, made.digest))
    return {
        "port": board.port,
        "board": about["board"],
        "kind": made.head["board"],
        "unique": about.get("unique"),
        "micropython": dotted(about["version"]),
        "slot": plan.slot or about["slots"]["active"],
        "sent": plan.send,
        "kept": plan.copy,
        "outside": plan.outside,
        "removed": plan.stale,
        "equal": plan.equal,
        "manifest_sha256": made.digest,
        "settings_sha256": made.bundle.files["settings.json"],
        "verified": len(made.bundle.files),
        "runs": ours,
        "healthy": ours and is_healthy(status),
        "seconds": round(took_s, 1),
        "version": (status or {}).get("version"),
        "state": (status or {}).get("state"),
        "faults": [fault[0] for fault in (status or {}).get("faults") or []],
        "packs": packs,
    }


def page(result, site="site.yaml"):
    """The result as text for people: one page. site: path of the site.yaml for what comes next."""
    lines = [
        "board     %s at %s, MicroPython %s" % (result["board"], result["port"], result["micropython"]),
        "slot %s    %d sent, %d from the other slot, %d beside it, %d removed, %d equal"
        % (
            result["slot"],
            *(len(result[key]) for key in ("sent", "kept", "outside", "removed")),
            result["equal"],
        ),
        "verified  %d files by SHA-256 read back; settings %s" % (result["verified"], result["settings_sha256"][:16]),
    ]
    if result["healthy"]:
        lines.append(
            "runs      reuse-edge %s, healthy after %s" % (result["version"], duration(1000 * result["seconds"]))
        )
    elif not result["runs"]:
        lines.append("FELL BACK the board runs other software than was sent: this one came to no healthy decision")
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
    if result["healthy"]:
        lines.append("next      reuse-edge board status %s      its live view; it goes on working" % result["port"])
        lines.append("          reuse-edge board logs %s        what else it says" % result["port"])
        lines.append(
            "          reuse-edge commission %s %s     prove the wiring, give it its keys" % (result["port"], site)
        )
    else:
        lines.append("  → reuse-edge board status %s shows why" % result["port"])
    return "\n".join(lines)


def made_of(options, folder, kind):
    """The Made of the site.yaml (for a kind of board) or the bundle of options, in folder."""
    if is_bundle_file(options.site):
        bundle, manifest = unpack(options.site, folder)
        raw, head = manifest.raw, manifest.head
        signer = "signed by key %s, not checked here" % manifest.signer if manifest.signer else "not signed"
        talk("bundle  %s for %s, %s" % (head["version"], head["device"], signer))
    else:
        bundle, settings = built(options.site, folder, kind)
        raw = manifest_of(bundle, settings, kind, rollback_of(VERSION_TEXT))
        head = head_of(raw)
    (Path(folder) / "manifest").write_bytes(raw)
    return Made(bundle, head, hashlib.sha256(raw).hexdigest(), raw)


def is_bundle_file(path):
    """True for a bundle, False for what is to be a site.yaml."""
    return Path(path).is_file() and is_bundle(path)


def kind_of(options, about):
    """Name of the kind of board to build for: as asked for, else as the board says of itself."""
    found = boards.by_machine(about["board"])
    if options.board is not None:
        return options.board
    if found is None:
        talk("kind    %s is none that is known: what it can carry is not checked" % about["board"])
    return found.name if found else ANY_BOARD


def reached(options):
    """(Board, what it says of itself), its controller at rest. Raises FlashError(3) with what to do about a board that
    has no MicroPython."""
    firmware.refuse_drive(options.port)
    board = Board(options.port)
    talk("reach   %s" % board.port)
    try:
        board.serve()
        return board, board.identify()
    except FlashError as error:
        raise firmware.advised(board.port, error) from None


def flash(options):
    """All steps; returns the exit code. Raises FlashError, ConsoleError and what the site file raises."""
    if ports.is_port(options.site):
        raise FlashError("%s: is a port, not a site.yaml\n  → reuse-edge flash PORT site.yaml" % options.site, 2)
    if not is_bundle_file(options.site):
        load_site(options.site)  # what is wrong in it is told before a board stops
    if options.firmware and not firmware.put(options.port, options.firmware):
        return 0
    with tempfile.TemporaryDirectory(prefix="reuse-edge-flash-") as folder:
        board, about = reached(options)
        try:
            made = made_of(options, folder, kind_of(options, about))
            plan, older = planned(options, board, about, made)
        except Exception:
            board.reset()
            raise
        if plan is None:
            return 0
        if plan.slot or plan.outside:
            write(board, made, plan, older)
        status, took_s = see_it_run(board, made.digest, options.wait)
        result = report(board, about, made, plan, status, took_s)
    site = "site.yaml" if is_bundle_file(options.site) else options.site
    print(json.dumps(result, ensure_ascii=False) if options.json else page(result, site), flush=True)
    return 0 if result["healthy"] else 1


def planned(options, board, about, made):
    """(Plan, who permits older software) of what is to be done; (None, None): nothing, and the board starts again."""
    slots = about["slots"]
    if slots["active"] != slots["good"] and slots["good"] in about["whole"] and not options.dry_run:
        plan = make_plan(made, about)
        if plan.slot:  # what is on trial gives way; what was good before it stays whole
            board.fall("flashed again while on trial")
            about.update(board.identify())
    plan = make_plan(made, about)
    show_plan(about, made, plan, board.port)
    refuse_unfit(about, made, plan, board.port)
    older = refuse_older(board, about, made, options)
    if options.dry_run or ((plan.slot or plan.outside) and not agreed(options)):
        board.reset()
        talk("nothing was changed; the board runs on as it was")
        return None, None
    return plan, older


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge flash",
        description="Put the controller onto a MicroPython board and see it run.",
        epilog="exit codes: 0 healthy, 1 copied but not well, 2 wrong input, 3 cannot reach the board, 130 interrupted",
    )
    parser.add_argument("port", help="serial port, socket://HOST:PORT, or the drive of a board in its boot mode")
    parser.add_argument("site", help="site.yaml, or a bundle of `reuse-edge build`")
    kinds = (*boards.names(), ANY_BOARD)
    parser.add_argument("--board", choices=kinds, help="kind of board (default: as the board says)")
    parser.add_argument("--firmware", metavar="FILE", help="put this MicroPython on it first (.uf2, .bin)")
    parser.add_argument("--allow-older", metavar="FILE", help="signed permission to go below the roll-back number")
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
        talk("\ninterrupted: what ran before starts again by itself; a second flash goes on where this one ended")
        return 130
