"""A load report as gauges in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from planner.io.extras import extra
from planner.model.load import LoadReport
from planner.model.units import MICROSECONDS

__all__ = ["prometheus_text"]

_RUN = (
    ("predicted_makespan", "Makespan of the plan."),
    ("measured_makespan", "First task's start to last task's finish."),
    ("elapsed", "Submission of the Spark job to the last result."),
)
_SLOT_SECONDS = (
    ("busy", "Running tasks."),
    ("wait", "Waiting for inputs."),
    ("idle", "Nothing left or nothing yet to do."),
    ("cpu", "CPU time of its tasks."),
)
_SLOT_NUMBERS = (
    ("tasks", "tasks", "Tasks it ran."),
    ("rows", "rows", "Rows of tabular values it made."),
    ("bytes_in", "input_bytes", "Fetched from other slots."),
    ("bytes_out", "output_bytes", "Size of the values it made."),
    ("peak_memory_bytes", "peak_memory_bytes", "Largest resident memory of its process."),
    ("failures", "failures", "Tasks that raised."),
)
_SAID = ("method", "spark", "master", "application")
"""Settings that become labels of the run."""


def prometheus_text(load: LoadReport) -> bytes:
    """Give the metrics of a run: of the run as a whole, and of each slot.

    Raises
    ------
    InputError
        If prometheus_client is not installed.
    """
    library: Any = extra("prometheus_client", "prometheus", "writing metrics for Prometheus")
    core = extra("prometheus_client.core", "prometheus", "writing metrics for Prometheus")

    class Load(library.registry.Collector):  # type: ignore[misc]
        def collect(self) -> Iterator[Any]:
            yield from _of_run(load, core)
            yield from _of_slots(load, core)

    registry = library.CollectorRegistry()
    registry.register(Load())
    text: bytes = library.generate_latest(registry)
    return text


def _of_run(load: LoadReport, core: Any) -> Iterator[Any]:
    said = {name: str(load.settings[name]) for name in _SAID if load.settings.get(name) is not None}
    yield core.InfoMetricFamily("planner_run", "What was run, and how it ended.", {"status": load.status, **said})
    for name, about in _RUN:
        seconds = getattr(load, f"{name}_us") / MICROSECONDS
        yield core.GaugeMetricFamily(f"planner_run_{name}_seconds", about, seconds)
    tasks = core.GaugeMetricFamily("planner_run_tasks", "Tasks, by how they ended.", labels=["status"])
    for status, count in sorted(Counter(load.tasks["status"].to_pylist()).items()):
        tasks.add_metric([status], count)
    yield tasks


def _of_slots(load: LoadReport, core: Any) -> Iterator[Any]:
    slots = load.slots.to_pylist()
    labels = [(row["executor"], str(row["slot"]), row["ran_host"] or row["host"] or "") for row in slots]
    seconds = [(f"{name}_us", f"{name}_seconds", about, MICROSECONDS) for name, about in _SLOT_SECONDS]
    for column, name, about, unit in (*seconds, *((*number, 1) for number in _SLOT_NUMBERS)):
        family = core.GaugeMetricFamily(f"planner_slot_{name}", about, labels=["executor", "slot", "host"])
        for label, row in zip(labels, slots, strict=True):
            if row[column] is not None:
                family.add_metric(label, row[column] / unit)
        yield family
