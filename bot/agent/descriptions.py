"""The session descriptions (SDP) that this process sends, looked at and changed below the bindings.

The bindings let an offer be replaced, and say nothing when the library cannot use the replacement: it
then sends its own, or aborts. So an offer is first tried on the library's own parser. An answer the
library changes again while it negotiates (another profile than the offer's would refuse the m= line),
and an m= line more than it has media ends the process, so these are changed in the message, on its way
out: the peer sees what was written, and the library goes on as if it had sent its own. Where a build
does not export the C functions that this takes, or lays a message out in another way, nothing can be
changed.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence

import pjsua2 as pj

from bot.agent.messages import SentMessage
from bot.agent.modules import Modules, Name, Pointer
from bot.sdp_edits import SdpEdit, edited
from bot.sip import redact

__all__ = ["Descriptions"]

BEFORE_PRINTING = 16
"""Nearer to the wire than transactions, and still before the transport layer prints the message."""
STOPPED = 70013
"""PJ_EINVALIDOP: what a sender hears of a message that may not leave."""
MESSAGE_BYTES = 16384
REQUEST, RESPONSE = 0, 1


class Descriptions:
    """Edits what leaves, by Call-ID; all on the pumping thread."""

    def __init__(self) -> None:
        self._edits: dict[str, Sequence[SdpEdit]] = {}
        self._problems: dict[str, str] = {}
        self._stopped: set[str] = set()
        self.usable = False
        """Whether this build lets descriptions be changed."""

    def install(self, modules: Modules) -> None:
        """Stand in the way of what leaves."""
        self._modules, self._c = modules, modules.c
        try:
            self._declare()
        except AttributeError:
            return
        self.usable = modules.register(
            b"mod-srtpbot-sdp", BEFORE_PRINTING, on_transmit=self._leaving, refusal=STOPPED
        )

    def _declare(self) -> None:
        c = self._c
        c.pjmedia_sdp_parse.argtypes = [Pointer, Pointer, ctypes.c_size_t, Pointer]
        c.pjmedia_sdp_print.argtypes = [Pointer, Pointer, ctypes.c_size_t]
        c.pjmedia_sdp_validate.argtypes = [Pointer]
        c.pjsip_msg_print.argtypes = [Pointer, Pointer, ctypes.c_size_t]
        c.pjsip_msg_print.restype = ctypes.c_ssize_t
        c.pjsip_msg_body_create.argtypes = [Pointer] * 4
        c.pjsip_msg_body_create.restype = Pointer
        c.pjsip_tx_data_invalidate_msg.argtypes = [Pointer]

    # ---- offers

    def problem_with(self, description: str) -> str | None:
        """Why the library would not send this offer as it is written, or None when it will."""
        text = description.encode("utf-8", "surrogateescape")
        kept, parsed = ctypes.create_string_buffer(text), Pointer()
        pool = self._modules.pool()
        try:
            status = self._c.pjmedia_sdp_parse(pool, kept, len(text), ctypes.byref(parsed))
            status = status or self._c.pjmedia_sdp_validate(parsed)
            if status:
                return f"the library cannot use it: {pj.Endpoint.instance().utilStrError(status)}"
            assert parsed.value is not None
            printed = self.text_of(parsed.value)
        finally:
            self._modules.release(pool)
        lost = Counter(description.splitlines()) - Counter(printed.splitlines())
        return f"the library would not send the line {redact(next(iter(lost)))!r}" if lost else None

    def text_of(self, session: int) -> str:
        """The description at an address, as the library would print it."""
        printed = ctypes.create_string_buffer(MESSAGE_BYTES)
        length = self._c.pjmedia_sdp_print(session, printed, MESSAGE_BYTES)
        return printed.raw[: max(length, 0)].decode("utf-8", "surrogateescape")

    def stop(self, call_id: str) -> None:
        """Let nothing of this call leave, until it has ended."""
        self._stopped.add(call_id)

    # ---- what leaves

    def edit_leaving(self, call_id: str, edits: Sequence[SdpEdit]) -> None:
        """Change the next description that leaves in this call."""
        self._edits[call_id] = edits

    def unedited(self, call_id: str) -> str | None:
        """Why the description did not leave as it should have; forgets it, and what was still to be done."""
        waiting = self._edits.pop(call_id, None) is not None
        return self._problems.pop(call_id, "the message had no description" if waiting else None)

    def forget(self, call_id: str) -> None:
        """Nothing that was prepared for this call is to be done any more."""
        self._edits.pop(call_id, None)
        self._problems.pop(call_id, None)
        self._stopped.discard(call_id)

    def _leaving(self, address: int) -> int:
        if not self._edits and not self._stopped:
            return 0
        sent = SentMessage.from_address(address)
        if not sent.name.startswith(b"tdta") or sent.message.contents.type not in {REQUEST, RESPONSE}:
            raise RuntimeError("this build lays out a message in another way")  # and so it does not leave
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
        # A request was printed already, to see whether it is too long for UDP.
        self._c.pjsip_tx_data_invalidate_msg(address)

    def _printed(self, sent: SentMessage) -> bytes:
        buffer = ctypes.create_string_buffer(MESSAGE_BYTES)
        length = self._c.pjsip_msg_print(sent.message, buffer, MESSAGE_BYTES)
        return buffer.raw[: max(length, 0)]


def header(head: bytes, name: bytes) -> str:
    """A header field of a message that the library printed; empty when there is none."""
    for line in head.split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.strip().lower() == name:
            return value.strip().decode("utf-8", "surrogateescape")
    return ""
