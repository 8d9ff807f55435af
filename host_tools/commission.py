# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge commission [PORT|HOST] site.yaml`: from a wired rack to signed control, step by step, with a report.

Each step says what it found, asks once before it acts, proves what it did by reading back, and is noted as soon as it
is done: whatever interrupts it, the next start goes on behind the last finished step. The site stays in observe until
the last step.
"""

import argparse
import hashlib
import json
import os
import shlex

from host_tools import commission_envelope as envelopes
from host_tools import commission_identity, commission_reads, commission_report, commission_trial, documents
from host_tools import commission_names as names
from host_tools import commission_texts as texts
from host_tools.commission_job import (
    ABSENT,
    DONE,
    SKIPPED,
    Absent,
    AnswerError,
    Answers,
    Progress,
    Skip,
    StepError,
    fixed_of,
    load_answers,
    now_text,
    questions,
    say,
    shown,
)
from host_tools.commission_live import absolute, open_target
from host_tools.places import SiteError
from host_tools.site import load_site, read_site, tables_of
from host_tools.texts import LANGUAGES, language

# (name, function, must be done or absent before control)
STEPS = (
    ("identify", commission_reads.identify, True),
    ("live", commission_reads.live, False),
    ("cells", commission_reads.cells, True),
    ("sign", commission_trial.sign, True),
    ("sensors", commission_reads.sensors, True),
    ("inputs", commission_reads.inputs, True),
    ("contactor", commission_trial.contactor, True),
    ("watchdog", commission_trial.watchdog, True),
    ("opening", commission_trial.opening, True),
    ("identity", commission_identity.identity, False),
)
NAMES = tuple(row[0] for row in STEPS)
MUST = tuple(row[0] for row in STEPS if row[2])


class Job:
    """One commissioning: what its steps need. options: of the command line."""

    def __init__(self, options):
        self.path = options.site
        self.base = os.path.dirname(os.path.abspath(options.site))
        self.lang = language(options.lang)
        self.wait_s = options.wait
        self.key = options.key
        self.hand_over = options.hand_over
        self.settings, entries = read_site(options.site)
        self.settings = absolute(self.settings, self.base)
        self.load = tables_of(self.settings, options.site).__getitem__
        self.opening = opening_of(self.settings, entries)
        self.folder = options.folder or os.path.join(self.base, "commission")
        self.answers = None
        self.progress = None
        self.live = None

    def open(self, options):
        """Reach the controller and take up the progress."""
        os.makedirs(self.folder, exist_ok=True)
        given = load_answers(options.answers) if options.answers else None
        self.answers = Answers(given, self.lang, dict(options.skip))
        self.progress = Progress(os.path.join(self.folder, "progress.json"), fixed_of(self.settings, self.base))
        if self.progress.changed:
            say(texts.word(self.lang, "changed"))
        self.live = open_target(options.target, self.settings, os.path.join(self.folder, "run"))

    def person(self):
        """Who answers."""
        return self.progress.data["answers"].get("who.name", "–")


def opening_of(settings, entries):
    """{pack id: the opening path that site.yaml names}."""
    found = {}
    for pack, spot in zip(settings["packs"], entries["packs"].items(), strict=True):
        path = spot.entries().get("opening_path")
        if path is not None and path.text():
            found[pack["id"]] = path.text()
    return found


# ---- steps ------------------------------------------------------------------------------------------------


def do(job, name, function):
    """Do one step and note how it ended. Raises StepError, which leaves it open."""
    say("%s (%s)" % (texts.step(job.lang, name), name))
    state, found, reason = DONE, [], None
    try:
        if name in job.answers.skips:
            raise Skip(job.answers.skips[name])
        found = function(job)
    except Absent as absent:
        state, reason = ABSENT, str(absent)
        say("  " + texts.word(job.lang, "absent", names.reason(job.lang, reason)))
    except Skip as skip:
        state, reason = SKIPPED, str(skip)
    except StepError as error:
        what, mend = texts.problem(job.lang, error.key, *error.fill)
        job.progress.steps.pop(name, None)
        say("%s\n  → %s" % (texts.word(job.lang, "stops", name, what), mend))
        raise
    job.progress.data["answers"].update(job.answers.log)
    if state == SKIPPED:
        say("  " + texts.word(job.lang, "skipped", job.person(), names.reason(job.lang, reason)))
    for row in found:
        say("  " + shown(job.lang, row))
    job.progress.put(name, state, job.person(), found, reason)


def in_order(settings):
    """[(name, function)] of the steps: the sign after the contactors where current flows through one of ours."""
    rows = [row[:2] for row in STEPS]
    if any(pack.get("contactor") for pack in settings["packs"]):
        rows.insert(NAMES.index("contactor"), rows.pop(NAMES.index("sign")))
    return rows


def run_steps(job, again):
    """Do every step that is not done yet, and those named in again."""
    for name, function in in_order(job.settings):
        before = job.progress.steps.get(name)
        finished = before and before["state"] in (DONE, ABSENT)
        if finished and name not in again:
            say("%s: %s" % (name, texts.word(job.lang, "again", before["at"], name)))
            continue
        do(job, name, function)


def missing(job):
    """["step: why"] of what must be done before control and is not."""
    found = []
    for name in MUST:
        row = job.progress.steps.get(name)
        if row is None or row["state"] == SKIPPED:
            found.append("%s: %s" % (name, row["reason"] if row else texts.STATES["open"][0]))
    packs = [pack for pack in job.settings["packs"] if pack["facts"]["protection"] != "self_opening"]
    for pack in packs:
        if not pack.get("contactor") and pack["id"] not in job.opening:
            found.append("opening: %s needs a path of its own" % pack["id"])
    return found


def foreseen(job, skips):
    """Say before the first step what would refuse control after the last one. Raises AnswerError for a key that cannot
    be read."""
    name = None
    if job.key is None:
        name = "no_key"
    else:
        try:
            documents.load(job.key)
        except OSError as error:
            mend = "reuse-edge key new NAME --role commission makes NAME.key"
            raise AnswerError("%s: %s\n  → %s" % (job.key, error.strerror, mend)) from None
        if not envelopes.trusted(job.settings):
            name = "not_trusted"
    if name and "control" not in dict(skips):
        what, mend = texts.problem(job.lang, name, job.key or "")
        say("%s: %s\n  → %s" % (texts.word(job.lang, "later"), what, mend))


def control(job):
    """Sign the envelope and let site.yaml say control; rows for the report. Raises StepError."""
    lacks = missing(job)
    if lacks:
        raise StepError("must", "; ".join(lacks))
    if job.key is None:
        raise StepError("no_key")
    job.answers.go("control", "go.control")
    private = documents.load_private(job.key, lambda: job.answers.ask("control.passphrase"))
    key = documents.public_of(private, os.path.splitext(os.path.basename(job.key))[0])
    if key.id not in [row.id for row in envelopes.trusted(job.settings)]:
        raise StepError("not_trusted", key.id)
    body = envelopes.body_of(job.settings, job.base, job.progress.steps, job.person(), residual_ms(job))
    data = documents.sign(documents.COMMISSIONING, body, private)
    path = os.path.join(job.folder, "%s.commissioned" % job.settings["device"])
    with open(path, "wb") as file:
        file.write(data)
    enable(job, path)
    return {"file": os.path.basename(path), "sha256": hashlib.sha256(data).hexdigest(), "key": key.id}


def residual_ms(job):
    """Time for which the PCS goes on after us, as measured; None where there is nothing to measure."""
    rows = [row for row in job.progress.steps["watchdog"]["found"] if row["what"].startswith(commission_trial.STILL)]
    return round(rows[0]["value"] * 1000) if rows else None


def enable(job, envelope):
    """Let site.yaml say control, and read it back; it is put back as it was when it would be refused."""
    with open(job.path, encoding="utf-8") as file:
        before = file.read()
    try:
        text = envelopes.enabled(before, os.path.relpath(envelope, job.base))
    except ValueError as error:
        raise StepError("refused_edit", error) from None
    rewrite(job.path, text)
    try:
        load_site(job.path)
    except SiteError as error:
        rewrite(job.path, before)
        raise StepError("refused_edit", str(error).replace("\n", " ")) from None


def rewrite(path, text):
    """Put text into the file at path, whole or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def finish(job, options):
    """Control, when all is there, and the report, in any case; the exit code."""
    envelope, code = None, 0
    try:
        say("%s (control)" % texts.step(job.lang, "control"))
        if "control" in job.answers.skips:
            raise Skip(job.answers.skips["control"])
        envelope = control(job)
        job.progress.put("control", DONE, job.person(), [])
    except Skip as skip:
        say("  " + texts.word(job.lang, "skipped", job.person(), skip))
        job.progress.put("control", SKIPPED, job.person(), [], str(skip))
    except StepError as error:
        what, mend = texts.problem(job.lang, error.key, *error.fill)
        say("%s\n  → %s" % (texts.word(job.lang, "stops", "control", what), mend))
        code = 1
    written(job, options, envelope)
    if envelope:
        board = job.live.kind == "board"
        site = shlex.quote(job.path)
        words = ("now_flash", options.target, site) if board else ("now_control", site)
        say(texts.word(job.lang, *words))
    return code


def written(job, options, envelope):
    """Write the report and say where it is. envelope: as control() gave it, None while control is not on."""
    path = os.path.join(job.folder, "%s-%s" % (job.settings["device"], now_text()[:10]))
    report = commission_report.write(path, job.settings, job.progress, envelope)
    say(texts.word(job.lang, "report", path + ".html", path + ".json"))
    print(json.dumps(report, ensure_ascii=False) if options.json else path + ".html")


# ---- command line -----------------------------------------------------------------------------------------


def pair(text):
    """STEP=REASON of --skip."""
    name, sign, reason = text.partition("=")
    if name not in (*NAMES, "control") or not sign or not reason.strip():
        raise argparse.ArgumentTypeError("STEP=REASON, STEP one of %s" % ", ".join(NAMES))
    return name, reason.strip()


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge commission",
        description="Prove a wired site step by step, then sign it for control. It stays in observe until then.",
        epilog="exit codes: 0 done, 1 a step stopped, 2 wrong use or an answer is missing, 3 cannot reach, "
        "130 interrupted (it goes on behind the last finished step)",
    )
    parser.add_argument(
        "target",
        nargs="?",
        default="here",
        metavar="PORT|HOST:PORT|DIR",
        help="board (serial port, socket://), or a gateway that runs; default here: this machine is the gateway",
    )
    parser.add_argument("site", help="site.yaml")
    parser.add_argument("--answers", metavar="YAML", help="answers by id instead of questions")
    parser.add_argument("--list-questions", action="store_true", help="print the ids of all questions and end")
    parser.add_argument("--again", action="append", default=[], choices=NAMES, help="repeat a finished step")
    parser.add_argument("--skip", action="append", default=[], type=pair, metavar="STEP=REASON", help="skip a step")
    parser.add_argument("--key", metavar="FILE", help="private key (role commission) that signs the envelope")
    parser.add_argument("--folder", metavar="DIR", help="progress and report (default: commission beside site.yaml)")
    text = "write the acknowledgement key and the order key of a board there, once, for the backend (a stick)"
    parser.add_argument("--hand-over", metavar="DIR", help=text)
    parser.add_argument("--wait", type=float, default=120.0, metavar="S", help="for what you do by hand (120)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--lang", choices=LANGUAGES, help="language of the words (default: from LANG)")
    return parser.parse_args(argv)


def main(argv):
    """`reuse-edge commission`. Returns 0, 1 when a step stopped; raises what the command line explains."""
    options = parse(argv)
    job = Job(options)
    if options.list_questions:
        for key, step, kind, english, korean in questions(job.settings, job.opening):
            print("%-32s %-10s %-16s %s / %s" % (key, step, kind, english, korean))
        return 0
    if job.settings["mode"] != "observe":
        raise SiteError(options.site, None, "mode", "is %s" % job.settings["mode"], "set mode: observe to commission")
    foreseen(job, options.skip)
    job.open(options)
    try:
        run_steps(job, options.again)
        job.live.end()
        return finish(job, options)
    except StepError:
        written(job, options, None)  # what was found until then
        return 1
    except EOFError:
        raise AnswerError("nobody answers\n  → give --answers FILE; --list-questions prints the ids") from None
    finally:
        job.live.end()
