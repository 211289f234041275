"""Only those who show the run's token are served, and nothing of the others' is unpickled."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pyarrow.flight as flight
import pytest

from planner.runtime.coordinator import Coordinator
from planner.runtime.journal import Journal
from planner.runtime.keeper import PlanKeeper
from planner.runtime.outbox import Outbox, OutboxServer
from planner.runtime.queues import Work
from planner.runtime.wire import Line


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


@pytest.fixture(params=["coordinator", "outbox"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "outbox":
        outbox = Outbox()
        slot = OutboxServer(outbox, "127.0.0.1", Line("secret"))
        yield slot.address
        outbox.close()
        slot.shutdown()
        return
    keeper = PlanKeeper([0], [[]], [0], 1)
    server = Coordinator(keeper, Work((), (), frozenset(), False), "127.0.0.1", Line("secret"), Journal(None), ["a"])
    yield f"grpc://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.mark.parametrize("options", [None, Line("wrong").options(), Line("").options()], ids=["none", "wrong", "empty"])
def test_a_stranger_is_refused_unread(address: str, options: flight.FlightCallOptions | None, tmp_path: Path) -> None:
    bomb = pickle.dumps(_Bomb(tmp_path / "gone-off"))
    with flight.FlightClient(address) as client:
        for action in ("hello", "report", "clock", "watch", "taken"):
            with pytest.raises(flight.FlightUnauthenticatedError):
                list(client.do_action(flight.Action(action, bomb), options))
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.do_get(flight.Ticket(b"0"), options).read_all()
    assert not (tmp_path / "gone-off").exists()


def test_the_bomb_does_go_off_when_it_is_read(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(_Bomb(tmp_path / "gone-off")))
    assert (tmp_path / "gone-off").exists()
