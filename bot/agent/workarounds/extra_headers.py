"""Adds the header fields of the endpoint's settings to outgoing messages of each kind.

The bindings cannot add header fields to the library's own requests and responses (ACK, PRACK, the 200 to a
BYE). The library forgets those of a delayed CANCEL, and adds its own Referred-By to a REFER that has one.
It builds a response from the one before with all its header fields, so those of an earlier response of the
call are removed.
"""

from __future__ import annotations

import ctypes
import re
from collections import OrderedDict
from collections.abc import Iterable

from bot.agent.callbacks import CommandRefused
from bot.agent.native.library import MissingSymbol
from bot.agent.native.sip_module import Modules, Name
from bot.agent.native.structs import SentMessage, SipMessage
from bot.config import StampedHeaders, stamps
from bot.ipc import Header
from bot.sip import Message

__all__ = ["ExtraHeaders"]

BEFORE_DESCRIPTIONS = 17
"""Farther from the wire than the module that changes descriptions."""
MESSAGE_BYTES = 16384
REMEMBERED = 64
"""Maximum number of calls; a refusal is sent after its call has ended."""

CALL_ID = re.compile(rb"\nCall-ID:[ \t]*(\S+)")
"""As the library writes it."""
FUNCTIONS = (
    "pjsip_msg_print",
    "pjsip_msg_find_hdr_by_name",
    "pjsip_generic_string_hdr_create",
    "pjsip_tx_data_invalidate_msg",
    "pj_list_erase",
    "pj_list_insert_before",
)


class ExtraHeaders:
    """Adds and removes header fields; used on the pumping thread only."""

    def __init__(self, settings: StampedHeaders) -> None:
        self._stamps = list(stamps(settings))
        self._answers: OrderedDict[str, dict[int, list[Header]]] = OrderedDict()
        self._ever: dict[str, set[Header]] = {}
        self._requests: OrderedDict[tuple[str, str], list[Header]] = OrderedDict()
        self._buffer = ctypes.create_string_buffer(MESSAGE_BYTES)

    def install(self, modules: Modules) -> None:
        """Install the SIP module; raises Refused when this build does not permit the settings."""
        c = self._c = modules.c
        try:
            c.require(*FUNCTIONS)
        except MissingSymbol:
            if self._stamps:
                raise CommandRefused(
                    "native", "this build of the library exports too little for headers"
                ) from None
            return
        modules.register(b"mod-srtpbot-hdr", BEFORE_DESCRIPTIONS, on_transmit=self._leaving)

    def answered(self, call_id: str, code: int, fields: Iterable[Header]) -> None:
        """Store the header fields of a response to the INVITE of a call."""
        said = list(fields)
        if said or call_id in self._answers:
            self._answers.setdefault(call_id, {})[code] = said
            self._ever.setdefault(call_id, set()).update(said)
        while len(self._answers) > REMEMBERED:
            del self._ever[self._answers.popitem(last=False)[0]]

    def requested(self, call_id: str, method: str, fields: Iterable[Header]) -> None:
        """Store the header fields of a request in a call: a REFER, or a CANCEL that may be sent later."""
        self._requests[call_id, method] = list(fields)
        while len(self._requests) > REMEMBERED:
            self._requests.popitem(last=False)

    def _leaving(self, address: int) -> int:
        if not (self._stamps or self._answers or self._requests):
            return 0
        sent = SentMessage.from_address(address)
        if not sent.name.startswith(b"tdta"):
            raise RuntimeError("this build lays out a message in another way")
        text = sent.printed or self._print(sent)
        if not self._concerns(text):
            return 0
        message = Message.parse(text.decode("utf-8", "surrogateescape"))
        for name, values in (self._strays(message) | self._due(message)).items():
            if message.headers(name) != values:
                self._put(sent, name, values)
                # A request was printed before, to check whether it is too long for UDP.
                self._c.pjsip_tx_data_invalidate_msg(address)
        return 0

    def _due(self, message: Message) -> dict[str, list[str]]:
        """The header fields that the settings define for the message, by name."""
        due = {name: values for kind, name, values in self._stamps if kind.fits(message)}
        said = self._requests.get((message.call_id or "", message.method or ""), [])
        return due | {name: [value for other, value in said if other == name] for name, _ in said}

    def _strays(self, message: Message) -> dict[str, list[str]]:
        """The remaining header fields of an earlier response, by name."""
        if message.is_request:
            return {}
        kept: dict[str, list[str]] = {
            name: [] for _, name, values in self._stamps if message.headers(name) == values
        }
        call_id = message.call_id or ""
        if message.cseq_method == "INVITE" and call_id in self._answers:
            ever, said = self._ever[call_id], self._answers[call_id].get(message.status, [])
            for name in {name for name, _ in ever}:
                kept[name] = [
                    value
                    for value in message.headers(name)
                    if (name, value) in said or (name, value) not in ever
                ]
        return kept

    def _concerns(self, text: bytes) -> bool:
        """Whether there may be header fields for this message: of the settings, or stored for its call."""
        if self._stamps:
            return True
        call_id = CALL_ID.search(text)
        key = call_id[1].decode("utf-8", "surrogateescape") if call_id is not None else ""
        if text.startswith(b"SIP/"):
            return key in self._answers
        return (key, text.partition(b" ")[0].decode("ascii", "replace")) in self._requests

    def _print(self, sent: SentMessage) -> bytes:
        length = self._c.pjsip_msg_print(sent.message, self._buffer, MESSAGE_BYTES)
        return ctypes.string_at(self._buffer, max(length, 0))

    def _put(self, sent: SentMessage, name: str, values: list[str]) -> None:
        """Replace the header fields with that name; a retransmitted message already has them."""
        text = name.encode()
        title = Name(text, len(text))
        while found := self._c.pjsip_msg_find_hdr_by_name(sent.message, ctypes.byref(title), None):
            self._c.pj_list_erase(found)
        headers = ctypes.addressof(sent.message.contents) + SipMessage.headers.offset
        for value in values:
            content = value.encode("utf-8", "surrogateescape")
            field = self._c.pjsip_generic_string_hdr_create(
                sent.pool, ctypes.byref(title), ctypes.byref(Name(content, len(content)))
            )
            self._c.pj_list_insert_before(headers, field)
