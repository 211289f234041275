"""Folders on this machine or in a store that pyarrow knows, by path or URI; what goes wrong is said in one fault."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from planner.errors import Fault, InputError
from planner.io.locations import Location, is_uri, shown_place

__all__ = ["STORE_ERRORS", "names_in", "open_folder", "remove", "sentence", "telling"]

STORE_ERRORS = (pa.ArrowException, OSError)
"""What pyarrow raises for a store that does not do what it is asked."""


def open_folder(location: str | os.PathLike[str]) -> tuple[fs.FileSystem, str]:
    """Give the file system of a place, and the folder in it; ``~`` is the user's home."""
    text = os.fspath(location)
    if not text.strip():
        raise ValueError("is empty")
    try:
        place = Location.of(text if is_uri(text) else Path(text).expanduser())
    except InputError as error:
        raise ValueError(error.faults[0].problem.partition("; expected")[0]) from error
    return place.filesystem(), place.path.rstrip("/") or "/"


def names_in(system: fs.FileSystem, folder: str, shown: str) -> list[str]:
    """List what is in a folder and is not hidden; nothing, where there is no folder."""
    kind = system.get_file_info(folder).type
    if kind == fs.FileType.File:
        raise InputError([Fault(shown, "is a file; expected a folder")])
    infos = system.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    return [info.base_name for info in infos if not info.base_name.startswith((".", "_"))]


def remove(system: fs.FileSystem, path: str) -> None:
    """Take away what was half written, as far as that goes: what went wrong before is what is told."""
    try:
        system.delete_file(path)
    except STORE_ERRORS:
        return


@contextmanager
def telling(location: str | os.PathLike[str], wanted: str) -> Iterator[None]:
    """Turn what a store says into one fault, without the secrets that a URI may have in it."""
    try:
        yield
    except (*STORE_ERRORS, ValueError, RuntimeError) as error:
        shown = shown_place(location)
        said = sentence(error, {os.fspath(location): shown})
        raise InputError([Fault(shown, f"{said}; expected {wanted}, or a URI of one")]) from error


def sentence(error: BaseException, instead: Mapping[str, str] | None = None) -> str:
    """Shorten what a library says to its first line, with some words replaced by others."""
    said = str(error).strip()
    for word, other in (instead or {}).items():
        said = said.replace(word, other) if word else said
    return (said.splitlines() or [type(error).__name__])[0][:200].rstrip(" .")
