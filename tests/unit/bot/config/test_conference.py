from __future__ import annotations

import pytest

from bot.config import EndpointConfig, conference_rate, of_many_calls


@pytest.mark.parametrize(
    ("codecs", "rate"),
    [
        ((), 16000),
        (("PCMA", "pcmu", "GSM", "iLBC", "speex/8000"), 8000),
        (("PCMA", "G722"), 16000),
        (("PCMA", "speex/32000"), 32000),
        (("PCMA", "opus"), 48000),
        (("-speex",), 16000),
    ],
)
def test_the_bridge_has_the_rate_of_the_best_codec(codecs: tuple[str, ...], rate: int) -> None:
    assert conference_rate(codecs) == rate


@pytest.mark.parametrize(
    ("codecs", "rate"),
    [
        ((), 8000),
        (("PCMA", "G722"), 8000),
        (("G722", "PCMA"), 16000),
        (("opus/48000", "PCMA"), 48000),
        (("-speex",), 8000),
        (("-PCMA", "-pcmu"), 16000),
        (("-PCMA", "-PCMU", "-G722"), 16000),
    ],
)
def test_many_calls_have_the_rate_of_the_preferred_codec(codecs: tuple[str, ...], rate: int) -> None:
    assert of_many_calls(EndpointConfig(codecs=codecs)).clock_rate == rate


def test_a_rate_that_was_set_stays() -> None:
    config = EndpointConfig(clock_rate=16000)
    assert of_many_calls(config) is config
