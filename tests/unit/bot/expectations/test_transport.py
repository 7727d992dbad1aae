"""bot.expectations.transport: transports, connections and ICE candidates."""

from __future__ import annotations

import time

import msgspec
import pytest

from bot import expect
from bot.errors import ConfigError, ExpectationFailed
from bot.ipc.events import SipReceived, SipSent, Wired
from bot.model import CallState, CandidatePair
from tests.support.fakes import Line, Rig, at_once, audio, invite, message, response, while_waiting

HERE, OTHER, PEER = "127.0.0.1:40001", "127.0.0.1:40002", "127.0.0.1:5070"
PAIR = CandidatePair(
    role="controlling",
    local="203.0.113.1:26600",
    local_type="relay",
    remote="203.0.113.2:4000",
    remote_type="host",
)


def sent(text: str, transport: str, local: str = HERE) -> Wired:
    return SipSent(at=time.monotonic(), transport=transport, peer=PEER, text=text, local=local)


def received(text: str, transport: str, local: str = HERE) -> Wired:
    return SipReceived(at=time.monotonic(), transport=transport, peer=PEER, text=text, local=local)


def called(rig: Rig, transport: str, local: str = HERE) -> Line:
    """A call whose INVITE was answered over this transport."""
    line = rig.outgoing()
    line.call.facts.messages.clear()  # it went by UDP
    rig.driver.feed(sent(invite(line.dialog, cseq=7), transport, local))
    rig.driver.feed(received(response(line.dialog, 200, "OK", cseq=7), transport, local))
    return line


def test_transport_of_the_invite(rig: Rig) -> None:
    line = called(rig, "tcp")
    with at_once():
        expect(line.call).to_use_transport("tcp")
        with pytest.raises(ExpectationFailed, match="the INVITE went by tcp"):
            expect(line.call).to_use_transport("udp")


def test_what_counts_is_how_it_was_answered(rig: Rig) -> None:
    line = rig.outgoing()
    rig.driver.feed(sent(invite(line.dialog, cseq=7), "tcp"))
    rig.driver.feed(sent(invite(line.dialog, cseq=7), "udp"))
    rig.driver.feed(received(response(line.dialog, 200, "OK", cseq=7), "udp"))
    with at_once():
        expect(line.call).to_use_transport("udp")


def test_what_is_not_answered_may_leave_by_another_transport_yet(rig: Rig) -> None:
    line = rig.outgoing()
    line.call.facts.messages.clear()
    rig.driver.feed(sent(invite(line.dialog, cseq=7), "tcp"))

    def fall_back() -> None:
        rig.driver.feed(sent(invite(line.dialog, cseq=7), "udp"))
        rig.driver.feed(received(response(line.dialog, 200, "OK", cseq=7), "udp"))

    with while_waiting(rig.journal, fall_back), pytest.raises(ExpectationFailed, match="went by udp"):
        expect(line.call).to_use_transport("tcp")


def test_transport_of_another_request_is_waited_for(rig: Rig) -> None:
    line = called(rig, "udp")
    bye = message(f"BYE sip:{PEER} SIP/2.0", line.dialog, "8 BYE")
    with while_waiting(rig.journal, lambda: rig.driver.feed(received(bye, "tls"))):
        expect(line.call).to_use_transport("tls", method="BYE")


def test_request_that_never_came_has_failed(rig: Rig) -> None:
    line = called(rig, "udp")
    line.ended()
    with at_once(), pytest.raises(ExpectationFailed, match=r"observed: no BYE(?s:.*)the call ended"):
        expect(line.call).to_use_transport("udp", method="BYE")


def test_transport_that_there_is_not(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="'sctp' is unknown; expected one of udp, tcp, tls"):
        expect(rig.outgoing().call).to_use_transport("sctp")


def test_connection_that_is_shared_or_not(rig: Rig) -> None:
    first, second, third = called(rig, "tcp"), called(rig, "tcp"), called(rig, "tcp", OTHER)
    expect(second.call).to_share_the_connection_of(first.call)
    with pytest.raises(ExpectationFailed, match=f"expected: tcp {HERE} - {PEER}\nobserved: tcp {OTHER}"):
        expect(third.call).to_share_the_connection_of(first.call)


def test_udp_has_no_connections(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="UDP, which has no connections"):
        expect(called(rig, "udp").call).to_share_the_connection_of(called(rig, "tcp").call)


def test_candidates_that_were_selected(rig: Rig) -> None:
    line = rig.confirmed()
    line.media(msgspec.structs.replace(audio(), ice=PAIR))
    with at_once():
        expect(line.call).to_have_selected_candidates()
        expect(line.call).to_have_selected_candidates(local="relay", remote="host")
        with pytest.raises(ExpectationFailed, match=r"expected: host to any\nobserved: relay 203\.0\.113\.1"):
            expect(line.call).to_have_selected_candidates(local="host")


def test_no_candidates(rig: Rig) -> None:
    line = rig.confirmed()
    with pytest.raises(ExpectationFailed, match=r"observed: no pair(?s:.*)waited 0\.1 s"):
        expect(line.call).to_have_selected_candidates(timeout=0.1)
    line.state(CallState.DISCONNECTED, 200, "OK")
    with at_once(), pytest.raises(ExpectationFailed, match=r"observed: no pair(?s:.*)the call ended"):
        expect(line.call).to_have_selected_candidates()


def test_candidate_of_no_type(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="a candidate is one of host, srflx, prflx, relay, not 'stun'"):
        expect(rig.confirmed().call).to_have_selected_candidates(local="stun")
