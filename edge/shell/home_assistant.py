# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A site in Home Assistant: each pack is a device that it finds by itself. Imported when the settings ask for it.

One retained message per pack says what there is (MQTT discovery of devices); its state is a small JSON message of its
own, never retained. Nothing can be commanded: there is no command topic. What is not known is null, which is shown as
unknown; while the BMS is not believed that holds for all that comes from it. The device's status topic, with the last
will, makes everything unavailable; so does a state that does not come in its time.
"""

import json

from edge.core.faults import MODE_NAMES, NAMES
from edge.core.limits import SOURCES
from edge.core.records import OK, QUALITY
from edge.core.registry import KEYS
from edge.core.report import VERSION_TEXT
from edge.shell.home_table import ROWS
from edge.shell.link import topic_root

CONFIG_MS = 10000  # between two rounds of discovery messages, whoever asks for them
OLD_MS = 15000  # a state that waited so long for a connection is not sent any more
SPARE_S = 30  # a state may be so late
MOST_TEXT = 250  # Home Assistant takes 255 characters
QUALITY_KEY = KEYS["quality"]
# Places in a row.
ROW_CLASS, KEY, NAME, LABEL, UNIT, DIGITS, DEVICE_CLASS, STATE_CLASS, WORDS, MEASURED = range(10)
LISTS = ((), MODE_NAMES, QUALITY, SOURCES, NAMES)


def decimal(value, digits):
    """An integer as a decimal number with so many digits behind the point, exact."""
    if not digits:
        return str(value)
    text = str(abs(value))
    while len(text) <= digits:
        text = "0" + text
    return ("-" if value < 0 else "") + text[:-digits] + "." + text[-digits:]


def words(codes, number):
    """The text of a code or of a list of them; a code without a word as its number."""
    known = LISTS[number]
    if not isinstance(codes, (list, tuple)):
        codes = (codes,)
    text = ", ".join([known[code] if 0 <= code < len(known) else str(code) for code in codes])
    return text[:MOST_TEXT] or "none"


class HomeAssistant:
    """What is to be published for Home Assistant. look() and take() may be called by different threads.

    settings: checked, with uplink.home_assistant_s above 0.
    """

    def __init__(self, settings):
        self._root = topic_root(settings)
        self._device = settings["device"]
        self._packs = [(pack["id"], pack["profile"], pack.get("serial")) for pack in settings["packs"]]
        self._every_ms = 1000 * settings["uplink"]["home_assistant_s"]
        count = len(self._packs)
        self._told = [{"T": (), "M": (), "B": ()} for _ in range(count)]  # bodies of the newest records
        self._since_ms = [None] * count  # of the telemetry that was sent last
        self._quality = [None] * count  # and its quality
        self._waits_ms = [None] * count  # of the telemetry that is to be sent
        self._wanted = []  # packs whose discovery message is to be sent
        self._asked = False  # discovery is to be sent once more, when CONFIG_MS is over
        self._config_ms = None

    def connected(self):
        """A session began: everything is said anew."""
        self._config_ms = None
        self._asked = True

    def heard(self, payload):
        """Home Assistant said this (any bytes) on edge.shell.link.HOME_STATUS."""
        if bytes(payload) == b"online":
            self._asked = True

    def look(self, record):
        """Note what `record` tells of a pack. Takes no memory of its own: the control loop waits for it."""
        pack, cls = record.pack, record.cls
        if not 0 <= pack < len(self._packs) or cls not in "TMB":
            return
        self._told[pack][cls] = record.pairs
        if cls != "T":
            return
        quality = None
        for pair in record.pairs:
            if pair[0] == QUALITY_KEY:
                quality = pair[1]
        since_ms = self._since_ms[pack]
        if since_ms is None or quality != self._quality[pack] or record.mono_ms - since_ms >= self._every_ms:
            self._since_ms[pack] = self._waits_ms[pack] = record.mono_ms
            self._quality[pack] = quality

    def take(self, now_ms):
        """(topic, payload, retained) of the next message to publish, or None."""
        if self._asked and (self._config_ms is None or now_ms - self._config_ms >= CONFIG_MS):
            self._asked = False
            self._config_ms = now_ms
            self._wanted = list(range(len(self._packs)))
        if self._wanted:
            pack = self._wanted.pop(0)
            self._since_ms[pack] = None  # its state follows with the next telemetry
            return config_topic(self._device, pack), self.config(pack).encode(), True
        for pack in range(len(self._packs)):
            at_ms, self._waits_ms[pack] = self._waits_ms[pack], None
            if at_ms is not None and now_ms - at_ms < OLD_MS:
                return "%sha/%d" % (self._root, pack), state(self._told[pack]).encode(), False
        return None

    def config(self, pack):
        """The discovery message of a pack (text)."""
        name, profile, serial = self._packs[pack]
        own = "%s_%d" % (self._device, pack)
        device = {"ids": own, "name": name, "mdl": profile, "mf": "reuse-edge", "sw": VERSION_TEXT}
        if serial is not None:
            device["sn"] = serial
        head = {"dev": device, "o": {"name": "reuse-edge", "sw": VERSION_TEXT}}
        head["avty_t"] = self._root + "status"
        head["stat_t"] = "%sha/%d" % (self._root, pack)
        expires_s = max(self._every_ms, 10000) // 1000 + SPARE_S
        rows = ['"%s":%s' % (row[NAME], dense(component(row, own, expires_s))) for row in ROWS]
        return dense(head)[:-1] + ',"cmps":{' + ",".join(rows) + "}}"


def dense(value):
    """value as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def config_topic(device, pack):
    """Topic of a pack's discovery message."""
    return "homeassistant/device/%s/%d/config" % (device, pack)


def component(row, own, expires_s):
    """What Home Assistant must know of one row of ROWS."""
    made = {"p": "sensor", "name": row[LABEL], "uniq_id": "%s_%s" % (own, row[NAME]), "exp_aft": expires_s}
    made["val_tpl"] = "{{value_json.%s}}" % row[NAME]
    for key, place in (("unit_of_meas", UNIT), ("dev_cla", DEVICE_CLASS), ("stat_cla", STATE_CLASS)):
        if row[place]:
            made[key] = row[place]
    return made


def state(told):
    """The state of a pack (text of JSON). told: {class: body of its newest record}, what is not there is not known."""
    bodies = {cls: dict(told[cls]) for cls in told}
    believed = bodies["T"].get(QUALITY_KEY) == OK
    parts = []
    for row in ROWS:
        value = bodies[row[ROW_CLASS]].get(row[KEY])
        if value is None or (row[MEASURED] and not believed):
            text = "null"
        elif row[WORDS]:
            text = json.dumps(words(value, row[WORDS]))
        else:
            text = decimal(value, row[DIGITS])
        parts.append('"%s":%s' % (row[NAME], text))
    return "{" + ",".join(parts) + "}"
