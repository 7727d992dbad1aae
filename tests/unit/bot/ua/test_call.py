"""bot.ua.call: methods send commands; waits for a state, an ACK or a renegotiation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.errors import CallEnded, CallFailed, ConfigError, WaitTimeout
from bot.ipc.commands import (
    Answer,
    AnyCommand,
    Hangup,
    Loopback,
    Measure,
    Play,
    Record,
    Reinvite,
    SdpEdit,
    SendDtmf,
    Update,
)
from bot.ipc.events import SipSent, Wired
from bot.model import CallState, Direction, MediaDirection
from bot.sip.headers import header_list
from bot.ua.call import Call
from bot.ua.requests import SentRequest
from tests.support.fakes import LONG, PEER, Line, Rig, at_once, audio, done, message, while_waiting

EDIT = ("^a=sendrecv", "a=sendonly")


# ---- what is known


def test_number_direction_state_and_media(rig: Rig, line: Line) -> None:
    call = line.call
    assert (call.number, call.direction, call.state) == (1, Direction.OUTGOING, CallState.CONFIRMED)
    assert call.media == (audio(),)
    assert str(call) == repr(call) == f"srtpbot: call 1 to {PEER}"
    assert str(rig.incoming().call) == f"srtpbot: call 2 from {PEER}"


# ---- verbs


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        (lambda call: call.answer(), Answer(call=1)),
        (lambda call: call.answer(after=0.5), Answer(call=1, after_s=0.5)),
        (
            lambda call: call.answer(488, reason="No", headers={"Warning": "304"}),
            Answer(call=1, code=488, reason="No", headers=[("Warning", "304")]),
        ),
        (lambda call: call.ring(), Answer(call=1, code=180)),
        (
            lambda call: call.ring(183, reason="Wait", headers={"X-A": "1", "X-B": "2"}),
            Answer(call=1, code=183, reason="Wait", headers=[("X-A", "1"), ("X-B", "2")]),
        ),
        (lambda call: call.hangup(), Hangup(call=1)),
        (
            lambda call: call.hangup(603, reason="Decline", headers={"Reason": "Q.850"}),
            Hangup(call=1, code=603, reason="Decline", headers=[("Reason", "Q.850")]),
        ),
        (lambda call: call.answer(edit_sdp=[EDIT]), Answer(call=1, edit_sdp=[EDIT])),
        (lambda call: call.ring(183, edit_sdp=[EDIT]), Answer(call=1, code=183, edit_sdp=[EDIT])),
        (lambda call: call.hold(), Reinvite(call=1, direction=MediaDirection.SENDONLY)),
        (lambda call: call.unhold(), Reinvite(call=1, direction=MediaDirection.SENDRECV)),
        (lambda call: call.reinvite(), Reinvite(call=1)),
        (
            lambda call: call.reinvite(
                direction=MediaDirection.RECVONLY,
                offer=False,
                rekey=True,
                edit_sdp=[EDIT],
                headers={"X-A": "1"},
            ),
            Reinvite(
                call=1,
                direction=MediaDirection.RECVONLY,
                offer=False,
                rekey=True,
                edit_sdp=[EDIT],
                headers=[("X-A", "1")],
            ),
        ),
        (lambda call: call.update(), Update(call=1)),
        (
            lambda call: call.update(
                direction=MediaDirection.INACTIVE, rekey=True, edit_sdp=[EDIT], headers={"X-A": "1"}
            ),
            Update(
                call=1,
                direction=MediaDirection.INACTIVE,
                rekey=True,
                edit_sdp=[EDIT],
                headers=[("X-A", "1")],
            ),
        ),
        (lambda call: call.loopback(), Loopback(call=1)),
        (lambda call: call.loopback(False), Loopback(call=1, on=False)),
        (lambda call: call.measure(), Measure(call=1)),
    ],
)
def test_a_verb_is_a_command(
    rig: Rig, call: Call, verb: Callable[[Call], object], command: AnyCommand
) -> None:
    verb(call)
    assert rig.driver.commands[-1] == command


def test_answer_and_ring_return_the_call(call: Call) -> None:
    assert call.answer() is call
    assert call.ring() is call


@pytest.mark.parametrize("code", [0, 99, 700, -200])
def test_invalid_status_codes_are_refused(rig: Rig, call: Call, code: int) -> None:
    with pytest.raises(ConfigError, match="not a SIP status code"):
        call.answer(code)
    assert rig.driver.told(Answer) == []


@pytest.mark.parametrize("verb", [Call.answer, Call.hangup])
def test_a_reason_is_one_line(verb: Callable[..., object], rig: Rig, call: Call) -> None:
    with pytest.raises(ConfigError, match=r"reason: contains a line break"):
        verb(call, 486, reason="Nope\r\nX-Injected: 1")
    assert [*rig.driver.told(Answer), *rig.driver.told(Hangup)] == []


VERBS: list[Callable[[Call], Any]] = [
    lambda call: call.answer(),
    lambda call: call.ring(),
    lambda call: call.hangup(),
    lambda call: call.hold(),
    lambda call: call.unhold(),
    lambda call: call.update(),
    lambda call: call.loopback(),
    lambda call: call.send_dtmf("1"),
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_method_fails_after_the_end(rig: Rig, call: Call, verb: Callable[[Call], object]) -> None:
    for command in (Answer, Hangup, Reinvite, Update, Loopback, SendDtmf):
        rig.driver.refuse(command, "ended", "call 1 has ended")
    with pytest.raises(CallEnded, match="call 1 has ended"):
        verb(call)


def test_play_and_record_fail_after_the_end(rig: Rig, call: Call, sound: Path, tmp_path: Path) -> None:
    rig.driver.refuse(Play, "ended", "call 1 has ended")
    rig.driver.refuse(Record, "ended", "call 1 has ended")
    with pytest.raises(CallEnded):
        call.play(sound)
    with pytest.raises(CallEnded):
        call.record(tmp_path / "rx.wav")
    assert call.recordings == []


def test_measuring_minds_no_end(rig: Rig, line: Line) -> None:
    rig.driver.refuse(Measure, "ended", "call 1 has ended")
    line.call.measure()
    line.ended()
    asked = len(rig.driver.told(Measure))
    line.call.measure()
    assert len(rig.driver.told(Measure)) == asked


# ---- headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Test": "1\r\nVia: evil"},
        {"X-Test": "1\nVia: evil"},
        {"X-Test": "1\rVia: evil"},
        {"X-Test\r\nVia": "evil"},
        {"X-Test": "\x00"},
        {"X Test": "1"},
        {"": "1"},
        {"X-Test\u00e4": "1"},
    ],
)
def test_headers_that_are_refused(rig: Rig, call: Call, headers: dict[str, str]) -> None:
    verbs: list[Callable[[], object]] = [
        lambda: call.answer(headers=headers),
        lambda: call.ring(headers=headers),
        lambda: call.hangup(headers=headers),
    ]
    before = list(rig.driver.commands)
    for verb in verbs:
        with pytest.raises(ConfigError, match="not a header"):
            verb()
    assert rig.driver.commands == before


def test_headers_are_a_list_in_order() -> None:
    assert header_list({"X-B": "2", "X-A": " 1: one ", "X-Empty": ""}) == [
        ("X-B", "2"),
        ("X-A", "1: one"),
        ("X-Empty", ""),
    ]
    assert header_list(None) == []


# ---- waiting for a state


def test_wait_for_an_earlier_state(call: Call) -> None:
    assert call.wait(CallState.CALLING, timeout=0) is CallState.CONFIRMED


def test_wait_for_a_later_state(rig: Rig) -> None:
    line = rig.outgoing()
    with while_waiting(rig.journal, line.answered), at_once():
        assert line.call.wait(CallState.CONFIRMED, timeout=LONG) is CallState.CONFIRMED


def test_wait_for_either(rig: Rig) -> None:
    line = rig.outgoing()
    with while_waiting(rig.journal, lambda: line.state(CallState.EARLY, 180, "Ringing")), at_once():
        assert line.call.wait(CallState.CONFIRMED, CallState.EARLY, timeout=LONG) is CallState.EARLY


def test_wait_for_the_end(rig: Rig, line: Line) -> None:
    with while_waiting(rig.journal, line.ended), at_once():
        assert line.call.wait(timeout=LONG) is CallState.DISCONNECTED


def test_wait_fails_when_the_call_ends(rig: Rig) -> None:
    line = rig.outgoing()
    with (
        pytest.raises(CallFailed, match="waited for CONFIRMED, the call ended: 486 Busy Here"),
        at_once(),
        while_waiting(rig.journal, lambda: line.ended(486, "Busy Here")),
    ):
        line.call.wait(CallState.CONFIRMED, timeout=LONG)


def test_wait_fails_at_once_after_the_end(line: Line) -> None:
    line.ended()
    with pytest.raises(CallFailed, match="EARLY or INCOMING"), at_once():
        line.call.wait(CallState.EARLY, CallState.INCOMING, timeout=LONG)


def test_wait_in_vain(call: Call) -> None:
    with pytest.raises(WaitTimeout, match=r"not DISCONNECTED after 0\.05 s, still CONFIRMED"):
        call.wait(timeout=0.05)


# ---- what waits for the ACK (RFC 3261 15)


def test_hangup_waits_for_the_ack(rig: Rig) -> None:
    line = rig.incoming()
    line.state(CallState.CONNECTING, 200, "OK")
    hungup: list[int] = []

    def acknowledge() -> None:
        hungup.append(len(rig.driver.told(Hangup)))
        line.state(CallState.CONFIRMED, 200, "OK")

    with while_waiting(rig.journal, acknowledge), at_once():
        line.call.hangup()
    assert hungup == [0]
    assert rig.driver.last(Hangup) == Hangup(call=line.number)


@pytest.mark.parametrize("state", [CallState.CALLING, CallState.EARLY, CallState.INCOMING])
def test_hangup_waits_for_nothing_else(rig: Rig, state: CallState) -> None:
    line = rig.outgoing()
    line.state(state)
    line.call.hangup()
    assert len(rig.driver.told(Hangup)) == 1


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        (Call.hold, Reinvite(call=1, direction=MediaDirection.SENDONLY)),
        (Call.unhold, Reinvite(call=1, direction=MediaDirection.SENDRECV)),
    ],
)
def test_hold_waits_for_the_confirmation(rig: Rig, verb: Callable[[Call], None], command: AnyCommand) -> None:
    line = rig.outgoing()
    with while_waiting(rig.journal, line.answered), at_once():
        verb(line.call)
    assert rig.driver.commands[-1] == command


@pytest.mark.parametrize("verb", [Call.hold, Call.unhold])
def test_hold_is_hopeless_after_a_refusal(rig: Rig, verb: Callable[[Call], None]) -> None:
    line = rig.outgoing()
    line.ended(486, "Busy Here")
    with pytest.raises(CallFailed, match="486 Busy Here"), at_once():
        verb(line.call)
    assert rig.driver.told(Reinvite) == []


@pytest.mark.parametrize("direction", [MediaDirection.RECVONLY, MediaDirection.INACTIVE])
def test_who_is_held_holds_by_inactive(line: Line, rig: Rig, direction: MediaDirection) -> None:
    line.media(audio(direction=direction))
    line.call.hold()
    assert rig.driver.last(Reinvite).direction is MediaDirection.INACTIVE


def test_an_update_does_not_wait_for_the_confirmation(rig: Rig) -> None:
    line = rig.outgoing()
    line.call.update()
    assert rig.driver.last(Update) == Update(call=1)


@pytest.mark.parametrize(
    ("send", "method"), [(Call.reinvite, "INVITE"), (Call.update, "UPDATE")], ids=["reinvite", "update"]
)
def test_a_renegotiation_can_be_awaited(
    rig: Rig, line: Line, send: Callable[[Call], SentRequest], method: str
) -> None:
    def sends(number: int, command: AnyCommand) -> list[Wired]:
        text = message(f"{method} {PEER} SIP/2.0", line.dialog, f"7 {method}")
        return [SipSent(at=0.0, transport="udp", peer="127.0.0.1:5070", text=text), done(number)]

    rig.driver.reply_to(Reinvite, sends)
    rig.driver.reply_to(Update, sends)
    sent = send(line.call)
    assert sent.code is None
    line.received(message("SIP/2.0 491 Request Pending", line.dialog, f"7 {method}"))
    assert sent.wait(LONG, code=491) == 491


@pytest.mark.parametrize(
    "verb",
    [
        lambda call, edit: call.answer(edit_sdp=[edit]),
        lambda call, edit: call.reinvite(edit_sdp=[edit]),
        lambda call, edit: call.update(edit_sdp=[edit]),
    ],
)
@pytest.mark.parametrize("edit", [("a=(crypto", ""), ("a=crypto", r"\2")])
def test_an_invalid_sdp_edit_is_refused_before_sending(
    rig: Rig, call: Call, verb: Callable[[Call, SdpEdit], object], edit: SdpEdit
) -> None:
    before = list(rig.driver.commands)
    with pytest.raises(ConfigError, match=r"edit_sdp: 'a=\(?crypto"):
        verb(call, edit)
    assert rig.driver.commands == before
