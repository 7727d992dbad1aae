"""The live table of a load: numbers, shares, colours."""

from __future__ import annotations

import pytest

from bot.cli.load_table import CAUSE, LIMIT, number, share, style_of


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.123, "0.123"), (4.41, "4.41"), (99.94, "99.9"), (1160.4, "1160")]
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_shares() -> None:
    assert (share(None), share(0.256)) == ("-", "26%")


def test_colours() -> None:
    assert [style_of(*row) for row in (("failed", "0"), ("failed", "2 (1%)"), (CAUSE, "2 x 486"))] == [
        "",
        "red",
        "red",
    ]
    assert style_of(LIMIT, "this side") == "bold yellow"
    assert style_of("setup", "p50 1") == ""
