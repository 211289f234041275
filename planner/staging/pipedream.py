"""What a replicated stage costs, as PipeDream counts it.

D. Narayanan, A. Harlap, A. Phanishayee, V. Seshadri, N. Devanur, G. Ganger, P. Gibbons, M. Zaharia, PipeDream:
Generalized Pipeline Parallelism for DNN Training, SOSP 2019, doi:10.1145/3341301.3359646, section 3.1.
"""

from __future__ import annotations

from planner.model.compiled import inlined

__all__ = ["replicated", "stage_load"]


@inlined
def replicated(work_ns: int, sync_ns: int, replicas: int) -> int:
    """Give nanoseconds a micro-batch where replicas take turns, and bring their parameters in line after each.

    Rounded up, so that no bound is above it. Of all-reduce among ``m`` replicas each pays ``(m - 1) / m`` of `sync_ns`.
    """
    return (work_ns * replicas + sync_ns * (replicas - 1) + replicas * replicas - 1) // (replicas * replicas)


@inlined
def stage_load(
    work_ns: int, sent_ns: int, sync_ns: int, into_ns: int, out_ns: int, overlap: int, first: bool, replicas: int
) -> int:
    """Give nanoseconds a micro-batch of a stage: its work and transfers, or, with overlap, the slowest of them.

    Replicas share what comes in and what goes out. That the first stage sends is counted where the second receives.
    """
    if overlap == 0:
        return replicated(work_ns + sent_ns, sync_ns, replicas)
    alone = replicated(work_ns, sync_ns, replicas)
    if first:
        return alone
    return max(alone, (max(into_ns, out_ns) + replicas - 1) // replicas)
