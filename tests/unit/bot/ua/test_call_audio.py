"""bot.ua.call: playing files, listening and recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import CallEnded, CallFailed, ConfigError, WaitTimeout
from bot.ipc.commands import Listen, Play, Record, StopPlay, StopRecord
from bot.ipc.events import CallEvent, CallStateChanged, DtmfFinished, PlaybackFinished, RecordingFinished
from bot.model import EndedBy
from bot.ua.call import Call
from tests.support.fakes import LONG, Line, Rig, at_once, while_waiting


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


def test_two_playbacks_end_separately(rig: Rig, call: Call, sound: Path) -> None:
    one, two = call.play(sound), call.play(sound)
    numbers = [command.playback for command in rig.driver.told(Play)]
    assert len(set(numbers)) == 2
    rig.driver.feed(finished(call, numbers[1]))
    assert (one.complete, two.complete) == (None, True)


@pytest.mark.parametrize("content", [None, b"", b"not audio at all"])
def test_play_refuses_a_file_without_audio(
    rig: Rig, call: Call, tmp_path: Path, content: bytes | None
) -> None:
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


def test_record_passes_on_the_exception_of_its_block(rig: Rig, call: Call, tmp_path: Path) -> None:
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


# ---- the crash


def test_a_crash_ends_playing_dialling_and_recording_first(
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
    entries = [entry.event for entry in rig.journal.recent() if isinstance(entry.event, CallEvent)]
    *before, last = [event for event in entries if event.at == end.at]
    assert [type(one) for one in before] == [PlaybackFinished, DtmfFinished, RecordingFinished]
    assert isinstance(last, CallStateChanged)
