# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every row of docs/CHAOS.md names tests that exist, and each of these tests says in its docstring which row it is."""

import ast
import re

from tests.uplink.rig import ROOT


def functions(path):
    """{name: docstring} of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}


def rows():
    """[(row, [(file, test)])] of the table."""
    found = []
    for line in (ROOT / "docs" / "CHAOS.md").read_text(encoding="utf-8").splitlines():
        cells = re.match(r"\| (R\d+) \|[^|]*\|(.*)\|$", line)
        if cells:
            tests, file = [], None
            for word, colon in re.findall(r"`([^`]+)`(:?)", cells[2]):
                file = word if colon else file
                if not colon and "/" not in word and (ROOT / "tests" / ("%s.py" % file)).exists():
                    tests.append((file, word))
            found.append((cells[1], tests))
    return found


def test_every_row_has_its_tests():
    """R1 to R19."""
    table = rows()
    assert [row for row, _ in table] == ["R%d" % number for number in range(1, 20)]
    for row, tests in table:
        assert tests, row
        for file, test in tests:
            known = functions(ROOT / "tests" / (file + ".py"))
            if test in ("rows", "hostile", "backlog_cuts", "state_cuts"):
                continue  # the long form
            assert "test_" + test in known, (row, file, test)
            assert re.search(r"\b%s\b" % row, known["test_" + test]), (row, file, test)
