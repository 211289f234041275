"""Runs that are disturbed: processes are killed or stand still, at random moments, and nothing may get lost.

    python benchmarks/chaos.py                       200 runs; writes docs/benchmarks/chaos.md and .csv
    python benchmarks/chaos.py --quick               6 runs of smaller graphs; prints only
    python benchmarks/chaos.py --seed 17 --runs 1    one of the 200 again; prints only

The exit code is 1 if a run ended badly, with other values, with a value twice, or not at all.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from chaos_kinds import DRIVER, KINDS, Blow, Disturber, blows, living, processes, send, under
from chaos_page import SLOTS, Chaos, Timeline, page, told_twice, write_rows
from chaos_work import LAYERS, Checked, checked, noted, same, twice
from table import machine

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "chaos.md"
RUNS, BLOCK, UNDISTURBED = 200, 20, 5
"""Runs; of these so many have a graph in common, which is run undisturbed so often before them."""
HUNG_S = 120.0
SILENCE_S = 2.0
"""Seconds after which a run counts as hung, and after which a slot that may be stopped is given up."""
SECONDS_A_RUN, SECONDS_OF_DRIVERS = 11.0, 25.0
"""Roughly; with what a session needs after it, and a share of the undisturbed runs."""


@dataclass
class Session:
    """A Spark session that is disturbed, and the process under which its executors are."""

    spark: Any

    @property
    def jvm(self) -> int:
        """The driver's Java process."""
        return int(self.spark.sparkContext._gateway.proc.pid)

    def settle(self) -> None:
        """Wait until Spark has replaced what was killed, and until every slot has run something."""
        from planner.spark import discover

        until = time.monotonic() + 60
        while discover(self.spark).n_slots < SLOTS and time.monotonic() < until:
            time.sleep(0.2)
        with tempfile.TemporaryDirectory() as notes:
            warm = checked(0, layers=2)
            warm = replace(warm, seconds=np.full(warm.n, 0.02))
            self.run(prepared(warm), warm, Path(notes))

    def run(self, plan: Any, work: Checked, notes: Path, **more: Any) -> Any:
        """Run a plan whose tasks note in this folder that they are run."""
        from planner.spark import run

        plan = replace(plan, graph=replace(plan.graph, calls=work.graph(notes).calls))
        return run(plan, self.spark, progress="none", **more)


@contextmanager
def session() -> Iterator[Session]:
    """Start a session of 4 executors with 2 slots, whose Spark does not give up before planner does."""
    from pyspark.sql import SparkSession

    here = Path(__file__).resolve().parent
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here), str(ROOT), os.environ.get("PYTHONPATH", "")])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",
        "spark.task.maxFailures": "100",
    }
    builder = SparkSession.builder.master("local-cluster[4,2,1024]").appName("chaos")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        yield Session(spark)
    finally:
        spark.stop()


def prepared(work: Checked) -> Any:
    """Plan the graph."""
    from planner import Cluster, plan

    return plan(work.graph(Path("notes")), Cluster.uniform(4, 2), method="heft")


class Watchdog:
    """Ends a run that hangs: writes where every thread is, cancels what Spark does, and at last ends the process."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.bit = False
        self._session, self._folder = session, folder
        self._timers = [threading.Timer(HUNG_S, self._bite), threading.Timer(2 * HUNG_S, self._end)]

    def __enter__(self) -> Watchdog:
        for timer in self._timers:
            timer.daemon = True
            timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        for timer in self._timers:
            timer.cancel()

    def _bite(self) -> None:
        self.bit = True
        with (self._folder / "stacks.txt").open("w") as file:
            faulthandler.dump_traceback(file)
        self._session.spark.sparkContext.cancelAllJobs()

    def _end(self) -> None:
        print(f"a run hung and could not be cancelled; {self._folder} tells where", flush=True)
        os._exit(1)


@dataclass(frozen=True)
class Ran:
    """What came of one call, or of two if the driver was killed."""

    values: dict[int, Any]
    seconds: float
    call: float
    struck: list[tuple[float, str]]
    bereaved: list[int]
    began: float
    called: float
    error: str = ""
    hung: bool = False


@dataclass
class Block:
    """Runs of one graph, each of which is held against the undisturbed ones."""

    session: Session
    work: Checked
    plan: Any
    right: dict[int, Any]
    undisturbed: float = 0.0
    stored: float = 0.0
    start: float = 0.0

    def calm(self, folder: Path, times: int) -> None:
        """Measure the graph undisturbed, with and without a store by turns."""
        took: dict[bool, list[float]] = {True: [], False: []}
        starts = []
        for number in range(times):
            for stored, seconds in took.items():
                place = folder / f"{number}-{stored}"
                (place / "notes").mkdir(parents=True)
                more = {"store": place / "store"} if stored else {}
                called = time.monotonic()
                result = self.session.run(self.plan, self.work, place / "notes", run_dir=place / "run", **more)
                if not same(numbered(result.values), self.right):
                    raise AssertionError("an undisturbed run brought home wrong values")
                seconds.append(result.load.elapsed_us / 1e6)
                starts.append(last_came(journal(place)) - called)
        self.undisturbed, self.stored, self.start = median(took[False]), median(took[True]), median(starts)

    def disturbed(self, seed: int, kind: str, folder: Path) -> Chaos:
        """Run it once, and count what came of that."""
        random = np.random.default_rng([seed, 1])
        (folder / "notes").mkdir(parents=True)
        plan = blows(kind, self.undisturbed, random)
        ran = self._driver_killed(plan[0], folder) if kind == DRIVER else self._struck(plan, kind, folder, random)
        orphans = len(living(ran.bereaved, within=5.0))
        whole = journal(folder)
        lines = [line for line in whole if line["at_us"] >= ran.called * 1e6]  # since it was resumed, if so
        resumed, due = ran.called > ran.began, ran.began + self.start
        early = not resumed and any(at < max(due, last_came(lines)) for at, _ in ran.struck[:1])
        times = Timeline(lines, round(due * 1e6) if early else None)
        executions = noted(folder / "notes")
        seconds, chain = self.work.again(executions)
        return Chaos(
            seed,
            kind,
            self.stored if kind == DRIVER else self.undisturbed,
            ran.seconds,
            ran.call,
            "; ".join(f"{what} at {at - ran.began:.2f} s" for at, what in ran.struck),
            same(ran.values, self.right),
            twice(folder / "run" / "results", self.right) + told_twice(whole),
            ran.hung,
            ran.error,
            sum(executions.values()) - len(executions),
            seconds,
            chain,
            len(times.lost),
            times.away_us / 1e6,
            last_came(lines) - ran.called if resumed and times.first else 0.0,
            times.replaced_us / 1e6,
            min(SILENCE_S, max(blow.pause for blow in plan)),
            orphans,
            os.getloadavg()[0],
        )

    def _struck(self, plan: list[Blow], kind: str, folder: Path, random: np.random.Generator) -> Ran:
        more = {"silence": SILENCE_S} if any(blow.pause for blow in plan) else {}
        began = time.monotonic()
        result, error = None, ""
        with (
            Watchdog(self.session, folder) as watchdog,
            Disturber(self.session.jvm, plan, folder / "notes", random) as disturber,
        ):
            try:
                result = self.session.run(self.plan, self.work, folder / "notes", run_dir=folder / "run", **more)
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
        call = time.monotonic() - began
        values = numbered(result.values) if result is not None else {}
        seconds = result.load.elapsed_us / 1e6 if result is not None else call
        return Ran(values, seconds, call, disturber.struck, disturber.bereaved, began, began, error, watchdog.bit)

    def _driver_killed(self, blow: Blow, folder: Path) -> Ran:
        """Let another process with a session of its own run it, kill that process, and resume here."""
        (folder / "work.pickle").write_bytes(pickle.dumps(self.work))
        with (folder / "driver.log").open("w") as log:
            driver = subprocess.Popen([sys.executable, __file__, "--child", str(folder)], stdout=log, stderr=log)
        began = self._begun(driver, folder)
        if began is None:
            driver.kill()
            now, error = time.monotonic(), f"the driver that was to be killed never began: {folder / 'driver.log'}"
            return Ran({}, 0.0, 0.0, [], [], now, now, error)
        time.sleep(max(0.0, began + blow.at - time.monotonic()))
        family = list(under(driver.pid, processes()))
        killed = time.monotonic()
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        called, result, error = time.monotonic(), None, ""
        begun = (folder / "run" / "plan.json").exists()  # else there is nothing to resume, as the user is told
        more = {"resume": folder / "run"} if begun else {"run_dir": folder / "run"}
        with Watchdog(self.session, folder) as watchdog:
            try:
                result = self.session.run(self.plan, self.work, folder / "notes", **more)
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
        before, call = killed - began, time.monotonic() - called
        send(signal.SIGKILL, left := living(family, within=10.0))
        values = numbered(result.values) if result is not None else {}
        seconds = before + (result.load.elapsed_us / 1e6 if result is not None else call)
        return Ran(values, seconds, before + call, [(killed, "driver")], left, began, called, error, watchdog.bit)

    @staticmethod
    def _begun(driver: subprocess.Popen[bytes], folder: Path) -> float | None:
        """Wait until the other process has called `run`, and tell when; None if it does not."""
        until = time.monotonic() + HUNG_S
        while not (folder / "began").exists():
            if driver.poll() is not None or time.monotonic() > until:
                return None
            time.sleep(0.01)
        return float((folder / "began").read_text())


def child(folder: Path) -> None:
    """Be the driver that is killed."""
    work = pickle.loads((folder / "work.pickle").read_bytes())
    with session() as running:
        running.settle()
        (folder / "new").write_text(str(time.monotonic()))
        (folder / "new").replace(folder / "began")
        running.run(prepared(work), work, folder / "notes", run_dir=folder / "run", store=str(folder / "store"))
        time.sleep(60)  # to be killed all the same


def numbered(values: Any) -> dict[int, Any]:
    """Give values by the numbers of their tasks."""
    return {int(name): value for name, value in values.items()}


def journal(folder: Path) -> list[dict[str, Any]]:
    """Read the journal of a run; a last line that is not whole is left out."""
    path = folder / "run" / "journal.jsonl"
    lines = []
    for line in path.read_text().splitlines() if path.exists() else []:
        with suppress(ValueError):
            lines.append(json.loads(line))
    return lines


def last_came(lines: list[dict[str, Any]]) -> float:
    """Give the moment at which the last slot came first, by `time.monotonic`."""
    return max(Timeline(lines).first.values(), default=0) / 1e6


def measure(seeds: range, layers: int, folder: Path) -> tuple[list[Chaos], dict[str, str]]:
    """Make all runs in one session."""
    runs: list[Chaos] = []
    with session() as running:
        running.settle()
        block: Block | None = None
        for number, seed in enumerate(seeds):
            if block is None or seed % BLOCK == 0:
                graph = checked(seed // BLOCK, layers=layers)
                block = Block(running, graph, prepared(graph), graph.values())
                block.calm(folder / f"before-{seed}", UNDISTURBED if layers == LAYERS else 2)
                print(f"undisturbed: {block.undisturbed:.2f} s, with a store {block.stored:.2f} s", flush=True)
            kind = KINDS[seed % len(KINDS)]
            run = block.disturbed(seed, kind, folder / str(seed))
            if run.well:  # its journal stays
                for made in ("store", "run/results"):
                    shutil.rmtree(folder / str(seed) / made, ignore_errors=True)
            usable = True
            try:
                running.settle()
            except Exception as error:
                usable = False
                run = replace(run, error=f"the session could not be used after it: {type(error).__name__}: {error}")
            runs.append(run)
            told(number, len(seeds), run, folder)
            if not usable:
                break
        java = running.spark.sparkContext._jvm.System.getProperty("java.version")
        versions = {"PySpark": running.spark.version, "Java": java}
    return runs, versions


def told(number: int, of: int, run: Chaos, folder: Path) -> None:
    """Say what came of a run."""
    ratio = f"{run.seconds:.2f} s, bound {run.bound:.2f} s, {run.again} run again"
    verdict = "" if run.well else f"; NOT WELL, look at {folder / str(run.seed)}: {run.error[:300]}"
    print(f"{number + 1}/{of} seed {run.seed}, {run.kind}: {ratio}{verdict} ({run.struck})", flush=True)


def main() -> int:
    """Measure and print the page."""
    given = arguments()
    if given.child:
        child(given.child)
        return 0
    seeds = range(given.seed, given.seed + given.runs)
    drivers = sum(KINDS[seed % len(KINDS)] == DRIVER for seed in seeds)
    minutes = (given.runs * SECONDS_A_RUN + drivers * (SECONDS_OF_DRIVERS - SECONDS_A_RUN)) / 60 + 1
    facts = machine(ROOT)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"{given.runs} runs, some {minutes:.0f} minutes; their journals are in {folder}", flush=True)
    layers = LAYERS // 2 if given.quick else LAYERS
    runs, versions = measure(seeds, layers, folder)
    text = page(runs, KINDS, facts | versions)
    print(text)
    target = given.output or (PAGE if (given.runs, given.seed, given.quick) == (RUNS, 0, False) else None)
    if target is not None:
        target.write_text(text, encoding="utf-8")
        write_rows(runs, target.with_suffix(".csv"))
    return 0 if all(run.well for run in runs) else 1


def arguments() -> argparse.Namespace:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument(
        "--quick", action="store_true", help="6 runs of graphs half as long; not written unless -o says where"
    )
    words.add_argument("--runs", type=int)
    words.add_argument("--seed", type=int, default=0, help="of the first run; the others count on from there")
    words.add_argument("-o", "--output", type=Path, metavar="FILE.md")
    words.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = words.parse_args()
    given.runs = given.runs or (6 if given.quick else RUNS)
    return given


if __name__ == "__main__":
    sys.exit(main())
