# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The receiver: records from MQTT into SQLite, each once, acknowledged only after the commit.

Any payload may arrive: what is not a record is counted and forgotten. A record with a known key
(device, epoch, seq) and the same content is a duplicate; with another content a conflict, and both are
kept. One transaction (WAL, synchronous FULL) takes what is waiting, then each device gets its
acknowledgement: the number up to which everything arrived or was declared lost.
"""

import argparse
import collections
import os
import queue
import signal
import sqlite3
import ssl
import sys
import threading
import time

import paho.mqtt.client as paho

from edge.shell import acks, gateway_tls, gateway_uplink
from host_tools import documents, ledger, stream, tls_site, twins
from host_tools.ledger import completeness, latest

__all__ = ["Receiver", "completeness", "latest", "main"]

BATCH = 500  # records of one transaction at most
WAITING = 20000  # records that wait for the database; more are not taken and come again
MAX_PAYLOAD = 65536
CREDIT, BUSY_CREDIT = 64, 4  # records that an edge may have on the way
KEEPALIVE_S = 10
TALK_S = 5.0  # between two lines of progress
ALARMS = 100  # that wait to be told
COUNTS = ("received", "stored", "duplicates", "conflicts", "bad", "refused", "gaps", "commits", "db_errors")


def new_client(name="", tls=None):
    """A paho client that keeps nothing at the broker. name: at the broker, "" for any; tls: ssl.SSLContext or None."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
    client.on_socket_open = gateway_uplink.at_once
    if tls is not None:
        client.tls_set_context(tls)
    return client


class Receiver:
    """Subscribes to bess/v1/<org>/+/+/rec and stores what comes. Two threads: paho's and the database's.

    host, port: the broker; db_path: SQLite file, made when missing; org: one organisation or "+" for all;
    client_id: name at the broker. counts: dict of the numbers in COUNTS. connected: True while subscribed.
    on_record: called as on_record(device, row) in the database thread after the commit, or None. keys: {device: secret
    that signs its acknowledgements}; a device without one gets them unsigned. on_commit: called as on_commit() after
    each commit that stored something. alarms: texts about conflicts and doubled edges, the oldest first. tls:
    ssl.SSLContext or None.
    """

    def __init__(
        self, host, port, db_path, org="+", client_id=None, on_record=None, keys=None, tls=None, on_commit=None
    ):
        self.host = host
        self.port = port
        self.db_path = str(db_path)
        self.topic = f"bess/v1/{org}/+/+/rec"
        self.counts = dict.fromkeys(COUNTS, 0)
        self.connected = False
        self._comes_back = False  # subscribed anew: every edge is told where the database stands
        self.error = None  # last failure of the database, as text
        self.link_error = None  # why the last attempt to connect failed, as text
        self.alarms = collections.deque(maxlen=ALARMS)
        self._twins = twins.Twins()
        self._on_record = on_record
        self._on_commit = on_commit
        self._keys = keys or {}
        self._waiting = queue.Queue(WAITING)
        self._stop = threading.Event()
        self._thread = None
        self._client = self._make_client(client_id or f"receiver-{time.time_ns():x}")
        if tls is not None:
            self._client.tls_set_context(tls)

    def start(self):
        """Open the database and connect in the background; sqlite3.Error when the file is unusable."""
        ledger.open_db(self.db_path).close()
        self._thread = threading.Thread(target=self._run, name="receiver-db", daemon=True)
        self._thread.start()
        self._client.connect_async(self.host, self.port, KEEPALIVE_S)
        self._client.loop_start()
        return self

    def stop(self):
        """Commit and acknowledge what has arrived, disconnect, end both threads. Harmless twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _make_client(self, client_id):
        client = new_client(client_id)
        client.connect_timeout = 5.0
        client.reconnect_delay_set(1, 5)
        client.max_queued_messages_set(1000)  # acknowledgements: the next one says the same
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client, _userdata, _flags, reason, _properties):
        if not reason.is_failure:
            client.subscribe(self.topic, qos=1)

    def _on_connect_fail(self, *_):
        error = sys.exc_info()[1]  # paho calls this while it handles the error, and does not tell it
        self.link_error = gateway_tls.why(error) if isinstance(error, ssl.SSLError) else str(error)

    def _on_subscribe(self, _client, _userdata, _mid, reasons, _properties):
        self.connected = not any(reason.is_failure for reason in reasons)
        self._comes_back = self.connected

    def _on_disconnect(self, *_):
        self.connected = False

    def _on_message(self, _client, _userdata, message):
        if self._stop.is_set():
            return  # not acknowledged: it comes again
        self.counts["received"] += 1
        try:
            if len(message.payload) > MAX_PAYLOAD:
                raise ValueError("too long")
            row = ledger.parse(message.topic, message.payload, time.time_ns() // 1000000)
            self._waiting.put_nowait((message.topic[: -len("rec")], row))
        except queue.Full:
            self.counts["refused"] += 1
        except ValueError:  # CborError is one, a topic that is not UTF-8 too
            self.counts["bad"] += 1

    def _run(self):
        """Database thread: what waits becomes one transaction, then the acknowledgements go out."""
        book = None
        while not (self._stop.is_set() and self._waiting.empty()):
            batch = self._batch()
            if not batch and not self._comes_back:
                continue
            try:
                if book is None:
                    book = ledger.Ledger(self.db_path)
                if self._comes_back:
                    self._comes_back = False
                    self._acknowledge(book.standing())
                if batch:
                    self._publish(book.store(batch))
            except sqlite3.Error as error:  # nothing is acknowledged, so everything comes again
                self.error = str(error)
                self.counts["db_errors"] += 1
                book = _closed(book)
                self._stop.wait(0.5)
        _closed(book)

    def _batch(self):
        """Return what waits, at most BATCH; an empty list after a quiet moment."""
        try:
            batch = [self._waiting.get(timeout=0.1)]
        except queue.Empty:
            return []
        while len(batch) < BATCH:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch

    def _publish(self, result):
        """Count what was committed and acknowledge it; without a connection the edge sends again."""
        for name, count in result.counts.items():
            self.counts[name] += count
        self.counts["commits"] += 1
        if self.connected:
            self._acknowledge(result.acks)
        self._watch(result)
        if self._on_record is not None:
            for row in result.stored:
                self._on_record(row[0], row)
        if self._on_commit is not None and result.stored:
            self._on_commit()

    def _acknowledge(self, rows):
        """Publish acknowledgements; rows: [(topic root, epoch, cumulative number), ...]."""
        at_ms = time.time_ns() // 1000000
        credit = CREDIT if self._waiting.qsize() < WAITING // 2 else BUSY_CREDIT
        for root, epoch, cum in rows:
            device = root.split("/")[-2]
            data = acks.make(device, self._keys.get(device), epoch, cum, at_ms, credit)
            self._client.publish(root + "ack", data, qos=1, retain=True)

    def _watch(self, result):
        """Note what somebody must know."""
        for row in result.conflicts:
            key = f"{row.device} {row.epoch:016x} number {row.seq}"
            self.alarms.append(f"CONFLICT: {key} came with two contents; both are kept")
        for row in result.stored:
            twin = self._twins.take(row)
            if twin is not None:
                one, other = (stream.epoch_text(epoch) for epoch in twin.epochs)
                self.alarms.append(f"TWO EDGES are called {row.device}: starts {one} and {other} live together")


def _closed(book):
    """Close a ledger that may be None; returns None."""
    if book is not None:
        book.close()
    return None


def _arguments(argv):
    """Parse the arguments of `reuse-edge receive`; exits with 2 on wrong use."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge receive",
        description="Take records from the broker into a SQLite database, then acknowledge them.",
        epilog="exit codes: 0 done, 1 records missing or in conflict, 2 wrong use, "
        "3 cannot reach the broker or the file, 130 interrupted",
    )
    parser.add_argument("--broker", required=True, metavar="HOST:PORT", type=_place)
    parser.add_argument("--db", required=True, metavar="FILE", help="made when missing")
    parser.add_argument("--org", default="+", help="one organisation only")
    parser.add_argument("--keys", metavar="DIR", type=_keys, help="DEVICE.mac files: acknowledgements are signed")
    parser.add_argument("--seconds", type=float, default=None, help="stop after this time")
    parser.add_argument("--wait", type=float, default=10.0, help="seconds to find the broker, 0: for ever")
    parser.add_argument("--json", action="store_true", help="each committed record as one line of JSON on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    tls_site.add_options(parser)
    options = parser.parse_args(argv)
    options.tls = tls_site.context_of(options)
    return options


def _place(text):
    """Return (host, port) of HOST:PORT, IPv6 in brackets."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT, for example 127.0.0.1:1883")
    return host.strip("[]"), int(port)


def _keys(folder):
    """{device: secret} of the DEVICE.mac files in a folder."""
    try:
        names = [name for name in sorted(os.listdir(folder)) if name.endswith(".mac")]
        found = {name[:-4]: documents.device_key(documents.load(os.path.join(folder, name))) for name in names}
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{folder}: {error.strerror}") from None
    bad = [name for name, key in found.items() if key is None]
    if bad or not found:
        text = f"{bad[0]}.mac is no device key" if bad else f"{folder} holds no DEVICE.mac"
        raise argparse.ArgumentTypeError(f"{text}; make one: reuse-edge key new NAME --device")
    return {name: key.raw for name, key in found.items()}


def main(argv=None):
    """`reuse-edge receive --broker HOST:PORT --db FILE`: run until Ctrl-C, SIGTERM or --seconds.

    stdout: completeness per device at the end; with --json every record, and the end on stderr. Returns the exit
    code: see --help.
    """
    options = _arguments(argv)
    host, port = options.broker
    lines = stream.Stream(options.db) if options.json else None
    told = lines and lines.tell
    receiver = Receiver(host, port, options.db, options.org, keys=options.keys, tls=options.tls, on_commit=told)
    try:
        if lines:
            lines.start()
        receiver.start()
    except sqlite3.Error as error:
        print(f"{options.db}: {error}\n  → choose a file that can be written", file=sys.stderr)
        return 3
    ended = threading.Event()
    try:
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        code = _watch(receiver, options, ended)
    except KeyboardInterrupt:
        code = 130
    finally:
        receiver.stop()
    left = lines.stop() if lines else 0
    if left:
        why = lines.gone or "the reader is slow"
        print(f"{left} records were committed and not read from stdout: {why}", file=sys.stderr)
    well = _report(receiver, options)
    return code or (0 if well else 1)


def _watch(receiver, options, ended):
    """Talk about progress until the time is over; returns 0, or 3 when no broker answers in time."""
    start_s = talk_s = time.monotonic()
    said = None
    while not ended.wait(0.1):
        now_s = time.monotonic()
        _tell(receiver)
        if options.seconds is not None and now_s - start_s >= options.seconds:
            return 0
        if said is None and options.wait and not receiver.connected and now_s - start_s >= options.wait:
            host, port = options.broker
            print(
                f"{host}:{port}: no broker answers ({options.wait:g} s): {receiver.link_error or 'it hangs up'}\n"
                "  → start one, or mend --broker" + (", --ca, --certificate" if options.tls else ""),
                file=sys.stderr,
            )
            return 3
        line = _progress(receiver)
        if receiver.connected if said is None else (line != said and now_s - talk_s >= TALK_S):
            said, talk_s = line, now_s
            if not options.quiet:
                print(line, file=sys.stderr)
    return 0


def _progress(receiver):
    """One line for the human who watches."""
    counts = receiver.counts
    state = "connected" if receiver.connected else "no broker"
    line = f"{state}: {counts['stored']} stored, {counts['duplicates']} repeats, {counts['bad']} not records"
    return line if receiver.error is None else f"{line}, database: {receiver.error}"


def _tell(receiver):
    """The alarms that came up: on stderr, also with --quiet."""
    while receiver.alarms:
        print(receiver.alarms.popleft(), file=sys.stderr)


def _report(receiver, options):
    """Say the completeness per device; True when nothing is missing and nothing is in conflict."""
    _tell(receiver)
    rows = completeness(options.db)
    missing = sum(row.missing for row in rows.values())
    if not (options.json and options.quiet):
        out = sys.stderr if options.json else sys.stdout
        for (device, epoch), row in rows.items():
            print(
                f"{device} {epoch:016x}: {row.count} records up to number {row.maximum}, "
                f"missing {row.missing}, declared lost {row.declared}",
                file=out,
            )
        print(f"missing {missing}, in conflict {receiver.counts['conflicts']}", file=out)
    return missing == 0 and receiver.counts["conflicts"] == 0
