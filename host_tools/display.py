# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Text measured in display cells, and numbers as an operator reads them. Pure; no terminal needed.

A segment is (text, style), a line a list of segments. Styles: "" plain, "ok", "warn", "bad", "dim", "head".
A value that is not known is UNKNOWN, never 0.
"""

import unicodedata

from host_tools.texts import word

UNKNOWN = "–"
LABEL = 6  # display cells of the label a line starts with
# Keep numbers: the pieces and lines with the lowest go first when there is no room; ALWAYS never goes.
ALWAYS, NEEDED, USEFUL, SPARE, LEAST = 9, 5, 3, 1, 0

# What a terminal without UTF-8 shows instead.
ASCII = {
    "●": "*",
    "◐": "o",
    "○": ".",
    "✕": "x",
    "◂": "<",
    "±": "+-",
    "…": "..",
    "–": "-",
    "→": "->",
    "°": "",
    "▴": "^",
    "▁": "1",
    "▂": "2",
    "▃": "3",
    "▄": "4",
    "▅": "5",
    "▆": "6",
    "▇": "7",
    "█": "8",
}


def to_ascii(text):
    """`text` in ASCII: our signs by their stand-ins, everything else foreign as `?`."""
    known = "".join(ASCII.get(sign, sign) for sign in text)
    return known.encode("ascii", "replace").decode("ascii")


def width_of(text):
    """Display cells of `text`: two for Hangul and other wide signs, none for combining ones."""
    if text.isascii():
        return len(text)
    cells = 0
    for sign in text:
        if unicodedata.combining(sign) or unicodedata.category(sign) in ("Cf", "Mn", "Me"):
            continue
        cells += 2 if unicodedata.east_asian_width(sign) in "WF" else 1
    return cells


def pad(text, cells):
    """`text` with spaces up to `cells` display cells (never shortened)."""
    return text + " " * max(0, cells - width_of(text))


def clip(text, cells):
    """The beginning of `text` that fits into `cells` display cells."""
    while text and width_of(text) > cells:
        text = text[:-1]
    return text


def line_width(line):
    """Display cells of a line of segments."""
    return sum(width_of(text) for text, _ in line)


def clip_line(line, cells, more="…"):
    """The line cut to `cells` display cells; a cut is shown by `more`."""
    if line_width(line) <= cells:
        return line
    more = clip(more, cells)
    left = cells - width_of(more)
    kept = []
    for text, style in line:
        piece = clip(text, left)
        kept.append((piece, style))
        left -= width_of(piece)
        if piece != text:
            break
    return [*kept, (more, "dim")]


def row(pieces, cells, right=None, gap=3):
    """One line from `pieces` = [(keep, segments)]: gaps shrink, then the pieces with the lowest keep go.

    right: segments at the right edge. ALWAYS never goes; then the line is cut.
    """
    pieces = [piece for piece in pieces if piece]
    if right and line_width(right) + 2 >= cells:
        right = clip_line(right, cells // 2)
    room = cells - (line_width(right) + 2 if right else 0)
    while True:
        for space in range(gap, min(gap, 2) - 1, -1):
            line = _joined(pieces, space)
            if line_width(line) <= room:
                return _with_right(line, right, cells)
        lowest = min(keep for keep, _ in pieces)
        if lowest >= ALWAYS:
            return _with_right(clip_line(_joined(pieces, 1), room), right, cells)
        last = max(i for i, piece in enumerate(pieces) if piece[0] == lowest)
        pieces = pieces[:last] + pieces[last + 1 :]


def _joined(pieces, space):
    line = []
    for _, segments in pieces:
        if line:
            line.append((" " * space, ""))
        line += segments
    return line


def _with_right(line, right, cells):
    if not right:
        return line
    return [*line, (" " * (cells - line_width(line) - line_width(right)), ""), *right]


def wrap(head, words, cells, indent):
    """Lines: `head` (segments) followed by `words` (segments each), broken between words, then indented."""
    lines, line = [], list(head)
    for item in words:
        if line_width(line) + line_width(item) > cells and line:
            lines.append(line)
            line = [(" " * indent, "")]
        line = line + item
    return [clip_line(ready, cells) for ready in [*lines, line]]


def scaled(value, divisor, digits, unit, sign=False):
    """`value / divisor` with fixed digits and unit; UNKNOWN for None."""
    if value is None:
        return UNKNOWN
    text = "%+.*f" % (digits, value / divisor) if sign and value else "%.*f" % (digits, value / divisor)
    return text + " " + unit if unit else text


def volts(value_mv):
    """Pack voltage: two digits below 100 V, one above."""
    digits = 1 if value_mv is not None and abs(value_mv) >= 100000 else 2
    return scaled(value_mv, 1000, digits, "V")


def limit_amps(value_ma):
    """A limit in A, rounded down to 0.1 A; whole amperes without digits."""
    if value_ma is None:
        return UNKNOWN
    tenths = value_ma // 100
    return "%d" % (tenths // 10) if tenths % 10 == 0 else "%.1f" % (tenths / 10)


def power(value_w, sign=False):
    """Power in W below 1 kW, else in kW with two or one digits."""
    if value_w is None or abs(value_w) < 1000:
        return scaled(value_w, 1, 0, "W", sign)
    return scaled(value_w, 1000, 2 if abs(value_w) < 10000 else 1, "kW", sign)


def energy(value_wh):
    """Energy in kWh below 1 MWh, else in MWh."""
    if value_wh is None or abs(value_wh) < 1000000:
        return scaled(value_wh, 1000, 1, "kWh")
    return scaled(value_wh, 1000000, 3, "MWh")


def percent(value_ppm, digits=1):
    """Parts per million as percent."""
    return scaled(value_ppm, 10000, digits, "%")


def span(low, high, divisor, digits, unit):
    """`low…high unit`; UNKNOWN when both are."""
    if low is None and high is None:
        return UNKNOWN
    return "%s…%s %s" % (scaled(low, divisor, digits, ""), scaled(high, divisor, digits, ""), unit)


def duration(value_ms):
    """A length of time with the unit that suits it: 0.4 s, 12 s, 3 min, 2.5 h, 4 d."""
    if value_ms is None:
        return UNKNOWN
    if value_ms < 10000:
        return "%.1f s" % (value_ms / 1000)
    if value_ms < 120000:
        return "%d s" % (value_ms // 1000)
    if value_ms < 7200000:
        return "%d min" % (value_ms // 60000)
    if value_ms < 172800000:
        return "%.1f h" % (value_ms / 3600000)
    return "%d d" % (value_ms // 86400000)


def grouped(value):
    """A count with a space between thousands."""
    return UNKNOWN if value is None else "{:,}".format(value).replace(",", " ")


class Look:
    """How to draw: width in cells, ASCII or not, language, time zone."""

    def __init__(self, width, ascii_only, lang, zone):
        self.width = width
        self.ascii = ascii_only
        self.lang = "en" if ascii_only else lang
        self.zone = zone

    def word(self, key):
        """The catalogue's word."""
        return word(self.lang, key)

    def label(self, key):
        """The segment at the start of a line, LABEL cells wide (key "" is blank)."""
        return (pad(self.word(key) if key else "", LABEL), "dim")

    def plain(self, segments):
        """The segments as this terminal can show them."""
        return [(to_ascii(text), style) for text, style in segments] if self.ascii else segments

    def row(self, pieces, right=None, gap=3):
        """One line, see row()."""
        pieces = [(piece[0], self.plain(piece[1])) for piece in pieces if piece]
        return row(pieces, self.width, self.plain(right) if right else None, gap)

    def wrap(self, head, words, indent):
        """Lines of `head` and `words`, see wrap()."""
        return wrap(self.plain(head), [self.plain(item) for item in words], self.width, indent)

    def finish(self, line):
        """The line as it goes to the screen: never wider than it."""
        return clip_line(self.plain(line), self.width, ".." if self.ascii else "…")

    def head(self, key, segments):
        """First piece of a line: label and segments, never dropped."""
        return (ALWAYS, [self.label(key), *segments])
