"""Pages taken apart: their elements and text, and what stands in ids that are markup."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["MARKUP", "Elements"]

MARKUP = [
    '<img src=x onerror="alert(1)">',
    "</script><script>alert(2)</script>",
    "<!--<script>",
    "a\x00\x1b[31m\u202e",
    "]]>&amp;",
]
VOID = {"meta", "link", "img", "br", "input", "rect", "line", "circle", "polyline"}


class Elements(HTMLParser):
    """Collects elements and text, and finds out whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
