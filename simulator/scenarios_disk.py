# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the disk below a controller: 33, 35, 45, and what peers lost with theirs."""

import threading

from edge.core import faults as f
from edge.core.registry import KEYS
from edge.shell import store as store_module
from edge.shell.frames import KEPT, PLAIN, STREAMS, first, parts_of, walk
from edge.shell.gateway import LateStore
from edge.shell.journal import Journal
from edge.shell.journal_ports import Journaled
from edge.shell.pipe import DictStore, ListUplink
from edge.shell.store import FileStore
from simulator.checks import Checks
from simulator.crash_disk import CrashDisk, cuts
from simulator.fault_oracle import ORACLE
from simulator.faults import PLANT, Scenario, Stage
from simulator.site_rig import Contacts, begin

PERIOD_MS = 1000
NO_SPACE, READ_ONLY = 28, 30
SLOW_S = 5.0


DISKS = {}


def _opened(path, mode="r", **more):
    disk = DISKS.get(path.split("/")[0])
    return open(path, mode, **more) if disk is None else disk.opened(path, mode)


def store_on(disk):
    """A FileStore whose files are those of disk."""
    name = "disk%d" % len(DISKS)
    DISKS[name] = disk
    vars(store_module)["open"] = _opened  # the module's own name goes before the builtin one
    return FileStore(name, disk.sync)


def boots(stage, state, ms, contacts=None):
    """A new controller with state, its inputs quiet: the Stage after ms."""
    fresh = Stage(stage.name)
    begin(fresh, state=state, contacts=contacts or Contacts(), store=DictStore(state))
    fresh.run(ms, 1000)
    return fresh


def is_locked(state):
    """True when a saved state holds the lock by smoke."""
    return f.F_SMOKE in state["packs"][0]["faults"]["locked"]


# ---- 33: power cuts ---------------------------------------------------------------------------------------


def lock_survives(stage):
    """33, B11: a lock, then the power is cut at every write and sync: before the lock was durable the old or the new
    state is there, afterwards the lock always is."""
    disk, contacts = CrashDisk(), Contacts()
    begin(stage, store=store_on(disk), contacts=contacts)
    stage.settle()
    stage.run(12000, 1000)
    saved = len(disk.log)
    stage.need(saved > 0, "nothing was saved before the fault")
    durable = []

    def look():
        found = store_on(CrashDisk(disk.now())).load()
        if not durable and found is not None and is_locked(found):
            durable.append(len(disk.log))

    stage.fault(lambda world: contacts.closed.update(smoke=False))
    stage.each = look
    stage.run(5000)
    stage.each = None
    stage.need(durable, "the lock is not on the disk")
    for _ in range(3):  # and it goes on being saved
        stage.fault(lambda world: world.silent.add(0))
        stage.run(13000, 1000)
        stage.heal(lambda world: world.silent.clear())
        stage.run(13000, 1000)
    states = {}
    for count, left in cuts(disk, saved):
        state = store_on(left).load()
        stage.need(state is not None and "packs" in state, "no state after a cut at %d" % count)
        stage.need(count < durable[0] or is_locked(state), "the lock is gone after a cut at %d" % count)
        states[state["save"]] = state
    stage.need(len(states) >= 4, "only %d different states" % len(states))
    for state in states.values():
        if is_locked(state):
            again = boots(stage, state, 30000)
            stage.need(again.permit() == (0, 0), "permit %s mA after a cut" % (again.permit(),))
            again.close()


def records_survive(stage):
    """33, B19: what the journal counted as durable is read after a cut at every write and sync, in order, whole."""
    disk, contacts, uplink = CrashDisk(), Contacts(), ListUplink()
    journal = Journal(disk, stage.settings["device"], 7, 1, 1 << 16)
    begin(stage, uplink=Journaled(uplink, journal), contacts=contacts)
    synced = {}

    def flush():
        journal.after_step(stage.world.now_ms)
        synced[len(disk.log)] = [stream.number for stream in journal.streams]

    stage.each = flush
    stage.settle()
    stage.fault(lambda world: contacts.closed.update(smoke=False))
    stage.run(5000)
    told = synced[len(disk.log)]
    stage.need(told[0] > 5 and journal.problem is None, "%s records are durable" % (told,))
    least = [0] * len(STREAMS)
    for count, left in cuts(disk):
        least = synced.get(count, least)
        for letter, number in zip(STREAMS, least):
            found = numbers(left, letter)
            stage.need(found == list(range(len(found))), "records %s after a cut at %d" % (found, count))
            stage.need(len(found) >= number, "%d of %d records after a cut at %d" % (len(found), number, count))


def numbers(disk, letter):
    """Numbers of the whole frames of one stream, in order, until the first place that is damaged."""
    found = []
    for name in sorted(disk.names()):
        stream, generation = parts_of(name)
        file = disk.open(name)
        if stream != letter or first(file, generation) is None:
            continue
        found += [row[1] for row in walk(file, generation, disk.size(name)) if row[0] in (KEPT, PLAIN)]
    return found


# ---- 35: full, read-only, corrupt -------------------------------------------------------------------------


def disk_fails(errno):
    """play(): from some moment on every write and sync fails. Control is the same tick by tick; it is told."""

    def play(stage):
        disk, contacts = CrashDisk(), Contacts()
        journal = Journal(disk, stage.settings["device"], 7, 1, 1 << 16)
        store = store_on(disk)
        uplink = ListUplink()
        stage.checks = Checks([row for row in ORACLE if row[0] != "records_whole"])  # one more tells of the journal
        begin(stage, store=store, uplink=Journaled(uplink, journal), contacts=contacts)
        stage.each = lambda: journal.after_step(stage.world.now_ms)
        twin = Stage(stage.name)
        twin_contacts = Contacts()
        begin(twin, contacts=twin_contacts)
        for each, inputs, strike in ((stage, contacts, errno), (twin, twin_contacts, None)):
            each.settle()
            disk.fails = strike
            each.fault(lambda world: world.says.update({0: _worse}))
            each.run(20000)
            each.heal(lambda world: world.says.clear())
            each.run(20000)
            each.fault(lambda world, inputs=inputs: inputs.closed.update(smoke=False))
            each.zero_within(PERIOD_MS)
            each.run(20000)
            disk.fails = None
        stage.need(store.failed_saves > 0, "the disk was to fail")
        stage.need(stage.rig.digest == twin.rig.digest, "control was not the same")
        told = [row for _, row in uplink.records if dict(row.pairs).get(KEYS["event"]) == f.E_JOURNAL]
        stage.need(told, "nobody was told")
        stage.run(600000, 1000)
        stage.need(is_durable(disk), "not saved when the disk came back")

    return play


def disk_comes_back(stage):
    """35: a lock that could not be saved is saved soon after the disk is well again, whatever else happens."""
    disk, contacts = CrashDisk(), Contacts()
    begin(stage, store=store_on(disk), contacts=contacts)
    stage.settle()
    disk.fails = NO_SPACE
    stage.fault(lambda world: contacts.closed.update(smoke=False))
    stage.run(5000)
    disk.fails = None
    stage.run(60000, 1000)
    stage.need(is_durable(disk), "not saved a minute after the disk came back")


def _worse(sample):
    return sample._replace(bms_charge_ma=20000, bms_discharge_ma=20000)


def rotten(both):
    """play(): a controller with a lock stops; its newest state (or both) is damaged on the disk, and it starts."""

    def play(stage):
        disk, contacts = CrashDisk(), Contacts()
        begin(stage, store=store_on(disk), contacts=contacts)
        stage.settle()
        stage.fault(lambda world: contacts.closed.update(smoke=False))
        stage.run(3000)
        store = store_on(disk)
        stage.need(is_locked(store.load()), "the lock is not on the disk")
        files = dict(disk.now())
        for slot in (0, 1) if both else (store.number & 1,):
            name = "state.%d" % slot
            at = len(files[name]) // 2
            files[name] = files[name][:at] + bytes([files[name][at] ^ 1]) + files[name][at + 1 :]
        state = store_on(CrashDisk(files)).load()
        again = boots(stage, state, 200000)
        stage.need(again.permit() == (0, 0), "permit %s mA" % (again.permit(),))
        again.expect("state_lost", 2000)

    return play


# ---- 45: a slow disk --------------------------------------------------------------------------------------


def slow_sync(stage):
    """45: the sync of the state takes seconds; a trip meanwhile is at the PCS in its usual time."""
    disk, contacts = CrashDisk(), Contacts()
    begun, ended, done = threading.Event(), threading.Event(), threading.Event()
    slow = [0.0]

    def wait():
        begun.set()
        ended.wait(slow[0])
        done.set()

    disk.on_sync = wait
    store = LateStore(store_on(disk))
    begin(stage, store=store, contacts=contacts)
    stage.settle()
    stage.run(15000, 1000)
    begun.clear()
    done.clear()
    slow[0] = SLOW_S
    stage.fault(lambda world: contacts.closed.update(smoke=False))
    stage.zero_within(PERIOD_MS)
    stage.expect("smoke", PERIOD_MS + 100)
    try:
        stage.need(begun.wait(SLOW_S), "nothing was saved")
        stage.need(not done.is_set(), "the disk was to be slow: the step waited for it")
        stage.stays_zero(5000)
    finally:
        ended.set()
        store.close()
    stage.need(is_durable(disk), "the lock did not reach the disk")


def is_durable(disk):
    """True when the newest whole state of disk holds the lock."""
    state = store_on(CrashDisk(disk.now())).load()
    return state is not None and is_locked(state)


SEPLOS = ("seplos",)
TWO_SLOTS = ("edge/shell/store.py", '"%s/state.%d" % (self.folder, number & 1)', '"%s/state.%d" % (self.folder, 0)')
SYNC_STATE = ("edge/shell/store.py", "                self.sync(file)\n", "                pass\n")
SYNC_RECORDS = ("edge/shell/journal.py", "            self._sync()\n        except", "            pass\n        except")
CAUGHT = (
    "edge/shell/store.py",
    "        except OSError as error:\n            self.failed_saves",
    "        except KeyError as error:\n            self.failed_saves",
)
STATE_LOST = ("edge/core/controller.py", "c[f.F_STATE_LOST] = site.state_lost", "pass")
ROTTEN_IS_TOLD = ("edge/shell/store.py", "rotten = ROTTEN in numbers", "rotten = False")
SAVES_AGAIN = ("edge/core/site.py", "if self._unsaved or self.durable.is_waiting() else", "if self._unsaved else")
OWN_THREAD = ("edge/shell/gateway.py", "self._queue.put_nowait(state)", "self.store.save(state)")

_ROWS: tuple = (
    ("lock_survives", ("4.33", "B11"), "power cut at every write around a lock", lock_survives, (TWO_SLOTS,)),
    ("lock_is_synced", ("4.33", "B11"), "the same for what was not synced", lock_survives, (SYNC_STATE,)),
    ("records_survive", ("4.33", "B19"), "power cut at every write of the journal", records_survive, (SYNC_RECORDS,)),
    ("disk_full", ("4.35",), "no space on the disk", disk_fails(NO_SPACE), (CAUGHT,)),
    ("disk_read_only", ("4.35",), "the disk has become read-only", disk_fails(READ_ONLY), (CAUGHT,)),
    ("state_rotten", ("4.35",), "both saved states are damaged", rotten(True), (STATE_LOST,)),
    ("newest_rotten", ("4.35",), "only the newest saved state is damaged", rotten(False), (ROTTEN_IS_TOLD,)),
    ("disk_comes_back", ("4.35",), "the disk recovers after a lock was not saved", disk_comes_back, (SAVES_AGAIN,)),
    ("slow_sync", ("4.45",), "a sync takes seconds during a trip", slow_sync, (OWN_THREAD,)),
)
SCENARIOS = tuple(Scenario._make((*row[:3], PLANT, *row[3:], SEPLOS, False)) for row in _ROWS)
