"""How audio is packed and described: ptime, payload types, telephone-events, RTCP, several m= lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import Call, CallFailed, ConfigError, DtmfMethod, Endpoint, ExpectationFailed, expect
from bot.deadline import Deadline
from bot.sip.sdp import SdpMedia
from tests.support.answered import answered_call
from tests.support.measuring import counted
from tests.support.renegotiating import sent_sdp
from tests.support.sip_peer import SipPeer
from tests.support.starting import NewEndpoint, connect, until

PCMA = "m=audio {rtp} RTP/AVP 8\na=rtpmap:8 PCMA/8000"
RECEIVER_REPORT, SENDER_REPORT = 201, 200


def line(call: Call, start: str) -> SdpMedia:
    """The audio line of the description that this side sent last in such a message."""
    return sent_sdp(call, start).media[0]


def events(media: SdpMedia) -> dict[str, str]:
    """The telephone-events of a description by payload type."""
    return {number: name for number, name in media.rtpmaps.items() if name.startswith("telephone-event")}


@pytest.fixture(scope="module")
def shared() -> Iterator[Endpoint]:
    """A callee without SRTP, and without anything set."""
    with Endpoint(name="plain", bind="127.0.0.1", codecs=["PCMA"], srtp="off") as endpoint:
        yield endpoint


@pytest.fixture
def plain(shared: Endpoint) -> Iterator[Endpoint]:
    """It has no call when the test ends."""
    yield shared
    until(shared, lambda: not shared.calls)


def pause(call: Call, seconds: float) -> None:
    """Let time pass."""
    call.endpoint.wait_until(lambda: False, Deadline(seconds))


def sent_packets(call: Call) -> int:
    """The RTP packets that this side has sent so far."""
    return counted(call).tx.packets


# ---- ptime


@pytest.mark.parametrize("ms", [10, 60])
def test_ptime_is_asked_for_and_kept(ms: int, new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(ptime_ms=ms), new_endpoint())
    assert line(outgoing, "INVITE").ptime == ms
    for call in (outgoing, answered):
        expect(call).to_have_stream(ptime_ms=ms)


def test_each_side_has_its_own_ptime(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(ptime_ms=40), new_endpoint(ptime_ms=30))
    assert line(answered, "SIP/2.0 200").ptime == 30
    expect(outgoing).to_have_stream(ptime_ms=40)
    expect(answered).to_have_stream(ptime_ms=30)


def test_ptime_on_the_wire(new_endpoint: NewEndpoint) -> None:
    with answered_call(new_endpoint(srtp="off", ptime_ms=40), f"{PCMA}\na=ptime:20") as (peer, call):
        sizes = {len(one.payload) for one in peer.media.receive(6) if not one.is_rtcp}
        assert sizes == {320}
        expect(call).to_have_stream(ptime_ms=40)


def test_the_peers_ptime_is_kept_when_nothing_is_set(plain: Endpoint) -> None:
    with answered_call(plain, f"{PCMA}\na=ptime:60\na=maxptime:80") as (peer, call):
        sizes = {len(one.payload) for one in peer.media.receive(4) if not one.is_rtcp}
        assert sizes == {480}
        expect(call).to_have_stream(ptime_ms=60)


def test_the_peers_longest_packet_is_not_heeded(new_endpoint: NewEndpoint) -> None:
    """The library's deviation from RFC 8866 6.4: it reads a=maxptime and does nothing with it."""
    with answered_call(new_endpoint(srtp="off", ptime_ms=40), f"{PCMA}\na=maxptime:20") as (peer, _):
        assert {len(one.payload) for one in peer.media.receive(4) if not one.is_rtcp} == {320}


# ---- silence


def test_silence_is_not_sent_with_vad(new_endpoint: NewEndpoint, speech: Path) -> None:
    outgoing, answered = connect(new_endpoint(vad=True), new_endpoint())
    pause(outgoing, 1.0)  # it takes 0.6 s to be sure of silence
    quiet, steady = sent_packets(outgoing), sent_packets(answered)
    pause(outgoing, 0.6)
    assert sent_packets(outgoing) - quiet <= 2
    assert sent_packets(answered) - steady >= 20
    outgoing.play(speech)
    expect(answered).to_have_received_packets(at_least=quiet + 20)


# ---- payload types


def test_numbers_of_the_peer_are_used_for_what_is_sent(plain: Endpoint) -> None:
    media = """m=audio {rtp} RTP/AVP 111 97
    a=rtpmap:111 PCMA/8000
    a=rtpmap:97 telephone-event/8000
    a=fmtp:97 0-15"""
    with answered_call(plain, media) as (peer, call):
        assert peer.answer.media[0].formats == ("111", "97")
        expect(call).to_have_stream(payload_type=111, telephone_event=97, channels=1)
        assert {one.kind for one in peer.media.receive(5) if not one.is_rtcp} == {111}
        call.send_dtmf("5", on_ms=60).wait()
        kinds = [(one.kind, one.payload[:1]) for one in peer.media.receive(50, 1.0) if not one.is_rtcp]
        assert (97, b"\x05") in kinds


def test_an_answer_with_another_number_is_followed(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(codecs=["speex/16000"], srtp="off")
    callee = new_endpoint(codecs=["speex/16000"], srtp="off")
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    offered = next(n for n, name in line(outgoing, "INVITE").rtpmaps.items() if name == "speex/16000")
    edits = [(rf"^(m=audio \d+ RTP/AVP) {offered}\b", r"\1 127"), (rf"rtpmap:{offered} ", "rtpmap:127 ")]
    incoming.value.answer(edit_sdp=edits)
    expect(outgoing).to_have_stream(payload_type=127)


@pytest.mark.parametrize("number", [101, 96])
def test_telephone_event_has_its_number(number: int, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(telephone_event=number, codecs=["PCMA", "speex/16000"])
    outgoing, answered = connect(caller, new_endpoint())
    offer = line(outgoing, "INVITE")
    assert events(offer)[str(number)] == "telephone-event/8000"
    assert len(set(offer.formats)) == len(offer.formats)
    assert set(offer.rtpmaps) <= set(offer.formats)
    for call in (outgoing, answered):
        expect(call).to_have_stream(telephone_event=number)
    outgoing.send_dtmf("12")
    answered.send_dtmf("34")
    expect(answered).to_have_received_dtmf("12", method="rfc4733")
    expect(outgoing).to_have_received_dtmf("34", method="rfc4733")


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_without_telephone_event_digits_are_refused(who: str, new_endpoint: NewEndpoint) -> None:
    off = {"telephone_event": 0}
    caller = new_endpoint(**off if who == "caller" else {})
    outgoing, answered = connect(caller, new_endpoint(**off if who == "callee" else {}))
    assert bool(events(line(outgoing, "INVITE"))) is (who == "callee")
    assert not events(line(answered, "SIP/2.0 200"))
    for call, other in ((outgoing, answered), (answered, outgoing)):
        expect(call).to_have_stream(telephone_event=0)
        other.listen()
        with pytest.raises(CallFailed, match=r"digit '1': the SDP has no telephone-event"):
            call.send_dtmf("12").wait()
        assert not call.facts.sent
    outgoing.send_dtmf("7", method=DtmfMethod.INFO).wait()
    expect(answered).to_have_received_dtmf("7", method="info")
    assert [one.method for one in answered.facts.received] == ["info"]


# ---- codecs


def test_codecs_are_offered_in_their_order(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(codecs=["GSM", "PCMU", "PCMA"])
    outgoing, _ = connect(caller, new_endpoint(codecs=["PCMA", "PCMU", "GSM"]))
    assert line(outgoing, "INVITE").formats[:3] == ("3", "0", "8")
    expect(outgoing).to_use_codec("GSM/8000/1")


@pytest.mark.parametrize("lock", [True, False])
def test_an_answer_that_leaves_several_codecs(lock: bool, new_endpoint: NewEndpoint) -> None:
    both = {"codecs": ["PCMA", "PCMU"], "srtp": "off"}
    caller, callee = new_endpoint(lock_codec=lock, **both), new_endpoint(**both)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    answer = [
        (r"^(m=audio \d+ RTP/AVP) 8\b", r"\1 8 0"),
        (r"^(a=rtpmap:8 PCMA/8000)", r"\1\r\na=rtpmap:0 PCMU/8000"),
    ]
    incoming.value.answer(edit_sdp=answer)
    expect(outgoing).to_be_confirmed()

    def offers() -> list[str]:
        sent = [traced.message for traced in outgoing.facts.messages if traced.sent and traced.message.sdp]
        return [one.method for one in sent if one.is_request]

    if lock:
        until(outgoing, lambda: len(offers()) == 2)
        assert line(outgoing, offers()[1]).formats == ("8", "120")
    else:
        pause(outgoing, 0.3)
        assert offers() == ["INVITE"]
    expect(outgoing).to_use_codec("PCMA")
    expect(outgoing).to_have_received_packets(at_least=10)


def test_linear_audio_is_mono(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(codecs=["L16"]), new_endpoint(codecs=["L16/44100/1"]))
    assert {name for name in line(outgoing, "INVITE").rtpmaps.values() if "L16" in name} == {"L16/44100"}
    for call in (outgoing, answered):
        expect(call).to_use_codec("L16/44100")
        expect(call).to_have_stream(channels=1, payload_type=11)
        expect(call).to_have_received_packets(at_least=5)
    with pytest.raises(ExpectationFailed, match="the codec is L16"):
        expect(outgoing).to_use_codec("L16/44100/2")


def test_linear_stereo_is_refused_here_and_to_the_peer(new_endpoint: NewEndpoint) -> None:
    with pytest.raises(ConfigError, match="stereo aborts the library"):
        new_endpoint(codecs=["L16/44100/2"])
    endpoint = new_endpoint(codecs=["L16"], srtp="off")
    with SipPeer(endpoint.uri) as peer:
        peer.offer("m=audio {rtp} RTP/AVP 10\na=rtpmap:10 L16/44100/2")
        assert peer.answered() == 488


# ---- RTCP


def test_reports_are_exchanged(plain: Endpoint) -> None:
    with answered_call(plain, PCMA) as (peer, call):
        media = peer.answer.media[0]
        for number in range(10):
            peer.media.send_audio(number, 8)
        peer.media.report(peer.media.rtcp, media.port + 1)
        reports = [one for one in peer.media.receive(400, 6.5, until_rtcp=True) if one.is_rtcp]
        assert {report.source for report in reports} == {media.port + 1}
        assert {report.kind for report in reports} <= {SENDER_REPORT, RECEIVER_REPORT}
        assert reports
        assert ("rtcp-mux", "") not in media.attributes
        expect(call).to_have_stream(rtcp_mux=False)


def test_one_port_for_rtp_and_rtcp(new_endpoint: NewEndpoint) -> None:
    with answered_call(new_endpoint(srtp="off", rtcp_mux=True), f"{PCMA}\na=rtcp-mux") as (peer, call):
        media = peer.answer.media[0]
        assert ("rtcp-mux", "") in media.attributes
        expect(call).to_have_stream(rtcp_mux=True)
        for number in range(10):
            peer.media.send_audio(number, 8)
        packets = peer.media.receive(400, 6.5, until_rtcp=True)
        assert {packet.source for packet in packets} == {media.port}
        assert any(packet.is_rtcp for packet in packets)


@pytest.mark.parametrize("who", ["both", "caller", "callee"])
def test_one_port_only_when_both_want_it(who: str, new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(rtcp_mux=who != "callee")
    outgoing, answered = connect(caller, new_endpoint(rtcp_mux=who != "caller"))
    assert (("rtcp-mux", "") in line(outgoing, "INVITE").attributes) is (who != "callee")
    assert (("rtcp-mux", "") in line(answered, "SIP/2.0 200").attributes) is (who == "both")
    for call in (outgoing, answered):
        expect(call).to_have_stream(rtcp_mux=who == "both")
        expect(call).to_have_received_packets(at_least=10)


# ---- m= lines


def test_video_is_refused_and_audio_works(plain: Endpoint) -> None:
    media = f"{PCMA}\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000"
    with answered_call(plain, media) as (peer, call):
        assert [(one.type, one.rejected) for one in peer.answer.media] == [("audio", False), ("video", True)]
        assert peer.media.receive(3)
        assert [stream.active for stream in call.media] == [True]


def test_video_first_and_audio_refused_before(plain: Endpoint) -> None:
    media = f"m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 0\n{PCMA}"
    with answered_call(plain, media) as (peer, call):
        assert [stream.rejected for stream in peer.answer.media] == [True, True, False]
        assert [stream.active for stream in call.media if stream.type == "audio"] == [False, True]
        assert peer.media.receive(3)


def test_an_offer_of_nothing_but_port_0(plain: Endpoint) -> None:
    with SipPeer(plain.uri) as peer:
        peer.offer("m=audio 0 RTP/AVP 8")
        assert peer.answered() == 488
    with answered_call(plain, PCMA) as (peer, _):
        assert peer.media.receive(3)


def test_an_answer_that_disables_the_stream(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(srtp="off"), new_endpoint(srtp="off")
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.answer(edit_sdp=[(r"^m=audio \d+", "m=audio 0")])
    expect(outgoing).to_be_disconnected(timeout=3)
    assert not outgoing.facts.last_active


# ---- settings


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ptime_ms", 25), ("ptime_ms", 0), ("ptime_ms", 300), ("telephone_event", 95), ("telephone_event", 128)],
)
def test_what_cannot_be_set(setting: str, value: int, new_endpoint: NewEndpoint) -> None:
    with pytest.raises(ConfigError, match=f"{setting}: expected"):
        new_endpoint(**{setting: value})
