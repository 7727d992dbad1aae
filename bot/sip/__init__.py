"""SIP messages and SDP as text (RFC 3261, RFC 8866): parsing, comparison, edits, redaction."""

from bot.sip.dtls import DtlsNegotiation, Fingerprint, negotiated_dtls, offers_dtls
from bot.sip.endings import NOTHING_SENT, ended_text, no_answer, refused_text
from bot.sip.headers import HeaderFields, checked_content_type, header_list
from bot.sip.info_digits import carries_digit, digit_of
from bot.sip.message import Message, parse_header
from bot.sip.message_filter import KIND_PATTERN, MessageFilter
from bot.sip.mwi import MwiSummary
from bot.sip.offer_answer import CryptoNegotiation, OfferAnswer
from bot.sip.prack import reliable_responses, tags, unacknowledged
from bot.sip.redaction import REDACTED, redact
from bot.sip.sdp import CryptoAttribute, Sdp, SdpMedia, parse_sdp
from bot.sip.sdp_edit import SdpEdit, checked_edits, edited
from bot.sip.session_timer import NegotiatedTimer, negotiated
from bot.sip.status import (
    StatusCode,
    is_challenge,
    is_early,
    is_failure,
    is_final,
    is_provisional,
    is_redirection,
    is_success,
)
from bot.sip.uri import Uri, name_addr, parse_uri, quoted

__all__ = [
    "KIND_PATTERN",
    "NOTHING_SENT",
    "REDACTED",
    "CryptoAttribute",
    "CryptoNegotiation",
    "DtlsNegotiation",
    "Fingerprint",
    "HeaderFields",
    "Message",
    "MessageFilter",
    "MwiSummary",
    "NegotiatedTimer",
    "OfferAnswer",
    "Sdp",
    "SdpEdit",
    "SdpMedia",
    "StatusCode",
    "Uri",
    "carries_digit",
    "checked_content_type",
    "checked_edits",
    "digit_of",
    "edited",
    "ended_text",
    "header_list",
    "is_challenge",
    "is_early",
    "is_failure",
    "is_final",
    "is_provisional",
    "is_redirection",
    "is_success",
    "name_addr",
    "negotiated",
    "negotiated_dtls",
    "no_answer",
    "offers_dtls",
    "parse_header",
    "parse_sdp",
    "parse_uri",
    "quoted",
    "redact",
    "refused_text",
    "reliable_responses",
    "tags",
    "unacknowledged",
]
