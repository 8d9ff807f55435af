# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Files of a board, read and written over its console from the memory of this process.

mpremote's own transport does it, inside this process: no byte stands in a file or on a command line of this machine,
which is what keys need. The board is at rest meanwhile, and reset at the end.
"""

import hashlib
import json
import posixpath

from host_tools import firmware
from host_tools.remote import DEAD_MAN, DEAD_MAN_MS, Board, FlashError

GONE = "plug it in and run the same command again"

CHUNK_BYTES = 256
READ_BYTES = 1024
# Runs on the board: [path, size] of every file, as JSON.
LIST = """
import json, os
def look(path, found):
    for row in os.ilistdir(path or "/"):
        inside = path + "/" + row[0]
        if inside == "/rom":  # a copy of what lies in a slot
            continue
        if row[1] & 0x4000:
            look(inside, found)
        elif inside != "/service":  # how it was brought to rest
            found.append((inside[1:], os.stat(inside)[6]))
    return found
print(json.dumps(look("", [])))
"""
# Runs on the board: the SHA-256 of a file.
DIGEST = """
import binascii, hashlib
sha = hashlib.sha256()
with open(%r, "rb") as file:
    data = file.read(512)
    while data:
        sha.update(data)
        data = file.read(512)
print(binascii.hexlify(sha.digest()).decode())
"""
# Runs on the board: make a folder that may be there.
FOLDER = """
import os
try:
    os.mkdir(%r)
except OSError:
    pass
"""
# Runs on the board: everything goes, the loader first, so that nothing half starts.
WIPE = """
import os
def clear(path):
    for row in list(os.ilistdir(path)):
        inside = path + "/" + row[0] if path != "/" else "/" + row[0]
        if inside == "/rom":  # a file system of its own, read-only: what it holds is no secret
            continue
        if row[1] & 0x4000:
            clear(inside)
            os.rmdir(inside)
        else:
            os.remove(inside)
for name in ("main.py", "boot.py"):
    if name in os.listdir("/"):
        os.remove("/" + name)
clear("/")
"""


class Cable:
    """The files of the board at port (device path or socket://); use it in a `with`. Raises FlashError(3) for a board
    that does not do it."""

    def __init__(self, port):
        self.board = Board(port)
        self._transport = None

    def __enter__(self):
        from mpremote.transport import TransportError
        from mpremote.transport_serial import SerialTransport

        try:
            self.board.serve()
        except FlashError as error:
            raise firmware.advised(self.board.port, error) from None
        try:
            self._transport = SerialTransport(self.board.port, wait=5)
            self._transport.enter_raw_repl(timeout_overall=20)
        except (TransportError, OSError) as error:
            self._close()
            raise self._failed(error) from None
        self.run(DEAD_MAN % DEAD_MAN_MS)
        return self

    def __exit__(self, kind, *_):
        self._close()
        if kind is None or not issubclass(kind, FlashError):
            self.board.reset()

    def _close(self):
        if self._transport is not None:
            try:
                self._transport.exit_raw_repl()
                self._transport.close()
            except OSError:
                pass
            self._transport = None

    def _failed(self, error):
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return self.board.failed(last[:200], GONE)

    def _asked(self, function, *words):
        """function(*words) of the transport. What fails says what, never which bytes were sent."""
        from mpremote.transport import TransportError, TransportExecError

        try:
            return function(*words)
        except TransportExecError as error:
            raise self._failed(error.error_output) from None
        except (TransportError, OSError) as error:
            raise self._failed(error) from None

    def run(self, script):
        """Output (bytes) of a script on the board."""
        return self._asked(self._transport.exec, script)

    def sizes(self):
        """{path: bytes} of every file on the board."""
        return dict(json.loads(self.run(LIST)))

    def read(self, path):
        """The bytes of a file of sizes()."""
        return bytes(self._asked(self._transport.fs_readfile, "/" + path, READ_BYTES))

    def write(self, files, done=None):
        """Write {path: bytes}: all of them beside what is there, each read back by its SHA-256, then all renamed in
        their order. done(): called for each file written."""
        for path, data in files.items():
            parts = posixpath.dirname(path).split("/")
            for count in range(1, len(parts) + 1):
                if parts[0]:
                    self.run(FOLDER % ("/" + "/".join(parts[:count])))
            self._asked(self._transport.fs_writefile, "/%s.new" % path, data, CHUNK_BYTES)
            if self.run(DIGEST % ("/%s.new" % path)).strip().decode() != hashlib.sha256(data).hexdigest():
                raise self._failed("%s does not read back as it was written" % path)
            if done:
                done()
        for path in files:
            self.run("import os\nos.rename(%r, %r)\n" % ("/%s.new" % path, "/" + path))

    def wipe(self):
        """Remove every file."""
        self.run(WIPE)
