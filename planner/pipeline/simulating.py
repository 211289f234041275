"""``simulate(...)``: a plan replayed in another world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from planner import model
from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.move import Move
from planner.model.plan import Schedule
from planner.model.units import MICROSECONDS, format_seconds
from planner.rebalancing import POLICIES, Rebalancer, live_through
from planner.replay import replay
from planner.validate import validate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Simulation", "simulate"]


@dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """A plan and how it would go in another world.

    Attributes
    ----------
    plan : Plan
        With the predicted makespan.
    schedule : Schedule
        When every task would start and finish.
    settings : dict
        Noise, slow executors, seed, and how tasks were moved.
    moves, copies : tuple of Move
        What was moved, and what ran on a second slot as well, in that order.
    """

    plan: model.Plan
    schedule: Schedule
    settings: dict[str, Any] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    copies: tuple[Move, ...] = ()

    @property
    def makespan(self) -> float:
        """Simulated makespan in seconds."""
        return self.schedule.makespan_us / MICROSECONDS

    @property
    def stretch(self) -> float:
        """Simulated over planned makespan."""
        return self.schedule.makespan_us / self.plan.makespan_us if self.plan.makespan_us else 1.0

    def executors(self) -> pd.DataFrame:
        """Give a row an executor.

        Returns
        -------
        pandas.DataFrame
            Columns ``executor``, ``tasks``, ``planned_busy``, ``simulated_busy``, ``planned_end``, ``simulated_end``
            (seconds).
        """
        import pandas as pd

        cluster = self.plan.cluster
        count, schedules = len(cluster.executors), {"planned": self.plan.schedule, "simulated": self.schedule}
        executor = {name: cluster.slot_executor[schedule.slot] for name, schedule in schedules.items()}
        columns: dict[str, Any] = {
            "executor": [each.id for each in cluster.executors],
            "tasks": np.bincount(executor["simulated"], minlength=count),
        }
        for name, schedule in schedules.items():
            span = (schedule.finish_us - schedule.start_us) / MICROSECONDS
            columns[f"{name}_busy"] = np.bincount(executor[name], weights=span, minlength=count)
        for name, schedule in schedules.items():
            columns[f"{name}_end"] = np.zeros(count)
            np.maximum.at(columns[f"{name}_end"], executor[name], schedule.finish_us / MICROSECONDS)
        return pd.DataFrame(columns)

    def to_pandas(self) -> pd.DataFrame:
        """Give the plan's table with ``simulated_start`` and ``simulated_finish`` (seconds) beside it."""
        frame = self.plan.to_pandas()
        frame["simulated_start"] = self.schedule.start_us / MICROSECONDS
        frame["simulated_finish"] = self.schedule.finish_us / MICROSECONDS
        return frame

    def _repr_html_(self) -> str:
        from planner.report import plan_html

        return plan_html(replace(_data(self.plan), schedule=self.schedule, notes=(str(self),)))

    def __repr__(self) -> str:
        return f"Simulation({self})"

    def __str__(self) -> str:
        planned, simulated = self.plan.makespan_us, self.schedule.makespan_us
        return (
            f"planned {format_seconds(planned)}, simulated {format_seconds(simulated)} ({self.stretch:.3f} × the plan) "
            f"with {_world(self.settings)}"
            + (f"; tasks moved: {len(self.moves)}" if self.settings.get("rebalance", "none") != "none" else "")
        )


def simulate(
    plan: model.Plan,
    *,
    noise: float = 0.0,
    slow: Mapping[str, float] | None = None,
    seed: int = 0,
    rebalance: str = "none",
    speculate: bool = True,
) -> Simulation:
    """Replay a plan: every slot keeps its tasks and their order, and each starts as soon as it can.

    Parameters
    ----------
    plan : Plan
    noise : float
        Sigma of log-normal factors on all times.
    slow : mapping of executor id to float
        How many times slower than planned.
    seed : int
    rebalance : {"none", "planned", "least_loaded", "random"}
        How tasks are moved while it runs, as in a run on Spark, by what is learnt of executors and tasks until then.
    speculate : bool
        Whether tasks then also run on a second slot where their own is slow, as in a run on Spark.

    Raises
    ------
    InputError
        For noise below 0, unknown executors, factors that are not above 0, another way to rebalance; with one, where
        memory may stand in the way.
    InvalidPlanError
        If it is no valid plan, for example because its file was changed by hand.
    """
    if rebalance != "none" and rebalance not in POLICIES:
        raise InputError([Fault("rebalance", f"is {rebalance!r}; expected one of none, {', '.join(POLICIES)}")])
    validate(plan.graph, plan.cluster, plan.schedule, plan.progress, plan.backups)
    settings: dict[str, Any] = {"noise": noise, "slow": dict(slow or {}), "seed": seed, "rebalance": rebalance}
    schedule = replay(plan.graph, plan.cluster, plan.schedule, noise=noise, slow=slow, seed=seed)
    if rebalance == "none":
        return Simulation(plan, schedule, settings)
    problem = Problem.of(plan.graph, plan.cluster)
    if not problem.fits:
        expected = "expected a plan whose tasks, and values that wait, always find room"
        raise InputError([Fault("rebalance", f"is not simulated where memory may stand in the way; {expected}")])
    factor = np.exp(np.random.default_rng(seed).normal(0.0, noise, plan.graph.n)) if noise else np.ones(plan.graph.n)
    slower = [(slow or {}).get(executor.id, 1.0) for executor in plan.cluster.executors]

    def takes_us(task: int, executor: int, at_us: int) -> int:
        return round(float(problem.time_us[task, problem.executor_class[executor]] * factor[task] * slower[executor]))

    lived = live_through(plan, takes_us, Rebalancer(plan, rebalance, seed, copying=speculate))
    moves = tuple(move for each in lived.decisions for move in each.moves)
    copies = tuple(copy for each in lived.decisions for copy in each.copies)
    return Simulation(plan, lived.schedule, settings, moves, copies)


def _data(found: model.Plan) -> model.Plan:
    return model.Plan(**vars(found))


def _world(settings: Mapping[str, Any]) -> str:
    parts = [f"noise {settings['noise']:g}"] if settings["noise"] else []
    parts += [f"executor {name} {factor:g} × slower" for name, factor in settings["slow"].items()]
    return ", ".join(parts) or "nothing changed"
