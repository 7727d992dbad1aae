"""bot.report.event_log: lines for the interesting events, none for the others."""

from __future__ import annotations

import pytest

from bot.ipc.events import (
    AgentCrashed,
    AnyEvent,
    CallbackFailed,
    CallStateChanged,
    CommandDone,
    CommandFailed,
    DtmfFinished,
    DtmfReceived,
    DtmfReleased,
    DtmfSent,
    ExpectationChecked,
    Heartbeat,
    KeyNegotiated,
    MediaStateChanged,
    MessageReceived,
    MessageWaiting,
    NativeLogged,
    PlaybackFinished,
    PlaybackStarted,
    RecordingFinished,
    RecordingStarted,
    Redirected,
    RegistrationChanged,
    ReportsDropped,
    SipReceived,
    SipSent,
    SubscriptionReceived,
    TransportChanged,
)
from bot.model import CallState, Direction, DtmfMethod, EndedBy, MediaDirection, MediaState
from bot.report.event_log import narrate
from bot.ua.journal import Entry, Journal
from tests.support.fakes import KEY, PEER, SUITE, audio, invite, measured, ready, sdp, started
from tests.support.samples import EVENTS


def told(event: AnyEvent, *, messages: bool = False) -> str | None:
    """The line without its time."""
    journal = Journal()
    line = narrate(Entry("alice", event), journal, messages=messages)
    if line is None:
        return None
    seconds, _, text = line.lstrip().partition("  ")
    assert float(seconds) == pytest.approx(event.at - journal.started_at, abs=0.001)
    assert text.startswith("alice: ")
    return text.removeprefix("alice: ")


VIDEO = MediaState(index=1, type="video", active=False, direction=MediaDirection.INACTIVE)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ready(), "listens on udp 127.0.0.1:5062"),
        (NativeLogged(at=0.0, level=1, text="Dropping a packet"), "library: Dropping a packet"),
        (
            ReportsDropped(at=0.0, counts={"SipSent": 3, "NativeLogged": 1}),
            "not reported, since nobody read: 3 SipSent, 1 NativeLogged",
        ),
        (
            SubscriptionReceived(at=0.0, from_uri=PEER, account="sip:x@y"),
            f"{PEER} subscribed to the presence of sip:x@y",
        ),
        (started(2, "a@b", direction=Direction.INCOMING), f"call 2 from {PEER}"),
        (started(1, "a@b", direction=Direction.OUTGOING), f"call 1 to {PEER}"),
        (
            CallStateChanged(at=0.0, call=1, state=CallState.CALLING, code=0, reason=""),
            "call 1 CALLING",
        ),
        (
            CallStateChanged(at=0.0, call=1, state=CallState.EARLY, code=180, reason="Ringing"),
            "call 1 EARLY 180 Ringing",
        ),
        (
            CallStateChanged(
                at=0.0,
                call=1,
                state=CallState.DISCONNECTED,
                code=486,
                reason="Busy Here",
                by=EndedBy.REMOTE,
            ),
            "call 1 DISCONNECTED 486 Busy Here, by remote",
        ),
        (
            Redirected(at=0.0, call=1, target=PEER, code=302, hop=1),
            f"call 1 redirected to {PEER} by 302",
        ),
        (
            Redirected(at=0.0, call=1, target=PEER, code=302, hop=2, refused="it was asked already"),
            f"call 1 redirected to {PEER} by 302, not followed: it was asked already",
        ),
        (
            MediaStateChanged(at=0.0, call=1, media=[audio(), VIDEO]),
            f"call 1 media: audio PCMA/8000 sendrecv, {SUITE}; video inactive",
        ),
        (
            MediaStateChanged(at=0.0, call=1, media=[audio(suite=None)]),
            "call 1 media: audio PCMA/8000 sendrecv, plain RTP",
        ),
        (
            DtmfReceived(at=0.0, call=1, digit="#", method=DtmfMethod.INFO, duration_ms=None),
            "call 1 received digit # by info",
        ),
        (
            DtmfSent(at=0.0, call=1, transmission=1, digit="1", method=DtmfMethod.RFC4733),
            "call 1 sent digit 1 by rfc4733",
        ),
        (PlaybackStarted(at=0.0, call=1, playback=1), "call 1 plays a file"),
        (RecordingStarted(at=0.0, call=1, recording=1), "call 1 records"),
        (RecordingFinished(at=0.0, call=1, recording=1, path="/tmp/rx.wav"), "call 1 recorded /tmp/rx.wav"),
        (
            RegistrationChanged(at=0.0, active=True, code=200, reason="OK", expires_s=300),
            "registration active: 200 OK",
        ),
        (
            MessageWaiting(at=0.0, account="sip:a@h", waiting=True, new=2, old=8),
            "messages waiting for sip:a@h: 2 new, 8 old",
        ),
        (MessageWaiting(at=0.0, account="sip:a@h", waiting=False), "no messages waiting for sip:a@h"),
        (
            RegistrationChanged(at=0.0, active=False, code=403, reason="Forbidden", expires_s=0),
            "registration not active: 403 Forbidden",
        ),
        (
            MessageReceived(at=0.0, from_uri=PEER, to_uri="sip:a@b", content_type="text/plain", body="hello"),
            f"message from {PEER}: hello",
        ),
        (
            TransportChanged(
                at=0.0,
                transport="tls",
                state="DISCONNECTED",
                reason="refused",
                peer="127.0.0.1:1",
                problems=[],
            ),
            "tls to 127.0.0.1:1 DISCONNECTED refused",
        ),
        (
            TransportChanged(
                at=0.0,
                transport="tls",
                state="DISCONNECTED",
                reason="bad",
                peer="127.0.0.1:1",
                problems=["expired", "wrong name"],
            ),
            "tls to 127.0.0.1:1 DISCONNECTED bad (expired; wrong name)",
        ),
        (
            ExpectationChecked(at=0.0, name="call 1 is confirmed", passed=True, expected="e", observed="o"),
            "pass: call 1 is confirmed: o",
        ),
        (
            ExpectationChecked(at=0.0, name="call 1 is confirmed", passed=False, expected="e", observed="o"),
            "FAIL: call 1 is confirmed: o",
        ),
        (AgentCrashed(at=0.0, reason="it hung", log=["line"]), "the agent crashed: it hung"),
        (CallbackFailed(at=0.0, where="Parrot callback", traceback="T"), "Parrot callback raised\nT"),
    ],
)
def test_what_is_told(event: AnyEvent, line: str) -> None:
    assert told(event) == line
    assert told(event, messages=True) == line


@pytest.mark.parametrize(
    "event",
    [
        CommandDone(at=0.0, request=1),
        CommandFailed(at=0.0, request=1, kind="call", reason="r"),
        Heartbeat(at=0.0, next_s=1.0),
        KeyNegotiated(at=0.0, sip_call_id="a", sent=True, tag=1, suite=SUITE, key=KEY),
        DtmfReleased(at=0.0, call=1, digit="1", method=DtmfMethod.RFC4733, duration_ms=100),
        DtmfFinished(at=0.0, call=1, transmission=1),
        PlaybackFinished(at=0.0, call=1, playback=1, complete=True),
        measured(1, 1, 1),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_is_not_told(event: AnyEvent) -> None:
    assert told(event) is None
    assert told(event, messages=True) is None


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_no_key_is_told(event: AnyEvent) -> None:
    assert KEY not in (told(event, messages=True) or "")


def test_messages_are_told_when_asked_for() -> None:
    text = invite("a@b", body=sdp())
    sent = SipSent(at=0.0, transport="udp", peer="127.0.0.1:5070", text=text)
    assert told(sent) is None
    lines = (told(sent, messages=True) or "").splitlines()
    assert lines[0] == "--> udp 127.0.0.1:5070"
    assert lines[1] == f"    INVITE {PEER} SIP/2.0"
    assert lines[-1] == "    a=sendrecv"
    assert all(line.startswith("    ") for line in lines[1:])


def test_messages_that_came() -> None:
    came = SipReceived(at=0.0, transport="tls", peer="127.0.0.1:5061", text="SIP/2.0 200 OK\r\n\r\n")
    assert told(came, messages=True) == "<-- tls 127.0.0.1:5061\n    SIP/2.0 200 OK"
