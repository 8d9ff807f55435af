# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The moment that a person asks about, as milliseconds since 1970, and how a time is shown."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from host_tools.explain_texts import word

_UNITS = {"s": 1, "sec": 1, "초": 1, "m": 60, "min": 60, "분": 60, "h": 3600, "시간": 3600, "d": 86400, "일": 86400}
_AGO = re.compile(r"-?\s*(\d+)\s*(sec|s|초|min|m|분|h|시간|d|일)(\s*(ago|전))?$")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?$")
_NO_CLOCK_MS = 10**11  # 1973: below this a time counts from a start
_START = re.compile(r"(\d+)\+(\d+)$")


class TimeError(ValueError):
    """The text is no time."""

    exit_code = 2

    def __init__(self, text):
        super().__init__(
            "'%s' is no time\n  → 2026-03-02T14:03 (local), 2026-03-02T05:03Z, 14:03, 14:03:20, 5min, last or trip"
            % text
        )


class ZoneError(TimeError):
    """The text names no time zone."""

    def __init__(self, text):
        ValueError.__init__(
            self, "--tz: '%s' is no time zone\n  → Asia/Seoul, Europe/Berlin or UTC, for example" % text
        )


def zone_of(name):
    """tzinfo of --tz, None for this machine's own; ZoneError when there is no such zone."""
    try:
        return None if name is None else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ZoneError(name) from None


def moment(text, newest_ms, zone):
    """Milliseconds since 1970. A clock time is its last occurrence before the newest record, and a span counts back
    from that record: an archive answers like a live site. TimeError when it is no time."""
    text = text.strip()
    if text in ("last", "now"):
        return newest_ms
    found = _AGO.match(text)
    if found:
        return newest_ms - int(found[1]) * _UNITS[found[2]] * 1000
    newest = datetime.fromtimestamp(newest_ms / 1000, zone).astimezone(zone)
    found = _CLOCK.match(text)
    try:
        if found:
            hour, minute, second = (int(part or 0) for part in found.groups())
            when = newest.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
            if _ms(when, zone) > newest_ms:
                when -= timedelta(days=1)
            return _ms(when, zone)
        if len(text) < 11:
            raise ValueError
        return _ms(datetime.fromisoformat(text), zone)
    except ValueError:
        raise TimeError(text) from None


def _ms(when, zone):
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone) if zone is not None else when.astimezone()
    return round(when.timestamp() * 1000)


def start_of(text):
    """(start, monotonic ms) of START+SECONDS, or None."""
    found = _START.match(text.strip())
    return (int(found[1]), int(found[2]) * 1000) if found else None


def shown(at_ms, zone, whole=True):
    """A time for people, with its zone; whole: with the date."""
    if at_ms < _NO_CLOCK_MS:  # counted from the start of the controller
        return "+%d:%02d:%02d" % (at_ms // 3600000, at_ms // 60000 % 60, at_ms // 1000 % 60)
    when = datetime.fromtimestamp(at_ms / 1000, zone).astimezone(zone)
    return when.strftime("%Y-%m-%d %H:%M:%S %z" if whole else "%H:%M:%S")


def span(lang, ms):
    """A length of time for people."""
    seconds = max(0, ms) // 1000
    if seconds < 120:
        return word(lang, "ago_s") % seconds
    if seconds < 7200:
        return word(lang, "ago_min") % (seconds // 60)
    return word(lang, "ago_h") % (seconds // 3600, seconds % 3600 // 60)
