"""Targets of a redirected INVITE (RFC 3261 8.1.3.4): their limit, and loops.

The library collects the targets of all 3xx responses, tries them in the order of their q values and calls
back before each target. The callback has no port and no parameters, so this module reads the responses too.
The library would try the first target again, so this module detects loops.
"""

from __future__ import annotations

import re
import time

import pjsua2 as pj

from bot.agent.loop import Loop
from bot.agent.native.tx_body import HiddenBody
from bot.config import EndpointConfig
from bot.errors import ConfigError
from bot.ipc import Redirected
from bot.model import Transport
from bot.sip import Message, Uri, is_failure, is_redirection, parse_uri, redact

__all__ = ["Redirects", "contacts"]

RESOLVE_S = 30.0
"""How long the library may block on resolving a host name."""
CONTACT = re.compile(
    r'\s*(?:(?:"(?:\\.|[^"\\])*"\s*|[^<>",;]*)<(?P<in>[^>]*)>|(?P<bare>[^<>",;]+))(?P<rest>[^,]*),?'
)
Q_VALUE = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)", re.IGNORECASE)


class Redirects:
    """The hops of one call.

    When a target refuses, the library gives the call's media back, sends the INVITE to the next target all
    the same, and aborts at its answer; but not for an INVITE without a body. So the body is hidden while it
    looks.
    """

    def __init__(self, first: str, config: EndpointConfig, loop: Loop, body: HiddenBody | None) -> None:
        self._limit = config.follow_redirects
        self._config = config
        self._loop = loop
        self._body = body
        self._hops = 0
        self._asked = {place(first)}
        self._targets: list[tuple[float, str]] = []
        self._refused_by_target = False

    def decide(self, call: int, prm: pj.OnCallRedirectedParam) -> tuple[int, Redirected | None]:
        """The decision about the next target, and its report."""
        if self._body is not None:
            self._body.show()
        if not self._limit:
            return pj.PJSIP_REDIRECT_STOP, None
        code, received = response(prm.e)
        self._collect(received)
        target = self._named(prm.targetUri)
        refused = unusable(target, self._config) or self._circle(target)
        choice = pj.PJSIP_REDIRECT_REJECT if refused else pj.PJSIP_REDIRECT_ACCEPT
        if not refused and (refused := self._no_further(code)):
            choice = pj.PJSIP_REDIRECT_STOP
        event = Redirected(
            at=time.monotonic(),
            call=call,
            target=redact(target),
            code=code,
            hop=self._hops + 1,
            refused=refused,
        )
        if choice == pj.PJSIP_REDIRECT_ACCEPT:
            self._hops += 1
            self._asked.add(place(target))
            self._refused_by_target = is_refusal(code)
            self._loop.beat(RESOLVE_S)
        return choice, event

    def before_media_goes(self, invite: pj.SipTxData) -> None:
        """The library is about to look whether this INVITE, which has its final response, had media."""
        if self._refused_by_target and self._body is not None:
            self._refused_by_target = False
            self._body.hide(int(invite.pjTxData))
            self._loop.soon(self._body.show)

    def _circle(self, target: str) -> str:
        return "it was asked already" if place(target) in self._asked else ""

    def _no_further(self, code: int) -> str:
        if self._hops >= self._limit:
            return f"follow_redirects is {self._limit}"
        if is_refusal(code) and self._body is None:
            return "this build of the library exports too little to try another target after a refusal"
        return ""

    def _collect(self, received: str) -> None:
        """As the library: the highest q first, and of the same q in the order in which they came."""
        self._targets += contacts(received) if received else []
        self._targets.sort(key=lambda one: -one[0])

    def _named(self, name: str) -> str:
        """The first target of that user and host that was not taken yet, whole; else the name."""
        for index, (_, target) in enumerate(self._targets):
            if identity(target) == identity(name):
                return self._targets.pop(index)[1]
        return name


def is_refusal(code: int) -> bool:
    """Whether a target refused the INVITE, instead of naming other targets."""
    return is_failure(code) and not is_redirection(code)


def contacts(response: str) -> list[tuple[float, str]]:
    """q value and URI of each Contact of a redirection, in order; none of another response."""
    message = Message.parse(response)
    if not is_redirection(message.status):
        return []
    found = []
    for value in message.headers("Contact"):
        for one in CONTACT.finditer(value):
            uri, q = (one["in"] or one["bare"] or "").strip(), Q_VALUE.search(one["rest"])
            if uri and uri != "*":
                # no q is 1 (RFC 3261 8.1.3.4 leaves it open), and to the library q=0 is too
                found.append(((float(q[1]) if q else 1.0) or 1.0, uri))
    return found


def identity(uri: str) -> tuple[str, str | None, str] | str:
    """The target as the callback has it."""
    parsed = parsed_or_none(uri)
    return (parsed.scheme, parsed.user, parsed.host.lower()) if parsed is not None else uri


def place(uri: str) -> tuple[str | None, str, int | None] | str:
    """The parts of a URI that decide whether two URIs are equal."""
    parsed = parsed_or_none(uri)
    return (parsed.user, parsed.host.lower(), parsed.port) if parsed is not None else uri


def parsed_or_none(uri: str) -> Uri | None:
    """The URI, if it is one."""
    try:
        return parse_uri(uri)
    except ConfigError:
        return None


def unusable(target: str, config: EndpointConfig) -> str:
    """Why an INVITE cannot go there; empty when it can."""
    uri = parsed_or_none(target)
    if uri is None:
        return "it is not a SIP URI"
    if problem := config.unreachable(uri):
        return problem.partition(";")[0]
    missing = uri.transport in set(Transport) - set(config.transports)
    return f"the endpoint has no {uri.transport}" if missing else ""


def response(event: pj.SipEvent) -> tuple[int, str]:
    """Status code and text of the response; none when another target was skipped instead."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE:
        return 0, ""
    change = event.body.tsxState
    return change.tsx.statusCode, change.src.rdata.wholeMsg if change.type == pj.PJSIP_EVENT_RX_MSG else ""
