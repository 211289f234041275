"""What people read holds: code blocks run or are parsed, links lead somewhere, and no block is left out unseen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme import LINKING, PAGES, ROOT, Block, anchors, inline_code, links, named, needs_spark, page_blocks
from walks import LANGUAGES, Walk, parse_command

from planner.cli.parser import build_parser

WITH_BLOCKS = [page for page in PAGES if page_blocks(page)]
PARSED = [block for page in PAGES for block in page_blocks(page) if block.parsed is not None]
EXTERNAL = re.compile(r"[a-z]+:")


@pytest.mark.parametrize("page", [page for page in WITH_BLOCKS if not needs_spark(page)], ids=named)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    Walk(tmp_path).read(page)


@pytest.mark.parametrize("block", PARSED, ids=lambda block: f"{block}, {block.parsed}")
def test_what_is_not_run_is_parsed_and_says_why(block: Block) -> None:
    assert block.parsed, "the reason stands behind `parsed:`"
    assert block.language in ("console", "python")
    if block.language == "console":
        for words in block.commands():
            parse_command(words)


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=named)
def test_there_is_a_way_of_checking_every_block(page: Path) -> None:
    unchecked = [block for block in page_blocks(page) if block.language not in LANGUAGES]
    assert [f"{block}: {block.language or 'no language'}" for block in unchecked] == []


@pytest.mark.parametrize("page", LINKING, ids=named)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    broken = []
    for line, link in links(page):
        if EXTERNAL.match(link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            broken.append(f"{named(page)}:{line}: there is no {name}")
        elif anchor and anchor not in anchors(target):
            broken.append(f"{named(page)}:{line}: {name or 'the page'} has no heading for #{anchor}")
    assert broken == []


def is_there(program: str, first: str, *more: str) -> bool:
    """Tell whether a command that stands in a sentence exists; it may be no whole line: `planner run --history`."""
    if first.isupper() or first.startswith("-"):  # `planner COMMAND` stands for any
        return True
    if program == "planner":
        known = build_parser().commands
        options = {word for word in more if word.startswith("--")}
        return first in known and options <= set(known[first]._option_string_actions)
    if program == "make":
        targets = re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return first in " ".join(targets).split()
    return (ROOT / first).is_file()


@pytest.mark.parametrize("page", LINKING, ids=named)
def test_commands_in_sentences_exist(page: Path) -> None:
    found = [(line, code.split()) for line, code in inline_code(page)]
    commands = [(line, words) for line, words in found if words[:1] and words[0] in ("planner", "make", "python")]
    assert [f"{named(page)}:{line}: {words}" for line, words in commands if words[1:] and not is_there(*words)] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    assert is_there("planner", "run", "--history")
    assert not is_there("planner", "runn")
    assert not is_there("planner", "run", "--histroy")
    assert not is_there("make", "nothing")
    assert not is_there("python", "benchmarks/nothing.py")


def made(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```python\nx = 1\nassert x == 2, 'not two'\n```", "not two"),
        ("```console\n$ planner plan nothing.json\n```", "ended with 2"),
        ("```console exits=1\n$ planner methods\n```", "ended with 0"),
        ("```console parsed: a cluster\n$ planner run g.json --mastre spark://host:7077\n```", "--mastre"),
        ("```console\n$ make no-such-target\n```", "make"),
        ("```console parsed: a cluster\n$ spark-submit jobs/run.py graph.json --no-such-option\n```", "--no-such"),
        ("```console parsed: a cluster\n$ spark-submit jobs/forecast.py --no-such-option\n```", "--no-such-option"),
        ("```console parsed: a cluster\n$ python jobs/nothing.py\n```", "there is no jobs/nothing.py"),
        ("```console parsed: nobody can\n$ frobnicate\n```", "nothing here can parse"),
        ("```console\nplanner methods\n```", "without a line that starts with"),
        ('```python\nprint("a b")\n```\n\n```text output\na c\n```', "printed was\na b"),
        ("```text\n$ planner methods\n```", "commands stand in console blocks"),
        ("```text outptu\na\n```", "means nothing"),
        ('```json\n{"tasks": [{"id": "a", "runs": "math:sqrt"}]}\n```', "runs"),
        ('```toml\nname = "nobody"\n```', "there is no reader"),
        ("```toml\n[[executors]]\nid = 1\n```", "executors"),
    ],
)
def test_what_is_wrong_on_a_page_is_found_and_the_line_named(text: str, why: str, tmp_path: Path) -> None:
    page = made(tmp_path, f"Text.\n\n{text}\n")
    with pytest.raises((Exception, SystemExit)) as told:
        Walk(tmp_path / "walk").read(page)
    assert why in str(told.value)
    assert told.value.__notes__[0] in ("in page.md:3", "in page.md:7")


def test_names_and_files_of_a_page_stay_for_what_follows(tmp_path: Path) -> None:
    text = """
```json file=graph.json
{"format": "planner.graph/1", "tasks": [{"id": "a", "run": "math:sqrt", "args": [4]}]}
```

```console
$ planner plan graph.json -o plan.json
```

```python
from planner import read_plan

found = read_plan("plan.json")
```

```python
print(found.makespan, "seconds of", found.graph.n, "task")
```

```text output
1.0 seconds ... 1 task
```
"""
    Walk(tmp_path / "walk").read(made(tmp_path, text))


def test_external_links_are_well_formed() -> None:
    """They are not followed: that a site is down for a day is no fault of ours. `make docs` lists them."""
    found = {link for page in LINKING for _, link in links(page) if EXTERNAL.match(link)}
    assert [link for link in sorted(found) if not re.match(r"https://[\w.-]+(/\S*)?$", link)] == []


def test_indented_and_unnamed_blocks_are_seen_and_refused(tmp_path: Path) -> None:
    page = made(tmp_path, "Text.\n\n    indented\n\n```\nunnamed\n```\n")
    assert [block.language for block in page_blocks(page)] == ["indented", ""]
    assert not {"indented", ""} & set(LANGUAGES)


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = made(tmp_path, "# One `two`: three-four\n\n## Same\n\n## Same\n")
    assert anchors(page) == {"one-two-three-four", "same", "same-1"}
