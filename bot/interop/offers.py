"""Unusual and invalid offers and answers (RFC 4568), with the allowed outcomes.

An edit is a regular expression and its replacement, applied to the library's SDP; its lines end in CR LF.
"""

from __future__ import annotations

from bot.interop.case import Case

__all__ = ["NEGATIVE_ANSWERS", "NEGATIVE_OFFERS"]

REFUSED = ("refused *",)
SRTP = ("SRTP *",)
EITHER = SRTP + REFUSED
UNKNOWN = "UNKNOWN_CM_128_HMAC_SHA1_80"
OTHER_KEY = "c3J0cGJvdCBzYXlzIHRoaXMgaXMgbm8gc2VjcmV0"
"""Key of 30 bytes for the 128-bit suites; no packet uses it."""

ALL_INVALID = "without a valid and supported crypto attribute the stream is refused (RFC 4568 5.1.2)"

NEGATIVE_OFFERS = (
    Case(
        "unknown-suite-only",
        "only a suite that nobody knows",
        ALL_INVALID,
        REFUSED,
        edits=((r"^(a=crypto:\d+) \S+", rf"\1 {UNKNOWN}"),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "unknown-suite-first",
        "a suite that nobody knows, then a known one",
        "the answerer skips an unsupported suite and selects the next one (RFC 4568 5.1.2)",
        SRTP,
        edits=((r"^a=crypto:1 ", rf"a=crypto:9 {UNKNOWN} inline:{OTHER_KEY}\r\na=crypto:1 "),),
        suites=1,
    ),
    Case(
        "key-too-short",
        "15 bytes of key and salt",
        f"key and salt have the suite's length, else the attribute is invalid (RFC 4568 6.1); {ALL_INVALID}",
        REFUSED,
        edits=((r"(inline:.{20})[^|\s]*", r"\1"),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "key-too-long",
        "3 bytes too many of key and salt",
        f"key and salt have the suite's length, else the attribute is invalid (RFC 4568 6.1); {ALL_INVALID}",
        REFUSED,
        edits=((r"inline:", r"inline:c3J0"),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "bad-base64",
        "a key that is not base64",
        f"the key is base64, else the attribute is invalid (RFC 4568 6.1); {ALL_INVALID}",
        REFUSED,
        edits=((r"inline:.{4}", r"inline:*-?%"),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "tag-0",
        "tag 0",
        "a tag is one to nine digits, so 0 is one (RFC 4568 9.1)",
        SRTP,
        edits=((r"^a=crypto:1 ", "a=crypto:0 "),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "duplicate-tags",
        "two suites with the same tag",
        "tags are unique in an m= line (RFC 4568 4.1); the RFC has no rule for duplicate tags",
        EITHER,
        edits=((r"^a=crypto:\d+ ", "a=crypto:1 "),),
        suites=2,
        judges_media=False,
    ),
    Case(
        "non-numeric-tag",
        "a tag of letters",
        f"a tag is digits, else the attribute is invalid (RFC 4568 9.1); {ALL_INVALID}",
        REFUSED,
        edits=((r"^a=crypto:\d+ ", "a=crypto:one "),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "lower-case-suite",
        "the suite's name in lower case",
        "a suite's name may be in any case (RFC 4568 4), but many compare it exactly",
        EITHER,
        edits=((r"(?<=\d )AES_", "aes_"), (r"_CM_", "_cm_"), (r"_HMAC_SHA1_", "_hmac_sha1_")),
        suites=1,
        only_cm=True,
    ),
    Case(
        "lifetime",
        "a lifetime of 2^20 packets",
        "a master key may have a lifetime of up to 2^48 packets (RFC 4568 6.1)",
        SRTP,
        edits=((r"(inline:\S+)", r"\1|2^20"),),
        suites=1,
    ),
    Case(
        "lifetime-and-mki",
        "a lifetime, and an MKI of 4 bytes",
        "a peer that accepts it sends the MKI in its packets (RFC 4568 6.1); only the answer is judged: "
        "this endpoint has no MKI",
        EITHER,
        edits=((r"(inline:\S+)", r"\1|2^20|1:4"),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "unencrypted-srtp",
        "the session parameter UNENCRYPTED_SRTP",
        "it is negotiated: the answer repeats it, or the attribute is not accepted (RFC 4568 6.3, 6.3.2)",
        EITHER,
        edits=((r"(inline:\S+)", r"\1 UNENCRYPTED_SRTP"),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "kdr",
        "the session parameter KDR=10",
        "an answerer derives new keys every 2^10 packets (RFC 4568 6.3.1), or refuses (RFC 4568 6.3.7)",
        EITHER,
        edits=((r"(inline:\S+)", r"\1 KDR=10"),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "crypto-under-avp",
        "crypto under RTP/AVP, while we demand SRTP",
        "crypto belongs to RTP/SAVP (RFC 4568 6): the peer may ignore it, take it or refuse it; "
        "we must not talk in clear",
        ("plain", *EITHER),
        edits=((r"^(m=audio \d+) RTP/SAVP ", r"\1 RTP/AVP "),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "savp-without-crypto",
        "RTP/SAVP without crypto",
        "SRTP needs a key: the stream is refused (RFC 4568 5.1.2)",
        REFUSED,
        edits=((r"^a=crypto:.*\r\n", ""),),
        suites=1,
        judges_media=False,
    ),
    Case(
        "two-media-lines",
        "an m=video line below the audio",
        "the answer has as many m= lines as the offer, refused ones with port 0 (RFC 3264 6)",
        SRTP,
        edits=(
            (
                r"\Z",
                "m=video 40002 RTP/SAVP 96\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:96 H264/90000\r\n"
                f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{OTHER_KEY}\r\n",
            ),
        ),
        suites=1,
        judges_media=False,
    ),
    Case(
        "afterwards",
        "a usual offer after all the odd ones",
        "nothing that was refused has an effect on the next call (RFC 3261 12, 21.4.26)",
        SRTP,
        comes_last=True,
    ),
)
"""Cases of outgoing calls."""

INVALID_ANSWER = "an answer that does not match the offer is invalid, and the call fails (RFC 4568 5.1.3)"

NEGATIVE_ANSWERS = (
    Case(
        "answer-other-profile",
        "our answer says RTP/AVP to RTP/SAVP",
        "the answer has the profile of the offer (RFC 3264 6.1); an answer with SRTP is lenient",
        EITHER,
        edits=((r"^(m=audio \d+) RTP/SAVP ", r"\1 RTP/AVP "),),
    ),
    Case(
        "answer-other-suite",
        "our answer has another suite at the offer's tag",
        INVALID_ANSWER,
        REFUSED,
        edits=((r"^(a=crypto:\d+) \S+", rf"\1 {UNKNOWN}"),),
    ),
    Case(
        "answer-unknown-tag",
        "our answer has a tag that was not offered",
        INVALID_ANSWER,
        REFUSED,
        edits=((r"^a=crypto:\d+ ", "a=crypto:99 "),),
    ),
    Case(
        "answer-without-crypto",
        "our answer accepts RTP/SAVP without crypto",
        INVALID_ANSWER,
        REFUSED,
        edits=((r"^a=crypto:.*\r\n", ""),),
    ),
)
"""Cases of calls of the peer."""
