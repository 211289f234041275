"""The lines of docs/deploy.md for clusters that are not here, as far as Spark's own code can be asked about them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest
import yaml
from fake_kubernetes import kubernetes_api
from local_compose import DOCKERFILE
from pyspark.java_gateway import launch_gateway

from planner.spark.defaults import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"
DEFAULTS = {key: value for key, (value, _) in SETTINGS.items()}


def lines(master: str) -> list[list[str]]:
    """Give the words of each spark-submit of the page that names a master, without what stands before it."""
    text = (ROOT / "docs" / "deploy.md").read_text().replace("\\\n", " ")
    found = re.findall(rf"^(?:\w+=\S+ )?spark-submit (--master {master}\S* .*)$", text, re.MULTILINE)
    return [shlex.split(line) for line in found]


def stated(words: list[str]) -> dict[str, str]:
    """Give the settings of ``--conf``."""
    pairs = [words[i + 1] for i, word in enumerate(words) if word == "--conf"]
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.fixture(scope="module")
def jvm() -> Iterator[Any]:
    """Give a JVM with Spark's classes and without a session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", "/dev/null")
        gateway = launch_gateway()
    yield gateway.jvm
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(30)


def check_pod(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """Check what the template gives to each pod."""
    assert container["image"] == "registry.example/spark-planner"
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "planner"
    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000}
    assert [c["topologyKey"] for c in pod["spec"]["topologySpreadConstraints"]] == ["kubernetes.io/hostname"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert {"name": "shared", "mountPath": "/shared"} in container["volumeMounts"]
    [shared] = [volume for volume in pod["spec"]["volumes"] if volume["name"] == "shared"]
    assert shared["persistentVolumeClaim"] == {"claimName": "planner-shared"}


def test_the_line_for_kubernetes_asks_for_the_pod_that_it_should() -> None:
    [words] = lines("k8s://")
    with kubernetes_api() as (address, created):
        here = [f"k8s://{address}" if word.startswith("k8s://") else word for word in words]
        nobody = ["--conf", "spark.kubernetes.submission.waitAppCompletion=false"]  # nobody runs the pod
        env = os.environ | {"KUBECONFIG": "/dev/null", "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
        done = subprocess.run([SUBMIT, *nobody, *here], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]

    [pod] = [resource for resource in created if resource["kind"] == "Pod"]
    [container] = pod["spec"]["containers"]
    check_pod(pod, container)
    assert container["args"][0] == "driver"
    assert container["args"][-3:] == ["local:///opt/planner/jobs/corpus.py", "--out", "/shared/corpus"]
    assert pod["spec"]["serviceAccountName"] == "planner"
    pythons = {entry["name"]: entry["value"] for entry in container["env"] if entry["name"].endswith("_PYTHON")}
    assert set(pythons.values()) == {DOCKERFILE.envs["PYSPARK_PYTHON"]}, "the image's, not this machine's"

    texts = [data for resource in created if resource["kind"] == "ConfigMap" for data in resource["data"].items()]
    [properties] = [text for name, text in texts if name == "spark.properties"]
    given = dict(re.findall(r"^([^#=\s]+)=(.*)$", properties, re.MULTILINE))
    assert {key: given[key] for key in DEFAULTS} == DEFAULTS
    assert given["spark.executor.instances"] == "4"
    [policy] = [resource for resource in created if resource["kind"] == "NetworkPolicy"]
    [source] = policy["spec"]["ingress"][0]["from"]
    assert set(source["podSelector"]["matchLabels"]) == {"spark-app-selector"}, "executors hear the application's pods"
    [service] = [resource for resource in created if resource["kind"] == "Service"]
    assert service["spec"]["clusterIP"] == "None", "headless: its name stands for the address of the pod"
    assert given["spark.driver.host"].replace("\\", "").startswith(f"{service['metadata']['name']}.planner.svc")


def test_executors_on_kubernetes_are_pods_of_the_template_and_start_by_the_entry_point(
    jvm: Any, tmp_path: Path
) -> None:
    [words] = lines("k8s://")
    conf = jvm.SparkConf(False)
    template = {"spark.kubernetes.executor.podTemplateFile": str(ROOT / "conf" / "pod-template.yaml")}
    driver = {
        "spark.master": words[1],
        "spark.app.name": "planner",
        "spark.driver.host": "a",
        "spark.driver.port": "7078",
    }
    python = {"spark.kubernetes.resource.type": "python"}  # as spark-submit sets it for a job like this
    for key, value in {**stated(words), **template, **driver, **python}.items():
        conf.set(key, value)
    none = jvm.scala.Option.apply(None)
    secrets = getattr(getattr(jvm.org.apache.spark.internal.config, "package$"), "MODULE$").AUTH_SECRET_FILE()
    made = jvm.org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBuilder().buildFromFeatures(
        jvm.org.apache.spark.deploy.k8s.KubernetesConf.createExecutorConf(conf, "3", "spark-1", none, 0),
        jvm.org.apache.spark.SecurityManager(conf, none, secrets),
        jvm.io.fabric8.kubernetes.client.KubernetesClientBuilder().build(),
        getattr(getattr(jvm.org.apache.spark.resource, "ResourceProfile$"), "MODULE$").getOrCreateDefaultProfile(conf),
    )
    as_yaml = jvm.io.fabric8.kubernetes.client.utils.Serialization.asYaml
    pod, container = yaml.safe_load(as_yaml(made.pod().pod())), yaml.safe_load(as_yaml(made.pod().container()))
    check_pod(pod, container)
    assert container["args"] == ["executor"]
    assert container["resources"]["limits"]["memory"] == f"{(2 + 8) * 1024}Mi", "memory and overhead"

    address = {"SPARK_EXECUTOR_POD_IP": "10.0.0.7", "SPARK_EXECUTOR_POD_NAME": "planner-exec-3"}
    env = {entry["name"]: entry.get("value", address.get(entry["name"], "")) for entry in container["env"]}
    (tmp_path / "java").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "java").chmod(0o755)
    path = {
        "PATH": f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SPARK_CONF_DIR": "/home/planner/conf",
    }
    entry = [ROOT / "conf" / "entrypoint.sh", *container["args"]]
    done = subprocess.run(entry, cwd=ROOT, env={**env, **path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    backend = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
    assert "-Xmx2048m" in said or "-Xmx2g" in said
    rest = said[said.index(backend) + 1 :]
    array = jvm.java.lang.reflect.Array.newInstance(jvm.java.lang.Class.forName("java.lang.String"), len(rest))
    for i, word in enumerate(rest):
        array[i] = word
    read = jvm.org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend.parseArguments(array, backend)
    assert (read.executorId(), read.cores(), read.appId()) == ("3", 4, "spark-1")
    assert (read.hostname(), read.podName(), read.resourceProfileId()) == ("10.0.0.7", "planner-exec-3", 0)
    assert read.driverUrl() == "spark://CoarseGrainedScheduler@a:7078"


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_the_lines_for_yarn_are_read_as_they_are_meant(jvm: Any, mode: str) -> None:
    [words] = [line for line in lines("yarn") if mode in line]
    files = [str(ROOT / word) if word.startswith("conf/") else word for word in words]
    env = jvm.PythonUtils.toScalaMap({"HADOOP_CONF_DIR": "/etc/hadoop/conf"})
    read = jvm.org.apache.spark.deploy.SparkSubmitArguments(jvm.PythonUtils.toSeq(files), env)
    assert (read.numExecutors(), read.executorCores(), read.executorMemory()) == ("4", "4", "2g")
    assert read.archives().endswith("/environment.tar.gz#environment") and read.deployMode() == mode
    assert read.pyFiles().endswith("dist/planner.zip") and read.primaryResource().endswith("jobs/corpus.py")
    given = read.sparkProperties()
    everything = {key: given.apply(key) for key in (*DEFAULTS, *stated(words))}
    assert everything == {**DEFAULTS, **stated(words)}


def test_spark_knows_every_setting(jvm: Any) -> None:
    for group in ("Python", "Network", "History", "Worker", "UI", "package"):
        jvm.java.lang.Class.forName(f"org.apache.spark.internal.config.{group}$")  # registers its settings
    entries = jvm.org.apache.spark.internal.config.ConfigEntry
    assert entries.findEntry("spark.no.such.setting") is None
    pairs = re.findall(r"^(spark\.\S+) (.*)$", (ROOT / "conf" / "compose.conf").read_text(), re.MULTILINE)
    by_name = {"spark.master", "spark.network.crypto.authEngineVersion", "spark.network.crypto.cipher"}
    assert {key for key in (*DEFAULTS, *dict(pairs)) if entries.findEntry(key) is None} <= by_name
    network = jvm.org.apache.spark.network.util
    read = network.TransportConf("rpc", network.MapConfigProvider(dict(pairs)))
    assert read.encryptionEnabled() and read.cipherTransformation() == "AES/GCM/NoPadding"
    assert read.authEngineVersion() == 2
