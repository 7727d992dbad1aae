"""Assignment of packets with unknown addresses to calls and m= lines, and calls without packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.capture.analysis import analyse
from bot.capture.report import is_kept
from bot.cli.pcap_tables import streams as shown
from media.capture.reader import Address
from tests.support.analysed import ANSWER, HERS, HIS, OFFER, A, B, counted, of, protection
from tests.support.scene import ALICE, BOB, SUITE, Party, Scene, inline, key_of, sdp

CAPTURES = Path(__file__).parents[3] / "data" / "captures"
ELSEWHERE = Address("203.0.113.7", 41000), Address("198.51.100.9", 52000)
"""Addresses of the media that no description and no message names."""


def test_keys_open_what_no_address_tells() -> None:
    found = analyse(CAPTURES / "nat-srtp.pcap")
    assert [counted(stream) for stream in found.streams] == [{"authenticated": 20}] * 2
    assert [stream.from_caller for stream in found.streams] == [True, False]
    assert is_kept(found)


def test_plain_media_of_the_only_call_that_agreed_on_srtp() -> None:
    found = analyse(CAPTURES / "nat-plain.pcap")
    assert [counted(stream) for stream in found.streams] == [{"plain": 20}] * 2
    assert not is_kept(found)


def hidden(scene: Scene, hers: bool = True, his: bool = True, *, plain: bool = False) -> None:
    here, there = ELSEWHERE
    if hers:
        scene.talk(here, there, None if plain else HERS, ssrc=A)
    if his:
        scene.talk(there, here, None if plain else HIS, ssrc=B)


@pytest.mark.parametrize("host", ["media.example", "0.0.0.0", "203.0.113.200"])
def test_names_comedia_and_rewritten_ports(host: str, tmp_path: Path) -> None:
    scene = Scene()
    offer, answer = (
        sdp(party, line).replace(f"c=IN IP4 {party.host}", f"c=IN IP4 {host}")
        for party, line in ((ALICE, OFFER), (BOB, ANSWER))
    )
    scene.call(offer, answer)
    hidden(scene)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}
    assert (of(found, A).from_caller, of(found, B).from_caller) == (True, False)
    assert is_kept(found)


def test_plain_media_at_addresses_that_nobody_named(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    hidden(scene, plain=True)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"plain": 50}
    assert not is_kept(found)


def test_of_two_calls_the_keys_tell(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, ANSWER))
    other = Scene("two@example")
    carol = Party("carol", "192.0.2.3", 5060, 7000)
    other.now = scene.now
    other.call(
        sdp(carol, f"1 {SUITE} {inline(SUITE, 5)}", session=2),
        sdp(BOB, f"1 {SUITE} {inline(SUITE, 6)}", session=3),
    )
    scene.sent += other.sent
    scene.now = other.now
    scene.talk(*ELSEWHERE, key_of(SUITE, 5), ssrc=A)
    scene.talk(*ELSEWHERE[::-1], key_of(SUITE, 2), ssrc=B)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [of(found, one).call_id for one in (A, B)] == ["two@example", "one@example"]
    assert [of(found, one).from_caller for one in (A, B)] == [True, False]
    assert is_kept(found)


def test_ice_candidates_are_addresses(tmp_path: Path) -> None:
    here, there = ELSEWHERE
    line = "a=candidate:1 1 UDP 2130706431 {} {} typ host"
    scene = Scene()
    scene.call(sdp(ALICE, OFFER, extra=[line.format(*here)]), sdp(BOB, ANSWER, extra=[line.format(*there)]))
    scene.talk(here, there, HIS, ssrc=A)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == {"swapped": 50}


@pytest.mark.parametrize("refused", [0, 1])
def test_of_two_lines_on_one_port_the_accepted_one_owns_the_packets(refused: int, tmp_path: Path) -> None:
    crypto, plain = sdp(ALICE, OFFER).partition("m=audio")[2], "m=audio 4000 RTP/AVP 0\r\n"
    lines = [f"m=audio{crypto}", plain]
    answers = [f"m=audio 6000 RTP/SAVP 0\r\na=crypto:{ANSWER}\r\n", "m=audio 0 RTP/AVP 0\r\n"]
    if refused == 0:
        lines.reverse()
        answers.reverse()
    scene = Scene()
    head, other = (sdp(party).partition("m=audio")[0] for party in (ALICE, BOB))
    scene.call(head + "".join(lines), other + "".join(answers))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    scene.talk(BOB.media, ALICE.media, HIS, ssrc=B)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert counted(of(found, A)) == counted(of(found, B)) == {"authenticated": 50}
    assert of(found, A).media_index == of(found, B).media_index == 1 - refused


def test_two_lines() -> None:
    assert [counted(stream) for stream in analyse(CAPTURES / "two-lines.pcap").streams] == [
        {"authenticated": 20}
    ] * 2


def test_a_call_without_media() -> None:
    found = analyse(CAPTURES / "no-media.pcap")
    (call,) = found.calls
    assert call.problems == ("RTP/SAVP was agreed, and the capture has no RTP of it",)
    assert not is_kept(found)
    text = shown(found)
    assert (
        "call 1: sip:alice@example.org -> sip:bob@example.org, call-1@test\n  answered; no RTP of it" in text
    )
    assert "problems:\n  call 1: RTP/SAVP was agreed, and the capture has no RTP of it" in text


@pytest.mark.parametrize(
    ("status", "offer", "answer", "kept", "text"),
    [
        ("486 Busy Here", OFFER, None, True, "not answered: 486; no RTP of it"),
        ("487 Request Terminated", OFFER, None, True, "not answered: 487; no RTP of it"),
        ("183 Session Progress", OFFER, ANSWER, True, "no final response; no RTP of it"),
        ("200 OK", OFFER, ANSWER, False, "answered; no RTP of it"),
        ("200 OK", None, None, True, "answered; no RTP of it"),
    ],
)
def test_calls_without_media(
    status: str, offer: str | None, answer: str | None, kept: bool, text: str, tmp_path: Path
) -> None:
    scene = Scene()
    scene.invite(sdp(ALICE, offer) if offer else sdp(ALICE, profile="RTP/AVP"))
    described = "" if status[0] == "4" else sdp(BOB, answer) if answer else sdp(BOB, profile="RTP/AVP")
    scene.answer(described, status=status)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert is_kept(found) is kept
    assert text in shown(found)


@pytest.mark.parametrize(("direction", "kept"), [("inactive", True), ("sendonly", False)])
def test_an_inactive_stream_has_no_media_to_miss(direction: str, kept: bool, tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER, extra=[f"a={direction}"]), sdp(BOB, ANSWER, extra=["a=inactive"] * kept))
    assert is_kept(analyse(scene.write(tmp_path / "x.pcap"))) is kept


def test_a_call_whose_media_is_another_call_s(tmp_path: Path) -> None:
    """One call has media, the other agreed on SRTP that was never seen."""
    scene = Scene()
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    scene.talk(ALICE.media, BOB.media, None, ssrc=A)
    scene.call_id = "two@example"
    carol = Party("carol", "192.0.2.3", 5060, 7000)
    scene.call(sdp(carol, OFFER, session=2), sdp(Party("dave", "192.0.2.4", 5060, 8000), ANSWER, session=3))
    found = analyse(scene.write(tmp_path / "x.pcap"))
    assert [call.problems for call in found.calls] == [
        (),
        ("RTP/SAVP was agreed, and the capture has no RTP of it",),
    ]
    assert of(found, A).protection is None
    assert not is_kept(found)


def test_the_same_key_in_both_directions(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, f"1 {SUITE} {inline(SUITE, 1)}|2^20"))
    scene.talk(ALICE.media, BOB.media, HERS, ssrc=A)
    scene.talk(BOB.media, ALICE.media, HERS, ssrc=B)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    for one in found.streams:
        assert counted(one) == {"authenticated": 50}
        assert protection(one).problems == ("the same master key in both directions (RFC 3711 section 9.1)",)
    assert not is_kept(found)


def reflected(scene: Scene, *, until: int) -> None:
    """What Alice sends comes back to her as it is."""
    sent = [one for one in scene.sent if one[1] == ALICE.media]
    scene.sent += [(at + 0.003, target, source, packet) for at, source, target, packet in sent[:until]]


@pytest.mark.parametrize("key", [1, 2], ids=["our own key", "another key"])
def test_protected_packets_that_come_back(key: int, tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, OFFER), sdp(BOB, f"1 {SUITE} {inline(SUITE, key)}"))
    scene.talk(
        ALICE.media, BOB.media, HERS, ssrc=A, payload=b"\xff" * 160
    )  # silence, which is always the same
    reflected(scene, until=50)
    scene.sent.sort(key=lambda one: one[0])
    found = analyse(scene.write(tmp_path / "x.pcap"))
    one, back = found.streams
    assert one.protection is not None
    assert one.protection.reflected == 0
    assert counted(back) == {"authenticated" if key == 1 else "swapped": 50}
    text = "50 packets sent back by the peer: SSRC and payload are those of the other direction"
    assert text in protection(back).problems
    assert not is_kept(found)


def test_plain_packets_that_come_back_are_told(tmp_path: Path) -> None:
    """An echo of the RTP itself, as SIPp's rtp_echo is; a parrot has an SSRC of its own."""
    scene = Scene()
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    scene.talk(ALICE.media, BOB.media, None, ssrc=A)
    reflected(scene, until=30)
    scene.talk(BOB.media, ALICE.media, None, ssrc=B)
    found = analyse(scene.write(tmp_path / "x.pcap"))
    text = "30 packets sent back by the peer: SSRC and payload are those of the other direction"
    assert [text in stream.remarks for stream in found.streams] == [False, True, False]
    assert is_kept(found)
    assert f"note: stream 2: {text}" in shown(found)
