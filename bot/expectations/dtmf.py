"""Expectations of received DTMF digits: digits, method, duration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import ConfigError
from bot.expectations.definition import Companion, expectation
from bot.expectations.media import MediaExpectation
from bot.expectations.names import named
from bot.expectations.values import DigitMilliseconds
from bot.model import HIDDEN, CallState, DtmfMethod
from bot.ua import Digit, inband_warnings

__all__ = ["LEAST_DIGIT_MS", "DigitLimits", "DtmfExpectation"]

RECEIVED = f"0123456789ABCD*#{HIDDEN}"
EXPECTED = "expected 0-9, A-D, *, # and x for a secret digit"
DIGIT_KEYS = {
    "method": Companion(
        DtmfMethod,
        "DTMF method of the digits.",
        option="--expect-dtmf-method",
        option_default="any; inband implies --detect-inband",
    ),
    "min_digit_ms": Companion(
        DigitMilliseconds,
        "Shortest duration of each expected digit, in ms.",
        option="--min-digit-ms",
        metavar="MS",
        option_default="telephone-events: 40",
    ),
    "max_digit_ms": Companion(
        DigitMilliseconds,
        "Longest duration of each expected digit, in ms.",
        option="--max-digit-ms",
        metavar="MS",
        option_default="no limit",
    ),
    "allow_unended": Companion(
        bool,
        "Accept telephone-events without the end bit (RFC 4733 section 2.3.5).",
        option="--allow-unended-digits",
    ),
}
LEAST_DIGIT_MS = 40.0
"""Minimum tone duration that a receiver has to accept, in ms (ITU-T Q.24, table A-1)."""


def shown_digits(digits: str) -> str:
    """Digits in the journal's form: upper case, a secret digit as a small ``x``.

    Raises ConfigError for a character that is never received.
    """
    shown = digits.upper().replace(HIDDEN.upper(), HIDDEN)
    wrong = shown.strip(RECEIVED)
    if wrong:
        hint = "; a pause is not received" if wrong[0] == "," else ""
        raise ConfigError(f"DTMF digits {digits!r}: {wrong[0]!r} is not one{hint}; {EXPECTED}")
    return shown


@dataclass(frozen=True)
class DigitLimits:
    """Limits of the digit duration in ms, and whether a missing end is allowed; raises ConfigError."""

    least_ms: float | None = None
    most_ms: float | None = None
    unended: bool = False

    def __post_init__(self) -> None:
        least, most = self.least_ms or 0.0, self.most_ms
        if least < 0 or (most is not None and most < max(least, 1.0)):
            raise ConfigError(f"no digit lasts at least {least:g} ms and at most {most or 0:g} ms")

    def fault(self, digit: Digit) -> str | None:
        """The fault of a digit; a digit by SIP INFO need not state its duration."""
        if digit.duration_ms is None:
            lacks_end = digit.method is DtmfMethod.RFC4733 and not self.unended
            return f"digit {digit.digit} has no end" if lacks_end else None
        least = LEAST_DIGIT_MS if self.least_ms is None else self.least_ms
        if digit.duration_ms < least and (self.least_ms is not None or digit.method is DtmfMethod.RFC4733):
            return f"digit {digit.digit} lasted {digit.duration_ms:g} ms, less than {least:g} ms"
        if self.most_ms is not None and digit.duration_ms > self.most_ms:
            return f"digit {digit.digit} lasted {digit.duration_ms:g} ms, more than {self.most_ms:g} ms"
        return None

    def unfinished(self, digits: list[Digit]) -> bool:
        """Whether the end of a digit may still arrive."""
        return not self.unended and any(
            digit.duration_ms is None and digit.method is DtmfMethod.RFC4733 for digit in digits
        )


def check_digits(
    digits: str, *, min_digit_ms: float | None = None, max_digit_ms: float | None = None
) -> None:
    """Raise ConfigError for digits that are never received, and for contradictory limits."""
    shown_digits(digits)
    DigitLimits(min_digit_ms, max_digit_ms)


class DtmfExpectation(MediaExpectation):
    """Expectations of digits; every ``timeout`` is in seconds."""

    @expectation("dtmf", check=check_digits, also=DIGIT_KEYS, option="--expect-dtmf", metavar="DIGITS")
    def to_have_received_dtmf(
        self,
        digits: str,
        *,
        method: str | DtmfMethod | None = None,
        min_digit_ms: float | None = None,
        max_digit_ms: float | None = None,
        allow_unended: bool = False,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """Exactly these digits were received so far, in this order; ``x`` is a secret digit.

        In-band digits are judged separately from signalled digits, because many peers send both. Without
        a method they count only where none was signalled. A digit lasts ``min_digit_ms`` (telephone-events:
        40 by default, ITU-T Q.24) to ``max_digit_ms``; a telephone-event without the end bit (RFC 4733
        2.3.3) fails unless ``allow_unended``. Raises ConfigError when in-band digits are asked for and nobody
        listens for them, and for a method or limits that make no sense.
        """
        wanted = named(DtmfMethod, method, "method") if method is not None else None
        digits = shown_digits(digits)
        limits = DigitLimits(min_digit_ms, max_digit_ms, allow_unended)
        facts = self._facts
        if wanted is DtmfMethod.INBAND and not facts.listens:
            raise ConfigError(f"{self._call} does not listen for in-band digits; call.listen() first")

        def received() -> list[Digit]:
            inband = [digit for digit in facts.received if digit.method is DtmfMethod.INBAND]
            signalled = [digit for digit in facts.received if digit.method is not DtmfMethod.INBAND]
            return inband if wanted is DtmfMethod.INBAND or not (wanted or signalled) else signalled

        def arrived() -> str:
            return "".join(one.digit for one in received())

        def fault() -> str | None:
            return next(filter(None, map(limits.fault, received())), None)

        def missed() -> list[str]:
            audible = wanted in {None, DtmfMethod.INBAND} and arrived() != digits
            return inband_warnings(facts) if audible else []

        def right() -> bool:
            same = arrived() == digits and all(wanted in {None, one.method} for one in received())
            return same and fault() is None

        def wrong() -> str | None:
            if not digits.startswith(arrived()):
                return "other digits arrived"
            if wanted is not None and any(one.method is not wanted for one in received()):
                return "a digit came by another method"
            return self._ended() or (None if limits.unfinished(received()) else fault())

        by = f" by {wanted}" if wanted else ""
        self._await(
            "has received DTMF",
            f"{digits!r}{by}",
            lambda: self._digits(fault(), missed=missed()),
            right,
            timeout=timeout,
            hopeless=wrong,
        )

    @expectation("no_dtmf")
    def not_to_have_received_dtmf(self, *, during: float = 0.0) -> None:
        """No digit was received, or is received in the next ``during`` seconds.

        The call has to be confirmed now or before. A digit with a payload type that was not negotiated counts
        as received.
        """
        self._endpoint.wait_until(lambda: bool(self._facts.received), Deadline(during))
        decided = (CallState.CONFIRMED, CallState.DISCONNECTED)
        self._call.endpoint.wait_until(lambda: self._facts.reached(*decided) is not None, Deadline(TIMEOUT_S))
        was_up = self._facts.reached(CallState.CONFIRMED) is not None
        observed = self._digits() if was_up else f"never confirmed, {self._state()}"
        none = not self._facts.received and not self._unoffered()
        self._decide("has received no DTMF", was_up and none, "no digits", observed)

    def _digits(self, fault: str | None = None, *, missed: Sequence[str] = ()) -> str:
        received = self._facts.received
        methods = ", ".join(dict.fromkeys(digit.method for digit in received))
        texts = [f"{self._facts.digits!r} by {methods}" if received else "no digits"]
        texts += [*([fault] if fault else []), *missed]
        texts += [
            f"{digits!r} came as telephone-events under payload type {number}, which was not negotiated for "
            f"them; set telephone_event: {number} to offer it"
            for number, digits in self._unoffered().items()
        ]
        return "; ".join(texts)

    def _unoffered(self) -> dict[str, str]:
        """Digits with a payload type that was not negotiated; counted again while the call is active."""
        if self._facts.ended is None and self._facts.audio() is not None:
            self._call.measure()
        rx = self._received()
        return rx.unoffered_digits or {} if rx is not None else {}
