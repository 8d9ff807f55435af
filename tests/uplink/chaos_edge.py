# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The recording half of a gateway as a process that may be killed at any moment: journal, backlog, uplink.

Arguments: FOLDER PORT PERIOD_MS KEY|naive. Writes FOLDER/truth (one line per look: epoch, numbers given, numbers that
are durable) and FOLDER/left (records not yet acknowledged). naive: the control arm, plain paho with QoS 1.
"""

import os
import sys
import time

import paho.mqtt.client as paho

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import gateway_journal, link
from edge.shell.gateway import sync
from edge.shell.gateway_uplink import GatewayUplink, MonotonicClock
from edge.shell.outbox import encode_record, envelope_head

DEVICE = "chaos-1"
PLAN = "TTTTMTTBTTETTTTXTI"


def settings_of(port, key):
    """What the uplink needs of a site."""
    uplink = {"host": "127.0.0.1", "port": port, "keepalive_s": 5, "status_port": 0, "ack_key": key}
    return {"device": DEVICE, "org": "demo", "site": "chaos", "uplink": uplink, "journal_kb": 8192}


def record(number):
    """A record that tells its number."""
    pairs = ((KEYS["pack_v"], number), (KEYS["version"], "x" * (number % 40)))
    return Record(PLAN[number % len(PLAN)], 0, number, 1700000000000 + number, 3, pairs)


def boot_of(folder):
    """Counts the starts."""
    path = os.path.join(folder, "boot")
    boot = int(open(path, encoding="ascii").read()) + 1 if os.path.exists(path) else 1
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(str(boot))
    os.replace(path + ".new", path)
    return boot


def durable_arm(folder, port, key, epoch, boot):
    """(offer, durable, left) of the product."""
    settings = settings_of(port, key)
    journal = gateway_journal.start(settings, folder, epoch, boot, sync)
    backlog = gateway_journal.backlog(settings, journal, bytes.fromhex(key))
    uplink = GatewayUplink(settings, epoch, boot, MonotonicClock(), outbox=backlog).start()
    return uplink.offer, lambda: journal.durable, lambda: uplink.backlog


def naive_arm(port, epoch, boot):
    """(offer, durable, left) of a client that believes in PUBACK."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=DEVICE, clean_session=False)
    client.reconnect_delay_set(1, 2)
    client.connect_async("127.0.0.1", port, 5)
    client.loop_start()
    head, given, open_ones = envelope_head(epoch), [0], set()
    client.on_publish = lambda _client, _data, mid, *_: open_ones.discard(mid)

    def offer(row):
        given[0] += 1
        data = encode_record(head, boot, given[0], row)
        open_ones.add(client.publish("bess/v1/demo/chaos/%s/rec" % DEVICE, data, qos=1).mid)
        return given[0]

    return offer, lambda: given[0], lambda: len(open_ones)


def main(folder, port, period_ms, key):
    """Offer records until FOLDER/stop is there, then only send. Attempts come at least every half second: more mishaps
    meet a working line."""
    link.BACKOFF_MAX_MS = 500
    boot = boot_of(folder)
    epoch = int.from_bytes(os.urandom(7), "big")
    if key == "naive":
        offer, durable, left = naive_arm(int(port), epoch, boot)
    else:
        offer, durable, left = durable_arm(folder, int(port), key, epoch, boot)
    truth = os.open(os.path.join(folder, "truth"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    given = 0
    while True:
        if not os.path.exists(os.path.join(folder, "stop")):
            given = offer(record(given + 1))
        os.write(truth, b"%d %d %d\n" % (epoch, given, durable()))
        with open(os.path.join(folder, "left.new"), "w", encoding="ascii") as file:
            file.write("%d %d" % (left(), given - durable()))
        os.replace(os.path.join(folder, "left.new"), os.path.join(folder, "left"))
        time.sleep(int(period_ms) / 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
