"""One session of `groups`: every case on it, round by round, all contenders in turn."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq
from group_cases import Case, Frame, frame
from group_contenders import Bench, contenders, work
from group_figures import FIRST, GAVE_UP, SECOND, Run
from pyspark.sql import SparkSession

_TURNS = 3_000_000
_COUNT = count()


@dataclass(frozen=True)
class Settings:
    """Rounds, if not those of each case; words, one of which a contender has in its name; a folder for frames.

    `warm_up` rounds come before the first case of a session, and one before the first of another form.
    """

    rounds: int | None
    contenders: tuple[str, ...]
    folder: Path
    warm_up: int = 4

    def names(self, case: Case) -> list[str]:
        """Give the contenders of a case."""
        return [name for name in contenders(case) if any(word in name for word in self.contenders)]


def measured(spark: SparkSession, cases: Sequence[Case], given: Settings) -> Iterator[Run]:
    """Measure all cases; the first of a form is run through before, with a few groups that last no time."""
    warmed: set[tuple[str, str]] = set()
    rate = calibrated(spark, cases[0].slots) if any(case.kind == "compute" for case in cases) else 0.0
    for case in cases:
        if (case.kind, case.form) not in warmed:
            small = Case(case.master, case.kind, 40, "uniform", 0.01, 0.0, 2000, 1, case.form)
            for number in range(1 if warmed else given.warm_up):
                list(_round(spark, small, number, {}, rate, given))
            warmed.add((case.kind, case.form))
        first: dict[str, float] = {}
        for number in range(given.rounds or case.rounds):
            yield from _round(spark, case, number, first, rate, given)


def _round(
    spark: SparkSession, case: Case, number: int, first: dict[str, float], rate: float, given: Settings
) -> Iterator[Run]:
    """Let all contenders take their turn on a new frame, in an order that is rotated from round to round."""
    made, place = frame(case, number), given.folder / f"round-{next(_COUNT)}"
    _write(made, place / "frame", case.slots)
    rows = spark.read.parquet(str(place / "frame"))
    names = given.names(case)
    start = number % len(names) if names else 0
    turns = names[start:] + names[:start]
    if {FIRST, SECOND} <= set(names):  # the second run lives on what the first has measured
        turns.remove(SECOND)
        turns.insert(turns.index(FIRST) + 1, SECOND)
    bench = Bench(spark, case, rows, made.seconds, work(case.kind, rate), str(place))
    for name in turns:
        if first.get(name, 0.0) > GAVE_UP * case.lower_bound():
            continue
        found = once(bench, name, made, number)
        first.setdefault(name, found.seconds)
        yield found
    shutil.rmtree(place)


def _write(made: Frame, place: Path, files: int) -> None:
    place.mkdir(parents=True)
    each = -(-made.table.num_rows // files)
    for number in range(files):
        pq.write_table(made.table.slice(number * each, each), place / f"part-{number:02d}.parquet")


def once(bench: Bench, name: str, made: Frame, number: int) -> Run:
    """Time one contender, and check what it brings."""
    spark, case, group = bench.spark, bench.case, f"run-{next(_COUNT)}"
    touch(spark, case.slots)
    with contenders(case)[name](bench) as opened:
        spark.sparkContext.setJobGroup(group, name)
        began = time.perf_counter()
        rows = opened.result.collect()
        seconds = time.perf_counter() - began
        spark.sparkContext.setJobGroup("others", "others")
        detail = opened.detail | stage(spark, group, last=case.form != "split") | {"shuffles": shuffles(opened.result)}
        if opened.after is not None:
            began = time.perf_counter()
            opened.after()
            detail["recording"] = time.perf_counter() - began
    if {row["key"]: (row["rows"], row["total"]) for row in rows} != made.answer or len(rows) != case.keys:
        raise AssertionError(f"{name} brought a wrong answer for {case.name}")
    detail |= {"planned": opened.planned, "load": os.getloadavg()[0]}
    if case.form != "split":
        detail["used"] = len({row["partition"] for row in rows})
        detail["skew"] = skew([(row["partition"], made.seconds[row["key"]]) for row in rows])
    return Run(case.name, name, number, case.lower_bound(), seconds, opened.planning, detail)


def skew(placed: Sequence[tuple[int, float]]) -> float:
    """Give what the heaviest partition costs ÷ the mean of those that hold anything."""
    weight: dict[int, float] = {}
    for partition, seconds in placed:
        weight[partition] = weight.get(partition, 0.0) + seconds
    return max(weight.values()) / (sum(weight.values()) / len(weight))


def touch(spark: SparkSession, slots: int) -> None:
    """Wake a Python worker in every slot, so that nobody pays for those that went away while another was waiting."""

    def wait(batches: Any) -> Any:
        import time

        import pandas  # noqa: F401

        for batch in batches:
            time.sleep(0.1)
            yield batch

    spark.range(0, slots, 1, slots).mapInPandas(wait, "id long").collect()


def calibrated(spark: SparkSession, slots: int) -> float:
    """Measure how often a second the loop of computing groups turns, while all slots turn it."""

    def turn(batches: Any) -> Any:
        import time

        import pandas as pd

        for _ in batches:
            for _ in range(3):
                began, turns = time.perf_counter(), 0
                for number in range(_TURNS):
                    turns += number % 7
                yield pd.DataFrame({"rate": [_TURNS / (time.perf_counter() - began)]})

    touch(spark, slots)
    rows = spark.range(0, slots, 1, slots).mapInPandas(turn, "rate double").collect()
    return median(row["rate"] for row in rows)


def shuffles(result: Any) -> int:
    """Count the shuffles in the plan that ran in the end."""
    plan = result._jdf.queryExecution().executedPlan()
    with suppress(Exception):  # without adaptive execution there is no second plan inside
        plan = plan.executedPlan()
    return len(re.findall(r"(?<!Broadcast)(?<!Reused)Exchange ", plan.toString()))


def stage(spark: SparkSession, group: str, last: bool) -> dict[str, float]:
    """Tell of the stage of the function: the last of a group of jobs, or that which ran longest."""
    java = spark.sparkContext._jsc.sc()
    java.listenerBus().waitUntilEmpty()
    tracker, store = spark.sparkContext.statusTracker(), java.statusStore()
    jobs = tracker.getJobIdsForGroup(group)
    stages = {number for job in jobs for number in tracker.getJobInfo(job).stageIds}
    ran = [info for info in map(store.lastStageAttempt, stages) if info.firstTaskLaunchedTime().isDefined()]
    info = max(ran, key=lambda info: info.stageId() if last else info.executorRunTime())
    submitted, launched, done = (
        when().get().getTime() / 1000 for when in (info.submissionTime, info.firstTaskLaunchedTime, info.completionTime)
    )
    found = {"jobs": len(jobs), "tasks": info.numTasks(), "stage": done - launched, "launch": launched - submitted}
    tasks = store.taskList(info.stageId(), info.attemptId(), 100_000)
    each = [tasks.apply(i).duration().get() / 1000 for i in range(tasks.size())]
    return found | {"longest task": max(each), "shortest task": min(each), "all tasks": sum(each)}
