"""`balance` beside Spark's defaults, what people do instead, and an expert: groups that sleep and groups that compute.

    python benchmarks/groups.py                   45 minutes; writes docs/benchmarks/groups.md and .csv
    python benchmarks/groups.py --quick           some five minutes; fewer and smaller, prints only
    python benchmarks/groups.py --list            what would run
    python benchmarks/groups.py --only "200 keys" "zipf 1.2" --master "local[2]" --rounds 5

Every master has one session in a process of its own, in which all contenders take turns on the same frame, round by
round, in an order that is rotated. A run counts only if its answer is right.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from group_cases import CASES, CLUSTER, LOCAL, QUICK, SLOTS, Case
from group_figures import Figures, Run
from group_page import page, write_rows
from table import machine

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "groups.md"


def main() -> None:
    """Measure in processes of their own and print the page."""
    given = arguments()
    cases = chosen(given)
    if given.list:
        print("\n".join(f"{case.rounds} × {case.name}: bound {case.lower_bound():.1f} s" for case in cases))
        return
    if given.child:
        child(given, cases)
        return
    facts, found = machine(ROOT), {"runs": [], "planning": [], "memory": []}
    with tempfile.TemporaryDirectory() as name:
        for part in parts(given, cases):
            facts |= apart(part, Path(name), found)
    runs = [Run(**row) for row in found["runs"]]
    measured = {run.case for run in runs}
    there = [case for case in cases if case.name in measured]
    text = page(Figures(there, runs, found["planning"], found["memory"]), facts, quick=given.quick)
    print(text)
    whole = not (given.quick or given.only or given.master or given.rounds or given.without or any(given.contenders))
    target = given.output or (PAGE if whole else None)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        write_rows(runs, target.with_suffix(".csv"))
        print(f"written to {target} and {target.with_suffix('.csv').name}")


def chosen(given: argparse.Namespace) -> list[Case]:
    """Give the cases with all the given words in their names."""
    masters = given.master or list(SLOTS)
    return [
        case
        for case in (QUICK if given.quick else CASES)
        if case.master in masters and all(word in case.name for word in given.only)
    ]


def parts(given: argparse.Namespace, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Give what is measured in a process of its own: groups, planning or memory, and the master."""
    masters = given.master or list(SLOTS)
    for master in masters:
        if "groups" not in given.without and any(case.master == master for case in cases):
            yield "groups", master
    for master in masters:
        if "planning" not in given.without:
            yield "planning", master
    if "planning" not in given.without and CLUSTER in masters:
        yield "memory", CLUSTER


def apart(part: tuple[str, str], folder: Path, found: dict[str, Any]) -> dict[str, str]:
    """Start a process for a part, pass on what it says, and gather what it measured."""
    out, log = folder / "found.json", folder / "log"
    command = [sys.executable, __file__, *sys.argv[1:], "--child", *part, str(out)]
    began, here = time.monotonic(), Path(__file__).resolve().parent
    paths = [str(here), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYSPARK_PYTHON": sys.executable}
    with log.open("w") as file:  # Spark's own words, which are many
        code = subprocess.run(command, stderr=file, env=environment).returncode
    if code or not out.exists():
        print("\n".join(log.read_text(errors="replace").splitlines()[-30:]))
        sys.exit(f"{' on '.join(part)} failed, exit code {code}; the end of what it said stands above")
    said = json.loads(out.read_text())
    out.unlink()
    for name in found:
        found[name] += said.get(name, [])
    print(f"{' on '.join(part)}: {time.monotonic() - began:.0f} s in all", flush=True)
    return dict(said["versions"])


def child(given: argparse.Namespace, cases: Sequence[Case]) -> None:
    """Measure one part on a session of this process."""
    from group_planning import held, planned
    from group_runs import Settings, measured

    from planner.spark.session import session

    what, master, out = given.child
    said: dict[str, Any] = {}
    with session(master, "benchmark") as spark, tempfile.TemporaryDirectory() as name:
        if what == "groups":
            said["runs"] = []
            before = dict(settings(spark))
            here = [case for case in cases if case.master == master]
            how = Settings(given.rounds, tuple(given.contenders), Path(name), 1 if given.quick else 4)
            for run in measured(spark, here, how):
                said["runs"].append(asdict(run))
                shown = f"{run.seconds:.2f} s, {run.seconds / run.bound:.3f} × the bound"
                print(f"{run.case}, round {run.round + 1}: {run.contender}: {shown}", flush=True)
            if dict(settings(spark)) != before:
                raise AssertionError("settings of the session were not put back")
        elif what == "planning":
            said["planning"] = planned(spark, master, 10**5 if given.quick else 10**6, Path(name))
        else:
            said["memory"] = [held(spark, master, 10**6 if given.quick else 10**7)]
        said["versions"] = versions(spark)
    Path(out).write_text(json.dumps(said))


def settings(spark: Any) -> list[tuple[str, str]]:
    """Give all settings of the session that were set."""
    return [(row.key, row.value) for row in spark.sql("SET").collect()]


def versions(spark: Any) -> dict[str, str]:
    """Give the versions of what runs."""
    import pandas
    import pyarrow

    java = spark.sparkContext._jvm.System.getProperty("java.version")
    return {"PySpark": spark.version, "Java": java, "PyArrow": pyarrow.__version__, "pandas": pandas.__version__}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="fewer and smaller; not written unless -o says where")
    words.add_argument("--rounds", type=int, metavar="N", help="instead of those of each case")
    words.add_argument("--only", nargs="+", default=[], metavar="TEXT", help="only cases with all these in their name")
    words.add_argument("--master", nargs="+", choices=[CLUSTER, LOCAL], help="only on these")
    words.add_argument("--contenders", nargs="+", default=[""], metavar="TEXT", help="only those with one of these")
    words.add_argument("--without", nargs="+", default=[], choices=["groups", "planning"], help="leave a part out")
    words.add_argument("--list", action="store_true", help="name the cases, and run nothing")
    words.add_argument("-o", "--output", type=Path, metavar="FILE.md")
    words.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    return words.parse_args()


if __name__ == "__main__":
    main()
