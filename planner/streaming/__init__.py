"""Streaming: a model's stages are resident on slots, and micro-batches of rows pass from stage to stage."""

from planner.streaming.batches import Batch, as_batch
from planner.streaming.load import StreamLoad
from planner.streaming.stages import Stage, chain

__all__ = ["Batch", "Stage", "StreamLoad", "as_batch", "chain"]
