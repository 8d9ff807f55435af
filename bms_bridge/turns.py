# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Whose answer is this? On a serial Modbus line answers carry no number, no address and often no length
of their own: a device that is one answer behind passes one block off as another of equal length.

So the line remembers what each unit may still owe an answer to. A device answers in order; an answer
belongs to one of those requests whose answer would look like it, or to the newest request. Only when all
of these ask for the same registers is it taken: whichever it belongs to, it holds what was asked for.
Anything else is dropped, and the same request is sent again: of two answers to one question the second
is never that of an earlier question. An answer that only the newest request explains ends the doubt.

A unit whose requests all have one length never gives such an answer: after DUBIOUS_MOST doubtful exchanges
it is asked for one register less, as a probe. Units that ignore that are asked everything twice from then
on, and left alone for a while when even that does not do; none falls silent for good.
"""

from bms_bridge.modbus import BAD_REPLY, reply_reason
from bms_bridge.poll import Request

MINE = 0  # holds what the newest request asked for
STALE = 1  # is, or may be, the answer to an earlier request
ALIEN = 2  # nobody asked for this

ASK = 0
PROBE = 1  # ask for probe_of(request) first
REST = 2  # ask nothing yet

LATE_MS = 4000  # twice the longest period: an answer that is later than that is lost, but for the newest
FRESH_MS = 2000  # an answer that may belong to an equal request before that is too old to be of now
OWED_MOST = 8
DUBIOUS_MOST = 8
PROBES = 3  # that may go unanswered


def probe_of(request):
    """The same read with another length, or None: a part of it, so that the gate lets it out."""
    less = 8 if request.function <= 2 else 1
    if request.function > 4 or request.count <= less:
        return None
    return Request(request.unit, request.function, request.address, request.count - less, None, request.index)


class Turns:
    """What the units of one serial line may still answer to. A unit that was never asked may owe an
    answer to somebody who asked before us (a restart): the first answer of each unit is asked twice."""

    def __init__(self):
        self._owed = {}  # unit -> [(request or None for an unknown one, when it was sent), ...], oldest first
        self._dubious = {}  # unit -> (exchanges in doubt, probes that may still go unanswered)

    def step(self, now_ms, request):
        """ASK, PROBE or REST: what is to be done with request (bms_bridge.poll.Request) now. A write never waits."""
        dubious, probes = self._dubious.get(request.unit, (0, PROBES))
        owed = self._owed.get(request.unit)
        if request.function in (5, 6, 16):
            return ASK
        if not owed:
            self._dubious[request.unit] = (0, PROBES)
            return ASK
        self._dubious[request.unit] = (dubious + 1, probes)
        if dubious < DUBIOUS_MOST:
            return ASK
        if probes and probe_of(request) is not None:
            self._dubious[request.unit] = (0, probes - 1)
            return PROBE
        if len(owed) > 1 and now_ms - owed[-1][1] <= LATE_MS:
            return REST
        self._dubious[request.unit] = (0, probes)
        return ASK

    def asked(self, now_ms, request):
        """request goes out now."""
        owed = self._owed.get(request.unit)
        if owed is None:
            owed = self._owed[request.unit] = [(None, now_ms)]
        while len(owed) > 1 and (now_ms - owed[0][1] > LATE_MS or len(owed) > OWED_MOST):
            owed.pop(0)  # the newest stays: a device may hold its answer back until it is asked again
        owed.append((request, now_ms))

    def judge(self, now_ms, unit, pdu):
        """MINE, STALE or ALIEN for an answer PDU that unit has sent after asked(); it counts as arrived."""
        owed = self._owed[unit]
        request = owed[-1][0]
        first = None
        mine = True
        for place in range(len(owed)):
            other, sent_ms = owed[place]
            if other is not None and reply_reason(other, pdu) == BAD_REPLY:
                continue
            if first is None:
                first = place
            if other is None or now_ms - sent_ms > FRESH_MS:
                mine = False
            elif other is not request and other[1:5] != request[1:5]:
                mine = False
        if first is None:
            return ALIEN
        for _ in range(first + 1):  # what was asked before it will not be answered any more
            owed.pop(0)
        return MINE if mine or not owed else STALE
