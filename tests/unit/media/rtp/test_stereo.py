"""media.rtp.playout.stereo: both directions of a call in one file, at their times."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.audio.wav import AudioError
from media.rtp.codecs import Samples
from media.rtp.playout import LONGEST_S, stereo


def tracks(
    tmp_path: Path, left: tuple[int, int], right: tuple[int, int]
) -> tuple[Path, Path, Samples, Samples]:
    """Two files of (samples, rate), with what is in them."""
    rng = np.random.default_rng(2)
    paths, contents = [], []
    for name, (count, rate) in (("left", left), ("right", right)):
        samples = rng.integers(-3000, 3000, count, dtype=np.int16)
        soundfile.write(tmp_path / f"{name}.wav", samples, rate, subtype="PCM_16")
        paths.append(tmp_path / f"{name}.wav")
        contents.append(samples)
    return paths[0], paths[1], contents[0], contents[1]


@pytest.mark.parametrize("offset_s", [0.0, 12.5, -12.5, 0.00125])
def test_two_sides_stand_beside_each_other_at_their_times(offset_s: float, tmp_path: Path) -> None:
    left, right, one, other = tracks(tmp_path, (150_000, 8000), (90_000, 8000))
    stereo(left, right, offset_s, tmp_path / "both.wav")

    both, rate = soundfile.read(tmp_path / "both.wav", dtype="int16")
    info = soundfile.info(tmp_path / "both.wav")
    shift = round(abs(offset_s) * 8000)
    before = (shift, 0) if offset_s < 0 else (0, shift)
    expected = np.zeros((max(before[0] + len(one), before[1] + len(other)), 2), np.int16)
    expected[before[0] : before[0] + len(one), 0] = one
    expected[before[1] : before[1] + len(other), 1] = other
    assert (rate, info.subtype) == (8000, "PCM_16")
    assert np.array_equal(both, expected)


def test_sides_of_two_rates_meet_at_the_higher(tmp_path: Path) -> None:
    left, right, one, _ = tracks(tmp_path, (160_000, 16000), (80_000, 8000))
    stereo(left, right, 0.0, tmp_path / "both.wav")

    both, rate = soundfile.read(tmp_path / "both.wav", dtype="int16")
    assert rate == 16000
    assert len(both) == pytest.approx(160_000, abs=4)
    assert np.array_equal(both[:160_000, 0], one)
    assert np.abs(both[1000:-1000, 1].astype(int)).mean() > 500


@pytest.mark.parametrize("offset_s", [LONGEST_S + 1, -1e300, float("nan"), float("inf")])
def test_sides_that_are_days_apart_are_refused(offset_s: float, tmp_path: Path) -> None:
    left, right, _, _ = tracks(tmp_path, (8, 8000), (8, 8000))

    with pytest.raises(AudioError, match="apart"):
        stereo(left, right, offset_s, tmp_path / "both.wav")
    assert not (tmp_path / "both.wav").exists()


def test_sides_that_are_too_long_for_a_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right, _, _ = tracks(tmp_path, (9000, 8000), (8, 8000))
    monkeypatch.setattr("media.rtp.playout.MOST_FRAMES", 8999)

    with pytest.raises(AudioError, match="more than a WAV file can hold"):
        stereo(left, right, 0, tmp_path / "both.wav")


def test_a_side_that_is_not_there_is_named(tmp_path: Path) -> None:
    left, _, _, _ = tracks(tmp_path, (8, 8000), (8, 8000))

    with pytest.raises(AudioError, match=r"gone\.wav: cannot be read"):
        stereo(left, tmp_path / "gone.wav", 0, tmp_path / "both.wav")
