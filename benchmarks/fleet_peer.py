# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""thingsboard-gateway in benchmarks.fleet: its environment, its settings, and the server it talks to.

It runs unchanged from PyPI. Its settings are those that it ships with, except: the connector reads our
packs, telemetry is not rate-limited, logs are of level ERROR, remote shell, remote configuration and
statistics are off. The subscriber answers the requests for attributes and limits that a ThingsBoard server
would answer; without an answer it would wait.
"""

import json
import os
import subprocess
import sys

from benchmarks.fleet_pack import STAMP_PLACE, UNIT
from benchmarks.polling import areas

PACKAGES = ("thingsboard-gateway>=3.8,<3.9", "setuptools<81", "pymodbus==3.9.2", "pyserial", "pyserial-asyncio")
STAMP_TAG = "a0_%d" % (areas()[0][0] + STAMP_PLACE)
NO_LIMIT = "0:0,"
LIMITS = (
    "rateLimits",
    "dpRateLimits",
    "messagesRateLimits",
    "deviceMessagesRateLimits",
    "deviceRateLimits",
    "deviceDpRateLimits",
)
START = "from thingsboard_gateway.tb_gateway import main; main()"


def make_venv(folder):
    """Path of a Python that has the peer; the environment is made in folder unless it is there."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        print("making the environment of the peer in %s" % folder, file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True, stdout=sys.stderr)
    return python


def version(python):
    """Version of the installed peer."""
    text = "from importlib.metadata import version; print(version('thingsboard-gateway'))"
    return subprocess.run([python, "-c", text], check=True, stdout=subprocess.PIPE).stdout.decode().strip()


def tags(ranges):
    """The 200 points as tags of the Modbus connector: one each, or one range tag per area."""
    found = []
    for number, (first, count) in enumerate(areas()):
        kind = {"type": "16uint", "functionCode": 3, "objectsCount": 1}
        if ranges:  # each needs a name of its own
            found.append(dict(kind, tag="a%d_${address}" % number, address="%d-%d" % (first, first + count - 1)))
        else:
            places = range(first, first + count)
            found += [dict(kind, tag="a%d_%d" % (number, place), address=place) for place in places]
    return found


def write_settings(python, folder, ports, broker_port, ranges):
    """Write the peer's folder of settings; returns its path."""
    text = "import thingsboard_gateway as t; print(t.__path__[0])"
    shipped = subprocess.run([python, "-c", text], check=True, stdout=subprocess.PIPE).stdout.decode().strip()
    with open(os.path.join(shipped, "config", "tb_gateway.json"), encoding="utf-8") as file:
        settings = json.load(file)
    with open(os.path.join(shipped, "config", "logs.json"), encoding="utf-8") as file:
        logs = json.load(file)
    server = settings["thingsboard"]
    server.update(host="127.0.0.1", port=broker_port, remoteConfiguration=False, remoteShell=False)
    server["security"] = {"type": "accessToken", "accessToken": "bench"}
    server["statistics"]["enable"] = False
    server.update(dict.fromkeys(LIMITS, NO_LIMIT))
    settings["connectors"] = [{"name": "packs", "type": "modbus", "configuration": "modbus.json"}]
    for logger in logs["loggers"].values():
        logger["level"] = "ERROR"
    slaves = [
        {
            "host": "127.0.0.1",
            "port": port,
            "type": "tcp",
            "method": "socket",
            "unitId": UNIT,
            "deviceName": "pack-%d" % number,
            "deviceType": "default",
            "timeout": 5,
            "byteOrder": "BIG",
            "wordOrder": "BIG",
            "retries": 1,
            "pollPeriod": 1000,
            "connectAttemptTimeMs": 500,
            "connectAttemptCount": 5,
            "waitAfterFailedAttemptsMs": 30000,
            "attributes": [],
            "timeseries": tags(ranges),
            "attributeUpdates": [],
            "rpc": [],
        }
        for number, port in enumerate(ports, 1)
    ]
    connector = {"name": "packs", "logLevel": "ERROR", "master": {"slaves": slaves}}
    place = os.path.join(folder, "peer-ranges" if ranges else "peer-tags")
    os.makedirs(os.path.join(place, "logs"), exist_ok=True)
    for name, content in (("tb_gateway.json", settings), ("logs.json", logs), ("modbus.json", connector)):
        with open(os.path.join(place, name), "w", encoding="utf-8") as file:
            json.dump(content, file)
    return place


class Arrivals:
    """What thingsboard-gateway sends, and what a ThingsBoard server would answer."""

    topic = "v1/#"

    def take(self, client, message):
        """[(pack, points, stamp or None, None)] of one MQTT message."""
        topic = message.topic
        if "/request/" in topic:
            answer = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
            text = json.dumps(answer if "/rpc/" in topic else {})
            client.publish(topic.replace("/request/", "/response/"), text, qos=1)
        if topic != "v1/gateway/telemetry":
            return []
        found = []
        for name, rows in json.loads(message.payload).items():
            for row in rows:
                values = row.get("values", row)
                found.append((name, len(values), values.get(STAMP_TAG), None))
        return found


def gateways(folder, venv, ports, broker_port):
    """(name, command, environment, folder, Arrivals) of each way to run it."""
    python = make_venv(os.path.abspath(venv or os.path.join(folder, "peer-venv")))
    rows = []
    for ranges in (True, False):
        place = write_settings(python, folder, ports, broker_port, ranges)
        environment = dict(os.environ, TB_GW_CONFIG_DIR=place)
        environment.pop("PYTHONPATH", None)
        name = "thingsboard-gateway %s, %s" % (version(python), "ranges" if ranges else "tags")
        rows.append((name, [python, "-c", START], environment, place, Arrivals()))
    return rows
