"""REFER in a call (RFC 3515, RFC 5589): blind and attended transfers, progress, refusals, Referred-By."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import Call, CallEnded, CallFailed, CallState, ConfigError, Controller, ExpectationFailed, expect
from bot.sip.message import Message
from tests.support.starting import LOOPBACK, NewEndpoint, connect, until
from tests.support.transferring import hear_each_other, received, sent_by, tag_of, triangle

WAIT_S = 5.0


def test_a_blind_transfer_is_told_of_step_by_step(new_endpoint: NewEndpoint) -> None:
    a, b, c = new_endpoint(name="a"), new_endpoint(name="b", accept_transfers=True), new_endpoint(name="c")
    outgoing, answered = connect(a, b)
    with c.expect_call(timeout=WAIT_S) as incoming:
        transfer = outgoing.transfer(c.uri)
    reached = incoming.value.ring()
    until(outgoing, lambda: 180 in transfer.progress)
    until(answered, lambda: answered.transferred_to is not None)
    assert answered.transferred_to is not None
    expect(answered.transferred_to).to_be_ringing()
    reached.answer()
    assert (transfer.refer.wait(WAIT_S), transfer.wait(WAIT_S)) == (202, 200)
    assert list(dict.fromkeys(transfer.progress)) == [100, 180, 200]
    expect(outgoing).to_have_transferred()
    expect(answered).to_have_been_transferred(to="sip:c@")

    notified = [text.partition("\r\n\r\n")[2].strip() for text in received(outgoing, "NOTIFY ")]
    assert list(dict.fromkeys(notified)) == ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"]
    states = [Message.parse(text).header("Subscription-State") for text in received(outgoing, "NOTIFY ")]
    assert [state.partition(";")[0] for state in states if state] == ["active"] * (len(states) - 1) + [
        "terminated"
    ]
    [refer] = sent_by(outgoing, "REFER ")
    [invite] = received(reached, "INVITE ")
    assert Message.parse(refer).header("Refer-To") == f"<{c.uri}>"
    referred_by = Message.parse(refer).header("Referred-By")
    assert referred_by == f"sip:a@{LOOPBACK}:{a.uri.rpartition(':')[2]}"
    assert Message.parse(invite).header("Referred-By") == referred_by

    new = answered.transferred_to
    assert new is not None
    assert (new.transferred_from, new.endpoint, new.direction) == (answered, b, "outgoing")
    assert new.facts.sip_call_id != answered.facts.sip_call_id
    outgoing.hangup()
    expect(answered).to_be_disconnected(by="remote")
    for call in (new, reached):
        expect(call).to_have_received_packets(at_least=5)


def test_referred_by_is_what_was_said(new_endpoint: NewEndpoint) -> None:
    a, b, c = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, _ = connect(a, b)
    with c.expect_call(timeout=WAIT_S) as incoming:
        outgoing.transfer(c.uri, headers={"Referred-By": "<sip:boss@example.org>"})
    [refer] = sent_by(outgoing, "REFER ")
    assert Message.parse(refer).headers("Referred-By") == ["<sip:boss@example.org>"]
    expect(incoming.value).to_have_header("Referred-By", "<sip:boss@example.org>", on="INVITE")


@pytest.mark.parametrize("code", [486, 603])
def test_the_target_refuses(code: int, new_endpoint: NewEndpoint) -> None:
    a, b, c = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, answered = connect(a, b)
    with c.expect_call(timeout=WAIT_S) as incoming:
        transfer = outgoing.transfer(c.uri)
    incoming.value.answer(code)
    assert transfer.wait(WAIT_S, code=code) == code
    assert received(outgoing, "NOTIFY ")[-1].partition("\r\n\r\n")[2].startswith(f"SIP/2.0 {code} ")
    expect(outgoing).to_have_transferred(code=code)
    with pytest.raises(ExpectationFailed, match=f"can no longer come true: the peer's call came to {code}"):
        expect(outgoing).to_have_transferred()
    with pytest.raises(ExpectationFailed, match=f"observed: .*, DISCONNECTED {code}"):
        expect(answered).to_have_been_transferred(timeout=0.5)  # another REFER might come
    for call in (outgoing, answered):
        expect(call).to_have_active_media()  # as if nothing had been asked

    with c.expect_call(timeout=WAIT_S) as incoming:  # another one begins with a clean slate
        again = outgoing.transfer(c.uri)
    assert 486 not in again.progress
    incoming.value.answer()
    assert again.wait(WAIT_S) == 200
    expect(outgoing).to_have_transferred()
    expect(answered).to_have_been_transferred()


def test_a_peer_that_does_not_accept_transfers(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    transfer = outgoing.transfer(f"sip:anyone@{LOOPBACK}:9")
    assert transfer.wait(WAIT_S, code=603) == 603
    expect(outgoing).to_have_transferred(code=603)
    with pytest.raises(ExpectationFailed, match="the peer refused the REFER with 603"):
        expect(outgoing).to_have_transferred()
    with pytest.raises(ExpectationFailed, match="no call was made, and the REFER was answered with 603"):
        expect(answered).to_have_been_transferred(timeout=0.1)
    for call in (outgoing, answered):
        expect(call).to_have_active_media()


def test_a_refer_to_what_cannot_be_called(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(accept_transfers=True)
    outgoing, answered = connect(new_endpoint(), callee)
    assert outgoing.transfer(f"sip:anyone@{LOOPBACK}:9;transport=tcp").wait(WAIT_S, code="any") >= 500
    for call in (outgoing, answered):
        expect(call).to_have_active_media()
    callee.close()
    assert callee.failure is None


def test_a_call_that_ends_before_the_outcome(new_endpoint: NewEndpoint) -> None:
    a, b, c = new_endpoint(), new_endpoint(accept_transfers=True), new_endpoint()
    outgoing, answered = connect(a, b)
    with c.expect_call(timeout=WAIT_S) as incoming:
        transfer = outgoing.transfer(c.uri)
    outgoing.hangup()
    with pytest.raises(CallEnded, match="before the outcome of the transfer was known"):
        transfer.wait(WAIT_S)
    incoming.value.answer()
    expect(answered).to_have_been_transferred()  # it goes on for itself


def test_a_controller_hears_of_the_call_that_it_makes(new_endpoint: NewEndpoint) -> None:
    class Clerk(Controller):
        def __init__(self) -> None:
            self.seen: list[tuple[str, Call]] = []

        def on_incoming_call(self, call: Call) -> None:
            self.seen.append(("incoming", call))
            call.answer()

        def on_transfer(self, call: Call) -> None:
            self.seen.append(("transfer", call))

        def on_replaced(self, call: Call) -> None:
            self.seen.append(("replaced", call))

    clerk, target = Clerk(), Clerk()
    a = new_endpoint(name="a")
    b = new_endpoint(name="b", accept_transfers=True, controller=clerk)
    c = new_endpoint(name="c", accept_transfers=True, controller=target)
    to_b, to_c = a.make_call(b.uri), a.make_call(c.uri)
    for call in (to_b, to_c):
        expect(call).to_have_active_media()
    assert to_b.transfer_to(to_c).wait(WAIT_S) == 200
    until(b, lambda: len(clerk.seen) == 2)
    until(c, lambda: len(target.seen) == 2)
    assert [what for what, _ in clerk.seen] == ["incoming", "transfer"]
    assert [what for what, _ in target.seen] == ["incoming", "replaced"]
    assert clerk.seen[1][1].transferred_from is clerk.seen[0][1]
    assert target.seen[1][1].replaces is target.seen[0][1]
    assert b.failure is None


def test_an_attended_transfer_connects_the_peers(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    here = triangle(new_endpoint)
    here.to_b.hold().wait(WAIT_S)
    here.to_c.hold().wait(WAIT_S)
    with here.c.expect_call(timeout=WAIT_S) as arrived:
        transfer = here.to_b.transfer_to(here.to_c)
    assert (transfer.wait(WAIT_S), transfer.progress[-1]) == (200, 200)
    expect(here.to_b).to_have_transferred()
    expect(here.at_b).to_have_been_transferred(to="sip:c@")
    expect(here.at_c).to_have_been_replaced()
    expect(here.to_c).to_be_disconnected(by="remote")
    expect(here.at_c).to_be_disconnected(code=200, by="local")
    at_b, at_c = here.at_b.transferred_to, here.at_c.replaced_by
    assert at_b is not None
    assert at_c is not None
    assert (arrived.value, at_c.replaces, at_c.direction) == (at_c, here.at_c, "incoming")
    assert at_b.facts.sip_call_id == at_c.facts.sip_call_id

    refer, invite = (
        Message.parse(sent_by(here.to_b, "REFER ")[0]),
        Message.parse(received(at_c, "INVITE ")[0]),
    )
    replaced = Message.parse(sent_by(here.to_c, "ACK ")[0])  # the dialog, as A sees it
    assert invite.header("Replaces") == (
        f"{replaced.header('Call-ID')};to-tag={tag_of(replaced.header('To'))}"
        f";from-tag={tag_of(replaced.header('From'))}"
    )
    assert invite.header("Require") == "replaces"
    assert re.search(
        r"\?Require=replaces&Replaces=.*%3Bto-tag%3D.*%3Bfrom-tag%3D", refer.header("Refer-To") or ""
    )
    assert invite.header("Referred-By") == refer.header("Referred-By")

    here.to_b.hangup()
    expect(here.at_b).to_be_disconnected(by="remote")
    assert here.a.calls == []
    hear_each_other(at_b, at_c, tmp_path)
    at_b.hangup()
    expect(at_c).to_be_disconnected(code=200, by="remote")


def test_calls_that_cannot_be_connected(new_endpoint: NewEndpoint) -> None:
    a, b = new_endpoint(), new_endpoint()
    outgoing, answered = connect(a, b)
    for other in (outgoing, answered):
        with pytest.raises(ConfigError, match="expected two calls of one endpoint"):
            outgoing.transfer_to(other)
    with b.expect_call() as incoming:
        ringing = a.make_call(b.uri)
    incoming.value.ring()
    expect(ringing).to_be_ringing()
    with pytest.raises(CallFailed, match="call 2 is EARLY; only a confirmed one can be handed over"):
        outgoing.transfer_to(ringing)
    ringing.hangup()
    ringing.wait(CallState.DISCONNECTED)
    with pytest.raises(CallEnded):
        outgoing.transfer_to(ringing)


@pytest.mark.parametrize("form", ["{}", "<{}>", '"C" <{}>'])
def test_the_uri_of_a_refer_to_is_in_brackets(form: str, new_endpoint: NewEndpoint) -> None:
    a, b, c = new_endpoint(), new_endpoint(accept_transfers=False), new_endpoint()
    outgoing, _ = connect(a, b)
    outgoing.transfer(form.format(c.uri)).refer.wait(5.0, code=603)
    [refer] = [one.message for one in outgoing.facts.messages if one.sent and one.message.method == "REFER"]
    assert (refer.header("Refer-To") or "").endswith(f"<{c.uri}>")
