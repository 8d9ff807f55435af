# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The house rules as functions of one file: rule(path, tree, text) yields "line: what is wrong".

path is relative to the checkout, with slashes. tests/test_conventions.py runs every rule over the whole
tree and over planted violations.
"""

import ast
import fnmatch
import re
import sys

MICROPYTHON_STDLIB = frozenset(
    "array asyncio binascii collections cryptolib deflate errno gc hashlib heapq io json machine math "
    "micropython network os random re select socket ssl struct sys time uctypes vfs".split()
)
POSIX_ONLY = frozenset("fcntl termios pty tty resource pwd grp".split())

# (room, file patterns, what its files may import). The first pattern that fits decides. A name allows
# itself and everything below it; "stdlib" and "*" allow Python's library and anything at all.
ROOMS = (
    ("core", ("edge/core/*.py",), ("edge.core", "math", "collections", "struct", "array")),
    ("loop", ("edge/loop.py",), ("edge.core",)),
    ("init", ("edge/__init__.py", "*/__init__.py"), ("edge.core", "bms_bridge")),
    (
        "compiler",
        ("bms_bridge/compile*.py",),
        ("stdlib", "yaml", "bms_bridge", "edge.core"),
    ),
    (
        "board",
        ("bms_bridge/transports/board_*.py", "edge/shell/board*.py", "edge/shell/pipe.py"),
        ("micropython stdlib", "edge", "bms_bridge"),
    ),
    (
        "gateway",
        ("bms_bridge/transports/gateway_*.py", "edge/shell/gateway*.py"),
        ("stdlib", "pymodbus", "can", "paho", "cryptography", "systemd", "serial", "edge", "bms_bridge"),
    ),
    (
        "bridge",
        ("bms_bridge/*.py",),
        ("edge.core.records", "edge.core.tx_gate", "edge.core.coil_gate", "struct", "collections", "bms_bridge"),
    ),
    ("start-up", ("edge/shell/wiring.py",), ("edge", "bms_bridge")),
    ("shell", ("edge/shell/*.py",), ("micropython stdlib", "edge.core", "edge.shell")),
    ("board shim", ("simulator/vboard_shim/*.py", "simulator/shim/*.py"), ("*",)),
    (
        "simulator",
        ("simulator/*.py",),
        ("stdlib", "edge", "bms_bridge", "simulator", "numpy", "pymodbus", "can", "amqtt"),
    ),
    ("host_tools", ("host_tools/*.py",), ("*",)),
    ("both", ("tests/both/*.py",), ("micropython stdlib", "edge", "bms_bridge", "tests.both")),
    ("tests", ("tests/*.py", "benchmarks/*.py", "bootstrap.py", "docs/*.py"), ("*",)),
)
SHARED = ("core", "loop", "bridge", "start-up", "shell", "both")  # run unchanged on both runtimes
AT_MOST_TWO = ("pymodbus", "paho", "can")

CORE_CALLS = {
    "print": "the core does not talk",
    "open": "the core has no files",
    "input": "the core does not ask",
    "eval": "tables hold data, never code",
    "exec": "tables hold data, never code",
    "id": "differs from run to run",
    "hash": "differs from run to run",
}
# Methods and functions that MicroPython does not have.
NOT_ON_BOARDS = frozenset(
    "hexdigest _replace _asdict _fields bit_length bit_count removeprefix removesuffix casefold zfill ljust "
    "rjust swapcase isdecimal isascii expandtabs fsync Struct iter_unpack fromkeys maketrans translate".split()
)
PLATFORM = (
    ("sys", "platform"),
    ("sys", "implementation"),
    ("os", "name"),
    ("os", "uname"),
    ("platform", "system"),
)
SI_NAME = re.compile(r"(_v|_a|_ohm|_f)$")
FLOAT_TEXT = re.compile(r"%[-+ 0-9.]*[feg]|:[-+ 0-9.]*[feg]\}")
MARKS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
PRIVATE = re.compile(r"(?<![\w.])/(work|tmp)/")
SPDX = ("SPDX-License-Identifier: Apache-2.0", "Copyright 2026 The reuse-edge authors")
MAX_FUNCTION = 60
MAX_MODULE = 400


def room_of(path):
    """(room, allowed imports) of a file."""
    for room, patterns, allowed in ROOMS:
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
            return room, allowed
    raise LookupError(path)


def imports_of(tree):
    """(line, dotted name, imported name or None) of every import in a file, the lazy ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, "." * node.level + (node.module or ""), alias.name


def is_allowed(name, allowed):
    """True when one of the allowed names covers the dotted name."""
    root = name.split(".")[0]
    for entry in allowed:
        if entry == "*" or name == entry or name.startswith(entry + "."):
            return True
        if entry == "stdlib" and root in sys.stdlib_module_names:
            return True
        if entry == "micropython stdlib" and root in MICROPYTHON_STDLIB:
            return True
    return False


def rooms(path, tree, text):
    """Imports stay inside what the room may see; nobody imports host_tools or tests."""
    room, allowed = room_of(path)
    for line, name, item in imports_of(tree):
        full = "%s.%s" % (name, item) if item else name
        if name.startswith("."):
            yield "%d: relative import" % line
        elif not (is_allowed(name, allowed) or is_allowed(full, allowed)):
            yield "%d: %s may not import %s" % (line, room, full)
        elif room in ("core", "bridge") and name == "collections" and item != "namedtuple":
            yield "%d: only namedtuple of collections" % line
        elif room == "bridge" and name.startswith(("bms_bridge.compile", "bms_bridge.transports")):
            yield "%d: the shared half may not import %s" % (line, name)
        elif name.split(".")[0] == "host_tools" and room not in ("host_tools", "tests"):
            yield "%d: nobody imports host_tools" % line
        elif name.split(".")[0] == "tests" and room not in ("tests", "both"):
            yield "%d: nobody imports tests" % line
        elif room == "gateway" and name.split(".")[0] in ("machine", "numpy", "yaml"):
            yield "%d: never on a gateway: %s" % (line, name)


def posix_only(path, tree, text):
    """Modules that Windows lacks are not imported at module level outside the simulator."""
    if room_of(path)[0] in ("simulator", "board shim", "tests"):
        return
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    for node in top:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
        for name in names:
            if name in POSIX_ONLY:
                yield "%d: %s is not on Windows: import it where it is used" % (node.lineno, name)


def looks_float(node):
    """True when an expression shows that it is a float."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, float):
            return True
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div):
            return True
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        if name == "float" or SI_NAME.search(name):
            return True
    return False


def core_calls(path, tree, text):
    """No I/O, no float sum, no round(x, n), no text from floats in the core and the loop."""
    if room_of(path)[0] not in ("core", "loop"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name in CORE_CALLS:
                yield "%d: %s(): %s" % (node.lineno, name, CORE_CALLS[name])
            elif name == "sum" and looks_float(node):
                yield "%d: sum() of floats differs between runtimes" % node.lineno
            elif name == "round" and len(node.args) + len(node.keywords) > 1:
                yield "%d: round(x, n) differs between runtimes" % node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and FLOAT_TEXT.search(node.value):
            yield "%d: text from a float differs between runtimes" % node.lineno
        elif isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncWith, ast.AsyncFor)):
            yield "%d: no async in the core" % node.lineno


def boards(path, tree, text):
    """Shared code uses only what MicroPython has, and annotations cost nothing at run time."""
    if room_of(path)[0] not in (*SHARED, "board"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NOT_ON_BOARDS:
            yield "%d: MicroPython has no %s" % (node.lineno, node.attr)
        elif isinstance(node, ast.Match):
            yield "%d: MicroPython has no match" % node.lineno
        elif isinstance(node, ast.arguments) and node.posonlyargs:
            yield "%d: MicroPython has no positional-only arguments" % node.posonlyargs[0].lineno


def platform(path, tree, text):
    """No file that both runtimes share asks where it runs: the start-up file is the choice."""
    if room_of(path)[0] not in SHARED:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in PLATFORM:
                yield "%d: platform test %s.%s" % (node.lineno, node.value.id, node.attr)
        elif isinstance(node, ast.Name) and node.id == "MICROPYTHON":
            yield "%d: platform test" % node.lineno
        elif isinstance(node, ast.Try) and any(isinstance(part, (ast.Import, ast.ImportFrom)) for part in node.body):
            yield "%d: an import that may fail is a platform test" % node.lineno


def functions_of(tree):
    """Every function and method of a file."""
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def lengths(path, tree, text):
    """Functions up to 60 lines, modules up to 400 (tables and tables of tests excepted)."""
    for node in functions_of(tree):
        length = node.end_lineno - node.lineno + 1
        if length > MAX_FUNCTION:
            yield "%d: %s has %d lines, at most %d" % (node.lineno, node.name, length, MAX_FUNCTION)
    lines = text.count("\n")
    if lines > MAX_MODULE and not path.startswith(("bms_bridge/tables/", "tests/")):
        yield "1: %d lines, at most %d" % (lines, MAX_MODULE)


def is_broad(handler):
    """True for `except:`, `except Exception` and `except BaseException`, also inside a tuple."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")) for kind in kinds
    )


def excepts(path, tree, text):
    """No broad except in core, loop and bridge; at most one per file elsewhere; a bare one nowhere."""
    broad = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and is_broad(node)]
    strict = path.startswith(("edge/core/", "edge/loop.py", "bms_bridge/"))
    for index, node in enumerate(broad):
        if strict or index > 0 or node.type is None:
            yield "%d: broad except" % node.lineno


def spdx(path, tree, text):
    """Every source file starts with licence and copyright."""
    lines = [line.lstrip("# ") for line in text.splitlines()[:4] if not line.startswith("#!")]
    if tuple(lines[:2]) != SPDX:
        yield "1: the first two lines are not the SPDX header"


def public_functions(tree):
    """Public top-level functions, public classes and their public methods."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                methods = [part for part in node.body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))]
                yield from (part for part in methods if not part.name.startswith("_"))


def docstrings(path, tree, text):
    """Public functions of the product say what they mean."""
    if not path.startswith(("edge/", "bms_bridge/", "host_tools/")):
        return
    for node in public_functions(tree):
        if not ast.get_docstring(node):
            yield "%d: %s has no docstring" % (node.lineno, node.name)


def encodings(path, tree, text):
    """A text file is opened with its encoding named."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            mode = node.args[1] if len(node.args) > 1 else keywords.get("mode", ast.Constant("r"))
            binary = isinstance(mode, ast.Constant) and "b" in str(mode.value)
            known = isinstance(mode, ast.Constant)
            if known and not binary and "encoding" not in keywords:
                yield "%d: open() of a text without encoding" % node.lineno
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("read_text", "write_text"):
            if "encoding" not in keywords:
                yield "%d: %s() without encoding" % (node.lineno, node.func.attr)
        elif "text" in keywords and "encoding" not in keywords:
            yield "%d: text=True without encoding" % node.lineno


def tables(path, tree, text):
    """A generated table holds data, never code."""
    if not path.startswith("bms_bridge/tables/") or path.endswith("__init__.py"):
        return
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Assign):
            try:
                ast.literal_eval(node.value)
                continue
            except ValueError:
                pass
        yield "%d: not a literal" % node.lineno


def marks(path, tree, text):
    """Nothing is left for later in a comment; nothing points at a place on one developer's machine."""
    for number, line in enumerate(text.splitlines(), 1):
        if MARKS.search(line):
            yield "%d: %s" % (number, line.strip()[:60])
        if PRIVATE.search(line) and path != "tests/conventions.py":
            yield "%d: path of one machine: %s" % (number, line.strip()[:60])


RULES = (
    rooms,
    posix_only,
    core_calls,
    boards,
    platform,
    lengths,
    excepts,
    spdx,
    docstrings,
    encodings,
    tables,
    marks,
)
