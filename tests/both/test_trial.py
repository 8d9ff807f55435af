# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A slot on trial: ten healthy decisions in a row confirm it, five minutes without them end the start."""

from edge.core.faults import RUNNING
from edge.core.records import OK
from edge.core.registry import KEYS
from edge.shell.control import Restart
from edge.shell.trial import Trial


class Thing:
    """Something with attributes."""

    def __init__(self, **values):
        for name in values:
            setattr(self, name, values[name])


def pack(mode=RUNNING, worst=OK, charge_ma=0):
    return Thing(mode=mode, believed=Thing(worst=worst), limits=Thing(charge_ma=charge_ma))


class Clock:
    now = 1000

    def now_ms(self):
        return self.now

    def utc_s(self):
        return None, 0


class Slots:
    """A board's slots, as far as a trial asks them."""

    root, active, boots, why = "", "b", 1, "update"

    def __init__(self, other=True, full=False):
        self.trial, self.other, self.full = True, other, full

    def on_trial(self):
        return self.trial

    def has_other(self):
        return self.other

    def folder(self, name):
        return "no folder of tests"

    def confirm(self):
        if self.full:
            raise OSError(28)
        self.trial, self.boots = False, 0


def begun(**kind):
    told = []
    slots, clock = Slots(**kind), Clock()
    return Trial(slots, clock, told.append), slots, clock, told


def steps(trial, count, *packs):
    for _ in range(count):
        trial.told(Thing(packs=packs), None)
        trial.flush()


def test_ten_healthy_decisions_confirm_and_nine_do_not():
    trial, slots, _, told = begun()
    steps(trial, 9, pack(), pack())
    assert slots.trial and told == []
    steps(trial, 1, pack(), pack())
    assert not slots.trial and len(told) == 1
    assert dict(told[0].pairs)[KEYS["slot_starts"]] == 0 and dict(told[0].pairs)[KEYS["slot"]] == 1
    steps(trial, 30, pack())
    assert len(told) == 1


def test_one_that_is_not_healthy_begins_the_count_anew():
    for bad in (pack(mode=RUNNING + 1), pack(worst=OK + 1), pack(charge_ma=None)):
        trial, slots, _, _ = begun()
        steps(trial, 9, pack())
        steps(trial, 1, pack(), bad)
        steps(trial, 9, pack())
        assert slots.trial
        steps(trial, 1, pack())
        assert not slots.trial


def ends(trial):
    try:
        trial.flush()
    except Restart as error:
        return str(error)
    return None


def test_five_minutes_without_end_the_start_where_there_is_another_slot():
    trial, _, clock, _ = begun()
    clock.now += 5 * 60000
    assert ends(trial) is None
    clock.now += 1
    assert "300 s" in ends(trial) and "slot b" in ends(trial)
    steps_done = begun()
    steps(steps_done[0], 10, pack())
    steps_done[2].now += 3600000
    assert ends(steps_done[0]) is None


def test_with_nothing_to_fall_back_to_it_goes_on_for_ever():
    trial, slots, clock, _ = begun(other=False)
    clock.now += 7 * 86400000
    assert ends(trial) is None and slots.trial


def test_a_full_flash_confirms_later():
    trial, slots, _, told = begun(full=True)
    steps(trial, 10, pack())
    assert slots.trial and told == []
    slots.full = False
    steps(trial, 10, pack())
    assert not slots.trial
