"""STUN, ICE and TURN with coturn: an endpoint behind a NAT, one outside, the server between them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import Call, MediaDirection, NativeError, expect
from bot.bots import bot
from tests.support.coturn import PASSWORD, USER, Coturn
from tests.support.measuring import counted, more_packets
from tests.support.router import PRIVATE, PUBLIC, SERVER, WITHIN, Router
from tests.support.starting import NewEndpoint, connect

pytestmark = pytest.mark.peer("turnserver")

PACKETS = 25
SUITE = "AES_CM_128_HMAC_SHA1_80"


@pytest.fixture
def coturn(router: Router, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with Coturn(tmp_path_factory.mktemp("coturn") / "server", router.outside, SERVER) as server:
        yield server


def connected(
    router: Router, new_endpoint: NewEndpoint, nat: dict[str, Any], *, ice: bool = True
) -> tuple[Call, Call]:
    """A call over SRTP from an endpoint inside, with these settings, to one outside."""
    with router.outside.entered():
        outside = new_endpoint(name="outside", bind=PUBLIC, nat_ice=ice)
    with router.inside.entered():
        inside = new_endpoint(name="inside", bind=PRIVATE, srtp="mandatory", suites=[SUITE], nat=nat)
    outgoing, answered = connect(inside, outside)
    return outgoing, answered


def assert_encrypted_both_ways(*calls: Call) -> None:
    for call in calls:
        expect(call).to_have_received_packets(at_least=PACKETS)
        expect(call).to_be_encrypted(SUITE)


def candidates(call: Call) -> set[str]:
    """The types of the candidates in the offer."""
    return set(re.findall(r"^a=candidate:.* typ (\w+)", call.facts.messages[0].text, re.MULTILINE))


def test_stun_tells_the_public_address(router: Router, coturn: Coturn, new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connected(router, new_endpoint, {"stun": coturn.server}, ice=False)
    invite = answered.facts.messages[0]
    assert re.search(rf"^Contact: <sip:inside@{WITHIN}:\d+", invite.text, re.MULTILINE)
    assert f"c=IN IP4 {WITHIN}" in invite.text
    assert PRIVATE not in invite.text
    assert_encrypted_both_ways(outgoing, answered)
    answered.hangup()
    expect(outgoing).to_be_disconnected(code=200, by="remote")


def test_stun_beside_tcp_is_for_the_media(router: Router, coturn: Coturn, new_endpoint: NewEndpoint) -> None:
    with router.outside.entered():
        outside = new_endpoint(bind=PUBLIC, transports=["tcp"])
    with router.inside.entered():
        inside = new_endpoint(bind=PRIVATE, transports=["tcp"], nat_stun=coturn.server)
    outgoing, answered = connect(inside, outside)
    assert f"c=IN IP4 {WITHIN}" in answered.facts.messages[0].text
    for call in (outgoing, answered):
        expect(call).to_use_transport("tcp")
        expect(call).to_have_received_packets(at_least=PACKETS)


def test_stun_server_that_is_not_there(router: Router, new_endpoint: NewEndpoint) -> None:
    with router.inside.entered(), pytest.raises(NativeError, match=r"STUN server stun\.invalid"):
        new_endpoint(bind=PRIVATE, nat_stun="stun.invalid")


def test_ice_with_server_reflexive_candidates(
    router: Router, coturn: Coturn, new_endpoint: NewEndpoint
) -> None:
    outgoing, answered = connected(router, new_endpoint, {"stun": coturn.server, "ice": True})
    assert candidates(outgoing) == {"host", "srflx"}
    expect(outgoing).to_have_selected_candidates(local="srflx", remote="host")
    expect(answered).to_have_selected_candidates(local="host", remote="srflx")
    selected = answered.media[0].ice
    assert selected is not None
    assert selected.role == "controlled"
    assert selected.remote.startswith(f"{WITHIN}:")
    assert_encrypted_both_ways(outgoing, answered)
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_all_media_by_the_relay(
    transport: str, router: Router, coturn: Coturn, new_endpoint: NewEndpoint
) -> None:
    relayed = {"turn": coturn.turn(transport=transport, only=True)}
    outgoing, answered = connected(router, new_endpoint, relayed)
    assert candidates(outgoing) == {"relay"}
    expect(outgoing).to_have_selected_candidates(local="relay", remote="host")
    expect(answered).to_have_selected_candidates(local="host", remote="relay")
    for call, address in ((outgoing, "local"), (answered, "remote")):
        assert call.media[0].ice is not None
        assert coturn.is_relayed(getattr(call.media[0].ice, address))
    assert_encrypted_both_ways(outgoing, answered)
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")
    assert coturn.passed_on() >= PACKETS
    inside = outgoing.endpoint
    assert PASSWORD not in "\n".join(str(entry) for entry in inside.journal.recent())
    assert PASSWORD not in repr(inside.config)


def test_calls_by_a_relay_over_tcp_end_without_a_crash(
    router: Router, coturn: Coturn, new_endpoint: NewEndpoint
) -> None:
    """What the relay sends right after the allocation's end is read for a session that is gone."""
    for _ in range(4):
        outgoing, answered = connected(
            router, new_endpoint, {"turn": coturn.turn(transport="tcp", only=True)}
        )
        assert_encrypted_both_ways(outgoing, answered)
        outgoing.hangup()
        expect(answered).to_be_disconnected(code=200, by="remote")
        inside = outgoing.endpoint
        inside.close()
        assert inside.failure is None


def test_a_bye_of_no_dialog_leaves_the_audio_alone(
    router: Router, coturn: Coturn, new_endpoint: NewEndpoint
) -> None:
    outgoing, answered = connected(router, new_endpoint, {"stun": coturn.server, "ice": True})
    stray_bye(router, answered)
    more_packets(outgoing, answered, at_least=PACKETS)

    assert outgoing.hold(direction=MediaDirection.SENDONLY).wait(5) == 200
    expect(answered).to_have_active_media(direction="recvonly")
    sent = counted(answered).tx.packets
    stray_bye(router, answered)
    more_packets(answered, at_least=PACKETS)
    assert counted(answered).tx.packets == sent  # who is held still sends nothing


def stray_bye(router: Router, call: Call) -> None:
    """A BYE to the endpoint outside with the call's Call-ID and other tags, which is refused with 481."""
    address, port = call.endpoint.uri.rpartition("@")[2].partition(";")[0].split(":")
    with router.outside.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((PUBLIC, 0))
        stranger.settimeout(5)
        own = stranger.getsockname()[1]
        fields = {
            "Via": f"SIP/2.0/UDP {PUBLIC}:{own};branch=z9hG4bK{own}",
            "Max-Forwards": "70",
            "From": "<sip:a@h>;tag=1",
            "To": "<sip:b@h>;tag=2",
            "Call-ID": call.facts.messages[0].message.header("Call-ID"),
            "CSeq": "9 BYE",
            "Content-Length": "0",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        stranger.sendto(f"BYE sip:outside@{PUBLIC} SIP/2.0\r\n{lines}\r\n".encode(), (address, int(port)))
        assert stranger.recv(65536).startswith(b"SIP/2.0 481 ")


@pytest.mark.parametrize("rtcp", [True, False])
def test_candidates_for_rtcp_or_none(rtcp: bool, router: Router, new_endpoint: NewEndpoint) -> None:
    nat = {"ice": True, "ice_rtcp": rtcp}
    with router.outside.entered():
        outside, other = (new_endpoint(name=name, bind=PUBLIC, nat=nat) for name in ("outside", "other"))
    outgoing, answered = connect(other, outside)
    offer = next(traced.message.sdp or "" for traced in outgoing.facts.messages if traced.sent)
    components = {int(match) for match in re.findall(r"^a=candidate:\S+ (\d) ", offer, re.MULTILINE)}
    assert components == ({1, 2} if rtcp else {1})
    for call in (outgoing, answered):
        expect(call).to_have_received_packets(at_least=PACKETS)


def test_relay_of_a_wrong_password(router: Router, coturn: Coturn, new_endpoint: NewEndpoint) -> None:
    turn = coturn.turn(password="not-the-secret", only=True)
    with router.inside.entered():
        inside = new_endpoint(bind=PRIVATE, nat_turn=turn)
    call = inside.make_call(f"sip:nobody@{PUBLIC}")
    expect(call).to_be_disconnected(by="error", timeout=8)
    assert call.facts.ended is not None
    assert "TURN server refused the user or the password" in call.facts.ended.reason
    assert "not-the-secret" not in call.facts.ended.reason


def test_command_line_within_the_namespace(router: Router, coturn: Coturn, new_endpoint: NewEndpoint) -> None:
    with router.outside.entered():
        outside = new_endpoint(name="outside", bind=PUBLIC, nat_ice=True, controller=bot("parrot"))
    program = str(Path(sys.executable).parent / "srtpbot")
    settings = ["--bind", PRIVATE, "--ice", "--stun", coturn.server, "--turn", f"{USER}@{coturn.server}"]
    command = [
        program,
        "call",
        outside.uri,
        *settings,
        "--srtp",
        "mandatory",
        "--duration",
        "1",
        "--json",
        "-",
    ]
    done = subprocess.run(
        router.inside.command(*command),
        env={**os.environ, "SRTPBOT_TURN_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [call] = json.loads(done.stdout)["calls"]
    assert call["media"][0]["ice"]["local_type"] == "srflx"
    assert call["media"][0]["srtp"]["active"]
    assert PASSWORD not in done.stdout + done.stderr
