"""Large values over Arrow Flight: who asks shows the token with the call, who answers shows it with the schema."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pyarrow.flight as flight

from planner.runtime.values import Form, Packed, read_stream
from planner.runtime.wire import Line

__all__ = ["fetch"]


def fetch(
    line: Line, client: flight.FlightClient, task: int, taker: int, form: Form, head: bytes, lengths: Sequence[int]
) -> Packed:
    """Fetch a value from the slot that holds it, and tell the slot that it arrived.

    What comes may have a pickle stream in it. So the answer has to bear the mark of this one question, and only who
    knows the token can make that.

    Parameters
    ----------
    line : Line
    client : pyarrow.flight.FlightClient
        Of the slot that holds it.
    task, taker : int
        Whose value, and for which slot (-1: the driver).
    form, head, lengths
        As the value was announced.

    Raises
    ------
    pyarrow.ArrowException
        If the slot cannot be reached, does not hold the value, or does not know the token.
    """
    ticket = f"{task} {secrets.token_hex(16)}".encode()
    reader = client.do_get(flight.Ticket(ticket), line.options())
    packed = read_stream(form, head, lengths, reader, line.mark(ticket))
    list(client.do_action(flight.Action("taken", f"{task} {taker}".encode()), line.options()))
    return packed
