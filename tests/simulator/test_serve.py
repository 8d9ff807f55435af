# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The world on real sockets, read by pymodbus's client."""

import asyncio

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from simulator.pcs import OUT_RATE
from simulator.serve import Served, with_ports
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World


def _with_client(link, play):
    """Serve a world, connect a client to line `link`, return what play(served, client) returns."""

    async def run():
        world = World(settings(), 1, **DEMO_TRUTH)
        served = Served(world)
        ports = await served.start()
        client = AsyncModbusTcpClient("127.0.0.1", port=ports[link], timeout=0.5, retries=0)
        try:
            assert await client.connect()
            return await play(served, client)
        finally:
            client.close()
            await served.stop()

    return asyncio.run(run())


def _bytes(registers):
    return b"".join(value.to_bytes(2, "big") for value in registers)


def test_registers_and_coils_are_the_bytes_of_the_world():
    async def play(served, client):
        world = served.world
        world.mishaps.start("alarm", 0, bit=9)
        world.advance(1000)
        cells = await client.read_input_registers(4352, count=26, device_id=1)
        coils = await client.read_coils(4608, count=144, device_id=1)
        assert _bytes(cells.registers) == world.block(0, 1)
        bits = world.block(0, 2)
        assert coils.bits[:144] == [bool(bits[k // 8] >> (k % 8) & 1) for k in range(144)]
        assert any(coils.bits[:144])

    _with_client(0, play)


def test_unknown_addresses_are_exception_2():
    async def play(served, client):
        answer = await client.read_input_registers(9, count=2, device_id=1)
        assert answer.isError() and answer.exception_code == 2
        answer = await client.write_register(4352, 1, device_id=1)
        assert answer.isError()

    _with_client(0, play)


def test_limits_arrive_are_recorded_and_read_back():
    async def play(served, client):
        wanted = [1000, 2000, 0, 5]
        answer = await client.write_registers(OUT_RATE, wanted, device_id=1)
        assert not answer.isError()
        served.world.advance(2000)
        back = await client.read_holding_registers(40122, count=26, device_id=1)
        assert back.registers[12:16] == wanted
        assert served.writes == [(0, 1, OUT_RATE, tuple(wanted))]
        assert served.world.pcs.dc_a > 5.0
        refused = await client.write_registers(40070, [1], device_id=1)
        assert refused.isError()

    _with_client(1, play)


def test_a_silent_device_answers_nothing_and_comes_back():
    async def play(served, client):
        served.world.mishaps.start("pcs_silent", 0)
        try:
            answer = await client.read_holding_registers(40070, count=2, device_id=1)
            silent = answer.isError()
        except ModbusIOException:
            silent = True
        assert silent
        served.world.mishaps.stop("pcs_silent", 0)
        await client.connect()
        answer = await client.read_holding_registers(40070, count=2, device_id=1)
        assert answer.registers == [103, 50]

    _with_client(1, play)


def test_time_passes_by_itself_and_ports_go_into_the_settings():
    async def play(served, client):
        task = asyncio.ensure_future(served.run())
        passed = asyncio.Event()

        async def watch():
            while served.world.now_ms < 300:
                await asyncio.sleep(0.02)
            passed.set()

        await asyncio.wait_for(watch(), 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ports = {link: server.port for link, server in served.servers.items()}
        site = with_ports(served.world.settings, ports)
        assert [row["port"] for row in site["links"]] == [ports[0], ports[1], ports[2]]
        assert len(set(ports.values())) == 3

    _with_client(2, play)


def test_digital_modules_on_a_line():
    from tests.simulator.test_modules import site

    async def run():
        world = World(site(), 1)
        served = Served(world)
        ports = await served.start()
        said = []
        for link in (3, 4):
            client = AsyncModbusTcpClient("127.0.0.1", port=ports[link], timeout=0.5, retries=0)
            assert await client.connect()
            if link == 3:
                for name in (None, "estop"):
                    if name:
                        world.mishaps.start(name, 0)
                    answer = await client.read_discrete_inputs(0, count=6, device_id=1)
                    said.append([bool(bit) for bit in answer.bits[:6]])
            else:
                for address, good in ((0, True), (4, True), (5, False)):
                    assert (await client.write_coil(address, True, device_id=1)).isError() != good
                answer = await client.read_coils(0, count=5, device_id=1)
                said.append([bool(bit) for bit in answer.bits[:5]])
                assert (await client.read_holding_registers(488, count=1, device_id=1)).registers == [90]
            client.close()
        await served.stop()
        world.advance(500)
        return said, world.contacts.each[0].main

    said, closed = asyncio.run(run())
    assert said == [[True, True] + [False] * 4, [False, True] + [False] * 4, [True, False, False, False, True]]
    assert closed
