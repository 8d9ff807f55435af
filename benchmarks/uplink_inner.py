# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a board's uplink takes of the heap; runs in a MicroPython VM on a shortened bundle, see uplink.py."""

import gc
import json
import sys

COUNT = 20


def told(name, value):
    """One line for uplink.py."""
    print("%s=%d" % (name, value))


def held():
    """Bytes of the heap in use."""
    gc.collect()
    return gc.mem_alloc()


def sync(file):
    """flush is fsync on this runtime."""
    file.flush()


def place():
    """The settings that an uplink needs."""
    uplink = {"host": "127.0.0.1", "port": 1, "keepalive_s": 20, "gather_s": 60}
    return {"device": "bench-1", "org": "bench", "site": "bench", "uplink": uplink}


def home(pairs):
    """What Home Assistant takes beside it, when it is asked for; and its longest message."""
    from edge.core import faults, limits, report  # noqa: F401 - the controller has them anyway
    from edge.core.records import Record

    before = held()
    from edge.shell.home_assistant import HomeAssistant

    settings = place()
    settings["uplink"]["home_assistant_s"] = 60
    settings["packs"] = [{"id": "pack-1", "profile": "daly"}]
    shown = HomeAssistant(settings)
    shown.connected()
    shown.look(Record("T", 0, 1, None, 0, pairs))
    told("home_assistant_when_asked", held() - before)
    told("its_discovery_message", len(shown.take(1)[1]))


def main(path, folder):
    """Import, make, fill; tells what each adds."""
    with open(path, encoding="utf-8") as file:
        pairs = tuple([tuple(pair) for pair in json.load(file)])
    from edge.core.records import Record

    before = held()
    from edge.shell import mqtt
    from edge.shell.board_uplink import BoardUplink

    told("code_mqtt_and_uplink", held() - before)
    before = held()
    from edge.shell.backlog import Backlog
    from edge.shell.cursor import Cursor
    from edge.shell.journal import Journal
    from edge.shell.journal_ports import Folder
    from edge.shell.recent import Alone
    from edge.shell.shelf import Shelf

    told("code_journal_and_backlog", held() - before)
    before = held()
    disk = Folder(folder, sync)
    journal = Journal(disk, "bench-1", 12345, 1, 1 << 20, 4096)
    outbox = Backlog("bench-1", 12345, 1, journal, Shelf(disk), 8192, Alone(), None, Cursor(disk))
    uplink = BoardUplink(place(), 12345, 1, outbox=outbox)
    told("objects", held() - before)
    before = held()
    dialer = mqtt.Dialer("127.0.0.1", 1)
    client = mqtt.Client(dialer, "bench-1", 20, None, ("bess/v1/bench/bench/bench-1/status", b"offline"))
    told("mqtt_client_of_a_session", held() - before)
    assert client
    uplink.offer(Record("T", 0, 1, None, 0, pairs))
    journal.flush()
    before = held()
    for number in range(COUNT):
        uplink.offer(Record("T", 0, 1000 * number, None, 0, pairs))
    journal.flush()
    told("each_record_that_waits", (held() - before) // COUNT)
    for number in range(500):
        uplink.offer(Record("T", 0, 1000 * number, None, 0, pairs))
        journal.flush()
    full = held()
    told("all_500_records_made", full - before)
    for number in range(1500):
        uplink.offer(Record("T", 0, 1000 * number, None, 0, pairs))
        journal.flush()
    told("and_1500_more_add", held() - full)
    home(pairs)
    gc.collect()
    gc.disable()
    start = gc.mem_alloc()
    uplink.offer(Record("T", 0, 1, None, 0, pairs))
    told("an_offer_allocates", gc.mem_alloc() - start)
    start = gc.mem_alloc()
    journal.flush()
    told("a_flush_allocates", gc.mem_alloc() - start)


main(sys.argv[1], sys.argv[2])
