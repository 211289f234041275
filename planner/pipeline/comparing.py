"""``compare(...)``: the same graph planned by several methods, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.cost import Problem
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.pipeline.planning import plan
from planner.pipeline.plans import Plan
from planner.schedulers import suiting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Plans of the same graph by several methods, best first. Shows itself as a table."""

    plans: tuple[Plan, ...]

    def __repr__(self) -> str:
        shown = ", ".join(f"{found.settings['method']} {found.makespan:.4g} s" for found in self.plans)
        return f"Comparison({shown})"

    @property
    def best(self) -> Plan:
        """The plan that ends first."""
        return self.plans[0]

    def to_pandas(self) -> pd.DataFrame:
        """Give a row a method.

        Returns
        -------
        pandas.DataFrame
            Columns ``method``, ``makespan`` (s), ``gap`` to the lower bound, ``imbalance`` (busiest slot over the
            mean), ``seconds`` of planning.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "method": [str(found.settings["method"]) for found in self.plans],
                "makespan": [found.makespan for found in self.plans],
                "gap": [found.gap for found in self.plans],
                "imbalance": [found.imbalance for found in self.plans],
                "seconds": [found.seconds for found in self.plans],
            }
        )

    def _repr_html_(self) -> str:
        from planner.report import comparison_html

        return comparison_html(self.to_pandas())

    def __str__(self) -> str:
        from planner.report import comparison_text

        return comparison_text(self.to_pandas())


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
        As `plan`.

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
    plans += [plan(graph, cluster, method=name, **effort) for name in dict.fromkeys(methods)]
    return Comparison(tuple(sorted(plans, key=lambda found: found.makespan_us)))
