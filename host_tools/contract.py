# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""docs/uplink/registry.json and asyncapi.yaml: the uplink contract for machines (written by python -m host_tools.docs).

Keys come from edge.core.registry, units and meanings from host_tools.metrics, the words of a code from the table that
its meaning names.
"""

import importlib
import json
import re

import yaml

from edge.core.records import ALARMS
from edge.core.registry import KEYS
from edge.shell.frames import KEPT_CLASSES
from edge.shell.outbox import MAX_EPOCH, VERSION
from host_tools.metrics import GAP_REASONS, METRICS

TABLE = re.compile(r" ?\((edge\.core\.\w+\.[A-Z_]+)\)")
INSIDE = re.compile(r" ?\(edge\.[\w.]+\)")  # where it stands in our code: nothing that a backend needs
CLOCKS = ("none", "floor", "RTC", "NTP", "signed")
CLASSES = {
    "E": "event: at once",
    "X": "black box: the samples of a minute before and after a trip",
    "B": "registers: every 15 min and at the stop; cumulative, so that a lost one loses no energy",
    "M": "one minute of the wall clock: mean, lowest, highest",
    "T": "telemetry: every 10 s",
    "I": "identity: at the start, on change, once a day",
}
# key: (name, lowest, highest, must be there, meaning). Lowest None: no integer.
ENVELOPE = {
    0: ("version", VERSION, VERSION, True, "of this contract"),
    1: ("epoch", 0, MAX_EPOCH, True, "random, new at every start of the controller"),
    2: ("seq", 1, (1 << 63) - 1, True, "number within the epoch, from 1, without holes"),
    3: ("boot", 0, (1 << 63) - 1, True, "count of starts: the order of the epochs"),
    4: ("mono_ms", -(1 << 63), (1 << 63) - 1, True, "monotonic ms of that start"),
    5: ("wall_ms", -(1 << 63), (1 << 63) - 1, False, "ms since 1970 (UTC); absent: not known"),
    6: ("clock_quality", 0, 255, True, "of wall_ms: " + ", ".join("%d %s" % row for row in enumerate(CLOCKS))),
    7: ("class", 0, 127, True, "code of the letter of the record class"),
    8: ("pack", -1, 65535, True, "index of the pack, -1: the site"),
    9: ("body", None, None, True, "{metric key: value}"),
}
TEXTS = ("text", "hash", "hash, text")
LISTS = ("list", "numbers", "codes", "codes, mA", "codes, counts")


def table_of(meaning):
    """(name, words) of the table of codes that a meaning refers to, or None. words: index = code."""
    found = TABLE.search(meaning)
    if not found:
        return None
    module, _, name = found[1].rpartition(".")
    words = getattr(importlib.import_module(module), name)
    return "%s.%s" % (module.rpartition(".")[2], name), [row if isinstance(row, str) else row[0] for row in words]


def kind_of(unit):
    """JSON type of a metric's value by its unit. Bytes are an object, see docs/UPLINK.md."""
    if unit == "bytes":
        return "object"
    return "string" if unit in TEXTS else "array" if unit in LISTS else "integer"


def registry():
    """The registry as a dict of plain values."""
    metrics, codes = [], {"alarms": list(ALARMS), "gap_reason": list(GAP_REASONS)}
    for name, key in KEYS.items():
        unit, classes, meaning = METRICS[name]
        row = {"key": key, "name": name, "unit": unit, "type": kind_of(unit), "classes": classes}
        row["meaning"] = INSIDE.sub("", meaning)
        table = table_of(meaning)
        if name in codes:
            row["codes"] = name
        elif table:
            row["codes"] = table[0]
            codes[table[0]] = table[1]
        metrics.append(row)
    envelope = [
        {"key": key, "name": name, "lowest": low, "highest": high, "required": required, "meaning": meaning}
        for key, (name, low, high, required, meaning) in ENVELOPE.items()
    ]
    classes = [
        {"class": letter, "code": ord(letter), "meaning": meaning, "kept": letter in KEPT_CLASSES}
        for letter, meaning in CLASSES.items()
    ]
    return {"version": VERSION, "classes": classes, "envelope": envelope, "metrics": metrics, "codes": codes}


def registry_text():
    """The whole text of docs/uplink/registry.json: one line per row."""
    parts = []
    for name, value in registry().items():
        if isinstance(value, list):
            text = "[\n%s\n ]" % ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in value)
        elif isinstance(value, dict):
            rows = ["  %s: %s" % (json.dumps(key), json.dumps(row, ensure_ascii=False)) for key, row in value.items()]
            text = "{\n%s\n }" % ",\n".join(rows)
        else:
            text = json.dumps(value)
        parts.append(" %s: %s" % (json.dumps(name), text))
    return "{\n%s\n}\n" % ",\n".join(parts)


def _ref(*path):
    return {"$ref": "#/" + "/".join(path)}


# Last part of the topic: (message, action of the device, retained, what it is)
TOPICS = {
    "rec": ("record", "send", False, "one record"),
    "ack": ("acknowledgement", "receive", True, "the receiver has committed all up to a number"),
    "ord": ("order", "receive", False, "a signed order; a retained one is refused"),
    "rsp": ("reply", "send", False, "what became of an order"),
    "status": ("status", "send", True, "online, or offline as the last will"),
}
# message: (content type, title)
MESSAGES = {
    "record": ("application/cbor", "The envelope with one record"),
    "acknowledgement": ("application/cbor", "Cumulative, sent after the commit"),
    "order": ("application/cbor", "A signed document of type 3, see docs/ORDERS.md"),
    "reply": ("application/cbor", "Verdict on an order, with the reason"),
    "status": ("text/plain", "State of the connection"),
}


def asyncapi():
    """The AsyncAPI 3.0 document as a dict of plain values, written from the device's side."""
    channels, operations = {}, {}
    for last, (message, action, retained, what) in TOPICS.items():
        channels[last] = {
            "address": "bess/v1/{org}/{site}/{device}/" + last,
            "description": what,
            "messages": {message: _ref("components", "messages", message)},
            "parameters": {name: _ref("components", "parameters", name) for name in ("org", "site", "device")},
        }
        operations[action + message.capitalize()] = {
            "action": action,
            "channel": _ref("channels", last),
            "messages": [_ref("channels", last, "messages", message)],
            "bindings": {"mqtt": {"qos": 1, "retain": retained, "bindingVersion": "0.2.0"}},
        }
    about = "Keys of CBOR maps are integers; here, as in the JSON form, they are their digits. See docs/UPLINK.md."
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "reuse-edge uplink",
            "version": "%d.0.0" % VERSION,
            "description": about,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cbor",
        "channels": channels,
        "operations": operations,
        "components": {
            "parameters": {
                "org": {"description": "operator, org in site.yaml"},
                "site": {"description": "name of the site"},
                "device": {"description": "name of the controller"},
            },
            "messages": {
                name: {"contentType": kind, "title": title, "payload": _ref("components", "schemas", name)}
                for name, (kind, title) in MESSAGES.items()
            },
            "schemas": _schemas(),
        },
    }


def _schemas():
    envelope = {}
    for key, (name, low, high, _, meaning) in ENVELOPE.items():
        envelope[str(key)] = {"title": name, "description": meaning, "type": "integer", "minimum": low, "maximum": high}
    envelope["7"] = {"title": "class", "description": ENVELOPE[7][4], "enum": [ord(letter) for letter in CLASSES]}
    envelope["9"] = _ref("components", "schemas", "body")
    needed = [str(key) for key, row in ENVELOPE.items() if row[3]]
    number = {"type": "integer", "minimum": 0}
    acknowledgement = {
        "1": {"title": "epoch", **number},
        "2": {"title": "upto", "description": "all up to this number arrived or were declared lost", **number},
        "3": {"title": "at_ms", "description": "when the receiver made it; only grows", **number},
        "4": {"title": "credit", "description": "records that may be on the way at once", **number},
        "5": {"title": "mac", "description": "HMAC-SHA256, first 16 bytes", "type": "object"},
    }
    return {
        "record": {"type": "object", "required": needed, "properties": envelope},
        "body": {"type": "object", "properties": {str(row["key"]): _metric(row) for row in registry()["metrics"]}},
        "acknowledgement": {"type": "object", "required": ["1", "2"], "properties": acknowledgement},
        "order": {"type": "object", "required": ["1", "2", "3", "4", "5"]},
        "reply": {
            "type": "object",
            "required": ["0", "4", "6", "8", "9"],
            "properties": {key: envelope[key] for key in ("0", "4", "5", "6", "8", "9")},
        },
        "status": {"type": "string", "enum": ["online", "offline"]},
    }


def _metric(row):
    made = {"title": row["name"], "description": "%s [%s]" % (row["meaning"], row["unit"]), "type": row["type"]}
    return {**made, "x-classes": row["classes"]}


def asyncapi_text():
    """The whole text of docs/uplink/asyncapi.yaml."""
    head = "# Made by `python -m host_tools.docs` from edge/core/registry.py and host_tools/metrics.py; do not edit.\n"
    return head + yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120)
