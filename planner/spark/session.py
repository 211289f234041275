"""A session for a run that has none: started for it, and stopped after it."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from planner.errors import Fault, Finding, InputError, PreflightError, RunError

__all__ = ["check_master", "session", "submitted"]


MASTER = re.compile(
    r"local|local\[(\d+|\*)(,\s*\d+)?\]|local-cluster\[\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\]|spark://.+:\d+(,.+)*|yarn|k8s://.+"
)
FORMS = "expected local[n], local-cluster[executors,slots,MB], spark://host:port, yarn or k8s://…"


def submitted() -> bool:
    """Tell whether this process was started by spark-submit, which has settled the master."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def check_master(master: str | None) -> None:
    """Check the form of a master, which Spark does as well, but after a page of Java.

    Raises
    ------
    InputError
        If it is none that Spark knows, or is left out where there is neither a session nor spark-submit.
    """
    if master is None and SparkSession.getActiveSession() is None and not submitted():
        raise InputError([Fault("--master", f"is left out; {FORMS}")])
    if master is not None and not MASTER.fullmatch(master):
        raise InputError([Fault("--master", f"{master!r} is no master; {FORMS}")])


@contextmanager
def session(master: str | None = None, name: str = "planner") -> Iterator[SparkSession]:
    """Give the active session, or start one and stop it at the end.

    Parameters
    ----------
    master : str, optional
        Spark's master; not needed inside spark-submit.
    name : str
        The application's name.

    Raises
    ------
    InputError
        If there is no session, no spark-submit, and no master, or none that Spark knows.
    PreflightError
        If Spark cannot be started.
    RunError
        If Spark fails inside the block: with what was said in Python, and without the Java behind it.
    """
    active = SparkSession.getActiveSession()
    if active is None:
        check_master(master)
    spark = active or _start(master, name)
    try:
        yield spark
    except PySparkException as error:
        raise RunError(_told(error)) from error
    finally:
        if active is None:
            spark.stop()


def _told(error: PySparkException) -> str:
    """Give what a failure of Spark says; of a function that failed on an executor, from where it names the key."""
    text = str(error).partition("JVM stacktrace:")[0].strip()
    failed = text.find("the function failed")
    return text[failed:] if failed >= 0 else f"Spark failed: {text}"


_KNOCK_S = 5.0
"""Seconds that a standalone master may take to open its door; Spark itself knocks for a minute."""


def _knock(master: str) -> None:
    """Find out whether a standalone master is there at all; of several, one is enough."""
    said = []
    for place in master.removeprefix("spark://").split(","):
        host, _, port = place.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()
            return
        except (OSError, OverflowError, ValueError) as error:
            said.append(f"{place} ({getattr(error, 'strerror', None) or error})")
    problem = f"no Spark master answers at {', '.join(said)}"
    mend = (
        "look at the master's web page, usually http://HOST:8080: its URL stands on top; "
        "is the host right, the master started, and may this machine reach that port?"
    )
    raise PreflightError([Finding(problem, mend)])


def _start(master: str | None, name: str) -> SparkSession:
    if master is not None and master.startswith("spark://"):
        _knock(master)
    builder = SparkSession.builder.appName(name)
    if master is not None:
        builder = builder.master(master)
        if master.startswith("local"):
            # Executors on this machine run this Python, and need no host name that resolves.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    # Planner has a progress bar of its own.
    builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.log.level", "ERROR")
    try:
        return builder.getOrCreate()
    except PySparkException as error:
        if error.getCondition() == "JAVA_GATEWAY_EXITED":
            raise PreflightError([_no_java()]) from error
        raise PreflightError([_refusal(master, error)]) from error
    except Exception as error:  # the JVM's own errors have no common class in Python
        raise PreflightError([_refusal(master, error)]) from error


def _no_java() -> Finding:
    home = os.environ.get("JAVA_HOME")
    there = home is None or (Path(home) / "bin" / "java").exists()
    problem = "Spark found no Java that starts" + (
        "" if there else f": JAVA_HOME is {home}, where there is no bin/java"
    )
    install = "install a Java runtime, 17 or newer (on Debian and Ubuntu: apt-get install openjdk-17-jre-headless)"
    return Finding(problem, f"{install}, and set JAVA_HOME to it")


def _refusal(master: str | None, error: Exception) -> Finding:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "Exception" in line and ":" in line), lines[0] if lines else repr(error))
    mend = "check that the master is there and has room; what Spark logged stands above"
    return Finding(f"Spark did not start on {master or 'the master of spark-submit'}: {said.lstrip(': ')}", mend)
