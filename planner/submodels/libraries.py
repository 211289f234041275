"""The libraries that ONNX models need, in one place, so that who lacks them is told once what to type."""

from __future__ import annotations

from planner.errors import Finding, PreflightError

try:
    import onnx
    import onnx.inliner
    import onnxruntime
except ModuleNotFoundError as error:
    missing = str(error.name).partition(".")[0]
    mend = "pip install 'spark-planner[models]', on the driver and on the executors"
    raise PreflightError([Finding(f"{missing} is not installed, which ONNX models need", mend)]) from error

__all__ = ["onnx", "onnxruntime"]
