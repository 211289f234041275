"""``planner history``, and ``--history`` where a graph is planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_history_samples import lived

from planner import Cluster, plan, read_graph
from planner.io import append_run

Planner = Callable[..., Any]
TRUE = {"load": 2.0, "left": 3.0, "right": 8.0, "join": 1.0}


@pytest.fixture
def folder(graph: str, tmp_path: Path) -> Path:
    """Give a history of four runs of the graph."""
    found = plan(read_graph(graph), Cluster.uniform(2), method="heft")
    for seed in range(4):
        append_run(found, lived(found, TRUE, seed=seed), tmp_path / "history")
    return tmp_path / "history"


def test_a_plan_is_made_by_its_history(planner: Planner, graph: str, folder: Path) -> None:
    assert planner("plan", graph, "--executors", "2", "--json").json["makespan"] == 5.0
    said = planner("plan", graph, "--executors", "2", "--history", folder, "--json").json
    assert said["makespan"] == pytest.approx(11.0, abs=1e-4)
    assert said["notes"][0].startswith(
        "4 earlier runs: works of tasks 4 by what they took themselves; 14 s instead of 7 s"
    )
    shown = planner("plan", graph, "--executors", "2", "--history", folder)
    assert shown.code == 0 and "note: 4 earlier runs: works of tasks 4" in shown.out


def test_what_the_history_teaches_is_shown(planner: Planner, folder: Path) -> None:
    said = planner("history", folder)
    assert said.code == 0 and said.err == "" and said.out.startswith("4 runs\n")
    kinds = {line.split()[0]: line for line in said.out.splitlines() if "× " in line}
    assert sorted(kinds) == ["abs", "add", "neg", "sqrt"]
    assert next(iter(kinds)) == "abs" and "2 s" in kinds["abs"] and "8 s" in kinds["abs"]
    assert "localhost" in said.out and "believed" in said.out and "trend" in said.out


def test_the_same_as_json(planner: Planner, folder: Path) -> None:
    summary = planner("history", folder, "--json").json
    assert summary["runs"] == 4 and sorted(summary) == ["executors", "hosts", "kinds", "runs"]
    kind = summary["kinds"][0]
    assert kind["kind"] == "abs" and kind["runs"] == 4 and kind["tasks"] == 1
    assert kind["stated"] == 2 and kind["learnt"] == pytest.approx(8, abs=1e-4) and kind["factor"] == pytest.approx(4)
    assert kind["trend"] == pytest.approx(1) and kind["drifted"] in (True, False)
    assert [host["host"] for host in summary["hosts"]] == ["localhost"] and "executor" not in summary["hosts"][0]
    assert {executor["executor"] for executor in summary["executors"]} <= {"0", "1"}
    assert all(executor["speed"] is None and not executor["believed"] for executor in summary["executors"])


@pytest.mark.parametrize("command", ["history", "plan", "run"])
def test_a_broken_file_is_named_with_all_else_that_is_wrong(
    planner: Planner, graph: str, folder: Path, command: str
) -> None:
    (folder / "sales.parquet").write_bytes(b"no Parquet")
    words = {
        "history": ("history", folder),
        "plan": ("plan", graph, "--seed", "x", "--history", folder),
        "run": ("run", graph, "--seed", "x", "--master", "local[1]", "--history", folder),
    }[command]
    said = planner(*words)
    assert said.code == 2 and said.out == "" and "Traceback" not in said.err
    assert f"{folder}/sales.parquet: cannot be read as Parquet" in said.err
    assert command == "history" or "--seed" in said.err


@pytest.mark.parametrize("what", ["missing", "empty", "file", "malformed"])
def test_where_no_runs_are_there_is_nothing_to_show(planner: Planner, tmp_path: Path, what: str) -> None:
    place = {"missing": tmp_path / "no", "empty": tmp_path, "file": tmp_path / "file", "malformed": "nope://x/y"}[what]
    if what == "file":
        (tmp_path / "file").write_text("x")
    said = planner("history", place)
    assert said.code == 2 and str(place) in said.err and "expected" in said.err
    assert len(said.err.splitlines()) == 1
