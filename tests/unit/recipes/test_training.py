"""The training job: the same network as training in one process, to the last digit, on however many shards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from evaluator import evaluate

from planner import Cluster, plan
from planner.errors import InputError
from planner.partitioners import decompose
from planner.recipes import training
from planner.recipes.training import accuracy, gradient, load, start, step, train
from planner.recipes.training_data import BLOCK, Rings, held_back
from planner.recipes.training_graph import RESULT, Costs, costs_graph, training_graph
from planner.recipes.training_table import open_table

RINGS = Rings(6_000, n_features=3, n_classes=3, seed=1)
DEAR = Costs(load=0.1, gradient=0.1)
"""So that it is worth cutting the few rows of a test."""


def trained_on(slots: int, source: Any = RINGS, **settings: Any) -> training.Training:
    graph = training_graph(source, DEAR, **settings)
    found: training.Training = evaluate(decompose(graph, Cluster.uniform(slots)).graph)[RESULT]
    return found


def plain(source: Rings, steps: int, hidden: int) -> tuple[np.ndarray, list[float]]:
    """Train with matrices of all rows at once, and nothing rounded."""
    features, labels = (np.concatenate(part) for part in zip(*load(range(6), source), strict=True))
    begun = start(source.n_features, hidden, source.n_classes)
    layers = [layer.copy() for layer in training._layers(begun)]
    moment, square = [np.zeros_like(x) for x in layers], [np.zeros_like(x) for x in layers]
    losses = []
    for t in range(1, steps + 1):
        inside = np.tanh(features @ layers[0] + layers[1])
        chances = np.exp(inside @ layers[2] + layers[3])
        chances /= chances.sum(axis=1, keepdims=True)
        losses.append(-np.log(chances[np.arange(len(labels)), labels]).mean())
        error = (chances - np.eye(source.n_classes)[labels]) / len(labels)
        back = error @ layers[2].T * (1 - inside**2)
        slopes = [features.T @ back, back.sum(0), inside.T @ error, error.sum(0)]
        for i, slope in enumerate(slopes):
            moment[i] = 0.9 * moment[i] + 0.1 * slope
            square[i] = 0.999 * square[i] + 0.001 * slope**2
            mean, root = moment[i] / (1 - 0.9**t), np.sqrt(square[i] / (1 - 0.999**t))
            layers[i] -= training.RATE * mean / (root + 1e-8)
    return np.concatenate([layer.ravel() for layer in layers]), losses


def test_every_number_of_slots_gives_what_one_process_gives_to_the_last_digit() -> None:
    expected = train(RINGS, steps=12, hidden=8)
    for slots in (1, 2, 5):
        found = trained_on(slots, steps=12, hidden=8)
        assert np.array_equal(found.weights, expected.weights)
        assert (found.losses, found.accuracies) == (expected.losses, expected.accuracies)


def test_it_is_plain_training_but_for_rounding() -> None:
    weights, losses = plain(RINGS, steps=12, hidden=8)
    found = trained_on(3, steps=12, hidden=8)
    assert found.weights == pytest.approx(weights, abs=1e-6)
    assert found.losses == pytest.approx(losses, abs=1e-9)


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    shard = load([0], RINGS)
    network = start(RINGS.n_features, 5, RINGS.n_classes, seed=3)
    total = len(shard[0][1])
    slope = gradient(shard, network, total)[:-2] / training.SCALE
    for i in range(len(network.weights)):
        losses = []
        for nudge in (1e-4, -1e-4):
            weights = network.weights.copy()
            weights[i] += nudge
            nudged = training.Training(network.sizes, weights, network.moment, network.square)
            losses.append(gradient(shard, nudged, total)[-2] / training.SCALE)
        assert slope[i] == pytest.approx((losses[0] - losses[1]) / 2e-4, abs=1e-6)


def test_slots_really_cut_the_rows_and_a_tree_merges_them() -> None:
    names = {slots: decompose(training_graph(RINGS, DEAR, steps=1), Cluster.uniform(slots)) for slots in (1, 6)}
    shards = {slots: len(found.shards["load"]) for slots, found in names.items()}
    assert shards[1] < shards[6] == 6
    assert len(names[6].shards["gradient 1"]) == 6
    assert sum(name.startswith("merge 1") for name in names[6].graph.names) == 3


def test_rings_are_learnt_as_far_as_the_noise_allows() -> None:
    rings = Rings(20_000, n_features=4, n_classes=3, noise=0.1)
    found = train(rings, steps=120, hidden=16)
    assert found.losses[0] > 1.0 > 0.6 > found.losses[-1]
    assert rings.best - 0.05 < accuracy(found, rings) <= rings.best + 0.02


def test_the_rings_are_where_they_are_said_to_be() -> None:
    rings = Rings(50_000, n_classes=4, noise=0.0)
    features, labels = (np.concatenate(part) for part in zip(*rings.read(range(49)), strict=True))
    assert np.bincount(labels) / len(labels) == pytest.approx([0.25] * 4, abs=0.01)
    inner = (features[:, :2] ** 2).sum(axis=1) < 2 * np.log(2)
    assert np.array_equal(inner, labels < 2)


def test_a_plan_has_its_bound_before_it_runs() -> None:
    planned = plan(training_graph(RINGS, DEAR, steps=3), Cluster.uniform(2), iterations=10)
    assert 0 < planned.bound.us <= planned.makespan_us < 0.6 * 4 * 6 * 100_000


def test_costs_are_measured_by_a_task() -> None:
    costs = evaluate(costs_graph(RINGS, 8))[RESULT]
    assert costs.load > 0 and costs.gradient > 0


def test_what_diverges_is_told() -> None:
    with pytest.raises(OverflowError, match="a smaller rate may help"):
        train(Rings(100), steps=5, rate=1e200)


def test_too_little_is_refused_all_at_once() -> None:
    with pytest.raises(InputError) as told:
        training_graph(Rings(5), DEAR, steps=0, hidden=0)
    assert [fault.path for fault in told.value.faults] == ["rows", "steps", "hidden"]


def a_table(rows: int = 2_500) -> pa.Table:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, rows)
    length = 100 + 30 * kind + rng.normal(0, 1, rows)
    names = np.array(["ant", "bee", "cat"])[kind]
    return pa.table({"kind": names, "length": length, "legs": rng.integers(4, 7, rows), "same": np.ones(rows)})


@pytest.mark.parametrize("name", ["animals.csv", "animals.parquet"])
def test_a_table_of_the_users_is_learnt(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (csv.write_csv if name.endswith("csv") else pq.write_table)(a_table(), name)
    source = open_table(name, "kind")
    assert (source.classes, source.features, source.rows) == (("ant", "bee", "cat"), ("length", "legs", "same"), 2_500)
    monkeypatch.chdir("/")  # executors stand elsewhere
    features, _ = (np.concatenate(part) for part in zip(*source.read(range(3)), strict=True))
    assert features.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-9)
    assert features.std(axis=0) == pytest.approx([1, 1, 0], abs=1e-9)
    found = trained_on(2, source, steps=40, hidden=8)
    assert np.array_equal(found.weights, train(source, steps=40, hidden=8).weights)
    assert accuracy(found, source) > 0.95
    training.save(found, source, tmp_path / "network.npz")
    saved = np.load(tmp_path / "network.npz")
    table = a_table()
    rows = np.column_stack([table.column(name).to_numpy() for name in saved["features"].tolist()])
    hidden = np.tanh((rows - saved["middle"]) / saved["scale"] @ saved["inner"] + saved["inner_bias"])
    told = saved["classes"][(hidden @ saved["outer"] + saved["outer_bias"]).argmax(axis=1)]
    assert (told == np.array(table.column("kind").to_pylist())).mean() > 0.95


def test_everything_wrong_with_a_table_is_said(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    pq.write_table(pa.table({"label": [1, 1, None], "size": [1.0, float("inf"), 2.0], "gap": [None, 1.0, 2.0]}), path)
    with pytest.raises(InputError) as told:
        open_table(path)
    assert [str(fault) for fault in told.value.faults] == [
        f"{path}: label: has nulls (1 of 3 rows); expected none",
        f"{path}: gap: has nulls (1 of 3 rows); expected none",
        f"{path}: has 3 rows; expected 10 or more",
        f"{path}: label: has 1 value; expected 2 to 1,000 classes",
        f"{path}: size: is not finite (size inf); expected numbers",
    ]
    pq.write_table(pa.table({"label": [1, 2], "name": ["a", "b"]}), path)
    with pytest.raises(InputError, match="name: is string, and not all of it can be read as double"):
        open_table(path)
    with pytest.raises(InputError, match=r"has no column 'labl'.*label"):
        open_table(path, "labl")
    pq.write_table(pa.table({"label": [1, 2]}), path)
    with pytest.raises(InputError, match="has no column but 'label'"):
        open_table(path)


def test_a_table_that_differs_where_it_is_read_is_refused(tmp_path: Path) -> None:
    pq.write_table(a_table(), tmp_path / "a.parquet")
    source = open_table(tmp_path / "a.parquet", "kind")
    pq.write_table(a_table(2_400), tmp_path / "a.parquet")
    with pytest.raises(RuntimeError, match="has 2400 rows here, and had 2500 where it was planned"):
        source.read([0])


def test_rows_that_are_kept_back_are_not_learnt_from() -> None:
    kept = {tuple(row) for row in held_back(1, RINGS.read([1])[0])[0]}
    learnt = {tuple(row) for row in load([1], RINGS)[0][0]}
    assert len(kept) + len(learnt) == BLOCK and not kept & learnt


def test_one_step_leaves_what_it_was_given_as_it_is() -> None:
    network = start(3, 4, 2)
    before = network.weights.copy()
    after = step(network, np.full(len(before) + 2, 2**30), total=10)
    assert np.array_equal(network.weights, before) and not np.array_equal(after.weights, before)


def test_functions_that_executors_import_need_neither_numba_nor_pandas() -> None:
    code = (
        "import sys, planner.recipes.training_graph; "
        "sys.exit(', '.join(m for m in ('numba', 'pandas', 'pyspark', 'scipy') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", [["no", "yes"], [False, True], [3, 7], [-0.5, 0.5]])
def test_a_label_may_be_a_category_or_of_any_plain_type(kind: list[Any], tmp_path: Path) -> None:
    which = np.random.default_rng(0).integers(0, 2, 1_500)
    label = pa.array([kind[i] for i in which])
    for column in (label, label.dictionary_encode()):
        pq.write_table(pa.table({"size": which * 2.0, "label": column}), tmp_path / "a.parquet")
        source = open_table(tmp_path / "a.parquet")
        assert source.classes == tuple(kind)
        assert np.array_equal(np.concatenate([classes for _, classes in source.read([0, 1])]), which)
