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
from edge.shell import cbor, gateway_tls, signed
from edge.shell.gateway_signed import by_key
from edge.shell.link import topic_root
from host_tools import answers, documents, tls_site
from host_tools import order_texts as texts
from host_tools.certificate_verbs import say
from host_tools.display import pad
from host_tools.places import parse
from host_tools.site import load_site, unknown_key, value_of
from host_tools.texts import LANGUAGES, language
from host_tools.units import human, human_key

SKEW_S = 300  # an order holds from a little before it was signed: clocks differ
WINDOW_S = 86400
UPDATE_S = 600.0  # a board that asks for no piece for so long copies no more
COMMON = (
    ("device", "str", 1, 40, "device that must obey, as in its site.yaml"),
    (
        "counter",
        "int",
        1,
        terms.MAX_COUNTER,
        "above every counter that this key used before; empty: seconds since 1970",
    ),
    ("window_s", "int", 60, 30 * 86400, "the order must arrive within this time after signing"),
    ("pack", "int", 0, 63, "index of the pack, from 0; empty: all packs"),
    ("reason", "str", 1, terms.MAX_REASON, "why; required to acknowledge"),
)
MA = (0, terms.MAX_MA)
# action: (field, kind, lowest, highest, text). Fields of a lease come in threes per direction.
FIELDS = {
    "lease": (
        ("charge_ma", "int", *MA, "most that may be charged"),
        ("charge_lease_s", "int", 1, terms.MAX_LEASE_S, "for how long"),
        ("charge_after_ma", "int", *MA, "what holds afterwards, not above charge_a"),
        ("discharge_ma", "int", *MA, "most that may be discharged"),
        ("discharge_lease_s", "int", 1, terms.MAX_LEASE_S, "for how long"),
        ("discharge_after_ma", "int", *MA, "what holds afterwards, not above discharge_a"),
    ),
    "narrow": (
        ("charge_ma", "int", *MA, "most that may be charged"),
        ("discharge_ma", "int", *MA, "most that may be discharged"),
        ("for_s", "int", 1, terms.MAX_NARROW_S, "for how long, at most 8 h"),
    ),
    "grade": (("certificate", "str", 1, 200, "file of the signed certificate"),),
    "acknowledge": (),
    "mode": (("mode", ("observe", "control"), 0, 0, "observe: nothing flows; control: back to what site.yaml says"),),
    "power": (
        ("power_w", "int", -orders.MAX_W, orders.MAX_W, "wish, + charges; clipped to what may flow"),
        ("valid_s", "int", 1, orders.MAX_POWER_S, "for how long"),
    ),
    "stop": (("stop", "int", 0, 1, "1: nothing may flow until 0 is sent"),),
    "update": (("bundle", "str", 1, 200, "file of the signed bundle (reuse-edge build --key)"),),
}
OPTIONAL = ("counter", "window_s", "pack", "reason", "charge_ma", "charge_lease_s", "charge_after_ma") + (
    "discharge_ma",
    "discharge_lease_s",
    "discharge_after_ma",
)
SIDES = ("charge", "discharge")


def rows_of(action):
    """{key in the draft: row as edge.core.settings.SETTINGS has it} of one action."""
    rows = {}
    for name, kind, low, high, text in COMMON + FIELDS[action]:
        need = None if name in OPTIONAL else REQUIRED
        rows[human_key(name)] = ("order", name, kind, low, high, need, text)
    return rows


def values_of(spot):
    """(action, {field: value}) of a draft. Raises SiteError."""
    entries = spot.entries()
    action = entries["action"].text() if "action" in entries else None
    if action not in FIELDS:
        raise entries.get("action", spot).wrong("is no action", "use one of: %s" % ", ".join(FIELDS))
    rows = rows_of(action)
    values = {}
    for key, entry in entries.items():
        if key != "action":
            if key not in rows:
                raise unknown_key(entry, key, list(rows))
            value = value_of(entry, rows[key])
            if value is not None:
                values[rows[key][1]] = value
    for key, row in rows.items():
        if row[5] == REQUIRED and row[1] not in values:
            raise entries.get(key, spot).wrong("%s is missing" % key, row[6])
    if action == "acknowledge" and "reason" not in values:
        raise spot.wrong("reason is missing", "say who looked at what, and what was done")
    return action, values


def params_of(spot, action, values, base, private):
    """The parameters (edge.core.terms) of an order. Raises SiteError for fields that do not go together."""
    if action == "lease":
        made = {}
        for index, side in enumerate(SIDES):
            row = [values.get(side + end) for end in ("_ma", "_lease_s", "_after_ma")]
            if row != [None] * 3:
                made[index + 1] = row
        if terms.leased(made) is None:
            raise spot.wrong(
                "is no lease", "per direction: a value, how long, and a value for afterwards, not above it"
            )
        return made
    if action == "narrow":
        made = {index + 1: values[side + "_ma"] for index, side in enumerate(SIDES) if side + "_ma" in values}
        if not made:
            raise spot.wrong("narrows nothing", "give charge_a, discharge_a or both")
        return {**made, 3: values["for_s"]}
    if action == "grade":
        return {1: certificate_for(os.path.join(base, values["certificate"]), private)}
    if action == "update":
        return update_of(os.path.join(base, values["bundle"]))
    if action == "power":
        return {1: values["power_w"], 2: values["valid_s"]}
    if action == "mode":
        return {1: int(values["mode"] == "control")}
    return {1: values["stop"]} if action == "stop" else {}


def update_of(path):
    """The parameters of an update with the bundle at path. Raises BundleError, OSError."""
    from host_tools import build

    with open(path, "rb") as file:
        data = file.read()
    manifest = build.parse(path, data)
    if manifest.signer is None:
        raise build.BundleError("%s: is not signed, no board takes it\n  → reuse-edge build --key FILE" % path)
    return {1: hashlib.sha256(manifest.raw).digest(), 2: len(data), 3: int(manifest.head["rollback"])}


def chunks_of(path, data):
    """The host_tools.chunks.Chunks of the bundle at path for the order in data. Raises BundleError, DocumentError."""
    from host_tools.chunks import Chunks

    params, asked = update_of(path), cbor.decode(signed.envelope(data)[signed.K_BODY]).get(terms.K_PARAMS)
    if params != asked:
        from host_tools.build import BundleError

        raise BundleError("%s: is not the bundle that the order names\n  → sign an order for it" % path)
    with open(path, "rb") as file:
        return Chunks(file.read(), params[1])


def certificate_for(path, private):
    """The bytes of a certificate; for a board that knows only its device key, its body signed with that key."""
    data = documents.load(path)
    document = documents.parse(data, documents.CERTIFICATE)
    if isinstance(private, documents.DeviceKey):
        return documents.sign(documents.CERTIFICATE, documents.body_of(document), private)
    return data


def new(options):
    """Write a draft; returns the exit code."""
    lines = ["# Draft of an order: fill it, then reuse-edge order sign %s --key FILE" % options.out]
    lines.append("action: %s" % options.action)
    for key, row in rows_of(options.action).items():
        given = getattr(options, row[1])
        note = row[6] + ("" if row[5] == REQUIRED else " (may be empty)")
        lines.append("%-28s # %s" % ("%s: %s" % (key, "" if given is None else given), note))
    documents.write_new(options.out, ("\n".join(lines) + "\n").encode())
    say("wrote %s" % options.out)
    return 0


def sign(options):
    """Sign a draft; returns the exit code."""
    spot = parse(options.draft)
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
        print(texts.word(lang, "not_verified", found if isinstance(found, str) else "no order"))
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
    data = documents.load(options.file)
    documents.parse_any(data)
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
