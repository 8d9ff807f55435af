# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Run by the Python of its own environment, which holds pysparkplug: reads payloads as that library does.

stdin: a JSON list of [kind, payload in hex, payload in hex of the birth that it belongs to or null]. stdout: a JSON list.
"""

import json
import sys

import pysparkplug as spb

KINDS = {"NBIRTH": spb.NBirth, "DBIRTH": spb.DBirth, "NDATA": spb.NData, "DDATA": spb.DData, "DDEATH": spb.DDeath}
KINDS["NDEATH"] = spb.NDeath


def read(kind, text, birth):
    """What one payload says."""
    known = None
    if birth is not None:
        known = (spb.NBirth if kind == "NDATA" else spb.DBirth).decode(bytes.fromhex(birth))
    said = KINDS[kind].decode(bytes.fromhex(text), birth=known)
    metrics = getattr(said, "metrics", None)
    if metrics is None:
        metrics = [said.bd_seq_metric] if kind == "NDEATH" else []
    rows = [
        {"name": m.name, "type": m.datatype.name.title().replace("Uint", "UInt"), "value": m.value, "at": m.timestamp}
        for m in metrics
    ]
    return {"at": said.timestamp, "seq": getattr(said, "seq", None), "metrics": rows}


def asked():
    """The hex of a request for a birth, as pysparkplug makes it."""
    metric = spb.Metric(timestamp=1, name="Node Control/Rebirth", datatype=spb.DataType.BOOLEAN, value=True)
    return spb.NCmd(timestamp=1, metrics=(metric,)).encode(include_dtypes=True).hex()


print(json.dumps({"rows": [read(*row) for row in json.load(sys.stdin)], "rebirth": asked()}))
