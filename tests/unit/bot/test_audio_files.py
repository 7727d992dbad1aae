"""bot.audio_files: files and signals are found or made; errors of wrong names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.audio_files import audio_file, audio_of, check_audible, kept
from bot.errors import ConfigError, NativeError
from media.audio.wav import read, write
from media.signals.signals import make


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def test_a_signal_is_made_once(cache: Path) -> None:
    path = audio_file("tone:440:0.5")
    assert cache in path.parents
    assert read(path).duration_s == 0.5
    made = path.stat().st_mtime_ns
    assert audio_file("tone:440:0.5") == path
    assert path.stat().st_mtime_ns == made


@pytest.mark.parametrize("signal", ["speech:1", "Marker:17", "tone:440+480:1@-20,silence:0.2", "busy:us:1"])
def test_a_signal_has_the_same_audio_by_either_way(cache: Path, signal: str) -> None:
    received = read(audio_file(signal))
    assert np.abs(audio_of(signal).samples - received.samples).max() < 1e-4


def test_a_file_is_found_beside_a_folder(tmp_path: Path) -> None:
    (tmp_path / "hello.wav").touch()
    assert audio_file("hello.wav", tmp_path) == tmp_path / "hello.wav"


@pytest.mark.parametrize("name", ["speech", "speech:2", "tone.440", "a b"])
def test_a_file_comes_before_a_signal(cache: Path, tmp_path: Path, name: str) -> None:
    write(tmp_path / "tone.wav", make("tone:440:0.3", 8000))
    (tmp_path / "tone.wav").rename(tmp_path / name)
    assert audio_file(name) == Path(name)
    assert audio_of(Path(name)).rate == 8000


def test_a_folder_is_not_what_a_signal_of_its_name_is(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    assert audio_of("speech").duration_s > 1


@pytest.mark.parametrize(
    "signal", ["file:beside.wav", ' FILE:"be,side.wav",silence:1', "silence:1,file:beside.wav"]
)
def test_a_file_in_a_signal_is_relative_to_the_folder(cache: Path, tmp_path: Path, signal: str) -> None:
    for name in ("beside.wav", "be,side.wav"):
        write(tmp_path / name, make("tone:440:1", 8000))
    other = tmp_path / "other"
    other.mkdir()
    assert audio_of(signal, tmp_path).duration_s >= 1
    with pytest.raises(ConfigError, match="no such file"):
        audio_of(signal, other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("absent.wav", "absent.wav: no such file; expected an audio file, or a signal such as"),
        ("absent.opus", "no such file"),
        ("./speech:2", "no such file"),
        ("tune:440", "no such file and no such signal: .*unknown signal 'tune'.*did you mean"),
        ("speach:2", "did you mean 'speech'"),
        ("speech:two", "'two' is no length"),
        ("marker:70000", "whole number from 0 to 65535"),
        ("marker", "something is missing; expected marker:NUMBER"),
        ("tone:440,,silence", "item 2 is empty"),
        ("", "'': invalid name|'': invalid name"),
        (".", "is a directory"),
        ("a\0b", "invalid name"),
    ],
)
def test_what_is_neither_is_a_mistake(text: str, words: str, cache: Path) -> None:
    for taken in (audio_file, audio_of):
        with pytest.raises(ConfigError, match=words) as caught:
            taken(text)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("silent", ["silence:1", "tone:440:1@-90"])
def test_silence_is_nothing_to_compare_with(silent: str, cache: Path) -> None:
    with pytest.raises(ConfigError, match="is silent, so every recording would match"):
        check_audible(silent)
    check_audible("speech:1")


def test_no_room_is_no_mistake_of_the_users(cache: Path) -> None:
    cache.write_text("no folder")
    with pytest.raises(NativeError, match=r"cannot write the audio cache: .*XDG_CACHE_HOME to another"):
        audio_file("tone:440:0.5")


def test_what_was_half_written_is_not_kept(cache: Path) -> None:
    def fill_up(draft: Path) -> None:
        draft.write_bytes(b"RIFF")
        raise OSError(28, "No space left on device")

    with pytest.raises(NativeError, match="No space left on device"):
        kept("half.wav", fill_up)
    assert [path for path in cache.rglob("*") if path.is_file()] == []
