"""What is wrong with a document: faults with their paths, collected, and the checks that find them."""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from planner.errors import Fault, InputError
from planner.model.units import parse_bytes, parse_seconds

__all__ = ["Faults", "naming", "nearest", "show"]

MOST_SHOWN = 50
"""Faults that are shown of one input; the rest is counted."""
MOST_BYTES = 10**18
"""Bytes above which a size is taken for a mistake; sums of many stay far inside what a float holds."""
MOST_COMPARED = 20_000
"""Names above which none is looked for that is near to a wrong one: comparing takes longer than reading."""
MOST_NEAREST = 20
"""Wrong names of one input that get a near one beside them."""

_short = reprlib.Repr()
_short.maxlevel, _short.maxlist, _short.maxdict, _short.maxstring, _short.maxother = 2, 4, 4, 60, 60
_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}


def show(value: Any) -> str:
    """Show a value in a fault: short, whatever it is.

    Examples
    --------
    >>> show("x" * 1000), show([1, [2, [3, [4]]]])
    ("'xxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxx'", '[1, [2, [...]]]')
    """
    if value is None:
        return "null"
    try:
        return _short.repr(value)
    except ValueError:  # Python turns no integer of more than 4300 digits into text
        return "a number of very many digits"


def nearest(name: object, known: Collection[str]) -> str:
    """Give ``"; did you mean 'work'?"`` for the known name that is nearest, or nothing when none is near.

    Examples
    --------
    >>> nearest("wrok", ["work", "after"])
    "; did you mean 'work'?"
    """
    if not isinstance(name, str) or len(known) > MOST_COMPARED:
        return ""
    near = difflib.get_close_matches(name[:200], known, n=1)
    return f"; did you mean {show(near[0])}?" if near else ""


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Put the name of a file before the path of every fault that is raised inside."""
    try:
        yield
    except InputError as error:
        named = [Fault(f"{where}: {fault.path}" if fault.path else str(where), fault.problem) for fault in error.faults]
        raise type(error)(named) from error
    except RecursionError as error:
        raise InputError([Fault(str(where), "is nested too deeply; expected a few levels")]) from error


@dataclass
class Faults:
    """Collects what is wrong, so that all of it is said at once.

    The checks give the value, or what stands in for it when it is wrong, so that checking goes on.
    """

    found: list[Fault] = field(default_factory=list)
    compared: int = 0
    told: set[str] = field(default_factory=set)

    def add(self, path: str, problem: str, *, also: bool = False) -> None:
        """Note one fault; of one place only the first, unless it is a place where more than one thing may be wrong."""
        if also or not path or path not in self.told:
            self.told.add(path)
            self.found.append(Fault(path, problem))

    def add_all(self, faults: Iterable[Fault], *, also: bool = False) -> None:
        """Note faults that were found elsewhere."""
        for fault in faults:
            self.add(fault.path, fault.problem, also=also)

    def expected(self, path: str, value: Any, wanted: str) -> None:
        """Note that a value is of the wrong type."""
        kind = _KINDS.get(type(value))
        self.add(path, f"is {show(value)}{f', {kind}' if kind else ''}; expected {wanted}")

    def unknown_name(self, path: str, name: object, known: Collection[str], what: str) -> None:
        """Note that a name is not known, with the nearest that is."""
        near = self._nearest(name, known)
        self.add(path, f"{show(name)} is no {what}{near or f'; expected the id of a {what} of this file'}")

    def raise_if_any(self) -> None:
        """Raise all that was noted; of very many, the first and how many more.

        Raises
        ------
        InputError
            If there is a fault.
        """
        if not self.found:
            return
        more = len(self.found) - MOST_SHOWN
        rest = [Fault("", f"and {more} more faults like these")] if more > 0 else []
        raise InputError([*self.found[:MOST_SHOWN], *rest])

    def table(self, path: str, value: Any, known: Collection[str], needed: Collection[str] = ()) -> dict[str, Any]:
        """Check that a value is a table whose keys are known."""
        if not isinstance(value, dict):
            self.expected(path, value, f"a table with {', '.join(known)}")
            return {}
        self.keys(path, value, known)
        for key in needed:
            if key not in value:
                self.add(_join(path, key), "is missing")
        return value

    def keys(self, path: str, table: Mapping[str, Any], known: Collection[str]) -> None:
        """Check that all keys are known."""
        for key in table:
            if key not in known:
                near = self._nearest(key, known) or f"; expected one of {', '.join(known)}"
                self.add(_join(path, key if len(key) < 60 else show(key)), f"is an unknown key{near}")

    def _nearest(self, name: object, known: Collection[str]) -> str:
        """Compare only the first few wrong names: of very many, comparing takes longer than reading."""
        self.compared += 1
        return nearest(name, known) if self.compared <= MOST_NEAREST else ""

    def items(self, path: str, value: Any, of: str = "a list") -> list[Any]:
        """Check that a value is a list."""
        if isinstance(value, list):
            return value
        self.expected(path, value, of)
        return []

    def text(self, path: str, value: Any, wanted: str = "text", *, empty: bool = False) -> str:
        """Check that a value is text that UTF-8 can say, and not empty unless that is allowed."""
        if not isinstance(value, str):
            self.expected(path, value, wanted)
            return ""
        if not value and not empty:
            self.add(path, f"is empty; expected {wanted}")
        elif not value.isascii() and not _encodable(value):
            self.add(path, f"is {show(value)}, half of a character; expected {wanted}")
            return ""
        return str(value)

    def number(self, path: str, value: Any, wanted: str = "a number", *, infinite: bool = False) -> float:
        """Check that a value is a finite number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.expected(path, value, wanted)
            return 0.0
        try:
            number = float(value)
        except OverflowError:
            number = math.nan
        if math.isnan(number) or (math.isinf(number) and not infinite):
            self.add(path, f"is {show(value)}; expected {wanted}")
            return 0.0
        return number

    def whole(self, path: str, value: Any, least: int, most: int) -> int:
        """Check that a value is a whole number within bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.expected(path, value, f"a whole number from {least} to {most}")
            return least
        return value

    def seconds(self, path: str, value: Any, most: float = 1e9) -> float:
        """Check a duration: a number of seconds, or text with a unit."""
        wanted = f"seconds from 0 to {most:g}"
        if isinstance(value, str):
            try:
                value = parse_seconds(value)
            except InputError as error:
                self.add(path, str(error))
                return 0.0
        number = self.number(path, value, wanted)
        if not 0 <= number <= most:
            self.add(path, f"is {show(value)}; expected {wanted}")
            return 0.0
        return number

    def size(self, path: str, value: Any) -> int:
        """Check a size: a number of bytes, or text with a unit."""
        wanted = "bytes >= 0, or text such as '1.5GB'"
        if isinstance(value, str):
            try:
                value = parse_bytes(value)
            except (InputError, OverflowError):
                self.add(path, f"is {show(value)}; expected {wanted}")
                return 0
        number = self.number(path, value, wanted)
        if not 0 <= number <= MOST_BYTES:
            self.add(path, f"is {show(value)}; expected {wanted}, at most {MOST_BYTES:.0e}")
            return 0
        return value if type(value) is int else round(number)  # a float would lose what is beyond 2**53


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
