# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge board backup|restore|wipe|shell`: what lies on a board, as a whole.

A backup is a zip file of everything but the secrets, which come along only when they are asked for.
"""

import os
import subprocess
import sys
import zipfile

from host_tools import firmware
from host_tools.bundle import SECRETS
from host_tools.cable import Cable
from host_tools.remote import DEAD_MAN, Board, FlashError
from host_tools.tls_site import KEYS, PRIVATE

HIDDEN = (PRIVATE, KEYS, SECRETS)  # with their unfinished copies (.new)
SHELL_MS = 900000  # of a REPL that somebody has left without a word
LAST = "main.py"  # it starts what is there: written last


def is_secret(path):
    """True for a file of a board that holds a secret."""
    return path.startswith(HIDDEN)


def talk(text):
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


def agreed(options, question):
    """Ask once; True to go on. Without a terminal --yes is needed."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise FlashError("board %s: there is nobody to ask\n  → add --yes" % options.verb, 2)
    sys.stderr.write("%s [y/N] " % question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes", "j", "ㅛ", "예")


def backup(options):
    """Copy the files of a board into a zip file that only its owner reads. Returns the exit code."""
    try:
        handle = os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError:
        raise FlashError("%s: exists already\n  → give another name" % options.file, 2) from None
    except OSError as error:
        raise FlashError("%s: %s\n  → give another place" % (options.file, error.strerror), 3) from None
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
            count, left = copied(options, made)
    except BaseException:
        os.remove(options.file)
        raise
    print("%s: %d files" % (options.file, count))
    if left:
        print("left out, because they are secrets: %s\n  → --with-secrets takes them along" % ", ".join(left))
    if options.with_secrets:
        talk("it holds the keys of this board: whoever has it can speak for the board; keep it locked away")
    return 0


def copied(options, made):
    """Copy the files of a board into an open zip file; (number of files, [path] of secrets left out)."""
    left = []
    talk("reach   %s" % options.port)
    with Cable(options.port) as cable:
        sizes = sorted(cable.sizes().items())
        for number, (path, size) in enumerate(sizes):
            if is_secret(path) and not options.with_secrets:
                left.append(path)
                continue
            talk("read    %d of %d: %s (%d bytes)" % (number + 1, len(sizes), path, size))
            made.writestr(path, cable.read(path))
    return len(sizes) - len(left), left


def content(path):
    """{path on the board: bytes} of a backup. Raises FlashError(2)."""
    try:
        with zipfile.ZipFile(path) as kept:
            files = {name: kept.read(name) for name in kept.namelist()}
    except FileNotFoundError:
        raise FlashError("%s: no such file\n  → name the file of reuse-edge board backup" % path, 2) from None
    except (OSError, zipfile.BadZipFile) as error:
        raise FlashError("%s: %s\n  → take another backup" % (path, error), 2) from None
    wrong = [name for name in files if name.startswith("/") or ".." in name.split("/") or "\\" in name]
    if wrong or LAST not in files:
        raise FlashError("%s: is no backup of a board\n  → name the file of reuse-edge board backup" % path, 2)
    return {**{name: data for name, data in files.items() if name != LAST}, LAST: files[LAST]}


def restore(options):
    """Put the files of a backup back; secrets that it does not hold stay as they are. Returns the exit code."""
    files = content(options.file)
    if not agreed(options, "%d files of %s replace those of the board. Go on?" % (len(files), options.file)):
        return 0
    talk("reach   %s" % options.port)
    with Cable(options.port) as cable:
        for number, (path, data) in enumerate(files.items()):
            talk("write   %d of %d: %s" % (number + 1, len(files), path))
            cable.write({path: data})
    print("%d files are back, each read back by its SHA-256; the board starts" % len(files))
    print("  → reuse-edge board status %s" % options.port)
    if not any(is_secret(path) for path in files):
        print("the backup holds no secrets: keys that the board has stay, an empty board needs reuse-edge commission")
    return 0


def wipe(options):
    """Remove everything from a board. Returns the exit code."""
    talk("software, state, journal and keys of %s go for good; nothing controls its packs then" % options.port)
    if not agreed(options, "Wipe it?"):
        talk("nothing was changed")
        return 0
    talk("reach   %s" % options.port)
    with Cable(options.port) as cable:
        count = len(cable.sizes())
        cable.wipe()
        left = cable.sizes()
    if left:
        raise FlashError("%s: still there: %s\n  → run it again" % (options.port, ", ".join(sorted(left))), 1)
    print("%d files removed; the board is blank" % count)
    print("  → revoke its certificate and its keys at the backend; `reuse-edge flash` makes a controller of it again")
    return 0


def shell(options):
    """The REPL of a board, by mpremote; the controller rests meanwhile, without its watchdog, and starts again when it
    ends. Returns 0."""
    board = Board(options.port)
    talk("reach   %s" % board.port)
    try:
        board.serve()
        board.call("resume", "exec", DEAD_MAN % SHELL_MS)
    except FlashError as error:
        raise firmware.advised(board.port, error) from None
    talk("Enter shows the prompt, Ctrl-X leaves and starts the controller again")
    talk("when you forget to, it starts by itself after %d minutes" % (SHELL_MS // 60000))
    code = subprocess.call([sys.executable, "-m", "mpremote", "connect", board.port, "resume", "repl"])
    if code:
        raise board.failed("mpremote ended with %d" % code, "plug it in; the controller starts by itself")
    board.reset()
    talk("the controller starts\n  → reuse-edge board status %s" % board.port)
    return 0


def add_verbs(verbs):
    """Give the parser of `board` these verbs."""
    verb = verbs.add_parser("backup", help="the files of a board into a zip file; the program stops meanwhile")
    verb.add_argument("port", help="serial port or socket://HOST:PORT")
    verb.add_argument("file", help="zip file to write")
    verb.add_argument("--with-secrets", action="store_true", help="private key and HMAC keys too")
    verb = verbs.add_parser("restore", help="the files of a backup onto a board")
    verb.add_argument("port", help="serial port or socket://HOST:PORT")
    verb.add_argument("file", help="zip file of a backup")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    verb = verbs.add_parser("wipe", help="remove everything from a board")
    verb.add_argument("port", help="serial port or socket://HOST:PORT")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    verb = verbs.add_parser("shell", help="the REPL of a board; the program stops")
    verb.add_argument("port", help="serial port or socket://HOST:PORT")


VERBS = {"backup": backup, "restore": restore, "wipe": wipe, "shell": shell}
