"""bot.ua.call: verbs become commands; results have a wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.errors import CallEnded, CallFailed, ConfigError, WaitTimeout
from bot.ipc.commands import (
    Answer,
    AnyCommand,
    Hangup,
    Listen,
    Loopback,
    Measure,
    Play,
    Record,
    Reinvite,
    SdpEdit,
    SendDtmf,
    StopPlay,
    StopRecord,
    Update,
)
from bot.ipc.events import (
    CallEvent,
    CallStateChanged,
    DtmfFinished,
    PlaybackFinished,
    RecordingFinished,
    SipSent,
    Wired,
)
from bot.model import CallState, Direction, DtmfMethod, EndedBy, MediaDirection
from bot.sip.headers import header_list
from bot.ua.call import Call
from bot.ua.requests import SentRequest
from tests.support.fakes import LONG, PEER, Line, Rig, at_once, audio, done, message, while_waiting

EDIT = ("^a=sendrecv", "a=sendonly")


@pytest.fixture
def line(rig: Rig) -> Line:
    return rig.confirmed()


@pytest.fixture
def call(line: Line) -> Call:
    return line.call


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    from media.audio.wav import write
    from media.signals.tones import tone

    path = tmp_path / "sound.wav"
    write(path, tone([440.0], 0.2, 16000))
    return path


# ---- what is known


def test_what_is_known(rig: Rig, line: Line) -> None:
    call = line.call
    assert (call.number, call.direction, call.state) == (1, Direction.OUTGOING, CallState.CONFIRMED)
    assert call.media == (audio(),)
    assert str(call) == repr(call) == f"srtpbot: call 1 to {PEER}"
    assert str(rig.incoming().call) == f"srtpbot: call 2 from {PEER}"


# ---- verbs


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        (lambda call: call.answer(), Answer(call=1)),
        (lambda call: call.answer(after=0.5), Answer(call=1, after_s=0.5)),
        (
            lambda call: call.answer(488, reason="No", headers={"Warning": "304"}),
            Answer(call=1, code=488, reason="No", headers=[("Warning", "304")]),
        ),
        (lambda call: call.ring(), Answer(call=1, code=180)),
        (
            lambda call: call.ring(183, reason="Wait", headers={"X-A": "1", "X-B": "2"}),
            Answer(call=1, code=183, reason="Wait", headers=[("X-A", "1"), ("X-B", "2")]),
        ),
        (lambda call: call.hangup(), Hangup(call=1)),
        (
            lambda call: call.hangup(603, reason="Decline", headers={"Reason": "Q.850"}),
            Hangup(call=1, code=603, reason="Decline", headers=[("Reason", "Q.850")]),
        ),
        (lambda call: call.answer(edit_sdp=[EDIT]), Answer(call=1, edit_sdp=[EDIT])),
        (lambda call: call.ring(183, edit_sdp=[EDIT]), Answer(call=1, code=183, edit_sdp=[EDIT])),
        (lambda call: call.hold(), Reinvite(call=1, direction=MediaDirection.SENDONLY)),
        (lambda call: call.unhold(), Reinvite(call=1, direction=MediaDirection.SENDRECV)),
        (lambda call: call.reinvite(), Reinvite(call=1)),
        (
            lambda call: call.reinvite(
                direction=MediaDirection.RECVONLY,
                offer=False,
                rekey=True,
                edit_sdp=[EDIT],
                headers={"X-A": "1"},
            ),
            Reinvite(
                call=1,
                direction=MediaDirection.RECVONLY,
                offer=False,
                rekey=True,
                edit_sdp=[EDIT],
                headers=[("X-A", "1")],
            ),
        ),
        (lambda call: call.update(), Update(call=1)),
        (
            lambda call: call.update(
                direction=MediaDirection.INACTIVE, rekey=True, edit_sdp=[EDIT], headers={"X-A": "1"}
            ),
            Update(
                call=1,
                direction=MediaDirection.INACTIVE,
                rekey=True,
                edit_sdp=[EDIT],
                headers=[("X-A", "1")],
            ),
        ),
        (lambda call: call.loopback(), Loopback(call=1)),
        (lambda call: call.loopback(False), Loopback(call=1, on=False)),
        (lambda call: call.measure(), Measure(call=1)),
    ],
)
def test_a_verb_is_a_command(
    rig: Rig, call: Call, verb: Callable[[Call], object], command: AnyCommand
) -> None:
    verb(call)
    assert rig.driver.commands[-1] == command


def test_answer_and_ring_return_the_call(call: Call) -> None:
    assert call.answer() is call
    assert call.ring() is call


@pytest.mark.parametrize("code", [0, 99, 700, -200])
def test_codes_that_are_none(rig: Rig, call: Call, code: int) -> None:
    with pytest.raises(ConfigError, match="not a SIP status code"):
        call.answer(code)
    assert rig.driver.told(Answer) == []


@pytest.mark.parametrize("verb", [Call.answer, Call.hangup])
def test_a_reason_is_one_line(verb: Callable[..., object], rig: Rig, call: Call) -> None:
    with pytest.raises(ConfigError, match=r"reason: contains a line break"):
        verb(call, 486, reason="Nope\r\nX-Injected: 1")
    assert [*rig.driver.told(Answer), *rig.driver.told(Hangup)] == []


VERBS: list[Callable[[Call], Any]] = [
    lambda call: call.answer(),
    lambda call: call.ring(),
    lambda call: call.hangup(),
    lambda call: call.hold(),
    lambda call: call.unhold(),
    lambda call: call.update(),
    lambda call: call.loopback(),
    lambda call: call.send_dtmf("1"),
]


@pytest.mark.parametrize("verb", VERBS)
def test_after_the_end_every_verb_says_so(rig: Rig, call: Call, verb: Callable[[Call], object]) -> None:
    for command in (Answer, Hangup, Reinvite, Update, Loopback, SendDtmf):
        rig.driver.refuse(command, "ended", "call 1 has ended")
    with pytest.raises(CallEnded, match="call 1 has ended"):
        verb(call)


def test_after_the_end_media_verbs_say_so(rig: Rig, call: Call, sound: Path, tmp_path: Path) -> None:
    rig.driver.refuse(Play, "ended", "call 1 has ended")
    rig.driver.refuse(Record, "ended", "call 1 has ended")
    with pytest.raises(CallEnded):
        call.play(sound)
    with pytest.raises(CallEnded):
        call.record(tmp_path / "rx.wav")
    assert call.recordings == []


def test_measuring_minds_no_end(rig: Rig, line: Line) -> None:
    rig.driver.refuse(Measure, "ended", "call 1 has ended")
    line.call.measure()
    line.ended()
    asked = len(rig.driver.told(Measure))
    line.call.measure()
    assert len(rig.driver.told(Measure)) == asked


# ---- headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Test": "1\r\nVia: evil"},
        {"X-Test": "1\nVia: evil"},
        {"X-Test": "1\rVia: evil"},
        {"X-Test\r\nVia": "evil"},
        {"X-Test": "\x00"},
        {"X Test": "1"},
        {"": "1"},
        {"X-Test\u00e4": "1"},
    ],
)
def test_headers_that_are_refused(rig: Rig, call: Call, headers: dict[str, str]) -> None:
    verbs: list[Callable[[], object]] = [
        lambda: call.answer(headers=headers),
        lambda: call.ring(headers=headers),
        lambda: call.hangup(headers=headers),
    ]
    before = list(rig.driver.commands)
    for verb in verbs:
        with pytest.raises(ConfigError, match="not a header"):
            verb()
    assert rig.driver.commands == before


def test_headers_are_a_list_in_order() -> None:
    assert header_list({"X-B": "2", "X-A": " 1: one ", "X-Empty": ""}) == [
        ("X-B", "2"),
        ("X-A", "1: one"),
        ("X-Empty", ""),
    ]
    assert header_list(None) == []


# ---- waiting for a state


def test_wait_for_what_has_been(call: Call) -> None:
    assert call.wait(CallState.CALLING, timeout=0) is CallState.CONFIRMED


def test_wait_for_what_comes(rig: Rig) -> None:
    line = rig.outgoing()
    with while_waiting(rig.journal, line.answered), at_once():
        assert line.call.wait(CallState.CONFIRMED, timeout=LONG) is CallState.CONFIRMED


def test_wait_for_either(rig: Rig) -> None:
    line = rig.outgoing()
    with while_waiting(rig.journal, lambda: line.state(CallState.EARLY, 180, "Ringing")), at_once():
        assert line.call.wait(CallState.CONFIRMED, CallState.EARLY, timeout=LONG) is CallState.EARLY


def test_wait_for_the_end(rig: Rig, line: Line) -> None:
    with while_waiting(rig.journal, line.ended), at_once():
        assert line.call.wait(timeout=LONG) is CallState.DISCONNECTED


def test_wait_for_what_can_no_longer_be(rig: Rig) -> None:
    line = rig.outgoing()
    with (
        pytest.raises(CallFailed, match="waited for CONFIRMED, the call ended: 486 Busy Here"),
        at_once(),
        while_waiting(rig.journal, lambda: line.ended(486, "Busy Here")),
    ):
        line.call.wait(CallState.CONFIRMED, timeout=LONG)


def test_wait_for_what_can_no_longer_be_after_the_end(line: Line) -> None:
    line.ended()
    with pytest.raises(CallFailed, match="EARLY or INCOMING"), at_once():
        line.call.wait(CallState.EARLY, CallState.INCOMING, timeout=LONG)


def test_wait_in_vain(call: Call) -> None:
    with pytest.raises(WaitTimeout, match=r"not DISCONNECTED after 0\.05 s, still CONFIRMED"):
        call.wait(timeout=0.05)


# ---- what waits for the ACK (RFC 3261 15)


def test_hangup_waits_for_the_ack(rig: Rig) -> None:
    line = rig.incoming()
    line.state(CallState.CONNECTING, 200, "OK")
    hungup: list[int] = []

    def acknowledge() -> None:
        hungup.append(len(rig.driver.told(Hangup)))
        line.state(CallState.CONFIRMED, 200, "OK")

    with while_waiting(rig.journal, acknowledge), at_once():
        line.call.hangup()
    assert hungup == [0]
    assert rig.driver.last(Hangup) == Hangup(call=line.number)


@pytest.mark.parametrize("state", [CallState.CALLING, CallState.EARLY, CallState.INCOMING])
def test_hangup_waits_for_nothing_else(rig: Rig, state: CallState) -> None:
    line = rig.outgoing()
    line.state(state)
    line.call.hangup()
    assert len(rig.driver.told(Hangup)) == 1


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        (Call.hold, Reinvite(call=1, direction=MediaDirection.SENDONLY)),
        (Call.unhold, Reinvite(call=1, direction=MediaDirection.SENDRECV)),
    ],
)
def test_hold_waits_for_the_confirmation(rig: Rig, verb: Callable[[Call], None], command: AnyCommand) -> None:
    line = rig.outgoing()
    with while_waiting(rig.journal, line.answered), at_once():
        verb(line.call)
    assert rig.driver.commands[-1] == command


@pytest.mark.parametrize("verb", [Call.hold, Call.unhold])
def test_hold_is_hopeless_after_a_refusal(rig: Rig, verb: Callable[[Call], None]) -> None:
    line = rig.outgoing()
    line.ended(486, "Busy Here")
    with pytest.raises(CallFailed, match="486 Busy Here"), at_once():
        verb(line.call)
    assert rig.driver.told(Reinvite) == []


@pytest.mark.parametrize("direction", [MediaDirection.RECVONLY, MediaDirection.INACTIVE])
def test_who_is_held_holds_by_inactive(line: Line, rig: Rig, direction: MediaDirection) -> None:
    line.media(audio(direction=direction))
    line.call.hold()
    assert rig.driver.last(Reinvite).direction is MediaDirection.INACTIVE


def test_an_update_does_not_wait_for_the_confirmation(rig: Rig) -> None:
    line = rig.outgoing()
    line.call.update()
    assert rig.driver.last(Update) == Update(call=1)


@pytest.mark.parametrize(
    ("send", "method"), [(Call.reinvite, "INVITE"), (Call.update, "UPDATE")], ids=["reinvite", "update"]
)
def test_what_was_renegotiated_can_be_waited_for(
    rig: Rig, line: Line, send: Callable[[Call], SentRequest], method: str
) -> None:
    def sends(number: int, command: AnyCommand) -> list[Wired]:
        text = message(f"{method} {PEER} SIP/2.0", line.dialog, f"7 {method}")
        return [SipSent(at=0.0, transport="udp", peer="127.0.0.1:5070", text=text), done(number)]

    rig.driver.reply_to(Reinvite, sends)
    rig.driver.reply_to(Update, sends)
    sent = send(line.call)
    assert sent.code is None
    line.received(message("SIP/2.0 491 Request Pending", line.dialog, f"7 {method}"))
    assert sent.wait(LONG, code=491) == 491


@pytest.mark.parametrize(
    "verb",
    [
        lambda call, edit: call.answer(edit_sdp=[edit]),
        lambda call, edit: call.reinvite(edit_sdp=[edit]),
        lambda call, edit: call.update(edit_sdp=[edit]),
    ],
)
@pytest.mark.parametrize("edit", [("a=(crypto", ""), ("a=crypto", r"\2")])
def test_an_edit_that_is_none_is_told_before_anything_is_sent(
    rig: Rig, call: Call, verb: Callable[[Call, SdpEdit], object], edit: SdpEdit
) -> None:
    before = list(rig.driver.commands)
    with pytest.raises(ConfigError, match=r"edit_sdp: 'a=\(?crypto"):
        verb(call, edit)
    assert rig.driver.commands == before


# ---- playing


def finished(call: Call, playback: int, complete: bool = True) -> PlaybackFinished:
    return PlaybackFinished(at=0.0, call=call.number, playback=playback, complete=complete)


def test_play_makes_the_file_playable(rig: Rig, call: Call, sound: Path) -> None:
    import soundfile

    call.play(str(sound), loop=True)
    command = rig.driver.last(Play)
    assert (command.call, command.loop) == (1, True)
    info = soundfile.info(command.path)
    assert (info.samplerate, info.channels, info.subtype) == (8000, 1, "PCM_16")


def test_listen(rig: Rig, call: Call) -> None:
    assert not call.facts.listens
    call.listen(False)
    assert rig.driver.last(Listen) == Listen(call=1, on=False)
    assert not call.facts.listens
    call.listen()
    assert rig.driver.last(Listen) == Listen(call=1, on=True)
    assert call.facts.listens
    call.listen(False)
    assert call.facts.listens  # for what was heard until now


def test_listen_that_is_refused(rig: Rig, call: Call) -> None:
    rig.driver.refuse(Listen, "ended", "call 1 has ended")
    with pytest.raises(CallEnded):
        call.listen()
    assert not call.facts.listens


def test_play_can_be_waited_for(rig: Rig, call: Call, sound: Path) -> None:
    playback = call.play(sound)
    number = rig.driver.last(Play).playback
    assert playback.complete is None
    with while_waiting(rig.journal, lambda: rig.driver.feed(finished(call, number))), at_once():
        assert playback.wait(LONG) is playback
    assert playback.complete is True


def test_play_that_is_cut_short(rig: Rig, call: Call, sound: Path) -> None:
    playback = call.play(sound)
    rig.driver.feed(finished(call, rig.driver.last(Play).playback, complete=False))
    with pytest.raises(CallFailed, match="cut short"), at_once():
        playback.wait(LONG)


def test_play_that_is_stopped(rig: Rig, call: Call, sound: Path) -> None:
    playback = call.play(sound)
    number = rig.driver.last(Play).playback
    playback.stop()
    assert rig.driver.last(StopPlay).playback == number
    assert playback.complete is False


def test_play_in_vain(call: Call, sound: Path) -> None:
    with pytest.raises(WaitTimeout, match=r"still playing after 0\.05 s"):
        call.play(sound).wait(0.05)


def test_files_are_told_apart(rig: Rig, call: Call, sound: Path) -> None:
    one, two = call.play(sound), call.play(sound)
    numbers = [command.playback for command in rig.driver.told(Play)]
    assert len(set(numbers)) == 2
    rig.driver.feed(finished(call, numbers[1]))
    assert (one.complete, two.complete) == (None, True)


@pytest.mark.parametrize("content", [None, b"", b"not audio at all"])
def test_play_what_is_no_audio(rig: Rig, call: Call, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.wav"):
        call.play(path)
    assert rig.driver.told(Play) == []


# ---- recording


def test_record_sends_an_absolute_path(
    rig: Rig, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recording = call.record("new/rx.wav")
    assert rig.driver.last(Record).path == str(tmp_path / "new" / "rx.wav")
    assert recording.path == tmp_path / "new" / "rx.wav"
    assert call.recordings == [recording]


def test_record_is_closed_by_its_block(rig: Rig, call: Call, tmp_path: Path) -> None:
    with call.record(tmp_path / "rx.wav") as recording:
        assert not recording.complete
    assert rig.driver.last(StopRecord).recording == rig.driver.told(Record)[0].recording
    assert recording.complete


def test_record_is_closed_by_the_end_of_the_call(rig: Rig, line: Line, tmp_path: Path) -> None:
    recording = line.call.record(tmp_path / "rx.wav")
    number = rig.driver.last(Record).recording
    line.ended()
    closed = RecordingFinished(at=0.0, call=1, recording=number, path=str(recording.path))
    with while_waiting(rig.journal, lambda: rig.driver.feed(closed)), at_once():
        recording.wait(LONG)
    assert recording.stop() is recording
    assert rig.driver.told(StopRecord) == []


def test_record_leaves_what_its_block_raised(rig: Rig, call: Call, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), call.record(tmp_path / "rx.wav"):
        _ = 1 / 0
    assert rig.driver.told(StopRecord) == []


def test_record_in_vain(call: Call, tmp_path: Path) -> None:
    with pytest.raises(WaitTimeout, match=r"rx\.wav is still being recorded after 0\.05 s"):
        call.record(tmp_path / "rx.wav").wait(0.05)


@pytest.mark.parametrize("name", ["file/rx.wav", "folder"])
def test_record_where_nothing_can_be_written(rig: Rig, call: Call, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot record there"):
        call.record(tmp_path / name)
    assert rig.driver.told(Record) == []


# ---- DTMF


def test_digits_are_sent(rig: Rig, call: Call) -> None:
    call.send_dtmf("12,*#abCD", method=DtmfMethod.INFO, on_ms=160, off_ms=40)
    command = rig.driver.last(SendDtmf)
    assert command == SendDtmf(
        call=1,
        transmission=command.transmission,
        digits="12,*#ABCD",
        method=DtmfMethod.INFO,
        on_ms=160,
        off_ms=40,
    )


@pytest.mark.parametrize(
    ("digits", "said"),
    [("", "there is none"), ("12E", "'E' is not one"), ("1 2", "' ' is not one"), ("\u0663", "is not one")],
)
def test_digits_that_are_none(rig: Rig, call: Call, digits: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        call.send_dtmf(digits)
    assert rig.driver.told(SendDtmf) == []


def over(rig: Rig, call: Call, problem: str | None = None) -> None:
    number = rig.driver.told(SendDtmf)[-1].transmission
    rig.driver.feed(DtmfFinished(at=0.0, call=call.number, transmission=number, problem=problem))


def test_digits_can_be_waited_for(rig: Rig, call: Call) -> None:
    transmission = call.send_dtmf("1")
    assert not transmission.finished
    with while_waiting(rig.journal, lambda: over(rig, call)), at_once():
        assert transmission.wait(LONG) is transmission


def test_digits_that_could_not_be_sent(rig: Rig, call: Call) -> None:
    transmission = call.send_dtmf("1")
    over(rig, call, "the peer has no telephone-event")
    with pytest.raises(CallFailed, match="the peer has no telephone-event"), at_once():
        transmission.wait(LONG)


def test_digits_in_vain(call: Call) -> None:
    with pytest.raises(WaitTimeout, match=r"still dialling after 0\.05 s"):
        call.send_dtmf("1").wait(0.05)


# ---- the crash


def test_a_call_that_is_lost_ends_after_what_it_did(
    rig: Rig, line: Line, sound: Path, tmp_path: Path
) -> None:
    playback, recording = line.call.play(sound), line.call.record(tmp_path / "rx.wav")
    transmission = line.call.send_dtmf("1")
    recording.path.write_bytes(sound.read_bytes())
    rig.driver.crash("it was killed by SIGSEGV")
    end = line.call.facts.ended
    assert end is not None
    assert (end.code, end.reason) == (0, "the agent died: it was killed by SIGSEGV")
    assert line.call.facts.ended_by is EndedBy.ERROR
    assert playback.complete is False
    assert recording.complete
    assert (transmission.finished, transmission.problem) == (True, end.reason)
    told = [entry.event for entry in rig.journal.recent() if isinstance(entry.event, CallEvent)]
    *before, last = [event for event in told if event.at == end.at]
    assert [type(one) for one in before] == [PlaybackFinished, DtmfFinished, RecordingFinished]
    assert isinstance(last, CallStateChanged)
