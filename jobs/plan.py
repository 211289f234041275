"""``planner plan`` for spark-submit: without a named cluster, the plan is for the executors that Spark has."""

import sys

from planner.cli import main

if __name__ == "__main__":
    sys.exit(main(["plan", *sys.argv[1:]]))
