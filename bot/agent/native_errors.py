"""Errors of PJSIP (``pjsua2.Error``) as the kind and the reason of a CommandFailed."""

from __future__ import annotations

import pjsua2 as pj

__all__ = ["kind_of", "reason_of"]

INVALID_URI, SESSION_TERMINATED, SESSION_INSECURE = 171039, 171140, 171142
"""PJSIP_EINVALIDURI, PJSIP_ESESSIONTERMINATED and PJSIP_ESESSIONINSECURE."""
UNRESOLVED = 70018
"""PJ_ERESOLVE."""
ADDRESS_IN_USE = 120098
"""PJ_ERRNO_START_SYS and EADDRINUSE of Linux: a call found no port for its media."""
KINDS = {
    SESSION_TERMINATED: "ended",
    INVALID_URI: "config",
    SESSION_INSECURE: "config",
    UNRESOLVED: "native",
    ADDRESS_IN_USE: "native",
}
REASONS = {
    SESSION_INSECURE: (
        "srtp_requires (--srtp-requires) asks for signalling that is more secure than this URI's"
    ),
    UNRESOLVED: "the host name cannot be resolved",
    ADDRESS_IN_USE: "no port for RTP is free; set other rtp_ports (--rtp-ports)",
}


def kind_of(error: pj.Error) -> str:
    """The kind of failure of a command other than Start; see ``CommandFailed.kind``."""
    return KINDS.get(error.status, "call")


def reason_of(error: pj.Error) -> str:
    """The reason in words: PJSIP's own, unless there is a clearer one."""
    return REASONS.get(error.status) or str(error.reason)
