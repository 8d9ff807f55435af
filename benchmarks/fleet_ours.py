# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Our side of benchmarks.fleet: its site.yaml, a gateway that only reads and reports, and what arrives.

python -m benchmarks.fleet_ours site.yaml      reads every device with the product's lines and decoders and
sends every point of every pack once a second over the product's uplink; no controllers, no commands.
"""

import asyncio
import os
import sys

from benchmarks.fleet_pack import CELLS, POWER_W, STAMP_PPM, TEMPS, UNIT
from edge.core.records import Record
from edge.core.registry import key
from edge.shell import cbor
from edge.shell.gateway import GatewayClock, serve_line
from edge.shell.gateway_uplink import GatewayUplink
from edge.shell.wiring import Wiring
from host_tools.site import load_site, tables_of

PACK = """
  - id: pack-{number}
    bms: ./fleet_pack.yaml
    connection: tcp:127.0.0.1:{port}
    unit: {unit}
    cells: {cells}
    temps: {temps}
    chemistry: lfp
    capacity_ah: 280
    maker: {{charge_a: 140, discharge_a: 140, cell_max_v: 3.65, cell_min_v: 2.5, temp_max_c: 55, temp_min_c: -20,
      temp_min_charge_c: 0}}
    grade: {{charge_a: 90, discharge_a: 100, capacity_ah: 238, capacity_std_ah: 5, grade: B, body: KTR,
      date: 2026-03-02}}"""
SITE = """
site: fleet
org: bench
mode: control
period_s: 1
packs:{packs}
pcs: {{profile: sunspec_pcs, connection: "tcp:127.0.0.1:{pcs}", unit: {unit}, power_w: {power_w}, watchdog_s: 5}}
meter: {{profile: sunspec_meter, connection: "tcp:127.0.0.1:{meter}", unit: {unit}}}
uplink: {{host: 127.0.0.1, port: {broker}}}
"""
TOPIC = "bess/v1/#"
SOC = key("bms_soc")
CELL_KEY, TEMP_KEY, REST_KEY = 1000, 1001, 1002  # of the reader's own records; the registry ends far below


def write_site(folder, ports, broker_port):
    """Write site.yaml into folder; ports: packs, PCS, meter. Returns its path."""
    packs = "".join(
        PACK.format(number=number, port=port, unit=UNIT, cells=CELLS, temps=TEMPS)
        for number, port in enumerate(ports[:-2], 1)
    )
    text = SITE.format(packs=packs, pcs=ports[-2], meter=ports[-1], unit=UNIT, power_w=POWER_W, broker=broker_port)
    path = os.path.join(folder, "site.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Arrivals:
    """What our gateway sends, and the acknowledgements that a backend owes it."""

    topic = TOPIC

    def take(self, client, message):
        """[(pack, points, stamp or None, age in the controller ms or None)] of one MQTT message."""
        if not message.topic.endswith("/rec"):
            return []
        record = cbor.decode(message.payload)
        client.publish(message.topic[:-3] + "ack", cbor.encode({1: record[1], 2: record[2]}), qos=1, retain=True)
        body = record[9]
        points = sum(len(value) if isinstance(value, list) else 1 for value in body.values())
        stamp = body[SOC] - STAMP_PPM if record[7] == ord("T") and SOC in body else None
        return [(record[8], points, stamp, body.get(key("age")))]


def points_of(sample):
    """Every point of a Sample as the pairs of a record."""
    cells, temps = list(sample.cell_mv), list(sample.temp_mc)
    rest = list(sample[1:7]) + list(sample[10:15])
    return ((SOC, sample.bms_soc_ppm), (CELL_KEY, cells), (TEMP_KEY, temps), (REST_KEY, rest))


async def read_and_report(path):
    """Poll, decode and send for ever; no controller runs."""
    settings = load_site(path)
    clock = GatewayClock()
    wiring = Wiring(dict(settings, mode="observe"), tables_of(settings, path).__getitem__, clock)
    uplink = GatewayUplink(settings, int.from_bytes(os.urandom(7), "big"), 1, clock).start()
    lines = [asyncio.create_task(serve_line(link)(link, devices, clock, gate)) for link, devices, gate in wiring.lines]
    sent = [None] * len(settings["packs"])
    wake_ms = clock.now_ms() + 400
    while lines:
        await asyncio.sleep(max(0, wake_ms - clock.now_ms()) / 1000)
        wake_ms += 1000
        utc_s, quality = clock.utc_s()
        for number in range(len(sent)):
            now_ms = clock.now_ms()
            sample = wiring.devices[number].read(now_ms)
            if sample is not None and sample is not sent[number]:
                sent[number] = sample
                uplink.offer(Record("T", number, now_ms, utc_s * 1000, quality, points_of(sample)))


if __name__ == "__main__":
    asyncio.run(read_and_report(sys.argv[1]))
