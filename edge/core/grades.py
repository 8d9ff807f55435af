# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A test centre's certificate that arrives as an order, as the settings hold it. Its keys: docs/CERTIFICATE.md.

A grade is kept as [serial, dict]: it holds for the pack with that serial only, and only when it is newer than the
one in force. A certificate that does not fit is refused whole.
"""

from edge.core.bounds import BOUNDS, bound, looser

# number in the certificate: (name, lowest, highest, required); lengths for texts. As host_tools.certificate.FIELDS.
TEXTS = {
    1: ("serial", 1, 40, True),
    2: ("chemistry", 1, 40, True),
    3: ("grade", 1, 10, True),
    4: ("body", 1, 40, True),
    5: ("number", 1, 40, True),
    6: ("method", 1, 80, True),
    7: ("date", 10, 10, True),
    8: ("valid_until", 10, 10, False),
}
NUMBERS = {
    9: ("version", 1, 1000000, True),
    10: ("capacity_mah", 1000, 5000000, True),
    11: ("capacity_std_mah", 1, 500000, True),
    12: ("resistance_uohm", 100, 10000000, False),
    13: ("resistance_temp_mc", -20000, 60000, False),
    14: ("charge_ma", 0, 2000000, True),
    15: ("discharge_ma", 0, 2000000, True),
    16: ("cell_max_mv", 2000, 4500, False),
    17: ("cell_min_mv", 1500, 4000, False),
    18: ("temp_max_mc", 20000, 80000, False),
    19: ("temp_min_mc", -40000, 20000, False),
    20: ("temp_min_charge_mc", -30000, 30000, False),
}
NOT_KEPT = ("serial", "chemistry", "method")
CAPACITY_PPM = (200000, 1100000)  # of the nameplate: outside, it is another unit or another pack
STD_PPM = (1000, 200000)  # of the capacity


def fields(body):
    """{name: value} of the body of a certificate, or None when a field is missing, unknown or impossible."""
    if not isinstance(body, dict):
        return None
    values = {}
    for number in body:
        value = body[number]
        size = value
        row = NUMBERS.get(number)
        if row is None:
            row = TEXTS.get(number)
            if row is None or not isinstance(value, str):
                return None
            size = len(value)
        if type(size) is not int or not row[1] <= size <= row[2]:
            return None
        values[row[0]] = value
    for table in (TEXTS, NUMBERS):
        for number in table:
            if table[number][3] and number not in body:
                return None
    return values


def day(text):
    """Days since 1970-01-01 of YYYY-MM-DD, or None for anything else."""
    parts = text.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or [sign for sign in "".join(parts) if sign not in "0123456789"]:
        return None
    year, month, date = [int(part) for part in parts]
    if not 1 <= month <= 12 or not 1 <= date <= 31:
        return None
    year -= month < 3
    month = (month + 9) % 12
    return year * 365 + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + date - 719469


def is_over(grade, today):
    """True when grade's last day, and one more for the clock's zone, is before today (days since 1970)."""
    until = day(grade["valid_until"])
    return until is None or today > until + 1


def grade_of(pack, body, utc_s, signer, digest):
    """[serial, grade] of a certificate's body for this pack, or None when it is not to be taken.

    utc_s: trusted time or None. signer, digest: what the settings keep of the signature.
    """
    said = fields(body)
    if said is None or said["serial"] != pack.get("serial") or said["chemistry"] != pack["chemistry"]:
        return None
    tested, until = day(said["date"]), day(said.get("valid_until", "9999-12-31"))
    if tested is None or until is None or until < tested:
        return None
    if utc_s is not None and not tested - 1 <= utc_s // 86400 <= until + 1:
        return None
    capacity_ppm = said["capacity_mah"] * 1000000 // pack["capacity_mah"]
    std_ppm = said["capacity_std_mah"] * 1000000 // said["capacity_mah"]
    if not CAPACITY_PPM[0] <= capacity_ppm <= CAPACITY_PPM[1] or not STD_PPM[0] <= std_ppm <= STD_PPM[1]:
        return None
    grade = {name: said[name] for name in said if name not in NOT_KEPT}
    grade["signer"] = signer
    grade["hash"] = digest
    found = [said["serial"], grade]
    return found if fits(pack, found) and is_sane(pack, grade) else None


def fits(pack, found):
    """True when found ([serial, grade]) is of this pack and newer than the grade it has."""
    return found[0] == pack.get("serial") and found[1]["version"] > (pack["grade"].get("version") or 0)


def is_wider(grade, than):
    """True when a limit that grade gives allows more than the same limit of `than` does."""
    for key, smaller in BOUNDS:
        if grade.get(key) is not None and than.get(key) is not None and looser(grade[key], than[key], smaller):
            return True
    return False


def is_looser(grade, before):
    """True when grade allows more in any limit than the grade before; a limit that it leaves out, too."""
    left_out = [key for key, _ in BOUNDS if before.get(key) is not None and grade.get(key) is None]
    return bool(left_out) or is_wider(grade, before)


def narrower(grade, other):
    """grade with every limit at the narrower of both."""
    made = dict(grade)
    for key, smaller in BOUNDS:
        values = [each[key] for each in (grade, other) if each.get(key) is not None]
        if values:
            made[key] = min(values) if smaller else max(values)
    return made


def is_sane(pack, grade):
    """True when the limits of maker and grade together leave something between them."""
    held = dict(pack, grade=grade)
    limit = {key: bound(held, key) for key, _ in BOUNDS}
    coldest = max(limit["temp_min_mc"], limit["temp_min_charge_mc"])
    return limit["cell_min_mv"] + 500 <= limit["cell_max_mv"] and coldest <= limit["temp_max_mc"]
