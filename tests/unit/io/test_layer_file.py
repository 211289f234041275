"""Published profiles of models: read, and what is said of broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planner.errors import InputError
from planner.io.layer_file import read_layers

SIZES = "activation_size=[8.0; 2.0], parameter_size=40.000"
PROFILE = f"""node1 -- Input0 -- forward_compute_time=9.0, backward_compute_time=0.000, {SIZES}
node2 -- Conv2d(3, 64, kernel_size=(3, 3)) -- forward_compute_time=1.5, backward_compute_time=2.500, {SIZES}
node3 -- a -- b -- forward_compute_time=1.0, backward_compute_time=0.5, activation_size=1, parameter_size=0
\tnode1 -- node2
\tnode2 -- node3
"""


def workload(**changes: Any) -> dict[str, Any]:
    nodes = [
        {"id": 7, "name": "w", "supportedOnFpga": True, "cpuLatency": 0, "fpgaLatency": 0, "isBackwardNode": False},
        {"id": 9, "supportedOnFpga": 0, "cpuLatency": 2.5, "fpgaLatency": 0.25, "isBackwardNode": 1, "size": 64.0},
    ]
    edges = [{"sourceId": 7, "destId": 9, "cost": 0.5, "size": 3}]
    return {"maxFPGAs": 3, "maxCPUs": 1, "maxSizePerFPGA": 100.0, "nodes": nodes, "edges": edges, **changes}


def read(tmp_path: Path, document: object) -> Any:
    file = tmp_path / "model.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_layers(file)


def test_a_workload_states_its_devices(tmp_path: Path) -> None:
    layers, executors, hosts, memory = read(tmp_path, workload())
    assert (executors, hosts, memory) == (3, 1, 100)
    assert layers.names == ("w", "node9") and layers.time_ns.tolist() == [0, 250_000]
    assert layers.host_ns.tolist() == [0, 2_500_000] and layers.send_ns.tolist() == [500_000, 0]
    assert layers.supported.tolist() == [True, False] and layers.backward.tolist() == [False, True]
    assert layers.memory_bytes.tolist() == [0, 64] and len(set(layers.color_class.tolist())) == 2


def test_a_profile_has_forward_and_backward_pass_in_one(tmp_path: Path) -> None:
    layers, executors, hosts, memory = read(tmp_path, PROFILE)
    assert (executors, hosts, memory) == (None, 0, None)
    assert layers.names == ("node1 Input0", "node2 Conv2d(3, 64, kernel_size=(3, 3))", "node3 a -- b")
    assert layers.time_ns.tolist() == [0, 4_000_000, 1_500_000], "what an input takes is not counted"
    assert layers.output_bytes.tolist() == [0, 20, 2] and layers.sync_bytes.tolist() == [0, 40, 0]
    assert layers.predecessors(2).tolist() == [1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"maxFPGAs": -1}, "maxFPGAs: is -1"),
        ({"maxSizePerFPGA": "x"}, "maxSizePerFPGA: is 'x'"),
        ({"nodes": 3}, "nodes: is 3"),
        ({"nodes": [7]}, "nodes[0]: is 7"),
        ({"nodes": workload()["nodes"][:1] * 2}, "nodes[1].id: is 7, as that of nodes[0]"),
        ({"edges": [{"sourceId": 7, "destId": 8, "cost": 1}]}, "edges[0]: is 7 -> 8; expected the ids of two nodes"),
        ({"edges": [{"sourceId": 7, "destId": [1], "cost": 1}]}, "edges[0]: is 7 -> [1]"),
        ({"edges": [{"sourceId": 7, "destId": 9, "cost": -1}]}, "edges[0].cost: is -1.0"),
        ({"edges": [{"sourceId": 7, "destId": 9, "cost": c} for c in (1, 2)]}, "expected one cost a node"),
        ({"edges": [{"sourceId": a, "destId": b, "cost": 1} for a, b in ((7, 9), (9, 7))]}, "there is a cycle"),
    ],
)
def test_a_broken_workload_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as found:
        read(tmp_path, workload(**change))
    assert told in str(found.value) and str(tmp_path / "model.json") in str(found.value)


def test_all_faults_of_a_node_are_told_at_once(tmp_path: Path) -> None:
    node = {"id": 1, "supportedOnFpga": "yes", "cpuLatency": None, "fpgaLatency": -1, "size": 1e400}
    with pytest.raises(InputError) as found:
        read(tmp_path, json.dumps(workload(nodes=[node], edges=[])).replace("Infinity", "1e999"))
    assert {fault.path.rpartition(".")[2] for fault in found.value.faults} >= {
        "supportedOnFpga",
        "cpuLatency",
        "fpgaLatency",
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("node4 -- x", "line 6: is 'node4 -- x'; expected NODE -- DESCRIPTION -- VALUES"),
        ("node2 -- x -- y", "line 6: node 'node2' stands in a line before"),
        ("node4 -- x -- forward_compute_time=1", "line 6: parameter_size is missing"),
        (f"node4 -- x -- forward_compute_time=nan, backward_compute_time=1, {SIZES}", "forward_compute_time is 'nan'"),
        (f"node4 -- x -- forward_compute_time=1, backward_compute_time=y, {SIZES}", "backward_compute_time is 'y'"),
        ("\tnode1 -- node9", "line 6: there is no node 'node9'"),
        ("\tnode1", "line 6: is 'node1'; expected an edge"),
        ("\tnode3 -- node2", "there is a cycle"),
    ],
)
def test_a_broken_profile_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(InputError) as found:
        read(tmp_path, f"{PROFILE}{line}\n")
    assert told in str(found.value)


@pytest.mark.parametrize("text", ["{}", '{"a": 1}', "[1]", "hello", "3\n1 2"])
def test_what_is_no_model_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        read(tmp_path, text)
