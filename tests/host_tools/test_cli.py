# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The command line: help at once, one clear line for everything a user can cause, exit codes as documented."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

from host_tools import cli

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*arguments, cwd=ROOT, path=str(ROOT)):
    """The finished run of the command line in a folder, with path first on Python's path."""
    env = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-P", "-m", "host_tools.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", cwd=cwd, env=env, timeout=60, check=False
    )


def test_help_names_every_verb_and_exit_code():
    done = run("--help")
    assert done.returncode == 0
    for verb in cli.VERBS:
        assert "  %s " % verb in done.stdout
    for code in ("0 ", "1 ", "2 ", "3 ", "130"):
        assert "\n  %s" % code in done.stdout


def test_no_verb_prints_the_help_and_exits_2():
    assert run().returncode == 2


def test_help_loads_no_library():
    code = "import sys; from host_tools import cli; cli.main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=True
    )
    loaded = done.stderr
    for heavy in ("'yaml'", "'numpy'", "'rich'", "'pymodbus'", "'paho'", "'asyncio'", "'argparse'", "'edge'"):
        assert heavy not in loaded


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("chek", "did you mean: check"), ("sim", "did you mean: sim"), ("qqqq", "--help lists the verbs")],
)
def test_unknown_verb(asked, hint):
    done = run(asked)
    assert done.returncode == 2
    assert hint in done.stderr


@pytest.mark.parametrize("verb", cli.VERBS)
def test_module_of_every_verb_exists(verb):
    module, function, text, extra = cli.VERBS[verb]
    found = importlib.util.find_spec(module)
    assert found, module
    source = pathlib.Path(found.origin).read_text(encoding="utf-8")
    assert "\ndef %s(" % function in source
    assert text
    assert extra in (None, "sim", "host")


@pytest.mark.parametrize(
    ("name", "install"),
    [("numpy", 'reuse-edge[sim]"'), ("mpremote", 'reuse-edge[host]"'), ("paho.mqtt", '"reuse-edge"')],
)
def test_missing_extra_prints_the_install_line(name, install, capsys):
    code = cli.missing_module("demo", ModuleNotFoundError(name=name))
    assert code == 2
    assert install in capsys.readouterr().err


def test_foreign_package_is_refused(tmp_path):
    foreign = tmp_path / "edge"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("", encoding="utf-8")
    done = run("check", str(ROOT / "examples" / "site.yaml"), path=os.pathsep.join((str(tmp_path), str(ROOT))))
    assert done.returncode == 2
    assert "the package 'edge' on Python's path is not ours" in done.stderr
    assert str(foreign) in done.stderr
    assert "Traceback" not in done.stderr


class Reached(Exception):
    exit_code = 3

    def __str__(self):
        return "broker: no answer"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (Reached(), 3, "broker: no answer"),
        (ConnectionRefusedError(111, "Connection refused"), 3, "reuse-edge run: Connection refused"),
        (FileNotFoundError(2, "No such file or directory", "x.db"), 3, "reuse-edge run: x.db: No such file"),
        (KeyError("a"), 1, "a bug of ours: KeyError"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_error_becomes_one_line_and_an_exit_code(error, code, text, monkeypatch, capsys):
    def fail(argv):
        raise error

    monkeypatch.setitem(cli.VERBS, "run", ("host_tools.check", "fail", "", None))
    monkeypatch.setattr("host_tools.check.fail", fail, raising=False)
    assert cli.main(["run"]) == code
    assert text in capsys.readouterr().err


def test_debug_shows_the_traceback(monkeypatch):
    def fail(argv):
        raise KeyError("a")

    monkeypatch.setitem(cli.VERBS, "run", ("host_tools.check", "fail", "", None))
    monkeypatch.setattr("host_tools.check.fail", fail, raising=False)
    with pytest.raises(KeyError):
        cli.main(["run", "--debug"])


def test_fault_document_is_current():
    from host_tools import docs

    assert docs.main(["--check"]) == 0
