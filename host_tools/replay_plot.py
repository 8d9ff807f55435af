# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The plots of `reuse-edge replay`: SoC, capacity, cells, innovations. Needs matplotlib."""

import os
from datetime import UTC, datetime

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as mdates  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import font_manager  # noqa: E402

from host_tools.texts_replay import word  # noqa: E402

OURS, BMS, TRUTH, GREY = "#1f5fa8", "#d97706", "#111111", "#c8c8c8"
HANGUL = (
    "NanumGothic",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "Malgun Gothic",
    "AppleGothic",
    "Apple SD Gothic Neo",
    "UnDotum",
)
DAYS_FROM_MS = 3 * 86400000
RMS_MS = 3600000


class Plots:
    """Draws into folder. outcome: host_tools.replay_out.Outcome; name: what the titles call the pack."""

    def __init__(self, folder, outcome, name, lang):
        self.folder = folder
        self.outcome = outcome
        self.log = outcome.log
        self.name = name
        self.lang = self._language(lang)
        rows = outcome.track.rows
        self.rows = rows
        span_ms = rows[-1][0] - rows[0][0]
        self.unit_ms, self.time = (86400000.0, "time_d") if span_ms > DAYS_FROM_MS else (3600000.0, "time_h")
        if self.log.is_utc:
            self.time = "time_utc"
        self.x = self._times([row[0] for row in rows])

    def _language(self, lang):
        """Korean only where a font can show it."""
        fonts = {font.name for font in font_manager.fontManager.ttflist}
        found = [name for name in HANGUL if name in fonts]
        if lang == "ko" and found:
            plt.rcParams["font.family"] = found[0]
            plt.rcParams["axes.unicode_minus"] = False
            return "ko"
        return "en"

    def _word(self, key):
        return word(self.lang, key)

    def _times(self, at_ms):
        if not self.log.is_utc:
            return [ms / self.unit_ms for ms in at_ms]
        return [datetime.fromtimestamp((self.log.origin_ms + ms) / 1000.0, UTC) for ms in at_ms]

    def _figure(self, title, rows=1, ratios=None):
        figure, axes = plt.subplots(
            rows,
            1,
            figsize=(11, 4.5 + 1.3 * (rows - 1)),
            sharex=True,
            layout="constrained",
            height_ratios=ratios,
            squeeze=False,
        )
        axes = axes[:, 0]
        axes[0].set_title(self._word(title) % self.name, loc="left")
        axes[-1].set_xlabel(self._word(self.time))
        for axis in axes:
            axis.grid(True, color="#e4e4e4", linewidth=0.7)
            axis.margins(x=0)
            axis.spines[["top", "right"]].set_visible(False)
        if self.log.is_utc:
            locator = mdates.AutoDateLocator(minticks=4, maxticks=10)
            axes[-1].xaxis.set_major_locator(locator)
            axes[-1].xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
        return figure, axes

    def _save(self, figure, name):
        path = os.path.join(self.folder, name)
        figure.savefig(path, dpi=110)
        plt.close(figure)
        return path

    def _column(self, place, divisor):
        return [float("nan") if row[place] is None else row[place] / divisor for row in self.rows]

    def all(self):
        """Draw everything there is data for; returns the paths."""
        made = [self.soc(), self.capacity(), self.innovations()]
        if self.outcome.heat.rows:
            made.append(self.cells())
        return made

    def soc(self):
        """soc.png: the estimate with 2 sigma, the BMS, the truth; below it the error, or the difference to the BMS."""
        ours, std, bms, truth = [self._column(place, 1e4) for place in (1, 2, 3, 4)]
        has_bms, has_truth = [any(row[place] is not None for row in self.rows) for place in (3, 4)]
        below = has_truth or has_bms
        figure, axes = self._figure("soc_title", 2 if below else 1, (3, 1.3) if below else None)
        top = axes[0]
        top.fill_between(
            self.x,
            [max(v - 2 * s, 0.0) if v == v else v for v, s in zip(ours, std)],
            [min(v + 2 * s, 100.0) if v == v else v for v, s in zip(ours, std)],
            color=OURS, alpha=0.25, linewidth=0, label=self._word("band"),
        )  # fmt: skip
        if has_bms:
            top.plot(self.x, bms, color=BMS, linewidth=1.0, label=self._word("bms_says"))
        top.plot(self.x, ours, color=OURS, linewidth=1.2, label=self._word("ours"))
        if has_truth:
            top.plot(self.x, truth, color=TRUTH, linewidth=1.0, linestyle=(0, (4, 3)), label=self._word("true"))
        top.set_ylabel(self._word("soc_axis"))
        top.set_ylim(0, 100)
        top.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False)
        if below:
            other = truth if has_truth else bms
            low = axes[1]
            low.axhline(0.0, color="#888888", linewidth=0.8)
            wide = [2 * s for s in std]
            low.fill_between(self.x, [-s for s in wide], wide, color=OURS, alpha=0.2, linewidth=0)
            low.plot(self.x, [a - b for a, b in zip(ours, other)], color=OURS, linewidth=0.9)
            if has_truth and has_bms:
                low.plot(self.x, [a - b for a, b in zip(bms, truth)], color=BMS, linewidth=0.9)
            low.set_ylabel(self._word("error_axis" if has_truth else "bms_axis"))
            reach = max([abs(a - b) for a, b in zip(ours, other) if a - b == a - b] or [1.0])
            low.set_ylim(-min(1.1 * reach + 0.5, 100), min(1.1 * reach + 0.5, 100))
        return self._save(figure, "soc.png")

    def capacity(self):
        """capacity.png: the estimate with 1 sigma over the certificate's band."""
        value, std = self._column(5, 1000.0), self._column(6, 1000.0)
        grade = self.outcome.drive.pack["grade"]
        mean, sigma = grade["capacity_mah"] / 1000.0, grade["capacity_std_mah"] / 1000.0
        figure, (axis,) = self._figure("capacity_title")
        told = self._word("certificate") % ("%g" % mean, "%g" % sigma)
        axis.axhspan(mean - sigma, mean + sigma, color=GREY, alpha=0.45, linewidth=0, label=told)
        axis.axhline(mean, color="#777777", linewidth=1.0, linestyle="--")
        axis.fill_between(
            self.x, [v - s for v, s in zip(value, std)], [v + s for v, s in zip(value, std)],
            color=OURS, alpha=0.25, linewidth=0, label=self._word("capacity_band"),
        )  # fmt: skip
        axis.plot(self.x, value, color=OURS, linewidth=1.4, label=self._word("ours"))
        axis.set_ylabel(self._word("capacity_axis"))
        axis.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False)
        return self._save(figure, "capacity.png")

    def cells(self):
        """cells.png: every cell's SoC against the mean cell over time."""
        rows = self.outcome.heat.rows
        count = len(rows[0][1])
        times = self._times([row[0] for row in rows])
        table = [
            [float("nan") if row[1][cell] is None else row[1][cell] / 1e4 for row in rows] for cell in range(count)
        ]
        known = [abs(v) for line in table for v in line if v == v]
        reach = max(sorted(known)[len(known) * 98 // 100] if known else 1.0, 0.5)
        grey = 1.0 - len(known) / (len(rows) * count)
        figure, (axis,) = self._figure("cells_title")
        figure.set_figheight(min(max(3.0, 1.6 + 0.25 * count), 12.0))
        axis.grid(False)
        axis.set_facecolor(GREY)
        mesh = axis.pcolormesh(
            times, range(1, count + 1), table, cmap="RdBu", vmin=-reach, vmax=reach, shading="nearest"
        )
        figure.colorbar(mesh, ax=axis, label=self._word("cells_bar"), extend="both", pad=0.01)
        step = max(1, count // 16)
        axis.set_yticks(range(1, count + 1, step))
        names = self.log.cell_names
        if names:
            axis.set_yticklabels(["#%d %s" % (cell, names[cell - 1]) for cell in range(1, count + 1, step)])
        axis.set_ylabel(self._word("cells_axis"))
        axis.invert_yaxis()
        if grey > 0.005:
            axis.text(1.0, 1.01, self._word("hidden"), transform=axis.transAxes, ha="right", va="bottom", fontsize=9)
        return self._save(figure, "cells.png")

    def innovations(self):
        """innovations.png: measured minus predicted voltage, and its rms over an hour."""
        volts = self._column(7, 1000.0)
        figure, (axis,) = self._figure("innovation_title")
        axis.plot(self.x, volts, color=OURS, linewidth=0.5, alpha=0.6, label=self._word("each"))
        rms = hourly(self.rows, volts)
        axis.plot(self.x, rms, color=BMS, linewidth=1.3, label=self._word("rms"))
        axis.plot(self.x, [-v for v in rms], color=BMS, linewidth=1.3)
        axis.axhline(0.0, color="#888888", linewidth=0.8)
        known = sorted(abs(v) for v in volts if v == v)
        reach = max(1.3 * known[len(known) * 995 // 1000] if known else 1.0, 1.05 * max(rms), 1.0)
        axis.set_ylim(-reach, reach)
        axis.set_ylabel(self._word("innovation_axis"))
        axis.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False)
        return self._save(figure, "innovations.png")


def hourly(rows, values):
    """Root mean square of values over the hour before each row."""
    found, first, total = [], 0, 0.0
    for place, value in enumerate(values):
        total += value * value
        while rows[place][0] - rows[first][0] > RMS_MS:
            total -= values[first] * values[first]
            first += 1
        found.append((max(total, 0.0) / (place - first + 1)) ** 0.5)
    return found
