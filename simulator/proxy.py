# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A TCP proxy on 127.0.0.1 that mistreats connections: black hole, one-way freeze, cut at byte N.

It runs in a thread of its own; its methods may be called from any thread. "up" is client to server.
"""

import asyncio
import socket
import threading

CHUNK = 4096


class Proxy:
    """Proxy to 127.0.0.1:target_port; its own port is known after start(). A context manager."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.port = 0
        self.connections = 0  # accepted since the start
        self.carried = {"up": 0, "down": 0}  # bytes passed on
        self._cut = {"up": None, "down": None}  # bytes still to pass before the cut
        self._open = {}  # direction -> asyncio.Event, set while bytes flow
        self._loop = None
        self._thread = None
        self._pairs = set()
        self._ready = threading.Event()

    def start(self):
        """Listen on a free port."""
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def pass_through(self):
        """Let bytes flow both ways again; what was held back goes on."""
        self._set("up", True)
        self._set("down", True)

    def black_hole(self):
        """Stop reading both ways: connections stay open (new ones too) and nothing moves."""
        self._set("up", False)
        self._set("down", False)

    def freeze(self, direction):
        """Stop one direction, "up" or "down"."""
        self._set(direction, False)

    def cut_after(self, count, direction="up"):
        """Pass `count` more bytes in that direction, then close the connection (once)."""
        self._call(lambda: self._cut.__setitem__(direction, count))

    def drop_all(self):
        """Close every connection now."""
        self._call(self._close_pairs)

    def stop(self):
        """Close everything; harmless twice."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._main.cancel)
            self._thread.join()
            self._thread = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _call(self, function):
        """Run `function` in the proxy's thread and wait for it."""
        done = threading.Event()

        def run():
            function()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait()

    def _set(self, direction, flows):
        event = self._open[direction]
        self._call(event.set if flows else event.clear)

    def _run(self):
        """Thread: the event loop."""
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass

    async def _serve(self):
        """Accept for ever; cancelled by stop()."""
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        for direction in ("up", "down"):
            self._open[direction] = asyncio.Event()
            self._open[direction].set()
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._ready.set()
            try:
                while True:
                    client, _ = await self._loop.sock_accept(listener)
                    self.connections += 1
                    task = asyncio.create_task(self._connection(client))
                    self._pairs.add(task)
                    task.add_done_callback(self._pairs.discard)
            finally:
                tasks = list(self._pairs)
                self._close_pairs()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _close_pairs(self):
        for task in self._pairs:
            task.cancel()

    async def _connection(self, client):
        """Carry one connection until either side closes or it is cut."""
        server = socket.socket()
        tasks = []
        try:
            for end in (client, server):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.sock_connect(server, ("127.0.0.1", self.target_port))
            tasks = [
                asyncio.create_task(self._pump(client, server, "up")),
                asyncio.create_task(self._pump(server, client, "down")),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # the server refuses: the client sees its connection closed
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            client.close()
            server.close()

    async def _pump(self, source, sink, direction):
        """Carry one direction until its end, its cut or an error."""
        while True:
            await self._open[direction].wait()
            data = await self._loop.sock_recv(source, CHUNK)
            await self._open[direction].wait()
            if not data:
                return
            left = self._cut[direction]
            if left is not None:
                data, self._cut[direction] = data[:left], max(left - len(data), 0)
            await self._loop.sock_sendall(sink, data)
            self.carried[direction] += len(data)
            if left is not None and not self._cut[direction]:
                self._cut[direction] = None
                return
