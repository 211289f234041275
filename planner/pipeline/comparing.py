"""``compare(...)``: the same graph planned by several methods, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.plan import Bound
from planner.pipeline.planning import plan
from planner.pipeline.plans import Plan
from planner.schedulers import methods as all_methods
from planner.schedulers import suiting
from planner.spills import worth

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare", "known_methods"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Plans of the same graph by several methods, best first. Shows itself as a table, in notebooks with charts.

    What one of them has proved holds for all: they share the strongest lower bound. Plans that spill values stand
    behind those that do not, because spilling takes time that no plan knows of.

    Attributes
    ----------
    plans : tuple of Plan
    spilled : tuple of int
        Bytes that each of them spills to disk.
    """

    plans: tuple[Plan, ...]
    spilled: tuple[int, ...]

    def __repr__(self) -> str:
        shown = ", ".join(f"{found.settings['method']} {found.makespan:.4g} s" for found in self.plans)
        return f"Comparison({shown})"

    @property
    def best(self) -> Plan:
        """The plan that ends first, of those that spill least."""
        return self.plans[0]

    @property
    def bound(self) -> Bound:
        """The lower bound of all plans."""
        return self.plans[0].bound

    def to_pandas(self) -> pd.DataFrame:
        """Give a row a method.

        Returns
        -------
        pandas.DataFrame
            Columns ``method``, ``makespan`` (s), ``gap`` to the lower bound, ``lower_bound`` (s), ``imbalance``
            (busiest slot over the mean), ``seconds`` of planning; if any plan spills values, ``spilled`` (bytes).
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "method": [str(found.settings["method"]) for found in self.plans],
                "makespan": [found.makespan for found in self.plans],
                "gap": [found.gap for found in self.plans],
                "lower_bound": [found.lower_bound for found in self.plans],
                "imbalance": [found.imbalance for found in self.plans],
                "seconds": [found.seconds for found in self.plans],
                **({"spilled": self.spilled} if any(self.spilled) else {}),
            }
        )

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file: the table, and the Gantt charts of all plans on one time axis."""
        from planner.report import write_comparison

        known = known_methods()
        aliases = {method.also: known[method.name] for method in all_methods() if method.also}
        return write_comparison(self.plans, path, known | aliases, self.spilled)

    def _repr_html_(self) -> str:
        from planner.report import comparison_html

        return comparison_html(self.to_pandas(), self.plans)

    def __str__(self) -> str:
        from planner.report import comparison_text

        return comparison_text(self.to_pandas(), self.bound.reason)


def known_methods() -> dict[str, tuple[str, str]]:
    """Give what each method does, in one line, and where it was published; first ``auto``, which has no source."""
    known = {"auto": ("The best of all methods, and a search around it", "")}
    for method in all_methods():
        also = f"; also: {method.also}" if method.also else ""
        known[method.name] = method.summary + also, method.source
    return known


def compare(
    graph: Graph,
    cluster: Cluster,
    *,
    methods: Sequence[str] | None = None,
    budget: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
) -> Comparison:
    """Plan a graph by several methods.

    Parameters
    ----------
    graph : Graph
    cluster : Cluster
    methods : sequence of str, optional
        ``auto`` and all methods that suit the graph when left out.
    budget, iterations, seed
        As `plan`.

    Raises
    ------
    InputError
        As `plan`, and if no method is named.

    Examples
    --------
    >>> from planner import Cluster, Graph, compare
    >>> compare(Graph.from_arrays(work=[3, 2, 2]), Cluster.uniform(2), methods=["heft", "round_robin"]).best.makespan
    4.0
    """
    effort: dict[str, Any] = {"budget": budget, "iterations": iterations, "seed": seed}
    plans = []
    if methods is None:
        plans = [plan(graph, cluster, **effort)]
        methods = [method.name for method in suiting(Problem.of(plans[0].graph, cluster))]
    elif not methods:
        raise InputError([Fault("methods", "names none; expected some, such as heft and cpop")])
    plans += [plan(graph, cluster, method=name, **effort) for name in dict.fromkeys(methods)]
    strongest = max((found.bound for found in plans), key=lambda bound: bound.us)
    problem = Problem.of(plans[0].graph, cluster)
    ranked = sorted(((worth(problem, found.schedule), found) for found in plans), key=lambda pair: pair[0])
    best_first = tuple(replace(found, bound=strongest) for _, found in ranked)
    return Comparison(best_first, tuple(spilled for (spilled, _), _ in ranked))
