"""Analysis of captures: calls, streams, keys, and packets that contradict the negotiation."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.capture.analysis import JournalMessage, analyse
from media.capture.reader import Address
from media.rtp.srtp import SUITES, SrtpContext, SrtpKey
from tests.support.analysed import ANSWER, HERS, HIS, OFFER, OTHER, A, B, counted, of, protection
from tests.support.scene import ALICE, BOB, SUITE, Party, Scene, inline, key_of, sdp


def talk(scene: Scene, hers: SrtpKey | None = HERS, his: SrtpKey | None = HIS) -> None:
    scene.talk(ALICE.media, BOB.media, hers, ssrc=A)
    scene.talk(BOB.media, ALICE.media, his, ssrc=B)


@pytest.mark.parametrize("suite", SUITES)
def test_a_call_with_each_suite(suite: str, tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, f"1 {suite} {inline(suite, 1)}"), sdp(BOB, f"1 {suite} {inline(suite, 2)}"))
    talk(scene, key_of(suite, 1), key_of(suite, 2))
    scene.bye()

    found = analyse(scene.write(tmp_path / "x.pcap"))

    (call,) = found.calls
    assert (call.call_id, call.caller, call.callee) == ("one@example", "sip:alice@example", "sip:bob@example")
    assert call.answered is not None
    assert call.ended is not None
    hers, his = found.streams
    assert (hers.source, hers.target, hers.ssrc) == ("192.0.2.1:4000", "192.0.2.2:6000", A)
    assert (hers.kind, hers.codec, hers.clock_rate, hers.packets, hers.lost) == ("SRTP", "PCMU", 8000, 50, 0)
    assert (hers.call_id, hers.from_caller, his.from_caller) == ("one@example", True, False)
    assert (hers.profile, hers.offered, hers.answered) == ("RTP/SAVP", (suite,), suite)
    assert hers.jitter_ms_mean == pytest.approx(0, abs=0.01)
    for one in (hers, his):
        assert counted(one) == {"authenticated": 50}
        assert protection(one).suite == suite
        assert protection(one).intact
        assert protection(one).problems == ()
    assert found.notes == ()


def test_the_tag_of_the_answer_picks_the_line_of_the_offer(tmp_path: Path) -> None:
    suite = "AES_256_CM_HMAC_SHA1_80"
    scene = Scene()
    scene.call(sdp(ALICE, OFFER, OTHER), sdp(BOB, f"2 {suite} {inline(suite, 4)}"))
    talk(scene, key_of(suite, 3), key_of(suite, 4))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=0xC)

    found = analyse(scene.write(tmp_path / "x.pcap"))

    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}
    assert of(found, A).offered == (SUITE, suite)
    assert of(found, A).answered == suite
    assert counted(of(found, 0xC)) == {"failed": 50}
    assert "did not choose" in protection(of(found, 0xC)).problems[0]


def test_swapped_keys_are_told(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    talk(scene, HIS, HERS)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"swapped": 50}
    assert not protection(of(found, A)).intact
    assert protection(of(found, A)).problems == ("50 packets protected with the key of the other side",)


def test_plain_rtp_under_srtp_is_told(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    talk(scene, HERS, None)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == {"authenticated": 50}
    assert counted(of(found, B)) == {"plain": 50}
    assert not protection(of(found, B)).intact
    assert "plain RTP where the description (RTP/SAVP) demands SRTP" in protection(of(found, B)).problems[0]


def test_plain_rtp_where_a_secure_offer_got_no_key(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, profile="RTP/AVP"))
    talk(scene, None, None)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"plain": 50}
    assert not protection(of(found, A)).intact


def test_another_key_than_any_known(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    talk(scene, HERS, key_of(SUITE, 9))
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, B)) == {"failed": 50}
    assert protection(of(found, B)).problems == (
        "50 packets not authentic with any of 2 keys that may protect it",
    )


@pytest.mark.parametrize("keys", [(None, None), (HERS, None)])
def test_optional_srtp_without_a_key_in_the_answer(keys: tuple[SrtpKey | None, ...], tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    talk(scene, *keys)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert of(found, B).kind == "RTP"
    assert of(found, B).protection is None
    assert of(found, A).kind == ("SRTP" if keys[0] else "RTP")
    assert keys[0] is None or protection(of(found, A)).intact


def test_optional_srtp_that_was_answered_with_a_key(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER, profile="RTP/AVP"), sdp(BOB, ANSWER, profile="RTP/AVP"))
    talk(scene, HERS, None)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == {"authenticated": 50}
    assert counted(of(found, B)) == {"plain": 50}
    assert not protection(of(found, B)).intact


def test_a_key_in_the_answer_that_nobody_asked_for(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, ANSWER, profile="RTP/AVP"))
    talk(scene, None, None)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [stream.kind for stream in found.streams] == ["RTP", "RTP"]
    assert [stream.protection for stream in found.streams] == [None, None]
    assert of(found, A).answered == SUITE


def test_new_keys_of_a_re_invite(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    talk(scene)
    scene.invite(sdp(ALICE, f"1 {SUITE} {inline(SUITE, 5)}"), cseq=2, to_tag="b")
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=51, count=5)
    scene.answer(sdp(BOB, f"1 {SUITE} {inline(SUITE, 6)}"), cseq=2)
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=56, count=5)  # in flight
    scene.ack(cseq=2)
    scene.talk(ALICE.media, BOB.media, key_of(SUITE, 5), ssrc=A, first=61)
    scene.talk(BOB.media, ALICE.media, key_of(SUITE, 6), ssrc=B, first=51)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == {"authenticated": 110}
    assert counted(of(found, B)) == {"authenticated": 100}

    scene.now += 10
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=200, count=7)
    late = of(analyse(scene.write(tmp_path / "y.pcap")), A)
    assert counted(late) == {"authenticated": 110, "failed": 7}
    assert "an old key" in protection(late).problems[0]


def test_a_refused_re_invite_changes_nothing(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    talk(scene)
    scene.invite(sdp(ALICE, f"1 {SUITE} {inline(SUITE, 5)}"), cseq=2, to_tag="b")
    scene.answer(cseq=2, status="488 Not Acceptable Here")
    scene.now += 10
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=51)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == {"authenticated": 100}


def test_late_offer(tmp_path: Path) -> None:
    scene = Scene()
    scene.invite()
    scene.answer(sdp(BOB, OFFER))
    scene.answer(sdp(BOB, OFFER))  # retransmitted
    scene.ack(sdp(ALICE, ANSWER))
    talk(scene, HIS, HERS)  # here the first key is the callee's
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}
    assert of(found, A).from_caller


def test_late_answer_that_does_not_pass_the_proxy(tmp_path: Path) -> None:
    proxy = Party("proxy", "192.0.2.9", 5060, 0)
    scene = Scene()
    scene.message("INVITE sip:bob@example SIP/2.0", ALICE, proxy, tags=("a", ""))
    scene.message("SIP/2.0 200 OK", proxy, ALICE, sdp(BOB, OFFER))
    scene.ack(sdp(ALICE, ANSWER))
    talk(scene, HIS, HERS)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}


def test_early_media_and_forks(tmp_path: Path) -> None:
    carol = Party("carol", "192.0.2.3", 5060, 7000)
    third = f"1 {SUITE} {inline(SUITE, 7)}"
    scene = Scene()
    scene.invite(sdp(ALICE, OFFER))
    scene.talk(carol.media, ALICE.media, key_of(SUITE, 7), ssrc=0xC, count=5)  # before its answer is seen
    scene.answer(sdp(carol, third), status="183 Session Progress", to_tag="c")
    scene.talk(carol.media, ALICE.media, key_of(SUITE, 7), ssrc=0xC, first=6, count=45)
    scene.answer(sdp(BOB, ANSWER))
    scene.ack()
    talk(scene)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [counted(stream) for stream in found.streams] == [{"authenticated": 50}] * 3
    assert [stream.from_caller for stream in found.streams] == [False, True, False]


def test_behind_a_nat_the_senders_address_tells(tmp_path: Path) -> None:
    public = Address("198.51.100.7", 31234)
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    scene.talk(public, BOB.media, HERS, ssrc=A)
    scene.talk(BOB.media, public, HIS, ssrc=B)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}
    assert of(found, A).from_caller
    assert not of(found, B).from_caller


def test_a_relay_that_rewrites_the_sdp(tmp_path: Path) -> None:
    relay = Party("relay", "192.0.2.9", 5060, 8000)
    inner = Address("192.0.2.9", 8002)
    scene = Scene()
    scene.message("INVITE sip:bob@example SIP/2.0", ALICE, relay, sdp(ALICE, OFFER), tags=("a", ""))
    forwarded = sdp(relay, f"1 {SUITE} {inline(SUITE, 5)}", media=inner)
    scene.message("INVITE sip:bob@example SIP/2.0", relay, BOB, forwarded, tags=("a", ""), branch="2")
    scene.message("SIP/2.0 200 OK", BOB, relay, sdp(BOB, ANSWER), branch="2")
    scene.message("SIP/2.0 200 OK", relay, ALICE, sdp(relay, f"1 {SUITE} {inline(SUITE, 6)}"))
    scene.talk(ALICE.media, relay.media, HERS, ssrc=A)
    scene.talk(inner, BOB.media, key_of(SUITE, 5), ssrc=A)
    scene.talk(BOB.media, inner, HIS, ssrc=B)
    scene.talk(relay.media, ALICE.media, key_of(SUITE, 6), ssrc=B)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [counted(stream) for stream in found.streams] == [{"authenticated": 50}] * 4
    assert [stream.from_caller for stream in found.streams] == [True, True, False, False]


def test_calls_on_the_same_ports_one_after_another(tmp_path: Path) -> None:
    scene = Scene()
    for number in range(3):
        scene.call_id = f"call-{number}"
        keys = [f"1 {SUITE} {inline(SUITE, 10 * number + n)}" for n in (1, 2)]
        scene.call(sdp(ALICE, keys[0]), sdp(BOB, keys[1]))
        scene.talk(ALICE.media, BOB.media, key_of(SUITE, 10 * number + 1), ssrc=A)
        scene.bye()
        scene.now += 1
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [stream.call_id for stream in found.streams] == ["call-0", "call-1", "call-2"]
    assert [counted(stream) for stream in found.streams] == [{"authenticated": 50}] * 3


@pytest.mark.parametrize("begun", [False, True], ids=["re-INVITE", "INVITE"])
def test_sequence_wraps_and_a_capture_that_begins_late(begun: bool, tmp_path: Path) -> None:
    """Rollovers are unknown where the capture begins within the call; with its INVITE there are none."""
    context = SrtpContext(HERS)
    early = Scene()
    early.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=65000, count=70000, context=context)
    scene = Scene()
    scene.invite(sdp(ALICE, OFFER), to_tag="" if begun else "b")
    scene.answer(sdp(BOB, ANSWER))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=135000, count=300, context=context)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == {"failed" if begun else "authenticated": 300}
    if begun:
        assert "began with 2 rollovers where a receiver begins with 0" in protection(of(found, A)).problems[0]


def test_a_two_time_pad_is_told_and_a_duplicate_is_none(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    scene.sent += scene.sent[-3:]  # the same packets again
    clean = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(clean, A)) == {"authenticated": 50, "discarded": 3}
    assert of(clean, A).duplicates == 3
    assert protection(of(clean, A)).intact
    again_said = "3 packets replayed: a receiver discards them (RFC 3711 section 3.3.2)"
    assert of(clean, A).remarks == (again_said,)
    assert protection(of(clean, A)).problems == ()

    scene.invite(sdp(ALICE, OFFER), cseq=2, to_tag="b")
    scene.answer(sdp(BOB, ANSWER), cseq=2)
    again = SrtpContext(HERS)  # the sender began anew with the same key
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, first=31, payload=b"\x55" * 160, context=again)
    found = analyse(scene.write(tmp_path / "y.pcap"))
    assert counted(of(found, A)) == {"authenticated": 80, "discarded": 23, "reused": 20}
    assert "two-time pad" in protection(of(found, A)).problems[0]
    assert not protection(of(found, A)).intact


def test_a_two_time_pad_across_directions(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, f"1 {SUITE} {inline(SUITE, 1)}"))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A, count=10)
    scene.talk(BOB.media, ALICE.media, HERS, ssrc=A, count=10, payload=b"x" * 160, context=SrtpContext(HERS))
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [counted(stream) for stream in found.streams] == [
        {"authenticated": 10},
        {"authenticated": 10, "reused": 10},
    ]


@pytest.mark.parametrize("extra", [(), ("a=rtcp-mux",), ("a=rtcp:9998",)])
def test_rtcp_belongs_to_the_stream_of_its_sender(extra: tuple[str, ...], tmp_path: Path) -> None:
    report = bytes.fromhex("80c90001") + (A).to_bytes(4, "big")  # an empty receiver report
    ports = {(): (4001, 6001), ("a=rtcp-mux",): (4000, 6000), ("a=rtcp:9998",): (4001, 9998)}[extra]
    source, target = Address(ALICE.host, ports[0]), Address(BOB.host, ports[1])
    scene = Scene()
    scene.call(sdp(ALICE, OFFER, extra=extra), sdp(BOB, ANSWER, extra=extra))
    scene.packet(source, target, SrtpContext(HERS).protect_rtcp(report))  # before any RTP
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    context = SrtpContext(HERS)
    context.protect_rtcp(report)
    scene.packet(source, target, context.protect_rtcp(report))
    (found,) = analyse(scene.write(tmp_path / "x.pcap")).streams
    assert (found.packets, found.rtcp_packets) == (50, 2)
    assert found.target == str(BOB.media)
    assert protection(found).rtcp_authenticated == 2
    assert protection(found).intact

    scene.packet(source, target, report)
    (plain,) = analyse(scene.write(tmp_path / "y.pcap")).streams
    assert protection(plain).problems == ("1 of 3 RTCP packets plain under SRTP",)
    assert not protection(plain).intact


def test_only_reports(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    scene.talk(ALICE.media, BOB.media, None, ssrc=A)
    scene.packet(BOB.rtcp, ALICE.rtcp, bytes.fromhex("80c90001") + (B).to_bytes(4, "big"))
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [(stream.kind, stream.packets, stream.rtcp_packets) for stream in found.streams] == [
        ("RTP", 50, 0),
        ("RTCP", 0, 1),
    ]
    assert found.streams[1].jitter_ms_mean is None


def test_without_any_signalling(tmp_path: Path) -> None:
    scene = Scene()
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    scene.talk(BOB.media, ALICE.media, None, ssrc=B)
    scene.packet(ALICE.sip, Address("192.0.2.53", 53), b"\x80\x00" + bytes(30))  # DNS may look like RTP
    path = scene.write(tmp_path / "x.pcap")
    found = analyse(path)
    assert [stream.ssrc for stream in found.streams] == [A, B]
    assert protection(of(found, A)).problems == ("50 packets protected with a key that is not known",)
    assert (of(found, B).kind, of(found, B).codec) == ("RTP", "PCMU")

    known = analyse(path, keys=[HIS, HERS])
    assert counted(of(known, A)) == {"authenticated": 50}
    assert of(known, B).protection is None


def test_given_keys_open_what_the_signalling_does_not(tmp_path: Path) -> None:
    scene = Scene()
    redacted = f"1 {SUITE} inline:[redacted]"
    scene.call(sdp(ALICE, redacted), sdp(BOB, redacted))
    talk(scene)
    path = scene.write(tmp_path / "x.pcap")
    assert counted(of(analyse(path), A)) == {"failed": 50}
    found = analyse(path, keys=[HERS, HIS])
    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}


def test_messages_that_are_told_and_not_captured(tmp_path: Path) -> None:
    signalling, media = Scene(), Scene()
    signalling.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    media.now = signalling.now
    talk(media)
    told = [JournalMessage(at, source, target, text.decode()) for at, source, target, text in signalling.sent]
    found = analyse(media.write(tmp_path / "x.pcap"), journal_messages=reversed(told))
    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}
    assert of(found, A).call_id == "one@example"

    both = Scene()
    both.sent = signalling.sent + media.sent  # captured as well
    again = analyse(both.write(tmp_path / "y.pcap"), journal_messages=told)
    assert again.streams == found.streams


def test_a_bad_key_is_said_and_not_shown(tmp_path: Path) -> None:
    scene = Scene()
    short = "inline:c2hvcnQga2V5"
    scene.call(sdp(ALICE, f"1 {SUITE} {short}"), sdp(BOB, ANSWER))
    talk(scene)
    problems = protection(of(analyse(scene.write(tmp_path / "x.pcap")), A)).problems
    assert any("9 bytes where 30 are expected" in problem for problem in problems)
    assert not any("c2hvcnQ" in problem for problem in problems)


def test_authenticated_and_not_encrypted(tmp_path: Path) -> None:
    line = f"{OFFER} UNENCRYPTED_SRTP"
    scene = Scene()
    scene.call(sdp(ALICE, line), sdp(BOB, f"{ANSWER} UNENCRYPTED_SRTP"))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    assert counted(of(analyse(scene.write(tmp_path / "x.pcap")), A)) == {"authenticated": 50}


def test_two_m_lines(tmp_path: Path) -> None:
    def two(party: Party, seed: int) -> str:
        first = sdp(party, f"1 {SUITE} {inline(SUITE, seed)}")
        port = party.media.port + 2
        return f"{first}m=audio {port} RTP/SAVP 8\r\na=crypto:1 {SUITE} {inline(SUITE, seed + 10)}\r\n"

    scene = Scene()
    scene.call(two(ALICE, 1), two(BOB, 2))
    talk(scene)
    scene.talk(Address(ALICE.host, 4002), Address(BOB.host, 6002), key_of(SUITE, 11), ssrc=0xC)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [(stream.ssrc, stream.media_index, counted(stream)) for stream in found.streams] == [
        (A, 0, {"authenticated": 50}),
        (B, 0, {"authenticated": 50}),
        (0xC, 1, {"authenticated": 50}),
    ]


def test_ipv6_in_any_spelling(tmp_path: Path) -> None:
    alice, bob = (Party(name, f"2001:db8::{n}", 5060, 4000) for n, name in ((1, "alice"), (2, "bob")))
    scene = Scene()
    offer = sdp(alice, OFFER).replace("2001:db8::1", "2001:0DB8:0:0::1")
    scene.message("INVITE sip:bob@example SIP/2.0", alice, bob, offer, tags=("a", ""))
    scene.message("SIP/2.0 200 OK", bob, alice, sdp(bob, ANSWER))
    scene.talk(bob.media, alice.media, HIS, ssrc=B)
    (found,) = analyse(scene.write(tmp_path / "x.pcap")).streams
    assert found.target == "[2001:db8::1]:4000"
    assert counted(found) == {"authenticated": 50}
