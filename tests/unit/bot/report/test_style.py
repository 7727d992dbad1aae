"""report.css: one sheet that is whole, knows the dark and the phone, and fetches nothing."""

from __future__ import annotations

import re

from bot.report.html import templates

STYLE = templates().get_template("report.css").render()


def test_it_is_whole() -> None:
    assert STYLE.count("{") == STYLE.count("}")
    assert "<" not in STYLE


def test_every_colour_has_a_dark_one() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    names = re.findall(r"(--[a-z-]+):", light)
    assert names
    assert set(names) == set(re.findall(r"(--[a-z-]+):", dark))
    assert set(re.findall(r"var\((--[a-z-]+)\)", STYLE)) - {"--sides"} <= set(names)


def test_it_fetches_nothing() -> None:
    assert not re.search(r"url\(|@import|https?:|src", STYLE)


def test_the_keyboard_is_seen_and_the_phone_is_known() -> None:
    assert ":focus-visible { outline" in STYLE
    assert "@media (max-width" in STYLE
