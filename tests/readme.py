"""The code blocks of README.md, so that tests can run what the reader is told to type."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["README", "Block", "blocks"]

README = Path(__file__).resolve().parent.parent / "README.md"


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the line it starts in, and its text."""

    language: str
    line: int
    text: str

    @property
    def needs_spark(self) -> bool:
        """Tell whether running it starts Spark."""
        return bool(re.search(r"planner\.spark|pyspark|spark-submit|^\$ planner run", self.text, re.MULTILINE))

    def commands(self) -> list[list[str]]:
        """Give the command lines, those that start with ``$``, with continued lines joined."""
        joined = self.text.replace("\\\n", " ")
        return [shlex.split(line[2:]) for line in joined.splitlines() if line.startswith("$ ")]


def blocks(language: str) -> list[Block]:
    """Give every block of one language, in order."""
    text = README.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [
        Block(match[1], text.count("\n", 0, match.start()) + 1, match[2]) for match in found if match[1] == language
    ]
