"""Before the first task: is this session what the run needs? Everything that is not, with the setting that mends it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyspark.sql import SparkSession

from planner.errors import Finding, PreflightError
from planner.model.cluster import Cluster
from planner.spark.executors import LiveExecutor, assign_slots, wait_for_slots
from planner.spark.launch import pinned

__all__ = ["classic_session", "preflight"]

_checked: dict[tuple[str, str], frozenset[str]] = {}


def classic_session(spark: Any) -> SparkSession:
    """Give the session back when it is a classic one.

    Raises
    ------
    PreflightError
        For a Spark Connect session, which has no executors to pin slots to.
    """
    if not isinstance(spark, SparkSession):
        module = type(spark).__module__
        problem = f"a run needs a classic SparkSession, and this is {module}.{type(spark).__name__}"
        mend = "make the session by spark-submit or .master(...), without .remote(...) and without SPARK_REMOTE"
        raise PreflightError([Finding(problem, mend)])
    return spark


def preflight(spark: SparkSession, cluster: Cluster) -> tuple[list[LiveExecutor], list[str]]:
    """Check a session against a cluster that a plan was made for.

    Executors are asked for their Python and packages once an application; that warms their Python processes as well.

    Returns
    -------
    places : list of LiveExecutor
        Where each planned slot runs.
    warnings : list of str
        What does not stop the run but should be known.

    Raises
    ------
    PreflightError
        With everything that would stop it.
    """
    live = wait_for_slots(spark, cluster.n_slots)
    places = assign_slots(cluster, live)
    findings = _ask_executors(spark, places)
    if findings:
        raise PreflightError(findings)
    return places, [*_setting_warnings(spark), *_placing_warnings(cluster, places)]


def _setting_warnings(spark: SparkSession) -> list[str]:
    conf = spark.sparkContext.getConf()
    warnings = []
    wait = conf.get("spark.locality.wait.process", conf.get("spark.locality.wait", "3s")) or "3s"
    if wait.strip() in ("0", "0s", "0ms"):
        warnings.append(
            f"spark.locality.wait is {wait}: Spark may put slots elsewhere than planned; set spark.locality.wait=3s"
        )
    if (conf.get("spark.speculation", "false") or "false") == "true":
        warnings.append(
            "spark.speculation is on: second copies of slots do nothing but hold cores; set spark.speculation=false"
        )
    return warnings


def _placing_warnings(cluster: Cluster, places: list[LiveExecutor]) -> list[str]:
    hosts: dict[str, set[str]] = {}
    for executor, place in zip(cluster.slot_executor.tolist(), places, strict=True):
        hosts.setdefault(place.id, set()).add(cluster.executors[executor].id)
    shared = {live: sorted(planned) for live, planned in hosts.items() if len(planned) > 1}
    return [
        f"executor {live} of the session stands for {len(planned)} planned executors: {', '.join(planned[:6])}"
        + (" …" if len(planned) > 6 else "")
        for live, planned in shared.items()
    ]


def _ask_executors(spark: SparkSession, places: list[LiveExecutor]) -> list[Finding]:
    context = spark.sparkContext
    known = _checked.get((context.applicationId, context.pythonExec), frozenset())
    new = sorted({place.id for place in places} - known)
    if not new:
        return []
    asked = [place for place in places if place.id in new]
    mend_python = f"set PYSPARK_PYTHON (or spark.pyspark.python) to a Python {_minor()} that all executors have"
    try:
        answers = pinned(context, [p.id for p in asked], [p.location for p in asked]).mapPartitions(_look()).collect()
    except Exception as error:
        return [Finding(f"the executors cannot run Python tasks: {_last_line(error)}", mend_python)]
    findings = []
    for asked_id, python, missing in sorted(set(answers)):
        if python != _minor():
            findings.append(Finding(f"executor {asked_id} runs Python {python}, the driver {_minor()}", mend_python))
        if missing:
            mend = (
                "install it on the executors, or send an environment along: "
                "--archives environment.tar.gz#environment with PYSPARK_PYTHON=./environment/bin/python"
            )
            if "planner" in missing:
                mend = "send the package along: --py-files planner.zip; or install it on the executors"
            findings.append(Finding(f"executor {asked_id} lacks {', '.join(missing)}", mend))
    if not findings:
        _checked[context.applicationId, context.pythonExec] = known | set(new)
    return findings


def _look() -> Callable[[Iterable[str]], Iterator[tuple[str, str, tuple[str, ...]]]]:
    """Give what asks an executor for its Python and packages; a closure, so that it runs where planner is missing."""

    def look(elements: Iterable[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        import importlib
        import platform

        missing = []
        # Importing Flight and the slot now spares the first run the time.
        for name in ("numpy", "pyarrow", "pyarrow.flight", "cloudpickle", "planner.runtime.slot"):
            try:
                importlib.import_module(name)
            except ImportError:
                missing.append(name.partition(".")[0])
        version = ".".join(platform.python_version_tuple()[:2])
        for element in list(elements):
            yield element, version, tuple(dict.fromkeys(missing))

    return look


def _minor() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "No module" in line or "Cannot run program" in line]
    return (telling or lines or [type(error).__name__])[0]
