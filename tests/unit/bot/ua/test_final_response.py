"""bot.ua.final_response: expected final responses."""

from __future__ import annotations

import pytest

from bot import RequestRefused
from bot.ua.final_response import ExpectedCode, checked_response


@pytest.mark.parametrize(
    ("code", "expected"), [(200, None), (202, None), (603, 603), (603, "any"), (200, 200)]
)
def test_expected(code: int, expected: ExpectedCode) -> None:
    assert checked_response("REFER", code, expected) == code


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        (603, None, "REFER was answered with 603 Decline, expected 2xx"),
        (302, None, "expected 2xx"),
        (200, 603, "expected 603"),
        (202, 200, "expected 200"),
    ],
)
def test_refused(code: int, expected: ExpectedCode, words: str) -> None:
    with pytest.raises(RequestRefused, match=words) as caught:
        checked_response("REFER", code, expected, "Decline")
    assert caught.value.code == code
