# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The wheel holds the four packages with their data, and nothing else; `run` needs neither numpy nor rich."""

import pathlib
import subprocess
import sys
import zipfile

import pytest

from edge.core.report import VERSION_TEXT

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGES = ("edge", "bms_bridge", "simulator", "host_tools")


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Names of the files in the wheel built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling import build; print(build.build_wheel(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("reuse_edge-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_wheel_holds_exactly_the_four_packages(names):
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert len(tops) == len(PACKAGES) + 1


def test_wheel_holds_every_module_and_profile(names):
    for package in PACKAGES:
        files = [
            path for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".yaml") or path.name == "py.typed"
        ]
        missing = [path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts]
        missing = [path for path in missing if path not in names]
        assert files
        assert not missing


def test_version_is_the_one_that_the_controller_reports(names):
    assert any(name.startswith("reuse_edge-%s.dist-info/" % VERSION_TEXT) for name in names)


def test_wheel_holds_no_tests_caches_or_boards_files(names):
    assert not [name for name in names if "test" in name.split("/")[0] or name.endswith((".pyc", ".mpy", ".sqlite"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.parametrize("module", ["host_tools.run", "edge.shell.gateway"])
def test_run_loads_neither_numpy_nor_rich(module):
    code = "import sys, %s; print([n for n in ('numpy', 'rich', 'amqtt', 'scipy') if n in sys.modules])" % module
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
