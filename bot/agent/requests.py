"""Requests outside a call, of any method: sent, and sent again with credentials when they are asked for.

The library sends them and leaves a challenge (RFC 3261 22.1) to the application, so its exported C
functions make the second request; where a build does not export them the challenge is the answer.
"""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pjsua2 as pj

from bot.agent.account import Account
from bot.agent.call import tx_option
from bot.agent.messages import HeaderField, ListNode, SentMessage
from bot.agent.modules import Modules, Name, Pointer
from bot.agent.refusal import Refused
from bot.agent.trace import Trace, printable
from bot.commands import SendRequest
from bot.events import RequestEnded, RequestSent, Wired
from bot.identity import Identity
from bot.sip import Message

__all__ = ["Authentication", "Requests", "tx_request"]

CHALLENGES = {401, 407}
SESSION_BYTES = 4096
"""More than a ``pjsip_auth_clt_sess`` takes."""
HEADER_CSEQ = 15
"""PJSIP_H_CSEQ of pjsip/sip_msg.h."""
CSEQ = re.compile(r"^CSeq[ \t]*:[ \t]*(\d+)", re.MULTILINE | re.IGNORECASE)
CALL_ID = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
_Ended = ctypes.CFUNCTYPE(None, Pointer, Pointer)


class Requests:
    """Sends requests for accounts and reports their beginnings and their ends."""

    def __init__(
        self, trace: Trace, report: Callable[[Wired], None], authentication: Authentication | None
    ) -> None:
        self._trace = trace
        self._report = report
        self._authentication = authentication

    def send(self, account: Account, command: SendRequest) -> None:
        """Send one; pj.Error when the URI is none, Refused when nothing leaves."""
        prm = pj.SendRequestParam()
        prm.method, prm.txOption = command.method, tx_request(command)
        prm.txOption.targetUri = command.uri
        self._trace.last_sent = ""
        account.on_answer = self._answered
        account.sendRequest(prm)
        sent = CALL_ID.search(self._trace.last_sent)
        if sent is None:
            raise Refused("call", f"the library did not send the {command.method}")
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
                    at=time.monotonic(), sip_call_id=call_id[1], code=0 if received else code, reason=reason
                )
            )

        authentication, identity = self._authentication, account.identity
        asked = received and code in CHALLENGES and identity.password is not None
        if not (
            asked
            and authentication is not None
            and authentication.meet(
                identity,
                int(state.src.rdata.pjRxData),
                int(request.pjTxData),
                int(cseq[1]),
                ended,
            )
        ):
            ended()


class _Credentials(ctypes.Structure):
    """``pjsip_cred_info`` of pjsip/sip_auth.h; what AKA alone needs is left empty."""

    _fields_ = (
        ("realm", Name),
        ("scheme", Name),
        ("username", Name),
        ("data_type", ctypes.c_int),
        ("data", Name),
        ("algorithm_type", ctypes.c_int),
        ("aka", Name * 3),
        ("aka_callback", Pointer),
    )


class _Event(ctypes.Structure):
    """``pjsip_event`` of pjsip/sip_event.h, for the state of a transaction."""

    _fields_ = (
        ("list", ListNode),
        ("type", ctypes.c_int),
        ("source", Pointer),
        ("transaction", Pointer),
        ("previous", ctypes.c_int),
        ("cause", ctypes.c_int),
    )


@dataclass
class _Attempt:
    """A request that is sent with credentials, until it is answered."""

    session: ctypes.Array[ctypes.c_char]
    pool: int
    request: int
    cseq: int
    on_end: Callable[[], None]


class Authentication:
    """Meets challenges; raises AttributeError when this build does not export what that takes.

    ``last_received()`` is the message that the library is dealing with.
    """

    def __init__(self, modules: Modules, last_received: Callable[[], str]) -> None:
        self._modules = modules
        self._last_received = last_received
        c = self._c = modules.c
        c.pjsip_auth_clt_init.argtypes = [*[Pointer] * 3, ctypes.c_uint]
        c.pjsip_auth_clt_deinit.argtypes = [Pointer]
        c.pjsip_auth_clt_set_credentials.argtypes = [Pointer, ctypes.c_int, Pointer]
        c.pjsip_auth_clt_reinit_req.argtypes = [Pointer] * 4
        c.pjsip_msg_find_hdr.restype = Pointer
        c.pjsip_msg_find_hdr.argtypes = [Pointer, ctypes.c_int, Pointer]
        c.pjsip_endpt_send_request.argtypes = [*[Pointer] * 2, ctypes.c_int32, Pointer, _Ended]
        self._attempts: dict[int, _Attempt] = {}
        self._last = 0
        self._callback = _Ended(self._on_end)

    def meet(
        self, identity: Identity, rdata: int, request: int, cseq: int, on_end: Callable[[], None]
    ) -> bool:
        """Send the request again, with the answer to the challenge at ``rdata``; False when there is none."""
        session, pool = (ctypes.c_char * SESSION_BYTES)(), self._modules.pool()
        self._c.pjsip_auth_clt_init(session, self._modules.endpoint, pool, 0)
        texts = (identity.realm or "*", "digest", identity.user or "", identity.password or "")
        realm, scheme, user, password = (Name(text, len(text)) for text in map(str.encode, texts))
        credentials = _Credentials(realm=realm, scheme=scheme, username=user, data=password)
        self._c.pjsip_auth_clt_set_credentials(session, 1, ctypes.byref(credentials))
        attempt = _Attempt(session, pool, request, cseq, on_end)
        if self._send(attempt, rdata):
            return True
        self._forget(attempt)
        return False

    def _send(self, attempt: _Attempt, rdata: int) -> bool:
        again = Pointer()
        if self._c.pjsip_auth_clt_reinit_req(attempt.session, rdata, attempt.request, ctypes.byref(again)):
            return False
        message = SentMessage.from_address(again.value or 0).message
        cseq = ctypes.c_int32.from_address(
            self._c.pjsip_msg_find_hdr(message, HEADER_CSEQ, None) + ctypes.sizeof(HeaderField)
        )
        if cseq.value != attempt.cseq:  # this build lays out a message in another way
            return False
        cseq.value = attempt.cseq = attempt.cseq + 1  # RFC 3261 22.2
        attempt.request = again.value or 0
        self._last += 1
        self._attempts[self._last] = attempt
        sent = self._c.pjsip_endpt_send_request(self._modules.endpoint, again, -1, self._last, self._callback)
        if sent:
            del self._attempts[self._last]
        return not sent

    def _on_end(self, token: int, address: int) -> None:
        """The answer itself is among the messages; one more challenge is met while its nonce is a new one."""
        attempt = self._attempts.pop(token, None)
        if attempt is None:
            return
        event = _Event.from_address(address)
        received = event.cause == pj.PJSIP_EVENT_RX_MSG
        status = Message.parse(self._last_received()).status if received else 0
        if not (status in CHALLENGES and self._send(attempt, event.source)):
            self._forget(attempt)
            attempt.on_end()

    def _forget(self, attempt: _Attempt) -> None:
        self._c.pjsip_auth_clt_deinit(attempt.session)
        self._modules.release(attempt.pool)


def tx_request(command: SendRequest) -> pj.SipTxOption:
    """What a request carries."""
    option = tx_option(command.headers)
    option.contentType, option.msgBody = command.content_type, command.body
    return option
