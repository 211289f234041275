"""The report: one HTML file that opens without a network."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from planner.errors import Fault, InputError
from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.report import load_sections, sections
from planner.report.markup import asset, escape
from planner.report.payload import payload, script_json
from planner.report.timeline import Figures, Timeline

__all__ = ["write_report"]

_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
<div id="tip" role="status" hidden></div>
<script type="application/json" id="data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


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
        raise InputError(
            [Fault(str(path), f"cannot be written ({error.strerror}); expected a file in a folder that exists")]
        ) from error
    return target


def _page(plan: Plan, load: LoadReport | None) -> str:
    timeline, figures = Timeline.of(plan, load), Figures.of(plan, load)
    style, script = asset("report.css"), asset("report.js")
    parts = [
        sections.header(plan, load, figures, timeline),
        sections.failures(plan, load, timeline),
        sections.timeline(plan, load),
        load_sections.executors(plan, load),
        load_sections.predictions(plan, load, timeline),
        load_sections.placement(load),
        sections.settings(plan, load),
    ]
    return _SHELL.format(
        policy=_policy(style, script),
        title=escape(sections.title(plan, load)),
        style=style,
        body="\n".join(part for part in parts if part),
        data=script_json(payload(plan, load, timeline)),
        script=script,
    )


def _policy(style: str, script: str) -> str:
    """Allow this style and this script, and nothing else: no network, no other script, no form, no frame."""
    only = f"style-src {_hash(style)}; script-src {_hash(script)}; img-src data:"
    return f"default-src 'none'; {only}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
