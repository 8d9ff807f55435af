# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a site tells somebody who takes it for one battery: all packs together, nothing made up.

Whoever wants it (an inverter on a CAN bus, a server) gets it after each step. None: not known.
"""

from collections import namedtuple

from edge.core import faults as f
from edge.core.bounds import bound
from edge.core.limits import UNKNOWN_STD_PPM
from edge.core.records import ALARMS

# soc_ppm: of all packs, weighted by capacity, rounded down; of a pack whose estimate is too wide (an LFP pack that has
# not moved yet) what its BMS says, and not known when that says nothing. soh_ppm: present capacity against the
# nameplate's, at most 100 %. pack_mv: the lowest voltage. current_ma: the sum, + charges. temp_mc: the hottest sensor.
# alarms: bits of Evt1 of every pack; a pack that tells none, or that has tripped, is an alarm itself. capacity_mah:
# present, the sum.
Presented = namedtuple(
    "Presented",
    ("soc_ppm", "soh_ppm", "pack_mv", "current_ma", "temp_mc", "alarms", "capacity_mah", "packs"),
)
OTHER_ALARM = 1 << ALARMS.index("other_alarm")
PPM = 1000000


def presented(site):
    """Presented of site (edge.core.site.Site) after its newest step."""
    packs = site.packs
    believed = [pack.believed for pack in packs]
    socs = [_soc(pack) for pack in packs]
    capacities = [pack.soc.capacity().value for pack in packs]
    rated_mah = sum([pack.pack["capacity_mah"] for pack in packs])
    total_mah = None if None in capacities else sum(capacities)
    soc = soh = None
    if total_mah:
        soh = min(total_mah * PPM // rated_mah, PPM)
        if None not in socs:
            soc = sum([socs[i] * capacities[i] for i in range(len(packs))]) // total_mah
    volts = [row.pack_mv for row in believed]
    currents = [row.current_ma for row in believed]
    temps = [row.temp_max_mc for row in believed]
    alarms = 0
    for pack in packs:
        told = pack.believed.alarms
        alarms |= OTHER_ALARM if told is None or pack.faults.level() >= f.TRIP else 0
        alarms |= told or 0
    return Presented(
        soc,
        soh,
        None if None in volts else min(volts),
        None if None in currents else sum(currents),
        None if None in temps else max(temps),
        alarms,
        total_mah,
        len(packs),
    )


def _soc(pack):
    """SoC of one pack to be told, in ppm or None."""
    est = pack.soc.soc()
    return pack.believed.bms_soc_ppm if est.value is None or est.std > UNKNOWN_STD_PPM else est.value


def volts_of(settings):
    """(charge_mv, discharge_mv): the voltages that no pack of the site may leave, from the maker's and the test
    centre's limits of one cell."""
    packs = settings["packs"]
    return (
        min([pack["cells"] * bound(pack, "cell_max_mv") for pack in packs]),
        max([pack["cells"] * bound(pack, "cell_min_mv") for pack in packs]),
    )


class Teller:
    """Brings to port what the site knows, after each step. port: with say(known, until_ms)."""

    def __init__(self, port):
        self.port = port

    def told(self, site, outcome):
        """Take site after the step that gave outcome; it is known as long as that step's command lives."""
        self.port.say(presented(site), outcome.commands[0].valid_until_ms)
