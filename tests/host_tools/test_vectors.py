# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""docs/vectors are what this version sends and reads, and somebody else's decoder reads them too."""

import json
import pathlib
import shutil
import subprocess

import pytest

from edge.shell import acks, cbor
from edge.shell.as_json import plain, to_json
from host_tools import ledger, vectors
from host_tools.envelopes import envelope_of

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "vectors"
TOPIC = "bess/v1/demo/here/%s/rec" % vectors.DEVICE


def load(name):
    return json.loads((FOLDER / (name + ".json")).read_text(encoding="utf-8"))


def test_they_are_what_this_version_makes():
    made = vectors.files()
    assert {path.name for path in made} == {path.name for path in FOLDER.glob("*.json")}
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, path.name


def test_records_and_gaps_are_taken_in_both_forms():
    rows = [row for name in ("records", "gaps") for row in load(name)["vectors"]]
    assert {chr(row["value"]["7"]) for row in rows} == set("EXBMTI")
    for row in rows:
        payload = bytes.fromhex(row["hex"])
        assert json.loads(to_json(payload)) == row["value"], row["name"]
        stored = ledger.parse(TOPIC, payload, 0)
        assert ledger.parse(TOPIC, json.dumps(row["value"]).encode(), 0) == stored
        if "lost" in row:
            epoch, ranges = ledger.gaps_of(stored.epoch, cbor.decode(stored.body))
            assert (plain(epoch), [list(each) for each in ranges]) == (row["lost"]["epoch"], row["lost"]["ranges"])


def test_bad_ones_are_refused():
    for row in load("bad")["vectors"]:
        payload = bytes.fromhex(row["hex"]) if "hex" in row else row["text"].encode()
        with pytest.raises(ValueError):
            ledger.parse(TOPIC, payload, 0)
            pytest.fail(row["name"])


def test_acknowledgements_are_read_as_told():
    file = load("acks")
    key = bytes.fromhex(file["key"])
    good = 0
    for row in file["vectors"]:
        told = acks.read(bytes.fromhex(row["hex"]), file["device"], key)
        assert (told and plain(told._asdict())) == row["told"], row["name"]
        good += told is not None
    assert good == 3 and len(file["vectors"]) > 15


NO_ENVELOPES = (
    b"{",
    b"{}x",
    b'{"a":1}',
    b'{"1":1.0}',
    b'{"1":NaN}',
    b'{"01":1}',
    b'{"1":1,"1":2}',
    b'{"x":3}',
    b'{"x":"zz"}',
    b'{"1":' * 60000,
    b'{"1":[' + b"[" * 60000,
    b'{"1":"\\ud800"}',
    b'{"1":' + b"9" * 5000 + b"}",
    b'{"1":18446744073709551616}',
    b'{"1":\xff}',
    b'{"\\u0661":1}',
)


@pytest.mark.parametrize("payload", NO_ENVELOPES, ids=range(len(NO_ENVELOPES)))
def test_json_that_no_uplink_writes_is_refused(payload):
    with pytest.raises(ValueError):
        envelope_of(payload)


def test_a_decoder_without_dependencies_reads_them_all():
    source = (FOLDER / "decode.mjs").read_text(encoding="utf-8").splitlines()
    assert len(source) <= 60 and all(len(line) <= 120 for line in source)
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        pytest.skip("no node (apt install nodejs)")
    done = subprocess.run(
        [node, str(FOLDER / "check.mjs")], capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    count = sum(len(load(path.stem)["vectors"]) for path in FOLDER.glob("*.json"))
    assert done.returncode == 0 and done.stdout == "%d vectors agree\n" % count, done.stderr
