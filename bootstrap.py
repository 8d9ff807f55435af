# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Make .venv in this checkout, then run something in it. Standard library only, no root.

    python3 bootstrap.py demo|dev [-- ARGUMENTS OF PYTHON...]

`demo` holds what `make demo` needs, `dev` also what tests and checks need; both come from the hashed
lock in requirements/. Nothing is written outside the checkout and the temporary directory: downloads
are cached in .cache, so an interrupted start is resumed by the next one. A stamp in .venv is written
only after success; with it the next start does nothing. Written for old Pythons too: it must be able
to say which one it needs.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
CACHE = os.path.join(ROOT, ".cache")
LOG = os.path.join(CACHE, "bootstrap.log")
GROUPS = ("demo", "dev")
MINORS = (11, 12, 13, 14)  # the Pythons that the lock holds wheels for
WINDOWS = os.name == "nt"
VENV_PYTHON = os.path.join(VENV, "Scripts", "python.exe") if WINDOWS else os.path.join(VENV, "bin", "python")
LAUNCHER = '#!/bin/sh\nexec "$(dirname -- "$0")/python" -P -m host_tools.cli "$@"\n'


class Problem(Exception):
    """Something the user can mend; the text is the whole message."""


def say(text):
    """One line to the person who waits (stderr)."""
    sys.stderr.write("bootstrap: %s\n" % text)
    sys.stderr.flush()


def lock_path(group):
    """Path of the hashed lock of group."""
    return os.path.join(ROOT, "requirements", group + ".txt")


def fingerprint(group):
    """Hash of all that decides what .venv holds: the locks of group and this file."""
    digest = hashlib.sha256()
    for path in (lock_path(group), lock_path("typings"), os.path.abspath(__file__)):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def stamp_path(group):
    """Where success of group is noted."""
    return os.path.join(VENV, "stamp-" + group)


def is_ready(group):
    """True when .venv already holds group (dev holds demo) and its Python still starts."""
    for have in (group, "dev"):
        try:
            with open(stamp_path(have), encoding="utf-8") as file:
                if file.read() == fingerprint(have):
                    return runs(VENV_PYTHON, "pass") is not None
        except OSError:
            pass
    return False


def runs(python, code):
    """Output of `python -c code`, or None when it does not start or fails."""
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def candidates():
    """Names and paths under which a fitting Python may be found, the present one first."""
    yield sys.executable
    names = ["python3.%d" % minor for minor in reversed(MINORS)] + ["python3", "python"]
    for name in names:
        found = shutil.which(name)
        if found:
            yield found
    shelf = os.path.join(os.path.expanduser("~"), ".pyenv", "versions")
    if os.path.isdir(shelf):
        for name in sorted(os.listdir(shelf)):
            yield os.path.join(shelf, name, "bin", "python3")


def find_python(uv):
    """Path of a Python 3.11..3.14, with venv and pip unless uv makes the environment."""
    bare = None
    for path in candidates():
        found = runs(path, "import sys; print(sys.version_info[0], sys.version_info[1])")
        if not found or found not in ["3 %d" % minor for minor in MINORS]:
            continue
        if uv or runs(path, "import venv, ensurepip") is not None:
            return path
        bare = bare or path
    if bare:
        raise Problem("%s has no venv: install it (Debian, Ubuntu: apt install python3-venv) or install uv" % bare)
    raise Problem("no Python 3.11 to 3.14 found: install one, or name it: make PYTHON=/path/to/python3.12 ...")


def environment():
    """The environment for pip and uv: every cache inside the checkout, no question asked."""
    full = dict(os.environ)
    full.pop("PYTHONHOME", None)
    full.pop("PYTHONPATH", None)
    full.update(
        PIP_CACHE_DIR=os.path.join(CACHE, "pip"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        UV_CACHE_DIR=os.path.join(CACHE, "uv"),
        UV_PYTHON_DOWNLOADS="never",
        UV_NO_CONFIG="1",
        UV_LINK_MODE="copy",
        VIRTUAL_ENV=VENV,
    )
    return full


def count_packages(path):
    """How many packages a lock names (some are for other systems)."""
    with open(path, encoding="utf-8") as file:
        return sum(1 for line in file if "==" in line and not line.startswith((" ", "#")))


class Progress:
    """Counts the packages that pip or uv talk about; one changing line on a terminal."""

    def __init__(self, total):
        self.total = total
        self.seen = 0
        self.terminal = sys.stderr.isatty()

    def line(self, text):
        """Take one line of the installer's talk."""
        words = text.split()
        if text.startswith(("Collecting ", "Processing ", "Requirement already satisfied: ")):
            self.seen += 1
            name = os.path.basename(words[1] if text[0] != "R" else words[3])
            self.show("fetching %d of about %d: %s" % (self.seen, self.total, name))
        elif text.startswith("Installing collected"):
            self.show("installing %d packages" % self.seen)

    def show(self, text):
        """Show where we are."""
        if self.terminal:
            sys.stderr.write("\rbootstrap: %-70.70s" % text)
            sys.stderr.flush()
        elif self.seen % 10 == 0 or "installing" in text:
            say(text)

    def close(self):
        """End the changing line."""
        if self.terminal and self.seen:
            sys.stderr.write("\r%-82s\r" % "")


def install(command, total):
    """Run an installer, show its progress, keep its talk in the log; raise Problem when it fails."""
    if command[0].endswith(("uv", "uv.exe")):  # shows its own progress
        failed = subprocess.call(command, stdout=sys.stderr, env=environment(), cwd=ROOT)
    else:
        failed = follow(command, Progress(total))
    if failed:
        raise Problem("install failed (pip's talk: .cache/bootstrap.log): mend and run again, it resumes where it was")


def follow(command, progress):
    """Run pip, count what it says, show its last lines when it fails; its exit code."""
    tail = []
    with open(LOG, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), cwd=ROOT
        )
        for raw in process.stdout:
            text = raw.decode("utf-8", "replace").rstrip()
            log.write(text + "\n")
            tail = [*tail[-5:], text]
            progress.line(text)
    progress.close()
    failed = process.wait()
    if failed:
        sys.stderr.write("".join("    %s\n" % text for text in tail))
    return failed


def has_pip():
    """True when .venv can install without uv."""
    return runs(VENV_PYTHON, "import pip") is not None


def usable(uv):
    """True when the .venv that is there starts, is of a fitting Python and has an installer."""
    found = runs(VENV_PYTHON, "import sys; print(sys.version_info[0], sys.version_info[1])")
    return found in ["3 %d" % minor for minor in MINORS] and bool(uv or has_pip())


def make_venv(uv):
    """Make .venv anew unless the present one can be used."""
    if usable(uv):
        return
    python = find_python(uv)
    if os.path.isdir(VENV):
        shutil.rmtree(VENV)
    say("making .venv with %s" % python)
    if uv:
        install([uv, "venv", "--quiet", "--python", python, VENV], 0)
    else:
        install([python, "-m", "venv", VENV], 0)


def fill(group, uv):
    """Install the lock of group, and for dev the MicroPython stubs beside it."""
    path = lock_path(group)
    total = count_packages(path)
    say("installing up to %d packages of %s (once; with %s)" % (total, os.path.relpath(path, ROOT), uv or "pip"))
    typings = os.path.join(VENV, "typings")
    if uv:
        talk = [] if sys.stderr.isatty() else ["--quiet"]
        both = [uv, "pip", "install", *talk, "--python", VENV_PYTHON, "--require-hashes", "--no-deps"]
    else:
        both = [VENV_PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--progress-bar", "off"]
    install([*both, "-r", path], total)
    if group == "dev":
        shutil.rmtree(typings, ignore_errors=True)
        install([*both, "--target", typings, "-r", lock_path("typings")], 0)


def link_checkout():
    """Put the checkout on .venv's path and a reuse-edge command beside its Python."""
    code = (
        "import os, sys, sysconfig\nprint(ascii(os.path.relpath(sysconfig.get_paths()['purelib'], sys.prefix))[1:-1])"
    )
    where = runs(VENV_PYTHON, code)
    if where is None:
        raise Problem(".venv does not start: remove it and run again")
    site = os.path.join(VENV, where.replace("\\\\", os.sep))
    with open(os.path.join(site, "reuse_edge_checkout.pth"), "w", encoding="utf-8") as file:
        file.write(os.path.relpath(ROOT, site).replace(os.sep, "/") + "\n")
    launcher = os.path.join(os.path.dirname(VENV_PYTHON), "reuse-edge")
    if WINDOWS:
        with open(launcher + ".cmd", "w", encoding="utf-8") as file:
            file.write('@"%~dp0python.exe" -P -m host_tools.cli %*\n')
        return
    with open(launcher, "w", encoding="utf-8") as file:
        file.write(LAUNCHER)
    os.chmod(launcher, 0o755)


def prepare(group):
    """Make sure .venv holds group."""
    if is_ready(group):
        return
    if not os.path.isdir(CACHE):
        os.makedirs(CACHE)
    with open(LOG, "w", encoding="utf-8"):
        pass
    uv = shutil.which("uv")
    make_venv(uv)
    fill(group, uv)
    link_checkout()
    with open(stamp_path(group), "w", encoding="utf-8") as file:
        file.write(fingerprint(group))
    say("ready")


def start(arguments):
    """Run .venv's Python with arguments in place of this process (Windows: return its exit code)."""
    command = [VENV_PYTHON, *arguments]
    if WINDOWS:
        return subprocess.call(command)
    os.environ["VIRTUAL_ENV"] = VENV
    os.environ["PATH"] = os.path.dirname(VENV_PYTHON) + os.pathsep + os.environ.get("PATH", os.defpath)
    sys.stderr.flush()
    return os.execv(VENV_PYTHON, command)


def main(argv):
    """Command line as in the module text. Returns the exit code."""
    if not argv or argv[0] not in GROUPS or (len(argv) > 1 and argv[1] != "--"):
        sys.stderr.write("usage: python3 bootstrap.py demo|dev [-- ARGUMENTS OF PYTHON...]\n")
        return 2
    try:
        prepare(argv[0])
    except Problem as problem:
        say(str(problem))
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        say("interrupted; what was fetched is kept, run again to go on")
        return 130
    return start(argv[2:]) if len(argv) > 2 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
