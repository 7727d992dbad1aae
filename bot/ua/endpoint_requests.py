"""Requests that an endpoint sends outside of its calls: REGISTER, OPTIONS, MESSAGE and other methods."""

from __future__ import annotations

from collections import deque

from bot.config import EndpointConfig
from bot.ipc import MessageReceived, MessageWaiting, PresenceChanged, RegistrationChanged
from bot.sip import HeaderFields
from bot.ua.final_response import ExpectedCode
from bot.ua.out_of_dialog import OutOfDialogRequests, Response
from bot.ua.target import RequestTarget, target

__all__ = ["EndpointRequests"]


class EndpointRequests:
    """Base class of ``Endpoint``. ``account`` names an account by its address of record or its user."""

    config: EndpointConfig
    outside: OutOfDialogRequests
    """Registrations, requests and mailboxes."""

    @property
    def messages(self) -> deque[MessageReceived]:
        """The last received MESSAGE requests outside of calls."""
        return self.outside.messages

    @property
    def presences(self) -> dict[str, PresenceChanged]:
        """The last NOTIFY of each of the ``subscriptions``, by URI."""
        return self.outside.presences

    @property
    def registration(self) -> RegistrationChanged | None:
        """The last response of the registrar to the first account; None before a response."""
        return self.outside.registrations.get("")

    @property
    def mailbox(self) -> MessageWaiting | None:
        """The last MWI NOTIFY for the first account (RFC 3842); None before a NOTIFY."""
        return self.outside.mailboxes.get("")

    def register(
        self, account: str | None = None, *, timeout: float = 10.0, code: ExpectedCode = None
    ) -> RegistrationChanged:
        """Register an account or refresh its registration; raises RequestRefused when the registrar refuses.

        ``code`` is the final response that is expected instead of a success (2xx), or ``any``.
        """
        return self.outside.register(account, on=True, timeout=timeout, code=code)

    def unregister(
        self, account: str | None = None, *, timeout: float = 10.0, code: ExpectedCode = None
    ) -> RegistrationChanged:
        """Remove the registration of an account; ``close`` does so too. ``code`` as for ``register``."""
        return self.outside.register(account, on=False, timeout=timeout, code=code)

    def wait_registered(self, account: str | None = None, *, timeout: float = 10.0) -> RegistrationChanged:
        """Wait for the response of the registrar; raises RequestRefused when it refuses."""
        return self.outside.wait_registered(account, timeout)

    def send_options(
        self,
        uri: str,
        *,
        headers: HeaderFields | None = None,
        account: str | None = None,
        timeout: float = 32.0,
        code: ExpectedCode = None,
    ) -> Response:
        """Query the capabilities of a peer with OPTIONS (RFC 3261 section 11).

        Raises WaitTimeout without a final response, RequestRefused for another response than 2xx or ``code``;
        the code ``any`` accepts every response.
        """
        target = self._target(uri, account)
        return self.outside.ask(
            "OPTIONS", target, headers=headers, account=account, timeout=timeout, code=code
        )

    def send_request(
        self,
        method: str,
        uri: str,
        *,
        body: str = "",
        content_type: str = "",
        headers: HeaderFields | None = None,
        account: str | None = None,
        timeout: float = 32.0,
        code: ExpectedCode = None,
    ) -> Response:
        """Send a request of any method outside of calls, and wait for its final response.

        Raises ConfigError for invalid arguments, WaitTimeout without a final response, CallFailed when the
        request was not sent, RequestRefused for another response than 2xx or ``code``; the code ``any``
        accepts every response.
        """
        return self.outside.ask(
            method,
            self._target(uri, account),
            body=body,
            content_type=content_type,
            headers=headers,
            account=account,
            timeout=timeout,
            code=code,
        )

    def _target(self, uri: str, account: str | None) -> RequestTarget:
        """The target of a request of that account."""
        return target(self.config, uri, self.outside.identity(self.outside.named(account)))

    def send_message(
        self,
        uri: str,
        text: str,
        *,
        content_type: str = "text/plain",
        headers: HeaderFields | None = None,
        timeout: float = 32.0,
        code: ExpectedCode = None,
    ) -> int:
        """Send a MESSAGE (RFC 3428) outside of calls, and wait for its final response; the status code.

        Raises ConfigError for an invalid URI, WaitTimeout without a final response, CallFailed when the
        message was not sent, RequestRefused for another response than 2xx or ``code``; the code ``any``
        accepts every response.
        """
        return self.outside.send_message(
            uri, text, content_type=content_type, headers=headers, timeout=timeout, code=code
        )
