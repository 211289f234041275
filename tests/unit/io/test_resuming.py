"""The folder of a run is opened once more: what it says was done, and where its values are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner import Cluster, Graph, plan
from planner.errors import InputError
from planner.io.resuming import keep_store, planned_graph, reopen_run_folder
from planner.io.run_folder import create_run_folder

PLAN = plan(Graph.from_arrays(["a", "b", "c"], work=[1, 2, 3], source=[0], target=[1]), Cluster.uniform(2))


def _lines(*tasks: str) -> str:
    return "".join(json.dumps({"at_us": 1, "event": "finished", "task": task}) + "\n" for task in tasks)


@pytest.mark.parametrize(
    ("journal", "done"),
    [
        (None, ()),
        ("", ()),
        (_lines("c", "a", "a"), (0, 2)),
        (_lines("b") + '{"at_us": 5, "event": "fini', (1,)),  # the driver died while it wrote this
        (_lines("b") + '{"event": "lost", "task": "a"}\n[1]\n' + _lines("of another graph"), (1,)),
    ],
)
def test_what_was_done_is_read_from_the_journal(journal: str | None, done: tuple[int, ...], tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "run", PLAN)
    if journal is not None:
        (folder / "journal.jsonl").write_text(journal)
    store = keep_store(folder, tmp_path / "values")
    assert (folder / "store.json").stat().st_mode & 0o777 == 0o600
    fewer = plan(PLAN.graph, Cluster.uniform(1))
    resumed = reopen_run_folder(folder, fewer)
    assert (resumed.done, resumed.store) == (done, store)
    assert store.key.hex() not in repr(resumed)
    assert planned_graph(folder).names == ["a", "b", "c"]


def test_a_folder_of_another_graph_is_refused(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "run", PLAN)
    for other in (
        Graph.from_arrays(["a", "b"], work=[1, 2]),
        Graph.from_arrays(["a", "b", "c"], work=[1, 2, 3], source=[1], target=[2]),
        Graph.from_arrays(["a", "b", "d"], work=[1, 2, 3], source=[0], target=[1]),
    ):
        with pytest.raises(InputError, match=r"expected a plan of the graph in its plan\.json"):
            reopen_run_folder(folder, plan(other, Cluster.uniform(2)))


def test_a_folder_that_holds_no_run_or_a_broken_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no plan\.json; expected the folder that a run wrote"):
        reopen_run_folder(tmp_path, PLAN)
    folder = create_run_folder(tmp_path / "run", PLAN)
    for broken in ({"format": "planner.store/2"}, {"format": "planner.store/1", "location": "x", "key": "no hex"}, []):
        (folder / "store.json").write_text(json.dumps(broken))
        with pytest.raises(InputError, match=r"store\.json.*expected what a run wrote"):
            reopen_run_folder(folder, PLAN)
