"""Source and destination addresses of traced SIP messages, over every transport."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import Call, Endpoint, expect
from tests.support.certificates import Authority
from tests.support.starting import LOOPBACK, NewEndpoint


def ends(call: Call) -> set[tuple[str, str]]:
    """From where to where each message went."""
    return {(m.local, m.peer) if m.sent else (m.peer, m.local) for m in call.facts.messages}


def call_between(caller: Endpoint, callee: Endpoint, uri: str) -> tuple[Call, Call]:
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(uri)
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
    outgoing.hangup()
    expect(answered).to_be_disconnected()
    expect(outgoing).to_be_disconnected()
    return outgoing, answered


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_both_ends_tell_the_same(new_endpoint: NewEndpoint, transport: str) -> None:
    callee, caller = (new_endpoint(transports=(transport,)) for _ in range(2))
    outgoing, answered = call_between(caller, callee, callee.uri)
    (there, back) = sorted(ends(outgoing), key=lambda pair: pair[1] != outgoing.facts.messages[0].peer)
    assert there == tuple(reversed(back))
    assert ends(answered) == ends(outgoing)
    assert callee.ready is not None
    assert caller.ready is not None
    listens = f"{LOOPBACK}:{callee.ready.listeners[0].port}"
    assert there[1] == listens
    if transport == "udp":
        assert there[0] == f"{LOOPBACK}:{caller.ready.listeners[0].port}"
    else:
        assert there[0] != f"{LOOPBACK}:{caller.ready.listeners[0].port}"  # a connection has its own port


def test_bound_to_all_interfaces(new_endpoint: NewEndpoint) -> None:
    callee, caller = (new_endpoint(bind=None) for _ in range(2))
    assert callee.ready is not None
    port = callee.ready.listeners[0].port
    outgoing, answered = call_between(caller, callee, f"sip:callee@{LOOPBACK}:{port}")
    assert ends(outgoing) & ends(answered)
    assert all(one for pair in ends(outgoing) for one in pair)
    first = outgoing.facts.messages[0]
    assert first.local.startswith(f"{LOOPBACK}:")
    assert first.peer == f"{LOOPBACK}:{port}"


def test_tls(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    mine = authority.issue(LOOPBACK)
    callee = new_endpoint(transports=["tls"], tls_cert=mine.cert, tls_key=mine.key)
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca)
    outgoing, answered = call_between(caller, callee, callee.uri)
    assert ends(outgoing) == ends(answered)
    assert len(ends(outgoing)) == 2
    assert all(one.startswith(f"{LOOPBACK}:") for pair in ends(outgoing) for one in pair)
