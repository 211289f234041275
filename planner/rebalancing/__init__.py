"""Plans that are changed while they run: what executors turn out to be, and what is moved because of it."""

from planner.rebalancing.policies import POLICIES
from planner.rebalancing.rebalancer import Rebalancer
from planner.rebalancing.world import Lived, live_through

__all__ = ["POLICIES", "Lived", "Rebalancer", "live_through"]
