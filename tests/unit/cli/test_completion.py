"""Completion in real shells: what a press of the tabulator key offers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from planner.cli import completion

COMPLETE = {
    "bash": """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
spec=$(complete -p planner) || exit 3
function=${spec#*-F }; ${function%% *} planner "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "fish": """
source $argv[1]
complete --do-complete "$argv[2..]"
""",
    "zsh": """
zmodload zsh/zpty
zpty shell zsh -f -i
fed() { zpty -w shell "$1" }
fed "PROMPT='' LISTMAX=0 COLUMNS=400; stty rows 500 cols 400 -echo; fpath=($1:h \\$fpath)"
fed "autoload -Uz compinit; compinit -u -d $1:h/dump"
fed "zstyle ':completion:*' list-colors ''; zstyle ':completion:*' verbose no; print -r -- re''ady"
while zpty -r shell line; do [[ $line == *ready* ]] && break; done
fed "offer() { zle list-choices; zle -R; print -r -- ' do''ne' }; zle -N offer; bindkey '^I' offer"
shift
zpty -w -n shell "$*"$'\\t'
while zpty -r shell line; do print -r -- "$line"; [[ $line == *done* ]] && break; done
zpty -d shell
""",
}
"""Scripts that get the script of the completion and the words of a command line, and print what is offered."""

Offered = Callable[..., str]


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def offered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offered]:
    """Give what a shell offers for a command line whose last word is begun."""
    shell = shutil.which(request.param)
    if shell is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    script = folder / ("_planner" if request.param == "zsh" else "planner")
    words = [sys.executable, "-m", "planner", "completion", request.param]
    script.write_text(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    (folder / "here").mkdir()
    (folder / "here" / "graph.json").touch()
    (folder / "here" / "runs").mkdir()

    def ask(*line: str) -> str:
        command = [shell, "-c", COMPLETE[request.param], shell, str(script), "planner", *line]
        if request.param == "fish":
            command = [shell, "--no-config", "-c", COMPLETE["fish"], str(script), " ".join(["planner", *line])]
        done = subprocess.run(command, cwd=folder / "here", capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield ask


def test_commands_are_offered(offered: Offered) -> None:
    all_of_them = offered("")
    assert all(name in all_of_them for name in ("plan", "compare", "simulate", "doctor", "completion"))
    some = offered("comp")
    assert "compare" in some and "completion" in some and "simulate" not in some


def test_options_are_offered_and_only_those_of_the_command(offered: Offered) -> None:
    said = offered("plan", "--e")
    assert "--executors" in said and "--explain" in said and "--emulate" not in said
    assert "--emulate" in offered("run", "--e")


def test_methods_are_offered(offered: Offered) -> None:
    said = offered("plan", "graph.json", "--method", "he")
    assert "heft" in said and "cpop" not in said
    assert "least_loaded" in offered("run", "graph.json", "--rebalance", "lea")


def test_files_and_folders_are_offered(offered: Offered) -> None:
    assert "graph.json" in offered("plan", "gr")
    assert "runs" in offered("report", "ru")


def test_without_shtab_the_extra_is_named(
    planner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)  # importing it fails
    said = planner("completion", "bash")
    assert said.code == 2 and "pip install 'spark-planner[completion]'" in said.err
    assert completion.FILES
