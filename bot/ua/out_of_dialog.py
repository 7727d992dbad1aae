"""Out-of-dialog requests of an endpoint: registrations, MESSAGE, other methods; and MWI (RFC 3842).

The outcome of a request comes from its traced messages; the agent only reports its end.
"""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from bot.config import AccountConfig, EndpointConfig, address_of_record
from bot.deadline import Deadline
from bot.errors import CallFailed, ConfigError, NativeError, RequestRefused, WaitTimeout
from bot.ipc import (
    Event,
    MessageAnswered,
    MessageReceived,
    MessageWaiting,
    PresenceChanged,
    Register,
    RegistrationChanged,
    RequestEnded,
    RequestSent,
    SendMessage,
    SendRequest,
    SipReceived,
    SipSent,
)
from bot.sip import HeaderFields, Message, checked_content_type, header_list, is_success, parse_uri, redact
from bot.ua.final_response import ExpectedCode, checked_response, is_expected
from bot.ua.signalling import checked_method
from bot.ua.target import RequestTarget

if TYPE_CHECKING:
    from bot.ua.endpoint import Endpoint

__all__ = ["OutOfDialogRequests", "Response"]

REMEMBERED = 64
"""Largest number of stored requests, MESSAGEs and responses."""
COMMAND_S = 5.0
OF_A_CALL = {
    **dict.fromkeys(("INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE"), "a call: make_call begins one"),
    "REGISTER": "register",
}
"""The verbs that send these methods."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The final response to an out-of-dialog request."""

    code: int
    reason: str
    rtt_ms: float | None
    """Time from the first transmission of the request to its response, in ms; a challenge does not count."""
    allow: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()
    user_agent: str | None = None
    """Value of User-Agent or Server of the peer."""
    message: Message = msgspec.field(default_factory=Message)

    @property
    def ok(self) -> bool:
        """Whether the response is a success (2xx)."""
        return is_success(self.code)


@dataclass
class _Asked:
    """A sent request and its messages."""

    sip_call_id: str = ""
    messages: list[tuple[float, bool, Message]] = field(default_factory=list)
    ended: RequestEnded | None = None


class OutOfDialogRequests:
    """Requests of ``endpoint``. An account is named by its address of record or its user."""

    def __init__(self, endpoint: Endpoint, config: EndpointConfig) -> None:
        self.registrations: dict[str, RegistrationChanged] = {}
        """Last registration state by address of record; the key of the first account is empty."""
        self.mailboxes: dict[str, MessageWaiting] = {}
        """Last MWI NOTIFY; keys as in ``registrations``."""
        self.answers: deque[MessageAnswered] = deque(maxlen=REMEMBERED)
        """Final responses to MESSAGE."""
        self.messages: deque[MessageReceived] = deque(maxlen=REMEMBERED)
        self.presences: dict[str, PresenceChanged] = {}
        self._lost_at = 0.0
        self._wanted: dict[str, bool] = {}
        """Accounts that ``register`` or ``unregister`` changed: whether they are to be registered."""
        self._endpoint = endpoint
        self._config = config
        self._others = {address_of_record(account.id): account for account in config.accounts if account.id}
        self._numbers = itertools.count(1)
        self._asked: OrderedDict[int, _Asked] = OrderedDict()

    # ---- identities

    def named(self, account: str | None) -> str:
        """The address of record of an account, empty for the first; raises ConfigError if unknown."""
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
        raise ConfigError(f"{self._endpoint.name}: unknown account {account!r}; configured accounts: {there}")

    def identity(self, name: str) -> AccountConfig:
        """The account with that address of record, as ``named`` returns it."""
        return self._others.get(name, self._config)

    def _key(self, account: str) -> str:
        return account if account in self._others else ""

    # ---- registrations

    def register(
        self, account: str | None, *, on: bool, timeout: float, code: ExpectedCode = None
    ) -> RegistrationChanged:
        """Register or unregister an account, and wait for the response of the registrar."""
        name = self.named(account)
        self.registrations.pop(name, None)
        self._wanted[name] = on
        self._endpoint.request(Register(account=name, on=on), max(COMMAND_S, timeout))
        return self._word(name, timeout, on=on, code=code)

    def wait_registered(self, account: str | None, timeout: float) -> RegistrationChanged:
        """Wait for the response of the registrar; raises RequestRefused when it refuses."""
        name = self.named(account)
        return self._word(name, timeout, hint=self._hint(name))

    def _word(
        self, name: str, timeout: float, *, on: bool = True, hint: str = "", code: ExpectedCode = None
    ) -> RegistrationChanged:
        book = self.registrations
        if not self._endpoint.wait_until(
            lambda: name in book and (on or not book[name].active), Deadline(timeout)
        ):
            raise WaitTimeout(f"{self._who(name)}: the registrar did not answer within {timeout:g} s{hint}")
        state = book[name]
        what = f"{self._who(name)}: not {'' if on else 'un'}registered: "
        if not state.code:
            raise CallFailed(f"{what}{state.reason}")
        accepted = state.active is on and is_success(state.code)
        if not (accepted if code is None else is_expected(state.code, code)):
            wanted = f", expected {code}" if code is not None else ""
            raise RequestRefused(f"{what}{state.code} {state.reason}{wanted}", state.code)
        return state

    def _who(self, name: str) -> str:
        return f"{self._endpoint.name}: {name}" if name else self._endpoint.name

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
        target: RequestTarget,
        *,
        body: str = "",
        content_type: str = "",
        headers: HeaderFields | None = None,
        account: str | None = None,
        timeout: float,
        code: ExpectedCode = None,
    ) -> Response:
        """Send a request and wait for its final response.

        Raises ConfigError for invalid arguments, WaitTimeout without a final response, CallFailed when the
        request was not sent, RequestRefused for another response than 2xx or ``code``.
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
        what = f"{self._endpoint.name}: {method} to {redact(target.uri)}"
        try:
            self._endpoint.request(command, COMMAND_S + target.resolve_s)
            over = self._endpoint.wait_until(lambda: asked.ended is not None, deadline)
        except (CallFailed, ConfigError, NativeError) as error:
            raise type(error)(f"{what}: {error}") from None
        if not over or asked.ended is None:
            raise WaitTimeout(f"{what}: no answer within {timeout:g} s")
        self._asked.pop(number, None)
        if not asked.ended.answered:
            raise WaitTimeout(f"{what}: {asked.ended.reason}")
        answer = answered(asked.messages)
        checked_response(what, answer.code, code, answer.reason)
        return answer

    def send_message(
        self,
        uri: str,
        text: str,
        *,
        content_type: str,
        headers: HeaderFields | None,
        timeout: float,
        code: ExpectedCode,
    ) -> int:
        """Send a MESSAGE (RFC 3428) and wait for its final response; its status code.

        Raises the errors of ``ask``.
        """
        parse_uri(uri)
        before, began = list(self.answers), time.monotonic()
        kind = checked_content_type(content_type, text)
        self._endpoint.request(
            SendMessage(uri=uri, text=text, content_type=kind, headers=header_list(headers))
        )

        def found() -> list[MessageAnswered]:
            new = [answer for answer in self.answers if all(answer is not old for old in before)]
            return [answer for answer in new if parse_uri(answer.to_uri) == parse_uri(uri)]

        self._endpoint.wait_until(lambda: bool(found()) or self._lost_at > began, Deadline(timeout))
        what = f"{self._endpoint.name}: MESSAGE to {redact(uri)}"
        if not found() and self._lost_at > began:
            raise CallFailed(f"{what}: the agent died before the answer")
        if not found():
            raise WaitTimeout(f"{what}: no answer within {timeout:g} s")
        answer = found()[0]
        if not answer.code:
            raise CallFailed(f"{what}: {answer.reason}")
        return checked_response(what, answer.code, code, answer.reason)

    # ---- an agent that replaces another

    def as_wanted(self, config: EndpointConfig) -> EndpointConfig:
        """The settings of an agent that replaces another, with the current wishes for registrations."""
        first = msgspec.structs.replace(
            config, register_at_start=self._wanted.get("", config.register_at_start)
        )
        others = [
            msgspec.structs.replace(
                account,
                register_at_start=self._wanted.get(address_of_record(account.id), account.register_at_start),
            )
            if account.id
            else account
            for account in config.accounts
        ]
        return msgspec.structs.replace(first, accounts=tuple(others))

    def lose(self, reason: str, at: float) -> None:
        """After a crash of the agent: pending requests fail, and the registrations are unknown."""
        self._lost_at = at
        self.registrations.clear()
        for asked in self._asked.values():
            if asked.ended is None:
                asked.ended = RequestEnded(
                    at=at, sip_call_id=asked.sip_call_id, answered=False, reason=reason
                )

    # ---- observing; under the journal's lock

    def observe(self, event: Event) -> None:
        """Take one event."""
        match event:
            case RegistrationChanged():
                self.registrations[self._key(event.account)] = event
            case MessageWaiting():
                self.mailboxes[self._key(event.account)] = event
            case RequestSent():
                if event.request in self._asked:
                    self._asked[event.request].sip_call_id = event.sip_call_id
            case PresenceChanged():
                self.presences[event.uri] = event
            case MessageReceived():
                self.messages.append(event)
            case MessageAnswered():
                self.answers.append(event)
            case RequestEnded():
                for asked in self._asked.values():
                    if asked.sip_call_id == event.sip_call_id:
                        asked.ended = event
            case _:
                pass

    def takes(self, sip_call_id: str, messages: Iterable[SipSent | SipReceived]) -> bool:
        """Store messages of a request of this endpoint; whether they were its messages."""
        asked = next((one for one in self._asked.values() if one.sip_call_id == sip_call_id), None)
        if asked is None or not sip_call_id:
            return False
        asked.messages += [
            (message.at, isinstance(message, SipSent), Message.parse(message.text)) for message in messages
        ]
        return True


def answered(messages: Iterable[tuple[float, bool, Message]]) -> Response:
    """The final response to the last request."""
    seen = list(messages)
    last = max((one.cseq[0] for _, sent, one in seen if sent and one.cseq), default=0)
    of_last = [(at, sent, one) for at, sent, one in seen if one.cseq and one.cseq[0] == last]
    left = min((at for at, sent, one in of_last if sent), default=None)
    final = [(at, one) for at, sent, one in of_last if not sent and one.is_final]
    if not final:
        raise WaitTimeout("no answer to the request that had the credentials")
    at, message = final[0]
    return Response(
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
    """The values of a header field with a list, in one field or in several."""
    values = ",".join(message.headers(name)).split(",")
    return tuple(value.strip() for value in values if value.strip())
