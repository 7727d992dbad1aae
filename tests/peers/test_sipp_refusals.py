"""Requests that a user agent has to refuse, and one that it has not, played by SIPp (RFC 3261 8.2).

What the RFCs say of each case and what the library does is a table in ``scenarios/README.md``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import Endpoint, expect
from tests.support.calls import finals
from tests.support.sipp import ENDED_BY_PEER, Scripted, arrived, assert_exchange
from tests.support.starting import until

pytestmark = pytest.mark.peer("sipp")

ANSWERED = "<- INVITE", "-> 100 INVITE", "-> 200 INVITE", "<- ACK"


@pytest.mark.parametrize(
    ("scenario", "code"),
    [("require-unknown", 420), ("method-unknown", 405), ("content-not-sdp", 415), ("replaces-unknown", 481)],
)
def test_a_request_is_refused(scenario: str, code: int, endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 8.2.1 to 8.2.3, RFC 3891 3: with Unsupported, Allow or Accept, as it should be; no call."""
    before = len(finals(endpoint))
    with Scripted(f"calls/{scenario}", tmp_path, uri=endpoint.uri):
        pass
    until(endpoint, lambda: len(finals(endpoint)) > before)
    assert finals(endpoint)[before:] == [code]
    assert not endpoint.calls


def test_a_session_interval_that_is_too_small(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 4028 9: 422 with Min-SE, as it should be; the call is told of, as one that ended by an error."""
    with Scripted("calls/session-too-short", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint)
    expect(call).to_be_disconnected(code=422, by="error")
    assert_exchange(call, "<- INVITE", "-> 422 INVITE", "<- ACK")


def test_a_merged_request(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 8.2.2.2: 482, and the call goes on, as it should be."""
    with Scripted("calls/merged-request", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).ring()
        merged = "<- INVITE", "-> 100 INVITE", "-> 180 INVITE", "<- INVITE", "-> 482 INVITE", "<- ACK"
        assert_exchange(call, *merged)
        assert endpoint.calls == [call]
        call.answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert call.facts.settled
    assert call.facts.profile() == "RTP/AVP"
    assert_exchange(call, *merged, "-> 200 INVITE", "<- ACK", *ENDED_BY_PEER)


def test_a_prack_for_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3262 3 wants 481 for it; the library says 400 (Unexpected PRACK). The call goes on."""
    with Scripted("calls/prack-unknown", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).ring()
    expect(call).to_be_disconnected(code=487, by="remote")
    assert_exchange(
        call,
        *("<- INVITE", "-> 100 INVITE", "-> 180 INVITE", "<- PRACK", "-> 400 PRACK"),
        *("<- CANCEL", "-> 200 CANCEL", "-> 487 INVITE", "<- ACK"),
    )


def test_max_forwards_0(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 8.1.1.6, 16.3: 483 is for who would forward; where it was to go it is taken, as it should."""
    with Scripted("calls/max-forwards-0", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert_exchange(call, *ANSWERED, *ENDED_BY_PEER)


def test_requests_in_the_dialog_that_are_no_call_control(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 6086 4.2.2: INFO is taken, but not of a package; RFC 3261 11.2: OPTIONS gets 200, as it should."""
    with Scripted("calls/info", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    asked = "<- INFO", "-> 200 INFO", "<- INFO", "-> 469 INFO", "<- OPTIONS", "-> 200 OPTIONS"
    assert_exchange(call, *ANSWERED, *asked, *ENDED_BY_PEER)
