# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Records through real brokers that are killed, frozen and black-holed: nothing missing, nothing twice.

The judge is the receiver's database beside the count of records offered, never what an uplink says.
"""

import contextlib
import socket

import pytest

from edge.shell import gateway_uplink
from host_tools.ledger import completeness
from host_tools.receiver import Receiver
from simulator.broker import Broker, available
from simulator.proxy import Proxy
from tests.uplink import rig

LATE_US = 300000  # late_ms of the settings: far above what is seen, a loaded machine stays below
UPLINKS = ("vm", "cpython", "paho")
DEVICE = ("board-1", rig.EPOCH)


# where mosquitto is there, what the other broker makes of it is looked at with the long tests
OTHER = pytest.param("amqtt", marks=() if available("mosquitto") else pytest.mark.long)


@pytest.fixture(params=(OTHER, "mosquitto"))
def broker(request):
    """A running broker of each kind that this machine has."""
    if request.param == "mosquitto":
        request.getfixturevalue("mosquitto")
    with Broker(request.param) as running:
        yield running


@pytest.fixture(params=UPLINKS)
def begin(request, monkeypatch):
    """Function that starts one of the three uplinks: begin(port, count, ...)."""
    if request.param == "paho":
        monkeypatch.setattr(gateway_uplink, "ANSWER_MS", rig.ANSWER_MS)
        return rig.GatewayRun
    vm = request.getfixturevalue("micropython") if request.param == "vm" else None
    return lambda *arguments, **options: rig.BoardRun(vm, *arguments, **options)


def judge(path, result, count):
    """All offered numbers are in the database once, or declared; the control task was never held up."""
    assert result["offered"] == result["seq"] == count
    assert result["backlog"] == 0, result
    row = completeness(path)[DEVICE]
    assert (row.minimum, row.maximum) == (1, count)
    assert row.missing == 0
    assert row.declared == result["lost"]
    assert result["late_max_us"] < LATE_US, result
    return row


def test_healthy_broker(broker, begin, tmp_path):
    path = tmp_path / "records.db"
    with Receiver("127.0.0.1", broker.port, path) as receiver:
        result = begin(broker.port, 200).result()
        assert judge(path, result, 200).count == 200
        assert receiver.counts["conflicts"] == receiver.counts["bad"] == 0
        assert result["reconnects"] <= 1


def test_broker_killed_again_and_again(broker, begin, tmp_path):
    """R1: the broker forgets everything, three times, under each of the three uplinks."""
    path = tmp_path / "records.db"
    with Receiver("127.0.0.1", broker.port, path) as receiver:
        run = begin(broker.port, 400)
        for stored in (40, 120, 200):
            assert rig.until(lambda stored=stored: receiver.counts["stored"] >= stored)
            broker.kill()
            broker.start()
        assert judge(path, run.result(), 400).count == 400
        assert receiver.counts["conflicts"] == 0


def test_broker_stopped_and_continued(broker, begin, tmp_path):
    path = tmp_path / "records.db"
    with Receiver("127.0.0.1", broker.port, path) as receiver:
        run = begin(broker.port, 300)
        assert rig.until(lambda: receiver.counts["stored"] >= 40)
        broker.freeze()
        last(2.5)  # longer than the deadlines: the uplink gives the connection up
        broker.thaw()
        assert judge(path, run.result(), 300).count == 300
        assert receiver.counts["conflicts"] == 0


def test_network_is_a_black_hole(begin, tmp_path):
    """R4: nothing passes and nothing is closed; noticed before 2 keep-alives and a second are over."""
    path = tmp_path / "records.db"
    with Broker() as broker, Proxy(broker.port) as proxy, Receiver("127.0.0.1", broker.port, path) as receiver:
        run = begin(proxy.port, 300)
        assert rig.until(lambda: receiver.counts["stored"] >= 40)
        before = proxy.connections
        proxy.black_hole()
        assert rig.until(lambda: proxy.connections > before, 2 * rig.KEEPALIVE_S + 1)
        assert rig.until(lambda: proxy.connections >= before + 2)  # and tried again in vain
        proxy.pass_through()
        assert judge(path, run.result(), 300).count == 300
        assert receiver.counts["conflicts"] == 0


@pytest.mark.parametrize("direction", ("up", "down"))
def test_network_carries_one_way_only(begin, tmp_path, direction):
    """R5: PUBACKs and acknowledgements vanish, or records do."""
    path = tmp_path / "records.db"
    with Broker() as broker, Proxy(broker.port) as proxy, Receiver("127.0.0.1", broker.port, path) as receiver:
        run = begin(proxy.port, 200)
        assert rig.until(lambda: receiver.counts["stored"] >= 40)
        proxy.freeze(direction)
        before = proxy.connections
        assert rig.until(lambda: proxy.connections > before)
        proxy.pass_through()
        assert judge(path, run.result(), 200).count == 200


def test_connection_cut_inside_packets(begin, tmp_path):
    """R3: cut inside CONNECT, PUBLISH, PUBACK and acknowledgements."""
    path = tmp_path / "records.db"
    with Broker() as broker, Proxy(broker.port) as proxy, Receiver("127.0.0.1", broker.port, path) as receiver:
        run = begin(proxy.port, 300)
        for count, direction in ((1, "up"), (333, "up"), (2, "down"), (37, "down"), (1001, "up")):
            before = proxy.connections
            stored = receiver.counts["stored"]
            assert rig.until(lambda stored=stored: receiver.counts["stored"] > stored or stored >= 300)
            proxy.cut_after(count, direction)
            if stored < 250:
                assert rig.until(lambda before=before: proxy.connections > before)
        assert judge(path, run.result(), 300).count == 300
        assert receiver.counts["conflicts"] == 0


def test_small_outbox_behind_a_dead_broker_declares_what_it_drops(begin, tmp_path):
    path = tmp_path / "records.db"
    with Broker() as broker, Proxy(broker.port) as proxy:
        proxy.black_hole()
        run = begin(proxy.port, 400, period_ms=2, limit_bytes=20000)
        assert rig.until(lambda: proxy.connections >= 2)
        with Receiver("127.0.0.1", broker.port, path):
            proxy.pass_through()
            result = run.result()
            row = judge(path, result, 400)
            assert row.declared > 0 and row.count < 400


def test_receiver_that_comes_late_gets_everything(begin, tmp_path):
    path = tmp_path / "records.db"
    with Broker() as broker:
        run = begin(broker.port, 150, period_ms=5)
        last(1.0)
        with Receiver("127.0.0.1", broker.port, path):
            assert judge(path, run.result(), 150).count == 150
        with Receiver("127.0.0.1", broker.port, path) as again:  # a second start on the same file
            assert rig.until(lambda: again.connected)
        assert completeness(path)[DEVICE].count == 150


@pytest.mark.parametrize("runtime", ("vm", "cpython"))
def test_host_that_swallows_connects_costs_one_socket(runtime, request):
    vm = request.getfixturevalue("micropython") if runtime == "vm" else None
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as callers:
        port = full.getsockname()[1]
        for _ in range(4):  # fill the backlog: from now on the kernel drops what knocks
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
        result = rig.BoardRun(vm, port, 300, answer_ms=100, patience_s=4).result()
    assert result["reconnects"] >= 3 and result["backlog"] > 0
    assert result["open_files"] is None or result["open_files"] < 16
    assert result["late_max_us"] < LATE_US, result


def last(time_s):
    """Let the fault last that long."""
    rig.until(lambda: False, time_s)
