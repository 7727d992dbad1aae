"""bot.agent.bindings: whether our Contact is among those that a registrar lists."""

from __future__ import annotations

import pytest

from bot.agent.bindings import Bindings
from bot.sip import Message

SENT = (
    "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5070\r\nCall-ID: 1@h\r\nCSeq: 2 REGISTER\r\n"
    'Contact: <sip:alice@10.0.0.2:5070;ob>;+sip.instance="<urn:uuid:1>"\r\nExpires: 300\r\n\r\n'
)


def missing(contact: str, *, via: str = "", sent: str = SENT) -> str:
    bindings = Bindings()
    bindings.sent(sent)
    return bindings.missing(
        Message.parse(
            f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.2:5070{via}\r\nCall-ID: 1@h\r\nCSeq: 2 REGISTER\r\n"
            f"{contact}\r\n"
        )
    )


@pytest.mark.parametrize(
    ("contact", "via"),
    [
        ("", ""),
        ("Contact: <sip:alice@10.0.0.2:5070;ob>;expires=300\r\n", ""),
        ("Contact: sip:alice@10.0.0.2:5070;expires=60\r\n", ""),
        ('Contact: <sip:bob@h>, "A, B" <sip:alice@10.0.0.2:5070>\r\n', ""),
        ("Contact: <sip:bob@h>\r\nm: <sip:alice@10.0.0.2:5070>\r\n", ""),
        ("Contact: <sip:alice@192.0.2.9:4711>\r\n", ";received=192.0.2.9;rport=4711"),
    ],
)
def test_ours_is_listed(contact: str, via: str) -> None:
    assert missing(contact, via=via) == ""


@pytest.mark.parametrize(
    "contact", ["<sip:alice@10.0.0.2:5071>", "<sip:bob@10.0.0.2:5070>", "<sip:alice@h>;q=1, <sip:a@b>"]
)
def test_only_others_are_listed(contact: str) -> None:
    reason = missing(f"Contact: {contact}\r\n")
    assert reason.startswith(f"the registrar lists only other Contacts: {contact}; not ours: <sip:alice@10.")


def test_who_takes_a_registration_back_is_not_listed() -> None:
    assert missing("Contact: <sip:bob@h>\r\n", sent=SENT.replace("Expires: 300", "Expires: 0")) == ""
