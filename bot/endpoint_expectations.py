"""What can be expected of an endpoint outside of its calls: its registrations and its mailbox."""

from __future__ import annotations

import time
from collections.abc import Callable

from .deadline import TIMEOUT_S, Deadline
from .endpoint import Endpoint
from .errors import ExpectationFailed
from .events import ExpectationChecked, MessageWaiting, RegistrationChanged

__all__ = ["EndpointExpectation"]

REFUSED = 300


class EndpointExpectation:
    """Every ``timeout`` is in seconds; ``account`` is an identity, the first one when it is None."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    # ---- registrations

    def to_be_registered(
        self, account: str | None = None, *, expires_s: int | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The identity is, or gets, registered; ``expires_s`` is what the registrar granted."""

        def right() -> bool:
            heard = self._registration(account)
            return heard is not None and heard.active and expires_s in {None, heard.expires_s}

        def refused() -> bool:
            heard = self._registration(account)
            return heard is not None and not heard.active and heard.code >= REFUSED

        granted = f"registered for {expires_s} s" if expires_s is not None else "registered"
        self._await(
            "is registered",
            account,
            granted,
            self._registered,
            holds=right,
            timeout=timeout,
            hopeless=refused,
        )

    def not_to_be_registered(
        self, account: str | None = None, *, code: int | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The identity is not registered now; with a ``code``, the registrar refused it with that."""

        def heard() -> RegistrationChanged | None:
            return self._registration(account)

        def right() -> bool:
            last = heard()
            return last is not None and not last.active and last.code == code

        name = "is not registered"
        if code is None:
            last = heard()
            self._decide(name, account, last is None or not last.active, "no registration", self._registered)
        else:
            expected = f"refused with {code}"
            self._await(
                name,
                account,
                expected,
                self._registered,
                holds=right,
                timeout=timeout,
                hopeless=lambda: heard() is not None,
            )

    # ---- the mailbox

    def to_have_messages_waiting(
        self,
        *,
        new: int | None = None,
        old: int | None = None,
        account: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """What was last told of the mailbox, or is told, has so many messages; any state without numbers."""

        def right() -> bool:
            told = self._mailbox(account)
            if told is None or (new is None and old is None):
                return told is not None and told.waiting
            return new in {None, told.new} and old in {None, told.old}

        wanted = [f"{count} {kind}" for count, kind in ((new, "new"), (old, "old")) if count is not None]
        expected = ", ".join(wanted) or "messages waiting"
        self._await("has messages waiting", account, expected, self._told, holds=right, timeout=timeout)

    def not_to_have_messages_waiting(self, *, account: str | None = None, timeout: float = TIMEOUT_S) -> None:
        """What was last told of the mailbox, or is told, is that none wait."""

        def right() -> bool:
            told = self._mailbox(account)
            return told is not None and not told.waiting

        self._await("has no messages waiting", account, "none", self._told, holds=right, timeout=timeout)

    # ---- observed

    def _registration(self, account: str | None) -> RegistrationChanged | None:
        return self._endpoint.outside.registrations.get(self._endpoint.outside.named(account))

    def _mailbox(self, account: str | None) -> MessageWaiting | None:
        return self._endpoint.outside.mailboxes.get(self._endpoint.outside.named(account))

    def _registered(self, account: str | None) -> str:
        heard = self._registration(account)
        if heard is None:
            return "no word from a registrar"
        return f"{'registered' if heard.active else 'not registered'}: {heard.code} {heard.reason}" + (
            f", for {heard.expires_s} s" if heard.active else ""
        )

    def _told(self, account: str | None) -> str:
        told = self._mailbox(account)
        if told is None:
            return "nothing was told of the mailbox"
        counts = "" if told.new is None else f", {told.new} new and {told.old} old"
        return f"{'messages' if told.waiting else 'no messages'} waiting{counts}"

    # ---- the verdict

    def _await(
        self,
        name: str,
        account: str | None,
        expected: str,
        observe: Callable[[str | None], str],
        *,
        holds: Callable[[], bool],
        timeout: float,
        hopeless: Callable[[], bool] = lambda: False,
    ) -> None:
        self._endpoint.wait_until(lambda: holds() or hopeless(), Deadline(timeout))
        self._decide(name, account, holds(), expected, observe)

    def _decide(
        self,
        name: str,
        account: str | None,
        passed: bool,
        expected: str,
        observe: Callable[[str | None], str],
    ) -> None:
        """Write the verdict down and raise when it is a failure."""
        endpoint, observed = self._endpoint, observe(account)
        subject = f"{endpoint.name} {account}" if account else endpoint.name
        checked = ExpectationChecked(
            at=time.monotonic(),
            name=f"{subject} {name}",
            passed=passed,
            expected=expected,
            observed=observed,
        )
        endpoint.journal.append(endpoint.name, checked)
        if not passed:
            raise ExpectationFailed(f"{subject} {name}\nexpected: {expected}\nobserved: {observed}")
