# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Commissioning: what each step accepts and refuses, and the whole of it on a simulated rack with planted mistakes."""

import copy
import datetime
import hashlib
import html.parser
import json
import os
import re
from types import SimpleNamespace

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from host_tools import commission, commission_identity, commission_report, documents
from host_tools import commission_envelope as envelopes
from host_tools import commission_job as jobs
from host_tools import commission_names as names
from host_tools import commission_reads as reads
from host_tools import commission_texts as texts
from host_tools import commission_trial as trial
from host_tools.places import SiteError
from host_tools.site import load_site
from simulator.sites import settings
from tests.host_tools import commission_rig as rig
from tests.host_tools.test_site import TEXT, changed, write

CELLS = [3300] * 16


def status(**pack):
    """A status of the site lfp16, at rest and well; pack: raw values that differ."""
    raw = {"pack_mv": 52800, "current_ma": 0, "cell_mv": CELLS, "temp_mc": [21000] * 4, "contactor": None, **pack}
    told = {"id": "pack-1", "identity": ["proved", "SIM0000", "SIM0000"]}
    pcs = {"dc_ma": raw["current_ma"], "dc_mv": raw["pack_mv"]}
    details = {"packs": [raw], "meter_w": 500 if raw["current_ma"] > 0 else -500, "inputs": {"estop": False}}
    return {"device": "sim-site", "mode": "observe", "packs": [told], "pcs": pcs, "details": details, "faults": []}


class Still:
    """A controller that always says the same."""

    ours = True

    def __init__(self, said):
        self.said = said

    def wait(self, seen, within_s):
        return self.said if seen(self.said) else None


def job(said, **given):
    """A Job over one status; given: answers."""
    answers = jobs.Answers({key.replace("__", "."): value for key, value in given.items()}, "en", {})
    site = settings("lfp16", mode="observe")
    return SimpleNamespace(live=Still(said), settings=site, answers=answers, lang="en", wait_s=0.0)


def key_of(function, *args):
    """The row of PROBLEMS that stops function, and what it names."""
    with pytest.raises(jobs.StepError) as caught:
        function(*args)
    assert texts.problem("ko", caught.value.key, *caught.value.fill)[1]
    return caught.value.key, caught.value.fill


def test_live_values_beside_a_meter():
    found = reads.live(job(status(), meter__has="yes", **{"meter.voltage_v.pack-1": 52.0, "meter.current_a.pack-1": 0}))
    assert [(row["value"], row["expected"], row["tolerance"]) for row in found] == [(52.8, 52.0, 3.0), (0.0, 0.0, 1.0)]
    for volts, amperes in ((49.7, 0), (52.8, 1.1)):
        given = {"meter.voltage_v.pack-1": volts, "meter.current_a.pack-1": amperes}
        assert key_of(reads.live, job(status(), meter__has="yes", **given))[0] == "meter"
    with pytest.raises(jobs.Absent):
        reads.live(job(status(), meter__has="no"))


@pytest.mark.parametrize(
    ("pack", "key", "fill"),
    [
        ({"pack_mv": 49500}, "cells", ("pack-1", 15, 16)),
        ({"pack_mv": 56100}, "cells", ("pack-1", 17, 16)),
        ({"cell_mv": [4000] * 16, "pack_mv": 64000}, "cells_range", ("pack-1", "4.000", "LFP")),
        ({"pack_mv": None}, "no_values", ("pack-1",)),
    ],
)
def test_cells_that_are_not_those_of_the_site(pack, key, fill):
    assert key_of(reads.cells, job(status(**pack))) == (key, fill)


@pytest.mark.parametrize("side", [1, -1])
def test_the_sign_of_each_device(side):
    name = "charge" if side > 0 else "discharge"
    good = status(current_ma=side * 20000)
    assert len(reads.signs(job(good), good, name, side)) == 3
    for change, key in (
        (lambda s: s["details"]["packs"][0].update(current_ma=-side * 20000), "sign_bms"),
        (lambda s: s["details"]["packs"][0].update(current_ma=None), "sign_bms"),
        (lambda s: s["details"]["packs"][0].update(current_ma=side * 2000), "sign_apart"),
        (lambda s: s["pcs"].update(dc_ma=-side * 20000), "sign_pcs"),
        (lambda s: s["details"].update(meter_w=-side * 500), "sign_meter"),
    ):
        wrong = copy.deepcopy(good)
        change(wrong)
        assert key_of(reads.signs, job(wrong), wrong, name, side)[0] == key


@pytest.mark.parametrize(
    ("pack", "ambient", "key", "number"),
    [
        ({"temp_mc": [21000, None, 21000, 21000]}, 21, "temp_dead", 2),
        ({"temp_mc": [21000, 21000, 29100, 21000]}, 21, "temp_odd", 3),
        ({}, 37, "temp_ambient", "21.0 °C"),
        ({"cell_mv": CELLS[:15] + [None]}, 21, "cell_dead", 16),
        ({"cell_mv": [3100] + CELLS[1:]}, 21, "cell_odd", 1),
    ],
)
def test_sensors_that_cannot_be(pack, ambient, key, number):
    assert len(reads.sensors(job(status(), ambient_c=21))) == 7
    found, fill = key_of(reads.sensors, job(status(**pack), ambient_c=ambient))
    assert (found, fill[1]) == (key, number)


def test_inputs_of_wrong_polarity_and_those_that_nobody_presses():
    one = job(status(), go__inputs="yes")
    one.settings["inputs"] = {"estop_input": 0}
    assert key_of(reads.inputs, one)[0] == "input_quiet"
    one.live.said["details"]["inputs"]["estop"] = True
    assert key_of(reads.inputs, one) == ("input_active", ("estop",))
    one.live.said["details"]["inputs"] = None
    assert key_of(reads.inputs, one)[0] == "no_values"


def test_serial_numbers():
    pack = settings("lfp16")["packs"][0]
    told = status()["packs"][0]
    given = {"label.serial.pack-1": "sim-0000"}
    assert [row["value"] for row in reads.numbers_of(job(status(), **given), pack, told)][:2] == ["sim-0000", "SIM0000"]
    assert key_of(reads.numbers_of, job(status(), **given), pack, {**told, "identity": ["other", "X1", "SIM0000"]})[
        1
    ] == (
        "pack-1",
        "X1",
        "SIM0000",
        "BMS",
    )
    assert key_of(reads.numbers_of, job(status(), **{"label.serial.pack-1": "X2"}), pack, told)[1][3] == "label"


def test_times_after_the_death_of_the_controller():
    one = job(status())
    one.settings["pcs"].update(watchdog_ms=12000, obey_ms=1000)
    assert trial.stopped(one, 9000)[0]["value"] == 9.0
    assert key_of(trial.stopped, one, 10001)[0] == "residual"
    assert key_of(trial.stopped, one, 15001)[0] == "pcs_goes_on"
    pack = one.settings["packs"][0]
    pack["contactor"] = {"fuse_ms": 3000}
    assert trial.stopped(one, 10001) and trial.judged(one, pack, 15000)["expected"] == 16.0
    assert key_of(trial.judged, one, pack, 9999)[0] == "contactor_early"
    assert trial.trial_ma(settings("lfp16")) == 4000  # 5 % of the contract's 80 A


def test_every_question_has_an_answer_and_a_missing_one_is_named(tmp_path):
    rows = jobs.questions(settings("lfp16"), {"pack-1": "K1"})
    assert len({row[0] for row in rows}) == len(rows) and "opening.by.pack-1" in [row[0] for row in rows]
    with pytest.raises(jobs.AnswerError, match=r"go\.sign is not answered"):
        jobs.Answers({}, "en", {}).go("sign", "go.sign")
    with pytest.raises(jobs.AnswerError, match="ambient_c: 'warm' is no answer"):
        jobs.Answers({"ambient_c": "warm"}, "en", {}).ask("ambient_c")
    with pytest.raises(jobs.Skip, match="no load here"):
        jobs.Answers({"go.sign": "skip", "skip.reason.sign": "no load here"}, "en", {}).go("sign", "go.sign")
    (tmp_path / "a.yaml").write_text("- 1\n", encoding="utf-8")
    with pytest.raises(jobs.AnswerError, match="id: answer"):
        jobs.load_answers(tmp_path / "a.yaml")


def test_both_languages_have_every_place():
    for row in [*texts.PROBLEMS.values(), *texts.WORDS.values(), *[row[1:] for row in texts.QUESTIONS.values()]]:
        half = len(row) // 2 if len(row) == 4 else 1
        for english, korean in zip(row[:half] if len(row) == 4 else row[:1], row[half:], strict=True):
            assert english and korean
        if len(row) == 4:
            assert set(re.findall(r"\{\d\}", row[0])) == set(re.findall(r"\{\d\}", row[1])), row
            assert set(re.findall(r"\{\d\}", row[2])) == set(re.findall(r"\{\d\}", row[3])), row
        else:
            assert set(re.findall(r"\{\d\}", row[0])) == set(re.findall(r"\{\d\}", row[1])), row


def test_what_is_found_has_a_korean_name():
    text = "".join(
        (rig.ROOT / "host_tools" / ("commission_%s.py" % name)).read_text(encoding="utf-8")
        for name in ("reads", "trial", "identity")
    )
    rows = [*re.findall(r'\brow\(\s*"([^"]+)"', text), trial.STILL + " (by hand)"]
    assert len(rows) > 25
    assert [name for name in rows if not re.search("[가-힣]", names.found("ko", name)) and "sha256" not in name] == []
    assert names.found("ko", "temperature 3") == "온도 3" and names.found("en", "temperature 3") == "temperature 3"


# ---- envelope, identity, report ------------------------------------------------------------------------


def signed_site(folder):
    """(path of a site.yaml that control is signed for, its text before)."""
    documents.new_key(str(folder / "lee"))
    before = TEXT + "\ntrust:\n  commission: [lee.pub]\n"
    path = write(folder, before)
    site = load_site(path)
    body = envelopes.body_of(site, folder, {"live": {"state": "absent", "reason": "no meter"}}, "Lee", 5200)
    data = documents.sign(documents.COMMISSIONING, body, documents.load_private(folder / "lee.key"))
    (folder / "gumi.commissioned").write_bytes(data)
    (folder / "site.yaml").write_text(envelopes.enabled(before, "gumi.commissioned"), encoding="utf-8")
    return path, before


def test_control_of_another_site_than_the_signed_one_is_refused(tmp_path):
    path, before = signed_site(tmp_path)
    assert load_site(path)["mode"] == "control"
    text = (tmp_path / "site.yaml").read_text(encoding="utf-8")
    write(tmp_path, text.replace("charge_a: 90", "charge_a: 80").replace("    discharge_a: 80", "    discharge_a: 70"))
    assert load_site(path)["mode"] == "control"  # a grade or a contract may change
    for old, new in (("cells: 16", "cells: 15"), ("unit: 0", "unit: 2"), ("watchdog_s: 5", "watchdog_s: 6")):
        write(tmp_path, text.replace(old, new))
        with pytest.raises(SiteError, match="not those that were commissioned"):
            load_site(path)
        write(tmp_path, text.replace(old, new).replace("mode: control", "mode: observe"))
        assert load_site(path)["mode"] == "observe"
    write(tmp_path, text)
    documents.new_key(str(tmp_path / "eve"))
    body = envelopes.body_of(load_site(path), tmp_path, {}, "Eve", 1)
    data = documents.sign(documents.COMMISSIONING, body, documents.load_private(tmp_path / "eve.key"))
    (tmp_path / "gumi.commissioned").write_bytes(data)
    with pytest.raises(SiteError, match=r"not trusted|no trusted"):
        load_site(path)
    os.remove(tmp_path / "gumi.commissioned")
    with pytest.raises(SiteError, match="commission writes it"):
        load_site(path)
    with pytest.raises(ValueError):
        envelopes.enabled(text, "x")  # is control already


def test_a_profile_of_ones_own_is_proved_by_what_it_holds(tmp_path):
    shipped = rig.ROOT / "bms_bridge" / "profiles" / "seplos_v3.yaml"
    text = shipped.read_text(encoding="utf-8")
    (tmp_path / "acme.yaml").write_text(text, encoding="utf-8")
    path = write(tmp_path, changed("bms: seplos_v3", "bms: ./acme.yaml"))
    site = load_site(path)
    before = jobs.fixed_of(site, tmp_path)
    assert jobs.fixed_of({**site, "grade": 1, "uplink": None, "mode": "control"}, tmp_path) == before
    (tmp_path / "acme.yaml").write_text(text + "# another sign", encoding="utf-8")
    assert jobs.fixed_of(load_site(path), tmp_path) != before


def authority(name="ca"):
    """(key, certificate) of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, issued(key, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), None)


def issued(key, subject, public, issuer):
    """A certificate for a day."""
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(public)
    made = made.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return made.sign(key, hashes.SHA256())


def test_the_key_is_made_here_and_its_certificate_comes_from_outside(tmp_path):
    one = job(status(), go__identity="yes")
    one.settings.update(uplink={"host": "x"}, device="gumi-014")
    one.base = str(tmp_path)
    with pytest.raises(jobs.Skip, match="still to come"):
        commission_identity.identity(one)
    pki = tmp_path / "pki"
    assert os.stat(pki / "gumi-014.key").st_mode & 0o777 == 0o600
    request = x509.load_pem_x509_csr((pki / "gumi-014.csr").read_bytes())
    key, own = authority()
    _, other = authority("other")
    pem = serialization.Encoding.PEM
    given = issued(key, request.subject, request.public_key(), own.subject)
    (pki / "gumi-014.crt").write_bytes(given.public_bytes(pem))
    (pki / "ca.pem").write_bytes(other.public_bytes(pem))
    assert key_of(commission_identity.identity, one)[1][1].startswith("not signed by")
    (pki / "ca.pem").write_bytes(own.public_bytes(pem))
    assert commission_identity.identity(one)[0]["value"] == "CN=gumi-014"
    stranger = issued(key, request.subject, key.public_key(), own.subject)
    (pki / "gumi-014.crt").write_bytes(stranger.public_bytes(pem))
    assert key_of(commission_identity.identity, one)[1][1] == "not of the key made here"


class Page(html.parser.HTMLParser):
    """What an HTML page would load, and its text."""

    def __init__(self):
        super().__init__()
        self.loads, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.loads += [value for key, value in attrs if key in ("src", "href", "action")] + [
            tag for tag in (tag,) if tag in ("script", "link", "img", "iframe")
        ]

    def handle_data(self, data):
        self.text += data


def judge_report(folder, left):
    """The report in folder: whole, loads nothing, both languages; returns it. left: mode as left."""
    (path,) = [name for name in sorted(folder.iterdir()) if re.search(r"-\d{4}-\d\d-\d\d\.json$", name.name)]
    report = json.loads(path.read_text(encoding="utf-8"))
    bare = {key: value for key, value in report.items() if key != "sha256"}
    text = json.dumps(bare, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert report["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert report["as_found"]["mode"] == "observe" and report["as_left"]["mode"] == left
    page = Page()
    source = path.with_suffix(".html").read_text(encoding="utf-8")
    page.feed(source)
    assert page.loads == [] and "url(" not in source and "@import" not in source and "@page { size: A4" in source
    for wanted in (report["sha256"], "시운전 보고서", "Commissioning report", "place, date", "장소, 날짜"):
        assert wanted in page.text
    assert [row["step"] for row in report["steps"]] == [name for name in texts.STEPS if name != "report"]
    return report


def test_what_would_refuse_control_in_the_end_is_said_before_the_first_step(tmp_path, capsys, monkeypatch):
    def silent(*_):
        raise commission.AnswerError("no answer")

    monkeypatch.setattr(commission.Job, "open", silent)
    path = str(write(tmp_path, TEXT))
    documents.new_key(str(tmp_path / "lee"))
    words = ["127.0.0.1:9", path, "--lang", "en"]
    for more, code, said in (
        ([], None, "refused at the end: nobody signs"),
        (["--key", str(tmp_path / "lee.key")], None, "refused at the end: key"),
        (["--skip", "control=later"], None, ""),
        (["--key", str(tmp_path / "none.key")], 2, ""),
    ):
        with pytest.raises(commission.AnswerError, match=r"no answer|No such file") as caught:
            commission.main([*words, *more])
        told = capsys.readouterr().err
        assert said in told and (said or "refused at the end" not in told), (more, told)
        assert code is None or (caught.value.exit_code == code and "→ reuse-edge key new" in str(caught.value))


def test_a_report_shows_what_was_skipped_and_no_markup_of_a_stranger(tmp_path):
    progress = jobs.Progress(str(tmp_path / "p.json"), "x")
    progress.put("live", "skipped", "<b>Lee", [], "no meter <script>")
    progress.put("cells", "done", "Lee", [jobs.row("n", "pack-1", "<img src=x>", "", 16, 0)])
    commission_report.write(str(tmp_path / "gumi-2026-11-23"), settings("lfp16"), progress, None)
    report = judge_report(tmp_path, "observe")
    assert report["steps"][1]["state"] == "skipped" and report["steps"][3]["state"] == "open"
    again = jobs.Progress(str(tmp_path / "p.json"), "x")
    assert list(again.steps) == ["live", "cells"] and not again.changed
    assert jobs.Progress(str(tmp_path / "p.json"), "y").steps == {}  # another site: everything anew


# ---- end to end ------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_rack_from_observe_to_signed_control(tmp_path):
    folder = tmp_path / "구미 rack"
    folder.mkdir()
    with rig.Rack() as rack:
        site = rig.site_yaml(rack, folder)
        before = site.read_text(encoding="utf-8")
        given = rig.answers(rack)
        del given["go.watchdog"]
        code, said, _ = rig.commission(rack, site, given)
        assert code == 2 and "go.watchdog is not answered" in said, said
        assert site.read_text(encoding="utf-8") == before
        code, said, out = rig.commission(rack, site, rig.answers(rack))
        assert code == 0, said
        assert "was done at" in said and "[sign.direction]" not in said  # it went on behind the last finished step
        assert rack.world.pcs.limits_w() == (0, 0)  # the PCS stopped by itself
    assert load_site(str(site))["mode"] == "control"
    report = judge_report(folder / "commission", "control")
    still = [row for step in report["steps"] for row in step["found"] if row["what"] == trial.STILL]
    assert 3.0 < still[0]["value"] < 8.0 and still[0]["unit"] == "s"
    assert {step["step"]: step["state"] for step in report["steps"]}["contactor"] == "absent"
    assert out.strip().endswith(".html")


def planted(name):
    """(keyword arguments of Rack, of the pack in site.yaml, of the answers; step; part of what is said)."""
    return {
        "sign": ({"mishap": "current_sign"}, {}, {}, "sign", "the BMS says -"),
        "cells": ({}, {"cells": 15}, {}, "cells", "16 cells in series, site.yaml says 15"),
        "sensor": ({"mishap": "temp_open"}, {}, {}, "sensors", "temperature sensor 2 says nothing"),
        "watchdog": ({"deaf": True}, {}, {}, "watchdog", "the PCS goes on without us"),
        "serial": (
            {},
            {"serial": "X9"},
            {"label.serial.pack-1": "X9"},
            "identify",
            "the BMS says SIM0000, expected X9",
        ),
    }[name]


@pytest.mark.long
@pytest.mark.parametrize("name", ["sign", "cells", "sensor", "watchdog", "serial"])
def test_a_planted_mistake_stops_its_step(tmp_path, name):
    world, pack, changes, step, said_part = planted(name)

    def refreshed(world):
        world.pcs.written_ms = world.now_ms  # its watchdog never runs out

    with rig.Rack(hook=refreshed if world.get("deaf") else None) as rack:
        if "mishap" in world:
            rack.world.mishaps.start(world["mishap"], rack.world.now_ms)
        site = rig.site_yaml(rack, tmp_path, **pack)
        skips = [] if name in ("sign", "watchdog") else ["--skip", "sign=another test proves it"]
        code, said, _ = rig.commission(rack, site, {**rig.answers(rack), **changes}, *skips)
        assert rack.world.pcs.limits_w()[0] == 0 or name == "sign"  # what went on was told zero
    assert code == 1 and "STOPPED at %s" % step in said and said_part in said and "  → " in said, said
    assert load_site(str(site))["mode"] == "observe"
    report = judge_report(tmp_path / "commission", "observe")
    assert {row["step"]: row["state"] for row in report["steps"]}[step] == "open"


@pytest.mark.long
def test_contactors_and_inputs_and_a_skipped_step_forbids_control(tmp_path):
    with rig.Rack(contactor=True) as rack:
        site = rig.site_yaml(rack, tmp_path)
        skip = ("--skip", "watchdog=the installer measured it")
        code, said, _ = rig.commission(rack, site, rig.answers(rack), *skip)
        contact = rack.world.contacts.each[0]
        rack.until(lambda: not contact.main)  # the module lets go when its hold is over
        assert contact.opened_ma < 1000 and contact.closings >= 2
    assert code == 1 and "watchdog: the installer measured it" in said, said
    assert load_site(str(site))["mode"] == "observe"
    report = judge_report(tmp_path / "commission", "observe")
    found = {step["step"]: step for step in report["steps"]}
    assert found["watchdog"]["state"] == "skipped" and found["control"]["state"] == "open"
    fell = [row["value"] for row in found["contactor"]["found"] if row["what"] == "contactor falls after"]
    assert 7.0 <= fell[0] <= 12.0 and [row["of"] for row in found["inputs"]["found"]] == ["estop", "smoke"]
    assert yaml.safe_load(site.read_text(encoding="utf-8"))["mode"] == "observe"


def test_a_key_that_nobody_trusts_and_steps_that_are_missing(tmp_path):
    path, before = signed_site(tmp_path)
    write(tmp_path, before)
    options = commission.parse([path, "--lang", "en"])
    one = commission.Job(options)
    one.answers = jobs.Answers({"go.control": "yes"}, "en", {})
    one.progress = jobs.Progress(str(tmp_path / "p.json"), "x")
    for name in commission.MUST:
        assert key_of(commission.control, one)[0] == "must"
        one.progress.put(name, "done", "Lee", [])
    one.progress.put("sign", "skipped", "Lee", [], "no load here")
    assert "sign: no load here" in key_of(commission.control, one)[1][0]
    one.progress.put("sign", "done", "Lee", [])
    assert key_of(commission.control, one)[0] == "no_key"
    documents.new_key(str(tmp_path / "eve"))
    one.key, one.folder = str(tmp_path / "eve.key"), str(tmp_path)
    assert key_of(commission.control, one)[0] == "not_trusted"
    one.key = str(tmp_path / "lee.key")
    assert commission.control(one)["key"] == documents.load_public(tmp_path / "lee.pub").id
    assert load_site(path)["mode"] == "control"
    write(tmp_path, changed("mode: observe", "mode: observe  # note", before))
    assert commission.control(one) and load_site(path)["mode"] == "control"
