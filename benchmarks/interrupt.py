"""How long Ctrl-C takes: from the signal to the end in the journal, and to the end of the process.

python benchmarks/interrupt.py              three times on local-cluster[4,1,1024], tasks asleep; prints a table
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def interrupted(master: str, slots: int) -> tuple[float, float, int]:
    """Start a run whose tasks sleep, strike when all slots run, and give both times and the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        graph, run = Path(folder) / "graph.json", Path(folder) / "run"
        tasks = [{"id": f"t{i}", "run": "time:sleep", "args": [300], "work": 300} for i in range(slots)]
        graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
        command = [sys.executable, "-m", "planner", "run", str(graph), "--master", master, "--run-dir", str(run)]
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
            )
        journal = run / "journal.jsonl"
        while not (journal.exists() and journal.read_text().count('"hello"') == slots):
            if process.poll() is not None:
                raise SystemExit((Path(folder) / "log").read_text()[-2000:])
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        struck = time.monotonic()
        while '"ended"' not in journal.read_text():
            time.sleep(0.005)
        ended = time.monotonic() - struck
        code = process.wait()
        return ended, time.monotonic() - struck, code


def main() -> None:
    """Print a row a run."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--rounds", type=int, default=3)
    rounds = words.parse_args().rounds
    print("run  journal ended (s)  process ended (s)  exit code")
    for number in range(1, rounds + 1):
        ended, left, code = interrupted("local-cluster[4,1,1024]", 4)
        print(f"{number:3}  {ended:17.2f}  {left:17.2f}  {code:9}")


if __name__ == "__main__":
    main()
