# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The fault scenarios as a command: reuse-edge sim faults --list | --run N|NAME|all | --without-rule N|NAME|all

Each scenario plays a fault on the wire or in the plant against the unchanged controller, and says what must follow and
how fast. Without its rule it is played in a process in which that rule is gone from the source; it must fail there.
"""

import argparse
import difflib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from simulator import fault_run
from simulator.fault_run import RUNTIMES, chosen, known, numbers_of, scenarios, sites_for

BEGIN, END = "<!-- measured by reuse-edge sim faults -->", "<!-- end of measured -->"
AGAIN = "reuse-edge sim faults %s %s"

EPILOG = """N is a number of the list ("7", "B3"). A line of --run says where it was played (one site each), whether
everything that must follow did follow, and the worst times of the simulated clock: the debounce, then from the deciding
frame to the registers of the PCS, and to no measured current. Exit codes: 0 all is as it must be, 1 it is not,
2 wrong use."""

MEASURED = """
## Measured

Every fault is played against the unchanged controller (`reuse-edge sim faults --list`); times are of the simulated
clock, the worst of each scenario. Debounce: from the first frame that shows the fault to the one that decides (of a
silence: until the last frame is too old). Both other times count from the deciding frame: to the registers of the PCS,
and to no measured current. What is not about reaching zero has no times. "Does not hold" is what the controller does
not do yet.
""".split("\n")


def main(words=None):
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge sim faults", description="Play every fault that must be survived.", epilog=EPILOG
    )
    parser.add_argument("--list", action="store_true", help="which scenarios there are")
    parser.add_argument("--run", metavar="N|NAME|all", help="play them")
    parser.add_argument(
        "--without-rule", metavar="N|NAME|all", help="play them with their rule deleted: they must fail"
    )
    parser.add_argument("--runtime", choices=(*RUNTIMES, "both"), default="cpython", help="of --run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many at the same time")
    parser.add_argument(
        "--write", metavar="FILE", help="with --run all: put the times into that file, between its marks"
    )
    options = parser.parse_args(words)
    if not (options.list or options.run or options.without_rule):
        parser.error("say --list, --run or --without-rule")
    if options.write and options.run != "all":
        parser.error("--write needs --run all: the table holds every scenario")
    for word in (options.run, options.without_rule):
        if word and not chosen(word):
            parser.error(_unknown(word))
    if options.list:
        _list()
    code = 0
    if options.run:
        code = _run_all(chosen(options.run), options.runtime, options.jobs, options.write)
    if options.without_rule:
        code = _without_all(chosen(options.without_rule), options.jobs) or code
    return code


def _unknown(word):
    """What to say about a word that names no scenario."""
    near = difflib.get_close_matches(word, [row.name for row in scenarios()], 3, 0.5)
    guess = "; did you mean %s?" % " or ".join(near) if near else ""
    return "no scenario is called %s%s (--list shows all)" % (word, guess)


def _list():
    print("%-11s %-24s %-6s %s" % ("number", "name", "where", "what happens"))
    for row in sorted(scenarios(), key=_order):
        print("%-11s %-24s %-6s %s" % (" ".join(numbers_of(row)), row.name, row.where, row.text))


def _order(row):
    first = numbers_of(row)[0]
    return (1, int(first[1:])) if first.startswith("B") else (0, int(first))


# ---- many at the same time --------------------------------------------------------------------------------


def _alone(task):
    """What task, (function, *arguments) of fault_run by names, gives in a process of its own."""
    word, name, *more = task
    row = next(row for row in scenarios() if row.name == name)
    try:
        return fault_run.in_child(lambda: getattr(fault_run, word)(row, *more))
    except (LookupError, RuntimeError) as error:
        return error


def _all_of(tasks, jobs):
    """The result of every task, in their order; so many jobs at the same time."""
    if jobs < 2 or len(tasks) < 2 or not hasattr(os, "fork"):
        yield from map(_alone, tasks)
        return
    with ProcessPoolExecutor(min(jobs, len(tasks)), get_context("fork")) as pool:
        yield from pool.map(_alone, tasks)


# ---- with the rule ----------------------------------------------------------------------------------------


def _run_all(rows, runtime, jobs, path):
    """Play rows on the sites of each, say one line per run; 1 when one failed or the runtimes differ."""
    started_s = time.monotonic()
    runtimes = RUNTIMES if runtime == "both" else (runtime,)
    plan = [(row, site, each) for row in rows for each in runtimes for site in sites_for(row, each)]
    if not plan:
        print("%s runs on CPython only" % " ".join(row.name for row in rows))
        return 0
    waits, bad, verdicts, digests = known(), [], [], {}
    for (row, site, each), verdict in zip(plan, _all_of([("run", row.name, *more) for row, *more in plan], jobs)):
        if isinstance(verdict, Exception):
            verdict = fault_run.Verdict(row.name, site, each, str(verdict), [], 0)
        verdicts.append(verdict)
        digest = digests.setdefault((row.name, site), verdict.digest)
        told = "" if digest == verdict.digest else "  THE RUNTIMES DIFFER"
        why = waits.get((row.name, site)) if verdict.text is not None else None
        if told or (verdict.text is not None and why is None):
            bad.append(row.name)
        print(_line(verdict, len(runtimes) > 1) + told + (" KNOWN: " + why if why else ""), flush=True)
    _sum_up("%d runs of %d scenarios" % (len(verdicts), len(rows)), bad, "--run", started_s)
    if path:
        _write(path, rows, verdicts)
    return 1 if bad else 0


def _sum_up(what, bad, option, started_s):
    print(
        "%s in %d s: %s" % (what, time.monotonic() - started_s, "%d BAD" % len(bad) if bad else "all as they must be")
    )
    for name in dict.fromkeys(bad):
        print("  again: " + AGAIN % (option, name))


def _line(verdict, both):
    """One run as a line. both: show the digest too, by which the runtimes are compared."""
    worst = _worst(verdict.times)
    held = "held" if verdict.text is None else "FAILED " + verdict.text
    told = "" if worst is None else "  debounce %d, to the PCS %d, to no current %d ms" % worst
    where = "%-12s %-11s" % (verdict.site, verdict.runtime) + (" %08x" % verdict.digest if both else "")
    return "%-24s %s  %s%s" % (verdict.scenario, where, held, told)


def _worst(times):
    return tuple(max(row[k] for row in times) for k in range(3)) if times else None


# ---- without the rule -------------------------------------------------------------------------------------


def _without_all(rows, jobs):
    """Play rows with their rules deleted, say one line each; 1 when one did not notice."""
    started_s = time.monotonic()
    waits = known()
    plan = []
    for row in rows:
        sites = [site for site in row.sites if (row.name, site) not in waits]
        if sites:
            plan.append((row, sites[0]))
        else:
            print("%-24s KNOWN to fail with its rule: %s" % (row.name, waits[row.name, row.sites[0]]))
    tasks = [(word, row.name, site) for row, site in plan for word in ("run", "without_rule")]
    results = _all_of(tasks, jobs)
    bad = []
    for row, _ in plan:
        first, how = next(results), next(results)
        with_rule = str(first) if isinstance(first, Exception) else first.text
        if with_rule is not None or how is None or isinstance(how, Exception):
            bad.append(row.name)
        print("%-24s %s" % (row.name, _told(with_rule, how)), flush=True)
    _sum_up("%d scenarios without their rules" % len(plan), bad, "--without-rule", started_s)
    return 1 if bad else 0


def _told(with_rule, how):
    if isinstance(how, Exception):
        return "CANNOT BE PLAYED without its rule: %s" % how
    first = "passed" if with_rule is None else "FAILED (%s)" % with_rule
    return "%s with its rule, %s" % (first, "PASSED without" if how is None else "failed without: " + how)


# ---- the document -----------------------------------------------------------------------------------------


def measured(rows, verdicts):
    """The table of measured times: Markdown lines, the same on every machine."""
    lines = [
        *MEASURED,
        "| fault | what happens | way | debounce | to the PCS | to no current |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=_order):
        for verdict in verdicts:
            if verdict.scenario != row.name or verdict.runtime != "cpython":
                continue
            worst = _worst(verdict.times)
            cells = ["-"] * 3 if worst is None else ["%g s" % (ms / 1000) for ms in worst]
            if verdict.text is not None:
                cells = ["does not hold"] * 3
            start = "| %s `%s` | %s | %s | " % (" ".join(numbers_of(row)), row.name, row.text, verdict.site)
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
