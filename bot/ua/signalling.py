"""The SIP side of a call: its state, and the verbs that send requests and responses in its dialog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

from bot.config import check_text
from bot.deadline import Deadline
from bot.errors import CallEnded, ConfigError, WaitTimeout
from bot.ipc import (
    Answer,
    AnyCommand,
    Cancel,
    Hangup,
    Reinvite,
    SdpEdit,
    SendMessage,
    SendRequest,
    Update,
)
from bot.model import CallState, Direction, MediaDirection, MediaState
from bot.sip import HeaderFields, checked_content_type, checked_edits, header_list, is_final, is_provisional
from bot.ua.call_record import CallRecord
from bot.ua.requests import Cancellation, SentRequest, is_renegotiating

if TYPE_CHECKING:
    from bot.ua.endpoint import Endpoint

__all__ = ["Signalling", "checked_method"]

METHOD = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")
OWN_VERBS = {
    "INVITE": "reinvite",
    "UPDATE": "update",
    "ACK": "the library",
    "PRACK": "the library",
    "CANCEL": "hangup",
    "BYE": "hangup",
    "REFER": "transfer",
    "REGISTER": "register of an endpoint",
}
"""Methods that have a verb of their own, since they change the state of the call."""
CONFIRMING_S = 5.0
"""Seconds that a re-INVITE waits for the call to be confirmed."""
ANSWERED_S = 0.5
"""Seconds that an offer waits for the answer to the previous one."""
ACK_S = 1.0
"""Seconds that a BYE waits for the ACK."""
HELD = {MediaDirection.RECVONLY, MediaDirection.INACTIVE}
"""The directions of a side that the peer holds (RFC 3264 section 8.4)."""


class Signalling:
    """The facts of a call and its SIP verbs; each raises CallFailed when the call has ended."""

    def __init__(self, endpoint: Endpoint, record: CallRecord) -> None:
        self.endpoint = endpoint
        self.facts = record
        """Every fact of this call so far."""

    def __str__(self) -> str:
        facts = self.facts
        way = "to" if facts.direction is Direction.OUTGOING else "from"
        return f"{self.endpoint.name}: call {facts.number} {way} {facts.remote_uri}"

    __repr__ = __str__

    @property
    def label(self) -> str:
        """``call 1``, with its endpoint's name before it when the run has several endpoints."""
        return (
            f"{self.endpoint.name} call {self.number}" if self.endpoint.has_company else f"call {self.number}"
        )

    # ---- properties

    @property
    def number(self) -> int:
        """The endpoint's number for this call, from 1."""
        return self.facts.number

    @property
    def direction(self) -> Direction:
        """Whether this endpoint placed or received the call."""
        return self.facts.direction

    @property
    def state(self) -> CallState:
        """The state now."""
        return self.facts.state

    @property
    def media(self) -> tuple[MediaState, ...]:
        """The m= lines now."""
        return self.facts.media

    @property
    def remote_uri(self) -> str:
        """The peer's From or To."""
        return self.facts.remote_uri

    @property
    def account(self) -> str:
        """The address of record of this endpoint's identity that calls or is called."""
        return self.facts.account

    @property
    def digits(self) -> str:
        """The DTMF digits received so far."""
        return self.facts.digits

    def header(self, name: str) -> str | None:
        """The first header field of that name in any message received in this call."""
        with_it = (traced.message.header(name) for traced in self.facts.messages if not traced.sent)
        return next((value for value in with_it if value is not None), None)

    # ---- signalling

    def ring(
        self,
        code: int = 180,
        *,
        reason: str = "",
        headers: HeaderFields | None = None,
        edit_sdp: Sequence[SdpEdit] = (),
    ) -> Self:
        """Answer with a provisional response; 183 opens the media early."""
        return self.answer(code, reason=reason, headers=headers, edit_sdp=edit_sdp)

    def answer(
        self,
        code: int = 200,
        *,
        reason: str = "",
        headers: HeaderFields | None = None,
        after: float = 0.0,
        edit_sdp: Sequence[SdpEdit] = (),
    ) -> Self:
        """Answer an incoming call with any status code, ``after`` seconds from now; returns the call.

        ``edit_sdp`` changes the SDP of this response (see ``reinvite``).
        """
        if not (is_provisional(code) or is_final(code)):
            raise ConfigError(f"{code} is not a SIP status code; expected 100 to 699")
        check_text("reason", reason)
        command = Answer(
            call=self.number,
            after_s=after,
            code=code,
            reason=reason,
            headers=header_list(headers),
            edit_sdp=checked_edits(edit_sdp),
        )
        self.endpoint.request(command)
        return self

    def hangup(
        self, code: int = 0, *, reason: str = "", headers: HeaderFields | None = None
    ) -> SentRequest | None:
        """End the call, whatever its state; ``code`` refuses a call that was not answered yet.

        A callee must not send BYE before the ACK (RFC 3261 15), so that is waited for. Returns the BYE, to
        wait for its answer; None when the call ends by another message.
        """
        check_text("reason", reason)
        self.wait_until(lambda: self.state is not CallState.CONNECTING, Deadline(ACK_S))
        answered = self.facts.reached(CallState.CONNECTING, CallState.CONFIRMED) is not None
        command = Hangup(call=self.number, code=code, reason=reason, headers=header_list(headers))
        self.endpoint.request(command)
        return SentRequest(self.endpoint, self.facts, "BYE") if answered else None

    def cancel(self, *, headers: HeaderFields | None = None) -> Cancellation:
        """Cancel an INVITE or a re-INVITE without a final response (RFC 3261 section 9).

        The CANCEL waits for a provisional response. The call ends at once on this side; the result's ``wait``
        returns the final response to the INVITE, which may be 200. Raises CallFailed without a pending
        INVITE.
        """
        cancellation = Cancellation(self.endpoint, self.facts)
        self.endpoint.request(Cancel(call=self.number, headers=header_list(headers)))
        return cancellation

    def send_bye(self, *, headers: HeaderFields | None = None) -> SentRequest:
        """End an outgoing call that rings with BYE instead of CANCEL, as a caller may (RFC 3261 15).

        The result's ``wait`` waits for the response to the BYE.
        """
        return self._send("BYE", Hangup(call=self.number, headers=header_list(headers), bye=True))

    def hold(
        self, *, direction: MediaDirection | None = None, headers: HeaderFields | None = None
    ) -> SentRequest:
        """Put the peer on hold by a re-INVITE, as soon as the call is confirmed (RFC 3264 8.4).

        ``direction`` is sendonly or inactive; by default inactive if the peer has put this side on hold,
        otherwise sendonly. The result's ``wait`` waits for the final response.
        """
        held = any(line.direction in HELD for line in self.media if line.type == "audio")
        suitable = MediaDirection.INACTIVE if held else MediaDirection.SENDONLY
        return self.reinvite(direction=direction or suitable, headers=headers)

    def unhold(self, *, headers: HeaderFields | None = None) -> SentRequest:
        """Resume the peer by a re-INVITE; the result's ``wait`` waits for the final response."""
        return self.reinvite(direction=MediaDirection.SENDRECV, headers=headers)

    def reinvite(
        self,
        *,
        direction: MediaDirection | None = None,
        codecs: Sequence[str] = (),
        offer: bool = True,
        rekey: bool = False,
        edit_sdp: Sequence[SdpEdit] = (),
        headers: HeaderFields | None = None,
    ) -> SentRequest:
        """Renegotiate the media by a re-INVITE, as soon as the call is confirmed.

        The result's ``wait`` waits for the final response. ``direction`` and ``codecs`` (in order of
        preference) apply to the offer and to later offers. With ``offer=False`` the peer makes the offer;
        ``rekey`` changes the SRTP keys of this side.

        ``edit_sdp`` has regular expressions (re.MULTILINE) with their replacements, for the sent SDP; its
        lines end in CR LF, and ``.`` matches the CR. The library uses an edited offer too. An edited answer,
        and other m= lines, only go to the peer. The o= line cannot be edited. Raises ConfigError for an edit
        that is invalid, has no match or makes an invalid offer, CallFailed while an offer is pending.
        """
        self.wait(CallState.CONFIRMED, timeout=CONFIRMING_S)
        command = Reinvite(
            call=self.number,
            direction=direction,
            offer=offer,
            codecs=list(codecs),
            rekey=rekey,
            edit_sdp=checked_edits(edit_sdp),
            headers=header_list(headers),
        )
        return self._negotiate("INVITE", command)

    def update(
        self,
        *,
        direction: MediaDirection | None = None,
        codecs: Sequence[str] = (),
        rekey: bool = False,
        edit_sdp: Sequence[SdpEdit] = (),
        headers: HeaderFields | None = None,
    ) -> SentRequest:
        """Negotiate the media anew by an UPDATE (RFC 3311) with an offer; as ``reinvite``, but at once.

        Before the call is answered this takes an offer and an answer in provisional responses;
        CallFailed otherwise.
        """
        command = Update(
            call=self.number,
            direction=direction,
            rekey=rekey,
            codecs=list(codecs),
            edit_sdp=checked_edits(edit_sdp),
            headers=header_list(headers),
        )
        return self._negotiate("UPDATE", command)

    def wait_until(
        self, holds: Callable[[], bool], deadline: Deadline, check: Callable[[], None] = lambda: None
    ) -> bool:
        """Wait on the journal for facts of this call alone; raises at once when its endpoint has failed."""
        subject = self.endpoint.name, "call", self.number
        return self.endpoint.wait_until(holds, deadline, check, subject=subject)

    def wait(self, *states: CallState, timeout: float = 30.0) -> CallState:
        """Wait until the call has reached one of the states; DISCONNECTED when none is given.

        Raises CallFailed when the call ended otherwise, WaitTimeout after ``timeout`` seconds.
        """
        wanted = states or (CallState.DISCONNECTED,)
        names = " or ".join(wanted)

        def still_possible() -> None:
            if self.facts.ended is not None:
                raise CallEnded(f"{self}: waited for {names}, the call ended: {self.facts.ended_text}")

        if not self.wait_until(
            lambda: self.facts.reached(*wanted) is not None, Deadline(timeout), still_possible
        ):
            raise WaitTimeout(f"{self}: not {names} after {timeout:g} s, still {self.state}")
        return self.state

    def send_message(
        self, text: str, *, content_type: str = "text/plain", headers: HeaderFields | None = None
    ) -> SentRequest:
        """Send a MESSAGE (RFC 3428) in the call; the result's ``wait`` waits for the final response."""
        command = SendMessage(
            call=self.number,
            text=text,
            content_type=checked_content_type(content_type, text),
            headers=header_list(headers),
        )
        return self._send("MESSAGE", command)

    def send_options(self, *, headers: HeaderFields | None = None) -> SentRequest:
        """Send OPTIONS (RFC 3261 11) in the call; the result's ``wait`` waits for the final response."""
        return self.send_request("OPTIONS", headers=headers)

    def send_info(
        self, body: str, *, content_type: str = "text/plain", headers: HeaderFields | None = None
    ) -> SentRequest:
        """Send INFO (RFC 6086) in the call; the result's ``wait`` waits for the final response."""
        return self.send_request("INFO", body=body, content_type=content_type, headers=headers)

    def send_request(
        self,
        method: str,
        *,
        body: str = "",
        content_type: str = "",
        headers: HeaderFields | None = None,
    ) -> SentRequest:
        """Send a request of any method in the call; the result's ``wait`` waits for the final response.

        Raises ConfigError for an invalid method, and for a method that has a verb of its own, such as BYE.
        """
        command = SendRequest(
            call=self.number,
            method=checked_method(method, has_verb=OWN_VERBS),
            body=body,
            content_type=checked_content_type(content_type, body),
            headers=header_list(headers),
        )
        return self._send(command.method, command)

    def _negotiate(self, method: str, command: AnyCommand) -> SentRequest:
        """After the answer to an offer of this side; the library makes some itself, to settle on a codec."""

        def send() -> None:
            self.endpoint.wait_until(
                lambda: self.facts.ended is not None or not is_renegotiating(self.facts), Deadline(ANSWERED_S)
            )
            self.endpoint.request(command)

        send()
        return SentRequest(self.endpoint, self.facts, method, again=send)

    def _send(self, method: str, command: AnyCommand) -> SentRequest:
        self.endpoint.request(command)
        return SentRequest(self.endpoint, self.facts, method)


def checked_method(method: str, *, has_verb: Mapping[str, str]) -> str:
    """A valid method; raises ConfigError for an invalid method, and for a method with a verb of its own."""
    if not METHOD.fullmatch(method):
        raise ConfigError(f"{method!r} is not a SIP method; expected one like INFO")
    if method in has_verb:
        raise ConfigError(f"{method} is sent by {has_verb[method]}")
    return method
