"""A cluster as a document, both ways; the same for TOML and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from planner.errors import InputError
from planner.io.checks import Faults, show
from planner.model.cluster import Cluster, Executor, Link, Network
from planner.model.units import MICROSECONDS, parse_rate, to_us

__all__ = ["CLUSTER_FORMAT", "cluster_document", "cluster_from_document"]

CLUSTER_FORMAT = "planner.cluster/1"
CLUSTER_KEYS = ("executors", "network", "overhead", "format")
EXECUTOR_KEYS = ("id", "host", "kind", "slots", "speed", "speeds", "memory", "count")
NETWORK_KEYS = ("latency", "bandwidth", "links")
LINK_KEYS = ("hosts", "latency", "bandwidth")
MOST_SLOTS = 1_000_000


def cluster_from_document(document: Any, faults: Faults | None = None) -> Cluster:
    """Check a document and give its cluster.

    Parameters
    ----------
    document : object
        As JSON or TOML gives it.
    faults : Faults, optional
        What is known to be wrong already.

    Raises
    ------
    InputError
        With every fault.

    Examples
    --------
    >>> cluster_from_document({"executors": [{"id": "gpu", "slots": 2, "speed": 4}, {"count": 3}]}).n_slots
    5
    """
    faults = Faults() if faults is None else faults
    top = faults.table("", document, CLUSTER_KEYS, needed=("executors",))
    if top.get("format", CLUSTER_FORMAT) != CLUSTER_FORMAT:
        faults.add("format", f"is {show(top['format'])}; expected {CLUSTER_FORMAT!r}")
    executors = _executors(top.get("executors", []), faults)
    network = _network(top["network"], faults) if "network" in top else Network()
    overhead = to_us(faults.seconds("overhead", top["overhead"])) if "overhead" in top else 0
    if not executors and any(fault.path.startswith("executors") for fault in faults.found):
        faults.raise_if_any()
    return _checked(executors, network, overhead, faults)


def _checked(executors: list[Executor], network: Network, overhead_us: int, faults: Faults) -> Cluster:
    """Let the cluster check itself, and say what it finds together with what was found before."""
    try:
        cluster = Cluster(tuple(executors), network, overhead_us)
    except InputError as error:
        faults.add_all(error.faults)
    faults.raise_if_any()
    return cluster


def _executors(value: Any, faults: Faults) -> list[Executor]:
    entries = faults.items("executors", value, "a list of executors ([[executors]] in TOML)")
    made: list[Executor] = []
    slots = 0
    for i, entry in enumerate(entries):
        path = f"executors[{i}]"
        table = faults.table(path, entry, EXECUTOR_KEYS)
        count = faults.whole(f"{path}.count", table["count"], 1, MOST_SLOTS) if "count" in table else 1
        executor = _executor(path, table, faults)
        slots += count * executor.slots
        if slots > MOST_SLOTS:
            faults.add(path, f"brings the cluster to {slots} slots; expected at most {MOST_SLOTS}")
            break
        for k in range(count):
            first = table.get("id") if isinstance(table.get("id"), str) else None
            name = str(len(made)) if first is None else f"{first}-{k}" if "count" in table else first
            made.append(replace(executor, id=name))
    return made


def _executor(path: str, table: dict[str, Any], faults: Faults) -> Executor:
    def given(key: str, check: Callable[..., Any], otherwise: Any, *bounds: int) -> Any:
        return check(f"{path}.{key}", table[key], *bounds) if key in table else otherwise

    given("id", faults.text, "")
    return Executor(
        "",
        host=given("host", faults.text, Executor.host),
        kind=given("kind", faults.text, Executor.kind),
        slots=given("slots", faults.whole, Executor.slots, 1, MOST_SLOTS),
        speed=_speed(f"{path}.speed", table.get("speed", Executor.speed), faults),
        memory_bytes=given("memory", faults.size, None),
        speeds=_speeds(f"{path}.speeds", table["speeds"], faults) if "speeds" in table else {},
    )


def _speeds(path: str, value: Any, faults: Faults) -> dict[str, float]:
    if not isinstance(value, dict):
        faults.expected(path, value, "a table from kinds of tasks to speeds, such as {embed = 4.0}")
        return {}
    named = {faults.text(f"{path}[{show(kind)}]", kind, "a kind", empty=True): speed for kind, speed in value.items()}
    return {kind: _speed(f"{path}[{show(kind)}]", speed, faults) for kind, speed in named.items()}


def _speed(path: str, value: Any, faults: Faults) -> float:
    wanted = "a number from 1e-9 to 1e9 (1 is the speed that works are given for)"
    speed = faults.number(path, value, wanted)
    if not 1e-9 <= speed <= 1e9:
        faults.add(path, f"is {show(value)}; expected {wanted}")
        return 1.0
    return speed


def _network(value: Any, faults: Faults) -> Network:
    table = faults.table("network", value, NETWORK_KEYS)
    latency_us, bandwidth = _rates("network", table, faults)
    links = []
    for i, entry in enumerate(faults.items("network.links", table.get("links", []), "a list of links")):
        path = f"network.links[{i}]"
        link = faults.table(path, entry, LINK_KEYS, needed=("hosts",))
        hosts = link.get("hosts", ["", ""])
        if not isinstance(hosts, list) or len(hosts) != 2 or not all(isinstance(host, str) for host in hosts):
            faults.expected(f"{path}.hosts", hosts, "two hosts, such as ['a', 'b']")
        elif "hosts" in link:
            links.append(Link((hosts[0], hosts[1]), *_rates(path, link, faults)))
    return Network(latency_us, bandwidth, tuple(links))


def _rates(path: str, table: dict[str, Any], faults: Faults) -> tuple[int, float]:
    latency_us = to_us(faults.seconds(f"{path}.latency", table["latency"])) if "latency" in table else 0
    value = table.get("bandwidth")
    if "bandwidth" not in table:
        return latency_us, math.inf
    if not isinstance(value, str):
        value = faults.number(f"{path}.bandwidth", value, "bytes a second, or text such as '1Gbit'", infinite=True)
    try:
        bandwidth = parse_rate(value)
    except (InputError, OverflowError) as error:
        faults.add(f"{path}.bandwidth", str(error))
        return latency_us, math.inf
    if bandwidth < 1e-3:
        faults.add(f"{path}.bandwidth", f"is {bandwidth:g} bytes a second; expected 0.001 or more")
    return latency_us, bandwidth


def cluster_document(cluster: Cluster) -> dict[str, Any]:
    """Give a cluster as a document; what is as it would be without being said is left out."""
    written: dict[str, Any] = {"format": CLUSTER_FORMAT}
    if cluster.overhead_us:
        written["overhead"] = cluster.overhead_us / MICROSECONDS
    network = _rates_document(cluster.network.latency_us, cluster.network.bandwidth)
    if cluster.network.links:
        network["links"] = [
            {"hosts": list(link.hosts), **_rates_document(link.latency_us, link.bandwidth)}
            for link in cluster.network.links
        ]
    if network:
        written["network"] = network
    written["executors"] = [_executor_document(executor) for executor in cluster.executors]
    return written


def _rates_document(latency_us: int, bandwidth: float) -> dict[str, Any]:
    latency = {"latency": latency_us / MICROSECONDS} if latency_us else {}
    return latency | ({"bandwidth": bandwidth} if math.isfinite(bandwidth) else {})


def _executor_document(executor: Executor) -> dict[str, Any]:
    written: dict[str, Any] = {"id": executor.id, "host": executor.host, "kind": executor.kind, "slots": executor.slots}
    written["speed"] = executor.speed
    if executor.speeds:
        written["speeds"] = dict(executor.speeds)
    if executor.memory_bytes is not None:
        written["memory"] = executor.memory_bytes
    return written
