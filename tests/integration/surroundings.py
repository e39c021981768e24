"""Where the checkout is, and the environment in which its commands find it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOURLY_200 = ROOT / "config" / "hourly_200.yaml"

BARE = ("--no-validate", "--no-report")
"""For tests that are about neither."""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
