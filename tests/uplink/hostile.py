# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""R19 on a gateway: the same hostile payloads as messages of paho.

python -m tests.uplink.hostile COUNT SEED
"""

import sys

import paho.mqtt.client as paho

from edge.shell.gateway_uplink import GatewayUplink
from tests.both import hostile


class Gateway:
    """The way in on a gateway: what paho hands to the uplink."""

    most_bytes = 1 << 30

    def __init__(self, settings, clock, box):
        self.uplink = GatewayUplink(settings, 1, 1, clock, outbox=box)

    def deliver(self, topic, payload, retained):
        """One message; packets that are none never come out of paho."""
        if topic is not None:
            message = paho.MQTTMessage(topic=topic.encode())
            message.payload, message.retain, message.qos = payload, retained, 1
            self.uplink._on_message(None, None, message)


if __name__ == "__main__":
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    print(hostile.text_of(hostile.play(count, seed, Gateway), seed))
