"""What ``balance`` gives: a plan that shows itself, and every form of grouped work on the rows it places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.types import DataType, LongType, StringType, StructField, StructType

from planner.errors import Fault, Finding, InputError, PreflightError
from planner.io.key_history import append_history
from planner.model.partition_plan import PartitionPlan
from planner.report import partition_plan_html, partition_plan_text
from planner.spark.key_loads import KeyLoad, key_load, new_accumulator
from planner.spark.keys import checked_frame, column, free_name, resolve
from planner.spark.measured_calls import grouped, mapped
from planner.spark.placement import Placed, Placement
from planner.spark.slots import is_classic

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["BalancedGroups", "Cogrouped"]

_COLUMNS, _PARTS = 1, 2
"""Before the user's columns: the partition; and before the parts of his key: the partition and the hash."""


class BalancedGroups:
    """The groups of a DataFrame, with a partition plan for them.

    Made by `balance`. All methods but `load` are lazy: they give a DataFrame, on which an action does the work.

    Attributes
    ----------
    plan : PartitionPlan
    """

    def __init__(
        self,
        df: DataFrame,
        plan: PartitionPlan,
        placement: Placement,
        history: str | None = None,
        replanned: Callable[[bool], BalancedGroups] | None = None,
    ) -> None:
        self.plan = plan
        self._df, self._placement, self._history, self._replanned = df, placement, history, replanned
        spark = df.sparkSession
        self._accumulator = new_accumulator(spark.sparkContext) if is_classic(spark) else None

    def apply_in_pandas(self, func: Callable[..., Any], schema: StructType | str) -> DataFrame:
        """Map each group by a function of a pandas frame; the result is that of ``groupBy(...).applyInPandas``.

        Parameters
        ----------
        func : callable
            ``func(frame)`` or ``func(key, frame)``; or, told by the annotations, of an iterator of frames, for groups
            that are larger than memory.
        schema : StructType or str
            Of what the function returns.

        Raises
        ------
        InputError
            If the schema cannot be read, or the function takes other arguments.
        """
        placed, call, returns = self._prepared(func, schema, arrow=False)
        result: DataFrame = placed.grouped().applyInPandas(call, returns)
        return result

    def apply_in_arrow(self, func: Callable[..., Any], schema: StructType | str) -> DataFrame:
        """Map each group by a function of an Arrow table, or of an iterator of record batches.

        As `apply_in_pandas`; the result is that of ``groupBy(...).applyInArrow``.
        """
        placed, call, returns = self._prepared(func, schema, arrow=True)
        result: DataFrame = placed.grouped().applyInArrow(call, returns)
        return result

    def map_in_arrow(
        self, func: Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]], schema: StructType | str
    ) -> DataFrame:
        """Map each planned partition by a function of an iterator of record batches; groups are whole, but not sorted.

        Raises
        ------
        InputError
            If the schema cannot be read.
        """
        placed = self._placement.place(self._df)
        call = mapped(func, columns_before=_COLUMNS, accumulator=self._accumulator)
        return placed.frame.mapInArrow(call, _read_schema(schema))

    def repartitioned(self) -> DataFrame:
        """Give the DataFrame itself, its rows in the planned partitions."""
        placed = self._placement.place(self._df)
        return placed.frame.select(*map(column, placed.columns))

    def cogroup(self, other: DataFrame) -> Cogrouped:
        """Bring the groups of another DataFrame to those of this one, on this plan.

        Parameters
        ----------
        other : DataFrame
            With the same key columns, of the same types. Its rows are placed by the plan, but not weighed.

        Raises
        ------
        InputError
        """
        checked_frame(other, "other")
        resolve(other, list(self.plan.by), "other")
        mine, its = self._df.schema, {field.name.lower(): field.dataType for field in other.schema}
        faults = [
            Fault(
                "other",
                f"{name!r} is {its[name.lower()].simpleString()}; expected {mine[name].dataType.simpleString()}",
            )
            for name in self.plan.by
            if its[name.lower()] != mine[name].dataType
        ]
        if faults:
            raise InputError(faults)
        return Cogrouped(self, other)

    def agg(
        self,
        func: Callable[[pd.DataFrame], pd.DataFrame],
        schema: StructType | str,
        *,
        combine: Callable[[pd.DataFrame], pd.DataFrame],
        partial_schema: StructType | str | None = None,
    ) -> DataFrame:
        """Aggregate each group in pieces: heavy keys are spread over several partitions, and put together again.

        Parameters
        ----------
        func : callable
            Of a frame with some or all rows of a key; what it gives has `partial_schema`.
        schema : StructType or str
            Of the result.
        combine : callable
            Of a frame with what `func` gave for all pieces of a key, in any order; what it gives has `schema`.
        partial_schema : StructType or str, optional
            As `schema`, if left out.

        Notes
        -----
        Which piece a row belongs to depends on its values alone: equal rows are never parted. From then on `plan` is
        the one with heavy keys split.
        """
        partial = _read_schema(schema if partial_schema is None else partial_schema, "partial_schema")
        whole = _read_schema(schema)
        spread = self._replanned(True) if self._replanned is not None else self
        self.plan = spread.plan
        names = [free_name(f"__planner_{i}", [*partial.names, *self._df.columns]) for i in range(3)]
        # Two hashes of 64 bits tell keys apart for certain, and pass through pandas unharmed, which not all keys do.
        told = self._placement.key.identity(self._df.schema)
        placed = spread._placement.place(self._df.withColumns(dict(zip(names, told, strict=True))))
        fields = [
            StructField(name, kind) for name, kind in zip(names, (LongType(), LongType(), StringType()), strict=True)
        ]
        returns = StructType([*fields, *partial.fields])
        call = self._call(_with_identity(func, names), arrow=False, columns=returns.names)
        pieces = placed.grouped().applyInPandas(call, returns)
        outer = grouped(
            combine, frames=1, arrow=False, columns_before=len(names), parts_before=2, by=[", ".join(self.plan.by)],
            columns=whole.names,
        )  # fmt: skip
        result: DataFrame = pieces.groupBy(*names).applyInPandas(outer, whole)
        return result

    def load(self) -> KeyLoad:
        """Give what the latest action really took, per key, partition and executor; a `history` gets it as well.

        Raises
        ------
        PreflightError
            On Spark Connect, which has no way to report it, and where no action has run yet.
        """
        if self._accumulator is None:
            mend = "use a classic session for runs that are measured; everything else works on Connect"
            raise PreflightError([Finding("a Spark Connect session cannot report the load of its executors", mend)])
        load = key_load(self._df.sparkSession.sparkContext, self._accumulator.value, self.plan)
        if self._history is not None:
            append_history(load, self._history)
        return load

    def __repr__(self) -> str:
        return partition_plan_text(self.plan)

    def _repr_html_(self) -> str:
        return partition_plan_html(self.plan)

    def _prepared(self, func: Any, schema: Any, *, arrow: bool) -> tuple[Placed, Callable[..., Any], StructType]:
        returns = _read_schema(schema)
        return self._placement.place(self._df), self._call(func, arrow=arrow, columns=returns.names), returns

    def _call(self, func: Any, *, arrow: bool, columns: list[str], frames: int = 1) -> Callable[..., Any]:
        try:
            return grouped(
                func, frames=frames, arrow=arrow, columns_before=_COLUMNS, parts_before=_PARTS, by=self.plan.by,
                columns=columns, accumulator=self._accumulator,
            )  # fmt: skip
        except (TypeError, ValueError) as error:
            name = getattr(func, "__name__", type(func).__name__)
            raise InputError(
                [Fault("func", f"{name} {error}" if callable(func) else f"{func!r} is no function")]
            ) from error


class Cogrouped:
    """The groups of two DataFrames on one plan; made by `BalancedGroups.cogroup`."""

    def __init__(self, groups: BalancedGroups, other: DataFrame) -> None:
        self._groups, self._other = groups, other

    def apply_in_pandas(self, func: Callable[..., Any], schema: StructType | str) -> DataFrame:
        """Map each pair of groups by ``func(left, right)`` or ``func(key, left, right)`` of pandas frames.

        Raises
        ------
        InputError
            If the schema cannot be read, or the function takes other arguments.
        """
        pairs, call, returns = self._prepared(func, schema, arrow=False)
        result: DataFrame = pairs.applyInPandas(call, returns)
        return result

    def apply_in_arrow(self, func: Callable[..., Any], schema: StructType | str) -> DataFrame:
        """Map each pair of groups by a function of two Arrow tables; as `apply_in_pandas`."""
        pairs, call, returns = self._prepared(func, schema, arrow=True)
        result: DataFrame = pairs.applyInArrow(call, returns)
        return result

    def _prepared(self, func: Any, schema: Any, *, arrow: bool) -> tuple[Any, Callable[..., Any], StructType]:
        returns, groups = _read_schema(schema), self._groups
        left, right = groups._placement.place(groups._df), groups._placement.place(self._other)
        call = groups._call(func, arrow=arrow, columns=returns.names, frames=2)
        return left.grouped().cogroup(right.grouped()), call, returns


def _read_schema(schema: Any, path: str = "schema") -> StructType:
    """Read a schema, now and not when the action runs.

    Raises
    ------
    InputError
    """
    expected = "expected a StructType, or text such as 'store string, total double'"
    try:
        read = DataType.fromDDL(schema) if isinstance(schema, str) else schema
    except PySparkException as error:
        line = str(error).strip().splitlines()[0]
        raise InputError([Fault(path, f"{schema!r} cannot be read ({line}); {expected}")]) from error
    if not isinstance(read, StructType):
        raise InputError([Fault(path, f"{schema!r}; {expected}")])
    return read


def _with_identity(func: Callable[[Any], Any], names: list[str]) -> Callable[[Any], Any]:
    """Put what tells keys apart in front of what a function gives, so that the pieces of a key find each other."""

    def partial(frame: Any) -> Any:
        values = [frame.pop(name).iloc[0] for name in names]
        given = func(frame)
        for i, (name, value) in enumerate(zip(names, values, strict=True)):
            given.insert(i, name, value)
        return given

    return partial
