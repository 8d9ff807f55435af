# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""FAULTS.md, SAFETY.md, uplink/registry.json and asyncapi.yaml of docs/, and edge/shell/home_table.py, from the tables:
python -m host_tools.docs [--check]"""

import sys
from pathlib import Path

from edge.core import faults as f
from edge.core import limits as lim
from host_tools import home_table
from host_tools.contract import asyncapi_text, registry_text
from host_tools.safety import safety_text
from simulator.fault_command import BEGIN

DOCS = Path(__file__).resolve().parent.parent / "docs"
FAULTS_MD = DOCS / "FAULTS.md"
SAFETY_MD = DOCS / "SAFETY.md"
REGISTRY = DOCS / "uplink" / "registry.json"
ASYNCAPI = DOCS / "uplink" / "asyncapi.yaml"
SIDES = ("both directions", "charging", "discharging")
ACTIONS = ("reported", "that direction 0 A", "0 A, then the open sequence", "0 A, open, stays so across restarts")

HEAD = """# Faults and modes

Made by `python -m host_tools.docs` from `edge/core/faults.py` and `edge/core/limits.py`; do not edit.

A condition becomes a fault when it has held for its time **and** for its count of fresh readings, whichever is
later. A required value that is missing, stale, frozen or implausible needs no fault to stop the current: the limits
and, apart from them, the guard give 0 A in the same step.

When this controller itself dies, nothing here acts any more: commands expire in the PCS port after `lease_ms`
(2 s), and a dead process leaves it to the PCS's own watchdog (`pcs.watchdog_ms`, 5 s unless set). That residual
time is the reason why a site needs fuses, the BMS's own protection and a dead-man contactor.
"""


def faults_text():
    """The whole text of docs/FAULTS.md."""
    rows = ["## Faults", "", "| fault | when | forbids | action | after | clears after |", "|---|---|---|---|---|---|"]
    for name, level, side, debounce_ms, fresh, clear_ms, meaning in f.FAULTS[1:]:
        after = ", ".join(([_seconds(debounce_ms)] if debounce_ms else []) + (["%d readings" % fresh] if fresh else []))
        clears = "a person acknowledges" if level == f.LOCK else _seconds(clear_ms) if clear_ms else "at once"
        action = "%s: %s" % (f.LEVELS[level].upper(), ACTIONS[level])
        rows.append(
            "| `%s` | %s | %s | %s | %s | %s |" % (name, meaning, SIDES[side], action, after or "at once", clears)
        )
    rows += [
        "",
        "## Modes",
        "",
        "| mode | " + " | ".join(f.EFFECT_NAMES) + " |",
        "|---" * (len(f.EFFECT_NAMES) + 1) + "|",
    ]
    for mode, name in enumerate(f.MODE_NAMES):
        cells = [f.MODE_NAMES[to] if to != mode else "·" for to in f.MODES[mode]]
        rows.append("| **%s** | %s |" % (name, " | ".join(cells)))
    rows += [
        "",
        "· stays. A trip restarts at most %d times in 24 h of uptime (a silent BMS %d times)."
        % (f.RESTARTS, f.SILENT_RESTARTS),
    ]
    rows += ["", "## Sources of a limit", "", "The smallest binds; the first of equals names itself.", ""]
    rows += ["%d. %s" % (code, name) for code, name in enumerate(lim.SOURCES) if code]
    return HEAD + "\n" + "\n".join(rows) + "\n"


def _seconds(ms):
    return "%g s" % (ms / 1000)


def with_measured(text, path):
    """text, with the measured part (reuse-edge sim faults --write) that the file at path holds at its end."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    return text + "\n" + old[old.index(BEGIN) :] if BEGIN in old else text


def main(argv=None):
    """Write the documents, or with --check say which is not current (exit 1)."""
    words = sys.argv[1:] if argv is None else argv
    code = 0
    made = (
        (FAULTS_MD, with_measured(faults_text(), FAULTS_MD)),
        (SAFETY_MD, safety_text()),
        (REGISTRY, registry_text()),
        (ASYNCAPI, asyncapi_text()),
        (home_table.PATH, home_table.table_text()),
    )
    for path, text in made:
        if "--check" not in words:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            name = path.relative_to(DOCS.parent).as_posix()
            print("%s is not current -> run: python -m host_tools.docs" % name, file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
