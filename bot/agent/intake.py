"""The gate: each message is read by ``bot.sip.intake`` before the library's own parser sees it.

The library parses a message, whatever transport it came by, with ``pjsip_parse_rdata``; that call is led
through here (``native.detour``). What passes goes on as it is. A mended message is parsed in place of the
one that came. Of a request that is refused the library gets a bare copy, with the fields that a response
repeats (RFC 3261 8.2.6.2), and a module in front of everything answers it statelessly. What gets no
response is not parsed at all.
"""

from __future__ import annotations

import ctypes
import re
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from bot.agent.admission import Admission, OverLimit
from bot.agent.call import Leg
from bot.agent.header_lines import TO_RAW
from bot.agent.legs import Legs
from bot.agent.native.detour import Detour
from bot.agent.native.header_list import HeaderList
from bot.agent.native.received import Origin
from bot.agent.native.sip_module import Modules
from bot.agent.trace import printable
from bot.ipc import CallbackFailed, MessageRefused, Wired
from bot.model import CallState
from bot.sip import redact
from bot.sip.intake import SILENCE, Dialogs, Hosts, Mended, Refusal, bare_copy, judge

__all__ = ["BEFORE_EVERYONE", "Intake"]

BEFORE_EVERYONE = 1
"""The library's log has 7."""
NO_RESPONSE, NO_TAG = 70013, 171120
"""PJ_EINVALIDOP, and PJSIP_EMISSINGTAG of pjsip/sip_errno.h."""
SHOWN_BYTES = 120
KEPT = 32
ENDED = 256
"""Dialogs that are remembered after their end."""
UNANSWERED = {CallState.NULL, CallState.CALLING, CallState.EARLY}

OUR_TAG_IN_RESPONSE = re.compile(r"\nTo:[^\r\n]*;tag=([^;\s]+)")
OUR_TAG_IN_REQUEST = re.compile(r"\nFrom:[^\r\n]*;tag=([^;\s]+)")
CALL_ID = re.compile(r"\nCall-ID:[ \t]*(\S+)")
OF_INVITE = re.compile(r"\nCSeq:[ \t]*[0-9]+[ \t]+INVITE")
"""As the library writes them."""
TAG = re.compile(rb";\s*tag\s*=\s*[^\s;,]", re.IGNORECASE)

Seen = Callable[[str, str, str], None]
"""Takes the transport, the peer and the text of a message that the library does not log."""


def has_tag(data: bytes) -> bool:
    """Whether the library finds a To tag; one behind a URI of an unknown scheme is a part of that for it."""
    to = TO_RAW.search(data)
    _, bracket, parameters = to[1].rpartition(b">") if to else (b"", b"", b"")
    if not bracket and not parameters.lstrip().lower().startswith((b"sip:", b"sips:")):
        return False
    return TAG.search(parameters) is not None


class Pending(NamedTuple):
    """A refusal that the library has not answered yet, and its event without the code."""

    refusal: Refusal
    event: MessageRefused | None


class CallDialogs(Dialogs):
    """The dialogs of calls that live, and of the last ones that have ended."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self._ended: OrderedDict[bytes, None] = OrderedDict()
        self._owners: OrderedDict[bytes, bytes] = OrderedDict()

    def sent(self, text: str) -> None:
        """A message has left; an INVITE and the responses to one have our tag of the call."""
        found = OUR_TAG_IN_RESPONSE if text.startswith("SIP/2.0 ") else OUR_TAG_IN_REQUEST
        if not OF_INVITE.search(text):
            return
        tag, call_id = found.search(text), CALL_ID.search(text)
        if tag and call_id:
            key = tag[1].lower().encode("utf-8", "surrogateescape")
            self._owners[key] = call_id[1].encode("utf-8", "surrogateescape")
            self._owners.move_to_end(key)
            if len(self._owners) > 2 * ENDED:
                self._owners.popitem(last=False)

    def owner(self, tag: bytes) -> bytes | None:
        """The library compares tags without regard to case, and finds a dialog by them alone."""
        return self._owners.get(tag.lower())

    def ended(self, call_id: str) -> None:
        """The call of this Call-ID has ended."""
        self._ended[call_id.encode()] = None
        if len(self._ended) > ENDED:
            self._ended.popitem(last=False)

    def is_over(self, call_id: bytes) -> bool:
        """Another call may have its slot in the library now."""
        return call_id in self._ended and self._of(call_id) is None

    def is_inviting(self, call_id: bytes) -> bool:
        leg = self._of(call_id)
        return leg is not None and leg.is_outgoing and leg.state in UNANSWERED

    def _of(self, call_id: bytes) -> Leg | None:
        return self._legs.of_dialog(call_id.decode("latin-1"))


class Intake:
    """The gate; raises MissingSymbol when this build has no place for one."""

    def __init__(
        self,
        modules: Modules,
        emit: Callable[[Wired], None],
        seen: Seen,
        legs: Legs,
        admission: Admission,
        *,
        hosts: Hosts,
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        """``seen`` shows a message that the library does not log; ``hosts`` are permitted in SDP.

        ``soon`` runs a function once the library is done with the message.
        """
        self._dialogs, self._hosts = CallDialogs(legs), hosts
        self._modules, self._emit, self._seen = modules, emit, seen
        self._admission = admission
        self.on_message: Callable[[int, bytes], None] = lambda transport, data: None
        """Called with each message, and the address of the transport by which it has come."""
        self.on_refusal: Callable[[str, str], None] = lambda request, reason: None
        """Called with each request that is refused, and the reason, before the response is sent."""
        c = modules.c
        self._respond = c.pjsip_endpt_respond_stateless
        self._origin = Origin()
        self._soon = soon
        self._refused: dict[int, Pending] = {}
        self._left = False
        """Whether the response to the current request has left."""
        self._kept: deque[object] = deque(maxlen=KEPT)
        self._told: set[str] = set()
        self.waits: Callable[[int, bytes, str], bool] = lambda rdata, data, peer: False
        """Called with each message that passed; whether it is processed later."""
        modules.register(
            b"mod-srtpbot-gate", BEFORE_EVERYONE, on_request=self._arrived, on_response=self._wait, refusal=1
        )
        self._at_hand: tuple[int, bytes] = (0, b"")
        """The message that the library works on: its address, and its text."""
        self._detours = [
            Detour(c, "pjsip_parse_rdata", self._parse),
            Detour(c, "pjsip_endpt_create_response", self._create),
            Detour(c, "pjsip_dlg_fork", self._fork),
        ]

    def ended(self, call_id: str) -> None:
        """The call of this Call-ID has ended."""
        self._dialogs.ended(call_id)

    def sent(self, text: str) -> None:
        """A message has left."""
        self._left = True
        self._dialogs.sent(text)

    def go_on(self, rdata: int, data: bytes) -> None:
        """The library works on a message that has waited."""
        self._at_hand = rdata, data

    def refuse(self, rdata: int, data: bytes, refusal: Refusal) -> None:
        """Answer a request that has waited."""
        self._refuse(data, rdata, refusal)
        self._refused.setdefault(rdata, Pending(refusal, None))
        self._answer(rdata)

    def _parse(self, original: Callable[..., int | None], buffer: int, size: int, rdata: int) -> int | None:
        data = ctypes.string_at(buffer, size)
        self._at_hand = rdata, data.lstrip(b"\r\n")
        self._drop(self._refused.get(rdata), rdata)  # the message before, of which no copy was parsed
        try:
            self.on_message(self._origin.transport(rdata), data)
            verdict = self._judge(data, self._origin.of(rdata)[1])
            if isinstance(verdict, Refusal):
                data = self._refuse(data, rdata, verdict)
            elif isinstance(verdict, Mended):
                data = verdict.data
        except Exception as error:
            self._tell(data, error)
            return None
        if verdict is None:
            return original(buffer, size, rdata)
        if not data:
            return None
        return original(self._origin.place(rdata, data) or self._keep(data), len(data), rdata)

    def _keep(self, data: bytes) -> int:
        """The address of a copy, into which the library's message points."""
        copy = ctypes.create_string_buffer(data)
        self._kept.append(copy)
        return ctypes.addressof(copy)

    def _judge(self, data: bytes, peer: str) -> Mended | Refusal | None:
        """By the rates of the source, then by the text, then by the calls that there are."""
        data = data.lstrip(b"\r\n")  # RFC 3261 7.5
        refusal = self._admission.judge(data, peer)
        if refusal is not None:
            return refusal
        verdict = judge(data, hosts=self._hosts, dialogs=self._dialogs)
        if isinstance(verdict, Refusal):
            return verdict
        return self._admission.judge_whole(data, peer) or verdict

    def _create(self, original: Callable[..., int], endpoint: int, rdata: int, *rest: object) -> int:
        """The library asserts that it makes no response to an ACK, and tries to."""
        address, data = self._at_hand
        is_ack = rdata == address and data.startswith(b"ACK ")
        return NO_RESPONSE if is_ack else original(endpoint, rdata, *rest)

    def _fork(self, original: Callable[..., int], dialog: int, rdata: int, forked: int) -> int:
        """The library asserts that a response has a To tag, which RFC 3261 12.1.2 does not demand."""
        address, data = self._at_hand
        untagged = rdata == address and not has_tag(data)
        return NO_TAG if untagged else original(dialog, rdata, forked)

    def _refuse(self, data: bytes, rdata: int, refusal: Refusal) -> bytes:
        """Refuse a message; the bare copy that the library parses instead, or empty bytes."""
        transport, peer = self._origin.of(rdata)
        copy = bare_copy(data) if refusal.code != SILENCE else b""
        event = None
        if not isinstance(refusal, OverLimit):  # those are counted, for there may be many
            start = data.lstrip(b"\r\n").split(b"\n", 1)[0][:SHOWN_BYTES].rstrip(b"\r")
            event = MessageRefused(
                at=time.monotonic(),
                transport=transport,
                peer=peer,
                summary=redact(start.decode("utf-8", "backslashreplace")),
                rule=refusal.rule,
                why=refusal.why,
                code=SILENCE,
            )
        if copy:
            text = data.decode("utf-8", "surrogateescape")
            self._seen(transport, peer, text)
            self.on_refusal(text, refusal.why)
            pending = self._refused[rdata] = Pending(refusal, event)
            self._soon(lambda: self._drop(pending, rdata))
        elif event is not None:
            self._emit(event)
        return copy

    def _drop(self, pending: Pending | None, rdata: int) -> None:
        """Report a refusal whose response the library could not make, if that is still so."""
        if pending is None or self._refused.get(rdata) is not pending:
            return
        del self._refused[rdata]
        if pending.event is not None:
            self._emit(pending.event)

    def _arrived(self, rdata: int) -> int:
        return self._answer(rdata) or self._wait(rdata)

    def _wait(self, rdata: int) -> int:
        address, data = self._at_hand
        return int(rdata == address and self.waits(rdata, data, self._origin.of(rdata)[1]))

    def _answer(self, rdata: int) -> int:
        """Answer a request that was refused; the library's other modules never see it."""
        pending = self._refused.pop(rdata, None)
        if pending is None:
            return 0
        modules, refusal = self._modules, pending.refusal
        pool = modules.pool()
        code, text = warning_of(refusal)
        fields = [("Warning", f'{code} srtpbot "{text}"'), *refusal.headers]
        headers = HeaderList(modules, (), fields, pool=pool)
        self._left = False
        self._respond(modules.endpoint, rdata, refusal.code, None, headers.address, None)
        modules.release(pool)
        if pending.event is not None:
            sent = refusal.code if self._left else SILENCE
            self._emit(msgspec.structs.replace(pending.event, code=sent))
        return 1

    def _tell(self, data: bytes, error: Exception) -> None:
        """Report an exception of the gate, which drops the message; each traceback once."""
        trace = "".join(traceback.format_exception(error))
        if trace in self._told or len(self._told) >= KEPT:
            return
        self._told.add(trace)
        start = printable(data[:SHOWN_BYTES].decode("utf-8", "surrogateescape"))
        self._emit(
            CallbackFailed(at=time.monotonic(), where=f"the gate, reading {start!r},", traceback=trace)
        )


def warning_of(refusal: Refusal) -> tuple[str, str]:
    """The warn-code and the warn-text of the response (RFC 3261 section 20.43)."""
    code, _, text = (refusal.warning or f"399 {refusal.why}").partition(" ")
    return code, text.replace("\\", "").replace('"', "'")
