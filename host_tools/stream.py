# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge receive --json`: every committed record as one line of JSON, read back from the database.

The database is the queue: a reader that is slow gets its lines later, one that has gone gets none, and neither
holds up a commit or an acknowledgement.
"""

import json
import os
import sqlite3
import threading
import time

from edge.core import registry
from edge.shell import cbor
from host_tools import ledger
from host_tools.metrics import METRICS

CHUNK = 500  # records read at once
LAST_S = 5.0  # after the end a reader gets so long for what it has not read
NAMES = {number: name for name, number in registry.KEYS.items()}
IDS = tuple(name for name, row in METRICS.items() if row[0] == "id")  # wider than the numbers of JavaScript
COLUMNS = "rowid, device, epoch, seq, boot, mono_ms, wall_ms, clkq, cls, pack, body, received_ms"


def epoch_text(epoch):
    """A start's random number as 16 hexadecimal digits: JSON readers round integers of 63 bits."""
    return "%016x" % epoch


def values_of(body):
    """{metric name: value} of a body (CBOR bytes). Bytes become hexadecimal; a key of a later version `key_N`."""
    values = {}
    for number, value in cbor.decode(body).items():
        name = NAMES.get(number, "key_%s" % number)
        if isinstance(value, bytes):
            value = value.hex()
        elif name in IDS and type(value) is int:
            value = epoch_text(value)
        values[name] = value
    return values


def line_of(row):
    """One line of JSON with its end, of a row of COLUMNS. Units: host_tools/metrics.py; + charges; null: not known."""
    _, device, epoch, seq, boot, mono_ms, wall_ms, clkq, cls, pack, body, received_ms = row
    fields = {
        "device": device,
        "pack": pack,
        "epoch": epoch_text(epoch),
        "seq": seq,
        "boot": boot,
        "mono_ms": mono_ms,
        "wall_ms": wall_ms,
        "clock_quality": clkq,
        "class": cls,
        "received_ms": received_ms,
        "values": values_of(body),
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def newest(connection):
    """Number of the newest row, 0 when there is none."""
    return connection.execute("SELECT MAX(rowid) FROM records").fetchone()[0] or 0


class Stream:
    """A thread that writes what is committed from now on to a file number. gone: text why it stopped, or None.

    at: row up to which lines were written. start() before the first commit; tell() after each.
    """

    def __init__(self, path, file_number=1):
        self.gone = None
        self.at = 0
        self._path = path
        self._file = file_number
        self._told = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="receiver-json", daemon=True)

    def start(self):
        """Begin behind the newest row that is there; sqlite3.Error when the file is unusable."""
        connection = ledger.open_db(self._path)
        try:
            self.at = newest(connection)
        finally:
            connection.close()
        self._thread.start()
        return self

    def tell(self):
        """Something was committed."""
        self._told.set()

    def stop(self, patience_s=LAST_S):
        """Give the reader some time for the rest; returns how many records it did not get."""
        self._ended = True
        self._told.set()
        end_s = time.monotonic() + patience_s
        while self._thread.is_alive() and time.monotonic() < end_s:
            self._thread.join(0.1)
        connection = ledger.open_read_only(self._path)
        try:
            return connection.execute("SELECT COUNT(*) FROM records WHERE rowid > ?", (self.at,)).fetchone()[0]
        finally:
            connection.close()

    def _run(self):
        connection = ledger.open_read_only(self._path)
        try:
            while True:
                self._told.clear()
                ended = self._ended
                found = self._rest(connection)
                if ended and not found:
                    return
                if not ended:
                    self._told.wait(1.0)
        except OSError as error:
            self.gone = "nobody reads the output any more (%s)" % (error.strerror or error)
        except sqlite3.Error as error:
            self.gone = "the database: %s" % error
        finally:
            connection.close()

    def _rest(self, connection):
        """Write all that is new; False when the last look found nothing."""
        found = False
        while True:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM records WHERE rowid > ? ORDER BY rowid LIMIT {CHUNK}", (self.at,)
            ).fetchall()
            if not rows:
                return found
            found = True
            for row in rows:
                _write(self._file, line_of(row).encode())
                self.at = row[0]


def _write(file_number, data):
    """All bytes, without a buffer that the end of the process would wait for. Raises OSError."""
    while data:
        data = data[os.write(file_number, data) :]
