"""The pages of the documentation, as tests see them: code blocks, headings and links.

How a block is checked stands in its first line, where readers of the source see it and those of the page do not::

    ```python                              run, all blocks of a page in order and with the same names
    ```console                             every line that starts with `$` is run; other lines are what it may print
    ```console exits=1                     run, and the last line ends with this exit code
    ```console parsed: needs a cluster     not run, because of that; read by the parsers of what it calls
    ```json file=graph.json                read by the reader of such files, and there for what follows on the page
    ```text                                no code: a drawing, or what was printed once
    ```text output                         what the block before it prints, `...` for what differs from run to run

`tests.walks` does that. A language without a way of checking, and a block that is only indented, are errors.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = [
    "DOCS",
    "LINKING",
    "PAGES",
    "README",
    "ROOT",
    "Block",
    "anchors",
    "blocks",
    "inline_code",
    "links",
    "named",
    "needs_spark",
    "page_blocks",
]

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.rglob("*.md")))
"""The pages whose code blocks are checked."""
LINKING = (*PAGES, ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md")
"""The pages whose links are."""


@dataclass(frozen=True)
class Block:
    """One block of code: its page, the line it starts in, its language, the words behind that, and its text."""

    page: Path
    line: int
    language: str
    words: str
    text: str

    def __str__(self) -> str:
        return f"{named(self.page)}:{self.line}"

    @property
    def parsed(self) -> str | None:
        """Give why it is only parsed, or None."""
        return self.words.partition("parsed:")[2].strip() if self.words.startswith("parsed:") else None

    @property
    def needs_spark(self) -> bool:
        """Tell whether running it starts Spark."""
        starts = r"planner\.spark|pyspark|\(spark, |^\$ .*(spark-submit|planner run|jobs/\w+\.py)"
        return self.parsed is None and bool(re.search(starts, self.text, re.MULTILINE))

    def word(self, name: str) -> str | None:
        """Give what stands behind ``name=``."""
        found = re.search(rf"(?:^|\s){name}=(\S+)", self.words)
        return found[1] if found else None

    def commands(self) -> list[list[str]]:
        """Give the command lines, those that start with ``$``, with continued lines joined."""
        joined = self.text.replace("\\\n", " ")
        return [shlex.split(line[2:], comments=True) for line in joined.splitlines() if line.startswith("$ ")]


def named(page: Path) -> str:
    """Give a page's name for people."""
    return page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name


@cache
def tokens(page: Path) -> list[Token]:
    """Give a page as the parser of GitHub's Markdown sees it."""
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def page_blocks(page: Path) -> list[Block]:
    """Give every block of a page, in order; one that is only indented has the language ``indented``."""
    found = []
    for token in tokens(page):
        if token.type in ("fence", "code_block") and token.map:
            language, _, words = (token.info.strip() if token.type == "fence" else "indented").partition(" ")
            found.append(Block(page, token.map[0] + 1, language, words.strip(), token.content))
    return found


def blocks(language: str, page: Path = README) -> list[Block]:
    """Give every block of one language, in order."""
    return [block for block in page_blocks(page) if block.language == language]


def needs_spark(page: Path) -> bool:
    """Tell whether running a page starts Spark."""
    return any(block.needs_spark for block in page_blocks(page))


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Give the line and the target of every link and picture of a page."""
    for token in tokens(page):
        for inner in token.children or ():
            target = inner.attrs.get("href") or inner.attrs.get("src")
            if target and token.map:
                yield token.map[0] + 1, str(target)


def inline_code(page: Path) -> Iterator[tuple[int, str]]:
    """Give the line and the text of all code inside of sentences and tables."""
    for token in tokens(page):
        for inner in token.children or ():
            if inner.type == "code_inline" and token.map:
                yield token.map[0] + 1, inner.content


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub and the site make them."""
    found: set[str] = set()
    told = tokens(page)
    for heading, inline in itertools.pairwise(told):
        if heading.type == "heading_open":
            text = "".join(part.content for part in inline.children or () if part.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            found.add(next(name for i in range(99) if (name := f"{slug}-{i}" if i else slug) not in found))
    return found
