"""bot.transaction: which exchanges of a call are still open, read from its messages."""

from __future__ import annotations

from bot.transaction import is_renegotiating
from tests.bot.fakes import PEER, Rig, message

IN_DIALOG = {"To": f"<{PEER}>;tag=1"}


def test_our_exchange_is_open_until_its_final_response(rig: Rig) -> None:
    line = rig.confirmed()
    known = line.call.known
    assert not is_renegotiating(known)
    for number, method in enumerate(("INVITE", "UPDATE"), start=10):
        line.sent(message(f"{method} {PEER} SIP/2.0", line.dialog, f"{number} {method}", IN_DIALOG))
        assert is_renegotiating(known)
        line.received(message("SIP/2.0 100 Trying", line.dialog, f"{number} {method}", IN_DIALOG))
        assert is_renegotiating(known)
        line.received(message("SIP/2.0 491 Request Pending", line.dialog, f"{number} {method}", IN_DIALOG))
        assert not is_renegotiating(known)


def test_the_peers_is_open_until_its_ack_or_our_refusal(rig: Rig) -> None:
    line = rig.confirmed()
    known = line.call.known
    for number, answer in ((3, "200 OK"), (4, "488 Not Acceptable Here")):
        line.received(message("INVITE sip:a@h SIP/2.0", line.dialog, f"{number} INVITE", IN_DIALOG))
        assert is_renegotiating(known)
        line.sent(message(f"SIP/2.0 {answer}", line.dialog, f"{number} INVITE", IN_DIALOG))
        assert is_renegotiating(known) is (number == 3)
        line.received(message("ACK sip:a@h SIP/2.0", line.dialog, f"{number} ACK", IN_DIALOG))
        assert not is_renegotiating(known)
