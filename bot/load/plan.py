"""What a load consists of: how many calls, when, how long, and the numbers that decide its verdict."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.errors import ConfigError
from bot.load.arrivals import WHOLE, Arrivals, AtRate, OneAfterAnother, Part, Pattern, Stage

__all__ = ["Length", "Limits", "Plan", "Steps", "percentage"]

NUMBER = r"(\d+(?:\.\d+)?)"
LONGEST_MEANS = 5.0
"""An exponential length is at most this many times its mean: lines must be there for it."""
MOST_LINES = 2000
SETUP_S = 1.5
"""What a line needs besides the length of a call, in seconds: setup, BYE, closing of recordings."""
SPARE = 1.25
DEFAULT_CALLS = 100


@dataclass(frozen=True)
class Length:
    """The length of calls from the answer to the BYE, in seconds: fixed, even between two, or exponential."""

    least_s: float
    most_s: float
    mean_s: float | None = None
    """The mean of an exponential distribution."""

    @classmethod
    def parse(cls, text: str) -> Length:
        """``8``, ``5-10`` or ``exp:30``; raises ConfigError."""
        if found := re.fullmatch(NUMBER, text):
            return cls(float(found[1]), float(found[1]))
        if (found := re.fullmatch(f"{NUMBER}-{NUMBER}", text)) and float(found[1]) <= float(found[2]):
            return cls(float(found[1]), float(found[2]))
        if (found := re.fullmatch(f"exp:{NUMBER}", text)) and float(found[1]) > 0:
            return cls(0.0, LONGEST_MEANS * float(found[1]), float(found[1]))
        raise ConfigError(f"{text!r}: expected seconds such as 8, 5-10 or exp:30")

    def draw(self, source: random.Random) -> float:
        """The length of one call."""
        if self.mean_s is not None:
            return min(self.most_s, source.expovariate(1 / self.mean_s))
        return source.uniform(self.least_s, self.most_s)

    @property
    def usual_s(self) -> float:
        """The mean."""
        return self.mean_s if self.mean_s is not None else (self.least_s + self.most_s) / 2


@dataclass(frozen=True)
class Steps:
    """A target that rises: ``FROM:TO:BY/S``, of the rate, or of the concurrent calls."""

    first: float
    last: float
    by: float
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Steps:
        """``10:200:10/30s``; raises ConfigError."""
        found = re.fullmatch(f"{NUMBER}:{NUMBER}:{NUMBER}/{NUMBER}s?", text)
        numbers = [float(number) for number in found.groups()] if found else []
        if not found or not all(number > 0 for number in numbers) or numbers[0] > numbers[1]:
            raise ConfigError(f"{text!r}: expected FROM:TO:BY/SECONDS, such as 10:200:10/30s")
        return cls(*numbers)

    @property
    def stages(self) -> list[Stage]:
        """One stage for each step."""
        count = math.floor((self.last - self.first) / self.by + 1e-9) + 1
        return [
            Stage(self.first + self.by * index, self.seconds * index, self.seconds * (index + 1))
            for index in range(count)
        ]


@dataclass(frozen=True)
class Limits:
    """The thresholds; None is no limit."""

    max_failures: float = 0.0
    """Largest share of failed calls, 0 to 1."""
    p95_setup_ms: float | None = None
    min_mos: float | None = None
    """Lowest mean of the calls' MOS."""
    max_loss: float | None = None
    """Largest share of lost packets, 0 to 1."""


@dataclass(frozen=True)
class Plan:
    """The load as the user asked for it; raises ConfigError for a contradiction."""

    rate: float | None = None
    concurrency: int | None = None
    calls: int | None = None
    seconds: float | None = None
    ramp_s: float = 0.0
    pattern: Pattern = "constant"
    steps: Steps | None = None
    length: Length = field(default_factory=lambda: Length(8.0, 8.0))
    verify: float = 1.0
    """Share of the calls whose audio is verified, 0 to 1."""
    scenario: str | None = None
    """File with the scenario that each call performs; ``length`` is an estimate then."""
    limits: Limits = field(default_factory=Limits)
    seed: int | None = None
    part: Part = WHOLE
    """What this machine takes of it; ``lines`` are those of this part, all else is of the whole."""

    def __post_init__(self) -> None:
        """Check what contradicts itself."""
        if self.steps is not None and self.rate is not None:
            raise ConfigError("--step and --rate: --step says the rates; remove --rate")
        if self.steps is not None and (self.calls is not None or self.seconds is not None):
            raise ConfigError("--step says how long the load lasts; remove --calls and --for")
        if self.pattern == "poisson" and self.rate is None and not self._steps_of_rate:
            raise ConfigError("--arrivals poisson needs a rate: add --rate R")
        if self.lines > MOST_LINES:
            raise ConfigError(
                f"{self.lines} calls at once are too many for one machine: at most {MOST_LINES}; "
                "lower --rate, --length or --concurrency"
            )

    @property
    def _steps_of_rate(self) -> bool:
        return self.steps is not None and self.concurrency is None

    @property
    def by_rate(self) -> bool:
        """Whether calls begin at a rate."""
        return self.rate is not None or self._steps_of_rate

    @property
    def stages(self) -> Sequence[Stage]:
        """The parts of the load; one without ``steps``."""
        if self.steps is not None:
            return self.steps.stages
        target = self.rate if self.rate is not None else float(self.concurrency or 1)
        return [Stage(target, 0.0, self.seconds if self.seconds is not None else math.inf)]

    @property
    def lines(self) -> int:
        """How many calls may run at once: what ``concurrency`` says, or what the rate and the length need."""
        most, share = max(stage.target for stage in self.stages), self.part.share
        if not self.by_rate:
            return share(math.ceil(most))
        limits = [share(one) for one in (self.concurrency, self.most_calls) if one is not None]
        if self.scenario is not None and self.concurrency is not None:
            return min(limits)
        needed = most / self.part.of * (self.length.usual_s + SETUP_S)
        spread = 3 * math.sqrt(needed) if self.pattern == "poisson" or self.length.mean_s else 0.0
        lines = math.ceil(needed * SPARE + spread) + 2
        return min([lines, *limits])

    @property
    def most_calls(self) -> int | None:
        """Number of calls after which the load ends; None when the time ends it."""
        if self.calls is None and self.seconds is None and self.steps is None:
            return DEFAULT_CALLS if self.by_rate else self.concurrency or 1
        return self.calls

    def arrivals(self) -> Arrivals:
        """The schedule."""
        if self.by_rate:
            return AtRate(
                self.stages,
                pattern=self.pattern,
                calls=self.most_calls,
                ramp_s=self.ramp_s,
                seed=self.seed,
                part=self.part,
            )
        return OneAfterAnother(self.stages, calls=self.most_calls, ramp_s=self.ramp_s, part=self.part)


def percentage(text: str) -> float:
    """``1%`` or ``0.5%`` as a share, 0 to 1; the sign may be left out. Raises ConfigError."""
    found = re.fullmatch(rf"{NUMBER}\s*%?", text.strip())
    if not found or float(found[1]) > 100:
        raise ConfigError(f"{text!r}: expected a percentage from 0% to 100%, such as 0.1%")
    return float(found[1]) / 100
