"""Classes of image files by an ONNX model, run in three ways on Spark: whole in each slot, in stages, in copied stages.

Submit it, or start it as it is, and it makes its own executors on this machine. Folder and model lie where executors
see them under the same name::

    spark-submit --master spark://host:7077 --py-files planner.zip jobs/images.py --images /shared/photos
    python jobs/images.py --executors 3 --images photos --model resnet50.onnx

It needs Pillow, onnx and ONNX Runtime: ``pip install 'spark-planner[jobs,models]'``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from planner.cli.app import exit_code
from planner.cli.options import Reader
from planner.cli.parser import Parser
from planner.models import read_model
from planner.models.comparing import StreamRun, compared, ways_of, write_streams
from planner.report import table
from planner.spark.session import session, submitted


def parser() -> Parser:
    """Build the parser of this job."""
    words = Parser(prog="images.py", description="Classify image files by an ONNX model, in three ways, on Spark.")
    words.add_argument("--executors", metavar="N", help="executors to plan for, of one slot each (3 if left out)")
    words.add_argument("--images", metavar="DIR", help="a folder of images (some are drawn if left out)")
    words.add_argument("--count", metavar="N", help="without --images: so many are drawn (960 if left out)")
    words.add_argument("--model", metavar="FILE", help="ONNX, of square images (untrained ResNet-18 if left out)")
    words.add_argument("--size", metavar="N", help="without --model: pixels on a side (96 if left out)")
    words.add_argument("--seed", metavar="N", help="of images and weights that are made up (0 if left out)")
    words.add_argument("--batch", metavar="N", help="images of a micro-batch (32 if left out)")
    words.add_argument("--out", metavar="DIR", help="a new folder for the result (runs/images-TIME if left out)")
    return words


def images(argv: Sequence[str] | None = None) -> None:
    """Measure the model, plan it in three ways, run each, compare them, write classes and report."""
    words = parser().parse(argv)
    reader = Reader(words)
    executors, batch = reader.number("executors", 3, 2, 64), reader.number("batch", 32, 1, 4096)
    count, size, seed = reader.number("count", 960, 1, 100_000), reader.number("size", 96, 32, 1024), reader.seed()
    out = reader.new_folder("out") or Path("runs", f"images-{datetime.now():%Y%m%d-%H%M%S}")
    if words.images is not None:
        reader.refuse("is for drawn images, and --images names a folder", "count")
    if words.model is not None:
        reader.refuse("is for the made-up model, and --model names a file", "size")
    reader.check()
    from planner.recipes.classifier import made_up_classifier, pixels_of  # only now: they say what to install
    from planner.recipes.images import PREPARED, classes_of, generate_images, image_files, preparer

    with TemporaryDirectory(prefix="planner-images-") as folder:
        path = Path(words.model) if words.model else made_up_classifier(Path(folder, "resnet18.onnx"), size, seed)
        files = image_files(words.images or generate_images(Path(folder, "drawn"), count, seed))
        side, runs, made = pixels_of(path), [], []
        print(f"{len(files)} images of {side} × {side} pixels; {path.name} is measured on an executor", flush=True)
        master = None if submitted() else f"local-cluster[{executors},1,1024]"
        with session(master, "planner: images") as spark:
            model = read_model(path, sizes={"batch": batch}, spark=spark)
            listed = spark.createDataFrame(pa.table({"path": files})).repartition(executors)
            pixels = listed.mapInArrow(preparer(side), PREPARED).localCheckpoint()
            first = model.plan(executors=executors)
            tried = first.stream(spark, pixels, columns=["pixels"], batch=batch)  # executors have then loaded all once
            model = model.corrected(first, tried.load)
            for name, plan in ways_of(model, executors).items():
                print(f"{name}\n{plan}", flush=True)
                result = plan.stream(spark, pixels, columns=["pixels"], batch=batch)
                runs.append(StreamRun(name, plan, result.load))
                made.append(result.frame.drop("pixels").toArrow().sort_by("path"))
                print("", result.load, "", sep="\n", flush=True)
    classes, apart = classes_of(made)
    print(table(compared(runs)), "", f"largest difference between the three: {apart:.2g}", sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(classes, out / "classes.parquet")
    print(f"result  {out / 'classes.parquet'}: {classes.num_rows} images")
    print(f"report  {write_streams(f'{path.name}: three ways', runs, out / 'report.html')}")


if __name__ == "__main__":
    sys.exit(exit_code(images))
