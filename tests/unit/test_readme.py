"""What the README shows works: its blocks run, its floors are the real ones, its targets are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from readme import README, blocks

from planner.cli import main

ROOT = README.parent


def test_the_python_blocks_without_spark_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "readme"}
    chosen = [block for block in blocks("python") if not block.needs_spark]
    assert chosen
    for block in chosen:
        exec(compile("\n" * block.line + block.text, str(README), "exec"), namespace)


def test_the_commands_without_spark_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "example.json").write_text(blocks("json")[0].text)
    lines = [line for block in blocks("console") if not block.needs_spark for line in block.commands()]
    planner = [line[1:] for line in lines if line[0] == "planner"]
    assert planner
    for words in planner:
        assert main(words) == 0, words


def test_no_command_is_left_out() -> None:
    """Targets of make are looked up below; everything else is a command of planner, run here or with Spark."""
    commands = {line[0] for block in blocks("console") for line in block.commands()}
    assert commands == {"make", "planner"}


def test_the_floors_shown_are_those_that_are_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    held = next(contract for contract in contracts if contract["id"] == "floors")["layers"]
    shown = README.read_text(encoding="utf-8").partition("## Floors")[2].partition("\n## ")[0]
    rows = re.findall(r"^(planner\.\S+(?: \| planner\.\S+)*)", shown, re.MULTILINE)
    assert [row.replace("planner.", "") for row in rows] == held


@pytest.mark.parametrize("target", re.findall(r"^\$ make (\S+)", README.read_text(encoding="utf-8"), re.MULTILINE))
def test_every_make_target_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
