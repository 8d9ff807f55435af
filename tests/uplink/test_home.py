# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Home Assistant at a real mosquitto: discovery, state, last will and its own coming back, from gateway and board; the
discovery message against the documented schema of device discovery (home-assistant.io, integration MQTT; abbreviations
and allowed keys as in its component `mqtt`, units and state classes as in its component `sensor`)."""

import json
import os
import re
import subprocess
import sys

import paho.mqtt.client as paho
import pytest

from host_tools import bundle, home_table, traffic
from host_tools.metrics import METRICS
from host_tools.places import SiteError
from host_tools.site import load_site
from simulator.broker import Broker
from simulator.sites import settings as site_of
from tests.uplink import home_driver, rig

ROOT_TOPIC = "bess/v1/demo/here/board-1/"
# Of the schema: what is used of it, in full.
LONG = {"dev": "device", "o": "origin", "cmps": "components", "avty_t": "availability_topic", "stat_t": "state_topic"}
DEVICE = {
    "ids": "identifiers",
    "name": 0,
    "mdl": "model",
    "mf": "manufacturer",
    "sw": "sw_version",
    "sn": "serial_number",
}
COMPONENT = {"p", "name", "uniq_id", "exp_aft", "val_tpl", "unit_of_meas", "dev_cla", "stat_cla"}
UNITS = {
    "battery": {"%"},
    "voltage": {"V", "mV"},
    "current": {"A", "mA"},
    "power": {"W", "kW"},
    "temperature": {"°C", "°F", "K"},
    "energy": {"Wh", "kWh", "MWh"},
}


def wrong(topic, config):
    """What the documented schema does not allow in a discovery message of a device, as a list of texts."""
    found = []
    if not re.fullmatch(r"homeassistant/device/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config", topic):
        found.append("topic")
    found += ["unknown " + key for key in config if key not in LONG]
    found += ["no " + key for key in LONG if key not in config]
    found += ["device: " + key for key in config["dev"] if key not in DEVICE]
    found += [] if config["dev"].get("ids") else ["no identifiers"]
    found += [] if config["o"].get("name") and set(config["o"]) <= {"name", "sw", "url"} else ["origin"]
    for name, each in config["cmps"].items():
        if set(each) - COMPONENT or each.get("p") != "sensor" or not each.get("uniq_id"):
            found.append("component " + name)
        kind, unit, state = each.get("dev_cla"), each.get("unit_of_meas"), each.get("stat_cla")
        if kind is not None and unit not in UNITS[kind]:
            found.append(name + " has a unit that its class does not know")
        if state not in ((None,) if unit is None else ("total_increasing",) if kind == "energy" else ("measurement",)):
            found.append(name + " state class")
        if not isinstance(each["exp_aft"], int) or each["val_tpl"] != "{{value_json.%s}}" % name:
            found.append(name + " expiry or template")
    return found


class Listener:
    """What Home Assistant hears. seen: [(topic, payload, retained)]."""

    def __init__(self, port):
        self.seen = []
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _c, _u, m: self.seen.append((m.topic, m.payload, m.retain))
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([("homeassistant/device/#", 1), (ROOT_TOPIC + "ha/+", 1), (ROOT_TOPIC + "status", 1)])
        self.client.loop_start()

    def count(self, topic):
        return len([row for row in self.seen if row[0] == topic])

    def last(self, topic):
        return [row[1] for row in self.seen if row[0] == topic][-1]

    def states(self, pack=0):
        return [json.loads(row[1]) for row in self.seen if row[0] == "%sha/%d" % (ROOT_TOPIC, pack)]

    def say(self, topic, payload, retain=False):
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.parametrize("kind", ("gateway", "board in the VM"))
def test_a_pack_is_found_goes_stale_and_becomes_unavailable(kind, mosquitto, request):
    program = request.getfixturevalue("micropython") if kind == "board in the VM" else sys.executable
    with Broker("mosquitto") as broker:
        words = [program, home_driver.__file__, kind.split()[0], str(broker.port)]
        paths = {"PYTHONPATH": str(rig.ROOT), "MICROPYPATH": "%s:.frozen" % rig.ROOT}
        process = subprocess.Popen(words, env={**os.environ, **paths})
        home = Listener(broker.port)
        try:
            judge(home)
            process.kill()
            assert rig.until(lambda: home.last(ROOT_TOPIC + "status") == b"offline", 10)
        finally:
            process.kill()
            process.wait()
            home.stop()


def judge(home):
    """From the first message on, as Home Assistant sees it."""
    configs = ["homeassistant/device/board-1/%d/config" % pack for pack in (0, 1)]
    assert rig.until(lambda: home.states(0) and home.states(1), 20)
    for topic in configs:
        assert wrong(topic, json.loads(home.last(topic))) == []
    config = json.loads(home.last(configs[0]))
    assert config["avty_t"] == ROOT_TOPIC + "status" and home.last(config["avty_t"]) == b"online"
    assert config["stat_t"] == ROOT_TOPIC + "ha/0" and set(config["cmps"]) == set(home.states()[-1])
    known = home.states()[-1]
    assert (known["soc"], known["current"], known["charge_limit"], known["pack_v"]) == (61.2345, -0.5, 0, None)
    home.say(ROOT_TOPIC + "ord", b"stale")
    assert rig.until(lambda: home.states()[-1]["quality"] == "stale", 10)
    stale = home.states()[-1]
    assert stale["soc"] is None and stale["current"] is None and stale["charge_limit"] == 0
    before = len(home.states())
    home.say("homeassistant/status", b"online")
    assert rig.until(lambda: home.count(configs[0]) == 2 and home.count(configs[1]) == 2, 20)
    assert rig.until(lambda: len(home.states()) > before, 10)
    assert not [row for row in home.seen if row[0].startswith(ROOT_TOPIC + "ha/") and row[2]]


def test_the_schema_check_finds_mistakes():
    from edge.shell.home_assistant import HomeAssistant

    topic = "homeassistant/device/board-1/0/config"
    text = HomeAssistant(home_driver.settings_of(1)).config(0)
    assert wrong(topic, json.loads(text)) == []
    assert wrong("homeassistant/device/böard/0/config", json.loads(text)) == ["topic"]
    for before, after in (
        ('"cmps"', '"comps"'),
        ('"ids":"board-1_0",', ""),
        (r"\u00b0C", "mK"),
        ("total_incr", "incr"),
        ('"uniq_id"', '"cmd_t"'),
    ):
        assert before in text
        changed = json.loads(text.replace(before, after))
        changed.setdefault("cmps", {})
        assert wrong(topic, changed), before


def test_the_table_is_that_of_the_registry():
    assert home_table.PATH.read_text(encoding="utf-8") == home_table.table_text()
    assert {entity[0] for entity in home_table.ENTITIES} <= set(METRICS)


@pytest.mark.long
def test_a_board_has_the_module_only_when_asked(tmp_path):
    site = site_of("lfp16") | {"uplink": {"host": "127.0.0.1"}}
    for every_s in (0, 60):
        site["uplink"]["home_assistant_s"] = every_s
        made = bundle.build(tmp_path / str(every_s), traffic.with_defaults(site))
        assert bool([path for path in made.files if "home_" in path]) is bool(every_s)


def test_check_says_what_it_costs(tmp_path):
    site = site_of("nmc96") | {"uplink": {"host": "127.0.0.1"}}
    off = traffic.switches(site)[0]
    assert off["on"] is False and 10e6 < off["month_bytes"] < 50e6 and traffic.switches(site | {"uplink": None}) == []
    plain = sum(row["month_bytes"] for row in traffic.month(site))
    site["uplink"]["home_assistant_s"] = 60
    assert traffic.switches(site)[0] == off | {"on": True}
    assert sum(row["month_bytes"] for row in traffic.month(site)) == plain + off["month_bytes"]
    assert "home_assistant_s: 60 is on" in "\n".join(traffic.show(traffic.month(site), traffic.switches(site)))


def test_a_name_that_home_assistant_cannot_use_is_refused(tmp_path):
    text = (rig.ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
    text = text.replace("  host: 127.0.0.1\n", "  host: 127.0.0.1\n  home_assistant_s: 60\n")
    (tmp_path / "site.yaml").write_text("device: gumi-014\n" + text, encoding="utf-8")
    assert load_site(str(tmp_path / "site.yaml"))["uplink"]["home_assistant_s"] == 60
    (tmp_path / "site.yaml").write_text("device: gumi.014\n" + text, encoding="utf-8")
    with pytest.raises(SiteError) as caught:
        load_site(str(tmp_path / "site.yaml"))
    assert "Home Assistant" in str(caught.value)
