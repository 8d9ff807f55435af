# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""TLS of a board, imported only when the site uses it: the context, and a clock by which certificates can be judged.

A context of MicroPython verifies nothing unless it is told to. Its files are DER, below tls/ beside settings.json, and
so is `built`: when they were put together, in seconds since 1970. It never was earlier than that.
"""

import asyncio
import os
import ssl
import time

BUILT = "/tls/built"
MARK = "/clock.floor"  # there while the clock counts from a floor: the last time known, in seconds since 1970
KEEP_S = 3600  # between two notes of that time: 24 small writes a day
EPOCH_2000_S = 946684800
FLOOR, RTC = 1, 2  # qualities of a wall clock


def read(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def parts(data):
    """The DER structures that follow each other in data, one after the other."""
    while data:
        size, head = data[1], 2
        if size & 0x80:
            head += size & 0x7F
            size = int.from_bytes(data[2:head], "big")
        yield data[: head + size]
        data = data[head + size :]


class BoardTls:
    """What an uplink needs for TLS. folder: of settings.json; place: the uplink's settings, paths from folder."""

    def __init__(self, folder, place):
        self._folder = folder + "/"
        self._place = place
        self._made = None

    def context(self):
        """The ssl context, made once. Raises OSError that names the file that is missing or damaged."""
        if self._made is None:
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            made.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined]  # its stubs lack it
            place, ca = self._place, self._part("ca")
            own, private = self._part("certificate"), self._part("private_key")
            try:
                for authority in parts(ca) if ca else (ca,):
                    made.load_verify_locations(cadata=authority)
            except (ValueError, IndexError):
                raise OSError("certificate file %s is damaged" % place["ca"])
            try:
                made.load_cert_chain(own, private)
            except ValueError:
                raise OSError("certificate file %s or %s is damaged" % (place["certificate"], place["private_key"]))
            self._made = made
        return self._made

    def _part(self, key):
        """The bytes of one of our files. Raises OSError that names it."""
        try:
            return read(self._folder + self._place[key])
        except OSError:
            raise OSError("certificate file %s is missing" % self._place[key])

    def why(self, error, shaken):
        """What it means that a connection ended before the broker's yes, as text. shaken: TCP was there."""
        text = str(error).strip()
        if text in ("broker refuses: code 4", "broker refuses: code 5"):  # it knows us by our certificate alone
            return text + ": our certificate?"
        told = "ertificate" in text or text.startswith(("broker refuses", "no answer"))
        if told or not shaken or isinstance(error, MemoryError):
            return text
        return "broker ended the TLS handshake (%s): our certificate?" % text


def floored(folder, rtc):
    """Quality (FLOOR or RTC) of the board's wall clock, set to the earliest time it can be when it is before that.

    A board without a battery starts in the past, where no certificate is valid yet. rtc: machine.RTC(). Once set to a
    floor the clock counts as one, until `reuse-edge flash` sets it.
    """
    known_s = number(folder + MARK)
    floor_s = floor_of(folder)
    offset_s = EPOCH_2000_S if time.gmtime(0)[0] == 2000 else 0
    if int(time.time()) + offset_s >= floor_s:
        return RTC if known_s is None else FLOOR
    now = time.gmtime(floor_s - offset_s)
    rtc.datetime((now[0], now[1], now[2], now[6], now[3], now[4], now[5], 0))
    note(folder, floor_s)
    return FLOOR


def floor_of(folder):
    """The earliest time that it can be: what was put together, or the last time known; seconds since 1970."""
    return max(number(folder + BUILT) or 0, number(folder + MARK) or 0)


def number(path):
    """The number in a file; 0 when it holds none, None when there is no such file."""
    try:
        return int(read(path))
    except ValueError:
        return 0
    except OSError:
        return None


def note(folder, now_s):
    """Write the time that is known now. A disk that fails costs the next start an older floor."""
    try:
        with open(folder + MARK + ".new", "w", encoding="utf-8") as file:
            file.write("%d" % now_s)
        os.rename(folder + MARK + ".new", folder + MARK)
    except OSError:
        pass


async def keep(folder, clock):
    """Note the time for ever, so that a start long after the building knows the certificates issued since."""
    while True:
        await asyncio.sleep(KEEP_S)
        note(folder, clock.utc_s()[0])
