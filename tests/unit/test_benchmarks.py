"""The benchmark's graphs are what its text says, and its table says what was measured."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.group_cases import CASES, CLUSTER, HOT, LOCAL, SPREADS, Case, by_hand, frame, shares
from benchmarks.group_figures import BY_COST, DEALT, DEFAULTS, SECOND, Figures, Run, verdicts
from benchmarks.layered import layered, nap
from benchmarks.table import Measured, Sheet


def test_a_task_takes_distinct_tasks_of_the_layer_before():
    work = layered(200, 0.01, seed=3)
    for task, taken in enumerate(work.inputs()):
        assert len(set(taken)) == (3 if work.layer(task) > 1 else 0)
        assert {work.layer(before) for before in taken} <= {work.layer(task) - 1}


def test_the_planner_gets_the_same_graph():
    work = layered(100, 0.01, seed=1)
    graph = work.graph()
    assert [graph.predecessors(task).tolist() for task in range(graph.n)] == work.inputs()
    assert np.flatnonzero(np.diff(graph.succ_ptr) == 0).tolist() == work.last()
    assert graph.work_us.tolist() == np.rint(work.seconds * 1e6).astype(int).tolist()


def test_its_values_are_the_lengths_of_chains():
    work = layered(100, 0.0, seed=1)
    values: list[int] = []
    for seconds, taken in zip(work.seconds.tolist(), work.inputs(), strict=True):
        values.append(nap(seconds, *(values[before] for before in taken)))
    assert values == [work.layer(task) for task in range(work.n)]


def test_times_are_log_normal_and_belong_to_the_seed():
    works = [layered(5_000, 0.1, seed).seconds for seed in (1, 1, 2)]
    assert (works[0] == works[1]).all() and (works[0] != works[2]).any()
    assert np.median(works[0]) == pytest.approx(0.1, rel=0.05)
    assert np.log(works[0]).std() == pytest.approx(1.0, rel=0.05)


def test_layers_must_be_equal():
    with pytest.raises(ValueError, match="equal layers"):
        layered(101, 0.01, seed=0)


RUN = Measured("planner", 0, "sleep", 100, 1.0, 1.05, 1.3, {"planned": 1.0, "measured": 1.01, "planning": 0.1})


@pytest.mark.parametrize(("seconds", "verdict"), [(1.05, "met"), (1.07, "missed")])
def test_the_table_holds_the_median_against_the_target_and_the_whole_call_against_the_peers(seconds, verdict):
    case = SimpleNamespace(name="sleep", median=0.1, target=1.06, moonshot=1.03)
    ours = [replace(RUN, seconds=seconds), replace(RUN, seconds=seconds), replace(RUN, seconds=9.0)]
    peer = replace(RUN, engine="peer", seconds=2.6, detail={})
    text = Sheet([case], ["planner", "peer"], [*ours, peer], {}).text()
    assert f"| planner | 3 | {seconds:.2f} | {seconds:.2f} – 9.00 | {seconds:.3f} |" in text
    assert f"The target is {verdict}." in text
    assert "peer takes 2.00 × as long" in text


@pytest.mark.parametrize("spread", SPREADS)
def test_shares_fall_and_make_the_whole(spread):
    share = shares(spread, 500)
    assert share.sum() == pytest.approx(1.0)
    assert (np.diff(share) <= 0).all()
    steepness = {"uniform": 1.0, "one hot key": HOT / ((1 - HOT) / 499)}
    assert share[0] / share[1] == pytest.approx(steepness.get(spread) or 2 ** float(spread[5:]))


GROUPS = Case(CLUSTER, "sleep", 50, "zipf 1.2", bound=4.0, mean=0.0, rows=5000, rounds=1)


def test_the_bound_of_groups_is_the_heaviest_key_or_all_slots_busy():
    assert GROUPS.lower_bound() == pytest.approx(4.0) == pytest.approx(GROUPS.costs().max())
    assert replace(GROUPS, spread="uniform").costs().sum() == pytest.approx(8 * 4.0)
    assert replace(GROUPS, form="split").costs().sum() == pytest.approx(8 * 4.0)
    assert replace(GROUPS, spread="uniform", master=LOCAL, mean=1.0).lower_bound() == pytest.approx(50 * 1.0 / 2)


@pytest.mark.parametrize("form", ["whole", "unknown", "split"])
def test_rows_add_up_to_the_cost_of_their_key(form):
    made = frame(replace(GROUPS, form=form), seed=2)
    rows = made.table.to_pandas().groupby("key").agg(cost=("cost", "sum"), n=("cost", "size"), value=("value", "sum"))
    assert rows["cost"].to_dict() == pytest.approx(made.seconds)
    assert {key: (row.n, row.value) for key, row in rows.iterrows()} == made.answer
    alike = np.corrcoef(rows["cost"], rows["n"])[0, 1]
    assert alike < 0.5 if form == "unknown" else alike > 0.99


def test_every_round_has_rows_of_its_own():
    made = [frame(GROUPS, seed).table for seed in (1, 1, 2)]
    assert made[0].equals(made[1]) and not made[0].equals(made[2])


def test_an_expert_deals_the_heaviest_first_and_starts_the_heaviest_partition_first():
    assert by_hand({"a": 1.0, "b": 5.0, "c": 3.0, "d": 3.0}, 2) == {"b": 0, "c": 1, "d": 1, "a": 0}
    assert by_hand({"a": 1.0, "b": 5.0, "c": 3.0}, 3) == {"b": 0, "c": 1, "a": 2}


def test_cases_have_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES)


def said(*runs, cases, of, **more):
    figures = Figures(cases, [Run(case.name, name, 0, 4.0, seconds, 0.1) for case, name, seconds in runs], **more)
    return next(line for line in verdicts(figures) if of in line)


@pytest.mark.parametrize(("seconds", "verdict"), [(4.4, "1.100 in 1 case; met."), (4.5, "**short in 1**: 1.125 for")])
def test_groups_are_held_against_the_bound(seconds, verdict):
    case = replace(GROUPS, mean=0.1)
    assert verdict in said((case, BY_COST, seconds), (case, DEFAULTS, 9.0), cases=[case], of="lower bound")


@pytest.mark.parametrize(("seconds", "verdict"), [(8.8, "2.00 in 1 case; met."), (8.7, "**short in 1**: 1.98 for")])
def test_groups_are_held_against_the_defaults(seconds, verdict):
    assert verdict in said((GROUPS, BY_COST, 4.4), (GROUPS, DEFAULTS, seconds), cases=[GROUPS], of="defaults at zipf")


def test_what_falls_short_is_named_the_worst_first():
    cases = [GROUPS, replace(GROUPS, keys=60), replace(GROUPS, keys=70)]
    runs = [(case, name, seconds) for case, seconds in zip(cases, (5.0, 6.0, 4.0), strict=True) for name in (BY_COST,)]
    line = said(*runs, *((case, DEALT, 4.0) for case in cases), cases=cases, of="expert")
    assert "1.000 to 1.500 in 3 cases; **short in 2**: 1.500 for" in line
    assert line.index("60 keys") < line.index("50 keys") and "70 keys" not in line


def test_the_second_run_is_held_against_the_plan_that_knows_the_costs():
    case = replace(GROUPS, form="unknown")
    assert "1.200 for" in said((case, SECOND, 6.0), (case, BY_COST, 5.0), cases=[case], of="second run")
    assert "Not measured" in said((case, BY_COST, 5.0), cases=[case], of="second run")


@pytest.mark.parametrize(("jvm", "verdict"), [(700.0, "met."), (900.0, "**short in 1 of 1**.")])
def test_both_processes_of_the_driver_count(jvm, verdict):
    row = {"master": "m", "keys": 10**7, "python": 200.0, "jvm": jvm, "python before": 90.0, "jvm before": 400.0}
    assert said(cases=[], of="memory", memory=[row]).endswith(verdict)


@pytest.mark.parametrize(("later", "verdict"), [(1.9, "met."), (2.1, "**short in 1 of 1**.")])
def test_planning_is_held_against_two_seconds_after_the_first_call(later, verdict):
    row = {"master": "m", "keys": 10**6, "rows": 10**6, "seconds": [5.0, 3.0, later, later, later]}
    assert said(cases=[], of="million keys planned", planning=[row]).endswith(verdict)
