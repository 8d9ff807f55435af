# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the Sparkplug live lane of a site sends in a month: the core runs for some virtual minutes on readings in which
all moves, and what the edge node says of it is counted with MQTT, TLS and TCP."""

from edge.core.settings import with_defaults
from edge.core.site import Site
from edge.shell.mqtt import packet, text_field
from edge.shell.pipe import DictStore
from edge.shell.sparkplug_node import Node
from host_tools import traffic

SECONDS = 120
FIRST_UTC_S = 1780000000


class _Clock:
    """Clock port: a number."""

    def __init__(self):
        self.ms = 0

    def now_ms(self):
        return self.ms

    def utc_s(self):
        return FIRST_UTC_S + self.ms // 1000, 3


def said(settings, seconds=SECONDS):
    """[[(topic, payload), ...] of each interval] that the node of a site says in so many virtual seconds, births first.

    settings: with defaults and uplink.sparkplug.
    """
    clock = _Clock()
    site, node = Site(settings), Node(settings, clock, DictStore())
    step_ms = settings["period_ms"]
    found = []
    for number in range(1, seconds * 1000 // step_ms + 1):
        clock.ms = number * step_ms
        reads = traffic.reads_of(settings, clock.ms, number)
        node.told(site, site.step(clock.ms, clock.utc_s(), reads, ()))
        messages = list(node.due(clock.ms))
        if messages:
            found.append(messages)
    return found


def rows(settings):
    """[row] of the lane in the bytes of a month, as host_tools.traffic.month() has them; [] when it is off.

    record_bytes: the payloads of one interval.
    """
    settings = with_defaults(settings)
    if not settings["uplink"] or not settings["uplink"].get("sparkplug"):
        return []
    interval_ms = max(settings["uplink"]["sparkplug"]["interval_ms"], settings["period_ms"])
    intervals = said(settings, max(SECONDS, 4 * interval_ms // 1000))[1:]  # the first are the births
    count = traffic.MONTH_S * 1000 // interval_ms
    each = {
        "class": "",
        "what": "Sparkplug, every %g s" % (interval_ms / 1000),
        "records": count,
        "record_bytes": sum(len(data) for messages in intervals for _, data in messages) // len(intervals),
        "month_bytes": count * sum(map(_line, intervals)) // len(intervals),
    }
    return [each]


def _line(messages):
    """Bytes on the line of messages that leave together: each its MQTT head, TLS record and TCP segment, one answer."""
    up = sum(len(packet(0x30, text_field(topic), data)) for topic, data in messages)
    return up + len(messages) * (traffic.TLS_RECORD + traffic.TCP_IP) + traffic.TCP_IP


def switches(settings):
    """[{switch, on, month_bytes}] of the lane, like host_tools.traffic.switches(); off: the cost at 1 s."""
    settings = with_defaults(settings)
    if not settings["uplink"]:
        return []
    on = rows(settings)
    place = dict(settings["uplink"], sparkplug={"group": settings["site"]})
    cost = on or rows(dict(settings, uplink=place))
    interval_ms = (settings["uplink"].get("sparkplug") or {"interval_ms": 1000})["interval_ms"]
    name = "uplink.sparkplug, every %g s" % (interval_ms / 1000)
    return [{"switch": name, "on": bool(on), "month_bytes": cost[0]["month_bytes"]}]
