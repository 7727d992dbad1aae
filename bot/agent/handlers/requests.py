"""Commands that send a request of any method, or a MESSAGE (RFC 3428), in a dialog or outside one."""

from __future__ import annotations

import pjsua2 as pj

from bot.agent.handlers.dispatch import carry_out
from bot.agent.instant_messages import instant_message
from bot.agent.requests import tx_request
from bot.agent.session import Session
from bot.ipc import SendMessage, SendRequest

__all__: list[str] = []


@carry_out.register
def send_message(command: SendMessage, session: Session) -> None:
    """Send a MESSAGE."""
    if command.call is None:
        session.messenger.send(command)
    else:
        session.legs.numbered(command.call).live.sendInstantMessage(instant_message(command))


@carry_out.register
def send_request(command: SendRequest, session: Session) -> None:
    """Send a request; this thread resolves a host name, so the parent gets a longer wait."""
    if command.call is not None:
        request = pj.CallSendRequestParam()
        request.method, request.txOption = command.method, tx_request(command)
        session.legs.numbered(command.call).live.sendRequest(request)
        return
    if command.resolve_s:
        session.loop.beat(command.resolve_s)
    session.requests.send(session.accounts.named(command.account), command)
