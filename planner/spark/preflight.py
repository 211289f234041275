"""Before the first task: is this session what the run needs? Everything that is not, with the setting that mends it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from pyspark import SparkFiles
from pyspark.sql import SparkSession

from planner.errors import Finding, InputError, PreflightError
from planner.model.cluster import Cluster
from planner.runtime.certificates import Certificates
from planner.spark.executors import LiveExecutor, assign_slots, wait_for_slots
from planner.spark.launch import SparkJob, pinned
from planner.spark.settings import TLS, certificates

__all__ = [
    "active_session",
    "ask_executors",
    "classic_session",
    "driver_host",
    "preflight",
    "setting_findings",
    "tls_findings",
]

_Answer: TypeAlias = tuple[str, str, tuple[str, ...], tuple[tuple[str, str], ...]]
"""Executor, its Python, the packages that it lacks, and what is wrong with its certificates."""

_checked: dict[tuple[str, str, Certificates | None], frozenset[str]] = {}


def active_session() -> SparkSession:
    """Give the active session.

    Raises
    ------
    InputError
        If there is none.
    """
    session = SparkSession.getActiveSession()
    if session is None:
        raise InputError(
            "there is no active SparkSession; expected one to be handed in, or a command with --master URL"
        )
    return session


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


def preflight(
    spark: SparkSession, cluster: Cluster, wait: float = 60.0
) -> tuple[list[LiveExecutor], Certificates | None, list[str]]:
    """Check a session against a cluster that a plan was made for.

    Executors are asked for their Python and packages once an application; that warms their Python processes as well.

    Parameters
    ----------
    spark : SparkSession
    cluster : Cluster
    wait : float
        Seconds that executors may take to answer; longer, when other jobs hold their cores.

    Returns
    -------
    places : list of LiveExecutor
        Where each planned slot runs.
    tls : Certificates or None
        None speaks in clear.
    warnings : list of str
        What does not stop the run but should be known.

    Raises
    ------
    PreflightError
        With everything that would stop it.
    """
    tls, findings = tls_findings(spark)
    live = wait_for_slots(spark, cluster.n_slots)
    places = assign_slots(cluster, live)
    findings += ask_executors(spark, places, tls, wait)
    if findings:
        raise PreflightError(findings)
    return places, tls, [*map(_told, setting_findings(spark)), *_placing_warnings(cluster, places)]


def _told(finding: Finding) -> str:
    return f"{finding.problem}; {finding.mend}"


def setting_findings(spark: SparkSession) -> list[Finding]:
    """Give the settings that work against a plan, but do not stop a run."""
    conf = spark.sparkContext.getConf()
    findings = []
    wait = conf.get("spark.locality.wait.process", conf.get("spark.locality.wait", "3s")) or "3s"
    if wait.strip() in ("0", "0s", "0ms"):
        problem = f"spark.locality.wait is {wait}: Spark may put slots elsewhere than planned"
        findings.append(Finding(problem, "set spark.locality.wait=3s"))
    if (conf.get("spark.speculation", "false") or "false") == "true":
        problem = "spark.speculation is on: second copies of slots do nothing but hold cores"
        findings.append(Finding(problem, "set spark.speculation=false"))
    return findings


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


def driver_host(spark: SparkSession) -> str:
    """Give the address at which executors reach the driver."""
    return spark.sparkContext.getConf().get("spark.driver.host") or "127.0.0.1"


def tls_findings(spark: SparkSession) -> tuple[Certificates | None, list[Finding]]:
    """Read the settings of TLS, as `certificates`, and check the driver's files."""
    tls, findings = certificates(spark.conf.getAll, SparkFiles.getRootDirectory())
    if tls is not None:
        findings += _file_findings("the driver", tls.faults(driver_host(spark)))
    return tls, findings


def _file_findings(who: str, faults: Iterable[tuple[str, str]]) -> list[Finding]:
    mend = "docs/security.md says how these files are made, who has to have them, and how they get there"
    return [Finding(f"{TLS}{what} on {who}: {problem}", mend) for what, problem in faults]


def ask_executors(
    spark: SparkSession, places: list[LiveExecutor], tls: Certificates | None, wait: float = 60.0
) -> list[Finding]:
    """Ask executors for their Python, packages and certificates, those that were not asked before; as `preflight`."""
    context = spark.sparkContext
    key = (context.applicationId, context.pythonExec, tls)
    known = _checked.get(key, frozenset())
    new = sorted({place.id for place in places} - known)
    if not new:
        return []
    asked = [place for place in places if place.id in new]
    mend_python = f"set PYSPARK_PYTHON (or spark.pyspark.python) to a Python {_minor()} that all executors have"
    elements = pinned(context, [place.id for place in asked], [place.location for place in asked])
    job = SparkJob(context, elements.mapPartitions(_look(tls, driver_host(spark))), "planner: are the executors ready?")
    if not job.over.wait(wait):
        holds = job.held_elsewhere() or "Spark has given them no core"
        job.cancel()
        problem = f"executors have not answered within {wait:g} s: {holds}"
        return [Finding(problem, "wait until cores are free, cancel what holds them, or give rendezvous= more seconds")]
    if job.error is not None:
        return [Finding(f"the executors cannot run Python tasks: {_last_line(job.error)}", mend_python)]
    findings = []
    for asked_id, python, missing, faults in sorted(set(job.rows)):
        if python != _minor():
            findings.append(Finding(f"executor {asked_id} runs Python {python}, the driver {_minor()}", mend_python))
        if missing:
            findings.append(Finding(f"executor {asked_id} lacks {', '.join(missing)}", _how_to_send(missing)))
        findings += _file_findings(f"executor {asked_id}", faults)
    if not findings:
        _checked[key] = known | set(new)
    return findings


def _how_to_send(missing: Iterable[str]) -> str:
    """Say what to type, so that executors get what they lack."""
    ours, others = "planner" in missing, sorted(set(missing) - {"planner"})
    lines = ["add --py-files planner.zip (`make zip` writes it)"] if ours else []
    if others:
        lines.append(
            f"send a Python environment along that has {', '.join(others)}: "
            "--archives environment.tar.gz#environment --conf spark.pyspark.python=./environment/bin/python "
            f"--conf spark.pyspark.driver.python={sys.executable} (venv-pack or conda-pack writes the archive)"
        )
    return "install it on all executors, or " + "; and ".join(lines)


def _look(tls: Certificates | None, host: str) -> Callable[[Iterable[str]], Iterator[_Answer]]:
    """Give what asks an executor for its Python and packages; a closure, so that it runs where planner is missing."""
    paths = () if tls is None else (tls.certificate, tls.key, tls.ca, tls.name)

    def look(elements: Iterable[str]) -> Iterator[_Answer]:
        import importlib
        import platform

        missing = []
        # Importing Flight and the slot now spares the first run the time.
        for name in ("numpy", "pyarrow", "pyarrow.flight", "cloudpickle", "planner.runtime.slot"):
            try:
                importlib.import_module(name)
            except ImportError as error:  # of what it needs itself, perhaps: the name is that of who is missing
                missing.append((error.name or name).partition(".")[0])
        version = ".".join(platform.python_version_tuple()[:2])
        faults: list[tuple[str, str]] = []
        if paths and not missing:
            from planner.runtime.certificates import Certificates
            from planner.runtime.wire import local_address

            faults = Certificates(*paths).faults(local_address(host, 1))
        for element in list(elements):
            yield element, version, tuple(dict.fromkeys(missing)), tuple(faults)

    return look


def _minor() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "No module" in line or "Cannot run program" in line]
    return (telling or lines or [type(error).__name__])[0]
