# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Nothing is written or sent to a device but through the gate: read off the syntax tree of every file of the bridge."""

import ast
import pathlib

BRIDGE = pathlib.Path(__file__).resolve().parent.parent.parent / "bms_bridge"
# Names under which streams, ports, sockets, buses and pymodbus put bytes on a wire.
RAW = ("write", "writelines", "send", "sendall", "sendto", "send_periodic", "low_level_send")
# The ends of the wires: what the gate calls, and what opens a CAN adapter. Everything else is an argument of gate.send.
ENDS = {
    "transports/board_can.py": ["SlcanPort.open: self._stream.write", "SlcanPort.send: self._stream.write"],
    "transports/board_can_machine.py": ["MachinePort._flush: can.send"],
    "transports/gateway_can.py": ["CanPort.send: self._bus.send"],
    "transports/gateway_modbus.py": [
        "PymodbusLine._make_client: client.ctx.low_level_send",
        "PymodbusLine._make_client: client.ctx.send",
    ],
    "transports/gateway_serial.py": ["Port.write: self._port.write"],
}


def is_gate(node):
    """True for gate.send and self._gate.send."""
    return isinstance(node, ast.Attribute) and ast.unparse(node) in ("gate.send", "self._gate.send")


def doors(tree):
    """["function: text", ...] of every raw write of a module that is neither the gate nor given to it."""
    given = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_gate(node.func):
            given.update([id(node.func), id(node.args[-1])])
    found = []

    def walk(node, path):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and len(path) < 2:
            path = (*path, node.name)
        raw = isinstance(node, ast.Attribute) and node.attr in RAW and id(node) not in given
        if raw or (isinstance(node, ast.Constant) and node.value in RAW):
            found.append("%s: %s" % (".".join(path), ast.unparse(node)))
        for child in ast.iter_child_nodes(node):
            walk(child, path)

    walk(tree, ())
    return sorted(found)


def test_every_wire_has_one_door():
    found = {}
    for path in sorted(BRIDGE.rglob("*.py")):
        name = path.relative_to(BRIDGE).as_posix()
        if not name.startswith(("compile", "tables/")):
            rows = doors(ast.parse(path.read_text(encoding="utf-8")))
            if rows:
                found[name] = rows
    assert found == ENDS


def test_a_planted_bypass_is_seen():
    path = BRIDGE / "transports" / "board_rtu.py"
    text = path.read_text(encoding="utf-8")
    assert doors(ast.parse(text)) == []
    good = "self._gate.send(self._clock.now_ms(), frame, self._stream.write)"
    assert text.count(good) == 1
    for bypass in (
        "self._stream.write(frame)",
        "(lambda out: out(frame))(self._stream.write)",
        "getattr(self._stream, 'write')(frame)",
        "self._stream.send_periodic(frame)",
        "self._gate.send(0, self._stream.write, print)",
    ):
        assert doors(ast.parse(text.replace(good, bypass))), bypass
