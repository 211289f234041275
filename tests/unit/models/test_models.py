"""Models as users meet them: read, planned, shown, and what is said of mistakes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pages import MARKUP, Elements

from planner.cli import main
from planner.errors import InputError, InvalidPlanError
from planner.model import LayerGraph
from planner.models import Model, ModelPlan, read_model
from planner.streaming import StreamLoad
from planner.streaming.load import SlotLoad
from planner.validate_stages import validate_stages

VALUES = "forward_compute_time={}, backward_compute_time=0, activation_size=1000, parameter_size=100"


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """Give a file with a chain of four layers, 20 ms in all."""
    file = tmp_path / "graph.txt"
    lines = [f"n{i} -- Linear() -- {VALUES.format(time)}" for i, time in enumerate((4, 6, 5, 5))]
    file.write_text("\n".join([*lines, *(f"\tn{i} -- n{i + 1}" for i in range(3))]))
    return str(file)


def named(names: list[str]) -> ModelPlan:
    n = len(names)
    layers = LayerGraph.from_arrays(names, time_ns=[10**6] * n, source=range(n - 1), target=range(1, n))
    return Model(layers, names[0]).plan(executors=2)


def test_a_plan_shows_itself(profile: str) -> None:
    model = read_model(profile)
    assert repr(model) == "Model('graph.txt', 4 layers, 20 ms a micro-batch, 4.4 kB)"
    plan = model.plan(executors=2, memory="3kB", bandwidth="1GB/s")
    assert plan.bottleneck == pytest.approx(0.010002) and plan.peak_memory_bytes == 2200
    assert repr(plan).startswith("StagePlan(4 layers in 2 stages on 2 executors, bottleneck 0.01 s")
    told = str(plan)
    assert "graph.txt: 4 layers in 2 stages" in told and "all contiguous splits were weighed" in told
    assert "of 3 kB each" in told and "n2 Linear() … n3 Linear()" in told
    page = plan._repr_html_()
    assert Elements(page).tags.count("path") == 3, "an edge between each of four layers"
    assert page.count("<title>stage ") == 2


def test_a_page_is_written(profile: str, tmp_path: Path) -> None:
    written = read_model(profile).plan(executors=2).report(tmp_path / "stages.html")
    page = Elements(written.read_text())
    assert "svg" in page.tags and "script" not in page.tags
    with pytest.raises(InputError, match="cannot be written"):
        read_model(profile).plan(executors=2).report(tmp_path / "none" / "stages.html")


def test_names_that_are_markup_are_shown_and_not_obeyed() -> None:
    plan = named([*MARKUP, "last"])
    page = Elements(plan._repr_html_())
    assert not {"img", "script"} & set(page.tags)
    assert "\x1b" not in str(plan)


def test_pictures_of_deep_and_of_very_many_stages_stay_small() -> None:
    n = 3000
    layers = LayerGraph.from_arrays(time_ns=[1000] * n, source=range(n - 1), target=range(1, n))
    page = Model(layers, "deep").plan(executors=4)._repr_html_()
    assert len(page) < 100_000 and "layers, 0 … " in page
    many = Model(layers, "many").plan(executors=100)
    assert "64 heaviest of 100 stages" in many._repr_html_() and "64 heaviest of 100 stages" in str(many)


def test_everything_wrong_with_what_is_asked_is_told_at_once(profile: str) -> None:
    with pytest.raises(InputError) as found:
        read_model(profile).plan(executors=0, memory="much", bandwidth=True, hosts=-1)
    assert [fault.path for fault in found.value.faults] == ["executors", "hosts", "memory", "bandwidth"]
    with pytest.raises(InputError, match="stages: is 2; expected more than the 2 executors"):
        read_model(profile).plan(executors=2, stages=2)
    with pytest.raises(InputError, match="executors: is not given"):
        read_model(profile).plan()
    with pytest.raises(InputError, match="memory: is \\[\\]"):
        read_model(profile).plan(2, memory=[])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="11 days"):
        read_model(profile).plan(2, bandwidth=1e-300)


def test_executors_that_share_cores_are_no_faster_than_these(profile: str) -> None:
    model = read_model(profile)
    alone, shared = model.plan(executors=4), model.plan(executors=4, cores=2)
    assert (alone.bottleneck_ns, shared.bottleneck_ns) == (6_000_000, 10_000_000)
    assert shared.status == "optimal" and "on shared cores" in str(shared)
    assert model.plan(executors=4, cores=4).bottleneck_ns == alone.bottleneck_ns
    assert replace(model, cores=1).plan(executors=4).bottleneck_ns == 20_000_000
    validate_stages(shared)
    with pytest.raises(InvalidPlanError, match="on 2 cores, all stages take 10000000"):
        validate_stages(replace(shared, bottleneck_ns=6_000_000, lower_bound_ns=6_000_000))


def test_where_cores_are_shared_each_more_stage_costs_what_it_carries(profile: str) -> None:
    model = replace(read_model(profile), cores=2, carrying_ns=4_000_000)
    plan = model.plan(executors=4)
    assert (plan.n_stages, plan.bottleneck_ns, plan.n_executors) == (2, 14_000_000, 4)
    assert plan.lower_bound_ns == 14_000_000 and plan.status == "optimal"
    validate_stages(plan)
    deep = model.plan(executors=4, memory="1.1kB")  # so that no executor holds two layers
    assert (deep.n_stages, deep.bottleneck_ns, deep.lower_bound_ns) == (4, 18_000_000, 14_000_000)
    validate_stages(deep)
    with pytest.raises(InvalidPlanError, match="on 2 cores, all stages take 18000000"):
        validate_stages(replace(deep, bottleneck_ns=10_000_000, lower_bound_ns=10_000_000))


def test_a_load_says_what_carrying_takes() -> None:
    model = Model(LayerGraph.from_arrays(time_ns=[30, 10], source=[0], target=[1]), "chain")
    slots = {
        (slot, 0): SlotLoad(slot, 0, busy_us={slot: 100}, batches={slot: 10}, beside_us=beside)
        for slot, beside in enumerate((30, 10))
    }
    load = StreamLoad.of(["a", "b"], slots, batches=10, rows=10, elapsed_us=1000, replays=0, lost=())
    again = model.corrected(model.plan(executors=2), load)
    assert (again.layers.time_ns.tolist(), again.carrying_ns) == ([10_000, 10_000], 2000)


def test_what_stages_took_corrects_their_layers() -> None:
    layers = LayerGraph.from_arrays(time_ns=[0, 0, 30, 10], source=[0, 1, 2], target=[1, 2, 3])
    model = Model(layers, "chain")
    first = replace(model.plan(executors=2), stage=np.array([0, 0, 1, 1], np.int32))
    again = model.corrected(first, [8, 20]).layers
    assert again.time_ns.tolist() == again.host_ns.tolist() == [4, 4, 15, 5]


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(InputError, match="is int 3; expected one of"):
        read_model(3)


def test_a_profile_does_not_run(profile: str) -> None:
    plan = read_model(profile).plan(executors=2)
    with pytest.raises(InputError, match="holds none that could run"):
        plan.run(None, None, columns=["x"])
    runner: Callable[..., Any] = lambda *given, **more: SimpleNamespace(frame=(given, more))  # noqa: E731
    runs = replace(plan, runner=runner)
    asked = runs.run("spark", "frame", columns=["x"], batch=3)
    assert asked == ((runs, "spark", "frame"), {"columns": ["x"], "batch": 3})


def test_planning_a_model_loads_no_spark() -> None:
    code = "import sys, planner.models; print('pyspark' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_the_command_line_splits(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "stages.html"
    words = ["split", profile, "--executors", "2", "--memory", "3kB", "--bandwidth", "1GB/s"]
    assert main([*words, "-o", str(page)]) == 0
    assert "bottleneck" in capsys.readouterr().out and page.exists()
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr().out
    assert '"layers"' in said and '"n3 Linear()"' in said
    assert main([*words[:4], "--memory", "2kB"]) == 2
    assert "do not hold it" in capsys.readouterr().err


def test_the_command_line_tells_all_mistakes(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split", profile, "--memory", "x", "--bandwidth", "0", "--stages", "-1"]) == 2
    said = capsys.readouterr().err
    assert all(f"--{name}: " in said for name in ("executors", "memory", "bandwidth", "stages"))
    assert main(["split", "none.txt", "--executors", "2"]) == 2
    assert "none.txt: No such file" in capsys.readouterr().err
