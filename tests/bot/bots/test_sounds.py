"""What an operator names is found or made, and who is to blame when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.bots.sounds import kept, sound
from bot.errors import ConfigError, NativeError
from media.wav import read


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_signal_is_made_once(cache: Path) -> None:
    path = sound("tone:440:0.5")
    assert cache in path.parents
    assert read(path).duration_s == 0.5
    made = path.stat().st_mtime_ns
    assert sound("tone:440:0.5") == path
    assert path.stat().st_mtime_ns == made


def test_a_file_is_found_beside_a_folder(tmp_path: Path) -> None:
    (tmp_path / "hello.wav").touch()
    assert sound("hello.wav", tmp_path) == tmp_path / "hello.wav"


@pytest.mark.parametrize(
    ("text", "words"), [("absent.wav", "there is no such file"), ("tune:440", "is no file, and no signal")]
)
def test_what_is_neither_is_a_mistake(text: str, words: str, cache: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        sound(text)


def test_no_room_is_no_mistake_of_the_users(cache: Path) -> None:
    cache.write_text("no folder")
    with pytest.raises(NativeError, match=r"audio to play cannot be kept: .*XDG_CACHE_HOME can name another"):
        sound("tone:440:0.5")


def test_what_was_half_written_is_not_kept(cache: Path) -> None:
    def fill_up(draft: Path) -> None:
        draft.write_bytes(b"RIFF")
        raise OSError(28, "No space left on device")

    with pytest.raises(NativeError, match="No space left on device"):
        kept("half.wav", fill_up)
    assert [one for one in cache.rglob("*") if one.is_file()] == []
