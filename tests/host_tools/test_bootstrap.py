# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""bootstrap.py: a stamp only after success, caches inside the checkout, one line when something is missing."""

import os
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

import bootstrap

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own in a path with a space and Hangul, with an empty lock."""
    root = tmp_path / "한글 checkout"
    (root / "requirements").mkdir(parents=True)
    for name in ("demo", "dev", "typings"):
        (root / "requirements" / (name + ".txt")).write_text("", encoding="utf-8")
    venv = root / ".venv"
    inside = venv / ("Scripts" if bootstrap.WINDOWS else "bin") / ("python.exe" if bootstrap.WINDOWS else "python")
    for name, value in (("ROOT", root), ("VENV", venv), ("CACHE", root / ".cache"), ("VENV_PYTHON", inside)):
        monkeypatch.setattr(bootstrap, name, str(value))
    monkeypatch.setattr(bootstrap, "LOG", str(root / ".cache" / "bootstrap.log"))
    return root


def test_prepares_once_and_then_does_nothing(checkout, monkeypatch, capsys):
    assert bootstrap.main(["demo"]) == 0
    assert bootstrap.is_ready("demo")
    assert (checkout / ".venv" / "stamp-demo").exists()
    assert "ready" in capsys.readouterr().err
    monkeypatch.setattr(bootstrap, "make_venv", lambda uv: pytest.fail("made again"))
    assert bootstrap.main(["demo"]) == 0
    assert capsys.readouterr().err == ""
    where = bootstrap.runs(bootstrap.VENV_PYTHON, "import sys; print([p for p in sys.path if 'checkout' in p][-1])")
    assert os.path.samefile(where, checkout)


def test_dev_holds_demo_and_a_new_lock_starts_again(checkout):
    (checkout / ".venv").mkdir()
    stamp = checkout / ".venv" / "stamp-dev"
    stamp.write_text(bootstrap.fingerprint("dev"), encoding="utf-8")
    bootstrap.VENV_PYTHON = sys.executable
    assert bootstrap.is_ready("demo")
    assert bootstrap.is_ready("dev")
    (checkout / "requirements" / "dev.txt").write_text("# changed\n", encoding="utf-8")
    assert not bootstrap.is_ready("dev")


def test_failed_install_leaves_no_stamp(checkout, capsys):
    lock = checkout / "requirements" / "demo.txt"
    lock.write_text("./nowhere.whl --hash=sha256:%s\n" % ("0" * 64), encoding="utf-8")
    assert bootstrap.main(["demo"]) == 2
    assert not bootstrap.is_ready("demo")
    assert "run again, it resumes" in capsys.readouterr().err
    assert (checkout / ".cache" / "bootstrap.log").read_text(encoding="utf-8")


def test_interrupted_download_is_told_and_leaves_no_stamp(checkout, monkeypatch, capsys):
    def interrupt(group, uv):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "fill", interrupt)
    assert bootstrap.main(["demo"]) == 130
    assert not bootstrap.is_ready("demo")
    assert "run again to go on" in capsys.readouterr().err


def test_python_without_venv_is_one_line(monkeypatch):
    monkeypatch.setattr(bootstrap, "candidates", lambda: [sys.executable])
    monkeypatch.setattr(bootstrap, "runs", lambda path, code: None if "venv" in code else "3 12")
    with pytest.raises(bootstrap.Problem, match="apt install python3-venv"):
        bootstrap.find_python(None)


def test_too_old_python_is_one_line(monkeypatch):
    monkeypatch.setattr(bootstrap, "candidates", lambda: [sys.executable])
    monkeypatch.setattr(bootstrap, "runs", lambda path, code: "3 9")
    with pytest.raises(bootstrap.Problem, match=r"no Python 3\.11 to 3\.14"):
        bootstrap.find_python(None)


def test_caches_stay_in_the_checkout():
    env = bootstrap.environment()
    assert env["PIP_CACHE_DIR"].startswith(str(ROOT))
    assert env["UV_CACHE_DIR"].startswith(str(ROOT))


@pytest.mark.parametrize("argv", [[], ["nothing"], ["demo", "-m"]])
def test_wrong_use(argv, capsys):
    assert bootstrap.main(argv) == 2
    assert "usage" in capsys.readouterr().err


def locked(name):
    """{package: [versions]} of one lock."""
    found = {}
    for line in (ROOT / "requirements" / (name + ".txt")).read_text(encoding="utf-8").splitlines():
        match = re.match(r"([a-z0-9-]+)==(\S+)", line)
        if match:
            found.setdefault(match[1], []).append(match[2])
    return found


def test_locks_are_hashed_agree_and_name_no_index():
    demo, dev = locked("demo"), locked("dev")
    assert demo
    assert all(dev[name] == versions for name, versions in demo.items())
    for name in ("demo", "dev", "typings"):
        text = (ROOT / "requirements" / (name + ".txt")).read_text(encoding="utf-8")
        packages = re.split(r"\n(?=\S)", text.strip())
        assert all("--hash=sha256:" in package for package in packages if not package.startswith("#"))
        assert "://" not in text


def test_every_dependency_of_the_project_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["sim"]]
    wanted += [item for item in project["dependency-groups"]["dev"] if isinstance(item, str)]
    names = {re.match(r"[A-Za-z0-9-]+", item)[0].lower() for item in wanted}
    assert names <= set(locked("dev"))


def test_makefile_needs_nothing_newer_than_3_81():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for newer in (".ONESHELL", "::=", "!=", "$(file ", "$(let ", ".EXTRA_PREREQS", "&:"):
        assert newer not in text


def test_old_python_gets_a_clear_line_and_no_syntax_error():
    for minor in (6, 7, 8):
        python = pathlib.Path(os.path.expanduser("~/.pyenv/versions")).glob("3.%d.*/bin/python" % minor)
        for path in python:
            done = subprocess.run(
                [str(path), str(ROOT / "bootstrap.py")], capture_output=True, text=True, encoding="utf-8", check=False
            )
            assert done.returncode == 2
            assert done.stderr.startswith("usage")
