"""``main``: words in, exit code out.

==== =============================================================
code meaning
==== =============================================================
0    done
1    a run ended without all of its results
2    what was given is wrong, or Spark is not what the run needs
130  interrupted
141  nobody reads the output any more
==== =============================================================
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from planner.cli.first import first_command, warm_command
from planner.cli.parser import build_parser
from planner.errors import PlannerError, RunError

__all__ = ["exit_code", "main"]

_PLANNING = ("compare", "doctor", "run", "simulate", "split")
"""Commands that wait until what they need is compiled; ``plan`` chooses for itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``planner``; those of the process when left out.

    Returns
    -------
    int
        The exit code.
    """

    def call() -> None:
        words = build_parser().parse(argv)
        if words.command == "warm":
            warm_command(words)
            return
        # Only now: help and mistyped words need not wait for numpy and pandas.
        from planner.cli.commands import COMMANDS

        with first_command() if words.command in _PLANNING else nullcontext():
            COMMANDS[words.command](words)

    return exit_code(call)


def exit_code(call: Callable[[], None]) -> int:
    """Call something and turn what it raises into one clear text on standard error and an exit code.

    Examples
    --------
    >>> exit_code(lambda: None)
    0
    """
    try:
        code = _guarded(call)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python flushes once more when it ends: there is nobody to tell, and nobody to complain to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        _say("interrupted")
        return 130


def _guarded(call: Callable[[], None]) -> int:
    try:
        call()
    except RunError as error:
        _say(*str(error).splitlines())
        return 1
    except PlannerError as error:
        _say(*str(error).splitlines())
        return 2
    except BrokenPipeError:
        raise
    except OSError as error:
        _say(f"{error.filename or 'output'}: {error.strerror or error}")
        return 2
    return 0


def _say(first: str, *more: str) -> None:
    print(f"planner: {first}", *more, sep="\n", file=sys.stderr, flush=True)
