"""The house: which room may lean on which, how large a module may get, and what the public names are."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter import cli as importlinter

import planner

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "planner").rglob("*.py"))


def in_a_new_python(code: str) -> str:
    """Run code in a new process, where nothing has been imported yet."""
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_every_contract_holds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    status = importlinter.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_every_floor_is_there() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    floors = next(contract for contract in contracts if contract["id"] == "floors")["layers"]
    rooms = sorted(room for floor in floors for room in floor.split(" | "))
    standing = {path.relative_to(ROOT / "planner").parts[0].removesuffix(".py") for path in MODULES} - {
        "__init__",
        "__main__",
    }
    assert rooms == sorted(standing)


def test_nothing_in_the_package_leans_on_jobs() -> None:
    leaning = [str(path) for path in MODULES if "import jobs" in path.read_text() or "from jobs" in path.read_text()]
    assert leaning == []


def test_no_module_is_a_maze() -> None:
    long = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


@pytest.mark.parametrize("room", ["planner", "planner.cli", "planner.report", "planner.runtime.slot"])
def test_a_room_without_spark_does_not_load_it(room: str) -> None:
    code = f"import sys, {room}; print(*[name for name in ('pyspark', 'py4j') if name in sys.modules])"
    assert in_a_new_python(code).split() == []


def test_a_slot_needs_nothing_that_executors_may_lack() -> None:
    """Executors have numpy, pyarrow and cloudpickle; compilers and solvers stay with the driver."""
    code = """
import sys
for name in ("numba", "llvmlite", "scipy"):
    sys.modules[name] = None  # importing it fails
import planner.runtime.slot, planner.model
"""
    in_a_new_python(code)


def test_the_public_names_are_these() -> None:
    """Adding one is a promise, and taking one away breaks somebody: both belong in the CHANGELOG."""
    assert planner.__all__ == [
        "Cluster",
        "Efficiency",
        "Executor",
        "Graph",
        "GraphBuilder",
        "InfeasibleError",
        "InputError",
        "Link",
        "LoadReport",
        "Network",
        "Pin",
        "Plan",
        "PlannerError",
        "PreflightError",
        "Progress",
        "Replicas",
        "RunError",
        "Weights",
        "compare",
        "curve",
        "plan",
        "read_cluster",
        "read_efficiency",
        "read_graph",
        "read_plan",
        "replan",
        "simulate",
        "write_cluster",
        "write_graph",
    ]
    assert all(hasattr(planner, name) for name in planner.__all__)
