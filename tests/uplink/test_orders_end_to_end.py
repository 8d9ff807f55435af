# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Orders from the desk to the battery and back: `reuse-edge order` against a real controller behind a real mosquitto.

The controller is a process (gateway with Ed25519; the VM with HMAC), its BMS and PCS are servers on real sockets, the
receiver keeps the records. Permits are read from the trace of the steps.
"""

import asyncio
import json
import threading
import time

import paho.mqtt.client as paho
import pytest

from edge.core import orders as o
from edge.core.registry import KEYS
from edge.shell import cbor, link
from host_tools import bundle, cli, documents, ledger, site
from host_tools.receiver import Receiver
from simulator.broker import Broker
from simulator.serve import Served, with_ports
from tests.demo import test_broker_wall as wall
from tests.uplink import rig

CHARGE, DISCHARGE = 1, 2  # columns of the trace
ENVELOPE_MA = 5000  # of the contract in wall.still_world()


class Plant:
    """BMS, PCS and meter on sockets, in a thread with an event loop of their own."""

    def __init__(self):
        self.ready, self.over = threading.Event(), None
        self.thread = threading.Thread(target=asyncio.run, args=(self._main(),), daemon=True)
        self.thread.start()
        assert self.ready.wait(30)

    async def _main(self):
        served = Served(wall.still_world())
        self.settings = with_ports(served.world.settings, await served.start())
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        task = asyncio.create_task(served.run())
        self.ready.set()
        await self.over.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await served.stop()

    def stop(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(30)


class Desk:
    """Keys, drafts and the command line of an operator. last: bytes of the newest order."""

    def __init__(self, port, settings, device):
        assert cli.main(["key", "new", "desk", "--role", "operator", *(["--device"] if device else [])]) == 0
        self.key = "desk.mac" if device else "desk.key"
        self.row = documents.trust_row("operator", "desk.mac" if device else "desk.pub")
        self.port, self.root, self.device = port, link.topic_root(settings), settings["device"]
        self.count = 0

    def draft(self, action, *words):
        """The file of a new signed order."""
        self.count += 1
        name = "order-%d" % self.count
        words = ["--device", self.device, "--counter", str(self.count), *words]
        assert cli.main(["order", "new", action, "--out", name + ".yaml", *words]) == 0
        assert cli.main(["order", "sign", name + ".yaml", "--key", self.key]) == 0
        return name + ".order"

    def send(self, name, wait="20"):
        """Exit code of `order send`."""
        words = ["--host", "127.0.0.1", "--port", str(self.port), "--wait", wait, "--lang", "en"]
        return cli.main(["order", "send", name, "--site", "site.yaml", *words])

    def keep(self, name):
        """Give an order to the broker as a retained message."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        client.publish(self.root + "ord", documents.load(name), qos=1, retain=True).wait_for_publish(30)
        client.disconnect()
        client.loop_stop()


def verdicts(path):
    """Verdicts of the audit events at the receiver, in their order."""
    database = ledger.open_read_only(path)
    bodies = [cbor.decode(row[0]) for row in database.execute("SELECT body FROM records WHERE cls = 'E' ORDER BY seq")]
    database.close()
    return [body[KEYS["order_verdict"]] for body in bodies if KEYS["order_verdict"] in body]


def permitted(folder):
    """(charge, discharge) mA of the newest step."""
    rows = wall.rows_of(folder)
    return (rows[-1][CHARGE], rows[-1][DISCHARGE]) if rows else None


def settle(folder, expected):
    """Wait until the permits are those; what they are."""
    rig.until(lambda: permitted(folder) == expected, 40)
    return permitted(folder)


def begin(runtime, folder, plant, desk, port):
    """The process of the controller, with a journal, on folder."""
    org, place, device = desk.root.split("/")[2:5]
    made = dict(plant.settings, trust=[desk.row], org=org, site=place, device=device, journal_kb=256)
    made["uplink"] = {"host": "127.0.0.1", "port": port, "keepalive_s": 5, "status_port": 0, "gather_s": 0}
    if runtime == "micropython":
        bundle.build(folder.parent / "board", dict(made))
    (folder / "settings.json").write_text(json.dumps(made), encoding="utf-8")
    return wall.launch(runtime, folder)


LEASE = ("--charge-lease-s", "3600", "--charge-after-a", "1")


def play(folder, desk, capsys, monkeypatch):
    """The orders of one day; [(what, exit code of `order send`, its words, permits afterwards)]."""
    told = []

    def send(what, name, expected):
        capsys.readouterr()
        code = desk.send(name)
        told.append((what, code, capsys.readouterr().err, settle(folder, expected)))

    assert settle(folder, (ENVELOPE_MA, ENVELOPE_MA)) == (ENVELOPE_MA, ENVELOPE_MA)
    first = desk.draft("lease", "--charge-a", "3", *LEASE)
    send("narrows", first, (3000, ENVELOPE_MA))
    send("raises", desk.draft("lease", "--charge-a", "4.5", *LEASE), (4500, ENVELOPE_MA))
    send("beyond the envelope", desk.draft("lease", "--charge-a", "6", *LEASE), (4500, ENVELOPE_MA))
    send("replayed", first, (4500, ENVELOPE_MA))
    now = time.time
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: now() - 30 * 86400)
        late = desk.draft("lease", "--charge-a", "5", *LEASE)
    send("expired", late, (4500, ENVELOPE_MA))
    (folder / "flipped.order").write_bytes(documents.load(late)[:-1] + bytes([documents.load(late)[-1] ^ 1]))
    send("flipped", str(folder / "flipped.order"), (4500, ENVELOPE_MA))
    short = ("--charge-lease-s", "4", "--charge-after-a", "1")
    send("ends by itself", desk.draft("lease", "--charge-a", "5", *short), (1000, ENVELOPE_MA))
    return told


WORDS = {
    "narrows": (0, "in force", 3000),
    "raises": (0, "in force", 4500),
    "beyond the envelope": (1, "looser than a source above it", 4500),
    "replayed": (1, "counter was used before", 4500),
    "expired": (1, "expired", 4500),
    "flipped": (1, "not signed by", 4500),
    "ends by itself": (0, "in force", 1000),
}


@pytest.mark.long
@pytest.mark.parametrize("runtime", ("cpython", "micropython"))
def test_orders_reach_the_battery_and_their_verdicts_the_receiver(
    runtime, mosquitto, request, tmp_path, capsys, monkeypatch
):
    """A lease narrows, raises and ends; what is replayed, expired, retained, flipped or too wide changes nothing, and
    all of it is answered and on record."""
    if runtime == "micropython":
        request.getfixturevalue("micropython")
    folder, path = tmp_path / "state", tmp_path / "r.db"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    text = (rig.ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
    (tmp_path / "site.yaml").write_text(text, encoding="utf-8")
    names = site.load_site("site.yaml")
    plant = Plant()
    with Broker("mosquitto") as broker, Receiver("127.0.0.1", broker.port, path) as running:
        desk = Desk(broker.port, names, runtime == "micropython")
        desk.keep(desk.draft("lease", "--charge-a", "2", *LEASE))  # an old one, kept by the broker
        process = begin(runtime, folder, plant, desk, broker.port)
        try:
            told = play(folder, desk, capsys, monkeypatch)
            assert process.poll() is None
            expected = [o.V_DONE, o.V_WAITS, o.V_DONE, o.V_LOOSER, o.V_COUNTER, o.V_EXPIRED, o.V_SIGNATURE]
            expected += [o.V_WAITS, o.V_DONE]
            assert rig.until(lambda: len(verdicts(path)) >= len(expected)), verdicts(path)
        finally:
            process.terminate()
            process.wait(30)
            plant.stop()
    log = (folder / "log").read_text(encoding="utf-8", errors="replace")
    for what, code, said, permits in told:
        assert (code, permits) == (WORDS[what][0], (WORDS[what][2], ENVELOPE_MA)), (what, code, said, permits, log)
        assert WORDS[what][1] in said, (what, said)
    assert verdicts(path) == expected and running.counts["conflicts"] == 0
