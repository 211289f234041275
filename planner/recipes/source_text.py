"""Python source files as text: which there are, their text in one form, its words."""

from __future__ import annotations

import io
import os
import re
import sysconfig
import tokenize
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

__all__ = ["SourceFile", "clean", "decode", "module_name", "normalise", "source_files", "words"]

SourceFile: TypeAlias = tuple[int, str, int]
"""Number in the whole corpus, path below the root, bytes."""

INSTALLED = {"site-packages", "dist-packages", "__pycache__"}


def source_files(root: str | None = None, limit: int | None = None) -> list[SourceFile]:
    """List the Python files below a folder with their sizes, in the order of their paths.

    Parameters
    ----------
    root : str, optional
        A folder; this interpreter's standard library, without installed packages, when left out.
    limit : int, optional
        Take only so many files, evenly spread over the list.

    Examples
    --------
    >>> files = source_files(limit=3)
    >>> [number for number, _, _ in files], all(path.endswith(".py") for _, path, _ in files)
    ([0, 1, 2], True)
    """
    folder = _folder(root)
    paths = sorted(_python_files(folder))
    if limit is not None and limit < len(paths):
        paths = [paths[i * len(paths) // limit] for i in range(limit)]
    return [(i, path.as_posix(), (folder / path).stat().st_size) for i, path in enumerate(paths)]


def clean(files: Sequence[SourceFile], root: str | None = None) -> pa.Table:
    """Read files and bring their text into one form: Unicode NFKC, one kind of line end.

    Returns
    -------
    pyarrow.Table
        ``document``, ``module``, ``path``, ``bytes``, ``lines``, ``text``.

    Raises
    ------
    RuntimeError
        If a file is not the one that was measured: the executor's Python is another one than the driver's.
    """
    folder = _folder(root)
    rows = []
    for number, path, size in files:
        raw = (folder / path).read_bytes()
        if len(raw) != size:
            raise RuntimeError(f"{folder / path} has {len(raw)} bytes here, and had {size} where the work was planned")
        text = normalise(decode(raw))
        rows.append((number, module_name(path), path, size, text.count("\n"), text))
    columns = list(zip(*rows, strict=True)) or [()] * 6
    names = ("document", "module", "path", "bytes", "lines", "text")
    types = (pa.int32(), pa.string(), pa.string(), pa.int64(), pa.int64(), pa.large_string())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return pa.table(arrays, names=list(names))


def decode(raw: bytes) -> str:
    """Decode a source file as PEP 263 says; as Latin-1 what does not keep to it."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return raw.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return raw.decode("latin-1")


def normalise(text: str) -> str:
    """Give text in Unicode's NFKC, with newlines alone at the ends of lines and no lone surrogates."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).encode("utf-8", "ignore").decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def module_name(path: str) -> str:
    """Name the module of a file.

    Examples
    --------
    >>> module_name("email/mime/__init__.py"), module_name("abc.py")
    ('email.mime', 'abc')
    """
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
WORD = re.compile(r"[^\W\d_]{2,}")


def words(text: str) -> list[str]:
    """Split source text into words: identifiers at underscores, digits and changes of case.

    Examples
    --------
    >>> words("def makeTable(row_count2): x = HTTPServer")
    ['def', 'make', 'table', 'row', 'count', 'httpserver']
    """
    return WORD.findall(CAMEL.sub(" ", text).casefold())


def _python_files(folder: Path) -> Iterator[Path]:
    """Find them without walking through what is installed, which can be many times as much."""
    for where, folders, files in os.walk(folder):
        folders[:] = set(folders) - INSTALLED
        paths = (Path(where, name) for name in files if name.endswith(".py"))
        yield from (path.relative_to(folder) for path in paths if path.is_file())


def _folder(root: str | None) -> Path:
    return Path(root or sysconfig.get_paths()["stdlib"])
