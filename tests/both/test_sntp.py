# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What an NTP server may do to the clock of a board, and what it may not; over a real socket."""

import asyncio
import socket

from edge.shell.board_sntp import EPOCH_1900_S, Sntp, allowed, answer_s, question

NOW_S = 1795050000
COOKIE = b"12345678"


def reply(cookie, at_s, head=0x24, stratum=2):
    """The 48 bytes of a server."""
    seconds = (at_s + EPOCH_1900_S) % (1 << 32)
    return bytes((head, stratum)) + bytes(22) + cookie + bytes(8) + seconds.to_bytes(4, "big") + bytes(4)


class Clock:
    """A wall clock."""

    def __init__(self, at_s):
        self.at_s = at_s

    def utc_s(self):
        """(seconds, quality)."""
        return self.at_s, 2 if self.at_s else 0

    def set_utc(self, at_s):
        """Set it."""
        self.at_s = at_s


def test_a_question_is_one_of_version_4_and_carries_the_cookie():
    assert len(question(COOKIE)) == 48 and question(COOKIE)[0] == 0x23 and question(COOKIE)[40:] == COOKIE


def test_only_an_answer_to_us_from_a_server_that_knows_the_time_counts():
    assert answer_s(reply(COOKIE, NOW_S), COOKIE) == NOW_S
    assert answer_s(reply(COOKIE, 2100000000), COOKIE) == 2100000000  # after 2036
    assert answer_s(reply(b"87654321", NOW_S), COOKIE) is None  # somebody else's, or made up
    assert answer_s(reply(COOKIE, NOW_S, 0xE4), COOKIE) is None  # its clock is not synchronised
    assert answer_s(reply(COOKIE, NOW_S, 0x23), COOKIE) is None  # a question sent back
    assert answer_s(reply(COOKIE, NOW_S, 0x24, 0), COOKIE) is None  # go away
    assert answer_s(reply(COOKIE, -EPOCH_1900_S), COOKIE) is None  # no time
    assert answer_s(reply(COOKIE, NOW_S)[:47], COOKIE) is None


def test_never_below_the_floor_and_never_by_more_than_a_day():
    assert allowed(NOW_S, None, None) and allowed(NOW_S + 86400, NOW_S, NOW_S) and allowed(NOW_S - 60, NOW_S, None)
    assert not allowed(NOW_S + 86401, NOW_S, None)
    assert not allowed(NOW_S - 86401, NOW_S, None)
    assert not allowed(NOW_S - 1, NOW_S, NOW_S)
    assert not allowed(NOW_S - 1, None, NOW_S)
    assert not allowed(1700000000, None, None)  # before this program was written


def served(answers, clock, floor_s):
    """(what once() said, the Sntp) with a server that answers a question with those functions of its cookie."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port = 0
    for port in range(42123, 42223):
        try:
            server.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            break
        except OSError:
            pass
    server.setblocking(False)

    async def serve():
        while True:
            try:
                data, sender = server.recvfrom(64)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            for answer in answers:
                server.sendto(answer(data[40:48]), sender)
            return

    async def run():
        sntp = Sntp(clock, "127.0.0.1", floor_s, port)
        task = asyncio.create_task(serve())
        done = await sntp.once()
        await task
        return done, sntp

    try:
        return asyncio.run(run())
    finally:
        server.close()


def test_a_right_answer_sets_the_clock_after_forged_ones_were_dropped():
    clock = Clock(NOW_S)
    answers = (
        lambda cookie: b"",
        lambda cookie: reply(b"forged!!", NOW_S + 5),
        lambda cookie: reply(cookie, NOW_S + 90),
    )
    done, sntp = served(answers, clock, NOW_S - 500)
    assert done and clock.at_s == NOW_S + 90 and sntp.refused == 0


def test_a_server_that_lies_by_more_than_a_day_is_refused():
    clock = Clock(NOW_S)
    done, sntp = served((lambda cookie: reply(cookie, NOW_S + 10 * 365 * 86400),), clock, None)
    assert not done and clock.at_s == NOW_S and sntp.refused == 1
