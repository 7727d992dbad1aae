"""bot.ua.endpoint: SIP messages of calls and outside of calls, and their limits."""

from __future__ import annotations

from bot.ipc.events import MessageReceived, SipReceived
from bot.ua.call_list import REMEMBERED
from tests.support.fakes import PEER, Rig, invite, message, response, started


def test_messages_before_a_call_are_attached_to_it(rig: Rig) -> None:
    line = rig.incoming(headers={"X-Test": "42"})
    (traced,) = line.call.facts.messages
    assert traced.message.header("X-Test") == "42"
    assert not traced.sent


def test_messages_find_their_calls(rig: Rig) -> None:
    one, two = rig.incoming(dialog="1@peer"), rig.incoming(dialog="2@peer")
    two.sent(response("2@peer", 180, "Ringing"))
    one.sent(response("1@peer", 486, "Busy Here"))
    assert [traced.message.status for traced in one.call.facts.messages] == [0, 486]
    assert [traced.message.status for traced in two.call.facts.messages] == [0, 180]


def test_a_compact_call_id_is_one(rig: Rig) -> None:
    line = rig.incoming()
    line.received(f"BYE {PEER} SIP/2.0\r\ni : {line.dialog}\r\nCSeq: 2 BYE\r\n\r\n")
    assert line.call.facts.messages[-1].message.method == "BYE"


def test_a_call_id_may_come_again_after_a_challenge(rig: Rig) -> None:
    first = rig.incoming(dialog="same@peer")
    first.sent(response("same@peer", 401, "Unauthorized"))
    first.ended(401, "Unauthorized")
    second = rig.incoming(dialog="same@peer", headers={"X-Test": "42"})
    second.sent(response("same@peer", 200, "OK"))
    assert [traced.message.status for traced in first.call.facts.messages] == [0, 401]
    assert [traced.message.status for traced in second.call.facts.messages] == [0, 200]
    assert second.call.facts.messages[0].message.header("X-Test") == "42"


def test_a_call_id_in_a_body_is_ignored(rig: Rig) -> None:
    line = rig.incoming()
    line.received(f"BYE {PEER} SIP/2.0\r\nCSeq: 2 BYE\r\n\r\nCall-ID: {line.dialog}\r\n")
    assert len(line.call.facts.messages) == 1


def test_unclaimed_messages_are_bounded(rig: Rig) -> None:
    def received(dialog: str) -> SipReceived:
        return SipReceived(at=0.0, transport="udp", peer="127.0.0.1:5070", text=invite(dialog))

    rig.driver.feed(*[received(f"{number}@peer") for number in range(REMEMBERED + 10)])
    for number in (9, 10, REMEMBERED + 9):
        rig.driver.feed(started(100 + number, f"{number}@peer"))
    kept = [len(call.facts.messages) for call in rig.endpoint.calls]
    assert kept == [0, 1, 1]


def test_ended_calls_are_forgotten_in_time(rig: Rig) -> None:
    first = rig.incoming(dialog="first@peer")
    first.ended()
    for number in range(REMEMBERED):
        rig.incoming(dialog=f"{number}@peer").ended()
    before = len(first.call.facts.messages)
    first.received(message(f"BYE {PEER} SIP/2.0", first.dialog, "2 BYE"))
    first.measured(1, 1, final=True)
    assert len(first.call.facts.messages) == before
    assert first.call.facts.stats(0) is None


def test_a_long_call_is_remembered_from_its_end(rig: Rig) -> None:
    long = rig.incoming(dialog="long@peer")
    for number in range(2 * REMEMBERED):
        rig.incoming(dialog=f"{number}@peer").ended()
    long.ended()
    rig.incoming(dialog="later@peer").ended()
    long.measured(1, 1, final=True)
    assert long.call.facts.stats(0) is not None


def test_messages_outside_calls_are_kept(rig: Rig) -> None:
    came = MessageReceived(at=0.0, from_uri=PEER, to_uri="sip:a@b", content_type="text/plain", body="hello")
    rig.driver.feed(came)
    assert list(rig.endpoint.messages) == [came]


def test_messages_outside_calls_are_bounded(rig: Rig) -> None:
    for number in range(REMEMBERED + 3):
        rig.driver.feed(
            MessageReceived(
                at=0.0, from_uri=PEER, to_uri="sip:a@b", content_type="text/plain", body=str(number)
            )
        )
    assert [came.body for came in rig.endpoint.messages] == [str(n) for n in range(3, REMEMBERED + 3)]


def test_uncaught_calls_are_bounded(rig: Rig) -> None:
    for number in range(REMEMBERED + 3):
        rig.incoming(dialog=f"{number}@peer").ended()
    with rig.endpoint.expect_call(timeout=0) as caught:
        pass
    assert caught.value.number == 4
