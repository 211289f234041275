"""What a partition plan says: its figures, its sentences and the cells of its tables, as plain text."""

from __future__ import annotations

from planner.model.partition_plan import HeavyKey, Layout, PartitionPlan
from planner.report.markup import percent, visible
from planner.report.terminal import shortened
from planner.report.words import count, seconds

__all__ = [
    "MOST_KEYS",
    "bound_told",
    "facts",
    "fair_share",
    "gain_told",
    "heavy_cells",
    "heavy_head",
    "key_name",
    "layout_cells",
    "layout_head",
    "more_keys",
    "times",
    "title",
    "total",
]

MOST_KEYS = 12
"""Keys that are shown one by one."""

MOST_COLUMNS = 5
"""Of a key of many, so many are named."""

AS_LONG = 1.05
"""Below this ratio two makespans are told to be the same."""


def title(plan: PartitionPlan) -> str:
    """Say what is planned, in one line."""
    about = "" if plan.keys_exact else "about "
    rows = "" if plan.sampled is None else "about "
    more = len(plan.by) - MOST_COLUMNS
    columns = ", ".join(shortened(visible(name), 32) for name in plan.by[:MOST_COLUMNS])
    columns += f" and {count(more, 'more column')}" if more > 0 else ""
    what = f"{about}{count(plan.n_keys, 'key')} by {columns}, {rows}{count(plan.n_rows, 'row')}"
    where = f"{count(plan.n_partitions, 'partition')} on {count(plan.slots, 'slot')}"
    return f"Partition plan: {what}, in {where}, weighed by {shortened(visible(plan.weight), 60)}"


def facts(plan: PartitionPlan) -> list[tuple[str, str, str]]:
    """Give names, values and remarks; an amount only in a unit that weights have, else in relation to the bound."""
    if plan.lower_bound <= 0:
        return [("planned in", seconds(plan.seconds), "weighing and planning; no key weighs anything")]
    above = times(plan.makespan, plan.lower_bound)
    share = fair_share(plan)
    apart = "an equal share for each slot" if plan.bound_reason != "one key" else "what one key takes"
    found = [
        ("predicted makespan", above, "the lower bound"),
        ("lower bound", times(plan.lower_bound, share), "a slot's equal share"),
    ]
    if plan.unit:
        found = [
            ("predicted makespan", amount(plan, plan.makespan), f"{above} the lower bound"),
            ("lower bound", amount(plan, plan.lower_bound), apart),
        ]
    return [
        *found,
        ("skew", f"{plan.planned.skew:.3g}", "heaviest partition ÷ mean; heavy ones start first"),
        ("planned in", seconds(plan.seconds), "weighing and planning"),
    ]


def amount(plan: PartitionPlan, value: float) -> str:
    """Give a weight or a makespan in the plan's unit; where it has none, the bare number, which only weights may be."""
    if plan.unit == "s":
        return seconds(value)
    whole = plan.unit == "rows" or value == round(value) or value >= 1000
    return f"{f'{value:,.0f}' if whole and value < 1e15 else f'{value:.4g}'} {plan.unit}".rstrip()


def times(value: float, base: float) -> str:
    """Give a ratio as a person reads it.

    Examples
    --------
    >>> times(24.31, 10), times(10.0004, 10), times(12345, 1), times(1, 0)
    ('2.43 ×', '1 ×', '12,345 ×', '–')
    """
    if base <= 0:
        return "–"
    ratio = value / base
    return f"{ratio:,.0f} ×" if ratio >= 100 else f"{ratio:.3g} ×"


def total(plan: PartitionPlan) -> float:
    """Give the weight of all keys."""
    return float(plan.partition_weight.sum())


def fair_share(plan: PartitionPlan) -> float:
    """Give a slot's equal share of the work, as the time it takes a slot of mean speed."""
    return total(plan) / max(float(plan.speeds.sum()), 1e-300)


def key_name(key: HeavyKey, most: int = 40) -> str:
    """Give a key's text, what controls terminals and pages made visible, its middle left out where it is long."""
    return shortened(visible(key.key), most) if key.key else "(empty)"


def bound_told(plan: PartitionPlan) -> tuple[str, HeavyKey, str] | None:
    """Say which key sets the lower bound, if one does: the words before its name, the key, the words behind it."""
    if plan.bound_reason != "one key" or not plan.heaviest:
        return None
    key = plan.heaviest[0]
    fair = times(plan.lower_bound, fair_share(plan))
    alone = f"It shares partition {key.partition} with other keys"
    if plan.partition_keys[key.partition] == 1:
        alone = f"It is isolated in partition {key.partition}"
        alone += ", which starts first" if key.partition == 0 else ""
    why = f" alone takes {fair} a slot's equal share. {alone}; only agg with combine= could split it."
    return "The bound is what one key takes: ", key, why


def gain_told(plan: PartitionPlan) -> str:
    """Say what the plan is predicted to bring over what Spark would do by itself."""
    others = plan.layouts[1:]
    if not others or plan.makespan <= 0:
        return ""
    shorter = [
        f"{times(layout.makespan, plan.makespan)} shorter than {layout.name}"
        for layout in others
        if layout.makespan >= AS_LONG * plan.makespan
    ]
    said = f"{', '.join(shorter)} (predicted)" if shorter else ""
    if plan.expects_gain:
        return said
    best = min(others, key=lambda layout: layout.makespan)
    ratio = times(best.makespan, plan.makespan)
    as_long = "as long" if ratio == "1 ×" else f"{ratio} as long"
    none = f"no gain expected over {best.name} (predicted to take {as_long})"
    return f"{none}; {said}" if said else none


def heavy_head(plan: PartitionPlan) -> list[str]:
    """Give the titles of the table of heavy keys."""
    weight = {"rows": [], "s": ["predicted"]}.get(plan.unit, [shortened(visible(plan.weight), 24)])
    pieces = ["pieces"] if _split(plan) else []
    return ["heaviest keys", *weight, "share", "rows", "partition", *pieces]


def heavy_cells(plan: PartitionPlan, most: int = 40) -> list[list[str]]:
    """Give a row for each of the heaviest keys, of whose names so many letters are shown."""
    whole = total(plan) or 1.0
    cells = []
    for key in plan.heaviest[:MOST_KEYS]:
        weight = [] if plan.unit == "rows" else [amount(plan, key.weight)]
        pieces = [f"{key.pieces:,}"] if _split(plan) else []
        place = [f"{key.rows:,}", f"{key.partition:,}"]
        cells.append([key_name(key, most), *weight, percent(key.weight / whole), *place, *pieces])
    return cells


def more_keys(plan: PartitionPlan) -> str:
    """Say how many keys are not shown, and what they weigh together."""
    shown = plan.heaviest[:MOST_KEYS]
    rest = plan.n_keys - len(shown)
    if rest <= 0:
        return ""
    share = max(0.0, 1 - sum(key.weight for key in shown) / (total(plan) or 1.0))
    about = "" if plan.keys_exact else "about "
    return f"… and {about}{count(rest, 'more key')}, {percent(share)} of the weight together"


def layout_head(plan: PartitionPlan) -> list[str]:
    """Give the titles of the table of layouts."""
    return ["layout", *(["predicted makespan"] if plan.unit else []), "× the bound", "skew", "partitions"]


def layout_cells(plan: PartitionPlan, layout: Layout) -> list[str]:
    """Give a layout's row."""
    makespan = [amount(plan, layout.makespan)] if plan.unit else []
    bound = times(layout.makespan, plan.lower_bound)
    return [layout.name, *makespan, bound, f"{layout.skew:.3g}", f"{layout.partitions:,}"]


def _split(plan: PartitionPlan) -> bool:
    return any(key.pieces > 1 for key in plan.heaviest)
