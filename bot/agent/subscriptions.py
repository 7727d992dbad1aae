"""Subscriptions to presence (RFC 3856): the "buddies" of the library, which must end before it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.callbacks import guarded
from bot.agent.trace import printable
from bot.ipc import PresenceChanged, Wired
from bot.sip import redact

__all__ = ["Watcher"]

OPEN = {pj.PJSUA_BUDDY_STATUS_ONLINE: True, pj.PJSUA_BUDDY_STATUS_OFFLINE: False}


class Watcher(pj.Buddy):
    """A subscription to a resource; reports each NOTIFY. The library refreshes the subscription."""

    def __init__(self, account: pj.Account, name: str, uri: str, report: Callable[[Wired], None]) -> None:
        super().__init__()
        self.report = report
        self._name = name
        self._uri = uri
        settings = pj.BuddyConfig()
        settings.uri, settings.subscribe = uri, True
        self.create(account, settings)

    @guarded
    def onBuddyState(self) -> None:
        info = self.getInfo()
        if info.subState == pj.PJSIP_EVSUB_STATE_SENT:
            return  # newer versions call back before the response has come
        self.report(
            PresenceChanged(
                at=time.monotonic(),
                account=self._name,
                uri=redact(self._uri),
                is_open=OPEN.get(info.presStatus.status),
                note=printable(info.presStatus.note),
                subscription=info.subStateName.lower(),
                code=info.subTermCode,
                reason=printable(info.subTermReason),
            )
        )

    def leave(self) -> None:
        """Take the subscription back; the answer comes while the library turns."""
        with contextlib.suppress(pj.Error):
            self.subscribePresence(False)
