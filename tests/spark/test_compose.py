"""docker-compose.yml, its services as processes of this machine: started in order, a job submitted, its result read."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from local_compose import LocalCompose, has_addresses

from conf.compose_secrets import make_secrets

pytestmark = pytest.mark.skipif(not has_addresses(), reason="this system has one loopback address only")


def answer(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as page:
        return json.load(page)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets") / ".secrets"
    make_secrets(folder)
    return folder


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, secrets: Path) -> Iterator[LocalCompose]:
    with LocalCompose(tmp_path_factory.mktemp("compose"), secrets).up() as services:
        yield services


def test_a_job_is_submitted_and_its_result_is_in_a_volume(services: LocalCompose, secrets: Path) -> None:
    done = services.run("submit", "--limit", "16", "--out", "runs/corpus")
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    out = services.volume("runs") / "corpus"
    assert pq.read_table(out / "index.parquet").num_rows == 16
    slots = pq.read_table(out / "slots.parquet").to_pandas()
    assert sorted(slots.groupby("ran_executor").size()) == [2, 4], "one executor on each worker, with all its cores"

    history = f"http://{services.address['history']}:18080/api/v1/applications"
    services.processes.wait_until(lambda: any(a["attempts"][-1]["completed"] for a in answer(history)), "the event log")
    [application] = answer(history)
    settings = dict(answer(f"{history}/{application['id']}/environment")["sparkProperties"])
    assert settings["spark.authenticate"] == settings["spark.network.crypto.enabled"] == "true"
    assert settings["spark.locality.wait"] == "3s"
    secret = (secrets / "spark.conf").read_text().split()[1]
    assert secret not in json.dumps(settings) + done.stdout + done.stderr
    logs = "".join(path.read_text(errors="replace") for path in (services.folder / "logs").iterdir())
    assert secret not in logs


def test_a_worker_with_another_secret_is_turned_away(services: LocalCompose, tmp_path: Path) -> None:
    make_secrets(tmp_path / ".secrets")
    stranger = LocalCompose(tmp_path / "stranger", tmp_path / ".secrets")
    with stranger.processes:
        stranger.start("worker-small")
        log = tmp_path / "stranger" / "logs" / "worker-small.log"
        said = lambda: "Failed to connect to master" in log.read_text()  # noqa: E731
        stranger.processes.wait_until(said, "a refusal")
    workers = answer(f"http://{services.address['master']}:8080/json/")["workers"]
    assert sorted(worker["cores"] for worker in workers) == [2, 4], "those that there were, and no more"


def test_the_notebook_is_there_for_those_who_have_its_token(services: LocalCompose, secrets: Path) -> None:
    page = f"http://{services.address['notebook']}:8888/api/contents/notebooks"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        answer(page)
    names = [entry["name"] for entry in answer(f"{page}?token={(secrets / 'notebook').read_text()}")["content"]]
    assert "partition_plan.ipynb" in names
