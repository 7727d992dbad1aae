"""SIP MESSAGEs (RFC 3428) as they are received, and as they are sent outside calls.

The library sends a MESSAGE outside a call to a "buddy", an object that has to live until the answer.
"""

from __future__ import annotations

import time
from collections import OrderedDict

import pjsua2 as pj

from bot.agent.headers import tx_option
from bot.agent.trace import printable
from bot.ipc import MessageReceived, SendMessage

__all__ = ["Messenger", "instant_message", "received_message"]

REMEMBERED = 64
"""Recipients; the library has room for 256."""


class Messenger:
    """Sends MESSAGEs for an account; their answers come as its MessageAnswered events."""

    def __init__(self, account: pj.Account) -> None:
        self._account = account
        self._buddies: OrderedDict[str, pj.Buddy] = OrderedDict()

    def send(self, command: SendMessage) -> None:
        """Send a MESSAGE; raises pj.Error for an invalid URI."""
        buddy = self._buddies.get(command.uri)
        if buddy is None:
            settings = pj.BuddyConfig()
            settings.uri = command.uri
            buddy = pj.Buddy()
            buddy.create(self._account, settings)
            self._buddies[command.uri] = buddy
        self._buddies.move_to_end(command.uri)
        if len(self._buddies) > REMEMBERED:
            self._buddies.popitem(last=False)
        buddy.sendInstantMessage(instant_message(command))

    def close(self) -> None:
        """Drop the recipients, which must not outlive the library."""
        self._buddies.clear()


def instant_message(command: SendMessage) -> pj.SendInstantMessageParam:
    """The library's form of a MESSAGE."""
    prm = pj.SendInstantMessageParam()
    prm.contentType, prm.content = command.content_type, command.text
    prm.txOption = tx_option(command.headers)
    return prm


def received_message(prm: pj.OnInstantMessageParam) -> MessageReceived:
    """The event of a MESSAGE that arrived, in a dialog or outside one."""
    return MessageReceived(
        at=time.monotonic(),
        from_uri=printable(prm.fromUri),
        to_uri=printable(prm.toUri),
        content_type=printable(prm.contentType),
        body=printable(prm.msgBody),
    )
