# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The steps of a commissioning that act: what falls, and when, after the controller has died.

A trial is the controller itself, in control, with limits of nothing or of little; then it is killed, as a power cut
does it, and the devices are watched without it. What went on by itself is told zero by another controller, and the
step stops.
"""

import os

import yaml

from edge.core.records import G_MEASURE
from edge.shell.pins import hold_ms
from host_tools import commission_reads
from host_tools import commission_texts as texts
from host_tools.cautions import DEAD_MAN_MS, has_watchdog
from host_tools.commission_job import Absent, StepError, row, say
from host_tools.commission_live import Eyes, is_new
from host_tools.commission_reads import raw_of, values

SLACK_MS = 2000  # what we see of a device is up to two polls old
TRIAL_PPM = 50000  # of the smallest limit: enough to be seen in a register
TRIAL_MA = 1000  # at least
ZERO_MA = 2000  # with limits of zero no more may be seen: offsets of reused sensors
ZERO_PPM = 20000  # of rated power: a PCS that stands still
STILL = "PCS stands still after"
CONTROL_S = 40.0  # until a trial controls; precharge may need three tries


def trial_ma(settings):
    """Current of the trial in mA: 5 % of the smallest limit of all packs, at least 1 A."""
    limits = []
    for pack in settings["packs"]:
        for source in (pack["maker"], pack["grade"], pack.get("contract") or pack["maker"]):
            limits += [source["charge_ma"], source["discharge_ma"]]
    return max(TRIAL_MA, min(limits) * TRIAL_PPM // 1000000)


def seconds(ms):
    """ms as text in s."""
    return "%.1f s" % (ms / 1000)


def asked_free(job, *question):
    """The answer to a question while which the port of the board is free for `reuse-edge flash`."""
    job.live.end()
    try:
        return job.answers.ask(*question)
    finally:
        job.live.again()


def by_hand(job, name):
    """Path of a site.yaml in control with the limits of a trial, for a controller that this tool cannot kill."""
    with open(job.path, encoding="utf-8") as file:
        site = yaml.safe_load(file)
    for pack, settings in zip(site["packs"], job.settings["packs"], strict=True):
        most_a = (0 if name == "contactor" else trial_ma(job.settings)) / 1000
        old = settings.get("contract") or settings["grade"]
        pack["contract"] = {key + "_a": min(most_a, old[key + "_ma"] / 1000) for key in ("charge", "discharge")}
    site["mode"] = "control"
    site.pop("commissioned", None)
    path = os.path.join(os.path.dirname(os.path.abspath(job.path)), "trial-%s.yaml" % name)
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(site, file, allow_unicode=True, sort_keys=False)
    return path


def sign(job):
    """commission_reads.sign(); through a contactor of ours current flows only in a trial."""
    if not any(pack.get("contactor") for pack in job.settings["packs"]):
        return commission_reads.sign(job)
    if not job.live.ours:
        say("  " + by_hand(job, "sign"))
        return commission_reads.sign(job)
    try:
        return commission_reads.sign(job, trial_ma(job.settings))
    finally:
        job.live.end()


# ---- contactors ------------------------------------------------------------------------------------------


def contactor(job):
    """Every contactor of ours closes by precharge with limits of zero, and falls when the controller dies."""
    own = [index for index, pack in enumerate(job.settings["packs"]) if pack.get("contactor")]
    if not own:
        raise Absent("no contactor: in site.yaml")
    job.answers.go("contactor", "go.contactor")
    if not job.live.ours:
        say("  " + by_hand(job, "contactor"))
        return [heard(job, index) for index in own]
    say("  " + texts.word(job.lang, "trial", 0))
    job.live.start(0)
    found = closed(job, own)
    dead_s = job.live.kill()
    say("  " + texts.word(job.lang, "killed"))
    watched = [index for index in own if job.settings["packs"][index]["contactor"].get("feedback_input") is not None]
    found += [heard(job, index) for index in own if index not in watched]
    try:
        found += fallen(job, watched, dead_s)
    except StepError:
        job.live.make_safe()
        say("  " + texts.word(job.lang, "safe"))
        raise
    return found


def closed(job, own):
    """Rows of the closing of the contactors of packs own. Raises StepError when one does not close or current flows."""

    def all_closed(status):
        return all(state_of(status, index) == "closed" for index in own)

    status = job.live.wait(all_closed, CONTROL_S)
    if status is None:
        last = job.live.wait(lambda _: True, 5) or {"packs": [], "faults": []}
        left = [index for index in own if not last["packs"] or state_of(last, index) != "closed"]
        names = ", ".join(job.settings["packs"][index]["id"] for index in left)
        why = ", ".join(fault[0] for fault in last["faults"]) or "; ".join(
            "%s" % state_of(last, index) for index in left if last["packs"]
        )
        job.live.end()
        raise StepError("contactor_closed", names, why)
    found = []
    for index in own:
        pack, raw = job.settings["packs"][index], raw_of(status, index)
        if abs(raw["current_ma"] or 0) > ZERO_MA:
            job.live.end()
            raise StepError("current_flows", "%.1f" % (raw["current_ma"] / 1000))
        dc_mv = (status["pcs"] or {}).get("dc_mv")
        if dc_mv is not None:
            delta_v = (dc_mv - raw["pack_mv"]) / 1000
            margin_v = pack["contactor"]["join_mv"] / 1000
            found.append(row("bus less pack, closed", pack["id"], delta_v, "V", 0, margin_v))
        found.append(row("precharge, tries", pack["id"], raw["contactor"]["tries"]))
        found.append(row("closed at a current of", pack["id"], (raw["current_ma"] or 0) / 1000, "A", 0, ZERO_MA / 1000))
    return found


def state_of(status, index):
    """Name of the state of a pack's contactor as the controller wants it and its contact confirms it."""
    told = raw_of(status, index).get("contactor")
    contact = ((status.get("details") or {}).get("inputs") or {}).get("contactor")
    contact = contact[index] if isinstance(contact, list) and index < len(contact) else None
    if told is None:
        return "not told"
    return "contact open" if told["state"] == "closed" and contact is False else told["state"]


def fallen(job, own, dead_s):
    """Rows of how long after dead_s (monotonic) the contactors of packs own fell, by their contacts."""
    eyes = Eyes(job.settings, job.load)
    found = []
    for index in own:
        pack = job.settings["packs"][index]
        most_ms = hold_ms(job.settings, pack) + SLACK_MS

        def is_open(devices, from_ms, index=index):
            told = devices[-1].read(0)
            contacts = told and told.contactor
            return bool(contacts) and told.at_ms > from_ms and contacts[index] is False

        took_s = eyes.watch(is_open, dead_s, most_ms / 1000)
        if took_s is None:
            raise StepError("contactor_stays", pack["id"], seconds(most_ms))
        found.append(judged(job, pack, round(took_s * 1000)))
    return found


def judged(job, pack, took_ms):
    """The row of a contactor that fell took_ms after the controller's death. Raises StepError when too early."""
    least_ms = job.settings["pcs"]["watchdog_ms"]
    if took_ms + SLACK_MS < least_ms:
        raise StepError("contactor_early", pack["id"], seconds(took_ms), seconds(least_ms))
    return row(
        "contactor falls after", pack["id"], took_ms / 1000, "s", hold_ms(job.settings, pack) / 1000, SLACK_MS / 1000
    )


def heard(job, index):
    """The row of a contactor without a contact of its own: the engineer's ear and watch."""
    pack = job.settings["packs"][index]
    took_ms = round(1000 * asked_free(job, "contactor.dropped_s", pack["id"]))
    if took_ms > hold_ms(job.settings, pack) + SLACK_MS:
        raise StepError("contactor_stays", pack["id"], seconds(hold_ms(job.settings, pack) + SLACK_MS))
    found = judged(job, pack, took_ms)
    found["what"] += " (by hand)"
    return found


# ---- watchdog of the PCS -----------------------------------------------------------------------------------


def watchdog(job):
    """The PCS holds a small limit, the controller dies, and the PCS stops by itself: how long after."""
    table = job.load(job.settings["pcs"]["profile"])
    if not has_watchdog(table):
        raise Absent("%s has no watchdog that can be read" % job.settings["pcs"]["profile"])
    most_ma = trial_ma(job.settings)
    job.answers.go("watchdog", "go.watchdog", "%g" % (most_ma / 1000))
    if not job.live.ours:
        took_ms = round(1000 * asked_free(job, "watchdog.stopped_s", None, by_hand(job, "watchdog")))
        return stopped(job, took_ms, " (by hand)")
    say("  " + texts.word(job.lang, "trial", "%g" % (most_ma / 1000)))
    job.live.start(most_ma)
    status = holds_limits(job)
    pcs = status["pcs"]
    found = [
        row("watchdog, read back", "pcs", pcs["watchdog_ms"] / 1000, "s", job.settings["pcs"]["watchdog_ms"] / 1000, 0),
        row("limits held before", "pcs", "%s / %s" % (pcs["charge_w"], pcs["discharge_w"]), "W"),
    ]
    dead_s = job.live.kill()
    say("  " + texts.word(job.lang, "killed"))
    return found + stops(job, dead_s)


def holds_limits(job):
    """The status of a trial whose limits the PCS shows. Raises StepError with what is missing."""
    wanted_ms = job.settings["pcs"]["watchdog_ms"]

    def held(status):
        pcs = status["pcs"] or {}
        limits = [pcs.get("charge_w"), pcs.get("discharge_w")]
        power = limits if None not in limits else [pcs.get("dc_w") or 0]
        return status["state"] == "running" and pcs.get("watchdog_ms") == wanted_ms and any(power)

    status = job.live.wait(held, CONTROL_S)
    if status is None:
        last = job.live.wait(lambda _: True, 5) or {"state": job.live.last_line(), "pcs": None, "faults": []}
        job.live.end()
        faults = ", ".join(fault[0] for fault in last["faults"])
        if last["state"] != "running":
            raise StepError("trial_start", "%s %s" % (last["state"], faults))
        pcs = last["pcs"] or {}
        told = "watchdog %s ms, limits %s / %s W" % (
            pcs.get("watchdog_ms"),
            pcs.get("charge_w"),
            pcs.get("discharge_w"),
        )
        raise StepError("pcs_refuses", told)
    return status


def stops(job, dead_s):
    """Rows of how long after dead_s (monotonic) the PCS stopped. Raises StepError, after zero was written."""
    pcs = job.settings["pcs"]
    zero_w = pcs["power_w"] * ZERO_PPM // 1000000
    last = {}

    def is_still(devices, from_ms):
        told = devices[len(job.settings["packs"])].read(0)
        if told is None or not is_new(told.groups[G_MEASURE], from_ms):
            return False
        last["told"] = told
        return not told.charge_w and not told.discharge_w and abs(told.dc_w or 0) <= zero_w

    most_ms = pcs["watchdog_ms"] + pcs["obey_ms"] + SLACK_MS
    took_s = Eyes(job.settings, job.load).watch(is_still, dead_s, most_ms / 1000)
    if took_s is None:
        told = last.get("told")
        job.live.make_safe()
        say("  " + texts.word(job.lang, "safe"))
        what = "?" if told is None else "%s W, limits %s / %s W" % (told.dc_w, told.charge_w, told.discharge_w)
        raise StepError("pcs_goes_on", what, seconds(most_ms))
    return stopped(job, round(took_s * 1000))


def stopped(job, took_ms, how=""):
    """The rows of a PCS that stopped took_ms after the controller's death. Raises StepError when that is too long."""
    pcs = job.settings["pcs"]
    most_ms = pcs["watchdog_ms"] + pcs["obey_ms"] + SLACK_MS
    if took_ms > most_ms:
        raise StepError("pcs_goes_on", "?", seconds(took_ms))
    if took_ms > DEAD_MAN_MS and not any(pack.get("contactor") for pack in job.settings["packs"]):
        raise StepError("residual", seconds(took_ms), seconds(DEAD_MAN_MS))
    return [row(STILL + how, "pcs", took_ms / 1000, "s", pcs["watchdog_ms"] / 1000, SLACK_MS / 1000)]


# ---- opening path that is not ours -------------------------------------------------------------------------


def opening(job):
    """The opening path that site.yaml names is opened by its own means; the engineer says how it was seen."""
    if not job.opening:
        raise Absent("no opening_path: in site.yaml")
    found = []
    for name, path in job.opening.items():
        seen = job.answers.ask("opening.by", name, path)
        found.append(row("opens by %s" % path, name, seen))
    values(job)  # and it is closed again: the BMS talks
    return found
