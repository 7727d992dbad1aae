"""media.compare.calibration: models and limits of codecs, by any spelling of their names."""

from itertools import chain

import numpy as np
import pytest

from media.compare import calibration
from media.compare.calibration import PASSES, Limits, Model, limits_of, model_of
from media.compare.concealment import context

CODECS = ("PCMU", "PCMA", "G722", "L16", "GSM", "iLBC", "speex")
MEASURED = 6  # numbers of each packet, see `features`
# The least of twelve clean calls through each codec, measured.
CLEAN_SIMILARITY = {"pcmu": 0.997, "pcma": 0.998, "g722": 0.997, "gsm": 0.970, "ilbc": 0.982, "speex": 0.986}
CLEAN_CORRELATION = {"pcmu": 0.994, "pcma": 0.999, "g722": 0.992, "gsm": 0.946, "ilbc": 0.872, "speex": 0.895}


@pytest.mark.parametrize("codec", CODECS)
def test_codec_names_are_case_insensitive(codec: str) -> None:
    written = {codec, codec.upper(), codec.lower(), f"{codec}/8000", f"{codec}/8000/1"}

    assert {limits_of(name) for name in written} == {limits_of(codec)}
    assert {id(model_of(name)) for name in written} == {id(model_of(codec))}
    assert model_of(codec) is not calibration.ANY


def test_wide_speex_has_a_model_of_its_own() -> None:
    assert model_of("speex/16000") is model_of("SPEEX/32000/1") is calibration.SPEEX_WIDE
    assert model_of("speex/8000") is model_of("speex") is calibration.SPEEX_NARROW


@pytest.mark.parametrize("codec", [None, "", "/", "G729", "G729/8000", "GSM-EFR", "x-unknown"])
def test_an_unknown_codec_has_the_weakest_limits(codec: str | None) -> None:
    assert tuple(limits_of(codec, passes) for passes in PASSES) == calibration.WEAKEST
    assert model_of(codec) is calibration.ANY


@pytest.mark.parametrize("passes", PASSES)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "opus"])
def test_no_codec_has_weaker_limits_than_an_unknown_codec(codec: str, passes: int) -> None:
    assert is_as_strict(limits_of(codec, passes), limits_of(None, passes))


@pytest.mark.parametrize("codec", [*CODECS, None])
def test_one_pass_is_judged_as_strictly_as_two(codec: str | None) -> None:
    assert is_as_strict(limits_of(codec, 1), limits_of(codec, 2))


def is_as_strict(one: Limits, other: Limits) -> bool:
    return (
        all(one.correlation_of(hiss) >= other.correlation_of(hiss) for hiss in (0.0, 0.1, 0.4, 0.7))
        and one.similarity >= other.similarity
        and one.deviation_db <= other.deviation_db
        and one.concealed <= other.concealed
    )


def test_hiss_lowers_the_correlation_that_is_asked_but_not_below_what_chance_has() -> None:
    limits = limits_of("GSM")

    assert limits.correlation_of(0.0) == limits.correlation_of(calibration.VOICES) == limits.correlation
    assert limits.correlation > limits.correlation_of(0.15) > calibration.HEARD
    assert limits.correlation_of(0.7) == pytest.approx(calibration.HEARD)
    assert limits_of("PCMA").correlation_of(0.7) == limits_of("PCMA").correlation


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
    for limits in chain(*calibration.LIMITS.values(), calibration.WEAKEST):
        assert isinstance(limits, Limits)
        assert 0.5 < limits.correlation < 1
        assert 0.85 < limits.similarity < 1
        assert 0 < limits.concealed < 0.05
