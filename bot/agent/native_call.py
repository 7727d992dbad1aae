"""The library's object of a call; its callbacks go to the ``Leg``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pjsua2 as pj

from bot.agent.callbacks import CommandRefused, guarded
from bot.agent.instant_messages import received_message
from bot.agent.trace import printable
from bot.agent.transactions import is_unanswered
from bot.ipc import (
    TransferProgressed,
)
from bot.model import (
    EndedBy,
)
from bot.sip import StatusCode

if TYPE_CHECKING:
    from bot.agent.call import Leg

__all__ = ["LiveCall", "NativeCall"]


class NativeCall(pj.Call):
    """The library's call; its callbacks go to the leg."""

    def __init__(self, account: pj.Account, leg: Leg, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self._leg = leg
        self.report = leg.report
        self._next_target = pj.PJSIP_REDIRECT_STOP

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:
        self._next_target = pj.PJSIP_REDIRECT_STOP
        self._redirected(prm)
        return self._next_target

    @guarded
    def _redirected(self, prm: pj.OnCallRedirectedParam) -> None:
        self._next_target = self._leg.redirected(prm)

    @guarded
    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        self._leg.state_changed(prm.e)

    @guarded
    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        self._leg.media_changed()

    @guarded
    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:
        self._leg.await_first_packet()
        # Without an offer of the peer's, remSdp is not an empty one but whatever was in its memory.
        answer = self.getInfo().remOfferer
        changed = self._leg.sdp.created(prm.sdp, answer=answer, offer=prm.remSdp if answer else None)
        if changed is not None:
            prm.sdp.wholeSdp = changed

    @guarded
    def onCallRxOffer(self, prm: pj.OnCallRxOfferParam) -> None:
        if not self.has_media:  # an INVITE without offer got one before its final response
            prm.opt.flag |= pj.PJSUA_CALL_REINIT_MEDIA

    @guarded
    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        if prm.e.type == pj.PJSIP_EVENT_TSX_STATE:
            state = prm.e.body.tsxState
            if is_unanswered(state.tsx):
                self._leg.owner.answer_request(self._leg, state.tsx.method, state.src.rdata)
                if state.tsx.method == "PRACK":
                    self._leg.streams.acknowledged()
            self._leg.transaction_changed(state.tsx)

    @guarded
    def onStreamCreated(self, prm: pj.OnStreamCreatedParam) -> None:
        self._leg.stream_began(prm.streamIdx, int(prm.stream))

    @guarded
    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:
        self._leg.streams.measure(prm.streamIdx, final=True)
        self._leg.streams.ended(prm.streamIdx)

    @guarded
    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        self._leg.digit(prm)

    @guarded
    def onInstantMessage(self, prm: pj.OnInstantMessageParam) -> None:
        self.report(received_message(prm))

    @guarded
    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:
        prm.statusCode = StatusCode.DECLINE
        self._leg.owner.referred(self._leg, prm)

    @guarded
    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:
        self.report(
            TransferProgressed(
                at=time.monotonic(),
                call=self._leg.number,
                code=prm.statusCode,
                reason=printable(prm.reason),
                final=prm.finalNotify,
            )
        )
        prm.cont = not prm.finalNotify

    @guarded
    def onCallReplaceRequest(self, prm: pj.OnCallReplaceRequestParam) -> None:
        prm.statusCode = StatusCode.DECLINE
        self._leg.owner.replacing(self._leg, prm)

    @guarded
    def onCallReplaced(self, prm: pj.OnCallReplacedParam) -> None:
        self._leg.ended_by = EndedBy.LOCAL

    @property
    def has_media(self) -> bool:
        """Whether the library has set media up, without which it asserts as soon as it describes them."""
        info = self.getInfo()
        return bool(info.media or info.provMedia)

    def is_droppable(self, live: set[int]) -> bool:
        """Whether nothing but the dead call would notice the native object's end."""
        return self.getId() not in live and not self.isActive()


class LiveCall:
    """The native object of a call until its end, for all parts of the call.

    The end breaks the circle of the native object and the leg, so that it is freed at once and on its thread.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self.native: NativeCall | None = None

    @property
    def live(self) -> NativeCall:
        """The native object; raises CommandRefused after the end of the call."""
        if self.native is None:
            raise CommandRefused("ended", f"call {self._number} has ended")
        return self.native
