# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The gateway starts its SunSpec server when the settings ask for it, and runs on without one."""

import asyncio
import socket
from types import SimpleNamespace

from edge.core.settings import with_defaults
from edge.shell.gateway import GatewayClock, serve_sunspec
from simulator.sites import settings

GUARDED = SimpleNamespace(site=None)


def start(**keys):
    """(what was said, server or None) of one start."""
    said = []

    async def go():
        server = await serve_sunspec(with_defaults({**settings(), **keys}), GUARDED, GatewayClock(), said.append)
        if server is not None:
            server.close()
        return server

    return said, asyncio.run(go())


def test_off_by_default():
    assert start() == ([], None)


def test_listens_where_the_settings_say():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said, server = start(sunspec_port=port)
    assert server is not None and said == ["SunSpec server on 127.0.0.1:%d" % port]


def test_a_port_that_is_taken_costs_only_the_server():
    with socket.create_server(("127.0.0.1", 0)) as other:
        said, server = start(sunspec_port=other.getsockname()[1])
    assert server is None and said[0].startswith("SunSpec server does not listen")
