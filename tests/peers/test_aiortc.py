"""aiortc, a WebRTC implementation: its answer to our offer, and our answer to its offer (RFC 5763)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import Call, Journal, SrtpMode, expect
from bot.config import EndpointConfig
from bot.interop.attempt import Setting
from bot.interop.cells import Plan, Role, cells_of, chosen
from bot.interop.matrix import Matrix
from bot.model import Keying
from bot.workers import Workers
from tests.support import needs
from tests.support.aiortc_peer import TONE_HZ, AiortcPeer, has_aiortc
from tests.support.aiortc_phone import AiortcPhone
from tests.support.link import linked_namespace
from tests.support.namespaces import Namespace, cannot_make_namespaces
from tests.support.sip_peer import SipPeer
from tests.support.sounds import dominant_hz
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.skipif(not has_aiortc(), reason="aiortc is not installed: pip install aiortc")

HERE = "10.77.0.1"
ENOUGH_PACKETS = 50
HANDSHAKE_S = 15.0
SETTINGS = {"bind": HERE, "nat_ice": True, "srtp": "mandatory", "srtp_keying": ["dtls", "sdes"]}


@pytest.fixture
def network() -> Iterator[Namespace]:
    """With an interface that is not loopback, which ICE leaves out."""
    needs.dtls()
    if reason := cannot_make_namespaces():
        pytest.skip(reason)
    with linked_namespace(f"{HERE}/24") as network:
        yield network


@pytest.fixture(params=["opus", "PCMU"])
def codec(request: pytest.FixtureRequest) -> str:
    """A codec that aiortc has too."""
    if request.param == "opus":
        needs.opus()
    return str(request.param)


def assert_both_hear(call: Call, peer: AiortcPeer, folder: Path) -> None:
    expect(call).to_be_encrypted(keying="DTLS", timeout=HANDSHAKE_S)
    expect(call).to_have_selected_candidates(local="host", remote="host")
    with call.record(folder / "heard.wav") as recording:
        expect(call).to_have_received_packets(at_least=ENOUGH_PACKETS, timeout=HANDSHAKE_S)
    assert dominant_hz(recording.path) == pytest.approx(TONE_HZ, abs=10)
    assert peer.state == "connected"
    assert len(peer.heard) > 0


def test_it_answers_our_offer(
    network: Namespace, new_endpoint: NewEndpoint, codec: str, tmp_path: Path
) -> None:
    with network.entered():
        endpoint = new_endpoint(**SETTINGS, codecs=[codec])
        with AiortcPeer() as peer, SipPeer() as signalling:
            call = endpoint.make_call(signalling.uri)
            invite = signalling.expect("INVITE")
            assert invite.sdp is not None
            answer = peer.answer(invite.sdp)
            signalling.reply(invite, 200, body=answer)
            with signalling.serving(lambda message: signalling.reply(message, 200, body=answer)):
                assert_both_hear(call, peer, tmp_path)
                expect(call).to_use_codec(codec)
                call.hangup()
                expect(call).to_be_disconnected(code=200, by="local")
        endpoint.close()


def test_its_offer_is_answered(
    network: Namespace, new_endpoint: NewEndpoint, codec: str, tmp_path: Path
) -> None:
    with network.entered():
        endpoint = new_endpoint(**SETTINGS, codecs=[codec])
        with AiortcPeer() as peer, SipPeer(endpoint.uri) as signalling:
            request = signalling.request("INVITE", body=peer.offer())
            signalling.send(request)
            with endpoint.expect_call() as incoming:
                pass
            call = incoming.value.answer()
            response = signalling.final()
            assert response.sdp is not None
            assert "UDP/TLS/RTP/SAVPF" in response.sdp
            signalling.ack(response)
            peer.accept(response.sdp)
            assert_both_hear(call, peer, tmp_path)
            expect(call).to_use_codec(codec)
        endpoint.close()


@pytest.mark.parametrize("role", Role)
def test_interop(network: Namespace, role: Role, tmp_path: Path) -> None:
    config = EndpointConfig(name="interop", bind=HERE).with_options(nat_ice=True)
    plan = Plan(modes=(SrtpMode.MANDATORY,), keying=(Keying.DTLS,), role=role, edits=False)
    cells = chosen(cells_of(plan), ["mandatory/DTLS-all"], ())
    setting = Setting(config, tmp_path, HANDSHAKE_S, {"journal": Journal()})
    with network.entered(), AiortcPhone() as phone, Workers(1, "cell") as workers:
        matrix = Matrix(cells, setting, lambda cell, seen: None)
        if role is Role.CALLER:
            matrix.place(phone.uri, workers)
        else:
            matrix.receive(0, HANDSHAKE_S, None, lambda uris: None, lambda cell, uri: phone.dial(uri))
    [seen] = matrix.seen.values()
    assert seen.outcome.startswith("SRTP "), seen.why
    assert seen.audio == "audio"
