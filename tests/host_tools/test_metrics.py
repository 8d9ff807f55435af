# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every metric has a key, a unit, classes and a meaning."""

from edge.core.registry import KEYS, key, name
from host_tools.metrics import METRICS


def test_keys_and_meanings_belong_together():
    assert list(KEYS) == list(METRICS)
    assert len(set(KEYS.values())) == len(KEYS)
    for unit, classes, meaning in METRICS.values():
        assert unit and meaning and classes and set(classes) <= set("EXBMTI")
    assert name(key("soc")) == "soc" and name(10**6) is None
