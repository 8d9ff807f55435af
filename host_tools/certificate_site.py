# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Certificates of a site: `trust:` and `certificate:` of site.yaml, checked against the pack they stand at.

A certificate that does not fit is refused whole; no value of it is lowered until it fits. Every refusal names
the line of site.yaml, the field and the mend.
"""

import datetime
import hashlib
import os

import yaml

from edge.core.settings import TRUST_ROLES
from host_tools import certificate, documents
from host_tools.places import Spot, parse
from host_tools.units import human, human_key

# Keys of settings pack["grade"] that only a signed certificate may give.
SIGNED_ONLY = ("number", "version", "valid_until", "signer", "hash")
# A capacity above this share of the nameplate, or below, is another unit or another pack (ppm).
CAPACITY_PPM = (200000, 1100000)
# Voltage drop of one cell at 1 C (resistance x capacity / cells), mV: new to worn out is 30 to 600.
DROP_MV = (5, 2000)
SOON_DAYS = 30


class Inside(Spot):
    """A field of a certificate, told at the line of site.yaml that names the file."""

    def __init__(self, spot, name, values):
        super().__init__(spot.file, spot.node, "%s.%s" % (spot.place, human_key(name)))
        self.line = spot.line
        self._value = certificate.written(name, values[name]) if name in values else None
        self._body = values["body"]

    def text(self):
        """The value as people read it; None when the certificate does not say."""
        return self._value

    def wrong(self, problem, mend, note=None):
        """The SiteError for this field. Nobody on site can mend a certificate: mend says who can."""
        mend = "name the certificate of this pack, or ask %s for one that fits; correct the site if it is wrong" % (
            self._body
        )
        return super().wrong(problem, mend, note or "A certificate is taken whole or refused whole.")


def trusted(entry, base):
    """settings["trust"] of the section trust (a Spot or None): a list of key files of test centres, or a map
    from a role to such a list. Paths are taken from the folder base."""
    if entry is None:
        return []
    sections = {"": entry}
    if isinstance(entry.node, yaml.MappingNode):
        sections = entry.entries()
    rows = []
    for role, section in sections.items():
        if role and role not in TRUST_ROLES:
            raise section.wrong("'%s' is no role" % role, "use one of: %s" % ", ".join(TRUST_ROLES))
        for spot in section.items():
            if spot.text() == "board":
                rows.append(of_the_board(spot, role))
                continue
            rows.append(opened(spot, base, lambda path, role=role: documents.trust_row(role, path)))
    return rows


def of_the_board(spot, role):
    """The row of settings["trust"] for the order key that only the board has: no document fits its id before the board
    puts its own in the place. Raises SiteError for a role that is none of a shared key."""
    if role not in ("operator", "engineer"):
        raise spot.wrong("the key of a board gives orders", "name it under operator or engineer")
    return {"name": "board", "id": "board".ljust(16, "-"), "key": "-" * 64, "kind": "board", "role": role}


def certifiers(rows):
    """[Key] of the rows of trusted() that speak for test centres."""
    return [
        documents.Key(row["name"], row["id"], bytes.fromhex(row["key"]))
        for row in rows
        if "role" not in row and "kind" not in row
    ]


def opened(spot, base, read):
    """read(path named at spot), its errors told at spot."""
    name = spot.text()
    if not name:
        raise spot.wrong("is empty", "give the path of the file, from the folder of site.yaml")
    try:
        return read(os.path.join(base, os.path.expanduser(name)))
    except OSError as error:
        raise spot.wrong(
            "%s: %s" % (name, (error.strerror or str(error)).lower()), "a path is taken from the folder of site.yaml"
        ) from None
    except documents.DocumentError as error:
        raise spot.wrong(error.problem, error.mend) from None


def read(spot, base, keys):
    """(grade values for the settings, {site.yaml key: Inside}, all values) of the certificate named at spot."""
    data = opened(spot, base, documents.load)
    try:
        document, key, values = certificate.read(data, keys)
    except documents.DocumentError as error:
        mend = error.mend
        if error.code == "no_trust":
            mend = "add `trust: [ktr.pub]` at the top of site.yaml, with the test centre's public key"
        raise spot.wrong("%s %s" % (spot.text(), error.problem), mend) from None
    grade = {name: values[name] for name in certificate.FOR_BOARD if name in values}
    grade.update(signer=key.id, hash=document.digest)
    entries = {human_key(field[1]): Inside(spot, field[1], values) for field in certificate.FIELDS}
    found = certificate.date_problem(values, certificate.today_utc())
    if found and found[0] != "clock":
        name = "valid_until" if found[0] == "expired" else "date"
        problem = "expired on %s" % found[1] if found[0] == "expired" else "%s is in the future" % found[1]
        raise Spot.wrong(
            entries[name],
            "%s, by this machine's clock (%s)" % (problem, found[2]),
            "set the clock if it is wrong, else ask %s for a new certificate" % values["body"],
        )
    return grade, entries, values


def refuse_unsigned(entries):
    """Raise SiteError when an inline grade (entries: {key: Spot}) claims what only a signature can give."""
    for name in SIGNED_ONLY:
        if name in entries:
            raise entries[name].wrong("belongs to a signed certificate", "remove it, or name one: certificate: FILE")


def refuse_other(pack, entries, said, inside):
    """Raise SiteError when a certificate is not of this pack. pack, entries: values and Spots of the pack; said,
    inside: values and Spots of the certificate."""
    if pack["serial"] is None:
        mend = "add serial: the serial on the label, as the certificate has it"
        raise entries["certificate"].wrong("the pack has no serial to compare the certificate with", mend)
    for name, what in (("serial", "the serial"), ("chemistry", "the chemistry")):
        if said[name] != pack[name]:
            text = "%s of the certificate is '%s', of the pack '%s' (line %d)"
            raise inside[name].wrong(text % (what, said[name], pack[name], entries[name].line), "")


def refuse_absurd(pack, grade, entries):
    """Raise SiteError when capacity, σ or resistance of a grade cannot be those of the pack: most often a unit.

    pack: its values; grade: values of its grade; entries: {site.yaml key: Spot} of the grade.
    """
    new_mah, mah, std_mah = pack["capacity_mah"], grade["capacity_mah"], grade["capacity_std_mah"]
    mend = "give it in Ah, as measured at the terminals of the whole pack"
    if not CAPACITY_PPM[0] <= mah * 1000000 // new_mah <= CAPACITY_PPM[1]:
        problem = "%s cannot be the capacity of a pack of %s" % (human("_mah", mah), human("_mah", new_mah))
        raise entries["capacity_ah"].wrong(problem, mend)
    if not certificate.STD_PPM[0] <= std_mah * 1000000 // mah <= certificate.STD_PPM[1]:
        problem = "%s is no believable σ of %s (0.1 %% to 20 %%)" % (human("_mah", std_mah), human("_mah", mah))
        raise entries["capacity_std_ah"].wrong(problem, mend)
    uohm = grade.get("resistance_uohm")
    if uohm is not None:
        drop_mv = uohm * mah // 1000000 // pack["cells"]
        if not DROP_MV[0] <= drop_mv <= DROP_MV[1]:
            problem = "%s would be %d mV per cell at 1 C" % (human("_uohm", uohm), drop_mv)
            raise entries["resistance_mohm"].wrong(problem, "give the whole pack's resistance, in mΩ")


def remarks(pack, spot):
    """[(Spot, problem, mend, forbids control)] about the dates of a signed certificate; spot: its line."""
    found = certificate.date_problem(pack["grade"], certificate.today_utc())
    if found:
        mend = "set the clock: expiry and age of the certificate are not known without it"
        return [(spot, certificate.date_text("en", found), mend, False)]
    until = pack["grade"].get("valid_until")
    left = (datetime.date.fromisoformat(until) - certificate.today_utc()).days if until else SOON_DAYS
    if left < SOON_DAYS:
        problem = "the certificate expires on %s; the site does not start after that" % until
        return [(spot, problem, "have the pack graded again", False)]
    return []


def files_of(settings, path):
    """{digest: bytes} of the certificates of the settings that load_site(path) gave: what travels with them.

    Raises SiteError when a file is no longer what was verified.
    """
    base = os.path.dirname(os.path.abspath(path))
    files = {}
    for pack, spot in zip(settings["packs"], parse(path).entries()["packs"].items()):
        digest = pack["grade"].get("hash")
        if digest:
            entry = spot.entries()["certificate"]
            data = opened(entry, base, documents.load)
            if hashlib.sha256(data).hexdigest() != digest:
                raise entry.wrong("%s changed while it was read" % entry.text(), "run it again")
            files[digest] = data
    return files
