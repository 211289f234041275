"""Folders and files on this machine and elsewhere, by path or URI, through pyarrow's filesystems."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from planner.errors import Fault, InputError
from planner.io.files import as_path

__all__ = ["Listed", "Location", "first_line", "is_uri", "list_files", "shown_place"]

_URI = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/")  # one letter alone is a drive
_PATTERN = re.compile(r"[\[\]{}*?\\]")
_ALIASES = {"s3a": "s3", "s3n": "s3"}
"""How Hadoop names what pyarrow names otherwise."""


def is_uri(text: str) -> bool:
    """Tell a URI from a path."""
    return _URI.match(text) is not None


def shown_place(location: str | os.PathLike[str]) -> str:
    """Show a place, but neither the user in its URI nor its options, where secrets may be."""
    text = os.fspath(location)
    if not is_uri(text):
        return text if text.strip() and text.isprintable() else repr(text)
    return re.sub(r"\?.*", "?…", re.sub(r"//[^/@]*@", "//…@", text))


@dataclass(frozen=True)
class Location:
    """A folder or file, and the filesystem it lies in.

    Attributes
    ----------
    uri : str or None
        As pyarrow reads it; None for a path of this machine.
    path : str
        Its name inside the filesystem.
    """

    uri: str | None = field(repr=False)  # it may have secrets in it
    path: str

    @classmethod
    def of(cls, given: str | os.PathLike[str]) -> Location:
        """Find the filesystem of a path or URI.

        Raises
        ------
        InputError
            If there is none for it.

        Examples
        --------
        >>> Location.of("/data/events").address("/data/events/a.csv")
        '/data/events/a.csv'
        """
        text = os.fspath(given)
        scheme = _URI.match(text)
        if scheme is None:
            return cls(None, str(as_path(text).absolute()))
        name = scheme[1].lower()
        uri = _ALIASES.get(name, name) + text[len(name) :]
        try:
            system, path = fs.FileSystem.from_uri(uri)
        except (pa.ArrowException, OSError, ValueError) as error:
            shown = shown_place(text)
            said = first_line(error).replace(uri, shown).replace(text, shown)
            problem = f"{said}; expected a path, or a URI that pyarrow reads (file, s3, gs, hdfs, abfs)"
            raise InputError([Fault(shown, problem)]) from error
        return cls(None if isinstance(system, fs.LocalFileSystem) else uri, path)

    def filesystem(self) -> fs.FileSystem:
        """Open the filesystem."""
        return fs.LocalFileSystem() if self.uri is None else fs.FileSystem.from_uri(self.uri)[0]

    def address(self, path: str) -> str:
        """Name a file as other libraries read it: a path of this machine, or a URI without secrets."""
        if self.uri is None:
            return path
        parts = urlsplit(self.uri)
        user, _, host = parts.netloc.rpartition("@")
        where = host if ":" in user else parts.netloc
        return f"{parts.scheme}://{where}{unquote(parts.path).rstrip('/')}{path[len(self.path.rstrip('/')) :]}"

    def hadoop(self) -> str:
        """Name the location as Spark reads it: not as a URI with its escapes, and with signs of patterns as letters."""
        address = _PATTERN.sub(r"\\\g<0>", f"file://{self.path}" if self.uri is None else self.address(self.path))
        return f"s3a{address[2:]}" if address.startswith("s3://") else address


@dataclass(frozen=True)
class Listed:
    """A file that was found.

    Attributes
    ----------
    path : str
        Its name inside the filesystem.
    inside : tuple of str
        The names of the folders between the location and the file.
    bytes : int
    """

    path: str
    inside: tuple[str, ...]
    bytes: int


def list_files(location: Location, system: fs.FileSystem) -> list[Listed]:
    """List a folder and the folders in it, in the order of the paths.

    As Spark does, names that begin with a dot are passed over, and those that begin with ``_`` and have no ``=``.

    Raises
    ------
    InputError
        If there is nothing, or it cannot be listed, or it is a table whose files alone do not say what its rows are.
    """
    where = location.address(location.path)
    try:
        info = system.get_file_info(location.path)
        if info.type == fs.FileType.File:
            return [Listed(location.path, (), info.size)]
        if info.type == fs.FileType.NotFound:
            raise InputError([Fault(where, "is not there; expected a folder or a file")])
        infos = system.get_file_info(fs.FileSelector(location.path, recursive=True))
    except (OSError, pa.ArrowException) as error:
        raise InputError([Fault(where, f"cannot be listed: {first_line(error)}")]) from error
    listed, start = [], len(location.path.rstrip("/")) + 1
    for info in sorted(infos, key=lambda info: str(info.path)):
        *inside, name = str(info.path)[start:].split("/")
        if "_delta_log" in (*inside, name):
            problem = "is a Delta table, whose files hold rows that are no longer part of it; expected plain files"
            raise InputError([Fault(where, problem)])
        hidden = any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in (*inside, name))
        if info.type == fs.FileType.File and not hidden:
            listed.append(Listed(str(info.path), tuple(inside), int(info.size)))
    if not listed:
        raise InputError([Fault(where, "holds no files; expected a folder of files")])
    return listed


def first_line(error: BaseException) -> str:
    """Give the first line of what an error says, or its name where it says nothing."""
    return (str(error) or type(error).__name__).splitlines()[0]
