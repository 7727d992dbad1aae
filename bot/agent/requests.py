"""Requests outside a call, of any method: sent, and sent again with credentials when they are asked for.

The library sends them and leaves a challenge (RFC 3261 22.1) to the application, so its exported C
functions make the second request; where a build does not export them the challenge is the answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.account import Account
from bot.agent.callbacks import CommandRefused
from bot.agent.headers import tx_option
from bot.agent.trace import Trace, printable
from bot.agent.workarounds.digest_auth import Authentication
from bot.ipc import RequestEnded, RequestSent, SendRequest, Wired
from bot.sip import is_challenge

__all__ = ["Requests", "tx_request"]

CSEQ = re.compile(r"^CSeq[ \t]*:[ \t]*(\d+)", re.MULTILINE | re.IGNORECASE)
CALL_ID = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)


class Requests:
    """Sends requests for accounts and reports their beginnings and their ends."""

    def __init__(
        self, trace: Trace, report: Callable[[Wired], None], authentication: Authentication | None
    ) -> None:
        self._trace = trace
        self._report = report
        self._authentication = authentication

    def send(self, account: Account, command: SendRequest) -> None:
        """Send a request; raises pj.Error for an invalid URI, CommandRefused when it cannot be sent."""
        prm = pj.SendRequestParam()
        prm.method, prm.txOption = command.method, tx_request(command)
        prm.txOption.targetUri = command.uri
        self._trace.last_sent = ""
        account.on_answer = self._answered
        account.sendRequest(prm)
        sent = CALL_ID.search(self._trace.last_sent)
        if sent is None:
            raise CommandRefused("call", f"the library did not send the {command.method}")
        self._report(RequestSent(at=time.monotonic(), request=command.request, sip_call_id=sent[1]))

    def _answered(self, account: Account, event: pj.SipEvent) -> None:
        """Take the end of a request that the library sent for us."""
        state = event.body.tsxState
        request = state.tsx.lastTx
        call_id, cseq = CALL_ID.search(request.wholeMsg), CSEQ.search(request.wholeMsg)
        if call_id is None or cseq is None:
            return
        received, code = state.type == pj.PJSIP_EVENT_RX_MSG, state.tsx.statusCode

        def ended() -> None:
            reason = "" if received else printable(state.tsx.statusText)
            self._report(
                RequestEnded(
                    at=time.monotonic(),
                    sip_call_id=call_id[1],
                    answered=received,
                    code=0 if received else code,
                    reason=reason,
                )
            )

        authentication, proofs = self._authentication, account.proofs
        asked = received and is_challenge(code) and proofs
        if not (
            asked
            and authentication is not None
            and authentication.meet(
                proofs,
                int(state.src.rdata.pjRxData),
                int(request.pjTxData),
                int(cseq[1]),
                ended,
            )
        ):
            ended()


def tx_request(command: SendRequest) -> pj.SipTxOption:
    """Parts of a request: header fields and body."""
    option = tx_option(command.headers)
    option.contentType, option.msgBody = command.content_type, command.body
    return option
