"""When calls begin: at a rate (open model), or as soon as an earlier one has ended (closed model).

Each line, which places one call after another, asks for its next time. At a rate all lines share one
schedule: whichever line is free takes the next time of it. So the times do not depend on how long the calls
take, as long as a line is free; a time that passed without one is counted as missed, and never made up for
by a burst. All times are seconds on the monotonic clock.

Several machines share a load without asking each other: all of them have the whole schedule, and each takes
every n-th time, call number and line of it.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["WHOLE", "Arrivals", "AsAsked", "AtRate", "Due", "OneAfterAnother", "Part", "Stage"]

LATE_S = 0.25
"""A call that begins this much after its time was not placed in time."""
AGAIN_S = 0.5
"""A line begins its calls this far apart at least: refused calls do not become a flood."""
FIRST_S = 0.05
"""The lines of a closed model begin this far apart at least: 20 calls a second."""

Pattern = Literal["constant", "poisson"]


@dataclass(frozen=True)
class Stage:
    """A part of the load with one target: calls per second, or concurrent calls."""

    target: float
    begin_s: float
    """Seconds after the start of the load."""
    end_s: float = math.inf


@dataclass(frozen=True)
class Part:
    """What one machine takes of a load: every ``of``-th, from ``index`` on (from 0)."""

    index: int = 0
    of: int = 1

    def has(self, place: int) -> bool:
        """Whether a place in the whole, from 0, is in this part."""
        return place % self.of == self.index

    def place(self, own: int) -> int:
        """The place in the whole of the ``own``-th of this part, both from 0."""
        return own * self.of + self.index

    def share(self, count: int) -> int:
        """How many of ``count`` are in this part."""
        return len(range(self.index, count, self.of))


WHOLE = Part()


@dataclass(frozen=True)
class Due:
    """The time of a call, its number from 1, and the stage that it belongs to."""

    at: float
    number: int
    stage: int


class Arrivals(Protocol):
    """The schedule of a load."""

    missed: int
    """Calls that were due while no line was free."""

    def begin(self, now: float) -> None:
        """Start the schedule."""

    def take(self, line: int, now: float) -> Due | None:
        """The next call of a line; None when there is none any more."""

    def stop(self) -> None:
        """Let no further call begin."""


class _Schedule:
    """What all schedules have: an end by number, time, or ``stop``."""

    def __init__(self, stages: Sequence[Stage], *, calls: int | None, ramp_s: float, part: Part) -> None:
        self.missed = 0
        self._part = part
        self.stages = tuple(stages)
        self._calls = calls
        self._ramp_s = ramp_s
        self._taken = 0
        self._begun = 0.0
        self._stopped = False
        self._lock = threading.Lock()

    def begin(self, now: float) -> None:
        """Start the schedule."""
        self._begun = now

    def stop(self) -> None:
        """Let no further call begin."""
        with self._lock:
            self._stopped = True

    def stage_at(self, passed_s: float) -> int | None:
        """The index of the stage at this time; None after the last."""
        return next((index for index, stage in enumerate(self.stages) if passed_s < stage.end_s), None)

    def _numbered(self, passed_s: float) -> Due | None:
        """The next call, at this time; None when it is too late or one too many."""
        stage = self.stage_at(passed_s)
        number = self._part.place(self._taken) + 1
        if stage is None or self._stopped or (self._calls is not None and number > self._calls):
            return None
        self._taken += 1
        return Due(self._begun + passed_s, number, stage)


class AtRate(_Schedule):
    """Calls at a rate, evenly or with exponential gaps (a Poisson process); in ``ramp_s`` it grows from 0."""

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        pattern: Pattern = "constant",
        calls: int | None = None,
        ramp_s: float = 0.0,
        seed: int | None = None,
        part: Part = WHOLE,
    ) -> None:
        super().__init__(stages, calls=calls, ramp_s=ramp_s, part=part)
        self._random = random.Random(seed)
        self._pattern = pattern
        self._place = 0
        self._passed = 0.0 if pattern == "constant" else self._after(0.0)

    def take(self, line: int, now: float) -> Due | None:
        """The next time of the schedule that has not passed."""
        with self._lock:
            while not (own := self._part.has(self._place)) or self._begun + self._passed < now - LATE_S:
                if self.stage_at(self._passed) is None or self._stopped:
                    return None
                self._advance()
                self.missed += own
            due = self._numbered(self._passed)
            self._advance()
            return due

    def _advance(self) -> None:
        """Go on to the next time of the schedule."""
        self._passed = self._after(self._passed)
        self._place += 1

    def _after(self, passed_s: float) -> float:
        """The time of the call after one at ``passed_s``."""
        calls = 1.0 if self._pattern == "constant" else self._random.expovariate(1.0)
        stage = self.stage_at(passed_s)
        rate = self.stages[stage if stage is not None else -1].target
        if passed_s >= self._ramp_s:
            return round(passed_s + calls / rate, 9)  # ten times 0.1 s are a second
        # In a ramp, rate * t**2 / (2 * ramp) calls have begun after t seconds.
        return min(
            math.sqrt(passed_s**2 + 2 * calls * self._ramp_s / rate),
            max(passed_s, self._ramp_s) + calls / rate,
        )


class OneAfterAnother(_Schedule):
    """As many calls at once as the stage says; the lines begin evenly within ``ramp_s``."""

    def __init__(
        self, stages: Sequence[Stage], *, calls: int | None = None, ramp_s: float = 0.0, part: Part = WHOLE
    ) -> None:
        super().__init__(stages, calls=calls, ramp_s=ramp_s, part=part)
        self._began: dict[int, float] = {}

    def take(self, line: int, now: float) -> Due | None:
        """Now, or for the first call of a line the time at which its stage wants it."""
        with self._lock:
            passed = now - self._begun
            earliest = self._began[line] + AGAIN_S if line in self._began else self._first(line)
            if earliest is None:
                return None
            self._began[line] = passed = max(passed, earliest)
            return self._numbered(passed)

    def _first(self, line: int) -> float | None:
        """When the line begins, in seconds; None if no stage has so many."""
        before = 0.0
        for stage in self.stages:
            if line < stage.target:
                place = line - before
                apart = max(self._ramp_s / stage.target if not stage.begin_s else 0.0, FIRST_S)
                return stage.begin_s + place * apart
            before = stage.target
        return None


class AsAsked(_Schedule):
    """Calls begin when a line asks: something else, such as the users of a locustfile, decides when."""

    def __init__(self, part: Part = WHOLE) -> None:
        super().__init__([Stage(0.0, 0.0)], calls=None, ramp_s=0.0, part=part)

    def take(self, line: int, now: float) -> Due | None:
        """Now."""
        with self._lock:
            return self._numbered(now - self._begun)
