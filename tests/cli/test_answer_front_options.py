"""The options of ``srtpbot answer`` for many calls at once: mistakes, and what is printed."""

from __future__ import annotations

import pytest

from tests.support.commands import NewBot
from tests.support.process import OK, TROUBLE, USAGE
from tests.support.sip_peer import SipPeer


def test_a_port_in_use(answer: NewBot) -> None:
    with SipPeer("sip:127.0.0.1:9") as peer:
        bot = answer("--calls-at-once", "2", "--front", "redirect", "--port", str(peer.port))
        assert bot.end() == TROUBLE
    assert f"cannot listen on udp 127.0.0.1:{peer.port}" in bot.stderr


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--front", "redirect", "--transport", "tcp"], "--front redirect listens by udp only"),
        (["--front", "kamailio", "--max-calls-per-source", "2"], "--max-calls-per-source: --front kamailio"),
        (["--front", "kamailio", "--registrar", "sip:127.0.0.1"], "--registrar: agents behind a front"),
        (["--drain", "5"], "--drain: one agent without --front"),
        (["--front", "nginx"], "'nginx' is not one of 'kamailio', 'redirect'"),
        (["--calls-at-once", "0"], "0 is not in the range"),
    ],
)
def test_usage(options: list[str], error: str, answer: NewBot) -> None:
    bot = answer(*options)
    assert bot.end() == USAGE
    assert error in bot.stderr


def test_print_front(answer: NewBot) -> None:
    bot = answer("--print-front", "--port", "5066", "--max-invite-rate", "7")
    assert bot.end() == OK
    first, *lines = bot.stdout.splitlines()
    assert first == "#!KAMAILIO"
    assert {"#!define FRONT_HOST 127.0.0.1", "#!define FRONT_PORT 5066", "#!define FRONT_INVITES 7"} <= {
        *lines
    }
    assert 'modparam("dispatcher", "list_file", FRONT_WORKERS)' in lines
