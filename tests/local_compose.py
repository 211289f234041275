"""The services of docker-compose.yml as processes of this machine, for where there is no Docker.

Commands, environments, dependencies, volumes, secrets and health checks are those of the file, and the image's part is
that of the Dockerfile. Only places are others: a path of a container lies below a folder of its service, and each
service has an address of its own in 127.0.0.0/8, which stands for its name.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dockerfile_parse import DockerfileParser

from conf.standalone import Processes

__all__ = ["COMPOSE", "DOCKERFILE", "ROOT", "LocalCompose", "copied", "has_addresses", "instructions"]

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = DockerfileParser(path=str(ROOT / "Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def instructions(name: str) -> list[str]:
    """Give what follows an instruction of the Dockerfile, for each time that it is there."""
    return [entry["value"] for entry in DOCKERFILE.structure if entry["instruction"] == name]


def copied() -> list[tuple[str, str]]:
    """Give what the Dockerfile copies, and where to."""
    pairs = []
    for line in instructions("COPY"):
        *sources, target = [word for word in line.split() if not word.startswith("--")]
        pairs += [(source, f"{target}{source}" if target.endswith("/") else target) for source in sources]
    return pairs


def has_addresses() -> bool:
    """Tell whether this system has all of 127.0.0.0/8, as Linux has."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.9.9.9", 0))
        except OSError:
            return False
    return True


class LocalCompose:
    """The services, started where they are asked for.

    Parameters
    ----------
    folder : Path
        For everything that containers, volumes and logs hold.
    secrets : Path
        Folder that stands for ``.secrets``.
    """

    def __init__(self, folder: Path, secrets: Path) -> None:
        self.folder, self.secrets = folder, secrets
        self.processes = Processes(folder / "logs")
        [self.workdir] = instructions("WORKDIR")
        part = os.getpid() % 62_500
        names = enumerate(COMPOSE["services"], start=2)
        self.address = {name: f"127.{1 + part // 250}.{1 + part % 250}.{i}" for i, name in names}

    def volume(self, name: str) -> Path:
        """Give the folder of a named volume."""
        return self.folder / "volumes" / name

    @contextmanager
    def up(self) -> Iterator[LocalCompose]:
        """Start all services but those of a profile, each when those that it depends on are well."""
        with self.processes:
            waiting = {name: service for name, service in COMPOSE["services"].items() if "profiles" not in service}
            while waiting:
                ready = [
                    name for name, service in waiting.items() if not set(service.get("depends_on", ())) & set(waiting)
                ]
                assert ready, f"these services wait for one another: {sorted(waiting)}"
                for name in ready:
                    self.start(name)
                for name in ready:
                    self.wait_until_healthy(name)
                    del waiting[name]
            yield self

    def start(self, name: str) -> None:
        """Start a service."""
        self.build(name)
        self.processes.start(name, self.command(name), self.environment(name), self.inside(name, self.workdir))

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a service once, as ``docker compose run`` with its command and more words."""
        self.build(name)
        where = {"env": self.environment(name), "cwd": self.inside(name, self.workdir)}
        return subprocess.run([*self.command(name), *words], **where, capture_output=True, text=True, timeout=240)

    def wait_until_healthy(self, name: str) -> None:
        """Ask the health check of a service until it says yes, or as often as the file says."""
        check = COMPOSE["services"][name]["healthcheck"]
        assert check["test"][0] == "CMD"
        command = [self.placed(name, word) for word in check["test"][1:]]
        where = {"env": self.environment(name), "cwd": self.inside(name, self.workdir)}
        # The file's patience is for a machine of one's own.
        patience = 3 * (seconds(check["start_period"]) + check["retries"] * seconds(check["interval"]))
        self.processes.wait_until(
            lambda: subprocess.run(command, **where, capture_output=True, timeout=60).returncode == 0, name, patience
        )

    def command(self, name: str) -> list[str]:
        """Give the entry point and the command of a service."""
        service = COMPOSE["services"][name]
        [image] = instructions("ENTRYPOINT")
        entry = service.get("entrypoint", yaml.safe_load(image))
        return [self.placed(name, word) for word in [*entry, *service["command"]]]

    def environment(self, name: str) -> dict[str, str]:
        """Give what the image and the service set, beside what this machine needs to have set."""
        kept = {key: value for key, value in os.environ.items() if not re.match("PYTHONPATH$|SPARK_|PYSPARK_", key)}
        stated = {**DOCKERFILE.envs, **COMPOSE["services"][name].get("environment", {})}
        placed = {key: self.placed(name, str(value)) for key, value in stated.items()}
        here = {
            "SPARK_LOCAL_IP": self.address[name],
            "PYTHONPATH": str(self.inside(name, "/opt/source")),  # the image has it installed
            "HOME": str(self.inside(name, "/home/planner")),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "JUPYTER_CONFIG_DIR": str(self.folder / "jupyter"),  # allows root, which the image's user is not
            "PLANNER_COMPILE": "now",
        }
        return kept | placed | here

    def inside(self, name: str, path: str) -> Path:
        """Give where a path of a service's container lies."""
        return self.folder / name / path.lstrip("/")

    def placed(self, name: str, text: str) -> str:
        """Put this machine's places for the container's, and addresses for names, where text names them."""
        text = re.sub(r"^/usr/local/bin/python$", sys.executable, text)
        text = re.sub(r"(?<!\w)/(opt|home|run)/", lambda found: f"{self.folder / name}{found[0]}", text)
        for host, address in self.address.items():
            text = re.sub(rf"^{host}$|(?<=://){host}(?=:)", address, text)
        return text.replace("0.0.0.0", self.address[name])

    def build(self, name: str) -> None:
        """Lay out the container of a service: the image's files, its volumes, its secrets."""
        if self.inside(name, self.workdir).exists():
            return
        for source, target in copied():
            end = self.inside(name, str(Path(self.workdir, target)))
            end.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, end, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, end)
        settings = self.inside(name, self.workdir) / "conf" / "compose.conf"
        lines = [
            " ".join(self.placed(name, word) for word in line.split(" ")) for line in settings.read_text().splitlines()
        ]
        settings.write_text("\n".join(lines) + "\n")
        service = COMPOSE["services"][name]
        for mounted in service.get("volumes", ()):
            volume, _, path = mounted.partition(":")
            end = self.inside(name, path)
            self.volume(volume).mkdir(parents=True, exist_ok=True)
            if end.exists():  # what the image has there, a new volume takes over
                shutil.copytree(end, self.volume(volume), dirs_exist_ok=True)
                shutil.rmtree(end)
            end.symlink_to(self.volume(volume))
        for secret in service["secrets"]:
            file = COMPOSE["secrets"][secret]["file"]
            assert Path(file).parent.name == ".secrets"
            end = self.inside(name, f"/run/secrets/{secret}")
            end.parent.mkdir(parents=True, exist_ok=True)
            end.symlink_to(self.secrets / Path(file).name)
        self.inside(name, "/home/planner").mkdir(parents=True)
        (self.folder / "jupyter").mkdir(exist_ok=True)
        (self.folder / "jupyter" / "jupyter_server_config.py").write_text("c.ServerApp.allow_root = True\n")


def seconds(text: str) -> int:
    """Read a duration of the file's."""
    assert re.fullmatch(r"\d+s", text), text
    return int(text[:-1])
