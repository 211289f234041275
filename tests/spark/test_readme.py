"""What the README shows on Spark works: the Python blocks in order, and the commands, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from readme import README, blocks


def run(command: list[str], folder: Path) -> str:
    """Run a command in a folder, with the package of this checkout."""
    environment = os.environ | {
        "PYTHONPATH": str(README.parent),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    said = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


def test_the_python_blocks_run_in_order(tmp_path: Path) -> None:
    script = tmp_path / "readme_blocks.py"
    script.write_text("\n".join(block.text for block in blocks("python")))
    assert "both" in run([sys.executable, str(script)], tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    (folder / "example.json").write_text(blocks("json")[0].text)
    return folder


def test_the_commands_run_in_order(folder: Path) -> None:
    lines = [line for block in blocks("console") if block.needs_spark for line in block.commands()]
    assert [line[1] for line in lines] == ["run", "report"]
    for line in lines:
        run([sys.executable, "-m", *line], folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "both" in page
