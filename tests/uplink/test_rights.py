# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The rights that docs/UPLINK.md gives for mosquitto: a device speaks and listens for itself only."""

import pathlib
import re

import paho.mqtt.client as paho

from simulator.broker import Broker
from tests.uplink import rig

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "UPLINK.md"
OWN, OTHER = "bess/v1/demo/here/dev-1/", "bess/v1/demo/here/dev-2/"


class Peer:
    """A client with a name; got: topics of what it received."""

    def __init__(self, port, name, *topics):
        self.got = []
        self.ready = False
        self._topics = [(topic, 1) for topic in topics]
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name)
        self.client.username_pw_set(name)
        self.client.on_connect = lambda client, *_: client.subscribe(self._topics)
        self.client.on_subscribe = self._subscribed
        self.client.on_message = lambda _client, _data, message: self.got.append(message.topic)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert rig.until(lambda: self.ready)

    def _subscribed(self, *_):
        self.ready = True

    def say(self, *topics):
        """Publish on each topic and wait until the broker has them all."""
        for topic in topics:
            self.client.publish(topic, b"x", qos=1).wait_for_publish(30)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def test_a_device_writes_and_reads_only_what_is_its_own(mosquitto, tmp_path):
    (rights,) = re.findall(r"```\n(pattern .*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (tmp_path / "acl").write_text(rights, encoding="utf-8")
    with Broker("mosquitto", listener=("allow_anonymous true", "acl_file %s" % (tmp_path / "acl"))) as broker:
        receiver = Peer(broker.port, "receiver", "bess/v1/+/+/+/rec", "bess/v1/+/+/+/status")
        device = Peer(broker.port, "dev-1", OWN + "ack", OWN + "ord", OTHER + "ack")
        desk = Peer(broker.port, "desk", OWN + "rsp")
        device.say(OTHER + "rec", OWN + "ack", OTHER + "rsp", OWN + "rec", OWN + "rsp")
        receiver.say(OTHER + "ack", OWN + "ord", OWN + "rec", OWN + "ack")
        desk.say(OTHER + "rec", OWN + "ack", OWN + "ord")
        assert rig.until(lambda: receiver.got and len(device.got) >= 2 and desk.got)
        for peer in (receiver, device, desk):
            peer.stop()
        assert receiver.got == [OWN + "rec"]
        assert device.got == [OWN + "ack", OWN + "ord"]
        assert desk.got == [OWN + "rsp"]
