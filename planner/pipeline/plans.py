"""A plan that shows and explains itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from planner import model
from planner.io import read_plan as read_plan_data
from planner.io import write_plan
from planner.io.dot import DOT_SUFFIXES, write_dot

__all__ = ["Plan", "read_plan"]


class _Lines(str):
    """A text that IPython shows as it is."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


class Plan(model.Plan):
    """A `planner.model.Plan` that shows itself in a notebook or terminal and says what limits it.

    Examples
    --------
    >>> from planner import Cluster, Graph, plan
    >>> found = plan(Graph.from_arrays(["a", "b", "c"], work=[2, 1, 1]), Cluster.uniform(2))
    >>> found.makespan, found.status
    (2.0, 'optimal')
    """

    def explain(self) -> str:
        """Say what limits the makespan, and what would help most, each found by planning again.

        Returns
        -------
        str
            Some lines, which a notebook's cell that ends in them shows as lines.
        """
        from planner.explaining.explain import explain  # brings pandas, as below

        return _Lines(explain(self))

    def save(self, path: str | Path) -> Path:
        """Write ``plan.json``, which `planner.read_plan` reads back; or ``plan.dot``, a picture for Graphviz."""
        if Path(path).suffix in DOT_SUFFIXES:
            write_dot(self, Path(path))
        else:
            write_plan(self, Path(path))
        return Path(path)

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file."""
        from planner.report import write_report  # brings pandas, which planning does without

        return write_report(self, None, path)

    def _repr_html_(self) -> str:
        from planner.report import plan_html

        return plan_html(self)

    def __str__(self) -> str:
        from planner.report import plan_text

        return plan_text(self)


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `Plan.save` or ``planner plan -o`` wrote.

    Raises
    ------
    InputError
        If it is no plan, with every fault.
    """
    data = read_plan_data(Path(path))
    return Plan(**vars(data))
