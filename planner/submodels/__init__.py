"""ONNX models: read, measured layer by layer, cut into stage files, loaded and run. Needs the extra ``models``."""

from planner.submodels.interfaces import Interface, interfaces
from planner.submodels.layer_graphs import layer_graph, working_bytes
from planner.submodels.made_up_weights import with_made_up_weights
from planner.submodels.measuring import Measured, measure_apart, measure_stage
from planner.submodels.onnx_model import Layer, OnnxModel
from planner.submodels.profiling import Profile, profile_layers, sample_batch
from planner.submodels.reading import read_onnx
from planner.submodels.sessions import LoadedStage
from planner.submodels.stage_files import StageFile, write_stages
from planner.submodels.topologies import residual_network, transformer
from planner.submodels.value_types import input_shapes

__all__ = [
    "Interface",
    "Layer",
    "LoadedStage",
    "Measured",
    "OnnxModel",
    "Profile",
    "StageFile",
    "input_shapes",
    "interfaces",
    "layer_graph",
    "measure_apart",
    "measure_stage",
    "profile_layers",
    "read_onnx",
    "residual_network",
    "sample_batch",
    "transformer",
    "with_made_up_weights",
    "working_bytes",
    "write_stages",
]
