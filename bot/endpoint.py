"""A user agent that a test holds in its hand: one agent process, its calls, its journal."""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from .audio_cache import cache_folder, no_room
from .call import Call
from .commands import AnyCommand, MakeCall, SdpEdit, SendMessage, Start
from .config import EndpointConfig
from .deadline import TIMEOUT_S, Deadline
from .destination import Destination, destination
from .driver import Driver
from .ear import Ear
from .errors import (
    BotError,
    CallbackFailed,
    CallEnded,
    CallFailed,
    ConfigError,
    EndpointCrashed,
    NativeError,
    WaitTimeout,
)
from .events import (
    AgentCrashed,
    AgentReady,
    AgentStopped,
    AnyEvent,
    AudioHeard,
    CallEvent,
    CallStarted,
    CallStateChanged,
    CommandDone,
    CommandFailed,
    DtmfReceived,
    MessageAnswered,
    MessageReceived,
    MessageWaiting,
    RegistrationChanged,
    RequestEnded,
    RequestSent,
    SipReceived,
    SipSent,
    VoiceChanged,
)
from .events import CallbackFailed as CallbackRaised
from .header_fields import HeaderFields, checked_content_type, header_list
from .journal import Entry, Journal
from .model import CallState, Direction, Transport
from .outside import Answered, Outside
from .record import CallRecord
from .sdp_edits import checked_edits
from .sip import parse_uri, redact

__all__ = ["Awaited", "Endpoint", "Steering"]

START_S = 20.0
COMMAND_S = 5.0
REMEMBERED = 64
"""Dialogs, before their beginning and after their end, calls that nobody caught, and MESSAGEs."""

FAILURES: dict[str, type[BotError]] = {
    "config": ConfigError,
    "native": NativeError,
    "call": CallFailed,
    "ended": CallEnded,
}


class Steering(Protocol):
    """A controller, as an endpoint sees it."""

    def attach(self, endpoint: Endpoint) -> None:
        """Called before the agent starts."""

    def detach(self) -> None:
        """Called after it has ended."""


@dataclass
class Awaited:
    """What ``expect_call`` will have caught at the end of its block."""

    call: Call | None = None

    @property
    def value(self) -> Call:
        """The call; only after the block."""
        if self.call is None:
            raise WaitTimeout("no call has arrived yet: read .value after the with block")
        return self.call


class Endpoint:
    """Places and answers calls; a context manager that hangs up and cleans up at its end.

    Settings come from ``config``, and keyword arguments named like its fields override them.
    Several endpoints may share a journal. Raises ConfigError for settings that cannot be meant,
    NativeError when a port is taken or the library is missing.
    """

    def __init__(
        self,
        config: EndpointConfig | None = None,
        *,
        controller: Steering | None = None,
        journal: Journal | None = None,
        log_level: int = 4,
        keep_keys: bool = False,
        on_log: Callable[[str], None] = lambda line: None,
        **settings: Any,
    ) -> None:
        self.config = (config or EndpointConfig()).with_options(**settings)
        self.journal = journal if journal is not None else Journal()
        self.ready: AgentReady | None = None
        self.outside = Outside(self, self.config)
        """Registrations, requests and mailboxes."""
        self.messages: deque[MessageReceived] = deque(maxlen=REMEMBERED)
        self.answers: deque[MessageAnswered] = deque(maxlen=REMEMBERED)
        self.failure: BotError | None = None
        self._controller = controller
        self._log_level = log_level
        self._keep_keys = keep_keys
        self._on_log = on_log
        self._driver: Driver | None = None
        self._answers: dict[int, CommandDone | CommandFailed | None] = {}
        self._calls: dict[int, Call] = {}
        self._arrived: deque[Call] = deque(maxlen=REMEMBERED)
        self._by_dialog: OrderedDict[str, Call] = OrderedDict()
        self._ears: dict[int, Ear] = {}
        self._unclaimed: OrderedDict[str, list[SipSent | SipReceived]] = OrderedDict()

    def __repr__(self) -> str:
        """Its URI once it listens."""
        return f"<Endpoint {self.uri if self.ready is not None else self.name}>"

    # ---- life

    def start(self) -> Self:
        """Start the agent and wait until its ports listen."""
        self.journal.join(self.name)
        self._stop_observing = self.journal.observe(self._observe)
        try:
            if self._controller is not None:
                self._controller.attach(self)
        except BaseException:  # it refuses to start
            self._stop_observing()
            self.journal.leave(self.name)
            raise
        try:
            self._driver = Driver(self._take, self._on_log)
        except OSError as error:
            self._leave()
            raise NativeError(f"{self.name}: cannot start the agent: {error.strerror}") from None
        start = Start(config=self.config, log_level=self._log_level, keep_keys=self._keep_keys)
        try:
            self.request(start, START_S)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Hang up every call, complete every recording, end the agent."""
        driver, self._driver = self._driver, None
        if driver is None:
            return
        driver.stop()
        self._leave()

    def _leave(self) -> None:
        if self._controller is not None:
            self._controller.detach()
        self._stop_observing()
        self.journal.leave(self.name)

    def __enter__(self) -> Self:
        return self if self._driver is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self.failure is not None:
            raise self.failure

    # ---- what is known

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
        if self._driver is None:
            raise NativeError(f"{self.name}: the endpoint is not running")
        return self._driver.pid

    @property
    def uri(self) -> str:
        """Where this endpoint is called: ``sip:NAME@HOST:PORT;transport=...``."""
        return self.uris[0]

    @property
    def uris(self) -> list[str]:
        """One URI for each transport that listens."""
        if self.ready is None:
            raise NativeError(f"{self.name}: the endpoint is not running")
        return [
            f"sip:{self.name}@{one.host}:{one.port}"
            + ("" if one.transport is Transport.UDP else f";transport={one.transport}")
            for one in self.ready.listeners
        ]

    @property
    def calls(self) -> list[Call]:
        """The calls that have not ended."""
        with self.journal.held():
            return list(self._calls.values())

    def call(self, number: int) -> Call:
        """The call with that number, among those that have not ended."""
        with self.journal.held():
            return self._calls[number]

    # ---- calls

    def make_call(
        self,
        uri: str,
        *,
        headers: HeaderFields | None = None,
        ring_timeout: float = 30.0,
        offer: bool = True,
        edit_sdp: Sequence[SdpEdit] = (),
        account: str | None = None,
    ) -> Call:
        """Send an INVITE and return the call without waiting for its answer.

        After ``ring_timeout`` seconds without an answer the call ends with 408. Without an ``offer``
        the callee makes it, and the ACK answers. ``account`` is the identity that calls, by its address
        or its user; None is the first. ``edit_sdp`` changes the SDP that is sent (see
        ``Call.reinvite``). Raises ConfigError for a URI, a header or an edit that is none, CallFailed
        when no INVITE could be sent.
        """
        calling = self.outside.named(account)
        target = self._destination(uri, calling)
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
        return self._by_dialog[dialog]

    @contextmanager
    def expect_call(self, timeout: float = TIMEOUT_S) -> Iterator[Awaited]:
        """Catch the next incoming call that nobody has caught: arm it, then make the call inside the block.

        At the end of the block it waits up to ``timeout`` seconds; raises WaitTimeout.
        """
        awaited = Awaited()
        yield awaited
        deadline = Deadline(timeout)
        if not self.wait_until(lambda: bool(self._arrived), deadline):
            raise WaitTimeout(f"{self.name}: no call arrived within {timeout:g} s")
        awaited.call = self._arrived.popleft()

    # ---- outside of calls

    @property
    def registration(self) -> RegistrationChanged | None:
        """The registrar's last word on the first identity."""
        return self.outside.registrations.get("")

    @property
    def mailbox(self) -> MessageWaiting | None:
        """What was last told of the first identity's mailbox (RFC 3842)."""
        return self.outside.mailboxes.get("")

    def register(self, account: str | None = None, *, timeout: float = 10.0) -> RegistrationChanged:
        """Register an identity, or refresh that; raises CallFailed when the registrar refuses."""
        return self.outside.register(account, on=True, timeout=timeout)

    def unregister(self, account: str | None = None, *, timeout: float = 10.0) -> RegistrationChanged:
        """Take an identity's registration back; ``close`` does so too."""
        return self.outside.register(account, on=False, timeout=timeout)

    def wait_registered(self, account: str | None = None, *, timeout: float = 10.0) -> RegistrationChanged:
        """Wait for the registrar's word; raises CallFailed when it refused."""
        return self.outside.wait_registered(account, timeout)

    def send_options(
        self,
        uri: str,
        *,
        headers: HeaderFields | None = None,
        account: str | None = None,
        timeout: float = 32.0,
    ) -> Answered:
        """Ask a peer with OPTIONS (RFC 3261 11) what it can do; WaitTimeout when it does not answer."""
        target = self._destination(uri, account)
        return self.outside.ask("OPTIONS", target, headers=headers, account=account, timeout=timeout)

    def send_request(
        self,
        method: str,
        uri: str,
        *,
        body: str = "",
        content_type: str = "",
        headers: HeaderFields | None = None,
        account: str | None = None,
        timeout: float = 32.0,
    ) -> Answered:
        """Send a request of any method outside of calls and wait for the answer.

        Raises ConfigError for what cannot be sent, WaitTimeout when no answer came, CallFailed when the
        request did not leave.
        """
        return self.outside.ask(
            method,
            self._destination(uri, account),
            body=body,
            content_type=content_type,
            headers=headers,
            account=account,
            timeout=timeout,
        )

    def _destination(self, uri: str, account: str | None) -> Destination:
        """Where a request of that identity goes."""
        return destination(self.config, uri, self.outside.identity(self.outside.named(account)))

    # ---- for calls

    def request(self, command: AnyCommand, timeout: float = COMMAND_S) -> None:
        """Have the agent carry out a command; raises what it failed with."""
        if self._driver is None:
            self._check()
            gone = CallEnded if self.ready is not None else NativeError
            raise gone(f"{self.name}: the endpoint is not running")
        with self.journal.held():
            number = self._driver.send(command)
            self._answers[number] = None
        try:
            if not self.wait_until(lambda: self._answers[number] is not None, Deadline(timeout)):
                raise WaitTimeout(f"{self.name}: {type(command).__name__} not done after {timeout:g} s")
            answer = self._answers[number]
        finally:
            del self._answers[number]
        if isinstance(answer, CommandFailed):
            raise FAILURES[answer.kind](answer.reason)

    def wait_until(
        self, holds: Callable[[], bool], deadline: Deadline, check: Callable[[], None] = lambda: None
    ) -> bool:
        """Wait on the journal; raises at once when this endpoint has failed."""

        def alive_and_holds() -> bool:
            self._check()
            return holds()

        return self.journal.wait_until(alive_and_holds, deadline, check)

    def playable(self, path: Path) -> Path:
        """A 16-bit mono WAV at the conference's rate, made of any audio file, and cached."""
        from media.wav import AudioError, CacheError, playable

        assert self.ready is not None
        try:
            return playable(path, self.ready.conference_rate, cache_folder())
        except CacheError as error:
            raise no_room(error) from None
        except AudioError as error:
            raise ConfigError(str(error)) from None

    def send_message(
        self,
        uri: str,
        text: str,
        *,
        content_type: str = "text/plain",
        headers: HeaderFields | None = None,
        timeout: float = 32.0,
    ) -> int:
        """Send a MESSAGE (RFC 3428) outside any call and wait for the answer; its status code.

        Raises ConfigError for a bad URI and WaitTimeout when nothing is known in ``timeout`` seconds.
        """
        parse_uri(uri)
        before = list(self.answers)
        kind = checked_content_type(content_type, text)
        self.request(SendMessage(uri=uri, text=text, content_type=kind, headers=header_list(headers)))

        def found() -> list[MessageAnswered]:
            new = [one for one in self.answers if all(one is not old for old in before)]
            return [one for one in new if parse_uri(one.to_uri) == parse_uri(uri)]

        self.wait_until(lambda: bool(found()), Deadline(timeout))
        if not found():
            raise WaitTimeout(f"{self.name}: no answer to the MESSAGE to {redact(uri)} within {timeout:g} s")
        return found()[0].code

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
        """Put what the agent reports into the journal; of audio, what is understood of it."""
        heard: Iterable[DtmfReceived | VoiceChanged] = ()
        if isinstance(event, AudioHeard):
            ear = self._ears.setdefault(event.call, Ear(event.call))
            heard = (*ear.hear(event), *ear.follow(event))
        elif isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED:
            last = self._ears.pop(event.call, None)
            heard = last.finish() if last is not None else ()
        for one in heard:
            self.journal.append(self.name, one)
        if not isinstance(event, AudioHeard):
            self.journal.append(self.name, event)

    def _observe(self, entry: Entry) -> None:
        if entry.endpoint != self.name:
            return
        event = entry.event
        match event:
            case CommandDone() | CommandFailed():
                if event.request in self._answers:
                    self._answers[event.request] = event
            case SipSent() | SipReceived():
                self._trace(event)
            case CallStarted():
                self._begin(event)
            case CallEvent():
                self._pass_on(event)
            case AgentReady():
                self.ready = event
            case RequestSent(sip_call_id=dialog):
                self.outside.observe(event)
                self.outside.takes(dialog, self._unclaimed.pop(dialog, ()))
            case RegistrationChanged() | MessageWaiting() | RequestEnded():
                self.outside.observe(event)
            case MessageReceived():
                self.messages.append(event)
            case MessageAnswered():
                self.answers.append(event)
            case AgentCrashed():
                self._crashed(event)
            case AgentStopped():
                self._stopped(event)
            case CallbackRaised():
                self.fail(CallbackFailed(f"{self.name}: {event.where} raised\n{event.traceback}"))
            case _:
                pass

    def _stopped(self, event: AgentStopped) -> None:
        """What was asked and not done will not be; if nobody here wanted the end, that is a failure."""
        if self.ready is not None and self._driver is not None:
            self.fail(EndpointCrashed(f"{self.name}: the agent was ended by somebody else"))
        for number, answer in self._answers.items():
            if answer is None:
                self._answers[number] = CommandFailed(
                    at=event.at, request=number, kind="ended", reason="the endpoint was closed"
                )

    def _begin(self, started: CallStarted) -> None:
        call = self._calls[started.call] = Call(self, CallRecord.of(started))
        call.comes_of(self._calls.get(started.transferred_from or 0), self._calls.get(started.replaces or 0))
        call.known.listens = self.config.detect_inband_dtmf
        self._by_dialog[started.sip_call_id] = call
        if len(self._by_dialog) > REMEMBERED:
            ended = (dialog for dialog, one in self._by_dialog.items() if one.known.ended)
            self._by_dialog.pop(next(ended, ""), None)
        for event in self._unclaimed.pop(started.sip_call_id, ()):
            call.observe(event)
        if started.direction is Direction.INCOMING:
            self._arrived.append(call)

    def _pass_on(self, event: CallEvent) -> None:
        call = self._calls.get(event.call) or next(
            (one for one in self._by_dialog.values() if one.number == event.call), None
        )
        if call is None:
            return
        call.observe(event)
        if isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED:
            self._calls.pop(event.call, None)

    def _trace(self, event: SipSent | SipReceived) -> None:
        dialog = dialog_of(event.text)
        if self.outside.takes(dialog, [event]):
            return
        call = self._by_dialog.get(dialog)
        again = call is not None and call.known.ended is not None and is_received_invite(event)
        if call is not None and not again and dialog not in self._unclaimed:
            call.observe(event)
        else:
            remember(self._unclaimed, dialog, [*self._unclaimed.get(dialog, []), event][-REMEMBERED:])

    def _crashed(self, event: AgentCrashed) -> None:
        """Close the books: the calls end as errors, the recordings are mended, every wait raises."""
        self.failure = EndpointCrashed(f"{self.name}: the agent crashed: {event.reason}", tuple(event.log))
        for call in list(self._calls.values()):
            call.crash(event.at)
        self._calls.clear()
        mend([one.path for call in self._by_dialog.values() for one in call.unfinished_recordings])


def remember(book: OrderedDict[str, Any], key: str, value: object) -> None:
    """Keep the newest entries of a bounded book."""
    book[key] = value
    book.move_to_end(key)
    if len(book) > REMEMBERED:
        book.popitem(last=False)


def is_received_invite(event: SipSent | SipReceived) -> bool:
    """Whether it may begin a call: after a challenge the next one comes with the Call-ID of the first."""
    return isinstance(event, SipReceived) and event.text.startswith("INVITE ")


def dialog_of(text: str) -> str:
    """The Call-ID of a message, found without reading the rest of it."""
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        if name.strip().casefold() in {"call-id", "i"}:
            return value.strip()
        if not line.strip():
            break
    return ""


def mend(paths: list[Path]) -> None:
    """Give recordings whose agent died the header that they lack."""
    if not paths:
        return
    from media.riff import AudioError, repair

    for path in paths:
        try:
            repair(path)
        except (AudioError, OSError):
            continue
