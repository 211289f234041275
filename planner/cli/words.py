"""Taking the words of a command line apart, and saying kindly what is wrong with their form."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from planner.errors import Fault, InputError

__all__ = ["Parser", "Version", "nearest"]


class Parser(argparse.ArgumentParser):
    """Raises `InputError` instead of leaving, and names the nearest known word for an unknown one."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)
        self.commands: dict[str, Parser] = {}

    def parse(self, argv: Sequence[str] | None = None) -> argparse.Namespace:
        """Take the words apart.

        Raises
        ------
        InputError
            If there are words that are not known, or words missing.
        """
        given = list(sys.argv[1:] if argv is None else argv)
        if self.commands and given[:1] == ["help"]:  # as many commands have it
            given = [*given[1:], "--help"]
        words, unknown = self.parse_known_args(given)
        if unknown:
            self.commands.get(getattr(words, "command", ""), self)._refuse(unknown)
        return words

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the form of the command line."""
        for pattern, told in (
            (r"argument ([^:]+): invalid choice: '([^']*)' \(.*", self._no_choice),
            (r"the following arguments are required: (.+)", self._left_out),
            (r"argument ([^:]+): expected one argument", self._without_value),
            (r"argument ([^:]+): ignored explicit argument '(.*)'", self._with_value),
        ):
            if found := re.fullmatch(pattern, message, re.DOTALL):
                raise InputError([told(*found.groups())])
        raise InputError([Fault(self._place(), f"{message}{self._see()}")])

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Refuse options that are not known; where all are, words that are too many."""
        options = [option for action in self._actions for option in action.option_strings]
        wrong = [word.partition("=")[0] for word in unknown if re.match(r"--?[A-Za-z]", word)]
        faults = []
        for word in wrong:
            double = f"--{word.lstrip('-')}"
            hint = f"; did you mean {double!r}?" if word != double and double in options else nearest(double, options)
            faults.append(Fault(word, f"is no option of {self.prog}{hint}{self._see()}"))
        many = [Fault(word, f"is one word too many for {self.prog}{self._see()}") for word in unknown]
        raise InputError(faults or many)

    def _no_choice(self, name: str, word: str) -> Fault:
        known = next(list(action.choices or ()) for action in self._actions if name in self._names(action))
        what = "command" if self.commands else name.lower()
        return Fault(
            self._place(), f"{word!r} is no {what}{nearest(word, known)}; expected {_either(known)}{self._see()}"
        )

    def _left_out(self, names: str) -> Fault:
        if self.commands:
            return Fault(self._place(), f"a command is left out; expected {_either(list(self.commands))}{self._see()}")
        missing = [action for action in self._actions if set(self._names(action)) & set(names.split(", "))]
        told = ", and ".join(f"{action.metavar}: {action.help}" for action in missing)
        return Fault(self.prog, f"{names} is left out; expected {told}{self._see()}")

    def _without_value(self, name: str) -> Fault:
        action = next(action for action in self._actions if name in self._names(action))
        return Fault(action.option_strings[-1], f"has no value; expected {action.metavar}: {action.help}{self._see()}")

    def _with_value(self, name: str, value: str) -> Fault:
        return Fault(name.rpartition("/")[2], f"takes no value, and {value!r} is given{self._see()}")

    def _place(self) -> str:
        return "" if self.prog == "planner" else self.prog  # all that is said begins with the name of the program

    def _see(self) -> str:
        return f" (see {self.prog} --help)"

    @staticmethod
    def _names(action: argparse.Action) -> tuple[str, ...]:
        return "/".join(action.option_strings), str(action.metavar), str(action.dest)


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


class Version(argparse.Action):
    """Print the version, which only who asks has to wait for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print it and leave."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"planner {version('spark-planner')}")
        except PackageNotFoundError:
            print("planner, not installed as a package")
        parser.exit()


def nearest(word: str, known: list[str]) -> str:
    """Give ``; did you mean …?`` when a known word is near.

    Examples
    --------
    >>> nearest("heftt", ["cpop", "heft"]), nearest("x", ["heft"])
    ("; did you mean 'heft'?", '')
    """
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
