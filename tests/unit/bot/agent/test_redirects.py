"""bot.agent.redirects: Contacts of a redirection, in every form, and targets that cannot be reached."""

from __future__ import annotations

import pytest

from bot.agent.redirects import contacts, identity, place, unusable
from bot.config import EndpointConfig


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("<sip:a@h>", [(1.0, "sip:a@h")]),
        ("sip:a@h", [(1.0, "sip:a@h")]),
        ("sip:a@h;q=0.25;expires=3", [(0.25, "sip:a@h")]),
        ("<sip:a@h;transport=tcp?X=1>;Q=0.7", [(0.7, "sip:a@h;transport=tcp?X=1")]),
        ('"Bob, \\"Ltd\\"" <sip:a@h:5>;q=0.3, <sip:b@h> , sip:c@h;q=0.5', [
            (0.3, "sip:a@h:5"),
            (1.0, "sip:b@h"),
            (0.5, "sip:c@h"),
        ]),
        ("Bob <sip:a@h>;q=1.000", [(1.0, "sip:a@h")]),
        ("<sip:a@h>;q=0", [(1.0, "sip:a@h")]),
        ("*", []),
        ("", []),
    ],
)  # fmt: skip
def test_contacts(value: str, found: list[tuple[float, str]]) -> None:
    assert contacts(f"SIP/2.0 302 Moved\r\nContact: {value}\r\n\r\n") == found
    assert contacts(f"SIP/2.0 486 Busy\r\nContact: {value}\r\n\r\n") == []


def test_several_header_fields() -> None:
    assert contacts("SIP/2.0 300 Many\r\nm: <sip:a@h>\r\nContact: <sip:b@h>\r\n\r\n") == [
        (1.0, "sip:a@h"),
        (1.0, "sip:b@h"),
    ]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("sip:bob@[::1]", "the endpoint has no IPv6"),
        ("sip:bob@h;transport=TCP", "the endpoint has no tcp"),
        ("sips:bob@h", "the endpoint has no tls"),
        ("mailto:bob@h", "it is not a SIP URI"),
        ("sip:bob@h;transport=udp", ""),
        ("sip:bob@h", ""),
    ],
)
def test_targets_that_cannot_be_reached(target: str, why: str) -> None:
    assert unusable(target, EndpointConfig()) == why


def test_a_target_is_found_by_what_the_library_shows_of_it() -> None:
    assert identity('"Bob" <sip:bob@H>') == identity("sip:bob@h:5070;transport=udp")
    assert identity("sips:bob@h") != identity("sip:bob@h")
    assert place("<sip:bob@H:5070;x=1>") == place("sip:bob@h:5070") != place("sip:bob@h")
    assert place("nonsense") == identity("nonsense") == "nonsense"
