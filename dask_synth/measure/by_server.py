"""Tables with one row a server, that add up: the rows of a server that is in both become one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class ByServer:
    """One row a server; what further fields hold, a row each as well, adds up.

    Attributes
    ----------
    index
        Positions of the servers in the fleet, ascending, (k,).
    """

    index: npt.NDArray[np.int64]

    def __add__(self, other: Self) -> Self:
        if not (len(self.index) and len(other.index)):
            return self if len(self.index) else other
        index, where = np.unique(np.concatenate([self.index, other.index]), return_inverse=True)
        added = []
        for field in fields(self)[1:]:
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            total = np.zeros((len(index), *mine.shape[1:]))
            np.add.at(total, where, np.concatenate([mine, theirs]))
            added.append(total)
        return type(self)(index, *added)
