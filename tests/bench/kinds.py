"""The kinds of calls that raw peers make in ``verdicts``, and the verdict that each deserves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.acting import SPEECH, Callee, Part
from tests.bench.parts import (
    AES_32,
    AES_256,
    BOTH,
    CALLEE,
    CAPTURED,
    HEARS,
    LAST_WORD,
    LEFT_S,
    MANDATORY,
    SECURE_HEARS,
    WORDS,
    answers_a_cancel,
    busy,
    declines,
    described,
    every,
    forged,
    from_frame,
    half_plain,
    hangs_up_after,
    holds_and_resumes,
    honest_early_media,
    insecure,
    is_cancelled,
    is_silent,
    keyed_digits,
    late,
    no_description,
    nothing,
    own_key,
    plain,
    plain_early_media,
    redirects,
    replayed,
    sends_info,
    some_twice,
    swapped,
    twice,
    under_key,
    with_32_bits,
    with_mki,
    with_other_key,
    with_report,
)
from tests.bench.wire import AES_80, silent, spoken

__all__ = ["RAW", "Case"]


PLAIN_PART = Part()


@dataclass(frozen=True)
class Case:
    """One kind of call; ``fault`` is what the reason of a deserved failure says, None for an honest peer."""

    name: str
    part: Part = PLAIN_PART
    options: Sequence[str] = SECURE_HEARS
    fault: str | None = None
    roles: Sequence[str] = BOTH
    duration: float | None = LEFT_S
    script: Callable[[Callee], None] | None = None


HONEST = [
    Case("speech, AES_CM_128_HMAC_SHA1_80"),
    Case("the same, captured", options=CAPTURED),
    Case(
        "speech, AES_CM_128_HMAC_SHA1_32", Part(described(suite=AES_32)), (*SECURE_HEARS, "--suite", AES_32)
    ),
    Case(
        "speech, AES_256_CM_HMAC_SHA1_80", Part(described(suite=AES_256)), (*SECURE_HEARS, "--suite", AES_256)
    ),
    Case("plain RTP, SRTP off", Part(insecure, plain(WORDS)), ("--srtp", "off", *HEARS)),
    Case("plain RTP, SRTP optional", Part(insecure, plain(WORDS)), HEARS),
    Case(
        "a marker",
        Part(wire=under_key(spoken("marker:17,silence:3"))),
        (*MANDATORY, "--expect-audio", "marker:17"),
    ),
    Case("a new SSRC", Part(wire=under_key(from_frame(ssrc=0x7777))), CAPTURED),
    Case("timestamps begin anew", Part(wire=under_key(from_frame(timestamp=900_000_000))), CAPTURED),
    Case("sequence numbers roll over", Part(wire=under_key(WORDS, first=65_500)), CAPTURED),
    Case("every packet twice", Part(wire=under_key(WORDS, changed=twice))),
    Case("packets out of order", Part(wire=under_key(WORDS, changed=swapped)), MANDATORY),
    Case("no packet after the last word", Part(wire=under_key(WORDS[:LAST_WORD]), stays=1.0)),
    Case("SRTCP", Part(wire=with_report(True)), CAPTURED),
    Case("digits", Part(wire=keyed_digits("42", after=3.0)), (*MANDATORY, "--expect-dtmf", "42")),
    Case(
        "digits, then BYE at once",
        Part(wire=keyed_digits("42", after=0.0), hangs_up=True, stays=0.0),
        (*MANDATORY, "--expect-dtmf", "42", "--expect-end", "remote"),
    ),
    Case(
        "digits by INFO",
        Part(meanwhile=sends_info),
        (*MANDATORY, "--expect-dtmf", "42", "--expect-dtmf-method", "info"),
    ),
    Case(
        "it sends nothing, as expected",
        Part(described(direction="recvonly"), nothing, stays=3.0),
        (*MANDATORY, "--expect-media", "sendonly"),
    ),
    Case(
        "it hears nothing, as expected",
        Part(described(direction="sendonly")),
        (*SECURE_HEARS, "--expect-media", "recvonly"),
    ),
    Case("hold and resume", Part(meanwhile=holds_and_resumes), MANDATORY, duration=7.0),
    Case("early media", script=honest_early_media, roles=CALLEE),
    Case("486, as expected", options=("--expect-code", "486"), script=busy, roles=CALLEE),
    Case("487 after CANCEL", options=("--cancel-after", "1"), script=is_cancelled, roles=CALLEE),
]
CHEATS = [
    Case("no audio", Part(wire=nothing, stays=4.0), MANDATORY, "has media|audio both ways", duration=4.0),
    Case("one packet", Part(wire=under_key(WORDS[:1]), stays=4.0), MANDATORY, "has media", duration=4.0),
    Case("1 s of 6", Part(wire=under_key(WORDS[:50]), stays=5.0), MANDATORY, "has media", duration=6.0),
    Case(
        "1 s of 6, compared",
        Part(wire=under_key(WORDS[:50]), stays=5.0),
        SECURE_HEARS,
        "missing|match",
        duration=6.0,
    ),
    Case("silence", Part(wire=under_key(silent(5))), SECURE_HEARS, "silen|match"),
    Case(
        "another marker",
        Part(wire=under_key(spoken("marker:18,silence:3"))),
        (*MANDATORY, "--expect-audio", "marker:17"),
        "match",
    ),
    Case("other speech", Part(wire=under_key(spoken("babble:4:3"))), SECURE_HEARS, "match"),
    Case(
        "-6 dB every other 250 ms",
        Part(wire=under_key(spoken(SPEECH, alternate_db=-6.0))),
        SECURE_HEARS,
        "level|match",
    ),
    Case("plain RTP where SRTP was agreed", Part(wire=plain(WORDS)), MANDATORY, "refused|media"),
    Case("plain RTP in every other packet", Part(wire=half_plain), SECURE_HEARS, "refused|match|lost"),
    Case(
        "plain answer to mandatory SRTP",
        Part(insecure, plain(WORDS)),
        MANDATORY,
        "SRTP|488|RTP/",
        roles=CALLEE,
    ),
    Case("another key", Part(wire=with_other_key), MANDATORY, "authentic"),
    Case("shorter tags than negotiated", Part(wire=with_32_bits), MANDATORY, "authentic"),
    Case(
        "every 3rd packet forged",
        Part(wire=under_key(WORDS, changed=forged)),
        SECURE_HEARS,
        "authentic|lost|match",
    ),
    Case("our own key", Part(own_key), SECURE_HEARS, "same in both directions", roles=CALLEE),
    Case("our own key and packets", Part(own_key, None), MANDATORY, "same in both directions", roles=CALLEE),
    Case("our packets reflected", Part(wire=None), MANDATORY, "authentic|refused|media"),
    Case("a tag that was not offered", Part(described(tag=9)), MANDATORY, "tag|crypto|488", roles=CALLEE),
    Case(
        "a suite that was not offered",
        Part(described(suite=AES_32)),
        (*MANDATORY, "--suite", AES_80),
        "suite|crypto|488|AES",
        roles=CALLEE,
    ),
    Case(
        "another suite than its tag's",
        Part(described(suite=AES_256, tag=1)),
        (*MANDATORY, "--suite", AES_80, "--suite", AES_256),
        "suite|crypto|488|AES|tag",
        roles=CALLEE,
    ),
    Case(
        "another suite than expected",
        Part(described(suite=AES_32)),
        (*MANDATORY, "--expect-suite", AES_80),
        "AES_CM_128_HMAC_SHA1_80",
    ),
    Case(
        "SAVP without crypto to optional SRTP",
        Part(described(crypto=False, profile="RTP/SAVP"), plain(WORDS)),
        (),
        "crypto|RTP/SAVP",
        roles=CALLEE,
    ),
    Case(
        "AVP with crypto, sent in clear",
        Part(described(profile="RTP/AVP"), plain(WORDS)),
        (),
        "refused|authentic|media|plain",
    ),
    Case(
        "rollover counter starts again",
        Part(wire=under_key(WORDS, first=65_500, keeps_rollovers=False)),
        CAPTURED,
        "authentic|rollover",
    ),
    Case("an MKI that was not negotiated", Part(wire=with_mki), MANDATORY, "MKI|authentic"),
    Case(
        "30 of 400 lost, 30 twice",
        Part(wire=under_key(spoken("speech:7.8"), lost=every(13, 30), changed=some_twice)),
        (*MANDATORY, "--expect-audio", "speech:7.8"),
        "lost|match",
        duration=9.0,
    ),
    Case(
        "packets out of order, compared",
        Part(wire=under_key(WORDS, changed=swapped)),
        SECURE_HEARS,
        "was lost on the way here: .*out of order",
    ),
    Case("10 % lost", Part(wire=under_key(WORDS, lost=every(10, 20))), SECURE_HEARS, "lost|match"),
    Case("BYE too early", hangs_up_after(1.0), MANDATORY, "remote", roles=CALLEE),
    Case(
        "BYE in the middle of the speech",
        hangs_up_after(2.0),
        (*SECURE_HEARS, "--expect-end", "any"),
        "missing|match",
    ),
    Case("3 s late", Part(wire=under_key(late(WORDS, 3.0))), SECURE_HEARS, "late|delay|match", duration=8.5),
    Case(
        "plain RTP with 183",
        script=plain_early_media,
        options=MANDATORY,
        fault="SRTP|RTP/AVP|crypto",
        roles=CALLEE,
    ),
    Case("603 after a while", script=declines, options=MANDATORY, fault="603", roles=CALLEE),
    Case(
        "no response",
        script=is_silent,
        options=(*MANDATORY, "--ring-timeout", "2"),
        fault="no response|nothing|answer",
        roles=CALLEE,
    ),
    Case("a redirect", script=redirects, options=MANDATORY, fault="302", roles=CALLEE),
    Case("200 without SDP", script=no_description, options=MANDATORY, fault="SDP|media", roles=CALLEE),
    Case(
        "200 after CANCEL",
        script=answers_a_cancel,
        options=("--cancel-after", "1"),
        fault="200|487",
        roles=CALLEE,
    ),
    Case("486 where an answer is due", script=busy, options=MANDATORY, fault="486", roles=CALLEE),
    Case("answered where 486 is due", options=("--expect-code", "486"), fault="486", roles=CALLEE),
    Case(
        "a codec that was not offered", Part(described(formats="0")), MANDATORY, "codec|488|PCM|format|media"
    ),
    Case(
        "digits under a type not offered",
        Part(wire=keyed_digits("42", kind=97, after=3.0)),
        (*MANDATORY, "--expect-dtmf", "42"),
        "97|42",
    ),
    Case(
        "a digit is missing",
        Part(wire=keyed_digits("4", after=3.0)),
        (*MANDATORY, "--expect-dtmf", "42"),
        "'4'|4",
    ),
    Case(
        "a digit comes twice",
        Part(wire=keyed_digits("422", after=3.0)),
        (*MANDATORY, "--expect-dtmf", "42"),
        "422",
    ),
    Case(
        "a wrong digit", Part(wire=keyed_digits("43", after=3.0)), (*MANDATORY, "--expect-dtmf", "42"), "43"
    ),
    Case(
        "digits by RFC 4733 where INFO is due",
        Part(wire=keyed_digits("42", after=3.0)),
        (*MANDATORY, "--expect-dtmf", "42", "--expect-dtmf-method", "info"),
        "info",
    ),
    Case("plain RTCP", Part(wire=with_report(False)), CAPTURED, "RTCP"),
    Case(
        "packets replayed", Part(wire=under_key(WORDS, changed=replayed)), SECURE_HEARS, "lost|match|missing"
    ),
    Case(
        "it refuses to hear",
        Part(described(direction="inactive"), nothing, stays=2.0),
        MANDATORY,
        "inactive|sendrecv|media",
        duration=3.0,
    ),
]
RAW = {True: HONEST, False: CHEATS}
"""By whether the peer is honest."""
