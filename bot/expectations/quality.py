"""Expectations of the quality of the received audio: packet loss, jitter (RFC 3550), MOS (ITU-T G.107)."""

from __future__ import annotations

from collections.abc import Callable

from bot.deadline import TIMEOUT_S
from bot.expectations.definition import expectation
from bot.expectations.media import MediaExpectation
from bot.expectations.values import JitterMilliseconds, Mos, Percent
from bot.model import MediaState, StreamStats
from bot.ua import quality_of

__all__ = ["QualityExpectation"]


class QualityExpectation(MediaExpectation):
    """Expectations of quality, judged once, as soon as a measurement exists.

    Every ``timeout`` is the time to wait for the first measurement, in seconds. A missing measurement
    fails.
    """

    @expectation("max_loss_pct", option="--expect-loss", metavar="PCT")
    def to_have_loss(self, *, at_most: Percent, timeout: float = TIMEOUT_S) -> None:
        """At most this percentage of the RTP packets sent to this endpoint was lost (RFC 3550 6.4.1)."""

        def loss(line: MediaState, stats: StreamStats) -> float | None:
            expected = stats.rx.packets + (stats.rx.lost or 0)
            return 100 * stats.rx.lost / expected if stats.rx.lost is not None and expected else None

        self._measured(
            "has little loss", loss, lambda value: value <= at_most, f"at most {at_most:g} %", timeout=timeout
        )

    @expectation("max_jitter_ms", option="--expect-jitter", metavar="MS")
    def to_have_jitter(self, *, at_most: JitterMilliseconds, timeout: float = TIMEOUT_S) -> None:
        """The largest interarrival jitter of the received packets is at most this, in ms (RFC 3550 6.4.1)."""
        self._measured(
            "has little jitter",
            lambda line, stats: stats.rx.jitter_ms_max,
            lambda value: value <= at_most,
            f"at most {at_most:g} ms",
            timeout=timeout,
        )

    @expectation("min_mos", option="--expect-mos", metavar="MOS")
    def to_have_mos(self, *, at_least: Mos, timeout: float = TIMEOUT_S) -> None:
        """The listening quality of the received audio is at least this MOS, by the E-model (ITU-T G.107)."""

        def mos(line: MediaState, stats: StreamStats) -> float | None:
            quality = quality_of(self._facts, line, stats)
            return quality.mos_lq if quality is not None else None

        self._measured(
            "has quality",
            mos,
            lambda value: value >= at_least,
            f"MOS of {at_least:g} or more",
            timeout=timeout,
        )

    def _measured(
        self,
        name: str,
        figure: Callable[[MediaState, StreamStats], float | None],
        good: Callable[[float], bool],
        expected: str,
        *,
        timeout: float,
    ) -> None:
        """Judge a counter value once it exists; a value that was not measured fails."""

        def value() -> float | None:
            line = self._facts.audio()
            stats = self._facts.stats(line.index) if line is not None else None
            return (
                figure(line, stats) if line is not None and stats is not None and stats.rx.packets else None
            )

        found = self._measure_until(lambda line, stats: value() is not None, timeout)
        measured = value()
        why = "" if found else self._ended() or f"waited {timeout:g} s"
        unit = {"%": " %", "ms": " ms"}.get(expected.rpartition(" ")[2], " MOS")
        observed = f"{measured:.2f}{unit}" if measured is not None else f"not measured, {self._media()}"
        self._decide(name, measured is not None and good(measured), expected, observed, why=why)
