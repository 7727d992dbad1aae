"""bot.agent.levels: the library's levels of the audio in dBFS."""

from __future__ import annotations

import pytest

from bot.agent.levels import dbfs


@pytest.mark.parametrize(
    ("level", "sine"), [(44, -1), (38, -6), (32, -12), (25, -20), (19, -26), (7, -40)], ids=str
)
def test_a_sine_has_the_level_that_it_was_made_with(level: int, sine: float) -> None:
    """The levels are those that the library told of tones through PCMA."""
    assert dbfs(level) == pytest.approx(sine, abs=1.5)


def test_silence_has_no_level() -> None:
    assert dbfs(0) is None
