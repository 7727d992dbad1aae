"""bot.ua.endpoint: outgoing and incoming calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, ConfigError, WaitTimeout
from bot.ipc.commands import MakeCall
from bot.ipc.events import CallStateChanged
from bot.model import CallState, Direction, EndedBy
from bot.ua.call import Call
from bot.ua.call_list import Awaited
from tests.support.fakes import LONG, PEER, Rig, at_once, measured, message, while_waiting


def test_make_call_sends_its_arguments(rig: Rig) -> None:
    call = rig.endpoint.make_call(PEER, headers={"X-Test": "42"}, ring_timeout=2.5)
    command = rig.driver.last(MakeCall)
    assert (command.uri, command.headers, command.ring_timeout_s) == (PEER, [("X-Test", "42")], 2.5)
    assert command.resolve_s == 0.0
    assert command.sip_call_id == call.facts.sip_call_id
    assert call.direction is Direction.OUTGOING
    assert rig.endpoint.calls == [call]
    assert rig.endpoint.call(call.number) is call


def test_a_host_name_may_take_its_time(rig: Rig) -> None:
    rig.endpoint.make_call("sip:bob@sip.example.org")
    assert rig.driver.last(MakeCall).resolve_s > 5


def test_each_call_has_its_own_dialog(rig: Rig) -> None:
    dialogs = {rig.endpoint.make_call(PEER).facts.sip_call_id for _ in range(4)}
    assert len(dialogs) == 4


@pytest.mark.parametrize(
    ("transports", "uri", "sent"),
    [
        (["udp"], "sip:b@127.0.0.1", "sip:b@127.0.0.1"),
        (["tcp", "udp"], "sip:b@127.0.0.1", "sip:b@127.0.0.1;transport=tcp"),
        (["tcp", "udp"], "sip:b@127.0.0.1;transport=udp", "sip:b@127.0.0.1;transport=udp"),
        (["tcp"], "<sip:b@127.0.0.1>", "<sip:b@127.0.0.1;transport=tcp>"),
    ],
)
def test_the_first_transport_is_the_calls(
    new_rig: Callable[..., Rig], transports: list[str], uri: str, sent: str
) -> None:
    rig = new_rig(transports=transports)
    rig.endpoint.make_call(uri)
    assert rig.driver.last(MakeCall).uri == sent


def test_a_transport_that_the_endpoint_does_not_have(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="asks for tcp, the endpoint has udp"):
        rig.endpoint.make_call("sip:b@127.0.0.1;transport=TCP")
    assert rig.driver.told(MakeCall) == []


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("", "it is empty"),
        ("bob", "no scheme"),
        ("http://example.org", "not sip:"),
        ("sip:bob@", "no host"),
        ("sip:bob@127.0.0.1:99999", "port"),
        ("sip:bob@127.0.0.1\r\nX: 1", "line break"),
        ("sip:bob@[::1]", "no IPv6"),
        ("sip:bob@::1", "brackets"),
    ],
)
def test_uris_that_are_refused(rig: Rig, uri: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        rig.endpoint.make_call(uri)
    assert rig.driver.told(MakeCall) == []


def test_headers_that_are_refused(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="line breaks"):
        rig.endpoint.make_call(PEER, headers={"X-Test": "1\r\nVia: x"})
    assert rig.driver.told(MakeCall) == []


@pytest.mark.parametrize("kind", ["call", "ended"])
def test_an_invite_that_cannot_be_sent(rig: Rig, kind: str) -> None:
    rig.driver.refuse(MakeCall, kind, "no route to host")
    with pytest.raises(CallFailed, match=f"srtpbot: call to {PEER}: no route to host"):
        rig.endpoint.make_call(PEER)
    assert rig.endpoint.calls == []


def test_a_call_that_has_ended_is_no_call_any_more(rig: Rig) -> None:
    line = rig.outgoing()
    line.ended(486, "Busy Here")
    assert rig.endpoint.calls == []
    with pytest.raises(CallEnded, match=f"call {line.number} has ended"):
        rig.endpoint.call(line.number)
    for never in (0, -1, line.number + 1):
        with pytest.raises(CallFailed, match=f"there was no call {never}"):
            rig.endpoint.call(never)
    assert line.call.facts.ended_by is EndedBy.REMOTE


def test_an_ended_call_gets_its_late_events(rig: Rig) -> None:
    line = rig.confirmed()
    line.ended()
    line.measured(10, 20, final=True)
    line.received(message(f"BYE {PEER} SIP/2.0", line.dialog, "3 BYE"))
    stats = line.call.facts.stats(0)
    assert stats is not None
    assert stats.rx.packets == 10
    assert line.call.facts.messages[-1].message.method == "BYE"


def test_events_of_unknown_calls_are_ignored(rig: Rig) -> None:
    rig.driver.feed(
        measured(99, 1, 1),
        CallStateChanged(at=0.0, call=99, state=CallState.DISCONNECTED, code=0, reason=""),
    )
    assert rig.endpoint.calls == []


# ---- incoming calls


def test_expect_call_is_armed_before_the_call(rig: Rig) -> None:
    with (
        while_waiting(rig.journal, rig.incoming),
        at_once(),
        rig.endpoint.expect_call(timeout=LONG) as caught,
    ):
        pass
    assert caught.value.direction is Direction.INCOMING
    assert caught.value is rig.endpoint.calls[0]


def test_expect_call_catches_a_call_within_its_block(rig: Rig) -> None:
    with at_once(), rig.endpoint.expect_call(timeout=LONG) as caught:
        line = rig.incoming()
    assert caught.value is line.call


def test_expect_call_catches_an_earlier_call(rig: Rig) -> None:
    line = rig.incoming()
    with rig.endpoint.expect_call(timeout=0) as caught:
        pass
    assert caught.value is line.call


def test_expect_call_catches_each_call_once_and_in_order(rig: Rig) -> None:
    lines = [rig.incoming(dialog="1@peer"), rig.incoming(dialog="2@peer")]
    caught: list[Call] = []
    for _ in lines:
        with rig.endpoint.expect_call(timeout=0) as awaited:
            pass
        caught.append(awaited.value)
    assert caught == [line.call for line in lines]
    with (
        pytest.raises(WaitTimeout, match=r"no call arrived within 0\.05 s"),
        rig.endpoint.expect_call(timeout=0.05),
    ):
        pass


def test_expect_call_does_not_catch_outgoing_calls(rig: Rig) -> None:
    with pytest.raises(WaitTimeout), rig.endpoint.expect_call(timeout=0):
        rig.outgoing()


def test_the_timeout_begins_at_the_end_of_the_block(rig: Rig) -> None:
    with rig.endpoint.expect_call(timeout=0.2) as caught:
        rig.journal.wait_until(lambda: False, Deadline(0.3))
        rig.incoming()
    assert caught.value


def test_expect_call_passes_on_the_exception_of_its_block(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError), at_once(), rig.endpoint.expect_call(timeout=LONG):
        _ = 1 / 0


def test_the_value_is_there_after_the_block() -> None:
    with pytest.raises(WaitTimeout, match="after the with block"):
        _ = Awaited().value


# ---- what the INVITE offers


def test_an_invite_without_an_offer_and_with_an_edited_answer(rig: Rig) -> None:
    edit = (r"^a=crypto:1 .*\r\n", "")
    rig.endpoint.make_call(PEER, offer=False, edit_sdp=[edit])
    command = rig.driver.last(MakeCall)
    assert (command.offer, command.edit_sdp) == (False, [edit])


def test_an_invalid_sdp_edit_makes_no_call(rig: Rig) -> None:
    with pytest.raises(ConfigError, match=r"edit_sdp: '\(' with the replacement ''"):
        rig.endpoint.make_call(PEER, edit_sdp=[("(", "")])
    assert rig.driver.told(MakeCall) == []


def test_an_offer_that_cannot_be_sent_says_which_call(rig: Rig) -> None:
    rig.driver.refuse(MakeCall, "config", "the edited SDP was not sent")
    with pytest.raises(ConfigError, match=f"srtpbot: call to {PEER}: the edited SDP was not sent"):
        rig.endpoint.make_call(PEER, edit_sdp=[("v=0", "v=9")])
