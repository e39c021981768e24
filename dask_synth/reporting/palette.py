"""What things look like in every picture: colours that the colour-blind can tell apart, and words."""

from __future__ import annotations

from collections.abc import Iterable

INK, GREY, LIGHT, PAPER = "#1a1a1a", "#5f6368", "#d9dce0", "#ffffff"
FLEET_COLOUR = "#4a6785"
GOOD, BAD = "#00664b", "#a63c00"
"""Bluish green and vermilion, dark enough for text on white (contrast 7 and 6 to 1); never the only sign."""

# Okabe and Ito (2008), https://jfly.uni-koeln.de/color/ ; the yellow is darkened, to be seen on white.
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a900", "#7a5195")
_USUAL = {"web": 0, "application": 1, "database": 2, "batch": 3}

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def archetype_colours(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for each archetype: the built-in ones always have the same."""
    colours = {}
    free = [i for i in range(len(OKABE_ITO)) if i not in _USUAL.values()]
    others = 0
    for name in names:
        if name in _USUAL:
            colours[name] = OKABE_ITO[_USUAL[name]]
        else:
            colours[name] = OKABE_ITO[free[others % len(free)]]
            others += 1
    return colours


def verdict_words(passed: bool | None, checks: int, failures: int, level: float) -> str:
    """Say in one sentence how the validation came out; `passed` is None where there was none."""
    if passed is None:
        return "Not validated: this dataset has no verdict of its own run yet."
    if passed:
        return (
            f"Valid: all {checks:,} checks passed, at a false-alarm probability of {level:g} over all of them together."
        )
    return (
        f"Not valid: {failures:,} of {checks:,} checks failed, at a false-alarm probability of {level:g} "
        "over all of them together."
    )
