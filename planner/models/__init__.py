"""Models larger than an executor: read one, split it into stages, run it."""

from planner.models.model import Model
from planner.models.plans import ModelPlan
from planner.models.readers import read_model

__all__ = ["Model", "ModelPlan", "read_model"]
