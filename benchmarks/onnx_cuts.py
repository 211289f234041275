"""Is an ONNX model that was cut the model that it was, to the last bit? And what memory does a stage take?

    python benchmarks/onnx_cuts.py                 # writes docs/benchmarks/onnx-cuts.md; an hour on one core
    python benchmarks/onnx_cuts.py --minutes 1     # a minute for each topology, prints only
    python benchmarks/onnx_cuts.py --only squeezenet

A cut into stages is a choice of places between layers, so its stages are runs of layers. There are far too many cuts
into four stages to run them (some 900,000 of ResNet-50), but only 15,576 runs of layers. So each run of layers is
written as a stage file, loaded, given what the whole model computes there, and what it gives is compared with what the
whole model computes. If all stages of a cut give what they should, given what they should get, so does the cut, by
induction.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from planner.submodels import (
    LoadedStage,
    OnnxModel,
    input_shapes,
    measure_apart,
    read_onnx,
    residual_network,
    sample_batch,
    transformer,
    with_made_up_weights,
    write_stages,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "onnx-cuts.md"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
TOPOLOGIES = ("bvlc_alexnet", "squeezenet", "inception_v1", "resnet50")
CHAINS = 5
"""Random cuts into 2, 3 and 4 stages each that are run from end to end, with weights copied."""
CLOSE = 1e-5


@dataclass
class Found:
    """What came of one topology."""

    name: str
    layers: int
    weight_bytes: int
    right: np.ndarray[Any, Any]  # [i, j]: the run of layers i to j - 1 gave the right bits
    wrong: list[tuple[int, int]] = field(default_factory=list)
    chains: int = 0
    unequal: int = 0
    furthest: float = 0.0
    seconds: float = 0.0

    def row(self) -> str:
        n, right = self.layers, self.right.astype(np.int64)
        two = sum(int(right[0, i] and right[i, n]) for i in range(1, n))
        first, last = right[0, 1:n], right[1:n, n]
        inner = right[1:n, 1:n]
        three = int(first @ inner @ last)
        four = int(first @ inner @ inner @ last)
        shown = [f"{have:,} of {of:,}" for have, of in zip((two, three, four), cuts(n), strict=True)]
        runs = f"{int(right.sum()):,} of {n * (n + 1) // 2:,}"
        weights = f"{self.weight_bytes / 1e6:.0f} MB"
        return f"| {self.name} | {n} | {weights} | {runs} | {' | '.join(shown)} | {len(self.wrong)} |"

    def chain_row(self) -> str:
        return f"| {self.name} | {self.chains} | {self.chains - self.unequal} | {self.furthest:.1e} |"


def cuts(n: int) -> list[int]:
    """How many cuts of n layers there are into 2, 3 and 4 runs."""
    return [math.comb(n - 1, k) for k in (1, 2, 3)]


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    words.add_argument("--minutes", type=float, default=math.inf, help="for each topology; then some runs are left out")
    words.add_argument("--only", choices=TOPOLOGIES, nargs="+", default=TOPOLOGIES)
    words.add_argument("--write", action="store_true", help="write the page, whatever was left out")
    asked, load = words.parse_args(), os.getloadavg()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only:
            found.append(topology(name, Path(folder) / name, 60 * asked.minutes))
            print(found[-1].row(), f"{found[-1].seconds:.0f} s", flush=True)
        text = page(found, memory(Path(folder)), load)
    print(text)
    if asked.write or (asked.only == TOPOLOGIES and asked.minutes == math.inf):
        PAGE.write_text(text)


def topology(name: str, folder: Path, seconds: float) -> Found:
    """Check the runs of layers of one topology, those of cuts into two first, all others in random order."""
    folder.mkdir()
    model = read_onnx(with_made_up_weights(LIGHT / f"light_{name}.onnx", folder / f"{name}.onnx"))
    n, batch, began = len(model.layers), sample_batch(model, input_shapes(model, {})), time.monotonic()
    values = everything(model, batch, folder)
    given = run_whole(model, batch)
    assert all(given[output].tobytes() == values[output].tobytes() for output in model.outputs)
    weights = (folder / f"{name}.onnx.data").stat().st_size
    found = Found(name, n, weights, np.zeros((n + 1, n + 1), bool))
    for i, j in runs(n):
        if time.monotonic() - began > seconds:
            break
        if equal(model, i, j, values, folder):
            found.right[i, j] = True
        else:
            found.wrong.append((i, j))
    chained(model, batch, given, found, folder / "chains")
    found.seconds = time.monotonic() - began
    return found


def runs(n: int) -> Iterator[tuple[int, int]]:
    """Give all runs of layers: the whole, all that begin or end where the model does, and all others as drawn."""
    yield 0, n
    yield from itertools.chain.from_iterable(((0, i), (i, n)) for i in range(1, n))
    inner = list(itertools.combinations(range(1, n), 2))
    np.random.default_rng(0).shuffle(inner)
    yield from map(tuple, inner)


def everything(model: OnnxModel, batch: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Give all values of the whole model."""
    told = replace(model, outputs=tuple(value for layer in model.layers for value in layer.gives))
    (file,) = write_stages(told, [0] * len(model.layers), folder, copy_weights=False)
    return batch | LoadedStage(file.path, optimize=False)(batch)


def run_whole(model: OnnxModel, batch: dict[str, Any]) -> dict[str, Any]:
    """Run the file as it is, by ONNX Runtime alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(model.path), options, providers=["CPUExecutionProvider"])
    return dict(zip(model.outputs, session.run(model.outputs, batch), strict=True))


def equal(model: OnnxModel, i: int, j: int, values: dict[str, Any], folder: Path) -> bool:
    """Tell whether a run of layers gives, from what it is given in the whole model, what it gives there."""
    n = len(model.layers)
    stage = np.searchsorted(sorted({i, j} - {0, n}), range(n), side="right").tolist()
    file = write_stages(model, stage, folder, copy_weights=False)[stage[i]]
    got = LoadedStage(file.path, optimize=False)(values)
    return all(got[name].tobytes() == values[name].tobytes() for name in file.interface.gives)


def chained(model: OnnxModel, batch: dict[str, Any], given: dict[str, Any], found: Found, folder: Path) -> None:
    """Run some cuts from end to end, with weights copied, as they run on executors."""
    draw = np.random.default_rng(1)
    for count in (2, 3, 4):
        for _ in range(CHAINS):
            ends = sorted(draw.choice(np.arange(1, found.layers), count - 1, replace=False).tolist())
            files = write_stages(model, np.searchsorted(ends, range(found.layers), side="right").tolist(), folder)
            for optimize in (False, True):
                values = batch
                for file in files:
                    values = LoadedStage(file.path, optimize=optimize)(values)
                if optimize:
                    apart = max(float(np.max(np.abs(values[name] - given[name]))) for name in model.outputs)
                    found.furthest = max(found.furthest, apart)
                else:
                    found.unequal += any(values[name].tobytes() != given[name].tobytes() for name in model.outputs)
            found.chains += 1


def memory(folder: Path) -> list[str]:
    """Measure what loading takes, from the file of a stage and from one that has its weights inside."""
    cases = {
        "matrix products (a transformer, 4 × 768 wide)": (
            transformer(folder / "t.onnx", width=768, heads=12),
            {"sequence": 64},
        ),
        "convolutions (VGG-19)": (
            with_made_up_weights(LIGHT / "light_vgg19.onnx", folder / "v.onnx"),
            {},
        ),
        "convolutions and batch normalisations (ResNet-18)": (
            residual_network(folder / "r.onnx"),
            {"height": 64, "width": 64},
        ),
    }
    rows = []
    for name, (path, sizes) in cases.items():
        model = read_onnx(path)
        batch = sample_batch(model, input_shapes(model, sizes))
        (file,) = write_stages(model, [0] * len(model.layers), folder / "memory")
        inside = folder / "memory" / "inside.onnx"
        onnx.save_model(onnx.load_model(file.path), inside)
        apart, within = measure_apart([file.path], batch, runs=3)[0], measure_apart([inside], batch, runs=3)[0]
        loads = [f"{(one.load_bytes or 0) / file.weight_bytes:.2f}" for one in (apart, within)]
        most = (apart.peak_bytes or 0) / file.weight_bytes
        rows.append(
            f"| {name} | {file.weight_bytes / 1e6:.0f} MB | {loads[0]} × | {loads[1]} × | {most:.2f} × "
            f"| {(apart.base_bytes or 0) / 1e6:.0f} MB |"
        )
        print(rows[-1], flush=True)
    return rows


def page(found: list[Found], memory_rows: list[str], load: tuple[float, ...]) -> str:
    before = ", ".join(f"{x:.1f}" for x in load)
    tested = sum(int(one.right.sum()) for one in found)
    return f"""# Cuts of ONNX models

{date.today()}, ONNX {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}, {os.cpu_count()} cores; load {before}
before it began. `python benchmarks/onnx_cuts.py` writes this page.

## To the last bit

Published topologies with drawn weights, batch and shape as published, one thread, optimisation off. {tested:,} runs
of layers were written as stage files, loaded and run; a cut counts when each of its stages gave what the whole model
computes there, from what it computes before. So it counts without having been run as a whole.

| | layers | weights | runs of layers | cuts into 2 | into 3 | into 4 | wrong |
|---|--:|--:|--:|--:|--:|--:|--:|
{chr(10).join(one.row() for one in found)}

Cuts at random places into 2, 3 and 4 stages, {CHAINS} of each, run from end to end with weights copied: how many are
the same to the last bit with optimisation off, and how far outputs are apart with optimisation on (expected:
{CLOSE:.0e} at the most).

| | cuts | same bits | furthest apart |
|---|--:|--:|--:|
{chr(10).join(one.chain_row() for one in found)}

## Memory

One stage that is the whole model, in a new process, optimisation on: the most that loading adds to the process, per
byte of weights, from a stage file as `planner` writes it (weights beside it) and from one with its weights inside; the
most that loading and running a batch of 1 add; and the process before.

| | weights | beside | inside | with running | process |
|---|--:|--:|--:|--:|--:|
{chr(10).join(memory_rows)}
"""


if __name__ == "__main__":
    main()
