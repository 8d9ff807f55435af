# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge replay`: a recorded log through the estimators that run on site.

reuse-edge replay log.csv.gz --settings site.yaml --truth soc --discharge-positive
reuse-edge replay records.db --settings site.yaml --pack pack-2
reuse-edge replay state/journal --settings site.yaml
reuse-edge replay can.log --settings site.yaml --profile nissan_leaf
"""

import argparse
import contextlib
import json
import os
import re
import sys
from datetime import UTC, datetime

from host_tools import replay_logs, replay_records
from host_tools.display import UNKNOWN, scaled
from host_tools.replay_core import Drive, ReplayError
from host_tools.replay_out import Outcome, moment, write_rows
from host_tools.texts import LANGUAGES, language
from host_tools.texts_replay import word

SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SHOWN_EVERY = 200  # points between two moves of the progress bar


# ---- what is asked for -----------------------------------------------------------------------


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge replay",
        description="Run a recorded log through the estimators that run on site. + current charges. Columns of a CSV "
        "are found by name and unit (current_ma, Voltage(V)); cells are v0..v11 or cell_1_mv..; without a unit: s, A, "
        "V, °C.",
        epilog="exit codes: 0 done, 2 wrong use or a log that cannot be used, 3 cannot open a file, 130 interrupted",
    )
    parser.add_argument(
        "log",
        metavar="LOG",
        help="CSV or CSV.gz, a journal (a gateway's state/journal, a board's backup, "
        "an export), the receiver's database, a candump log",
    )
    parser.add_argument("--settings", required=True, metavar="FILE", help="site.yaml; its packs are enough")
    parser.add_argument("--pack", metavar="ID", help="which pack (default: the only one)")
    parser.add_argument("--out", metavar="DIR", help="where to write (default: replay-LOG beside you)")
    parser.add_argument("--plots", action=argparse.BooleanOptionalAction, default=None, help="PNGs (default: yes)")
    parser.add_argument("--truth", metavar="COLUMN", help="column with the true SoC: errors are told")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="WHEN",
        help="first row: a date, the log's own seconds, or 36h, 2d from its start",
    )
    parser.add_argument("--to", dest="end", metavar="WHEN", help="last row, as --from")
    parser.add_argument(
        "--columns", metavar="WHAT=NAME,..", help="t=..,i=..,v=..,temp=..,cells=v0..v11,soc=..; NAME:ms gives a unit"
    )
    parser.add_argument("--discharge-positive", action="store_true", help="in the log + current discharges")
    parser.add_argument("--skip-bad", action="store_true", help="pass over bad rows and count them")
    parser.add_argument("--profile", metavar="NAME", help="CAN profile of a candump log")
    parser.add_argument("--cell", metavar="FILE", help="cell file of reuse-edge fit, instead of the settings'")
    parser.add_argument(
        "--hint-soc", type=float, metavar="PCT", help="a first guess of the SoC from outside, in percent"
    )
    parser.add_argument("--lang", choices=LANGUAGES, help="language (default: what LANG says)")
    parser.add_argument("--json", action="store_true", help="print summary.json instead of text")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args(argv)


def read_packs(path):
    """([settings dict of each pack], period_ms, device) of a site.yaml; one with packs alone is enough here.

    Raises SiteError.
    """
    from host_tools import connections, places, site

    entries = places.parse(path).entries()
    if "pcs" in entries or "packs" not in entries:
        settings = site.load_site(path)
        return settings["packs"], settings["period_ms"], settings["device"]
    base = os.path.dirname(os.path.abspath(path))
    packs = [site.read_pack(spot, connections.Links(), base) for spot in entries["packs"].items()]
    name = entries.get("device") or entries.get("site")
    return packs, 1000, name.text() if name else None


def choose(packs, wanted, file):
    """Index of the pack called wanted; ReplayError when it has to be said which."""
    names = [pack["id"] for pack in packs]
    if wanted in names:
        return names.index(wanted)
    if wanted is None and len(packs) == 1:
        return 0
    problem = "has %d packs" % len(packs) if wanted is None else "has no pack '%s'" % wanted
    raise ReplayError(file, None, problem, "--pack one of: %s" % ", ".join(names))


def cell_of(path):
    """The dict of a cell file. ReplayError when it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            cell = json.load(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise ReplayError(path, None, "is not a cell file (%s)" % error, "reuse-edge fit writes one") from None
    if not isinstance(cell, dict) or "ocv_uv" not in cell:
        raise ReplayError(path, None, "is not a cell file", "reuse-edge fit writes one")
    return cell


def open_log(options, pack, index, device):
    """The log that options name: one with rows(), share(), close(). Raises ReplayError, OSError."""
    path = options.log
    kind = None if options.profile else replay_records.kind_of(path)
    if kind == "database":
        return replay_records.DatabaseLog(path, pack, index, device)
    if kind is not None:
        with progress(options, "opening", os.path.basename(os.path.abspath(path))) as tell:
            return replay_records.JournalLog(path, pack, index, device, options.lang, tell)
    if options.profile or replay_logs.is_can(path):
        return can_log(options, pack)
    from host_tools.replay_csv import CsvLog

    return CsvLog(path, pack, options.columns, options.discharge_positive, options.truth, options.skip_bad)


def can_log(options, pack):
    """A CanLog by --profile, or by the profile of the pack when that is one for CAN."""
    from host_tools import site, sniff

    name = options.profile or pack["profile"]
    try:
        table = sniff.table_of(name)
    except sniff.SniffError:
        if options.profile:
            raise
        problem = "is a CAN log, but %s of the settings is no CAN profile" % name
        raise ReplayError(os.path.basename(options.log), None, problem, "--profile NAME") from None
    wish = argparse.Namespace(source=options.log, strict=False, quiet=options.quiet)
    frames, _ = sniff.read_log(wish)
    pack["facts"] = site.facts_of(table)
    return replay_logs.CanLog(os.path.basename(options.log), frames, table, pack)


def when(text, log, name):
    """at_ms of --from or --to (name): a date, seconds of the log's clock, or a span from its start."""
    if text is None:
        return None
    span = re.fullmatch(r"([0-9.]+)([smhd])", text)
    try:
        if span:
            return round(float(span[1]) * SPANS[span[2]] * 1000)
        if re.fullmatch(r"-?[0-9.]+", text):
            return round(float(text) * 1000) - log.origin_ms
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ReplayError(
            name, None, "'%s' is no time" % text, "2026-03-02T10:00, or 36h, or the log's seconds"
        ) from None
    if not log.is_utc:
        raise ReplayError(name, None, "the log knows no date", "give its own seconds, or 36h from its start")
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000) - log.origin_ms


# ---- the run ---------------------------------------------------------------------------------


def between(rows, start_ms, end_ms):
    """The rows from start_ms to end_ms (None: no end)."""
    for row in rows:
        if start_ms is not None and row.at_ms < start_ms:
            continue
        if end_ms is not None and row.at_ms > end_ms:
            return
        yield row


@contextlib.contextmanager
def progress(options, key, name):
    """A bar on stderr while it lasts: yields tell(share, words); None without rich, or into a pipe."""
    try:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    except ImportError:
        yield None
        return
    console = Console(stderr=True)
    if options.quiet or not console.is_terminal:
        yield None
        return
    said = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[soc]}"))
    with Progress(*said, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(escape("%s %s" % (word(options.lang, key), name)), total=1.0, soc="")
        yield lambda share, words="": bar.update(task, completed=share, soc=words)


def with_progress(points, log, options):
    """points while a bar shows how much of the log is replayed."""
    with progress(options, "reading", log.name) as tell:
        for number, point in enumerate(points):
            if tell is not None and number % SHOWN_EVERY == 0:
                tell(log.share(), "SoC " + plus_minus(point.soc, 1e4, 1, "%"))
            yield point


def run(options, pack, log, period_ms):
    """Replay log; estimates.csv, then summary.json. Returns (Outcome, summary, [paths])."""
    hint = None if options.hint_soc is None else (options.hint_soc / 100.0, 0.2)
    drive = Drive(pack, log.gap_ms, period_ms, hint=hint)
    outcome = Outcome(log, drive)
    rows = between(log.rows(), when(options.start, log, "--from"), when(options.end, log, "--to"))
    csv_path = os.path.join(options.out, "estimates.csv")
    try:
        for _ in with_progress(write_rows(csv_path + ".part", drive.feed(rows), outcome), log, options):
            pass
        if outcome.last is None:
            raise ReplayError(
                log.name, None, "no row between --from and --to", "the log runs from %s" % (moment_text(log),)
            )
        os.replace(csv_path + ".part", csv_path)
    except BaseException:
        if os.path.exists(csv_path + ".part"):
            os.remove(csv_path + ".part")
        raise
    summary = outcome.summary()
    json_path = os.path.join(options.out, "summary.json")
    with open(json_path, "w", encoding="utf-8") as file:
        json.dump(summary, file, ensure_ascii=False, indent=1)
        file.write("\n")
    return outcome, summary, [csv_path, json_path]


def moment_text(log):
    """Where the log begins, as --from would say it."""
    t_s, utc = moment(log, 0)
    return utc or "%g s" % t_s


def draw(options, outcome, pack):
    """The plots; [] without matplotlib unless --plots asked for them. Raises ModuleNotFoundError then."""
    if options.plots is False:
        return []
    try:
        from host_tools.replay_plot import Plots
    except ModuleNotFoundError:
        if options.plots:
            raise
        print(word(options.lang, "no_plots"), file=sys.stderr)
        return []
    return Plots(options.out, outcome, "%s, %s" % (pack["id"], outcome.log.name), options.lang).all()


# ---- what is said ----------------------------------------------------------------------------


def plus_minus(est, divisor, digits, unit):
    """`54.2 ± 0.8 %` of an Est, UNKNOWN without a value."""
    if est.value is None:
        return UNKNOWN
    return "%.*f ± %s" % (digits, est.value / divisor, scaled(est.std, divisor, digits, unit))


def long_time(span_ms):
    """A time span with a digit behind days and hours."""
    for factor, unit in ((86400000, "d"), (3600000, "h"), (60000, "min")):
        if span_ms >= 2 * factor:
            return "%.1f %s" % (span_ms / factor, unit)
    return "%d s" % round(span_ms / 1000.0)


def share(value):
    """A percentage as text."""
    return UNKNOWN if value is None else "%.2f %%" % value


def report(options, outcome, summary):
    """The lines a person reads at the end."""
    lang, last, drive = options.lang, outcome.last, outcome.drive
    known_ms, unknown_ms = drive.metering.registers()[4:]
    lines = [word(lang, "rows") % (format(drive.rows, ","), long_time(known_ms + unknown_ms), long_time(unknown_ms))]
    if drive.duplicates:
        lines.append(word(lang, "duplicates") % drive.duplicates)
    if outcome.log.skipped:
        lines.append(word(lang, "skipped") % outcome.log.skipped)
    for key, est, divisor, digits, unit in (
        ("soc", last.soc, 1e4, 1, "%"),
        ("capacity", last.capacity, 1e3, 2, "Ah"),
        ("bias", last.bias, 1e3, 3, "A"),
        ("resistance", last.resistance, 1e3, 3, "mΩ"),
    ):
        told = summary[key]
        text = "%s: %s (%s)" % (word(lang, key), plus_minus(est, divisor, digits, unit), told["why"])
        age_s = told["informed_s_before_end"]
        if key == "soc" and age_s is not None:
            text += "; " + word(lang, "informed") % long_time(age_s * 1000)
        lines.append(text)
    refused = summary["alignments"]["refused"]
    text = word(lang, "aligned") % summary["alignments"]["believed"]
    if refused:
        reasons = ", ".join("%s %d" % row for row in sorted(refused.items()))
        text += ", " + word(lang, "refused") % (sum(refused.values()), reasons)
    lines.append(text)
    return lines + cell_lines(lang, summary) + truth_lines(lang, summary)


def cell_lines(lang, summary):
    """Lines on cells and anomalies."""
    cells = summary["cells"]
    lines = []
    if cells is not None and cells["weakest"] is None:
        lines.append(word(lang, "no_cells"))
    elif cells is not None:
        low, high = cells["weakest"], cells["strongest"]
        lines.append(word(lang, "weakest") % (low["cell"], share(low["soc_pct"]), high["cell"], share(high["soc_pct"])))
    for row in summary["anomalies"]:
        where = "" if row["cell"] is None else " #%d" % row["cell"]
        text = "%s%s: %s (%d ± %d %s)" % (row["kind"], where, row["text"], row["value"], row["std"], row["unit"])
        lines.append(word(lang, "anomaly") % text)
    return lines


def truth_lines(lang, summary):
    """Lines on errors against the truth and the BMS."""
    lines = []
    truth, bms = summary["truth"], summary["bms"]
    if truth is not None:
        inside = "%.1f %%" % truth["inside_2_sigma_pct"]
        lines.append(word(lang, "truth") % (share(truth["rmse_pct"]), share(truth["max_pct"]), inside))
        settled = truth["after_24_h"]
        if settled is not None:
            lines.append(word(lang, "settled") % (share(settled["rmse_pct"]), share(settled["max_pct"])))
    for key, told in (("bms", bms["against_truth"]), ("apart", bms["against_ours"])):
        if told is not None:
            lines.append(word(lang, key) % (share(told["rmse_pct"]), share(told["max_pct"])))
    return lines


def main(argv=None):
    """Entry point of the verb. Returns the exit code: 0; errors are raised with theirs."""
    options = parse(argv)
    options.lang = language(options.lang)
    packs, period_ms, device = read_packs(options.settings)
    index = choose(packs, options.pack, os.path.basename(options.settings))
    pack = dict(packs[index])
    if options.cell:
        pack["cell"] = cell_of(options.cell)
    log = open_log(options, pack, index, device)
    try:
        if options.out is None:
            options.out = "replay-" + re.sub(r"(\.csv)?(\.gz)?$", "", log.name)
        os.makedirs(options.out, exist_ok=True)
        outcome, summary, paths = run(options, pack, log, period_ms)
    finally:
        log.close()
    paths += draw(options, outcome, pack)
    if options.json:
        print(json.dumps(summary, ensure_ascii=False))
        return 0
    for note in log.notes:
        print(note, file=sys.stderr)
    print("\n".join(report(options, outcome, summary)))
    print(word(options.lang, "written") % " ".join(paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
