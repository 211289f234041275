"""Launch resident slots: one Spark job with one partition a slot, each pinned to its executor."""

from __future__ import annotations

import logging
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from pyspark import RDD, InheritableThread, SparkContext
from pyspark.serializers import CPickleSerializer

from planner.runtime.measure import Placement
from planner.runtime.slot_queue import SlotSummary
from planner.spark.described import SEPARATOR
from planner.spark.executors import LiveExecutor

__all__ = ["SparkJob", "SparkSlots", "apart", "jobs_end_with", "pinned"]

_T = TypeVar("_T")


def pinned(context: SparkContext, elements: Sequence[Any], locations: Sequence[str | None]) -> RDD[Any]:
    """Make an RDD of one partition for each element, with the executor it would like to run on.

    Parameters
    ----------
    elements : sequence
        Picklable.
    locations : sequence of str or None
        ``executor_<host>_<id>``, one for each element, or None for any. A preference: Spark gives the task away when
        that executor is gone, or busy for longer than ``spark.locality.wait``.
    """
    jvm: Any = context._jvm
    to_seq = jvm.PythonUtils.toSeq
    with _unlogged():
        pairs = [
            jvm.scala.Tuple2(
                bytearray(pickle.dumps(element, protocol=5)), to_seq([] if location is None else [location])
            )
            for element, location in zip(elements, locations, strict=True)
        ]
    tag = jvm.scala.reflect.ClassTag.apply(jvm.java.lang.Class.forName("[B"))
    scala_rdd = context._jsc.sc().makeRDD(to_seq(pairs), tag)
    return RDD(scala_rdd.toJavaRDD(), context, CPickleSerializer())


_LOOK_S = 1.0
"""Between two looks at which executors are about to go."""

_UNLOGGED = threading.Lock()
"""Two runs that begin at once must not put one another's level back."""


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep what goes to the JVM out of the debug log of py4j, which has every word of it: slots get the run's token."""
    loggers = [logging.getLogger(f"py4j.{name}") for name in ("clientserver", "java_gateway")]
    with _UNLOGGED:
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


@contextmanager
def jobs_end_with(context: SparkContext) -> Iterator[None]:
    """Cancel Spark's jobs of a block that is left by an error or a Ctrl-C: Spark itself lets them run on."""
    tag = f"planner-{uuid.uuid4().hex[:16]}"
    context.addJobTag(tag)
    try:
        yield
    except BaseException:
        with suppress(Exception):  # what was raised is what counts
            context.cancelJobsWithTag(tag)
        raise
    finally:
        with suppress(Exception):
            context.removeJobTag(tag)


def apart(call: Callable[[], _T]) -> _T:
    """Call Spark in a thread of its own, and wait: a Ctrl-C within a call of py4j breaks that, with pages of Java."""
    made: Future[_T] = Future()

    def run() -> None:
        try:
            made.set_result(call())
        except BaseException as error:  # whatever it is, somebody waits for it
            made.set_exception(error)

    InheritableThread(target=run, name="planner-spark-call", daemon=True).start()
    return made.result()


class SparkJob:
    """A Spark job that runs behind, and can be cancelled alone.

    Parameters
    ----------
    context : SparkContext
    rdd : RDD
        What to collect.
    description : str
        Shown in the Spark UI.

    Attributes
    ----------
    group : str
        Its job group: that of the thread that starts it, so that who cancels his group ends the run too, else its own.
    over : threading.Event
        Set when it has ended.
    rows : list
        What it gave.
    error : Exception or None
        Why it gave nothing.
    """

    def __init__(self, context: SparkContext, rdd: RDD[Any], description: str) -> None:
        self._context = context
        self._rdd = rdd
        self._tag = f"planner-{uuid.uuid4().hex[:16]}"
        self._description = description
        theirs = context.getLocalProperty("spark.jobGroup.id")
        self._own_group = theirs is None
        self.group = self._tag if theirs is None else theirs
        self.error: Exception | None = None
        self.rows: list[Any] = []
        self.over = threading.Event()
        # An inheritable thread has its own local properties, so the user's thread keeps its job group and description.
        InheritableThread(target=self._run, name="planner-spark-job", daemon=True).start()

    def cancel(self) -> None:
        """Cancel it; does not wait."""
        self._context.cancelJobsWithTag(self._tag)

    def executors(self) -> dict[int, str]:
        """Give the executor of each of its tasks that has begun."""
        store: Any = self._context._jsc.sc().statusStore()
        found = dict[int, str]()
        for stages in (job.stageIds() for job in self._jobs() if job.jobTags().contains(self._tag)):
            for listed in (store.taskList(stages.apply(i), 0, 1_000_000) for i in range(stages.size())):
                found |= {(task := listed.apply(k)).taskId(): str(task.executorId()) for k in range(listed.size())}
        return found

    def held_elsewhere(self) -> str | None:
        """Say which other jobs of the session hold cores, if some tasks of this one have never begun for that."""
        jobs = self._jobs()
        mine = [job for job in jobs if job.jobTags().contains(self._tag)]
        begun = len(self.executors())
        if begun >= sum(job.numTasks() for job in mine):
            return None
        others = [job for job in jobs if job.numActiveTasks() > 0 and not job.jobTags().contains(self._tag)]
        if not others:
            return None
        names = [f"job {job.jobId()} ({_named(job)}) runs {job.numActiveTasks()} tasks" for job in others[:5]]
        return f"cores are held by other jobs of the session: {', '.join(names)}{', …' if len(others) > 5 else ''}"

    def _jobs(self) -> list[Any]:
        listed = self._context._jsc.sc().statusStore().jobsList(None)
        return [listed.apply(i) for i in range(listed.size())]

    def _run(self) -> None:
        try:
            self._context.addJobTag(self._tag)
            if self._own_group:
                self._context.setJobGroup(self.group, self._description)
            self._context.setJobDescription(self._description)
            self.rows = self._rdd.collect()
        except Exception as error:
            self.error = error
        finally:
            self.over.set()


def _named(job: Any) -> str:
    description = job.description()
    return str(description.get() if description.isDefined() else job.name()).partition(SEPARATOR)[0]


class SparkSlots:
    """The slots of one run, as a running Spark job.

    Parameters
    ----------
    context : SparkContext
    configs : sequence of SlotConfig, or of what `run` takes
        With ``slot``, and ``attempt``, ``incarnation`` and ``stage``, which are set where it runs.
    places : sequence of LiveExecutor
        Where each slot is meant to run; those behind them run wherever there is a core.
    description : str
        Shown in the Spark UI.
    run : str
        ``package.module:function`` that runs a slot.
    """

    def __init__(
        self,
        context: SparkContext,
        configs: Sequence[Any],
        places: Sequence[LiveExecutor],
        description: str,
        run: str = "planner.runtime.slot:run_slot",
    ) -> None:
        self._context = context
        anywhere: list[str | None] = [None] * (len(configs) - len(places))
        rdd = pinned(context, configs, [*(place.location for place in places), *anywhere])
        self._job = SparkJob(context, rdd.mapPartitions(_resident(run)), description)
        self._decommission = context.getConf().get("spark.decommission.enabled", "false") == "true"
        self._next_look = 0.0

    def leaving(self) -> set[int]:
        """Give the Spark tasks of slots whose executors are being decommissioned."""
        now = time.monotonic()
        if not self._decommission or now < self._next_look:
            return set()
        self._next_look = now + _LOOK_S
        scheduler, executors = self._context._jsc.sc().taskScheduler(), self._job.executors()
        going = {name for name in set(executors.values()) if scheduler.getExecutorDecommissionState(name).isDefined()}
        return {task for task, executor in executors.items() if executor in going}

    @property
    def group(self) -> str:
        """Its job group in Spark."""
        return self._job.group

    def error(self) -> str | None:
        """Say why the job ended early, or None."""
        return None if self._job.error is None else _cause(self._job.error)

    def cancel(self) -> None:
        """Cancel the Spark job."""
        self._job.cancel()

    def held_elsewhere(self) -> str | None:
        """Say which other jobs of the session hold cores, if slots have never begun for that."""
        return self._job.held_elsewhere()

    def join(self, timeout: float) -> None:
        """Wait for the job to end, at most so many seconds."""
        self._job.over.wait(timeout)

    def placements(self, summaries: Sequence[SlotSummary]) -> dict[int, Placement]:
        """Ask Spark where each slot really ran, by its status store; slots that did not end well are left out."""
        if not summaries:
            return {}
        store = self._context._jsc.sc().statusStore()
        listed = store.taskList(summaries[0].stage, 0, 1_000_000)
        by_id = {(task := listed.apply(i)).taskId(): task for i in range(listed.size())}
        return {
            summary.slot: Placement(task.executorId(), task.host(), task.taskLocality(), task.attempt())
            for summary in summaries
            if (task := by_id.get(summary.incarnation)) is not None
        }


def _resident(run: str) -> Callable[[Iterable[Any]], Iterator[int]]:
    """Give what runs on the executors. A closure travels by value, so they never import this Spark face."""

    def resident(elements: Iterable[Any]) -> Iterator[int]:
        from dataclasses import replace

        from pyspark import TaskContext

        from planner.runtime.process import imported

        run_slot = imported(run)
        context = TaskContext.get()
        assert context is not None  # noqa: S101
        for config in list(elements):  # unless the whole input is consumed, Spark throws the Python process away
            attempt, incarnation, stage = context.attemptNumber(), context.taskAttemptId(), context.stageId()
            run_slot(replace(config, attempt=attempt, incarnation=incarnation, stage=stage))
            yield config.slot

    return resident


def _cause(error: Exception) -> str:
    """Give the line of a Spark error that says what happened."""
    lines = [line for line in map(str.strip, str(error).splitlines()) if line and not line.startswith("at ")]
    telling: Callable[[str], bool] = lambda line: "Error" in line or "Lost executor" in line or "cancelled" in line  # noqa: E731
    aborted = [line[line.index("Job aborted") :] for line in lines if "Job aborted" in line]
    return next(filter(telling, reversed(lines)), [*aborted, *lines, type(error).__name__][0])
