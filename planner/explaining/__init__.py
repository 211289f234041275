"""What limits a plan, measured; what would help it, found by planning again."""

from planner.explaining.explain import Explanation, explain

__all__ = ["Explanation", "explain"]
