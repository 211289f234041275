"""Look at the site that was built: every link inside of it leads somewhere, and nothing is loaded from elsewhere.

    python docs/check.py dist/site

Links to other sites are listed and not followed. Standard library only.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
"""Elements that make a browser load something, and the attribute that says what."""
STYLE_URL = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")
SCRIPT_URL = re.compile(r"""(?:import|fetch|importScripts|src\s*=)\s*\(?\s*["'`]((?:https?:)?//[^"'`]+)""")


class Page(HTMLParser):
    """What a page links to, what it loads, and where it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to or loads."""
        told = {name: value for name, value in attrs if value}
        self.ids |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        elif tag in LOADING and LOADING[tag] in told and told.get("rel") not in ("canonical", "index", "search"):
            self.loaded.append(told[LOADING[tag]])
        self.loaded += STYLE_URL.findall(told.get("style", ""))


@cache
def read(path: Path) -> Page:
    """Read a page once."""
    return Page(path)


def elsewhere(url: str) -> bool:
    """Tell whether a URL leads out of the site."""
    return bool(urlsplit(url).scheme or urlsplit(url).netloc) and not url.startswith("data:")


def broken(site: Path, page: Path, url: str) -> str | None:
    """Say what is wrong with a link inside the site."""
    parts = urlsplit(url)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    name = page.relative_to(site)
    if not target.is_file() or site not in target.parents:
        return f"{name}: {url} leads to no file of the site"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).ids:
        return f"{name}: {url} has no such place"
    return None


def check(site: Path) -> tuple[list[str], list[str]]:
    """Give everything that is wrong, and the links to other sites."""
    site = site.resolve()
    pages = sorted(site.rglob("*.html"))
    wrong = [] if pages else [f"there are no pages in {site}"]
    outside: set[str] = set()
    for path in pages:
        page, name = read(path), path.relative_to(site)
        wrong += [f"{name}: loads {url}" for url in page.loaded if elsewhere(url)]
        inside = [url for url in (*page.links, *page.loaded) if not elsewhere(url) and not url.startswith("data:")]
        wrong += filter(None, (broken(site, path, url) for url in dict.fromkeys(inside)))
        outside |= {url for url in page.links if elsewhere(url)}
    for pattern, suffix in ((STYLE_URL, "css"), (SCRIPT_URL, "js")):
        for path in sorted(site.rglob(f"*.{suffix}")):
            found = pattern.findall(path.read_text(encoding="utf-8"))
            wrong += [f"{path.relative_to(site)}: loads {url}" for url in found if elsewhere(url)]
    return wrong, sorted(outside)


def main() -> None:
    """Check the site that is named; exit code 1 if anything is wrong."""
    site = Path(sys.argv[1])
    wrong, outside = check(site)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if wrong:
        sys.exit(1)
    print("links to other sites, not followed:", *outside, sep="\n  ")
    print(f"written: {site / 'index.html'}, {len(list(site.rglob('*.html')))} pages, nothing from elsewhere")


if __name__ == "__main__":
    main()
