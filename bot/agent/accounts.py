"""The identities of an agent as the library's accounts: made, found by name, registered, taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.account import Account, OnCall, account_settings
from bot.agent.library import Library
from bot.agent.loop import Loop
from bot.agent.refusal import Refused
from bot.config import EndpointConfig
from bot.events import Wired
from bot.identity import address_of_record

__all__ = ["Accounts"]


class Accounts:
    """By address of record, the endpoint's own first."""

    def __init__(
        self,
        config: EndpointConfig,
        library: Library,
        loop: Loop,
        report: Callable[[Wired], None],
        on_call: OnCall,
    ) -> None:
        listener = library.listeners[0]
        self._by_name: dict[str, Account] = {}
        for identity in (config, *config.accounts):
            id_uri = identity.address(f"sip:{config.name}@{listener.host}:{listener.port}")
            name = address_of_record(id_uri)
            account = self._by_name[name] = Account(identity, name, loop, report, on_call)
            account.create(account_settings(config, identity, id_uri, library.transport_ids))

    @property
    def first(self) -> Account:
        """The endpoint's own."""
        return next(iter(self._by_name.values()))

    def named(self, name: str) -> Account:
        """The account with that address of record; the first one when it is empty."""
        if name and name not in self._by_name:
            raise Refused("config", f"there is no identity {name!r}; there is {', '.join(self._by_name)}")
        return self._by_name[name] if name else self.first

    def leave(self) -> None:
        """Take every registration back; the answers come while the library turns."""
        for account in self._by_name.values():
            if account.registered:
                with contextlib.suppress(pj.Error, Refused):
                    account.register(on=False)

    @property
    def registered(self) -> bool:
        """Whether a registrar still knows of any."""
        return any(account.registered for account in self._by_name.values())

    def close(self) -> None:
        """Nothing is sent any more; the native objects have to outlive the library, which asks for them."""
        for account in self._by_name.values():
            account.close()
