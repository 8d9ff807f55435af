# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What stands in the tables of faults and losses beside the numbered ones: the PCS's line, deep discharge, heat, the
budget of restarts, contacts that contradict the current, and a backend that is away for a day."""

from edge.core import faults as f
from edge.shell import cbor
from edge.shell.outbox import Outbox
from edge.shell.pipe import ListUplink
from simulator.faults import PLANT, WIRE, Scenario, Stage
from simulator.scenarios_pcs import pcs_of
from simulator.scenarios_wired import alarmed, connect
from simulator.site_rig import begin

PERIOD_MS = 1000
STALE_MS = 3000
HOUR_MS = 3600000


# ---- losses -------------------------------------------------------------------------------------------------


def pcs_lost(stage):
    """The line to the PCS is cut under load: its watchdog ends the current. Then the line is back."""
    stage.settle()
    stage.fault(lambda world: world.silent.add(pcs_of(stage)))
    watchdog_ms = stage.settings["pcs"]["watchdog_ms"]
    stage.expect("pcs_silent", STALE_MS + 2 * PERIOD_MS)
    stage.need(stage.run(watchdog_ms, until=lambda: stage.flows_a() < 0.5), "%.1f A still flow" % stage.flows_a())
    stage.heal(lambda world: world.silent.clear())
    stage.recovers(10)


def pcs_lost_flows(stage):
    """The same with a PCS whose watchdog does nothing: the trip."""
    stage.settle()

    def strike(world):
        world.silent.add(pcs_of(stage))
        world.mishaps.start("pcs_ignores", world.now_ms)

    stage.fault(strike)
    stage.expect("pcs_lost", stage.settings["pcs"]["watchdog_ms"] + f.LOST_MS + 5 * PERIOD_MS)
    stage.stays_zero(20000)


class Unheard(ListUplink):
    """An uplink of a gateway whose backend is away: everything stays in its outbox."""

    def __init__(self, device, limit_bytes):
        super().__init__(0)
        self.outbox = Outbox(device, 5, 1, limit_bytes)

    def offer(self, record):
        """See the Uplink port."""
        self.outbox.append(record)
        return super().offer(record)


def backend_away(stage):
    """32: thirteen hours without a backend: control as ever, and then everything arrives once, in order."""
    unheard = Unheard(stage.settings["device"], 8 << 20)
    twin = Stage(stage.name)
    begin(stage, uplink=unheard)
    begin(twin)
    for each in (stage, twin):
        each.run(HOUR_MS, 1000)
    stage.need(stage.rig.digest == twin.rig.digest, "control differs")
    twin.close()
    stage.run(12 * HOUR_MS, 1000)
    now_ms = stage.world.now_ms
    found = []
    while (item := unheard.outbox.take(now_ms)) is not None:
        body = cbor.decode(item[1])
        found.append(body[2])
        unheard.outbox.ack(cbor.encode({1: 5, 2: item[0]}), now_ms)
    stage.need(found == list(range(1, unheard.seq + 1)), "%d of %d" % (len(found), unheard.seq))
    stage.need(unheard.outbox.dropped == 0, "%d lost" % unheard.outbox.dropped)


# ---- the gravest ----------------------------------------------------------------------------------------------


def low(millivolts):
    """For FaultWorld.says: every cell at that voltage."""

    def change(sample):
        cells = (millivolts,) * len(sample.cell_mv)
        return sample._replace(cell_mv=cells, cell_max_mv=millivolts, cell_min_mv=millivolts, pack_mv=sum(cells))

    return change


def deep_discharge(stage):
    """Far below the lowest voltage: locked, and it stays so when the voltage is back and after a restart."""
    begin(stage)
    stage.settle()
    stage.fault(lambda world: world.says.update({0: low(1700)}))
    stage.zero_within(2 * PERIOD_MS)
    stage.expect("deep_discharge", 6 * PERIOD_MS)
    stage.heal(lambda world: world.says.clear())
    stage.stays_zero(400000, tick_ms=1000)
    begin(stage, stage.world, stage.rig.rig.store.load())
    stage.stays_zero(400000, tick_ms=1000)


def heats(stage):
    """The pack heats itself by 1.2 K a minute, which no current explains: locked before it is hot."""
    stage.settle(0)
    stage.run(300000, 1000)
    stage.fault(lambda world: world.mishaps.start("self_heating", world.now_ms, mk_per_s=40))
    stage.run(900000, 1000, until=lambda: "temp_rise" in told(stage))
    stage.need("temp_rise" in told(stage), "nobody saw it, %.0f °C" % stage.world.plants[0].temp_c)
    stage.need(stage.world.plants[0].temp_c < 50.0, "seen at %.0f °C" % stage.world.plants[0].temp_c)
    stage.stays_zero(400000, tick_ms=1000)


def told(stage):
    """Names of the faults raised since fault()."""
    return [f.NAMES[code] for _, code in stage._raised()]


def budget(stage):
    """A fault comes back after every restart: three restarts in a day, then a person has to look."""
    stage.settle()
    stage.fault()
    for _ in range(f.RESTARTS + 1):
        stage.world.says[0] = alarmed
        stage.run(10000)
        stage.world.says.clear()
        stage.run(330000, 1000)
    stage.need("budget_used" in told(stage), "told: %s" % ", ".join(told(stage)))
    stage.stays_zero(HOUR_MS, tick_ms=1000)


def contact_says_open(stage):
    """The auxiliary contact says open while current flows: locked."""
    world = connect(stage)
    contacts = stage.rig.rig.devices[-1]

    def strike(_):
        contacts.auxiliary = lambda: False
        world.mishaps.start("pcs_ignores", world.now_ms)

    stage.fault(strike)
    stage.expect("flow_while_open", 6 * PERIOD_MS)
    stage.stays_zero(400000, tick_ms=1000)


def coil_is_dead(stage):
    """The contactor falls by itself: the auxiliary contact says so, and it is not closed again and again."""
    world = connect(stage)
    contacts = stage.rig.rig.devices[-1]
    world.day.power_w = 0.0
    stage.run(5000)

    def strike(_):
        contacts.auxiliary = lambda: False

    stage.fault(strike)
    stage.expect("contactor_dead", 6 * PERIOD_MS)
    stage.stays_zero(200000, tick_ms=1000)


def seen(place, text):
    """The rule of edge.core.controller that sees it."""
    return (("edge/core/controller.py", "%s = %s\n" % (place, text), "%s = False\n" % place),)


KEEPS = (("edge/shell/outbox.py", "while self.bytes > self.limit_bytes and", "while self.bytes > 100000 and"),)
BUDGET = (("edge/core/faults.py", "if len(used) >= (SILENT_RESTARTS if silent else RESTARTS):", "if False:"),)
SEPLOS = ("seplos",)
_ROWS: tuple = (
    (
        "pcs_line_cut",
        ("4.27",),
        "the line to the PCS is cut under load",
        WIRE,
        pcs_lost,
        seen("c[f.F_PCS_SILENT]", "site.pcs_silent"),
    ),
    (
        "pcs_line_cut_flows",
        ("4.27", "4.29"),
        "the same, and its watchdog does nothing",
        PLANT,
        pcs_lost_flows,
        seen("c[f.F_PCS_LOST]", "site.pcs_lost and max(charge_ma, discharge_ma) > slack_ma"),
    ),
    ("backend_away", ("4.32", "B18"), "no backend for thirteen hours", WIRE, backend_away, KEEPS),
    (
        "deep_discharge",
        ("4.7",),
        "every cell far below its minimum",
        WIRE,
        deep_discharge,
        seen("c[f.F_DEEP_DISCHARGE]", "under >= 600"),
    ),
    ("heats_itself", ("4.8",), "the pack heats itself", PLANT, heats, seen("c[f.F_TEMP_RISE]", "self.heats")),
    ("budget_used", ("4.40",), "a fault comes back after every restart", WIRE, budget, BUDGET),
    (
        "contact_says_open",
        ("4.28",),
        "the auxiliary contact says open while current flows",
        WIRE,
        contact_says_open,
        seen("c[f.F_FLOW_WHILE_OPEN]", "max(charge_ma, discharge_ma) > self._open_ma"),
    ),
    (
        "contactor_dead",
        ("4.28",),
        "the contactor falls by itself",
        WIRE,
        coil_is_dead,
        seen("c[f.F_CONTACTOR_DEAD]", "contactor.does_not_close(closed)"),
    ),
)
SCENARIOS = tuple(Scenario._make((*row, SEPLOS, False)) for row in _ROWS)
