# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the Sparkplug live lane costs, as `check` says it, and that a site reads its section."""

import pytest

from edge.core.settings import with_defaults
from host_tools import check, live, traffic
from host_tools.places import SiteError
from host_tools.site import load_site
from simulator.sites import settings as site_of
from tests.host_tools.test_bundle import ROOT

EXAMPLE = (ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")


def written(folder, lines):
    """The example site with lines below uplink.sparkplug, as a file."""
    path = folder / "site.yaml"
    section = "uplink:\n  sparkplug:\n" + "".join("    %s\n" % line for line in lines)
    path.write_text(EXAMPLE.replace("uplink:\n", section), encoding="utf-8")
    return path


def row_of(**place):
    site = site_of("nmc96")
    site["uplink"] = {"host": "127.0.0.1", "port": 1883, "sparkplug": dict(place, group="gumi")}
    return live.rows(site)[0]


def test_cost_is_counted_from_what_the_node_says():
    row = row_of()
    assert row["records"] == traffic.MONTH_S and 100 < row["record_bytes"] < 1000
    # on the line each interval is more than its payloads by two packets with topic, TLS and TCP
    assert 150 < row["month_bytes"] / row["records"] - row["record_bytes"] < 500
    assert 0.5e9 < row["month_bytes"] < 2.6e9
    assert row_of(datatype_in_data="yes")["record_bytes"] > row["record_bytes"]
    assert row_of(interval_ms=10000)["month_bytes"] < row["month_bytes"] / 5


def test_check_says_the_cost_beside_the_switch(tmp_path):
    off = check.examine(str(ROOT / "examples" / "site.yaml"))
    on = check.examine(str(written(tmp_path, ("group: gumi",))))
    shown = ["\n".join(check.show(answer, "site.yaml")) for answer in (off, on)]
    assert "uplink.sparkplug, every 1 s is off; on it would cost 1" in shown[0]
    assert "uplink.sparkplug, every 1 s is on, costs 1" in shown[1]
    totals = [sum(row["month_bytes"] for row in answer["month"]) for answer in (off, on)]
    assert totals[0] < 150e6 and totals[1] - totals[0] == on["switches"][-1]["month_bytes"]
    assert live.switches(site_of("nmc96") | {"uplink": None}) == []


def test_births_hold_more_than_any_data():
    site = site_of("nmc96")
    site["uplink"] = {"host": "127.0.0.1", "sparkplug": {"group": "gumi"}}
    births, *rest = live.said(with_defaults(site), 30)
    assert [len(data) for _, data in births][1] > 1000
    assert max(len(data) for messages in rest for _, data in messages) < 1000


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (("node: a",), "group is missing"),
        (("group: a/b",), "'a/b' has a sign"),
        (("group: a", "node: a+"), "'a+' has a sign"),
        (("group: a", "primary_host: 'a#'"), "'a#' has a sign"),
        (("group: a", "interval_s: 0.05"), "outside"),
        (("group: a", "qos: 1"), "unknown key"),
        (("group: a", "datatype_in_data: maybe"), "not allowed"),
    ],
)
def test_wrong_sections_are_refused(lines, word, tmp_path):
    with pytest.raises(SiteError, match=word.replace("+", r"\+")):
        load_site(str(written(tmp_path, lines)))
