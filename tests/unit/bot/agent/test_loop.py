"""bot.agent.loop: jobs, timers and heartbeats, a turn at a time, with a library that does nothing."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import pytest

from bot.agent.loop import HEARTBEAT_S, IDLE_HEARTBEAT_S, IDLE_SILENCE_S, KEEP_ALIVE, SILENCE_S, Loop
from bot.ipc.codec import encode, events_decoder
from bot.ipc.commands import Reinvite, Request, Shutdown
from bot.ipc.events import AgentStopped, Heartbeat, Wired

PATIENCE_S = 10.0


class Clock:
    """The loop's module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Library:
    """Takes all the time that it is given; somebody may call meanwhile."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waits: list[int] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def libHandleEvents(self, msec_timeout: int) -> int:
        self.waits.append(msec_timeout)
        self.meanwhile()
        self.clock.now += msec_timeout / 1000
        return 0


class Parent:
    """The parent's end of the socket pair."""

    def __init__(self, its: socket.socket) -> None:
        self.socket = its
        self.decoder = events_decoder()

    def heard(self) -> list[Wired]:
        """What has been said until now."""
        self.socket.setblocking(False)
        events: list[Wired] = []
        try:
            while chunk := self.socket.recv(65536):
                events += self.decoder.feed(chunk)
        except BlockingIOError:
            pass
        return events


class Ends:
    """Stands for the process: notes how it ends."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.parent = os.getppid()
        self.over = threading.Event()

    def _exit(self, status: int) -> None:
        self.status = status
        self.over.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bot.agent.loop.time", clock)
    return clock


@pytest.fixture
def library(clock: Clock) -> Library:
    return Library(clock)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    mine, its = socket.socketpair()
    with mine, its:
        yield mine, its


@pytest.fixture
def parent(pair: tuple[socket.socket, socket.socket]) -> Parent:
    return Parent(pair[1])


@pytest.fixture
def loop(pair: tuple[socket.socket, socket.socket], clock: Clock) -> Iterator[Loop]:
    loop = Loop(pair[0])
    yield loop
    if loop._bell is not None:
        loop._bell.close()


@pytest.fixture
def ends(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """The process outlives its tests: the thread that listens ends before the loop is real again."""
    ends = Ends()
    monkeypatch.setattr("bot.agent.loop.os", SimpleNamespace(_exit=ends._exit, getppid=lambda: ends.parent))
    yield ends
    parent.socket.close()
    assert ends.over.wait(PATIENCE_S)


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """The library's SIP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        door.setblocking(False)
        yield door


def rings(door: socket.socket) -> int:
    count = 0
    try:
        while door.recv(100) == KEEP_ALIVE:
            count += 1
    except BlockingIOError:
        pass
    return count


# ---- turns


def test_a_turn_waits_for_a_heartbeat_at_most(loop: Loop, library: Library) -> None:
    for _ in range(5):
        loop.turn(library)
    assert all(0 < wait <= HEARTBEAT_S * 1000 + 1 for wait in library.waits)


def test_heartbeats_are_heard(loop: Loop, library: Library, parent: Parent) -> None:
    for _ in range(5):
        loop.turn(library)
    beats = parent.heard()
    assert len(beats) == 5
    assert all(isinstance(beat, Heartbeat) and beat.next_s == SILENCE_S for beat in beats)
    gaps = [later.at - beat.at for beat, later in pairwise(beats)]
    assert all(HEARTBEAT_S <= gap < SILENCE_S for gap in gaps)


def test_heartbeats_are_fewer_without_calls(loop: Loop, library: Library, parent: Parent) -> None:
    loop.is_idle = True
    for _ in range(5):
        loop.turn(library)
    beats = parent.heard()
    assert all(isinstance(beat, Heartbeat) and beat.next_s == IDLE_SILENCE_S for beat in beats)
    gaps = [later.at - beat.at for beat, later in pairwise(beats)]
    assert all(IDLE_HEARTBEAT_S <= round(gap, 3) < IDLE_SILENCE_S for gap in gaps)


def test_a_busy_loop_does_not_flood_the_parent(loop: Loop, library: Library, parent: Parent) -> None:
    for _ in range(100):
        loop.soon(lambda: None)
        loop.turn(library)
    assert len(parent.heard()) == 1
    assert set(library.waits) == {0}


def test_a_long_turn_that_makes_progress_is_heard(
    loop: Loop, library: Library, parent: Parent, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of 50 messages in a turn, each of which takes 100 ms."""

    def messages(msec_timeout: int) -> int:
        for _ in range(50):
            clock.sleep(0.1)
            loop.progress()
        return 50

    monkeypatch.setattr(library, "libHandleEvents", messages)
    start = clock.now
    loop.turn(library)
    beats = [start, *(beat.at for beat in parent.heard()), clock.now]
    assert all(later - earlier < SILENCE_S for earlier, later in pairwise(beats))
    assert len(beats) < 50


def test_a_longer_silence_can_be_announced(loop: Loop, parent: Parent, clock: Clock) -> None:
    loop.beat(30.0)
    assert parent.heard() == [Heartbeat(at=clock.now, next_s=30.0)]


# ---- jobs


def test_jobs_run_in_order_within_a_turn(loop: Loop, library: Library) -> None:
    ran: list[int] = []
    for number in range(3):
        loop.soon(partial(ran.append, number))
    assert ran == []
    loop.turn(library)
    assert ran == [0, 1, 2]
    assert library.waits == [0]


def test_a_job_made_by_a_job_waits_for_the_next_turn(loop: Loop, library: Library) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        loop.soon(lambda: ran.append("second"))

    loop.soon(first)
    loop.turn(library)
    assert ran == ["first"]
    loop.turn(library)
    assert ran == ["first", "second"]
    assert library.waits == [0, 0]


def test_jobs_from_other_threads_run_on_this_one(loop: Loop, library: Library) -> None:
    ran: list[int] = []
    thread = threading.Thread(target=lambda: loop.soon(lambda: ran.append(threading.get_ident())))
    thread.start()
    thread.join()
    loop.turn(library)
    assert ran == [threading.get_ident()]


def test_the_first_job_needs_no_library(loop: Loop) -> None:
    ran: list[str] = []
    loop.soon(lambda: ran.append("start"))
    loop.run_first()
    assert ran == ["start"]


def test_a_job_rings_the_doorbell_once_a_turn(loop: Loop, library: Library, door: socket.socket) -> None:
    loop.open_door(*door.getsockname())
    for _ in range(5):
        loop.soon(lambda: None)
    assert rings(door) == 1
    loop.turn(library)
    loop.soon(lambda: None)
    assert rings(door) == 1


def test_a_job_that_comes_while_the_library_waits_runs_in_that_turn(
    loop: Loop, library: Library, door: socket.socket
) -> None:
    ran: list[str] = []
    loop.open_door(*door.getsockname())
    library.meanwhile = lambda: loop.soon(lambda: ran.append("job"))
    loop.turn(library)
    assert ran == ["job"]
    assert rings(door) == 1


def test_without_a_door_nobody_rings(loop: Loop, library: Library, door: socket.socket) -> None:
    loop.soon(lambda: None)
    loop.open_door(*door.getsockname())
    assert rings(door) == 0
    loop.turn(library)
    assert library.waits == [0]
    loop.soon(lambda: None)
    assert rings(door) == 1


# ---- timers


def test_timers_fire_in_the_order_of_their_times(loop: Loop, library: Library, clock: Clock) -> None:
    fired: list[tuple[str, float]] = []
    start = clock.now

    def fire(name: str) -> None:
        fired.append((name, clock.now - start))

    for name, seconds in (("c", 0.3), ("a", 0.1), ("b", 0.1), ("now", 0.0)):
        loop.after(seconds, partial(fire, name))
    while len(fired) < 4:
        loop.turn(library)
    assert [name for name, _ in fired] == ["now", "a", "b", "c"]
    assert [at for _, at in fired] == pytest.approx([0.0, 0.1, 0.1, 0.3], abs=0.002)


def test_a_timer_shortens_the_turn(loop: Loop, library: Library) -> None:
    loop.after(0.05, lambda: None)
    loop.turn(library)
    assert library.waits == [pytest.approx(50, abs=1)]


def test_a_distant_timer_does_not_lengthen_the_turn(loop: Loop, library: Library) -> None:
    fired: list[str] = []
    loop.after(60.0, lambda: fired.append("late"))
    loop.turn(library)
    assert library.waits[0] <= HEARTBEAT_S * 1000 + 1
    assert fired == []


def test_a_timer_does_not_fire_early(loop: Loop, library: Library, clock: Clock) -> None:
    due = clock.now + 0.0333
    fired: list[float] = []
    loop.after(0.0333, lambda: fired.append(clock.now))
    for _ in range(3):
        loop.turn(library)
    assert fired
    assert fired[0] >= due


def test_a_timer_may_set_another(loop: Loop, library: Library, clock: Clock) -> None:
    fired: list[float] = []

    def again() -> None:
        fired.append(clock.now)
        if len(fired) < 3:
            loop.after(0.1, again)

    loop.after(0.1, again)
    for _ in range(10):
        loop.turn(library)
    assert len(fired) == 3
    assert fired[2] - fired[0] == pytest.approx(0.2, abs=0.005)


# ---- the parent


def test_requests_are_handled_on_the_pumping_thread(
    loop: Loop, library: Library, parent: Parent, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[tuple[Request, int]] = []
    arrived = threading.Event()
    soon = loop.soon

    def noticed(job: Callable[[], None]) -> None:
        soon(job)
        arrived.set()

    monkeypatch.setattr(loop, "soon", noticed)
    loop.listen(lambda request: handled.append((request, threading.get_ident())), loop.stop)
    requests = [Request(1, Reinvite(call=1)), Request(2, Shutdown())]
    for request in requests:
        arrived.clear()
        parent.socket.sendall(encode(request))
        assert arrived.wait(PATIENCE_S)
    assert handled == []
    loop.turn(library)
    assert handled == [(request, threading.get_ident()) for request in requests]
    assert not loop.stopping


def test_an_orphan_stops_and_does_not_outlive_its_last_words(
    loop: Loop, library: Library, parent: Parent, ends: Ends
) -> None:
    loop.listen(lambda request: None, loop.stop)
    parent.socket.close()
    assert ends.over.wait(PATIENCE_S)
    assert ends.status == 1
    loop.turn(library)
    assert loop.stopping


def test_an_orphan_ends_though_its_socket_is_held_open(loop: Loop, library: Library, ends: Ends) -> None:
    loop.turn(library)
    assert not loop.stopping
    ends.parent = 1
    loop.turn(library)
    assert loop.stopping
    assert ends.over.wait(PATIENCE_S)
    assert ends.status == 1


def test_events_reach_the_parent(loop: Loop, parent: Parent) -> None:
    loop.emit(AgentStopped(at=1.0))
    assert parent.heard() == [AgentStopped(at=1.0)]


def test_events_for_nobody_stop_the_loop(loop: Loop, parent: Parent) -> None:
    parent.socket.close()
    loop.emit(AgentStopped(at=1.0))
    assert loop.stopping


def test_stop(loop: Loop) -> None:
    assert not loop.stopping
    loop.stop()
    assert loop.stopping


def test_what_is_forgotten_is_let_go_of_and_does_not_run(loop: Loop, library: Library, clock: Clock) -> None:
    ran: list[str] = []
    loop.soon(lambda: ran.append("job"))
    loop.after(1, lambda: ran.append("timer"))
    loop.forget()
    clock.now += 2
    loop.turn(library)
    assert ran == []
