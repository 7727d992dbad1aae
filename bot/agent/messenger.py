"""MESSAGEs outside a call (RFC 3428): the library sends them to a "buddy", who must live until the answer."""

from __future__ import annotations

from collections import OrderedDict

import pjsua2 as pj

from bot.agent.account import Account
from bot.agent.call import tx_option
from bot.commands import SendMessage

__all__ = ["Messenger", "instant_message"]

REMEMBERED = 64
"""Recipients; the library has room for 256."""


class Messenger:
    """Sends MESSAGEs for an account; their answers come as its MessageAnswered events."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._buddies: OrderedDict[str, pj.Buddy] = OrderedDict()

    def send(self, command: SendMessage) -> None:
        """Send one; pj.Error when the URI is none."""
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


def instant_message(command: SendMessage) -> pj.SendInstantMessageParam:
    """The library's form of a MESSAGE."""
    prm = pj.SendInstantMessageParam()
    prm.contentType, prm.content = command.content_type, command.text
    prm.txOption = tx_option(command.headers)
    return prm
