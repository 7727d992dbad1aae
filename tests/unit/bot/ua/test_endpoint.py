"""bot.ua.endpoint: commands and their answers, calls and their messages, and crashes of the agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.config.endpoint import EndpointConfig
from bot.deadline import Deadline
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
from bot.ipc.events import (
    AgentStopped,
    AudioHeard,
    CallStateChanged,
    CommandFailed,
    DtmfReceived,
    Listener,
    MessageReceived,
    RegistrationChanged,
    SipReceived,
    Wired,
)
from bot.ipc.events import CallbackFailed as CallbackRaised
from bot.model import CallState, Direction, DtmfMethod, EndedBy, Transport
from bot.ua.call import Call
from bot.ua.call_list import REMEMBERED, Awaited
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
    invite,
    measured,
    message,
    ready,
    response,
    sdp,
    started,
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
def test_a_ring_timeout_that_is_none(seconds: float, rig: Rig) -> None:
    with pytest.raises(ConfigError, match="ring_timeout: expected more than 0 seconds, or None"):
        rig.endpoint.make_call(PEER, ring_timeout=seconds)


def test_no_ring_timeout(rig: Rig) -> None:
    rig.endpoint.make_call(PEER, ring_timeout=None)
    assert rig.driver.told(MakeCall)[0].ring_timeout_s is None


def test_keyword_arguments_override_the_config(new_rig: NewRig) -> None:
    rig = new_rig(config=EndpointConfig(name="alice", port=5070), port=5080)
    assert (rig.endpoint.config.name, rig.endpoint.config.port) == ("alice", 5080)


def test_a_setting_that_cannot_be_meant() -> None:
    settings: dict[str, Any] = {"srtp": "sometimes"}  # mypy would say so
    with pytest.raises(ConfigError, match="srtp"):
        Endpoint(**settings)


def test_uris_of_what_listens(new_rig: NewRig, drivers: list[FakeDriver]) -> None:
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


def test_an_answer_that_comes_too_late_is_nobodys(rig: Rig) -> None:
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


# ---- outgoing calls


def test_make_call_sends_what_was_asked(rig: Rig) -> None:
    call = rig.endpoint.make_call(PEER, headers={"X-Test": "42"}, ring_timeout=2.5)
    command = rig.driver.last(MakeCall)
    assert (command.uri, command.headers, command.ring_timeout_s) == (PEER, [("X-Test", "42")], 2.5)
    assert command.resolve_s == 0.0
    assert command.sip_call_id == call.facts.sip_call_id
    assert call.direction is Direction.OUTGOING
    assert rig.endpoint.calls == [call]
    assert rig.endpoint.call(call.number) is call


def test_a_host_name_may_take_its_time(rig: Rig) -> None:
    rig.endpoint.make_call("sip:bob@sip.example.org")
    assert rig.driver.last(MakeCall).resolve_s > 5


def test_each_call_has_its_own_dialog(rig: Rig) -> None:
    dialogs = {rig.endpoint.make_call(PEER).facts.sip_call_id for _ in range(4)}
    assert len(dialogs) == 4


@pytest.mark.parametrize(
    ("transports", "uri", "sent"),
    [
        (["udp"], "sip:b@127.0.0.1", "sip:b@127.0.0.1"),
        (["tcp", "udp"], "sip:b@127.0.0.1", "sip:b@127.0.0.1;transport=tcp"),
        (["tcp", "udp"], "sip:b@127.0.0.1;transport=udp", "sip:b@127.0.0.1;transport=udp"),
        (["tcp"], "<sip:b@127.0.0.1>", "<sip:b@127.0.0.1;transport=tcp>"),
    ],
)
def test_the_first_transport_is_the_calls(
    new_rig: NewRig, transports: list[str], uri: str, sent: str
) -> None:
    rig = new_rig(transports=transports)
    rig.endpoint.make_call(uri)
    assert rig.driver.last(MakeCall).uri == sent


def test_a_transport_that_the_endpoint_does_not_have(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="asks for tcp, the endpoint has udp"):
        rig.endpoint.make_call("sip:b@127.0.0.1;transport=TCP")
    assert rig.driver.told(MakeCall) == []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "it is empty"),
        ("bob", "no scheme"),
        ("http://example.org", "not sip:"),
        ("sip:bob@", "no host"),
        ("sip:bob@127.0.0.1:99999", "port"),
        ("sip:bob@127.0.0.1\r\nX: 1", "line break"),
        ("sip:bob@[::1]", "no IPv6"),
        ("sip:bob@::1", "brackets"),
    ],
)
def test_uris_that_are_refused(rig: Rig, uri: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        rig.endpoint.make_call(uri)
    assert rig.driver.told(MakeCall) == []


def test_headers_that_are_refused(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="line breaks"):
        rig.endpoint.make_call(PEER, headers={"X-Test": "1\r\nVia: x"})
    assert rig.driver.told(MakeCall) == []


@pytest.mark.parametrize("kind", ["call", "ended"])
def test_an_invite_that_cannot_be_sent(rig: Rig, kind: str) -> None:
    rig.driver.refuse(MakeCall, kind, "no route to host")
    with pytest.raises(CallFailed, match=f"srtpbot: call to {PEER}: no route to host"):
        rig.endpoint.make_call(PEER)
    assert rig.endpoint.calls == []


def test_a_call_that_has_ended_is_no_call_any_more(rig: Rig) -> None:
    line = rig.outgoing()
    line.ended(486, "Busy Here")
    assert rig.endpoint.calls == []
    with pytest.raises(CallEnded, match=f"call {line.number} has ended"):
        rig.endpoint.call(line.number)
    for never in (0, -1, line.number + 1):
        with pytest.raises(CallFailed, match=f"there was no call {never}"):
            rig.endpoint.call(never)
    assert line.call.facts.ended_by is EndedBy.REMOTE


def test_what_comes_after_the_end_is_still_the_calls(rig: Rig) -> None:
    line = rig.confirmed()
    line.ended()
    line.measured(10, 20, final=True)
    line.received(message(f"BYE {PEER} SIP/2.0", line.dialog, "3 BYE"))
    stats = line.call.facts.stats(0)
    assert stats is not None
    assert stats.rx.packets == 10
    assert line.call.facts.messages[-1].message.method == "BYE"


def test_events_of_unknown_calls_are_passed_over(rig: Rig) -> None:
    rig.driver.feed(
        measured(99, 1, 1),
        CallStateChanged(at=0.0, call=99, state=CallState.DISCONNECTED, code=0, reason=""),
    )
    assert rig.endpoint.calls == []


# ---- incoming calls


def test_expect_call_is_armed_before_the_call(rig: Rig) -> None:
    with (
        while_waiting(rig.journal, rig.incoming),
        at_once(),
        rig.endpoint.expect_call(timeout=LONG) as caught,
    ):
        pass
    assert caught.value.direction is Direction.INCOMING
    assert caught.value is rig.endpoint.calls[0]


def test_expect_call_catches_what_comes_inside_its_block(rig: Rig) -> None:
    with at_once(), rig.endpoint.expect_call(timeout=LONG) as caught:
        line = rig.incoming()
    assert caught.value is line.call


def test_expect_call_catches_what_came_before(rig: Rig) -> None:
    line = rig.incoming()
    with rig.endpoint.expect_call(timeout=0) as caught:
        pass
    assert caught.value is line.call


def test_expect_call_catches_each_call_once_and_in_order(rig: Rig) -> None:
    lines = [rig.incoming(dialog="1@peer"), rig.incoming(dialog="2@peer")]
    caught: list[Call] = []
    for _ in lines:
        with rig.endpoint.expect_call(timeout=0) as awaited:
            pass
        caught.append(awaited.value)
    assert caught == [line.call for line in lines]
    with (
        pytest.raises(WaitTimeout, match=r"no call arrived within 0\.05 s"),
        rig.endpoint.expect_call(timeout=0.05),
    ):
        pass


def test_expect_call_does_not_catch_outgoing_calls(rig: Rig) -> None:
    with pytest.raises(WaitTimeout), rig.endpoint.expect_call(timeout=0):
        rig.outgoing()


def test_the_timeout_begins_at_the_end_of_the_block(rig: Rig) -> None:
    with rig.endpoint.expect_call(timeout=0.2) as caught:
        rig.journal.wait_until(lambda: False, Deadline(0.3))
        rig.incoming()
    assert caught.value


def test_what_the_block_raises_is_not_hidden(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError), at_once(), rig.endpoint.expect_call(timeout=LONG):
        _ = 1 / 0


def test_the_value_is_there_after_the_block() -> None:
    with pytest.raises(WaitTimeout, match="after the with block"):
        _ = Awaited().value


# ---- SIP messages


def test_messages_before_a_call_are_attached_to_it(rig: Rig) -> None:
    line = rig.incoming(headers={"X-Test": "42"})
    (traced,) = line.call.facts.messages
    assert traced.message.header("X-Test") == "42"
    assert not traced.sent


def test_messages_find_their_calls(rig: Rig) -> None:
    one, two = rig.incoming(dialog="1@peer"), rig.incoming(dialog="2@peer")
    two.sent(response("2@peer", 180, "Ringing"))
    one.sent(response("1@peer", 486, "Busy Here"))
    assert [traced.message.status for traced in one.call.facts.messages] == [0, 486]
    assert [traced.message.status for traced in two.call.facts.messages] == [0, 180]


def test_a_compact_call_id_is_one(rig: Rig) -> None:
    line = rig.incoming()
    line.received(f"BYE {PEER} SIP/2.0\r\ni : {line.dialog}\r\nCSeq: 2 BYE\r\n\r\n")
    assert line.call.facts.messages[-1].message.method == "BYE"


def test_a_call_id_may_come_again_after_a_challenge(rig: Rig) -> None:
    first = rig.incoming(dialog="same@peer")
    first.sent(response("same@peer", 401, "Unauthorized"))
    first.ended(401, "Unauthorized")
    second = rig.incoming(dialog="same@peer", headers={"X-Test": "42"})
    second.sent(response("same@peer", 200, "OK"))
    assert [one.message.status for one in first.call.facts.messages] == [0, 401]
    assert [one.message.status for one in second.call.facts.messages] == [0, 200]
    assert second.call.facts.messages[0].message.header("X-Test") == "42"


def test_a_call_id_in_a_body_is_none(rig: Rig) -> None:
    line = rig.incoming()
    line.received(f"BYE {PEER} SIP/2.0\r\nCSeq: 2 BYE\r\n\r\nCall-ID: {line.dialog}\r\n")
    assert len(line.call.facts.messages) == 1


def test_unclaimed_messages_are_bounded(rig: Rig) -> None:
    def received(dialog: str) -> SipReceived:
        return SipReceived(at=0.0, transport="udp", peer="127.0.0.1:5070", text=invite(dialog))

    rig.driver.feed(*[received(f"{number}@peer") for number in range(REMEMBERED + 10)])
    for number in (9, 10, REMEMBERED + 9):
        rig.driver.feed(started(100 + number, f"{number}@peer"))
    kept = [len(call.facts.messages) for call in rig.endpoint.calls]
    assert kept == [0, 1, 1]


def test_ended_calls_are_forgotten_in_time(rig: Rig) -> None:
    first = rig.incoming(dialog="first@peer")
    first.ended()
    for number in range(REMEMBERED):
        rig.incoming(dialog=f"{number}@peer").ended()
    before = len(first.call.facts.messages)
    first.received(message(f"BYE {PEER} SIP/2.0", first.dialog, "2 BYE"))
    first.measured(1, 1, final=True)
    assert len(first.call.facts.messages) == before
    assert first.call.facts.stats(0) is None


def test_messages_outside_calls_are_kept(rig: Rig) -> None:
    came = MessageReceived(at=0.0, from_uri=PEER, to_uri="sip:a@b", content_type="text/plain", body="hello")
    rig.driver.feed(came)
    assert list(rig.endpoint.messages) == [came]


def test_messages_outside_calls_are_bounded(rig: Rig) -> None:
    for number in range(REMEMBERED + 3):
        rig.driver.feed(
            MessageReceived(
                at=0.0, from_uri=PEER, to_uri="sip:a@b", content_type="text/plain", body=str(number)
            )
        )
    assert [came.body for came in rig.endpoint.messages] == [str(n) for n in range(3, REMEMBERED + 3)]


def test_calls_that_nobody_catches_are_bounded(rig: Rig) -> None:
    for number in range(REMEMBERED + 3):
        rig.incoming(dialog=f"{number}@peer").ended()
    with rig.endpoint.expect_call(timeout=0) as caught:
        pass
    assert caught.value.number == 4


# ---- what calls hear


def sounds(call: int, digits: str, *, on_ms: float = 100, begun: float = 50.0) -> list[AudioHeard]:
    """Digits, the first one at ``begun``, as an agent hands them over."""
    import numpy as np

    from media.signals.dtmf import synthesise

    samples = (synthesise(digits, 8000, on_ms=on_ms).samples * 32767).astype(np.dtype("<i2"))
    return [
        AudioHeard(
            at=begun + min(start + 800, len(samples)) / 8000,
            call=call,
            rate=8000,
            samples=samples[start : start + 800].tobytes(),
        )
        for start in range(0, len(samples), 800)
    ]


def test_digits_are_in_the_journal_and_their_audio_is_not(rig: Rig) -> None:
    line = rig.confirmed()
    rig.driver.feed(*sounds(line.number, "4,2,"))
    digits = [one.event for one in rig.journal.recent() if isinstance(one.event, DtmfReceived)]
    assert [(one.digit, one.method) for one in digits] == [("4", DtmfMethod.INBAND), ("2", DtmfMethod.INBAND)]
    assert [one.duration_ms for one in digits] == pytest.approx([100, 100], abs=5)
    assert [one.at for one in digits] == pytest.approx([50.0, 50.7], abs=0.005)
    assert not any(isinstance(one.event, AudioHeard) for one in rig.journal.recent())
    assert line.call.digits == "42"


def test_calls_are_heard_apart(rig: Rig) -> None:
    one, other = rig.confirmed(), rig.confirmed()
    for first, second in zip(sounds(one.number, "1,"), sounds(other.number, "9,"), strict=True):
        rig.driver.feed(first, second)
    assert (one.call.digits, other.call.digits) == ("1", "9")


def test_a_digit_that_the_end_cuts_off_goes_before_it(rig: Rig) -> None:
    line = rig.confirmed()
    rig.driver.feed(*sounds(line.number, "7", on_ms=300)[:2])
    assert line.call.digits == ""
    line.ended()
    assert line.call.digits == "7"
    *_, digit, end = [one.event for one in rig.journal.recent()]
    assert isinstance(digit, DtmfReceived)
    assert isinstance(end, CallStateChanged)
    assert end.state is CallState.DISCONNECTED


def test_states_before_the_end_leave_a_digit_alone(rig: Rig) -> None:
    line = rig.outgoing()
    whole = sounds(line.number, "7,", on_ms=300)
    rig.driver.feed(*whole[:2])
    line.answered()
    assert line.call.digits == ""
    rig.driver.feed(*whole[2:])
    assert line.call.digits == "7"


def test_who_listens_from_the_beginning(new_rig: NewRig) -> None:
    assert new_rig(name="one", detect_inband_dtmf=True).confirmed().call.facts.listens
    assert not new_rig(name="other").confirmed().call.facts.listens


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


# ---- the crash


LOG = ["Assertion failed: sess", "Fatal Python error: Aborted"]


def test_a_crash_ends_calls_as_errors(rig: Rig) -> None:
    out, came, over = rig.confirmed(), rig.incoming(dialog="1@peer"), rig.incoming(dialog="2@peer")
    over.ended(200, "OK", EndedBy.REMOTE)
    rig.driver.crash("it was killed by SIGABRT", LOG)
    for line in (out, came):
        end = line.call.facts.ended
        assert end is not None
        assert (end.code, end.reason) == (0, "the agent died: it was killed by SIGABRT")
        assert line.call.facts.ended_by is EndedBy.ERROR
    assert over.call.facts.ended_by is EndedBy.REMOTE
    assert rig.endpoint.calls == []


def test_a_crash_ends_a_request_that_waits(rig: Rig) -> None:
    rig.driver.ignore(Reinvite)
    with (
        pytest.raises(EndpointCrashed, match="SIGABRT") as caught,
        at_once(),
        while_waiting(rig.journal, lambda: rig.driver.crash(log=LOG)),
    ):
        rig.endpoint.request(Reinvite(call=1), LONG)
    assert caught.value.log == tuple(LOG)
    assert "  | Fatal Python error: Aborted" in str(caught.value)


def test_a_crash_ends_every_kind_of_wait(rig: Rig, tmp_path: Path) -> None:
    line = rig.confirmed()
    sound = silence(tmp_path)
    playback, recording = line.call.play(sound), line.call.record(tmp_path / "rx.wav")
    transmission = line.call.send_dtmf("1")
    rig.driver.crash()

    def expect_call() -> None:
        with rig.endpoint.expect_call(timeout=LONG):
            pass

    waits: list[Callable[[], object]] = [
        lambda: rig.endpoint.make_call(PEER),
        lambda: rig.endpoint.wait_registered(timeout=LONG),
        lambda: line.call.wait(CallState.EARLY, timeout=LONG),
        lambda: line.call.wait(timeout=LONG),
        line.call.hangup,
        lambda: playback.wait(LONG),
        playback.stop,
        lambda: recording.wait(LONG),
        recording.stop,
        lambda: transmission.wait(LONG),
        expect_call,
    ]
    for wait in waits:
        with pytest.raises(EndpointCrashed), at_once():
            wait()


def test_a_crash_is_raised_at_the_end_of_the_block(drivers: list[FakeDriver]) -> None:
    with pytest.raises(EndpointCrashed), Endpoint():
        drivers[0].crash()


def test_what_the_block_raised_goes_before_the_crash(drivers: list[FakeDriver]) -> None:
    def crash_and_divide() -> float:
        drivers[0].crash()
        return 1 / 0

    with pytest.raises(ZeroDivisionError), Endpoint():
        crash_and_divide()


def test_a_crash_is_remembered_after_close(rig: Rig) -> None:
    rig.driver.crash()
    rig.endpoint.close()
    with pytest.raises(EndpointCrashed):
        rig.endpoint.make_call(PEER)


def test_a_crash_leaves_recordings_readable(rig: Rig, tmp_path: Path) -> None:
    line = rig.confirmed()
    path = tmp_path / "rx.wav"
    recording = line.call.record(path)
    whole = silence(tmp_path).read_bytes()
    path.write_bytes(
        whole[:4] + bytes(4) + whole[8:40] + bytes(4) + whole[44:]
    )  # as a killed recorder leaves it
    rig.driver.crash()
    assert path.read_bytes() == whole
    assert recording.complete


def test_a_crash_does_not_mind_recordings_that_are_gone(rig: Rig, tmp_path: Path) -> None:
    line = rig.confirmed()
    gone = line.call.record(tmp_path / "rx.wav")
    (tmp_path / "rx.wav").unlink(missing_ok=True)
    other = line.call.record(tmp_path / "other.wav")
    (tmp_path / "other.wav").write_text("not a WAV")
    rig.driver.crash()
    assert not gone.complete
    assert not other.complete
    assert isinstance(rig.endpoint.failure, EndpointCrashed)


def test_one_crash_is_not_the_others(new_rig: NewRig) -> None:
    alice = new_rig(name="alice")
    bob = new_rig(name="bob", journal=alice.journal)
    alice.driver.crash()
    assert bob.outgoing().call in bob.endpoint.calls
    assert bob.endpoint.failure is None


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


def test_a_failure_goes_before_what_is_so(rig: Rig) -> None:
    line = rig.confirmed()
    rig.endpoint.fail(NativeError("first"))
    with pytest.raises(NativeError):
        line.call.wait(CallState.CONFIRMED, timeout=LONG)


def test_a_failure_wakes_whoever_waits(rig: Rig) -> None:
    line = rig.confirmed()
    with (
        pytest.raises(NativeError, match="first"),
        at_once(),
        while_waiting(rig.journal, lambda: rig.endpoint.fail(NativeError("first"))),
    ):
        line.call.wait(timeout=LONG)


# ---- what the INVITE offers


def test_an_invite_without_an_offer_and_with_an_edited_answer(rig: Rig) -> None:
    edit = (r"^a=crypto:1 .*\r\n", "")
    rig.endpoint.make_call(PEER, offer=False, edit_sdp=[edit])
    command = rig.driver.last(MakeCall)
    assert (command.offer, command.edit_sdp) == (False, [edit])


def test_an_edit_that_is_none_makes_no_call(rig: Rig) -> None:
    with pytest.raises(ConfigError, match=r"edit_sdp: '\(' with the replacement ''"):
        rig.endpoint.make_call(PEER, edit_sdp=[("(", "")])
    assert rig.driver.told(MakeCall) == []


def test_an_offer_that_cannot_be_sent_says_which_call(rig: Rig) -> None:
    rig.driver.refuse(MakeCall, "config", "the edited SDP was not sent")
    with pytest.raises(ConfigError, match=f"srtpbot: call to {PEER}: the edited SDP was not sent"):
        rig.endpoint.make_call(PEER, edit_sdp=[("v=0", "v=9")])


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


def silence(folder: Path) -> Path:
    from media.audio.wav import write
    from media.signals.tones import silence

    path = folder / "silence.wav"
    write(path, silence(0.2, 8000))
    return path
