# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board in small that speaks TLS: offers numbered records beside a control task until all are acknowledged, or until
the broker was tried TRIES times. For the MicroPython VM.

tls_driver.py FOLDER HOST PORT COUNT TRIES LIMIT_S: FOLDER/tls holds ca.der and, unless the test leaves them out,
certificate.der and private_key.der. Prints one JSON line.
"""

import asyncio
import json
import sys

from edge.shell import board_tls, board_uplink, mqtt
from edge.shell.refusal import Telling
from tests.uplink.board_driver import Clock, Histogram, now_us, record


class CaOnly(board_tls.BoardTls):
    """A device without a certificate of its own: what the product never is."""

    def context(self):
        """A context that verifies and shows nothing."""
        import ssl

        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined,misc]
        made.load_verify_locations(cadata=board_tls.read(self._folder + "tls/ca.der"))
        return made


async def main(folder, host, port, count, tries, limit_s):
    """Run the uplink and print what came of it."""
    place = {"host": host, "port": port, "keepalive_s": 5}
    for key in ("ca", "certificate", "private_key"):
        place[key] = "tls/%s.der" % key
    settings = {"org": "demo", "site": "here", "device": "board-1", "uplink": place}
    bare = board_tls.number(folder + "/tls/certificate.der") is None
    board_uplink.HANDSHAKE_MS = mqtt.CONNECT_MS = mqtt.ANSWER_MS = 1500
    tls = (CaOnly if bare else board_tls.BoardTls)(folder, place)
    uplink = board_uplink.BoardUplink(settings, 0x1122334455667788, 1, 131072, tls=tls)
    task = asyncio.create_task(uplink.run(Clock()))
    port = Telling(uplink)
    late, start_us, offered = Histogram(), now_us(), 0
    while now_us() - start_us < limit_s * 1000000 and uplink.reconnects < tries:
        due_us = now_us() + 10000
        await asyncio.sleep(0.01)
        late.add(now_us() - due_us)
        if offered < count:
            port.offer(record(offered))
            offered += 1
        elif not uplink.backlog:
            break
    if uplink.refused:
        port.offer(record(offered))
        offered += 1
    task.cancel()
    result = {"offered": offered, "backlog": uplink.backlog, "lost": uplink.lost, "log": uplink.log}
    result.update(
        {"reconnects": uplink.reconnects, "late_max_us": late.maximum, "seq": uplink.seq, "refused": uplink.refused}
    )
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *[int(text) for text in sys.argv[3:7]]))
