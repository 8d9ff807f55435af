# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of what asks from outside and of what is configured: 37, 38, 39, and what peers got wrong with the same."""

import binascii

from edge.core import terms as t
from edge.core.registry import KEYS
from edge.shell import cbor
from edge.shell.link import Orders as Inbox
from edge.shell.pipe import DictStore, ListUplink
from edge.shell.signed import PREFIX, VERSION, hmac_sha256
from simulator.crash_disk import CrashDisk
from simulator.faults import PLANT, WIRE, Scenario, Stage
from simulator.scenarios_disk import store_on
from simulator.site_rig import Contacts, begin

PERIOD_MS = 1000
SECRETS = {"operator": b"o" * 32, "engineer": b"e" * 32, "commission": b"c" * 32, "stranger": b"s" * 32}
IDS = {role: role[:8].encode() for role in SECRETS}
TRUST = [
    {
        "id": binascii.hexlify(IDS[role]).decode(),
        "key": binascii.hexlify(SECRETS[role]).decode(),
        "kind": "hmac",
        "role": role,
    }
    for role in ("operator", "engineer", "commission")
]


class Desk:
    """Somebody who writes orders to a Stage's site, byte by byte as they come over the uplink."""

    def __init__(self, stage, **parts):
        self.stage = stage
        self.inbox = Inbox()
        self.uplink = ListUplink(4000)
        self.uplink.orders = self.inbox.take
        self.counter = 0
        begin(stage, uplink=self.uplink, trust=TRUST, **parts)

    def order(self, action, params, role="commission", **more):
        """The bytes of an order. more: counter, device, since_s, until_s, pack, reason, secret, body."""
        self.counter += 1
        utc_s = self.stage.world.utc_s()
        body = {
            t.K_DEVICE: more.get("device", self.stage.settings["device"]),
            t.K_COUNTER: more.get("counter", self.counter),
            t.K_NOT_BEFORE: more.get("since_s", utc_s - 60),
            t.K_EXPIRES: more.get("until_s", utc_s + 600),
            t.K_ACTION: action,
            t.K_PARAMS: params,
        }
        if "reason" in more:
            body[t.K_REASON] = more["reason"]
        if "pack" in more:
            body[t.K_PACK] = more["pack"]
        return signed(more.get("body") or cbor.encode(body), role, more.get("secret"))

    def send(self, raw, retained=False):
        """It arrives."""
        self.inbox.put(raw, retained)

    def verdicts(self):
        """Verdicts told so far."""
        key = KEYS["order_verdict"]
        return [dict(row.pairs)[key] for _, row in self.uplink.records if key in dict(row.pairs)]


def signed(body, role, secret=None):
    """A document with body (bytes) under the key of role."""
    message = PREFIX + cbor.encode([t.ORDER, VERSION, IDS[role], body])
    signature = hmac_sha256(secret or SECRETS[role], message)
    return cbor.encode({1: t.ORDER, 2: VERSION, 3: body, 4: IDS[role], 5: signature})


# ---- 37: hostile orders -----------------------------------------------------------------------------------

LEASE = {1: [30000, 600, 10000], 2: [30000, 600, 10000]}  # mA, s, mA afterwards
WIDE = {1: [79000, 600, 0], 2: [79000, 600, 0]}  # inside the envelope, wider than what is in force


def hostile(desk):
    """[(name, bytes), ...]: none of them may widen anything."""
    first = desk.order(t.LEASE, WIDE, counter=1)
    nan = cbor.encode({1: 0})[:-1] + b"\xf9\x7e\x00"
    looser: list = [("wider than the test centre", {1: [90001, 600, 0]}), ("beyond any pack", {1: [2**63, 600, 0]})]
    looser += [("negative", {1: [-1, 600, -1]}), ("endless", {1: [70000, 2**40, 70000]}), ("true", {1: [True, 600, 0]})]
    looser += [("afterwards more", {1: [10000, 600, 20000]}), ("text", {1: ["79000", 600, 0]}), ("empty", {})]
    looser += [("another side", {3: [79000, 600, 0]}), ("one of two wrong", {1: [79000, 600, 0], 2: [90000000, 1, 0]})]
    rows = [(name, desk.order(t.LEASE, params)) for name, params in looser]
    wrong = desk.order(t.LEASE, WIDE)
    rows += [
        ("rolled back", first),
        ("not signed", wrong[:-8] + bytes(8)),
        ("by a stranger", desk.order(t.LEASE, WIDE, "stranger")),
        ("another's signature", desk.order(t.LEASE, WIDE, secret=SECRETS["stranger"])),
        ("for another device", desk.order(t.LEASE, WIDE, device="elsewhere")),
        ("expired", desk.order(t.LEASE, WIDE, until_s=desk.stage.world.utc_s() - 1)),
        ("not yet", desk.order(t.LEASE, WIDE, since_s=desk.stage.world.utc_s() + 300)),
        ("role may not", desk.order(t.LEASE, WIDE, "engineer")),
        ("acknowledges without a reason", desk.order(t.ACKNOWLEDGE, {})),
        ("narrows for ever", desk.order(t.NARROW, {1: 0, 2: 0, 3: 2**31}, "engineer")),
        ("no such pack", desk.order(t.LEASE, WIDE, pack=7)),
        ("not a number", signed(nan, "commission")),
        ("no body", signed(b"\x00", "commission")),
        ("larger than allowed", desk.order(t.LEASE, WIDE, reason="x" * 5000)),
        ("cut", wrong[: len(wrong) // 2]),
        ("noise", bytes(range(256))),
        ("nothing", b""),
        ("bomb", b"\x9f" * 3000),
    ]
    return rows


def hostile_orders(stage):
    """37, B8: everything that is not wholly right is refused, and none of it widens a limit or stops the loop."""
    desk = Desk(stage)
    stage.settle()
    desk.counter = 1
    desk.send(desk.order(t.LEASE, LEASE, counter=10))
    desk.counter = 10
    stage.run(3000)
    stage.need(stage.permit() == (30000, 30000), "the lease is not in force: %s mA" % (stage.permit(),))
    for name, raw in hostile(desk):
        desk.send(raw)
        stage.fault()
        stage.run(2 * PERIOD_MS)
        stage.need(stage.permit() == (30000, 30000), "%s: permit %s mA" % (name, stage.permit()))
    desk.send(desk.order(t.LEASE, WIDE), retained=True)
    stage.run(2 * PERIOD_MS)
    stage.need(stage.permit() == (30000, 30000), "a retained order was taken")


def flood(stage):
    """37: thousands of orders that are not believed: bounded, told five times a minute, control as always."""
    desk = Desk(stage)
    stage.settle()
    before = stage.permit()
    told = len(desk.verdicts())
    stage.fault()
    for second in range(60):
        for number in range(50):
            desk.send(desk.order(t.LEASE, WIDE, "stranger", counter=1000 * second + number + 1))
        stage.run(1000)
    stage.need(stage.permit() == before, "permit %s mA" % (stage.permit(),))
    told = len(desk.verdicts()) - told
    stage.need(1 <= told <= 12, "%d refusals were told in a minute" % told)
    stage.need(desk.inbox.refused > 1000, "the inbox takes everything")


def order_twice(stage):
    """37: an older order that arrives after a newer one, and the newer one again."""
    desk = Desk(stage)
    stage.settle()
    older = desk.order(t.LEASE, WIDE)
    newer = desk.order(t.LEASE, LEASE)
    desk.send(newer)
    stage.run(2 * PERIOD_MS)
    for _ in range(3):
        desk.send(older)
        stage.run(20 * PERIOD_MS)
        stage.need(stage.permit() == (30000, 30000), "permit %s mA by the older one" % (stage.permit(),))
        desk.send(newer)
        stage.run(5 * PERIOD_MS)
        stage.need(stage.permit() == (30000, 30000), "permit %s mA" % (stage.permit(),))


# ---- 38: leases -------------------------------------------------------------------------------------------


def one_lease_ends(stage):
    """38: charging is leased once, discharging is renewed all the time: charging ends in its own time."""
    desk = Desk(stage)
    stage.settle()
    desk.send(desk.order(t.LEASE, {1: [30000, 60, 5000]}))
    stage.fault()
    for _ in range(11):
        desk.send(desk.order(t.LEASE, {2: [20000, 30, 0]}))
        stage.run(5 * PERIOD_MS)
        stage.need(stage.permit() == (30000, 20000), "permit %s mA" % (stage.permit(),))
    for _ in range(4):
        desk.send(desk.order(t.LEASE, {2: [20000, 30, 0]}))
        stage.run(5 * PERIOD_MS)
    stage.need(stage.permit() == (5000, 20000), "permit %s mA after the first has ended" % (stage.permit(),))
    stage.run(31000)
    stage.need(stage.permit() == (5000, 0), "permit %s mA after both have ended" % (stage.permit(),))


def lease_over_boot(stage):
    """38: after a start without a clock that can be trusted a lease is void, and what it declared holds."""
    desk = Desk(stage)
    stage.settle()
    desk.send(desk.order(t.LEASE, {1: [30000, 3600, 5000], 2: [20000, 3600, 0]}))
    stage.run(20 * PERIOD_MS)
    state = stage.rig.rig.store.load()
    again = Stage(stage.name)
    begin(again, state=state, store=DictStore(state), trust=TRUST, wall=lambda: (None, 0))
    again.run(60000, 1000)
    stage.need(again.permit() == (5000, 0), "permit %s mA without a clock" % (again.permit(),))
    again.close()


def loosens_only_durably(stage):
    """37, 33: a disk that keeps nothing: what loosens waits, what tightens does not."""
    disk, contacts = CrashDisk(), Contacts()
    desk = Desk(stage, store=store_on(disk), contacts=contacts)
    stage.settle()
    stage.fault(lambda world: contacts.closed.update(smoke=False))
    stage.zero_within(PERIOD_MS)
    stage.heal(lambda world: contacts.closed.update(smoke=True))
    disk.fails = 28
    desk.send(desk.order(t.ACKNOWLEDGE, {}, reason="looked at it"))
    stage.stays_zero(60000, tick_ms=1000)
    disk.fails = None
    stage.recovers(30)
    disk.fails = 28
    stage.run(60000, 1000)
    desk.send(desk.order(t.STOP, {1: 1}, "operator"))
    stage.fault()
    stage.zero_within(PERIOD_MS)
    disk.fails = None


# ---- 39: configuration ------------------------------------------------------------------------------------


def toggled(stage):
    """39: control, observe, control, observe by the settings: in observe nothing is written, and the lock stays."""
    contacts = Contacts()
    begin(stage, contacts=contacts)
    stage.settle()
    stage.fault(lambda world: contacts.closed.update(smoke=False))
    stage.zero_within(PERIOD_MS)
    stage.heal(lambda world: contacts.closed.update(smoke=True))
    for mode in ("observe", "control", "observe", "control"):
        stage.rig.close()
        state = stage.rig.rig.store.load()
        stage.settings["mode"] = mode
        world = stage.world
        begin(stage, world, state, contacts=contacts, store=DictStore(state))
        writes = world.pcs.writes
        stage.stays_zero(20000, tick_ms=1000)
        stage.rig.rig.flush()
        told = world.pcs.writes - writes
        stage.need((told == 0) == (mode == "observe"), "%d writes in %s" % (told, mode))


def mode_orders(stage):
    """39: observe by an order acts at once, control waits until it is durable; sent again it changes nothing."""
    desk = Desk(stage)
    stage.settle()
    for _ in range(3):
        desk.send(desk.order(t.MODE, {1: 0}))
        stage.fault()
        stage.zero_within(2 * PERIOD_MS)
        desk.send(desk.order(t.MODE, {1: 0}))
        stage.stays_zero(5000)
        desk.send(desk.order(t.MODE, {1: 1}))
        stage.recovers(10)
        stage.run(40000, 1000)


def another_pack(stage):
    """39: the state is of another serial: nothing of it is taken for this pack, and it starts from zero."""
    stage.settle()
    stage.run(60000, 1000)
    state = stage.rig.state()
    learned = state["packs"][0]["metering"]
    stage.need(max(learned) > 0, "nothing was counted")
    again = Stage(stage.name)
    again.settings["packs"][0]["serial"] = "OTHER"
    begin(again, state=state, store=DictStore(state))
    again.run(2000)
    counted = again.rig.rig.site.packs[0].metering.totals
    stage.need(max(counted[:2]) < max(learned[:2]) // 2, "another pack goes on with %s" % (counted,))
    stage.need(max(again.permit()) < 10000, "permit %s mA two seconds after the start" % (again.permit(),))
    again.close()


def observe_writes_nothing(stage):
    """39: a site in observe and everything that asks for a write: orders, requests, a fault, the end of the loop."""
    stage.settings["mode"] = "observe"
    desk = Desk(stage)
    stage.run(60000, 1000)
    stage.need(min(stage.permit()) > 0, "it computes what it would permit")
    desk.send(desk.order(t.MODE, {1: 1}))
    desk.send(desk.order(t.POWER, {1: -5000, 2: 600}, "operator"))
    desk.send(desk.order(t.LEASE, LEASE))
    stage.run(20000)
    stage.fault(lambda world: world.silent.add(0))
    stage.run(20000)
    stage.rig.close()
    stage.need(stage.world.pcs.writes == 0, "%d writes" % stage.world.pcs.writes)


SEPLOS = ("seplos",)
COUNTER = ("edge/core/orders.py", "if counter <= self.counters.get(key, 0):", "if counter < 0:")
SIGNATURE = ("edge/shell/signed.py", "if not check(row, message, parts[K_SIGNATURE]):", "if not row:")
REFUSALS = ("edge/core/orders.py", "if self._told <= REFUSALS_PER_MINUTE:", "if self._told <= 1000000:")
BOUNDED = ("edge/shell/link.py", "len(self._waiting) >= MAX_ORDERS", "len(self._waiting) >= 10000")
OWN_TIMER = (
    "edge/core/terms.py",
    "return (source, self.value, self.until_ms, self.after)",
    "return (source, self.value, None, None)",
)
VOID = (
    "edge/core/terms.py",
    "until_ms = None if source == S_CONTRACT else now_ms + left_s * 1000",
    "until_ms = now_ms + left_s * 1000",
)
DURABLE = ("edge/core/durable.py", "return self.saved >= ticket", "return True")
RESTORED = ("edge/core/faults.py", '"locked": [f for f in self.names() if LEVEL[f] == LOCK],', '"locked": [],')
OBSERVES = ("edge/core/orders.py", "if self.stopped or self.observing", "if self.stopped")
SAME_PACK = ("edge/core/restored.py", "and list(saved) == same else None", "else None")
READ_ONLY = (("edge/shell/wiring.py", "mode = CONTROL if control else READ", "mode = CONTROL"),)

_ROWS: tuple = (
    ("hostile_signature", ("4.37", "B8"), "orders that are not wholly right", WIRE, hostile_orders, (SIGNATURE,)),
    ("hostile_counter", ("4.37", "B8"), "the same with an old one", WIRE, hostile_orders, (COUNTER,)),
    ("order_flood", ("4.37",), "fifty bad orders a second", WIRE, flood, (REFUSALS, BOUNDED)),
    ("order_twice", ("4.37",), "orders again and in the wrong order", WIRE, order_twice, (COUNTER,)),
    ("one_lease_ends", ("4.38",), "one lease ends while another is renewed", WIRE, one_lease_ends, (OWN_TIMER,)),
    ("lease_over_boot", ("4.38",), "a start without a clock during a lease", PLANT, lease_over_boot, (VOID,)),
    ("loosens_durably", ("4.37", "4.33"), "an acknowledgement on a full disk", PLANT, loosens_only_durably, (DURABLE,)),
    ("toggled", ("4.39",), "control and observe in turn, with a lock", PLANT, toggled, (RESTORED,)),
    ("mode_orders", ("4.39",), "observe and control by order, each twice", WIRE, mode_orders, (OBSERVES,)),
    ("another_pack", ("4.39",), "the pack was changed for another", PLANT, another_pack, (SAME_PACK,)),
    ("observe_writes", ("4.39",), "everything asks for a write in observe", WIRE, observe_writes_nothing, READ_ONLY),
)
SCENARIOS = tuple(Scenario._make((*row, SEPLOS, False)) for row in _ROWS)
