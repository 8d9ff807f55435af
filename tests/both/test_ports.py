# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Ports of a line are let go as their kind wants it."""

import asyncio

from bms_bridge.transports.board_modbus import shut


class Uart:
    """machine.UART has no close()."""

    def __init__(self):
        self.on = True

    def deinit(self):
        self.on = False


class Socket:
    """A socket has no deinit()."""

    def __init__(self):
        self.on = True

    def close(self):
        self.on = False


class Stream:
    """asyncio's stream under MicroPython, as far as it closes."""

    def __init__(self, port):
        self.s = port

    def close(self):
        pass

    async def wait_closed(self):
        self.s.close()


def test_a_uart_is_switched_off_and_a_socket_closed():
    for port in (Uart(), Socket()):
        asyncio.run(shut(Stream(port)))
        assert not port.on
