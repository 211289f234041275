"""The site: what it is made of is complete, and what looks at it sees what is wrong. `make docs` builds it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from readme import DOCS, links

import planner
import planner.errors
import planner.models
import planner.spark

REFERENCE = DOCS / "reference"


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_site", DOCS / "check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def described() -> set[str]:
    """Give the full name of everything that the reference describes."""
    found = set()
    for page in REFERENCE.glob("*.rst"):
        module = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            if entry := re.match(r"\.\. (\w+):: (\S+)", line):
                if entry[1] == "currentmodule":
                    module = entry[2]
                elif entry[1].startswith("auto"):
                    found.add(f"{module}.{entry[2]}")
    return found


@pytest.mark.parametrize(
    "module", [planner, planner.spark, planner.models, planner.errors], ids=lambda module: module.__name__
)
def test_every_public_name_is_in_the_reference(module: ModuleType) -> None:
    names = {name.rpartition(".")[2] for name in described()}  # errors are described where people import them from
    assert set(module.__all__) - names == set()


def test_every_page_is_on_the_first_page() -> None:
    index = DOCS / "index.md"
    named = {(index.parent / link).resolve() for _, link in links(index)}
    pages = {page.resolve() for suffix in ("md", "rst") for page in DOCS.rglob(f"*.{suffix}")} - {index.resolve()}
    assert pages - named == set()


def built(folder: Path, body: str = "", style: str = "", script: str = "") -> Path:
    (folder / "deep").mkdir()
    page = '<html><head><link rel="stylesheet" href="s.css"><script src="s.js"></script></head><body>{}</body></html>'
    (folder / "index.html").write_text(page.format('<h1 id="top">x</h1>' + body))
    (folder / "deep" / "page.html").write_text('<a href="../index.html#top">up</a> <a href="#here" id="here">here</a>')
    (folder / "s.css").write_text("a { background: url(data:image/png;base64,x) } " + style)
    (folder / "s.js").write_text("fetch('data.json'); // see https://example.org " + script)
    return folder


def test_a_site_that_is_right(checker: ModuleType, tmp_path: Path) -> None:
    site = built(tmp_path, '<a href="deep/page.html#here">x</a> <a href="https://example.org/">y</a>')
    assert checker.check(site) == ([], ["https://example.org/"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"body": '<a href="deep/none.html">x</a>'}, "deep/none.html leads to no file"),
        ({"body": '<a href="deep/page.html#nowhere">x</a>'}, "#nowhere has no such place"),
        ({"body": '<a href="../outside.html">x</a>'}, "../outside.html leads to no file"),
        ({"body": '<img src="missing.png">'}, "missing.png leads to no file"),
        ({"body": '<img src="https://example.org/x.png">'}, "loads https://example.org/x.png"),
        ({"body": '<script src="//example.org/x.js"></script>'}, "loads //example.org/x.js"),
        ({"body": '<p style="background: url(https://example.org/x.png)">'}, "loads https://example.org/x.png"),
        ({"body": '<link rel="preconnect" href="https://example.org">'}, "loads https://example.org"),
        ({"style": "@import 'https://example.org/f.css';"}, "s.css: loads https://example.org/f.css"),
        ({"style": "b { src: url(https://example.org/f.woff) }"}, "s.css: loads https://example.org/f.woff"),
        ({"script": "import('https://example.org/m.js')"}, "s.js: loads https://example.org/m.js"),
        ({"script": "e.src=`https://example.org/m.js`"}, "s.js: loads https://example.org/m.js"),
    ],
)
def test_what_is_wrong_with_a_site_is_found(
    checker: ModuleType, tmp_path: Path, wrong: dict[str, str], told: str
) -> None:
    found, _ = checker.check(built(tmp_path, **wrong))
    assert len(found) == 1
    assert told in found[0]


def test_no_site_is_not_a_good_site(checker: ModuleType, tmp_path: Path) -> None:
    assert checker.check(tmp_path)[0]
