"""Metrics of one's own, for the tests of every room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IOPS: Mapping[str, Any] = {
    "column": "iops_p95",
    "unit": "IOPS",
    "high": 20000,
    "load": True,
    "growth": False,
    "spike": 0.5,
}
GPU: Mapping[str, Any] = {"high": 100, "growth": True}


def archetypes(names: tuple[str, ...], **numbers: Mapping[str, float]) -> dict[str, Any]:
    """Give each archetype the same numbers."""
    return {name: dict(numbers) for name in names}


ALL = ("web", "application", "database", "batch")

WITH_IOPS: Mapping[str, Any] = {
    "metrics": {"iops": IOPS},
    "archetypes": archetypes(ALL, base={"iops": 900}, sd={"iops": 200}, correlation={"cpu_iops": 0.6}),
}
"""What a configuration says for one metric more."""

WITH_BOTH: Mapping[str, Any] = {
    "metrics": {"iops": IOPS, "gpu": GPU},
    "archetypes": archetypes(
        ALL,
        base={"iops": 900, "gpu": 30},
        sd={"iops": 200, "gpu": 5},
        correlation={"cpu_iops": 0.6, "mem_gpu": -0.3, "net_gpu": 0.2},
    ),
}
"""The same with a second one behind it, which shares nothing with the first but what the built-in ones share."""
