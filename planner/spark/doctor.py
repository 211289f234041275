"""``doctor(spark)``: is this session what a run needs, and what is it made of? Every check, with what mends it."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyspark
from pyspark.sql import SparkSession

from planner.errors import Finding, PreflightError, RunError
from planner.model.profile import ExecutorProfile
from planner.model.units import format_bytes
from planner.report.terminal import finish
from planner.report.words import count
from planner.spark.executors import discover, live_executors
from planner.spark.preflight import active_session, ask_executors, classic_session, setting_findings, tls_findings
from planner.spark.profile import Profile, profile

__all__ = ["Check", "Diagnosis", "doctor", "unwell"]

_STRETCHED = 1.3
"""Slots that are so many times slower when all of them work share something that they were thought to have each."""


_SLOW = 1 / _STRETCHED
"""An executor of such a speed is told to be slow."""

_MOST_SHOWN = 8
"""Hosts, or executors, that are named in one check."""

_WAIT_S = 60.0
"""For so long a first executor may take to come."""

_NO_ROOM = (
    "look at the master's web page: are workers there, and have they as many free cores and as much memory as an "
    "executor is to have (spark.executor.cores, spark.executor.memory)?"
)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    status : {"ok", "note", "wrong"}
        A note stops no run; what is wrong does.
    said : str
        What was found.
    mend : str
        What to type or set, unless all is well.
    """

    name: str
    status: Literal["ok", "note", "wrong"]
    said: str
    mend: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}[self.status]
        return f"{mark}  {self.name}: {self.said}" + (f"\n       to mend it: {self.mend}" if self.mend else "")


@dataclass(frozen=True)
class Diagnosis:
    """Every check of a session, and its profile, if nothing that was wrong kept it from being measured."""

    checks: tuple[Check, ...]
    profile: Profile | None = None

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.status != "wrong" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values."""
        measured = None if self.profile is None else self.profile.to_dict()
        return {"well": self.well, "checks": [asdict(check) for check in self.checks], "profile": measured}

    def __repr__(self) -> str:
        lines = [line for check in self.checks for line in str(check).splitlines()]
        checks = finish(lines, max(map(len, lines)) + 1, None)  # whole lines: commands in them are to be copied
        return checks if self.profile is None else f"{checks}\n\n{self.profile}"


def unwell(name: str, findings: Iterable[Finding]) -> list[Check]:
    """Give a check for each finding that stops a run."""
    return [Check(name, "wrong", finding.problem, finding.mend) for finding in findings]


def doctor(spark: SparkSession | None = None, *, progress: Literal["auto", "none"] = "auto") -> Diagnosis:
    """Check everything that a run needs of a Spark session, and measure what the session is made of.

    Parameters
    ----------
    spark : SparkSession, optional
        The active session when left out. It is neither stopped nor reconfigured.
    progress : {"auto", "none"}
        As of `run`.

    Returns
    -------
    Diagnosis
        What is wrong is a part of it, and is not raised.

    Raises
    ------
    InputError
        If no session is active.
    """
    try:
        session = classic_session(spark or active_session())
    except PreflightError as error:
        return Diagnosis(tuple(unwell("session", error.findings)))
    checks = [_driver(session), *_tls(session)]
    checks += _executors(session)
    checks += _settings(session)
    if any(check.status == "wrong" for check in checks):
        return Diagnosis(tuple(checks))
    try:
        measured = profile(session, progress=progress)
    except PreflightError as error:
        return Diagnosis((*checks, *unwell("run", error.findings)))
    except RunError as error:
        return Diagnosis((*checks, _failed(error)))
    return Diagnosis((*checks, *_measured(measured)), measured)


def _driver(spark: SparkSession) -> Check:
    java = spark.sparkContext._jvm.java.lang.System.getProperty("java.version")  # type: ignore[union-attr]
    said = (
        f"Python {platform.python_version()}, Spark {pyspark.__version__}, Java {java}, on {spark.sparkContext.master}"
    )
    return Check("driver", "ok", said)


def _tls(spark: SparkSession) -> list[Check]:
    tls, findings = tls_findings(spark)
    if findings:
        return unwell("TLS", findings)
    if tls is not None:
        return [Check("TLS", "ok", f"on, with the certificate {tls.certificate}")]
    said = "off: values travel in clear, and only to processes that know the run's secret"
    if str(spark.sparkContext.master).startswith("local"):
        return [Check("TLS", "ok", said)]
    return [Check("TLS", "note", said, "on a shared network set spark.planner.tls.*, as docs/security.md says")]


def _executors(spark: SparkSession) -> list[Check]:
    try:
        cluster = discover(spark, wait=_WAIT_S)
    except PreflightError:
        return [Check("executors", "wrong", f"none has come within {_WAIT_S:g} s", _NO_ROOM)]
    live = live_executors(spark)
    hosts = {executor.host for executor in live}
    said = f"{count(len(live), 'executor')} with {count(cluster.n_slots, 'slot')} on {count(len(hosts), 'host')}"
    told = [Check("executors", "ok", said)]
    tls, findings = tls_findings(spark)
    if findings:
        return told  # executors are asked when the driver has what they are asked for
    found = unwell("Python", ask_executors(spark, live, tls))
    python = f"{'.'.join(platform.python_version_tuple()[:2])} everywhere, with planner, numpy, pyarrow and cloudpickle"
    return [*told, *(found or [Check("Python", "ok", python)])]


def _settings(spark: SparkSession) -> list[Check]:
    notes = [Check("settings", "note", finding.problem, finding.mend) for finding in setting_findings(spark)]
    if (spark.sparkContext.getConf().get("spark.dynamicAllocation.enabled") or "false") == "true":
        said = "spark.dynamicAllocation.enabled is on: executors that have nothing to do go, and a plan counts on them"
        mend = "set spark.dynamicAllocation.minExecutors to as many as are planned for"
        notes.append(Check("settings", "note", said, mend))
    return notes or [Check("settings", "ok", "none works against a plan")]


def _failed(error: RunError) -> Check:
    mend = (
        "executors have to reach one another and the driver on free ports: "
        "set spark.driver.host to an address that they reach, and open the firewall between them"
    )
    return Check("run", "wrong", f"the probes did not come to an end: {str(error).splitlines()[0]}", mend)


def _measured(measured: Profile) -> list[Check]:
    hosts: dict[str, list[ExecutorProfile]] = {}
    for executor in measured.executors:
        hosts.setdefault(executor.host, []).append(executor)
    memory = {executor.id: executor.memory_bytes for executor in measured.cluster.executors}
    slow = [f"{each.id} on {each.host} ({each.speed:g})" for each in measured.cluster.executors if each.speed < _SLOW]
    return [
        Check("run", "ok", "slots start, meet, and hand values to one another"),
        _noted(
            "speeds",
            "slower than the executor in the middle: ",
            slow,
            "plan with the measured cluster: planner plan GRAPH --cluster FILE, which -o FILE writes",
            "no executor is much slower than the one in the middle",
        ),
        _noted(
            "cores",
            "slots are slower when all of them work than alone: ",
            [told for host, executors in hosts.items() if (told := _shared_cores(host, executors))],
            "where there are more slots than cores, ask for fewer (spark.executor.cores); else others work there, too",
            "slots are as fast all at once as alone",
        ),
        _noted(
            "memory",
            "executors may take more than there is left: ",
            [told for host, executors in hosts.items() if (told := _scarce_memory(host, executors, memory))],
            "ask for less (spark.executor.memory), or for fewer executors there",
            "hosts have what their executors may take",
        ),
    ]


def _noted(name: str, problem: str, found: list[str], mend: str, well: str) -> Check:
    if not found:
        return Check(name, "ok", well)
    more = f", and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return Check(name, "note", f"{problem}{', '.join(found[:_MOST_SHOWN])}{more}", mend)


def _shared_cores(host: str, executors: list[ExecutorProfile]) -> str:
    stretch = statistics.median(each.stretch for each in executors)
    slots, cores = sum(each.slots for each in executors), max(each.cores for each in executors)
    told = f"{stretch:.2g} × on {host}, with {count(slots, 'slot')} on {count(int(cores), 'core')}"
    return told if stretch > _STRETCHED else ""


def _scarce_memory(host: str, executors: list[ExecutorProfile], memory: dict[str, int | None]) -> str:
    left = min((each.memory_bytes for each in executors if each.memory_bytes is not None), default=None)
    asked = sum(memory[each.id] or 0 for each in executors)
    if left is None or asked <= left or executors[0].id == "driver":
        return ""
    return f"{format_bytes(asked)} on {host}, which has {format_bytes(left)}"
