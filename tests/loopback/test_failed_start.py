"""An endpoint whose library cannot start entirely: the error has the reason, and the agent ends in order."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from bot import Endpoint, Journal, NativeError
from bot.config import AccountConfig
from bot.ipc import AgentCrashed, AgentStopped, Event
from tests.support.starting import LOOPBACK

BAD_PROXY = 'sip:127.0.0.1;lr;x="a'
"""To the library no URI: a quote that is not closed."""


def ends(**settings: Any) -> list[Event]:
    """How the agent ends that cannot start with these settings."""
    journal = Journal()
    endpoint = Endpoint(bind=LOOPBACK, journal=journal, **settings)
    with pytest.raises(NativeError, match="Invalid URI"):
        endpoint.start()
    return [entry.event for entry in journal.recent() if isinstance(entry.event, AgentStopped | AgentCrashed)]


@pytest.mark.parametrize(
    "settings",
    [{}, {"accept_registrations": True}, {"transports": ("tcp",)}, {"headers": {"200": {"X": "1"}}}],
)
def test_an_account_that_the_library_refuses(settings: dict[str, Any]) -> None:
    assert [type(event) for event in ends(proxy=BAD_PROXY, **settings)] == [AgentStopped]


def test_an_account_that_is_refused_after_another_has_begun_to_register() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as registrar:
        registrar.bind((LOOPBACK, 0))
        refused = AccountConfig(id="sip:b@127.0.0.1", proxy=BAD_PROXY)
        uri = f"sip:{LOOPBACK}:{registrar.getsockname()[1]}"
        assert [type(event) for event in ends(registrar=uri, accounts=(refused,))] == [AgentStopped]
