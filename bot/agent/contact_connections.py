"""Connections to where a peer says: none is made for a peer's Contact or Via.

A request in a dialog that the peer began goes by the connection that its INVITE came by (RFC 5923), whatever
its Contact says, and so does no other message of that dialog. Without that connection the message is
dropped and counted. Requests that this side begins connect to where the user says.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from bot.agent.connections import Connection, Connections
from bot.agent.legs import Legs
from bot.agent.native.detour import Detour
from bot.agent.native.library import Exported, MissingSymbol, Pointer
from bot.agent.native.received import Origin
from bot.agent.native.structs import SentMessage
from bot.agent.native.transports import CONNECTIONS, Selector, address_of, remote_of
from bot.sip import Message

__all__ = ["ContactConnections"]

RULE = "contact-connection"
NOT_AVAILABLE = 171065
"""PJSIP_ETPNOTAVAIL of pjsip/sip_errno.h."""
LONGEST_MESSAGE = 65_536
OURS = 1024
"""Dialogs outside of calls that are remembered."""
PONG = b"\r\n"
"""The answer to a keep-alive on a connection; nothing else that is sent is as short."""
TAGGED = re.compile(r";[ \t]*tag[ \t]*=", re.IGNORECASE)


class Asked(NamedTuple):
    """A message that needs a connection."""

    name: str
    """The method, or ``response``."""
    call_id: str
    begins: bool
    """Whether it is a request outside of dialogs."""


class ContactConnections:
    """Notes the connections that this side makes; raises MissingSymbol where this build has no way to."""

    def __init__(
        self,
        c: Exported,
        connections: Connections,
        legs: Legs,
        reached: Callable[[str, str, str], None],
        *,
        allowed: bool,
    ) -> None:
        """``allowed``: a connection may be made to where a peer says."""
        c.require("pjsip_msg_print")
        SentMessage.require_layout()
        self._print = c.pjsip_msg_print
        self._connections, self._legs, self._reached = connections, legs, reached
        self._allowed = allowed
        self._ours: OrderedDict[str, None] = OrderedDict()
        self._buffer = ctypes.create_string_buffer(LONGEST_MESSAGE)
        self._origin = Origin()
        self._detours = [
            Detour(c, "pjsip_tpmgr_acquire_transport2", self._acquire),
            Detour(c, "pjsip_tpmgr_receive_packet", self._receive),
            Detour(c, "pjsua_acc_create_uas_contact", self._answer),
            Detour(c, "pjsua_call_on_incoming", self._answer),
        ]
        self._answering = False
        self._note_keep_alives(c)

    def _note_keep_alives(self, c: Exported) -> None:
        """Newer versions answer a keep-alive (RFC 5626 4.4.1) without passing it to the transport manager.

        A build without TLS does not call the functions of TLS.
        """
        for kind in ("pj_activesock", "pj_ssl_sock"):
            with contextlib.suppress(MissingSymbol):
                owner = c[f"{kind}_get_user_data"]
                self._detours.append(Detour(c, f"{kind}_send", partial(self._send, owner)))

    def _send(self, owner: Callable[[int], int | None], original: Callable[..., int], *given: Any) -> int:
        connection, _, _, size, _ = given
        if size and ctypes.c_ssize_t.from_address(size).value == len(PONG):
            self._connections.heard(owner(connection) or 0)
        return original(*given)

    def _answer(self, original: Callable[..., int], *arguments: int) -> int:
        """The library makes its Contact for a peer, and would connect to the peer's to learn its own port."""
        within, self._answering = self._answering, True
        try:
            return original(*arguments)
        finally:
            self._answering = within

    def _receive(self, original: Callable[..., int], manager: int, rdata: int) -> int:
        self._connections.heard(self._origin.transport(rdata))
        return original(manager, rdata)

    def _acquire(self, original: Callable[..., int], *arguments: Any) -> int:
        manager, kind, remote, length, selector, tdata, found = arguments
        if kind not in CONNECTIONS:
            return original(*arguments)
        peer = address_of(remote)
        if self._answering and not self._allowed and self._connections.to(peer) is None:
            return NOT_AVAILABLE  # the listening port will do
        asked = self._asked(tdata) if tdata else None
        if asked is not None and not self._may_connect(asked):
            if (connection := self._connection(asked)) is not None:
                chosen = Selector.of(connection.transport)
                kind, selector = remote_of(connection.transport)[0], ctypes.addressof(chosen)
            elif self._connections.to(peer) is None:
                self._reached(RULE, peer, f"{asked.name}: no connection is made to where a peer says")
                return NOT_AVAILABLE
        status = original(manager, kind, remote, length, selector, tdata, found)
        if status == 0:
            self._connections.is_made_by_us(Pointer.from_address(found).value or 0, peer)
        return status

    def _asked(self, tdata: int) -> Asked | None:
        message = SentMessage.from_address(tdata).message
        if not message:
            return None
        size = self._print(ctypes.addressof(message.contents), self._buffer, LONGEST_MESSAGE)
        text = Message.parse(ctypes.string_at(self._buffer, max(0, size)).decode("utf-8", "replace"))
        begins = text.is_request and not TAGGED.search(text.header("To") or "")
        return Asked(text.method or "response", text.call_id or "", begins)

    def _may_connect(self, asked: Asked) -> bool:
        if self._allowed:
            return True
        if asked.begins:
            self._ours[asked.call_id] = None
            self._ours.move_to_end(asked.call_id)
            if len(self._ours) > OURS:
                self._ours.popitem(last=False)
        return asked.name != "response" and (
            asked.call_id in self._ours or self._legs.is_outgoing(asked.call_id)
        )

    def _connection(self, asked: Asked) -> Connection | None:
        connection = self._legs.connection(asked.call_id) if asked.name != "response" else None
        return connection if connection is not None and connection.is_open else None
