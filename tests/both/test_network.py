# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board joins its network: what an attempt that fails is called, and which record tells of an outage."""

import asyncio

from edge.core.registry import KEYS
from edge.shell import board_network as net

WRONG, MISSING = 202, 201


class Clock:
    """Moves by 100 ms with each look."""

    def __init__(self):
        self.at_ms = 0

    def now_ms(self):
        """Milliseconds."""
        self.at_ms += 100
        return self.at_ms

    def utc_s(self):
        """Not known."""
        return None, 0


class Port:
    """A radio whose attempts end as told: a status, an OSError, None (it is there) or "" (nothing happens)."""

    def __init__(self, ends):
        self.ends = list(ends)
        self.here = False
        self.now = None
        self.left = 0

    def active(self, on):
        """Switched on."""

    def join(self):
        """Begin an attempt."""
        self.now = self.ends.pop(0) if self.ends else None
        if isinstance(self.now, OSError):
            raise self.now
        self.here = self.now is None

    def isconnected(self):
        """Is it there?"""
        return self.here

    def status(self):
        """How the attempt stands."""
        return self.now

    def disconnect(self):
        """Leave."""
        self.left += 1


def lived(*ends, drops=1):
    """(the Port, [(why, tries)] of the records) after attempts that end so; the network goes away so many times."""
    records, port = [], Port(ends)
    one = net.Joined(port, port.join, {WRONG: net.PASSWORD, MISSING: net.NOBODY}, Clock(), records.append)

    async def there():
        for _ in range(3000):
            await asyncio.sleep(0.001)
            if port.here:
                break
        await asyncio.sleep(0.01)  # it has been seen

    async def life():
        task = asyncio.create_task(one.run([0]))
        await there()
        for _ in range(drops):
            port.here = False
            await asyncio.sleep(0.01)
            await there()
        task.cancel()

    before = net.LOOK_S, net.REST_MS
    net.LOOK_S, net.REST_MS = 0.001, (1, 2)
    try:
        asyncio.run(life())
    finally:
        net.LOOK_S, net.REST_MS = before
    bodies = [dict(record.pairs) for record in records]
    return port, [(body[KEYS["network_why"]], body[KEYS["network_tries"]]) for body in bodies]


def test_a_start_that_joins_at_once_is_no_news_and_a_drop_is():
    assert lived(drops=0)[1] == []
    assert lived(drops=1)[1] == [(net.WENT, 1)]


def test_the_last_reason_of_an_outage_is_told_with_its_attempts():
    port, told = lived(WRONG, MISSING, drops=0)
    assert told == [(net.NOBODY, 3)] and port.left == 2  # the firmware is not to go on by itself
    assert lived(OSError(5), drops=0)[1] == [(net.OTHER, 2)]
    assert lived("", WRONG, drops=0)[1] == [(net.PASSWORD, 3)]
    assert lived("", drops=0)[1] == [(net.ADDRESS, 2)]  # it joined and got no address


def test_reasons_of_one_outage_do_not_stay_for_the_next():
    assert lived(WRONG, drops=1)[1] == [(net.PASSWORD, 2), (net.WENT, 1)]


def test_the_file_of_secrets_may_be_missing():
    assert net.secret("/nowhere/secrets.json") is None
