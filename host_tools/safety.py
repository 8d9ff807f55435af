# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""docs/SAFETY.md: hazard, fault, detection, reaction, test. Made from the tables of the core and of the scenarios."""

from edge.core import faults as f

# (hazard, what it comes from, faults that detect it, scenarios that play it, topic of a clause)
HAZARDS = (
    (
        "a cell is charged too high",
        "weak or strong cell, BMS limit too high, charger that does not follow",
        ("cell_high", "cell_over_volt", "bms_blocks_charge"),
        ("weak_cell", "limit_spike", "limit_unlimited", "oscillates_high", "cell_jumps"),
        "KC 62619: overcharge control of voltage; system lock",
    ),
    (
        "a cell is discharged too deep",
        "weak cell, leak, standby consumption",
        ("cell_low", "cell_under_volt", "deep_discharge", "bms_blocks_discharge"),
        ("weak_cell", "deep_discharge", "oscillates_low"),
        "KC 62619: over-discharge; system lock",
    ),
    (
        "too much current",
        "PCS that ignores its limit, wrong scale, packs that share unequally",
        ("over_current", "pcs_disobeys", "pcs_ignores_zero", "circulating"),
        ("current_scale", "flows_beyond", "flows_at_zero", "request_clipped"),
        "KC 62619: overcharge control of current",
    ),
    (
        "charging or discharging too hot or too cold",
        "room, failed cooling, plating at low temperature",
        ("temp_high", "temp_over", "temp_far_over", "temp_low_charge", "temp_low"),
        ("overheated", "frost", "temp_open_short", "oscillates_hot", "oscillates_cold"),
        "KC 62619: overheating control; system lock",
    ),
    (
        "thermal runaway begins",
        "inner short, damaged cell",
        ("temp_rise", "temp_far_over", "smoke"),
        ("heats_itself", "smoke_opens", "smoke_unknown"),
        "KC 62619: system lock; KEC 512: detection and automatic cut-off",
    ),
    (
        "data that looks live and is not",
        "frozen page, stale cache, late answers, dead sensor, lost line",
        ("bms_silent", "input_invalid", "sensor_lost", "cells_wrong", "identity"),
        ("bms_silent", "page_frozen", "cells_old", "cell_codes", "cells_all_invalid", "late_reply", "gateway_caches"),
        "KEC 512: BMS link state is supervised",
    ),
    (
        "the BMS itself reports a fault",
        "contactor, insulation, sensor or communication fault inside the pack",
        ("bms_alarm", "bms_blocks_charge", "bms_blocks_discharge"),
        ("alarm_bits", "alarm_word_missing"),
        "KC 62619: protection by the BMS",
    ),
    (
        "the PCS does not hear or does not obey",
        "link lost, write not applied, watchdog off",
        ("pcs_silent", "pcs_lost", "pcs_watchdog", "pcs_unapplied", "pcs_disobeys"),
        ("write_not_applied", "write_not_applied_told", "watchdog_zero", "death", "pcs_line_cut", "pcs_line_cut_flows"),
        "KEC 512: PCS state is supervised",
    ),
    (
        "the contactor does not do what it is told",
        "welded, broken coil or wire, precharge that fails",
        ("weld", "contactor_dead", "flow_while_open", "precharge_failed", "relays_silent"),
        (
            "weld",
            "contactor_dead",
            "contact_says_open",
            "precharge_fails",
            "precharge_broken_off",
            "relays_endless",
            "relays_silent",
        ),
        "KEC 512: automatic cut-off",
    ),
    (
        "fire, smoke, wet or damaged insulation, somebody inside",
        "site",
        ("smoke", "insulation", "estop", "door"),
        ("smoke_opens", "insulation_opens", "estop_opens", "door_opens", "module_silent"),
        "KEC 512: emergency stop, insulation alarm and automatic cut-off",
    ),
    (
        "this controller stalls, dies or forgets",
        "software fault, power cut, full or damaged disk",
        ("late_step", "unexplained_stop", "state_lost", "budget_used"),
        ("stalled", "steps_stop", "death", "killed_closed", "newest_rotten", "budget_used", "actuator_raises"),
        "KC 62619: system lock (no restart by an ordinary user)",
    ),
)

HEAD = """# Safety

Made by `python -m host_tools.docs` from the tables of the code; do not edit.

This product is a second line beside the BMS, the fuses and the hard-wired chain. **It is not a certified safety
function**: no part of it may be the only thing between a fault and harm. Clauses are named by topic only
(text not verified).

How to read: a fault needs its time **and** its fresh readings (`docs/FAULTS.md`). A required value that is missing,
stale or implausible gives 0 A in the same step without any fault. Below each table stand scenarios: `reuse-edge sim
faults --run NAME` plays one; with `--without-rule` it is played without its rule and has to fail. Measured times stand
in `docs/FAULTS.md`.
"""

TAIL = """## What this does not protect against

- A BMS, PCS or meter that lies consistently: values that agree with each other and move as they should are believed.
- Cells between the sensors: one temperature sensor for many cells sees a hot cell late. Parallel cells in one position
  are one cell.
- Current that no sensor of ours sees: a fault between the cells and the shunt, a second charger on the same terminals.
- Mechanical damage, water, gas without a detector, arcs. Lightning and earth faults without an insulation monitor.
- Anything within the time that the PCS needs to obey, and within the residual time below.
- Whoever has the device in the hand: the cover of the cabinet is part of the protection.

## What we assume

- BMS: protects its cells by itself at its own limits (`protection: self_opening`), or the site names an independent
  opening path; otherwise `reuse-edge check` refuses `control`.
- Fuse: clears a short circuit before the contactor has to. The contactor is not opened above its break current
  within 3 s.
- PCS: falls to zero by its own watchdog, which is read back at the start; follows a lower limit within `obey_ms`.
- Contactor: falls open when its output is no longer renewed (dead-man); that has to be shown at commissioning.
- Inputs: wired normally closed; an open wire counts as active.

## When our own process dies

- While the lines still run, the commands in the PCS port expire and zero is written: `lease_ms`, 2 s on a gateway and
  3 s on a board.
- The PCS's own watchdog: `pcs.watchdog_ms`, 5 s unless set. Above 10 s `check` asks for a dead-man contactor.
- Whoever restarts us (a board's watchdog, the gateway's service manager): with the contactor closed at the stop it
  stays open until that is explained.
- The BMS's own protection, the fuses and the hard-wired chain: always.

The residual time without control is the PCS's watchdog. That is why a site needs the last line of this list.
"""


def tests_of(names):
    """Scenario names as they are typed."""
    return ", ".join("`%s`" % name for name in names)


def safety_text():
    """The whole text of docs/SAFETY.md."""
    rows = [HEAD]
    for hazard, origin, faults, scenarios, topic in HAZARDS:
        rows += ["## Hazard: %s" % hazard, "", "From: %s." % origin, "", "Topic (text not verified): %s." % topic, ""]
        rows += ["| fault | detection | reaction |", "|---|---|---|"]
        for name in faults:
            row = f.FAULTS[f.NAMES.index(name)]
            waits = (["%g s" % (row[3] / 1000)] if row[3] else []) + (["%d readings" % row[4]] if row[4] else [])
            when = "after %s" % " and ".join(waits) if waits else "in the same step"
            rows.append("| `%s` | %s | %s %s |" % (name, row[6], f.LEVELS[row[1]].upper(), when))
        rows += ["", "Tests: %s" % tests_of(scenarios), ""]
    return "\n".join(rows) + "\n" + TAIL
