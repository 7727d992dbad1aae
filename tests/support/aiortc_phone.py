"""A SIP phone whose media is aiortc: it answers every call with a tone, and calls whom it is told to."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from bot.sip import Message
from tests.support.aiortc_peer import AiortcPeer
from tests.support.sip_peer import Dialog, SipPeer

__all__ = ["AiortcPhone"]

NOT_ACCEPTABLE_HERE = 488
QUIET_S = 30.0
"""Longest wait for the end of a call that it made."""


class AiortcPhone:
    """One connection of aiortc for each call; what aiortc does not take is refused with 488."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._peers: dict[str, AiortcPeer] = {}
        """By Call-ID."""
        self._calling: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._signalling = self._stack.enter_context(SipPeer())
        self._stack.enter_context(self._signalling.serving(self._serve))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thread in self._calling:
            thread.join()
        self._stack.close()
        for peer in self._peers.values():
            peer.__exit__(None, None, None)

    @property
    def uri(self) -> str:
        """Where it is called."""
        return self._signalling.uri

    def dial(self, uri: str) -> None:
        """Call, and stay in the call until the other side hangs up."""
        thread = threading.Thread(target=self._call, args=(uri,))
        thread.start()
        self._calling.append(thread)

    def _serve(self, request: Message) -> None:
        call = request.call_id or ""
        if request.method == "BYE" and call in self._peers:
            self._peers.pop(call).__exit__(None, None, None)
        if request.method == "ACK":
            return
        if request.method != "INVITE":
            self._signalling.reply(request, 200)
            return
        peer = self._peers.get(call) or AiortcPeer().__enter__()
        try:
            answer = peer.answer(request.sdp or "")
        except Exception:  # whatever it is that aiortc does not take
            self._signalling.reply(request, NOT_ACCEPTABLE_HERE)
            peer.__exit__(None, None, None)
            self._peers.pop(call, None)
        else:
            self._peers[call] = peer
            self._signalling.reply(request, 200, body=answer)

    def _call(self, uri: str) -> None:
        with AiortcPeer() as peer, SipPeer(uri, timeout=QUIET_S) as signalling:
            response = signalling.ask(signalling.request("INVITE", body=peer.offer()))
            signalling.ack(response)
            if response.status != 200:
                return
            try:
                peer.accept(response.sdp or "")
            except Exception:
                signalling.dialog = Dialog.of(response)  # which is hung up
                return
            while (message := signalling.next(QUIET_S)) is not None:
                if message.is_request and message.method != "ACK":
                    signalling.reply(message, 200)
                if message.method == "BYE":
                    return
