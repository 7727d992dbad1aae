"""Digest credentials (RFC 3261 22) for requests that the library sends without its own authentication."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pjsua2 as pj

from bot.agent.native.sip_module import Modules, Name, Pointer
from bot.agent.native.structs import HeaderField, ListNode, SentMessage
from bot.config import Credential
from bot.sip import Message, is_challenge

__all__ = ["Authentication"]


SESSION_BYTES = 4096

HEADER_CSEQ = 15

_Ended = ctypes.CFUNCTYPE(None, Pointer, Pointer)


class _Credentials(ctypes.Structure):
    """``pjsip_cred_info`` of pjsip/sip_auth.h; the fields for AKA only stay empty."""

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


def native(proof: Credential) -> _Credentials:
    """A credential in the library's form."""
    texts = (proof.realm, "digest", proof.user, proof.password)
    realm, scheme, user, password = (Name(text, len(text)) for text in map(str.encode, texts))
    return _Credentials(realm=realm, scheme=scheme, username=user, data=password)


@dataclass
class _Attempt:
    """A request that was sent with credentials and waits for its response."""

    session: ctypes.Array[ctypes.c_char]
    pool: int
    request: int
    cseq: int
    on_end: Callable[[], None]


class Authentication:
    """Answers authentication challenges; raises MissingSymbol without the necessary C functions.

    ``last_received()`` is the message that the library processes.
    """

    def __init__(self, modules: Modules, last_received: Callable[[], str]) -> None:
        self._modules = modules
        self._last_received = last_received
        c = self._c = modules.c
        c.require("pjsip_auth_clt_init", "pjsip_auth_clt_deinit", "pjsip_auth_clt_set_credentials")
        c.require("pjsip_auth_clt_reinit_req", "pjsip_msg_find_hdr", "pjsip_endpt_send_request")
        self._attempts: dict[int, _Attempt] = {}
        self._last = 0
        self._callback = _Ended(self._on_end)

    def meet(
        self, proofs: Sequence[Credential], rdata: int, request: int, cseq: int, on_end: Callable[[], None]
    ) -> bool:
        """Send the request again, with credentials for the challenge at ``rdata``.

        False without a challenge.
        """
        session, pool = (ctypes.c_char * SESSION_BYTES)(), self._modules.pool()
        self._c.pjsip_auth_clt_init(session, self._modules.endpoint, pool, 0)
        credentials = (_Credentials * len(proofs))(*map(native, proofs))
        self._c.pjsip_auth_clt_set_credentials(session, len(proofs), ctypes.byref(credentials))
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
        if cseq.value != attempt.cseq:  # this build has another message layout
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
        """The transaction ended; a second challenge is answered if its nonce is new."""
        attempt = self._attempts.pop(token, None)
        if attempt is None:
            return
        event = _Event.from_address(address)
        received = event.cause == pj.PJSIP_EVENT_RX_MSG
        status = Message.parse(self._last_received()).status if received else 0
        if not (is_challenge(status) and self._send(attempt, event.source)):
            self._forget(attempt)
            attempt.on_end()

    def _forget(self, attempt: _Attempt) -> None:
        self._c.pjsip_auth_clt_deinit(attempt.session)
        self._modules.release(attempt.pool)
