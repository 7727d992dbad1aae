"""A user agent (RFC 3261 section 6): its agent process, its calls, and the events of its journal."""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from bot.audio_files import Source, playable
from bot.config import EndpointConfig
from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import (
    BotError,
    CallbackFailed,
    CallFailed,
    ConfigError,
    EndpointCrashed,
    NativeError,
    WaitTimeout,
)
from bot.harmless import harmless
from bot.ipc import (
    AgentCrashed,
    AgentReady,
    AgentStopped,
    AnyCommand,
    AnyEvent,
    AudioHeard,
    CallEvent,
    CallRefused,
    CallStarted,
    CommandDone,
    CommandFailed,
    MakeCall,
    MessageAnswered,
    MessageReceived,
    MessageWaiting,
    PresenceChanged,
    RegistrationChanged,
    RequestEnded,
    RequestSent,
    SdpEdit,
    SipReceived,
    SipSent,
    Start,
    TransportChanged,
    forbid_waiting_here,
)
from bot.ipc import CallbackFailed as CallbackRaised
from bot.model import OnCrash
from bot.sip import HeaderFields, checked_edits, header_list, redact, refused_text
from bot.soft_failures import SoftFailures
from bot.ua.agent_process import COMMAND_S, AgentProcess
from bot.ua.call import Call
from bot.ua.call_list import REMEMBERED, Awaited, CallList, dialog_of
from bot.ua.call_record import CallRecord
from bot.ua.endpoint_requests import EndpointRequests
from bot.ua.inband import InbandDetectors
from bot.ua.journal import ITSELF, Entry, Journal, Subject
from bot.ua.out_of_dialog import OutOfDialogRequests
from bot.ua.tls_sessions import TlsSessions
from bot.ua.watchers import announce

if TYPE_CHECKING:
    from typing import Unpack

    from bot.config.settings import EndpointSettings
    from bot.ua.controller import Controller

__all__ = ["Endpoint"]

HIGHEST_LOG_LEVEL = 6
LOGGER = logging.getLogger("srtpbot")
LAST_REFUSALS = 3


class Endpoint(EndpointRequests):
    """Places and answers calls; a context manager that hangs up and cleans up at its end.

    Its end raises SoftExpectationsFailed with all failures of ``expect.soft``; with the pytest plugin the end
    of the test reports them instead.

    Settings come from ``config``; keyword arguments named like its fields override them. Several endpoints
    may share a journal. An exception in a callback ends its call and fails the endpoint: every wait raises at
    once, or with ``goes_on`` only the end of the endpoint raises. ``on_log`` gets the lines of the library's
    log up to ``log_level`` (0 to 6: 1 is errors, 2 warnings, 5 everything). ``on_log`` and the observers of
    the journal must not wait; their exceptions fail the endpoint. ``measure_every_s`` records RTP counters of
    running calls so often (0: when ``call.measure()`` asks). Raises ConfigError for invalid settings,
    NativeError when a port is in use or the library is missing.
    """

    def __init__(
        self,
        config: EndpointConfig | None = None,
        *,
        controller: Controller | None = None,
        journal: Journal | None = None,
        log_level: int = 3,
        keep_keys: bool = False,
        on_log: Callable[[str], None] = lambda line: None,
        goes_on: bool = False,
        measure_every_s: float = 0.0,
        **settings: Unpack[EndpointSettings],
    ) -> None:
        if not 0 <= log_level <= HIGHEST_LOG_LEVEL:
            raise ConfigError(f"log_level: expected 0 to {HIGHEST_LOG_LEVEL}, got {log_level}")
        self.config = (config or EndpointConfig()).with_options(**settings)
        self.journal = journal if journal is not None else Journal()
        self.tls_sessions = TlsSessions()
        self.outside = OutOfDialogRequests(self, self.config)
        self.refused: deque[CallRefused] = deque(maxlen=REMEMBERED)
        """INVITEs that were refused before a call existed."""
        self.failure: BotError | None = None
        self.soft_failures = SoftFailures()
        """Failures of ``expect.soft`` while it runs, unless pytest collects them; its end raises them."""
        self._controller = controller
        self._log_level = log_level
        self._keep_keys = keep_keys
        self._goes_on = goes_on
        self._measure_every_s = measure_every_s
        self._raised: CallbackFailed | None = None
        self._calls = CallList(self.name, self.journal)
        self._detectors = InbandDetectors()
        self._agent = AgentProcess(
            self.name,
            self.journal,
            start_command=self._start_command,
            on_event=self._take,
            on_crash=self._lose,
            on_log=on_log,
            check=self._check,
        )

    def __repr__(self) -> str:
        """The URI, or the name before the start."""
        return f"<Endpoint {self.uri if self.ready is not None else self.name}>"

    # ---- life

    def start(self) -> Self:
        """Start the agent and wait until its ports listen; raises NativeError for a port in use."""
        self.journal.join(self.name)
        self._stop_observing = self.journal.observe(self._observe)
        announce(self)
        try:
            if self._controller is not None:
                self._controller.attach(self)
        except BaseException:  # it refuses to start
            self._stop_observing()
            self.journal.leave(self.name)
            raise
        try:
            self._agent.launch()
        except NativeError:
            self._leave()
            raise
        self.soft_failures.open()
        try:
            self._agent.begin(supervised=self.config.on_crash is OnCrash.RESTART)
        except BaseException:
            self.close()
            raise
        return self

    def _start_command(self) -> Start:
        """The first command of an agent; an agent that replaces another continues its numbers and ports."""
        return Start(
            config=self.outside.as_wanted(
                self.config.with_defaults(has_controller=self._controller is not None)
            ),
            log_level=self._log_level,
            keep_keys=self._keep_keys,
            ask_about_transfers=self._controller is not None and self._controller.decides_transfers,
            first_call=self._calls.last_number + 1,
            listeners=self.ready.listeners if self.ready is not None else [],
            measure_every_s=self._measure_every_s,
        )

    def close(self) -> None:
        """Hang up every call, complete every recording, remove the registrations, end the agent.

        A registrar that does not answer is logged as a warning. Raises SoftExpectationsFailed, at last, when
        soft expectations failed that nobody else collects.
        """
        self._end()
        self.soft_failures.finish(None)

    def _end(self) -> None:
        if not self._agent.is_wanted:
            return
        forbid_waiting_here()
        before = set(map(id, self.outside.registrations.values()))
        self._agent.stop()
        self._leave()
        for account, state in self.outside.registrations.items():
            if id(state) not in before and not state.active and not state.code:
                who = account or state.account
                LOGGER.warning("%s: %s may still be registered: %s", self.name, who, harmless(state.reason))

    def _leave(self) -> None:
        try:
            if self._controller is not None:
                self._controller.detach()
        finally:
            self._stop_observing()
            self.journal.leave(self.name)

    def __enter__(self) -> Self:
        return self if self._agent.is_wanted else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        failure = self.failure or self._raised
        self.soft_failures.finish(error or failure)
        if error is None and failure is not None:
            raise failure

    # ---- properties

    @property
    def name(self) -> str:
        """The name in the journal, and the user part of the URI."""
        return self.config.name

    @property
    def has_company(self) -> bool:
        """Whether other endpoints share the journal."""
        return len(self.journal.endpoints) > 1

    @property
    def pid(self) -> int:
        """The agent's process id."""
        return self._agent.pid

    @property
    def ready(self) -> AgentReady | None:
        """The report of the agent that it is ready; None before."""
        return self._agent.ready

    @property
    def started(self) -> AgentReady:
        """The report of the agent that it is ready; raises NativeError when the endpoint has not started."""
        if self.ready is None:
            raise NativeError(f"{self.name}: the endpoint is not running")
        return self.ready

    @property
    def accepts_calls(self) -> bool:
        """Whether an agent runs that takes commands; False while a crashed one is being replaced."""
        return self._agent.accepts_commands and self.failure is None

    @property
    def uri(self) -> str:
        """The SIP URI of the endpoint: ``sip:NAME@HOST:PORT;transport=...``."""
        return self.uris[0]

    @property
    def uris(self) -> list[str]:
        """The SIP URIs, one for each transport."""
        return [f"sip:{self.name}@{listener.address}" for listener in self.started.listeners]

    @property
    def calls(self) -> list[Call]:
        """The calls that have not ended."""
        return self._calls.active

    def call(self, number: int) -> Call:
        """The call with that number; raises CallEnded for an ended call, CallFailed for an unknown number."""
        return self._calls.numbered(number)

    # ---- calls

    def make_call(
        self,
        uri: str,
        *,
        headers: HeaderFields | None = None,
        ring_timeout: float | None = 30.0,
        offer: bool = True,
        edit_sdp: Sequence[SdpEdit] = (),
        account: str | None = None,
    ) -> Call:
        """Send an INVITE and return the call without waiting for its answer.

        After ``ring_timeout`` seconds without an answer the call ends with 408; None: no limit. Without an
        ``offer`` the callee makes the offer, and the ACK has the answer. ``account`` is the account of the
        caller; default: the first. ``edit_sdp`` changes the sent SDP (see ``Call.reinvite``). Raises
        ConfigError for an invalid URI, header field or edit, CallFailed when the INVITE could not be sent.
        """
        if ring_timeout is not None and not ring_timeout > 0:
            raise ConfigError(f"ring_timeout: expected more than 0 seconds, or None, got {ring_timeout}")
        calling = self.outside.named(account)
        target = self._target(uri, calling)
        dialog = f"{secrets.token_hex(12)}@srtpbot"
        command = MakeCall(
            uri=target.uri,
            account=calling,
            sip_call_id=dialog,
            headers=header_list(headers),
            ring_timeout_s=ring_timeout,
            resolve_s=target.resolve_s,
            offer=offer,
            edit_sdp=checked_edits(edit_sdp),
        )
        try:
            self.request(command, COMMAND_S + target.resolve_s)
        except (CallFailed, ConfigError, NativeError) as error:
            raise type(error)(f"{self.name}: call to {redact(uri)}: {error}") from None
        return self._calls.of_dialog(dialog)

    @contextmanager
    def expect_call(self, timeout: float = TIMEOUT_S) -> Iterator[Awaited]:
        """Take the next incoming call: enter the block, then make the call inside the block.

        At the end of the block it waits up to ``timeout`` seconds; raises WaitTimeout.
        """
        awaited, began = Awaited(), time.monotonic()
        yield awaited
        deadline = Deadline(timeout)
        if not self.wait_until(lambda: bool(self._calls.arrived), deadline):
            raise WaitTimeout(f"{self.name}: no call arrived within {timeout:g} s{self.refusals(began)}")
        awaited.call = self._calls.arrived.popleft()

    def refusals(self, since: float = 0.0) -> str:
        """Text about the last INVITEs refused before a call existed; ``since`` is monotonic, in seconds."""
        with self.journal.held():
            texts = [
                refused_text(refused.remote_uri, refused.peer, refused.code, refused.reason, refused.why)
                for refused in self.refused
                if refused.at >= since
            ]
        return "".join(f"; {text}" for text in dict.fromkeys(texts[-LAST_REFUSALS:]))

    # ---- for calls

    def request(self, command: AnyCommand, timeout: float = COMMAND_S) -> None:
        """Have the agent carry out a command; raises the error that the agent reports."""
        self._agent.request(command, timeout)

    def wait_until(
        self,
        holds: Callable[[], bool],
        deadline: Deadline,
        check: Callable[[], None] = lambda: None,
        *,
        subject: Subject | None = None,
    ) -> bool:
        """Wait on the journal; raises at once when this endpoint has failed."""
        return self._agent.wait_until(holds, deadline, check, subject=subject)

    def playable(self, source: Source) -> Path:
        """The path of an audio file or a signal, converted to the sample rate of the conference bridge."""
        return playable(source, self.started.conference_rate)

    # ---- observing

    def fail(self, failure: BotError) -> None:
        """Make every wait on this endpoint raise ``failure``, at once; the first one counts."""
        with self.journal.held():
            self.failure = self.failure or failure
            self.journal.wake()

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _take(self, event: AnyEvent) -> None:
        """Put an event of the agent into the journal; of audio, the digits and the voice in it."""
        for detected in self._detectors.events(event):
            self._record(detected)
        if not isinstance(event, AudioHeard):
            self._record(event)

    def _record(self, event: AnyEvent) -> None:
        """Put an event into the journal, with ``x`` for secret digits."""
        with self.journal.held():
            call = self._calls.of_event(event)
            if call is None:
                self.journal.append(self.name, event)
            else:
                self.journal.append(self.name, call.secrets.shown(event), call=call.number)

    def _observe(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, CallbackRaised) and entry.endpoint == ITSELF:
            self.fail(CallbackFailed(f"{event.where} raised\n{event.traceback}"))
        if entry.endpoint != self.name:
            return
        match event:
            case CommandDone() | CommandFailed() | AgentReady():
                self._agent.observe(event)
            case SipSent() | SipReceived():
                self._trace(event)
            case CallStarted():
                self._begin(event)
            case CallEvent():
                self._calls.observe(event)
            case RequestSent(sip_call_id=dialog):
                self.outside.observe(event)
                self.outside.takes(dialog, self._calls.early_messages(dialog))
            case RegistrationChanged() | MessageWaiting() | RequestEnded():
                self.outside.observe(event)
            case PresenceChanged() | MessageReceived() | MessageAnswered():
                self.outside.observe(event)
            case TransportChanged():
                self.tls_sessions.observe(event)
            case CallRefused():
                self.refused.append(event)
            case AgentCrashed():
                self._crashed(event)
            case AgentStopped():
                self._stopped(event)
            case CallbackRaised():
                raised = CallbackFailed(f"{self.name}: {event.where} raised\n{event.traceback}")
                if self._goes_on:
                    self._raised = self._raised or raised
                else:
                    self.fail(raised)
            case _:
                pass

    def _stopped(self, event: AgentStopped) -> None:
        """Fail unless this endpoint ended the agent."""
        if self._agent.accepts_commands and self._agent.is_wanted:
            ended = f"ended: {event.reason}" if event.reason else "was ended by somebody else"
            self.fail(EndpointCrashed(f"{self.name}: the agent {ended}"))
        self._agent.observe(event)

    def _begin(self, started: CallStarted) -> None:
        record = CallRecord.of(started)
        record.negotiation.accepted = frozenset(self.config.accept)
        call = Call(self, record)
        call.secret_digits = self._controller is not None and self._controller.secret_digits
        call.facts.listens = self.config.detect_inband_dtmf
        self._calls.add(call, started)

    def _trace(self, event: SipSent | SipReceived) -> None:
        dialog = dialog_of(event.text)
        if not self.outside.takes(dialog, [event]):
            self._calls.trace(event, dialog)

    def _lose(self, crashed: AgentCrashed) -> None:
        """End the calls as errors, and repair their recordings, after a crash of the agent.

        Every wait raises, unless another agent is to replace the agent.
        """
        with self.journal.held():
            calls = self._calls.all
            event = msgspec.structs.replace(
                crashed,
                lost_calls=sorted(call.number for call in self._calls.active),
                replaced_in_s=self._agent.replace_later() if self.failure is None else None,
            )
            self._record(event)
            for call in calls:
                for end in list(call.lost(f"the agent died: {event.reason}", event.at)):
                    self._take(end)

    def _crashed(self, event: AgentCrashed) -> None:
        if event.replaced_in_s is None:
            self.failure = EndpointCrashed(
                f"{self.name}: the agent crashed: {event.reason}", tuple(event.log)
            )
        self._agent.observe(event)
        self.outside.lose(f"the agent died: {event.reason}", event.at)
