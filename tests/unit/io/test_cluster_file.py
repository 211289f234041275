"""Cluster files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import InputError
from planner.io import read_cluster, write_cluster
from planner.model import Cluster, Executor, Link, Network

EXAMPLE = """
overhead = "2ms"

[network]
latency = "0.5ms"
bandwidth = "1Gbit"

[[network.links]]
hosts = ["a", "b"]
bandwidth = "10Gbit"

[[executors]]
id = "gpu"
host = "a"
kind = "gpu"
speed = 8
speeds = {embed = 20, "two words" = 0.5}
memory = "16GB"

[[executors]]
count = 2
id = "cpu"
host = "b"
slots = 4
[executors.speeds]
sort = 2

[[executors]]
host = "b"
"""


def test_a_cluster_is_read(tmp_path: Path) -> None:
    (tmp_path / "c").write_text(EXAMPLE)
    assert read_cluster(tmp_path / "c") == Cluster(
        (
            Executor("gpu", "a", "gpu", 1, 8.0, 16 * 10**9, {"embed": 20.0, "two words": 0.5}),
            Executor("cpu-0", "b", "cpu", 4, speeds={"sort": 2.0}),
            Executor("cpu-1", "b", "cpu", 4, speeds={"sort": 2.0}),
            Executor("3", "b"),
        ),
        Network(500, 125e6, (Link(("a", "b"), 0, 1.25e9),)),
        2000,
    )


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("x = 1", ["x: is an unknown key", "executors: is missing"]),
        ("executors = []", ["executors: there is none"]),
        ("executors = 3", ["executors: is 3, a number; expected a list"]),
        ("[[executors]]\nslots = 0", ["executors[0].slots: is 0, a number; expected a whole number from 1"]),
        ("[[executors]]\nslots = 2000000", ["executors[0].slots: is 2000000"]),
        ("[[executors]]\ncount = 1000\nslots = 10000", ["executors[0]: brings the cluster to 10000000 slots"]),
        ("[[executors]]\nspeed = nan", ["executors[0].speed: is nan"]),
        ("[[executors]]\nspeed = 0", ["executors[0].speed: is 0; expected a number from"]),
        ("[[executors]]\nspeed = '2'", ["executors[0].speed: is '2', text; expected a number"]),
        ("[[executors]]\nspeeds = 3", ["executors[0].speeds: is 3, a number; expected a table from kinds"]),
        (
            "[[executors]]\nspeeds = {a = 0, 'b.c' = '2', d = nan, e = 1}\nslots = 0",
            [
                "executors[0].slots: is 0",
                "executors[0].speeds['a']: is 0; expected a number from",
                "executors[0].speeds['b.c']: is '2', text; expected a number",
                "executors[0].speeds['d']: is nan",
            ],
        ),
        ('{"executors": [{"speeds": {"\\ud800": 1}}]}', ["executors[0].speeds['\\ud800']: is '\\ud800', half of"]),
        ("[[executors]]\nmemory = '1XB'", ["executors[0].memory: is '1XB'; expected bytes"]),
        ("[[executors]]\nmemory = 0", ["executors[0].memory: is 0; expected bytes above 0"]),
        ("[[executors]]\nslot = 1", ["executors[0].slot: is an unknown key; did you mean 'slots'?"]),
        ("[[executors]]\nid='a'\n[[executors]]\nid='a'", ["executors[1].id: 'a' is given to more than one executor"]),
        (
            "[network]\nbandwidth='fast'\nlatency=-1",
            ["network.latency: is -1", "network.bandwidth: 'fast' is no bandwidth"],
        ),
        ("[network]\nbandwidth=0\n[[executors]]", ["network.bandwidth: 0.0 is no bandwidth"]),
        (
            "[[executors]]\n[[network.links]]\nhosts=['a']",
            ["network.links[0].hosts: is ['a'], a list; expected two hosts"],
        ),
        (
            "[[executors]]\n[[network.links]]\nhosts=['a', 'localhost']",
            ["network.links[0].hosts: 'a' is no executor's host"],
        ),
        ("[[executors]]\nid = 1\nhost = 2", ["executors[0].id: is 1", "executors[0].host: is 2"]),
        ("overhead = '1 day'\n[[executors]]", ["overhead: '1 day' is no duration"]),
        ("[[executors]\n", ["is no TOML"]),
        ("", ["is empty"]),
        ('{"executors": [], "executors": []}', ["the key 'executors' stands twice", "executors: there is none"]),
    ],
)
def test_everything_wrong_with_a_cluster_is_told(tmp_path: Path, text: str, problems: list[str]) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_cluster(tmp_path / "c.toml")
    for problem in problems:
        assert problem in str(caught.value)
    assert all(fault.path.startswith(str(tmp_path)) for fault in caught.value.faults)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
RATES = st.tuples(st.integers(0, 10**12), st.floats(1, 1e15) | st.just(float("inf")))


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    ids = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    hosts = draw(st.lists(NAMES, min_size=1, max_size=3))
    executors = tuple(
        Executor(
            name,
            draw(st.sampled_from(hosts)),
            draw(NAMES),
            draw(st.integers(1, 100)),
            draw(st.floats(1e-9, 1e9)),
            draw(st.none() | st.integers(1, 10**18)),
            draw(st.dictionaries(NAMES | st.just(""), st.floats(1e-9, 1e9), max_size=2)),
        )
        for name in ids
    )
    used = [executor.host for executor in executors]
    pairs = draw(st.lists(st.tuples(st.sampled_from(used), st.sampled_from(used)), max_size=2))
    return Cluster(executors, Network(*draw(RATES), tuple(Link(pair, *draw(RATES)) for pair in pairs)), draw(RATES)[0])


@pytest.mark.parametrize("name", ["cluster.toml", "cluster.json"])
@settings(max_examples=20, deadline=None)
@given(cluster=clusters())
def test_a_cluster_written_and_read_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, cluster: Cluster
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    write_cluster(cluster, path)
    assert read_cluster(path) == cluster
