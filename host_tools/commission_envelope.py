# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The signed envelope of a commissioning: for which devices and limits control was enabled, by whom and why.

A signed document (docs/CERTIFICATE.md, type 5) that site.yaml names as `commissioned:`; check, run and flash read it,
and control of a site that differs from what was proved is refused. Body, integer keys: 1 device, 2 UTC s, 3 digest of
what was proved, 4 digest of the findings (SHA-256), 5 person, 6 ms for which the PCS goes on without us, 7 steps that
were skipped or are not on this site, 8 per pack [id, serial, cells, charge mA, discharge mA].
"""

import hashlib
import json
import os
import re
import time

from host_tools import documents
from host_tools.commission_job import fixed_of

DEVICE, UTC_S, FIXED, FINDINGS, PERSON, RESIDUAL_MS, LEFT, PACKS = range(1, 9)
MODE = re.compile(r"^mode:[ \t]*observe\b", re.MULTILINE)
NAMED = re.compile(r"^commissioned:.*\n?", re.MULTILINE)


def findings_digest(steps):
    """SHA-256 (bytes) of what the steps found, as canonical JSON."""
    text = json.dumps(steps, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def body_of(settings, base, steps, person, residual_ms):
    """The body of the envelope. base: folder of site.yaml."""
    packs = []
    for pack in settings["packs"]:
        maker = pack["maker"]
        packs.append([pack["id"], pack.get("serial"), pack["cells"], maker["charge_ma"], maker["discharge_ma"]])
    left = ["%s: %s" % (name, row["reason"]) for name, row in steps.items() if row["state"] != "done"]
    return {
        DEVICE: settings["device"],
        UTC_S: int(time.time()),
        FIXED: bytes.fromhex(fixed_of(settings, base)),
        FINDINGS: findings_digest(steps),
        PERSON: person[:100],
        RESIDUAL_MS: residual_ms,
        LEFT: [text[:100] for text in left],
        PACKS: packs,
    }


def trusted(settings):
    """The Keys that site.yaml trusts for commissioning."""
    rows = [row for row in settings.get("trust") or () if row.get("role") == "commission" and row.get("kind") != "hmac"]
    return [documents.Key(row["name"], row["id"], bytes.fromhex(row["key"])) for row in rows]


def read(path, settings):
    """(Document, Key, body) of the envelope at path. Raises DocumentError, OSError."""
    return documents.verify(documents.load(path), trusted(settings), documents.COMMISSIONING)


def remarks(settings, entries, base):
    """Remarks (host_tools.cautions) on the envelope of a site: one that is not genuine, or of another site, forbids
    control; control without one is told where somebody is trusted to sign it. base: folder of site.yaml."""
    spot = entries.get("commissioned")
    if spot is None:
        if settings["mode"] != "control" or not trusted(settings):
            return []
        return [(entries["mode"], "control was not enabled by a signed commissioning", "reuse-edge commission", False)]
    try:
        _, _, body = read(os.path.join(base, os.path.expanduser(spot.text() or "")), settings)
    except OSError as error:
        return [(spot, error.strerror or str(error), "reuse-edge commission writes it", True)]
    except documents.DocumentError as error:
        return [(spot, error.problem, error.mend, True)]
    if body.get(DEVICE) != settings["device"]:
        problem = "the commissioning is of %s, this is %s" % (body.get(DEVICE), settings["device"])
        return [(spot, problem, "commission this site", True)]
    if body.get(FIXED) != bytes.fromhex(fixed_of(settings, base)):
        problem = "devices, wiring or the maker's limits are not those that were commissioned"
        mend = "set them back, or mode: observe without this line, and reuse-edge commission again"
        return [(spot, problem, mend, True)]
    return []


def enabled(text, envelope):
    """The text of a site.yaml with mode: control and the name of its envelope. Raises ValueError without a mode."""
    changed, count = MODE.subn("mode: control", NAMED.sub("", text))
    if count != 1:
        raise ValueError("no line `mode: observe`")
    return changed.replace("mode: control", "mode: control\ncommissioned: %s" % json.dumps(envelope), 1)
