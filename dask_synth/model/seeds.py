"""Random streams that follow identity: (seed, server, purpose) decides the numbers, and nothing else does.

A further metric's stream has its name besides, so that neither its place nor another metric changes it.

SeedSequence hashes the seed and its spawn key into independent streams (NumPy, "Parallel random number generation"), so
no stream depends on how many servers there are, on chunks or on workers.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

FLEET = 2**32 - 1
"""Stands in a server's place for what is drawn once a fleet."""


class Purpose(IntEnum):
    """What a stream is for. Values are part of the data's identity: add, never renumber."""

    NOISE = 0
    SPIKES = 1
    METADATA = 2
    NET_OUT = 3
    START = 4
    INDIVIDUAL = 5
    GROUP = 6
    GROUP_NOISE = 7
    GROUP_START = 8
    GROUP_INDIVIDUAL = 9
    METRIC = 10
    GROUP_METRIC = 11


def generator(seed: int, purpose: Purpose, server: int = FLEET, name: str = "") -> np.random.Generator:
    """Return a fresh generator at the start of one stream.

    Parameters
    ----------
    seed
        The run's seed, at least 0.
    purpose
        What the numbers are for.
    server
        The server's index in the fleet; by default the stream is the fleet's own.
    name
        Where a purpose has several streams: which of them.
    """
    # The letters themselves: no two names have one number, as two hashes might.
    key = (server, purpose, int.from_bytes(name.encode())) if name else (server, purpose)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
