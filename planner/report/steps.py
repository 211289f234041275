"""Gantt charts of ever more executors: side by side as a picture, one at a time under a slider where scripts run.

The script only hides and shows what is there, so that it runs where pages may not make HTML out of text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.model.arrays import Float64
from planner.model.plan import Plan
from planner.report.markup import asset, duration, escape, percent
from planner.report.multiples import Axis, colours_of, is_exact, legend, small_gantt
from planner.report.notebook import MERGED
from planner.report.words import count

__all__ = ["STYLE", "script", "steps"]

STYLE = "charts.css"
"""The asset with the style of the charts, which colours them in notebooks and on pages."""

_MOST_CHARTS, _MOST_TASKS = 64, 400_000
"""Charts, and tasks of all of them: of larger graphs there are fewer charts, which take some seconds."""

_MOST_STILL = 6
"""Charts that are seen where no script runs."""

_MOST_BARS, _MOST_OF_ONE = 24_000, 2_000
"""Of all charts together, and of one: the fragment stays below some 600 kB."""

_MOST_TITLED = 2_000
"""Tasks of all charts together up to which each tells its id and times."""

_NOTE = "a row a slot; each chart has a time axis of its own; green: the lower bound"


def script() -> str:
    """Give the script that makes a slider of the charts; it touches nothing else on the page."""
    return asset("steps.js")


def steps(plans: Sequence[Plan], places: Sequence[float], knee: int | None) -> str:
    """Draw the plans of one graph on ever more executors, to be dragged through.

    Parameters
    ----------
    plans : sequence of Plan
        At least one, in the order of their executors.
    places : sequence of float
        Where each stands on the axis of the curve above.
    knee : int or None
        Position of the plan that is shown first; the one in the middle, if None.

    Returns
    -------
    str
        HTML with neither style nor script.
    """
    first = len(plans) // 2 if knee is None else knee
    sizes = [len(plan.cluster.executors) for plan in plans]
    charts = min(_MOST_CHARTS, max(_MOST_STILL, _MOST_TASKS // max(plans[-1].graph.n, 1)))
    chosen = _nearest(range(len(plans)), np.linspace(0, len(plans) - 1, charts), first)
    wanted = np.geomspace(sizes[0], sizes[-1], _MOST_STILL)
    still = {chosen[at] for at in _nearest([sizes[at] for at in chosen], wanted, chosen.index(first))}
    most = min(_MOST_OF_ONE, _MOST_BARS // len(chosen))
    titled = sum(plans[at].graph.n for at in chosen) <= _MOST_TITLED
    figures = []
    for at in chosen:
        plan = plans[at]
        executors = count(sizes[at], "executor")
        facts = "no plan is shorter" if plan.status == "optimal" else f"{percent(plan.gap)} above the lower bound"
        caption = f"<b>{executors}</b> {duration(plan.makespan_us)} <span>· {facts}</span>"
        chart = small_gantt(plan, Axis.of([plan]), colours_of(plan)[0], most=most, titled=titled)
        told = f'data-told="{executors}" data-x="{places[at]:.1f}"{"" if at in still else " hidden"}'
        figures.append(f"<figure {told}><figcaption>{caption}</figcaption>{chart}</figure>")
    colour, named = colours_of(plans[0])
    slider = f'<input type="range" min="0" max="{len(chosen) - 1}" value="{chosen.index(first)}" step="1">'
    # Lumino, under JupyterLab, leaves the arrow keys to what says so.
    opened = '<div class="planner-charts planner-steps" data-lm-suppress-shortcuts="true">'
    label = f"<label hidden>executors {slider}<output></output></label>"
    note = _NOTE + ("" if all(is_exact(plans[at], most) for at in chosen) else MERGED)
    kinds = f'<div class="planner-legend">{legend(named, len(colour))}</div>' if len(colour) > 1 else ""
    return f'{opened}{label}{"".join(figures)}</div>{kinds}<div class="soft">{escape(note)}</div>'


def _nearest(values: Sequence[int], wanted: Float64, keep: int) -> list[int]:
    """Choose, of rising values, the positions of those next to the wanted ones, and one that is kept in any case."""
    if len(values) <= len(wanted):
        return list(range(len(values)))
    apart = np.abs(np.asarray(values)[:, None] - wanted)
    chosen = set(apart.argmin(axis=0).tolist())
    if keep not in chosen:
        inner = chosen - {0, len(values) - 1}
        chosen -= {min(inner, key=lambda at: abs(values[at] - values[keep]))} if inner else set()
        chosen.add(keep)
    return sorted(chosen)
