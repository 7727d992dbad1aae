"""baresip in a call: it holds and is held, it transfers and is transferred.

Attended transfers are left out: baresip 1.0 calls the Refer-To without its Replaces, or nobody at all.
"""

from __future__ import annotations

from functools import partial

import pytest

from bot import Call, MediaDirection, expect
from bot.deadline import Deadline
from tests.support.baresip import Baresip
from tests.support.measuring import more_packets
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("baresip")

WAIT_S = 5.0


def call_of(baresip: Baresip, new_endpoint: NewEndpoint) -> Call:
    """A call with it; of one codec, for the library settles on one of several by a re-INVITE of its own."""
    endpoint = new_endpoint(name="us", codecs=["PCMU"], srtp="off", accept_transfers=True)
    call = endpoint.make_call(baresip.uri("plain"))
    expect(call).to_have_active_media()
    return call


def held_by(call: Call, holder: str | None) -> bool:
    return [line.on_hold for line in call.media] == [holder]


def test_baresip_holds_and_resumes(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    call = call_of(baresip, new_endpoint)
    baresip.command("hold")
    expect(call).to_have_active_media(direction="recvonly")
    assert call.endpoint.wait_until(partial(held_by, call, "remote"), Deadline(WAIT_S))
    baresip.command("resume")
    expect(call).to_have_active_media()
    more_packets(call)


@pytest.mark.parametrize("direction", [MediaDirection.SENDONLY, MediaDirection.INACTIVE])
def test_baresip_is_held(direction: MediaDirection, baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    call = call_of(baresip, new_endpoint)
    assert call.hold(direction=direction).wait(WAIT_S) == 200
    expect(call).to_have_active_media(direction=direction)
    assert call.unhold().wait(WAIT_S) == 200
    expect(call).to_have_active_media()
    more_packets(call)


def test_baresip_transfers_us(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    call, third = call_of(baresip, new_endpoint), new_endpoint(name="third")
    with third.expect_call(timeout=WAIT_S) as incoming:
        baresip.command("transfer", third.uri)
    incoming.value.answer()
    expect(call).to_have_been_transferred(to="sip:third@")
    expect(call).to_be_disconnected(code=200, by="remote")  # once it was told 200
    assert call.transferred_to is not None
    for one in (call.transferred_to, incoming.value):
        more_packets(one)


def test_baresip_is_transferred(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    call, third = call_of(baresip, new_endpoint), new_endpoint(name="third")
    with third.expect_call(timeout=WAIT_S) as incoming:
        transfer = call.transfer(third.uri)
    incoming.value.answer()
    assert (transfer.refer.wait(WAIT_S), transfer.wait(WAIT_S)) == (202, 200)
    expect(call).to_have_transferred()
    call.hangup()
    more_packets(incoming.value)
    expect(incoming.value).to_be_confirmed()


def test_baresip_says_that_the_target_is_busy(baresip: Baresip, new_endpoint: NewEndpoint) -> None:
    call, third = call_of(baresip, new_endpoint), new_endpoint(name="third")
    with third.expect_call(timeout=WAIT_S) as incoming:
        transfer = call.transfer(third.uri)
    incoming.value.answer(486)
    assert transfer.wait(WAIT_S, code=486) == 486
    more_packets(call)
