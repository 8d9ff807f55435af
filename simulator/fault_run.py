# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The fault scenarios as a command: reuse-edge sim faults --list | --run N|NAME|all [--without-rule] [--runtime R]

Each scenario plays a fault on the wire or in the plant against the unchanged controller, and says what must follow and
how fast. --without-rule plays it again in a process in which its rule is gone from the source; it must fail there.
--write FILE keeps the measured table between the marks of that file. Exit 0 when everything is as it must be.
"""

import argparse
import importlib
import os
import pickle
import sys
import traceback
from collections import namedtuple
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = (
    "simulator.scenarios_bms",
    "simulator.scenarios_said",
    "simulator.scenarios_line",
    "simulator.scenarios_site",
    "simulator.scenarios_identity",
)
RUNTIMES = ("cpython", "micropython")
OURS = ("edge", "bms_bridge", "simulator")
BEGIN, END = "<!-- measured by reuse-edge sim faults -->", "<!-- end of measured -->"

MEASURED = """
## Measured

Every fault is played against the unchanged controller (`reuse-edge sim faults --list`); times are of the simulated
clock, the worst of each scenario. Debounce: from the first frame that shows the fault to the one that decides (of a
silence: until the last frame is too old); then to the registers of the PCS, and to no measured current. What is not
about reaching zero has no times. "Does not hold" is what the controller does not do yet.
""".split("\n")

# One run on one site. text: None when it held, else what did not. times: list of Times. digest: of the trace.
Verdict = namedtuple("Verdict", ("scenario", "site", "runtime", "text", "times", "digest"))


def scenarios():
    """Every Scenario, in the order of the modules that are there."""
    found = []
    for name in MODULES:
        if (ROOT / (name.replace(".", "/") + ".py")).exists():
            found.extend(importlib.import_module(name).SCENARIOS)
    return found


def known():
    """{(scenario, site): what the controller or a bridge has to change}: these fail today, and are shown."""
    found = {}
    for name in MODULES:
        found.update(getattr(importlib.import_module(name), "KNOWN", {}))
    return found


def chosen(word):
    """The scenarios that word names: all, a name, or a number ("1" is "4.1"; "B3")."""
    rows = scenarios()
    if word == "all":
        return rows
    return [row for row in rows if word == row.name or word in row.numbers or "4." + word in row.numbers]


def sites_for(scenario, runtime):
    """Sites on which scenario runs in that runtime."""
    from simulator.faults import SITES

    if runtime == "cpython":
        return scenario.sites
    return tuple(site for site in scenario.sites if scenario.core and SITES[site][5] == "blocks")


def run(scenario, site, runtime="cpython"):
    """Play scenario once; its Verdict."""
    from simulator.faults import Failed, Stage

    stage = Stage(site, runtime)
    text = None
    try:
        scenario.play(stage)
    except Failed as failed:
        text = str(failed)
    except Exception as crash:  # a controller that breaks down does not pass either
        place = traceback.extract_tb(crash.__traceback__)[-1]
        where = "%s:%d" % (Path(place.filename).name, place.lineno or 0)
        text = "broke down: %s: %s (%s)" % (type(crash).__name__, crash, where)
    finally:
        stage.close()
    return Verdict(scenario.name, site, runtime, text, stage.times, stage.rig.digest if stage.rig else 0)


# ---- without the rule -------------------------------------------------------------------------------------


class Finder(MetaPathFinder, Loader):
    """Gives changed code for some modules, whoever imports them. codes: {module: code}. names: what that code finds
    as its own globals."""

    def __init__(self, codes, names=None):
        self.codes = codes
        self.names = names or {}

    def find_spec(self, fullname, path=None, target=None):
        """A spec for a changed module."""
        return ModuleSpec(fullname, self) if fullname in self.codes else None

    def create_module(self, spec):
        """The usual module."""
        return None

    def exec_module(self, module):
        """Run the changed code."""
        module.__dict__["__file__"] = str(ROOT / (module.__name__.replace(".", "/") + ".py"))
        module.__dict__.update(self.names)
        exec(self.codes[module.__name__], module.__dict__)


def changed(rules):
    """{module: code} of the files of rules with every rule replaced. LookupError when a text is not there once."""
    sources = {}
    for file, text, instead in rules:
        source = sources.get(file) or (ROOT / file).read_text(encoding="utf-8")
        if source.count(text) != 1:
            raise LookupError("%s holds %d times, not once: %s" % (file, source.count(text), text))
        sources[file] = source.replace(text, instead)
    return {file[:-3].replace("/", "."): compile(source, file, "exec") for file, source in sources.items()}


def without_rule(scenario, site):
    """How scenario fails without its rules (text), or None: it did not notice."""
    codes = changed(scenario.rules)

    def work():
        for loaded in list(sys.modules):
            if loaded.split(".")[0] in OURS and loaded != __name__ and loaded != "__main__":
                del sys.modules[loaded]
        sys.meta_path.insert(0, Finder(codes))
        again = next(row for row in scenarios() if row.name == scenario.name)
        return run(again, site).text

    return in_child(work)


def in_child(work):
    """What work() returns, computed in a forked process. RuntimeError when that died."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        code = 1
        try:
            with os.fdopen(write, "wb") as out:
                pickle.dump(work(), out)
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as source:
        data = source.read()
    if os.waitpid(child, 0)[1] != 0 or not data:
        raise RuntimeError("the process without the rule died")
    return pickle.loads(data)


# ---- the command ------------------------------------------------------------------------------------------


def main(words=None):
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="reuse-edge sim faults", description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="which scenarios there are")
    parser.add_argument("--run", metavar="N|NAME|all", help="play them")
    parser.add_argument(
        "--without-rule", metavar="N|NAME|all", help="play them with their rule deleted: they must fail"
    )
    parser.add_argument("--runtime", choices=(*RUNTIMES, "both"), default="cpython")
    parser.add_argument("--write", metavar="FILE", help="put the measured times into that file, between its marks")
    arguments = parser.parse_args(words)
    if not (arguments.list or arguments.run or arguments.without_rule):
        parser.error("say --list, --run or --without-rule")
    word = arguments.run or arguments.without_rule
    rows = chosen(word) if word else scenarios()
    if not rows:
        parser.error("no scenario is called %s" % word)
    if arguments.list:
        for row in scenarios():
            print("%-26s %-16s %-6s %s" % (row.name, " ".join(row.numbers), row.where, row.text))
    code = 0
    if arguments.run:
        code = _run_all(rows, arguments.runtime, arguments.write)
    if arguments.without_rule:
        code = _without_all(rows) or code
    return code


def _run_all(rows, runtime, path):
    """Play rows on the sites of each, say one line per run; 1 when one failed or the runtimes differ."""
    bad = 0
    waits = known()
    verdicts = []
    for row in rows:
        digests = {}
        for each in RUNTIMES if runtime == "both" else (runtime,):
            for site in sites_for(row, each):
                verdict = run(row, site, each)
                verdicts.append(verdict)
                differs = digests.setdefault(site, verdict.digest) != verdict.digest
                why = waits.get((row.name, site)) if verdict.text is not None else None
                bad += differs or (verdict.text is not None and why is None)
                told = (" RUNTIMES DIFFER" if differs else "") + (" KNOWN: " + why if why else "")
                print(_line(verdict) + told, flush=True)
    print("%d runs, %d not as they must be" % (len(verdicts), bad))
    if path:
        _write(path, rows, verdicts)
    return 1 if bad else 0


def _line(verdict):
    worst = _worst(verdict.times)
    told = "" if worst is None else "  debounce %d, write %d, no current %d ms" % worst
    return "%-26s %-12s %-11s %08x  %s%s" % (
        verdict.scenario,
        verdict.site,
        verdict.runtime,
        verdict.digest,
        "held" if verdict.text is None else "FAILED " + verdict.text,
        told,
    )


def _worst(times):
    return tuple(max(row[k] for row in times) for k in range(3)) if times else None


def _without_all(rows):
    """Play rows with their rules deleted, say one line each; 1 when one did not notice."""
    bad = 0
    waits = known()
    for row in rows:
        sites = [site for site in row.sites if (row.name, site) not in waits]
        if not sites:
            print("%-26s KNOWN to fail with its rule: %s" % (row.name, waits[row.name, row.sites[0]]))
            continue
        with_rule = run(row, sites[0]).text
        try:
            how = without_rule(row, sites[0])
        except LookupError as gone:
            bad += 1
            print("%-26s its rule is gone: %s" % (row.name, gone))
            continue
        bad += with_rule is not None or how is None
        first = "passed" if with_rule is None else "FAILED (%s)" % with_rule
        second = "PASSED" if how is None else "failed without: " + how
        print("%-26s %s with its rule, %s" % (row.name, first, second), flush=True)
    return 1 if bad else 0


def measured(rows, verdicts):
    """The table of measured times: Markdown lines, the same on every machine."""
    lines = [
        *MEASURED,
        "| fault | what happens | way | debounce | to the PCS | to no current |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        for verdict in verdicts:
            if verdict.scenario != row.name or verdict.runtime != "cpython":
                continue
            worst = _worst(verdict.times)
            cells = ["-"] * 3 if worst is None else ["%g s" % (ms / 1000) for ms in worst]
            if verdict.text is not None:
                cells = ["does not hold"] * 3
            start = "| %s `%s` | %s | %s | " % (" ".join(row.numbers), row.name, row.text, verdict.site)
            lines.append(start + " | ".join(cells) + " |")
    return lines


def _write(path, rows, verdicts):
    text = Path(path).read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2] or "\n"
    head = head.rstrip("\n") + "\n\n"
    Path(path).write_text("\n".join([head + BEGIN, *measured(rows, verdicts), END]) + tail, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
