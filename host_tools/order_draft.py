# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The draft of an order: its keys, what each may hold, and the parameters that are made of it."""

import hashlib
import os

from edge.core import orders, terms
from edge.core.settings import REQUIRED
from edge.shell import cbor, signed
from host_tools import documents
from host_tools.places import SiteError, parse
from host_tools.site import unknown_key, value_of
from host_tools.units import human_key

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
DRAFT = "name the draft that `reuse-edge order new ACTION` wrote"


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
            raise wrong_at(spot, key, "%s is missing" % key, row[6])
    if action == "acknowledge" and "reason" not in values:
        raise wrong_at(spot, "reason", "reason is missing", "say who looked at what, and what was done")
    return action, values


def wrong_at(spot, key, problem, mend):
    """The SiteError for a key of a draft: with its line when it stands there, without a line when it does not."""
    entry = spot.entries().get(key)
    return SiteError(spot.file, None, key, problem, mend) if entry is None else entry.wrong(problem, mend)


def lease_of(spot, values):
    """The parameters of a lease. Raises SiteError that names the key."""
    mend = "per direction: a value, how long, and a value for afterwards, not above it"
    made = {}
    for index, side in enumerate(SIDES):
        names = [side + end for end in ("_ma", "_lease_s", "_after_ma")]
        row = [values.get(name) for name in names]
        if row == [None] * 3:
            continue
        for name in names:
            if name not in values:
                raise wrong_at(spot, human_key(name), "is no lease: %s is missing" % human_key(name), mend)
        if row[2] > row[0]:
            problem = "is no lease: it is above %s" % human_key(names[0])
            raise wrong_at(spot, human_key(names[2]), problem, mend)
        made[index + 1] = row
    if not made:
        raise wrong_at(spot, "charge_a", "is no lease: neither charge_a nor discharge_a is given", mend)
    return made


def params_of(spot, action, values, base, private):
    """The parameters (edge.core.terms) of an order. Raises SiteError for fields that do not go together."""
    if action == "lease":
        return lease_of(spot, values)
    if action == "narrow":
        made = {index + 1: values[side + "_ma"] for index, side in enumerate(SIDES) if side + "_ma" in values}
        if not made:
            raise wrong_at(spot, "charge_a", "narrows nothing", "give charge_a, discharge_a or both")
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
    try:
        document = documents.parse(data, documents.CERTIFICATE)
        if isinstance(private, documents.DeviceKey):
            return documents.sign(documents.CERTIFICATE, documents.body_of(document), private)
    except documents.DocumentError as error:
        raise documents.DocumentError(error.code, *error.detail, file=path) from None
    return data


def draft_in(path):
    """The Spot of a draft. Raises SiteError."""
    return parse(path, DRAFT, DRAFT)
