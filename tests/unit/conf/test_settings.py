"""The files of conf/ hold what the code needs, and say why of each setting."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyspark.sql import SparkSession

from planner import GraphBuilder, plan, read_cluster
from planner.spark import spark_conf
from planner.spark.defaults import SETTINGS
from planner.spark.preflight import setting_findings

CONF = Path(__file__).resolve().parents[3] / "conf"
CLUSTERS = sorted((CONF / "clusters").glob("*.toml"))


def settings(file: Path) -> dict[str, tuple[str, str]]:
    """Read a file of settings: of each its value, and the comment above it."""
    found, why = {}, ""
    for line in file.read_text().splitlines():
        if line.startswith("#"):
            why = line.removeprefix("# ")
        elif line.strip():
            key, value = re.split(r"\s*=\s*|\s+", line.strip(), maxsplit=1)
            found[key], why = (value, why), ""
    return found


def test_the_file_and_the_helper_give_the_same_settings_for_the_same_reasons() -> None:
    assert settings(CONF / "spark-defaults.conf") == SETTINGS
    assert dict(spark_conf().getAll()) == {key: value for key, (value, _) in SETTINGS.items()}


def test_a_session_of_ones_own_takes_the_settings_and_may_change_them() -> None:
    builder = SparkSession.builder.config(conf=spark_conf()).config("spark.locality.wait", "10s")
    assert {**builder._options, "spark.locality.wait": "3s"} == dict(spark_conf().getAll())
    assert builder._options["spark.locality.wait"] == "10s"


def test_the_preflight_has_nothing_to_say_of_these_settings_and_something_of_others() -> None:
    def warnings(**changed: str) -> list[str]:
        conf = spark_conf().setAll(list(changed.items()))
        session = SimpleNamespace(sparkContext=SimpleNamespace(getConf=lambda: conf))
        return [finding.problem for finding in setting_findings(session)]  # type: ignore[arg-type]

    assert warnings() == []
    for key, other in (("spark.locality.wait", "0"), ("spark.speculation", "true")):
        assert key in SETTINGS
        [warning] = warnings(**{key: other})
        assert key in warning


@pytest.mark.parametrize("name", ["spark-defaults.conf", "compose.conf"])
def test_every_setting_of_spark_says_why_in_one_line(name: str) -> None:
    found = settings(CONF / name)
    assert [key for key, (_, why) in found.items() if not why] == []
    assert not [key for key in found if "secret" in key]


def test_each_group_of_the_log_settings_says_why() -> None:
    for group in (CONF / "log4j2.properties").read_text().strip().split("\n\n"):
        assert group.startswith("# ")
    loggers = settings(CONF / "log4j2.properties")
    assert loggers["rootLogger.level"][0] == "warn"
    named = {key.removesuffix(".name") for key in loggers if re.fullmatch(r"logger\.\w+\.name", key)}
    assert named == {key.removesuffix(".level") for key in loggers if re.fullmatch(r"logger\.\w+\.level", key)}


@pytest.mark.parametrize("file", CLUSTERS, ids=lambda file: file.stem)
def test_the_planner_reads_and_uses_each_cluster_file(file: Path) -> None:
    builder = GraphBuilder()
    tasks = [builder.add(abs, i, id=f"t{i}", work=1 + i % 3, output="8MB") for i in range(24)]
    builder.add(max, *tasks, id="last", work=1)
    planned = plan(builder.build(), read_cluster(file), method="heft")
    assert planned.makespan >= 3.0
    assert planned.cluster.network.latency_us > 0 and planned.cluster.network.bandwidth < float("inf")
    text = file.read_text()
    explained = set(re.findall(r"^# [^\n]+\n(\w+) =", text, re.MULTILINE))
    assert set(re.findall(r"^(\w+) =", text, re.MULTILINE)) == explained, "each says why, where it comes first"


def test_the_clusters_are_what_their_names_say() -> None:
    laptop, four, mixed, hundred = (
        read_cluster(CONF / "clusters" / f"{name}.toml") for name in ("laptop", "four-equal", "mixed-gpu", "hundred")
    )
    assert [(e.id, e.slots, e.memory_bytes) for e in laptop.executors] == [(str(i), 2, 1024 * 2**20) for i in range(2)]
    assert len({e.host for e in four.executors}) == 4
    assert len({(e.slots, e.speed, e.memory_bytes) for e in four.executors}) == 1
    assert [e.kind for e in mixed.executors] == ["cpu"] * 4 + ["gpu"] * 2
    assert all(e.speed_for("train") > 10 for e in mixed.executors if e.kind == "gpu")
    assert len(hundred.executors) == 100 and len({e.host for e in hundred.executors}) == 10
    assert hundred.transfer_us(10**9, 0, 1) < hundred.transfer_us(10**9, 0, 10), "inside a host is faster"
    assert [e.id for e in hundred.executors] == [str(i) for i in range(100)], "as Spark numbers them"
