# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a Sparkplug B 3.0 edge node says and when: this controller is the node, each pack a device of it.

No I/O: edge/shell/sparkplug_link.py carries the messages. told() runs in the control step and only keeps the newest
values, so what could not be sent is overtaken, never queued: the live lane is no record of anything. Nothing can be
written through it: the only thing that is obeyed is a request for a new birth, everything else is counted.
"""

import json

from edge.core.bodies import telemetry
from edge.core.records import G_CURRENT, MISSING, STALE
from edge.core.registry import KEYS
from edge.core.report import VERSION_TEXT
from edge.shell.sparkplug import BOOLEAN, INT64, STRING, UINT32, decode, metric, payload

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
REBIRTH_MS = 5000  # of births that are asked for, at most one in this time; data waits for the next
MAX_STATE_BYTES = 256
# (name, key, unit) in the registry; soc first. Rows of a pack, then of the node.
PACK = (
    ("soc", KEYS["soc"], "ppm"),
    ("soc_std", KEYS["soc_std"], "ppm"),
    ("bms_soc", KEYS["bms_soc"], "ppm"),
    ("weakest_cell", KEYS["weakest_cell"], "index"),
    ("strongest_cell", KEYS["strongest_cell"], "index"),
    ("pack_v", KEYS["pack_v"], "mV"),
    ("current", KEYS["current"], "mA"),
    ("cell_max", KEYS["cell_max"], "mV"),
    ("cell_min", KEYS["cell_min"], "mV"),
    ("temp_max", KEYS["temp_max"], "m°C"),
    ("temp_min", KEYS["temp_min"], "m°C"),
    ("alarms", KEYS["alarms"], "bits"),
    ("quality", KEYS["quality"], "code"),
    ("charge_limit", KEYS["charge_limit"], "mA"),
    ("charge_why", KEYS["charge_why"], "code"),
    ("discharge_limit", KEYS["discharge_limit"], "mA"),
    ("discharge_why", KEYS["discharge_why"], "code"),
    ("mode", KEYS["mode"], "code"),
    ("capacity", KEYS["capacity"], "mAh"),
    ("capacity_std", KEYS["capacity_std"], "mAh"),
    ("ah_in", KEYS["ah_in"], "mAh"),
    ("ah_out", KEYS["ah_out"], "mAh"),
    ("wh_in", KEYS["wh_in"], "mWh"),
    ("wh_out", KEYS["wh_out"], "mWh"),
)
NODE = (
    ("pcs_dc_current", KEYS["pcs_dc_current"], "mA"),
    ("pcs_dc_v", KEYS["pcs_dc_v"], "mV"),
    ("pcs_charge_limit", KEYS["pcs_charge_limit"], "W"),
    ("pcs_discharge_limit", KEYS["pcs_discharge_limit"], "W"),
    ("pcs_power", KEYS["pcs_power"], "W"),
)


def pack_values(site, i):
    """{key: value} of pack i now, of the telemetry, the registers and the capacity."""
    pack = site.packs[i]
    values = dict(telemetry(site, i, None))
    registers, capacity = pack.metering.registers(), pack.soc.capacity()
    values[KEYS["ah_in"]], values[KEYS["ah_out"]] = registers[0], registers[1]
    values[KEYS["wh_in"]], values[KEYS["wh_out"]] = registers[2], registers[3]
    values[KEYS["capacity"]], values[KEYS["capacity_std"]] = capacity.value, capacity.std
    return values


def is_lost(believed):
    """True when the pack's BMS is not heard: its current, which every profile reads, is old or never came."""
    return believed.quality[G_CURRENT] in (MISSING, STALE)


class Node:
    """settings: checked dict with uplink.sparkplug; clock: Clock port; store: FileStore of its own or alike, for bdSeq.

    told(site, outcome) belongs to the control step; everything else to the task or thread of the link. ignored: inbound
    messages that were not obeyed; over: this session has to end, the primary host is offline.
    """

    def __init__(self, settings, clock, store):
        place = settings["uplink"]["sparkplug"]
        self.ignored = 0
        self.over = False
        self.born = False
        self.host_topic = "%s/STATE/%s" % (NAMESPACE, place["primary_host"]) if place.get("primary_host") else None
        self.bd_seq = 255
        self._store = store
        self._clock = clock
        self._group = place["group"]
        self._name = place.get("node") or settings["device"]
        self._packs = [(pack["id"], pack["profile"]) for pack in settings["packs"]]
        self._typed = place["datatype_in_data"] == "yes"
        self._every_ms = place["interval_ms"]
        self._due_ms = None
        self._newest = None  # (UTC ms, values of the node, values of each pack or None)
        self._host_ms = 0
        self.begin()
        state = store.load()
        if state is not None and isinstance(state.get("bd_seq"), int):
            self.bd_seq = state["bd_seq"] & 255

    def told(self, site, outcome):
        """Keep what the site knows after a step, each interval; nothing while the wall clock is not known."""
        now_ms = self._clock.now_ms()
        utc_s = self._clock.utc_s()[0]
        if utc_s is None or (self._due_ms is not None and now_ms < self._due_ms):
            return
        # the next step may be a little early against this one
        self._due_ms = now_ms + self._every_ms - min(self._every_ms // 4, 200)
        try:
            values = [pack_values(site, i) for i in range(len(site.packs))]
        except MemoryError:
            return  # a board: the step is worth more
        node = tuple([values[0].get(row[1]) for row in NODE])
        packs = []
        for i in range(len(values)):
            lost = is_lost(site.packs[i].believed)
            packs.append(None if lost else tuple([values[i].get(row[1]) for row in PACK]))
        self._newest = (utc_s * 1000, node, packs)

    @property
    def ready(self):
        """True when there is something to be born with: a step was made and the wall clock is known."""
        return self._newest is not None

    def begin(self):
        """Forget the session before."""
        self.born = self.over = False
        self._online = False
        self._seq = 0
        self._rebirth = False
        self._reborn_ms = None
        self._seen = None
        self._said_node = None
        self._said = [None] * len(self._packs)  # values that each device said last; None: not born

    def will(self):
        """(topic, payload, retain) of the NDEATH for the next CONNECT: bdSeq goes up by one, durable before use."""
        self.begin()
        self.bd_seq = (self.bd_seq + 1) & 255
        self._store.save({"bd_seq": self.bd_seq})
        topic, data = self.death()
        return topic, data, False

    def death(self):
        """(topic, payload) of the NDEATH of this session."""
        return self._topic("NDEATH"), payload(None, None, [metric("bdSeq", INT64, self.bd_seq, None, True)])

    def topics(self):
        """What to subscribe to before anything is published."""
        return [self._topic("NCMD")] + ([self.host_topic] if self.host_topic else [])

    def due(self, now_ms):
        """(topic, payload) of everything to publish now at QoS 0, in this order; a generator.

        Nothing before the primary host is online.
        """
        if self.host_topic and not self._online:
            return
        newest = self._newest
        if newest is None:
            return
        if not self.born or self._rebirth:
            if self._rebirth:
                if self._reborn_ms is not None and now_ms - self._reborn_ms < REBIRTH_MS:
                    return
                self._reborn_ms = now_ms
            yield from self._births(newest)
        elif newest is not self._seen:
            yield from self._changes(newest)
        self._seen = newest

    def _births(self, newest):
        """NBIRTH, and the DBIRTH of every pack that is heard."""
        self._rebirth = False
        self.born = True
        self._seq = 0
        at_ms, self._said_node, packs = newest
        metrics = [
            metric("bdSeq", INT64, self.bd_seq, at_ms, True),
            metric(REBIRTH, BOOLEAN, False, at_ms, True),
            metric("version", STRING, VERSION_TEXT, at_ms, True),
        ]
        metrics += self._metrics(NODE, self._said_node, None, at_ms)
        yield self._topic("NBIRTH"), self._payload(at_ms, metrics)
        self._said = [None] * len(packs)
        for i in range(len(packs)):
            if packs[i] is not None:
                yield self._device_birth(i, at_ms, packs[i])

    def _device_birth(self, i, at_ms, values):
        metrics = [metric("profile", STRING, self._packs[i][1], at_ms, True)]
        metrics += self._metrics(PACK, values, None, at_ms)
        self._said[i] = values
        return self._topic("DBIRTH", i), self._payload(at_ms, metrics)

    def _changes(self, newest):
        """What changed since it was said: NDATA, DDATA, DDEATH of a silent pack, DBIRTH when it is back."""
        at_ms, node, packs = newest
        metrics = self._metrics(NODE, node, self._said_node, at_ms)
        if metrics:
            self._said_node = node
            yield self._topic("NDATA"), self._payload(at_ms, metrics)
        for i in range(len(packs)):
            if self._rebirth:
                return  # no more data before the birth
            values, said = packs[i], self._said[i]
            if values is None and said is not None:
                self._said[i] = None
                yield self._topic("DDEATH", i), self._payload(at_ms, ())
            elif values is not None and said is None:
                yield self._device_birth(i, at_ms, values)
            elif values is not None:
                metrics = self._metrics(PACK, values, said, at_ms)
                if metrics:
                    self._said[i] = values
                    yield self._topic("DDATA", i), self._payload(at_ms, metrics)

    def _metrics(self, rows, values, said, at_ms):
        """The metrics of rows that differ from what was said; all of them, with type and unit, when said is None."""
        found = []
        for k in range(len(rows)):
            if said is None or values[k] != said[k]:
                name, _, unit = rows[k]
                kind = UINT32 if unit == "bits" else INT64
                birth = said is None
                found.append(metric(name, kind, values[k], at_ms, birth or self._typed, unit if birth else None))
        return found

    def _payload(self, at_ms, metrics):
        data = payload(at_ms, self._seq, metrics)
        self._seq = (self._seq + 1) & 255
        return data

    def _topic(self, what, i=None):
        topic = "%s/%s/%s/%s" % (NAMESPACE, self._group, what, self._name)
        return topic if i is None else topic + "/" + self._packs[i][0]

    def heard(self, topic, data, retained):
        """Take one message (topic, bytes, retained flag) from the broker. Never raises."""
        if topic == self.host_topic:
            known = self._host_said(data)
        else:
            known = topic == self._topic("NCMD") and not retained and asks_rebirth(data)
            self._rebirth = self._rebirth or known
        if not known:
            self.ignored += 1

    def _host_said(self, data):
        """Take a STATE of the primary host; False when it says nothing, or something older than what was said."""
        try:
            said = json.loads(data.decode()) if len(data) <= MAX_STATE_BYTES else None
        except ValueError:
            return False
        if not isinstance(said, dict):
            return False
        online, at_ms = said.get("online"), said.get("timestamp")
        if type(online) is not bool or type(at_ms) is not int or at_ms < self._host_ms:
            return False
        self._host_ms = at_ms
        self._online = online
        self.over = self.born and not online
        return True


def asks_rebirth(data):
    """True when the payload of an NCMD asks for a new birth. Garbage asks for nothing."""
    try:
        metrics = decode(data)[2]
    except ValueError:
        return False
    for name, kind, value in metrics:
        if name == REBIRTH and value is True and kind in (None, BOOLEAN):
            return True
    return False
