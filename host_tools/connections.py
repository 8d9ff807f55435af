# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`connection:` texts of site.yaml as links: which wire, which end of it, how fast.

tcp:HOST:PORT · rtu:PORT:BAUD (Modbus) · serial:PORT:BAUD (other protocols) · can:INTERFACE:CHANNEL:BITRATE
PORT is a path such as /dev/serial/by-id/NAME, or uart1 on a board; parity :E or :O may follow the speed.
INTERFACE is one of python-can; on a board slcan (an adapter on uart1) or machine (machine.CAN, CHANNEL can1).
"""

HELP = (
    "tcp:HOST:PORT, rtu:/dev/serial/by-id/NAME:BAUD, serial:/dev/serial/by-id/NAME:BAUD or "
    "can:socketcan:can0:500000 (board: rtu:uart1:BAUD, can:slcan:uart1:500000, can:machine:can1:500000)"
)
# Which links a profile of that bus can be read over.
KINDS_OF_BUS = {"modbus": ("tcp", "rtu"), "serial": ("serial",), "can": ("can",)}
PARITIES = ("N", "E", "O")
BAUD = (1200, 1000000)
BITRATE = (10000, 1000000)


def link_of(spot, text):
    """The link dict of one `connection:` text; SiteError at spot when it is none."""
    kind, _, rest = text.partition(":")
    read = {"tcp": _tcp, "rtu": _serial, "serial": _serial, "can": _can}.get(kind)
    link = read(kind, rest) if read else None
    if link is None:
        raise spot.wrong("'%s' is not a connection" % text, "write %s" % HELP)
    return link


def _tcp(kind, rest):
    host, _, port = rest.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        return None
    return {"kind": kind, "host": host.strip("[]"), "port": int(port), "uart": 0, "baud": 0, "parity": "N"}


def _uart(path):
    """Number of a board's UART named uart1, else 0."""
    return int(path[4:]) if path.startswith("uart") and path[4:].isdecimal() else 0


def _speed(text, bounds):
    return int(text) if text.isdecimal() and bounds[0] <= int(text) <= bounds[1] else None


def _serial(kind, rest):
    words = rest.split(":")
    parity = words.pop() if words[-1] in PARITIES else "N"
    baud = _speed(words[-1], BAUD)
    path = ":".join(words[:-1])
    if not path or baud is None:
        return None
    return {"kind": kind, "path": path, "uart": _uart(path), "baud": baud, "parity": parity}


def _can(kind, rest):
    words = rest.split(":")
    fd = words.pop() == "fd" if words[-1] == "fd" else False
    if len(words) < 3:
        return None
    bitrate = _speed(words[-1], BITRATE)
    channel = ":".join(words[1:-1])
    if not words[0] or not channel or bitrate is None:
        return None
    link = {"kind": kind, "interface": words[0], "channel": channel, "bitrate": bitrate, "fd": fd}
    if words[0] == "machine":  # machine.CAN has no CAN FD
        if fd or not channel.startswith("can") or not channel[3:].isdecimal():
            return None
        return dict(link, path=channel, controller=int(channel[3:]))
    return dict(link, path=channel, uart=_uart(channel), baud=115200, parity="N")


class Links:
    """Collects the lines of the site; devices with the same connection share one."""

    def __init__(self):
        self.links = []
        self.texts = []

    def index(self, spot, text, bus="modbus"):
        """Index of the line that text names. Refused: two ways to say one port, and a line that a profile
        of that bus cannot be read over."""
        kind = text.partition(":")[0]
        if kind in ("tcp", "rtu", "serial", "can") and kind not in KINDS_OF_BUS[bus]:
            wanted = " or ".join(KINDS_OF_BUS[bus])
            raise spot.wrong("a profile of bus %s cannot be read over %s" % (bus, kind), "write %s:..." % wanted)
        if text in self.texts:
            return self.texts.index(text)
        link = link_of(spot, text)
        for other, seen in zip(self.links, self.texts, strict=True):
            if link.get("path") and other.get("path") == link["path"]:
                raise spot.wrong("%s is already used as %s" % (link["path"], seen), "give one port one speed")
        self.links.append(link)
        self.texts.append(text)
        return len(self.links) - 1
