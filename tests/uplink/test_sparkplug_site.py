# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The live lane of a whole controller: a gateway, and a board's shortened bundle in the VM, beside real wires, a real
broker and a BMS that falls silent."""

import asyncio
import json
import socket

import pytest

from edge.shell.sparkplug import decode
from host_tools import bundle
from simulator.broker import Broker, free_port
from simulator.serve import Served, with_ports
from tests.demo.test_broker_wall import launch, rows_of, still_world
from tests.uplink.test_sparkplug import Host, bd_seq

NCMD = "spBv1.0/gumi/NCMD/gumi-014"


async def until(condition, most_s=40):
    """Wait until condition() holds; the simulated wires run meanwhile."""
    for _ in range(most_s * 20):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


def live_of(site):
    """What the status of the running controller says of the lane."""
    with socket.create_connection(("127.0.0.1", site["uplink"]["status_port"]), 5) as line:
        return json.loads(line.makefile("rb").readline())["live"]


async def life(runtime, folder):
    """(what the host saw, rows of the controller's trace) of one controller whose BMS is silent for a while."""
    served = Served(still_world())
    ports = await served.start()
    task = asyncio.create_task(served.run())
    with Broker("mosquitto") as broker:
        host = Host(broker.port)
        site = with_ports(served.world.settings, ports)
        site["uplink"] = {"host": "127.0.0.1", "port": broker.port, "sparkplug": {"group": "gumi"}}
        site["uplink"]["status_port"] = free_port()
        home = folder / "home"
        home.mkdir()
        (home / "settings.json").write_text(json.dumps(site), encoding="utf-8")
        if runtime == "micropython":
            await asyncio.to_thread(bundle.build, folder / "board", site)
        process = launch(runtime, home)
        mishaps = served.world.mishaps
        try:
            pack = site["packs"][0]["id"]
            assert await until(lambda: len(host.of("DDATA", pack)) > 2), (home / "log").read_text(encoding="utf-8")
            host.say(NCMD, b"\xff")
            for _ in range(40):
                lane = await asyncio.to_thread(live_of, site)  # the wires go on meanwhile
                if lane["ignored"]:
                    break
            assert (lane["born"], lane["sessions"], lane["ignored"]) == (True, 1, 1)
            mishaps.start("bms_silent", served.world.now_ms)
            assert await until(lambda: host.of("DDEATH", pack))
            mishaps.stop("bms_silent", served.world.now_ms)
            assert await until(lambda: len(host.of("DBIRTH", pack)) > 1)
            process.terminate()
            assert await until(lambda: host.of("NDEATH"))
        finally:
            process.kill()
            await asyncio.to_thread(process.wait, 10)
            host.stop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await served.stop()
        return host.seen, rows_of(home)


@pytest.mark.long
@pytest.mark.parametrize("runtime", ("cpython", "micropython"))
def test_a_whole_controller_is_a_node(runtime, mosquitto, tmp_path, request):
    """tck-id-operational-behavior-device-ddeath, tck-id-payloads-sequence-num-incrementing,
    tck-id-payloads-ndeath-bdseq"""
    if runtime == "micropython":
        request.getfixturevalue("micropython")
    seen, trace = asyncio.run(life(runtime, tmp_path))
    assert [row[0] for row in seen[:2]] == ["NBIRTH", "DBIRTH"] and bd_seq(seen[0][2]) == 0
    assert [decode(row[2])[1] for row in seen[:-1]] == [k % 256 for k in range(len(seen) - 1)]
    assert seen[-1][0] == "NDEATH" and bd_seq(seen[-1][2]) == 0
    values = {name: value for name, _, value in decode(seen[1][2])[2]}
    assert 40000 < values["pack_v"] < 60000 and values["cell_max"] >= values["cell_min"] > 3000
    assert len(trace) > 8
