"""Until everything is compiled: which plans are made at once, and what is compiled behind them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner import kept
from planner.cli import first
from planner.model import compiled
from planner.pipeline import planning, warming

Planner = Callable[..., Any]
HASTE = "planned before everything is compiled"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Nothing is compiled, it could be kept, and what would compile it in the background is only noted."""
    found: list[list[str]] = []
    monkeypatch.delenv(first.COMPILE)
    monkeypatch.setattr(kept, "_places", lambda: [tmp_path / "kept"])
    monkeypatch.setattr(subprocess, "run", lambda words, **rest: found.append(words))
    return found


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note for each plan how slow the loops were that made it."""
    found: list[int] = []
    search = planning.auto

    def noting(*given: Any, **named: Any) -> Any:
        found.append(compiled.slowness())
        return search(*given, **named)

    monkeypatch.setattr(planning, "auto", noting)
    return found


@pytest.fixture
def awkward(tmp_path: Path) -> str:
    """Give a graph whose bound is not met."""
    tasks = [
        {"id": f"t{i}", "run": "m:f", "work": 1 + 7 * i % 11, "output": f"{1 + i % 4}MB"}
        | ({"after": [f"t{i - 5}", f"t{i - 4}"]} if i > 4 else {})
        for i in range(40)
    ]
    (tmp_path / "awkward.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    return str(tmp_path / "awkward.json")


def test_a_small_graph_is_planned_at_once_and_all_is_compiled_behind_it(
    planner: Planner, awkward: str, started: list[list[str]], speeds: list[int]
) -> None:
    said = planner("plan", awkward, "--executors", "3", "--bandwidth", "1MB/s")
    assert said.code == 0 and said.err == "" and HASTE in said.out
    assert speeds[0] > 1 and len(started) == 1 and compiled.slowness() == 1


def test_what_is_proved_optimal_needs_no_excuse(planner: Planner, graph: str, started: list[list[str]]) -> None:
    said = planner("plan", graph, "--executors", "2", "--json").json
    assert said["status"] == "optimal" and not any(HASTE in note for note in said["notes"])
    assert len(started) == 1


def test_once_all_is_compiled_nothing_is_different_any_more(
    planner: Planner, graph: str, started: list[list[str]], speeds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "complete", lambda: True)
    assert planner("plan", graph, "--executors", "2").code == 0
    assert (speeds, started) == ([1], [])


@pytest.mark.parametrize(
    "words",
    [
        ["--executors", "2", "--iterations", "10"],
        ["--executors", "2", "--budget", "1min"],
        ["--executors", "90", "--slots", "90"],
        ["--executors", "2", "--method", "genetic"],
    ],
    ids=lambda words: " ".join(words),
)
def test_some_plans_are_worth_waiting_for(
    planner: Planner, graph: str, started: list[list[str]], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(compiled, "interpreted", lambda: pytest.fail("loops as they are written"))
    said = planner("plan", graph, *words)
    assert said.code == 0 and said.err == "" and HASTE not in said.out
    assert len(started) == 1


def test_a_short_search_is_not(planner: Planner, graph: str, started: list[list[str]], speeds: list[int]) -> None:
    planner("plan", graph, "--executors", "2", "--budget", "1s")
    assert speeds[0] > 1


def test_who_wants_to_wait_waits(
    planner: Planner, graph: str, started: list[list[str]], speeds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(first.COMPILE, "now")
    planner("plan", graph, "--executors", "2")
    planner("compare", graph, "--executors", "2", "--methods", "heft")
    assert (speeds, started) == ([1], [])


def test_a_driver_leaves_no_process_behind(
    planner: Planner, graph: str, started: list[list[str]], speeds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(first.INSIDE_SPARK_SUBMIT, "1")
    assert planner("plan", graph, "--executors", "2").code == 0
    assert speeds[0] > 1 and started == []


def test_where_nothing_can_be_kept_nothing_is_compiled_in_vain(
    planner: Planner, graph: str, started: list[list[str]], speeds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_places", lambda: [Path("/dev/null/kept")])
    assert planner("plan", graph, "--executors", "2").code == 0
    assert speeds[0] > 1 and started == []
    said = planner("warm")
    assert said.code == 2 and "NUMBA_CACHE_DIR" in said.err


def test_two_at_once_compile_once(planner: Planner, graph: str, started: list[list[str]]) -> None:
    folder = kept.place()
    assert folder is not None
    with kept.compiling(folder):
        planner("plan", graph, "--executors", "2")
        assert started == []
        assert warming.warm(folder, wait=False) == 0
    planner("plan", graph, "--executors", "2")
    assert len(started) == 1


def test_a_terminal_is_told_what_takes_so_long(
    planner: Planner, graph: str, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    said = planner("compare", graph, "--executors", "2", "--methods", "heft")
    assert said.code == 0 and "planner: compiling, once on this machine: up to 30 s\n" in said.err
    monkeypatch.setattr(kept, "_places", lambda: [Path("/dev/null/kept")])
    assert "NUMBA_CACHE_DIR names another" in planner("compare", graph, "--executors", "2", "--methods", "heft").err


def test_an_error_is_told_and_starts_nothing(planner: Planner, tmp_path: Path, started: list[list[str]]) -> None:
    file = tmp_path / "large.json"
    tasks = [{"id": "a", "run": "m:f", "memory": "2GB"}]
    file.write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    said = planner("plan", file, "--executors", "2", "--memory", "1GB")
    assert said.code == 2 and "2 GB" in said.err and started == []


def test_warm_compiles_once(
    planner: Planner, tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "loop.nbi"
    file.write_text("")
    monkeypatch.setattr(warming, "_WORK", ())
    monkeypatch.setattr(warming, "called", lambda: [(Path(__file__), [file])])
    said = planner("warm")
    assert said.code == 0 and said.out.startswith("1 loop compiled in ") and "once on this machine" in said.err
    assert kept.complete()
    assert planner("warm").out == "everything is compiled\n"
    file.unlink()
    monkeypatch.setattr(warming, "called", lambda: [(Path(__file__), [])])
    assert planner("warm", "--json").code == 2, "it was compiled, but it was not kept"


def test_the_process_behind_has_no_terminal_no_pipes_and_no_haste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for Python says what it was given, so that nothing is left behind that compiles."""
    told, python = tmp_path / "told", tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport os, sys\nhere = [os.getcwd(), os.getsid(0) == os.getpid(), sys.argv[1:]]\n"
        f'files = [os.readlink(f"/proc/self/fd/{{n}}") for n in (0, 1, 2)]\n'
        f'open({str(told)!r}, "w").write(repr([*here, files]))\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(kept, "_places", lambda: [tmp_path / "kept"])
    monkeypatch.delenv(first.COMPILE)
    first._compile_later()
    folder, leads, words, files = eval(told.read_text())
    assert (folder, leads, files) == ("/", True, [os.devnull] * 3)
    assert words[0] == "-c" and "os.nice(19)" in words[1] and str(tmp_path / "kept") in words[1]
    compile(words[1], "behind", "exec")
