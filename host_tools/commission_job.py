# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the steps of a commissioning share: questions and their answers, what was found, what stops a step, and the
progress that survives an interruption."""

import datetime
import hashlib
import json
import os
import sys
import time

import yaml

from edge.shell.started import digest_of
from host_tools import commission_names as names
from host_tools import commission_texts as texts

DONE, ABSENT, SKIPPED = "done", "absent", "skipped"
# Of the settings: what a step proves; grade, contract and uplink may change without a new commissioning.
FIXED = ("version", "device", "period_ms", "late_ms", "lease_ms", "links", "pcs", "meter", "inputs", "outputs")


class StepError(Exception):
    """A step stopped. key: row of commission_texts.PROBLEMS; fill: what its places hold."""

    exit_code = 1

    def __init__(self, key, *fill):
        self.key = key
        self.fill = fill
        super().__init__("%s\n  → %s" % texts.problem("en", key, *fill))


class AnswerError(Exception):
    """The answers file lacks or misuses an answer; names its id."""

    exit_code = 2


class Skip(Exception):
    """The engineer skips this step. args: (reason,)."""


class Absent(Exception):
    """The step cannot be done on this site. args: (reason of site.yaml,)."""


def fixed_of(settings, base):
    """Digest (32 hex digits) of what commissioning proves: devices, wiring, packs with the maker's limits. base: folder
    of site.yaml, from which profiles that are files are named."""
    part = {key: _named(settings.get(key), base) for key in FIXED}
    part["packs"] = [
        _named({key: value for key, value in pack.items() if key not in ("grade", "contract", "cell")}, base)
        for pack in settings["packs"]
    ]
    return digest_of(part)


def _named(device, base):
    """A section whose profile, when it is a file, stands for what the file holds: sign and scale are in there."""
    if not isinstance(device, dict) or not str(device.get("profile")).endswith((".yaml", ".yml")):
        return device
    with open(os.path.join(base, os.path.expanduser(device["profile"])), "rb") as file:
        return dict(device, profile=hashlib.sha256(file.read()).hexdigest())


class Answers:
    """Where answers come from: a file, or a person at the terminal. given: {id: value} or None for a person."""

    def __init__(self, given, lang, skips):
        self.given = given
        self.lang = lang
        self.skips = skips
        self.log = {}

    def ask(self, stem, name=None, *fill):
        """The answer to question stem (of the pack `name`), asked again until it is one. Raises AnswerError."""
        key = stem if name is None else "%s.%s" % (stem, name)
        kind, text = texts.question(self.lang, stem, *((name,) if name is not None else ()), *fill)
        while True:
            raw = self._raw(key, kind, text)
            value = checked(kind, raw)
            if value is not None:
                if kind != "secret":
                    self.log[key] = value
                return value
            if self.given is not None:
                raise AnswerError("answers: %s: '%s' is no answer\n  → %s" % (key, raw, needs(kind)))
            say("  → " + needs(kind))

    def _raw(self, key, kind, text):
        if self.given is not None:
            if key not in self.given:
                raise AnswerError("answers: %s is not answered: %s\n  → add %s: (%s)" % (key, text, key, needs(kind)))
            return self.given[key]
        if kind == "secret":
            import getpass

            return getpass.getpass(text + ": ")
        say(text + ("  " + texts.word(self.lang, "go") if kind == "go" else ""))
        sys.stderr.write("> ")
        sys.stderr.flush()
        return input().strip()

    def go(self, step, stem, *fill):
        """Ask once before the step acts: returns, or raises Skip (with a reason) or StepError for a no."""
        answer = self.ask(stem, None, *fill)
        if answer == "skip":
            raise Skip(self.ask("skip.reason", step) if self.given is not None else self.ask("skip.reason"))
        if answer == "no":
            raise StepError("not_done")


def needs(kind):
    """What an answer of this kind looks like."""
    if kind == "go":
        return "yes, no or skip"
    return {"number": "a number", "text": "a text", "secret": "a text"}.get(kind, kind.replace("|", " or "))


def checked(kind, raw):
    """The value of an answer, or None when it is none of this kind."""
    if kind == "go":
        words = {"y": "yes", "yes": "yes", "true": "yes", "예": "yes", "n": "no", "no": "no", "false": "no"}
        words.update({"s": "skip", "skip": "skip", "아니오": "no"})
        return words.get(str(raw).lower())
    if kind == "number":
        try:
            number = float(raw)
        except (TypeError, ValueError):
            return None
        return number if abs(number) < 1e6 else None
    text = "" if raw is None else str(raw).strip()
    if "|" in kind and text not in kind.split("|"):
        return None
    return text or None


def questions(settings, opening):
    """[(id, step, kind, text en, text ko)] of a site. opening: {pack id: its independent path} of site.yaml."""
    packs = [pack["id"] for pack in settings["packs"]]
    rows = [(stem, "identify", None) for stem in ("who.name", "who.company", "work.order")]
    rows += [("label.serial", "identify", name) for name in packs]
    rows += [("meter.has", "live", None)]
    rows += [(stem, "live", name) for name in packs for stem in ("meter.voltage_v", "meter.current_a")]
    rows += [("go.sign", "sign", None), ("sign.direction", "sign", None), ("ambient_c", "sensors", None)]
    rows += [("go.inputs", "inputs", None), ("go.contactor", "contactor", None)]
    rows += [("contactor.dropped_s", "contactor", pack["id"]) for pack in settings["packs"] if pack.get("contactor")]
    rows += [("go.watchdog", "watchdog", None), ("watchdog.stopped_s", "watchdog", None)]
    rows += [("opening.by", "opening", name) for name in packs if name in opening]
    rows += [("go.identity", "identity", None), ("go.control", "control", None)]
    rows += [("control.passphrase", "control", None)]
    found = []
    for stem, step, name in rows:
        fill = (name or "...", "...", "...")
        texts_of = [texts.question(lang, stem, *fill) for lang in ("en", "ko")]
        key = stem if name is None else "%s.%s" % (stem, name)
        found.append((key, step, texts_of[0][0], texts_of[0][1], texts_of[1][1]))
    steps = sorted({row[1] for row in found}, key=list(texts.STEPS).index)
    kind, english = texts.question("en", "skip.reason")
    korean = texts.question("ko", "skip.reason")[1]
    return found + [("skip.reason.%s" % step, step, kind, english, korean) for step in steps]


def load_answers(path):
    """{id: value} of an answers file. Raises AnswerError."""
    try:
        with open(path, encoding="utf-8") as file:
            given = yaml.safe_load(file)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AnswerError("%s: is not YAML\n  → %s" % (path, str(error).splitlines()[0])) from None
    if not isinstance(given, dict):
        raise AnswerError("%s: needs `id: answer` lines\n  → --list-questions prints the ids" % path)
    return given


def row(what, of, value, unit="", expected=None, tolerance=None, good=True):
    """One thing that was found, for the report. value and expected in unit; tolerance ± in unit."""
    return {
        "what": what,
        "of": of,
        "value": value,
        "unit": unit,
        "expected": expected,
        "tolerance": tolerance,
        "good": good,
    }


def shown(lang, found):
    """A found row as one line."""
    text = "%s %s: %s %s" % (found["of"], names.found(lang, found["what"]), found["value"], found["unit"])
    if found["expected"] is not None:
        margin = "" if found["tolerance"] is None else " ± %s" % found["tolerance"]
        text += "  (%s)" % ("%s%s %s" % (found["expected"], margin, found["unit"])).strip()
    return " ".join(text.split())


def say(text):
    """One line of talk on stderr."""
    print(text, file=sys.stderr, flush=True)


def now_text():
    """The wall clock with its zone."""
    return datetime.datetime.fromtimestamp(time.time()).astimezone().isoformat(timespec="seconds")


class Progress:
    """What was done, in a file that is written after each step. fixed: digest of what the steps prove."""

    def __init__(self, path, fixed):
        self.path = path
        self.changed = False
        self.data = {"fixed": fixed, "steps": {}, "answers": {}}
        try:
            with open(path, encoding="utf-8") as file:
                before = json.load(file)
        except (OSError, ValueError):
            return
        if isinstance(before, dict) and before.get("fixed") == fixed:
            self.data = before
        else:
            self.changed = True

    @property
    def steps(self):
        """{step: {"state", "at", "by", "reason", "found"}}."""
        return self.data["steps"]

    def put(self, name, state, by, found, reason=None):
        """Note the end of a step, durable before the next begins."""
        self.steps[name] = {"state": state, "at": now_text(), "by": by, "reason": reason, "found": found}
        write_json(self.path, self.data)


def write_json(path, data):
    """Write data as JSON, whole or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
