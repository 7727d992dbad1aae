"""bot.ua.endpoint: start and close, requests, registration and failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.config.endpoint import EndpointConfig
from bot.errors import (
    BotError,
    CallbackFailed,
    CallEnded,
    CallFailed,
    ConfigError,
    EndpointCrashed,
    NativeError,
    WaitTimeout,
)
from bot.ipc.commands import Answer, AnyCommand, MakeCall, Measure, Reinvite, Shutdown, Start
from bot.ipc.events import AgentStopped, CommandFailed, Listener, RegistrationChanged, Wired
from bot.ipc.events import CallbackFailed as CallbackRaised
from bot.model import CallState, Transport
from bot.ua.endpoint import Endpoint
from tests.support.fakes import (
    KEY,
    LONG,
    PASSWORD,
    PEER,
    FakeDriver,
    Rig,
    WatchedJournal,
    at_once,
    done,
    message,
    ready,
    sdp,
    while_waiting,
)

NewRig = Callable[..., Rig]


# ---- life


def test_start_sends_the_settings(new_rig: NewRig) -> None:
    rig = new_rig(name="alice", codecs=["PCMA"], log_level=5, keep_keys=True)
    config = rig.endpoint.config.with_options(
        resolve_peers="async", media_address="sdp", connect_to_contacts=True
    )
    assert rig.driver.commands == [Start(config=config, log_level=5, keep_keys=True)]
    assert rig.endpoint.config.codecs == ("PCMA",)
    assert rig.endpoint.pid == rig.driver.pid


@pytest.mark.parametrize("level", [-1, 7])
def test_a_log_level_that_the_library_has_not(level: int, new_rig: NewRig) -> None:
    with pytest.raises(ConfigError, match=f"log_level: expected 0 to 6, got {level}"):
        new_rig(log_level=level)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_an_invalid_ring_timeout_is_refused(seconds: float, rig: Rig) -> None:
    with pytest.raises(ConfigError, match="ring_timeout: expected more than 0 seconds, or None"):
        rig.endpoint.make_call(PEER, ring_timeout=seconds)


def test_no_ring_timeout(rig: Rig) -> None:
    rig.endpoint.make_call(PEER, ring_timeout=None)
    assert rig.driver.told(MakeCall)[0].ring_timeout_s is None


def test_keyword_arguments_override_the_config(new_rig: NewRig) -> None:
    rig = new_rig(config=EndpointConfig(name="alice", port=5070), port=5080)
    assert (rig.endpoint.config.name, rig.endpoint.config.port) == ("alice", 5080)


def test_an_invalid_setting_is_refused() -> None:
    settings: dict[str, Any] = {"srtp": "sometimes"}  # mypy would say so
    with pytest.raises(ConfigError, match="srtp"):
        Endpoint(**settings)


def test_uris_of_the_listeners(new_rig: NewRig, drivers: list[FakeDriver]) -> None:
    rig = new_rig(name="alice")
    listeners = [Listener(Transport.UDP, "127.0.0.1", 5060), Listener(Transport.TLS, "127.0.0.1", 5061)]
    rig.driver.feed(ready(*listeners))
    assert rig.endpoint.uri == "sip:alice@127.0.0.1:5060"
    assert rig.endpoint.uris == ["sip:alice@127.0.0.1:5060", "sip:alice@127.0.0.1:5061;transport=tls"]


def test_before_the_start_nothing_runs() -> None:
    endpoint = Endpoint()
    for look in (lambda: endpoint.pid, lambda: endpoint.uri, lambda: endpoint.make_call(PEER)):
        with pytest.raises(NativeError, match="not running"):
            look()
    assert endpoint.calls == []


def test_close_shuts_the_agent_down_once(rig: Rig) -> None:
    rig.endpoint.close()
    rig.endpoint.close()
    assert rig.driver.told(Shutdown) == [Shutdown()]
    assert any(isinstance(entry.event, AgentStopped) for entry in rig.journal.recent())
    with pytest.raises(CallEnded, match="not running"):
        rig.endpoint.make_call(PEER)


def test_an_agent_that_somebody_else_ended(rig: Rig) -> None:
    rig.driver.feed(AgentStopped(at=0.0))
    with pytest.raises(EndpointCrashed, match="ended by somebody else"):
        rig.endpoint.make_call(PEER)


def test_a_context_manager_starts_and_closes(drivers: list[FakeDriver]) -> None:
    with Endpoint() as endpoint:
        assert endpoint.ready is not None
    assert isinstance(drivers[0].commands[-1], Shutdown)


def test_a_start_that_fails_closes(monkeypatch: pytest.MonkeyPatch, drivers: list[FakeDriver]) -> None:
    def fail(self: FakeDriver, number: int, command: AnyCommand) -> list[Wired]:
        return [CommandFailed(at=0.0, request=number, kind="native", reason="port 5060 is taken")]

    monkeypatch.setattr(FakeDriver, "_by_default", fail)
    journal = WatchedJournal()
    with pytest.raises(NativeError, match="port 5060 is taken"):
        Endpoint(journal=journal).start()
    assert isinstance(drivers[0].commands[-1], Shutdown)
    journal.join("srtpbot")  # the name is free again


def test_two_endpoints_of_one_name_in_a_journal(new_rig: NewRig) -> None:
    rig = new_rig(name="alice")
    with pytest.raises(ConfigError, match="both called 'alice'"):
        Endpoint(name="alice", journal=rig.journal).start()


def test_endpoints_that_share_a_journal_hear_their_own(new_rig: NewRig) -> None:
    alice = new_rig(name="alice")
    bob = new_rig(name="bob", journal=alice.journal)
    alice.incoming()
    assert len(alice.endpoint.calls) == 1
    assert bob.endpoint.calls == []
    assert bob.driver.told(Answer) == []


def test_log_lines_are_passed_on(drivers: list[FakeDriver], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeDriver, "log_lines", ("one", "two"))
    lines: list[str] = []
    with Endpoint(on_log=lines.append):
        pass
    assert lines == ["one", "two"]


# ---- requests


@pytest.mark.parametrize(
    ("kind", "error"),
    [("config", ConfigError), ("native", NativeError), ("call", CallFailed), ("ended", CallEnded)],
)
def test_each_kind_of_failure_has_its_error(rig: Rig, kind: str, error: type[BotError]) -> None:
    rig.driver.refuse(Reinvite, kind, "because")
    with pytest.raises(error, match=r"^because$") as caught:
        rig.endpoint.request(Reinvite(call=1))
    assert type(caught.value) is error


def test_a_request_that_is_not_answered(rig: Rig) -> None:
    rig.driver.ignore(Reinvite)
    with pytest.raises(WaitTimeout, match=r"Reinvite not done after 0\.05 s"):
        rig.endpoint.request(Reinvite(call=1), 0.05)


def test_a_late_answer_is_ignored(rig: Rig) -> None:
    rig.driver.ignore(Reinvite)
    with pytest.raises(WaitTimeout):
        rig.endpoint.request(Reinvite(call=1), 0.0)
    rig.driver.feed(CommandFailed(at=0.0, request=2, kind="native", reason="late"))
    rig.endpoint.request(Measure(call=1))


def test_answers_find_their_requests(rig: Rig) -> None:
    """Somebody else's answer in between ends no wait."""

    def reply(number: int, command: AnyCommand) -> list[Wired]:
        stray = [CommandFailed(at=0.0, request=one, kind="native", reason="stray") for one in (0, number + 1)]
        return [*stray, done(number)]

    rig.driver.reply_to(Reinvite, reply)
    rig.endpoint.request(Reinvite(call=1))


# ---- registration


def registration(active: bool, code: int, reason: str) -> RegistrationChanged:
    return RegistrationChanged(at=0.0, active=active, code=code, reason=reason, expires_s=300)


def test_wait_registered(rig: Rig) -> None:
    said = registration(True, 200, "OK")
    with while_waiting(rig.journal, lambda: rig.driver.feed(said)), at_once():
        assert rig.endpoint.wait_registered(timeout=LONG) == said


def test_wait_registered_refused(rig: Rig) -> None:
    rig.driver.feed(registration(False, 403, "Forbidden"))
    with pytest.raises(CallFailed, match="not registered: 403 Forbidden"), at_once():
        rig.endpoint.wait_registered(timeout=LONG)


def test_wait_registered_in_vain(rig: Rig) -> None:
    with pytest.raises(WaitTimeout, match=r"did not answer within 0\.05 s"):
        rig.endpoint.wait_registered(timeout=0.05)


# ---- failures


def test_an_exception_in_the_agent_fails_the_endpoint(rig: Rig) -> None:
    rig.driver.feed(CallbackRaised(at=0.0, where="Call.onCallState", traceback="Traceback: KeyError"))
    with pytest.raises(CallbackFailed, match=r"(?s)Call\.onCallState raised.*KeyError"):
        rig.endpoint.make_call(PEER)


def test_the_first_failure_counts(rig: Rig) -> None:
    rig.endpoint.fail(NativeError("first"))
    rig.endpoint.fail(NativeError("second"))
    with pytest.raises(NativeError, match="first"):
        rig.endpoint.make_call(PEER)


def test_a_failure_precedes_a_fulfilled_wait(rig: Rig) -> None:
    line = rig.confirmed()
    rig.endpoint.fail(NativeError("first"))
    with pytest.raises(NativeError):
        line.call.wait(CallState.CONFIRMED, timeout=LONG)


def test_a_failure_ends_a_wait(rig: Rig) -> None:
    line = rig.confirmed()
    with (
        pytest.raises(NativeError, match="first"),
        at_once(),
        while_waiting(rig.journal, lambda: rig.endpoint.fail(NativeError("first"))),
    ):
        line.call.wait(timeout=LONG)


# ---- secrets


def test_secrets_are_in_no_repr_and_no_journal(new_rig: NewRig, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    rig = new_rig(journal=WatchedJournal(path), user="alice", password=PASSWORD)
    line = rig.incoming()
    line.received(
        message(
            f"INVITE {PEER} SIP/2.0",
            line.dialog,
            "2 INVITE",
            {"Authorization": f'Digest username="alice", response="{KEY}"'},
            sdp(),
        )
    )
    line.call.answer()
    line.ended()
    rig.endpoint.close()
    rig.journal.close()
    start = rig.driver.told(Start)[0]
    assert start.config.password == PASSWORD
    shown = "".join(map(repr, [start, rig.endpoint, rig.endpoint.config, line.call, line.call.facts]))
    for secret in (PASSWORD, KEY):
        assert secret not in shown
        assert secret not in path.read_text()
        assert secret not in repr(rig.journal.recent())
