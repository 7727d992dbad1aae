"""Puts header fields of the endpoint's settings on every message of their kind, as it leaves.

The library's own requests and responses (ACK, PRACK, the 200 to a BYE) have no other way to get any, and
of a CANCEL that has to wait it forgets them, and a REFER gets its own Referred-By beside another. And since
it makes a response of the one before, with all of its header fields, those that were said for another
response of the call are taken off again.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Iterable

from bot.agent.messages import SentMessage, SipMessage
from bot.agent.modules import Modules, Name, Pointer
from bot.agent.refusal import Refused
from bot.commands import Header
from bot.sip import Message
from bot.stamped_headers import StampedHeaders, stamps

__all__ = ["Stamping"]

BEFORE_DESCRIPTIONS = 17
"""Farther from the wire than the module that changes descriptions."""
MESSAGE_BYTES = 16384
REMEMBERED = 64
"""Calls; the refusal of one leaves when it has ended already."""


class Stamping:
    """All on the pumping thread."""

    def __init__(self, settings: StampedHeaders) -> None:
        self._stamps = list(stamps(settings))
        self._answers: OrderedDict[str, dict[int, list[Header]]] = OrderedDict()
        self._ever: dict[str, set[Header]] = {}
        self._requests: OrderedDict[tuple[str, str], list[Header]] = OrderedDict()

    def install(self, modules: Modules) -> None:
        """Stand in the way of what leaves; Refused when this build does not allow what is set."""
        c = self._c = modules.c
        try:
            c.pjsip_msg_print.argtypes = [Pointer, Pointer, ctypes.c_size_t]
            c.pjsip_msg_print.restype = ctypes.c_ssize_t
            c.pjsip_msg_find_hdr_by_name.argtypes = [*[Pointer] * 3]
            c.pjsip_msg_find_hdr_by_name.restype = Pointer
            c.pjsip_generic_string_hdr_create.restype = Pointer
            c.pjsip_generic_string_hdr_create.argtypes = [Pointer, *[ctypes.POINTER(Name)] * 2]
            c.pjsip_tx_data_invalidate_msg.argtypes = [Pointer]
            c.pj_list_erase.argtypes = [Pointer]
            c.pj_list_insert_before.argtypes = [Pointer, Pointer]
        except AttributeError:
            if self._stamps:
                raise Refused("native", "this build of the library exports too little for headers") from None
            return
        modules.register(b"mod-srtpbot-hdr", BEFORE_DESCRIPTIONS, on_transmit=self._leaving)

    def answered(self, call_id: str, code: int, fields: Iterable[Header]) -> None:
        """Note what was said for a response to the INVITE of a call."""
        said = list(fields)
        if said or call_id in self._answers:
            self._answers.setdefault(call_id, {})[code] = said
            self._ever.setdefault(call_id, set()).update(said)
        while len(self._answers) > REMEMBERED:
            del self._ever[self._answers.popitem(last=False)[0]]

    def requested(self, call_id: str, method: str, fields: Iterable[Header]) -> None:
        """Note what was said for a request of a call: a CANCEL, which may leave later, or a REFER."""
        self._requests[call_id, method] = list(fields)
        while len(self._requests) > REMEMBERED:
            self._requests.popitem(last=False)

    def _leaving(self, address: int) -> int:
        if not (self._stamps or self._answers or self._requests):
            return 0
        sent = SentMessage.from_address(address)
        if not sent.name.startswith(b"tdta"):
            raise RuntimeError("this build lays out a message in another way")
        message = self._read(sent)
        for name, values in (self._strays(message) | self._due(message)).items():
            if message.headers(name) != values:
                self._put(sent, name, values)
                # A request was printed already, to see whether it is too long for UDP.
                self._c.pjsip_tx_data_invalidate_msg(address)
        return 0

    def _due(self, message: Message) -> dict[str, list[str]]:
        """What the settings say that the message has by each name."""
        due = {name: values for kind, name, values in self._stamps if kind.fits(message)}
        said = self._requests.get((message.call_id or "", message.method or ""), [])
        return due | {name: [value for other, value in said if other == name] for name, _ in said}

    def _strays(self, message: Message) -> dict[str, list[str]]:
        """What remains of the fields that another response had, by each name."""
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

    def _read(self, sent: SentMessage) -> Message:
        buffer = ctypes.create_string_buffer(MESSAGE_BYTES)
        length = self._c.pjsip_msg_print(sent.message, buffer, MESSAGE_BYTES)
        return Message.parse(buffer.raw[: max(length, 0)].decode("utf-8", "surrogateescape"))

    def _put(self, sent: SentMessage, name: str, values: list[str]) -> None:
        """In place of the fields of that name; a message that is sent again has them already."""
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
