"""Pictures show what they should, are the same every time, and stay small whatever they are of."""

import io
import logging
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError
from media.compare.compare import Comparison, Gap, Insertion, compare
from media.detect.summary import facts
from media.plot import plot, spectrogram
from media.plot.annotations import Mark, differences, found_in
from media.signals import signals, tones

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def reference() -> Audio:
    return signals.make("speech:2,dtmf:15", 8000)


@pytest.fixture(scope="module")
def recording(reference: Audio) -> Audio:
    samples = reference.samples.copy()
    samples[8000:9600] = 0
    return Audio(np.concatenate([np.zeros(800, np.float32), samples]), 8000)


def texts(svg: bytes) -> str:
    return "\n".join("".join(one.itertext()) for one in ET.fromstring(svg).iter(f"{SVG}text"))


def test_a_comparison_is_described_and_drawn(reference: Audio, recording: Audio) -> None:
    comparison = compare(reference, recording)

    shown = texts(
        plot.picture(recording, reference=reference, comparison=comparison, title="a $x$ & <b>.wav")
    )

    assert not comparison.matched
    for text in (
        "NOT MATCHED",
        "a $x$ & <b>.wav",
        "delay 100.0 ms",
        comparison.reasons[0],
        "ms missing",
        "sent",
        "heard",
        "SNR",
        "time in the recording, s",
    ):
        assert text in shown


def test_a_single_file_shows_its_detections(reference: Audio) -> None:
    shown = texts(plot.picture(reference, title="one.wav"))

    assert "one.wav" in shown
    assert "level" in shown
    assert [line.strip() for line in shown.splitlines()].count("5") >= 1
    assert "atched" not in shown.lower()


def test_given_marks_are_drawn_and_no_others(reference: Audio) -> None:
    marks = [Mark("digit", 1.0, 1.1, "D"), Mark("marker", 0.2, 0.9, "marker 99")]

    shown = texts(plot.picture(reference, marks=marks))

    assert "marker 99" in shown
    assert "marker 99" not in texts(plot.picture(reference, marks=()))


def test_what_was_not_found_is_not_aligned(reference: Audio) -> None:
    other = tones.speech_like(3, 8000, 9)

    shown = texts(
        plot.picture(
            other, reference=reference, comparison=compare(reference, other), marks=(), reference_marks=()
        )
    )

    assert "not aligned" in shown


def test_the_same_picture_every_time(reference: Audio, recording: Audio) -> None:
    for kind in ("svg", "png"):
        one, other = (
            plot.picture(recording, reference=reference, marks=(), reference_marks=(), kind=kind)
            for _ in range(2)
        )
        assert one == other


def test_svg_needs_nothing_from_outside(reference: Audio) -> None:
    svg = plot.picture(reference, marks=())

    links = [
        value for one in ET.fromstring(svg).iter() for name, value in one.items() if name.endswith("href")
    ]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert b"<dc:date" not in svg
    assert len(svg) < 200_000


def test_png_is_a_png(reference: Audio, tmp_path: Path) -> None:
    plot.save(tmp_path / "a.PNG", reference, marks=())

    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG\r\n")


def test_the_name_of_a_picture_says_what_it_is(reference: Audio, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"a\.jpg.*\.svg or \.png"):
        plot.save(tmp_path / "a.jpg", reference)
    with pytest.raises(AudioError, match="cannot be written"):
        plot.save(tmp_path / "none" / "a.svg", reference, marks=())


@pytest.mark.parametrize(("count", "rate"), [(0, 8000), (1, 8000), (2, 96000), (100, 3000), (5000, 16000)])
def test_audio_of_any_length_and_rate(count: int, rate: int) -> None:
    audio = Audio(np.linspace(-1, 1, count, dtype=np.float32), rate)

    assert plot.picture(audio, reference=tones.silence(0.1, 8000), reference_marks=()).startswith(b"<?xml")


def test_silence_and_odd_titles() -> None:
    shown = texts(
        plot.picture(tones.silence(1, 8000), title="\x00\x1b[1m \udcff \u4f60\u597d " + "long " * 200)
    )

    assert "silence" in shown
    assert "\u4f60\u597d" in shown
    assert shown.count("long") < 200


def test_a_long_recording_is_no_larger_than_a_short_one() -> None:
    minutes = Audio(np.resize(tones.speech_like(5, 8000, 1).samples, 20 * 60 * 4000), 4000)
    marks = [Mark("digit", index / 4, index / 4 + 0.1, "5") for index in range(4800)]

    svg = plot.picture(minutes, marks=marks)

    assert len(svg) < 600_000
    assert "+" in texts(svg)
    assert "20:00" in texts(svg)


def test_matplotlib_stays_as_it_was(reference: Audio) -> None:
    import matplotlib

    logger = logging.getLogger("matplotlib")
    before, level = dict(matplotlib.rcParams), logger.level
    plot.picture(reference, marks=())

    assert dict(matplotlib.rcParams) == before
    assert logger.level == level


def test_gaps_and_insertions_become_marks() -> None:
    comparison = Comparison(
        False, ("x",), delay_ms=100.0, gaps=(Gap(1.0, 200.0),), insertions=(Insertion(2.0, 50.0),)
    )

    lost, more = differences(comparison)

    assert [(one.kind, one.start_s, round(one.end_s, 6)) for one in lost] == [("gap", 1.0, 1.2)]
    assert [(one.kind, round(one.start_s, 6)) for one in more] == [("gap", 1.1), ("insertion", 2.0)]
    assert more[1].text == "50 ms inserted"


def test_facts_name_what_is_in_the_audio() -> None:
    audio = signals.make("marker:17,silence:0.3,dtmf:15,silence:0.4,tone:1000+2300:0.6@-20,silence:0.3", 8000)

    found = facts(audio)

    assert [one.digit for one in found.digits or ()] == ["1", "5"]
    assert [one.identity for one in found.markers or ()] == [17]
    assert [[round(hz) for hz in one.frequencies] for one in found.tones or ()] == [[1000, 2300]]
    assert found.level.clipped == 0
    assert [mark.text for mark in found_in(audio)] == ["marker 17", "1", "5", "1000+2300 Hz"]


def test_facts_below_the_least_rate_are_unknown() -> None:
    found = facts(tones.silence(1, 4000))

    assert found.digits is None
    assert found.markers is None


def test_levels_and_spectrum_are_in_dbfs() -> None:
    audio = tones.tone([1000], 1, 8000, -20)

    at, values = spectrogram.levels(audio, 10)
    picture = spectrogram.spectrogram(audio, 50, 40, 4000)

    assert len(at) == 10
    assert values[5] == pytest.approx(-20, abs=0.1)
    assert picture.shape == (40, 50)
    assert picture[:, 25].argmax() == pytest.approx(10, abs=1)
    assert picture[:, 25].max() == pytest.approx(-20, abs=0.2)
    assert picture[30, 25] < -80


def test_above_half_the_rate_there_is_nothing() -> None:
    picture = spectrogram.spectrogram(tones.tone([1000], 0.5, 8000), 20, 80, 8000)

    assert picture[41:].max() == pytest.approx(-140)


def test_the_envelope_keeps_every_peak() -> None:
    samples = np.zeros(80000, np.float32)
    samples[12345], samples[54321] = 0.9, -0.8

    shape = spectrogram.envelope(Audio(samples, 8000), 100)

    assert len(shape.at_s) == 100
    assert shape.high.max() == pytest.approx(0.9)
    assert shape.low.min() == pytest.approx(-0.8)
    assert shape.at_s[shape.high.argmax()] == pytest.approx(12345 / 8000, abs=0.06)


def test_png_has_the_size_of_a_screen(reference: Audio) -> None:
    import matplotlib.image

    image = matplotlib.image.imread(io.BytesIO(plot.picture(reference, marks=(), kind="png")))

    assert image.shape[1] == 1210
    assert image[0, 0, :3] == pytest.approx([1, 1, 1])
