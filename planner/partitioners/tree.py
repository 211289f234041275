"""A reduction tree: which values each call merges, level by level, in order.

Source: G. E. Blelloch, Prefix sums and their applications, CMU-CS-90-190, 1990, section 1 (a tree of an associative
operator over contiguous groups gives what one pass gives), here with `fan_in` children instead of two.
"""

from __future__ import annotations

__all__ = ["tree_levels"]


def tree_levels(leaves: int, fan_in: int) -> list[list[tuple[int, int]]]:
    """Group values level by level until one is left.

    Parameters
    ----------
    leaves : int
        Values to merge, at least 1.
    fan_in : int
        Most values that one call merges, at least 2.

    Returns
    -------
    list of list of (int, int)
        Leaves first: each call merges the values from the first up to, not including, the second position of the level
        below. Group sizes of one level differ by at most one. A single value is merged once, on its own.

    Examples
    --------
    >>> tree_levels(5, 4)
    [[(0, 2), (2, 5)], [(0, 2)]]
    """
    levels: list[list[tuple[int, int]]] = []
    left = leaves
    while left > 1 or not levels:
        groups = -(-left // fan_in)
        levels.append([(left * i // groups, left * (i + 1) // groups) for i in range(groups)])
        left = groups
    return levels
