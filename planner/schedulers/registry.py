"""The methods by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.compiled import slowness
from planner.model.plan import Schedule
from planner.schedulers.ant_colony import ant_colony
from planner.schedulers.budget import SLOWER_IN_MEMORY
from planner.schedulers.cpop import cpop
from planner.schedulers.critical_path import critical_path
from planner.schedulers.dls import dls
from planner.schedulers.etf import etf
from planner.schedulers.exact import exact, refuses_exact
from planner.schedulers.fastest_executor import fastest_executor
from planner.schedulers.genetic import genetic
from planner.schedulers.heft import heft
from planner.schedulers.independent import karmarkar_karp, lpt, multifit, refuses
from planner.schedulers.least_loaded import least_loaded
from planner.schedulers.linear_clustering import linear_clustering
from planner.schedulers.max_min import max_min
from planner.schedulers.mct import mct
from planner.schedulers.min_min import min_min
from planner.schedulers.peft import peft
from planner.schedulers.priority import priority
from planner.schedulers.random import random
from planner.schedulers.round_robin import round_robin
from planner.schedulers.sufferage import sufferage
from planner.schedulers.unrelated import earliest_completion, iterated_greedy, lp_rounding, refuses_dependent

__all__ = ["Method", "get", "method_names", "methods", "suiting"]

_READY_A_SLOT = 10
"""Ready tasks that are looked at while one slot is."""


@dataclass(frozen=True)
class Method:
    """A published method.

    Parameters
    ----------
    name : str
    schedule : callable
        ``schedule(problem, seed)`` gives a `Schedule`.
    summary : str
        What it does, in one line.
    source : str
        Where it was published.
    largest : int or None
        Tasks times slots up to which it takes no longer than a second or so; None where it is quick at any size.
    refuses : callable
        Says in words why it does not plan a problem; None, if it does.
    ready : bool
        Whether it looks at all tasks that are ready whenever it places one.
    search : bool
        Whether it goes on from what other methods find, for up to a second or so.
    also : str
        Another name that it is known by, or nothing.
    """

    name: str
    schedule: Callable[[Problem, int], Schedule]
    summary: str
    source: str
    largest: int | None = None
    refuses: Callable[[Problem], str | None] = lambda problem: None
    search: bool = False
    also: str = ""
    ready: bool = False


def _method(
    function: Callable[[Problem, int], Schedule],
    source: str,
    largest: int | None = None,
    refuses: Callable[[Problem], str | None] = lambda problem: None,
    search: bool = False,
    also: str = "",
    ready: bool = False,
) -> Method:
    summary = (function.__doc__ or "").partition("\n")[0].rstrip(".")
    return Method(function.__name__, function, summary, source, largest, refuses, search, also, ready)


_METHODS = (
    _method(heft, "Topcuoglu, Hariri & Wu 2002, doi:10.1109/71.993206", largest=10**8),
    _method(critical_path, "Adam, Chandy & Dickson 1974, doi:10.1145/361604.361619"),
    _method(peft, "Arabnejad & Barbosa 2014, doi:10.1109/TPDS.2013.57", largest=2 * 10**7),
    _method(cpop, "Topcuoglu, Hariri & Wu 2002, doi:10.1109/71.993206", largest=2 * 10**7),
    _method(dls, "Sih & Lee 1993, doi:10.1109/71.207593", largest=10**6, ready=True),
    _method(etf, "Hwang, Chow, Anger & Lee 1989, doi:10.1137/0218016", largest=10**6, ready=True),
    _method(linear_clustering, "Kim & Browne 1988, ICPP", largest=10**6),
    _method(exact, "Perron, Didier & Gay 2023, doi:10.4230/LIPIcs.CP.2023.3", 0, refuses_exact),
    _method(lpt, "Graham 1969, doi:10.1137/0117039", refuses=refuses),
    _method(multifit, "Coffman, Garey & Johnson 1978, doi:10.1137/0207001", 10**8, refuses),
    _method(karmarkar_karp, "Karmarkar & Karp 1982, UCB/CSD 82/113; doi:10.1007/3-540-36494-3_51", 10**6, refuses),
    _method(earliest_completion, "Ibarra & Kim 1977, doi:10.1145/322003.322011", 10**8, refuses_dependent),
    _method(lp_rounding, "Lenstra, Shmoys & Tardos 1990, doi:10.1007/BF01585745", 0, refuses_dependent),
    _method(priority, "Hu 1961, doi:10.1287/opre.9.6.841", largest=10**8),
    _method(sufferage, "Maheswaran et al. 1999, doi:10.1006/jpdc.1999.1581", largest=10**5, ready=True),
    _method(max_min, "Maheswaran et al. 1999, doi:10.1006/jpdc.1999.1581", largest=10**6, ready=True),
    _method(min_min, "Maheswaran et al. 1999, doi:10.1006/jpdc.1999.1581", largest=10**6, ready=True),
    _method(mct, "Maheswaran et al. 1999, doi:10.1006/jpdc.1999.1581", largest=10**8, also="greedy"),
    _method(least_loaded, "Graham 1969, doi:10.1137/0117039", largest=10**7),
    _method(round_robin, "Kleinrock 1964, doi:10.1002/nav.3800110105", largest=10**7),
    _method(random, "Mitzenmacher 2001, doi:10.1109/71.963420", largest=10**7),
    _method(fastest_executor, "Coleman & Krishnamachari 2024, arXiv:2403.07120"),
    _method(genetic, "Wang, Siegel, Roychowdhury & Maciejewski 1997, doi:10.1006/jpdc.1997.1392", search=True),
    _method(
        iterated_greedy,
        "Fanjul-Peyro & Ruiz 2010, doi:10.1016/j.ejor.2010.03.030",
        refuses=refuses_dependent,
        search=True,
    ),
    _method(ant_colony, "Dorigo & Gambardella 1997, doi:10.1109/4235.585892", search=True),
)


def methods() -> tuple[Method, ...]:
    """Give all methods, better ones first."""
    return _METHODS


def method_names() -> list[str]:
    """Give all names of methods, those that a method is also known by behind its own."""
    return [name for method in _METHODS for name in (method.name, method.also) if name]


def suiting(problem: Problem) -> tuple[Method, ...]:
    """Give the methods that plan a problem, take no longer for it than a second or so, and do not search."""
    slots, ready = problem.n_slots, max(problem.n_slots, _ready_at_once(problem) // _READY_A_SLOT)
    slower = slowness() * (1 if problem.fits else SLOWER_IN_MEMORY)
    size = {method.name: problem.n * (ready if method.ready else slots) * slower for method in _METHODS}
    quick = (m for m in _METHODS if not m.search and (m.largest is None or size[m.name] <= m.largest))
    return tuple(method for method in quick if method.refuses(problem) is None)


def _ready_at_once(problem: Problem) -> int:
    """Give a number of tasks that are ready together at some time, if not more: the first ones, or those behind one."""
    waiting, following = np.diff(problem.pred_ptr), np.diff(problem.succ_ptr)
    return max(int((waiting == 0).sum()), int(following.max(initial=0)))


def get(name: str) -> Method:
    """Give a method by its name, or by the other one that it is known by.

    Raises
    ------
    InputError
        For an unknown name, with the valid ones.
    """
    for method in _METHODS:
        if name and name in (method.name, method.also):
            return method
    names = method_names()
    near = difflib.get_close_matches(name, [*names, "auto"], n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise InputError([Fault("method", f"{name!r} is not known; {meant}expected auto, {', '.join(names)}")])
