"""The form of the command line.

argparse, because it comes with Python and the form is small. It only takes the words apart: values are read in
`planner.cli.options`, so that everything wrong with them is reported at once.
"""

from __future__ import annotations

import argparse
from typing import Any

from planner.cli.words import Parser, Version

__all__ = ["FOLDERS", "SHELLS", "Parser", "build_parser"]

SHELLS = "bash", "zsh", "fish"
"""Shells whose words can be completed."""

FOLDERS = "FOLDER", "DIR", "RUN_DIR"
"""What stands in the help for the name of a folder."""


ABOUT = "Plan work with dependencies, prove the plan, run it on Spark, measure it."


FIRST_STEPS = """\
first steps:
  planner plan graph.json --executors 4                    what a plan of this graph looks like
  planner doctor --master spark://host:7077                what may keep a Spark from running it
  planner run graph.json --master spark://host:7077        plan it, run it, see what it took
  planner COMMAND --help                                   what a command takes, with examples

A graph is a file like this; the README tells more, and planner reads TOML, Parquet, WfFormat and STG as well:
  {"format": "planner.graph/1", "tasks": [{"id": "a", "run": "math:sqrt", "args": [16], "work": 1},
                                          {"id": "b", "run": "operator:neg", "after": ["a"], "work": 2}]}
"""


def build_parser() -> Parser:
    """Build the parser of the command ``planner``."""
    parser = Parser(prog="planner", description=ABOUT, epilog=FIRST_STEPS)
    parser.add_argument("--version", action=Version, nargs=0, help="print the version, and nothing else")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    _methods(commands)
    _plan(commands)
    _compare(commands)
    _simulate(commands)
    _run(commands)
    _split(commands)
    _report(commands)
    _history(commands)
    _doctor(commands)
    _warm(commands)
    _completion(commands)
    parser.commands = dict(commands.choices)
    return parser


def _example(*lines: str) -> str:
    return "for example:\n" + "\n".join(f"  planner {line}" for line in lines)


def _methods(commands: Any) -> None:
    parser = commands.add_parser(
        "methods",
        help="list the planning methods",
        description="List the planning methods.",
        epilog=_example("methods"),
    )
    _json(parser)


def _plan(commands: Any) -> None:
    parser = commands.add_parser(
        "plan",
        help="compute a plan and show it",
        description="Compute which slot runs what and when, and say how far that is from the best possible plan.",
        epilog=_example(
            "plan graph.json --executors 4 --slots 2",
            "plan graph.json --executors 4 --explain",
            "plan graph.json --executors 4 --history runs/history",
            "plan tasks.parquet --edges edges.parquet --cluster cluster.toml --bandwidth 1Gbit -o plan.json",
        ),
    )
    _graph(parser)
    _cluster(parser)
    _planning(parser)
    parser.add_argument("--history", metavar="FOLDER", help="correct works and speeds by the runs in this folder")
    parser.add_argument(
        "--explain", action="store_true", help="say what limits the plan and what would help, planned again"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the plan to this file (for Graphviz if it ends in .dot)"
    )
    _json(parser)


def _compare(commands: Any) -> None:
    parser = commands.add_parser(
        "compare",
        help="compare methods on one graph",
        description="Plan with several methods: makespan, gap to the lower bound, imbalance, planning seconds.",
        epilog=_example(
            "compare graph.json --executors 4 -o compare.html",
            "compare graph.json --methods heft,cpop --seed 7",
        ),
    )
    _graph(parser)
    _cluster(parser)
    parser.add_argument("--methods", metavar="A,B,C", help="which ones (all if left out); see: planner methods")
    _effort(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write a page with all plans' Gantt charts to this file")
    _json(parser)


def _simulate(commands: Any) -> None:
    parser = commands.add_parser(
        "simulate",
        help="replay a plan in another world, or draw time over executors",
        description=(
            "With a plan: replay it with noisy tasks and slow executors, everything kept where it was planned,\n"
            "or moved as a run on Spark would move it.\n"
            "With a graph and a range of executors: plan anew for each number, and show time over executors."
        ),
        epilog=_example(
            "simulate plan.json --noise 0.2 --slow 0=4",
            "simulate plan.json --slow 0=4 --rebalance planned",
            "simulate graph.json --executors 2..64",
            "simulate graph.json --executors 2..64 --slots 4 --memory 16GB -o curve.html",
        ),
    )
    parser.add_argument("file", metavar="PLAN|GRAPH", help="a plan (planner plan -o), or a graph")
    parser.add_argument("--edges", metavar="FILE", help="the edges, when GRAPH is a Parquet file of tasks")
    parser.add_argument("--noise", metavar="SIGMA", help="log-normal noise of the tasks' times (0 if left out)")
    parser.add_argument("--slow", metavar="ID=FACTOR", action="append", help="executor ID takes FACTOR times as long")
    parser.add_argument(
        "--rebalance", metavar="POLICY", help="move tasks while it runs: planned, least_loaded or random"
    )
    curve = parser.add_argument_group("for a graph")
    curve.add_argument("--executors", metavar="A..B", help="the numbers of executors to plan for")
    curve.add_argument("--slots", metavar="S", help="slots of each executor (1 if left out)")
    curve.add_argument("--memory", metavar="SIZE", help="memory of each, such as 4GB (unlimited if left out)")
    _network(curve)
    curve.add_argument(
        "--cluster", metavar="FILE", help="instead: the first A to B executors of this file, and more like them"
    )
    curve.add_argument("--method", metavar="NAME", help="the planning method (auto if left out)")
    curve.add_argument("-o", "--output", metavar="FILE", help="write the plot, as a page (.html) or a picture (.svg)")
    _effort(parser, "as many as take about a second; some tenths of one for each number of executors")
    _json(parser)


def _run(commands: Any) -> None:
    parser = commands.add_parser(
        "run",
        help="plan a graph and run it on Spark",
        description="Plan a graph, run it on the executors of a Spark cluster, and show what they really did.",
        epilog=_example(
            "run graph.json --master 'local-cluster[4,1,1024]'",
            "run trace.json --master spark://host:7077 --emulate 0.01 --run-dir runs/1",
            "run graph.json --master spark://host:7077 --run-dir runs/2 --store /shared/values",
            "run --resume runs/2 --master spark://host:7077",
        ),
    )
    _graph(parser, nargs="?")  # left out with --resume
    _cluster(parser, default="what Spark has")
    _planning(parser)
    parser.add_argument("--master", metavar="URL", help="Spark's master (known already inside spark-submit)")
    parser.add_argument("--emulate", metavar="SCALE", help="run a trace: tasks sleep their time × SCALE")
    parser.add_argument(
        "--rebalance", metavar="POLICY", help="how tasks are moved: planned (if left out), least_loaded, random or none"
    )
    parser.add_argument(
        "--no-speculation", action="store_true", help="never run a task on a second executor because its own is slow"
    )
    parser.add_argument(
        "--history", metavar="FOLDER", help="correct works and speeds by the runs in this folder, and add this one"
    )
    parser.add_argument("--run-dir", metavar="DIR", help="write plan, journal, load report, results and report here")
    parser.add_argument(
        "--store", metavar="FOLDER", help="keep the value of every task here (a folder or URI that all can write to)"
    )
    parser.add_argument(
        "--resume", metavar="RUN_DIR", help="go on with the run in this folder instead of planning a graph anew"
    )
    _json(parser)


def _split(commands: Any) -> None:
    parser = commands.add_parser(
        "split",
        help="split a model into stages for executors",
        description=(
            "Split a model into stages that run one behind the other, so that the slowest executor is as fast as\n"
            "possible, and say how far that is from the best possible split."
        ),
        epilog=_example(
            "split graph.txt --executors 4 --memory 2GB --bandwidth 10Gbit",
            "split graph.txt --executors 4 --bandwidth 1GB/s --replicate -o stages.html",
            "split bert.onnx --sizes batch=32,sequence=128 --executors 4 --memory 2GB",
        ),
    )
    parser.add_argument(
        "model", metavar="MODEL", help="an ONNX model, or a profile: dnn-partitioning JSON, PipeDream's graph.txt"
    )
    parser.add_argument("--sizes", metavar="AXIS=N", help="axes that an ONNX model leaves open: batch=32,sequence=128")
    parser.add_argument("--executors", metavar="N", help="so many executors (what MODEL says if left out)")
    parser.add_argument("--memory", metavar="SIZE", help="memory of each, such as 4GB (what MODEL says if left out)")
    parser.add_argument("--cores", metavar="N", help="that all of them have together (one each if left out)")
    parser.add_argument("--hosts", metavar="N", help="devices without a limit of memory beside them")
    parser.add_argument("--bandwidth", metavar="RATE", help="of each executor, such as 1Gbit (free if left out)")
    parser.add_argument("--replicate", action="store_true", help="several executors may take turns at a slow stage")
    parser.add_argument("--overlap", action="store_true", help="executors send and receive while they compute")
    parser.add_argument("--stages", metavar="N", help="more stages than executors, which then take several")
    parser.add_argument("-o", "--output", metavar="FILE", help="write a page with a picture of the cut graph")
    _json(parser)


def _report(commands: Any) -> None:
    parser = commands.add_parser(
        "report",
        help="write the HTML report of a run, or its load in another form",
        description=(
            "Write one self-contained HTML file: planned and measured, side by side.\n"
            "Or the load of its slots as Parquet, for Prometheus, or as a folder for TensorBoard: the name says which."
        ),
        epilog=_example(
            "report runs/1",
            "report runs/1 -o report.html",
            "report runs/1 -o load.parquet",
            "report runs/1 -o load.prom",
            "report runs/1 -o tensorboard/1",
        ),
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", help="the folder that `planner run --run-dir` wrote")
    parser.add_argument("-o", "--output", metavar="FILE", help="what to write (RUN_DIR/report.html if left out)")
    _json(parser)


def _history(commands: Any) -> None:
    parser = commands.add_parser(
        "history",
        help="show what earlier runs teach",
        description=(
            "Show what the runs of a history teach: what tasks really take, and how fast hosts and executors are.\n"
            "planner run --history adds runs to it; planner plan --history and planner run --history plan by it."
        ),
        epilog=_example("history runs/history", "history runs/history --json"),
    )
    parser.add_argument("folder", metavar="FOLDER", help="the folder, or a URI of one, that runs were added to")
    _json(parser)


def _doctor(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="check a Spark cluster, and measure it",
        description=(
            "Check everything that a run needs of Spark, and say what to type where something is missing.\n"
            "Then measure the cluster: speeds of executors, latency and bandwidth between them, what starting costs;\n"
            "that takes all its cores for some ten seconds. With -o it is written for planner plan --cluster."
        ),
        epilog=_example(
            "doctor --master 'local-cluster[2,1,1024]'",
            "doctor --master spark://host:7077 -o cluster.toml",
            "plan graph.json --cluster cluster.toml",
        ),
    )
    parser.add_argument("--master", metavar="URL", help="Spark's master (known already inside spark-submit)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the measured cluster to this file (.toml, .json)")
    _json(parser)


def _completion(commands: Any) -> None:
    parser = commands.add_parser(
        "completion",
        help="print what makes a shell complete planner's words",
        description="Print a script for a shell: it completes commands, options, names of methods, and files.",
        epilog=(
            "for example:\n"
            "  planner completion bash > ~/.local/share/bash-completion/completions/planner\n"
            "  planner completion zsh > ~/.zfunc/_planner      # with fpath+=~/.zfunc before compinit in ~/.zshrc\n"
            "  planner completion fish > ~/.config/fish/completions/planner.fish"
        ),
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def _warm(commands: Any) -> None:
    parser = commands.add_parser(
        "warm",
        help="compile everything, once on a machine",
        description="Compile everything that planning may need, and keep it, so that no first plan has to wait.",
        epilog=_example("warm"),
    )
    _json(parser)


def _graph(parser: argparse.ArgumentParser, **more: Any) -> None:
    parser.add_argument(
        "graph", metavar="GRAPH", help="job file (JSON, TOML), Parquet, WfFormat, STG, DOT or adjacency", **more
    )
    parser.add_argument("--edges", metavar="FILE", help="the edges, when GRAPH is a Parquet file of tasks")


def _cluster(parser: argparse.ArgumentParser, default: str = "4 executors of 1 slot") -> None:
    cluster = parser.add_argument_group("cluster", f"{default}, if none is named")
    cluster.add_argument(
        "--cluster", metavar="FILE", help="a TOML file: executors, their slots and speeds, the network"
    )
    cluster.add_argument("--executors", metavar="N", help="so many equal executors")
    cluster.add_argument("--slots", metavar="S", help="slots of each (1 if left out)")
    cluster.add_argument("--memory", metavar="SIZE", help="memory of each, such as 4GB (unlimited if left out)")
    _network(cluster)


def _network(parser: Any) -> None:
    parser.add_argument("--bandwidth", metavar="RATE", help="between executors, such as 1Gbit (free if left out)")
    parser.add_argument("--latency", metavar="TIME", help="between executors, such as 1ms")


def _planning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", metavar="NAME", help="the planning method (auto if left out); see: planner methods")
    parser.add_argument("--objective", metavar="NAME", help="makespan (if left out), efficiency or weighted")
    parser.add_argument(
        "--efficiency", metavar="FILE", help="efficiency of each task, or kind, on each executor, or kind"
    )
    parser.add_argument(
        "--weights",
        metavar="NAME=W,…",
        help="for weighted: time (1 if left out), gigabytes that are sent, imbalance; each in seconds",
    )
    _effort(parser)


def _effort(parser: argparse.ArgumentParser, otherwise: str = "as many as take about a second") -> None:
    parser.add_argument("--budget", metavar="TIME", help="search for so long, such as 10s, unless it is proved before")
    parser.add_argument(
        "--iterations", metavar="N", help=f"or try so many schedules, for the same plan every time ({otherwise})"
    )
    parser.add_argument("--seed", metavar="N", help="the same seed gives the same plan (0 if left out)")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a summary as JSON, and nothing else")
