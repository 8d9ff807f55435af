# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge explain`: the same answer from a journal, a board's backup and the receiver, or why there is none."""

import datetime
import shutil

import pytest

from edge.core import faults as f
from edge.core import terms
from edge.core.orders import VERDICTS
from host_tools import audit, audit_read, explain
from host_tools.explain_lines import _said
from host_tools.explain_texts import VERDICTS_KO
from host_tools.explain_time import TimeError, moment, start_of, zone_of
from tests.host_tools.audit_site import eventful

KST = ["--tz", "Asia/Seoul"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return eventful(tmp_path_factory.mktemp("explain"))


def ask(source, at, lang="en", *more):
    return explain.answer(explain._arguments(["--at", at, "--lang", lang, *KST, *more, str(source)]))


def iso(at_ms):
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).isoformat()


def times(site):
    """Moments of all kinds over the two starts."""
    entries = audit_read.read(site.sources()[2]).entries
    first_ms, last_ms = entries[0].at_ms, entries[-1].at_ms
    return [first_ms - 60000] + list(range(first_ms, last_ms + 60000, 17000))


def test_the_same_answer_from_all_three(site):
    codes = set()
    for at_ms in times(site):
        for lang in ("en", "ko"):
            answers = [ask(source, iso(at_ms), lang) for source in site.sources()]
            assert answers[0] == answers[1] == answers[2]
            codes.add(answers[0][1])
    assert codes == {0, 1}


def test_the_export_answers_too(site, tmp_path):
    out = tmp_path / "chain.audit"
    assert audit.main(["export", "--all", site.sources()[0], str(out)]) == 0
    assert ask(out, "trip") == ask(site.sources()[2], "trip")


def test_a_trip_by_heat_is_explained(site):
    book = audit_read.read(site.sources()[2])
    trip = next(e for e in book.entries if e.body.get("event") == f.E_FRAME and e.body["fault"] == f.F_TEMP_OVER)
    lines, code = ask(site.sources()[0], iso(trip.at_ms))
    text = "\n".join(lines)
    assert code == 0
    assert "may charge 0.0 A" in text and "too hot" in text
    assert "samples kept before" in text
    for name in (
        "manufacturer",
        "test-centre grade",
        "contract",
        "BMS",
        "cell voltage",
        "temperature",
        "state of charge",
    ):
        assert "\n  " + name in text, name
    assert "certificate KTR-26-0417 version 2, signed by key 9f3a5d0c11e2b470" in text
    assert "rests on the record" in text


def test_the_values_are_those_that_were_enforced(site):
    book = audit_read.read(site.sources()[2])
    for entry in book.entries:
        if entry.cls == "T":
            text = "\n".join(ask(site.sources()[1], iso(entry.at_ms))[0])
            assert "may charge %.1f A" % (entry.body["charge_limit"] / 1000) in text
            assert "may discharge %.1f A" % (entry.body["discharge_limit"] / 1000) in text


def test_without_power_before_the_first_and_after_the_last(site):
    entries = audit_read.read(site.sources()[0]).entries
    first_ms, last_ms = entries[0].at_ms, entries[-1].at_ms
    off_ms = next(e.at_ms for e in reversed(entries) if e.boot == 1) + 120000
    for at_ms, said in (
        (first_ms - 1000, "before the first record"),
        (off_ms, "had no power"),
        (last_ms + 3600000, "after the last record"),
    ):
        lines, code = ask(site.sources()[0], iso(at_ms))
        assert code == 1 and said in lines[1], lines


def test_what_the_budget_dropped_is_named(tmp_path):
    site = eventful(tmp_path, gateway_kb=24, board_kb=24)
    assert list((tmp_path / "gateway").glob("t*"))
    book = audit_read.read(tmp_path / "gateway")
    gap = next(gap for gap in book.gaps if gap.cls == "T")
    at_ms = gap.since_ms + 95000
    full, _ = ask(site.sources()[2], iso(at_ms))
    for source in site.sources()[:2]:
        lines, code = ask(source, iso(at_ms))
        assert code == 1
        assert "was dropped (budget of the storage used): telemetry (T)" in lines[1]
        assert "what was kept still says" in lines[2]
        assert may(lines) == may(full)
    korean, _ = ask(site.sources()[0], iso(at_ms), "ko")
    assert "삭제됨" in korean[1]


def may(lines):
    """The two lines that say what may flow, without the reason."""
    return [line.split(",")[0] for line in lines if line.startswith("  may ")]


def test_times_as_people_write_them():
    zone = zone_of("Asia/Seoul")
    newest_ms = round(datetime.datetime(2026, 3, 2, 14, 30, tzinfo=zone).timestamp() * 1000)
    day_ms = 86400000
    for text, minutes in (
        ("last", 0),
        ("5min", -5),
        ("-5min", -5),
        ("90 s ago", -1.5),
        ("2시간 전", -120),
        ("14:03", -27),
        ("14:03:30", -26.5),
        ("15:00", 30 - 1440),
        ("2026-03-02T14:00", -30),
        ("2026-03-02 05:00Z", -30),
        ("2026-03-02T14:00:00+09:00", -30),
    ):
        assert moment(text, newest_ms, zone) == newest_ms + minutes * 60000, text
    assert moment("1d", newest_ms, zone) == newest_ms - day_ms
    for text in ("yesterday", "25:00", "2026-03-02", "", "14:99"):
        with pytest.raises(TimeError):
            moment(text, newest_ms, zone)
    with pytest.raises(TimeError, match="--tz: 'Mars/Base' is no time zone\n  → Asia/Seoul"):
        zone_of("Mars/Base")
    assert start_of("3+120") == (3, 120000)


def test_by_start_and_seconds_without_a_clock(site):
    entry = next(e for e in audit_read.read(site.sources()[2]).entries if e.cls == "T")
    at = "%d+%d" % (entry.boot, entry.mono_ms // 1000)
    answers = [ask(source, at) for source in site.sources()]
    assert answers[0][1] == 0 and answers[0] == answers[1] == answers[2]


def test_the_same_answer_after_a_long_time_without_power(tmp_path):
    site = eventful(tmp_path, off_ms=5 * 3600000)
    entries = audit_read.read(site.sources()[2]).entries
    last_ms = next(e.at_ms for e in reversed(entries) if e.boot == 1)
    for hours in (0.5, 2.5, 4.5):
        answers = [ask(source, iso(last_ms + round(hours * 3600000))) for source in site.sources()]
        assert answers[0] == answers[1] == answers[2] and answers[0][1] == 1
        assert iso(last_ms)[14:19] in answers[0][0][1]


def test_the_order_behind_a_limit_is_named():
    def entry(seq, cls, **body):
        return audit_read.Entry("d", 1, seq, 1, seq * 1000, seq * 1000 + 10**12, cls, 0, body, None)

    limits = {"charge_limit": 40000, "charge_why": 5, "discharge_limit": 40000, "discharge_why": 5}
    order = {"event": f.E_ORDER, "order_action": 1, "order_counter": 12, "order_key": "00aa", "order_hash": "cd" * 32}
    book = audit_read.Book(
        "d",
        [
            entry(1, "E", order_verdict=1, order_reason="winter tariff", **order),
            entry(2, "E", order_verdict=9, order_reason="refused", **order),
            entry(3, "T", sources=[3, 140000, 140000, 5, 40000, 40000, 17, 140000, 140000], mode=1, **limits),
        ],
        [],
    )
    found = explain.find(book, 0, 10**12 + 4000, "en", zone_of("UTC"))
    text = "\n".join(explain.lines_of(found, "en", zone_of("UTC")))
    assert "because of contract (order 12, signed by key 00aa" in text and ": winter tariff" in text
    assert "says nothing: no order in force" in text and "refused" not in text.split("events")[0]


def test_packs_and_wrong_names(site):
    assert ask(site.sources()[0], "trip", "en", "--pack", "1") == ask(site.sources()[0], "trip")
    lines, code = ask(site.sources()[0], "trip", "en", "--pack", "none")
    assert code == 2 and "pack-1" in lines[0]
    with pytest.raises(audit_read.SourceError):
        ask(site.sources()[2], "trip", "en", "--device", "other")


def test_a_folder_with_the_journal_in_it_is_found(site, tmp_path):
    shutil.copytree(site.sources()[0], tmp_path / "state" / "journal")
    assert ask(tmp_path / "state", "trip") == ask(site.sources()[0], "trip")


def test_the_command_line(site, capsys):
    assert explain.main(["--at", "-1min", "--lang", "ko", *KST, site.sources()[1]]) == 0
    assert "결정 요인" in capsys.readouterr().out


def test_an_order_is_told_with_what_became_of_it():
    body = {"event": f.E_ORDER, "order_action": 7, "order_key": "ab12", "order_reason": "smoke smell"}
    for lang in ("en", "ko"):
        said = {code: _said(dict(body, order_verdict=code), lang) for code in range(len(VERDICTS) + 1)}
        assert len(set(said.values())) == len(said)
        assert all("'stop'" in each and "ab12" in each and each.endswith("; smoke smell") for each in said.values())
    assert (
        _said(dict(body, order_verdict=9), "en") == "order 'stop' of key ab12: refused: %s; smoke smell" % VERDICTS[9]
    )
    assert "적용" in _said(dict(body, order_verdict=1), "ko")
    assert _said({"event": f.E_ORDER, "order_verdict": 3}, "en").startswith("order '?' of key ?: refused")
    assert len(VERDICTS_KO) == len(VERDICTS)


LIMITS = {"charge_limit": 40000, "charge_why": 5, "discharge_limit": 0, "discharge_why": 5, "mode": 1}
SOURCES = [3, 140000, 140000, 5, 40000, 0, 17, 140000, 140000, 18, 140000, 140000]


def told(*rows, at_s=8, pack=0):
    """Text about a moment in UTC. rows: (second, class, pack, body), in their order."""
    entries = [
        audit_read.Entry("d", 1, n + 1, 1, s * 1000, s * 1000 + 10**12, cls, of, body, None)
        for n, (s, cls, of, body) in enumerate(rows)
    ]
    found = explain.find(audit_read.Book("d", entries, []), pack, 10**12 + 1000 * at_s, "en", zone_of("UTC"))
    return "\n".join(explain.lines_of(found, "en", zone_of("UTC")))


def judged(second, action, verdict, counter, pack=-1):
    body = {"event": f.E_ORDER, "order_action": action, "order_verdict": verdict}
    return second, "E", pack, {**body, "order_counter": counter, "order_key": "00aa", "order_hash": "cd" * 32}


def row_of(text, name):
    return next(line for line in text.splitlines() if line.startswith("  " + name + "  "))


def test_an_order_in_force_is_told_before_the_next_telemetry():
    telemetry = (1, "T", 0, {**LIMITS, "sources": SOURCES})
    text = told(telemetry, judged(4, terms.STOP, 1, 12))
    assert "may charge 0.0 A, because of order (order 12, signed by key 00aa" in text
    row = row_of(text, "order")
    assert row.split()[1:3] == ["0.0*", "0.0"] and "order 12" in row and "says nothing" not in row
    assert "says nothing" in row_of(text, "engineer")
    row = row_of(told(telemetry, judged(4, terms.NARROW, 1, 13)), "engineer")
    assert "order 13, signed by key 00aa" in row and "in force since after this record" in row
    row = row_of(told(telemetry, judged(4, terms.LEASE, 1, 14)), "contract")
    assert "order 14" in row and "in force since after this record" in row
    assert "says nothing" in row_of(told(telemetry, judged(4, terms.STOP, 1, 12), at_s=3), "order")
    again = (5, "T", 0, {**LIMITS, "sources": SOURCES})
    assert "says nothing" in row_of(told(telemetry, judged(4, terms.NARROW, 1, 13), again), "engineer")


def test_a_release_is_not_the_order_behind_a_stop():
    stopped = (3, "T", 0, {**LIMITS, "sources": [*SOURCES[:-2], 0, 0], "charge_limit": 0, "charge_why": 18})
    rows = (judged(1, terms.STOP, 1, 12), stopped, judged(4, terms.STOP, 2, 13), judged(5, terms.STOP, 1, 13))
    assert "lifted after this record by order 13" in row_of(told(*rows), "order")
    row = row_of(told(*rows, at_s=4), "order")
    assert "order 12" in row and "lifted" not in row
    free = (6, "T", 0, {**LIMITS, "sources": SOURCES})
    assert "says nothing" in row_of(told(*rows, free), "order")


def test_an_order_for_a_pack_that_is_not_there_makes_no_pack():
    rows = ((1, "T", 0, {**LIMITS, "sources": SOURCES}), judged(4, terms.STOP, 13, 12, pack=7))
    entries = [audit_read.Entry("d", 1, n, 1, n, n, cls, pack, body, None) for n, cls, pack, body in rows]
    assert explain.packs_of(audit_read.Book("d", entries, [])) == {0: "pack 1"}
    assert "order 'stop' of key 00aa: refused: no such pack" in told(*rows)


def test_a_start_that_is_not_there_or_ended_earlier_is_told(site, tmp_path):
    entries = [e for e in audit_read.read(site.sources()[2]).entries if e.boot == 1]
    first_s, last_s = entries[0].mono_ms // 1000, entries[-1].mono_ms // 1000
    for lang in ("en", "ko"):
        lines, code = ask(site.sources()[0], "0+5", lang)
        assert code == 1 and "1, 2" in lines[0] and "--at 2+" in lines[0]
        assert not any(each in lines[0] for each in ("wall", "벽시계"))
    lines, code = ask(site.sources()[0], "1+%d" % (last_s + 73000))
    text = "start 1 ended earlier: its records are of 1+%d to 1+%d" % (first_s, last_s)
    assert code == 1 and text in lines[1] and "after it began" not in lines[0]
    assert ask(site.sources()[0], "1+%d" % last_s)[1] == 0
    (tmp_path / "k00000001").write_bytes(b"no journal at all")
    for at in ("0+5", "last"):
        lines, code = ask(tmp_path, at)
        assert code == 1 and "holds no whole record" in lines[0]


def test_a_moment_before_a_start_names_its_first_second(site):
    book = audit_read.read(site.sources()[2])
    first_s = next(e for e in book.entries if e.boot == 2).mono_ms // 1000
    lines, code = ask(site.sources()[2], "2+%d" % (first_s - 5))
    assert code == 1 and "before the first record of start 2: its records are of 2+%d to" % first_s in lines[1]
