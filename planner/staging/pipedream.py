"""What a replicated stage costs, as PipeDream counts it.

D. Narayanan, A. Harlap, A. Phanishayee, V. Seshadri, N. Devanur, G. Ganger, P. Gibbons, M. Zaharia, PipeDream:
Generalized Pipeline Parallelism for DNN Training, SOSP 2019, doi:10.1145/3341301.3359646, section 3.1.
"""

from __future__ import annotations

from planner.model.compiled import inlined

__all__ = ["replicated", "slowest"]


@inlined
def replicated(work_ns: int, sync_ns: int, replicas: int) -> int:
    """Give nanoseconds a micro-batch where replicas take turns, and bring their parameters in line after each.

    Rounded up, so that no bound is above it. Of all-reduce among ``m`` replicas each pays ``(m - 1) / m`` of `sync_ns`.
    """
    return (work_ns * replicas + sync_ns * (replicas - 1) + replicas * replicas - 1) // (replicas * replicas)


@inlined
def slowest(work_ns: int, sync_ns: int, into_ns: int, out_ns: int, replicas: int) -> int:
    """Give nanoseconds a micro-batch where links work beside devices: the slowest of stage, inflow and outflow.

    Replicas share what comes in and what goes out.
    """
    transfer = (max(into_ns, out_ns) + replicas - 1) // replicas
    return max(replicated(work_ns, sync_ns, replicas), transfer)
