"""What an endpoint does outside of its calls: registrations, requests of any method, mailboxes.

What came of a request is read from its messages on the wire; the agent only says when it is over.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from .call import checked_method
from .commands import Register, SendRequest
from .config import EndpointConfig
from .deadline import Deadline
from .destination import Destination
from .errors import CallFailed, ConfigError, NativeError, WaitTimeout
from .events import MessageWaiting, RegistrationChanged, RequestEnded, RequestSent, SipReceived, SipSent
from .header_fields import HeaderFields, checked_content_type, header_list
from .host import Host
from .identity import Identity, address_of_record
from .sip import Message, parse_uri, redact

__all__ = ["Answered", "Outside"]

REMEMBERED = 64
"""Requests that nobody waits for any more."""
COMMAND_S = 5.0
REFUSED = 300
NO_ANSWER = 408
OF_A_CALL = {
    **dict.fromkeys(("INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE"), "a call: make_call begins one"),
    "REGISTER": "register",
}
"""What sends these, since they are more than a request and its answer."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The final response to a request outside a call."""

    code: int
    reason: str
    rtt_ms: float | None
    """From the request, first sent, to its response; a challenge and what led to it do not count."""
    allow: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()
    user_agent: str | None = None
    """What the peer calls itself, in User-Agent or Server."""
    message: Message = msgspec.field(default_factory=Message)

    @property
    def ok(self) -> bool:
        """Whether the peer did as it was asked."""
        return self.code < REFUSED


@dataclass
class _Asked:
    """A request that was sent, and what was seen of it."""

    sip_call_id: str = ""
    messages: list[tuple[float, bool, Message]] = field(default_factory=list)
    ended: RequestEnded | None = None


class Outside:
    """An endpoint's; ``host`` carries out its commands. Identities are named by address or by user."""

    def __init__(self, host: Host, config: EndpointConfig) -> None:
        self.registrations: dict[str, RegistrationChanged] = {}
        """The registrars' last words by address of record; that of the first identity is empty."""
        self.mailboxes: dict[str, MessageWaiting] = {}
        """As ``registrations``."""
        self._host = host
        self._config = config
        self._others = {address_of_record(one.id): one for one in config.accounts if one.id}
        self._numbers = itertools.count(1)
        self._asked: OrderedDict[int, _Asked] = OrderedDict()

    # ---- identities

    def named(self, account: str | None) -> str:
        """The address of record of the identity, empty for the first one; ConfigError when there is none."""
        if account is None:
            return ""
        first = self._config.id and address_of_record(self._config.id)
        users = {parse_uri(name).user: name for name in reversed(self._others)}
        users |= {self._config.name if first is None else parse_uri(first).user: ""}
        wanted = address_of_record(account) if ":" in account else account
        if wanted in self._others or wanted in {first, ""}:
            return wanted if wanted in self._others else ""
        if wanted in users:
            return users[wanted]
        there = ", ".join(one for one in (first or self._config.name, *self._others))
        raise ConfigError(f"{self._host.name}: there is no identity {account!r}; there is {there}")

    def identity(self, name: str) -> Identity:
        """The identity of that address of record, as ``named`` returns it."""
        return self._others.get(name, self._config)

    def _key(self, account: str) -> str:
        return account if account in self._others else ""

    # ---- registrations

    def register(self, account: str | None, *, on: bool, timeout: float) -> RegistrationChanged:
        """Register, or take the registration back, and wait for the registrar's word."""
        name = self.named(account)
        self.registrations.pop(name, None)
        self._host.request(Register(account=name, on=on))
        return self._word(name, timeout, on=on)

    def wait_registered(self, account: str | None, timeout: float) -> RegistrationChanged:
        """Wait for the registrar's word; raises CallFailed when it refused."""
        name = self.named(account)
        return self._word(name, timeout, hint=self._hint(name))

    def _word(self, name: str, timeout: float, *, on: bool = True, hint: str = "") -> RegistrationChanged:
        book = self.registrations
        if not self._host.wait_until(
            lambda: name in book and (on or not book[name].active), Deadline(timeout)
        ):
            raise WaitTimeout(f"{self._who(name)}: the registrar did not answer within {timeout:g} s{hint}")
        heard = book[name]
        if heard.active is not on or heard.code >= REFUSED:
            raise CallFailed(
                f"{self._who(name)}: not {'' if on else 'un'}registered: {heard.code} {heard.reason}"
            )
        return heard

    def _who(self, name: str) -> str:
        return f"{self._host.name}: {name}" if name else self._host.name

    def _hint(self, name: str) -> str:
        identity = self.identity(name)
        if identity.registrar is None:
            return "; it has no registrar to register at"
        return (
            ""
            if identity.register_at_start
            else "; register_at_start is false, so register() has to be called"
        )

    # ---- requests

    def ask(
        self,
        method: str,
        target: Destination,
        *,
        body: str = "",
        content_type: str = "",
        headers: HeaderFields | None = None,
        account: str | None = None,
        timeout: float,
    ) -> Answered:
        """Send a request and wait for its final response.

        Raises ConfigError for what cannot be sent, WaitTimeout when no answer came, CallFailed when the
        request did not leave.
        """
        number = next(self._numbers)
        command = SendRequest(
            request=number,
            method=checked_method(method, has_verb=OF_A_CALL),
            uri=target.uri,
            account=self.named(account),
            resolve_s=target.resolve_s,
            body=body,
            content_type=checked_content_type(content_type, body),
            headers=header_list(headers),
        )
        deadline = Deadline(timeout)
        asked = self._asked[number] = _Asked()
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        what = f"{self._host.name}: {method} to {redact(target.uri)}"
        try:
            self._host.request(command, COMMAND_S + target.resolve_s)
            over = self._host.wait_until(lambda: asked.ended is not None, deadline)
        except (CallFailed, ConfigError, NativeError) as error:
            raise type(error)(f"{what}: {error}") from None
        if not over or asked.ended is None or asked.ended.code == NO_ANSWER:
            raise WaitTimeout(f"{what}: no answer within {timeout:g} s")
        self._asked.pop(number, None)
        if asked.ended.code:
            raise CallFailed(f"{what}: could not be sent: {asked.ended.reason}")
        return answered(asked.messages)

    # ---- observing; under the journal's lock

    def observe(self, event: RegistrationChanged | MessageWaiting | RequestSent | RequestEnded) -> None:
        """Take one event."""
        match event:
            case RegistrationChanged():
                self.registrations[self._key(event.account)] = event
            case MessageWaiting():
                self.mailboxes[self._key(event.account)] = event
            case RequestSent():
                if event.request in self._asked:
                    self._asked[event.request].sip_call_id = event.sip_call_id
            case RequestEnded():
                for one in self._asked.values():
                    if one.sip_call_id == event.sip_call_id:
                        one.ended = event

    def takes(self, sip_call_id: str, messages: Iterable[SipSent | SipReceived]) -> bool:
        """Take messages if they are of a request of ours."""
        asked = next((one for one in self._asked.values() if one.sip_call_id == sip_call_id), None)
        if asked is None or not sip_call_id:
            return False
        asked.messages += [(one.at, isinstance(one, SipSent), Message.parse(one.text)) for one in messages]
        return True


def answered(messages: Iterable[tuple[float, bool, Message]]) -> Answered:
    """The final response to the last request, and what it says."""
    seen = list(messages)
    last = max((one.cseq[0] for _, sent, one in seen if sent and one.cseq), default=0)
    of_last = [(at, sent, one) for at, sent, one in seen if one.cseq and one.cseq[0] == last]
    left = min((at for at, sent, one in of_last if sent), default=None)
    final = [(at, one) for at, sent, one in of_last if not sent and one.status >= 200]
    if not final:
        raise WaitTimeout("no answer to the request that had the credentials")
    at, message = final[0]
    return Answered(
        code=message.status,
        reason=message.reason,
        rtt_ms=None if left is None else (at - left) * 1000,
        allow=listed(message, "Allow"),
        accept=listed(message, "Accept"),
        supported=listed(message, "Supported"),
        user_agent=message.header("User-Agent") or message.header("Server"),
        message=message,
    )


def listed(message: Message, name: str) -> tuple[str, ...]:
    """The values of a header that is a list, on one line or on several."""
    values = ",".join(message.headers(name)).split(",")
    return tuple(value.strip() for value in values if value.strip())
