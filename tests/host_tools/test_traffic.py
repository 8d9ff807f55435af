# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a site sends in a month, as `check` says it, against bytes counted between a gateway and a real broker."""

import pytest

from benchmarks import traffic as bench
from host_tools import traffic
from simulator.broker import available
from simulator.sites import settings as site_of


def month(name, **uplink):
    site = site_of(name)
    site["uplink"] = {"host": "127.0.0.1", "port": 1883, **uplink}
    return traffic.month(site)


def total_mb(rows):
    return sum(row["month_bytes"] for row in rows) / 1e6


def test_a_pack_of_96_cells_stays_below_150_mb_by_default():
    rows = month("nmc96")
    assert 80 < total_mb(rows) <= 150
    assert {row["class"] for row in rows} == {"T", "M", "B", "I", "E", "X", ""}
    assert all(row["month_bytes"] >= row["records"] * row["record_bytes"] for row in rows if row["class"])
    assert "MB a month" in next(traffic.show(rows))


def test_at_once_costs_more_and_nothing_costs_nothing():
    assert total_mb(month("nmc96", gather_s=0)) > 1.3 * total_mb(month("nmc96"))
    assert traffic.month(site_of("nmc96") | {"uplink": None}) == []
    assert "no uplink" in next(traffic.show([]))


@pytest.mark.long
def test_what_check_says_is_what_passes_the_socket(tmp_path):
    if reason := available("mosquitto"):
        pytest.skip(reason)
    site, counter, classes, counts = bench.measured(180, "nmc96", 60, tmp_path)
    assert counts["stored"] == sum(classes.values()) and counts["conflicts"] == 0
    seen = traffic.line_bytes(counter.up, counter.down, traffic.TLS_RECORD) * traffic.MONTH_S / 180
    events = classes.get("E", 0) + classes.get("X", 0)  # the start of a site is full of them
    alone = traffic.burst_bytes(traffic.with_defaults(site), [200])
    seen -= events * alone * traffic.MONTH_S / 180
    # three minutes hold three or four bursts
    assert seen < 2 * sum(row["month_bytes"] for row in traffic.month(site))
