# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""docs/uplink: the registry is whole, and the AsyncAPI document keeps the rules of AsyncAPI 3.0 that need no network."""

import json
import re

import pytest
import yaml

from edge.core.registry import KEYS
from edge.shell import link
from host_tools import contract, docs
from host_tools.metrics import METRICS

CHANNEL = {"org": "a", "site": "b", "device": "c"}
# Fields that AsyncAPI 3.0.0 knows: of the document, and of each kind of object below it. Others begin with x-.
ROOT = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
FIELDS = {
    "info": {"title", "version", "description", "termsOfService", "contact", "license", "tags", "externalDocs"},
    "channels": {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "bindings"},
    "operations": {"action", "channel", "title", "summary", "description", "tags", "bindings", "messages", "reply"},
    "messages": {"headers", "payload", "contentType", "name", "title", "summary", "description", "tags", "bindings"},
    "parameters": {"enum", "default", "description", "examples", "location"},
}


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(docs.ASYNCAPI.read_text(encoding="utf-8"))


def test_both_files_are_current():
    assert docs.REGISTRY.read_text(encoding="utf-8") == contract.registry_text()
    assert docs.ASYNCAPI.read_text(encoding="utf-8") == contract.asyncapi_text()


def test_the_registry_has_every_key_and_the_words_of_every_code():
    found = json.loads(docs.REGISTRY.read_text(encoding="utf-8"))
    assert {row["name"]: row["key"] for row in found["metrics"]} == KEYS
    for row in found["metrics"]:
        unit, _, meaning = METRICS[row["name"]]
        if unit in ("code", "codes", "codes, mA", "codes, counts", "bits"):
            assert "codes" in row or re.search(r"\d:|letter", meaning), "%s: no table of codes" % row["name"]
        assert "codes" not in row or len(found["codes"][row["codes"]]) > 1
        assert row["type"] in ("integer", "string", "array", "object")


def at(document, reference):
    """What a local $ref points at."""
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        document = document[part]
    return document


def references(value):
    """Every $ref in a tree; a reference stands alone."""
    if isinstance(value, dict):
        if "$ref" in value:
            assert len(value) == 1
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_document_has_the_form_of_asyncapi_3(document):
    assert document["asyncapi"] == "3.0.0" and {"title", "version"} <= set(document["info"])
    assert set(document) <= ROOT and set(document["info"]) <= FIELDS["info"]
    assert all(at(document, reference) for reference in references(document))
    rows = [(kind, row) for kind in ("channels", "operations") for row in document[kind].items()]
    parts = document["components"]
    rows += [(kind, row) for kind in ("messages", "parameters") for row in parts[kind].items()]
    for kind, (name, row) in rows:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", name) and set(row) <= FIELDS[kind], name
    assert set(parts) == {"parameters", "messages", "schemas"}


def test_channels_and_operations_fit_each_other_and_the_product(document):
    for name, channel in document["channels"].items():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel["parameters"])
        assert channel["address"].format(**CHANNEL) == link.topic_root(CHANNEL) + name
    used = set()
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        used.add(channel)
        for message in operation["messages"]:  # a message of that channel, not of the components
            assert message["$ref"].startswith(channel + "/messages/")
        assert operation["bindings"]["mqtt"]["qos"] == 1
    assert used == {"#/channels/" + name for name in document["channels"]}
    assert set(document["components"]["schemas"]["body"]["properties"]) == {str(key) for key in KEYS.values()}
