"""A driver without an agent: it uses the codec, records the commands and emits the events of a test."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bot.deadline import Deadline
from bot.ipc.codec import commands_decoder, encode, events_decoder
from bot.ipc.commands import (
    AnyCommand,
    MakeCall,
    Play,
    Record,
    Request,
    Shutdown,
    Start,
    StopPlay,
    StopRecord,
)
from bot.ipc.events import (
    AgentCrashed,
    AgentStopped,
    AnyEvent,
    CallStateChanged,
    CommandFailed,
    DtmfReceived,
    MediaStateChanged,
    PlaybackFinished,
    RecordingFinished,
    SipReceived,
    SipSent,
    Wired,
)
from bot.model import CallState, CryptoSuite, Direction, DtmfMethod, EndedBy, MediaState
from bot.ua.call import Call
from bot.ua.endpoint import Endpoint
from bot.ua.journal import Journal, Subject
from tests.support.agent_events import audio, capabilities, done, measured, ready, started
from tests.support.sip_texts import KEY, PEER, SUITE, invite, message, response, sdp

__all__ = [
    "KEY",
    "LONG",
    "PASSWORD",
    "PEER",
    "SOON",
    "SUITE",
    "FakeDriver",
    "Line",
    "Rig",
    "WatchedJournal",
    "at_once",
    "audio",
    "capabilities",
    "done",
    "invite",
    "measured",
    "message",
    "ready",
    "response",
    "sdp",
    "started",
    "while_waiting",
]

C = TypeVar("C")
Reply = Callable[[int, AnyCommand], Iterable[Wired]]
PASSWORD = "correct-horse-battery-staple"
LONG = 30.0
"""A timeout that no test may reach."""
SOON = 5.0
"""What a wait that ends at once stays below, on the busiest machine."""


class FakeDriver:
    """Takes the place of ``bot.ua.agent_process.Driver``; every command and event crosses the wire's codec.

    As a real agent, it answers on a thread of its own, in order. ``reply_to`` scripts the answer to
    a kind of command; without a script a command is done.
    """

    pid = 4711
    log_lines: tuple[str, ...] = ()

    def __init__(
        self,
        on_event: Callable[[AnyEvent], None],
        on_log: Callable[[str], None] = lambda line: None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.commands: list[AnyCommand] = []
        self._on_event = on_event
        self._replies: dict[type[AnyCommand], Reply] = {}
        self._numbers = numbers if numbers is not None else itertools.count(1)
        self._calls = itertools.count(1)
        self._owners: dict[tuple[str, int], tuple[int, str]] = {}
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._gone = False
        for line in self.log_lines:
            on_log(line)
        self._thread = threading.Thread(target=self._serve, name="fake-agent", daemon=True)
        self._thread.start()

    # ---- what an endpoint uses

    def send(self, command: AnyCommand) -> int:
        """As the driver's."""
        number = next(self._numbers)
        (request,) = commands_decoder().feed(encode(Request(number, command)))
        assert request.command == command
        self.commands.append(request.command)
        self._requests.put(request)
        return number

    def stop(self) -> None:
        """As the driver's."""
        self.send(Shutdown())
        self._thread.join(SOON)
        assert not self._thread.is_alive()

    # ---- what a test uses

    def feed(self, *events: Wired) -> None:
        """Report events; they are in the journal when this returns."""
        for event in events:
            (decoded,) = events_decoder().feed(encode(event))
            self._on_event(decoded)

    def crash(self, reason: str = "it was killed by SIGABRT", log: Iterable[str] = ()) -> None:
        """End the agent: the driver reports AgentCrashed and nothing else."""
        self._gone = True
        self._on_event(AgentCrashed(at=time.monotonic(), reason=reason, log=list(log)))

    def reply_to(self, kind: type[AnyCommand], reply: Reply) -> None:
        """Script the answer to a kind of command: events, with CommandDone or CommandFailed among them."""
        self._replies[kind] = reply

    def refuse(self, command: type[AnyCommand], kind: str, reason: str) -> None:
        """Fail a kind of command."""
        self.reply_to(
            command, lambda number, _: [CommandFailed(at=0.0, request=number, kind=kind, reason=reason)]
        )

    def ignore(self, kind: type[AnyCommand]) -> None:
        """Never answer a kind of command."""
        self.reply_to(kind, lambda number, command: [])

    def told(self, kind: type[C]) -> list[C]:
        """The commands of a kind, in order."""
        return [command for command in self.commands if isinstance(command, kind)]

    def last(self, kind: type[C]) -> C:
        """The latest command, which has to be of this kind."""
        command = self.commands[-1]
        assert isinstance(command, kind), command
        return command

    # ---- the agent

    def _serve(self) -> None:
        while True:
            request = self._requests.get()
            if isinstance(request.command, Shutdown):
                if not self._gone:
                    self.feed(done(request.number), AgentStopped(at=time.monotonic()))
                return
            if not self._gone:
                script = self._replies.get(type(request.command), self._by_default)
                self.feed(*script(request.number, request.command))

    def _by_default(self, number: int, command: AnyCommand) -> list[Wired]:
        now = time.monotonic()
        match command:
            case Start():
                return [ready(), done(number)]
            case MakeCall():
                call, dialog = next(self._calls), command.sip_call_id
                return [
                    SipSent(at=now, transport="udp", peer="127.0.0.1:5070", text=invite(dialog)),
                    started(call, dialog, direction=Direction.OUTGOING, remote_uri=command.uri, at=now),
                    CallStateChanged(at=now, call=call, state=CallState.CALLING, code=0, reason=""),
                    done(number),
                ]
            case Play():
                self._owners["play", command.playback] = command.call, command.path
            case Record():
                self._owners["record", command.recording] = command.call, command.path
            case StopPlay():
                call, _ = self._owners["play", command.playback]
                ended = PlaybackFinished(at=now, call=call, playback=command.playback, complete=False)
                return [ended, done(number)]
            case StopRecord():
                call, path = self._owners["record", command.recording]
                closed = RecordingFinished(at=now, call=call, recording=command.recording, path=path)
                return [closed, done(number)]
            case _:
                pass
        return [done(number)]

    def next_call(self) -> int:
        """A number for a call that comes in."""
        return next(self._calls)


class WatchedJournal(Journal):
    """A journal that signals when a thread waits on it."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)
        self.waiting = threading.Event()

    def wait_until(
        self,
        holds: Callable[[], bool],
        deadline: Deadline,
        check: Callable[[], None] = lambda: None,
        *,
        subject: Subject | None = None,
    ) -> bool:
        """As the journal's; the lock is free again only when the waiter sleeps."""

        def watched() -> bool:
            held = holds()
            if not held:
                self.waiting.set()
            return held

        return super().wait_until(watched, deadline, check, subject=subject)


@contextmanager
def while_waiting(journal: WatchedJournal, job: Callable[[], object]) -> Iterator[None]:
    """Run ``job`` on another thread as soon as the block waits on the journal."""

    def run() -> None:
        if journal.waiting.wait(LONG):
            job()

    journal.waiting.clear()
    thread = threading.Thread(target=run, name="while-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        journal.waiting.set()
        thread.join(LONG)
        assert not thread.is_alive()


@contextmanager
def at_once() -> Iterator[None]:
    """The block must not use up its timeout."""
    before = time.monotonic()
    yield
    assert time.monotonic() - before < SOON


@dataclass
class Rig:
    """An endpoint, its fake driver and its journal."""

    endpoint: Endpoint
    driver: FakeDriver
    journal: WatchedJournal

    def incoming(self, *, dialog: str = "in@peer", headers: Mapping[str, str] | None = None) -> Line:
        """An INVITE arrives."""
        number = self.driver.next_call()
        line = Line(self.driver, number, dialog)
        line.received(invite(dialog, headers=headers))
        self.driver.feed(started(number, dialog, direction=Direction.INCOMING))
        line.state(CallState.INCOMING)
        line.attach(self.endpoint.call(number))
        return line

    def outgoing(self) -> Line:
        """An INVITE is sent."""
        call = self.endpoint.make_call(PEER)
        line = Line(self.driver, call.number, call.facts.sip_call_id)
        line.attach(call)
        return line

    def confirmed(self) -> Line:
        """An outgoing call that was answered, with encrypted media both ways."""
        line = self.outgoing()
        line.answered()
        return line


@dataclass
class Line:
    """The events of one call."""

    driver: FakeDriver
    number: int
    dialog: str
    _calls: list[Call] = field(default_factory=list)

    def attach(self, call: Call) -> None:
        """Say which call of the endpoint this is."""
        self._calls.append(call)

    @property
    def call(self) -> Call:
        """The endpoint's call."""
        return self._calls[-1]

    def state(
        self, state: CallState, code: int = 0, reason: str = "", by: EndedBy | None = None, at: float = 0.0
    ) -> None:
        """The state changes."""
        self.driver.feed(
            CallStateChanged(
                at=at or time.monotonic(), call=self.number, state=state, code=code, reason=reason, by=by
            )
        )

    def ended(self, code: int = 200, reason: str = "OK", by: EndedBy = EndedBy.REMOTE) -> None:
        """The call is over."""
        self.state(CallState.DISCONNECTED, code, reason, by)

    def media(self, *lines: MediaState) -> None:
        """The media changes."""
        self.driver.feed(MediaStateChanged(at=time.monotonic(), call=self.number, media=list(lines)))

    def digits(
        self, digits: str, method: DtmfMethod = DtmfMethod.RFC4733, *, lasting: int | None = 100
    ) -> None:
        """Digits arrive, each of so many ms, or without an end."""
        for digit in digits:
            self.driver.feed(
                DtmfReceived(
                    at=time.monotonic(), call=self.number, digit=digit, method=method, duration_ms=lasting
                )
            )

    def measured(self, rx: int, tx: int, *, final: bool = False, **facts: Any) -> None:
        """The packets are counted; ``facts`` are more of what was received."""
        self.driver.feed(measured(self.number, rx, tx, final=final, **facts))

    def sent(self, text: str) -> None:
        """A message of the call leaves."""
        self.driver.feed(SipSent(at=time.monotonic(), transport="udp", peer="127.0.0.1:5070", text=text))

    def received(self, text: str) -> None:
        """A message of the call arrives."""
        self.driver.feed(SipReceived(at=time.monotonic(), transport="udp", peer="127.0.0.1:5070", text=text))

    def answered(self, suite: CryptoSuite | None = SUITE) -> None:
        """The peer answers an outgoing call, with the events in an agent's order."""
        self.sent(invite(self.dialog, cseq=2, body=sdp(suite)))
        self.received(response(self.dialog, 200, "OK", cseq=2, body=sdp(suite)))
        self.state(CallState.CONNECTING, 200, "OK")
        self.media(audio(suite=suite))
        self.state(CallState.CONFIRMED, 200, "OK")
