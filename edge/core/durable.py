# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Loosening is durable first: what waits for the store, by the number of the state that contains it.

Whoever wants to loosen something puts it into its state(), takes a ticket and acts when kept(ticket) says so.
Lowering takes no ticket and never waits.
"""


class Durable:
    """Numbers of the states of one site. number: of the state it started from, 0 when there was none."""

    def __init__(self, number):
        self.made = number  # of the newest state that was made
        self.saved = number  # of the newest state that is known to be durable; told by edge.loop
        self._wanted = number

    def ticket(self):
        """Number of the next state; asks for it to be made at the end of this step."""
        self._wanted = self.made + 1
        return self._wanted

    def is_wanted(self):
        """True when somebody waits for a state that was not made yet."""
        return self._wanted > self.made

    def is_waiting(self):
        """True when the newest state, or one that somebody waits for, is not known to be durable: it is made again when
        it is due."""
        return max(self._wanted, self.made) > self.saved

    def kept(self, ticket):
        """True when the state with that number, or a later one, is durable."""
        return self.saved >= ticket

    def next(self):
        """Number for the state that is made now."""
        self.made += 1
        return self.made
