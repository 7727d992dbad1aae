"""Models and limits: every codec by any of its names, and what none may allow."""

import numpy as np
import pytest

from media import calibration
from media.calibration import Limits, Model, limits_of, model_of
from media.concealment import context

CODECS = ("PCMU", "PCMA", "G722", "L16", "GSM", "iLBC", "speex")
MEASURED = 6  # numbers of each packet, see `features`
# The least of twelve clean calls through each codec, measured.
CLEAN_SIMILARITY = {"pcmu": 0.997, "pcma": 0.998, "g722": 0.997, "gsm": 0.970, "ilbc": 0.982, "speex": 0.986}
CLEAN_CORRELATION = {"pcmu": 0.994, "pcma": 0.999, "g722": 0.992, "gsm": 0.946, "ilbc": 0.872, "speex": 0.895}


@pytest.mark.parametrize("codec", CODECS)
def test_names_are_known_however_they_are_written(codec: str) -> None:
    written = {codec, codec.upper(), codec.lower(), f"{codec}/8000", f"{codec}/8000/1"}

    assert {limits_of(name) for name in written} == {limits_of(codec)}
    assert {id(model_of(name)) for name in written} == {id(model_of(codec))}
    assert model_of(codec) is not calibration.ANY


def test_wide_speex_has_a_model_of_its_own() -> None:
    assert model_of("speex/16000") is model_of("SPEEX/32000/1") is calibration.SPEEX_WIDE
    assert model_of("speex/8000") is model_of("speex") is calibration.SPEEX_NARROW


@pytest.mark.parametrize("codec", [None, "", "/", "opus", "opus/48000/2", "GSM-EFR", "x-unknown"])
def test_an_unknown_codec_is_judged_by_the_weakest(codec: str | None) -> None:
    assert limits_of(codec) == calibration.WEAKEST
    assert model_of(codec) is calibration.ANY


@pytest.mark.parametrize("codec", CODECS)
def test_no_codec_is_judged_more_mildly_than_an_unknown_one(codec: str) -> None:
    known, unknown = limits_of(codec), limits_of(None)

    assert known.correlation >= unknown.correlation
    assert known.similarity >= unknown.similarity
    assert known.concealed <= unknown.concealed


@pytest.mark.parametrize("codec", CLEAN_SIMILARITY)
def test_clean_calls_had_room_to_spare(codec: str) -> None:
    limits = limits_of(codec)

    assert limits.similarity <= CLEAN_SIMILARITY[codec] - 0.03
    assert limits.correlation <= CLEAN_CORRELATION[codec] - 0.09


@pytest.mark.parametrize("model", [calibration.ANY, *map(model_of, CODECS), calibration.SPEEX_WIDE])
def test_a_model_has_a_weight_for_everything_measured(model: Model) -> None:
    assert len(model.weights) == context(np.zeros((3, MEASURED))).shape[1]
    assert model.bias < 0  # without evidence a packet was not lost
    assert model.aftermath >= 0
    assert model.significant >= 3


def test_limits_are_shares() -> None:
    for limits in (*calibration.LIMITS.values(), calibration.WEAKEST):
        assert isinstance(limits, Limits)
        assert 0.5 < limits.correlation < 1
        assert 0.9 < limits.similarity < 1
        assert 0 < limits.concealed < 0.05
