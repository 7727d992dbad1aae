"""The calls of an endpoint: how they begin and how they end (RFC 3261 13, 15).

A native call may be dropped only when the library needs it no longer, and never inside one of its
callbacks. So a call that has ended is kept here, and ``drop_ended`` drops it between two turns.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from functools import partial

import pjsua2 as pj

from bot.agent.account import Account
from bot.agent.admission import cannot_be_keyed
from bot.agent.audio import CallAudio
from bot.agent.call import Leg, NativeCall
from bot.agent.call_limits import CallLimits
from bot.agent.callbacks import CommandRefused
from bot.agent.connections import Connections
from bot.agent.headers import tx_option
from bot.agent.leg_streams import CONNECTIONS
from bot.agent.legs import Legs
from bot.agent.loop import Loop
from bot.agent.native_modules import NativeModules
from bot.agent.players import Players
from bot.agent.sdp.local_sdp import LocalSdp
from bot.agent.sdp.media_lines import MediaLines
from bot.agent.transfers import Transfers
from bot.agent.workarounds.socket_budget import SocketBudget
from bot.agent.workarounds.unanswered_bye import Dialog, dialog_of_response
from bot.config import EndpointConfig
from bot.ipc import Hangup, Wired
from bot.model import CallState, Direction, EndedBy
from bot.sip import StatusCode

__all__ = ["Calls"]

VIA = re.compile(r"\n(?:Via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*(\w+)", re.IGNORECASE)


class Calls:
    """Begins calls, ends them and drops them; the owner of every ``Leg``."""

    def __init__(
        self,
        config: EndpointConfig,
        loop: Loop,
        report: Callable[[Wired], None],
        *,
        modules: NativeModules,
        legs: Legs,
        budget: SocketBudget,
        players: Players,
        connections: Connections,
    ) -> None:
        self._loop = loop
        self._report = report
        self._modules = modules
        self._legs = legs
        self._budget = budget
        self._players = players
        self._connections = connections
        self._lines = MediaLines(config.ptime_ms, config.telephone_event)
        self._listens = config.detect_inband_dtmf
        self._keying = config.srtp_keying
        self._dropping: list[NativeCall] = []
        self.limits: CallLimits | None = None
        """Ends incoming calls that take too much."""
        self._transfers = Transfers(
            loop, self._beside, self.ended, modules.decisions, accepts=config.accept_transfers
        )

    # ---- beginnings

    def incoming(self, account: Account, prm: pj.OnIncomingCallParam) -> None:
        """Begin a call for an INVITE that has arrived, or refuse it."""
        leg = self._new(Direction.INCOMING, account, prm.callId)
        leg.transport, leg.peer = transport_of(prm.rdata.wholeMsg), prm.rdata.srcAddress
        leg.connection = self._connections.to(leg.peer) if leg.transport in CONNECTIONS else None
        if self.limits is not None:
            self.limits.begin()
        if cannot_be_keyed(prm.rdata.wholeMsg, self._keying):
            # the message is longer than the trace shows; only here is it safe to refuse it
            self.hang_up(leg, EndedBy.LOCAL, Hangup(call=leg.number, code=StatusCode.NOT_ACCEPTABLE_HERE))
            return
        leg.begin()

    def outgoing(self, account: Account) -> Leg:
        """A new outgoing call without an INVITE; raises CommandRefused when all slots are in use."""
        wait = self._budget.room_in()
        if wait > 0:
            raise CommandRefused("call", f"too many calls at once; try again in {wait:.1f} s")
        return self._new(Direction.OUTGOING, account)

    def _beside(self, direction: Direction, other: Leg) -> Leg | None:
        """A call of the same account as another one, if there is room; the gate has judged incoming ones."""
        if direction is Direction.OUTGOING and self._budget.room_in() > 0:
            return None
        return self._new(direction, other.account)

    def _new(self, direction: Direction, account: Account, call_id: int = pj.PJSUA_INVALID_ID) -> Leg:
        if self._modules.media_thread is not None:
            self._modules.media_thread.wake()
        number = self._legs.next_number()
        leg = Leg(
            number,
            direction,
            account,
            self,
            audio=CallAudio(self._players.silence, partial(self._players.started, number)),
            sdp=LocalSdp(self._modules.descriptions, self._lines),
            report=self._report,
            call_id=call_id,
            arrivals=self._modules.arrivals,
            withheld=self._modules.withheld,
        )
        self._legs.add(leg)
        if self._listens:
            self._players.listen(leg, True)
        self._budget.opened(attempted=direction is Direction.INCOMING and self._modules.gate)
        return leg

    # ---- ends

    def hang_up(self, leg: Leg, by: EndedBy, command: Hangup) -> None:
        """End a call by BYE, CANCEL or a final response, as its state demands."""
        if command.bye:
            send_early_bye(leg, command)
            return
        leg.ended_by = leg.ended_by or by
        answered = leg.state in {CallState.CONNECTING, CallState.CONFIRMED}
        prm = pj.CallOpParam()
        # An answered call that has no ACK yet ends with a BYE too, but the library would call it a refusal.
        code = command.code or (StatusCode.OK if leg.state is CallState.CONNECTING else 0)
        prm.statusCode, prm.reason = code, command.reason
        prm.txOption = tx_option(command.headers)
        self._modules.headers.answered(leg.sdp.call_id, code or StatusCode.DECLINE, command.headers)
        if leg.state in {CallState.CALLING, CallState.EARLY} and command.headers:
            self._modules.headers.requested(leg.sdp.call_id, "CANCEL", command.headers)
        native, teardown = leg.live, self._modules.ice_teardown
        with teardown.held_back(leg.sdp.call_id) if teardown is not None else contextlib.nullcontext():
            native.hangup(prm)
        if answered and self.limits is not None:
            self.limits.hung_up(leg)
        leg.streams.running.clear()  # the library does not report an end that it postpones

    def end_by_limit(self, leg: Leg) -> None:
        """End an incoming call: with 486 if it is not answered yet."""
        code = StatusCode.BUSY_HERE if leg.awaits_answer else 0
        self.hang_up(leg, EndedBy.LOCAL, Hangup(call=leg.number, code=code))

    def drop(self, leg: Leg) -> bool:
        """End an incoming call without a message and free its place; False when this build cannot."""
        if self._modules.sessions is None or leg.tags is None:
            return False
        leg.ended_by = leg.ended_by or EndedBy.LOCAL
        return self._modules.sessions.terminate(Dialog(leg.sdp.call_id, *leg.tags))

    def sent(self, text: str) -> None:
        """A message has left; a response to an INVITE has the tags of its call."""
        if not text.startswith("SIP/2.0 "):
            return
        dialog = dialog_of_response(text)
        leg = self._legs.of_dialog(dialog.call_id) if dialog is not None else None
        if leg is not None and dialog is not None and leg.tags is None and not leg.is_outgoing:
            leg.tags = dialog.local, dialog.remote

    def hang_up_soon(self, leg: Leg) -> None:
        """End a call that nobody asked to end, from a callback in which that is not possible."""

        def end() -> None:
            if leg.native is not None:
                leg.unasked = True
                with contextlib.suppress(pj.Error):
                    self.hang_up(leg, EndedBy.LOCAL, Hangup(call=leg.number))

        self._loop.soon(end)

    def give_up_after(self, leg: Leg, seconds: float) -> None:
        """End an outgoing call as 408 unless it is confirmed within this many seconds."""
        number = leg.number  # a timer must not keep a call that has ended

        def give_up() -> None:
            leg = self._legs.get(number)
            if leg is not None and leg.native is not None and leg.state is not CallState.CONFIRMED:
                self.hang_up(leg, EndedBy.ERROR, Hangup(call=number, code=StatusCode.REQUEST_TIMEOUT))

        self._loop.after(seconds, give_up)

    def hang_up_all(self) -> None:
        """End every call."""
        for leg in self._legs:
            if leg.is_promised:
                self.ended(leg)
            else:
                self.hang_up(leg, EndedBy.LOCAL, Hangup(call=leg.number))

    def drop_ended(self) -> None:
        """Drop the native calls that the library no longer needs; only between two turns."""
        if self._dropping:
            live = {leg.native.getId() for leg in self._legs if leg.native is not None}
            self._dropping = [native for native in self._dropping if not native.is_droppable(live)]

    @property
    def is_idle(self) -> bool:
        """Whether there is no call, and the library needs none that has ended."""
        return not self._dropping and not self._legs

    @property
    def all_dropped(self) -> bool:
        """Whether the library needs no call that has ended."""
        return not self._dropping

    def close(self) -> None:
        """Drop every call, before the library ends."""
        self._legs.clear()
        self._dropping.clear()

    # ---- callbacks of a call

    def ended(self, leg: Leg) -> None:
        """Forget a call, and keep its native object until ``drop_ended``."""
        native = leg.release()
        self._legs.remove(leg)
        if self._modules.intake is not None and self._legs.of_dialog(leg.sdp.call_id) is None:
            self._modules.intake.ended(leg.sdp.call_id)
        self._budget.closed()
        leg.sdp.forget()
        if native is not None:
            self._dropping.append(native)
        self._players.leave(leg)

    def answered_late(self, leg: Leg) -> None:
        """End a call that the peer answered after the library had given it up."""
        self.hang_up_soon(leg)

    def without_keys(self, leg: Leg) -> None:
        """End a call whose DTLS handshake has failed (RFC 5763 6.7.1)."""
        self.hang_up_soon(leg)

    def keying_failed(self, native_id: int, reason: str) -> None:
        """The library has given the keys of a call up, which its log alone says."""
        for leg in self._legs:
            if leg.native is not None and leg.native.getId() == native_id:
                leg.keying_failed(reason)

    def look_again(self, leg: Leg, seconds: float) -> None:
        """Look at the media of a call once more, if it lives."""
        number = leg.number  # a timer must not keep a call that has ended

        def look() -> None:
            leg = self._legs.get(number)
            if leg is not None and leg.native is not None:
                with contextlib.suppress(pj.Error):
                    leg.media_changed()

        self._loop.after(seconds, look)

    def waits(self, seconds: float) -> None:
        """Report to the parent that the pumping thread waits."""
        self._loop.pause(seconds)

    def answer_request(self, leg: Leg, method: str, request: pj.SipRxData) -> None:
        """Answer a request in the dialog, if the library would not."""
        if self._modules.replies is not None:
            self._modules.replies.answer(method, request, leg.digit_by_info)

    def referred(self, leg: Leg, prm: pj.OnCallTransferRequestParam) -> None:
        """Decide about a REFER."""
        self._transfers.referred(leg, prm)

    def replacing(self, leg: Leg, prm: pj.OnCallReplaceRequestParam) -> None:
        """Decide about an INVITE with Replaces."""
        self._transfers.replacing(leg, prm)


def send_early_bye(leg: Leg, command: Hangup) -> None:
    """End an outgoing early dialog by BYE; the callee answers the INVITE with 487 (RFC 3261 15.1.2)."""
    if not (leg.is_outgoing and leg.state is CallState.EARLY):
        raise CommandRefused(
            "call", "only a caller may send BYE before the answer, once it rings (RFC 3261 15)"
        )
    leg.ended_by = EndedBy.LOCAL
    request = pj.CallSendRequestParam()
    request.method, request.txOption = "BYE", tx_option(command.headers)
    leg.live.sendRequest(request)


def transport_of(message: str) -> str:
    """The transport of the topmost Via (RFC 3261 18.2.1), in lower case."""
    via = VIA.search(message)
    return via[1].lower() if via else ""
