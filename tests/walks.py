"""Walk through a page of the documentation and do what it says; see `tests.readme` for how blocks are marked."""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from readme import ROOT, Block, page_blocks
from scripts import scripted

from planner import read_cluster, read_efficiency, read_graph, read_plan
from planner.cli import main
from planner.cli.parser import build_parser

__all__ = ["LANGUAGES", "Walk", "parse_command"]

STANDING = ("benchmarks", "conf", "jobs", "notebooks", "planner", "Makefile", "README.md", "pyproject.toml")
"""What a reader has in the folder where he types commands: a checkout."""


class Walk:
    """A reader who types a page from top to bottom, in a folder of his own.

    Parameters
    ----------
    folder : Path
        To be made, or empty. It becomes a checkout by links, so that nothing is written into this one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Functions are pickled by value, as those of a script or a notebook are.
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""
        folder.mkdir(exist_ok=True)
        for name in STANDING:
            (folder / name).symlink_to(ROOT / name)

    def read(self, page: Path) -> None:
        """Do what the page says, block by block."""
        for block in page_blocks(page):
            try:
                LANGUAGES[block.language](self, block)
            except BaseException as error:
                error.add_note(f"in {block}")
                raise

    def python(self, block: Block) -> None:
        """Run it, or only parse it; ``file=`` makes a module of it first."""
        self._keep(block)
        tree = ast.parse("\n" * block.line + block.text, str(block.page))
        if block.parsed is None:
            with self._listening():
                exec(compile(tree, str(block.page), "exec"), self.names)

    def console(self, block: Block) -> None:
        """Run each command, or only parse it."""
        lines = block.commands()
        assert lines, "a console block without a line that starts with $"
        for i, words in enumerate(lines):
            if block.parsed is not None:
                parse_command(words)
                continue
            expected = int(block.word("exits") or 0) if i == len(lines) - 1 else 0
            with self._listening():
                code = self._command(words)
            assert code == expected, f"{words} ended with {code}\n{self.printed}"

    def data(self, block: Block) -> None:
        """Keep it under its name, and have it read by the reader of what it is."""
        path = self._keep(block) or self.folder / f"unnamed.{block.language}"
        path.write_text(block.text, encoding="utf-8")
        read = tomllib.loads if block.language == "toml" else json.loads
        found = read(block.text)
        if "executors" in found:
            read_cluster(path)
        elif "efficiency" in found:
            read_efficiency(path)
        elif str(found.get("format")).startswith("planner.plan/"):
            read_plan(path)
        elif "tasks" in found:
            read_graph(path)
        else:
            raise AssertionError(f"there is no reader for a file with {', '.join(found)}")

    def text(self, block: Block) -> None:
        """Hold what was printed against it, if it says that this is the output; keep it, if it has a name."""
        assert "\n$ " not in "\n" + block.text, "commands stand in console blocks"
        if block.words != "output":
            assert self._keep(block) or not block.words, f"{block.words!r} means nothing"
            return
        options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        checker = doctest.OutputChecker()
        if not checker.check_output(block.text, self.printed, options):
            raise AssertionError(f"printed was\n{self.printed}")

    def _keep(self, block: Block) -> Path | None:
        name = block.word("file")
        if name is None:
            return None
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return path

    @contextlib.contextmanager
    def _listening(self) -> Any:
        heard = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        sys.path.insert(0, str(self.folder))
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(heard):
                yield
        finally:
            sys.path.remove(str(self.folder))
            for name, module in list(sys.modules.items()):  # what the page calls `pipeline` may be another elsewhere
                if str(getattr(module, "__file__", None)).startswith(f"{self.folder}{os.sep}"):
                    del sys.modules[name]
            self.printed = heard.buffer.getvalue().decode()

    def _command(self, words: list[str]) -> int:
        if words[0] == "planner":
            return main(words[1:])
        if words[0] == "make":  # which would install things, or run all tests
            parse_make(words[1:])
            return 0
        path = os.pathsep.join(map(str, (self.folder, ROOT)))
        environment = os.environ | {"PYTHONPATH": path, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
        command = [sys.executable, *words[1:]] if words[0] == "python" else words
        said = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        print(said.stdout, said.stderr if said.returncode else "")
        return said.returncode


LANGUAGES = {
    "python": Walk.python,
    "console": Walk.console,
    "json": Walk.data,
    "toml": Walk.data,
    "text": Walk.text,
}
"""How each language is checked."""


def parse_command(words: list[str]) -> None:
    """Have the words of a command read by what would read them, without doing it.

    Raises
    ------
    Exception
        If it would not take them, or if nothing here knows how to read such a command.
    """
    if words[0] == "planner":
        build_parser().parse(words[1:])
        return
    if words[0] not in PARSERS:
        raise AssertionError(f"nothing here can parse a line of {words[0]}")
    PARSERS[words[0]](words[1:])


def parse_make(words: list[str]) -> None:
    """Have make read its file, and tell what it would do."""
    subprocess.run(["make", "--dry-run", *words], cwd=ROOT, check=True, capture_output=True)


def parse_submit(words: list[str]) -> None:
    """Read the words behind the script of a line of spark-submit; its own are read by Spark in the tests with Spark."""
    scripts = [i for i, word in enumerate(words) if word.endswith(".py")]
    assert scripts, "there is no script to submit"
    parse_script(words[scripts[0] :])


def parse_script(words: list[str]) -> None:
    """Look for the script, and have its words read by the parser it has."""
    script = words[0]
    assert (ROOT / script).is_file(), f"there is no {script}"
    if script in ("jobs/run.py", "jobs/plan.py"):
        build_parser().parse([Path(script).stem, *words[1:]])
        return
    said = scripted(ROOT / script, "--help", cwd=ROOT)
    for word in words[1:]:
        assert not word.startswith("--") or word in said.stdout, f"{script} knows no {word}"


PARSERS = {"make": parse_make, "spark-submit": parse_submit, "python": parse_script}
"""What reads a line, by its first word."""
