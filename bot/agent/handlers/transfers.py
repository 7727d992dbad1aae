"""Commands about call transfer: REFER (RFC 3515) sent to a peer, and the answer to one that waits."""

from __future__ import annotations

from bot.agent.handlers.dispatch import carry_out
from bot.agent.session import Session
from bot.agent.transfers import ask
from bot.ipc import AnswerRefer, Transfer

__all__: list[str] = []


@carry_out.register
def transfer(command: Transfer, session: Session) -> None:
    """Ask the peer of a call to place another one."""
    other = session.legs.numbered(command.to_call) if command.to_call is not None else None
    leg = session.legs.numbered(command.call)
    session.modules.headers.requested(leg.sdp.call_id, "REFER", command.headers)
    ask(leg, command, other)


@carry_out.register
def answer_refer(command: AnswerRefer, session: Session) -> None:
    """Decide about a REFER that waits; without a decision the settings of the endpoint count."""
    session.legs.numbered(command.call)
    if session.modules.decisions is not None:
        session.modules.decisions.decide(command)
