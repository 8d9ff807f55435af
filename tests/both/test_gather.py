# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Telemetry waits for company, everything else goes at once and takes it along; a backlog never waits."""

from edge.core.records import Record
from edge.shell.link import Gather


class Box:
    """As much of an outbox as is looked at."""

    flight, backlog, window = 0, 1, 64


def offered(gather, cls):
    gather.offered(Record(cls, 0, 0, None, 0, ()))


def test_nothing_waits_when_nobody_asked():
    gather = Gather(0)
    offered(gather, "T")
    assert not gather.holds(0, Box())


def test_telemetry_waits_from_the_first_on():
    gather, box = Gather(60000), Box()
    assert not gather.holds(0, box)  # nothing new: what is to be repeated may go
    offered(gather, "T")
    assert gather.holds(1000, box)
    offered(gather, "M")
    assert gather.holds(60999, box) and not gather.holds(61000, box)
    assert not gather.holds(61001, box)
    offered(gather, "T")
    assert gather.holds(61002, box)


def test_what_matters_goes_at_once():
    for cls in "EXBI":
        gather, box = Gather(60000), Box()
        offered(gather, "T")
        assert gather.holds(0, box)
        offered(gather, cls)
        assert not gather.holds(1, box), cls


def test_a_backlog_or_an_answer_that_is_due_is_not_held_up():
    for name, value in (("flight", 1), ("backlog", 64)):
        gather, box = Gather(60000), Box()
        offered(gather, "T")
        setattr(box, name, value)
        assert not gather.holds(0, box)
