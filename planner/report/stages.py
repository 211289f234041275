"""A stage plan as text for terminals, as a fragment for notebooks, and as a page."""

from __future__ import annotations

import itertools
from pathlib import Path

from planner.model.stage_plan import StagePlan
from planner.model.units import format_bytes
from planner.report.markup import asset, bar, duration, escape, percent, table
from planner.report.shell import page, write_text
from planner.report.stage_picture import stage_picture
from planner.report.terminal import finish, shortened, terminal_width, with_bars, wrapped
from planner.report.words import count

__all__ = ["stages_html", "stages_text", "write_stages"]

_NS_PER_US = 1000
MOST_STAGES = 64
"""Stages that are listed; the heaviest, of more."""
_HEAD = ["stage", "load", "memory", "layers", "executors", "from … to"]


def stages_text(plan: StagePlan, model: str = "", *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe a stage plan: its figures, and what each stage takes.

    Parameters
    ----------
    plan : StagePlan
    model : str
        The model's name.
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether block characters may be used; what the standard output can encode when left out.
    """
    figures = _facts(plan)
    longest = max(len(value) for _, value, _ in figures)
    lines = [_title(plan, model)]
    lines += [f"  {name:<14}{value:>{longest}}  {remark}".rstrip() for name, value, remark in figures]
    shown = _shown(plan)
    cells = [_cells(plan, stage) for stage in shown]
    lines += ["", *with_bars(_HEAD, cells, [[("█", share)] for share in _shares(plan, shown)], terminal_width(width))]
    if len(shown) < plan.n_stages:
        lines += wrapped(f"the {len(shown)} heaviest of {plan.n_stages} stages", width)
    notes = [wrapped(f"note: {note}", width) for note in plan.notes]
    return finish([*lines, *itertools.chain(*notes)], width, unicode)


def stages_html(plan: StagePlan, model: str = "") -> str:
    """Show a stage plan in a notebook: its figures, the cut graph, and what each stage takes.

    Returns
    -------
    str
        A fragment of HTML without scripts.
    """
    return f'<div class="planner-view"><style>{asset("fragment.css")}</style>{_body(plan, model)}</div>'


def write_stages(plan: StagePlan, model: str, path: str | Path) -> Path:
    """Write a page of what `stages_html` shows, which opens without a network.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    body = f'<div class="planner-view">{_body(plan, model)}</div>'
    return write_text(page(f"{model}: stages", body, style=asset("fragment.css")), path)


def _body(plan: StagePlan, model: str) -> str:
    figures = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>"
        for name, value, remark in _facts(plan)
    )
    shown = _shown(plan)
    rows = []
    for stage, share in zip(shown, _shares(plan, shown), strict=True):
        first, *rest = _cells(plan, stage)
        drawn = bar([("busy", share)], mark=_bound_share(plan))
        rows.append([first, drawn, *(f"<bdi>{escape(cell)}</bdi>" for cell in rest)])
    soft = [*plan.notes, "boxes: stages; squares: layers, stronger where they take longer; yellow: what crosses a cut"]
    if len(shown) < plan.n_stages:
        soft.insert(0, f"the {len(shown)} heaviest of {plan.n_stages} stages")
    return "".join(
        [
            f'<div class="caption">{escape(_title(plan, model))}</div><div class="planner-figures">{figures}</div>',
            stage_picture(plan),
            table([_HEAD[0], "", *_HEAD[1:]], rows, text_columns=(0, 1, 6)),
            f'<div class="soft">ticks: lower bound ({escape(plan.bound_reason)})</div>',
            *(f'<div class="soft">{escape(note)}</div>' for note in soft),
        ]
    )


def _title(plan: StagePlan, model: str) -> str:
    name = f"{shortened(model)}: " if model else ""
    return f"{name}{count(plan.graph.n, 'layer')} in {count(plan.n_stages, 'stage')}"


def _facts(plan: StagePlan) -> list[tuple[str, str, str]]:
    """Give name, value and remark of each figure."""
    room = plan.memory_limit_bytes
    used = {e for held, host in zip(plan.executors, plan.on_host, strict=True) if not host for e in held}
    hosts = len({e for held, host in zip(plan.executors, plan.on_host, strict=True) if host for e in held})
    cores = f", on {count(plan.cores, 'core')}" if plan.cores is not None and plan.cores < len(used) else ""
    beside = f", and {count(hosts, 'host')}" if hosts else ""
    alone = int(plan.graph.time_ns.sum())
    rate = f"{alone / plan.bottleneck_ns:.3g} × one executor" if plan.bottleneck_ns else ""
    return [
        ("bottleneck", _time(plan.bottleneck_ns), f"a micro-batch; {rate}" if rate else "a micro-batch"),
        ("lower bound", _time(plan.lower_bound_ns), plan.bound_reason),
        ("gap", percent(plan.gap), plan.status),
        ("peak memory", format_bytes(plan.peak_memory_bytes), "" if room is None else f"of {format_bytes(room)} each"),
        ("executors", f"{len(used)}", f"of {plan.n_executors}{beside}{cores}"),
        ("planned in", f"{plan.seconds:.3g} s", plan.method),
    ]


def _shown(plan: StagePlan) -> list[int]:
    heaviest = sorted(range(plan.n_stages), key=lambda stage: (-int(plan.load_ns[stage]), stage))
    return sorted(heaviest[:MOST_STAGES])


def _cells(plan: StagePlan, stage: int) -> list[str]:
    layers = plan.layers(stage)
    names = [shortened(plan.graph.names[layer], 22) for layer in layers[[0, -1] if len(layers) > 1 else [0]]]
    held = plan.executors[stage]
    who = f"{held[0]}" if len(held) == 1 else f"{held[0]}–{held[-1]} (× {len(held)})"
    return [
        f"{stage}",
        _time(int(plan.load_ns[stage])),
        format_bytes(int(plan.memory_bytes[stage])),
        f"{len(layers):,}",
        f"host {who}" if plan.on_host[stage] else who,
        " … ".join(names),
    ]


def _shares(plan: StagePlan, stages: list[int]) -> list[float]:
    longest = max(plan.bottleneck_ns, 1)
    return [int(plan.load_ns[stage]) / longest for stage in stages]


def _bound_share(plan: StagePlan) -> float:
    return plan.lower_bound_ns / max(plan.bottleneck_ns, 1)


def _time(ns: int) -> str:
    return duration(ns / _NS_PER_US)
