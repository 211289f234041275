"""JSON and TOML documents as Python values, and values as JSON: strict both ways."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from planner.errors import InputError
from planner.io.checks import Faults, show

__all__ = ["dump_document", "not_json", "parse_json", "parse_toml"]

_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(", ", ": "))


def parse_json(text: str, faults: Faults | None = None) -> Any:
    """Parse JSON, refusing what is ambiguous: keys that stand twice, NaN, Infinity, numbers too large for a float.

    Parameters
    ----------
    text : str
    faults : Faults, optional
        Gets such places, so that they can be said together with what else is wrong; else they are raised.

    Raises
    ------
    InputError
        With every such place, or with line and column where it is no JSON.
    """
    found, odd = Faults() if faults is None else faults, []

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            of = f" of {show(made['id'])}" if "id" in made else ""
            for key, _ in pairs:
                if key in seen:
                    found.add("", f"the key {show(key)}{of} stands twice in one object; expected it once")
                seen.add(key)
        return made

    def constant(name: str) -> float:
        odd.append(name)
        return float(name)

    def number(digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            odd.append(digits)
        return value

    try:
        document = json.loads(text, object_pairs_hook=table, parse_constant=constant, parse_float=number)
    except json.JSONDecodeError as error:
        cut = "it seems cut off; " if error.pos >= len(text.rstrip()) else ""
        raise InputError(
            f"is no JSON: {error.msg} at line {error.lineno}, column {error.colno}; {cut}expected a whole JSON document"
        ) from error
    except RecursionError as error:
        raise InputError("is nested too deeply; expected a few levels") from error
    except ValueError as error:  # an integer of more than 4300 digits
        raise InputError(f"is no JSON that can be read: {error}") from error
    if odd:
        for path, problem in not_json(document):
            found.add(path, problem)
    if faults is None:
        found.raise_if_any()
    return document


def parse_toml(text: str, faults: Faults) -> dict[str, Any]:
    """Parse TOML.

    Parameters
    ----------
    text : str
    faults : Faults
        Gets what TOML has and JSON has not: dates, NaN and infinity outside of a cluster's bandwidth.

    Raises
    ------
    InputError
        With line and column where it is no TOML.
    """
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise InputError("is nested too deeply; expected a few levels") from error
    except ValueError as error:
        raise InputError(f"is no TOML: {error}") from error
    for path, problem in not_json(document):
        if not path.endswith("bandwidth"):
            faults.add(path, problem)
    return document


def not_json(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Find all places that JSON cannot say as they are: objects, dates, NaN, infinity, keys that are no text.

    Yields
    ------
    (str, str)
        Path and problem. A tuple counts as a list.

    Examples
    --------
    >>> list(not_json({"a": [1.5, float("nan")]}))
    [('a[1]', 'is nan; expected a finite number')]
    """
    open_places = [(path, value)]
    while open_places:
        where, inner = open_places.pop()
        if inner is None or isinstance(inner, bool | str) or type(inner) is int:
            continue
        if type(inner) is float:
            if not math.isfinite(inner):
                yield where, f"is {inner}; expected a finite number"
        elif isinstance(inner, list | tuple):
            open_places += [(f"{where}[{i}]", item) for i, item in reversed(list(enumerate(inner)))]
        elif isinstance(inner, dict):
            for key in inner:
                if not isinstance(key, str):
                    yield where, f"has the key {show(key)}; expected text"
            pairs = [(f"{where}.{key}" if where else str(key), item) for key, item in inner.items()]
            open_places += reversed(pairs)
        else:
            kind = f"{type(inner).__module__}.{type(inner).__qualname__}"
            yield where, f"is of type {kind}; expected text, a number, true, false, null, a list or a table"


def dump_document(document: Mapping[str, Any]) -> bytes:
    """Write a document as JSON: a line a key, and a line an entry of its lists. The same document, the same bytes.

    Raises
    ------
    ValueError, TypeError, RecursionError
        If JSON cannot say it.
    """
    try:
        return "".join(_lines(document, _compact)).encode()
    except UnicodeEncodeError:  # half characters, as in names of files that are no UTF-8
        return "".join(_lines(document, _ascii)).encode()


def _lines(document: Mapping[str, Any], encoder: json.JSONEncoder, indent: str = "") -> Iterable[str]:
    yield "{\n"
    end = ""
    for key, value in document.items():
        yield f"{end}{indent}  {encoder.encode(key)}: "
        if isinstance(value, dict) and any(isinstance(inner, list | dict) and inner for inner in value.values()):
            yield from _lines(value, encoder, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield "[\n" + ",\n".join([f"{indent}    {encoder.encode(item)}" for item in value]) + f"\n{indent}  ]"
        else:
            yield encoder.encode(value)
        end = ",\n"
    yield f"\n{indent}}}" + ("" if indent else "\n")
