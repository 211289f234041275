"""Methods that place tasks on slots, one published algorithm a file, and `auto`, which uses all of them."""

from planner.schedulers.auto import Found, auto
from planner.schedulers.registry import Method, get, methods

__all__ = ["Found", "Method", "auto", "get", "methods"]
