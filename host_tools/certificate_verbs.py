# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge certificate new|sign|show` and `reuse-edge key new`: what a test centre and its readers do.

`new` writes a draft (YAML, in Ah, A, V, °C, mΩ) that a person reads over, `sign` makes the signed document of
it, `show` says in plain words whether it is genuine and what it says.
"""

import argparse
import getpass
import json
import os
import sys

import yaml

from edge.core import settings as core
from host_tools import certificate, documents
from host_tools import certificate_texts as texts
from host_tools.places import SiteError, Spot, parse
from host_tools.site import unknown_key, value_of
from host_tools.texts import LANGUAGES, language
from host_tools.units import human_key, unit_of

HEAD = """# Draft of a certificate: read it over, fill what is empty, then
#   reuse-edge certificate sign {name} --key CENTRE.key
"""


def say(text):
    """One line of talk on stderr."""
    print(text, file=sys.stderr, flush=True)


# ---- new ---------------------------------------------------------------------------------------------


def values_of(spot, complete=True):
    """values {name: value} of a draft. complete: a missing required field is refused. Raises SiteError."""
    entries = spot.entries()
    rows = {human_key(field[1]): certificate.row_of(field) for field in certificate.FIELDS}
    values = {}
    for key, entry in entries.items():
        if key not in rows:
            raise unknown_key(entry, key, list(rows))
        value = value_of(entry, rows[key])
        if value is not None:
            values[rows[key][1]] = value
    missing = [key for key, row in rows.items() if row[5] == core.REQUIRED and row[1] not in values]
    if missing and not complete:
        return values, missing
    for key in missing:
        raise entries.get(key, spot).wrong("%s is missing" % key, "add %s: %s" % (key, rows[key][6]))
    for name, problem in certificate.problems(values):
        key = human_key(name)
        raise entries.get(key, spot).wrong(problem, "%s: %s" % (key, rows[key][6]))
    return values, []


def draft(given, name):
    """The text of a draft. given: {key of the draft: text as a person writes it}."""
    rows = [HEAD.format(name=name)]
    for field in certificate.FIELDS:
        key, text = human_key(field[1]), given.get(human_key(field[1]))
        number = unit_of(field[1])[2] or field[2] == "count"
        value = "" if text is None else text if number else json.dumps(text, ensure_ascii=False)
        note = field[6] + ("" if field[5] else " (optional)")
        rows.append("%-32s # %s\n" % (("%s: %s" % (key, value)).rstrip(), note))
    return "".join(rows)


def spot_of(text, name):
    """The Spot of a draft's text that is not a file yet. Raises SiteError."""
    try:
        return Spot(name, yaml.compose(text, Loader=yaml.SafeLoader), "")
    except yaml.YAMLError:
        raise SiteError(name, None, "", "a value holds signs that YAML does not take", "write it simpler") from None


def ask(given, name):
    """Ask for every required field that given lacks, until each is right."""
    for field in certificate.FIELDS:
        key = human_key(field[1])
        while field[5] and key not in given:
            sign = unit_of(field[1])[2]
            say("%s%s: %s" % (key, " in " + sign if sign else "", field[6]))
            answer = input("> ").strip()
            try:
                values_of(spot_of(draft({key: answer}, name), name), complete=False)
            except SiteError as error:
                say("%s\n  → %s" % (error.problem, error.mend))
                continue
            if answer:
                given[key] = answer


def new(options):
    """Write a draft; returns the exit code."""
    given = {}
    if options.source:
        for key, spot in parse(options.source).entries().items():
            if spot.text() is not None:
                given[key] = spot.text()
        values_of(parse(options.source), complete=False)
    for field in certificate.FIELDS:
        text = getattr(options, field[1])
        if text is not None:
            given[human_key(field[1])] = text
    if sys.stdin.isatty() and not options.source:
        ask(given, options.out)
    text = draft(given, options.out)
    _, missing = values_of(spot_of(text, os.path.basename(options.out)), complete=False)
    documents.write_new(options.out, text.encode())
    say("wrote %s" % options.out)
    if missing:
        say("  → still to fill: %s" % ", ".join(missing))
    return 0


# ---- sign, show, keys --------------------------------------------------------------------------------


def sign(options):
    """Sign a draft; returns the exit code."""
    values, _ = values_of(parse(options.draft))
    found = certificate.date_problem(values, certificate.today_utc())
    if found and found[0] != "clock":
        mend = "correct the draft, or set the clock"
        raise SiteError(options.draft, None, "", certificate.date_text("en", found), mend)
    private = documents.load_private(options.key, lambda: getpass.getpass("passphrase of %s: " % options.key))
    data = documents.sign(documents.CERTIFICATE, certificate.encode(values), private)
    key = documents.public_of(private, os.path.splitext(os.path.basename(options.key))[0])
    document, _, read = certificate.read(data, [key])
    if read != values:
        raise SiteError(options.draft, None, "", "reads back differently", "write its texts without special signs")
    out = options.out or os.path.splitext(options.draft)[0] + ".cert"
    documents.write_new(out, data)
    say("\n".join(certificate.lines(values, language(options.lang))))
    say("signed by key %s (%s), %d bytes, SHA-256 %s" % (key.name, key.id, len(data), document.digest))
    print(out)
    return 0


def examine(data, keys):
    """(answer as a dict, DocumentError or None, date problem or None) of the bytes of a certificate."""
    error, key = None, None
    try:
        document, key, values = certificate.read(data, keys)
    except documents.DocumentError as refusal:
        error = refusal
        document, values = None, {}
        try:
            document = documents.parse(data, documents.CERTIFICATE)
            values = certificate.decode(documents.body_of(document))
        except documents.DocumentError:
            pass
    found = certificate.date_problem(values, certificate.today_utc()) if values else None
    answer = {
        "verified": error is None,
        "valid": error is None and (found is None or found[0] == "clock"),
        "key": key and key.name,
        "key_id": document and document.key_id,
        "sha256": document and document.digest,
        "problem": error.problem if error else certificate.date_text("en", found) if found else None,
        "says": values,
    }
    return answer, error, found


def show(options):
    """Say whether a certificate is genuine and what it says; returns 0, or 1 when it is not to be believed."""
    keys = [documents.load_public(path) for path in options.trust or ()]
    answer, error, found = examine(documents.load(options.file), keys)
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0 if answer["valid"] else 1
    lang = language(options.lang)
    if error is None:
        print(texts.word(lang, "verified", answer["key"], answer["key_id"]))
    else:
        problem, mend = texts.problem(lang, error.code, error.detail)
        print("%s\n  → %s" % (texts.word(lang, "not_verified", os.path.basename(options.file), problem), mend))
    if found:
        print(certificate.date_text(lang, found))
    if answer["says"]:
        print(texts.word(lang, "says" if error is None else "claims"))
        print("\n".join(certificate.lines(answer["says"], lang)))
    if answer["sha256"]:
        print("  SHA-256 %s" % answer["sha256"])
    return 0 if answer["valid"] else 1


def new_key(options):
    """Make a key pair, or the secret that a board and its people share; returns the exit code."""
    line = "[%s.%s]" % (os.path.basename(options.name), "mac" if options.device else "pub")
    line = line if options.role == core.TRUST_ROLES[0] else "{%s: %s}" % (options.role, line)
    if options.device:
        key = documents.new_device_key(options.name)
        say("%s.mac  a secret of one device: sign with it, and keep it off every other site" % options.name)
        say("site.yaml of that device:  trust: %s" % line)
    else:
        key = documents.new_key(options.name)
        say(
            "%s.key  the private key: who has it signs in your name; keep it off every site and in a safe"
            % options.name
        )
        say("%s.pub  the public key: give it to the sites (trust: %s)" % (options.name, line))
    print(key.id)
    return 0


def parser():
    """The options of `certificate`."""
    top = argparse.ArgumentParser("reuse-edge certificate", description="a test centre's signed statement of one pack")
    verbs = top.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("new", help="write a draft", description="Write a draft; on a terminal, ask for the rest.")
    verb.add_argument("--from", dest="source", metavar="YAML", help="take fields from this file")
    verb.add_argument("--out", default="certificate.yaml", help="the draft (default: certificate.yaml)")
    for field in certificate.FIELDS:
        key = human_key(field[1])
        verb.add_argument("--" + key.replace("_", "-"), "--" + key, dest=field[1], metavar="X", help=field[6])
    verb.set_defaults(function=new)
    verb = verbs.add_parser("sign", help="sign a draft")
    verb.add_argument("draft", help="the YAML of `certificate new`")
    verb.add_argument("--key", required=True, metavar="FILE", help="private key (PEM, Ed25519)")
    verb.add_argument("--out", metavar="FILE", help="the certificate (default: the draft's name with .cert)")
    verb.set_defaults(function=sign)
    verb.add_argument("--lang", choices=LANGUAGES, help="language of the words (default: from LANG)")
    verb = verbs.add_parser("show", help="is it genuine, and what does it say")
    verb.add_argument("file", help="the certificate")
    verb.add_argument("--trust", action="append", metavar="PUB", help="public key that you trust; may be repeated")
    verb.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    verb.add_argument("--lang", choices=LANGUAGES, help="language of the words (default: from LANG)")
    verb.set_defaults(function=show)
    return top


def main(argv):
    """`reuse-edge certificate ...`. Returns 0, or 1 when a certificate shown is not to be believed."""
    options = parser().parse_args(argv)
    return options.function(options)


def key_main(argv):
    """`reuse-edge key new NAME`. Returns 0."""
    top = argparse.ArgumentParser("reuse-edge key", description="keys that sign certificates and orders")
    verbs = top.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("new", help="make a key pair: NAME.key (mode 0600) and NAME.pub")
    verb.add_argument("name", help="name of the key, or its path without the ending")
    verb.add_argument("--role", choices=core.TRUST_ROLES, default="grade", help="what it will be trusted for")
    verb.add_argument("--device", action="store_true", help="NAME.mac instead: the secret of one board (HMAC)")
    options = top.parse_args(argv)
    del verb
    return new_key(options)
