"""From what probes gave to a measured cluster that can be planned for."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from planner.model.cluster import Cluster, Executor, Link, Network
from planner.model.profile import ExecutorProfile, LinkProfile, Profile, Spread
from planner.model.units import MICROSECONDS
from planner.recipes.probe_plan import Probes
from planner.recipes.probes import Facts, Trips

__all__ = ["measured"]

_EQUAL = 0.05
"""Executors whose speeds differ by less, or whose measurements overlap, are taken for equally fast."""

_OTHER = 1.25
"""A link is another than the rest, when it is so many times better or worse, and measurements do not overlap."""


def measured(probes: Probes, values: Sequence[Any], job_s: Spread, slots_s: float, settings: dict[str, Any]) -> Profile:
    """Make a profile of what the last task of `probes` collected.

    Parameters
    ----------
    probes : Probes
    values : sequence
        What the last task gave.
    job_s, slots_s, settings
        As of `Profile`.
    """
    given = iter(values)
    taken: Callable[[Iterable[Any]], dict[Any, Any]] = lambda keys: dict(zip(keys, given, strict=False))  # noqa: E731
    facts, alone, together = taken(probes.executors), taken(probes.alone), taken(probes.together)
    ticks = list(itertools.islice(given, probes.ticking))
    overhead_us = Spread.of(MICROSECONDS * np.concatenate([np.diff(times) for times in ticks]))
    cluster = probes.plan.cluster
    executors = _executors(cluster, facts, alone, together)
    links = tuple(_link(cluster, pair, trips, overhead_us) for pair, trips in taken(probes.pairs).items())
    planned = Cluster(
        tuple(
            _planned(executor, found, executors) for executor, found in zip(cluster.executors, executors, strict=True)
        ),
        _network(links, [executor.host for executor in executors]),
        round(overhead_us.middle),
    )
    return Profile(planned, executors, links, overhead_us, job_s, slots_s, settings)


def _executors(
    cluster: Cluster, facts: dict[int, Facts], alone: dict[int, list[float]], together: dict[int, list[float]]
) -> tuple[ExecutorProfile, ...]:
    busy = [_pooled(cluster, position, together) for position in range(len(cluster.executors))]
    middle = statistics.median_high(rate.middle for rate in busy)
    return tuple(
        ExecutorProfile(
            executor.id,
            executor.host,
            executor.slots,
            busy[position].middle / middle,
            busy[position],
            _pooled(cluster, position, alone),
            **facts[position],
        )
        for position, executor in enumerate(cluster.executors)
    )


def _pooled(cluster: Cluster, executor: int, rates: dict[int, list[float]]) -> Spread:
    return Spread.of(
        rate for slot in np.flatnonzero(cluster.slot_executor == executor).tolist() for rate in rates[slot]
    )


def _link(cluster: Cluster, pair: tuple[int, int], trips: Trips, overhead_us: Spread) -> LinkProfile:
    took: dict[int, list[float]] = {}
    for size, seconds in trips[0]:
        took.setdefault(size, []).append(seconds)
    small, large = (took[size][1:] for size in sorted(took))  # the first one warms up
    idle = statistics.median(small)
    one, other = (cluster.executors[position] for position in pair)
    return LinkProfile(
        (one.id, other.id),
        (one.host, other.host),
        Spread.of(max((seconds * MICROSECONDS - overhead_us.middle) / 2, 1.0) for seconds in small),
        Spread.of(max(took) / max((seconds - idle) / 2, 1 / MICROSECONDS) for seconds in large),
    )


def _planned(executor: Executor, found: ExecutorProfile, all_of_them: Sequence[ExecutorProfile]) -> Executor:
    """Say how fast an executor is, but not where that is noise, and its memory, where Spark sets none."""
    middle = min(all_of_them, key=lambda each: abs(each.speed - 1))
    equal = abs(found.speed - 1) < _EQUAL or found.busy.overlaps(middle.busy)
    memory = found.memory_bytes if executor.memory_bytes is None else executor.memory_bytes
    return replace(executor, speed=1.0 if equal else _rounded(found.speed), memory_bytes=memory or None)


def _network(links: Sequence[LinkProfile], hosts: Sequence[str]) -> Network:
    """Give the network between hosts, and what differs from it: links inside each host, and pairs of hosts."""
    if not links:
        return Network()
    by_hosts: dict[tuple[str, str], list[LinkProfile]] = {}
    for link in links:
        first, second = sorted(link.hosts)
        by_hosts.setdefault((first, second), []).append(link)
    local = [link for link in links if link.is_local]
    apart = [link for link in links if not link.is_local]
    usual = apart or local
    others = []
    for pair, found in by_hosts.items():
        if _differs(found, usual):
            others.append(Link(pair, *_rates(found)))
    if apart and local:  # hosts that were not asked are taken to be like those that were
        asked = {pair[0] for pair in by_hosts if pair[0] == pair[1]}
        several = sorted({host for host in hosts if hosts.count(host) > 1} - asked)
        others += [Link((host, host), *_rates(local)) for host in several]
    return Network(*_rates(usual), tuple(others))


def _rates(links: Sequence[LinkProfile]) -> tuple[int, float]:
    latency = statistics.median(link.latency_us.middle for link in links)
    return round(latency), _rounded(statistics.median(link.bandwidth.middle for link in links))


def _differs(found: Sequence[LinkProfile], usual: Sequence[LinkProfile]) -> bool:
    pick: tuple[Callable[[LinkProfile], Spread], ...] = (lambda link: link.latency_us), (lambda link: link.bandwidth)
    for of in pick:
        here, there = (Spread.of(of(link).middle for link in links) for links in (found, usual))
        ratio = max(here.middle, there.middle) / max(min(here.middle, there.middle), 1e-9)
        if ratio > _OTHER and not any(of(link).overlaps(of(each)) for link in found for each in usual if each != link):
            return True
    return False


def _rounded(value: float) -> float:
    """Keep three digits: more were not measured."""
    return float(f"{value:.3g}")
