# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The broker and the proxy of the tests do what they say."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from simulator.broker import Broker, BrokerError, available
from simulator.proxy import Proxy
from tests.uplink import rig


def accepts(port):
    """True when something listens on that port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(params=("amqtt", "mosquitto"))
def kind(request):
    if request.param == "mosquitto":
        request.getfixturevalue("mosquitto")
    return request.param


def test_kill_and_start_keep_the_port(kind):
    assert available(kind) is None
    with Broker(kind) as broker:
        port = broker.port
        assert broker.running and accepts(port)
        broker.kill()
        assert not broker.running and not accepts(port)
        broker.start()
        assert broker.port == port and accepts(port)
        with pytest.raises(BrokerError):
            broker.start()
    assert not accepts(port)
    broker.stop()


def test_taken_port_is_an_error_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BrokerError) as failed:
        Broker("amqtt", taken.getsockname()[1]).start()
    assert "did not start" in str(failed.value)


@pytest.mark.parametrize("frozen", (False, True))
def test_broker_ends_with_its_parent(kind, frozen):
    script = (
        "import sys; from simulator.broker import Broker; broker = Broker(sys.argv[1]).start();"
        "sys.argv[2] == 'True' and broker.freeze(); print(broker.port, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, kind, str(frozen)],
        env={**os.environ, "PYTHONPATH": str(rig.ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    port = int(parent.stdout.readline())
    assert frozen or accepts(port)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    assert rig.until(lambda: not accepts(port), 20)


class Echo:
    """A server that sends back what it gets."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(client,), daemon=True).start()

    def _echo(self, client):
        with client:
            try:
                while data := client.recv(4096):
                    client.sendall(data)
            except OSError:
                pass


def silent(client):
    """True when nothing arrives for a moment."""
    client.settimeout(0.2)
    try:
        return client.recv(1) is None
    except TimeoutError:
        return True


def receive(client, size):
    """size bytes, or fewer when the connection ends."""
    client.settimeout(10)
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def test_proxy_passes_holds_and_cuts():
    with Echo() as echo, Proxy(echo.port) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
            proxy.black_hole()
            client.sendall(b"later")
            assert silent(client)
            proxy.pass_through()
            assert receive(client, 5) == b"later"
            proxy.freeze("down")
            client.sendall(b"one way")
            assert rig.until(lambda: proxy.carried["up"] == 17)
            assert silent(client)
            proxy.pass_through()
            assert receive(client, 7) == b"one way"
            proxy.cut_after(3, "down")
            client.sendall(b"abcdef")
            assert receive(client, 6) == b"abc"
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(b"again")
            assert receive(client, 5) == b"again"
            proxy.drop_all()
            assert receive(client, 1) == b""
        assert proxy.connections == 2
    proxy.stop()
