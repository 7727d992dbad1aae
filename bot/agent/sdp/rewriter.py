"""Inspection and change of sent session descriptions (SDP) below the bindings.

The bindings can replace an offer, but report no error when the library cannot use the replacement: it then
sends its own offer, or aborts. So an offer is first tested with the library's parser. The library changes
an answer again during negotiation (it would reject the m= line for a profile that differs from the
offer's), and an m= line without media crashes the process. So these changes are made in the outgoing
message: the peer sees the changed text, and the library continues as if it had sent its own. If a build
does not export the necessary C functions, or has another message layout, nothing can be changed.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence

import pjsua2 as pj

from bot.agent.native.sip_module import Modules, Name, Pointer
from bot.agent.native.structs import SentMessage
from bot.sip import SdpEdit, edited, redact

__all__ = ["SdpRewriter"]

BEFORE_PRINTING = 16
"""Nearer to the wire than transactions, but before the transport layer prints the message."""
STOPPED = 70013
"""PJ_EINVALIDOP: the result for the sender of a message that is stopped."""
MESSAGE_BYTES = 16384
REQUEST, RESPONSE = 0, 1
FUNCTIONS = (
    "pjmedia_sdp_parse",
    "pjmedia_sdp_print",
    "pjmedia_sdp_validate",
    "pjsip_msg_print",
    "pjsip_msg_body_create",
    "pjsip_tx_data_invalidate_msg",
)


class SdpRewriter:
    """Edits sent messages, by Call-ID; used on the pumping thread only."""

    def __init__(self) -> None:
        self._edits: dict[str, Sequence[SdpEdit]] = {}
        self._problems: dict[str, str] = {}
        self._stopped: set[str] = set()
        self._buffer = ctypes.create_string_buffer(MESSAGE_BYTES)
        self.usable = False
        """Whether this build lets descriptions be changed."""

    def install(self, modules: Modules) -> None:
        """Install the SIP module; raises MissingSymbol if this build does not permit that."""
        self._modules, self._c = modules, modules.c
        self._c.require(*FUNCTIONS)
        self.usable = modules.register(
            b"mod-srtpbot-sdp", BEFORE_PRINTING, on_transmit=self._leaving, refusal=STOPPED
        )

    # ---- offers

    def problem_with(self, description: str) -> str | None:
        """Why the library would not send this offer unchanged; None if it would."""
        text = description.encode("utf-8", "surrogateescape")
        kept, parsed = ctypes.create_string_buffer(text), Pointer()
        pool = self._modules.pool()
        try:
            status = self._c.pjmedia_sdp_parse(pool, kept, len(text), ctypes.byref(parsed))
            status = status or self._c.pjmedia_sdp_validate(parsed)
            if status:
                return f"the library cannot use it: {pj.Endpoint.instance().utilStrError(status)}"
            printed = self.text_of(parsed)
        finally:
            self._modules.release(pool)
        lost = Counter(description.splitlines()) - Counter(printed.splitlines())
        return f"the library would not send the line {redact(next(iter(lost)))!r}" if lost else None

    def text_of(self, session: int | Pointer) -> str:
        """The description at an address, as the library prints it."""
        length = self._c.pjmedia_sdp_print(session, self._buffer, MESSAGE_BYTES)
        return ctypes.string_at(self._buffer, max(length, 0)).decode("utf-8", "surrogateescape")

    def stop(self, call_id: str) -> None:
        """Stop all messages of this call until it has ended."""
        self._stopped.add(call_id)

    # ---- sent messages

    def edit_leaving(self, call_id: str, edits: Sequence[SdpEdit]) -> None:
        """Change the next description that is sent in this call."""
        self._edits[call_id] = edits

    def unedited(self, call_id: str) -> str | None:
        """Why the description was not sent as requested; clears the reason and all pending changes."""
        waiting = self._edits.pop(call_id, None) is not None
        return self._problems.pop(call_id, "the message had no description" if waiting else None)

    def forget(self, call_id: str) -> None:
        """Cancel all prepared changes of this call."""
        self._edits.pop(call_id, None)
        self._problems.pop(call_id, None)
        self._stopped.discard(call_id)

    def _leaving(self, address: int) -> int:
        if not self._edits and not self._stopped:
            return 0
        sent = SentMessage.from_address(address)
        if not sent.name.startswith(b"tdta") or sent.message.contents.type not in {REQUEST, RESPONSE}:
            raise RuntimeError("this build lays out a message in another way")  # the message is not sent
        head, _, body = self._printed(sent).partition(b"\r\n\r\n")
        call_id = header(head, b"call-id")
        if call_id in self._stopped:
            return STOPPED
        if call_id in self._edits and header(head, b"content-type").lower() == "application/sdp":
            self._replace(address, sent, call_id, body.decode("utf-8", "surrogateescape"))
        return 0

    def _replace(self, address: int, sent: SentMessage, call_id: str, description: str) -> None:
        try:
            changed = edited(description, self._edits.pop(call_id))
        except ValueError as error:
            self._problems[call_id] = str(error)
            return
        text = changed.encode("utf-8", "surrogateescape")
        parts = [Name(part, len(part)) for part in (b"application", b"sdp", text)]
        body = self._c.pjsip_msg_body_create(sent.pool, *(ctypes.byref(part) for part in parts))
        sent.message.contents.body = body
        # A request was printed before, to check whether it is too long for UDP.
        self._c.pjsip_tx_data_invalidate_msg(address)

    def _printed(self, sent: SentMessage) -> bytes:
        length = self._c.pjsip_msg_print(sent.message, self._buffer, MESSAGE_BYTES)
        return ctypes.string_at(self._buffer, max(length, 0))


def header(head: bytes, name: bytes) -> str:
    """A header field of a message that the library printed; empty if absent."""
    for line in head.split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.strip().lower() == name:
            return value.strip().decode("utf-8", "surrogateescape")
    return ""
