"""media.rtp.playout: audio is written at its RTP timestamp; lost packets are silent and counted."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.audio.wav import AudioError
from media.rtp.playout import Playout
from tests.support.rtp_stream import CODES, PTIME, SENT, START, Stream, codes, read, sent


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_audio_without_loss_is_bit_exact(codec: str, path: Path) -> None:
    with Playout(path) as playout:
        for number in range(400):
            at, timestamp = START + number * 0.02, (0xFFFFF000 + number * PTIME) & 0xFFFFFFFF
            playout.add(at, (65500 + number) & 0xFFFF, timestamp, codes(number), codec=codec, clock_rate=8000)

    assert np.array_equal(read(path), SENT[codec])
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.channels, info.samplerate) == ("WAV", "PCM_16", 1, 8000)
    assert (playout.started, playout.duration_s, playout.missing_ms) == (START, 8.0, 0)
    assert (playout.undecoded, playout.problems) == (0, ())


def test_packets_may_be_of_any_length(path: Path) -> None:
    with Playout(path) as playout:
        at = 0
        for index, length in enumerate([80, 160, 240, 1, 480, 39, 160] * 5):
            data = CODES[at : at + length]
            playout.add(START + at / 8000, index, at, data, codec="PCMA", clock_rate=8000)
            at += length

    assert np.array_equal(read(path), SENT["PCMA"][:at])
    assert playout.missing_ms == 0


def test_g722_has_two_samples_a_tick(path: Path) -> None:
    with Playout(path) as playout:
        for number in (0, 1, 2, 3, 5, 6):
            at = START + number * 0.02
            playout.add(at, number, number * PTIME, codes(number), codec="G722", clock_rate=8000)

    samples = read(path)
    assert soundfile.info(path).samplerate == 16000
    assert len(samples) == 7 * 320
    assert not samples[4 * 320 : 5 * 320].any()
    assert playout.missing_ms == 20


def test_nothing_makes_no_file(path: Path) -> None:
    with Playout(path) as playout:
        pass
    playout.close()

    assert not path.exists()
    assert (playout.started, playout.duration_s, playout.missing_ms) == (None, 0, 0)


def test_closing_twice_is_closing_once(path: Path) -> None:
    with Playout(path) as playout:
        Stream(playout).send([0])
    playout.close()

    assert playout.duration_s == 0.02
    assert np.array_equal(read(path), sent(0))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    playout = Playout(tmp_path / "gone" / "a.wav")
    Stream(playout).send([0])
    with pytest.raises(AudioError, match=r"gone.*cannot be written"):
        playout.close()


# What the network does


@pytest.mark.parametrize(
    ("arrivals", "played", "missing_ms"),
    [
        ([0, 1, 2, 5, 6, 8], [0, 1, 2, -1, -1, 5, 6, -1, 8], 60),
        ([1, 0, 2, 2, 5, 4, 3, 4, 6, 6, 1, 7], list(range(8)), 0),
        ([0, 1, 2, *range(4, 60), 3, *range(60, 70)], [0, 1, 2, -1, *range(4, 70)], 20),
    ],
    ids=["lost", "reordered and repeated", "after the window"],
)
def test_packets_are_played_in_order_and_missing_ones_are_silent(
    arrivals: list[int], played: list[int], missing_ms: int, path: Path
) -> None:
    with Playout(path) as playout:
        Stream(playout).send(arrivals)

    assert np.array_equal(read(path), sent(*played))
    assert (playout.started, playout.missing_ms) == (START, missing_ms)


def test_a_damaged_payload_is_missing(path: Path) -> None:
    with Playout(path) as playout:
        for number, data in enumerate([b"\xd0" + bytes(32)] * 3 + [b"\0" * 33] + [b"\xd0" + bytes(32)] * 2):
            playout.add(START + number * 0.02, number, number * 160, data, codec="GSM", clock_rate=8000)

    assert len(read(path)) == 6 * 160
    assert (playout.undecoded, playout.missing_ms) == (1, 20)


def test_overlapping_audio_is_played_once(path: Path) -> None:
    """Each packet repeats the one before it."""
    with Playout(path) as playout:
        for number in range(10):
            at = START + number * 0.02
            playout.add(at, number, number * PTIME, codes(number, 2), codec="PCMA", clock_rate=8000)
            playout.add(at, number + 100, number * PTIME, codes(number), codec="PCMA", clock_rate=8000)

    assert np.array_equal(read(path), sent(*range(11)))
