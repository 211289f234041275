"""The objective of efficiency, and the known example in docs/."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from planner import Cluster, Efficiency, Executor, Graph, InputError, plan, read_efficiency

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_of_the_known_example_is_true() -> None:
    page = (ROOT / "docs" / "known-example.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    exec("".join(blocks), {})


def test_its_file_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "known-example.md").read_text(encoding="utf-8")
    [text] = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    path = tmp_path / "efficiency.toml"
    path.write_text(text, encoding="utf-8")
    read = read_efficiency(path)
    assert read.pairs["t2", "c4"] == 1.8
    assert (read.default, read.capacity) == (1.8, {"c1": 1.0})


@pytest.mark.parametrize("seed", range(5))
def test_exact_is_what_trying_everything_finds_and_greedy_is_below(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 9, (4, 5))
    pairs = {(f"t{i}", f"c{j}"): float(values[i, j]) for i in range(4) for j in range(5)}
    capacity = {"c0": 2.0, "c3": 0.5}
    units = Cluster(tuple(Executor(f"c{j}") for j in range(5)))
    graph = Graph.from_arrays([f"t{i}" for i in range(4)], work=[1] * 4)
    weighed = values / np.array([capacity.get(f"c{j}", 1.0) for j in range(5)])
    best = max(sum(weighed[i, j] for i, j in enumerate(p)) for p in itertools.permutations(range(5), 4))
    efficiency = Efficiency(pairs, capacity=capacity)
    found = plan(graph, units, objective="efficiency", efficiency=efficiency)
    assert (found.value, found.gap, found.status) == (pytest.approx(best), 0.0, "optimal")
    greedy = plan(graph, units, objective="efficiency", efficiency=efficiency, method="greedy")
    assert greedy.value <= best <= greedy.value * (1 + greedy.gap) + 1e-9


def test_more_tasks_than_units_are_shared_out() -> None:
    graph = Graph.from_arrays(work=[1] * 5, kind=["a", "a", "b", "b", "b"])
    units = Cluster((Executor("x", kind="cpu"), Executor("y", kind="gpu")))
    efficiency = Efficiency({("a", "cpu"): 1, ("a", "gpu"): 5, ("b", "gpu"): 4, ("4", "x"): 9})
    found = plan(graph, units, objective="efficiency", efficiency=efficiency)
    counts = found.to_pandas()["executor"].value_counts().to_dict()
    assert counts == {"y": 3, "x": 2}
    assert found.value == 5 + 5 + 4 + 0 + 9


def test_names_and_numbers_that_are_wrong_are_told_together(tmp_path: Path) -> None:
    wrong = Efficiency({("t9", "c1"): 1.0, ("t1", "c9"): -1.0}, capacity={"c1": 0.0})
    with pytest.raises(InputError) as raised:
        wrong.matrix(Graph.from_arrays(["t1"], work=[1]), Cluster((Executor("c1"),)))
    assert [fault.path for fault in raised.value.faults] == [
        "efficiency.t9.c1",
        "efficiency.t1.c9",
        "efficiency.t1.c9",
        "capacity.c1",
    ]
    path = tmp_path / "bad.toml"
    path.write_text('deflt = 1\ndefault = "x"\nefficiency = 3\n[capacity]\nc1 = true\n', encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_efficiency(path)
    assert len(raised.value.faults) == 4
    with pytest.raises(InputError, match="cannot be read"):
        read_efficiency(tmp_path / "absent.toml")
