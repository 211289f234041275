"""The words of the command line as values; everything wrong with them is collected, not raised one by one."""

from __future__ import annotations

import math
import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from planner.cli.words import nearest
from planner.errors import Fault, InputError
from planner.io import read_cluster
from planner.model.cluster import Cluster, Network
from planner.model.units import parse_bytes, parse_rate, parse_seconds, to_us
from planner.model.weights import Weights
from planner.partitioners.task_experience import TaskExperience
from planner.pipeline.learning import experience_of
from planner.pipeline.planning import OBJECTIVES
from planner.rebalancing import POLICIES
from planner.schedulers import method_names

__all__ = ["Reader", "whole"]

Value = TypeVar("Value")
DEFAULT_EXECUTORS = 4
MOST_EXECUTORS = 100_000
_WEIGHTS = "weights such as gigabytes=5,imbalance=0.5"


class Reader:
    """Reads options one after another and keeps what is wrong with them.

    Parameters
    ----------
    words : argparse.Namespace
        What the parser found, as text.

    Examples
    --------
    >>> reader = Reader(Namespace(seed="x", slots="0"))
    >>> reader.seed(), reader.number("slots", 1, least=1)
    (0, 1)
    >>> [str(fault) for fault in reader.faults]
    ["--seed: 'x' is no whole number; expected 0 or more", "--slots: '0' is below 1; expected 1 or more"]
    """

    def __init__(self, words: Namespace) -> None:
        self.words = words
        self.faults: list[Fault] = []

    def check(self) -> None:
        """Raise everything that was wrong.

        Raises
        ------
        InputError
            If anything was.
        """
        if self.faults:
            raise InputError(self.faults)

    @contextmanager
    def collecting(self, path: str) -> Iterator[None]:
        """Keep the faults of what is done inside; those without a path get this one."""
        try:
            yield
        except InputError as error:
            self.faults += [fault if fault.path else Fault(path, fault.problem) for fault in error.faults]
        except OSError as error:
            self.faults.append(Fault(path, f"{error.strerror or error}; expected a file that can be read"))

    def option(self, name: str, default: Value, parse: Callable[[str], Value]) -> Value:
        """Read one option, or give the default when it was left out or is wrong."""
        text = getattr(self.words, name, None)
        if text is None:
            return default
        value = default
        with self.collecting(f"--{name.replace('_', '-')}"):
            value = parse(text)
        return value

    def refuse(self, why: str, *names: str) -> None:
        """Refuse options that do not go with the rest."""
        given = [name for name in names if getattr(self.words, name, None) is not None]
        self.faults += [Fault(f"--{name.replace('_', '-')}", why) for name in given]

    def new_folder(self, name: str) -> Path | None:
        """Read the name of a folder for a run, which has to be new or empty."""
        text = getattr(self.words, name)
        if text is None:
            return None
        path = f"--{name.replace('_', '-')}"
        with self.collecting(path):
            if Path(text).exists() and (not Path(text).is_dir() or any(Path(text).iterdir())):
                raise InputError(f"{text} is there already and holds something; expected a new or an empty folder")
        return Path(text)

    def file_in_a_folder(self, name: str) -> None:
        """Check that a file to be written lies in a folder that exists, before anything is computed for it."""
        text = getattr(self.words, name)
        if text is not None and (not text or Path(text).is_dir() or not Path(text).absolute().parent.is_dir()):
            self.faults.append(
                Fault(f"--{name}", f"{text!r} cannot be written; expected a file in a folder that exists")
            )

    def number(self, name: str, default: int, least: int = 0, most: int | None = None) -> int:
        """Read a whole number."""
        return self.option(name, default, lambda text: whole(text, least, most))

    def seed(self) -> int:
        """Read ``--seed``."""
        return self.number("seed", 0)

    def budget(self) -> float | None:
        """Read ``--budget`` as seconds."""
        return self.option("budget", None, parse_seconds)

    def effort(self) -> dict[str, Any]:
        """Read ``--budget`` as seconds and ``--iterations``, of which at most one may be given."""
        budget, iterations = self.budget(), None
        if self.words.iterations is not None:
            iterations = self.number("iterations", 0)
            if self.words.budget is not None:
                self.faults.append(Fault("--iterations", "stands beside --budget; expected one of them"))
        return {"budget": budget, "iterations": iterations}

    def method(self) -> str:
        """Read ``--method``."""
        return self.option("method", "auto", lambda name: _known(name, "method", [*method_names(), "auto"]))

    def method_list(self) -> list[str] | None:
        """Read ``--methods``; None for all."""
        text = getattr(self.words, "methods", None)
        if text is None:
            return None
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names:
            self.faults.append(Fault("--methods", f"names none; expected some of {', '.join(method_names())}"))
        for name in names:
            with self.collecting("--methods"):
                _known(name, "method", [*method_names(), "auto"])
        return names

    def objective(self) -> str:
        """Read ``--objective``, which needs ``--efficiency`` or ``--weights`` when it is that one, and only then."""
        name = self.option("objective", "makespan", lambda text: _known(text, "objective", list(OBJECTIVES)))
        for option, what, objective in (("efficiency", "a file", "efficiency"), ("weights", _WEIGHTS, "weighted")):
            given = getattr(self.words, option) is not None
            if name == objective and not given:
                problem = f"is left out; expected {what}, because --objective is {objective}"
                self.faults.append(Fault(f"--{option}", problem))
            if given and name != objective:
                self.faults.append(Fault(f"--{option}", f"is given, but --objective is not {objective}"))
        return name

    def weights(self) -> Weights | None:
        """Read ``--weights``."""
        found: dict[str, float] = {}
        for text in (self.words.weights or "").split(",") if self.words.weights is not None else ():
            with self.collecting("--weights"):
                name, sign, weight = text.strip().partition("=")
                if not sign:
                    raise InputError(f"{text!r} is no NAME=WEIGHT; expected {_WEIGHTS}")
                _known(name, "weight", [each.name for each in fields(Weights)])
                found[name] = _decimal(weight)
        weights = None
        with self.collecting("--weights"):
            weights = Weights(**found) if found else None
        return weights

    def emulate(self) -> float | None:
        """Read ``--emulate``."""
        return self.option("emulate", None, lambda text: _decimal(text, above=0))

    def rebalance(self, otherwise: str) -> Any:
        """Read ``--rebalance``."""
        return self.option("rebalance", otherwise, lambda text: _known(text, "policy", ["none", *POLICIES]))

    def history(self) -> TaskExperience | None:
        """Read ``--history``, and what its runs teach."""
        experience = None
        if self.words.history is not None:
            with self.collecting("--history"):
                experience = experience_of(self.words.history)
        return experience

    def noise(self) -> float:
        """Read ``--noise``."""
        return self.option("noise", 0.0, _decimal)

    def slow(self, cluster: Cluster | None) -> dict[str, float]:
        """Read every ``--slow ID=FACTOR``; without a cluster any id goes."""
        known = [executor.id for executor in cluster.executors] if cluster else None
        found: dict[str, float] = {}
        for text in self.words.slow or ():
            with self.collecting("--slow"):
                executor, sign, factor = text.rpartition("=")
                if not sign:
                    raise InputError(f"{text!r} is no ID=FACTOR; expected an executor and a factor, such as 0=4")
                if known is not None:
                    _known(executor, "executor", known)
                found[executor] = _decimal(factor, above=0)
        return found

    def span(self) -> range:
        """Read ``--executors A..B``, which has to be there."""
        if self.words.executors is None:
            problem = "is left out; expected a range such as 2..64, because the file is a graph (or give a plan)"
            self.faults.append(Fault("--executors", problem))
        return self.option("executors", range(1, 2), _range)

    def network(self, otherwise: Network | None = None) -> Network:
        """Read ``--bandwidth`` and ``--latency``."""
        base = otherwise or Network()
        bandwidth = self.option("bandwidth", base.bandwidth, parse_rate)
        latency_us = self.option("latency", base.latency_us, lambda text: to_us(parse_seconds(text)))
        return replace(base, bandwidth=bandwidth, latency_us=latency_us)

    def names_cluster(self) -> bool:
        """Tell whether the options name a cluster."""
        return any(getattr(self.words, name) is not None for name in ("cluster", "executors", "slots"))

    def cluster(self, count: int | None = None) -> Cluster:
        """Read the cluster that the options name, or the default one; `count` where ``--executors`` is no number."""
        file = self.words.cluster
        if file is None:
            slots, memory = self.number("slots", 1, least=1, most=10_000), self.option("memory", None, parse_bytes)
            count = count or self.number("executors", DEFAULT_EXECUTORS, least=1, most=MOST_EXECUTORS)
            return Cluster.uniform(count, slots, memory_bytes=memory, network=self.network())
        for name in ("slots", "memory") if count else ("executors", "slots", "memory"):
            if getattr(self.words, name) is not None:
                self.faults.append(
                    Fault(f"--{name}", "cannot stand beside --cluster, whose file says it; expected one")
                )
        cluster = Cluster.uniform(1)
        with self.collecting(file):
            cluster = read_cluster(file)
        return replace(cluster, network=self.network(cluster.network))

    def picture(self, name: str) -> None:
        """Check that a file to be written can hold a picture, before anything is computed for it."""
        text = getattr(self.words, name)
        if text is not None and Path(text).suffix.lower() not in (".html", ".htm", ".svg"):
            self.faults.append(
                Fault(f"--{name}", f"{text!r} is no picture; expected a name that ends in .html or .svg")
            )


def whole(text: str, least: int = 0, most: int | None = None) -> int:
    """Read a whole number.

    Raises
    ------
    InputError
        If it is none, or outside the bounds.
    """
    expected = f"expected {least} or more" if most is None else f"expected {least} to {most}"
    if not re.fullmatch(r"[+-]?\d{1,18}", text.strip()):
        raise InputError(f"{text!r} is no whole number; {expected}")
    value = int(text)
    if value < least:
        raise InputError(f"{text!r} is below {least}; {expected}")
    if most is not None and value > most:
        raise InputError(f"{text!r} is above {most}; {expected}")
    return value


def _decimal(text: str, above: float | None = None) -> float:
    expected = "expected a number >= 0" if above is None else f"expected a number above {above:g}"
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{text!r} is no number; {expected}") from None
    if not math.isfinite(value) or value < 0 or (above is not None and value <= above):
        raise InputError(f"{text!r} is out of bounds; {expected}")
    return value


def _range(text: str) -> range:
    expected = f"expected FIRST..LAST, such as 2..64, from 1 to {MOST_EXECUTORS}"
    match = re.fullmatch(r"(\d{1,9})(?:\.\.(\d{1,9}))?", text.strip())
    if not match:
        raise InputError(f"{text!r} is no range; {expected}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= MOST_EXECUTORS:
        raise InputError(f"{text!r} is no range; {expected}")
    return range(first, last + 1)


def _known(name: str, what: str, known: list[Any]) -> str:
    if name not in known:
        problem = f"{name!r} is no {what}{nearest(name, known)}; expected one of {', '.join(known[:20])}"
        told = " (planner methods lists all)" if what == "method" else ""
        raise InputError(problem + (f" …{told}" if len(known) > 20 else ""))
    return name
