"""Every command: what it prints, what it writes, and what it answers to mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import planner as package
from planner.cli import main
from planner.errors import RunError, TaskFailure

Planner = Callable[..., Any]


def test_methods_are_listed_with_their_sources(planner: Planner) -> None:
    said = planner("methods")
    assert said.code == 0 and "heft" in said.out and "doi:10.1109/71.993206" in said.out
    names = {row["method"] for row in planner("methods", "--json").json}
    assert {"auto", "heft", "cpop", "round_robin", "random", "least_loaded", "priority", "mct"} <= names
    assert "also: greedy" in said.out


def test_plan_shows_and_writes_a_plan(planner: Planner, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    said = planner("plan", graph, "--executors", "2", "-o", file)
    assert said.code == 0 and said.err == ""
    assert "predicted makespan" in said.out and "5 s" in said.out and f"written: {file}" in said.out
    written = json.loads(file.read_text())
    assert written["format"] == "planner.plan/1" and written["makespan"] == 5.0 == written["lower_bound"]
    assert {"id", "executor", "slot", "start", "finish"} == set(written["tasks"][0])


def test_json_is_the_summary_without_the_tasks(planner: Planner, graph: str, tmp_path: Path) -> None:
    said = planner("plan", graph, "--executors", "2", "--json", "-o", tmp_path / "plan.json")
    summary = said.json
    written = json.loads((tmp_path / "plan.json").read_text())
    assert summary["makespan"] == 5.0 and summary["gap"] == 0 and summary["status"] == "optimal"
    assert set(written) - {"format", "tasks", "graph", "cluster"} <= set(summary)
    assert {key: summary[key] for key in ("method", "lower_bound", "seconds", "notes")} == {
        key: written[key] for key in ("method", "lower_bound", "seconds", "notes")
    }
    assert "tasks" not in summary and summary["task_count"] == 4


def test_a_plan_is_explained_after_it_is_shown(planner: Planner, graph: str, tmp_path: Path) -> None:
    said = planner("plan", graph, "--executors", "2", "--explain", "-o", tmp_path / "plan.json")
    shown, _, explained = said.out.partition("\n\nThe plan takes 5 s;")
    assert said.code == 0 and "predicted makespan" in shown
    assert "What limits it:\n  Critical are 3 tasks, 5 s (100 %) of work: load -> left -> join." in explained
    assert "splitting the heaviest task (left, 3 s) in two:" in explained
    assert max(map(len, said.out.splitlines())) <= 100 and said.out.endswith(f"written: {tmp_path / 'plan.json'}\n")
    summary = planner("plan", graph, "--executors", "2", "--explain", "--json").json
    assert summary["makespan"] == 5.0 and summary["explanation"]["limits"][0]["limit"] == "critical chain"
    assert "explanation" not in planner("plan", graph, "--executors", "2", "--json").json


def asking(tmp_path: Path, **given: object) -> Path:
    """Give a file whose task ``load`` asks for something."""
    file = tmp_path / "asking.json"
    tasks = [{"id": "load", "work": 1, "output": "1MB", **given}, {"id": "join", "after": ["load"], "work": 1}]
    file.write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    return file


def test_what_replicas_cost_and_survive_is_shown_and_written(planner: Planner, tmp_path: Path) -> None:
    file = asking(tmp_path, replicas=2, retries=1, timeout="1 min")
    said = planner("plan", file, "--executors", "3", "-o", tmp_path / "plan.json")
    assert said.code == 0 and "1 task has 2 replicas (1 standby): its value survives the loss of any 1" in said.out
    summary = planner("plan", file, "--executors", "3", "--json").json
    assert summary["redundancy"]["standby_bytes"] == 10**6
    assert summary["redundancy"]["survives"] == {"executors": 1, "hosts": 0, "all_values": False}
    assert "redundancy" not in planner("plan", asking(tmp_path), "--executors", "3", "--json").json
    written = json.loads((tmp_path / "plan.json").read_text())
    assert [len(task["backups"]) for task in written["tasks"] if "backups" in task] == [1]
    assert written["graph"]["tasks"][0]["timeout"] == 60
    assert planner("simulate", tmp_path / "plan.json").code == 0


def test_active_copies_are_tasks_of_the_plan(planner: Planner, tmp_path: Path) -> None:
    file = asking(tmp_path, replicas=3, redundancy="active")
    said = planner("plan", file, "--executors", "3", "--json", "-o", tmp_path / "plan.json").json
    assert said["task_count"] == 4 and said["redundancy"]["active_work"] == 2.0
    placed = {task["id"]: task["executor"] for task in json.loads((tmp_path / "plan.json").read_text())["tasks"]}
    assert len({placed[name] for name in ("load", "load~2", "load~3")}) == 3
    assert planner("simulate", tmp_path / "plan.json", "--rebalance", "planned", "--slow", "0=3").code == 0
    tasks = planner("compare", file, "--executors", "3", "--methods", "heft,cpop,random")
    assert tasks.code == 0


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"replicas": 4}, "tasks['load'].replicas: is 4, and 3 executors may take it; expected an executor for each"),
        ({"replicas": 4, "redundancy": "active"}, "tasks['load'].replicas: is 4, and 3 executors may take it"),
        ({"replicas": 1}, "tasks[0].replicas: is 1; expected a whole number from 2 to 1,000,000"),
        ({"replicas": "two"}, "tasks[0].replicas: is 'two'"),
        ({"replicas": 2, "redundancy": "cold"}, "tasks[0].redundancy: is 'cold'; expected 'standby' or 'active'"),
        ({"redundancy": "active"}, "tasks[0].redundancy: stands without replicas"),
        ({"retries": -1}, "tasks[0].retries: is -1; expected a whole number from 0"),
        ({"timeout": "never"}, "tasks[0].timeout: is 'never'; expected seconds above 0"),
        ({"timeout": 0}, "tasks[0].timeout: is 0; expected seconds above 0"),
        ({"copy_of": "join"}, "has no active replicas"),
        ({"replica": 2}, "tasks[0].replica: is an unknown key; did you mean 'replicas'?"),
        ({"replicas": 2, "apart": "g"}, "tasks['load'].apart: stands beside replicas"),
    ],
)
def test_what_makes_no_sense_is_told(planner: Planner, tmp_path: Path, given: dict[str, Any], problem: str) -> None:
    said = planner("plan", asking(tmp_path, **given), "--executors", "3")
    assert said.code == 2 and problem in said.err and "Traceback" not in said.err and said.out == ""


def test_a_plan_whose_backups_were_changed_by_hand_is_not_replayed(planner: Planner, tmp_path: Path) -> None:
    planner("plan", asking(tmp_path, replicas=2), "--executors", "3", "-o", tmp_path / "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["tasks"][0]["backups"][0]["executor"] = plan["tasks"][0]["executor"]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    said = planner("simulate", tmp_path / "plan.json")
    assert said.code != 0 and "has a replica beside another on one executor" in said.err


def test_the_objective_of_efficiency_knows_no_copies(planner: Planner, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text("default = 1.0\n")
    words = ("--executors", "3", "--objective", "efficiency", "--efficiency", tmp_path / "e.toml")
    said = planner("plan", asking(tmp_path, replicas=2, redundancy="active"), *words)
    assert said.code == 2 and "knows nothing of active replicas; expected standby ones" in said.err
    assert planner("plan", asking(tmp_path, replicas=2), *words).code == 0


def test_the_default_cluster_is_said_on_standard_error(planner: Planner, graph: str) -> None:
    said = planner("plan", graph, "--json")
    assert said.json["executor_count"] == 4 == said.json["slot_count"]
    assert "no cluster named, so planning for 4 executors of 1 slot" in said.err


def test_network_and_slots_reach_the_plan(planner: Planner, graph: str) -> None:
    free = planner("plan", graph, "--executors", "1", "--slots", "3", "--json").json
    assert free["slot_count"] == 3 and free["executor_count"] == 1
    dear = planner("plan", graph, "--executors", "2", "--bandwidth", "1MB/s", "--latency", "250ms", "--json").json
    assert dear["makespan"] > 5.0


def test_a_cluster_file(planner: Planner, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text('[[executors]]\nid = "fast"\nspeed = 5\n\n[[executors]]\nid = "slow"\n')
    assert planner("plan", graph, "--cluster", file, "--json").json["makespan"] <= 1.4


def test_compare_is_a_table_of_the_methods_named(planner: Planner, graph: str) -> None:
    said = planner("compare", graph, "--executors", "2", "--methods", "heft, round_robin")
    assert said.code == 0 and "heft" in said.out and "round_robin" in said.out and "cpop" not in said.out
    rows = planner("compare", graph, "--executors", "2", "--methods", "heft,round_robin", "--json").json
    assert rows[0]["method"] == "heft"
    assert {"method", "makespan", "gap", "imbalance", "seconds"} <= set(rows[0])


def test_compare_writes_a_page_of_all_plans(planner: Planner, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "compare.html"
    said = planner("compare", graph, "--executors", "2", "--methods", "heft,cpop", "-o", file)
    assert said.code == 0 and said.out.endswith(f"written: {file}\n") and said.err == ""
    assert file.read_text(encoding="utf-8").count("<figure") == 2


@pytest.mark.parametrize("place", ["/no/such/folder/compare.html", "."])
def test_a_page_that_cannot_be_written_loses_no_table(planner: Planner, graph: str, place: str) -> None:
    said = planner("compare", graph, "--executors", "2", "--methods", "heft,cpop", "-o", place)
    assert said.code == 2 and "cpop" in said.out
    assert said.err.startswith(f"planner: {place}: cannot be written (") and said.err.count("\n") == 1
    rows = planner("compare", graph, "--executors", "2", "--methods", "heft,cpop", "--json", "-o", place)
    assert rows.code == 2 and len(rows.json) == 2


def test_a_graph_without_tasks_is_planned_and_compared(planner: Planner, tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text(json.dumps({"format": "planner.graph/1", "tasks": []}))
    assert planner("plan", file, "--executors", "2", "--json").json["makespan"] == 0
    said = planner("compare", file, "--executors", "2", "-o", tmp_path / "compare.html")
    assert said.code == 0 and "there is nothing to do" in said.out


def test_a_plan_is_replayed_in_another_world(planner: Planner, graph: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    planner("plan", graph, "--executors", "2", "-o", plan)
    assert planner("simulate", plan, "--json").json["simulated_makespan"] == 5.0
    slow = planner("simulate", plan, "--slow", "0=4", "--slow", "1=4", "--json").json
    assert slow["simulated_makespan"] == 20.0 and slow["stretch"] == 4.0
    noisy = [planner("simulate", plan, "--noise", "0.5", "--seed", seed, "--json").json for seed in (1, 1, 2)]
    assert noisy[0] == noisy[1] != noisy[2]
    assert "simulated" in planner("simulate", plan, "--noise", "0.2").out
    moved = planner("simulate", plan, "--slow", "0=4", "--rebalance", "planned", "--json").json
    assert moved["rebalance"] == "planned" and moved["moves"] >= 0 and "moves" not in slow
    wrong = planner("simulate", plan, "--rebalance", "leest_loaded")
    assert wrong.code == 2 and "--rebalance" in wrong.err and "did you mean 'least_loaded'" in wrong.err


def test_a_graph_is_planned_for_each_number_of_executors(planner: Planner, graph: str) -> None:
    said = planner("simulate", graph, "--executors", "1..3", "--json")
    assert [(point["executors"], point["makespan"]) for point in said.json["points"]] == [(1, 7.0), (2, 5.0), (3, 5.0)]
    assert "executors" in planner("simulate", graph, "--executors", "1..3").out


def test_time_over_executors_is_plotted_with_its_knee(planner: Planner, graph: str, tmp_path: Path) -> None:
    said = planner("simulate", graph, "--executors", "1..3", "--iterations", "50")
    assert said.code == 0 and "4 tasks on ever more executors, each of 1 slot; planned by auto with 50" in said.out
    assert "2                 5 s" in said.out and "◀ knee" in said.out and "▲ 2" in said.out and "█" in said.out
    for name, begin in (("curve.html", "<!doctype html>"), ("curve.svg", "<svg xmlns=")):
        said = planner("simulate", graph, "--executors", "1..3", "-o", tmp_path / name)
        assert said.code == 0 and said.out.endswith(f"written: {tmp_path / name}\n")
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begin)


def test_a_curve_takes_what_the_cluster_options_say(planner: Planner, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text('[[executors]]\nid = "fast"\nspeed = 5\n\n[[executors]]\nid = "slow"\n')
    said = planner("simulate", graph, "--executors", "1..2", "--cluster", file, "--json").json
    assert [point["makespan"] for point in said["points"]] == [1.4, 1.4] and "like the 2" in said["about"]
    said = planner("simulate", graph, "--executors", "1..2", "--slots", "2", "--memory", "1MB", "--json").json
    assert [point["makespan"] for point in said["points"]] == [5.0, 5.0] and "2 slots and 1 MB" in said["about"]
    said = planner("simulate", graph, "--executors", "1..2", "--cluster", file, "--memory", "1MB")
    assert said.code == 2 and "--memory: cannot stand beside --cluster" in said.err


def test_a_curve_that_cannot_be_written_is_shown_all_the_same(planner: Planner, graph: str) -> None:
    said = planner("simulate", graph, "--executors", "1..3", "-o", "/no/such/folder/curve.svg")
    assert said.code == 2 and "◀ knee" in said.out and said.err.startswith("planner: /no/such/folder/curve.svg: cannot")
    said = planner("simulate", graph, "--executors", "1..3", "--json", "-o", "/no/such/folder/curve.svg")
    assert said.code == 2 and said.json["knee"] == 2


def test_the_objective_of_efficiency(planner: Planner, tmp_path: Path) -> None:
    tasks = [{"id": name, "run": "math:sqrt", "args": [1], "work": 1} for name in ("t1", "t2")]
    (tmp_path / "graph.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    units = "".join(f'[[executors]]\nid = "c{i}"\n' for i in (1, 2, 3, 4))
    (tmp_path / "units.toml").write_text(units)
    (tmp_path / "f.toml").write_text("[efficiency.t1]\nc1 = 2\nc2 = 1.5\n[efficiency.t2]\nc3 = 1.2\nc4 = 1.8\n")
    given = ("--cluster", tmp_path / "units.toml", "--objective", "efficiency", "--efficiency", tmp_path / "f.toml")
    said = planner("plan", tmp_path / "graph.json", *given, "--json", "-o", tmp_path / "plan.json")
    assert said.json["objective"] == "efficiency" and said.json["value"] == pytest.approx(3.8)
    placed = {task["id"]: task["executor"] for task in json.loads((tmp_path / "plan.json").read_text())["tasks"]}
    assert placed == {"t1": "c1", "t2": "c4"}


def test_the_weighted_objective(planner: Planner, graph: str, tmp_path: Path) -> None:
    given = ("--executors", "2", "--objective", "weighted", "--weights", "gigabytes=9000, imbalance=0")
    said = planner("plan", graph, *given, "--json", "-o", tmp_path / "plan.json")
    # What is sent costs 9 s a megabyte: all of it on one executor, one after another.
    assert (said.json["objective"], said.json["value"], said.json["makespan"]) == ("weighted", 7.0, 7.0)
    assert package.read_plan(tmp_path / "plan.json").gap == pytest.approx(7 / 5 - 1)
    assert "weighted" in planner("plan", graph, *given).out


def test_everything_wrong_is_said_at_once(planner: Planner, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"format": "planner.graph/1", "tasks": [{"id": "a", "run": "m:f", "work": -1}]}))
    said = planner(
        *("plan", bad, "--executors", "0", "--slots", "x", "--bandwidth", "fast", "--latency=-1s"),
        *("--budget", "soon", "--seed", "1.5", "--method", "heftt", "--objective", "speed", "--memory", "2XB"),
    )
    assert said.code == 2 and said.out == "" and "Traceback" not in said.err
    for named in ("--executors", "--slots", "--bandwidth", "--latency", "--budget", "--seed", "--memory", "work"):
        assert named in said.err, named
    assert "'heftt' is no method; did you mean 'heft'?" in said.err
    assert "--objective: 'speed' is no objective" in said.err and str(bad) in said.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["plan", "nothing.json"], "nothing.json"),
        ([], "planner: a command is left out; expected methods, plan"),
        (
            ["plan"],
            "planner plan: GRAPH is left out; expected GRAPH: job file (JSON, TOML), Parquet, WfFormat, STG, DOT",
        ),
        (["plna", "x"], "planner: 'plna' is no command; did you mean 'plan'?; expected methods, plan"),
        (["plan", "GRAPH", "extra"], "extra: is one word too many for planner plan (see planner plan --help)"),
        (["plan", "GRAPH", "--executors"], "--executors: has no value; expected N: so many equal executors"),
        (["plan", "GRAPH", "--json=1"], "--json: takes no value, and '1' is given"),
        (["run", "GRAPH", "-master", "yarn"], "-master: is no option of planner run; did you mean '--master'?"),
        (["plan", "nowhere/x.json"], "x.json: No such file or directory, nor is there a folder nowhere"),
        (["plan", "graph.jsn"], "graph.jsn: No such file or directory; did you mean 'graph.json'?"),
        (["plan", "GRAPH", "--methd", "heft"], "did you mean '--method'?"),
        (["plan", "GRAPH", "--meth", "heft"], "--meth: is no option of planner plan; did you mean '--method'?"),
        (["plan", "GRAPH", "--cluster", "none.toml"], "none.toml"),
        (["plan", "GRAPH", "--cluster", "none.toml", "--slots", "2"], "--slots: cannot stand beside --cluster"),
        (["plan", "GRAPH", "--efficiency", "none.toml"], "--efficiency: is given, but --objective is not efficiency"),
        (["plan", "GRAPH", "--objective", "efficiency"], "--efficiency: is left out"),
        (["plan", "GRAPH", "--objective", "weighted"], "--weights: is left out; expected weights such as gigabytes=5"),
        (["plan", "GRAPH", "--weights", "time=1"], "--weights: is given, but --objective is not weighted"),
        (["plan", "GRAPH", "--objective", "weighted", "--weights", "bytes=1"], "--weights: 'bytes' is no weight"),
        (["plan", "GRAPH", "--objective", "weighted", "--weights", "time"], "--weights: 'time' is no NAME=WEIGHT"),
        (["plan", "GRAPH", "--objective", "weighted", "--weights", "time=0"], "weights: are all 0"),
        (["plan", "GRAPH", "--objective", "weighted", "--weights", "time=-1"], "--weights: '-1' is out of bounds"),
        (["plan", "GRAPH", "-o", "/no/such/folder/plan.json"], "/no/such/folder/plan.json"),
        (["plan", "GRAPH", "-o", "."], "--output: '.' cannot be written; expected a file in a folder that exists"),
        (["compare", "GRAPH", "--methods", "heft,xyz"], "--methods: 'xyz' is no method"),
        (["compare", "GRAPH", "--methods", ","], "--methods: names none"),
        (["simulate", "GRAPH"], "--executors: is left out; expected a range such as 2..64"),
        (["simulate", "GRAPH", "--executors", "9..2"], "--executors: '9..2' is no range"),
        (["simulate", "GRAPH", "--executors", "2..3", "--noise", "1"], "--noise: goes with a plan"),
        (["simulate", "nothing.json"], "planner: nothing.json: No such file or directory; expected a file"),
        (["simulate", "GRAPH", "--executors", "1..2", "-o", "curve.png"], "--output: 'curve.png' is no picture"),
        (["simulate", "GRAPH", "--executors", "1..2", "--cluster", "none.toml"], "none.toml"),
        (["report", "nothing"], "nothing: does not exist"),
        (["run", "GRAPH"], "--master: is left out"),
        (["run", "GRAPH", "--master", "lokal"], "--master: 'lokal' is no master"),
        (["run", "GRAPH", "--master", "local[1]", "--emulate", "0"], "--emulate: '0' is out of bounds"),
        (["run", "--master", "local[1]"], "GRAPH: is left out; expected a graph to run, or --resume RUN_DIR"),
        (["run", "GRAPH", "--master", "local[1]", "--store", "v"], "--store: goes with --run-dir"),
        (["run", "GRAPH", "--master", "local[1]", "--resume", "r"], "GRAPH: goes on with its run by --resume"),
        (["run", "--master", "local[1]", "--resume", "r"], "r: holds no plan.json; expected the folder"),
        (["run", "--master", "local[1]", "--resume", "r", "--run-dir", "q"], "--run-dir: does not go with --resume"),
        (["run", "GRAPH", "--master", "local[1]", "--run-dir", "."], "--run-dir: . is there already"),
    ],
)
def test_mistakes_get_one_clear_text_and_exit_code_2(
    planner: Planner, graph: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = planner(*(graph if word == "GRAPH" else word for word in words))
    assert (said.code, said.out) == (2, "")
    assert text in said.err and said.err.startswith("planner: ") and "Traceback" not in said.err


def test_a_trace_without_a_scale_is_refused_before_spark_starts(planner: Planner, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_text(json.dumps({"format": "planner.graph/1", "tasks": [{"id": "a", "work": 1}]}))
    said = planner("run", file, "--master", "local[1]")
    assert said.code == 2 and "--emulate: is left out; expected a scale" in said.err


def test_slow_executors_must_be_in_the_plan(planner: Planner, graph: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    planner("plan", graph, "--executors", "2", "-o", plan)
    said = planner(
        "simulate",
        plan,
        "--slow",
        "7=2",
        "--slow",
        "0",
        "--slow",
        "1=-2",
        "--noise",
        "nan",
        "--slots",
        "2",
        "--memory",
        "1GB",
    )
    assert said.code == 2
    for text in ("'7' is no executor; expected one of 0, 1", "'0' is no ID=FACTOR", "'-2' is out of", "--noise: 'nan'"):
        assert text in said.err
    assert "--slots: goes with a graph" in said.err and "--memory: goes with a graph" in said.err


def test_an_endless_gap_is_null_in_json(planner: Planner, tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text(json.dumps({"format": "planner.graph/1", "tasks": [{"id": "a", "run": "m:f", "work": 0}]}))
    said = planner("plan", file, "--executors", "1", "--json")
    assert said.json["gap"] in (0, None)


def test_help_has_examples(planner: Planner, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("methods", "plan", "compare", "simulate", "run", "report", "doctor", "warm", "completion"):
        with pytest.raises(SystemExit) as left:
            planner(command, "--help")
        assert left.value.code == 0
        assert f"for example:\n  planner {command}" in capsys.readouterr().out


def test_help_is_given_to_who_asks_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    for words, text in ((["help"], "first steps:"), (["help", "plan"], "--method"), (["--version"], "planner ")):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0 and text in capsys.readouterr().out


def test_the_graph_that_the_help_shows_is_one(planner: Planner, tmp_path: Path) -> None:
    from planner.cli.parser import FIRST_STEPS

    (tmp_path / "shown.json").write_text(FIRST_STEPS.partition("as well:\n")[2])
    assert planner("plan", tmp_path / "shown.json", "--executors", "1", "--json").json["makespan"] == 3.0


def test_a_failed_run_is_exit_code_1_with_its_text(
    planner: Planner, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    from planner.cli import commands

    failure = TaskFailure("left", "0", 0, 0, "ValueError: no", "Traceback (most recent call last):\n  boom")

    def fail(_: object) -> None:
        raise RunError("1 task failed", [failure], skipped=["join"])

    monkeypatch.setitem(commands.COMMANDS, "run", fail)  # type: ignore[arg-type]
    said = planner("run", graph, "--master", "local[1]")
    assert said.code == 1 and "task 'left' failed on executor 0" in said.err and "join" in said.err


def test_an_interrupt_is_exit_code_130(planner: Planner, monkeypatch: pytest.MonkeyPatch, graph: str) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(package.pipeline, "plan", interrupt)
    said = planner("plan", graph, "--executors", "1")
    assert said.code == 130 and said.err == "planner: interrupted\n"
