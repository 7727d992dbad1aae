"""Carries out commands on the library and owns the order in which native objects live and die."""

from __future__ import annotations

import contextlib
import gc
import re
import time
from collections.abc import Iterator

import pjsua2 as pj

from bot.agent.account import Account
from bot.agent.accounts import Accounts
from bot.agent.admission import Admission
from bot.agent.audio import CallAudio
from bot.agent.bindings import granted
from bot.agent.call import Leg, NativeCall, tx_option
from bot.agent.cancelling import Canceller
from bot.agent.descriptions import Descriptions
from bot.agent.dialler import Dialler
from bot.agent.extensions import Extensions
from bot.agent.gate import NOT_ACCEPTABLE_HERE, SERVICE_UNAVAILABLE, Gate
from bot.agent.handshakes import Handshakes
from bot.agent.hidden_body import HiddenBody
from bot.agent.ice_endings import LastPackets, guard_relay
from bot.agent.library import Library
from bot.agent.local_sdp import LocalSdp
from bot.agent.loop import Loop
from bot.agent.media_lines import MediaLines
from bot.agent.messenger import Messenger, instant_message
from bot.agent.modules import Modules
from bot.agent.redirects import Redirects
from bot.agent.refusal import Refused
from bot.agent.replies import Replies
from bot.agent.requests import Authentication, Requests, tx_request
from bot.agent.stamping import Stamping
from bot.agent.studio import Studio
from bot.agent.trace import Trace, write_line
from bot.agent.transfers import Transfers, ask
from bot.commands import (
    Answer,
    AnyCommand,
    Cancel,
    Hangup,
    Listen,
    Loopback,
    MakeCall,
    Measure,
    Play,
    Record,
    Register,
    Reinvite,
    Request,
    SendDtmf,
    SendMessage,
    SendRequest,
    Shutdown,
    Start,
    StopPlay,
    StopRecord,
    Transfer,
    Update,
)
from bot.events import (
    AgentStopped,
    CallbackFailed,
    CommandDone,
    CommandFailed,
)
from bot.model import CallState, Direction, EndedBy

__all__ = ["Agent"]

DTLS_OFFER = re.compile(r"^m=\S+ \S+ UDP/TLS/", re.MULTILINE | re.IGNORECASE)
FAREWELL_S = 1.0
"""How long the answers to our BYEs are waited for."""
DESTRUCTION_S = 3.0
"""How long the library may take to end, many connections on a busy machine included; no pump turns then."""
TEMPORARILY_UNAVAILABLE, REQUEST_TIMEOUT, OK, DECLINE = 480, 408, 200, 603
FINAL = 300
INVALID_URI, SESSION_TERMINATED, SESSION_INSECURE = 171039, 171140, 171142
"""PJSIP_EINVALIDURI, PJSIP_ESESSIONTERMINATED and PJSIP_ESESSIONINSECURE."""
UNRESOLVED = 70018
"""PJ_ERESOLVE."""


class Agent:
    """One endpoint's native side."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._emit = Handshakes(loop.emit)
        self._library = Library(self._emit, loop.pause)
        self._admission = Admission()
        self._legs: dict[int, Leg] = {}
        self._studio = Studio(loop, self._library)
        self._dead: list[NativeCall] = []
        self._calls = 0
        self._accounts: Accounts | None = None
        self._requests: Requests | None = None
        self._canceller: Canceller | None = None
        self._body: HiddenBody | None = None
        self._replies: Replies | None = None
        self._authentication: Authentication | None = None
        self._messenger: Messenger | None = None
        self._silence: pj.ToneGenerator | None = None
        self._trace: Trace | None = None
        self._descriptions = Descriptions()
        self._lines = MediaLines()
        self._stamping = Stamping({})
        self._started = False
        self._guarded = False
        self._listening = False
        self._transfers: Transfers | None = None
        self._gathers = False
        self._last_packets: LastPackets | None = None

    def run(self) -> None:
        """Serve until the loop stops, then end in order."""
        self._loop.run_first()
        if self._started:
            while not self._loop.stopping:
                self._loop.turn(self._library.endpoint)
                self._bury()
            self._say_goodbye()
        self._loop.beat(DESTRUCTION_S)
        self._drop_everything()
        self._library.stop()
        self._emit(AgentStopped(at=time.monotonic()))

    def handle(self, request: Request) -> None:
        """Carry out one command and say how it went."""
        problem: tuple[str, str] | None = None
        try:
            self._carry_out(request.command)
        except Refused as refusal:
            problem = refusal.kind, str(refusal)
        except pj.Error as error:
            problem = kind_of(error, request.command), words_of(error)
        now = time.monotonic()
        if problem is None:
            self._emit(CommandDone(at=now, request=request.number))
        else:
            kind, reason = problem
            self._emit(CommandFailed(at=now, request=request.number, kind=kind, reason=reason))

    def _carry_out(self, command: AnyCommand) -> None:
        match command:
            case Start():
                self._start(command)
            case Shutdown():
                self._loop.stop()
            case MakeCall():
                self._make_call(command)
            case Answer():
                self._answer_later(self._leg(command.call), command)
            case Hangup():
                self._hang_up(self._leg(command.call), EndedBy.LOCAL, command)
            case Cancel():
                self._cancel(self._leg(command.call), command)
            case Reinvite() | Update():
                self._negotiate(self._leg(command.call), command)
            case Play():
                self._studio.play(self._leg(command.call), command)
            case StopPlay():
                self._studio.stop_play(command.playback, complete=False)
            case Record():
                self._studio.record(self._leg(command.call), command)
            case StopRecord():
                self._studio.stop_record(command.recording)
            case SendDtmf():
                leg = self._leg(command.call)
                Dialler(self._loop, leg, command, lambda: self._studio.tone(leg)).start()
            case Listen():
                self._studio.listen(self._leg(command.call), command.on)
            case Loopback():
                self._leg(command.call).audio.loop_back(command.on)
            case SendMessage(call=int(number)):
                self._leg(number).live.sendInstantMessage(instant_message(command))
            case SendRequest(call=int(number)):
                request = pj.CallSendRequestParam()
                request.method, request.txOption = command.method, tx_request(command)
                self._leg(number).live.sendRequest(request)
            case SendMessage() | SendRequest() | Register():
                self._outside(command)
            case Transfer():
                other = self._leg(command.to_call) if command.to_call is not None else None
                leg = self._leg(command.call)
                self._stamping.requested(leg.sdp.call_id, "REFER", command.headers)
                ask(leg, command, other)
            case Measure():
                self._leg(command.call).measure()

    def _outside(self, command: SendMessage | SendRequest | Register) -> None:
        """What has to do with no call."""
        assert self._messenger is not None
        assert self._accounts is not None
        assert self._requests is not None
        match command:
            case SendMessage():
                self._messenger.send(command)
            case SendRequest():
                if command.resolve_s:
                    self._loop.beat(command.resolve_s)
                self._requests.send(self._accounts.named(command.account), command)
            case Register():
                self._accounts.named(command.account).register(on=command.on)

    # ---- start and stop

    def _start(self, command: Start) -> None:
        config = self._config = command.config
        trace = self._trace = Trace(self._emit, command.log_level, command.keep_keys)
        try:
            self._library.start(config, trace, command.log_level)
        except (Refused, pj.Error):
            self._loop.stop()
            raise
        self._started = True
        self._lines = MediaLines(config.ptime_ms, config.telephone_event)
        self._stamping = Stamping(config.headers)
        self._listening = config.detect_inband_dtmf
        self._loop.open_door(*self._library.door)
        self._guarded = self._install_modules(trace)
        self._silence = pj.ToneGenerator()
        ready = self._library.ready(self._guarded)
        self._silence.createToneGenerator(ready.conference_rate, 1)
        self._requests = Requests(trace, self._emit, self._authentication)
        self._accounts = Accounts(config, self._library, self._loop, self._emit, self._incoming)
        self._messenger = Messenger(self._accounts.first)
        if config.accept_transfers:
            self._transfers = Transfers(self._loop, self._leg_beside, self._ended)
        self._gathers = config.nat.uses_ice
        self._emit(ready)
        self._loop.beat()

    def _install_modules(self, trace: Trace) -> bool:
        """Stand in the way of what arrives and what leaves; whether this build lets a gate be set up."""
        try:
            modules = self._modules = Modules(write_line)
        except AttributeError:
            return False
        self._descriptions.install(modules)
        self._stamping.install(modules)
        Extensions(self._config).install(modules, lambda: trace.last_received)
        with contextlib.suppress(AttributeError):
            self._canceller = Canceller(modules)
            self._body = HiddenBody(modules)
        if self._config.nat.uses_ice:
            with contextlib.suppress(AttributeError):
                self._last_packets = LastPackets(
                    modules, lambda: trace.last_received, self._streams, self._loop.soon
                )
        if self._config.nat.turn is not None and self._config.nat.turn.transport == "tcp":
            guard_relay(modules.c)
        with contextlib.suppress(AttributeError):
            self._replies = Replies(modules)
            self._authentication = Authentication(modules, lambda: trace.last_received)
        accepts = self._config.accept_registrations
        register = (lambda: granted(trace.last_received)) if accepts else lambda: None
        return Gate(self._judge, register).install(modules)

    def _say_goodbye(self) -> None:
        """Hang up what lives and turn until the dialogs are gone."""
        for leg in list(self._legs.values()):
            if leg.is_promised:
                self._ended(leg)
            else:
                self._hang_up(leg, EndedBy.LOCAL, Hangup(call=leg.number))
        for recording in self._studio.recording:
            self._studio.stop_record(recording)
        assert self._accounts is not None
        self._accounts.leave()
        deadline = time.monotonic() + FAREWELL_S
        while self._busy and time.monotonic() < deadline:
            self._loop.turn(self._library.endpoint)
            self._bury()

    @property
    def _busy(self) -> bool:
        """Whether something is still to end."""
        registered = self._accounts is not None and self._accounts.registered
        return bool(self._dead or self._studio.recording or registered)

    def _drop_everything(self) -> None:
        """A native object that outlives the library aborts the process."""
        self._loop.forget()
        self._legs.clear()
        self._studio.clear()
        self._dead.clear()
        if self._accounts is not None:
            self._accounts.close()
        self._messenger = self._silence = self._requests = None
        gc.collect()

    # ---- calls

    def _leg(self, number: int) -> Leg:
        try:
            return self._legs[number]
        except KeyError:
            raise Refused("ended", f"call {number} has ended") from None

    def _new_leg(self, direction: Direction) -> Leg:
        assert self._silence is not None
        self._calls += 1
        number = self._calls
        audio = CallAudio(self._silence, lambda key: self._studio.started(number, key))
        leg = Leg(number, direction, audio, LocalSdp(self._descriptions, self._lines), self._emit)
        leg.on_end = self._ended
        leg.on_wait = self._loop.pause
        if self._transfers is not None:
            leg.on_transfer, leg.on_replace = self._transfers.referred, self._transfers.replacing
        if self._replies is not None:
            leg.on_request = self._replies.answer
        self._legs[leg.number] = leg
        if self._listening:
            self._studio.listen(leg, True)
        self._admission.opened(attempted=direction is Direction.INCOMING and self._guarded)
        return leg

    def _judge(self) -> int:
        """The gate's question about the INVITE at hand."""
        assert self._trace is not None
        if DTLS_OFFER.search(self._trace.last_received):
            return NOT_ACCEPTABLE_HERE
        if self._admission.room_in() > 0:
            return SERVICE_UNAVAILABLE
        self._admission.attempted()
        return 0

    def _incoming(self, account: Account, prm: pj.OnIncomingCallParam) -> None:
        leg = self._new_leg(Direction.INCOMING)
        leg.native = NativeCall(account, leg, prm.callId)
        leg.account = account.name
        leg.transport = transport_of(prm.rdata.wholeMsg)
        if DTLS_OFFER.search(prm.rdata.wholeMsg):  # longer than the trace shows; only here is it safe
            self._hang_up(leg, EndedBy.LOCAL, Hangup(call=leg.number, code=NOT_ACCEPTABLE_HERE))
            return
        leg.begin()

    def _make_call(self, command: MakeCall) -> None:
        wait = self._admission.room_in()
        if wait > 0:
            raise Refused("call", f"too many calls at once; try again in {wait:.1f} s")
        assert self._accounts is not None
        account = self._accounts.named(command.account)
        self._check_edits(command)
        if command.resolve_s:
            self._loop.beat(command.resolve_s)
        leg = self._new_leg(Direction.OUTGOING)
        native = leg.native = NativeCall(account, leg)
        leg.account = account.name
        leg.redirects = Redirects(command.uri, self._config, self._loop, self._body)
        prm = pj.CallOpParam(True)
        prm.opt.audioCount, prm.opt.videoCount = 1, 0
        prm.opt.customCallId = leg.sdp.call_id = command.sip_call_id
        prm.opt.flag |= 0 if command.offer else pj.PJSUA_CALL_NO_SDP_OFFER
        prm.txOption = tx_option(command.headers)
        try:
            leg.sdp.prepare(command.edit_sdp, offer=command.offer)
            native.makeCall(command.uri, prm)
        except (Refused, pj.Error):
            if leg.number in self._legs:
                self._ended(leg)
            leg.sdp.check()
            raise
        try:
            leg.sdp.check()
        except Refused:  # the INVITE is still to leave, and will not
            self._hang_up(leg, EndedBy.ERROR, Hangup(call=leg.number))
            raise
        leg.begin()  # with ICE the INVITE leaves later, once the candidates are gathered
        self._loop.after(command.ring_timeout_s, lambda: self._give_up(leg))

    def _check_edits(self, command: MakeCall | Answer) -> None:
        if command.edit_sdp and self._gathers:
            raise Refused("config", "SDP cannot be edited where ICE gathers candidates first; switch ICE off")

    def _leg_beside(self, direction: Direction, other: Leg) -> Leg | None:
        """A leg of the same identity as another one, if there is room for it; what comes in was judged."""
        if direction is Direction.OUTGOING and self._admission.room_in() > 0:
            return None
        assert self._accounts is not None
        account = self._accounts.named(other.account)
        leg = self._new_leg(direction)
        leg.native = NativeCall(account, leg)
        leg.account = account.name
        return leg

    def _give_up(self, leg: Leg) -> None:
        if leg.native is not None and leg.state is not CallState.CONFIRMED:
            self._hang_up(leg, EndedBy.ERROR, Hangup(call=leg.number, code=REQUEST_TIMEOUT))

    def _answer_later(self, leg: Leg, command: Answer) -> None:
        if command.after_s <= 0 or leg.is_outgoing:
            self._answer(leg, command)
            return

        def answer() -> None:
            if leg.native is not None:
                with self._reporting("answer"):
                    self._answer(leg, command)

        self._loop.after(command.after_s, answer)

    @contextlib.contextmanager
    def _reporting(self, where: str) -> Iterator[None]:
        """What fails after its command was done is not lost, and does not end the agent."""
        try:
            yield
        except (Refused, pj.Error) as error:
            words = words_of(error) if isinstance(error, pj.Error) else str(error)
            self._emit(CallbackFailed(at=time.monotonic(), where=where, traceback=words))

    def _answer(self, leg: Leg, command: Answer) -> None:
        if leg.is_outgoing:
            raise Refused("call", "it is an outgoing call, which its callee answers")
        if leg.state in {CallState.CONNECTING, CallState.CONFIRMED}:
            raise Refused("call", "it was answered before")
        self._check_edits(command)
        if command.code >= FINAL:
            leg.ended_by = EndedBy.LOCAL
        prm = pj.CallOpParam(True)
        prm.statusCode, prm.reason = command.code, command.reason
        prm.opt.videoCount = 0
        prm.txOption = tx_option(command.headers)
        sdp = leg.sdp
        self._stamping.answered(sdp.call_id, command.code, command.headers)
        sdp.prepare(command.edit_sdp, offer=not sdp.answers, response=True)
        try:
            leg.live.answer(prm)
        finally:
            sdp.check()
        sdp.check_sent()

    def _cancel(self, leg: Leg, command: Cancel) -> None:
        """Give up an INVITE; the library holds the CANCEL of the first one back when it has to."""
        self._stamping.requested(leg.sdp.call_id, "CANCEL", command.headers)
        if leg.is_outgoing and leg.state in {CallState.CALLING, CallState.EARLY}:
            self._hang_up(leg, EndedBy.LOCAL, Hangup(call=command.call))
        elif self._canceller is None:
            raise Refused("native", "this build of the library exports too little to cancel a re-INVITE")
        else:
            leg.reinvite.cancel(self._canceller.cancel)

    def _send_early_bye(self, leg: Leg, command: Hangup) -> None:
        """End an early dialog of ours; the callee answers the INVITE with 487 (RFC 3261 15.1.2)."""
        if not (leg.is_outgoing and leg.state is CallState.EARLY):
            raise Refused("call", "only a caller may send BYE before the answer, once it rings (RFC 3261 15)")
        leg.ended_by = EndedBy.LOCAL
        request = pj.CallSendRequestParam()
        request.method, request.txOption = "BYE", tx_option(command.headers)
        leg.live.sendRequest(request)

    def _hang_up(self, leg: Leg, by: EndedBy, command: Hangup) -> None:
        if command.bye:
            self._send_early_bye(leg, command)
            return
        leg.ended_by = leg.ended_by or by
        prm = pj.CallOpParam()
        # An answered call that has no ACK yet ends with a BYE too, but the library would call it a refusal.
        code = command.code or (OK if leg.state is CallState.CONNECTING else 0)
        prm.statusCode, prm.reason = code, command.reason
        prm.txOption = tx_option(command.headers)
        self._stamping.answered(leg.sdp.call_id, code or DECLINE, command.headers)
        if leg.state in {CallState.CALLING, CallState.EARLY} and command.headers:
            self._stamping.requested(leg.sdp.call_id, "CANCEL", command.headers)
        native = leg.live
        with (
            self._last_packets.held_back(leg.sdp.call_id) if self._last_packets else contextlib.nullcontext()
        ):
            native.hangup(prm)
        leg.streams.clear()  # of their end the library does not tell where it puts that off

    def _negotiate(self, leg: Leg, command: Reinvite | Update) -> None:
        """Send a re-INVITE or an UPDATE.

        Not by the library's ``setHold``, which changes the offer after it was shown to us.
        """
        if leg.negotiating:  # else the library would mix both up before it refuses the second (RFC 3261 14.1)
            raise Refused("call", "an offer of this side is not answered yet; wait for that first")
        if isinstance(command, Update) and not leg.live.has_media:
            raise Refused(
                "call", "the first offer of the call has not come yet, and an UPDATE needs its answer"
            )
        offer = isinstance(command, Update) or command.offer
        prm = pj.CallOpParam(True)
        prm.opt.flag, prm.opt.videoCount = 0 if offer else pj.PJSUA_CALL_NO_SDP_OFFER, 0
        prm.txOption = tx_option(command.headers)
        leg.sdp.prepare(command.edit_sdp, offer=offer, rekey=command.rekey)
        leg.sdp.want(command.direction, command.codecs)
        try:
            (leg.live.update if isinstance(command, Update) else leg.live.reinvite)(prm)
        except pj.Error as error:
            leg.sdp.unwant()
            leg.sdp.check()
            words = f"the library does not send it while the call is {leg.state}: {words_of(error)}"
            raise Refused(kind_of(error, command), words) from None
        if offer:
            leg.sdp.check()
            leg.sdp.check_sent()

    def _streams(self, call_id: str) -> list[int]:
        """The native streams that send, of the call that runs by that Call-ID."""
        legs = [leg for leg in self._legs.values() if leg.sdp.call_id == call_id]
        return [stream for leg in legs for stream in leg.sending_streams]

    def _ended(self, leg: Leg) -> None:
        """Inside the library's callback: note what must end, and let the loop do it."""
        native, leg.native = leg.native, None
        self._legs.pop(leg.number, None)
        self._admission.closed()
        leg.sdp.forget()
        if native is not None:
            self._dead.append(native)
        self._studio.leave(leg)

    def _bury(self) -> None:
        if self._dead:
            live = {leg.native.getId() for leg in self._legs.values() if leg.native is not None}
            self._dead = [native for native in self._dead if not native.is_droppable(live)]


def kind_of(error: pj.Error, command: AnyCommand) -> str:
    """Whose fault the library's error is."""
    if isinstance(command, Start):
        return "native"
    kinds = {
        SESSION_TERMINATED: "ended",
        INVALID_URI: "config",
        SESSION_INSECURE: "config",
        UNRESOLVED: "native",
    }
    return kinds.get(error.status, "call")


def words_of(error: pj.Error) -> str:
    """The library's reason, or a better one."""
    if error.status == SESSION_INSECURE:
        return "srtp_requires (--srtp-requires) asks for signalling that is more secure than this URI's"
    return "the host name cannot be resolved" if error.status == UNRESOLVED else str(error.reason)


def transport_of(message: str) -> str:
    """The transport of the topmost Via (RFC 3261 18.2.1), in lower case."""
    via = re.search(r"^(?:Via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*(\w+)", message, re.M | re.I)
    return via[1].lower() if via else ""
