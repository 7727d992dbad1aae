"""bot.sip.sdp: session descriptions, crypto attributes, and the negotiated values."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import MediaDirection
from bot.sip.message import Message
from bot.sip.offer_answer import CryptoNegotiation, OfferAnswer
from bot.sip.redaction import redact
from bot.sip.sdp import CryptoAttribute, Sdp, parse_sdp

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
CM_80, CM_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
DESCRIPTION = f"""\
v=0
o=alice 1 2 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
a=sendonly
m=audio 4000 RTP/SAVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=rtcp:4001 IN IP4 192.0.2.1
a=crypto:1 {CM_80} inline:{KEY}|2^20|1:4 UNENCRYPTED_SRTCP KDR=1
a=crypto:2 {CM_32} inline:{KEY}
m=video 0 RTP/AVP 31
c=IN IP4 192.0.2.2/127
a=inactive
"""


def test_a_description_is_read() -> None:
    sdp = parse_sdp(DESCRIPTION)
    assert sdp.problems == ()
    assert sdp.origin == "alice 1 2 IN IP4 192.0.2.1"
    audio, video = sdp.media
    assert (audio.type, audio.port, audio.profile, audio.formats) == (
        "audio",
        4000,
        "RTP/SAVP",
        ("8", "0", "101"),
    )
    assert (audio.rtpmaps, audio.fmtps) == (
        {"8": "PCMA/8000", "101": "telephone-event/8000"},
        {"101": "0-16"},
    )
    assert (audio.ptime, audio.rtcp_port, audio.secure, audio.rejected) == (20.0, 4001, True, False)
    assert audio.crypto == (
        CryptoAttribute(tag=1, suite=CM_80, session_params=("UNENCRYPTED_SRTCP", "KDR=1")),
        CryptoAttribute(tag=2, suite=CM_32),
    )
    assert (video.rejected, video.secure, video.connection) == (True, False, "192.0.2.2")


def test_direction_and_connection_are_inherited_from_the_session() -> None:
    audio, video = parse_sdp(DESCRIPTION).media
    assert (audio.direction, audio.connection) == (MediaDirection.SENDONLY, "192.0.2.1")
    assert video.direction is MediaDirection.INACTIVE
    assert parse_sdp("v=0\r\nm=audio 1 RTP/AVP 0\r\n").media[0].direction is MediaDirection.SENDRECV


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ("c=IN IP4 0.0.0.0", True),
        ("c=IN IP4 192.0.2.1", False),
        ("a=sendonly", True),
        ("a=inactive", True),
        ("a=recvonly", False),
    ],
)
def test_hold_is_known_by_direction_and_by_address(lines: str, held: bool) -> None:
    assert parse_sdp(f"v=0\nm=audio 1 RTP/AVP 0\n{lines}\n").media[0].on_hold is held


def test_keys_are_left_out_unless_asked_for() -> None:
    assert KEY not in repr(parse_sdp(DESCRIPTION))
    assert parse_sdp(DESCRIPTION, keys=True).media[0].crypto[1].key_params == f"inline:{KEY}"
    assert parse_sdp(redact(DESCRIPTION)) == parse_sdp(DESCRIPTION)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nonsense", "line 3: 'nonsense' is not of the form x=value"),
        ("", "line 3: '' is not of the form x=value"),
        ("A=b", "line 3: 'A=b' is not of the form x=value"),
        ("a=ptime:fast", "line 3: a=ptime is not a number: 'fast'"),
        ("a=rtcp:x", "line 3: a=rtcp is not a port: 'x'"),
        ("a=rtpmap:8", "line 3: a=rtpmap has no format: '8'"),
        ("c=IN IP4", "line 3: 'IN IP4' is not a c= line like 'IN IP4 192.0.2.1'"),
        ("m=audio RTP/AVP", "line 3: 'audio RTP/AVP' is not an m= line like 'audio 4000 RTP/AVP 8'"),
        ("a=crypto:x", "line 3: a=crypto is not like '1 AES_CM_128_HMAC_SHA1_80 inline:...'"),
        (
            f"a=crypto:one {CM_80} inline:{KEY}",
            "line 3: a=crypto is not like '1 AES_CM_128_HMAC_SHA1_80 inline:...'",
        ),
        (f"crypto:1 {CM_80} inline:{KEY}", "line 3: it is not of the form x=value"),
    ],
)
def test_a_malformed_line_is_a_problem(line: str, problem: str) -> None:
    sdp = parse_sdp(f"v=0\r\nm=audio 1 RTP/AVP 0\r\n{line}\r\na=inactive\r\n")
    assert sdp.problems == (problem,)
    assert sdp.media[-1].direction is MediaDirection.INACTIVE


def test_a_malformed_media_line_keeps_its_place() -> None:
    sdp = parse_sdp(
        f"v=0\nm=audio\na=crypto:1 {CM_80} inline:x\nm=audio 99999999 RTP/AVP\nm=video 2 RTP/AVP 31\n"
    )
    assert [(media.type, media.port, len(media.crypto)) for media in sdp.media] == [
        ("audio", 0, 1), ("audio", 0, 0), ("video", 2, 0),
    ]  # fmt: skip
    assert len(sdp.problems) == 2


def test_a_description_has_to_begin_with_its_version() -> None:
    assert parse_sdp("s=-\n").problems == ("line 1: a description begins with v=0",)
    assert parse_sdp("") == Sdp()


sdp_lines = st.sampled_from(
    ["a=crypto:", "m=", "c=", "a=rtpmap:", "a=ptime:", "a=rtcp:", "v=0", "a=sendrecv", "=", "o="]
)


@given(
    st.lists(
        st.tuples(sdp_lines, st.text(st.characters()) | st.from_regex(r"[0-9a-zA-Z/ .]*", fullmatch=True))
    )
)
def test_hostile_descriptions_are_read(lines: list[tuple[str, str]]) -> None:
    sdp = parse_sdp("\r\n".join(kind + value for kind, value in lines))
    assert all(problem.startswith("line ") for problem in sdp.problems)
    assert len(sdp.media) <= len(lines) * 3 + sum(value.count("\n") for _, value in lines)


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 1_000_000,
        "x\n" * 1_000_000,
        "m=audio 1 RTP/AVP 0\n" * 50_000,
        "a=crypto:1 A b\n" * 70_000,
        "m=" + "a " * 500_000,
        "m=audio 1 RTP/AVP" + " 0" * 500_000,
        "m=audio 1 RTP/AVP" + " " * 1_000_000 + "\t",
        "a=crypto:1" + " " * 1_000_000,
        "a=crypto:1 A B " + "C " * 500_000,
        "c=IN IP4 " + "1/" * 500_000,
        "a=rtcp:" + "1" * 1_000_000,
        "a=ptime:" + "1" * 1_000_000,
        "\ud800" * 1_000_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_megabyte_takes_no_quadratic_time(text: str) -> None:
    begun = time.process_time()
    sdp = parse_sdp(text)
    assert time.process_time() - begun < 5
    assert len(sdp.problems) <= 100


# --- offer/answer -------------------------------------------------------------------------------


def described(*crypto: str, profile: str = "RTP/SAVP", port: int = 4000, more: str = "") -> str:
    """An SDP with one m= line and crypto attributes such as "1 AES_CM_128_HMAC_SHA1_80"."""
    lines = "".join(f"a=crypto:{attribute} inline:[redacted]\r\n" for attribute in crypto)
    return f"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio {port} {profile} 8\r\n{lines}{more}"


OFFER = described(f"1 {CM_80}", f"2 {CM_32}")
ANSWER = described(f"2 {CM_32}")


def message(start: str, cseq: str, body: str = "", *headers: str) -> Message:
    start = start if start[0].isdigit() else f"{start} sip:x@127.0.0.1 SIP/2.0"
    start = f"SIP/2.0 {start}" if start[0].isdigit() else start
    kind = ["Content-Type: application/sdp"] if body else []
    return Message.parse("\r\n".join([start, f"CSeq: {cseq}", *headers, *kind, "", body]))


def talk(*steps: tuple[str, Message]) -> OfferAnswer:
    """The negotiation after ``(">" or "<", message)``: sent or received."""
    negotiation = OfferAnswer()
    for arrow, each in steps:
        negotiation.feed(arrow == ">", each)
    return negotiation


def agreed(negotiation: OfferAnswer) -> tuple[Sdp, Sdp, bool]:
    current = negotiation.current
    assert current is not None
    return current.offer, current.answer, current.offered_by_us


def test_an_offer_in_the_invite_is_answered_in_the_200() -> None:
    negotiation = talk((">", message("INVITE", "1 INVITE", OFFER)), ("<", message("100 Trying", "1 INVITE")))
    assert negotiation.current is None
    assert negotiation.last_offer == parse_sdp(OFFER)
    negotiation.feed(False, message("200 OK", "1 INVITE", ANSWER))
    negotiation.feed(True, message("ACK", "1 ACK"))
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), True)


def test_the_peer_s_offer_is_told_from_ours_with_the_same_cseq() -> None:
    other = described(f"1 {CM_80}")
    negotiation = talk(
        ("<", message("INVITE", "1 INVITE", OFFER)),
        (">", message("200 OK", "1 INVITE", ANSWER)),
        (">", message("INVITE", "1 INVITE", other)),
    )
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), False)
    negotiation.feed(False, message("200 OK", "1 INVITE", other))
    assert agreed(negotiation) == (parse_sdp(other), parse_sdp(other), True)


def test_a_late_offer_is_answered_in_the_ack() -> None:
    negotiation = talk((">", message("INVITE", "5 INVITE")), ("<", message("200 OK", "5 INVITE", OFFER)))
    assert negotiation.current is None
    negotiation.feed(True, message("ACK", "5 ACK", ANSWER))
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), False)


def test_a_late_offer_in_a_reliable_183_is_answered_in_the_prack() -> None:
    negotiation = talk(
        ("<", message("INVITE", "5 INVITE")),
        (">", message("183 Progress", "5 INVITE", OFFER, "RSeq: 1", "Require: 100rel")),
        ("<", message("PRACK", "6 PRACK", ANSWER, "RAck: 1 5 INVITE")),
        (">", message("200 OK", "6 PRACK")),
    )
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), True)


def test_a_prack_and_an_update_make_offers_of_their_own() -> None:
    second, third = described(f"7 {CM_80}"), described(f"8 {CM_80}")
    negotiation = talk(
        (">", message("INVITE", "5 INVITE", OFFER)),
        ("<", message("183 Progress", "5 INVITE", ANSWER, "RSeq: 1")),
        (">", message("PRACK", "6 PRACK", second, "RAck: 1 5 INVITE")),
        ("<", message("200 OK", "6 PRACK", second)),
    )
    assert agreed(negotiation)[0] == parse_sdp(second)
    negotiation.feed(False, message("UPDATE", "5 UPDATE", third))
    negotiation.feed(True, message("200 OK", "5 UPDATE", third))
    negotiation.feed(False, message("200 OK", "5 INVITE", ANSWER))
    assert agreed(negotiation) == (parse_sdp(third), parse_sdp(third), False)


def test_the_answer_of_an_unreliable_18x_is_that_of_the_200() -> None:
    early = described(f"1 {CM_80}")
    negotiation = talk(
        (">", message("INVITE", "1 INVITE", OFFER)), ("<", message("183 Progress", "1 INVITE", early))
    )
    assert agreed(negotiation)[1] == parse_sdp(early)
    for _ in range(2):
        negotiation.feed(False, message("200 OK", "1 INVITE", ANSWER))
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), True)


def test_where_an_invite_forked_the_answer_is_of_the_branch_that_accepted_first() -> None:
    early, late = described(f"1 {CM_80}"), described(f"1 {CM_80}", port=5000)
    negotiation = talk(
        (">", message("INVITE", "1 INVITE", OFFER)),
        ("<", message("183 Progress", "1 INVITE", early, "RSeq: 1", "To: <sip:x@x>;tag=a")),
        ("<", message("200 OK", "1 INVITE", ANSWER, "To: <sip:x@x>;tag=b")),
        ("<", message("200 OK", "1 INVITE", late, "To: <sip:x@x>;tag=c")),
    )
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), True)


def test_the_answer_of_a_reliable_183_is_not_that_of_its_own_200() -> None:
    negotiation = talk(
        (">", message("INVITE", "1 INVITE", OFFER)),
        ("<", message("183 Progress", "1 INVITE", ANSWER, "RSeq: 1", "To: <sip:x@x>;tag=a")),
        ("<", message("200 OK", "1 INVITE", described(f"1 {CM_80}"), "To: <sip:x@x>;tag=a")),
    )
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), True)


def test_a_refused_copy_of_the_invite_by_another_way_changes_nothing() -> None:
    one, other = (f"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{way}" for way in ("one", "other"))
    negotiation = talk(
        ("<", message("INVITE", "1 INVITE", OFFER, one)),
        ("<", message("INVITE", "1 INVITE", OFFER, other)),
        (">", message("482 Loop Detected", "1 INVITE", "", other)),
        (">", message("200 OK", "1 INVITE", ANSWER, one)),
    )
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), False)


def test_a_refused_reinvite_keeps_what_was_agreed() -> None:
    other = described(f"9 {CM_80}")
    negotiation = talk(
        (">", message("INVITE", "1 INVITE", OFFER)),
        ("<", message("200 OK", "1 INVITE", ANSWER)),
        (">", message("INVITE", "2 INVITE", other)),
        ("<", message("183 Progress", "2 INVITE", other)),
        ("<", message("488 Not Acceptable Here", "2 INVITE")),
        (">", message("ACK", "2 ACK")),
    )
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), True)
    assert negotiation.last_offer == parse_sdp(other)


def test_an_offer_is_repeated_with_credentials() -> None:
    negotiation = talk(
        (">", message("INVITE", "1 INVITE", OFFER)),
        ("<", message("407 Proxy Authentication Required", "1 INVITE")),
        (">", message("INVITE", "2 INVITE", OFFER)),
        (">", message("INVITE", "2 INVITE", OFFER)),
        ("<", message("200 OK", "2 INVITE", ANSWER)),
    )
    assert agreed(negotiation) == (parse_sdp(OFFER), parse_sdp(ANSWER), True)


def test_a_failed_call_leaves_nothing_in_force() -> None:
    negotiation = talk(
        (">", message("INVITE", "1 INVITE", OFFER)),
        ("<", message("183 Progress", "1 INVITE", ANSWER)),
        (">", message("CANCEL", "1 CANCEL")),
        ("<", message("481 No Such Call", "1 CANCEL")),
    )
    assert negotiation.current is not None
    negotiation.feed(False, message("487 Request Terminated", "1 INVITE"))
    assert negotiation.current is None
    assert negotiation.negotiated_crypto(0) == CryptoNegotiation(offered=(CM_80, CM_32))


def test_messages_without_cseq_or_sdp_say_nothing() -> None:
    negotiation = OfferAnswer()
    negotiation.feed(True, Message.parse(f"INVITE sip:x SIP/2.0\nContent-Type: application/sdp\n\n{OFFER}"))
    negotiation.feed(True, message("MESSAGE", "1 MESSAGE"))
    assert (negotiation.current, negotiation.last_offer) == (None, None)
    assert negotiation.negotiated_crypto(0) == CryptoNegotiation()


# --- what was said about keys ---------------------------------------------------------------------


def negotiated(offer: str, answer: str, index: int = 0) -> CryptoNegotiation:
    negotiation = talk(
        (">", message("INVITE", "1 INVITE", offer)), ("<", message("200 OK", "1 INVITE", answer))
    )
    return negotiation.negotiated_crypto(index)


def test_crypto_is_agreed() -> None:
    assert negotiated(OFFER, ANSWER) == CryptoNegotiation(offered=(CM_80, CM_32), answered=CM_32, tag=2)
    assert negotiated(OFFER, ANSWER).keyed


def test_keys_of_one_side_are_not_agreed() -> None:
    assert not negotiated(OFFER, described()).keyed
    assert not negotiated(described(), ANSWER).keyed


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (described(f"1 {CM_80}", profile="RTP/AVP"), described(profile="RTP/AVP")),
        (described(profile="RTP/AVP"), described(profile="RTP/AVP")),
        (described(profile="UDP/TLS/RTP/SAVP"), described(profile="UDP/TLS/RTP/SAVP")),
        (OFFER, described(port=0)),
    ],
)
def test_a_stream_without_sdes_is_no_disagreement(offer: str, answer: str) -> None:
    crypto = negotiated(offer, answer)
    assert (crypto.answered, crypto.tag, crypto.disagreement) == (None, None, None)


@pytest.mark.parametrize(
    ("offer", "answer", "disagreement"),
    [
        (OFFER, described(f"5 {CM_80}"), "the answer's tag 5 is not among the offered tags 1, 2"),
        (
            OFFER,
            described(f"1 {CM_32}"),
            f"the answer says {CM_32} for the tag 1, which was offered as {CM_80}",
        ),
        (OFFER, OFFER, "the answer has 2 crypto attributes instead of one"),
        (OFFER, described(), "the answer accepts RTP/SAVP without a crypto attribute"),
        (OFFER, described(profile="RTP/AVP"), "the offer's profile is RTP/SAVP, the answer's is RTP/AVP"),
        (described(), described(f"1 {CM_80}"), "the answer has the crypto attribute 1, the offer has none"),
        (
            described(f"1 {CM_80}", f"1 {CM_32}"),
            described(f"1 {CM_80}"),
            "the offer uses a tag more than once: 1, 1",
        ),
        (OFFER, "v=0\r\ns=-\r\n", "the answer has no m= line 1"),
        (
            OFFER,
            "v=0\r\nm=audio 1 RTP/SAVP 8\r\n" + f"a=crypto:1 {CM_80} inline:x UNENCRYPTED_SRTP\r\n",
            "the answer has other session parameters than the offer: UNENCRYPTED_SRTP",
        ),
    ],
)
def test_what_breaks_rfc_4568_is_said(offer: str, answer: str, disagreement: str) -> None:
    crypto = negotiated(offer, answer)
    assert crypto.disagreement == disagreement


def test_the_answer_is_reported_even_when_it_is_wrong() -> None:
    crypto = negotiated(OFFER, described(f"1 {CM_32}"))
    assert (crypto.offered, crypto.answered, crypto.tag) == ((CM_80, CM_32), CM_32, 1)


def test_there_is_nothing_to_say_of_a_line_that_nobody_offered() -> None:
    assert negotiated(OFFER, ANSWER, 1) == negotiated(OFFER, ANSWER, -1) == CryptoNegotiation()


def test_a_key_in_the_suites_place_is_no_suite() -> None:
    swapped = "a=crypto:1 inline:c2VjcmV0+/c2VjcmV0c2VjcmV0c2Vj AES_CM_128_HMAC_SHA1_80"
    sdp = parse_sdp(f"v=0\r\nm=audio 4000 RTP/SAVP 0\r\n{swapped}\r\n", keys=True)
    assert not sdp.media[0].crypto
    assert "c2VjcmV0" not in str(sdp)
    assert "a=crypto is not like" in sdp.problems[0]
