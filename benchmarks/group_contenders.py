"""The contenders that `groups` compares: ways to run one function on every group of a frame, on the same session.

Each is opened on a frame and gives the result as a lazy DataFrame. What it takes to get there is planning, which only
`balance` does (an expert has all day); what is timed is the action. A setting that one needs is put back in the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from group_cases import Case, by_hand
from group_figures import BY_COST, BY_ROWS, DEALT, DEFAULTS, FIRST, KEY_EACH, PIECES, SALTED, SALTED_ALL, SECOND
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

SCHEMA = "key string, rows long, total long, partition int"
Call = Callable[[Any], Any]


@dataclass
class Bench:
    """The session, the frame of a round as it lies on disk, and what is known of it.

    Attributes
    ----------
    seconds : dict of str to float
        True cost of each key, which an expert knows.
    func : callable
        What is run on each group.
    folder : str
        For what a contender wants to keep within the round.
    """

    spark: SparkSession
    case: Case
    frame: DataFrame
    seconds: Mapping[str, float]
    func: Call
    folder: str


@dataclass
class Opened:
    """A lazy result, the seconds it took to plan, and what is to be done after the action."""

    result: DataFrame
    planning: float = 0.0
    planned: float = 0.0
    after: Callable[[], Any] | None = None
    detail: dict[str, float] = field(default_factory=dict)


@contextmanager
def setting(spark: SparkSession, name: str, value: str) -> Iterator[None]:
    """Change a setting of the session for a while."""
    before = spark.conf.get(name, None)
    own = name in {row.key for row in spark.sql("SET").collect()}  # set by somebody, and no default
    spark.conf.set(name, value)
    try:
        yield
    finally:
        spark.conf.set(name, before) if own and before is not None else spark.conf.unset(name)


def _grouped(frame: DataFrame, func: Call, *more: str) -> DataFrame:
    return frame.groupBy(*more, "key").applyInPandas(func, SCHEMA)


@contextmanager
def defaults(bench: Bench) -> Iterator[Opened]:
    """What everybody writes first."""
    yield Opened(_grouped(bench.frame, bench.func))


@contextmanager
def repartitioned(bench: Bench) -> Iterator[Opened]:
    """Four partitions a slot, by hash of the key; the groupBy keeps them and does not shuffle again."""
    yield Opened(_grouped(bench.frame.repartition(4 * bench.case.slots, "key"), bench.func))


@contextmanager
def uncoalesced(bench: Bench) -> Iterator[Opened]:
    """As many partitions as spark.sql.shuffle.partitions says, 200."""
    with setting(bench.spark, "spark.sql.adaptive.coalescePartitions.enabled", "false"):
        yield Opened(_grouped(bench.frame, bench.func))


def _by_hand(bench: Bench, partitions: int) -> DataFrame:
    number = by_hand(bench.seconds, partitions)
    columns = {"key": pa.array(number), "number": pa.array(number.values(), pa.int32())}
    numbers = F.broadcast(bench.spark.createDataFrame(pa.table(columns)))
    placed = bench.frame.join(numbers, "key").repartitionById(max(number.values()) + 1, "number")
    return _grouped(placed, bench.func, "number")


@contextmanager
def a_key_each(bench: Bench) -> Iterator[Opened]:
    """A partition a key, the heaviest first; all costs are known."""
    yield Opened(_by_hand(bench, bench.case.keys))


@contextmanager
def dealt(bench: Bench) -> Iterator[Opened]:
    """LPT into four partitions a slot, the heaviest first; all costs are known."""
    yield Opened(_by_hand(bench, 4 * bench.case.slots))


@contextmanager
def _balanced(bench: Bench, **how: Any) -> Iterator[Opened]:
    from planner.spark import balance

    began = time.perf_counter()
    stores = balance(bench.frame, by="key", **how)
    plan = stores.plan
    planning = time.perf_counter() - began
    result = stores.apply_in_pandas(bench.func, SCHEMA)
    planned = plan.makespan if plan.unit == "s" or "weight" in how else 0.0
    yield Opened(result, planning, planned, stores.load if "history" in how else None, {"planner": plan.seconds})


def by_cost(bench: Bench) -> Any:
    """The weight is a column that holds the true costs."""
    return _balanced(bench, weight="cost")


def by_rows(bench: Bench) -> Any:
    """The weight is the number of rows, as it is when nothing is said."""
    return _balanced(bench)


def by_history(bench: Bench) -> Any:
    """The weight is what an earlier run measured, if there was one; this run is measured too."""
    return _balanced(bench, history=f"{bench.folder}/history")


@contextmanager
def salted(bench: Bench) -> Iterator[Opened]:
    """As many salts as slots, drawn for each row; then the pieces of a key are put together again."""
    salt = F.pmod(F.xxhash64("value", "cost", F.monotonically_increasing_id()), F.lit(bench.case.slots)).cast("int")
    pieces = bench.frame.withColumn("salt", salt).groupBy("key", "salt").applyInPandas(bench.func, SCHEMA)
    yield Opened(_grouped(pieces, together))


@contextmanager
def salted_apart(bench: Bench) -> Iterator[Opened]:
    """Salting, where somebody has seen that adaptive execution puts all the pieces into one task."""
    with setting(bench.spark, "spark.sql.adaptive.coalescePartitions.enabled", "false"), salted(bench) as opened:
        yield opened


@contextmanager
def pieced(bench: Bench) -> Iterator[Opened]:
    """Hot keys are split as the plan says."""
    from planner.spark import balance

    began = time.perf_counter()
    stores = balance(bench.frame, by="key", weight="cost")
    plan = stores.plan
    planning = time.perf_counter() - began
    result = stores.agg(bench.func, SCHEMA, combine=together)
    yield Opened(result, planning, detail={"planner": plan.seconds})


def together(pieces: Any) -> Any:
    """Put the answers for the pieces of one key together."""
    import pandas as pd

    first = pieces.iloc[0]
    found = {"rows": pieces["rows"].sum(), "total": pieces["total"].sum(), "partition": first["partition"]}
    return pd.DataFrame({"key": [first["key"]]} | {name: [int(number)] for name, number in found.items()})


WHOLE: dict[str, Callable[[Bench], Any]] = {
    DEFAULTS: defaults,
    "repartition(4 × slots, key)": repartitioned,
    "coalescing off": uncoalesced,
    KEY_EACH: a_key_each,
    DEALT: dealt,
    BY_COST: by_cost,
    BY_ROWS: by_rows,
}
FORMS = {
    "whole": WHOLE,
    "unknown": {**{name: WHOLE[name] for name in (DEFAULTS, DEALT, BY_COST)}, FIRST: by_history, SECOND: by_history},
    "split": {DEFAULTS: defaults, SALTED: salted, SALTED_ALL: salted_apart, PIECES: pieced},
}
"""Who competes on which form of case. Salting changes the groups, so it is only for functions that allow that."""
FEW = 1000
"""With more keys nobody makes a partition of each; and weights by rows are left out, which are the same plan again."""


def contenders(case: Case) -> dict[str, Callable[[Bench], Any]]:
    """Give those that compete on a case."""
    left_out = () if case.keys <= FEW else (KEY_EACH, BY_ROWS)
    return {name: way for name, way in FORMS[case.form].items() if name not in left_out}


def work(kind: str, rate: float = 0.0) -> Call:
    """Give the function of a group: it sleeps, or turns a loop, `rate` times a second, for as long as its rows cost."""

    def run(group: Any) -> Any:
        import time

        import pandas as pd
        from pyspark import TaskContext

        seconds = float(group["cost"].sum())
        if kind == "sleep":
            time.sleep(seconds)
        else:
            turns = 0
            for turn in range(int(seconds * rate)):
                turns += turn % 7
        task = TaskContext.get()
        found = {"key": [group["key"].iloc[0]], "rows": [len(group)], "total": [int(group["value"].sum())]}
        return pd.DataFrame(found | {"partition": [task.partitionId() if task else -1]})

    return run
