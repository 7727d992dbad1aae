from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import pytest

from bot.capture.journal_messages import is_from_journal, journal_messages
from bot.capture.sip_messages import JournalMessage
from bot.config import Capabilities
from bot.ipc.events import AgentReady, AnyEvent, Heartbeat, KeyNegotiated, Listener, SipReceived, SipSent
from bot.model import Transport
from bot.sip.redaction import redact
from bot.ua.journal import Entry, Journal
from media.capture.reader import Address

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80")
LOCAL, PEER = "127.0.0.1:40000", "127.0.0.1:5061"
US, THEM = Address("127.0.0.1", 40000), Address("127.0.0.1", 5061)


def key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 30).decode()


def message(lines: Iterable[str], *, call_id: str = "a@b", start: str = "INVITE sip:x@y SIP/2.0") -> str:
    head = [start, f"Call-ID: {call_id}", "CSeq: 1 INVITE", "Content-Type: application/sdp"]
    body = ["v=0", "m=audio 4000 RTP/SAVP 8", *lines, "a=sendrecv"]
    return "".join(f"{line}\r\n" for line in [*head, "", *body])


def crypto(*keys: tuple[int, int], rest: str = "") -> list[str]:
    """The lines with these tags and keys."""
    return [f"a=crypto:{tag} {SUITES[tag % 3]} inline:{key(number)}{rest}" for tag, number in keys]


def reported(
    text: str, *keys: tuple[int, int], at: float, sent: bool = True, call_id: str = "a@b"
) -> list[AnyEvent]:
    """What the agent reports of a message."""
    negotiated = [
        KeyNegotiated(at=at, sip_call_id=call_id, sent=sent, tag=tag, suite=SUITES[tag % 3], key=key(number))
        for tag, number in keys
    ]
    kind = SipSent if sent else SipReceived
    return [*negotiated, kind(at=at, transport="tls", peer=PEER, local=LOCAL, text=redact(text))]


def texts(events: Iterable[AnyEvent], endpoint: str = "alice") -> list[str]:
    return [one.text for one in journal_messages([Entry(endpoint, event) for event in events], Journal())]


@pytest.mark.parametrize("rest", ["", "|2^20|1:4", "|2^31 UNENCRYPTED_SRTCP"])
def test_keys_are_put_back(rest: str) -> None:
    text = message(crypto((1, 1), (2, 2), rest=rest))
    events = reported(text, (1, 1), (2, 2), at=1.0)
    assert key(1) not in repr(events[-1])
    assert texts(events) == [text]


def test_each_message_has_its_own() -> None:
    """Both ways with the same tag, the same again with other keys, and another call between them."""
    offer, answer = message(crypto((1, 1))), message(crypto((1, 2)), start="SIP/2.0 200 OK")
    other, again = message(crypto((1, 3)), call_id="c@d"), message(crypto((1, 4)))
    events = [
        *reported(offer, (1, 1), at=1.0),
        Heartbeat(at=1.1, next_s=1.0),
        *reported(other, (1, 3), at=1.2, call_id="c@d"),
        *reported(answer, (1, 2), at=1.3, sent=False),
        *reported(again, (1, 4), at=9.0),
    ]
    assert texts(events) == [offer, other, answer, again]


def test_equal_tags_go_in_order() -> None:
    text = message(crypto((1, 1), (1, 2)))
    assert texts(reported(text, (1, 1), (1, 2), at=1.0)) == [text]


def test_a_key_that_was_not_reported_stays_redacted() -> None:
    text = message(["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:!!!", *crypto((2, 2))])
    assert texts(reported(text, (2, 2), at=1.0)) == [text.replace("!!!", "[redacted]")]


@pytest.mark.parametrize("differing", [{"at": 0.9}, {"sent": False}, {"call_id": "c@d"}], ids=str)
def test_keys_of_another_message_are_not_taken(differing: dict[str, Any]) -> None:
    text = message(crypto((1, 1)))
    [negotiated, _] = reported(text, (1, 1), **{"at": 1.0, **differing})
    [_, sent] = reported(text, (1, 1), at=1.0)
    assert texts([negotiated, sent]) == [redact(text)]


def test_keys_of_another_endpoint_are_not_taken() -> None:
    text = message(crypto((1, 1)))
    negotiated, sent = reported(text, (1, 1), at=1.0)
    entries = [Entry("bob", negotiated), Entry("alice", sent)]
    assert [one.text for one in journal_messages(entries, Journal())] == [redact(text)]


def test_what_is_no_message_is_left_as_it_is() -> None:
    [_, event] = reported("\r\n\r\n", (1, 1), at=1.0)
    assert texts([event]) == ["\r\n\r\n"]


def test_times_and_ends() -> None:
    journal = Journal()
    at = journal.started_at + 2.5
    offer = SipSent(at=at, transport="tls", peer=PEER, text="OPTIONS sip:x SIP/2.0", local=LOCAL)
    answer = SipReceived(at=at, transport="tls", peer=PEER, text="SIP/2.0 200 OK", local=LOCAL)
    first, second = journal_messages([Entry("alice", offer), Entry("alice", answer)], journal)
    assert first.at == pytest.approx(journal.started.timestamp() + 2.5, abs=1e-5)
    assert (first.source, first.target) == (US, THEM)
    assert (second.source, second.target) == (THEM, US)


def test_an_own_end_that_only_a_later_message_tells() -> None:
    first = SipSent(at=1.0, transport="tls", peer=PEER, text="INVITE sip:x SIP/2.0")
    second = SipReceived(at=1.1, transport="tls", peer=PEER, text="SIP/2.0 200 OK", local=LOCAL)
    assert [one.source for one in journal_messages([Entry("a", first), Entry("a", second)], Journal())] == [
        US,
        THEM,
    ]


def test_an_own_end_that_only_the_listener_tells() -> None:
    ready = AgentReady(
        at=0.5,
        listeners=[Listener(Transport.TLS, "127.0.0.1", 40000)],
        build=Capabilities(version=""),
        conference_rate=8000,
        guarded=True,
    )
    sent = SipSent(at=1.0, transport="tls", peer="[::1]:5061", text="INVITE sip:x SIP/2.0")
    [one] = journal_messages([Entry("a", ready), Entry("a", sent)], Journal())
    assert (one.source, one.target) == (US, Address("::1", 5061))
    [one] = journal_messages([Entry("b", sent)], Journal())
    assert one.source == Address("0.0.0.0", 0)


def test_keys_show_in_no_repr() -> None:
    text = message(crypto((1, 1)))
    [one] = journal_messages([Entry("a", event) for event in reported(text, (1, 1), at=1.0)], Journal())
    assert isinstance(one, JournalMessage)
    assert key(1) not in f"{one!r} {one}"


def test_what_is_needed() -> None:
    secure, clear = (
        SipSent(at=1.0, transport=transport, peer=PEER, text="INVITE sip:x SIP/2.0")
        for transport in ("tls", "udp")
    )
    [negotiated, _] = reported(message([]), (1, 1), at=1.0)
    needed = [secure, clear, negotiated, Heartbeat(at=1.0, next_s=1.0)]
    assert [is_from_journal(Entry("a", event)) for event in needed] == [True, False, True, False]
