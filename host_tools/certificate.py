# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a test centre certifies of one pack: the fields, what each may be, and the body of the signed document.

The body is a CBOR map {number of the field: value} inside the envelope of host_tools/documents.py. Integers in
the units of the settings, texts, nothing else. A certificate with an unknown, missing or impossible field is
refused whole, also when its signature is right. docs/CERTIFICATE.md holds the same table.
"""

import datetime

from edge.core import settings as core
from host_tools import certificate_texts as texts
from host_tools import documents
from host_tools.display import pad
from host_tools.units import human, human_key

YES, NO = True, False

# (number, name, unit, lowest, highest, required, text). unit: "text" (bounds are lengths), "date", a tuple of the
# allowed words, or that of an integer. Numbers are never used again. Names and bounds that pack.grade of
# edge.core.settings has too are the same there.
FIELDS = (
    (1, "serial", "text", 1, 40, YES, "serial on the label of the pack"),
    (2, "chemistry", ("lfp", "nmc", "lmo"), 0, 0, YES, "chemistry of the cells"),
    (3, "grade", "text", 1, 10, YES, "grade that the test centre gives"),
    (4, "body", "text", 1, 40, YES, "test centre"),
    (5, "number", "text", 1, 40, YES, "number of the certificate at the test centre"),
    (6, "method", "text", 1, 80, YES, "how the capacity was measured"),
    (7, "date", "date", 10, 10, YES, "date of the test, YYYY-MM-DD"),
    (8, "valid_until", "date", 10, 10, NO, "last day on which it holds; two days later nothing may flow; optional"),
    (9, "version", "count", 1, 1000000, YES, "1 for the first certificate of this serial, then one more each time"),
    (10, "capacity_mah", "mAh", 100, 5000000, YES, "measured capacity of the pack"),
    (11, "capacity_std_mah", "mAh", 1, 500000, YES, "one standard deviation of it, all causes together"),
    (12, "resistance_uohm", "µΩ", 100, 10000000, NO, "voltage step over current step after 10 s, at the terminals"),
    (13, "resistance_temp_mc", "m°C", -20000, 60000, NO, "cell temperature at that measurement"),
    (14, "charge_ma", "mA", 0, 2000000, YES, "highest charge current"),
    (15, "discharge_ma", "mA", 0, 2000000, YES, "highest discharge current"),
    (16, "cell_max_mv", "mV", 2000, 4500, NO, "highest cell voltage"),
    (17, "cell_min_mv", "mV", 1500, 4000, NO, "lowest cell voltage"),
    (18, "temp_max_mc", "m°C", 20000, 80000, NO, "highest cell temperature"),
    (19, "temp_min_mc", "m°C", -40000, 20000, NO, "lowest cell temperature for discharge"),
    (20, "temp_min_charge_mc", "m°C", -30000, 30000, NO, "lowest cell temperature for charge"),
)
# What goes into settings pack["grade"] for the controller; serial and chemistry are the pack's own there.
FOR_BOARD = tuple(row[1] for row in FIELDS if row[1] not in ("serial", "chemistry", "method"))

# A test bench knows a capacity neither better nor worse than this share of it (ppm).
STD_PPM = (1000, 200000)
# This software was made after it: a clock before it is not set (the same day as edge.shell.board).
OLDEST = datetime.date(2026, 1, 1)


def row_of(field):
    """A field as a row of edge.core.settings.SETTINGS, so that the same checks read it."""
    _, name, unit, low, high, required, text = field
    kind = unit if isinstance(unit, tuple) else "str" if unit in ("text", "date") else "int"
    return ("certificate", name, kind, low, high, core.REQUIRED if required else core.OPTIONAL, text)


def written(name, value):
    """A value as people read it: '238 Ah', 'KTR'."""
    return value if isinstance(value, str) else human(name, value)


def problems(values):
    """[(name, what is wrong)] of values whose fields are each right but do not go together."""
    found = []
    for name in ("date", "valid_until"):
        if name in values and not is_date(values[name]):
            found.append((name, "'%s' is not a date: write YYYY-MM-DD" % values[name]))
    if not found and values.get("valid_until", values["date"]) < values["date"]:
        found.append(("valid_until", "%s is before the test" % values["valid_until"]))
    std_ppm = values["capacity_std_mah"] * 1000000 // values["capacity_mah"]
    if not STD_PPM[0] <= std_ppm <= STD_PPM[1]:
        amounts = (human("_mah", values["capacity_std_mah"]), human("_mah", values["capacity_mah"]))
        found.append(("capacity_std_mah", "%s of %s is no believable σ (0.1 %% to 20 %%)" % amounts))
    if ("resistance_uohm" in values) != ("resistance_temp_mc" in values):
        found.append(("resistance_uohm", "the resistance and its temperature go together"))
    if values.get("cell_min_mv", 0) + 500 > values.get("cell_max_mv", 9999):
        found.append(("cell_min_mv", "is not below the highest cell voltage by 0.5 V"))
    for name in ("temp_min_mc", "temp_min_charge_mc"):
        if values.get(name, -99999) >= values.get("temp_max_mc", 99999):
            found.append((name, "is not below the highest temperature"))
    return found


def is_date(text):
    """True for YYYY-MM-DD of a day that exists."""
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def encode(values):
    """The body {number: value} of checked values {name: value}."""
    return {field[0]: values[field[1]] for field in FIELDS if values.get(field[1]) is not None}


def decode(body):
    """values {name: value} of a body. Raises DocumentError for anything that the table does not allow."""
    names = {field[0]: field for field in FIELDS}
    for number in body:
        if number not in names:
            raise documents.DocumentError("field", "field %d" % number, "this software does not know it")
    values = {}
    for field in FIELDS:
        name = field[1]
        if field[0] in body:
            try:
                values[name] = core.check_value(name, row_of(field), body[field[0]])
            except core.SettingsError as error:
                raise documents.DocumentError("field", human_key(name), error.problem) from None
            if isinstance(values[name], str) and not values[name].isprintable():
                raise documents.DocumentError("field", human_key(name), "holds signs that cannot be printed")
        elif field[5]:
            raise documents.DocumentError("field", human_key(name), "is missing")
    for name, problem in problems(values):
        raise documents.DocumentError("field", human_key(name), problem)
    return values


def read(data, keys):
    """(Document, Key, values) of the bytes of a signed certificate. Raises DocumentError."""
    document, key, body = documents.verify(data, keys, documents.CERTIFICATE)
    return document, key, decode(body)


def date_problem(values, today):
    """None, or (code of certificate_texts.WORDS, day of the certificate, today) about its dates.

    today: date of this machine's clock (UTC). A clock before OLDEST is not set: then only what had expired by
    OLDEST is called expired. One day of grace for time zones.
    """
    day = datetime.timedelta(days=1)
    sure = max(today, OLDEST)
    until = values.get("valid_until")
    if until and datetime.date.fromisoformat(until) + day < sure:
        return "expired", until, today.isoformat()
    if today < OLDEST:
        return "clock", values["date"], today.isoformat()
    if datetime.date.fromisoformat(values["date"]) > today + day:
        return "future", values["date"], today.isoformat()
    return None


def date_text(lang, found):
    """date_problem() in words."""
    code, day, today = found
    return texts.word(lang, code, *((today,) if code == "clock" else (day, today)))


def today_utc():
    """The date of this machine's clock, in UTC."""
    return datetime.datetime.now(datetime.UTC).date()


def lines(values, lang="en"):
    """The fields as lines of two columns."""
    named = [(texts.field(lang, field[1]), field[1]) for field in FIELDS if field[1] in values]
    return ["  %s %s" % (pad(label, 34), written(name, values[name])) for label, name in named]


def table_text():
    """The field table of docs/CERTIFICATE.md."""
    rows = ["| key | field in a draft | value in the document | from .. to | | meaning |", "|---|---|---|---|---|---|"]
    for number, name, unit, low, high, required, text in FIELDS:
        if isinstance(unit, tuple):
            kind, bounds = "text", " or ".join(unit)
        elif unit == "date":
            kind, bounds = "text", "YYYY-MM-DD"
        elif unit == "text":
            kind, bounds = "text", "%d to %d characters" % (low, high)
        else:
            kind, bounds = "integer, %s" % unit, "%s .. %s" % (human(name, low), human(name, high))
        need = "required" if required else "optional"
        rows.append("| %d | `%s` | %s | %s | %s | %s |" % (number, human_key(name), kind, bounds, need, text))
    return "\n".join(rows) + "\n"
