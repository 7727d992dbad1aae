"""Interarrival jitter of one RTP stream (RFC 3550 6.4.1, A.8), with detection of restarted timestamps."""

from __future__ import annotations

__all__ = ["Jitter", "ticks_between"]

MOST_NAMED = 10
SHIFT_S = 0.5
"""A change of the transit time (s) from which on either the network or the sender may be the cause."""
BACK_S = 0.1
"""The same limit for timestamps that go back while sequence numbers continue."""
VIDEO = 90_000
"""The clock rate (Hz) of video, whose frames may be sent in another order than they are displayed."""


Timing = tuple[float, int, int, int]
"""The timing of a packet: arrival in seconds, sequence number, timestamp, clock rate in Hz."""


class Jitter:
    """The jitter estimator; feed it the packets in order of arrival.

    Timestamps that go back, or ahead of the elapsed time, have restarted; the change is not jitter. After a
    pause the next packet decides: after a network outage the delayed packets arrive at once, while a sender
    that paused without counting continues at its own pace.
    """

    def __init__(self) -> None:
        self.max_ms = 0.0
        self.restarts = 0
        self.restarted_at: list[int] = []
        """Numbers of the first packets, ten at most."""
        self._last: Timing | None = None
        self._newest: Timing | None = None
        """Of the highest sequence number: a packet that comes late does not set the clock back."""
        self._pending_ms: float | None = None
        self._value_ms = 0.0
        self._sum_ms = 0.0
        self._values = 0

    @property
    def mean_ms(self) -> float:
        """The mean of all jitter values, in ms."""
        return self._sum_ms / self._values if self._values else 0.0

    def forget(self) -> None:
        """Do not compare the next packet with an earlier one."""
        self._last = self._newest = self._pending_ms = None

    def add(self, at: float, sequence: int, timestamp: int, clock_rate: int, number: int) -> None:
        """Add the transit time difference to the previous packet."""
        timing = (at, sequence, timestamp, clock_rate)
        last, self._last = self._last, timing
        newest = self._newest
        if last is None or newest is None or last[3] != clock_rate:
            self._newest, self._pending_ms = timing, None
            return
        goes_on = 0 < (sequence - newest[1]) & 0xFFFF < 1 << 15
        if goes_on:
            self._newest = timing
        then, _, timestamp_before, _ = last
        elapsed_s = at - then
        sent_s = ticks_between(timestamp_before, timestamp) / clock_rate
        change_s = elapsed_s - sent_s
        if -BACK_S < change_s < BACK_S and self._pending_ms is None:  # as most are
            self._take(abs(change_s) * 1000)
            return
        pending_ms, self._pending_ms = self._pending_ms, None
        if pending_ms is not None and elapsed_s < sent_s / 2:
            self._take(pending_ms)
        if goes_on and is_restart(timing, newest):
            self.restarts += 1
            if len(self.restarted_at) < MOST_NAMED:
                self.restarted_at.append(number)
        elif goes_on and change_s > SHIFT_S:
            self._pending_ms = change_s * 1000
        else:
            self._take(abs(change_s) * 1000)

    def _take(self, change_ms: float) -> None:
        value_ms = self._value_ms = self._value_ms + (change_ms - self._value_ms) / 16
        self._sum_ms += value_ms
        self._values += 1
        self.max_ms = max(self.max_ms, value_ms)


def is_restart(timing: Timing, before: Timing) -> bool:
    """Whether no continuous clock has such a step between a packet and the one before it in the sequence."""
    at, _, timestamp, clock_rate = timing
    sent_s = ticks_between(before[2], timestamp) / clock_rate
    change_s = at - before[0] - sent_s
    back_s = SHIFT_S if clock_rate == VIDEO else BACK_S
    return (sent_s < 0 and change_s > back_s) or change_s < -SHIFT_S


def ticks_between(before: int, after: int) -> int:
    """The signed distance between two timestamps, the shorter way around (modulo 2^32)."""
    return (after - before + (1 << 31)) % (1 << 32) - (1 << 31)
