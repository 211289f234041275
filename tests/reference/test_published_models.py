"""Published workloads and profiles of models: their optima are met, their plans never beaten by the published tool."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.models import read_model
from planner.models.planning import plan_stages
from planner.validate_stages import validate_stages

pytestmark = pytest.mark.reference
MS = 1e6
ROUNDED_MS = 0.0006


def rows(file: Path) -> list[dict[str, str]]:
    with file.open() as opened:
        return list(csv.DictReader(opened))


def test_throughput_workloads_are_solved_to_their_optimum(reference_data: Path) -> None:
    folder = reference_data / "models" / "dnn-partitioning"
    for row in rows(folder / "expected_throughput.csv"):
        plan = read_model(folder / "throughput" / f"{row['input']}.json").plan()
        validate_stages(plan)
        assert plan.status == "optimal", row["input"]
        assert plan.bottleneck_ns / MS == pytest.approx(float(row["exact_maxload"]), abs=ROUNDED_MS), row["input"]


def test_workloads_with_tight_memory_too(reference_data: Path) -> None:
    text = (reference_data / "models" / "INDEX.md").read_text()
    known = re.findall(r"^\| (\w+)/(\S+) \| ([\d.]+) \([\d.]+\) \|", text, re.MULTILINE)
    assert len(known) == 4
    for kind, name, value in known:
        file = reference_data / "models" / "dnn-partitioning" / "latency" / f"{kind}_{name}.json"
        plan = read_model(file).plan()
        validate_stages(plan)
        assert plan.status == "optimal" and plan.bottleneck_ns / MS == pytest.approx(float(value), abs=ROUNDED_MS)


def test_no_expert_is_better(reference_data: Path) -> None:
    folder = reference_data / "models" / "dnn-partitioning"
    for row in rows(folder / "expected_throughput.csv"):
        if row["expert"]:
            plan = read_model(folder / "throughput" / f"{row['input']}.json").plan()
            assert plan.bottleneck_ns / MS <= float(row["expert"])


@pytest.mark.parametrize("profile", ["alexnet", "vgg16", "resnet18", "squeezenet1_0", "resnet50", "gnmt"])
def test_the_published_optimizer_is_never_better(reference_data: Path, profile: str) -> None:
    folder = reference_data / "models" / "pipedream"
    model = read_model(folder / f"{profile}.graph.txt")
    found = [row for row in rows(folder / "expected_optimizer.csv") if row["profile"] == profile]
    assert len(found) == 4
    for row in found:
        plan = model.plan(**settings_of(row["args"]))
        validate_stages(plan)
        assert plan.status == "optimal" and plan.bottleneck <= float(row["plan"]) + 2e-9, row["args"]


def settings_of(args: str) -> dict[str, Any]:
    words = dict(word.split("=") for word in args.split() if "=" in word)
    replicate = "--straight_pipeline" not in args
    return {"executors": int(words["n"]), "bandwidth": float(words["b"]), "replicate": replicate, "overlap": True}


def test_inception_is_taken_as_it_is(reference_data: Path) -> None:
    model = read_model(reference_data / "models" / "pipedream" / "inception_v3.graph.txt")
    for replicate in (False, True):
        plan = model.plan(executors=4, bandwidth="10Gbit", overlap=True, replicate=replicate)
        validate_stages(plan)
        assert plan.lower_bound_ns <= plan.bottleneck_ns < plan.graph.time_ns.sum() / 3


def test_the_experts_split_is_not_below_the_bound(reference_data: Path) -> None:
    """Weigh a published split with the same cost model: the optimum is not above it, and its own value is known."""
    folder = reference_data / "models" / "dnn-partitioning"
    expert = json.loads((folder / "human-experts" / "bert24_inference_expert.json").read_text())
    model = read_model(folder / "throughput" / "LayerGraphs_bert24_inference.json")
    device = {node: k for k, held in enumerate(expert["fpgas"]) for node in held["nodes"]}
    stage = np.array([device[int(name.removeprefix("node"))] for name in model.layers.names])
    loads = np.zeros(6)
    for layer in range(model.layers.n):
        loads[stage[layer]] += model.layers.time_ns[layer]
        ends = {int(stage[b]) for b in model.layers.successors(layer)} - {int(stage[layer])}
        assert model.layers.send_ns is not None
        loads[[int(stage[layer]), *ends] if ends else []] += model.layers.send_ns[layer]
    known = next(row for row in rows(folder / "expected_throughput.csv") if row["input"].endswith("bert24_inference"))
    assert loads.max() / MS == pytest.approx(float(known["expert"]), abs=ROUNDED_MS)
    assert plan_stages(model.layers, executors=6).bottleneck_ns <= loads.max()
