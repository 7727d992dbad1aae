"""Requests outside a call, of any method: sent, and sent again with credentials when they are asked for.

The library sends them and leaves a challenge (RFC 3261 22.1) to the application, so its exported C
functions make the second request; where a build does not export them the challenge is the answer.
"""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.account import Account
from bot.agent.call import tx_option
from bot.agent.modules import Modules, Name, Pointer
from bot.agent.refusal import Refused
from bot.agent.trace import Trace, printable
from bot.commands import SendRequest
from bot.events import RequestEnded, RequestSent, Wired
from bot.identity import Identity

__all__ = ["Authentication", "Requests", "tx_request"]

CHALLENGES = {401, 407}
SESSION_BYTES = 4096
"""More than a ``pjsip_auth_clt_sess`` takes."""
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
        account.on_answer = self.answered
        account.sendRequest(prm)
        sent = CALL_ID.search(self._trace.last_sent)
        if sent is None:
            raise Refused("call", f"the library did not send the {command.method}")
        self._report(RequestSent(at=time.monotonic(), request=command.request, sip_call_id=sent[1]))

    def answered(self, account: Account, event: pj.SipEvent) -> None:
        """Take the end of a request that the library sent for us."""
        state = event.body.tsxState
        found = CALL_ID.search(state.tsx.lastTx.wholeMsg)
        call_id, code = found[1] if found else "", state.tsx.statusCode
        received = state.type == pj.PJSIP_EVENT_RX_MSG
        if received and code in CHALLENGES and self._authentication is not None and account.identity.user:
            rdata, request = int(state.src.rdata.pjRxData), int(state.tsx.lastTx.pjTxData)
            if self._authentication.resend(
                account.identity, rdata, request, lambda: self._ended(call_id, 0, "")
            ):
                return
        self._ended(call_id, 0 if received else code, "" if received else printable(state.tsx.statusText))

    def _ended(self, call_id: str, code: int, reason: str) -> None:
        self._report(RequestEnded(at=time.monotonic(), sip_call_id=call_id, code=code, reason=reason))


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


class Authentication:
    """Meets challenges; raises AttributeError when this build does not export what that takes."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        c = self._c = modules.c
        c.pjsip_auth_clt_init.argtypes = [*[Pointer] * 3, ctypes.c_uint]
        c.pjsip_auth_clt_set_credentials.argtypes = [Pointer, ctypes.c_int, Pointer]
        c.pjsip_auth_clt_reinit_req.argtypes = [Pointer] * 4
        c.pjsip_endpt_send_request.argtypes = [*[Pointer] * 2, ctypes.c_int32, Pointer, _Ended]
        self._sessions: dict[str, ctypes.Array[ctypes.c_char]] = {}
        self._waiting: dict[int, Callable[[], None]] = {}
        self._resent = 0
        self._callback = _Ended(self._on_end)

    def resend(self, identity: Identity, rdata: int, request: int, on_end: Callable[[], None]) -> bool:
        """Send the request again, with the answer to the challenge; False when there is none."""
        again = Pointer()
        session = self._session(identity)
        if self._c.pjsip_auth_clt_reinit_req(session, rdata, request, ctypes.byref(again)) != 0:
            return False
        self._resent += 1
        self._waiting[self._resent] = on_end
        endpoint = self._modules.endpoint
        if self._c.pjsip_endpt_send_request(endpoint, again, -1, self._resent, self._callback) != 0:
            del self._waiting[self._resent]
            return False
        return True

    def _session(self, identity: Identity) -> ctypes.Array[ctypes.c_char]:
        """The library's memory of the challenges that this identity has met."""
        key = identity.id or ""
        if key not in self._sessions:
            session = self._sessions[key] = (ctypes.c_char * SESSION_BYTES)()
            self._c.pjsip_auth_clt_init(session, self._modules.endpoint, self._modules.pool(), 0)
            texts = (identity.realm or "*", "digest", identity.user or "", identity.password or "")
            realm, scheme, user, password = (Name(text, len(text)) for text in map(str.encode, texts))
            credentials = _Credentials(realm=realm, scheme=scheme, username=user, data=password)
            self._c.pjsip_auth_clt_set_credentials(session, 1, ctypes.byref(credentials))
        return self._sessions[key]

    def _on_end(self, token: int, event: int) -> None:
        """The answer itself is among the messages."""
        self._waiting.pop(token, lambda: None)()


def tx_request(command: SendRequest) -> pj.SipTxOption:
    """What a request carries."""
    option = tx_option(command.headers)
    option.contentType, option.msgBody = command.content_type, command.body
    return option
