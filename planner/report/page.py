"""The report of a plan and its run: one HTML file that opens without a network."""

from __future__ import annotations

from pathlib import Path

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.report import load_sections, sections
from planner.report.markup import asset
from planner.report.payload import payload, script_json
from planner.report.shell import page, write_text
from planner.report.timeline import Figures, Timeline

__all__ = ["write_report"]


def write_report(plan: Plan, load: LoadReport | None, path: str | Path) -> Path:
    """Write the report of a plan and, where there was one, of its run.

    The file holds its style, its script and its data, and a content security policy that forbids everything else: no
    network, no other script, whatever the ids and settings contain.

    Parameters
    ----------
    plan : Plan
    load : LoadReport or None
        What the run measured; None shows the plan alone.
    path : str or Path
        An HTML file; one that exists is replaced.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the file cannot be written, or the load report belongs to another plan.
    """
    timeline, figures = Timeline.of(plan, load), Figures.of(plan, load)
    parts = [
        sections.header(plan, load, figures, timeline),
        sections.failures(plan, load, timeline),
        sections.timeline(plan, load),
        load_sections.executors(plan, load),
        load_sections.predictions(plan, load, timeline),
        load_sections.placement(load),
        sections.redundancy(plan),
        sections.settings(plan, load),
    ]
    text = page(
        sections.title(plan, load),
        "\n".join(part for part in parts if part),
        style=asset("report.css"),
        script=asset("report.js"),
        data=script_json(payload(plan, load, timeline)),
    )
    return write_text(text, path)
