# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Requests for power, what is presented to others, and inputs and contactors on Modbus modules: 28, 41, B7, B8, B12."""

from struct import pack, unpack_from
from types import SimpleNamespace

from edge.core import terms as t
from edge.core.registry import KEYS
from edge.core.settings import check, with_defaults
from edge.shell.gateway_sunspec import SunSpecServer
from simulator.checks import Checks
from simulator.fault_oracle import ORACLE
from simulator.faults import PLANT, WIRE, Scenario, site_of
from simulator.pcs import IN_RATE, OUT_RATE, signed
from simulator.scenarios_orders import Desk
from simulator.scenarios_pcs import bms_allows
from simulator.scenarios_wired import MISSING_INPUTS, WELD, alarmed, rule
from simulator.sites import with_inverter

PERIOD_MS = 1000
STALE_MS = 3000


# ---- requests for power -----------------------------------------------------------------------------------


def window(stage):
    """(least, most) power in W that the registers of the PCS order, + charges."""
    registers, rated = stage.world.pcs.registers, stage.world.pcs.power_w
    return tuple(sign * signed(registers[at]) * rated / 10000 for sign, at in ((-1, OUT_RATE), (1, IN_RATE)))


def told(desk, name):
    """Newest value of that metric among the records, None before the first."""
    key = KEYS[name]
    found = [dict(row.pairs)[key] for _, row in desk.uplink.records if key in dict(row.pairs)]
    return found[-1] if found else None


def ask(stage, power_w, valid_s):
    """A Desk that has asked for power_w until valid_s from now."""
    desk = Desk(stage)
    stage.settle(0.0)
    stage.fault()
    desk.send(desk.order(t.POWER, {1: power_w, 2: valid_s}, "operator"))
    stage.run(3 * PERIOD_MS)
    return desk


def within_permit(stage, desk):
    """What flows and what is told as permitted is inside the permit."""
    volts = float(stage.world.plants[0].cell_v.sum())
    most_w = stage.permit()[1] / 1000.0 * volts * 1.01
    stage.need(-stage.world.pcs.now_w <= most_w + 1, "%d W flow, %d W may" % (-stage.world.pcs.now_w, most_w))
    stage.need(-told(desk, "request_permitted") <= most_w + 1, "%s W told" % told(desk, "request_permitted"))


def request_clipped(stage):
    """More is asked for than may flow: it is clipped, follows the permit down, and both numbers are told."""
    desk = ask(stage, -9000, 600)
    stage.run(12 * PERIOD_MS)
    least_w, most_w = window(stage)
    stage.need(least_w == most_w and -9000 < least_w < -1000, "the PCS is told %d to %d W" % (least_w, most_w))
    stage.need(told(desk, "request_power") == -9000, "asked %s W is told" % told(desk, "request_power"))
    within_permit(stage, desk)
    stage.fault(lambda world: world.says.update({0: bms_allows(0.1)}))
    stage.run(16 * PERIOD_MS)
    within_permit(stage, desk)
    stage.fault(lambda world: world.says.update({0: bms_allows(0.0)}))
    stage.run(2 * PERIOD_MS)
    stage.need(window(stage) == (0, 0), "the PCS is told %s W" % (window(stage),))


def request_ends(stage):
    """Nobody renews a request: at its end the PCS's own logic goes on, inside the limits."""
    ask(stage, -1500, 20)
    stage.need(window(stage) == (-1500, -1500), "the PCS is told %s W" % (window(stage),))
    stage.run(15 * PERIOD_MS)
    stage.need(window(stage) == (-1500, -1500), "over too early: %s W" % (window(stage),))
    stage.run(5 * PERIOD_MS)
    least_w, most_w = window(stage)
    stage.need(least_w < -1500 and most_w > 1000, "the PCS is told %d to %d W" % (least_w, most_w))
    stage.need(stage.run(3000, until=lambda: stage.flows_a() < 0.5), "%.1f A still flow" % stage.flows_a())


def request_disobeyed(stage):
    """The PCS does something else than it was asked: what it does is told."""
    desk = ask(stage, -1500, 600)
    stage.run(12 * PERIOD_MS)
    stage.need(abs(told(desk, "request_obeyed") + 1500) < 50, "obeyed %s W" % told(desk, "request_obeyed"))
    stage.fault(lambda world: world.mishaps.start("pcs_ignores", world.now_ms))
    stage.run(12 * PERIOD_MS)
    stage.need(told(desk, "request_permitted") == -1500, "permitted %s W" % told(desk, "request_permitted"))
    stage.need(abs(told(desk, "request_obeyed")) < 50, "obeyed %s W is told" % told(desk, "request_obeyed"))


def server_of(stage):
    """The SunSpec server of the running site, asked without a network."""
    guarded = SimpleNamespace(site=stage.rig.rig.site, runtime="cpython")
    return SunSpecServer(guarded, stage.rig.rig.clock, with_defaults(stage.settings))


def points(server, model, first, count=1):
    """Registers of a model, by its offsets."""
    at = 40002
    while True:
        head = unpack_from(">HH", server.answer(pack(">BHH", 3, at, 2)), 2)
        if head[0] in (model, 0xFFFF):
            break
        at += 2 + head[1]
    return unpack_from(">%dH" % count, server.answer(pack(">BHH", 3, at + first, count)), 2), at


def request_by_server(stage):
    """The same over SunSpec model 704: clipped, and over when nobody writes any more."""
    stage.settle(0.0)
    server = server_of(stage)
    _, at = points(server, 704, 0)
    stage.fault()
    for first, words in ((31, (0, 20)), (24, (0, 9000)), (22, (1,))):
        pdu = pack(">BHHB", 16, at + first, len(words), 2 * len(words)) + pack(">%dH" % len(words), *words)
        stage.need(server.answer(pdu)[0] == 16, "the write of point %d is refused" % first)
    stage.run(5 * PERIOD_MS)
    least_w, most_w = window(stage)
    stage.need(least_w == most_w and -9000 < least_w < -1000, "the PCS is told %d to %d W" % (least_w, most_w))
    stage.run(20 * PERIOD_MS)
    stage.need(window(stage)[1] > 1000, "still asked: %s W" % (window(stage),))


# ---- B12: measured stays, presented is derived --------------------------------------------------------------


def lies_about_soc(sample):
    """For FaultWorld.says: the BMS's own count has lost its way."""
    return sample._replace(bms_soc_ppm=120000)


def kept(stage):
    """What was measured is in the records as it came, whoever looks at it and however often."""
    sample = stage.delivered()[0]
    for _, row in stage.rig.rig.uplink.records[-200:]:
        pairs = dict(row.pairs)
        if row.pack == 0 and row.mono_ms > stage.mark_ms + 5000 and KEYS["bms_soc"] in pairs:
            found = pairs[KEYS["bms_soc"]]
            stage.need(abs(found - 120000) <= 1000, "the record says %d ppm, the BMS 120000" % found)
            break
    else:
        stage.need(False, "no record says what the BMS says")
    return sample


def presented_by_server(stage):
    """B12: an energy manager reads the estimate; the record, and the sample itself, hold what the BMS said."""
    stage.settle()
    stage.fault(lambda world: world.says.update({0: lies_about_soc}))
    stage.run(30000)
    before = kept(stage)
    server = server_of(stage)
    for _ in range(20):
        soc = points(server, 802, 11)[0][0] / 100.0
    truth = stage.world.truth().soc_ppm / 10000
    stage.need(abs(soc - truth) < 10, "the server says %.1f %%, the pack is at %.0f %%" % (soc, truth))
    stage.need(kept(stage) == before, "the sample was changed")


def presented_on_can(stage):
    """B12: an inverter on CAN is told the estimate; the record, and the sample itself, hold what the BMS said."""
    stage.settings = with_inverter(site_of("sunspec"))
    stage.settle(0.0)
    stage.fault(lambda world: world.says.update({0: lies_about_soc}))
    stage.run(30000)
    kept(stage)
    _, data = stage.world.pcs.wire.heard[0x355]
    soc = unpack_from("<H", data, 0)[0]
    truth = stage.world.truth().soc_ppm / 10000
    stage.need(abs(soc - truth) < 10, "the inverter hears %d %%, the pack is at %.0f %%" % (soc, truth))


# ---- 41, 28: modules ----------------------------------------------------------------------------------------

RELAYS, INPUTS = 4, 3  # numbers of the modules among the devices
CONTACTOR = {"break_ma": 20000, "join_mv": 2000, "output": 0, "precharge_output": 1, "feedback_input": 5}


def modules(stage):
    """A site whose inputs and contactor are on Modbus modules; not yet started."""
    made = stage.settings
    made["packs"][0]["contactor"] = dict(CONTACTOR)
    made["links"] += [dict(made["links"][0], port=15030), dict(made["links"][0], port=15031)]
    made["inputs"] = {"profile": "moxa_e1214", "link": 3, "unit": 1, "estop_input": 0, "smoke_input": 1}
    made["outputs"] = {"profile": "icpdas_tm_r5", "link": 4, "unit": 1}
    stage.settings = with_defaults(check(made))
    stage.checks = Checks([row for row in ORACLE if row[0] != "outcome_complete"])
    stage.start()
    return stage.world.contacts.each[0]


def flowing(stage):
    """The same with its contactor closed and current; its SimContactor."""
    one = modules(stage)
    stage.settle()
    stage.need(one.main and one.closings == 1, "not closed")
    return one


def opened(stage, one, ms):
    """It opens within ms, below its break current."""
    stage.need(stage.run(ms, until=lambda: not one.main), "still closed after %d ms" % ms)
    stage.need(one.opened_ma <= CONTACTOR["break_ma"], "opened at %d mA" % one.opened_ma)


def module_estop(stage):
    """41: the loop of the emergency stop opens at the module."""
    one = flowing(stage)
    stage.fault(lambda world: world.mishaps.start("estop", world.now_ms))
    stage.zero_within(PERIOD_MS)
    stage.need(stage.run(1500, until=lambda: not one.main), "still closed")
    stage.expect("estop", PERIOD_MS + 200)


def module_silent(stage):
    """41: the input module answers no more: zero, then open."""
    one = flowing(stage)
    stage.fault(lambda world: world.silent.add(INPUTS))
    stage.zero_within(STALE_MS + PERIOD_MS)
    opened(stage, one, 16000)
    stage.expect("smoke", 10000 + 3 * PERIOD_MS)


def relays_silent(stage):
    """28: the relay module answers no more and will drop the contactor: the current stops first."""
    one = flowing(stage)
    stage.fault(lambda world: world.silent.add(RELAYS))
    stage.zero_within(3000 + 2 * PERIOD_MS)
    opened(stage, one, 30000)
    stage.expect("relays_silent", 3000 + 2 * PERIOD_MS)


def module_weld(stage):
    """28: the auxiliary contact at the module goes on saying closed."""
    flowing(stage)

    def strike(world):
        world.mishaps.start("contactor_weld", world.now_ms)
        world.says[0] = alarmed

    stage.fault(strike)
    stage.zero_within(3 * PERIOD_MS)
    stage.expect("weld", 10000)
    stage.heal(lambda world: world.says.pop(0))
    stage.stays_zero(400000, tick_ms=1000)


def no_time(index, data):
    """For FaultWorld.bytes_of: the watchdog of the relay module is off."""
    return bytes(len(data)) if index else data


def relays_without_watchdog(stage):
    """26 of the relays: a module that would hold its relays for ever closes nothing."""
    one = modules(stage)
    stage.fault(lambda world: world.bytes_of.update({RELAYS: no_time}))
    stage.need(not stage.run(60000, until=lambda: one.main or one.precharge), "closed")
    stage.heal(lambda world: world.bytes_of.clear())


CLIPPED = (
    "edge/core/requests.py",
    "return -min(-power_w, command.discharge_ma * command.pack_mv // 1000000)",
    "return power_w",
)
ENDS = (  # in the core, and in the port that outlives it
    ("edge/core/requests.py", "if self._asked is not None and now_ms >= self._asked[1]:", "if False:"),
    ("bms_bridge/pcs.py", "if self._asked is None or now_ms >= self._asked[1]:", "if self._asked is None:"),
)
OBEYED = ("edge/core/requests.py", "None if pcs is None else pcs.dc_w", "clip(power_w, command)")
DERIVED = (
    "edge/shell/presented.py",
    "return pack.believed.bms_soc_ppm if est.value is None or est.std > UNKNOWN_STD_PPM else est.value",
    "return pack.believed.bms_soc_ppm",
)
SERVED = ("edge/shell/gateway_sunspec_models.py", "self.soc_ppm = estimates.soc.value", "self.soc_ppm = 120000")
FALLS = (
    "bms_bridge/coils.py",
    "            if data is None:\n                return False\n",
    "            return True\n",
)
RELAYS_TOLD = ("bms_bridge/coils.py", "self.module.is_silent(now_ms)", "False")
SEPLOS = ("seplos",)
SUNSPEC = ("sunspec",)
_ROWS: tuple = (
    (
        "request_clipped",
        ("B7", "B8"),
        "more power is asked for than may flow",
        WIRE,
        request_clipped,
        (CLIPPED,),
        SEPLOS,
    ),
    ("request_ends", ("B8",), "nobody renews a request for power", WIRE, request_ends, ENDS, SEPLOS),
    (
        "request_disobeyed",
        ("B14",),
        "the PCS does not do what it is asked",
        PLANT,
        request_disobeyed,
        (OBEYED,),
        SEPLOS,
    ),
    ("request_by_server", ("B7", "B8"), "the same over the SunSpec server", WIRE, request_by_server, ENDS, SEPLOS),
    (
        "presented_by_server",
        ("B12",),
        "the BMS's SoC is wrong, a server is read",
        WIRE,
        presented_by_server,
        (SERVED,),
        SUNSPEC,
    ),
    (
        "presented_on_can",
        ("B12",),
        "the BMS's SoC is wrong, an inverter on CAN",
        WIRE,
        presented_on_can,
        (DERIVED,),
        SUNSPEC,
    ),
    ("module_estop", ("4.41",), "an input of a Modbus module opens", WIRE, module_estop, (rule("estop"),), SEPLOS),
    (
        "module_silent",
        ("4.41",),
        "the Modbus module with the inputs is silent",
        WIRE,
        module_silent,
        (MISSING_INPUTS,),
        SEPLOS,
    ),
    ("module_weld", ("4.28",), "the contactor of a relay module no longer opens", PLANT, module_weld, (WELD,), SEPLOS),
    ("relays_silent", ("4.28",), "the relay module is silent under load", WIRE, relays_silent, (RELAYS_TOLD,), SEPLOS),
    ("relays_endless", ("4.26",), "a relay module without a watchdog", WIRE, relays_without_watchdog, (FALLS,), SEPLOS),
)
SCENARIOS = tuple(Scenario._make((*row, False)) for row in _ROWS)
