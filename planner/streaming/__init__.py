"""Streaming: a model's stages are resident on slots, and micro-batches of rows pass from stage to stage."""

from planner.streaming.load import StreamLoad
from planner.streaming.stages import Batch, Stage

__all__ = ["Batch", "Stage", "StreamLoad"]
