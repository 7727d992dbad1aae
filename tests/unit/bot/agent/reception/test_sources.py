"""Addresses as the library prints them and as the guard compares them."""

from __future__ import annotations

import pytest

from bot.agent.native.source_guard import NOBODY, source
from bot.agent.reception.sources import address, canonical, printed


@pytest.mark.parametrize("text", ["192.0.2.1:4000", "[2001:db8::1]:4000", "[::1]:65534", "127.0.0.1:1"])
def test_an_address_is_read_and_printed(text: str) -> None:
    assert address(text) != NOBODY
    assert printed(address(text)) == text


@pytest.mark.parametrize("text", ["", "0.0.0.0:4000", "[::]:4000", "192.0.2.1:0", "192.0.2.1", ":"])
def test_what_is_no_address_is_nobody(text: str) -> None:
    assert address(text) == NOBODY


def test_flow_and_scope_of_an_address_do_not_matter() -> None:
    plain = source("fe80::1", 4000)
    raw = plain[:4] + b"\1\2\3\4" + plain[8:] + b"\7\0\0\0"
    assert canonical(raw) == plain
