"""Outcomes of requests by the messages on the wire; corrects the events before they leave the agent.

The library has a status code for everything: 408 for a timeout, 503 for a refused connection, 488 for an
answer that it does not accept. A code that no message had becomes 0, and the reason states the sent requests
and the received responses.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from bot.ipc import (
    CallRefused,
    CallStarted,
    CallStateChanged,
    MessageAnswered,
    RegistrationChanged,
    RequestEnded,
    SipReceived,
    SipSent,
    TransferProgressed,
    TransportChanged,
    Wired,
)
from bot.model import CallState, Direction, EndedBy
from bot.sip import Message, StatusCode, is_failure, is_final, no_answer

__all__ = ["Outcomes"]

DIALOGS, REQUESTS = 256, 32
"""How many dialogs are remembered, those of calls apart, and how many requests of each."""
UNREACHABLE = {StatusCode.BAD_GATEWAY, StatusCode.SERVICE_UNAVAILABLE}
"""The codes of the library for a host name or a connection that failed; 408 is its code for silence."""
CONNECTIONS = {"tcp", "tls"}
HEADER = re.compile(r"\n(Call-ID|i|CSeq|To|t)[ \t]*:[ \t]*([^\n]*)", re.IGNORECASE)
ADDRESS = re.compile(r"\b(?:sips?:(?:[^@>;?\s]*@)?(?:\[[^]]*\]|[^:>;?\s]+)|tel:[^>;?\s]+)", re.IGNORECASE)
SCHEME = re.compile(r"^sips?:")
LONG_NAMES = {"i": "call-id", "t": "to"}
STATUS = re.compile(r"SIP/2\.0 (\d{3}) ?([^\r\n]*)")
FRAGMENT = re.compile(r"^\s*SIP/2\.0 (\d{3})", re.MULTILINE)
COMPLAINTS = (
    re.compile(r"failed for call_id \d+ media \d+: (.+)"),
    re.compile(
        r"(?:Unable to create media session|SDP negotiation has failed|Error creating SDP answer"
        r"|Bad SDP in incoming INVITE): (.+?)(?: \[status=\d+\])?\s*$"
    ),
)
"""Lines of the library's log that say why it does not take a description, the most exact ones first."""
NO_PORT = re.compile(r"RTP socket bind\(\) at \S+ error: (.+)")
ENDINGS = {"BYE", "CANCEL"}
SDP = "\r\nm="
TAG = re.compile(r"[ \t]*;[ \t]*tag=[^;]*", re.IGNORECASE)
BY_THIS_SIDE = "this side ended the call"
GIVEN_UP = "Service Unavailable"
"""Reason of the library for pending requests at its end."""


Completed = TypeVar("Completed", RequestEnded, MessageAnswered, RegistrationChanged)


@dataclass
class Request:
    """A request of this side, with how often it was sent."""

    method: str
    to: str
    """The Request-URI and the To header field."""
    peer: str
    first_at: float
    sent: int = 0
    queued: int = 0
    """How often it was handed to a connection that was not made yet."""
    provisional: str = ""
    final: int = 0

    def unanswered(self, now: float, why: str = "") -> str:
        """Text about a request without a final response."""
        seconds = None if why else now - self.first_at
        return no_answer(self.method, self.peer, self.sent, seconds=seconds, heard=self.provisional, why=why)


@dataclass
class Dialog:
    """The requests and responses with one Call-ID."""

    requests: OrderedDict[tuple[int, str], Request] = field(default_factory=OrderedDict)
    codes_sent: set[int] = field(default_factory=set)
    told: set[int] = field(default_factory=set)
    """Status codes in the NOTIFYs of a transfer."""
    heard: str = ""
    """Last message of the peer: a method, or a status code with its reason phrase."""
    complaint: str = ""
    exact: bool = False
    is_call: bool = False
    is_hung_up: bool = False
    """Whether it is an answered incoming call that this side has ended."""
    invites: dict[int, SipReceived] = field(default_factory=dict)
    """Received INVITEs outside of a dialog without a final response, by CSeq number."""
    gate_reasons: dict[int, str] = field(default_factory=dict)
    """Reasons of the gate for refusing INVITEs, by CSeq number."""

    def last(self, *methods: str) -> Request | None:
        """The latest request of one of these methods, or of any."""
        found = (
            request
            for request in reversed(self.requests.values())
            if not methods or request.method in methods
        )
        return next(found, None)

    def received(self, code: int) -> bool:
        """Whether a final response of that code came."""
        return any(request.final == code for request in self.requests.values())


class Outcomes:
    """Passes events on."""

    def __init__(self, emit: Callable[[Wired], None]) -> None:
        self._emit = emit
        self._dialogs: OrderedDict[str, Dialog] = OrderedDict()
        self._calls: dict[int, CallStarted] = {}
        self._answered: set[int] = set()
        self._latest = ""
        self.explain: Callable[[str, int, str], str] = lambda invite, code, complaint: complaint
        """Makes the reason for the refusal of an INVITE of its text, the code and the library's complaint."""
        self.is_connecting: Callable[[str], bool] = lambda peer: False
        """Whether what is sent to ``host:port`` over TCP or TLS waits for its connection."""

    def complain(self, line: str) -> None:
        """A line of the library's log; a problem of SDP or of ports in it belongs to the current message."""
        current = self._dialogs.get(self._latest)
        if current is not None and (failed := NO_PORT.search(line)):
            current.complaint = f"no port for RTP is free ({failed[1].strip()})"
            return
        for place, pattern in enumerate(COMPLAINTS):
            found = pattern.search(line) if ":" in line else None
            if found and current is not None and not (current.exact and place):
                current.complaint = f"the SDP in {current.heard} is not acceptable: {found[1].strip()}"
                current.exact = place == 0

    def refused_by_gate(self, request: str, reason: str) -> None:
        """The gate refuses this request for that reason; its response is sent next."""
        dialog, number, method, _ = self._placed(request)
        if method == "INVITE" and number in dialog.invites:
            dialog.gate_reasons[number] = reason

    def __call__(self, event: Wired) -> None:
        """Emit the event, with the real code and reason."""
        match event:
            case SipSent():
                self._emit(event)
                if (refused := self._sent(event)) is not None:
                    self._emit(refused)
                return
            case SipReceived():
                self._received(event)
            case TransportChanged(state="connected"):
                self._connected(event.peer)
            case CallStarted():
                self._calls[event.call] = event
                self._dialogs.setdefault(event.sip_call_id, Dialog()).is_call = True
            case CallStateChanged():
                event = self._state(event)
            case TransferProgressed():
                transferred = self._transfer(event)
                if transferred is None:
                    return
                event = transferred
            case RequestEnded(answered=False):
                dialog = self._dialogs.get(event.sip_call_id)
                event = self._completed(event, dialog.last() if dialog else None, event.code)
            case MessageAnswered():
                event = self._completed(event, self._request_to("MESSAGE", event.to_uri), event.code)
            case RegistrationChanged() if is_final(event.code):
                event = self._completed(event, self._request_to("REGISTER", event.account), event.code)
            case _:
                pass
        self._emit(event)

    def waits_for(self, method: str) -> bool:
        """Whether a request of that method has no final response yet."""
        latest = (dialog.last(method) for dialog in self._dialogs.values())
        return any(request is not None and not request.final for request in latest)

    @property
    def owes_bye(self) -> bool:
        """Whether a BYE waits for the peer's ACK: an answered call was hung up before that (RFC 3261 15)."""
        return any(dialog.is_hung_up and dialog.last("BYE") is None for dialog in self._dialogs.values())

    # ---- messages

    def _sent(self, event: SipSent) -> CallRefused | None:
        """Take a message that leaves; the refusal of an INVITE that became no call."""
        dialog, number, method, to = self._placed(event.text)
        status = STATUS.match(event.text)
        if status:
            if is_final(int(status[1])):
                dialog.codes_sent.add(int(status[1]))
            invite = dialog.invites.pop(number, None) if is_final(int(status[1])) else None
            if invite is None or method != "INVITE":
                return None
            return self._refusal(dialog, invite, status, dialog.gate_reasons.pop(number, ""))
        if method == "ACK":
            return None
        request = dialog.requests.get((number, method))
        if request is None:
            request = dialog.requests[number, method] = Request(method, to, event.peer, event.at)
            if len(dialog.requests) > REQUESTS:
                dialog.requests.popitem(last=False)
        request.peer = event.peer
        if event.transport in CONNECTIONS and self.is_connecting(event.peer):
            request.queued += 1
        else:
            request.sent += 1
        return None

    def _connected(self, peer: str) -> None:
        """The requests that have waited for this connection leave."""
        for dialog in self._dialogs.values():
            for request in dialog.requests.values():
                if request.queued and request.peer == peer:
                    request.sent, request.queued = request.sent + request.queued, 0

    def _refusal(
        self, dialog: Dialog, invite: SipReceived, status: re.Match[str], gate_reason: str
    ) -> CallRefused | None:
        """The refusal of an INVITE by a response with this status line; None for an INVITE of a call."""
        code, reason = int(status[1]), status[2]
        if not is_failure(code) or dialog.is_call:
            return None
        head = Message.parse(invite.text)
        return CallRefused(
            at=time.monotonic(),
            sip_call_id=self._latest,
            remote_uri=TAG.sub("", head.header("From") or ""),
            local_uri=head.header("To") or "",
            transport=invite.transport,
            peer=invite.peer,
            code=code,
            reason=reason.strip(),
            why=self.explain(invite.text, code, dialog.complaint or gate_reason),
        )

    def _received(self, event: SipReceived) -> None:
        dialog, number, method, to = self._placed(event.text)
        status = STATUS.match(event.text)
        dialog.heard = f"{status[1]} {status[2]}".rstrip() if status else method
        if SDP in event.text and dialog.last(*ENDINGS) is None:
            dialog.complaint, dialog.exact = "", False
        if status is None:
            if method == "INVITE" and ";tag=" not in to and len(dialog.invites) < REQUESTS:
                dialog.invites[number] = event
            if method == "NOTIFY":
                dialog.told.update(
                    int(code) for code in FRAGMENT.findall(event.text.partition("\r\n\r\n")[2])
                )
            return
        request, code = dialog.requests.get((number, method)), int(status[1])
        if request is not None and is_final(code):
            request.final = code
        elif request is not None:
            request.provisional = dialog.heard

    def _placed(self, text: str) -> tuple[Dialog, int, str, str]:
        """The dialog of a message, the number and the method of its CSeq, and its To."""
        head = text.partition("\r\n\r\n")[0]
        fields: dict[str, str] = {}
        for title, value in HEADER.findall(head):
            name = title.lower()
            fields.setdefault(LONG_NAMES.get(name, name), value.removesuffix("\r"))
        number, _, method = fields.get("cseq", "").partition(" ")
        self._latest = fields.get("call-id", "")
        dialog = self._dialogs.setdefault(self._latest, Dialog())
        self._dialogs.move_to_end(self._latest)
        if len(self._dialogs) > DIALOGS + len(self._calls):
            live = {call.sip_call_id for call in self._calls.values()}
            del self._dialogs[next(key for key in self._dialogs if key not in live)]
        to = f"{head.partition(' ')[2].partition(' ')[0]} {fields.get('to', '')}"
        return dialog, int(number) if number.isdecimal() else 0, method.strip(), to

    # ---- outcomes

    def _completed(self, event: Completed, request: Request | None, code: int) -> Completed:
        """The event if its code was received; otherwise with the code that was, or 0, and a reason."""
        if request is not None and code and request.final == code:
            return event
        if request is not None and is_failure(request.final):
            reason = f"after this response no {request.method} could be sent: {event.reason}"
            return msgspec.structs.replace(event, code=request.final, reason=reason)
        why = "" if code == StatusCode.REQUEST_TIMEOUT or event.reason == GIVEN_UP else event.reason
        reason = (
            request.unanswered(event.at, why) if request is not None else f"nothing was sent: {event.reason}"
        )
        return msgspec.structs.replace(event, code=0, reason=reason)

    def _request_to(self, method: str, uri: str) -> Request | None:
        """The latest request of that method to an address of record."""
        wanted = addresses(uri)
        for dialog in reversed(self._dialogs.values()):
            request = dialog.last(method)
            if request is not None and wanted & addresses(request.to):
                return request
        return None

    def _transfer(self, event: TransferProgressed) -> TransferProgressed | None:
        """Without a NOTIFY the library says 100 when the REFER is accepted, and 500 when nothing follows."""
        dialog = self._of(event.call)
        refer = dialog.last("REFER") if dialog is not None else None
        if dialog is None or refer is None or event.code in {refer.final, *dialog.told}:
            return event
        if not event.final:
            return None
        silent = "the peer accepted the REFER, and no NOTIFY reported the outcome"
        reason = silent if refer.final else refer.unanswered(event.at)
        return msgspec.structs.replace(event, code=0, reason=reason)

    def _of(self, call: int) -> Dialog | None:
        started = self._calls.get(call)
        return self._dialogs.get(started.sip_call_id) if started is not None else None

    def _state(self, event: CallStateChanged) -> CallStateChanged:
        if event.state in {CallState.CONNECTING, CallState.CONFIRMED}:
            self._answered.add(event.call)
        if event.state is not CallState.DISCONNECTED:
            return event
        dialog, started = self._of(event.call), self._calls.pop(event.call, None)
        answered = event.call in self._answered
        self._answered.discard(event.call)
        if dialog is None or started is None or event.by is EndedBy.REMOTE:
            return event
        if event.by is EndedBy.LOCAL and not event.unasked:
            return self._hung_up(event, dialog, answered, started.direction)
        on_the_wire = dialog.received(event.code) or event.code in dialog.codes_sent
        code = event.code if is_failure(event.code) and on_the_wire else 0
        why = self._why(event, dialog, code)
        if event.unasked and not why.startswith(BY_THIS_SIDE):
            why = f"{BY_THIS_SIDE}: {why}"
        return msgspec.structs.replace(event, code=code, reason=why)

    def _hung_up(
        self, event: CallStateChanged, dialog: Dialog, answered: bool, direction: Direction
    ) -> CallStateChanged:
        """The library calls a call ended before BYE or CANCEL is answered."""
        dialog.is_hung_up = answered and direction is Direction.INCOMING
        request = dialog.last("BYE") if answered else dialog.last("INVITE")
        if answered or direction is Direction.OUTGOING:
            final = request.final if request is not None else 0
            never_left = request is not None and not request.sent
            reason = request.unanswered(event.at) if request is not None and never_left else ""
            return event if final == event.code else msgspec.structs.replace(event, code=0, reason=reason)
        return event

    def _why(self, event: CallStateChanged, dialog: Dialog, code: int) -> str:
        """Why the library, or a time limit, ended the call."""
        pending = next((request for request in reversed(dialog.requests.values()) if not request.final), None)
        waited = next(
            (
                one
                for one in reversed(dialog.requests.values())
                if not one.final and one.method not in ENDINGS
            ),
            pending,
        )
        if event.unasked and dialog.complaint:
            silence = f"; {waited.unanswered(event.at)}" if waited is not None and not code else ""
            return f"{BY_THIS_SIDE}: {dialog.complaint}{silence}"
        if not code and not dialog.requests and event.code in UNREACHABLE:
            return f"nothing was sent: {event.reason}"
        if (
            not code
            and waited is not None
            and event.code == StatusCode.REQUEST_TIMEOUT
            and "refresh" not in event.reason
        ):
            return waited.unanswered(event.at)
        if not code and waited is not None and event.code in UNREACHABLE:
            return waited.unanswered(event.at, event.reason)
        return f"{BY_THIS_SIDE}: {dialog.complaint or event.reason}"


def addresses(text: str) -> set[str]:
    """User and host of every SIP URI in it, without ports, which a To lacks, and its tel: URIs (RFC 3966)."""
    return {SCHEME.sub("", found[0].lower()) for found in ADDRESS.finditer(text)}
