# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge order new|sign|show|send`: what may be asked of a controller from outside, signed.

`new` writes a draft (YAML, in A, W, s), `sign` makes the signed order of it, `show` says whether it is genuine
and what it asks for, `send` gives it to the broker of a site.yaml. The device judges it (edge.core.orders).
"""

import argparse
import datetime
import getpass
import hashlib
import os
import ssl
import time

from edge.core import orders, terms
from edge.core.settings import REQUIRED
from edge.shell import gateway_tls, signed
from edge.shell.gateway_signed import by_key
from edge.shell.link import topic_root
from host_tools import answers, documents, tls_site
from host_tools import order_texts as texts
from host_tools.certificate_verbs import say
from host_tools.display import pad
from host_tools.order_draft import (
    FIELDS,
    SIDES,
    chunks_of,
    draft_in,
    params_of,
    rows_of,
    values_of,
)
from host_tools.places import parse
from host_tools.site import load_site
from host_tools.texts import LANGUAGES, language
from host_tools.units import human

SKEW_S = 300  # an order holds from a little before it was signed: clocks differ
WINDOW_S = 86400
UPDATE_S = 600.0  # a board that asks for no piece for so long copies no more


class OptionError(Exception):
    """Options that do not go together, or a file of them that cannot be used."""

    exit_code = 2


def order_in(path):
    """The bytes of an order file. Raises DocumentError that names it when it holds none, OSError."""
    data = documents.load(path)
    parts = signed.envelope(data)
    if isinstance(parts, str):
        raise documents.DocumentError("damaged", parts, file=path)
    kind = parts[signed.K_TYPE]
    if kind != documents.ORDER:
        raise documents.DocumentError("type", documents.TYPES.get(kind, kind), "order", file=path)
    return data


def new(options):
    """Write a draft; returns the exit code. Raises OptionError for an option of another action."""
    rows = rows_of(options.action)
    for action in FIELDS:
        for key, row in rows_of(action).items():
            if key not in rows and getattr(options, row[1]) is not None:
                belongs = ", ".join("--" + each.replace("_", "-") for each in rows)
                raise OptionError(
                    "--%s does not belong to '%s'\n  → it takes: %s" % (key.replace("_", "-"), options.action, belongs)
                )
    lines = ["# Draft of an order: fill it, then reuse-edge order sign %s --key FILE" % options.out]
    lines.append("action: %s" % options.action)
    for key, row in rows.items():
        given = getattr(options, row[1])
        note = row[6] + ("" if row[5] == REQUIRED else " (may be empty)")
        lines.append("%-28s # %s" % ("%s: %s" % (key, "" if given is None else given), note))
    documents.write_new(options.out, ("\n".join(lines) + "\n").encode())
    say("wrote %s" % options.out)
    return 0


def sign(options):
    """Sign a draft; returns the exit code."""
    spot = draft_in(options.draft)
    action, values = values_of(spot)
    private = documents.load_signing(options.key, lambda: getpass.getpass("passphrase of %s: " % options.key))
    now_s = int(time.time())
    body = {
        terms.K_DEVICE: values["device"],
        terms.K_COUNTER: values.get("counter", now_s),
        terms.K_NOT_BEFORE: now_s - SKEW_S,
        terms.K_EXPIRES: now_s + values.get("window_s", WINDOW_S),
        terms.K_ACTION: terms.ACTIONS.index(action),
        terms.K_PARAMS: params_of(spot, action, values, os.path.dirname(options.draft), private),
    }
    for key, name in ((terms.K_PACK, "pack"), (terms.K_REASON, "reason")):
        if name in values:
            body[key] = values[name]
    data = documents.sign(documents.ORDER, body, private)
    key = documents.public_of(private, os.path.splitext(os.path.basename(options.key))[0])
    out = options.out or os.path.splitext(options.draft)[0] + ".order"
    documents.write_new(out, data)
    lang = language(options.lang)
    say("\n".join(lines(body, lang)))
    say(texts.word(lang, "signed", key.name, key.id, len(data), hashlib.sha256(data).hexdigest()))
    print(out)
    return 0


def lines(body, lang):
    """The fields of an order as lines of two columns."""
    day = datetime.datetime.fromtimestamp
    times = [day(body[key], datetime.UTC).isoformat() for key in (terms.K_NOT_BEFORE, terms.K_EXPIRES)]
    action = terms.ACTIONS[body[terms.K_ACTION]]
    shown = [("action", action), ("device", body[terms.K_DEVICE]), ("counter", str(body[terms.K_COUNTER]))]
    shown += [("not_before", times[0]), ("expires", times[1])]
    for key, name in ((terms.K_PACK, "pack"), (terms.K_REASON, "reason")):
        if key in body:
            shown.append((name, str(body[key])))
    params = body[terms.K_PARAMS]
    if action == "lease":
        for index, side in enumerate(SIDES):
            names = [side + end for end in ("_ma", "_lease_s", "_after_ma")]
            shown += [(name, human(name, value)) for name, value in zip(names, params.get(index + 1, ()))]
    elif action == "narrow":
        names = {1: "charge_ma", 2: "discharge_ma", 3: "for_s"}
        shown += [(names[key], human(names[key], params[key])) for key in sorted(params)]
    elif action == "grade":
        shown.append(("certificate", hashlib.sha256(params[1]).hexdigest()))
    elif action == "mode":
        shown.append(("mode", ("observe", "control")[params[1]]))
    elif action == "power":
        shown += [("power_w", human("power_w", params[1])), ("valid_s", human("valid_s", params[2]))]
    elif action == "update":
        shown += [("bundle", params[1].hex()), ("bytes", "%d" % params[2]), ("rollback", "%d" % params[3])]
    elif action == "stop":
        shown.append(("stop", str(params[1])))
    return ["  %s %s" % (pad(texts.field(lang, name), 26), value) for name, value in shown]


def show(options):
    """Say whether an order is genuine and what it asks for; returns 0, or 1 when it would not be obeyed."""
    lang = language(options.lang)
    rows = [documents.trust_row(*each.rpartition("=")[::2]) for each in options.trust or ()]
    found = signed.verifier(rows, by_key)(documents.load(options.file))
    if isinstance(found, str) or found[2] != documents.ORDER or not terms.is_order(found[3]):
        why = found if isinstance(found, str) else texts.word(lang, "no_order")
        mend = "trust_it" if why.endswith("is not trusted") else "get_again"
        print(texts.word(lang, "not_verified", options.file, why, texts.word(lang, mend)))
        return 1
    role, key, _, body, digest = found
    name = next(row["name"] for row in rows if row["id"] == key)
    print(texts.word(lang, "verified", name, key, role))
    print(texts.word(lang, "says"))
    print("\n".join(lines(body, lang)))
    print("  SHA-256 %s" % digest)
    well = True
    if body[terms.K_ACTION] not in orders.ROLES[role]:
        print(texts.word(lang, "may_not"))
        well = False
    if body[terms.K_EXPIRES] < time.time():
        print(texts.word(lang, "expired", datetime.datetime.fromtimestamp(body[terms.K_EXPIRES], datetime.UTC)))
        well = False
    return 0 if well else 1


def send(options):
    """Give an order to a device through its broker and say what it replies; returns 0 when it is taken, 1 when it is
    refused, 3 when the broker or the device does not answer."""
    data = order_in(options.file)
    settings = load_site(options.site)
    place = settings["uplink"]
    if not place:
        raise parse(options.site).wrong("has no uplink", "an order travels through the broker that uplink: names")
    host, port = options.host or place["host"], options.port or place["port"]
    lang, device = language(options.lang), settings["device"]
    replies = []
    chunks = chunks_of(options.bundle, data) if options.bundle else None
    wait_s = options.wait if chunks is None else max(options.wait, UPDATE_S)
    try:
        tls = tls_site.context_of(options)
        for reply in answers.exchange(host, port, topic_root(settings), data, wait_s, tls, chunks):
            replies.append(reply)
            say(texts.reply(lang, device, reply))
    except ssl.SSLError as error:
        say("%s:%d: %s" % (host, port, gateway_tls.why(error)))
        return 3
    except OSError as error:  # TimeoutError is one
        say("cannot reach the broker %s:%d: %s" % (host, port, error))
        without = place.get("ca") and not options.ca
        say(
            "  → it speaks TLS: give --ca, --certificate and --private-key"
            if without
            else "  → --host and --port name it"
        )
        return 3
    if not replies:
        say(texts.word(lang, "no_reply" if options.wait else "sent", device))
        return 3 if options.wait else 0
    return 0 if replies[-1].verdict in (orders.V_DONE, orders.V_WAITS, orders.V_FETCHING, orders.V_READY) else 1


def parser():
    """The options of `order`."""
    top = argparse.ArgumentParser("reuse-edge order", description="what is asked of a controller from outside, signed")
    verbs = top.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("new", help="write a draft")
    verb.add_argument("action", choices=list(FIELDS), help="what is asked for")
    verb.add_argument("--out", default="order.yaml", help="the draft (default: order.yaml)")
    known = {}
    for action in FIELDS:
        known.update({row[1]: (key, row[6]) for key, row in rows_of(action).items()})
    for name, (key, text) in known.items():
        verb.add_argument("--" + key.replace("_", "-"), dest=name, metavar="X", help=text)
    verb.set_defaults(function=new)
    verb = verbs.add_parser("sign", help="sign a draft")
    verb.add_argument("draft", help="the YAML of `order new`")
    verb.add_argument("--key", required=True, metavar="FILE", help="private key (.key), or a device key (.mac)")
    verb.add_argument("--out", metavar="FILE", help="the order (default: the draft's name with .order)")
    verb.add_argument("--lang", choices=LANGUAGES, help="language of the words (default: from LANG)")
    verb.set_defaults(function=sign)
    verb = verbs.add_parser("show", help="is it genuine, and what does it ask for")
    verb.add_argument("file", help="the order")
    verb.add_argument("--trust", action="append", metavar="ROLE=PUB", help="key that you trust; may be repeated")
    verb.add_argument("--lang", choices=LANGUAGES, help="language of the words (default: from LANG)")
    verb.set_defaults(function=show)
    verb = verbs.add_parser("send", help="give it to the broker of a site")
    verb.add_argument("file", help="the order")
    verb.add_argument("--site", required=True, help="site.yaml of the device: broker and names")
    verb.add_argument("--bundle", metavar="FILE", help="of an update: send what the device asks for, until it is taken")
    verb.add_argument("--host", help="another broker than site.yaml names")
    verb.add_argument("--port", type=int, help="its port")
    tls_site.add_options(verb)
    verb.add_argument("--wait", type=float, default=10.0, help="seconds to wait for the device's reply (10); 0: none")
    verb.add_argument("--lang", choices=LANGUAGES, help="language of the words (default: from LANG)")
    verb.set_defaults(function=send)
    return top


def main(argv):
    """`reuse-edge order ...`. Returns 0; 1 for an order that is not or would not be obeyed; 3 without an answer."""
    options = parser().parse_args(argv)
    return options.function(options)
