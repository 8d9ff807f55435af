# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a site sends in a month, by class of record: bodies, envelopes, MQTT, TLS, TCP and all acknowledgements.

The records are real ones: the core of this site runs for some virtual minutes on readings that move, and what it makes
is encoded. Events are assumed. benchmarks/traffic.py compares the sum with the bytes at a socket.
"""

from edge.core.records import G_CURRENT, OK, Group, PcsSample, Sample
from edge.core.settings import with_defaults
from edge.core.site import Site
from edge.shell.link import topic_root
from edge.shell.outbox import encode_record, envelope_head

MONTH_S = 30 * 86400
PERIODS_S = {"T": 10, "M": 60, "B": 900, "I": 86400}
EVENTS_PER_DAY = 100  # a change of limits, of quality, of mode; measured in simulated years
TRIPS_PER_MONTH = 1
TLS_RECORD = 22  # TLS 1.3: header 5, type 1, tag 16; in each direction per write
TCP_IP = 52  # IPv4 20, TCP 20, time stamps 12
PUBACK = 4
ACK_PAYLOAD = 52  # epoch, number, time, credit, 16 bytes of HMAC
PING = 4
HOME_STATE = 400  # a state for Home Assistant in which everything is known
HOME_S = 60  # its period in an offer
SEGMENT = 1400
NAMES = {
    "T": "telemetry, every 10 s",
    "M": "minutes",
    "B": "registers, every 15 min",
    "I": "identity, daily",
    "E": "events, %d a day" % EVENTS_PER_DAY,
    "X": "black box, %d a month" % TRIPS_PER_MONTH,
}


def line_bytes(up, down, tls_record):
    """Bytes on the line of (bytes, writes) in both directions: a TLS record and a TCP segment for each write, and an
    empty segment of TCP for every answer that nothing rides on."""
    pieces = up[1] + down[1]
    return up[0] + down[0] + pieces * (tls_record + TCP_IP) + min(up[1], down[1]) * TCP_IP


def burst_bytes(settings, sizes):
    """Bytes of records that are sent together: PUBLISH and PUBACK of each, the receiver's acknowledgement of the first
    and of the last with its PUBACK, and the segments of TCP. sizes: bytes of the envelopes."""
    topic = len(topic_root(settings))
    up = sum(_publish(size, topic + len("rec")) + TLS_RECORD for size in sizes)
    acks = min(len(sizes), 2)
    answers = len(sizes) * (PUBACK + TLS_RECORD)
    acknowledged = _publish(ACK_PAYLOAD, topic + len("ack")) + TLS_RECORD + PUBACK + TLS_RECORD
    segments = -(-up // SEGMENT) + min(len(sizes), 2) + 2 * acks + 2  # the last two: answers that nothing rides on
    return up + answers + acks * acknowledged + segments * TCP_IP


def _publish(payload_bytes, topic):
    rest = 2 + topic + 2 + payload_bytes
    return 1 + (1 if rest < 128 else 2 if rest < 16384 else 3) + rest


def played(settings, seconds=600):
    """{class: [(pack, bytes of the envelope, bytes of what is around the body)]} of so many virtual seconds."""
    site = Site(settings)
    head = envelope_head((1 << 56) - 1)
    sizes = {cls: [] for cls in "TMBIEX"}
    step_ms = settings["period_ms"]
    for number in range(1, seconds * 1000 // step_ms + 1):
        now_ms = number * step_ms
        reads = reads_of(settings, now_ms, number)
        outcome = site.step(now_ms, (1780000000 + now_ms // 1000, 3), reads, ())
        for record in outcome.records:
            sizes[record.cls].append(len(encode_record(head, 100, 10**7 + number, record)))
    return sizes


def reads_of(settings, now_ms, number):
    """A reading of every device in which all moves: charging at a third of what the packs may take."""
    reads: list = []
    group = Group(OK, now_ms, number)
    total_ma = pack_mv = 0
    for pack in settings["packs"]:
        maker = pack["maker"]
        mv = (maker["cell_min_mv"] + maker["cell_max_mv"]) // 2 + number // 7 % 30
        cells = tuple(mv + k % 5 for k in range(pack["cells"]))
        temps = tuple(25000 + (number // 60 + k) % 7 * 100 for k in range(pack["temps"]))
        current_ma = min(pack["maker"]["charge_ma"], pack["grade"]["charge_ma"]) // 3 + number * 37 % 900
        periods = pack["facts"]["periods_ms"]
        groups = tuple(group if period is not None else Group(1, None, 0) for period in periods)
        pack_mv = sum(cells)
        total_ma += current_ma
        charge_ma, discharge_ma = maker["charge_ma"], maker["discharge_ma"]
        fields = (now_ms, pack_mv, current_ma, max(cells), min(cells), max(temps), min(temps), cells, temps)
        told = (450000 + number, 950000, charge_ma, discharge_ma, maker["cell_max_mv"] * pack["cells"], 0)
        assert periods[G_CURRENT] is not None
        reads.append(Sample(*fields, *told, groups))
    watts = total_ma * pack_mv // 1000000
    watchdog_ms = settings["pcs"]["watchdog_ms"]
    power_w = settings["pcs"]["power_w"]
    reads.append(PcsSample(now_ms, pack_mv, total_ma, watts, 2, power_w, power_w, watchdog_ms, (group, group)))
    reads.extend(None for name in ("meter", "inputs") if settings.get(name))
    return reads


def month(settings):
    """[{class, what, records, record_bytes, month_bytes}] of one site, and a row of the idle line; [] without an
    uplink. settings: as host_tools.site makes them. Telemetry and minutes share their bursts by their bytes."""
    settings = with_defaults(settings)
    if not settings["uplink"]:
        return []
    packs = len(settings["packs"])
    known = {cls: rows[len(rows) // 3 :] for cls, rows in played(settings).items()}
    size = {cls: sum(rows) // len(rows) if rows else _box_bytes(settings) for cls, rows in known.items()}
    burst_s = max(settings["uplink"]["gather_s"], PERIODS_S["T"])
    bursts = MONTH_S // burst_s
    together = {cls: packs * burst_s / PERIODS_S[cls] for cls in "TM"}
    rows = []
    for cls, name in NAMES.items():
        if cls in PERIODS_S:
            count = packs * MONTH_S // PERIODS_S[cls]
        else:
            count = packs * (EVENTS_PER_DAY * 30 if cls == "E" else TRIPS_PER_MONTH * _box_parts(settings))
        total = count * burst_bytes(settings, [size[cls]])
        if cls in together:
            sizes = [size["T"]] * round(together["T"]) + [size["M"]] * round(together["M"])
            alone = [size["T"]] * round(together["T"])
            share = bursts * burst_bytes(settings, alone)
            total = share if cls == "T" else bursts * burst_bytes(settings, sizes) - share
            if cls == "M" and not round(together["M"]):
                total = count * _publish(size["M"], 60) + count * 2 * (TLS_RECORD + TCP_IP)
        rows.append(_row(cls, name, count, size[cls], total))
    keepalive_s = settings["uplink"]["keepalive_s"]
    pings = bursts * max(0, burst_s // keepalive_s - 1)
    rows.append(_row("", "keeping the line open", pings, PING, pings * line_bytes((2, 1), (2, 1), TLS_RECORD)))
    home = home_assistant(settings, settings["uplink"]["home_assistant_s"])
    return rows + ([home] if home["records"] else [])


def home_assistant(settings, every_s):
    """The row of the states for Home Assistant, every every_s seconds (0: none); the discovery messages are some KB at
    each start."""
    every_s = every_s and max(every_s, PERIODS_S["T"])
    count = len(settings["packs"]) * MONTH_S // every_s if every_s else 0
    size = _publish(HOME_STATE, len(topic_root(settings)) + len("ha/0"))
    total = count * line_bytes((size, 1), (PUBACK, 1), TLS_RECORD)
    return _row("", "Home Assistant, every %d s" % every_s, count, HOME_STATE, total)


def switches(settings):
    """[{switch, on, month_bytes}] of what sends more than the records do; off: what it would cost at HOME_S."""
    settings = with_defaults(settings)
    if not settings["uplink"]:
        return []
    on = settings["uplink"]["home_assistant_s"]
    row = home_assistant(settings, on or HOME_S)
    name = "uplink.home_assistant_s: %d" % (on or HOME_S)
    return [{"switch": name, "on": bool(on), "month_bytes": row["month_bytes"]}]


def _row(cls, name, count, size, total):
    return {"class": cls, "what": name, "records": count, "record_bytes": size, "month_bytes": total}


def _box_parts(settings):
    """Records of one black box."""
    return {"none": 0, "extremes": 8}.get(settings.get("black_box"), 14)


def _box_bytes(settings):
    """Mean bytes of one of them, of the first pack."""
    pack = settings["packs"][0]
    wide = settings.get("black_box") not in ("none", "extremes")
    row = 22 + (2 * (pack["cells"] + pack["temps"]) if wide else 0)
    return 124 * row // max(_box_parts(settings), 1) + 100


def show(rows, extras=()):
    """The lines that a person reads. extras: of switches()."""
    if not rows:
        yield "sends nothing: there is no uplink"
        return
    total = sum(row["month_bytes"] for row in rows)
    yield "sends %.0f MB a month (MQTT, TLS, TCP and all acknowledgements included):" % (total / 1e6)
    for row in rows:
        each = "%d × %d bytes" % (row["records"], row["record_bytes"])
        yield "  %-26s %22s %8.2f MB" % (row["what"], each, row["month_bytes"] / 1e6)
    for extra in extras:
        state = "is on" if extra["on"] else "is off; on it would cost"
        cost = "costs %.0f MB of it" if extra["on"] else "%.0f MB more"
        yield "  %s %s%s %s" % (extra["switch"], state, "," if extra["on"] else "", cost % (extra["month_bytes"] / 1e6))
