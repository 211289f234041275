"""The makespan over the number of executors, and what it costs, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from planner.errors import Fault, InputError
from planner.model.plan import Plan
from planner.report.gantt import ticks
from planner.report.markup import COLOURS, asset, escape, table
from planner.report.measures import knee
from planner.report.notebook import fragment
from planner.report.shell import page, write_text
from planner.report.steps import STYLE, script, steps
from planner.report.words import scroll, seconds, section

__all__ = ["curve_html", "write_curve"]

TITLE = "Time and cost over executors"

WIDTH, LEFT, RIGHT, UPPER, LOWER = 720, 76, 20, 220, 110

_ALONE = (
    "><style>svg{color:#1d2330;background:#fcfcfb;font-family:system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){svg{color:#e6e9ef;background:#14171d}}</style>"
)
"""The style of a picture that stands in no page."""


def curve_html(curve: pd.DataFrame, plans: Sequence[Plan] = ()) -> str:
    """Show how the predicted makespan and the cost change with the number of executors, and mark the knee.

    With plans, their Gantt charts stand below: some of them side by side, and where scripts run, one under a slider.

    Parameters
    ----------
    curve : DataFrame
        ``executors`` and ``makespan`` (seconds); of ``lower_bound``, ``measured`` (seconds) and ``cost``
        (executor-seconds) what there is. A missing cost is the executors times the makespan.
    plans : sequence of Plan, optional
        One for each row, in their order.
    """
    if curve.empty:
        return fragment('<div class="caption">There are no points on this curve.</div>')
    svg, note = _drawn(curve, here=bool(plans))
    parts = [svg, f'<div class="soft">{escape(note)}</div>' if note else ""]
    if plans:
        parts += [f"<style>{asset(STYLE)}</style>", _steps(curve, plans), f"<script>{script()}</script>"]
    return fragment(*parts)


def write_curve(curve: pd.DataFrame, path: str | Path, about: str = "", plans: Sequence[Plan] = ()) -> Path:
    """Write the plot: a picture where the name ends in ``.svg``, a page that opens without a network for ``.html``.

    Parameters
    ----------
    curve : DataFrame
        As for `curve_html`; it has at least one row.
    path : str or Path
    about : str
        What was planned, on what, and how.
    plans : sequence of Plan, optional
        One for each row, in their order: the page shows them under a slider.

    Raises
    ------
    InputError
        If the name ends in something else, or the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    svg, note = _drawn(curve, here=bool(plans) and suffix != ".svg")
    if suffix == ".svg":
        return write_text(
            svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ').replace(">", _ALONE, 1), path
        )
    if suffix not in (".html", ".htm"):
        raise InputError([Fault(str(path), f"ends in {suffix or 'nothing'}; expected .html or .svg")])
    head = f"<header><h1>{TITLE}</h1><p>{escape(about)}</p></header>"
    drawn = f"<figure>{svg}<figcaption>{escape(note)}</figcaption></figure>"
    style = asset("report.css") + asset("curve.css")
    if not plans:
        return write_text(page(TITLE, f"{head}{drawn}{_table(curve)}", style=style), path)
    body = f"{head}<div>{drawn}{_steps(curve, plans)}</div>{_table(curve)}"
    return write_text(page(TITLE, body, style=style + asset(STYLE), script=script()), path)


def _steps(curve: pd.DataFrame, plans: Sequence[Plan]) -> str:
    xs = curve["executors"].astype(float).tolist()
    return steps(plans, [_Chart(xs, 1.0, 0, 0).x(x) for x in xs], knee(xs, curve["makespan"].tolist()))


def _table(curve: pd.DataFrame) -> str:
    at, rows = knee(curve["executors"], curve["makespan"]), []
    for row in curve.to_dict("records"):
        speedup = f"{row['speedup']:.3g} ×" if row["speedup"] == row["speedup"] else "–"
        times = seconds(row["makespan"]), seconds(row["lower_bound"])
        rows.append([f"{row['executors']:,}", *times, speedup, f"{row['cost']:,.6g}"])
    head = ["executors", "predicted makespan", "lower bound", "speedup", "cost: executor-seconds"]
    marked = ['class="knee"' if i == at else "" for i in range(len(rows))]
    return section("Every number of executors", scroll(table(head, rows, text_columns=(), attributes=marked)))


def _drawn(curve: pd.DataFrame, *, here: bool = False) -> tuple[str, str]:
    """Draw makespan and cost one above the other, and say what the lines are; `here` is a line that a script moves."""
    data = curve.sort_values("executors").astype({"executors": float, "makespan": float})
    xs, ys = data["executors"].tolist(), data["makespan"].tolist()
    cost = data["cost"].astype(float).tolist() if "cost" in data else [x * y for x, y in zip(xs, ys, strict=True)]
    at = knee(xs, ys)
    measured = data["measured"].astype(float).tolist() if "measured" in data else []
    upper = _Chart(xs, max(*ys, *measured, 1e-9), 24, UPPER)
    lower = _Chart(xs, max(*cost, 1e-9), 24 + UPPER + 44, LOWER)
    titled = "predicted and measured makespan" if measured else "predicted makespan"
    parts = [upper.frame(titled), lower.frame("cost: executor-seconds")]
    if "lower_bound" in data:
        parts.append(
            upper.line(data["lower_bound"].tolist(), "currentColor", ' stroke-dasharray="2 3" stroke-opacity="0.8"')
        )
    parts += [upper.line(ys, COLOURS["measured"]), upper.points(ys, "makespan"), lower.line(cost, COLOURS["wait"])]
    parts.append(lower.points(cost, "cost", COLOURS["wait"]))
    note = "dotted: lower bound" if "lower_bound" in data else ""
    if measured:
        parts += [upper.line(measured, COLOURS["bound"], ' stroke-dasharray="6 3"')]
        parts.append(upper.points(measured, "measured makespan", COLOURS["bound"]))
        note += f"{'; ' if note else ''}dashed: measured"
    if at is not None:
        parts += [upper.mark(at, ys[at]), lower.mark(at, cost[at])]
        said = f"knee: {xs[at]:g} executors, {seconds(ys[at])}"
        side, anchor = (-10, "end") if xs[at] > (xs[0] + xs[-1]) / 2 else (10, "start")
        parts.append(_text(upper.x(xs[at]) + side, upper.y(ys[at]) - 12, said, anchor, weight=600))
        note = f"{note}{'; ' if note else ''}knee: from here on, more executors bring less than the curve's average"
    high = lower.top + LOWER + 40
    parts += lower.numbers()
    if here:
        line = (
            f'<path class="planner-here" visibility="hidden" d="M0 24V{24 + UPPER}M0 {lower.top}V{lower.top + LOWER}"'
        )
        parts.append(f'{line} stroke="{COLOURS["failed"]}" stroke-width="1.5" fill="none"/>')
    size = f'viewBox="0 0 {WIDTH} {high}" width="{WIDTH}" height="{high}"'
    svg = f'<svg {size} role="img" aria-label="makespan over executors" font-size="12">{"".join(parts)}</svg>'
    return svg, note


class _Chart:
    def __init__(self, xs: Sequence[float], most: float, top: int, tall: int) -> None:
        self.xs, self.most, self.top, self.tall = xs, most * 1.05, top, tall

    def x(self, value: float) -> float:
        span = self.xs[-1] - self.xs[0]
        share = (value - self.xs[0]) / span if span else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self.top + self.tall * (1 - value / self.most)

    def frame(self, title: str) -> str:
        parts = [_text(LEFT, self.top - 8, title, "start", weight=600)]
        for time in ticks(self.most * 1e6, most=5):
            y = f"{self.y(time / 1e6):.1f}"
            line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"'
            parts.append(f'{line} stroke="currentColor" stroke-opacity="0.15"/>')
            parts.append(_text(LEFT - 8, float(y) + 4, seconds(time / 1e6), "end", opacity=0.7))
        return "".join(parts)

    def line(self, values: Sequence[float], colour: str, more: str = "") -> str:
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(self.xs, values, strict=True))
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{more}/>'

    def points(self, values: Sequence[float], what: str, colour: str = COLOURS["measured"]) -> str:
        radius = 3 if len(values) <= 40 else 2
        return "".join(
            f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{radius}" fill="{colour}">'
            f"<title>{x:g} executors: {escape(what)} {seconds(y)}</title></circle>"
            for x, y in zip(self.xs, values, strict=True)
        )

    def mark(self, at: int, value: float) -> str:
        x = f"{self.x(self.xs[at]):.1f}"
        line = f'<line x1="{x}" x2="{x}" y1="{self.top}" y2="{self.top + self.tall}"'
        ring = f'<circle cx="{x}" cy="{self.y(value):.1f}" r="6" fill="none" stroke="currentColor" stroke-width="2"/>'
        return f'{line} stroke="currentColor" stroke-opacity="0.6" stroke-dasharray="6 3"/>{ring}'

    def numbers(self) -> list[str]:
        last, step = len(self.xs) - 1, max(1, -(-len(self.xs) // 16))
        shown = [at for at in range(0, last, step) if self.x(self.xs[last]) - self.x(self.xs[at]) > 24]
        y = self.top + self.tall + 16
        named = [_text(self.x(self.xs[at]), y, f"{self.xs[at]:g}", "middle", opacity=0.7) for at in [*shown, last]]
        return [*named, _text((LEFT + WIDTH - RIGHT) / 2, y + 18, "executors", "middle", opacity=0.7)]


def _text(x: float, y: float, text: str, anchor: str, *, weight: int = 400, opacity: float = 1) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="currentColor" fill-opacity="{opacity}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
