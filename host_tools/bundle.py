# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What goes onto a board: a tree of .mpy files and settings.json for a slot; main.py, boot.py and secrets beside it.

Which modules: those that the start-up module imports, found in the source text, and the tables of the
site's profiles. Boards get .mpy only: compiling .py there needs five times the RAM.
The texts are shortened first (host_tools/shrink.py) and compiled without line numbers; REUSE_EDGE_PLAIN=1 in the
environment leaves both out, for tracebacks that tell lines. Shortened texts and compiled files are kept by the hash of
what they were made of and of what made them.
"""

import ast
import copy
import functools
import hashlib
import json
import os
import sys
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edge.core.cell import BUILT_IN, Cell, load
from edge.core.soc import alignable
from host_tools import network_site, tls_site
from host_tools.mpy import BundleError, cache_folder, compile_text, compiler, mpy_version, plain
from host_tools.shrink import drop_docstrings, shrink
from host_tools.shrink_names import nodes
from host_tools.shrink_rename import names_of

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("edge", "bms_bridge")
DOCUMENTS = "documents"
FOLDERS = (*ROOMS, DOCUMENTS, tls_site.FOLDER)  # what on a board is ours
BOARD = ("edge.shell.board",)
# A board, and the same controller in a process of the VM (the demo).
ENTRIES = ("edge.shell.board", "edge.shell.vm")
HOST_ONLY = ("gateway", "compile", "profiles")
# Modules of a bus that a site without such a line does not need.
BUSES = {
    "rtu": ("bms_bridge.turns", "bms_bridge.transports.board_rtu"),
    "can": (
        "bms_bridge.can",
        "bms_bridge.pcs_can",
        "edge.shell.presented",
        "bms_bridge.isotp",
        "bms_bridge.crc",
        "bms_bridge.transports.board_can",
    ),
    "serial": ("bms_bridge.serial_", "bms_bridge.transports.board_serial"),
}
# (modules that only some sites import, settings of which one asks for them).
PARTS = (
    (("bms_bridge.coils", "bms_bridge.digital", "bms_bridge.modules", "edge.core.coil_gate"), ("inputs", "outputs")),
    (("edge.shell.journal", "edge.shell.frames"), ("journal_kb",)),
    (("edge.shell.board_sntp",), ("ntp",)),
    (("edge.shell.board_led",), ("led_pin",)),
    (("edge.shell.board_network",), ("network",)),
    (("edge.shell.updater", "edge.shell.update", "edge.shell.pieces", "edge.shell.ed25519"), ("trust",)),
)
SECRETS = "secrets.json"
LOADER = "loader.mpy"  # compiled, because the text of it would stay in the heap as long as main.py runs
STARTERS = (LOADER, "main.py", "boot.py")
OUTSIDE = (tls_site.FOLDER, SECRETS, *STARTERS)  # of the slots: where it lies on the board, for good
LOADER_COPY = "edge/shell/board_loader.mpy"  # in the slot, so that a bundle has it
LOADER_PARTS = ("edge.shell.slots", "edge.shell.board_rom", "edge.shell.board_loader")
HEAD = "# SPDX-License-Identifier: Apache-2.0\n# Copyright 2026 The reuse-edge authors\n"
MAIN = """# Written by `reuse-edge flash`: loader.mpy chooses a slot, goes, and the slot's controller runs.
import gc
import sys

gc.threshold(2048)  # what stays is packed while all is made; the controller asks for more room between collections
import loader

found = loader.ready()
del loader, sys.modules["loader"]
if found:
    try:
        found[0](found[1])
    except Exception as error:
        sys.print_exception(error)
        if found[2]:
            import machine

            machine.reset()
"""
SECRET = "secret"  # in settings, where a key is that only /secrets.json holds
BOOT = HEAD + "# Nothing here: main.py starts the controller. Written by `reuse-edge flash`.\n"
# files: {path on the board: sha256 in hex}. sizes: {path: bytes}. mpy: (version, sub-version) of the .mpy files.
Bundle = namedtuple("Bundle", ("folder", "files", "sizes", "mpy"))


def file_of(module, root):
    """Path of the source of a module of ours below root, or None."""
    base = root.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@functools.lru_cache(maxsize=256)
def imports_of(text):
    """Names that may be modules in the source `text`: imported modules and what is taken from them."""
    found = set()
    for node in nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update("%s.%s" % (node.module, alias.name) for alias in node.names)
    return found


def modules_of(entries, root=ROOT, unused=()):
    """{module: source text} of the entries and of all they import from our rooms, but for modules whose
    names begin with a text of unused.

    Raises BundleError for an entry that does not exist and for a module that belongs to the host.
    """
    texts = {}
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        path = file_of(module, root)
        if unused and module.startswith(unused):
            continue
        if module in texts or path is None:
            if module in entries and path is None:
                raise BundleError("there is no module %s in %s" % (module, root))
            continue
        if any(part.startswith(HOST_ONLY) for part in module.split(".")):
            raise BundleError("%s is for the host only, but a board would import it" % module)
        texts[module] = path.read_text(encoding="utf-8")
        waiting += [name for name in imports_of(texts[module]) if name.split(".")[0] in ROOMS]
        waiting += [module.rpartition(".")[0]] if "." in module else []
    return texts


def profiles_of(settings):
    """The device dicts of the settings that name a profile."""
    return [device for device in [*settings["packs"], settings.get("pcs"), settings.get("meter")] if device]


def add_tables(settings, texts, base, root):
    """Put the tables of the site's profiles and the built-in cells it uses into texts; returns the board's settings.

    A profile named by its file is compiled; on the board it goes by its own name.
    """
    settings = copy.deepcopy(settings)
    for pack in settings["packs"]:
        own = pack.get("contactor")
        if own and own.get("main_pin") is None and not settings.get("outputs"):
            raise BundleError("the contactor of %s has no main_pin: nothing on a board pulls it" % pack["id"])
    for name in [settings[part]["profile"] for part in ("inputs", "outputs") if settings.get(part)]:
        if name:
            texts.update(modules_of(("bms_bridge.modules." + name,), root))
    for device in profiles_of(settings):
        name = device["profile"]
        if name.endswith((".yaml", ".yml")):
            from bms_bridge import compile as profiles

            values = profiles.compile_file(os.path.join(base, os.path.expanduser(name)))
            name = device["profile"] = values["NAME"]
            texts["bms_bridge.tables." + name] = profiles.table_texts(values, os.path.basename(name))[0]
        elif file_of("bms_bridge.tables." + name, root) is None:
            raise BundleError("there is no profile '%s'" % name)
        else:
            texts.update(modules_of(("bms_bridge.tables." + name,), root))
    for pack in settings["packs"]:
        if pack.get("cell") is None:
            texts.update(modules_of(("edge.core." + BUILT_IN[pack["chemistry"]],), root))
        cell = Cell(load(pack), pack["capacity_mah"])
        if cell.half is not None:
            texts.update(modules_of(("edge.core.rounds" if alignable(cell) else "edge.core.align",), root))
    return settings


def words(text):
    """The names that the program text says: one outside the bundle, which needs them there."""
    return {name for node in nodes(ast.parse(text)) for name in names_of(node)}


def shortened(texts, cache, names, chemistries):
    """The texts in less memory (host_tools/shrink.py); kept by the hash of all of them and of what shortens.
    names: that stay."""
    own = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("shrink*.py"))]
    parts = [
        sys.version,
        *own,
        *sorted(names),
        *chemistries,
        *[part for module in sorted(texts) for part in (module, texts[module])],
    ]
    kept = cache / (hashlib.sha256("\0".join(parts).encode()).hexdigest() + ".json") if cache else None
    if kept and kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    short = shrink(texts, names, chemistries)
    if kept:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder) / "made.json"
            made.write_text(json.dumps(short), encoding="utf-8")
            os.replace(made, kept)
    return short


def body_of(modules, root):
    """The statements of modules, without docstrings and imports of each other."""
    body = []
    for module in modules:
        tree = ast.parse(file_of(module, root).read_text(encoding="utf-8"))
        drop_docstrings(tree)
        body += [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module in modules)]
    return body


def text_of(modules, root=ROOT):
    """The text of modules that stand for themselves, one behind the other, without docstrings."""
    return "\n".join(ast.unparse(node) for node in body_of(modules, root)) + "\n"


def loader_code(root=ROOT):
    """The bytes of the compiled loader."""
    program = compiler()
    return compile_text(program, mpy_version(program)[1], "loader", text_of(LOADER_PARTS, root), cache_folder())


def starters(loader):
    """{path: bytes} of what starts a slot: the compiled loader, main.py and boot.py."""
    return dict(zip(STARTERS, (loader, (HEAD + MAIN).encode(), BOOT.encode()), strict=True))


def without_secrets(settings):
    """(settings, secrets): the settings of a board without the keys that are secrets, and those, as plain dicts."""
    secrets, settings = {}, copy.deepcopy(settings)
    shared = [row for row in settings.get("trust") or () if row.get("kind") == "hmac"]
    if shared:
        secrets["trust"] = {row["id"]: row["key"] for row in shared}
        for row in shared:
            row["key"] = ""
    place = settings.get("uplink") or {}
    if place.get("ack_key") not in (None, "", tls_site.ON_BOARD):
        secrets["ack_key"], place["ack_key"] = place["ack_key"], SECRET
    secrets.update(network_site.without_password(settings, SECRET))
    return settings, secrets


def compile_all(texts, root, names=(), chemistries=()):
    """({path on the board: bytes}, (version, sub-version)) of the modules."""
    program, cache = compiler(), cache_folder()
    if not plain():
        texts = shortened(texts, cache, names, chemistries)
    mpy, banner = mpy_version(program)
    paths = {}
    for module in sorted(texts):
        place = file_of(module, root)
        package = place is not None and place.name == "__init__.py"
        paths[module.replace(".", "/") + ("/__init__" if package else "")] = texts[module]
    with ThreadPoolExecutor(2) as pool:
        jobs = {
            path + ".mpy": pool.submit(compile_text, program, banner, told(path), text, cache)
            for path, text in paths.items()
        }
        return {path: job.result() for path, job in jobs.items()}, mpy


def told(path):
    """What a traceback says of the file of a module: its own name, which the board knows anyway."""
    return path + ".py" if plain() else path.replace("/__init__", "").replace("/", ".")


def build(out_dir, settings, entries=ENTRIES, base=".", root=ROOT, documents=None, names=()):
    """Write the board's tree into out_dir and return its Bundle.

    settings: the plain settings dict of the site (host_tools.site.load_site). base: folder that profiles
    named by a file are relative to. documents: {SHA-256 in hex: bytes} of the signed documents that the
    settings name (host_tools.certificate_site.files_of); they travel as they are, so that the board can
    verify them. names: that stay in the code, because others say them. Other files in out_dir stay, older .mpy files
    and documents of ours go.
    Raises BundleError, bms_bridge's ProfileError, OSError.
    """
    root = Path(root)
    kinds = [link["kind"] for link in settings["links"]]
    unused = tuple(name for kind in BUSES for name in BUSES[kind] if kind not in kinds)
    unused += tuple(name for names, keys in PARTS if not any(settings.get(key) for key in keys) for name in names)
    if not settings["uplink"] or not settings["uplink"].get("ca"):
        unused += ("edge.shell.board_tls", "edge.shell.board_calm", "edge.shell.refusal")
    if not settings["uplink"] or settings["uplink"].get("format") != "json":
        unused += ("edge.shell.as_json",)
    if not settings["uplink"] or not settings["uplink"].get("home_assistant_s"):
        unused += ("edge.shell.home_",)
    if not settings["uplink"] or not settings["uplink"].get("sparkplug"):
        unused += ("edge.shell.sparkplug",)
    texts = modules_of(entries, root, unused)
    settings = add_tables(settings, texts, base, root)
    try:
        settings, secrets = tls_site.for_board(settings)
    except ValueError as error:
        raise BundleError(str(error)) from None
    files, mpy = compile_all(texts, root, names, sorted({pack["chemistry"] for pack in settings["packs"]}))
    files[LOADER_COPY] = loader_code(root)
    files.update(starters(files[LOADER_COPY]))
    settings, kept = without_secrets(settings)
    files["settings.json"] = as_json(settings)
    if kept:
        files[SECRETS] = as_json(kept)
    files.update({document_path(digest): data for digest, data in (documents or {}).items()})
    files.update(secrets)
    write_tree(Path(out_dir), files)
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    return Bundle(Path(out_dir), digests, {path: len(data) for path, data in files.items()}, mpy)


def as_json(value):
    """The bytes of value as JSON, the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def is_outside(path):
    """True for a path of a bundle that lies outside the slots of a board."""
    return path.split("/")[0] in OUTSIDE


def document_path(digest):
    """Where a signed document lies on the board, by its SHA-256 in hex."""
    return "%s/%s.cert" % (DOCUMENTS, digest[:16])


def write_tree(folder, files):
    """Write {path: bytes} below folder; .mpy files of our rooms, documents and TLS files that are not among them go.
    Nobody else may read the TLS files."""
    for path, data in files.items():
        target = folder / path
        secret = path.startswith(tls_site.FOLDER + "/") or path == SECRETS
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if secret else 0o777)
        if not target.is_file() or target.read_bytes() != data:
            if secret:
                target.touch(0o600)
            target.write_bytes(data)
    for room in ROOMS:
        for old in (folder / room).rglob("*.mpy"):
            if old.relative_to(folder).as_posix() not in files:
                old.unlink()
    for old in [*(folder / DOCUMENTS).glob("*.cert"), *(folder / tls_site.FOLDER).glob("*")]:
        if old.relative_to(folder).as_posix() not in files:
            old.unlink()
