"""Transactions and events of the library: the sender of a request, and the side that ended the call."""

from __future__ import annotations

import pjsua2 as pj

from bot.agent.header_lines import CALL_ID
from bot.model import (
    EndedBy,
)
from bot.sip import StatusCode, is_challenge, is_failure

__all__ = ["ended_by", "is_of_another_call", "is_sent_again", "is_unanswered", "refusal"]


def is_unanswered(transaction: pj.SipTransaction) -> bool:
    """Whether a request of the peer's has just arrived."""
    return transaction.role == pj.PJSIP_ROLE_UAS and transaction.state == pj.PJSIP_TSX_STATE_TRYING


def is_of_another_call(transaction: pj.SipTransaction, call_id: str) -> bool:
    """Whether it is of an earlier call: its end is reported to the call that has its slot by then."""
    request = transaction.lastTx.wholeMsg if call_id else ""
    found = CALL_ID.search(request)
    return bool(request) and (found is None or found[1] != call_id)


def is_sent_again(code: int) -> bool:
    """Whether the library answers it by another request: with credentials or another session interval."""
    return is_challenge(code) or code == StatusCode.SESSION_INTERVAL_TOO_SMALL


def refusal(event: pj.SipEvent) -> tuple[int, str] | None:
    """The response to our INVITE that ended the call, to the library a 487 after a redirection."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE:
        return None
    transaction = event.body.tsxState.tsx
    is_ours = transaction.role == pj.PJSIP_ROLE_UAC and transaction.method == "INVITE"
    is_refusal = is_ours and is_failure(transaction.statusCode)
    return (transaction.statusCode, transaction.statusText) if is_refusal else None


def ended_by(event: pj.SipEvent, code: int) -> EndedBy:
    """REMOTE if a message from the peer ended the call, LOCAL if the library did; ERROR for a timer.

    For CANCEL, the event is the 487 that the library sends only then. A BYE of the library ends a call with
    the response to the BYE.
    """
    if event.type == pj.PJSIP_EVENT_TSX_STATE:
        transaction = event.body.tsxState.tsx
        if transaction.role == pj.PJSIP_ROLE_UAC and transaction.method == "BYE":
            return EndedBy.LOCAL
    way = event.body.tsxState.type if event.type == pj.PJSIP_EVENT_TSX_STATE else event.type
    cancelled = way == pj.PJSIP_EVENT_TX_MSG and code == StatusCode.REQUEST_TERMINATED
    if way == pj.PJSIP_EVENT_TX_MSG and is_failure(code) and not cancelled:
        return EndedBy.LOCAL
    return EndedBy.REMOTE if way == pj.PJSIP_EVENT_RX_MSG or cancelled else EndedBy.ERROR
