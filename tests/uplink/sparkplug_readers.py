# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Two independent readers of Sparkplug payloads, in .cache: pysparkplug (wants a paho-mqtt older than ours, so it has an
environment of its own) and Tahu's sparkplug-payload for node.

python -m tests.uplink.sparkplug_readers installs both, pinned by hashes; .ci/run does it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / ".cache" / "sparkplug"
LOCK = ROOT / "requirements" / "sparkplug.txt"
JS = HERE / "sparkplug_js"
PYTHON = FOLDER / "venv" / "bin" / "python"
NAMES = ("pysparkplug", "sparkplug-payload")


def stamp(name):
    """(file that is there after a whole installation, what stands in it)."""
    lock = LOCK if name == "pysparkplug" else JS / "package-lock.json"
    return FOLDER / (name + ".stamp"), hashlib.sha256(lock.read_bytes()).hexdigest() + sys.version.split()[0]


def lacks(name):
    """Why that reader cannot be used here, or None."""
    path, text = stamp(name)
    if name == "sparkplug-payload" and node() is None:
        return "no node (apt install nodejs)"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        return "no %s (python -m tests.uplink.sparkplug_readers)" % name
    return None


def node():
    """Path of node, or None."""
    return shutil.which("node") or shutil.which("nodejs")


def install():
    """Install what is lacking. Raises CalledProcessError."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if lacks("pysparkplug"):
        run(sys.executable, "-m", "venv", "--without-pip", "--clear", FOLDER / "venv")
        options = ("--require-hashes", "--no-deps", "-q", "-r", LOCK)
        if shutil.which("uv"):
            run("uv", "pip", "install", "--python", PYTHON, *options)
        else:
            run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", PYTHON, "install", *options)
    if lacks("sparkplug-payload"):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JS / name, FOLDER / name)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=FOLDER)
    for name in NAMES:
        path, text = stamp(name)
        path.write_text(text, encoding="utf-8")


def run(*words, **options):
    """Run a program; its caches stay in the checkout."""
    caches = {
        "PIP_CACHE_DIR": ROOT / ".cache/pip",
        "UV_CACHE_DIR": ROOT / ".cache/uv",
        "npm_config_cache": FOLDER / "npm",
    }
    env = {**os.environ, **{name: str(path) for name, path in caches.items()}}
    subprocess.run([str(word) for word in words], check=True, env=env, **options)


def read(name, rows):
    """What the reader of that name gives for rows of [kind, hex, hex of the birth or None]."""
    if name == "pysparkplug":
        command, env = [str(PYTHON), "-I", str(HERE / "sparkplug_py.py")], {}
    else:
        command, env = [node(), str(JS / "decode.mjs")], {"NODE_MODULES": str(FOLDER)}
    done = subprocess.run(
        command,
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **env},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


if __name__ == "__main__":
    install()
