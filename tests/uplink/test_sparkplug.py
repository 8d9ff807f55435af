# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Sparkplug live lane through a real mosquitto, on both runtimes, and what two independent readers make of it.

tck-id-...: assertion of the Sparkplug 3.0 specification that a test holds.
"""

import os
import subprocess
import sys
import threading
import time

import paho.mqtt.client as paho
import pytest

from edge.shell import gateway_tls
from edge.shell.gateway_sparkplug import GatewaySparkplug
from edge.shell.sparkplug import BOOLEAN, decode, metric, payload
from edge.shell.sparkplug_node import NODE, PACK, REBIRTH
from simulator.broker import Broker
from simulator.proxy import Proxy
from tests.both import test_sparkplug as node_tests
from tests.uplink import rig, sparkplug_driver, sparkplug_readers
from tests.uplink.certificates import Authority

NCMD = "spBv1.0/gumi/NCMD/test"
STATE = "spBv1.0/STATE/scada"
ASKED = payload(1, None, [metric(REBIRTH, BOOLEAN, True, 1, True)])


class Host:
    """A host application that only listens. seen: [(kind, device or None, payload, QoS, retained)]."""

    def __init__(self, port, tls=None):
        self.seen = []
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._take
        self.client.on_connect = lambda client, *_: client.subscribe("spBv1.0/gumi/#", 1)
        hears = threading.Event()
        self.client.on_subscribe = lambda *_: hears.set()
        if tls is not None:
            self.client.tls_set_context(gateway_tls.context(tls["ca"], tls["certificate"], tls["private_key"]))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert hears.wait(15)

    def _take(self, _client, _userdata, message):
        parts = message.topic.split("/")
        if parts[2] != "NCMD":
            device = parts[4] if len(parts) > 4 else None
            self.seen.append((parts[2], device, message.payload, message.qos, message.retain))

    def awaits(self, kind, device=None, count=1):
        """The payload of the count-th message of that kind."""
        assert rig.until(lambda: len(self.of(kind, device)) >= count, 15), [row[:2] for row in self.seen]
        return self.of(kind, device)[count - 1]

    def of(self, kind, device=None):
        return [row[2] for row in list(self.seen) if row[:2] == (kind, device)]

    def say(self, topic, data, retain=False):
        self.client.publish(topic, data, qos=1, retain=retain).wait_for_publish(5)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def bd_seq(data):
    return {name: value for name, _, value in decode(data)[2]}["bdSeq"]


def driver(kind, port, folder, request):
    """A process of sparkplug_driver on that runtime."""
    program = request.getfixturevalue("micropython") if kind == "board" else sys.executable
    paths = {"PYTHONPATH": str(rig.ROOT), "MICROPYPATH": f"{rig.ROOT}:.frozen"}
    words = [program, sparkplug_driver.__file__, kind, str(port), str(folder)]
    return subprocess.Popen(words, env={**os.environ, **paths})


@pytest.mark.parametrize("kind", ("gateway", "board"))
def test_a_life_from_birth_to_death_and_again(kind, mosquitto, tmp_path, request):
    """tck-id-message-flow-edge-node-birth-publish-connect, tck-id-message-flow-edge-node-birth-publish-will-message,
    tck-id-message-flow-edge-node-birth-publish-will-message-topic,
    tck-id-message-flow-edge-node-birth-publish-will-message-qos,
    tck-id-message-flow-edge-node-birth-publish-will-message-will-retained,
    tck-id-payloads-ndeath-will-message, tck-id-payloads-ndeath-will-message-qos,
    tck-id-payloads-ndeath-will-message-retain, tck-id-payloads-ndeath-will-message-publisher,
    tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311,
    tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath,
    tck-id-operational-behavior-edge-node-intentional-disconnect-packet,
    tck-id-operational-behavior-device-ddeath,
    tck-id-topics-nbirth-mqtt, tck-id-topics-dbirth-mqtt, tck-id-topics-ndata-mqtt, tck-id-topics-ddata-mqtt,
    tck-id-topics-ddeath-mqtt, tck-id-topics-nbirth-topic, tck-id-topics-dbirth-topic, tck-id-topics-ddata-topic,
    tck-id-topics-ddeath-topic, tck-id-topics-nbirth-bdseq-increment, tck-id-topics-ndata-topic,
    tck-id-payloads-nbirth-qos, tck-id-payloads-nbirth-retain, tck-id-payloads-dbirth-qos, tck-id-payloads-dbirth-retain,
    tck-id-payloads-ndata-qos, tck-id-payloads-ndata-retain, tck-id-payloads-ddata-qos, tck-id-payloads-ddata-retain,
    tck-id-message-flow-edge-node-birth-publish-nbirth-topic, tck-id-message-flow-edge-node-birth-publish-nbirth-qos,
    tck-id-message-flow-edge-node-birth-publish-nbirth-retained,
    tck-id-message-flow-device-birth-publish-dbirth-topic, tck-id-message-flow-device-birth-publish-dbirth-qos,
    tck-id-message-flow-device-birth-publish-dbirth-retained"""
    with Broker("mosquitto") as broker:
        host = Host(broker.port)
        process = driver(kind, broker.port, tmp_path, request)
        try:
            host.awaits("DBIRTH", "pack-2", 2)  # it was silent in between
            host.say(NCMD, ASKED)
            host.awaits("DBIRTH", "pack-2", 3)
            process.kill()
            assert bd_seq(host.awaits("NDEATH")) == 0
            ended = len(host.seen)
            process = driver(kind, broker.port, tmp_path, request)
            host.awaits("DDATA", "pack-1", len(host.of("DDATA", "pack-1")) + 3)
            (tmp_path / "stop").touch()
            assert process.wait(15) == 0
            assert bd_seq(host.awaits("NDEATH", None, 2)) == 1
            late = Host(broker.port)
            host.say("spBv1.0/gumi/NDATA/other", b"")
            late.awaits("NDATA")
            assert [row for row in late.seen if row[4]] == []
            late.stop()
        finally:
            process.kill()
            host.stop()
    judge(host.seen[:ended], host.seen[ended:-1])


def judge(first, second):
    """Both lives are in order, number by number. first ends with the will, second with the NDEATH on purpose."""
    for life, count in ((first, 0), (second, 1)):
        assert life[0][0] == "NBIRTH" and life[-1][0] == "NDEATH" and {row[3] for row in life[:-1]} == {0}
        assert life[-1][3] == 1
        numbers = [decode(row[2])[1] for row in life[:-1]]
        births = [k for k, row in enumerate(life) if row[0] == "NBIRTH"]
        for start, end in zip(births, [*births[1:], len(numbers)]):
            assert numbers[start:end] == [k % 256 for k in range(end - start)]
            assert [row[:2] for row in life[start + 1 : start + 3]] == [("DBIRTH", "pack-1"), ("DBIRTH", "pack-2")]
            assert bd_seq(life[start][2]) == count
    of_two = [row[0] for row in first if row[1] == "pack-2" and row[0] != "DDATA"]
    assert of_two == ["DBIRTH", "DDEATH", "DBIRTH", "DBIRTH"]
    assert [row[0] for row in first].count("NBIRTH") == 2


class Lane:
    """The lane of a gateway in this process; a thread plays the control loop."""

    def __init__(self, port, folder, tls=None, **place):
        settings = sparkplug_driver.settings(port, **place)
        settings["uplink"].update(tls or {})
        self.bench = sparkplug_driver.Bench(settings)
        self.lane = GatewaySparkplug(settings, str(folder), sparkplug_driver.Clock(), sparkplug_driver.sync).start()
        self.node = self.lane.link.node
        self.ends = False
        self.thread = threading.Thread(target=self._control)
        self.thread.start()

    def _control(self):
        while not self.ends:
            self.bench.current_ma = -self.bench.count
            self.bench.step()
            self.lane.told(self.bench.site, self.bench.outcome)
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()
        self.lane.stop()


def test_each_connect_has_a_new_will(mosquitto, tmp_path):
    """tck-id-topics-nbirth-bdseq-matching, tck-id-payloads-nbirth-bdseq-repeat, tck-id-payloads-ndeath-bdseq,
    tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq: the line is cut three times; what the broker
    publishes then has the number of the birth before it."""
    with Broker("mosquitto") as broker, Proxy(broker.port) as proxy, Lane(proxy.port, tmp_path):
        host = Host(broker.port)
        for number in range(3):
            host.awaits("NDATA", None, len(host.of("NDATA")) + 1)
            proxy.drop_all()
            assert bd_seq(host.awaits("NDEATH", None, number + 1)) == number
        host.awaits("DDATA", "pack-1", len(host.of("DDATA", "pack-1")) + 2)
        host.stop()
    lives = [(row[0], bd_seq(row[2])) for row in host.seen if row[0] in ("NBIRTH", "NDEATH")]
    while lives and lives[0][0] == "NDEATH":  # the host came later than the first birth
        lives.pop(0)
    for before, after in zip(lives, lives[1:]):
        assert after == (("NDEATH", before[1]) if before[0] == "NBIRTH" else ("NBIRTH", before[1] + 1))
    assert len(lives) >= 5


def test_primary_host_over_the_broker(mosquitto, tmp_path):
    """tck-id-message-flow-edge-node-birth-publish-phid-wait, tck-id-message-flow-edge-node-birth-publish-phid-offline,
    tck-id-operational-behavior-edge-node-termination-host-offline,
    tck-id-operational-behavior-edge-node-termination-host-offline-reconnect,
    tck-id-operational-behavior-edge-node-birth-sequence-wait"""
    with Broker("mosquitto") as broker, Lane(broker.port, tmp_path, primary_host="scada") as lane:
        host = Host(broker.port)
        assert rig.until(lambda: lane.lane.link.log == "connected")
        host.say(STATE, b'{"online": false, "timestamp": 100}', True)
        host.say(STATE, b'{"online": true, "timestamp": 99}', True)  # stale
        assert rig.until(lambda: lane.node.ignored == 1)
        assert host.seen == []
        host.say(STATE, b'{"online": true, "timestamp": 101}', True)
        host.awaits("DDATA", "pack-2", 2)
        host.say(STATE, b'{"online": false, "timestamp": 102}', True)
        assert bd_seq(host.awaits("NDEATH")) == 0
        assert rig.until(lambda: lane.lane.link.sessions == 2)
        host.say(STATE, b'{"online": true, "timestamp": 103}', True)
        assert bd_seq(host.awaits("NBIRTH", None, 2)) == 1
        host.stop()
    assert [row[0] for row in host.seen][-1] in ("DDATA", "NDATA", "NBIRTH", "DBIRTH", "NDEATH")


def files_of(own, authority=None):
    """The TLS keys of an uplink for a certificate of tests.uplink.certificates."""
    return {"ca": authority or own.ca, "certificate": own.certificate, "private_key": own.private_key}


def test_with_certificates_and_the_rights_of_the_document(mosquitto, tmp_path):
    """The ACL of docs/SPARKPLUG.md is enough for the lane, and a broker of another authority gets nothing."""
    right, other = Authority(tmp_path), Authority(tmp_path, "other")
    server, node, scada = right.issue("broker", hosts=("127.0.0.1",)), right.issue("test"), right.issue("scada")
    document = (rig.ROOT / "docs" / "SPARKPLUG.md").read_text(encoding="utf-8")
    rights = [line for line in document.splitlines() if line.startswith("pattern ")]
    assert len(rights) == 4
    (tmp_path / "acl").write_text("\n".join([*rights, "user scada", "topic readwrite spBv1.0/#", ""]), encoding="utf-8")
    lines = [f"cafile {server.ca}", f"certfile {server.certificate}", f"keyfile {server.private_key}"]
    lines += ["require_certificate true", "use_identity_as_username true", f"acl_file {tmp_path}/acl"]
    with Broker("mosquitto", listener=lines) as broker:
        host = Host(broker.port, files_of(scada))
        with Lane(broker.port, tmp_path, files_of(node, other.ca)) as wrong:
            assert rig.until(lambda: wrong.lane.link.log.startswith("link lost"), 15)
        assert host.seen == [] and wrong.lane.link.sessions == 0
        with Lane(broker.port, tmp_path, files_of(node), primary_host="scada"):
            host.say(STATE, b'{"online": true, "timestamp": 1}', True)
            host.awaits("DDATA", "pack-2", 2)
            host.say(NCMD, ASKED)
            host.awaits("DBIRTH", "pack-2", 2)
        host.awaits("NDEATH")
        host.stop()


@pytest.mark.long
def test_a_hundred_thousand_hostile_commands():
    """tck-id-payloads-ncmd-timestamp"""
    ignored, obeyed = node_tests.attack(100000, 7)
    assert ignored + obeyed == 100000 and 0 < obeyed < 20000


@pytest.fixture(scope="module")
def lives():
    """What two sites of the test above said, types in data or not: {typed: [[kind, hex, hex of its birth or None], ...]}"""
    found = {}
    for typed in ("no", "yes"):
        one = node_tests.Rig(datatype_in_data=typed)
        rows = [["NDEATH", one.will[1].hex(), None]]
        births = {}
        for number in range(30):
            one.bench.current_ma = -1234567 if number == 3 else 250000
            if number == 20:
                one.silence()
            one.bench.step()
            one.node.told(one.bench.site, one.bench.outcome)
            for topic, data in one.node.due(one.bench.now_ms):
                kind = topic.split("/")[2]
                if kind.endswith("BIRTH"):
                    births[kind[0]] = data.hex()
                rows.append([kind, data.hex(), births[kind[0]] if kind.endswith("DATA") else None])
        found[typed] = rows
    return found


def lacking(name):
    """Skip when that reader is not installed."""
    if reason := sparkplug_readers.lacks(name):
        pytest.skip(reason)


def ours(text, types):
    """Our own reading, values with the sign that the birth's type gives. types: {name: datatype}, filled by births."""
    at_ms, seq, metrics = decode(bytes.fromhex(text))
    rows = []
    for name, kind, value in metrics:
        types[name] = kind = kind or types[name]
        if kind == 4 and value is not None and value >> 63 == 1:
            value -= 1 << 64
        rows.append((name, kind, value))
    return at_ms, seq, rows


KIND_NAMES = {4: "Int64", 7: "UInt32", 11: "Boolean", 12: "String"}


@pytest.mark.parametrize("typed", ("no", "yes"))
def test_pysparkplug_reads_what_we_meant(typed, lives):
    """tck-id-payloads-name-birth-data-requirement, tck-id-payloads-metric-timestamp-in-UTC,
    tck-id-payloads-metric-datatype-req, tck-id-payloads-name-requirement,
    tck-id-message-flow-edge-node-birth-publish-nbirth-payload,
    tck-id-message-flow-edge-node-birth-publish-will-message-payload"""
    lacking("pysparkplug")
    answer = sparkplug_readers.read("pysparkplug", lives[typed])
    types = {}
    assert len(answer["rows"]) > 20
    for row, said in zip(lives[typed], answer["rows"]):
        at_ms, seq, metrics = ours(row[1], types)
        assert said["seq"] == seq and (row[0] == "NDEATH" or said["at"] == at_ms)
        assert [(m["name"], m["type"], m["value"]) for m in said["metrics"]] == [
            (name, KIND_NAMES[kind], value) for name, kind, value in metrics
        ]
        assert row[0] == "NDEATH" or all(m["at"] == at_ms for m in said["metrics"])
    values = [m["value"] for said in answer["rows"] for m in said["metrics"] if m["name"] == "current"]
    assert -1234567 in values and 250000 in values
    assert decode(bytes.fromhex(answer["rebirth"]))[2] == [(REBIRTH, BOOLEAN, True)]


@pytest.mark.parametrize("typed", ("no", "yes"))
def test_tahu_javascript_reads_what_we_meant(typed, lives):
    """tck-id-payloads-metric-datatype-not-req, tck-id-payloads-propertyset-keys-array-size,
    tck-id-payloads-propertyset-values-array-size, tck-id-payloads-metric-propertyvalue-type-req

    Without a datatype in data this codec gives null: for readers like it, `datatype_in_data: yes`.
    """
    lacking("sparkplug-payload")
    answer = sparkplug_readers.read("sparkplug-payload", lives[typed])
    types, units = {}, {}
    for row, said in zip(lives[typed], answer):
        at_ms, seq, metrics = ours(row[1], types)
        assert [said["at"], said["seq"]] == [at_ms and str(at_ms), None if seq is None else str(seq)]
        assert [m["name"] for m in said["metrics"]] == [name for name, _, _ in metrics]
        if typed == "no" and row[0].endswith("DATA"):
            assert {m["value"] for m in said["metrics"]} == {None}
            continue
        for got, (_, kind, value) in zip(said["metrics"], metrics):
            assert got["type"] == KIND_NAMES[kind] and (row[0] == "NDEATH" or got["at"] == str(at_ms))
            assert str(got["value"]) == str(value), got
        units.update({m["name"]: m["unit"] for m in said["metrics"] if m["unit"]})
    assert units == {name: unit for name, _, unit in PACK + NODE}


def test_units_are_those_of_the_registry():
    from host_tools.metrics import METRICS

    assert {name: unit for name, _, unit in PACK + NODE} == {name: METRICS[name][0] for name, _, _ in PACK + NODE}
