# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The house rules over the whole tree, and a planted violation for each rule that it must catch."""

import ast
import pathlib

import pytest

import conventions

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("edge", "bms_bridge", "simulator", "host_tools", "tests", "benchmarks", "docs", "examples")
HEADER = "# %s\n# %s\n" % conventions.SPDX
BOARD_CODE = "edge/shell/cbor.py"


def python_files():
    """{path relative to the checkout: text} of every Python file of ours."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found.append(ROOT / "bootstrap.py")
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(found)}


FILES = python_files()


@pytest.fixture(scope="module")
def trees():
    """{path: syntax tree} of all files."""
    return {path: ast.parse(text) for path, text in FILES.items()}


@pytest.mark.parametrize("rule", conventions.RULES, ids=lambda rule: rule.__name__)
def test_tree_keeps_the_rule(rule, trees):
    found = ["%s:%s" % (path, hit) for path, text in FILES.items() for hit in rule(path, trees[path], text)]
    assert not found, "%s\n%s" % (rule.__doc__, "\n".join(found))


def lines(count):
    """A function of count lines."""
    return "def f():\n" + "    x = 1\n" * (count - 1)


# (rule, path, source) that the rule must catch
PLANTED = (
    ("rooms", "edge/core/x.py", "import time\n"),
    ("rooms", "edge/core/x.py", "from edge.shell import cbor\n"),
    ("rooms", "edge/core/x.py", "def f():\n    import os\n"),
    ("rooms", "edge/core/x.py", "from collections import OrderedDict\n"),
    ("rooms", "edge/core/x.py", "from . import soc\n"),
    ("rooms", "edge/loop.py", "import math\n"),
    ("rooms", "bms_bridge/decode.py", "from edge.core import settings\n"),
    ("rooms", "bms_bridge/bms.py", "from bms_bridge.transports import board_modbus\n"),
    ("rooms", "bms_bridge/tables/x.py", "import os\n"),
    ("rooms", "bms_bridge/transports/board_modbus.py", "import pymodbus\n"),
    ("rooms", "edge/shell/board.py", "import numpy\n"),
    ("rooms", "edge/shell/gateway.py", "import numpy\n"),
    ("rooms", "edge/shell/gateway.py", "import machine\n"),
    ("rooms", "edge/shell/outbox.py", "import dataclasses\n"),
    ("rooms", "edge/shell/outbox.py", "from bms_bridge import decode\n"),
    ("rooms", "simulator/plant.py", "from host_tools import site\n"),
    ("rooms", "host_tools/x.py", "from tests import conventions\n"),
    ("rooms", "tests/both/test_x.py", "import pytest\n"),
    ("posix_only", "host_tools/x.py", "import termios\n"),
    ("posix_only", "edge/shell/gateway.py", "from fcntl import flock\n"),
    ("core_calls", "edge/core/x.py", "print(1)\n"),
    ("core_calls", "edge/core/x.py", "open('x')\n"),
    ("core_calls", "edge/core/x.py", "x = sum((1.0, 2.0))\n"),
    ("core_calls", "edge/core/x.py", "x = sum(cell_v)\n"),
    ("core_calls", "edge/core/x.py", "x = round(y, 2)\n"),
    ("core_calls", "edge/core/x.py", "x = '%.1f' % y\n"),
    ("core_calls", "edge/core/x.py", "async def f():\n    pass\n"),
    ("boards", BOARD_CODE, "x = (5).bit_length()\n"),
    ("boards", BOARD_CODE, "x = h.hexdigest()\n"),
    ("boards", "edge/core/x.py", "x = sample._replace(at_ms=1)\n"),
    ("boards", "edge/core/x.py", "def f(a, /):\n    pass\n"),
    ("boards", "bms_bridge/decode.py", "match x:\n    case 1:\n        pass\n"),
    ("platform", BOARD_CODE, "import sys\nx = sys.platform\n"),
    ("platform", BOARD_CODE, "import sys\nx = sys.implementation.name\n"),
    ("platform", BOARD_CODE, "try:\n    import ujson\nexcept ImportError:\n    import json\n"),
    ("lengths", "edge/core/x.py", lines(61)),
    ("lengths", "tests/test_x.py", lines(61)),
    ("lengths", "simulator/x.py", "x = 1\n" * 401),
    ("excepts", "edge/core/x.py", "try:\n    x = 1\nexcept Exception:\n    pass\n"),
    ("excepts", "bms_bridge/poll.py", "try:\n    x = 1\nexcept (OSError, BaseException):\n    pass\n"),
    ("excepts", "host_tools/x.py", "try:\n    x = 1\nexcept:\n    pass\n"),
    ("excepts", "edge/shell/gateway.py", "try:\n    x = 1\nexcept Exception:\n    pass\n" * 2),
    ("spdx", "simulator/x.py", '"""No header."""\n'),
    ("spdx", "simulator/x.py", "# %s\n\n# %s\n" % conventions.SPDX),
    ("docstrings", "edge/core/x.py", "def f():\n    return 1\n"),
    ("docstrings", "edge/core/x.py", 'class A:\n    """Doc."""\n    def f(self):\n        return 1\n'),
    ("encodings", "host_tools/x.py", "open('x')\n"),
    ("encodings", "host_tools/x.py", "open('x', 'w')\n"),
    ("encodings", "host_tools/x.py", "p.read_text()\n"),
    ("encodings", "tests/x.py", "run(['x'], text=True)\n"),
    ("tables", "bms_bridge/tables/x.py", "A = [x for x in range(3)]\n"),
    ("tables", "bms_bridge/tables/x.py", "def f():\n    pass\n"),
    ("tables", "bms_bridge/tables/x.py", "A = lambda x: x\n"),
    ("marks", "edge/core/x.py", "# TO" + "DO later\n"),
    ("marks", "edge/core/x.py", "x = '/wo" + "rk/main'\n"),
)
# (rule, path, source) that the rule must let pass
INNOCENT = (
    (
        "rooms",
        "edge/core/x.py",
        "import math\nfrom collections import namedtuple\nfrom edge.core.records import OK\n",
    ),
    ("rooms", "bms_bridge/bms.py", "from edge.core import records\nfrom bms_bridge import decode\n"),
    ("rooms", "edge/shell/gateway.py", "import asyncio\nfrom paho.mqtt import client\n"),
    ("posix_only", "simulator/vboard.py", "import pty\n"),
    ("posix_only", "host_tools/x.py", "def f():\n    import termios\n"),
    ("core_calls", "edge/core/x.py", "x = sum(cell_mv) // len(cell_mv)\ny = round(z)\n"),
    ("lengths", "edge/core/x.py", lines(60)),
    ("lengths", "bms_bridge/tables/x.py", "A = 1\n" * 500),
    ("excepts", "edge/shell/gateway.py", "try:\n    x = 1\nexcept Exception:\n    pass\n"),
    ("spdx", "simulator/x.py", "#!/usr/bin/env python3\n" + HEADER),
    ("encodings", "host_tools/x.py", "open('x', 'rb')\nopen('x', encoding='utf-8')\n"),
    ("tables", "bms_bridge/tables/x.py", '"""Doc."""\nA = (1, -2, "x", None, {"a": 1})\n'),
)


def hits(name, path, source):
    """What one rule finds in one source."""
    return list(getattr(conventions, name)(path, ast.parse(source), source))


@pytest.mark.parametrize(("name", "path", "source"), PLANTED)
def test_planted_violation_is_caught(name, path, source):
    assert hits(name, path, source)


@pytest.mark.parametrize(("name", "path", "source"), INNOCENT)
def test_innocent_source_passes(name, path, source):
    assert not hits(name, path, source)


def test_every_rule_has_a_planted_violation():
    assert {rule.__name__ for rule in conventions.RULES} == {name for name, _, _ in PLANTED}


def importers(library, files):
    """Files of the product that import library."""
    return sorted(
        path
        for path, tree in files.items()
        if not path.startswith(("tests/", "benchmarks/"))
        and any(name.split(".")[0] == library for _, name, _ in conventions.imports_of(tree))
    )


@pytest.mark.parametrize("library", conventions.AT_MOST_TWO)
def test_library_is_imported_in_at_most_two_files(library, trees):
    assert len(importers(library, trees)) <= 2, importers(library, trees)


def test_third_import_of_a_library_is_caught():
    planted = {"edge/shell/gateway_%d.py" % number: ast.parse("from paho.mqtt import client") for number in range(3)}
    assert len(importers("paho", planted)) == 3


def test_other_files_carry_the_licence():
    texts = [
        ROOT / "Makefile",
        ROOT / ".ci" / "run",
        *(ROOT / ".github").rglob("*.yml"),
        *ROOT.glob("examples/*.yaml"),
    ]
    for path in texts:
        assert "\n".join("# " + line for line in conventions.SPDX) in path.read_text(encoding="utf-8"), path
