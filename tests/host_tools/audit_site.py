# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Minutes of a simulated site with mishaps, kept three times: a gateway's journal, a board's, a receiver's database."""

from edge.shell.gateway import sync
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from edge.shell.outbox import encode_record, envelope_head
from host_tools import ledger
from simulator.rigs import Local
from simulator.sites import settings
from simulator.world import World

TOPIC = "bess/v1/demo/%s/%s/"


class Keeper:
    """One start of a site after the other. folder: pathlib.Path; gateway_kb, board_kb: budgets of the journals."""

    def __init__(self, folder, gateway_kb=4096, board_kb=4096, seed=5):
        self.folder = folder
        self.site = settings("lfp16")
        self.site["packs"][0]["grade"].update(
            number="KTR-26-0417", version=2, signer="9f3a5d0c11e2b470", hash="ab" * 32
        )
        self.world = World(self.site, seed)
        self.device = self.site.get("device") or self.site["site"]
        self.kb = (gateway_kb, board_kb)
        self.state = None
        self.boot = 0
        self.book = ledger.Ledger(folder / "records.db")

    def start(self):
        """Begin the next start: new epoch, the saved state."""
        self.boot += 1
        epoch = 1000 * self.boot + 7
        self.head = envelope_head(epoch)
        self.rig = Local(self.world, self.site, self.state)
        self.journals = [
            Journal(Folder(str(self.folder / name), sync), self.device, epoch, self.boot, 1024 * kb, hold)
            for name, kb, hold in (("gateway", self.kb[0], 1 << 20), ("board", self.kb[1], 4096))
        ]
        self.seq = 0
        return self

    def until(self, to_ms):
        """Step until to_ms of the world."""
        while self.world.now_ms < to_ms:
            turn = self.rig.turn()
            rows = []
            for record in turn.records:
                self.seq += 1
                for journal in self.journals:
                    journal.append(record, self.seq)
                topic = TOPIC % (self.site["site"], self.device)
                payload = encode_record(self.head, self.boot, self.seq, record)
                rows.append((topic, ledger.parse(topic + "rec", payload, 0)))
            self.journals[0].flush()
            self.journals[1].after_step(self.world.now_ms)
            if rows:
                self.book.store(rows)
            self.world.advance(turn.wake_ms)
        return self

    def cut(self):
        """The power goes, after the disk has what waits."""
        self.state = self.rig.state()
        for journal in self.journals:
            journal.close()

    def sources(self):
        """The three places that can be asked."""
        return [str(self.folder / name) for name in ("gateway", "board", "records.db")]


def eventful(folder, off_ms=600000, **budgets):
    """A Keeper after two starts: a trip by heat in the first, off_ms without power, a silent BMS in the second."""
    keeper = Keeper(folder, **budgets).start()
    start_ms = keeper.world.now_ms
    keeper.until(start_ms + 240000)
    keeper.world.mishaps.start("over_temp", keeper.world.now_ms, kelvin=60)
    keeper.until(start_ms + 420000)
    keeper.world.mishaps.stop("over_temp", keeper.world.now_ms)
    keeper.cut()
    keeper.world.advance(keeper.world.now_ms + off_ms)
    keeper.start()
    again_ms = keeper.world.now_ms
    keeper.until(again_ms + 120000)
    keeper.world.mishaps.start("bms_silent", keeper.world.now_ms)
    keeper.until(again_ms + 180000)
    keeper.cut()
    return keeper
