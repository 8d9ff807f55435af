# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The steps of a commissioning that only read: who is there, live values, cells, sign of the current, sensors, inputs.

A step gives the rows that it found (commission_job.row) or raises StepError, Skip or Absent.
"""

import hashlib
import statistics
import sys

from edge.core.identity import plain
from edge.core.report import VERSION_TEXT
from edge.shell.started import digest_of
from host_tools import commission_texts as texts
from host_tools.commission_job import Absent, StepError, row, say

VALUES_S = 20.0  # until every device has answered
VOLT_PPM, VOLT_MV = 10000, 3000  # cells against pack, and the BMS against a meter: 1 % or 3 V (LIMITS 3.4)
AMPERE_PPM, AMPERE_MA = 30000, 1000  # BMS against a clamp meter: 3 % or 1 A
FLOW_MA = 2000  # a current that has a direction
FLOW_READS = 3  # in a row; with the third the controller may refuse a wrong sign and stop the flow
APART_PPM, APART_MA = 100000, 2000  # BMS against PCS while it flows
CELL_MV = 150  # a cell may stand so far from the mean: more is a wire or a cell for the test centre
TEMP_MC = 8000  # a sensor may stand so far from the median of its pack
AMBIENT_MC = 15000
# Volts that a cell of a chemistry can have at all.
CELL_RANGE_MV = {"lfp": (2000, 3900), "nmc": (2500, 4400), "lmo": (2500, 4400)}
REST_S = 2.0  # for an input that is at rest to say so
LOOPS = ("estop", "smoke", "insulation", "door")


def raw_of(status, index):
    """What the BMS of a pack told; on a board, which has no room for it, what the controller believes."""
    found = status.get("details")
    pack = status["packs"][index]
    if found:
        return found["packs"][index]
    temps_mc = [pack.get("temp_min_mc"), pack.get("temp_max_mc")]  # both None while one sensor is not believed
    told = {key: pack.get(key) for key in ("pack_mv", "current_ma", "cell_mv")}
    return {**told, "temp_mc": temps_mc, "contactor": None}


def volts(mv):
    """mV as text in V."""
    return "–" if mv is None else "%.2f V" % (mv / 1000)


def amperes(ma):
    """mA as text in A."""
    return "–" if ma is None else "%+.1f A" % (ma / 1000)


def has_values(status):
    """True when every pack told voltage, current and cells."""
    packs = [raw_of(status, i) for i in range(len(status["packs"]))]
    told = all(raw[key] is not None for raw in packs for key in ("pack_mv", "current_ma"))
    return told and all(raw["cell_mv"] and any(mv is not None for mv in raw["cell_mv"]) for raw in packs)


def values(job):
    """A status with values of every pack. Raises StepError with the name of the one that is silent."""
    status = job.live.wait(has_values, VALUES_S)
    if status is None:
        last = job.live.wait(lambda _: True, VALUES_S) or {"packs": []}
        silent = [pack["id"] for i, pack in enumerate(last["packs"]) if None in list(raw_of(last, i).values())[:2]] or [
            job.settings["site"]
        ]
        raise StepError("no_values", ", ".join(silent))
    return status


# ---- identify ----------------------------------------------------------------------------------------


def identify(job):
    """Controller, versions and digests; the serial number of each pack on its label, in site.yaml and by its BMS."""
    status = values(job)
    if status["device"] != job.settings["device"]:
        raise StepError("device", status["device"], job.settings["device"])
    if status["mode"] != "observe":
        raise StepError("not_observe", status["mode"])
    if status["version"] != VERSION_TEXT:
        raise StepError("version", status["version"], VERSION_TEXT)
    with open(job.path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    found = [
        row("version", "controller", status["version"], expected=VERSION_TEXT),
        row("runtime", "controller", status["runtime"]),
        row("python", "tool", sys.version.split()[0]),
        row("mode", "controller", status["mode"], expected="observe"),
        row("site.yaml sha256", "site", digest),
        row("settings digest", "site", digest_of(job.settings)),
    ]
    for stem in ("who.name", "who.company", "work.order"):
        job.answers.ask(stem)
    for index, pack in enumerate(job.settings["packs"]):
        found += numbers_of(job, pack, status["packs"][index])
    return found


def numbers_of(job, pack, told):
    """The serial numbers of one pack, each against site.yaml. Raises StepError for another one."""
    found = []
    label = job.answers.ask("label.serial", pack["id"])
    if pack.get("serial") is not None and plain(label) != plain(pack["serial"]):
        raise StepError("serial", pack["id"], label, pack["serial"], "label")
    found.append(row("serial on the label", pack["id"], label, expected=pack.get("serial")))
    proof, said, expected = told["identity"]
    if proof == "other":
        raise StepError("serial", pack["id"], said, expected, "BMS")
    found.append(row("serial by the BMS", pack["id"], said or "not told", expected=expected if said else None))
    found.append(row("identity", pack["id"], proof))
    grade = pack["grade"]
    found.append(row("grade", pack["id"], "%s %s %s" % (grade["body"], grade["grade"], grade["date"])))
    if grade.get("hash"):
        found.append(row("certificate sha256", pack["id"], grade["hash"]))
    return found


# ---- live values, cells --------------------------------------------------------------------------------


def live(job):
    """Voltage and current of each pack beside the engineer's meter, as found."""
    if job.answers.ask("meter.has") != "yes":
        raise Absent("no meter")
    found = []
    for index, pack in enumerate(job.settings["packs"]):
        name = pack["id"]
        meter_mv = round(1000 * job.answers.ask("meter.voltage_v", name))
        meter_ma = round(1000 * job.answers.ask("meter.current_a", name))
        raw = raw_of(values(job), index)
        margin_mv = max(VOLT_MV, abs(meter_mv) * VOLT_PPM // 1000000)
        margin_ma = max(AMPERE_MA, abs(meter_ma) * AMPERE_PPM // 1000000)
        if abs(raw["pack_mv"] - meter_mv) > margin_mv:
            raise StepError("meter", name, volts(raw["pack_mv"]), volts(meter_mv), volts(margin_mv))
        if abs(raw["current_ma"] - meter_ma) > margin_ma:
            raise StepError("meter", name, amperes(raw["current_ma"]), amperes(meter_ma), amperes(margin_ma))
        found.append(row("voltage", name, raw["pack_mv"] / 1000, "V", meter_mv / 1000, margin_mv / 1000))
        found.append(row("current", name, raw["current_ma"] / 1000, "A", meter_ma / 1000, margin_ma / 1000))
    return found


def cells(job):
    """Cells in series: the pack's voltage over the mean cell must be the number of site.yaml."""
    status = values(job)
    found = []
    for index, pack in enumerate(job.settings["packs"]):
        raw, name = raw_of(status, index), pack["id"]
        known = [mv for mv in raw["cell_mv"] if mv is not None]
        mean_mv = statistics.mean(known)
        counted = round(raw["pack_mv"] / mean_mv)
        if counted != pack["cells"]:
            raise StepError("cells", name, counted, pack["cells"])
        low, high = CELL_RANGE_MV[pack["chemistry"]]
        if not low <= mean_mv <= high:
            raise StepError("cells_range", name, "%.3f" % (mean_mv / 1000), pack["chemistry"].upper())
        total_mv = round(mean_mv * pack["cells"])
        margin_mv = max(VOLT_MV, raw["pack_mv"] * VOLT_PPM // 1000000)
        if abs(total_mv - raw["pack_mv"]) > margin_mv:
            raise StepError("cells_sum", name, volts(total_mv), volts(raw["pack_mv"]))
        found.append(row("cells in series", name, counted, "", pack["cells"], 0))
        found.append(row("sum of cells", name, total_mv / 1000, "V", raw["pack_mv"] / 1000, margin_mv / 1000))
    return found


# ---- sign of the current ---------------------------------------------------------------------------------


def sign(job, trial=None):
    """A current of known direction flows by hand: BMS, PCS and meter must all say so. trial: in mA, where nothing can
    flow in observe because a contactor is ours."""
    job.answers.go("sign", "go.sign")
    direction = job.answers.ask("sign.direction")
    side = 1 if direction == "charge" else -1
    if trial is not None:
        say("  " + texts.word(job.lang, "trial", "%g" % (trial / 1000)))
        job.live.start(trial)
    say("  [sign.direction] " + texts.word(job.lang, "wait_flow", FLOW_MA // 1000))
    looks = []

    def flows(status):
        pcs = status["pcs"] or {}
        all_ma = [raw_of(status, i)["current_ma"] or 0 for i in range(len(status["packs"]))]
        if status["now_ms"] != (looks[-1]["now_ms"] if looks else None):
            if max(abs(sum(all_ma)), abs(pcs.get("dc_ma") or 0)) >= FLOW_MA:
                looks.append(status)
            else:
                looks.clear()
        return len({round(look["now_ms"] / job.settings["period_ms"]) for look in looks}) >= FLOW_READS

    status = job.live.wait(flows, job.wait_s)
    if status is None:
        raise StepError("no_flow", FLOW_MA // 1000, "%d" % job.wait_s)
    return signs(job, status, direction, side)


def signs(job, status, direction, side):
    """Rows of who says what of a current that flows in direction (side +1 charges). Raises StepError."""
    pcs, found = status["pcs"] or {}, []
    dc_ma = pcs.get("dc_ma")
    total_ma = 0
    for index, pack in enumerate(job.settings["packs"]):
        ma = raw_of(status, index)["current_ma"]
        if ma is None or ma * side <= 0:
            raise StepError("sign_bms", pack["id"], amperes(ma), direction)
        total_ma += ma
        found.append(row("current by the BMS, %s" % direction, pack["id"], ma / 1000, "A"))
    if dc_ma is not None:
        if dc_ma * side <= 0:
            raise StepError("sign_pcs", amperes(dc_ma), direction)
        margin_ma = max(APART_MA, abs(dc_ma) * APART_PPM // 1000000)
        if abs(total_ma - dc_ma) > margin_ma:
            raise StepError("sign_apart", job.settings["site"], amperes(total_ma), amperes(dc_ma), amperes(margin_ma))
        found.append(row("current by the PCS", "pcs", dc_ma / 1000, "A", total_ma / 1000, margin_ma / 1000))
    meter_w = (status.get("details") or {}).get("meter_w")
    if job.settings["meter"] and meter_w is not None:
        if meter_w * side <= 0:
            raise StepError("sign_meter", "%+d W" % meter_w, direction)
        found.append(row("power by the meter", "meter", meter_w, "W"))
    return found


# ---- sensors and inputs ------------------------------------------------------------------------------------


def sensors(job):
    """Every temperature and every cell: there, and plausible beside the others and the room."""
    ambient_mc = round(1000 * job.answers.ask("ambient_c"))
    status = values(job)
    found = []
    for index, pack in enumerate(job.settings["packs"]):
        raw, name = raw_of(status, index), pack["id"]
        found += temperatures(name, raw["temp_mc"], ambient_mc)
        mean_mv = statistics.mean(mv for mv in raw["cell_mv"] if mv is not None)
        for number, mv in enumerate(raw["cell_mv"], 1):
            if mv is None:
                raise StepError("cell_dead", name, number)
            if abs(mv - mean_mv) > CELL_MV:
                raise StepError("cell_odd", name, number, volts(mv), volts(mean_mv))
        low, high = min(raw["cell_mv"]), max(raw["cell_mv"])
        found.append(row("lowest cell", name, low / 1000, "V", round(mean_mv) / 1000, CELL_MV / 1000))
        found.append(row("highest cell", name, high / 1000, "V", round(mean_mv) / 1000, CELL_MV / 1000))
    return found


def temperatures(name, temps_mc, ambient_mc):
    """Rows of the temperatures of one pack (milli-°C, None: nothing told). Raises StepError."""
    for number, mc in enumerate(temps_mc, 1):
        if mc is None:
            raise StepError("temp_dead", name, number)
    middle_mc = statistics.median(temps_mc)
    found = []
    for number, mc in enumerate(temps_mc, 1):
        if abs(mc - middle_mc) > TEMP_MC:
            raise StepError("temp_odd", name, number, "%.1f °C" % (mc / 1000), "%.1f °C" % (middle_mc / 1000))
        found.append(row("temperature %d" % number, name, mc / 1000, "°C", middle_mc / 1000, TEMP_MC / 1000))
    if abs(middle_mc - ambient_mc) > AMBIENT_MC:
        raise StepError("temp_ambient", name, "%.1f °C" % (middle_mc / 1000), "%.1f °C" % (ambient_mc / 1000))
    found.append(row("median temperature", name, middle_mc / 1000, "°C", ambient_mc / 1000, AMBIENT_MC / 1000))
    return found


def wired_loops(settings):
    """Names of the safety inputs that the site has."""
    own = settings.get("inputs") or {}
    return [name for name in LOOPS if own.get(name + "_input") is not None or own.get(name + "_pin") is not None]


def inputs(job):
    """Each safety input at rest, actuated and released: all three are seen."""
    loops = wired_loops(job.settings)
    if not loops:
        raise Absent("inputs: names none")
    job.answers.go("inputs", "go.inputs")
    return [proved(job, name) for name in loops]


def proved(job, name):
    """The row of one safety input that was seen quiet, active and quiet again. Raises StepError."""

    def told(wanted, within_s):
        return job.live.wait(lambda status: input_of(status, name) in wanted, within_s) is not None

    if not told((True, False), VALUES_S):
        raise StepError("no_values", name)
    if not told((False,), REST_S):
        raise StepError("input_active", name)
    say("  [input.%s] %s" % (name, texts.word(job.lang, "act", name)))
    if not told((True,), job.wait_s):
        raise StepError("input_quiet", name, "%d" % job.wait_s)
    say("  [input.%s] %s" % (name, texts.word(job.lang, "release", name)))
    if not told((False,), job.wait_s):
        raise StepError("input_stays", name, "%d" % job.wait_s)
    return row("quiet, active, quiet", name, "seen", expected="seen")


def input_of(status, name):
    """True active, False quiet, None not known: of a safety input. A board tells it as a fault."""
    told = status.get("details")
    if told:
        return (told["inputs"] or {}).get(name)
    return any(fault[0] == name for fault in status["faults"])
