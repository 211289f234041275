"""Every door of a run, tried by those who do not have its token: all of it on real sockets."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from planner.runtime.coordinator import Coordinator
from planner.runtime.fetch import fetch
from planner.runtime.inbox import Inbox
from planner.runtime.journal import Journal
from planner.runtime.keeper import PlanKeeper
from planner.runtime.messages import End, Hello
from planner.runtime.outbox import Outbox, OutboxServer
from planner.runtime.queues import Work
from planner.runtime.slot import SlotConfig, run_slot
from planner.runtime.slot_queue import Entry, Record, SlotQueue
from planner.runtime.values import pack
from planner.runtime.wire import Line, local_address, new_token

pytestmark = pytest.mark.timeout(60)
LINE = Line(new_token())
OTHER_RUN = Line(new_token())
DOORS = {"coordinator": ("clock", "hello", "report"), "outbox": ("watch", "want", "taken")}


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


@pytest.fixture
def crater(tmp_path: Path) -> Iterator[Path]:
    """Where the bomb would leave its traces; there must be none."""
    yield tmp_path / "gone-off"
    assert not (tmp_path / "gone-off").exists()


def test_the_bomb_does_go_off_when_it_is_read(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(_Bomb(tmp_path / "gone-off")))
    assert (tmp_path / "gone-off").exists()
    with pytest.raises(FileExistsError):
        LINE.decode(LINE.encode(_Bomb(tmp_path / "gone-off")))


class _House:
    """One of the two servers, with the value of task 0 in it, and a slot that says hello."""

    def __init__(self, which: str, host: str = "127.0.0.1") -> None:
        self.which = which
        self.outbox = Outbox()
        self.outbox.keep(0, pack(np.arange(100_000)), (-1, 5))
        self.server: Any
        if which == "outbox":
            self.server = OutboxServer(self.outbox, host, LINE, lambda wants, slot, epoch: None)
        else:
            keeper = PlanKeeper([0], [[]], [0], 1)
            work = Work((Entry(0, "a", inputs=(0,)),), (), frozenset(), strict=False)  # it waits for itself
            self.server = Coordinator(keeper, work, host, LINE, Journal(None), ["a"])
        self.port = int(self.server.port)
        self.address = f"grpc://{host}:{self.port}"

    def serves(self) -> None:
        """Fail unless somebody with the token is still served."""
        with LINE.client(self.address) as client:
            if self.which == "outbox":
                value = fetch(LINE, client, 0, 5, "pickle", pack(np.arange(100_000)).head, [800_000])
                assert value.size > 800_000
                self.outbox.keep(0, pack(np.arange(100_000)), (5,))
                assert list(client.do_action(flight.Action("taken", b"7 7"), LINE.options())) == []
            else:
                [answer] = client.do_action(flight.Action("clock", b""), LINE.options())
                assert abs(LINE.decode(answer.body) - time.monotonic_ns() // 1000) < 10**7

    def close(self) -> None:
        self.outbox.close()
        if self.which == "coordinator":
            self.server.cancel("the test is over")
        self.server.shutdown()


@pytest.fixture(params=DOORS)
def house(request: pytest.FixtureRequest) -> Iterator[_House]:
    made = _House(request.param)
    yield made
    made.serves()  # whatever was tried
    made.close()


# Who calls ---------------------------------------------------------------------------------------------------------


def _shows(*headers: tuple[bytes, bytes]) -> flight.FlightCallOptions:
    return flight.FlightCallOptions(headers=list(headers))


STRANGERS = {
    "no token": None,
    "wrong token": Line("wrong").options(),
    "empty token": Line("").options(),
    "token of another run": OTHER_RUN.options(),
    "two wrong tokens": _shows((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")),
    "the token itself": _shows((b"authorization", f"Bearer {LINE.token}".encode())),
    "another header": _shows((b"token", LINE._shown)),
    "a part of it": _shows((b"authorization", LINE._shown[:-1])),
    "no text": _shows((b"authorization", b"\xff\xfe")),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_is_refused_unread(house: _House, stranger: str, crater: Path) -> None:
    options, bomb = STRANGERS[stranger], pickle.dumps(_Bomb(crater))
    refused = flight.FlightUnauthenticatedError if stranger != "no text" else flight.FlightError
    described = flight.FlightDescriptor.for_command(bomb)
    with flight.FlightClient(house.address) as client:
        for action in (*DOORS["coordinator"], *DOORS["outbox"], "dance"):
            for body in (bomb, LINE.encode(_Bomb(crater)), b"0", b""):
                with pytest.raises(refused):
                    list(client.do_action(flight.Action(action, body), options))
        with pytest.raises(refused):
            client.do_get(flight.Ticket(b"0"), options).read_all()
        with pytest.raises(refused):
            list(client.list_actions(options))
        with pytest.raises(refused):
            list(client.list_flights(options=options))
        with pytest.raises(refused):
            client.get_flight_info(described, options)
        with pytest.raises((refused, OSError)):
            client.get_schema(described, options)
        for opened in (client.do_put, client.do_exchange):
            with pytest.raises(refused):
                _push(opened, described, options)
        with pytest.raises(flight.FlightError):
            client.authenticate_basic_token(b"user", LINE.token.encode())
    if house.which == "coordinator":
        assert not house.server._mailboxes, "nobody has said hello"


def _push(opened: Callable[..., Any], described: flight.FlightDescriptor, options: Any) -> None:
    if opened.__name__ == "do_put":
        writer, reader = opened(described, pa.schema([]), options)
    else:
        writer, reader = opened(described, options)
    with writer:
        reader.read()


def test_who_has_the_token_is_read_only_under_the_seal(house: _House, crater: Path) -> None:
    """The header may have been heard by others on a network without TLS; nothing is unpickled for it alone."""
    bomb = pickle.dumps(_Bomb(crater))
    forged = [bomb, OTHER_RUN.encode(_Bomb(crater)), bytes(32) + bomb, LINE.seal(b"")[:32] + bomb, b"", b"x", bytes(40)]
    forged.append(LINE.mark(bomb) + bomb)  # what a fetch answers with is no seal
    with LINE.client(house.address) as client:
        for action in ("hello", "report") if house.which == "coordinator" else ("want",):
            for body in forged:
                with pytest.raises(flight.FlightUnauthenticatedError, match="does not bear the seal of the run"):
                    list(client.do_action(flight.Action(action, body), LINE.options()))


def test_sealed_nonsense_is_an_error_of_that_call_alone(house: _House) -> None:
    with LINE.client(house.address) as client:
        for body in (LINE.seal(b"no pickle"), LINE.seal(b""), LINE.encode(None)):
            for action in DOORS[house.which]:
                if action != "clock":
                    with pytest.raises(pa.ArrowException):
                        list(client.do_action(flight.Action(action, body), LINE.options()))
        for ticket in (b"", b"x", b"99", b"\xff", b"0x0 1", b"-1 2"):
            with pytest.raises((pa.ArrowException, NotImplementedError)):
                client.do_get(flight.Ticket(ticket), LINE.options()).read_all()


def test_a_huge_header_is_refused(house: _House) -> None:
    for size in (20_000, 200_000, 5_000_000):
        with flight.FlightClient(house.address) as client, pytest.raises(pa.ArrowException):
            list(client.do_action(flight.Action("clock", b""), _shows((b"authorization", b"B" * size))))


NOISE = {
    "zeros": bytes(100_000),
    "random": np.random.default_rng(0).bytes(100_000),
    "HTTP/1": b"POST / HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer x\r\n\r\n" * 100,
    "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "HTTP/2, then noise": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + np.random.default_rng(1).bytes(10_000),
    "nothing": b"",
}


def test_noise_on_the_port_disturbs_nobody(house: _House) -> None:
    silent = [socket.create_connection(("127.0.0.1", house.port)) for _ in range(50)]
    for noise in NOISE.values():
        with socket.create_connection(("127.0.0.1", house.port), timeout=5) as line, contextlib.suppress(OSError):
            line.sendall(noise)
            line.shutdown(socket.SHUT_WR)
            while line.recv(65536):
                pass
    house.serves()
    for line in silent:
        line.close()


# Who answers -------------------------------------------------------------------------------------------------------


class _Liar(flight.FlightServerBase):  # type: ignore[misc]
    """Has taken over the port of one who had the token: it serves all who come, and would like to be unpickled."""

    def __init__(self, answers: list[bytes], buffers: list[bytes], mark: bytes | None = None) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self.answers, self.buffers, self.mark = answers, buffers, mark
        self.heard: list[bytes] = []
        self.address = f"grpc://127.0.0.1:{self.port}"

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[flight.Result]:
        self.heard.append(action.body.to_pybytes())
        return iter([flight.Result(answer) for answer in self.answers])

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.FlightDataStream:
        marked = {} if self.mark is None else {b"planner.mark": self.mark}
        schema = pa.schema([("chunk", pa.large_binary())], metadata=marked)
        return flight.RecordBatchStream(pa.Table.from_pydict({"chunk": self.buffers}, schema=schema))


@contextlib.contextmanager
def _noisy(noise: bytes) -> Iterator[int]:
    """A port that answers every connection with noise, and none where that is empty: it hears, and is silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    kept.append(line)
                    if noise:
                        line.sendall(noise)
                        line.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for line in kept:
            line.close()


def _lies(crater: Path) -> dict[str, list[bytes]]:
    bomb = _Bomb(crater)
    return {
        "pickle": [pickle.dumps(bomb)],
        "wrong token": [OTHER_RUN.encode(bomb)],
        "noise": [np.random.default_rng(2).bytes(5000)],
        "nothing": [b""],
    }


@pytest.mark.parametrize("lie", ["pickle", "wrong token", "noise", "nothing"])
@pytest.mark.parametrize("machine", ["this", "another"])
def test_a_slot_does_not_believe_a_coordinator_without_the_token(lie: str, machine: str, crater: Path) -> None:
    from planner.runtime.process import boot_id

    liar = _Liar(_lies(crater)[lie], [])
    config = SlotConfig(("127.0.0.1", liar.port), LINE, 0, "0", 0, machine=boot_id() if machine == "this" else "moon")
    with pytest.raises((ConnectionError, flight.FlightUnauthenticatedError), match="does not bear the seal of the run"):
        run_slot(config)
    assert liar.heard, "it has been asked"
    assert not any(LINE.token.encode() in body for body in liar.heard)
    liar.shutdown()


@pytest.mark.parametrize("noise", ["random", "HTTP/1", "zeros"])
def test_a_slot_that_hears_noise_instead_of_its_coordinator_ends(noise: str) -> None:
    with _noisy(NOISE[noise]) as port, pytest.raises((ConnectionError, flight.FlightError), match="connect"):
        run_slot(SlotConfig(("127.0.0.1", port), LINE, 0, "0", 0, machine="moon"))


def _inbox(address: str, told: list[tuple[int, str]]) -> Inbox:
    entry = Entry(1, "b", inputs=(0,), takes=frozenset({0}))
    queue = SlotQueue(0, (entry,), uses={0: 1}, peers=(1,))
    inbox = Inbox(queue, LINE, lambda peer, why: told.append((peer, why)), lambda *_: None, lambda *_: None)
    inbox.connect({1: address}, [1])
    return inbox


def _until(true: Callable[[], object], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("lie", ["pickle", "wrong token", "noise", "nothing"])
def test_a_slot_does_not_believe_a_peer_without_the_token(lie: str, crater: Path) -> None:
    liar, told = _Liar(_lies(crater)[lie], []), []
    inbox = _inbox(liar.address, told)
    _until(lambda: told)
    [(peer, why)] = told
    assert peer == 1
    assert why.startswith(f"slot 0 cannot reach it at {liar.address}: what came does not bear the seal of the run")
    inbox.close()
    liar.shutdown()


@pytest.mark.parametrize("noise", ["random", "HTTP/1", "zeros"])
def test_a_slot_that_hears_noise_instead_of_its_peer_says_so(noise: str) -> None:
    told: list[tuple[int, str]] = []
    with _noisy(NOISE[noise]) as port:
        inbox = _inbox(f"grpc://127.0.0.1:{port}", told)
        _until(lambda: told)
    assert told[0][0] == 1 and "cannot reach it" in told[0][1]
    inbox.close()


@pytest.mark.parametrize(
    "mark", [None, b"", b"x" * 32, OTHER_RUN.mark(b"0 1")], ids=["none", "empty", "noise", "other"]
)
@pytest.mark.parametrize("form", ["pickle", "table"])
def test_a_large_value_of_one_without_the_token_is_not_opened(mark: bytes | None, form: Any, crater: Path) -> None:
    bomb = pickle.dumps(_Bomb(crater))
    liar = _Liar([], [bomb], mark)
    with LINE.client(liar.address) as client, pytest.raises(flight.FlightUnauthenticatedError, match="bear the mark"):
        fetch(LINE, client, 0, 1, form, b"", [len(bomb)]).open(own=True)
    liar.shutdown()


def test_a_mark_is_for_one_question() -> None:
    assert LINE.mark(b"0 a") != LINE.mark(b"0 b") != OTHER_RUN.mark(b"0 b")


def test_a_result_of_one_without_the_token_is_not_opened_and_the_slot_is_given_up(crater: Path) -> None:
    bomb = pickle.dumps(_Bomb(crater))
    liar = _Liar([], [bomb])
    coordinator = _House("coordinator").server
    from planner.runtime.messages import Finished

    with LINE.client(f"grpc://127.0.0.1:{coordinator.port}") as client:
        threading.Thread(
            target=lambda: list(
                client.do_action(flight.Action("hello", LINE.encode(Hello(0, 0, liar.address))), LINE.options())
            ),
            daemon=True,
        ).start()
        _until(lambda: coordinator._mailboxes)
        finished = Finished(0, 0, (Record(0, 0, 1, 0, 0, 0, None, None, 0, len(bomb)),), running=None)
        body = LINE.encode((finished, {0: ("pickle", b"", [len(bomb)])}, []))
        list(client.do_action(flight.Action("report", body), LINE.options()))
        _until(lambda: coordinator.keeper.lost)
    assert coordinator.results == {}
    assert "does not bear the mark of the run" in coordinator.keeper.lost[0]
    coordinator.shutdown()
    liar.shutdown()


# Where they listen -------------------------------------------------------------------------------------------------


def _listening() -> set[tuple[str, int]]:
    """Addresses and ports on which this machine listens, both families."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A":
                address, port = local.split(":")
                found.add((address.removeprefix("0" * 16 + "FFFF0000"), int(port, 16)))
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc")
@pytest.mark.parametrize("which", DOORS)
def test_a_server_listens_on_the_address_given_and_on_no_other(which: str) -> None:
    house = _House(which, "127.0.0.2")
    assert {address for address, port in _listening() if port == house.port} == {"0200007F"}
    house.serves()
    for other in ("127.0.0.1", "127.0.0.3"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((other, house.port), timeout=5)
    house.close()


def test_a_slot_listens_where_its_coordinator_sees_it() -> None:
    assert local_address("127.0.0.1", 1) == "127.0.0.1"
    coordinator = _House("coordinator").server
    config = SlotConfig(("127.0.0.1", coordinator.port), LINE, 0, "0", 0)
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(run_slot(config)))
    thread.start()
    _until(lambda: 0 in coordinator.keeper.members.addresses)
    host, port = coordinator.keeper.members.addresses[0].removeprefix("grpc://").split(":")
    assert host == "127.0.0.1"
    assert {address for address, other in _listening() if other == int(port)} == {"0100007F"}
    coordinator.cancel("the test is over")
    thread.join(20)
    assert ended and ended[0].took_part
    coordinator.shutdown()


def test_addresses_of_both_families() -> None:
    assert LINE.address("10.0.0.1", 5) == "grpc://10.0.0.1:5"
    assert LINE.address("fe80::1", 5) == LINE.address("[fe80::1]", 5) == "grpc://[fe80::1]:5"


# What is shown -----------------------------------------------------------------------------------------------------


def test_no_text_of_what_has_the_token_shows_it() -> None:
    config = SlotConfig(("127.0.0.1", 1), LINE, 0, "0", 0)
    assert pickle.loads(pickle.dumps(config)).line.token == LINE.token
    texts = [f"{thing!r} {thing!s}" for thing in (LINE, config, vars(config), LINE.server("127.0.0.1"))]
    try:
        LINE.decode(b"x" * 100)
    except flight.FlightUnauthenticatedError as error:
        texts.append(f"{error!r} {error}")
    for text in texts:
        for secret in (LINE.token, LINE._shown.decode(), LINE._key.hex(), repr(LINE._key)):
            assert secret not in text
    assert isinstance(End(0), End)


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000 and {len(token) for token in tokens} == {64}
