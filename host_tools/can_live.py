# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Frames from a CAN interface or from a log that is no candump log, by python-can. Nothing is ever sent."""

import os
import sqlite3
import struct
import zlib

from host_tools.candump import Frame, LogError

# What python-can reads besides candump's format, by the end of the name.
OTHER_LOGS = (".asc", ".blf", ".csv", ".db", ".trc", ".mf4")

# What its readers raise when a file is damaged, or not what its name says.
_BROKEN = (
    ValueError, KeyError, IndexError, AttributeError, NotImplementedError, EOFError, struct.error, zlib.error,
    sqlite3.Error,
)  # fmt: skip


class BusError(Exception):
    """The interface cannot be opened: one message with what to do. The exit code depends on why."""

    def __init__(self, text, exit_code):
        super().__init__(text)
        self.exit_code = exit_code


def parse_source(text):
    """{interface, channel, bitrate, fd} of "INTERFACE:CHANNEL[@BITRATE][+fd]", None when it is no such text."""
    interface, colon, rest = text.partition(":")
    if not colon or not interface.isidentifier() or len(interface) < 2 or not rest or os.sep in interface:
        return None
    fd = rest.endswith("+fd")
    rest = rest.removesuffix("+fd")
    channel, at, bitrate = rest.rpartition("@")
    if not at or not bitrate.isdecimal():
        channel, bitrate = rest, "500000"
    return {"interface": interface, "channel": channel, "bitrate": int(bitrate), "fd": fd}


def open_bus(source):
    """A python-can bus that only listens, as far as the interface can. Raises BusError."""
    import can

    options = {"interface": source["interface"], "channel": source["channel"], "bitrate": source["bitrate"]}
    if source["fd"]:
        options["fd"] = True
    if source["interface"] == "slcan":
        options["listen_only"] = True
        options["sleep_after_open"] = 0.1
    try:
        return can.Bus(**options)
    except can.CanInterfaceNotImplementedError as error:
        names = ", ".join(sorted(can.VALID_INTERFACES))
        raise BusError("%s: %s\n  → one of: %s" % (source["interface"], error, names), 2) from None
    except (can.CanError, OSError, ValueError, ImportError) as error:
        where = "%s:%s" % (source["interface"], source["channel"])
        mend = "is the interface plugged in, up (ip link set can0 up type can bitrate 500000) and yours to open?"
        raise BusError("%s: %s\n  → %s" % (where, error, mend), 3) from None


def frame_of(message, number=0):
    """The Frame of a python-can message; None for one without data of its own (remote, error)."""
    if message.is_error_frame or message.is_remote_frame:
        return None
    channel = "can0" if message.channel is None else str(message.channel).replace(" ", "_")
    return Frame(
        round(message.timestamp * 1000000), channel, message.arbitration_id, bool(message.is_extended_id),
        bytes(message.data), bool(message.is_fd), number,
    )  # fmt: skip


def listen(bus, timeout_s):
    """The next Frame of a bus, None when timeout_s passes without one. Raises BusError when it is gone."""
    import can

    try:
        message = bus.recv(timeout_s)
    except (ValueError, IndexError):  # noise on a serial adapter
        return None
    except (can.CanError, OSError) as error:
        raise BusError("the interface is gone: %s\n  → plug it in again" % error, 3) from None
    return None if message is None else frame_of(message)


def is_other(path):
    """True when python-can has to read the log at path: by its name, and a table only when it is python-can's
    own. Raises OSError."""
    name = path.lower().removesuffix(".gz")
    if not name.endswith(OTHER_LOGS):
        return False
    if not name.endswith(".csv") or path.lower().endswith(".gz"):
        return True
    with open(path, "rb") as file:
        return file.readline().startswith(b"timestamp,arbitration_id")


def read_other(path):
    """The Frames of a log in one of the formats OTHER_LOGS. Raises LogError and OSError."""
    import can

    frames = []
    try:
        with can.LogReader(path) as reader:
            for number, message in enumerate(reader, 1):
                frame = frame_of(message, number)
                if frame is not None:
                    frames.append(frame)
    except (*_BROKEN, can.CanError) as error:
        name = os.path.basename(path)
        raise LogError(
            name, len(frames) + 1, "python-can cannot read it: %s" % error, "save it as a candump log"
        ) from None
    return frames
