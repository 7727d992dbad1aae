"""A call in the agent: its state, its commands and its reports.

The native object (``NativeCall``) is short-lived; the facts of the call are in ``Leg``, which outlives it.
The end of a native object whose slot the library has given to another call would hang that call up, so an
owner of native objects asks ``NativeCall.is_droppable`` first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import pjsua2 as pj

from bot.agent.account import Account
from bot.agent.audio import CallAudio
from bot.agent.audio_ports import TAP_RATE, Tap
from bot.agent.callbacks import CommandRefused
from bot.agent.connections import Connection
from bot.agent.ice import is_negotiating, selected_pairs
from bot.agent.leg_streams import CONNECTIONS, LegStreams
from bot.agent.media_state import ACTIVE_SUITE, HEARING, line_state
from bot.agent.native_call import LiveCall, NativeCall
from bot.agent.reception.arrivals import Arrivals
from bot.agent.reception.telephone_events import HeardDigits, HeardPacket
from bot.agent.redirects import Redirects
from bot.agent.sdp.local_sdp import LocalSdp
from bot.agent.trace import printable
from bot.agent.transactions import ended_by, is_of_another_call, is_sent_again, refusal
from bot.agent.withheld_media import WithheldMedia
from bot.agent.workarounds.cancel_reinvite import OpenReinvite
from bot.ipc import (
    AudioHeard,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    DtmfReleased,
    MediaStateChanged,
    Wired,
)
from bot.model import (
    CallState,
    Direction,
    DtmfMethod,
    EndedBy,
    MediaState,
)
from bot.rates import host_of
from bot.sip import StatusCode, is_failure, is_final, redact

__all__ = ["Leg", "NativeCall"]

STATES = {
    pj.PJSIP_INV_STATE_NULL: CallState.NULL,
    pj.PJSIP_INV_STATE_CALLING: CallState.CALLING,
    pj.PJSIP_INV_STATE_INCOMING: CallState.INCOMING,
    pj.PJSIP_INV_STATE_EARLY: CallState.EARLY,
    pj.PJSIP_INV_STATE_CONNECTING: CallState.CONNECTING,
    pj.PJSIP_INV_STATE_CONFIRMED: CallState.CONFIRMED,
    pj.PJSIP_INV_STATE_DISCONNECTED: CallState.DISCONNECTED,
}
METHODS = {
    pj.PJSUA_DTMF_METHOD_RFC2833: DtmfMethod.RFC4733,
    pj.PJSUA_DTMF_METHOD_SIP_INFO: DtmfMethod.INFO,
}
DTMF_UPDATE, DTMF_END = 1, 2
FLASH = "!"
"""The library's digit for a flash."""
FIRST_PACKET_S = 0.4
"""Twenty ticks of the audio thread."""
FIRST_PACKET_STEP_S = 0.002
HANDSHAKE_STEP_S = 0.02


class Owner(Protocol):
    """The calls of the endpoint, as one of them sees it; all its methods are called inside callbacks."""

    def ended(self, leg: Leg) -> None:
        """The call is DISCONNECTED."""

    def answered_late(self, leg: Leg) -> None:
        """The peer has accepted a call that the library had given up."""

    def without_keys(self, leg: Leg) -> None:
        """The DTLS handshake of a call has failed."""

    def look_again(self, leg: Leg, seconds: float) -> None:
        """The media of a call is to be looked at again, by ``media_changed``."""

    def waits(self, seconds: float) -> None:
        """Called before the pumping thread waits, with the longest wait in seconds."""

    def answer_request(self, leg: Leg, method: str, request: pj.SipRxData) -> None:
        """A request of the peer has arrived in the dialog, and may be answered."""

    def referred(self, leg: Leg, prm: pj.OnCallTransferRequestParam) -> None:
        """The peer asks by REFER for another call."""

    def replacing(self, leg: Leg, prm: pj.OnCallReplaceRequestParam) -> None:
        """An INVITE with Replaces asks for the place of the peer."""


class Leg:
    """The facts of a call in the agent, from its start until DISCONNECTED."""

    def __init__(
        self,
        number: int,
        direction: Direction,
        account: Account,
        owner: Owner,
        *,
        audio: CallAudio,
        sdp: LocalSdp,
        report: Callable[[Wired], None],
        call_id: int = pj.PJSUA_INVALID_ID,
        arrivals: Arrivals | None = None,
        withheld: WithheldMedia | None = None,
    ) -> None:
        self.number = number
        self.account = account
        """The account that calls or is called."""
        self.owner = owner
        self.audio = audio
        self.sdp = sdp
        self.report = report
        self._call = LiveCall(number)
        self._call.native = NativeCall(account, self, call_id)
        self.ended_by: EndedBy | None = None
        self.unasked = False
        """Whether nobody has asked for its end by this side."""
        self.transferred_from: int | None = None
        """The call in which the peer asked for this one."""
        self.replaces: int | None = None
        """The call that this one takes the place of."""
        self.state = CallState.NULL
        self.state_since = time.monotonic()
        self.transport = ""
        self.peer = ""
        """``host:port`` that the INVITE came from."""
        self.connection: Connection | None = None
        """By which it came."""
        self.tags: tuple[str, str] | None = None
        """The tags of the dialog of an incoming call, ours first, once it is answered in any way."""
        self.heard_packets = self.heard_audio = 0
        """RTP packets that have come, and those of them that were no comfort noise."""
        self.heard_at = 0.0
        """When the number of the latter was seen to change."""
        self.redirects: Redirects | None = None
        self.reinvite = OpenReinvite()
        self.streams = LegStreams(
            number,
            report,
            self._call,
            arrivals=arrivals,
            withheld=withheld if direction is Direction.INCOMING else None,
        )
        self._exchange: int | None = None
        self._direction = direction
        self._digits = HeardDigits()
        self.begun = False
        """Whether its beginning was reported."""
        self._awaits_ice = False
        self._keying_problem: str | None = None
        """Why the DTLS handshake failed."""
        self._awaits_first_packet = True
        self._given_up_by: str | None = None
        """CANCEL or BYE, when the library has sent one that nobody asked for."""

    @property
    def native(self) -> NativeCall | None:
        """The native object; None after the end of the call."""
        return self._call.native

    @property
    def live(self) -> NativeCall:
        """The native call; Refused when the call has ended."""
        return self._call.live

    def release(self) -> NativeCall | None:
        """Let go of the native object, which its owner keeps until the library needs it no more."""
        native, self._call.native = self._call.native, None
        return native

    @property
    def is_outgoing(self) -> bool:
        """Whether this side sent the INVITE."""
        return self._direction is Direction.OUTGOING

    @property
    def takes_telephone_events(self) -> bool:
        """Whether the peer signalled it for the current audio stream."""
        return any(media.telephone_event is not None for media in self.streams.media if media.active)

    @property
    def awaits_answer(self) -> bool:
        """Whether an incoming call has no final response yet."""
        return self.state in {CallState.INCOMING, CallState.EARLY}

    @property
    def is_promised(self) -> bool:
        """Whether a peer requested the call and the library has not started it.

        The library does not report the end of such a call.
        """
        asked_for = self.transferred_from is not None or self.replaces is not None
        return asked_for and not self.begun and self.native is not None

    @property
    def source(self) -> str:
        """The address that the INVITE came from (``sources``)."""
        return host_of(self.peer)

    @property
    def is_heard_at_source(self) -> bool:
        """Whether RTP has come from the address that the INVITE came from."""
        return self.streams.hears_at(self.source)

    @property
    def hears(self) -> bool:
        """Whether RTP of the peer is to come."""
        return any(media.active and media.direction in HEARING for media in self.streams.media)

    @property
    def audio_active(self) -> bool:
        """Whether an audio stream runs now."""
        return any(media.active for media in self.streams.media)

    def begin(self) -> None:
        """Report that the call exists, once."""
        if self.begun:
            return
        self.begun = True
        info = self.live.getInfo()
        self.sdp.call_id = info.callIdString
        self.report(
            CallStarted(
                at=time.monotonic(),
                call=self.number,
                direction=self._direction,
                sip_call_id=printable(info.callIdString),
                local_uri=redact(printable(info.localUri)),
                remote_uri=redact(printable(info.remoteUri)),
                transport=self.transport,
                account=self.account.name,
                transferred_from=self.transferred_from,
                replaces=self.replaces,
            )
        )

    def state_changed(self, event: pj.SipEvent) -> None:
        """Report the state, and let go of everything native once it is DISCONNECTED."""
        self.begin()
        info = self.live.getInfo()
        state = STATES[info.state]
        if state is self.state is not CallState.EARLY:
            return
        answered = self.state in {CallState.CONNECTING, CallState.CONFIRMED}
        self.state, self.state_since = state, time.monotonic()
        over = state is CallState.DISCONNECTED
        if state is CallState.CONFIRMED:
            self.streams.acknowledged()
        if over:
            self.listen(None)
        code, reason = (over and refusal(event)) or (info.lastStatusCode, info.lastReason)
        if over and not answered and not is_failure(code):  # a BYE before the answer is not a success
            code, reason = StatusCode.REQUEST_TERMINATED, "Request Terminated"
        if over and (self.ended_by is None or (self._given_up_by and self.ended_by is EndedBy.ERROR)):
            self.ended_by = EndedBy.LOCAL if self._given_up_by else ended_by(event, info.lastStatusCode)
            self.unasked = self.ended_by is EndedBy.LOCAL
        self.report(
            CallStateChanged(
                at=time.monotonic(),
                call=self.number,
                state=state,
                code=code,
                reason=printable(reason),
                by=self.ended_by if over else None,
                unasked=self.unasked,
            )
        )
        if over:
            self.owner.ended(self)
        elif state is CallState.CONFIRMED and self._given_up_by == "CANCEL":  # a BYE has already ended it
            self.owner.answered_late(self)

    @property
    def negotiating(self) -> bool:
        """Whether a re-INVITE or an UPDATE of this side has no final response yet."""
        return self._exchange is not None

    def transaction_changed(self, transaction: pj.SipTransaction) -> None:
        """Note when an exchange of this side begins and ends; a challenged request begins another."""
        if transaction.role != pj.PJSIP_ROLE_UAC or is_of_another_call(transaction, self.sdp.call_id):
            return
        gives_up = transaction.method == "BYE" or (
            transaction.method == "CANCEL" and self.state is not CallState.CONFIRMED
        )
        if gives_up and self.ended_by is None:
            self._given_up_by = transaction.method
        if transaction.method not in {"INVITE", "UPDATE"}:
            return
        code, key = transaction.statusCode, int(transaction.pjTransaction)
        if transaction.method == "INVITE" and (self.state is CallState.CONFIRMED or is_final(code)):
            self.reinvite.observe(key, code)
        if transaction.method == "INVITE" and is_failure(code) and self.redirects is not None:
            self.redirects.before_media_goes(transaction.lastTx)
        if not is_final(code):
            if self.state is CallState.CONFIRMED or transaction.method == "UPDATE":
                self._exchange = key
            return
        mine, refused = self._exchange == key, is_failure(code) and not is_sent_again(code)
        if mine:
            self._exchange = None
        if mine and refused:
            self.sdp.unwant()
        if transaction.method == "INVITE" and refused:
            self.sdp.forget()
        elif transaction.method == "INVITE" and not is_failure(code):
            self.sdp.check_sent()

    def redirected(self, prm: pj.OnCallRedirectedParam) -> int:
        """Whether the INVITE goes to another target, as the library wants to hear it."""
        if self.redirects is None:
            return pj.PJSIP_REDIRECT_STOP
        choice, event = self.redirects.decide(self.number, prm)
        if event is not None:
            self.report(event)
        return choice

    def media_changed(self) -> None:
        """Report a changed state of the media, and connect the audio again."""
        native = self.live
        self.begin()  # a call that replaces another one has media before its first state
        info = native.getInfo()  # its media must not outlive it
        media = info.media
        description = native.dump(True, "")
        suites = {int(index): suite for index, suite in ACTIVE_SUITE.findall(description)}
        pairs, self._awaits_ice = selected_pairs(description), is_negotiating(description)
        states, port = [], None
        for place, line in enumerate(media):  # which lacks lines that are neither audio nor video
            suite, pair = suites.get(line.index), pairs.get(line.index)
            state = line_state(
                native,
                line,
                self.sdp.wanted,
                suite,
                pair,
                dtls=self.sdp.has_fingerprint,
                problem=self._keying_problem,
            )
            states.append(state)
            if state.active and port is None:
                port = native.getAudioMedia(place)
            elif state.active:
                self.audio.accompany(native.getAudioMedia(place))
        self.audio.connect(port)
        if states != self.streams.media:
            self.streams.media = states
            self.report(MediaStateChanged(at=time.monotonic(), call=self.number, media=states))
        self._await_keys(states)

    def keying_failed(self, reason: str) -> None:
        """The DTLS handshake has failed."""
        self._keying_problem = reason
        self.media_changed()

    def _await_keys(self, states: Sequence[MediaState]) -> None:
        """Follow the DTLS handshake, of whose end the library tells nobody; without keys there is no call."""
        if any(state.handshake == "failed" for state in states):
            self.ended_by = self.ended_by or EndedBy.ERROR
            self.owner.without_keys(self)
        elif any(one.handshake == "running" for one in states):
            self.owner.look_again(self, HANDSHAKE_STEP_S)

    def await_first_packet(self) -> None:
        """Let the first stream send a packet before a new description replaces the stream.

        The next stream continues the sequence numbers of the last packet. The library reads that number while
        its audio thread runs; during the first packet it reads none and begins at 0. libsrtp then refuses to
        send such old packets (RFC 3711 3.3.2), for minutes.
        """
        sending = self.streams.sending_srtp()
        if not sending or not self._awaits_first_packet:
            return
        self._awaits_first_packet = False
        latest = time.monotonic() + FIRST_PACKET_S
        self.owner.waits(FIRST_PACKET_S)
        with contextlib.suppress(pj.Error, CommandRefused):
            while time.monotonic() < latest and not self.streams.have_sent(sending):
                time.sleep(FIRST_PACKET_STEP_S)

    def stream_began(self, index: int, stream: int) -> None:
        """The library has made a stream."""
        self.streams.began(index, stream, self.source if self.transport in CONNECTIONS else "")

    def listen(self, tap: Tap | None) -> None:
        """Start or stop reporting the received audio; at the stop the rest is reported."""
        self.overhear(self.audio.listen(tap))

    def overhear(self, tap: Tap | None) -> None:
        """Report the audio that the tap has stored."""
        until, samples = tap.rest() if tap is not None else (0.0, b"")
        if samples:
            self.report(AudioHeard(at=until, call=self.number, rate=TAP_RATE, samples=samples))

    def digit(self, prm: pj.OnDtmfEventParam) -> None:
        """Report the first and the last packet of a digit, and none between."""
        method = METHODS.get(prm.method, DtmfMethod.RFC4733)
        new, end = not prm.flags & DTMF_UPDATE, bool(prm.flags & DTMF_END)
        packet = (
            self._digits.hear(prm.digit, prm.timestamp, prm.duration, new=new, end=end)
            if method is DtmfMethod.RFC4733
            else HeardPacket(begun=True, ended=end)
        )
        now, duration = time.monotonic(), prm.duration if packet.ended else None
        if packet.begun:
            self.report(
                DtmfReceived(at=now, call=self.number, digit=prm.digit, method=method, duration_ms=duration)
            )
        elif duration is not None:
            self.report(
                DtmfReleased(at=now, call=self.number, digit=prm.digit, method=method, duration_ms=duration)
            )

    def digit_by_info(self, digit: str, duration_ms: float | None) -> None:
        """Report a digit of an INFO whose type the library does not know."""
        self.report(
            DtmfReceived(
                at=time.monotonic(),
                call=self.number,
                digit=FLASH if digit == "flash" else digit,
                method=DtmfMethod.INFO,
                duration_ms=None if duration_ms is None else round(duration_ms),
            )
        )

    def measure(self) -> None:
        """Report the counters of every running stream, and new states of ICE."""
        _ = self.live
        if self._awaits_ice:
            self.media_changed()
        for media in self.streams.media:
            if media.active:
                self.streams.measure(media.index, final=False)
