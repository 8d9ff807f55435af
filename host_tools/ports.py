# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Why a board cannot be reached at a port, what to do about it, and which ports there are."""

import errno
import os
import socket
import stat
import sys
from pathlib import Path

CONNECT_S = 3.0
OTHERS = "end the other program (a terminal, the monitor of an editor, another reuse-edge), then run it again"


def known():
    """The serial ports of this machine, those of USB devices first."""
    from serial.tools import list_ports

    return sorted(list_ports.comports(), key=lambda item: (item.vid is None, item.device))


def listed():
    """What to do when a port is not there: which ones are."""
    rows = known()
    usb = ["%s (%s)" % (row.device, row.description) for row in rows if row.vid is not None]
    if usb:
        return "plug the board in, or take one of: " + ", ".join(usb[:6])
    rest = ", ".join(row.device for row in rows[:6])
    return "plug the board in: no USB serial port is here now" + (" (others: %s)" % rest if rest else "")


def is_port(path):
    """True for what can be a serial port or a socket, and no file."""
    if "://" in path or path.upper().startswith("COM") and path[3:].isdecimal():
        return True
    return os.path.exists(path) and stat.S_ISCHR(os.stat(path).st_mode)


def is_there(port):
    """True when there is such a port now; sockets are always there."""
    if "://" in port:
        return True
    return port.upper() in [row.device.upper() for row in known()] if os.name == "nt" else os.path.exists(port)


def trouble(port, opening=True):
    """(what is wrong with port, what to do), or None: nothing that can be seen. opening: try to open it, too."""
    if "://" in port:
        return _socket_trouble(port) if opening else None
    if not is_there(port):
        return "there is no such port", listed()
    if os.name != "nt":
        found = _file_trouble(port)
        if found is not None:
            return found
    return _taken(port) if opening else None


def _socket_trouble(port):
    """What is wrong with socket://HOST:PORT."""
    host, colon, number = port.partition("://")[2].partition("/")[0].rpartition(":")
    if not port.startswith("socket://") or not colon or not host or not number.isdecimal() or int(number) > 65535:
        return "is not socket://HOST:PORT", "for example socket://10.0.0.7:2323"
    try:
        socket.create_connection((host.strip("[]"), int(number)), CONNECT_S).close()
    except socket.gaierror:
        return "no machine of the name %s is known" % host, "check the name, or write its address"
    except TimeoutError:
        return "%s does not answer" % host, "check power, cable and network of what holds the serial port"
    except ConnectionRefusedError:
        return "nobody listens there", "start what serves the serial port on %s, or check the number" % host
    except OSError as error:
        return "cannot be reached: %s" % (error.strerror or error), "check the network of this machine"
    return None


def _file_trouble(port):
    """What is wrong with the file of a port (POSIX), before it is opened."""
    told = os.stat(port)
    if not stat.S_ISCHR(told.st_mode):
        return "is no serial port", "write reuse-edge flash PORT site.yaml, the port first (`reuse-edge board ls`)"
    if not os.access(port, os.R_OK | os.W_OK):
        import grp

        try:
            group = grp.getgrgid(told.st_gid).gr_name
        except KeyError:
            group = str(told.st_gid)
        mend = "sudo usermod -aG %s $USER, then log out and in again" % group
        if not told.st_mode & stat.S_IWGRP or group in ("root", "wheel"):
            mend = "give this user the right to open it (a udev rule), or ask who runs this machine"
        return "this user may not open it", mend
    return None


def _taken(port):
    """Whether another program has the port."""
    import serial

    try:
        serial.Serial(port, exclusive=True).close()
    except (OSError, ValueError) as error:
        number, text = getattr(error, "errno", None), str(error)
        if number in (errno.EBUSY, errno.EAGAIN, errno.EACCES, errno.EPERM) or "lock" in text or "denied" in text:
            holder = _holder(port)
            if holder:
                return "another program has it: %s (process %d)" % holder, OTHERS
            return "another program has it", OTHERS
        return "cannot be opened: %s" % (
            getattr(error, "strerror", None) or text
        ), "pull the cable and plug it in again"
    return None


def _holder(port):
    """(command line, process) of another program that has port open, or None: nobody can tell."""
    if not sys.platform.startswith("linux"):
        return None
    real, found = os.path.realpath(port), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and real in [os.readlink(entry) for entry in (folder / "fd").iterdir()]:
                words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                found.append((" ".join(words).strip()[-60:], int(folder.name)))
        except OSError:
            continue
    locked = [row for row in found if row[1] in _lockers(real)]
    return (locked or found or [None])[0]


def _lockers(path):
    """Processes that hold a lock on the file at path."""
    inode = ":%d" % os.stat(path).st_ino
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        return []
    return [int(row[4]) for row in rows if len(row) > 5 and row[5].endswith(inode)]
