"""What scenarios expect of a call beyond ``bot.expectations``: whose header, times, quality, absence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.deadline import Deadline
from bot.expectations import CallExpectation, compiled
from bot.message_kind import MessageKind
from bot.messages_seen import MessagesSeen
from bot.model import CallState, EndedBy, StreamStats
from bot.record import TracedMessage
from bot.report.result import quality_of

__all__ = ["CallWatch"]

RINGING, FINAL, REFUSED = 180, 200, 300


class CallWatch(CallExpectation):
    """Every ``timeout`` is in seconds, every time in ms since the INVITE was sent, or received."""

    # ---- signalling

    def to_reach(self, state: str, *, timeout: float) -> None:
        """The call has been, or gets, in this state."""
        wanted = CallState(state.upper())
        self._reach(f"reaches {wanted}", wanted, (wanted,), timeout)

    def to_have_audio(self, active: bool, *, timeout: float) -> None:
        """An audio stream runs, in any direction; or there is one, and it does not run."""

        def right() -> bool:
            lines = [line.active for line in self._known.media if line.type == "audio"]
            return any(lines) if active else bool(lines) and not any(lines)

        word = "active" if active else "inactive"
        self._await(
            f"has {word} media", f"audio, {word}", self._media, right, timeout=timeout, hopeless=self._ended
        )

    def to_see_response(self, code: int, *, timeout: float) -> None:
        """A response of this code to the INVITE was, or is, sent or received."""
        self._await(
            f"has a {code} response",
            str(code),
            self._responses,
            lambda: self._known.response_after_ms(code, code) is not None,
            timeout=timeout,
            hopeless=self._ended,
        )

    def to_show_header(
        self,
        name: str,
        pattern: str | Sequence[str],
        *,
        within: str | None,
        whose: EndedBy,
        timeout: float,
    ) -> None:
        """Messages of that side have header fields of that name in which each pattern is found."""
        patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        wanted = [compiled(one) for one in patterns]
        seen = MessagesSeen(self._known, within, sent=whose is EndedBy.LOCAL)
        self._await(
            f"has header in {seen}",
            f"{name}: " + ", ".join(f"/{one}/" for one in patterns),
            lambda: seen.described(name),
            lambda: all(any(one.search(value) for value in seen.values(name)) for one in wanted),
            timeout=timeout,
            hopeless=lambda: seen.no_more(self._ended()),
        )

    def _responses(self) -> str:
        codes = [
            str(one.message.status) for one in self._known.messages if one.message.cseq_method == "INVITE"
            and one.message.status
        ]  # fmt: skip
        return ", ".join(dict.fromkeys(codes)) or f"no response, {self._state()}"

    # ---- time

    def to_respond_within(self, name: str, limits: tuple[float, float], *, timeout: float) -> None:
        """The first ringing (18x) or answering (2xx) response comes between these times."""
        low, high = (RINGING, RINGING + 9) if name == "ringing" else (FINAL, REFUSED - 1)
        least, most = limits

        def after() -> float | None:
            return self._known.response_after_ms(low, high)

        self._call.host.wait_until(
            lambda: after() is not None or self._ended() is not None, Deadline(timeout)
        )
        at = after()
        expected = f"within {most:g} ms" if least <= 0 else f"not before {least:g} ms"
        observed = f"after {at:.1f} ms" if at is not None else f"not {name}, {self._state()}"
        self._decide(f"is {name} in time", at is not None and least <= at <= most, expected, observed)

    def not_to_have_media_before(self, code: int, media_since: float | None, *, timeout: float) -> None:
        """A response of this code came, and the media was not active before it."""

        def response() -> TracedMessage | None:
            answers = (one for one in self._known.messages if MessageKind(f"{code} INVITE").fits(one.message))
            return next(answers, None)

        self._call.host.wait_until(
            lambda: response() is not None or self._ended() is not None, Deadline(timeout)
        )
        found = response()
        if found is None:
            passed, observed = False, f"no {code} came: {self._responses()}"
        elif media_since is None:
            passed, observed = True, "no media was active"
        else:
            late = 1000 * (media_since - found.at)
            passed, observed = (
                late >= 0,
                f"media {abs(late):.1f} ms {'after' if late >= 0 else 'before'} the {code}",
            )
        self._decide(f"has no media before {code}", passed, f"no media before {code}", observed)

    # ---- quality

    def to_have_lost_at_most(self, percent: float) -> None:
        """Of the RTP packets that were sent to it, at most so many per cent did not arrive."""

        def loss(stats: StreamStats) -> float | None:
            expected = stats.rx.packets + (stats.rx.lost or 0)
            return 100 * stats.rx.lost / expected if stats.rx.lost is not None and expected else None

        self._measured("has little loss", loss, lambda value: value <= percent, f"at most {percent:g} %", "%")

    def to_have_jitter_at_most(self, ms: float) -> None:
        """The largest interarrival jitter (RFC 3550 6.4.1) of what it received."""
        self._measured(
            "has little jitter",
            lambda stats: stats.rx.jitter_ms_max,
            lambda value: value <= ms,
            f"at most {ms:g} ms",
            "ms",
        )

    def to_have_mos(self, least: float) -> None:
        """The listening quality of what it received, by the E-model (ITU-T G.107)."""

        def mos(stats: StreamStats) -> float | None:
            line = self._known.audio()
            quality = quality_of(line, stats) if line is not None else None
            return quality.mos_lq if quality is not None else None

        self._measured("has quality", mos, lambda value: value >= least, f"MOS of {least:g} or more", "MOS")

    def _measured(
        self,
        name: str,
        figure: Callable[[StreamStats], float | None],
        good: Callable[[float], bool],
        expected: str,
        unit: str,
    ) -> None:
        """Judge a figure of the counters as they are now; one that was not measured has failed."""
        self._call.measure()
        line = self._known.audio()
        stats = self._known.stats(line.index) if line is not None else None
        value = figure(stats) if stats is not None and stats.rx.packets else None
        observed = f"{value:.2f} {unit}" if value is not None else f"not measured, {self._media()}"
        self._decide(name, value is not None and good(value), expected, observed)

    # ---- absence

    def not_to_have_media(self, *, during: float) -> None:
        """No stream was active until now, nor becomes so."""
        self._absent(
            "has no media", "no active media", lambda: bool(self._known.last_active), self._media, during
        )

    def not_to_reach(self, state: str, *, during: float) -> None:
        """The call has not been in this state, nor gets there."""
        wanted = CallState(state.upper())
        self._absent(
            f"never reaches {wanted}",
            f"never {wanted}",
            lambda: self._known.reached(wanted) is not None,
            lambda: " ".join(one.state for one in self._known.states),
            during,
        )

    def not_to_see_response(self, code: int, *, during: float) -> None:
        """No response of this code to the INVITE was sent or received, nor is."""
        self._absent(
            f"has no {code} response",
            f"no {code}",
            lambda: self._known.response_after_ms(code, code) is not None,
            self._responses,
            during,
        )

    def not_to_receive_dtmf(self, *, during: float) -> None:
        """No digit has arrived in a call that is or was up, nor arrives."""
        self._call.host.wait_until(lambda: bool(self._known.received), Deadline(during))
        self.not_to_have_received_dtmf()

    def _absent(
        self, name: str, expected: str, there: Callable[[], bool], observe: Callable[[], str], during: float
    ) -> None:
        present = self._call.host.wait_until(there, Deadline(during))
        self._decide(name, not present, expected, observe())
