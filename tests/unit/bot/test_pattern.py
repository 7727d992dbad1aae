"""bot.pattern: no expression of a user and no text of a peer takes long."""

from __future__ import annotations

import re
import time

import pytest

from bot.errors import ConfigError
from bot.pattern import TOTAL_S, Pattern, SlowPattern
from bot.sip.sdp_edit import edited

SLOW = [(r"(a|aa)+$", "a" * 60 + "!"), (r"^(?:(b|bb)+)$", "b" * 60 + "!")]


@pytest.mark.parametrize(("expression", "text"), SLOW)
def test_a_slow_expression_is_stopped_and_says_so(expression: str, text: str) -> None:
    pattern, began = Pattern(expression), time.process_time()
    with pytest.raises(SlowPattern, match=re.escape(f"/{expression}/ takes too long on ")):
        pattern.found_in(text)
    with pytest.raises(SlowPattern):  # it has no time left for another text
        pattern.found_in(text + "?")
    assert time.process_time() - began < 20 * TOTAL_S


def test_many_texts_share_the_limit() -> None:
    pattern = Pattern(r"(a|aa)+$")
    with pytest.raises(SlowPattern):
        for number in range(1_000_000):
            pattern.found_in("a" * 24 + str(number))


@pytest.mark.parametrize(
    ("expression", "text", "found"),
    [
        ("", "", True),
        ("^a.c$", "abc", True),
        ("b(?!c)", "abc", False),
        ("(?i)ABC", "xabcx", True),
        (r"(.)\1", "abca", False),
        (r"(?P<n>\d+)-(?P=n)", "12-12", True),
        (r"(?<=;tag=)\w+\Z", "<sip:a@b>;tag=1x", True),
    ],
)
def test_it_finds_what_re_finds(expression: str, text: str, found: bool) -> None:
    assert Pattern(expression).found_in(text) is found is (re.search(expression, text) is not None)


@pytest.mark.parametrize("expression", ["(", "*a", "[a", "a{2,1}", "(?P<1>a)", "\\", "(?<=a*)b("])
def test_what_is_none(expression: str) -> None:
    with pytest.raises(ConfigError, match="is not a regular expression: "):
        Pattern(expression)


def test_an_edit_of_sdp_is_stopped_too() -> None:
    with pytest.raises(ValueError, match="takes too long"):
        edited("v=0\r\ns=" + "a" * 60 + "!\r\n", [(r"(a|aa)+$", "")])
