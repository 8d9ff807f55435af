# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Playing the fault scenarios: with the unchanged controller, and in a process in which a rule is gone from its source.

The command is simulator.fault_command.
"""

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
    """The scenarios that word names: all, a name, or a number ("7", "B3")."""
    rows = scenarios()
    return [row for row in rows if word in ("all", row.name, *numbers_of(row))]


def numbers_of(row):
    """The numbers of a scenario as a person says them: "7" of the list of faults, "B3" of what peers got wrong."""
    return [number.removeprefix("4.") for number in row.numbers]


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


class ChildDied(RuntimeError):
    """A forked process ended without an answer; what it printed says why."""


def in_child(work):
    """What work() returns, computed in a forked process. ChildDied when that died or hung."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        code = 1
        try:
            with os.fdopen(write, "wb") as out:
                pickle.dump(work(), out)
            code = 0
        finally:  # the parent only learns that it failed: the reason is printed here
            if code:
                traceback.print_exc()
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as source:
        data = source.read()
    if os.waitpid(child, 0)[1] != 0 or not data:
        raise ChildDied("the forked process died")
    return pickle.loads(data)
