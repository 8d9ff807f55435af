# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What remains of a commissioning: JSON with a digest, and an HTML page to print and sign (A4).

Nothing is loaded from elsewhere. Labels are English and Korean side by side; ids, units, values are the same.
"""

import hashlib
import html
import json

from edge.core.report import VERSION_TEXT
from host_tools import commission_names as names
from host_tools import commission_texts as texts
from host_tools.commission_job import now_text, write_json

STYLE = """@page { size: A4; margin: 14mm }
body { font: 10pt "Noto Sans KR", "Malgun Gothic", "Apple SD Gothic Neo", sans-serif; max-width: 182mm; margin: auto }
h1 { font-size: 16pt; margin: 0 0 4mm } h2 { font-size: 11.5pt; margin: 5mm 0 1mm; break-after: avoid }
table { border-collapse: collapse; width: 100%; break-inside: auto } tr { break-inside: avoid }
th, td { border: 0.2mm solid #888; padding: 0.8mm 1.5mm; text-align: left; vertical-align: top }
th { font-weight: 600 } td.n { text-align: right; white-space: nowrap } td.d { word-break: break-all; font-size: 8pt }
.skipped, .open, .bad { font-weight: 700; text-decoration: underline }
.lines td { height: 14mm; width: 50% } footer { margin-top: 5mm; font-size: 8pt; word-break: break-all }"""


def canonical(report):
    """The bytes whose SHA-256 is the digest: the report without it, keys sorted, no blanks."""
    bare = {key: value for key, value in report.items() if key != "sha256"}
    return json.dumps(bare, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def made(settings, progress, envelope):
    """The report as a dict. progress: Progress; envelope: {"file", "sha256", "key"} or None while control is not on."""
    steps = [
        {"step": name, **progress.steps.get(name, {"state": "open", "found": []})}
        for name in texts.STEPS
        if name != "report"
    ]
    report = {
        "v": 1,
        "made": now_text(),
        "tool": VERSION_TEXT,
        "site": settings["site"],
        "device": settings["device"],
        "answers": progress.data["answers"],
        "packs": [{key: pack.get(key) for key in ("id", "serial", "profile", "cells")} for pack in settings["packs"]],
        "steps": steps,
        "as_found": {"mode": "observe"},
        "as_left": {"mode": "control" if envelope else "observe", "envelope": envelope},
        "sign_convention": "+ current and power charge the battery",
    }
    return dict(report, sha256=hashlib.sha256(canonical(report)).hexdigest())


def both(key):
    """A label in both languages."""
    english, korean = texts.WORDS[key]
    return "%s · %s" % (html.escape(english), html.escape(korean))


def cell(value):
    """One table cell; numbers stand right, digests may break."""
    if value is None:
        return "<td></td>"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    text = html.escape(str(value))
    kind = ' class="n"' if number else ' class="d"' if len(text) > 60 else ""
    return "<td%s>%s</td>" % (kind, text)


def section(step):
    """The HTML of one step."""
    english, korean = texts.STEPS[step["step"]]
    state = " · ".join(texts.STATES[step["state"]])
    about = " — ".join(str(step[key]) for key in ("at", "by", "reason") if step.get(key))
    told = names.reason("ko", step.get("reason") or "")
    about += " · %s" % told if told != (step.get("reason") or "") else ""
    rows = [
        '<h2>%s · %s: <span class="%s">%s</span></h2>' % (english, korean, step["state"], state),
        "<p>%s</p>" % html.escape(about) if about else "",
    ]
    if step["found"]:
        heads = "".join("<th>%s</th>" % both(key) for key in ("pack", "value", "value", "expected", "tolerance"))
        heads = heads.replace("<th>%s</th>" % both("value"), "<th>%s</th>" % both("finds"), 1)
        rows.append("<table><tr>%s<th></th></tr>" % heads)
        for found in step["found"]:
            tolerance = None if found["tolerance"] is None else "± %s" % found["tolerance"]
            what = found["what"]
            korean = names.found("ko", what)
            what = what if korean == what else "%s · %s" % (what, korean)
            cells = [found["of"], what, found["value"], found["expected"], tolerance, found["unit"] or None]
            rows.append("<tr>%s</tr>" % "".join(cell(value) for value in cells))
        rows.append("</table>")
    return "\n".join(part for part in rows if part)


def page(report):
    """The whole HTML page of a report."""
    answers = report["answers"]
    head = [
        ("who", "%s, %s" % (answers.get("who.name", "–"), answers.get("who.company", "–"))),
        ("when", report["made"]),
        ("pack", ", ".join("%s (%s)" % (pack["id"], pack["serial"] or "–") for pack in report["packs"])),
        ("as_found", report["as_found"]["mode"]),
        ("as_left", report["as_left"]["mode"]),
        ("versions", "reuse-edge %s" % report["tool"]),
    ]
    if report["as_left"]["envelope"]:
        head.append(("signature", "%(key)s  %(file)s  SHA-256 %(sha256)s" % report["as_left"]["envelope"]))
    rows = "".join("<tr><th>%s</th>%s</tr>" % (both(key), cell(value)) for key, value in head)
    title = "%s — %s" % (both("title"), html.escape(report["device"]))
    signs = "".join(
        "<tr><td>%s: %s<br>%s:</td><td>%s:</td></tr>" % (both("signature"), both(who), both("place_date"), both("who"))
        for who in ("engineer", "operator")
    )
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="ko"><head><meta charset="utf-8"><title>%s</title>' % title,
            "<style>%s</style></head><body>" % STYLE,
            "<h1>%s</h1><table>%s</table><p>%s</p>" % (title, rows, both("sign_note")),
            *[section(step) for step in report["steps"]],
            '<h2>%s</h2><table class="lines">%s</table>' % (both("signature"), signs),
            "<footer>%s: %s</footer></body></html>\n" % (both("digest"), report["sha256"]),
        ]
    )


def write(path, settings, progress, envelope):
    """Write PATH.json and PATH.html; the report as a dict."""
    report = made(settings, progress, envelope)
    write_json(path + ".json", report)
    with open(path + ".html", "w", encoding="utf-8") as file:
        file.write(page(report))
    return report
