"""A request that is refused, or never answered, fails its step unless the step expects that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.sip.message import Message
from tests.support.scenarios import Perform
from tests.support.sip_peer import SipPeer

HEAD = """\
timeout: 4
defaults: {{bind: 127.0.0.1, codecs: [PCMA]}}
endpoints: {{alice: }}
steps:
  - call: {{from: alice, to: "{uri}"}}
  - expect: {{on: alice, state: confirmed}}
  - {step}
"""
IN_CALL = [
    "transfer: {on: alice, to: 'sip:third@127.0.0.1:9'}",
    "hold: {on: alice}",
    "reinvite: {on: alice}",
    "update: {on: alice}",
    "info: {on: alice, body: hello}",
    "message: {on: alice, text: hello}",
    "message: {from: alice, to: '%s', text: hello}",
    "options: {on: alice}",
    "options: {from: alice, to: '%s'}",
    "request: {from: alice, to: '%s', method: NOTIFY}",
    "dtmf: {on: alice, digits: '1', method: info}",
]


@contextmanager
def refusing(
    code: int, *, accepts: tuple[str, ...] = ("INVITE", "BYE"), rings: bool = False
) -> Iterator[SipPeer]:
    """A peer that accepts an INVITE and answers other methods with ``code``; 0 sends no response."""

    def answer(request: Message) -> None:
        begins = request.method == "INVITE" and request.to_tag is None
        if request.method == "ACK":
            return
        if begins and rings:
            peer.reply(request, 180)
        elif begins:
            peer.reply(request, 200, body=peer.sdp)
        elif request.method in accepts and request.method != "INVITE":
            peer.reply(request, 202 if request.method == "REFER" else 200)
        elif code:
            peer.reply(request, code, "Refused")

    with SipPeer() as peer, peer.serving(answer):
        yield peer


def performed(perform: Perform, peer: SipPeer, step: str) -> str:
    """Why the scenario with this step failed; empty when it passed."""
    step = step.replace("%s", peer.uri)
    done = perform(HEAD.format(uri=peer.uri, step=step))
    return str(done.error) if done.error is not None else ""


@pytest.mark.parametrize("step", IN_CALL)
def test_refused(step: str, perform: Perform) -> None:
    with refusing(603) as peer:
        assert "603" in performed(perform, peer, step)


def test_refusals_that_are_expected(perform: Perform) -> None:
    """One call does them all: a refused request leaves it as it was."""
    wanted = [
        f"{step[:-1]}, code: {code}}}" for step in IN_CALL if "dtmf" not in step for code in (603, "any")
    ]
    with refusing(603) as peer:
        assert performed(perform, peer, "\n  - ".join(wanted)) == ""


@pytest.mark.parametrize("step", [one for one in IN_CALL if one.split(":")[0] not in {"hold", "reinvite"}])
def test_unanswered(step: str, perform: Perform) -> None:
    """No code makes up for an answer that never came."""
    with refusing(0) as peer:
        asked = step[:-1] + (", timeout: 0.6}" if "dtmf" in step else ", code: any, timeout: 0.6}")
        message = performed(perform, peer, asked)
        assert "no answer" in message or "answered with nothing" in message


def test_notify_never_came(perform: Perform) -> None:
    with refusing(0, accepts=("REFER", "BYE")) as peer:
        message = performed(perform, peer, IN_CALL[0][:-1] + ", timeout: 0.5}")
        assert "the transfer was not over within" in message
        assert "REFER answered with 202" in message


@pytest.mark.parametrize("code", [481, 0])
def test_bye_that_is_not_accepted(code: int, perform: Perform) -> None:
    with refusing(code, accepts=()) as peer:
        message = performed(perform, peer, "hangup: {on: alice, timeout: 0.8}")
        assert ("481" if code else "no answer to BYE") in message
        if code:
            assert performed(perform, peer, "hangup: {on: alice, code: 481}") == ""


@pytest.mark.parametrize("code", [486, 0])
def test_cancel_that_does_not_end_in_487(code: int, perform: Perform) -> None:
    ringing = "steps:\n  - call: {{from: alice, to: '{uri}'}}\n  - expect: {{on: alice, state: early}}\n"
    text = HEAD.partition("steps:")[0] + ringing + "  - cancel: {{on: alice, timeout: 0.8{code}}}\n"
    with refusing(code, rings=True) as peer:
        assert perform(text.format(uri=peer.uri, code="")).error is not None
