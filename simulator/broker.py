# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A real MQTT broker as a child process that can be killed, frozen and started again. POSIX only.

`python -m simulator.broker PORT` runs amqtt: in memory, anonymous, on 127.0.0.1, silent. A watching shell
ends the broker when the parent dies, however it dies, even when the broker is frozen.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_S = 20.0  # amqtt needs about one second to import
KINDS = ("amqtt", "mosquitto")


class BrokerError(Exception):
    """The broker did not start; the text says why."""


def available(kind):
    """Return None when that kind of broker can be started here, else the reason as one line."""
    if kind == "mosquitto":
        return None if _mosquitto() else "mosquitto is not installed"
    return None


def _mosquitto():
    """Path of the mosquitto program or None; Debian keeps it outside the path of normal users."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin" + os.pathsep + "/usr/local/sbin"
    return shutil.which("mosquitto", path=path)


def free_port():
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def taken(port):
    """True when somebody listens on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


class Broker:
    """One broker on one port of 127.0.0.1; the port stays the same over kill() and start().

    kind: "amqtt" or "mosquitto"; port 0: a free one, known after start(). listener: further lines of mosquitto.conf for
    its one listener (TLS, ACL), else it takes anybody. A context manager.
    """

    def __init__(self, kind="amqtt", port=0, listener=()):
        if kind not in KINDS:
            raise ValueError(f"kind is one of {KINDS}")
        if listener and kind != "mosquitto":
            raise ValueError("only mosquitto takes lines for its listener")
        self.kind = kind
        self.port = port
        self._listener = tuple(listener)
        self._config = None
        self._child = None
        self._watch = None
        self._log = None

    def start(self):
        """Start it and return when it accepts connections; BrokerError when it does not."""
        if self._child is not None:
            raise BrokerError("it runs already")
        fixed = self.port != 0
        for _ in range(1 if fixed else 3):
            if not fixed:
                self.port = free_port()
            elif taken(self.port):
                raise BrokerError(f"{self.kind} did not start: 127.0.0.1:{self.port} is taken")
            self._spawn()
            if self._answers():
                return self
            text = self._end(signal.SIGKILL)
        if not fixed:
            self.port = 0
        raise BrokerError(f"{self.kind} did not start: {text.strip()[-300:] or 'no answer'}")

    def kill(self):
        """SIGKILL: every connection resets, everything in memory is gone."""
        self._end(signal.SIGKILL)

    def freeze(self):
        """SIGSTOP: connections stay open and nothing moves."""
        os.kill(self._child.pid, signal.SIGSTOP)

    def thaw(self):
        """SIGCONT: go on after freeze()."""
        os.kill(self._child.pid, signal.SIGCONT)

    def stop(self):
        """End it for good; harmless when it does not run."""
        self._end(signal.SIGKILL)

    @property
    def running(self):
        """True from start() to kill() or stop(), also while frozen."""
        return self._child is not None and self._child.poll() is None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _spawn(self):
        """Start the child and the shell that watches over it."""
        if self.kind == "mosquitto":
            command = [_mosquitto() or "mosquitto", *self._place()]
        else:
            command = [sys.executable, "-m", "simulator.broker", str(self.port)]
        root = str(Path(__file__).resolve().parent.parent)
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
        self._log = tempfile.TemporaryFile()
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the parent only
            )
        except OSError as error:
            raise BrokerError(f"{self.kind}: {error}") from error
        self._watch = subprocess.Popen(
            # `read` ends when the pipe closes: when this process is gone.
            ["/bin/sh", "-c", 'read _; kill -KILL "$0" 2>/dev/null', str(self._child.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _place(self):
        """The options of mosquitto that say where and how it listens."""
        if not self._listener:
            return "-p", str(self.port)
        self._config = tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8")
        lines = [f"listener {self.port} 127.0.0.1", *self._listener]
        if os.getuid() == 0:
            lines.append("user root")  # else it becomes a user who may not read our files
        self._config.write("\n".join(lines) + "\n")
        self._config.flush()
        return "-c", self._config.name

    def _answers(self):
        """Wait until it accepts a connection; False when it ended or the time is over."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return self._child.poll() is None
            except OSError:
                time.sleep(0.02)
        return False

    def _end(self, number):
        """Send a signal, reap both children and return what the broker wrote to stderr."""
        if self._child is None:
            return ""
        self._watch.kill()  # first, so that it cannot hit a process number used again
        self._watch.wait()
        self._watch.stdin.close()
        if self._child.poll() is None:
            os.kill(self._child.pid, number)
        self._child.wait()
        self._log.seek(0)
        text = self._log.read().decode("utf-8", "replace")
        self._log.close()
        self._child = self._watch = self._log = None
        return text


async def serve(port):
    """Run amqtt on 127.0.0.1:port for ever: in memory, anonymous, no plugin but that one."""
    from amqtt.broker import Broker as AmqttBroker

    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = AmqttBroker(config)
    await broker.start()
    await asyncio.Event().wait()


def main(argv=None):
    """`python -m simulator.broker PORT`: run until killed; returns 3 when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m simulator.broker", description="An MQTT broker for tests.")
    parser.add_argument("port", type=int)
    port = parser.parse_args(argv).port
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(serve(port))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"127.0.0.1:{port}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
