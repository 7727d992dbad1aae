"""The library's log: as many levels as were asked for, errors and warnings in the journal."""

from __future__ import annotations

import pytest

from bot.ipc.events import NativeLogged
from tests.support.registrar import Registrar
from tests.support.starting import NewEndpoint, connect, until


def lines(level: int, new_endpoint: NewEndpoint) -> list[str]:
    """What the library says up to a level in a call."""
    texts: list[str] = []
    connect(new_endpoint(log_level=level, on_log=texts.append), new_endpoint())
    return texts


def test_each_level_says_more(new_endpoint: NewEndpoint) -> None:
    counts = [len(lines(level, new_endpoint)) for level in (0, 3, 4, 5)]
    assert counts == sorted(set(counts)), counts


@pytest.mark.parametrize("level", [0, 5])
def test_an_error_is_in_the_journal_at_every_level(level: int, new_endpoint: NewEndpoint) -> None:
    with Registrar() as registrar:
        endpoint = new_endpoint(
            log_level=level, id="sip:alice@127.0.0.1", user="alice", password="x", registrar=registrar.uri
        )

        def logged() -> list[NativeLogged]:
            events = [entry.event for entry in endpoint.journal.recent()]
            return [event for event in events if isinstance(event, NativeLogged)]

        until(endpoint, lambda: any("SIP registration error" in one.text for one in logged()))
        assert {one.level for one in logged()} <= {1, 2}
