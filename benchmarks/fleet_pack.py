# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The pack of benchmarks.fleet: 200 points with holes between them.

20 areas of 10 registers (those of benchmarks.polling): 180 LFP cells, 8 temperatures, 12 other signals, all
wanted every second. One of them tells the time: the register of the state of charge counts the time since
the start in steps of 10 ms, written when a request is answered, so that whoever receives it knows its age.
"""

import os

from benchmarks.polling import areas

CELLS, TEMPS = 180, 8
UNIT = 1
POWER_W = 600000  # of the one PCS: its profile reaches 655 kW
STAMP_MS = 10
STAMPS = 65535  # so many, then from the start
STAMP_PPM = 400000  # state of charge of stamp 0; one step is 1 ppm
SCALARS = """
  pack_mv: {block: a0, at: 0, type: uint16, unit: 0.1 V, range: [100000, 1000000]}
  current_ma: {block: a0, at: 1, type: int16, unit: 0.1 A, sign: charge, range: [-1000000, 1000000]}
  cell_max_mv: {block: a0, at: 2, type: uint16, unit: 1 mV, range: [500, 5000]}
  cell_min_mv: {block: a0, at: 3, type: uint16, unit: 1 mV, range: [500, 5000]}
  temp_max_mc: {block: a0, at: 4, type: int16, unit: 0.1 C, range: [-50000, 120000]}
  temp_min_mc: {block: a0, at: 5, type: int16, unit: 0.1 C, range: [-50000, 120000]}
  bms_soc_ppm: {block: a0, at: 6, type: uint16, unit: 0.0001 %, offset: 400000, range: [400000, 465534]}
  bms_soh_ppm: {block: a0, at: 7, type: uint16, unit: 0.1 %, range: [0, 1100000]}
  bms_charge_ma: {block: a0, at: 8, type: uint16, unit: 1 A, range: [0, 2000000]}
  bms_discharge_ma: {block: a0, at: 9, type: uint16, unit: 1 A, range: [0, 2000000]}
  bms_charge_mv: {block: a1, at: 0, type: uint16, unit: 0.1 V, range: [0, 1000000]}
  temp_mc: {block: a1, at: 2, count: 8, type: int16, unit: 0.1 C, range: [-50000, 120000]}
"""
STAMP_PLACE = 6


def profile_text():
    """The profile of such a pack, as YAML."""
    names = ["a%d" % number for number in range(len(areas()))]
    rows = [
        "  %s: {function: 3, address: %d, count: %d, period_ms: 1000}" % (name, address, count)
        for name, (address, count) in zip(names, areas())
    ]
    lists = "  cell_mv: {block: [%s], at: 0, count: 10, type: uint16, unit: 1 mV, range: [500, 5000]}"
    head = (
        "name: fleet_pack\nkind: bms\ntitle: 200 points with holes\nlicence: Apache-2.0\n"
        "source: [made up for the benchmark]\nline: {kind: tcp}\ncells: %d\ntemps: %d\ncell_lsb_mv: 1\n"
        "protection: self_opening\nopens_by: none\n" % (CELLS, TEMPS)
    )
    tail = (
        "alarms: {block: a1, at: 1, type: bitfield16, bits: {0: over_volt_alarm}}\nexamples:\n"
        "  - {proof: synthesised, origin: the benchmark, block: a2, data: '%s', expect: {}}\n" % ("0CE4" * 10)
    )
    return head + "blocks:\n" + "\n".join(rows) + "\nfields:" + SCALARS + lists % ", ".join(names[2:]) + "\n" + tail


def write_profile(folder):
    """Write fleet_pack.yaml into folder; returns its path."""
    path = os.path.join(folder, "fleet_pack.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(profile_text())
    return path
