"""The builder: what is said about where tasks may run."""

from __future__ import annotations

from typing import Any

import pytest

from planner.errors import InputError
from planner.model import Graph, GraphBuilder, Pin


@pytest.mark.parametrize(
    ("given", "pin"),
    [
        ("x", Pin(executor="x")),
        ({"kind": "gpu"}, Pin(kind="gpu")),
        ({"host": "h", "executor": "x", "kind": "k"}, Pin("x", "h", "k")),
        (Pin(host="h"), Pin(host="h")),
    ],
)
def test_a_pin_is_given_as_text_as_a_table_or_as_itself(given: Any, pin: Pin) -> None:
    builder = GraphBuilder()
    builder.add("m:f", id="free")
    builder.add("m:f", id="pinned", pin=given, apart="a")
    mapped = builder.map("m:f", [1, 2], id="mapped", pin=given, apart="b")
    builder.reduce("m:f", mapped, id="tree", pin=given, apart="c")
    graph = builder.build()
    assert graph.pins == dict.fromkeys((1, 2, 3), pin)
    assert graph.apart == {1: "a", 2: "b", 3: "c"}


@pytest.mark.parametrize(
    ("pin", "problems"),
    [
        (3, ["tasks['t'].pin: is 3; expected an executor's id, a Pin"]),
        ("", ["tasks['t'].pin.executor: is ''; expected a name"]),
        (
            {"hosts": "a", "kind": 4, "host": None},
            ["pin.hosts: is an unknown key", "pin.kind: is 4", "pin.host: is None"],
        ),
    ],
)
def test_what_is_no_pin_is_told_and_nothing_is_kept_of_its_task(pin: Any, problems: list[str]) -> None:
    builder = GraphBuilder()
    with pytest.raises(InputError) as caught:
        builder.map("m:f", [1], id="t", pin=pin, apart="a")
    for problem in problems:
        assert problem in str(caught.value)
    builder.add("m:f", id="t")
    graph = builder.build()
    assert (graph.names, graph.pins, graph.apart, graph.over) == (["t"], {}, {}, {})


def test_a_pin_and_a_group_that_say_nothing_are_told_together() -> None:
    builder = GraphBuilder()
    builder.add("m:f", id="t", pin={}, apart="")
    builder.add("m:f", id="u", apart=3)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        builder.build()
    assert [fault.path for fault in caught.value.faults] == ["tasks['t'].pin", "tasks['t'].apart", "tasks['u'].apart"]


def test_what_a_graph_is_given_for_places_is_checked() -> None:
    wrong: Any = {0: "x", 1: Pin(), 5: Pin("x")}
    with pytest.raises(InputError) as caught:
        Graph.from_arrays(["a", "b"], work=[1, 1], pins=wrong, apart={-1: "g"})
    said = [str(fault) for fault in caught.value.faults]
    assert said == [
        "tasks[5].pin: there are 2 tasks; expected one of them",
        "tasks[-1].apart: there are 2 tasks; expected one of them",
        "tasks['a'].pin: is 'x'; expected an executor, a host or a kind",
        "tasks['b'].pin: says nothing; expected an executor, a host or a kind",
    ]
