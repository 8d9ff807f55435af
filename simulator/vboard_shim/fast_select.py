# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The module `select` of a virtual board whose time is simulated (see fast_time)."""

from select import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401

from fast_time import Poll as poll  # noqa: F401
