"""bot.agent.request_outcomes: codes and reasons are those of the wire and of the gate."""

from __future__ import annotations

import pytest

from bot.agent.request_outcomes import Outcomes
from bot.ipc import (
    CallRefused,
    RegistrationChanged,
    RequestEnded,
    SipReceived,
    SipSent,
    TransportChanged,
    Wired,
)

INVITE = (
    "INVITE sip:b@127.0.0.1 SIP/2.0\r\nCall-ID: d@a\r\nCSeq: 7 INVITE\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\n"
    "To: <sip:b@127.0.0.1>\r\n\r\n"
)
ANSWER = (
    "SIP/2.0 488 Not Acceptable Here\r\nCall-ID: d@a\r\nCSeq: 7 INVITE\r\nTo: <sip:b@127.0.0.1>;tag=2\r\n"
    'Warning: 399 srtpbot "what the header says"\r\n\r\n'
)


@pytest.mark.parametrize("reason", ["", "an unknown m= line"])
def test_reason_of_a_refused_invite_is_that_of_the_gate(reason: str) -> None:
    events: list[Wired] = []
    outcomes = Outcomes(events.append)
    outcomes(SipReceived(at=1.0, transport="udp", peer="127.0.0.1:5060", text=INVITE))
    if reason:
        outcomes.refused_by_gate(INVITE, reason)
    outcomes(SipSent(at=1.0, transport="udp", peer="127.0.0.1:5060", text=ANSWER))
    [refused] = [event for event in events if isinstance(event, CallRefused)]
    assert (refused.code, refused.why) == (488, reason)


def test_a_challenge_that_cannot_be_answered_is_not_silence() -> None:
    """There were so many realms that the next REGISTER has no room for their credentials."""
    events: list[Wired] = []
    outcomes = Outcomes(events.append)
    head = "Call-ID: r@a\r\nCSeq: 9 REGISTER\r\nTo: <sip:a@127.0.0.1>\r\n\r\n"
    request, response = f"REGISTER sip:127.0.0.1 SIP/2.0\r\n{head}", f"SIP/2.0 401 Unauthorized\r\n{head}"
    outcomes(SipSent(at=1.0, transport="udp", peer="127.0.0.1:5060", text=request))
    outcomes(SipReceived(at=1.0, transport="udp", peer="127.0.0.1:5060", text=response))
    outcomes(
        RegistrationChanged(
            at=1.0, active=False, code=502, reason="Message too long", expires_s=0, account="sip:a@127.0.0.1"
        )
    )
    [changed] = [event for event in events if isinstance(event, RegistrationChanged)]
    assert (changed.code, changed.reason) == (
        401,
        "after this response no REGISTER could be sent: Message too long",
    )


@pytest.mark.parametrize(
    ("connected", "reason"),
    [
        (False, "no connection to 127.0.0.1:9: Connection refused (nothing was sent)"),
        (True, "no answer from 127.0.0.1:9: Connection refused (1 OPTIONS sent, nothing received)"),
    ],
)
def test_what_waited_for_a_connection_was_not_sent(connected: bool, reason: str) -> None:
    events: list[Wired] = []
    outcomes = Outcomes(events.append)
    outcomes.is_connecting = "127.0.0.1:9".__eq__
    request = "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nCall-ID: o@a\r\nCSeq: 9 OPTIONS\r\n\r\n"
    outcomes(SipSent(at=1.0, transport="tcp", peer="127.0.0.1:9", text=request))
    if connected:
        outcomes(
            TransportChanged(
                at=1.1, transport="tcp", state="connected", reason="", peer="127.0.0.1:9", problems=[]
            )
        )
    outcomes(RequestEnded(at=1.2, sip_call_id="o@a", answered=False, code=503, reason="Connection refused"))
    [ended] = [event for event in events if isinstance(event, RequestEnded)]
    assert (ended.code, ended.reason) == (0, reason)
