"""Methods that place tasks on slots, one published algorithm a file, and `auto`, which uses all of them."""

from planner.schedulers.auto import Found, auto
from planner.schedulers.backups import choose_backups
from planner.schedulers.exact import solve
from planner.schedulers.registry import Method, get, method_names, methods, suiting
from planner.schedulers.remaining import as_foreseen, keep, list_anew, list_near

__all__ = [
    "Found",
    "Method",
    "as_foreseen",
    "auto",
    "choose_backups",
    "get",
    "keep",
    "list_anew",
    "list_near",
    "method_names",
    "methods",
    "solve",
    "suiting",
]
