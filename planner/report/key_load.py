"""The load of keyed work, as text for terminals and as a fragment for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from planner.model.key_load import KeyLoad
from planner.model.units import MICROSECONDS, format_bytes
from planner.report.key_measures import executors, heaviest_planned, key_count, slowest_keys, walls
from planner.report.markup import bar, duration, escape, percent, table
from planner.report.notebook import fragment
from planner.report.terminal import finish, terminal_width, with_bars, wrapped
from planner.report.words import change, count, seconds

__all__ = ["key_load_html", "key_load_text"]

MOST_EXECUTORS, MOST_KEYS, MOST_PARTITIONS = 24, 15, 10

_EXECUTORS = ["executor", "partitions", "in the function", "of its time", "keys", "rows", "CPU", "peak memory", "host"]
_KEYS = ["slowest keys", "wall", "rows", "executor", "partition", "CPU", "peak memory"]
_MARKS = {"busy": "█", "rest": "▒", "idle": "·"}
_PARTS = {"busy": "busy", "rest": "wait", "idle": "idle"}


def key_load_text(load: KeyLoad, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe what an action took: its figures, each executor's load, the slowest keys, planned beside measured.

    Parameters
    ----------
    load : KeyLoad
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether block characters may be used; what the standard output can encode when left out.
    """
    wide, facts = terminal_width(width), _facts(load)
    longest = max(len(value) for _, value, _ in facts)
    lines = [_title(load), *(f"  {name:<20}{value:>{longest}}  {remark}".rstrip() for name, value, remark in facts)]
    rows = executors(load)
    if len(rows):
        shown = rows[:MOST_EXECUTORS]
        shares = [[(_MARKS[name], share) for name, share in parts] for parts in _parts(shown)]
        lines += ["", *with_bars(_EXECUTORS, _executor_cells(shown), shares, wide), *_more_executors(rows)]
        lines += wrapped("  ".join(_legend(rows, ("█", "▒", "·"))), wide, 0)
    keys = slowest_keys(load, MOST_KEYS)
    if len(keys):
        shares = [[("█", share)] for share in _relative(keys["wall_us"])]
        lines += ["", *with_bars(_KEYS, _key_cells(keys), shares, wide), *_more_keys(load, keys)]
    planned = heaviest_planned(load, MOST_PARTITIONS)
    if len(planned):
        largest = planned[["planned", "measured"]].to_numpy().max()
        shares = [[("█", share / largest)] for share in planned["measured"]]
        lines += ["", *with_bars(_planned_head(load), _planned_cells(load, planned), shares, wide)]
    return finish(lines, width, unicode)


def key_load_html(load: KeyLoad) -> str:
    """Show what an action took in a notebook: its figures, executors, the slowest keys, planned beside measured.

    Returns
    -------
    str
        A fragment of HTML without scripts.
    """
    figures = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>"
        for name, value, remark in _facts(load)
    )
    parts = [f'<div class="caption">{escape(_title(load))}</div><div class="planner-figures">{figures}</div>']
    rows = executors(load)
    if len(rows):
        shown = rows[:MOST_EXECUTORS]
        bars = [bar([(_PARTS[name], share) for name, share in shares]) for shares in _parts(shown)]
        parts.append(_table(_EXECUTORS, _executor_cells(shown), bars, text=(9,)))
        parts += map(_soft, [*_more_executors(rows), "; ".join(_legend(rows, ("full colour:", "amber:", "pale:")))])
    keys = slowest_keys(load, MOST_KEYS)
    if len(keys):
        bars = [bar([("measured", share)]) for share in _relative(keys["wall_us"])]
        parts.append(_table(_KEYS, _key_cells(keys), bars, text=(4, 5)))
        parts += map(_soft, _more_keys(load, keys))
    planned = heaviest_planned(load, MOST_PARTITIONS)
    if len(planned):
        shares = planned[["measured", "planned"]].to_numpy()
        bars = [bar([("measured", measured)], mark=mark) for measured, mark in (shares / shares.max()).tolist()]
        parts.append(_table(_planned_head(load), _planned_cells(load, planned), bars))
        parts.append(_soft("bars: measured; ticks: planned"))
    return fragment(*parts)


def _title(load: KeyLoad) -> str:
    keys = key_count(load)
    what = f"{count(keys, 'key')} by {', '.join(load.by)} in " if keys else ""
    return f"Load of {what}{count(load.partitions.num_rows, 'partition')} on {count(load.slots, 'slot')}"


def _facts(load: KeyLoad) -> list[tuple[str, str, str]]:
    """Give names, values and remarks; predicted ones only where the plan was in seconds."""
    measured, makespan = load.partitions.num_rows, load.makespan_us
    whole, wall = measured == load.n_partitions, walls(load)
    facts = [("measured makespan", duration(makespan) if makespan else "–", "")]
    if load.predicted_s is not None:
        if whole and makespan:
            against = f"{change(makespan, load.predicted_s * MICROSECONDS)} against the predicted one"
            facts[0] = (*facts[0][:2], against)
        facts.append(("predicted makespan", seconds(load.predicted_s), "" if whole else "of all partitions"))
    facts.append(("partitions measured", f"{measured:,}", f"of {load.n_partitions:,}"))
    if wall.sum() > 0:
        longest = load.partitions.slice(int(wall.argmax()), 1).to_pylist()[0]
        where = f"partition {longest['partition']}, executor {_or_dash(longest['executor'])}"
        facts.append(("longest partition", duration(longest["wall_us"]), f"in the function; {where}"))
        facts.append(("skew", f"{wall.max() / wall.mean():.3g}", "longest partition ÷ mean"))
    if makespan and load.slots:
        share = percent(float(wall.sum()) / (makespan * load.slots))
        facts.append(("in the function", share, f"of {count(load.slots, 'slot')} × makespan"))
    return facts


def _parts(rows: pd.DataFrame) -> list[list[tuple[str, float]]]:
    """Give the parts of each executor's bar; where shares of time are not known, how it compares with the busiest."""
    if rows["busy"].isna().any():
        return [[("busy", share)] for share in _relative(rows["wall_us"])]
    return [[(name, row[name]) for name in _PARTS] for row in rows.to_dict("records")]


def _legend(rows: pd.DataFrame, marks: tuple[str, str, str]) -> list[str]:
    if rows["busy"].isna().any():
        return [f"{marks[0]} in the function, against the busiest executor"]
    what = ("in the function", "the rest of its partitions (reading, shuffle, conversion)", "idle")
    return [f"{mark} {meaning}" for mark, meaning in zip(marks, what, strict=True)]


def _executor_cells(rows: pd.DataFrame) -> list[list[str]]:
    return [
        [
            row["executor"],
            f"{row['partitions']:,}",
            duration(row["wall_us"]),
            percent(row["busy"]),
            f"{row['keys']:,.0f}",
            f"{row['rows']:,.0f}",
            duration(row["cpu_us"]),
            format_bytes(row["peak_memory_bytes"]),
            row["host"],
        ]
        for row in rows.to_dict("records")
    ]


def _key_cells(keys: pd.DataFrame) -> list[list[str]]:
    cells = []
    for row in keys.to_dict("records"):
        more = f" and {row['pieces'] - 1:,} more" if row["pieces"] > 1 else ""
        place = [f"{row['rows']:,.0f}", _or_dash(row["executor"]), f"{row['partition']:.0f}{more}"]
        used = [duration(row["cpu_us"]), format_bytes(row["peak_memory_bytes"])]
        cells.append([_or_dash(row["key"]), duration(row["wall_us"]), *place, *used])
    return cells


def _planned_head(load: KeyLoad) -> list[str]:
    names = ["planned share", "measured share"] if load.predicted_s is None else ["planned"]
    return ["heaviest partitions", *names, "measured", "difference", "keys", "rows"]


def _planned_cells(load: KeyLoad, planned: pd.DataFrame) -> list[list[str]]:
    """Compare seconds with seconds; where other things were planned, shares with shares."""
    cells = []
    for row in planned.to_dict("records"):
        figures = [seconds(row["planned_weight"]), duration(row["wall_us"])]
        difference = change(row["wall_us"], row["planned_weight"] * MICROSECONDS)
        if load.predicted_s is None:
            figures = [percent(row["planned"]), percent(row["measured"]), duration(row["wall_us"])]
            difference = change(row["measured"], row["planned"])
        cells.append([f"{row['partition']}", *figures, difference, f"{row['keys']:,.0f}", f"{row['rows']:,.0f}"])
    return cells


def _more_executors(rows: pd.DataFrame) -> list[str]:
    rest = len(rows) - MOST_EXECUTORS
    return [f"… and {count(rest, 'more executor')}"] if rest > 0 else []


def _more_keys(load: KeyLoad, shown: pd.DataFrame) -> list[str]:
    rest = key_count(load) - len(shown)
    took = load.keys.to_pandas()["wall_us"].sum() - shown["wall_us"].sum()
    return [f"… and {count(rest, 'more key')}, {duration(took)} together"] if rest > 0 else []


def _relative(values: pd.Series) -> list[float]:
    return [float(value) / max(float(values.max()), 1.0) for value in values]


def _or_dash(value: Any) -> str:
    return "–" if value is None or value != value else str(value)


def _table(head: Sequence[str], cells: Sequence[Sequence[str]], bars: Sequence[str], text: Sequence[int] = ()) -> str:
    """Lay cells out, with a bar behind the first of each row."""
    rows = [[escape(first), drawn, *map(escape, rest)] for (first, *rest), drawn in zip(cells, bars, strict=True)]
    return table([head[0], "", *head[1:]], rows, text_columns=(0, 1, *text))


def _soft(text: str) -> str:
    return f'<div class="soft">{escape(text)}</div>'
