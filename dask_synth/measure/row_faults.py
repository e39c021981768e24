"""What can be wrong with single rows: counted by kind, with the first case in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from dask_synth.measure.arrangement import Arrangement, Sparse
from dask_synth.measure.planned import TEXT_BY_SERVER, Planned
from dask_synth.model.columns import MetricColumn
from dask_synth.schema import CALENDAR, Categories, Columns, empty_frame

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(eq=False)
class Faults:
    """A count of what is wrong, and one example of each."""

    count: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, count: int, example: str) -> None:
        """Note `count` cases of a fault, if there are any."""
        if count:
            self.count[kind] += count
            self.examples.setdefault(kind, example)


def unexpected_types(frame: pd.DataFrame, categories: Categories, columns: Columns) -> frozenset[str]:
    """Describe the columns whose type is not the documented one; texts may be categories of texts, too."""
    wrong = [f"{name} is unknown" for name in frame.columns if name not in columns.names]
    if not wrong and list(frame.columns) != list(columns.names):
        wrong.append("the columns are not in the documented order")
    for name, documented in empty_frame(categories, columns).dtypes.items():
        found = frame[name].dtype
        values = found.categories if isinstance(found, pd.CategoricalDtype) else None
        if isinstance(documented, pd.CategoricalDtype) and values is not None:
            strange = sorted(map(str, set(values) - set(documented.categories)))
            wrong += [f"{name} has the category {value!r}" for value in strange]
        # Dask and Arrow have strings of their own; what matters is that it is text.
        elif found != documented and not (documented == "str" and (values is not None or found == "string")):
            wrong.append(f"{name} is {found}, not {documented}")
    return frozenset(wrong)


def count_nulls(faults: Faults, frame: pd.DataFrame, columns: Columns) -> None:
    """Count the nulls of each column; infinities count too."""
    for name in columns.names:
        values = frame[name]
        if name in columns.metrics:
            # One pass without a mask: a sum is finite if all that it adds up are.
            missing = 0 if np.isfinite(values.sum(skipna=False)) else int((~np.isfinite(values)).sum())
        elif isinstance(values.dtype, pd.CategoricalDtype):
            missing = int(np.count_nonzero(values.cat.codes.to_numpy() < 0)) if values.cat.codes.min() < 0 else 0
        else:
            missing = 0 if values.dtype.kind in "iu" else int(values.isna().sum())
        faults.add(f"null.{name}", missing, f"{missing:,} in one partition")


def check_calendar(faults: Faults, frame: pd.DataFrame, arrangement: Arrangement, planned: Planned) -> None:
    """Compare the calendar columns with what the timestamps ask for, and holidays with what the regions keep."""
    regional = planned.regional_holidays(arrangement.times)
    for name in CALENDAR:
        if name == "is_holiday" and regional is not None:
            _check_holidays(faults, frame[name].to_numpy(), arrangement, planned, regional)
            continue
        expected = planned.row_values(name, arrangement.times).astype(np.int16)
        values = frame[name].to_numpy()
        if (wrong := arrangement.unlike_time(values, expected.astype(values.dtype))).size:
            row = int(wrong[0])
            time = arrangement.place(row)[1]
            should = int(expected[time - arrangement.first])
            faults.add(f"calendar.{name}", wrong.size, f"{values[row]} at {planned.timestamp(time)}, not {should}")


def _check_holidays(
    faults: Faults, values: Ints, arrangement: Arrangement, planned: Planned, regional: npt.NDArray[np.bool_]
) -> None:
    # Ids that are not in the plan stand at -1; no row that is compared is of one.
    region = planned.codes("region", np.maximum(arrangement.servers, 0))
    if (wrong := arrangement.unlike_kind(values, regional.astype(values.dtype), region)).size:
        row = int(wrong[0])
        server, time = arrangement.place(row)
        of_server = int(planned.codes("region", np.array([server]))[0])
        should = int(regional[of_server, time - arrangement.first])
        place = planned.categories["region"][of_server]
        example = f"{values[row]} at {planned.timestamp(time)} in {place}, not {should}"
        faults.add("calendar.is_holiday", wrong.size, example)


def check_metadata(
    faults: Faults, texts: Mapping[str, pd.Categorical], arrangement: Arrangement, planned: Planned
) -> None:
    """Compare each server's texts with the plan's."""
    for name in TEXT_BY_SERVER:
        text = texts[name]
        expected = _planned_codes(name, text, arrangement.servers, planned)
        wrong = arrangement.unlike_server(text.codes, expected.astype(text.codes.dtype))
        if wrong.size:
            server, time = arrangement.place(int(wrong[0]))
            found, should = text[int(wrong[0])], planned.texts(name, np.array([server]))[0]
            example = f"{planned.server_id(server)} has {found!r} from {planned.timestamp(time)} on, not {should!r}"
            faults.add(f"metadata.{name}", wrong.size, example)


def _planned_codes(name: str, text: pd.Categorical, servers: Ints, planned: Planned) -> Ints:
    """Return each server's planned text as its code in `text`; -2 is no code: it does not occur there at all."""
    # Ids that are not in the plan stand at -1; no row that is compared is of one.
    known, values = servers >= 0, pd.Index(text.categories)
    expected = np.full(len(servers), -2)
    if name in planned.categories:
        places = values.get_indexer(planned.categories[name])
        expected[known] = places[planned.codes(name, servers[known])]
    else:
        expected[known] = values.get_indexer(planned.texts(name, servers[known]))
    return np.where(expected < 0, -2, expected)


def check_order(faults: Faults, arrangement: Arrangement, planned: Planned) -> None:
    """Count the rows that stand before an earlier one of their server.

    Servers may come again: in a joined CSV, appended days stand behind all that was there.
    """
    if isinstance(arrangement, Sparse):
        order = np.argsort(arrangement.server, kind="stable")
        server_of, position = arrangement.server[order], arrangement.position[order]
        back = (np.diff(position) < 0) & (np.diff(server_of) == 0)
        if (wrong := np.flatnonzero(back)).size:
            server, time = arrangement.place(int(order[wrong[0] + 1]))
            example = f"{planned.server_id(server)} at {planned.timestamp(time)} stands behind a later row"
            faults.add("order", wrong.size, example)


def check_metric(faults: Faults, metric: MetricColumn, values: Floats) -> None:
    """Check one metric's range and decimals."""
    least, most = values.min(), values.max()
    if not (np.isfinite(least) and np.isfinite(most)):
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        least, most = values.min(), values.max()
    if least < 0 or most > metric.high:
        outside = int(((values < 0) | (values > metric.high)).sum())
        extreme = least if least < 0 else most
        faults.add(f"range.{metric.name}", outside, f"{extreme:.10g} lies outside 0..{metric.high:g}")
    restored = np.rint(values * 100) / 100
    if not np.array_equal(restored, values):
        wrong = np.flatnonzero(restored != values)
        faults.add(f"decimals.{metric.name}", wrong.size, f"{values[wrong[0]]:.10g} has more than 2 decimals")
