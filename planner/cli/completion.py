"""``planner completion SHELL``: a script that completes commands, options, names of methods, and files."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Iterator, Mapping
from types import ModuleType

from planner.cli.parser import FOLDERS, build_parser
from planner.errors import InputError
from planner.pipeline.planning import OBJECTIVES
from planner.rebalancing import POLICIES
from planner.schedulers import method_names

__all__ = ["completion_command"]

FILES = "FILE", "GRAPH", "MODEL", "PLAN|GRAPH"
"""What stands in the help for the name of a file."""


def completion_command(words: Namespace) -> None:
    """Carry out ``planner completion``: print the script.

    Raises
    ------
    InputError
        If shtab, which writes it, is not installed.
    """
    shtab = _shtab()
    parser = build_parser()
    names = _names()
    for action in _actions(parser):
        values = next((names[option] for option in action.option_strings if option in names), None)
        if values is not None:
            action.choices = values
        elif action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    print(shtab.complete(parser, shell=words.shell))


def _names() -> Mapping[str, list[str]]:
    """Give the values of options that take a name."""
    methods = ["auto", *method_names()]
    return {
        "--method": methods,
        "--methods": methods,
        "--objective": list(OBJECTIVES),
        "--rebalance": [*POLICIES, "none"],
    }


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in dict.fromkeys(action.choices.values()):
                yield from _actions(command)
        else:
            yield action


def _shtab() -> ModuleType:
    try:
        import shtab
    except ImportError:
        raise InputError(
            "completion needs shtab, which is not installed; pip install 'spark-planner[completion]', or shtab alone"
        ) from None
    module: ModuleType = shtab
    return module
