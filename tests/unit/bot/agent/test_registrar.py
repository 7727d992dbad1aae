"""bot.agent.registrar: bindings of a registrar without a location service."""

from __future__ import annotations

import pytest

from bot.agent.registrar import granted


def register(*lines: str) -> str:
    return "\r\n".join(["REGISTER sip:h SIP/2.0", *lines, "", ""])


@pytest.mark.parametrize(
    ("lines", "contacts"),
    [
        (["Contact: <sip:a@h>", "Expires: 60"], ["<sip:a@h>;expires=60"]),
        (["Contact: <sip:a@h;ob>;expires=9;q=0.5", "Expires: 60"], ["<sip:a@h;ob>;q=0.5;expires=9"]),
        (["Contact: sip:a@h"], ["sip:a@h;expires=3600"]),
        (
            ['m: <sip:a@h>, "B, b" <sip:b@h>', "Expires: 5"],
            ["<sip:a@h>;expires=5", '"B, b" <sip:b@h>;expires=5'],
        ),
        (["Contact: <sip:a@h>", "Contact: <sip:b@h>;expires=0"], ["<sip:a@h>;expires=3600"]),
        (["Contact: *", "Expires: 0"], []),
        ([], []),
    ],
)
def test_granted(lines: list[str], contacts: list[str]) -> None:
    assert granted(register(*lines)) == [("Contact", contact) for contact in contacts]
