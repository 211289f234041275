"""``planner doctor``: every check of a Spark, what mends it, and what its cluster was measured to be."""

from __future__ import annotations

from argparse import Namespace

from planner.cli.options import Reader
from planner.cli.summary import dump
from planner.errors import PlannerError, PreflightError
from planner.report.words import count
from planner.spark import Diagnosis, doctor
from planner.spark.doctor import unwell
from planner.spark.session import check_master, session

__all__ = ["examine"]


def examine(words: Namespace) -> None:
    """Carry out ``planner doctor``.

    Raises
    ------
    PlannerError
        If a check failed; all of them have been shown.
    """
    reader = Reader(words)
    with reader.collecting("--master"):
        check_master(words.master)
    reader.file_in_a_folder("output")
    reader.check()
    try:
        with session(words.master, "planner: doctor") as spark:
            found = doctor(spark, progress="none" if words.json else "auto")
    except PreflightError as error:
        found = Diagnosis(tuple(unwell("Spark", error.findings)))
    written = str(found.profile.save(words.output)) if words.output and found.profile is not None else None
    print(dump({**found.to_dict(), "written": written}) if words.json else found)
    if written and not words.json:
        print(f"\nwritten: {written}\nplan for it: planner plan GRAPH --cluster {written}")
    if not found.well:
        failed = count(sum(check.status == "wrong" for check in found.checks), "check")
        untold = (
            f"; so nothing was measured, and {words.output} was not written" if words.output and not written else ""
        )
        raise PlannerError(f"{failed} failed; what mends it stands with what is wrong{untold}")
