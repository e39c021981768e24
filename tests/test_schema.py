from __future__ import annotations

import pyarrow as pa

from dask_synth.schema import CALENDAR, CATEGORICAL, METRICS, NAMES, SCHEMA, empty_frame

CATEGORIES = {
    "business_unit": ["Trading", "IT"],
    "criticality": ["High"],
    "region": ["EU", "Asia", "US-East"],
    "server_type": ["web", "batch"],
}


def test_the_columns_stand_in_the_documented_order() -> None:
    expected = (
        *("timestamp", "server_id", "cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95", "app_name"),
        *("business_unit", "criticality", "region", "server_type"),
        *("year", "month", "quarter", "dayofweek", "is_weekend", "is_eoq", "is_holiday"),
    )
    assert expected == NAMES
    assert len(NAMES) == 19


def test_groups_of_columns_are_read_off_the_types() -> None:
    assert METRICS == ("cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95")
    assert CATEGORICAL == ("business_unit", "criticality", "region", "server_type")
    assert CALENDAR == ("year", "month", "quarter", "dayofweek", "is_weekend", "is_eoq", "is_holiday")


def test_the_arrow_types_are_the_documented_ones() -> None:
    expected = {name: pa.float64() for name in METRICS}
    expected |= {name: pa.dictionary(pa.int8(), pa.string()) for name in CATEGORICAL}
    expected |= {name: pa.int8() for name in CALENDAR} | {"year": pa.int16()}
    expected |= {"timestamp": pa.timestamp("us"), "server_id": pa.string(), "app_name": pa.string()}
    assert {field.name: field.type for field in SCHEMA} == expected


def test_the_empty_frame_has_the_pandas_types_and_full_lists_of_categories() -> None:
    frame = empty_frame(CATEGORIES)
    assert len(frame) == 0
    assert tuple(frame.columns) == NAMES
    types = {name: dtype.name for name, dtype in frame.dtypes.items()}
    expected = dict.fromkeys(METRICS, "float64") | dict.fromkeys(CATEGORICAL, "category")
    expected |= dict.fromkeys(CALENDAR, "int8") | {"year": "int16"}
    assert types == expected | {"timestamp": "datetime64[us]", "server_id": "str", "app_name": "str"}
    assert {name: frame[name].cat.categories.tolist() for name in CATEGORICAL} == CATEGORIES
