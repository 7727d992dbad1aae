"""bot.ua.echo_passes: passes through the codec, by the Server header field of the peer."""

from typing import cast

import pytest

from bot.config.endpoint import EndpointConfig
from bot.ua.call import Call
from bot.ua.echo_passes import ECHO, passes_of, said_to_echo


class Peer:
    """A call whose peer has these headers."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.header = headers.get


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, 1),
        ({"User-Agent": "srtpbot"}, 1),
        ({"User-Agent": "Parrot FX"}, 1),
        ({"Server": "srtpbot (parrot)"}, 2),
        ({"Server": "Asterisk PBX 20.1.0"}, 1),
    ],
)
def test_only_a_peer_that_says_so_is_known_to_echo(headers: dict[str, str], passes: int) -> None:
    assert passes_of(cast("Call", Peer(headers))) == passes


def test_a_parrot_says_that_it_echoes_beside_what_it_is_told_to_say() -> None:
    config = EndpointConfig(headers={"200 INVITE": {"X-Line": "7"}, "200 BYE": {"X-Charge": "1"}})

    assert said_to_echo(config).headers == {
        "200 INVITE": {"X-Line": "7", "Server": ECHO},
        "200 BYE": {"X-Charge": "1"},
    }


@pytest.mark.parametrize("kind", ["200 INVITE", "200", "*"])
def test_a_server_that_was_named_stays(kind: str) -> None:
    config = EndpointConfig(headers={kind: {"server": "mine"}})

    assert said_to_echo(config) is config
