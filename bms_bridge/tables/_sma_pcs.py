# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/sma_pcs.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The inverter stops 60 s after the last 0x355 (F952); that can neither be set nor read back: control needs an independent opening path at every pack.",
    "Off the grid the Sunny Island does not follow the discharge current limit: only the opening path ends a discharge.",
    "Its answers carry voltage and current (0x305), but no recording shows the sign: they are not read.",
    "A state of charge that is not known cannot be said: 0x355 is left out and currents are 0.",
    "There are no enable bits: 0 A is all that this protocol can say.",
)
