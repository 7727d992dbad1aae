"""bot.sip.intake.next_hop: the IP version of Record-Route and Contact."""

from __future__ import annotations

import pytest

from bot.sip.intake import Hosts, Refusal, judge

V6 = "Contact: <sip:x@[2001:db8::1]:5060>"
V4 = "Contact: <sip:x@192.0.2.1:5060>"
ROUTE_4, ROUTE_6 = "Record-Route: <sip:192.0.2.9;lr>", "Record-Route: <sip:[2001:db8::9];lr>"


def rule(*fields: str, method: str = "INVITE", versions: tuple[int, ...] = (4,)) -> str | None:
    head = [
        f"{method} sip:a@192.0.2.7 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "Max-Forwards: 70",
        "From: <sip:x@h>;tag=1",
        "To: <sip:a@h>",
        "Call-ID: 1@h",
        f"CSeq: 1 {method}",
        *fields,
        "Content-Length: 0",
    ]
    verdict = judge("\r\n".join([*head, "", ""]).encode(), hosts=Hosts(signalling=versions))
    return verdict.rule if isinstance(verdict, Refusal) else None


@pytest.mark.parametrize(
    "fields", [[V4], [ROUTE_4, V6], [ROUTE_4, ROUTE_6, V4], ["Contact: <sip:x@host.example>"]]
)
def test_what_an_endpoint_with_ipv4_reaches(fields: list[str]) -> None:
    assert rule(*fields) is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ([V6], "ipv6-contact"),
        (["m: sips:[::1]"], "ipv6-contact"),
        ([ROUTE_6, V4], "ipv6-record-route"),
        (["Record-Route: <sip:[2001:db8::9];lr>, <sip:192.0.2.9;lr>", V4], "ipv6-record-route"),
    ],
)
def test_what_it_does_not(fields: list[str], name: str) -> None:
    assert rule(*fields) == name


def test_the_other_way_round_and_both() -> None:
    assert rule(V4, versions=(6,)) == "ipv4-contact"
    assert rule(V6, versions=(6,)) is None
    assert rule(V6, versions=(4, 6)) is None


def test_a_request_that_sets_no_target() -> None:
    assert rule(V6, method="OPTIONS") is None
