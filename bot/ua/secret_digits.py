"""Redaction of secret DTMF digits, such as a PIN.

The digits are replaced before an event reaches the journal, so that no derived data have them. Only the
callback ``on_dtmf`` gets the real digit.
"""

from __future__ import annotations

import re
from enum import Enum, auto

import msgspec

from bot.ipc import AnyEvent, DtmfReceived, DtmfReleased, SipReceived, SipSent, StreamMeasured
from bot.model import HIDDEN, DtmfMethod, StreamStats
from bot.sip import REDACTED, Message

__all__ = ["SecretDigits", "redact_info"]

_BODY = re.compile(r"\r?\n\r?\n")
_DIGIT = r"[0-9A-D*#!]"
_IN_A_BODY = (
    # application/dtmf-relay, application/vnd.nortelnetworks.digits
    re.compile(
        r"(^[ \t]*(?:Signal|Digits?|d|Event)[ \t]*[=:][ \t]*(?:Digits?[ \t]*=[ \t]*)?)[^\s]+", re.I | re.M
    ),
    # application/dtmf: the digit alone, or its event code
    re.compile(rf"(^[ \t]*){_DIGIT}{{1,64}}(?=[ \t]*\r?$)", re.I | re.M),
    # application/kpml-response+xml (RFC 4730)
    re.compile(r"(\bdigits[ \t]*=[ \t]*[\"'])[^\"']*", re.I),
)


def redact_info(text: str) -> str:
    """A request, without the digits in its body, in whatever form they are."""
    gap = _BODY.search(text)
    if gap is None:
        return text
    body = text[gap.end() :]
    for form in _IN_A_BODY:
        body = form.sub(rf"\g<1>{REDACTED}", body)
    return text[: gap.end()] + body


class Mode(Enum):
    """Which digits are shown."""

    SHOW = auto()
    HIDE = auto()
    SHOW_AWAITED = auto()


class SecretDigits:
    """Which digits of one call are secret from now on; it begins with ``secret``."""

    def __init__(self, secret: bool = False) -> None:
        self._mode = Mode.HIDE if secret else Mode.SHOW
        self._received_digits = self._acted_on = 0
        self._ever = self._hid = secret
        self._sends = False
        self._hidden_cseq = -1
        """The number of the last INFO that was received and redacted: it may come again later."""
        self._begun: dict[tuple[str, DtmfMethod], str] = {}
        """The shown digit at the start of a digit."""
        self.pressed = ""
        """The last digit that was received, as it was pressed."""

    @property
    def secret(self) -> bool:
        """Whether a digit that comes now is secret."""
        is_early = self._received_digits > self._acted_on
        return self._mode is Mode.HIDE or (self._mode is Mode.SHOW_AWAITED and is_early)

    @property
    def in_recordings(self) -> bool:
        """Whether recordings of the call may have the tones of secret digits."""
        return self._hid

    def hide(self) -> None:
        """All digits from now on are secret."""
        self._mode, self._ever, self._hid = Mode.HIDE, True, True

    def show(self) -> None:
        """No digit is secret from now on."""
        self._mode = Mode.SHOW

    def show_awaited(self) -> None:
        """A digit is secret when it comes before ``acted_on`` was called for all those before it.

        For a dialogue in which any digit may lead to a question for a secret.
        """
        self._mode, self._ever = Mode.SHOW_AWAITED, True

    def acted_on(self) -> None:
        """The callback for one of the digits has returned."""
        self._acted_on += 1

    def sends(self) -> None:
        """Secret digits are about to be sent: no INFO that leaves shows digits from now on."""
        self._sends = self._hid = True

    def shown(self, event: AnyEvent) -> AnyEvent:
        """The event as everybody may see it."""
        match event:
            case DtmfReceived():
                return self._received(event)
            case DtmfReleased():
                shown = self._begun.get((event.digit, event.method), HIDDEN if self.secret else event.digit)
                return msgspec.structs.replace(event, digit=shown)
            case SipReceived() if self._ever and event.text.startswith("INFO "):
                return self._info_received(event)
            case SipSent() if self._sends and event.text.startswith("INFO "):
                return msgspec.structs.replace(event, text=redact_info(event.text))
            case StreamMeasured() if self._ever:
                return msgspec.structs.replace(event, stats=without_digits(event.stats))
            case _:
                return event

    def _received(self, event: DtmfReceived) -> DtmfReceived:
        self.pressed = event.digit
        shown = HIDDEN if self.secret else event.digit
        self._hid = self._hid or self.secret
        self._received_digits += 1
        self._begun[event.digit, event.method] = shown
        return msgspec.structs.replace(event, digit=shown)

    def _info_received(self, event: SipReceived) -> SipReceived:
        number = cseq_of(event.text)
        if not self.secret and number > self._hidden_cseq:
            return event
        self._hidden_cseq = max(number, self._hidden_cseq)
        return msgspec.structs.replace(event, text=redact_info(event.text))


def cseq_of(text: str) -> int:
    """The CSeq number; 0 without CSeq."""
    try:
        cseq = Message.parse(text).cseq
    except ValueError:
        return 0
    return cseq[0] if cseq is not None else 0


def without_digits(stats: StreamStats) -> StreamStats:
    """The counters with ``x`` for the digits of payload types that were not negotiated."""
    digits_by_type = stats.rx.unoffered_digits
    if not digits_by_type:
        return stats
    hidden = {number: HIDDEN * len(digits) for number, digits in digits_by_type.items()}
    return msgspec.structs.replace(stats, rx=msgspec.structs.replace(stats.rx, unoffered_digits=hidden))
