"""The report: one HTML file that opens without a network."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from planner.errors import Fault, InputError
from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.report import sections
from planner.report.markup import escape
from planner.report.measures import Figures, Timeline
from planner.report.payload import payload, script_json

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
    text = _page(plan, load)
    target = Path(path)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError([Fault(str(path), f"cannot be written ({error.strerror}); expected a file in a folder that exists")]) from error
    return target


def _page(plan: Plan, load: LoadReport | None) -> str:
    timeline, figures = Timeline.of(plan, load), Figures.of(plan, load)
    style, script = _asset("report.css"), _asset("report.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; base-uri 'none'; form-action 'none'"
    title = sections.title(plan, load)
    body = "\n".join(
        [
            sections.header(plan, load, figures),
            sections.failures(plan, load, timeline),
            sections.timeline(plan, load),
            sections.executors(plan, load),
            sections.predictions(plan, load, timeline),
            sections.placement(load),
            sections.settings(plan, load),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n'
        f'{body}\n</main>\n<div id="tip" role="status" hidden></div>\n'
        f'<script type="application/json" id="data">{script_json(payload(plan, load, timeline))}</script>\n'
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    )


def _asset(name: str) -> str:
    return files("planner.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
