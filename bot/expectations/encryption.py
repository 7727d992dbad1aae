"""Expectations of SRTP: encryption, crypto suite, and agreement with the negotiation (RFC 4568)."""

from __future__ import annotations

from bot.deadline import TIMEOUT_S, Deadline
from bot.expectations.definition import expectation
from bot.expectations.media import MediaExpectation
from bot.expectations.names import named
from bot.model import CryptoSuite, Keying, MediaState

__all__ = ["EncryptionExpectation"]


class EncryptionExpectation(MediaExpectation):
    """Expectations of SRTP; every ``timeout`` is in seconds."""

    @expectation("encrypted", parameter=None, negative="not_to_be_encrypted")
    @expectation("suite", value=CryptoSuite, option="--expect-suite", metavar="NAME")
    @expectation(
        "keying",
        parameter="keying",
        value=Keying,
        option="--expect-keying",
        metavar="sdes|dtls",
        description="The audio stream runs SRTP with keys from this key exchange.",
    )
    def to_be_encrypted(
        self,
        suite: str | CryptoSuite | None = None,
        *,
        keying: str | Keying | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """The audio stream runs SRTP, with this suite, and offer, answer and library agree on it.

        When packets have arrived, one of them at least must have been authentic. ``keying`` is the key
        exchange: SDES (RFC 4568), or DTLS (RFC 5763), which has checked the fingerprints.
        """
        wanted = named(CryptoSuite, suite, "crypto suite") if suite is not None else None
        by = named(Keying, keying.lower(), "key exchange") if keying is not None else None

        def right() -> bool:
            line = self._facts.audio()
            if line is None or line.suite is None or self._facts.suite_disagreement(line):
                return False
            as_wanted = by in {None, self._facts.keying(line)} and wanted in {None, line.suite}
            return as_wanted and not self._none_authentic()

        def wrong() -> str | None:
            line = self._facts.audio()
            if line is None or not self._facts.settled:
                return self._ended()
            if disagreement := self._facts.suite_disagreement(line):
                return disagreement
            if line.handshake == "running":
                return self._ended()
            if wanted in {None, line.suite} and self._none_authentic():
                return "no received packet was authentic"
            return f"the stream runs {self._runs(line)}"

        deadline = Deadline(timeout)
        self._wait_for_authentic(deadline)
        expected = f"{wanted or 'SRTP'}{f' keyed by {by.upper()}' if by else ''}"
        self._await("is encrypted", expected, self._suite, right, timeout=deadline.left, hopeless=wrong)

    def to_agree_on_encryption(self, *, timeout: float = TIMEOUT_S) -> None:
        """Offer and answer agree on SRTP or on plain RTP (RFC 4568 5.1.2), and so does the library."""

        def fault() -> str | None:
            line = self._facts.audio()
            crypto = self._facts.crypto(line.index if line is not None else 0)
            return self._facts.suite_disagreement(line) if line is not None else crypto.disagreement

        self._await(
            "agrees on encryption",
            "an answer that fits the offer",
            lambda: fault() or self._suite(),
            lambda: self._facts.settled and fault() is None,
            timeout=timeout,
            hopeless=lambda: (fault() if self._facts.settled else None) or self._ended(),
        )

    def not_to_be_encrypted(self, *, timeout: float = TIMEOUT_S) -> None:
        """The audio stream runs plain RTP, and the answer does not say that it is RTP/SAVP."""

        def promised() -> bool:
            line = self._facts.audio()
            return line is not None and "SAVP" in (self._facts.profile(line.index) or "").upper()

        def right() -> bool:
            line = self._facts.audio()
            return line is not None and line.suite is None and not promised()

        def wrong() -> str | None:
            line = self._facts.audio()
            if line is not None and line.suite is None and promised():
                return "the answer says RTP/SAVP, and the stream runs plain RTP"
            return f"the stream runs {line.suite}" if line is not None else self._ended()

        self._await("is not encrypted", "plain RTP", self._suite, right, timeout=timeout, hopeless=wrong)

    def _suite(self) -> str:
        line = self._facts.audio()
        if line is None:
            return f"no media, {self._state()}"
        crypto = self._facts.crypto(line.index)
        offered = ", ".join(crypto.offered) or "nothing"
        disagreement = self._facts.suite_disagreement(line)
        negotiated = f"offered {offered}; answered {crypto.answered or 'nothing'}"
        if self._facts.dtls(line.index) is not None:
            negotiated = f"DTLS, {self._facts.role(line.index)}"
        why = f"; {disagreement}" if disagreement else ""
        return f"{self._runs(line)} ({negotiated}){why}{self._refusals()}"

    def _runs(self, line: MediaState) -> str:
        """The protection of the stream, in words."""
        if line.suite is None:
            return "nothing until its DTLS handshake ends" if line.handshake == "running" else "plain RTP"
        return f"{line.suite}{' keyed by DTLS' if self._facts.keying(line) is Keying.DTLS else ''}"
