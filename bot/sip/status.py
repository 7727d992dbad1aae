"""SIP status codes: their classes (RFC 3261 7.2) and the reason phrases that srtpbot uses (RFC 3261 21).

0 is not a status code; it means that no response was received.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "StatusCode",
    "is_challenge",
    "is_early",
    "is_failure",
    "is_final",
    "is_provisional",
    "is_redirection",
    "is_success",
]


class StatusCode(IntEnum):
    """A status code by its reason phrase."""

    TRYING = 100
    RINGING = 180
    OK = 200
    ACCEPTED = 202
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    METHOD_NOT_ALLOWED = 405
    NOT_ACCEPTABLE = 406
    PROXY_AUTHENTICATION_REQUIRED = 407
    REQUEST_TIMEOUT = 408
    BAD_EXTENSION = 420
    SESSION_INTERVAL_TOO_SMALL = 422
    """RFC 4028 6."""
    BAD_INFO_PACKAGE = 469
    """RFC 6086 4.2.2."""
    TEMPORARILY_UNAVAILABLE = 480
    CALL_DOES_NOT_EXIST = 481
    BUSY_HERE = 486
    REQUEST_TERMINATED = 487
    NOT_ACCEPTABLE_HERE = 488
    BAD_EVENT = 489
    REQUEST_PENDING = 491
    SERVER_INTERNAL_ERROR = 500
    BAD_GATEWAY = 502
    SERVICE_UNAVAILABLE = 503
    DECLINE = 603
    NOT_ACCEPTABLE_ANYWHERE = 606


def is_provisional(code: int) -> bool:
    """1xx: the request is being processed."""
    return 100 <= code < 200


def is_early(code: int) -> bool:
    """101 to 199: may create an early dialog, and may be sent reliably (RFC 3261 12.1, RFC 3262 3)."""
    return is_provisional(code) and code != StatusCode.TRYING


def is_final(code: int) -> bool:
    """2xx to 6xx: ends the transaction."""
    return 200 <= code < 700


def is_success(code: int) -> bool:
    """2xx: the request was accepted."""
    return 200 <= code < 300


def is_redirection(code: int) -> bool:
    """3xx: the request has to be sent to another target (RFC 3261 8.1.3.4)."""
    return 300 <= code < 400


def is_failure(code: int) -> bool:
    """3xx to 6xx: a final response that reports a failure."""
    return is_final(code) and not is_success(code)


def is_challenge(code: int) -> bool:
    """401 or 407: the request has to be sent again with credentials (RFC 3261 22)."""
    return code in {StatusCode.UNAUTHORIZED, StatusCode.PROXY_AUTHENTICATION_REQUIRED}
