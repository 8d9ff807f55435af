# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""docs/vectors/*.json: messages of the uplink as the product makes them, and some that nobody may take.

python -m host_tools.vectors writes them anew. They are frozen: what they hold is version 1, and a change of the encoder
that changes one of them is a new version. docs/vectors/decode.mjs reads them without any of this.
"""

import json
import os
import tempfile
from pathlib import Path

from edge.core import faults as f
from edge.core import orders, terms
from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import acks, cbor, link
from edge.shell.as_json import plain
from edge.shell.backlog import Backlog
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from edge.shell.outbox import Outbox, encode_record, envelope_head
from edge.shell.recent import Alone
from edge.shell.shelf import Shelf
from host_tools.ledger import gaps_of

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "vectors"
DEVICE, EPOCH, BOOT = "gumi-014", 0x1122334455667788, 7
WALL_MS = 1795000000000
KEY = bytes(range(32))


def record(cls, pack, mono_ms, wall_ms, **values):
    """A Record with a body of names and values."""
    pairs = tuple(sorted((KEYS[name], value) for name, value in values.items()))
    return Record(cls, pack, mono_ms, wall_ms, 3 if wall_ms else 0, pairs)


def records():
    """[(name, Record)] of each class."""
    change = {"charge_limit": 70000, "charge_why": 4, "discharge_limit": 0, "discharge_why": 10, "active": [13]}
    return [
        ("event, without a wall time", record("E", -1, 12, None, event=f.E_RESTARTED)),
        ("event: fault raised", record("E", 0, 61000, WALL_MS, event=f.E_RAISED, fault=4, detail=-3, soc=512345)),
        (
            "event: limits, with sources and null",
            record("E", 0, 61000, WALL_MS, event=f.E_LIMITS, sources=[3, 140000, 140000, 6, None, 90000], **change),
        ),
        (
            "event: order",
            record("E", 0, 62000, WALL_MS, event=f.E_ORDER, order_verdict=orders.V_DONE, order_reason="점검, 2호기"),
        ),
        ("black box", record("X", 0, 61000, WALL_MS, event=f.E_FRAME, fault=13, frame=bytes(range(44)), mode_before=1)),
        (
            "registers",
            record("B", 0, 900000, WALL_MS, wh_in=2**40, wh_out=987654321, ah_in=3, time_known=2**53 + 1),
        ),
        ("minute", record("M", 0, 120000, WALL_MS, soc=498000, current=-40000, current_min=-81000, samples=60)),
        (
            "telemetry",
            record("T", 1, 2**31, WALL_MS, soc=0, soc_std=23, pack_v=52800, current=-1, cell_max=3301, temp_min=-256),
        ),
        ("identity", record("I", 0, 1, WALL_MS, site="gumi-014", pack_id="pack-1", version="0.1.0", cells=16)),
    ]


def row(name, payload, **more):
    """One vector: hex is what travels, value the same as JSON (docs/UPLINK.md), which may travel instead."""
    return {"name": name, "hex": payload.hex(), "value": plain(cbor.decode(payload)), **more}


def record_rows():
    """Records of each class, with heads of every length."""
    rows = []
    for number, (name, each) in enumerate(records()):
        seq = (1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32)[number]
        rows.append(row(name, encode_record(envelope_head(EPOCH), BOOT, seq, each)))
    return rows


def gap_rows():
    """What declares numbers lost: `lost` says of which start, and which."""
    outbox = Outbox(DEVICE, EPOCH, BOOT, 900)
    for number in range(12):
        outbox.append(record("T", 0, 10000 * number, WALL_MS, soc=500000 + number))
    outbox.append(record("T", 0, 120000, WALL_MS, soc=0.5))
    taken = iter(lambda: outbox.take(0), None)
    found = [payload for _, payload in taken if KEYS["gap_from"] in cbor.decode(payload)[9]]
    rows = []
    names = ("RAM was full", "no encoding for a value", "gone from the disk, in an earlier start")
    for name, payload in zip(names, (*found, from_disk()), strict=True):
        envelope = cbor.decode(payload)
        epoch, ranges = gaps_of(envelope[1], envelope[9])
        rows.append(row(name, payload, lost={"epoch": plain(epoch), "ranges": [list(each) for each in ranges]}))
    return rows


def from_disk():
    """The record in which a start declares what the disk has lost of the one before it."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Folder(folder, lambda file: file.flush())
        before = Journal(disk, DEVICE, EPOCH, BOOT, 1 << 20, 1 << 16)
        for seq in range(1, 10):
            before.append(record("E" if seq % 4 == 0 else "T", 0, 1000 * seq, WALL_MS, detail=seq), seq)
        before.flush()
        before.close()
        for name in disk.names():
            if name.startswith("t"):
                os.remove(os.path.join(folder, name))
        journal = Journal(disk, DEVICE, EPOCH + 1, BOOT + 1, 1 << 20, 1 << 16)
        backlog = Backlog(DEVICE, EPOCH + 1, BOOT + 1, journal, Shelf(disk), 1 << 16, Alone())
        backlog.append(record("E", -1, 12, WALL_MS, event=f.E_RESTARTED))
        while True:
            journal.flush()
            _, payload = backlog.take(0) or (0, cbor.encode({9: {}}))
            if KEYS["gap_from"] in cbor.decode(payload)[9]:
                journal.close()
                backlog.rewind(0)
                return payload


def ack_rows():
    """Acknowledgements for DEVICE: told is None where it must have no effect."""
    good = acks.make(DEVICE, KEY, EPOCH, 1000, WALL_MS, 64)
    small = acks.make(DEVICE, KEY, 1, 0, 0)
    fields = cbor.decode(good)
    signed = {0: DEVICE, 1: EPOCH, 2: 5, 3: 1, 9: "later"}
    later = {**{key: signed[key] for key in (1, 2, 3, 9)}, 5: acks.hmac_of(KEY, signed)}
    cases = [
        ("with credit", good),
        ("smallest", small),
        ("with a key of a later version", cbor.encode(later)),
        ("not signed", acks.make(DEVICE, None, EPOCH, 1000, WALL_MS, 64)),
        ("of another device", acks.make("gumi-015", KEY, EPOCH, 1000, WALL_MS, 64)),
        ("by another key", acks.make(DEVICE, KEY[::-1], EPOCH, 1000, WALL_MS, 64)),
        ("the number was changed", cbor.encode({**fields, 2: 1001})),
        ("the credit was taken out", cbor.encode({key: fields[key] for key in (1, 2, 3, 5)})),
        ("a longer code", cbor.encode({**fields, 5: fields[5] + b"\x00"})),
        ("no code but a text", cbor.encode({**fields, 5: "x" * 16})),
        ("no number", cbor.encode({1: EPOCH, 5: fields[5]})),
        ("a negative number", cbor.encode({**fields, 2: -1})),
        ("a boolean for a number", cbor.encode({**fields, 2: True})),
        ("no map", cbor.encode([EPOCH, 1000])),
        ("cut short", good[:-1]),
        ("a byte too many", good + b"\x00"),
        ("the first form", b"\xa2\x01\x05\x02\x03"),
        ("nothing", b""),
    ]
    rows = []
    for name, data in cases:
        told = acks.read(data, DEVICE, KEY)
        rows.append({"name": name, "hex": data.hex(), "told": told and plain(told._asdict())})
    return rows


def bad_rows():
    """Messages on .../rec that are no records."""
    good = encode_record(envelope_head(EPOCH), BOOT, 1, record("T", 0, 1, None, soc=1))
    fields = cbor.decode(good)
    rows = [("nothing", b""), ("cut short", good[:-1]), ("a byte too many", good + b"\x00")]
    rows += [
        ("a head that is longer than needed", b"\xb8\x09" + good[1:]),
        ("keys not in order", b"\xa9\x01" + good[4:13] + b"\x00\x01" + good[13:]),
        ("a key twice", b"\xaa\x00\x01" + good[1:]),
        ("a map without a length", b"\xbf" + good[1:] + b"\xff"),
        ("a float", good[:-1] + b"\xf9\x3c\x00"),
        ("undefined", good[:-1] + b"\xf7"),
        ("a tag", good[:-1] + b"\xc1\x00"),
        ("a text that is no UTF-8", good[:-1] + b"\x61\xff"),
        ("a string longer than the message", good[:-1] + b"\x5a\xff\xff\xff\xff"),
        ("nine arrays in each other", good[:-1] + b"\x81" * 9 + b"\x00"),
        ("no map", cbor.encode([1, 2])),
        ("a boolean for the version", cbor.encode({**fields, 0: True})),
        ("version 0", cbor.encode({**fields, 0: 0})),
        ("version 2", cbor.encode({**fields, 0: 2})),
        ("number 0", cbor.encode({**fields, 2: 0})),
        ("an epoch of 64 bits", cbor.encode({**fields, 1: 2**63})),
        ("a class that is none", cbor.encode({**fields, 7: ord("Z")})),
        ("a class as text", cbor.encode({**fields, 7: "T"})),
        ("a boolean for a number", cbor.encode({**fields, 3: True})),
        ("pack -2", cbor.encode({**fields, 8: -2})),
        ("a wall time as text", cbor.encode({**fields, 5: "now"})),
        ("a body that is no map", cbor.encode({**fields, 9: [1]})),
    ]
    rows += [("without key %d" % key, _without(fields, key)) for key in fields]
    gaps: dict[str, dict] = {
        "that ends before it begins": {70: 5, 71: 4},
        "without an end": {70: 5},
        "from 0": {70: 0, 71: 4},
    }
    gaps["with ranges that do not grow"] = {70: 1, 71: 9, 195: [5, 9, 1, 2]}
    gaps["with half a range"] = {70: 1, 71: 9, 195: [1, 2, 9]}
    rows += [("a gap " + name, cbor.encode({**fields, 7: ord("E"), 9: body})) for name, body in gaps.items()]
    found = [{"name": name, "hex": data.hex()} for name, data in rows]
    return found + [{"name": name, "text": text} for name, text in BAD_JSON]


BAD_JSON = (
    ("JSON that ends early", '{"0": 1'),
    ("JSON with a fraction", '{"0": 1.5}'),
    ("JSON of a later version", '{"0": 2, "1": 5, "2": 1, "3": 1, "4": 1, "6": 0, "7": 84, "8": 0, "9": {}}'),
)


def _without(fields, key):
    return cbor.encode({each: value for each, value in fields.items() if each != key})


def reply_rows():
    """What a device says on .../rsp about an order."""
    values = {"event": f.E_ORDER, "detail": 0, "order_counter": 5, "order_action": terms.LEASE, "order_key": "0" * 16}
    done = record("E", 0, 5000, WALL_MS, order_verdict=orders.V_DONE, order_hash="ab" * 32, **values)
    refused = record("E", -1, 5000, None, order_verdict=orders.V_SIGNATURE, order_reason="no key is trusted")
    return [row("in force", link.reply(done)), row("not believed", link.reply(refused))]


def files():
    """{path: text} of all vectors."""
    made = {
        "records.json": {"vectors": record_rows()},
        "gaps.json": {"vectors": gap_rows()},
        "acks.json": {"device": DEVICE, "key": KEY.hex(), "vectors": ack_rows()},
        "replies.json": {"vectors": reply_rows()},
        "bad.json": {"vectors": bad_rows()},
    }
    return {FOLDER / name: json.dumps(value, indent=1, ensure_ascii=False) + "\n" for name, value in made.items()}


def main():
    """Write all vectors."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
