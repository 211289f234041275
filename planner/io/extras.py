"""Libraries that only some readers and writers need, each in an extra of the package."""

from __future__ import annotations

import importlib
from typing import Any

from planner.errors import InputError

__all__ = ["extra"]


def extra(module: str, name: str, what: str) -> Any:
    """Import a library that stands in an extra.

    Parameters
    ----------
    module : str
        What is imported.
    name : str
        The extra.
    what : str
        What it is needed for, as the beginning of a sentence.

    Raises
    ------
    InputError
        If it is not installed, with what to type.

    Examples
    --------
    >>> extra("json", "none", "nothing").dumps([1])
    '[1]'
    >>> extra("there_is_none", "dot", "reading DOT")
    Traceback (most recent call last):
    planner.errors.InputError: reading DOT needs there_is_none; expected: pip install 'spark-planner[dot]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise  # the library is there, and something of its own is not
        library = module.partition(".")[0]
        raise InputError(f"{what} needs {library}; expected: pip install 'spark-planner[{name}]'") from error
