"""``simulate(...)``: a plan replayed in another world; ``curve(...)``: a graph re-planned on ever more executors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from planner import model
from planner.errors import InputError
from planner.model.cluster import Cluster, Network
from planner.model.graph import Graph
from planner.model.plan import Schedule
from planner.model.units import MICROSECONDS, format_seconds
from planner.pipeline.planning import plan
from planner.replay import replay
from planner.report import curve_html, plan_html, table
from planner.report.measures import knee

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Curve", "Simulation", "curve", "simulate"]


@dataclass(frozen=True, eq=False)
class Simulation:
    """A plan and how it would go in another world.

    Attributes
    ----------
    plan : Plan
    schedule : Schedule
        When every task would start and finish.
    settings : dict
        Noise, slow executors and seed.
    """

    plan: model.Plan
    schedule: Schedule
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def makespan(self) -> float:
        """Simulated makespan in seconds."""
        return self.schedule.makespan_us / MICROSECONDS

    @property
    def stretch(self) -> float:
        """Simulated over planned makespan."""
        return self.schedule.makespan_us / self.plan.makespan_us if self.plan.makespan_us else 1.0

    def to_pandas(self) -> pd.DataFrame:
        """Give the plan's table with ``simulated_start`` and ``simulated_finish`` (seconds) beside it."""
        frame = self.plan.to_pandas()
        frame["simulated_start"] = self.schedule.start_us / MICROSECONDS
        frame["simulated_finish"] = self.schedule.finish_us / MICROSECONDS
        return frame

    def _repr_html_(self) -> str:
        return plan_html(replace(_data(self.plan), schedule=self.schedule, notes=(str(self),)))

    def __str__(self) -> str:
        planned, simulated = self.plan.makespan_us, self.schedule.makespan_us
        return (
            f"planned {format_seconds(planned)}, simulated {format_seconds(simulated)} ({self.stretch:.3f} × the plan) "
            f"with {_world(self.settings)}"
        )


def simulate(
    plan: model.Plan, *, noise: float = 0.0, slow: Mapping[str, float] | None = None, seed: int = 0
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

    Raises
    ------
    InputError
        For noise below 0, unknown executors, factors that are not above 0.
    """
    schedule = replay(plan.graph, plan.cluster, plan.schedule, noise=noise, slow=slow, seed=seed)
    return Simulation(plan, schedule, {"noise": noise, "slow": dict(slow or {}), "seed": seed})


@dataclass(frozen=True, eq=False)
class Curve:
    """What more executors bring: the graph planned anew at each number of them."""

    executors: tuple[int, ...]
    makespan_us: tuple[int, ...]
    bound_us: tuple[int, ...]
    slots: int

    @property
    def knee(self) -> int | None:
        """The number of executors after which more of them bring little; None when the curve has no bend."""
        at = knee(list(self.executors), [us / MICROSECONDS for us in self.makespan_us])
        return None if at is None else self.executors[at]

    def to_pandas(self) -> pd.DataFrame:
        """Give a row a number of executors.

        Returns
        -------
        pandas.DataFrame
            Columns ``executors``, ``makespan``, ``lower_bound`` (s), ``speedup`` over the first row, ``cost``
            (executor-seconds).
        """
        import pandas as pd

        makespan = pd.Series(self.makespan_us) / MICROSECONDS
        executors = pd.Series(self.executors)
        return pd.DataFrame(
            {
                "executors": executors,
                "makespan": makespan,
                "lower_bound": pd.Series(self.bound_us) / MICROSECONDS,
                "speedup": makespan.iloc[0] / makespan.where(makespan > 0),
                "cost": makespan * executors,
            }
        )

    def _repr_html_(self) -> str:
        return curve_html(self.to_pandas())

    def __str__(self) -> str:
        bend = f"\nmore than {self.knee} executors bring little" if self.knee is not None else ""
        return table(self.to_pandas()) + bend


def curve(
    graph: Graph,
    executors: Iterable[int],
    *,
    slots: int = 1,
    network: Network | None = None,
    method: str = "auto",
    budget: float = 1.0,
    seed: int = 0,
) -> Curve:
    """Plan a graph on each number of equal executors.

    Parameters
    ----------
    graph : Graph
    executors : iterable of int
        For example ``range(2, 65)``.
    slots : int
        Slots of each executor.
    network : Network, optional
    method, budget, seed
        As `plan`; the budget is for each point.

    Raises
    ------
    InputError
        If there is no number, or one below 1.
    """
    counts = sorted(set(executors))
    if not counts or counts[0] < 1:
        raise InputError(f"executors are {counts[:5]}; expected numbers of 1 or more, such as 2..64")
    plans = [
        plan(graph, Cluster.uniform(n, slots, network=network), method=method, budget=budget, seed=seed) for n in counts
    ]
    return Curve(tuple(counts), tuple(p.makespan_us for p in plans), tuple(p.bound.us for p in plans), slots)


def _data(found: model.Plan) -> model.Plan:
    return model.Plan(**vars(found))


def _world(settings: Mapping[str, Any]) -> str:
    parts = [f"noise {settings['noise']:g}"] if settings["noise"] else []
    parts += [f"executor {name} {factor:g} × slower" for name, factor in settings["slow"].items()]
    return ", ".join(parts) or "nothing changed"
