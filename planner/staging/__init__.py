"""Layers into stages: contiguous splits of a model with the smallest bottleneck, as plain arrays."""

from planner.staging.blocks import Blocks, blocks_of
from planner.staging.bounds import least_bottleneck
from planner.staging.devices import Devices
from planner.staging.split import Found, split

__all__ = ["Blocks", "Devices", "Found", "blocks_of", "least_bottleneck", "split"]
