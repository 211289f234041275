"""Launch resident slots: one Spark job with one partition a slot, each pinned to its executor."""

from __future__ import annotations

import pickle
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pyspark import RDD, InheritableThread, SparkContext
from pyspark.serializers import CPickleSerializer

from planner.runtime.measure import Placement
from planner.runtime.slot import SlotConfig
from planner.runtime.slot_queue import SlotSummary
from planner.spark.executors import LiveExecutor

__all__ = ["SparkSlots", "pinned"]


def pinned(context: SparkContext, elements: Sequence[Any], locations: Sequence[str]) -> RDD[Any]:
    """Make an RDD of one partition for each element, with the executor it would like to run on.

    Parameters
    ----------
    elements : sequence
        Picklable.
    locations : sequence of str
        ``executor_<host>_<id>``, one for each element. A preference: Spark gives the task away when that executor is
        gone, or busy for longer than ``spark.locality.wait``.
    """
    jvm: Any = context._jvm
    to_seq = jvm.PythonUtils.toSeq
    pairs = [
        jvm.scala.Tuple2(bytearray(pickle.dumps(element, protocol=5)), to_seq([location]))
        for element, location in zip(elements, locations, strict=True)
    ]
    tag = jvm.scala.reflect.ClassTag.apply(jvm.java.lang.Class.forName("[B"))
    scala_rdd = context._jsc.sc().makeRDD(to_seq(pairs), tag)
    return RDD(scala_rdd.toJavaRDD(), context, CPickleSerializer())


class SparkSlots:
    """The slots of one run, as a running Spark job.

    Parameters
    ----------
    context : SparkContext
    configs : sequence of SlotConfig
    places : sequence of LiveExecutor
        Where each slot is meant to run.
    description : str
        Shown in the Spark UI.
    """

    def __init__(
        self, context: SparkContext, configs: Sequence[SlotConfig], places: Sequence[LiveExecutor], description: str
    ) -> None:
        self._context = context
        self._tag = f"planner-{uuid.uuid4().hex}"
        self._description = description
        self._error: str | None = None
        self._over = threading.Event()
        self._rdd = pinned(context, configs, [place.location for place in places])
        # An inheritable thread has its own local properties, so the user's thread keeps its job group and description.
        self._thread = InheritableThread(target=self._run, name="planner-spark-job", daemon=True)
        self._thread.start()

    def error(self) -> str | None:
        """Say why the job ended early, or None."""
        return self._error

    def cancel(self) -> None:
        """Cancel the Spark job."""
        self._context.cancelJobsWithTag(self._tag)

    def join(self, timeout: float) -> None:
        """Wait for the job to end, at most so many seconds."""
        self._over.wait(timeout)

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

    def _run(self) -> None:
        try:
            self._context.addJobTag(self._tag)
            self._context.setJobDescription(self._description)
            self._rdd.mapPartitions(_resident()).count()
        except Exception as error:
            self._error = _cause(error)
        finally:
            self._over.set()


def _resident() -> Callable[[Iterable[SlotConfig]], Iterator[int]]:
    """Give what runs on the executors. A closure travels by value, so they never import this Spark face."""

    def resident(elements: Iterable[SlotConfig]) -> Iterator[int]:
        from dataclasses import replace

        from pyspark import TaskContext

        from planner.runtime.slot import run_slot

        context = TaskContext.get()
        assert context is not None  # noqa: S101
        for config in list(elements):  # unless the whole input is consumed, Spark throws the Python process away
            attempt, incarnation, stage = context.attemptNumber(), context.taskAttemptId(), context.stageId()
            run_slot(replace(config, attempt=attempt, incarnation=incarnation, stage=stage))
            yield config.slot

    return resident


def _cause(error: Exception) -> str:
    """Give the line of a Spark error that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling: Callable[[str], bool] = lambda line: "Error" in line or "Lost executor" in line or "cancelled" in line  # noqa: E731
    return next((line for line in reversed(lines) if telling(line)), lines[0] if lines else type(error).__name__)
