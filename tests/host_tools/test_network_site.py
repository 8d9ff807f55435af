# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Section network of site.yaml: what check refuses, and where the password goes."""

import json
import pathlib

import pytest

from host_tools import boards, bundle, cli, network_site
from host_tools.places import SiteError
from host_tools.site import load_site

EXAMPLE = (pathlib.Path(__file__).resolve().parent.parent.parent / "examples" / "site.yaml").read_text(encoding="utf-8")
PASSWORD = "correct horse battery"


def site(folder, text, password=PASSWORD):
    """site.yaml with that section, beside a file wifi."""
    (folder / "wifi").write_bytes(password if isinstance(password, bytes) else (password + "\n").encode())
    path = folder / "site.yaml"
    path.write_text("network:\n  %s\n%s" % (text.replace("; ", "\n  "), EXAMPLE), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "password", "problem"),
    [
        ("kind: wifi", PASSWORD, "ssid is missing"),
        ("kind: wlan; ssid: a", PASSWORD, "'wlan' is not allowed"),
        ("kind: wifi; ssid: a; password_file: other", PASSWORD, "no such file"),
        ("kind: wifi; ssid: a; password_file: wifi", "seven77", "holds no password of 8 to 63"),
        ("kind: wifi; ssid: a; password_file: wifi", "two lines\nof it", "holds no password"),
        ("kind: wifi; ssid: a; password_file: wifi", b"\xff\xfe12345678", "is no text"),
        ("kind: wifi; ssid: a; country: kr", PASSWORD, "'kr' is no country"),
        ("kind: wifi; ssid: a; password: secret99", PASSWORD, "unknown key"),
        ("kind: ethernet; ssid: a", PASSWORD, "stands beside kind: ethernet"),
    ],
)
def test_what_is_wrong_is_told_and_never_the_password(text, password, problem, tmp_path):
    with pytest.raises(SiteError) as error:
        load_site(str(site(tmp_path, text, password)))
    assert problem in str(error.value) and "seven77" not in str(error.value)


def test_the_password_goes_into_the_file_of_secrets_and_nowhere_else(tmp_path, capsys):
    path = site(tmp_path, "kind: wifi; ssid: plant; password_file: wifi; country: KR")
    settings = load_site(str(path))
    assert PASSWORD not in json.dumps(settings)
    kept, secrets = bundle.without_secrets(settings)
    assert secrets["wifi_password"] == PASSWORD and kept["network"]["password_file"] == bundle.SECRET
    assert str(tmp_path) not in json.dumps(kept["network"])
    assert cli.main(["check", "--board", "pico2w", str(path)]) == 0
    said = capsys.readouterr().out
    assert "network: wifi plant" in said and PASSWORD not in said


def test_a_board_without_that_network_refuses_it():
    own = {"network": {"kind": "ethernet", "ssid": None}}
    assert [row[0] for row in network_site.problems(boards.board("pico2w"), own)] == ["network.kind"]
    assert network_site.problems(boards.board("virtual"), own) == []
