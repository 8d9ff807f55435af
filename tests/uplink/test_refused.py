# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A link that is refused for a certificate: seen at once, told by a record once it is back, nothing lost (R18)."""

import threading

import pytest

from edge.core.faults import E_REFUSED
from edge.core.registry import KEYS
from edge.shell import cbor, gateway_journal, gateway_tls, gateway_uplink, status
from edge.shell.gateway import sync
from edge.shell.refusal import Telling
from host_tools import ledger, receiver
from simulator.broker import Broker
from tests.uplink import board_driver, rig
from tests.uplink.certificates import DAY, Authority, now

SERVERS = {"expired": {"begin": now() - 30 * DAY, "end": now() - DAY}, "not yet valid": {"begin": now() + DAY}}


def lines_of(files):
    """The lines of mosquitto.conf that ask for certificates."""
    lines = ("cafile " + files.ca, "certfile " + files.certificate, "keyfile " + files.private_key)
    return (*lines, "require_certificate true", "use_identity_as_username true")


class Edge:
    """Journal, backlog and uplink of a gateway with TLS; a thread offers a record every 20 ms."""

    def __init__(self, folder, port, files):
        place = {"host": "127.0.0.1", "port": port, "keepalive_s": 5}
        place.update(ca=files.ca, certificate=files.certificate, private_key=files.private_key)
        settings = {"org": "demo", "site": "here", "device": "board-1", "uplink": place}
        self.journal = gateway_journal.start(settings, str(folder), rig.EPOCH, 1, sync)
        backlog = gateway_journal.backlog(settings, self.journal, None)
        clock = gateway_uplink.MonotonicClock()
        tls = gateway_tls.of(place)
        self.uplink = gateway_uplink.GatewayUplink(settings, rig.EPOCH, 1, clock, tls=tls, outbox=backlog).start()
        self.port = Telling(self.uplink)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        number = 0
        while not self._stop.wait(0.02):
            self.port.offer(board_driver.record(number))
            number += 1

    def quiet(self):
        """No more records; what there is goes out."""
        self._stop.set()
        self._thread.join()

    def stop(self):
        self.quiet()
        self.uplink.stop()
        self.journal.close()


def refusals(path):
    """[(detail, reason or None)] of the events that tell of the link, in the order of their numbers."""
    database = ledger.open_read_only(path)
    bodies = [cbor.decode(row[0]) for row in database.execute("SELECT body FROM records ORDER BY seq")]
    database.close()
    rows = [body for body in bodies if body.get(KEYS["event"]) == E_REFUSED]
    return [(body[KEYS["detail"]], body.get(KEYS["refusal"])) for body in rows]


@pytest.mark.parametrize("case", SERVERS)
def test_a_broker_with_a_certificate_out_of_its_time(case, mosquitto, tmp_path):
    """R18: the dates do not fit (or our own clock is dead): said at once, kept, and told when the link is back."""
    authority, path = Authority(tmp_path), tmp_path / "r.db"
    bad = authority.issue("bad", hosts=("127.0.0.1",), **SERVERS[case])
    good, own, back = authority.issue("good", hosts=("127.0.0.1",)), authority.issue("board-1"), authority.issue("back")
    broker = Broker("mosquitto", listener=lines_of(bad)).start()
    edge = Edge(tmp_path, broker.port, own)
    try:
        assert rig.until(lambda: edge.port.refused)
        told = status._link(edge.port, 0)
        assert not told["connected"] and case.replace("expired", "has expired") in told["refused"]
        assert rig.until(lambda: edge.uplink.seq > 100 and edge.journal.durable > 50)
        assert edge.uplink.backlog == edge.uplink.seq and edge.uplink.lost == 0
        broker.stop()
        broker = Broker("mosquitto", broker.port, lines_of(good)).start()
        tls = gateway_tls.context(back.ca, back.certificate, back.private_key)
        with receiver.Receiver("127.0.0.1", broker.port, path, tls=tls):
            assert rig.until(lambda: edge.port.connected and len(refusals(path)) == 2)
            edge.quiet()
            assert rig.until(lambda: not edge.uplink.backlog)
    finally:
        edge.stop()
        broker.stop()
    assert edge.port.refused is None and status._link(edge.port, 0)["refused"] is None
    (row,) = ledger.completeness(path).values()
    assert (row.count, row.missing, row.declared) == (edge.uplink.seq, 0, 0)
    assert refusals(path) == [(1, told["refused"][:100]), (0, None)]
