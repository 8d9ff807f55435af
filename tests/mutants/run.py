# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Does a test notice when the safety code is wrong?  python -m tests.mutants.run [--share PERCENT] [--seed N]

Each mutant is switched on in a forked process, which runs the tests that reach it, the one that killed its neighbour
first, then the quickest. A mutant that no test notices is printed and must be killed by a new test, or argued to be
equivalent in equivalent.txt. Needs os.fork (Linux, macOS).
"""

import argparse
import importlib
import inspect
import os
import pickle
import random
import signal
import sys
import time
from pathlib import Path

import hypothesis
import hypothesis.strategies  # noqa: F401  # imported once, before the forks

from simulator import fault_run
from tests.mutants.schemata import name, rewrite

ROOT = Path(__file__).resolve().parent.parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
MOST_EQUIVALENT = 0.02
SLOW_S = 10  # a mutant that makes a test hang counts as killed

PROPERTIES = "tests.core.test_properties"
PINNED = "tests.both.test_core_pinned"
ASSESSED = "tests.both.test_core_assessed"
REVIEWED = "tests.both.test_core_reviewed"
LIMITS = (
    PINNED,
    "tests.both.test_core_limits",
    "tests.both.test_core_curve",
    "tests.both.test_core_exact",
    "tests.both.test_core_bounds",
    ASSESSED,
    PROPERTIES,
)
ORDERS = (
    "tests.both.test_core_terms",
    "tests.both.test_core_orders_edges",
    "tests.both.test_core_orders",
    "tests.both.test_core_grades_edges",
    "tests.both.test_core_grades",
    "tests.both.test_core_requests",
    REVIEWED,
)
# file -> (share of non-equivalent mutants that must die, test modules)
TARGETS = {
    "edge/core/guard.py": (
        0.999,
        ("tests.both.test_core_guard", "tests.both.test_core_bounds", REVIEWED, ASSESSED, PROPERTIES),
    ),
    "edge/core/tx_gate.py": (
        0.999,
        (
            "tests.both.test_core_gate",
            "tests.both.test_can_gate",
            "tests.both.test_serial_gate",
            "tests.both.test_gate_writes",
            PROPERTIES,
        ),
    ),
    "edge/core/limits.py": (0.995, LIMITS),
    "edge/core/curve.py": (0.995, LIMITS),
    "edge/core/bounds.py": (0.995, LIMITS),
    "edge/core/exact.py": (0.995, LIMITS),
    "edge/core/faults.py": (
        0.995,
        (PINNED, "tests.both.test_core_faults_edges", "tests.both.test_core_faults", REVIEWED, ASSESSED, PROPERTIES),
    ),
    "edge/core/orders.py": (0.995, ORDERS),
    "edge/core/terms.py": (0.995, ORDERS),
    "edge/core/grades.py": (0.995, ORDERS),
    "edge/core/durable.py": (0.995, ORDERS),
}
# A property that fails has noticed the mutant: nobody reads the smallest example.
hypothesis.settings.register_profile(
    "mutants", phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate), report_multiple_bugs=False
)


class Switch:
    """_m of the rewritten modules: which mutant is on, and which were reached."""

    def __init__(self):
        self.active = None
        self.reached = set()

    def __call__(self, number):
        self.reached.add(number)
        return number == self.active


def tests_of(names):
    """[(label, function), ...] of every test in the modules that needs no fixture."""
    found = []
    for module_name in names:
        module = importlib.import_module(module_name)
        for label, function in vars(module).items():
            if label.startswith("test_") and callable(function) and not inspect.signature(function).parameters:
                found.append((module_name + "." + label, function))
    return found


def module_of(file):
    """Dotted name of a source file."""
    return file[: -len(".py")].replace("/", ".")


def in_child(work):
    """What work() returns, computed in a forked process; None when that died or hung."""
    try:
        return fault_run.in_child(work)
    except fault_run.ChildDied:
        return None


class Bench:
    """One target file with its tests. numbers: mutants to try."""

    def __init__(self, file, codes, switch, mutants):
        self.file = file
        self.names = TARGETS[file][1]
        self.codes = codes
        self.switch = switch
        self.mutants = mutants
        self.killers = {}
        self._functions = {}

    def baseline(self):
        """{label: (seconds, reached)} of every test with no mutant on; a test that fails ends the run."""

        def work():
            self._afresh()
            found = {}
            for label, function in tests_of(self.names):
                self.switch.reached = set()
                start = time.monotonic()
                function()
                found[label] = (time.monotonic() - start, self.switch.reached)
            return found

        found = in_child(work)
        if found is None:
            raise SystemExit("the tests of %s fail without any mutant" % self.file)
        return found

    def _afresh(self):
        """Forget what is imported, so that the code under test is the rewritten one."""
        for loaded in list(sys.modules):
            if loaded.startswith(("edge", "tests.both", "tests.core")):
                del sys.modules[loaded]
        sys.meta_path.insert(0, fault_run.Finder(self.codes, {"_m": self.switch}))

    def judge(self, mutants, baseline):
        """{number: label of the killing test or None} for mutants of this file, in this process."""
        warm = [mutant for mutant in mutants if mutant.place]
        cold = [mutant for mutant in mutants if not mutant.place]
        result = {}
        for mutant in cold:  # the module's own level runs once: each needs an import of its own
            order = self._order(mutant, baseline, list(baseline))
            result[mutant.number] = self._try(mutant, order)
        self._afresh()
        self._functions = dict(tests_of(self.names))
        for mutant in warm:
            reaching = [label for label in baseline if mutant.number in baseline[label][1]]
            result[mutant.number] = self._try(mutant, self._order(mutant, baseline, reaching))
        return result

    def _order(self, mutant, baseline, labels):
        killers = self.killers.get(mutant.place, [])
        return sorted(labels, key=lambda label: (label not in killers, baseline[label][0]))

    def _try(self, mutant, order):
        killer = in_child(lambda: self._run(mutant, order)) if order else ""
        if killer is None:
            killer = "died or hung"
        if killer:
            self.killers.setdefault(mutant.place, []).append(killer)
        return killer or None

    def _run(self, mutant, order):
        """Label of the first test that fails with mutant on, "" when all pass."""
        signal.alarm(SLOW_S)
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")
        self.switch.active = mutant.number
        if not mutant.place:
            self._afresh()
            self._functions = {}
        for label in order:
            try:
                self._function(label)()
            except BaseException:  # whatever a test or its import raises, it has noticed the mutant
                return label
        return ""

    def _function(self, label):
        """The test of that label; its module is imported only now, when that was not done yet."""
        if label not in self._functions:
            self._functions.update(tests_of([label.rpartition(".")[0]]))
        return self._functions[label]


def equivalents():
    """{name: reason} of equivalent.txt; a line is `name | reason`."""
    found = {}
    for number, line in enumerate(EQUIVALENT.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            label, bar, reason = line.partition(" | ")
            if not bar or not reason.strip():
                raise SystemExit("%s:%d: needs `name | reason`" % (EQUIVALENT.name, number))
            found[label] = reason
    return found


def load(files, texts=None):
    """(codes by module name, mutants by file). texts: {file: source} in place of what is on disk."""
    codes, mutants, first = {}, {}, 1
    for file in files:
        text = (texts or {}).get(file) or (ROOT / file).read_text(encoding="utf-8")
        codes[module_of(file)], mutants[file] = rewrite(file, text, first)
        first += len(mutants[file])
    return codes, mutants


def changed_since(start_s):
    """True when a file that the tests may read was written after start_s (time.time())."""
    folders = [ROOT / name for name in ("edge", "bms_bridge", "host_tools", "simulator", "tests")]
    return any(path.stat().st_mtime > start_s for folder in folders for path in folder.rglob("*.py"))


def try_file(file, codes, mutants, jobs, baselines):
    """[(mutant, killing test or None), ...] for mutants of file, spread over jobs processes.

    baselines: {test modules: (time.time() before it, baseline)}, shared by the files that have the same tests.
    """
    bench = Bench(file, codes, Switch(), mutants)
    if bench.names not in baselines:
        baselines[bench.names] = (time.time(), bench.baseline())
    start_s, baseline = baselines[bench.names]
    parts = [mutants[index::jobs] for index in range(jobs)]
    pipes = []
    for part in parts:
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(read)
            with os.fdopen(write, "wb") as out:
                pickle.dump(bench.judge(part, baseline), out)
            os._exit(0)
        os.close(write)
        pipes.append(read)
    verdicts = {}
    for read in pipes:
        with os.fdopen(read, "rb") as source:
            verdicts.update(pickle.load(source))
        os.wait()
    if changed_since(start_s):  # what failed because of that has noticed nothing
        bench.baseline()
    return [(mutant, verdicts[mutant.number]) for mutant in mutants]


def report(file, results, known, whole):
    """Print one file's line and its survivors; True when its gate holds."""
    argued = [mutant for mutant, killer in results if killer is None and name(mutant) in known]
    alive = [mutant for mutant, killer in results if killer is None and name(mutant) not in known]
    for mutant in alive:
        print("  survived %s:%d  %s" % (file, mutant.line, name(mutant)[len(file) + 1 :]))
    real = len(results) - len(argued)
    killed = real - len(alive)
    share = killed / real if real else 1.0
    enough = share >= TARGETS[file][0] and (not whole or len(argued) <= MOST_EQUIVALENT * len(results))
    print(
        "%-22s %5d mutants %5d killed %3d survived %3d equivalent  %.2f %% (gate %.1f %%)%s"
        % (
            file,
            len(results),
            killed,
            len(alive),
            len(argued),
            100 * share,
            100 * TARGETS[file][0],
            " NO" * (not enough),
        )
    )
    return enough


def main(argv=None):
    """Try the mutants of every target; returns 0 when all gates hold, else 1."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="only these (%s)" % ", ".join(TARGETS))
    parser.add_argument("--share", type=float, default=100, help="per cent of the mutants, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args(argv)
    start = time.monotonic()
    hypothesis.settings.load_profile("mutants")
    files = given.files or list(TARGETS)
    codes, mutants = load(list(TARGETS))
    known = equivalents()
    good = True
    total = 0
    baselines = {}
    for file in files:
        chosen = mutants[file]
        if given.share < 100:
            count = max(1, round(len(chosen) * given.share / 100))
            chosen = sorted(random.Random(given.seed).sample(chosen, count))
        total += len(chosen)
        good = report(file, try_file(file, codes, chosen, given.jobs, baselines), known, given.share >= 100) and good
    stale = set(known) - {name(mutant) for file in TARGETS for mutant in mutants[file]}
    for label in sorted(stale):
        print("equivalent.txt names no mutant: %s" % label)
    print(
        "%d mutants, seed %d, %.0f s: %s"
        % (total, given.seed, time.monotonic() - start, "good" if good else "NOT GOOD")
    )
    return 0 if good and not stale else 1


if __name__ == "__main__":
    sys.exit(main())
