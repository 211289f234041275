"""A standalone Spark on this machine, of the PySpark in `.venv`: a master, workers and a history server, until Ctrl-C.

Each is a process of its own, and all of them listen on 127.0.0.1 only. What they log, what executors write, and the
event logs are below one folder; in it, `spark.conf` has all that spark-submit needs to be told.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
SPARK_CLASS = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
DEPLOY = "org.apache.spark.deploy"
SETTINGS = """
# What this cluster adds, which conf/standalone.py writes anew at each start.

# Where the master is.
spark.master {url}
# All cores: without a number, a session would not know which executors to wait for.
spark.cores.max {cores}
# Executors reach the driver there; nobody else does.
spark.driver.host {host}
spark.driver.bindAddress {host}
# Executors run this Python; else they would take the system's, which has no packages.
spark.pyspark.python {python}
# What an application did is kept for the history server.
spark.eventLog.enabled true
spark.eventLog.dir {events}
spark.history.fs.logDirectory {events}
# Folders of applications that have ended are removed after a week.
spark.worker.cleanup.enabled true
# An application that ended is shown within so long.
spark.history.fs.update.interval 2s
"""


class StartError(Exception):
    """A process that ended, or was not ready in time, with what it said last."""


class Processes:
    """Processes that end together, the last one first; what each says goes to a file of its name.

    Parameters
    ----------
    logs : Path
        Folder for these files.
    """

    def __init__(self, logs):
        self.logs = logs
        self.running = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in reversed(list(self.running.values())):
            _end(process)

    def start(self, name, command, env, cwd=None):
        """Start a process; a Ctrl-C on the terminal is for who started it."""
        with (self.logs / f"{name}.log").open("w") as log:
            self.running[name] = subprocess.Popen(
                command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until(self, ready, what, seconds=90.0):
        """Wait until something holds, unless a process ends before.

        Raises
        ------
        StartError
            If it does not within so many seconds.
        """
        until = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > until:
                raise StartError(f"{what} is not there after {seconds:g} s; see {self.logs}")
            time.sleep(0.2)

    def check(self):
        """Tell of a process that has ended.

        Raises
        ------
        StartError
            If there is one.
        """
        for name, process in self.running.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] or ["nothing"]
                raise StartError(f"{name} has ended (code {process.returncode}); it said last: {said[-1]}; see {log}")


def _end(process):
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(20)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


@dataclass(frozen=True)
class Standalone:
    """A running cluster: its master, its pages, and the file of settings for spark-submit."""

    url: str
    page: str
    history: str
    settings: Path
    processes: Processes


@contextmanager
def standalone(folder, workers=2, cores=2, memory="1g"):
    """Run a master, equal workers and a history server, until the block ends.

    Parameters
    ----------
    folder : Path
        For logs, executors' folders, event logs and ``spark.conf``.
    workers, cores : int
        Number of workers, and cores of each: the slots of the executor that it starts for an application.
    memory : str
        Of each worker; Spark gives an executor 1g unless told otherwise.

    Raises
    ------
    StartError
        If one of them does not start.
    """
    port, page, history_page = _free_port(7077), _free_port(8080), _free_port(18080)
    cluster = Standalone(
        f"spark://{HOST}:{port}",
        f"http://{HOST}:{page}",
        f"http://{HOST}:{history_page}",
        folder / "spark.conf",
        Processes(folder / "logs"),
    )
    _write_settings(cluster, folder, workers * cores)
    # Executors inherit it, and are to have the package as they have it on any cluster: by --py-files.
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPARK_CONF_DIR")}
    env.update(SPARK_LOCAL_IP=HOST, SPARK_HOME=str(Path(pyspark.__file__).parent))

    def start(name, kind, *words):
        settings = ["--properties-file", str(cluster.settings)]
        cluster.processes.start(name, [SPARK_CLASS, f"{DEPLOY}.{kind}", *settings, *words], env)

    with cluster.processes:
        start("master", "master.Master", "--host", HOST, "--port", str(port), "--webui-port", str(page))
        env["SPARK_HISTORY_OPTS"] = f"-Dspark.history.ui.port={history_page}"
        start("history", "history.HistoryServer")
        for i in range(workers):
            work = ["--host", HOST, "--webui-port", "0", "--work-dir", str(folder / f"worker-{i}")]
            start(f"worker-{i}", "worker.Worker", "--cores", str(cores), "--memory", memory, *work, cluster.url)
        there = lambda: (_answer(f"{cluster.page}/json/") or {}).get("aliveworkers") == workers  # noqa: E731
        cluster.processes.wait_until(there, f"a master with {workers} workers")
        listed = lambda: _answer(f"{cluster.history}/api/v1/applications") is not None  # noqa: E731
        cluster.processes.wait_until(listed, "the history server")
        yield cluster


def _write_settings(cluster, folder, cores):
    events = folder / "events"
    events.mkdir(parents=True, exist_ok=True)
    added = SETTINGS.format(url=cluster.url, cores=cores, host=HOST, python=sys.executable, events=events.as_uri())
    cluster.settings.write_text((ROOT / "conf" / "spark-defaults.conf").read_text() + added)


def _free_port(usual):
    """Give the port that people expect, or another one where that is taken."""
    for port in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise StartError(f"no port is free on {HOST}")


def _answer(url):
    """Give what a page says as JSON, or None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            return json.load(page)
    except (OSError, ValueError):
        return None


def main():
    """Run a cluster until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", metavar="N", type=_count, default=2, help="so many workers (2 if left out)")
    parser.add_argument(
        "--cores", metavar="N", type=_count, default=2, help="of each worker: its slots (2 if left out)"
    )
    parser.add_argument("--memory", metavar="SIZE", type=_size, default="1g", help="of each worker (1g if left out)")
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, default=ROOT / "runs" / "standalone", help="for all files"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with standalone(options.folder.resolve(), options.workers, options.cores, options.memory) as cluster:
            _tell(cluster, options)
            try:
                while True:
                    cluster.processes.check()
                    time.sleep(1)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would leave processes behind
    except (StartError, OSError) as error:
        sys.exit(f"cluster stopped: {error}")
    except KeyboardInterrupt:
        print("cluster stopped")


def _tell(cluster, options):
    settings = os.path.relpath(cluster.settings)
    print(f"master    {cluster.url}, {options.workers} workers with {options.cores} cores and {options.memory} each")
    print(f"pages     {cluster.page} and, for what has ended, {cluster.history}")
    print(f"files     {options.folder}")
    print("In another terminal, after `make zip` and `. .venv/env`:")
    print("  export SPARK_CONF_DIR=conf  # for its log4j2.properties: problems only")
    print(f"  spark-submit --properties-file {settings} --py-files dist/planner.zip jobs/corpus.py --limit 200")
    print("Ctrl-C stops it.", flush=True)


def _size(text):
    if not re.fullmatch(r"[1-9][0-9]*[mgMG]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1024m or 2g")
    return text


def _count(text):
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 64")
    return int(text)


if __name__ == "__main__":
    main()
