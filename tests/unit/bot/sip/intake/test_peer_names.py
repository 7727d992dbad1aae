"""The host names of a message that the library would resolve, and no others."""

from __future__ import annotations

import pytest

from bot.sip.intake import PeerNames, peer_names
from tests.fuzz import seeds
from tests.support.intake import message


def names(**kinds: set[str]) -> PeerNames:
    return PeerNames(**{kind: frozenset(found) for kind, found in kinds.items()})


@pytest.mark.parametrize(
    "fields",
    [
        "Contact: <sip:x@a.example:5070;transport=tcp>\r\n",
        "m: sip:x@A.Example\r\n",
        "Contact: sip:a.example;expires=60\r\n",
        "Contact: <sip:x;y=1@a.example?Subject=b.example>\r\n",
        "Record-Route: <sip:192.0.2.1;lr>, <sips:p@a.example.;lr>\r\n",
        "Service-Route: <sip:a.example;lr>\r\n",
        'r: "b.example" <sip:c@a.example?Replaces=1%%40b.example>\r\n',
        "Contact: <sip:x@192.0.2.1;maddr=a.example>\r\n",
    ],
)
def test_names_of_signalling(fields: str) -> None:
    assert peer_names(message("", fields=fields)) == names(signalling={"a.example"})


def test_the_maddr_of_the_top_via_of_a_request() -> None:
    data = message("").replace(b";rport", b";maddr=a.example;rport")
    assert peer_names(data).signalling == {"a.example"}
    response = b"SIP/2.0 200 OK\r\n" + data.partition(b"\r\n")[2]
    assert peer_names(response).signalling == set()


def test_names_of_media() -> None:
    body = (
        "v=0\r\no=- 1 1 IN IP4 o.example\r\ns=-\r\nc=IN IP4 a.example/127\r\nt=0 0\r\n"
        "m=audio 9 RTP/AVP 0\r\na=rtcp:9 IN IP4 b.example\r\n"
        "a=candidate:1 1 UDP 1 c.local 9 typ host\r\na=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n"
    )
    found = peer_names(message(body))
    assert found == names(connections={"a.example", "b.example"}, candidates={"c.local"})


def test_addresses_are_no_names() -> None:
    fields = "Record-Route: <sip:[2001:db8::1];lr>\r\nFrom: <sip:a@f.example>\r\n"
    body = seeds.DESCRIPTIONS[7] % {"host": "192.0.2.1", "media": 9}
    assert peer_names(message(body, fields=fields)) == names()
