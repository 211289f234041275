"""``run(plan)``: preflight, resident slots on Spark's executors, results, load report."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyspark
from pyspark.sql import SparkSession

from planner.errors import Fault, InputError, RunError
from planner.io.history_folder import make_folder
from planner.io.load_export import export_load
from planner.io.resuming import keep_store, reopen_run_folder
from planner.io.run_folder import create_run_folder, write_load
from planner.io.run_history import append_run
from planner.model.load import LoadReport
from planner.model.move import Move
from planner.model.plan import Plan
from planner.rebalancing import POLICIES, Rebalancer
from planner.report import load_html
from planner.report.text import load_text
from planner.runtime.drive import Outcome, drive, slot_names
from planner.runtime.measure import load_report
from planner.runtime.progress import Progress
from planner.runtime.storage import Storage
from planner.spark.described import job_description
from planner.spark.growth import with_room
from planner.spark.launch import SparkSlots
from planner.spark.preflight import active_session, classic_session, driver_host, preflight

__all__ = ["RunResult", "run"]


@dataclass(frozen=True, eq=False)
class RunResult:
    """The values of a run and what it really did. Shows itself in a notebook.

    Attributes
    ----------
    plan : Plan
    values : dict of str to object
        The value of every task on which no other waits; ``result["id"]`` gives one.
    load : LoadReport
    warnings : tuple of str
        From the preflight, and where slots ran elsewhere than planned.
    run_dir : Path or None
    moves : tuple of Move
        What was moved to another slot while it ran, in that order, and why.
    """

    plan: Plan
    values: Mapping[str, Any]
    load: LoadReport
    warnings: tuple[str, ...] = ()
    run_dir: Path | None = field(default=None)
    moves: tuple[Move, ...] = ()

    def __getitem__(self, task: str) -> Any:
        return self.values[task]

    def to_pandas(self) -> Any:
        """Give a row a task, measured beside planned (`LoadReport.to_pandas`)."""
        return self.load.to_pandas()

    def export(self, path: str | Path) -> tuple[Path, ...]:
        """Write the load report as Parquet, for Prometheus or for TensorBoard, as `planner.io.export_load`."""
        return export_load(self.load, path)

    def _repr_html_(self) -> str:
        return load_html(self.plan, self.load)

    def __repr__(self) -> str:
        return load_text(self.load, self.plan)


def run(
    plan: Plan,
    spark: SparkSession | None = None,
    *,
    run_dir: str | Path | None = None,
    emulate: float | None = None,
    progress: Literal["auto", "none"] = "auto",
    rebalance: Literal["planned", "least_loaded", "random", "none"] = "planned",
    speculate: bool = True,
    history: str | Path | None = None,
    store: str | Path | None = None,
    resume: str | Path | None = None,
    rendezvous: float = 60.0,
    silence: float = 60.0,
) -> RunResult:
    """Run a plan on the executors of a Spark session.

    Parameters
    ----------
    plan : Plan
        For a cluster with at most as many slots as the session has.
    spark : SparkSession, optional
        The active session when left out. It is neither stopped nor reconfigured. Executors that its dynamic allocation
        adds while the plan runs get work, up to ``spark.dynamicAllocation.maxExecutors``.
    run_dir : str or Path, optional
        Folder for plan, journal, load report and results.
    emulate : float, optional
        Run a trace: every task sleeps its planned time × this, and hands on a value of its real size × this.
    progress : {"auto", "none"}
        ``auto`` shows a bar on a terminal and below the cell of a notebook, elsewhere plain lines on standard error.
    rebalance : {"planned", "least_loaded", "random", "none"}
        How tasks are moved to other slots while it runs, when executors or tasks turn out slower than planned.
    speculate : bool
        Whether a task that runs on a slow executor may be run on another one as well, where that is predicted to end
        sooner; what ends first counts. For tasks that must not run twice at a time: False. Only while tasks are moved.
    history : str or Path, optional
        Folder, or URI of one, that gets a file of what every task really took; `planner.plan` learns from it.
    store : str or Path, optional
        Folder, or URI of one, new or empty, that the driver and all executors can write to. It keeps the value of every
        task, so that a lost slot costs less, and the run can be resumed; it goes with `run_dir`.
    resume : str or Path, optional
        The `run_dir` of a run whose driver has died, or that has failed: what was done there is not done again, as far
        as its values were stored. The plan has to be of the same graph, for whichever cluster.
    rendezvous, silence : float
        Seconds after which slots that never started, or that fell silent, are given up.

    Returns
    -------
    RunResult

    Raises
    ------
    InputError
        If no session is active, the graph has nothing to run, the history or the store is no folder that can be
        written to, or there is no run of this graph to resume.
    PreflightError
        If the session is not what the run needs.
    RunError
        If a task raised, or an executor was lost. Its attribute ``result`` is the `RunResult` of what finished.
    """
    session = classic_session(spark or active_session())
    if emulate is not None and not 0 < emulate < float("inf"):
        raise InputError(f"emulate is {emulate}; expected a scale above 0")
    if rebalance != "none" and rebalance not in POLICIES:
        raise InputError([Fault("rebalance", f"is {rebalance!r}; expected one of none, {', '.join(POLICIES)}")])
    if history is not None:
        make_folder(history)  # a wrong place is told before anything runs for it
    _refuse(run_dir, emulate, store, resume)
    places, tls, warnings = preflight(session, plan.cluster, rendezvous)
    about = job_description(plan)
    expected = plan.cluster.n_slots
    if rebalance != "none":  # else nothing would ever go to executors that come
        plan = with_room(plan, session)
    folder, storage, done = _folder(plan, run_dir, store, resume)
    scale = emulate if emulate is not None else 1.0
    context = session.sparkContext
    launched: list[SparkSlots] = []

    def launch(configs: Any) -> SparkSlots:
        launched.append(SparkSlots(context, configs, places, about))
        return launched[0]

    outcome = drive(
        plan,
        launch,
        host=driver_host(session),
        emulate=emulate,
        journal_path=folder / "journal.jsonl" if folder else None,
        progress=Progress(plan, scale=scale) if progress == "auto" else None,
        on_result=_result_writer(folder / "results", plan.graph.names) if folder else None,
        rendezvous_s=rendezvous,
        silence_s=silence,
        rebalancer=_rebalancer(plan, rebalance, copying=speculate),
        moving=rebalance != "none",
        copying=speculate and rebalance != "none",
        expected=expected,
        scale=scale,
        tls=tls,
        storage=storage,
        done=done,
    )
    placements = launched[0].placements(outcome.summaries)
    moves = tuple(move for decision in outcome.decisions for move in decision.moves)
    settings = {
        "spark": pyspark.__version__,
        "master": context.master,
        "application": context.applicationId,
        "job_group": launched[0].group,
        "method": plan.method,
        "emulate": emulate,
        "rebalance": rebalance,
        "again": len(outcome.again),
        "kept": len(outcome.kept),
        "moves": len(moves),
        "copies": sum(len(decision.copies) for decision in outcome.decisions),
        "lower_bound_us": round(plan.bound.us * scale),
    }
    load = load_report(plan, outcome, placements, scale=scale, settings=settings)
    if folder:
        write_load(load, folder)
    if history is not None:
        warnings += _remembered(plan, load, history)
    names = plan.graph.names
    warnings += _moved(plan, [place.id for place in places], placements)
    if outcome.status == "done":
        warnings += [f"{slot} was lost; its tasks ran elsewhere" for slot in outcome.lost]
    warnings += _not_stored(outcome, names)
    values = {names[task]: value for task, value in sorted(outcome.results.items())}
    result = RunResult(plan, values, load, tuple(warnings), folder, moves)
    if outcome.status != "done":
        held = launched[0].held_elsewhere() if outcome.status == "lost" else None
        raise _error(outcome, names, result, held)
    return result


def _refuse(run_dir: Any, emulate: float | None, store: Any, resume: Any) -> None:
    faults = []
    if store is not None and run_dir is None:
        faults.append(Fault("store", "goes with run_dir, which keeps the journal; expected both"))
    if resume is not None and (run_dir is not None or store is not None):
        faults.append(Fault("resume", "names the run_dir, and the store of then is meant; expected neither beside it"))
    if emulate is not None and (store is not None or resume is not None):
        faults.append(Fault("emulate", "makes no values; expected neither store nor resume beside it"))
    if faults:
        raise InputError(faults)


def _folder(plan: Plan, run_dir: Any, store: Any, resume: Any) -> tuple[Path | None, Storage | None, tuple[int, ...]]:
    """Give the folder of the run, where its values are kept, and what was done in it before."""
    if resume is not None:
        resumed = reopen_run_folder(resume, plan)
        kept = resumed.store
        return resumed.folder, Storage(kept.location, kept.key) if kept is not None else None, resumed.done
    if run_dir is None:
        return None, None, ()
    folder = create_run_folder(run_dir, plan)
    if store is None:
        return folder, None, ()
    kept = keep_store(folder, store)
    storage = Storage(kept.location, kept.key)
    storage.prepare()
    return folder, storage, ()


def _not_stored(outcome: Outcome, names: list[str]) -> list[str]:
    told = [record for record in outcome.records.values() if record.remark]
    if not told:
        return []
    first = min(told, key=lambda record: record.task)
    many = f"{len(told)} values are not in the store" if len(told) > 1 else "a value is not in the store"
    return [f"{many}, because of task {names[first.task]!r}: {first.remark}"]


def _remembered(plan: Plan, load: LoadReport, history: str | Path) -> list[str]:
    """Add a run to its history; that this fails is no reason to lose its results."""
    try:
        append_run(plan, load, history)
    except InputError as error:
        return [f"the run is not in the history: {error}"]
    return []


def _rebalancer(plan: Plan, policy: str, *, copying: bool) -> Rebalancer:
    rebalancer = Rebalancer(plan, "planned" if policy == "none" else policy, copying=copying)
    if plan.graph.n:
        rebalancer.decide(0, plan.schedule.slot, {})  # what has to be compiled is compiled before slots wait for it
    return rebalancer


def _error(outcome: Outcome, names: list[str], result: RunResult, held: str | None) -> RunError:
    folder = str(result.run_dir) if result.run_dir else None
    skipped = [names[task] for task in outcome.skipped]
    reason = f"{outcome.reason}; {held}" if held else outcome.reason
    error = RunError(reason, outcome.failures, skipped, outcome.lost, folder)
    error.result = result  # type: ignore[attr-defined]
    return error


def _moved(plan: Plan, meant: list[str], placements: Mapping[int, Any]) -> list[str]:
    names = slot_names(plan)
    return [
        f"{names[slot]} was meant for executor {meant[slot]} and ran on {placement.executor}"
        for slot, placement in sorted(placements.items())
        if slot < len(meant) and placement.executor != meant[slot]
    ]


def _result_writer(folder: Path, names: list[str]) -> Any:
    """Write each result as it comes: Arrow tables as Arrow, what JSON can say as JSON, the rest as pickle."""
    folder.mkdir(mode=0o700, exist_ok=True)

    def made(name: str) -> Path:
        path = folder / name
        path.touch(mode=0o600)
        return path

    def write(task: int, value: Any) -> None:
        stem = f"{task}-{re.sub(r'[^A-Za-z0-9._-]+', '_', names[task])[:80]}"
        if isinstance(value, pa.Table):
            with pa.ipc.new_file(made(f"{stem}.arrow"), value.schema) as file:
                file.write_table(value)
            return
        try:
            text = json.dumps(value, allow_nan=False)
            if json.loads(text) != value:
                raise ValueError
            made(f"{stem}.json").write_text(text, encoding="utf-8")
        except (TypeError, ValueError):
            made(f"{stem}.pickle").write_bytes(pickle.dumps(value, protocol=5))

    return write
