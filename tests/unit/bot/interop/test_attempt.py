"""bot.interop.attempt and matrix: one cell goes wrong, and the others do not; agents are fakes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import pytest

from bot.config.endpoint import EndpointConfig
from bot.errors import CallFailed, ConfigError, NativeError
from bot.interop.attempt import Attempt, Setting
from bot.interop.cells import Cell, Plan, Role, cells_of
from bot.interop.matrix import Matrix, PeerSilent, trigger_words
from bot.ipc.commands import AnyCommand, MakeCall
from bot.ipc.events import CallbackFailed, CallStateChanged, CommandFailed, SipReceived, Wired
from bot.model import CallState, EndedBy
from bot.ua.journal import Journal
from bot.workers import Workers
from tests.support.build import cell
from tests.support.fakes import LONG, PEER, SOON, FakeDriver, at_once, response

Reply = Callable[[int, MakeCall, list[Wired]], Iterable[Wired]]


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def setting(tmp_path: Path, journal: Journal) -> Setting:
    return Setting(EndpointConfig(name="interop"), tmp_path, 1.0, {"journal": journal})


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[Reply], None]:
    """What agents say to MakeCall, in place of nothing."""
    usual = FakeDriver._by_default

    def write(reply: Reply) -> None:
        def by_default(self: FakeDriver, number: int, command: AnyCommand) -> list[Wired]:
            said = usual(self, number, command)
            return list(reply(number, command, said)) if isinstance(command, MakeCall) else said

        monkeypatch.setattr(FakeDriver, "_by_default", by_default)

    monkeypatch.setattr("bot.ua.agent_process.Driver", FakeDriver)
    return write


def refusal(number: int, command: MakeCall, said: list[Wired]) -> Iterable[Wired]:
    """488 at once."""
    now = time.monotonic()
    text = response(command.sip_call_id, 488, "Not Acceptable Here")
    yield from said
    yield SipReceived(at=now, transport="udp", peer="127.0.0.1:5070", text=text)
    yield CallStateChanged(
        at=now,
        call=1,
        state=CallState.DISCONNECTED,
        code=488,
        reason="Not Acceptable Here",
        by=EndedBy.REMOTE,
    )


def timeout(number: int, command: MakeCall, said: list[Wired]) -> Iterable[Wired]:
    """Nobody is there."""
    yield from said
    yield CallStateChanged(
        at=time.monotonic(), call=1, state=CallState.DISCONNECTED, code=408, reason="Request Timeout",
        by=EndedBy.LOCAL,
    )  # fmt: skip


def test_the_endpoint_is_that_of_the_cell(setting: Setting) -> None:
    plan = Plan(codecs=("PCMA",))
    one = next(found for found in cells_of(plan) if found.id == "mandatory/reversed+PCMA")
    config = setting.endpoint(one, port=5080).config
    assert (config.name, config.port, config.srtp) == ("mandatory.reversed+PCMA", 5080, "mandatory")
    assert (config.suites, config.codecs, config.transports) == (one.suites, ("PCMA",), ("udp",))
    assert not config.lock_codec


def test_a_refusal(setting: Setting, script: Callable[[Reply], None]) -> None:
    script(refusal)
    attempt = Attempt(cell("mandatory/all"), setting, 3)
    found = attempt.place(PEER)
    assert found.outcome == "refused 488"
    assert found.seconds > 0
    assert [call.number for call in attempt.calls] == [1]
    assert attempt.endpoint is None


def test_the_edits_and_the_missing_offer_are_asked_for(
    setting: Setting, script: Callable[[Reply], None]
) -> None:
    asked: list[MakeCall] = []

    def note(number: int, command: MakeCall, said: list[Wired]) -> Iterable[Wired]:
        asked.append(command)
        return refusal(number, command, said)

    script(note)
    for name in ("mandatory/all", "negative/tag-0", "renegotiation/late-offer"):
        Attempt(cell(name), setting, 0).place(PEER)
    assert [(bool(one.edit_sdp), one.offer) for one in asked] == [(False, True), (True, True), (False, False)]


def test_a_crash_is_an_outcome(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: FakeDriver, number: int, command: AnyCommand) -> list[Wired]:
        if isinstance(command, MakeCall):
            self.crash()
            return []
        return usual(self, number, command)

    usual = FakeDriver._by_default
    monkeypatch.setattr("bot.ua.agent_process.Driver", FakeDriver)
    monkeypatch.setattr(FakeDriver, "_by_default", crash)
    attempt = Attempt(cell("negative/tag-0"), setting, 0)
    found = attempt.place(PEER)
    assert found.outcome == "broken: our agent crashed"
    assert "SIGABRT" in (found.why or "")
    assert attempt.crashed


def test_a_callback_that_fails_is_one_too(setting: Setting, script: Callable[[Reply], None]) -> None:
    def fail(number: int, command: MakeCall, said: list[Wired]) -> Iterable[Wired]:
        trace = "Traceback (most recent call last):\nTypeError: odd"
        return [*said, CallbackFailed(at=time.monotonic(), where="NativeCall.onCallState", traceback=trace)]

    script(fail)
    attempt = Attempt(cell("off"), setting, 0)
    found = attempt.place(PEER)
    assert found.outcome == "broken: our agent crashed"
    assert found.why == "off: NativeCall.onCallState raised: TypeError: odd"
    assert attempt.crashed


def failing(kind: str) -> Reply:
    def fail(number: int, command: MakeCall, said: list[Wired]) -> Iterable[Wired]:
        return [CommandFailed(at=time.monotonic(), request=number, kind=kind, reason="no such thing")]

    return fail


def test_what_would_fail_everywhere_is_raised(setting: Setting, script: Callable[[Reply], None]) -> None:
    script(failing("config"))
    with pytest.raises(ConfigError, match="no such thing"):
        Attempt(cell("off"), setting, 0).place(PEER)
    assert Attempt(cell("negative/tag-0"), setting, 0).place(PEER).outcome.startswith("broken: ")
    script(failing("native"))
    with pytest.raises(NativeError):
        Attempt(cell("off"), setting, 0).place(PEER)
    script(failing("call"))
    assert Attempt(cell("off"), setting, 0).place(PEER).outcome.startswith("broken: ")


def some(*names: str) -> list[Cell]:
    return [cell(name) for name in names]


def test_cells_are_seen_in_their_order(setting: Setting, script: Callable[[Reply], None]) -> None:
    script(refusal)
    lines: list[str] = []
    cells = some("off", "negative/afterwards", "mandatory/all", "optional/all")
    matrix = Matrix(cells, setting, lambda cell, seen: lines.append(cell.id))
    with Workers(2, "cell") as workers:
        matrix.place(PEER, workers)
    assert [one.id for one in matrix.seen] == [one.id for one in cells]
    assert lines[0] == "off"
    assert lines[-1] == "negative/afterwards"
    assert all(len(calls) == 1 for calls in matrix.calls.values())
    assert not matrix.crashed


def test_a_silent_peer_is_called_once(setting: Setting, script: Callable[[Reply], None]) -> None:
    script(timeout)
    matrix = Matrix(some("off", "optional/all"), setting, lambda cell, seen: None)
    with (
        pytest.raises(PeerSilent, match=r"not one SIP message came .*408 Request Timeout"),
        Workers(2, "cell") as workers,
    ):
        matrix.place(PEER, workers)
    assert [one.id for one in matrix.seen] == ["off"]


def one_after_the_other(replies: Iterator[Reply]) -> Reply:
    def reply(number: int, command: MakeCall, said: list[Wired]) -> Iterable[Wired]:
        return next(replies)(number, command, said)

    return reply


def test_a_peer_that_dies_is_not_called_to_the_end(setting: Setting, script: Callable[[Reply], None]) -> None:
    last = cell("negative/afterwards")  # what comes last is done one after the other
    cells = [cell("off"), *(replace(last, id=f"{last.id}-{number}") for number in range(8))]
    answers = iter([refusal, timeout, timeout, refusal, timeout, timeout, timeout])
    script(one_after_the_other(answers))
    lines: list[str] = []
    matrix = Matrix(cells, setting, lambda cell, seen: lines.append(cell.id))
    with pytest.raises(PeerSilent) as silent, Workers(1, "cell") as workers:
        matrix.place(PEER, workers)
    tried = [one.id for one in cells[:7]]
    assert [one.id for one in matrix.seen] == lines == tried
    assert silent.value.after == cells[3]
    assert str(silent.value).startswith(f"not a word after {tried[3]}: {', '.join(tried[4:])} (")


def test_what_still_waits_for_a_peer_that_died_is_ended(
    setting: Setting, script: Callable[[Reply], None]
) -> None:
    script(one_after_the_other(chain([refusal], repeat(timeout))))
    matrix = Matrix(cells_of(Plan()), setting, lambda cell, seen: None)
    with pytest.raises(PeerSilent, match="not a word after off: "), Workers(2, "cell") as workers:
        matrix.place(PEER, workers)
    assert len(matrix.seen) == 4


def test_a_call_that_runs_is_ended_from_another_thread(
    setting: Setting, script: Callable[[Reply], None]
) -> None:
    begun = threading.Event()

    def never(number: int, command: MakeCall, said: list[Wired]) -> Iterable[Wired]:
        begun.set()
        return said

    script(never)
    patient = replace(setting, timeout=LONG)
    attempt = Attempt(cell("optional/all"), patient, 0)
    with ThreadPoolExecutor(1) as pool, at_once():
        found = pool.submit(attempt.place, PEER)
        assert begun.wait(SOON)
        attempt.stop(CallFailed("interrupted"))
        assert "interrupted" in found.result(SOON).outcome


def test_nobody_calls(setting: Setting, script: Callable[[Reply], None]) -> None:
    script(refusal)
    listening = [one for one in cells_of(Plan(role=Role.LISTENER)) if one.mode != "off"][:2]
    ready: list[list[str]] = []
    waiting: list[str] = []
    matrix = Matrix(listening, setting, lambda cell, seen: None)
    with pytest.raises(PeerSilent, match=r"no call came within 0\.1 s"):
        matrix.receive(0, 0.1, None, ready.append, lambda cell, uri: waiting.append(cell.id))
    assert ready == [["sip:interop@127.0.0.1:5062;transport=udp"]]
    assert waiting == [listening[0].id]


def test_the_trigger_is_a_command_without_a_shell(
    setting: Setting, script: Callable[[Reply], None], tmp_path: Path
) -> None:
    script(refusal)
    listening = cells_of(Plan(role=Role.LISTENER))[:1]
    code = "import sys; open('told', 'w').write(' '.join(sys.argv[1:]))"
    text = tmp_path / "told"
    command = f"{sys.executable} -c \"{code.replace('told', str(text))}\" '{{uri}}' {{cell}} $HOME"
    matrix = Matrix(listening, setting, lambda cell, seen: None)
    with pytest.raises(PeerSilent):
        matrix.receive(0, 0.1, command, lambda uris: None, lambda cell, uri: None)
    assert text.read_text() == "sip:interop@127.0.0.1:5062;transport=udp listen/off $HOME"


@pytest.mark.parametrize(
    ("command", "message"),
    [("dial 'x", "--trigger dial 'x: No closing quotation"), (" ", "expected a command")],
)
def test_a_trigger_that_is_none(command: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        trigger_words(command)


def test_a_trigger_that_does_not_exist(setting: Setting, script: Callable[[Reply], None]) -> None:
    script(refusal)
    matrix = Matrix(cells_of(Plan(role=Role.LISTENER))[:1], setting, lambda cell, seen: None)
    with pytest.raises(NativeError, match="--trigger /no/such/program"):
        matrix.receive(0, 0.1, "/no/such/program {uri}", lambda uris: None, lambda cell, uri: None)
