"""Faults of the library that the checker keeps messages away from: name, affected versions, effect.

``tests/loopback/test_hostile_messages.py`` crashes a bare script with each fault.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of message that crashes the library."""

    versions: str
    """The affected releases of PJSIP."""
    what: str


RULES: dict[str, Rule] = {
    "ack-without-tag": Rule(
        "2.15.1",
        "an ACK without a To tag that has the Call-ID, CSeq and From tag of an INVITE is answered as a "
        "merged request (pjsip_endpt_create_response asserts)",
    ),
    "line-without-address": Rule(
        "2.15.1", "an m= line of port 0 that has no c= line at all (pjmedia_stream_info_from_sdp asserts)"
    ),
    "many-media-lines": Rule(
        "2.15.1", "each m= line of an offer opens two sockets, also the ones that are refused (pj_ioqueue)"
    ),
    "ilbc-mode": Rule("2.15.1", "a mode of iLBC that is neither 20 nor 30 (ilbc_codec_open asserts)"),
    "sdp-out-of-place": Rule(
        "2.15.1", "SDP in a response to BYE or PRACK, or in a refusal, is taken for an answer (pjsua_media.c)"
    ),
    "prack-out-of-place": Rule(
        "2.15.1", "a reliable provisional response to BYE makes a PRACK in a session that is gone (sip_inv.c)"
    ),
    "invite-in-progress": Rule(
        "2.15.1", "an INVITE in the early dialog of our own one changes its m= lines (pjsua_media.c asserts)"
    ),
    "dtls-offer": Rule(
        "2.15.1 to 2.17",
        "an offer of UDP/TLS/RTP/SAVP that no key exchange takes, as without a fingerprint: the library goes "
        "on with a call that it has given up (pjsua_call_on_incoming)",
    ),
    "fingerprint-hash": Rule(
        "2.15.1 to 2.17",
        "of several a=fingerprint lines the first one alone is compared, and any hash but sha-256 and sha-1 "
        "ends the call (ssl_match_fingerprint)",
    ),
    "long-host": Rule(
        "2.15.1",
        "a host name of 254 bytes or more, wherever one stands (pj_sockaddr_in_set_str_addr asserts)",
    ),
    "service-route-count": Rule(
        "2.15.1",
        "more than eight Service-Route fields in a response to REGISTER are written behind the end of an "
        "array on the stack (update_service_route of pjsua_acc.c)",
    ),
    "dtmf-relay": Rule(
        "2.15.1", "an INFO of application/dtmf-relay of one line without its end (pj_strstr asserts)"
    ),
}
