"""Expectations of an endpoint outside its calls: registrations, mailboxes, SIP MESSAGE."""

from __future__ import annotations

from collections.abc import Callable

from bot.deadline import TIMEOUT_S, Deadline
from bot.expectations.definition import expectation
from bot.expectations.values import Mailbox, PatternText, properties
from bot.expectations.verdict import Hopeless, Subject
from bot.ipc import MessageWaiting, RegistrationChanged
from bot.pattern import Pattern
from bot.sip import ended_text, is_success
from bot.ua import Endpoint

__all__ = ["EndpointExpectation"]


class EndpointExpectation:
    """Every ``timeout`` is in seconds; ``account`` is an AOR or a user, None the first account."""

    def __init__(self, endpoint: Endpoint, *, soft: bool = False) -> None:
        self._endpoint = endpoint
        self._soft = soft

    # ---- registrations

    @expectation("registered", parameter=None, negative="not_to_be_registered")
    def to_be_registered(
        self, account: str | None = None, *, expires_s: int | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The account is, or gets, registered.

        ``expires_s`` is the interval that the registrar granted, in seconds (RFC 3261 10.2.1.1).
        """

        def right() -> bool:
            registration = self._registration(account)
            return (
                registration is not None
                and registration.active
                and expires_s in {None, registration.expires_s}
            )

        def refused() -> str | None:
            registration = self._registration(account)
            if registration is None or registration.active:
                return None
            if is_success(registration.code):
                return "the registrar has bound other Contacts" if registration.unbound else None
            return "the registrar refused" if registration.code else "the registrar did not answer"

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
        """The account is not registered now; with a ``code``, the registrar refused it with that code."""

        def heard() -> RegistrationChanged | None:
            return self._registration(account)

        def right() -> bool:
            last = heard()
            return last is not None and not last.active and last.code == code

        name = "is not registered"
        if code is None:
            last = heard()
            observed = self._registered(account)
            self._subject(account).decide(name, last is None or not last.active, "no registration", observed)
        else:
            expected = f"refused with {code}"
            self._await(
                name,
                account,
                expected,
                self._registered,
                holds=right,
                timeout=timeout,
                hopeless=lambda: "the registrar answered otherwise" if heard() is not None else None,
            )

    # ---- the mailbox

    @expectation("mailbox", parameter=None, value=Mailbox, each=properties)
    def to_have_messages_waiting(
        self,
        *,
        new: int | None = None,
        old: int | None = None,
        account: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """The latest message summary (RFC 3842) has these numbers of messages; without numbers, some wait."""

        def right() -> bool:
            mailbox = self._mailbox(account)
            if mailbox is None or (new is None and old is None):
                return mailbox is not None and mailbox.waiting
            return new in {None, mailbox.new} and old in {None, mailbox.old}

        wanted = [f"{count} {kind}" for count, kind in ((new, "new"), (old, "old")) if count is not None]
        expected = ", ".join(wanted) or "messages waiting"
        self._await(
            "has messages waiting", account, expected, self._mailbox_text, holds=right, timeout=timeout
        )

    def not_to_have_messages_waiting(self, *, account: str | None = None, timeout: float = TIMEOUT_S) -> None:
        """The latest message summary (RFC 3842) says that no messages wait."""

        def right() -> bool:
            mailbox = self._mailbox(account)
            return mailbox is not None and not mailbox.waiting

        self._await(
            "has no messages waiting", account, "none", self._mailbox_text, holds=right, timeout=timeout
        )

    # ---- SIP MESSAGE

    @expectation("message", value=PatternText, check=Pattern)
    def to_have_received_message(self, matching: str = "", *, timeout: float = TIMEOUT_S) -> None:
        """A SIP MESSAGE (RFC 3428) with a matching text was received, in a call or outside of calls.

        Raises ConfigError for a bad regular expression.
        """
        pattern = Pattern(matching)
        self._await(
            "received message",
            None,
            f"/{matching}/",
            lambda account: "; ".join(self._texts()) or "no message",
            holds=lambda: any(pattern.found_in(text) for text in self._texts()),
            timeout=timeout,
        )

    @expectation("no_message")
    def not_to_have_received_message(self, *, during: float = 0.0) -> None:
        """No SIP MESSAGE (RFC 3428) was received, or is received in the next ``during`` seconds."""
        came = self._endpoint.wait_until(lambda: bool(self._texts()), Deadline(during))
        observed = "; ".join(self._texts()) or "no message"
        self._subject(None).decide("received no message", not came, "no message", observed)

    def _texts(self) -> list[str]:
        return [message.body for message in self._endpoint.messages]

    # ---- observed

    def _registration(self, account: str | None) -> RegistrationChanged | None:
        return self._endpoint.outside.registrations.get(self._endpoint.outside.named(account))

    def _mailbox(self, account: str | None) -> MessageWaiting | None:
        return self._endpoint.outside.mailboxes.get(self._endpoint.outside.named(account))

    def _registered(self, account: str | None) -> str:
        registration = self._registration(account)
        if registration is None:
            return "no word from a registrar"
        answer = ended_text(registration.code, registration.reason, None)
        return f"{'registered' if registration.active else 'not registered'}: {answer}" + (
            f", for {registration.expires_s} s" if registration.active else ""
        )

    def _mailbox_text(self, account: str | None) -> str:
        mailbox = self._mailbox(account)
        if mailbox is None:
            return "no MWI NOTIFY was received"
        counts = "" if mailbox.new is None else f", {mailbox.new} new and {mailbox.old} old"
        return f"{'messages' if mailbox.waiting else 'no messages'} waiting{counts}"

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
        hopeless: Hopeless = lambda: None,
    ) -> None:
        self._subject(account).wait(
            name, expected, lambda: observe(account), holds, timeout=timeout, hopeless=hopeless
        )

    def _subject(self, account: str | None) -> Subject:
        name = self._endpoint.name
        label = f"{name} {account}" if account else name
        return Subject(self._endpoint, label, label, soft=self._soft)
