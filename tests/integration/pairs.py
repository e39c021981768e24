"""Two writers at the same place, and whether what they left has an explanation."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from tests.integration.forks import Ended
from tests.integration.writers import State, Writer, wrong

DAYS = ("2024-03-30", "2024-04-30", "2024-05-15")
BEGIN = State(1, DAYS[0])
MAKERS = (Writer("generate", DAYS[0], 2), Writer("generate", DAYS[0], 3), Writer("overwrite", DAYS[0], 4))
CHANGERS = (Writer("overwrite", DAYS[0], 5), Writer("append", DAYS[1]), Writer("append", DAYS[2]))


class Pair(NamedTuple):
    """Two writers, and what is there before them."""

    begin: State | None
    first: Writer
    second: Writer


def some_pair(chance: random.Random) -> Pair:
    begin = chance.choice([None, BEGIN, BEGIN])
    return Pair(begin, *chance.choices(CHANGERS if begin else MAKERS, k=2))


Result = tuple[tuple[int, int], list[str]]
"""The two exit codes, and what is wrong."""


def judged(place: Any, pair: Pair, ended: tuple[Ended, Ended]) -> list[str]:
    codes = [one.code for one in ended]
    found = wrong(place, pair.begin, list(zip(pair[1:], codes, strict=True)))
    return [f"{what}; they ended with {codes}: {[one.err for one in ended]}" for what in found]


def each_explained(where: str, one_pair: Callable[..., Result], cases: Sequence[tuple[Any, ...]]) -> None:
    """Go through pairs, two at a time; print how they ended, and fail with all that is unexplained."""
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda case: one_pair(*case), cases))
    count = Counter(codes for codes, _ in results)
    unexplained = [found for _, found in results if found]
    ends = ", ".join(f"{codes}: {times}" for codes, times in sorted(count.items()))
    print(f"\n{where}: {len(cases)} pairs, {len(unexplained)} unexplained; exit codes {ends}", flush=True)
    assert not unexplained, "\n".join(line for found in unexplained for line in found)
