"""``planner run`` for spark-submit, which has settled the master."""

import sys

from planner.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
