"""Values of tasks in a folder or a store, so that a later run goes on from them, and a lost slot costs less.

A value may hold a pickle stream, so each is sealed with the key of its run, and opened only when the seal is right. It
is written under another name and renamed, so that nobody ever reads half of one.
"""

from __future__ import annotations

import hashlib
import hmac
import pickle
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from planner.errors import Fault, InputError
from planner.runtime.values import Packed

__all__ = ["Storage"]

_SEAL_BYTES = 32


@dataclass(frozen=True)
class Storage:
    """Where the values of one run are kept.

    Attributes
    ----------
    location : str
        A folder, or the URI of one; the same for the driver and for all executors.
    key : bytes
        The run's secret, with which values are sealed.
    """

    location: str = field(repr=False)
    key: bytes = field(repr=False)

    @cached_property
    def _folder(self) -> tuple[Any, str]:
        from planner.io.stores import open_folder  # a slot that stores nothing is spared the import

        return open_folder(self.location)

    def __getstate__(self) -> dict[str, Any]:
        return {"location": self.location, "key": self.key}

    def prepare(self) -> None:
        """Make the folder for a new run, and try whether it takes a value.

        Raises
        ------
        InputError
            If it does not, or holds something.
        """
        from planner.io.locations import shown_place
        from planner.io.stores import names_in, telling

        with telling(self.location, "a folder that the driver and all executors can write to"):
            system, folder = self._folder
            shown = shown_place(self.location)
            if names_in(system, folder, shown):
                raise InputError([Fault(shown, "holds something; expected a new or an empty folder")])
            system.create_dir(folder, recursive=True)
            probe = f"{folder}/.{secrets.token_hex(8)}.part"
            with system.open_output_stream(probe) as out:
                out.write(b"planner")
            system.delete_file(probe)

    def write(self, task: int, name: str, packed: Packed) -> None:
        """Keep the value of a task.

        Raises
        ------
        OSError, pyarrow.ArrowException
            If the store does not take it.
        """
        system, folder = self._folder
        stem = _stem(task, name)
        body = pickle.dumps(packed.inline(), protocol=5)
        half = f"{folder}/.{stem}.{secrets.token_hex(8)}.part"
        try:
            with system.open_output_stream(half) as out:
                out.write(self._seal(stem, body))
                out.write(body)
            system.move(half, f"{folder}/{stem}")
        except Exception:
            from planner.io.stores import remove

            remove(system, half)
            raise

    def read(self, task: int, name: str) -> Packed:
        """Give the value of a task.

        Raises
        ------
        OSError, pyarrow.ArrowException
            If it is not there, or cannot be read.
        ValueError
            If it was not written by this run.
        """
        system, folder = self._folder
        stem = _stem(task, name)
        with system.open_input_stream(f"{folder}/{stem}") as file:
            data = memoryview(file.read())
        seal, body = data[:_SEAL_BYTES], data[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(stem, body)):
            raise ValueError(f"the value of task {name!r} does not bear the seal of its run")
        return Packed.from_inline(*pickle.loads(body))  # noqa: S301

    def present(self, names: list[str]) -> set[int]:
        """Give the tasks whose values are there, of those with these names.

        Raises
        ------
        InputError
            If the folder cannot be listed.
        """
        from planner.io.stores import names_in, telling

        with telling(self.location, "the folder in which a run kept its values"):
            found = set(names_in(*self._folder, self.location))
        return {task for task, name in enumerate(names) if _stem(task, name) in found}

    def _seal(self, stem: str, body: Any) -> bytes:
        mac = hmac.new(self.key, stem.encode(), hashlib.sha256)
        mac.update(body)
        return mac.digest()


def _stem(task: int, name: str) -> str:
    return f"{task}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.value"
