"""What steps do in a call that is up: hold, resume, negotiate anew, transfer; and when each is done."""

from __future__ import annotations

from bot.call import Call
from bot.deadline import Deadline
from bot.errors import CallFailed, WaitTimeout
from bot.model import MediaDirection
from bot.scenario import model
from bot.scenario.stage import Stage
from bot.scenario.terms import is_yes
from bot.transaction import GLARE, Sent

__all__ = ["hold", "reinvite", "transfer", "unhold", "update"]


def hold(stage: Stage, said: model.Hold, deadline: Deadline) -> None:
    """Hold the peer."""
    held = stage.call(said.on, deadline)
    direction = MediaDirection(said.direction) if said.direction is not None else None
    answered(said.on, held.hold(direction=direction, headers=said.headers), 200, deadline)
    held_by_us(held, True, deadline)


def unhold(stage: Stage, said: model.Unhold, deadline: Deadline) -> None:
    """Hold the peer no longer."""
    held = stage.call(said.on, deadline)
    answered(said.on, held.unhold(headers=said.headers), 200, deadline)
    held_by_us(held, False, deadline)


def reinvite(stage: Stage, said: model.Reinvite, deadline: Deadline) -> None:
    """Negotiate anew by a re-INVITE."""
    sent = stage.call(said.on, deadline).reinvite(
        direction=said.direction,
        codecs=said.codecs,
        offer=is_yes(said.offer),
        rekey=is_yes(said.rekey),
        headers=said.headers,
    )
    answered(said.on, sent, said.code, deadline)


def update(stage: Stage, said: model.Update, deadline: Deadline) -> None:
    """Negotiate anew by an UPDATE."""
    sent = stage.call(said.on, deadline).update(
        direction=said.direction, codecs=said.codecs, rekey=is_yes(said.rekey), headers=said.headers
    )
    answered(said.on, sent, said.code, deadline)


def transfer(stage: Stage, said: model.Transfer, deadline: Deadline) -> None:
    """Ask the peer to call somebody else, or to take the place of another call."""
    asked = stage.call(said.on, deadline)
    if said.to_call is not None:
        transferral = asked.transfer_to(stage.call(said.to_call, deadline), headers=said.headers)
    else:
        transferral = asked.transfer(stage.uri(said.to or ""), headers=said.headers)
    if is_yes(said.wait):
        code, target = transferral.wait(deadline.left), said.to_call or said.to
        if said.code not in {None, code}:
            raise CallFailed(f"{said.on}: the transfer to {target} came to {code}, expected {said.code}")


def answered(on: str, sent: Sent, expected: int | None, deadline: Deadline) -> None:
    """Wait for the peer's answer, which has to be the one expected; glare is none unless it is."""
    code = sent.wait(deadline.left, retry=expected not in {None, GLARE})
    if expected not in {None, code}:
        raise CallFailed(f"{on}: {sent.method} was answered with {code}, expected {expected}")


def held_by_us(call: Call, held: bool, deadline: Deadline) -> None:
    """Wait until what was agreed on is in effect."""

    def still_possible() -> None:
        if (end := call.known.ended) is not None:
            raise CallFailed(f"{call}: the call ended: {end.code} {end.reason}")

    def done() -> bool:
        return bool(call.media) and all((line.on_hold == "local") is held for line in call.media)

    if not call.host.wait_until(done, deadline, still_possible):
        holds = [line.on_hold or "nobody" for line in call.media]
        raise WaitTimeout(f"{call}: the re-INVITE had no effect; on hold by {', '.join(holds) or 'nobody'}")
