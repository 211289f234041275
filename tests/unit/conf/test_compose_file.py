"""docker-compose.yml and the Dockerfile: valid, closed to the outside, without secrets, and whole."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import yaml
from local_compose import COMPOSE, DOCKERFILE, ROOT, copied, instructions

from conf.compose_secrets import make_secrets

SERVICES = COMPOSE["services"]
LASTING = {name: service for name, service in SERVICES.items() if "profiles" not in service}


def test_the_file_is_what_the_compose_specification_says() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, "docker-compose.yml"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_what_was_asked_for() -> None:
    assert list(SERVICES) == ["master", "worker-large", "worker-small", "history", "notebook", "submit"]
    workers = [service["command"] for name, service in SERVICES.items() if name.startswith("worker")]
    sizes = [tuple(command[command.index(what) + 1] for what in ("--cores", "--memory")) for command in workers]
    assert len(set(sizes)) == 2, "of different size"
    asked = SERVICES["submit"]["entrypoint"]
    assert asked[asked.index("--total-executor-cores") + 1] == str(sum(int(cores) for cores, _ in sizes))
    assert {service["image"] for service in SERVICES.values()} == {"spark-planner"}
    assert {service["build"] for service in SERVICES.values()} == {"."}


def test_ports_are_published_on_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports and all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in ports)


def test_everything_lasting_has_a_health_check_and_waits_for_those_it_needs() -> None:
    for name, service in LASTING.items():
        assert service["healthcheck"]["test"][0] == "CMD", name
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in LASTING and how == {"condition": "service_healthy"}


def test_volumes_are_named_and_used() -> None:
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    assert used == set(COMPOSE["volumes"])


def test_no_secret_is_in_the_file_the_image_or_git() -> None:
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {".secrets/spark.conf", ".secrets/notebook"}
    texts = [ROOT / "docker-compose.yml", ROOT / "Dockerfile", *(ROOT / "conf").glob("*.conf")]
    assert not [path for path in texts if re.search(r"(secret|token|password)\s*[=:]?\s+[0-9a-f]{8}", path.read_text())]
    assert "/.secrets/" in (ROOT / ".gitignore").read_text().split()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "only what is named gets into the image"


def test_secrets_are_made_once_and_their_folder_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / ".secrets"
    make_secrets(folder)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(first) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert re.fullmatch(r"spark\.authenticate\.secret [0-9a-f]{64}\n", first["spark.conf"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    make_secrets(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    make_secrets(tmp_path / "other")
    assert (tmp_path / "other" / "notebook").read_text() != first["notebook"]


def test_what_the_dockerfile_copies_is_there_is_sent_and_suffices_for_the_package(tmp_path: Path) -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {source for source, _ in copied()} == sent
    assert all((ROOT / source).exists() for source in sent)
    for source, target in copied():
        if target.startswith("/opt/source/"):
            (tmp_path / source).symlink_to(ROOT / source)
    [user] = instructions("USER")
    assert user == "planner"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(tmp_path / "dist"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def entrypoint(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the entry point with a `java` and a `spark-submit` that print what they are called with."""
    folder.mkdir(exist_ok=True)
    for name in ("java", "spark-submit"):
        (folder / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (folder / name).chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "SPARK_CONF_DIR": str(folder / "conf"), **environment}
    [entry] = [yaml.safe_load(line) for line in instructions("ENTRYPOINT")]
    return subprocess.run([*entry, *words], cwd=ROOT, env=env, capture_output=True, text=True)


def test_the_entry_point_puts_settings_together_for_their_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("spark.more 1\n")
    address = {"SPARK_LOCAL_IP": "127.0.0.1"}
    done = entrypoint(
        tmp_path / "bin", "echo", "well", SPARK_SETTINGS=f"conf/compose.conf {tmp_path / 'more'}", **address
    )
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr
    made = tmp_path / "bin" / "conf" / "spark-defaults.conf"
    parts = [ROOT / "conf" / "spark-defaults.conf", ROOT / "conf" / "compose.conf", tmp_path / "more"]
    assert made.read_text() == "".join(part.read_text() for part in parts) + "\nspark.driver.host 127.0.0.1\n"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    missing = entrypoint(tmp_path / "bin", "echo", "well", SPARK_SETTINGS="/run/secrets/nowhere", **address)
    assert missing.returncode != 0 and "nowhere" in missing.stderr, "without its secret nothing starts"


def test_the_image_knows_where_spark_finds_its_settings() -> None:
    assert DOCKERFILE.envs["SPARK_CONF_DIR"].startswith("/home/planner/")
    assert all(service["secrets"] for service in SERVICES.values())


EXECUTOR = {
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@driver:7078",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_EXECUTOR_CORES": "4",
    "SPARK_EXECUTOR_MEMORY": "2048m",
    "SPARK_APPLICATION_ID": "spark-1",
    "SPARK_EXECUTOR_POD_IP": "10.0.0.7",
    "SPARK_EXECUTOR_POD_NAME": "planner-exec-3",
    "SPARK_RESOURCE_PROFILE_ID": "0",
}


def test_on_kubernetes_the_entry_point_starts_executors_and_drivers(tmp_path: Path) -> None:
    options = {"SPARK_JAVA_OPT_0": "-Dspark.a=with a space", "SPARK_JAVA_OPT_1": "-Dspark.b=2"}
    done = entrypoint(tmp_path / "bin", "executor", **EXECUTOR, **options)
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    assert words[:5] == [*options.values(), "-Xms2048m", "-Xmx2048m", "-cp"]
    jars = words[5].rpartition(":")[2]
    assert jars.endswith("/jars/*") and list(Path(jars).parent.glob("spark-kubernetes*.jar"))
    assert words[6] == "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
    given = dict(zip(words[7::2], words[8::2], strict=True))
    assert set(given.values()) == set(EXECUTOR.values()) - {"2048m"}
    short = entrypoint(tmp_path / "bin", "executor", **{**EXECUTOR, **options, "SPARK_DRIVER_URL": ""})
    assert "" in short.stdout.splitlines()
    driver = entrypoint(
        tmp_path / "bin", "driver", "--class", "X", "job.py", "a b", SPARK_DRIVER_BIND_ADDRESS="10.0.0.9"
    )
    bound = "spark.driver.bindAddress=10.0.0.9"
    assert driver.stdout.splitlines() == ["--conf", bound, "--deploy-mode", "client", "--class", "X", "job.py", "a b"]
