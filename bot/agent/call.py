"""One call in the agent: the native object's callbacks as events, and its state for commands.

The native object is thin and short-lived; what is known of the call lives in ``Leg``, which
outlives it. Dropping a native object whose slot the library has given to another call would hang
that one up, so whoever keeps native objects asks ``NativeCall.is_droppable`` first.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable

import pjsua2 as pj

from bot.agent.audio import CallAudio
from bot.agent.cancelling import OpenReinvite
from bot.agent.candidates import is_negotiating, selected_pairs
from bot.agent.guard import guarded
from bot.agent.local_sdp import LocalSdp
from bot.agent.redirects import Redirects
from bot.agent.refusal import Refused
from bot.agent.stream_counters import stream_stats
from bot.agent.ticks import TAP_RATE, Tap
from bot.agent.trace import printable
from bot.commands import Header
from bot.events import (
    AudioHeard,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    DtmfReleased,
    MediaStateChanged,
    MessageReceived,
    StreamMeasured,
    TransferProgressed,
    Wired,
)
from bot.model import (
    CallState,
    CandidatePair,
    CryptoSuite,
    Direction,
    DtmfMethod,
    EndedBy,
    MediaDirection,
    MediaState,
)
from bot.sip import redact

__all__ = ["Leg", "NativeCall", "header_vector", "message", "tx_option"]

STATES = {
    pj.PJSIP_INV_STATE_NULL: CallState.NULL,
    pj.PJSIP_INV_STATE_CALLING: CallState.CALLING,
    pj.PJSIP_INV_STATE_INCOMING: CallState.INCOMING,
    pj.PJSIP_INV_STATE_EARLY: CallState.EARLY,
    pj.PJSIP_INV_STATE_CONNECTING: CallState.CONNECTING,
    pj.PJSIP_INV_STATE_CONFIRMED: CallState.CONFIRMED,
    pj.PJSIP_INV_STATE_DISCONNECTED: CallState.DISCONNECTED,
}
DIRECTIONS = {
    pj.PJMEDIA_DIR_NONE: MediaDirection.INACTIVE,
    pj.PJMEDIA_DIR_ENCODING: MediaDirection.SENDONLY,
    pj.PJMEDIA_DIR_DECODING: MediaDirection.RECVONLY,
    pj.PJMEDIA_DIR_ENCODING_DECODING: MediaDirection.SENDRECV,
}
RUNNING = {
    pj.PJSUA_CALL_MEDIA_ACTIVE,
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD,
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
}
SPEAKING = {MediaDirection.SENDRECV, MediaDirection.SENDONLY}
HEARING = {MediaDirection.SENDRECV, MediaDirection.RECVONLY}
METHODS = {
    pj.PJSUA_DTMF_METHOD_RFC2833: DtmfMethod.RFC4733,
    pj.PJSUA_DTMF_METHOD_SIP_INFO: DtmfMethod.INFO,
}
ACTIVE_SUITE = re.compile(r"#(\d+) audio[^\n]*\n\s+SRTP status: Active Crypto-suite: (\S+)")
DTMF_UPDATE, DTMF_END = 1, 2
FIRST_PACKET_S = 0.4
"""Twenty ticks of the audio thread."""
FIRST_PACKET_STEP_S = 0.002
DECLINE = 603
REQUEST_TERMINATED = 487
FINAL, REFUSED = 200, 300
CHALLENGES = {401, 407, 422}
"""The library answers these by another request: two for credentials, one for a session timer."""


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
        changed = self._leg.sdp.created(prm.sdp, answer=self.getInfo().remOfferer)
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
                self._leg.on_request(state.tsx.method, state.src.rdata)
            self._leg.transaction_changed(state.tsx)

    @guarded
    def onStreamCreated(self, prm: pj.OnStreamCreatedParam) -> None:
        self._leg.streams[prm.streamIdx] = int(prm.stream)

    @guarded
    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:
        self._leg.streams.pop(prm.streamIdx, None)
        self._leg.measure_stream(prm.streamIdx, final=True)

    @guarded
    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        self._leg.digit(prm)

    @guarded
    def onInstantMessage(self, prm: pj.OnInstantMessageParam) -> None:
        self.report(message(prm))

    @guarded
    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:
        prm.statusCode = DECLINE
        self._leg.on_transfer(self._leg, prm)

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
        prm.statusCode = DECLINE
        self._leg.on_replace(self._leg, prm)

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


class Leg:
    """What the agent knows of one call, from its start until it is DISCONNECTED."""

    def __init__(
        self,
        number: int,
        direction: Direction,
        audio: CallAudio,
        sdp: LocalSdp,
        report: Callable[[Wired], None],
    ) -> None:
        self.number = number
        self.audio = audio
        self.sdp = sdp
        self.report = report
        self.native: NativeCall | None = None
        self.ended_by: EndedBy | None = None
        self.on_end: Callable[[Leg], None] = lambda leg: None
        self.on_wait: Callable[[float], None] = lambda seconds: None
        """Told before the thread waits, and for how many seconds at most."""
        self.on_request: Callable[[str, pj.SipRxData], None] = lambda method, request: None
        self.on_transfer: Callable[[Leg, pj.OnCallTransferRequestParam], None] = lambda leg, prm: None
        self.on_replace: Callable[[Leg, pj.OnCallReplaceRequestParam], None] = lambda leg, prm: None
        self.transferred_from: int | None = None
        """The call in which the peer asked for this one."""
        self.replaces: int | None = None
        """The call that this one takes the place of."""
        self.state = CallState.NULL
        self.transport = ""
        self.account = ""
        """The address of record of the identity that calls or is called."""
        self.redirects: Redirects | None = None
        self.reinvite = OpenReinvite()
        self.streams: dict[int, int] = {}
        """The addresses of the library's streams that run, by the media's index."""
        self._exchange: int | None = None
        self._direction = direction
        self._media: list[MediaState] = []
        self.begun = False
        """Whether its beginning was reported."""
        self._awaits_ice = False
        self._awaits_first_packet = True

    @property
    def live(self) -> NativeCall:
        """The native call; Refused when the call has ended."""
        if self.native is None:
            raise Refused("ended", f"call {self.number} has ended")
        return self.native

    @property
    def is_outgoing(self) -> bool:
        """Whether this side sent the INVITE."""
        return self._direction is Direction.OUTGOING

    @property
    def takes_telephone_events(self) -> bool:
        """Whether the peer of the audio stream that runs now said that it does."""
        return any(media.telephone_event is not None for media in self._media if media.active)

    @property
    def is_promised(self) -> bool:
        """Whether a peer has asked for it and the library has not begun it; giving it up, it tells nobody."""
        asked_for = self.transferred_from is not None or self.replaces is not None
        return asked_for and not self.begun and self.native is not None

    @property
    def audio_active(self) -> bool:
        """Whether an audio stream runs now."""
        return any(media.active for media in self._media)

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
                account=self.account,
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
        self.state = state
        over = state is CallState.DISCONNECTED
        if over:
            self.listen(None)
        code, reason = (over and refusal(event)) or (info.lastStatusCode, info.lastReason)
        if over and not answered and code < REFUSED:  # a BYE came before the answer: that is no success
            code, reason = REQUEST_TERMINATED, "Request Terminated"
        self.report(
            CallStateChanged(
                at=time.monotonic(),
                call=self.number,
                state=state,
                code=code,
                reason=printable(reason),
                by=(self.ended_by or ended_by(event, info.lastStatusCode)) if over else None,
            )
        )
        if over:
            self.on_end(self)

    @property
    def negotiating(self) -> bool:
        """Whether a re-INVITE or an UPDATE of this side has no final response yet."""
        return self._exchange is not None

    def transaction_changed(self, transaction: pj.SipTransaction) -> None:
        """Note when an exchange of this side begins and ends; a challenged request begins another."""
        if transaction.role != pj.PJSIP_ROLE_UAC or transaction.method not in {"INVITE", "UPDATE"}:
            return
        code, key = transaction.statusCode, int(transaction.pjTransaction)
        if transaction.method == "INVITE" and (self.state is CallState.CONFIRMED or code >= FINAL):
            self.reinvite.observe(key, code)
        if transaction.method == "INVITE" and code >= REFUSED and self.redirects is not None:
            self.redirects.before_media_goes(transaction.lastTx)
        if code < FINAL:
            if self.state is CallState.CONFIRMED or transaction.method == "UPDATE":
                self._exchange = key
            return
        mine, refused = self._exchange == key, code >= REFUSED and code not in CHALLENGES
        if mine:
            self._exchange = None
        if mine and refused:
            self.sdp.unwant()
        if transaction.method == "INVITE" and refused:
            self.sdp.forget()
        elif transaction.method == "INVITE" and code < REFUSED:
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
        """Report the media when it differs from what was reported, and connect the audio anew."""
        native = self.live
        self.begin()  # what takes another call's place has its media before it has a state
        info = native.getInfo()  # its media must not outlive it
        media = info.media
        description = native.dump(True, "")
        suites = {int(index): suite for index, suite in ACTIVE_SUITE.findall(description)}
        pairs, self._awaits_ice = selected_pairs(description), is_negotiating(description)
        states, port = [], None
        for place, line in enumerate(media):  # which lacks lines that are neither audio nor video
            state = self._line(native, line, suites.get(line.index), pairs.get(line.index))
            states.append(state)
            if state.active and port is None:
                port = native.getAudioMedia(place)
        self.audio.connect(port)
        if states != self._media:
            self._media = states
            self.report(MediaStateChanged(at=time.monotonic(), call=self.number, media=states))

    def await_first_packet(self) -> None:
        """Let the first stream send something before a new description puts another in its place.

        The next stream goes on from the number of the last packet, which the library reads while its
        audio thread still runs. It takes a first packet that leaves just then for none and begins at 0,
        and libsrtp refuses to send what is so far behind (RFC 3711 3.3.2): minutes of silence.
        """
        sending = [one.index for one in self._speaking if one.suite is not None]
        if not sending or not self._awaits_first_packet:
            return
        self._awaits_first_packet = False
        latest = time.monotonic() + FIRST_PACKET_S
        self.on_wait(FIRST_PACKET_S)
        with contextlib.suppress(pj.Error, Refused):
            while time.monotonic() < latest and not all(map(self._has_sent, sending)):
                time.sleep(FIRST_PACKET_STEP_S)

    def _has_sent(self, index: int) -> bool:
        return self.live.getStreamStat(index).rtcp.txStat.pkt > 0

    @property
    def sending_streams(self) -> list[int]:
        """The addresses of the library's streams that send."""
        return [self.streams[one.index] for one in self._speaking if one.index in self.streams]

    @property
    def _speaking(self) -> list[MediaState]:
        return [one for one in self._media if one.active and one.direction in SPEAKING]

    def listen(self, tap: Tap | None) -> None:
        """Hand over what the call receives through a tap, or stop and hand over the rest."""
        self.overhear(self.audio.listen(tap))

    def overhear(self, tap: Tap | None) -> None:
        """Report what a tap has heard and was not reported."""
        until, samples = tap.rest() if tap is not None else (0.0, b"")
        if samples:
            self.report(AudioHeard(at=until, call=self.number, rate=TAP_RATE, samples=samples))

    def digit(self, prm: pj.OnDtmfEventParam) -> None:
        """Report the first and the last packet of a digit, and none between."""
        method = METHODS.get(prm.method, DtmfMethod.RFC4733)
        now, ended = time.monotonic(), bool(prm.flags & DTMF_END)
        if not prm.flags & DTMF_UPDATE:
            duration = prm.duration if ended else None
            self.report(
                DtmfReceived(at=now, call=self.number, digit=prm.digit, method=method, duration_ms=duration)
            )
        elif ended:
            self.report(
                DtmfReleased(
                    at=now, call=self.number, digit=prm.digit, method=method, duration_ms=prm.duration
                )
            )

    def measure(self) -> None:
        """Report the counters of every running stream, and what ICE has come to since."""
        _ = self.live
        if self._awaits_ice:
            self.media_changed()
        for media in self._media:
            if media.active:
                self.measure_stream(media.index, final=False)

    def measure_stream(self, index: int, *, final: bool) -> None:
        """Report one stream's counters; a line without a stream has none."""
        with contextlib.suppress(pj.Error):
            stats = stream_stats(self.live.getStreamStat(index))
            self.report(
                StreamMeasured(at=time.monotonic(), call=self.number, index=index, stats=stats, final=final)
            )

    def _line(
        self, native: NativeCall, line: pj.CallMediaInfo, suite: str | None, pair: CandidatePair | None
    ) -> MediaState:
        is_audio = line.type == pj.PJMEDIA_TYPE_AUDIO
        active = is_audio and line.status in RUNNING and line.audioConfSlot != pj.PJSUA_INVALID_ID
        state = MediaState(
            index=line.index,
            type="audio" if is_audio else "other",
            active=active and line.dir != pj.PJMEDIA_DIR_NONE,
            direction=DIRECTIONS[line.dir],
            on_hold=holder(self.sdp.wanted, DIRECTIONS[line.dir]) if line.status in RUNNING else None,
        )
        if not active:
            return state
        stream, transport = native.getStreamInfo(line.index), native.getMedTransportInfo(line.index)
        parameters = stream.audCodecParam
        return MediaState(
            index=state.index,
            type=state.type,
            active=state.active,
            direction=state.direction,
            on_hold=state.on_hold,
            codec=stream.codecName,
            clock_rate=stream.codecClockRate,
            channels=parameters.info.channelCnt,
            payload_type=stream.txPt,
            telephone_event=stream.audTxEventPt
            if min(stream.audTxEventPt, stream.audRxEventPt) > 0
            else None,
            ptime_ms=parameters.info.frameLen * parameters.setting.frmPerPkt,
            rtcp_mux=transport.localRtcpName == transport.localRtpName,
            local=transport.localRtpName,
            remote=stream.remoteRtpAddress,
            suite=CryptoSuite(suite) if suite else None,
            ice=pair,
        )


def holder(wanted: MediaDirection, direction: MediaDirection) -> str | None:
    """Who holds: the side that does not want what the other one does (RFC 3264 8.4)."""
    if wanted not in HEARING and direction not in HEARING:
        return "local"
    return "remote" if wanted in SPEAKING and direction not in SPEAKING else None


def is_unanswered(transaction: pj.SipTransaction) -> bool:
    """Whether a request of the peer's has just arrived."""
    return transaction.role == pj.PJSIP_ROLE_UAS and transaction.state == pj.PJSIP_TSX_STATE_TRYING


def refusal(event: pj.SipEvent) -> tuple[int, str] | None:
    """The response to our INVITE that ended the call, to the library a 487 after a redirection."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE:
        return None
    transaction = event.body.tsxState.tsx
    is_ours = transaction.role == pj.PJSIP_ROLE_UAC and transaction.method == "INVITE"
    is_refusal = is_ours and transaction.statusCode >= REFUSED
    return (transaction.statusCode, transaction.statusText) if is_refusal else None


def ended_by(event: pj.SipEvent, code: int) -> EndedBy:
    """REMOTE when a message from the peer ended the call; a timer or the library is an ERROR.

    At a CANCEL the event is the 487 that the library sends, which it sends for nothing else. What the
    library ends by a BYE of its own ends with the peer's answer to that.
    """
    if event.type == pj.PJSIP_EVENT_TSX_STATE:
        transaction = event.body.tsxState.tsx
        if transaction.role == pj.PJSIP_ROLE_UAC and transaction.method == "BYE":
            return EndedBy.ERROR
    way = event.body.tsxState.type if event.type == pj.PJSIP_EVENT_TSX_STATE else event.type
    cancelled = way == pj.PJSIP_EVENT_TX_MSG and code == REQUEST_TERMINATED
    return EndedBy.REMOTE if way == pj.PJSIP_EVENT_RX_MSG or cancelled else EndedBy.ERROR


def message(prm: pj.OnInstantMessageParam) -> MessageReceived:
    """A SIP MESSAGE, in a dialog or outside one."""
    return MessageReceived(
        at=time.monotonic(),
        from_uri=printable(prm.fromUri),
        to_uri=printable(prm.toUri),
        content_type=printable(prm.contentType),
        body=printable(prm.msgBody),
    )


def tx_option(headers: list[Header]) -> pj.SipTxOption:
    """Headers of our own for the next message of a call."""
    option = pj.SipTxOption()
    option.headers = header_vector(headers)
    return option


def header_vector(headers: Iterable[Header]) -> pj.SipHeaderVector:
    """Headers as the library takes them."""
    vector = pj.SipHeaderVector()
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        vector.append(header)
    return vector
