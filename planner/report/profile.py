"""A measured cluster as text: what its speeds, its links and its start-up costs were found to be."""

from __future__ import annotations

from planner.model.profile import LinkProfile, Profile, Spread
from planner.model.units import format_bytes
from planner.report.markup import duration
from planner.report.terminal import aligned, finish
from planner.report.words import count, seconds

__all__ = ["profile_text"]

MOST_ROWS = 48


def profile_text(profile: Profile, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe a profile: executors, links, and what starting costs; quartiles behind each median.

    Parameters
    ----------
    profile : Profile
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether characters beyond ASCII may be used; what the standard output can encode when left out.
    """
    lines = [
        f"Measured: {count(len(profile.executors), 'executor')}, {count(profile.cluster.n_slots, 'slot')}, "
        f"on {profile.settings['master']}, {profile.settings['measured']}",
        "",
        "Executors (speed with all slots at work, that of the middle one is 1; in brackets the middle half)",
        *_executors(profile),
        "",
        *_links(profile),
        "",
        "Costs (median, and the middle half)",
        f"  a task     {_spread_us(profile.overhead_us)}",
        f"  a Spark job of one empty task     {_spread_us(_scaled(profile.job_s, 1e6))}",
        f"  slots of a run start, meet and end     {seconds(profile.slots_s)}",
        *_starts(profile),
    ]
    return finish(lines, width, unicode)


def _executors(profile: Profile) -> list[str]:
    rows = []
    for executor, planned in zip(profile.executors[:MOST_ROWS], profile.cluster.executors, strict=False):
        middle = executor.busy.middle / executor.speed
        low, high = executor.busy.low / middle, executor.busy.high / middle
        rows.append(
            [
                f"  {executor.id}",
                executor.host,
                str(executor.slots),
                f"{executor.speed:.3g} ({low:.3g}–{high:.3g})",
                f"{planned.speed:.3g}",
                f"{executor.stretch:.2g} × as fast",
                f"{executor.cores:g}",
                _bytes(planned.memory_bytes),
                _bytes(executor.memory_bytes),
            ]
        )
    head = ["  executor", "host", "slots", "speed", "written", "alone", "cores", "memory", "left"]
    rest = len(profile.executors) - MOST_ROWS
    return [*aligned(head, rows, (0, 1)), *([f"  … and {rest} more"] if rest > 0 else [])]


def _links(profile: Profile) -> list[str]:
    if not profile.links:
        return ["Links: none was measured, because there is one executor; transfers are planned to cost nothing"]
    rows = [_link(link) for link in profile.links[:MOST_ROWS]]
    pairs = len(profile.executors) * (len(profile.executors) - 1) // 2
    of = "all pairs of executors" if pairs == len(profile.links) else f"{len(profile.links)} of {pairs} pairs"
    return [
        f"Links ({of}, from slot to slot as values of tasks travel)",
        *aligned(["  between", "where", "latency", "bandwidth"], rows, (0, 1)),
    ]


def _link(link: LinkProfile) -> list[str]:
    where = f"inside {link.hosts[0]}" if link.is_local else f"{link.hosts[0]} – {link.hosts[1]}"
    low, middle, high = (
        f"{format_bytes(value)}/s" for value in (link.bandwidth.low, link.bandwidth.middle, link.bandwidth.high)
    )
    return [f"  {' – '.join(link.executors)}", where, _spread_us(link.latency_us), f"{middle} ({low}–{high})"]


def _starts(profile: Profile) -> list[str]:
    starts = [each.python_s for each in profile.executors if each.python_s is not None]
    imports = [each.import_s for each in profile.executors if each.import_s is not None]
    told = [("the first Python process of an executor", starts), ("its first import of what a slot needs", imports)]
    return [f"  {what}     {_spread_us(_scaled(Spread.of(values), 1e6))}" for what, values in told if values]


def _scaled(spread: Spread, by: float) -> Spread:
    return Spread(spread.low * by, spread.middle * by, spread.high * by)


def _spread_us(spread: Spread) -> str:
    low, middle, high = (duration(round(value)) for value in (spread.low, spread.middle, spread.high))
    return f"{middle} ({low}–{high})"


def _bytes(count_bytes: int | None) -> str:
    return "–" if count_bytes is None else format_bytes(count_bytes)
