"""A run folder that is opened once more: what its journal says was done, and where the values are."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from planner.errors import Fault, InputError
from planner.io.checks import show
from planner.io.documents import dump_document, parse_json
from planner.io.files import as_path, exists, read_text, write_atomically
from planner.io.locations import is_uri
from planner.io.plan_file import read_plan, write_plan
from planner.model.graph import Graph
from planner.model.plan import Plan

__all__ = ["Resumed", "Store", "keep_store", "planned_graph", "reopen_run_folder"]

STORE_FORMAT = "planner.store/1"


@dataclass(frozen=True)
class Store:
    """Where a run keeps values, and the secret with which they are sealed."""

    location: str = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Resumed:
    """What is known of a run that is to go on.

    Attributes
    ----------
    folder : Path
    done : tuple of int
        Tasks that have ended well.
    store : Store or None
    """

    folder: Path
    done: tuple[int, ...]
    store: Store | None


def keep_store(folder: Path, location: str | os.PathLike[str]) -> Store:
    """Choose a secret, and note it with the place in the folder of a run, for the owner's eyes alone."""
    text = os.fspath(location)
    place = text if is_uri(text) else str(Path(text).expanduser().absolute())
    store = Store(place, secrets.token_bytes(32))
    document = dump_document({"format": STORE_FORMAT, "location": place, "key": store.key.hex()})
    write_atomically(folder / "store.json", lambda out: out.write(document), private=True)
    return store


def planned_graph(path: str | os.PathLike[str]) -> Graph:
    """Give the graph that a run was planned for.

    Raises
    ------
    InputError
        If the folder holds no run.
    """
    folder = as_path(path)
    if not exists(folder / "plan.json"):
        raise InputError([Fault(str(folder), "holds no plan.json; expected the folder that a run wrote")])
    return read_plan(folder / "plan.json").graph


def reopen_run_folder(path: str | os.PathLike[str], plan: Plan) -> Resumed:
    """Open the folder of a run that is to go on, and put the new plan into it.

    Parameters
    ----------
    path : str or path
    plan : Plan
        Of the same tasks; for another cluster, if need be.

    Raises
    ------
    InputError
        If the folder holds no run, or one of another graph.
    """
    folder, graph = as_path(path), planned_graph(path)
    same = graph.names == plan.graph.names and np.array_equal(graph.pred_ptr, plan.graph.pred_ptr)
    if not same or not np.array_equal(graph.pred, plan.graph.pred):
        problem = f"holds a run of {graph.n} tasks that is not the one to be run ({plan.graph.n} tasks)"
        raise InputError([Fault(str(folder), f"{problem}; expected a plan of the graph in its plan.json")])
    done = _done(folder / "journal.jsonl", plan.graph)
    write_plan(plan, folder / "plan.json")
    (folder / "plan.json").chmod(0o600)
    return Resumed(folder, done, _store(folder / "store.json"))


def _done(journal: Path, graph: Graph) -> tuple[int, ...]:
    if not exists(journal) or not journal.stat().st_size:  # the driver died before anything had begun
        return ()
    position = {name: task for task, name in enumerate(graph.names)}
    done: set[int] = set()
    for line in read_text(journal).splitlines():
        try:
            event: Any = json.loads(line)
        except ValueError:  # the driver died while it wrote this one
            continue
        if isinstance(event, dict) and event.get("event") == "finished" and event.get("task") in position:
            done.add(position[event["task"]])
    return tuple(sorted(done))


def _store(path: Path) -> Store | None:
    if not exists(path):
        return None
    document = parse_json(read_text(path))
    try:
        if document["format"] != STORE_FORMAT:
            raise ValueError
        return Store(str(document["location"]), bytes.fromhex(document["key"]))
    except (KeyError, TypeError, ValueError) as error:
        expected = f"expected what a run wrote ({STORE_FORMAT})"
        raise InputError([Fault(str(path), f"is {show(document)[:80]}; {expected}")]) from error
