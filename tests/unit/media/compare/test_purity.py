"""media.compare.purity: the share of one or two sines, so that packets of a tone are not taken for lost."""

import numpy as np
import pytest

from media.compare.compare import Options, compare
from media.compare.purity import purity
from media.signals.signals import make
from tests.support.reference_audio import RATE, audio, coded, quiet


@pytest.mark.parametrize(
    ("signal", "least", "most"),
    [
        ("tone:1004:1", 0.99, 1),
        ("tone:350+440:1", 0.99, 1),
        ("tone:697+1633:1", 0.99, 1),
        ("sweep:300-3300:2", 0.99, 1),
        ("speech:4", 0, 0.9),
        ("tone:400+900+1500+2500:1@-20", 0, 0.9),
        ("white:1", 0, 0.7),
    ],
)
def test_one_or_two_sines_are_pure(signal: str, least: float, most: float) -> None:
    samples = make(signal, RATE).samples
    rows = samples[: len(samples) // 160 * 160].reshape(-1, 160)

    loud = rows[np.square(rows).mean(axis=1) > 1e-4]
    assert least <= float(np.median(purity(loud))) <= most


@pytest.mark.parametrize("signal", ["sweep", "sweep:300-3000:4", "sweep:3400-100:5", "sweep:2"])
def test_no_packet_of_a_sweep_was_lost_through_gsm(signal: str) -> None:
    reference = make(signal, RATE)
    recording = coded(audio(quiet(0.305), reference.samples, quiet(0.305)), "GSM610")

    result = compare(reference, recording, options=Options(codec="GSM"))

    assert result.matched, result.reasons
