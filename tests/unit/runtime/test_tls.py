"""TLS with the certificates that docs/security.md tells people to make."""

from __future__ import annotations

import pickle
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.flight as flight
import pytest
from readme import README

from planner.model import Bound, Cluster, GraphBuilder, Plan, Schedule
from planner.runtime.certificates import Certificates
from planner.runtime.drive import Outcome
from planner.runtime.outbox import Outbox, OutboxServer
from planner.runtime.wire import Line
from tests.unit.runtime.processes import ProcessSlots, driven

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command"),
]
COMMANDS = re.findall(r"^\$ (openssl .*)$", (README.parent / "docs" / "security.md").read_text("utf-8"), re.MULTILINE)
KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


def _make(folder: Path, *commands: str) -> None:
    for command in commands:
        subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with what the docs make: a CA, a certificate with a name, and one with addresses."""
    folder = tmp_path_factory.mktemp("certificates")
    assert len(COMMANDS) == 5
    _make(folder, *COMMANDS)
    _make(folder, f'openssl req -x509 {KEY} -subj "/CN=another" -keyout other.key -out other.pem')
    foreign = "openssl x509 -req -in host.csr -CA other.pem -CAkey other.key -copy_extensions copy -out foreign.pem"
    _make(folder, foreign, "cp host.key foreign.key")
    return folder


def _certificates(folder: Path, which: str, name: str = "", ca: str = "ca") -> Certificates:
    return Certificates(str(folder / f"{which}.pem"), str(folder / f"{which}.key"), str(folder / f"{ca}.pem"), name)


NAMED, ADDRESSED = ("run", "planner"), ("host", "")


def _run(tls: Certificates, launch: Any = ProcessSlots, rendezvous_s: float = 20) -> Outcome:
    builder = GraphBuilder()
    big = builder.add("numpy:arange", 300_000, id="big")
    text = builder.add("builtins:str", 7, id="text")
    builder.add("numpy:sum", big, id="sum")
    builder.add("builtins:int", text, id="int")
    builder.add("numpy:multiply", big, 2, id="double")  # a large result: the driver fetches it
    graph = builder.build()
    start = np.arange(graph.n) * 10**6
    schedule = Schedule(np.array([0, 0, 1, 1, 0], dtype=np.int32), start, start + 10**6)
    plan = Plan(graph, Cluster.uniform(2), schedule, Bound(0, ""), "by hand")
    return driven(plan, launch, rendezvous_s=rendezvous_s, tls=tls)


@pytest.mark.parametrize("way", [NAMED, ADDRESSED], ids=["one name", "addresses"])
def test_a_run_under_tls(made: Path, way: tuple[str, str]) -> None:
    outcome = _run(_certificates(made, *way))
    assert outcome.status == "done", outcome.reason
    assert outcome.results[2] == 300_000 * 299_999 // 2 and outcome.results[3] == 7
    np.testing.assert_array_equal(outcome.results[4], np.arange(300_000) * 2)


def _called(server: Certificates | None, caller: Certificates | None, *, token: str = "t") -> str:
    outbox, line = Outbox(), Line("t", server)
    served, calls = OutboxServer(outbox, "127.0.0.1", line), Line(token, caller)
    assert served.address.startswith("grpc+tls://" if server else "grpc://")
    try:
        with calls.client(calls.address("127.0.0.1", served.port)) as client:
            list(client.do_action(flight.Action("taken", b"1 2"), calls.options(timeout=10)))
        return "served"
    except flight.FlightUnauthenticatedError:
        return "no token"
    except flight.FlightUnavailableError as error:
        return str(error).splitlines()[0]
    finally:
        outbox.close()
        served.shutdown()


def test_who_shows_no_certificate_of_the_ca_is_turned_away(made: Path) -> None:
    good, foreign = _certificates(made, *ADDRESSED), _certificates(made, "foreign")
    assert _called(good, good) == "served"
    assert _called(good, good, token="wrong") == "no token"
    assert "Socket closed" in _called(good, foreign), "the server does not take a caller of another CA"
    assert "Socket closed" in _called(good, None), "nor one that speaks in clear"
    assert "certificate verify failed" in _called(foreign, good), "the caller does not take a server of another CA"
    assert "SSL" in _called(None, good), "nor one that speaks in clear"
    assert "is not in peer certificate" in _called(_certificates(made, "run"), good), "nor one of another machine"
    other = _certificates(made, "run", "other")
    assert "is not in peer certificate" in _called(other, other)
    named = _certificates(made, *NAMED)
    assert _called(named, named) == "served"
    outbox = Outbox()
    served = OutboxServer(outbox, "127.0.0.1", Line("t", good))
    bare = flight.FlightClient(served.address, tls_root_certs=(made / "ca.pem").read_bytes())
    with bare, pytest.raises(flight.FlightUnavailableError):
        list(bare.do_action(flight.Action("taken", b"1 2"), Line("t").options(timeout=10)))
    served.shutdown()


def test_a_slot_without_the_right_certificate_has_no_part_in_the_run(made: Path) -> None:
    good, foreign = _certificates(made, *ADDRESSED), _certificates(made, "foreign")

    class Foreign(ProcessSlots):
        def __init__(self, configs: Any) -> None:
            super().__init__([replace(c, line=replace(c.line, tls=foreign)) if c.slot else c for c in configs])

    outcome = _run(good, Foreign, rendezvous_s=4)
    assert outcome.status == "done"
    assert outcome.lost == ("executor 1 slot 0 (it had not started in time)",)
    assert set(outcome.slot_of) == {0}


def test_keys_stay_where_they_are(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line("token-of-the-test", _certificates(made, *ADDRESSED))
    key = line.tls.pem[1] if line.tls else b""
    assert key == (made / "host.key").read_bytes()
    assert (made / "host.key").stat().st_mode & 0o077 == 0
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(line)
    assert key not in sent and key.splitlines()[1] not in sent
    assert pickle.loads(sent) == line
    text = f"{line!r} {line}"
    assert "PRIVATE" not in text and "token-of-the-test" not in text
    assert key.splitlines()[1].decode() not in text


def test_relative_paths_are_looked_for_here_and_beside(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Certificates("host.pem", "host.key", "ca.pem", beside=str(made))
    monkeypatch.chdir(tmp_path)
    assert given.faults("127.0.0.1") == []
    assert len(pickle.loads(pickle.dumps(given)).faults("127.0.0.1")) == 3, "the folder is one of this machine"
    monkeypatch.chdir(made)
    read = Certificates("host.pem", "host.key", "ca.pem")
    assert read.pem[0] == (made / "host.pem").read_bytes()
    monkeypatch.chdir(tmp_path)  # as a task may
    assert read.pem[0] == (made / "host.pem").read_bytes()


def test_what_is_wrong_with_the_files_is_said_at_once(made: Path, tmp_path: Path) -> None:
    def faults(host: str = "127.0.0.1", **files: Any) -> list[tuple[str, str]]:
        usual = {"certificate": made / "host.pem", "key": made / "host.key", "ca": made / "ca.pem"}
        return Certificates(**{what: str(path) for what, path in (usual | files).items()}).faults(host)

    assert (
        faults()
        == faults(host="localhost")
        == faults(certificate=made / "run.pem", key=made / "run.key", name="planner")
        == []
    )
    missing = tmp_path / "missing"
    assert faults(certificate=missing, key=missing, ca=tmp_path) == [
        ("certificate", f"{missing} cannot be read: No such file or directory"),
        ("key", f"{missing} cannot be read: No such file or directory"),
        ("ca", f"{tmp_path} cannot be read: Is a directory"),
    ]
    junk, empty = tmp_path / "junk", tmp_path / "empty"
    junk.write_text("hello")
    empty.touch()
    [(what, said)] = faults(key=empty)
    assert (what, said) == ("key", f"{empty} is empty; expected a PEM file")
    assert [what for what, _ in faults(certificate=junk, ca=junk)] == ["key", "ca"]
    [(what, said)] = faults(key=made / "run.key")
    assert what == "key" and "key values mismatch" in said
    locked = tmp_path / "locked.key"
    _make(made, f"openssl ec -aes128 -passout pass:hello -in host.key -out {locked}")
    [(what, said)] = faults(key=locked)
    assert what == "key" and "without a password" in said
    [(what, said)] = faults(certificate=made / "foreign.pem")
    assert what == "certificate" and "unable to get local issuer certificate" in said
    [(what, said)] = faults(host="10.1.2.3")
    assert what == "certificate" and "not valid for '10.1.2.3'; where machines share it, set name" in said
    [(what, said)] = faults(name="another")
    assert what == "name" and "not valid for 'another'" in said
    assert [what for what, _ in faults(name="no..name")] == ["certificate"]
    old = tmp_path / "old.pem"
    _make(made, f"openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -days 0 -copy_extensions copy -out {old}")
    time.sleep(1.1)
    [(what, said)] = faults(certificate=old)
    assert what == "certificate" and "expired" in said
