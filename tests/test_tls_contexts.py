# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""No TLS of ours that does not verify: a rule over the source text, planted violations, and the contexts themselves.

MicroPython's SSLContext(PROTOCOL_TLS_CLIENT) verifies nothing until verify_mode says so.
"""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = ("edge", "bms_bridge", "host_tools", "simulator")
# What makes a connection without one of our contexts, or takes verification away again.
FORBIDDEN = frozenset(
    "wrap_socket create_default_context _create_unverified_context _create_default_https_context _create_stdlib_context "
    "tls_set tls_insecure_set CERT_NONE CERT_OPTIONAL get_server_certificate".split()
)


def name_of(node):
    """The last part of a name or attribute, else None."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def assigned(tree, name):
    """The values that are assigned to an attribute of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(name_of(target) == name for target in node.targets):
            yield node.value


def problems(text):
    """What in this source text makes or loosens a TLS context without verification: [text]."""
    tree, found = ast.parse(text), []
    for node in ast.walk(tree):
        if name_of(node) in FORBIDDEN or (isinstance(node, ast.alias) and node.name in FORBIDDEN):
            found.append("%s" % (name_of(node) or node.name))
        if (
            isinstance(node, ast.keyword)
            and node.arg == "ssl"
            and isinstance(node.value, ast.Constant)
            and node.value.value
        ):
            found.append("ssl=%r" % node.value.value)
    if any(name_of(value) != "CERT_REQUIRED" for value in assigned(tree, "verify_mode")):
        found.append("verify_mode")
    if any(getattr(value, "value", None) is not True for value in assigned(tree, "check_hostname")):
        found.append("check_hostname")
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    verified = set()
    for function in functions:
        if any(assigned(function, "verify_mode")):
            verified.update(id(node) for node in ast.walk(function))
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and name_of(node.func) == "SSLContext"]
    return found + ["SSLContext without verify_mode" for node in made if id(node) not in verified]


def test_every_context_of_ours_verifies():
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}
    texts = {path: text for path, text in texts.items() if "ssl" in text.lower() or "tls" in text.lower()}
    assert {path: problems(text) for path, text in texts.items() if problems(text)} == {}
    makers = [path for path, text in texts.items() if "SSLContext(" in text]
    assert makers == ["edge/shell/board_tls.py", "edge/shell/gateway_tls.py"]


@pytest.mark.parametrize(
    "text",
    (
        "def f():\n    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n    return c",
        "c = SSLContext(2)",
        "def f():\n    c = ssl.SSLContext(2)\n    c.verify_mode = ssl.CERT_NONE",
        "def f():\n    c = ssl.SSLContext(2)\n    c.verify_mode = 0",
        "def f():\n    c = ssl.SSLContext(2)\n    c.verify_mode = ssl.CERT_REQUIRED\n    c.check_hostname = False",
        "ssl.create_default_context()",
        "from ssl import _create_unverified_context as make",
        "asyncio.open_connection(h, p, ssl=True)",
        "client.tls_set(ca)",
        "client.tls_insecure_set(True)",
        "ssl.wrap_socket(s)",
    ),
)
def test_planted_violation_is_found(text):
    assert problems(text)


def test_a_context_that_verifies_is_accepted():
    assert not problems("def f():\n    c = ssl.SSLContext(2)\n    c.verify_mode = ssl.CERT_REQUIRED")
