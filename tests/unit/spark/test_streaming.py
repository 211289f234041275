"""What is put together at the driver of a stream, without a JVM."""

from __future__ import annotations

import pyarrow as pa
import pytest

from planner.errors import RunError
from planner.spark.streaming import _common


def test_a_batch_of_nulls_has_the_type_of_the_others() -> None:
    schemas = [pa.schema([("a", pa.null()), ("b", pa.int32())]), pa.schema([("b", pa.int64()), ("a", pa.string())])]
    assert _common(schemas) == pa.schema([("a", pa.string()), ("b", pa.int64())])


@pytest.mark.parametrize(
    ("schemas", "problem"),
    [
        ([{"a": pa.string()}, {"a": pa.int32()}], "columns of different types in different batches"),
        ([{"a": pa.string()}, {"b": pa.string()}], "gave 'a', 'b' in some batches only"),
        ([{"a": pa.null()}], "nothing but nulls as 'a'"),
    ],
)
def test_outputs_that_make_no_columns_are_told(schemas: list[dict[str, pa.DataType]], problem: str) -> None:
    with pytest.raises(RunError, match=problem):
        _common([pa.schema(schema) for schema in schemas])
