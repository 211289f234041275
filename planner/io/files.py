"""Files as bytes: what cannot be read is said in one sentence, and what is written is there whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from planner.errors import Fault, InputError
from planner.io.checks import nearest

__all__ = ["as_path", "decode", "exists", "is_folder", "read_bytes", "read_text", "unreadable", "write_atomically"]


def as_path(path: str | os.PathLike[str]) -> Path:
    """Give a path that the system can be asked about.

    Raises
    ------
    InputError
        If there is a NUL in it, which no name of a file has.
    """
    if "\0" in os.fspath(path):
        raise InputError([Fault(repr(os.fspath(path)), "has a NUL in it; expected the name of a file")])
    return Path(path)


def exists(path: Path) -> bool:
    """Tell whether something is there.

    Raises
    ------
    InputError
        If the system does not say.
    """
    return _status(path) is not None


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there.

    Raises
    ------
    InputError
        If the system does not say.
    """
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> InputError:
    """Say why the system does not give or take a file, and which one may have been meant where there is none."""
    meant = _meant(path) if isinstance(error, FileNotFoundError) else ""
    return InputError([Fault(str(path), f"{error.strerror or error}{meant}; expected a file that can be read")])


def _meant(path: Path) -> str:
    try:
        return nearest(path.name, [file.name for file in path.parent.iterdir()])
    except FileNotFoundError:
        return f", nor is there a folder {path.parent}"
    except OSError:
        return ""


def read_bytes(path: Path, stop_at: bytes = b"") -> bytes:
    """Give the bytes of a file or pipe.

    Parameters
    ----------
    path : Path
    stop_at : bytes
        When the file begins so, only this beginning is given.

    Raises
    ------
    InputError
        If it is missing, a folder, a device, empty, or may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError([Fault(str(path), "is a folder; expected a file")])
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
            raise InputError([Fault(str(path), "is a device; expected a file")])
        with path.open("rb") as file:
            head = file.read(len(stop_at)) if stop_at else b""
            data = head if stop_at and head == stop_at else head + file.read()
    except OSError as error:
        raise unreadable(path, error) from error
    if not data.strip():
        raise InputError([Fault(str(path), "is empty; expected a file with content")])
    return data


def decode(data: bytes) -> str:
    """Give bytes as text: UTF-8, with or without a byte order mark.

    Raises
    ------
    InputError
        If it is binary, or text in another encoding.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"is no UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); expected UTF-8"
        ) from error
    if "\0" in text:
        raise InputError("is binary; expected text")
    return text


def read_text(path: Path) -> str:
    """Give the text of a file.

    Raises
    ------
    InputError
        As `read_bytes` and `decode`.
    """
    data = read_bytes(path)
    try:
        return decode(data)
    except InputError as error:
        raise InputError([Fault(str(path), str(error))]) from error


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, private: bool = False) -> None:
    """Write a file under a temporary name beside it and rename it, so that nobody ever sees half of it.

    Parameters
    ----------
    path : Path
        A link is followed; a pipe or device is written to as it is.
    write : callable
        Gets the open file.
    private : bool
        Whether only the user may read it, whatever others' files allow.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as file:
                write(file)
            return
        temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
        try:
            temporary.touch(mode=0o600 if private else 0o666, exist_ok=False)
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        problem = f"{error.strerror or error}; expected a place where a file can be written"
        raise InputError([Fault(str(path), problem)]) from error
