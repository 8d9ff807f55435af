# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Who a pack is: what settings, certificate and profile know of it, as one record that tells all."""

from edge.core.bounds import BOUNDS, bound
from edge.core.registry import KEYS


def nameplate(settings, pack, version, known):
    """((key, value), ...) of one pack. settings: of the site, pack: of this pack. known: its
    edge.core.identity.Identity, or None."""
    grade, contract = pack["grade"], pack.get("contract")
    return (
        (KEYS["site"], settings["site"]),
        (KEYS["pack_id"], pack["id"]),
        (KEYS["profile"], pack["profile"]),
        (KEYS["version"], version),
        (KEYS["grade"], "%s %s %s" % (grade["grade"], grade["body"], grade["date"])),
        (KEYS["serial"], pack.get("serial")),
        (KEYS["cells"], pack["cells"]),
        (KEYS["grade_number"], grade.get("number")),
        (KEYS["grade_version"], grade.get("version")),
        (KEYS["grade_signer"], grade.get("signer")),
        (KEYS["grade_hash"], grade.get("hash")),
        (KEYS["grade_until"], grade.get("valid_until")),
        (KEYS["chemistry"], pack["chemistry"]),
        (KEYS["rated_capacity"], pack["capacity_mah"]),
        (KEYS["grade_capacity"], grade["capacity_mah"]),
        (KEYS["grade_capacity_std"], grade["capacity_std_mah"]),
        (KEYS["limits_maker"], [pack["maker"][key] for key, _ in BOUNDS]),
        (KEYS["limits_grade"], [bound(pack, key) for key, _ in BOUNDS]),
        (KEYS["limits_contract"], contract and [contract["charge_ma"], contract["discharge_ma"]]),
        (KEYS["settings_hash"], settings.get("hash")),
        (KEYS["serial_told"], known and known.told),
        (KEYS["serial_proof"], known.proof() if known else 0),
    )
