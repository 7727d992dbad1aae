"""Handlers of the steps in a confirmed call: hold, unhold, reinvite, update, transfer."""

from __future__ import annotations

from bot.deadline import Deadline
from bot.errors import CallFailed, WaitTimeout
from bot.model import MediaDirection
from bot.scenario import model
from bot.scenario.context import ScenarioContext
from bot.scenario.types import is_yes
from bot.sip import StatusCode, is_success
from bot.ua import ANY, Call, ExpectedCode, SentRequest

__all__ = ["hold", "reinvite", "transfer", "unhold", "update"]


def hold(context: ScenarioContext, step: model.Hold, deadline: Deadline) -> None:
    """Put the peer on hold."""
    call = context.call(step.on, deadline)
    direction = MediaDirection(step.direction) if step.direction is not None else None
    sent = call.hold(direction=direction, headers=step.headers)
    if is_success(answered(sent, step.code, deadline)):
        wait_for_hold(call, True, deadline)


def unhold(context: ScenarioContext, step: model.Unhold, deadline: Deadline) -> None:
    """Resume the peer."""
    call = context.call(step.on, deadline)
    if is_success(answered(call.unhold(headers=step.headers), step.code, deadline)):
        wait_for_hold(call, False, deadline)


def reinvite(context: ScenarioContext, step: model.Reinvite, deadline: Deadline) -> None:
    """Send a re-INVITE (RFC 3261 section 14)."""
    sent = context.call(step.on, deadline).reinvite(
        direction=step.direction,
        codecs=step.codecs,
        offer=is_yes(step.offer),
        rekey=is_yes(step.rekey),
        headers=step.headers,
    )
    answered(sent, step.code, deadline)


def update(context: ScenarioContext, step: model.Update, deadline: Deadline) -> None:
    """Send UPDATE (RFC 3311)."""
    sent = context.call(step.on, deadline).update(
        direction=step.direction, codecs=step.codecs, rekey=is_yes(step.rekey), headers=step.headers
    )
    answered(sent, step.code, deadline)


def transfer(context: ScenarioContext, step: model.Transfer, deadline: Deadline) -> None:
    """Send REFER (RFC 3515) for a blind or an attended transfer."""
    call = context.call(step.on, deadline)
    if step.to_call is not None:
        transfer = call.transfer_to(context.call(step.to_call, deadline), headers=step.headers)
    else:
        transfer = call.transfer(context.uri(step.to or ""), headers=step.headers)
    if is_yes(step.wait):
        transfer.wait(deadline.left, code=step.code)
    elif step.code is not None:
        transfer.refer.wait(deadline.left, code=step.code)


def answered(sent: SentRequest, expected: ExpectedCode, deadline: Deadline) -> int:
    """Wait for the expected final response; after an unexpected 491 (glare) the request is sent again."""
    return sent.wait(deadline.left, code=expected, retry=expected not in {ANY, StatusCode.REQUEST_PENDING})


def wait_for_hold(call: Call, held: bool, deadline: Deadline) -> None:
    """Wait until this side has all streams on hold, or with ``held`` false none."""

    def still_possible() -> None:
        if call.facts.ended is not None:
            raise CallFailed(f"{call}: the call ended: {call.facts.ended_text}")

    def done() -> bool:
        return bool(call.media) and all((line.on_hold == "local") is held for line in call.media)

    if not call.endpoint.wait_until(done, deadline, still_possible):
        holds = ", ".join(line.on_hold or "none" for line in call.media) or "none"
        raise WaitTimeout(f"{call}: the re-INVITE had no effect; sides that hold: {holds}")
